"""A swap is begun only where the run's time lasts for both its ways, since half of one leaves the name unanswered."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from lifeline.adapters.aws.endpoints import AppliedIds
from lifeline.core.plan.actions import Action, ActionKind, Plan, Status
from lifeline.reconciler.steps.apply import Deferral, apply_plans
from lifeline.runtime.invocation import Run

NOW = datetime(2026, 11, 29, tzinfo=UTC)


class Hands:
    """Endpoints and the rate of calls, which refuse nothing and make nobody wait."""

    def apply(self, *_: object, **__: object) -> AppliedIds:
        return AppliedIds()

    def reserve_endpoint_call(self, *, patience: timedelta, **_: object) -> timedelta | None:
        return timedelta(0) if patience > timedelta(0) else None


def applied(kind: ActionKind, seconds: int, **more: Any) -> Any:
    action = Action(kind, "why", service="monitoring", endpoint_id="vpce-1", central_ids=("Z1",))
    run = Run("run-1", lambda: NOW, lambda: timedelta(seconds=seconds), lambda _: None, **more)
    hands = cast("Any", Hands())
    return apply_plans({"vpc-1": Plan("vpc-1", (), (action,))}, hands, hands, run)["vpc-1"]


@pytest.mark.parametrize("kind", [ActionKind.SWAP_TO_LOCAL, ActionKind.SWAP_TO_CENTRAL])
def test_a_swap_waits_for_a_run_with_time_for_both_ways(kind: ActionKind) -> None:
    late = applied(kind, 240)
    assert (late.actions[0].status, late.deferral) == (Status.PLANNED, Deferral.TIME)
    assert applied(kind, 250).actions[0].status is Status.DONE


def test_whatever_else_there_is_needs_no_such_time() -> None:
    assert applied(ActionKind.ENABLE_PRIVATE_DNS, 60).actions[0].status is Status.DONE


def test_a_caller_who_waits_keeps_no_swap_from_being_begun() -> None:
    until = NOW + timedelta(seconds=30)
    assert applied(ActionKind.SWAP_TO_CENTRAL, 290, begin_until=until).actions[0].status is Status.DONE
