"""Who rings, from everybody's rows."""

from __future__ import annotations

from sextet.cluster.rows.books import DropRow, Locate, PutRow, Release
from sextet.cluster.rows.registrations import Book
from sextet.model.status import Binding, Registration

ALICE = "alice@apolo.local"


def binding(device: str, sequence: int = 0, received: str = "") -> Binding:
    return Binding(contact=f"sip:{device}", device=device, received=received, sequence=sequence)


def row(*bindings: Binding, since_s: float = 0.0) -> Registration:
    highest = max(b.sequence for b in bindings)
    return Registration(alias=ALICE, since_s=since_s, sequence=highest, bindings=bindings)


def put(*bindings: Binding, since_s: float = 0.0) -> PutRow:
    return PutRow("reg", ALICE, row(*bindings, since_s=since_s))


def among(number: int) -> Book:
    """A book that has heard every peer."""
    book = Book(number)
    book.picture({}, 0.0)
    for other in range(1, 7):
        book.peer_live(other)
    return book


def test_a_registration_is_one_row_that_goes_with_its_last_binding() -> None:
    book = among(1)
    assert book.registered(ALICE, [binding("d1")], 10.0) == [put(binding("d1", 1), since_s=10.0)]
    both = put(binding("d1", 1), binding("d2", 2), since_s=10.0)
    assert book.registered(ALICE, [binding("d1"), binding("d2")], 20.0) == [both]
    assert book.registered(ALICE, [binding("d2")], 30.0) == [put(binding("d2", 2), since_s=10.0)]
    assert book.registered(ALICE, [], 40.0) == [DropRow("reg", ALICE)]
    assert book.registered(ALICE, [], 50.0) == [] and book.own == {}


def test_a_refresh_of_the_same_binding_changes_nothing() -> None:
    book = among(1)
    book.registered(ALICE, [binding("d1")], 10.0)
    assert book.registered(ALICE, [binding("d1")], 20.0) == []


def test_a_device_that_comes_from_another_address_makes_a_new_binding() -> None:
    book = among(1)
    book.registered(ALICE, [binding("d1")], 0.0)
    assert book.registered(ALICE, [binding("d1", received="x")], 1.0) == [put(binding("d1", 2, received="x"))]


def test_engines_are_told_once_where_an_alias_is() -> None:
    book = among(1)
    assert book.row(2, ALICE, row(binding("d1", 1))) == [Locate({ALICE: (2,)})]
    assert book.row(2, ALICE, row(binding("d1", 1, received="x"))) == []
    assert book.row(3, ALICE, row(binding("d2", 1))) == [Locate({ALICE: (2, 3)})]
    assert book.located() == {ALICE: (2, 3)}
    assert book.row(2, ALICE, None) == [Locate({ALICE: (3,)})]
    assert book.row(3, ALICE, None) == [Locate({ALICE: ()})]
    assert book.located() == {}


def test_a_device_that_registers_elsewhere_is_released_here() -> None:
    book = among(1)
    book.registered(ALICE, [binding("d1"), binding("d2")], 0.0)
    assert book.row(2, ALICE, row(binding("d1", 2))) == [Locate({ALICE: (2,)}), Release(ALICE, "d1")]
    assert book.registered(ALICE, [binding("d2")], 0.0) == [put(binding("d2", 1))]


def test_a_device_that_comes_here_is_above_all_that_was_seen_of_it() -> None:
    book = among(1)
    book.row(2, ALICE, row(binding("d1", 7)))
    assert book.registered(ALICE, [binding("d1")], 0.0) == [put(binding("d1", 8)), Locate({ALICE: ()})]


def test_another_device_of_the_alias_does_not_make_an_old_binding_newer() -> None:
    book = among(6)
    book.registered(ALICE, [binding("d1")], 0.0)
    book.registered(ALICE, [binding("d1"), binding("d2")], 0.0)
    assert Release(ALICE, "d1") in book.row(2, ALICE, row(binding("d1", 2)))


def test_of_two_equal_claims_the_higher_peer_has_the_device() -> None:
    low, high = among(1), among(2)
    for book in (low, high):
        book.registered(ALICE, [binding("d1")], 0.0)
    assert low.row(2, ALICE, row(binding("d1", 1))) == [Locate({ALICE: (2,)}), Release(ALICE, "d1")]
    assert high.row(1, ALICE, row(binding("d1", 1))) == []


def test_a_peer_whose_every_device_moved_on_is_located_no_more() -> None:
    book = among(1)
    book.row(2, ALICE, row(binding("d1", 1)))
    assert book.row(3, ALICE, row(binding("d1", 2))) == [Locate({ALICE: (3,)})]


def test_a_removed_peer_takes_its_rows_along() -> None:
    book = among(1)
    book.row(2, ALICE, row(binding("d1", 1)))
    book.row(2, "bob@apolo.local", row(binding("d2", 1)))
    assert book.peer_gone(2) == [Locate({ALICE: (), "bob@apolo.local": ()})]
    assert book.peer_gone(2) == []


def test_a_new_peer_list_forgets_the_mirrored_rows_only() -> None:
    book = among(1)
    book.registered(ALICE, [binding("d1")], 0.0)
    book.row(2, ALICE, row(binding("d2", 1)))
    assert book.renumber(2) == [Locate({ALICE: ()})]
    assert (book.number, list(book.own)) == (2, [ALICE])


def test_a_new_place_in_the_list_forgets_nothing_of_a_peer_that_keeps_its_own() -> None:
    book = among(3)
    book.row(1, ALICE, row(binding("d1", 1)))
    assert book.renumber(2) == []
    assert book.located() == {ALICE: (1,)}


def test_what_an_engine_carried_through_our_restart_claims_nothing() -> None:
    book = Book(2)
    assert book.picture({ALICE: [binding("d1")]}, 5.0) == [put(binding("d1", 0), since_s=5.0)]
    assert book.row(1, ALICE, row(binding("d1", 1))) == [Locate({ALICE: (1,)}), Release(ALICE, "d1")]


def test_a_later_picture_replaces_the_rows_and_its_news_are_new() -> None:
    book = among(1)
    book.picture({}, 0.0)
    book.registered(ALICE, [binding("d1")], 0.0)
    book.registered("bob@apolo.local", [binding("d3")], 0.0)
    effects = book.picture({ALICE: [binding("d1"), binding("d2")]}, 9.0)
    assert effects == [DropRow("reg", "bob@apolo.local"), put(binding("d1", 1), binding("d2", 2))]


def test_what_registered_here_before_a_peer_was_heard_stays_here() -> None:
    book = Book(1)
    book.picture({}, 0.0)
    book.registered(ALICE, [binding("d1")], 0.0)
    assert book.row(2, ALICE, row(binding("d1", 7))) == [put(binding("d1", 8))]
    book.peer_live(2)
    assert Release(ALICE, "d1") in book.row(2, ALICE, row(binding("d1", 9)))


def test_the_sequence_of_an_alias_grows_on_after_it_was_gone() -> None:
    book = among(1)

    book.row(2, ALICE, row(binding("d1", 7)))
    book.row(2, ALICE, None)
    assert book.registered(ALICE, [binding("d1")], 0.0) == [put(binding("d1", 8))]


def test_engines_are_told_which_peers_hold_flows_of_one_device_in_its_own_order() -> None:
    book = among(1)
    book.registered(ALICE, [binding("<d>;2")], 0.0)
    told = book.row(2, ALICE, row(binding("<d>;1", 1), binding("<e>;1", 1)))
    flows = {"": (2,), "<d>": (2, 1)}
    assert told == [Locate({ALICE: (2,)}, {ALICE: flows})]
    assert book.flows() == {ALICE: flows}
    assert book.row(2, ALICE, row(binding("<d>;1", 1), binding("<e>;1", 1), since_s=9.0)) == []
    assert book.row(3, ALICE, row(binding("<d>;3", 1))) == [
        Locate({ALICE: (2, 3)}, {ALICE: {"": (2,), "<d>": (2, 1, 3)}})
    ]
    book.row(3, ALICE, None)
    assert book.row(2, ALICE, row(binding("<e>;1", 1))) == [Locate({ALICE: (2,)})]
    assert book.flows() == {}


def test_flows_to_one_peer_and_devices_without_outbound_are_nobody_elses_business() -> None:
    book = among(1)
    assert book.row(2, ALICE, row(binding("<d>;1", 1), binding("<d>;2", 1))) == [Locate({ALICE: (2,)})]
    assert book.row(3, ALICE, row(binding("<e>;0", 1), binding("sip:x", 1))) == [Locate({ALICE: (2, 3)})]
    assert book.flows() == {}
