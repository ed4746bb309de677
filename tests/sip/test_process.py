"""One running Kamailio."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from sextet.engine import EngineError
from sextet.sip import process


def test_a_missing_kamailio_names_the_packages_to_install(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="apt install kamailio kamailio-python3-modules"):
        process.binary(str(tmp_path))


@pytest.mark.parametrize("text", ["", "{}", "[]", json.dumps({"pid": 1}), "\x00"])
def test_a_broken_record_finds_nothing(tmp_path: Path, text: str) -> None:
    async def play() -> None:
        (tmp_path / process.RECORD).write_text(text)
        assert process.found(tmp_path) is None

    asyncio.run(play())


def test_a_process_that_took_the_number_of_ours_is_not_ours(tmp_path: Path) -> None:
    async def play() -> None:
        record = {"pid": 1, "started": -1, "code": "", "secret": "", "address": "", "settings": {}}
        (tmp_path / process.RECORD).write_text(json.dumps(record))
        assert process.found(tmp_path) is None

    asyncio.run(play())


def test_the_log_is_cut_and_its_last_part_kept(tmp_path: Path) -> None:
    log = tmp_path / process.LOG
    log.write_bytes(b"ERROR: one\n" * (process.LOG_BYTES_MAX // 10))
    process.cap_log(tmp_path)
    assert log.stat().st_size == 0
    assert log.with_suffix(".log.1").stat().st_size > process.LOG_BYTES_MAX
    log.write_bytes(b"0 INFO: x\n1 ERROR: the cause\n2 INFO: y\n")
    process.cap_log(tmp_path)
    assert process.last_complaint(tmp_path) == "1 ERROR: the cause"


def test_the_engines_of_tests_end_with_the_process_of_the_tests_even_if_that_is_killed(tmp_path: Path) -> None:
    dying = f"""
import subprocess, sys
from pathlib import Path
from tests.support.end_with_tests import end_with_the_tests
end_with_the_tests(Path({str(tmp_path)!r}))
outliving = ["kamailio", "-c", "import time; time.sleep(60)", {str(tmp_path / "kamailio.cfg")!r}]
print(subprocess.Popen(outliving, executable=sys.executable, start_new_session=True).pid, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", dying], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tests:
        assert tests.stdout is not None
        engine = os.pidfd_open(int(tests.stdout.readline()))
        assert select.select([engine], [], [], 0)[0] == [], "it runs"
        tests.kill()
    try:
        assert select.select([engine], [], [], 20)[0] == [engine], "nobody is left who could end it"
    finally:
        os.close(engine)
