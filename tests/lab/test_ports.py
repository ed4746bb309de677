"""A taken port is named together with the process that holds it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from sextet.lab.plan import plan
from sextet.lab.ports import endpoints, problems

ADDRESS = "127.77.9.1"


def test_every_standard_port_of_every_peer_is_looked_at() -> None:
    wanted = set(endpoints(plan(2, Path("/s"), Path("/r"))))
    assert {("tcp", "127.77.0.2", port) for port in (5060, 5061, 4371, 4372, 8443)} <= wanted
    assert {("udp", "127.77.0.1", 5060), ("udp", "127.77.0.53", 5353)} <= wanted


def test_a_taken_port_names_its_holder() -> None:
    for kind, style in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
        with socket.socket(socket.AF_INET, style) as held:
            held.bind((ADDRESS, 0))
            if kind == "tcp":
                held.listen()
            port = held.getsockname()[1]
            (sentence,) = problems([(kind, ADDRESS, port)])
            assert sentence.startswith(f"{kind.upper()} port {port} on {ADDRESS} is taken by ")
            assert f"(process {os.getpid()})" in sentence


def test_a_connection_that_just_ended_does_not_count_as_taken() -> None:
    with socket.create_server((ADDRESS, 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((ADDRESS, port))
        accepted, _ = server.accept()
        accepted.close()  # this side ends it first, so its socket stays in TIME_WAIT
        client.close()
    assert problems([("tcp", ADDRESS, port)]) == []


def test_an_address_that_is_not_this_computers_is_named() -> None:
    (sentence,) = problems([("tcp", "192.0.2.1", 5060)])
    assert sentence.startswith("TCP port 5060 on 192.0.2.1 cannot be used: ")
