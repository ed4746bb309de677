"""A backup gives back exactly what went in, to who knows the passphrase and to nobody else."""

from __future__ import annotations

import pytest

from sextet.cluster.disk.backup import MAGIC, Contents, Label, decrypt, encrypt, label_of, why_another_version
from sextet.model.schema import Refused

LABEL = Label(version="1.0", host="expc01", serial="abc", made="2026-01-01 00:00:00 +0000")
CONTENTS = Contents(
    document={"credentials": [{"name": "alice", "password": "wonderland-7"}]},
    certificate="CERT",
    private_key="KEY",
    trusted="CA",
)
DATA = encrypt(LABEL, CONTENTS, "passphrase")


def test_what_went_in_comes_out() -> None:
    assert decrypt(DATA, "passphrase") == (LABEL, CONTENTS)
    assert label_of(DATA) == LABEL


def test_nothing_secret_can_be_read_in_the_file() -> None:
    assert not any(word in DATA for word in (b"wonderland", b"KEY", b"alice", b"passphrase"))


def test_another_passphrase_is_refused() -> None:
    with pytest.raises(Refused, match="passphrase is not the one"):
        decrypt(DATA, "passphrasf")


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(Refused, match="at least 8"):
        encrypt(LABEL, CONTENTS, "short")


@pytest.mark.parametrize("place", range(0, len(DATA), 7))
def test_no_flipped_byte_is_restored(place: int) -> None:
    flipped = DATA[:place] + bytes([DATA[place] ^ 1]) + DATA[place + 1 :]
    with pytest.raises(Refused):
        decrypt(flipped, "passphrase")


@pytest.mark.parametrize("data", [b"", MAGIC, MAGIC + b"{}\n" + bytes(99), MAGIC + b"[]\n" + bytes(99), DATA[:120]])
def test_what_is_no_backup_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        decrypt(data, "passphrase")


def test_only_the_same_version_is_restored() -> None:
    assert why_another_version(LABEL, "1.0") == ""
    assert "version 1.0, this system runs 1.1" in why_another_version(LABEL, "1.1")
