"""Gateway endpoints (s3, dynamodb): a subnet is served by a route in its own route table."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from lifeline.core.network.endpoint_policy import Opening, judge_policy, lets_any_caller_through
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.model import Catalog, Endpoint, EndpointState, EndpointType, Subnet, Vpc, is_own
from lifeline.core.network.network_path import Reach
from lifeline.core.network.reach import ServiceReach
from lifeline.core.network.service_here import endpoints_of
from lifeline.core.network.tiers import effective_route_table
from lifeline.core.plan.actions import Action, ActionKind, ServiceReport, ServiceState
from lifeline.core.plan.scene import Scene
from lifeline.core.plan.service import ServicePlanner
from lifeline.core.wording import write_count

_WITHOUT_ROUTE = frozenset({Reach.UNREACHABLE, Reach.PENDING, Reach.FAILED})
_FULL_ACCESS = 2


class GatewayPlanner(ServicePlanner):
    """Route tables that lack the service's route get it, beside whatever endpoints others have on other tables.

    A subnet that an interface endpoint serves, or will, gets no second path, which that endpoint's policy wouldn't
    restrict; and beside a gateway endpoint of others whose policy is narrow, no table gets one that lets everything
    through. Unless the policy asks for it.
    """

    def plan(self) -> tuple[list[Action], ServiceReport]:
        """The actions, and how the service stands."""
        live = self.live()
        taken = {table for endpoint in live for table in endpoint.route_table_ids}
        without = (client for client in self.clients if self._lacks_route(client))
        tables = {table.id for client in without if (table := effective_route_table(client, self.vpc))}
        missing = tuple(sorted(tables - taken))
        reported = list(self._open(live))
        if not missing:
            report = self.report(reported)
            is_stuck = report.state is ServiceState.MISSING and not reported
            return reported, replace(report, state=ServiceState.BLOCKED) if is_stuck else report
        ready = [endpoint for endpoint in live if endpoint.state is EndpointState.AVAILABLE and self.is_own(endpoint)]
        action = self._action(missing, ready)
        if action is None:
            return reported, self.report_as(ServiceState.PENDING, self.unseen())
        actions = [action, *reported]
        report = self.report(actions)
        if not any(one.is_blocked for one in actions):
            report = self.report_as(ServiceState.MISSING, detail=action.reason)
        return actions, report

    def _lacks_route(self, client: Subnet) -> bool:
        """True if a gateway endpoint in its route table could serve the subnet, and nothing is known to.

        Where a central endpoint may serve it, the route is added all the same: the name decides, so it takes nothing
        over.
        """
        path = self.paths[client.id]
        if self._is_asked_for:
            return not client.is_ipv6_only  # Lifeline makes them for IPv4
        if path.central_id and path.obstacles and not self._may_be_public:  # the name leads elsewhere
            return False
        if path.reach is Reach.PENDING and self.reach.holder and path.endpoint_id == self.reach.holder.id:
            return False
        kinds = {obstacle.kind for obstacle in path.obstacles}
        is_unsure = path.reach is Reach.UNKNOWN and not path.endpoint_id
        may_be_central = is_unsure and (self._may_be_public or not path.central_id)
        return (path.reach in _WITHOUT_ROUTE or may_be_central) and ObstacleKind.ADDRESS_FAMILY not in kinds

    @property
    def _may_be_public(self) -> bool:
        """True if a rule for a parent of the name answers it, whose servers may give the service's public addresses."""
        central = self.reach.central
        if central is None or not central.forwards or central.addresses is not None:
            return False
        return not self.reach.is_forwarded

    @property
    def _is_asked_for(self) -> bool:
        """True if the policy asks for the gateway endpoint, whatever else serves."""
        return self.requirement.service in self.plan_input.gateway_always

    def _open(self, live: list[Endpoint]) -> Iterator[Action]:
        """What keeps subnets from the endpoint that serves the others, or will."""
        found = [obstacle for path in self.paths.values() for obstacle in path.obstacles]
        is_shut = not all(path.reach.is_open for path in self.paths.values())
        yield from self.reset_policies()
        if self.reach.holder:
            yield from self.fix_dns(self.reach.holder.id) if is_shut else ()
            yield from self.remove(found, self.reach.holder)
        elif self.reach.central and any(path.central_id or self.lacks_a_name(path) for path in self.paths.values()):
            yield from self.fix_dns(self.reach.central.source_id) if is_shut else ()
            yield from self.without_way_to(self.reach.central) if not self._may_be_public else ()
        else:
            yield from self._resolve(live[0].id if live else "") if is_shut else ()
            if live and (led_astray := [obstacle for obstacle in found if obstacle.kind is ObstacleKind.ROUTE]):
                yield self.remedy(ActionKind.MEND_ROUTE, live[0], led_astray)
            yield from self.open_acls(found, live[0].id if live else "")

    def _resolve(self, endpoint_id: str) -> Iterator[Action]:
        """Names lead to a gateway endpoint while `enableDnsSupport` is on; unless the VPC has DNS servers of its own.

        While Lifeline may only say so, it hasn't read whether that is so.
        """
        if self.reach.asks_somebody:
            return
        off = tuple(name for name in self.reach.attributes_off if name == "enableDnsSupport")
        unless = "" if self.plan_input.dns else " unless the instances use other DNS servers,"
        why = f"the names of the {self.requirement.service} service aren't resolved{unless}"
        yield self.turning_on(off, why, endpoint_id, "resolving names")

    def _action(self, missing: tuple[str, ...], own: list[Endpoint]) -> Action | None:
        service = self.requirement.service
        need = f"the policy asks for a gateway endpoint for the {service} service in any case"
        if shut := [client for client in self.clients if not self.paths[client.id].reach.is_open]:
            need = self.scene.cut_off(shut, service)
        reason = f"{need}: {write_count(len(missing), 'route table')} without a route to it"
        chosen = self.policy_of(self.service, own[0].id if own else "")
        width = _width(own[0], self.vpc) if own else _FULL_ACCESS
        narrow = "" if chosen.document else self._beside_narrow(width)
        if own:
            action = self.action(ActionKind.ADD_ROUTE_TABLES, reason, route_table_ids=missing, endpoint_id=own[0].id)
            refusal = self.ports_words() or narrow
            return action.blocked(refusal) if refusal else action
        if self.unseen() or any(self.is_own(endpoint) and endpoint.state.is_coming for endpoint in self.live()):
            return None
        action = self.action(ActionKind.CREATE_GATEWAY_ENDPOINT, reason, route_table_ids=missing)
        refusal = self.ports_words() or self.may_create() or chosen.refusal or narrow or self._quota_words()
        return action.blocked(refusal) if refusal else self.complete(action)

    def _beside_narrow(self, width: int) -> str:
        """Why no table may get a route to a gateway endpoint of this `_width`; an empty text if it may."""
        others = (one for one in self.live() if not self.is_own(one) and _narrows(one, width, self.vpc))
        theirs, service = next(others, None), self.requirement.service
        if theirs is None or self._is_asked_for:
            return ""
        is_shut = judge_policy(theirs, self.vpc).opening is Opening.SHUT
        allow = "have its policy allow the service and " if is_shut else ""
        return (
            f"{theirs.id} isn't Lifeline's, and its policy {'lets nobody' if is_shut else 'may not let everything'} "
            f"through, so no gateway endpoint with full access is added beside it: {allow}add the route tables to it, "
            f"name a policy for the {service} service in "
            f'endpoint_policies, or add "gateway_always": ["{service}"] to the policy'
        )

    def _quota_words(self) -> str:
        """Gateway endpoints per region, adjustable (VPC guide: PrivateLink quotas)."""
        limit = self.plan_input.limits.gateway_endpoints_per_region
        planned = self.count_planned(ActionKind.CREATE_GATEWAY_ENDPOINT)
        if self.plan_input.gateway_endpoints_in_region + planned < limit:
            return ""
        return f"the region has its {limit} gateway endpoints: raise the quota, and the limit in the policy"


def gateway_notes(scene: Scene, catalog: Catalog) -> Iterator[str]:
    """What is to be known of gateway endpoints, once for the whole VPC: the services that get none because an interface
    endpoint serves them, and those where Lifeline's own stays beside what others made narrow later.
    """
    owner, vpc = scene.plan_input.owner, scene.vpc
    for service in (one.service for one in scene.plan_input.requirements):
        reach = ServiceReach(vpc, service, catalog, scene.plan_input.dns)
        if service in scene.plan_input.gateway_always or not reach.gateway:
            continue
        gateways = [one for one in endpoints_of(service, vpc) if one.type is EndpointType.GATEWAY]
        answering = reach.holder if reach.is_held and not reach.attributes_off else None
        if answering and not gateways:
            yield (
                f"{answering.id} answers for the {service} service in the whole VPC, so it gets no gateway "
                f'endpoint: if it should have one as well, add "gateway_always": ["{service}"] to the policy'
            )
        own = (one for one in gateways if is_own(one, owner))
        others = [one for one in (answering, *gateways) if one and not is_own(one, owner)]
        pairs = ((wide, one) for wide in own for one in others if _narrows(one, _width(wide, vpc), vpc))
        for wide, narrow in islice(pairs, 1):
            yield (
                f"{wide.id}, which Lifeline made, lets everything through to the {service} service, and {narrow.id} "
                f"may not. Lifeline changes neither: delete {wide.id} if {narrow.id} should be the only way"
            )


def _narrows(endpoint: Endpoint, width: int, vpc: Vpc) -> bool:
    """True if the endpoint's policy may not let through what one of this `_width` does. A gateway on no table that
    subnets use restricts nobody: whoever made it must not keep others from the service.
    """
    used = {table.id for subnet in vpc.subnets if (table := effective_route_table(subnet, vpc))}
    is_used = endpoint.type is not EndpointType.GATEWAY or not used.isdisjoint(endpoint.route_table_ids)
    return is_used and _width(endpoint, vpc) < width


def _width(endpoint: Endpoint, vpc: Vpc) -> int:
    """2 if the endpoint lets everything through, 1 if only with credentials of the accounts that are in the VPC, which
    keeps those of others out that somebody brings along, and 0 if it may not let through all of that, either.
    """
    return (judge_policy(endpoint, vpc).opening is Opening.OPEN) + lets_any_caller_through(endpoint, vpc)
