"""Routes that were cut and put back, and those that only went with their table."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.look_back.cuts import Cuts, find_cuts
from lifeline.core.look_back.past_change import PastChange, RouteCall, in_order

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
TABLE, OTHER, VPC = "rtb-0aaaaaaaaaaaaaaa1", "rtb-0aaaaaaaaaaaaaaa2", "vpc-0aaaaaaaaaaaaaaa1"
NAT, NAT_2, IGW = "nat-0aaaaaaaaaaaaaaa1", "nat-0aaaaaaaaaaaaaaa2", "igw-0aaaaaaaaaaaaaaa1"


def call(minute: float, name: str, *ids: str) -> PastChange:
    at = START + timedelta(minutes=minute)
    return PastChange(at, f"{minute:09.3f}-{name}", name, actor="ops/dana", ids=frozenset(ids))


def route(minute: float, name: str, target: str = "", *, to: str = "0.0.0.0/0", table: str = TABLE) -> PastChange:
    change = call(minute, name, table)
    return PastChange(
        change.at, change.event_id + table, name, actor="ops/dana", ids=change.ids, route=RouteCall(table, to, target)
    )


def cuts(*changes: PastChange, tables_now: Sequence[str] | None = None) -> Cuts:
    return find_cuts(in_order(changes), tables_now)


def told(found: Cuts) -> tuple[list[float], int, int]:
    """The minutes of those put back, the teardowns, and those that weren't put back."""
    minutes = [cut.length / timedelta(minutes=1) for cut in found.put_back if cut.length is not None]
    return minutes, found.teardowns, len(found.left)


def test_a_route_that_is_deleted_and_made_again_was_cut_meanwhile() -> None:
    found = cuts(route(0, "DeleteRoute"), route(12, "CreateRoute", NAT))
    assert told(found) == ([12], 0, 0)
    (cut,) = found.put_back
    assert (cut.route.table_id, cut.route.destination, cut.after) == (TABLE, "0.0.0.0/0", NAT)


@pytest.mark.parametrize("minutes", [0, 0.03, 16, 60 * 24 * 30])
def test_a_table_that_is_deleted_later_makes_it_a_teardown(minutes: float) -> None:
    found = cuts(route(0, "DeleteRoute"), call(minutes, "DeleteRouteTable", TABLE))
    assert told(found) == ([], 1, 0)


def test_a_vpc_that_is_deleted_later_takes_its_tables_with_it() -> None:
    made = call(-60, "CreateRouteTable", VPC, TABLE)
    assert told(cuts(made, route(0, "DeleteRoute"), call(5, "DeleteVpc", VPC))) == ([], 1, 0)


def test_a_table_that_is_gone_by_now_makes_it_a_teardown_too() -> None:
    assert told(cuts(route(0, "DeleteRoute"), tables_now=[OTHER])) == ([], 1, 0)
    assert told(cuts(route(0, "DeleteRoute"), tables_now=[TABLE])) == ([], 0, 1)


def test_a_table_that_was_deleted_before_was_another_one() -> None:
    assert told(cuts(call(-5, "DeleteRouteTable", TABLE), route(0, "DeleteRoute"))) == ([], 0, 1)


def test_a_cut_that_was_put_back_stays_one_though_its_table_is_deleted_weeks_later() -> None:
    found = cuts(
        route(0, "DeleteRoute"),
        route(12, "CreateRoute", NAT),
        route(30_000, "DeleteRoute"),
        call(30_000.1, "DeleteRouteTable", TABLE),
    )
    assert told(found) == ([12], 1, 0)


def test_another_tables_deletion_says_nothing() -> None:
    assert told(cuts(route(0, "DeleteRoute"), call(1, "DeleteRouteTable", OTHER))) == ([], 0, 1)


@pytest.mark.parametrize(
    "other",
    [route(5, "CreateRoute", NAT, table=OTHER), route(5, "CreateRoute", NAT, to="::/0")],
)
def test_only_the_same_route_puts_it_back(other: PastChange) -> None:
    assert told(cuts(route(0, "DeleteRoute"), other)) == ([], 0, 1)


def test_a_route_of_public_subnets_isnt_one_of_private_ones() -> None:
    assert told(cuts(route(0, "DeleteRoute"), route(5, "CreateRoute", IGW))) == ([], 0, 0)
    led = route(-9, "CreateRoute", IGW)
    assert told(cuts(led, route(0, "DeleteRoute"), call(1, "DeleteRouteTable", TABLE))) == ([], 0, 0)


def test_a_route_to_private_addresses_is_no_way_out() -> None:
    changes = (route(0, "DeleteRoute", to="10.2.0.0/16"), route(5, "CreateRoute", NAT, to="10.2.0.0/16"))
    assert told(cuts(*changes)) == ([], 0, 0)


def test_each_cut_of_a_route_counts() -> None:
    found = cuts(
        route(0, "DeleteRoute"),
        route(5, "CreateRoute", NAT),
        route(60, "DeleteRoute"),
        route(61, "CreateRoute", NAT_2),
    )
    assert told(found) == ([5, 1], 0, 0)
    assert [cut.before for cut in found.put_back] == ["", NAT]


def test_a_route_that_leads_to_another_way_out_for_a_while_is_counted_apart_and_not_cut() -> None:
    away = (route(0, "ReplaceRoute", NAT_2), route(7, "ReplaceRoute", NAT))
    found = cuts(route(-9, "CreateRoute", NAT), *away)
    assert (told(found), found.led_elsewhere) == (([], 0, 0), 1)
    assert cuts(*away).led_elsewhere == 0  # where it led before isn't on record
    moved = cuts(route(-9, "CreateRoute", NAT), away[0])
    assert (told(moved), moved.led_elsewhere) == (([], 0, 0), 0)  # a move, as far as anybody knows


def test_a_route_that_led_elsewhere_and_was_then_deleted_is_cut_from_there() -> None:
    found = cuts(
        route(-9, "CreateRoute", NAT),
        route(0, "ReplaceRoute", NAT_2),
        route(7, "DeleteRoute"),
        route(9, "CreateRoute", NAT_2),
    )
    assert told(found) == ([2], 0, 0)


def test_a_second_deletion_shows_that_a_record_is_missing() -> None:
    found = cuts(route(0, "DeleteRoute"), route(60, "DeleteRoute"), route(61, "CreateRoute", NAT))
    assert told(found) == ([1], 0, 1)
