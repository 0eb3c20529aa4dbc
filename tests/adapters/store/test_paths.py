"""The known paths in the ledger."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.store.codec import pack
from lifeline.adapters.store.paths import PathStore
from lifeline.core.errors import TransientError
from lifeline.core.guards.urgency import KnownPath, KnownVpc
from tests.support.agents import create_table, items_of
from tests.support.counting import counted_calls
from tests.support.emulator import emulated_aws

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KNOWN = {"vpc-1": KnownVpc(NOW, {"subnet-1": KnownPath(NOW), "monitoring": KnownPath(NOW, NOW)})}
SHUT = {"vpc-1": replace(KNOWN["vpc-1"], shut={"monitoring": {"subnet-2": NOW}})}
OLD_KEY = {"pk": {"S": "PATHS"}, "sk": {"S": "KNOWN"}}  # where earlier versions wrote all of it


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with emulated_aws():
        create_table()
        yield boto3.client("dynamodb", region_name="us-east-1")


def test_what_is_noted_is_read_again(dynamodb: Any) -> None:
    store = PathStore("ledger", dynamodb)
    assert store.read() == {}
    assert store.change(lambda _: KNOWN) == KNOWN
    assert store.read() == KNOWN
    assert store.change(lambda _: SHUT) == SHUT == store.read()


def test_what_an_older_version_noted_is_read_on(dynamodb: Any) -> None:
    paths = {"monitoring": {"since": NOW.isoformat()}}
    older = pack({"vpc-1": {"since": NOW.isoformat(), "paths": paths}})
    dynamodb.put_item(TableName="ledger", Item={**OLD_KEY, "vpcs": {"B": older}, "revision": {"N": "3"}})
    known, store = {"vpc-1": KnownVpc(NOW, {"monitoring": KnownPath(NOW)})}, PathStore("ledger", dynamodb)
    assert store.read() == known
    assert store.change(dict) == known == store.read()
    assert [item["sk"]["S"] for item in items_of(dynamodb, "PATHS")] == ["KNOWN#02"], "it has moved"
    assert store.change(lambda _: {}) == {} == store.read(), "and what is forgotten doesn't come back"


def test_what_an_older_version_writes_during_a_deployment_adds_to_what_is_known(dynamodb: Any) -> None:
    store = PathStore("ledger", dynamodb)
    store.change(lambda _: KNOWN)
    older = pack({"vpc-1": KnownVpc(NOW), "vpc-2": KnownVpc(NOW)})
    dynamodb.put_item(TableName="ledger", Item={**OLD_KEY, "vpcs": {"B": older}, "revision": {"N": "1"}})
    both = {**KNOWN, "vpc-2": KnownVpc(NOW)}
    assert store.read() == both == store.change(dict) == store.read()


def test_a_move_that_stopped_halfway_loses_nothing(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    older = {f"vpc-{number}": KnownVpc(NOW, {"monitoring": KnownPath(NOW)}) for number in range(20)}
    dynamodb.put_item(TableName="ledger", Item={**OLD_KEY, "vpcs": {"B": pack(older)}, "revision": {"N": "3"}})
    store, put_item = PathStore("ledger", dynamodb), dynamodb.put_item
    puts = count(1)

    def fail(**request: Any) -> Any:
        if next(puts) > 5:
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "PutItem")
        return put_item(**request)

    monkeypatch.setattr(dynamodb, "put_item", fail)
    with pytest.raises(TransientError):
        store.change(dict)
    monkeypatch.undo()
    assert store.read() == older == store.change(dict) == store.read()


def test_what_stays_the_same_is_not_written(dynamodb: Any) -> None:
    store = PathStore("ledger", dynamodb)
    store.change(lambda _: KNOWN)
    store.change(dict)
    assert [item["revision"] for item in items_of(dynamodb, "PATHS")] == [{"N": "1"}]


@pytest.mark.parametrize("vpc_id", ["vpc-1", "vpc-2"], ids=["the same item", "another one"])
def test_a_run_that_was_faster_is_built_upon(dynamodb: Any, vpc_id: str) -> None:
    store, other = PathStore("ledger", dynamodb), PathStore("ledger", dynamodb)
    faster = {vpc_id: KnownVpc(NOW, {"logs": KnownPath(NOW)})}
    seen: list[Any] = []

    def note(known: Any) -> Any:
        seen.append(known)
        if len(seen) == 1:
            other.change(lambda _: faster)
        return {**KNOWN, **known}

    store.change(note)
    assert store.read() == {**KNOWN, **faster}


def test_of_what_can_not_be_understood_only_that_item_is_learnt_anew(dynamodb: Any) -> None:
    store = PathStore("ledger", dynamodb)
    many = {f"vpc-{number}": KnownVpc(NOW) for number in range(20)}
    store.change(lambda _: many)
    first, *_ = items_of(dynamodb, "PATHS")
    dynamodb.put_item(TableName="ledger", Item={**first, "vpcs": {"B": b"damaged"}})
    left = store.read()
    assert len(many) - 5 < len(left) < len(many)
    assert store.change(lambda _: many) == many == store.read()


def test_a_thousand_vpcs_of_two_hundred_subnets_fit(dynamodb: Any) -> None:
    """Ten times a large region, with every subnet kept from a service that is known there."""
    ids = (f"subnet-{number * 0x9E3779B97F4A7C15 % 2**68:017x}" for number in range(200_000))
    seen = (NOW + timedelta(microseconds=number * 7919) for number in range(200_000))
    subnets = list(zip(ids, seen, strict=True))
    known = {
        f"vpc-{number * 0x9E3779B97F4A7C15 % 2**68:017x}": KnownVpc(
            NOW,
            {"monitoring": KnownPath(NOW), **{name: KnownPath(at) for name, at in subnets[number::1000]}},
            {"monitoring": dict(subnets[number::1000])},
        )
        for number in range(1_000)
    }
    store = PathStore("ledger", dynamodb)
    assert store.change(lambda _: known) == known == store.read()
    sizes = [len(item["vpcs"]["B"]) for item in items_of(dynamodb, "PATHS")]
    assert sum(sizes) > 4_000_000  # one item couldn't have it all …
    assert max(sizes) < 200_000  # … and these have room (DynamoDB guide: an item has 400 KB at most)
    (changed, one), *_ = known.items()
    with counted_calls() as calls:
        store.change(lambda before: {**before, changed: replace(one, paths={})})
    assert calls["dynamodb:PutItem"] == 1
