"""The directory that Kamailio runs in."""

from __future__ import annotations

import os
import subprocess
import sys
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


def test_an_unknown_user_is_named() -> None:
    if run_dir.account_of(None) is None:
        pytest.skip("only root can become somebody else")
    with pytest.raises(EngineError, match="nobody-of-this-name"):
        run_dir.account_of("nobody-of-this-name")


def test_the_directory_is_closed_to_others_and_its_secret_stays(tmp_path: Path) -> None:
    place = tmp_path / "run"
    run_dir.prepare(place, None)
    secret = run_dir.secret_of(place)
    run_dir.prepare(place, None)
    assert run_dir.secret_of(place) == secret and len(secret) == 64
    assert [path.stat().st_mode & 0o777 for path in (place, place / "tls", place / "sockets")] == [0o750] * 3


def test_a_path_too_long_for_a_socket_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="too long for a socket"):
        run_dir.prepare(tmp_path / ("x" * run_dir.SOCKET_PATH_MAX), None)


def test_a_user_who_may_not_enter_is_told_what_to_do(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    (closed := tmp_path / "closed").mkdir(0o700)
    with pytest.raises(EngineError, match=f"user somebody may not enter .*chmod o.x {closed}"):
        run_dir.prepare(closed / "run", run_dir.Account("somebody", os.getuid(), os.getgid()))


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
