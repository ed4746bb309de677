"""The password of the first log-in is warned of until it is changed, over restarts, and never again."""

from __future__ import annotations

from pathlib import Path

from sextet.admin.first_password import FILE, FirstPassword
from sextet.model.settings.users import Administrator

FIRST, OTHER = "scrypt$first", "scrypt$other"


def account(password_hash: str, state: str = "Enabled") -> Administrator:
    return Administrator(name="admin", password_hash=password_hash, state=state)


def test_it_is_warned_of_until_it_is_changed_over_restarts_and_not_again(tmp_path: Path) -> None:
    FirstPassword(tmp_path).remember(FIRST)
    assert FIRST not in (tmp_path / FILE).read_text()
    again = FirstPassword(tmp_path)
    assert again.in_use([account(FIRST)]) == "Account admin has it."
    assert again.in_use([account(FIRST, "Disabled")]) == ""
    assert again.in_use([account(FIRST)]), "an account that was only disabled may come back"
    assert again.in_use([account(OTHER)]) == ""
    assert not (tmp_path / FILE).exists()
    assert again.in_use([account(FIRST)]) == ""


def test_a_system_that_was_given_its_accounts_has_none(tmp_path: Path) -> None:
    assert FirstPassword(tmp_path).in_use([account(FIRST)]) == ""
    assert FirstPassword(tmp_path).in_use([]) == ""
