"""An endpoint leaves an empty subnet whose ACL keeps others out, wherever more of them reach it elsewhere."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import (
    AclEntry,
    EndpointState,
    NetworkAcl,
    NetworkInterface,
    Part,
    RouteTable,
    Rule,
    SecurityGroup,
    TargetKind,
    Unread,
    Vpc,
)
from lifeline.core.plan.actions import ActionKind
from tests.support.builders import LOCAL, MONITORING, endpoint, own_security_group, plan, route, subnet, table, vpc

ADD, REMOVE, ASK = ActionKind.ADD_SUBNETS, ActionKind.REMOVE_SUBNETS, ActionKind.OPEN_NETWORK_ACL
ZONES = {"a": "us-east-1a", "b": "us-east-1b", "trap-a": "us-east-1a", "trap-b": "us-east-1b", "c": "us-east-1c"}
OPEN = tuple(AclEntry(100, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False))


def shut(*names: str) -> NetworkAcl:
    return NetworkAcl("acl-shut", frozenset(f"subnet-{name}" for name in names), ())


def denied(cidr: str) -> AclEntry:
    return AclEntry(50, egress=False, allow=False, protocol="-1", cidr=cidr)


def network(
    *hosts: str, there: tuple[str, ...] = ("a", "b", "trap-a", "trap-b"), behind: NetworkAcl, **more: Any
) -> Vpc:
    """These subnets, of which the endpoint is in `hosts`, and some are behind the ACL."""
    subnets = [
        subnet(name, ZONES[name], cidr=f"10.0.{number}.0/24", free=250 if name.startswith("trap") else 100)
        for number, name in enumerate(there)
    ]
    rest = NetworkAcl("acl-open", frozenset(one.id for one in subnets) - behind.subnet_ids, OPEN)
    given = {"network_acls": (behind, rest), "interfaces": ()} | more
    return vpc(*subnets, own_security_group(), endpoint(MONITORING, *hosts), **given)


def planned(seen: Vpc, **more: Any) -> list[tuple[ActionKind, tuple[str, ...]]]:
    actions = plan(seen, **more).actions
    return [(one.kind, one.subnet_ids) for one in actions if one.is_planned or one.kind is ASK]


def test_it_leaves_for_the_same_zone_where_it_has_another_subnet() -> None:
    seen = network("trap-a", "b", behind=shut("trap-a"))
    assert planned(seen) == [(ADD, ("subnet-a",)), (REMOVE, ("subnet-trap-a",))]
    [_, leaving] = plan(seen).actions
    assert leaving.reason == (
        "network ACL acl-shut doesn't let 443 into subnet-trap-a from 10.0.0.0/24, and nobody is in subnet-trap-a"
    )


def test_without_another_in_the_zone_it_leaves_that_and_does_not_come_back() -> None:
    seen = network("trap-a", "b", there=("trap-a", "b"), behind=shut("trap-a"))
    assert planned(seen) == [(REMOVE, ("subnet-trap-a",))]
    after = network("b", there=("trap-a", "b"), behind=shut("trap-a"))
    assert planned(after, dns=DnsView()) == [(ASK, ("subnet-trap-a",))]


def test_all_that_are_shut_are_left_one_after_the_other() -> None:
    behind = shut("trap-a", "trap-b")
    first = planned(network("trap-a", "trap-b", behind=behind))
    assert first == [(ADD, ("subnet-b",)), (REMOVE, ("subnet-trap-b",))]
    assert planned(network("trap-a", "b", behind=behind)) == [(ADD, ("subnet-a",)), (REMOVE, ("subnet-trap-a",))]


def test_the_only_one_is_left_once_there_is_one_in_another_zone() -> None:
    seen = network("trap-a", behind=shut("trap-a"))
    assert planned(seen, per_zone=False) == [(ADD, ("subnet-trap-b",))]
    assert planned(network("trap-a", "trap-b", behind=shut("trap-a")), per_zone=False)[-1] == (
        REMOVE,
        ("subnet-trap-a",),
    )


def test_of_several_zones_one_is_enough_to_leave_and_the_others_follow() -> None:
    there = ("trap-a", "b", "c")
    (joined,) = [one for one in planned(network("trap-a", there=there, behind=shut("trap-a"))) if one[0] is not ASK]
    assert joined == (ADD, ("subnet-b",))
    after = planned(network("trap-a", "b", there=there, behind=shut("trap-a")))
    assert (REMOVE, ("subnet-trap-a",)) in after


def test_another_that_is_shut_is_no_better() -> None:
    seen = network("trap-a", behind=shut("trap-a", "trap-b"))
    assert planned(seen, per_zone=False) == [(ADD, ("subnet-b",))]


@pytest.mark.parametrize(
    "seen",
    [
        network("trap-a", there=("a", "trap-a"), behind=shut("trap-a")),  # EC2 may not take the last one
        network("trap-a", "b", there=("trap-a", "b"), behind=shut("trap-a", "b")),
        network("trap-a", "b", behind=shut("trap-a"), interfaces=(NetworkInterface("eni-1", "subnet-trap-a"),)),
        network("trap-a", "b", behind=shut("trap-a"), interfaces=None),
        network("trap-a", "b", behind=shut("trap-a"), unread=(Unread(Part.INTERFACES, "why"),)),
        network("a", "b", behind=shut("trap-a", "trap-b")),  # these shut themselves in
        network(
            *("trap-a", "b", "c"),
            there=("trap-a", "b", "c"),
            behind=shut("c"),
            network_acls=(
                shut("c"),
                NetworkAcl("acl-no-b", frozenset({"subnet-trap-a"}), (denied("10.0.1.0/24"), *OPEN)),
                NetworkAcl("acl-open", frozenset({"subnet-b"}), OPEN),
            ),
            interfaces=(NetworkInterface("eni-1", "subnet-b"), NetworkInterface("eni-2", "subnet-c")),
        ),
    ],
    ids=[
        "no other zone",
        "nowhere better",
        "somebody in it",
        "not looked",
        "unread",
        "not the endpoint's",
        "another of its own is as shut, and somebody is in that",
    ],
)
def test_it_stays_where_that_helps_nobody_or_may_cut_somebody_off(seen: Vpc) -> None:
    assert {kind for kind, _ in planned(seen)} <= {ASK}


def test_one_that_shuts_out_as_few_as_another_where_somebody_is_stays() -> None:
    acls = (
        shut("trap-a"),
        NetworkAcl("acl-no-a", frozenset({"subnet-trap-b", "subnet-c"}), (denied("10.0.0.0/24"), *OPEN)),
        NetworkAcl("acl-open", frozenset({"subnet-a"}), OPEN),
    )
    here = (NetworkInterface("eni-1", "subnet-c"), NetworkInterface("eni-2", "subnet-a"))
    seen = network(
        *("trap-a", "trap-b", "c"),
        there=("a", "trap-a", "trap-b", "c"),
        behind=shut(),
        network_acls=acls,
        interfaces=here,
    )
    assert [one for one in planned(seen) if one[0] is not ASK] == [(ADD, ("subnet-a",)), (REMOVE, ("subnet-trap-a",))]


@pytest.mark.parametrize("changed", [{"tags": ()}, {"state": EndpointState.PENDING}])
def test_one_that_is_not_lifelines_or_is_changing_stays(changed: dict[str, Any]) -> None:
    seen = network("trap-a", "b", behind=shut("trap-a"))
    (there,) = seen.endpoints
    assert REMOVE not in {kind for kind, _ in planned(replace(seen, endpoints=(replace(there, **changed),)))}


def many(*hosts: str, is_inhabited: bool) -> Vpc:
    """Somebody made more subnets in zone b, and shut them, than are tried."""
    made = [subnet(f"x{n}", ZONES["b"], cidr=f"10.0.{100 + n}.0/24") for n in range(30)]
    there = network(*hosts, there=("trap-a", "a", "b"), behind=shut("trap-a", *(f"x{n}" for n in range(30))))
    callers = tuple(NetworkInterface(f"eni-{name}", f"subnet-{name}") for name in ("a", "b")) if is_inhabited else ()
    return replace(there, subnets=(*there.subnets, *made), interfaces=callers)


@pytest.mark.parametrize(("is_inhabited", "expected"), [(True, [(ADD, ("subnet-b",))]), (False, [])])
def test_however_many_are_shut_it_goes_to_where_somebody_is(
    is_inhabited: bool, expected: list[tuple[ActionKind, tuple[str, ...]]]
) -> None:
    found = planned(many("trap-a", is_inhabited=is_inhabited), per_zone=False)
    assert [one for one in found if one[0] is not ASK] == expected


# ---- who reaches it only where it is


def narrow(
    *hosts: str, inhabited: tuple[str, ...] = ("a", "app"), reached: tuple[str, ...] = ("ep",), **more: Any
) -> Vpc:
    """The endpoint's subnet ep lets in all but the new one, and whoever is in app reaches those alone."""
    cidrs = {"ep": "10.0.0.0/24", "a": "10.0.1.0/24", "app": "10.0.2.0/24", "b": "10.0.3.0/24", "new": "10.0.9.0/24"}
    subnets = [subnet(name, ZONES["b" if name == "b" else "a"], cidr=cidr, free=100) for name, cidr in cidrs.items()]

    def acl(name: str, *blocks: str) -> NetworkAcl:
        lines = tuple(replace(line, number=n, cidr=one) for n, one in enumerate(blocks, 1) for line in OPEN)
        return NetworkAcl(f"acl-{name}", frozenset({f"subnet-{name}"}), lines)

    acls = (acl("ep", "10.0.0.0/22"), acl("app", *(cidrs[name] for name in reached)))
    rest = NetworkAcl("acl-open", frozenset(one.id for one in subnets) - {"subnet-ep", "subnet-app"}, OPEN)
    there = tuple(NetworkInterface(f"eni-{name}", f"subnet-{name}") for name in inhabited)
    given = {"network_acls": (*acls, rest), "interfaces": there} | more
    return vpc(*subnets, own_security_group(), endpoint(MONITORING, *hosts), **given)


def test_whoever_makes_a_subnet_that_is_not_let_in_moves_nothing() -> None:
    seen = narrow("ep", "b", reached=("ep", "b"))
    assert planned(seen) == [(ASK, ("subnet-new",))]
    assert set(made(seen)) == {"subnet-ep", "subnet-b"}


@pytest.mark.parametrize("inhabited", [("a", "app"), ("a", "app", "new")])
def test_nor_does_one_that_is_shut_bring_it_to_where_others_do_not_reach_it(inhabited: tuple[str, ...]) -> None:
    seen = narrow("ep", reached=("ep", "b"), inhabited=inhabited)
    acls = (*seen.network_acls[:2], shut("new"))
    assert set(made(replace(seen, network_acls=acls))) == {"subnet-ep", "subnet-b"}


def test_who_is_there_takes_it_from_nobody_who_reaches_no_other_place() -> None:
    seen = narrow("ep", inhabited=("a", "app", "new"))
    assert {kind for kind, _ in planned(seen, per_zone=False)} == {ASK}
    free = narrow("ep", inhabited=("a", "new"))
    assert planned(free, per_zone=False)[0] == (ADD, ("subnet-b",))


def test_nor_from_whoever_gets_nowhere_else_by_groups_of_their_own() -> None:
    only = SecurityGroup("sg-1", "app", egress=(Rule("tcp", 443, 443, ("10.0.0.0/24",)),))
    wide = SecurityGroup("sg-2", "wide", egress=(Rule("-1", 0, 65535, ("0.0.0.0/0",)),))
    callers = tuple(
        NetworkInterface(f"eni-{name}", f"subnet-{name}", group_ids=frozenset({group}))
        for name, group in (("a", "sg-1"), ("app", "sg-2"), ("new", "sg-2"))
    )
    seen = narrow("ep", "b", interfaces=callers, client_groups=(only, wide))
    seen = replace(seen, network_acls=(seen.network_acls[0], shut()))
    assert {kind for kind, _ in planned(seen)} == {ASK}
    free = replace(seen, interfaces=callers[1:])
    assert planned(free) == [(ADD, ("subnet-a",)), (REMOVE, ("subnet-ep",))]


@pytest.mark.parametrize("inhabited", [(), ("a", "trap-b")])
def test_one_that_is_alone_in_its_zone_and_shut_keeps_no_endpoint_from_the_others(inhabited: tuple[str, ...]) -> None:
    there = tuple(NetworkInterface(f"eni-{name}", f"subnet-{name}") for name in inhabited)
    assert made(network(there=("a", "trap-b"), behind=shut("trap-b"), interfaces=there)) == ("subnet-a",)


# ---- routes within the VPC


def led_by(target: TargetKind, *, active: bool = True, **more: Any) -> Vpc:
    """Subnet trap-a has a table of its own, which leads to subnet a by something else."""
    own = table("own", route("10.0.0.0/24", target, "eni-9", active=active), subnets=("trap-a",))
    return replace(network("trap-a", "b", behind=shut()), route_tables=(table(), own), **more)


@pytest.mark.parametrize(("target", "active"), [(TargetKind.NETWORK_INTERFACE, True), (TargetKind.OTHER, False)])
def test_it_leaves_an_empty_subnet_whose_routes_lead_answers_elsewhere(target: TargetKind, *, active: bool) -> None:
    seen = led_by(target, active=active)
    assert planned(seen) == [(ADD, ("subnet-a",)), (REMOVE, ("subnet-trap-a",))]
    assert plan(seen).actions[0].reason == "rtb-own leads answers from subnet-trap-a to subnet-a to eni-9"
    assert made(seen) == ("subnet-a", "subnet-trap-b")


def test_where_all_subnets_lead_through_a_machine_it_stays() -> None:
    seen = led_by(TargetKind.NETWORK_INTERFACE)
    through = tuple(route(f"10.0.{n}.0/24", TargetKind.NETWORK_INTERFACE, "eni-9") for n in range(4))
    assert planned(replace(seen, route_tables=(table("main", *through),))) == []


# ---- where it is made


def made(seen: Vpc, **more: Any) -> tuple[str, ...]:
    (action,) = [
        one
        for one in plan(replace(seen, endpoints=()), dns=DnsView(), **more).actions
        if one.kind is ActionKind.CREATE_INTERFACE_ENDPOINT and one.is_planned
    ]
    return action.subnet_ids


@pytest.mark.parametrize("traps", [("trap-a",), ("trap-a", "trap-b")])
def test_one_that_shuts_itself_in_keeps_no_endpoint_from_where_the_others_reach_it(traps: tuple[str, ...]) -> None:
    assert made(network(behind=shut(*traps)))[0] == "subnet-a"
    assert "subnet-trap-a" not in made(network(there=("trap-a", "a"), behind=shut(*traps[:1])))


def test_however_many_shut_themselves_in_it_is_made_where_somebody_is() -> None:
    assert made(many(is_inhabited=True)) == ("subnet-a", "subnet-b")


def test_however_many_are_shut_with_somebody_in_them_it_is_made_where_the_others_reach_it() -> None:
    seen = many(is_inhabited=True)
    callers = tuple(NetworkInterface(f"eni-{one.id}", one.id) for one in seen.subnets)
    assert made(replace(seen, interfaces=callers)) == ("subnet-a", "subnet-b")


def test_what_is_frozen_stays() -> None:
    seen = network("trap-a", "b", behind=shut("trap-a"))
    assert {kind for kind, _ in planned(seen, frozen=frozenset({"monitoring"}))} == {ASK}


# ---- whatever the network is


def drawn(draw: Random) -> Vpc:
    """A network of a few subnets behind ACLs and routes of all kinds, and the endpoint in some of them."""
    zones = ["us-east-1a", "us-east-1b", "us-east-1c"][: draw.randint(1, 3)]
    subnets = [
        subnet(f"s{number}", draw.choice(zones), cidr=f"10.0.{number}.0/24", free=draw.randint(10, 200))
        for number in range(draw.randint(2, 6))
    ]
    only = tuple(replace(one, cidr=draw.choice(subnets).cidr) for one in OPEN)
    kinds = (OPEN, OPEN, (), OPEN[:1], OPEN[1:], only)
    acls = tuple(NetworkAcl(f"acl-{one.id}", frozenset({one.id}), draw.choice(kinds)) for one in subnets)
    by_machine = [one for one in subnets if draw.random() < 0.25]
    tables = [
        RouteTable(f"rtb-{one.id}", is_main=False, subnet_ids=frozenset({one.id}), routes=(LOCAL, away))
        for one in by_machine
        for away in [
            route(draw.choice(subnets).cidr, TargetKind.NETWORK_INTERFACE, "eni-9", active=draw.random() < 0.5)
        ]
    ]
    callers = tuple(NetworkInterface(f"eni-{one.id}", one.id) for one in subnets if draw.random() < 0.4)
    by_zone = {one.zone: one.id for one in draw.sample(subnets, len(subnets))}
    there = replace(endpoint(MONITORING), subnet_ids=frozenset(list(by_zone.values())[: draw.randint(1, 3)]))
    return vpc(*subnets, table(), *tables, own_security_group(), there, network_acls=acls, interfaces=callers)


@pytest.mark.parametrize("seed", range(200))
def test_it_comes_to_rest_and_never_leaves_its_last_subnet(seed: int) -> None:
    draw = Random(seed)  # noqa: S311 - the same each time
    seen, per_zone = drawn(draw), draw.random() < 0.6
    zones = {one.id: one.zone for one in seen.subnets}
    for _ in range(10):
        (there,) = seen.endpoints
        actions = [one for one in plan(seen, per_zone=per_zone, dns=DnsView()).actions if one.is_planned]
        leaving = [one for one in actions if one.kind is REMOVE]
        adding = [one for one in actions if one.kind is ADD]
        if not (leaving or adding):
            return
        left = there.subnet_ids.difference(*(one.subnet_ids for one in leaving))
        if not leaving:  # AWS takes no change while another is on its way
            left = left.union(*(one.subnet_ids for one in adding))
        assert left
        assert len({zones[id_] for id_ in left}) == len(left), "AWS takes one subnet a zone"
        seen = replace(seen, endpoints=(replace(there, subnet_ids=left),))
    pytest.fail("it goes back and forth")
