"""What every page works with, and how it becomes HTML: templates, the frame around them, messages to the next page."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sextet import __version__
from sextet.admin import listings
from sextet.admin.access import SESSIONS_MAX, Access, Session
from sextet.admin.dialplan.call_history import CallDesk
from sextet.admin.dialplan.registration_history import RegistrationDesk
from sextet.admin.dialplan.searches import Searches
from sextet.admin.dialplan.unregistering import UnregisterDesk
from sextet.admin.disk.safekeeping import Safekeeping
from sextet.admin.disk.snapshot import Snapshots
from sextet.admin.disk.upgrade import Upgrades
from sextet.admin.door import Door
from sextet.admin.logs.records import Records
from sextet.admin.peers.lifecycle import Lifecycles
from sextet.admin.peers.mesh import peer_name
from sextet.admin.peers.peer_list import PeerLists
from sextet.admin.trust.certificates import CertificateDesk
from sextet.admin.wording import duration, moment, zone
from sextet.cluster.face import Face
from sextet.model.ip import in_uri
from sextet.web.catalogue import catalogue
from sextet.web.language import ENGLISH, NAMES, TAGS
from sextet.web.marking import Marking
from sextet.web.menu import MENU, entry_of

HERE = Path(__file__).parent
ANSWER_S = 0.3  # a page of 10 KiB has left by then, also over a slow link
GRAVE = ("critical", "alert", "error")  # severities of alarms that the icon shows in red
# What the scripts say; the page brings it along in its language.
SCRIPTS = (
    "Live", "Logged out", "Peer restarting", "Reconnecting", "Stale {n} s", "This peer did not take it.",
    "The connection was lost; trying again.", "Choose a package first.", "{n} % of {size} MB",
    "Uploaded; it is being read.", "It was not uploaded: {problem}",
)  # fmt: skip
LIVE = "live_"  # blocks of templates whose names begin so are sent again when they change


@functools.cache
def templates(language: str) -> Environment:
    """Give the templates as they read in a language."""
    texts = catalogue(language)
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        extensions=[Marking],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        said=texts.say,
        beside=texts.beside,
        duration=lambda seconds: texts.say(duration(seconds)),
        counted=texts.counted,
        json=json.dumps,
        moment=moment,
        sentence=_sentence,
        within_sentence=lambda words: " ".join(word.lower() if word.istitle() else word for word in words.split()),
    )
    environment.globals.update(zone=zone, version=__version__, _=texts.filled, term=texts.term, lang=TAGS[language])
    environment.globals.update(words_of_scripts={text: texts.text(text) for text in SCRIPTS})
    environment.globals.update(language=language, languages=[(name, TAGS[name], NAMES[name]) for name in NAMES])
    environment.globals["m"] = environment.get_template("macros.html").module
    return environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What became of the last action, shown once on the next page."""

    tone: str  # ok info warn bad
    title: str
    lines: tuple[str, ...] = ()
    link: tuple[str, str] | None = None  # (path, words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The peer, the door to it, who is logged in, and the templates."""

    face: Face
    door: Door
    access: Access
    certificates: CertificateDesk
    records: Records | None = None  # the logs, where there are any
    keeping: Safekeeping | None = None
    snapshots: Snapshots | None = None
    lives: Lifecycles | None = None
    lists: PeerLists | None = None
    searches: Searches | None = None
    upgrades: Upgrades | None = None
    calls: CallDesk | None = None
    registrations: RegistrationDesk | None = None
    unregistering: UnregisterDesk | None = None
    # Changes with every start: how a waiting page knows that the peer is back.
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    messages: dict[str, Message] = field(default_factory=dict)  # by CSRF token, that is by session
    doing: set[asyncio.Task[None]] = field(default_factory=set)

    def later(self, doing: Callable[[], Awaitable[None]]) -> None:
        """Do something after the answer was sent, such as ending the very process that answers."""
        task = asyncio.get_running_loop().create_task(_after(ANSWER_S, doing))
        self.doing.add(task)
        task.add_done_callback(self.doing.discard)

    def tell(self, session: Session, message: Message) -> None:
        """Keep a message for the next page of this session."""
        while len(self.messages) >= SESSIONS_MAX:
            del self.messages[next(iter(self.messages))]
        self.messages[session.csrf] = message

    def page(self, template: str, session: Session, url: Url, **context: Any) -> str:
        """Render a whole page."""
        message = context.pop("message", None) or self.messages.pop(session.csrf, None)
        frame = self.frame(session, url)
        return templates(url.language).get_template(template).render(frame, message=message, **context)

    def fragments(
        self, template: str, session: Session, url: Url, context: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        """Render the live parts of a page and of the frame around it, each with the id of its element."""
        values = {**self.frame(session, url), **context}
        for source in map(templates(url.language).get_template, ("page.html", template)):
            for name, block in source.blocks.items():
                if name.startswith(LIVE):
                    yield name, "".join(block(source.new_context(values)))

    def frame(self, session: Session, url: Url) -> dict[str, Any]:
        """Give what surrounds every page: which peer this is, the others, the menu, who is logged in."""
        status, entry = self.face.status(), entry_of(url.path)
        own = status.own
        primary = next((member for member in status.members if member.primary), None)
        new = [alarm for alarm in listings.alarms(self.face) if not alarm.acknowledged]
        return {
            "menu": MENU,
            "entry": entry,
            "path": url.path,
            "query": url.query,
            "session": session,
            "status": status,
            "own": own,
            "own_name": peer_name(own) if own else self.face.saved.system.name or "This system",
            "primary_name": peer_name(primary) if primary else "",
            "others": [(m, peer_name(m), url.of_peer(m.address, m.link.resolved_ip)) for m in status.members if m.link],
            "raised": len(new),
            "raised_tone": "bad" if any(alarm.severity in GRAVE for alarm in new) else "warn",
            "live": False,
        }


@dataclass(frozen=True, slots=True)
class Url:
    """Where the browser is, and in which language it reads."""

    host: str  # as the browser wrote it, with the port
    path: str
    query: str = ""
    language: str = ENGLISH

    def of_peer(self, address: str, ip: str) -> str:
        """Write the page's address on another peer: by IP where the browser came by one."""
        name, port = _host_and_port(self.host)
        target = ip if ip and _is_ip(name) else address
        return f"https://{in_uri(target)}{port}{self.path}"


async def _after(seconds: float, doing: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(seconds)
    await doing()


def _sentence(words: str) -> str:
    """Begin with a capital. Jinja's own filter makes "options" of OPTIONS, and this leaves names of hosts alone."""
    return words if "." in words.partition(" ")[0] else words[:1].upper() + words[1:]


def _host_and_port(host: str) -> tuple[str, str]:
    name, bracket, port = host.partition("]")
    if bracket:
        return name.removeprefix("["), port
    name, colon, number = host.partition(":")
    return name, colon + number


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
