"""Who this peer is before it has read its database: addresses, directories and certificates, from one TOML file."""

from __future__ import annotations

import dataclasses
import ipaddress
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sextet.model.schema import Problem, Refused

_KINDS = {"Path": str, "str": str, "int": int, "bool": bool}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """What cannot be in the database, because it is needed to open it or to be reached at all."""

    address: str  # the one IP address that every socket of this peer binds
    state_dir: Path  # database and logs; lives as long as the peer
    run_dir: Path  # sockets and rendered files; may be lost at a restart of the machine
    certificate: Path  # PEM, server certificate and its chain
    private_key: Path
    trusted: Path  # PEM, CA certificates
    engine_user: str = ""  # the unprivileged user that engines run as; "" = whoever runs sextetd
    initial: Path = Path()  # JSON document, loaded only while the database is empty
    cluster_port: int = 4372
    recovery_port: int = 4371
    https_port: int = 8443
    lab: bool = False  # offers the commands by which the lab cuts links


def read(path: Path) -> Bootstrap:
    """Read the file; raises Refused with every problem it has."""
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(Problem(str(path), f"The bootstrap file cannot be read: {error}.")) from error
    fields = {field.name: field for field in dataclasses.fields(Bootstrap)}
    problems = [Problem(name, f"{name} is no bootstrap setting; remove it.") for name in values if name not in fields]
    needed = [name for name, field in fields.items() if field.default is dataclasses.MISSING]
    problems += [Problem(name, f"{name} is missing; add it.") for name in needed if name not in values]
    kinds = {name: _KINDS[str(field.type)] for name, field in fields.items()}
    for name, value in values.items():
        if name in kinds and type(value) is not kinds[name]:
            problems.append(Problem(name, f"{name} must be a {kinds[name].__name__}, not {value!r}."))
    try:
        ipaddress.ip_address(values.get("address", "127.0.0.1"))
    except ValueError:
        problems.append(Problem("address", f"{values['address']!r} is not an IP address; write one of this machine's."))
    if problems:
        raise Refused(*problems)
    typed: dict[str, Any] = {n: Path(v) if str(fields[n].type) == "Path" else v for n, v in values.items()}
    return Bootstrap(**typed)
