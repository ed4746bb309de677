"""How a peer recognises a request of another peer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sextet.sip.kemi.proof import Identity, new_tag, prove, proven

SECRET = b"of the cluster"
ONE = Identity(call_id="c1", cseq="7", from_tag="t1", uri="sip:bob@apolo.local")
TAG = new_tag(SECRET, ONE)


def test_a_request_of_a_peer_is_recognised() -> None:
    assert proven(SECRET, prove(SECRET, 3, TAG, ONE), ONE) == (3, TAG, "")
    assert proven(SECRET, prove(SECRET, 3, TAG, ONE, "台北 1;x=2"), ONE) == (3, TAG, "台北 1;x=2")


@pytest.mark.parametrize("changed", [{"call_id": "c2"}, {"cseq": "8"}, {"from_tag": "t2"}, {"uri": "sip:eve@x"}])
def test_the_proof_of_one_request_is_worth_nothing_in_another(changed: dict[str, str]) -> None:
    assert proven(SECRET, prove(SECRET, 3, TAG, ONE), replace(ONE, **changed)) is None


def test_another_number_or_tag_another_secret_and_no_secret_prove_nothing() -> None:
    value = prove(SECRET, 3, TAG, ONE)
    assert proven(SECRET, value.replace("n=3", "n=2"), ONE) is None
    assert proven(SECRET, value.replace(TAG, "0" * 32), ONE) is None
    assert proven(SECRET, value.replace("from=", "from=41"), ONE) is None
    assert proven(b"another", value, ONE) is None
    assert proven(b"", prove(b"", 3, TAG, ONE), ONE) is None


@pytest.mark.parametrize(
    "value", ["", "n=7;tag=;mac=", "x" * 5000, "n=1;tag=zz;mac=é", prove(SECRET, 1, TAG, ONE) + " "]
)
def test_other_text_proves_nothing(value: str) -> None:
    assert proven(SECRET, value, ONE) is None


def test_fields_cannot_be_shifted_into_each_other() -> None:
    shifted = replace(ONE, call_id="c1\n7", cseq="")
    assert proven(SECRET, prove(SECRET, 3, TAG, ONE), shifted) is None


def test_a_call_that_comes_back_has_the_tag_it_went_with() -> None:
    assert new_tag(SECRET, replace(ONE, cseq="9", uri="sip:bob@elsewhere")) == TAG
    assert new_tag(SECRET, replace(ONE, call_id="c2")) != TAG
