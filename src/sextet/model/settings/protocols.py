"""Configuration > Protocols and Domains: which protocols and transports are on (facts 5.8, 6.4)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import Applies, a_name, choice, number, switch, text

PROXY_OFF, PROXY_KNOWN, PROXY_ANY = "Off", "ProxyToKnownOnly", "ProxyToAny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocols:
    """Configuration > Protocols: which protocols and transports are on, and how often endpoints refresh."""

    sip_mode: bool = switch(True, label="SIP mode", path="SIP Mode", applies=Applies.RESTART, help="Whether this cluster is a SIP registrar and proxy.")
    sip_udp: bool = switch(False, label="UDP mode", path="SIP UDP Mode", applies=Applies.RESTART, help="Whether SIP over UDP is accepted.")
    sip_udp_port: int = number(5060, 1024, 65534, label="UDP port", path="SIP UDP Port", applies=Applies.RESTART, help="The port for SIP over UDP.")
    sip_tcp: bool = switch(False, label="TCP mode", path="SIP TCP Mode", applies=Applies.RESTART, help="Whether SIP over TCP is accepted.")
    sip_tcp_port: int = number(5060, 1024, 65534, label="TCP port", path="SIP TCP Port", applies=Applies.RESTART, help="The port for SIP over TCP.")
    sip_tls: bool = switch(True, label="TLS mode", path="SIP TLS Mode", applies=Applies.RESTART, help="Whether SIP over TLS is accepted; peers also need it among themselves.")
    sip_tls_port: int = number(5061, 1024, 65534, label="TLS port", path="SIP TLS Port", applies=Applies.RESTART, help="The port for SIP over TLS.")
    standard_refresh_strategy: str = choice("Maximum", ("Maximum", "Variable"), label="Standard registration refresh strategy", path="SIP Registration Standard Refresh Strategy",
                                            help="Maximum grants the smaller of the maximum and what was asked for; Variable a random time between the minimum and that.")  # fmt: skip
    standard_refresh_minimum: int = number(45, 30, 3600, unit="s", label="Standard registration refresh minimum", path="SIP Registration Standard Refresh Minimum",
                                           help="Shorter registrations are refused with 423 Interval Too Brief.")  # fmt: skip
    standard_refresh_maximum: int = number(60, 30, 7200, unit="s", label="Standard registration refresh maximum", path="SIP Registration Standard Refresh Maximum",
                                           help="The longest registration that is granted.")  # fmt: skip
    outbound_refresh_strategy: str = choice("Variable", ("Maximum", "Variable"), label="Outbound registration refresh strategy", path="SIP Registration Outbound Refresh Strategy",
                                            help="The refresh strategy for registrations with SIP outbound (RFC 5626).")  # fmt: skip
    outbound_refresh_minimum: int = number(300, 30, 7200, unit="s", label="Outbound registration refresh minimum", path="SIP Registration Outbound Refresh Minimum",
                                           help="The shortest outbound registration that is accepted.")  # fmt: skip
    outbound_refresh_maximum: int = number(3600, 30, 7200, unit="s", label="Outbound registration refresh maximum", path="SIP Registration Outbound Refresh Maximum",
                                           help="The longest outbound registration that is granted.")  # fmt: skip
    session_refresh_value: int = number(1800, 90, 86400, unit="s", label="Session refresh value", path="SIP Session Refresh Value",
                                        help="The longest time between two refreshes of a call (Session-Expires, RFC 4028); longer ones are lowered. A call that is not refreshed in time is over.")  # fmt: skip
    session_refresh_minimum: int = number(500, 90, 7200, unit="s", label="Session refresh minimum", path="SIP Session Refresh Minimum",
                                          help="Shorter times between two refreshes of a call are refused with 422 Session Interval Too Small.")  # fmt: skip
    outbound_flow_timer: int = number(0, 0, 600, unit="s", label="Outbound flow timer", path="SIP Registration Outbound Flow Timer",
                                      help="How often an endpoint with SIP outbound has to show that its connection lives, as the Flow-Timer header tells it; 0 sends no such header.")  # fmt: skip
    registration_proxy_mode: str = choice(PROXY_OFF, (PROXY_OFF, PROXY_KNOWN, PROXY_ANY), label="SIP registration proxy mode", path="SIP Registration Proxy Mode",
                                          help="Whether registrations for other domains are carried to the zone where a call to the alias would go: to none, to neighbour and traversal zones only, or to any zone.")  # fmt: skip
    h323_mode: bool = switch(False, label="H.323 mode", path="H323 Mode", help="A cluster wants it On at every peer, as the original does (alarm 20018); H.323 calls themselves are not there in this version.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One SIP domain for which this cluster is the registrar."""

    name: str = text(label="Domain name", mandatory=True, check=a_name, path="Name", help="The domain part of the addresses that endpoints register.")
