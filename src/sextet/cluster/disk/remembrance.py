"""What a peer must know to be made whole again when its database is lost: a small file beside it, always up to date.

Holds the cluster key in plain, as the file of the TLS key does: it is needed exactly when nothing else can be read, and
its owner alone can read it. Without this file a lost database can only be replaced by a backup.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sextet.cluster.configuration.revisions import Membership
from sextet.cluster.configuration.system_key import KeyFailure, KeyLost, SystemKey, write_secret
from sextet.model.config import Document, canonical
from sextet.model.secrets import replaced

FILE_BYTES_MAX = 1 << 20  # the settings of one peer are a few kilobytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """Who this peer is, and where the others are."""

    peer_id: str
    membership: Membership
    pins: Mapping[str, str]  # address as configured -> certificate fingerprint
    highest_term: int
    own: Document  # the settings that are specific to this peer (†)
    number: int = 0  # this peer's place in the list
    primary: int = 0
    peers: tuple[str, ...] = ()
    enforce: bool = False
    addresses: Mapping[str, str] = field(default_factory=dict)  # name -> IP address, as resolved last


def write(path: Path, remembered: Remembered, key: SystemKey) -> None:
    """Replace the file. Raises OSError and KeyFailure."""
    values = asdict(remembered)
    member = remembered.membership
    values |= {"membership": [member.cluster, member.key.hex()], "own": key.seal(remembered.own)}
    text = canonical(values)
    write_secret(path, hashlib.sha256(text).hexdigest().encode() + b"\n" + text)


def read(path: Path, key: SystemKey) -> Remembered | None:
    """Read the file; None where it is not there or damaged. Secrets of † settings that no key opens come back empty."""
    try:
        with path.open("rb") as file:
            digest, _, text = file.read(FILE_BYTES_MAX).partition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() != digest:
            return None
        values: dict[str, Any] = json.loads(text)
        cluster, cluster_key = values["membership"]
        values["membership"] = Membership(cluster=cluster, key=bytes.fromhex(cluster_key))
        values["own"] = _opened(values["own"], key)
        values["peers"] = tuple(values["peers"])
        return Remembered(**values)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _opened(document: Document, key: SystemKey) -> Document:
    try:
        return key.open(document)
    except (KeyLost, KeyFailure):
        return replaced(document, lambda path, value: "")
