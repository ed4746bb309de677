"""At a start, before anything reads the database: ends what was cut off, and does the factory reset that is armed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sextet import __version__, journal
from sextet.bootstrap import Bootstrap
from sextet.cluster.disk import factory_reset, rebuilding
from sextet.cluster.disk.factory_reset import ResetFailed
from sextet.cluster.disk.paths import Paths
from sextet.engine import EngineError
from sextet.model import alarms
from sextet.watch.logs import Logs


def end_what_was_cut_off(state_dir: Path) -> None:
    """Put a new database in its place that a purge, reset or recovery had made. Raises EngineError."""
    try:
        rebuilding.finish(state_dir)
    except OSError as error:
        raise EngineError(f"the new database cannot be put in its place: {error.strerror}") from error


def reset_where_due(start: Bootstrap) -> str:
    """Reset this peer where that is armed; gives why it failed, "" where it did not."""
    if not factory_reset.due(start.state_dir):
        return ""
    logs = Logs(start.state_dir, start.address)
    try:
        detail = "the peer list was cleared, and this peer was restarted"
        journal.alarm_raised(logs, alarms.FACTORY_RESET_STARTED, detail)
        now = datetime.now(UTC)  # the wall clock, since certificates speak of moments
        done = factory_reset.reset(Paths.of(start), start.address, __version__, now)
        accounts = ", ".join(done.accounts) or "none"
        what = f"administrator accounts kept: {accounts}; what was here is kept in {done.kept}"
        logs.event("Factory Reset Completed", Detail=what)
        journal.alarm_lowered(logs, alarms.FACTORY_RESET_STARTED, detail)
    except ResetFailed as error:
        journal.alarm_lowered(logs, alarms.FACTORY_RESET_STARTED, "it failed")
        return f"Nothing was reset: {error}."
    finally:
        logs.close()
    return ""
