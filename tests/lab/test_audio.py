"""A tone in a recording is heard, another is not, nor is silence."""

from __future__ import annotations

import array
import math
import random
import wave
from pathlib import Path

import pytest

from sextet.lab.audio import hears, strength

RATE = 8000


def tone(frequency_hz: float, seconds: float = 1.0, level: float = 0.3) -> array.array[int]:
    count = int(RATE * seconds)
    return array.array(
        "h", [int(32767 * level * math.sin(2 * math.pi * frequency_hz * n / RATE)) for n in range(count)]
    )


def record(path: Path, samples: array.array[int]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


def test_the_strength_of_a_tone_is_its_amplitude() -> None:
    assert strength(tone(440), RATE, 440) == pytest.approx(0.3, rel=0.02)
    assert strength(tone(440), RATE, 700) < 0.01
    assert strength(array.array("h"), RATE, 440) == 0


def test_a_recording_is_judged_by_its_end(tmp_path: Path) -> None:
    recording = record(tmp_path / "x.wav", tone(700, 2.0) + tone(440))
    assert hears(recording, 440)
    assert not hears(recording, 700)


def test_silence_and_noise_are_not_heard_as_a_tone(tmp_path: Path) -> None:
    dice = random.Random(1)
    noise = array.array("h", [dice.randrange(-8000, 8000) for _ in range(RATE)])
    assert not hears(record(tmp_path / "silence.wav", array.array("h", [0] * RATE)), 440)
    assert not hears(record(tmp_path / "noise.wav", noise), 440)


def test_what_is_no_recording_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"x\.wav is no recording"):
        hears(tmp_path / "x.wav", 440)
