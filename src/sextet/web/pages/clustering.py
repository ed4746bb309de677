"""System > Clustering: the guide's fields, the status lines beside each peer, and making this peer the primary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.peers import mappings, preflight, views
from sextet.admin.peers.peer_list import why_not_leave
from sextet.cluster.face import ClusterStatus, Face, Moved, NoPrimary
from sextet.model.config import Change, to_document
from sextet.model.schema import Problem, Refused
from sextet.model.settings.clustering import PEERS_MAX, Clustering
from sextet.web import forms
from sextet.web.desk import Message
from sextet.web.events import LivePage
from sextet.web.forms import Form, Texts
from sextet.web.guard import Visit, logged_in
from sextet.web.pages.configuration import NOTHING, refused_form
from sextet.web.saving import Kept, Plan, Saved, save

PATH = "/system/clustering"
PRIMARY = "configuration_primary"
PEERS = tuple(f"peer_{n}_address" for n in range(1, PEERS_MAX + 1))
ORDER = (  # as in the guide's pictures
    "cluster_name",
    PRIMARY,
    "tls_verification_mode",
    "cluster_ip_version",
    *PEERS,
    "address_mapping_enabled",
    "address_mappings",
    "changes_take_effect",
)
FIELDS = forms.editable(Clustering, [*ORDER, *(name for name, _ in forms.editable(Clustering) if name not in ORDER)])
LEAVE, ENFORCE = "leave_anyway", "enforce_anyway"


def clustering(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """Show what is live on the page: everything but the form."""
    return {"page": views.clustering(face), "peer_fields": PEERS}


PAGE = LivePage(PATH, "clustering.html", clustering)


async def show(visit: Visit) -> Response:
    """Show the page with the saved settings."""
    return _page(visit, forms.form_of(FIELDS, "clustering", _now(visit)))


async def submit(visit: Visit) -> Response:
    """Save; choosing this peer as the primary is asked for once more on a page of its own."""
    typed, was = forms.posted_texts(FIELDS, visit.posted), forms.posted_was(FIELDS, visit.posted)
    promote = _asks_for_promotion(visit.desk.face.status(), typed, was)

    def plan() -> Plan:
        now = _now(visit)
        wanted = {**typed, PRIMARY: now[PRIMARY]} if promote else typed
        both = forms.merged(FIELDS, wanted, was, now)
        if both.moved:
            return Plan(conflict=(both, now))
        values = forms.values_of(FIELDS, both.texts)
        return Plan(changes=tuple(Change("set", f"clustering.{name}", values[name]) for name in both.mine))

    doubts = _doubts(visit, typed)
    result = await save(visit, plan, doubts)
    if isinstance(result, Kept):
        form = refused_form(FIELDS, "clustering", typed, was, result)
        return _page(visit, form, result, [problem.field for problem in doubts])
    if promote:
        return visit.go(f"{PATH}/primary", result.message if result else None)
    return visit.go(PATH, _with_enrolment(visit, result.message, typed, was) if isinstance(result, Saved) else NOTHING)


async def ask_primary(visit: Visit) -> Response:
    """Ask whether this peer shall be the primary, with what follows from it."""
    return visit.page("primary.html", status=200, page=views.clustering(visit.desk.face))


async def make_primary(visit: Visit) -> Response:
    """Make this peer the configuration primary."""
    try:
        outcome = await visit.desk.door.promote(visit.actor)
    except Refused as refused:
        problems = tuple(problem.sentence for problem in refused.problems)
        return visit.go(PATH, Message(tone="bad", title="The configuration primary was not changed.", lines=problems))
    number = next((str(m.number) for m in visit.desk.face.status().members if m.this_system), "?")
    lines = (
        f"Now choose {number} as the configuration primary on every other peer, on the old primary first, and on "
        "one that cannot be reached as soon as it returns.",
        "Alarms 20016 and 20017 clear when all name the same.",
    )
    return visit.go(
        PATH, Message(tone="ok", title=f"This peer is the configuration primary: {outcome.stamp}.", lines=lines)
    )


async def show_suggested(visit: Visit) -> Response:
    """Show which address mappings the peers' system information suggests."""
    return visit.page("suggested.html", rows=mappings.suggest(visit.desk.face))


async def save_suggested(visit: Visit) -> Response:
    """Save them."""
    try:
        await mappings.save(visit.desk.face, visit.desk.door, visit.actor)
    except (Refused, Moved, NoPrimary) as refusal:
        return visit.go(
            PATH, Message(tone="bad", title="The address mappings were not changed.", lines=(str(refusal),))
        )
    line = "Compare each FQDN with the names in that peer's certificate."
    return visit.go(PATH, Message(tone="ok", title="The suggested address mappings were saved.", lines=(line,)))


ROUTES = (
    Route(f"{PATH}/suggested", logged_in(show_suggested), methods=["GET"]),
    Route(f"{PATH}/suggested", logged_in(save_suggested), methods=["POST"]),
    Route(PATH, logged_in(show), methods=["GET"]),
    Route(PATH, logged_in(submit), methods=["POST"]),
    Route(f"{PATH}/primary", logged_in(ask_primary), methods=["GET"]),
    Route(f"{PATH}/primary", logged_in(make_primary), methods=["POST"]),
)


def _page(visit: Visit, form: Form, kept: Kept | None = None, doubted: list[str] | None = None) -> Response:
    running = forms.texts_of(FIELDS, to_document(visit.desk.face.running.clustering))
    saved = _now(visit)
    context = {
        **clustering(visit.desk.face, {}),
        "form": form,
        "conflict": bool(kept and kept.conflict),
        "running": {
            name: running[name] for name in saved if saved[name] != running[name] and isinstance(saved[name], str)
        },
        "leave": "clustering.peer_1_address" in (doubted or []),
        "enforce": "clustering.tls_verification_mode" in (doubted or []),
        "message": kept.notice if kept else None,
    }
    return visit.page("clustering.html", 422 if kept else 200, live=True, **context)


def _now(visit: Visit) -> Texts:
    return forms.texts_of(FIELDS, to_document(visit.desk.face.saved.clustering))


def _asks_for_promotion(status: ClusterStatus, typed: Texts, was: Texts) -> bool:
    """Tell whether this system, which was not the primary, is chosen; where the list moves up, by its new number."""
    own = status.own
    if own is None or typed[PRIMARY] == was.get(PRIMARY, typed[PRIMARY]) or own.primary:
        return False
    addresses = [typed[name] for name in PEERS]
    number = addresses.index(own.address) + 1 if own.address in addresses else own.number
    return bool(typed[PRIMARY] == str(number))


def _doubts(visit: Visit, typed: Texts) -> list[Problem]:
    """Stop what may cut peers off or dissolve the cluster, until the person ticks that it is meant."""
    now = _now(visit)
    doubts = []
    clears = any(now[name] for name in PEERS) and not any(typed[name] for name in PEERS)
    own = visit.desk.face.status().own
    if clears and own and (refusal := why_not_leave(own.primary, len(visit.desk.face.status().members))):
        doubts.append(Problem("clustering.configuration_primary", refusal))
    elif clears and LEAVE not in visit.posted:
        sentence = "All peer addresses are empty: this peer leaves the cluster, and resets itself to factory settings "
        sentence += "at its next restart. Tick the box below if that is meant."
        doubts.append(Problem("clustering.peer_1_address", sentence))
    mode = "tls_verification_mode"
    if typed[mode] == "Enforce" != now[mode] and ENFORCE not in visit.posted:
        causes = "; ".join(preflight.enforce_obstacles(visit.desk.face))
        sentence = f"Enforce would cut off peers that do not meet what it needs ({causes})."
        sentence += " Put them right first, or tick the box below."
        doubts += [Problem(f"clustering.{mode}", sentence)] if causes else []
    return doubts


def _with_enrolment(visit: Visit, message: Message, typed: Texts, was: Texts) -> Message:
    """Say what comes next after the peer list was changed, as the guide does."""
    if not any(typed[name] for name in PEERS) or all(typed[name] == was.get(name, "") for name in PEERS):
        return message
    line = "Enter the same cluster name, primary, IP version and addresses in the same order on every other peer."
    joins = f"A peer that joins takes over the configuration of peer {typed[PRIMARY]}, its administrator accounts too: "
    joins += "log in there with the accounts of the cluster."
    return Message(tone=message.tone, title=message.title, lines=(*message.lines, line, joins), link=message.link)
