"""The command `sextet`: every declared command as a noun and a verb, sent to a peer's socket and shown."""

from __future__ import annotations

import base64
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from sextet.admin.catalogue import BINARY, COMMANDS, Command, Parameter
from sextet.admin.dialect_catalogue import COMMANDS as DIALECT
from sextet.admin.dialplan.bandwidth_catalogue import COMMANDS as BANDWIDTH_COMMANDS
from sextet.admin.dialplan.call_catalogue import COMMANDS as CALL_COMMANDS
from sextet.admin.dialplan.policy_catalogue import COMMANDS as POLICY_COMMANDS
from sextet.admin.dialplan.registration_catalogue import COMMANDS as REGISTRATION_COMMANDS
from sextet.admin.dialplan.search_catalogue import COMMANDS as SEARCH_COMMANDS
from sextet.admin.dialplan.zone_catalogue import COMMANDS as ZONE_COMMANDS
from sextet.admin.disk.upgrade_catalogue import COMMANDS as UPGRADE_COMMANDS
from sextet.admin.disk.vault_catalogue import COMMANDS as VAULT_COMMANDS
from sextet.admin.disk.vault_catalogue import PURGE_NAME
from sextet.admin.logs.record_catalogue import COMMANDS as RECORD_COMMANDS
from sextet.admin.peers.lifecycle_catalogue import COMMANDS as LIFECYCLE_COMMANDS
from sextet.admin.peers.peer_list_catalogue import COMMANDS as PEER_LIST_COMMANDS
from sextet.admin.trust.certificate_catalogue import COMMANDS as CERTIFICATE_COMMANDS
from sextet.console import client, render

OK, FAILED, USAGE, CHECK_FAILED, NOT_PRIMARY, CONFLICT, UNREACHABLE = range(7)
INTERRUPTED = 130  # as shells do
EXIT_CODES = {"usage": USAGE, "refused": FAILED, "moved": CONFLICT, "no_primary": NOT_PRIMARY, "failed": FAILED}
REMEDIES = {
    "moved": "Look at what changed with `sextet config history`, then try again.",
    "no_primary": "Where the primary is lost for good, run `sextet cluster promote` on the peer that is to lead.",
    "usage": "`sextet --help` and `sextet <noun> <verb> --help` tell more.",
}
TIMEOUT_S = 65.0  # a little above the server's own limit, so that its answer is the one that is seen
VALUE_BYTES_MAX = 1 << 20  # as the server takes
FILE_BYTES_MAX = 700_000  # what is no text grows by a third on its way
WIDTH_PIPED = 10_000  # nothing is cut where no person reads


@dataclass
class Wish:
    """How the results are wanted, and from whom."""

    output: str = "table"
    socket: str = ""
    peer: int | None = None


class Failed(click.ClickException):
    """A failure with its code: `code: message`, one line for each problem, then the remedy."""

    def __init__(self, code: str, exit_code: int, sentences: Sequence[str], remedy: str = "") -> None:
        super().__init__("\n".join([*(f"{code}: {sentence}" for sentence in sentences), *([remedy] if remedy else [])]))
        self.code = exit_code


ALIASES = {  # the original's names, letter by letter
    "clusterdb_destroy_and_purge_data.sh": PURGE_NAME,
    "xcommand": "xcommand",
    "xconfiguration": "xconfiguration",
    "xstatus": "xstatus",
}
_OUTPUT = click.Choice(["table", "json"])


def run(group: click.Group, arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns its exit code."""
    try:
        done = group.main(
            args=None if arguments is None else list(arguments), prog_name="sextet", standalone_mode=False
        )
    except Failed as failed:
        click.echo(failed.message, err=True)
        return failed.code
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message(), err=True)
        return USAGE
    except click.ClickException as wrong:
        click.echo(f"usage: {wrong.format_message()}", err=True)
        if isinstance(wrong, click.UsageError) and wrong.ctx:
            click.echo(f"`{wrong.ctx.command_path} --help` tells more.", err=True)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted: nothing more was done", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again when it ends
        return OK
    return done if isinstance(done, int) else OK


def add_commands(group: click.Group) -> None:
    """Add every declared command under its noun."""
    beside = (
        *PEER_LIST_COMMANDS,
        *CERTIFICATE_COMMANDS,
        *BANDWIDTH_COMMANDS,
        *POLICY_COMMANDS,
        *RECORD_COMMANDS,
        *SEARCH_COMMANDS,
        *CALL_COMMANDS,
        *REGISTRATION_COMMANDS,
        *VAULT_COMMANDS,
        *LIFECYCLE_COMMANDS,
        *UPGRADE_COMMANDS,
        *ZONE_COMMANDS,
        *DIALECT,
    )
    for command in (*COMMANDS, *beside):
        *nouns, verb = command.name.split(" ")
        place = group
        for depth, noun in enumerate(nouns, 1):
            words = _NOUNS.get(" ".join(nouns[:depth]), "")
            place.add_command(place.commands.get(noun) or click.Group(noun, help=words, no_args_is_help=True))
            inner = place.commands[noun]
            assert isinstance(inner, click.Group)
            place = inner
        place.add_command(_click_command(command, verb))


def common_options() -> list[click.Parameter]:
    """Give the options that stand before the noun."""
    return [
        _output_option("table"),
        click.Option(["--socket"], default="", metavar="PATH", help="The local socket of the peer to ask."),
        click.Option(
            ["--peer"],
            type=click.IntRange(1, client.PEERS_MAX),
            metavar="N",
            help="Ask peer N of the lab on this machine.",
        ),
    ]


_NOUNS = {
    "cluster": "The peers and who leads them.",
    "peer": "This peer.",
    "config": "The configuration: shared, and what is this peer's own (†).",
    "registration": "Registered devices.",
    "call": "Calls.",
    "search": "What became of calls' searches, on all peers.",
    "dialplan": "Faults and tests of the dial plan.",
    "zone": "The systems that calls are sent to, and whether they can be reached.",
    "policy": "Call policy and policy services.",
    "bandwidth": "Subzones, links and pipes, and what calls use of them.",
    "directory": "The H.350 directory of devices.",
    "alarm": "Alarms.",
    "log": "The event, configuration and network log of one peer.",
    "diagnostics": "Diagnostic logging on one peer or all.",
    "database": "What this peer stores, and what to do when it is damaged.",
    "backup": "Encrypted backups of this peer.",
    "factory-reset": "The reset that clearing the peer list arms.",
    "snapshot": "System snapshots for support.",
    "upgrade": "The version of the software: packages, what is installed, what runs next.",
    "cert": "This peer's certificates.",
    "cert csr": "The signing request for the server certificate.",
    "cert trust": "The CA certificates that this peer trusts.",
    "cert crl": "The certificate revocation lists of this peer.",
}


def _click_command(command: Command, name: str) -> click.Command:
    parameters = [_parameter(one) for one in command.parameters] + [_output_option(None, command.outputs)]
    if command.confirm:
        parameters.append(click.Option(["--yes"], is_flag=True, help="Do not ask."))
    return click.Command(name, callback=lambda **given: _execute(command, given), params=parameters, help=command.help)


def _parameter(one: Parameter) -> click.Parameter:
    kind = click.IntRange(one.low, one.high) if one.kind == "number" else click.STRING
    if one.option:
        flag = one.kind == "flag"
        return click.Option(
            [f"--{one.name.replace('_', '-')}"], is_flag=flag, type=None if flag else kind, help=one.help, default=None
        )
    if one.kind == "words":
        return click.Argument([one.name], type=kind, nargs=-1)
    return click.Argument([one.name], type=kind, required=one.required and one.kind != "value")


def _output_option(default: str | None, more: Sequence[str] = ()) -> click.Option:
    kind = click.Choice([*_OUTPUT.choices, *more])
    return click.Option(["-o", "--output"], type=kind, default=default, help="Tables for people or JSON for programs.")


def _execute(command: Command, given: dict[str, Any]) -> int:
    wish = click.get_current_context().find_object(Wish) or Wish()
    output = given.pop("output", None) or wish.output
    sure = not command.confirm or given.pop("yes") or given.get("dry_run")  # who only looks need not be asked
    arguments = {name: value for name, value in given.items() if value is not None}
    for one in command.parameters:
        if one.kind == "value" and arguments.get(one.name, "-") == "-":
            arguments[one.name] = _typed_in(one)
        if one.kind == "words":
            words = arguments[one.name]
            arguments[one.name] = _typed_in(one) if words == ("-",) else _line(words)
        if one.kind == "file" and one.name in arguments:
            arguments[one.name] = _content(one, str(arguments[one.name]))
    if not sure:
        _answered(wish, command, arguments, look=True)  # what cannot be done is refused, not asked about
        _ask(command.confirm)
    result = _answered(wish, command, arguments)
    _show(command.name, result, output, str(arguments.get("containing", "")))
    return CHECK_FAILED if _not_met(command.name, result) else OK


def _answered(wish: Wish, command: Command, arguments: dict[str, Any], *, look: bool = False) -> Any:
    try:
        answer = client.ask(client.find_socket(wish.socket, wish.peer), command.name, arguments, TIMEOUT_S, look=look)
    except client.Unreachable as error:
        raise Failed("unreachable", UNREACHABLE, [str(error)]) from error
    if not answer.ok:
        raise Failed(answer.kind, EXIT_CODES.get(answer.kind, FAILED), answer.sentences, REMEDIES.get(answer.kind, ""))
    return answer.result


def _ask(question: str) -> None:
    """Ask a person; what standard input says counts too, such as of `yes`."""
    try:
        if click.confirm(question, err=True):
            return
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        sentence = "nothing was done, since there is no terminal to answer at; with --yes it is not asked"
        raise Failed("cancelled", FAILED, [sentence]) from None
    raise Failed("cancelled", FAILED, ["nothing was done"])


def _line(words: Sequence[str]) -> str:
    """Put the words together again, with the quotes that the shell took from the values after a colon."""
    value = ["", *(before.endswith(":") for before in words)]
    return " ".join(_quoted(word) if is_value else word for word, is_value in zip(words, value, strict=False))


def _quoted(value: str) -> str:
    if value and (value[0] in "\"'" or not any(char.isspace() for char in value)):
        return value
    mark = "'" if '"' in value else '"'
    return f"{mark}{value}{mark}"


def _not_met(command: str, result: Any) -> bool:
    return (command == "status" and not result["ready"]) or (command == "check" and result["failed"] > 0)


def _content(one: Parameter, path: str) -> str:
    """Read a file, or standard input; what is no text is sent in Base64."""
    try:
        with click.open_file(path, "rb") as file:
            data: bytes = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Failed("usage", USAGE, [f"{one.name}: {path} cannot be read: {error.strerror}"]) from error
    if len(data) > FILE_BYTES_MAX:
        raise Failed("usage", USAGE, [f"{one.name}: {path} has more than {FILE_BYTES_MAX} bytes"])
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        return BINARY + base64.b64encode(data).decode()


def _typed_in(one: Parameter) -> str:
    """Read a value that must not stand on the command line, such as a password: hidden at a terminal."""
    if sys.stdin.isatty():
        return str(click.prompt(one.name.capitalize(), hide_input=one.name != "system", err=True))
    text = sys.stdin.read(VALUE_BYTES_MAX + 1)
    if len(text) > VALUE_BYTES_MAX:
        raise Failed("usage", USAGE, [f"{one.name}: standard input has more than {VALUE_BYTES_MAX} characters"])
    if not text:  # a script that forgot the value; an empty line, or "" as VALUE, empties a setting
        raise Failed("usage", USAGE, [f"{one.name}: was not given, and standard input is empty"])
    return text.removesuffix("\n")


def _show(command: str, result: Any, output: str, containing: str) -> None:
    if output == "json":
        click.echo(render.as_json(result))
        return
    if output != "table":
        click.echo(result[output], nl=False)
        return
    if containing and not result:
        click.echo(f"None contains {containing}.")
        return
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else WIDTH_PIPED
    text = render.as_text(command, result, width, terminal and not os.environ.get("NO_COLOR"))
    if text:
        click.echo(text)
