"""Is the link to a peer in the right state, with the right reason, at the right time?"""

from __future__ import annotations

from dataclasses import replace

from sextet.cluster.wire.link import (
    Abort,
    Attach,
    Beaten,
    Configured,
    Connected,
    Dial,
    Effect,
    Event,
    Link,
    Lost,
    Progressed,
    Report,
    State,
    Synchronised,
    Target,
)  # fmt: skip

TO = Target(name="b.example", ip="192.0.2.2", verify=False)


class Play:
    """A link and its clock: `>>` hands in an event or lets time pass, and gives the effects."""

    def __init__(self, *, dice: float = 0.0) -> None:
        self.now = 100.0
        self.link = Link(lambda: dice, self.now)

    def __rshift__(self, what: Event | float) -> list[Effect]:
        if not isinstance(what, int | float):
            return self.link.receive(what, self.now)
        until, effects = self.now + what, []
        while (due := self.link.next_timer()) is not None and due <= until:
            self.now = max(due, self.now)
            effects += self.link.tick(self.now)
        self.now = until
        return effects

    def live(self) -> int:
        """Bring it to LIVE; gives the number of the dial."""
        dial = (self >> Configured(TO))[-1]
        assert isinstance(dial, Dial)
        _ = self >> Connected(dial.attempt)
        self.link.heard(self.now)
        assert self >> Synchronised(dial.attempt) == [Report(State.LIVE, "")]
        return dial.attempt


def test_a_configured_peer_is_dialled_attached_and_live() -> None:
    play = Play()
    assert play >> Configured(TO) == [
        Report(State.DOWN, "dialling for the first time"),
        Report(State.CONNECTING, "dialling for the first time"),
        Dial(2, TO, False),
    ]
    assert play >> Connected(2) == [Report(State.SYNCHRONISING, ""), Attach(2)]
    play.link.heard(play.now)
    assert play >> Synchronised(2) == [Report(State.LIVE, "")]


def test_a_peer_counts_as_tried_when_its_first_dial_has_ended() -> None:
    play = Play()
    dial = (play >> Configured(TO))[-1]
    assert isinstance(dial, Dial) and not play.link.tried
    _ = play >> Lost(dial.attempt, "connection refused")
    assert play.link.tried
    _ = play >> Configured(replace(TO, name="c.example"))
    assert not play.link.tried


def test_a_refused_connection_is_tried_again_with_growing_pauses() -> None:
    play, pauses = Play(dice=0.5), []
    effects = play >> Configured(TO)
    for _ in range(6):
        dial = effects[-1]
        assert isinstance(dial, Dial)
        assert play >> Lost(dial.attempt, "connection refused") == [
            Abort(dial.attempt),
            Report(State.DOWN, "connection refused"),
        ]
        due = play.link.next_timer()
        assert due is not None
        pauses.append(round(due - play.now, 3))
        effects = play >> due - play.now
    assert pauses == [0.3, 0.6, 1.2, 1.5, 1.5, 1.5]


def test_a_dial_that_hangs_says_where() -> None:
    play = Play()
    dial = (play >> Configured(TO))[-1]
    assert isinstance(dial, Dial)
    assert play >> Progressed(dial.attempt, "TLS") == []
    assert (play >> 2.0)[:2] == [Abort(dial.attempt), Report(State.DOWN, "timed out: TLS took longer than 2 s")]


def test_a_silent_cut_is_noticed_within_a_second_and_a_half() -> None:
    play = Play()
    attempt = play.live()
    play.link.heard(play.now)
    assert play >> 1.29 == []
    assert (play >> 0.05)[:2] == [Abort(attempt), Report(State.DOWN, "no heartbeat for 1.3 s")]


def test_a_silent_peer_is_dialled_at_once_for_that_tells_whether_its_machine_answers() -> None:
    play = Play()
    play.live()
    play.link.heard(play.now)
    assert isinstance((play >> 1.31)[-1], Dial)


def test_our_own_sleep_is_not_taken_for_the_peers_silence() -> None:
    play = Play()
    play.live()
    play.now += 2.0
    assert play.link.tick(play.now) == []
    play.link.heard(play.now)
    assert play >> 0.9 == []
    assert play.link.state is State.LIVE


def test_a_peer_that_does_not_answer_after_our_sleep_is_down_all_the_same() -> None:
    play = Play()
    play.live()
    play.now += 2.0
    assert play.link.tick(play.now) == []
    assert Report(State.DOWN, "no heartbeat for 1.3 s") in (play >> 0.6)


def test_a_silent_application_is_not_live_again_before_it_speaks() -> None:
    play = Play()
    attempt = play.live()
    effects: list[Effect] = []
    for _ in range(36):
        play.link.heard(play.now)
        effects += play >> 0.1
    assert effects[:2] == [Abort(attempt), Report(State.DOWN, "the peer's application said nothing for 3.5 s")]
    dial = next(effect for effect in effects if isinstance(effect, Dial)) if len(effects) > 2 else (play >> 0.3)[-1]
    assert isinstance(dial, Dial)
    _ = play >> Connected(dial.attempt)
    play.link.heard(play.now)
    assert play >> Synchronised(dial.attempt) == []
    _ = play >> Beaten(dial.attempt)
    assert play >> Synchronised(dial.attempt) == [Report(State.LIVE, "")]


def test_what_an_older_dial_says_is_ignored() -> None:
    play = Play()
    attempt = play.live()
    assert play >> Lost(attempt - 1, "late") == []
    assert play.link.state is State.LIVE


def test_a_change_of_address_mode_or_key_redials_at_once() -> None:
    for changed in (replace(TO, ip="192.0.2.3"), replace(TO, verify=True), replace(TO, credentials="other")):
        play = Play()
        attempt = play.live()
        effects = play >> Configured(changed)
        assert effects[:2] == [Abort(attempt), Report(State.DOWN, "cluster settings changed")]
        assert isinstance(effects[-1], Dial)
        assert effects[-1].target == changed
        assert play >> Configured(changed) == []


def test_an_obstacle_keeps_the_link_down_with_its_reason_and_without_dialling() -> None:
    play = Play()
    blocked = replace(TO, ip="", obstacle="name does not resolve: no such name")
    assert play >> Configured(blocked) == [Report(State.DOWN, "name does not resolve: no such name")]
    assert play >> 60.0 == []
    assert isinstance((play >> Configured(TO))[-1], Dial)


def test_a_peer_that_enforces_is_dialled_again_with_verification_at_once() -> None:
    play = Play()
    dial = (play >> Configured(TO))[-1]
    assert isinstance(dial, Dial) and not dial.verify
    _ = play >> Lost(dial.attempt, "refused: this peer enforces verification", enforced=True)
    again = (play >> 0.0)[-1]
    assert isinstance(again, Dial) and again.verify


def test_a_peer_that_could_not_be_verified_is_asked_again_whether_it_still_enforces() -> None:
    play = Play()
    enforces, mismatch = "refused: this peer enforces verification", "TLS: certificate is for another name"
    dial = (play >> Configured(TO))[-1]
    assert isinstance(dial, Dial)
    _ = play >> Lost(dial.attempt, enforces, enforced=True)
    for _ in range(2):
        strict = (play >> 0.0)[-1]
        assert isinstance(strict, Dial) and strict.verify
        assert Report(State.DOWN, mismatch) in play >> Lost(strict.attempt, mismatch)
        plain = next(effect for effect in play >> 1.0 if isinstance(effect, Dial))
        assert not plain.verify
        assert Report(State.DOWN, mismatch) in play >> Lost(plain.attempt, enforces, enforced=True)  # says more


def test_a_peer_that_leaves_the_list_is_disabled() -> None:
    play = Play()
    attempt = play.live()
    assert play >> Configured(None) == [Abort(attempt), Report(State.DISABLED, "")]
    assert play >> 60.0 == []


def test_a_store_that_never_answers_is_given_up() -> None:
    play = Play()
    dial = (play >> Configured(TO))[-1]
    assert isinstance(dial, Dial)
    _ = play >> Connected(dial.attempt)
    assert Report(State.DOWN, "timed out: the peer's store did not answer within 3 s") in (play >> 3.0)
