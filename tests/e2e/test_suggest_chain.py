"""Suggestions on a deployed stack, as its role: an account with workloads, held against the table made by hand.

ECS, Lambda, IAM, Parameter Store and logs are ministack's; EC2, CloudWatch and Resolver are moto's. What neither has is
arranged in AWS's shape: what access advisor reports, and a query that counts (see `emulators/evidence_answers.py`).
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import MINUTE
from tests.e2e.emulators.account import Account, deployed
from tests.support.evidence_account import as_in_truth, called, fill_account, truth
from tests.support.world import flat

pytestmark = pytest.mark.chain_more


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """A stack that may read evidence, in plan mode: what it suggests isn't created before anybody can look."""
    with deployed(minute=MINUTE, Evidence="yes", Mode="plan", RequiredServices="monitoring,sqs") as account:
        account.report_calls(called())
        yield account


@pytest.fixture(scope="module")
def ids(account: Account) -> dict[str, str]:
    """The account of the table, by the names that the table has."""
    return fill_account(account.client)


def ask(account: Account, **event: Any) -> Any:
    answer = account.invoke("ReconcileEndpointsFunction", {"suggest": {}, **event})
    assert not answer.error, answer.logs
    return answer.payload


@pytest.mark.parametrize("name", ["shop", "batch"])
def test_the_suggestion_is_the_one_that_was_written_down_beforehand(
    account: Account, ids: dict[str, str], name: str
) -> None:
    answer = ask(account)
    assert {one["source"]: one["unread"] for one in answer["sources"] if one["unread"]} == {}
    assert as_in_truth(answer, ids[name]) == truth(name)


def test_the_table_has_things_that_must_stay_unknown_and_one_without_an_endpoint() -> None:
    verdicts = [verdict for name in ("shop", "batch") for verdict, _, _ in truth(name).values()]
    assert verdicts.count("unknown") >= 2
    assert "no endpoint" in verdicts


def test_people_read_it_and_the_page_keeps_it(account: Account, ids: dict[str, str]) -> None:
    text = flat(ask(account, format="text")["text"])
    assert f"{ids['i-agents']} published CWAgent metrics" in text
    assert text.endswith("Nothing was changed.")
    page = account.invoke("CoveragePageFunction", {"vpc_ids": []})
    assert not page.error, page.logs
    assert "<li>add: <b>kinesis-streams</b> likely; role task of ECS service web called kinesis" in str(page.payload)
