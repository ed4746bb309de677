"""Run the bench: `./sextet bench`, or `.venv/bin/python -m bench`; see bench/README.md for how to read it."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench import admission, footprint, machine, rates, reaction, report, scale, searches
from bench.cluster import BenchError, cluster
from bench.report import Figure

MEASURES = ("searches", "admission", "registers", "calls", "through", "change", "cut", "memory", "start", "scale")
RESULTS = Path(__file__).with_name("results") / "last.json"
NETWORK = "127.68.0"
FULL, QUICK = rates.Size(), rates.Size(rounds=3, phones=700, visits=2, newcomers=1000, calls=1000)


def main() -> int:
    """Measure what was asked for; 0 when every aim was met, 1 when one was missed, 2 when something went wrong."""
    parser = argparse.ArgumentParser(prog="sextet bench", description="Measure sextet against bare Kamailio.")
    parser.add_argument("--quick", action="store_true", help="a short run, for a first look; its figures scatter more")
    parser.add_argument("--only", default=",".join(MEASURES), help=f"some of {','.join(MEASURES)}")
    parser.add_argument("--registrations", type=int, help=f"of scale; {scale.FULL:,}, a short run {scale.QUICK:,}")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the figures are written")
    parser.add_argument("--network", default=NETWORK, help="the loopback network that is used")
    arguments = parser.parse_args()
    only = arguments.only.split(",")
    if unknown := sorted(set(only) - set(MEASURES)):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    circumstances = report.circumstances(arguments.quick)
    registrations = arguments.registrations or (scale.QUICK if arguments.quick else scale.FULL)
    figures: list[Figure] = []
    failed = ""
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as name:
            _measure(only, arguments.quick, registrations, Path(name), arguments.network, figures)
    except BenchError as error:
        failed = str(error)
    except KeyboardInterrupt:
        failed = "interrupted."
    figures.sort(key=lambda figure: MEASURES.index(figure.measure))
    report.show(figures)
    circumstances |= {"load_after": machine.load(), "failed": failed}
    report.write(arguments.json, figures, circumstances)
    print("\n" + ", ".join(f"{name} {value}" for name, value in circumstances.items() if value))
    print(f"Written to {arguments.json}.")
    if failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 2
    return 1 if any(figure.met is False for figure in figures) else 0


def _measure(
    only: list[str], quick: bool, registrations: int, directory: Path, network: str, figures: list[Figure]
) -> None:
    """Measure in an order in which one measure does not weigh on the next."""
    if "searches" in only:
        _say("searches")
        figures += searches.measure()
    if "admission" in only:
        _say("admission")
        figures += admission.measure()
    directory.chmod(0o755)  # engines run as another user
    count = 40 if quick else 200
    if {"memory", "change", "cut"} & set(only):
        _say("three peers start")
        with cluster(3, directory / "three", network) as three:
            if "change" in only:
                _say("changes on three peers")
                figures += reaction.changes(three, count)
            if "cut" in only:
                _say("cuts")
                figures += reaction.cuts(three, 3 if quick else 10)
            if "memory" in only:
                _say("memory")
                figures += footprint.memory(three, directory, network)
    if {"registers", "calls", "through"} & set(only):
        _rates(only, QUICK if quick else FULL, directory, network, figures)
    if "scale" in only:
        _say("four peers start")
        with cluster(scale.PEERS, directory / "four", network) as four:
            _say("registrations by the thousand")
            figures += scale.measure(four, directory, network, registrations)
    if {"start", "change"} & set(only):
        started: list[float] = []
        for number in range(1 if quick else 3):
            _say("six peers start")
            with cluster(6, directory / "six", network) as six:
                started.append(six.started_s)
                if number == 0 and "change" in only:
                    _say("changes on six peers")
                    figures += reaction.changes(six, count)
            if "start" not in only:
                break
        if "start" in only:
            figures += footprint.starts(started, 6)


def _rates(only: list[str], size: rates.Size, directory: Path, network: str, figures: list[Figure]) -> None:
    """Play to sextet and the baselines side by side."""
    _say("three fresh peers and the baselines start")
    with (
        cluster(3, directory / "rates", network) as three,
        rates.side_by_side(three, directory, network, size) as compared,
    ):
        if "calls" in only:
            _say("calls")
            figures += compared.calls()
        if "through" in only:
            _say("calls through two peers")
            with rates.two_bare(directory, network) as pair:
                figures += compared.calls_through_two(pair)
        if "registers" in only:
            _say("registrations")
            figures += compared.registers()


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
