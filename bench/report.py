"""What was measured, beside what is aimed at: one table for people, one JSON file for programs."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import machine

MARKS = {True: "[green]✔[/]", False: "[red]✘[/]", None: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure; `aim` is what it should be at least or at most, with the bound that decides."""

    measure: str  # one of MEASURES in __main__.py
    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""
    samples: list[float] = field(default_factory=list)  # what the figure is the median or percentile of

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return self.value <= self.at_most if self.at_most is not None else None

    @property
    def aim(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else ""


def median(values: Sequence[float]) -> float:
    """Give the middle of some values, or the mean of the two in the middle."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that at least this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered)) - 1))]


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table("Measure", "Figure", "Value", "Aim", "", "Note", box=None, pad_edge=False)
    for column in (2, 3):
        table.columns[column].justify = "right"
    before = ""
    for one in figures:
        name = one.measure if one.measure != before else ""
        before = one.measure
        table.add_row(name, one.name, f"{_rounded(one.value)} {one.unit}".strip(), one.aim, MARKS[one.met], one.note)
    Console(highlight=False, width=None if Console().is_terminal else 160).print(table)


def write(path: Path, figures: Sequence[Figure], circumstances: dict[str, object]) -> None:
    """Write everything, also the single samples, so that runs can be compared later."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(one) | {"met": one.met} for one in figures]
    path.write_text(json.dumps({"circumstances": circumstances, "figures": rows}, indent=1, ensure_ascii=False) + "\n")


def circumstances(quick: bool) -> dict[str, object]:
    """Say on what was measured."""
    root = Path(__file__).resolve().parent.parent
    return {
        "commit": _said("git", "-C", str(root), "describe", "--always", "--dirty"),
        "kamailio": _said("kamailio", "-v").partition("(")[0].removeprefix("version: kamailio "),
        "nats": _said("nats-server", "--version").removeprefix("nats-server: "),
        "python": platform.python_version(),
        "processors": len([line for line in Path("/proc/cpuinfo").read_text().splitlines() if "processor\t" in line]),
        "load_before": machine.load(),
        "quick": quick,
    }


def _said(*command: str) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
    return answer.splitlines()[0].strip() if answer else ""


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
