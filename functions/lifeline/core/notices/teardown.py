"""What people hear of a teardown: who deletes what, what was taken out of the way, what stays, and until when."""

from collections.abc import Iterable, Iterator, Sequence

from lifeline.core.coexist.teardown import IN_USE, Attempt, Teardown
from lifeline.core.guards.kill_switch import KILL_SWITCH
from lifeline.core.network.model import Vpc, is_own
from lifeline.core.notices.notice import Notice, Severity, subject_line
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.plan.security_group import own_security_group
from lifeline.core.wording import wrap, write_time

_SHOWN = 3
_CLEARS = frozenset({ActionKind.RETIRE_ENDPOINT, ActionKind.REMOVE_SUBNETS, ActionKind.DELETE_SECURITY_GROUP})


def teardown_notice(vpc: Vpc, teardown: Teardown, actions: Sequence[Action], owner: str, *, is_plan: bool) -> Notice:
    """One VPC's teardown as it stands now, with what became of Lifeline's own there."""
    ours = tuple(action for action in actions if clears(action))
    attempts = [*teardown.cleared, *(attempt for attempt, _ in teardown.in_use)]
    events = [attempt.event_id for attempt in attempts if attempt.event_id]
    return Notice(
        kind="teardown",
        severity=_severity(teardown, ours),
        subject=subject_line(f"[lifeline] teardown in {vpc.id}: {_outcome(teardown, ours)}"),
        happened=tuple(line for attempt in attempts for line in wrap(_attempt_words(attempt))),
        why=tuple(line for text in _why(teardown) for line in wrap(text)),
        done=tuple(line for text in _done(ours, is_plan=is_plan) for line in wrap(text, rest="  ")),
        next=tuple(line for text in _next(vpc, teardown, ours, owner, is_plan=is_plan) for line in wrap(text)),
        ids=tuple(wrap(f"CloudTrail: {', '.join(events)}")) if events else (),
        vpc_id=vpc.id,
        facts={
            "vpc_id": vpc.id,
            "deleting": [attempt.resource_id for attempt in attempts],
            "in_use": {attempt.resource_id: list(found) for attempt, found in teardown.in_use},
            "removed": [
                action.endpoint_id or action.security_group_id for action in ours if action.status is Status.DONE
            ],
            "hands_off_until": teardown.until.isoformat() if teardown.until and not is_plan else "",
        },
    )


def clears(action: Action) -> bool:
    """True if the action is of a kind that takes something out of a teardown's way."""
    return action.kind in _CLEARS


def notified_here(teardown: Teardown, action: Action) -> bool:
    """True if the teardown's notice tells of the action: what goes, and what isn't made while hands are off."""
    return clears(action) or (
        action.status is Status.BLOCKED and bool(teardown.cleared) and (teardown.is_whole or teardown.is_idle)
    )


def _severity(teardown: Teardown, ours: Iterable[Action]) -> Severity:
    if any(action.status is Status.FAILED for action in ours):
        return Severity.CRITICAL
    return Severity.WARNING if teardown.in_use or any(action.blocked_by for action in ours) else Severity.INFO


def _outcome(teardown: Teardown, ours: Sequence[Action]) -> str:
    done = sum(action.status is Status.DONE for action in ours)
    if done:
        left = sum(action.status is Status.PLANNED for action in ours)
        return f"{done} of Lifeline's own removed{f', {left} to go' if left else ''}"
    if any(action.status is Status.FAILED for action in ours):
        return "could not take Lifeline's own out of the way"
    return "nothing removed, others are in there" if teardown.in_use else "nothing removed yet"


def _attempt_words(attempt: Attempt) -> str:
    actor = attempt.actor or "Somebody unnamed"
    return (
        f"{actor} tried to delete {attempt.resource_id} at {write_time(attempt.at)}. EC2 refused it: it "
        "isn't empty (DependencyViolation)."
    )


def _why(teardown: Teardown) -> Iterator[str]:
    for cleared in teardown.cleared:
        yield f"Nobody else's network interface is in {cleared.resource_id}, so Lifeline removes its own."
    for attempt, found in teardown.in_use:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield (
            f"{', '.join(found[:_SHOWN])}{more} in {attempt.resource_id} {'are' if len(found) > 1 else 'is'} not "
            "Lifeline's. Whoever they belong to may still need its endpoints, so nothing is removed for that."
        )


def _done(ours: Iterable[Action], *, is_plan: bool) -> Iterator[str]:
    for action in ours:
        what = _what(action)
        match action.status:
            case Status.DONE:
                yield f"- done: {what}"
            case Status.PLANNED:
                lead = "would" if is_plan else "to go, Lifeline tries again by itself:"
                yield f"- {lead} {what}{f' ({action.error})' if action.error else ''}"
            case Status.BLOCKED if action.blocked_by == KILL_SWITCH:
                yield f"- not done, for {action.error}: {what}"
            case Status.BLOCKED if action.error.startswith(IN_USE):
                yield f"- left alone: {what}"
            case Status.BLOCKED:
                yield f"- left alone: {what} ({action.error})"
            case Status.FAILED:
                yield f"- failed: {what}: {action.error}"
    if is_plan:
        yield "Mode is plan: nothing was changed."


def _what(action: Action) -> str:
    if action.kind is ActionKind.DELETE_SECURITY_GROUP:
        return f"delete the security group {action.security_group_id}"
    if action.kind is ActionKind.REMOVE_SUBNETS:
        return f"take {action.endpoint_id} ({action.service}) out of {', '.join(action.subnet_ids)}"
    return f"delete {action.endpoint_id} ({action.service})"


def _next(vpc: Vpc, teardown: Teardown, ours: Iterable[Action], owner: str, *, is_plan: bool) -> Iterator[str]:
    if teardown.in_use:
        yield "To have it deleted, let these go first, and try again: Lifeline looks anew each time."
    if not teardown.cleared or is_plan:
        return
    yield "Try again in a minute or two, when the endpoints' interfaces are gone. Terraform does so by itself."
    if others := _others(vpc, teardown, owner):
        yield f"Not Lifeline's, and perhaps in the way too: {others}."
    is_needed = any(
        action.kind is ActionKind.RETIRE_ENDPOINT and action.status is not Status.BLOCKED for action in ours
    )
    if is_needed and not teardown.is_idle:
        yield "Whoever needs it elsewhere in the VPC gets another endpoint, in the look that follows."
    until = write_time(teardown.until) if teardown.until else ""
    where = vpc.id if teardown.is_whole or teardown.is_idle else ", ".join(sorted(teardown.doomed))
    yield f"Lifeline makes nothing in {where} until {until}, or until somebody invokes it with"
    yield f'    {{"vpc_ids": ["{vpc.id}"], "unfreeze": true}}'


def _others(vpc: Vpc, teardown: Teardown, owner: str) -> str:
    """What else of the VPC would have to go, as far as Lifeline sees it."""
    if not teardown.is_whole:
        return ""
    own = own_security_group(vpc, owner)
    groups = [
        security_group.id
        for security_group in vpc.security_groups
        if security_group.name != "default" and security_group != own
    ]
    endpoints = [
        endpoint.id for endpoint in vpc.endpoints if not is_own(endpoint, owner) and not endpoint.state.is_gone
    ]
    tables = [route_table.id for route_table in vpc.route_tables if not route_table.is_main]
    gateways = sorted(
        {route.target_id for table in vpc.route_tables for route in table.routes if _is_gateway(route.target_id)}
    )
    kinds = (endpoints, [subnet.id for subnet in vpc.subnets], groups, tables, gateways)
    return ", ".join(_few(sorted(found)) for found in kinds if found)


def _is_gateway(target_id: str) -> bool:
    return target_id.startswith(("igw-", "vgw-", "eigw-"))


def _few(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f"{', '.join(ids[:_SHOWN])}{more}"
