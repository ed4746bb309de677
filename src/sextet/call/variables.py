"""What the pattern variables stand for on this peer, from %ip% to %localdomains% (facts 7.4)."""

from __future__ import annotations

from collections.abc import Iterable

from sextet.call.pattern import Variables
from sextet.model.sections import Root


def of_config(config: Root, address: str = "", others: Iterable[str] = ()) -> Variables:
    """Fill in this peer's address and those of the others: %ip% means all of them, in patterns only."""
    domains = [domain.name for domain in config.domains]
    one = {f"localdomain{n}": name for n, name in enumerate(domains, 1)}
    addresses = [ip for ip in (address, *others) if ip]
    one |= {"systemname": config.system.name, "ipv6" if ":" in address else "ipv4": address}
    many = {"ip": addresses, "localdomains": domains, "systemname": [config.system.name] if config.system.name else []}
    many |= {"ipv4": [ip for ip in addresses if ":" not in ip], "ipv6": [ip for ip in addresses if ":" in ip]}
    return Variables(many, one)
