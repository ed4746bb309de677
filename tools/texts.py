#!/usr/bin/env python3
"""Find every English text that the pages say by themselves, and add what is new to the catalogues of other languages.

Texts come from the templates, the sentences in `web/`, and the declarations in `model/`. Sentences of other layers are
translated too where a catalogue has them; `said_anywhere` finds those, so that none stays that nobody says any more.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import sys
from collections.abc import Iterable, Iterator

from jinja2 import Environment, nodes

from sextet.model import absent_alarms, alarms
from sextet.model.schema import Kind, settings
from sextet.model.sections import Root
from sextet.web.catalogue import FOLDER, entries
from sextet.web.desk import HERE, SCRIPTS
from sextet.web.marking import Marking
from sextet.web.menu import MENU
from sextet.web.pages.declared import LIST_PAGES

SOURCE = HERE.parent
NEW = "pages.po"  # where new texts are added; move them to where they belong
COUNTED = ("peer", "processor", "check", "edit", "registration")  # nouns that layers below the pages count
ALSO = (  # what is put together from pieces, as it is when it is finished
    "{n} to {n2}",
    "{n} to {n2} seconds",
    "{n} to {n2} kbit/s",
    "{n} to {n2}.",
    "{n} to {n2} seconds.",
    "{n} to {n2} kbit/s.",
    "{n} to {n2} %.",
    "{n} to {n2} MB.",
    "from {by_name}",
    "from {by_name}: {measured}",
    "r{revision} {step} · v{version}",
    "RTT {ms} ms · r{revision} {step} · v{version}",
    "{active} of {count} active, {lost}.",
    "{active} of {count} active as seen from {name}, {lost}.",
    "the link is DOWN: {reason}",
    "Cluster {name}: {state}.",
    "{peer_name}: {state}, {cause}.",
    "{name} is {ip}, and back",
    "failed: {listed}",
    "{n} could not be measured",
    "{listed} could not be asked",
    "{whom} get the list: {listed}.",
    "{whom} gets the list: {listed}.",
    "The call is connected with {kbps} kbit/s.",
    "Alarm {number} is not raised on {where}; {hint}.",
    "{sees} sees {seen}, but {seen_2} does not see {sees_2}: {reason}.",
    "media sessions",
    " and ",
    "Found",
    "Critical",
    "Alert",
    "Error",
    "Warning",
    "Notice",
)
SPEAKING = ("events", "forms", "guard", "saving", "site")  # modules of web/ whose sentences people read, beside pages/
UNSAID = (
    "{str} {word}",
    "{peer_name}: {sentence}",
    "{host}: {state}",
    "{peer_name}: {capture}",
    "{low} to {high}",
)  # no sentences by themselves
_SENTENCE = re.compile(r" ?[A-Z{(][^\n]* [a-z{(][^\n]*|[a-z][^\n]* [^\n]*[.?!:]")
_WORD = re.compile(r"[A-Z][a-z]{2,}.*|.*[a-z] [a-z].*", re.DOTALL)
Text = tuple[str, ...]  # one, or singular and plural


def main() -> int:
    """Add the texts that are new; says how many still wait for a translation."""
    wanted = dict.fromkeys(fixed_texts())
    for folder in sorted(path for path in FOLDER.iterdir() if path.is_dir()):
        known = {
            key for path in folder.glob("*.po") for keys, text in entries(path.read_text()) for key in keys if text
        }
        new = [text for text in wanted if text[0] not in known]
        there = (folder / NEW).read_text()
        with (folder / NEW).open("a") as file:
            file.writelines(entry(text, "") for text in new if f"msgid {_quoted(text[0])}\n" not in there)
        print(f"{folder.name}: {len(new)} of {len(wanted)} texts wait for a translation")
    return 0


def entry(text: Text, translation: str) -> str:
    """Write an entry of a catalogue."""
    if len(text) == 2:
        keys = f"msgid {_quoted(text[0])}\nmsgid_plural {_quoted(text[1])}\nmsgstr[0] {_quoted(translation)}\n"
    else:
        keys = f"msgid {_quoted(text[0])}\nmsgstr {_quoted(translation)}\n"
    return f"\n{keys}"


def fixed_texts() -> Iterator[Text]:
    """Walk every text that must have a translation."""
    for path in sorted((HERE / "templates").glob("*.html")):
        yield from of_template(path.read_text())
    yield from ((text,) for text in (*SCRIPTS, *ALSO))
    yield from ((f"{{n}} {noun}", f"{{n}} {noun}s") for noun in COUNTED)
    for entry in MENU:
        yield from ((word,) for word in (entry.group, entry.above, entry.name, entry.heading) if word)
    yield from ((text,) for text in ("{group} › {above}", "d", "h", "min", "s"))
    for page in LIST_PAGES:
        yield from ((page.noun,), (f"{{n}} {page.noun}", f"{{n}} {page.noun}s"))
    for path in (*sorted((HERE / "pages").glob("*.py")), *(HERE / f"{name}.py" for name in SPEAKING)):
        yield from ((text.strip(),) for text in of_python(path.read_text(), strict=True))
    yield from _of_model()


def of_template(source: str) -> Iterator[Text]:
    """Walk the texts of a template: those marked when it is read, and those given to macros and filters."""
    tree = Environment(extensions=[Marking]).parse(source)
    for call in tree.find_all(nodes.Call):
        name = getattr(call.node, "name", "") or getattr(call.node, "attr", "")
        if name in ("_", "term") and isinstance(call.args[0], nodes.Const):
            yield (call.args[0].value,)
        elif name in ("shown", "filter"):
            noun = call.args[-1]
            if isinstance(noun, nodes.Const):
                yield (f"{{n}} {noun.value}", f"{{n}} {noun.value}s") if name == "shown" else (noun.value,)
        else:
            for argument in (*call.args, *(one.value for one in call.kwargs)):
                yield from ((text,) for text in _of_expression(argument) if _WORD.fullmatch(text))
            if name == "state":
                yield from ((text,) for text in _of_expression(call.args[1]) if _is_said(text))
    for found in tree.find_all(nodes.Filter):
        if found.name == "counted" and isinstance(found.args[0], nodes.Const):
            one = found.args[0].value
            many = found.args[1].value if len(found.args) > 1 else one + "s"  # type: ignore[attr-defined]
            yield (f"{{n}} {one}", f"{{n}} {many}")
        elif found.name == "said" and found.node is not None:
            yield from ((text,) for text in _of_expression(found.node) if _WORD.fullmatch(text))
    for macro in tree.find_all(nodes.Macro):
        yield from ((text,) for one in macro.defaults for text in _of_expression(one) if _WORD.fullmatch(text))


def _is_said(text: str) -> bool:
    """Tell whether there are words in it, and whether its values can be told apart."""
    return "}{" not in text and re.search("[a-z]", re.sub(r"\{\w+\}", "", text)) is not None


def _of_expression(node: nodes.Node) -> Iterator[str]:
    """Walk the texts that an expression may give."""
    match node:
        case nodes.Const():
            if isinstance(node.value, str):
                yield node.value
        case nodes.CondExpr():
            yield from _of_expression(node.expr1)
            if node.expr2 is not None:
                yield from _of_expression(node.expr2)
        case nodes.Concat():
            yield _pattern(
                str(part.value) if isinstance(part, nodes.Const) else f"{{{_named(part)}}}" for part in node.nodes
            )
        case nodes.Tuple() | nodes.List():
            for item in node.items:
                yield from _of_expression(item)
        case nodes.Or() | nodes.And():
            yield from _of_expression(node.left)
            yield from _of_expression(node.right)


def _named(node: nodes.Node) -> str:
    """Name a value: the last attribute, name or filter in it."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Name):
        return node.name
    inner = next(iter(node.iter_child_nodes()), None)
    return _named(inner) if inner is not None else "value"


def of_python(source: str, *, strict: bool) -> Iterator[str]:
    """Walk the sentences of a module, values as places; strict leaves out what is no whole sentence."""
    tree = ast.parse(source)
    quiet = {id(one) for node in ast.walk(tree) for one in _not_said(node)}
    for node in ast.walk(tree):
        if id(node) in quiet:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = _pattern(
                str(part.value) if isinstance(part, ast.Constant) else f"{{{_value(part)}}}" for part in node.values
            )
        else:
            continue
        if (_SENTENCE.fullmatch(text) and text not in UNSAID) if strict else re.search(r"[a-z]", text):
            yield text


def _not_said(node: ast.AST) -> Iterable[ast.AST]:
    """Name the strings that are parts of others, documentation, or addresses."""
    if isinstance(node, ast.JoinedStr):
        return [one for one in ast.walk(node) if one is not node]
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
        return [node.body[0].value]  # type: ignore[attr-defined]
    return []


def _value(node: ast.AST) -> str:
    names = [
        one.attr if isinstance(one, ast.Attribute) else one.id
        for one in ast.walk(node)
        if isinstance(one, (ast.Attribute, ast.Name))
    ]
    return names[0] if names else "value"


def _pattern(parts: Iterable[str]) -> str:
    """Join the parts of a sentence; a place that comes twice gets a number."""
    seen: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        seen[found[1]] = seen.get(found[1], 0) + 1
        return f"{{{found[1]}}}" if seen[found[1]] == 1 else f"{{{found[1]}_{seen[found[1]]}}}"

    return re.sub(r"\{(\w+)\}", numbered, "".join(parts))


def _of_model() -> Iterator[Text]:
    for section in Root.__dataclass_fields__.values():
        if declared := section.metadata.get("setting"):
            yield from ((declared.label,), (declared.help,))
            yield from _of_section(declared.item)
        else:
            yield from _of_section(type(section.default))
    for kind in (*vars(alarms).values(), *vars(absent_alarms).values()):
        if isinstance(kind, alarms.AlarmType):
            yield from ((kind.title,), (kind.text,), (kind.action,))


def _of_section(section: type) -> Iterator[Text]:
    for _, declared in settings(section):
        yield from ((declared.label,), (declared.help,))
        if declared.kind is Kind.MANY and declared.item is not None:
            yield from _of_section(declared.item)


@functools.cache
def said_anywhere() -> frozenset[str]:
    """Give all that any layer says, in which a translated sentence must still be found."""
    files = sorted(SOURCE.rglob("*.py"))
    return frozenset(text.strip() for path in files for text in of_python(path.read_text(), strict=False))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
