"""Which subzone a device belongs to; also against a slow, obvious reference."""

from __future__ import annotations

import ipaddress
import random

import pytest

from sextet.call.membership import Membership, Rule, of_rules
from sextet.call.pattern import compiled


def subnet(text: str, subzone: str, priority: int = 100) -> Rule:
    address, _, length = text.partition("/")
    return Rule(priority=priority, subzone=subzone, network=(address, int(length)))


def alias(kind: str, text: str, subzone: str, priority: int = 100) -> Rule:
    return Rule(priority=priority, subzone=subzone, pattern=compiled(kind, text))


def test_without_a_match_it_is_the_default_subzone() -> None:
    assert Membership().subzone_of("192.0.2.1", "a@b") == "DefaultSubZone"
    rules = of_rules([subnet("10.0.0.0/8", "A"), alias("Prefix", "boss", "B")])
    for ip in ("192.0.2.1", "", "nonsense", "2001:db8::1"):
        assert rules.subzone_of(ip, "a@b") == "DefaultSubZone"


def test_of_one_priority_the_longest_prefix_comes_first_and_any_subnet_before_an_alias() -> None:
    rules = of_rules([
        alias("Prefix", "boss", "Bosses"), subnet("10.0.0.0/8", "Wide"), subnet("10.1.0.0/16", "Narrow"),
        subnet("10.1.0.0/16", "Again"),
    ])  # fmt: skip
    assert rules.subzone_of("10.1.2.3", "boss@x") == "Narrow"
    assert rules.subzone_of("10.2.2.3", "boss@x") == "Wide"
    assert rules.subzone_of("192.0.2.1", "Boss@x") == "Bosses"


def test_aliases_of_one_priority_are_compared_in_the_order_of_the_configuration() -> None:
    rules = of_rules([alias("Regex", ".*@x", "First"), alias("Exact", "bob@x", "Second")])
    assert rules.subzone_of("192.0.2.1", "bob@x") == "First"


def test_a_lower_priority_number_comes_first_whatever_its_kind() -> None:
    rules = of_rules([subnet("10.0.0.0/30", "Subnet", 200), alias("Suffix", "@x", "Alias", 5)])
    assert rules.subzone_of("10.0.0.1", "bob@x") == "Alias"
    assert rules.subzone_of("10.0.0.1", "bob@y") == "Subnet"


def test_bits_behind_the_prefix_say_nothing_and_both_versions_have_their_own_rules() -> None:
    rules = of_rules([subnet("10.9.9.9/8", "Four"), subnet("2001:db8::5/32", "Six"), subnet("192.0.2.7/99", "One")])
    assert rules.subzone_of("10.1.1.1", "") == "Four"
    assert rules.subzone_of("2001:db8:1::1", "") == "Six"
    assert rules.subzone_of("::ffff:10.1.1.1", "") == rules.subzone_of("::ffff:a01:101", "") == "Four"
    assert rules.subzone_of("192.0.2.7", "") == "One"
    assert rules.subzone_of("192.0.2.8", "") == "DefaultSubZone"


def test_an_ipv4_subnet_may_be_written_as_ipv6() -> None:
    rules = of_rules([subnet("::ffff:10.0.0.0/104", "Four"), subnet("::ffff:0:0/95", "Six")])
    assert rules.subzone_of("10.1.1.1", "") == "Four"
    assert rules.subzone_of("11.1.1.1", "") == "DefaultSubZone", "what is wider is no IPv4 subnet"


@pytest.mark.parametrize("seed", range(30))
def test_every_device_is_where_the_slow_reference_puts_it(seed: int) -> None:
    dice = random.Random(seed)
    rules = []
    for n in range(dice.randint(0, 12)):
        priority = dice.randint(1, 3)
        if dice.random() < 0.6:
            rules.append(
                subnet(f"10.{dice.randint(0, 3)}.{dice.randint(0, 3)}.0/{dice.randint(6, 26)}", f"s{n}", priority)
            )
        else:
            rules.append(alias(dice.choice(("Prefix", "Suffix")), dice.choice("abc"), f"s{n}", priority))
    made = of_rules(rules)
    for _ in range(60):
        ip = f"10.{dice.randint(0, 3)}.{dice.randint(0, 3)}.{dice.randint(0, 255)}"
        name = "".join(dice.choice("abc") for _ in range(3))
        assert made.subzone_of(ip, name) == _slowly(rules, ip, name)


def _slowly(rules: list[Rule], ip: str, name: str) -> str:
    found = []
    for place, rule in enumerate(rules):
        if rule.network is not None:
            network = ipaddress.ip_network("/".join(map(str, rule.network)), strict=False)
            if ipaddress.ip_address(ip) in network:
                found.append((rule.priority, 0, -network.prefixlen, place, rule.subzone))
        elif rule.pattern is not None and rule.pattern.matches(name, name):
            found.append((rule.priority, 1, 0, place, rule.subzone))
    return min(found)[-1] if found else "DefaultSubZone"
