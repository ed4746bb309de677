"""An engine that carries registrations and calls, as far as a peer can see; and the devices that use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sextet.model.status import Binding, Call


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

    def forget(self) -> None:
        self.bindings.clear()
        self.calls.clear()

    def _report(self, alias: str) -> None:
        if self.host:
            self.host.registered(alias, list(self.bindings[alias].values()))


@dataclass
class Device:
    """A phone: one alias, one place, where it believes to be registered."""

    name: str
    alias: str
    at: int
    address: str = "198.51.100.1:5060;udp"

    def binding(self) -> Binding:
        return Binding(contact=f"sip:{self.name}", device=self.name, received=self.address)
