"""The commands about searching logs and diagnostic logging."""

from __future__ import annotations

from sextet.admin.actor import Actor
from sextet.admin.commands import LINES_DEFAULT, Arguments, Registry, log_name
from sextet.admin.logs import record_catalogue as catalogue
from sextet.admin.logs.records import Records
from sextet.model.schema import Problem, Refused
from sextet.watch.sought import KINDS


def add_to(registry: Registry, records: Records) -> None:
    """Add them to a peer's commands."""

    async def search(actor: Actor, arguments: Arguments) -> object:
        lines, within_s = int(arguments.get("lines", LINES_DEFAULT)), 60.0 * int(arguments.get("within", 0))
        text, kind = str(arguments["text"]), str(arguments.get("kind") or "")
        if kind and kind not in KINDS:
            raise Refused(Problem("kind", f"There are no lines about {kind}; choose one of {', '.join(KINDS)}."))
        found = await records.search(log_name(arguments), text, lines, kind=kind, within_s=within_s)
        return [entry.text for entry in found]

    async def servers(actor: Actor, arguments: Arguments) -> object:
        return records.servers()

    async def start(actor: Actor, arguments: Arguments) -> object:
        everywhere, capture = bool(arguments.get("all")), bool(arguments.get("capture"))
        return await records.start(actor, everywhere=everywhere, capture=capture)

    async def stop(actor: Actor, arguments: Arguments) -> object:
        return await records.stop(actor, everywhere=bool(arguments.get("all")))

    async def status(actor: Actor, arguments: Arguments) -> object:
        return await records.states()

    async def mark(actor: Actor, arguments: Arguments) -> object:
        records.mark(actor, str(arguments["text"]))
        return {"sentence": "The marker is in this peer's diagnostic log."}

    async def collect(actor: Actor, arguments: Arguments) -> object:
        path = await records.archive(actor)
        return {"sentence": f"The archive is {path}.", "path": str(path), "bytes": path.stat().st_size}

    registry.add(catalogue.LOG_SEARCH, search)
    registry.add(catalogue.LOG_SERVERS, servers)
    registry.add(catalogue.DIAGNOSTICS_START, start)
    registry.add(catalogue.DIAGNOSTICS_STOP, stop)
    registry.add(catalogue.DIAGNOSTICS_STATUS, status)
    registry.add(catalogue.DIAGNOSTICS_MARK, mark)
    registry.add(catalogue.DIAGNOSTICS_COLLECT, collect)
