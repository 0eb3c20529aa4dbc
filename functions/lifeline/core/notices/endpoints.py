"""Notices of endpoints: what was created, what could not be, and what waits for someone."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from decimal import Decimal

from lifeline.core.coexist.canary import WATCHED_FOR
from lifeline.core.coexist.import_blocks import handover_lines
from lifeline.core.network.model import SeenTier, Tier
from lifeline.core.notices.notice import Notice, brief_id, fit_subject, invoke_lines
from lifeline.core.notices.plan_text import action_lines, deleted_ids, resource_ids, with_slash
from lifeline.core.notices.trigger_text import Because
from lifeline.core.plan.actions import DELETES, REMOVALS, UNANSWERED, Action, ActionKind, Status
from lifeline.core.plan.answer import VpcAnswer, as_json
from lifeline.core.plan.cost import is_at_most
from lifeline.core.plan.endpoint_lifecycle import DELETED, STILL
from lifeline.core.severity import Severity
from lifeline.core.wording import few, listed, quoted, write_count, write_time

_MOST_VPCS = 5
_MOST_SUBNETS = 5
_MOST_FACTS = 10
_MOST_APPROVALS = 3
_BY_HUB = frozenset({ActionKind.ASSOCIATE_CENTRAL, ActionKind.SWAP_TO_CENTRAL})  # the hub answers from then on
_LONGEST_NAME = 20
_TIERS: dict[SeenTier, str] = {Tier.ISOLATED: " (no route out of the VPC)"}
_PAID = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ADD_SUBNETS})
_TO_APPLY = "To apply this plan, deploy the stack with Mode=enforce, and approve the backlog once its notice comes."
_MAKES = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT})
_ENDS = frozenset({ActionKind.DISASSOCIATE_CENTRAL, ActionKind.RESTORE_LOCAL})
_SHARES = _ENDS | {ActionKind.ASSOCIATE_CENTRAL}  # a hub's endpoint
_PREPARES = frozenset({ActionKind.CREATE_SECURITY_GROUP, ActionKind.FIX_DNS})


def endpoint_notice(
    answers: Iterable[VpcAnswer], *, because: Because, is_plan: bool, stack: str = "lifeline"
) -> Notice | None:
    """Write one notice for a run: what was done, what could not be, and why; None where there is nothing to report."""
    worth = [answer for answer in answers if answer.actions or answer.refusal]
    if not worth:
        return None
    alone = worth[0] if len(worth) == 1 else None
    actions = [action for answer in worth for action in answer.actions]
    is_failed = any(answer.refusal for answer in worth) or any(action.is_failed for action in actions)
    facts: dict[str, object] = {"because": because.words, "vpcs": [as_json(answer) for answer in worth[:_MOST_FACTS]]}
    if len(worth) > _MOST_FACTS:
        facts["more_vpcs"] = [answer.vpc_id for answer in worth[_MOST_FACTS:]]
    return Notice(
        kind="endpoints",
        severity=Severity.CRITICAL if is_failed else Severity.WARNING,
        subject=_subject(worth, actions, because),
        happened=(f"{because.words}. {_where(worth, because)}",),
        done=tuple(_done(worth, is_plan=is_plan)),
        next=tuple(_next(worth, stack, is_plan=is_plan)),
        vpc_id=alone.vpc_id if alone else "",
        vpc_name=alone.name if alone else "",
        resource_ids=(*(answer.vpc_id for answer in worth), *resource_ids(actions)),
        deleted_ids=deleted_ids(actions),
        event_ids=(because.event_id,),
        attached=handover_lines((answer.vpc_id, action) for answer in worth for action in answer.actions),
        facts=facts,
    )


def lost_notice(vpc_id: str, lost: Iterable[tuple[str, str]], vpc_name: str = "") -> Notice:
    """Write the notice of endpoints that Lifeline created and that did not come up, with what happened to each."""
    endpoints = list(lost)
    one = len(endpoints) == 1
    what = f"new endpoint {endpoints[0][0]}" if one else write_count(len(endpoints), "new endpoint")
    place = f"{vpc_id} ({quoted(vpc_name)})" if vpc_name else vpc_id
    return Notice(
        kind="endpoint_lost",
        severity=Severity.CRITICAL,
        subject=fit_subject(
            f"[lifeline] {what} not available in {place}", f"[lifeline] {what} not available in {vpc_id}"
        ),
        happened=(
            f"Lifeline created {write_count(len(endpoints), 'endpoint')} in {place} that did not become available:",
            *(f"  {endpoint_id}: {words}" for endpoint_id, words in endpoints),
        ),
        done=("Lifeline will check again on every run. If an endpoint fails, Lifeline replaces it once.",),
        next=tuple(_after_loss(endpoints)),
        vpc_id=vpc_id,
        vpc_name=vpc_name,
        resource_ids=tuple(endpoint_id for endpoint_id, _ in endpoints),
        facts={"vpc_id": vpc_id, "endpoints": dict(endpoints)},
    )


def _after_loss(endpoints: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What to do about each way in which the endpoints were lost, and the commands that show those that are left."""
    words = {words for _, words in endpoints}
    left = [endpoint_id for endpoint_id, words in endpoints if words != DELETED]
    if DELETED in words:
        yield "Ask whoever deleted the endpoint why. If the subnets or the VPC don't need it, exempt them."
    if any(text.startswith(STILL) for text in words):
        yield "Check the AWS Health Dashboard for a problem. Lifeline won't replace an endpoint while it is pending."
    if any(text != DELETED and not text.startswith(STILL) for text in words):
        yield "Fix the reported problem. If the failed endpoint is itself a replacement, delete it, and Lifeline will"
        yield "create a new one on its next run."
    if left:
        yield "To check the endpoint's state:" if len(left) == 1 else "To check the endpoints' states:"
    yield from (f"    aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {endpoint_id}" for endpoint_id in left[:3])


# ---- the subject


def _subject(worth: Sequence[VpcAnswer], actions: Sequence[Action], because: Because) -> str:
    what = f"[lifeline] {_what(actions)}"
    causes = (because.short, because.shorter or because.short, because.shortest or because.short)
    short, shorter, shortest = (f": {words}" if words else "" for words in causes)
    places = [f" in {place}" for place in _places(worth)]
    versions = [(place, short) for place in places]
    versions += [(place, words) for words in (shorter, shortest) for place in (*places, "")]
    kept = shortest if because.shortest else ""  # it says who: without that, it may be cut
    return fit_subject(*(f"{what}{place}{words}" for place, words in versions), end=kept)


def _places(worth: Sequence[VpcAnswer]) -> tuple[str, ...]:
    """Where it was, fullest first."""
    if len(worth) > 1:
        return (f"{len(worth)} VPCs",)
    name = quoted(worth[0].name, _LONGEST_NAME)
    return (_place(worth[0]), name) if name else (worth[0].vpc_id, brief_id(worth[0].vpc_id))


def _place(answer: VpcAnswer) -> str:
    return f"{answer.vpc_id} ({quoted(answer.name)})" if answer.name else answer.vpc_id


def _what(actions: Sequence[Action]) -> str:
    """What counts most: what failed, what was done, what waits, what is planned."""
    if unanswered := _unanswered(actions):
        return f"nothing answers {few(unanswered, 2)}"
    counted = [action for action in actions if action.kind not in _PREPARES] or list(actions)
    for status in (Status.FAILED, Status.DONE, Status.BLOCKED, Status.PLANNED):
        chosen = [action for action in counted if action.status is status]
        if chosen:
            more = len(counted) - len(chosen)
            rest = f" ({write_count(more, 'other')} not done)" if more and status is Status.DONE else ""
            return f"{_which(chosen)} {_verb(chosen, status)}{rest}"
    return "reconciliation failed"


def _unanswered(actions: Iterable[Action]) -> list[str]:
    """The services whose names nothing answers, because a swap could be neither finished nor undone."""
    return sorted({action.service for action in actions if action.is_failed and UNANSWERED in action.error})


def _which(actions: Sequence[Action]) -> str:
    services = sorted({action.service for action in actions if action.service})
    if not services:
        if any(action.kind is ActionKind.FIX_DNS for action in actions):
            return "VPC DNS settings"
        if all(action.kind is ActionKind.CORRECT_TAG for action in actions):
            return "tag of Lifeline's"
        return "endpoint" if any(action.endpoint_id for action in actions) else "endpoint security group"
    return f"{few(services, 2)} endpoint{'s' if len(services) > 1 else ''}"


def _verb(actions: Sequence[Action], status: Status) -> str:
    kinds = {action.kind for action in actions}
    match status:
        case Status.FAILED:
            return "failed"
        case Status.BLOCKED if kinds == {ActionKind.CONFIRM_OWNERSHIP}:
            return "needs a decision"
        case Status.BLOCKED if kinds == {ActionKind.CORRECT_TAG}:
            return "can't be read"
        case Status.BLOCKED:
            needs_approval = "need approval" if len({action.service for action in actions}) > 1 else "needs approval"
            return needs_approval if any(action.blocked_by for action in actions) else "blocked"
        case Status.PLANNED:
            return "to be deleted" if kinds <= DELETES else "planned"
        case Status.DONE:
            return _done_verb(kinds)


def _done_verb(kinds: Set[ActionKind]) -> str:
    if kinds & _MAKES:
        return "created"
    if kinds & _SHARES:
        return "shared" if ActionKind.ASSOCIATE_CENTRAL in kinds else "no longer shared"
    if kinds <= DELETES:
        return "deleted"
    return "handed over" if kinds <= REMOVALS - {ActionKind.CLOSE_SECURITY_GROUP} else "repaired"


# ---- the parts


def _where(worth: Sequence[VpcAnswer], because: Because) -> str:
    if len(worth) > 1:
        return f"{len(worth)} VPCs are affected."
    counts = sorted(Counter(tier for _, tier in worth[0].tiers).items())
    subnets = listed([write_count(count, f"{tier} subnet") + _TIERS.get(tier, "") for tier, count in counts])
    then = "then " if because.is_call else ""
    return f"Lifeline {then}checked {_place(worth[0])}{f' and found {subnets}' if subnets else ''}."


def _done(worth: Sequence[VpcAnswer], *, is_plan: bool) -> Iterator[str]:
    yield " ".join(filter(None, (_sum(worth, is_plan=is_plan), _cost(worth, is_plan=is_plan))))
    for answer in worth[:_MOST_VPCS]:
        if len(worth) > 1:
            yield f"- {_place(answer)}: {answer.outcome}"
        if answer.refusal:
            yield f" ! {answer.refusal.field}: {answer.refusal.message}"
        yield from action_lines(answer.actions, answer.zones)
        if answer.comparison and any(action.is_blocked and action.kind in _BY_HUB for action in answer.actions):
            yield f" {answer.comparison.words[-1]} ({answer.comparison.prices})"
        if answer.note:
            yield f" note: {answer.note}"
    if len(worth) > _MOST_VPCS:
        yield f"  and {write_count(len(worth) - _MOST_VPCS, 'more VPC')}: see the audit log"


def _sum(worth: Sequence[VpcAnswer], *, is_plan: bool) -> str:
    """`Lifeline made 2 changes; 1 failed.`"""
    actions = [action for answer in worth for action in answer.actions]
    counts = Counter(action.status for action in actions)
    waiting = sum(action.is_blocked and bool(action.blocked_by) for action in actions)
    done, planned, blocked = counts[Status.DONE], counts[Status.PLANNED], counts[Status.BLOCKED] - waiting
    rest = [
        (counts[Status.FAILED], "failed", "failed"),
        (waiting, "needs approval", "need approval"),
        (blocked, "is blocked", "are blocked"),
        (0 if is_plan else planned, "is left for the next run", "are left for the next run"),
    ]
    more = ", ".join(
        f"{write_count(count, 'change')} {one if count == 1 else many}" for count, one, many in rest if count
    )
    if is_plan and planned:
        first = (
            f"The stack is in plan mode, so nothing was changed. Lifeline would make {write_count(planned, 'change')}"
        )
    elif done:
        first = f"Lifeline made {write_count(done, 'change')}"
    elif _unanswered(actions):
        first = "Lifeline began a swap and could neither finish nor undo it"
    else:
        first = "Lifeline changed nothing"
    return f"{first}{f'; {more}' if more else ''}."


def _cost(worth: Sequence[VpcAnswer], *, is_plan: bool) -> str:
    """The cost that is added per month; empty where nothing was created that could cost anything."""
    counted = Status.PLANNED if is_plan else Status.DONE
    made = [action for answer in worth for action in answer.actions if action.status is counted]
    kinds = {action.kind for action in made}
    cost = sum((answer.monthly_cost_usd for answer in worth), Decimal(0))
    if not (kinds & _PAID or any(action.profile_usd for action in made)):
        return "Gateway endpoints are free." if kinds & _MAKES else ""
    if not cost:
        return "Lifeline has no price for this region."
    usd = f"up to {cost:.2f}" if is_at_most(made) else f"about {cost:.2f}"
    return f"This {'would add' if is_plan else 'adds'} {usd} USD per month, before data charges."


def _next(worth: Sequence[VpcAnswer], stack: str, *, is_plan: bool) -> Iterator[str]:
    """The one thing to do, by the most severe outcome."""
    actions = [(answer, action) for answer in worth for action in answer.actions]
    by_status = {status: [pair for pair in actions if pair[1].status is status] for status in Status}
    created = [action.endpoint_id for _, action in by_status[Status.DONE] if action.kind in _MAKES]
    if by_status[Status.FAILED] or any(answer.refusal for answer in worth):
        first = next((answer.vpc_id for answer, _ in by_status[Status.FAILED]), worth[0].vpc_id)
        again = "tries again within minutes, and then" if _unanswered(action for _, action in actions) else "will retry"
        refused = [_is_refused_offer(one) for _, one in by_status[Status.FAILED]]
        is_only_refused = bool(refused) and all(refused)
        if not is_only_refused:
            yield f"Fix the failure shown above. Lifeline {again} on every run."
        if any(refused):
            yield "In place of an association that AWS refused, Lifeline's next run creates an endpoint, within the"
            yield "limits. For a day, it doesn't ask for that association again."
        by_hub = (one for _, one in by_status[Status.FAILED] if one.kind in _BY_HUB | {ActionKind.SWAP_TO_LOCAL})
        yield from _unserved(worth, {one.service for one in by_hub}, "Until then")
        yield "To run it now:" if is_only_refused else "To retry now:"
        yield from invoke_lines(stack, {"vpc_ids": [first]})
    elif any(answer.approval for answer in worth):
        yield from _approvals(worth)
    elif let_go := [pair for pair in by_status[Status.DONE] if _is_withdrawn(pair[1])]:
        yield from _after_harm(*let_go[0], stack)
    elif by_status[Status.BLOCKED]:
        again = "look" if is_plan else "try"
        yield f"Resolve what is marked as blocked. Lifeline will {again} again on its next run."
        if is_plan and by_status[Status.PLANNED]:
            yield _TO_APPLY
    elif is_plan:
        yield _TO_APPLY
    elif created:
        yield "No action needed: the endpoint should be available within a few minutes. CloudWatch agents will then"
        yield "reconnect on their own. To check:"
        yield f"    aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {created[0]} \\"
        yield "      --query 'VpcEndpoints[].[State,DnsEntries[].DnsName]'"
    elif by_status[Status.PLANNED]:
        yield "No action needed: Lifeline will continue on its next run."
    elif shared := [pair for pair in by_status[Status.DONE] if pair[1].kind in _BY_HUB]:
        yield from _after_sharing(shared)
    else:
        yield "No action needed."


def _after_sharing(shared: Sequence[tuple[VpcAnswer, Action]]) -> Iterator[str]:
    """Whose silence undoes it: the canary sees those whom the service served before."""
    back = any(action.kind is ActionKind.SWAP_TO_CENTRAL for _, action in shared)
    if not back and all(tier is Tier.ISOLATED for answer, _ in shared for _, tier in answer.tiers):
        unread = sorted(frozenset[str]().union(*(action.unread_checks for _, action in shared)))
        if unread:
            yield f"Check that CloudWatch agents report again: {listed(unread)} couldn't be read."
        else:
            yield "No action needed: CloudWatch agents will reconnect on their own."
        return
    whom = "the agents of the VPC" if back else "the agents that had another path to the service"
    watched = int(WATCHED_FOR.total_seconds() // 60)
    yield f"No action needed. For {watched} minutes, Lifeline watches {whom}:"
    yield "if they fall silent because of this, it undoes the change."


def _is_refused_offer(action: Action) -> bool:
    """True of an association with the hub that AWS refused, and that isn't needed to end a swap: that wasn't judged."""
    return action.kind is ActionKind.ASSOCIATE_CENTRAL and action.is_failed and bool(action.checks)


def _is_withdrawn(action: Action) -> bool:
    """True of an association that ended with harm: a release names no service."""
    return action.kind in _ENDS and bool(action.service)


def _after_harm(answer: VpcAnswer, action: Action, stack: str) -> Iterator[str]:
    """That the service is frozen, whom that leaves without it, and how to end that."""
    service, tiers = action.service, dict(answer.tiers)
    wanting = [subnet_id for report in answer.services if report.service == service for subnet_id, _ in report.paths]
    isolated = [subnet_id for subnet_id in wanting if tiers.get(subnet_id) is Tier.ISOLATED]
    yield f"Find out why agents fell silent. Lifeline has frozen the {service} service in this VPC: until you end the"
    yield "freeze, it will neither share the hub's endpoint nor create one there."
    if isolated and not action.endpoint_id:
        yield f"Until then, {_named(isolated)} can't reach the {service} service."
    yield "To end the freeze:"
    yield from invoke_lines(stack, {"vpc_ids": [answer.vpc_id], "unfreeze": [service]})


def _named(subnet_ids: Sequence[str]) -> str:
    more = len(subnet_ids) - _MOST_SUBNETS
    return listed([*subnet_ids[:_MOST_SUBNETS], *([write_count(more, "more subnet")] if more > 0 else [])])


def _meanwhile(worth: Sequence[VpcAnswer]) -> Iterator[str]:
    """Which isolated subnets of one VPC can't reach what, until the approval or until the limits allow it."""
    answer = worth[0]
    held = [action for action in answer.actions if action.blocked_by and action.kind in _MAKES | _SHARES]
    waiting = {action.service for action in held}
    until = "Until you approve it" + (
        "" if all(one.asks for one in held) else ", or there is room within the limit again"
    )
    yield from _unserved(worth, waiting, until)


def _unserved(worth: Sequence[VpcAnswer], services: Set[str], until: str) -> Iterator[str]:
    """Which isolated subnets of one VPC can't reach these services."""
    tiers = dict(worth[0].tiers)
    for report in worth[0].services if len(worth) == 1 else ():
        unserved = [subnet_id for subnet_id, path in report.paths if path.reach.is_closed]
        isolated = [subnet_id for subnet_id in unserved if tiers.get(subnet_id) is Tier.ISOLATED]
        if report.service in services and isolated:
            yield f"{until}, {_named(isolated)} can't reach the {report.service} service."


def _approvals(worth: Sequence[VpcAnswer]) -> Iterator[str]:
    """The plans that need approval, each with the one command that approves just that."""
    waiting = [answer.approval for answer in worth if answer.approval]
    plans = "this plan" if len(waiting) == 1 else "these plans"
    yield f"To have Lifeline make these changes, approve {plans}."
    yield from _meanwhile(worth)
    for approvable in waiting[:_MOST_APPROVALS]:
        yield f"- {approvable.plan_id} ({approvable.cost_words}), valid until {write_time(approvable.ends_at)}:"
        yield from with_slash(approvable.command, "    ")
    if len(waiting) > _MOST_APPROVALS:
        yield f"- and {len(waiting) - _MOST_APPROVALS} more: a plan for these VPCs shows the commands"
