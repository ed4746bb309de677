"""Maintenance > Upgrade: a package comes in, is checked and installed; which version runs next; what all peers run."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sextet.admin.actor import Actor
from sextet.admin.disk import upgrade_checks
from sextet.admin.disk.upgrade_checks import Finding, Seen
from sextet.admin.peers.mesh import peer_name
from sextet.admin.upload import Upload
from sextet.admin.wording import listed
from sextet.cluster.configuration.revisions import StoreDamaged, StoreLost
from sextet.cluster.configuration.system_key import KeyLost
from sextet.cluster.disk import package, tree
from sextet.cluster.disk.package import PACKAGE_BYTES_MAX, Label, NotAPackage
from sextet.cluster.disk.versions import FOLDER, InstallFailed, Place, Versions
from sextet.cluster.face import ClusterStatus
from sextet.engine import Journal
from sextet.model import alarms as types
from sextet.model import config
from sextet.model.alarms import AlarmType
from sextet.model.config import Difference
from sextet.model.schema import Problem, Refused
from sextet.model.sections import Root
from sextet.model.status import Alarm

INCOMING, PACKAGE = "incoming.part", "uploaded.tar.gz"  # in the folder of the versions
IN_PROGRESS = "Software upgrade in progress"  # as the original says
COMPLETE = "Upgrade complete! The new software will be used on the next restart"


class Peer(Protocol):
    """What it needs of the peer (cluster.peer.Peer)."""

    @property
    def saved(self) -> Root: ...

    def status(self) -> ClusterStatus: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLine:
    """What one peer of the cluster runs, as it says itself."""

    number: int
    name: str
    primary: bool
    this_system: bool
    heard: bool
    version: str
    next: str  # after its next restart, where that is another one
    before: str  # that can be selected again


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLine:
    """One version that is here."""

    number: int
    version: str
    runs: bool
    next: bool
    why_not: str  # why it cannot be selected; "" where it can, or is already


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The package that was uploaded, with what speaks for and against it."""

    version: str
    sha256: str
    size_bytes: int
    unpacked_bytes: int
    made: str
    upgrade_from: str
    findings: tuple[Finding, ...]

    @property
    def may_install(self) -> bool:
        """Whether nothing speaks against it for good."""
        return all(finding.verdict != "bad" for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The whole page."""

    sentence: str
    peers: tuple[PeerLine, ...]
    places: tuple[PlaceLine, ...]
    package: Package | None
    received_bytes: int  # of an upload that goes on
    working: str  # what is done at the moment, "" for nothing
    failed: str  # why another version runs than was chosen
    not_understood: int  # times that a row of another version came which this one does not understand


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What selecting an older version loses."""

    place: Place
    sentence: str
    differences: tuple[Difference, ...]  # from the database now to the copy from before


class Upgrades:
    """Everything about versions that an administrator can do on this peer.

    `raised` gives this peer's alarms, `trouble` what is wrong with the stored data, `backups` how many are kept;
    `demand` raises Refused for who may only look; `not_understood` counts rows of other versions that make no sense
    here; `tell` shows the other peers the versions that come next and came before; `trial` says why a version in a
    tree does not run.
    """

    def __init__(
        self,
        *,
        versions: Versions,
        state_dir: Path,
        place: int,
        peer: Peer,
        journal: Journal,
        set_alarm: Callable[[AlarmType, str, bool, str], None],
        raised: Callable[[], Sequence[Alarm]],
        trouble: Callable[[], str],
        backups: Callable[[], int],
        demand: Callable[[Actor, str], None],
        not_understood: Callable[[], int],
        tell: Callable[[str, str], None],
        trial: Callable[[Path, str], str] = tree.trial,
    ) -> None:
        self._tell, self._trial = tell, trial
        self._versions, self._folder, self._place = versions, state_dir / FOLDER, place
        self._peer, self._journal, self._set_alarm, self._raised = peer, journal, set_alarm, raised
        self._trouble, self._backups, self._demand, self._unknown = trouble, backups, demand, not_understood
        self.upload = Upload(self._folder / INCOMING, PACKAGE_BYTES_MAX)
        self._read: tuple[tuple[int, int], Label, str] | None = None  # what was uploaded, by its size and moment
        self._ways: dict[int, str] = {}  # why a place cannot be selected
        self._working = ""
        self._doing: set[asyncio.Task[Any]] = set()

    async def begin(self) -> None:
        """Say how this start went, and what the others are to know."""
        await self._look()
        failed = self._versions.selection.failed
        self._set_alarm(types.BOOT_MISMATCH, "", bool(failed), failed)

    async def state(self) -> State:
        """Show everything."""
        return State(
            sentence=self._sentence(),
            peers=self._peers(),
            places=self._places(),
            package=await self._package(),
            received_bytes=self.upload.received,
            working=self._working,
            failed=self._versions.selection.failed,
            not_understood=self._unknown(),
        )

    async def take(self, actor: Actor, file: Path, sha256: str = "") -> str:
        """Take a package of this host. Raises Refused."""
        self._demand(actor, "upload a package")
        await self.upload.copy(file)
        return await self.finish(actor, sha256)

    async def finish(self, actor: Actor, sha256: str = "") -> str:
        """Read the package that has come in, and keep it if it is whole. Raises Refused."""
        self._demand(actor, "upload a package")
        self._must_rest()
        try:
            found = await asyncio.to_thread(package.sha256_of, self.upload.path)
            if sha256 and sha256.strip().lower() != found:
                raise Refused(Problem("sha256", f"Nothing was kept: the SHA-256 of the package is {found}."))
            label = await asyncio.to_thread(package.check, self.upload.path)
            self.upload.path.replace(self._folder / PACKAGE)
        except FileNotFoundError:
            raise Refused(Problem("file", "No package was uploaded; choose one.")) from None
        except (NotAPackage, OSError) as error:
            raise Refused(Problem("file", f"Nothing was kept of the package: {error}.")) from error
        finally:
            self.upload.discard()
        detail = f"sextet-{label.version}.tar.gz, SHA-256 {found}"
        self._journal.event("System upgrade package uploaded", Detail=detail, **actor.audit)
        return f"Version {label.version} was uploaded. SHA-256: {found}"

    async def discard(self, actor: Actor) -> str:
        """Forget the package that was uploaded. Raises Refused."""
        self._demand(actor, "discard a package")
        self._must_rest()
        self.upload.discard()
        (self._folder / PACKAGE).unlink(missing_ok=True)
        return "The package that was uploaded is gone."

    async def install(self, actor: Actor, sha256: str) -> str:
        """Install the package that was uploaded, which must be the one with this SHA-256. Raises Refused."""
        self._demand(actor, "install a package")
        found = await self.demand_installable(sha256)
        return await self._whole(self._install(actor, found))

    async def demand_installable(self, sha256: str) -> Package:
        """Give the package that was uploaded; raises Refused where it could not be installed."""
        self._must_rest()
        found = await self._package()
        if found is None:
            raise Refused(Problem("file", "No package was uploaded."))
        if sha256.strip().lower() != found.sha256:
            raise Refused(Problem("sha256", f"Nothing was installed: the package that is here has {found.sha256}."))
        if against := [one for one in found.findings if one.verdict == "bad"]:
            raise Refused(*(Problem(one.id, f"{one.title}: {one.sentence}") for one in against))
        return found

    async def select(self, actor: Actor, number: int) -> str:
        """Have the version in this place run after the next restart. Raises Refused."""
        self._demand(actor, "select a version")
        await self.demand_selectable(number)
        place, seen = self._versions.place(number), self._versions.selection
        assert place is not None or number == seen.runs
        version = place.version if place else "this version"
        try:
            self._versions.choose(number)
        except OSError as error:
            raise Refused(Problem("", f"Nothing was changed: {error.filename}: {error.strerror}.")) from error
        self._set_alarm(types.BOOT_MISMATCH, "", False, "")
        self._journal.event("System upgrade selection", Detail=f"{version} (place {number})", **actor.audit)
        await self._look()
        if number == seen.runs:
            return f"{version} goes on after the next restart."
        before = self._versions.database_before(number)
        lost = " with the database from before it was left; what changed since is lost on this peer" if before else ""
        return f"{version} runs after the next restart{lost}."

    async def demand_selectable(self, number: int) -> None:
        """Raise Refused where the version in this place could not be selected."""
        self._must_rest()
        runs = self._versions.selection.runs
        if number != runs and (why := await asyncio.to_thread(self._versions.why_no_way_back, number)):
            raise Refused(Problem("place", f"Nothing was changed: {why}."))

    async def loss(self, number: int) -> Loss:
        """Say what selecting this version loses. Raises Refused."""
        place, why = self._versions.place(number), await asyncio.to_thread(self._versions.why_no_way_back, number)
        if place is None or why:
            raise Refused(Problem("place", f"It cannot be selected: {why}."))
        copy = self._versions.database_before(number)
        if copy is None:
            return Loss(place=place, sentence="Nothing is lost: it goes on with the database as it is.", differences=())
        try:
            stamp, document = await asyncio.to_thread(self._versions.stored_in, copy)
        except (OSError, StoreLost, StoreDamaged, KeyLost) as error:
            raise Refused(Problem("place", f"It cannot be selected: its copy cannot be read: {error}.")) from error
        then, now = config.to_document(config.read(document)[0]), config.to_document(self._peer.saved)
        sentence = (
            f"This peer gets its database from before the upgrade, {stamp}; now it has {self._peer.status().held}. "
            "What was changed since is lost on this peer; a copy of the database as it is now is kept."
        )
        return Loss(place=place, sentence=sentence, differences=tuple(config.differences(now, then)))

    async def _install(self, actor: Actor, found: Package) -> str:
        detail = f"sextet-{found.version}.tar.gz, SHA-256 {found.sha256}"
        self._journal.event("System upgrade started", Detail=detail, **actor.audit)
        self._working = f"{IN_PROGRESS}: {found.version}"

        def progress(done: int, whole: int) -> None:
            self._working = f"{IN_PROGRESS}: {found.version}, {100 * done // max(whole, 1)} % unpacked"

        def trial(folder: Path) -> str:
            self._working = f"{IN_PROGRESS}: {found.version} is tried"
            return self._trial(folder, found.version)

        try:
            file = self._folder / PACKAGE
            place = await asyncio.to_thread(self._versions.install, file, trial, progress)
            file.unlink(missing_ok=True)
        except InstallFailed as error:
            self._journal.event("System upgrade error", Detail=f"{detail}: {error}", **actor.audit)
            raise Refused(Problem("file", f"Nothing was installed: {error}.")) from error
        finally:
            self._working = ""
        self._set_alarm(types.BOOT_MISMATCH, "", False, "")
        self._journal.event("System upgrade completed", Detail=f"{detail}, place {place.number}", **actor.audit)
        await self._look()
        return f"{COMPLETE}: {place.version}."

    async def _package(self) -> Package | None:
        path = self._folder / PACKAGE
        try:
            seen = path.stat()
            if self._read is None or self._read[0] != (seen.st_size, seen.st_mtime_ns):
                label = await asyncio.to_thread(package.check, path)
                sha256 = await asyncio.to_thread(package.sha256_of, path)
                self._read = (seen.st_size, seen.st_mtime_ns), label, sha256
        except (OSError, NotAPackage):
            return None
        _, label, sha256 = self._read
        return Package(
            version=label.version,
            sha256=sha256,
            size_bytes=seen.st_size,
            unpacked_bytes=label.size_bytes,
            made=label.made,
            upgrade_from=label.upgrade_from,
            findings=upgrade_checks.judge(label, self._seen()),
        )

    def _seen(self) -> Seen:
        status, own = self._peer.status(), self._versions.place(self._place)
        others = [one for one in self._peers() if not one.this_system]
        primary = next((one for one in others if one.primary), None)
        return Seen(
            version=own.version if own else "",
            schema=own.schema if own else 0,
            primary=primary.name if primary else "",
            primary_version=primary.version if primary and primary.heard else "",
            others=[(one.name, one.version if one.heard else "") for one in others] if status.members else (),
            trouble=self._trouble(),
            free_bytes=shutil.disk_usage(self._folder.parent).free,
            backups=self._backups(),
            alarms=[alarm.number for alarm in self._raised()],
        )

    def _peers(self) -> tuple[PeerLine, ...]:
        return tuple(
            PeerLine(
                number=member.number,
                name=peer_name(member),
                primary=member.primary,
                this_system=member.this_system,
                heard=member.clustering_ok and member.status is not None,
                version=member.status.version if member.status else "",
                next=member.status.version_next if member.status else "",
                before=member.status.version_before if member.status else "",
            )
            for member in self._peer.status().members
        )

    def _places(self) -> tuple[PlaceLine, ...]:
        seen = self._versions.selection
        return tuple(
            PlaceLine(
                number=one.number,
                version=one.version,
                runs=one.number == self._place,
                next=one.number == seen.next,
                why_not=self._ways.get(one.number, ""),
            )
            for one in self._versions.places()
        )

    def _sentence(self) -> str:
        places = {one.number: one.version for one in self._places()}
        here = places.get(self._place, "")
        if (chosen := self._versions.selection.next) != self._place:
            return f"This peer runs {here}; {places.get(chosen, 'another version')} is used after the next restart."
        apart = [f"{one.name} runs {one.version}" for one in self._peers() if one.heard and one.version != here]
        if apart:
            wait = "no configuration goes between them until all run the same version"
            return f"This peer runs {here}, but {listed(apart)}: {wait}."
        return f"This peer runs {here}."

    async def _look(self) -> None:
        """Look which versions can be selected: reading them whole is nothing for every page."""
        for one in self._versions.places():
            runs = one.number == self._place
            self._ways[one.number] = "" if runs else await asyncio.to_thread(self._versions.why_no_way_back, one.number)
        seen, places = self._versions.selection, {one.number: one.version for one in self._versions.places()}
        chosen = places.get(seen.next, "") if seen.next != self._place else ""
        before = places.get(seen.before, "") if seen.before is not None and not self._ways.get(seen.before) else ""
        self._tell(chosen, before)

    def _must_rest(self) -> None:
        if self._working:
            raise Refused(Problem("", f"{self._working}: wait until that is done."))

    async def _whole(self, work: Coroutine[Any, Any, str]) -> str:
        """Bring to its end what was begun, although who asked for it may go away."""
        doing = asyncio.create_task(work)
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)
        return await asyncio.shield(doing)
