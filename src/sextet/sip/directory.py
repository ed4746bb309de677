"""Asks the H.350 directory for devices that the local database does not know, and says how its server is.

How it works. A worker's question comes here (zone_answers.py), a thread asks the server, and what it says goes back as
HA1 for a while: a password changed there is in force after KEPT_S. Where the server fails, nobody waits for it again
until it was found well; meanwhile the last known answer holds for an hour, so that its restart loses no registration.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from sextet.engine import Wanted
from sextet.model.schema import is_ip
from sextet.model.settings.h350 import DIGEST_MD5, DIRECTORY, H350, TLS
from sextet.model.status import DIRECTORY_TYPE, ZoneAddress, ZoneStatus
from sextet.sip import rendering
from sextet.sip.kemi.asking.questions import UNANSWERED
from sextet.sip.ldap import Ldap, LdapError, Server
from sextet.sip.resolver import Resolver, Unanswered

KEPT_S, MISSED_S, UNANSWERED_S = 300, 10, 5  # in the workers' shared memory; who is entered anew waits ten seconds
LIMIT_S = 2.5  # of one question; the endpoint's transaction waits 3 s
LAST_KNOWN_S = 3600.0
LAST_KNOWN_MAX = 20_000  # names; as many devices as a cluster carries
THREADS = 4  # connections to the server, each with one question at a time
POLL_S, AGAIN_S = 60.0, 5.0  # between looks at a server that is well, and at one that failed
LEAST_S = 1.0  # between two looks, however many questions go unanswered
USER_MAX = 128  # characters, as in the local database

Found = tuple[list[str], int]  # HA1, or nothing where nobody has the name, or UNANSWERED; and for how many seconds


class Directory:
    """The H.350 directory of this peer; lives in the event loop. `show` is told how its server is, {} while off."""

    def __init__(self, resolver: Resolver, show: Callable[[Mapping[str, ZoneStatus]], None]) -> None:
        self._resolver = resolver
        self._show = show
        self._settings, self._key = H350(), ("", "", "")
        self._trusted, self._local_ip = Path(), ""
        self._ldap: Ldap | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._poll: asyncio.Task[None] | None = None
        self._looked, self._wake = asyncio.Event(), asyncio.Event()
        self._seen = ZoneAddress(host="", uri="", state="checking", since_s=0.0)
        self._last_known: dict[str, tuple[str, float]] = {}

    def follow(self, wanted: Wanted) -> None:
        """This is the directory now; where it, the realm or the trusted CAs changed, nothing that was known holds."""
        settings, key = wanted.config.h350, (rendering.realm(wanted), wanted.material, wanted.address)
        if (settings, key) == (self._settings, self._key):
            return
        self.stop()
        self._settings, self._key = settings, key
        self._trusted, self._local_ip = wanted.trusted, wanted.address.strip("[]")
        self._last_known = {}
        if not settings.mode:
            self._show({})
            return
        self._looked.clear()
        self._threads = ThreadPoolExecutor(THREADS, "ldap")
        place = f"{settings.server_address}:{settings.server_port}"
        self._seen = ZoneAddress(host=place, uri=place, state="checking", since_s=time.monotonic())
        self._say()
        self._poll = asyncio.create_task(self._keep_looking(), name=DIRECTORY)

    def stop(self) -> None:
        """Ask nothing any more."""
        if self._poll is not None:
            self._poll.cancel()
        if self._ldap is not None:
            self._ldap.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._poll, self._ldap, self._threads = None, None, None

    async def ask(self, user: str) -> Found:
        """Give what proves a user; never waits longer than LIMIT_S."""
        if not self._settings.mode or not user.isprintable() or len(user) > USER_MAX:
            return [], MISSED_S
        key = self._key
        try:
            async with asyncio.timeout(LIMIT_S):
                await self._looked.wait()
                if self._seen.state == "failed" or self._ldap is None:
                    return self._as_last_known(user)
                asked = self._ldap
                found = await asyncio.get_running_loop().run_in_executor(self._threads, asked.passwords, user)
        except TimeoutError:  # busy or dead: that is looked into
            self._wake.set()
            return self._as_last_known(user)
        except LdapError as error:
            if asked is self._ldap:
                self._note("failed", str(error))
                self._wake.set()
            return self._as_last_known(user)
        if asked is not self._ldap:
            return [UNANSWERED], UNANSWERED_S
        self._last_known.pop(user, None)
        if len(found) != 1:  # two entries of one name that differ prove nobody
            return [], MISSED_S
        ha1 = rendering.ha1(user, key[0], *found)
        self._last_known[user] = ha1, time.monotonic()
        if len(self._last_known) > LAST_KNOWN_MAX:
            del self._last_known[next(iter(self._last_known))]
        return [ha1], KEPT_S

    def _as_last_known(self, user: str) -> Found:
        ha1, at_s = self._last_known.get(user, ("", 0.0))
        if ha1 and time.monotonic() - at_s < LAST_KNOWN_S:
            return [ha1], MISSED_S
        return [UNANSWERED], UNANSWERED_S

    async def _keep_looking(self) -> None:
        while True:
            self._wake.clear()
            started_s = time.monotonic()
            try:
                async with asyncio.timeout(LIMIT_S):
                    await self._look()
                self._note("active", "", (time.monotonic() - started_s) * 1000)
            except (LdapError, Unanswered) as error:
                self._note("failed", str(error))
            except TimeoutError:
                self._note("failed", f"no answer within {LIMIT_S:g} s")
            self._looked.set()
            well = self._seen.state == "active"
            await asyncio.sleep(LEAST_S if well else AGAIN_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S if well else 0):
                    await self._wake.wait()

    async def _look(self) -> None:
        """Find out whether the server can be asked, where its name leads now; raises LdapError or Unanswered."""
        one = self._settings
        host = one.server_address
        ips = (host,) if is_ip(host) else await self._resolver.addresses(host)
        server = Server(
            host=host,
            ip=ips[0],
            port=one.server_port,
            trusted=self._trusted if one.encryption == TLS else None,
            local_ip=self._local_ip,
            sasl=one.sasl if one.sasl == DIGEST_MD5 else "",
            user=one.bind_user_name if one.sasl == DIGEST_MD5 else one.bind_dn,
            password=one.bind_password,
            base_dn=one.base_dn,
        )
        if self._ldap is None or self._ldap.server != server:
            if self._ldap is not None:
                self._ldap.close()
            self._ldap = Ldap(server)
        await asyncio.get_running_loop().run_in_executor(self._threads, self._ldap.check)

    def _note(self, state: str, reason: str, round_trip_ms: float = 0.0) -> None:
        since_s = self._seen.since_s if self._seen.state == state else time.monotonic()
        self._seen = replace(
            self._seen, state=state, since_s=since_s, reason=reason, round_trip_ms=round(round_trip_ms, 1)
        )
        self._say()

    def _say(self) -> None:
        self._show(
            {
                DIRECTORY: ZoneStatus(
                    name=DIRECTORY,
                    type=DIRECTORY_TYPE,
                    state=self._seen.state.capitalize(),
                    since_s=self._seen.since_s,
                    addresses=(self._seen,),
                )
            }
        )
