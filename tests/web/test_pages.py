"""The pages as a browser without JavaScript sees them."""

from __future__ import annotations

import asyncio
import re

import pytest

from sextet.cluster.face import Owned
from sextet.model import alarms
from sextet.model.config import Change
from sextet.model.status import PastAlarm
from sextet.web import guard
from sextet.web.menu import MENU
from tests.support.fake_peer import FakePeer
from tests.support.fake_web import ADMINISTRATORS, USER
from tests.support.web_client import Browser, fields_of, words_of

CLUSTERING = "/system/clustering"


@pytest.fixture
def browser() -> Browser:
    return Browser().log_in()


def meanwhile(browser: Browser, path: str, value: object) -> None:
    """Let somebody else change a setting."""
    asyncio.run(browser.face.change([Change("set", path, value)], user="bob", source="cli"))


def test_nothing_is_shown_without_log_in() -> None:
    stranger = Browser().client
    for entry in MENU:
        answer = stranger.get(entry.path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={entry.path}")
    assert "expc-cluster" not in stranger.get("/status/overview").text


def test_every_page_of_the_menu_is_there(browser: Browser) -> None:
    for entry in MENU:
        text = browser.get(entry.path)
        assert f"<title>{entry.heading} · expc01 · sextet</title>" in text
        assert 'aria-current="page"' in text


def test_every_page_is_there_on_a_stand_alone_system_too() -> None:
    alone = Browser(FakePeer(1, ADMINISTRATORS, peers=1)).log_in()
    for entry in MENU:
        alone.get(entry.path)
    assert "Stand-alone system" in words_of(alone.get("/status/overview"))


def test_log_in_leads_to_the_page_that_was_asked_for() -> None:
    browser = Browser()
    page = browser.client.get("/status/calls?filter=alice")
    fields = {**fields_of(page.text, "/login"), "user": USER, "password": "sextet-lab"}
    answer = browser.client.post("/login", data=fields)
    assert str(answer.url).endswith("/status/calls?filter=alice")


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/login", "/\nx"])
def test_log_in_never_leads_elsewhere(target: str) -> None:
    assert guard._inside(target) == "/status/overview"


def test_a_wrong_password_is_refused_with_one_sentence_for_all_reasons() -> None:
    browser = Browser()
    texts = []
    for user in (USER, "nobody"):
        browser.log_in(user, "wrong")
        assert browser.last.status_code == 401
        texts.append(words_of(browser.last.text))
    assert texts[0] == texts[1]
    assert "User name or password is wrong." in texts[0]


def test_guessing_is_slowed_down() -> None:
    browser = Browser()
    for _ in range(30):
        browser.access._throttle.count("guest", "testclient", browser.access._clock())
    browser.log_in()
    assert browser.last.status_code == 429
    assert int(browser.last.headers["retry-after"]) > 0


def test_the_log_in_form_of_another_browser_is_refused() -> None:
    mine, theirs = Browser(), Browser()
    foreign = fields_of(theirs.client.get("/login").text, "/login")
    mine.client.get("/login")
    answer = mine.client.post("/login", data={**foreign, "user": USER, "password": "sextet-lab"})
    assert answer.status_code == 403
    assert guard.COOKIE not in mine.client.cookies


def test_the_session_cookie_stays_with_the_browser() -> None:
    browser = Browser()
    fields = {**fields_of(browser.client.get("/login").text, "/login"), "user": USER, "password": "sextet-lab"}
    answer = browser.client.post("/login", data=fields, follow_redirects=False)
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{guard.COOKIE}="))
    for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie


def test_after_log_out_the_cookie_is_worth_nothing(browser: Browser) -> None:
    token = browser.client.cookies[guard.COOKIE]
    fields = fields_of(browser.get("/status/overview"), "/logout")
    assert browser.client.post("/logout", data=fields, follow_redirects=False).headers["location"] == "/login"
    browser.client.cookies.set(guard.COOKIE, token)
    assert browser.client.get("/status/overview", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("csrf", ["", "x", "é"])
def test_a_form_without_the_sessions_token_changes_nothing(browser: Browser, csrf: str) -> None:
    before = browser.face.saved
    answer = browser.save(CLUSTERING, cluster_name="evil.example", csrf=csrf)
    assert answer.status_code == 403
    assert browser.face.saved == before


@pytest.mark.parametrize(
    "header", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_form_of_another_site_changes_nothing(browser: Browser, header: dict[str, str]) -> None:
    fields = browser.form(CLUSTERING) | {"cluster_name": "evil.example"}
    assert browser.send(CLUSTERING, fields, headers=header).status_code == 403
    assert browser.face.saved.clustering.cluster_name == "expc-cluster.apolo.local"


def test_forms_have_limits(browser: Browser) -> None:
    fields = browser.form(CLUSTERING)
    assert browser.send(CLUSTERING, {**fields, "cluster_name": "x" * guard.BODY_BYTES_MAX}).status_code == 413
    assert browser.send(CLUSTERING, {**fields, **{f"n{n}": "" for n in range(guard.FIELDS_MAX)}}).status_code == 413
    assert (
        browser.client.post(CLUSTERING, content=b"{}", headers={"content-type": "application/json"}).status_code == 415
    )


def test_every_answer_carries_the_security_headers(browser: Browser) -> None:
    for path in ("/status/overview", "/login", "/nowhere", "/livez", "/static/live.js"):
        headers = browser.client.get(path).headers
        for name, value in guard.HEADERS.items():
            assert headers[name] == value
    assert "unsafe" not in guard.HEADERS["Content-Security-Policy"]
    assert browser.client.get("/status/overview").headers["cache-control"] == "no-store"


def test_no_page_needs_what_the_policy_forbids(browser: Browser) -> None:
    for entry in MENU:
        text = browser.get(entry.path)
        for word in (" style=", "<style", "onclick", "onload", "javascript:", "http://", "https://cdn"):
            assert word not in text, f"{entry.path}: {word}"


def test_unknown_pages_and_verbs_are_answered_with_sense(browser: Browser) -> None:
    for answer, status in ((browser.client.get("/nowhere"), 404), (browser.client.put("/login"), 405)):
        assert answer.status_code == status
        assert "Go to the Overview" in answer.text
    assert "&lt;script&gt;" in browser.client.get("/%3Cscript%3E").text


def test_a_crash_of_a_page_is_a_page(browser: Browser) -> None:
    browser.face.status = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    answer = browser.client.get("/status/overview")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "ZeroDivision" not in answer.text


def test_the_overview_says_how_the_cluster_is_and_draws_it(browser: Browser) -> None:
    text = browser.get("/status/overview")
    assert "Cluster expc-cluster.apolo.local: healthy." in words_of(text)
    assert text.count('<line class="ok"') == 6  # two halves of three links
    browser.face.cut(2, 3, "refused")
    text = browser.get("/status/overview")
    assert text.count('<line class="bad"') == 1
    assert "expc03 sees expc02, but expc02 does not see expc03: refused." in words_of(text)


def test_the_lists_show_the_whole_cluster_and_can_be_filtered(browser: Browser) -> None:
    words = words_of(browser.get("/status/registrations"))
    for alias in ("alice@apolo.local", "bob@apolo.local", "會議室@apolo.local"):
        assert alias in words
    words = words_of(browser.get("/status/registrations?filter=會議"))
    assert "1 of 3 registered devices contain “會議”." in words
    assert "alice@apolo.local" not in words
    assert "No call contains “nobody”." in words_of(browser.get("/status/calls?filter=nobody"))
    assert "expc01 → expc03" in words_of(browser.get("/status/calls"))


def test_a_hostile_alias_is_text(browser: Browser) -> None:
    hostile = "<img src=x onerror=alert(1)>\"'@apolo.local"
    browser.face.register(hostile, 1, hostile)
    browser.face.call("c9", 1, hostile, hostile)
    browser.face.raise_alarm(alarms.DISK_FULL, 1, hostile, key=hostile)
    for path in ("/status/registrations", "/status/calls", "/status/alarms", "/status/overview"):
        text = browser.get(path)
        assert "<img" not in text
    assert "&lt;img" in browser.get(f"/status/registrations?filter={hostile}")


def test_an_alarm_of_this_peer_can_be_acknowledged(browser: Browser) -> None:
    page = browser.get("/status/alarms")
    assert "▲ 1 alarm" in words_of(page), "the icon stands on every page while something is new"
    fields = fields_of(page, "/status/alarms/acknowledge")
    answer = browser.send("/status/alarms/acknowledge", fields)
    assert "Alarm 40049 acknowledged." in words_of(answer.text)
    assert "Acknowledged by admin." in words_of(answer.text)
    assert browser.face.alarm_rows[0].row.acknowledged
    assert not browser.face.alarm_rows[1].row.acknowledged
    assert "▲ 1 alarm" in words_of(browser.get("/status/overview"))
    answer = browser.send("/status/alarms/acknowledge", fields | {"peer": "all"})
    assert all(one.row.acknowledged for one in browser.face.alarm_rows)
    assert "▲" not in words_of(browser.get("/status/calls"))
    browser.face.raise_alarm(alarms.DISK_FULL, 2, "full")
    assert "▲ 1 alarm" in words_of(browser.get("/status/calls"))


def test_an_alarm_of_another_peer_leads_to_the_page_there_and_what_is_over_is_listed(browser: Browser) -> None:
    browser.face.raise_alarm(alarms.NO_CLUSTER_NAME, 2, "empty")
    row = PastAlarm(number=20004, key="", detail="no answer for 3 s", since_s=0.0, lowered_s=61.0)
    browser.face.past_rows.append(Owned(3, browser.face.address(3), row, 5.0))
    page = browser.get("/status/alarms")
    assert re.search(r'href="https://[^"]+:8443/system/clustering">Clustering on expc02', page), page
    assert 'href="/system/clustering">Clustering</a>' in page, "40049 is raised here too"
    assert "no answer for 3 s" in words_of(page) and "History" in words_of(page)
    assert "no answer for 3 s" not in words_of(browser.get("/status/alarms?filter=40049"))


@pytest.mark.parametrize("page", sorted({one.page for one in alarms.TYPES.values()} - {""}))
def test_the_pages_that_alarms_name_are_there_and_in_the_menu(browser: Browser, page: str) -> None:
    browser.get(page)
    assert page in {entry.path for entry in MENU}


def test_the_clustering_page_has_the_guides_words(browser: Browser) -> None:
    words = words_of(browser.get(CLUSTERING))
    for text in (
        "Cluster name (FQDN for Provisioning) * †",
        "Configuration primary †",
        "TLS verification mode Permissive Enforce",
        "Cluster IP version †",
        *(f"Peer {n} address †" for n in range(1, 7)),
        "✔ Certificate: Valid ✔ Clustering: This system",
        "✔ Clustering: Active as expc02 (Resolved 'expc02.apolo.local' as '127.77.0.2')",
        "Cluster database status ✔ Active",
        "* mandatory",
        "† specific to this peer",
    ):
        assert text in words, text


def test_all_problems_of_a_form_are_shown_at_once_and_nothing_is_lost(browser: Browser) -> None:
    before = browser.face.saved
    typed = {
        "cluster_name": "-bad-",
        "peer_2_address": "",
        "peer_4_address": "expc 04",
        "changes_take_effect": "At restart",
    }
    answer = browser.save(CLUSTERING, **typed)
    assert answer.status_code == 422
    words = words_of(answer.text)
    assert "Nothing was saved. 3 problems to put right:" in words
    for sentence in (
        "'-bad-' is not a DNS name",
        "Is empty, but a later one is filled",
        "'expc 04' is neither an IP address",
    ):
        assert sentence in words, sentence
    assert browser.face.saved == before
    kept = fields_of(answer.text, None)
    assert {name: kept[name] for name in typed} == typed


def test_a_saved_form_says_what_is_in_force_where(browser: Browser) -> None:
    answer = browser.save(CLUSTERING, changes_take_effect="At restart", cluster_name="other.apolo.local")
    words = words_of(answer.text)
    assert "Saved as r13 (term 1): 2 settings changed." in words
    assert "In force on 3 of 3 peers" in words
    assert "Settings marked † were saved on expc01 only" in words
    assert browser.face.saved.clustering.cluster_name == "other.apolo.local"
    assert "Saved as" not in words_of(browser.get(CLUSTERING))


def test_a_setting_that_needs_a_restart_says_so(browser: Browser) -> None:
    words = words_of(browser.save("/configuration/protocols/sip", sip_udp_port="5070").text)
    assert "A restart is required for: UDP port. Restart options" in words
    assert "In force until the restart: 5060" in words


def test_a_save_without_changes_says_so(browser: Browser) -> None:
    assert "Nothing was changed." in words_of(browser.save(CLUSTERING).text)
    assert browser.face.stamp.revision == 12


def test_somebody_elses_change_to_the_same_field_is_shown_and_nothing_typed_is_lost(browser: Browser) -> None:
    path = "/configuration/protocols/sip"
    form = browser.form(path)
    meanwhile(browser, "protocols.standard_refresh_minimum", 50)
    answer = browser.send(path, {**form, "standard_refresh_minimum": "55", "sip_udp": "Off"})
    assert answer.status_code == 422
    assert "Somebody else made it: 50" in words_of(answer.text)
    again = fields_of(answer.text, None)
    assert (again["standard_refresh_minimum"], again["sip_udp"]) == ("55", "Off")
    assert browser.face.saved.protocols.standard_refresh_minimum == 50
    browser.send(path, again)
    assert browser.face.saved.protocols.standard_refresh_minimum == 55


def test_somebody_elses_change_elsewhere_does_not_disturb(browser: Browser) -> None:
    form = browser.form("/configuration/protocols/sip")
    meanwhile(browser, "protocols.standard_refresh_minimum", 50)
    browser.send("/configuration/protocols/sip", {**form, "standard_refresh_maximum": "90"})
    protocols = browser.face.saved.protocols
    assert (protocols.standard_refresh_minimum, protocols.standard_refresh_maximum) == (50, 90)


def test_without_the_primary_shared_settings_are_refused_with_its_name() -> None:
    browser = Browser(FakePeer.busy(2, ADMINISTRATORS)).log_in()
    browser.face.silence(1)
    answer = browser.save(CLUSTERING, changes_take_effect="At restart")
    words = words_of(answer.text)
    assert "Nothing was saved: the configuration primary cannot be reached. The primary expc01.apolo.local" in words
    assert fields_of(answer.text, None)["changes_take_effect"] == "At restart"


def test_choosing_this_peer_as_primary_is_asked_for_once_more() -> None:
    browser = Browser(FakePeer.busy(2, ADMINISTRATORS)).log_in()
    browser.face.silence(1)
    answer = browser.save(CLUSTERING, configuration_primary="2")
    assert str(answer.url).endswith("/system/clustering/primary")
    assert browser.face.primary == 1
    csrf = fields_of(answer.text, "/logout")["csrf"]
    answer = browser.send("/system/clustering/primary", {"csrf": csrf})
    assert "This peer is the configuration primary" in words_of(answer.text)
    assert browser.face.primary == 2


def test_enforce_with_an_invalid_certificate_needs_a_tick(browser: Browser) -> None:
    browser.face.cut(1, 2, "refused")
    answer = browser.save(CLUSTERING, tls_verification_mode="Enforce", cluster_name="-")
    words = words_of(answer.text)
    assert "2 problems to put right" in words
    assert "Enforce would cut off peers" in words
    fields = fields_of(answer.text, None) | {"enforce_anyway": "yes", "cluster_name": "c.apolo.local"}
    browser.send(CLUSTERING, fields)
    assert browser.face.saved.clustering.tls_verification_mode == "Enforce"


def test_leaving_the_cluster_needs_a_tick() -> None:
    browser = Browser(FakePeer.busy(2, ADMINISTRATORS)).log_in()
    empty = {f"peer_{n}_address": "" for n in range(1, 7)}
    answer = browser.save(CLUSTERING, **empty)
    assert "this peer leaves the cluster" in words_of(answer.text)
    assert browser.face.saved.clustering.peers
    browser.send(CLUSTERING, fields_of(answer.text, None) | {"leave_anyway": "yes"})
    assert browser.face.saved.clustering.peers == ()


def test_no_secret_is_in_a_page(browser: Browser) -> None:
    database = "/configuration/authentication/local-database"
    for path in (database, f"{database}/item?item=alice", "/users/administrators/item?item=admin"):
        text = browser.get(path)
        assert "alice-secret" not in text
        assert "scrypt" not in text


def test_a_read_only_account_changes_nothing() -> None:
    browser = Browser().read_only()
    before = browser.face.saved
    answer = browser.save(CLUSTERING, cluster_name="x.apolo.local")
    assert "is read-only and may not change the configuration" in words_of(answer.text)
    csrf = fields_of(answer.text, "/logout")["csrf"]
    answer = browser.send("/maintenance/restart", {"csrf": csrf})
    assert "read-only" in words_of(answer.text)
    browser.send("/system/clustering/primary", {"csrf": csrf})
    assert (browser.face.saved, browser.face.restarts) == (before, [])


def test_the_history_shows_what_changed_and_what_was_set_aside(browser: Browser) -> None:
    browser.save("/configuration/protocols/sip", standard_refresh_minimum="50")
    assert "in force" in words_of(browser.get("/maintenance/history"))
    words = words_of(browser.get("/maintenance/history/revision?term=1&author=peer-1&revision=13"))
    assert "protocols.standard_refresh_minimum 45 50" in words
    for query in ("", "?term=x", "?term=1&revision=" + "9" * 40, "?term=1&author=nobody&revision=13"):
        assert browser.client.get(f"/maintenance/history/revision{query}").status_code == 404


def test_restart_says_what_it_ends(browser: Browser) -> None:
    assert "1 call ends and 1 registered alias has to register again." in words_of(browser.get("/maintenance/restart"))


def test_health_is_told_without_log_in_and_without_names() -> None:
    browser = Browser()
    assert browser.client.get("/livez").text == "alive first\n"
    assert browser.client.get("/readyz").text == "ready\n"
    browser.face.engines = ("Kamailio does not run.",)
    answer = browser.client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready: engine\n")
    browser.face.raise_alarm(alarms.MAINTENANCE_MODE, browser.face.number, "On.")
    assert browser.client.get("/readyz").text == "not ready: engine, maintenance mode\n"


def test_a_link_from_another_peers_page_keeps_the_log_in(browser: Browser) -> None:
    token = browser.client.cookies[guard.COOKIE]
    browser.client.cookies.clear()
    answer = browser.client.get("/status/overview", headers={"Sec-Fetch-Site": "cross-site"}, follow_redirects=False)
    assert 'http-equiv="refresh"' in answer.text
    browser.client.cookies.set(guard.COOKIE, token)
    assert browser.client.get("/status/overview").status_code == 200


def test_the_other_peers_are_linked_as_the_browser_came(browser: Browser) -> None:
    assert "https://127.77.0.2:8443/status/calls" in browser.get("/status/calls")
    answer = browser.client.get("/status/calls", headers={"Host": "expc01.apolo.local:8443"})
    assert "https://expc02.apolo.local:8443/status/calls" in answer.text


def test_the_preflight_page_shows_every_check_and_measures_on_demand(browser: Browser) -> None:
    face = browser.face
    face.judged[("rtt", 2)] = ("failed", "95.0 ms")
    path = "/maintenance/diagnostics/preflight"
    text = words_of(browser.get(path))
    assert "expc02 : 95.0 ms" in text or "expc02: 95.0 ms" in text
    assert "Shorten the way" in text
    assert "30000-35999" in text
    assert face.measured == 0, "looking measures nothing"
    answer = browser.send(path, fields_of(browser.get(path), path))
    assert face.measured == 1
    assert "failed: Round trip" in words_of(answer.text)


def test_enforce_asks_back_where_addresses_are_translated(browser: Browser) -> None:
    browser.face.judged[("nat", 2)] = ("failed", "it comes from 192.0.2.9")
    refused = browser.save(CLUSTERING, tls_verification_mode="Enforce")
    assert "expc02: it comes from 192.0.2.9" in words_of(refused.text)
    assert browser.face.saved.clustering.tls_verification_mode == "Permissive"
