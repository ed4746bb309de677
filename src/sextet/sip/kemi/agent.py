"""sextetd's hand inside Kamailio: a process of its own that serves one socket, with everything the script can do.

One JSON message in, one or more out. `picture` writes all rows and then `{"end": true}`; the others answer with one
message.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from pathlib import Path
from typing import Any

from sextet.call.choice import written
from sextet.model.settings.protocols import PROXY_OFF
from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.instructions import Current
from sextet.sip.kemi.limits import guests, ledger, licensing, proxied, rerouting
from sextet.sip.kemi.registration.bindings import MOVED, drop_device, publish
from sextet.sip.kemi.reporting import Reporter
from sextet.sip.kemi.routing import calls
from sextet.sip.kemi.routing.cancelling import Cancelling
from sextet.sip.kemi.routing.tracing import WHOSE
from sextet.sip.kemi.zones import naming, traversal
from sextet.sip.kemi.zones.pinging import Pinger

SOCKET = "sockets/agent.sock"  # in the one directory that the engine's user may write
USERS_FILE = "users.json"
ROWS_PER_MESSAGE = 100
MESSAGE_BYTES_MAX = 1 << 20
WAIT_S = 5.0  # for a sextetd that does not read; then it is let go, and asks again
CLIENTS_MAX = 8
OVERDUE_S = 0.5  # between looks for calls that wait for an answer too long
SWEEP_S = 5.0  # between looks for traversal clients that went silent
COUNT_S = 2.0  # between counts of carried registrations, of which 7000, the most that a platform has, take some 7 ms
RECONCILE_S = 10.0  # our choice: 2000 calls take some 20 ms, in which no other call can be admitted


MESSAGES_CHARACTERS_MAX = 400_000  # in one answer; six bytes each at worst in JSON, and the socket's buffer holds that
ASKED = (
    "follow", "owners", "share", "release", "hold", "let_go", "cancelled", "pulse", "lost", "messages", "ping",
    "name", "answer",
)  # fmt: skip

NONE, ALL, SOME = 0, 1, 2  # of the subzones that check credentials; also for kamailio.cfg.j2
KNOWN, CHECKED = 1, 2  # of a peer or a zone; what kamailio.cfg.j2 asks the table `source` for


class Agent:
    """Everything sextetd asks for, by name."""

    def __init__(self, ksr: Any, run_dir: Path, reporter: Reporter) -> None:
        self._ksr = ksr
        self._run_dir = run_dir
        self._reporter = reporter
        self._current = Current(ksr, run_dir)
        self._users: dict[str, str] = {}
        self._directory = ""
        self._sources: dict[str, int] = {}
        self._domains: frozenset[str] = frozenset()
        self._pinger = Pinger(ksr, reporter)
        self._cancelling = Cancelling(ksr, reporter, run_dir)
        self._sweep_at_s = 0.0
        self._reconciled_at = 0.0
        self._ways: rerouting.Ways = ()
        self._rerouted = True  # a worker may have charged a call by the table before: it is looked at once more
        self._carried, self._counted_at_s = 0, 0.0
        self._guests: dict[int, list[str]] = {}
        self._owners: set[str] = set()  # seen since a complete list began

    def serve(self) -> None:
        """Serve for ever; raises OSError when the socket cannot be had."""
        self.follow({})
        beside = self._run_dir / f"{SOCKET}.new"
        beside.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(beside))
        os.chmod(beside, 0o600)
        listener.listen(CLIENTS_MAX)
        beside.rename(self._run_dir / SOCKET)  # whoever sees it can connect
        clients: list[socket.socket] = []
        while True:
            self._reporter.flush()
            for ready in select.select([listener, *clients], [], [], self._tick(time.monotonic()))[0]:
                if ready is listener:
                    clients = [*clients[-CLIENTS_MAX:], self._accepted(listener)]
                elif not self._answered(ready):
                    clients.remove(ready)
                    ready.close()

    def _tick(self, now_s: float) -> float:
        """Do what is due by the clock; gives the seconds until something is again. A fault in it is logged."""
        try:
            if now_s >= self._sweep_at_s:
                self._sweep_at_s = now_s + SWEEP_S
                traversal.sweep(self._ksr, self._reporter, self._rows("zone"), self._current.get(), now_s)
            for transaction in questions.overdue(self._rows("asking"), now_s):
                questions.go_on(self._ksr, transaction)
            return min(self._pinger.tick(now_s), self._cancelling.tick(now_s), OVERDUE_S)
        except Exception as error:  # the agent's other work must go on
            self._ksr.err(f"agent: {type(error).__name__}: {error}\n")
            return SWEEP_S

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Note what DNS said, and let the transaction go on that waited for it."""
        questions.keep(self._ksr, asked["answers"])
        questions.go_on(self._ksr, asked["transaction"])
        return {}

    def name(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Ask next hops of a DNS zone for the names that their certificates have to show."""
        naming.ask(self._ksr, self._current.get(), asked["zone"], asked["hops"])
        return {}

    def ping(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Ask the addresses of a zone now."""
        self._pinger.hurry(asked["zone"], time.monotonic())
        return {}

    def follow(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Use the newest instructions and users; says what is wrong with them where they cannot be used."""
        if not self._current.load():
            return {"problem": self._current.problem}
        told = self._current.get()
        self._ksr.htable.sht_sets("ctl", "realm", told.realm)
        checked = {policy == "Check credentials" for policy in told.table.subzones.values()}
        strangers = told.table.authentication_default == "Check credentials"
        self._ksr.pvx.shv_seti(
            "auth", {frozenset((True,)): ALL, frozenset((False,)): NONE}.get(frozenset(checked), SOME)
        )
        self._ksr.pvx.shv_seti("strangers", 1 if strangers else 0)
        self._ksr.pvx.shv_seti("carry", 0 if told.table.proxy_mode == PROXY_OFF else 1)
        timer_s = told.table.flow_timer_s
        self._ksr.htable.sht_sets("ctl", "flow", f"Flow-Timer: {timer_s}\r\n" if timer_s else "")
        self._set_domains(told.table.domains | told.table.hosts)
        self._set_users()
        self._set_directory(told.directory)
        known = {peer.ip for peer in told.table.peers.values() if peer.ip} | set(told.table.zone_of_ip)
        known |= {flow.rpartition(":")[0] for flow in told.table.zone_of_flow}
        self._set_sources(dict.fromkeys(known, KNOWN) | dict.fromkeys(told.verified, CHECKED))
        before, after = written(told.sessions_max, told.table.maintenance)
        self._ksr.htable.sht_sets("ctl", "load", before)
        self._ksr.htable.sht_sets("ctl", "rest", after)
        licensing.follow(self._ksr, told.table)
        self._pinger.follow(told, time.monotonic())
        self._ksr.pvx.shv_seti("table", int(self._ksr.pv.get("$shv(table)")) + 1)
        if self._ways != (ways := rerouting.ways_of(told.table)):
            rerouting.follow(self._ksr, self._reporter, told.table)
            self._ways, self._rerouted = ways, False
        return {"problem": ""}

    def owners(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Learn which other peers have devices of an alias; `begin` and `end` enclose a complete list."""
        if asked.get("begin"):
            self._owners = set()
        for alias, numbers in asked.get("set", {}).items():
            self._ksr.htable.sht_sets("owner", alias, numbers)
            self._owners.add(alias)
        for alias in asked.get("gone", ()):
            self._ksr.htable.sht_rm("owner", alias)
        if asked.get("end"):
            for alias in {name for name, _ in self._rows("owner")} - self._owners:
                self._ksr.htable.sht_rm("owner", alias)
        return {}

    def share(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Learn what other peers use of shared limits and know of our use; gives our own use at that moment."""
        views = {element: (others, confirmed, order) for element, (others, confirmed, order) in asked["views"].items()}
        with ledger.locked(self._ksr):
            order, use, again = ledger.see(self._ksr, views, int(asked["sharers"]), bool(asked.get("complete")))
        return {"order": order, "use": use, "again": again}

    def release(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Drop this peer's binding of a device, and its fast path with it."""
        found = drop_device(self._ksr, asked["alias"], asked["device"])
        publish(self._ksr, self._reporter, asked["alias"], why=asked.get("why") or MOVED)
        return {"found": found}

    def hold(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Hold back what answers the BYEs of a call until `let_go`; see hanging_up.py."""
        self._ksr.htable.sht_seti("held", asked["call_id"], 1)
        return {}

    def let_go(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Let the answers to the BYEs of a call through again."""
        self._ksr.htable.sht_rm("held", asked["call_id"])
        return {}

    def cancelled(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Note that sextetd had a call cancelled that rings."""
        self._ksr.htable.sht_seti("cancelled", f"{asked['call_id']} ", len(WHOSE) - 1)
        return {}

    def pulse(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Say that the process lives, and what was counted; now and then the ledger of bandwidth is made anew."""
        now_s = time.monotonic()
        if now_s - self._reconciled_at > RECONCILE_S:
            self._reconciled_at = now_s
            self._reconcile(now_s)
            if not self._rerouted:
                rerouting.follow(self._ksr, self._reporter, self._current.get().table)
                self._rerouted = True
        if now_s >= self._counted_at_s:
            self._counted_at_s = now_s + COUNT_S
            table = self._current.get().table
            with ledger.locked(self._ksr):
                self._carried = proxied.count(self._ksr, self._reporter, table)
            self._guests = guests.of_peers(self._ksr, table)
        counted = {name: int(value) for name, value in self._rows("count")}
        return {"count": counted, "carried": self._carried, "guests": list(self._guests.items())}

    def lost(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Note that a call is over, of which no message told."""
        calls.ended(self._ksr, self._reporter, asked["call_id"], asked["reason"])
        return {}

    def messages(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Give the messages that were kept since they were asked for last, at most one answer full."""
        found: list[tuple[str, str]] = []
        size = 0
        for slot, about in self._rows("about"):
            said = self._ksr.htable.sht_get("said", slot)
            text = said if isinstance(said, str) else "(cannot be shown)"
            size += len(text)
            if size > MESSAGES_CHARACTERS_MAX:
                break  # the others are asked for next
            found.append((about, text))
            for table in ("said", "about"):
                self._ksr.htable.sht_rm(table, slot)
        return {"messages": found}

    def _reconcile(self, now_s: float) -> None:
        with ledger.locked(self._ksr):
            rows = dict(ledger.rows_of(self._ksr, ledger.LOAD))
            living = frozenset(name for name, text in ledger.rows_of(self._ksr, "call") if not text.endswith("null]"))
            agents = [[row[3] for row in json.loads(text)[1]] for _, text in ledger.rows_of(self._ksr, "reg")]
            beside = licensing.registrations(self._ksr, agents) + proxied.beside(self._ksr)
            wrong = ledger.reconcile(self._ksr, self._reporter, rows, living, beside, now_s)
        for _ in range(wrong):
            self._ksr.htable.sht_inc("count", "unbalanced")

    def _picture(self, client: socket.socket) -> None:
        for table in ("reg", "call", "zone"):
            rows = [(table, name, json.loads(text)) for name, text in self._rows(table)]
            for start in range(0, len(rows), ROWS_PER_MESSAGE):
                client.send(json.dumps({"rows": rows[start : start + ROWS_PER_MESSAGE]}).encode())
        with ledger.locked(self._ksr):
            order, use = self._ksr.htable.sht_inc("ctl", "order"), ledger.used(self._ksr)
        elements = list(use)
        for start in range(0, len(elements), ROWS_PER_MESSAGE):
            part = {element: use[element] for element in elements[start : start + ROWS_PER_MESSAGE]}
            client.send(json.dumps({"rows": [("use", "", [order, part])]}).encode())
        client.send(b'{"end": true}')

    def _rows(self, table: str) -> list[tuple[str, str]]:
        rows = []
        self._ksr.htable.sht_iterator_start("row", table)
        try:
            while self._ksr.htable.sht_iterator_next("row") > 0:
                rows.append((str(self._ksr.pv.get("$shtitkey(row)")), str(self._ksr.pv.get("$shtitval(row)"))))
        finally:
            self._ksr.htable.sht_iterator_end("row")
        return rows

    def _set_users(self) -> None:
        users = json.loads((self._run_dir / USERS_FILE).read_text())
        for name in self._users.keys() - users.keys():
            self._ksr.htable.sht_rm("ha1", name)
        for name, ha1 in users.items():
            if self._users.get(name) != ha1:
                self._ksr.htable.sht_sets("ha1", name, ha1)
        self._users = users

    def _set_directory(self, directory: str) -> None:
        self._ksr.pvx.shv_seti("ldap", 1 if directory else 0)
        if directory != self._directory:
            for name, _ in self._rows("ldap"):
                self._ksr.htable.sht_rm("ldap", name)
        self._directory = directory

    def _set_domains(self, domains: frozenset[str]) -> None:
        for name in self._domains - domains:
            self._ksr.htable.sht_rm("domain", name)
        for name in domains - self._domains:
            self._ksr.htable.sht_seti("domain", name, 1)
        self._domains = domains

    def _set_sources(self, sources: dict[str, int]) -> None:
        for ip in self._sources.keys() - sources.keys():
            self._ksr.htable.sht_rm("source", ip)
        for ip, kind in sources.items():
            if self._sources.get(ip) != kind:
                self._ksr.htable.sht_seti("source", ip, kind)
        self._sources = sources

    def _accepted(self, listener: socket.socket) -> socket.socket:
        client, _ = listener.accept()
        client.settimeout(WAIT_S)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MESSAGE_BYTES_MAX)
        return client

    def _answered(self, client: socket.socket) -> bool:
        """Answer one message; False when the client is gone."""
        try:
            message = client.recv(MESSAGE_BYTES_MAX)
            if not message:
                return False
            asked = json.loads(message)
            if asked["ask"] == "picture":
                self._picture(client)
            else:
                name = asked["ask"]
                if name not in ASKED:
                    raise KeyError(name)
                answer = json.dumps(getattr(self, name)(asked)).encode()
                self._reporter.flush()  # who hears the answer has heard what it rests on
                client.send(answer)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._ksr.err(f"agent: {type(error).__name__}: {error}\n")
            return False
        return True
