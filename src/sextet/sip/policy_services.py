"""Asks policy services for calls that wait, and once a minute whether their servers are well (facts 7.6).

How it works. The servers of a service are asked in their order, the next one where one fails; which fails is passed
over until the status poll finds it well again, so that it costs no second caller anything. All that is left of a
failure for the caller is an empty answer: the default CPL holds. What a server answers is read here, before a worker
sees it; an answer that is no CPL is told as trouble (alarm 45001) until that service gives a good one.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from sextet.call.policy.cpl_reading import BadScript, read_answer
from sextet.engine import Wanted
from sextet.model.schema import is_ip, server_place
from sextet.model.settings.policy_services import HTTPS, PolicyService
from sextet.model.status import POLICY_SERVICE_TYPE, ZoneAddress, ZoneStatus
from sextet.sip.http_request import Ask, NoAnswer, answer
from sextet.sip.resolver import Resolver, Unanswered

LIMIT_S = 30.0  # of one question to all servers of a service (facts 7.6)
POLL_S = 60.0  # facts 7.6
POLL_LIMIT_S = 10.0  # of one poll: who takes longer to say that it is well is not
TOGETHER_MAX = 100  # questions under way; more get the default CPL at once
ANSWER_MAX = 16 << 10  # bytes of CPL for one call; it stays with the call's transaction
STATUS_MAX = 64 << 10
PORTS = {HTTPS: 443, "HTTP": 80}
CAUSE_MAX = 160


@dataclass(frozen=True, slots=True)
class _Server:
    """One server of a service, as asked last."""

    address: str
    state: str = "checking"  # the words of ZoneAddress
    since_s: float = 0.0
    reason: str = ""
    round_trip_ms: float = 0.0


class PolicyServices:
    """The policy services of this peer; lives in the event loop.

    `show` is told how all servers are, `trouble` which services gave a bad answer last: a sentence, or nothing.
    """

    def __init__(
        self, resolver: Resolver, show: Callable[[Mapping[str, ZoneStatus]], None], trouble: Callable[[str], None]
    ) -> None:
        self._resolver = resolver
        self._show = show
        self._trouble = trouble
        self._wanted: Wanted | None = None
        self._material = ""
        self._services: dict[str, PolicyService] = {}
        self._servers: dict[str, dict[str, _Server]] = {}
        self._bad: dict[str, str] = {}
        self._told = ""
        self._polls: dict[str, asyncio.Task[None]] = {}
        self._contexts: dict[tuple[bool, bool], ssl.SSLContext] = {}
        self._under_way = 0

    def follow(self, wanted: Wanted) -> None:
        """These are the services now; those that changed are looked at anew."""
        services = {one.name: one for one in wanted.config.policy_services}
        fresh = self._material != wanted.material
        self._wanted, self._material = wanted, wanted.material
        if fresh:
            self._contexts = {}
        for name in self._services.keys() | services.keys():
            if services.get(name) == self._services.get(name) and not fresh:
                continue
            if name in self._polls:
                self._polls.pop(name).cancel()
            self._servers.pop(name, None)
            self._bad.pop(name, None)
            if name in services:
                now_s = time.monotonic()
                self._servers[name] = {
                    server.address: _Server(server.address, since_s=now_s) for server in services[name].servers
                }
                self._polls[name] = asyncio.create_task(self._keep_polling(name), name=f"policy service {name}")
        self._services = services
        self._say()

    def stop(self) -> None:
        """Ask nobody any more."""
        for poll in self._polls.values():
            poll.cancel()
        self._polls = {}

    async def ask(self, name: str, parameters: str) -> str:
        """Give the CPL that a service answers; empty where it does not, or with what cannot be used."""
        service = self._services.get(name)
        if service is None or self._wanted is None or self._under_way >= TOGETHER_MAX:
            return ""
        more = {
            "CLUSTER_NAME": self._wanted.config.clustering.cluster_name,
            "UTCTIME": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self._under_way += 1
        try:
            return await self._first_answer(service, f"{parameters}&{urlencode(more)}")
        finally:
            self._under_way -= 1

    async def _first_answer(self, service: PolicyService, parameters: str) -> str:
        usable = [one.address for one in self._servers[service.name].values() if one.state != "failed"]
        until_s = time.monotonic() + LIMIT_S
        for place, address in enumerate(usable):
            limit_s = (until_s - time.monotonic()) / (len(usable) - place)
            status, body = await self._request(service, address, service.path, limit_s, ANSWER_MAX, parameters)
            if status == 200:
                return self._judged(service, address, body)
            if status:
                self._note(service.name, address, "active", f"it answered {status}")
        return ""

    def _judged(self, service: PolicyService, address: str, body: bytes) -> str:
        name, wrong = service.name, ""
        try:
            text = body.decode()
            read_answer(text)
        except UnicodeDecodeError:
            text, wrong = "", "Its answer is not UTF-8."
        except BadScript as error:
            text, wrong = "", error.problems[0]
        if self._services.get(name) != service:
            return text  # it was changed meanwhile, and nobody would take back what is said of it here
        self._bad.pop(name, None)
        if wrong:
            self._bad[name] = f"Policy service {name}, {address}: {wrong}"
        self._say()
        return text

    async def _keep_polling(self, name: str) -> None:
        while True:
            await asyncio.gather(*(self._poll(name, address) for address in self._servers[name]))
            await asyncio.sleep(POLL_S)

    async def _poll(self, name: str, address: str) -> None:
        service = self._services[name]
        started = time.monotonic()
        status, _ = await self._request(service, address, service.status_path, POLL_LIMIT_S, STATUS_MAX, None)
        if status == 200:
            self._note(name, address, "active", "", (time.monotonic() - started) * 1000)
        elif status:
            self._note(name, address, "failed", f"it answered {status} about its status")

    async def _request(
        self, service: PolicyService, address: str, path: str, limit_s: float, most: int, parameters: str | None
    ) -> tuple[int, bytes]:
        """Ask one server; where that fails it is noted, and the status is 0."""
        try:
            async with asyncio.timeout(limit_s):
                return await answer(await self._made(service, address, path, parameters), most)
        except TimeoutError:
            cause = f"no answer within {limit_s:.0f} s"
        except ssl.SSLCertVerificationError as error:
            cause = f"its certificate is not trusted ({error.verify_message})"
        except ssl.SSLError as error:
            cause = f"TLS fails ({error.reason or error})"
        except OSError as error:
            cause = error.strerror or str(error)
        except (NoAnswer, Unanswered) as error:
            cause = str(error)
        if self._services.get(service.name) == service:
            self._note(service.name, address, "failed", cause[:CAUSE_MAX])
        return 0, b""

    async def _made(self, service: PolicyService, address: str, path: str, parameters: str | None) -> Ask:
        assert self._wanted is not None
        host, port = server_place(address, PORTS[service.protocol])
        ips = (host,) if is_ip(host) else await self._resolver.addresses(host)
        path, posted = f"/{path.lstrip('/')}", parameters is not None and service.method == "POST"
        if parameters is not None and not posted:
            path += ("&" if "?" in path else "?") + parameters
        login = f"{service.user_name}:{service.password}".encode()
        return Ask(
            host=host,
            ip=ips[0],
            port=port,
            method="POST" if posted else "GET",
            path=path,
            body=parameters.encode() if posted and parameters else b"",
            authorization=f"Basic {base64.b64encode(login).decode()}" if service.user_name else "",
            tls=self._context(service) if service.protocol == HTTPS else None,
            local_ip=self._wanted.address.strip("[]"),
        )

    def _context(self, service: PolicyService) -> ssl.SSLContext:
        assert self._wanted is not None
        key = service.tls_verify, service.tls_crl_check
        if key not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = service.tls_verify
            context.verify_mode = ssl.CERT_REQUIRED if service.tls_verify else ssl.CERT_NONE
            if self._wanted.trusted.is_file():
                context.load_verify_locations(self._wanted.trusted)
            if service.tls_verify and service.tls_crl_check and self._wanted.crl.is_file():
                context.load_verify_locations(self._wanted.crl)
                context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
            self._contexts[key] = context
        return self._contexts[key]

    def _note(self, name: str, address: str, state: str, reason: str, round_trip_ms: float = 0.0) -> None:
        known = self._servers.get(name, {}).get(address)
        if known is None:
            return
        since_s = known.since_s if known.state == state else time.monotonic()
        news = replace(
            known, state=state, since_s=since_s, reason=reason, round_trip_ms=round_trip_ms or known.round_trip_ms
        )
        self._servers[name][address] = news
        if news != known:
            self._say()

    def _say(self) -> None:
        self._show({name: _row(name, list(servers.values())) for name, servers in self._servers.items()})
        sentence = " ".join(self._bad[name] for name in sorted(self._bad))
        if sentence != self._told:
            self._told = sentence
            self._trouble(sentence)


def _row(name: str, servers: list[_Server]) -> ZoneStatus:
    states = {one.state for one in servers}
    state = "Active" if "active" in states else "Checking" if "checking" in states else "Failed"
    return ZoneStatus(
        name=name,
        type=POLICY_SERVICE_TYPE,
        state=state,
        since_s=max((one.since_s for one in servers), default=0.0),
        addresses=tuple(
            ZoneAddress(
                host=one.address,
                uri=one.address,
                state=one.state,
                since_s=one.since_s,
                reason=one.reason,
                round_trip_ms=round(one.round_trip_ms, 1),
            )
            for one in servers
        ),
    )
