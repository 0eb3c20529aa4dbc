"""The known DNS attributes in the ledger."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from lifeline.adapters.store.dns_attributes import AttributeStore
from lifeline.core.network.dns_attributes import DnsAttributes
from tests.support.agents import create_table, items_of
from tests.support.emulator import emulated_aws

READ_AT = datetime(2026, 11, 29, 12, 30, 15, 123456, tzinfo=UTC)
KNOWN = {"vpc-1": DnsAttributes(True, False, READ_AT)}
KEY = {"pk": {"S": "ATTRIBUTES"}, "sk": {"S": "KNOWN"}}


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with emulated_aws():
        create_table()
        yield boto3.client("dynamodb", region_name="us-east-1")


def test_what_is_noted_is_known_to_the_next_run_and_written_once(dynamodb: Any) -> None:
    store = AttributeStore("ledger", dynamodb)
    assert store.read() == {}
    for _ in range(2):
        store.change(lambda _: KNOWN)
    assert store.read() == KNOWN
    assert [item["revision"] for item in items_of(dynamodb, "ATTRIBUTES")] == [{"N": "1"}]


@pytest.mark.parametrize("damaged", [b"damaged", b"x\x9c\x8b\x8e\x05\x00\x01\x15\x00\xb9"])
def test_what_can_not_be_understood_is_read_anew(dynamodb: Any, damaged: bytes) -> None:
    dynamodb.put_item(TableName="ledger", Item={**KEY, "vpcs": {"B": damaged}, "revision": {"N": "3"}})
    assert AttributeStore("ledger", dynamodb).read() == {}
