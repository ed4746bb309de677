"""How do tests get peers that live far apart? Network namespaces with private addresses, and this process as the way.

How it works. Each site is a network namespace with a TUN device for its default route, and a time namespace, since no
two hosts agree on a monotonic clock. One thread reads every packet, decides what the network does to it (delay, cut,
address translation, a router that lets nobody in, a stranger's diversion) and writes it to the site where it belongs.
That needs neither bridge nor netem, which kernels may lack, and a cut is in force with the next packet. The namespaces
are held by processes that end when their standard input closes, so nothing is left however the tests end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import functools
import heapq
import ipaddress
import itertools
import os
import queue
import selectors
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sextet.lab.plan import Place

T = TypeVar("T")
DEVICE = "wan"
PACKET_BYTES_MAX = 1 << 16
_NET = "--net="  # of nsenter(1)
_CLONE_NEWNET = 0x40000000  # setns(2)
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
_LIBC = ctypes.CDLL(None, use_errno=True)
_TOOLS = ("ip", "nsenter", "unshare")


def why_not() -> str:
    """Say why this machine cannot have such a network; empty where it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"there is no {', '.join(missing)} here"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return f"/dev/net/tun cannot be opened: {error.strerror}"
    tried = subprocess.run(["unshare", "--net", "--time", "true"], capture_output=True, text=True, check=False)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


@dataclass(frozen=True, slots=True)
class Packet:
    """What the network has to know of an IPv4 packet (RFC 791)."""

    data: bytes

    @property
    def source(self) -> str:
        return socket.inet_ntoa(self.data[12:16])

    @property
    def destination(self) -> str:
        return socket.inet_ntoa(self.data[16:20])

    @property
    def ports(self) -> tuple[int, int]:
        """Source and destination port; 0 where the protocol has none."""
        start = (self.data[0] & 15) * 4
        if self.data[9] not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) or len(self.data) < start + 4:
            return 0, 0
        source, destination = struct.unpack_from("!HH", self.data, start)
        return source, destination

    def sent(self, *, source: str = "", destination: str = "", to_port: int = 0, from_port: int = 0) -> Packet:
        """Give the packet with other addresses and ports, and with checksums that are right again (RFC 1624)."""
        data, start = bytearray(self.data), (self.data[0] & 15) * 4
        ports = self.data[9] in (socket.IPPROTO_TCP, socket.IPPROTO_UDP)
        checksum = start + (16 if self.data[9] == socket.IPPROTO_TCP else 6)
        for place, address in ((12, source), (16, destination)):
            if address:
                _exchange(data, place, socket.inet_aton(address), [10, *([checksum] if ports else [])])
        for place, port in ((start, from_port), (start + 2, to_port)):
            if port:
                _exchange(data, place, struct.pack("!H", port), [checksum])
        return Packet(bytes(data))


@dataclass(slots=True)
class Site:
    """A place with a private network: a namespace."""

    name: str
    addresses: tuple[str, ...]  # a network such as 192.168.77.0/24 too: the site has all of them
    holder: subprocess.Popen[bytes]
    tun: int = -1

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to write before a command that is to run there."""
        return "nsenter", f"{_NET}{_net(self.holder)}", f"--time=/proc/{self.holder.pid}/ns/time_for_children", "--"


@dataclass(slots=True)
class Stranger:
    """Somebody in the path from one address to another one's port, who has the connections for himself.

    What is sent to the port comes to `at`; what `at` itself sends there seems to come from the first address.
    """

    victim: str
    target: str
    port: int
    at: str
    own_port: int
    _flows: set[int] = field(default_factory=set)  # the source ports of his own connections to the target

    def diverted(self, packet: Packet) -> Packet:
        """Turn what passes between the two into what the stranger wants."""
        ends, (from_port, to_port) = (packet.source, packet.destination), packet.ports
        if ends == (self.victim, self.target) and to_port == self.port:
            return packet.sent(destination=self.at, to_port=self.own_port)
        if ends == (self.at, self.victim) and from_port == self.own_port:
            return packet.sent(source=self.target, from_port=self.port)
        if ends == (self.at, self.target) and to_port == self.port:
            self._flows.add(from_port)
            return packet.sent(source=self.victim)
        if ends == (self.target, self.victim) and from_port == self.port and to_port in self._flows:
            return packet.sent(destination=self.at)
        return packet


@dataclass(slots=True)
class Border:
    """The router of a site that hides all its addresses behind one: only answers to what went out come in.

    A mapping for each flow, and what comes in must be of that flow (RFC 4787 4.1, 5: address and port-dependent).
    """

    public: str
    dropped: int = 0  # packets from outside that nobody inside had asked for
    _out: dict[tuple[int, str, int, str, int], int] = field(default_factory=dict)
    _back: dict[tuple[int, int, str, int], tuple[str, int]] = field(default_factory=dict)
    _ports: Iterator[int] = field(default_factory=lambda: itertools.count(20_000))

    def outward(self, packet: Packet) -> Packet:
        """Give a packet from inside as it is seen outside."""
        (from_port, to_port), protocol = packet.ports, packet.data[9]
        flow = protocol, packet.source, from_port, packet.destination, to_port
        if flow not in self._out:
            self._out[flow] = next(self._ports)
            self._back[protocol, self._out[flow], packet.destination, to_port] = packet.source, from_port
        return packet.sent(source=self.public, from_port=self._out[flow])

    def inward(self, packet: Packet) -> Packet | None:
        """Give a packet from outside as it is seen inside; None: it belongs to no flow from inside."""
        from_port, to_port = packet.ports
        found = self._back.get((packet.data[9], to_port, packet.source, from_port))
        if packet.destination == self.public and found:
            return packet.sent(destination=found[0], to_port=found[1])
        self.dropped += 1
        return None

    def forget(self) -> None:
        """Lose all mappings, as a router does that is switched off and on; no port is given a second time."""
        self._out.clear()
        self._back.clear()


class Network:
    """The sites and the way between them; use it as a context, inside which this thread is at the site "hub"."""

    def __init__(self, sites: Mapping[str, tuple[str, ...]], *, one_way_s: float, hub: str = "hub") -> None:
        self.one_way_s = one_way_s  # between two sites; to and from the hub there is no delay
        self.translated: dict[str, str] = {}  # private -> public address, at the border of its site (RFC 3022 2)
        self.borders: dict[str, Border] = {}  # of sites by name
        self.stranger: Stranger | None = None
        self.seen: Callable[[Packet], None] = lambda packet: None
        self._wanted, self._hub = sites, hub
        self._cuts: set[tuple[str, str]] = set()
        self._stack = contextlib.ExitStack()
        self.sites: dict[str, Site] = {}
        self._at: dict[str, Site] = {}
        self._stop, self._failed = os.eventfd(0), queue.SimpleQueue[BaseException]()

    def __enter__(self) -> Network:
        with contextlib.ExitStack() as stack:
            for place, (name, addresses) in enumerate(self._wanted.items(), 1):
                site = stack.enter_context(_site(name, addresses, place))
                self.sites[name] = site
                self._at |= {address: site for address in addresses}
            carrier = threading.Thread(target=self._carry, name="private network", daemon=True)
            carrier.start()
            stack.callback(self._end, carrier)
            stack.enter_context(inside(_net(self.sites[self._hub].holder)))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def cut(self, source: str, destination: str) -> None:
        """Let nothing pass from one site to another; the way back stays."""
        self._cuts.add((source, destination))

    def heal(self) -> None:
        """Mend all cuts."""
        self._cuts.clear()

    def calm(self) -> None:
        """Be again as it was made."""
        self.heal()
        self.translated, self.stranger = {}, None

    def _end(self, carrier: threading.Thread) -> None:
        os.eventfd_write(self._stop, 1)
        carrier.join()
        os.close(self._stop)
        if not self._failed.empty():
            raise self._failed.get()

    def _carry(self) -> None:
        try:
            self._carry_all()
        except BaseException as error:  # told to the thread that ends the network
            self._failed.put(error)

    def _carry_all(self) -> None:
        under_way: list[tuple[float, int, int, bytes]] = []
        order = itertools.count()  # what is due at the same moment stays in order
        with selectors.DefaultSelector() as selector:
            selector.register(self._stop, selectors.EVENT_READ)
            for site in self.sites.values():
                selector.register(site.tun, selectors.EVENT_READ, site)
            while True:
                wait_s = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
                for key, _ in selector.select(wait_s):
                    if key.data is None:
                        return
                    for packet in _packets(key.data.tun):
                        if (gone := self._sent(key.data, packet)) is not None:
                            delay_s, to, data = gone
                            heapq.heappush(under_way, (time.monotonic() + delay_s, next(order), to.tun, data))
                while under_way and under_way[0][0] <= time.monotonic():
                    _, _, tun, data = heapq.heappop(under_way)
                    with contextlib.suppress(OSError):  # full, or down: a network loses packets
                        os.write(tun, data)

    def _sent(self, site: Site, packet: Packet) -> tuple[float, Site, bytes] | None:
        """Say where a packet comes to, and after which time; None: nowhere."""
        self.seen(packet)
        if self.stranger is not None:
            packet = self.stranger.diverted(packet)
        if public := self.translated.get(packet.source):
            packet = packet.sent(source=public)
        if private := {there: here for here, there in self.translated.items()}.get(packet.destination):
            packet = packet.sent(destination=private)
        if border := self.borders.get(site.name):
            packet = border.outward(packet)
        to = self._behind(packet.destination)
        if to is not None and (border := self.borders.get(to.name)):
            if (inward := border.inward(packet)) is None:
                return None
            packet = inward
        if to is None or (site.name, to.name) in self._cuts:
            return None
        return (0.0 if self._hub in (site.name, to.name) else self.one_way_s), to, packet.data

    def _behind(self, address: str) -> Site | None:
        """Find the site that an address leads to, its own or that of its border."""
        for name, border in self.borders.items():
            if border.public == address:
                return self.sites[name]
        return self._at.get(address) or self._at.get(f"{address.rpartition('.')[0]}.0/24")


@contextlib.contextmanager
def inside(net: str) -> Iterator[None]:
    """Have the sockets of this thread, and the processes that it starts, belong to a site's network."""
    home, there = (os.open(path, os.O_RDONLY) for path in ("/proc/thread-self/ns/net", net))
    try:
        _enter(there)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(home)
        os.close(there)


_HERE: ContextVar[Site | None] = ContextVar("where a task is", default=None)


async def at(site: Site, work: Coroutine[Any, Any, T]) -> T:
    """Do something at a site, and all tasks that it makes; other tasks of this thread stay where they are."""
    asyncio.get_running_loop().set_task_factory(_task)
    token = _HERE.set(site)
    try:
        result: T = await _Steps(site, work)
        return result
    finally:
        _HERE.reset(token)


def _task(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any) -> asyncio.Future[Any]:
    site = _HERE.get()
    return asyncio.Task(work if site is None else _stepped(site, work), loop=loop, **more)


async def _stepped(site: Site, work: Coroutine[Any, Any, Any]) -> Any:
    return await _Steps(site, work)


@dataclass(frozen=True, slots=True)
class _Steps:
    """Each step of a coroutine, taken at a site."""

    site: Site
    work: Coroutine[Any, Any, Any]

    def __await__(self) -> Generator[Any, Any, Any]:
        step = functools.partial(self.work.send, None)
        while True:
            with inside(_net(self.site.holder)):
                try:
                    waits_for = step()
                except StopIteration as end:
                    return end.value
            try:
                step = functools.partial(self.work.send, (yield waits_for))
            except BaseException as error:  # of whatever was waited for: it is the coroutine's to handle
                step = functools.partial(self.work.throw, error)


@contextlib.contextmanager
def _site(name: str, addresses: tuple[str, ...], place: int) -> Iterator[Site]:
    """Make a namespace; its monotonic clock is days before those of the others."""
    ahead_s = str(place * 300_000)
    with _held("--net", "--time", "--monotonic", ahead_s, "--boottime", ahead_s) as holder:
        site = Site(name, addresses, holder)
        with inside(_net(site.holder)):
            site.tun = _tun()
            _ip("link set lo up")
            _ip(f"link set {DEVICE} up")
            for address in addresses:
                if "/" in address:
                    _ip(f"route add local {address} dev lo")
                _ip(f"addr add {_first(address)}/32 dev {DEVICE}")
            _ip(f"route add default dev {DEVICE} src {_first(addresses[0])}")
        try:
            yield site
        finally:
            os.close(site.tun)


@contextlib.contextmanager
def apart(addresses: Sequence[str]) -> Iterator[None]:
    """Be in a network namespace of this thread's own, whose loopback device has these addresses."""
    with _held("--net") as holder, inside(_net(holder)):
        _ip("link set lo up")
        for address in addresses:
            _ip(f"addr add {address} dev lo")
        yield


@contextlib.contextmanager
def _held(*new: str) -> Iterator[subprocess.Popen[bytes]]:
    """Make namespaces, which a process holds until this ends."""
    command = ["unshare", *new, "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        holder.stdout.readline()  # it answers: it is in its namespaces
        yield holder


def _first(address: str) -> str:
    return str(ipaddress.ip_network(address)[1 if "/" in address else 0])


def _tun() -> int:
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    return tun


def _packets(tun: int) -> Iterator[Packet]:
    while True:
        try:
            data = os.read(tun, PACKET_BYTES_MAX)
        except BlockingIOError:
            return
        if len(data) >= 20 and data[0] >> 4 == 4:
            yield Packet(data)


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


def _net(holder: subprocess.Popen[bytes]) -> str:
    return str(Path("/proc") / str(holder.pid) / "ns" / "net")


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def asked_within(prefix: Sequence[str], ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run something in the network of a place, for which the thread is lent: abstract sockets are a network's own."""
    with inside(next(word.removeprefix(_NET) for word in prefix if word.startswith(_NET))):
        return asyncio.run(ask())


def _exchange(data: bytearray, place: int, new: bytes, checksums: list[int]) -> None:
    """Write other bytes, and put the checksums that cover them right."""
    old = bytes(data[place : place + len(new)])
    data[place : place + len(new)] = new
    for at in checksums:
        (value,) = struct.unpack_from("!H", data, at)
        total = (~value & 0xFFFF) + sum(_words(new)) + sum(~word & 0xFFFF for word in _words(old))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        struct.pack_into("!H", data, at, ~total & 0xFFFF)


def _words(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"!{len(data) // 2}H", data)


def places(network: Network, names: Sequence[str]) -> tuple[Place, ...]:
    """Say to a lab where its peers are."""
    return tuple(Place(address=network.sites[name].addresses[0], prefix=network.sites[name].prefix) for name in names)
