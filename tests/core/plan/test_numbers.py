"""The numbers that people rely on, and those of AWS. Other tests call them by their names, and so notice no change."""

from datetime import timedelta

import pytest

from lifeline.core.plan import actions, cost, endpoint_lifecycle, harm, placement, security_group, waking

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        # docs/limits.md and docs/operate.md: endpoints
        pytest.param(endpoint_lifecycle.FRESH_FOR, 10 * MINUTE, id="EC2 doesn't show an endpoint"),
        pytest.param(endpoint_lifecycle.LONGEST, 30 * MINUTE, id="an endpoint is pending"),
        pytest.param(endpoint_lifecycle.MOST_FAILURES, 2, id="an endpoint fails in a row"),
        pytest.param(placement.FEWEST_FREE_ADDRESSES, 4, id="free addresses"),
        pytest.param(security_group.MOST_UNUSED, 10, id="security groups in a VPC that no endpoint has"),
        pytest.param(security_group._MOST_RULES, 60, id="rules of a group, a quota of AWS's"),
        pytest.param(harm._MOST_TRIES, 25, id="placements that are tried"),
        pytest.param(cost.HOURS_A_MONTH, 730, id="hours of a month, as AWS's calculator has them"),
        pytest.param([int(urgency) for urgency in actions.Urgency], [0, 1, 2, 3], id="urgency, the least first"),
        pytest.param((security_group._SHOWN, waking._SHOWN), (3, 3), id="shown"),
    ],
)
def test_a_number_is_the_one_that_is_documented(number: object, value: object) -> None:
    assert number == value
