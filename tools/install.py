"""Install what sextet needs and this computer lacks: Debian packages, a system user, a virtual environment.

Standard library only, since nothing is installed yet. Everything that cannot be done is one sentence (`Cannot`).
"""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import hashlib
import os
import platform
import pwd
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

RUN_PACKAGES = (
    "baresip-core",  # the real phones of the lab's proof
    "kamailio",
    "kamailio-extra-modules",
    "kamailio-python3-modules",
    "kamailio-tls-modules",
    "nats-server",
    "python3-venv",
    "tcpdump",  # packets of diagnostic logging
)
TEST_PACKAGES = (
    "chromium",
    "iproute2",  # peers in network namespaces
    "libatomic1",  # the browser's driver, playwright's own Node.js, is linked with it
    "make",
    "sip-tester",  # sipp: calls and registrations by the thousand, for scenarios and the bench
)
SERVICES = ("kamailio", "nats-server")  # their packages bring services, which would take our ports
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
PYTHON = "/usr/bin/python3"  # Kamailio embeds this one, so the workers and sextetd run the same Python
USER = "sextet"
POLICY = Path("/usr/sbin/policy-rc.d")  # asked by every package's script before it starts a service
POLICY_TEXT = f"""#!/bin/sh
# Written by sextet while it installs packages.
case "$1" in {"|".join(SERVICES)}) exit 101;; esac
exit 0
"""
APT_LOCK_S = 120  # another apt-get, such as a nightly upgrade, is waited for this long


class Cannot(Exception):
    """What cannot be installed, and why, in one sentence."""


def prepare(root: Path, *, for_tests: bool = False) -> Path:
    """Install what is missing and return the environment's Python; takes under half a second when nothing is."""
    check_system(os_release(Path("/etc/os-release")), platform.machine())
    wanted = [*RUN_PACKAGES, *(TEST_PACKAGES if for_tests else ())]
    if missing := [package for package in wanted if package not in installed(wanted)]:
        install_packages(missing)
    if os.geteuid() == 0:
        create_user()
    with one_at_a_time(root):
        prepare_environment(root, for_tests)
        # Where Python may not write bytecode every start of a peer would compile all of it: 0.2 s of 0.7 s (measured).
        compileall.compile_dir(root / "src", quiet=2)
    return root / ".venv/bin/python"


def command_line(root: Path) -> Path:
    """Find the installed command; raises Cannot when nothing was installed from this checkout."""
    found = root / ".venv/bin/sextet"
    if not found.exists():
        raise Cannot(
            "nothing is installed yet; run `./sextet setup`, or `./sextet lab up` for a cluster on this computer."
        )
    return found


def os_release(path: Path) -> dict[str, str]:
    """Read the file in which a system says what it is."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip("\"'") for name, _, value in (line.partition("=") for line in lines)}


def check_system(release: Mapping[str, str], machine: str) -> None:
    """Raise Cannot unless this is a system on which sextet is known to run."""
    if release.get("ID") != "debian" or release.get("VERSION_ID") != "12" or machine not in MACHINES:
        name = release.get("PRETTY_NAME") or platform.system()
        raise Cannot(f"this is {name} on {machine}, but sextet runs on Debian 12 (amd64 or arm64).")


def installed(packages: Sequence[str]) -> set[str]:
    """Say which of these Debian packages are installed."""
    query = ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *packages]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    return {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}


def install_packages(missing: Sequence[str]) -> None:
    """Install Debian packages without letting their services start; raises Cannot with the package and the cause."""
    command = ["apt-get", "install", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise Cannot(f"Debian packages are missing; as root, run: apt-get update && {shlex.join(command)}")
    say(f"Installing Debian packages: {', '.join(missing)} ...")
    options = ["-y", "-q", "-o", f"DPkg::Lock::Timeout={APT_LOCK_S}"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    subprocess.run(["apt-get", "update", *options], env=environment, capture_output=True, check=False)
    with services_not_started():
        done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Cannot(apt_failure(done.stderr + done.stdout, missing))
    if Path("/run/systemd/system").exists() and (ours := [name for name in SERVICES if name in missing]):
        # Only services that came with this installation: sextetd starts its own, and these would take its ports.
        subprocess.run(["systemctl", "disable", "--now", *ours], capture_output=True, check=False)
        say(f"Disabled the services that came with the packages: {', '.join(ours)} (sextet starts its own).")


def apt_failure(output: str, missing: Sequence[str]) -> str:
    """Make one sentence of what apt-get said."""
    if found := re.search(
        r"Unable to locate package (\S+)|Package '?([^\s']+)'? has no installation candidate", output
    ):
        name = found.group(1) or found.group(2)
        return f"the Debian package {name} cannot be had: it is in none of this system's package sources."
    if found := re.search(r"Failed to fetch \S*?/([^/_\s]+)_[^/\s]*\s*(.*)", output):
        return f"the Debian package {found.group(1)} cannot be had: {found.group(2) or 'it could not be fetched'}."
    errors = [line[3:].strip() for line in output.splitlines() if line.startswith("E: ")]
    return f"the Debian packages {', '.join(missing)} cannot be installed: {errors[0] if errors else 'apt-get failed'}."


@contextlib.contextmanager
def services_not_started() -> Iterator[None]:
    """Keep package scripts from starting our engines as services; a policy that stands there is left alone."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text(POLICY_TEXT)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def create_user() -> None:
    """Create the unprivileged system user that engines run as."""
    with contextlib.suppress(KeyError):
        pwd.getpwnam(USER)
        return
    command = ["useradd", "--system", "--user-group", "--home-dir", "/nonexistent", "--no-create-home"]
    done = subprocess.run([*command, "--shell", "/usr/sbin/nologin", USER], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Cannot(f"the system user {USER} cannot be created: {done.stderr.strip()}.")
    say(f"Created the system user {USER} for the engines.")


@contextlib.contextmanager
def one_at_a_time(root: Path) -> Iterator[None]:
    """Let two commands in one checkout install one after the other."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def prepare_environment(root: Path, for_tests: bool) -> None:
    """Bring the virtual environment to the locked packages; a stamp says when it is there already."""
    lock = root / ("requirements-dev.lock" if for_tests else "requirements.lock")
    environment, stamp = root / ".venv", root / ".venv" / f"{lock.name}.stamp"
    mark = hashlib.sha256(
        b"\0".join([bytes(root), lock.read_bytes(), (root / "pyproject.toml").read_bytes()])
    ).hexdigest()
    if stamp.exists() and stamp.read_text() == mark:
        return
    if not usable(environment):
        say(f"Creating the virtual environment {environment} ...")
        shutil.rmtree(environment, ignore_errors=True)
        done = subprocess.run([PYTHON, "-m", "venv", str(environment)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Cannot(
                f"the virtual environment {environment} cannot be made: {last_line(done.stdout + done.stderr)}"
            )
    say("Installing Python packages ...")
    pip(environment, "--require-hashes", "-r", str(lock))
    pip(environment, "--no-deps", "--no-build-isolation", "-e", str(root))
    stamp.write_text(mark)


def usable(environment: Path) -> bool:
    """Tell whether a virtual environment is whole and was made where it stands: its scripts hold its path."""
    script = environment / "bin/pip"
    try:
        return (environment / "bin/python").exists() and script.read_text().startswith(f"#!{environment}/bin/")
    except OSError:
        return False


def pip(environment: Path, *arguments: str) -> None:
    """Install with pip; raises Cannot with the package and the cause."""
    command = [
        str(environment / "bin/python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Cannot(pip_failure(done.stdout + done.stderr))


def pip_failure(output: str) -> str:
    """Make one sentence of what pip said."""
    if found := re.search(r"No matching distribution found for ([^\s(]+)", output):
        name = found.group(1).partition("==")[0]
        cause = (
            "the package index cannot be reached"
            if "Retrying" in output
            else "the package index does not have this version"
        )
        return f"the Python package {name} cannot be had: {cause}."
    if found := re.search(r"DO NOT MATCH THE HASHES.*?\n\s+(\S+?)(?:==\S+)? from", output, re.DOTALL):
        return (
            f"the Python package {found.group(1)} cannot be had: what the index sent is not what the lock file names."
        )
    errors = [line.partition("ERROR:")[2].strip() for line in output.splitlines() if "ERROR:" in line]
    return f"the Python packages cannot be installed: {errors[-1] if errors else last_line(output)}"


def last_line(text: str) -> str:
    """Take the last line that says anything."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason was given.")


def say(sentence: str) -> None:
    """Show progress without touching what a command writes to its output."""
    print(sentence, file=sys.stderr, flush=True)
