"""Run a lab from its start to its end: refuse what cannot work, start, prove, stay, and leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pwd
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from sextet.lab import children, dns, documents, ports
from sextet.lab.control import Control
from sextet.lab.documents import Secrets
from sextet.lab.plan import (
    ADMINISTRATOR,
    CLUSTER_NAME,
    CLUSTER_PORT,
    DOMAIN,
    HTTPS_PORT,
    RECOVERY_PORT,
    SIP_PORT,
    SIPS_PORT,
    Plan,
)
from sextet.lab.proof import Proof, Step
from sextet.lab.rig import LabError, Rig

ENGINE_USER = "sextet"  # made by the installer; only root can start engines as somebody else
MARK = ".sextet-lab"  # only directories with this file in them are emptied
MEMORY = "lab.json"  # what `--keep` needs to go on
OK, FAILED, REFUSED, UNPROVEN, INTERRUPTED = 0, 1, 2, 3, 130
PROBLEMS_SHOWN_MAX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a lab was asked for."""

    plan: Plan
    keep: bool = False
    prove: bool = True
    json_to: str = ""  # a file, "-" for standard output, "" for none
    chosen: bool = False  # whether the directories are not the usual ones, so that other commands must be told


class Refusal(Exception):
    """The lab cannot be started here; nothing was changed. One sentence."""


def run(wishes: Wishes) -> int:
    """Start a lab and stay until it is told to end; returns the exit code."""
    # Progress goes where it does not mix with what a program reads.
    console = Console(stderr=wishes.json_to == "-", highlight=False, soft_wrap=True)
    try:
        with _only_one(wishes.plan):
            return asyncio.run(_until_told(wishes, console))
    except Refusal as why:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"refused: {why}", markup=False)
        return REFUSED


async def _until_told(wishes: Wishes, console: Console) -> int:
    """Run the lab as one task that Ctrl-C cancels, once."""
    task = asyncio.create_task(_life(wishes, console))
    told: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        if not told:
            task.cancel()
        told.append(number)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED


async def _life(wishes: Wishes, console: Console) -> int:
    plan, began = wishes.plan, time.monotonic()
    await _refuse_or_clear(wishes, console)
    drawn = _prepare(wishes)
    console.print(f"Starting {_peers(plan)} ...")
    rig = Rig(plan, lambda sentence: console.print(f"[red]![/] {sentence}"))
    steps: list[Step] = []
    control = Control(rig, lambda: description(plan, rig, drawn, steps))
    names: dns.NameServer | None = None
    proven = True
    try:
        names = await dns.serve(plan.peers, plan.dns_address)
        await rig.start_all()
        await control.start(plan.control)
        console.print(f"[green]✔[/] Started {_peers(plan)} [dim]{time.monotonic() - began:.1f} s[/]")
        steps += await _prove(wishes, drawn, console)
        proven = all(step.ok for step in steps)
        _tell_programs(wishes, rig, drawn, steps)
        _tell_people(wishes, drawn, console)
        await asyncio.Event().wait()  # until cancelled
        return OK
    except asyncio.CancelledError:
        return OK if proven else UNPROVEN
    except (LabError, OSError) as error:
        console.print(f"[red]✘[/] The lab does not start: {error}")
        return FAILED
    finally:
        console.print("Stopping ...")
        await control.stop()
        await rig.stop_all()
        if names is not None:
            await names.stop()
        plan.control.unlink(missing_ok=True)
        console.print("The lab has ended; no process of it runs any more.")


async def _refuse_or_clear(wishes: Wishes, console: Console) -> None:
    """Refuse before anything is changed; only what an earlier lab in the same directories left running is ended."""
    plan = wishes.plan
    if wishes.keep:
        _remembered(plan)
    for directory in (plan.state_dir, plan.run_dir):
        if (
            directory.exists()
            and any(path.name != plan.lock.name for path in directory.iterdir())
            and not (directory / MARK).exists()
        ):
            raise Refusal(f"{directory} holds something that is not a lab's; choose another --dir.")
    if unreachable := _unreachable(plan):
        raise Refusal(
            f"the user {ENGINE_USER} cannot reach {unreachable}; run chmod o+x on it, or choose another --dir."
        )
    if left := await children.sweep(plan.run_dir, plan.state_dir):
        console.print(f"Ended {len(left)} processes that an earlier lab had left running.")
    if taken := ports.problems(ports.endpoints(plan)):
        more = f" And {len(taken) - PROBLEMS_SHOWN_MAX} more." if len(taken) > PROBLEMS_SHOWN_MAX else ""
        raise Refusal(" ".join(taken[:PROBLEMS_SHOWN_MAX]) + more)


def _prepare(wishes: Wishes) -> Secrets:
    """Lay out the directories: a fresh lab, or what is kept of the last one."""
    plan = wishes.plan
    if wishes.keep:
        return _remembered(plan)
    for directory in (plan.state_dir, plan.run_dir):
        for path in directory.iterdir() if directory.exists() else ():
            if path != plan.lock:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        directory.mkdir(parents=True, exist_ok=True)
        (directory / MARK).touch()
    drawn = documents.new_secrets()
    # The wall clock dates certificates, as it does for everybody who checks them.
    documents.write(plan, drawn, ENGINE_USER if os.geteuid() == 0 else "", datetime.now(UTC))  # wall clock
    memory = {"peers": len(plan.peers), "administrator": drawn.administrator, "users": dict(drawn.users)}
    documents.secret_file(plan.state_dir / MEMORY, json.dumps(memory))
    return drawn


def _remembered(plan: Plan) -> Secrets:
    try:
        memory = json.loads((plan.state_dir / MEMORY).read_text())
    except (OSError, ValueError):
        raise Refusal(f"there is no lab to keep in {plan.state_dir}; start one without --keep.") from None
    if memory["peers"] != len(plan.peers):
        raise Refusal(
            f"the lab in {plan.state_dir} has {memory['peers']} peers; keep it with --peers {memory['peers']}."
        )
    return Secrets(administrator=memory["administrator"], users=memory["users"])


def _peers(plan: Plan) -> str:
    if len(plan.peers) == 1:
        return f"one peer on {plan.peers[0].address}"
    return f"{len(plan.peers)} peers on {plan.peers[0].address} to {plan.peers[-1].address}"


async def _prove(wishes: Wishes, drawn: Secrets, console: Console) -> list[Step]:
    user = ENGINE_USER if os.geteuid() == 0 else None
    steps: list[Step] = []
    async with contextlib.aclosing(Proof(wishes.plan, drawn.users, user).steps(calls=wishes.prove)) as proof:
        async for step in proof:
            steps.append(step)
            mark = "[green]✔[/]" if step.ok else "[red]✘[/]"
            took = f"{step.took_s:.1f} s" if step.took_s >= 1 else f"{1000 * step.took_s:.0f} ms"
            console.print(f"{mark} {step.claim} [dim]{took}[/]{': ' if step.seen else ''}", end="")
            console.print(step.seen, markup=False)
    return steps


def _tell_programs(wishes: Wishes, rig: Rig, drawn: Secrets, steps: Sequence[Step]) -> None:
    """Write what a program needs to talk to this lab; the file holds passwords, so only its owner can read it."""
    if not wishes.json_to:
        return
    text = json.dumps(description(wishes.plan, rig, drawn, steps), indent=2)
    if wishes.json_to == "-":
        print(text, flush=True)
    else:
        documents.secret_file(Path(wishes.json_to), text + "\n")


def description(plan: Plan, rig: Rig, drawn: Secrets, steps: Sequence[Step]) -> dict[str, Any]:
    """Say all that a program needs: peers, ports, accounts, whom to trust, where to ask."""
    return {
        "cluster": CLUSTER_NAME,
        "domain": DOMAIN,
        "peers": [rig.describe(peer) for peer in plan.peers],
        "ports": {
            "sip": SIP_PORT, "sips": SIPS_PORT, "cluster": CLUSTER_PORT, "recovery": RECOVERY_PORT, "https": HTTPS_PORT,
        },
        "accounts": [
            {"name": user, "alias": f"{user}@{DOMAIN}", "password": word} for user, word in drawn.users.items()
        ],
        "administrator": {"name": ADMINISTRATOR, "password": drawn.administrator},
        "authority": str(plan.authority),
        "dns": plan.dns_server,
        "control": str(plan.control),
        "pid": os.getpid(),
        "proof": [asdict(step) for step in steps],
    }  # fmt: skip


def _tell_people(wishes: Wishes, drawn: Secrets, console: Console) -> None:
    plan = wishes.plan
    console.print()
    for peer in plan.peers:
        role = "  primary" if peer.number == 1 else ""
        console.print(f"  {peer.fqdn}  [bold]{escape(peer.url)}[/]{role}")
    console.print(f"\n  Log in as [bold]{ADMINISTRATOR}[/] with the password ", end="")
    console.print(drawn.administrator, style="bold", markup=False)
    console.print(f"  Certificates are the lab's own: {plan.authority}")
    console.print(f"  Phones: {', '.join(drawn.users)} at {DOMAIN}; their passwords are in {plan.state_dir / MEMORY}")
    where = f" --dir {plan.run_dir.parent}" if wishes.chosen else ""
    whom = f"--socket {plan.peers[0].socket}" if wishes.chosen else "--peer 1"
    console.print(
        f"\n  Break it from another terminal: ./sextet lab kill 2{where} (start 2, restart 2, cut 1-2, heal, status)"
    )
    console.print(
        f"  Look at it: ./sextet {whom} cluster status (registration list, call list, alarm list, config show)"
    )
    console.print("\nCtrl-C ends the lab.")


@contextlib.contextmanager
def _only_one(plan: Plan) -> Iterator[None]:
    """Hold the lock of these directories; the lock ends with this process, however it ends."""
    try:
        plan.run_dir.mkdir(parents=True, exist_ok=True)
        if plan.run_dir.stat().st_uid != os.geteuid():  # in /tmp anybody may have been first
            raise Refusal(f"{plan.run_dir} belongs to somebody else; choose another --dir.")
        descriptor = os.open(plan.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Refusal(f"{plan.run_dir} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    except BlockingIOError:
        holder = os.pread(descriptor, 16, 0).decode(errors="replace")
        raise Refusal(f"another lab runs in {plan.run_dir} (process {holder}); end it first.") from None
    finally:
        os.close(descriptor)


def _unreachable(plan: Plan) -> str:
    """Name a directory above the lab's that the engines' user cannot pass; only root has another user for engines."""
    if os.geteuid() != 0:
        return ""
    try:
        account = pwd.getpwnam(ENGINE_USER)
    except KeyError:
        raise Refusal(f"there is no system user {ENGINE_USER}; run ./sextet setup first.") from None
    for directory in (*plan.state_dir.parents, *plan.run_dir.parents):
        if directory.exists():
            status = directory.stat()
            bit = 0o100 if status.st_uid == account.pw_uid else 0o010 if status.st_gid == account.pw_gid else 0o001
            if not status.st_mode & bit:
                return str(directory)
    return ""
