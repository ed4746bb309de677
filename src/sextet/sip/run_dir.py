"""The directory that Kamailio runs in: whose it is, and what is put there for Kamailio to read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from sextet.engine import EngineError, Wanted
from sextet.sip import rendering
from sextet.sip.kemi.agent import SOCKET as AGENT_SOCKET

SOCKETS = "sockets"  # the one directory that the engine's user may write
SOCKET_PATH_MAX = 107  # unix(7)
SECRET_FILE = "secret"
CODE = ("model", "call", "sip/kemi")  # what the workers import, besides the packages' own __init__.py
LOADER = '''"""Where app_python3 begins; written by sextetd."""

from pathlib import Path

import KSR

from sextet.sip.kemi.parting import part
from sextet.sip.kemi.script import Script


def mod_init():
    part()
    return Script(KSR, Path({run_dir!r}))
'''


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged user that Kamailio runs as."""

    name: str
    uid: int
    gid: int


def account_of(user: str | None) -> Account | None:
    """Find the user to become; None for the own one, where this process is not root. Raises EngineError."""
    if os.geteuid() != 0:
        return None
    for name in (user,) if user else ("sextet", "kamailio", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return Account(found.pw_name, found.pw_uid, found.pw_gid)
    raise EngineError(
        f"starting Kamailio as user {user}: there is no such user; create it with `adduser --system {user}`"
    )


def prepare(run_dir: Path, account: Account | None) -> None:
    """Make the directory, owned by the engine's user; raises EngineError."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        for path in (run_dir, run_dir / "tls", run_dir / SOCKETS):
            path.mkdir(exist_ok=True)
            path.chmod(0o750)
            if account is not None:
                # The engine's user writes where its sockets are, nowhere else: root follows nothing it left there.
                os.chown(path, account.uid if path.name == SOCKETS else 0, account.gid)
    except OSError as error:
        raise EngineError(f"preparing the directory {run_dir}") from error
    longest = run_dir / f"{AGENT_SOCKET}.new"
    if len(os.fsencode(longest)) > SOCKET_PATH_MAX:
        raise EngineError(f"preparing the directory {run_dir}: its path is too long for a socket in it")
    if account is not None:
        for parent in run_dir.parents:
            if not parent.stat().st_mode & 0o001:
                raise EngineError(
                    f"preparing the directory {run_dir}: user {account.name} may not enter {parent}; "
                    f"`chmod o+x {parent}`, or choose another run directory"
                )
    secret = run_dir / SECRET_FILE
    if not secret.is_file():
        write_private(secret, secrets.token_hex(32), None)


def secret_of(run_dir: Path) -> str:
    """Read what only this peer's Kamailio and sextetd know, in hexadecimal."""
    return (run_dir / SECRET_FILE).read_text()


def tls_files(run_dir: Path, wanted: Wanted) -> dict[str, bytes]:
    """Give what TLS needs, by the places in the directory; nothing where TLS is off. Raises OSError."""
    if not rendering.has_tls(wanted):
        return {}
    sources = {"certificate.pem": wanted.certificate, "key.pem": wanted.private_key}
    if wanted.trusted.is_file():
        sources["trusted.pem"] = wanted.trusted
    if wanted.crl.is_file():
        sources["crl.pem"] = wanted.crl
    contents = {f"tls/{name}": path.read_bytes() for name, path in sources.items()}
    return contents | {"tls.cfg": rendering.tls_text(wanted, run_dir).encode()}


def write_private(path: Path, text: str | bytes, owner: Account | None) -> bool:
    """Replace a file atomically, readable by its owner only; says whether it changed."""
    data = text.encode() if isinstance(text, str) else text
    if path.is_file() and path.read_bytes() == data:
        return False
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        if owner is not None:
            os.fchown(file.fileno(), owner.uid, owner.gid)
    beside.replace(path)
    return True


def code_digest(package: Path) -> str:
    """Summarise the code that workers run: equal exactly when the files are."""
    summary = hashlib.sha256()
    for path in _code(package):
        summary.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    return summary.hexdigest()


def install_code(package: Path, run_dir: Path) -> None:
    """Copy the code that workers run to where their user can read it, wherever the package lies."""
    target = run_dir / "code"
    fresh = run_dir / "code.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for path in _code(package):
        copy = fresh / "sextet" / path.relative_to(package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    (fresh / "sextet_kemi.py").write_text(LOADER.format(run_dir=str(run_dir)))
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def _code(package: Path) -> list[Path]:
    folders = [path for name in CODE for path in (package / name).rglob("*.py")]
    return sorted([package / "__init__.py", package / "sip" / "__init__.py", *folders])
