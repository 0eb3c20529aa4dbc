"""What could not be read is not known: neither open nor closed, neither there nor absent."""

from dataclasses import replace

import pytest

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import NatGateway, Part, Route, TargetKind, Tier, Unread, UnsureTier, Vpc
from lifeline.core.network.network_path import Reach
from lifeline.core.network.reach import ServiceReach
from lifeline.core.network.tiers import classify, classify_subnets
from tests.support.builders import CATALOG, default_route, endpoint, own_security_group, route, subnet, table, vpc

PL = "pl-0123456789abcdef0"
IGW, NAT, TGW = TargetKind.INTERNET_GATEWAY, TargetKind.NAT_GATEWAY, TargetKind.TRANSIT_GATEWAY
DENIED = "UnauthorizedOperation: no"


def by_list(target: TargetKind, list_id: str = PL, *, active: bool = True) -> Route:
    """A route to a prefix list whose entries were not read."""
    return Route((), target, f"{target.name.lower()}-1", active, list_id)


def unread(part: Part, id_: str = "") -> tuple[Unread, ...]:
    return (Unread(part, DENIED, id_),)


def network(*routes: Route) -> Vpc:
    return vpc(subnet("a"), table("main", *routes), unread=unread(Part.PREFIX_LIST, PL))


def test_a_vpc_is_read_again_where_anything_of_it_may_be_read_later() -> None:
    passing = Unread(Part.NETWORK_ACLS, "Throttling", is_passing=True)
    for missing in ((), unread(Part.PREFIX_LIST, PL)):
        assert not vpc(unread=missing).is_partly_seen
        assert vpc(unread=(*missing, passing)).is_partly_seen


@pytest.mark.parametrize(
    ("routes", "tier"),
    [
        ((by_list(IGW),), UnsureTier.UNKNOWN),
        ((by_list(TGW),), UnsureTier.NOT_PUBLIC),
        (
            (by_list(NAT), default_route(IGW)),
            UnsureTier.UNKNOWN,
        ),  # it may be everything, and then wins over the default
        ((by_list(TGW), default_route(NAT)), Tier.EGRESS),
        ((by_list(IGW), default_route(IGW)), Tier.PUBLIC),
        ((by_list(TargetKind.PEERING),), Tier.ISOLATED),
        ((by_list(TGW, active=False), default_route(NAT)), UnsureTier.NOT_PUBLIC),  # a blackhole for everything
        ((route("0.0.0.0/1", IGW), by_list(IGW)), UnsureTier.UNKNOWN),  # the other half, or not
    ],
)
def test_a_prefix_list_makes_a_tier_unknown_only_where_its_entries_decide(
    routes: tuple[Route, ...], tier: Tier | UnsureTier
) -> None:
    assert classify(subnet("a"), network(*routes)) is tier


def test_only_the_subnets_whose_table_names_the_list_are_unsure() -> None:
    two = vpc(
        subnet("a"),
        subnet("b"),
        table("main"),
        table("own", by_list(IGW), subnets=("b",)),
        unread=unread(Part.PREFIX_LIST, PL),
    )
    assert classify_subnets(two) == {"subnet-a": Tier.ISOLATED, "subnet-b": UnsureTier.UNKNOWN}


def test_lists_on_the_way_through_a_nat_gateway_decide_together() -> None:
    """The subnet leads to the gateway by one list, and the gateway on by another: only both give a way out."""
    nat = NatGateway("nat_gateway-1", is_public=True, is_available=True, subnet_id="subnet-b")
    two = vpc(
        subnet("a"),
        subnet("b"),
        table("main", by_list(NAT, "pl-1")),
        table("own", by_list(IGW, "pl-2"), subnets=("b",)),
        nat_gateways=(nat,),
        unread=(*unread(Part.PREFIX_LIST, "pl-1"), *unread(Part.PREFIX_LIST, "pl-2")),
    )
    assert classify(subnet("a"), two) is UnsureTier.NOT_PUBLIC


def test_without_the_nat_gateways_it_isnt_known_whether_they_lead_out() -> None:
    behind = vpc(subnet("a"), table("main", default_route(NAT)))
    assert classify(subnet("a"), behind) is Tier.EGRESS
    assert classify(subnet("a"), replace(behind, unread=unread(Part.NAT_GATEWAYS))) is UnsureTier.NOT_PUBLIC


def reach(seen: Vpc) -> ServiceReach:
    return ServiceReach(seen, "monitoring", CATALOG, DnsView())


def test_a_way_out_by_an_unread_list_is_neither_open_nor_closed_and_says_so() -> None:
    path = reach(network(by_list(TGW))).path(subnet("a"), has_public_address=False)
    assert path.reach is Reach.UNKNOWN
    assert path.unread == (f"the entries of the prefix list {PL} could not be read",)
    assert (path.reach.is_open, path.reach.is_closed) == (False, False)


def test_an_endpoint_serves_whatever_the_routes_are() -> None:
    served = replace(network(by_list(IGW)), endpoints=(endpoint(subnet_ids=frozenset({"subnet-a"})),))
    served = replace(served, security_groups=(own_security_group(),))
    assert reach(served).path(subnet("a"), has_public_address=False).reach is Reach.SERVED


def test_unread_acls_may_stand_between_subnets_and_never_within_one() -> None:
    parts = subnet("a"), subnet("b"), endpoint("com.amazonaws.us-east-1.monitoring", "a"), own_security_group()
    seen = vpc(*parts, unread=unread(Part.NETWORK_ACLS))
    assert reach(seen).private_path(subnet("a")).reach is Reach.SERVED
    other = reach(seen).private_path(subnet("b"))
    assert (other.reach, other.unread) == (Reach.UNKNOWN, ("the network ACLs could not be read",))


def test_unread_security_groups_decide_whether_an_endpoint_lets_in() -> None:
    seen = vpc(subnet("a"), endpoint("com.amazonaws.us-east-1.monitoring", "a"), unread=unread(Part.SECURITY_GROUPS))
    assert reach(seen).private_path(subnet("a")).reach is Reach.UNKNOWN


def test_unread_dns_attributes_leave_private_names_and_ways_out_unknown() -> None:
    parts = subnet("a"), endpoint("com.amazonaws.us-east-1.monitoring", "a"), own_security_group()
    seen = vpc(*parts, unread=unread(Part.DNS_ATTRIBUTES))
    path = reach(seen).private_path(subnet("a"))
    assert (path.reach, path.endpoint_id) == (Reach.UNKNOWN, "vpce-1")
    assert path.unread == ("the DNS attributes could not be read",)
