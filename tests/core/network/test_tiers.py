"""Which tier a subnet's routes make it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network import tiers
from lifeline.core.network.model import (
    BlockMode,
    NatGateway,
    NetworkInterface,
    Part,
    Route,
    SeenTier,
    TargetKind,
    Tier,
    Unread,
    UnsureTier,
)
from lifeline.core.network.tiers import classify, classify_subnets, covers, idle_ways, nat64_route, ways_out
from tests.support.builders import default_route, route, subnet, table, vpc

IGW = TargetKind.INTERNET_GATEWAY


def tier_with(*routes: Route) -> SeenTier:
    home = subnet("a")
    return classify(home, vpc(home, table("main", *routes)))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (TargetKind.INTERNET_GATEWAY, Tier.PUBLIC),
        (TargetKind.CARRIER_GATEWAY, Tier.PUBLIC),
        (TargetKind.NAT_GATEWAY, Tier.EGRESS),
        (TargetKind.TRANSIT_GATEWAY, Tier.EGRESS),
        (TargetKind.VIRTUAL_PRIVATE_GATEWAY, Tier.EGRESS),
        (TargetKind.CORE_NETWORK, Tier.EGRESS),
        (TargetKind.NETWORK_INTERFACE, Tier.EGRESS),
        (TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT, Tier.EGRESS),
        (TargetKind.LOCAL_GATEWAY, Tier.EGRESS),
        (TargetKind.PEERING, Tier.ISOLATED),
        (TargetKind.EGRESS_ONLY_GATEWAY, Tier.ISOLATED),
        (TargetKind.GATEWAY_ENDPOINT, Tier.ISOLATED),
        (TargetKind.OTHER, Tier.ISOLATED),
    ],
)
def test_the_target_of_the_default_route_decides(target: TargetKind, expected: Tier) -> None:
    assert tier_with(default_route(target)) is expected
    assert tier_with(default_route(target, active=False)) is Tier.ISOLATED  # a blackhole leads nowhere


def test_a_subnet_without_its_own_association_follows_the_main_route_table() -> None:
    named, unnamed = subnet("named"), subnet("unnamed")
    network = vpc(named, unnamed, table("main", default_route(IGW)), table("own", subnets=("named",)))
    assert classify_subnets(network) == {"subnet-named": Tier.ISOLATED, "subnet-unnamed": Tier.PUBLIC}


def test_a_subnet_whose_route_table_was_not_seen_is_isolated() -> None:
    home = subnet("a")
    assert classify(home, vpc(home, table("other", default_route(IGW)))) is Tier.ISOLATED


def test_two_halves_make_a_default_route_and_one_half_does_not() -> None:
    halves = route("0.0.0.0/1", IGW), route("128.0.0.0/1", IGW)
    assert tier_with(*halves) is Tier.PUBLIC
    assert tier_with(halves[0]) is Tier.ISOLATED


def test_halves_of_ipv6_make_a_default_route_and_other_parts_do_not() -> None:
    home = subnet("six", cidr="", ipv6_cidrs=("2001:db8::/64",))
    for other, expected in (("8000::/1", Tier.PUBLIC), ("9000::/4", Tier.ISOLATED)):
        assert classify(home, vpc(home, table("main", route("::/1", IGW), route(other, IGW)))) is expected


def test_a_prefix_list_that_holds_everything_is_a_default_route() -> None:
    listed = Route(("10.1.0.0/16", "0.0.0.0/0"), IGW, "igw-1", is_active=True, prefix_list_id="pl-1")
    assert tier_with(listed) is Tier.PUBLIC
    assert tier_with(replace(listed, destinations=("10.1.0.0/16",))) is Tier.ISOLATED


def test_one_office_address_through_an_internet_gateway_does_not_make_a_subnet_public() -> None:
    assert tier_with(route("198.51.100.7/32", IGW)) is Tier.ISOLATED


ONWARD = (
    TargetKind.NETWORK_INTERFACE,
    TargetKind.TRANSIT_GATEWAY,
    TargetKind.VIRTUAL_PRIVATE_GATEWAY,
    TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT,
    TargetKind.CORE_NETWORK,
    TargetKind.LOCAL_GATEWAY,
    TargetKind.UNDECIDED,  # it may be any
)


@pytest.mark.parametrize(
    ("home_routes", "public", "available", "expected"),
    [
        ((default_route(IGW),), True, True, Tier.EGRESS),
        ((default_route(IGW),), True, False, Tier.ISOLATED),
        ((), True, True, Tier.ISOLATED),  # the NAT's own subnet lost its way out
        ((default_route(IGW),), False, True, Tier.ISOLATED),  # a private NAT has no public address
        *(((default_route(onward),), public, True, Tier.EGRESS) for public in (False, True) for onward in ONWARD),
        ((default_route(TargetKind.PEERING),), True, True, Tier.ISOLATED),
    ],
)
def test_a_nat_gateway_is_a_way_out_only_with_one_of_its_own(
    home_routes: tuple[Route, ...], *, public: bool, available: bool, expected: Tier
) -> None:
    home, client = subnet("home"), subnet("client")
    network = vpc(
        home,
        client,
        table("home", *home_routes, subnets=("home",)),
        table("client", default_route(TargetKind.NAT_GATEWAY, "nat-1"), subnets=("client",)),
        nat_gateways=(NatGateway("nat-1", is_public=public, is_available=available, subnet_id="subnet-home"),),
    )
    assert classify(client, network) is expected


@pytest.mark.parametrize(("public", "expected"), [(True, Tier.EGRESS), (False, Tier.ISOLATED)])
def test_a_nat_gateway_in_a_subnet_whose_routes_were_not_seen_works_if_it_is_public(
    *, public: bool, expected: Tier
) -> None:
    home, client = subnet("home"), subnet("client")
    tables = table("client", default_route(TargetKind.NAT_GATEWAY, "nat-1"), subnets=("client",))
    nat = NatGateway("nat-1", is_public=public, is_available=True, subnet_id="subnet-home")
    assert classify(client, vpc(home, client, tables, nat_gateways=(nat,))) is expected


def test_a_regional_nat_gateway_has_no_subnet_and_works() -> None:
    client = subnet("client")
    regional = NatGateway("nat-1", is_public=True, is_available=True)
    network = vpc(client, table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1")), nat_gateways=(regional,))
    assert classify(client, network) is Tier.EGRESS


@pytest.mark.parametrize(
    ("mode", "target", "expected"),
    [
        (BlockMode.BIDIRECTIONAL, IGW, Tier.ISOLATED),
        (BlockMode.INGRESS, IGW, Tier.ISOLATED),
        (BlockMode.BIDIRECTIONAL, TargetKind.NAT_GATEWAY, Tier.ISOLATED),
        (BlockMode.INGRESS, TargetKind.NAT_GATEWAY, Tier.EGRESS),
        (BlockMode.BIDIRECTIONAL, TargetKind.TRANSIT_GATEWAY, Tier.EGRESS),
    ],
)
def test_block_public_access_shuts_the_gateways_that_aws_says(
    mode: BlockMode, target: TargetKind, expected: Tier
) -> None:
    home = subnet("a", block_mode=mode)
    assert classify(home, vpc(home, table("main", default_route(target)))) is expected


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ((route("::/0", IGW),), Tier.PUBLIC),
        ((route("::/0", TargetKind.EGRESS_ONLY_GATEWAY),), Tier.EGRESS),
        ((default_route(IGW),), Tier.ISOLATED),
        ((), Tier.ISOLATED),
    ],
)
def test_an_ipv6_only_subnet_is_judged_by_its_ipv6_routes(routes: tuple[Route, ...], expected: Tier) -> None:
    home = subnet("six", cidr="", ipv6_cidrs=("2001:db8::/64",))
    assert classify(home, vpc(home, table("main", *routes))) is expected


def test_a_dual_stack_subnet_without_its_ipv4_way_out_is_private_for_awss_names_are_ipv4() -> None:
    home = subnet("dual", ipv6_cidrs=("2001:db8::/64",))
    assert classify(home, vpc(home, table("main", route("::/0", IGW)))) is Tier.ISOLATED


def test_an_ipv6_only_subnet_with_nat64_reaches_ipv4_through_the_nat_gateway() -> None:
    nat64 = route("64:ff9b::/96", TargetKind.NAT_GATEWAY)
    home = subnet("six", cidr="", ipv6_cidrs=("2001:db8::/64",), dns64=True)
    assert classify(home, vpc(home, table("main", nat64))) is Tier.EGRESS
    assert classify(replace(home, dns64=False), vpc(home, table("main", nat64))) is Tier.ISOLATED


@pytest.mark.parametrize(
    ("nat64", "nats", "block_mode", "tier"),
    [
        (route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1"), True, BlockMode.OFF, Tier.EGRESS),
        (route("64:ff9b::/32", TargetKind.NAT_GATEWAY, "nat-1"), True, BlockMode.OFF, Tier.EGRESS),
        (route("64:ff9b::/97", TargetKind.NAT_GATEWAY, "nat-1"), True, BlockMode.OFF, Tier.ISOLATED),  # a half
        (route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1", active=False), True, BlockMode.OFF, Tier.ISOLATED),
        (route("64:ff9b::/96", TargetKind.TRANSIT_GATEWAY, "tgw-1"), True, BlockMode.OFF, Tier.EGRESS),
        (route("64:ff9b::/96", TargetKind.TRANSIT_GATEWAY, "tgw-1", active=False), True, BlockMode.OFF, Tier.ISOLATED),
        (route("64:ff9b::/96", TargetKind.NETWORK_INTERFACE, "eni-1"), True, BlockMode.OFF, Tier.EGRESS),
        (route("64:ff9b::/96", TargetKind.PEERING, "pcx-1"), True, BlockMode.OFF, Tier.ISOLATED),
        (route("64:ff9b::/96", TargetKind.EGRESS_ONLY_GATEWAY, "eigw-1"), True, BlockMode.OFF, Tier.ISOLATED),
        (route("64:ff9b::/96", IGW, "igw-1"), True, BlockMode.OFF, Tier.ISOLATED),
        (route("0.0.0.0/0", TargetKind.NAT_GATEWAY, "nat-1"), True, BlockMode.OFF, Tier.ISOLATED),
        (route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1"), False, BlockMode.OFF, Tier.ISOLATED),
        (route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1"), True, BlockMode.BIDIRECTIONAL, Tier.ISOLATED),
        (route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1"), True, BlockMode.INGRESS, Tier.EGRESS),
    ],
)
def test_nat64_takes_an_active_route_for_all_of_its_prefix_to_what_may_translate(
    nat64: Route, nats: bool, block_mode: BlockMode, tier: Tier
) -> None:
    home = subnet("six", cidr="", ipv6_cidrs=("2001:db8::/64",), dns64=True, block_mode=block_mode)
    there = (NatGateway("nat-1", is_public=True, is_available=nats),)
    network = vpc(home, table("main", nat64), nat_gateways=there)
    assert classify(home, network) is tier
    assert nat64_route(home, network) == (nat64 if tier is Tier.EGRESS else None)


@pytest.mark.parametrize(
    ("narrower", "is_led"),
    [
        (route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1", active=False), False),
        (route("64:ff9b::/96", TargetKind.EGRESS_ONLY_GATEWAY, "eigw-1"), False),
        (route("2001:db8:1::/48", TargetKind.TRANSIT_GATEWAY, "tgw-2", active=False), True),
    ],
)
def test_the_most_specific_route_decides_where_nat64_leads(narrower: Route, is_led: bool) -> None:
    home = subnet("six", cidr="", ipv6_cidrs=("2001:db8::/64",), dns64=True)
    wide = route("::/0", TargetKind.TRANSIT_GATEWAY, "tgw-1")
    assert nat64_route(home, vpc(home, table("main", wide, narrower))) == (wide if is_led else None)


EIGW, TGW = TargetKind.EGRESS_ONLY_GATEWAY, TargetKind.TRANSIT_GATEWAY


@pytest.mark.parametrize(
    ("target", "tier"),
    [(IGW, Tier.ISOLATED), (EIGW, Tier.ISOLATED), (TGW, Tier.EGRESS), (TargetKind.LOCAL, Tier.ISOLATED)],
)
def test_private_ipv6_addresses_lead_nobody_out_by_an_internet_gateway(target: TargetKind, tier: Tier) -> None:
    """AWS doesn't advertise them on the internet; another network may translate them."""
    public = subnet("six", cidr="", ipv6_cidrs=("2001:db8::/64",))
    private = replace(public, has_private_ipv6=True)
    network = vpc(private, table("main", route("::/0", target, "x-1")))
    assert classify(private, network) is tier
    assert classify_subnets(network) == {private.id: tier}
    assert bool(ways_out(private, network)) is (tier is Tier.EGRESS)
    told = [("x-1", "the IPv6 addresses there are private")] if target in {IGW, EIGW} else []
    assert list(idle_ways(private, network)) == told
    assert not list(idle_ways(public, network))
    dual = replace(private, cidr="10.0.0.0/24")
    assert classify(dual, vpc(dual, table("main", default_route(IGW)))) is Tier.PUBLIC


@pytest.mark.parametrize(
    ("target", "mode", "told"),
    [
        (IGW, BlockMode.OFF, ""),
        (IGW, BlockMode.INGRESS, "VPC Block Public Access is on there (block-ingress)"),
        (IGW, BlockMode.BIDIRECTIONAL, "VPC Block Public Access is on there (block-bidirectional)"),
        (TargetKind.NAT_GATEWAY, BlockMode.INGRESS, "x-1 isn't available"),
        (
            TargetKind.NAT_GATEWAY,
            BlockMode.BIDIRECTIONAL,
            "VPC Block Public Access is on there (block-bidirectional)",
        ),
        (TargetKind.NETWORK_INTERFACE, BlockMode.OFF, "x-1 is attached to nothing that runs"),
        (TGW, BlockMode.BIDIRECTIONAL, ""),
        (TargetKind.PEERING, BlockMode.OFF, ""),
    ],
)
@pytest.mark.parametrize("halves", [True, False])
def test_why_a_default_route_carries_nothing_is_said(
    target: TargetKind, mode: BlockMode, told: str, *, halves: bool
) -> None:
    """Whatever narrower routes go before it."""
    home = subnet("a", block_mode=mode)
    narrower = [route(one, TargetKind.PEERING) for one in ("0.0.0.0/1", "128.0.0.0/1") if halves]
    found = replace(vpc(home, table("main", default_route(target, "x-1"), *narrower)), interfaces=(IDLE,))
    nat = NatGateway("x-1", is_public=True, is_available=False)
    assert list(idle_ways(home, replace(found, nat_gateways=(nat,)))) == ([("x-1", told)] if told else [])


IDLE = NetworkInterface("x-1", "subnet-a", is_attached=False)
routes = st.builds(
    Route,
    destinations=st.sampled_from([("0.0.0.0/0",), ("0.0.0.0/1",), ("128.0.0.0/1",), ("::/0",), ("10.9.0.0/16",)]),
    target=st.sampled_from(TargetKind),
    target_id=st.just("x-1"),
    is_active=st.booleans(),
)


@given(st.lists(routes, max_size=6), st.randoms())
def test_the_order_of_routes_makes_no_difference(found: list[Route], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert tier_with(*shuffled) is tier_with(*found)


@given(st.lists(routes, max_size=6), st.sampled_from(TargetKind))
def test_a_blackholed_default_route_counts_as_no_route(found: list[Route], target: TargetKind) -> None:
    assert tier_with(*found, default_route(target, active=False)) is tier_with(*found)


HALVES = ("0.0.0.0/1", "128.0.0.0/1")


@pytest.mark.parametrize(
    ("halves", "expected"),
    [
        ([route(one, TargetKind.NETWORK_INTERFACE) for one in HALVES], Tier.EGRESS),
        ([route(one, TargetKind.NETWORK_INTERFACE, active=False) for one in HALVES], Tier.ISOLATED),
        ([route(HALVES[0], TargetKind.NETWORK_INTERFACE, active=False)], Tier.PUBLIC),
    ],
)
def test_the_longest_prefix_wins_even_where_it_leads_nowhere(halves: list[Route], expected: Tier) -> None:
    assert tier_with(default_route(IGW), *halves) is expected


def test_half_to_the_internet_gateway_and_half_to_a_nat_gateway_is_a_way_out() -> None:
    assert tier_with(route(HALVES[0], IGW), route(HALVES[1], TargetKind.NAT_GATEWAY)) is Tier.EGRESS


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("10.0.0.0/8", "10.1.0.0/16", True),
        ("10.1.0.0/16", "10.0.0.0/8", False),
        ("0.0.0.0/0", "2001:db8::/64", False),
        ("2001:db8::/32", "2001:db8::/64", True),
    ],
)
def test_covering_is_within_one_family(outer: str, inner: str, *, expected: bool) -> None:
    assert covers(outer, inner) is expected


@pytest.mark.parametrize(("is_attached", "tier"), [(True, Tier.EGRESS), (False, Tier.ISOLATED)])
def test_a_route_to_a_network_interface_that_nothing_has_leads_nowhere(is_attached: bool, tier: Tier) -> None:
    machine = NetworkInterface("eni-1", "subnet-b", checks_source=False, is_attached=is_attached)
    led = vpc(subnet("a"), table("main", default_route(TargetKind.NETWORK_INTERFACE, "eni-1")), interfaces=(machine,))
    assert classify(led.subnets[0], led) is tier
    assert classify_subnets(replace(led, interfaces=None))["subnet-a"] is Tier.EGRESS


def test_whoever_fills_route_tables_with_lists_that_cannot_be_read_keeps_no_run_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What wasn't read is only weighed in the tables of the subnet, not once more in all the others'."""
    names, lists = [f"c{place}" for place in range(20)], [f"pl-{place}" for place in range(20)]
    routes = [Route((), TargetKind.TRANSIT_GATEWAY, "tgw-1", is_active=True, prefix_list_id=one) for one in lists]
    full = [table(name, *routes, subnets=(name,)) for name in names]
    unread = tuple(Unread(Part.PREFIX_LIST, "denied", one) for one in lists)
    network = vpc(*(subnet(name, cidr=f"10.0.{at}.0/24") for at, name in enumerate(names)), *full, unread=unread)
    made: list[object] = []

    def counted(one: Any, **more: Any) -> Any:
        made.append(one)
        return replace(one, **more)

    monkeypatch.setattr(tiers, "replace", counted)
    assert {classify(one, network) for one in network.subnets} == {UnsureTier.NOT_PUBLIC}
    assert len(made) < 10 * len(names) * len(lists)  # with all the tables each time, it was 60 times as many


@pytest.mark.parametrize("target", TargetKind)
@pytest.mark.parametrize("version", [4, 6])
def test_a_default_route_makes_the_tier_that_its_target_makes(target: TargetKind, version: int) -> None:
    """Peering and gateway endpoints lead nowhere else, and an egress-only gateway is for IPv6 alone."""
    public = {TargetKind.INTERNET_GATEWAY, TargetKind.CARRIER_GATEWAY}
    egress = {*ONWARD, TargetKind.NAT_GATEWAY, *([TargetKind.EGRESS_ONLY_GATEWAY] if version == 6 else [])}
    home = subnet("a") if version == 4 else subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",))
    led = route("0.0.0.0/0" if version == 4 else "::/0", target)
    found = classify(home, vpc(home, table("main", led)))
    assert found is (Tier.PUBLIC if target in public else Tier.EGRESS if target in egress else Tier.ISOLATED)
    assert ways_out(home, vpc(home, table("main", led))) == ((led,) if target in public | egress else ())
