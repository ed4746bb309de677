"""Log-ins are checked, slowed down and ended."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import replace

import pytest

from sextet.admin import access, passwords
from sextet.admin.access import Access, Session, Sessions, Throttle, Throttled, actor_of, csrf_matches
from sextet.admin.passwords import hashed
from sextet.model.schema import Refused
from sextet.model.settings.users import Administrator
from tests.support.fake_peer import Lines


def cheap(password: str) -> str:
    """Make a hash of low cost, which the code reads as any other."""
    salt = b"sixteen bytes..."
    made = hashlib.scrypt(password.encode(), salt=salt, n=2, r=1, p=1, dklen=32)
    return "$".join(["scrypt", "ln=1,r=1,p=1", *(base64.b64encode(part).decode().rstrip("=") for part in (salt, made))])


ADMIN = Administrator(name="admin", password_hash=cheap("geheim12"))
VIEWER = Administrator(name="viewer", password_hash=cheap("schauen1"), access_level="Read-only")
GONE = Administrator(name="gone", password_hash=cheap("geheim12"), state="Disabled")


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


class House:
    """Access with three accounts, a clock and a journal."""

    def __init__(self) -> None:
        self.accounts = [ADMIN, VIEWER, GONE]
        self.clock, self.journal = Clock(), Lines()
        self.access = Access(lambda: self.accounts, self.journal, self.clock)

    def log_in(self, user: str = "admin", password: str = "geheim12", ip: str = "192.0.2.7") -> str:
        return asyncio.run(self.access.log_in(user, password, ip=ip, port=50000))


def test_a_right_password_opens_a_session_that_knows_its_user_and_level() -> None:
    house = House()
    admin, viewer = (
        house.access.session(house.log_in(user, password))
        for user, password in (("admin", "geheim12"), ("viewer", "schauen1"))
    )
    assert admin and viewer
    assert (admin.user, admin.may_write, viewer.user, viewer.may_write) == ("admin", True, "viewer", False)
    assert actor_of(viewer, ip="192.0.2.7", port=1).may_write is False
    assert house.journal.of("Admin Session Start")[0] == {
        "Src-ip": "192.0.2.7",
        "Src-port": "50000",
        "User": "admin",
        "Level": "1",
    }


@pytest.mark.parametrize(
    ("user", "password"), [("admin", "falsch12"), ("nobody", "geheim12"), ("gone", "geheim12"), ("admin", "")]
)
def test_every_wrong_log_in_gets_the_same_sentence_and_a_line_in_the_log(user: str, password: str) -> None:
    house = House()
    with pytest.raises(Refused, match="User name or password is wrong"):
        house.log_in(user, password)
    assert house.journal.of("Admin Session Login Failure")[0]["User"] == user
    assert password not in str(house.journal.lines) or not password


def test_an_unknown_user_costs_what_a_known_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not measured: that is all that takes long."""
    house = House()
    costs: list[tuple[int, ...]] = []
    house.accounts = [replace(ADMIN, password_hash=hashed("geheim12"))]
    scrypt = passwords._scrypt

    def counted(password: str, salt: bytes, *cost: int) -> bytes:
        costs.append(cost)
        return scrypt(password, salt, *cost)

    monkeypatch.setattr(passwords, "_scrypt", counted)
    for user in ("nobody", "admin"):
        with pytest.raises(Refused):
            house.log_in(user, "wrong", ip="192.0.2.8")
    assert len(costs) == 2 and costs[0] == costs[1]


def test_a_user_who_is_guessed_at_is_closed_for_a_while_even_with_the_right_password() -> None:
    house = House()
    for n in range(access.FAILURES_OF_USER_MAX):
        with pytest.raises(Refused):
            house.log_in("admin", "wrong", ip=f"198.51.100.{n}")
    with pytest.raises(Throttled) as throttled:
        house.log_in()
    assert 0 < throttled.value.wait_s <= access.WINDOW_S
    house.clock.now += throttled.value.wait_s
    assert house.log_in()


def test_an_address_that_guesses_at_many_users_is_closed_for_all_of_them() -> None:
    throttle = Throttle()
    for n in range(access.FAILURES_OF_ADDRESS_MAX):
        assert throttle.wait_s(f"user{n}", "192.0.2.1", 0.0) == 0
        throttle.count(f"user{n}", "192.0.2.1", 0.0)
    assert throttle.wait_s("admin", "192.0.2.1", 10.0) == access.WINDOW_S - 10.0
    assert throttle.wait_s("admin", "192.0.2.2", 10.0) == 0


def test_a_host_does_not_escape_with_another_address_of_its_ipv6_network() -> None:
    throttle = Throttle()
    for n in range(access.FAILURES_OF_ADDRESS_MAX):
        throttle.count(f"user{n}", f"2001:db8::{n:x}", 0.0)
    assert throttle.wait_s("admin", "2001:db8::ffff", 0.0) > 0
    assert throttle.wait_s("admin", "2001:db8:0:1::1", 0.0) == 0


def test_many_attempts_at_once_count_before_they_are_checked() -> None:
    house = House()

    async def storm() -> list[object]:
        attempts = [house.access.log_in("admin", "wrong", ip="192.0.2.7", port=n) for n in range(15)]
        return list(await asyncio.gather(*attempts, return_exceptions=True))

    assert sum(isinstance(result, Throttled) for result in asyncio.run(storm())) == 15 - access.FAILURES_OF_USER_MAX


def test_a_success_forgives_the_users_typing_errors() -> None:
    house = House()
    for _ in range(3):
        for _ in range(access.FAILURES_OF_USER_MAX - 1):
            with pytest.raises(Refused):
                house.log_in("admin", "wrong", ip="192.0.2.200")
        house.log_in(ip="192.0.2.201")
        house.clock.now += access.WINDOW_S / 2


def test_the_memory_of_failures_is_bounded() -> None:
    throttle = Throttle()
    for n in range(access.THROTTLED_MAX + 10):
        throttle.count(f"user{n}", "192.0.2.1", 0.0)
    assert len(throttle._failed) <= access.THROTTLED_MAX


def test_a_session_ends_when_it_is_idle() -> None:
    house = House()
    token = house.log_in()
    house.clock.now += access.IDLE_S - 1
    assert house.access.session(token)
    house.clock.now += access.IDLE_S
    assert house.access.session(token) is None


def test_a_session_ends_after_a_working_day_however_busy_it_is() -> None:
    house = House()
    token = house.log_in()
    for _ in range(int(access.ABSOLUTE_S // 1000)):
        house.clock.now += 1000
        assert house.access.session(token)
    house.clock.now += 1000
    assert house.access.session(token) is None


def test_looking_at_a_session_does_not_keep_it_alive() -> None:
    sessions = Sessions()
    sessions.open("token", _session("admin", 0.0))
    assert sessions.peek("token", access.IDLE_S - 1)
    assert sessions.peek("token", access.IDLE_S) is None


def test_a_session_ends_with_a_log_out_and_no_other_does() -> None:
    house = House()
    one, other = house.log_in(), house.log_in()
    house.access.log_out(one, ip="192.0.2.7", port=1)
    house.access.log_out("never seen", ip="192.0.2.7", port=1)
    assert house.access.session(one) is None
    assert house.access.session(other)
    assert len(house.journal.of("Admin Session Finish")) == 1


@pytest.mark.parametrize(
    "account",
    [
        replace(ADMIN, state="Disabled"),
        replace(ADMIN, password_hash=cheap("another1")),
        replace(ADMIN, access_level="Read-only"),
        VIEWER,
    ],
)
def test_a_session_ends_when_its_account_is_changed(account: Administrator) -> None:
    house = House()
    token = house.log_in()
    house.accounts = [account]
    assert house.access.session(token) is None


def test_a_forged_token_is_nobody() -> None:
    house = House()
    token = house.log_in()
    assert house.access.session(token[:-1]) is None
    assert house.access.session("") is None
    assert house.access.session("\udc80") is None


def test_the_token_itself_is_not_kept() -> None:
    sessions = Sessions()
    sessions.open("the token", _session("admin", 0.0))
    assert "the token" not in repr(vars(sessions))


def test_a_form_of_another_session_is_not_taken() -> None:
    house = House()
    one, other = house.access.session(house.log_in()), house.access.session(house.log_in())
    assert one and other
    assert csrf_matches(one, one.csrf)
    assert not csrf_matches(one, other.csrf)
    assert not csrf_matches(one, "")


def test_the_least_used_session_of_a_user_gives_way() -> None:
    sessions = Sessions()
    for n in range(access.SESSIONS_OF_USER_MAX + 1):
        sessions.open(f"token {n}", _session("admin", float(n)))
    assert sessions.find("token 0", 30.0) is None
    assert sessions.find("token 1", 30.0)


def test_no_more_sessions_than_fit_are_kept() -> None:
    sessions = Sessions()
    for n in range(access.SESSIONS_MAX + 1):
        sessions.open(f"token {n}", _session(f"user {n}", float(n)))
    assert sessions.find("token 0", 300.0) is None
    assert sessions.find(f"token {access.SESSIONS_MAX}", 300.0)


def _session(user: str, now: float) -> Session:
    return Session(user=user, csrf="c", account=b"", opened_at=now, seen_at=now, may_write=True)


def test_log_ins_refused_unchecked_are_counted_in_few_lines() -> None:
    house = House()

    async def storm() -> None:
        for n in range(200):
            with pytest.raises(Refused):
                await house.access.log_in(f"user{n}", "wrong password", ip="192.0.2.7", port=50000)

    house.access._decoy = cheap("nothing")
    asyncio.run(storm())
    lines = [line["Reason"] for line in house.journal.of("Admin Session Login Failure")]
    checked = access.FAILURES_OF_ADDRESS_MAX
    assert len(lines) == checked + 1 and lines[-1] == "too many failed log-ins, 1 refused unchecked"
    house.clock.now += access.TOLD_EVERY_S
    asyncio.run(refused(house))
    last = house.journal.of("Admin Session Login Failure")[-1]
    assert last["Reason"] == f"too many failed log-ins, {200 - checked} refused unchecked"


async def refused(house: House) -> None:
    with pytest.raises(Throttled):
        await house.access.log_in("admin", "geheim12", ip="192.0.2.7", port=50000)
