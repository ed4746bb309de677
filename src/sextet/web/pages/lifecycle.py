"""Maintenance > Maintenance mode; and the two acts on a peer as a whole: force its configuration, reset it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.peers.lifecycle import Lifecycles
from sextet.model.schema import Refused
from sextet.web.desk import Message
from sextet.web.guard import Visit, logged_in

PATH = "/maintenance/mode"


async def show(visit: Visit) -> Response:
    """Say how far this peer is emptied, and whether a factory reset waits."""
    lives = _lives(visit)
    return visit.page(
        "maintenance_mode.html",
        maintenance=lives.maintenance,
        sentence=lives.maintenance_sentence(),
        reset=await lives.reset_state(),
        is_primary=_is_primary(visit),
    )


async def switch(visit: Visit) -> Response:
    """Turn maintenance mode on or off."""

    async def act(lives: Lifecycles) -> Response:
        await lives.maintain(visit.actor, visit.posted.get("mode") == "on")
        return visit.go(PATH, Message(tone="ok", title=lives.maintenance_sentence()))

    return await _done(visit, act)


async def force(visit: Visit) -> Response:
    """Take the primary's configuration over."""

    async def act(lives: Lifecycles) -> Response:
        return visit.go(PATH, Message(tone="ok", title=await lives.force_update(visit.actor)))

    return await _done(visit, act)


ROUTES = (
    Route(PATH, logged_in(show), methods=["GET"]),
    Route(PATH, logged_in(switch), methods=["POST"]),
    Route(f"{PATH}/force", logged_in(force), methods=["POST"]),
)


async def _done(visit: Visit, act: Callable[[Lifecycles], Awaitable[Response]]) -> Response:
    try:
        return await act(_lives(visit))
    except Refused as refused:
        lines = tuple(problem.sentence for problem in refused.problems)
        return visit.go(PATH, Message(tone="bad", title="That was not done.", lines=lines))


def _is_primary(visit: Visit) -> bool:
    return any(member.this_system and member.primary for member in visit.desk.face.status().members)


def _lives(visit: Visit) -> Lifecycles:
    if visit.desk.lives is None:
        raise HTTPException(404)
    return visit.desk.lives
