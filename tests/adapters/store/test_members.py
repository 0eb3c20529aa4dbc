"""The hub's accounts as they are kept."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest

from lifeline.adapters.store.members import MemberStore
from lifeline.core.organization.members import MemberAccount, MemberAccounts
from tests.support.world import emulated_world

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MOST_OF_AN_ITEM = 400_000  # DynamoDB guide: quotas
REFUSED = (
    "assume arn:aws:iam::{0}:role/lifeline-reconcile-us-east-1: AccessDenied: User: arn:aws:sts::123456789012:"
    "assumed-role/lifeline-ReconcileRole-EXAMPLE123456/lifeline-ReconcileEndpoints-EXAMPLE123456 is not authorized to "
    "perform: sts:AssumeRole on resource: arn:aws:iam::{0}:role/lifeline-reconcile-us-east-1"
)


def test_a_thousand_refused_accounts_fit_the_item_and_come_back_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"{100_000_000_000 + 7_919_017 * number}" for number in range(1_000)]
    members = MemberAccounts().listed([MemberAccount(id_, f"team {id_[-5:]}", "ACTIVE") for id_ in ids], NOW)
    for number, id_ in enumerate(ids):
        members = members.refused(id_, REFUSED.format(id_), NOW + timedelta(seconds=number))
    with emulated_world(monkeypatch):
        store = MemberStore("ledger")
        assert store.read() == MemberAccounts()
        store.change(lambda _: (members, None))
        assert store.read() == members
        key = {"pk": {"S": "ACCOUNTS"}, "sk": {"S": "LIST"}}
        item = boto3.client("dynamodb").get_item(TableName="ledger", Key=key)["Item"]
        assert len(item["members"]["B"]) < MOST_OF_AN_ITEM / 4
