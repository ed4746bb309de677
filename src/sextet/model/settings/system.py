"""System: who this peer is, which servers it asks, and what it writes down (facts appendix A, 11.6)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import a_name, a_server, address, choice, many, number, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server of a list, in the order in which it is asked."""

    address: str = address(label="Address", path="Address", help="The server's IP address or name, with :port where it is not the standard one.", mandatory=True, check=a_server)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """System > Administration, DNS and Time: who this peer is and which servers it asks."""

    name: str = text(high=50, label="System name", peer=True, path="SystemUnit Name", help="The name by which this peer is shown; different on every peer.")
    dns_host_name: str = text(high=63, label="System host name", peer=True, path="IP DNS Hostname", check=a_name,
                              help="The first part of this peer's FQDN; different on every peer.")  # fmt: skip
    dns_domain_name: str = text(label="Domain name", peer=True, path="IP DNS Domain Name", check=a_name, help="The DNS domain of this peer.")
    dns_servers: tuple[Server, ...] = many(Server, 5, label="DNS servers", peer=True, path="DNS Server", help="Up to five DNS servers, asked in this order; none means the resolver of the host.")
    ntp_servers: tuple[Server, ...] = many(Server, 5, label="NTP servers", peer=True, path="NTP Server", help="Up to five time servers.")
    system_type: str = choice("C", ("C", "E"), label="System type", peer=True, help="C stands in the internal network, E at its edge; all peers of a cluster are of one type.")


SYSLOG_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")  # RFC 5424 6.2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogServer:
    """One remote syslog server (facts 11.6)."""

    address: str = address(label="Address", mandatory=True, path="Address", help="The server's IP address or name.")
    port: int = number(514, 1, 65535, label="Port", path="Port", help="The server's port; 6514 is usual for TLS.")
    transport: str = choice("UDP", ("UDP", "TCP", "TLS"), label="Transport", path="Transport", help="UDP loses lines without notice; TLS also checks the server's certificate and name.")
    level: str = choice("informational", SYSLOG_LEVELS, label="Severity", path="Loglevel", help="Lines of this severity and worse are sent.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Maintenance > Logging: how much is logged, and where copies go."""

    log_level: int = number(1, 1, 4, label="Log level", peer=True, path="Log Level",
                            help="At 1 calls, registrations and changes are logged; at 2 also each step of the links to other peers; at 3 also messages between peers; at 4 also every SIP message, without credentials.")  # fmt: skip
    syslog_servers: tuple[SyslogServer, ...] = many(SyslogServer, 4, label="Remote syslog servers", peer=True, path="Remote Syslog",
                                                    help="Up to four servers that get a copy of every line of the Event log (RFC 5424).")  # fmt: skip
