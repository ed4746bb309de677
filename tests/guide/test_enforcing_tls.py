"""實施TLS驗證: from Permissive to Enforce, with good certificates and with a bad one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from sextet.lab.authority import issue, new_authority
from sextet.lab.documents import Secrets
from sextet.lab.plan import CLUSTER_NAME, Plan
from tests.support.guide_reader import AT_ONCE, AT_RESTART, Reader

pytestmark = pytest.mark.scenario
MODE = "tls_verification_mode"
OTHER_NAME = "Certificate: Invalid (Common Name in certificate does not match)"  # blue while Permissive, then red


def test_the_mode_replicates_and_is_in_force_once_every_peer_has_restarted(running: Reader) -> None:
    reader = running
    # Note: every line must be green before.
    reader.active()
    # 1: on the primary, Enforce. Note: a certificate that is not valid would be warned of.
    reader.turn_page()
    assert reader.save(1, **{MODE: "Enforce"}).count("would cut off") == 0
    # 2, 3: the mode is replicated; every other peer has it.
    for number in reader.lab.numbers:
        look = lambda number=number: reader.chosen(number, MODE)
        reader.until(f"peer {number} has it", look, ("Enforce",))
    # 4: saved; the running mode is another one until the restart.
    reader.alarm(20007, *reader.lab.numbers)
    reader.alarm(20020, *reader.lab.numbers, says=("Saved Enforce, running Permissive",))
    for number in reader.lab.numbers:
        reader.logged(number, "clusterConfiguration tls_verify - changed from: Permissive to: Enforcing", 'Id="20007"')
    # 4, 5: restart the primary, and when it is back, each peer, one by one.
    for number in reader.lab.numbers:
        reader.restart(number)
        reader.no_alarm(20007, number)
        reader.no_alarm(20020, number)
        reader.no_alarm(40049, number)
        for waiting in range(number + 1, len(reader.lab.numbers) + 1):
            assert reader.alarms(waiting, 20007), f"peer {waiting} was not restarted yet"
    # 6: wait until it is stable; everything is green on all peers.
    reader.active()
    reader.well()
    for number in reader.lab.numbers:
        assert reader.chosen(number, MODE) == "Enforce"


def test_at_once_no_peer_has_to_restart(running: Reader) -> None:
    reader = running
    reader.takes_effect(AT_ONCE)
    for wanted in ("Permissive", "Enforce", "Permissive"):  # whichever it was
        reader.save(1, **{MODE: wanted})
        for number in reader.lab.numbers:
            look = lambda number=number: reader.chosen(number, MODE)
            reader.until(f"peer {number} has it", look, (wanted,))
        reader.active()
        reader.well()
        for number in reader.lab.numbers:
            assert not reader.alarms(number, 20007) and not reader.alarms(number, 20020)
            (reader.alarm if wanted == "Permissive" else reader.no_alarm)(40049, number)
    reader.takes_effect(AT_RESTART)


def misnamed(made: Plan, drawn: Secrets) -> None:
    """Give peer 2 a certificate for another name, from the authority that everybody trusts."""
    now = datetime.now(UTC)  # certificates speak of moments
    authority = new_authority("guide", now)
    made.authority.write_bytes(authority.pem)
    for peer in made.peers:
        names = ["elsewhere.apolo.local"] if peer.number == 2 else [peer.fqdn, CLUSTER_NAME]
        issued = issue(authority, names, now, common_name=names[-1])
        issued.write(peer.state_dir / "certificate.pem", peer.state_dir / "private_key.pem")


def test_a_certificate_for_another_name_is_red_and_warned_of_before_enforce_is_saved(
    systems: Callable[..., Reader],
) -> None:
    reader = systems(2, misnamed)
    reader.sees(1, 2, f"ℹ {OTHER_NAME}", "Clustering: Active as expc02")
    reader.sees(2, 2, f"ℹ {OTHER_NAME}", "✔ Clustering: This system")
    reader.sees(2, 1, "✔ Certificate: Valid", "Clustering: Active as expc01")
    # Note of step 1: the warning names the peer and the reason, and keeps the cluster from breaking.
    warned = reader.save(1, **{MODE: "Enforce"})
    assert "Nothing was saved" in warned and "Enforce would cut off peers" in warned, warned
    assert "expc02.apolo.local" in warned and "Common Name in certificate does not match" in warned, warned
    assert reader.chosen(1, MODE) == "Permissive"
    # Whoever insists gets what was warned of, with the reason on both sides; and the way back.
    assert "Saved" in reader.save(1, **{MODE: "Enforce", "enforce_anyway": "yes"})
    reader.alarm(20004, 1, says=("expc02.apolo.local",))
    reader.alarm(20004, 2, says=("expc01.apolo.local",))
    reader.sees(1, 2, "✘ Clustering: Failed")
    reader.sees(2, 1, "✘ Clustering: Failed")
    reader.sees(2, 2, f"✘ {OTHER_NAME}")
    assert "Saved" in reader.save(1, **{MODE: "Permissive"})
    reader.sees(1, 2, "Clustering: Active as expc02")
