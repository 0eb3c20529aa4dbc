"""What isn't known decides nothing: no action is planned on the strength of what could not be read."""

from collections.abc import Iterable, Iterator

from lifeline.core.network.model import Catalog, EndpointType, Part, Vpc
from lifeline.core.network.reach import ServiceReach
from lifeline.core.network.tiers import why_unsure
from lifeline.core.plan.actions import REMOVALS, Action, ActionKind, ServiceReport, ServiceState
from lifeline.core.plan.scene import Scene
from lifeline.core.policy.policy import Requirement

UNREAD_CATALOG = "the region's endpoint services could not be read"
_ON_GROUPS = frozenset({ActionKind.CREATE_SECURITY_GROUP, ActionKind.OPEN_SECURITY_GROUP})


def hold_back(actions: Iterable[Action], vpc: Vpc, held: tuple[str, ...]) -> Iterator[Action]:
    """The actions, blocked where what they rely on was not read, or where a tag may ask for nothing to be made.

    Removals pass: they have reasons, and guards, of their own.
    """
    unread = vpc.unread_words(Part.SECURITY_GROUPS)
    for action in actions:
        if not action.is_planned or action.kind in REMOVALS:
            yield action
        elif held:
            yield action.blocked(f"nothing is made in the VPC because {held[0]}")
        elif unread and (action.needs_security_group or action.kind in _ON_GROUPS):
            yield action.blocked("; ".join(unread))
        else:
            yield action


def plan_without_catalog(
    requirement: Requirement, scene: Scene, catalog: Catalog
) -> tuple[list[Action], ServiceReport]:
    """Nothing can be made then, and who isn't served by an endpoint that is there waits until a person helps."""
    service, reach = requirement.service, ServiceReach(scene.vpc, requirement.service, catalog, scene.plan_input.dns)
    paths = {client.id: reach.private_path(client) for client in scene.clients(requirement)}
    unserved = [client for client in scene.clients(requirement) if not paths[client.id].reach.is_open]
    if not unserved:
        by = ", ".join(sorted({path.endpoint_id for path in paths.values()}))
        return [], ServiceReport(service, ServiceState.SERVED, by, paths=tuple(paths.items()))
    words = f"{UNREAD_CATALOG}: {catalog.why_unread}"
    reason = f"{scene.named(unserved)} must be able to reach the {service} service"
    action = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, reason, service=service).blocked(words)
    return [action], ServiceReport(service, ServiceState.UNKNOWN, detail=UNREAD_CATALOG)


def wrong_tags(problems: Iterable[str]) -> Iterator[Action]:
    """An action for each of Lifeline's tags that can't be read: whoever set it has to say what it means."""
    for problem in problems:
        yield Action(ActionKind.CORRECT_TAG, "one of Lifeline's tags can't be read").blocked(problem)


def uncertain_requirements(scene: Scene, catalog: Catalog) -> Iterator[tuple[Action, ServiceReport]]:
    """What subnets may have to reach, by services: their tier decides, and what it depends on was not read; or a tag
    that may exempt them can't be read.
    """
    for requirement in scene.plan_input.unsure:
        asking = scene.clients(requirement)
        why = [
            *why_unsure(asking, scene.vpc),
            *(words for id_, words in scene.plan_input.unclear if id_ in requirement.subnet_ids),
        ]
        found = catalog.find(requirement.service)
        is_gateway = bool(found) and found[0].type is EndpointType.GATEWAY
        kind = ActionKind.CREATE_GATEWAY_ENDPOINT if is_gateway else ActionKind.CREATE_INTERFACE_ENDPOINT
        subnet_ids = tuple(client.id for client in asking)
        reason = f"{scene.who(requirement)} might have to reach the {requirement.service} service"
        words = f"it isn't known whether they have to: {'; '.join(why)}"
        action = Action(kind, reason, service=requirement.service, subnet_ids=subnet_ids).blocked(words)
        yield action, ServiceReport(requirement.service, ServiceState.UNKNOWN, detail=words)
