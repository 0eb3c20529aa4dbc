"""Leases, the shared budget of calls, and what is remembered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lifeline.adapters.store.codec import to_item, to_plain
from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.latest import LatestTimes
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.conflicts import Conflict, Reversal
from lifeline.core.coexist.effects import Effect, EffectKind
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.guards.backlog import Alike, GapSurvey
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind
from lifeline.core.network.model import RegionRef, VpcRef
from lifeline.core.organization.ledger import MemberLedger
from lifeline.core.organization.look import AccountLook
from lifeline.core.plan.endpoint_lifecycle import Made
from tests.support.home import HOME
from tests.support.ledger import delete_expired
from tests.support.world import World, emulated_world

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VPC = HOME.vpc("vpc-0123456789abcdef0")
OTHER = HOME.vpc("vpc-0fedcba9876543210")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


@pytest.fixture
def ledger(world: World) -> VpcStore:
    return VpcStore("ledger")


def lease(ledger: VpcStore, run: str, now: datetime = NOW) -> VpcState | None:
    return ledger.take_lease(VPC, run, now=now, until=now + timedelta(minutes=5))


def save(ledger: VpcStore, ref: VpcRef = VPC, **entries: Any) -> None:
    before = ledger.load(ref)
    ledger.save(ref, before, replace(before, **entries), now=NOW)


def test_one_run_has_a_vpc_at_a_time(ledger: VpcStore) -> None:
    assert lease(ledger, "one") is not None
    assert lease(ledger, "two") is None
    assert lease(ledger, "one") is not None
    ledger.return_lease(VPC, "two")  # not its own
    assert lease(ledger, "two") is None
    ledger.return_lease(VPC, "one")
    assert lease(ledger, "two") is not None


def test_a_lease_that_ran_out_passes_on(ledger: VpcStore) -> None:
    assert lease(ledger, "died") is not None
    assert lease(ledger, "next", NOW + timedelta(minutes=6)) is not None


def test_what_is_remembered_comes_with_the_lease(ledger: VpcStore) -> None:
    state = VpcState(NOW, {"monitoring": Made("vpce-1", NOW)}, {"logs": 1}, notified="abc")
    ledger.save(VPC, VpcState(), state, now=NOW)
    assert ledger.load(VPC) == state
    assert lease(ledger, "one") == state
    assert ledger.load(OTHER) == VpcState()


def test_an_endpoint_that_was_ready_is_remembered_so_and_older_records_are_read(ledger: VpcStore, world: World) -> None:
    made = Made("vpce-1", NOW, is_settled=True, ready_at=NOW + timedelta(seconds=90))
    save(ledger, made={"monitoring": made})
    assert ledger.load(VPC).made == {"monitoring": made}
    old = {"endpoint_id": {"S": "vpce-1"}, "at": {"S": NOW.isoformat()}, "is_settled": {"BOOL": True}}
    key = {"pk": {"S": partition(VPC)}, "sk": {"S": "STATE"}}
    world.dynamodb.put_item(TableName="ledger", Item={**key, "made": {"M": {"monitoring": {"M": old}}}})
    assert ledger.load(VPC).made == {"monitoring": replace(made, ready_at=None)}


def test_since_when_something_is_not_needed_outlasts_what_else_is_remembered(ledger: VpcStore) -> None:
    since = {"vpce-1": NOW, "sg-1": NOW + timedelta(hours=1)}
    save(ledger, unneeded=since)
    save(ledger, notified="x")
    kept = lease(ledger, "one")
    assert kept
    assert (kept.unneeded, kept.notified) == (since, "x")
    assert ledger.load(VPC).unneeded == since


def test_items_from_before_have_nothing_unneeded(ledger: VpcStore) -> None:
    save(ledger, notified="x")
    assert (ledger.load(VPC).unneeded, ledger.load(VPC).released_at) == ({}, None)
    assert ledger.listed(VpcList.RETIRING, HOME) == frozenset()


def test_the_list_names_the_vpcs_that_have_something_unneeded(ledger: VpcStore, world: World) -> None:
    for ref in (VPC, OTHER, VPC):
        save(ledger, ref, unneeded={"vpce-1": NOW})
    assert ledger.listed(VpcList.RETIRING, HOME) == {VPC, OTHER}
    item = world.dynamodb.get_item(TableName="ledger", Key={"pk": {"S": "RETIRING"}, "sk": {"S": "VPCS"}})["Item"]
    assert set(item["vpcs"]["SS"]) == {str(VPC), str(OTHER)}
    save(ledger, unneeded={})
    assert ledger.listed(VpcList.RETIRING, HOME) == {OTHER}
    assert ledger.load(VPC).unneeded == {}
    ledger.unlist(VpcList.RETIRING, OTHER)
    assert ledger.listed(VpcList.RETIRING, HOME) == frozenset()


def test_a_list_shows_a_run_the_vpcs_of_its_own_account_and_region_and_keeps_the_others(ledger: VpcStore) -> None:
    elsewhere = [RegionRef("210987654321", HOME.region), RegionRef(HOME.account, "eu-west-1")]
    for home in (HOME, *elsewhere):
        save(ledger, home.vpc(VPC.vpc_id), unneeded={"vpce-1": NOW})
    assert ledger.listed(VpcList.RETIRING, HOME) == {VPC}
    assert ledger.delete(VPC, now=NOW)
    assert [ledger.listed(VpcList.RETIRING, home) for home in elsewhere] == [
        {home.vpc(VPC.vpc_id)} for home in elsewhere
    ]
    assert ledger.load(elsewhere[0].vpc(VPC.vpc_id)).unneeded == {"vpce-1": NOW}


def test_a_region_is_remembered_apart_from_its_vpcs_and_from_other_regions(ledger: VpcStore) -> None:
    ledger.save(HOME, VpcState(), VpcState(NOW), now=NOW)
    assert ledger.load(HOME).reconciled_at == NOW
    assert ledger.load(VPC) == ledger.load(RegionRef(HOME.account, "eu-west-1")) == VpcState()


def test_a_release_is_remembered_until_somebody_wants_the_vpc_back(ledger: VpcStore) -> None:
    save(ledger, released_at=NOW)
    save(
        ledger,
    )
    assert ledger.load(VPC).released_at == NOW
    save(ledger, released_at=None)
    assert ledger.load(VPC).released_at is None


def test_when_teardowns_were_told_is_remembered_beside_the_rest(ledger: VpcStore) -> None:
    save(ledger, teardowns={"subnet-1 cleared": NOW, "subnet-2 cleared": None})
    save(ledger, notified="x")
    assert ledger.load(VPC).teardowns == {"subnet-1 cleared": NOW, "subnet-2 cleared": None}


def test_a_vpc_that_is_gone_is_forgotten_and_taken_off_the_list(ledger: VpcStore) -> None:
    save(ledger, notified="x", failures={"monitoring": 2})
    save(ledger, unneeded={"vpce-1": NOW})
    assert ledger.delete(VPC, now=NOW)
    assert ledger.load(VPC) == VpcState()
    assert ledger.listed(VpcList.RETIRING, HOME) == frozenset()


def test_nothing_is_forgotten_of_a_vpc_that_another_run_works_on_or_nobody_knows(ledger: VpcStore) -> None:
    assert not ledger.delete(VPC, now=NOW)
    save(ledger, notified="x")
    lease(ledger, "run-1")
    assert not ledger.delete(VPC, now=NOW)
    assert ledger.load(VPC).notified == "x"


# ---- what is frozen, and what others undid


def test_what_is_frozen_comes_back_as_it_was_kept_and_stays_when_the_rest_is_remembered(ledger: VpcStore) -> None:
    frozen = {
        "monitoring": Freeze(FreezeKind.CONFLICT, NOW, "why", "bob", "e-1"),
        EVERYTHING: Freeze(FreezeKind.TEARDOWN, NOW, "why", until=NOW + timedelta(hours=1)),
    }
    save(ledger, frozen=frozen)
    save(ledger, notified="x")
    assert ledger.load(VPC).frozen == frozen
    kept = lease(ledger, "one")
    assert kept
    assert (kept.frozen, kept.notified) == (frozen, "x")


def test_the_list_names_the_vpcs_in_which_something_is_frozen(ledger: VpcStore) -> None:
    for ref in (VPC, OTHER, VPC):
        save(ledger, ref, frozen={"logs": Freeze(FreezeKind.MANUAL, NOW, "why")})
    assert ledger.listed(VpcList.FROZEN, HOME) == {VPC, OTHER}
    save(ledger, frozen={})
    assert ledger.listed(VpcList.FROZEN, HOME) == {OTHER}
    assert ledger.load(VPC).frozen == {}
    ledger.unlist(VpcList.FROZEN, OTHER)
    assert ledger.listed(VpcList.FROZEN, HOME) == frozenset()
    assert ledger.listed(VpcList.RETIRING, HOME) == frozenset()


def test_what_people_unfroze_comes_back_and_stays_when_the_rest_is_remembered(ledger: VpcStore) -> None:
    unfrozen = {"monitoring": NOW, EVERYTHING: NOW + timedelta(hours=1)}
    save(ledger, unfrozen=unfrozen)
    save(ledger, notified="x")
    assert ledger.load(VPC).unfrozen == unfrozen
    save(ledger, unfrozen={})
    assert ledger.load(VPC).unfrozen == {}


def test_fights_come_back_as_they_were_kept(ledger: VpcStore) -> None:
    claims = frozenset({Effect(EffectKind.RULE, "sg-1", "2001:db8::/56"), Effect(EffectKind.GROUP, "sg-1")})
    reversals = (
        Reversal(NOW, EffectKind.RULE, "sg-1", "10.0.0.0/16", NOW, "bob", "e-1", "RevokeSecurityGroupIngress"),
        Reversal(NOW, EffectKind.GROUP, "sg-1"),
    )
    conflicts = {
        "security-group": Conflict(claims, NOW, reversals, is_notified=True),
        "logs": Conflict(reversals=reversals),
    }
    save(ledger, conflicts=conflicts)
    save(ledger, notified="x")
    assert ledger.load(VPC).conflicts == conflicts
    save(ledger, conflicts={})
    assert ledger.load(VPC).conflicts == {}


# ---- what is too large for the state

MANY = {
    f"subnet-{number * 0x9E3779B97F4A7C15 % 2**68:017x} {service}": NOW + timedelta(seconds=number)
    for number in range(10_000)
    for service in ("monitoring", "logs", "ssm")
}


def test_warnings_about_ten_thousand_subnets_are_saved_and_read(ledger: VpcStore) -> None:
    save(ledger, warned=MANY, failures={"monitoring": 1})
    assert ledger.load(VPC).warned == MANY
    assert ledger.load(VPC).failures == {"monitoring": 1}
    leased = lease(ledger, "one")
    assert leased is not None
    assert leased.warned == MANY
    assert ledger.listed(VpcList.RETIRING, HOME) == {VPC}

    fewer = dict(list(MANY.items())[:7_000])
    save(ledger, warned=fewer, warned_before=MANY)
    assert ledger.load(VPC).warned == fewer
    assert ledger.load(VPC).warned_before == MANY
    save(ledger, warned={}, warned_before={"vpce-1": NOW})
    assert ledger.load(VPC) == replace(VpcState(), warned_before={"vpce-1": NOW}, failures={"monitoring": 1})


def test_a_survey_of_a_thousand_subnets_that_tags_make_all_different_fits(ledger: VpcStore, world: World) -> None:
    services = [f"service-{number}" for number in range(250)]
    asked = [frozenset(services[(number * place) % 250] for place in range(60)) for number in range(1, 1_001)]
    subnets = tuple(
        Alike(frozenset({f"subnet-{number:017x}"}), has_way_out=False, asked=some, waiting=some)
        for number, some in enumerate(asked)
    )
    survey = GapSurvey(NOW, NOW, subnets)
    save(ledger, survey=survey)
    assert ledger.load(VPC).survey == survey
    key = {"pk": {"S": partition(VPC)}, "sk": {"S": "STATE"}}
    item = world.dynamodb.get_item(TableName="ledger", Key=key)["Item"]
    assert len(item["survey"]["B"]) < 200_000


def test_a_survey_that_an_earlier_version_saved_is_read(ledger: VpcStore, world: World) -> None:
    survey = GapSurvey(NOW, NOW, (Alike(frozenset({"subnet-1"}), asked=frozenset({"logs"})),))
    item = to_item({"pk": partition(VPC), "sk": "STATE", "survey": to_plain(survey)})
    world.dynamodb.put_item(TableName="ledger", Item=item)
    assert ledger.load(VPC).survey == survey


def test_no_item_of_many_warnings_comes_near_what_dynamodb_takes(ledger: VpcStore, world: World) -> None:
    save(ledger, warned=MANY)
    values = {":pk": {"S": partition(VPC)}}
    found = world.dynamodb.query(
        TableName="ledger", KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values
    )["Items"]
    state = next(item for item in found if item["sk"]["S"] == "STATE")
    assert state["warned"] == {"N": str(len(found) - 1)}
    assert all("expires_at" in item for item in found)
    assert max(len(item["entries"]["B"]) for item in found if "entries" in item) < 200_000


def test_what_is_kept_beside_a_state_is_kept_as_long_as_the_state(ledger: VpcStore, world: World) -> None:
    ledger = ledger.keeping(timedelta(days=30))
    save(ledger, warned=MANY, warned_before=MANY)
    for week in range(1, 9):
        before, now = ledger.load(VPC), NOW + week * timedelta(days=7)
        ledger.save(VPC, before, replace(before, seen_at=now), now=now)
        delete_expired(world.dynamodb, now)
    assert (ledger.load(VPC).warned, ledger.load(VPC).warned_before) == (MANY, MANY)


def test_warnings_that_have_expired_say_nothing(ledger: VpcStore, world: World) -> None:
    save(ledger, warned=MANY)
    key = {"pk": {"S": partition(VPC)}, "sk": {"S": "WARNED#0000"}}
    world.dynamodb.delete_item(TableName="ledger", Key=key)
    left = ledger.load(VPC).warned
    assert 0 < len(left) < len(MANY)
    assert left.items() <= MANY.items()


# ---- all of a hub's accounts


def test_a_hub_reads_the_lists_of_all_its_accounts_at_once_and_mixes_none(ledger: VpcStore) -> None:
    a, b = RegionRef("222222222222", HOME.region), RegionRef("333333333333", HOME.region)
    theirs, same = VpcStore(MemberLedger("ledger", a)), a.vpc(VPC.vpc_id)
    save(ledger, VPC, releasing=NOW)
    save(theirs, same, releasing=NOW)
    found = ledger.listed_in([HOME, a, b], VpcList.RELEASING, HOME)
    assert found == {HOME: {VPC}, a: {same}, b: frozenset()}
    assert not any(ledger.listed_in([HOME, a, b], VpcList.WAITING, HOME).values())


def test_what_a_hub_saw_of_an_account_comes_back_as_it_was(ledger: VpcStore) -> None:
    a = RegionRef("222222222222", HOME.region)
    seen = AccountLook(NOW, 1, 2, 3, 4, 5, endpoints=6, cost_usd=Decimal("43.80"), incidents=0, silent=None)
    ledger.save(a, VpcState(), VpcState(reconciled_at=NOW, look=seen), now=NOW)
    b = RegionRef("333333333333", HOME.region)
    assert ledger.load_all([a, b]) == {a: VpcState(reconciled_at=NOW, look=seen), b: VpcState()}


def test_when_a_region_was_swept_is_read_as_it_is_written(ledger: VpcStore) -> None:
    times = LatestTimes("ledger")
    assert times.reconciled(HOME) is None
    ledger.save(HOME, VpcState(), VpcState(NOW), now=NOW)
    assert times.reconciled(HOME) == ledger.load(HOME).reconciled_at == NOW
    assert times.reconciled(VPC) is None
