"""What a run answers of one VPC: what people call it, and the gravest of what became of its actions."""

from dataclasses import replace
from decimal import Decimal

import pytest

from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.plan.answer import Outcome, Refusal, VpcAnswer, as_json, priced_json
from lifeline.core.plan.cost import price_in
from tests.support.builders import VPC_ID, subnet, vpc

ANSWER = VpcAnswer(VPC_ID)
ACTION = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "why")


@pytest.mark.parametrize(("tags", "name"), [((("Name", "app-prod"),), "app-prod"), ((), "")])
def test_an_answer_has_the_vpcs_name_tag_and_its_subnets_zones(tags: tuple[tuple[str, str], ...], name: str) -> None:
    located = ANSWER.located(vpc(subnet("a"), tags=tags))
    assert (located.name, located.zones) == (name, (("subnet-a", "us-east-1a"),))


def test_an_answer_on_a_vpc_that_was_not_seen_stays_as_it_is() -> None:
    assert ANSWER.located(None) == ANSWER


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ((), Outcome.UNCHANGED),
        ((Status.BLOCKED,), Outcome.BLOCKED),
        ((Status.BLOCKED, Status.PLANNED), Outcome.PLANNED),
        ((Status.BLOCKED, Status.PLANNED, Status.DONE), Outcome.CHANGED),
        ((Status.BLOCKED, Status.PLANNED, Status.DONE, Status.FAILED), Outcome.FAILED),
    ],
)
def test_the_outcome_is_the_gravest_of_what_became_of_the_actions(
    statuses: tuple[Status, ...], outcome: Outcome
) -> None:
    actions = tuple(replace(ACTION, status=status) for status in statuses)
    assert replace(ANSWER, actions=actions).outcome is outcome


def test_an_answer_without_a_plan_costs_nothing() -> None:
    assert ANSWER.monthly_cost_usd == Decimal(0)


def test_what_could_not_be_reconciled_failed_whatever_was_done() -> None:
    refused = replace(ANSWER, actions=(replace(ACTION, status=Status.DONE),), refusal=Refusal("vpc_ids", "gone"))
    assert refused.outcome is Outcome.FAILED


def test_the_function_returns_the_vpcs_name_and_what_each_action_adds_a_month() -> None:
    retired = replace(ACTION, kind=ActionKind.RETIRE_ENDPOINT)
    one_zone = replace(ACTION, subnet_ids=("subnet-a",))
    named = replace(ANSWER, name="app-prod", actions=(one_zone, retired))
    told = priced_json(named, price_in("us-east-1"))
    assert (told["name"], [one["monthly_cost_usd"] for one in told["actions"]]) == ("app-prod", [7.3, 0.0])
    assert {key: value for key, value in told.items() if key not in {"name", "actions"}} == {
        key: value for key, value in as_json(named).items() if key != "actions"
    }
    assert "name" not in priced_json(ANSWER, price_in("us-east-1"))
