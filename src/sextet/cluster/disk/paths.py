"""Where the files of a peer are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Placed(Protocol):
    """What says among other things where the files of this peer are: Identity, Bootstrap."""

    @property
    def state_dir(self) -> Path: ...
    @property
    def certificate(self) -> Path: ...
    @property
    def private_key(self) -> Path: ...
    @property
    def trusted(self) -> Path: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the files of this peer are."""

    state_dir: Path
    certificate: Path
    private_key: Path
    trusted: Path

    @staticmethod
    def of(placed: Placed) -> Paths:
        return Paths(
            state_dir=placed.state_dir,
            certificate=placed.certificate,
            private_key=placed.private_key,
            trusted=placed.trusted,
        )
