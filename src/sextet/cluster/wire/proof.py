"""How two peers prove to each other that they hold the cluster key, or one gives it to the other.

How it works. Inside TLS the callee sends a nonce (Challenge). It speaks first, so that a caller whose certificate it
does not accept hears OpenSSL's reason. The caller says who it is and whom it wants (Hello) and proves itself
(Answer), the callee after it (Welcome), each with an HMAC over both nonces, both names and the fingerprint of the
callee's certificate: what one connection carries is worthless on another, and somebody in the middle shows another
certificate. A caller without a key signs the same transcript with the key of its certificate (Enrol) and is given the
cluster key (Grant); it then answers as any other. Refusal, with its reason, can come instead of every later message
of the callee. No secret but the granted key is ever sent.
"""

from __future__ import annotations

import functools
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from hashlib import scrypt

from sextet.cluster.trust.certificates import fingerprint as fingerprint_of
from sextet.cluster.trust.certificates import signed_by

MESSAGE_BYTES_MAX = 4096  # the largest holds a certificate with its signature: 3.4 kB for RSA with 4096 bits
NAME_CHARACTERS_MAX = 255  # RFC 1035 2.3.4
NONCE_BYTES = 32
KEY_BYTES = 32
# Proved by the caller with the cluster key, over a certificate that is not the callee's.
EXCHANGED = "the certificate was exchanged on the way: something between the peers ends TLS"
_SALT = b"sextet proof of the cluster key 1"  # typed keys may be weak: scrypt makes trying them out expensive
_COST = {"n": 1 << 14, "r": 8, "p": 1, "maxmem": 64 << 20, "dklen": 32}  # 16 MiB and about 50 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    caller: str  # configured name
    callee: str
    nonce: str
    verified: bool  # the caller has verified the callee's certificate
    enrols: bool = False  # the caller has no cluster key


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    proof: str
    seen: str = ""  # the fingerprint of the callee's certificate that the caller was shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrol:
    certificate: str  # DER, base64
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    key: str = field(repr=False)
    cluster_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    proof: str
    password: str = field(repr=False)  # of the loopback store, new with every start: it opens nothing from elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    reason: str
    enforced: bool = False  # dialling again with verification would help


Message = Hello | Challenge | Answer | Enrol | Grant | Welcome | Refusal
_TYPES: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (Hello, Challenge, Answer, Enrol, Grant, Welcome, Refusal)
}


class BadMessage(Exception):
    """What came is not a message of this exchange."""


def encode(message: Message) -> bytes:
    """Write a message as two bytes of length and JSON."""
    text = json.dumps({"type": type(message).__name__, **asdict(message)}).encode()
    assert len(text) <= MESSAGE_BYTES_MAX, f"{type(message).__name__} has {len(text)} bytes"
    return len(text).to_bytes(2, "big") + text


def decode(text: bytes) -> Message:
    """Read the JSON of a message. Raises BadMessage."""
    try:
        values = json.loads(text)
        kind = _TYPES[values.pop("type")]
        types = {field.name: field.type for field in fields(kind)}
        known = {name: value for name, value in values.items() if name in types}
        if any(type(value).__name__ != types[name] for name, value in known.items()):
            raise BadMessage(f"{kind.__name__} with a value of a wrong type")
        "".join(str(value) for value in known.values()).encode()  # a lone surrogate could not be hashed
        return kind(**known)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadMessage("not a message of the proof") from error


@functools.lru_cache(maxsize=16)  # a peer has one key, and another one while it is enrolled anew
def derive(cluster_key: bytes) -> bytes:
    """Turn the cluster key into the key of the proof; takes about 50 ms the first time."""
    return scrypt(cluster_key, salt=_SALT, **_COST)


@dataclass(frozen=True, slots=True)
class Send:
    message: Message


@dataclass(frozen=True, slots=True)
class Proved:
    """Both hold the same key; at the caller with the password of the callee's store."""

    peer: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    """The callee gave the key (at the caller)."""

    key: bytes = field(repr=False)
    cluster_id: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The caller has the key now and proved it (at the callee)."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class Failed:
    reason: str
    enforced: bool = False


Step = Send | Proved | Granted | HandedOver | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Transcript:
    caller: str
    callee: str
    caller_nonce: str
    callee_nonce: str
    verified: bool
    fingerprint: str  # of the callee's certificate

    def text(self, role: str) -> bytes:
        parts = (role, self.caller, self.callee, self.caller_nonce, self.callee_nonce, str(self.verified))
        return b"".join(len(part.encode()).to_bytes(2, "big") + part.encode() for part in (*parts, self.fingerprint))

    def proof(self, key: bytes, role: str) -> str:
        return hmac.digest(key, self.text(role), "sha256").hex()


class Caller:
    """The side that dialled; `key` is the derived key, or empty to ask for enrolment with certificate and `sign`."""

    def __init__(
        self,
        *,
        me: str,
        peer: str,
        fingerprint: str,
        verified: bool,
        key: bytes,
        nonce: bytes,
        certificate: bytes = b"",
        sign: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.hello = Hello(caller=me, callee=peer, nonce=nonce.hex(), verified=verified, enrols=not key)
        self._fingerprint, self._key, self._certificate, self._sign = fingerprint, key, certificate, sign
        self._transcript: _Transcript | None = None
        self._answered = False

    def receive(self, message: Message) -> list[Step]:
        match message:
            case Refusal(reason=reason, enforced=enforced):
                return [Failed(f"refused: {reason}", enforced)]
            case Challenge(nonce=nonce) if self._transcript is None and len(nonce) == 2 * NONCE_BYTES:
                self._transcript = _transcript(self.hello, nonce, self._fingerprint)
                return [Send(self.hello), Send(self._enrol() if self.hello.enrols else self._answer(self._transcript))]
            case Grant(key=text, cluster_id=cluster_id) if self._transcript and self.hello.enrols and not self._key:
                cluster_key = _bytes(text)
                if len(cluster_key) < KEY_BYTES:
                    return [Failed("the peer offered a cluster key that is too short")]
                self._key = derive(cluster_key)
                return [Granted(cluster_key, cluster_id), Send(self._answer(self._transcript))]
            case Welcome(proof=proof, password=password) if self._transcript and self._answered:
                if not hmac.compare_digest(proof.encode(), self._transcript.proof(self._key, "callee").encode()):
                    return [Failed("wrong cluster key: the peer does not hold the one of this cluster")]
                return [Proved(self.hello.callee, password)]
        return [Failed("the peer sent an unexpected message")]

    def _answer(self, transcript: _Transcript) -> Answer:
        self._answered = True
        return Answer(proof=transcript.proof(self._key, "caller"), seen=self._fingerprint)

    def _enrol(self) -> Enrol:
        assert self._sign is not None and self._transcript is not None
        return Enrol(certificate=_text(self._certificate), signature=_text(self._sign(self._transcript.text("enrol"))))


class Callee:
    """The side that was dialled; `admit` says why a caller is refused, before it has proved anything.

    `vouch` says why the holder of a certificate, by its fingerprint, is not given the cluster key.
    """

    def __init__(
        self,
        *,
        fingerprint: str,
        key: bytes,
        nonce: bytes,
        password: str,
        admit: Callable[[Hello], Refusal | None],
        vouch: Callable[[str], str],
        grant: Callable[[], tuple[bytes, str]],
    ) -> None:
        self._fingerprint, self._key, self._nonce, self._password = fingerprint, key, nonce.hex(), password
        self._admit, self._vouch, self._grant = admit, vouch, grant
        self.challenge = Challenge(nonce=self._nonce)
        self._hello: Hello | None = None
        self._enrolled = ""  # fingerprint of the caller's certificate

    def receive(self, message: Message) -> list[Step]:
        hello = self._hello
        if hello is None:
            return self._open(message)
        transcript = _transcript(hello, self._nonce, self._fingerprint)
        match message:
            case Enrol(certificate=certificate, signature=signature) if hello.enrols and not self._enrolled:
                der = _bytes(certificate)
                if not signed_by(der, _bytes(signature), transcript.text("enrol")):
                    return self._refuse("the enrolment was not signed with the key of the certificate")
                if why := self._vouch(fingerprint_of(der)):
                    return self._refuse(why)
                self._enrolled = fingerprint_of(der)
                cluster_key, cluster_id = self._grant()
                return [Send(Grant(key=_text(cluster_key), cluster_id=cluster_id))]
            case Answer(proof=proof, seen=seen) if self._enrolled or not hello.enrols:
                if not self._proved(transcript, proof):
                    exchanged = bool(self._key) and self._proved(_transcript(hello, self._nonce, seen), proof)
                    return self._refuse(EXCHANGED if exchanged else "wrong cluster key")
                handed: list[Step] = [HandedOver(self._enrolled)] if self._enrolled else []
                welcome = Welcome(proof=transcript.proof(self._key, "callee"), password=self._password)
                return [*handed, Send(welcome), Proved(hello.caller)]
        return self._refuse("unexpected message")

    def _proved(self, transcript: _Transcript, proof: str) -> bool:
        return hmac.compare_digest(proof.encode(), transcript.proof(self._key, "caller").encode())

    def _open(self, message: Message) -> list[Step]:
        match message:
            case Hello() if len(message.nonce) == 2 * NONCE_BYTES and len(message.caller) <= NAME_CHARACTERS_MAX:
                if (refusal := self._admit(message)) is not None:
                    return [Send(refusal), Failed(refusal.reason)]
                if not self._key:
                    return self._refuse("this peer has no cluster key yet")
                self._hello = message
                return []
        return self._refuse("unexpected message")

    def _refuse(self, reason: str) -> list[Step]:
        return [Send(Refusal(reason=reason)), Failed(reason)]


def _transcript(hello: Hello, callee_nonce: str, fingerprint: str) -> _Transcript:
    return _Transcript(
        caller=hello.caller,
        callee=hello.callee,
        caller_nonce=hello.nonce,
        callee_nonce=callee_nonce,
        verified=hello.verified,
        fingerprint=fingerprint,
    )


def _text(value: bytes) -> str:
    return b64encode(value).decode()


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
