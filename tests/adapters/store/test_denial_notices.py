"""A denied permission is news once, for as long as the denial lasts."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from lifeline.adapters.store.denial_notices import OF_DETECTOR, DenialNotices
from lifeline.adapters.store.table import Table
from lifeline.core.errors import TransientError
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from tests.support.agents import TABLE, create_table
from tests.support.emulator import emulated_aws

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ACLS, DNS = "ec2:DescribeNetworkAcls", "route53:ListHostedZonesByVPC"


@pytest.fixture
def store() -> Iterator[DenialNotices]:
    with emulated_aws():
        create_table()
        yield DenialNotices(TABLE, boto3.client("dynamodb", region_name="us-east-1"))


def test_it_is_news_once_while_it_lasts_however_long_that_is(store: DenialNotices) -> None:
    news = [store.reserve([ACLS], now=NOW + number * HOUR) for number in range(72)]
    assert news == [[ACLS], *[[]] * 71]


def test_after_a_day_without_it_is_news_again(store: DenialNotices) -> None:
    assert store.reserve([ACLS], now=NOW) == [ACLS]
    assert store.reserve([ACLS], now=NOW + DAY - HOUR) == []
    assert store.reserve([ACLS], now=NOW + 2 * DAY - HOUR) == [ACLS]


def test_each_permission_counts_by_itself(store: DenialNotices) -> None:
    assert store.reserve([ACLS], now=NOW) == [ACLS]
    assert store.reserve([DNS, ACLS], now=NOW + HOUR) == [DNS]


def test_what_could_not_be_sent_is_news_again(store: DenialNotices) -> None:
    store.reserve([ACLS], now=NOW)
    store.return_reservation([ACLS])
    assert store.reserve([ACLS], now=NOW + HOUR) == [ACLS]


def test_each_function_says_what_it_was_denied_itself(store: DenialNotices) -> None:
    detectors = DenialNotices(TABLE, boto3.client("dynamodb", region_name="us-east-1"), partition=OF_DETECTOR)
    assert store.reserve(["ec2:DescribeInstances"], now=NOW) == ["ec2:DescribeInstances"]
    assert detectors.reserve(["ec2:DescribeInstances"], now=NOW) == ["ec2:DescribeInstances"]


def test_what_was_published_is_reserved_and_what_was_not_is_news_again(store: DenialNotices) -> None:
    heard: list[dict[str, str]] = []
    denied = {"ec2:DescribeInstances": "not authorized"}
    store.announce(denied, lambda *_: False, now=NOW)
    for _ in range(2):
        store.announce(denied, lambda news, _: not heard.append(dict(news)), now=NOW)  # type: ignore[func-returns-value]
    assert heard == [denied]


def test_a_notice_whose_sending_fails_with_an_error_is_news_again(store: DenialNotices) -> None:
    def fail(*_: object) -> bool:
        raise TransientError("sns: Throttling", code="Throttling")

    with pytest.raises(TransientError, match="Throttling"):
        store.announce({ACLS: "not authorized"}, fail, now=NOW)
    assert store.reserve([ACLS], now=NOW + HOUR) == [ACLS]


def test_a_denial_that_ended_is_news_at_once_when_it_comes_back(store: DenialNotices) -> None:
    assert store.reserve([ACLS, DNS], now=NOW) == [ACLS, DNS]
    store.end([ACLS, "ec2:DescribeVpcs"])
    assert store.reserve([ACLS, DNS], now=NOW + HOUR) == [ACLS]


def test_three_accounts_hide_no_other_one_and_what_could_not_be_sent_is_said_by_the_next(store: DenialNotices) -> None:
    accounts = [f"{number:012}" for number in range(1, 8)]
    heard: list[list[str]] = []

    def sweep(at: datetime, *, is_sent: bool = True) -> None:
        for account in accounts:

            def publish(told: object, others: Mapping[str, Mapping[str, str]], account: str = account) -> bool:
                if is_sent:
                    heard.append([account, *sorted(others.get(ACLS, {}))])
                return is_sent

            ledger = MemberLedger(TABLE, RegionRef(account, "us-east-1"))
            of_account = DenialNotices(ledger, boto3.client("dynamodb", region_name="us-east-1"))
            of_account.announce({ACLS: "not authorized"}, publish, now=at)

    sweep(NOW)
    assert heard == [[account] for account in accounts[:3]]
    sweep(NOW + HOUR, is_sent=False)
    assert len(heard) == 3
    sweep(NOW + 2 * HOUR)
    assert heard[3:] == [accounts[3:]]
    for hour in range(3, 30):
        sweep(NOW + hour * HOUR)
    assert len(heard) == 4, "it is news once while it lasts"


def test_an_item_of_an_earlier_version_lets_people_hear_again(store: DenialNotices) -> None:
    table = Table(TABLE, boto3.client("dynamodb", region_name="us-east-1"))
    table.put(("DENIED", f"ACCOUNTS#{ACLS}"), {"told": dict.fromkeys("123", NOW), "revision": 4}, "test")
    ledger, heard = MemberLedger(TABLE, RegionRef("000000000004", "us-east-1")), []
    of_account = DenialNotices(ledger, boto3.client("dynamodb", region_name="us-east-1"))
    of_account.announce({ACLS: "not authorized"}, lambda news, _: not heard.append(news), now=NOW)  # type: ignore[func-returns-value]
    assert heard == [{ACLS: "not authorized"}]
