"""By which names this system is known, and how the names of others are looked up: as the configuration says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sextet.cluster.configuration.editing import Editor
from sextet.cluster.wire.names import Resolved, Resolver
from sextet.model.settings.clustering import Clustering


class Naming:
    """Reads the saved system settings; those of the cluster are given, for they run later than they are saved."""

    def __init__(self, editor: Editor, clock: Callable[[], float]) -> None:
        self._editor, self._clock = editor, clock
        self._resolver: tuple[object, Resolver] | None = None  # with what it was made from

    def lookup(self, running: Clustering) -> tuple[dict[str, str], tuple[str, ...], bool]:
        """Give the address mapping, the DNS servers, and whether IPv6 addresses are asked for."""
        rows = running.address_mappings if running.address_mapping_enabled else ()
        servers = tuple(server.address for server in self._editor.saved.system.dns_servers)
        return {row.fqdn: row.ip for row in rows}, servers, running.cluster_ip_version == "IPv6"

    def resolver(self, running: Clustering) -> Resolver:
        """Look names up as the configuration says; what was asked a short while ago is remembered."""
        lookup = self.lookup(running)
        if self._resolver is None or self._resolver[0] != lookup:
            mapping, dns, ipv6 = lookup
            self._resolver = lookup, Resolver(mapping=mapping, servers=dns, ipv6=ipv6, clock=self._clock)
        return self._resolver[1]

    async def addresses(self, running: Clustering) -> dict[str, str]:
        """Ask for all peers at once; what was asked a short while ago is not asked again, a round must not wait."""
        resolver, names = self.resolver(running), [name for name in running.peers if name]
        answers = await asyncio.gather(*(resolver.resolve(name) for name in names))
        return {name: answer.ip for name, answer in zip(names, answers, strict=True) if isinstance(answer, Resolved)}

    def host_name(self) -> str:
        """By which this system is shown; empty where it was given none."""
        return self._editor.saved.system.dns_host_name or self._editor.saved.system.name

    def fqdn(self) -> str:
        """This system's name as its own settings make it; empty while one of them is missing."""
        system = self._editor.saved.system
        if not system.dns_host_name or not system.dns_domain_name:
            return ""
        return f"{system.dns_host_name}.{system.dns_domain_name}".lower()
