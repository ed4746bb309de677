"""Is a peer's name looked up where the administrator said, and is the cause told when it fails?"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.rcode
import dns.rrset

from sextet.cluster.wire.names import NameFailure, Resolved, Resolver

ZONE = {"expc02.apolo.local.": "192.0.2.22"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def dns_server(
    zone: dict[str, str], answers: bool = True, otherwise: int = dns.rcode.NXDOMAIN
) -> Iterator[tuple[str, list[str]]]:
    """A DNS server that knows these names; gives its "ip:port" and what it was asked."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.63.0.53", 0))
    asked: list[str] = []

    def serve() -> None:
        while True:
            data, sender = sock.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            name = str(query.question[0].name)
            asked.append(name)
            reply = dns.message.make_response(query)
            if name in zone:
                kind = "PTR" if name.endswith(".in-addr.arpa.") else "A"
                reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, zone[name]))
            else:
                reply.set_rcode(otherwise)
            if answers:
                sock.sendto(reply.to_wire(), sender)

    thread = threading.Thread(target=serve)
    thread.start()
    address = f"127.63.0.53:{sock.getsockname()[1]}"
    try:
        yield address, asked
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", sock.getsockname())
        thread.join()
        sock.close()


def test_the_mapping_is_asked_before_everything_else() -> None:
    with dns_server({"a.example.": "192.0.2.9"}) as (server, asked):
        resolver = Resolver(mapping={"A.example": "192.0.2.1"}, servers=[server], clock=Clock())
        assert asyncio.run(resolver.resolve("a.Example.")) == Resolved("192.0.2.1", "mapping")
        assert asked == []


def test_an_address_needs_no_looking_up() -> None:
    resolver = Resolver(mapping={}, servers=[], clock=Clock())
    assert asyncio.run(resolver.resolve("127.63.0.1")) == Resolved("127.63.0.1", "address")


def test_the_configured_servers_are_asked_and_their_answer_is_kept_for_a_while() -> None:
    with dns_server(ZONE) as (server, asked):
        clock = Clock()
        resolver = Resolver(mapping={}, servers=[server], clock=clock)
        for _ in range(3):
            assert asyncio.run(resolver.resolve("expc02.apolo.local")) == Resolved("192.0.2.22", "dns")
        assert len(asked) == 1
        clock.now += 61
        asyncio.run(resolver.resolve("expc02.apolo.local"))
        assert len(asked) == 2


def test_a_name_that_does_not_exist_is_said_to_and_asked_again_soon() -> None:
    with dns_server({}) as (server, asked):
        clock = Clock()
        resolver = Resolver(mapping={}, servers=[server], clock=clock)
        failure = asyncio.run(resolver.resolve("nobody.apolo.local"))
        assert failure == NameFailure("nobody.apolo.local", "no such name (asked 127.63.0.53)")
        asyncio.run(resolver.resolve("nobody.apolo.local"))
        assert len(asked) == 1
        clock.now += 5
        asyncio.run(resolver.resolve("nobody.apolo.local"))
        assert len(asked) == 2


def test_a_server_that_is_silent_is_given_up_and_named() -> None:
    with dns_server({}, answers=False) as (server, _):
        resolver = Resolver(mapping={}, servers=[server], limit_s=0.2, clock=Clock())
        failure = asyncio.run(resolver.resolve("a.example"))
        assert failure == NameFailure("a.example", "no answer within 0.2 s (asked 127.63.0.53)")


def test_servers_that_fail_are_told_in_words() -> None:
    for failure in (dns.rcode.SERVFAIL, dns.rcode.REFUSED):
        with dns_server({}, otherwise=failure) as (server, _):
            resolver = Resolver(mapping={}, servers=[server], clock=Clock())
            said = "no DNS server could answer (asked 127.63.0.53)"
            assert asyncio.run(resolver.resolve("a.example")) == NameFailure("a.example", said)
            assert asyncio.run(resolver.names_of("192.0.2.23")) == NameFailure("192.0.2.23", said)


def test_what_dns_cannot_know_and_answers_of_no_use_are_told_in_words_with_the_remedy() -> None:
    resolver = Resolver(mapping={}, servers=["127.63.0.53"], clock=Clock())
    for name in ("a..example", f"{'x' * 64}.example", "x." * 130):
        assert asyncio.run(resolver.resolve(name)) == NameFailure(name.rstrip("."), "cannot be a DNS name, correct it")
    with dns_server({}, otherwise=dns.rcode.YXDOMAIN) as (server, _):
        resolver = Resolver(mapping={}, servers=[server], clock=Clock())
        said = "the answer cannot be used, look at the records of this name (asked 127.63.0.53)"
        assert asyncio.run(resolver.resolve("a.example")) == NameFailure("a.example", said)
        assert asyncio.run(resolver.names_of("192.0.2.23")) == NameFailure("192.0.2.23", said)


def test_the_hosts_own_resolver_is_asked_when_no_server_is_configured() -> None:
    resolver = Resolver(mapping={}, servers=[], clock=Clock())
    assert asyncio.run(resolver.resolve("localhost")) == Resolved("127.0.0.1", "dns")
    failure = asyncio.run(resolver.resolve("nobody.invalid"))
    assert isinstance(failure, NameFailure) and "nobody.invalid" in failure.sentence


def test_an_address_is_looked_up_backwards_where_the_configuration_says() -> None:
    with dns_server({"22.2.0.192.in-addr.arpa.": "EXPC02.apolo.local."}) as (server, _):
        resolver = Resolver(mapping={}, servers=[server], clock=Clock())
        assert asyncio.run(resolver.names_of("192.0.2.22")) == ("expc02.apolo.local",)
        assert asyncio.run(resolver.names_of("192.0.2.23")) == NameFailure(
            "192.0.2.23", "has no name (asked 127.63.0.53)"
        )


def test_the_host_is_asked_backwards_when_no_server_is_configured() -> None:
    assert asyncio.run(Resolver(mapping={}, servers=[], clock=Clock()).names_of("127.0.0.1")) == ("localhost",)
