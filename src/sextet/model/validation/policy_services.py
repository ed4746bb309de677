"""Do policy services make sense, and who asks them (facts 7.6)? `call/checked.py` reads the default CPL itself."""

from __future__ import annotations

import string
from collections.abc import Iterator

from sextet.model.config import item_path
from sextet.model.schema import Problem
from sextet.model.sections import Root
from sextet.model.settings.local_zone import DEFAULT_SUBZONE
from sextet.model.settings.policy import POLICY_SERVICE
from sextet.model.settings.policy_services import PolicyService
from sextet.model.settings.zones import DEFAULT_ZONE, LOCAL_ZONE
from sextet.model.validation.names import twice

TAKEN = (LOCAL_ZONE, "Local Zone", DEFAULT_ZONE, DEFAULT_SUBZONE)
_IN_A_PATH = frozenset(string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@%/?")  # RFC 3986 3.3, 3.4


def policy_services(whole: Root) -> Iterator[Problem]:
    """Yield what is wrong with the services, and with a call policy or registration that asks one."""
    services, zones = whole.policy_services, {zone.name.lower() for zone in whole.zones}
    yield from twice("policy_services", "Policy services", [service.name for service in services])
    for service in services:
        path = item_path("policy_services", service.name)
        if service.name.lower() in zones or service.name in TAKEN:
            yield Problem(
                f"{path}.name",
                f"Name: there is a zone {service.name}, and search rules name both; choose another.",
            )
        yield from _service(path, service)
    names, policy, registration = {service.name for service in services}, whole.call_policy, whole.registration
    for section, mode, service_name, other in (
        ("call_policy", policy.mode, policy.service, "change the mode"),
        ("registration", registration.restriction_policy, registration.service, "choose another restriction policy"),
    ):
        if mode == POLICY_SERVICE and service_name not in names:
            wrong = f"there is no policy service {service_name!r}" if service_name else "is empty"
            yield Problem(f"{section}.service", f"Policy service: {wrong}; enter the name of one, or {other}.")


def _service(path: str, service: PolicyService) -> Iterator[Problem]:
    if not service.servers:
        yield Problem(f"{path}.servers", "Servers: there is none; enter the address of one.")
    yield from twice(f"{path}.servers", "Servers", [server.address for server in service.servers], "address")
    for field, label in (("path", "Path"), ("status_path", "Status path")):
        wrong = set(getattr(service, field)) - _IN_A_PATH
        if wrong:
            shown = " ".join(sorted(repr(one) for one in wrong))
            yield Problem(f"{path}.{field}", f"{label}: {shown} may not stand in a path; write it as %XX.")
    if ":" in service.user_name or not service.user_name.isprintable():  # RFC 7617 2
        yield Problem(f"{path}.user_name", "User name: a colon may not stand in it; choose another name.")
    if service.password and not service.user_name:
        yield Problem(f"{path}.user_name", "User name: is empty, but there is a password; enter it too.")
