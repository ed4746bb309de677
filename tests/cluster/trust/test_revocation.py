"""Is a certificate refused once its authority took it back, and only then?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sextet.cluster.trust import revocation
from sextet.cluster.trust.certificates import line_for
from sextet.cluster.trust.revocation import RevocationError, Revocations, load, read, uncovered
from sextet.lab.authority import Issued, issue, new_authority
from tests.support.certificate_lab import crl

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROOT = new_authority("Root", NOW)
OTHER = new_authority("Root", NOW)  # the same name, another key
NAME = "expc02.apolo.local"
BAD, GOOD = issue(ROOT, [NAME], NOW), issue(ROOT, [NAME], NOW)


def der(*issued: Issued) -> list[bytes]:
    return [one.certificate.public_bytes(Encoding.DER) for one in issued]


def lists(data: bytes, *roots: Issued) -> Revocations:
    return load(data, [root.certificate for root in roots or (ROOT,)])


def test_only_what_is_listed_is_revoked_and_the_reason_names_it() -> None:
    known = lists(crl(ROOT, NOW, BAD.certificate))
    assert known.why(der(BAD)) == f"certificate is revoked (CN={NAME}, by CN=Root)"
    assert known.why(der(GOOD)) == ""
    assert known.why([b"garbage"]) == "certificate cannot be read"


def test_the_line_says_it_and_without_lists_nothing_changes() -> None:
    roots = [ROOT.certificate]
    known = lists(crl(ROOT, NOW, BAD.certificate))
    assert line_for(der(BAD), NAME, roots, NOW, known) == ("Invalid (revoked)", False)
    assert line_for(der(GOOD), NAME, roots, NOW, known) == ("Valid", True)
    assert line_for(der(BAD), NAME, roots, NOW) == ("Valid", True)


def test_a_list_that_somebody_else_signed_revokes_nothing() -> None:
    assert lists(crl(OTHER, NOW, BAD.certificate)).why(der(BAD)) == ""
    assert lists(crl(OTHER, NOW, BAD.certificate), ROOT, OTHER).why(der(BAD)) != "", "it is trusted as well"


def test_an_authority_below_the_root_is_found_in_the_chain_and_can_be_revoked_itself() -> None:
    below = new_authority("Below", NOW, parent=ROOT)
    leaf = issue(below, [NAME], NOW)
    assert "CN=Below" in lists(crl(below, NOW, leaf.certificate)).why(der(leaf, below))
    assert "(CN=Below, by CN=Root)" in lists(crl(ROOT, NOW, below.certificate)).why(der(leaf, below))


def test_a_list_that_was_not_renewed_still_counts_but_covers_nobody() -> None:
    old = lists(crl(ROOT, NOW, BAD.certificate, days=-1))
    assert old.why(der(BAD)) and revocation.is_old(old.lists[0], NOW)
    assert uncovered(old, [ROOT.certificate], NOW) == (ROOT.certificate,)
    fresh = lists(crl(ROOT, NOW))
    assert uncovered(fresh, [ROOT.certificate], NOW) == ()
    assert uncovered(fresh, [ROOT.certificate], NOW + timedelta(days=31)) == (ROOT.certificate,)


def test_lists_are_read_from_pem_many_at_once_and_from_der() -> None:
    both = crl(ROOT, NOW, BAD.certificate) + b"a remark\n" + crl(OTHER, NOW)
    assert len(read(both)) == 2
    assert len(read(read(both)[0].public_bytes(Encoding.DER))) == 1
    assert load(b" \n", []).lists == ()
    for garbage in (b"", b"garbage", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", GOOD.pem):
        with pytest.raises(RevocationError, match="readable"):
            read(garbage)
