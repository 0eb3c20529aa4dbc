"""Gateway endpoints (s3, dynamodb): a subnet is served by a route in its own route table."""

from lifeline.core.network.model import Endpoint, EndpointState, Subnet
from lifeline.core.network.obstacles import is_on_gateway
from lifeline.core.network.tiers import effective_route_table
from lifeline.core.plan.actions import Action, ActionKind, ServiceReport, ServiceState, Status
from lifeline.core.plan.service import ServicePlanner
from lifeline.core.wording import write_count


class GatewayPlanner(ServicePlanner):
    """Route tables that lack the service's route get it, beside whatever endpoints others have on other tables."""

    def plan(self) -> tuple[list[Action], ServiceReport]:
        """The actions, and how the service stands."""
        live = self.live()
        working = [endpoint for endpoint in live if endpoint.state is EndpointState.AVAILABLE]
        taken = {table for endpoint in live for table in endpoint.route_table_ids}
        unserved = [
            subnet for subnet in self._clients() if not any(is_on_gateway(end, subnet, self.vpc) for end in working)
        ]
        tables = {table.id for subnet in unserved if (table := effective_route_table(subnet, self.vpc))}
        missing = tuple(sorted(tables - taken))
        service = self.requirement.service
        if not missing:
            return self._without_missing(live, is_served=not unserved)
        action = self._action(missing, [endpoint for endpoint in working if self.is_own(endpoint)])
        if action is None:
            return [], ServiceReport(service, ServiceState.PENDING, self.unseen())
        is_blocked = action.status is Status.BLOCKED
        state = ServiceState.BLOCKED if is_blocked else ServiceState.MISSING
        return [action], ServiceReport(service, state, detail=action.error or action.reason)

    def _clients(self) -> list[Subnet]:
        """Those that a gateway endpoint can serve: S3's has IPv4 only (VPC guide: gateway endpoints for S3)."""
        clients = self.scene.clients(self.requirement)
        return [subnet for subnet in clients if not subnet.is_ipv6_only or not self.service.name.endswith(".s3")]

    def _without_missing(self, live: list[Endpoint], *, is_served: bool) -> tuple[list[Action], ServiceReport]:
        by = ", ".join(endpoint.id for endpoint in live)
        if not self._clients():
            words = "the gateway endpoint for S3 serves IPv4 only, and every subnet that needs it is IPv6-only"
            return [], ServiceReport(self.requirement.service, ServiceState.BLOCKED, by, words)
        if is_served:
            return [], ServiceReport(self.requirement.service, ServiceState.SERVED, by)
        return [], ServiceReport(self.requirement.service, ServiceState.PENDING, by, "its route is not active yet")

    def _action(self, missing: tuple[str, ...], own: list[Endpoint]) -> Action | None:
        reason = (
            f"{write_count(len(missing), 'route table')} of {self.scene.who(self.requirement)} without a route to it"
        )
        if own:
            return Action(
                ActionKind.ADD_ROUTE_TABLES,
                reason,
                service=self.requirement.service,
                service_name=self.service.name,
                route_table_ids=missing,
                endpoint_id=own[0].id,
            )
        if self.unseen() or any(self.is_own(endpoint) and endpoint.state.is_coming for endpoint in self.live()):
            return None
        action = Action(
            ActionKind.CREATE_GATEWAY_ENDPOINT,
            reason,
            service=self.requirement.service,
            service_name=self.service.name,
            route_table_ids=missing,
        )
        refusal = self.may_create() or self._quota_words()
        return action.blocked(refusal) if refusal else self.with_token(action)

    def _quota_words(self) -> str:
        """Gateway endpoints per region, adjustable (VPC guide: PrivateLink quotas)."""
        limit = self.plan_input.limits.gateway_endpoints_per_region
        planned = self.count_planned(ActionKind.CREATE_GATEWAY_ENDPOINT)
        if self.plan_input.gateway_endpoints_in_region + planned < limit:
            return ""
        return f"the region has its {limit} gateway endpoints: raise the quota, and limits in the policy"
