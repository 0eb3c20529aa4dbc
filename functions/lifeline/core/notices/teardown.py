"""The notice of a teardown: who deletes what, what Lifeline removed, what stays, and for how long it does nothing."""

from collections.abc import Iterable, Iterator, Sequence

from lifeline.core.coexist.teardown import NEEDED, NO_PLACE, Attempt, Teardown, held_subnets
from lifeline.core.network.model import Vpc, is_own
from lifeline.core.notices.notice import Notice, invoke_lines, subject_line
from lifeline.core.notices.plan_text import action_lines, deleted_ids, resource_ids
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.plan.security_group import own_security_groups
from lifeline.core.severity import Severity
from lifeline.core.wording import few, listed, write_actor, write_count, write_time

_SHOWN = 3
_INTERFACE = "eni-"
_USERS = {True: "network interfaces", False: "routes to other networks"}
_CLEARS = frozenset({ActionKind.RETIRE_ENDPOINT, ActionKind.REMOVE_SUBNETS, ActionKind.DELETE_SECURITY_GROUP})


def teardown_notice(vpc: Vpc, teardown: Teardown, actions: Sequence[Action], owner: str, *, is_plan: bool) -> Notice:
    """Write how one VPC's teardown stands, and what became of Lifeline's resources there. `owner` is the stack."""
    ours = tuple(action for action in actions if clears(action))
    attempts = [*teardown.cleared, *(attempt for attempt, _ in teardown.in_use)]
    return Notice(
        kind="teardown",
        severity=_severity(teardown, ours),
        subject=subject_line(f"[lifeline] teardown in {vpc.id}: {_outcome(teardown, ours)}"),
        happened=tuple(map(_attempt_words, attempts)),
        why=tuple(_why(vpc, teardown)),
        done=(*_summary(ours, is_plan=is_plan), *action_lines(ours)),
        next=tuple(_next(vpc, teardown, ours, owner, is_plan=is_plan)),
        vpc_id=vpc.id,
        vpc_name=vpc.tag("Name") or "",
        resource_ids=(*(attempt.resource_id for attempt in attempts), *resource_ids(ours)),
        deleted_ids=deleted_ids(ours),
        event_ids=tuple(attempt.event_id for attempt in attempts),
        facts={
            "vpc_id": vpc.id,
            "deleting": [attempt.resource_id for attempt in attempts],
            "in_use": {attempt.resource_id: list(interface_ids) for attempt, interface_ids in teardown.in_use},
            "removed": [action.target for action in ours if action.is_done],
            "frozen_until": teardown.until.isoformat() if teardown.until and not is_plan else "",
        },
    )


def clears(action: Action) -> bool:
    """Return True if the action is of a kind that removes a resource for a teardown."""
    return action.kind in _CLEARS


def notified_here(teardown: Teardown, action: Action) -> bool:
    """Return True if the teardown's notice covers the action: removals, and what the freeze blocks meanwhile."""
    return clears(action) or (action.is_blocked and bool(teardown.cleared) and (teardown.is_whole or teardown.is_idle))


def _severity(teardown: Teardown, ours: Iterable[Action]) -> Severity:
    if any(action.is_failed for action in ours):
        return Severity.CRITICAL
    return Severity.WARNING if teardown.in_use or any(action.blocked_by for action in ours) else Severity.INFO


def _outcome(teardown: Teardown, ours: Sequence[Action]) -> str:
    done = sum(action.is_done for action in ours)
    if done:
        return f"{done} of {write_count(len(ours), 'Lifeline resource')} removed"
    if any(action.is_failed for action in ours):
        return "Lifeline's resources could not be removed"
    is_used = teardown.in_use or any(not to for to in teardown.moves.values())
    return "nothing removed, still in use by others" if is_used else "nothing removed yet"


def _attempt_words(attempt: Attempt) -> str:
    who = write_actor(attempt.actor) or "An unknown actor"
    return (
        f"{who} tried to delete {attempt.resource_id} at {write_time(attempt.at)}. "
        f"EC2 refused because resources still depend on the {'VPC' if attempt.is_of_vpc else 'subnet'} "
        "(DependencyViolation)."
    )


def _why(vpc: Vpc, teardown: Teardown) -> Iterator[str]:
    held = held_subnets(vpc, teardown)
    for cleared in teardown.cleared:
        nobody = f"No one else has network interfaces in {cleared.resource_id},"
        if cleared.resource_id in held:
            yield f"{nobody} but {NEEDED} there, and {NO_PLACE}."
        else:
            yield f"{nobody} so Lifeline is removing its own resources."
    for attempt, user_ids in teardown.in_use:
        interfaces = [user_id for user_id in user_ids if user_id.startswith(_INTERFACE)]
        ways_in = [user_id for user_id in user_ids if user_id not in interfaces]
        if interfaces:
            verb = "are" if len(interfaces) > 1 else "is"
            yield (
                f"{few(interfaces, _SHOWN)} in {attempt.resource_id} {verb} not Lifeline's and might still need its "
                "endpoints, so Lifeline won't remove anything for this deletion."
            )
        if ways_in:
            yield (
                f"Other networks can use the endpoints in {attempt.resource_id} through {few(ways_in, _SHOWN)}, "
                "so Lifeline won't remove anything for this deletion."
            )


def _summary(ours: Sequence[Action], *, is_plan: bool) -> Iterator[str]:
    if is_plan:
        yield "The stack is in plan mode, so nothing was changed."
    elif ours:
        done, left = (sum(action.status is status for action in ours) for status in (Status.DONE, Status.PLANNED))
        retry = " It will delete the rest automatically." if left else ""
        yield f"Lifeline removed {done} of {write_count(len(ours), 'resource')}.{retry}"


def _next(vpc: Vpc, teardown: Teardown, ours: Iterable[Action], owner: str, *, is_plan: bool) -> Iterator[str]:
    if teardown.in_use:
        them = listed([attempt.resource_id for attempt, _ in teardown.in_use])
        what = {_USERS[user_id.startswith(_INTERFACE)] for _, user_ids in teardown.in_use for user_id in user_ids}
        yield f"To delete {them}, remove these {listed(sorted(what))} first, then try again. "
        yield "Lifeline will check each time."
    held = held_subnets(vpc, teardown)
    if held:
        yield f"To delete {listed(sorted(held))}, add a subnet that they reach in another Availability Zone to"
        yield f"{vpc.id}, then try again. Lifeline will move the endpoint there first."
    if not teardown.cleared or is_plan:
        return
    if any(attempt.resource_id not in held for attempt in teardown.cleared):
        yield "Try the deletion again in a minute or two, once the endpoints' network interfaces are gone."
        yield "Terraform retries on its own."
    if others := _others(vpc, teardown, owner):
        yield f"Other resources that might block the deletion: {others}."
    is_needed = any(action.kind is ActionKind.RETIRE_ENDPOINT and not action.is_blocked for action in ours)
    if is_needed and not teardown.is_idle:
        yield "If other subnets still need a deleted endpoint, Lifeline will create another one on its next run."
    until = write_time(teardown.until) if teardown.until else ""
    where = vpc.id if teardown.is_whole or teardown.is_idle else ", ".join(sorted(teardown.doomed))
    yield f"Lifeline won't create anything in {where} until {until}. To let it create endpoints sooner:"
    yield from invoke_lines(owner, {"vpc_ids": [vpc.id], "unfreeze": True})


def _others(vpc: Vpc, teardown: Teardown, owner: str) -> str:
    """The VPC's other resources that would have to go, as far as Lifeline sees them."""
    if not teardown.is_whole:
        return ""
    own = own_security_groups(vpc, owner)
    groups = [group.id for group in vpc.security_groups if group.name != "default" and group not in own]
    endpoints = [endpoint.id for endpoint in vpc.live_endpoints if not is_own(endpoint, owner)]
    tables = [route_table.id for route_table in vpc.route_tables if not route_table.is_main]
    targets = {route.target_id for table in vpc.route_tables for route in table.routes}
    gateways = [target_id for target_id in targets if target_id.startswith(("igw-", "vgw-", "eigw-"))]
    kinds = (endpoints, [subnet.id for subnet in vpc.subnets], groups, tables, gateways)
    return ", ".join(few(sorted(ids), _SHOWN) for ids in kinds if ids)
