"""Status > Search history, Maintenance > Tools, runs of dial plan tests: what the dial plan did and would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.dialplan.drafts import draft_of, written
from sextet.admin.dialplan.locating import BEHAVIORS, PROTOCOLS, Wish
from sextet.admin.dialplan.searches import LIST_MAX, Searches
from sextet.call.decision import HOPS_WITHOUT_HEADER
from sextet.call.rehearsal import Rehearsed
from sextet.model.config import Change, Difference
from sextet.model.schema import Refused
from sextet.model.sections import Root
from sextet.model.settings.words import PATTERN_TYPES
from sextet.web.desk import Message
from sextet.web.guard import Visit, logged_in

FILTER_MAX = 128
HOPS_MAX = 255  # RFC 3261 20.22
HISTORY = "/status/search-history"
LOCATE = "/maintenance/tools/locate"
PATTERN = "/maintenance/tools/check-pattern"
TESTS = "/configuration/dial-plan/tests"


def tone_of(status: int) -> str:
    """Choose the colour of an outcome."""
    return "info" if not status else "ok" if status < 300 else "warn" if status in (408, 480, 486, 487, 603) else "bad"


async def show_history(visit: Visit) -> Response:
    """Show the newest searches of the whole cluster."""
    wanted = visit.query.get("filter", "").strip()[:FILTER_MAX]
    found = await _searches(visit).newest(wanted)
    rows = [(tone_of(line.search.status), line) for line in found.lines]
    return visit.page("search_history.html", rows=rows, silent=found.silent, filter=wanted, most=LIST_MAX)


async def show_search(visit: Visit) -> Response:
    """Show one search, rule by rule."""
    found = await _searches(visit).find(visit.query.get("id", "")[:64])
    if not found.lines:
        unheard = f" {', '.join(found.silent)} did not answer." if found.silent else ""
        raise HTTPException(404, f"There is no such search any more; the oldest go first.{unheard}")
    line = found.lines[0]
    return visit.page("search.html", line=line, search=line.search, tone=tone_of(line.search.status), tone_of=tone_of)


async def show_locate(visit: Visit) -> Response:
    """Show what would happen, once an alias is given."""
    return await _locate(visit, visit.query)


async def locate_on_draft(visit: Visit) -> Response:
    """Show what would happen on a draft; without one the page has an address that can be kept."""
    given = {name: text for name, text in visit.posted.items() if name not in ("csrf", "draft")}
    text = visit.posted.get("draft", "").strip()
    if not text:
        return visit.go(f"{LOCATE}?{urlencode(given)}")
    try:
        return await _locate(visit, given, text, _searches(visit).locator.draft(draft_of(text)))
    except Refused as refused:
        return await _locate(visit, given, text, refusal=_refused("It cannot be located.", refused))


async def draft_page(visit: Visit, changes: Sequence[Change]) -> Response:
    """Show the page with a draft, before an alias is given. Raises Refused for changes that cannot be saved."""
    return await _locate(visit, {}, written(changes) if changes else "", _searches(visit).locator.draft(changes))


async def _locate(
    visit: Visit, query: Mapping[str, str], text: str = "", draft: Root | None = None, refusal: Message | None = None
) -> Response:
    """Show the page; `text` is the draft as it was written, `refusal` what is wrong with it."""
    hops = query.get("hops", "").strip() or str(HOPS_WITHOUT_HEADER)
    known = hops.isascii() and hops.isdigit() and len(hops) < 4 and int(hops) <= HOPS_MAX
    wish = Wish(
        alias=query.get("alias", "").strip(),
        source=query.get("source", "LocalZone"),
        authenticated=query.get("authenticated", "Yes") == "Yes",
        protocol=query.get("protocol", "SIP"),
        caller=query.get("caller", "").strip(),
        user=query.get("user", "").strip(),
        hops=int(hops) if known else HOPS_WITHOUT_HEADER,
    )
    locator, found, message = _searches(visit).locator, None, refusal
    different: list[Difference] = []
    failing: list[Rehearsed] = []
    if not known:
        lines = (f"Hop count: {hops[:20]!r} is none; enter 0 to {HOPS_MAX}.",)
        message = Message(tone="bad", title="It cannot be located.", lines=lines)
    try:
        if draft is not None:
            different = locator.changed(draft)
            failing = [test for test in locator.rehearse(draft) if not test.passed]
        found = await locator.locate(wish, draft) if wish.alias and message is None else None
    except Refused as refused:
        message = _refused("It cannot be located.", refused)
    zones = [zone.name for zone in visit.desk.face.saved.zones if zone.state == "Enabled"]
    sources = ["LocalZone", "DefaultZone", *zones, *(subzone.name for subzone in visit.desk.face.saved.subzones)]
    return visit.page(
        "locate.html", wish=wish, sources=sources, protocols=PROTOCOLS, found=found, message=message, tone_of=tone_of,
        draft=text, different=different, failing=failing,
    )  # fmt: skip


async def show_pattern(visit: Visit) -> Response:
    """Show whether an alias matches a pattern, once both are given."""
    query = visit.query
    given = {name: query.get(name, "") for name in ("alias", "pattern", "replace")}
    given |= {"type": query.get("type", "Prefix"), "behavior": query.get("behavior", "Leave")}
    found, message = None, None
    if given["alias"] or given["pattern"]:
        try:
            found = _searches(visit).locator.check_pattern(
                given["alias"], given["pattern"], given["type"], given["behavior"], given["replace"]
            )
        except Refused as refused:
            message = _refused("It cannot be compared.", refused)
    return visit.page(
        "check_pattern.html", given=given, types=PATTERN_TYPES, behaviors=BEHAVIORS, found=found, message=message
    )


async def run_tests(visit: Visit) -> Response:
    """Run the tests that are stored with the dial plan, on what is saved."""
    try:
        results, message = _searches(visit).locator.rehearse(), None
    except Refused as refused:
        results, message = (), _refused("The tests cannot be run.", refused)
    return visit.page("dial_plan_tests.html", results=results, message=message)


ROUTES = (
    Route(HISTORY, logged_in(show_history), methods=["GET"]),
    Route(f"{HISTORY}/search", logged_in(show_search), methods=["GET"]),
    Route(LOCATE, logged_in(show_locate), methods=["GET"]),
    Route(LOCATE, logged_in(locate_on_draft), methods=["POST"]),
    Route(PATTERN, logged_in(show_pattern), methods=["GET"]),
    Route(f"{TESTS}/run", logged_in(run_tests), methods=["GET"]),
)


def _searches(visit: Visit) -> Searches:
    if visit.desk.searches is None:
        raise HTTPException(404, "This peer makes no searches.")
    return visit.desk.searches


def _refused(title: str, refused: Refused) -> Message:
    return Message(tone="bad", title=title, lines=tuple(problem.sentence for problem in refused.problems))
