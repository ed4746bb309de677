"""Which IP address belongs to the name of a peer: the address mapping first, then DNS, and if neither, why not."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
import dns.reversename

from sextet.model.schema import DNS_PORT, server_place

LOOKUP_LIMIT_S = 2.0  # a server on the same continent answers in 0.1 s; two retries fit
KEPT_S = 60.0  # how long an answer is used before it is asked again
RETRY_S = 5.0  # how soon a name that failed is asked again; the original waits 300 s


@dataclass(frozen=True, slots=True)
class Resolved:
    ip: str
    by: str  # "address" (it was one), "mapping", "dns"


@dataclass(frozen=True, slots=True)
class NameFailure:
    name: str  # or the address that was looked up backwards
    cause: str

    @property
    def sentence(self) -> str:
        return f"{self.name}: {self.cause}"


Answer = Resolved | NameFailure


class Resolver:
    """Looks names up as one configuration says, and remembers."""

    def __init__(
        self,
        *,
        mapping: Mapping[str, str],
        servers: Sequence[str],
        ipv6: bool = False,
        limit_s: float = LOOKUP_LIMIT_S,
        clock: Callable[[], float],
    ) -> None:
        self._mapping = {_plain(name): ip for name, ip in mapping.items()}
        self._servers = [server_place(server, DNS_PORT) for server in servers]
        self._ipv6 = ipv6
        self._limit_s = limit_s
        self._clock = clock
        self._known: dict[str, tuple[float, Answer]] = {}  # asked again from this moment on

    async def resolve(self, name: str) -> Answer:
        """Find the address; an answer of the last minute, or a failure of the last seconds, is given again."""
        plain = _plain(name)
        if plain in self._mapping:
            return Resolved(self._mapping[plain], "mapping")
        if (literal := _literal(plain)) is not None:
            return Resolved(literal, "address")
        until, answer = self._known.get(plain, (0.0, NameFailure("", "")))
        if plain in self._known and self._clock() < until:
            return answer
        answer = await (self._ask_servers(plain) if self._servers else self._ask_host(plain))
        kept = KEPT_S if isinstance(answer, Resolved) else RETRY_S
        self._known[plain] = (self._clock() + kept, answer)
        return answer

    async def names_of(self, ip: str) -> tuple[str, ...] | NameFailure:
        """Look an address up backwards; asked each time."""
        if not self._servers:
            return await self._ask_host_backwards(ip)
        resolver, asked = self._asking()
        try:
            found = await resolver.resolve(dns.reversename.from_address(ip), "PTR", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return NameFailure(ip, f"has no name (asked {asked})")
        except (dns.exception.DNSException, OSError) as error:
            return NameFailure(ip, _cause(error, self._limit_s, asked))
        return tuple(_plain(str(one)) for one in found)

    def _asking(self) -> tuple[dns.asyncresolver.Resolver, str]:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [dns.nameserver.Do53Nameserver(ip, port) for ip, port in self._servers]
        resolver.lifetime = self._limit_s
        resolver.timeout = self._limit_s / max(1, min(2, len(self._servers)))
        return resolver, ", ".join(ip for ip, _ in self._servers)

    async def _ask_servers(self, name: str) -> Answer:
        resolver, asked = self._asking()
        try:
            found = await resolver.resolve(name, "AAAA" if self._ipv6 else "A", search=False)
            return Resolved(str(found[0]), "dns")
        except dns.resolver.NXDOMAIN:
            return NameFailure(name, f"no such name (asked {asked})")
        except dns.resolver.NoAnswer:
            return NameFailure(name, f"has no {'IPv6' if self._ipv6 else 'IPv4'} address (asked {asked})")
        except (dns.exception.DNSException, OSError) as error:
            return NameFailure(name, _cause(error, self._limit_s, asked))

    async def _ask_host(self, name: str) -> Answer:
        family = socket.AF_INET6 if self._ipv6 else socket.AF_INET
        look_up = asyncio.get_running_loop().getaddrinfo(name, None, family=family, type=socket.SOCK_STREAM)
        try:
            found = await asyncio.wait_for(look_up, self._limit_s)
        except TimeoutError:
            return NameFailure(name, f"no answer within {self._limit_s:g} s (asked this host's resolver)")
        except (OSError, UnicodeError) as error:
            cause = error.strerror if isinstance(error, OSError) and error.strerror else "not a name"
            return NameFailure(name, f"{cause} (asked this host's resolver)")
        return Resolved(str(found[0][4][0]), "dns")

    async def _ask_host_backwards(self, ip: str) -> tuple[str, ...] | NameFailure:
        look_up = asyncio.get_running_loop().getnameinfo((ip, 0), socket.NI_NAMEREQD)
        try:
            name, _ = await asyncio.wait_for(look_up, self._limit_s)
        except TimeoutError:
            return NameFailure(ip, f"no answer within {self._limit_s:g} s (asked this host's resolver)")
        except OSError:
            return NameFailure(ip, "has no name (asked this host's resolver)")
        return (_plain(name),)


def _cause(error: Exception, limit_s: float, asked: str) -> str:
    """Say why servers gave no answer of use."""
    match error:
        case dns.exception.Timeout():
            return f"no answer within {limit_s:g} s (asked {asked})"
        case dns.resolver.NoNameservers():  # each of them said SERVFAIL, REFUSED or nothing of use
            return f"no DNS server could answer (asked {asked})"
        case dns.exception.SyntaxError() | dns.name.NameTooLong() | dns.name.IDNAException():
            return "cannot be a DNS name, correct it"
        case OSError():
            return f"no way to {asked}, {error.strerror or 'refused'}, look at this host's network"
    return f"the answer cannot be used, look at the records of this name (asked {asked})"


def _plain(name: str) -> str:
    return name.strip().lower().rstrip(".")


def _literal(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return None
