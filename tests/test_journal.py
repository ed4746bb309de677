"""The words of the event log."""

from __future__ import annotations

import re

from sextet import journal
from sextet.model.alarms import DATABASE_COMMUNICATION_FAILURE
from sextet.model.config import Difference


class Lines:
    """A journal that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []

    def event(self, event: str, /, **fields: str) -> None:
        self.said.append((event, *(f"{name}={value}" for name, value in fields.items())))

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None:
        self.said.append((module, level, detail, *(f"{name}={value}" for name, value in fields.items())))


TLS = Difference("clustering.tls_verification_mode", "Permissive", "Enforce")


def test_alarms_carry_number_uuid_severity_and_their_two_texts() -> None:
    lines = Lines()
    journal.alarm_raised(lines, DATABASE_COMMUNICATION_FAILURE)
    journal.alarm_lowered(lines, DATABASE_COMMUNICATION_FAILURE, "expc02 is back")
    journal.alarm_acknowledged(lines, DATABASE_COMMUNICATION_FAILURE, "", {"User": "ann", "Level": "1"})
    raising, *said = lines.said
    assert raising[:3] == ("developer.diagnostics.alarmanager", "INFO", "Raising alarm")
    assert raising[3:] == ("UUID=0f96695e-d954-4f6f-85c1-2ef1eae6f764", "Parameters=null")
    assert [line[0] for line in said] == ["Alarm Raised", "Alarm Lowered", "Alarm Acknowledged"]
    assert said[0][1:] == (
        "Id=20006",
        "UUID=0f96695e-d954-4f6f-85c1-2ef1eae6f764",
        "Severity=warning",
        "Detail=Cluster database communication failure: "
        "The database is unable to replicate with one or more of the cluster peers",
    )
    assert said[1][-1].endswith(" - expc02 is back")
    assert said[2][-1] == "User=ann"


def test_a_change_of_the_tls_mode_reads_as_in_the_guide_on_every_peer_and_for_the_administrator() -> None:
    lines = Lines()
    journal.configuration_in_force(lines, [TLS])
    journal.configuration_changed(lines, [TLS], user="admin", ip="10.15.13.30", port=53155)
    assert lines.said == [
        (
            "developer.cdbtable.cdb.clusterConfiguration",
            "DEBUG",
            "Inserting into table",
            "TableName=clusterConfiguration",
        ),
        (
            "System Configuration Changed",
            "Detail=xconfiguration clusterConfiguration tls_verify - changed from: Permissive to: Enforcing",
        ),
        (
            "System Configuration Changed",
            "Detail=configuration/cluster/tls_verify - changed from: 'Permissive' to: 'Enforcing'",
            "Src-ip=10.15.13.30",
            "Src-port=53155",
            "User=admin",
            "Level=1",
        ),
    ]


def test_settings_without_a_command_of_the_original_and_items_keep_their_path() -> None:
    lines = Lines()
    paths = ["clustering.changes_take_effect", "zones[London].hop_count", "no.such.setting", "protocols.sip_udp"]
    journal.configuration_in_force(lines, [Difference(path, "a", "b") for path in paths])
    said = [re.sub(r".*xconfiguration (.*) - changed.*", r"\1", line[1]) for line in lines.said if len(line) == 2]
    assert said == [*paths[:3], "SIP UDP Mode"]


def test_a_change_of_thousands_of_settings_is_cut_short() -> None:
    lines = Lines()
    journal.configuration_in_force(lines, [TLS] * 5000)
    journal.configuration_changed(lines, [TLS] * 101, user="admin")
    assert lines.said[101] == ("System Configuration Changed", "Detail=and 4900 more settings")
    assert lines.said[-1][1] == "Detail=and 1 more settings"
    assert len(lines.said) == 203


def test_a_round_of_synchronisation_reads_as_in_the_guide() -> None:
    lines = Lines()
    journal.synchronisation_started(lines, [("10.15.13.15", "expc01"), ("10.15.13.16", "expc02")], primary=1, own=2)
    journal.synchronisation_completed(lines, is_primary=False)
    assert [line[2] for line in lines.said] == [
        "Starting synchronisation",
        "",
        "This peer is not the cluster master, local configuration is already up to date",
        "Synchronisation completed successfully",
    ]
    assert lines.said[1][3:] == (
        "AlternateIPAddresses=[u'(10.15.13.15 expc01)', u'(10.15.13.16 expc02)']",
        "ConfigurationMasterIndex=0",
        "LocalPeerIndex=1",
    )
    journal.synchronisation_completed(lines, is_primary=True)
    assert lines.said[4][2].startswith("This peer is the cluster master")


def test_peers_come_and_go_by_name_with_the_reason() -> None:
    lines = Lines()
    journal.peer_lost(lines, "expc02.apolo.local", "no answer for 1.2 s")
    journal.connection_failed(lines, "expc02.apolo.local", "connection refused")
    journal.peer_returned(lines, "expc02.apolo.local")
    journal.name_resolution_retry(lines, ["expc02.apolo.local"], 300_000)
    assert [line[1] for line in lines.said] == ["ERROR", "ERROR", "WARN", "INFO", "INFO"]
    assert "Reason=no answer for 1.2 s" in lines.said[0]
    assert all("expc02.apolo.local" in " ".join(line) for line in lines.said)
    assert lines.said[4][-1] == "Queue-Time-ms=300000"


def test_logins_say_who_and_from_where() -> None:
    lines = Lines()
    journal.session_started(lines, user="admin", ip="192.0.2.1", port=7)
    journal.session_finished(lines, user="admin")
    journal.login_failed(lines, user="eve", ip="192.0.2.1", port=7, reason="wrong password")
    assert [line[0] for line in lines.said] == [
        "Admin Session Start",
        "Admin Session Finish",
        "Admin Session Login Failure",
    ]
    assert lines.said[0][1:] == ("Src-ip=192.0.2.1", "Src-port=7", "User=admin", "Level=1")
    assert lines.said[1][1:] == ("User=admin", "Level=1")
    assert "Reason=wrong password" in lines.said[2]


def test_a_change_of_the_clusters_settings_is_noticed_as_in_the_guide() -> None:
    lines = Lines()
    journal.cluster_configuration_changed(lines, "Permissive", "Enforce")
    journal.alternates_changed(lines)
    assert lines.said == [
        ("developer.management.databasemanager", "INFO", "Cluster configuration change detected"),
        ("developer.management.databasemanager", "INFO", "TLS Verify change status", "Startup=False", "New=True"),
        ("System Configuration Changed", "Detail=xconfiguration alternatesConfiguration - Changed"),
        ("developer.clusterdb.peernamesresolver", "INFO", "Notifying databasemanager (Management Framework)"),
        ("developer.clusterdb.alternatesmanager", "INFO", "alternate peer changed info recieved"),
    ]
