"""Apply: the planned actions of several VPCs, within AWS's rate of calls and the run's own time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Self

from lifeline.adapters.aws.calls import beside
from lifeline.adapters.aws.endpoints import Endpoints
from lifeline.adapters.store.call_rate import CallRate
from lifeline.core.denial import TRIED_AGAIN, denied_words, read_denial
from lifeline.core.errors import LifelineError, TerminalError, TransientError, UnansweredError
from lifeline.core.guards.kill_switch import KILL_SWITCH
from lifeline.core.plan.actions import SWAPS, Action, ActionKind, Plan, Status
from lifeline.core.plan.harm import unprepared
from lifeline.core.plan.order import Step, order_steps
from lifeline.core.plan.placement import FULL
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger
from lifeline.runtime.stages import Progress

# Which calls each action makes on AWS's bucket for endpoints (EC2 developer guide: request throttling).
_ENDPOINT_CALLS = {
    ActionKind.ATTACH_SECURITY_GROUP: 1,
    ActionKind.RESET_POLICY: 1,
    ActionKind.RESET_DNS_RECORDS: 1,
    ActionKind.CREATE_INTERFACE_ENDPOINT: 1,
    ActionKind.ADD_SUBNETS: 1,
    ActionKind.CREATE_GATEWAY_ENDPOINT: 1,
    ActionKind.ADD_ROUTE_TABLES: 1,
    ActionKind.ENABLE_PRIVATE_DNS: 1,
    ActionKind.REPLACE_ENDPOINT: 2,
    ActionKind.SWAP_TO_LOCAL: 1,
    ActionKind.SWAP_TO_CENTRAL: 1,
    ActionKind.RESTORE_LOCAL: 1,
    ActionKind.DISABLE_PRIVATE_DNS: 1,
    ActionKind.REMOVE_SUBNETS: 1,
    ActionKind.REMOVE_ROUTE_TABLES: 1,
    ActionKind.RETIRE_ENDPOINT: 1,
}
# Cut short, a swap would leave the name unanswered. AWS may take a minute and a half for each way, there and back.
_TAKES = dict.fromkeys(SWAPS, timedelta(seconds=200))

# What only people can do about an error, by its code (EC2 API reference: error codes).
_REMEDIES = {
    "SecurityGroupsPerInterfaceLimitExceeded": (
        " Others' groups use up the quota of security groups per network interface: remove one of them from the"
        " endpoint, or ask for more in Service Quotas"
    )
}

_NOT_THERE_YET = "it waits until the endpoint is available"


class Deferral(StrEnum):
    """Why work is left for a later run."""

    TIME = "this run's time is used up"
    TRANSIENT = "AWS refused for now"
    UNANSWERED = "a swap failed halfway and couldn't be undone"
    ATTRIBUTES = "the VPC's DNS attributes aren't what was planned for, so Lifeline will plan this VPC again"
    UNSAVED = "the VPC's state can't be saved, so nothing is changed there"


@dataclass(slots=True)
class Applied:
    """What became of one VPC's actions. `unmade` are those, by place, that are tried again although EC2 certainly made
    nothing of them.
    """

    actions: list[Action]
    deferral: Deferral | None = None
    security_group_id: str = ""
    made: dict[str, str] = field(default_factory=dict)
    unmade: set[int] = field(default_factory=set)

    @classmethod
    def later(cls, plan: Plan, why: Deferral) -> Self:
        """Nothing of the plan, which is left for a later run."""
        left = [replace(action, error=str(why)) if action.is_planned else action for action in plan.actions]
        return cls(left, why)


def apply_plans(
    plans: Mapping[str, Plan],
    endpoints: Endpoints,
    calls: CallRate,
    run: Run,
    *,
    why_stop: Callable[[], str] = str,
    account: str = "",
) -> dict[str, Applied]:
    """Makes the planned changes, in `order_steps`'s order. One that fails doesn't stop the others.

    What a later run can do stays `planned` and its VPC carries a deferral; what a person must solve is `failed`.
    `why_stop` is asked right before each change: once it gives a reason, the change is blocked. What a policy denies
    says whose policy it is, in which `account`.
    """
    applied = {vpc_id: Applied(list(plan.actions)) for vpc_id, plan in plans.items()}
    steps = list(order_steps(plans))
    progress = Progress("apply", run.id, len(steps), run.now())
    for done, step in enumerate(steps):
        progress.step(done, run.now())
        became = applied[step.vpc_id]
        became.actions[step.index] = _apply_step(step, became, endpoints, calls, run, why_stop, account)
    return applied


def _apply_step(
    step: Step,
    applied: Applied,
    endpoints: Endpoints,
    calls: CallRate,
    run: Run,
    why_stop: Callable[[], str],
    account: str,
) -> Action:
    action = applied.actions[step.index]
    security_group_id = action.security_group_id or applied.security_group_id
    if waiting := _unready(action, applied, security_group_id):
        return waiting
    try:
        with beside(why_stop) as asked:
            waited = _wait_for_turns(action, calls, run)
        if waited is None:
            applied.deferral = applied.deferral or Deferral.TIME
            return replace(action, error=str(Deferral.TIME))
        if why := why_stop() if waited else asked():  # what was read before a wait is too old
            return action.held(KILL_SWITCH, why)
        made = endpoints.apply(action, vpc_id=step.vpc_id, security_group_id=security_group_id)
    except TransientError as error:
        applied.deferral = Deferral.TRANSIENT
        applied.unmade.update([step.index] if error.code == FULL else ())
        return replace(action, error=str(error))
    except LifelineError as error:
        logger.error("action failed", vpc_id=step.vpc_id, action=str(action.kind), error=str(error), run_id=run.id)
        if isinstance(error, UnansweredError):
            applied.deferral = Deferral.UNANSWERED
        return _failed(action, error, account)
    applied.security_group_id = made.security_group_id or applied.security_group_id
    if made.endpoint_id:
        applied.made[action.service] = made.endpoint_id
    if made.part:
        applied.deferral = applied.deferral or Deferral.TRANSIENT
    return replace(
        made.part or action,
        status=Status.DONE,
        error=made.left,
        tags=action.tags if made.tags is None else made.tags,
        endpoint_id=made.endpoint_id or action.endpoint_id,
        security_group_id=made.security_group_id or security_group_id,
        security_group_name=made.security_group_name or action.security_group_name,
    )


def _failed(action: Action, error: LifelineError, account: str) -> Action:
    code = error.code if isinstance(error, TerminalError) else ""
    denial = read_denial(str(error), code) if isinstance(error, TerminalError) else None
    if denial is None:
        return replace(action, status=Status.FAILED, error=f"{error}{_REMEDIES.get(code, '')}")
    return action.denied(f"{denied_words(denial, denial.callers_account or account)}; {TRIED_AGAIN}. {error}")


def _unready(action: Action, applied: Applied, security_group_id: str) -> Action | None:
    """The action as it waits for, or fails with, another of its VPC that must come first; None where none must."""
    if action.kind is ActionKind.SWAP_TO_LOCAL and not action.endpoint_id:
        return replace(action, error=_NOT_THERE_YET)
    if action.needs_security_group and not security_group_id:
        return _without_security_group(action, applied)
    before = unprepared(action, applied.actions)
    if before is None:
        return None
    words = f"not all of the subnets that it would serve are let in: {before.error}"
    return replace(action, status=before.status, error=words, blocked_by=before.blocked_by)


def _without_security_group(action: Action, applied: Applied) -> Action:
    """An endpoint whose security group could not be made shares the group's fate."""
    group = next(other for other in applied.actions if other.kind is ActionKind.CREATE_SECURITY_GROUP)
    words = f"its security group is missing: {group.error}"
    return replace(action, status=group.status, error=words, blocked_by=group.blocked_by)


def _wait_for_turns(action: Action, calls: CallRate, run: Run) -> timedelta | None:
    """How long it waited until the action's turns came; None where the run's time doesn't last for them, or for it."""
    takes, waited = _TAKES.get(action.kind, timedelta(0)), timedelta(0)
    if run.patience(takes) <= timedelta(0):
        return None
    for _ in range(_ENDPOINT_CALLS.get(action.kind, 0)):
        wait = calls.reserve_endpoint_call(now=run.now(), patience=run.patience(takes))
        if wait is None:
            return None
        if wait > timedelta(0):
            run.sleep(wait)
        waited += wait
    return waited
