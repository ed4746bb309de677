"""Where the original's xConfiguration paths lead: `Zones Zone 2 Neighbor SIP Port` is `zones[HQ].sip_port`.

The declarations of the settings carry these paths (facts, appendix A); `{type}` in one is the type of the zone whose
setting it is. An entry of a list has the number of its place. The setting that names an entry adds one where its number
is the next, and where that name may be empty, an empty one removes it: so the original's fixed places, such as DNS
Server 1 to 5, are filled.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sextet.model.config import item_path, to_document
from sextet.model.schema import Kind, Setting, setting, settings
from sextet.model.sections import KEYS, Root

_YES_NO = ("Authentication", "Neighbor Monitor")  # settings that are Yes or No there, not On or Off


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One setting, by the original's path and by ours."""

    shown: str
    path: str  # of what is not there yet: of the list to which its entry is added
    declared: Setting
    value: Any
    entry: str = ""  # where this setting names an entry: the path of that
    adds: str = ""  # where the entry is not there yet: this setting's own name


def key(words: str) -> str:
    """Make paths comparable: spaces and case do not count, but one number is not the beginning of another."""
    return _key("".join(words.split()).lower())


@functools.lru_cache(maxsize=4096)
def _key(squeezed: str) -> str:
    return re.sub(r"(\d+)", r" \1 ", squeezed)


def places(whole: Root, begins: str = "") -> Iterator[Place]:
    """Give every setting whose path begins so; and where a next number is named, the setting that adds its entry."""
    wanted = key(begins)
    for field in dataclasses.fields(Root):
        inside, declared = getattr(whole, field.name), field.metadata.get("setting")
        if declared is None:
            yield from _settings(inside, "", f"{field.name}.", wanted)
        elif declared.path:
            yield from _entries(declared, inside, declared.path, field.name, wanted)


def in_order(shown: str) -> list[tuple[int, str]]:
    """Sort by the alphabet, and numbers by their size."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", shown)]


def edit(place: Place, text: str) -> tuple[str, dict[str, Any]]:
    """Say which command sets a setting to what was written, with its arguments."""
    value = read(place.declared, text)
    if place.adds:
        return "config add", {"path": place.path, "value": {place.adds: value}}
    if place.entry and not text and not place.declared.low and place.declared.kind is not Kind.NUMBER:
        return "config remove", {"path": place.entry}
    return "config set", {"path": place.path, "value": value}


def entry(kind: type, words: Mapping[str, str], given: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Make a new entry of a list from parameters; gives also those that name no setting of it.

    `words` are the parameters of the command with the setting of each; all others are paths of xConfiguration.
    """
    values: dict[str, Any] = {
        words[name]: read(setting(kind, words[name]), text) for name, text in given.items() if name in words
    }
    unknown = []
    for name, text in given.items():
        if name in words:
            continue
        there = _settings(kind(**values), "", "", key(name))
        found = next((place for place in there if key(place.shown) == key(name)), None)
        if found is None:
            unknown.append(name)
        elif found.adds:
            item = setting(kind, found.path).item
            assert item is not None
            values[found.path] = (*values.get(found.path, ()), item(**{found.adds: text}))
        else:
            values[found.path] = read(found.declared, text)
    return {name: to_document(value) for name, value in values.items()}, unknown


def read(declared: Setting, text: str) -> str:
    """Put a value of the original's into the words of a setting; what is none stays, and the setting refuses it."""
    if declared.kind is Kind.CHOICE:
        return next((one for one in declared.choices if key(one) == key(text)), text)
    if declared.kind is Kind.SWITCH:
        return {"yes": "On", "no": "Off"}.get(text.lower(), text)
    return text


def written(place: Place) -> str:
    """Write a value as the original does."""
    if place.declared.kind is Kind.SWITCH:
        yes, no = ("Yes", "No") if place.shown.endswith(_YES_NO) else ("On", "Off")
        return yes if place.value else no
    return _one_word(place.value) if place.declared.kind is Kind.CHOICE else str(place.value)


def space(declared: Setting) -> str:
    """Write which values a setting takes as the original does: <1..65534>, <On/Off>, <S: 1, 50>."""
    match declared.kind:
        case Kind.NUMBER:
            return f"<{declared.low}..{declared.high}>"
        case Kind.SWITCH:
            return "<On/Off>"
        case Kind.CHOICE:
            return f"<{'/'.join(_one_word(one) for one in declared.choices)}>"
        case _:
            return f"<S: {max(declared.low, int(declared.mandatory))}, {declared.high}>"


def _settings(item: Any, shown: str, path: str, wanted: str) -> Iterator[Place]:
    for name, declared in settings(type(item)):
        if not (words := _words(declared, item)):
            continue
        here = f"{shown}{words}"
        keyed = key(here)
        if declared.kind is Kind.MANY:
            yield from _entries(declared, getattr(item, name), here, f"{path}{name}", wanted)
        elif keyed.startswith(wanted):
            yield Place(shown=here, path=f"{path}{name}", declared=declared, value=getattr(item, name))


def _entries(declared: Setting, items: tuple[Any, ...], shown: str, path: str, wanted: str) -> Iterator[Place]:
    assert declared.item is not None
    keyed, name = key(shown), KEYS[declared.item]
    for number, item in enumerate((*items, declared.item())[: declared.high], 1):
        mine, new = f"{keyed} {number} ", number > len(items)
        if not wanted.startswith(mine) and (new or not mine.startswith(wanted)):
            continue
        its = item_path(path, str(getattr(item, name)))
        for place in _settings(item, f"{shown} {number} ", f"{its}.", wanted):
            names = place.path == f"{its}.{name}"
            if names and new:
                yield dataclasses.replace(place, path=path, entry=its, adds=name)
            elif not new:
                yield dataclasses.replace(place, entry=its) if names else place


def _words(declared: Setting, item: Any) -> str:
    """Give the words of a setting in the path; none where an item of its fixed type, such as a DNS zone, lacks it."""
    belongs = _belongs(declared, type(item), item)
    return declared.path.replace("{type}", _one_word(getattr(item, "type", ""))) if belongs else ""


def _belongs(declared: Setting, kind: type, item: Any) -> bool:
    if declared.when is None:
        return True
    name, values = declared.when
    chosen = setting(kind, name)
    return (not chosen.fixed or getattr(item, name) in values) and _belongs(chosen, kind, item)


def _one_word(words: str) -> str:
    """Write `No bandwidth` as the original does: NoBandwidth."""
    return "".join(word[:1].upper() + word[1:] for word in words.split()) if " " in words else words
