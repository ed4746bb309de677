"""Which files Kamailio runs with."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from sextet.call.zones import NO_NAMES, Names
from sextet.engine import Neighbour, Wanted
from sextet.model.capacity import CALLS_HERE
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from sextet.model.settings.protocols import Domain, Protocols
from sextet.model.settings.registration import Authentication, Credential
from sextet.model.settings.zones import Zone, ZonePeer
from sextet.sip import rendering

RUN = Path("/run/sextet/sip")
CONFIG = Root(domains=(Domain(name="apolo.local"),), credentials=(Credential(name="alice", password="pass word"),))
WANTED = Wanted(
    config=CONFIG,
    generation=1,
    number=1,
    address="192.0.2.1",
    neighbours=(Neighbour(number=2, name="two", ip="192.0.2.2", up=True),),
    secret=b"cluster",
)


def with_config(**sections: object) -> Wanted:
    return replace(WANTED, config=replace(CONFIG, **sections))  # type: ignore[arg-type]


def test_only_transports_that_are_on_are_listened_on_and_only_at_our_address() -> None:
    wanted = with_config(protocols=Protocols(sip_udp=True, sip_udp_port=5070))
    text = rendering.kamailio_text(wanted, RUN, "own")
    lines = [line for line in text.splitlines() if line.startswith("listen=")]
    assert lines == ["listen=tls:192.0.2.1:5061", "listen=udp:192.0.2.1:5070"]
    assert rendering.listeners(with_config(protocols=Protocols(sip_mode=False))) == []


def test_without_tls_neither_the_module_nor_its_settings_are_there() -> None:
    text = rendering.kamailio_text(with_config(protocols=Protocols(sip_tls=False, sip_udp=True)), RUN, "own")
    assert "tls.so" not in text
    assert 'modparam("tls"' not in text


def test_callers_are_answered_100_without_a_joke() -> None:
    assert 'modparam("tm", "auto_inv_100_reason", "Trying")' in rendering.kamailio_text(WANTED, RUN, "own")


def test_an_ipv6_address_is_written_in_brackets() -> None:
    text = rendering.kamailio_text(replace(WANTED, address="2001:db8::1"), RUN, "own")
    assert "listen=tls:[2001:db8::1]:5061" in text
    assert "tcp_source_ipv6=2001:db8::1" in text


def test_passwords_and_the_cluster_secret_are_in_no_rendered_file() -> None:
    text = rendering.kamailio_text(WANTED, RUN, "own")
    assert "pass word" not in text + rendering.tls_text(WANTED, RUN)
    assert "cluster" not in text.replace("cluster.", "").replace("the cluster", "")
    assert WANTED.secret.hex() not in text


def test_nonces_are_the_same_on_all_peers_and_others_where_there_is_no_cluster() -> None:
    assert rendering.nonce_secret(WANTED, "own") == rendering.nonce_secret(replace(WANTED, number=2), "other")
    alone = replace(WANTED, secret=b"")
    assert rendering.nonce_secret(alone, "own") != rendering.nonce_secret(alone, "other")


def test_ha1_is_that_of_rfc_2617() -> None:
    assert rendering.users(WANTED) == {"alice": hashlib.md5(b"alice:apolo.local:pass word").hexdigest()}


def test_certificates_are_checked_of_peers_in_enforce_and_of_zones_that_say_so() -> None:
    assert rendering.verified(WANTED, NO_NAMES) == ()
    enforced = with_config(clustering=Clustering(tls_verification_mode="Enforce"))
    assert rendering.verified(enforced, NO_NAMES) == ("192.0.2.2",)
    zone = Zone(name="z", tls_verify=True, peers=(ZonePeer(address="sip.other.test"),), sip_port=5071)
    assert rendering.verified(with_config(zones=(zone,)), Names(addresses={"sip.other.test": ("192.0.2.77",)})) == (
        "192.0.2.77",
    )
    text = rendering.tls_text(WANTED, RUN)
    assert text.count("verify_certificate = yes") == 1 and "server_id = verified" in text


def test_a_connection_that_is_not_checked_is_judged_all_the_same(tmp_path: Path) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.touch()
    text = rendering.tls_text(replace(WANTED, trusted=trusted), RUN)
    anybody = text.partition("[client:default]")[2].partition("[client:")[0]
    assert "ca_list = " in anybody and "verify_certificate = no" in anybody


def test_only_settings_that_say_restart_are_compared_with_what_runs() -> None:
    before = rendering.at_restart(CONFIG)
    live = replace(CONFIG, protocols=Protocols(standard_refresh_maximum=600))
    assert rendering.at_restart(live) == before
    changed = replace(CONFIG, protocols=Protocols(sip_udp=True), authentication=Authentication(nonce_lifetime=60))
    after = rendering.at_restart(changed)
    assert {path for path in after if after[path] != before[path]} == {
        "protocols.sip_udp", "authentication.nonce_lifetime"
    }  # fmt: skip


@pytest.mark.parametrize(("limits", "sessions"), [({}, rendering.SESSIONS_MAX), ({CALLS_HERE: 200}, 100)])
def test_neighbours_are_told_as_many_media_sessions_as_the_capacity_class_has(
    limits: dict[str, int], sessions: int
) -> None:
    wanted = Wanted(config=Root(), generation=1, number=1, address="192.0.2.1", limits=limits)
    assert rendering.instructions(wanted, "own", NO_NAMES).sessions_max == sessions


@pytest.mark.parametrize(
    "table", ["call", "load", "reg", "carried", "tunnel", "named", "cert", "dns", "ldap", "asking", "held", "mark"]
)
def test_tables_whose_rows_have_a_time_let_them_go(table: str) -> None:
    """Kamailio looks for rows that are over in tables with autoexpire only: in others every call left one for ever."""
    [line] = [one for one in rendering.kamailio_text(WANTED, RUN, "own").splitlines() if f'"{table}=>' in one]
    assert "autoexpire=0;" not in line and "{{" not in line
