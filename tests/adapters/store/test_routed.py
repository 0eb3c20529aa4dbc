"""What routes lead to, in the ledger."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from lifeline.adapters.store.routed import RoutedStore
from tests.support.agents import create_table, items_of
from tests.support.emulator import emulated_aws

ROUTED = {"vpc-1": frozenset({"i-1", "eni-1"}), "vpc-2": frozenset({"eni-2"})}
KEY = {"pk": {"S": "ROUTED"}, "sk": {"S": "TARGETS"}}


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with emulated_aws():
        create_table()
        yield boto3.client("dynamodb", region_name="us-east-1")


def test_what_is_noted_is_read_again_and_written_only_where_it_changed(dynamodb: Any) -> None:
    store = RoutedStore("ledger", dynamodb)
    assert store.read() == {}
    store.change(lambda _: ROUTED)
    store.change(dict)
    assert store.read() == ROUTED
    assert {item["revision"]["N"] for item in items_of(dynamodb, "ROUTED")} == {"1"}


def test_a_region_without_such_routes_has_no_item(dynamodb: Any) -> None:
    RoutedStore("ledger", dynamodb).change(dict)
    assert not items_of(dynamodb, "ROUTED")


@pytest.mark.parametrize("damaged", [b"damaged", b"x\x9c\xab\xae\x05\x00\x01\x75\x00\xf9"])
def test_what_can_not_be_understood_is_learnt_anew(dynamodb: Any, damaged: bytes) -> None:
    dynamodb.put_item(TableName="ledger", Item={**KEY, "vpcs": {"B": damaged}, "revision": {"N": "3"}})
    store = RoutedStore("ledger", dynamodb)
    assert store.read() == {}
    store.change(lambda _: ROUTED)
    assert store.read() == ROUTED


def test_twenty_thousand_nodes_behind_routes_fit_into_the_item(dynamodb: Any) -> None:
    """Kubernetes without a network plugin has a route to each node."""
    nodes = frozenset(
        f"{kind}-{number * 0x9E3779B97F4A7C15 % 16**17:017x}" for number in range(10_000) for kind in ("i", "eni")
    )
    store = RoutedStore("ledger", dynamodb)
    store.change(lambda _: {"vpc-1": nodes})
    assert store.read() == {"vpc-1": nodes}
    (item,) = items_of(dynamodb, "ROUTED")
    assert len(item["vpcs"]["B"]) < 350_000
