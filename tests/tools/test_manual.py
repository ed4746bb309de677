"""The manual's reference is what the program declares, and misses nothing."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from sextet.console import cli
from sextet.model.alarms import TYPES
from sextet.model.checks import TYPES as CHECKS
from sextet.model.config import to_document
from sextet.model.sections import Root
from tools import manual


def spoken(group: click.Group, before: str = "") -> list[str]:
    """List what a peer can be told."""
    found = []
    for name, one in group.commands.items():
        words = f"{before} {name}".strip()
        found += spoken(one, words) if isinstance(one, click.Group) else [words]
    return found


@pytest.mark.parametrize("name", sorted(manual.pages()))
def test_the_committed_page_is_up_to_date(name: str) -> None:
    assert (manual.FOLDER / name).read_text() == manual.pages()[name], "run `make manual` and commit what it wrote"


def test_every_setting_stands_in_the_manual() -> None:
    page = manual.settings_page()
    for section, inside in to_document(Root()).items():
        assert f"## {section}\n" in page
        for name, value in inside.items() if isinstance(inside, dict) else ():
            assert (f"### {section}.{name}\n" if isinstance(value, list) else f"`{section}.{name}`") in page


def test_marks_ranges_units_and_restarts_are_told() -> None:
    rows = {line.split("`")[1]: line for line in manual.settings_page().splitlines() if line.startswith("| `")}
    assert "System name †" in rows["system.name"]
    assert "Rule name \\*" in rows["search_rules[…].name"]
    assert "| 45 to" not in rows["protocols.standard_refresh_minimum"]
    assert "30 to 3600 seconds | `45` | live |" in rows["protocols.standard_refresh_minimum"]
    assert "| On or Off | Off | restart |" in rows["protocols.sip_udp"]
    assert "`Permissive`, `Enforce`" in rows["clustering.tls_verification_mode"]


def test_every_alarm_and_every_command_stands_in_the_manual() -> None:
    alarms, commands = manual.alarms_page(), manual.commands_page()
    for number, kind in TYPES.items():
        assert f'<a id="{number}"></a>{number} | {kind.severity} | {kind.title} |' in alarms
    peers = click.Group()
    cli.add_commands(peers)
    for words in spoken(peers):
        assert f"## sextet {words}\n" in commands


def test_every_check_stands_in_the_manual() -> None:
    page = manual.checks_page()
    for kind in CHECKS.values():
        assert f'<a id="{kind.id}"></a>`{kind.id}` | {kind.title} | {kind.expected} | {kind.remedy} |' in page
    assert "`-o nft`" in manual.commands_page()


def test_what_is_written_is_what_is_held(tmp_path: Path) -> None:
    assert manual.main([str(tmp_path / "new")]) == 0
    assert {path.name: path.read_text() for path in (tmp_path / "new").iterdir()} == manual.pages()
