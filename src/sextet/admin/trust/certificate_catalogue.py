"""Which commands there are about certificates. Imports nothing heavy: the command line reads it at every start."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

_DRY_RUN = Parameter(name="dry_run", help="Check and show what to expect; store nothing.", kind="flag", option=True)
_FILE = "; - is standard input."


def _option(name: str, help: str) -> Parameter:
    return Parameter(name=name, help=help, option=True)


SHOW = Command(name="cert show", help="Show this peer's server certificate: chain, names, usage, expiry, problems.")
CSR_CREATE = Command(
    name="cert csr create",
    help="Make a private key, which never leaves this peer, and a signing request for it.",
    parameters=(
        _option("common_name", "cluster or peer: whose name is the common name; cluster without it."),
        _option("more_names", "More alternative names, with commas between them."),
        _option("key", "RSA 2048, RSA 4096 (without it), EC P-256, EC P-384 or EC P-521."),
        _option("digest", "SHA-256 (without it), SHA-384 or SHA-512."),
        Parameter(name="reuse_key", help="Use the private key of the present certificate.", kind="flag", option=True),
        _option("country", "Two letters, such as TW."),
        _option("state", "State or province."),
        _option("locality", "City."),
        _option("organization", "Company."),
        _option("unit", "Department."),
    ),
    writes=True,
    outputs=("pem",),
)
CSR_SHOW = Command(
    name="cert csr show",
    help="Show the pending signing request, to hand to an authority; -o pem shows nothing else.",
    outputs=("pem",),
)
CSR_DISCARD = Command(
    name="cert csr discard",
    help="Forget the pending signing request and its private key.",
    writes=True,
    confirm="Discard the signing request? A certificate issued for it cannot be used any more.",
)
UPLOAD = Command(
    name="cert upload",
    help="Use another server certificate; its key is the signing request's unless another one is given.",
    parameters=(
        Parameter(name="certificate", help=f"A file in Base64 (PEM){_FILE}", kind="file", required=True),
        Parameter(name="private_key", help=f"A file with its private key{_FILE}", kind="file", option=True),
        _DRY_RUN,
    ),
    writes=True,
)
TRUST_LIST = Command(name="cert trust list", help="List the CA certificates that this peer trusts.")
TRUST_ADD = Command(
    name="cert trust add",
    help="Trust the CA certificates of a file, besides those that are trusted already.",
    parameters=(Parameter(name="certificates", help=f"A file in Base64 (PEM){_FILE}", kind="file", required=True),),
    writes=True,
)
TRUST_REMOVE = Command(
    name="cert trust remove",
    help="Trust a CA certificate no more.",
    parameters=(
        Parameter(name="fingerprint", help="Its SHA-256 fingerprint; eight digits are enough.", required=True),
    ),
    writes=True,
)
CRL_SHOW = Command(name="cert crl show", help="Show the certificate revocation lists of this peer.")
CRL_UPLOAD = Command(
    name="cert crl upload",
    help="Use these certificate revocation lists in place of the others.",
    parameters=(Parameter(name="crl", help=f"A file in Base64 (PEM) or DER{_FILE}", kind="file", required=True),),
    writes=True,
)
CRL_REMOVE = Command(
    name="cert crl remove",
    help="Use no certificate revocation lists any more.",
    writes=True,
    confirm="Remove the certificate revocation lists? What they revoked is accepted again.",
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
