"""A form made from the declarations of settings: what it shows, what a person changed, and where each problem belongs.

Pure. A form carries the texts it was made from (`was`); what differs from them was typed, and what differs from them in
the configuration was changed by somebody else meanwhile. So two people lose nothing of each other's work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sextet.model.config import as_text
from sextet.model.schema import Kind, Problem, Setting, settings
from sextet.web.elsewhere import gathered

INLINE_MAX = (
    6  # a list of at most so many items is edited in place (peers, mappings, servers); a longer one has its own page
)
WAS_BYTES_MAX = 1 << 20  # a CPL script has up to 256 Ki characters, escaped in JSON
_CHOSEN = (Kind.NUMBER, Kind.CHOICE, Kind.SWITCH)  # kinds that are never empty
KEEP = "The password is not sent back to the browser; type it again, or leave it empty to keep the old one."

Texts = dict[str, Any]  # of one form: name -> text, or for a list in place: list of {name -> text}
Posted = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One control."""

    name: str
    path: str  # of the setting, for problems and for administrators' fingers
    setting: Setting
    value: str
    problems: tuple[str, ...] = ()
    moved: str | None = None  # the value it has now, where somebody else changed it meanwhile
    stored: bool = False  # a secret that is set; never shown
    kept: bool = False  # was chosen when the item was made, and stays
    offered: tuple[str, ...] = ()  # names that may be meant, where the name of something is typed

    @property
    def options(self) -> tuple[str, ...]:
        """Give the values to choose from; none where it is typed."""
        match self.setting.kind:
            case Kind.CHOICE:
                return self.setting.choices
            case Kind.SWITCH:
                return ("On", "Off")
            case Kind.NUMBER if self.setting.high - self.setting.low < 10:
                return tuple(str(n) for n in range(self.setting.low, self.setting.high + 1))
        return ()

    @property
    def unit(self) -> str:
        return {"s": "seconds", "kbps": "kbit/s"}.get(self.setting.unit, self.setting.unit)

    @property
    def limits(self) -> str:
        """Say which values are accepted, where the control does not show it."""
        if self.setting.kind is Kind.NUMBER and not self.options:
            return f"{self.setting.low} to {self.setting.high}" + (f" {self.unit}" if self.unit else "")
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A short list edited in place: its items, and empty rows up to its limit."""

    name: str
    path: str
    setting: Setting
    rows: tuple[tuple[Field, ...], ...]
    problems: tuple[str, ...] = ()
    moved: str | None = None

    @property
    def filled(self) -> int:
        """Count the rows up to the last one with something in it."""
        return max((n for n, row in enumerate(self.rows, 1) if any(cell.value for cell in row)), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Everything a page needs to draw a form."""

    parts: tuple[Field | Rows, ...]
    was: str
    problems: tuple[str, ...] = ()  # those that belong to no control on this page

    @property
    def all_problems(self) -> tuple[tuple[str, str], ...]:
        """List (id of the control, sentence) in the order of the page."""
        found: list[tuple[str, str]] = [("", sentence) for sentence in self.problems]
        for part in self.parts:
            found += [(f"f-{part.name}", sentence) for sentence in part.problems]
            if isinstance(part, Rows):
                cells = (cell for row in part.rows for cell in row)
                found += [(f"f-{cell.name}", sentence) for cell in cells for sentence in cell.problems]
        return tuple(found)

    @property
    def restart(self) -> bool:
        return any(part.setting.applies == "restart" for part in self.parts)

    @property
    def peer(self) -> bool:
        return any(part.setting.peer for part in self.parts)

    @property
    def mandatory(self) -> bool:
        return any(part.setting.mandatory for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a person's form and the present configuration make together."""

    texts: Texts  # typed where typed, else as it is now
    mine: tuple[str, ...]  # names that the person changed and that are not so already
    moved: Texts  # names that both changed -> as they are now


def editable(kind: type, names: Sequence[str] | None = None) -> list[tuple[str, Setting]]:
    """List the settings that a form of a section shows: the named ones, or all but long lists."""
    declared = dict(settings(kind))
    chosen = names if names is not None else [name for name, setting in declared.items() if not is_long(setting)]
    return [(name, declared[name]) for name in chosen]


def is_long(setting: Setting) -> bool:
    """Tell whether a list has its own page."""
    return setting.kind is Kind.MANY and setting.high > INLINE_MAX


def texts_of(fields: Sequence[tuple[str, Setting]], document: Mapping[str, Any]) -> Texts:
    """Show a section's document as the texts of a form; secrets stay empty."""
    return {name: _text_of(setting, document.get(name, setting.default)) for name, setting in fields}


def form_of(
    fields: Sequence[tuple[str, Setting]],
    prefix: str,
    texts: Texts,
    was: Texts | None = None,
    stored: Sequence[str] = (),
) -> Form:
    """Draw a form; `was` is what it was made from, `stored` names the secrets that are set."""
    parts: list[Field | Rows] = []
    for name, setting in fields:
        path = f"{prefix}.{name}"
        if setting.kind is Kind.MANY:
            parts.append(_rows(name, path, setting, texts.get(name, [])))
        else:
            parts.append(Field(name=name, path=path, setting=setting, value=texts.get(name, ""), stored=name in stored))
    return Form(parts=tuple(parts), was=json.dumps(texts if was is None else was, ensure_ascii=False))


def posted_texts(fields: Sequence[tuple[str, Setting]], posted: Posted) -> Texts:
    """Read what was sent; a control that was not sent keeps what the form was made from."""
    was = posted_was(fields, posted)
    texts: Texts = {}
    for name, setting in fields:
        if setting.kind is Kind.MANY:
            sent = [_posted_row(name, n, setting, posted) for n in range(setting.high)]
            there = any(
                f"{name}.{n}.{column}" in posted for n in range(setting.high) for column, _ in _columns(setting)
            )
            texts[name] = [_filled(setting, row) for row in sent if any(row.values())] if there else was.get(name, [])
        else:
            text = posted.get(name, was.get(name, ""))
            text = text.replace("\r\n", "\n") if setting.kind is Kind.DOCUMENT else text  # as browsers send it
            texts[name] = text if setting.secret else text.strip()
    return texts


def posted_was(fields: Sequence[tuple[str, Setting]], posted: Posted) -> Texts:
    """Read what the form was made from; a broken one counts as nothing, so that all of it was typed."""
    text = posted.get("was", "")
    try:
        was = json.loads(text) if len(text) <= WAS_BYTES_MAX else {}
    except (ValueError, RecursionError):
        was = {}
    if not isinstance(was, dict):
        return {}
    return {name: was[name] for name, setting in fields if name in was and _well_shaped(setting, was[name])}


def merged(fields: Sequence[tuple[str, Setting]], typed: Texts, was: Texts, now: Texts) -> Merged:
    """Compare what was typed, what the form was made from, and what is there now."""
    texts: Texts = {}
    mine: list[str] = []
    moved: Texts = {}
    for name, setting in fields:
        touched = bool(typed[name]) if setting.secret else typed[name] != was.get(name)
        texts[name] = typed[name] if touched else now[name]
        if touched and (setting.secret or typed[name] != now[name]):
            mine.append(name)
            if not setting.secret and name in was and now[name] != was[name]:
                moved[name] = now[name]
    return Merged(texts=texts, mine=tuple(mine), moved=moved)


def values_of(fields: Sequence[tuple[str, Setting]], texts: Texts) -> dict[str, Any]:
    """Turn texts into values as a document has them; what cannot be one stays text, and validation says so."""
    return {name: _value_of(setting, texts[name]) for name, setting in fields}


def with_problems(form: Form, problems: Sequence[Problem], prefix: str) -> Form:
    """Put every problem at its control; those of other places are kept for the top of the page."""
    where: dict[str, list[str]] = {}
    elsewhere: list[Problem] = []
    names = {part.name: part for part in form.parts}
    for problem in problems:
        name = _name_in(problem.field, prefix)
        part = names.get(re.split(r"[\[.]", name)[0]) if name else None
        if part is None:
            elsewhere.append(problem)
        else:
            cell = _cell_of(part, name)
            where.setdefault(cell, []).append(problem.sentence)
    parts = tuple(_told(part, where) for part in form.parts)
    return replace(form, parts=parts, problems=(*form.problems, *gathered(elsewhere)))


def with_kept(form: Form) -> Form:
    """Show what was chosen when the item was made, and cannot be changed, as text."""
    parts = (replace(p, kept=p.setting.fixed) if isinstance(p, Field) else p for p in form.parts)
    return replace(form, parts=tuple(parts))


def with_offers(form: Form, names_of: Callable[[str], Sequence[str]]) -> Form:
    """Offer the names that a control may be about; `names_of` gives those of the items of a list."""

    def offered(setting: Setting) -> tuple[str, ...]:
        built_in = setting.choices if setting.kind is Kind.TEXT else ()
        return (*built_in, *(name for kind in setting.names for name in names_of(kind)))

    parts = (replace(p, offered=offered(p.setting)) if isinstance(p, Field) else p for p in form.parts)
    return replace(form, parts=tuple(parts))


def with_moved(form: Form, moved: Texts) -> Form:
    """Show beside each control what somebody else made of it meanwhile."""
    parts = tuple(replace(part, moved=_shown(moved[part.name])) if part.name in moved else part for part in form.parts)
    return replace(form, parts=parts)


def _filled(setting: Setting, row: Mapping[str, str]) -> dict[str, str]:
    """Put the default where nothing was chosen, so that of a new row only what is mandatory need be typed."""
    defaults = {name: as_text(column.default) for name, column in _columns(setting) if column.kind in _CHOSEN}
    return {name: text or defaults.get(name, "") for name, text in row.items()}


def _text_of(setting: Setting, value: Any) -> Any:
    if setting.kind is Kind.MANY:
        return [
            {name: _text_of(column, row.get(name, column.default)) for name, column in _columns(setting)}
            for row in value
        ]
    return "" if setting.secret else as_text(value)


def _value_of(setting: Setting, text: Any) -> Any:
    if setting.kind is Kind.MANY:
        return [{name: _value_of(column, row.get(name, "")) for name, column in _columns(setting)} for row in text]
    if setting.kind is Kind.NUMBER and re.fullmatch(r"-?[0-9]{1,9}", text):
        return int(text)
    if setting.kind is Kind.SWITCH and text in ("On", "Off"):
        return text == "On"
    return text


def _columns(setting: Setting) -> list[tuple[str, Setting]]:
    assert setting.item is not None
    return list(settings(setting.item))


def _rows(name: str, path: str, setting: Setting, texts: Sequence[Mapping[str, str]]) -> Rows:
    filled = [*texts, *({} for _ in range(setting.high - len(texts)))]
    rows = tuple(
        tuple(
            Field(name=f"{name}.{n}.{column}", path=f"{path}.{n}.{column}", setting=inner, value=row.get(column, ""))
            for column, inner in _columns(setting)
        )
        for n, row in enumerate(filled)
    )
    return Rows(name=name, path=path, setting=setting, rows=rows)


def _posted_row(name: str, number: int, setting: Setting, posted: Posted) -> dict[str, str]:
    return {column: posted.get(f"{name}.{number}.{column}", "").strip() for column, _ in _columns(setting)}


def _well_shaped(setting: Setting, value: Any) -> bool:
    if setting.kind is not Kind.MANY:
        return isinstance(value, str)
    return isinstance(value, list) and all(
        isinstance(row, dict) and all(isinstance(text, str) for text in row.values()) for row in value
    )


def _name_in(field: str, prefix: str) -> str:
    """Find a control's name in a problem's path; an item's key may have been edited in the form, so any will do."""
    if field.startswith(f"{prefix}."):
        return field[len(prefix) + 1 :]
    stem, bracket, _ = prefix.partition("[")
    if bracket and field.startswith(f"{stem}["):
        return field.rpartition("].")[2] if "]." in field else ""
    return "" if "." in field else field


def _cell_of(part: Field | Rows, name: str) -> str:
    """Find the cell of a list in place by the key of its row; the list itself where there is no such row."""
    found = re.fullmatch(rf"{re.escape(part.name)}\[(.*)\]\.([a-z_0-9]+)", name)
    if not found or isinstance(part, Field):
        return part.name
    for row in part.rows:
        if row[0].value == found[1] and any(cell.value for cell in row):
            return next((cell.name for cell in row if cell.name.endswith(f".{found[2]}")), part.name)
    return part.name


def _told(part: Field | Rows, where: Mapping[str, Sequence[str]]) -> Field | Rows:
    own = tuple(where.get(part.name, ()))
    if isinstance(part, Field):
        return replace(part, problems=own)
    rows = tuple(tuple(replace(cell, problems=tuple(where.get(cell.name, ()))) for cell in row) for row in part.rows)
    return replace(part, problems=own, rows=rows)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value or "(empty)"
    return "; ".join(" = ".join(text for text in row.values()) for row in value) or "(empty)"
