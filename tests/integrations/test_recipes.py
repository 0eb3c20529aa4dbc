"""The optional templates, applied to the events and notices as they are published: tests/golden."""

import json
import re
from collections.abc import Mapping
from typing import Any

import botocore.session
import fastjsonschema
import pytest
from botocore.validate import ParamValidator
from tools.template import names_of, read_template

from tests.integrations.eventbridge import at_path, matches, transformed
from tests.support.policies import Stack
from tests.support.repository import ROOT

GOLDEN = ROOT / "tests/golden"
EVENTS = {path.name.removesuffix(".event.json"): json.loads(path.read_text()) for path in GOLDEN.glob("*.event.json")}
INCIDENTS = {"incident-opened", "incident-updated", "incident-resolved"}
TEXT = {"type": "string", "minLength": 1}
# PagerDuty developer documentation: Events API v2, "Send an alert event".
PAGERDUTY = fastjsonschema.compile(
    {
        "type": "object",
        "required": ["routing_key", "event_action"],
        "additionalProperties": False,
        "properties": {
            "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
            "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
            "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
            "client": TEXT,
            "client_url": TEXT,
            "links": {"type": "array"},
            "images": {"type": "array"},
            "payload": {
                "type": "object",
                "required": ["summary", "source", "severity"],
                "additionalProperties": False,
                "properties": {
                    "summary": {**TEXT, "maxLength": 1024},
                    "source": TEXT,
                    "severity": {"enum": ["critical", "warning", "error", "info"]},
                    "timestamp": {"type": "string", "format": "date-time"},
                    "component": {"type": "string"},
                    "group": {"type": "string"},
                    "class": {"type": "string"},
                    "custom_details": {"type": "object"},
                },
            },
        },
        "if": {"properties": {"event_action": {"const": "trigger"}}},
        "then": {"required": ["payload"]},
        "else": {"required": ["dedup_key"]},
    }
)
# Jira Service Management ops REST API: integration events, "Create alert" and "Close alert".
ALERT = fastjsonschema.compile(
    {
        "type": "object",
        "required": ["message"],
        "additionalProperties": False,
        "properties": {
            "message": {**TEXT, "maxLength": 130},
            "alias": {"type": "string", "maxLength": 512},
            "description": {"type": "string", "maxLength": 15000},
            "tags": {"type": "array", "maxItems": 20, "items": {"type": "string", "maxLength": 50}},
            "details": {"type": "object", "additionalProperties": {"type": "string"}},
            "entity": {"type": "string", "maxLength": 512},
            "source": {"type": "string", "maxLength": 100},
            "priority": {"enum": ["P1", "P2", "P3", "P4", "P5"]},
        },
    }
)
CLOSED = fastjsonschema.compile(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "user": {"type": "string", "maxLength": 100},
            "source": {"type": "string", "maxLength": 100},
            "note": {"type": "string", "maxLength": 25000},
        },
    }
)
# Amazon Q Developer in chat applications guide: custom notifications, event schema.
CHAT = fastjsonschema.compile(
    {
        "type": "object",
        "required": ["version", "source", "content"],
        "properties": {
            "version": {"const": "1.0"},
            "source": {"const": "custom"},
            "id": TEXT,
            "content": {
                "type": "object",
                "required": ["description"],
                "additionalProperties": False,
                "properties": {
                    "textType": {"const": "client-markdown"},
                    "title": {"type": "string", "maxLength": 250},
                    "description": TEXT,
                    "nextSteps": {"type": "array", "items": {"type": "string"}},
                    "keywords": {"type": "array", "items": {"type": "string"}},
                },
            },
            "metadata": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "threadId": TEXT,
                    "summary": TEXT,
                    "eventType": TEXT,
                    "relatedResources": {"type": "array", "items": {"type": "string"}},
                    "additionalContext": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
        },
    }
)


def load(name: str, **parameters: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The template's resources and its rules' properties, as deployed with these parameters."""
    template = read_template(ROOT / f"integrations/{name}.yaml")
    given = {key: value.get("Default", "x" * 32) for key, value in template["Parameters"].items()} | parameters
    stack = Stack(template, given)
    rules = {name: template["Resources"][name]["Properties"] for name in names_of(template, "AWS::Events::Rule")}
    patterns = {name: _without_none(stack.resolve(rule["EventPattern"])) for name, rule in rules.items()}
    return template["Resources"], {name: {**rule, "EventPattern": patterns[name]} for name, rule in rules.items()}


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return value


def sent(rules: Mapping[str, Any], event: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The rules that match the event, and what each sends."""
    found = []
    for name, rule in rules.items():
        if matches(rule["EventPattern"], event):
            [target] = rule["Targets"]
            found.append((name, transformed(target["InputTransformer"], event)))
    return found


def changed(name: str, **detail: Any) -> dict[str, Any]:
    event = EVENTS[name]
    return {**event, "detail": {**event["detail"], **detail}}


@pytest.mark.parametrize("name", ["pagerduty", "jira-service-management"])
class TestEvery:
    def test_each_news_of_an_incident_is_sent_once_and_nothing_else_is(self, name: str) -> None:
        _, rules = load(name)
        assert {event: len(sent(rules, what)) for event, what in EVENTS.items()} == {
            event: int(event in INCIDENTS) for event in EVENTS
        }

    def test_other_stacks_accounts_and_teams_are_left_out(self, name: str) -> None:
        _, rules = load(name, Team="payments")
        assert len(sent(rules, EVENTS["incident-opened"])) == 1
        assert sent(rules, changed("incident-opened", team="search")) == []
        assert sent(rules, changed("incident-opened", stack="another")) == []
        assert sent(rules, {**EVENTS["incident-opened"], "account": "210987654321"}) == []

    def test_an_incident_of_another_account_of_the_hub_names_that_account(self, name: str) -> None:
        [(_, body)] = sent(load(name)[1], changed("incident-opened", account="210987654321"))
        assert "210987654321" in json.dumps(body)

    def test_quotes_and_backslashes_in_what_others_wrote_end_no_text(self, name: str) -> None:
        _, rules = load(name)
        words = 'DeleteRoute by "ops\\dana", who said "no": {}'
        event = changed("incident-opened", summary=words, team='a"b', env="\\")
        [(_, body)] = sent(rules, event)
        assert words in json.dumps(body, ensure_ascii=False).encode().decode("unicode_escape")

    def test_what_cloudformation_passes_on_is_what_eventbridge_takes(self, name: str) -> None:
        resources, rules = load(name)
        model = botocore.session.get_session().get_service_model("events")
        validate = ParamValidator().validate
        for rule in rules.values():
            [target] = rule["Targets"]
            named = {**target, "Arn": "arn", "RoleArn": "arn", "DeadLetterConfig": {"Arn": "arn"}}
            assert not validate(named, model.shape_for("Target")).has_errors()
            assert len(target["InputTransformer"]["InputTemplate"]) <= 8192
        for resource in resources.values():
            if resource["Type"] == "AWS::Events::ApiDestination":
                pattern = model.shape_for("HttpsEndpoint").metadata["pattern"]
                assert re.fullmatch(pattern, resource["Properties"]["InvocationEndpoint"])

    def test_nobody_else_may_write_into_the_queue_of_what_was_not_delivered(self, name: str) -> None:
        resources, _ = load(name)
        [statement] = resources["UndeliveredPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert "aws:SourceArn" in statement["Condition"]["ArnLike"]


class TestPagerDuty:
    @pytest.mark.parametrize("event", sorted(INCIDENTS))
    def test_pagerduty_takes_it(self, event: str) -> None:
        resources, rules = load("pagerduty")
        [(_, body)] = sent(rules, EVENTS[event])
        parameters = resources["Connection"]["Properties"]["AuthParameters"]["InvocationHttpParameters"]
        added = {one["Key"]: "x" * 32 for one in parameters["BodyParameters"]}
        PAGERDUTY(added | body)
        assert body["event_action"] == ("resolve" if event == "incident-resolved" else "trigger")
        assert body["dedup_key"] == EVENTS[event]["detail"]["incident"]

    def test_the_alert_has_the_incidents_severity(self) -> None:
        _, rules = load("pagerduty")
        for severity in ("warning", "critical"):
            [(_, body)] = sent(rules, changed("incident-opened", severity=severity))
            assert body["payload"]["severity"] == severity

    def test_what_is_not_urgent_pages_nobody_unless_asked_for(self) -> None:
        event = changed("incident-opened", severity="info")
        assert sent(load("pagerduty")[1], event) == []
        assert len(sent(load("pagerduty", Severities="info,warning,critical")[1], event)) == 1


class TestJiraServiceManagement:
    @pytest.mark.parametrize(("severity", "priority"), [("critical", "P1"), ("warning", "P3"), ("info", "P5")])
    @pytest.mark.parametrize("event", ["incident-opened", "incident-updated"])
    def test_an_alert_has_the_priority_of_its_severity(self, event: str, severity: str, priority: str) -> None:
        [(_, body)] = sent(load("jira-service-management")[1], changed(event, severity=severity))
        ALERT(body)
        assert (body["priority"], body["alias"]) == (priority, EVENTS[event]["detail"]["incident"])

    def test_a_message_of_many_agents_and_the_longest_cause_is_short_enough(self) -> None:
        event = changed("incident-opened", silent=100_000, cause="ENDPOINT_PENDING", vpc_id="vpc-" + "0" * 17)
        [(_, body)] = sent(load("jira-service-management")[1], event)
        ALERT(body)

    def test_the_end_closes_the_alert_by_its_alias(self) -> None:
        resources, rules = load("jira-service-management")
        event = EVENTS["incident-resolved"]
        [(name, body)] = sent(rules, event)
        CLOSED(body)
        [target] = rules[name]["Targets"]
        [alias] = target["HttpParameters"]["PathParameterValues"]
        endpoint = resources["ClosedAlerts"]["Properties"]["InvocationEndpoint"].replace("*", at_path(event, alias))
        assert endpoint.endswith(f"/v2/alerts/{EVENTS['incident-opened']['detail']['incident']}/close")
        assert target["HttpParameters"]["QueryStringParameters"] == {"identifierType": "alias"}


class TestACompanysRules:
    @pytest.mark.parametrize("path", sorted((ROOT / "integrations").glob("*.yaml")), ids=lambda path: path.name)
    def test_each_role_takes_a_boundary_and_a_path_and_each_queue_a_key(self, path: Any) -> None:
        template = read_template(path)
        none, boundary, key = Stack(template), "arn:aws:iam::123456789012:policy/b", "arn:aws:kms:us-east-1:1:key/k"
        given = Stack(template, {"PermissionsBoundary": boundary, "RolePath": "/platform/", "KmsKeyArn": key})
        roles, queues = (names_of(template, f"AWS::{kind}") for kind in ("IAM::Role", "SQS::Queue"))
        assert roles
        for name in roles:
            role = template["Resources"][name]["Properties"]
            assert [given.resolve(role[one]) for one in ("PermissionsBoundary", "Path")] == [boundary, "/platform/"]
            assert [none.resolve(role[one]) for one in ("PermissionsBoundary", "Path")] == [None, None]
        for name in queues:
            queue = template["Resources"][name]["Properties"]
            assert [given.resolve(queue[one]) for one in ("KmsMasterKeyId", "SqsManagedSseEnabled")] == [key, None]
            assert [none.resolve(queue[one]) for one in ("KmsMasterKeyId", "SqsManagedSseEnabled")] == [None, True]


class TestChat:
    @pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.chat.json")), ids=lambda path: path.name)
    def test_amazon_q_shows_each_notice(self, path: Any) -> None:
        CHAT(json.loads(path.read_text()))

    def test_a_channel_may_do_nothing_in_the_account(self) -> None:
        resources, _ = load("chat")
        assert "Policies" not in resources["Channel"]["Properties"]
        assert "ManagedPolicyArns" not in resources["Channel"]["Properties"]
        for name in ("Slack", "Teams"):
            assert resources[name]["Properties"]["SnsTopicArns"] == [{"Ref": "ChatTopic"}]
