"""How much of the limits is used, in the ledger."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from lifeline.adapters.store.codec import to_item
from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.core.guards.limits import Grant, Usage
from tests.support.agents import create_table, items_of
from tests.support.emulator import emulated_aws

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
USE = Usage((Grant("vpc-1", NOW, "token", frozenset({"logs subnet-1"})),), {"vpc-1": 3})


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with emulated_aws():
        create_table()
        yield boto3.client("dynamodb", region_name="us-east-1")


def test_what_an_older_version_counted_counts_on(dynamodb: Any) -> None:
    older = {"grants": USE.grants, "interfaces": USE.interfaces, "revision": 7}
    dynamodb.put_item(TableName="ledger", Item=to_item({"pk": "LIMITS", "sk": "USE", **older}))
    usage = LimitUsage("ledger", dynamodb)
    assert usage.read() == USE
    more = Usage(USE.grants, {"vpc-1": 4})
    usage.change(lambda before: (Usage(before.grants, {"vpc-1": before.interfaces["vpc-1"] + 1}), None))
    assert usage.read() == more
    (item,) = items_of(dynamodb, "LIMITS")
    assert item.keys() == {"pk", "sk", "use", "revision"}


def test_a_thousand_vpcs_with_a_days_endpoints_fit(dynamodb: Any) -> None:
    grants = tuple(
        Grant(
            f"vpc-{number // 5 * 0x9E3779B97F4A7C15 % 2**68:017x}",
            NOW + timedelta(milliseconds=number),
            f"{number * 0xD1B54A32D192ED03 % 2**128:032x}",
            frozenset(
                f"com.amazonaws.us-east-1.service-{number % 5} subnet-{place * 0x9E3779B97F4A7C15 % 2**68:017x}"
                for place in range(number * 3, number * 3 + 3)
            ),
        )
        for number in range(5_000)
    )
    use = Usage(grants, {grant.vpc_id: 15 for grant in grants})
    usage = LimitUsage("ledger", dynamodb)
    usage.change(lambda _: (use, None))
    assert usage.read() == use
