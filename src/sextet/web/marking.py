"""Templates say everything in English; here their fixed texts become `_()`, so that nobody has to mark them one by one.

A text is what stands between two tags or statements, with the values in it: `Restart {{ own_name }} now` becomes
`{{ _("Restart {own_name} now", own_name=(own_name)) }}`, and so do the attributes that people read or hear. Where the
order of words matters beyond a tag, `_()` stands in the template. What is in `<code>` is typed or read as it is.
"""

from __future__ import annotations

import json
import re

from jinja2.ext import Extension

_JINJA = r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}"
_PIECE = re.compile(
    rf"(?P<value>\{{\{{.*?\}}\}})|(?P<other><code.*?</code>|\{{#.*?#\}}|\{{%.*?%\}})|(?P<tag><[!/a-z](?:{_JINJA}|[^>])*>)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r'\b((?:title|aria-label|placeholder|data-is)=")((?:\{\{.*?\}\}|\{%.*?%\}|[^"])*)"', re.DOTALL)
_VALUE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_STATEMENT = re.compile(r"(\{%.*?%\})", re.DOTALL)
_BLANKS = re.compile(r"[ \n]+")
_NO_WORD = re.compile(r"\{\{.*?\}\}|&\w+;|[^A-Za-z]", re.DOTALL)  # without these nothing is left of what needs no words


class Marking(Extension):
    """Marks the fixed texts of a template before it is compiled."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return marked(source)


def marked(source: str) -> str:
    """Put every fixed text of a template into `_()`."""
    done: list[str] = []
    run = 0  # where the text begins that is not yet done
    for piece in _PIECE.finditer(source):
        if piece["value"]:
            continue  # part of the text around it
        done.append(_text(source[run : piece.start()]))
        done.append(_tag(piece[0]) if piece["tag"] else piece[0])
        run = piece.end()
    return "".join([*done, _text(source[run:])])


def _tag(tag: str) -> str:
    def attribute(found: re.Match[str]) -> str:
        parts = _STATEMENT.split(found[2])
        return found[1] + "".join(part if part.startswith("{%") else _text(part) for part in parts) + '"'

    return _ATTRIBUTE.sub(attribute, tag)


def _text(text: str) -> str:
    words = text.strip(" \n")
    if _VALUE.sub("", words) == "." != words:  # the value is the sentence, and only the full stop is ours
        head, _, tail = text.rpartition(".")
        return f'{head}{{{{ _(".") }}}}{tail}'
    if not _NO_WORD.sub("", words) and words != ".":
        return text
    values: dict[str, str] = {}
    said = _VALUE.sub(lambda found: "{" + _name(found[1].strip(), values) + "}", _BLANKS.sub(" ", words))
    given = "".join(f", {name}=({expression})" for name, expression in values.items())
    begin, _, end = text.partition(words)
    return f"{begin}{{{{ _({json.dumps(said, ensure_ascii=False)}{given}) }}}}{end}"


def _name(expression: str, values: dict[str, str]) -> str:
    """Name a value after what it is: the last word of the first path in its expression."""
    bare = re.sub(r'"[^"]*"|\|\s*\w+', "", expression)
    path = re.search(r"[a-z_][\w.]*", bare)
    stem = path[0].rpartition(".")[2] if path else "value"
    names = (stem, *(f"{stem}_{n}" for n in range(2, 10)))
    name = next(one for one in names if values.get(one, expression) == expression)
    values[name] = expression
    return name
