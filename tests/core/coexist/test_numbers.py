"""The numbers that people rely on, and those of AWS. Other tests call them by their names, and so notice no change."""

from datetime import timedelta

import pytest

from lifeline.core.coexist import associated, canary, claims, conflicts, import_blocks, teardown, warnings

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        # docs/handover.md and docs/limits.md: claims, freezes, teardowns, canaries
        pytest.param(claims.CLAIM_HOLDS, DAY, id="a claim holds"),
        pytest.param(claims.UNMET_HOLDS, 7 * DAY, id="no other claim counts"),
        pytest.param((conflicts.MOST, conflicts.WINDOW), (3, DAY), id="reversals in a day"),
        pytest.param(conflicts.SHOWN_WITHIN, timedelta(seconds=5), id="EC2 shows a change"),
        pytest.param((teardown.VPC_HANDS_OFF, teardown.SUBNET_HANDS_OFF), (HOUR, 30 * MINUTE), id="teardowns"),
        pytest.param((canary.WATCHED_FOR, canary._KEPT_FOR), (10 * MINUTE, DAY), id="canaries"),
        pytest.param(associated._SEEN_WITHIN, 15 * MINUTE, id="an association is seen"),
        pytest.param((warnings.MOST_A_DAY, warnings.DAY), (3, DAY), id="warnings of a VPC in a day"),
        pytest.param(import_blocks.MOST_WRITTEN, 10, id="import blocks in a notice"),
    ],
)
def test_a_number_is_the_one_that_is_documented(number: object, value: object) -> None:
    assert number == value
