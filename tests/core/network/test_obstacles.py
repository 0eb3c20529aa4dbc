"""What is said of the flows to several far ends, each behind its own filters."""

from itertools import permutations

import pytest

from lifeline.core.network.gates import End, Filter, ObstacleKind
from lifeline.core.network.model import FAILED_STATES, AclEntry, EndpointState, NetworkAcl, NetworkInterface, Rule
from lifeline.core.network.obstacles import barrier_of, barrier_to, lets_all_in, rule_lanes, unread_lists
from lifeline.core.network.packets import Lane, blocks_in, lanes_of, span
from lifeline.core.network.ports import HTTPS
from tests.support.builders import MONITORING, endpoint, own_security_group, subnet, vpc

NEAR, FAR = End(((1, 10),), "clients", 4), End(((101, 110),), "interfaces", 4)
PORTS = ((80, 80), (443, 443))
HALF = Filter(
    ObstacleKind.NETWORK_ACL, (Lane(((101, 105),), ()), Lane(((106, 110),), PORTS)), "{ports} to {addresses}", True
)
ONE_PORT = Filter(ObstacleKind.NETWORK_ACL, (Lane(NEAR.addresses, PORTS[1:]),), "{ports} from {addresses}")


def test_where_the_addresses_of_one_end_differ_it_depends_on_the_address() -> None:
    for gates, is_partly_far in (([HALF, ONE_PORT], True), ([HALF, HALF], True), ([ONE_PORT, ONE_PORT], False)):
        ends = [([gate], FAR) for gate in gates]
        found = barrier_of(ends, NEAR, PORTS, subnet("a"), repairable=False)
        assert (found.is_partly_far, found.passes_any, found.shut) == (is_partly_far, True, NEAR.addresses)


def test_where_one_end_is_open_and_another_is_shut_it_depends_on_the_address() -> None:
    assert barrier_of([([HALF], FAR), ([], FAR)], NEAR, PORTS, subnet("a"), repairable=False).is_partly_far


def test_where_two_ends_are_shut_on_different_ports_it_depends_on_the_address() -> None:
    other = Filter(ObstacleKind.NETWORK_ACL, (Lane(NEAR.addresses, PORTS[:1]),), "{ports} from {addresses}")
    found = barrier_of([([ONE_PORT], FAR), ([other], FAR)], NEAR, PORTS, subnet("a"), repairable=False)
    assert (found.is_partly_far, found.flows) == (True, ((NEAR.addresses, PORTS),))
    assert barrier_of([([other], FAR)], NEAR, PORTS, subnet("a"), repairable=False).flows == (
        (NEAR.addresses, PORTS[1:]),
    )


def test_a_rule_lets_its_own_ports_pass_and_no_others() -> None:
    narrow = Rule("tcp", 80, 80, ("0.0.0.0/0",))
    assert rule_lanes([narrow], FAR, vpc(), PORTS) == (Lane(FAR.addresses, PORTS[:1]),)


def test_rules_add_to_each_other_whatever_their_order() -> None:
    """As if each of their blocks were an entry of an ACL that denies nothing."""
    far = End((span("10.0.1.0/24"),), "interfaces", 4)
    rules = (
        Rule("tcp", 80, 80, ("10.0.1.0/25", "10.0.1.64/26", "::/0")),
        Rule("tcp", 443, 443, ("10.0.1.64/26", "10.0.1.192/26", "192.0.2.0/24")),
        Rule("tcp", 79, 81, ("10.0.1.128/28",)),
        Rule("udp", 443, 443, ("10.0.1.0/24",)),
        Rule("tcp", 22, 22, ("10.0.1.0/24",)),
        Rule("-1", 0, 0, ("10.0.1.144/28",)),
    )
    entries = tuple(
        AclEntry(
            1, egress=False, allow=True, protocol=one.protocol, cidr=cidr, from_port=one.from_port, to_port=one.to_port
        )
        for one in rules
        for cidr in one.cidrs
    )
    expected = {Lane(addresses, passed) for addresses, passed in lanes_of(entries, far.addresses, PORTS, 4)}
    assert len(expected) == 4
    for order in permutations(rules):
        assert set(rule_lanes(order, far, vpc(), PORTS)) == expected


def test_rules_let_nothing_pass_to_an_end_without_addresses() -> None:
    wide = Rule("-1", 0, 65535, ("0.0.0.0/0",))
    assert rule_lanes([wide], End((), "nobody", 4), vpc(), PORTS) == (Lane((), ()),)
    assert rule_lanes([wide], FAR, vpc(), PORTS) == (Lane(FAR.addresses, PORTS),)


@pytest.mark.parametrize(
    ("low", "high", "counts"),
    [(443, 443, True), (80, 443, True), (443, 999, True), (80, 442, False), (444, 999, False)],
)
def test_a_prefix_list_that_was_not_read_counts_on_the_services_ports(low: int, high: int, counts: bool) -> None:
    rule = Rule("tcp", low, high, prefix_lists=("pl-1",))
    said = ("sg-1 allows what is in pl-1, which was not read",)
    assert unread_lists([rule], "sg-1", vpc(), HTTPS) == (said if counts else ())


@pytest.mark.parametrize(
    ("blocks", "let_in"),
    [
        (("10.0.1.0/24",), [4]),
        (("2001:db8:1::/64",), [6]),
        (("10.0.0.0/16", "2001:db8::/32"), [4, 6]),
        (("10.0.1.0/25", "2001:db8::/64"), []),
    ],
)
def test_an_endpoint_lets_in_all_of_an_ip_version_by_the_blocks_of_the_subnets_that_use_it(
    blocks: tuple[str, ...], let_in: list[int]
) -> None:
    dual = subnet("a", ipv6_cidrs=("2001:db8::/64",))  # its clients use IPv4
    found = endpoint(MONITORING, "a", ip_address_type="dualstack")
    network = vpc(dual, subnet("b", cidr="", ipv6_cidrs=("2001:db8:1::/64",)), found, own_security_group(*blocks))
    assert [version for version in (4, 6) if lets_all_in(found, network, version, HTTPS)] == let_in


@pytest.mark.parametrize("state", EndpointState)
def test_an_endpoint_is_ready_coming_failed_or_gone(state: EndpointState) -> None:
    """What EC2 may add is neither used nor replaced, but waited for."""
    kinds = {
        "ready": state is EndpointState.AVAILABLE,
        "coming": state.is_coming,
        "failed": state in FAILED_STATES,
        "gone": state.is_gone,
    }
    expected = {
        EndpointState.AVAILABLE: "ready",
        EndpointState.PENDING: "coming",
        EndpointState.PENDING_ACCEPTANCE: "coming",
        EndpointState.UNKNOWN: "coming",
        EndpointState.FAILED: "failed",
        EndpointState.REJECTED: "failed",
        EndpointState.EXPIRED: "failed",
        EndpointState.PARTIAL: "failed",
        EndpointState.DELETING: "gone",
        EndpointState.DELETED: "gone",
    }[state]
    assert [kind for kind, is_it in kinds.items() if is_it] == [expected]


@pytest.mark.parametrize(("denied", "shut"), [("10.0.1.80/28", "10.0.1.80/28"), ("10.0.1.96/28", "")])
def test_the_pods_of_a_node_are_clients_by_the_block_that_is_delegated_to_it(denied: str, shut: str) -> None:
    """A rule by reference lets a member's delegated block in, too, and a network ACL may shut just that."""
    client, host = subnet("a", cidr="10.0.1.0/24"), subnet("b", cidr="10.0.2.0/24")
    node = NetworkInterface("eni-node", client.id, ("10.0.1.5", "10.0.1.80/28"), frozenset({"sg-nodes"}))
    by_members = own_security_group(ingress=(Rule("tcp", 443, 443, groups=("sg-nodes",)),))
    entries = (
        AclEntry(number, egress, allow=allow, protocol="-1", cidr=cidr)
        for number, allow, cidr in ((50, False, denied), (100, True, "0.0.0.0/0"))
        for egress in (True, False)
    )
    acl = NetworkAcl("acl-1", frozenset({host.id}), tuple(entries))
    serving = endpoint(MONITORING, "b")
    network = vpc(client, host, serving, by_members, interfaces=(node,), network_acls=(acl,))
    found = barrier_to(serving, client, network)
    assert blocks_in(found.shut, 4) == shut
    assert bool(found.obstacles) is bool(shut)
    assert not found.unread
