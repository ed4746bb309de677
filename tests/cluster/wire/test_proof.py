"""Is nobody believed without the cluster key, and is the key given to nobody else?"""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sextet.cluster.trust.certificates import fingerprint, sign
from sextet.cluster.wire.enrolment import Facts, why_not_accept, why_not_grant, why_not_hand_over
from sextet.cluster.wire.proof import (
    EXCHANGED,
    MESSAGE_BYTES_MAX,
    Answer,
    BadMessage,
    Callee,
    Caller,
    Challenge,
    Failed,
    Granted,
    HandedOver,
    Hello,
    Proved,
    Refusal,
    Send,
    Step,
    Welcome,
    decode,
    derive,
    encode,
)
from sextet.lab.authority import issue

SECRET = bytes(range(32))
KEY, OTHER = derive(SECRET), derive(b"x" * 32)
NEWCOMER = issue(None, ["a.example"], datetime(2030, 1, 1, tzinfo=UTC))
DER = NEWCOMER.certificate.public_bytes(Encoding.DER)


def caller(key: bytes = KEY, *, fingerprint: str = "f1", peer: str = "b", signer: bytes = b"") -> Caller:
    pem = signer or NEWCOMER.key_pem
    return Caller(
        me="a",
        peer=peer,
        fingerprint=fingerprint,
        verified=False,
        key=key,
        nonce=b"a" * 32,
        certificate=DER,
        sign=lambda text: sign(pem, text),
    )


def callee(key: bytes = KEY, *, refusal: Refusal | None = None, nonce: bytes = b"b" * 32, pin: str = "") -> Callee:
    return Callee(
        fingerprint="f1",
        key=key,
        nonce=nonce,
        password="pw",
        admit=lambda hello: refusal,
        vouch=lambda fingerprint: "another certificate" if pin and fingerprint != pin else "",
        grant=lambda: (SECRET, "cluster"),
    )


def talk(one: Caller, other: Callee) -> tuple[list[Step], list[Step]]:
    """Let them speak until nobody has anything to say; gives what each concluded."""
    concluded: tuple[list[Step], list[Step]] = ([], [])
    sides, queue = (one, other), [(0, encode(other.challenge))]
    while queue:
        to, data = queue.pop(0)
        assert len(data) <= MESSAGE_BYTES_MAX + 2
        if any(isinstance(step, Failed) for step in concluded[to]):
            continue
        for step in sides[to].receive(decode(data[2:])):
            if isinstance(step, Send):
                queue.append((1 - to, encode(step.message)))
            else:
                concluded[to].append(step)
    return concluded


def test_two_holders_of_the_key_believe_each_other() -> None:
    assert talk(caller(), callee()) == ([Proved("b", "pw")], [Proved("a")])


def test_a_caller_with_another_key_is_refused_with_the_reason() -> None:
    assert talk(caller(OTHER), callee()) == ([Failed("refused: wrong cluster key")], [Failed("wrong cluster key")])


def test_somebody_in_the_middle_is_found_by_his_certificate() -> None:
    between = caller(fingerprint="of the man in the middle")
    assert talk(between, callee()) == ([Failed(f"refused: {EXCHANGED}")], [Failed(EXCHANGED)])


def test_a_caller_with_another_key_cannot_make_us_believe_in_somebody_in_the_middle() -> None:
    between = caller(OTHER, fingerprint="of the man in the middle")
    assert talk(between, callee())[1] == [Failed("wrong cluster key")]


def test_a_callee_without_the_key_is_found_out() -> None:
    one = caller()
    one.receive(Challenge(nonce="00" * 32))
    (step,) = one.receive(Welcome(proof="00", password="pw"))
    assert step == Failed("wrong cluster key: the peer does not hold the one of this cluster")


def test_a_welcome_without_a_proof_of_ours_is_not_believed() -> None:
    assert caller().receive(Welcome(proof="00", password="pw")) == [Failed("the peer sent an unexpected message")]


def test_a_recorded_answer_is_worth_nothing_later() -> None:
    one = caller()
    first = callee()
    first.receive(one.hello)
    _, sent = one.receive(Challenge(nonce=(b"b" * 32).hex()))
    assert isinstance(sent, Send)
    later = callee(nonce=b"c" * 32)
    later.receive(one.hello)
    assert later.receive(sent.message)[-1] == Failed("wrong cluster key")


def test_our_own_answer_reflected_proves_nothing() -> None:
    one = caller()
    _, sent = one.receive(Challenge(nonce="00" * 32))
    assert isinstance(sent, Send) and isinstance(sent.message, Answer)
    assert isinstance(one.receive(Welcome(proof=sent.message.proof, password=""))[0], Failed)


def test_a_stranger_is_refused_before_the_proof() -> None:
    one, other = talk(caller(), callee(refusal=Refusal(reason="not a member")))
    assert (one, other) == ([Failed("refused: not a member")], [Failed("not a member")])


def test_a_newcomer_gets_the_key_and_both_pin_what_they_saw() -> None:
    one, other = talk(caller(b""), callee())
    assert one == [Granted(SECRET, "cluster"), Proved("b", "pw")]
    assert other == [HandedOver(fingerprint(DER)), Proved("a")]


def test_a_peer_that_was_bound_is_given_the_key_again_with_the_same_certificate_only() -> None:
    assert talk(caller(b""), callee(pin=fingerprint(DER)))[1] == [HandedOver(fingerprint(DER)), Proved("a")]
    one, other = talk(caller(b""), callee(pin="of another one"))
    assert one == [Failed("refused: another certificate")] and not any(isinstance(s, HandedOver) for s in other)


def test_a_newcomer_must_hold_the_private_key_of_its_certificate() -> None:
    stolen = issue(None, ["x"], datetime(2030, 1, 1, tzinfo=UTC)).key_pem
    one, other = talk(caller(b"", signer=stolen), callee())
    assert one == [Failed("refused: the enrolment was not signed with the key of the certificate")]
    assert not any(isinstance(step, HandedOver) for step in other)


def test_a_caller_that_says_it_holds_the_key_cannot_enrol_afterwards() -> None:
    newcomer, holder = caller(b""), caller()
    other = callee()
    other.receive(holder.hello)
    _, enrol = newcomer.receive(Challenge(nonce=(b"b" * 32).hex()))
    assert isinstance(enrol, Send)
    assert other.receive(enrol.message)[-1] == Failed("unexpected message")


def test_nobody_can_enrol_at_a_peer_without_key() -> None:
    assert talk(caller(b""), callee(b""))[0] == [Failed("refused: this peer has no cluster key yet")]


def test_a_key_is_granted_only_to_who_asked_for_one() -> None:
    one = caller()
    one.receive(Challenge(nonce="00" * 32))
    assert one.receive(decode(b'{"type": "Grant", "key": "", "cluster_id": "x"}')) == [
        Failed("the peer sent an unexpected message")
    ]


def test_a_short_key_is_not_taken() -> None:
    one = caller(b"")
    one.receive(Challenge(nonce="00" * 32))
    grant = decode(b'{"type": "Grant", "key": "AAAA", "cluster_id": "x"}')
    assert one.receive(grant) == [Failed("the peer offered a cluster key that is too short")]


def test_no_secret_is_on_the_wire_but_the_granted_key() -> None:
    one, other = caller(), callee()
    _, answer = one.receive(other.challenge)
    assert isinstance(answer, Send)
    for message in (one.hello, other.challenge, answer.message):
        assert not any(secret.hex().encode() in encode(message) for secret in (SECRET, KEY))


def test_garbage_is_refused_and_nothing_else_happens() -> None:
    dice = random.Random(2)
    good = encode(Hello(caller="a", callee="b", nonce="00" * 32, verified=True))[2:]
    for _ in range(3000):
        bad = bytearray(good)
        for _ in range(dice.randrange(1, 6)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        try:
            message = decode(bytes(bad))
        except BadMessage:
            continue
        callee().receive(message)
    for text in (
        b"",
        b"[]",
        b"{}",
        b'{"type": []}',
        b'{"type": "Hello"}',
        b"[" * 4000,
        b'{"type":"Answer","proof":"\\ud800"}',
    ):
        with pytest.raises(BadMessage):
            decode(text)


FACTS = Facts(number=1, primary=1, members=frozenset({1, 2, 3}), holds_key=True, bound={3: "ff"}, window_s=10.0)


def test_only_the_primary_hands_over_only_in_time_and_only_to_members() -> None:
    def why(number: int, **other: object) -> str:
        values = {name: getattr(FACTS, name) for name in FACTS.__slots__}
        return why_not_hand_over(Facts(**{**values, **other}), number)

    assert why(2) == why(3) == ""
    assert why_not_grant(FACTS, 2, "aa") == why_not_grant(FACTS, 3, "ff") == ""
    assert "enrolled before with another certificate" in why_not_grant(FACTS, 3, "aa")
    assert why(4) == "not a member"
    assert "closed" in why(2, window_s=0.0)
    assert "primary" in why(2, primary=2)
    assert "no cluster key" in why(2, holds_key=False)


def test_a_key_is_taken_only_from_the_primary_only_in_time_and_only_when_there_is_none() -> None:
    def why(number: int, **other: object) -> str:
        values = {name: getattr(FACTS, name) for name in FACTS.__slots__} | {
            "number": 2,
            "holds_key": False,
            "bound": {},
        }
        return why_not_accept(Facts(**{**values, **other}), number)

    assert why(1) == ""
    assert "comes from the configuration primary" in why(3)
    assert "closed" in why(1, window_s=0.0)
    assert "already" in why(1, holds_key=True)
