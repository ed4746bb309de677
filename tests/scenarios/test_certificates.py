"""Certificates on a running cluster: a new one, an expired, an untrusted, a revoked and a wrongly named one."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sextet.lab.authority import Issued, issue, new_authority
from sextet.lab.documents import Secrets
from sextet.lab.plan import CLUSTER_NAME, HTTPS_PORT, SIPS_PORT, Plan
from tests.support import real_lab
from tests.support.certificate_lab import crl, signed
from tests.support.real_lab import START_S, Lab, answered, eventually

pytestmark = pytest.mark.scenario
NOW = datetime.now(UTC)  # certificates speak of moments
MODE = "clustering.tls_verification_mode"


@dataclass(frozen=True, slots=True)
class Certified:
    """A lab whose authority can be asked for more."""

    lab: Lab
    authority: Issued

    def issued(self, number: int, *, authority: Issued | None = None, days: float = 365, name: str = "") -> Issued:
        fqdn = name or self.lab.peer(number).fqdn
        names = [fqdn] if name else [fqdn, CLUSTER_NAME]
        return issue(authority or self.authority, names, NOW, common_name=fqdn, days=days)

    async def upload(self, number: int, given: Issued) -> str:
        key = given.key_pem.decode()
        done = await self.lab.ask(number, "cert upload", certificate=given.pem.decode(), private_key=key)
        return f"{done['sentence']} {' '.join(done['warnings'])}"

    def present(self, number: int) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.lab.peer(number).state_dir / "certificate.pem").read_bytes())

    async def served(self, number: int, port: int) -> bytes:
        """The certificate that a port of a peer shows."""
        address = self.lab.peer(number).address
        pem = await asyncio.to_thread(ssl.get_server_certificate, (address, port), timeout=5)
        return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)

    async def refused(self, words: str, line: str) -> None:
        """Peers 1 and 3 refuse peer 2 and say why, and peer 2 says why it is refused."""
        for number in (1, 3):
            await eventually(f"{number} says it", lambda number=number: self._causes(number, 2, words))
            await eventually(f"{number} shows it", lambda number=number: self._line(number, 2), wanted=line)
            await eventually("2 says it", lambda number=number: self._causes(2, number, words))

    async def _causes(self, number: int, of: int, words: str) -> bool:
        """Whether the alarm of a peer names that reason for another one."""
        causes = (await self.lab.raised(number)).get(20004, "").split("; ")
        return any(cause.startswith(self.lab.peer(of).fqdn) and words in cause for cause in causes)

    async def _line(self, number: int, of: int) -> str:
        return str((await self.lab.member(number, of))["certificate"])


@pytest.fixture(scope="module")
def running() -> Iterator[Certified]:
    authority = new_authority("scenario", NOW)

    def prepare(made: Plan, drawn: Secrets) -> None:
        made.authority.write_bytes(authority.pem)
        for peer in made.peers:
            issued = issue(authority, [peer.fqdn, CLUSTER_NAME], NOW, common_name=CLUSTER_NAME)
            issued.write(peer.state_dir / "certificate.pem", peer.state_dir / "private_key.pem")

    with real_lab.lab(prepare=prepare) as lab:
        yield Certified(lab, authority)


async def enforce(lab: Lab) -> None:
    await lab.whole()
    await lab.set(1, MODE, "Enforce")
    for number in lab.numbers:
        await lab.alarm(number, 40049, standing=False)
    await lab.whole()


async def permit(lab: Lab) -> None:
    await lab.set(1, MODE, "Permissive")
    for number in lab.numbers:
        await lab.alarm(number, 40049)
    await lab.whole()


def test_a_request_is_answered_and_its_certificate_used_everywhere_without_a_restart(running: Certified) -> None:
    async def play() -> None:
        lab, fqdn = running.lab, running.lab.peer(2).fqdn
        await enforce(lab)
        asked = await lab.ask(2, "cert csr create", key="EC P-384", organization="Apolo")
        assert (asked["common_name"], asked["names"]) == (CLUSTER_NAME, [fqdn, CLUSTER_NAME])
        assert "is pending" in await lab.refusal(2, "cert csr create")
        pem = signed(running.authority, asked["pem"].encode(), NOW, days=10)
        done = await lab.ask(2, "cert upload", certificate=pem.decode())
        assert done["warnings"] == [] and not done["restart"]
        der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        for port in (HTTPS_PORT, SIPS_PORT):
            await eventually(f"{port} shows it", lambda port=port: running.served(2, port), wanted=der)
        await lab.alarm(2, 40069, "expires in 10 days")
        for number in (1, 3):
            look = lambda number=number: running._line(number, 2)
            await eventually(f"{number} sees it", look, wanted="Valid")  # its links are made anew
        assert any('Event="Certificate Management"' in line for line in lab.lines(2))
        assert "No signing request" in await lab.refusal(2, "cert csr show")
        await running.upload(2, running.issued(2))
        await lab.alarm(2, 40069, standing=False)
        await permit(lab)

    asyncio.run(play())


def test_a_revoked_certificate_is_refused_with_the_reason_on_both_sides_until_another_is_there(
    running: Certified,
) -> None:
    async def play() -> None:
        lab = running.lab
        await enforce(lab)
        taken_back = crl(running.authority, NOW, running.present(2)).decode()
        for number in (1, 3):
            assert "1 certificate is revoked" in (await lab.ask(number, "cert crl upload", crl=taken_back))["sentence"]
        await running.refused("is revoked", "Invalid (revoked)")
        await running.upload(2, running.issued(2))
        await lab.whole()
        for number in (1, 3):
            await lab.ask(number, "cert crl remove")
        await permit(lab)

    asyncio.run(play())


def test_with_lists_of_every_authority_kamailio_checks_too_and_calls_go_on(running: Certified) -> None:
    async def play() -> None:
        lab = running.lab
        await enforce(lab)
        empty = crl(running.authority, NOW).decode()
        for number in lab.numbers:
            await lab.ask(number, "cert crl upload", crl=empty)
            config = lab.peer(number).run_dir / "sip" / "tls.cfg"
            await eventually("Kamailio has it", lambda config=config: holds(config, "crl = "))
        async with (
            lab.phone(1, "alice", "tcp") as alice,
            lab.phone(2, "bob", "tcp", local_ip=f"{lab.plan.network}.151") as bob,
        ):
            assert (await alice.register()).status == (await bob.register()).status == 200
            where = ("bob@apolo.local", 2, False)
            await eventually("it is located", lambda: found(lab, 1, where))
            dialog = answered(await alice.call("bob@apolo.local"))
            assert (await alice.hang_up(dialog)).status == 200
            assert (await alice.register(0)).status == (await bob.register(0)).status == 200
        for number in lab.numbers:
            await lab.ask(number, "cert crl remove")
        await permit(lab)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("how", "words", "line", "warning"),
    [
        ("expired", "expired", "Invalid (expired)", "has expired"),
        ("untrusted", "certificate", "Invalid (issuer not trusted)", "Unknown CA"),
        (
            "misnamed",
            "certificate is for elsewhere.apolo.local",
            "Invalid (Common Name in certificate does not match)",
            "not for this peer",
        ),
    ],
)
def test_a_bad_certificate_is_warned_of_then_refused_under_enforce_and_a_good_one_mends_it(
    running: Certified, how: str, words: str, line: str, warning: str
) -> None:
    bad = {
        "expired": running.issued(2, days=-1),
        "untrusted": running.issued(2, authority=new_authority("stranger", NOW)),
        "misnamed": running.issued(2, name="elsewhere.apolo.local"),
    }

    async def play() -> None:
        lab = running.lab
        await enforce(lab)
        assert warning in await running.upload(2, bad[how])
        await running.refused(words, line)
        if how == "expired":
            await lab.alarm(2, 40068, "has expired")
        await running.upload(2, running.issued(2))
        await lab.whole()
        await permit(lab)

    asyncio.run(play())


def test_saving_enforce_names_the_peer_whose_line_is_not_valid_and_why(running: Certified) -> None:
    async def play() -> None:
        lab = running.lab
        await lab.whole()
        await running.upload(3, running.issued(3, name="elsewhere.apolo.local"))
        reason = "Invalid (Common Name in certificate does not match)"
        await eventually("1 sees it", lambda: running._line(1, 3), wanted=reason)

        async def warnings() -> list[str]:
            return list((await lab.set(1, MODE, "Enforce", dry_run=True))["warnings"])

        cut_off = f"Enforce cuts off {lab.peer(3).host_name}: {reason}"
        found = await warnings()
        assert f"{cut_off}." in found and all(one.startswith(cut_off) for one in found), "others may see it too"
        await running.upload(3, running.issued(3))
        await eventually("1 sees it", lambda: running._line(1, 3), wanted="Valid")
        await eventually("the others see it too", warnings, wanted=[])
        await lab.whole()

    asyncio.run(play())


def test_at_restart_a_new_certificate_waits_for_it_and_15028_says_so(running: Certified) -> None:
    async def play() -> None:
        lab = running.lab
        await lab.set(1, "clustering.changes_take_effect", "At restart")
        await lab.whole()  # peer 3 knows it too
        before = await running.served(3, HTTPS_PORT)
        given = running.issued(3)
        assert "after the restart" in await running.upload(3, given)
        await lab.alarm(3, 15028)
        assert await running.served(3, HTTPS_PORT) == before
        assert (await lab.cluster(3))["restart_reasons"] == ["server certificate and key"]
        code, _, errors = await lab.run(3, "peer", "restart", "--yes")
        assert code == 0, errors
        await lab.alarm(3, 15028, standing=False, within_s=START_S)
        assert await running.served(3, HTTPS_PORT) == given.certificate.public_bytes(Encoding.DER)
        await lab.whole()
        await lab.set(1, "clustering.changes_take_effect", "At once")

    asyncio.run(play())


async def holds(path: Path, words: str) -> bool:
    return words in path.read_text()


async def found(lab: Lab, number: int, row: tuple[str, int, bool]) -> bool:
    return row in await lab.registrations(number)
