"""What session descriptions ask for, agree on, and are told to ask for; and descriptions that mean harm."""

from __future__ import annotations

import random

import pytest

from sextet.call.sdp import BYTES_MAX, KBPS_MAX, agreed_kbps, capped, read

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"
AUDIO = "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
VIDEO = "m=video 4002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"


def sdp(*media: str, session: str = "") -> str:
    return f"{HEAD}{session}t=0 0\r\n{''.join(media)}"


def with_b(medium: str, line: str) -> str:
    first, rest = medium.split("\r\n", 1)
    return f"{first}\r\nb={line}\r\n{rest}"


def needs(text: str) -> int:
    session = read(text)
    assert session is not None
    return session.needs(384)


@pytest.mark.parametrize(
    ("text", "kbps"),
    [
        (sdp(AUDIO), 64),
        (sdp(AUDIO, session="b=AS:1920\r\n"), 64),  # audio only, whatever the session could take
        (sdp(AUDIO, session="b=AS:40\r\n"), 40),
        (sdp("m=audio 4000 RTP/AVP 18\r\n"), 8),
        (sdp("m=audio 4000 RTP/AVP 18 9 0\r\n"), 64),
        (sdp("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 MP4A-LATM/90000\r\na=fmtp:96 profile=24;bitrate=48000\r\n"), 48),
        (sdp("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 X-OURS/8000\r\n"), 64),
        (sdp("m=audio 0 RTP/AVP 0\r\n"), 0),
        (sdp(AUDIO, VIDEO), 384),  # nothing said: the default
        (sdp(with_b(AUDIO, "AS:500"), VIDEO), 500),
        (sdp(AUDIO, VIDEO, session="b=AS:1920\r\n"), 1920),
        (sdp(AUDIO, VIDEO, session="b=CT:768\r\n"), 768),
        (sdp(AUDIO, VIDEO, session="b=TIAS:768001\r\n"), 769),
        (sdp(AUDIO, VIDEO, session="b=TIAS:64000\r\nb=AS:9999\r\nb=CT:5\r\n"), 64),
        (sdp(AUDIO, VIDEO, session="b=X-YZ:128\r\nb=RR:5\r\n"), 384),
        (sdp(AUDIO, with_b(VIDEO, "AS:512")), 576),
        (sdp(AUDIO, with_b(VIDEO, "TIAS:512000"), with_b(VIDEO, "TIAS:256000")), 832),
        (sdp(AUDIO, with_b(VIDEO, "AS:512"), session="b=AS:500\r\n"), 500),
        (sdp(AUDIO, "m=video 0 RTP/AVP 97\r\n", session="b=AS:1920\r\n"), 64),
        (sdp(AUDIO, "m=application 5070 UDP/BFCP *\r\n"), 64),
        (sdp(AUDIO, "m=application 5070 UDP/BFCP *\r\nb=AS:10\r\n"), 74),
        (sdp(AUDIO, VIDEO + "a=inactive\r\n", session="b=AS:700\r\n"), 700),  # on hold: it can be resumed
        (sdp(AUDIO, with_b(VIDEO, "AS:0")), 64),
        (sdp(AUDIO, with_b(VIDEO, "AS:-5")), 384),
        (sdp(AUDIO, with_b(VIDEO, "AS:many")), 384),
        (sdp(AUDIO, with_b(VIDEO, "AS:999999999999")), KBPS_MAX + 64),
        (sdp(), 0),
        (sdp(AUDIO, VIDEO).replace("\r\n", "\n"), 384),
    ],
)
def test_what_an_offer_counts(text: str, kbps: int) -> None:
    assert needs(text) == min(kbps, KBPS_MAX)


@pytest.mark.parametrize(
    ("offer", "answer", "kbps"),
    [
        (sdp(AUDIO, VIDEO, session="b=AS:1920\r\n"), sdp(AUDIO, VIDEO, session="b=AS:512\r\n"), 1920),
        (sdp(AUDIO, VIDEO, session="b=AS:1920\r\n"), sdp(AUDIO, "m=video 0 RTP/AVP 97\r\n"), 64),
        (sdp(AUDIO, with_b(VIDEO, "AS:512")), sdp(AUDIO, with_b(VIDEO, "AS:256")), 576),
        (sdp(AUDIO, VIDEO), sdp(AUDIO, with_b(VIDEO, "AS:256")), 320),
        (sdp(AUDIO, VIDEO), sdp(AUDIO, VIDEO), 384),
        (sdp("m=audio 4000 RTP/AVP 0 18\r\n"), sdp("m=audio 5000 RTP/AVP 18\r\n"), 8),
        (sdp("m=audio 4000 RTP/AVP 0 18\r\nb=AS:128\r\n"), sdp("m=audio 5000 RTP/AVP 0\r\nb=AS:8\r\n"), 64),
        (sdp(AUDIO, VIDEO), sdp(AUDIO), 64),  # an answer that lost a medium
    ],
)
def test_what_an_answer_agrees_on(offer: str, answer: str, kbps: int) -> None:
    one, other = read(offer), read(answer)
    assert one is not None
    assert other is not None
    assert agreed_kbps(one, other, 384) == kbps


def test_an_audio_call_has_a_least_rate_and_a_video_call_has_none() -> None:
    for text, least in ((sdp(AUDIO), 64), (sdp("m=audio 4000 RTP/AVP 0 18 101\r\n"), 8), (sdp(AUDIO, VIDEO), None)):
        session = read(text)
        assert session is not None
        assert session.least == least


@pytest.mark.parametrize(
    ("text", "audio_only", "more"),
    [
        (sdp(AUDIO), True, False),
        (sdp(AUDIO, "m=video 0 RTP/AVP 97\r\n"), True, False),  # what is refused is no line of the session
        (sdp(AUDIO, VIDEO), False, True),
        (sdp(AUDIO, "m=application 5070 UDP/BFCP *\r\n"), False, True),
        (sdp(AUDIO, AUDIO), False, True),
        (sdp(), False, False),
    ],
)
def test_an_audio_call_is_one_audio_medium_and_nothing_else(text: str, audio_only: bool, more: bool) -> None:
    session = read(text)
    assert session is not None
    assert (session.audio_only, session.more_than_audio) == (audio_only, more)


def test_what_is_capped_asks_for_that_and_keeps_everything_else() -> None:
    text = sdp(with_b(AUDIO, "AS:64"), with_b(VIDEO, "TIAS:1856000"), session="b=AS:1920\r\n")
    lowered = capped(text, 512)
    assert needs(lowered) == 512
    assert lowered == text.replace("b=AS:1920", "b=AS:512").replace("b=TIAS:1856000", "b=TIAS:448000")
    assert capped(lowered, 2000) == lowered, "nothing is ever raised"


def test_what_says_nothing_is_told_before_the_times_and_the_attributes() -> None:
    lines = capped(sdp(AUDIO, VIDEO), 256).split("\r\n")
    assert lines[3:6] == ["c=IN IP4 192.0.2.1", "b=AS:256", "t=0 0"]
    assert lines[8:11] == ["m=video 4002 RTP/AVP 97", "b=AS:192", "a=rtpmap:97 H264/90000"]
    assert needs("\r\n".join(lines)) == 256


def test_less_than_the_audio_leaves_video_nothing() -> None:
    assert "m=video 4002 RTP/AVP 97\r\nb=AS:0\r\n" in capped(sdp(AUDIO, VIDEO), 64)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=1\r\n",
        "hello",
        "v=0\r\n no type\r\n",
        "v=0\r\nm=audio\r\n",
        "v=0\r\nm=audio x RTP/AVP 0\r\n",
        "v=0\r\nm=audio 99999999999999999999 RTP/AVP 0\r\n",
        "v=0\r\nm=audio ４０００ RTP/AVP 0\r\n",
        "v=0\r\n" + "m=audio 1 RTP/AVP 0\r\n" * 65,
        "v=0\r\n" + "a=x\r\n" * 3000,
        "v=0\r\na=" + "x" * BYTES_MAX,
        "--boundary\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n",
    ],
)
def test_what_is_no_description_is_none_and_comes_back_as_it_is(text: str) -> None:
    assert read(text) is None
    assert capped(text, 100) == text


@pytest.mark.parametrize("seed", range(30))
def test_no_description_however_broken_raises_or_takes_long(seed: int) -> None:
    dice = random.Random(seed)
    start = sdp(with_b(AUDIO, "AS:64"), with_b(VIDEO, "TIAS:512000"), session="b=AS:1920\r\n")
    for _ in range(200):
        text = list(start)
        for _ in range(dice.randint(1, 12)):
            place = dice.randrange(len(text))
            match dice.randrange(4):
                case 0:
                    del text[place]
                case 1:
                    text.insert(place, chr(dice.choice((0, 10, 13, 32, 48, 61, 98, 109, 127, 255, 0x4E00, 0xD800))))
                case 2:
                    text[place:place] = text[place : place + dice.randint(1, 80)]
                case _:
                    text[place] = dice.choice("0123456789=:/\r\nabmtv")
        broken = "".join(text)
        session = read(broken)
        if session is not None:
            kbps = dice.randint(64, 2000)
            assert 0 <= session.needs(384) <= KBPS_MAX
            lowered = read(capped(broken, kbps))
            assert lowered is not None
            assert len(lowered.media) == len(session.media)
            if session.least is None:
                assert lowered.needs(384) <= max(kbps, 0)
