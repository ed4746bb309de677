"""A KSR with behaviour: enough of Kamailio's script interface to run kemi/ in a test; scenarios run the real one."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from typing import Any

from sextet.sip.kemi.registration.contacts import contacts_of

OK, NO = 1, -1


class FakeKSR:
    """One message at a time; `replies`, `relayed` and `htables` are what a test looks at."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {"$shv(table)": 1}
        self.htables: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self.bindings: dict[str, list[dict[str, Any]]] = {}  # usrloc
        self.replies: list[tuple[int, str]] = []
        self.reply_headers: list[str] = []
        self.appended: list[str] = []
        self.relayed: list[list[tuple[str, str, int]]] = []  # per t_relay: (R-URI, next hop, flags) of each branch
        self.hops: list[list[str]] = []  # Max-Forwards of each of these
        self.unreachable: set[str] = set()  # next hops whose connection is refused
        self.connections: dict[str, int] = {}  # "address:port" -> the connection to it
        self.alive: set[int] = set()  # connections that are there
        self.logged: list[str] = []
        self.thrown: list[tuple[str, str, str]] = []  # data that was sent as it is: to whom, from which socket, what
        self.users: set[str] = set()  # whose digest is right
        self.retransmission = False
        self.status = 408
        self.suspended = 0
        self.answered_itself = 0  # answers to REGISTER that Kamailio made
        self.shown: list[tuple[str, str]] = []  # callers that were put in the place of who calls
        self.ring_ms = 0  # how long the branches sent last may ring
        self.patience_ms = 0  # how long the branches sent last have for a first answer
        self.silence = False  # whether the branch that failed had no answer at all
        self._uri, self._next, self._flags = "", "", 0
        self._branches: list[tuple[str, str, int]] = []
        self._sent = 0  # branches of this request
        self._ruids = 0
        self._fetched: list[dict[str, Any]] = []
        self._iterator: list[tuple[str, Any]] = []
        self.pv = self.htable = self.registrar = self.sl = self.hdr = self.tm = self.auth = self
        self.tcpops = self.tls = self.uac = self.tmx = self
        self.x = self.textops = self.pvx = self.corex = self.rr = self.dialog = self

    def request(self, method: str, uri: str, source: str = "192.0.2.9:5060;udp", **headers: str) -> FakeKSR:
        """Put a message before the script."""
        ip, port, transport = re.fullmatch(r"(.+):(\d+);(\w+)", source).groups()  # type: ignore[union-attr]
        to = headers.pop("to", uri)
        self.values = {
            "$shv(table)": self.values["$shv(table)"], "$rm": method, "$ru": uri, "$tu": to, "$si": ip,
            "$sp": int(port), "$proto": transport,
            "$ci": "call-1", "$cs": "1", "$ft": "tag-1", "$fu": "sip:caller@apolo.local",
            "$var(mark)": "mark-1", "$var(flow)": source,
        }  # fmt: skip
        if method == "INVITE":
            headers = {"Contact": f"<sip:caller@{ip}>", **headers}
        for name, value in headers.items():
            header = name.replace("_", "-")
            if header.startswith("$"):
                self.values[header] = value
            else:
                self.values[f"$hdr({header})"] = self.values[f"$(hdr({header})[*])"] = value
        self._uri, self._next, self._flags = uri, "", 0
        self._branches, self._sent = [], 0
        return self

    # pv and pvx
    def get(self, name: str) -> Any:
        if re.fullmatch(r"\$ulc\(\w+=>count\)", name):
            return len(self._fetched)
        found = re.fullmatch(r"\$\(ulc\(\w+=>(\w+)\)\[(\d+)\]\)", name)
        if found:
            return self._fetched[int(found[2])].get(found[1])
        if name.startswith("$shtitkey("):
            return self._iterator[0][0]
        if name.startswith("$shtitval("):
            return self._iterator[0][1]
        value = self.values.get(name)
        if isinstance(value, bytes):
            raise UnicodeDecodeError("utf-8", value, 0, 1, "as the real one does")
        return value

    def sets(self, name: str, value: str) -> int:
        self.values[name] = value
        return OK

    def seti(self, name: str, value: int) -> int:
        self.values[name] = value
        return OK

    def shv_seti(self, name: str, value: int) -> int:
        return self.seti(f"$shv({name})", value)

    def xavp_child_sets(self, root: str, name: str, value: str) -> int:
        return self.sets(f"$xavp({root}=>{name})", value)

    def sbranch_reset(self) -> int:
        for name in ("uri", "dst_uri", "flags"):
            self.values.pop(f"$sbranch({name})", None)
        return OK

    def sbranch_append(self) -> int:
        uri, target, flags = (self.values.get(f"$sbranch({name})") for name in ("uri", "dst_uri", "flags"))
        self._branches.append((str(uri), str(target), int(flags or 0)))
        return OK

    def sbranch_set_ruri(self) -> int:
        uri, target, flags = (self.values.get(f"$sbranch({name})") for name in ("uri", "dst_uri", "flags"))
        self._uri, self._next, self._flags = str(uri), str(target), int(flags or 0)
        return OK

    # htable
    def sht_get(self, table: str, key: str) -> Any:
        return self.htables[table].get(key)

    def sht_sets(self, table: str, key: str, value: Any) -> int:
        self.htables[table][key] = value
        return OK

    sht_seti = sht_sets

    def sht_setxs(self, table: str, key: str, value: Any, seconds: int) -> int:
        return self.sht_sets(table, key, value)

    def sht_rm(self, table: str, key: str) -> int:
        self.htables[table].pop(key, None)
        return OK

    def sht_inc(self, table: str, key: str) -> int:
        self.htables[table][key] = self.htables[table].get(key, 0) + 1
        return int(self.htables[table][key])

    def sht_lock(self, table: str, key: str) -> int:
        return OK

    sht_unlock = sht_lock

    def sht_iterator_start(self, name: str, table: str) -> int:
        self._iterator = [("", None), *self.htables[table].items()]
        return OK

    def sht_iterator_next(self, name: str) -> int:
        self._iterator = self._iterator[1:]
        return OK if self._iterator else NO

    def sht_iterator_end(self, name: str) -> int:
        return OK

    # registrar
    def save(self, table: str, flags: int) -> int:
        return self.save_uri(table, flags, str(self.values["$tu"]))

    def save_uri(self, table: str, flags: int, uri: str) -> int:
        if re.search("%[89A-Fa-f]", uri):
            return -1  # as un_escape() of Kamailio 5.6: an escape that is no ASCII
        alias = uri.removeprefix("sip:").lower()
        header = str(self.values.get("$(hdr(Contact)[*])") or "")
        rows = self.bindings.setdefault(alias, [])
        result = 4
        for contact in contacts_of(header, str(self.values.get("$hdr(Expires)") or "")):
            known = [row for row in rows if row["addr"] == contact.uri]
            result = 3 if contact.expires_s == 0 else 2 if known else 1
            if contact.expires_s == 0:
                rows[:] = [row for row in rows if row["addr"] != contact.uri]
            elif not known:
                self._ruids += 1
                rows.append(
                    {
                        "addr": contact.uri, "ruid": f"r{self._ruids}", "instance": contact.instance,
                        "regid": int(contact.reg_id or 0), "q": -1, "expires": int(time.time()) + 60,
                    }
                )  # fmt: skip
        return result

    def reg_send_reply(self) -> int:
        self.answered_itself += 1
        self.replies.append((200, "OK"))
        return OK

    def reg_fetch_contacts(self, table: str, uri: str, profile: str) -> int:
        self._fetched = list(self.bindings.get(uri.removeprefix("sip:"), []))
        return OK if self._fetched else NO

    def reg_free_contacts(self, profile: str) -> int:
        return OK

    def registered_uri(self, table: str, uri: str) -> int:
        return OK if self.bindings.get(uri.removeprefix("sip:")) else NO

    def unregister(self, table: str, uri: str) -> int:
        self.bindings.pop(uri.removeprefix("sip:"), None)
        return OK

    def unregister_ruid(self, table: str, uri: str, ruid: str) -> int:
        rows = self.bindings.get(uri.removeprefix("sip:"), [])
        rows[:] = [row for row in rows if row["ruid"] != ruid]
        return OK

    def lookup(self, table: str) -> int:
        rows = self.bindings.get(self._uri.removeprefix("sip:"), [])
        for row in rows[1:]:
            self._branches.append((row["addr"], "", 0))
        if rows:
            self._uri = rows[0]["addr"]
        return OK if rows else NO

    def lookup_to_dset(self, table: str, uri: str) -> int:
        rows = self.bindings.get(uri.removeprefix("sip:"), [])
        self._branches += [(row["addr"], "", 0) for row in rows]
        return OK if rows else NO

    # the request and its transaction
    def seturi(self, uri: str) -> int:
        self._uri = uri
        return OK

    def setdsturi(self, uri: str) -> int:
        self._next = uri
        return OK

    def resetdsturi(self) -> int:
        return self.setdsturi("")

    def setbflag(self, flag: int) -> int:
        self._flags |= 1 << flag
        return OK

    def resetbflag(self, flag: int) -> int:
        self._flags &= ~(1 << flag)
        return OK

    def isbflagset(self, flag: int) -> bool:
        return bool(self._flags & 1 << flag)

    def t_newtran(self) -> int:
        return 0 if self.retransmission else OK

    def t_relay(self) -> int:
        given = [(self._uri, self._next, self._flags), *self._branches]
        branches = [(uri, target.partition(";t=")[0], flags) for uri, target, flags in given]
        self.hops.append([target.partition(";hops=")[2] or self.values.get("$avp(hops)", "") for _, target, _ in given])
        self._branches = []
        for _, target, _ in given:  # as the branch route LEG notes whose it is
            if name := re.search(r";dev=(\w+)", target):
                self.values["$avp(rung)"] = f"{self.values.get('$avp(rung)') or ''} {self._sent}={name[1]}"
            self._sent += 1
        for _, target, _ in branches:
            if target not in self.unreachable:
                self.connections[target.removeprefix("sip:").partition(";")[0]] = 1
        if all(target in self.unreachable for _, target, _ in branches):
            return NO
        self.relayed.append(branches)
        return OK

    def set_connect_server_id(self, name: str) -> int:
        return self.sets("connect_server_id", name)

    def tcp_enable_closed_event_cid(self, connection: int) -> int:
        return OK

    def tcp_conid_alive(self, connection: int) -> int:
        return OK if connection in self.alive else NO

    def tcp_close_connection_id(self, connection: int) -> int:
        self.alive.discard(connection)
        return OK

    def modf(self, function: str, where: str, variable: str) -> int:
        if function != "tcp_get_conid":
            return NO
        self.values[variable] = self.connections.get(where, 0)
        return OK if self.values[variable] else NO

    def uac_req_send(self) -> int:
        return OK

    def t_suspend(self) -> int:
        self.values["$T(id_index)"], self.values["$T(id_label)"] = 7, 9
        self.suspended += 1
        return OK

    def t_branch_timeout(self) -> int:
        return OK if self.silence else NO

    def t_branch_replied(self) -> int:
        return NO if self.silence else OK

    def t_any_replied(self) -> int:
        return NO if self.silence else OK

    def t_get_status_code(self) -> int:
        return self.status

    def send_reply(self, status: int, reason: str) -> int:
        self.replies.append((status, reason))
        return OK

    def sendx(self, uri: str, socket: str, data: str) -> int:
        self.thrown.append((uri, socket, data))
        return OK

    def append(self, header: str) -> int:
        self.appended.append(header.strip())
        return OK

    def remove_hf(self, name: str) -> int:
        self.appended.append(f"-{name}")
        return OK

    def remove_hf_idx(self, name: str, place: int) -> int:
        self.appended.append(f"-{name}[{place}]")
        return OK

    def t_reply(self, status: int, reason: str) -> int:
        return self.send_reply(status, reason)

    def set_body(self, body: str, kind: str) -> int:
        self.values["$rb"], self.values["$cT"] = body, kind
        return OK

    def append_to_reply(self, header: str) -> int:
        self.reply_headers.append(header.strip())
        return OK

    def has_credentials(self, realm: str) -> int:
        return OK if "$au" in self.values else NO

    def pv_auth_check(self, realm: str, ha1: str, flags: int, checks: int) -> int:
        return OK if self.values.get("$au") in self.users else NO

    def auth_challenge(self, realm: str, flags: int) -> int:
        self.replies.append((401, realm))
        return OK

    def err(self, text: str) -> None:
        self.logged.append(text)

    def is_ACK(self) -> bool:
        return bool(self.values.get("$rm") == "ACK")

    def _fine(self, *arguments: Any) -> int:
        return OK

    def uac_replace_from(self, display: str, uri: str) -> int:
        self.shown.append((display, uri))
        return OK

    def record_route(self) -> int:
        return self.append("Record-Route: us")

    consume_credentials = via_add_xavp_params = add_rr_param = dlg_manage = _fine

    def t_set_fr(self, ring_ms: int, patience_ms: int) -> int:
        self.ring_ms, self.patience_ms = ring_ms, patience_ms
        return OK

    t_on_branch = t_on_reply = t_on_failure = t_on_branch_failure = _fine
