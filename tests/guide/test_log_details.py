"""日誌詳細資訊: the lines that the guide shows stand in the logs of the same peers, in the same order and fields."""

from __future__ import annotations

import pytest

from tests.support.guide_reader import AT_ONCE, Reader

pytestmark = pytest.mark.scenario
REPLICATION = 'replication: UTCTime="20 … Module="developer.replication" Level="INFO" CodeLocation="following('
MANAGEMENT = 'management: UTCTime="20 … Module="developer.management.databasemanager" Level="INFO" CodeLocation="'
CDB = 'Module="developer.clusterdb.cdb" Level="{}" Node="clusterdb@expc01.apolo.local" PID=" … '
PLACES = "AlternateIPAddresses=\"[u'({} expc01)', u'({} expc02)', u'({} expc03)']\" ConfigurationMasterIndex=\"0\""


def test_synchronisation_on_the_primary_and_on_a_peer(both_ways: Reader) -> None:
    reader = both_ways
    reader.active()
    reader.turn_page()
    sip = "/configuration/protocols/sip"
    another = "65" if reader.chosen(1, "changes_take_effect") == AT_ONCE else "64"
    assert "Saved" in reader.save(1, sip, standard_refresh_maximum=another)
    listed = PLACES.format(*(peer.address for peer in reader.lab.plan.peers))
    of_primary = "This peer is the cluster master, local configuration has already been replicated to the other peers"
    of_peer = "This peer is not the cluster master, local configuration is already up to date"
    for number, found in ((1, of_primary), (2, of_peer)):
        reader.logged(
            number,
            f'{REPLICATION} … Detail="Starting synchronisation"',
            f'{REPLICATION} … {listed} LocalPeerIndex="{number - 1}"',
            f'{REPLICATION} … Detail="{found}"',
            f'{REPLICATION} … Detail="Synchronisation completed successfully"',
        )
    page = reader.words(2, "/status/logs/event?filter=System+Configuration+Changed")
    assert "System Configuration Changed" in page, "administrators read them on a page too"


def test_peer_disconnection(both_ways: Reader) -> None:
    reader = both_ways
    reader.active()
    reader.turn_page()
    reader.do("kill", peer=2, part="all")
    node = 'Node="clusterdb@expc02.apolo.local"'
    reader.logged(
        1,
        # The guide says here that mnesia went down, which is the original's database.
        CDB.format("ERROR") + f'Detail="Lost the connection to a peer" {node}',
        CDB.format("ERROR") + 'Detail="Inconsistent Database" Context=" … ' + node,
        CDB.format("INFO") + f'Detail="Connecting database on peer down event" {node}',
        CDB.format("INFO") + f'Detail="Ready to perform node connection transaction" {node}',
        CDB.format("INFO") + f'Detail="Running node connection transaction" {node}',
        'Module="developer.clusterdb.synchronise" Level="WARN" Node="clusterdb@expc01.apolo.local" PID=" … '
        f'Detail="Failed connecting to node" {node} Reason="',
    )
    reader.logged(
        1,
        'Detail="Inconsistent Database"',
        'Id="20006" UUID="0f96695e-d954-4f6f-85c1-2ef1eae6f764" Severity="warning" Detail="Cluster database '
        "communication failure: The database is unable to replicate with one or more of the cluster peers",
        'Id="20004" UUID="3bca6888-f622-11df-93be-07cc953d7b99" Severity="warning" Detail="Cluster communication '
        "failure: The system is unable to communicate with one or more of the cluster peers",
    )
    reader.do("start", peer=2)
    reader.active()
    reader.logged(1, 'Event="Alarm Lowered" Id="20004"')


def test_names_that_failed_in_dns_are_tried_again_and_when_is_said(both_ways: Reader) -> None:
    reader = both_ways
    reader.active()
    reader.turn_page()
    # A name of its own for each way: one that failed a moment ago waits for its next run, which is said once.
    nobody = "expc05" if reader.chosen(1, "changes_take_effect") == AT_ONCE else "expc04"
    reader.save(1, peer_4_address=f"{nobody}.apolo.local")
    reader.logged(
        1,
        'Module="developer.clusterdb.peernamesresolver" Level="INFO" Node="clusterdb@expc01.apolo.local" PID=" … '
        'Detail="Triggering forced peer update of peers which failed DNS and queueing next run" … Queue-Time-ms="',
    )
    reader.save(1, peer_4_address="")
    reader.well()


def test_tls_mode_changed_as_the_primary_and_as_a_peer_log_it(both_ways: Reader) -> None:
    reader = both_ways
    reader.active()
    reader.turn_page()
    assert "Saved" in reader.save(1, tls_verification_mode="Enforce")
    change = "clusterConfiguration tls_verify - changed from: Permissive to: Enforcing"
    restart = (
        'Module="developer.diagnostics.alarmanager" Level="INFO" CodeLocation="alarms( … '
        'Detail="Raising alarm" UUID="e2b8e3d1-b731-4d7d-b606-4682a8f0c2e6" Parameters="null"',
        'Event="Alarm Raised" Id="20007" UUID="e2b8e3d1-b731-4d7d-b606-4682a8f0c2e6" Severity="warning" '
        'Detail="Restart required: Cluster configuration has been changed, however a restart is required',
    )
    at_once = reader.chosen(1, "changes_take_effect") == AT_ONCE
    in_force = 'Event="System Configuration Changed" {} PID=" … Detail="xconfiguration ' + change
    for number in reader.lab.numbers:
        reader.logged(
            number,
            # Before this the guide shows lines of level DEBUG, which are written at log level 4 only.
            in_force.format(f'Node="clusterdb@expc0{number}.apolo.local"'),
            MANAGEMENT + ' … Detail="Cluster configuration change detected"',
            MANAGEMENT + ' … Detail="TLS Verify change status" Startup="False" New="True"',
            'Detail="xconfiguration alternatesConfiguration - Changed"',
            'Detail="Notifying databasemanager (Management Framework)"',
            'Detail="alternate peer changed info recieved"',
            *(() if at_once else restart),
        )
        if at_once:
            assert not reader.alarms(number, 20007), "it is in force already"
    reader.logged(1, "configuration/cluster/tls_verify - changed from: 'Permissive' to: 'Enforcing'\" Src-ip=\"127.")
    assert "Saved" in reader.save(1, tls_verification_mode="Permissive")
    reader.no_alarm(20007, *reader.lab.numbers)
    reader.well()
