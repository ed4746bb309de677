"""What an H.350 directory must be told before it can be asked."""

from __future__ import annotations

from typing import Any

import pytest

from sextet.model.schema import Refused
from sextet.model.validate import check

ON = {"mode": True, "server_address": "ldap.apolo.local", "base_dn": "ou=H350,dc=apolo,dc=local"}


def refused(**document: Any) -> set[str]:
    try:
        check(document)
    except Refused as error:
        return {problem.field for problem in error.problems}
    return set()


def test_while_it_is_off_nothing_is_wanted() -> None:
    assert refused(h350={}) == set()


def test_on_it_needs_a_server_and_a_base() -> None:
    assert refused(h350={"mode": True}) == {"h350.server_address", "h350.base_dn"}
    assert refused(h350=ON) == set()


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"bind_dn": "cn=sextet"}, {"h350.bind_password"}),  # it would be let in as nobody
        ({"bind_password": "x"}, {"h350.bind_dn"}),
        ({"bind_dn": "cn=sextet", "bind_password": "x"}, set()),
        ({"sasl": "DIGEST-MD5"}, {"h350.bind_user_name", "h350.bind_password"}),
        ({"sasl": "DIGEST-MD5", "bind_user_name": "sextet", "bind_password": "x"}, set()),
    ],
)
def test_the_log_in_is_whole_or_there_is_none(given: dict[str, str], missing: set[str]) -> None:
    assert refused(h350={**ON, **given}) == missing


@pytest.mark.parametrize(
    ("dn", "good"),
    [
        ("dc=local", True),
        (r"cn=Doe\, Jane, ou=Rooms,dc=apolo,dc=local", True),
        ("2.5.4.3=x", True),
        ("apolo.local", False),
        ("dc=apolo,local", False),
        ("dc=apolo,", False),
    ],
)
def test_a_distinguished_name_is_one(dn: str, good: bool) -> None:
    assert refused(h350={**ON, "base_dn": dn}) == (set() if good else {"h350.base_dn"})


def test_nobody_else_has_its_name() -> None:
    zone = {"name": "h.350 Directory", "type": "DNS"}
    assert refused(zones=[zone]) == {"zones[h.350 Directory].name"}
