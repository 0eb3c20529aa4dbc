"""The result of reconciling one VPC, as values and as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from lifeline.core.network.model import SeenTier, Tier, Vpc
from lifeline.core.network.network_path import Reach
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceReport, Status
from lifeline.core.plan.cost import Price, cost_of, usd_words
from lifeline.core.plan.placement import FULL
from lifeline.core.plan.ways import HubComparison, comparison_json
from lifeline.core.wording import fingerprint

MOST_LACKING = 2000  # that are kept one by one: 20 KB of a VPC's state


class Outcome(StrEnum):
    """What came of one VPC."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PLANNED = "planned"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something could not be reconciled: the field that named it, and what is wrong with it."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Approvable:
    """The part of a VPC's plan that waits for approval, what it costs, and the command that approves just that. If
    `is_at_most`, it may cost less.
    """

    plan_id: str
    monthly_cost_usd: Decimal
    ends_at: datetime
    command: str
    is_at_most: bool = False

    @property
    def cost_words(self) -> str:
        """`7.30 USD more per month, before data charges`."""
        return f"{usd_words(self.monthly_cost_usd, at_most=self.is_at_most)} more per month, before data charges"


@dataclass(frozen=True, slots=True)
class VpcAnswer:
    """One VPC's tiers and what became of each action. `note` says what else a person should know.

    `name` is its Name tag and `zones` holds each subnet's zone: for people, and only where the VPC was seen.
    `comparison` is the plan's.
    """

    vpc_id: str
    tiers: tuple[tuple[str, SeenTier], ...] = ()
    actions: tuple[Action, ...] = ()
    services: tuple[ServiceReport, ...] = ()
    monthly_cost_usd: Decimal = Decimal(0)
    refusal: Refusal | None = None
    note: str = ""
    approval: Approvable | None = None
    name: str = ""
    zones: tuple[tuple[str, str], ...] = ()
    comparison: HubComparison | None = None

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
            comparison=plan.comparison,
        )

    def with_note(self, note: str) -> "VpcAnswer":
        """The answer with something else that a person should know."""
        return replace(self, note="; ".join(filter(None, (self.note, note))))

    def located(self, vpc: Vpc | None) -> "VpcAnswer":
        """The answer with what people call the VPC, and where its subnets are."""
        if vpc is None:
            return self
        zones = tuple((subnet.id, subnet.zone) for subnet in vpc.subnets)
        return replace(self, name=vpc.tag("Name") or "", zones=zones)

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
        """The same for the same open business, so that people are notified once; empty where there is none.

        An action counts with all that it is about, of which words may only name the first. How far a limit is used
        changes all the time, so its name counts, not its words. Which subnet EC2 refuses for want of addresses may
        change with each attempt. An approval that is offered anew is news, for the one before has ended.
        """
        offered = [[self.approval.ends_at.isoformat()]] if self.approval else []
        open_business = sorted(
            [
                action.kind,
                action.service,
                action.status,
                _why(action),
                *(() if FULL in action.error else action.subnet_ids),
                *action.cidrs,
                *action.others,
            ]
            for action in self.actions
            if not action.is_done
        )
        open_business += offered
        return fingerprint(*open_business, length=16) if open_business else ""

    @property
    def lacking(self) -> frozenset[str]:
        """The subnets without a way out that can't reach a service for which an action is left open, each as a
        fingerprint of both: what blocks an action may stay the same while more subnets need it. One whose endpoint is
        coming up counts once people have to act.

        An action for no service in particular may be what any service waits for. More than MOST_LACKING are one
        fingerprint, of all.
        """
        left = {action.service for action in self.actions if not action.is_done}
        stuck = {action.service for action in self.actions if action.kind is ActionKind.AWAIT_ENDPOINT}
        isolated = {subnet_id for subnet_id, tier in self.tiers if Tier.ISOLATED in tier.possible}
        found = {
            (report.service, subnet_id)
            for report in self.services
            if not left.isdisjoint({"", report.service})
            for subnet_id, path in report.paths
            if subnet_id in isolated and path.reach.is_closed
            if path.reach is not Reach.PENDING or report.service in stuck
        }
        if len(found) > MOST_LACKING:
            return frozenset({fingerprint(*sorted(found), length=16)})
        return frozenset(fingerprint(*pair, length=8) for pair in found)


def as_json(answer: VpcAnswer) -> dict[str, Any]:
    """The answer as notices and events contain it."""
    notified: dict[str, Any] = {
        "vpc_id": answer.vpc_id,
        "outcome": str(answer.outcome),
        "subnets": {subnet_id: str(tier) for subnet_id, tier in answer.tiers},
        "actions": [_action_json(action) for action in answer.actions],
        "services": [
            {"service": report.service, "state": str(report.state), "by": report.by, "detail": report.detail}
            for report in answer.services
        ],
        "monthly_cost_usd": float(answer.monthly_cost_usd),
    }
    if answer.refusal:
        notified["error"] = {"field": answer.refusal.field, "message": answer.refusal.message}
    if answer.note:
        notified["note"] = answer.note
    if answer.approval:
        notified["approval"] = {
            "plan_id": answer.approval.plan_id,
            "monthly_cost_usd": float(answer.approval.monthly_cost_usd),
            "ends_at": answer.approval.ends_at.isoformat(),
            "command": answer.approval.command,
        }
    return notified


def priced_json(answer: VpcAnswer, price: Price) -> dict[str, Any]:
    """The answer as the function returns it: with the VPC's name, what each action adds a month once it is made, and
    what the ways to a hub's services cost.
    """
    said = as_json(answer) | ({"name": answer.name} if answer.name else {})
    said |= {"comparison": comparison_json(answer.comparison)} if answer.comparison else {}
    for action, told in zip(answer.actions, said["actions"], strict=True):
        told["monthly_cost_usd"] = float(cost_of([action], price))
    return said


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
        "security_group_id": action.security_group_id,
        "reason": action.reason,
        "status": str(action.status),
        "endpoint_id": action.endpoint_id,
        "error": action.error,
        "blocked_by": action.blocked_by,
        **({"private_dns": action.private_dns} if action.kind in _MAKES_INTERFACES else {}),
        **({"endpoint_policy": action.policy_words} if action.policy_words else {}),
        **({"tags": dict(action.tags)} if action.tags else {}),
        **({"central_ids": list(action.central_ids)} if action.central_ids else {}),
        **({"checks": list(action.checks)} if action.checks else {}),
    }


_MAKES_INTERFACES = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.REPLACE_ENDPOINT})


def _why(action: Action) -> str:
    return action.blocked_by or (FULL if FULL in action.error else action.error)
