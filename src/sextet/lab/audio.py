"""Tell what a phone heard: the strength of a tone in a recording, by Goertzel's method."""

from __future__ import annotations

import array
import math
import wave
from pathlib import Path

SECOND_OF = 1  # how much of the end of a recording is looked at, in seconds
AUDIBLE = 0.1  # of full scale; the tones are sent at about 0.3 or more, and silence measures under 0.001


def hears(recording: Path, frequency_hz: float) -> bool:
    """Tell whether the last second of a recording holds this tone; raises OSError or ValueError for no recording."""
    try:
        with wave.open(str(recording)) as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            if width != 2:
                raise ValueError(f"{recording} has samples of {8 * width} bits, not 16")
            frames = min(file.getnframes(), SECOND_OF * rate)
            file.setpos(file.getnframes() - frames)
            samples = array.array("h", file.readframes(frames))[::channels]
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{recording} is no recording: {error}") from error
    return strength(samples, rate, frequency_hz) > AUDIBLE


def strength(samples: array.array[int], rate_hz: int, frequency_hz: float) -> float:
    """Measure one frequency: its amplitude as a part of full scale, 0 to 1."""
    if not samples:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency_hz / rate_hz)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
    power = before * before + last * last - coefficient * before * last
    return 2 * math.sqrt(max(power, 0.0)) / len(samples) / 32768
