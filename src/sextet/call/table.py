"""What decisions are made from: the part of the configuration that calls need, with its patterns ready for use.

`sextetd` makes a table and writes it as JSON; every worker reads it, and keeps the old one where the new one is broken.
It holds no password. One table is used as a whole, so that no decision sees half a change.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sextet.call.access import Access, AccessRule
from sextet.call.alias import key, plain_ip
from sextet.call.bandwidth.plan import Plan, of_config
from sextet.call.index import Index, RuleIndex
from sextet.call.membership import Membership, of_rules
from sextet.call.membership import Rule as Member
from sextet.call.pattern import Pattern, Variables, compiled, filled_in
from sextet.call.policy import find_me, rules, services
from sextet.call.policy.cpl import Script
from sextet.call.policy.cpl_reading import BadScript, read
from sextet.call.policy.services import ServiceRow
from sextet.call.session_timer import Session
from sextet.call.transform import Transform
from sextet.call.zones import NO_NAMES, Names, ZoneRow, flows_of, row_of, zone_of_ip
from sextet.model.config import from_document, to_document
from sextet.model.schema import Refused
from sextet.model.sections import Root
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.local_zone import DEFAULT_SUBZONE
from sextet.model.settings.policy import FINDME_ID, LOCAL_CPL, POLICY_SERVICE, FindMePerson
from sextet.model.settings.protocols import Protocols
from sextet.model.settings.registration import PolicyPattern, Registration
from sextet.model.settings.zones import LOCAL_ZONE

ADMINISTRATOR = ""  # the name of his script; FindMe IDs are never empty
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOCAL_NAMES = (LOCAL_ZONE, "Local Zone")  # administrators write both
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
    "membership_rules",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """How long registrations of one kind last."""

    strategy: str
    minimum_s: int
    maximum_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A search rule, ready for use; `pattern` is there in the mode Alias pattern match only."""

    name: str
    priority: int
    enabled: bool
    protocol: str
    source: str
    source_name: str
    authenticated: bool
    mode: str
    pattern: Pattern | None
    behavior: str
    replace: str
    stop: bool
    target: str
    local: bool  # whether the target is the Local Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPlanRow:
    """What holds for every search."""

    unknown_ip: str  # Off, Direct, Indirect
    fallback_alias: str
    interworking: str
    loop_detection: bool
    networks: tuple[Network, ...]  # of subzones: whoever is in one of them is known
    transports: tuple[str, ...]  # in which an IP address is called

    def within(self, ip: str) -> bool:
        """Say whether an address is within the range of a subzone."""
        return bool(self.networks) and any(ipaddress.ip_address(ip) in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class PatternList:
    """The allow or deny list; thousands of entries cost a few look-ups."""

    patterns: tuple[Pattern, ...]
    index: Index = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", Index(enumerate(self.patterns)))

    def has(self, alias: str) -> bool:
        """Say whether any entry matches."""
        lowered = alias.lower()
        return any(self.patterns[place].matches(alias, lowered) for place in self.index.candidates(lowered))


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
            "config": {name: to_document(getattr(_bare(config), name)) for name in SECTIONS},
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
    address: str = document["address"]
    variables = _variables(config, address, peers)
    protocols, registration, names = config.protocols, config.registration, Names.from_document(document["resolved"])
    return Table(
        generation=int(document["generation"]),
        number=int(document["number"]),
        peers={peer.number: peer for peer in peers},
        peer_of_ip={peer.ip: peer.number for peer in peers if peer.ip},
        domains=frozenset(domain.name.lower() for domain in config.domains),
        hosts=_hosts(config, int(document["number"]), address),
        standard=_standard(protocols),
        outbound=_outbound(protocols),
        session=Session(value_s=protocols.session_refresh_value, minimum_s=protocols.session_refresh_minimum),
        flow_timer_s=protocols.outbound_flow_timer,
        new_per_s=registration.new_per_second,
        proxy_mode=protocols.registration_proxy_mode,
        policy=registration.restriction_policy,
        listed=_listed(registration, variables),
        subzones={DEFAULT_SUBZONE: config.authentication.local_zone}
        | {subzone.name: subzone.authentication for subzone in config.subzones},
        denied=_denied(config),
        authentication_default=config.authentication.default_zone,
        zones={zone.name: row_of(zone, names) for zone in config.zones if zone.state == "Enabled"},
        zone_of_ip=zone_of_ip(config.zones, names),
        zone_of_flow=flows_of(config.zones, names),
        access=_access(config, variables),
        transforms=_transforms(config, variables),
        rules=tuple(sorted((_rule(rule, variables) for rule in config.search_rules), key=lambda rule: rule.priority)),
        scripts=_scripts(config, variables),
        findme_ids=find_me.callers(_people(config)) if config.findme.caller_id == FINDME_ID else {},
        display_names={key(one.findme_id): one.display_name for one in _people(config) if one.display_name},
        services=services.rows_of(config.policy_services),
        policy_service=config.call_policy.service if config.call_policy.mode == POLICY_SERVICE else "",
        registration_service=registration.service if registration.restriction_policy == POLICY_SERVICE else "",
        variables=variables,
        dial_plan=_dial_plan(config),
        gateway=False,  # there is no H.323 engine yet
        membership=_membership(config, variables),
        bandwidth=of_config(config),
        limits={str(name): int(limit) for name, limit in document["limits"].items()},
        maintenance=bool(document["maintenance"]),
        document=document,
    )


def _bare(config: Root) -> Root:
    """Leave out what only sextetd needs: how policy services are logged in to."""
    return replace(config, policy_services=tuple(replace(one, password="") for one in config.policy_services))


def _standard(protocols: Protocols) -> Refresh:
    return Refresh(
        strategy=protocols.standard_refresh_strategy,
        minimum_s=protocols.standard_refresh_minimum,
        maximum_s=protocols.standard_refresh_maximum,
    )


def _outbound(protocols: Protocols) -> Refresh:
    return Refresh(
        strategy=protocols.outbound_refresh_strategy,
        minimum_s=protocols.outbound_refresh_minimum,
        maximum_s=protocols.outbound_refresh_maximum,
    )


def _variables(config: Root, address: str, peers: Sequence[Peer]) -> Variables:
    """Facts 7.4: %ip% means the addresses of all peers, in patterns only; replace strings take this peer's."""
    domains = [domain.name for domain in config.domains]
    one = {f"localdomain{n}": name for n, name in enumerate(domains, 1)}
    addresses = [ip for ip in (address, *(peer.ip for peer in peers)) if ip]
    one |= {"systemname": config.system.name, "ipv6" if ":" in address else "ipv4": address}
    many = {"ip": addresses, "localdomains": domains, "systemname": [config.system.name] if config.system.name else []}
    many |= {"ipv4": [ip for ip in addresses if ":" not in ip], "ipv6": [ip for ip in addresses if ":" in ip]}
    return Variables(many, one)


def _hosts(config: Root, number: int, address: str) -> frozenset[str]:
    """Facts 6.4: the system's FQDN and address; the cluster's name too, by which endpoints find it (6.5)."""
    system, clustering = config.system, config.clustering
    fqdn = f"{system.dns_host_name}.{system.dns_domain_name}" if system.dns_host_name and system.dns_domain_name else ""
    own = clustering.peers[number - 1] if 0 < number <= len(clustering.peers) else ""
    return frozenset(plain_ip(name).lower() for name in (fqdn, own, address, clustering.cluster_name) if name)


def _access(config: Root, variables: Variables) -> Access:
    rows = sorted(config.default_zone.access_rules, key=lambda row: row.priority)
    return Access(
        used=config.default_zone.use_access_rules,
        rules=tuple(
            AccessRule(
                name=row.name,
                allow=row.action == "Allow",
                pattern=_pattern(f"access rule {row.name}", row.pattern_type, row.pattern, variables),
            )
            for row in rows
            if row.state == "Enabled"
        ),
    )


def _people(config: Root) -> list[FindMePerson]:
    people = config.findme.people if config.findme.mode == "On" else ()
    return [person for person in people if person.state == "Enabled"]


def _scripts(config: Root, variables: Variables) -> dict[str, Script]:
    scripts = {key(person.findme_id): find_me.script_of(person) for person in _people(config)}
    policy = config.call_policy
    if policy.mode == LOCAL_CPL:
        try:
            scripts[ADMINISTRATOR] = (
                read(policy.script, variables)
                if policy.script.strip()
                else rules.script_of(policy.rules, lambda owner, kind, text: _pattern(owner, kind, text, variables))
            )
        except BadScript as error:
            raise TableError(f"call policy: {error}") from error
    return scripts


def _dial_plan(config: Root) -> DialPlanRow:
    """Facts 7.5; an IP address says no transport: those that are on, in the order of RFC 3263 4.1."""
    plan, protocols = config.dial_plan, config.protocols
    usable = {"udp": protocols.sip_udp, "tcp": protocols.sip_tcp, "tls": protocols.sip_tls}
    subnets = (rule for rule in config.membership_rules if rule.state == "Enabled" and rule.type == "Subnet")
    return DialPlanRow(
        unknown_ip=plan.unknown_ip,
        fallback_alias=plan.fallback_alias,
        interworking=plan.interworking,
        loop_detection=plan.loop_detection,
        networks=tuple(
            ipaddress.ip_network(f"{rule.subnet_address}/{rule.subnet_prefix}", strict=False) for rule in subnets
        ),
        transports=tuple(name for name, is_on in usable.items() if is_on),
    )


def _transforms(config: Root, variables: Variables) -> tuple[Transform, ...]:
    enabled = sorted((row for row in config.transforms if row.state == "Enabled"), key=lambda row: row.priority)
    return tuple(
        Transform(
            priority=row.priority,
            pattern=_pattern(f"transform {row.priority}", row.pattern_type, row.pattern, variables),
            behavior=row.behavior,
            replace=filled_in(row.replace, variables),
        )
        for row in enabled
    )


def _rule(row: SearchRule, variables: Variables) -> Rule:
    by_pattern = row.mode == "Alias pattern match"
    return Rule(
        name=row.name,
        priority=row.priority,
        enabled=row.state == "Enabled",
        protocol=row.protocol,
        source=row.source,
        source_name=LOCAL_ZONE if row.source_name in LOCAL_NAMES else row.source_name,
        authenticated=row.authenticated,
        mode=row.mode,
        pattern=_pattern(f"search rule {row.name}", row.pattern_type, row.pattern, variables) if by_pattern else None,
        behavior=row.behavior if by_pattern else "Leave",
        replace=filled_in(row.replace, variables),
        stop=row.on_match == "Stop",
        target=LOCAL_ZONE if row.target in LOCAL_NAMES else row.target,
        local=row.target in LOCAL_NAMES,
    )


def _denied(config: Root) -> frozenset[str]:
    default = {DEFAULT_SUBZONE} if config.default_subzone.registrations == "Deny" else set()
    return frozenset({row.name for row in config.subzones if row.registrations == "Deny"} | default)


def membership_of(config: Root) -> Membership:
    """Make a configuration's membership rules ready for use, without this peer's addresses; raises TableError."""
    return _membership(config, _variables(config, "", ()))


def _membership(config: Root, variables: Variables) -> Membership:
    rules = []
    for row in config.membership_rules:
        if row.state == "Enabled":
            by_alias = row.type == "Alias pattern match"
            pattern = (
                _pattern(f"membership rule {row.name}", row.pattern_type, row.pattern, variables) if by_alias else None
            )
            network = None if by_alias else (row.subnet_address, row.subnet_prefix)
            rules.append(Member(priority=row.priority, subzone=row.subzone, network=network, pattern=pattern))
    return of_rules(rules)


def _listed(registration: Registration, variables: Variables) -> PatternList:
    lists = {"Allow List": registration.allow_list, "Deny List": registration.deny_list}
    return _pattern_list(lists.get(registration.restriction_policy, ()), variables)


def _pattern_list(rows: Sequence[PolicyPattern], variables: Variables) -> PatternList:
    return PatternList(
        tuple(_pattern(f"entry {row.pattern}", row.pattern_type, row.pattern, variables) for row in rows)
    )


def _pattern(owner: str, kind: str, text: str, variables: Variables) -> Pattern:
    try:
        return compiled(kind, text, variables)
    except ValueError as error:
        raise TableError(f"{owner}: {error}") from error
