"""What a lab's peer is given before its first start: bootstrap file, first configuration, certificate."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sextet.admin import passwords
from sextet.lab.authority import Issued, issue, new_authority
from sextet.lab.plan import (
    ADMINISTRATOR,
    CLUSTER_NAME,
    CLUSTER_PORT,
    DOMAIN,
    HTTPS_PORT,
    RECOVERY_PORT,
    USERS,
    PeerPlan,
    Plan,
)
from sextet.model.config import to_document
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from sextet.model.settings.protocols import Domain, Protocols
from sextet.model.settings.registration import Credential
from sextet.model.settings.system import Server, System
from sextet.model.settings.users import Administrator

PASSWORD_BYTES = 12  # 96 bits: nobody guesses it, and it can still be typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The passwords of one lab, made anew for each."""

    administrator: str
    users: Mapping[str, str]


def new_secrets() -> Secrets:
    """Draw the passwords of a lab."""
    users = {user: secrets.token_urlsafe(PASSWORD_BYTES) for user in USERS}
    return Secrets(administrator=secrets.token_urlsafe(PASSWORD_BYTES), users=users)


def configuration(peer: PeerPlan, plan: Plan, drawn: Secrets, password_hash: str) -> dict[str, Any]:
    """Write a peer's first configuration: the same on all, but for who it is itself."""
    addresses: dict[str, Any] = {f"peer_{other.number}_address": other.fqdn for other in plan.peers}
    root = Root(
        system=System(
            name=peer.host_name,
            dns_host_name=peer.host_name,
            dns_domain_name=DOMAIN,
            dns_servers=(Server(address=plan.dns_server),),
        ),
        clustering=Clustering(
            cluster_name=CLUSTER_NAME,
            configuration_primary=1,
            cluster_ip_version="IPv6" if ":" in peer.address else "IPv4",
            **addresses,
        ),
        protocols=Protocols(sip_udp=True, sip_tcp=True, sip_tls=True, h323_mode=True),
        domains=(Domain(name=DOMAIN),),
        credentials=tuple(Credential(name=user, password=password) for user, password in drawn.users.items()),
        administrators=(Administrator(name=ADMINISTRATOR, password_hash=password_hash),),
    )
    document: dict[str, Any] = to_document(root)
    return document


def bootstrap(peer: PeerPlan, engine_user: str) -> str:
    """Write the file that a peer is started with."""
    values = {
        "address": peer.address,
        "state_dir": str(peer.state_dir),
        "run_dir": str(peer.run_dir),
        "certificate": str(peer.state_dir / "certificate.pem"),
        "private_key": str(peer.state_dir / "private_key.pem"),
        "trusted": str(peer.trusted),
        "engine_user": engine_user,
        "initial": str(peer.state_dir / "initial.json"),
        "cluster_port": CLUSTER_PORT,
        "recovery_port": RECOVERY_PORT,
        "https_port": HTTPS_PORT,
        "lab": True,
    }
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())  # TOML 1.0 reads JSON's scalars


def write(plan: Plan, drawn: Secrets, engine_user: str, now: datetime) -> None:
    """Put everything that the peers need into their directories; secrets can be read by their owner only."""
    for directory, mode in ((plan.state_dir, 0o711), (plan.run_dir, 0o711)):
        _make(directory, mode)
    authority = new_authority("sextet lab", now)
    plan.authority.write_bytes(authority.pem)
    plan.authority.chmod(0o644)
    password_hash = passwords.hashed(drawn.administrator)
    for peer in plan.peers:
        _make(peer.state_dir, 0o700)
        _make(peer.run_dir, 0o711)  # engines reach their own files in it by name
        _certificate(peer, authority, now)
        peer.trusted.unlink(missing_ok=True)
        os.link(plan.authority, peer.trusted)  # one file, until a peer is given a list of its own in its place
        document = configuration(peer, plan, drawn, password_hash)
        secret_file(peer.state_dir / "initial.json", json.dumps(document, indent=1, ensure_ascii=False))
        secret_file(peer.bootstrap, bootstrap(peer, engine_user))


def secret_file(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on; it replaces another as a whole."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    beside.replace(path)


def _certificate(peer: PeerPlan, authority: Issued, now: datetime) -> None:
    """Issue what the original's own request would ask for: CN = cluster, SAN = peer and cluster (facts 9.1)."""
    issued = issue(authority, [peer.fqdn, CLUSTER_NAME], now, common_name=CLUSTER_NAME)
    issued.write(peer.state_dir / "certificate.pem", peer.state_dir / "private_key.pem")


def _make(directory: Path, mode: int) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(mode)
