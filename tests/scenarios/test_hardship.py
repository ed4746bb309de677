"""Full disks, missing programs, and what must be found nowhere: what a peer does where its machine fails it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sextet.cluster.configuration.revisions import Store
from sextet.lab import children
from sextet.lab.documents import Secrets
from sextet.lab.plan import PeerPlan, Plan
from tests.support import real_lab
from tests.support.real_lab import START_S, Lab, answered, applied, eventually

pytestmark = pytest.mark.scenario
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk or hide a program")
SHARED = "protocols.standard_refresh_maximum"
DISK = "8m"


def on_a_small_disk(peer: PeerPlan) -> None:
    """Put a peer's state on a disk of its own."""
    aside = peer.state_dir.with_suffix(".aside")
    peer.state_dir.rename(aside)
    peer.state_dir.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", peer.state_dir], check=True)
    shutil.copytree(aside, peer.state_dir, dirs_exist_ok=True)
    shutil.rmtree(aside)


def filled(directory: Path) -> Path:
    """Leave not one block free."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            while True:
                try:
                    file.write(b"x" * size)
                except OSError:
                    break
    return filler


@pytest.fixture
def small() -> Iterator[Lab]:
    def prepare(made: Plan, drawn: Secrets) -> None:
        for peer in (made.peers[0], made.peers[2]):
            on_a_small_disk(peer)

    with real_lab.lab(prepare=prepare) as lab:
        asyncio.run(lab.whole())
        yield lab


@as_root
def test_on_a_full_disk_a_change_is_refused_with_a_sentence_and_the_rest_goes_on(small: Lab) -> None:
    async def play() -> None:
        lab = small
        async with lab.phone(1, "alice") as alice, lab.phone(2, "bob") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            before = (await lab.cluster(1))["held"]
            filler = filled(lab.peer(1).state_dir)
            for number in (1, 2):  # on the primary, and through it
                sentence = await lab.refusal(number, "config set", path=SHARED, value=61)
                assert "Nothing was changed" in sentence and "Free space" in sentence, sentence
            await lab.alarm(1, 60901, "could not be written")
            own = await lab.refusal(1, "config set", path="system.name", value="renamed")
            assert "Nothing was changed" in own
            for number in lab.numbers:
                assert (await lab.cluster(number))["held"] == before
                assert await lab.value(number, SHARED) == "60"
            both = {("alice@apolo.local", 1, False), ("bob@apolo.local", 2, False)}
            await eventually("1 knows both", lambda: lab.registrations(1), wanted=both)
            dialog = answered(await alice.call("bob@apolo.local"))
            assert (await alice.hang_up(dialog)).status == 200
            filler.unlink()
            stamp = (await lab.set(2, SHARED, 62))["stamp"]
            assert stamp["revision"] == before["revision"] + 1
            await lab.alarm(1, 60901, standing=False)
            await lab.whole()
            for one in (alice, bob):
                assert (await one.register(0)).status == 200

    asyncio.run(play())


@as_root
def test_a_subordinate_with_a_full_disk_serves_what_it_has_and_catches_up_by_itself(small: Lab) -> None:
    async def play() -> None:
        lab = small
        filler = filled(lab.peer(3).state_dir)
        stamp = (await lab.set(1, SHARED, 62))["stamp"]
        await lab.alarm(3, 60901, "could not be written")
        assert await lab.value(3, SHARED) == "60"
        await eventually("peer 2 follows", lambda: lab.value(2, SHARED), wanted="62")
        await lab.alarm(1, 20006, "expc03")
        async with lab.phone(3, "alice", "tls") as alice:
            assert (await alice.register()).status == 200
            assert (await alice.register(0)).status == 200
        filler.unlink()

        async def held() -> object:
            return (await lab.cluster(3))["in_force"]

        await eventually("peer 3 catches up", held, 15, wanted=stamp)
        await lab.alarm(3, 60901, standing=False)
        await lab.whole()

    asyncio.run(play())


def without(program: str, peer: PeerPlan, log: Path) -> subprocess.Popen[bytes]:
    """Start a peer on a machine on which a program is not there: hidden in a mount namespace of its own."""
    hide = f'mount --bind /dev/null "$(command -v {program})" && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", hide, "sh", sys.executable, "-m", "sextet.main", "--bootstrap"]
    with log.open("wb") as output:
        return subprocess.Popen([*command, str(peer.bootstrap)], stdout=output, stderr=output)


@as_root
@pytest.mark.parametrize("program", ["kamailio", "nats-server"])
def test_a_missing_engine_is_named_and_everything_else_goes_on(program: str, tmp_path: Path) -> None:
    async def play(lab: Lab) -> None:
        await lab.whole()
        await lab.do("kill", peer=2, part="all")
        process = without(program, lab.peer(2), tmp_path / "log")
        try:
            cause = await lab.alarm(2, 15010, within_s=START_S)
            assert program in cause.lower() and "install" in cause, cause
            assert await lab.value(2, "system.name") == "expc02"
            code, out, _ = await lab.run(2, "status")
            assert program in out.lower()
            if program == "kamailio":
                await eventually("its links are up", lambda: links(lab), wanted=True)
                await lab.set(2, SHARED, 63)
            else:
                async with lab.phone(2, "alice") as alice:
                    assert (await alice.register()).status == 200
                    assert (await alice.register(0)).status == 200
        finally:
            process.terminate()
            process.wait(10)
        assert "Traceback" not in (tmp_path / "log").read_text()
        await lab.do("start", peer=2)
        await lab.whole()

    with real_lab.lab() as lab:
        asyncio.run(play(lab))


async def links(lab: Lab) -> bool:
    return all([(await lab.member(number, 2))["clustering_ok"] for number in (1, 3)])


def secrets_of(lab: Lab, copy: Path) -> dict[str, bytes]:
    """Everything that nobody may read: passwords, the cluster key, private keys, hashes."""
    shutil.copytree(lab.peer(1).state_dir, copy)
    store = Store(copy / "config.db")
    key = store.membership().key.hex()
    store.close()
    assert len(key) == 64
    found = {f"password of {user}": word for user, word in lab.passwords.items()}
    found |= {"administrator": lab.administrator, "cluster key": key, "new password": "Wort-9x-geheim"}
    for peer in lab.plan.peers:
        found[f"private key {peer.number}"] = (peer.state_dir / "private_key.pem").read_text().splitlines()[1]
    return {name: word.encode() for name, word in found.items()} | {
        "cluster key, raw": bytes.fromhex(key),
        "hash": b"scrypt$",
    }


async def still(lab: Lab) -> None:
    """Wait until nobody writes: while a change is stored and applied, files come and go (SQLite's journal, *.new)."""
    await applied(lab, (await lab.cluster(1))["held"])


def test_secrets_are_in_no_log_no_argument_and_no_file_that_others_can_read(lab: Lab, tmp_path: Path) -> None:
    async def play() -> None:
        code, _, errors = await lab.run(1, "config", "add", "credentials", '{"name": "eve", "password": "x"}')
        assert code == 0, errors

        async def known() -> bool:
            return "eve" in str(await lab.ask(2, "config show", path="credentials"))

        await eventually("peer 2 has it", known)
        code, _, errors = await lab.run(2, "config", "set", "credentials[eve].password", stdin=b"Wort-9x-geheim\n")
        assert code == 0, errors
        async with lab.phone(1, "alice") as alice, lab.phone(2, "bob") as bob:
            bob.password = lab.passwords["alice"]  # wrong, and logged as such
            assert (await bob.register()).status == 401
            assert (await alice.register()).status == 200
            assert (await alice.register(0)).status == 200
        await still(lab)
        words = secrets_of(lab, tmp_path / "copy")
        everything = await lab.ask(2, "config show")
        shown = "".join(str(line) for line in everything).encode()
        assert not [name for name, word in words.items() if word in shown]
        code, out, _ = await lab.run(2, "config", "history")
        assert not [name for name, word in words.items() if word in out.encode()]
        await lab.ask(1, "config remove", path="credentials[eve]")
        await still(lab)
        for path in (*lab.plan.state_dir.rglob("*"), *lab.plan.run_dir.rglob("*")):
            status = path.stat()
            logged = path.suffix in (".log", ".1") or "log" in path.name
            if path.is_file() and (logged or status.st_mode & 0o077):
                text = path.read_bytes()
                assert not [name for name, word in words.items() if word in text], path
            assert not (path.is_file() and status.st_mode & 0o002), path
        pids = [
            pid
            for number in lab.numbers
            for part in ("sextetd", "kamailio", "nats")
            for pid in await lab.pids(number, part)
        ]
        assert len(pids) > 9
        for pid in (*pids, lab.pid):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert not [name for name, word in words.items() if word in arguments], arguments

    asyncio.run(play())


def test_engines_do_not_run_as_root_and_everything_binds_the_peers_own_address(lab: Lab) -> None:
    async def play() -> None:
        if os.geteuid() == 0:
            for number in lab.numbers:
                for part in ("kamailio", "nats"):
                    for pid in await lab.pids(number, part):
                        assert Path(f"/proc/{pid}").stat().st_uid != 0, (part, pid)
        found = 0
        for number in lab.numbers:
            pids = [pid for part in ("sextetd", "kamailio", "nats") for pid in await lab.pids(number, part)]
            own = {inode for pid in pids for inode in _inodes(pid)}
            for table in ("tcp", "udp"):
                for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                    fields = line.split()
                    if fields[9] in own:
                        found += 1
                        assert fields[1][6:8] == "7F", line  # 127.x.y.z, in the order of this machine's bytes
        assert found > 20

    asyncio.run(play())


def _inodes(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]


def test_a_lab_that_ends_leaves_no_process_behind() -> None:
    with real_lab.lab(peers=2) as lab:
        asyncio.run(lab.whole())
        directories = lab.plan.run_dir, lab.plan.state_dir
        assert children.left_behind(*directories)
    assert children.left_behind(*directories) == []
