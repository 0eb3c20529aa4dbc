"""What an amendment is told, in a line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.network.model import Vpc
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceReport, Status
from lifeline.core.plan.cost import price_in
from lifeline.core.policy.policy import Policy, PolicyRule
from lifeline.reconciler.amend.amendment import Fact, RunContext, VpcContext
from tests.support.builders import CATALOG, MONITORING, OWNER, VPC_ID, endpoint, own_security_group, subnet, vpc

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SERVED = vpc(subnet(), endpoint(MONITORING, "a"), own_security_group())
NOTHING = VpcState()


def context(network: Vpc = SERVED, *services: str, at: datetime = NOW, **more: object) -> VpcContext:
    """A VPC whose private subnets require the services; its state and whatever else is passed was read."""
    policy = Policy(rules=(PolicyRule(frozenset(services or ("monitoring",))),))
    run = RunContext(at, OWNER, price_in("us-east-1"), policy, CATALOG)
    if more.pop("is_canary", False):
        run = replace(run, policy=replace(policy, is_canary=True))
    for name in ("is_plan", "is_region"):
        if name in more:
            run = replace(run, **{name: more.pop(name)})  # type: ignore[arg-type]
    read = frozenset({Fact.STATE, *(fact for fact in Fact if fact.value in more)})
    return replace(VpcContext(run, network, read=read), **more)  # type: ignore[arg-type]


def plan(*actions: Action, network: Vpc = SERVED, services: tuple[ServiceReport, ...] = ()) -> Plan:
    return Plan(VPC_ID, tuple(classify_subnets(network).items()), actions, services)


def action(kind: ActionKind, status: Status = Status.PLANNED, **more: object) -> Action:
    made = Action(kind, "why", service="monitoring", service_name=MONITORING, endpoint_id="vpce-1", status=status)
    return replace(made, **more)  # type: ignore[arg-type]


def kinds(changed: Plan) -> list[tuple[str, str]]:
    return [(str(one.kind), str(one.status)) for one in changed.actions]
