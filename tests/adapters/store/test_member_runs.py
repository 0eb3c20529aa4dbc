"""Turns of a hub's accounts: whatever the schedule, each comes up."""

from datetime import UTC, datetime, timedelta

import pytest

from lifeline.adapters.store.member_runs import is_turn_of

MINUTE = timedelta(minutes=1)
ACCOUNTS = [f"{number:012}" for number in range(222222222220, 222222222225)]


@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_each_account_has_its_turn_in_half_an_hour_whatever_the_schedule_and_one_in_five_at_once(every: int) -> None:
    for first in range(30):
        start = datetime(2026, 11, 30, tzinfo=UTC) + first * MINUTE
        at = [start + minute * MINUTE for minute in range(0, 31, every)]
        runs = [one + timedelta(seconds=number * 37 % 60) for number, one in enumerate(at)]
        taken = [[account for account in ACCOUNTS if is_turn_of(account, now)] for now in runs]
        assert {len(accounts) for accounts in taken} == {1}
        assert {account for accounts in taken for account in accounts} == set(ACCOUNTS)
