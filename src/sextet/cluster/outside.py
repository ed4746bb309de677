"""What a peer has around it: its disk, its network, files and chance; the simulator plays them, nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sextet.cluster.configuration.following import Sources
from sextet.cluster.configuration.revisions import Store
from sextet.cluster.requirements.probing import Probing
from sextet.cluster.wire.links import Links


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What makes each of them; called with the arguments of what stands here."""

    store: Callable[..., Store] = Store
    links: Callable[..., Links] = Links
    probing: Callable[..., Probing] = Probing
    sources: Sources = Sources()


REAL = Outside()
