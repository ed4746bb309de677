"""What a lab consists of: which peers, at which addresses, under which names, in which directories.

Usually all peers have addresses of one loopback network. Given `Place`s they are where those say, such as in network
namespaces of their own; the lab's DNS and phones are in the network all the same.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sextet.model.ip import in_uri
from sextet.model.settings.clustering import PEERS_MAX

DOMAIN = "apolo.local"  # the guide's names
CLUSTER_NAME = f"expc-cluster.{DOMAIN}"
NETWORK = "127.77.0"  # any loopback network will do on Linux; this one is easy to remember and rarely taken
DNS_HOST, DNS_PORT = 53, 5353  # the port is above 1023: the lab needs no root
PHONE_HOST = 100  # the first phone is the next one
SIP_PORT, SIPS_PORT, CLUSTER_PORT, RECOVERY_PORT, HTTPS_PORT = 5060, 5061, 4372, 4371, 8443
TCP_PORTS = (SIP_PORT, SIPS_PORT, RECOVERY_PORT, CLUSTER_PORT, HTTPS_PORT)
UDP_PORTS = (SIP_PORT,)
USERS = ("alice", "bob", "carol", "dave")
ADMINISTRATOR = "admin"
PEERS_DEFAULT = 3
SOCKET_BYTES_MAX = 107  # sun_path of unix(7), less its NUL
LONGEST_SOCKET = "peer6/kamailio_rpc.sock.4194304"  # an engine's socket of the last peer, with room for a process id


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a peer of the lab is, if not on the lab's own network."""

    address: str
    prefix: tuple[str, ...] = ()  # what its processes are started with, such as nsenter and its arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerPlan:
    """One peer of the lab."""

    number: int
    address: str
    state_dir: Path
    run_dir: Path
    prefix: tuple[str, ...] = ()

    @property
    def host_name(self) -> str:
        return f"expc{self.number:02}"

    @property
    def fqdn(self) -> str:
        return f"{self.host_name}.{DOMAIN}"

    @property
    def url(self) -> str:
        return f"https://{in_uri(self.address)}:{HTTPS_PORT}/"

    @property
    def socket(self) -> Path:
        return self.run_dir / "sextetd.sock"

    @property
    def bootstrap(self) -> Path:
        return self.state_dir / "bootstrap.toml"

    @property
    def trusted(self) -> Path:
        return self.state_dir / "trusted.pem"

    @property
    def log(self) -> Path:
        return self.state_dir / "sextetd.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole lab."""

    peers: tuple[PeerPlan, ...]
    network: str  # "127.77.0" or "fd77::": of the lab's DNS and phones, and of the peers that have no other place
    state_dir: Path
    run_dir: Path

    @property
    def dns_address(self) -> str:
        return host(self.network, DNS_HOST)

    @property
    def dns_server(self) -> str:
        """The lab's DNS as a peer's setting wants it."""
        return f"{in_uri(self.dns_address)}:{DNS_PORT}"

    def phone_address(self, number: int) -> str:
        """Give the lab's phones addresses of their own, the first one number 1."""
        return host(self.network, PHONE_HOST + number)

    @property
    def authority(self) -> Path:
        return self.state_dir / "authority.pem"

    @property
    def control(self) -> Path:
        return self.run_dir / "lab.sock"

    @property
    def lock(self) -> Path:
        return self.run_dir / "lab.lock"


def plan(count: int, state_dir: Path, run_dir: Path, network: str = NETWORK, places: Sequence[Place] = ()) -> Plan:
    """Lay out a lab; raises ValueError, with a sentence, for numbers, places and directories that cannot work."""
    if not 1 <= count <= PEERS_MAX:
        raise ValueError(f"a cluster has 1 to {PEERS_MAX} peers, not {count}.")
    if not _is_network(network) or not (network.startswith("127.") or ":" in network or places):
        raise ValueError(
            f"{network} is no loopback network; write the first three numbers of one, such as {NETWORK}, "
            "or the beginning of IPv6 addresses that this computer has, such as fd77::."
        )
    if places and len(places) != count:
        raise ValueError(f"{len(places)} places are given for {count} peers; give each peer one.")
    if len(bytes(run_dir / LONGEST_SOCKET)) > SOCKET_BYTES_MAX:
        most = SOCKET_BYTES_MAX - len(LONGEST_SOCKET) - 1
        raise ValueError(
            f"the directory {run_dir} is too long for unix sockets; give one of at most {most} characters."
        )
    wanted = places or [Place(address=host(network, number)) for number in range(1, count + 1)]
    peers = (
        PeerPlan(
            number=number,
            address=place.address,
            state_dir=state_dir / f"peer{number}",
            run_dir=run_dir / f"peer{number}",
            prefix=place.prefix,
        )
        for number, place in enumerate(wanted, 1)
    )
    return Plan(peers=tuple(peers), network=network, state_dir=state_dir, run_dir=run_dir)


def host(network: str, number: int) -> str:
    """Give an address of a network by its last number."""
    return f"{network}{number}" if ":" in network else f"{network}.{number}"


def read_places(path: Path) -> tuple[Place, ...]:
    """Read where the peers are: a JSON list of objects with `address` and `prefix`; raises ValueError, a sentence."""
    try:
        rows = json.loads(path.read_text())
        places = tuple(Place(address=str(row["address"]), prefix=tuple(map(str, row["prefix"]))) for row in rows)
        for place in places:
            ipaddress.ip_address(place.address)
        if not places:
            raise ValueError("it is empty")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError) as error:
        wanted = '[{"address": "10.0.0.1", "prefix": ["ip", "netns", "exec", "one"]}]'
        raise ValueError(f"{path} is no list of places ({error}); write one as {wanted}.") from error
    return places


def write_places(path: Path, places: Sequence[Place]) -> None:
    """Write what `read_places` reads."""
    path.write_text(json.dumps([{"address": place.address, "prefix": place.prefix} for place in places]))


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_address(host(text, 1))
    except ValueError:
        return False
    return text.endswith("::") or ":" not in text


def directories(chosen: Path | None, user_id: int, environment: Mapping[str, str]) -> tuple[Path, Path]:
    """Say where a lab keeps state and sockets: under the chosen directory, or where this user's things belong."""
    if chosen is not None:
        return chosen / "state", chosen / "run"
    if user_id == 0:
        return Path("/var/lib/sextet-lab"), Path("/run/sextet-lab")
    home = Path(environment.get("HOME", "/"))
    state = Path(environment.get("XDG_STATE_HOME") or home / ".local/state")
    run = environment.get("XDG_RUNTIME_DIR")
    return state / "sextet-lab", Path(run) / "sextet-lab" if run else Path(f"/tmp/sextet-lab-{user_id}")
