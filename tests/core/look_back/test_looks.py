"""How often Lifeline would have looked."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tools.template import read_template

from lifeline.core.look_back.looks import Looks, Patience, count_looks
from lifeline.core.look_back.past_change import PastChange
from lifeline.core.policy.policy import Policy

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
VPC, OTHER, TABLE = "vpc-0aaaaaaaaaaaaaaa1", "vpc-0aaaaaaaaaaaaaaa2", "rtb-0aaaaaaaaaaaaaaa1"


def change(second: float, *ids: str, tool: str = "", account: str = "123456789012") -> PastChange:
    at = START + timedelta(seconds=second)
    return PastChange(at, str(second), "DeleteRoute", tool=tool, ids=frozenset(ids), account=account)


@pytest.mark.parametrize(
    ("seconds", "looks"),
    [((0,), 1), ((0, 29), 1), ((0, 30), 2), ((0, 10, 20, 40), 2), ((0, 100, 200), 3)],
)
def test_what_comes_while_lifeline_waits_is_one_look(seconds: tuple[int, ...], looks: int) -> None:
    assert count_looks([change(second, VPC) for second in seconds], Patience(), {}) == Looks(vpcs=looks)


def test_a_tools_changes_wait_longer() -> None:
    seconds = (0, 100, 599)
    assert count_looks([change(one, VPC, tool="Terraform") for one in seconds], Patience(), {}) == Looks(vpcs=1)


def test_a_persons_change_doesnt_wait_for_a_tools() -> None:
    changes = [change(0, VPC, tool="Terraform"), change(100, VPC), change(200, VPC, tool="Terraform")]
    assert count_looks(changes, Patience(), {}) == Looks(vpcs=2)


def test_each_vpc_is_looked_at_by_itself() -> None:
    assert count_looks([change(0, VPC), change(1, OTHER)], Patience(), {}) == Looks(vpcs=2)
    assert count_looks([change(0, VPC, OTHER)], Patience(), {}) == Looks(vpcs=2)


def test_a_resources_vpc_is_known_by_another_record_or_by_the_network_of_today() -> None:
    named, unnamed = change(0, VPC, TABLE), change(100, TABLE)
    assert count_looks([named, unnamed], Patience(), {}) == Looks(vpcs=2)
    assert count_looks([unnamed], Patience(), {TABLE: VPC}) == Looks(vpcs=1)


def test_where_no_record_says_the_vpc_the_region_is_looked_at_once_in_five_minutes() -> None:
    seconds = (0, 100, 200, 301)
    assert count_looks([change(one, TABLE) for one in seconds], Patience(), {}) == Looks(regions=2)


def test_accounts_are_apart() -> None:
    changes = [change(0, TABLE), change(0, TABLE, account="210987654321")]
    assert count_looks(changes, Patience(), {}) == Looks(regions=2)


def test_looks_cost_what_each_costs() -> None:
    assert Looks(vpcs=90, regions=10).cost(Decimal("0.0004")) == Decimal("0.04")
    assert Looks().cost(Decimal("0.0004")) == Decimal("0.00")


def test_the_patience_is_the_stacks_own() -> None:
    seconds = int(read_template()["Parameters"]["DebounceSeconds"]["Default"])
    assert Patience() == Patience(timedelta(seconds=seconds), Policy(rules=()).iac_debounce)
