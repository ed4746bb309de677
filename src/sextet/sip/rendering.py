"""Which files does Kamailio run with? Each text is a pure function of its arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from importlib import resources
from pathlib import Path

import jinja2

from sextet.call import session_timer
from sextet.call.table import Table
from sextet.call.zones import Names, row_of
from sextet.engine import Wanted
from sextet.model.capacity import AUDIO_SHARE, CALLS_HERE
from sextet.model.config import item_path
from sextet.model.ip import in_uri
from sextet.model.schema import Applies
from sextet.model.sections import Root
from sextet.model.settings.protocols import Protocols
from sextet.model.settings.registration import Authentication
from sextet.model.settings.zones import NEIGHBOR, TRAVERSAL_CLIENT, TRAVERSAL_SERVER
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.registration.registering import EXTENSIONS

CHILDREN = 3  # processes for each UDP socket, and as many for all TCP and TLS: measured best on two cores
CONTACTS_MAX = 10  # devices of one alias on one peer
MESSAGES_MAX = 1000  # that are kept until they are read, once a second, for log level 4
SWEEP_S = 2  # how often expired and lost bindings are looked for
SESSIONS_MAX = 2000  # media sessions, as neighbours are told where no capacity class says otherwise
SESSION_LEAST_S = session_timer.LEAST_S
AGES_S = 10 * 365 * 86_400  # no Kamailio runs as long
MARK_S = 600  # after this long even an unchanged registration is decided and told anew
NOBODY = "192.0.2.255"  # RFC 5737: an address that is never our own
VERIFIED = "verified"  # the part of tls.cfg that kamailio.cfg.j2 asks for by this name
TEMPLATE = resources.files("sextet.sip").joinpath("kamailio.cfg.j2").read_text()  # once: it goes with this code


def listeners(wanted: Wanted) -> list[tuple[str, int]]:
    """List the transports that are on, with their ports; the first is what peers use among themselves."""
    protocols = wanted.config.protocols
    if not protocols.sip_mode:
        return []
    every = (
        ("tls", protocols.sip_tls, protocols.sip_tls_port),
        ("tcp", protocols.sip_tcp, protocols.sip_tcp_port),
        ("udp", protocols.sip_udp, protocols.sip_udp_port),
    )
    traversal = traversal_ports(wanted.config) if protocols.sip_tls else {}
    return [(transport, port) for transport, on, port in every if on] + [("tls", port) for port in traversal.values()]


def has_tls(wanted: Wanted) -> bool:
    """Say whether it listens on TLS at all."""
    return any(transport == "tls" for transport, _ in listeners(wanted))


def traversal_ports(config: Root) -> dict[str, int]:
    """List the ports of the traversal servers, by the paths of their settings."""
    servers = (zone for zone in config.zones if zone.type == TRAVERSAL_SERVER and zone.state == "Enabled")
    return {f"{item_path('zones', zone.name)}.traversal_port": zone.traversal_port for zone in servers}


def hears_traversal(config: Root, settings: Mapping[str, str]) -> bool:
    """Say whether a Kamailio that was started with these settings listens on all traversal ports."""
    return all(settings.get(path) == str(port) for path, port in traversal_ports(config).items())


def ports_of(settings: Mapping[str, str]) -> list[tuple[str, int]]:
    """List the listeners of a Kamailio that was started with these settings (at_restart)."""
    found = []
    for transport in ("tls", "tcp", "udp") if settings.get("protocols.sip_mode") == "True" else ():
        port = settings.get(f"protocols.sip_{transport}_port", "")
        if settings.get(f"protocols.sip_{transport}") == "True" and port.isdecimal():
            found.append((transport, int(port)))
    found += [("tls", int(port)) for path, port in settings.items() if path.endswith(".traversal_port")]
    return found


def kamailio_text(wanted: Wanted, run_dir: Path, secret: str) -> str:
    """Render kamailio.cfg; `secret` is this peer's own, in hexadecimal."""
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True).from_string(TEMPLATE)
    host = in_uri(wanted.address)
    sockets = listeners(wanted)
    return template.render(
        address=wanted.address,
        listeners=[f"{transport}:{host}:{port}" for transport, port in sockets],
        traversal_ports=list(traversal_ports(wanted.config).values()),
        tls=has_tls(wanted),
        children=CHILDREN,
        run_dir=run_dir,
        secret=secret,
        nonce_secret=nonce_secret(wanted, secret),
        nonce_lifetime_s=wanted.config.authentication.nonce_lifetime,
        contacts_max=CONTACTS_MAX,
        sweep_s=SWEEP_S,
        mark_s=MARK_S,
        messages_max=MESSAGES_MAX,
        session_least_s=SESSION_LEAST_S,
        session_most_s=session_timer.MOST_S,
        ages_s=AGES_S,
        untimed_s=session_timer.UNTIMED_S,
        extensions=", ".join(EXTENSIONS),
    )


def nonce_secret(wanted: Wanted, secret: str) -> str:
    """Derive what digest nonces are made with: the same on all peers of a cluster."""
    seed = wanted.secret or secret.encode()
    return hashlib.sha256(b"sextet digest nonces\n" + seed).hexdigest()


def tls_text(wanted: Wanted, run_dir: Path) -> str:
    """Render tls.cfg: certificates of peers are checked in the mode Enforce, those of zones where the zone says so.

    Kamailio checks the chain and the dates; names are compared in kemi/ (pinging.py, naming.py, identity.py). Between
    peers the proof in each request stands for the name.
    """
    directory = run_dir / "tls"
    own = f"method = TLSv1.2+\nprivate_key = {directory}/key.pem\ncertificate = {directory}/certificate.pem\n"
    trusted = f"ca_list = {directory}/trusted.pem\n" if wanted.trusted.is_file() else ""
    if wanted.crl.is_file():
        trusted += f"crl = {directory}/crl.pem\n"
    checked = "verify_certificate = yes\nrequire_certificate = yes\n"
    free = "verify_certificate = no\nrequire_certificate = no\n"
    # Whoever connects may show a certificate (what it proves: kemi/zones/identity.py). Asked for where somebody looks.
    asked = f"{trusted}verify_client = optional_no_ca\n" if trusted and looks_at_certificates(wanted.config) else free
    # Who may show any certificate is judged all the same: this connection may be wanted by a name later.
    parts = [f"[server:default]\n{own}{asked}", f"[client:default]\n{own}{trusted}{free}"]
    # Kamailio matches [client:IP:PORT] with its own address, never with the other side's: the script names this one.
    parts.append(f"[client:{NOBODY}:5061]\nserver_id = {VERIFIED}\n{own}{trusted}{checked}")
    return "\n".join(parts)


def looks_at_certificates(config: Root) -> bool:
    """Say whether it matters who connects to us over TLS: to access rules, or to a zone with TLS verify mode."""
    zones = (zone for zone in config.zones if zone.state == "Enabled" and zone.type in (NEIGHBOR, TRAVERSAL_SERVER))
    return config.default_zone.use_access_rules or any(zone.tls_verify for zone in zones)


def verified(wanted: Wanted, resolved: Names) -> tuple[str, ...]:
    """List the IP addresses whose certificates are checked when Kamailio connects to them."""
    config = wanted.config
    found: set[str] = set()
    if config.clustering.tls_verification_mode == "Enforce":
        found |= {peer.ip for peer in wanted.neighbours if peer.ip}
    for zone in config.zones:
        row = row_of(zone, resolved)
        if zone.state == "Enabled" and row.tls_verify:
            found |= {uri.partition(":")[2].rpartition(":")[0].strip("[]") for uri in row.uris}
    return tuple(sorted(found))


def instructions(wanted: Wanted, secret: str, resolved: Names) -> Instructions:
    """Say what the workers decide by; raises TableError."""
    table = Table.from_wanted(
        wanted.config,
        wanted.number,
        wanted.neighbours,
        wanted.generation,
        address=wanted.address,
        resolved=resolved,
        limits=wanted.limits,
        maintenance=wanted.maintenance,
    )
    transport, port = (listeners(wanted) or [("tls", wanted.config.protocols.sip_tls_port)])[0]
    return Instructions(
        table=table,
        secret=wanted.secret,
        local_secret=secret,
        realm=realm(wanted),
        directory=directory(wanted),
        peer_transport=transport,
        peer_port=port,
        verified=verified(wanted, resolved),
        host=in_uri(wanted.address),
        secrets={
            zone.name: (zone.user_name, zone.password)
            for zone in wanted.config.zones
            if zone.type == TRAVERSAL_CLIENT and zone.state == "Enabled"
        },
        ports=tuple(dict(reversed(listeners(wanted))).items()),  # the ports of traversal servers come last: not these
        sessions_max=wanted.limits.get(CALLS_HERE, SESSIONS_MAX * AUDIO_SHARE) // AUDIO_SHARE,
    )


def realm(wanted: Wanted) -> str:
    """Name what passwords are for: one realm for the whole cluster, so that a user has one HA1."""
    domains = wanted.config.domains
    return domains[0].name if domains else wanted.config.clustering.cluster_name or "sextet"


def users(wanted: Wanted) -> dict[str, str]:
    """Give HA1 (RFC 2617 3.2.2.2) of each user; whoever holds it can register: as secret as a password."""
    return {row.name: ha1(row.name, realm(wanted), row.password) for row in wanted.config.credentials}


def ha1(user: str, realm: str, password: str) -> str:
    """Make the HA1 of one user."""
    return hashlib.md5(f"{user}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()


def directory(wanted: Wanted) -> str:
    """Summarise what answers of the H.350 directory depend on; empty while it is not asked."""
    settings = wanted.config.h350
    return hashlib.sha256(repr((settings, realm(wanted))).encode()).hexdigest() if settings.mode else ""


def at_restart(config: Root) -> dict[str, str]:
    """List the settings that Kamailio reads at its start only, by path."""
    sections: dict[str, Protocols | Authentication] = {
        "protocols": config.protocols,
        "authentication": config.authentication,
    }
    values = {
        f"{name}.{field.name}": str(getattr(section, field.name))
        for name, section in sections.items()
        for field in fields(section)
        if field.metadata["setting"].applies is Applies.RESTART
    }
    return values | {path: str(port) for path, port in traversal_ports(config).items()}
