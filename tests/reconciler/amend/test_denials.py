"""What was denied is left alone, until a sweep or a person asks for it."""

from dataclasses import replace

import pytest

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.plan.actions import ActionKind, Plan, Status
from lifeline.reconciler.amend.amendment import VpcContext
from lifeline.reconciler.amend.denials import DeniedCalls
from tests.support.amending import NOTHING, action, context, kinds, plan

CREATE = action(ActionKind.CREATE_INTERFACE_ENDPOINT, endpoint_id="")
DENIED = VpcState(denied={"create_interface_endpoint monitoring": "an SCP denies it"})
WORK = plan(CREATE)
EVENT, SWEEP = context(), context(is_region=True)
PERSON = replace(EVENT, is_requested_by_a_person=True)


@pytest.mark.parametrize(("here", "status"), [(EVENT, "failed"), (SWEEP, "planned"), (PERSON, "planned")])
def test_only_a_sweep_and_a_person_have_it_tried_again(here: VpcContext, status: str) -> None:
    decided = DeniedCalls().decide(here, WORK, DENIED)
    assert kinds(decided.plan) == [("create_interface_endpoint", status)]
    assert decided.state == DENIED
    assert kinds(DeniedCalls().preview(here, WORK, DENIED).plan) == [("create_interface_endpoint", "failed")]


@pytest.mark.parametrize("here", [EVENT, SWEEP, PERSON])
def test_what_was_tried_replaces_what_was_denied_before(here: VpcContext) -> None:
    denied_again = DeniedCalls().after(here, WORK, [CREATE.denied("another SCP")], DENIED)
    assert denied_again.state.denied == {"create_interface_endpoint monitoring": "another SCP"}
    assert DeniedCalls().after(here, WORK, [replace(CREATE, status=Status.DONE)], DENIED).state == NOTHING


@pytest.mark.parametrize(
    ("here", "after"), [(EVENT, DENIED), (SWEEP, NOTHING), (context(is_region=True, is_plan=True), DENIED)]
)
def test_where_nothing_was_to_be_done_only_a_sweep_forgets_it(here: VpcContext, after: VpcState) -> None:
    idle: Plan = plan()
    assert DeniedCalls().after(here, idle, [], DENIED).state == after
