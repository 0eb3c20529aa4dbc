"""One item of the ledger that can't be understood, whoever wrote it, costs its own VPC or resource and nobody else."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.adapters.store.vpcs import VpcStore
from tests.support.days import HOUR, Days
from tests.support.home import HOME
from tests.support.world import ACCOUNT, REGION, emulated_world, flat

STRANGE: list[dict[str, Any]] = [{"S": "?"}, {"L": [{"N": "7"}]}, {"M": {"x": {"L": []}}}, {"BOOL": True}, {"B": b"?"}]
FOUND_ANEW = ("reconciled_at", "notified", "lacking", "told_at", "denied", "awaited", "awaited_told")


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


def home(days: Days) -> tuple[str, str]:
    """A VPC with a subnet that misses what it requires."""
    vpc_id = days.world.make_vpc()
    return vpc_id, days.world.make_subnet(vpc_id)


def spoil(days: Days, pk: str, sk: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Writes these into the item, as another version might have."""
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    item = {**days.world.dynamodb.get_item(TableName="ledger", Key=key).get("Item", key), **attributes}
    days.world.dynamodb.put_item(TableName="ledger", Item=item)
    return item


def state_of(vpc_id: str) -> tuple[str, str]:
    return f"VPC#{ACCOUNT}#{REGION}#{vpc_id}", "STATE"


@pytest.mark.parametrize("strange", STRANGE[1:], ids=str)
@pytest.mark.parametrize("name", ["made", "frozen", "conflicts", "survey", "released_at", "warned"])
def test_where_a_state_cannot_be_read_nothing_is_changed_there_and_others_are_served(
    days: Days, name: str, strange: dict[str, Any]
) -> None:
    (spoilt, _), (other, _) = home(days), home(days)
    written = spoil(days, *state_of(spoilt), {name: strange})
    for _ in range(2):
        days.sweeps(1)
    assert (len(days.live(spoilt)), len(days.live(other))) == (0, 1)
    after = spoil(days, *state_of(spoilt), {})
    assert after[name] == written[name], "nothing of it is lost"
    said = [text for text in days.texts() if f"can't be read ({name})" in flat(text)]
    assert len(said) == 1
    assert spoilt in said[0]
    del after[name]
    days.world.dynamodb.put_item(TableName="ledger", Item=after)
    days.sweeps(1)
    assert len(days.live(spoilt)) == 1, "once it is mended, it is served"


def test_where_a_state_cannot_be_read_nothing_is_removed_either(days: Days) -> None:
    vpc_id, _ = home(days)
    days.sweeps(1)
    spoil(days, *state_of(vpc_id), {"canaries": {"S": "?"}})
    assert days.call({"release": True, "vpc_ids": [vpc_id]})["vpcs"][0]["actions"][0]["status"] == "blocked"
    days.sweeps(2)
    assert len(days.live(vpc_id)) == 1


@pytest.mark.parametrize("name", FOUND_ANEW)
def test_what_the_next_run_finds_out_anew_holds_nothing_back(days: Days, name: str) -> None:
    vpc_id, _ = home(days)
    spoil(days, *state_of(vpc_id), {name: {"L": [{"N": "7"}]}})
    days.sweeps(1)
    assert len(days.live(vpc_id)) == 1
    assert not VpcStore("ledger").load(HOME.vpc(vpc_id)).unread


def test_a_lease_that_is_no_time_keeps_nobody_out(days: Days) -> None:
    vpc_id, _ = home(days)
    spoil(days, *state_of(vpc_id), {"lease_run": {"S": "x"}, "lease_until": {"S": "9999"}})
    days.sweeps(1)
    assert len(days.live(vpc_id)) == 1


@pytest.mark.parametrize("spoilt", [{"at": {"S": "?"}}, {"vpc_id": {"N": "1"}}, {"at": {"NULL": True}}], ids=str)
def test_what_has_a_record_that_cannot_be_read_is_left_alone_counts_and_is_asked_about(
    days: Days, spoilt: dict[str, Any]
) -> None:
    (vpc_id, subnet_id), (other, _) = home(days), home(days)
    days.look(vpc_id)
    days.clock.advance(HOUR)
    (endpoint_id,) = days.live(vpc_id)
    region = f"REGION#{ACCOUNT}#{REGION}"
    spoil(days, region, f"OWNED#{endpoint_id}", spoilt)
    days.world.ec2.create_tags(Resources=[subnet_id], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
    days.sweeps(100, every=8)
    assert days.live(vpc_id) == [endpoint_id]
    assert len(days.live(other)) == 1
    asked = [text for text in days.texts() if "record of it can't be read" in flat(text)]
    assert 1 <= len(asked) <= 2, "once, and once more when its group isn't needed any more either"
    assert f'{{"adopt": ["{endpoint_id}"]}}' in flat(asked[0])
    assert LimitUsage("ledger").read().interfaces == {vpc_id: 1, other: 1}
    assert "errors" in days.call({"hand_over": [endpoint_id]})
    assert "errors" not in days.call({"adopt": [endpoint_id]})
    days.sweeps(100, every=8)
    assert days.live(vpc_id) == [], "once it is mended, what isn't required is deleted as ever"


def test_an_entry_of_a_list_that_names_no_vpc_is_passed_over(days: Days) -> None:
    vpc_id, _ = home(days)
    for pk in ("RETIRING", "FROZEN", "CLAIMED", "AUTHORIZED", "WAITING", "RELEASING"):
        spoil(days, pk, "VPCS", {"vpcs": {"SS": ["?", f"{ACCOUNT}/{REGION}/vpc-0"]}})
    days.sweeps(1)
    assert len(days.live(vpc_id)) == 1
