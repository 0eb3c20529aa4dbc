"""Others' endpoints that are about to serve, one after the other, and never do: Lifeline's stays out for so long."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from lifeline.core.history.change import Change
from lifeline.core.network.model import Endpoint, Tier, Vpc, is_own
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.plan.actions import NAMING, Action, ActionKind, Plan, ServiceReport
from lifeline.core.wording import write_actor, write_count, write_time

PATIENCE = timedelta(minutes=15)  # an endpoint comes up in a few
_REMEDY = (
    "AWS lets one endpoint have the name, and this one isn't Lifeline's: ask its owner to let it come up or to delete "
    "it; if others follow, deny ec2:CreateVpcEndpoint to whoever creates them"
)


def awaited_by(plan: Plan, vpc: Vpc, owner: str) -> dict[str, tuple[Endpoint, tuple[str, ...]]]:
    """By service, the endpoint of others' that is coming up, and the isolated subnets that have nothing else."""
    others = {endpoint.id: endpoint for endpoint in vpc.live_endpoints if not is_own(endpoint, owner)}
    found: dict[str, tuple[Endpoint, tuple[str, ...]]] = {}
    for report in plan.services:
        waiting = {
            subnet_id: others[path.endpoint_id]
            for subnet_id, path in _isolated_paths(report, plan)
            if path.reach is Reach.PENDING and path.endpoint_id in others
        }
        if waiting:
            found[report.service] = (waiting[min(waiting)], tuple(sorted(waiting)))
    return found


def keep_awaited(
    awaited: Mapping[str, datetime], plan: Plan, done: Sequence[Action], vpc: Vpc, owner: str, now: datetime
) -> dict[str, datetime]:
    """Since when services have waited for others' endpoints, by now. That ends once each isolated subnet reaches the
    service, once Lifeline gave something its name, and when nothing requires it any more.
    """
    waiting, own = awaited_by(plan, vpc, owner), {endpoint.id for endpoint in vpc.own_endpoints(owner)}
    ended = {action.service for action in done if action.is_done and action.kind in NAMING}
    kept: dict[str, datetime] = {}
    for report in plan.services:
        service, paths = report.service, [path for _, path in _isolated_paths(report, plan)]
        is_left = not report.paths or any(not path.reach.is_open and path.endpoint_id not in own for path in paths)
        if service not in ended and (service in waiting or (service in awaited and is_left)):
            kept[service] = awaited.get(service, now)
    return kept


def overdue(
    awaited: Mapping[str, datetime], plan: Plan, vpc: Vpc, owner: str, now: datetime, changes: Iterable[Change] = ()
) -> Iterator[Action]:
    """An action for each service that has waited for longer than PATIENCE, for a person. `changes` may say who created
    the endpoint that is coming up now.
    """
    creators = {
        id_: change.actor for change in changes if change.event_name == "CreateVpcEndpoint" for id_ in change.ids
    }
    for service, (endpoint, subnet_ids) in awaited_by(plan, vpc, owner).items():
        since = awaited.get(service, now)
        if now - since < PATIENCE:
            continue
        actor = creators.get(endpoint.id, "")
        reason = (
            f"{write_count(len(subnet_ids), 'isolated subnet')} can't reach the {service} service: at each look since "
            f"{write_time(since)}, an endpoint of somebody else's was to serve it, and none did; now {endpoint.id}"
            f"{f' (created by {write_actor(actor)})' if actor else ''} {endpoint.state.words}"
        )
        yield Action(
            ActionKind.AWAIT_ENDPOINT,
            reason,
            service=service,
            service_name=endpoint.service_name,
            subnet_ids=subnet_ids,
            endpoint_id=endpoint.id,
        ).blocked(_REMEDY)


def _isolated_paths(report: ServiceReport, plan: Plan) -> Iterator[tuple[str, NetworkPath]]:
    isolated = {subnet_id for subnet_id, tier in plan.tiers if Tier.ISOLATED in tier.possible}
    return ((subnet_id, path) for subnet_id, path in report.paths if subnet_id in isolated)
