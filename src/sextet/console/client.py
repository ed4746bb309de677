"""How the command line reaches a peer: which socket it is, one request, one answer."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOCKET = "sextetd.sock"
INSTALLED = Path("/run/sextet") / SOCKET
LABS = (
    Path("/run/sextet-lab"),
    Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere")) / "sextet-lab",
    Path(f"/tmp/sextet-lab-{os.getuid()}"),
)
PEERS_MAX = 6
ANSWER_BYTES_MAX = 64 << 20  # 100,000 registrations of 500 bytes
CONNECT_WITHIN_S = 5.0


class Unreachable(Exception):
    """No peer answers; the text says which socket was tried, and what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer answered: a result, or the kind of failure with its sentences."""

    ok: bool
    result: Any
    kind: str
    sentences: tuple[str, ...]


def find_socket(given: str, peer: int | None) -> Path:
    """Choose the socket: the one given, the lab's peer, $SEXTET_SOCKET, the lab's first, the installed one."""
    if given:
        return Path(given)
    if peer is not None:
        found = next((path for path in _lab_sockets(peer) if _ours(path)), None)
        if found is None:
            raise Unreachable(
                f"peer {peer} of a lab does not run here; start it with `sextet lab up`, or name its --socket"
            )
        return found
    if os.environ.get("SEXTET_SOCKET"):
        return Path(os.environ["SEXTET_SOCKET"])
    labs = (path for number in range(1, PEERS_MAX + 1) for path in _lab_sockets(number))
    return next((path for path in labs if _ours(path)), INSTALLED)


def ask(path: Path, command: str, arguments: Mapping[str, Any], timeout_s: float, *, look: bool = False) -> Answer:
    """Send one command, or only ask whether it could be done, and wait for the answer; raises Unreachable."""
    request = {"look" if look else "command": command, "arguments": dict(arguments), "user": getpass.getuser()}
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(CONNECT_WITHIN_S)
            connection.connect(str(path))
            connection.settimeout(timeout_s)
            connection.sendall(json.dumps(request).encode() + b"\n")
            return _answer(_line(connection))
    except PermissionError as error:
        raise Unreachable(f"{path} may not be opened by this user; run the command as the user of sextetd") from error
    except TimeoutError as error:
        raise Unreachable(
            f"{path} does not answer within {timeout_s:.0f} s; look whether sextetd is busy or stopped"
        ) from error
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"no peer answers at {path}; start sextetd or `sextet lab up`, or name another --socket"
        ) from error


def _lab_sockets(peer: int) -> Iterator[Path]:
    return (lab / f"peer{peer}" / SOCKET for lab in LABS)


def _ours(path: Path) -> bool:
    """Tell whether a socket is there and made by root or this user, not by somebody who waits in /tmp."""
    try:
        return path.is_socket() and path.stat().st_uid in (0, os.getuid())
    except OSError:
        return False


def _line(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        line = stream.readline(ANSWER_BYTES_MAX)
    if not line.endswith(b"\n"):
        raise ValueError("the answer is cut off")
    return line


def _answer(line: bytes) -> Answer:
    said = json.loads(line)
    if not isinstance(said, dict) or not isinstance(said.get("problems", []), list):
        raise ValueError("the answer is not one of a peer")
    if said.get("ok"):
        return Answer(True, said.get("result"), "", ())
    sentences = tuple(_sentence(problem) for problem in said.get("problems", []) if isinstance(problem, dict))
    return Answer(False, None, str(said.get("kind", "failed")), sentences or (str(said.get("error", "")),))


def _sentence(problem: Mapping[str, Any]) -> str:
    return ": ".join(str(problem[part]) for part in ("field", "sentence") if problem.get(part))
