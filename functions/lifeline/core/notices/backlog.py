"""The notice of the backlog: what was missing all along, what it would cost, and the calls that approve it."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from lifeline.core.guards.backlog import BACKLOG, backlog_of
from lifeline.core.notices.notice import Notice, fit_subject, invoke_lines
from lifeline.core.plan.actions import Action
from lifeline.core.plan.answer import VpcAnswer, as_json
from lifeline.core.plan.cost import Price, cost_of
from lifeline.core.severity import Severity
from lifeline.core.wording import few, quoted, write_count

_MOST_VPCS = 8
_MOST_FACTS = 10
_MOST_SERVICES = 5


def backlog_notice(answers: Sequence[VpcAnswer], price: Price, *, stack: str) -> Notice:
    """Write what waits in the backlog of these VPCs, which isn't empty."""
    waiting = [(answer, _counted(answer)) for answer in answers]
    services = sorted({action.service for _, actions in waiting for action in actions})
    count = sum(len(actions) for _, actions in waiting)
    changes = f"{write_count(count, 'change')} {'needs' if count == 1 else 'need'}"
    vpcs = write_count(len(waiting), "VPC")
    usd = sum((cost_of(actions, price) for _, actions in waiting), Decimal(0))
    alone = waiting[0][0] if len(waiting) == 1 else None
    where = (alone.name and quoted(alone.name)) or alone.vpc_id if alone else vpcs
    cost = f"about {usd:.2f} USD per month, before data charges" if usd else "nothing per month"
    facts: dict[str, object] = {
        "services": services,
        "monthly_cost_usd": float(usd),
        "vpcs": [as_json(answer) for answer, _ in waiting[:_MOST_FACTS]],
    }
    if len(waiting) > _MOST_FACTS:
        facts["more_vpcs"] = [answer.vpc_id for answer, _ in waiting[_MOST_FACTS:]]
    return Notice(
        kind="backlog",
        severity=Severity.WARNING,
        subject=fit_subject(
            f"[lifeline] backlog in {where}: {changes} your approval ({few(services, 3)})",
            f"[lifeline] backlog in {where}: {changes} your approval",
        ),
        happened=(
            f"{vpcs} {'has' if alone else 'have'} subnets without a required endpoint. The endpoints were missing",
            "before Lifeline began to make changes here, or the policy has asked for them since:",
            *(_row(answer, actions, price) for answer, actions in waiting[:_MOST_VPCS]),
            *([f"- and {write_count(len(waiting) - _MOST_VPCS, 'more VPC')}"] if len(waiting) > _MOST_VPCS else []),
        ),
        done=(
            f"Lifeline has made none of these changes, and won't until you approve them. All of them would add {cost}.",
            "Whatever breaks from now on, Lifeline will repair without asking: a path that is lost, a subnet or a VPC",
            "that is created.",
        ),
        next=tuple(_next([answer.vpc_id for answer, _ in waiting], services, stack)),
        vpc_id=alone.vpc_id if alone else "",
        vpc_name=alone.name if alone else "",
        resource_ids=tuple(answer.vpc_id for answer, _ in waiting),
        facts=facts,
    )


def _counted(answer: VpcAnswer) -> list[Action]:
    """What the answer's backlog makes for a service; what only prepares that goes without saying."""
    waiting = backlog_of(answer.actions)
    return [action for action in waiting if action.service] or list(waiting)


def _row(answer: VpcAnswer, actions: Sequence[Action], price: Price) -> str:
    place = f"{answer.vpc_id} ({quoted(answer.name)})" if answer.name else answer.vpc_id
    services = few(sorted({action.service or "DNS settings" for action in actions}), _MOST_SERVICES)
    usd = cost_of(actions, price)
    return f"- {place}: {services} ({f'{usd:.2f} USD per month' if usd else 'free'})"


def _next(vpc_ids: Sequence[str], services: Sequence[str], stack: str) -> Iterator[str]:
    """The calls that approve all of it, a VPC's part, or a service's."""
    yield "To have Lifeline make all of this, within its limits:"
    yield from invoke_lines(stack, {"approve": BACKLOG})
    if len(vpc_ids) > 1:
        yield "To approve only some VPCs:"
        yield from invoke_lines(stack, {"approve": BACKLOG, "vpc_ids": [vpc_ids[0]]})
    if len(services) > 1:
        yield "To approve only some services:"
        yield from invoke_lines(stack, {"approve": BACKLOG, "services": [services[0]]})
    yield "If a VPC should stay as it is, exempt it. If you do nothing, nothing changes, and you won't be asked again."
