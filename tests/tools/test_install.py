"""The installer says in one sentence what it cannot do, and does nothing when nothing is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import install

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("release", "machine", "words"),
    [
        (
            {"ID": "ubuntu", "VERSION_ID": "22.04", "PRETTY_NAME": "Ubuntu 22.04"},
            "x86_64",
            "this is Ubuntu 22.04 on x86_64",
        ),
        ({"ID": "debian", "VERSION_ID": "13", "PRETTY_NAME": "Debian 13"}, "x86_64", "this is Debian 13"),
        ({"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian 12"}, "riscv64", "on riscv64"),
        ({}, "arm64", "on arm64, but sextet runs on Debian 12"),
    ],
)
def test_another_system_is_refused_by_its_name(release: dict[str, str], machine: str, words: str) -> None:
    with pytest.raises(install.Cannot, match=words):
        install.check_system(release, machine)


def test_debian_12_on_both_machines_is_accepted() -> None:
    for machine in install.MACHINES:
        install.check_system({"ID": "debian", "VERSION_ID": "12"}, machine)


def test_os_release_is_read_with_and_without_quotes(tmp_path: Path) -> None:
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    assert install.os_release(tmp_path / "os-release") == {"ID": "debian", "VERSION_ID": "12"}
    assert install.os_release(tmp_path / "absent") == {}


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("E: Unable to locate package kamailio\n", "the Debian package kamailio cannot be had: it is in none of"),
        ("E: Package 'nats-server' has no installation candidate", "the Debian package nats-server cannot be had"),
        (
            "E: Failed to fetch http://mirror/pool/k/kamailio_5.6.3-2_amd64.deb  Connection refused",
            "kamailio cannot be had: Connection refused",
        ),
        ("E: Could not get lock /var/lib/dpkg/lock", "cannot be installed: Could not get lock"),
        ("", "the Debian packages a, b cannot be installed: apt-get failed"),
    ],
)
def test_a_debian_package_that_cannot_be_had_is_named_with_the_cause(output: str, sentence: str) -> None:
    assert sentence in install.apt_failure(output, ["a", "b"])


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (
            "ERROR: No matching distribution found for rich==15.0.0 (from -r x)",
            "rich cannot be had: the package index does not have",
        ),
        (
            "WARNING: Retrying\nERROR: No matching distribution found for rich==15",
            "rich cannot be had: the package index cannot be reached",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM x.\n    rich==15.0.0 from https://x:\n        Expected",
            "rich cannot be had: what the index sent",
        ),
        ("ERROR: No space left on device", "cannot be installed: No space left on device"),
        ("", "no reason was given"),
    ],
)
def test_a_python_package_that_cannot_be_had_is_named_with_the_cause(output: str, sentence: str) -> None:
    assert sentence in install.pip_failure(output)


def test_packages_that_are_installed_are_told_from_others() -> None:
    assert install.installed(["bash", "no-such-package"]) == {"bash"}


@pytest.fixture
def policy(tmp_path: Path) -> Iterator[Path]:
    kept, install.POLICY = install.POLICY, tmp_path / "policy-rc.d"
    yield install.POLICY
    install.POLICY = kept


def test_services_of_our_engines_are_not_started_while_packages_are_installed_and_others_are(policy: Path) -> None:
    with install.services_not_started():
        answers = {
            name: subprocess.run([policy, name, "start"], check=False).returncode
            for name in ("kamailio", "nats-server", "ssh")
        }
    assert answers == {"kamailio": 101, "nats-server": 101, "ssh": 0}
    assert not policy.exists()


def test_a_policy_that_stands_there_is_left_alone(policy: Path) -> None:
    policy.write_text("#!/bin/sh\nexit 101\n")
    with install.services_not_started():
        pass
    assert policy.read_text() == "#!/bin/sh\nexit 101\n"


def test_an_environment_that_was_moved_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").touch()
    (tmp_path / "bin/pip").write_text("#!/somewhere/else/bin/python3\n")
    assert not install.usable(tmp_path)
    (tmp_path / "bin/pip").write_text(f"#!{tmp_path}/bin/python3\n")
    assert install.usable(tmp_path)
    assert not install.usable(tmp_path / "absent")


def test_a_command_before_the_installation_says_how_to_install(tmp_path: Path) -> None:
    for name in ("sextet", "tools/install.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run(
        [sys.executable, tmp_path / "sextet", "cluster", "status"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "./sextet setup" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root installs what is missing")
def test_without_root_the_command_to_run_is_shown() -> None:
    with pytest.raises(install.Cannot, match="as root, run: apt-get update && apt-get install"):
        install.install_packages(["no-such-package"])
