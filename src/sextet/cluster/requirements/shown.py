"""Would the certificate of a peer pass: who issued it, for which names, for what and until when."""

from __future__ import annotations

from sextet.cluster.judgement import Evidence
from sextet.cluster.requirements.measured import Measured
from sextet.cluster.requirements.verdicts import Verdict, verdict, why_not
from sextet.cluster.trust.certificates import Inspection
from sextet.model import checks

DAY_S = 86_400.0


def chain(seen: Evidence, measured: Measured, number: int) -> Verdict:
    """Judge by whom it was issued."""
    looked, why = _certificate(seen, measured, number)
    if looked is None:
        return ("failed" if "not trusted" in why else "unknown"), why
    return verdict(
        looked.trusted, f"issued by {looked.certificate.issuer}" + ("" if looked.trusted else ", not trusted")
    )


def name(seen: Evidence, measured: Measured, number: int) -> Verdict:
    """Judge the names that it is for."""
    looked, why = _certificate(seen, measured, number)
    if looked is None:
        return "unknown", why
    return verdict(looked.is_for, f"for {looked.certificate.said_names()}")


def usage(seen: Evidence, measured: Measured, number: int) -> Verdict:
    """Judge what it may be used for, and how long."""
    looked, why = _certificate(seen, measured, number)
    if looked is None:
        return ("failed" if "expired" in why or "Auth" in why or "not yet" in why else "unknown"), why
    facts = looked.certificate
    lacking = [
        f"not for {who}" for who, may in (("servers", facts.server_use), ("clients", facts.client_use)) if not may
    ]
    if facts.valid_in_s > 0:
        lacking.append("not yet valid")
    enough = facts.expires_in_s >= checks.CERTIFICATE_DAYS_MIN * DAY_S
    return verdict(enough and not lacking, ", ".join([*lacking, _expiry(facts.expires_in_s)]))


def _certificate(seen: Evidence, measured: Measured, number: int) -> tuple[Inspection | None, str]:
    if number == seen.number:
        return measured.certificate, measured.certificate_failure or "not looked at yet"
    found = measured.of(number)
    return found.certificate, found.certificate_failure or why_not(seen, number)


def _expiry(left_s: float) -> str:
    days = int(abs(left_s) // DAY_S)
    if left_s < 0:
        return f"expired {days} days ago" if days else "expired today"
    return f"expires in {days} days" if days else "expires today"
