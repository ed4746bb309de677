"""The style guide's program finds what it says it finds, and nothing in this tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.tidy import FILE_LINES_MAX, FUNCTION_LINES_MAX, check, decisions, main, sources

ROOT = Path(__file__).resolve().parents[2]
HEAD = '"""Answer one question."""\n'


def sentences(path: str, text: str) -> list[str]:
    return [finding.sentence for finding in check(path, text)]


def test_this_tree_is_tidy() -> None:
    found = [
        finding for path in sources(ROOT) for finding in check(path.relative_to(ROOT).as_posix(), path.read_text())
    ]
    found += decisions(ROOT)
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize(
    ("path", "line", "words"),
    [
        ("src/sextet/model/x.py", "import asyncio", "model/ is pure: asyncio"),
        ("src/sextet/call/x.py", "from time import monotonic", "call/ is pure: time"),
        ("src/sextet/call/x.py", "import jinja2", "standard library only"),
        ("src/sextet/model/x.py", "from sextet.call import search", "model may not import call, which is above it"),
        (
            "src/sextet/sip/x.py",
            "from sextet.cluster.wire.link import Link",
            "sip may not import cluster, which is its sister",
        ),
        ("src/sextet/admin/x.py", "import sextet.web.app", "admin may not import web, which is above it"),
        ("src/sextet/cluster/x.py", "from sextet import main", "cluster may not import main, which is above it"),
        (
            "src/sextet/engine.py",
            "from sextet.call.table import Table",
            "engine may not import call, which is its sister",
        ),
        (
            "src/sextet/cluster/trust/x.py",
            "from sextet.cluster.disk import vault",
            "cluster/trust may not import cluster/disk, which is above it",
        ),
        (
            "src/sextet/cluster/rows/x.py",
            "from sextet.cluster.trust.tls import server",
            "cluster/rows may not import cluster/trust, which is its sister",
        ),
        ("src/sextet/cluster/novel/x.py", "from sextet.cluster import face", "cluster/novel has no layer"),
        ("src/sextet/novel/x.py", "from sextet.model import schema", "novel has no layer"),
        ("src/sextet/sip/engine.py", "import KSR", "belongs to sip/kemi/ alone"),
        ("src/sextet/web/x.py", "def f() -> None:\n    import json", "no import inside a function"),
        ("src/sextet/web/x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass", "no TYPE_CHECKING"),
        ("src/sextet/web/utils.py", "", "the name utils says nothing"),
        ("src/sextet/web/helpers/x.py", "", "the name helpers says nothing"),
        ("src/sextet/web/x.py", "import os\nos.system('x')", "instead of os.system use subprocess.run"),
        ("src/sextet/web/x.py", "import time\ntime.time()", "instead of time.time use time.monotonic"),
        ("src/sextet/web/x.py", "print(1)", "instead of print use"),
        ("src/sextet/web/x.py", "try:\n    pass\nexcept Exception:\n    pass", "a broad except needs a comment"),
        ("src/sextet/web/x.py", "try:\n    pass\nexcept (OSError, BaseException):\n    pass", "a broad except"),
        ("src/sextet/web/x.py", 'def f() -> None:\n    """Do it"""', "the docstring of f must be a sentence"),
        ("tests/x.py", "def f() -> None:\n" + "    pass\n" * FUNCTION_LINES_MAX, "f has 51 lines, at most 50"),
        ("tests/x.py", "pass\n" * FILE_LINES_MAX, "has 501 lines, at most 500"),
        ("tests/x.py", "def f(:", "is not Python 3.11"),
    ],
)
def test_what_the_guide_forbids_is_found(path: str, line: str, words: str) -> None:
    assert any(words in sentence for sentence in sentences(path, HEAD + line)), sentences(path, HEAD + line)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("src/sextet/call/x.py", "from sextet.model import schema\nfrom sextet.call.alias import Alias\nimport re"),
        ("src/sextet/main.py", "from sextet.web.app import WebServer\nfrom sextet import __version__"),
        ("src/sextet/sip/kemi/x.py", "import KSR"),
        ("src/sextet/web/x.py", "try:\n    pass\nexcept Exception:  # the task ends here\n    pass"),
        ("src/sextet/web/x.py", "try:\n    pass\nexcept Exception:\n    # the task ends here\n    pass"),
        ("src/sextet/web/x.py", "try:\n    pass\nexcept BaseException:\n    close()\n    raise"),
        ("src/sextet/watch/x.py", "import time\ntime.time()  # the wall clock is shown to people"),
        ("tools/x.py", "print(1)"),
    ],
)
def test_what_the_guide_allows_passes(path: str, line: str) -> None:
    assert sentences(path, HEAD + line) == []


def test_a_file_without_an_opening_sentence_is_found() -> None:
    assert sentences("src/sextet/web/x.py", "x = 1\n") == [
        "must open with a sentence that says which question this file answers"
    ]
    assert sentences("src/sextet/web/__init__.py", "") == ["is empty: say in one paragraph what this folder is for"]
    assert sentences("tests/web/__init__.py", "") == []


def test_the_program_ends_with_1_when_it_finds_something(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "x.py").write_text("x = 1\n")
    assert main([str(tmp_path)]) == 1
    assert "src/x.py:1: must open" in capsys.readouterr().out


def test_two_decisions_cannot_have_one_number(tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "decisions"
    folder.mkdir(parents=True)
    (folder / "0001-this.md").write_text("# 0001 This\n")
    assert not decisions(tmp_path)
    (folder / "0001-that.md").write_text("# 0001 That\n")
    (folder / "0002-more.md").write_text("# 2. More\n")
    same, title = decisions(tmp_path)
    assert same.path.endswith("0001-this.md") and "has the number of 0001-that.md" in same.sentence
    assert "must open with its number, as in # 0002" in title.sentence
