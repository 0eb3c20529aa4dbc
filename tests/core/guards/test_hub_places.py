"""Places at a hub that were promised: who was promised one earlier goes first, and none outlives its offer."""

from datetime import UTC, datetime, timedelta

from lifeline.core.guards.hub_places import HubPlaces, count

NOON, HOUR = datetime(2026, 11, 29, 12, tzinfo=UTC), timedelta(hours=1)
A, B = ("111111111111/us-east-1/vpc-a", "111111111111/us-east-1/vpc-b")


def promised(*vpcs: str) -> HubPlaces:
    """Places in Z1 that each VPC was promised an hour after the one before, for a day."""
    places = HubPlaces()
    for number, vpc in enumerate(vpcs):
        at = NOON + number * HOUR
        places = places.noted({vpc: (("Z1",), at + 24 * HOUR)}, {vpc}, now=at)
    return places


def test_who_was_promised_a_place_earlier_goes_first() -> None:
    places = promised(B, A)
    now = NOON + 2 * HOUR
    assert count(places.before(A, now=now)) == {"Z1": 1}
    assert count(places.before(B, now=now)) == {}
    assert count(places.before("somebody else", now=now)) == {"Z1": 2}


def test_a_place_ends_with_its_offer() -> None:
    places, end = promised(B, A), NOON + 24 * HOUR
    assert list(places.before("somebody else", now=end)) == [A]
    assert places.before(A, now=end) == {}
    assert list(places.noted({}, (), now=end).by_vpc) == [A]


def test_who_asks_again_keeps_the_turn_and_who_asks_for_another_place_waits_anew() -> None:
    places, now = promised(B, A), NOON + 3 * HOUR
    again = places.noted({B: (("Z1",), now + 24 * HOUR)}, {B}, now=now)
    assert (again.by_vpc[B].at, again.by_vpc[B].ends_at) == (NOON, now + 24 * HOUR)
    assert again.noted({B: (("Z2",), now + HOUR)}, {B}, now=now).by_vpc[B].at == now


def test_who_asks_no_more_has_no_place() -> None:
    assert list(promised(B, A).noted({}, {A}, now=NOON + 2 * HOUR).by_vpc) == [B]
