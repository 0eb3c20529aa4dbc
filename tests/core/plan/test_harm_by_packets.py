"""The oracle follows the packets before and after a plan: none that passed is shut, but those that the plan names."""

from dataclasses import replace
from ipaddress import IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.core.network.model import NetworkInterface, Subnet, TargetKind, Vpc
from lifeline.core.plan.actions import Action
from tests.core.network.test_by_packets import CLIENT, HOST, NAT, NAT_HOME, acls, clients
from tests.core.plan.test_harm import applied, plan
from tests.support.builders import default_route, table, vpc
from tests.support.examples import examples
from tests.support.oracle import Oracle, Seen

OUT = default_route(TargetKind.NAT_GATEWAY, NAT.id)
PLACES = {CLIENT.id: "10.0.1.50", HOST.id: "10.0.2.50", NAT_HOME.id: "10.0.9.6"}


@st.composite
def networks(draw: st.DrawFn) -> Vpc:
    """Two private subnets, with or without a way out by NAT, behind ACLs of every kind."""
    out = draw(st.sampled_from([(), ("a",), ("b",), ("a", "b")]))
    public = table("nat", default_route(TargetKind.INTERNET_GATEWAY), subnets=("nat",))
    return replace(
        vpc(CLIENT, HOST, NAT_HOME, table("main"), table("out", OUT, subnets=out), public),
        nat_gateways=(NAT,),
        network_acls=tuple(draw(acls(one.id)) for one in (CLIENT, HOST, NAT_HOME) if draw(st.booleans())),
        interfaces=tuple(draw(clients)),
    )


@settings(max_examples=examples(40, soak=1000))
@given(networks(), st.booleans())
def test_a_plan_shuts_no_flow_but_those_that_it_names(network: Vpc, per_zone: bool) -> None:
    before = open_clients(network)
    found = plan(network, "monitoring", per_zone=per_zone)
    after = with_interfaces(applied(network, found.actions))
    lost = before - open_clients(after)
    assert all(is_named(subnet_id, found.actions) for subnet_id, _ in lost), (lost, found.actions)


def open_clients(network: Vpc) -> set[tuple[str, str]]:
    """Each address, with its subnet, from which every flow to the service passes."""
    oracle = Oracle(network, [443])
    return {
        (subnet.id, str(address))
        for subnet in network.subnets
        for address in oracle._representatives(IPv4Network(subnet.cidr))
        if passes(oracle, subnet, NetworkInterface("eni-asking", subnet.id, (str(address),)))
    }


def passes(oracle: Oracle, subnet: Subnet, asking: NetworkInterface) -> bool:
    (endpoint,) = oracle.vpc.endpoints or (None,)
    if endpoint:
        return oracle.by_endpoint(endpoint, subnet, asking) is Seen.OPEN
    return oracle.by_public_name(subnet, asking, (), has_public_address=True) == {Seen.OPEN}


def with_interfaces(network: Vpc) -> Vpc:
    """The VPC once its endpoint has interfaces, and these have addresses."""
    made = tuple(
        NetworkInterface(f"eni-{subnet_id}", subnet_id, (PLACES[subnet_id],), kind="vpc_endpoint")
        for one in network.endpoints
        for subnet_id in one.subnet_ids
    )
    held = frozenset(one.id for one in made)
    endpoints = tuple(replace(one, interface_ids=held) for one in network.endpoints)
    return replace(network, endpoints=endpoints, interfaces=(*(network.interfaces or ()), *made))


def is_named(subnet_id: str, actions: tuple[Action, ...]) -> bool:
    texts = [text for action in actions for text in (action.reason, action.error)]
    return any(f"of {subnet_id} would no longer reach it" in text for text in texts)
