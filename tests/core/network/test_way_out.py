"""A route is not yet a path: what stands on a subnet's way out, and what of it isn't known."""

from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import (
    AclEntry,
    BlockMode,
    Catalog,
    Interface,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Part,
    Route,
    RouteTable,
    Rule,
    SecurityGroup,
    SeenTier,
    Subnet,
    TargetKind,
    Tier,
    Unread,
    UnsureTier,
    Vpc,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.packets import blocks_in
from lifeline.core.network.ports import HTTPS
from lifeline.core.network.reach import ServiceReach, find_path
from lifeline.core.network.tiers import ways_out
from lifeline.core.network.way_out import (
    _parts,
    doubts_of_way_out,
    shut_in_words,
    usable_tiers,
    way_out,
    without_addresses,
)
from lifeline.core.plan.harm import find_dependents
from tests.support.builders import (
    CATALOG,
    SHUT_POLICY,
    default_route,
    endpoint,
    gateway,
    route,
    subnet,
    table,
    vpc,
)
from tests.support.counting import work_of

CLIENT = subnet("a", cidr="10.0.1.0/24")
HOME = subnet("nat", cidr="10.0.9.0/28")
NAT = NatGateway("nat-1", is_public=True, is_available=True, subnet_id=HOME.id)
MACHINE = NetworkInterface("eni-1", HOME.id, ("10.0.9.9",), frozenset({"sg-nat"}), checks_source=False)
OPEN_GROUP = SecurityGroup(
    "sg-nat", "nat", (Rule("tcp", 443, 443, ("10.0.0.0/16",)),), egress=(Rule("-1", 0, 65535, ("0.0.0.0/0",)),)
)


def entry(number: int, cidr: str, *, out: bool, allow: bool = True, ports: tuple[int, int] | None = None) -> AclEntry:
    made = AclEntry(number, egress=out, allow=allow, protocol="6" if ports else "-1", cidr=cidr)
    return replace(made, from_port=ports[0], to_port=ports[1]) if ports else made


EVERYTHING = tuple(entry(100, "0.0.0.0/0", out=out) for out in (True, False))


def acl(home: str, *entries: AclEntry) -> NetworkAcl:
    return NetworkAcl(f"acl-{home}", frozenset({f"subnet-{home}"}), entries)


def behind(target: TargetKind, target_id: str, *acls: NetworkAcl, **more: object) -> Vpc:
    public = table("nat", default_route(TargetKind.INTERNET_GATEWAY), subnets=("nat",))
    network = vpc(CLIENT, HOME, table("main", default_route(target, target_id)), public, nat_gateways=(NAT,))
    return replace(network, network_acls=acls, **more)  # type: ignore[arg-type]


def path(network: Vpc, *, has_public_address: bool = False) -> NetworkPath:
    nobody = DnsView()
    return find_path(CLIENT, network, "monitoring", CATALOG, nobody, has_public_address=has_public_address)


@pytest.mark.parametrize(
    ("acls", "words"),
    [
        (
            (acl("a", EVERYTHING[0], entry(100, "10.0.0.0/16", out=False)),),
            "network ACL acl-a doesn't let answers into subnet-a from the public addresses of monitoring",
        ),
        (
            (acl("a", entry(90, "0.0.0.0/0", out=True, allow=False, ports=(443, 443)), *EVERYTHING),),
            "network ACL acl-a doesn't let 443 out of subnet-a to the public addresses of monitoring",
        ),
        (
            (acl("nat", EVERYTHING[0], entry(100, "0.0.0.0/0", out=False, ports=(443, 443))),),
            "network ACL acl-nat doesn't let answers into subnet-nat from the public addresses of monitoring",
        ),
        (
            (acl("nat", entry(90, "10.0.1.0/24", out=True, allow=False), *EVERYTHING),),
            "network ACL acl-nat doesn't let answers out of subnet-nat to 10.0.1.0/24",
        ),
    ],
)
def test_an_acl_on_the_way_through_a_nat_gateway_is_named(acls: tuple[NetworkAcl, ...], words: str) -> None:
    found = path(behind(TargetKind.NAT_GATEWAY, "nat-1", *acls))
    assert (found.reach, found.words, found.is_repairable) == (Reach.FILTERED, words, True)
    assert path(behind(TargetKind.NAT_GATEWAY, "nat-1")).reach is Reach.OPEN_EGRESS


@pytest.mark.parametrize(
    ("ports", "reach", "is_reduced"),
    [
        ((1024, 65535), Reach.OPEN_EGRESS, False),
        ((32768, 60999), Reach.OPEN_EGRESS, True),
        ((1024, 2048), Reach.OPEN_EGRESS, True),
        ((80, 1023), Reach.FILTERED, False),
    ],
)
def test_answers_to_some_of_a_nat_gateways_ports_are_told(
    ports: tuple[int, int], reach: Reach, *, is_reduced: bool
) -> None:
    """It connects from ports of its own, whatever the client's are: an ACL for Linux's lets some of them fail."""
    inward = entry(100, "0.0.0.0/0", out=False, ports=(443, 443)), entry(110, "0.0.0.0/0", out=False, ports=ports)
    found = path(behind(TargetKind.NAT_GATEWAY, "nat-1", acl("nat", EVERYTHING[0], *inward)))
    assert found.reach is reach
    assert any("1024-65535 of a NAT" in note for note in found.notes) is is_reduced


def test_an_acl_keeps_a_public_subnet_in_as_well() -> None:
    deny = entry(90, "0.0.0.0/0", out=True, allow=False, ports=(443, 443))
    network = behind(TargetKind.INTERNET_GATEWAY, "igw-1", acl("a", deny, *EVERYTHING))
    assert path(network, has_public_address=True).reach is Reach.FILTERED
    assert path(network).reach is Reach.NO_ADDRESS


def test_part_of_a_subnet_that_is_kept_in_is_named() -> None:
    deny = entry(90, "10.0.1.0/25", out=False, allow=False)
    found = path(behind(TargetKind.NAT_GATEWAY, "nat-1", acl("nat", deny, *EVERYTHING)))
    words = "network ACL acl-nat doesn't let 443 into subnet-nat from 10.0.1.0/25"
    assert (found.reach, found.words) == (Reach.PARTLY, words)
    one = replace(deny, cidr="10.0.1.66/32")
    found = path(behind(TargetKind.NAT_GATEWAY, "nat-1", acl("nat", one, *EVERYTHING)))
    words = "network ACL acl-nat doesn't let 443 into subnet-nat from 10.0.1.66"
    assert (found.reach, found.words) == (Reach.OPEN_EGRESS, f"rtb-main leads out of the VPC, except that {words}")


def test_an_acl_that_denies_some_public_addresses_leaves_it_open_whether_the_service_is_one() -> None:
    deny = entry(90, "52.0.0.0/8", out=True, allow=False)
    found = path(behind(TargetKind.NAT_GATEWAY, "nat-1", acl("a", deny, *EVERYTHING)))
    assert found.unread == (
        (
            "network ACL acl-a doesn't let 443 out of subnet-a to 52.0.0.0/8, and whether the monitoring service has "
            "addresses there was not read"
        ),
    )


def test_a_route_carries_only_what_no_narrower_one_takes() -> None:
    deny = entry(90, "128.0.0.0/1", out=True, allow=False)
    network = behind(TargetKind.NAT_GATEWAY, "nat-1", acl("nat", deny, *EVERYTHING))
    main = table(
        "main", default_route(TargetKind.NAT_GATEWAY, "nat-1"), route("128.0.0.0/1", TargetKind.TRANSIT_GATEWAY)
    )
    found = path(replace(network, route_tables=(main, *network.route_tables[1:])))
    assert found.unread == ("what lies beyond transit_gateway-1 was not read",)
    assert "acl-nat" not in found.words


@pytest.mark.parametrize(
    ("machine", "group", "words"),
    [
        (
            replace(MACHINE, checks_source=True),
            OPEN_GROUP,
            "eni-1 drops the packets, because its source/destination check is on",
        ),
        (
            MACHINE,
            replace(OPEN_GROUP, ingress=()),
            "sg-nat of eni-1 doesn't allow inbound 443 from 10.0.1.0/24 (subnet-a)",
        ),
        (
            MACHINE,
            replace(OPEN_GROUP, egress=()),
            "sg-nat of eni-1 doesn't allow outbound 443 to the public addresses of monitoring",
        ),
    ],
)
def test_what_a_nat_instance_lets_through_decides(machine: NetworkInterface, group: SecurityGroup, words: str) -> None:
    more = {"interfaces": (machine,), "security_groups": (group,)}
    found = path(behind(TargetKind.NETWORK_INTERFACE, "eni-1", **more))
    assert (found.reach, found.words) == (Reach.FILTERED, words)


@pytest.mark.parametrize(
    ("home", "kind", "reach"),
    [
        (CLIENT.id, "interface", Reach.OPEN_EGRESS),
        (CLIENT.id, "nat_gateway", Reach.FILTERED),
        (HOME.id, "interface", Reach.FILTERED),
    ],
)
def test_a_nat_instance_that_lets_in_a_groups_members_lets_in_those_in_the_subnet(
    home: str, kind: str, reach: Reach
) -> None:
    member = NetworkInterface("eni-2", home, ("10.0.1.7",), frozenset({"sg-app"}), kind=kind)
    group = replace(OPEN_GROUP, ingress=(Rule("tcp", 443, 443, groups=("sg-app",)),))
    more = {"interfaces": (MACHINE, member), "security_groups": (group,)}
    assert path(behind(TargetKind.NETWORK_INTERFACE, "eni-1", **more)).reach is reach


def test_a_nat_instance_whose_group_names_an_unread_list_may_let_in_whom_no_other_rule_does() -> None:
    half, listed = Rule("tcp", 443, 443, ("10.0.1.0/25",)), Rule("tcp", 443, 443, prefix_lists=("pl-1",))
    more = {"interfaces": (MACHINE,), "security_groups": (replace(OPEN_GROUP, ingress=(half, listed)),)}
    found = path(behind(TargetKind.NETWORK_INTERFACE, "eni-1", **more))
    assert "sg-nat of eni-1 allows what is in pl-1, which was not read" in found.unread
    assert found.shut == ()


def test_the_acl_of_a_nat_instances_subnet_counts_unless_the_client_is_in_it() -> None:
    deny = entry(90, "10.0.1.0/24", out=False, allow=False)
    more = {"interfaces": (MACHINE,), "security_groups": (OPEN_GROUP,)}
    found = path(behind(TargetKind.NETWORK_INTERFACE, "eni-1", acl("nat", deny, *EVERYTHING), **more))
    words = "network ACL acl-nat doesn't let 443 into subnet-nat from 10.0.1.0/24"
    assert (found.reach, found.words) == (Reach.FILTERED, words)
    beside = {**more, "interfaces": (replace(MACHINE, subnet_id=CLIENT.id),)}
    found = path(behind(TargetKind.NETWORK_INTERFACE, "eni-1", acl("a", deny, *EVERYTHING), **beside))
    assert found.reach is Reach.OPEN_EGRESS


@pytest.mark.parametrize(
    ("target", "target_id", "more", "unread"),
    [
        (TargetKind.TRANSIT_GATEWAY, "tgw-1", {}, "what lies beyond tgw-1 was not read"),
        (TargetKind.NAT_GATEWAY, "nat-2", {}, "what nat-2 does with the packets was not read"),
        (
            TargetKind.NETWORK_INTERFACE,
            "eni-1",
            {},
            "the network interface eni-1, to which a route leads, was not read",
        ),
        (
            TargetKind.NETWORK_INTERFACE,
            "eni-1",
            {"interfaces": (MACHINE,)},
            "the rules of sg-nat on eni-1 were not read",
        ),
        (
            TargetKind.NETWORK_INTERFACE,
            "eni-1",
            {"interfaces": (MACHINE,), "security_groups": (OPEN_GROUP,)},
            "what the machine at eni-1 does with the packets was not read",
        ),
    ],
)
def test_a_way_that_was_not_read_is_never_called_open(
    target: TargetKind, target_id: str, more: dict[str, object], unread: str
) -> None:
    found = path(behind(target, target_id, **more))
    assert unread in found.unread
    assert "it isn't known whether that leads to the monitoring service" in found.words


# ---- beyond a NAT gateway


def through_nat(*onward: Route) -> Vpc:
    """The client's subnet leads to a NAT gateway, whose own subnet has these routes."""
    main = table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1"))
    return vpc(CLIENT, HOME, main, table("nat", *onward, subnets=("nat",)), nat_gateways=(NAT,))


OUT = default_route(TargetKind.INTERNET_GATEWAY)
FIREWALLS = (TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT, TargetKind.TRANSIT_GATEWAY, TargetKind.NETWORK_INTERFACE)


@pytest.mark.parametrize("target", FIREWALLS)
@pytest.mark.parametrize("is_part", [True, False])
def test_what_a_nat_gateway_sends_on_to_a_firewall_is_not_read(target: TargetKind, *, is_part: bool) -> None:
    network = (
        through_nat(OUT, route("52.0.0.0/8", target, "x-1")) if is_part else through_nat(default_route(target, "x-1"))
    )
    found = path(network)
    assert found.unread == ("what lies beyond x-1 was not read",)
    assert (
        found.words == "rtb-main leads out of the VPC, but it isn't known whether that leads to the monitoring service"
    )
    assert doubts_of_way_out(CLIENT, network, "monitoring", HTTPS) == ("it isn't known where x-1 leads",)


@pytest.mark.parametrize("target", FIREWALLS)
def test_its_routes_to_other_private_networks_are_not_on_the_way(target: TargetKind) -> None:
    network = through_nat(OUT, route("10.0.0.0/8", target, "x-1"))
    assert path(network).unread == ()
    assert doubts_of_way_out(CLIENT, network, "monitoring", HTTPS) == ()


@pytest.mark.parametrize(("cidr", "is_unread"), [("52.0.0.0/8", True), ("3.5.6.7/32", False), ("10.0.0.0/8", None)])
def test_its_routes_may_lead_the_service_nowhere_as_the_clients_may(cidr: str, *, is_unread: bool | None) -> None:
    network = through_nat(OUT, route(cidr, TargetKind.PEERING, "x-1"))
    words = (
        "rtb-nat leads some public addresses to x-1, which carries nothing out of the VPC, and whether the monitoring "
        "service has addresses there was not read"
    )
    assert path(network).unread == ((words,) if is_unread else ())
    assert doubts_of_way_out(CLIENT, network, "monitoring", HTTPS) == (() if is_unread is None else (words,))


# ---- the tier of a subnet whose routes carry nothing


def tier_behind(target: TargetKind, target_id: str, *acls: NetworkAcl, **more: object) -> SeenTier:
    return usable_tiers(behind(target, target_id, *acls, **more))[CLIENT.id]


NOBODY_LEAVES = acl("a", entry(90, "0.0.0.0/0", out=True, allow=False), *EVERYTHING)
SOME_LEAVE = acl("a", entry(90, "52.0.0.0/8", out=True, allow=False), *EVERYTHING)
CHECKING = NetworkInterface(
    "eni-1", HOME.id, MACHINE.addresses, MACHINE.group_ids
)  # as each is unless it is turned off
NAT_INSTANCE = (TargetKind.NETWORK_INTERFACE, "eni-1")
DEAF = replace(OPEN_GROUP, ingress=())
HOMELESS = {"security_groups": (OPEN_GROUP,)}


@pytest.mark.parametrize(
    ("target", "acls", "more", "tier"),
    [
        (NAT_INSTANCE, (), {"interfaces": (CHECKING,), **HOMELESS}, Tier.ISOLATED),
        (NAT_INSTANCE, (), {"interfaces": (replace(MACHINE, is_attached=False),), **HOMELESS}, Tier.ISOLATED),
        (NAT_INSTANCE, (), {"interfaces": (replace(MACHINE, is_stopped=True),), **HOMELESS}, Tier.ISOLATED),
        (
            NAT_INSTANCE,
            (),
            {"interfaces": (MACHINE,), "security_groups": (replace(OPEN_GROUP, ingress=()),)},
            Tier.ISOLATED,
        ),
        (NAT_INSTANCE, (), {"interfaces": (MACHINE,), **HOMELESS}, Tier.EGRESS),
        (NAT_INSTANCE, (), {"interfaces": (MACHINE,)}, Tier.EGRESS),  # its groups weren't read
        (NAT_INSTANCE, (), {"interfaces": None}, Tier.EGRESS),
        (NAT_INSTANCE, (), {"interfaces": ()}, Tier.EGRESS),
        ((TargetKind.NAT_GATEWAY, "nat-1"), (), {}, Tier.EGRESS),
        ((TargetKind.NAT_GATEWAY, "nat-1"), (NOBODY_LEAVES,), {}, Tier.ISOLATED),
        ((TargetKind.NAT_GATEWAY, "nat-1"), (SOME_LEAVE,), {}, Tier.EGRESS),
        ((TargetKind.NAT_GATEWAY, "nat-1"), (), {"nat_gateways": (replace(NAT, is_available=False),)}, Tier.ISOLATED),
        ((TargetKind.TRANSIT_GATEWAY, "tgw-1"), (), {}, Tier.EGRESS),
        ((TargetKind.TRANSIT_GATEWAY, "tgw-1"), (NOBODY_LEAVES,), {}, Tier.ISOLATED),
        ((TargetKind.INTERNET_GATEWAY, "igw-1"), (NOBODY_LEAVES,), {}, Tier.ISOLATED),
        ((TargetKind.INTERNET_GATEWAY, "igw-1"), (), {}, Tier.PUBLIC),
    ],
)
def test_a_subnet_is_isolated_where_all_that_it_sends_is_dropped_for_sure(
    target: tuple[TargetKind, str], acls: tuple[NetworkAcl, ...], more: dict[str, Any], tier: SeenTier
) -> None:
    assert tier_behind(*target, *acls, **more) is tier


def test_acls_that_were_not_read_shut_nobody_in() -> None:
    unread = (Unread(Part.NETWORK_ACLS, "denied"),)
    assert tier_behind(TargetKind.NAT_GATEWAY, "nat-1", unread=unread) is Tier.EGRESS


@pytest.mark.parametrize(
    ("routes", "tier"),
    [
        ((default_route(TargetKind.INTERNET_GATEWAY),), Tier.ISOLATED),
        ((default_route(TargetKind.CARRIER_GATEWAY),), Tier.ISOLATED),
        ((default_route(TargetKind.NAT_GATEWAY, "nat-1"),), Tier.EGRESS),
        (
            (
                route("0.0.0.0/1", TargetKind.INTERNET_GATEWAY),
                route("128.0.0.0/1", TargetKind.NAT_GATEWAY, "nat-1"),
            ),
            Tier.ISOLATED,  # half of the world is nowhere
        ),
        (
            (
                default_route(TargetKind.INTERNET_GATEWAY),
                route("0.0.0.0/1", TargetKind.NAT_GATEWAY, "nat-1"),
                route("128.0.0.0/1", TargetKind.NAT_GATEWAY, "nat-1"),
            ),
            Tier.EGRESS,
        ),
    ],
)
def test_an_internet_gateway_is_no_way_out_where_nobody_has_a_public_address(
    routes: tuple[Route, ...], tier: SeenTier
) -> None:
    public = table("nat", default_route(TargetKind.INTERNET_GATEWAY), subnets=("nat",))
    stranded = replace(CLIENT, is_stranded=True)
    assert usable_tiers(vpc(stranded, HOME, table("main", *routes), public, nat_gateways=(NAT,)))[CLIENT.id] is tier


def test_why_a_subnet_counts_as_isolated_is_said() -> None:
    stranded = replace(CLIENT, is_stranded=True)
    network = vpc(stranded, table("main", default_route(TargetKind.INTERNET_GATEWAY)))
    assert list(shut_in_words(network, {CLIENT.id})) == [
        (
            "subnet-a counts as isolated although a route of rtb-main leads out: it leads to an internet gateway, and "
            "nothing there has a public IPv4 address"
        )
    ]
    assert not list(shut_in_words(network, {"subnet-other"}))
    checked = behind(TargetKind.NETWORK_INTERFACE, "eni-1", interfaces=(CHECKING,), security_groups=(OPEN_GROUP,))
    assert list(shut_in_words(checked, {CLIENT.id})) == [
        (
            "subnet-a counts as isolated although a route of rtb-main leads out: eni-1 drops the packets, because its "
            "source/destination check is on"
        )
    ]
    assert not list(shut_in_words(behind(TargetKind.NAT_GATEWAY, "nat-1"), {CLIENT.id}))


def test_subnets_that_block_public_access_shuts_are_told_together() -> None:
    blocked = [replace(subnet(name, cidr=f"10.0.{name}.0/24"), block_mode=BlockMode.INGRESS) for name in "123"]
    network = vpc(*blocked, table("main", default_route(TargetKind.INTERNET_GATEWAY)))
    assert list(shut_in_words(network, {one.id for one in blocked})) == [
        (
            "subnet-1, subnet-2 and subnet-3 count as isolated although a route of rtb-main leads out: VPC Block "
            "Public Access is on there (block-ingress)"
        )
    ]


CALLER = Interface("eni-1", "subnet-a", is_attached=True, calls=True)
OTHER = Interface("eni-2", "subnet-a", is_attached=True)
BALANCER = replace(OTHER, description="ELB app/a/b", is_requester_managed=True)


@pytest.mark.parametrize(
    ("interfaces", "is_stranded"),
    [
        ((CALLER,), True),
        ((CALLER, OTHER), True),
        ((replace(CALLER, has_public_address=True),), False),
        ((CALLER, replace(CALLER, id="eni-3", has_public_address=True)), False),
        ((CALLER, replace(OTHER, has_public_address=True)), False),
        ((CALLER, replace(OTHER, has_public_address=True, is_attached=False)), True),  # nobody sends from it
        # A NAT gateway, or a load balancer, has its public address for itself.
        ((CALLER, replace(OTHER, kind="nat_gateway", has_public_address=True)), True),
        ((CALLER, replace(BALANCER, has_public_address=True)), True),
        ((CALLER, replace(BALANCER, has_public_address=True, is_requester_managed=False)), False),  # as anybody can say
        # Nobody needs endpoints for what may only answer, such as a database or somebody's second interface.
        ((OTHER,), False),
        ((), False),
    ],
)
def test_a_subnet_is_stranded_where_a_caller_and_no_public_address_was_seen(
    interfaces: tuple[Interface, ...], is_stranded: bool
) -> None:
    assert without_addresses(interfaces) == (frozenset({"subnet-a"}) if is_stranded else frozenset())


# ---- beside a default route that carries the rest


@pytest.mark.parametrize(
    ("cidr", "is_doubted", "is_unread"),
    [
        ("52.0.0.0/8", True, True),
        ("0.0.0.0/2", True, True),
        ("3.5.6.7/32", True, False),  # the service's own address, for all that Lifeline knows
        ("203.0.113.0/24", True, False),
        ("10.0.0.0/8", False, False),
    ],
)
@pytest.mark.parametrize("is_active", [True, False])
def test_a_narrower_route_that_leads_nowhere_leaves_it_open_whether_the_service_is_reached(
    cidr: str, *, is_doubted: bool, is_unread: bool, is_active: bool
) -> None:
    nowhere = route(cidr, TargetKind.PEERING if is_active else TargetKind.TRANSIT_GATEWAY, "x-1", active=is_active)
    public = table("nat", default_route(TargetKind.INTERNET_GATEWAY), subnets=("nat",))
    main = table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1"), nowhere)
    network = vpc(CLIENT, HOME, main, public, nat_gateways=(NAT,))
    words = (
        "rtb-main leads some public addresses to x-1, which carries nothing out of the VPC, and whether the monitoring "
        "service has addresses there was not read"
    )
    assert doubts_of_way_out(CLIENT, network, "monitoring", HTTPS) == ((words,) if is_doubted else ())
    assert path(network).unread == ((words,) if is_unread else ())
    assert usable_tiers(network)[CLIENT.id] is Tier.EGRESS


def test_an_acl_that_shuts_what_may_be_the_services_addresses_ends_no_repair() -> None:
    doubts = doubts_of_way_out(CLIENT, behind(TargetKind.NAT_GATEWAY, "nat-1", SOME_LEAVE), "monitoring", HTTPS)
    assert "whether the monitoring service has addresses there was not read" in "".join(doubts)


def test_whoever_fills_a_route_table_keeps_no_run_busy() -> None:
    """500 routes are AWS's quota of a table, and 200 subnets may follow it (VPC guide: Amazon VPC quotas): twice the
    routes are twice the work, not four times.
    """
    half, whole = (work_of(lambda: see_full_table(routes)) for routes in (250, 500))  # noqa: B023 - run at once
    assert whole < 3 * half


def see_full_table(count: int) -> None:
    """What five subnets are told of a table with so many routes."""
    routes = [
        route(f"52.{place // 16}.{place % 16 * 16}.0/20", TargetKind.NETWORK_INTERFACE, f"eni-{place}")
        for place in range(0, 2 * count, 2)
    ]
    names = tuple(f"c{place}" for place in range(5))
    clients = [subnet(name, cidr=f"10.0.{place}.0/24") for place, name in enumerate(names)]
    full = table("full", *routes, default_route(TargetKind.NAT_GATEWAY), subnets=names)
    shut = replace(acl("c0", *EVERYTHING), subnet_ids=frozenset(one.id for one in clients))
    some = tuple(entry(place, f"52.{place}.0.0/16", out=True, allow=False) for place in range(1, 19, 2))
    network = replace(vpc(*clients, full), network_acls=(replace(shut, entries=(*some, *shut.entries)),))
    for client in clients:
        assert doubts_of_way_out(client, network, "monitoring", HTTPS)


def test_a_list_that_cannot_be_read_hides_no_subnet_from_which_nothing_gets_out_whatever_is_in_it() -> None:
    """Whoever can add routes can add one for a list of another account, and have it unshared (VPC guide: shared prefix
    lists): by an internet gateway, it leads nobody out who has no public address.
    """
    listed = Route((), TargetKind.INTERNET_GATEWAY, "igw-1", is_active=True, prefix_list_id="pl-1")
    unread = (Unread(Part.PREFIX_LIST, "denied", "pl-1"),)
    for is_stranded, tier in ((True, Tier.ISOLATED), (False, UnsureTier.UNKNOWN)):
        one = replace(CLIENT, is_stranded=is_stranded)
        network = vpc(one, table("main", listed), unread=unread)
        assert usable_tiers(network) == {one.id: tier}
    beside = table("main", listed, default_route(TargetKind.TRANSIT_GATEWAY))
    assert usable_tiers(vpc(replace(CLIENT, is_stranded=True), beside, unread=unread)) != {CLIENT.id: Tier.ISOLATED}


AWSS = ("3.0.0.0/8", "52.94.0.0/15")


@pytest.mark.parametrize(
    ("target", "blocks", "has_public_address", "is_known"),
    [
        (TargetKind.NAT_GATEWAY, AWSS, False, False),
        (TargetKind.NAT_GATEWAY, ("52.94.0.0/15",), False, False),
        (TargetKind.NAT_GATEWAY, ("52.94.0.0/16",), False, True),  # as a company's own
        (TargetKind.NAT_GATEWAY, ("198.51.100.0/24", "10.0.0.0/8"), False, True),
        (TargetKind.INTERNET_GATEWAY, AWSS, True, False),
        (TargetKind.INTERNET_GATEWAY, AWSS, False, True),
        (TargetKind.TRANSIT_GATEWAY, AWSS, False, True),
        (TargetKind.PEERING, AWSS, False, True),
    ],
)
def test_whether_routes_for_some_public_addresses_lead_to_the_service_is_not_read(
    target: TargetKind, blocks: tuple[str, ...], *, has_public_address: bool, is_known: bool
) -> None:
    """Such as AWS's own blocks alone, as its published list has them."""
    listed = Route(blocks, target, "nat-1", is_active=True, prefix_list_id="pl-1")
    network = vpc(CLIENT, table("main", listed))
    assert usable_tiers(network) == {CLIENT.id: Tier.ISOLATED}
    found = path(network, has_public_address=has_public_address)
    unread = (
        "rtb-main leads some public addresses to nat-1, and whether the monitoring service has addresses there was not "
        "read"
    )
    assert (found.reach, found.unread) == ((Reach.UNREACHABLE, ()) if is_known else (Reach.UNKNOWN, (unread,)))
    if not is_known:
        assert found.notes[0] == "subnet-a is isolated: rtb-main has no default route out of the VPC"
    assert path(vpc(CLIENT, table("main", replace(listed, is_active=False)))).reach is Reach.UNREACHABLE


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [(AWSS, Reach.UNKNOWN), (("198.51.100.0/24",), Reach.UNREACHABLE), ((), Reach.UNREACHABLE)],
    ids=["AWS's own", "a company's own", "none"],
)
@pytest.mark.parametrize("own", ["0.0.0.0/0", "3.0.0.0/8"])
def test_a_nat_gateway_from_which_some_public_addresses_are_led_out_may_lead_to_the_service(
    own: str, blocks: tuple[str, ...], expected: Reach
) -> None:
    onward = (route(text, TargetKind.INTERNET_GATEWAY, "igw-1") for text in blocks)
    to_nat, home = route(own, TargetKind.NAT_GATEWAY, "nat-1"), table("nat", *onward, subnets=("nat",))
    network = vpc(CLIENT, HOME, table("main", to_nat), home, nat_gateways=(NAT,))
    found, private = path(network), ServiceReach(network, "monitoring", CATALOG, DnsView()).private_path(CLIENT)
    assert usable_tiers(network)[CLIENT.id] is Tier.ISOLATED
    assert (found.reach, found.is_partly_out) == (expected, expected is Reach.UNKNOWN)
    assert private.reach is Reach.UNREACHABLE
    if found.is_partly_out:
        words = "rtb-nat leads some public addresses to igw-1, and whether the monitoring service has addresses there"
        assert found.unread == (f"{words} was not read",)
        assert not any("carries nothing" in note for note in found.notes)
        assert not list(shut_in_words(network, {CLIENT.id}))
    assert path(replace(network, nat_gateways=(replace(NAT, is_available=False),))).reach is Reach.UNREACHABLE


@pytest.mark.parametrize(
    ("blocks", "has_public_address", "expected"),
    [
        (AWSS, False, Reach.OPEN_EGRESS),
        (AWSS, True, Reach.OPEN_EGRESS),
        (("198.51.100.0/24",), False, Reach.OPEN_EGRESS),
    ],
)
def test_beside_a_nat_gateway_an_internet_gateway_carries_nothing_of_what_has_no_address(
    blocks: tuple[str, ...], expected: Reach, *, has_public_address: bool
) -> None:
    to_internet = (route(text, TargetKind.INTERNET_GATEWAY, "igw-1") for text in blocks)
    network = behind(TargetKind.NAT_GATEWAY, "nat-1")
    main = table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1"), *to_internet)
    network = replace(network, route_tables=(main, *network.route_tables[1:]))
    found = path(network, has_public_address=has_public_address)
    unread = (
        "rtb-main leads some public addresses to igw-1, which carries nothing of what has none itself, and whether the "
        "monitoring service has addresses there was not read"
    )
    is_lost = blocks == AWSS and not has_public_address
    assert (found.reach, found.unread) == (expected, (unread,) if is_lost else ())


def beyond_nat(*routes: Route) -> Vpc:
    """With S3's gateway endpoint beyond a NAT gateway that leads nowhere else."""
    to_s3 = Route(("52.216.0.0/15",), TargetKind.GATEWAY_ENDPOINT, "vpce-1", is_active=True, prefix_list_id="pl-s3")
    onward = table("nat", to_s3, subnets=("nat",))
    return vpc(CLIENT, HOME, gateway("nat"), table("main", *routes), onward, nat_gateways=(NAT,))


def test_a_client_without_an_address_reaches_a_gateway_endpoint_beyond_a_nat_gateway_beside_an_internet_gateway() -> (
    None
):
    to_nat = route("0.0.0.0/1", TargetKind.NAT_GATEWAY, "nat-1")
    network = beyond_nat(default_route(TargetKind.INTERNET_GATEWAY, "igw-1"), to_nat)
    found = find_path(CLIENT, network, "s3", CATALOG, DnsView(), has_public_address=False)
    assert (found.reach, found.endpoint_id) == (Reach.SERVED, "vpce-1")
    shut = find_path(CLIENT, network, "logs", CATALOG, DnsView(), has_public_address=False)
    assert shut.reach is Reach.NO_ADDRESS


def test_who_may_reach_a_gateway_endpoint_beyond_a_nat_gateway_counts_in_the_check_for_harm() -> None:
    """The internet gateway takes the service's addresses before it: whether that leads there isn't read."""
    to_internet = route("52.0.0.0/8", TargetKind.INTERNET_GATEWAY, "igw-1")
    network = beyond_nat(
        default_route(TargetKind.NAT_GATEWAY, "nat-1"),
        route("52.216.0.0/16", TargetKind.NAT_GATEWAY, "nat-1"),
        to_internet,
    )
    found = find_path(CLIENT, network, "s3", CATALOG, DnsView(), has_public_address=True)
    assert (found.reach, found.is_partly_out) == (Reach.UNKNOWN, True)
    assert CLIENT.id in {one.subnet.id for one in find_dependents("s3", network, CATALOG, DnsView())}


SIX = subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",), dns64=True)


@pytest.mark.parametrize(
    ("block", "onward", "expected"),
    [
        ("64:ff9b::/96", "3.0.0.0/8", Reach.UNKNOWN),
        ("64:ff9b::300:0/104", "0.0.0.0/0", Reach.UNKNOWN),
        ("64:ff9b::300:0/104", "3.0.0.0/8", Reach.UNKNOWN),
        ("64:ff9b::300:0/104", "52.0.0.0/8", Reach.UNREACHABLE),
        ("2001:db8:1::/48", "0.0.0.0/0", Reach.UNREACHABLE),
    ],
)
def test_nat64_for_some_public_addresses_may_lead_to_the_service(block: str, onward: str, expected: Reach) -> None:
    """As with IPv4: the addresses that stand for AWS's own blocks alone, or a NAT gateway that leads those alone on."""
    home = table("nat", route(onward, TargetKind.INTERNET_GATEWAY, "igw-1"), subnets=("nat",))
    led = table("main", route(block, TargetKind.NAT_GATEWAY, "nat-1"))
    network = vpc(SIX, HOME, led, home, nat_gateways=(NAT,))
    found = find_path(SIX, network, "logs", CATALOG, DnsView(), has_public_address=False)
    assert (found.reach, found.is_partly_out) == (expected, expected is Reach.UNKNOWN)
    off = replace(network, subnets=(replace(SIX, dns64=False), HOME))
    shut = find_path(off.subnets[0], off, "logs", CATALOG, DnsView(), has_public_address=False)
    assert shut.reach is Reach.UNREACHABLE


@pytest.mark.parametrize(("service", "expected"), [("s3", Reach.UNKNOWN), ("logs", Reach.UNREACHABLE)])
def test_whether_nat64_leads_to_a_gateway_endpoint_beyond_the_nat_gateway_is_not_read(
    service: str, expected: Reach
) -> None:
    """Nothing else leads on there, and an IPv6-only subnet has no way of its own to the endpoint."""
    to_s3 = Route(("52.216.0.0/15",), TargetKind.GATEWAY_ENDPOINT, "vpce-1", is_active=True, prefix_list_id="pl-s3")
    led = table("main", route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1"))
    network = vpc(SIX, HOME, gateway("nat"), led, table("nat", to_s3, subnets=("nat",)), nat_gateways=(NAT,))
    found = find_path(SIX, network, service, CATALOG, DnsView(), has_public_address=False)
    assert (found.reach, found.is_partly_out) == (expected, expected is Reach.UNKNOWN)
    assert found.unread == (("whether nat-1 leads there from IPv6 by NAT64 was not read",) if service == "s3" else ())


@pytest.mark.parametrize(
    ("routes", "lanes"),
    [
        (("64:ff9b::/96",), {"nat-1": "64:ff9b::/96"}),
        (("64:ff9b::/96", "::/0"), {"nat-1": "64:ff9b::/96", "eigw-1": "2000::/3"}),
    ],
)
def test_what_a_nat_gateways_nat64_does_is_not_read_and_beside_it_only_public_addresses_count(
    routes: tuple[str, ...], lanes: dict[str, str]
) -> None:
    targets = {"64:ff9b::/96": (TargetKind.NAT_GATEWAY, "nat-1"), "::/0": (TargetKind.EGRESS_ONLY_GATEWAY, "eigw-1")}
    led = table("main", *(route(text, *targets[text]) for text in routes))
    network = vpc(SIX, HOME, led, table("nat", default_route(TargetKind.INTERNET_GATEWAY), subnets=("nat",)))
    network = replace(network, nat_gateways=(NAT,))
    found = {route.target_id: blocks_in(far.addresses, 6) for route, far in _parts(SIX, network, "logs", 6)}
    assert found == lanes
    barrier = way_out(SIX, network, "logs", HTTPS)
    assert (barrier.passes_any, barrier.unread) == (True, ("what nat-1 does with the packets was not read",))


@pytest.mark.parametrize("block", ["64:ff9b::/96", "64:ff9b::/32"])
@pytest.mark.parametrize(
    ("target", "unread"),
    [
        (TargetKind.TRANSIT_GATEWAY, "what lies beyond x-1 was not read"),
        (TargetKind.NETWORK_INTERFACE, "what x-1 does with the packets was not read"),
    ],
)
@pytest.mark.parametrize("egress", ["0.0.0.0/0", "::/0"])
def test_whether_another_network_or_a_machine_translates_nat64_is_not_read(
    block: str, target: TargetKind, unread: str, egress: str
) -> None:
    """What a machine sends on is IPv4: neither its outbound rules nor its subnet's ACL judge NAT64's addresses."""
    machine = NetworkInterface("x-1", HOME.id, ("10.0.9.9", "2001:db8:9::9"), frozenset({"sg-1"}), checks_source=False)
    rules = Rule("-1", 0, 65535, ("::/0",)), Rule("-1", 0, 65535, (egress,))
    group = SecurityGroup("sg-1", "nat64", ingress=rules[:1], egress=rules[1:])
    network = vpc(SIX, HOME, table("main", route(block, target, "x-1")), group, interfaces=(machine,))
    barrier = way_out(SIX, network, "logs", HTTPS)
    assert (barrier.obstacles, barrier.passes_any, barrier.unread) == ((), True, (unread,))
    path = find_path(SIX, network, "logs", Catalog(), DnsView(), has_public_address=False)
    assert path.words == "rtb-main leads out of the VPC, but it isn't known whether that leads to the logs service"


@pytest.mark.parametrize("target", TargetKind)
def test_only_where_awss_own_gateways_lead_is_known(target: TargetKind) -> None:
    gateways = {
        TargetKind.INTERNET_GATEWAY,
        TargetKind.CARRIER_GATEWAY,
        TargetKind.EGRESS_ONLY_GATEWAY,
        TargetKind.NAT_GATEWAY,
    }
    home = subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",))
    network = vpc(home, table("main", route("::/0", target, "x-1")))
    leads_out = bool(ways_out(home, network))
    doubts = doubts_of_way_out(home, network, "logs", HTTPS)
    assert (doubts == ("it isn't known where x-1 leads",)) is (leads_out and target not in gateways)


@pytest.mark.parametrize(
    ("service", "policy", "reach", "said"),
    [
        ("s3", "", Reach.OPEN_EGRESS, []),
        ("s3", SHUT_POLICY, Reach.FILTERED, ["the policy of vpce-1 doesn't allow the s3 service"]),
        ("s3", "not a policy", Reach.OPEN_EGRESS, ["the policy of vpce-1 could not be understood"]),
        ("monitoring", SHUT_POLICY, Reach.OPEN_EGRESS, []),
    ],
)
def test_a_gateway_endpoint_in_a_nat_gateways_subnet_decides_what_gets_to_its_service(
    service: str, policy: str, reach: Reach, said: list[str]
) -> None:
    """What a NAT gateway sends takes the routes of its own subnet."""
    to_s3 = Route((), TargetKind.GATEWAY_ENDPOINT, "vpce-1", is_active=True, prefix_list_id="pl-s3")
    public = table("nat", default_route(TargetKind.INTERNET_GATEWAY), to_s3, subnets=("nat",))
    to_nat = table("main", default_route(TargetKind.NAT_GATEWAY, NAT.id))
    network = vpc(CLIENT, HOME, to_nat, public, gateway("nat", policy=policy), nat_gateways=(NAT,))
    found = find_path(CLIENT, network, service, CATALOG, DnsView(), has_public_address=False)
    assert (found.reach, [*found.unread, *(obstacle.words for obstacle in found.obstacles)]) == (reach, said)


TO_S3 = Route(("52.216.0.0/15",), TargetKind.GATEWAY_ENDPOINT, "vpce-1", is_active=True, prefix_list_id="pl-s3")
TO_NAT = table("main", default_route(TargetKind.NAT_GATEWAY, NAT.id))


def behind_nat(*, main: RouteTable = TO_NAT, led: tuple[Route, ...] = (TO_S3,), policy: str = "") -> Vpc:
    """A NAT gateway whose own subnet leads to a gateway endpoint, and nowhere else."""
    there = (table("nat", *led, subnets=("nat",)), gateway("nat", policy=policy))
    return vpc(CLIENT, HOME, main, *there, nat_gateways=(NAT,))


def path_to(network: Vpc, service: str = "s3") -> NetworkPath:
    return find_path(CLIENT, network, service, CATALOG, DnsView(), has_public_address=False)


@pytest.mark.parametrize("listed", [TO_S3.destinations, ()])
def test_a_gateway_endpoint_behind_a_nat_gateway_serves_even_if_nothing_else_leads_on(listed: tuple[str, ...]) -> None:
    """What a NAT gateway sends takes the routes of its own subnet (docs/watching.md: what Lifeline can't know)."""
    network = behind_nat(led=(replace(TO_S3, destinations=listed),))
    found = path_to(network)
    assert (found.reach, found.endpoint_id, found.uncertainties) == (Reach.SERVED, "vpce-1", ())
    assert found.words == "by way of a NAT gateway, vpce-1 gives access to the s3 service"
    assert ServiceReach(network, "s3", CATALOG, DnsView()).private_path(CLIENT).reach is Reach.SERVED
    assert path_to(network, "monitoring").reach is Reach.UNREACHABLE
    assert usable_tiers(network)[CLIENT.id] is Tier.ISOLATED


def test_beside_a_gateway_endpoint_of_others_none_is_made_that_would_open_the_way() -> None:
    shut = behind_nat(policy=SHUT_POLICY)
    beside = replace(shut, endpoints=(*shut.endpoints, gateway("b", own=False, id="vpce-2")))
    assert (path_to(shut).is_repairable, path_to(beside).is_repairable) == (True, False)


HALF = table("main", route("52.216.0.0/16", TargetKind.NAT_GATEWAY, NAT.id))
PAST_NAT = table("main", *TO_NAT.routes, route("52.216.0.0/16", TargetKind.TRANSIT_GATEWAY, "tgw-1"))
FAILED_NAT = replace(NAT, is_available=False)


@pytest.mark.parametrize("part", ["the public addresses of s3", "52.216.0.0/16"])
def test_what_an_acl_shuts_before_a_nat_gateway_is_named_by_the_service_or_where_a_part_is_led_by_its_block(
    part: str,
) -> None:
    closed = acl("a", entry(1, "52.216.0.0/15", out=True, allow=False), *EVERYTHING)
    found = path_to(replace(behind_nat(main=TO_NAT if "s3" in part else HALF), network_acls=(closed,)))
    assert found.words == f"network ACL acl-a doesn't let 443 out of subnet-a to {part}"


@pytest.mark.parametrize(
    ("network", "reach", "said", "is_repairable"),
    [
        (behind_nat(policy=SHUT_POLICY), Reach.FILTERED, "the policy of vpce-1 doesn't allow the s3 service", True),
        (
            replace(
                behind_nat(), network_acls=(acl("nat", entry(1, CLIENT.cidr, out=False, allow=False), *EVERYTHING),)
            ),
            Reach.FILTERED,
            "network ACL acl-nat doesn't let 443 into subnet-nat from 10.0.1.0/24",
            True,
        ),
        (behind_nat(main=HALF), Reach.PARTLY, "no route leads 52.217.0.0/16 to nat-1", True),
        (
            behind_nat(main=HALF, led=(replace(TO_S3, destinations=()),)),
            Reach.UNKNOWN,
            "and whether the s3 service has addresses there was not read",
            True,
        ),
        (
            behind_nat(led=(replace(TO_S3, destinations=()), route("52.0.0.0/9", TargetKind.TRANSIT_GATEWAY, "tgw-1"))),
            Reach.UNKNOWN,
            "rtb-nat leads some public addresses to tgw-1, and the prefix list of s3 was not read",
            True,
        ),
        (behind_nat(main=PAST_NAT), Reach.UNKNOWN, "what lies beyond tgw-1 was not read", True),
        (behind_nat(policy="not a policy"), Reach.UNKNOWN, "the policy of vpce-1 could not be understood", True),
        (behind_nat(led=(replace(TO_S3, is_active=False),)), Reach.UNREACHABLE, "no endpoint in the VPC", True),
        (replace(behind_nat(), nat_gateways=(FAILED_NAT,)), Reach.UNREACHABLE, "no endpoint in the VPC", True),
        (
            behind_nat(led=(TO_S3, route("52.217.0.0/24", TargetKind.TRANSIT_GATEWAY, "tgw-1", active=False))),
            Reach.PARTLY,
            "no route of rtb-nat leads to 52.217.0.0/24; its route to tgw-1 is a blackhole",
            True,
        ),
        (
            behind_nat(led=(TO_S3, route("52.217.0.0/24", TargetKind.TRANSIT_GATEWAY, "tgw-1"))),
            Reach.UNKNOWN,
            "what lies beyond tgw-1 was not read",
            True,
        ),
    ],
)
def test_what_stands_before_a_gateway_endpoint_behind_a_nat_gateway_counts(
    network: Vpc, reach: Reach, said: str, is_repairable: bool
) -> None:
    """A plan then counts on nothing there: a gateway endpoint of the subnet's own is free."""
    found = path_to(network)
    words = " ".join((found.words, *found.notes, *found.unread))
    assert (found.reach, said in words, found.is_repairable) == (reach, True, is_repairable), words
    assert ServiceReach(network, "s3", CATALOG, DnsView()).private_path(CLIENT).reach is Reach.UNREACHABLE


def test_two_nat_gateways_lead_a_subnet_to_a_gateway_endpoint_together() -> None:
    halves = (("0.0.0.0/1", NAT.id), ("52.216.0.0/16", "nat-2"), ("128.0.0.0/1", NAT.id))
    main = table("main", *(route(text, TargetKind.NAT_GATEWAY, id_) for text, id_ in halves))
    network = replace(behind_nat(main=main), nat_gateways=(NAT, replace(NAT, id="nat-2")))
    assert path_to(network).reach is Reach.SERVED
    without = replace(network, nat_gateways=(NAT, replace(NAT, id="nat-2", is_available=False)))
    assert path_to(without).unread == ("what lies beyond nat-2 was not read",)


@pytest.mark.parametrize(
    "client",
    [
        replace(CLIENT, block_mode=BlockMode.BIDIRECTIONAL),
        replace(CLIENT, cidr="", ipv6_cidrs=("2001:db8::/64",), dns64=True),
    ],
    ids=["Block Public Access", "IPv6 alone"],
)
def test_who_gets_to_no_nat_gateway_in_ipv4_gets_to_none_beyond_it(client: Subnet) -> None:
    network = replace(behind_nat(), subnets=(client, HOME))
    found = find_path(client, network, "s3", CATALOG, DnsView(), has_public_address=False)
    assert found.reach is Reach.UNREACHABLE


SMTP = "com.amazonaws.us-east-1.email-smtp"
MAIL = Catalog((replace(CATALOG.find("monitoring")[0], name=SMTP, private_dns_names=("email-smtp.amazonaws.com",)),))
BLOCKED = "EC2 blocks TCP 25 to public addresses unless AWS has lifted that for the account, which was not read"
CLOSED = "network ACL acl-a doesn't let 465, 587, 2465, 2587 out of subnet-a to the public addresses of email-smtp"
BUT_NOT_OTHERS = f"{BLOCKED}; it doesn't block 465, 587, 2465, 2587"


def denying(*ports: int) -> NetworkAcl:
    denied = (entry(port, "0.0.0.0/0", out=True, allow=False, ports=(port, port)) for port in ports)
    return acl("a", *denied, *(replace(one, number=9000) for one in EVERYTHING))


@pytest.mark.parametrize(
    ("network", "reach", "words", "unread", "doubts"),
    [
        (
            behind(TargetKind.NAT_GATEWAY, NAT.id),
            Reach.OPEN_EGRESS,
            "rtb-main leads out of the VPC, but it isn't known whether that leads to TCP 25 of the email-smtp service",
            (BUT_NOT_OTHERS,),
            (),
        ),
        (
            behind(TargetKind.NAT_GATEWAY, NAT.id, denying(587)),
            Reach.PARTLY,
            "network ACL acl-a doesn't let 587 out of subnet-a to the public addresses of email-smtp",
            (),
            (BUT_NOT_OTHERS, "only some of what the subnet sends is let through"),
        ),
        (
            behind(TargetKind.NAT_GATEWAY, NAT.id, denying(465, 587, 2465, 2587)),
            Reach.OPEN_EGRESS,
            (
                f"rtb-main leads out of the VPC, except that {CLOSED}, but it isn't known whether that leads to the "
                "email-smtp service"
            ),
            (BLOCKED,),
            (),
        ),
        (
            behind(TargetKind.NAT_GATEWAY, NAT.id, denying(25)),
            Reach.PARTLY,
            "network ACL acl-a doesn't let 25 out of subnet-a to the public addresses of email-smtp",
            (),
            ("only some of what the subnet sends is let through",),
        ),
        (
            behind(TargetKind.TRANSIT_GATEWAY, "tgw-1"),
            Reach.OPEN_EGRESS,
            "rtb-main leads out of the VPC, but it isn't known whether that leads to the email-smtp service",
            ("what lies beyond tgw-1 was not read", BUT_NOT_OTHERS),
            (),
        ),
        (
            vpc(CLIENT, table("main"), endpoint(SMTP, "a", security_group_ids=frozenset())),
            Reach.SERVED,
            "vpce-1 gives access to the email-smtp service",
            (),
            (),
        ),
    ],
    ids=["all", "one denied", "all others denied", "25 denied", "beyond the VPC", "an endpoint"],
)
def test_port_25_to_public_addresses_is_not_known_to_be_open(
    network: Vpc, reach: Reach, words: str, unread: tuple[str, ...], doubts: tuple[str, ...]
) -> None:
    """By default, EC2 lets nobody send to port 25 of public addresses (SES guide: connecting to an SMTP endpoint)."""
    found = find_path(CLIENT, network, "email-smtp", MAIL, DnsView(), has_public_address=False)
    assert (found.reach, found.words, found.unread, found.doubts) == (reach, words, unread, doubts)


def test_where_port_25_is_all_that_a_service_has_nothing_is_known_to_be_open() -> None:
    alone = replace(MAIL, ports=(("email-smtp", ((25, 25),)),))
    network = behind(TargetKind.NAT_GATEWAY, NAT.id)
    found = find_path(CLIENT, network, "email-smtp", alone, DnsView(), has_public_address=False)
    assert (found.reach, found.unread) == (Reach.OPEN_EGRESS, (BLOCKED,))
    assert found.words.endswith("it isn't known whether that leads to the email-smtp service")
