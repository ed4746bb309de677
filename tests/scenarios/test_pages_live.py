"""The web pages of a running cluster over HTTPS: what an administrator sees and saves, on whichever peer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from sextet.web.menu import MENU
from tests.support.real_lab import Lab, answered, eventually
from tests.support.web_client import fields_of, words_of

pytestmark = pytest.mark.scenario
CLUSTERING = "/system/clustering"
SIP = "/configuration/protocols/sip"


@contextmanager
def browser(lab: Lab, number: int, password: str = "") -> Iterator[httpx2.Client]:
    """Log in on a peer; its certificate is verified, though not against the address that is dialled."""
    context = ssl.create_default_context(cafile=lab.plan.authority)
    context.check_hostname = False
    url = lab.peer(number).url
    with httpx2.Client(base_url=url, verify=context, follow_redirects=True, headers={"Origin": url[:-1]}) as client:
        fields = fields_of(client.get("/login").text, "/login")
        client.post("/login", data={**fields, "user": "admin", "password": password or lab.administrator})
        yield client


def words(client: httpx2.Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return words_of(answer.text)


def save(client: httpx2.Client, path: str, **typed: str) -> str:
    """Open a page, type, press Save; gives what the page says then."""
    fields = fields_of(client.get(path).text, None)
    return words_of(client.post(path, data={**fields, **typed}).text)


def test_every_page_shows_on_the_primary_and_on_another_peer_and_a_wrong_password_shows_none(lab: Lab) -> None:
    for number in (1, 3):
        with browser(lab, number) as client:
            for entry in MENU:
                assert f"expc0{number}" in words(client, entry.path)
    with browser(lab, 1, "wrong") as client:
        assert str(client.get(CLUSTERING).url.path) == "/login"
    log = "\n".join(lab.lines(1))
    assert 'Event="Admin Session Login Failure"' in log and 'Event="Admin Session Start"' in log


def test_registrations_and_calls_of_the_whole_cluster_show_on_every_peer(lab: Lab) -> None:
    async def play() -> None:
        async with lab.phone(1, "alice", "tls") as alice, lab.phone(3, "bob") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200

            async def both() -> bool:
                return len(await lab.registrations(2)) == 2

            await eventually("2 knows both", both)
            dialog = answered(await alice.call("bob@apolo.local"))

            async def one_call() -> bool:
                return [call["state"] for call in await lab.ask(2, "call list")] == ["connected"]

            await eventually("2 knows the call", one_call)
            with browser(lab, 2) as client:
                shown = words(client, "/status/registrations")
                assert "alice@apolo.local" in shown and "bob@apolo.local" in shown
                shown = words(client, "/status/calls")
                assert "alice@apolo.local" in shown and "LocalZoneMatch" in shown
                assert "40049" in words(client, "/status/alarms")
                assert "3 of 3 peers active" in words(client, "/status/overview")
            assert (await alice.hang_up(dialog)).status == 200
            for one in (alice, bob):
                assert (await one.register(0)).status == 200

    asyncio.run(play())


def test_the_clustering_page_shows_the_guides_lines_and_refuses_all_at_once(lab: Lab) -> None:
    with browser(lab, 2) as client:
        shown = words(client, CLUSTERING)
        for line in (
            "✔ Certificate: Valid",
            "This system",
            "Active as expc01 (Resolved 'expc01.apolo.local' as '",
            "Active as expc03 (Resolved 'expc03.apolo.local' as '",
        ):
            assert line in shown, line
        shown = save(client, CLUSTERING, peer_4_address="expc01.apolo.local", peer_6_address="expc06.apolo.local")
        assert "is peer 1 already" in shown and "move the later ones up" in shown
    assert asyncio.run(lab.value(2, "clustering.peer_4_address")) == ""


def test_a_page_saved_on_a_subordinate_is_in_force_everywhere_and_a_stale_one_is_told(lab: Lab) -> None:
    with browser(lab, 2) as client, browser(lab, 3) as other:
        stale = fields_of(other.get(SIP).text, None)
        name = next(key for key in stale if key.endswith("standard_refresh_maximum"))
        save(client, SIP, **{name: "68"})
        for number in lab.numbers:
            seen = lambda number=number: lab.value(number, "protocols.standard_refresh_maximum")
            asyncio.run(eventually("it is saved", seen, wanted="68"))
        page = other.post(SIP, data={**stale, name: "69"}).text
        assert "Nothing was saved: somebody else changed the same settings meanwhile" in words_of(page)
        assert "Somebody else made it: 68" in words_of(page)
        assert fields_of(page, None)[name] == "69"  # what was typed is still there
        assert asyncio.run(lab.value(3, "protocols.standard_refresh_maximum")) == "68"
        save(client, SIP, **{name: "60"})
    assert 'User="admin"' in "\n".join(lab.lines(2)[-20:])


def test_forms_without_their_token_and_from_elsewhere_change_nothing(lab: Lab) -> None:
    with browser(lab, 1) as client:
        fields = fields_of(client.get(SIP).text, None)
        name = next(key for key in fields if key.endswith("standard_refresh_maximum"))
        forged = {**fields, name: "99", "csrf": "x" * 43}
        assert client.post(SIP, data=forged).status_code in (400, 403)
        answer = client.post(SIP, data={**fields, name: "99"}, headers={"Origin": "https://evil.example"})
        assert answer.status_code in (400, 403)
    assert asyncio.run(lab.value(1, "protocols.standard_refresh_maximum")) == "60"


def test_a_peer_that_fails_shows_its_cause_on_the_page(lab: Lab) -> None:
    async def play() -> None:
        def look(client: httpx2.Client) -> str | None:
            shown = words(client, CLUSTERING)
            return shown if "✘ Clustering: Failed connection refused by" in shown else None

        await lab.do("kill", peer=3)
        try:
            with browser(lab, 1) as client:
                await eventually("the page says why", lambda: asyncio.to_thread(look, client))
                assert "2 of 3 peers active" in words(client, "/status/overview")
        finally:
            await lab.do("start", peer=3)

    asyncio.run(play())
