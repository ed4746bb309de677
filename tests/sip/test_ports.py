"""Whether a port can be had is asked of the host."""

from __future__ import annotations

import socket

import pytest

from sextet.sip import rendering
from sextet.sip.ports import taken

ADDRESS = "127.88.0.4"


@pytest.mark.parametrize(("transport", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
def test_a_port_that_another_program_has_is_named_and_others_are_free(transport: str, kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((ADDRESS, 0))
        if transport == "tcp":
            other.listen()
        port = other.getsockname()[1]
        found = taken(ADDRESS, [(transport, port)])
        assert found.startswith(f"{transport.upper()} port {port} of {ADDRESS} cannot be had")
        assert taken(ADDRESS, [("udp" if transport == "tcp" else "tcp", port)]) == ""
    assert taken(ADDRESS, [(transport, port)]) == ""


def test_what_a_running_kamailio_has_is_read_from_what_it_was_started_with() -> None:
    settings = {f"protocols.sip_{kind}": str(kind != "udp") for kind in ("udp", "tcp", "tls")}
    settings |= {"protocols.sip_mode": "True", "protocols.sip_tcp_port": "5070", "protocols.sip_tls_port": "5061"}
    assert rendering.ports_of(settings) == [("tls", 5061), ("tcp", 5070)]
    assert rendering.ports_of(settings | {"protocols.sip_mode": "False"}) == []
    assert rendering.ports_of({}) == []
