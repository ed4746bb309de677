"""What decisions are made from: the part of the configuration that calls need, with its patterns ready for use.

`sextetd` makes a table and writes it as JSON; every worker reads it, and keeps the old one where the new one is broken.
It holds no password. One table is used as a whole, so that no decision sees half a change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sextet.call import access, dial_plan, membership, pattern_list, search_rule, transform, variables
from sextet.call.access import Access
from sextet.call.alias import key, plain_ip
from sextet.call.bandwidth import plan
from sextet.call.bandwidth.plan import Plan
from sextet.call.dial_plan import DialPlanRow
from sextet.call.index import Index, RuleIndex
from sextet.call.membership import Membership
from sextet.call.pattern import Unusable, Variables
from sextet.call.pattern_list import PatternList
from sextet.call.policy import find_me, scripts, services
from sextet.call.policy.cpl import Script
from sextet.call.policy.services import ServiceRow
from sextet.call.refresh import Refresh, outbound, standard
from sextet.call.search_rule import Rule
from sextet.call.session_timer import Session
from sextet.call.transform import Transform
from sextet.call.zones import NO_NAMES, Names, ZoneRow, flows_of, row_of, zone_of_ip
from sextet.model.config import from_document, to_document
from sextet.model.schema import Refused
from sextet.model.sections import Root
from sextet.model.settings.local_zone import DEFAULT_SUBZONE
from sextet.model.settings.policy import FINDME_ID, POLICY_SERVICE

FORMAT = 2  # of the JSON; a worker refuses what another version wrote
SECTIONS = (  # all that decisions need; credentials and administrators are not among them
    "system",
    "clustering",
    "protocols",
    "domains",
    "authentication",
    "registration",
    "default_subzone",
    "traversal_subzone",
    "subzones",
    "membership_rules",
    "zones",
    "default_zone",
    "dial_plan",
    "transforms",
    "search_rules",
    "call_policy",
    "policy_services",
    "findme",
    "bandwidth",
    "links",
    "pipes",
)


class TableError(Exception):
    """The text is not a table that this version can use; the sentence says why, and the old table stays."""


class Neighbour(Protocol):
    """What the table needs to know of another peer; engine.Neighbour is one."""

    @property
    def number(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def ip(self) -> str: ...
    @property
    def up(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another peer of the cluster; calls are not sent to one that is down."""

    number: int
    name: str
    ip: str
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Everything a decision needs besides the request and who is registered."""

    generation: int
    number: int  # this peer's place in the list, 0 when stand-alone
    peers: Mapping[int, Peer]
    peer_of_ip: Mapping[str, int]
    domains: frozenset[str]
    hosts: frozenset[str]  # names and addresses of this system itself, of which it is the registrar too
    standard: Refresh
    outbound: Refresh
    session: Session
    flow_timer_s: int  # that outbound endpoints are told; 0: none
    new_per_s: int  # registrations of devices that were not here; 0: any number
    proxy_mode: str  # of registrations for domains that are not ours
    policy: str  # None, Allow List, Deny List, Policy service
    listed: PatternList  # the list that the policy names
    subzones: Mapping[str, str]  # with their authentication policies, the Default Subzone among them
    denied: frozenset[str]  # subzones whose endpoints may not register
    authentication_default: str
    zones: Mapping[str, ZoneRow]
    zone_of_ip: Mapping[str, str]
    zone_of_flow: Mapping[str, str]  # "address:port" of traversal servers, whose requests come over our connection
    access: Access
    transforms: tuple[Transform, ...]
    rules: tuple[Rule, ...]  # by priority, then in the order of the configuration
    scripts: Mapping[str, Script]  # the administrator's, and by FindMe ID those of people
    findme_ids: Mapping[str, str]  # device -> the FindMe ID that is shown in its place
    display_names: Mapping[str, str]  # of people, by FindMe ID
    services: Mapping[str, ServiceRow]  # policy services, by name
    policy_service: str  # the one that is the call policy; empty: none
    registration_service: str  # the one that says who may register; empty: none
    variables: Variables
    dial_plan: DialPlanRow
    gateway: bool  # between SIP and H.323
    membership: Membership
    bandwidth: Plan
    limits: Mapping[str, int]  # of what is counted, by name (model/capacity.py)
    maintenance: bool  # no new calls and registrations (facts 6.7)
    document: Mapping[str, Any]  # what to_json writes
    rule_index: RuleIndex[Rule] = field(init=False, repr=False)
    transform_index: Index = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule_index", RuleIndex(self.rules))
        object.__setattr__(self, "transform_index", Index((n, one.pattern) for n, one in enumerate(self.transforms)))

    @property
    def traverses(self) -> bool:
        """Say whether calls may go over traversal connections."""
        return any(zone.retry_s or zone.port for zone in self.zones.values())

    @classmethod
    def from_wanted(
        cls,
        config: Root,
        number: int,
        neighbours: Sequence[Neighbour],
        generation: int,
        *,
        address: str = "",
        resolved: Names = NO_NAMES,
        limits: Mapping[str, int] | None = None,
        maintenance: bool = False,
    ) -> Table:
        """Make the table of one peer; raises TableError.

        `address` is the IP address of this peer. `resolved` is what DNS said of the zones that are configured by name:
        without it, they have no address, and requests from them count as the Default Zone's.
        """
        bare = _bare(config)
        parts = [Peer(number=peer.number, name=peer.name, ip=plain_ip(peer.ip), up=peer.up) for peer in neighbours]
        document = {
            "format": FORMAT,
            "generation": generation,
            "number": number,
            "address": plain_ip(address),
            "neighbours": [to_document(peer) for peer in parts],
            "resolved": resolved.to_document(),
            "limits": dict(limits or {}),
            "maintenance": maintenance,
            "config": {name: to_document(getattr(bare, name)) for name in SECTIONS},
        }
        return _built(document, config, parts)

    def to_json(self) -> str:
        """Write the table for the workers."""
        return json.dumps(self.document, separators=(",", ":"), ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Table:
        """Read what to_json wrote; raises TableError for anything else."""
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise TableError(f"the table has format {document['format']!r}, this version reads {FORMAT}")
            return _built(
                document, from_document(document["config"]), [Peer(**peer) for peer in document["neighbours"]]
            )
        except Refused as error:
            raise TableError(f"the table holds a wrong setting: {error}") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise TableError(f"the text is not a table ({type(error).__name__}: {error})") from error


def _built(document: Mapping[str, Any], config: Root, peers: Sequence[Peer]) -> Table:
    try:
        return _ready(document, config, peers)
    except Unusable as error:
        raise TableError(str(error)) from error.__cause__


def _ready(document: Mapping[str, Any], config: Root, peers: Sequence[Peer]) -> Table:
    address: str = document["address"]
    values = variables.of_config(config, address, [peer.ip for peer in peers])
    people = find_me.people_of(config.findme)
    protocols, registration, names = config.protocols, config.registration, Names.from_document(document["resolved"])
    return Table(
        generation=int(document["generation"]),
        number=int(document["number"]),
        peers={peer.number: peer for peer in peers},
        peer_of_ip={peer.ip: peer.number for peer in peers if peer.ip},
        domains=frozenset(domain.name.lower() for domain in config.domains),
        hosts=_hosts(config, int(document["number"]), address),
        standard=standard(protocols),
        outbound=outbound(protocols),
        session=Session(value_s=protocols.session_refresh_value, minimum_s=protocols.session_refresh_minimum),
        flow_timer_s=protocols.outbound_flow_timer,
        new_per_s=registration.new_per_second,
        proxy_mode=protocols.registration_proxy_mode,
        policy=registration.restriction_policy,
        listed=pattern_list.of_config(registration, values),
        subzones={DEFAULT_SUBZONE: config.authentication.local_zone}
        | {subzone.name: subzone.authentication for subzone in config.subzones},
        denied=_denied(config),
        authentication_default=config.authentication.default_zone,
        zones={zone.name: row_of(zone, names) for zone in config.zones if zone.state == "Enabled"},
        zone_of_ip=zone_of_ip(config.zones, names),
        zone_of_flow=flows_of(config.zones, names),
        access=access.of_config(config.default_zone, values),
        transforms=transform.of_config(config.transforms, values),
        rules=search_rule.of_config(config.search_rules, values),
        scripts=scripts.of_config(config, values),
        findme_ids=find_me.callers(people) if config.findme.caller_id == FINDME_ID else {},
        display_names={key(one.findme_id): one.display_name for one in people if one.display_name},
        services=services.rows_of(config.policy_services),
        policy_service=config.call_policy.service if config.call_policy.mode == POLICY_SERVICE else "",
        registration_service=registration.service if registration.restriction_policy == POLICY_SERVICE else "",
        variables=values,
        dial_plan=dial_plan.of_config(config),
        gateway=False,  # there is no H.323 engine yet
        membership=membership.of_config(config.membership_rules, values),
        bandwidth=plan.of_config(config),
        limits={str(name): int(limit) for name, limit in document["limits"].items()},
        maintenance=bool(document["maintenance"]),
        document=document,
    )


def _bare(config: Root) -> Root:
    """Leave out what only sextetd needs: how policy services are logged in to."""
    return replace(config, policy_services=tuple(replace(one, password="") for one in config.policy_services))


def _hosts(config: Root, number: int, address: str) -> frozenset[str]:
    """Facts 6.4: the system's FQDN and address; the cluster's name too, by which endpoints find it (6.5)."""
    system, clustering = config.system, config.clustering
    fqdn = f"{system.dns_host_name}.{system.dns_domain_name}" if system.dns_host_name and system.dns_domain_name else ""
    own = clustering.peers[number - 1] if 0 < number <= len(clustering.peers) else ""
    return frozenset(plain_ip(name).lower() for name in (fqdn, own, address, clustering.cluster_name) if name)


def _denied(config: Root) -> frozenset[str]:
    default = {DEFAULT_SUBZONE} if config.default_subzone.registrations == "Deny" else set()
    return frozenset({row.name for row in config.subzones if row.registrations == "Deny"} | default)
