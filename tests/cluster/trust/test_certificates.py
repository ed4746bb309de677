"""Does the certificate line say what is wrong with a peer's certificate, and only then?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from sextet.cluster.trust.certificates import CertificateError, fingerprint, line_for, read, read_pem, sign, signed_by
from sextet.lab.authority import Issued, issue, new_authority

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROOT = new_authority("Lab root", NOW)
NAME = "expc02.apolo.local"


def line(certificate: Issued, name: str = NAME, now: datetime = NOW, roots: tuple[Issued, ...] = (ROOT,)) -> str:
    chain = [one.public_bytes(Encoding.DER) for one in (certificate.certificate, *certificate.chain)]
    text, good = line_for(chain, name, [root.certificate for root in roots], now)
    assert good == (text == "Valid")
    return text


def test_a_name_in_the_san_is_valid_in_whatever_case() -> None:
    assert line(issue(ROOT, ["cluster.apolo.local", "EXPC02.Apolo.Local"], NOW)) == "Valid"


def test_the_common_name_counts_only_without_san() -> None:
    assert line(issue(ROOT, [], NOW, common_name=NAME)) == "Valid"
    assert line(issue(ROOT, ["other"], NOW, common_name=NAME)).startswith("Invalid (Common Name")


def test_a_wildcard_is_not_the_name() -> None:
    assert line(issue(ROOT, ["*.apolo.local"], NOW)) == "Invalid (Common Name in certificate does not match)"


def test_a_peer_that_is_configured_by_address_needs_the_address() -> None:
    assert line(issue(ROOT, ["x", "192.0.2.7"], NOW), "192.0.2.7") == "Valid"
    assert line(issue(ROOT, ["x"], NOW), "192.0.2.7") == "Invalid (Common Name in certificate does not match)"


def test_dates_count() -> None:
    certificate = issue(ROOT, [NAME], NOW, days=10)
    assert line(certificate, now=NOW + timedelta(days=11)) == "Invalid (expired)"
    assert line(certificate, now=NOW - timedelta(days=1)) == "Invalid (not yet valid)"


def test_the_issuer_must_be_trusted() -> None:
    other = new_authority("Lab root", NOW)  # the same name, another key
    assert line(issue(other, [NAME], NOW)) == "Invalid (issuer not trusted)"
    assert line(issue(None, [NAME], NOW)) == "Invalid (issuer not trusted)"
    assert line(issue(ROOT, [NAME], NOW), roots=()) == "Invalid (issuer not trusted)"


def test_an_intermediate_authority_is_followed() -> None:
    below = new_authority("Below", NOW, parent=ROOT)
    assert line(issue(below, [NAME], NOW)) == "Valid"
    assert line(issue(new_authority("Below that", NOW, parent=below), [NAME], NOW)) == "Valid"


def test_a_peers_certificate_cannot_issue_others() -> None:
    assert line(issue(issue(ROOT, ["a"], NOW), [NAME], NOW)) == "Invalid (issuer not trusted)"


def test_a_peer_is_client_and_server() -> None:
    assert line(issue(ROOT, [NAME], NOW, uses=[ExtendedKeyUsageOID.SERVER_AUTH])) == "Invalid (no clientAuth usage)"
    assert line(issue(ROOT, [NAME], NOW, uses=[ExtendedKeyUsageOID.CLIENT_AUTH])) == "Invalid (no serverAuth usage)"
    assert line(issue(ROOT, [NAME], NOW, uses=[])) == "Valid"


def test_garbage_is_a_line_and_nothing_is_not_checked() -> None:
    assert line_for([b"garbage"], NAME, [], NOW) == ("Invalid (certificate cannot be read)", False)
    assert line_for([], NAME, [], NOW) == ("Not checked", False)


def test_facts_are_durations() -> None:
    certificate = issue(ROOT, [NAME], NOW, days=10).certificate
    facts = read(certificate.public_bytes(Encoding.DER), NOW)
    assert (facts.expires_in_s, facts.valid_in_s, facts.issuer) == (864000, -3600, "CN=Lab root")
    assert facts.fingerprint == fingerprint(certificate.public_bytes(Encoding.DER))


def test_a_signature_belongs_to_one_certificate_and_one_text() -> None:
    mine, other = issue(None, ["a"], NOW), issue(None, ["b"], NOW)
    der = mine.certificate.public_bytes(Encoding.DER)
    signature = sign(mine.key_pem, b"text")
    assert signed_by(der, signature, b"text")
    assert not signed_by(der, signature, b"texT")
    assert not signed_by(other.certificate.public_bytes(Encoding.DER), signature, b"text")
    assert not signed_by(b"garbage", signature, b"text")


def test_unreadable_files_are_named() -> None:
    with pytest.raises(CertificateError, match="server.pem"):
        read_pem(b"nothing", "server.pem")
    with pytest.raises(CertificateError, match="private key"):
        sign(b"nothing", b"")
