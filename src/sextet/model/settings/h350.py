"""Configuration > Authentication > H.350 directory: an LDAP server that knows names and passwords (RFC 3944, H.350.4).

The facts know this service by its alarm alone (35012). Names and lengths are those of the original's public manual as
far as we know them; what is on at first is our choice, and so is the port, which goes with TLS.
"""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import address, choice, number, password, switch, text

DIRECTORY = "H.350 directory"  # by this name it is watched and told, as a zone is; none may have it
TLS, CLEAR = "TLS", "Off"
SIMPLE, DIGEST_MD5 = "None", "DIGEST-MD5"
DN_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class H350:
    """Configuration > Authentication > H.350 directory: where names are looked up that the local database does not have."""

    mode: bool = switch(False, label="H.350 device authentication", path="Authentication H350 Mode", help="Whether an LDAP server is asked for the password of a name that the local authentication database does not have.")
    server_address: str = address(label="Server address", path="Authentication H350 LdapServerAddress", help="The LDAP server's IP address or FQDN; with TLS its certificate must name it.")
    server_port: int = number(636, 1, 65535, label="Port", path="Authentication H350 LdapServerPort", help="The server's port: usually 636 with TLS and 389 without.")
    encryption: str = choice(TLS, (CLEAR, TLS), label="Encryption", path="Authentication H350 LdapEncryption",
                             help="TLS from the first byte, with a certificate of a trusted CA; Off sends the passwords of devices in the clear.")  # fmt: skip
    bind_dn: str = text(high=DN_MAX, when=("sasl", (SIMPLE,)), label="Bind DN", path="Authentication H350 BindUserDn", help="The distinguished name by which sextet logs in to the server; empty, it does so as nobody.")
    bind_user_name: str = text(high=DN_MAX, when=("sasl", (DIGEST_MD5,)), label="Bind user name", path="Authentication H350 BindUserName", help="The user name by which sextet logs in to the server with SASL.")
    bind_password: str = password(60, label="Bind password", path="Authentication H350 BindPassword", help="The password for this log-in.")
    sasl: str = choice(SIMPLE, (SIMPLE, DIGEST_MD5), label="SASL", path="Authentication H350 BindSaslMode", help="How sextet logs in: None gives bind DN and password, DIGEST-MD5 proves that it knows the password.")
    base_dn: str = text(high=DN_MAX, label="Base DN for devices", path="Authentication H350 DirectoryBaseDn", help="The distinguished name under which the devices' entries stand, such as ou=H350,dc=example,dc=com.")
