"""Which calls and registrations are told in the Event log? Each change, as it passes from the engine to the peer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sextet.engine import Host, Journal, Picture, Shared
from sextet.model.status import Binding, Call, ZoneStatus
from sextet.watch.past_calls import CallHistory
from sextet.watch.past_registrations import RegistrationHistory

STATES = {"ringing": "Call Attempted", "connected": "Call Connected"}  # facts 11.6
ENGINE_LOST = "Lost with the engine that carried it"


class CallLog:
    """Stands between an engine and its host; what was there at the start or after a gap is not told again."""

    def __init__(
        self, host: Host, journal: Journal, history: CallHistory | None = None,
        registrations: RegistrationHistory | None = None,
    ) -> None:  # fmt: skip
        self._host = host
        self._history = history
        self._registrations = registrations
        self._journal = journal
        self._devices: dict[str, dict[str, Binding]] = {}  # alias -> device -> binding
        self._calls: dict[str, Call] = {}

    def registered(self, alias: str, bindings: Sequence[Binding], why: str = "") -> None:
        """See engine.Host."""
        before = self._devices.get(alias, {})
        now = {binding.device: binding for binding in bindings}
        for device in now.keys() - before.keys():
            self._tell_device("Registration Accepted", alias, now[device].received, Contact=now[device].contact)
            if self._registrations is not None:
                self._registrations.came(alias, now[device])
        for device in before.keys() - now.keys():
            reason = {"Reason": why} if why else {}
            self._tell_device(
                "Registration Removed", alias, before[device].received, Contact=before[device].contact, **reason
            )
            if self._registrations is not None:
                self._registrations.went(alias, before[device], why)
        self._keep(alias, now)
        self._host.registered(alias, bindings, why)

    def rejected(self, alias: str, reason: str, received: str, user_agent: str) -> None:
        """See engine.Host."""
        self._tell_device("Registration Rejected", alias, received, Reason=reason)
        if self._registrations is not None:
            self._registrations.rejected(alias, received, user_agent, reason)
        self._host.rejected(alias, reason, received, user_agent)

    def call_changed(self, call: Call) -> None:
        """See engine.Host."""
        before = self._calls.get(call.call_id)
        self._calls[call.call_id] = call
        if (before is None or before.state != call.state) and call.state in STATES:
            self._tell_call(STATES[call.state], call)
        if self._history is not None:
            self._history.changed(call)
        self._host.call_changed(call)

    def call_ended(self, call_id: str, reason: str) -> None:
        """See engine.Host."""
        call = self._calls.pop(call_id, None)
        if call is not None:
            event = "Call Disconnected" if call.state == "connected" else "Call Rejected"
            self._tell_call(event, call, reason)
        if self._history is not None:
            self._history.ended(call_id, reason)
        self._host.call_ended(call_id, reason)

    def used(self, use: Mapping[str, int], heard: Mapping[str, Shared]) -> None:
        """See engine.Host."""
        self._host.used(use, heard)

    def picture(self, picture: Picture) -> None:
        """See engine.Host."""
        before, self._devices = (
            self._devices,
            {alias: {one.device: one for one in bindings} for alias, bindings in picture.registrations.items()},
        )
        if self._registrations is not None:
            self._compare(self._registrations, before)
        gone = self._calls.keys() - {call.call_id for call in picture.calls}
        self._calls = {call.call_id: call for call in picture.calls}
        if self._history is not None:
            for call in picture.calls:
                self._history.changed(call)
            for call_id in gone:
                self._history.ended(call_id, ENGINE_LOST)
        self._host.picture(picture)

    def zones(self, zones: Mapping[str, ZoneStatus]) -> None:
        """See engine.Host."""
        self._host.zones(zones)

    def policy_trouble(self, sentence: str) -> None:
        """See engine.Host."""
        self._host.policy_trouble(sentence)

    def gone(self, number: int, call_ids: Collection[str]) -> Collection[str]:
        """See engine.Host."""
        return self._host.gone(number, call_ids)

    def carried(self, count: int) -> None:
        self._host.carried(count)

    def port_conflict(self, sentence: str) -> None:
        """See engine.Host."""
        self._host.port_conflict(sentence)

    def engine_state(self, engine: str, sentence: str) -> None:
        """See engine.Host."""
        self._host.engine_state(engine, sentence)

    def _compare(self, history: RegistrationHistory, before: Mapping[str, Mapping[str, Binding]]) -> None:
        """Keep what is gone since the last reports; what is there now may have come at any moment."""
        for alias, devices in before.items():
            for device in devices.keys() - self._devices.get(alias, {}).keys():
                history.went(alias, devices[device], ENGINE_LOST)
        for alias, devices in self._devices.items():
            for binding in devices.values():
                history.present(alias, binding)

    def _keep(self, alias: str, devices: dict[str, Binding]) -> None:
        if devices:
            self._devices[alias] = devices
        else:
            self._devices.pop(alias, None)

    def _tell_device(self, event: str, alias: str, received: str, **more: str) -> None:
        address, _, transport = received.partition(";")
        ip, _, port = address.rpartition(":")
        where = {"Source-ip": ip, "Source-port": port} if ip else {}
        fields = {"Service": "SIP", **where, "Protocol": transport or "SIP", "AOR": alias, **more}
        self._journal.event(event, **fields, Level="1")

    def _tell_call(self, event: str, call: Call, reason: str = "") -> None:
        fields = {
            "Service": call.protocol,
            "Src-alias": call.source,
            "Dst-alias": call.destination,
            "Call-serial-number": call.serial,
            "Tag": call.tag,
            "Call-id": call.call_id,
            **({"Detail": f"{call.rule}: {call.route}"} if call.rule else {}),
            **({"Reason": reason} if reason else {}),
        }
        self._journal.event(event, **fields, Level="1")
