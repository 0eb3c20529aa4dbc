"""Reads that the detector was denied: not made again within the hour, unless the denial may pass."""

from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.agents.denied_reads import DeniedReads

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALL = "ec2:DescribeInstances"
WORDS = f"UnauthorizedOperation: User: arn:aws:sts::222222222222:assumed-role/x/y is not authorized to perform: {CALL}"
BY_ORGANIZATION = {CALL: f"{WORDS} with an explicit deny in a service control policy"}
BY_ROLE = {CALL: f"{WORDS} because no identity-based policy allows the action"}


def test_what_was_denied_is_known_for_an_hour() -> None:
    reads = DeniedReads().begun(NOW).ended(BY_ROLE, is_failed=False)
    assert reads.begun(NOW + timedelta(minutes=59)).denied == BY_ROLE
    assert reads.begun(NOW + timedelta(hours=1)) == DeniedReads(NOW + timedelta(hours=1))


@pytest.mark.parametrize(("denied", "runs"), [(BY_ORGANIZATION, 1), (BY_ROLE, 3)])
def test_only_a_denial_that_no_organization_made_is_asked_twice_more_by_runs_that_fail(
    denied: dict[str, str], runs: int
) -> None:
    reads, asked = DeniedReads(), 0
    for minute in range(59):
        reads = reads.begun(NOW + timedelta(minutes=minute))
        asked += CALL not in reads.denied
        reads = reads.ended(denied, is_failed=True)
    assert asked == runs
