"""What sextetd told the workers: the table of decisions and the secrets between peers, replaced as a whole.

The file is written beside and renamed; then a number in shared memory changes, and each worker reads the file before
its next decision. A file that cannot be used is reported, and what was there stays.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sextet.call.table import Table, TableError

FILE = "instructions.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """Everything a worker decides by."""

    table: Table
    secret: bytes  # of the cluster: requests between peers; empty when stand-alone
    local_secret: str  # of this peer: its own Record-Routes
    realm: str  # of digest challenges
    peer_transport: str  # between peers
    peer_port: int
    verified: tuple[str, ...] = ()  # addresses whose certificates are checked
    host: str = ""  # this peer's address
    secrets: Mapping[str, tuple[str, str]] = field(
        default_factory=dict, repr=False
    )  # traversal client -> user, password
    ports: tuple[tuple[str, int], ...] = ()  # transport -> port that endpoints and zones know
    sessions_max: int = 0  # media sessions that this peer takes
    directory: str = ""  # changes when answers of the H.350 directory hold no longer; empty: it is not asked

    @property
    def instance(self) -> str:
        """Name this peer towards traversal servers, whatever its address; nobody can tell whom it stands for."""
        return hmac.digest(self.local_secret.encode(), b"sextet traversal", "sha256").hex()[:32]


def to_text(instructions: Instructions) -> str:
    """Write them for the workers."""
    return json.dumps(
        {
            "table": instructions.table.to_json(),
            "secret": instructions.secret.hex(),
            "local_secret": instructions.local_secret,
            "realm": instructions.realm,
            "peer_transport": instructions.peer_transport,
            "peer_port": instructions.peer_port,
            "verified": list(instructions.verified),
            "host": instructions.host,
            "secrets": {zone: list(pair) for zone, pair in instructions.secrets.items()},
            "ports": [list(pair) for pair in instructions.ports],
            "sessions_max": instructions.sessions_max,
            "directory": instructions.directory,
        }
    )


def from_text(text: str) -> Instructions:
    """Read what to_text wrote; raises TableError for anything else."""
    try:
        values = json.loads(text)
        return Instructions(
            table=Table.from_json(values["table"]),
            secret=bytes.fromhex(values["secret"]),
            local_secret=str(values["local_secret"]),
            realm=str(values["realm"]),
            peer_transport=str(values["peer_transport"]),
            peer_port=int(values["peer_port"]),
            verified=tuple(str(ip) for ip in values["verified"]),
            host=str(values["host"]),
            secrets={zone: (str(user), str(password)) for zone, (user, password) in values["secrets"].items()},
            ports=tuple((str(transport), int(port)) for transport, port in values["ports"]),
            sessions_max=int(values["sessions_max"]),
            directory=str(values["directory"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise TableError(f"the instructions cannot be read ({type(error).__name__}: {error})") from error


def users_text(users: Mapping[str, str]) -> str:
    """Write the users with their HA1 for the agent."""
    return json.dumps(dict(users))


class Current:
    """One worker's copy, as new as shared memory says."""

    def __init__(self, ksr: Any, run_dir: Path) -> None:
        self._ksr = ksr
        self._path = run_dir / FILE
        self._version: int | None = None
        self._held: Instructions | None = None
        self.problem = ""  # why the newest file is not used

    def get(self) -> Instructions:
        """Give the newest instructions that can be used; raises TableError when there were never any."""
        version = self._ksr.pv.get("$shv(table)")
        if version != self._version or self._held is None:
            self.load()
            self._version = version
        if self._held is None:
            raise TableError(self.problem)
        return self._held

    def load(self) -> bool:
        """Read the file now; says whether it can be used."""
        try:
            self._held = from_text(self._path.read_text())
            self.problem = ""
        except (OSError, TableError) as error:
            self.problem = str(error)
            self._ksr.err(f"instructions: refused, the old ones stay: {error}\n")
        return not self.problem
