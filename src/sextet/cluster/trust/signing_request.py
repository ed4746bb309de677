"""How does a peer ask an authority for its certificate? A new key and a signing request with the names of the cluster.

Names as the original asks for them (facts 9.1): in a cluster the common name is the cluster's or, by choice, the
peer's, and the alternative names are both; a system by itself asks for its own name alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sextet.model.schema import Problem, Refused

KEYS = ("RSA 2048", "RSA 4096", "EC P-256", "EC P-384", "EC P-521")
DIGESTS = ("SHA-256", "SHA-384", "SHA-512")
COMMON_NAMES = ("cluster", "peer")
COMMON_NAME_MAX = 64  # RFC 5280 appendix A: ub-common-name
NAMES_MAX = 100  # alternative names of one certificate; real ones have a few
SUBJECT_MAX = 64  # RFC 5280 appendix A: ub-organization-name and its kin
FQDN_MAX = 253
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_FQDN = re.compile(rf"(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?")
_EXPONENT = 65537
_CURVES: dict[str, ec.EllipticCurve] = {
    "EC P-256": ec.SECP256R1(),
    "EC P-384": ec.SECP384R1(),
    "EC P-521": ec.SECP521R1(),
}
_HASHES: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}
_SUBJECT = {
    "country": NameOID.COUNTRY_NAME,
    "state": NameOID.STATE_OR_PROVINCE_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
}

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an administrator chooses for a request; empty fields of the subject are left out."""

    common_name: str = "cluster"  # or "peer"
    more_names: tuple[str, ...] = ()
    key: str = "RSA 4096"
    digest: str = "SHA-256"
    reuse_key: bool = False  # that of the certificate in use
    country: str = ""
    state: str = ""
    locality: str = ""
    organization: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a certificate of this peer has to be for."""

    peer: str  # its FQDN; empty while it has none
    cluster: str = ""  # empty where there is no cluster
    clustered: bool = False


def is_fqdn(name: str) -> bool:
    """Say whether a name is fully qualified: no bare host name, no address, no wildcard."""
    return len(name) <= FQDN_MAX and _FQDN.fullmatch(name) is not None


def problems(wish: Wish, names: Names) -> list[Problem]:
    """Find everything that keeps a request from being made."""
    found = [
        Problem(field, f"{field.replace('_', ' ')} is one of {', '.join(allowed)}, not {value!r}.")
        for field, value, allowed in (
            ("common_name", wish.common_name, COMMON_NAMES),
            ("key", wish.key, KEYS),
            ("digest", wish.digest, DIGESTS),
        )
        if value not in allowed
    ]
    if not is_fqdn(names.peer):
        sentence = f"This peer has no FQDN ({names.peer!r}); set host name and domain on System > DNS."
        found.append(Problem("common_name", sentence))
    if names.clustered and not is_fqdn(names.cluster):
        sentence = f"The cluster name {names.cluster!r} is no FQDN; correct it on System > Clustering."
        found.append(Problem("common_name", sentence))
    elif not found and len(common_name(wish, names)) > COMMON_NAME_MAX:
        sentence = f"{common_name(wish, names)} is longer than {COMMON_NAME_MAX} characters; choose the other name."
        found.append(Problem("common_name", sentence))
    found += [
        Problem("more_names", f"{name!r} is no FQDN; write names such as conf.example.com.")
        for name in wish.more_names
        if not is_fqdn(name)
    ]
    if len(wish.more_names) > NAMES_MAX:
        found.append(Problem("more_names", f"{len(wish.more_names)} names are given; at most {NAMES_MAX}."))
    if wish.country and not re.fullmatch("[A-Za-z]{2}", wish.country):
        found.append(Problem("country", f"{wish.country!r} is no country code of two letters, such as TW."))
    for field in ("state", "locality", "organization", "unit"):
        if len(getattr(wish, field)) > SUBJECT_MAX:
            found.append(Problem(field, f"{field} has more than {SUBJECT_MAX} characters; shorten it."))
    return found


def common_name(wish: Wish, names: Names) -> str:
    return names.cluster if names.clustered and wish.common_name == "cluster" else names.peer


def alternative_names(wish: Wish, names: Names) -> tuple[str, ...]:
    """List them, each once."""
    every = (*((names.peer, names.cluster) if names.clustered else ()), *wish.more_names)
    return tuple(dict.fromkeys(name.lower() for name in every))


def make(wish: Wish, names: Names, reused: Key | None = None) -> tuple[bytes, bytes]:
    """Make (private key, request), both PEM; RSA keys take a second. Raises Refused with every problem."""
    if found := problems(wish, names):
        raise Refused(*found)
    key = reused or _new_key(wish.key)
    subject = [x509.NameAttribute(oid, getattr(wish, field)) for field, oid in _SUBJECT.items() if getattr(wish, field)]
    subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name(wish, names)))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if alternative := alternative_names(wish, names):
        san = x509.SubjectAlternativeName([x509.DNSName(name) for name in alternative])
        builder = builder.add_extension(san, critical=False)
    # Peers are client and server to each other.
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = builder.add_extension(uses, critical=False)
    rsa_key = isinstance(key, rsa.RSAPrivateKey)
    usage = x509.KeyUsage(True, False, rsa_key, False, False, False, False, False, False)
    request = builder.add_extension(usage, critical=True).sign(key, _HASHES[wish.digest])
    return key_pem(key), request.public_bytes(Encoding.PEM)


def read_key(pem: bytes) -> Key:
    """Read a private key; raises ValueError or TypeError (it is protected by a password) as cryptography does."""
    key = load_pem_private_key(pem, None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("a kind of key that is neither RSA nor EC")
    return key


def key_pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def names_in(request: x509.CertificateSigningRequest) -> Sequence[str]:
    """List the alternative names of a request."""
    try:
        san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return san.get_values_for_type(x509.DNSName)


def _new_key(kind: str) -> Key:
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    return rsa.generate_private_key(_EXPONENT, int(kind.removeprefix("RSA ")))
