"""Whether sweeps begin, and whether anything receives from the queue."""

from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.doctor.finding import CheckVerdict, NotRead
from lifeline.core.doctor.sweeps import QueueTrigger, check_sweeps, check_trigger

NOW = datetime(2026, 11, 29, 13, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DENIED = NotRead("AccessDeniedException: no")


def test_an_enabled_schedule_and_a_recent_sweep_are_well() -> None:
    found = check_sweeps("ENABLED", "lifeline-sweep-1a", NOW - HOUR, NOW, HOUR)
    assert found.verdict is CheckVerdict.OK
    assert "lifeline-sweep-1a is enabled, and the last sweep that ended began 1 h ago" in found.says
    assert check_sweeps("ENABLED", "lifeline-sweep-1a", None, NOW, HOUR).verdict is CheckVerdict.OK


@pytest.mark.parametrize(("state", "says"), [(None, "There is no schedule"), ("DISABLED", "is DISABLED")])
def test_a_schedule_that_is_gone_or_disabled_is_a_fault_at_once(state: str | None, says: str) -> None:
    found = check_sweeps(state, "lifeline-sweep-1a", NOW, NOW, HOUR)
    assert found.verdict is CheckVerdict.BAD
    assert says in found.says.replace('"', "")
    assert found.remedy


def test_sweeps_that_are_missing_though_they_are_scheduled_are_a_fault() -> None:
    found = check_sweeps("ENABLED", "lifeline-sweep-1a", NOW - 3 * HOUR, NOW, HOUR)
    assert found.verdict is CheckVerdict.BAD
    assert "began 3 h ago" in found.says
    assert check_sweeps("ENABLED", "lifeline-sweep-1a", NOW - 3 * HOUR, NOW, 24 * HOUR).verdict is CheckVerdict.OK


def test_what_couldnt_be_read_is_unknown() -> None:
    assert check_sweeps(DENIED, "lifeline-sweep-1a", NOW, NOW, HOUR).why == DENIED.why
    assert check_sweeps("ENABLED", "lifeline-sweep-1a", DENIED, NOW, HOUR).why == DENIED.why
    assert check_trigger(DENIED).why == DENIED.why


def test_one_trigger_that_isnt_off_is_enough() -> None:
    found = check_trigger([QueueTrigger("1", "Disabled"), QueueTrigger("2", "Enabled")])
    assert found.verdict is CheckVerdict.OK


@pytest.mark.parametrize("state", ["Disabled", "Disabling", "Deleting"])
def test_a_trigger_that_is_off_is_a_fault_with_the_command_that_enables_it(state: str) -> None:
    found = check_trigger([QueueTrigger("1a-2b", state)])
    assert found.verdict is CheckVerdict.BAD
    assert "--uuid 1a-2b --enabled" in found.remedy


OWN = "arn:aws:lambda:us-east-1:123456789012:function:reconcile"


def test_a_trigger_that_was_given_to_another_function_is_a_fault_with_the_command_that_gives_it_back() -> None:
    found = check_trigger([QueueTrigger("1a-2b", "Enabled", f"{OWN}-2:live")], "reconcile")
    assert found.verdict is CheckVerdict.BAD
    assert found.says == "The messages of the queue Changes go to reconcile-2:live instead."
    assert "--uuid 1a-2b --function-name reconcile" in found.remedy


def test_an_alias_of_the_function_is_not_the_function_for_it_may_refuse_messages() -> None:
    found = check_trigger([QueueTrigger("1a-2b", "Enabled", f"{OWN}:schedule")], "reconcile")
    assert "go to reconcile:schedule instead" in found.says
    assert "--uuid 1a-2b --function-name reconcile" in found.remedy


def test_another_function_that_takes_messages_beside_it_is_a_fault() -> None:
    both = [QueueTrigger("1", "Enabled", OWN), QueueTrigger("2", "Enabled", f"{OWN}-2")]
    assert check_trigger(both, "reconcile").verdict is CheckVerdict.BAD
    assert check_trigger(both[:1], "reconcile").verdict is CheckVerdict.OK
    off = QueueTrigger("2", "Disabled", f"{OWN}-2")
    assert check_trigger([both[0], off], "reconcile").verdict is CheckVerdict.OK


def test_a_filter_on_the_trigger_is_a_fault_for_lambda_deletes_what_it_leaves_out() -> None:
    found = check_trigger([QueueTrigger("1a-2b", "Enabled", OWN, is_filtered=True)], "reconcile")
    assert found.verdict is CheckVerdict.BAD
    assert "--uuid 1a-2b --filter-criteria '{}'" in found.remedy


def test_a_trigger_that_deletes_what_failed_is_a_fault() -> None:
    found = check_trigger([QueueTrigger("1a-2b", "Enabled", OWN, drops_failures=True)], "reconcile")
    assert found.verdict is CheckVerdict.BAD
    assert "has Lambda delete messages that ReconcileEndpoints reports as failed" in found.says
    assert "--uuid 1a-2b --function-response-types ReportBatchItemFailures" in found.remedy
    checks = check_trigger([QueueTrigger("1a-2b", "Enabled", OWN, drops_failures=True)], "reconcile", "Checks")
    assert checks.verdict is CheckVerdict.OK, "the detector says of no single message that it failed"


def test_no_trigger_is_a_fault() -> None:
    assert check_trigger([]).verdict is CheckVerdict.BAD
