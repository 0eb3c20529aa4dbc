"""What is said of the flows to several far ends, each behind its own filters."""

from lifeline.core.network.gates import End, Filter, ObstacleKind
from lifeline.core.network.model import Rule
from lifeline.core.network.obstacles import barrier_of, rule_lanes
from lifeline.core.network.packets import Lane
from tests.support.builders import subnet, vpc

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


def test_a_rule_lets_its_own_ports_pass_and_no_others() -> None:
    narrow = Rule("tcp", 80, 80, ("0.0.0.0/0",))
    assert rule_lanes([narrow], FAR, vpc(), PORTS) == (Lane(FAR.addresses, PORTS[:1]),)


def test_rules_let_nothing_pass_to_an_end_without_addresses() -> None:
    wide = Rule("-1", 0, 65535, ("0.0.0.0/0",))
    assert not any(lane.addresses for lane in rule_lanes([wide], End((), "nobody", 4), vpc(), PORTS))
    assert rule_lanes([wide], FAR, vpc(), PORTS) == (Lane(FAR.addresses, PORTS),)
