"""The known tags in the ledger."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from lifeline.adapters.store.requiring_tags import TagStore
from tests.support.agents import create_table
from tests.support.emulator import emulated_aws

KNOWN = {"vpc-1": {"vpc-1": (("env", "prod"), ("lifeline:require", "logs")), "subnet-1": (("tier", "app"),)}}
KEY = {"pk": {"S": "TAGS"}, "sk": {"S": "KNOWN"}}


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with emulated_aws():
        create_table()
        yield boto3.client("dynamodb", region_name="us-east-1")


def test_what_is_noted_is_known_to_the_next_run(dynamodb: Any) -> None:
    store = TagStore("ledger", dynamodb)
    assert store.change(dict) == {}
    assert store.change(lambda _: KNOWN) == KNOWN
    assert store.change(dict) == KNOWN


def test_what_stays_the_same_is_not_written(dynamodb: Any) -> None:
    store = TagStore("ledger", dynamodb)
    assert store.change(dict) == {}
    assert "Item" not in dynamodb.get_item(TableName="ledger", Key=KEY)
    store.change(lambda _: KNOWN)
    store.change(dict)
    assert dynamodb.get_item(TableName="ledger", Key=KEY)["Item"]["revision"] == {"N": "1"}


def test_a_run_that_was_faster_is_built_upon(dynamodb: Any) -> None:
    store, other = TagStore("ledger", dynamodb), TagStore("ledger", dynamodb)
    faster = {"vpc-2": {"vpc-2": (("env", "prod"),)}}

    def note(known: Any) -> Any:
        if not known:
            other.change(lambda _: faster)
        return {**known, **KNOWN}

    assert store.change(note) == {**KNOWN, **faster}


@pytest.mark.parametrize("damaged", [b"damaged", b"x\x9c\x8b\x8e\x05\x00\x01\x15\x00\xb9"])
def test_what_can_not_be_understood_is_learnt_anew(dynamodb: Any, damaged: bytes) -> None:
    dynamodb.put_item(TableName="ledger", Item={**KEY, "vpcs": {"B": damaged}, "revision": {"N": "3"}})
    store = TagStore("ledger", dynamodb)
    assert store.change(lambda _: KNOWN) == KNOWN


def test_ten_thousand_tagged_subnets_fit_into_the_item(dynamodb: Any) -> None:
    ids = (f"subnet-{number * 0x9E3779B97F4A7C15 % 2**68:017x}" for number in range(10_000))
    TagStore("ledger", dynamodb).change(lambda _: {"vpc-1": dict.fromkeys(ids, (("tier", "app"),))})
    size = len(dynamodb.get_item(TableName="ledger", Key=KEY)["Item"]["vpcs"]["B"])
    assert size < 400_000  # DynamoDB guide: the largest item has 400 KB
