"""What people are told of endpoints: what was made, what could not be, and what waits for them."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from lifeline.core.actions import GIVES_UP, Action, ActionKind, Status
from lifeline.core.because import Because
from lifeline.core.notice import Notice, Severity, fit_subject
from lifeline.core.plan_text import action_lines
from lifeline.core.report import VpcAnswer, as_json
from lifeline.core.wording import plain, shorten, write_count

_MOST_VPCS = 5
_MOST_FACTS = 10
_LONGEST_NAME = 20
_MAKES = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT})
_TAKES = frozenset({ActionKind.RETIRE_ENDPOINT, ActionKind.DELETE_SECURITY_GROUP})
_PREPARES = frozenset({ActionKind.CREATE_SECURITY_GROUP, ActionKind.FIX_DNS})


def endpoint_notice(
    answers: Iterable[VpcAnswer], *, because: Because, is_plan: bool, stack: str = "lifeline"
) -> Notice | None:
    """One notice for a run: what was done, what could not be, and why; None where there is nothing to tell."""
    worth = [answer for answer in answers if answer.actions or answer.refusal]
    if not worth:
        return None
    alone = worth[0] if len(worth) == 1 else None
    is_failed = any(one.status is Status.FAILED for answer in worth for one in answer.actions)
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
        ids=tuple(_ids(worth, because)),
        vpc_id=alone.vpc_id if alone else "",
        vpc_name=alone.name if alone else "",
        facts=facts,
    )


def lost_notice(vpc_id: str, lost: Iterable[tuple[str, str]], vpc_name: str = "") -> Notice:
    """Endpoints that Lifeline made and that did not come up, with what happened to each."""
    found = list(lost)
    what = f"{write_count(len(found), 'new endpoint')} in {{}} not available"
    place = f"{vpc_id} ({plain(vpc_name)})" if vpc_name else vpc_id
    return Notice(
        kind="endpoint_lost",
        severity=Severity.CRITICAL,
        subject=fit_subject(f"[lifeline] {what.format(place)}", f"[lifeline] {what.format(vpc_id)}"),
        happened=(
            f"In {place}, Lifeline made {write_count(len(found), 'endpoint')} that no agent is served by:",
            *(f"  {endpoint_id}: {words}" for endpoint_id, words in found),
        ),
        done=(
            "Lifeline looks again at the next sweep. An endpoint that failed is replaced once; after that it waits.",
        ),
        next=(
            "If it failed twice, look at it, delete it, and ask for another:",
            *(f"    aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {endpoint_id}" for endpoint_id, _ in found[:3]),
        ),
        ids=(f"VPC {place}",),
        vpc_id=vpc_id,
        vpc_name=vpc_name,
        facts={"vpc_id": vpc_id, "endpoints": dict(found)},
    )


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
    told = [one for one in actions if one.kind not in _PREPARES] or list(actions)
    for status in (Status.FAILED, Status.DONE, Status.BLOCKED, Status.PLANNED):
        chosen = [one for one in told if one.status is status]
        if chosen:
            more = len(told) - len(chosen)
            rest = f" (and {more} {'other' if more == 1 else 'others'} not)" if more and status is Status.DONE else ""
            return f"{_which(chosen)} {_verb(chosen, status)}{rest}"
    return "an endpoint look failed"


def _which(actions: Sequence[Action]) -> str:
    services = sorted({one.service for one in actions if one.service})
    if not services:
        return "VPC settings" if any(one.kind is ActionKind.FIX_DNS for one in actions) else "endpoint group"
    named = ", ".join(services[:2]) + (f" and {len(services) - 2} more" if len(services) > 2 else "")
    return f"{named} endpoint{'s' if len(services) > 1 else ''}"


def _verb(actions: Sequence[Action], status: Status) -> str:
    kinds = {one.kind for one in actions}
    match status:
        case Status.FAILED:
            return "failed"
        case Status.BLOCKED:
            return "waiting for approval" if any(one.held_by for one in actions) else "blocked"
        case Status.PLANNED:
            return "to be retired" if kinds <= _TAKES else "planned"
        case Status.DONE:
            if kinds & _MAKES:
                return "created"
            if kinds <= _TAKES:
                return "retired"
            return "handed over" if kinds <= GIVES_UP else "repaired"


# ---- the parts


def _where(worth: Sequence[VpcAnswer]) -> str:
    if len(worth) > 1:
        return f"It concerns {len(worth)} VPCs."
    (one,) = worth
    counts = [(sum(tier is found for _, found in one.tiers), tier) for tier in sorted({tier for _, tier in one.tiers})]
    subnets = ", ".join(f"{count} {tier}" for count, tier in counts)
    place = f"{one.vpc_id} ({one.name})" if one.name else one.vpc_id
    return f"{place} has these subnets: {subnets}." if subnets else f"It concerns {place}."


def _deeds(worth: Sequence[VpcAnswer], *, is_plan: bool) -> Iterator[str]:
    counts = {status: sum(a.status is status for answer in worth for a in answer.actions) for status in Status}
    words = {Status.DONE: "done", Status.FAILED: "failed", Status.BLOCKED: "blocked", Status.PLANNED: "planned"}
    parts = [f"{counts[status]} {word}" for status, word in words.items() if counts[status]]
    cost = sum((answer.monthly_cost_usd for answer in worth), Decimal(0))
    verb = "would add" if is_plan else "adds"
    paid = f" This {verb} about {cost} USD a month, before data charges." if cost else ""
    nothing = " Mode is plan: nothing was changed." if is_plan else ""
    yield f"{', '.join(parts) or 'Nothing could be done'}.{paid}{nothing}"
    for answer in worth[:_MOST_VPCS]:
        if len(worth) > 1:
            yield f"  {answer.vpc_id}{f' ({answer.name})' if answer.name else ''}: {answer.outcome}"
        if answer.refusal:
            yield f"  ! {answer.refusal.field}: {answer.refusal.message}"
        yield from action_lines(answer)
        if answer.note:
            yield f"  note: {answer.note}"
    if len(worth) > _MOST_VPCS:
        yield f"  and {len(worth) - _MOST_VPCS} more VPCs; the ledger and the log name them all"


def _next(worth: Sequence[VpcAnswer], stack: str, *, is_plan: bool) -> Iterator[str]:
    """One thing to do: the gravest first."""
    actions = [(answer, action) for answer in worth for action in answer.actions]
    by_status = {status: [one for one in actions if one[1].status is status] for status in Status}
    again = f"sam remote invoke ReconcileEndpoints --stack-name {stack} \\"
    if by_status[Status.FAILED] or any(answer.refusal for answer in worth):
        yield "Mend what failed, as it says above, then have it looked at again:"
        first = next((answer.vpc_id for answer, _ in by_status[Status.FAILED]), worth[0].vpc_id)
        yield f"    {again}"
        yield f"""      --event '{{"vpc_ids": ["{first}"]}}'"""
    elif any(answer.approval for answer in worth):
        yield "Approve what waits with the command above, or leave it: nothing is done without you."
    elif by_status[Status.BLOCKED]:
        yield "A person must act where it says blocked; the next look goes on from there by itself."
    elif is_plan:
        yield "Read it; to have it done, deploy the stack with Mode=enforce."
    elif any(action.kind in _MAKES for _, action in by_status[Status.DONE]):
        made = [action.endpoint_id for _, action in by_status[Status.DONE] if action.kind in _MAKES]
        yield "Nothing. An endpoint is up a minute or two after it was made; to see for yourself:"
        yield f"    aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {made[0]} \\"
        yield "      --query 'VpcEndpoints[].[State,DnsEntries[].DnsName]'"
    else:
        yield "Nothing."


def _ids(worth: Sequence[VpcAnswer], because: Because) -> Iterator[str]:
    if because.event_id:
        yield f"CloudTrail event {because.event_id}."
    for answer in worth[:_MOST_VPCS]:
        yield f'All that is on record: {{"history": {{"vpc_id": "{answer.vpc_id}"}}}} to ReconcileEndpoints.'
        return
