"""Maintenance > Security: the server certificate with its signing request, trusted CA certificates, and the CRL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.trust.certificates import Done
from sextet.cluster.trust.signing_request import COMMON_NAMES, DIGESTS, KEYS, Wish
from sextet.model.schema import Problem, Refused
from sextet.web.desk import Message
from sextet.web.guard import Visit, logged_in

SERVER = "/maintenance/security/server-certificate"
TRUSTED = "/maintenance/security/trusted-ca"
CRL = "/maintenance/security/crl"
CERTIFICATE_BYTES_MAX = 256 << 10  # a certificate of 100 names with its chain and key has some 30 KiB
TRUSTED_BYTES_MAX = 4 << 20  # 1000 CA certificates
CRL_BYTES_MAX = 16 << 20  # lists of large public authorities; they are kept in memory
NOTHING_CHOSEN = "No file was chosen; choose one and send it again."
SUBJECT = (
    ("country", "Country (2 letters)"),
    ("state", "State or province"),
    ("locality", "Locality (town name)"),
    ("organization", "Organization (company name)"),
    ("unit", "Organizational unit"),
)


async def show(visit: Visit) -> Response:
    """Show the server certificate."""
    return _server_page(visit, {})


async def download(visit: Visit) -> Response:
    """Send the pending signing request as a file."""
    try:
        pem = visit.desk.certificates.request().pem
    except Refused as refused:
        return visit.go(SERVER, _refusal(refused))
    headers = {"Content-Disposition": 'attachment; filename="request.pem"'}
    return Response(pem, media_type="application/x-pem-file", headers=headers)


async def create(visit: Visit) -> Response:
    """Make a signing request."""
    texts = {name: value.strip() for name, value in visit.posted.items()}
    wish = Wish(
        common_name=texts.get("common_name", ""),
        more_names=tuple(texts.get("more_names", "").replace(",", " ").split()),
        key=texts.get("key", ""),
        digest=texts.get("digest", ""),
        reuse_key="reuse_key" in texts,
        **{name: texts.get(name, "") for name, _ in SUBJECT},
    )
    try:
        made = await visit.desk.certificates.create_request(visit.actor, wish)
    except Refused as refused:
        return _server_page(visit, texts, refused)
    lines = ("Download it, have it signed by your authority, and upload the certificate on this same peer.",)
    title = f"The signing request for {made.common_name} is made."
    return visit.go(SERVER, Message(tone="ok", title=title, lines=lines))


async def discard(visit: Visit) -> Response:
    """Forget the pending signing request."""

    async def act() -> Done:
        return visit.desk.certificates.discard_request(visit.actor)

    return await _do(visit, SERVER, act)


async def upload(visit: Visit) -> Response:
    """Use another server certificate, or only look whether it could be used."""

    async def act() -> Done:
        data, key = visit.files.get("certificate", b""), visit.files.get("private_key", b"")
        dry_run = "check" in visit.posted
        return await visit.desk.certificates.upload(visit.actor, _chosen(data), key, dry_run=dry_run)

    return await _do(visit, SERVER, act)


async def show_trusted(visit: Visit) -> Response:
    """List the trusted CA certificates."""
    return visit.page("trusted.html", trusted=visit.desk.certificates.trusted())


async def trust(visit: Visit) -> Response:
    """Trust more authorities."""

    async def act() -> Done:
        return await visit.desk.certificates.trust(visit.actor, _chosen(visit.files.get("certificates", b"")))

    return await _do(visit, TRUSTED, act)


async def distrust(visit: Visit) -> Response:
    """Trust an authority no more."""

    async def act() -> Done:
        return await visit.desk.certificates.distrust(visit.actor, visit.posted.get("fingerprint", ""))

    return await _do(visit, TRUSTED, act)


async def show_crl(visit: Visit) -> Response:
    """Show the revocation lists."""
    desk = visit.desk.certificates
    return visit.page("crl.html", lists=desk.lists(), uncovered=desk.uncovered())


async def upload_crl(visit: Visit) -> Response:
    """Use other revocation lists."""

    async def act() -> Done:
        return await visit.desk.certificates.upload_crl(visit.actor, _chosen(visit.files.get("crl", b"")))

    return await _do(visit, CRL, act)


async def remove_crl(visit: Visit) -> Response:
    """Use no revocation lists any more."""

    async def act() -> Done:
        return await visit.desk.certificates.remove_crl(visit.actor)

    return await _do(visit, CRL, act)


ROUTES = (
    Route(SERVER, logged_in(show), methods=["GET"]),
    Route(SERVER, logged_in(upload, upload_bytes_max=CERTIFICATE_BYTES_MAX), methods=["POST"]),
    Route(f"{SERVER}/request", logged_in(download), methods=["GET"]),
    Route(f"{SERVER}/request", logged_in(create), methods=["POST"]),
    Route(f"{SERVER}/discard", logged_in(discard), methods=["POST"]),
    Route(TRUSTED, logged_in(show_trusted), methods=["GET"]),
    Route(TRUSTED, logged_in(trust, upload_bytes_max=TRUSTED_BYTES_MAX), methods=["POST"]),
    Route(f"{TRUSTED}/remove", logged_in(distrust), methods=["POST"]),
    Route(CRL, logged_in(show_crl), methods=["GET"]),
    Route(CRL, logged_in(upload_crl, upload_bytes_max=CRL_BYTES_MAX), methods=["POST"]),
    Route(f"{CRL}/remove", logged_in(remove_crl), methods=["POST"]),
)


def _server_page(visit: Visit, typed: Mapping[str, str], refused: Refused | None = None) -> Response:
    context: dict[str, Any] = {
        "seen": visit.desk.certificates.overview(),
        "typed": typed,
        "subject": SUBJECT,
        "keys": KEYS,
        "digests": DIGESTS,
        "common_names": COMMON_NAMES,
        "chosen": {**{"common_name": "cluster", "key": Wish().key, "digest": Wish().digest}, **typed},
        "message": _refusal(refused) if refused else None,
    }
    return visit.page("certificate.html", 422 if refused else 200, **context)


async def _do(visit: Visit, path: str, act: Callable[[], Awaitable[Done]]) -> Response:
    """Carry out what a form asks for, and tell on the next page what came of it."""
    try:
        done = await act()
    except Refused as refused:
        return visit.go(path, _refusal(refused))
    restart = ("/maintenance/restart", "Restart options") if done.restart else None
    tone = "warn" if done.warnings or done.restart else "ok"
    return visit.go(path, Message(tone=tone, title=done.sentence, lines=done.warnings, link=restart))


def _refusal(refused: Refused) -> Message:
    sentences = tuple(problem.sentence for problem in refused.problems)
    return Message(tone="bad", title="Nothing was changed.", lines=sentences)


def _chosen(data: bytes) -> bytes:
    if not data:
        raise Refused(Problem("", NOTHING_CHOSEN))
    return data
