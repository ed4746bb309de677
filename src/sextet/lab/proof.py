"""Prove that a lab works: real phones on two peers call each other, all peers see it, a changed setting reaches all.

How it works: every step waits, with a deadline, for what it claims as seen from outside: by a phone, or on a peer's
local socket. It yields one line with the measured time, or what was seen instead; after a failed step the rest is not
tried.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sextet.lab.ask import Failed, Unanswered, ask
from sextet.lab.patience import until
from sextet.lab.phone import Line, Phone, PhoneError, start_phone
from sextet.lab.plan import DOMAIN, SIPS_PORT, PeerPlan, Plan
from sextet.lab.told import routed

FORMED_S = 30.0  # forming takes a second or two once the peers run
STEP_S = 20.0  # each step takes well under a second on an idle machine; this is for a busy one
PACKETS_MIN = 50  # one second of audio at 20 ms each
ALICE_HZ, BOB_HZ = 440, 700  # not multiples of each other
SETTING = "protocols.standard_refresh_maximum"  # shared, applies live, and harms nobody
SETTING_TRIES = (61, 60)  # away from the default and back, so that the proof leaves nothing behind
EVERY_S = 0.01  # how often a time worth showing is looked at; a look costs a peer of six about 10 ms


class StepFailed(Exception):
    """A step of the proof did not come true; the text says what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the proof."""

    claim: str
    ok: bool
    took_s: float
    seen: str = ""  # a figure, or what was seen instead


class Proof:
    """One run of the proof on a running lab."""

    def __init__(self, plan: Plan, passwords: Mapping[str, str], engine_user: str | None) -> None:
        self._plan = plan
        self._passwords = passwords
        self._user = engine_user
        self._first, self._last = plan.peers[0], plan.peers[-1]
        self._phones: dict[str, Phone] = {}

    async def steps(self, *, calls: bool = True) -> AsyncGenerator[Step, None]:
        """Run the steps in order, until one fails; without calls only the first. The phones end with it."""
        try:
            for claim, step in self._claims()[: None if calls else 1]:
                started = time.monotonic()
                try:
                    took, seen = await step()
                except (StepFailed, PhoneError, Unanswered, Failed) as error:
                    yield Step(claim=claim, ok=False, took_s=time.monotonic() - started, seen=str(error))
                    return
                yield Step(claim=claim, ok=True, took_s=took, seen=seen)
        finally:
            await asyncio.gather(*(phone.stop() for phone in self._phones.values()))

    def _claims(self) -> list[tuple[str, Callable[[], Awaitable[tuple[float, str]]]]]:
        first, last, everyone = self._first.host_name, self._last.host_name, _all(len(self._plan.peers))
        return [
            (f"The cluster is formed: {everyone} active and in step", self._formed),
            ("The SIP port of every peer shows a trusted certificate with its name", self._certificates),
            (f"alice registers with {first} over TLS", self._alice_registers),
            (f"bob registers with {last} over UDP", self._bob_registers),
            (f"Both registrations are known on {everyone}", self._registrations_known),
            ("alice calls bob, and he answers", self._call),
            (f"The call shows on {everyone}", self._call_shows),
            ("Audio flows both ways", self._audio),
            (f"alice hangs up, and the call is gone from {everyone}", self._hang_up),
            ("Each heard the other's tone", self._heard),
            (f"A setting changed on {first} is in force on {everyone}", self._change),
        ]

    async def _formed(self) -> tuple[float, str]:
        async def missing() -> str:
            for peer in self._plan.peers:
                if why := unformed(await self._cluster(peer), peer):
                    return why
            return ""

        return await self._until_nothing(missing, FORMED_S), ""

    async def _certificates(self) -> tuple[float, str]:
        """Check as a careful phone does (RFC 5922 7.2), for the one used here takes any certificate.

        A peer that has just joined begins anew with the cluster's secret: its port may be closed for half a second.
        """
        context = ssl.create_default_context(cafile=str(self._plan.authority))

        async def missing() -> str:
            for peer in self._plan.peers:
                try:
                    async with asyncio.timeout(STEP_S):
                        _, writer = await asyncio.open_connection(
                            peer.address, SIPS_PORT, ssl=context, server_hostname=peer.fqdn
                        )
                except OSError as error:  # also ssl.SSLError and the time-out
                    return f"{peer.host_name}: {error or 'no answer'}"
                writer.close()
            return ""

        return await self._until_nothing(missing), ""

    async def _alice_registers(self) -> tuple[float, str]:
        return await self._register("alice", self._first, "tls", self._plan.phone_address(1), ALICE_HZ)

    async def _bob_registers(self) -> tuple[float, str]:
        return await self._register("bob", self._last, "udp", self._plan.phone_address(2), BOB_HZ)

    async def _register(self, user: str, peer: PeerPlan, transport: str, address: str, tone: int) -> tuple[float, str]:
        line = Line(
            user=user,
            domain=DOMAIN,
            password=self._passwords[user],
            address=address,
            server=peer.fqdn,
            transport=transport,
            tone_hz=tone,
            authority=self._plan.authority,
            dns=self._plan.dns_server,
        )
        started = time.monotonic()
        self._phones[user] = phone = await start_phone(line, _fresh(self._plan.state_dir / "phones" / user), self._user)
        await phone.registered(STEP_S)
        return time.monotonic() - started, ""

    async def _registrations_known(self) -> tuple[float, str]:
        wanted = {"alice": self._first.number, "bob": self._last.number}

        async def missing() -> str:
            for peer in self._plan.peers:
                lines = await ask(peer.socket, "registration list")
                listed = {(str(line["alias"]), line["peer"]) for line in lines}
                there = {one for one in listed if one[1] == peer.number} | listed & await routed(peer)
                known = {(alias.partition("@")[0].removeprefix("sip:"), number) for alias, number in there}
                for user, number in wanted.items():
                    if (user, number) not in known:
                        return f"{peer.host_name} does not know {user} on peer {number}; it knows {sorted(known)}"
            return ""

        return await self._until_nothing(missing), ""

    async def _call(self) -> tuple[float, str]:
        started = time.monotonic()
        await self._phones["alice"].call(f"sip:bob@{DOMAIN}", STEP_S)
        await self._phones["bob"].answered(STEP_S)
        return time.monotonic() - started, ""

    async def _call_shows(self) -> tuple[float, str]:
        async def missing() -> str:
            for peer in self._plan.peers:
                calls = await ask(peer.socket, "call list")
                if not any(call["state"] == "connected" for call in calls):
                    return f"{peer.host_name} shows {_words(calls)}"
            return ""

        return await self._until_nothing(missing), ""

    async def _audio(self) -> tuple[float, str]:
        async def counted() -> tuple[int, int] | None:
            _, alice = await self._phones["alice"].packets()
            _, bob = await self._phones["bob"].packets()
            self._received = alice, bob
            return self._received if min(alice, bob) >= PACKETS_MIN else None

        self._received = 0, 0
        counts, took = await until(counted, STEP_S)
        alice, bob = self._received
        seen = f"alice received {alice} RTP packets, bob {bob}"
        if counts is None:
            raise StepFailed(f"{seen} within {STEP_S:g} s; {PACKETS_MIN} of each were awaited")
        return took, seen

    async def _hang_up(self) -> tuple[float, str]:
        await self._phones["alice"].hang_up()

        async def left() -> str:
            for peer in self._plan.peers:
                if calls := await ask(peer.socket, "call list"):
                    return f"{peer.host_name} still shows {_words(calls)}"
            return ""

        took = await self._until_nothing(left)
        await self._phones["bob"].over(STEP_S)
        return took, ""

    async def _heard(self) -> tuple[float, str]:
        async def missing() -> str:
            deaf = [user for user, tone in (("alice", BOB_HZ), ("bob", ALICE_HZ)) if not self._hears(user, tone)]
            return f"{' and '.join(deaf)} heard nothing of the kind" if deaf else ""

        return await self._until_nothing(missing), f"{ALICE_HZ} Hz from alice, {BOB_HZ} Hz from bob"

    def _hears(self, user: str, tone: int) -> bool:
        try:
            return self._phones[user].heard(tone)
        except (OSError, ValueError):  # the recording is not finished yet
            return False

    async def _change(self) -> tuple[float, str]:
        times = []
        for value in SETTING_TRIES:
            started = time.monotonic()
            outcome = await ask(self._first.socket, "config set", {"path": SETTING, "value": str(value)})
            # Each peer is asked until it follows and then no more: asking costs it more than following does.
            digests = set(await asyncio.gather(*(self._follows(peer, outcome["stamp"]) for peer in self._plan.peers)))
            if len(digests) > 1:
                raise StepFailed(f"the peers run one revision with different digests: {sorted(digests)}")
            times.append(time.monotonic() - started)
        return min(times), f"one digest everywhere; {' and '.join(f'{1000 * took:.0f} ms' for took in times)}"

    async def _follows(self, peer: PeerPlan, wanted: object) -> str:
        """Wait until a peer runs a revision, and return the digest of what it runs."""
        digest = ""

        async def behind() -> str:
            nonlocal digest
            answer = await self._cluster(peer)
            digest = str(answer["digest"])
            return "" if answer["in_force"] == wanted else f"{peer.host_name} runs {answer['in_force']}, not {wanted}"

        await self._until_nothing(behind)
        return digest

    async def _cluster(self, peer: PeerPlan) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await ask(peer.socket, "cluster status")
        return answer

    async def _until_nothing(self, missing: Callable[[], Awaitable[str]], within_s: float = STEP_S) -> float:
        """Wait until nothing is missing any more; raises StepFailed with what still is."""
        last = ""

        async def look() -> bool:
            nonlocal last
            try:
                last = await missing()
            except Unanswered as error:
                last = str(error)
            return not last

        done, took = await until(look, within_s, EVERY_S)
        if not done:
            raise StepFailed(f"after {within_s:g} s {last}")
        return took


def unformed(answer: Mapping[str, Any], peer: PeerPlan) -> str:
    """Say what a peer's view of the cluster still lacks; empty when it is whole."""
    for other in answer["peers"]:
        if not other["clustering_ok"]:
            return f"{peer.host_name} sees peer {other['number']} as: {other['clustering']}"
        if not other["in_step"]:
            return f"{peer.host_name} sees peer {other['number']} out of step with the primary"
    return "" if answer["peers"] else f"{peer.host_name} has no peers"


def _all(count: int) -> str:
    return "the only peer" if count == 1 else f"all {count} peers"


def _words(calls: object) -> str:
    if not isinstance(calls, list) or not calls:
        return "no call"
    return ", ".join(f"{call['source']} to {call['destination']}, {call['state']}" for call in calls)


def _fresh(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        path.unlink()
    return directory
