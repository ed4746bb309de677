"""Servers of policy services on loopback: asked in order, passed over while down, judged, and watched."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from sextet.engine import Wanted
from sextet.lab.policy_server import PolicyServer
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from sextet.model.settings.policy_services import PolicyServer as Server
from sextet.model.settings.policy_services import PolicyService
from sextet.model.status import ZoneStatus
from sextet.sip import policy_services
from sextet.sip.policy_services import PolicyServices
from sextet.sip.resolver import Resolver
from tests.support.sip_peers import certificate

ADDRESS, OTHER = "127.64.8.81", "127.64.8.82"
PORT = 8081
ALLOWED = "<proxy/>"
SERVICE = PolicyService(
    name="Judge", protocol="HTTP", path="policy", user_name="sextet", password="hidden",
    servers=(Server(address=f"{ADDRESS}:{PORT}"), Server(address=f"{OTHER}:{PORT}")),
)  # fmt: skip


class Bench:
    """The services of one peer, and what they told."""

    def __init__(self) -> None:
        self.rows: Mapping[str, ZoneStatus] = {}
        self.troubles: list[str] = []
        self._changed = asyncio.Event()
        self.services = PolicyServices(Resolver(lambda: 0.0), self._show, self.troubles.append)

    def _show(self, rows: Mapping[str, ZoneStatus]) -> None:
        self.rows = rows
        self._changed.set()

    def states(self) -> list[str]:
        return [one.state for one in self.rows["Judge"].addresses]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def follow(self, *services: PolicyService, **more: object) -> None:
        config = Root(policy_services=services, clustering=Clustering(cluster_name="cluster.apolo.local"))
        wanted = Wanted(config=config, generation=1, number=1, address="127.64.8.1", **more)  # type: ignore[arg-type]
        self.services.follow(wanted)


@contextlib.asynccontextmanager
async def judged(
    service: PolicyService = SERVICE, tls: ssl.SSLContext | None = None, **more: object
) -> AsyncIterator[tuple[Bench, PolicyServer, PolicyServer]]:
    first, second = PolicyServer(lambda _: ALLOWED), PolicyServer(lambda _: ALLOWED)
    await first.start(ADDRESS, PORT, tls)
    await second.start(OTHER, PORT, tls)
    bench = Bench()
    bench.follow(service, **more)
    try:
        await bench.until(lambda: "checking" not in bench.states())
        yield bench, first, second
    finally:
        bench.services.stop()
        await first.stop()
        await second.stop()


def test_the_parameters_go_in_the_body_with_cluster_name_and_time() -> None:
    async def play() -> None:
        async with judged() as (bench, first, second):
            assert await bench.services.ask("Judge", f"DESTINATION_ALIAS={quote('bob & co@x')}") == ALLOWED
            [asked] = first.asked
            assert asked["DESTINATION_ALIAS"] == "bob & co@x"
            assert asked["CLUSTER_NAME"] == "cluster.apolo.local"
            assert asked["UTCTIME"]
            assert first.authorization == "Basic c2V4dGV0OmhpZGRlbg=="
            assert not second.asked

    asyncio.run(play())


def test_a_service_that_wants_get_is_given_the_parameters_in_the_address() -> None:
    async def play() -> None:
        async with judged(replace(SERVICE, method="GET", path="/policy?site=1")) as (bench, first, _):
            assert await bench.services.ask("Judge", "A=b") == ALLOWED
            assert first.asked[0]["A"] == "b" and first.asked[0]["site"] == "1"

    asyncio.run(play())


def test_a_server_that_is_down_is_passed_over_and_with_all_down_nothing_is_asked() -> None:
    async def play() -> None:
        async with judged() as (bench, first, second):
            await first.stop()
            assert await bench.services.ask("Judge", "A=b") == ALLOWED
            assert bench.states() == ["failed", "active"]
            assert bench.rows["Judge"].words == "Active (1 of 2)"
            await second.stop()
            assert await bench.services.ask("Judge", "A=b") == ""
            assert (bench.states(), bench.rows["Judge"].state) == (["failed", "failed"], "Failed")
            await first.start(ADDRESS, PORT)
            assert await bench.services.ask("Judge", "A=b") == "", "known to be down until the status poll"
            assert not first.asked

    asyncio.run(play())


def test_the_status_poll_finds_a_server_well_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        monkeypatch.setattr(policy_services, "POLL_S", 0.05)
        async with judged() as (bench, first, _):
            await first.stop()
            await bench.until(lambda: bench.states() == ["failed", "active"])
            await first.start(ADDRESS, PORT)
            await bench.until(lambda: bench.states() == ["active", "active"])

    asyncio.run(play())


def test_a_silent_server_costs_its_share_of_the_limit_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        monkeypatch.setattr(policy_services, "LIMIT_S", 1.0)  # the second one has half of it, which is plenty
        async with judged() as (bench, first, second):
            first.delay_s = 60
            assert await bench.services.ask("Judge", "A=b") == ALLOWED
            assert bench.states() == ["failed", "active"]
            assert "no answer within" in bench.rows["Judge"].addresses[0].reason
            assert await bench.services.ask("Judge", "A=b") == ALLOWED
            assert (len(first.asked), len(second.asked)) == (1, 2)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("cpl", "sentence"),
    [
        ("<reject", "not well-formed"),
        ("<!DOCTYPE x><proxy/>", "DOCTYPE"),
        ("<time-switch/>", "time-switch"),
        ("OK", "holds no CPL"),
        ("", "holds no CPL"),
        ("<html><body>Log in</body></html>", "html"),
    ],
)
def test_an_answer_that_is_no_cpl_is_told_until_a_good_one_comes(cpl: str, sentence: str) -> None:
    async def play() -> None:
        async with judged() as (bench, first, _):
            first.cpl = lambda _: cpl
            assert await bench.services.ask("Judge", "A=b") == ""
            assert bench.troubles[-1].startswith(f"Policy service Judge, {ADDRESS}:{PORT}: ")
            assert sentence in bench.troubles[-1]
            first.cpl = lambda _: ALLOWED
            assert await bench.services.ask("Judge", "A=b") == ALLOWED
            assert bench.troubles[-1] == ""

    asyncio.run(play())


def test_an_answer_of_another_status_or_without_end_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with judged() as (bench, first, second):
            first.first = "HTTP/1.1 500 Internal Server Error"
            assert await bench.services.ask("Judge", "A=b") == ALLOWED
            assert bench.rows["Judge"].addresses[0].reason == "it answered 500"
            first.first, first.cpl = "HTTP/1.1 200 OK", lambda _: "x" * (policy_services.ANSWER_MAX + 1)
            assert await bench.services.ask("Judge", "A=b") == ALLOWED
            assert "longer than" in bench.rows["Judge"].addresses[0].reason
            second.first = "SSH-2.0"
            assert await bench.services.ask("Judge", "A=b") == ""

    asyncio.run(play())


def test_no_more_than_so_many_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        monkeypatch.setattr(policy_services, "TOGETHER_MAX", 2)
        async with judged() as (bench, first, _):
            first.delay_s = 60
            waiting = [asyncio.create_task(bench.services.ask("Judge", "A=b")) for _ in range(2)]
            await first.until(2)
            assert await bench.services.ask("Judge", "A=b") == ""
            first.hurry()
            assert await asyncio.gather(*waiting) == [ALLOWED, ALLOWED]

    asyncio.run(play())


def test_a_certificate_that_is_not_trusted_or_names_another_is_refused(tmp_path: Path) -> None:
    async def play() -> None:
        certificate(tmp_path)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
        https = replace(SERVICE, protocol="HTTPS")
        async with judged(https, tls) as (bench, first, _):
            assert bench.states() == ["failed", "failed"]
            assert "not trusted" in bench.rows["Judge"].addresses[0].reason
        async with judged(https, tls, trusted=tmp_path / "certificate.pem") as (bench, first, _):
            assert bench.states() == ["failed", "failed"], "it names neither address"
            bench.follow(replace(https, tls_verify=False))
            await bench.until(lambda: "checking" not in bench.states())
            assert bench.states() == ["active", "active"], bench.rows
            assert await bench.services.ask("Judge", "A=b") == ALLOWED

    asyncio.run(play())


def test_a_service_that_is_removed_is_asked_no_more() -> None:
    async def play() -> None:
        async with judged() as (bench, first, _):
            bench.follow()
            assert not bench.rows
            assert await bench.services.ask("Judge", "A=b") == ""
            assert not first.asked

    asyncio.run(play())


def test_a_bad_answer_of_a_service_that_was_removed_meanwhile_leaves_no_trouble() -> None:
    async def play() -> None:
        async with judged() as (bench, first, _):
            first.delay_s, first.cpl = 60, lambda _: "<reject"
            waiting = asyncio.create_task(bench.services.ask("Judge", "A=b"))
            await first.until(1)
            bench.follow()
            first.hurry()
            assert await waiting == ""
            assert not bench.troubles

    asyncio.run(play())
