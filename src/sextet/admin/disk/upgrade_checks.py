"""What speaks for and against installing a release package on this peer now: findings with their remedy. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sextet.admin.wording import listed
from sextet.cluster.disk import package
from sextet.cluster.disk.package import Label, rank

Verdict = Literal["ok", "warn", "bad"]  # bad: it is not installed
SPACE = 3  # times what it needs unpacked: the tree, what Python compiles of it, the package and the databases
IGNORED = (40049,)  # the original's instructions say so, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What it depends on, at one moment."""

    version: str  # that runs here
    schema: int  # of the database here
    primary: str = ""  # name of the configuration primary; "" where that is this peer, or nobody
    primary_version: str = ""  # "" where it cannot be heard
    others: Sequence[tuple[str, str]] = ()  # name and version of every other peer; "" where it cannot be heard
    trouble: str = ""  # what is wrong with the database or the system key
    free_bytes: int = 0
    backups: int = 0
    alarms: Sequence[int] = ()  # that are raised on this peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; ids never change."""

    id: str
    verdict: Verdict
    title: str
    sentence: str


def judge(label: Label, seen: Seen) -> tuple[Finding, ...]:
    """Look at everything."""
    whole = _finding("package", "Package", "ok", f"whole, {len(label.files)} files as its manifest says")
    return (whole, *_of_package(label, seen), *_of_peer(label, seen), *_of_cluster(label, seen))


def _of_package(label: Label, seen: Seen) -> Iterator[Finding]:
    here = package.why_not_here(label)
    made = f"made for Python {label.python} on {label.machine}, as here"
    yield _finding("platform", "Platform", "bad" if here else "ok", here or made)
    new, old = rank(label.version), rank(seen.version)
    if new < old:
        sentence = (
            f"{label.version} is older than {seen.version}, which runs here: a downgrade is not supported. Select the "
            "version before, or set the peer up anew with the older one."
        )
        yield _finding("version", "Version", "bad", sentence)
    elif new == old:
        yield _finding("version", "Version", "ok", f"{label.version} again, the version that runs here")
    elif old < rank(label.upgrade_from):
        first = f"{seen.version} runs here. Upgrade to {label.upgrade_from} first."
        yield _finding("version", "Version", "bad", f"from {label.upgrade_from} and later only; {first}")
    else:
        yield _finding("version", "Version", "ok", f"{seen.version} to {label.version}")


def _of_peer(label: Label, seen: Seen) -> Iterator[Finding]:
    if not label.schema_from <= seen.schema <= label.schema:
        sentence = f"format {seen.schema} is stored here, and it takes over {label.schema_from} to {label.schema}"
        yield _finding("schema", "Database", "bad", f"{sentence}. Use a later package.")
    elif seen.trouble:
        yield _finding(
            "schema", "Database", "bad", f"{seen.trouble} Repair it first: Maintenance > Backup and restore."
        )
    else:
        same = f"format {seen.schema} is taken over as it is"
        moved = f"format {seen.schema} becomes {label.schema}"
        kept = "a copy is kept for the way back"
        yield _finding("schema", "Database", "ok", f"{same if seen.schema == label.schema else moved}; {kept}")
    needed = SPACE * label.size_bytes
    enough = seen.free_bytes >= needed
    sentence = f"{needed >> 20} MB needed, {seen.free_bytes >> 20} MB free"
    yield _finding("space", "Disk space", "ok" if enough else "bad", sentence if enough else f"{sentence}. Free space.")
    backup = "there is one" if seen.backups else "none is kept here. Make one first: Maintenance > Backup and restore."
    yield _finding("backup", "Backup", "ok" if seen.backups else "warn", backup)
    alarms = [str(number) for number in sorted(set(seen.alarms)) if number not in IGNORED]
    raised = f"{listed(alarms)} raised here. Deal with them first." if alarms else "none but those that may stand"
    yield _finding("alarms", "Alarms", "warn" if alarms else "ok", raised)


def _of_cluster(label: Label, seen: Seen) -> Iterator[Finding]:
    if not seen.others:
        return
    if not seen.primary:
        yield _finding("order", "Order", "ok", "this is the configuration primary, which comes first")
    elif seen.primary_version == label.version:
        yield _finding("order", "Order", "ok", f"the primary {seen.primary} runs {label.version} already")
    else:
        runs = f"runs {seen.primary_version}" if seen.primary_version else "cannot be heard"
        sentence = (
            f"the primary {seen.primary} {runs}. Upgrade it first: until it runs {label.version} too, this peer "
            "gets none of its changes (20008)."
        )
        yield _finding("order", "Order", "warn", sentence)
    apart = [f"{name} ({version or 'not heard'})" for name, version in seen.others if version != label.version]
    if apart:
        sentence = (
            f"{listed(apart)}: until they run {label.version} too, calls and registrations go on between all "
            "peers, and changes of the configuration wait (20008)."
        )
        yield _finding("mixing", "Other peers", "ok", sentence)
    else:
        yield _finding("mixing", "Other peers", "ok", f"every other peer runs {label.version}")


def _finding(id: str, title: str, verdict: Verdict, sentence: str) -> Finding:
    return Finding(id=id, verdict=verdict, title=title, sentence=sentence)
