"""What people are told of endpoints: what and where in the subject, what it costs, and one thing to do."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.model import Tier
from lifeline.core.notices.endpoints import endpoint_notice, lost_notice
from lifeline.core.notices.notice import Notice
from lifeline.core.notices.trigger_text import Because
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.plan.answer import Approvable, Refusal, VpcAnswer
from lifeline.core.severity import Severity
from tests.support.agents import minute
from tests.support.world import flat

VPC, OTHER = "vpc-0123456789abcdef0", "vpc-0123456789abcdef1"
ENDPOINT = "vpce-0123456789abcdef0"
BECAUSE = Because("DeleteRoute by deploy-role at nine", "DeleteRoute by deploy-role", "e-1")
MAKE = Action(
    ActionKind.CREATE_INTERFACE_ENDPOINT, "it is missing", service="monitoring", subnet_ids=("subnet-a",),
    endpoint_id=ENDPOINT,
)  # fmt: skip
GATEWAY = Action(ActionKind.CREATE_GATEWAY_ENDPOINT, "it is missing", service="s3", endpoint_id=ENDPOINT)
GROUP = Action(ActionKind.CREATE_SECURITY_GROUP, "endpoints need it")
RETIRE = Action(ActionKind.RETIRE_ENDPOINT, "nothing requires it", service="monitoring", endpoint_id=ENDPOINT)
REPAIR = Action(ActionKind.OPEN_SECURITY_GROUP, "a new block", cidrs=("10.1.0.0/16",))
ASKED = Action(ActionKind.CONFIRM_OWNERSHIP, "others added a zone", endpoint_id="vpce-1")
WRONG_TAG = Action(ActionKind.CORRECT_TAG, "one of Lifeline's tags can't be read")
DNS = Action(ActionKind.FIX_DNS, "private DNS needs it", attributes=("enableDnsSupport",))


def done(action: Action) -> Action:
    return replace(action, status=Status.DONE)


def failed(action: Action) -> Action:
    return replace(action, status=Status.FAILED, error="AccessDenied: no", endpoint_id="")


def held(action: Action) -> Action:
    return action.held("monthly_usd", "needs approval: too dear")


def answer(*actions: Action, **more: Any) -> VpcAnswer:
    return replace(VpcAnswer(VPC, (("subnet-a", Tier.ISOLATED),), actions, name="app-prod"), **more)


def notified(*answers: VpcAnswer, is_plan: bool = False, because: Because = BECAUSE) -> Notice:
    notice = endpoint_notice(answers, because=because, is_plan=is_plan)
    assert notice is not None
    return notice


APPROVABLE = Approvable("plan-1", Decimal("14.6"), minute(0), "sam remote invoke X --stack-name s --event '{\"a\": 1}'")
OUTCOMES = {
    "created": (
        answer(done(GROUP), done(MAKE)),
        "monitoring endpoint created",
        "Next: No action needed: the endpoint should be",
    ),
    "half created": (
        answer(done(MAKE), replace(GATEWAY, status=Status.PLANNED)),
        "monitoring endpoint created (1 other not done)",
        "Next: No action needed: the endpoint should be",
    ),
    "failed": (answer(done(GROUP), failed(MAKE)), "monitoring endpoint failed", "Next: Fix the failure shown above."),
    "held": (
        answer(held(MAKE), approval=APPROVABLE),
        "monitoring endpoint needs approval",
        "Next: To have Lifeline make these changes, approve this plan.",
    ),
    "blocked": (
        answer(MAKE.blocked("no zone")),
        "monitoring endpoint blocked",
        "Next: Resolve what is marked as blocked",
    ),
    "whose endpoint": (
        answer(ASKED.blocked("adopt it")),
        "endpoint needs a decision",
        "Next: Resolve what is marked as blocked",
    ),
    "whose group": (
        answer(replace(ASKED, endpoint_id="", security_group_id="sg-1").blocked("adopt it")),
        "endpoint security group needs a decision",
        "Next: Resolve what is marked as blocked",
    ),
    "wrong tag": (
        answer(WRONG_TAG.blocked("it must be true")),
        "tag of Lifeline's can't be read",
        "Next: Resolve what is marked as blocked",
    ),
    "later": (answer(MAKE), "monitoring endpoint planned", "Next: No action needed: Lifeline will continue"),
    "retired": (answer(done(RETIRE)), "monitoring endpoint deleted", "Next: No action needed."),
    "to retire": (
        answer(RETIRE),
        "monitoring endpoint to be deleted",
        "Next: No action needed: Lifeline will continue",
    ),
    "repaired": (answer(done(REPAIR)), "endpoint security group repaired", "Next: No action needed."),
    "dns": (answer(done(DNS)), "VPC DNS settings repaired", "Next: No action needed."),
    "refused": (
        answer(refusal=Refusal("vpc_ids[0]", "no such VPC")),
        "reconciliation failed",
        "Next: Fix the failure shown above.",
    ),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_outcome_says_what_and_where_and_has_one_thing_to_do_next(name: str) -> None:
    outcome, what, next_ = OUTCOMES[name]
    notice = notified(outcome)
    assert notice.subject.startswith(f"[lifeline] {what} in ")
    assert "app-prod" in notice.subject
    assert flat(notice.text).count("Next: ") == 1
    assert next_ in flat(notice.text)
    assert len(notice.next) >= 1


@pytest.mark.parametrize(
    ("services", "what"),
    [
        (("logs", "monitoring"), "logs, monitoring endpoints created"),
        (("ec2", "logs", "monitoring", "ssm"), "ec2, logs and 2 more endpoints created"),
    ],
)
def test_several_services_are_named_as_far_as_a_subject_allows(services: tuple[str, ...], what: str) -> None:
    notice = notified(answer(*(done(replace(MAKE, service=one)) for one in services)))
    assert notice.subject.startswith(f"[lifeline] {what} in ")


def test_what_failed_comes_before_what_was_done() -> None:
    notice = notified(answer(done(GATEWAY), failed(MAKE), GROUP))
    assert "monitoring endpoint failed" in notice.subject
    assert notice.severity is Severity.CRITICAL


def test_a_subject_drops_the_id_before_the_cause_and_shortens_the_name_before_it_drops_it() -> None:
    short = notified(answer(done(MAKE)), because=Because("x", "by sweep"))
    assert short.subject == f"[lifeline] monitoring endpoint created in {VPC} (app-prod): by sweep"
    assert notified(answer(done(MAKE))).subject == (
        "[lifeline] monitoring endpoint created in app-prod: DeleteRoute by deploy-role"
    )
    named = notified(answer(done(MAKE), name="a-vpc-with-a-very-long-name"))
    assert named.subject.endswith(" in a-vpc-with-a-very...: DeleteRoute by deploy-role")


@given(st.text(max_size=300), st.text(max_size=120), st.sampled_from(sorted(OUTCOMES)))
def test_a_subject_is_what_sns_takes_whatever_the_tags_say(name: str, short: str, outcome: str) -> None:
    notice = notified(replace(OUTCOMES[outcome][0], name=name), because=Because("x", short))
    assert len(notice.subject) <= 100
    assert all(" " <= letter <= "~" for letter in notice.subject)
    assert notice.subject.startswith(f"[lifeline] {OUTCOMES[outcome][1]}")


@pytest.mark.parametrize(
    ("actions", "cost", "is_plan", "words"),
    [
        (
            (done(MAKE),),
            "7.30",
            False,
            "Lifeline made 1 change. This adds about 7.30 USD per month, before data charges.",
        ),
        (
            (GROUP, MAKE),
            "14.6",
            True,
            "so nothing was changed. Lifeline would make 2 changes. This would add about 14.60 USD per month",
        ),
        ((done(GATEWAY),), "0", False, "Lifeline made 1 change. Gateway endpoints are free."),
        ((done(MAKE),), "0", False, "Lifeline has no price for this region."),
        ((done(GROUP), failed(MAKE)), "0", False, "Lifeline made 1 change; 1 change failed."),
        (
            (held(MAKE), MAKE.blocked("no"), MAKE),
            "0",
            False,
            "changed nothing; 1 change needs approval, 1 change is blocked, 1 change is left for ",
        ),
        ((done(RETIRE),), "0", False, "Lifeline made 1 change. - monitoring: deleted"),
    ],
)
def test_what_was_done_and_what_it_costs_is_told(
    actions: tuple[Action, ...], cost: str, is_plan: bool, words: str
) -> None:
    assert words in flat(notified(answer(*actions, monthly_cost_usd=Decimal(cost)), is_plan=is_plan).text)


def test_the_command_that_approves_stands_with_what_to_do_and_survives_a_long_list() -> None:
    many = [held(replace(MAKE, service=f"service{number}")) for number in range(30)]
    lines = notified(answer(*many, approval=APPROVABLE)).text.splitlines()
    assert "    sam remote invoke X --stack-name s \\" in lines
    assert "      --event '{\"a\": 1}'" in lines
    assert sum("plan-1" in line for line in lines) == 1
    assert "(14.60 USD more per month, before data charges), valid until" in flat("\n".join(lines))


def test_of_many_approvals_three_are_offered_and_the_rest_is_counted() -> None:
    waiting = [answer(held(MAKE), vpc_id=f"vpc-{number}", approval=APPROVABLE) for number in range(5)]
    notice = notified(*waiting)
    assert sum('--event \'{"a"' in line for line in notice.next) == 3
    assert "and 2 more: a plan for these VPCs shows the commands" in flat(notice.text)


def test_several_vpcs_are_counted_and_each_says_what_came_of_it() -> None:
    notice = notified(answer(done(MAKE)), answer(failed(MAKE), vpc_id=OTHER, name=""))
    assert notice.subject == "[lifeline] monitoring endpoint failed in 2 VPCs: DeleteRoute by deploy-role"
    assert (notice.vpc_id, notice.vpc_name) == ("", "")
    assert "2 VPCs are affected." in flat(notice.text)
    assert f"- {VPC} (app-prod): changed" in notice.done
    assert f"- {OTHER}: failed" in notice.done
    assert f'--event \'{{"vpc_ids": ["{OTHER}"]}}\'' in flat(notice.text)


def test_of_very_many_vpcs_five_are_told_ten_have_facts_and_the_rest_is_named() -> None:
    notice = notified(*(answer(done(MAKE), vpc_id=f"vpc-{number:02}", name="") for number in range(12)))
    assert "  and 7 more VPCs: see the audit log" in notice.done
    assert [one["vpc_id"] for one in notice.facts["vpcs"]] == [f"vpc-{number:02}" for number in range(10)]  # type: ignore[attr-defined]
    assert notice.facts["more_vpcs"] == ["vpc-10", "vpc-11"]


def test_where_nothing_is_to_tell_there_is_no_notice() -> None:
    assert endpoint_notice([answer()], because=BECAUSE, is_plan=False) is None
    assert endpoint_notice([], because=BECAUSE, is_plan=False) is None


def test_the_subnets_are_told_by_tier() -> None:
    tiers = (("subnet-a", Tier.ISOLATED), ("subnet-b", Tier.ISOLATED), ("subnet-c", Tier.PUBLIC))
    assert (
        f"checked {VPC} (app-prod) and found 2 isolated subnets (no route out of the VPC) and 1 public subnet."
        in flat(notified(answer(MAKE, tiers=tiers)).text)
    )
    assert f"checked {VPC} (app-prod) and found 1 isolated subnet (no route out of the VPC)." in flat(
        notified(answer(MAKE)).text
    )
    assert f"Lifeline then checked {VPC}." in flat(notified(answer(MAKE, tiers=(), name="")).text)


def test_the_change_and_the_resources_are_among_the_ids() -> None:
    assert notified(answer(done(MAKE))).ids == (
        f"  VPC: {VPC} (app-prod)",
        "  Subnet: subnet-a",
        f"  Endpoint: {ENDPOINT}",
        "  CloudTrail event: e-1",
    )


@pytest.mark.parametrize(
    ("kind", "tier", "words"),
    [
        (ActionKind.ASSOCIATE_CENTRAL, Tier.ISOLATED, "No action needed: CloudWatch agents will reconnect"),
        (ActionKind.ASSOCIATE_CENTRAL, Tier.EGRESS, "watches the agents that had another path to the service: if they"),
        (ActionKind.SWAP_TO_CENTRAL, Tier.ISOLATED, "watches the agents of the VPC: if they fall silent"),
    ],
)
def test_an_undo_is_promised_for_the_agents_that_are_watched(kind: ActionKind, tier: Tier, words: str) -> None:
    shared = done(Action(kind, "why", service="monitoring", central_ids=("Z1",)))
    assert words in flat(notified(answer(shared, tiers=(("subnet-a", tier),))).text)


def test_nobody_is_said_to_reconnect_where_the_way_could_not_be_read() -> None:
    unread = ("routes to the hub: yes", "transit gateway route tables: can't be read (rt-spoke)")
    shared = done(Action(ActionKind.ASSOCIATE_CENTRAL, "why", service="monitoring", central_ids=("Z1",), checks=unread))
    text = flat(notified(answer(shared, tiers=(("subnet-a", Tier.ISOLATED),))).text)
    assert "Check that CloudWatch agents report again: transit gateway route tables couldn't be read." in text
    assert "reconnect" not in text


# ---- endpoints that were lost


def test_a_lost_endpoint_is_named_with_its_vpc() -> None:
    notice = lost_notice(VPC, [(ENDPOINT, "it has failed: no address")], "app-prod")
    assert notice.subject == f"[lifeline] new endpoint {ENDPOINT} not available in {VPC} (app-prod)"
    assert f"  {ENDPOINT}: it has failed: no address" in notice.text.splitlines()
    assert f"    aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {ENDPOINT}" in notice.text.splitlines()
    assert notice.severity is Severity.CRITICAL


def test_several_lost_endpoints_are_counted() -> None:
    notice = lost_notice(VPC, [(f"{ENDPOINT}{number}", "gone") for number in range(5)])
    assert notice.subject == f"[lifeline] 5 new endpoints not available in {VPC}"
    assert len([line for line in notice.next if line.startswith("    ")]) == 3
    assert lost_notice(VPC, [(ENDPOINT, "gone")], "n" * 99).subject.endswith(f"in {VPC}")


def test_in_plan_mode_what_is_blocked_hides_neither_that_it_stays_a_plan_nor_how_to_apply_the_rest() -> None:
    blocked = replace(GATEWAY, status=Status.BLOCKED, error="it is in the way")
    resolve, apply = "Resolve what is marked as blocked. Lifeline will look again on its next run.", "Mode=enforce"
    both, alone = (flat(notified(answer(*actions), is_plan=True).text) for actions in ((MAKE, blocked), (blocked,)))
    assert resolve in both
    assert apply in both
    assert resolve in alone
    assert apply not in alone
    assert apply not in flat(notified(answer(done(MAKE), blocked)).text)
