"""The factory reset that clearing the peer list arms: what arms and disarms it, what it needs, keeps and destroys.

How it works. Before a change of the peer list is stored, the list that there is gets noted (`prepare`); afterwards the
note becomes the arming, or is taken back (`settle`). A peer that ends in between decides at its next start by what
is stored. The reset itself runs before anything else of a start; each of its steps may be repeated, and the note that
arms it goes last.

Kept: addresses and ports (the bootstrap file), administrator accounts, backups (they are encrypted) and logs. Lost:
every other setting, the history, the cluster key, server certificate, private key, trusted authorities and revocation
lists. The database and the certificates from before are kept in the folder `set-aside` of the state directory.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sextet.call.checked import check
from sextet.cluster.configuration.history import GENESIS, opening
from sextet.cluster.configuration.revisions import MEMORY_FILE, Membership, Store, StoreDamaged, StoreLost
from sextet.cluster.configuration.system_key import KeyFailure, KeyLost, write_secret
from sextet.cluster.disk import package, rebuilding, versions
from sextet.cluster.disk.package import NotAPackage
from sextet.cluster.disk.paths import Paths
from sextet.cluster.disk.remembrance import Remembered
from sextet.model import config

FOLDER = "factory-reset"  # as in the original, whose folder is /mnt/harddisk/factory-reset
IMAGE = "sextet-image.tar.gz"  # as which an upgrade leaves the release package of the version that runs
CERTIFICATE_DAYS = 825  # of the certificate that the pages have until a real one is uploaded
SYSTEM = "factory reset"  # as source in the history
_PREPARED, _ARMED, _KEPT = "arming.json", "armed.json", "kept.json"
_LOST = ("crl.pem", "certificate_request.pem", "certificate_waiting.pem")
_LOST_FOLDERS = ("snapshots", "diagnostics")


class ResetFailed(Exception):
    """The factory reset cannot be done; the text says why, and nothing was reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a factory reset left."""

    accounts: tuple[str, ...]  # administrator accounts that were kept
    kept: Path  # where the database from before is


class Arming:
    """Whether a factory reset waits for the next start; raises OSError where that cannot be noted."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER

    def armed(self) -> tuple[str, ...]:
        """The list which, saved again in this order, disarms the reset; () where none is armed."""
        return _read_list(self._folder / _ARMED)

    def prepare(self, peers: Sequence[str]) -> None:
        """Note the peer list before a change of it."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if any(peers) and not self.armed():
            write_secret(self._folder / _PREPARED, json.dumps(list(peers)).encode())

    def settle(self, peers: Sequence[str]) -> None:
        """The peer list is this one now: arm, disarm, or leave it as it is."""
        armed, prepared = self.armed(), self._folder / _PREPARED
        if armed and tuple(peers) == armed:
            self.disarm()
        elif not armed and not any(peers) and prepared.exists():
            prepared.replace(self._folder / _ARMED)
        prepared.unlink(missing_ok=True)

    def disarm(self) -> None:
        """Let the next start be an ordinary one."""
        for name in (_PREPARED, _ARMED):
            (self._folder / name).unlink(missing_ok=True)


def image_version(path: Path) -> str:
    """Read a release package to its end; gives the version of sextet in it. Raises ResetFailed."""
    if not path.exists():
        raise ResetFailed(f"the image {path} is missing")
    try:
        return package.check(path).version
    except NotAPackage as error:
        raise ResetFailed(f"the image {path} cannot be used: {error}") from error
    except OSError as error:
        raise ResetFailed(f"the image {path} cannot be read: {error.strerror}") from error


def image_in(folder: Path, version: str) -> Path:
    """Find the release package of this version in the folder, under whatever name it was put there.

    Raises ResetFailed, with what is wrong with every package that lies there.
    """
    faults = []
    for path in sorted(folder.glob(f"*{package.SUFFIX}")) or [folder / IMAGE]:
        try:
            found = image_version(path)
        except ResetFailed as error:
            faults.append(str(error))
            continue
        if found == version:
            return path
        faults.append(f"the image {path} is of version {found}, this peer runs {version}")
    raise ResetFailed("; ".join(faults))


def put_image(source: Path, target: Path, version: str) -> str:
    """Put a release package of this version in its place; gives its version. Raises ResetFailed."""
    found = image_version(source)
    if found != version:
        raise ResetFailed(f"{source} is of version {found}, this peer runs {version}")
    beside = target.with_name(f"{target.name}.new")
    try:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(source, beside)
        beside.replace(target)
    except OSError as error:
        raise ResetFailed(f"{target} cannot be written: {error.strerror}") from error
    return found


def due(state_dir: Path) -> bool:
    """Say at a start whether a reset is armed, and bring what was interrupted to its end."""
    arming = Arming(state_dir)
    if not (state_dir / FOLDER).exists():
        return False
    if (state_dir / FOLDER / _KEPT).exists():
        return True  # a reset that was interrupted
    if (state_dir / FOLDER / _PREPARED).exists() or arming.armed():
        with contextlib.suppress(StoreDamaged, StoreLost, KeyLost):  # a lost database says so itself, and stays
            store = Store(state_dir / rebuilding.DATABASE)
            try:
                arming.settle(config.from_document(store.own()).clustering.peers)
            finally:
                store.close()
            return bool(arming.armed())
    return False


def reset(paths: Paths, address: str, version: str, now: datetime) -> Done:
    """Reset this peer, whose database nobody has open. Raises ResetFailed; what was begun is done again then."""
    folder = paths.state_dir / FOLDER
    image_in(folder, version)
    try:
        accounts = _accounts(paths.state_dir, folder / _KEPT)
        whole = config.to_document(check({"administrators": accounts}))
        me = str(uuid.uuid4())
        made = {"user": "sextetd", "source": SYSTEM, "summary": "Factory reset"}
        first = opening(GENESIS, config.shared_part(whole), cluster="", term=1, author=me, **made)
        nobody = Remembered(peer_id=me, membership=Membership(), pins={}, highest_term=0, own=config.peer_part(whole))
        kept = rebuilding.rebuild(paths.state_dir, nobody, first, new_key=True)
        (paths.state_dir / MEMORY_FILE).unlink(missing_ok=True)
        _new_certificate(paths, address, now, kept)
        for name in _LOST:
            (paths.state_dir / name).unlink(missing_ok=True)
        for name in _LOST_FOLDERS:
            shutil.rmtree(paths.state_dir / name, ignore_errors=True)
        versions.forget_databases(paths.state_dir)
        Arming(paths.state_dir).disarm()
        (folder / _KEPT).unlink(missing_ok=True)
    except (OSError, StoreLost, StoreDamaged, KeyFailure, KeyLost) as error:
        raise ResetFailed(str(error)) from error
    return Done(accounts=tuple(str(account["name"]) for account in accounts), kept=kept)


def _accounts(state_dir: Path, note: Path) -> list[dict[str, Any]]:
    """Read the administrators, and note them for a reset that is interrupted when their database is gone already."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return list(json.loads(note.read_text()))
    store = Store(state_dir / rebuilding.DATABASE)
    try:
        accounts = [dict(one) for one in store.head().document.get("administrators", [])]
    finally:
        store.close()
    write_secret(note, json.dumps(accounts).encode())
    return accounts


def _new_certificate(paths: Paths, address: str, now: datetime, kept: Path) -> None:
    """Put a self-signed certificate in the place of certificate, key and trusted authorities."""
    for path in (paths.certificate, paths.private_key, paths.trusted):
        with contextlib.suppress(FileNotFoundError):
            write_secret(kept / path.name, path.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    builder = builder.not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(paths.private_key.resolve(), private)
    write_secret(paths.certificate.resolve(), pem)
    write_secret(paths.trusted.resolve(), pem)  # a list of authorities is never empty; nobody has issued by this one


def _read_list(path: Path) -> tuple[str, ...]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return ()
    return tuple(str(one) for one in value) if isinstance(value, list) else ()
