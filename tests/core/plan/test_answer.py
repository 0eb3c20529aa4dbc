"""What a run answers of one VPC: what people call it, and the gravest of what became of its actions."""

from dataclasses import replace
from decimal import Decimal

import pytest

from lifeline.core.network.model import Tier
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.plan.actions import Action, ActionKind, ServiceReport, ServiceState, Status
from lifeline.core.plan.answer import MOST_LACKING, Outcome, Refusal, VpcAnswer, as_json, priced_json
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.placement import FULL
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


def test_which_subnet_ec2_refuses_for_want_of_addresses_is_no_news() -> None:
    def refused(subnet_id: str, code: str) -> VpcAnswer:
        return replace(ANSWER, actions=(replace(ACTION, subnet_ids=(subnet_id,), error=f"{code}: {subnet_id}"),))

    one, two = (refused(subnet_id, FULL) for subnet_id in ("subnet-a", "subnet-b"))
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint != refused("subnet-a", "UnauthorizedOperation").fingerprint
    other, another = (refused(subnet_id, "UnauthorizedOperation") for subnet_id in ("subnet-a", "subnet-b"))
    assert other.fingerprint != another.fingerprint
    asked = replace(ANSWER, actions=(replace(ACTION, subnet_ids=("subnet-a",), error="why"),))
    assert asked.fingerprint != replace(asked, actions=(replace(ACTION, subnet_ids=("b",), error="why"),)).fingerprint


def cut_off(*subnets: str, tier: Tier = Tier.ISOLATED, reach: Reach = Reach.UNREACHABLE) -> VpcAnswer:
    """An answer by which these subnets lack `monitoring`, and nobody lacks `logs`, while an action is blocked."""
    paths = tuple((subnet_id, NetworkPath(reach, "")) for subnet_id in subnets)
    open_ = tuple((subnet_id, NetworkPath(Reach.SERVED, "")) for subnet_id in subnets)
    services = (
        ServiceReport("monitoring", ServiceState.BLOCKED, paths=paths),
        ServiceReport("logs", ServiceState.SERVED, paths=open_),
    )
    blocked = replace(ACTION, service="monitoring").blocked("why not")
    tiers = tuple((subnet_id, tier) for subnet_id in subnets)
    return replace(ANSWER, tiers=tiers, services=services, actions=(blocked,))


def test_who_lacks_what_grows_while_what_blocks_it_stays_the_same() -> None:
    one, two = cut_off("subnet-a"), cut_off("subnet-a", "subnet-b")
    assert one.fingerprint == two.fingerprint
    assert one.lacking < two.lacking
    assert (len(one.lacking), len(two.lacking)) == (1, 2)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(cut_off("subnet-a", tier=Tier.EGRESS), id="it has a way out"),
        pytest.param(cut_off("subnet-a", reach=Reach.PENDING), id="an endpoint is on its way"),
        pytest.param(cut_off("subnet-a", reach=Reach.UNKNOWN), id="it isn't known"),
        pytest.param(replace(cut_off("subnet-a"), actions=()), id="nothing is left open"),
        pytest.param(
            replace(cut_off("subnet-a"), actions=(replace(ACTION, service="logs"),)), id="for another service"
        ),
    ],
)
def test_nobody_lacks(answer: VpcAnswer) -> None:
    assert answer.lacking == frozenset()


def test_an_action_for_no_service_may_be_what_any_waits_for() -> None:
    group = Action(ActionKind.OPEN_SECURITY_GROUP, "why").blocked("frozen")
    assert replace(cut_off("subnet-a"), actions=(group,)).lacking == cut_off("subnet-a").lacking


def test_ten_thousand_that_lack_something_take_no_more_room_than_one() -> None:
    many = [f"subnet-{number}" for number in range(10_000)]
    assert len(cut_off(*many[:MOST_LACKING]).lacking) == MOST_LACKING
    assert len(cut_off(*many).lacking) == 1
    assert cut_off(*many).lacking != cut_off(*many[1:]).lacking
