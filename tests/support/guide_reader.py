"""Who does what the guide says? A reader with nothing but the web pages, command line and logs of real peers."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from sextet.lab.ask import Unanswered
from sextet.lab.documents import Secrets
from sextet.lab.plan import CLUSTER_NAME, PeerPlan, Plan
from tests.support.real_lab import Lab, edit_initial, stand_alone
from tests.support.web_client import fields_of, words_of

CLUSTERING, RESTART, UPGRADE = "/system/clustering", "/maintenance/restart", "/maintenance/upgrade"
AT_RESTART, AT_ONCE = "At restart", "At once"
WAIT_S = 60.0  # what the guide gives minutes for takes seconds; this is for a busy machine
INSTALLED_S = 120.0  # a release is compiled and written through to the disk, with whatever else waits for that disk
LOOK_S = 0.1
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
_LINES = r'<div id="live_peer_{}">(.*?)</div>'
_DATABASE = re.compile(r'id="live_database">(.*?)</p>', re.S)
_ALARM = r'<tr id="a{}">(.*?)</tr>'
T = TypeVar("T")


class Reader:
    """Sits in front of all peers of a lab at once, logged in as the administrator."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._clients: dict[int, httpx2.Client] = {}
        self._read = {number: 0 for number in lab.numbers}

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def name(self, number: int) -> str:
        return self.lab.peer(number).fqdn

    def open(self, number: int, path: str) -> str:
        """Open a page, as HTML; a peer that restarted wants the password again."""
        client = self._client(number)
        answer = client.get(path)
        if answer.url.path == "/login":
            fields = fields_of(answer.text, "/login")
            client.post("/login", data={**fields, "user": "admin", "password": self.lab.administrator})
            answer = client.get(path)
        assert (answer.status_code, answer.url.path) == (200, path.partition("?")[0]), f"{path}: {answer.url}"
        return answer.text

    def words(self, number: int, path: str) -> str:
        return words_of(self.open(number, path))

    def save(self, number: int, path: str = CLUSTERING, **typed: str) -> str:
        """Open a page, type, select Save; gives the page that comes then, in words."""
        fields = fields_of(self.open(number, path), None)
        return words_of(self._client(number).post(path, data={**fields, **typed}).text)

    def choose(self, number: int, primary: int) -> str:
        """Select a configuration primary and Save; a system that is to be it itself is asked once more."""
        answered = self.save(number, configuration_primary=str(primary))
        own = f"Make expc{number:02} the primary"
        if own not in answered:
            return answered
        token = _token(self.open(number, f"{CLUSTERING}/primary"))
        return words_of(self._client(number).post(f"{CLUSTERING}/primary", data={"csrf": token}).text)

    def takes_effect(self, when: str, *numbers: int) -> None:
        """Choose on peer 1 when cluster changes take effect, and wait until every peer knows."""
        if self.chosen(1, "changes_take_effect") != when:
            self.save(1, changes_take_effect=when)
        for number in numbers or self.lab.numbers:
            look = lambda number=number: self.chosen(number, "changes_take_effect")
            self.until(f"peer {number} has it", look, (when,))

    def restart(self, *numbers: int) -> None:
        """Maintenance > Restart options, Restart, OK; waits until the web interface can be accessed again."""
        before = {}
        for number in numbers:
            page, before[number] = self.open(number, RESTART), self._alive(number)
            answered = words_of(self._client(number).post(RESTART, data={"csrf": _token(page)}).text)
            assert "is restarting" in answered, answered
        for number in numbers:
            self.wait(f"peer {number} is back", lambda number=number: self._alive(number) not in ("", before[number]))

    def chosen(self, number: int, name: str) -> str:
        """Read what is chosen in a drop-down of the Clustering page, refreshed."""
        select = self.open(number, CLUSTERING).partition(f'name="{name}"')[2].partition("</select>")[0]
        return select.partition("<option selected>")[2].partition("<")[0]

    def press(self, number: int, page: str, action: str, **typed: str) -> str:
        """Open a page and press the button of the form that goes there; gives the page that comes then, in words."""
        fields = fields_of(self.open(number, page), action)
        return words_of(self._client(number).post(action, data={**fields, **typed}).text)

    def send(self, number: int, page: str, action: str, fields: dict[str, str], file: tuple[str, bytes]) -> Any:
        """Send a file with a form of a page, as a script of it does; gives the answer."""
        data = {"csrf": _token(self.open(number, page)), **fields}
        answer = self._client(number).post(action, data=data, files={"file": file})
        return answer.json() if "json" in answer.headers["content-type"] else words_of(answer.text)

    def upgrade(self, package: Path, *numbers: int) -> None:
        """Maintenance > Upgrade: upload the package, continue with the upgrade."""
        for number in numbers:
            said = self.send(number, UPGRADE, f"{UPGRADE}/upload", {}, (package.name, package.read_bytes()))
            assert "was uploaded. SHA-256" in said, said
            self.press(number, UPGRADE, f"{UPGRADE}/install")
        for number in numbers:
            look = lambda number=number: self.words(number, UPGRADE)
            words = ("The new software will be used on the next restart",)
            self.until(f"peer {number} has it", look, words, INSTALLED_S)

    def line(self, number: int, of: int) -> str:
        """Read what stands beside a peer's address."""
        found = re.search(_LINES.format(of), self.open(number, CLUSTERING), re.S)
        return words_of(found[1]) if found else ""

    def sees(self, number: int, of: int, *words: str) -> str:
        """Refresh the page until these words stand beside a peer's address."""
        return self.until(f"peer {number} shows {words} beside peer {of}", lambda: self.line(number, of), words)

    def active(self, *numbers: int) -> None:
        """See the guide's green lines on every peer: Valid; This system, or Active as its host name."""
        for number in numbers or self.lab.numbers:
            for of in numbers or self.lab.numbers:
                peer = self.lab.peer(of)
                resolved = f"Active as {peer.host_name} (Resolved '{peer.fqdn}' as '{peer.address}')"
                self.sees(number, of, "✔ Certificate: Valid", "✔ Clustering: " + _own(number == of, resolved))
            self.database(number, "✔ Active")

    def database(self, number: int, wanted: str) -> None:
        """Refresh until the cluster database status is this."""

        def look() -> str:
            found = _DATABASE.search(self.open(number, CLUSTERING))
            return words_of(found[1]) if found else ""

        self.until(f"the database status of peer {number} is {wanted}", look, (wanted,))

    def alarms(self, number: int, alarm: int) -> str:
        """Read the row of an alarm on a peer's page; empty where the peer does not raise it itself."""
        row = re.search(_ALARM.format(alarm), self.open(number, "/status/alarms"), re.S)
        return words_of(row[1]) if row and f"<strong>expc{number:02}</strong>" in row[1] else ""

    def alarm(self, alarm: int, *numbers: int, says: Sequence[str] = ()) -> None:
        """Refresh until each of these peers shows its alarm, with these words in its row."""
        for number in numbers:
            look = lambda number=number: self.alarms(number, alarm)
            self.until(f"peer {number} raises {alarm}", look, (str(alarm), *says))

    def no_alarm(self, alarm: int, *numbers: int) -> None:
        """Refresh until these peers show an alarm no more."""
        for number in numbers:
            self.wait(f"peer {number} lowers {alarm}", lambda number=number: not self.alarms(number, alarm))

    def turn_page(self) -> None:
        """From here on, only new lines of the logs are read."""
        self._read = {number: len(self.lab.lines(number)) for number in self.lab.numbers}

    def logged(self, number: int, *pieces: str) -> None:
        """Read the new lines of a peer's log until these pieces stood there, in this order, one line or more apart.

        A piece may leave out what is different each time: "this … and that" on one line.
        """

        def has(line: str, piece: str) -> bool:
            place = 0
            for part in piece.split(" … "):
                place = line.find(part, place)
                if place < 0:
                    return False
                place += len(part)
            return True

        def missing() -> str:
            left = list(pieces)
            for line in self.lab.lines(number)[self._read[number] :]:
                if left and has(line, left[0]):
                    left.pop(0)
            return left[0] if left else ""

        self.until(f"peer {number} logs {pieces}", lambda: missing() or "nothing is missing", ("nothing is missing",))

    def type_in(self, number: int, *command: str) -> str:
        """Type a command on a peer's command line."""
        code, out, errors = asyncio.run(self.lab.run(number, *command))
        assert code == 0, errors
        return out

    def ran(self, number: int, *command: str) -> tuple[int, str, str]:
        """Type a command; gives its exit code, output and errors."""
        return asyncio.run(self.lab.run(number, *command))

    def shows(self, number: int, path: str) -> str:
        """Read a setting as `config show` does, "" while nobody answers: a command for each look takes longer."""
        try:
            return json.dumps(asyncio.run(self.lab.ask(number, "config show", path=path)))
        except Unanswered:
            return ""

    def refused(self, number: int, *command: str) -> str:
        """Type a command that must be refused; gives its words."""
        code, out, errors = asyncio.run(self.lab.run(number, *command))
        assert code != 0, out
        return errors

    def do(self, command: str, **arguments: object) -> None:
        """Something happens to a peer that the reader did not do: it dies, or a line is cut."""
        asyncio.run(self.lab.do(command, **arguments))

    def well(self, *numbers: int) -> None:
        """Wait until nobody complains any more."""
        asyncio.run(self.lab.whole(numbers))

    def until(self, claim: str, look: Callable[[], str], words: Sequence[str], within_s: float = WAIT_S) -> str:
        """Look until all words are there; gives what was seen."""
        seen = ""

        def there() -> bool:
            nonlocal seen
            seen = look()
            return all(word in seen for word in words)

        self.wait(claim, there, lambda: seen, within_s)
        return seen

    def wait(
        self, claim: str, look: Callable[[], bool], last: Callable[[], str] = lambda: "", within_s: float = WAIT_S
    ) -> None:
        """Look until it is so."""
        ends = time.monotonic() + within_s
        while not look():
            assert time.monotonic() < ends, f"not within {within_s:g} s: {claim}; last seen: {last()}"
            time.sleep(LOOK_S)

    def _client(self, number: int) -> httpx2.Client:
        if number not in self._clients:
            # The certificate is verified, though not against the address that is dialled.
            context = ssl.create_default_context(cafile=self.lab.plan.authority)
            context.check_hostname = False
            url = self.lab.peer(number).url
            more = {"headers": {"Origin": url[:-1]}, "follow_redirects": True, "timeout": WAIT_S}
            self._clients[number] = httpx2.Client(base_url=url, verify=context, **more)
        return self._clients[number]

    def _alive(self, number: int) -> str:
        try:
            return str(self._client(number).get("/livez").text)
        except httpx2.TransportError:
            return ""


def fresh(take_effect: str) -> Callable[[Plan, Secrets], None]:
    """Prepare systems that are in no cluster yet; cluster changes take effect in this way."""
    return typed(take_effect, {})


def cluster(take_effect: str) -> Callable[[Plan, Secrets], None]:
    """Prepare a cluster of all peers, by their names."""

    def write(made: Plan, drawn: Secrets) -> None:
        for peer in made.peers:
            edit_initial(peer, lambda document: document["clustering"].update(changes_take_effect=take_effect))

    return write


def typed(take_effect: str, lists: dict[int, dict[str, object]]) -> Callable[[Plan, Secrets], None]:
    """Prepare systems of which some have these cluster settings already; the others are in no cluster."""

    def write(made: Plan, drawn: Secrets) -> None:
        stand_alone(made, drawn)
        for peer in made.peers:
            settings = {"changes_take_effect": take_effect, **lists.get(peer.number, {})}
            edit_initial(peer, lambda document, settings=settings: document["clustering"].update(settings))

    return write


def fields(peers: Sequence[PeerPlan], **more: str) -> dict[str, str]:
    """What the guide has typed on the Clustering page for a cluster of these peers."""
    addresses = {f"peer_{peer.number}_address": peer.fqdn for peer in peers}
    first = {"cluster_name": CLUSTER_NAME, "configuration_primary": "1", "cluster_ip_version": "IPv4"}
    return {**first, "tls_verification_mode": "Permissive", **addresses, **more}


def _own(this: bool, otherwise: str) -> str:
    return "This system" if this else otherwise


def _token(page: str) -> str:
    found = _TOKEN.search(page)
    assert found, "the page has no form"
    return found[1]
