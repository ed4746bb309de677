"""What is shown of this system's own rows stays true when its place in the peer list changes."""

from __future__ import annotations

from dataclasses import replace

from sextet.cluster.rows.keys import KEY_CHARACTERS_MAX, decode_key, encode_key
from sextet.cluster.rows.live import Live
from sextet.model.alarms import MIRROR_REPAIRED
from sextet.model.status import Binding, Call, PeerStatus, Registration, Stamp, to_row
from tests.support.fake_peer import Lines

BINDING = Binding(contact="sip:alice@192.0.2.1", device="sip:alice@192.0.2.1")
CALL = Call(call_id="id@192.0.2.1", serial="7", tag="t", source="a", destination="b", state="ringing", since_s=0)


class Published:
    """The own rows as other peers get them."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}
        self.only_shown: dict[str, bool] = {}

    def put(self, key: str, value: bytes, *, shown: bool = False) -> None:
        self.rows[key], self.only_shown[key] = value, shown

    def drop(self, key: str, *, shown: bool = False) -> None:
        self.rows.pop(key, None)


def a_live() -> tuple[Live, Published]:
    published = Published()
    return Live(published, Lines(), lambda: 0.0, lambda topic: None), published


def test_a_call_from_before_a_new_place_in_the_list_leaves_no_ghost() -> None:
    live, _ = a_live()
    live.call_changed(CALL)
    live.renumber(2)
    assert list(live.view.of(Call, 2)) == [CALL.serial]
    live.call_ended(CALL.call_id, "BYE")
    assert not live.view.of(Call, 2)


def test_what_another_peer_does_not_have_any_more_is_known_while_its_rows_are_current() -> None:
    live, _ = a_live()
    asked = (CALL.call_id, "another")
    assert live.gone(2, asked) == (), "nothing is known of it yet"
    live.reachable(2, True)
    live.row(2, encode_key("call", CALL.serial), to_row(CALL))
    assert live.gone(2, asked) == {"another"}
    live.row(2, encode_key("call", CALL.serial), None)
    assert live.gone(2, asked) == set(asked)
    live.reachable(2, False)
    assert live.gone(2, asked) == ()


def test_a_name_too_long_to_be_published_does_not_stop_a_new_place_in_the_list() -> None:
    live, published = a_live()
    live.registered("a" * KEY_CHARACTERS_MAX + "@apolo.local", [BINDING])
    live.renumber(2)
    assert not published.rows and not live.view.of(Registration, 2)


def test_the_place_that_this_system_leaves_is_empty_for_who_comes_next() -> None:
    live, _ = a_live()
    live.renumber(2)
    live.registered("alice@apolo.local", [BINDING])
    live.renumber(1)
    assert not live.view.of(Registration, 2)
    assert list(live.view.of(Registration, 1)) == ["alice@apolo.local"]


def test_what_is_forgotten_of_the_peer_that_had_this_place_before_is_not_this_systems() -> None:
    live, _ = a_live()
    live.renumber(2)
    live.registered("alice@apolo.local", [BINDING])
    theirs = Registration(alias="alice@apolo.local", since_s=0, sequence=1, bindings=(BINDING,))
    key = encode_key("reg", "alice@apolo.local")
    live.row(1, key, to_row(theirs))
    live.renumber(1)
    live.row(1, key, None)  # as its mirror is cleared
    live.forget(1)
    assert list(live.view.of(Registration, 1)) == ["alice@apolo.local"]


def test_a_status_row_whose_clock_alone_went_on_is_no_news() -> None:
    live, _ = a_live()
    status = PeerStatus(
        peer_id="two", address="", host_name="", version="", now_s=1.0, started_s=0.0, held=Stamp(), in_force=Stamp(),
        digest="",
    )  # fmt: skip
    assert live.row(2, "peer", to_row(status))
    assert not live.row(2, "peer", to_row(replace(status, now_s=2.0)))
    assert live.row(2, "peer", to_row(replace(status, now_s=3.0, digest="other")))


def test_an_alarm_about_the_copy_of_a_removed_peer_goes_with_it() -> None:
    live, published = a_live()
    live.alarms.set(MIRROR_REPAIRED, "3", True, "A row was missing.")
    live.forget(2)
    assert live.alarms.raised()
    live.forget(3)
    assert not live.alarms.raised()


def test_rows_that_nothing_rests_on_are_told_as_such() -> None:
    live, published = a_live()
    live.call_changed(CALL)
    live.registered("alice@apolo.local", (BINDING,))
    live.sharing(frozenset((2,)), frozenset(("pipe/Line",)))
    live.used({"pipe/Line": 64, "link/Free": 64}, {})
    shown = {decode_key(key)[1]: only for key, only in published.only_shown.items()}
    assert shown == {CALL.serial: True, "alice@apolo.local": False, "pipe/Line": False, "link/Free": True}
