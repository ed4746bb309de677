"""A file that comes in piece by piece is one file, of one person, and no larger than it may be."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from sextet.admin.upload import Upload
from sextet.model.schema import Refused

MOST = 10


def upload(folder: Path) -> Upload:
    return Upload(folder / "incoming" / "file.part", MOST)


def test_pieces_become_one_file_and_the_first_byte_begins_a_new_one(tmp_path: Path) -> None:
    async def play() -> None:
        one = upload(tmp_path)
        assert [await one.take(0, b"abc"), await one.take(3, b"def")] == [3, 6]
        assert one.path.read_bytes() == b"abcdef"
        assert await one.take(0, b"x") == one.received == 1

    asyncio.run(play())


def test_a_piece_that_leaves_a_gap_or_comes_twice_is_refused_and_what_is_there_stays(tmp_path: Path) -> None:
    async def play() -> None:
        one = upload(tmp_path)
        await one.take(0, b"abc")
        for at in (1, 4):
            with pytest.raises(Refused, match="3 bytes are here: another upload has begun"):
                await one.take(at, b"x")
        assert one.path.read_bytes() == b"abc"

    asyncio.run(play())


def test_more_than_a_file_may_have_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    async def play() -> None:
        one = upload(tmp_path)
        await one.take(0, b"x" * MOST)
        with pytest.raises(Refused, match="nothing was kept"):
            await one.take(MOST, b"x")
        assert one.received == 0 and not one.path.exists()

    asyncio.run(play())


def test_a_new_start_keeps_nothing_of_what_had_begun(tmp_path: Path) -> None:
    asyncio.run(upload(tmp_path).take(0, b"abc"))
    assert upload(tmp_path).received == 0


def test_a_file_of_this_host_is_taken_and_what_is_none_is_refused_with_the_cause(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"abc")
    (tmp_path / "large").write_bytes(b"x" * (MOST + 1))
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever

    async def play() -> None:
        one = upload(tmp_path)
        await one.copy(tmp_path / "good")
        assert one.path.read_bytes() == b"abc"
        for name, words in (("large", "larger than"), ("pipe", "is no file"), (".", "is no file"), ("none", "No such")):
            with pytest.raises(Refused, match=words):
                await one.copy(tmp_path / name)

    asyncio.run(play())


def test_a_disk_that_takes_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "incoming").write_text("a file where the folder should be")

    async def play() -> None:
        with pytest.raises(Refused, match="Nothing was kept: .*File exists"):
            await Upload(tmp_path / "incoming" / "file.part", MOST).take(0, b"x")

    asyncio.run(play())
