"""The functions that kamailio.cfg calls: each guarded, so that no exception leaves Python.

Rank and process differ, the script is one: workers, timer and agent each have their own copy of it after the fork.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sextet.call.table import TableError
from sextet.sip.kemi import unreadable
from sextet.sip.kemi.agent import Agent
from sextet.sip.kemi.asking import directory, questions
from sextet.sip.kemi.instructions import Current
from sextet.sip.kemi.limits import admitting, charging, within
from sextet.sip.kemi.registration import carrying, flows, registering
from sextet.sip.kemi.registration.bindings import EXPIRED, LOST, publish
from sextet.sip.kemi.reporting import Reporter
from sextet.sip.kemi.routing import addresses, calls, failing, forking, onward, session_timing, targeting, tracing
from sextet.sip.kemi.routing.calling import furnish, initial, resumed
from sextet.sip.kemi.zones import naming, pinging, traversal

EVENTS_SOCKET = "events.sock"
ANSWERED = (
    "register", "registered", "required", "carry", "directory", "initial", "resumed", "keepalive", "target", "onward",
    "handed",
)  # fmt: skip
LONG_AGO = 10  # when usrloc 5.6 lets a binding expire whose connection was closed (UL_EXPIRED_TIME)
DONE = 1  # a callback that returns nothing breaks the next request


def guarded(body: Callable[[Script, Any], None]) -> Callable[..., int]:
    """Let no exception out: answer 500 where there is somebody to answer, count, and log one line."""

    def run(self: Script, message: Any, argument: str = "") -> int:
        try:
            body(self, argument)
        except Exception as error:  # the last frame of ours: what leaves here would break the worker's next request
            self.fault(body.__name__, error)
        self._reporter.flush()
        return DONE

    return run


class Script:
    """The object whose methods python_exec finds by name."""

    def __init__(self, ksr: Any, run_dir: Path) -> None:
        self._ksr = ksr
        self._run_dir = run_dir
        self._start()

    def child_init(self, rank: int) -> int:
        """Begin anew in every process: sockets and numbers are not shared across a fork."""
        self._start()
        return 0

    @guarded
    def register(self, argument: str) -> None:
        told = self._current.get()
        registering.register(self._ksr, self._reporter, told.table, told.realm, self._dice)

    @guarded
    def required(self, argument: str) -> None:
        refusal = registering.unsupported(self._ksr)
        self._ksr.pv.seti("$var(refused)", within.PASSED if refusal is None else within.REFUSED)
        if refusal is not None:
            self._ksr.sl.send_reply(refusal.status, refusal.reason)

    @guarded
    def unproved(self, argument: str) -> None:
        registering.unproved(self._ksr, self._reporter)

    @guarded
    def registered(self, argument: str) -> None:
        get = self._ksr.pv.get
        saved, granted_s = int(get("$var(saved)")), int(get("$xavp(reg=>expires)") or 0)
        registering.refreshed(self._ksr, self._reporter, saved, granted_s)

    @guarded
    def carry(self, argument: str) -> None:
        carrying.carry(self._ksr, self._reporter, self._current.get())

    @guarded
    def path(self, argument: str) -> None:
        carrying.path(self._ksr, self._current.get())

    @guarded
    def granted(self, argument: str) -> None:
        carrying.granted(self._ksr, self._reporter, self._current.get().table)

    @guarded
    def directory(self, argument: str) -> None:
        self._ksr.pv.seti("$var(waits)", 1)  # whatever goes wrong, nobody comes in by it
        told = self._current.get()
        if directory.look_up(self._ksr, self._reporter, told.realm, self._dice, lambda: furnish(self._ksr, told)):
            self._ksr.pv.seti("$var(waits)", 0)

    @guarded
    def initial(self, argument: str) -> None:
        initial(self._ksr, self._reporter, self._current.get(), argument == "proved")

    @guarded
    def resumed(self, argument: str) -> None:
        told = self._current.get()
        state, known = questions.resumed(self._ksr)
        if state["step"] == failing.STEP:
            failing.resumed(self._ksr, self._reporter, told, state, known)
        elif state["step"] == registering.STEP:
            registering.resumed(self._ksr, self._reporter, told, self._dice, state, known)
        else:
            resumed(self._ksr, self._reporter, told, state, known)

    @guarded
    def failed(self, argument: str) -> None:
        failing.failed(self._ksr, self._reporter, self._current.get())

    @guarded
    def flow(self, argument: str) -> None:
        self._ksr.pv.seti("$var(next)", 1 if addresses.moved(self._ksr, self._reporter, self._current.get()) else 0)

    @guarded
    def routed(self, argument: str) -> None:
        flows.routed(self._ksr)

    @guarded
    def cancelled(self, argument: str) -> None:
        tracing.ended(self._ksr, self._reporter, 487)
        calls.left(self._ksr, self._reporter, "487 Request Terminated")

    @guarded
    def leg(self, argument: str) -> None:
        forking.leg(self._ksr, self._current.get())

    @guarded
    def caller(self, argument: str) -> None:
        forking.caller(self._ksr, self._current.get())

    @guarded
    def pinged(self, argument: str) -> None:
        if str(self._ksr.pv.get("$uac_req(evparam)")).startswith(f"{naming.ASKED} "):
            naming.answered(self._ksr, self._reporter)
        else:
            pinging.answered(self._ksr, self._reporter, self._current.get())

    @guarded
    def named(self, argument: str) -> None:
        naming.pin(self._ksr, addresses.zone_of_branch(self._ksr))

    @guarded
    def bound(self, argument: str) -> None:
        self._ksr.pv.sets("$var(name)", naming.bound_for(self._ksr))

    @guarded
    def keepalive(self, argument: str) -> None:
        traversal.keepalive(self._ksr, self._reporter, self._current.get())

    @guarded
    def closed(self, argument: str) -> None:
        traversal.closed(self._ksr, self._reporter, self._current.get())

    @guarded
    def capped(self, argument: str) -> None:
        charging.lower(self._ksr, int(self._ksr.pv.get("$avp(cap)")))

    @guarded
    def barred(self, argument: str) -> None:
        self._ksr.pv.seti("$var(barred)", 1 if admitting.barred(self._ksr) else 0)

    @guarded
    def refreshed(self, argument: str) -> None:
        session = self._current.get().table.session
        refused = session_timing.refused(self._ksr, session)
        self._ksr.pv.seti("$var(refused)", within.REFUSED if refused else within.PASSED)
        if not refused:
            session_timing.ask(self._ksr, session)

    @guarded
    def offered(self, argument: str) -> None:
        within.offered(self._ksr, self._reporter, self._current.get().table)

    @guarded
    def answered(self, argument: str) -> None:
        within.answered(self._ksr, self._reporter, self._current.get().table)

    @guarded
    def target(self, argument: str) -> None:
        targeting.target(self._ksr, self._current.get())

    @guarded
    def onward(self, argument: str) -> None:
        self._ksr.pv.seti("$var(go)", 1 if onward.onward(self._ksr, self._reporter, self._current.get()) else 0)

    @guarded
    def leaving(self, argument: str) -> None:
        goes = onward.leaves(self._ksr, self._reporter, self._current.get())
        self._ksr.pv.seti("$var(go)", 1 if goes else 0)

    @guarded
    def handed(self, argument: str) -> None:
        targeting.handed(self._ksr, self._current.get())

    @guarded
    def unchanged(self, argument: str) -> None:
        within.unchanged(self._ksr, self._reporter, self._current.get().table)

    @guarded
    def expired(self, argument: str) -> None:
        get = self._ksr.pv.get
        why = LOST if get("$ulc(exp=>expires)") == LONG_AGO else EXPIRED
        publish(self._ksr, self._reporter, str(get("$ulc(exp=>aor)")), without=str(get("$ulc(exp=>ruid)")), why=why)

    @guarded
    def connected(self, argument: str) -> None:
        call_id = str(self._ksr.pv.get("$dlg(callid)"))
        calls.connected(self._ksr, self._reporter, call_id, time.monotonic(), charging.shown(self._ksr, call_id))
        tracing.ended(self._ksr, self._reporter, 200)

    @guarded
    def ended(self, argument: str) -> None:
        get = self._ksr.pv.get
        status, method, call_id = get("$rs"), get("$rm"), str(get("$dlg(callid)") or get("$ci"))
        if argument == "failed":
            reason = f"{status} {get('$rr') or ''}".strip() if status else "Not answered"
        else:
            reason = "Normal" if method == "BYE" else calls.overdue(self._ksr)
        serial = "" if argument == "within" else str(get("$dlg_var(serial)") or "")
        calls.ended(self._ksr, self._reporter, call_id, reason, serial)

    @guarded
    def unreadable(self, argument: str) -> None:
        self._ksr.pv.seti("$var(answered)", 1 if unreadable.refuse(self._ksr) else 0)

    @guarded
    def agent(self, argument: str) -> None:
        Agent(self._ksr, self._run_dir, self._reporter).serve()

    def fault(self, where: str, error: Exception) -> None:
        """Answer and count what went wrong in a callback."""
        self._ksr.err(f"{where}: {type(error).__name__}: {error}\n")
        try:
            self._ksr.htable.sht_inc("count", "faults")
            if where in ANSWERED and not self._ksr.is_ACK():
                waiting = isinstance(error, TableError)
                self._ksr.sl.send_reply(*((503, "Service Unavailable") if waiting else (500, "Server Internal Error")))
        except Exception as second:  # there is nobody left to tell
            self._ksr.err(f"{where}: {type(second).__name__}: {second}\n")

    def _start(self) -> None:
        self._current = Current(self._ksr, self._run_dir)
        self._reporter = Reporter(self._ksr, str(self._run_dir / EVENTS_SOCKET))
        self._dice = random.SystemRandom(os.getpid()).random
