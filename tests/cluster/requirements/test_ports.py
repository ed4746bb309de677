"""Is the port table the one that the guide gives, and do the rules let peers in and nobody else?"""

from __future__ import annotations

from sextet.cluster.requirements.ports import BEFORE_X88, Place, flows, nftables, plan
from sextet.cluster.wire import dial, links
from sextet.model.settings.protocols import Protocols

PLACES = tuple(
    Place(number=n, name=f"expc0{n}", ip=f"192.0.2.{n}" if n < 4 else "", this_system=n == 2) for n in (1, 2, 3, 4)
)
ON = Protocols(sip_udp=True, sip_tcp=True, sip_tls=True)


def test_the_table_since_x88_is_what_the_links_use() -> None:
    table = [(f.protocol, f.source_ports, f.destination_ports) for f in flows(ON)]
    assert table[:3] == [("TCP", "30000-35999", "4371"), ("TLS", "30000-35999", "4372"), ("UDP", "1719", "1719")]
    assert (dial.SOURCE_PORTS, links.PORT) == ((30000, 35999), 4372)


def test_the_table_before_x88() -> None:
    table = [(f.protocol, f.source_ports, f.destination_ports) for f in BEFORE_X88]
    assert table == [
        ("IP protocol 51", "", ""),
        ("UDP", "500", "500"),
        ("UDP", "30000-35999", "4371"),
        ("TCP", "30000-35999", "4369-4380"),
        ("UDP", "1719", "1719"),
    ]


def test_calls_between_peers_take_the_first_transport_that_is_on() -> None:
    def sip(protocols: Protocols) -> list[tuple[str, str]]:
        return [(f.protocol, f.destination_ports) for f in flows(protocols)[3:]]

    assert sip(ON) == [("TLS", "5061")]
    assert sip(Protocols(sip_tls=False, sip_udp=True, sip_udp_port=5080)) == [("UDP", "5080")]
    assert sip(Protocols(sip_mode=False)) == []


def test_every_peer_is_reached_by_all_others() -> None:
    rules = plan(PLACES, flows(ON))
    assert len(rules) == 4 * 4
    to_second = next(rule for rule in rules if rule.to == 2)
    assert to_second.sources == ("192.0.2.1", "192.0.2.3", "expc04")
    assert plan(PLACES[:1], flows(ON)) == ()


def test_the_rules_let_peers_in_and_close_the_cluster_ports_to_others() -> None:
    text = nftables(PLACES, flows(ON))
    assert "elements = { 192.0.2.1, 192.0.2.3 }" in text
    assert "# expc04 does not resolve" in text
    here = "    ip daddr 192.0.2.2 "
    assert f"{here}ip saddr @peers tcp sport 30000-35999 tcp dport 4372 accept" in text
    assert f"{here}ip saddr @peers udp sport 1719 udp dport 1719 accept" in text
    drops = [line for line in text.splitlines() if line.endswith("drop")]
    assert drops == [f"{here}tcp dport {{ 4371, 4372 }} drop"], "1719 and SIP are for endpoints as well"
    assert text.index("accept comment") < text.index("drop\n"), "who is allowed is looked at first"


def test_ipv6_has_its_own_words() -> None:
    places = (
        Place(number=1, name="a", ip="2001:db8::1", this_system=True),
        Place(number=2, name="b", ip="2001:db8::2", this_system=False),
    )
    text = nftables(places, flows(ON))
    assert "type ipv6_addr; elements = { 2001:db8::2 }" in text
    assert "ip6 daddr 2001:db8::1 ip6 saddr @peers" in text
