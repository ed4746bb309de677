"""What the commands about the peer list do (peer_list_catalogue.py)."""

from __future__ import annotations

from sextet.admin.actor import Actor
from sextet.admin.catalogue import Command
from sextet.admin.commands import Arguments, Registry, Run, said_of
from sextet.admin.peers import peer_list_catalogue as catalogue
from sextet.admin.peers.peer_list import PeerLists
from sextet.cluster.peer_list import ADD, CHANGE, REMOVE, REPLACE, SEND, Job

VERBS: dict[str, Command] = {
    ADD: catalogue.CLUSTER_ADD,
    REMOVE: catalogue.CLUSTER_REMOVE,
    REPLACE: catalogue.CLUSTER_REPLACE,
    CHANGE: catalogue.CLUSTER_CHANGE_ADDRESS,
    SEND: catalogue.CLUSTER_SEND_LIST,
}
SETTINGS = {"primary": "configuration_primary", "name": "cluster_name", "ip_version": "cluster_ip_version"}


def add_to(registry: Registry, lists: PeerLists) -> None:
    """Add them to a peer's commands."""

    def job(verb: str) -> Run:
        async def run(actor: Actor, arguments: Arguments) -> object:
            wanted = Job(verb=verb, peer=int(arguments.get("peer", 0)), address=str(arguments.get("address", "")))
            return await (lists.preview(wanted) if arguments.get("dry_run") else lists.do(actor, wanted))

        return run

    async def enter(actor: Actor, arguments: Arguments) -> object:
        settings = {name: arguments[given] for given, name in SETTINGS.items() if given in arguments}
        dry_run, addresses = bool(arguments.get("dry_run")), str(arguments["addresses"]).split()
        return said_of(await lists.enter(actor, addresses, settings, dry_run=dry_run), stored=not dry_run)

    async def leave(actor: Actor, arguments: Arguments) -> object:
        dry_run = bool(arguments.get("dry_run"))
        return said_of(await lists.leave(actor, dry_run=dry_run), stored=not dry_run)

    for verb, command in VERBS.items():
        registry.add(command, job(verb))
    registry.add(catalogue.CLUSTER_SET_LIST, enter)
    registry.add(catalogue.CLUSTER_LEAVE, leave)
