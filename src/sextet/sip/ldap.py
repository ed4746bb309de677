"""Speaks LDAP with one server; blocks, so threads call it. The one file that knows ldap3 (decision 0020)."""

from __future__ import annotations

import contextlib
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # ldap3 2.9 asks pyasn1 for names that are called otherwise now
    import ldap3
    from ldap3.core.exceptions import LDAPException
    from ldap3.utils.conv import escape_filter_chars

WAIT_S = 2  # for each step: the connection, the log-in, an answer; ldap3 wants whole seconds
USER_NAME, PASSWORD = "SIPIdentityUserName", "SIPIdentityPassword"  # H.350.4, RFC 3944
ENTRIES_MAX = 10  # of one name; who has more is not looked at
CAUSE_MAX = 160


class LdapError(Exception):
    """The server cannot be asked; the text says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How one server is asked."""

    host: str  # as configured: what its certificate must name
    ip: str
    port: int
    trusted: Path | None  # PEM, the CAs of its certificate; None: no TLS
    local_ip: str
    sasl: str  # "" for a simple log-in, else the mechanism
    user: str  # DN or SASL name; "" logs in as nobody
    password: str
    base_dn: str


class Ldap:
    """Some connections to one server, as many as threads ask at once; kept while they work."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._free: list[Any] = []
        self._closed = False

    def check(self) -> None:
        """Log in on a new connection and look for the base DN; raises LdapError."""
        line = self._connected()
        try:
            self._searched(line, "(objectClass=*)", ldap3.BASE, ldap3.NO_ATTRIBUTES)
        finally:
            _ended(line)

    def passwords(self, user: str) -> frozenset[str]:
        """Give the passwords of a device's name, compared to the letter as digest does; raises LdapError."""
        wanted = f"({USER_NAME}={escape_filter_chars(user)})"
        try:
            line = self._free.pop()
        except IndexError:
            line = self._connected()
        else:
            try:
                return self._kept(line, _of(user, self._searched(line, wanted)))
            except LdapError:  # the server ends what was idle
                _ended(line)
                line = self._connected()
        try:
            return self._kept(line, _of(user, self._searched(line, wanted)))
        except LdapError:
            _ended(line)
            raise

    def close(self) -> None:
        """End the connections that nobody uses, and the others once they have their answer."""
        self._closed = True
        while self._free:
            _ended(self._free.pop())

    def _kept(self, line: Any, found: frozenset[str]) -> frozenset[str]:
        self._free.append(line)
        if self._closed:
            self.close()
        return found

    def _connected(self) -> Any:
        one = self.server
        tls = None
        if one.trusted is not None:
            if not one.trusted.is_file():
                raise LdapError("no trusted CA certificate is there to check its certificate with")
            tls = _Tls()
            tls.use(one.host, one.trusted)
        server = ldap3.Server(
            one.ip, port=one.port, use_ssl=tls is not None, tls=tls, get_info=ldap3.NONE, connect_timeout=WAIT_S
        )
        login: dict[str, Any] = {"authentication": ldap3.ANONYMOUS}
        if one.sasl:
            login = {
                "authentication": ldap3.SASL, "sasl_mechanism": one.sasl,
                "sasl_credentials": (None, one.user, one.password, None),
            }  # fmt: skip
        elif one.user:
            login = {"authentication": ldap3.SIMPLE, "user": one.user, "password": one.password}
        with _translated():
            line = ldap3.Connection(
                server, client_strategy=ldap3.SAFE_SYNC, receive_timeout=WAIT_S, auto_referrals=False, read_only=True,
                check_names=False, source_address=one.local_ip, **login,
            )  # fmt: skip
        try:
            with _translated():
                good, result, _, _ = line.bind()
            if not good:
                raise LdapError(f"it refuses the log-in ({result['description']})")
        except LdapError:
            _ended(line)
            raise
        return line

    def _searched(self, line: Any, wanted: str, scope: str = ldap3.SUBTREE, names: Any = (USER_NAME, PASSWORD)) -> Any:
        """Search below the base DN; raises LdapError."""
        with _translated():
            _, result, entries, _ = line.search(
                self.server.base_dn, wanted, scope, attributes=names, size_limit=ENTRIES_MAX, time_limit=WAIT_S
            )
        if result["description"] == "noSuchObject":
            raise LdapError(f"it knows no {self.server.base_dn}")
        if result["description"] not in ("success", "sizeLimitExceeded"):
            raise LdapError(f"it refuses to search ({result['description']})")
        return entries


def _of(user: str, entries: Any) -> frozenset[str]:
    """Read the passwords of exactly this name: LDAP finds it in other letters too (RFC 3944: caseIgnoreMatch)."""
    found: set[str] = set()
    for entry in entries:
        values = {name.lower(): given for name, given in entry.get("raw_attributes", {}).items()}
        if user.encode() in values.get(USER_NAME.lower(), ()):
            found |= {one.decode("utf-8", "replace") for one in values.get(PASSWORD.lower(), ())}
    return frozenset(found)


def _ended(line: Any) -> None:
    opened = line.socket
    with contextlib.suppress(LDAPException, OSError):
        line.unbind()
    if opened is not None:
        opened.close()  # which ldap3 forgets where connecting failed


class _Tls(ldap3.Tls):  # type: ignore[misc]
    """TLS by the standard library alone: ldap3 compares names by a function that Python has given up."""

    def use(self, host: str, trusted: Path) -> None:
        self._host, self._context = host, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            self._context.load_verify_locations(trusted)
        except (OSError, ssl.SSLError) as error:
            raise LdapError(f"the trusted CA certificates cannot be read ({error})") from error

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=self._host)


class _translated(contextlib.AbstractContextManager[None]):
    """Let what ldap3 raises out as LdapError, with the cause alone."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LDAPException | OSError | ValueError):
            raise LdapError(_cause(error)) from error


def _cause(error: BaseException) -> str:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate" in text.lower():
        return f"its certificate is not trusted ({text.rpartition(': ')[2]})"[:CAUSE_MAX]
    if "timed out" in text or "timeout" in text.lower():
        return f"no answer within {WAIT_S} s"
    return text.rpartition("] ")[2][:CAUSE_MAX].strip() or type(error).__name__
