"""A plan, or what was done, as people read it: a block for each VPC, a sign for each change, and a sum at the end."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from lifeline.core.network.model import Tier
from lifeline.core.plan.actions import Action, ActionKind, ServiceReport, ServiceState, Status
from lifeline.core.plan.answer import Approvable, Refusal, VpcAnswer
from lifeline.core.wording import plain, wrap, write_count, write_time

MOST_IDLE = 10  # so many VPCs that need nothing are named; in a sweep of a region the rest is counted
_UNDER = "      "


class Sign(StrEnum):
    """What happens to the network. BLOCKED says that it doesn't, or didn't, and that a person must act."""

    CREATE = "+"
    CHANGE = "~"
    DELETE = "-"
    BLOCKED = "!"


@dataclass(frozen=True, slots=True)
class Words:
    """How one kind of action is told: its sign, what is to be done, and what was done. `{}` is the resource."""

    sign: Sign
    planned: str
    done: str


WORDS: dict[ActionKind, Words] = {
    ActionKind.FIX_DNS: Words(Sign.CHANGE, "turn on the VPC's {}", "turned on the VPC's {}"),
    ActionKind.CREATE_SECURITY_GROUP: Words(
        Sign.CREATE, "create the endpoints' security group", "created the endpoints' security group {}"
    ),
    ActionKind.OPEN_SECURITY_GROUP: Words(Sign.CHANGE, "open the security group {}", "opened the security group {}"),
    ActionKind.ATTACH_SECURITY_GROUP: Words(
        Sign.CHANGE, "put Lifeline's security group on {}", "put Lifeline's security group on {}"
    ),
    ActionKind.CREATE_INTERFACE_ENDPOINT: Words(
        Sign.CREATE, "create an interface endpoint", "created the interface endpoint {}"
    ),
    ActionKind.ADD_SUBNETS: Words(Sign.CHANGE, "add subnets to {}", "added subnets to {}"),
    ActionKind.CREATE_GATEWAY_ENDPOINT: Words(
        Sign.CREATE, "create a gateway endpoint", "created the gateway endpoint {}"
    ),
    ActionKind.ADD_ROUTE_TABLES: Words(Sign.CHANGE, "add route tables to {}", "added route tables to {}"),
    ActionKind.ENABLE_PRIVATE_DNS: Words(Sign.CHANGE, "turn on private DNS of {}", "turned on private DNS of {}"),
    ActionKind.REPLACE_ENDPOINT: Words(Sign.CHANGE, "replace the endpoint {}", "replaced an endpoint: now it is {}"),
    ActionKind.DISABLE_PRIVATE_DNS: Words(Sign.CHANGE, "turn off private DNS of {}", "turned off private DNS of {}"),
    ActionKind.REMOVE_SUBNETS: Words(Sign.CHANGE, "take subnets off {}", "took subnets off {}"),
    ActionKind.REMOVE_ROUTE_TABLES: Words(Sign.CHANGE, "take route tables off {}", "took route tables off {}"),
    ActionKind.OPEN_NETWORK_ACL: Words(Sign.CHANGE, "open a network ACL", "opened a network ACL"),
    ActionKind.RETIRE_ENDPOINT: Words(Sign.DELETE, "delete the endpoint {}", "deleted the endpoint {}"),
    ActionKind.DELETE_SECURITY_GROUP: Words(
        Sign.DELETE, "delete the security group {}", "deleted the security group {}"
    ),
}
_OF_A_GROUP = frozenset(
    {ActionKind.CREATE_SECURITY_GROUP, ActionKind.OPEN_SECURITY_GROUP, ActionKind.DELETE_SECURITY_GROUP}
)
_STANDING = {
    ServiceState.SERVED: "served",
    ServiceState.CENTRAL: "served centrally",
    ServiceState.PENDING: "not up yet",
    ServiceState.UNKNOWN: "not known",
    ServiceState.MISSING: "missing until that is done",
    ServiceState.BLOCKED: "blocked",
}


def plan_text(answers: Sequence[VpcAnswer], *, is_plan: bool, errors: Sequence[Refusal] = ()) -> str:
    """The answers in ASCII and 80 columns, in their order, with a sum; `errors` are what in the call was unusable.

    `is_plan` says that nothing was to be changed; else it tells what was done. The same answers give the same text.
    Ids and commands that are longer than a line are not broken.
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
    lines += [line for refusal in errors for line in [*_error_lines(refusal), ""]]
    return "\n".join([*lines, *_sum(answers, is_plan=is_plan)]) + "\n"


def action_lines(answer: VpcAnswer) -> list[str]:
    """What becomes of each action, by service, with its reason; then what waits for approval, and the command."""
    places = dict(answer.zones)
    lines = [line for action in _by_service(answer.actions) for line in _action(action, places)]
    return lines + (_approval(answer.approval) if answer.approval else [])


# ---- one VPC


def _is_idle(answer: VpcAnswer) -> bool:
    return not (answer.actions or answer.refusal)


def _shared_notes(answers: Sequence[VpcAnswer]) -> tuple[str, ...]:
    """Notes that every one of several VPCs has: they are told once, below. A note may be several, joined."""
    if len(answers) < 2:
        return ()
    found = [_notes(answer) for answer in answers]
    return tuple(note for note in found[0] if all(note in others for others in found[1:]))


def _notes(answer: VpcAnswer) -> list[str]:
    return [note for note in answer.note.split("; ") if note]


def _block(answer: VpcAnswer, shared: Collection[str]) -> list[str]:
    name = f" ({plain(answer.name)[:40]})" if answer.name else ""
    lines = [f"{answer.vpc_id}{name}"]
    if answer.tiers:
        lines += wrap(_subnets(answer), first="  ", rest=_UNDER)
    if answer.refusal:
        lines += wrap(f"! {answer.refusal.field}: {answer.refusal.message}", first="  ", rest=_UNDER)
    lines += action_lines(answer)
    if _is_idle(answer) and answer.tiers:
        lines.append("  nothing to do")
    standing = list(_standing(answer))
    if standing:
        lines += wrap(f"= {'; '.join(standing)}", first="  ", rest="    ")
    notes = [note for note in _notes(answer) if note not in shared]
    return lines + (wrap(f"note: {'; '.join(notes)}", first="  ", rest=_UNDER) if notes else [])


def _subnets(answer: VpcAnswer) -> str:
    """How many subnets of each tier, and in which zones these are."""
    places = dict(answer.zones)
    parts = []
    for tier in Tier:
        ids = [subnet_id for subnet_id, candidate in answer.tiers if candidate is tier]
        zones = sorted({places[subnet_id] for subnet_id in ids if subnet_id in places})
        if ids:
            parts.append(f"{len(ids)} {tier}" + (f" in {', '.join(zones)}" if zones else ""))
    return "subnets: " + "; ".join(parts)


def _standing(answer: VpcAnswer) -> Iterator[str]:
    """How the services stand that no action is for."""
    acted = {action.service for action in answer.actions}
    for report in answer.services:
        if report.service not in acted:
            yield _report(report)


def _report(report: ServiceReport) -> str:
    by = f" by {report.by}" if report.state in {ServiceState.SERVED, ServiceState.CENTRAL} and report.by else ""
    more = f" ({report.by or report.detail})" if not by and (report.by or report.detail) else ""
    return f"{report.service} {_STANDING[report.state]}{by}{more}"


# ---- one action


def _by_service(actions: Iterable[Action]) -> list[Action]:
    """What is for the whole VPC first; within a service, as it is done."""
    return sorted(actions, key=lambda action: action.service)


def _action(action: Action, places: dict[str, str]) -> list[str]:
    words = WORDS[action.kind]
    notified = words.done if action.status is Status.DONE else words.planned
    what = notified.format(_resource(action)).rstrip()
    subject = f"{action.service}: " if action.service else ""
    lines = wrap(f"{_sign(action)} {subject}{what}", first="  ", rest=_UNDER)
    for label, text in (
        ("in", ", ".join(_placed(subnet_id, places) for subnet_id in action.subnet_ids)),
        ("for", ", ".join(action.route_table_ids)),
        ("from", ", ".join(action.cidrs)),
        ("with", "" if action.private_dns else "no private DNS yet: it is switched on once available (canary)"),
        ("why", action.reason),
        (_but(action), action.error),
    ):
        if text:
            lines += wrap(f"{label}: {text}", first=_UNDER, rest=_UNDER + "  ")
    return lines


def _sign(action: Action) -> Sign:
    return Sign.BLOCKED if action.status in {Status.BLOCKED, Status.FAILED} else WORDS[action.kind].sign


def _but(action: Action) -> str:
    return {Status.BLOCKED: "blocked", Status.FAILED: "failed", Status.PLANNED: "not yet"}.get(action.status, "but")


def _resource(action: Action) -> str:
    if action.kind is ActionKind.FIX_DNS:
        return " and ".join(action.attributes)
    return action.security_group_id if action.kind in _OF_A_GROUP else action.endpoint_id


def _placed(subnet_id: str, places: dict[str, str]) -> str:
    return f"{subnet_id} ({places[subnet_id]})" if subnet_id in places else subnet_id


def _approval(approval: Approvable) -> list[str]:
    cost = f"{approval.monthly_cost_usd} USD a month more, before data charges"
    words = f"! to approve just that, once, until {write_time(approval.ends_at)} ({approval.plan_id}; {cost}):"
    command = approval.command.replace(" --event ", f" \\\n{_UNDER}  --event ")
    return [*wrap(words, first="  ", rest="    "), *f"{_UNDER}{command}".split("\n")]


def _error_lines(one: Refusal) -> list[str]:
    return wrap(f"Error: {one.field}: {one.message}", rest=_UNDER)


# ---- the sum


def _sum(answers: Sequence[VpcAnswer], *, is_plan: bool) -> list[str]:
    actions = [action for answer in answers for action in answer.actions]
    counts = Counter((_sign(action), action.status) for action in actions)
    wanted = Status.PLANNED if is_plan else Status.DONE
    verbs = ("to create", "to change", "to delete") if is_plan else ("created", "changed", "deleted")
    signs = (Sign.CREATE, Sign.CHANGE, Sign.DELETE)
    parts = [f"{counts[sign, wanted]} {verb}" for sign, verb in zip(signs, verbs, strict=True)]
    parts.append(f"{sum(action.status is Status.BLOCKED for action in actions)} blocked")
    failed = sum(action.status is Status.FAILED for action in actions)
    waiting = 0 if is_plan else sum(action.status is Status.PLANNED for action in actions)
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{waiting} left for a later look"] if waiting else []
    where = write_count(len(answers), "VPC")
    lines = wrap(f"{'Plan' if is_plan else 'Done'}: {', '.join(parts)} in {where}.")
    cost = sum((answer.monthly_cost_usd for answer in answers), Decimal(0))
    lines += wrap(f"Cost: {cost:.2f} USD a month more, before data charges.")
    return [*lines, "This is a plan: nothing was changed."] if is_plan else lines
