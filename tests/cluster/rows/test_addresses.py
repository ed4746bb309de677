"""From which addresses devices of other peers are registered."""

from __future__ import annotations

from sextet.cluster.rows.addresses import AddressBook
from sextet.cluster.rows.books import Locate
from sextet.model.status import Binding, Registration


def row(alias: str, *received: str) -> Registration:
    bindings = tuple(Binding(contact=f"sip:{n}", device=str(n), received=one) for n, one in enumerate(received))
    return Registration(alias=alias, since_s=0.0, sequence=1, bindings=bindings)


def test_an_address_is_located_while_anybody_of_a_peer_is_registered_from_it() -> None:
    book = AddressBook()
    assert book.row(2, "a", row("a", "192.0.2.9:5060;udp", "[2001:db8::9]:5060;tcp")) == [
        Locate({"192.0.2.9": (2,), "2001:db8::9": (2,)})
    ]
    assert book.row(2, "a", row("a", "192.0.2.9:5061;udp", "[2001:db8::9]:5060;tcp")) == []
    assert book.row(3, "b", row("b", "192.0.2.9:5060;udp")) == [Locate({"192.0.2.9": (2, 3)})]
    assert book.located() == {"192.0.2.9": (2, 3), "2001:db8::9": (2,)}
    assert book.row(2, "a", None) == [Locate({"192.0.2.9": (3,), "2001:db8::9": ()})]
    assert book.row(2, "a", None) == []


def test_two_aliases_of_one_address_keep_it_until_the_last_is_gone() -> None:
    book = AddressBook()
    for alias in ("a", "b"):
        book.row(2, alias, row(alias, "192.0.2.9:5060;udp"))
    assert book.row(2, "a", None) == [Locate({"192.0.2.9": (2,)})]
    assert book.row(2, "b", None) == [Locate({"192.0.2.9": ()})]


def test_a_peer_that_is_gone_takes_its_addresses_along() -> None:
    book = AddressBook()
    book.row(2, "a", row("a", "192.0.2.9:5060;udp"))
    book.row(3, "b", row("b", "192.0.2.8:5060;udp"))
    assert book.peer_gone(2) == [Locate({"192.0.2.9": ()})]
    assert book.located() == {"192.0.2.8": (3,)}
    assert book.peer_gone(2) == []


def test_a_row_without_an_address_locates_nothing() -> None:
    assert AddressBook().row(2, "a", row("a", "")) == []
