"""Do no harm beyond the VPC: other networks that ask here, and names that an endpoint doesn't answer."""

from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.network.askers import Asker, Asking
from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import (
    AclEntry,
    Catalog,
    EndpointType,
    NatGateway,
    NetworkAcl,
    Part,
    Route,
    RouteTable,
    Rule,
    Service,
    Subnet,
    TargetKind,
    Unread,
    Vpc,
)
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.policy import Exempted, Requirement
from tests.support import builders
from tests.support.builders import (
    MONITORING,
    OWNER,
    default_route,
    endpoint,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)

OTHER_ID = "vpc-0fedcba9876543210"
CLIENT = subnet("a", cidr="10.0.1.0/24")
NAT = default_route(TargetKind.NAT_GATEWAY)
SEEN = NatGateway("nat_gateway-1", is_public=True, is_available=True)
PEER = route("10.0.0.0/16", TargetKind.PEERING, "pcx-1")
BACK = table("main", route("10.1.0.0/16", TargetKind.PEERING, "pcx-1"))
HERE = vpc(CLIENT, own_security_group(), BACK)


def other(*routes: Route) -> Vpc:
    """Another VPC, whose subnet has these routes."""
    local = Route(("10.1.0.0/16",), TargetKind.LOCAL, "local", is_active=True)
    main = replace(table("main", *routes), routes=(local, *routes))
    there = subnet("z", cidr="10.1.1.0/24")
    return vpc(there, main, id=OTHER_ID, cidrs=("10.1.0.0/16",), nat_gateways=(SEEN,))


def asker(network: Vpc | None, *, is_sure: bool = True, domain: str = "") -> Asker:
    return Asker("somebody asks here", OTHER_ID if network else "", is_sure, domain, network)


def make(network: Vpc, *askers: Asker, unread: tuple[str, ...] = (), **more: Any) -> Action:
    asking = Asking(tuple(askers), unread)
    found = builders.plan(network, "monitoring", dns=DnsView(), asking=asking, **more)
    return next(one for one in found.actions if one.service)


def test_another_vpc_that_reaches_the_service_today_and_is_not_let_in_blocks_it() -> None:
    action = make(HERE, asker(other(NAT, PEER)))
    assert action.status is Status.BLOCKED
    assert action.error == (
        f"private DNS would make the monitoring service unreachable from subnet-z of {OTHER_ID}, which reaches it "
        "today: somebody asks here, and the endpoint's security group lets in 10.0.0.0/16, not 10.1.1.0/24; let "
        f"{OTHER_ID} resolve the name elsewhere, or create an endpoint that it can use"
    )


def test_one_whose_addresses_are_among_any_of_this_vpcs_blocks_is_let_in() -> None:
    """Lifeline's group lets in all of them; whose the addresses are, it doesn't say."""
    assert make(replace(HERE, cidrs=("10.0.0.0/16", "10.1.0.0/16")), asker(other(NAT, PEER))).status is Status.PLANNED


def test_another_vpc_from_which_no_route_leads_here_blocks_it_too() -> None:
    action = make(HERE, asker(other(NAT)))
    assert action.is_blocked
    assert "and no route of rtb-main leads to 10.0.1.4" in action.error


@pytest.mark.parametrize("routes", [(), (PEER,), (route("0.0.0.0/0", TargetKind.NAT_GATEWAY, active=False),)])
def test_one_that_does_not_reach_the_service_today_has_nothing_to_lose(routes: tuple[Route, ...]) -> None:
    action = make(HERE, asker(other(*routes)))
    assert (action.status, "asks here" in action.reason) == (Status.PLANNED, False)


def test_one_that_is_led_and_let_in_is_told_of() -> None:
    wide = own_security_group("10.0.0.0/8")
    dark = endpoint(MONITORING, "a", private_dns=False)
    action = make(vpc(CLIENT, dark, wide, BACK), asker(other(NAT, PEER)))
    assert (action.kind, action.status) == (ActionKind.ENABLE_PRIVATE_DNS, Status.PLANNED)
    assert "somebody asks here: whoever asks there will get the endpoint's addresses as well" in action.reason


@pytest.mark.parametrize(("allowed", "status"), [(8443, Status.PLANNED), (443, Status.BLOCKED)])
def test_one_that_reaches_one_port_today_has_no_other_to_lose(allowed: int, status: Status) -> None:
    """Neither by its own ACL, nor by the one here, nor by the endpoint's group."""
    both = tuple(AclEntry(100, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False))
    no_443 = AclEntry(1, egress=True, allow=False, protocol="6", cidr="0.0.0.0/0", from_port=443, to_port=443)
    theirs = replace(other(NAT, PEER), network_acls=(NetworkAcl("acl-z", frozenset({"subnet-z"}), (no_443, *both)),))
    ours = NetworkAcl("acl-a", frozenset({"subnet-a"}), (replace(no_443, egress=False, cidr="10.1.0.0/16"), *both))
    everybody = Rule("tcp", allowed, allowed, ("10.1.0.0/16",))
    group = replace(own_security_group(), ingress=(*own_security_group().ingress, everybody))
    catalog = replace(builders.CATALOG, ports=(("monitoring", ((443, 443), (8443, 8443))),))
    here = vpc(CLIENT, endpoint(MONITORING, "a", private_dns=False), group, BACK, network_acls=(ours,))
    assert make(here, asker(theirs), catalog=catalog).status is status


def test_one_that_is_led_to_the_endpoints_subnets_needs_no_way_to_the_others() -> None:
    dark = endpoint(MONITORING, "a", private_dns=False)
    here = vpc(CLIENT, subnet("b", cidr="10.0.2.0/24"), dark, own_security_group("10.0.0.0/8"), BACK)
    for block, status in (("10.0.1.0/24", Status.PLANNED), ("10.0.2.0/24", Status.BLOCKED)):
        assert make(here, asker(other(NAT, route(block, TargetKind.PEERING, "pcx-1")))).status is status


def test_it_is_the_endpoints_own_group_that_lets_them_in() -> None:
    wide = own_security_group("10.0.0.0/8", id="sg-wide", tags=(), on_record=False)
    dark = endpoint(MONITORING, "a", private_dns=False, security_group_ids=frozenset({"sg-wide"}))
    assert make(vpc(CLIENT, dark, wide, own_security_group(), BACK), asker(other(NAT, PEER))).status is Status.PLANNED


def led_and_let_in(
    back: RouteTable, *acls: NetworkAcl, out: Route = NAT, to: TargetKind = TargetKind.PEERING
) -> Action:
    """Another VPC is led here and let in; what its answers find on their way back, and how it gets out today."""
    wide = own_security_group("10.0.0.0/8")
    dark = endpoint(MONITORING, "a", private_dns=False)
    there = other(out, replace(PEER, target=to))
    return make(vpc(CLIENT, dark, wide, back, network_acls=acls), asker(there))


def test_one_that_no_answer_gets_back_to_loses_the_service() -> None:
    action = led_and_let_in(table("main"))
    assert action.is_blocked
    assert "and no route of subnet-a leads back to 10.1.1.0/24" in action.error
    assert not led_and_let_in(table("main"), to=TargetKind.TRANSIT_GATEWAY).is_blocked  # who sends there isn't known
    assert not led_and_let_in(BACK).is_blocked


@pytest.mark.parametrize(("cidr", "is_shut"), [("10.1.0.0/16", True), ("10.1.1.66/32", False), ("10.2.0.0/16", False)])
def test_one_that_the_endpoints_network_acl_keeps_out_loses_the_service(cidr: str, is_shut: bool) -> None:
    entries = [AclEntry(100, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False)]
    deny = AclEntry(90, egress=False, allow=False, protocol="-1", cidr=cidr)
    action = led_and_let_in(BACK, NetworkAcl("acl-1", frozenset({CLIENT.id}), (deny, *entries)))
    assert action.is_blocked is is_shut
    assert ("network ACL acl-1 doesn't let 443 into subnet-a from 10.1.1.0/24" in action.error) is is_shut


def test_of_one_whose_way_out_was_not_read_it_is_not_said_that_it_reaches_the_service() -> None:
    beyond = led_and_let_in(table("main"), out=default_route(TargetKind.TRANSIT_GATEWAY))
    assert f"unreachable from subnet-z of {OTHER_ID}, which may reach it today" in beyond.error
    listed = Route((), TargetKind.NAT_GATEWAY, "nat_gateway-1", is_active=True, prefix_list_id="pl-1")
    hidden = replace(other(listed, PEER), unread=(Unread(Part.PREFIX_LIST, "denied", "pl-1"),))
    assert f"of {OTHER_ID}, which may reach it today" in make(vpc(CLIENT, own_security_group()), asker(hidden)).error


@pytest.mark.parametrize("one", [asker(other(NAT, PEER), is_sure=False), asker(None)])
def test_whoever_may_ask_is_told_and_blocks_nothing(one: Asker) -> None:
    action = make(HERE, one)
    assert action.status is Status.PLANNED
    assert "it isn't known who that is, or whether they can reach them" in action.reason


@pytest.mark.parametrize(
    ("count", "shown"), [(3, "asker 0, asker 1 and asker 2"), (4, "asker 2 and 1 more"), (5, "asker 2 and 2 more")]
)
def test_of_many_who_may_ask_three_are_named(count: int, shown: str) -> None:
    askers = [replace(asker(None), words=f"asker {place}") for place in range(count)]
    assert f"{shown}: whoever asks there" in make(HERE, *askers).reason


def test_a_rule_for_other_names_is_no_question() -> None:
    action = make(HERE, asker(other(NAT, PEER), domain="corp.example"))
    assert (action.status, "asks here" in action.reason) == (Status.PLANNED, False)
    assert make(HERE, asker(other(NAT, PEER), domain="us-east-1.amazonaws.com")).is_blocked


def test_one_that_resolves_the_name_itself_is_no_question() -> None:
    own = replace(asker(other(NAT, PEER)), closer=frozenset({"us-east-1.amazonaws.com"}))
    action = make(HERE, own)
    assert (action.status, "asks here" in action.reason) == (Status.PLANNED, False)
    assert make(HERE, replace(own, closer=frozenset({"logs.us-east-1.amazonaws.com"}))).is_blocked


def test_of_one_that_resolves_only_the_usual_name_itself_the_others_are_told() -> None:
    usual, fips = "monitoring.us-east-1.amazonaws.com", "monitoring-fips.us-east-1.amazonaws.com"
    zones = frozenset({"us-east-1a"})
    service = Service(MONITORING, EndpointType.INTERFACE, zones=zones, private_dns_names=(usual, fips))
    wanted = Requirement("monitoring", frozenset({CLIENT.id}), per_zone=True)

    def told(one: Asker) -> Action:
        plan_input = PlanInput((wanted,), OWNER, dns=DnsView(), asking=Asking((one,)))
        return next(one for one in plan_endpoints(HERE, Catalog((service,)), plan_input).actions if one.service)

    partly = replace(asker(other(NAT, PEER)), closer=frozenset({usual}))
    action = told(partly)
    assert action.status is Status.PLANNED
    assert f"; somebody asks here (of the service's names only {fips}): whoever asks there will get" in action.reason
    assert told(replace(partly, closer=frozenset({fips}))).is_blocked
    assert told(replace(partly, closer=frozenset(), domain=fips)).is_blocked
    assert "asks here" not in told(replace(partly, closer=frozenset({usual, fips}))).reason


def test_what_could_not_be_read_is_said() -> None:
    action = make(HERE, unread=("the resolver rules could not be read: denied",))
    assert action.status is Status.PLANNED
    assert "it isn't known whether others ask here for the name: the resolver rules could not be read" in action.reason


class TestAnEndpointThatHidesOtherNames:
    NAME = "com.amazonaws.us-east-1.execute-api"
    API = Service(
        NAME,
        EndpointType.INTERFACE,
        zones=frozenset({"us-east-1a"}),
        private_dns_names=("*.execute-api.us-east-1.amazonaws.com",),
    )

    def make(self, network: Vpc, *exempt: Exempted) -> Action:
        clients: tuple[Subnet, ...] = network.subnets
        wanted = Requirement("execute-api", frozenset({clients[0].id}), per_zone=True)
        plan_input = PlanInput((wanted,), OWNER, dns=DnsView(), exempt=exempt)
        found = plan_endpoints(network, Catalog((self.API,)), plan_input)
        return next(one for one in found.actions if one.service)

    def test_is_blocked_where_somebody_reaches_them_today(self) -> None:
        hidden = "private DNS would make public APIs of API Gateway unreachable from the VPC, which subnet-a"
        for nats, can in (((SEEN,), "can"), ((), "may")):
            action = self.make(vpc(CLIENT, table("main", NAT), nat_gateways=nats))
            assert action.is_blocked
            assert action.error.startswith(f"{hidden} {can} reach today")

    def test_names_three_of_the_subnets_that_reach_them(self) -> None:
        subnets = [CLIENT, *(subnet(name, cidr=f"10.0.{place}.0/24") for place, name in enumerate("bcd", 2))]
        action = self.make(vpc(*subnets, table("main", NAT), nat_gateways=(SEEN,)))
        assert "which subnet-a, subnet-b and subnet-c can reach today" in action.error

    def test_is_made_where_nobody_does(self) -> None:
        assert self.make(vpc(CLIENT)).status is Status.PLANNED
