"""What a peer knows of itself before it has read its database: its address and where its files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a peer knows of itself before it has read its database."""

    address: str
    state_dir: Path
    run_dir: Path
    certificate: Path
    private_key: Path
    trusted: Path
    cluster_port: int
    engine_user: str
    version: str
    recovery_port: int = 4371
    crl: Path = Path()  # revocation lists, PEM; there need not be any
    waiting: Path = Path()  # a new certificate that waits for the restart
