"""The whole configuration: all sections in menu order; a section's name is the first part of every path.

Such as `protocols.sip_udp`, `search_rules[LocalZoneMatch].priority`. The settings themselves stand in `model/settings/`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import many
from sextet.model.settings.bandwidth import DEFAULT_LINKS, LINKS_MAX, PIPES_MAX, Bandwidth, Link, Pipe
from sextet.model.settings.capacity import Capacity
from sextet.model.settings.clustering import AddressMapping, Clustering
from sextet.model.settings.dialplan import DEFAULT_RULES, TESTS_MAX, DialPlan, DialPlanTest, SearchRule, Transform
from sextet.model.settings.h350 import H350
from sextet.model.settings.interfaces import Interfaces
from sextet.model.settings.local_zone import (
    RULES_MAX,
    SUBZONES_MAX,
    DefaultSubzone,
    MembershipRule,
    Subzone,
    TraversalSubzone,
)
from sextet.model.settings.policy import CallPolicy, FindMe, FindMeDevice, FindMeLocation, FindMePerson, PolicyRule
from sextet.model.settings.policy_services import SERVICES_MAX, PolicyServer, PolicyService
from sextet.model.settings.protocols import Domain, Protocols
from sextet.model.settings.registration import Authentication, Credential, PolicyPattern, Registration
from sextet.model.settings.system import Logging, Server, SyslogServer, System
from sextet.model.settings.users import Administrator
from sextet.model.settings.zones import AccessRule, DefaultZone, Zone, ZonePeer


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The whole configuration of one peer: shared settings and its own (†), section by section, in menu order."""

    system: System = System()
    interfaces: Interfaces = Interfaces()
    clustering: Clustering = Clustering()
    protocols: Protocols = Protocols()
    domains: tuple[Domain, ...] = many(Domain, 200, label="Domains", path="SIP Domain", help="The SIP domains of this cluster.")
    authentication: Authentication = Authentication()
    credentials: tuple[Credential, ...] = many(Credential, 5000, label="Local authentication database", path="Credential", help="Names and passwords of endpoints.")
    h350: H350 = H350()
    registration: Registration = Registration()
    default_subzone: DefaultSubzone = DefaultSubzone()
    traversal_subzone: TraversalSubzone = TraversalSubzone()
    subzones: tuple[Subzone, ...] = many(Subzone, SUBZONES_MAX, label="Subzones", path="Zones LocalZone SubZones SubZone", help="Parts of the Local Zone, such as a site.")
    membership_rules: tuple[MembershipRule, ...] = many(MembershipRule, RULES_MAX, label="Membership rules", path="Zones LocalZone SubZones MembershipRules Rule", help="Which endpoints belong to which subzone.")
    zones: tuple[Zone, ...] = many(Zone, 1000, label="Zones", path="Zones Zone", help="Other systems that calls go to and come from.")
    default_zone: DefaultZone = DefaultZone()
    dial_plan: DialPlan = DialPlan()
    transforms: tuple[Transform, ...] = many(Transform, 100, label="Transforms", path="Transform", help="Changes to the dialled alias before the search.")
    search_rules: tuple[SearchRule, ...] = many(SearchRule, 2000, default=DEFAULT_RULES, label="Search rules", path="Zones Policy SearchRules Rule", help="Which aliases are looked for where.")
    dial_plan_tests: tuple[DialPlanTest, ...] = many(DialPlanTest, TESTS_MAX, label="Dial plan tests", help="What the dial plan must go on doing; a change that breaks one is refused.")
    call_policy: CallPolicy = CallPolicy()
    policy_services: tuple[PolicyService, ...] = many(PolicyService, SERVICES_MAX, label="Policy services", path="Policy Services Service", help="Servers that say with CPL what is done with a call or a registration.")
    findme: FindMe = FindMe()
    capacity: Capacity = Capacity()
    bandwidth: Bandwidth = Bandwidth()
    links: tuple[Link, ...] = many(Link, LINKS_MAX, default=DEFAULT_LINKS, label="Links", path="Bandwidth Link", help="Ways between subzones and zones; a call takes the way with the fewest links.")
    pipes: tuple[Pipe, ...] = many(Pipe, PIPES_MAX, label="Pipes", path="Bandwidth Pipe", help="Real connections with a limit, which links lead through.")
    administrators: tuple[Administrator, ...] = many(Administrator, 200, label="Administrator accounts", path="Administration Accounts", help="Who may log in.")
    logging: Logging = Logging()


KEYS: dict[type, str] = {  # which setting names an item of a list
    Server: "address", AddressMapping: "fqdn", Domain: "name", Credential: "name", PolicyPattern: "pattern", ZonePeer: "address",
    Zone: "name", AccessRule: "name", Transform: "priority", SearchRule: "name", DialPlanTest: "name", Administrator: "name",
    SyslogServer: "address", Subzone: "name", MembershipRule: "name", Link: "name", Pipe: "name",
    PolicyRule: "priority", FindMePerson: "findme_id", FindMeDevice: "name", FindMeLocation: "name",
    PolicyService: "name", PolicyServer: "address",
}  # fmt: skip
