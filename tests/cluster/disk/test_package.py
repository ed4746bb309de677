"""A package is taken as it was made or not at all, whatever somebody puts into one."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sextet.cluster.disk import package
from sextet.cluster.disk.package import NotAPackage
from tests.support.release import small

Edit = Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]


def edited(source: Path, target: Path, edit: Edit, form: int = tarfile.USTAR_FORMAT) -> Path:
    """Write a package anew, with its members changed."""
    with tarfile.open(source) as archive:
        members = [(one, archive.extractfile(one).read()) for one in archive]  # type: ignore[union-attr]
    edit(members)
    with tarfile.open(target, "w:gz", format=form) as archive:
        for one, data in members:
            archive.addfile(one, io.BytesIO(data))
    return target


def refusal(path: Path) -> str:
    with pytest.raises(NotAPackage) as refused:
        package.check(path)
    return str(refused.value)


def entry(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.size = len(data)
    for field, value in fields.items():
        setattr(made, field, value)
    return made, data


def test_what_was_packed_comes_out_and_the_label_says_what_it_is(tmp_path: Path) -> None:
    made = small(tmp_path / "a.tar.gz", "1.2.3")
    seen: list[tuple[int, int]] = []
    label = package.unpack(made, tmp_path / "out", lambda done, whole: seen.append((done, whole)))
    assert (label.version, label.size_bytes) == ("1.2.3", 23)
    assert (tmp_path / "out/lib/sextet/__init__.py").read_text() == '__version__ = "1.2.3"\n'
    assert seen[-1] == (23, 23)
    assert package.check(made) == label
    assert package.faults(tmp_path / "out") == (label, "")


def test_an_unpacked_version_that_was_changed_or_lost_a_file_is_noticed(tmp_path: Path) -> None:
    package.unpack(small(tmp_path / "a.tar.gz"), tmp_path / "out")
    main = tmp_path / "out/lib/sextet/main.py"
    main.write_text("x")
    assert package.faults(tmp_path / "out")[1] == "lib/sextet/main.py is not what the package had"
    main.unlink()
    assert "No such file" in package.faults(tmp_path / "out")[1]


def test_every_byte_that_is_missing_is_noticed(tmp_path: Path) -> None:
    whole = small(tmp_path / "a.tar.gz").read_bytes()
    for length in (0, 1, 9, 40, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        (tmp_path / "cut.tar.gz").write_bytes(whole[:length])
        assert refusal(tmp_path / "cut.tar.gz"), length
    with pytest.raises(NotAPackage, match="is missing"):
        package.check(tmp_path / "nothing")


def test_a_flipped_byte_anywhere_is_noticed(tmp_path: Path) -> None:
    whole = small(tmp_path / "a.tar.gz").read_bytes()
    for place in range(10, len(whole), 7):  # the first ten are gzip's head, of which parts say nothing
        (tmp_path / "flipped.tar.gz").write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])
        assert refusal(tmp_path / "flipped.tar.gz"), place


def test_what_is_no_package_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    assert "it is no tar.gz file" in refusal(tmp_path / "text")
    (tmp_path / "gz").write_bytes(gzip.compress(b"x" * 1024))
    assert "it is no tar.gz file" in refusal(tmp_path / "gz")
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz") as archive:
        archive.addfile(*[entry("other/file", b"x")[0], io.BytesIO(b"x")])
    assert "does not begin with a manifest" in refusal(tmp_path / "other.tar.gz")


@pytest.mark.parametrize(
    ("name", "kind", "word"),
    [
        ("sextet-1.0.0/lib/link", tarfile.SYMTYPE, "a symbolic link"),
        ("sextet-1.0.0/lib/hard", tarfile.LNKTYPE, "a hard link"),
        ("sextet-1.0.0/lib/pipe", tarfile.FIFOTYPE, "a pipe"),
        ("sextet-1.0.0/lib/dev", tarfile.CHRTYPE, "a device"),
        ("sextet-1.0.0/lib/dir", tarfile.DIRTYPE, "no plain file"),
    ],
)
def test_links_and_devices_are_refused(tmp_path: Path, name: str, kind: bytes, word: str) -> None:
    made = small(tmp_path / "a.tar.gz")
    more = entry(name, type=kind, linkname="/etc/passwd")
    assert word in refusal(edited(made, tmp_path / "b.tar.gz", lambda members: members.append(more)))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "lib/../../x", "lib/.ssh", "other/file", "lib"])
def test_names_that_lead_elsewhere_are_refused_also_where_the_manifest_has_them(tmp_path: Path, name: str) -> None:
    made = small(tmp_path / "a.tar.gz")
    outside = edited(made, tmp_path / "b.tar.gz", lambda members: members.append(entry(f"sextet-1.0.0/{name}", b"x")))
    assert "not in its manifest" in refusal(outside)
    made = small(tmp_path / "c.tar.gz", files={name: ("0" * 64, 1)})
    assert "names a file outside of the package" in refusal(made)


def test_extended_headers_are_refused_before_they_are_read(tmp_path: Path) -> None:
    """A header may say that 8 GB of names follow."""
    made = small(tmp_path / "a.tar.gz")
    long = entry("sextet-1.0.0/lib/" + "x" * 300, b"x")
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        assert "no plain file" in refusal(edited(made, tmp_path / "b.tar.gz", lambda m: m.append(long), form))


def test_a_bomb_is_refused_without_being_blown_up(tmp_path: Path) -> None:
    sizes = {"lib/zeros": ("0" * 64, package.UNPACKED_BYTES_MAX + 1)}
    assert "at most 256 MB" in refusal(small(tmp_path / "a.tar.gz", files=sizes))
    many = {f"lib/{n}": ("0" * 64, 0) for n in range(package.FILES_MAX + 1)}
    assert "at most" in refusal(small(tmp_path / "b.tar.gz", files=many))
    made = small(tmp_path / "c.tar.gz")
    with gzip.open(tmp_path / "d.tar.gz", "wb") as bomb:
        bomb.write(gzip.decompress(made.read_bytes())[:-1024] + b"\1" * (1 << 20))
    assert refusal(tmp_path / "d.tar.gz")


def test_a_file_larger_than_any_release_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "large.tar.gz").open("wb") as file:
        file.truncate(package.PACKAGE_BYTES_MAX + 1)
    assert "larger than a release" in refusal(tmp_path / "large.tar.gz")


def test_content_size_and_presence_are_what_the_manifest_says(tmp_path: Path) -> None:
    made = small(tmp_path / "a.tar.gz")

    def exchange(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members[-1] = (members[-1][0], b"!")

    assert "is not what the manifest says" in refusal(edited(made, tmp_path / "b.tar.gz", exchange))
    longer = lambda members: members.__setitem__(-1, entry(members[-1][0].name, b"more"))
    assert "the manifest says 1" in refusal(edited(made, tmp_path / "c.tar.gz", longer))
    assert "is missing in it" in refusal(edited(made, tmp_path / "d.tar.gz", lambda members: members.pop()))
    twice = lambda members: members.append(members[-1])
    assert "or is there twice" in refusal(edited(made, tmp_path / "e.tar.gz", twice))


def test_something_behind_the_end_is_refused(tmp_path: Path) -> None:
    whole = gzip.decompress(small(tmp_path / "a.tar.gz").read_bytes())
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(whole + b"more"))
    assert "behind its end" in refusal(tmp_path / "b.tar.gz")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"name": "other"}, "not of sextet"),
        ({"format": 2}, "reads format 1"),
        ({"version": "../1"}, "no version"),
        ({"version": None}, "cannot be read"),
        ({"schema": "1"}, "cannot be read"),
        ({"files": []}, "cannot be read"),
        ({"files": {"lib/x": ["zz", 1]}}, "no SHA-256"),
        ({"files": {"lib/x": ["0" * 64, -1]}}, "no SHA-256"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(tmp_path: Path, change: dict[str, object], word: str) -> None:
    def edit(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        text = json.dumps({**json.loads(members[0][1]), **change}).encode()
        members[0] = entry(members[0][0].name, text)

    assert word in refusal(edited(small(tmp_path / "a.tar.gz"), tmp_path / "b.tar.gz", edit))


def test_versions_come_in_order() -> None:
    order = ["0.1.0", "0.2.0rc1", "0.2.0", "0.10.0", "1.0.0"]
    assert sorted(reversed(order), key=package.rank) == order
    assert not package.is_version("1.0") and not package.is_version("1.0.0/../x")


def test_a_package_for_another_machine_is_named(tmp_path: Path) -> None:
    label = package.check(small(tmp_path / "a.tar.gz"))
    assert package.why_not_here(label) == ""
    assert "Python 3.99 on vax" in package.why_not_here(replace(label, python="3.99", machine="vax"))
