"""Commands that break things on purpose; a peer has them only where its bootstrap file says that it is one of a lab."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from sextet.admin.actor import Actor
from sextet.admin.catalogue import Command, Parameter
from sextet.admin.commands import Registry
from sextet.cluster.peer import Peer

HOURS_MAX = 30 * 24  # what happens to a lost peer has happened after 14 days


def add_to(registry: Registry, peer: Peer) -> None:
    """Add them all."""

    def add(name: str, help: str, act: Callable[[Mapping[str, Any]], object], *parameters: Parameter) -> None:
        async def run(actor: Actor, arguments: Mapping[str, Any]) -> object:
            act(arguments)
            return dict(arguments)

        registry.add(Command(name=name, help=help, parameters=parameters, writes=True), run)

    other = Parameter(name="peer", help="The number of the other peer.", kind="number", required=True, low=1, high=6)
    hours = Parameter(name="hours", help="How many hours.", kind="number", required=True, low=1, high=HOURS_MAX)
    add("lab block", "Let nothing through to and from a peer.", lambda given: peer.cut(given["peer"]), other)
    add("lab unblock", "Let everything through again.", lambda given: peer.cut(given["peer"], healed=True), other)
    add(
        "lab pass-time",
        "Let lost peers be lost for so many hours more.",
        lambda given: peer.let_pass(given["hours"]),
        hours,
    )
    add("lab fail", "Make an error of sextetd's own.", lambda given: asyncio.get_running_loop().call_soon(_fail))


def _fail() -> None:
    raise RuntimeError("made by the lab")
