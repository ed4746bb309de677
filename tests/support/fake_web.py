"""The pages on a fake peer, to look at: `python -m tests.support.fake_web`; it prints address, name and password."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import ipaddress
import sys
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sextet.admin import passwords
from sextet.admin.access import Access
from sextet.admin.dialplan.call_history import CallDesk
from sextet.admin.dialplan.registration_history import RegistrationDesk
from sextet.admin.dialplan.searches import Searches
from sextet.admin.dialplan.unregistering import UnregisterDesk
from sextet.admin.door import Door
from sextet.model import alarms
from sextet.model.config import Difference
from sextet.model.searches import Answer
from sextet.model.settings.users import Administrator
from sextet.web.app import WebServer
from sextet.web.desk import Desk
from tests.support.certificate_lab import certificate_desk
from tests.support.fake_calls import PastCallDesk
from tests.support.fake_lifecycle import LifeDesk
from tests.support.fake_peer import FakePeer, Lines
from tests.support.fake_records import RecordsDesk
from tests.support.fake_registrations import PastRegistrationDesk
from tests.support.fake_searches import SearchDesk
from tests.support.fake_vault import KeepingDesk

USER, PASSWORD = "admin", "sextet-lab"
READER = "auditor"
_SALT = b"a salt for tests"
_MADE = hashlib.scrypt(PASSWORD.encode(), salt=_SALT, n=16, r=1, p=1, dklen=32)  # cheap: tests log in a hundred times
_TEXTS = [base64.b64encode(data).rstrip(b"=").decode() for data in (_SALT, _MADE)]
_HASH = "$".join(["scrypt", "ln=4,r=1,p=1", *_TEXTS])
assert passwords.matches(PASSWORD, _HASH)
ADMINISTRATORS = (
    Administrator(name=USER, password_hash=_HASH),
    Administrator(name=READER, password_hash=_HASH, access_level="Read-only"),
)


def peer(number: int = 1) -> FakePeer:
    """Make a peer of a cluster of three, with administrators that can log in."""
    return FakePeer.busy(number, ADMINISTRATORS)


def certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """Write a certificate for one address that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    now = datetime.datetime.now(datetime.UTC)  # wall clock: certificates have dates
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.touch(0o600)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


def server(face: FakePeer, folder: Path, address: str, port: int) -> tuple[WebServer, Lines]:
    """Put the pages in front of a fake peer."""
    journal = Lines()
    pem, private = certificate(folder, address)
    access = Access(lambda: face.saved.administrators, journal)
    door = Door(face, journal)
    desk = certificate_desk(folder, face, door, journal)
    records = RecordsDesk(face).records
    kept = KeepingDesk(face, folder, journal)
    pages = Desk(
        face=face,
        door=door,
        access=access,
        certificates=desk,
        records=records,
        keeping=kept.keeping,
        snapshots=kept.snapshots,
        lives=LifeDesk(door, folder, journal).lives,
        searches=searches(face),
        calls=past_calls(face, door, journal),
        registrations=past_registrations(face),
        unregistering=UnregisterDesk(face, door, journal),
    )
    web = WebServer(pages, address, port, pem, private, journal)
    return web, journal


def past_calls(face: FakePeer, door: Door, journal: Lines) -> CallDesk:
    """Give the pages two calls that are over: one was answered, one was not."""
    desk = PastCallDesk(face, door, journal)
    desk.over("alice@apolo.local", "bob@apolo.local", lasted_s=75.0)
    desk.over("carol@apolo.local", "bob@apolo.local", reason="486 Busy Here")
    return desk.desk


def past_registrations(face: FakePeer) -> RegistrationDesk:
    """Give the pages a device that came and went, one that was turned away, and one that came."""
    desk = PastRegistrationDesk(face)
    desk.came("alice@apolo.local")
    desk.went("alice@apolo.local", 3725.0, "Connection lost")
    desk.history.rejected("mallory@apolo.local", "192.0.2.9:5060;udp", "Dialer 1.0", "403 not in the allow list")
    desk.came("alice@apolo.local")
    return desk.desk


def searches(face: FakePeer) -> Searches:
    """Give the pages searches that were made: one found, one busy, one that no rule knew."""
    desk = SearchDesk(face)
    desk.make("bob@apolo.local", "1111111111111111", registered=("bob@apolo.local",))
    desk.history.answered("1111111111111111", 200, [Answer(0, 200, 2410)], True)
    desk.make("nobody@apolo.local", "2222222222222222")
    return desk.searches


async def main(address: str = "127.67.0.1", port: int = 8443) -> None:
    """Serve until interrupted."""
    face = peer()
    if "--bad-day" in sys.argv:
        face.cut(2, 3, "Certificate: Invalid (Common Name in certificate does not match)")
        face.raise_alarm(
            alarms.COMMUNICATION_FAILURE,
            2,
            "expc03: handshake refused, 12 of 12 tries.",
            key="expc03.apolo.local",
            age_s=95,
        )
        face.set_aside(Difference("zones[London].sip_port", "5061", "5070"))
    with tempfile.TemporaryDirectory() as folder:
        pages, _ = server(face, Path(folder), address, port)
        await pages.start()
        print(f"https://{address}:{port}  {USER} / {PASSWORD}", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await pages.stop()


if __name__ == "__main__":
    asyncio.run(main())
