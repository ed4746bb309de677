"""The command line of the lab: `sextet lab up`, and what breaks and mends it while it runs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from sextet.lab import up
from sextet.lab.ask import Failed, Unanswered, ask
from sextet.lab.plan import NETWORK, PEERS_DEFAULT, directories, plan, read_places
from sextet.lab.rig import PARTS, START_S

ANSWER_S = START_S + 10  # a restart takes this long at worst
UNREACHABLE = 6  # as for a peer that does not answer
WIDTH_PIPED = 200  # nothing is cut where no person reads
PAIR = re.compile(r"([1-6])-([1-6])")

_DIRECTORY = click.option(
    "--dir", "directory", type=click.Path(path_type=Path, file_okay=False), help="Where the lab keeps its files."
)


def two_peers(text: str) -> tuple[int, int]:
    """Read two peers such as 1-3."""
    found = PAIR.fullmatch(text)
    if not found:
        raise click.BadParameter(f"{text} does not name two peers; write them as 1-3.")
    return int(found[1]), int(found[2])


@click.group(no_args_is_help=True)
def lab() -> None:
    """A whole cluster on this computer: start it, break it, mend it."""


@lab.command("up")
@click.option(
    "--peers", type=int, default=PEERS_DEFAULT, show_default=True, metavar="N", help="How many peers, 1 to 6."
)
@click.option("--json", "json_to", default="", metavar="FILE", help="Write what a program needs; - is standard output.")
@click.option("--no-proof", is_flag=True, help="Do not place the call that proves it.")
@click.option(
    "--network", default=NETWORK, show_default=True, metavar="A.B.C", help="Another loopback network, or IPv6."
)
@click.option(
    "--places",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON: the peers' addresses, and what to start their processes with to be there.",
)
@click.option("--keep", is_flag=True, help="Go on with the last lab's configuration and passwords.")
@_DIRECTORY
def lab_up(
    peers: int, json_to: str, no_proof: bool, network: str, places: Path | None, keep: bool, directory: Path | None
) -> int:
    """Start a cluster, prove it with a real call, and stay until Ctrl-C."""
    try:
        state_dir, run_dir = directories(directory and directory.absolute(), os.geteuid(), os.environ)
        planned = plan(peers, state_dir, run_dir, network, read_places(places) if places else ())
    except ValueError as error:
        click.echo(f"refused: {error}", err=True)
        return up.REFUSED
    chosen = directory is not None
    return up.run(up.Wishes(plan=planned, keep=keep, prove=not no_proof, json_to=json_to, chosen=chosen))


@lab.command()
@click.argument("peer", type=int)
@click.argument("part", type=click.Choice(PARTS), default="sextetd")
@_DIRECTORY
def kill(peer: int, part: str, directory: Path | None) -> int:
    """Kill a peer's sextetd, or the part named, without warning."""
    return _do(directory, "kill", {"peer": peer, "part": part})


@lab.command()
@click.argument("peer", type=int)
@_DIRECTORY
def start(peer: int, directory: Path | None) -> int:
    """Start a peer that was killed."""
    return _do(directory, "start", {"peer": peer})


@lab.command()
@click.argument("peer", type=int)
@_DIRECTORY
def restart(peer: int, directory: Path | None) -> int:
    """Stop a peer in order, and start it again."""
    return _do(directory, "restart", {"peer": peer})


@lab.command()
@click.argument("pair", type=two_peers, metavar="N-M")
@_DIRECTORY
def cut(pair: tuple[int, int], directory: Path | None) -> int:
    """Stop all bytes between two peers, such as 1-3, without closing their connections."""
    return _do(directory, "cut", {"peer": pair[0], "other": pair[1]})


@lab.command()
@click.argument("pair", type=two_peers, metavar="N-M", required=False)
@_DIRECTORY
def heal(pair: tuple[int, int] | None, directory: Path | None) -> int:
    """Mend one cut, or all."""
    return _do(directory, "heal", {"peer": pair[0], "other": pair[1]} if pair else {})


@lab.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), help="Tables for people or JSON for programs.")
@_DIRECTORY
def status(output: str | None, directory: Path | None) -> int:
    """Show the peers, their processes, and what is cut; as JSON also accounts and passwords."""
    wanted = output or click.get_current_context().find_root().params.get("output") or "table"
    return _do(directory, "describe" if wanted == "json" else "status", {}, wanted)


def _do(directory: Path | None, command: str, arguments: Mapping[str, Any], output: str = "table") -> int:
    _, run_dir = directories(directory and directory.absolute(), os.geteuid(), os.environ)
    try:
        result = asyncio.run(ask(run_dir / "lab.sock", command, arguments, ANSWER_S))
    except Failed as error:
        click.echo(f"failed: {error}", err=True)
        return up.FAILED
    except Unanswered:
        click.echo(f"unreachable: no lab runs in {run_dir}; start one with `sextet lab up`.", err=True)
        return UNREACHABLE
    if output == "json":
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
    elif command == "status":
        _show(result)
    else:
        click.echo(result)
    return up.OK


def _show(result: Mapping[str, Any]) -> None:
    table = Table("Peer", "Name", "Web", "sextetd", "Kamailio", "NATS", "State", box=None, pad_edge=False)
    for peer in result["peers"]:
        pids = [str(peer["pids"][part][0]) if peer["pids"][part] else "-" for part in ("sextetd", "kamailio", "nats")]
        table.add_row(str(peer["number"]), peer["name"], peer["url"], *pids, peer["state"])
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_PIPED)
    console.print(table)
    console.print(f"Cut: {', '.join(result['cuts'])}" if result["cuts"] else "Nothing is cut.")
