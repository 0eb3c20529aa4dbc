"""What came of a look at a VPC, and how it is told."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any, Self

from lifeline.core.actions import Action, Plan, ServiceReport, Status
from lifeline.core.handover import handover_lines
from lifeline.core.model import Tier
from lifeline.core.notice import Notice, Severity
from lifeline.core.wording import write_time


class Outcome(StrEnum):
    """What came of one VPC."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PLANNED = "planned"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something could not be looked at: the field that named it, and what is wrong with it."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Approvable:
    """The part of a VPC's plan that waits for approval, what it costs, and the command that approves just that."""

    plan_id: str
    monthly_cost_usd: Decimal
    ends_at: datetime
    command: str


@dataclass(frozen=True, slots=True)
class VpcAnswer:
    """One VPC's tiers and what became of each action. `note` says what else a person should know."""

    vpc_id: str
    tiers: tuple[tuple[str, Tier], ...] = ()
    actions: tuple[Action, ...] = ()
    services: tuple[ServiceReport, ...] = ()
    monthly_cost_usd: Decimal = Decimal(0)
    refusal: Refusal | None = None
    note: str = ""
    approval: Approvable | None = None

    @classmethod
    def of(cls, plan: Plan, actions: Iterable[Action] | None = None) -> Self:
        """The answer to a plan, with what became of its actions, or as planned."""
        return cls(
            vpc_id=plan.vpc_id,
            tiers=plan.tiers,
            actions=plan.actions if actions is None else tuple(actions),
            services=plan.services,
            monthly_cost_usd=plan.monthly_cost_usd,
            note="; ".join(plan.notes),
        )

    @property
    def outcome(self) -> Outcome:
        """The gravest of what became of the actions."""
        found = {action.status for action in self.actions}
        if self.refusal or Status.FAILED in found:
            return Outcome.FAILED
        for status, outcome in (
            (Status.DONE, Outcome.CHANGED),
            (Status.PLANNED, Outcome.PLANNED),
            (Status.BLOCKED, Outcome.BLOCKED),
        ):
            if status in found:
                return outcome
        return Outcome.UNCHANGED

    @property
    def fingerprint(self) -> str:
        """The same for the same open business, so that it is told once; empty where there is none.

        How far a limit is used changes all the time, so its name counts, not its words. An approval that is offered
        anew is news, for the one before has ended.
        """
        offered = [str(int(self.approval.ends_at.timestamp()))] if self.approval else []
        open_business = sorted(
            "|".join((action.kind, action.service, action.status, _why(action), *action.subnet_ids))
            for action in self.actions
            if action.status is not Status.DONE
        )
        open_business += offered
        return sha256("\n".join(open_business).encode()).hexdigest()[:16] if open_business else ""


def as_json(answer: VpcAnswer) -> dict[str, Any]:
    """The answer as the function returns it."""
    told: dict[str, Any] = {
        "vpc_id": answer.vpc_id,
        "outcome": str(answer.outcome),
        "subnets": {subnet_id: str(tier) for subnet_id, tier in answer.tiers},
        "actions": [_action_json(action) for action in answer.actions],
        "services": [
            {"service": one.service, "state": str(one.state), "by": one.by, "detail": one.detail}
            for one in answer.services
        ],
        "monthly_cost_usd": float(answer.monthly_cost_usd),
    }
    if answer.refusal:
        told["error"] = {"field": answer.refusal.field, "message": answer.refusal.message}
    if answer.note:
        told["note"] = answer.note
    if answer.approval:
        told["approval"] = {
            "plan_id": answer.approval.plan_id,
            "monthly_cost_usd": float(answer.approval.monthly_cost_usd),
            "ends_at": answer.approval.ends_at.isoformat(),
            "command": answer.approval.command,
        }
    return told


def _action_json(action: Action) -> dict[str, Any]:
    return {
        "action": str(action.kind),
        "service": action.service,
        "service_name": action.service_name,
        "subnet_ids": list(action.subnet_ids),
        "route_table_ids": list(action.route_table_ids),
        "cidrs": list(action.cidrs),
        "attributes": list(action.attributes),
        "ip_address_type": action.ip_address_type,
        "group_id": action.group_id,
        "reason": action.reason,
        "status": str(action.status),
        "endpoint_id": action.endpoint_id,
        "error": action.error,
        "held_by": action.held_by,
    }


_VERBS = {
    Status.DONE: "done",
    Status.PLANNED: "planned",
    Status.BLOCKED: "blocked",
    Status.FAILED: "failed",
}
_MOST_VPCS = 10


def endpoint_notice(answers: Iterable[VpcAnswer], *, because: str, is_plan: bool) -> Notice | None:
    """One notice for a run: what was done, what could not be, and why; None where there is nothing to tell."""
    worth = [answer for answer in answers if answer.actions or answer.refusal]
    if not worth:
        return None
    counts = {status: sum(a.status is status for answer in worth for a in answer.actions) for status in Status}
    where = worth[0].vpc_id if len(worth) == 1 else f"{len(worth)} VPCs"
    parts = [f"{counts[status]} {_VERBS[status]}" for status in Status if counts[status]]
    lines = [f"Because: {because}.", ""]
    for answer in worth[:_MOST_VPCS]:
        note = [f"  note: {answer.note}"] if answer.note else []
        lines += [f"{answer.vpc_id}: {answer.outcome}", *_action_lines(answer), *_approval_lines(answer), *note, ""]
    if len(worth) > _MOST_VPCS:
        lines.append(f"and {len(worth) - _MOST_VPCS} more VPCs; the ledger and the log name them all.")
    cost = sum((answer.monthly_cost_usd for answer in worth), Decimal(0))
    if cost:
        verb = "would add" if is_plan else "adds"
        lines += [f"This {verb} about {cost} USD a month, before data charges.", ""]
    if is_plan:
        lines.append("Mode is plan: nothing was changed.")
    return Notice(
        kind="endpoints",
        severity=Severity.CRITICAL if counts[Status.FAILED] else Severity.WARNING,
        subject=f"[lifeline] endpoint actions in {where}: {', '.join(parts) or 'failed'}",
        happened=tuple("\n".join(lines).rstrip().split("\n")),
        next=handover_lines((answer.vpc_id, action) for answer in worth for action in answer.actions),
        vpc_id=worth[0].vpc_id if len(worth) == 1 else "",
        facts={"vpcs": [as_json(answer) for answer in worth]},
    )


def lost_notice(vpc_id: str, lost: Iterable[tuple[str, str]]) -> Notice:
    """Endpoints that Lifeline made and that did not come up, with what happened to each."""
    found = list(lost)
    lines = [f"{endpoint_id}: {words}" for endpoint_id, words in found]
    return Notice(
        kind="endpoint_lost",
        severity=Severity.CRITICAL,
        subject=f"[lifeline] {len(found)} new endpoint{'s' if len(found) > 1 else ''} in {vpc_id} not available",
        happened=("Lifeline made these, and they serve nobody:", "", *lines),
        vpc_id=vpc_id,
        facts={"vpc_id": vpc_id, "endpoints": dict(found)},
    )


def _why(action: Action) -> str:
    return action.held_by or action.error


def _approval_lines(answer: VpcAnswer) -> list[str]:
    if answer.approval is None:
        return []
    approval = answer.approval
    return [
        f"  what needs approval ({approval.plan_id}) costs {approval.monthly_cost_usd} USD a month before data;",
        f"  until {write_time(approval.ends_at)}, this approves just that, once:",
        f"    {approval.command}",
    ]


def _action_lines(answer: VpcAnswer) -> list[str]:
    lines = [f"  {answer.refusal.field}: {answer.refusal.message}"] if answer.refusal else []
    for action in answer.actions:
        named = f" {action.endpoint_id or action.group_id}".rstrip()
        lines.append(f"  {_VERBS[action.status]}: {action.kind} {action.service}".rstrip() + named)
        lines.append(f"    why: {action.reason}")
        if action.subnet_ids:
            lines.append(f"    in: {', '.join(action.subnet_ids)}")
        if action.error:
            lines.append(f"    but: {action.error}")
    return lines
