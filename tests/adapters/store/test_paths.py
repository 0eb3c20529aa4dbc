"""The known paths in the ledger."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from lifeline.adapters.store.codec import pack
from lifeline.adapters.store.paths import PathStore
from lifeline.core.guards.urgency import KnownPath, KnownVpc
from tests.support.agents import create_table
from tests.support.emulator import emulated_aws

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KNOWN = {"vpc-1": KnownVpc(NOW, {"subnet-1": KnownPath(NOW), "monitoring": KnownPath(NOW, NOW)})}
SHUT = {"vpc-1": replace(KNOWN["vpc-1"], shut={"monitoring": {"subnet-2": NOW}})}
KEY = {"pk": {"S": "PATHS"}, "sk": {"S": "KNOWN"}}


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
    dynamodb.put_item(TableName="ledger", Item={**KEY, "vpcs": {"B": older}, "revision": {"N": "3"}})
    assert PathStore("ledger", dynamodb).read() == {"vpc-1": KnownVpc(NOW, {"monitoring": KnownPath(NOW)})}


def test_what_stays_the_same_is_not_written(dynamodb: Any) -> None:
    store = PathStore("ledger", dynamodb)
    store.change(lambda _: KNOWN)
    store.change(dict)
    assert dynamodb.get_item(TableName="ledger", Key=KEY)["Item"]["revision"] == {"N": "1"}


def test_a_run_that_was_faster_is_built_upon(dynamodb: Any) -> None:
    store, other = PathStore("ledger", dynamodb), PathStore("ledger", dynamodb)
    faster = {"vpc-2": KnownVpc(NOW)}

    def note(known: Any) -> Any:
        if not known:
            other.change(lambda _: faster)
        return {**known, **KNOWN}

    assert store.change(note) == {**KNOWN, **faster} == store.read()


def test_what_can_not_be_understood_is_learnt_anew(dynamodb: Any) -> None:
    dynamodb.put_item(TableName="ledger", Item={**KEY, "vpcs": {"B": b"damaged"}, "revision": {"N": "3"}})
    store = PathStore("ledger", dynamodb)
    assert store.read() == {}
    assert store.change(lambda _: KNOWN) == KNOWN == store.read()


def test_ten_thousand_subnets_fit_into_the_item(dynamodb: Any) -> None:
    paths = {f"subnet-{number * 0x9E3779B97F4A7C15 % 2**68:017x}": KnownPath(NOW) for number in range(10_000)}
    store = PathStore("ledger", dynamodb)
    names = list(paths)
    homes = {  # as many VPCs as there may be, with every subnet kept from a service that is known there
        f"vpc-{number}": KnownVpc(
            NOW,
            {"monitoring": KnownPath(NOW), **{name: paths[name] for name in names[number::50]}},
            {"monitoring": dict.fromkeys(names[number::50], NOW)},
        )
        for number in range(50)
    }
    store.change(lambda _: homes)
    size = len(dynamodb.get_item(TableName="ledger", Key=KEY)["Item"]["vpcs"]["B"])
    assert size < 400_000  # DynamoDB guide: the largest item has 400 KB
