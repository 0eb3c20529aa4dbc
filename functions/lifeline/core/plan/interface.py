"""Interface endpoints: a VPC is served by the one endpoint that answers the service's name there."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lifeline.core.network.dns import parent_zone
from lifeline.core.network.model import Endpoint, EndpointState, Subnet
from lifeline.core.plan.actions import Action, ActionKind, ServiceReport, ServiceState
from lifeline.core.plan.central import judge_central
from lifeline.core.plan.harm import told_words
from lifeline.core.plan.sharing import HubPlanner


class InterfacePlanner(HubPlanner):
    """Follows the order of what is there: an endpoint that answers, one of ours that could, a central one, none."""

    def plan(self) -> tuple[list[Action], ServiceReport]:
        """The actions, and how the service stands."""
        actions, report = self._plan()
        central = self.plan_input.central
        is_shared = bool(central and self.requirement.service in central.services)
        return actions, replace(report, interfaces=self._count_interfaces(actions)) if is_shared else report

    def _count_interfaces(self, actions: Sequence[Action]) -> int:
        """How many interfaces an endpoint of the VPC's own has and gets, or would have."""
        if holder := self.reach.holder:
            added = (action.subnet_ids for action in actions if action.kind is ActionKind.ADD_SUBNETS)
            return len(holder.subnet_ids.union(*added))
        return len(self._placement().subnets)

    def _plan(self) -> tuple[list[Action], ServiceReport]:
        if self.reach.holder and (self.reach.is_held or not self.reach.central):
            return self._with(self.reach.holder)
        if central := self.reach.central or self._left_halfway():
            return self._centrally(central)
        if self.unseen():
            return [], self.report_as(ServiceState.PENDING, self.unseen(), "EC2 doesn't show it yet")
        live = self.live()
        actions = list(self._without(live))
        if not actions:
            return [], self.report_as(ServiceState.PENDING, live[0].id, "it is not available yet")
        refused = [action for action in actions if action.is_blocked]
        if refused:
            return actions, self.refused(refused[0].error)
        return actions, self.report_as(ServiceState.MISSING, detail=actions[0].error)

    # ---- an endpoint answers: does it serve every subnet, from every zone?

    def _with(self, endpoint: Endpoint) -> tuple[list[Action], ServiceReport]:
        found = [obstacle for path in self.paths.values() for obstacle in path.obstacles]
        actions = [
            *self._swapping_back(endpoint),
            *self.fix_dns(endpoint.id),
            *self.reset_policies(),
            *self.remove(found, endpoint),
            *self._spread(endpoint),
        ]
        detail = actions[0].reason if actions else ""
        if endpoint.state is not EndpointState.AVAILABLE:
            detail = f"it {endpoint.state.words}"
        return actions, self.report(actions, detail)

    def _spread(self, endpoint: Endpoint) -> Iterator[Action]:
        """With per-zone coverage: the clients' zones in which it has no interface yet.

        An interface endpoint answers for the whole VPC from any zone; an interface in its own zone keeps an agent
        working when another zone fails (PrivateLink guide: interface endpoints).
        """
        is_empty = not endpoint.subnet_ids  # AWS accepts an interface endpoint without interfaces
        if not self.requirement.per_zone and not is_empty:
            return
        homes = {subnet.id: subnet.zone for subnet in self.vpc.subnets}
        covered = {homes.get(subnet_id) for subnet_id in endpoint.subnet_ids}
        wanted = {client.zone for client in self.clients}
        placement = self._place(endpoint.ip_address_type)
        missing = [subnet for subnet in placement.subnets if is_empty or subnet.zone in wanted - covered]
        if not missing and not is_empty:
            return
        if not self.is_own(endpoint):
            owner = f"{endpoint.id} isn't Lifeline's: its owner should add a subnet in each zone"
            yield self._adding(endpoint, missing).blocked(owner)
        elif not missing:
            yield self._adding(endpoint, ()).blocked(self._no_subnet_words())
        elif endpoint.state is EndpointState.AVAILABLE:
            best = self._place_unharmed(endpoint.ip_address_type)
            safe, left, harm = self._takeover().grow(endpoint, missing, best)
            told = told_words(self._takeover().harm_with(endpoint, safe)) if safe else ""
            yield from [self._adding(endpoint, safe, told)] if safe else []
            yield from [self._adding(endpoint, left).blocked(harm)] if left else []

    def _adding(self, endpoint: Endpoint, subnets: Sequence[Subnet], told: str = "") -> Action:
        where = f"in {', '.join(subnet.zone for subnet in subnets)}" if endpoint.subnet_ids else "at all"
        why = f"{endpoint.id} has no interface {where}, where {self.requirement.service} is required{told}"
        subnet_ids = tuple(sorted(subnet.id for subnet in subnets))
        return self.action(ActionKind.ADD_SUBNETS, why, subnet_ids=subnet_ids, endpoint_id=endpoint.id)

    # ---- nothing answers

    def _without(self, live: list[Endpoint]) -> Iterator[Action]:
        own = [endpoint for endpoint in live if self.is_own(endpoint)]
        ready = [endpoint for endpoint in own if endpoint.state is EndpointState.AVAILABLE]
        coming = [endpoint for endpoint in own if endpoint.state.is_coming]
        if ready:
            yield from self._enabling(ready[0])
        elif not coming:
            yield from self._creating(self._failed())

    def _enabling(self, endpoint: Endpoint) -> Iterator[Action]:
        why = f"{endpoint.id} exists but doesn't answer for {', '.join(self.service.private_dns_names)}"
        yield from self._taking(self.action(ActionKind.ENABLE_PRIVATE_DNS, why), endpoint)

    def _creating(self, failed: list[Endpoint]) -> Iterator[Action]:
        placement = self._placement()
        offer = None if failed else judge_central(self.service, self.vpc, self.clients, self.catalog, self.plan_input)
        if offer and not offer.refusal:
            yield self._associating(offer, len(placement.subnets))
            return
        reason = f"{self.scene.cut_off(self.clients, self.requirement.service)}: "
        reason += self._replaced(failed) or "no endpoint in the VPC serves it"
        over = parent_zone(self.reach.names, self.plan_input.dns) if self.plan_input.dns else None
        reason += f"; {over.detail}" if over else ""
        reason += f"; the hub's endpoint can't be shared: {offer.refusal}" if offer else ""
        yield from self._making(failed, reason, placement)
