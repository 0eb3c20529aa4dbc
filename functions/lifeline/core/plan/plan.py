"""What is missing in one VPC, and what to do about it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from lifeline.core.network.endpoint_policy import Opening, judge_policy
from lifeline.core.network.model import Catalog, Endpoint, EndpointType, SeenTier, Tier, Vpc
from lifeline.core.network.ownership import added_words, unclear
from lifeline.core.network.packets import joined
from lifeline.core.network.ports import HTTPS
from lifeline.core.network.way_out import shut_in_words, usable_tiers
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceReport, ServiceState, in_order
from lifeline.core.plan.bystanders import bystander_notes
from lifeline.core.plan.cost import cost_of
from lifeline.core.plan.gateway import GatewayPlanner, gateway_notes
from lifeline.core.plan.hub_comparison import compare
from lifeline.core.plan.interface import InterfacePlanner
from lifeline.core.plan.scene import PlanInput, Scene
from lifeline.core.plan.security_group import groups_to_close, plan_security_groups, usable_security_group
from lifeline.core.plan.uncertain import hold_back, plan_without_catalog, uncertain_requirements, wrong_tags
from lifeline.core.policy.labels import missing_words
from lifeline.core.policy.policy import Requirement
from lifeline.core.policy.service_names import unknown_words
from lifeline.core.wording import listed


def plan_endpoints(
    vpc: Vpc, catalog: Catalog, plan_input: PlanInput, tiers: Mapping[str, SeenTier] | None = None
) -> Plan:
    """What to do so that each subnet reaches each service that it requires, privately.

    Applying it leaves nothing to plan but what is blocked or still coming up. The order of AWS's answers makes no
    difference. Foreign endpoints and groups are never changed. Pure: everything that it needs is passed, the tiers of
    the VPC's subnets only if they are known by now.
    """
    tiers = usable_tiers(vpc) if tiers is None else tiers
    if plan_input.hub and plan_input.dns:
        plan_input = replace(plan_input, dns=plan_input.hub.completed(plan_input.dns))
    scene = Scene(vpc, tiers, plan_input)
    found: list[Action] = []
    reports: list[ServiceReport] = []
    for requirement in sorted(plan_input.requirements, key=plan_input.place):
        more, report = _plan_service(requirement, scene, catalog, found)
        found += more
        reports.append(report)
    for action, report in uncertain_requirements(scene, catalog):
        found.append(action)
        reports += [report] if report.service not in {known.service for known in reports} else []
    reports.sort(key=lambda report: report.service)
    found = _with_security_group(found, scene, catalog)
    found = [*hold_back(found, vpc, plan_input.held), *wrong_tags(plan_input.problems)]
    found += [*ownership_questions(vpc, plan_input.owner), *groups_to_close(vpc, plan_input.owner)]
    actions = in_order(dict.fromkeys(found))
    return Plan(
        vpc_id=vpc.id,
        tiers=tuple(tiers.items()),
        actions=actions,
        services=tuple(_after(report, actions) for report in reports),
        monthly_cost_usd=cost_of([action for action in actions if action.is_planned], plan_input.price),
        notes=(
            *gateway_notes(scene, catalog),
            *_shut_in_notes(scene),
            *bystander_notes(scene, catalog),
            *_policy_notes(vpc, reports),
            *_missing_tags(actions, vpc),
        ),
        comparison=compare(scene, reports),
    )


def ownership_questions(vpc: Vpc, owner: str) -> Iterator[Action]:
    """An action for each resource of which it isn't clear whether it is Lifeline's own, and for each endpoint to which
    others added zones: a person has to say.
    """
    for resource, words in unclear(vpc, owner).items():
        kind, reason = ActionKind.CONFIRM_OWNERSHIP, f"it is unclear whether {resource.id} belongs to Lifeline"
        if isinstance(resource, Endpoint):
            yield Action.on(kind, resource, reason).blocked(words)
        else:
            yield Action(kind, reason, security_group_id=resource.id).blocked(words)
    for endpoint in vpc.live_endpoints:
        if added := [subnet for subnet in vpc.subnets if subnet.id in endpoint.added_subnet_ids]:
            zones = listed(sorted(subnet.zone for subnet in added))
            reason = f"zones that Lifeline didn't ask for were added to {endpoint.id}: {zones}"
            subnet_ids = tuple(sorted(subnet.id for subnet in added))
            question = Action(ActionKind.CONFIRM_OWNERSHIP, reason, subnet_ids=subnet_ids, endpoint_id=endpoint.id)
            yield question.blocked(added_words(endpoint))


def _shut_in_notes(scene: Scene) -> Iterator[str]:
    """Why subnets that require something count as isolated although a route leads out."""
    asking = frozenset[str]().union(*(requirement.subnet_ids for requirement in scene.plan_input.requirements))
    yield from shut_in_words(scene.vpc, {subnet_id for subnet_id in asking if scene.tiers[subnet_id] is Tier.ISOLATED})


def _policy_notes(vpc: Vpc, reports: Iterable[ServiceReport]) -> Iterator[str]:
    """What isn't known of the policies of endpoints that serve, or may: a narrow one counts as serving all the same."""
    serving = {path.endpoint_id for report in reports for _, path in report.paths}
    for endpoint in vpc.live_endpoints:
        verdict = judge_policy(endpoint, vpc)
        if endpoint.id in serving and verdict.opening in {Opening.NARROW, Opening.UNREADABLE}:
            yield verdict.words


def _missing_tags(actions: Iterable[Action], vpc: Vpc) -> Iterator[str]:
    """Which tags the VPC lacks that what is to be made should copy."""
    missing = {key: None for action in actions if action.is_planned for key in action.missing_tags}
    if missing:
        yield missing_words(tuple(missing), vpc)


def _plan_service(
    requirement: Requirement, scene: Scene, catalog: Catalog, planned: list[Action]
) -> tuple[list[Action], ServiceReport]:
    if not catalog.is_read:
        return plan_without_catalog(requirement, scene, catalog)
    services = catalog.find(requirement.service)
    refusal = _refusal(requirement, scene, offered=bool(services))
    if refusal:
        reason = f"{scene.who(requirement)} must be able to reach the {requirement.service} service"
        blocked = Action(kind=ActionKind.CREATE_INTERFACE_ENDPOINT, service=requirement.service, reason=reason)
        return [blocked.blocked(refusal)], ServiceReport(requirement.service, ServiceState.BLOCKED, detail=refusal)
    planner = GatewayPlanner if services[0].type is EndpointType.GATEWAY else InterfacePlanner
    return planner(requirement, scene, services[0], catalog, planned).plan()


def _refusal(requirement: Requirement, scene: Scene, *, offered: bool) -> str:
    """Why nothing can be planned for the requirement at all, or an empty text."""
    vpc, plan_input = scene.vpc, scene.plan_input
    if not offered:
        return unknown_words(requirement.service, plan_input.known_names or ())
    if plan_input.account_id and vpc.owner_id and vpc.owner_id != plan_input.account_id:
        return f"the VPC belongs to account {vpc.owner_id}, which alone can create and see its endpoints: ask its owner"
    return ""


def _with_security_group(actions: list[Action], scene: Scene, catalog: Catalog) -> list[Action]:
    """The actions with the security group that some need: there, planned first, or refused together with them."""
    needed = joined(port for action in actions if action.needs_security_group for port in action.ports)
    group = list(plan_security_groups(scene, catalog, needed=needed))
    refusal = next((action.error for action in group if action.is_blocked), "")
    usable = usable_security_group(scene.vpc, scene.plan_input.owner, needed or HTTPS)

    def settled(action: Action) -> Action:
        if not action.needs_security_group:
            return action
        return action.blocked(refusal) if refusal else replace(action, security_group_id=usable.id if usable else "")

    return [*group, *map(settled, actions)]


def _after(report: ServiceReport, actions: tuple[Action, ...]) -> ServiceReport:
    """The report, blocked where the service is missing and an action for it turned out blocked by its group."""
    if report.state is not ServiceState.MISSING:
        return report
    refused = [action for action in actions if action.service == report.service and action.is_blocked]
    return replace(report, state=ServiceState.BLOCKED, detail=refused[0].error) if refused else report
