"""Do the stack's rules deliver what they match? Each must be enabled, lead to its target, and be let in there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.network.conditions import Call
from lifeline.core.network.iam_policy import Permission, allows
from lifeline.core.wording import listed, write_count

RULES_CHECK, QUEUE_CHECK, BUS_CHECK = "rules", "queue policy", "room for rules"
# The rules on an account's own changes, by what the template calls them. CloudFormation's names contain that.
RULES = (
    "RoutingRule",
    "GatewayRule",
    "TransitRule",
    "EndpointRule",
    "AttemptRule",
    "FilterRule",
    "InterfaceRule",
    "InstanceRule",
    "TagRule",
)
OF_HUBS = "SpokesRule"  # on the bus for other accounts' changes
MOST_RULES = 300  # on a bus, unless AWS raised it (EventBridge guide: quotas)
# Both match calls that write; the second also calls that only read (EventBridge API: RuleState).
_ENABLED = frozenset({"ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"})
_SEND = "sqs:SendMessage"
_PUT_BACK = "Put the queue's policy back as the stack has it, for example by deploying with another DebounceSeconds."


@dataclass(frozen=True, slots=True)
class EventRule:
    """A rule that has Lifeline's queue, or its hub's bus, as a target."""

    name: str
    arn: str
    state: str

    @property
    def is_enabled(self) -> bool:
        """Whether it matches events at all."""
        return self.state in _ENABLED

    @property
    def enabling(self) -> str:
        """The command that enables it. An ARN names the bus of a rule unless that is the default one (EventBridge API:
        EnableRule; Service Authorization Reference: rule-on-custom-event-bus).
        """
        bus, _, _ = self.arn.partition(":rule/")[2].rpartition("/")
        return f"aws events enable-rule --name {self.name}{f' --event-bus-name {bus}' if bus else ''}"

    def is_called(self, logical_id: str) -> bool:
        """Whether CloudFormation made it as this resource: `<stack>-<logical id>-<letters>`."""
        return f"-{logical_id}-" in f"{self.name}-"


def check_rules(rules: Sequence[EventRule] | NotRead, expected: Sequence[str], target: str) -> Finding:
    """Whether each of the expected rules is enabled and leads to the target, which `target` says in words."""
    if isinstance(rules, NotRead):
        return unknown(RULES_CHECK, f"Which rules lead to {target} couldn't be read.", rules.why)
    found = {name: [rule for rule in rules if rule.is_called(name)] for name in expected}
    lost = [name for name, those in found.items() if not those]
    disabled = [those[0] for those in found.values() if those and not any(rule.is_enabled for rule in those)]
    if not lost and not disabled:
        return ok(RULES_CHECK, f"All {len(expected)} rules are enabled and lead to {target}.")
    faults, remedies = [], []
    if disabled:
        faults.append(f"disabled: {listed([rule.name for rule in disabled])}")
        remedies += [rule.enabling for rule in disabled]
    if lost:
        faults.append(f"deleted, or without {target} as its target: {listed(lost)}")
        remedies.append("deploy the stack that they are in again, after deleting what was changed by hand")
    return bad(RULES_CHECK, f"Of {len(expected)} rules, {'; '.join(faults)}.", f"Run {'; '.join(remedies)}.")


def check_queue_policy(policy: str | NotRead, queue_arn: str, rules: Sequence[EventRule] | NotRead) -> Finding:
    """Whether the queue's policy lets each rule send, as IAM would decide: read, not tried.

    EventBridge sends as its service with the rule's ARN as aws:SourceArn, and has no aws:PrincipalArn.
    """
    if isinstance(policy, NotRead):
        return unknown(QUEUE_CHECK, "The policy of the queue of changes couldn't be read.", policy.why)
    if isinstance(rules, NotRead):
        return unknown(QUEUE_CHECK, "Which rules must be let in isn't known.", rules.why)
    if not rules:
        return unknown(QUEUE_CHECK, "No rule leads to the queue of changes.", "There is no rule to judge it for.")
    if not policy.strip():
        return bad(QUEUE_CHECK, "The queue of changes has no policy, so no rule may send to it.", _PUT_BACK)
    return _judge({rule.name: allows(policy, _SEND, _call_of(rule, queue_arn)) for rule in rules})


def _judge(verdicts: Mapping[str, Permission]) -> Finding:
    shut = [name for name, verdict in verdicts.items() if verdict is Permission.DENIED]
    unsure = [name for name, verdict in verdicts.items() if verdict is Permission.UNSURE]
    if shut:
        return bad(QUEUE_CHECK, f"The policy of the queue of changes keeps out {listed(shut)}.", _PUT_BACK)
    if unsure:
        says = f"Whether the policy of the queue of changes lets {listed(unsure)} send isn't clear."
        return unknown(QUEUE_CHECK, says, "It hangs on a condition, or on a part that Lifeline can't judge.")
    return ok(QUEUE_CHECK, f"The policy of the queue of changes lets {write_count(len(verdicts), 'rule')} send.")


def _call_of(rule: EventRule, queue_arn: str) -> Call:
    account = rule.arn.split(":")[4] if rule.arn.count(":") >= 5 else ""
    values = {"aws:sourcearn": rule.arn, "aws:sourceaccount": account, "aws:principalisawsservice": "true"}
    values |= {"aws:securetransport": "true", "aws:principalservicename": "events.amazonaws.com"}
    nobody = frozenset({"aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:sourcevpc"})
    return Call(tuple(values.items()), absent=nobody, service="events.amazonaws.com", resource=queue_arn)


def check_bus(rules: int | NotRead) -> Finding:
    """Whether a first deployment finds room for its rules on the default bus."""
    if isinstance(rules, NotRead):
        return unknown(BUS_CHECK, "How many rules are on the default bus couldn't be read.", rules.why)
    says = f"The default bus has {write_count(rules, 'rule')}, and Lifeline needs {len(RULES)}."
    if rules + len(RULES) <= MOST_RULES:
        return ok(BUS_CHECK, says)
    return unknown(
        BUS_CHECK, says, f"There is room for {MOST_RULES}, unless AWS raised your quota; see Service Quotas."
    )
