"""Configuration > Dial plan > Policy services: HTTP servers that answer with CPL what is to be done (facts 7.6)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import a_server, address, choice, many, password, switch, text

SERVICES_MAX, SERVERS_MAX = 20, 3  # facts 7.6; the servers are there for resilience, not to share the load
HTTPS, HTTP = "HTTPS", "HTTP"
DEFAULT_CPL_MAX = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyServer:
    """One server of a policy service."""

    address: str = address(label="Address", mandatory=True, check=a_server, path="Address", help="Its IP address or FQDN, with :port where it is not 80 or 443.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyService:
    """One policy service, which call policy, registration or search rules name."""

    name: str = text(low=1, high=50, mandatory=True, label="Name", path="Name", help="The name by which call policy, registration and search rules ask this service.")
    description: str = text(high=64, label="Description", path="Description", help="A note for administrators.")
    protocol: str = choice(HTTPS, (HTTP, HTTPS), label="Protocol", path="Protocol", help="How the servers are reached; with HTTP, names and the password travel in the clear.")
    tls_verify: bool = switch(True, when=("protocol", (HTTPS,)), label="Certificate verification mode", path="TLS Verify Mode",
                              help="Whether a server's certificate must be trusted and name the address by which it is entered here.")  # fmt: skip
    tls_crl_check: bool = switch(False, when=("protocol", (HTTPS,)), label="HTTPS certificate revocation list (CRL) checking", path="TLS CRLCheck Mode",
                                 help="Whether a certificate that is on the loaded revocation lists is refused.")  # fmt: skip
    method: str = choice("POST", ("POST", "GET"), label="HTTP method", path="HTTPMethod", help="Whether the parameters go in the body or in the address of a request.")
    servers: tuple[PolicyServer, ...] = many(PolicyServer, SERVERS_MAX, label="Servers", path="Server", help="Up to three, in the order in which they are asked: the next one only where one fails.")
    path: str = text(high=255, label="Path", path="Path", help="The path on the servers that answers requests.")
    status_path: str = text("status", high=255, label="Status path", path="Status Path", help="The path that every peer asks once a minute whether a server is well.")
    user_name: str = text(high=30, label="User name", path="UserName", help="By which sextet logs in to the service; empty: it does not.")
    password: str = password(82, label="Password", path="Password", help="The password of the user name.")
    default_cpl: str = text(high=DEFAULT_CPL_MAX, label="Default CPL", path="DefaultCPL",
                            help="What holds while no server gives a usable answer. Empty: as call policy, reject with 403 Service Unavailable; for a registration or a search rule, with 504 Policy Service Unavailable.")  # fmt: skip
