"""How is a registration ended from whichever peer? The peer that has the device drops it, asked or by itself.

The original lets people unregister only the devices of the peer that they are logged in to (facts 6.4). Nothing
keeps the device from registering anew; its calls go on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from sextet.cluster.face import Unregistered
from sextet.cluster.wire.feed import CallFailed
from sextet.engine import Engine, EngineError
from sextet.model.status import Registration

NAME = "unregister"  # of the call between peers
LIMIT_S = 5.0
REASON_CHARACTERS_MAX = 256
DEVICES_MAX = 200  # of one question: some 100 KB of aliases and contacts

Ask = Callable[[int, str, bytes, float], Awaitable[bytes]]
Device = tuple[str, str]  # alias, device
Registrations = Mapping[int, Mapping[str, Registration]]  # of each peer, by alias


class Unregistering:
    """Ends registrations here, or has other peers end theirs; `number` is this peer's place in the list."""

    def __init__(self, engines: Callable[[], Sequence[Engine]], number: Callable[[], int], ask: Ask) -> None:
        self._engines, self._number, self._ask = engines, number, ask

    async def end(
        self, registrations: Registrations, names: Mapping[int, str], devices: Collection[Device], reason: str
    ) -> Unregistered:
        """End those of these devices, which is told with this reason; says what was not done."""
        having = {
            number: [(alias, device) for alias, device in devices if _has(rows.get(alias), device)]
            for number, rows in registrations.items()
        }
        parts = [
            (number, names[number], found[start : start + DEVICES_MAX])
            for number, found in having.items()
            for start in range(0, len(found), DEVICES_MAX)
        ]
        results = await asyncio.gather(*(self._part(number, peer, found, reason) for number, peer, found in parts))
        return Unregistered(
            gone=tuple(gone for one in results for gone in one.gone),
            failures=tuple(failure for one in results for failure in one.failures),
        )

    async def answer(self, data: bytes) -> bytes:
        """End registrations because an administrator asked for it on another peer. Raises CallFailed."""
        try:
            asked = json.loads(data)
            reason = str(asked["reason"])[:REASON_CHARACTERS_MAX]
            devices = [(str(alias), str(device)) for alias, device in asked["devices"][:DEVICES_MAX]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CallFailed("these are no devices") from error
        return json.dumps(await self._here(devices, reason)).encode()

    async def _part(self, number: int, peer: str, devices: Sequence[Device], reason: str) -> Unregistered:
        """Have one peer end what it has."""
        try:
            if number == self._number():
                obstacles = await self._here(devices, reason)
            else:
                question = json.dumps({"devices": devices, "reason": reason}).encode()
                obstacles = [str(one) for one in json.loads(await self._ask(number, NAME, question, LIMIT_S))]
        except (CallFailed, ValueError, TypeError) as error:
            return Unregistered(gone=(), failures=(f"{_listed(devices)} stays registered with {peer}: {error}.",))
        told = list(zip(devices, obstacles, strict=False))
        return Unregistered(
            gone=tuple((number, *device) for device, obstacle in told if not obstacle),
            failures=tuple(
                f"{alias} was not unregistered from {peer}: {obstacle}." for (alias, _), obstacle in told if obstacle
            ),
        )

    async def _here(self, devices: Sequence[Device], reason: str) -> list[str]:
        """Give for each device why it could not be done, "" where it was."""
        return [await self._obstacle(alias, device, reason) for alias, device in devices]

    async def _obstacle(self, alias: str, device: str, reason: str) -> str:
        obstacle = "no engine has registrations there"
        for engine in self._engines():
            try:
                await engine.unregister(alias, device, reason)
            except EngineError as error:
                obstacle = str(error)
            else:
                return ""
        return obstacle


def _has(row: Registration | None, device: str) -> bool:
    return row is not None and any(binding.device == device for binding in row.bindings)


def _listed(devices: Sequence[Device]) -> str:
    aliases = list(dict.fromkeys(alias for alias, _ in devices))
    more = f" and {len(aliases) - 1} more" if len(aliases) > 1 else ""
    return f"{aliases[0]}{more}"
