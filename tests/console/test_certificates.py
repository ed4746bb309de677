"""Certificates on the command line: files are read where the command is typed, and what comes back is readable."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sextet import cli as program
from sextet.admin.commands import Commands
from sextet.admin.door import Door
from sextet.cluster.trust import revocation
from sextet.console import cli
from sextet.console.server import ConsoleServer
from sextet.lab.authority import issue, new_authority
from tests.support.certificate_lab import certificate_desk, crl, places, signed
from tests.support.fake_peer import FakePeer, Lines
from tests.support.fake_socket import InThread

NOW = datetime.now(UTC)  # certificates speak of moments
ROOT = new_authority("Root", NOW)


class Shell(InThread):
    """A peer that answers in a thread, and the program asking it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        where = places(folder)
        issue(ROOT, ["expc01.apolo.local", "expc-cluster.apolo.local"], NOW).write(where.certificate, where.private_key)
        peer, journal = FakePeer(), Lines()
        door = Door(peer, journal)
        registry = Commands(peer, door, journal).registry()
        certificate_desk(folder, peer, door, journal).add_commands(registry)
        super().__init__(ConsoleServer(folder / "s", registry))

    def __call__(self, *words: str) -> tuple[int, str]:
        code = cli.run(program.program(), ["--socket", str(self.folder / "s"), *words])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def file(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return str(self.folder / name)


@pytest.fixture
def sextet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    shell = Shell(tmp_path, capsys)
    yield shell
    shell.close()


def test_the_certificate_is_shown_with_every_name_that_counts(sextet: Shell) -> None:
    code, out = sextet("cert", "show")
    assert code == 0
    for words in ("✘ Certificate: Invalid (issuer not trusted)", "✔ Cluster name", "○ Peer 2 address", "no trusted CA"):
        assert words in out
    assert "✔ leads to a trusted CA" not in out
    assert "Trusted from now on: CN=Root" in sextet("cert", "trust", "add", sextet.file("ca", ROOT.pem))[1]
    assert "✔ Certificate: Valid" in sextet("cert", "show")[1]


def test_a_request_leaves_as_a_file_and_its_certificate_comes_back_as_one(sextet: Shell) -> None:
    sextet("cert", "trust", "add", sextet.file("ca", ROOT.pem))
    code, pem = sextet("cert", "csr", "create", "--key", "EC P-256", "--more-names", "a.example.com", "-o", "pem")
    assert code == 0 and pem == sextet("cert", "csr", "show", "-o", "pem")[1]
    path = sextet.file("signed", signed(ROOT, pem.encode(), NOW))
    assert "Nothing was stored" in sextet("cert", "upload", path, "--dry-run")[1]
    code, out = sextet("cert", "upload", path)
    assert (code, "▲" in out) == (0, False), out
    assert "a.example.com" in sextet("cert", "show")[1]
    code, out = sextet("cert", "csr", "discard", "--yes")
    assert (code, "No signing request is pending" in out) == (cli.FAILED, True)


def test_a_file_that_is_no_text_arrives_whole(sextet: Shell) -> None:
    der = revocation.read(crl(ROOT, NOW))[0].public_bytes(Encoding.DER)
    code, out = sextet("cert", "crl", "upload", sextet.file("list", der))
    assert code == 0 and "0 certificates are revoked by CN=Root" in out and "Unknown CRL" in out
    assert "CN=Root" in sextet("cert", "crl", "show")[1]


@pytest.mark.parametrize(
    ("command", "words"), [("csr discard", "No signing request is pending."), ("crl remove", "There is no CRL.")]
)
def test_what_is_not_there_is_refused_before_anybody_is_asked_whether_it_shall_go(
    sextet: Shell, command: str, words: str
) -> None:
    code, out = sextet("cert", *command.split())
    assert (code, words in out, "--yes" in out) == (cli.FAILED, True, False), out


def test_what_is_there_is_asked_about_and_kept_meanwhile(sextet: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    sextet("cert", "csr", "create", "--key", "EC P-256")
    sextet("cert", "crl", "upload", sextet.file("list", crl(ROOT, NOW)))
    for command in ("csr discard", "crl remove"):
        monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        assert "[y/N]" in sextet("cert", *command.split())[1]
        assert sextet("cert", *command.split(), "--yes")[0] == 0, "asking took nothing away"


def test_a_file_that_cannot_be_read_or_is_too_large_is_named_before_anything_is_asked(sextet: Shell) -> None:
    code, out = sextet("cert", "upload", "/no/such/file")
    assert code == cli.USAGE and "/no/such/file cannot be read" in out
    large = sextet.file("large", b"x" * (cli.FILE_BYTES_MAX + 1))
    assert sextet("cert", "trust", "add", large)[0] == cli.USAGE
