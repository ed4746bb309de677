"""A storm of new registrations against a real Kamailio: spread, refreshes first, everybody in at the end."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from sextet.model.settings.registration import Authentication, Registration
from tests.support.sip_client import Message, Phone
from tests.support.sip_peers import CONFIG, peers

pytestmark = pytest.mark.scenario
NETWORK, PER_S, PHONES = "127.61.94", 20, 100
STORMY = replace(
    CONFIG,
    authentication=Authentication(local_zone="Do not check credentials"),
    registration=Registration(new_per_second=PER_S),
)


async def obedient(phone: Phone, answers: list[Message]) -> None:
    """Register as RFC 3261 21.5.4 wants it: after 503, come again when Retry-After says."""
    while True:
        answer = await phone.register()
        answers.append(answer)
        if answer.status == 200:
            return
        await _pause(int(answer.get("retry-after")))


async def _pause(seconds: int) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


def test_a_storm_is_spread_while_refreshes_pass_and_everybody_is_registered_in_the_end() -> None:
    async def play() -> None:
        async with peers(NETWORK, 1, config=STORMY) as at, contextlib.AsyncExitStack() as stack:
            old = await stack.enter_async_context(Phone("old", at.address(1)))
            assert (await old.register()).status == 200
            phones = [
                await stack.enter_async_context(Phone(f"phone{number}", at.address(1))) for number in range(PHONES)
            ]
            answers: list[Message] = []
            began = asyncio.get_running_loop().time()
            storm = [asyncio.create_task(obedient(phone, answers)) for phone in phones]
            await asyncio.wait(storm, return_when=asyncio.FIRST_COMPLETED)
            assert (await old.register()).status == 200  # never told to come later
            assert (await old.register(0)).status == 200
            await asyncio.gather(*storm)
            took_s = asyncio.get_running_loop().time() - began
            # What a busy machine answered late was asked for twice, and both answers came.
            later = [answer for phone in phones for answer in phone.replies if answer.status == 503]
            assert {answer.status for answer in answers} == {200, 503}
            assert len({answer.get("retry-after") for answer in later}) > 2
            assert (PHONES - PER_S) / PER_S - 1 < took_s < 6 * PHONES / PER_S
            await at.hosts[1].until(lambda: len(at.hosts[1].registrations) == PHONES)
            await at.engines[1]._round()
            assert any("new registrations were told to come later" in line for line in at.notes[1].lines)
            assert (await at.engines[1]._line.pulse())["later"] == len(later)

    asyncio.run(play())
