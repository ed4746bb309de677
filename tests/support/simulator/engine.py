"""An engine that carries registrations and calls, as far as a peer can see; and the devices that use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sextet.engine import Host, Picture, Wanted
from sextet.model.status import Binding, Call
from tests.support.simulator.loop import Deed, Life, Loop

ENGINE_S = 0.001  # an event of an engine on its way


class Reports(Protocol):
    """The peer's process, while there is one."""

    def registered(self, alias: str, bindings: Sequence[Binding]) -> None: ...

    def call_changed(self, call: Call) -> None: ...

    def call_ended(self, call_id: str) -> None: ...


@dataclass
class Engine:
    """Goes on without the peer's process; forgets everything when it is restarted itself."""

    host: Reports | None = None
    bindings: dict[str, dict[str, Binding]] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    located: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def register(self, alias: str, binding: Binding) -> None:
        """A refresh of what is there already makes no event."""
        devices = self.bindings.setdefault(alias, {})
        if devices.get(binding.device) != binding:
            devices[binding.device] = binding
            self._report(alias)

    def drop(self, alias: str, device: str) -> None:
        if self.bindings.get(alias, {}).pop(device, None):
            self._report(alias)

    def call(self, call: Call) -> None:
        self.calls[call.call_id] = call
        if self.host:
            self.host.call_changed(call)

    def hang_up(self, call_id: str) -> None:
        if self.calls.pop(call_id, None) and self.host:
            self.host.call_ended(call_id)

    def picture(self) -> dict[str, list[Binding]]:
        return {alias: list(devices.values()) for alias, devices in self.bindings.items() if devices}

    def locate(self, owners: Mapping[str, tuple[int, ...]], complete: bool = False) -> None:
        if complete:
            self.located.clear()
        for alias, numbers in owners.items():
            self.located[alias] = numbers
            if not numbers:
                del self.located[alias]

    def share(self, views: object, sharers: int, complete: bool = False) -> None: ...

    def forget(self) -> None:
        self.bindings.clear()
        self.calls.clear()

    def _report(self, alias: str) -> None:
        if self.host:
            self.host.registered(alias, list(self.bindings[alias].values()))


class Attached:
    """The engine as one process sees it: sextet.engine.Engine; what it says takes a moment on its way."""

    name = "sip"

    def __init__(self, loop: Loop, life: Life, engine: Engine, live: Callable[[], Host]) -> None:
        self._loop, self._life, self._engine, self._live = loop, life, engine, live

    async def start(self, wanted: Wanted) -> None:
        self._engine.host = self
        self._live().picture(self._picture())

    async def apply(self, wanted: Wanted) -> tuple[str, ...]:
        return ()

    def locate(self, owners: Mapping[str, Sequence[int]], complete: bool = False, flows: object = None) -> None:
        self._engine.locate({alias: tuple(numbers) for alias, numbers in owners.items()}, complete)

    def share(self, *shared: object) -> None: ...

    def release(self, alias: str, device: str) -> None:
        self._loop.later(ENGINE_S, lambda: self._engine.drop(alias, device))

    async def stop(self, *, leave_running: bool = False) -> None:
        self._engine.host = None

    def look(self) -> None:
        """There was a gap in the events: the whole picture comes, behind the events that are on their way."""
        self._soon(lambda: self._live().picture(self._picture()))

    def registered(self, alias: str, bindings: Sequence[Binding]) -> None:
        self._soon(lambda: self._live().registered(alias, bindings))

    def call_changed(self, call: Call) -> None:
        self._soon(lambda: self._live().call_changed(call))

    def call_ended(self, call_id: str) -> None:
        self._soon(lambda: self._live().call_ended(call_id, "hung up"))

    def _soon(self, deed: Deed) -> None:
        self._loop.later(ENGINE_S, lambda: self._life.enter(deed))

    def _picture(self) -> Picture:
        return Picture(registrations=self._engine.picture(), calls=list(self._engine.calls.values()))


@dataclass
class Device:
    """A phone: one alias, one place, where it believes to be registered."""

    name: str
    alias: str
    at: int
    address: str = "198.51.100.1:5060;udp"

    def binding(self) -> Binding:
        return Binding(contact=f"sip:{self.name}", device=self.name, received=self.address)
