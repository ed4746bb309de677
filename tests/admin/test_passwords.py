"""Passwords are stored as salted hashes that nothing else matches."""

from __future__ import annotations

import base64

import pytest

from sextet.admin.passwords import LENGTH_MAX, LENGTH_MIN, decoy, demand_good, hashed, matches, well_formed
from sextet.model.schema import Refused
from sextet.model.settings.users import Administrator

STORED = hashed("correct horse", b"0123456789abcdef")


def test_a_password_matches_its_own_hash_only() -> None:
    assert matches("correct horse", STORED)
    assert not matches("correct horsf", STORED)


def test_the_same_password_is_stored_differently_each_time() -> None:
    assert hashed("correct horse") != hashed("correct horse")


def test_the_hash_is_scrypt_as_rfc_7914_defines_it() -> None:
    # RFC 7914 12, third vector: N=16384, r=8, p=1; the first 32 octets do not depend on how many are asked for
    made = bytes.fromhex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")
    salt, hash = (base64.b64encode(part).decode().rstrip("=") for part in (b"SodiumChloride", made))
    assert matches("pleaseletmein", f"scrypt$ln=14,r=8,p=1${salt}${hash}")
    assert not matches("pleaseletmeim", f"scrypt$ln=14,r=8,p=1${salt}${hash}")


def test_a_stored_hash_fits_its_setting() -> None:
    assert len(STORED) <= Administrator.__dataclass_fields__["password_hash"].metadata["setting"].high


@pytest.mark.parametrize(
    "stored", ["", "secret", STORED + "x", STORED.replace("ln=14", "ln=30"), STORED.replace("p=5", "p=99")]
)
def test_what_is_not_a_hash_of_ours_never_matches_and_costs_nothing(stored: str) -> None:
    assert not well_formed(stored)
    assert not matches("correct horse", stored)


@pytest.mark.parametrize("password", ["x" * (LENGTH_MIN - 1), "x" * (LENGTH_MAX + 1), "has\nnewline"])
def test_a_password_that_must_not_be_chosen_is_refused_with_the_remedy(password: str) -> None:
    with pytest.raises(Refused) as refused:
        demand_good(password, "administrators[a].password")
    assert refused.value.problems[0].field == "administrators[a].password"


def test_a_password_may_be_of_any_script() -> None:
    demand_good("密碼密碼密碼密碼", "")


def test_the_decoy_costs_as_much_as_a_real_one_and_is_made_for_nothing() -> None:
    made = decoy()
    assert made != decoy()
    assert well_formed(made) and made.split("$")[:2] == hashed("x" * 12).split("$")[:2]
