"""The program `sextet`: the commands of a peer, and the lab."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

import sextet
from sextet.console import cli

_LAB = "sextet.lab.commands"
_PROOF = "sextet.lab.alarm_proof"


class Program(click.Group):
    """Everything that `sextet` can do."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted([*super().list_commands(context), "lab"])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        # Loaded when it is asked for: it brings cryptography, DNS and rich, which `sextet status` must not pay for.
        if name == "lab":
            loaded: Any = importlib.import_module(_LAB).lab
            assert isinstance(loaded, click.Command)
            return loaded
        return super().get_command(context, cli.ALIASES.get(name.lower(), name))


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(cli.run(program()))


def purge() -> None:
    """Run the last resort under the name of the original's script."""
    sys.exit(cli.run(program(), ["clusterdb_destroy_and_purge_data.sh", *sys.argv[1:]]))


def program() -> click.Group:
    """Put the commands together."""
    made = Program(
        "sextet",
        callback=_remember,
        params=[
            *cli.common_options(),
            click.Option(
                ["--version"],
                is_flag=True,
                expose_value=False,
                is_eager=True,
                callback=_version,
                help="Show the version.",
            ),
        ],
        help="Look at and operate a cluster of sextet peers.",
        no_args_is_help=True,
    )
    cli.add_commands(made)
    alarm = made.commands["alarm"]
    assert isinstance(alarm, click.Group)
    alarm.add_command(_prove)
    return made


@click.command("prove")
@click.option(
    "--dir", "directory", type=click.Path(path_type=Path, file_okay=False), help="Where the lab has its files."
)
@click.argument("numbers", nargs=-1, type=int)
def _prove(directory: Path | None, numbers: tuple[int, ...]) -> int:
    """Raise and lower each alarm, or those named, by a real fault, on a lab that runs on this machine."""
    done = importlib.import_module(_PROOF).run(directory, numbers)
    assert isinstance(done, int)
    return done


def _remember(output: str, socket: str, peer: int | None) -> None:
    click.get_current_context().obj = cli.Wish(output=output, socket=socket, peer=peer)


def _version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"sextet {sextet.__version__}")
        context.exit()


if __name__ == "__main__":
    main()
