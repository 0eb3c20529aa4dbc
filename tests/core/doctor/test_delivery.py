"""Rules, and whom the queue's policy lets in: the template's own policy, and what people make of it."""

import json
from typing import Any

import pytest
from tools.template import names_of, read_template

from lifeline.core.doctor.delivery import OF_HUBS, RULES, EventRule, check_bus, check_queue_policy, check_rules
from lifeline.core.doctor.finding import CheckVerdict, NotRead
from tests.support.policies import Stack

TEMPLATE = read_template()
STACK = Stack(TEMPLATE)
QUEUE = STACK.arn("Changes")
DENIED = NotRead("AccessDenied: no")


def rule(name: str, state: str = "ENABLED") -> EventRule:
    arn = STACK.arn(name)
    return EventRule(arn.rpartition("/")[2], arn, state)


ALL = [rule(name) for name in RULES]


def test_the_rules_are_the_templates() -> None:
    assert {*RULES, OF_HUBS} == set(names_of(TEMPLATE, "AWS::Events::Rule"))
    assert [name for name in names_of(TEMPLATE, "AWS::Events::Rule") if "Condition" in TEMPLATE["Resources"][name]] == [
        OF_HUBS
    ]


def test_all_enabled_rules_are_ok() -> None:
    assert check_rules(ALL, RULES, "the queue").verdict is CheckVerdict.OK
    more = [rule(name, "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS") for name in RULES]
    assert check_rules(more, RULES, "the queue").verdict is CheckVerdict.OK


def test_a_disabled_rule_is_named_with_the_command_that_enables_it() -> None:
    rules = [rule(name, "DISABLED" if name == "TagRule" else "ENABLED") for name in RULES]
    found = check_rules(rules, RULES, "the queue")
    assert found.verdict is CheckVerdict.BAD
    assert "disabled: lifeline-TagRule-EXAMPLE" in found.says
    assert "aws events enable-rule --name lifeline-TagRule-EXAMPLE" in found.remedy


def test_a_rule_that_leads_elsewhere_or_is_gone_is_missed() -> None:
    found = check_rules(ALL[1:], RULES, "the queue")
    assert found.verdict is CheckVerdict.BAD
    assert "without the queue as its target: RoutingRule" in found.says


def test_a_rule_of_another_stack_does_not_stand_in_for_a_missing_one() -> None:
    other = EventRule("team-b-MyRoutingRules-1", "arn:aws:events:us-east-1:123456789012:rule/x", "ENABLED")
    assert check_rules([*ALL[1:], other], RULES, "the queue").verdict is CheckVerdict.BAD


def test_a_stack_sets_name_before_it_changes_nothing() -> None:
    rules = [EventRule(f"StackSet-lifeline-1a2b-{name}-X1", "arn", "ENABLED") for name in RULES]
    assert check_rules(rules, RULES, "the hub's bus").verdict is CheckVerdict.OK


# ---- the queue's policy


def policy(**changes: Any) -> list[dict[str, Any]]:
    allow, deny = STACK.queue_policy("Changes")
    return [allow | changes.get("allow", {}), deny | changes.get("deny", {})]


def judged(statements: list[dict[str, Any]], rules: list[EventRule] = ALL) -> CheckVerdict:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return check_queue_policy(document, QUEUE, rules).verdict


def test_the_templates_own_policy_lets_each_of_its_rules_send() -> None:
    assert judged(policy()) is CheckVerdict.OK


SOURCE = "aws:SourceArn"
OTHER_RULE = "arn:aws:events:us-east-1:123456789012:rule/team-b"


@pytest.mark.parametrize(
    ("what", "statements", "verdict"),
    [
        ("no Allow is left", policy()[1:], CheckVerdict.BAD),
        ("of another queue", policy(allow={"Resource": f"{QUEUE}-old"}), CheckVerdict.BAD),
        ("for another service", policy(allow={"Principal": {"Service": "sns.amazonaws.com"}}), CheckVerdict.BAD),
        ("to receive only", policy(allow={"Action": "sqs:ReceiveMessage"}), CheckVerdict.BAD),
        ("for another rule", policy(allow={"Condition": {"ArnEquals": {SOURCE: OTHER_RULE}}}), CheckVerdict.BAD),
        ("denied to all", [*policy(), {**policy()[1], "Condition": {}}], CheckVerdict.BAD),
        (
            "denied by account",
            policy(deny={"Condition": {"StringNotEquals": {"aws:SourceAccount": "1"}}}),
            CheckVerdict.BAD,
        ),
        ("only some are named", policy(allow={"Condition": {"ArnEquals": {SOURCE: [ALL[0].arn]}}}), CheckVerdict.BAD),
        ("by a condition on the time", policy(allow={"Condition": {"Bool": {"aws:X": "true"}}}), CheckVerdict.UNKNOWN),
        ("all actions", policy(allow={"Action": "sqs:*"}), CheckVerdict.OK),
        ("everybody", policy(allow={"Principal": "*"}), CheckVerdict.OK),
        ("for what can't be read", policy(allow={"Principal": {"AWS": [1]}}), CheckVerdict.UNKNOWN),
        ("for people of elsewhere", policy(allow={"Principal": {"Federated": "x"}}), CheckVerdict.UNKNOWN),
        ("everybody in AWS", policy(allow={"Principal": {"AWS": "*"}}), CheckVerdict.OK),
        ("all queues", policy(allow={"Resource": "*"}), CheckVerdict.OK),
        (
            "rules by a pattern",
            policy(allow={"Condition": {"ArnLike": {SOURCE: "arn:aws:events:*:123456789012:rule/lifeline-*"}}}),
            CheckVerdict.OK,
        ),
        (
            "without any TLS",
            [*policy(), {**policy()[1], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}],
            CheckVerdict.OK,
        ),
    ],
)
def test_the_policy_is_read_as_iam_would(what: str, statements: list[dict[str, Any]], verdict: CheckVerdict) -> None:
    assert judged(statements) is verdict


def test_a_queue_without_a_policy_lets_no_rule_send() -> None:
    assert check_queue_policy("", QUEUE, ALL).verdict is CheckVerdict.BAD


def test_what_is_kept_out_is_named() -> None:
    document = json.dumps({"Statement": policy(allow={"Condition": {"ArnEquals": {SOURCE: [ALL[0].arn]}}})})
    found = check_queue_policy(document, QUEUE, ALL[:3])
    assert "keeps out lifeline-GatewayRule-EXAMPLE and lifeline-TransitRule-EXAMPLE" in found.says
    assert "deploying" in found.remedy


@pytest.mark.parametrize(
    "found",
    [
        check_rules(DENIED, RULES, "the queue"),
        check_queue_policy(DENIED, QUEUE, ALL),
        check_queue_policy("{}", QUEUE, DENIED),
        check_queue_policy("{}", QUEUE, []),
        check_queue_policy("not JSON", QUEUE, ALL),
        check_bus(DENIED),
    ],
    ids=lambda found: found.says,
)
def test_what_cannot_be_read_or_judged_is_unknown_and_says_why(found: Any) -> None:
    assert found.verdict is CheckVerdict.UNKNOWN
    assert found.why


@pytest.mark.parametrize(
    ("rules", "verdict"), [(0, CheckVerdict.OK), (291, CheckVerdict.OK), (292, CheckVerdict.UNKNOWN)]
)
def test_a_first_deployment_needs_room_on_the_bus_whose_quota_may_have_been_raised(
    rules: int, verdict: CheckVerdict
) -> None:
    assert check_bus(rules).verdict is verdict


def test_the_command_that_enables_a_hubs_rule_names_its_bus() -> None:
    arn = "arn:aws:events:us-east-1:123456789012:rule/lifeline/lifeline-SpokesRule-X"
    rules = [*ALL, EventRule("lifeline-SpokesRule-X", arn, "DISABLED")]
    remedy = check_rules(rules, (*RULES, OF_HUBS), "the queue").remedy
    assert "aws events enable-rule --name lifeline-SpokesRule-X --event-bus-name lifeline" in remedy
