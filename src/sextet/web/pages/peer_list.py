"""One page for each job on the peer list: what it needs, what it would do, and then it is done for every peer."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.peers.peer_list import TITLES, PeerLists, Told
from sextet.cluster.peer_list import ADD, CHANGE, REPLACE, Job
from sextet.model.schema import Refused
from sextet.web.desk import Message
from sextet.web.guard import Visit, logged_in
from sextet.web.pages.clustering import PATH as CLUSTERING

PATH = f"{CLUSTERING}/list"
ASKS = {  # the jobs that need an address, and how it is asked for
    ADD: "Which system joins?",
    REPLACE: "Which system takes its place?",
    CHANGE: "What is its address from now on?",
}
CHANGED = "The peer list was changed meanwhile. Look at what this does now, and confirm it again."


async def show(visit: Visit) -> Response:
    """Ask for what the job needs, or show what it would do."""
    return await _page(visit, _job(visit.query))


async def do(visit: Visit) -> Response:
    """Do what was shown."""
    job = _job(visit.posted)
    if visit.posted.get("before") != _before(visit):
        return await _page(visit, job, (CHANGED,))
    try:
        told = await _lists(visit).do(visit.actor, job)
    except Refused as refused:
        return await _page(visit, job, _sentences(refused))
    tone = "warn" if told.warnings else "ok"
    return visit.go(CLUSTERING, Message(tone=tone, title=told.sentence, lines=(*told.warnings, *told.then)))


ROUTES = (
    Route(PATH, logged_in(show), methods=["GET"]),
    Route(PATH, logged_in(do), methods=["POST"]),
)


async def _page(visit: Visit, job: Job, refusals: tuple[str, ...] = ()) -> Response:
    told: Told | None = None
    if job.address or job.verb not in ASKS:
        try:
            told = await _lists(visit).preview(job)
        except Refused as refused:
            refusals = refusals or _sentences(refused)
    members = visit.desk.face.status().members
    return visit.page(
        "peer_list.html",
        422 if refusals else 200,
        title=TITLES[job.verb],
        name=next((one.address for one in members if one.number == job.peer), ""),
        job=job,
        asks="" if told else ASKS.get(job.verb, ""),
        told=told,
        refusals=refusals,
        before=_before(visit),
    )


def _job(given: Mapping[str, str]) -> Job:
    verb, peer = given.get("job", ""), given.get("peer", "0")
    if verb not in TITLES or not peer.isdecimal() or len(peer) > 2:
        raise HTTPException(404)
    return Job(verb=verb, peer=int(peer), address=given.get("address", "").strip()[:200])


def _before(visit: Visit) -> str:
    return " ".join(visit.desk.face.saved.clustering.peers)


def _sentences(refused: Refused) -> tuple[str, ...]:
    return tuple(problem.sentence for problem in refused.problems)


def _lists(visit: Visit) -> PeerLists:
    if visit.desk.lists is None:
        raise HTTPException(404)
    return visit.desk.lists
