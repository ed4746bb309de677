"""Do the peers agree what time it is, and who says so: the host's kernel, a time server, another peer."""

from __future__ import annotations

from sextet.cluster.host import SYNCHRONISED, UNSYNCHRONISED
from sextet.cluster.judgement import Evidence
from sextet.cluster.requirements.measured import Measured
from sextet.cluster.requirements.verdicts import Verdict, heard, verdict, why_not
from sextet.model import checks

CONFIRMED = "confirmed by a time server"
ONE_COMPUTER = "all peers run on this one computer and share its clock, as in a lab: start an NTP client for real use"


def clock(seen: Evidence, measured: Measured, number: int) -> Verdict:
    """Compare the clock of another peer with this one's."""
    answer = measured.of(number).answer
    if answer.failure:
        return "unknown", answer.failure
    ahead = answer.clock_ahead_s
    words = f"{abs(ahead):.3f} s {'ahead of' if ahead >= 0 else 'behind'} this system, ± {answer.uncertain_s:.3f} s"
    if abs(ahead) <= checks.CLOCK_S_MAX < abs(ahead) + answer.uncertain_s:
        return "unknown", words
    return verdict(abs(ahead) <= checks.CLOCK_S_MAX + answer.uncertain_s, words)


def ntp_here(seen: Evidence, measured: Measured) -> Verdict:
    """Judge whether this system's clock is kept by somebody."""
    told = [f"{one.server} {one.failure or f'{one.offset_s:+.3f} s'}" for one in measured.servers]
    if seen.own.clock == SYNCHRONISED:
        return "ok", ", ".join(["the host's kernel says: synchronised", *told])
    if confirmed(measured):
        return "ok", ", ".join([CONFIRMED, *told])
    if seen.own.clock != UNSYNCHRONISED and not measured.servers:
        return "unknown", "the host does not tell, and no NTP server is configured to ask"
    words = ", ".join([f"the host's kernel says: {seen.own.clock}", *(told or ["no NTP server is configured"])])
    if _on_one_computer(seen) and not measured.servers:
        return "unknown", f"{words}; {ONE_COMPUTER}"
    return "failed", words


def ntp_there(seen: Evidence, measured: Measured, number: int) -> Verdict:
    """Judge whether another peer's clock is kept by somebody."""
    status = heard(seen, number)
    if status is None:
        return "unknown", why_not(seen, number)
    clock = measured.of(number).answer.clock or status.clock
    if clock == CONFIRMED:
        return "ok", clock
    if clock not in (SYNCHRONISED, UNSYNCHRONISED):
        return "unknown", "its host does not tell"
    if clock != SYNCHRONISED and _on_one_computer(seen):
        return "unknown", f"its host's kernel says: {clock}; {ONE_COMPUTER}"
    return verdict(clock == SYNCHRONISED, f"its host's kernel says: {clock}")


def confirmed(measured: Measured) -> bool:
    """Tell whether a time server agrees with this host's clock."""
    return any(not one.failure and abs(one.offset_s) <= checks.CLOCK_S_MAX for one in measured.servers)


def _on_one_computer(seen: Evidence) -> bool:
    """Tell whether every peer says that it runs on this very kernel: a lab, whose clocks are one and cannot differ."""
    others = [heard(seen, number) for number in seen.links]
    kernels = {status.kernel if status else "" for status in (seen.own, *others)}
    return bool(others) and len(kernels) == 1 and "" not in kernels


def not_validated(seen: Evidence, measured: Measured) -> str:
    """Say why the time of this system is not to be trusted (alarm 25002), or ""."""
    answers = {number: found.answer for number, found in measured.others.items() if not found.answer.failure}
    off = {n: one for n, one in answers.items() if abs(one.clock_ahead_s) - one.uncertain_s > checks.CLOCK_S_MAX}
    if len(off) * 2 > len(answers):  # whose clock differs from most others' is the one that is wrong, or one of two
        names = seen.running.peers
        words = [f"{-one.clock_ahead_s:+.1f} s against {names[n - 1]}" for n, one in off.items() if n <= len(names)]
        return f"This system's clock is {', '.join(words)}."
    if measured.servers and seen.own.clock == UNSYNCHRONISED and not confirmed(measured):
        return "The host's clock is not synchronised, and no NTP server confirms it."
    return ""


def client_failed(seen: Evidence, measured: Measured) -> str:
    """Say that a server answers and the host does not follow it (alarm 25020), or ""."""
    answering = [one.server for one in measured.servers if not one.failure]
    if not answering or seen.own.clock != UNSYNCHRONISED:
        return ""
    return f"{', '.join(answering)} can be reached, but the host's NTP client does not keep the clock synchronised."
