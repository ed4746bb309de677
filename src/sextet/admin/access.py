"""Who is logged in: passwords checked at equal cost, guessing slowed down, sessions that end.

`Sessions` and `Throttle` are pure: the moment is an argument. `Access` joins them with the accounts and the clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sextet.admin import passwords
from sextet.admin.actor import Actor
from sextet.engine import Journal
from sextet.journal import login_failed, session_finished, session_started
from sextet.model.schema import Problem, Refused
from sextet.model.settings.users import Administrator

IDLE_S = 30 * 60  # the original's default session time-out
ABSOLUTE_S = 8 * 3600  # one working day: a stolen cookie does not live longer
SESSIONS_MAX = 200  # as many as there may be accounts
SESSIONS_OF_USER_MAX = 20  # one person with forgotten browsers; the least used one ends
WINDOW_S = 300.0  # in which failed log-ins are counted
FAILURES_OF_ADDRESS_MAX = 20  # several people behind one proxy, each with a typing error
FAILURES_OF_USER_MAX = 10  # 2,880 guesses a day; a locked-out person still has the local command line
THROTTLED_MAX = 10_000  # names and addresses remembered, about 2 MB; the oldest is forgotten first
HASHES_AT_ONCE = 2  # 16 MiB and 0.2 s each: a flood of log-ins must not starve the cluster
HASHES_WAITING_MAX = 20  # more than that is told to come back
TOLD_EVERY_S = 10.0  # of log-ins refused unchecked: some 10,000 lines a day at most
NAME_MAX = 64  # Administrator.name
_WRONG = Problem("password", "User name or password is wrong.")


class Throttled(Refused):
    """Too many failed log-ins; says how long to wait."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(Problem("", f"Too many failed log-ins; try again in {max(1, round(wait_s))} s."))
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One logged-in browser."""

    user: str
    csrf: str  # to be sent back with every form
    account: bytes  # digest of the account as it was: a changed password or level ends the session
    opened_at: float
    seen_at: float
    may_write: bool


class Sessions:
    """Sessions by the hash of their token, so that a look into memory or a dump gives no usable token."""

    def __init__(self) -> None:
        self._open: dict[bytes, Session] = {}

    def open(self, token: str, session: Session) -> None:
        """Add a session; the least used one of the same user, or of all, ends where there are too many."""
        own = [key for key, other in self._open.items() if other.user == session.user]
        for keys, most in ((own, SESSIONS_OF_USER_MAX), (list(self._open), SESSIONS_MAX)):
            if len(keys) >= most:
                self._open.pop(min(keys, key=lambda key: self._open[key].seen_at), None)
        self._open[_key(token)] = session

    def find(self, token: str, now: float) -> Session | None:
        """Find a session that is neither idle nor too old, and note that it was used."""
        session = self.peek(token, now)
        if session is not None:
            self._open[_key(token)] = session = replace(session, seen_at=now)
        return session

    def peek(self, token: str, now: float) -> Session | None:
        """Find a session as `find` does, but a look is no use: a page that only follows must not keep it alive."""
        session = self._open.get(_key(token))
        if session is not None and (now - session.seen_at >= IDLE_S or now - session.opened_at >= ABSOLUTE_S):
            self.close(token)
            return None
        return session

    def close(self, token: str) -> None:
        """End a session; ending one that is not there is nothing."""
        self._open.pop(_key(token), None)


class Throttle:
    """Failed attempts per name and per address in a sliding window."""

    def __init__(self) -> None:
        self._failed: dict[tuple[str, str], list[float]] = {}

    def wait_s(self, user: str, ip: str, now: float) -> float:
        """Tell how long nobody may try as this user or from this address; 0 when trying is allowed."""
        return max(self._wait_s(key, most, now) for key, most in _keys(user, ip))

    def count(self, user: str, ip: str, now: float) -> None:
        """Count an attempt as failed; it is counted before it is checked, so that many at once are no way around."""
        for key, _ in _keys(user, ip):
            recent = [at for at in self._failed.pop(key, []) if now - at < WINDOW_S]
            self._failed[key] = [*recent, now]
        while len(self._failed) > THROTTLED_MAX:
            del self._failed[next(iter(self._failed))]

    def forgive(self, user: str, ip: str) -> None:
        """Forget the user's failures after a success, and this one attempt of the address."""
        by_user, by_address = (key for key, _ in _keys(user, ip))
        self._failed.pop(by_user, None)
        if attempts := self._failed.get(by_address):
            attempts.pop()

    def _wait_s(self, key: tuple[str, str], most: int, now: float) -> float:
        recent = [at for at in self._failed.get(key, []) if now - at < WINDOW_S]
        return recent[-most] + WINDOW_S - now if len(recent) >= most else 0.0


class Access:
    """The accounts as they are in the configuration at this moment, and who is logged in with them."""

    def __init__(
        self,
        administrators: Callable[[], Sequence[Administrator]],
        journal: Journal,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._administrators = administrators
        self._journal = journal
        self._clock = clock
        self._sessions = Sessions()
        self._throttle = Throttle()
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self._waiting = 0
        self._decoy = passwords.decoy()  # so that an unknown user costs as much as a known one
        self._refused = 0  # log-ins refused unchecked since the last line about them
        self._told_at = -TOLD_EVERY_S

    async def log_in(self, user: str, password: str, *, ip: str, port: int) -> str:
        """Open a session and return its token; raises Refused (one sentence for every reason) or Throttled."""
        wait_s = self._throttle.wait_s(user, ip, self._clock()) or (1.0 if self._waiting >= HASHES_WAITING_MAX else 0.0)
        if wait_s:
            self._too_many(user, ip, port)
            raise Throttled(wait_s)
        self._throttle.count(user, ip, self._clock())
        account = self._account(user)
        stored = account.password_hash if account else self._decoy
        right = await self._matches(password[: passwords.LENGTH_MAX + 1], stored)
        if account is None or not right or account != self._account(user):
            self._failure(user, ip, port, "wrong user name or password")
            raise Refused(_WRONG)
        self._throttle.forgive(user, ip)
        now, token = self._clock(), secrets.token_urlsafe(32)
        self._sessions.open(
            token,
            Session(
                user=user,
                csrf=secrets.token_urlsafe(32),
                account=_digest(account),
                opened_at=now,
                seen_at=now,
                may_write=_may_write(account),
            ),
        )
        session_started(self._journal, user=user, ip=ip, port=port)
        return token

    def session(self, token: str) -> Session | None:
        """Find the session of a cookie; none where it ended or its account was changed, disabled or removed."""
        return self._still_allowed(token, self._sessions.find(token, self._clock()))

    def peek(self, token: str) -> Session | None:
        """Find a session without counting the look as use, for pages that follow by themselves."""
        return self._still_allowed(token, self._sessions.peek(token, self._clock()))

    def log_out(self, token: str, *, ip: str, port: int) -> None:
        """End a session."""
        session = self._sessions.find(token, self._clock())
        self._sessions.close(token)
        if session:
            session_finished(self._journal, user=session.user, ip=ip, port=port)

    def _still_allowed(self, token: str, session: Session | None) -> Session | None:
        if session is None:
            return None
        account = self._account(session.user)
        if account is None or _digest(account) != session.account:
            self._sessions.close(token)
            return None
        return session

    def _account(self, user: str) -> Administrator | None:
        return next((a for a in self._administrators() if a.name == user and a.state == "Enabled"), None)

    async def _matches(self, password: str, stored: str) -> bool:
        self._waiting += 1
        try:
            async with self._hashing:
                return await asyncio.to_thread(passwords.matches, password, stored)
        finally:
            self._waiting -= 1

    def _too_many(self, user: str, ip: str, port: int) -> None:
        """Write that log-ins are refused, but not each: whoever tries without end must not push all else out."""
        self._refused += 1
        if self._clock() - self._told_at >= TOLD_EVERY_S:
            self._failure(user, ip, port, f"too many failed log-ins, {self._refused} refused unchecked")
            self._refused, self._told_at = 0, self._clock()

    def _failure(self, user: str, ip: str, port: int, reason: str) -> None:
        login_failed(self._journal, user=user[:NAME_MAX], ip=ip, port=port, reason=reason)


def csrf_matches(session: Session, given: str) -> bool:
    """Tell whether a form was made for this session."""
    return hmac.compare_digest(session.csrf.encode(), given.encode("utf-8", "replace"))


def actor_of(session: Session, *, ip: str, port: int) -> Actor:
    """Name who is behind a session for the door."""
    return Actor(user=session.user, may_write=session.may_write, door="web", ip=ip, port=port)


def _keys(user: str, ip: str) -> tuple[tuple[tuple[str, str], int], tuple[tuple[str, str], int]]:
    return (("user", user[:NAME_MAX]), FAILURES_OF_USER_MAX), (("address", _network(ip)), FAILURES_OF_ADDRESS_MAX)


def _network(ip: str) -> str:
    """Take an IPv6 address as its /64, of which one host has as many addresses as it likes."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    return ip if address.version == 4 else str(ipaddress.ip_network(f"{ip.partition('%')[0]}/64", strict=False))


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _digest(account: Administrator) -> bytes:
    return hashlib.sha256(f"{account.password_hash}\0{account.access_level}".encode()).digest()


def _may_write(account: Administrator) -> bool:
    return account.access_level == "Read-write"
