"""What DNS says of zones: addresses of names and SRV records, asked in the background; no SIP worker waits for it.

Asks the servers of System > DNS, or the host's own where none is entered. A failure keeps the last answer, whose age
has a limit.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from sextet.call.zones import Names, Service, service_key
from sextet.model.schema import DNS_PORT, is_ip, server_place
from sextet.model.sections import Root
from sextet.model.settings.system import Server
from sextet.model.settings.zones import BY_SERVICE, NEIGHBOR, TRAVERSAL_CLIENT, Zone

LIMIT_S = 2.0  # of one question; a server on the same continent answers in 0.1 s, and two retries fit
TOGETHER_MAX = 50  # questions at once; a thousand zones are looked up in a few seconds
KEPT_S = 24 * 3600.0  # how long an answer outlives a DNS that fails: a day is long enough to mend it
SERVICES = {"tls": "_sips._tcp", "tcp": "_sip._tcp", "udp": "_sip._udp"}  # RFC 3263 4.1


class Unanswered(Exception):
    """DNS did not say; the text names the question and the cause."""


class Resolver:
    """Asks, and remembers what it was answered last; `clock` is the monotonic one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._servers: tuple[str, ...] = ()
        self._addresses: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._services: dict[str, tuple[float, tuple[Service, ...]]] = {}
        self._together = asyncio.Semaphore(TOGETHER_MAX)
        self.failures: dict[str, str] = {}  # name -> why it has no address

    def use(self, servers: Sequence[str]) -> None:
        """Ask these from now on: IP addresses, with a port where it is not 53."""
        self._servers = tuple(servers)

    async def names_of(self, zones: Sequence[Zone]) -> Names:
        """Look up everything that these zones name."""
        enabled = [zone for zone in zones if zone.state == "Enabled"]
        by_service = [zone for zone in enabled if zone.type == NEIGHBOR and zone.look_up == BY_SERVICE]
        listing = [zone for zone in enabled if zone.type in (NEIGHBOR, TRAVERSAL_CLIENT) and zone not in by_service]
        names = {peer.address.lower() for zone in listing for peer in zone.peers if not is_ip(peer.address)}
        services = {service_key(zone): zone for zone in by_service}
        self.failures = {}
        await asyncio.gather(*(self._look_up(name) for name in names))
        await asyncio.gather(*(self._look_up_service(key, zone) for key, zone in services.items()))
        self._addresses = {name: kept for name, kept in self._addresses.items() if name in names}
        self._services = {key: kept for key, kept in self._services.items() if key in services}
        return Names(
            addresses={name: ips for name, (_, ips) in self._addresses.items()},
            services={key: found for key, (_, found) in self._services.items()},
        )

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Give the IPv4 and IPv6 addresses of a name; raises Unanswered."""
        if not self._servers:
            return await _ask_host(name)
        answers = await asyncio.gather(self.records(name, "A"), self.records(name, "AAAA"), return_exceptions=True)
        # Sorted, since servers rotate: a table that says the same is not to change.
        found = [ip for answer in answers if isinstance(answer, list) for ip in sorted(str(one) for one in answer)]
        if not found:
            raise next((one for one in answers if isinstance(one, Unanswered)), Unanswered(f"{name} has no address"))
        return tuple(found)

    async def service(self, name: str) -> tuple[Service, ...]:
        """Give the peers that SRV records name, best first (RFC 2782), with their addresses; raises Unanswered."""
        found = [one for one in await self.records(name, "SRV") if isinstance(one, SRV)]
        found.sort(key=lambda one: (one.priority, -one.weight, str(one.target)))
        hosts = [str(one.target).rstrip(".").lower() for one in found]
        if hosts in ([], [""]):
            raise Unanswered(f"{name} has no SRV record")
        answers = await asyncio.gather(*(self.addresses(host) for host in hosts), return_exceptions=True)
        return tuple(
            Service(host=host, port=one.port, ips=ips)
            for host, one, ips in zip(hosts, found, answers, strict=True)
            if isinstance(ips, tuple)
        )

    async def naptr(self, name: str) -> tuple[NAPTR, ...]:
        """Give NAPTR records in the order in which they are to be used (RFC 3403 4.1); raises Unanswered."""
        found = [one for one in await self.records(name, "NAPTR") if isinstance(one, NAPTR)]
        return tuple(sorted(found, key=lambda one: (one.order, one.preference)))

    async def records(self, name: str, kind: str) -> list[Any]:
        """Ask one question; an empty list where there is nothing of this kind. Raises Unanswered."""
        async with self._together:
            try:
                return list(await self._asking().resolve(name, kind, search=False))
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                return []
            except (dns.exception.DNSException, OSError, ValueError) as error:
                raise Unanswered(f"{name} {kind}: {_cause(error)}") from error

    def _asking(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(*server_place(server, DNS_PORT)) for server in self._servers
            ]
        resolver.lifetime = LIMIT_S
        resolver.timeout = LIMIT_S / 2
        return resolver

    async def _look_up(self, name: str) -> None:
        await self._keep(self._addresses, name, self.addresses(name))

    async def _look_up_service(self, key: str, zone: Zone) -> None:
        service = f"{SERVICES[zone.sip_transport.lower()]}.{zone.service_domain}"
        await self._keep(self._services, key, self.service(service))

    async def _keep(self, kept: dict[str, Any], key: str, asked: Coroutine[Any, Any, Any]) -> None:
        now = self._clock()
        try:
            kept[key] = now, await asked
        except Unanswered as error:
            self.failures[key] = str(error)
            if key in kept and now - kept[key][0] > KEPT_S:
                del kept[key]


def asked_for(config: Root) -> tuple[tuple[Server, ...], tuple[Zone, ...]]:
    """Give what the looking up of names depends on: whom to ask, and for what."""
    return config.system.dns_servers, config.zones


def _cause(error: Exception) -> str:
    """Say why there is no answer of use."""
    match error:
        case dns.exception.Timeout():
            return f"DNS did not answer within {LIMIT_S:g} s"
        case dns.resolver.NoNameservers():  # each of them said SERVFAIL, REFUSED or nothing of use
            return "no DNS server could answer"
        case dns.resolver.NoResolverConfiguration():
            return "this host knows no DNS server, enter one on System > DNS"
        case dns.exception.SyntaxError() | dns.name.NameTooLong() | dns.name.IDNAException():
            return "cannot be a DNS name, correct it"
        case OSError():
            return f"no way to DNS, {error.strerror or 'refused'}, look at this host's network"
    return "the answer of DNS cannot be used, look at the records of this name"


async def _ask_host(name: str) -> tuple[str, ...]:
    """Ask as other programs of this host do, so that its file of hosts counts too; raises Unanswered."""
    try:
        async with asyncio.timeout(LIMIT_S):
            found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except TimeoutError:
        raise Unanswered(f"{name}: this host's resolver did not answer within {LIMIT_S:g} s") from None
    except (OSError, UnicodeError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a name"
        raise Unanswered(f"{name}: {cause} (asked this host's resolver)") from error
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
