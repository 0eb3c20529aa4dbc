"""How events are delivered: the rules that lead somewhere, whom the queue lets in, and what sets Lifeline going."""

from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, run_concurrently
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.doctor.delivery import EventRule
from lifeline.core.doctor.sweeps import REPORTS, QueueTrigger
from lifeline.core.errors import TerminalError

_GONE = "ResourceNotFoundException"


class Delivery:
    """EventBridge's rules and schedules, SQS's policy of a queue, and what has Lambda receive from it."""

    def __init__(self, client: ClientOf = client) -> None:
        self._client = client

    def rules_to(self, target_arn: str, *, bus: str = "default") -> tuple[EventRule, ...]:
        """The bus's rules that have this target, enabled or not. Raises ours."""
        events, request = self._client("events"), {"TargetArn": target_arn, "EventBusName": bus}
        names: list[str] = []
        with aws_errors(f"list_rule_names_by_target of {target_arn}"):
            while True:
                answer = events.list_rule_names_by_target(**request)
                names += answer.get("RuleNames", [])
                if not answer.get("NextToken"):
                    break
                request["NextToken"] = answer["NextToken"]
        found = run_concurrently([partial(_rule, events, name, bus) for name in names])
        return tuple(rule for rule in found if rule)

    def count_rules(self) -> int:
        """How many rules are on the default bus. Raises ours."""
        events, request, count = self._client("events"), dict[str, Any](), 0
        with aws_errors("list_rules"):
            while True:
                answer = events.list_rules(**request)
                count += len(answer.get("Rules", []))
                if not answer.get("NextToken"):
                    return count
                request["NextToken"] = answer["NextToken"]

    def queue(self, url: str) -> tuple[str, str]:
        """The queue's ARN and its policy, empty where it has none. Raises ours."""
        wanted = ["QueueArn", "Policy"]
        with aws_errors("get_queue_attributes"):
            answer = self._client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=wanted)
        found = answer.get("Attributes", {})
        return str(found.get("QueueArn", "")), str(found.get("Policy", ""))

    def triggers(self, queue_arn: str) -> tuple[QueueTrigger, ...]:
        """What has Lambda receive from the queue. Raises ours."""
        functions, request, found = self._client("lambda"), {"EventSourceArn": queue_arn}, list[QueueTrigger]()
        with aws_errors("list_event_source_mappings"):
            while True:
                answer = functions.list_event_source_mappings(**request)
                found += map(_trigger, answer.get("EventSourceMappings", []))
                if not answer.get("NextMarker"):
                    return tuple(found)
                request["Marker"] = answer["NextMarker"]

    def schedule(self, name: str) -> str | None:
        """The state of the schedule; None where there is none of this name. Raises ours."""
        try:
            with aws_errors(f"get_schedule {name}"):
                return str(self._client("scheduler").get_schedule(Name=name)["State"])
        except TerminalError as error:
            if error.code == _GONE:
                return None
            raise


def _trigger(mapping: dict[str, Any]) -> QueueTrigger:
    filters = mapping.get("FilterCriteria", {}).get("Filters") or mapping.get("FilterCriteriaError")
    return QueueTrigger(
        mapping["UUID"],
        mapping["State"],
        mapping.get("FunctionArn", ""),
        is_filtered=bool(filters),
        drops_failures=REPORTS not in (mapping.get("FunctionResponseTypes") or []),
    )


def _rule(events: Any, name: str, bus: str) -> EventRule | None:
    """The rule; None where it is gone by now."""
    try:
        with aws_errors(f"describe_rule {name}"):
            found = events.describe_rule(Name=name, EventBusName=bus)
    except TerminalError as error:
        if error.code == _GONE:
            return None
        raise
    return EventRule(name, found.get("Arn", ""), found.get("State", ""))
