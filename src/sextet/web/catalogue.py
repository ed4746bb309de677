"""What the pages say in another language: fixed texts by themselves, sentences by the pattern they were made of.

The English text is the key (msgid). Layers below the pages make whole English sentences for page, command line and log
alike; here such a sentence is recognised (`In force on {there} of {peers}, ...`), its values are taken out and put into
the translation. What is not recognised is shown as it is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from sextet.admin.wording import count

FOLDER = Path(__file__).parent / "locales"
SENTENCES = "sentences.po"  # the catalogue of those that are recognised; the others are looked up as they are
SENTENCE_MAX = (
    700  # characters; what is longer is no sentence of ours, and may be a stranger's: 700 of the worst take 60 ms
)
DEPTH_MAX = 6  # sentences within sentences; ours have fewer, and what is deeper is not read further
KNOWN_MAX = 2048  # sentences remembered with their translation
_PLACE = re.compile(r"\{(\w+)\}")
_LETTER = re.compile("[A-Za-z]")
_END = re.compile(r"(?<=[.?!]) ")
_COMMAS = re.compile(", | and ")
_NAME = re.compile(r"\S+")
_NUMBER = re.compile(r"\d[\d.]*")
# So that "{n} peers" is not found in every sentence that ends so.
_SHAPES = {"n": re.compile(r"\d+"), "ip": _NAME, "used": _NUMBER, "most": _NUMBER}
_DURATION = re.compile(r"\d+ (d|h|min|s)( \d+ (h|min|s))?")
_UNITS = re.compile(r" (d|h|min|s)\b")
_LINE = re.compile(r'(?:(msgid|msgid_plural|msgstr|msgstr\[0\]) )?"(.*)"')


class Catalogue:
    """The texts of one language; without any, English. Of the sentences, those with values are recognised."""

    def __init__(self, texts: Mapping[str, str] | None = None, sentences: Mapping[str, str] | None = None) -> None:
        self.texts = {**(texts or {}), **(sentences or {})}
        patterns = [_Pattern.of(text) for text in sentences or {} if _PLACE.search(text)]
        self._patterns = sorted(patterns, key=lambda pattern: (-pattern.words, -len(pattern.names)))
        self.said = functools.lru_cache(KNOWN_MAX)(self._said)

    def text(self, text: str) -> str:
        """Give a fixed text."""
        return self.texts.get(text) or text

    def filled(self, text: str, /, **values: object) -> Markup:
        """Give a fixed text of a template with its values, which are escaped unless they are HTML already."""
        return Markup(self.text(text)).format(**values)

    def term(self, name: str) -> Markup:
        """Give a name by which manuals, command line and logs call something, and below it how they call it."""
        said = self.say(name)
        both = Markup("{} <span class=term lang=en>{}</span>")
        return both.format(said, name) if said != name else Markup.escape(name)

    def counted(self, number: int, *noun: str) -> str:
        """Give a number with its noun."""
        return self.say(count(number, *noun))

    def beside(self, sentence: str, label: str) -> str:
        """Give a problem as it stands beside its control: without the control's label."""
        rest = self.say(sentence).removeprefix(f"{label}: ").removeprefix(f"{self.text(label)}：")
        return rest[:1].upper() + rest[1:]

    def say(self, sentence: str) -> str:
        """Give a sentence that was finished in English; HTML and what is no text stay as they are."""
        plain = isinstance(sentence, str) and not isinstance(sentence, Markup) and self.texts
        return self.said(sentence) if plain else sentence

    def _said(self, sentence: str, depth: int = 0) -> str:
        if len(sentence) > SENTENCE_MAX or depth > DEPTH_MAX:
            return sentence
        parts = _END.split(sentence)
        said = [self._whole(part, depth) for part in parts] if sentence not in self.texts and len(parts) > 1 else []
        if not (said and all(said)) and (found := self._whole(sentence, depth)):
            return found
        if not any(said):
            return sentence
        return "".join(new or old + " " for new, old in zip(said, parts, strict=True)).strip()

    def _whole(self, sentence: str, depth: int) -> str:
        """Give one sentence, read whole or as a label and a problem, whichever leaves less English; "" for none."""
        readings = [self._one(sentence, depth)]
        label, colon, rest = sentence.partition(": ")
        if colon and sentence not in self.texts and (said := self._known(label, depth)):
            readings += [f"{said}：{problem}" for problem in [self._one(rest, depth)] if problem]
        return min(filter(None, readings), key=lambda said: len(_LETTER.findall(said)), default="")

    def _one(self, sentence: str, depth: int) -> str:
        """Give a sentence that may begin with a capital where its text does not, or the other way; "" for none."""
        if sentence not in self.texts and not _END.search(sentence) and (found := self._pieces(sentence, depth)):
            return found
        return self._known(sentence, depth) or self._known(sentence[:1].swapcase() + sentence[1:], depth)

    def _pieces(self, sentence: str, depth: int) -> str:
        """Give clauses that are known one by one, or a list of texts or single names; "" where it is none of these."""
        end = "。" if sentence.endswith(".") else ""
        body = sentence.removesuffix(".")
        clauses = [self._known(part, depth) for part in body.split("; ")]
        if len(clauses) > 1 and all(clauses):
            return "；".join(clauses) + end
        items = _COMMAS.split(body)
        listed = [self.texts.get(item) or (item if _NAME.fullmatch(item) else "") for item in items]
        is_list = len(items) > 1 and all(listed) and (" and " in body or listed != items)
        return "、".join(listed) + end if is_list else ""

    def _known(self, sentence: str, depth: int) -> str:
        if sentence in self.texts:
            return self.texts[sentence]
        if _DURATION.fullmatch(sentence):
            return _UNITS.sub(lambda unit: " " + self.text(unit[1]), sentence)
        near = [pattern for pattern in self._patterns if pattern.longest in sentence]
        # A pattern that ends as the sentence does comes first: the other kind would take the end for a value's.
        for pattern in sorted(near, key=lambda pattern: not (sentence.endswith(".") and pattern.text.endswith("."))):
            values = pattern.values(sentence)
            if values is None:
                continue
            said = {name: self.said(value, depth + 1) for name, value in values.items()}
            if pattern.words or said != values:  # punctuation alone is no sentence of ours
                return self.texts[pattern.text].format(**said)
        return ""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A sentence with places for values, as what is fixed before, between and after them."""

    text: str
    names: tuple[str, ...]
    fixed: tuple[str, ...]  # one more than names
    longest: str  # of the fixed pieces: without it a sentence need not be looked at

    @classmethod
    def of(cls, text: str) -> _Pattern:
        pieces = _PLACE.split(text)
        fixed = tuple(pieces[::2])
        return cls(text, tuple(pieces[1::2]), fixed, max(fixed, key=len))

    @property
    def words(self) -> int:
        """Count the letters that say which sentence it is."""
        return sum(letter.isalpha() for piece in self.fixed for letter in piece)

    def values(self, sentence: str) -> dict[str, str] | None:
        """Take the values out of a sentence; each is as short as it can be, so that it takes one pass."""
        first, *between = self.fixed[:-1]
        last = self.fixed[-1]
        if not sentence.startswith(first) or not sentence.endswith(last):
            return None
        at, end, found = len(first), len(sentence) - len(last), []
        for piece in between:
            next_at = sentence.find(piece, at + 1, end)
            if next_at < 0:
                return None
            found.append(sentence[at:next_at])
            at = next_at + len(piece)
        found.append(sentence[at:end])
        values = dict(zip(self.names, found, strict=True))
        if any(len(piece) > 4 and piece in value for piece in self.fixed for value in found):
            return None  # a sentence of several such parts: this is not the one that holds them
        shaped = all(_SHAPES[name].fullmatch(value) for name, value in values.items() if name in _SHAPES)
        return values if all(found) and shaped else None


@functools.cache
def catalogue(language: str) -> Catalogue:
    """Read the texts of a language; English has none, it is what the others translate."""
    texts: dict[str, str] = {}
    sentences: dict[str, str] = {}
    for path in sorted((FOLDER / language).glob("*.po")):
        into = sentences if path.name == SENTENCES else texts
        for keys, text in entries(path.read_text()):
            into.update((key, text) for key in keys if text)
    return Catalogue(texts, sentences)


def entries(po: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Read a gettext catalogue: the English text (two where a number decides) and the translation of each entry."""
    for block in po.split("\n\n"):
        fields: dict[str, str] = {}
        field = ""
        for line in block.splitlines():
            if found := _LINE.fullmatch(line):
                field = found[1] or field
                fields[field] = fields.get(field, "") + _unescaped(found[2])
        keys = tuple(fields[name] for name in ("msgid", "msgid_plural") if fields.get(name))
        if keys:
            yield keys, fields.get("msgstr", "") or fields.get("msgstr[0]", "")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)
