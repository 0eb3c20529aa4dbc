"""The known tags in the ledger."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from lifeline.adapters.store.requiring_tags import TagStore
from tests.support.agents import create_table, items_of
from tests.support.emulator import emulated_aws

KNOWN = {"vpc-1": {"vpc-1": (("env", "prod"), ("lifeline:require", "logs")), "subnet-1": (("tier", "app"),)}}
SERVICES = [f"service-{number}" for number in range(400)]
MANY = {
    "vpc-1": {
        f"subnet-{number * 0x9E3779B97F4A7C15 % 2**68:017x}": tuple(
            ("lifeline:require", SERVICES[number * step % 397]) for step in range(1, 20)
        )
        for number in range(10_000)
    }
}


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
    assert items_of(dynamodb, "TAGS") == []
    store.change(lambda _: KNOWN)
    written = items_of(dynamodb, "TAGS")
    store.change(dict)
    assert items_of(dynamodb, "TAGS") == written


def test_only_the_items_of_what_changed_are_written(dynamodb: Any) -> None:
    store = TagStore("ledger", dynamodb)
    store.change(lambda _: MANY)
    before = {item["sk"]["S"]: item for item in items_of(dynamodb, "TAGS")}
    (changed, *_) = MANY["vpc-1"]
    after = {"vpc-1": {**MANY["vpc-1"], changed: (("tier", "web"),)}}
    assert store.change(lambda _: after) == after
    written = [item["sk"]["S"] for item in items_of(dynamodb, "TAGS") if item != before[item["sk"]["S"]]]
    assert len(written) == 1
    assert store.change(dict) == after


def test_a_run_that_was_faster_is_built_upon(dynamodb: Any) -> None:
    store, other = TagStore("ledger", dynamodb), TagStore("ledger", dynamodb)
    faster = {"vpc-1": {"vpc-1": (("env", "dev"),)}, "vpc-2": {"vpc-2": (("env", "prod"),)}}
    seen: list[Any] = []

    def note(known: Any) -> Any:
        seen.append(known)
        if len(seen) == 1:
            other.change(lambda _: faster)
        return {**known, **KNOWN}

    assert store.change(note) == {**faster, **KNOWN}
    assert seen == [{}, faster]
    assert store.change(dict) == {**faster, **KNOWN}


@pytest.mark.parametrize("damaged", [b"damaged", b"x\x9c\x8b\x8e\x05\x00\x01\x15\x00\xb9"])
def test_what_can_not_be_understood_is_learnt_anew(dynamodb: Any, damaged: bytes) -> None:
    store = TagStore("ledger", dynamodb)
    store.change(lambda _: KNOWN)
    for item in items_of(dynamodb, "TAGS"):
        dynamodb.put_item(TableName="ledger", Item={**item, "vpcs": {"B": damaged}})
    assert store.change(lambda _: KNOWN) == KNOWN
    assert store.change(dict) == KNOWN


def test_ten_thousand_tagged_subnets_fit_whatever_their_tags_say(dynamodb: Any) -> None:
    store = TagStore("ledger", dynamodb)
    assert store.change(lambda _: MANY) == MANY
    assert store.change(dict) == MANY
    sizes = [len(item["vpcs"]["B"]) for item in items_of(dynamodb, "TAGS")]
    assert sum(sizes) > 400_000  # one item couldn't have it all …
    assert max(sizes) < 100_000  # … and these have room (DynamoDB guide: an item has 400 KB at most)
