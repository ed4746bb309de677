"""What a policy service is told of a request, and what it said: its answers come as those of DNS do (questions.py).

An answer belongs to one request: the question, which is its name, holds the serial number of that, and the transaction
takes it along to the next question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sextet.call.decision import Request
from sextet.call.source import SourceKind
from sextet.call.table import Table
from sextet.model.ip import in_uri

NO_TRAVERSAL = "TYPE_UNDEF"


class _Answered:
    """Knows what policy services answered about one request (call/policy/services.Answers).

    `last`: nothing more can be asked, and what is not known counts as not answered.
    """

    def __init__(self, ksr: Any, known: Mapping[str, str], last: bool) -> None:
        self._ksr = ksr
        self._known = known
        self._last = last

    def __call__(self, service: str, kind: str, alias: str) -> str | None:
        """Give the CPL that a service answered; empty where it did not, None while it is not asked."""
        text = self._known.get(self.question(service, kind, alias))
        return "" if text is None and self._last else text

    def question(self, service: str, kind: str, alias: str) -> str:
        """Write what sextetd has to ask; cluster name and time it adds itself. The names are the original's."""
        get = self._ksr.pv.get
        ip, port = str(get("$si")), str(get("$sp"))
        sender = {
            "METHOD": str(get("$rm")),
            "POLICY_TYPE": kind,
            "PROTOCOL": "SIP",
            "SOURCE_ADDRESS": f"{in_uri(ip)}:{port}",
            "SOURCE_IP": ip,
            "SOURCE_PORT": port,
        }
        return f"policy {urlencode(sender | self._about(alias), errors='replace')} {service}"

    def _about(self, alias: str) -> dict[str, str]:
        raise NotImplementedError


class Registration(_Answered):
    """What is asked about a registration; `serial` tells one REGISTER from another."""

    def __init__(
        self, ksr: Any, authenticated: bool, serial: str, known: Mapping[str, str], *, last: bool = False
    ) -> None:
        super().__init__(ksr, known, last)
        self._authenticated = authenticated
        self._serial = serial

    def _about(self, alias: str) -> dict[str, str]:
        return {
            "ALIAS": alias,
            "AUTHENTICATED": _flag(self._authenticated),
            "REGISTRATION_SERIAL_NUMBER": self._serial,  # ours: no answer is taken for that to another REGISTER
        }


class Services(_Answered):
    """What is asked about a request that is searched."""

    def __init__(
        self, ksr: Any, table: Table, request: Request, known: Mapping[str, str], *, last: bool = False
    ) -> None:
        super().__init__(ksr, known, last)
        self._table = table
        self._request = request

    def _about(self, alias: str) -> dict[str, str]:
        get, request = self._ksr.pv.get, self._request
        registered = request.source.kind is SourceKind.LOCAL
        return {
            "ALLOW_INTERWORKING": _flag(self._table.dial_plan.interworking != "Off"),
            "AUTHENTICATED": _flag(request.authenticated),
            "AUTHENTICATED_SOURCE_ALIAS": request.caller if request.authenticated else "",
            "AUTHENTICATION_USER_NAME": request.user,
            "DESTINATION_ALIAS": alias,
            "GLOBAL_CALL-SERIAL_NUMBER": request.tag,
            "LOCAL_CALL_SERIAL_NUMBER": str(get("$avp(serial)") or ""),
            "NETWORK_TYPE": "IPV6" if ":" in str(get("$si")) else "IPV4",
            "PROTOCOL": request.protocol,
            "REGISTERED_ALIAS": request.caller if registered else "",
            "TRAVERSAL_TYPE": NO_TRAVERSAL,
            "UNAUTHENTICATED_SOURCE_ALIAS": "" if request.authenticated else request.caller,
            "ZONE_NAME": request.source.name,
        }


def _flag(holds: bool) -> str:
    return "TRUE" if holds else "FALSE"
