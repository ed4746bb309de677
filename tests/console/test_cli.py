"""The program `sextet` as a shell sees it: output, errors with their code and remedy, exit codes."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sextet import cli as program
from sextet.console import cli, client
from sextet.model import alarms
from tests.support.fake_peer import FakePeer, Lines
from tests.support.fake_socket import InThread, served


class Shell(InThread):
    """A peer that answers in a thread, and the program asking it."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str], number: int = 1) -> None:
        self.path = path
        self.peer = FakePeer.busy(number)
        self._capsys = capsys
        super().__init__(served(self.peer, Lines(), path))

    def __call__(self, *words: str) -> tuple[int, str, str]:
        code = cli.run(program.program(), ["--socket", str(self.path), *words])
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def sextet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    shell = Shell(tmp_path / "s", capsys)
    yield shell
    shell.close()


def run(*words: str) -> int:
    return cli.run(program.program(), words)


def test_a_table_by_default_and_json_where_asked_before_or_after_the_verb(sextet: Shell) -> None:
    assert "alice@apolo.local" in sextet("registration", "list")[1]
    for words in (
        ("-o", "json", "call", "list"),
        ("call", "list", "-o", "json"),
        ("-o", "table", "call", "list", "--output", "json"),
    ):
        code, out, err = sextet(*words)
        assert (code, json.loads(out)[0]["peers"], err) == (0, [1, 3], "")


def test_a_filter_and_a_path_are_plain_words(sextet: Shell) -> None:
    assert len(json.loads(sextet("registration", "list", "bob", "-o", "json")[1])) == 1
    assert json.loads(sextet("config", "show", "zones[London].sip_port", "-o", "json")[1])[0]["value"] == "5061"


def test_a_line_of_the_original_s_is_pasted_into_a_shell_as_it_is(sextet: Shell) -> None:
    words = (
        "TransformAdd",
        "Pattern:",
        "9 9",
        "Behavior:",
        "Replace",
        "Replace:",
        "",
        "Description:",
        'No "9"',
        "State:",
    )
    assert sextet("xCommand", *words, "Enabled")[0] == 0
    (transform,) = sextet.peer.saved.transforms
    assert (transform.pattern, transform.replace, transform.description) == ("9 9", "", 'No "9"')
    assert sextet("xConfiguration", "Transform 1", "Pattern", "String:", "8 8")[0] == 0
    assert sextet("xConfiguration", "Transform 1 Description: a 'note' of ours")[0] == 0
    (transform,) = sextet.peer.saved.transforms
    assert (transform.pattern, transform.description) == ("8 8", "a 'note' of ours")


def test_a_filter_that_finds_nothing_does_not_claim_that_there_is_nothing(sextet: Shell) -> None:
    assert sextet("registration", "list", "nobody")[:2] == (0, "None contains nobody.\n")
    assert sextet("call", "list", "nobody", "-o", "json")[1] == "[]\n"


def test_a_setting_of_this_peer_alone_makes_no_revision_of_the_cluster(sextet: Shell) -> None:
    out = sextet("config", "set", "system.name", "Taipei one")[1]
    assert "Saved on this peer." in out and "Saved as" not in out


def test_a_setting_is_changed_and_shown(sextet: Shell) -> None:
    code, out, _ = sextet("config", "set", "zones[London].sip_port", "5070")
    assert (code, "Saved as r13 (term 1)." in out) == (0, True)
    assert sextet.peer.saved.zones[0].sip_port == 5070
    assert (
        sextet("config", "set", "zones[London].hop_count", "-5")[0] == 2
    )  # looks like an option; `--` before it is the way
    assert "out of range" in sextet("config", "set", "--", "zones[London].hop_count", "-5")[2]


def test_a_refusal_names_every_problem_with_its_code(sextet: Shell) -> None:
    code, out, err = sextet("config", "add", "zones", '{"name": "P", "sip_port": "x", "hop_count": "0"}')
    assert (code, out) == (cli.FAILED, "")
    assert [line.partition(" ")[0] for line in err.splitlines()] == ["refused:", "refused:"]
    assert "zones[P].hop_count: Hop count: 0 is out of range; enter 1 to 255." in err


def test_a_moved_revision_is_a_conflict_with_the_remedy(sextet: Shell) -> None:
    code, _, err = sextet("config", "set", "protocols.sip_udp", "Off", "--revision", "r1")
    assert code == cli.CONFLICT == 5
    assert err.startswith("moved: ") and "sextet config history" in err


def test_without_a_primary_the_code_is_4_and_the_way_out_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell(tmp_path / "s", capsys, number=2)
    try:
        shell.peer.silence(1)
        code, _, err = shell("config", "set", "protocols.sip_udp", "Off")
        assert code == cli.NOT_PRIMARY == 4
        assert "expc01.apolo.local cannot be reached" in err and "sextet cluster promote" in err
        assert shell("cluster", "promote", "--yes")[0] == 0
        assert shell("config", "set", "protocols.sip_udp", "Off")[0] == 0
    finally:
        shell.close()


def test_a_peer_that_takes_no_calls_is_a_failed_check(sextet: Shell) -> None:
    assert sextet("status")[0] == 0
    sextet.peer.engines = ("sip: kamailio does not start",)
    code, out, _ = sextet("status")
    assert code == cli.CHECK_FAILED == 3
    assert "not ready" in out and "kamailio does not start" in out


@pytest.mark.parametrize(
    "words",
    [
        ("bogus",),
        ("config", "bogus"),
        ("config", "remove"),
        ("alarm", "acknowledge", "abc"),
        ("status", "-o", "yaml"),
        ("--peer", "9", "status"),
        ("config", "show", "--bogus"),
    ],
)
def test_a_wrong_command_line_is_usage(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == cli.USAGE == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_a_noun_alone_shows_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config") == cli.USAGE
    assert "set-aside" in capsys.readouterr().err


def test_every_noun_says_what_it_is_about() -> None:
    def silent(group: click.Group, name: str = "") -> list[str]:
        context = click.Context(group)
        found = {one: group.get_command(context, one) for one in group.list_commands(context)}
        inner = [inside for one, it in found.items() if isinstance(it, click.Group) for inside in silent(it, one)]
        return [*inner, *(f"{name} {one}".strip() for one, it in found.items() if it is None or not it.help)]

    assert silent(program.program()) == []


def test_help_and_version_need_no_peer(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("config", "--help"), ("config", "set", "--help"), ("--version",)):
        assert run(*words) == 0
    assert "sextet 0." in capsys.readouterr().out


def test_no_peer_is_unreachable_with_the_socket_and_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "nothing", tmp_path / ("x" * 200)):
        assert run("--socket", str(path), "status") == cli.UNREACHABLE == 6
        err = capsys.readouterr().err
        assert err.startswith(f"unreachable: no peer answers at {path};") and "sextet lab up" in err


def test_what_answers_without_sense_is_unreachable_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for said in (b"", b"HTTP/1.1 400 Bad Request\r\n", b"{", b"5\n", b'{"ok": false, "problems": 7}\n'):
        with socket.socket(socket.AF_UNIX) as other:
            path = tmp_path / f"s{len(said)}"
            other.bind(str(path))
            other.listen()
            thread = threading.Thread(target=_answer_once, args=(other, said))
            thread.start()
            assert run("--socket", str(path), "status") == cli.UNREACHABLE
            thread.join(5)
        assert "unreachable: " in capsys.readouterr().err


def _answer_once(listener: socket.socket, said: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(said)


def test_a_question_that_is_not_answered_with_yes_changes_nothing(
    sextet: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer, restarts in (("n\n", 0), ("", 0), ("y\n", 1)):
        with _standard_input(answer, monkeypatch):
            code, _, err = sextet("peer", "restart")
        assert (code == 0, len(sextet.peer.restarts)) == (bool(restarts), restarts)
        assert "Calls that pass it end" in err


def test_a_question_without_a_terminal_names_the_way_out(sextet: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with _standard_input("", monkeypatch):
        code, _, err = sextet("peer", "restart")
    assert code == cli.FAILED and sextet.peer.restarts == []
    assert "cancelled: nothing was done, since there is no terminal to answer at; with --yes it is not asked" in err


def test_what_cannot_be_done_is_refused_and_not_asked_about(sextet: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with _standard_input("y\n", monkeypatch):
        code, _, err = sextet("cluster", "leave")
    assert code == cli.FAILED and "configuration primary of other peers" in err and "Clear the peer list" not in err
    with _standard_input("y\n", monkeypatch):
        assert run("--socket", str(sextet.path.with_name("nobody")), "peer", "restart") == cli.UNREACHABLE
    with _standard_input("y\n", monkeypatch):
        code, _, err = sextet("cluster", "promote")
    assert code == cli.FAILED and "the configuration primary already" in err and "Make this peer" not in err


def test_who_only_looks_what_would_be_done_is_not_asked(sextet: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for more, asked in (("--dry-run", False), ("--yes", False), ("", True)):
        with _standard_input("", monkeypatch):
            _, _, err = sextet(*f"cluster remove 2 {more}".split())
        assert ("Remove this peer from the cluster?" in err) is asked, more


def test_a_secret_comes_from_standard_input_and_not_from_the_command_line(
    sextet: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in ((), ("-",)):
        with _standard_input("geheim12\n", monkeypatch):
            code, out, err = sextet("config", "set", "credentials[alice].password", *words)
        assert (code, "geheim12" in out + err) == (0, False)
        assert sextet.peer.saved.credentials[0].password == "geheim12"


def test_a_line_of_the_original_s_with_a_secret_comes_from_standard_input(
    sextet: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _standard_input('CredentialAdd Name: zoe Password: "geheim 12"\n', monkeypatch):
        code, out, err = sextet("xCommand", "-")
    assert (code, "geheim" in out + err) == (0, False)
    assert [one.password for one in sextet.peer.saved.credentials if one.name == "zoe"] == ["geheim 12"]


def test_an_empty_standard_input_is_a_forgotten_value_and_empties_nothing(
    sextet: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _standard_input("", monkeypatch):
        code, _, err = sextet("config", "set", "clustering.cluster_name")
    assert (code, err.splitlines()[0]) == (cli.USAGE, "usage: value: was not given, and standard input is empty")
    assert sextet.peer.saved.clustering.cluster_name


class _standard_input:
    """Let the program read this text."""

    def __init__(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        self._stream = os.fdopen(reading)
        monkeypatch.setattr("sys.stdin", self._stream)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def test_an_alarm_is_acknowledged(sextet: Shell) -> None:
    sextet.peer.raise_alarm(alarms.COMMUNICATION_FAILURE, 1, "no answer", key="expc02")
    assert sextet("alarm", "acknowledge", "20004", "expc02")[0] == 0
    assert "it is raised about expc02" in sextet("alarm", "acknowledge", "20004")[2]


def test_a_given_socket_wins_over_the_environment_and_the_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = tmp_path / "lab"
    monkeypatch.setattr(client, "LABS", (lab,))
    monkeypatch.setenv("SEXTET_SOCKET", "/from/environment")
    with pytest.raises(client.Unreachable, match="peer 2 of a lab does not run here"):
        client.find_socket("", 2)
    with _listening(lab / "peer2" / client.SOCKET), _listening(lab / "peer3" / client.SOCKET):
        assert client.find_socket("/given", 2) == Path("/given")
        assert client.find_socket("", 3) == lab / "peer3" / client.SOCKET
        assert client.find_socket("", None) == Path("/from/environment")
        monkeypatch.delenv("SEXTET_SOCKET")
        assert client.find_socket("", None) == lab / "peer2" / client.SOCKET
    (lab / "peer2" / client.SOCKET).unlink()
    (lab / "peer3" / client.SOCKET).unlink()
    assert client.find_socket("", None) == client.INSTALLED


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a socket to somebody else")
def test_a_socket_of_another_user_is_not_taken_for_the_labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LABS", (tmp_path,))
    path = tmp_path / "peer1" / client.SOCKET
    with _listening(path):
        assert client.find_socket("", 1) == path
        os.chown(path, 65_000, 65_000)
        with pytest.raises(client.Unreachable):
            client.find_socket("", 1)


def _listening(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True)
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    return made


def test_a_requirement_that_is_not_met_is_an_exit_code_of_its_own(sextet: Shell) -> None:
    assert sextet("check")[0] == cli.OK
    sextet.peer.judged[("rtt", 2)] = ("failed", "95.0 ms")
    code, out, _ = sextet("check")
    assert (code, "✘ expc02 failed: 95.0 ms" in out, "→ Shorten the way" in out) == (cli.CHECK_FAILED, True, True)
    code, out, _ = sextet("check", "rtt", "-o", "json")
    assert (code, json.loads(out)["lines"][0]["expected"]) == (cli.CHECK_FAILED, "at most 80 ms")
    assert sextet("check", "version")[0] == cli.OK


def test_the_firewall_plan_comes_as_rules_too(sextet: Shell) -> None:
    code, out, _ = sextet("ports", "-o", "nft")
    assert (code, out.splitlines()[1]) == (cli.OK, "table inet sextet_cluster")
    assert "sextet does not use these" in sextet("ports", "--before-x88")[1]
    assert sextet("call", "list", "-o", "nft")[0] == cli.USAGE
