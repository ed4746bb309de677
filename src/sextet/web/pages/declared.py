"""Which pages show which settings: a section in a form, a list with a form for each of its items.

The fields come from the declarations of the settings; a new setting needs no line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sextet.admin.dialplan.zone_views import states as zone_states
from sextet.cluster.face import Face
from sextet.model.config import setting_at, to_document
from sextet.model.schema import Kind, Setting, settings
from sextet.model.sections import KEYS, Root
from sextet.web import forms
from sextet.web.guard import Visit
from sextet.web.pages import dialplan

COLUMNS_MAX = 6  # of an item in its list; its own page shows all

Fields = list[tuple[str, Setting]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPage:
    """Settings of one section; without names, all that no other page shows."""

    path: str
    section: str
    names: tuple[str, ...] = ()
    intro: str = ""

    @property
    def kind(self) -> type:
        return type(getattr(Root(), self.section))

    @property
    def fields(self) -> Fields:
        taken = {name for page in FORM_PAGES if page.section == self.section for name in page.names}
        rest = [name for name, _ in forms.editable(self.kind) if name not in taken]
        return forms.editable(self.kind, self.names or rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """A list of items, by its place in the configuration."""

    path: str
    list: str
    noun: str
    intro: str = ""
    shown: tuple[str, ...] = ()  # columns of the list; without, the first that are plain and no secret
    live: Callable[[Face], Mapping[str, tuple[str, str]]] | None = None  # key -> words and tone of what is seen of it
    link: tuple[str, str] | None = None  # (path, words) of what else can be done with the whole list

    @property
    def ordered(self) -> bool:
        return self.list in (dialplan.RULES, dialplan.TRANSFORMS)

    @property
    def decides(self) -> bool:
        """Tell whether an item of it can decide where a call goes: then Locate takes its form for a draft."""
        return self.list in (dialplan.RULES, dialplan.TRANSFORMS, "call_policy.rules", "findme.people")

    @property
    def columns(self) -> Fields:
        declared = dict(self.fields)
        plain = [name for name, setting in self.fields if not setting.secret and setting.kind is not Kind.MANY]
        return [(name, declared[name]) for name in self.shown or plain[:COLUMNS_MAX]]

    @property
    def setting(self) -> Setting:
        return setting_at(self.list)

    def items(self, visit: Visit) -> Sequence[dict[str, Any]]:
        """Give the rows as they are saved."""
        place: Any = visit.desk.face.saved
        for name in self.list.split("."):
            place = getattr(place, name)
        rows: list[dict[str, Any]] = to_document(place)
        return rows

    @property
    def item(self) -> type:
        assert self.setting.item is not None
        return self.setting.item

    @property
    def key(self) -> str:
        return KEYS[self.item]

    @property
    def fields(self) -> Fields:
        return list(settings(self.item))


DEFAULT_ZONE_INTRO = (
    "Everybody who is no peer, no zone and no registered endpoint. How they are authenticated stands on "
    "Authentication > Policy."
)
FORM_PAGES = (
    FormPage(path="/system/administration", section="system"),
    FormPage(path="/system/dns", section="system", names=("dns_host_name", "dns_domain_name", "dns_servers")),
    FormPage(path="/system/time", section="system", names=("ntp_servers",)),
    FormPage(
        path="/system/network-interfaces/ip",
        section="interfaces",
        intro="Told here, set in the host's operating system: the cluster is built on the inside interface.",
    ),
    FormPage(path="/configuration/protocols/h323", section="protocols", names=("h323_mode",)),
    FormPage(path="/configuration/protocols/sip", section="protocols"),
    FormPage(path="/configuration/registration", section="registration"),
    FormPage(path="/configuration/authentication", section="authentication"),
    FormPage(
        path="/configuration/authentication/h350",
        section="h350",
        intro="Names that the local database does not have are looked up in this directory. Status > H.350 directory "
        "shows how each peer finds it.",
    ),
    FormPage(
        path="/configuration/call-policy",
        section="call_policy",
        intro="A script excludes rules. A call that neither has anything to say about is allowed.",
    ),
    FormPage(path="/users/findme", section="findme"),
    FormPage(path="/maintenance/options", section="capacity"),
    FormPage(
        path="/configuration/local-zone/default-subzone",
        section="default_subzone",
        intro="The subzone of every endpoint that no membership rule puts elsewhere.",
    ),
    FormPage(
        path="/configuration/local-zone/traversal-subzone",
        section="traversal_subzone",
        intro="The place that traversal calls pass; no endpoint belongs to it.",
    ),
    FormPage(path="/configuration/bandwidth", section="bandwidth"),
    FormPage(path="/configuration/default-zone", section="default_zone", intro=DEFAULT_ZONE_INTRO),
    FormPage(
        path="/configuration/dial-plan",
        section="dial_plan",
        intro="What holds for every search, before and beside transforms and rules.",
    ),
    FormPage(path="/maintenance/logging", section="logging"),
)
LIST_PAGES = (
    ListPage(
        path="/configuration/registration/allow-list",
        list="registration.allow_list",
        noun="pattern",
        intro="Used where the restriction policy is Allow List.",
    ),
    ListPage(
        path="/configuration/registration/deny-list",
        list="registration.deny_list",
        noun="pattern",
        intro="Used where the restriction policy is Deny List.",
    ),
    ListPage(path="/configuration/authentication/local-database", list="credentials", noun="credential"),
    ListPage(
        path="/configuration/local-zone/subzones",
        list="subzones",
        noun="subzone",
        intro="A new subzone gets its links to the Default Subzone and the Traversal Subzone at once.",
        shown=("name", "registrations", "authentication", "total_mode", "inter_mode", "intra_mode"),
    ),
    ListPage(
        path="/configuration/local-zone/membership-rules",
        list="membership_rules",
        noun="membership rule",
        intro="In the order of their priority; endpoints that no rule matches belong to the Default Subzone.",
        shown=("priority", "name", "type", "subnet_address", "subnet_prefix", "pattern", "subzone", "state"),
    ),
    ListPage(
        path="/configuration/bandwidth/links",
        list="links",
        noun="link",
        intro="Without a way it is refused.",
    ),
    ListPage(
        path="/configuration/bandwidth/pipes",
        list="pipes",
        noun="pipe",
        intro="The limit is shared by all links that name the pipe, and by all peers.",
    ),
    ListPage(
        path="/configuration/zones",
        list="zones",
        noun="zone",
        intro="Which settings a zone has depends on its type.",
        shown=("name", "type", "hop_count", "authentication", "state"),
        live=zone_states,
        link=("/status/zones", "Status of the zones"),
    ),
    ListPage(
        path="/configuration/default-zone/access-rules",
        list="default_zone.access_rules",
        noun="access rule",
        intro="In the order of their priority; the first that matches a name in the certificate decides.",
        shown=("priority", "name", "pattern_type", "pattern", "action", "state"),
    ),
    ListPage(path="/configuration/domains", list="domains", noun="domain"),
    ListPage(
        path="/configuration/dial-plan/transforms",
        list="transforms",
        noun="transform",
        intro="In the order of their priority; the first that matches changes the alias.",
    ),
    ListPage(
        path="/configuration/dial-plan/search-rules",
        list="search_rules",
        noun="search rule",
        intro="In the order of their priority; rules of one priority are tried together.",
        shown=("priority", "name", "mode", "pattern", "target", "on_match", "state"),
    ),
    ListPage(
        path="/configuration/dial-plan/policy-services",
        list="policy_services",
        noun="policy service",
        intro="Call policy, search rules and the restriction policy name them.",
        shown=("name", "protocol", "servers", "path", "status_path"),
        link=("/status/policy-services", "How they are"),
    ),
    ListPage(
        path="/configuration/call-policy/rules",
        list="call_policy.rules",
        noun="rule",
        intro="In the order of their priority; the first that matches decides, without one the call is allowed.",
        shown=("priority", "source_type", "zone", "source_pattern", "destination_pattern", "action", "state"),
    ),
    ListPage(
        path="/users/findme/accounts",
        list="findme.people",
        noun="account",
        shown=("findme_id", "display_name", "active_location", "state"),
    ),
    ListPage(
        path="/configuration/dial-plan/tests",
        list="dial_plan_tests",
        noun="dial plan test",
        intro="A disabled test only tells.",
        shown=("name", "alias", "source", "expected", "target", "state"),
        link=("/configuration/dial-plan/tests/run", "Run all tests"),
    ),
    ListPage(path="/users/administrators", list="administrators", noun="account"),
)
