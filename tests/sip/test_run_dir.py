"""The directory that Kamailio runs in."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sextet.engine import EngineError, Wanted
from sextet.model.sections import Root
from sextet.model.settings.protocols import Protocols
from sextet.sip import run_dir


def wanted(folder: Path, config: Root) -> Wanted:
    """Give what a peer wants whose certificate, key and lists lie in a folder; there is no CRL."""
    for name in ("certificate", "key", "trusted"):
        (folder / name).write_text(name)
    return Wanted(
        config=config, generation=1, number=1, address="192.0.2.1", neighbours=(), secret=b"", material="",
        certificate=folder / "certificate", private_key=folder / "key", trusted=folder / "trusted",
        crl=folder / "none",
    )  # fmt: skip


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose path leaves room for that of a socket, and which everybody may enter; pytest's own do not."""
    with tempfile.TemporaryDirectory(prefix="run-dir-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_an_unknown_user_is_named() -> None:
    if run_dir.account_of(None) is None:
        pytest.skip("only root can become somebody else")
    with pytest.raises(EngineError, match="nobody-of-this-name"):
        run_dir.account_of("nobody-of-this-name")


def test_the_directory_is_closed_to_others_and_its_secret_stays(short: Path) -> None:
    place = short / "run"
    run_dir.prepare(place, None)
    secret = run_dir.secret_of(place)
    run_dir.prepare(place, None)
    assert run_dir.secret_of(place) == secret and len(secret) == 64
    assert [path.stat().st_mode & 0o777 for path in (place, place / "tls", place / "sockets")] == [0o750] * 3


def test_a_path_too_long_for_a_socket_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="too long for a socket"):
        run_dir.prepare(tmp_path / ("x" * run_dir.SOCKET_PATH_MAX), None)


def test_a_user_who_may_not_enter_is_told_what_to_do(short: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    (closed := short / "closed").mkdir(0o700)
    with pytest.raises(EngineError, match=f"user somebody may not enter .*chmod o.x {closed}"):
        run_dir.prepare(closed / "run", run_dir.Account("somebody", os.getuid(), os.getgid()))


def test_the_engines_user_writes_where_its_sockets_are_and_nowhere_else(short: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    account, place = run_dir.Account("somebody", 65533, 65532), short / "run"
    run_dir.prepare(place, account)
    run_dir.write_private(place / "x", "text", account)
    found = [(place / one).stat() for one in ("", "tls", "sockets", "x")]
    assert [(one.st_uid, one.st_gid) for one in found] == [(0, 65532), (0, 65532), (65533, 65532), (65533, 65532)]


def test_only_what_there_is_of_tls_is_written_and_nothing_without_it(tmp_path: Path) -> None:
    found = run_dir.tls_files(tmp_path, wanted(tmp_path, Root()))
    assert sorted(found) == ["tls.cfg", "tls/certificate.pem", "tls/key.pem", "tls/trusted.pem"]
    assert found["tls/key.pem"] == b"key"
    off = Root(protocols=Protocols(sip_tls=False, sip_tcp=True))
    assert run_dir.tls_files(tmp_path, wanted(tmp_path, off)) == {}


def test_private_files_are_replaced_whole_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert run_dir.write_private(path, "one", None)
    assert not run_dir.write_private(path, "one", None)
    assert run_dir.write_private(path, "two", None)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_the_code_for_workers_imports_without_anything_installed(tmp_path: Path) -> None:
    package = Path(run_dir.__file__).parent.parent
    run_dir.install_code(package, tmp_path)
    names = {path.relative_to(tmp_path / "code").as_posix() for path in (tmp_path / "code").rglob("*.py")}
    assert "sextet/call/search.py" in names
    script = "import sys; sys.modules['KSR'] = sys; import sextet_kemi"
    code = tmp_path / "code"
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = [{str(code)!r}]; {script}"], check=True
    )
    assert "sextet/sip/kemi/script.py" in names
    assert not any(name.startswith(("sextet/cluster", "sextet/web", "sextet/sip/engine")) for name in names)
    load = f"import sys; sys.path.insert(0, {str(tmp_path / 'code')!r}); import sextet.sip.kemi.script"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", load], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_code_is_installed_over_older_code_whole_and_for_others_to_read(tmp_path: Path) -> None:
    package = tmp_path / "package"
    for name in ("__init__.py", "sip/__init__.py", "model/a.py", "call/b.py", "sip/kemi/c.py", "web/d.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
    run_dir.install_code(package, tmp_path)
    digest = run_dir.code_digest(package)
    (package / "call" / "b.py").write_text("other")
    assert run_dir.code_digest(package) != digest
    (package / "model" / "a.py").rename(package / "model" / "e.py")
    (tmp_path / "code.new" / "sextet").mkdir(parents=True)
    (tmp_path / "code.new" / "sextet" / "half.py").touch()  # left where an installation was cut off
    before = os.umask(0o077)  # as the unit has it
    try:
        run_dir.install_code(package, tmp_path)
    finally:
        os.umask(before)
    code = tmp_path / "code"
    there = {path.relative_to(code).as_posix(): path.stat().st_mode & 0o777 for path in code.rglob("*.py")}
    assert set(there) == {
        "sextet_kemi.py", "sextet/__init__.py", "sextet/sip/__init__.py", "sextet/model/e.py", "sextet/call/b.py",
        "sextet/sip/kemi/c.py",
    }  # fmt: skip
    assert set(there.values()) == {0o644} and (code / "sextet").stat().st_mode & 0o777 == 0o755
    assert (code / "sextet" / "call" / "b.py").read_text() == "other"
    digest = run_dir.code_digest(package)
    (package / "web" / "d.py").write_text("nothing that workers import")
    assert run_dir.code_digest(package) == digest
