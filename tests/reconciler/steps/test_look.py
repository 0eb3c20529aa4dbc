"""What a hub keeps of a sweep: each VPC once, by its worst service, with what the sweep itself changed."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lifeline.core.network.model import EndpointState
from lifeline.core.organization.look import AccountLook
from lifeline.core.plan.actions import Action, ActionKind, ServiceReport, ServiceState, Status
from lifeline.core.plan.answer import Refusal, VpcAnswer
from lifeline.core.plan.cost import price_in
from lifeline.reconciler.steps.look import summed
from tests.support.builders import MONITORING, endpoint, gateway, vpc

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PRICE = price_in("us-east-1")


def answer(*states: ServiceState, actions: tuple[Action, ...] = ()) -> VpcAnswer:
    reports = tuple(ServiceReport(f"service-{number}", state) for number, state in enumerate(states))
    return VpcAnswer("vpc-0123456789abcdef0", services=reports, actions=actions)


def action(
    status: Status, *, kind: ActionKind = ActionKind.CREATE_INTERFACE_ENDPOINT, service: str = "service-0"
) -> Action:
    return Action(kind, "because", service=service, status=status, subnet_ids=("subnet-0123456789abcdef0",))


def look(*answers: VpcAnswer) -> AccountLook:
    return summed([], answers, (), PRICE, AT)


def standing(found: AccountLook) -> str:
    (name,) = [name for name in ("served", "pending", "unknown", "missing", "blocked") if getattr(found, name)]
    return name


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((), "served"),
        ((ServiceState.SERVED, ServiceState.CENTRAL), "served"),
        ((ServiceState.SERVED, ServiceState.PENDING), "pending"),
        ((ServiceState.UNKNOWN, ServiceState.PENDING), "unknown"),
        ((ServiceState.MISSING, ServiceState.UNKNOWN), "missing"),
        ((ServiceState.MISSING, ServiceState.BLOCKED), "blocked"),
    ],
)
def test_a_vpc_counts_once_as_its_worst_service_stands(states: tuple[ServiceState, ...], expected: str) -> None:
    found = look(answer(*states))
    assert standing(found) == expected
    assert found.vpcs == 1


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ((), "missing"),
        ((action(Status.PLANNED),), "missing"),
        ((action(Status.FAILED),), "missing"),
        ((action(Status.DONE), action(Status.FAILED)), "missing"),
        ((action(Status.DONE),), "pending"),
        ((action(Status.DONE, service="service-1"),), "missing"),
        ((action(Status.BLOCKED),), "blocked"),
        ((action(Status.BLOCKED, kind=ActionKind.RETIRE_ENDPOINT),), "missing"),
    ],
)
def test_what_was_missing_stands_as_the_sweep_left_it(actions: tuple[Action, ...], expected: str) -> None:
    assert standing(look(answer(ServiceState.MISSING, actions=actions))) == expected


def test_a_vpc_that_is_gone_counts_no_more() -> None:
    assert look(VpcAnswer("vpc-0123456789abcdef0", refusal=Refusal("vpc_ids", "gone"))).vpcs == 0


def test_lifelines_endpoints_and_their_cost_are_those_on_record_and_those_just_made() -> None:
    seen = vpc(
        endpoint(MONITORING, "a", "b"),
        endpoint(MONITORING, "a", own=False),
        endpoint(MONITORING, "a", state=EndpointState.DELETED),
        gateway("main"),
    )
    answers = [answer(actions=(action(Status.DONE), action(Status.FAILED)))]
    found = summed([seen], answers, (), PRICE, AT)
    assert found.endpoints == 3
    assert found.cost_usd == Decimal("7.30") * (2 + 1)


def test_incidents_that_could_not_be_read_are_not_known() -> None:
    found = summed([], [], None, PRICE, AT)
    assert (found.incidents, found.silent) == (None, None)
    assert (look().incidents, look().silent) == (0, 0)
