"""What only counts for the instances and interfaces that routes lead to: NAT instances, appliances.

Instances start and stop, and interfaces come and go, by the thousands, and nearly all of them carry nobody's traffic.
So their events are matched against the ids that routes lead to, as the last runs saw them, before anything else.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from lifeline.core.network.model import TargetKind, Vpc
from lifeline.core.requests.request import Request
from lifeline.core.wording import is_call

type Routed = Mapping[str, frozenset[str]]
"""By VPC: the instances and interfaces that its routes lead to, and what attaches one to the other."""

# A stopped or terminated instance's routes are blackholes, and so are a detached interface's (EC2 API: Route.State);
# with sourceDestCheck on, an instance forwards nothing (VPC guide: NAT instances).
ONLY_IF_ROUTED = frozenset(
    {
        "AttachNetworkInterface",
        "DeleteNetworkInterface",
        "DetachNetworkInterface",
        "ModifyInstanceAttribute",
        "ModifyNetworkInterfaceAttribute",
        "ResetInstanceAttribute",
        "ResetNetworkInterfaceAttribute",
    }
)


def counts_if_routed(request: Request) -> bool:
    """True if the request is nothing to Lifeline unless a route leads to what it names."""
    name = request.trigger.event_name
    return request.trigger.kind == "change" and (name in ONLY_IF_ROUTED or not is_call(name))


def matched(requests: Iterable[Request], routed: Routed) -> list[Request]:
    """The requests without those about what no route leads to; the others of their kind are for the routes' VPCs."""
    found: list[Request] = []
    for request in requests:
        if not counts_if_routed(request):
            found.append(request)
            continue
        vpc_ids = frozenset(vpc_id for vpc_id, ids in routed.items() if ids & request.changed_ids)
        if vpc_ids:
            found.append(replace(request, vpc_ids=tuple(sorted(vpc_ids)), changed_ids=vpc_ids))
    return found


def targets_of_routes(vpc: Vpc) -> frozenset[str]:
    """The instances and interfaces that the VPC's route tables name."""
    routes = (route for table in vpc.route_tables for route in table.routes)
    return frozenset(route.target_id for route in routes if route.target is TargetKind.NETWORK_INTERFACE)


def noted(
    routed: Routed, vpcs: Mapping[str, frozenset[str]], *, is_region: bool, keep: Collection[str] = ()
) -> dict[str, frozenset[str]]:
    """What is known once these VPCs were observed. A VPC without such routes isn't kept, and after a sweep no other.

    Of the VPCs in `keep`, what was known before stays known.
    """
    others = {} if is_region else {vpc_id: ids for vpc_id, ids in routed.items() if vpc_id not in vpcs}
    kept = {vpc_id: routed.get(vpc_id, frozenset()) for vpc_id in keep}
    return {**others, **{vpc_id: ids | kept.get(vpc_id, frozenset()) for vpc_id, ids in vpcs.items() if ids}}
