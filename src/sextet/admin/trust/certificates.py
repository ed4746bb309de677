"""The desk for certificates: what administrators see and do, with the audit and what follows for the running peer."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from sextet.admin.actor import Actor
from sextet.admin.catalogue import BINARY
from sextet.admin.commands import Registry
from sextet.admin.door import Door
from sextet.admin.trust import certificate_catalogue as catalogue
from sextet.admin.trust import certificate_views as views
from sextet.admin.trust.certificate_views import List, NameCheck, Request, Shown
from sextet.admin.wording import count
from sextet.cluster.face import Face
from sextet.cluster.trust import certificates, revocation
from sextet.cluster.trust.certificate_checks import with_root
from sextet.cluster.trust.certificate_files import NO_REQUEST, CertificateFiles
from sextet.cluster.trust.certificates import CertificateError
from sextet.cluster.trust.signing_request import Names, Wish, is_fqdn
from sextet.engine import Journal
from sextet.model.schema import Problem, Refused

EVENT = "Certificate Management"  # facts 10
AT_RESTART = "At restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything about this peer's server certificate."""

    line: str  # as the others show it
    good: bool
    certificate: Shown | None
    chain: tuple[Shown, ...]  # above it, and the trusted root where it is known
    trusted: bool
    names: tuple[NameCheck, ...]
    waiting: Shown | None  # uploaded, used after the restart
    request: Request | None
    names_wanted: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done, and what to think of it."""

    sentence: str
    warnings: tuple[str, ...] = ()
    restart: bool = False


def from_text(text: str) -> bytes:
    """Read a file as the command line sends it: as it is, or in Base64 where it is no text. Raises Refused."""
    if not text.startswith(BINARY):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(BINARY), validate=True)
    except ValueError as error:
        raise Refused(Problem("", "The file did not arrive whole; send it again.")) from error


class CertificateDesk:
    """`changed` makes the running peer look at its files; `now` is the wall clock."""

    def __init__(
        self,
        files: CertificateFiles,
        face: Face,
        door: Door,
        journal: Journal,
        now: Callable[[], datetime],
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self._files = files
        self._face = face
        self._door = door
        self._journal = journal
        self._now = now
        self._changed = changed

    def overview(self) -> Overview:
        """Show the server certificate."""
        now, names, clustering = self._now(), self.names(), self._face.saved.clustering
        own = self._face.status().own
        trusted = self._files.trusted()
        pending = self._files.pending()
        asked = views.request(pending.request, pending.pem) if pending else None
        waiting = self._files.chain(waiting=True) if self._files.is_waiting() else []
        try:
            chain = self._files.chain()
        except CertificateError as error:
            return Overview(
                line=f"Invalid ({error})", good=False, certificate=None, chain=(), trusted=False, names=(),
                waiting=views.shown(waiting[0], now) if waiting else None, request=asked, names_wanted=names,
            )  # fmt: skip
        peers, number = (clustering.peers, own.number) if own else ((), 0)
        der = [one.public_bytes(Encoding.DER) for one in chain]
        known_as = names.peer if own is None else own.address
        line, good = certificates.line_for(der, known_as, trusted, now, self._revocations())
        return Overview(
            line=line,
            good=good,
            certificate=views.shown(chain[0], now),
            chain=tuple(views.shown(one, now) for one in with_root(chain, trusted)[1:]),
            trusted=certificates.is_trusted(chain, trusted, now),
            names=views.name_checks(chain[0], names.cluster, peers, number, names.peer, now),
            waiting=views.shown(waiting[0], now) if waiting else None,
            request=asked,
            names_wanted=names,
        )

    def names(self) -> Names:
        """Say what a certificate of this peer has to be for."""
        system, clustering = self._face.saved.system, self._face.saved.clustering
        own = next((member.address for member in self._face.status().members if member.this_system), "")
        by_settings = f"{system.dns_host_name}.{system.dns_domain_name}".strip(".")
        clustered = any(clustering.peers)
        return Names(
            peer=own if is_fqdn(own) else by_settings,
            cluster=clustering.cluster_name if clustered else "",
            clustered=clustered,
        )

    def request(self) -> Request:
        """Show the pending signing request; raises Refused where there is none."""
        pending = self._files.pending()
        if pending is None:
            raise Refused(Problem("", NO_REQUEST))
        return views.request(pending.request, pending.pem)

    def trusted(self) -> tuple[Shown, ...]:
        """List the trusted CA certificates."""
        now = self._now()
        return tuple(views.shown(one, now) for one in self._files.trusted())

    def lists(self) -> tuple[List, ...]:
        """Show the revocation lists."""
        return views.lists(self._revocations(), self._now())

    def uncovered(self) -> tuple[str, ...]:
        """Name the authorities without a list of today: while there are any, SIP over TLS does not check."""
        found = self._revocations()
        return tuple(
            one.subject.rfc4514_string() for one in revocation.uncovered(found, found.authorities, self._now())
        )

    async def create_request(self, actor: Actor, wish: Wish) -> Request:
        """Make a key and a request; raises Refused with every problem."""
        self._door.demand_write(actor, "make a signing request")
        made = await asyncio.to_thread(self._files.request, wish, self.names())  # an RSA key takes a second
        shown = views.request(made.request, made.pem)
        self._audit(actor, f"a signing request was made for {shown.common_name}, {shown.key}, {shown.signed_with}")
        return shown

    def discard_request(self, actor: Actor) -> Done:
        """Forget the pending request; raises Refused where there is none."""
        self._door.demand_write(actor, "discard a signing request")
        self._files.discard()
        self._audit(actor, "the signing request was discarded")
        return Done(sentence="The signing request and its private key are discarded.")

    async def upload(self, actor: Actor, certificate: bytes, key: bytes = b"", *, dry_run: bool = False) -> Done:
        """Use another server certificate; raises Refused with every problem."""
        self._door.demand_write(actor, "upload a server certificate")
        restart = self._face.saved.clustering.changes_take_effect == AT_RESTART
        found = self._files.upload(certificate, key, self.names(), at_restart=restart, dry_run=dry_run)
        about = f"{found.facts.said_names()}, SHA-256 {found.facts.fingerprint[:16]}"
        if dry_run:
            return Done(
                sentence=f"The certificate for {about} can be used. Nothing was stored.", warnings=found.warnings
            )
        self._audit(actor, f"a server certificate was uploaded for {about}")
        await self._changed()
        used = "It is used after the restart of this peer." if restart else "It is in use for every new connection."
        sentence = f"The server certificate for {about} is stored. {used}"
        return Done(sentence=sentence, warnings=found.warnings, restart=restart)

    async def trust(self, actor: Actor, data: bytes) -> Done:
        """Trust more authorities; raises Refused with every problem."""
        self._door.demand_write(actor, "trust a CA certificate")
        new = self._files.trust(data)
        if not new:
            return Done(sentence="Every CA certificate of the file is trusted already.")
        names = "; ".join(one.subject.rfc4514_string() for one in new)
        self._audit(actor, f"trusted CA certificates were added: {names}")
        await self._changed()
        return Done(sentence=f"Trusted from now on: {names}.")

    async def distrust(self, actor: Actor, fingerprint: str) -> Done:
        """Trust an authority no more; raises Refused where it is not trusted."""
        self._door.demand_write(actor, "remove a trusted CA certificate")
        before = self.overview().trusted
        name = self._files.distrust(fingerprint).subject.rfc4514_string()
        self._audit(actor, f"a trusted CA certificate was removed: {name}")
        await self._changed()
        lost = before and not self.overview().trusted
        warning = "This peer's own certificate does not lead to a trusted CA any more."
        return Done(sentence=f"{name} is not trusted any more.", warnings=(warning,) if lost else ())

    async def upload_crl(self, actor: Actor, data: bytes) -> Done:
        """Use other revocation lists; raises Refused where they cannot be read."""
        self._door.demand_write(actor, "upload a CRL")
        found, warnings = self._files.upload_crl(data)
        revoked = count(sum(len(one) for one in found.lists), "certificate is", "certificates are")
        issuers = "; ".join(one.issuer.rfc4514_string() for one in found.lists)
        self._audit(actor, f"CRLs were uploaded, {revoked} revoked: {issuers}")
        await self._changed()
        missing = self.uncovered()
        if missing:
            names = "; ".join(missing)
            warnings += (f"SIP over TLS does not check yet: no CRL of today from {names}.",)
        return Done(sentence=f"{revoked} revoked by {issuers}.", warnings=warnings)

    async def remove_crl(self, actor: Actor) -> Done:
        """Use no revocation lists; raises Refused where there are none."""
        self._door.demand_write(actor, "remove the CRL")
        self._files.remove_crl()
        self._audit(actor, "the CRLs were removed")
        await self._changed()
        return Done(sentence="No certificate is revoked any more.")

    def add_commands(self, registry: Registry) -> None:
        """Offer it all as commands."""
        registry.add(catalogue.SHOW, self._show)
        registry.add(catalogue.CSR_CREATE, self._create)
        registry.add(catalogue.CSR_SHOW, self._show_request)
        registry.add(catalogue.CSR_DISCARD, self._discard, look=self._discardable)
        registry.add(catalogue.UPLOAD, self._upload)
        registry.add(catalogue.TRUST_LIST, self._list)
        registry.add(catalogue.TRUST_ADD, self._trust)
        registry.add(catalogue.TRUST_REMOVE, self._distrust)
        registry.add(catalogue.CRL_SHOW, self._show_crl)
        registry.add(catalogue.CRL_UPLOAD, self._upload_crl)
        registry.add(catalogue.CRL_REMOVE, self._remove_crl, look=self._removable)

    async def _show(self, actor: Actor, given: Mapping[str, Any]) -> object:
        return self.overview()

    async def _create(self, actor: Actor, given: Mapping[str, Any]) -> object:
        names = tuple(name for name in str(given.get("more_names", "")).replace(",", " ").split() if name)
        return await self.create_request(actor, Wish(**{**given, "more_names": names}))

    async def _show_request(self, actor: Actor, given: Mapping[str, Any]) -> object:
        return self.request()

    async def _discard(self, actor: Actor, given: Mapping[str, Any]) -> object:
        return self.discard_request(actor)

    async def _discardable(self, actor: Actor, given: Mapping[str, Any]) -> None:
        self._files.demand_request()

    async def _upload(self, actor: Actor, given: Mapping[str, Any]) -> object:
        key = from_text(str(given.get("private_key", "")))
        dry_run = bool(given.get("dry_run", False))
        return await self.upload(actor, from_text(str(given["certificate"])), key, dry_run=dry_run)

    async def _list(self, actor: Actor, given: Mapping[str, Any]) -> object:
        return self.trusted()

    async def _trust(self, actor: Actor, given: Mapping[str, Any]) -> object:
        return await self.trust(actor, from_text(str(given["certificates"])))

    async def _distrust(self, actor: Actor, given: Mapping[str, Any]) -> object:
        return await self.distrust(actor, str(given["fingerprint"]))

    async def _show_crl(self, actor: Actor, given: Mapping[str, Any]) -> object:
        return self.lists()

    async def _upload_crl(self, actor: Actor, given: Mapping[str, Any]) -> object:
        return await self.upload_crl(actor, from_text(str(given["crl"])))

    async def _remove_crl(self, actor: Actor, given: Mapping[str, Any]) -> object:
        return await self.remove_crl(actor)

    async def _removable(self, actor: Actor, given: Mapping[str, Any]) -> None:
        self._files.demand_crl()

    def _revocations(self) -> revocation.Revocations:
        return self._files.revocations()

    def _audit(self, actor: Actor, detail: str) -> None:
        self._journal.event(EVENT, Detail=detail, **actor.audit)
