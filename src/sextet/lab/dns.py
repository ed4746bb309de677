"""Answer for the lab's names: addresses, PTR and SRV of its peers (RFC 1035, RFC 2782), over UDP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from sextet.lab.plan import CLUSTER_NAME, DNS_PORT, DOMAIN, SIP_PORT, SIPS_PORT, PeerPlan

TIME_TO_LIVE_S = 5  # short, so that nothing of an earlier lab is believed
SERVICES = {"_sip._udp": SIP_PORT, "_sip._tcp": SIP_PORT, "_sips._tcp": SIPS_PORT}  # RFC 3263 4.1

Records = dict[tuple[str, str], list[str]]  # (name with its dot, type) -> values in master file form


def records(peers: Iterable[PeerPlan]) -> Records:
    """Write down everything that the lab's DNS knows."""
    known: Records = {}
    for peer in peers:
        kind = "AAAA" if ":" in peer.address else "A"
        known.setdefault((f"{peer.fqdn}.", kind), []).append(peer.address)
        known.setdefault((f"{CLUSTER_NAME}.", kind), []).append(peer.address)
        known.setdefault((dns.reversename.from_address(peer.address).to_text(), "PTR"), []).append(f"{peer.fqdn}.")
        for service, port in SERVICES.items():
            for name in (DOMAIN, CLUSTER_NAME):
                known.setdefault((f"{service}.{name}.", "SRV"), []).append(f"10 10 {port} {peer.fqdn}.")
    return known


def answer(known: Records, request: bytes) -> bytes | None:
    """Answer one datagram; None for what is no question at all."""
    try:
        query = dns.message.from_wire(request)
        if query.flags & dns.flags.QR or query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            return None
        reply = dns.message.make_response(query)
    except (dns.exception.DNSException, ValueError, IndexError):
        return None
    reply.flags |= dns.flags.AA
    question = query.question[0]
    name = question.name.to_text().lower()
    if question.rdclass == dns.rdataclass.IN and (values := known.get((name, dns.rdatatype.to_text(question.rdtype)))):
        reply.answer.append(dns.rrset.from_text(question.name, TIME_TO_LIVE_S, "IN", question.rdtype, *values))
    elif not any(name == other for other, _ in known):
        ours = question.name.is_subdomain(dns.name.from_text(DOMAIN)) or name.endswith((".in-addr.arpa.", ".ip6.arpa."))
        reply.set_rcode(dns.rcode.NXDOMAIN if ours else dns.rcode.REFUSED)
    return reply.to_wire()


class NameServer(asyncio.DatagramProtocol):
    """The lab's DNS as a socket."""

    def __init__(self, known: Records) -> None:
        self.known = known
        self.transport: asyncio.DatagramTransport | None = None
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own class does not say so in 3.11

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.transport is not None and (reply := answer(self.known, data)) is not None:
            self.transport.sendto(reply, addr)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()

    async def stop(self) -> None:
        """Stop answering."""
        assert self.transport is not None
        self.transport.close()
        await self.closed.wait()


async def serve(peers: Iterable[PeerPlan], address: str, port: int = DNS_PORT) -> NameServer:
    """Start answering; raises OSError where the address is taken."""
    loop = asyncio.get_running_loop()
    _, server = await loop.create_datagram_endpoint(lambda: NameServer(records(peers)), local_addr=(address, port))
    return server
