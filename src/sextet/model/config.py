"""The configuration as one immutable value: to and from documents, split into shared and †, changed by paths, compared.

A document is plain JSON; lists keep their order. A path names a setting: `protocols.sip_udp`, `zones[London].sip_port`,
`registration.allow_list[alice]`; an item of a list is named by its key setting (sections.KEYS), with every `]` doubled.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from sextet.model.linking import completed
from sextet.model.schema import Kind, Problem, Refused, Setting, problems_of, setting
from sextet.model.sections import KEYS, Root

Document = Mapping[str, Any]
DOCUMENT_BYTES_MAX = (
    16 << 20
)  # 2000 rules, 5000 credentials, 1000 zones at their longest are under 4 MiB; the rest is margin
_STEP = re.compile(r"([a-z_0-9]+)(?:\[((?:[^\]]|\]\])*)\])?(?:\.(?=.)|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Change:
    """One edit: set a value at a path, add an item to a list, or remove an item."""

    verb: Literal["set", "add", "remove"]
    path: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that is not the same in two configurations; secrets show as dots."""

    path: str
    old: str
    new: str


@functools.cache
def _fields(kind: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


def to_document(value: Any) -> Any:
    """Turn a section, a list of items or a plain value into JSON values."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_document(getattr(value, field.name)) for field in _fields(cast(Any, type(value)))}
    return [to_document(item) for item in value] if isinstance(value, tuple) else value


def from_document(document: Document) -> Root:
    """Build the typed value, with defaults for what is missing.

    Raises Refused with every wrong type, range and unknown name.
    """
    root, problems = read(document)
    if problems:
        raise Refused(*problems)
    return root


def read(document: Document) -> tuple[Root, list[Problem]]:
    """Build the typed value as far as that goes: what is wrong takes its default, and its problem stands beside."""
    problems: list[Problem] = []
    root: Root = _section(Root, completed(document), "", problems)
    return root, problems


def item_path(path: str, key: str) -> str:
    """Name an item of a list by its key."""
    return f"{path}[{key.replace(']', ']]')}]"


def shared_part(document: Document) -> dict[str, Any]:
    """Keep what every peer of a cluster has in common."""
    return _part(Root, document, peer=False)


def peer_part(document: Document) -> dict[str, Any]:
    """Keep what is specific to one peer (†)."""
    return _part(Root, document, peer=True)


def merged(shared: Document, peer: Document) -> dict[str, Any]:
    """Put both parts together again."""
    whole = {**shared}
    for name, part in peer.items():
        whole[name] = {**whole.get(name, {}), **part}
    return whole


def canonical(document: Document) -> bytes:
    """Write the one byte string that stands for a document; equal documents give equal bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(document: Document) -> str:
    """Summarise a document: 64 hexadecimal digits, equal exactly when the documents are."""
    return hashlib.sha256(canonical(document)).hexdigest()


def changed(document: Document, changes: Sequence[Change]) -> dict[str, Any]:
    """Apply changes in order to a copy, whose values from_document checks.

    Raises Refused with every path that leads nowhere.
    """
    copy: dict[str, Any] = json.loads(canonical(document))
    problems = [problem for change in changes for problem in _apply(copy, change)]
    if problems:
        raise Refused(*problems)
    return copy


def setting_at(path: str) -> Setting:
    """Find the declaration behind a path; raises Refused where there is none."""
    kind: type | None = Root
    declared: Setting | None = None
    for name, key in _steps(path):
        fields = {field.name: field for field in _fields(kind)} if kind else {}
        found = fields.get(name)
        declared = found.metadata.get("setting") if found else None
        if found is None or (key is not None and (declared is None or declared.item is None)):
            raise Refused(Problem(path, f"There is no setting {path}; `config show` lists them all."))
        inside = declared.item if declared else type(found.default)
        kind = inside if declared is None or key is not None else None
    if declared is None:
        raise Refused(Problem(path, f"{path} is a section; name one of its settings."))
    return declared


def is_peer_specific(path: str) -> bool:
    """Tell whether a path leads to what one peer has for itself (†); raises Refused where there is nothing."""
    setting_at(path)
    kind: Any = Root
    for name, _ in _steps(path):
        field = next(field for field in _fields(kind) if field.name == name)
        declared = field.metadata.get("setting")
        if declared is not None and declared.peer:
            return True
        kind = type(field.default) if declared is None else declared.item
    return False


def from_text(path: str, text: str) -> Any:
    """Read a typed-in value as the setting at this path wants it; raises Refused with the remedy."""
    declared = setting_at(path)
    value: Any = text
    if declared.kind is Kind.NUMBER and re.fullmatch(r"-?\d{1,9}", text.strip()):
        value = int(text)
    if declared.kind is Kind.SWITCH and text.lower() in ("on", "off"):
        value = text.lower() == "on"
    if declared.kind is not Kind.MANY and (problems := problems_of(declared, path, value)):
        raise Refused(*problems)
    return value


def as_text(value: Any) -> str:
    """Show a value as the page and the command line do."""
    return (
        ("On" if value else "Off")
        if isinstance(value, bool)
        else ""
        if value is None
        else value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False)
    )


def flattened(document: Document, secrets: bool = False) -> dict[str, str]:
    """List every setting with its path and shown value, in menu order; secrets show as dots unless asked for."""
    return {
        path: "•••" if hidden and value and not secrets else as_text(value)
        for path, value, hidden in _walk(Root, document, "")
    }


def differences(old: Document, new: Document) -> list[Difference]:
    """Compare two documents setting by setting; an added or removed item shows its every setting."""
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]  # most sections are as they were
    old, new = ({name: document[name] for name in names if name in document} for document in (old, new))
    before, after = (
        {path: (as_text(value), secret) for path, value, secret in _walk(Root, document, "")} for document in (old, new)
    )
    paths = [*before, *(path for path in after if path not in before)]
    moved = [path for path in paths if before.get(path) != after.get(path)]
    return [Difference(path, _shown(before.get(path)), _shown(after.get(path))) for path in moved]


def _shown(setting: tuple[str, bool] | None) -> str:
    """Show one side of a difference: a text, and whether it is secret."""
    text, secret = setting or ("", False)
    return "•••" if secret and text else text


def _section(kind: type, document: Any, path: str, problems: list[Problem]) -> Any:
    if not isinstance(document, Mapping):
        problems.append(Problem(path, f"{path or 'The configuration'} must be a set of named settings."))
        return kind()
    values: dict[str, Any] = {}
    fields = {field.name: field for field in _fields(kind)}
    problems += [
        Problem(f"{path}{name}", f"There is no setting {path}{name}; remove it.")
        for name in document
        if name not in fields
    ]
    for name, field in fields.items():
        if name not in document:
            declared = field.metadata.get("setting")
            if declared is not None and declared.mandatory and not declared.default:
                problems.append(Problem(f"{path}{name}", f"{declared.label}: must not be empty; enter a value."))
            continue
        values[name] = _value(field, document[name], f"{path}{name}", problems)
    return kind(**values)


def _value(field: dataclasses.Field[Any], value: Any, path: str, problems: list[Problem]) -> Any:
    declared: Setting | None = field.metadata.get("setting")
    if declared is None:
        return _section(type(field.default), value, f"{path}.", problems)
    if declared.kind is Kind.MANY:
        return _items(declared, value, path, problems)
    wrong = problems_of(declared, path, value)
    problems += wrong
    return declared.default if wrong else value


def _items(declared: Setting, value: Any, path: str, problems: list[Problem]) -> tuple[Any, ...]:
    assert declared.item is not None
    if not isinstance(value, list | tuple):
        problems.append(Problem(path, f"{declared.label}: must be a list."))
        return ()
    if len(value) > declared.high:
        problems.append(
            Problem(path, f"{declared.label}: {len(value)} entries; at most {declared.high} are allowed, remove some.")
        )
    names = [_name(declared.item, item) for item in value[: declared.high]]
    key = KEYS[declared.item]
    label = setting(declared.item, key).label
    problems += [
        Problem(
            f"{item_path(path, name)}.{key}",
            f"{label}: {name!r} is taken in {declared.label}; choose another, or change the entry that is there.",
        )
        for name, count in Counter(names).items()
        if count > 1
    ]
    return tuple(
        _section(declared.item, item, f"{item_path(path, name)}.", problems)
        for name, item in zip(names, value, strict=False)
    )


def _name(kind: type, item: Any) -> str:
    """Give the key of an item as paths write it; "" where it has none."""
    key = KEYS[kind]
    return str(item.get(key, setting(kind, key).default)) if isinstance(item, Mapping) else ""


def _part(kind: type, document: Document, *, peer: bool) -> dict[str, Any]:
    part: dict[str, Any] = {}
    for field in _fields(kind):
        if field.name not in document:
            continue
        declared = field.metadata.get("setting")
        if declared is None:
            part[field.name] = _part(type(field.default), document[field.name], peer=peer)
        elif declared.peer is peer:
            part[field.name] = document[field.name]
    return {name: value for name, value in part.items() if value != {} or not peer}


def _steps(path: str) -> Iterator[tuple[str, str | None]]:
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if not found:
            raise Refused(
                Problem(path, f"{path!r} is not a path; write one such as protocols.sip_udp or zones[London].sip_port.")
            )
        yield found[1], found[2].replace("]]", "]") if found[2] is not None else None
        position = found.end()


def _apply(document: dict[str, Any], change: Change) -> list[Problem]:
    nowhere = [Problem(change.path, f"There is nothing at {change.path}; `config show` lists what there is.")]
    setting_at(change.path)
    *outer, (name, key) = _steps(change.path)
    place: dict[str, Any] = document
    kind: type = Root
    for outer_name, outer_key in outer:
        field = _field(kind, outer_name)
        inside = place.setdefault(outer_name, to_document(field.default))
        declared: Setting | None = field.metadata.get("setting")
        kind = type(field.default) if declared is None else declared.item or kind
        found = inside if outer_key is None else _item(kind, inside, outer_key)
        if not isinstance(found, dict):
            return nowhere
        place = found
    if key is None:
        return _apply_whole(place, _field(kind, name), change) or []
    return [] if _apply_item(place, _field(kind, name), key, change) else nowhere


def _apply_whole(place: dict[str, Any], field: dataclasses.Field[Any], change: Change) -> list[Problem]:
    """Set a setting or a whole list, or add an item to a list; an item is removed by its own path."""
    if change.verb == "set":
        place[field.name] = change.value
        return []
    rows = place.setdefault(field.name, to_document(field.default))
    if change.verb == "remove" or not isinstance(rows, list):
        return [
            Problem(change.path, f"{change.path} cannot be {'removed' if change.verb == 'remove' else 'added to'}.")
        ]
    rows.append(change.value)
    return []


def _apply_item(place: dict[str, Any], field: dataclasses.Field[Any], key: str, change: Change) -> bool:
    declared: Setting | None = field.metadata.get("setting")
    if declared is None or declared.item is None:
        return False
    rows = place.setdefault(field.name, to_document(field.default))
    row = _item(declared.item, rows, key)
    if row is None or change.verb == "add":
        return False
    if change.verb == "set":
        rows[rows.index(row)] = change.value
    else:
        rows.remove(row)
    return True


def _item(kind: type, rows: Any, key: str) -> Any:
    return next((row for row in rows if _name(kind, row) == key), None) if isinstance(rows, list) else None


def _field(kind: type, name: str) -> dataclasses.Field[Any]:
    return next(field for field in _fields(kind) if field.name == name)


def _walk(kind: type, document: Document, path: str) -> Iterator[tuple[str, Any, bool]]:
    for field in _fields(kind):
        declared: Setting | None = field.metadata.get("setting")
        value = document[field.name] if field.name in document else to_document(field.default)
        if declared is None:
            yield from _walk(type(field.default), value, f"{path}{field.name}.")
        elif declared.kind is Kind.MANY:
            assert declared.item is not None
            for row in value:
                yield from _walk(declared.item, row, f"{item_path(path + field.name, _name(declared.item, row))}.")
        else:
            yield f"{path}{field.name}", value, declared.secret
