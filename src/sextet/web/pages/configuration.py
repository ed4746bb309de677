"""System, Configuration and Users: how the pages that are made from the settings answer (declared.py says which)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from sextet.model.config import Change, to_document
from sextet.model.schema import Problem
from sextet.web import forms
from sextet.web.desk import Message
from sextet.web.elsewhere import gathered
from sextet.web.forms import KEEP, Form, Texts
from sextet.web.guard import ROWS_MAX, Visit, logged_in
from sextet.web.pages import dialplan
from sextet.web.pages.declared import FORM_PAGES, LIST_PAGES, Fields, FormPage, ListPage
from sextet.web.saving import Kept, Plan, Saved, save

HASH = "password_hash"  # stored so; typed as a password, which the door hashes


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
    rows, wanted = page.items(visit), visit.query.get("filter", "").strip()[:128]
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
    item = find(page.items(visit), page, key)
    if key is not None and item is None:
        raise HTTPException(404, f"There is no {page.noun} {key!r} any more; somebody may have removed or renamed it.")
    now = forms.texts_of(page.fields, item or {})
    pattern = find(page.items(visit), page, visit.query.get("clone")) if key is None else None
    if pattern is not None:
        copy = forms.texts_of(page.fields, dialplan.copied(pattern, page.items(visit), page.key))
        return item_form(visit, page, None, forms.form_of(page.fields, place_of(page, None), copy, now))
    return item_form(
        visit, page, key, forms.form_of(page.fields, place_of(page, key), now, stored=_secrets(page, item))
    )


async def save_item(page: ListPage, visit: Visit) -> Response:
    """Save an item, or add it."""
    key = visit.query.get("item")
    typed, was = forms.posted_texts(page.fields, visit.posted), forms.posted_was(page.fields, visit.posted)
    if key is not None and find(page.items(visit), page, key) is None:
        title = f"The {page.noun} {key!r} was removed by somebody meanwhile. Nothing was saved; Save adds it again."
        form = forms.form_of(page.fields, place_of(page, None), typed, was={})
        return item_form(visit, page, None, form, Kept(notice=Message(tone="warn", title=title)))
    result = await save(visit, partial(plan_item, page, visit, key, typed, was))
    if result is None or isinstance(result, Saved):
        return visit.go(page.path, result.message if result else NOTHING)
    stored = _secrets(page, find(page.items(visit), page, key))
    form = refused_form(page.fields, place_of(page, key), typed, was, result, stored=stored)
    return item_form(visit, page, key, form, result)


async def remove_item(page: ListPage, visit: Visit) -> Response:
    """Remove an item; asked for twice, so that a slip of the hand removes nothing."""
    key = visit.query.get("item", "")
    item = find(page.items(visit), page, key)
    if item is None:
        return visit.go(page.path, Message(tone="info", title=f"The {page.noun} {key!r} is not there any more."))
    if visit.posted.get("sure") != "yes":
        shown = forms.texts_of(page.fields, item)
        texts = [(setting.label, shown[name]) for name, setting in page.fields if isinstance(shown[name], str)]
        return visit.page("remove.html", page=page, key=key, texts=[(label, text) for label, text in texts if text])

    def plan() -> Plan:
        rows = page.items(visit)
        there = find(rows, page, key)
        if there != item:
            return Plan(conflict=there) if there else Plan()
        done = f"the {page.noun} “{key}” was removed."
        if "]" in key:  # such a key cannot stand in a path: the list is set as a whole
            return Plan(changes=(Change("set", page.list, [row for row in rows if row != item]),), done=done)
        return Plan(changes=(Change("remove", f"{page.list}[{key}]"),), done=done)

    result = await save(visit, plan)
    if not isinstance(result, Kept):
        return visit.go(page.path, result.message if result else NOTHING)
    lines = tuple(gathered(result.problems)) or ("Somebody changed it meanwhile; look again.",)
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
    shown = forms.with_offers(form, partial(_names, visit))
    return visit.page("form.html", 422 if kept else 200, intro=intro, form=shown, running=running or {}, **_why(kept))


def item_form(visit: Visit, page: ListPage, key: str | None, form: Form, kept: Kept | None = None) -> Response:
    """Answer with the form of an item."""
    shown = forms.with_offers(form if key is None else forms.with_kept(form), partial(_names, visit))
    return visit.page("item.html", 422 if kept else 200, page=page, key=key, form=shown, **_why(kept))


def _names(visit: Visit, name: str) -> list[str]:
    return [item.name for item in getattr(visit.desk.face.saved, name)]


def _why(kept: Kept | None) -> dict[str, Any]:
    return {"conflict": bool(kept and kept.conflict), "message": kept.notice if kept else None}


def plan_item(page: ListPage, visit: Visit, key: str | None, typed: Texts, was: Texts) -> Plan:
    """Say what saving an item would change."""
    rows = page.items(visit)
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
        return Plan(changes=(Change("add", page.list, value),), done=f"the {page.noun} “{name}” was added.")
    done = f"the {page.noun} “{key}” was changed."
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
