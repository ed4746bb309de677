"""What each command does: names and checked arguments in, values that JSON can say out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from sextet.admin import catalogue, listings
from sextet.admin.actor import Actor
from sextet.admin.catalogue import Command, Parameter
from sextet.admin.door import Door
from sextet.admin.listings import to_plain
from sextet.admin.peers import firewall, preflight, resources, views
from sextet.cluster.face import Face, Member, Moved, Outcome, Revision
from sextet.model.checks import TYPES as CHECKS
from sextet.model.config import Change, differences, is_peer_specific, setting_at, to_document
from sextet.model.schema import Problem, Refused
from sextet.model.status import Stamp
from sextet.watch.line import Entry

TEXT_MAX = 4096  # of one argument that is not a value
HISTORY_DEFAULT = 50  # as Face.history
LINES_DEFAULT = 40  # one screen
BESIDE = 5_000  # rows: more are written beside the event loop, which has peers to answer meanwhile
LOGS = ("event", "configuration", "network")

Arguments = Mapping[str, Any]
Run = Callable[[Actor, Arguments], Awaitable[object]]


class Usage(Exception):
    """A command was called wrongly; carries every problem, and nothing was done."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.sentence for problem in problems))
        self.problems = problems


class Log(Protocol):
    """Where the newest lines of the logs are found."""

    def tail(self, most: int, log: str) -> Sequence[Entry]: ...


class Registry:
    """The commands of one peer; others may be added, such as the lab's faults."""

    def __init__(self, demand_write: Callable[[Actor, str], None]) -> None:
        self._demand_write = demand_write
        self._commands: dict[str, tuple[Command, Run, Run | None]] = {}

    @property
    def commands(self) -> tuple[Command, ...]:
        return tuple(command for command, *_ in self._commands.values())

    def add(self, command: Command, run: Run, look: Run | None = None) -> None:
        """Add a command; its name must be new. `look` changes nothing; it refuses what `run` would, or do in vain."""
        assert command.name not in self._commands, f"{command.name} is there twice"
        self._commands[command.name] = command, run, look

    async def run(self, name: str, arguments: Arguments, actor: Actor) -> object:
        """Run one command; raises Usage, Refused, Moved, NoPrimary, or what a command of its own kind raises."""
        _, run, _, checked = self._found(name, arguments, actor)
        found = await run(actor, checked)
        if isinstance(found, tuple | list) and len(found) > BESIDE:
            return await asyncio.to_thread(to_plain, found)
        return to_plain(found)

    async def look(self, name: str, arguments: Arguments, actor: Actor) -> None:
        """Refuse what could not be done anyway, before a person is asked whether it shall be; raises as `run`."""
        command, run, look, checked = self._found(name, arguments, actor)
        if look is not None:
            await look(actor, checked)
        elif any(parameter.name == "dry_run" for parameter in command.parameters):
            await run(actor, {**checked, "dry_run": True})

    def _found(self, name: str, arguments: Arguments, actor: Actor) -> tuple[Command, Run, Run | None, Arguments]:
        if name not in self._commands:
            raise Usage(Problem("command", f"There is no command {name[:60]!r}; `sextet --help` lists them."))
        command, run, look = self._commands[name]
        checked = _checked(command, arguments)
        if command.writes:
            self._demand_write(actor, f"run `{command.name}`")
        return command, run, look, checked


class Commands:
    """The commands that every peer has."""

    def __init__(self, face: Face, door: Door, log: Log) -> None:
        self._face = face
        self._door = door
        self._log = log

    def registry(self) -> Registry:
        """Put them all under their names."""
        registry = Registry(self._door.demand_write)
        for command in catalogue.COMMANDS:
            name = command.name.replace(" ", "_").replace("-", "_")
            registry.add(command, getattr(self, name), look=getattr(self, f"look_at_{name}", None))
        return registry

    async def status(self, actor: Actor, arguments: Arguments) -> object:
        """Say how this peer and its cluster are."""
        ready, seen = views.readiness(self._face), views.overview(self._face)
        return {
            "ready": ready.ready,
            "reasons": ready.reasons,
            "state": seen.state,
            "sentence": seen.sentence,
            "findings": seen.findings,
            "role": views.role(self._face.status()),
            "revision": str(self._face.status().in_force),
            "registrations": seen.registrations,
            "calls": seen.calls,
            "alarms": seen.alarms,
        }

    async def cluster_status(self, actor: Actor, arguments: Arguments) -> object:
        """Show the cluster from here."""
        status, seen, page = self._face.status(), views.overview(self._face), views.clustering(self._face)
        return {
            "name": status.name,
            "state": seen.state,
            "sentence": seen.sentence,
            "findings": seen.findings,
            "role": page.role,
            "primary": status.primary,
            "database": status.database,
            "writable": status.writable,
            "why_not": status.why_not,
            "held": status.held,
            "in_force": status.in_force,
            "digest": status.digest,
            "restart_reasons": status.restart_reasons,
            "factory_reset": status.reset_list,
            "peers": [_peer(member, line) for member, line in zip(status.members, _filled(page), strict=True)],
            "links": seen.mesh.edges,
            "agreement": page.agreement,
        }

    async def cluster_promote(self, actor: Actor, arguments: Arguments) -> object:
        """Make this peer the primary."""
        return said_of(await self._door.promote(actor), stored=True)

    async def look_at_cluster_promote(self, actor: Actor, arguments: Arguments) -> None:
        """Refuse what is no promotion."""
        await self._door.demand_promotable(actor)

    async def peer_restart(self, actor: Actor, arguments: Arguments) -> object:
        """Restart this peer."""
        await self._door.restart(actor)
        return {"sentence": "This peer restarts now."}

    async def config_show(self, actor: Actor, arguments: Arguments) -> object:
        """List settings."""
        path = str(arguments.get("path", ""))
        lines = listings.configuration(self._face, path)
        if not lines:
            setting_at(path)  # raises Refused where there is no such setting; else it is a list without entries
            if "[" in path:
                raise Refused(Problem("path", f"There is nothing at {path}; `config show` lists what there is."))
        return lines

    async def config_set(self, actor: Actor, arguments: Arguments) -> object:
        """Change one setting."""
        return await self._change("set", actor, arguments)

    async def config_add(self, actor: Actor, arguments: Arguments) -> object:
        """Add an entry."""
        return await self._change("add", actor, arguments)

    async def config_remove(self, actor: Actor, arguments: Arguments) -> object:
        """Remove an entry."""
        return await self._change("remove", actor, arguments)

    async def config_diff(self, actor: Actor, arguments: Arguments) -> object:
        """Compare saved and running, or a revision and the one before it."""
        if not arguments.get("of"):
            return differences(to_document(self._face.running), to_document(self._face.saved))
        return self._face.difference_of(self._revision(str(arguments["of"])).stamp)

    async def config_undo(self, actor: Actor, arguments: Arguments) -> object:
        """Take a revision back."""
        dry_run = bool(arguments.get("dry_run", False))
        changes = self._face.undoing(self._revision(str(arguments["revision"])).stamp)
        return said_of(await self._door.change(actor, changes, dry_run=dry_run), stored=not dry_run)

    async def config_history(self, actor: Actor, arguments: Arguments) -> object:
        """List revisions."""
        return listings.history(self._face, int(arguments.get("most", HISTORY_DEFAULT)))

    async def config_set_aside(self, actor: Actor, arguments: Arguments) -> object:
        """List proposals."""
        return listings.proposals(self._face)

    async def config_dismiss(self, actor: Actor, arguments: Arguments) -> object:
        """Take a proposal off the list."""
        text = str(arguments["revision"])
        found = [one.revision for one in listings.proposals(self._face) if _names(text, one.revision.stamp)]
        if not found:
            sentence = f"No edit {text} is set aside; `config set-aside` lists them, such as r12."
            raise Refused(Problem("revision", sentence))
        await self._door.dismiss(actor, found[0].stamp)
        return {"sentence": f"The edit {found[0].revision} is listed no more."}

    async def registration_list(self, actor: Actor, arguments: Arguments) -> object:
        """List devices."""
        return listings.registrations(self._face, str(arguments.get("containing", "")))

    async def call_list(self, actor: Actor, arguments: Arguments) -> object:
        """List calls."""
        return listings.calls(self._face, str(arguments.get("containing", "")))

    async def alarm_list(self, actor: Actor, arguments: Arguments) -> object:
        """List alarms."""
        return listings.alarms(self._face)

    async def alarm_acknowledge(self, actor: Actor, arguments: Arguments) -> object:
        """Acknowledge an alarm of this peer, or of every peer that raises it."""
        number, subject = int(arguments["number"]), str(arguments.get("subject", ""))
        everywhere = arguments.get("all") is True
        done = await self._door.acknowledge(actor, number, subject, everywhere=everywhere)
        where = f" on {len(done)} peer{'' if len(done) == 1 else 's'}" if everywhere else ""
        return {"sentence": f"Alarm {number} is acknowledged{where}."}

    async def alarm_history(self, actor: Actor, arguments: Arguments) -> object:
        """List alarms that are over."""
        return listings.past_alarms(self._face)

    async def check(self, actor: Actor, arguments: Arguments) -> object:
        """Measure and judge every requirement."""
        only = str(arguments.get("id", ""))
        if only and only not in CHECKS:
            raise Usage(Problem("id", f"There is no check {only[:60]!r}; there are {', '.join(CHECKS)}."))
        return preflight.preflight(self._face, await self._face.check(), only)

    async def resource_usage(self, actor: Actor, arguments: Arguments) -> object:
        """Show use and limits of the whole cluster."""
        return resources.resources(self._face)

    async def ports(self, actor: Actor, arguments: Arguments) -> object:
        """Print the firewall plan."""
        before = bool(arguments.get("before_x88", False))
        checked = self._face.checks() if before else await self._face.check()
        return firewall.port_plan(self._face, checked, before_x88=before)

    async def log_tail(self, actor: Actor, arguments: Arguments) -> object:
        """Show the newest lines of a log."""
        lines = int(arguments.get("lines", LINES_DEFAULT))
        return [entry.text for entry in self._log.tail(lines, log_name(arguments))]

    async def _change(self, verb: Any, actor: Actor, arguments: Arguments) -> object:
        change = Change(verb, str(arguments["path"]), arguments.get("value"))
        expected = self._expected(str(arguments.get("revision", "")))
        dry_run = bool(arguments.get("dry_run", False))
        enforces = (change.path, change.value) == ("clustering.tls_verification_mode", "Enforce")
        warnings = preflight.enforce_warnings(self._face) if enforces else ()
        outcome = await self._door.change(actor, [change], expected=expected, dry_run=dry_run)
        return said_of(replace(outcome, warnings=(*outcome.warnings, *warnings)), stored=not dry_run)

    def _expected(self, revision: str) -> Stamp | None:
        held = self._face.status().held
        if revision and not _names(revision, held):
            raise Moved(f"The configuration is at {held} now, not at {revision}; look at it and try again.")
        return held if revision else None

    def _revision(self, revision: str) -> Revision:
        found = [one for one in self._face.history(1000) if _names(revision, one.stamp)]
        if not found:
            raise Refused(Problem("of", f"There is no revision {revision}; `config history` lists them, such as r12."))
        return min(found, key=lambda one: one.set_aside)


def log_name(arguments: Arguments) -> str:
    """Read which log is wanted; raises Usage."""
    name = str(arguments.get("log") or LOGS[0])
    if name not in LOGS:
        raise Usage(Problem("log", f"There is no log {name[:60]!r}; it is one of {', '.join(LOGS)}."))
    return name


def _names(text: str, stamp: Stamp) -> bool:
    return text in (str(stamp), f"r{stamp.revision}", str(stamp.revision))


def _checked(command: Command, arguments: Arguments) -> Arguments:
    known = {parameter.name: parameter for parameter in command.parameters}
    problems = [
        Problem(str(name)[:60], f"`{command.name}` has no argument {str(name)[:60]!r}; leave it out.")
        for name in arguments
        if name not in known
    ]
    for parameter in command.parameters:
        if parameter.name in arguments:
            problems += _argument_problems(parameter, arguments[parameter.name])
        elif parameter.required:
            problems.append(Problem(parameter.name, f"`{command.name}` needs the argument {parameter.name}; give it."))
    if problems:
        raise Usage(*problems)
    return arguments


def _argument_problems(parameter: Parameter, value: object) -> list[Problem]:
    wrong = ""
    if parameter.kind == "number" and (type(value) is not int or not parameter.low <= value <= parameter.high):
        wrong = f"must be a whole number from {parameter.low} to {parameter.high}"
    if parameter.kind == "flag" and type(value) is not bool:
        wrong = "must be true or false"
    if parameter.kind in ("text", "words") and (type(value) is not str or len(value) > TEXT_MAX):
        wrong = f"must be text of at most {TEXT_MAX} characters"
    if parameter.kind == "file" and type(value) is not str:
        wrong = "must be the content of a file"
    return [Problem(parameter.name, f"{parameter.name} {wrong}.")] if wrong else []


def said_of(outcome: Outcome, *, stored: bool) -> dict[str, object]:
    """Put what became of a change into values that JSON can say."""
    return {
        "stored": stored and bool(outcome.differences),
        "shared": not all(is_peer_specific(difference.path) for difference in outcome.differences),
        "revision": str(outcome.stamp),
        "stamp": outcome.stamp,
        "differences": outcome.differences,
        "restart": outcome.restart,
        "warnings": outcome.warnings,
    }


def _filled(page: views.ClusteringPage) -> list[views.PeerLine]:
    return [line for line in page.peers if line.address]


def _peer(member: Member, line: views.PeerLine) -> dict[str, object]:
    status = member.status
    return {
        "number": member.number,
        "name": line.name,
        "address": member.address,
        "this_system": member.this_system,
        "primary": member.primary,
        "clustering": member.clustering,
        "clustering_ok": member.clustering_ok,
        "cause": member.cause,
        "certificate": member.certificate,
        "certificate_ok": member.certificate_ok,
        "lines": [str(one) for one in line.lines],
        "state": member.link.state if member.link else "",
        "round_trip_ms": line.round_trip_ms,
        "in_step": member.in_step,
        "held": status.held if status else None,
        "in_force": status.in_force if status else None,
        "digest": status.digest if status else "",
        "version": status.version if status else "",
    }
