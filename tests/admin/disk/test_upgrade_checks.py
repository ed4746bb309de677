"""What is found about a package before it is installed."""

from __future__ import annotations

import platform
import sys
from dataclasses import replace

import pytest

from sextet.admin.disk.upgrade_checks import Seen, judge
from sextet.cluster.disk.package import Label

LABEL = Label(
    version="2.0.0",
    schema=3,
    schema_from=2,
    upgrade_from="1.5.0",
    python=".".join(str(part) for part in sys.version_info[:2]),
    machine=platform.machine(),
    files={"lib/x": ("0" * 64, 10 << 20)},
)
ALONE = Seen(version="1.6.0", schema=2, free_bytes=1 << 30, backups=1)
OTHERS = (("expc01", "1.6.0"), ("expc03", "1.6.0"))
SUBORDINATE = replace(ALONE, primary="expc01", primary_version="1.6.0", others=OTHERS)


def found(seen: Seen, label: Label = LABEL) -> dict[str, tuple[str, str]]:
    return {finding.id: (finding.verdict, finding.sentence) for finding in judge(label, seen)}


def test_nothing_speaks_against_a_good_package_on_a_system_alone() -> None:
    assert {verdict for verdict, _ in found(ALONE).values()} == {"ok"}
    assert found(ALONE)["schema"][1] == "format 2 becomes 3; a copy is kept for the way back"
    assert "order" not in found(ALONE)


@pytest.mark.parametrize(
    ("seen", "label", "id", "words"),
    [
        (ALONE, replace(LABEL, machine="vax"), "platform", "on vax"),
        (replace(ALONE, version="2.0.1"), LABEL, "version", "a downgrade is not supported"),
        (replace(ALONE, version="1.4.9"), LABEL, "version", "Upgrade to 1.5.0 first"),
        (replace(ALONE, schema=1), LABEL, "schema", "takes over 2 to 3"),
        (replace(ALONE, schema=4), LABEL, "schema", "takes over 2 to 3"),
        (replace(ALONE, trouble="It is damaged."), LABEL, "schema", "It is damaged. Repair it first"),
        (replace(ALONE, free_bytes=29 << 20), LABEL, "space", "30 MB needed, 29 MB free. Free space."),
    ],
)
def test_what_keeps_a_package_out_says_what_to_do(seen: Seen, label: Label, id: str, words: str) -> None:
    verdict, sentence = found(seen, label)[id]
    assert verdict == "bad" and words in sentence
    assert [name for name, (verdict, _) in found(seen, label).items() if verdict == "bad"] == [id]


def test_the_same_version_may_be_installed_again() -> None:
    assert found(replace(ALONE, version="2.0.0"))["version"] == ("ok", "2.0.0 again, the version that runs here")


def test_a_subordinate_is_warned_until_the_primary_has_the_version() -> None:
    verdict, sentence = found(SUBORDINATE)["order"]
    assert verdict == "warn" and "the primary expc01 runs 1.6.0. Upgrade it first" in sentence
    verdict, sentence = found(replace(SUBORDINATE, primary_version=""))["order"]
    assert verdict == "warn" and "the primary expc01 cannot be heard" in sentence
    assert found(replace(SUBORDINATE, primary_version="2.0.0"))["order"][0] == "ok"
    assert found(replace(SUBORDINATE, primary=""))["order"] == (
        "ok",
        "this is the configuration primary, which comes first",
    )


def test_peers_that_stay_behind_are_named() -> None:
    mixed = replace(SUBORDINATE, others=(("expc01", "2.0.0"), ("expc03", "")))
    assert "expc03 (not heard): until they run 2.0.0" in found(mixed)["mixing"][1]
    assert found(replace(mixed, others=(("expc01", "2.0.0"),)))["mixing"] == ("ok", "every other peer runs 2.0.0")


def test_alarms_and_a_missing_backup_are_warnings_but_for_the_permissive_mode() -> None:
    assert found(replace(ALONE, alarms=(20004, 40049, 20004)))["alarms"][1].startswith("20004 raised here")
    assert found(replace(ALONE, alarms=(40049,)))["alarms"][0] == "ok"
    assert found(replace(ALONE, backups=0))["backup"][0] == "warn"
