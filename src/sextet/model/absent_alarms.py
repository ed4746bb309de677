"""Which alarms of the original (facts 4.3, its families 15, 20, 25, 40) never stand here, and why."""

from __future__ import annotations

_ELSEWHERE = "15010 stands for every part of this system, and names it"
_NO_PACKS = "there are no language packs"
_ADDRESS = "a peer has one address, which is in its bootstrap file: 25010, and a file without one is 60903"
_HOST_NETWORK = "interfaces and their settings are the host's, which applies them itself"
_NO_SERVICE = "the service is the host's, or is not here"
_NO_CRL_UPDATE = "revocation lists are uploaded by hand; Maintenance > Security > CRL says which authority has none"
_NO_ADVANCED = "there is no advanced account security mode, and nothing to recommend about it"
_NO_FIREWALL = "the firewall is the host's: `sextet ports -o nft` prints its rules and applies none"
_NO_UNIFIED = "there is no mobile and remote access"
_NO_FIPS = "there is no FIPS mode"
_NO_HSM = "there is no hardware security module"
_NO_XMPP = "there is no XMPP"
_NO_DIRECTORY = "there is no directory service"
_NO_ACME = "certificates are not fetched by ACME"
_NO_DOMAIN_CERTIFICATES = "there are no certificates for single domains (SNI)"
_UNKNOWN = "what it means is not known: no release that is documented uses it"

ABSENT: dict[str, str] = {
    "15004, 15011, 15017": _ELSEWHERE,
    "15006, 15012": _NO_PACKS,
    "15007": "pages are served when the start is over, and not any more once the stop begins",
    "15014": "core dumps are no setting here",
    "15016": _NO_DIRECTORY,
    "15021": _NO_XMPP,
    "15022": _NO_DOMAIN_CERTIFICATES,
    "15024-15027, 15031": _NO_HSM,
    "15029": "nothing is sent to the makers",
    "15030, 15032": _NO_UNIFIED,
    "20001, 20002, 20010, 20013, 20022, 20023": _UNKNOWN,
    "25001, 25009": _HOST_NETWORK,
    "25003, 25004, 25013, 25014": _ADDRESS,
    "25006": "there is no option key for advanced networking",
    "25007": "packets are not marked (QoS)",
    "25011": "the web pages are always on; their port is 25026",
    "25015, 25017": _NO_SERVICE,
    "25016": _HOST_NETWORK,
    "25022": "clocks are not compared over a traversal connection; those of the peers are 25002",
    "25023, 25024": _NO_XMPP,
    "25027, 25029": "there is no TURN server, and nothing shares TCP 443",
    "25028": _NO_HSM,
    "25030, 25031": f"{_NO_UNIFIED}, for which they matter; the check `dns` looks up peers forward and back",
    "40001, 40002, 40006, 40007": _NO_CRL_UPDATE,
    "40003": "there is no root account here: it is the host's",
    "40004, 40011-40019, 40021, 40024-40026, 40101": _NO_ADVANCED,
    "40008": "there is no SSH server here: it is the host's",
    "40009": "nobody logs in to the pages with a certificate",
    "40020, 40022, 40027-40029": "accounts are local, with salted hashes; no other service is asked for them",
    "40030-40032, 40034, 40050, 40100": _NO_FIREWALL,
    "40036-40039": "credentials are checked by the peers themselves, never by a traversal client",
    "40040, 40043, 40048, 40051, 40054": _NO_UNIFIED,
    "40041, 40056": "no address is banned; who guesses a password is slowed down and logged",
    "40042, 40044-40046, 40053": _NO_FIPS,
    "40061-40064": _NO_ACME,
    "40066": _NO_HSM,
    "40075, 40076": _NO_DOMAIN_CERTIFICATES,
    "40078, 40079": "a peer has one certificate, for both sides: 40068 and 40069",
}


def numbers(spans: str) -> set[int]:
    """List the alarms that a key of ABSENT names."""
    found: set[int] = set()
    for span in spans.split(", "):
        first, _, last = span.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found
