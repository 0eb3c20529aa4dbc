"""What people are told of endpoints: what was made, what could not be, and what waits for them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from lifeline.core.coexist.import_blocks import handover_lines
from lifeline.core.notices.notice import Notice, Severity, fit_subject
from lifeline.core.notices.plan_text import action_lines
from lifeline.core.notices.trigger_text import Because
from lifeline.core.plan.actions import DELETES, REMOVALS, Action, ActionKind, Status
from lifeline.core.plan.answer import VpcAnswer, as_json
from lifeline.core.wording import plain, shorten, write_count, write_time

_MOST_VPCS = 5
_MOST_FACTS = 10
_MOST_APPROVALS = 3
_LONGEST_NAME = 20
_PAID = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ADD_SUBNETS})
_MAKES = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT})
_PREPARES = frozenset({ActionKind.CREATE_SECURITY_GROUP, ActionKind.FIX_DNS})


def endpoint_notice(
    answers: Iterable[VpcAnswer], *, because: Because, is_plan: bool, stack: str = "lifeline"
) -> Notice | None:
    """One notice for a run: what was done, what could not be, and why; None where there is nothing to tell."""
    worth = [answer for answer in answers if answer.actions or answer.refusal]
    if not worth:
        return None
    alone = worth[0] if len(worth) == 1 else None
    is_failed = any(action.status is Status.FAILED for answer in worth for action in answer.actions)
    is_failed = is_failed or any(answer.refusal for answer in worth)
    facts: dict[str, object] = {"because": because.words, "vpcs": [as_json(answer) for answer in worth[:_MOST_FACTS]]}
    if len(worth) > _MOST_FACTS:
        facts["more_vpcs"] = [answer.vpc_id for answer in worth[_MOST_FACTS:]]
    return Notice(
        kind="endpoints",
        severity=Severity.CRITICAL if is_failed else Severity.WARNING,
        subject=_subject(worth, because),
        happened=(f"{because.words[0].upper()}{because.words[1:]}. {_where(worth)}",),
        done=tuple(_deeds(worth, is_plan=is_plan)),
        next=tuple(_next(worth, stack, is_plan=is_plan)),
        ids=tuple(_ids(worth, because, stack)),
        vpc_id=alone.vpc_id if alone else "",
        vpc_name=alone.name if alone else "",
        attached=handover_lines((answer.vpc_id, action) for answer in worth for action in answer.actions),
        facts=facts,
    )


def lost_notice(vpc_id: str, lost: Iterable[tuple[str, str]], vpc_name: str = "") -> Notice:
    """Endpoints that Lifeline made and that did not come up, with what happened to each."""
    found = list(lost)
    what = f"new endpoint {found[0][0]}" if len(found) == 1 else write_count(len(found), "new endpoint")
    place = f"{vpc_id} ({plain(vpc_name)})" if vpc_name else vpc_id
    return Notice(
        kind="endpoint_lost",
        severity=Severity.CRITICAL,
        subject=fit_subject(
            f"[lifeline] {what} not available in {place}", f"[lifeline] {what} not available in {vpc_id}"
        ),
        happened=(
            f"Lifeline made {write_count(len(found), 'endpoint')} in {place} that {_serves(found)} nobody:",
            *(f"  {endpoint_id}: {words}" for endpoint_id, words in found),
        ),
        done=("Every later look tries again: Lifeline replaces its endpoint that failed, but not a third time.",),
        next=(
            "See what AWS says of it, and put that right. If it failed twice, delete it: the next look makes another.",
            *(f"    aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {endpoint_id}" for endpoint_id, _ in found[:3]),
        ),
        vpc_id=vpc_id,
        vpc_name=vpc_name,
        facts={"vpc_id": vpc_id, "endpoints": dict(found)},
    )


def _serves(found: Sequence[object]) -> str:
    return "serves" if len(found) == 1 else "serve"


# ---- the subject


def _subject(worth: Sequence[VpcAnswer], because: Because) -> str:
    what = _what([action for answer in worth for action in answer.actions])
    after = f": {because.short}" if because.short else ""
    places = _places(worth)
    return fit_subject(
        f"[lifeline] {what} in {places[0]}{after}",
        f"[lifeline] {what} in {places[1]}{after}",
        f"[lifeline] {what} in {places[1]}",
    )


def _places(worth: Sequence[VpcAnswer]) -> tuple[str, str]:
    if len(worth) > 1:
        return (f"{len(worth)} VPCs",) * 2
    (one,) = worth
    name = plain(one.name)
    return (f"{one.vpc_id} ({name})", shorten(name, _LONGEST_NAME)) if name else (one.vpc_id,) * 2


def _what(actions: Sequence[Action]) -> str:
    """What counts most, on one line: what failed, what was done, what waits, what is planned."""
    notified = [pair for pair in actions if pair.kind not in _PREPARES] or list(actions)
    for status in (Status.FAILED, Status.DONE, Status.BLOCKED, Status.PLANNED):
        chosen = [action for action in notified if action.status is status]
        if chosen:
            more = len(notified) - len(chosen)
            rest = f" (and {more} {'other' if more == 1 else 'others'} not)" if more and status is Status.DONE else ""
            return f"{_which(chosen)} {_verb(chosen, status)}{rest}"
    return "an endpoint look failed"


def _which(actions: Sequence[Action]) -> str:
    services = sorted({pair.service for pair in actions if pair.service})
    if not services:
        return "VPC settings" if any(pair.kind is ActionKind.FIX_DNS for pair in actions) else "endpoint group"
    named = ", ".join(services[:2]) + (f" and {len(services) - 2} more" if len(services) > 2 else "")
    return f"{named} endpoint{'s' if len(services) > 1 else ''}"


def _verb(actions: Sequence[Action], status: Status) -> str:
    kinds = {pair.kind for pair in actions}
    match status:
        case Status.FAILED:
            return "failed"
        case Status.BLOCKED:
            return "waiting for approval" if any(pair.blocked_by for pair in actions) else "blocked"
        case Status.PLANNED:
            return "to be retired" if kinds <= DELETES else "planned"
        case Status.DONE:
            if kinds & _MAKES:
                return "created"
            if kinds <= DELETES:
                return "retired"
            return "handed over" if kinds <= REMOVALS else "repaired"


# ---- the parts


def _where(worth: Sequence[VpcAnswer]) -> str:
    if len(worth) > 1:
        return f"{len(worth)} VPCs have to do with it."
    (one,) = worth
    vpc = f"{one.vpc_id} ({one.name})" if one.name else one.vpc_id
    counts = sorted(Counter(tier for _, tier in one.tiers).items())
    subnets = [
        f"{count if place else write_count(count, 'subnet')} {'is' if count == 1 else 'are'} {tier}"
        for place, (tier, count) in enumerate(counts)
    ]
    listed = " and ".join(filter(None, [", ".join(subnets[:-1]), *subnets[-1:]]))
    return f"In {vpc}, {listed}." if listed else f"It was found in {vpc}."


def _deeds(worth: Sequence[VpcAnswer], *, is_plan: bool) -> Iterator[str]:
    yield " ".join(filter(None, (_sum(worth, is_plan=is_plan), _cost(worth, is_plan=is_plan))))
    for answer in worth[:_MOST_VPCS]:
        if len(worth) > 1:
            yield f"  {answer.vpc_id}{f' ({answer.name})' if answer.name else ''}: {answer.outcome}"
        if answer.refusal:
            yield f"  ! {answer.refusal.field}: {answer.refusal.message}"
        yield from action_lines(replace(answer, approval=None))
        if answer.note:
            yield f"  note: {answer.note}"
    if len(worth) > _MOST_VPCS:
        yield f"  and {write_count(len(worth) - _MOST_VPCS, 'more VPC')}, which the record and the log have"


def _sum(worth: Sequence[VpcAnswer], *, is_plan: bool) -> str:
    """`Lifeline made 2 changes; 1 failed.`"""
    counts = Counter(action.status for answer in worth for action in answer.actions)
    held = sum(
        action.status is Status.BLOCKED and bool(action.blocked_by) for answer in worth for action in answer.actions
    )
    blocked = counts[Status.BLOCKED] - held
    done, planned = counts[Status.DONE], counts[Status.PLANNED]
    rest = [
        f"{counts[Status.FAILED]} failed" if counts[Status.FAILED] else "",
        f"{held} held back" if held else "",
        f"{blocked} blocked" if blocked else "",
        f"{planned} left for a later look" if planned and not is_plan else "",
    ]
    more = ", ".join(filter(None, rest))
    if is_plan and planned:
        first = f"Mode is plan, so nothing was changed. Lifeline would make {write_count(planned, 'change')}"
    else:
        first = f"Lifeline made {write_count(done, 'change')}" if done else "Lifeline changed nothing"
    return f"{first}{f'; {more}' if more else ''}."


def _cost(worth: Sequence[VpcAnswer], *, is_plan: bool) -> str:
    """What it adds a month; empty where nothing is made that costs anything."""
    wanted = Status.PLANNED if is_plan else Status.DONE
    made = {action.kind for answer in worth for action in answer.actions if action.status is wanted}
    cost = sum((answer.monthly_cost_usd for answer in worth), Decimal(0))
    if not made & _PAID:
        return "Gateway endpoints are free of charge." if made & _MAKES else ""
    if not cost:
        return "What that costs in this region is not known here."
    return f"That {'would add' if is_plan else 'adds'} about {cost:.2f} USD a month, before data charges."


def _next(worth: Sequence[VpcAnswer], stack: str, *, is_plan: bool) -> Iterator[str]:
    """One thing to do: the gravest first."""
    actions = [(answer, action) for answer in worth for action in answer.actions]
    by_status = {status: [pair for pair in actions if pair[1].status is status] for status in Status}
    if by_status[Status.FAILED] or any(answer.refusal for answer in worth):
        first = next((answer.vpc_id for answer, _ in by_status[Status.FAILED]), worth[0].vpc_id)
        yield "Put right what failed, as it says above. Every later look tries again; to have one now:"
        yield from _invoke(stack, f'{{"vpc_ids": ["{first}"]}}')
    elif any(answer.approval for answer in worth):
        yield from _approvals(worth)
    elif by_status[Status.BLOCKED]:
        yield "A person must act where it says blocked; the next look goes on from there by itself."
    elif is_plan:
        yield "Read it. To have it done, deploy the stack with Mode=enforce."
    elif any(action.kind in _MAKES for _, action in by_status[Status.DONE]):
        made = [action.endpoint_id for _, action in by_status[Status.DONE] if action.kind in _MAKES]
        yield "Nothing: an endpoint is up in a minute or two, and agents come back by themselves. To see how it stands:"
        yield f"    aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {made[0]} \\"
        yield "      --query 'VpcEndpoints[].[State,DnsEntries[].DnsName]'"
    elif by_status[Status.PLANNED]:
        yield "Nothing: a later look goes on from there by itself."
    else:
        yield "Nothing: it is done, and later looks keep it so."


def _approvals(worth: Sequence[VpcAnswer]) -> Iterator[str]:
    """What waits for a person, each with the one command that approves just that."""
    waiting = [answer.approval for answer in worth if answer.approval]
    yield "Approve what is held back, or leave it: without you nothing is done."
    for approvable in waiting[:_MOST_APPROVALS]:
        cost = f"{approvable.monthly_cost_usd:.2f} USD a month more, before data charges"
        yield f"- {approvable.plan_id}, {cost}; once, until {write_time(approvable.ends_at)}:"
        yield from (f"    {line}" for line in approvable.command.replace(" --event ", " \\\n  --event ").split("\n"))
    if len(waiting) > _MOST_APPROVALS:
        yield f"- and {len(waiting) - _MOST_APPROVALS} more: ask for a plan of these VPCs, it has their commands"


def _invoke(stack: str, event: str) -> Iterator[str]:
    yield f"    sam remote invoke ReconcileEndpoints --stack-name {stack} \\"
    yield f"      --event '{event}'"


def _ids(worth: Sequence[VpcAnswer], because: Because, stack: str) -> Iterator[str]:
    event = f"CloudTrail event {because.event_id}. " if because.event_id else ""
    yield f"{event}All that is on record of {worth[0].vpc_id}:"
    yield from _invoke(stack, f'{{"history": {{"vpc_id": "{worth[0].vpc_id}"}}}}')
