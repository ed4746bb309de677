"""Names in certificates, read without a library."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import random
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sextet.call.certificate import PEM_BYTES_MAX, CertificateNames, names_of

KEY = ec.generate_private_key(ec.SECP256R1())


def pem(common: str, names: Sequence[x509.GeneralName] = (), critical: bool = False) -> str:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Örg")]
    attributes += [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder().subject_name(x509.Name(attributes)).issuer_name(x509.Name(attributes))
        .public_key(KEY.public_key()).serial_number(77).not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )  # fmt: skip
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=critical)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


NAMES = (
    x509.DNSName("Sip.Example"),
    x509.IPAddress(ipaddress.ip_address("::ffff:192.0.2.7")),
    x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
    x509.UniformResourceIdentifier("sip:example.com"),
    x509.RFC822Name("a@b.example"),
    x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
)


@pytest.mark.parametrize("critical", [False, True])
def test_all_kinds_of_names_are_found(critical: bool) -> None:
    found = names_of(pem("Common Ü", NAMES, critical))
    assert found == CertificateNames(
        "common ü", ("sip.example", "192.0.2.7", "2001:db8::7", "example.com", "a@b.example")
    )
    assert found.every[0] == "common ü"
    assert found.shown == "sip.example"


def test_a_certificate_may_have_neither() -> None:
    assert names_of(pem("")) == CertificateNames()
    assert (CertificateNames().shown, CertificateNames().told) == ("nobody", "nobody")
    assert CertificateNames("common", ("a", "b", "c", "d")).told == "a, b, c"


def test_an_address_counts_as_an_alternative_name_only_and_wildcards_stand_for_nothing() -> None:
    found = names_of(pem("cn.example", (x509.DNSName("*.wild.example"), x509.DNSName("sip.example"))))
    assert found is not None
    assert found.have("SIP.example.")
    assert not found.have("cn.example")
    assert not found.have("a.wild.example")


def test_what_is_no_certificate_is_nothing_and_never_raises() -> None:
    good = pem("c", NAMES)
    body = base64.b64decode("".join(good.splitlines()[1:-1]))
    dice = random.Random(5)
    for text in ("", "x", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----", "AAAA" * 20_000):
        assert names_of(text) is None
    padding = PEM_BYTES_MAX - len(good)
    assert names_of(good + "\n" * padding) == names_of(good)
    assert names_of(good + "\n" * (padding + 1)) is None, "somebody's attempt to keep us busy"
    for _ in range(3000):
        broken = bytearray(body)
        for _ in range(dice.randrange(1, 4)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        names_of(base64.b64encode(bytes(broken[: dice.randrange(len(broken))])).decode())
        names_of(base64.b64encode(bytes(broken)).decode())
