"""Plans, and what was done, as people read them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.guards.backlog import BACKLOG, WAITS
from lifeline.core.network.model import IN_PLACE_OF, Tier
from lifeline.core.notices.plan_text import MOST_IDLE, WORDS, Sign, action_lines, plan_text
from lifeline.core.plan.actions import Action, ActionKind, ServiceReport, ServiceState, Status
from lifeline.core.plan.answer import Approvable, Refusal, VpcAnswer
from lifeline.core.plan.cost import price_in
from lifeline.core.wording import WIDTH
from tests.support.builders import MONITORING, VPC_ID, endpoint, own_security_group, plan, subnet, vpc
from tests.support.hubs import offered, spoke

COMMAND = (
    """sam remote invoke ReconcileEndpoints --stack-name lifeline --event '{"approve": "plan-0123456789abcdef"}'"""
)
APPROVAL = Approvable(
    "plan-0123456789abcdef", Decimal("14.60"), datetime(2026, 11, 24, 9, 0, tzinfo=UTC), COMMAND
)  # fmt: skip
NETWORK = vpc(subnet("a"), subnet("b", "us-east-1b"), tags=(("Name", "app-prod"),))
PRICE = price_in("us-east-1")
REFUSED = "needs approval: Lifeline's endpoints would cost 101.00 USD a month, and monthly_usd is 100"


def answer_of(*services: str) -> VpcAnswer:
    return VpcAnswer.of(plan(NETWORK, *services)).located(NETWORK)


def one(kind: ActionKind = ActionKind.CREATE_INTERFACE_ENDPOINT, **more: object) -> Action:
    return replace(Action(kind, "agents need it", service="monitoring"), **more)  # type: ignore[arg-type]


def answer_with(*actions: Action, **more: object) -> VpcAnswer:
    return replace(VpcAnswer(VPC_ID, actions=actions), **more)  # type: ignore[arg-type]


def idle(number: int) -> VpcAnswer:
    return VpcAnswer(f"vpc-{number:017x}", tiers=(("subnet-a", Tier.PUBLIC),))


def test_a_plan_reads_like_a_plan() -> None:
    assert (
        plan_text([answer_of("monitoring", "s3", "nonsense")], PRICE, is_plan=True)
        == """\
vpc-0123456789abcdef0 (app-prod)
 subnets: 2 isolated in us-east-1a, us-east-1b
 + create a security group for endpoints
   allows: TCP 443 from 10.0.0.0/16
   why: endpoints need a security group that allows inbound TCP 443 from
   10.0.0.0/16
 + monitoring: create an interface endpoint
   in: subnet-a (us-east-1a), subnet-b (us-east-1b)
   policy: full access
   why: subnet-a (isolated) and subnet-b (isolated) can't reach the monitoring
   service: no endpoint in the VPC serves it
 ! nonsense: create an interface endpoint
   why: subnet-a (isolated) and subnet-b (isolated) must be able to reach the
   nonsense service
   blocked: the region offers no endpoint service named nonsense; is the name
   misspelled?
 + s3: create a gateway endpoint
   for: rtb-main
   policy: full access
   why: subnet-a (isolated) and subnet-b (isolated) can't reach the s3 service:
   1 route table without a route to it

Plan: 3 to create, 0 to change, 0 to delete, 1 blocked in 1 VPC.
Cost: 14.60 USD more per month, before data charges.
This is a plan: nothing was changed.
"""
    )


def test_the_tags_that_the_policy_gives_are_said_the_first_few_of_them_and_nothing_they_contain_is_a_link() -> None:
    tags = (("cost-center", "4711"), ("team", "Mine, all mine"), ("url", "https://evil.example"))
    said = " ".join(line.strip() for line in action_lines([one(tags=tags)]))
    assert 'tags: cost-center=4711, team="Mine, all mine", url=' in said
    assert "https://" not in said
    many = tuple((f"key-{number}", "x") for number in range(48))
    assert "and 43 more" in " ".join(line.strip() for line in action_lines([one(tags=many)]))


def test_the_ways_to_a_hubs_services_are_compared_below_the_actions_and_whose_prices_once_at_the_end() -> None:
    answer = VpcAnswer.of(offered(spoke()))
    text = plan_text([answer, replace(answer, vpc_id="vpc-2")], PRICE, is_plan=True)
    compared = """\
 ways to reach monitoring, in USD per month:
   endpoints of its own: 7.30, and 0.01 per GB (1 interface)
   the hub's endpoints: 0.00, and 0.03 per GB (0.02 of it for the transit
   gateway, to which the VPC is attached)
   a NAT gateway: 32.85, and 0.045 per GB (the VPC has none)
   cheapest, data included: the hub's endpoints up to 365 GB a month, endpoints
   of its own above; how much data there is isn't known
"""
    assert text.count(compared) == 2
    assert (
        text.count("\nPrices: us-east-1, list prices as of 2026-08-01; transit gateways: as of\n   2026-06-04.\n") == 1
    )


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        (("routes: yes", "room: yes (3 of 300)"), "checked: fine: routes, room (3 of 300)"),
        (
            ("tables: can't be read (denied: no)", "routes: yes"),
            "checked: tables: can't be read (denied: no); fine",
        ),
        (("tables: can't be read (no)",), "checked: tables: can't be read (no)"),
    ],
)
def test_what_was_checked_begins_with_what_does_not_hold_for_certain(checks: tuple[str, ...], words: str) -> None:
    assert f" {words}" in " ".join(line.strip() for line in action_lines([one(checks=checks)]))


def test_an_endpoint_that_is_to_stand_in_for_the_hub_is_no_canary() -> None:
    standing_in = one(private_dns=False, tags=((IN_PLACE_OF, "Z0HUB"),))
    assert "   with: private DNS off until it takes the name from the hub" in action_lines([standing_in])


def test_what_waits_in_the_backlog_has_its_price_beside_the_cost_of_the_plan() -> None:
    waiting = [one(service=name, subnet_ids=("subnet-a",)).held(BACKLOG, WAITS) for name in ("logs", "ssm")]
    blocked = one(service="kms", subnet_ids=("subnet-a",)).held("monthly_usd", REFUSED)
    text = plan_text([answer_with(waiting[0], blocked), answer_with(waiting[1])], PRICE, is_plan=True)
    assert (
        "\nCost: 0.00 USD more per month, before data charges.\n"
        "What waits in the backlog would cost 14.60 USD more per month.\n" in text
    )
    free = one(ActionKind.CREATE_GATEWAY_ENDPOINT, service="s3").held(BACKLOG, WAITS)
    assert "would cost" not in plan_text([answer_with(free)], PRICE, is_plan=True)


def test_after_an_apply_the_same_tells_what_was_done_and_what_waits_for_approval() -> None:
    done = one(status=Status.DONE, endpoint_id="vpce-1", subnet_ids=("subnet-a",))
    held = one(service="logs", subnet_ids=("subnet-b",)).held("monthly_usd", REFUSED)
    failed = one(ActionKind.ADD_ROUTE_TABLES, service="s3", endpoint_id="vpce-2", status=Status.FAILED, error="no")
    later = one(ActionKind.RETIRE_ENDPOINT, service="ssm", endpoint_id="vpce-3", error="AWS refused for now")
    answer = answer_with(done, held, failed, later, approval=APPROVAL, monthly_cost_usd=Decimal("7.3"))

    assert (
        plan_text([answer], PRICE, is_plan=False)
        == """\
vpc-0123456789abcdef0
 ! s3: add route tables to vpce-2
   why: agents need it
   failed: no
 ! logs: create an interface endpoint
   in: subnet-b
   why: agents need it
   blocked: needs approval: Lifeline's endpoints would cost 101.00 USD a month,
   and monthly_usd is 100
 + monitoring: created interface endpoint vpce-1
   in: subnet-a
   why: agents need it
 - ssm: delete endpoint vpce-3
   why: agents need it
   not yet: AWS refused for now
 ! to approve these changes once, until 2026-11-24 09:00:00 UTC
   (plan-0123456789abcdef; 14.60 USD more per month, before data charges):
      sam remote invoke ReconcileEndpoints --stack-name lifeline \\
        --event '{"approve": "plan-0123456789abcdef"}'

Done: 1 created, 0 changed, 0 deleted, 1 blocked, 1 failed, 1 left for the next
run in 1 VPC.
Cost: 7.30 USD more per month, before data charges.
"""
    )


def test_what_failed_comes_first_and_whose_something_is_last_for_the_end_may_be_cut_off() -> None:
    asked = Action(ActionKind.CONFIRM_OWNERSHIP, "it has no tag", security_group_id="sg-1").blocked("whose is it")
    failed = one(service="s3", status=Status.FAILED, error="no")
    lines = action_lines((asked, one(service="kms"), failed))
    assert [line.split()[1] for line in lines if line.lstrip()[0] in "!+"] == ["s3:", "kms:", "say"]


def test_a_vpc_that_needs_nothing_says_who_serves_it_in_a_line() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group())
    served = VpcAnswer.of(plan(network, "monitoring")).located(network)
    more = (
        ServiceReport("ssm", ServiceState.CENTRAL, "rslvr-1"),
        ServiceReport("logs", ServiceState.PENDING, "vpce-2", "it is pending"),
    )

    notified = plan_text([replace(served, services=(*served.services, *more))], PRICE, is_plan=True)

    assert " nothing to do\n = monitoring served by vpce-1; ssm served centrally by rslvr-1; logs not\n" in notified
    assert "   available yet (vpce-2)\n" in notified
    assert "Plan: 0 to create, 0 to change, 0 to delete, 0 blocked in 1 VPC.\n" in notified


def test_what_was_refused_stands_at_its_vpc_or_below_all_of_them() -> None:
    gone = VpcAnswer(VPC_ID, refusal=Refusal("vpc_ids[0]", f"{VPC_ID} does not exist in this account and region"))
    notified = plan_text([gone], PRICE, is_plan=True, errors=[Refusal("vpc_ids[1]", "'x' is not a VPC id")])
    assert f"{VPC_ID}\n ! vpc_ids[0]: {VPC_ID} does not exist in this account and region\n\n" in notified
    assert "\nError: vpc_ids[1]: 'x' is not a VPC id\n\nPlan: " in notified
    assert "nothing to do" not in notified


def test_a_note_that_all_vpcs_share_is_said_once_and_every_other_at_its_own() -> None:
    answers = [replace(idle(1), note="only here; all over"), replace(idle(2), note="all over")]
    notified = plan_text(answers, PRICE, is_plan=True)
    assert (notified.count("all over"), notified.count("only here")) == (1, 1)
    assert "\nNote: all over\n" in notified
    assert " note: only here\n" in notified


def test_in_a_sweep_the_vpcs_that_need_nothing_are_counted_and_none_that_needs_something_is_left_out() -> None:
    busy = [replace(answer_with(one()), vpc_id=f"vpc-{number:017x}") for number in range(100, 120)]
    notified = plan_text([*map(idle, range(30)), *busy], PRICE, is_plan=True)
    assert notified.count(" nothing to do\n") == MOST_IDLE
    assert f"\n{30 - MOST_IDLE} more VPCs: nothing to do.\n" in notified
    assert all(f"\n{answer.vpc_id}\n" in notified for answer in busy)


@pytest.mark.parametrize("kind", ActionKind)
def test_every_kind_of_action_has_its_words_and_names_its_resource(kind: ActionKind) -> None:
    words = WORDS[kind]
    action = one(kind, endpoint_id="vpce-1", security_group_id="sg-1", attributes=("enableDnsSupport",))
    for status, notified in ((Status.PLANNED, words.planned), (Status.DONE, words.done)):
        line = action_lines([replace(action, status=status)])[0]
        named = [one for one in ("vpce-1", "sg-1", "enableDnsSupport") if one in line]
        assert line.startswith(f" {words.sign} monitoring: {notified.partition('{')[0].strip()}")
        assert len(named) == notified.count("{}")
    assert words.sign is not Sign.BLOCKED


@pytest.mark.parametrize("kind", ActionKind)
@pytest.mark.parametrize("status", [Status.BLOCKED, Status.FAILED])
def test_what_a_person_must_see_to_has_the_same_sign_whatever_it_is(kind: ActionKind, status: Status) -> None:
    assert action_lines([one(kind, status=status)])[0].startswith(" ! ")


ANYTHING = st.text(max_size=200)
ACTIONS = st.builds(
    Action,
    st.sampled_from(ActionKind),
    ANYTHING,
    service=st.sampled_from(["", "monitoring", "ecr.api"]),
    subnet_ids=st.lists(st.just("subnet-0123456789abcdef0"), max_size=9).map(tuple),
    endpoint_id=st.sampled_from(["", "vpce-0123456789abcdef0"]),
    status=st.sampled_from(Status),
    error=ANYTHING,
)
ANSWERS = st.builds(
    VpcAnswer,
    st.integers(0, 9).map("vpc-{:017x}".format),
    actions=st.lists(ACTIONS, max_size=4).map(tuple),
    refusal=st.none() | st.builds(Refusal, st.just("vpc_ids[0]"), ANYTHING),
    note=ANYTHING,
    name=ANYTHING,
    approval=st.sampled_from([None, APPROVAL]),
)


@given(st.lists(ANSWERS, max_size=15), st.booleans(), st.lists(st.builds(Refusal, st.just("mode"), ANYTHING)))
def test_whatever_is_in_tags_reasons_and_errors_it_is_plain_narrow_and_the_same_each_time(
    answers: list[VpcAnswer], is_plan: bool, errors: list[Refusal]
) -> None:
    notified = plan_text(answers, PRICE, is_plan=is_plan, errors=errors)
    lines = notified.removesuffix("\n").split("\n")
    assert notified == plan_text(list(answers), PRICE, is_plan=is_plan, errors=errors)
    assert all(" " <= letter <= "~" for line in lines for letter in line)
    assert [line for line in lines if len(line) > WIDTH and len(line.split()) > 1] == []
    assert len([line for line in lines if line.startswith(("Plan: ", "Done: "))]) == 1


@given(st.lists(ANSWERS, max_size=15), st.booleans())
def test_every_action_is_told_and_counted_once(answers: list[VpcAnswer], is_plan: bool) -> None:
    actions = [action for answer in answers for action in answer.actions]
    notified = plan_text(answers, PRICE, is_plan=is_plan)
    summed = notified.replace("\n", " ").rpartition("Plan: " if is_plan else "Done: ")[2]
    numbers = [int(word) for word in summed.partition(" in ")[0].replace(",", "").split() if word.isdecimal()]
    # a plan has no done actions, and what is not done of an apply is counted as blocked, failed or left
    expected = [one for one in actions if not (is_plan and one.status is Status.DONE)]
    assert sum(numbers) == len(expected)
