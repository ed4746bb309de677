"""Do the private parts of nats-py on which session.py leans still exist, and are they used as we think?"""

from __future__ import annotations

import inspect

from nats.aio.client import Client
from nats.aio.transport import Transport

from sextet.cluster.wire.session import HandedTransport


def test_a_client_takes_a_transport_that_is_there_before_it_connects() -> None:
    client = Client()
    assert client._transport is None
    assert "if not self._transport" in inspect.getsource(Client._connect_to_server)


def test_a_client_keeps_what_the_server_said_of_itself() -> None:
    assert hasattr(Client(), "_server_info")


def test_our_transport_has_every_part_that_is_asked_for() -> None:
    wanted = {name for name in dir(Transport) if not name.startswith("__")} | {"__bool__"}
    assert wanted <= set(vars(HandedTransport))


def test_a_read_loop_that_ends_with_the_stream_says_so() -> None:
    assert "at_eof" in inspect.getsource(Client._read_loop)
