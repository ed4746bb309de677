"""Do requests, uploads, trusted authorities and revocation lists end where they belong, and wrong ones nowhere?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from sextet.cluster.trust.certificate_checks import validity
from sextet.cluster.trust.certificate_files import CertificateFiles, Places, fingerprint_of
from sextet.cluster.trust.certificates import read
from sextet.cluster.trust.signing_request import KEYS, Names, Wish, make, names_in
from sextet.lab.authority import Issued, issue, new_authority
from sextet.model.schema import Refused
from tests.support.certificate_lab import crl, places, signed

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
ROOT = new_authority("Root", NOW)
PEER, CLUSTER = "expc01.apolo.local", "expc-cluster.apolo.local"
NAMES = Names(peer=PEER, cluster=CLUSTER, clustered=True)
EC = Wish(key="EC P-256")


@pytest.fixture
def where(tmp_path: Path) -> Places:
    made = places(tmp_path)
    issue(ROOT, [PEER, CLUSTER], NOW, common_name=CLUSTER).write(made.certificate, made.private_key)
    made.trusted.write_bytes(ROOT.pem)
    return made


@pytest.fixture
def files(where: Places) -> CertificateFiles:
    return CertificateFiles(where, lambda: NOW)


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return "; ".join(problem.sentence for problem in caught.value.problems)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_clustered_peer_asks_for_the_clusters_name_and_both_alternative_names(files: CertificateFiles) -> None:
    made = files.request(EC, NAMES)
    assert made.request.subject.rfc4514_string() == f"CN={CLUSTER}"
    assert names_in(made.request) == [PEER, CLUSTER]
    by_peer = x509.load_pem_x509_csr(make(Wish(key="EC P-384", common_name="peer", country="TW"), NAMES)[1])
    assert by_peer.subject.rfc4514_string() == f"CN={PEER},C=TW"
    assert names_in(by_peer) == [PEER, CLUSTER]
    alone = x509.load_pem_x509_csr(make(EC, Names(peer=PEER))[1])
    assert (alone.subject.rfc4514_string(), names_in(alone)) == (f"CN={PEER}", ())


@pytest.mark.parametrize("kind", [kind for kind in KEYS if kind != "RSA 4096"])  # which takes a second
def test_every_kind_of_key_and_digest_signs(kind: str) -> None:
    request = x509.load_pem_x509_csr(make(Wish(key=kind, digest="SHA-512"), NAMES)[1])
    assert request.is_signature_valid and request.public_key().key_size == int(kind[-4:].strip(" P-"))  # type: ignore[union-attr]
    assert request.signature_hash_algorithm is not None and request.signature_hash_algorithm.name == "sha512"


def test_everything_wrong_with_a_request_is_said_at_once() -> None:
    wish = Wish(key="RSA 1024", digest="MD5", more_names=("short", "*.apolo.local"), country="Taiwan", unit="x" * 65)
    said = refusal(lambda: make(wish, Names(peer="expc01", cluster="cluster", clustered=True)))
    for words in ("RSA 1024", "MD5", "'short'", "'*.apolo.local'", "Taiwan", "unit", "'expc01'", "'cluster'"):
        assert words in said
    assert "longer than 64" in refusal(lambda: make(EC, Names(peer=PEER, cluster=f"{'c' * 60}.apolo", clustered=True)))


def test_one_request_is_pending_at_a_time_and_its_key_is_nobodys_but_ours(
    files: CertificateFiles, where: Places
) -> None:
    made = files.request(EC, NAMES)
    assert b"PRIVATE" not in made.pem
    assert mode(where.request) == 0o600
    assert "is pending" in refusal(lambda: files.request(EC, NAMES))
    files.discard()
    assert files.pending() is None
    assert "No signing request" in refusal(files.discard)
    files.request(EC, NAMES)


def test_the_certificate_of_a_request_is_used_with_its_key_and_the_request_is_done(
    files: CertificateFiles, where: Places
) -> None:
    made = files.request(EC, NAMES)
    found = files.upload(signed(ROOT, made.pem, NOW), b"", NAMES, at_restart=False)
    assert found.warnings == ()
    assert files.pending() is None and not files.is_waiting()
    assert files.chain()[0].public_key() == made.request.public_key()
    assert (mode(where.private_key), mode(where.certificate)) == (0o600, 0o600)
    assert not [path for path in where.state_dir.iterdir() if path.name.startswith(".")], "nothing is left beside"


def test_at_restart_the_old_one_stays_until_then(files: CertificateFiles, where: Places) -> None:
    before = where.certificate.read_bytes(), where.private_key.read_bytes()
    files.upload(signed(ROOT, files.request(EC, NAMES).pem, NOW), b"", NAMES, at_restart=True)
    assert (where.certificate.read_bytes(), where.private_key.read_bytes()) == before
    assert files.is_waiting() and mode(where.waiting) == 0o600
    assert CertificateFiles(where, lambda: NOW).install_waiting()
    assert not files.is_waiting() and not files.install_waiting()
    assert files.chain()[0].public_bytes(Encoding.PEM) != before[0]
    files.upload(where.certificate.read_bytes(), b"", NAMES, at_restart=False)  # key and certificate fit each other


def test_a_new_key_can_be_given_and_the_present_one_can_be_kept(files: CertificateFiles) -> None:
    given = issue(ROOT, [PEER, CLUSTER], NOW)
    files.upload(given.pem, given.key_pem, NAMES, at_restart=False)
    made = files.request(Wish(reuse_key=True), NAMES)
    assert made.key.public_key() == given.key.public_key()
    assert files.upload(signed(ROOT, made.pem, NOW), b"", NAMES, at_restart=False).warnings == ()


@pytest.mark.parametrize(
    ("names", "common", "words"),
    [
        (["expc01"], PEER, "File upload failed.: Subject alternative name must be a valid FQDN (expc01)"),
        (["127.0.0.1"], PEER, "File upload failed.: Subject alternative name must be a valid FQDN (127.0.0.1)"),
        (["*.apolo.local"], PEER, "File upload failed.: Subject alternative name must be a valid FQDN (*.apolo.local)"),
        ([PEER], "expc01", "File upload failed.: Common name must be a valid FQDN (expc01)"),
        ([PEER], "10.1.2.3", "File upload failed.: Common name must be a valid FQDN (10.1.2.3)"),
    ],
)
def test_names_that_are_no_fqdn_are_refused_in_the_originals_words(
    files: CertificateFiles, where: Places, names: list[str], common: str, words: str
) -> None:
    before = where.certificate.read_bytes()
    given = issue(ROOT, names, NOW, common_name=common)
    assert words in refusal(lambda: files.upload(given.pem, given.key_pem, NAMES, at_restart=False))
    assert where.certificate.read_bytes() == before


def test_a_key_that_is_not_its_own_or_has_a_password_or_is_none_is_refused(files: CertificateFiles) -> None:
    given, other = issue(ROOT, [PEER], NOW), issue(ROOT, [PEER], NOW)

    def upload(key: bytes, pem: bytes = given.pem) -> str:
        return refusal(lambda: files.upload(pem, key, NAMES, at_restart=False))

    assert "does not belong" in upload(other.key_pem)
    assert "does not belong" in upload(b"")
    locked = given.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    assert "password" in upload(locked)
    assert "cannot be read" in upload(b"no key")
    assert "no readable certificate" in upload(given.key_pem, b"nothing")


def warned(files: CertificateFiles, given: Issued) -> str:
    return "; ".join(files.upload(given.pem, given.key_pem, NAMES, at_restart=False, dry_run=True).warnings)


def test_what_others_might_not_like_is_a_warning(files: CertificateFiles, where: Places) -> None:
    before = where.certificate.read_bytes()
    assert warned(files, issue(ROOT, [PEER, CLUSTER], NOW)) == ""
    assert "no common name" in warned(files, issue(ROOT, [PEER, CLUSTER], NOW, common_name=""))
    stranger = new_authority("Stranger", NOW)
    assert "Unknown CA" in warned(files, issue(stranger, [PEER, CLUSTER], NOW))
    said = warned(files, issue(ROOT, ["other.apolo.local"], NOW))
    assert f"not for this peer, {PEER}" in said and f"not for the cluster name, {CLUSTER}" in said
    assert "has expired" in warned(files, issue(ROOT, [PEER, CLUSTER], NOW, days=-1))
    server_only = issue(ROOT, [PEER, CLUSTER], NOW, uses=[x509.ExtendedKeyUsageOID.SERVER_AUTH])
    assert "lacks client authentication" in warned(files, server_only)
    gone = issue(ROOT, [PEER, CLUSTER], NOW)
    files.upload_crl(crl(ROOT, NOW, gone.certificate))
    assert "revoked" in warned(files, gone)
    assert where.certificate.read_bytes() == before, "a dry run stores nothing"


def test_issuers_that_are_known_are_put_behind_the_certificate(files: CertificateFiles) -> None:
    below = new_authority("Below", NOW, parent=ROOT)
    files.trust(below.certificate.public_bytes(Encoding.PEM))
    given = issue(below, [PEER, CLUSTER], NOW)
    alone = given.certificate.public_bytes(Encoding.PEM)
    assert files.upload(alone, given.key_pem, NAMES, at_restart=False).warnings == ()
    assert files.chain() == [given.certificate, below.certificate], "and the root is left out"


def test_only_authorities_are_trusted_each_once_and_they_can_be_removed(files: CertificateFiles) -> None:
    new = new_authority("New", NOW)
    assert "BasicConstraints" in refusal(lambda: files.trust(issue(ROOT, [PEER], NOW).pem))
    assert "has expired" in refusal(lambda: files.trust(new_authority("Old", NOW, days=-1).pem))
    assert "readable" in refusal(lambda: files.trust(b"nothing"))
    assert files.trust(ROOT.pem + new.pem) == (new.certificate,)
    assert files.trusted() == (ROOT.certificate, new.certificate)
    digits = fingerprint_of(new.certificate)
    assert "eight digits" in refusal(lambda: files.distrust(digits[:4]))
    assert files.distrust(digits[:8].upper()) == new.certificate
    assert files.trusted() == (ROOT.certificate,)


def test_a_trusted_list_that_cannot_be_read_is_not_written_over(files: CertificateFiles, where: Places) -> None:
    where.trusted.write_bytes(b"broken")
    assert "Put that file right" in refusal(lambda: files.trust(ROOT.pem))
    assert where.trusted.read_bytes() == b"broken"


def test_a_crl_takes_the_place_of_the_last_one_and_strangers_are_warned_of(files: CertificateFiles) -> None:
    gone = issue(ROOT, [PEER], NOW)
    found, warnings = files.upload_crl(crl(ROOT, NOW, gone.certificate))
    assert (len(found.lists), warnings) == (1, ())
    assert "Unknown CRL" in files.upload_crl(crl(new_authority("Stranger", NOW), NOW))[1][0]
    assert "out of date" in files.upload_crl(crl(ROOT, NOW, days=-1))[1][0]
    assert len(files.revocations().lists) == 1
    assert "CRL in Base64" in refusal(lambda: files.upload_crl(b"nothing"))
    files.remove_crl()
    assert files.revocations().lists == ()
    assert "no CRL" in refusal(files.remove_crl)


@pytest.mark.parametrize(
    ("ends_in", "numbers"),
    [
        (timedelta(days=-2), {40068}),
        (timedelta(hours=3), {40068}),
        (timedelta(days=1), {40069}),
        (timedelta(days=21), {40069}),
        (timedelta(days=22), set()),
    ],
)
def test_the_expiry_alarms_count_days(ends_in: timedelta, numbers: set[int]) -> None:
    made = issue(ROOT, [PEER], NOW, days=ends_in.total_seconds() / 86400)
    facts = read(made.certificate.public_bytes(Encoding.DER), NOW)
    assert {alarm.number for alarm in validity(facts, NOW)} == numbers


def test_a_certificate_without_common_name_raises_40052() -> None:
    facts = read(issue(ROOT, [PEER], NOW, common_name="").certificate.public_bytes(Encoding.DER), NOW)
    assert {alarm.number for alarm in validity(facts, NOW)} == {40052}
