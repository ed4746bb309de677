"""What we ask of a connection to a nats-server: which store it is, its rows, to publish, to call; no reconnects."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.transport import Transport

from sextet.cluster.wire.mirror import Delivery, StoreInfo
from sextet.cluster.wire.nats_server import BUCKET, STREAM
from sextet.ending import end

PREFIX = f"$KV.{BUCKET}."
HEARTBEAT_S = 0.5  # of an idle consumer; link.py gives up after 1.3 s
REQUEST_LIMIT_S = 3.0
CONSUMER_KEPT_S = 10.0  # the server forgets a consumer that nobody listens to
PENDING_ROWS_MAX, PENDING_BYTES_MAX = 2_000_000, 512 << 20  # more than any store of ours holds
_NANOSECONDS = 1_000_000_000
_STORE_MISSING = 10059  # nats-server's error code


class SessionLost(Exception):
    """The connection is gone or useless; the text says why."""


class Gate:
    """What a cable is to a connection: closed, nothing passes either way, and nobody is told (fault injection)."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def passed(self) -> None:
        await self._open.wait()


class HandedTransport(Transport):
    """An open stream in the shape that nats-py expects of its own transport."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: Gate) -> None:
        self._reader, self._writer, self._gate = reader, writer, gate
        self._held: list[bytes] = []

    async def connect(self, uri: object, buffer_size: int, connect_timeout: int) -> None:
        """It is connected already: nats-py's own way swallows TCP errors and knows no source ports."""

    async def connect_tls(self, uri: object, ssl_context: object, buffer_size: int, connect_timeout: int) -> None:
        raise SessionLost("the peer's store asks for TLS inside TLS")

    def write(self, payload: bytes) -> None:
        self.writelines([payload])

    def writelines(self, payload: list[bytes]) -> None:
        if self._gate.is_open and not self._held:
            self._writer.writelines(payload)
        else:
            self._held += payload

    async def drain(self) -> None:
        await self._gate.passed()
        held, self._held = self._held, []
        self._writer.writelines(held)
        await self._writer.drain()

    async def read(self, buffer_size: int) -> bytes:
        data = await self._reader.read(buffer_size)
        await self._gate.passed()
        return data

    async def readline(self) -> bytes:
        data = await self._reader.readline()
        await self._gate.passed()
        return data

    def at_eof(self) -> bool:
        return self._reader.at_eof()

    async def wait_closed(self) -> None:
        """Never wait for the last words of a peer that may be dead."""

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self._writer.transport.abort()

    def __bool__(self) -> bool:
        return True


class Session:
    """A connection to a store, ours or a remote peer's; whatever goes wrong ends it, and `lost` is called once."""

    def __init__(self, client: Client, transport: HandedTransport) -> None:
        self._client, self._transport = client, transport
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        user: str,
        password: str,
        name: str,
        lost: Callable[[str], None],
        gate: Gate,
    ) -> Session:
        """Log in over an open stream. Raises SessionLost."""
        client, transport = Client(), HandedTransport(reader, writer, gate)
        client._transport = transport  # private: test_session.py guards it
        session = cls(client, transport)
        state = {"up": False, "told": False}

        async def on_error(error: Exception) -> None:
            if state["up"] and not state["told"]:
                state["told"] = True
                lost(_cause(error))

        async def on_closed() -> None:
            await on_error(client.last_error or SessionLost("the connection was closed"))

        try:
            await client.connect(
                "nats://store", user=user, password=password, name=name, allow_reconnect=False, connect_timeout=2,
                ping_interval=1, max_outstanding_pings=3, error_cb=on_error, closed_cb=on_closed,
                disconnected_cb=on_closed, pending_size=8 << 20, flush_timeout=2,
            )  # fmt: skip
        except (nats.errors.Error, OSError, TimeoutError) as error:
            transport.abort()
            raise SessionLost(_cause(error)) from error
        except BaseException:  # cancelled as well: the connection must not outlive the attempt
            transport.abort()
            raise
        state["up"] = True
        return session

    @property
    def usable(self) -> bool:
        return bool(self._client.is_connected)

    def abort(self) -> None:
        """Leave at once: nothing is flushed, nobody is waited for."""
        self._transport.abort()
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())

    async def _close(self) -> None:
        """End the client and its tasks: where something was still to be sent, nats-py's own way ends before them."""
        client = self._client
        with contextlib.suppress(nats.errors.Error, OSError, TimeoutError, RuntimeError):  # dead, which was wanted
            await asyncio.wait_for(client.close(), 1)
        listening = [one._wait_for_msgs_task for one in client._subs.values()]
        await end([*listening, client._reading_task, client._ping_interval_task, client._flusher_task])

    async def round_trip_s(self) -> float:
        """Measure. Raises SessionLost: abort then, for nats-py's reader does not survive a pong that comes late."""
        try:
            return float(await self._client.rtt(timeout=int(REQUEST_LIMIT_S)))
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise SessionLost("no answer to a ping") from error

    async def make_store(self, most_bytes: int) -> StoreInfo:
        """Create the bucket of this peer's rows, if it is not there. Raises SessionLost."""
        config = {
            "name": STREAM, "subjects": [PREFIX + ">"], "storage": "memory", "max_msgs_per_subject": 1,
            "discard": "new", "allow_rollup_hdrs": True, "deny_delete": False, "num_replicas": 1, "max_msgs": -1,
            "max_bytes": most_bytes, "max_age": 0, "retention": "limits", "allow_direct": True, "duplicate_window": 0,
        }  # fmt: skip
        reply = await self._api(f"STREAM.INFO.{STREAM}")
        if _code(reply) == _STORE_MISSING:  # creating it again is refused: nats-server counts its memory twice
            reply = await self._api(f"STREAM.CREATE.{STREAM}", config)
        return self._info(reply)

    async def store(self) -> StoreInfo:
        """Ask which store this is and how far it is. Raises SessionLost."""
        return self._info(await self._api(f"STREAM.INFO.{STREAM}"))

    async def purge(self, sequence: int) -> None:
        """Remove one message (a tombstone). Raises SessionLost."""
        await self._api(f"STREAM.MSG.DELETE.{STREAM}", {"seq": sequence, "no_erase": True})

    async def follow(
        self,
        start: int | None,
        deliver: Callable[[Delivery], None],
        heartbeat: Callable[[int], None],
        heard: Callable[[], None],
    ) -> int:
        """Have rows sent from a sequence on (None: the last of each key); returns how many wait. Raises SessionLost.

        `heard` is called with everything that comes, also what carries no row.
        """

        async def arrived(message: Msg) -> None:
            heard()
            headers = message.headers or {}
            if not message.data and headers.get("Status") == "100":
                await self._answer(message, headers)
                if (last := headers.get("Nats-Last-Consumer")) is not None:
                    heartbeat(int(last))
                return
            *_, sequence, consumer_sequence, _, pending = message.reply.split(".")
            dropped = "KV-Operation" in headers
            deliver(
                Delivery(
                    consumer_sequence=int(consumer_sequence),
                    sequence=int(sequence),
                    key=message.subject[len(PREFIX) :],
                    value=None if dropped else message.data,
                    pending=int(pending),
                )
            )

        inbox = self._client.new_inbox()
        config: dict[str, Any] = {
            "deliver_subject": inbox, "ack_policy": "none", "max_deliver": 1, "replay_policy": "instant",
            "flow_control": True, "idle_heartbeat": int(HEARTBEAT_S * _NANOSECONDS), "num_replicas": 1,
            "mem_storage": True, "inactive_threshold": int(CONSUMER_KEPT_S * _NANOSECONDS),
            "filter_subject": PREFIX + ">", "deliver_policy": "last_per_subject",
        }  # fmt: skip
        if start is not None:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": start}
        # Subscribed first: what the consumer sends before anybody listens is lost.
        await self._client.subscribe(
            inbox, cb=arrived, pending_msgs_limit=PENDING_ROWS_MAX, pending_bytes_limit=PENDING_BYTES_MAX
        )
        reply = await self._api(f"CONSUMER.CREATE.{STREAM}", {"stream_name": STREAM, "config": config})
        _raise_error(reply)
        return int(reply["num_pending"]) + int(reply["delivered"]["consumer_seq"])

    async def publish(self, key: str, value: bytes | None, reply: str) -> None:
        """Write a row or (None) its tombstone; the acknowledgement comes to the subject `reply`. Raises SessionLost."""
        headers = {"KV-Operation": "DEL"} if value is None else None
        try:
            await self._client.publish(PREFIX + key, value or b"", reply=reply, headers=headers)
        except (nats.errors.Error, OSError) as error:
            raise SessionLost(_cause(error)) from error

    async def listen(self, subject: str, arrived: Callable[[Msg], Awaitable[None]]) -> None:
        """Be called with every message of a subject. Raises SessionLost."""
        try:
            await self._client.subscribe(subject, cb=arrived, pending_msgs_limit=PENDING_ROWS_MAX)
        except (nats.errors.Error, OSError) as error:
            raise SessionLost(_cause(error)) from error

    async def say(self, subject: str, data: bytes) -> None:
        """Publish without an acknowledgement. Raises SessionLost."""
        try:
            await self._client.publish(subject, data)
        except (nats.errors.Error, OSError) as error:
            raise SessionLost(_cause(error)) from error

    async def request(self, subject: str, data: bytes, limit_s: float) -> bytes:
        """Ask and wait for the answer. Raises SessionLost."""
        try:
            reply = await self._client.request(subject, data, timeout=limit_s)
            return bytes(reply.data)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise SessionLost(_cause(error)) from error

    def new_inbox(self) -> str:
        return str(self._client.new_inbox())

    async def _answer(self, message: Msg, headers: dict[str, str]) -> None:
        """Flow control: without these answers the store stops sending."""
        subject = message.reply or headers.get("Nats-Consumer-Stalled")
        if subject:
            await self._client.publish(subject)

    async def _api(self, subject: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
        text = json.dumps(request).encode() if request is not None else b""
        reply = json.loads(await self.request("$JS.API." + subject, text, REQUEST_LIMIT_S))
        assert isinstance(reply, dict)
        return reply

    def _info(self, reply: dict[str, Any]) -> StoreInfo:
        _raise_error(reply)
        created, server = reply["created"], self._client._server_info["server_id"]
        return StoreInfo(identity=f"{created}|{server}", epoch=created, last_sequence=reply["state"]["last_seq"])


def _code(reply: dict[str, Any]) -> int:
    return int(reply.get("error", {}).get("err_code", 0))


def _raise_error(reply: dict[str, Any]) -> None:
    if _code(reply) == _STORE_MISSING:
        raise SessionLost("the peer has not published its rows yet")
    if "error" in reply:
        raise SessionLost(f"the store answers: {reply['error'].get('description', 'an error')}")


def _cause(error: BaseException) -> str:
    match error:
        case SessionLost():
            return str(error)
        case nats.errors.TimeoutError() | TimeoutError():
            return "no answer in time"
        case nats.errors.UnexpectedEOF() | ConnectionResetError() | BrokenPipeError():
            return "the peer closed the connection"
        case nats.errors.ConnectionClosedError():
            return "the connection is closed"
        case nats.errors.StaleConnectionError():
            return "no answer to several pings"
    return str(error).removeprefix("nats: ") or type(error).__name__
