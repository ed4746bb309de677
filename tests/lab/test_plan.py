"""A lab is laid out by its number of peers and its directory alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sextet.lab.plan import (
    LONGEST_SOCKET,
    SOCKET_BYTES_MAX,
    Place,
    directories,
    plan,
    read_places,
    write_places,
)


def test_peers_have_the_names_and_addresses_of_the_guide() -> None:
    third = plan(3, Path("/s"), Path("/r")).peers[2]
    assert (third.fqdn, third.address, third.url) == ("expc03.apolo.local", "127.77.0.3", "https://127.77.0.3:8443/")
    assert (third.socket, third.bootstrap) == (Path("/r/peer3/sextetd.sock"), Path("/s/peer3/bootstrap.toml"))


def test_another_loopback_network_moves_everything() -> None:
    moved = plan(1, Path("/s"), Path("/r"), "127.9.8")
    assert (moved.peers[0].address, moved.dns_server, moved.phone_address(2)) == (
        "127.9.8.1",
        "127.9.8.53:5353",
        "127.9.8.102",
    )


@pytest.mark.parametrize("network", ["192.0.2", "127.0", "127.1.256", "127.1.2.3", "x", ""])
def test_a_network_that_is_not_loopback_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match="is no loopback network"):
        plan(1, Path("/s"), Path("/r"), network)


@pytest.mark.parametrize("count", [-1, 0, 7])
def test_a_number_of_peers_that_no_cluster_has_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 6 peers, not {count}"):
        plan(count, Path("/s"), Path("/r"))


def test_a_directory_too_long_for_unix_sockets_is_refused_before_anything_starts() -> None:
    fits = SOCKET_BYTES_MAX - len(LONGEST_SOCKET) - 1
    plan(6, Path("/s"), Path("/" + "r" * (fits - 1)))
    with pytest.raises(ValueError, match="too long for unix sockets"):
        plan(6, Path("/s"), Path("/" + "r" * fits))


def test_root_keeps_its_lab_where_services_do_and_others_in_their_own_places() -> None:
    assert directories(None, 0, {}) == (Path("/var/lib/sextet-lab"), Path("/run/sextet-lab"))
    own = directories(None, 7, {"HOME": "/home/u", "XDG_RUNTIME_DIR": "/run/user/7"})
    assert own == (Path("/home/u/.local/state/sextet-lab"), Path("/run/user/7/sextet-lab"))
    assert directories(None, 7, {"HOME": "/home/u"})[1] == Path("/tmp/sextet-lab-7")
    assert directories(Path("/d"), 0, {}) == (Path("/d/state"), Path("/d/run"))


PLACES = (Place(address="10.1.0.1", prefix=("nsenter", "--net=/one", "--")), Place(address="192.168.2.2"))


def test_peers_may_be_anywhere_while_dns_and_phones_are_on_the_labs_network(tmp_path: Path) -> None:
    write_places(tmp_path / "places.json", PLACES)
    made = plan(2, Path("/s"), Path("/r"), "192.168.77", read_places(tmp_path / "places.json"))
    assert [(peer.address, peer.prefix) for peer in made.peers] == [(one.address, one.prefix) for one in PLACES]
    assert (made.dns_server, made.phone_address(1)) == ("192.168.77.53:5353", "192.168.77.101")
    assert made.peers[0].url == "https://10.1.0.1:8443/"


def test_each_peer_needs_a_place_of_its_own() -> None:
    with pytest.raises(ValueError, match="2 places are given for 3 peers"):
        plan(3, Path("/s"), Path("/r"), "192.168.77", PLACES)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"address": "10.0.0.1"}]', '[{"address": "here", "prefix": []}]'])
def test_what_is_no_list_of_places_is_refused_with_an_example(tmp_path: Path, text: str) -> None:
    (tmp_path / "places.json").write_text(text)
    with pytest.raises(ValueError, match="is no list of places"):
        read_places(tmp_path / "places.json")


def test_places_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_places(tmp_path / "places.json")
