"""Locate with what a form says and nobody saved: the forms whose settings decide where calls go, as drafts."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response
from starlette.routing import Route

from sextet.model.schema import Refused
from sextet.web import forms
from sextet.web.guard import Visit, logged_in
from sextet.web.pages import searches
from sextet.web.pages.configuration import find, item_form, place_of, plan_item, refused_form
from sextet.web.pages.declared import LIST_PAGES, ListPage
from sextet.web.saving import Kept


async def locate_with(page: ListPage, visit: Visit) -> Response:
    """Show the page Locate with a draft of what was typed, or the form again with what is wrong with it."""
    key = visit.query.get("item")
    if find(page.items(visit), page, key) is None:
        key = None  # a new one, or one that somebody removed meanwhile: it would be added again
    typed, was = forms.posted_texts(page.fields, visit.posted), forms.posted_was(page.fields, visit.posted)
    plan = plan_item(page, visit, key, typed, was)
    kept = Kept(conflict=plan.conflict)
    if plan.conflict is None:
        try:
            return await searches.draft_page(visit, plan.changes)
        except Refused as refused:
            kept = Kept(problems=tuple(refused.problems))
    return item_form(visit, page, key, refused_form(page.fields, place_of(page, key), typed, was, kept), kept)


ROUTES = tuple(
    Route(f"{page.path}/item/locate", logged_in(partial(locate_with, page)), methods=["POST"])
    for page in LIST_PAGES
    if page.decides
)
