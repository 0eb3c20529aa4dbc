"""Plans and their outcomes as text: a block for each VPC, a sign for each change, and totals at the end."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from lifeline.core.guards.backlog import backlog_of
from lifeline.core.network.hub import CheckAnswer
from lifeline.core.network.model import IN_PLACE_OF, Tier, UnsureTier
from lifeline.core.network.packets import ports_in
from lifeline.core.plan.actions import DELETES, Action, ActionKind, ServiceReport, ServiceState, Status
from lifeline.core.plan.answer import Approvable, Refusal, VpcAnswer
from lifeline.core.plan.cost import Price, cost_of, is_at_most, usd_words
from lifeline.core.policy.central import is_profile
from lifeline.core.wording import few, listed, quoted, wrap, write_count, write_time

MOST_IDLE = 10  # so many VPCs that need nothing are named; in a sweep of a region the rest is counted
_LEAD = " "
_UNDER = "   "  # less than the four spaces of what is to be pasted
_PASTED = "      "
_LONGEST_NAME = 40
_MOST_TAGS = 5


class Sign(StrEnum):
    """What happens to the network. BLOCKED says that the change isn't made and that someone must act."""

    CREATE = "+"
    CHANGE = "~"
    DELETE = "-"
    BLOCKED = "!"


@dataclass(frozen=True, slots=True)
class Words:
    """How one kind of action is written: its sign, what is to be done, and what was done. `{}` is the resource."""

    sign: Sign
    planned: str
    done: str


WORDS: dict[ActionKind, Words] = {
    ActionKind.FIX_DNS: Words(Sign.CHANGE, "turn on {} of the VPC", "turned on {} of the VPC"),
    ActionKind.CREATE_SECURITY_GROUP: Words(
        Sign.CREATE, "create a security group for endpoints", "created security group {} for endpoints"
    ),
    ActionKind.OPEN_SECURITY_GROUP: Words(Sign.CHANGE, "open security group {}", "opened security group {}"),
    ActionKind.ATTACH_SECURITY_GROUP: Words(
        Sign.CHANGE, "attach Lifeline's security group to {}", "attached Lifeline's security group to {}"
    ),
    ActionKind.RESET_POLICY: Words(
        Sign.CHANGE, "reset the policy of {} to the default", "reset the policy of {} to the default"
    ),
    ActionKind.RESET_DNS_RECORDS: Words(
        Sign.CHANGE,
        "let the names of {} lead to all of its addresses",
        "let the names of {} lead to all of its addresses",
    ),
    ActionKind.CREATE_INTERFACE_ENDPOINT: Words(
        Sign.CREATE, "create an interface endpoint", "created interface endpoint {}"
    ),
    ActionKind.ADD_SUBNETS: Words(Sign.CHANGE, "add subnets to {}", "added subnets to {}"),
    ActionKind.CREATE_GATEWAY_ENDPOINT: Words(Sign.CREATE, "create a gateway endpoint", "created gateway endpoint {}"),
    ActionKind.ADD_ROUTE_TABLES: Words(Sign.CHANGE, "add route tables to {}", "added route tables to {}"),
    ActionKind.ENABLE_PRIVATE_DNS: Words(Sign.CHANGE, "turn on private DNS for {}", "turned on private DNS for {}"),
    ActionKind.ASSOCIATE_CENTRAL: Words(Sign.CHANGE, "associate the VPC with {}", "associated the VPC with {}"),
    ActionKind.REPLACE_ENDPOINT: Words(Sign.CHANGE, "replace endpoint {}", "replaced an endpoint with {}"),
    ActionKind.SWAP_TO_LOCAL: Words(
        Sign.CHANGE, "let the endpoint stand in for {}", "let the endpoint stand in for {}"
    ),
    ActionKind.SWAP_TO_CENTRAL: Words(Sign.CHANGE, "give the name back to {}", "gave the name back to {}"),
    ActionKind.DISABLE_PRIVATE_DNS: Words(Sign.CHANGE, "turn off private DNS for {}", "turned off private DNS for {}"),
    ActionKind.DISASSOCIATE_CENTRAL: Words(
        Sign.CHANGE, "disassociate {} from the VPC", "disassociated {} from the VPC"
    ),
    ActionKind.RESTORE_LOCAL: Words(
        Sign.CHANGE, "let the endpoint answer again in place of {}", "let the endpoint answer again in place of {}"
    ),
    ActionKind.DELETE_AUTHORIZATION: Words(
        Sign.CHANGE, "delete the authorization for {}", "deleted the authorization for {}"
    ),
    ActionKind.REMOVE_SUBNETS: Words(Sign.CHANGE, "remove subnets from {}", "removed subnets from {}"),
    ActionKind.REMOVE_ROUTE_TABLES: Words(Sign.CHANGE, "remove route tables from {}", "removed route tables from {}"),
    ActionKind.MEND_ROUTE: Words(Sign.CHANGE, "mend a route", "mended a route"),
    ActionKind.AWAIT_ENDPOINT: Words(Sign.CHANGE, "wait for {}", "waited for {}"),
    ActionKind.MEND_POLICY: Words(
        Sign.CHANGE, "mend the policy that is named for {}", "mended the policy that is named for {}"
    ),
    ActionKind.OPEN_NETWORK_ACL: Words(Sign.CHANGE, "open a network ACL", "opened a network ACL"),
    ActionKind.CLOSE_SECURITY_GROUP: Words(
        Sign.CHANGE, "close security group {} to others", "closed security group {} to others"
    ),
    ActionKind.CONFIRM_OWNERSHIP: Words(Sign.CHANGE, "say whose {} is", "said whose {} is"),
    ActionKind.CORRECT_TAG: Words(Sign.CHANGE, "correct a tag", "corrected a tag"),
    ActionKind.RETIRE_ENDPOINT: Words(Sign.DELETE, "delete endpoint {}", "deleted endpoint {}"),
    ActionKind.DELETE_SECURITY_GROUP: Words(Sign.DELETE, "delete security group {}", "deleted security group {}"),
}
_STATES = {
    ServiceState.SERVED: "served",
    ServiceState.CENTRAL: "served centrally",
    ServiceState.PENDING: "not available yet",
    ServiceState.UNKNOWN: "not known",
    ServiceState.MISSING: "missing until the above is done",
    ServiceState.BLOCKED: "blocked",
}
_MAKES = frozenset(
    {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT, ActionKind.REPLACE_ENDPOINT}
)
_ERRORS = {Status.BLOCKED: "blocked", Status.FAILED: "failed", Status.PLANNED: "not yet"}


def plan_text(answers: Sequence[VpcAnswer], price: Price, *, is_plan: bool, errors: Sequence[Refusal] = ()) -> str:
    """Write answers in ASCII and 80 columns, in their order, with totals; `errors` are the call's invalid fields.

    With `is_plan` nothing was to be changed; otherwise the text says what was done. What waits in the backlog costs
    nothing yet, so what it would cost by `price` is said besides. The same answers give the same text. Ids and commands
    that are longer than a line are not broken.
    """
    idle = [answer for answer in answers if _is_idle(answer)]
    left_out = {answer.vpc_id for answer in idle[MOST_IDLE:]}
    shared = _shared_notes(answers)
    lines: list[str] = []
    for answer in answers:
        if answer.vpc_id not in left_out:
            lines += [*_block(answer, shared), ""]
    if left_out:
        lines += [f"{write_count(len(left_out), 'more VPC')}: nothing to do.", ""]
    lines += [line for note in shared for line in [*wrap(f"Note: {note}", rest=_UNDER), ""]]
    lines += [line for error in errors for line in [*wrap(f"Error: {error.field}: {error.message}", rest=_UNDER), ""]]
    return "\n".join([*lines, *_totals(answers, price, is_plan=is_plan)]) + "\n"


def queued_text(answers: Iterable[VpcAnswer]) -> str:
    """What a caller reads who doesn't get to see the end of it; empty where nothing is left to do."""
    left = sum(any(action.is_planned for action in answer.actions) for answer in answers)
    if not left:
        return ""
    return (
        f"The rest in {write_count(left, 'VPC')} is queued, and Lifeline will go on with it by itself. To see what "
        'became of it, send {"history": {"vpc_id": "vpc-..."}}.'
    )


def action_lines(actions: Iterable[Action], zones: Iterable[tuple[str, str]] = ()) -> list[str]:
    """List actions by service: what was or would be done, on which resources, why, and why not.

    What failed comes first, and whose something is comes last, for that may be cut off; those of the whole VPC come
    before the others. `zones` names the zone of each subnet.
    """
    zone_of = dict(zones)
    asks = ActionKind.CONFIRM_OWNERSHIP
    in_order = sorted(actions, key=lambda action: (not action.is_failed, action.kind is asks, action.service))
    return [line for action in in_order for line in _action(action, zone_of)]


def way_lines(words: Sequence[str]) -> list[str]:
    """What each way to reach a hub's services costs, and which is the cheapest, as `HubComparison.words` has it."""
    title, *rows = words
    return [*wrap(title, first=_LEAD, rest=_UNDER), *(line for row in rows for line in wrap(row, first=_UNDER))]


def resource_ids(actions: Iterable[Action]) -> tuple[str, ...]:
    """The ids of all resources that the actions name."""
    named = (
        (*action.subnet_ids, *action.route_table_ids, action.endpoint_id, action.security_group_id)
        for action in actions
    )
    return tuple(dict.fromkeys(resource_id for ids in named for resource_id in ids if resource_id))


def hub_words(central_ids: Sequence[str]) -> str:
    """A hub's zones or its Profile, by their IDs; an empty text if there are none."""
    if not central_ids:
        return ""
    if is_profile(central_ids[0]):
        return f"the hub's Profile {central_ids[0]}"
    return f"the hub's zone{'' if len(central_ids) == 1 else 's'} {listed(central_ids)}"


def deleted_ids(actions: Iterable[Action]) -> tuple[str, ...]:
    """The ids of the endpoints and security groups that the actions deleted."""
    gone = (action for action in actions if action.kind in DELETES and action.is_done)
    return tuple(action.target for action in gone)


def with_slash(command: str, indent: str) -> list[str]:
    """Break a command before its --event, so that both lines can be pasted."""
    return [f"{indent}{line}" for line in command.replace(" --event ", " \\\n  --event ").split("\n")]


# ---- one VPC


def _is_idle(answer: VpcAnswer) -> bool:
    return not (answer.actions or answer.refusal)


def _shared_notes(answers: Sequence[VpcAnswer]) -> tuple[str, ...]:
    """Notes that all of several VPCs have, to be written once, below. One `note` may join several."""
    if len(answers) < 2:
        return ()
    first, *others = [_notes(answer) for answer in answers]
    return tuple(note for note in first if all(note in notes for notes in others))


def _notes(answer: VpcAnswer) -> list[str]:
    return [note for note in answer.note.split("; ") if note]


def _block(answer: VpcAnswer, shared: Collection[str]) -> list[str]:
    name = f" ({quoted(answer.name, _LONGEST_NAME)})" if answer.name else ""
    lines = [f"{answer.vpc_id}{name}"]
    if answer.tiers:
        lines += wrap(_subnets(answer), first=_LEAD, rest=_UNDER)
    if answer.refusal:
        lines += wrap(f"! {answer.refusal.field}: {answer.refusal.message}", first=_LEAD, rest=_UNDER)
    lines += action_lines(answer.actions, answer.zones)
    lines += _approval(answer.approval) if answer.approval else []
    if _is_idle(answer) and answer.tiers:
        lines.append(f"{_LEAD}nothing to do")
    states = list(_states(answer))
    if states:
        lines += wrap(f"= {'; '.join(states)}", first=_LEAD, rest=_UNDER)
    lines += way_lines(answer.comparison.words) if answer.comparison else []
    notes = [note for note in _notes(answer) if note not in shared]
    return lines + (wrap(f"note: {'; '.join(notes)}", first=_LEAD, rest=_UNDER) if notes else [])


def _subnets(answer: VpcAnswer) -> str:
    """How many subnets of each tier, and in which zones these are."""
    zone_of = dict(answer.zones)
    parts = []
    for tier in (*Tier, *UnsureTier):
        ids = [subnet_id for subnet_id, candidate in answer.tiers if candidate is tier]
        zones = sorted({zone_of[subnet_id] for subnet_id in ids if subnet_id in zone_of})
        if ids:
            parts.append(f"{len(ids)} {tier}" + (f" in {', '.join(zones)}" if zones else ""))
    return "subnets: " + "; ".join(parts)


def _states(answer: VpcAnswer) -> Iterator[str]:
    """The state of each service that has no action."""
    acted = {action.service for action in answer.actions}
    return (_state(report) for report in answer.services if report.service not in acted)


def _state(report: ServiceReport) -> str:
    by = f" by {report.by}" if report.state in {ServiceState.SERVED, ServiceState.CENTRAL} and report.by else ""
    more = f" ({report.by or report.detail})" if not by and (report.by or report.detail) else ""
    return f"{report.service} {_STATES[report.state]}{by}{more}"


def _approval(approval: Approvable) -> list[str]:
    which = f"{approval.plan_id}; {approval.cost_words}"
    words = f"! to approve these changes once, until {write_time(approval.ends_at)} ({which}):"
    return [*wrap(words, first=_LEAD, rest=_UNDER), *with_slash(approval.command, _PASTED)]


# ---- one action


def _action(action: Action, zone_of: Mapping[str, str]) -> list[str]:
    words = WORDS[action.kind]
    what = (words.done if action.is_done else words.planned).format(_resource(action)).rstrip()
    if action.kind is ActionKind.RESET_POLICY and action.policy:
        what = f"set the policy of {action.endpoint_id} to {action.policy_words}"
    service = f"{action.service}: " if action.service else ""
    allows = "no more" if action.kind is ActionKind.CLOSE_SECURITY_GROUP else "allows"
    lines = wrap(f"{_sign(action)} {service}{what}", first=_LEAD, rest=_UNDER)
    for label, text in (
        ("in", ", ".join(_located(subnet_id, zone_of) for subnet_id in action.subnet_ids)),
        ("for", ", ".join(action.route_table_ids)),
        (allows, f"TCP {ports_in(action.ports)} from {', '.join(action.cidrs)}" if action.cidrs else ""),
        ("policy", _policy(action)),
        ("tags", few([f"{quoted(key)}={quoted(value)}" for key, value in action.tags], _MOST_TAGS)),
        ("with", _private_dns(action)),
        ("why", action.reason),
        ("checked", _checked(action.checks)),
        (_ERRORS.get(action.status, "note"), action.error),
    ):
        if text:
            lines += wrap(f"{label}: {text}", first=_UNDER, rest=_UNDER)
    return lines


def _policy(action: Action) -> str:
    """What an endpoint lets through that is to be made, or was: full access is said, too."""
    return action.policy_words if action.kind in _MAKES else ""


def _private_dns(action: Action) -> str:
    """Why an endpoint doesn't answer from the start; an empty text if it does."""
    if action.private_dns:
        return ""
    if any(key == IN_PLACE_OF for key, _ in action.tags):
        return "private DNS off until it takes the name from the hub"
    return "private DNS off until the endpoint is available (canary)"


def _checked(checks: Sequence[str]) -> str:
    """The checks' words: what doesn't hold or can't be read, each with its answer, and then all that holds."""
    found = [(what, answer.partition(" ")) for what, _, answer in (check.partition(": ") for check in checks)]
    others = [check for check, (_, (word, *_)) in zip(checks, found, strict=True) if word != CheckAnswer.YES]
    held = [f"{what} {why}".rstrip() for what, (word, _, why) in found if word == CheckAnswer.YES]
    return "; ".join([*others, *([f"fine: {', '.join(held)}"] if held else [])])


def _sign(action: Action) -> Sign:
    return Sign.BLOCKED if action.status in {Status.BLOCKED, Status.FAILED} else WORDS[action.kind].sign


def _resource(action: Action) -> str:
    if action.kind is ActionKind.FIX_DNS:
        return " and ".join(action.attributes)
    if action.kind is ActionKind.OPEN_SECURITY_GROUP:
        return action.security_group_id or f"of {action.endpoint_id}"
    return hub_words(action.central_ids) or action.target


def _located(subnet_id: str, zone_of: Mapping[str, str]) -> str:
    return f"{subnet_id} ({zone_of[subnet_id]})" if subnet_id in zone_of else subnet_id


# ---- the totals


def _totals(answers: Sequence[VpcAnswer], price: Price, *, is_plan: bool) -> list[str]:
    actions = [action for answer in answers for action in answer.actions]
    counts = Counter((_sign(action), action.status) for action in actions)
    statuses = Counter(action.status for action in actions)
    counted = Status.PLANNED if is_plan else Status.DONE
    verbs = ("to create", "to change", "to delete") if is_plan else ("created", "changed", "deleted")
    signs = (Sign.CREATE, Sign.CHANGE, Sign.DELETE)
    parts = [f"{counts[sign, counted]} {verb}" for sign, verb in zip(signs, verbs, strict=True)]
    parts.append(f"{statuses[Status.BLOCKED]} blocked")
    parts += [f"{statuses[Status.FAILED]} failed"] if statuses[Status.FAILED] else []
    parts += [f"{statuses[Status.PLANNED]} left for the next run"] if statuses[Status.PLANNED] and not is_plan else []
    cost = sum((answer.monthly_cost_usd for answer in answers), Decimal(0))
    at_most = is_at_most(action for action in actions if action.status is counted)
    waiting = [backlog_of(answer.actions) for answer in answers]
    waiting_usd = sum((cost_of(backlog, price) for backlog in waiting), Decimal(0))
    waiting_words = usd_words(waiting_usd, at_most=is_at_most(action for backlog in waiting for action in backlog))
    prices = dict.fromkeys(answer.comparison.prices for answer in answers if answer.comparison)
    return [
        *wrap(f"{'Plan' if is_plan else 'Done'}: {', '.join(parts)} in {write_count(len(answers), 'VPC')}."),
        f"Cost: {usd_words(cost, at_most=at_most)} more per month, before data charges.",
        *([f"What waits in the backlog would cost {waiting_words} more per month."] if waiting_usd else []),
        *(line for words in prices for line in wrap(f"Prices: {words}.", rest=_UNDER)),
        *(["This is a plan: nothing was changed."] if is_plan else []),
    ]
