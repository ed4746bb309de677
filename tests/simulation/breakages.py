"""Is the simulator worth anything? Breaks the cluster on purpose, one thing at a time, and looks which claim notices.

    python -m tests.simulation.breakages [--seeds N] [NAME ...]

Each breakage is a text of the product and another one in its place; it is made when the module is imported, in a process
of its own, and the days are played until a claim is broken. Exit code 1 where one is not noticed. Takes some minutes.
What a second line of defence makes good, and what takes a coincidence of thousands of days, is left to unit tests.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "sextet" / "cluster"
SEEDS = 60  # within which each is noticed
LONG_S = 16.0  # days of trouble longer than those of the ordinary test: fewer are needed


@dataclass(frozen=True, slots=True)
class Breakage:
    """One thing that is done wrongly."""

    name: str
    file: str  # below cluster/
    right: str
    wrong: str

    @property
    def module(self) -> str:
        return "sextet.cluster." + self.file.removesuffix(".py").replace("/", ".")

    def applied(self) -> str:
        """Give the source of the module with the breakage in it; raises ValueError where its text is not there once."""
        text = (SOURCE / self.file).read_text()
        if text.count(self.right) != 1:
            raise ValueError(f"{self.name}: {self.file} has {text.count(self.right)} times: {self.right}")
        return text.replace(self.right, self.wrong)


_PRIMARY, _CUSTODY, _FOLLOWING = "configuration/primary.py", "configuration/custody.py", "configuration/following.py"
_FRONT, _LINK, _MIRROR, _BOOK = "wire/front.py", "wire/link.py", "wire/mirror.py", "rows/registrations.py"
_ENROLMENT, _PROOF, _FEED = "wire/enrolment.py", "wire/proof.py", "wire/feed.py"

BREAKAGES = (
    # Who may change the configuration, and which one is true
    Breakage("no fence", _PRIMARY, "State.PRIMARY if self._is_author() else State.FENCED", "State.PRIMARY"),
    Breakage("promoted in name only", "changing.py", "if named and self._custody.authority.state is", "if False and self._custody.authority.state is"),
    Breakage("the last shown is the truth", _PRIMARY, "if self._rank(version) <= self._rank(self.newest):", "if version.stamp == self.head.stamp:"),
    Breakage("nothing is set aside", _PRIMARY, "aside = lost | {stamp for stamp in suspects if not includes(version, stamp)}", "aside = lost"),
    Breakage("what was set aside is forgotten", _PRIMARY, "suspects = self.aside | part", "suspects = part"),
    Breakage("shown before it is stored", _PRIMARY, "        self._storing = Store(version, aside)\n        return [self._storing]", "        self._storing = Store(version, aside)\n        return [Publish(version), self._storing]"),
    Breakage("what could not be stored is forgotten", _PRIMARY, "            self._waiting = failed\n", "            self._waiting = None\n"),
    Breakage("a full disk stays full", _PRIMARY, "return self._adopt() or self._try_disk()", "return self._adopt()"),
    Breakage("any ancestor will do", "configuration/history.py", "any(stamp.revision <= leg.revision for leg in mine)", "any(True for leg in mine)"),
    Breakage("terms forget where they come from", "configuration/history.py", "(*parent.lineage, parent.stamp)[-LINEAGE_MAX:]", "()"),
    Breakage("the disk is not waited for", _CUSTODY, "            return primary.NotStored(stamp, str(error))\n", "            return primary.Stored(stamp)\n"),
    Breakage("a founder forgets its key", _CUSTODY, "joining = self._membership if storing.version.cluster == self._membership.cluster else None", "joining = None"),
    Breakage("a recovery forgets proposals", "disk/vault.py", "head, aside=aside", "head, aside=()"),
    # What is in force
    Breakage("nothing waits for a restart", "configuration/settings.py", 'if saved.changes_take_effect == "At once":', "if saved:"),
    Breakage("a member leaves for another primary", "configuration/standing.py", "named and custody.membership.cluster and alone", "named and custody.membership.cluster"),
    Breakage("who moves up forgets all others", _BOOK, "        gone = self.peer_gone(number)\n", "        gone = [effect for other in list(self._aliases) for effect in self.peer_gone(other)]\n"),
    Breakage("backups are restored on members", "disk/vault.py", "if not any(self._editor.saved.clustering.peers) and not self._custody.membership.cluster:", "if True:"),
    # Who comes in, and who gets the key
    Breakage("every member gives the key", _ENROLMENT, "if facts.primary != facts.number:", "if False:"),
    Breakage("enrolment never closes", _FOLLOWING, "self.open_window(WINDOW_S - age_s)", "self.open_window(WINDOW_S)"),
    Breakage("the key for every certificate", _ENROLMENT, "if facts.bound.get(number, fingerprint) != fingerprint:", "if False:"),
    Breakage("removed peers stay connected", _FRONT, "if not same or old.members.get(connection.number) != new.members.get(connection.number):", "if not same:"),
    Breakage("what came in before Enforce stays", _FRONT, "return old.enforce or not new.enforce", "return True"),
    Breakage("every name is good", _FRONT, "if rules.enforce and (problem := certificates.mismatch(", "if False and (problem := certificates.mismatch("),
    Breakage("who did not verify is let in", _FRONT, "if rules.enforce and not hello.verified:", "if False:"),
    Breakage("every proof is good", _PROOF, 'return hmac.compare_digest(proof.encode(), transcript.proof(self._key, "caller").encode())', "return True"),
    # Links
    Breakage("no second try", _LINK, "self._retry_at = now if at_once else now + self._retry * (1 + self._dice())", "self._retry_at = now if at_once else now + 1e6"),
    Breakage("silence is not heard", _LINK, "if self._heard is not None and now >= self._heard + HEARTBEAT_LIMIT_S:", "if False:"),
    Breakage("a dial may take for ever", _LINK, "case State.CONNECTING if now >= self._began + DIAL_LIMIT_S:", "case State.CONNECTING if False:"),
    Breakage("a store may be silent for ever", _LINK, "case State.SYNCHRONISING if self._heard is None and now >= self._began + ATTACH_LIMIT_S:", "case State.SYNCHRONISING if False:"),
    Breakage("a new target ends nothing", _LINK, "        effects: list[Effect] = [Abort(self._attempt)] if self._busy() else []\n        self._attempt += 1\n        if self.target is None", "        effects: list[Effect] = []\n        self._attempt += 1\n        if self.target is None"),
    Breakage("old dials are listened to", _LINK, "return attempt == self._attempt and self._busy()", "return self._busy()"),
    Breakage("one timer is enough", "wire/peer_link.py", "self._timer = self._loop.call_at(due, self._tick) if due is not None else None", "self._timer = self._timer or (self._loop.call_at(due, self._tick) if due is not None else None)"),
    # Rows
    Breakage("gaps are not seen", _MIRROR, "if delivery.consumer_sequence != self._consumer_sequence + 1:", "if False:"),
    Breakage("the last row may be missing", _MIRROR, "        if last_consumer_sequence == self._consumer_sequence:\n", "        if True:\n"),
    Breakage("what is gone stays", _MIRROR, "unseen = [key for key in self._rows if key not in self._seen]", "unseen: list[str] = []"),
    Breakage("every store is the old one", _MIRROR, "            and store.identity == self._identity\n", ""),
    Breakage("a half-filled store is whole", _MIRROR, "        self._marked = known\n", "        self._marked = True\n"),
    Breakage("rows of another peer stay", "wire/peer_link.py", "            self._tell(self._mirror.clear(), self._attempt)\n", ""),
    Breakage("a new store stays empty", _FEED, "        self._dirty, self._shown = dict(self._rows), {}\n", ""),
    Breakage("unacknowledged rows are forgotten", _FEED, "                if not key.startswith(\"_\"):\n                    self._waiting(key).setdefault(key, value)\n            self._pending = {}", "                pass\n            self._pending = {}"),
    Breakage("a restart claims all devices", _BOOK, "self._next(alias) if self._pictured else 0", "self._next(alias)"),
    Breakage("both keep a device", _BOOK, "releases += [Release(alias, b.device) for b in mine if winners[b.device] != self.number]", "pass"),
    Breakage("equal claims of two peers", _BOOK, "best[binding.device] = max(best.get(binding.device, (-1, 0)), (binding.sequence, number))", "best[binding.device] = max(best.get(binding.device, (-1, 0)), (binding.sequence, self.number if number == self.number else 0))"),
    Breakage("what registered here is given up", _BOOK, "reclaimed = self._reclaim(alias, row) if row and number not in self._heard else []", "reclaimed: list[Effect] = []"),
    Breakage("engines hear of new locations only", _BOOK, "        for alias, owners in moved.items():\n            self._located.pop(alias, None)", "        moved = {alias: owners for alias, owners in moved.items() if owners}\n        for alias, owners in moved.items():\n            self._located.pop(alias, None)"),
)  # fmt: skip


class Breaker(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module with its breakage."""

    def __init__(self, breakage: Breakage) -> None:
        self._breakage = breakage

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self._breakage.module else None

    def get_source(self, fullname: str) -> str:
        return self._breakage.applied()

    def is_package(self, fullname: str) -> bool:
        return False


def main() -> int:
    """Break what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.breakages", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="breakages to make; without one, all")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="within how many days each is noticed")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in this process, one breakage
    chosen = parser.parse_args()
    known = {breakage.name: breakage for breakage in BREAKAGES}
    if unknown := [name for name in chosen.names if name not in known]:
        parser.error(f"no such breakage: {', '.join(unknown)}; there are: {', '.join(known)}")
    if chosen.here:
        return _play(known[chosen.names[0]], chosen.seeds)
    missed = 0
    for name in chosen.names or known:
        missed += _in_a_process(name, chosen.seeds)
    print(f"{len(chosen.names or known)} breakages, {missed} not noticed")
    return 1 if missed else 0


def _in_a_process(name: str, seeds: int) -> int:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.simulation.breakages",
        "--here",
        "--seeds",
        str(seeds),
        name,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(f"{name:40} {done.stdout.strip() or done.stderr.strip()[-300:]}", flush=True)
    return done.returncode


def _play(breakage: Breakage, seeds: int) -> int:
    sys.meta_path.insert(0, Breaker(breakage))
    from tests.support.simulator.checks import Broken
    from tests.support.simulator.day import Day

    for seed in range(seeds):
        try:
            Day(seed, trouble_s=LONG_S).play()
        except Broken as broken:
            print(f"seed {seed:<3} {broken.claim:12} {str(broken).partition('But: ')[2][:120]}")
            return 0
    print(f"not noticed within {seeds} seeds")
    return 1


if __name__ == "__main__":
    sys.exit(main())
