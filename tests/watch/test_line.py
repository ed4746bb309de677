"""Lines of the event log: the guide's forms, and values that cannot forge one."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

from sextet.watch.line import FIELDS_MAX, VALUE_CHARACTERS_MAX, Origin, entry_of, escaped, event_line, module_line

MOMENT = datetime(2020, 8, 12, 14, 57, 43, 524999, timezone(timedelta(hours=-5)))


def test_an_alarm_reads_as_in_the_guide() -> None:
    fields = [("Id", "20006"), ("UUID", "0f96695e"), ("Severity", "warning"), ("Detail", "Cluster: x")]
    assert event_line(MOMENT, "expc01", "Alarm Raised", fields) == (
        '2020-08-12T14:57:43.524-05:00 expc01 alarm: Level="WARN" Event="Alarm Raised" Id="20006" UUID="0f96695e" '
        'Severity="warning" Detail="Cluster: x" UTCTime="2020-08-12 19:57:43,524"'
    )


def test_the_level_of_an_alarm_follows_its_severity() -> None:
    assert ' alarm: Level="ERROR" ' in event_line(MOMENT, "h", "Alarm Raised", [("Severity", "critical")])
    assert ' alarm: Level="INFO" ' in event_line(MOMENT, "h", "Alarm Raised", [("Severity", "notice")])
    assert ' alarm: Level="INFO" ' in event_line(MOMENT, "h", "Alarm Lowered", [("Severity", "critical")])


def test_a_change_in_the_database_reads_as_in_the_guide() -> None:
    detail = "xconfiguration clusterConfiguration tls_verify - changed from: Permissive to: Enforcing"
    assert event_line(MOMENT, "expc01", "System Configuration Changed", [("Detail", detail)]) == (
        '2020-08-12T14:57:43.524-05:00 expc01 UTCTime="2020-08-12 19:57:43,524" Event="System Configuration Changed" '
        f'Detail="{detail}"'
    )


def test_what_somebody_did_reads_as_in_the_guide() -> None:
    fields = [("Detail", "x"), ("Src-ip", "10.15.13.30"), ("Src-port", "53155"), ("User", "admin")]
    assert event_line(MOMENT, "expc01", "System Configuration Changed", fields) == (
        '2020-08-12T14:57:43.524-05:00 expc01 web: Event="System Configuration Changed" Detail="x" '
        'Src-ip="10.15.13.30" Src-port="53155" User="admin" Level="1" UTCTime="2020-08-12 19:57:43,524"'
    )
    assert " expc01 cli: " in event_line(MOMENT, "expc01", "Admin Session Start", [("User", "admin")])
    assert event_line(MOMENT, "h", "X", [("User", "a"), ("Level", "2")]).count("Level=") == 1


def test_a_module_line_reads_as_in_the_guide() -> None:
    assert module_line(MOMENT, "expc01", "developer.replication", "INFO", "Starting synchronisation", []) == (
        '2020-08-12T14:57:43.524-05:00 expc01 replication: UTCTime="2020-08-12 19:57:43,524" '
        'Module="developer.replication" Level="INFO" Detail="Starting synchronisation"'
    )
    here = Origin(node="expc01.apolo.local", process=159, location="following(350)")
    located = module_line(MOMENT, "expc01", "developer.replication", "INFO", "Starting synchronisation", [], here)
    assert located.endswith('Level="INFO" CodeLocation="following(350)" Detail="Starting synchronisation"')
    database = module_line(MOMENT, "expc01", "developer.clusterdb.cdb", "INFO", "x", [("Node", "n")], here)
    assert database.endswith('Level="INFO" Node="clusterdb@expc01.apolo.local" PID="159" Detail="x" Node="n"')
    line = module_line(MOMENT, "expc01", "developer.clusterdb.cdb", "WARN", "", [("Node", "n")])
    assert line.endswith(
        'expc01 UTCTime="2020-08-12 19:57:43,524" Module="developer.clusterdb.cdb" Level="WARN" Node="n"'
    )


def test_no_value_and_no_name_can_end_a_value_or_begin_a_line() -> None:
    evil = 'x" Event="Alarm Raised"\n2020-08-12T14:57:43 expc01 alarm: \r\x1b[2J\u2028\u202e\\'
    line = event_line(MOMENT, 'a b\n"', "Admin Session Start", [(evil, evil), ("User", evil)])
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    entry = entry_of(line)
    assert entry.get("Event") == "Admin Session Start"
    assert entry.get("User") == evil
    assert [name for name, _ in entry.fields].count("Event") == 1


def test_letters_of_any_language_stay_readable() -> None:
    assert escaped("會議室 – München") == "會議室 – München"
    assert escaped("\ud800") == "\\ud800"


def test_every_value_comes_back_as_it_was_written() -> None:
    dice = random.Random(6)
    for _ in range(2000):
        value = "".join(
            dice.choice('ab"\\\n\t\x00\x7f=é會\u2028\U0001f600\U000e0001 n') for _ in range(dice.randrange(12))
        )
        entry = entry_of(event_line(MOMENT, "expc01", "X", [("Detail", value)]))
        assert entry.get("Detail") == value


def test_a_value_that_is_too_long_is_cut_with_a_mark() -> None:
    assert escaped("x" * VALUE_CHARACTERS_MAX) == "x" * VALUE_CHARACTERS_MAX
    assert escaped("x" * (VALUE_CHARACTERS_MAX + 1)) == "x" * (VALUE_CHARACTERS_MAX - 1) + "…"
    assert escaped("\x1f\x80\u2028\U000e0001") == "\\x1f\\x80\\u2028\\U000e0001"


def test_milliseconds_are_cut_as_in_the_moment_before_the_host() -> None:
    line = event_line(MOMENT.replace(microsecond=9999), "h", "X", [])
    assert line.startswith("2020-08-12T14:57:43.009-05:00 ")
    assert 'UTCTime="2020-08-12 19:57:43,009"' in line


def test_lines_have_a_limit() -> None:
    line = event_line(MOMENT, "h", "X", [(f"F{n}", "x" * 5000) for n in range(100)])
    assert len(line) < FIELDS_MAX * (VALUE_CHARACTERS_MAX + 50)


def test_a_line_is_taken_apart_and_a_strange_one_keeps_its_text() -> None:
    entry = entry_of(event_line(MOMENT, "expc01", "Alarm Raised", [("Id", "20006")]))
    assert (entry.moment, entry.host, entry.process) == ("2020-08-12T14:57:43.524-05:00", "expc01", "alarm")
    entry = entry_of(event_line(MOMENT, "expc01", "System Configuration Changed", [("Detail", "d")]))
    assert (entry.process, entry.get("Detail"), entry.get("User")) == ("", "d", "")
    assert entry_of("garbage").text == "garbage"
    assert entry_of("garbage").fields == ()
