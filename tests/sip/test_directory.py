"""The H.350 directory on loopback: what proves whom, for how long, and what holds while its server is away."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from sextet.engine import Wanted
from sextet.lab.authority import issue, new_authority
from sextet.model.sections import Root
from sextet.model.settings.h350 import DIRECTORY, H350
from sextet.model.settings.protocols import Domain
from sextet.model.status import ZoneAddress, ZoneStatus
from sextet.sip import directory, rendering
from sextet.sip.directory import KEPT_S, MISSED_S, Directory
from sextet.sip.kemi.asking.questions import UNANSWERED
from sextet.sip.resolver import Resolver
from tests.support.ldap_server import BASE, LOGIN, Device, LdapServer

ADDRESS, PORT = "127.64.9.81", 6389
SETTINGS = {
    "mode": True, "server_address": ADDRESS, "server_port": PORT, "encryption": "Off", "base_dn": BASE,
    "bind_dn": LOGIN[0], "bind_password": LOGIN[1],
}  # fmt: skip
PROVED = rendering.ha1("dora", "apolo.local", "of dora")


class Bench:
    """The directory of one peer, and how it said that its server is."""

    def __init__(self) -> None:
        self.rows: Mapping[str, ZoneStatus] = {}
        self._changed = asyncio.Event()
        self.directory = Directory(Resolver(lambda: 0.0), self._show)

    def _show(self, rows: Mapping[str, ZoneStatus]) -> None:
        self.rows = rows
        self._changed.set()

    @property
    def server(self) -> ZoneAddress:
        return self.rows[DIRECTORY].addresses[0]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def follow(self, domain: str = "apolo.local", trusted: Path = Path(), **more: object) -> None:
        config = Root(domains=(Domain(name=domain),), h350=H350(**{**SETTINGS, **more}))  # type: ignore[arg-type]
        self.directory.follow(
            Wanted(config=config, generation=1, number=1, address="127.64.9.1", trusted=trusted, material=str(trusted))
        )


@contextlib.asynccontextmanager
async def asked(
    *devices: Device, tls: ssl.SSLContext | None = None, **more: object
) -> AsyncIterator[tuple[Bench, LdapServer]]:
    server, bench = LdapServer(*devices), Bench()
    await server.start(ADDRESS, PORT, tls)
    bench.follow(**more)  # type: ignore[arg-type]
    try:
        await bench.until(lambda: bench.server.state != "checking")
        yield bench, server
    finally:
        bench.directory.stop()
        await server.stop()


DORA = Device("dora", "of dora")


def test_a_password_of_the_directory_proves_its_device_for_a_while_and_an_unknown_name_is_asked_for_again_soon() -> (
    None
):
    async def go() -> None:
        async with asked(DORA) as (bench, server):
            assert await bench.directory.ask("dora") == ([PROVED], KEPT_S)
            assert await bench.directory.ask("nobody") == ([], MISSED_S)
            assert (server.asked, set(server.logins)) == (["dora", "nobody"], {LOGIN[0]})
            assert bench.rows[DIRECTORY].state == "Active"

    asyncio.run(go())


def test_only_the_very_name_is_proved_and_only_where_its_entries_agree() -> None:
    async def go() -> None:
        async with asked(DORA, Device("twin", "one"), Device("twin", "another")) as (bench, _):
            for user in ("Dora", "twin", "x" * 200, "line\nbreak", "broken \udc80"):
                assert await bench.directory.ask(user) == ([], MISSED_S), user

    asyncio.run(go())


def test_a_name_cannot_widen_what_is_looked_for() -> None:
    async def go() -> None:
        async with asked(DORA) as (bench, server):
            assert await bench.directory.ask("*)(SIPIdentityUserName=dora") == ([], MISSED_S)
            assert server.asked == ["*)(SIPIdentityUserName=dora"]

    asyncio.run(go())


def test_a_connection_that_the_server_ended_costs_nobody_an_answer() -> None:
    async def go() -> None:
        async with asked(DORA) as (bench, server):
            await bench.directory.ask("dora")
            server.cut()
            assert await bench.directory.ask("dora") == ([PROVED], KEPT_S)

    asyncio.run(go())


def test_while_the_server_is_away_the_last_known_password_holds_and_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(directory, "AGAIN_S", 0.02)
    monkeypatch.setattr(directory, "LEAST_S", 0.0)

    async def go() -> None:
        async with asked(DORA) as (bench, server):
            await bench.directory.ask("dora")
            await server.stop()
            assert await bench.directory.ask("dora") == ([PROVED], MISSED_S)
            assert bench.server.state == "failed"
            assert await bench.directory.ask("eric") == ([UNANSWERED], directory.UNANSWERED_S)
            monkeypatch.setattr(directory, "LAST_KNOWN_S", 0.0)
            assert await bench.directory.ask("dora") == ([UNANSWERED], directory.UNANSWERED_S)
            await server.start(ADDRESS, PORT)
            await bench.until(lambda: bench.server.state == "active")
            assert await bench.directory.ask("dora") == ([PROVED], KEPT_S)

    asyncio.run(go())


def test_a_silent_server_is_waited_for_within_the_limit_and_then_found_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "LIMIT_S", 0.05)
    monkeypatch.setattr(directory, "LEAST_S", 0.0)

    async def go() -> None:
        async with asked(DORA) as (bench, server):
            server.silent = True
            assert await bench.directory.ask("dora") == ([UNANSWERED], directory.UNANSWERED_S)
            await bench.until(lambda: bench.server.state == "failed")
            assert bench.server.reason == "no answer within 0.05 s"

    asyncio.run(go())


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"bind_password": "guessed"}, "it refuses the log-in (invalidCredentials)"),
        ({"base_dn": "ou=elsewhere"}, "it knows no ou=elsewhere"),
        ({"server_port": 6390}, "Connection refused"),
        ({"encryption": "TLS"}, "no trusted CA certificate is there to check its certificate with"),
    ],
)
def test_what_is_wrong_is_named(wrong: Mapping[str, object], reason: str) -> None:
    async def go() -> None:
        async with asked(DORA, **wrong) as (bench, _):
            assert (bench.server.state, bench.server.reason) == ("failed", reason)

    asyncio.run(go())


def test_over_tls_the_certificate_must_be_trusted_and_name_the_server(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)  # wall clock: certificates hold moments
    authority = new_authority("an authority", now)
    trusted, key = tmp_path / "trusted.pem", tmp_path / "key.pem"
    trusted.write_bytes(authority.pem)
    contexts = []
    for name in (ADDRESS, "127.64.9.99"):
        issue(authority, [name], now).write(tmp_path / "certificate.pem", key)
        contexts.append(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        contexts[-1].load_cert_chain(tmp_path / "certificate.pem", key)

    async def go() -> None:
        for context, state in zip(contexts, ("active", "failed"), strict=True):
            async with asked(DORA, tls=context, encryption="TLS", trusted=trusted) as (bench, _):
                assert bench.server.state == state, bench.server.reason
        assert bench.server.reason.startswith("its certificate is not trusted (IP address mismatch")
        trusted.write_bytes(new_authority("another", now).pem)
        async with asked(DORA, tls=contexts[0], encryption="TLS", trusted=trusted) as (bench, _):
            assert bench.server.reason.startswith("its certificate is not trusted")

    asyncio.run(go())


@pytest.mark.parametrize(("password", "state"), [(LOGIN[1], "active"), ("guessed", "failed")])
def test_a_log_in_with_digest_md5_sends_no_password(password: str, state: str) -> None:
    login = {"sasl": "DIGEST-MD5", "bind_user_name": "sextet", "bind_password": password}

    async def go() -> None:
        async with asked(DORA, **login) as (bench, server):
            assert (bench.server.state, server.logins) == (state, ["sextet"])

    asyncio.run(go())


def test_an_answer_that_comes_after_a_change_proves_nobody() -> None:
    async def go() -> None:
        async with asked(DORA) as (bench, server):
            server.free.clear()
            question = asyncio.create_task(bench.directory.ask("dora"))
            async with asyncio.timeout(5):
                await server.came.wait()
            bench.follow(domain="other.test")
            server.free.set()
            assert await question == ([UNANSWERED], directory.UNANSWERED_S)

    asyncio.run(go())


def test_another_realm_makes_other_proofs_and_off_asks_nobody() -> None:
    async def go() -> None:
        async with asked(DORA) as (bench, server):
            bench.follow(domain="other.test")
            other = rendering.ha1("dora", "other.test", "of dora")
            assert await bench.directory.ask("dora") == ([other], KEPT_S)
            bench.follow(mode=False)
            assert await bench.directory.ask("dora") == ([], MISSED_S)
            assert (server.asked, bench.rows) == (["dora"], {})

    asyncio.run(go())
