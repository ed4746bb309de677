"""Default links, and links that follow what they name: a new zone gets its links, a removed one takes them along.

Pure, on documents: the editing of the configuration applies it to every change, so that one revision holds both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sextet.model.sections import Root
from sextet.model.settings.bandwidth import DEFAULT_LINKS, LINKS_MAX, Link
from sextet.model.settings.local_zone import DEFAULT_SUBZONE, TRAVERSAL_SUBZONE
from sextet.model.settings.zones import NODES

NAME_MAX = 50  # of a link
NAMED = (*NODES, "pipes", "policy_services")  # the lists whose items others name

Document = Mapping[str, Any]
Row = dict[str, Any]
Renamed = Mapping[tuple[str, str], str]  # (list, old name) -> new name


def missing_links(document: Document) -> list[Row]:
    """Name the default links that are not there: between these two nodes there is no link at all (facts 7.10)."""
    there = [_row(link) for link in _items(document, "links")] if "links" in document else _BUILT_IN
    joined = {frozenset((str(row.get("node1")), str(row.get("node2")))) for row in there}
    taken = {_name(row).lower() for row in there}
    found = []
    for row in _defaults(document):
        if frozenset((row["node1"], row["node2"])) not in joined:
            found.append({**row, "name": _free(row["name"], taken)})
            taken.add(found[-1]["name"].lower())
    return found


def completed(document: Document) -> Document:
    """Give the default links to a configuration from before there were links; any other comes back as it is."""
    if not isinstance(document, Mapping) or "links" in document or not any(_items(document, name) for name in NODES):
        return document
    rows = [*_BUILT_IN, *missing_links({**document, "links": _BUILT_IN})]
    return {**document, "links": rows[:LINKS_MAX]}


def followed(before: Document, after: Document, paths: Sequence[str]) -> Document:
    """Let what names others follow an edit of `before` to `after` that touched these paths.

    What was renamed is named so everywhere, what was removed loses its links, and what is new gets the default ones
    where it has none yet.
    """
    names = [set(_names(document)) for document in (before, after)]
    if names[0] == names[1] or not all(isinstance(row, Mapping) for row in _items(after, "links")):
        return after
    renamed = dict(_renamed(before, after, paths))
    whole = _renaming(Root, after, renamed) if renamed else after
    nodes = [{name for kind, name in found if kind in NODES} for found in names]
    lost = nodes[0] - nodes[1]
    links = [row for row in _items(whole, "links") if row.get("node1") not in lost and row.get("node2") not in lost]
    whole = {**whole, "links": links}
    new = nodes[1] - nodes[0] - set(renamed.values())
    added = [row for row in missing_links(whole) if row["node1"] in new]
    return {**whole, "links": [*links, *added[: max(0, LINKS_MAX - len(links))]]}


def _defaults(document: Document) -> Iterator[Row]:
    """List all default links of a configuration; a traversal zone is linked to the Traversal Subzone only."""
    yield from _BUILT_IN
    for kind, short in (("subzones", "SubZone"), ("zones", "Zone")):
        for place, item in enumerate(_items(document, kind), 1):
            name = _name(item)
            if not name:
                continue
            if not (kind == "zones" and _is_traversal(item)):
                yield {**_NO_LINK, "name": f"{short}{place:03}ToDefaultSZ", "node1": name, "node2": DEFAULT_SUBZONE}
            yield {**_NO_LINK, "name": f"{short}{place:03}ToTraversalSZ", "node1": name, "node2": TRAVERSAL_SUBZONE}


def _is_traversal(zone: Any) -> bool:
    kind = zone.get("type", "") if isinstance(zone, Mapping) else getattr(zone, "type", "")
    return str(kind).startswith("Traversal")


def _free(name: str, taken: set[str]) -> str:
    """The names of the original count the zone's place, which may be another's since: then a number is added."""
    wanted, number = name, 1
    while name.lower() in taken:
        number += 1
        name = f"{wanted[: NAME_MAX - 6]}-{number}"
    return name


def _names(document: Document) -> Iterator[tuple[str, str]]:
    for kind in NAMED:
        for item in _items(document, kind):
            yield kind, _name(item)


def _renamed(before: Document, after: Document, paths: Sequence[str]) -> Iterator[tuple[tuple[str, str], str]]:
    """What got another name: the path says so, or the item in its place has another name and nothing was added."""
    for kind in NAMED:
        old, new = ([_name(item) for item in _items(document, kind)] for document in (before, after))
        if len(old) == len(new) and any(path.startswith(f"{kind}[") for path in paths):
            for was, now in zip(old, new, strict=True):
                if was != now and was not in new and now not in old:
                    yield (kind, was), now


def _renaming(section: type, document: Any, renamed: Renamed) -> Any:
    """Put new names in the place of old ones, wherever a setting is declared to name an item of such a list."""
    if not isinstance(document, Mapping):
        return document
    changed = dict(document)
    for field in dataclasses.fields(section):
        declared, value = field.metadata.get("setting"), document.get(field.name)
        if declared is None:
            changed |= {field.name: _renaming(type(field.default), value, renamed)} if value is not None else {}
        elif declared.item is not None and isinstance(value, list | tuple):
            changed[field.name] = [_renaming(declared.item, row, renamed) for row in value]
        elif isinstance(value, str):
            found = (renamed[kind, value] for kind in declared.names if (kind, value) in renamed)
            changed[field.name] = next(found, value)
    return changed


def _items(document: Document, kind: str) -> Sequence[Any]:
    """Give a list of the document, which nobody has checked yet."""
    found = document.get(kind, ())
    return found if isinstance(found, list | tuple) else ()


def _name(item: Any) -> str:
    found = item.get("name", "") if isinstance(item, Mapping) else getattr(item, "name", "")
    return found if isinstance(found, str) else ""


def _row(link: Any) -> Row:
    return dict(link) if isinstance(link, Mapping) else dataclasses.asdict(link)


_NO_LINK = dataclasses.asdict(Link())
_BUILT_IN = [dataclasses.asdict(link) for link in DEFAULT_LINKS]
