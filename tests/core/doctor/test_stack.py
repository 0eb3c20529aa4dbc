"""What is wrong with a stack, by its state."""

import pytest

from lifeline.core.doctor.finding import CheckVerdict
from lifeline.core.doctor.stack import StackSeen, check_stack

HERE = "--stack-name lifeline --region us-east-1"


@pytest.mark.parametrize(
    ("status", "is_deployed", "verdict", "words"),
    [
        ("CREATE_FAILED", False, CheckVerdict.BAD, f"describe-stack-events {HERE}. Correct that, delete the stack"),
        ("ROLLBACK_COMPLETE", False, CheckVerdict.BAD, "delete the stack, and deploy it again"),
        ("DELETE_FAILED", False, CheckVerdict.BAD, "delete the stack"),
        ("REVIEW_IN_PROGRESS", False, CheckVerdict.BAD, "change set was never executed"),
        ("DELETE_IN_PROGRESS", False, CheckVerdict.UNKNOWN, "ask the doctor again"),
        ("UPDATE_FAILED", True, CheckVerdict.BAD, "Correct that, and deploy it again."),
        ("UPDATE_ROLLBACK_FAILED", True, CheckVerdict.BAD, f"aws cloudformation continue-update-rollback {HERE}"),
    ],
)
def test_each_state_that_isnt_as_it_must_be_has_its_remedy(
    status: str, is_deployed: bool, verdict: CheckVerdict, words: str
) -> None:
    seen = StackSeen("lifeline", status, "Resource creation cancelled")
    found = check_stack(seen, "lifeline", "us-east-1", is_asked_for=False)
    assert seen.is_deployed is is_deployed
    assert found is not None
    assert found.verdict is verdict
    assert found.says == f'The stack lifeline is in the state {status}: "Resource creation cancelled".'
    assert words in (found.remedy or found.why)


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]
)
def test_a_stack_that_works_has_nothing_wrong(status: str) -> None:
    seen = StackSeen("lifeline", status)
    assert seen.is_deployed
    assert check_stack(seen, "lifeline", "us-east-1", is_asked_for=True) is None


def test_that_there_is_none_is_wrong_only_where_somebody_named_it() -> None:
    assert check_stack(None, "lifeline", "us-east-1", is_asked_for=False) is None
    found = check_stack(None, "liveline", "us-east-1", is_asked_for=True)
    assert found is not None
    assert found.verdict is CheckVerdict.BAD
