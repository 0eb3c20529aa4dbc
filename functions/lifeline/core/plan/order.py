"""In which order the work of several VPCs is done, when there may be time for only some of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from lifeline.core.network.model import Tier
from lifeline.core.plan.actions import DELETES, ActionKind, Plan


@dataclass(frozen=True, slots=True)
class Step:
    """One action of one VPC's plan, by its index there."""

    vpc_id: str
    index: int


def order_steps(plans: Mapping[str, Plan]) -> tuple[Step, ...]:
    """The planned actions: what is more urgent first, then first endpoints before second zones, and more isolated VPCs
    first. What goes comes last: it saves money, but whatever connects somebody comes first.

    Within a VPC, the plan's order holds for what is equally urgent, for an endpoint needs its security group.
    """
    waiting = [
        (
            action.kind in DELETES,
            -action.urgency,
            action.kind is ActionKind.ADD_SUBNETS,
            -_isolated(plan),
            plan.vpc_id,
            index,
        )
        for plan in plans.values()
        for index, action in enumerate(plan.actions)
        if action.is_planned
    ]
    return tuple(Step(vpc_id, index) for *_, vpc_id, index in sorted(waiting))


def _isolated(plan: Plan) -> int:
    return sum(tier is Tier.ISOLATED for _, tier in plan.tiers)
