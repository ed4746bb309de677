"""The pages of the logs and of diagnostic logging."""

from __future__ import annotations

import io
import tarfile

import pytest

from sextet.model.settings.system import SyslogServer
from tests.support.web_client import Browser, fields_of, words_of

PAGE = "/maintenance/diagnostics/logging"


@pytest.fixture
def browser() -> Browser:
    return Browser().log_in()


def test_a_log_shows_its_newest_lines_first_and_the_filter_finds_some(browser: Browser) -> None:
    logs = browser.records.logs
    logs.event("Alarm Raised", Id="20006", Severity="warning", Detail="<b>lost</b>")
    logs.module("network.cluster", "WARN", "expc02: refused")
    text = browser.get("/status/logs/event")
    assert text.index("expc02: refused") < text.index("Alarm Raised") and "<b>lost" not in text
    filtered = words_of(browser.get("/status/logs/event?filter=20006"))
    assert "Alarm Raised" in filtered and "refused" not in filtered
    assert "refused" in browser.get("/status/logs/network")
    assert "No line contains" in browser.get("/status/logs/event?filter=nothing%20like%20it")
    assert browser.client.get("/status/logs/secret").status_code == 404


def test_lines_are_chosen_by_kind_and_time_too(browser: Browser) -> None:
    logs = browser.records.logs
    logs.event("Alarm Raised", Id="20006", Severity="warning", Detail="lost")
    logs.event("Call Connected", Detail="alice")
    page = browser.get("/status/logs/event?kind=alarms&within=hour")
    assert "only alarms; of the last hour" in words_of(page) and "Alarm Raised" in page
    assert "alice" not in page and 'value="alarms" selected' in page
    assert "alice" in browser.get("/status/logs/event?kind=nonsense&within=ever")
    assert "No line is of what was chosen" in words_of(browser.get("/status/logs/event?kind=registrations"))


def test_an_alarms_number_leads_to_its_lines(browser: Browser) -> None:
    assert 'href="/status/logs/event?filter=40049"' in browser.get("/status/alarms")


def test_diagnostic_logging_from_start_to_download(browser: Browser) -> None:
    fields = fields_of(browser.get(PAGE), f"{PAGE}/start")
    browser.send(f"{PAGE}/start", {**fields, "on": "this"})
    assert "started on 1 of 1 peers" in words_of(browser.last.text)
    browser.send(f"{PAGE}/marker", {**fields, "marker": "here"})
    browser.send(f"{PAGE}/stop", {**fields, "on": "all"})
    assert "stopped on 1 of 3 peers" in words_of(browser.last.text)
    assert "Cannot be asked" in words_of(browser.last.text)
    answer = browser.send(f"{PAGE}/download", fields)
    assert answer.headers["content-type"] == "application/gzip"
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as packed:
        assert any(name.startswith("loggingsnapshot") for name in packed.getnames())


def test_without_a_log_the_page_says_so_and_a_reader_changes_nothing(browser: Browser) -> None:
    fields = fields_of(browser.get(PAGE), f"{PAGE}/start")
    assert "nothing to download" in words_of(browser.send(f"{PAGE}/download", fields).text)
    reader = Browser().read_only()
    fields = fields_of(reader.get(PAGE), f"{PAGE}/start")
    assert "read-only" in words_of(reader.send(f"{PAGE}/start", {**fields, "on": "all"}).text)
    assert not reader.records.recorder.running


def test_level_and_servers_are_settings_of_this_peer(browser: Browser) -> None:
    browser.save("/maintenance/logging", log_level="2")
    assert browser.face.saved.logging.log_level == 2
    browser.save("/maintenance/logging", **{"syslog_servers.0.address": "192.0.2.9"})
    assert browser.face.saved.logging.syslog_servers == (SyslogServer(address="192.0.2.9"),)
