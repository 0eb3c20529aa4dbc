"""Endpoints by which an agent may use a service under another name: which of them are closed, and what closed them.

An agent uses them if it is told to: by a FIPS name, or by an endpoint's own one (CloudWatch agent guide:
endpoint_override; PrivateLink guide: private DNS, endpoint-specific names).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from lifeline.core.history.change import Change
from lifeline.core.incidents.changes import Past, scope_of
from lifeline.core.incidents.incident import CauseKind
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.model import (
    FAILED_STATES,
    Catalog,
    Endpoint,
    EndpointType,
    NetworkInterface,
    Subnet,
    Vpc,
    suffix_of,
    without_fips,
)
from lifeline.core.network.obstacles import Barrier, barrier_to
from lifeline.core.network.ports import HTTPS, ports_of
from lifeline.core.network.service_here import is_of_another_region


@dataclass(frozen=True, slots=True)
class ClosedEndpoint:
    """An endpoint that may have served by another name, and doesn't let the client in. `why` is a clause, `kind` what
    such a closed path is called, and `past` the changes of what it depends on. `is_by_own_name` says that it still
    answers by its own name.

    `is_outlived` says that connections that were open before live on (EC2 guide: security group connection tracking).
    """

    id: str
    service: str
    why: str
    kind: CauseKind
    past: Past
    is_outlived: bool = False
    is_by_own_name: bool = False


def closed_endpoints(
    service: str,
    asking: NetworkInterface | None,
    vpc: Vpc,
    subnet: Subnet,
    changes: Collection[Change],
    *,
    catalog: Catalog,
    serving_id: str,
) -> Iterator[ClosedEndpoint]:
    """The interface endpoints of the service that are closed to the client, or to all of the subnet where its interface
    isn't known (`asking`), by id; but for the one that serves the usual name, and any of which that isn't known.
    """
    for endpoint in sorted(vpc.endpoints, key=lambda one: one.id):
        name = suffix_of(endpoint.service_name)
        is_of_service = endpoint.type is EndpointType.INTERFACE and without_fips(name) == without_fips(service)
        if not is_of_service or endpoint.id == serving_id or is_of_another_region(endpoint, vpc):
            continue
        why, ports = _unanswered(endpoint), ports_of(name, dict(catalog.ports)) or HTTPS
        barrier = Barrier() if why else barrier_to(endpoint, subnet, vpc, ports, asking)
        if barrier.passes_any or barrier.unread:
            if why or (name != service and not endpoint.private_dns):
                scope = replace(scope_of(subnet, vpc, name), endpoint_ids=frozenset({endpoint.id}))
                own = (one for one in changes if endpoint.id in one.ids and one.event_name != "CreateVpcEndpoint")
                past, said = Past(own, scope), why or "its private DNS is off"
                yield ClosedEndpoint(endpoint.id, name, said, CauseKind.ENDPOINT_POLICY, past, is_by_own_name=not why)
            continue
        scope = scope_of(subnet, replace(vpc, endpoints=(endpoint,)), name, is_within=True)
        past = Past((change for change in changes if change.ids & scope.ids), scope)
        first, kinds = barrier.obstacles[0], {obstacle.kind for obstacle in barrier.obstacles}
        kind = {
            ObstacleKind.ENDPOINT_POLICY: CauseKind.ENDPOINT_POLICY,
            ObstacleKind.ROUTE: CauseKind.CUT_OFF,
        }.get(first.kind, CauseKind.ENDPOINT_CLOSED)
        is_outlived = kind is CauseKind.ENDPOINT_CLOSED and ObstacleKind.SECURITY_GROUP in kinds
        yield ClosedEndpoint(endpoint.id, name, first.words, kind, past, is_outlived)


def _unanswered(endpoint: Endpoint) -> str:
    """Why nothing answers there that would be let in otherwise, as a clause; empty if something does."""
    if endpoint.state.is_gone:
        return "it was deleted"
    return f"it {endpoint.state.words}" if endpoint.state in FAILED_STATES else ""
