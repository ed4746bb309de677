"""Do protocols, transports, ports and refresh times go together?"""

from __future__ import annotations

from collections.abc import Iterator

from sextet.model.schema import Problem
from sextet.model.sections import Root
from sextet.model.settings.protocols import Protocols

CLUSTER_PORTS = {4371: "cluster recovery", 4372: "cluster communication"}  # guide, "群集連線和埠"; TCP
TAKEN_PORTS = CLUSTER_PORTS | {8443: "the web pages"}  # TCP
RAS_PORT = 1719  # UDP, between peers and for H.323 endpoints


def protocols(whole: Root) -> Iterator[Problem]:
    protocols = whole.protocols
    if protocols.sip_mode and not (protocols.sip_udp or protocols.sip_tcp or protocols.sip_tls):
        yield Problem("protocols.sip_mode", "SIP mode: is On without any transport; turn UDP, TCP or TLS mode On.")
    if protocols.sip_mode and not protocols.sip_tls and len(whole.clustering.peers) > 1:
        yield Problem("protocols.sip_tls", "TLS mode: peers send calls to each other over TLS; turn it On.")
    for kind in ("standard", "outbound"):
        low, high = getattr(protocols, f"{kind}_refresh_minimum"), getattr(protocols, f"{kind}_refresh_maximum")
        if low > high:
            yield Problem(
                f"protocols.{kind}_refresh_minimum",
                f"{kind.capitalize()} registration refresh minimum: {low} is above the maximum of {high} seconds; "
                "lower it, or raise the maximum.",
            )
    if protocols.session_refresh_minimum > protocols.session_refresh_value:
        yield Problem(
            "protocols.session_refresh_minimum",
            f"Session refresh minimum: {protocols.session_refresh_minimum} is above the session refresh value of "
            f"{protocols.session_refresh_value} seconds; lower it, or raise the value.",
        )
    yield from _ports(protocols)


def _ports(protocols: Protocols) -> Iterator[Problem]:
    tcp = [
        (name, label, getattr(protocols, f"{name}_port"))
        for name, label in (("sip_tcp", "TCP port"), ("sip_tls", "TLS port"))
        if protocols.sip_mode and getattr(protocols, name)
    ]
    for name, label, port in tcp:
        if port in TAKEN_PORTS:
            yield Problem(f"protocols.{name}_port", f"{label}: {port} is for {TAKEN_PORTS[port]}; choose another.")
    if len(tcp) == 2 and tcp[0][2] == tcp[1][2]:
        yield Problem("protocols.sip_tls_port", f"TLS port: {tcp[1][2]} is the TCP port already; choose another.")
    if protocols.sip_mode and protocols.sip_udp and protocols.sip_udp_port == RAS_PORT:
        yield Problem("protocols.sip_udp_port", f"UDP port: {RAS_PORT} is for H.323 between peers; choose another.")
