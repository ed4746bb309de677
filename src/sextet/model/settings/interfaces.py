"""System > Network interfaces > IP: where a system stands in its networks (facts appendix A, "Ethernet"; guide, "IP")."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import an_ipv4, an_ipv6, choice, switch, text


def _ipv4(n: int) -> str:
    field: str = text(high=15, label=f"LAN {n} IPv4 address", peer=True, path=f"Ethernet {n} IP V4 Address", check=an_ipv4,
                      help=f"The IPv4 address of interface LAN {n}; told here, since the host's operating system sets it.")  # fmt: skip
    return field


def _ipv6(n: int) -> str:
    field: str = text(high=39, label=f"LAN {n} IPv6 address", peer=True, path=f"Ethernet {n} IP V6 Address", check=an_ipv6, help=f"The IPv6 address of interface LAN {n}.")
    return field


def _static_nat(n: int) -> bool:
    field: bool = switch(False, label=f"LAN {n} IPv4 static NAT mode", peer=True, path=f"Ethernet {n} IP V4 StaticNAT Mode",
                         help=f"Whether LAN {n} stands behind a static NAT; its address outside is then no peer address.")  # fmt: skip
    return field


def _static_nat_address(n: int) -> str:
    field: str = text(high=15, label=f"LAN {n} IPv4 static NAT address", peer=True, path=f"Ethernet {n} IP V4 StaticNAT Address", check=an_ipv4,
                      help=f"The address by which others see LAN {n} from outside of the NAT.")  # fmt: skip
    return field


@dataclass(frozen=True, slots=True, kw_only=True)
class Interfaces:
    """One or two network interfaces; the cluster is built inside."""

    dual_interfaces: bool = switch(False, label="Use dual network interfaces", peer=True, help="Whether this system has an inside and an external interface; the cluster must use the inside one.")
    external_interface: str = choice("LAN2", ("LAN1", "LAN2"), label="External LAN interface", peer=True, help="Which of two interfaces is the external one.")
    lan1_ipv4_address: str = _ipv4(1)
    lan1_ipv6_address: str = _ipv6(1)
    lan1_static_nat_mode: bool = _static_nat(1)
    lan1_static_nat_address: str = _static_nat_address(1)
    lan2_ipv4_address: str = _ipv4(2)
    lan2_ipv6_address: str = _ipv6(2)
    lan2_static_nat_mode: bool = _static_nat(2)
    lan2_static_nat_address: str = _static_nat_address(2)

    def lan_addresses(self, lan: str) -> tuple[str, ...]:
        """The addresses that were entered of `lan1` or `lan2`."""
        both = getattr(self, f"{lan}_ipv4_address"), getattr(self, f"{lan}_ipv6_address")
        return tuple(ip for ip in both if ip)
