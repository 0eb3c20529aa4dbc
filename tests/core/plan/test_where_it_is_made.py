"""A new endpoint is placed where the VPC's subnets reach it, whichever subnets somebody makes and shuts."""

from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import (
    AclEntry,
    NetworkAcl,
    NetworkInterface,
    TargetKind,
    Vpc,
)
from lifeline.core.plan.actions import ActionKind
from tests.support.builders import own_security_group, plan, route, subnet, table, vpc

ZONES = {"a": "us-east-1a", "b": "us-east-1b", "trap-a": "us-east-1a", "trap-b": "us-east-1b"}
OPEN = tuple(AclEntry(100, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False))


def shut(*names: str) -> NetworkAcl:
    return NetworkAcl("acl-shut", frozenset(f"subnet-{name}" for name in names), ())


def network(*, there: tuple[str, ...] = ("a", "b", "trap-a", "trap-b"), behind: NetworkAcl, **more: Any) -> Vpc:
    """These subnets, some of them behind the ACL."""
    subnets = [
        subnet(name, ZONES[name], cidr=f"10.0.{number}.0/24", free=250 if name.startswith("trap") else 100)
        for number, name in enumerate(there)
    ]
    rest = NetworkAcl("acl-open", frozenset(one.id for one in subnets) - behind.subnet_ids, OPEN)
    given = {"network_acls": (behind, rest), "interfaces": ()} | more
    return vpc(*subnets, own_security_group(), **given)


def many() -> Vpc:
    """Somebody made more subnets in zone b, and shut them, than are tried."""
    made = [subnet(f"x{n}", ZONES["b"], cidr=f"10.0.{100 + n}.0/24") for n in range(30)]
    there = network(there=("trap-a", "a", "b"), behind=shut("trap-a", *(f"x{n}" for n in range(30))))
    callers = tuple(NetworkInterface(f"eni-{name}", f"subnet-{name}") for name in ("a", "b"))
    return replace(there, subnets=(*there.subnets, *made), interfaces=callers)


def narrow(*, inhabited: tuple[str, ...] = ("a", "app"), reached: tuple[str, ...] = ("ep",), **more: Any) -> Vpc:
    """Subnet ep lets in all but the new one, and whoever is in app reaches these alone."""
    cidrs = {"ep": "10.0.0.0/24", "a": "10.0.1.0/24", "app": "10.0.2.0/24", "b": "10.0.3.0/24", "new": "10.0.9.0/24"}
    subnets = [subnet(name, ZONES["b" if name == "b" else "a"], cidr=cidr, free=100) for name, cidr in cidrs.items()]

    def acl(name: str, *blocks: str) -> NetworkAcl:
        lines = tuple(replace(line, number=n, cidr=one) for n, one in enumerate(blocks, 1) for line in OPEN)
        return NetworkAcl(f"acl-{name}", frozenset({f"subnet-{name}"}), lines)

    acls = (acl("ep", "10.0.0.0/22"), acl("app", *(cidrs[name] for name in reached)))
    rest = NetworkAcl("acl-open", frozenset(one.id for one in subnets) - {"subnet-ep", "subnet-app"}, OPEN)
    there = tuple(NetworkInterface(f"eni-{name}", f"subnet-{name}") for name in inhabited)
    return vpc(*subnets, own_security_group(), network_acls=(*acls, rest), interfaces=there)


def led_by(target: TargetKind, *, active: bool) -> Vpc:
    """Subnet trap-a has a table of its own, which leads to subnet a by something else."""
    own = table("own", route("10.0.0.0/24", target, "eni-9", active=active), subnets=("trap-a",))
    return replace(network(behind=shut()), route_tables=(table(), own))


def made(seen: Vpc) -> tuple[str, ...]:
    (action,) = [
        one
        for one in plan(seen, dns=DnsView()).actions
        if one.kind is ActionKind.CREATE_INTERFACE_ENDPOINT and one.is_planned
    ]
    return action.subnet_ids


@pytest.mark.parametrize("inhabited", [("a", "app"), ("a", "app", "new")])
def test_one_that_is_shut_does_not_bring_it_to_where_others_do_not_reach_it(inhabited: tuple[str, ...]) -> None:
    seen = narrow(reached=("ep", "b"), inhabited=inhabited)
    acls = (*seen.network_acls[:2], shut("new"))
    assert set(made(replace(seen, network_acls=acls))) == {"subnet-ep", "subnet-b"}


@pytest.mark.parametrize("inhabited", [(), ("a", "trap-b")])
def test_one_that_is_alone_in_its_zone_and_shut_keeps_no_endpoint_from_the_others(inhabited: tuple[str, ...]) -> None:
    there = tuple(NetworkInterface(f"eni-{name}", f"subnet-{name}") for name in inhabited)
    assert made(network(there=("a", "trap-b"), behind=shut("trap-b"), interfaces=there)) == ("subnet-a",)


@pytest.mark.parametrize("traps", [("trap-a",), ("trap-a", "trap-b")])
def test_one_that_shuts_itself_in_keeps_no_endpoint_from_where_the_others_reach_it(traps: tuple[str, ...]) -> None:
    assert made(network(behind=shut(*traps)))[0] == "subnet-a"
    assert "subnet-trap-a" not in made(network(there=("trap-a", "a"), behind=shut(*traps[:1])))


def test_however_many_shut_themselves_in_it_is_made_where_somebody_is() -> None:
    assert made(many()) == ("subnet-a", "subnet-b")


def test_however_many_are_shut_with_somebody_in_them_it_is_made_where_the_others_reach_it() -> None:
    seen = many()
    callers = tuple(NetworkInterface(f"eni-{one.id}", one.id) for one in seen.subnets)
    assert made(replace(seen, interfaces=callers)) == ("subnet-a", "subnet-b")


@pytest.mark.parametrize(("target", "active"), [(TargetKind.NETWORK_INTERFACE, True), (TargetKind.OTHER, False)])
def test_nor_does_one_whose_routes_lead_answers_elsewhere(target: TargetKind, *, active: bool) -> None:
    assert made(led_by(target, active=active)) == ("subnet-a", "subnet-trap-b")


def test_whoever_makes_a_subnet_that_is_not_let_in_brings_it_nowhere_else() -> None:
    assert set(made(narrow(reached=("ep", "b")))) == {"subnet-ep", "subnet-b"}
