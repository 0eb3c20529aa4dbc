"""In which subnets an interface endpoint gets its interfaces, and with which addresses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.core.network.model import EndpointType, SeenTier, Service, Subnet, Tier, UnsureTier
from lifeline.core.plan.placement import can_hold_interface, full_lately, place_interfaces
from tests.support.builders import vpc

US, OTHERS = "123456789012", "999999999999"
SERVICE = Service("com.amazonaws.us-east-1.logs", EndpointType.INTERFACE, frozenset({"az1", "az2", "az3"}))
BOTH = replace(SERVICE, ip_address_types=frozenset({"ipv4", "ipv6"}))
SIX = "2001:db8::/64"


def home(name: str = "a", zone: str = "1", **more: Any) -> Subnet:
    return replace(Subnet(f"subnet-{name}", zone, f"az{zone}", cidr="10.0.1.0/24", free_addresses=100), **more)


def six(name: str = "six", zone: str = "1", **more: Any) -> Subnet:
    return home(name, zone, cidr="", ipv6_cidrs=(SIX,), free_addresses=0, **more)


def dual(name: str = "dual", zone: str = "1", **more: Any) -> Subnet:
    return home(name, zone, ipv6_cidrs=(SIX,), **more)


@pytest.mark.parametrize(
    ("subnet", "can"),
    [
        (home(), True),
        (home(zone_type="local-zone"), False),
        (home(zone_type="wavelength-zone"), False),
        (home(outpost_arn="arn:aws:outposts:us-east-1:123456789012:outpost/op-1"), False),
        (home(state="pending"), False),
        (home(free_addresses=4), True),
        (home(free_addresses=3), False),
        (dual(free_addresses=3), False),
        (six(), True),
        (home(owner_id=US), True),
        (home(owner_id=OTHERS), False),
        (home(zone="4"), False),
    ],
)
def test_an_interface_takes_a_subnet_of_the_account_in_a_zone_of_the_service_with_four_free_addresses(
    subnet: Subnet, can: bool
) -> None:
    assert can_hold_interface(subnet, SERVICE, US) is can


def test_whose_a_subnet_is_only_matters_where_both_are_known() -> None:
    assert can_hold_interface(home(owner_id=OTHERS), SERVICE, "")
    assert can_hold_interface(home(owner_id=""), SERVICE, US)


def placed(
    *subnets: Subnet,
    clients: tuple[Subnet, ...] = (),
    tiers: dict[str, SeenTier] | None = None,
    service: Service = SERVICE,
    **more: Any,
) -> tuple[list[str], str]:
    found = dict.fromkeys((subnet.id for subnet in subnets), Tier.ISOLATED) if tiers is None else tiers
    given = {"per_zone": True, **more}
    placement = place_interfaces(service, clients or subnets, vpc(*subnets), found, **given)
    return [subnet.id.removeprefix("subnet-") for subnet in placement.subnets], placement.ip_address_type


def test_each_zone_with_clients_gets_one_interface_or_only_the_best_zone() -> None:
    there = (home("a"), home("b", "2", free_addresses=200), home("c", "3"))
    assert placed(*there)[0] == ["a", "b", "c"]
    assert placed(*there, clients=there[::2])[0] == ["a", "c"]
    assert placed(*there, per_zone=False)[0] == ["b"]
    assert placed(*there, avoid={"subnet-b"}, per_zone=False)[0] == ["a"]


def test_where_no_zone_of_the_clients_can_the_best_other_one_does() -> None:
    full = home("a", free_addresses=0)
    assert placed(full, home("b", "2"), home("c", "3", free_addresses=200), clients=(full,))[0] == ["c"]
    assert placed(full, clients=(full,))[0] == []


def test_what_ec2_refused_is_tried_again_only_where_nothing_else_is_left_in_its_turn() -> None:
    here = (home("a", free_addresses=200), home("a2"), home("b", "2"))
    for full, found in (
        (("subnet-a",), ["a2", "b"]),
        (("subnet-b",), ["a", "b"]),  # its zone has no other
        (("subnet-a2", "subnet-a"), ["a2", "b"]),
        (("subnet-a", "subnet-a2"), ["a", "b"]),
        (("subnet-b", "subnet-a", "subnet-a2"), ["a", "b"]),
    ):
        assert placed(*here, full=full)[0] == found
    assert placed(*here, full=("subnet-a", "subnet-a2"), per_zone=False)[0] == ["b"]
    public: dict[str, SeenTier] = {"subnet-a": Tier.ISOLATED, "subnet-a2": Tier.PUBLIC, "subnet-b": Tier.PUBLIC}
    assert placed(*here, tiers=public, full=("subnet-a",))[0] == ["a2", "b"]


def test_where_ec2_refused_all_zones_of_the_clients_the_best_other_one_does() -> None:
    client, others = home("a"), (home("b", "2"), home("c", "3", free_addresses=200))
    for full, found in (
        ((), ["a"]),
        (("subnet-a",), ["c"]),
        (("subnet-a", "subnet-c"), ["b"]),
        (("subnet-c", "subnet-b", "subnet-a"), ["a"]),  # all are full: there may be room by now
    ):
        assert placed(client, *others, clients=(client,), full=full)[0] == found
    assert placed(client, *others, clients=(client,), full=("subnet-a",), kind="ipv4", per_zone=False)[0] == ["c"]
    without = replace(client, free_addresses=0)
    assert placed(without, *others, clients=(without,), full=("subnet-b", "subnet-c"))[0] == ["b"]


def test_of_one_that_is_there_the_zones_of_the_clients_are_tried_again() -> None:
    client, other = home("a"), home("b", "2")
    assert placed(client, other, clients=(client,), full=("subnet-a",), kind="ipv4")[0] == ["a"]
    without = replace(client, free_addresses=0)
    assert placed(without, other, clients=(without,), full=("subnet-b",), kind="ipv4")[0] == ["b"]


def test_a_refusal_counts_for_three_days_and_the_oldest_comes_first() -> None:
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    ages = {"b": timedelta(hours=1), "a": timedelta(hours=2), "old": timedelta(days=3)}
    full = {id_: now - age for id_, age in ages.items()}
    assert full_lately(full, now=now) == ("a", "b")
    assert full_lately(full, now=now - timedelta(seconds=1)) == ("old", "a", "b")


def test_of_a_zones_subnets_the_most_private_one_goes_first_then_the_one_with_most_room_then_the_first() -> None:
    order: list[SeenTier] = [Tier.ISOLATED, UnsureTier.NOT_PUBLIC, Tier.EGRESS, UnsureTier.UNKNOWN, Tier.PUBLIC]
    there = [home(f"{place}", free_addresses=100 + place) for place in range(5)]
    for first in range(5):
        tiers = {subnet.id: tier for subnet, tier in zip(there[first:], order[first:], strict=True)}
        assert placed(*there, tiers=tiers)[0] == [str(first)]
    assert placed(home("a"), home("b", free_addresses=101))[0] == ["b"]
    assert placed(home("b"), home("a"))[0] == ["a"]


@pytest.mark.parametrize(
    ("clients", "service", "found"),
    [
        ((home(),), BOTH, (["a"], "ipv4")),
        ((dual(),), BOTH, (["dual"], "ipv4")),
        ((six(),), BOTH, (["six"], "ipv6")),
        ((six(),), SERVICE, ([], "ipv4")),
        ((six(), home()), BOTH, (["a"], "ipv4")),  # no subnet has both
        ((six(), home(), dual()), BOTH, (["dual"], "dualstack")),
        ((six(), home(), dual()), SERVICE, (["a"], "ipv4")),
    ],
)
def test_the_addresses_are_those_by_which_most_clients_reach_it(
    clients: tuple[Subnet, ...], service: Service, found: tuple[list[str], str]
) -> None:
    assert placed(*clients, service=service) == found


def test_for_clients_with_ipv6_alone_a_subnet_with_both_will_do() -> None:
    outside = six(zone_type="local-zone")
    assert placed(outside, dual(), home("b", "2"), clients=(outside,), service=BOTH) == (["dual"], "dualstack")
    assert placed(outside, home(), clients=(outside,), service=BOTH) == ([], "dualstack")
    without = replace(six("none", "2"), ipv6_cidrs=())
    assert placed(without, six(), clients=(six(),), service=BOTH) == (["six"], "ipv6")


def test_one_that_is_there_keeps_its_kind_of_addresses() -> None:
    assert placed(home(), dual("b", "2"), kind="dualstack", service=BOTH) == (["b"], "dualstack")
