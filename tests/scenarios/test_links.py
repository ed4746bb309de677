"""Do links between peers hold what they promise: real nats-server, real TLS, real sockets on loopback addresses?"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from sextet.cluster.wire.feed import CallFailed, RowTooLarge
from sextet.cluster.wire.front import HALF_OPEN_PER_ADDRESS_MAX
from sextet.cluster.wire.link import State
from sextet.engine import EngineError
from sextet.lab.authority import issue, new_authority
from tests.support.link_lab import KEY, NOW, ROOT, Peer, all_live, ip_of, lab, name_of, same_rows, until

pytestmark = pytest.mark.scenario
LIMIT_S = 40.0
# Our promise is 1.5 s, to which simulations hold us in a time without noise. This leaves room for a busy machine, and
# still tells a heartbeat that is missed from an application that is silent (3.5 s).
NOTICED_S = 3.0


def play(
    scenario: Callable[[list[Peer]], Awaitable[None]], peers: int = 3, prepare: Callable[[Peer], None] | None = None
) -> None:
    async def run() -> None:
        async with asyncio.timeout(LIMIT_S), lab(peers, prepare=prepare) as everyone:
            await scenario(everyone)

    asyncio.run(run())


def told(what: str, seconds: float) -> None:
    print(f"{what}: {seconds:.3f} s")


def test_rows_of_every_peer_are_soon_on_every_other() -> None:
    async def scenario(p: list[Peer]) -> None:
        told("three peers live", await all_live(p))
        for peer in p[1:]:
            for n in range(50):
                peer.links.own.put(f"reg.{n}", b"%d of %d" % (n, peer.number))
        told("150 rows everywhere", await until(lambda: same_rows(p)))
        p[1].links.own.drop("reg.7")
        p[1].links.own.put("reg.8", b"new")
        told("a change everywhere", await until(lambda: same_rows(p)))
        assert (1, "reg.7", None) in p[3].heard and (1, "reg.8", b"new") in p[3].heard
        status = p[1].links.statuses()[2]
        assert (status.peer, status.resolved_ip, status.certificate) == (name_of(2), ip_of(2), "Valid")
        await until(lambda: 0 < p[1].links.statuses()[2].round_trip_ms < 100)
        assert p[2].links.connected() == {1, 3}

    play(scenario)


def test_a_silent_cut_is_noticed_in_time_and_heals_without_loss() -> None:
    async def scenario(p: list[Peer]) -> None:
        await all_live(p)
        p[1].links.own.put("reg.a", b"before")
        p[1].links.own.put("reg.gone", b"before")
        await until(lambda: same_rows(p))
        p[1].links.block(2)
        both = lambda: p[1].state(2) is not State.LIVE and p[2].state(1) is not State.LIVE
        noticed = await until(both)
        told("a silent cut noticed by both", noticed)
        assert noticed <= NOTICED_S
        assert "no heartbeat" in p[1].reasons(2)[-1]
        assert p[1].state(3) is State.LIVE and p[3].state(2) is State.LIVE
        p[1].links.own.put("reg.a", b"after")
        p[1].links.own.drop("reg.gone")
        await until(lambda: any("timed out" in why for why in p[2].reasons(1)), what="a dial into the cut times out")
        assert p[2].links.rows(1)["reg.a"] == b"before"
        p[1].links.unblock(2)
        told("live again after the heal", await all_live(p))
        await until(lambda: same_rows(p))
        assert not p[2].differed

    play(scenario)


def test_a_killed_store_is_started_again_and_everything_comes_back() -> None:
    async def scenario(p: list[Peer]) -> None:
        await all_live(p)
        for n in range(500):
            p[1].links.own.put(f"reg.{n}", b"x" * 200)
        await until(lambda: same_rows(p))
        heard = len(p[2].heard)
        old = p[1].links.store_pid
        os.kill(old, signal.SIGKILL)
        told("death noticed", await until(lambda: p[2].state(1) is not State.LIVE))
        p[1].links.own.drop("reg.0")
        told("all live again", await all_live(p))
        await until(lambda: same_rows(p))
        assert p[1].links.store_pid != old
        assert p[2].heard[heard:] == [(1, "reg.0", None)], "rows that did not change must not flap"
        assert any("signal 9" in trouble for trouble in p[1].troubles)
        await until(lambda: p[1].troubles[-1] == "")

    play(scenario)


def test_a_frozen_store_is_noticed_by_all_and_comes_back() -> None:
    async def scenario(p: list[Peer]) -> None:
        await all_live(p)
        pid = p[1].links.store_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            assert await until(lambda: p[2].state(1) is not State.LIVE) <= NOTICED_S
            await until(lambda: any("not published" in trouble for trouble in p[1].troubles))
            p[1].links.own.put("reg.a", b"meanwhile")
        finally:
            os.kill(pid, signal.SIGCONT)
        await all_live(p)
        await until(lambda: same_rows(p))
        await until(lambda: p[1].troubles[-1] == "")

    play(scenario, 2)


def test_the_mode_changes_live_in_both_directions() -> None:
    async def scenario(p: list[Peer]) -> None:
        await all_live(p)
        began = time.monotonic()
        for peer in p[1:]:
            await peer.change(enforce=True)
        await all_live(p)
        told("Permissive to Enforce", time.monotonic() - began)
        for peer in p[1:]:
            await peer.change(enforce=False)
        await all_live(p)

    play(scenario)


def test_a_permissive_peer_reaches_one_that_enforces_by_verifying_it() -> None:
    async def scenario(p: list[Peer]) -> None:
        await all_live(p)
        await p[1].change(enforce=True)
        await until(lambda: "refused: this peer enforces TLS verification" in p[2].reasons(1))
        await all_live(p)

    play(scenario)


def test_a_wrong_cluster_key_is_said_on_both_sides() -> None:
    def prepare(peer: Peer) -> None:
        if peer.number == 3:
            peer.membership = replace(peer.membership, key=b"another key that is long enough.")

    async def scenario(p: list[Peer]) -> None:
        await until(lambda: p[1].state(2) is State.LIVE and p[2].state(1) is State.LIVE)
        await until(lambda: "refused: wrong cluster key" in p[3].reasons(1))
        await until(lambda: any(one.reason == "wrong cluster key" for one in p[1].links.refusals()))
        assert State.LIVE not in {state for _, state, _ in p[1].states[3]}
        await p[3].change(key=KEY)
        await all_live(p)
        await p[2].change(key=b"a newer key that is long enough.")
        await until(lambda: p[1].state(2) is not State.LIVE, what="a connection with the old key is dropped at once")

    play(scenario, prepare=prepare)


def test_enforce_refuses_names_issuers_and_addresses_that_are_wrong() -> None:
    def prepare(peer: Peer) -> None:
        peer.membership = replace(peer.membership, enforce=True)
        if peer.number == 3:
            peer.certify(issue(ROOT, ["other.apolo.local"], NOW))

    async def scenario(p: list[Peer]) -> None:
        await until(lambda: p[1].state(2) is State.LIVE and p[2].state(1) is State.LIVE)
        wanted = f"certificate is for other.apolo.local, not {name_of(3)}"
        await until(lambda: p[1].reason(3) == f"TLS: {wanted}")
        await until(lambda: f"refused: {wanted}" in p[3].reasons(1))
        line = p[1].links.statuses()[3].certificate
        assert line == "Invalid (Common Name in certificate does not match)"
        p[3].certify(issue(new_authority("Foreign authority", NOW), [name_of(3)], NOW))
        await p[3].change()
        await until(lambda: "TLS: the peer's certificate is not accepted" in p[1].reason(3))
        assert p[1].links.statuses()[3].certificate == "Invalid (issuer not trusted)"
        await until(lambda: any("refuses this peer's certificate" in why for why in p[3].reasons(1)))
        p[3].certify(issue(ROOT, [name_of(3)], NOW))
        await p[3].change()
        await all_live(p)
        moved = {**p[1].membership.mapping, name_of(2): ip_of(3), name_of(3): ip_of(2)}
        await p[1].change(mapping=moved)
        sentence = f"refused: {name_of(3)} resolves to {ip_of(2)} here, but came from {ip_of(3)}"
        await until(lambda: sentence in p[3].reasons(1), what="its name resolves to another peer's address now")
        assert p[3].state(1) is not State.LIVE

    play(scenario, prepare=prepare)


def test_permissive_shows_what_enforce_would_refuse() -> None:
    def prepare(peer: Peer) -> None:
        if peer.number == 2:
            peer.certify(issue(None, ["whatever"], NOW))

    async def scenario(p: list[Peer]) -> None:
        await all_live(p)
        assert p[1].links.statuses()[2].certificate == "Invalid (Common Name in certificate does not match)"

    play(scenario, 2, prepare)


def test_strangers_are_closed_before_tls_and_garbage_is_counted() -> None:
    async def scenario(p: list[Peer]) -> None:
        await all_live(p)

        async def send(source: str, data: bytes) -> bytes:
            reader, writer = await asyncio.open_connection(ip_of(1), 4372, local_addr=(source, 0))
            try:
                writer.write(data)
                async with asyncio.timeout(5):
                    return await reader.read()
            except OSError:
                return b""
            finally:
                writer.close()

        for _ in range(3):
            assert await send(ip_of(99), b"GET / HTTP/1.0\r\n\r\n") == b""
        stranger = next(one for one in p[1].links.refusals() if one.ip == ip_of(99))
        assert stranger.count == 3 and stranger.reason.startswith("not a member")
        assert sum(ip_of(99) in line for line in p[1].journal.lines) == 1
        await send(ip_of(2), os.urandom(600))
        assert any(one.ip == ip_of(2) and one.reason.startswith("TLS: ") for one in p[1].links.refusals())
        await all_live(p)

    play(scenario, 2)


def test_unfinished_handshakes_are_limited_and_end() -> None:
    async def scenario(p: list[Peer]) -> None:
        await all_live(p)
        for _ in range(HALF_OPEN_PER_ADDRESS_MAX + 3):
            sock = socket.socket()
            sock.bind((ip_of(2), 0))
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (ip_of(1), 4372))
            held.append(sock)
        await until(lambda: any("too many unfinished" in one.reason for one in p[1].links.refusals()))
        await until(
            lambda: any("handshake took longer" in one.reason or "TLS: " in one.reason for one in p[1].links.refusals())
        )
        assert p[2].state(1) is State.LIVE

    held: list[socket.socket] = []
    try:
        play(scenario, 2)
    finally:
        for sock in held:
            sock.close()


def test_a_member_that_proves_nothing_gets_no_byte_of_the_store() -> None:
    async def scenario(p: list[Peer]) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(ip_of(1), 4372, ssl=context, local_addr=(ip_of(2), 0))
        writer.write(b'\x00\x0f{"type":"None"}CONNECT {}\r\nPING\r\n')
        assert b"INFO" not in await reader.read()
        writer.close()
        assert any(one.reason.startswith("not a peer") for one in p[1].links.refusals())

    play(scenario, 2)


def newcomer(peer: Peer) -> None:
    """Peer 1 is the primary with a key and an open window, the others have none."""
    peer.window_s = 600.0
    if peer.number != 1:
        peer.membership = replace(peer.membership, key=b"")


def test_newcomers_are_given_the_key_by_the_primary_and_both_pin_what_they_saw() -> None:
    async def scenario(p: list[Peer]) -> None:
        await until(lambda: bool(p[2].given and p[3].given))
        for peer in p[2:]:
            number, key, cluster, fingerprint = peer.given[0]
            assert (number, key, cluster) == (1, KEY, "cluster-1") and len(fingerprint) == 64
            await peer.change(key=key)
        await all_live(p)
        assert set(p[1].bound) == {2, 3} and all(len(pin) == 64 for pin in p[1].bound.values())

    play(scenario, prepare=newcomer)


def test_outside_of_the_window_nobody_is_given_a_key() -> None:
    def prepare(peer: Peer) -> None:
        newcomer(peer)
        if peer.number == 1:
            peer.window_s = 0.0

    async def scenario(p: list[Peer]) -> None:
        await until(lambda: any("enrolment is closed" in why for why in p[2].reasons(1)))
        assert p[2].reason(3).startswith("no cluster key yet")
        assert not p[2].given and not p[1].bound

    play(scenario, prepare=prepare)


def test_a_peer_that_was_bound_before_is_not_given_the_key_again() -> None:
    def prepare(peer: Peer) -> None:
        newcomer(peer)
        if peer.number == 1:
            peer.bound[2] = "f" * 64

    async def scenario(p: list[Peer]) -> None:
        await until(lambda: any("enrolled before" in why for why in p[2].reasons(1)))
        assert not p[2].given

    play(scenario, 2, prepare)


def test_twenty_thousand_rows_arrive_at_once() -> None:
    async def scenario(p: list[Peer]) -> None:
        for n in range(20_000):
            p[1].links.own.put(f"reg.{n}", b"x" * 300)
        await until(lambda: p[1].links.own.ready.is_set() and len(p[1].links.own.rows) == 20_000)
        await all_live(p)
        await until(lambda: same_rows(p))
        await p[2].change(peers=(name_of(9), name_of(2)), mapping={})
        assert not p[2].links.rows(1)
        began = time.monotonic()
        await p[2].change(peers=(name_of(1), name_of(2)), mapping=p[1].membership.mapping)
        await until(lambda: len(p[2].links.rows(1)) == 20_000 and p[2].state(1) is State.LIVE, 15)
        told("dial and snapshot of 20,000 rows", time.monotonic() - began)

    play(scenario, 2)


def test_peers_call_each_other() -> None:
    async def scenario(p: list[Peer]) -> None:
        async def echo(data: bytes) -> bytes:
            if data == b"no":
                raise CallFailed("not today")
            return data[::-1]

        p[2].links.own.serve("echo", echo)
        await all_live(p)
        link = p[1].links.link(2)
        assert link is not None
        assert await link.request("echo", b"abc") == b"cba"
        assert await link.request("echo", b"x" * 800_000) == b"x" * 800_000
        with pytest.raises(CallFailed, match="not today"):
            await link.request("echo", b"no")
        with pytest.raises(CallFailed, match="does not answer nothing"):
            await link.request("nothing", b"")
        p[2].links.block(1)
        with pytest.raises(CallFailed):
            await link.request("echo", b"abc", 0.5)

    play(scenario, 2)


def test_rows_that_are_too_large_are_refused_by_name() -> None:
    async def scenario(p: list[Peer]) -> None:
        p[1].links.own.put("config", b"x" * 900_000)
        with pytest.raises(RowTooLarge, match="config2"):
            p[1].links.own.put("config2", b"x" * 900_001)
        await all_live(p)
        await until(lambda: same_rows(p))

    play(scenario, 2)


def test_a_name_that_does_not_resolve_is_the_reason() -> None:
    def prepare(peer: Peer) -> None:
        if peer.number == 1:
            peer.membership = replace(peer.membership, mapping={}, dns=(ip_of(77) + ":5399",))

    async def scenario(p: list[Peer]) -> None:
        await until(lambda: p[1].reason(2).startswith("name does not resolve: "))
        await p[1].change(mapping=p[2].membership.mapping)
        await all_live(p)

    play(scenario, 2, prepare)


def test_a_taken_port_and_a_missing_server_are_named() -> None:
    async def scenario(p: list[Peer]) -> None:
        again = Peer(2, 2, p[1].directory)
        with pytest.raises(
            EngineError, match=f"the cluster port {ip_of(2)}:4372 cannot be had: Address already in use"
        ):
            await again.start()
        p[1].links._server._binary = "/nowhere/nats-server"
        os.kill(p[1].links.store_pid, signal.SIGKILL)
        await until(lambda: any("install the Debian package nats-server" in trouble for trouble in p[1].troubles))
        await again.links.stop()

    play(scenario, 2)


def test_no_secret_is_readable_or_logged() -> None:
    async def scenario(p: list[Peer]) -> None:
        await all_live(p)
        for peer in p[1:]:
            configuration = peer.directory / "nats" / "nats.conf"
            assert configuration.stat().st_mode & 0o777 == 0o600
            assert (peer.directory / "nats").stat().st_mode & 0o777 == 0o700
            with open(f"/proc/{peer.links.store_pid}/cmdline") as file:
                assert "password" not in file.read()
            assert KEY.decode() not in "".join(peer.journal.lines)
            assert repr(KEY) not in repr(peer.membership)

    play(scenario, 2)
