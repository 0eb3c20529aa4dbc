"""Where an endpoint goes whose only subnet is deleted, and who needs it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lifeline.core.coexist.moves import Stay, reached_by
from lifeline.core.network.model import AclEntry, EndpointState, NetworkAcl, Subnet, TargetKind, Vpc
from lifeline.core.policy.policy import Desired, Requirement
from tests.support.builders import (
    CATALOG,
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

B, C = "us-east-1b", "us-east-1c"


def network(*more: object, **changes: object) -> Vpc:
    """The doomed subnet a with the endpoint, and subnet b in another zone."""
    mine = replace(endpoint(MONITORING, "a"), **changes)  # type: ignore[arg-type]
    return vpc(subnet("a"), subnet("b", B), mine, own_security_group(), *more)  # type: ignore[arg-type]


def moves(
    of: Vpc, *occupied: str, requiring: str = "", doomed: str = "a", reached: bool = False, full: str = ""
) -> Mapping[str, tuple[str, ...]]:
    wanted = frozenset(f"subnet-{one}" for one in requiring)
    stay = Stay(
        of,
        OWNER,
        frozenset(f"subnet-{one}" for one in doomed),
        frozenset(f"subnet-{one}" for one in occupied),
        is_reached=reached,
        desired=Desired((Requirement("monitoring", wanted, per_zone=True),)),
        catalog=CATALOG,
        full=tuple(f"subnet-{one}" for one in full),
    )
    return stay.moves()


TO_B = {"vpce-1": ("subnet-b",)}
IN_BOTH = network(subnet_ids=frozenset({"subnet-a", "subnet-b"}))


def test_who_depends_on_the_endpoint_needs_it_whether_or_not_the_policy_asks_for_it() -> None:
    assert moves(network(), "b") == TO_B
    assert moves(network(), "b", requiring="ab") == TO_B


def test_while_it_is_being_changed_it_is_needed_all_the_same() -> None:
    assert moves(network(state=EndpointState.PENDING), "b") == TO_B


def test_an_empty_subnet_needs_nothing() -> None:
    assert moves(network(), requiring="ab") == {}


def test_who_has_another_way_out_needs_it_only_if_the_policy_says_so() -> None:
    out = table("out", default_route(TargetKind.INTERNET_GATEWAY), subnets=("b",))
    assert moves(network(out, table()), "b") == {}
    assert moves(network(out, table()), "b", requiring="b") == TO_B


def test_other_networks_need_it_though_nobody_is_in_the_vpc() -> None:
    assert moves(network(), reached=True) == TO_B


def test_what_has_another_subnet_left_needs_no_move() -> None:
    assert moves(IN_BOTH, "b") == {}


def test_it_leaves_one_of_several_whichever_other_networks_reach_for_that_is_not_known() -> None:
    assert moves(IN_BOTH, reached=True) == {}


A, A2, B2, C2 = "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.4.0/24"
EVERYWHERE = tuple(AclEntry(100, egress, True, "-1", "0.0.0.0/0") for egress in (True, False))


def in_two(*denied: str, there: tuple[Subnet, ...] = ()) -> Vpc:
    """An endpoint in a, which is doomed, and in b; in a2 is somebody whose ACL denies the way to these blocks."""
    no_way = tuple(AclEntry(place, True, False, "-1", cidr) for place, cidr in enumerate(denied, 1))
    acl = NetworkAcl("acl-1", frozenset({"subnet-a2"}), (*no_way, *EVERYWHERE))
    subnets = (subnet("a", cidr=A), subnet("a2", cidr=A2), subnet("b", B, cidr=B2), *there)
    return vpc(*subnets, endpoint(MONITORING, "a", "b"), own_security_group(), network_acls=(acl,))


@pytest.mark.parametrize(
    ("of", "found"),
    [
        (in_two(), {}),
        (in_two(B2), {"vpce-1": ()}),
        (in_two(B2, there=(subnet("c", C, cidr=C2),)), {"vpce-1": ("subnet-c",)}),
        (in_two(B2, C2, there=(subnet("c", C, cidr=C2),)), {"vpce-1": ()}),
        (in_two(A, B2), {}),  # who doesn't reach it by what goes loses nothing
    ],
)
def test_it_leaves_no_subnet_by_which_alone_somebody_reaches_it(of: Vpc, found: Mapping[str, tuple[str, ...]]) -> None:
    assert moves(of, "a2") == found
    assert moves(of) == {}  # nobody is there


def test_it_leaves_a_subnet_where_whoever_reaches_it_does_by_one_of_the_others() -> None:
    """Also where they don't by each of these."""
    of = in_two(B2, there=(subnet("c", C, cidr=C2),))
    (mine,) = of.endpoints
    in_three = replace(of, endpoints=(replace(mine, subnet_ids=mine.subnet_ids | {"subnet-c"}),))
    assert moves(in_three, "a2") == {}


@pytest.mark.parametrize(
    "other",
    [
        subnet("c"),  # the doomed subnet's zone
        subnet("c", C, free=1),
        subnet("c", C, outpost_arn="arn:aws:outposts:us-east-1:123456789012:outpost/op-1"),
        subnet("c", C, state="pending"),
        subnet("c", "us-east-1d"),  # a zone without the service
    ],
)
def test_where_no_other_zone_can_take_it_it_has_no_place(other: object) -> None:
    assert moves(vpc(subnet("a"), other, endpoint(MONITORING, "a"), own_security_group()), "c") == {"vpce-1": ()}  # type: ignore[arg-type]


def test_it_goes_where_nobody_loses_it() -> None:
    entries = (
        AclEntry(100, egress=False, allow=False, protocol="-1", cidr="0.0.0.0/0"),
        AclEntry(100, egress=True, allow=True, protocol="-1", cidr="0.0.0.0/0"),
    )
    closed = NetworkAcl("acl-1", frozenset({"subnet-b"}), entries)
    open_to_all = NetworkAcl(
        "acl-2", frozenset({"subnet-a", "subnet-c"}), tuple(replace(one, allow=True) for one in entries)
    )
    of = replace(network(subnet("c", C)), network_acls=(closed, open_to_all))
    assert moves(of, "c") == {"vpce-1": ("subnet-c",)}


@pytest.mark.parametrize(("shut_off", "place"), [("a", ("subnet-b",)), ("c", ())])
def test_where_anybody_who_stays_would_lose_it_it_has_no_place(shut_off: str, place: tuple[str, ...]) -> None:
    here = (subnet("a"), subnet("c", cidr="10.0.3.0/24"), subnet("b", B, cidr="10.0.2.0/24"))
    entries = tuple(AclEntry(100, egress, True, "-1", "0.0.0.0/0") for egress in (True, False))
    not_to_b = AclEntry(50, egress=True, allow=False, protocol="-1", cidr="10.0.2.0/24")
    acl = NetworkAcl("acl-1", frozenset({f"subnet-{shut_off}"}), (not_to_b, *entries))
    of = vpc(*here, endpoint(MONITORING, "a"), own_security_group(), network_acls=(acl,))
    assert moves(of, "c") == {"vpce-1": place}


def test_it_goes_where_ec2_did_not_refuse_it() -> None:
    of = network(subnet("c", C))
    assert moves(of, "b") == TO_B
    assert moves(of, "b", full="b") == {"vpce-1": ("subnet-c",)}
    assert moves(of, "b", full="bc") == TO_B


def test_of_two_doomed_subnets_neither_takes_it() -> None:
    assert moves(network(subnet("c", C)), "c", doomed="ab") == {"vpce-1": ("subnet-c",)}


def test_only_our_own_moves() -> None:
    assert moves(network(on_record=False), "b") == {}


@pytest.mark.parametrize(
    "kind",
    [
        TargetKind.PEERING,
        TargetKind.TRANSIT_GATEWAY,
        TargetKind.VIRTUAL_PRIVATE_GATEWAY,
        TargetKind.CORE_NETWORK,
        TargetKind.LOCAL_GATEWAY,
        TargetKind.OTHER,
    ],
)
def test_a_route_to_another_network_shows_that_the_vpc_can_be_used_from_there(kind: TargetKind) -> None:
    assert reached_by(vpc(subnet(), table("main", route("10.1.0.0/16", kind, "other-1")))) == ("other-1",)
    assert reached_by(vpc(subnet(), table("main", route("10.1.0.0/16", kind, "other-1", active=False)))) == ()


def test_so_does_one_of_which_not_even_an_id_is_known_and_one_that_aws_may_choose() -> None:
    other = replace(route("10.1.0.0/16", TargetKind.OTHER), target_id="")
    assert reached_by(vpc(subnet(), table("main", other))) == (
        "a route to a kind of target that Lifeline doesn't know",
    )
    peered, out = route("10.1.0.0/16", TargetKind.PEERING, "pcx-1"), default_route(TargetKind.NAT_GATEWAY)
    chosen = replace(route("10.1.0.0/16", TargetKind.UNDECIDED, "nat-1 or pcx-1"), candidates=(out, peered))
    assert reached_by(vpc(subnet(), table("main", chosen))) == ("pcx-1",)


def test_the_internet_is_no_user_of_a_vpc() -> None:
    ways_out = (TargetKind.INTERNET_GATEWAY, TargetKind.NAT_GATEWAY, TargetKind.EGRESS_ONLY_GATEWAY)
    assert reached_by(vpc(subnet(), table("main", *map(default_route, ways_out)))) == ()
