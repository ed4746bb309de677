"""The commands about searches and the dial plan."""

from __future__ import annotations

from dataclasses import asdict

from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry
from sextet.admin.dialplan import search_catalogue as catalogue
from sextet.admin.dialplan.drafts import draft_of
from sextet.admin.dialplan.locating import Wish
from sextet.admin.dialplan.searches import LIST_MAX, Searches
from sextet.call.decision import HOPS_WITHOUT_HEADER
from sextet.model.schema import Problem, Refused

LINES_DEFAULT = 40  # one screen


def add_to(registry: Registry, searches: Searches) -> None:
    """Add them to a peer's commands."""
    locator = searches.locator

    async def history(actor: Actor, arguments: Arguments) -> object:
        most = int(arguments.get("lines", LINES_DEFAULT))
        return await searches.newest(str(arguments.get("containing", "")), min(most, LIST_MAX))

    async def show(actor: Actor, arguments: Arguments) -> object:
        found = await searches.find(str(arguments["id"]))
        if not found.lines:
            unheard = f" {', '.join(found.silent)} did not answer." if found.silent else ""
            sentence = f"There is no search {arguments['id']!r} any more; `search history` lists them.{unheard}"
            raise Refused(Problem("id", sentence))
        return found.lines[0]

    async def locate(actor: Actor, arguments: Arguments) -> object:
        wish = Wish(
            alias=str(arguments["alias"]),
            source=str(arguments.get("from", "LocalZone")),
            authenticated=not arguments.get("unauthenticated"),
            protocol=str(arguments.get("protocol", "SIP")),
            caller=str(arguments.get("caller", "")),
            user=str(arguments.get("user", "")),
            hops=int(arguments.get("hops", HOPS_WITHOUT_HEADER)),
        )
        return await locator.locate(wish, locator.draft(draft_of(arguments.get("draft"))))

    async def check_pattern(actor: Actor, arguments: Arguments) -> object:
        return locator.check_pattern(
            str(arguments["alias"]),
            str(arguments["pattern"]),
            str(arguments.get("type", "Prefix")),
            str(arguments.get("behavior", "Leave")),
            str(arguments.get("replace", "")),
        )

    async def check(actor: Actor, arguments: Arguments) -> object:
        hits = await searches.hits()
        return {"warnings": [asdict(one) for one in await locator.warnings()], "hits": hits}

    async def test(actor: Actor, arguments: Arguments) -> object:
        return locator.rehearse(locator.draft(draft_of(arguments.get("draft"))))

    registry.add(catalogue.SEARCH_HISTORY, history)
    registry.add(catalogue.SEARCH_SHOW, show)
    registry.add(catalogue.LOCATE, locate)
    registry.add(catalogue.CHECK_PATTERN, check_pattern)
    registry.add(catalogue.DIALPLAN_CHECK, check)
    registry.add(catalogue.DIALPLAN_TEST, test)
