"""What a backup is put in place with: a configuration without peers, files beside those in use, a new database."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from sextet.call.checked import check
from sextet.cluster.configuration.history import GENESIS, opening
from sextet.cluster.configuration.revisions import Membership
from sextet.cluster.configuration.system_key import write_secret
from sextet.cluster.disk import rebuilding
from sextet.cluster.disk.backup import Contents
from sextet.cluster.disk.paths import Paths
from sextet.cluster.disk.remembrance import Remembered
from sextet.model import config
from sextet.model.config import Document
from sextet.model.schema import Problem, Refused
from sextet.model.settings.clustering import PEERS_MAX


def rebuild(paths: Paths, contents: Contents, *, user: str, source: str) -> None:
    """Make a new database of a backup, of a system that stands alone; the damaged one is kept aside.

    Raises OSError, StoreLost, KeyFailure and Refused; everything is in its place then.
    """
    whole = config.to_document(check(alone(contents.document)))
    put = laid_out(paths, contents)
    me = str(uuid.uuid4())
    made = {"user": user, "source": source, "summary": "Backup restored"}
    version = opening(GENESIS, config.shared_part(whole), cluster="", term=1, author=me, **made)
    own = config.peer_part(whole)
    new = Remembered(peer_id=me, membership=Membership(), pins={}, highest_term=0, own=own)
    rebuilding.rebuild(paths.state_dir, new, version)
    put()


def alone(document: Document) -> Document:
    """Take the peers out of a configuration: what is restored stands alone, and a new cluster is built with it."""
    rows = {f"peer_{number}_address" for number in range(1, PEERS_MAX + 1)} | {"configuration_primary"}
    clustering = {name: value for name, value in document.get("clustering", {}).items() if name not in rows}
    return {**document, "clustering": clustering}


def laid_out(paths: Paths, contents: Contents) -> Callable[[], None]:
    """Write certificate, key and trusted authorities of a backup beside those in use; gives what puts them in place.

    What was in use is kept beside. Raises Refused, and changes nothing then.
    """
    files = {
        paths.private_key: contents.private_key,
        paths.certificate: contents.certificate,
        paths.trusted: contents.trusted,
    }
    try:
        for path, text in files.items():
            write_secret(_beside(path, "restored"), text.encode())
            if path.exists():
                write_secret(_beside(path, "before-restore"), path.read_bytes())
    except OSError as error:
        raise Refused(Problem("", f"Nothing was restored: {error}.")) from error

    def put() -> None:
        for path in files:
            _beside(path, "restored").replace(path)

    return put


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")
