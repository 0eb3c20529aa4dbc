"""What is missing in one VPC, and what to do about it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from lifeline.core.actions import Action, ActionKind, Plan, ServiceReport, ServiceState, Status
from lifeline.core.central import DnsView
from lifeline.core.classify import classify_subnets
from lifeline.core.cost import Price, monthly_cost_usd
from lifeline.core.groups import own_group, plan_group
from lifeline.core.model import Catalog, EndpointType, Subnet, Tier, Vpc
from lifeline.core.plan_gateway import GatewayPlanner
from lifeline.core.plan_interface import InterfacePlanner
from lifeline.core.policy import Exempted, Limits, Wish


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one VPC's subnets must reach, and what Lifeline knows and may do beyond the VPC itself.

    `owner` is the value of Lifeline's tag on what is its own. `made` is the endpoint that it made last for each service
    as far as it remembers, `fresh` those made so recently that EC2 may not show them yet, `failures` how often one
    failed in a row. `creatable` are the services that the role may create, None for all. `dns` is what else answers
    names in the VPC, None where nobody has looked. `exempt` are the exemptions of its subnets. `canary` asks for
    endpoints whose private DNS is switched on only once they are available.
    """

    wishes: tuple[Wish, ...]
    owner: str
    account_id: str = ""
    made: tuple[tuple[str, str], ...] = ()
    fresh: frozenset[str] = frozenset()
    failures: tuple[tuple[str, int], ...] = ()
    creatable: frozenset[str] | None = None
    limits: Limits = field(default_factory=Limits)
    gateway_endpoints_in_region: int = 0
    fix_dns: bool = False
    dns: DnsView | None = None
    price: Price | None = None
    exempt: tuple[Exempted, ...] = ()
    canary: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """One VPC with its subnets' tiers and what is required there: what every step of planning looks at."""

    vpc: Vpc
    tiers: Mapping[str, Tier]
    requirement: Requirement

    def clients(self, wish: Wish) -> tuple[Subnet, ...]:
        """The subnets that wish for the service, in their ids' order."""
        found = (subnet for subnet in self.vpc.subnets if subnet.id in wish.subnet_ids)
        return tuple(sorted(found, key=lambda subnet: subnet.id))

    def who(self, wish: Wish) -> str:
        """The clients in words, the first three by id."""
        clients = self.clients(wish)
        named = ", ".join(f"{subnet.id} ({self.tiers[subnet.id]})" for subnet in clients[:3])
        return named if len(clients) <= 3 else f"{named} and {len(clients) - 3} more subnets"


def plan_endpoints(vpc: Vpc, catalog: Catalog, requirement: Requirement) -> Plan:
    """What to do so that each subnet reaches each service that it wishes for, privately.

    Applying it leaves nothing to plan but what is blocked or still coming up. The order of AWS's answers makes no
    difference. Foreign endpoints and groups are never changed. Pure: everything that it needs is passed.
    """
    tiers = classify_subnets(vpc)
    scene = Scene(vpc, tiers, requirement)
    found: list[Action] = []
    reports: list[ServiceReport] = []
    for wish in sorted(requirement.wishes, key=lambda one: one.service):
        more, report = _plan_service(wish, scene, catalog, found)
        found += more
        reports.append(report)
    found = _with_group(found, scene)
    order = list(ActionKind)
    actions = tuple(sorted(dict.fromkeys(found), key=lambda one: (order.index(one.kind), one.service, one.endpoint_id)))
    return Plan(
        vpc_id=vpc.id,
        tiers=tuple(tiers.items()),
        actions=actions,
        services=tuple(_after(report, actions) for report in reports),
        monthly_cost_usd=cost_of([one for one in actions if one.status is Status.PLANNED], requirement.price),
    )


def _plan_service(
    wish: Wish, scene: Scene, catalog: Catalog, planned: list[Action]
) -> tuple[list[Action], ServiceReport]:
    services = catalog.find(wish.service)
    refusal = _refusal(wish, scene, offered=bool(services))
    if refusal:
        reason = f"{scene.who(wish)} must reach {wish.service}"
        blocked = Action(kind=ActionKind.CREATE_INTERFACE_ENDPOINT, service=wish.service, reason=reason)
        return [blocked.blocked(refusal)], ServiceReport(wish.service, ServiceState.BLOCKED, detail=refusal)
    planner = GatewayPlanner if services[0].type is EndpointType.GATEWAY else InterfacePlanner
    return planner(wish, scene, services[0], planned).plan()


def _refusal(wish: Wish, scene: Scene, *, offered: bool) -> str:
    """Why nothing can be planned for the wish at all, or an empty text."""
    vpc, requirement = scene.vpc, scene.requirement
    if not offered:
        return f"the region offers no endpoint service named {wish.service}; is it spelt right?"
    if requirement.account_id and vpc.owner_id and vpc.owner_id != requirement.account_id:
        return f"the VPC belongs to account {vpc.owner_id}, which alone can create and see its endpoints: ask its owner"
    return ""


def _with_group(actions: list[Action], scene: Scene) -> list[Action]:
    """The actions with the security group that some need: there, planned first, or refused together with them."""
    group = list(plan_group(scene.vpc, scene.requirement.owner, is_needed=any(one.needs_group for one in actions)))
    refusal = next((one.error for one in group if one.status is Status.BLOCKED), "")
    own = own_group(scene.vpc, scene.requirement.owner)

    def settled(action: Action) -> Action:
        if not action.needs_group:
            return action
        return action.blocked(refusal) if refusal else replace(action, group_id=own.id if own else "")

    return [*group, *map(settled, actions)]


def _after(report: ServiceReport, actions: tuple[Action, ...]) -> ServiceReport:
    """The report, blocked where the service is missing and an action for it turned out blocked by its group."""
    if report.state is not ServiceState.MISSING:
        return report
    refused = [one for one in _of(report.service, actions) if one.status is Status.BLOCKED]
    return replace(report, state=ServiceState.BLOCKED, detail=refused[0].error) if refused else report


def _of(service: str, actions: tuple[Action, ...]) -> Iterator[Action]:
    return (action for action in actions if action.service == service)


def cost_of(actions: Iterable[Action], price: Price | None) -> Decimal:
    """What the actions' interfaces add in a month, in USD, without the data that goes through them."""
    kinds = {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ADD_SUBNETS}
    zones = sum(len(one.subnet_ids) for one in actions if one.kind in kinds)
    return monthly_cost_usd(zones, price) if price else Decimal(0)
