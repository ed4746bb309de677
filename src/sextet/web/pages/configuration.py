"""System, Configuration and Users: pages made from the declarations of the settings; a new setting needs no line here.

A form page shows settings of one section; a list page shows a list with a form for each of its items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.dialplan.zone_views import states as zone_states
from sextet.cluster.face import Face
from sextet.model.config import Change, setting_at, to_document
from sextet.model.schema import Kind, Problem, Setting, settings
from sextet.model.sections import KEYS, Root
from sextet.web import forms
from sextet.web.desk import Message
from sextet.web.forms import KEEP, Form, Texts
from sextet.web.guard import ROWS_MAX, Visit, logged_in
from sextet.web.pages import dialplan
from sextet.web.saving import Kept, Plan, Saved, save

COLUMNS_MAX = 6  # of an item in its list; its own page shows all
HASH = "password_hash"  # stored so; typed as a password, which the door hashes

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
        return _items(visit, self)

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


async def show_form(page: FormPage, visit: Visit) -> Response:
    """Show the settings as they are saved."""
    now = forms.texts_of(page.fields, _section(visit, page))
    return _form(visit, page.intro, forms.form_of(page.fields, page.section, now), running=_running(visit, page))


async def save_form(page: FormPage, visit: Visit) -> Response:
    """Save what was changed on the page."""
    typed, was = forms.posted_texts(page.fields, visit.posted), forms.posted_was(page.fields, visit.posted)

    def plan() -> Plan:
        now = forms.texts_of(page.fields, _section(visit, page))
        both = forms.merged(page.fields, typed, was, now)
        if both.moved:
            return Plan(conflict=(both, now))
        values = forms.values_of(page.fields, both.texts)
        return Plan(changes=tuple(Change("set", f"{page.section}.{name}", values[name]) for name in both.mine))

    result = await save(visit, plan)
    if result is None or isinstance(result, Saved):
        return visit.go(page.path, result.message if result else NOTHING)
    form = refused_form(page.fields, page.section, typed, was, result)
    return _form(visit, page.intro, form, result, _running(visit, page))


async def show_list(page: ListPage, visit: Visit) -> Response:
    """Show a list."""
    rows, wanted = _items(visit, page), visit.query.get("filter", "").strip()[:128]
    shown = [(str(row[page.key]), forms.texts_of(page.fields, row)) for row in sorted(rows, key=_by_priority)]
    found = [(key, texts) for key, texts in shown if wanted.casefold() in " ".join(map(str, texts.values())).casefold()]
    return visit.page(
        "list.html",
        live=page.live(visit.desk.face) if page.live else {},
        page=page,
        columns=page.columns,
        rows=found[:ROWS_MAX],
        found=len(found),
        total=len(rows),
        filter=wanted,
        beside=await dialplan.beside(visit, page.list),
    )


async def show_item(page: ListPage, visit: Visit) -> Response:
    """Show one item, or an empty form for a new one."""
    key = visit.query.get("item")
    item = find(_items(visit, page), page, key)
    if key is not None and item is None:
        raise HTTPException(404, f"There is no {page.noun} {key!r} any more; somebody may have removed or renamed it.")
    now = forms.texts_of(page.fields, item or {})
    pattern = find(_items(visit, page), page, visit.query.get("clone")) if key is None else None
    if pattern is not None:
        copy = forms.texts_of(page.fields, dialplan.copied(pattern, _items(visit, page), page.key))
        return item_form(visit, page, None, forms.form_of(page.fields, place_of(page, None), copy, now))
    return item_form(
        visit, page, key, forms.form_of(page.fields, place_of(page, key), now, stored=_secrets(page, item))
    )


async def save_item(page: ListPage, visit: Visit) -> Response:
    """Save an item, or add it."""
    key = visit.query.get("item")
    typed, was = forms.posted_texts(page.fields, visit.posted), forms.posted_was(page.fields, visit.posted)
    if key is not None and find(_items(visit, page), page, key) is None:
        title = f"The {page.noun} {key!r} was removed by somebody meanwhile. Nothing was saved; Save adds it again."
        form = forms.form_of(page.fields, place_of(page, None), typed, was={})
        return item_form(visit, page, None, form, Kept(notice=Message(tone="warn", title=title)))
    result = await save(visit, partial(plan_item, page, visit, key, typed, was))
    if result is None or isinstance(result, Saved):
        return visit.go(page.path, result.message if result else NOTHING)
    stored = _secrets(page, find(_items(visit, page), page, key))
    form = refused_form(page.fields, place_of(page, key), typed, was, result, stored=stored)
    return item_form(visit, page, key, form, result)


async def remove_item(page: ListPage, visit: Visit) -> Response:
    """Remove an item; asked for twice, so that a slip of the hand removes nothing."""
    key = visit.query.get("item", "")
    item = find(_items(visit, page), page, key)
    if item is None:
        return visit.go(page.path, Message(tone="info", title=f"The {page.noun} {key!r} is not there any more."))
    if visit.posted.get("sure") != "yes":
        shown = forms.texts_of(page.fields, item)
        texts = [(setting.label, shown[name]) for name, setting in page.fields if isinstance(shown[name], str)]
        return visit.page("remove.html", page=page, key=key, texts=[(label, text) for label, text in texts if text])

    def plan() -> Plan:
        rows = _items(visit, page)
        there = find(rows, page, key)
        if there != item:
            return Plan(conflict=there) if there else Plan()
        done = f"the {page.noun} {key} was removed."
        if "]" in key:  # such a key cannot stand in a path: the list is set as a whole
            return Plan(changes=(Change("set", page.list, [row for row in rows if row != item]),), done=done)
        return Plan(changes=(Change("remove", f"{page.list}[{key}]"),), done=done)

    result = await save(visit, plan)
    if not isinstance(result, Kept):
        return visit.go(page.path, result.message if result else NOTHING)
    lines = tuple(problem.sentence for problem in result.problems) or ("Somebody changed it meanwhile; look again.",)
    title = f"The {page.noun} was not removed."
    return visit.go(page.path, result.notice or Message(tone="bad", title=title, lines=lines))


def refused_form(fields: Fields, prefix: str, typed: Texts, was: Texts, kept: Kept, stored: Sequence[str] = ()) -> Form:
    """Draw a form again with all that was typed, and beside it what is wrong or was changed meanwhile."""
    if kept.conflict is not None:
        both, now = kept.conflict
        return forms.with_moved(forms.form_of(fields, prefix, both.texts, now, stored), both.moved)
    again = [Problem(f"{prefix}.{name}", KEEP) for name, setting in fields if setting.secret and typed.get(name)]
    shown = {**typed, **{name: "" for name, setting in fields if setting.secret}}
    named = {f"{prefix}.password": f"{prefix}.{HASH}"} if any(name == HASH for name, _ in fields) else {}
    problems = [Problem(_renamed(problem.field, named), problem.sentence) for problem in kept.problems]
    return forms.with_problems(forms.form_of(fields, prefix, shown, was, stored), [*problems, *again], prefix)


def _renamed(field: str, named: Mapping[str, str]) -> str:
    return field.removesuffix(".password") + f".{HASH}" if named and field.endswith(".password") else field


NOTHING = Message(tone="info", title="Nothing was changed.", lines=("What you sent is what was there.",))


def _form(visit: Visit, intro: str, form: Form, kept: Kept | None = None, running: Texts | None = None) -> Response:
    return visit.page("form.html", 422 if kept else 200, intro=intro, form=form, running=running or {}, **_why(kept))


def item_form(visit: Visit, page: ListPage, key: str | None, form: Form, kept: Kept | None = None) -> Response:
    """Answer with the form of an item."""
    shown = form if key is None else forms.with_kept(form)
    return visit.page("item.html", 422 if kept else 200, page=page, key=key, form=shown, **_why(kept))


def _why(kept: Kept | None) -> dict[str, Any]:
    return {"conflict": bool(kept and kept.conflict), "message": kept.notice if kept else None}


def plan_item(page: ListPage, visit: Visit, key: str | None, typed: Texts, was: Texts) -> Plan:
    """Say what saving an item would change."""
    rows = _items(visit, page)
    item = find(rows, page, key)
    now = forms.texts_of(page.fields, item or {})
    both = forms.merged(page.fields, typed, was, now)
    if both.moved and item is not None:
        return Plan(conflict=(both, now))
    if item is not None and not both.mine:
        return Plan()
    value = {**(item or {}), **forms.values_of(page.fields, both.texts)}
    for name, setting in page.fields:
        if setting.secret and not both.texts[name]:
            value[name] = item[name] if item else ""
    if HASH in value and (both.texts[HASH] or not value[HASH]):
        value["password"] = value.pop(HASH)
    if item is None:
        name = value[page.key]
        return Plan(changes=(Change("add", page.list, value),), done=f"the {page.noun} {name} was added.")
    done = f"the {page.noun} {key} was changed."
    if "]" in str(key):  # such a key cannot stand in a path: the list is set as a whole
        return Plan(changes=(Change("set", page.list, [value if row == item else row for row in rows]),), done=done)
    return Plan(changes=(Change("set", f"{page.list}[{key}]", value),), done=done)


def _section(visit: Visit, page: FormPage) -> dict[str, Any]:
    document: dict[str, Any] = to_document(getattr(visit.desk.face.saved, page.section))
    return document


def _running(visit: Visit, page: FormPage) -> Texts:
    """List the settings whose value in force is another than the saved one."""
    saved = forms.texts_of(page.fields, _section(visit, page))
    running = forms.texts_of(page.fields, to_document(getattr(visit.desk.face.running, page.section)))
    return {name: str(running[name]) for name in saved if saved[name] != running[name]}


def _items(visit: Visit, page: ListPage) -> list[dict[str, Any]]:
    place: Any = visit.desk.face.saved
    for name in page.list.split("."):
        place = getattr(place, name)
    rows: list[dict[str, Any]] = to_document(place)
    return rows


def find(rows: Sequence[dict[str, Any]], page: ListPage, key: str | None) -> dict[str, Any] | None:
    """Find the item of a key."""
    return next((row for row in rows if str(row[page.key]) == key), None)


def _secrets(page: ListPage, item: Mapping[str, Any] | None) -> list[str]:
    return [name for name, setting in page.fields if setting.secret and item and item[name]]


def place_of(page: ListPage, key: str | None) -> str:
    """Name the place of an item in the configuration."""
    return f"{page.list}[{key or ''}]"


def _by_priority(row: Mapping[str, Any]) -> int:
    return int(row.get("priority", 0))


def _route(path: str, handler: Any, page: FormPage | ListPage, method: str) -> Route:
    return Route(path, logged_in(partial(handler, page)), methods=[method])


ROUTES = (
    *(_route(page.path, show_form, page, "GET") for page in FORM_PAGES),
    *(_route(page.path, save_form, page, "POST") for page in FORM_PAGES),
    *(_route(page.path, show_list, page, "GET") for page in LIST_PAGES),
    *(_route(f"{page.path}/item", show_item, page, "GET") for page in LIST_PAGES),
    *(_route(f"{page.path}/item", save_item, page, "POST") for page in LIST_PAGES),
    *(_route(f"{page.path}/move", dialplan.move_item, page, "POST") for page in LIST_PAGES if page.ordered),
    *(_route(f"{page.path}/remove", remove_item, page, "POST") for page in LIST_PAGES),
)
