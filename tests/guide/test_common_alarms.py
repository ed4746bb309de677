"""常見警報: H.323 mode must be on in a cluster."""

from __future__ import annotations

import pytest

from tests.support.guide_reader import Reader

pytestmark = pytest.mark.scenario
H323 = "/configuration/protocols/h323"


def test_h323_off_is_an_invalid_cluster_configuration_until_it_is_on_again(running: Reader) -> None:
    reader = running
    numbers = reader.lab.numbers
    reader.active()
    reader.turn_page()
    assert "Saved" in reader.save(2, H323, h323_mode="Off")
    sentence = "H.323 mode must be turned On - clustering uses H.323 communications between peers"
    reader.alarm(20018, *numbers, says=("Invalid clustering configuration", sentence, "Configuration > Protocols"))
    for number in numbers:
        reader.logged(number, 'Event="Alarm Raised" Id="20018"')
    # To clear it: Configuration > Protocols > H.323, mode On.
    assert "Saved" in reader.save(2, H323, h323_mode="On")
    reader.no_alarm(20018, *numbers)
    for number in numbers:
        reader.logged(number, 'Event="Alarm Lowered" Id="20018"')
    reader.well()
