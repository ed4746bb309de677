#!/usr/bin/env python3
"""Check what STYLE.md asks for and no other tool checks: layers, lengths, sentences, banned words, decisions.

Standard library only. Prints `file:line: sentence` for everything found; exit code 1 when there is anything.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_LINES_MAX = 500  # one file answers one question; what is longer answers two
FUNCTION_LINES_MAX = 50  # one screen

LAYERS = {  # imports point to a lower number, or stay in their own folder
    "model": 0,
    "ending": 0,
    "call": 1,
    "engine": 1,
    "cluster": 2,
    "sip": 2,
    "watch": 2,
    "admin": 3,
    "web": 4,
    "console": 4,
    "lab": 4,
    "bootstrap": 1,
    "journal": 1,
    "streams": 1,
    "cli": 5,
    "degraded": 5,
    "resetting": 5,
    "start_file": 5,
    "starting": 5,
    "parts": 6,
    "main": 7,
}
GROUPS = {  # the same inside a folder of folders; what stands beside them in it has no direction
    "cluster": {"trust": 0, "rows": 0, "capacity": 0, "wire": 1, "configuration": 2, "disk": 3, "requirements": 4},
}
PURE = ("model", "call")  # these run inside Kamailio's workers too
IMPURE_MODULES = ("asyncio", "logging", "random", "secrets", "socket", "subprocess", "threading", "time")
OUTSIDE_MODEL = ("KSR",)  # what the engine offers to sip/kemi only
BANNED_NAMES = ("base", "common", "helper", "helpers", "manager", "misc", "util", "utils")
BANNED_CALLS = {
    "os.system": "subprocess.run with a list of arguments",
    "os.popen": "subprocess.run with a list of arguments",
    "time.time": "time.monotonic; moments of the wall clock do not travel (say why in a comment where one is shown)",
    "asyncio.get_event_loop": "asyncio.get_running_loop",
    "datetime.now": "a moment given as an argument (say why in a comment where the wall clock is shown)",
    "random.random": "dice given as an argument, or secrets",
    "tempfile.mktemp": "tempfile.mkstemp",
    "yaml.load": "json",
    "pickle.loads": "model.status.from_row",
    "eval": "a table",
    "exec": "a table",
    "print": "the journal, or click.echo in a command",
}
MAY_PRINT = ("tools/", "tests/", "bench/", "src/sextet/lab/")
WALL_CLOCK = ("time.time", "datetime.now")
WALL_CLOCK_REMARK = "wall clock"  # a comment with these words on the line, or beside it, allows those two


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that STYLE.md asks to be otherwise."""

    path: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.sentence}"


def main(arguments: list[str]) -> int:
    """Check the tree given, or the one this file stands in."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    found = sorted(
        finding for path in sources(root) for finding in check(path.relative_to(root).as_posix(), path.read_text())
    )
    found += decisions(root)
    for finding in found:
        print(finding)
    return 1 if found else 0


def decisions(root: Path) -> list[Finding]:
    """Find decisions with a number that another one has, or with another number in their title."""
    found, seen = [], dict[str, str]()
    for path in sorted((root / "docs" / "decisions").glob("*.md")):
        name, number = path.relative_to(root).as_posix(), path.name.partition("-")[0]
        if number in seen:
            found.append(Finding(name, 1, f"has the number of {seen[number]}: take the next one that is free"))
        if not path.read_text().startswith(f"# {number} "):
            found.append(Finding(name, 1, f"must open with its number, as in # {number} and what was decided"))
        seen.setdefault(number, path.name)
    return found


def sources(root: Path) -> list[Path]:
    """List the Python files that people wrote."""
    return sorted(path for folder in ("src", "tests", "tools", "bench") for path in (root / folder).rglob("*.py"))


def check(path: str, text: str) -> list[Finding]:
    """Find everything in one file; `path` is relative to the root, with slashes."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return [Finding(path, error.lineno or 1, f"is not Python 3.11: {error.msg}")]
    lines = text.splitlines()
    found = [
        *_lengths(tree, lines),
        *_opening(tree, path, text),
        *_names(path),
        *_exceptions(tree, lines),
        *_calls(tree, path, lines),
    ]
    if path.startswith("src/sextet/"):
        found += [*_imports(tree, path), *_docstrings(tree)]
    return [Finding(path, line, sentence) for line, sentence in found]


Found = Iterator[tuple[int, str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _lengths(tree: ast.Module, lines: list[str]) -> Found:
    if len(lines) > FILE_LINES_MAX:
        yield (
            FILE_LINES_MAX + 1,
            f"has {len(lines)} lines, at most {FILE_LINES_MAX}: which two questions does it answer?",
        )
    for node in ast.walk(tree):
        if isinstance(node, Function):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield node.lineno, f"{node.name} has {length} lines, at most {FUNCTION_LINES_MAX}: give its parts names"


def _opening(tree: ast.Module, path: str, text: str) -> Found:
    if not text.strip():
        if path.startswith("src/") or not path.endswith("__init__.py"):
            yield 1, "is empty: say in one paragraph what this folder is for"
        return
    opening = ast.get_docstring(tree)
    if opening is None:
        yield 1, "must open with a sentence that says which question this file answers"
        return
    first = opening.splitlines()[0]
    if not first.rstrip().endswith((".", ":", "?", ",")) and "\n\n" in opening:
        yield 1, "its opening sentence has no end"


def _docstrings(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | Function) and (text := ast.get_docstring(node)):
            first = text.split("\n\n")[0].rstrip()
            if first[-1:] not in ".:?!)":
                yield node.lineno, f"the docstring of {node.name} must be a sentence with an end"


def _names(path: str) -> Found:
    for part in Path(path).with_suffix("").parts:
        if part in BANNED_NAMES:
            yield 1, f"the name {part} says nothing: if it has no noun, it has no place yet"


def _exceptions(tree: ast.Module, lines: list[str]) -> Found:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        kinds = [] if node.type is None else _alternatives(node.type)
        broad = not kinds or any(_dotted(kind) in ("Exception", "BaseException") for kind in kinds)
        tidies_up = isinstance(last := node.body[-1], ast.Raise) and last.exc is None  # the error goes on
        if broad and not tidies_up and not _remark(lines, node.lineno):
            yield node.lineno, "a broad except needs a comment that says why every error ends here"


def _calls(tree: ast.Module, path: str, lines: list[str]) -> Found:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not (name := _dotted(node.func)) or name not in BANNED_CALLS:
            continue
        if name == "print" and path.startswith(MAY_PRINT):
            continue
        if name in WALL_CLOCK and not path.startswith("src/"):
            continue
        if name in WALL_CLOCK and WALL_CLOCK_REMARK in _remark(lines, node.lineno).lower():
            continue
        yield node.lineno, f"instead of {name} use {BANNED_CALLS[name]}"


def _imports(tree: ast.Module, path: str) -> Found:
    own, *within = Path(path).relative_to("src/sextet").with_suffix("").parts
    inside = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, Function)
        for inner in ast.walk(node)
        if inner is not node
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "TYPE_CHECKING":
            yield node.lineno, "no TYPE_CHECKING: a cycle is a design error, move what both need one layer down"
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if id(node) in inside:
            yield (
                node.lineno,
                "no import inside a function: a cycle is a design error, move what both need one layer down",
            )
        for name in _imported(node):
            yield from ((node.lineno, sentence) for sentence in _judge(own, path, name))
            if own in GROUPS and len(within) > 1 and within[0] != "__init__":
                yield from ((node.lineno, sentence) for sentence in _judge_group(own, within[0], name))


def _judge(own: str, path: str, name: str) -> Iterator[str]:
    first, *rest = name.split(".")
    if own in PURE and first in IMPURE_MODULES:
        yield f"{own}/ is pure: {first} must come in as an argument"
    if own in PURE and first not in (*sys.stdlib_module_names, "sextet"):
        yield f"{own}/ is standard library only: {first} is not"
    if first in OUTSIDE_MODEL and not path.startswith("src/sextet/sip/kemi/"):
        yield f"{first} belongs to sip/kemi/ alone"
    if first != "sextet" or not rest or rest[0] == own or own == "__init__":
        return
    if own not in LAYERS or rest[0] not in LAYERS:
        unknown = own if own not in LAYERS else rest[0]
        yield f"{unknown} has no layer: give it one in tools/tidy.py and in ARCHITECTURE.md"
    elif LAYERS[rest[0]] >= LAYERS[own]:
        relation = "its sister" if LAYERS[rest[0]] == LAYERS[own] else "above it"
        yield f"{own} may not import {rest[0]}, which is {relation}"


def _judge_group(own: str, group: str, name: str) -> Iterator[str]:
    layers = GROUPS[own]
    if group not in layers:
        yield f"{own}/{group} has no layer: give it one in tools/tidy.py and in ARCHITECTURE.md"
        return
    match name.split("."):
        case ["sextet", folder, other, *_] if folder == own and other in layers and other != group:
            if layers[other] >= layers[group]:
                relation = "its sister" if layers[other] == layers[group] else "above it"
                yield f"{own}/{group} may not import {own}/{other}, which is {relation}"


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif node.module == "sextet":
        yield from (f"sextet.{alias.name}" for alias in node.names if not alias.name.startswith("__"))
    elif node.module is not None:
        yield node.module


def _alternatives(node: ast.expr) -> list[ast.expr]:
    return list(node.elts) if isinstance(node, ast.Tuple) else [node]


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def _remark(lines: list[str], number: int) -> str:
    """The comment on a line, in the line above it, or in the line below (the first of a block)."""
    near = [lines[index] for index in (number - 1, number - 2, number) if 0 <= index < len(lines)]
    candidates = [
        re.search(r"#\s*(?!noqa|type:|fmt:)(.+)", line)
        for line in (near[0], *(text for text in near[1:] if text.strip().startswith("#")))
    ]
    return " ".join(match.group(1) for match in candidates if match)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
