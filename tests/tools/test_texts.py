"""The catalogues of other languages: each text of the pages is in them, and nothing that nobody says."""

from __future__ import annotations

import re

import pytest

from sextet.web.catalogue import FOLDER, SENTENCES, catalogue, entries
from sextet.web.language import ENGLISH, NAMES
from tools import texts

OTHERS = [name for name in NAMES if name != ENGLISH]
KEPT = re.compile(r"\{\w*\}|%\w+%|<\w+>|`[^`]+`")  # values, variables, tags and commands


@pytest.mark.parametrize("language", OTHERS)
def test_everything_that_the_pages_say_by_themselves_is_translated(language: str) -> None:
    known = catalogue(language).texts
    left = [text for text in texts.fixed_texts() if any(key not in known for key in text)]
    assert left == [], "`make texts` adds these to web/locales; translate them there, in the words of decision 0021"


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_loses_a_value_or_is_there_twice(language: str) -> None:
    seen: dict[str, str] = {}
    for path in sorted((FOLDER / language).glob("*.po")):
        for keys, text in entries(path.read_text()):
            for key in keys:
                assert sorted(set(KEPT.findall(key))) == sorted(set(KEPT.findall(text))), (path.name, key)
                assert seen.setdefault(key, path.name) == path.name, f"{key!r} is in {seen[key]} and {path.name}"


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_translated_that_nobody_says(language: str) -> None:
    said = {key for text in texts.fixed_texts() for key in text} | texts.said_anywhere()
    assert sorted(set(catalogue(language).texts) - said) == [], "their English changed or went: change web/locales too"


@pytest.mark.parametrize("language", OTHERS)
def test_sentences_can_be_told_apart(language: str) -> None:
    for keys, _ in entries((FOLDER / language / SENTENCES).read_text()):
        for key in keys:
            first, *between = re.split(r"\{\w+\}", key)
            assert all(between[:-1]), f"nothing stands between two values of {key!r}"
            assert re.search(r"\w|: | › ", "".join((first, *between))), f"{key!r} is found in everything"


def test_texts_are_found_where_they_are_said() -> None:
    template = """<th title="Its peers">Peer</th>{{ m.state("ok", "Yes" if good else "Not yet") }}
    {{ m.notice("warn", "The calls of " ~ silent | join(" and ") ~ " are missing.") }}{{ n | counted("day") }}"""
    assert set(texts.of_template(template)) >= {
        ("Its peers",),
        ("Peer",),
        ("Yes",),
        ("Not yet",),
        ("The calls of {silent} are missing.",),
        ("{n} day", "{n} days"),
    }
    module = 'def f():\n    """A docstring is no text."""\n    return f"Backup {one.name} of {two.name}: done.", "ok"\n'
    assert list(texts.of_python(module, strict=True)) == ["Backup {name} of {name_2}: done."]
