"""Interface endpoints: a VPC is served by the one endpoint that answers the service's name there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from lifeline.core.network.acl import unread_acls
from lifeline.core.network.dns import DnsAnswer, domain_of, parent_zone
from lifeline.core.network.hub import check_beyond, find_cut
from lifeline.core.network.model import IN_PLACE_OF, Endpoint, EndpointState, EndpointType, Subnet
from lifeline.core.network.obstacles import FAILED_STATES, Obstacle
from lifeline.core.network.reach import NetworkPath, Reach
from lifeline.core.plan.actions import Action, ActionKind, ServiceReport, ServiceState
from lifeline.core.plan.central import CentralOffer, judge_central, profile_cost, saving_words
from lifeline.core.plan.elsewhere import Elsewhere, find_elsewhere, shadow_words
from lifeline.core.plan.endpoint_lifecycle import MOST_FAILURES
from lifeline.core.plan.harm import (
    Harm,
    Takeover,
    few_words,
    harm_words,
    place_unharmed,
    shut_out,
    walled_off,
)
from lifeline.core.plan.placement import FEWEST_FREE_ADDRESSES, Placement, place_interfaces
from lifeline.core.plan.security_group import own_security_groups
from lifeline.core.plan.service import ALLOW, ServicePlanner
from lifeline.core.policy.central import is_profile
from lifeline.core.wording import listed


class InterfacePlanner(ServicePlanner):
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
        if self.reach.central:
            return self._centrally(self.reach.central)
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

    def _centrally(self, central: DnsAnswer) -> tuple[list[Action], ServiceReport]:
        self.paths = {client.id: self._with_beyond(client, central) for client in self.clients}
        if (coming := self._taking_over()) and not all(path.reach.is_open for path in self.paths.values()):
            return [], self.report_as(ServiceState.PENDING, coming.id, "it is about to take the name")
        actions = list(self._by_central(central))
        return actions, self.report(actions)

    def _by_central(self, central: DnsAnswer) -> Iterator[Action]:
        """What keeps subnets from a central endpoint, in whose place Lifeline makes none unless somebody approves it.

        AWS refuses an endpoint whose name a private hosted zone of the VPC answers (PrivateLink guide: conflicting DNS
        domain), and over a rule or a Profile it would take what the others reach centrally.
        """
        yield from self.fix_dns(central.source_id)
        if here := self.reach.beside(central):
            yield from self.remove((obstacle for path in self.paths.values() for obstacle in path.obstacles), here)
        elif lost := list(self.without_way_to(central)):
            yield from self._swapping(central, lost[0]) or lost
        elif missing := self._let_go(self._answering_ids()):
            why = f"a swap stopped halfway: {listed(missing)} answered here, too"
            ends: dict[str, Any] = {"central_ids": missing, "central_account": self._account_of_hub()}
            yield self.action(ActionKind.ASSOCIATE_CENTRAL, why, **ends)
        else:
            yield from self._retiring_stand_in()

    def _taking_over(self) -> Endpoint | None:
        """Lifeline's endpoint whose private DNS was just turned on, and goes before a Profile once it works."""
        holder = self.reach.holder
        return holder if holder and self.is_own(holder) and holder.state.is_coming else None

    def _with_beyond(self, client: Subnet, central: DnsAnswer) -> NetworkPath:
        """A client's path; unreachable where the hub's side, or what leads there, is known to cut it. What can't be
        read cuts nothing.
        """
        path, view = self.paths[client.id], self.plan_input.hub
        is_hubs = view is not None and central.source_id in {source.id for source in view.sources}
        if view is None or not is_hubs or path.reach is not Reach.CENTRAL or self.reach.beside(central):
            return path
        cut = find_cut(check_beyond([client], self.vpc, central, self.service.name, self.ports, view))
        if cut is None:
            return path
        return path.cut_beyond(self.requirement.service, f"{cut.what} ({cut.why})", client.id)

    # ---- a hub's zone or Profile answers, and the path to the hub is cut: an endpoint stands in until the path is back

    def _swapping(self, central: DnsAnswer, lost: Action) -> list[Action]:
        """What lets an endpoint stand in for the hub's zones or Profile; nothing where they aren't the policy's.

        AWS refuses its private DNS while zones are associated. So it is made without, and takes the name once it is
        available: between two calls. A Profile stays, for the endpoint's private DNS goes before it.
        """
        named, ids = self.plan_input.central, self._answering_ids()
        if named is None or self.requirement.service not in named.services or not set(ids) <= named.ids:
            return []
        if central.forwards or not self.plan_input.may_associate:
            return []
        stays, whose, verb = is_profile(ids[0]), listed(ids), "is" if len(ids) == 1 else "are"
        asks, asks_before = (
            f"needs approval: it takes {whose} out of the VPC",
            f"needs approval: it is to stand in for {whose}",
        )
        why = f"AWS refuses private DNS for another endpoint while {whose} {verb} in the VPC"
        if stays:
            asks = f"needs approval: an endpoint answers the name in place of {whose}, which stays for all other names"
            why = f"the VPC's own private DNS goes before what {whose} brings"
        if self._let_go(ids):
            asks, asks_before, why = "", "", f"{why}; a swap that was approved stopped halfway"
        ends: dict[str, Any] = {"central_ids": ids, "central_account": self._account_of_hub()}
        swap = self.action(ActionKind.SWAP_TO_LOCAL, f"{lost.reason}; {why}", asks=asks, **ends)
        there = [one for one in self.live() if self.is_own(one) and not one.private_dns]
        refusing = f"{lost.error}; an endpoint can't stand in: "
        if ready := [one for one in there if one.state is EndpointState.AVAILABLE]:
            return list(self._taking(swap, ready[0], refusing))
        if coming := [one for one in there if one.state not in FAILED_STATES]:
            waits = f"{coming[0].id} {coming[0].state.words}, and will take the name once it is available"
            return [replace(swap, reason=f"{lost.reason}; {waits}")]
        failed, tags = self._failed(), ((IN_PLACE_OF, " ".join(ids)),)
        reason = "; ".join(filter(None, [lost.reason, self._replaced(failed)]))
        place = self._place_unharmed()
        made = list(self._making(failed, reason, place, refusing, asks=asks_before, private_dns=False, tags=tags))
        swap = replace(swap, reason=f"not every subnet reaches the hub's endpoint, and {why}")
        return [*made, swap] if any(one.needs_security_group for one in made) else made

    def _answering_ids(self) -> tuple[str, ...]:
        """The zones and Profiles that answer the service's names."""
        answers = self.plan_input.dns.answers if self.plan_input.dns else ()
        return tuple(sorted({one.source_id for one in answers if one.domain in self._names and not one.forwards}))

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(map(domain_of, self.service.private_dns_names))

    def _let_go(self, ids: Sequence[str]) -> tuple[str, ...]:
        """The hub's zones of the service's names that a swap let go which stopped before it let go of these, too."""
        hubs = self.plan_input.hub.sources if self.plan_input.hub else ()
        known = {source.id for source in hubs if any(answer.domain in self._names for answer in source.answers)}
        tags = ((one.tag(IN_PLACE_OF) or "").split() for one in self.live() if self.is_own(one) and not one.private_dns)
        found = next((tag for tag in tags if set(tag) & set(ids)), [])
        return tuple(id_ for id_ in found if id_ in known and id_ not in ids)

    def _swapping_back(self, endpoint: Endpoint) -> Iterator[Action]:
        """What gives the name back to the hub once the path there is whole again. To a Profile that is in the VPC
        still: nothing would answer without it.
        """
        if not (self.is_own(endpoint) and endpoint.tag(IN_PLACE_OF)) or endpoint.state is not EndpointState.AVAILABLE:
            return
        offer = judge_central(self.service, self.vpc, self.clients, self.catalog, self.plan_input, leaving=endpoint)
        if offer and not offer.refusal and all(map(self._is_back, offer.central_ids)):
            saving = saving_words(len(endpoint.subnet_ids), self.plan_input)
            yield self.action(
                ActionKind.SWAP_TO_CENTRAL,
                f"the path to the hub is back, for which {endpoint.id} stands in: {saving}",
                endpoint_id=endpoint.id,
                central_ids=offer.central_ids,
                central_account=self._account_of_hub(),
                checks=offer.words,
                asks="; ".join(["needs approval: it gives the name back to the hub", *offer.unread]),
            )

    def _is_back(self, central_id: str) -> bool:
        answers = self.plan_input.dns.answers if self.plan_input.dns else ()
        return not is_profile(central_id) or any(answer.source_id == central_id for answer in answers)

    def _retiring_stand_in(self) -> Iterator[Action]:
        """The endpoint that stood in, or was to, where the hub answers. It stays while that is watched as a canary."""
        for endpoint in self.live():
            is_idle = not endpoint.private_dns and endpoint.state is EndpointState.AVAILABLE
            if self.is_own(endpoint) and endpoint.tag(IN_PLACE_OF) and is_idle:
                why = "it stood in for the hub, which answers again"
                yield replace(Action.on(ActionKind.RETIRE_ENDPOINT, endpoint, why), is_optional=True)

    def _account_of_hub(self) -> str:
        account = self.plan_input.hub.account_id if self.plan_input.hub else ""
        return "" if account == self.plan_input.account_id else account

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
            yield from (
                [self._adding(endpoint, safe, few_words(self._takeover().harm_with(endpoint, safe)))] if safe else []
            )
            yield from [self._adding(endpoint, left).blocked(harm)] if left else []

    def _adding(self, endpoint: Endpoint, subnets: Sequence[Subnet], few: str = "") -> Action:
        where = f"in {', '.join(subnet.zone for subnet in subnets)}" if endpoint.subnet_ids else "at all"
        why = f"{endpoint.id} has no interface {where}, where {self.requirement.service} is required{few}"
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

    def _failed(self) -> list[Endpoint]:
        """The endpoints that failed, and that are Lifeline's or have the name."""
        naming = (endpoint for endpoint in self.live() if endpoint.private_dns or self.is_own(endpoint))
        return [endpoint for endpoint in naming if endpoint.state in FAILED_STATES]

    def _replaced(self, failed: Iterable[Endpoint]) -> str:
        """Which of Lifeline's endpoints failed and is replaced; an empty text if none is."""
        return next((f"{one.id} {one.state.words}" for one in failed if self.is_own(one)), "")

    def _enabling(self, endpoint: Endpoint) -> Iterator[Action]:
        why = f"{endpoint.id} exists but doesn't answer for {', '.join(self.service.private_dns_names)}"
        yield from self._taking(self.action(ActionKind.ENABLE_PRIVATE_DNS, why), endpoint)

    def _taking(self, action: Action, endpoint: Endpoint, refusing: str = "") -> Iterator[Action]:
        """The action by which an endpoint that is there takes the name, with what must come before it. Where that would
        harm somebody, it is blocked, and `refusing` comes before the reason.
        """
        found = self._takeover().harm_by(endpoint) if self._is_dns_read else ()
        others = self._elsewhere(endpoint)
        why = action.reason + few_words(found) + others.warning
        action = replace(action, reason=why, endpoint_id=endpoint.id)
        refusal = self.ports_words() or self._dns_refusal() or harm_words(found, self.ports) or others.breaks
        if refusal:
            yield action.blocked(refusing + refusal)
            return
        yield from self.fix_dns()
        if not self.security_group_will_do(endpoint) and (closed := shut_out(endpoint, self.vpc, self.ports)):
            yield self.remedy(ActionKind.OPEN_SECURITY_GROUP, endpoint, closed)
        yield from self.reset_policies()
        yield action

    def _creating(self, failed: list[Endpoint]) -> Iterator[Action]:
        placement = self._placement()
        offer = None if failed else judge_central(self.service, self.vpc, self.clients, self.catalog, self.plan_input)
        if offer and not offer.refusal:
            yield self._associating(offer, len(placement.subnets))
            return
        reason = f"{self.scene.cut_off(self.clients, self.requirement.service)}: "
        reason += self._replaced(failed) or "no endpoint in the VPC serves it"
        over = parent_zone(self.service.private_dns_names, self.plan_input.dns) if self.plan_input.dns else None
        reason += f"; {over.detail}" if over else ""
        reason += f"; the hub's endpoint can't be shared: {offer.refusal}" if offer else ""
        yield from self._making(failed, reason, placement)

    def _making(
        self, failed: list[Endpoint], reason: str, placement: Placement, refusing: str = "", **more: Any
    ) -> Iterator[Action]:
        """What makes an endpoint, in the place of one that failed if that is Lifeline's. Where it would harm somebody,
        or help nobody, it is blocked, and `refusing` comes before the reason. `more` are the action's other fields.
        """
        replaces = next(filter(self.is_own, failed), None)
        found = self._takeover().harm_in(placement) if self._is_dns_read else ()
        others = self._elsewhere(self._takeover().imagined(placement))
        action = self.action(
            ActionKind.REPLACE_ENDPOINT if replaces else ActionKind.CREATE_INTERFACE_ENDPOINT,
            reason + few_words(found) + others.warning,
            subnet_ids=tuple(sorted(subnet.id for subnet in placement.subnets)),
            endpoint_id=replaces.id if replaces else "",
            ip_address_type=placement.ip_address_type,
            **{"private_dns": not self.plan_input.canary, **more},
        )
        walled = walled_off(self.clients, placement.subnets, self.vpc, self.ports)
        refusal = self._refusal(placement, failed) or self._harm_refusal(found, walled, placement.subnets)
        refusal = refusal or others.breaks
        if refusal:
            yield action.blocked(refusing + refusal)
            return
        yield from self.fix_dns()
        yield self.complete(action)
        yield from self.open_acls(walled)

    def _associating(self, offer: CentralOffer, interfaces: int) -> Action:
        """The association with the hub's zones or its Profile, which takes the endpoint's place."""
        saving = saving_words(interfaces, self.plan_input)
        reason = f"{self.scene.cut_off(self.clients, self.requirement.service)}, and the hub's endpoint would serve it"
        usd, is_at_most = profile_cost(self.plan_input)
        return self.action(
            ActionKind.ASSOCIATE_CENTRAL,
            f"{reason}: {saving}" if saving else reason,
            central_ids=offer.central_ids,
            central_account=self._account_of_hub(),
            checks=offer.words,
            asks=offer.asks,
            profile_usd=usd,
            is_at_most=is_at_most,
        )

    @property
    def _is_dns_read(self) -> bool:
        """False in a first draft, before the VPC's DNS was read: where a hub answers, no endpoint harms anyone."""
        return self.plan_input.dns is not None

    def _harm_refusal(self, found: Sequence[Harm], walled: list[Obstacle], hosts: Sequence[Subnet]) -> str:
        """Why an endpoint there would harm a subnet, or help none; an empty text if neither."""
        if not self._is_dns_read:
            return ""
        harm = harm_words(found, self.ports)
        unread = [unread_acls(client, hosts, self.vpc) for client in self.clients]
        if not harm and all(unread):
            return f"it isn't known whether a subnet could reach an endpoint there: {'; '.join(unread[0])}"
        if harm or len(walled) < len(self.clients):
            return harm
        return f"no subnet that needs the service could reach an endpoint there: {walled[0].words}; {ALLOW}"

    def _takeover(self) -> Takeover:
        plan_input = self.plan_input
        service = self.requirement.service
        own = frozenset(group.id for group in own_security_groups(self.vpc, plan_input.owner))
        return Takeover(self.service, service, self.vpc, plan_input.dns, plan_input.exempt, self.catalog.ports, own)

    def _elsewhere(self, endpoint: Endpoint) -> Elsewhere:
        """What the endpoint's private DNS would do beyond the VPC's clients, and to other names than it answers."""
        if not self._is_dns_read:
            return Elsewhere()
        takeover = self._takeover()
        groups = self.vpc.groups(endpoint.security_group_ids or takeover.group_ids)
        found = find_elsewhere(takeover, endpoint, self.plan_input.asking, groups)
        return replace(found, breaks=found.breaks or shadow_words(takeover))

    def _place_unharmed(self, kind: str = "") -> Placement:
        clients, dependents = self.clients, [one.subnet for one in self._takeover().dependents()]
        return place_unharmed(lambda avoid: self._place(kind, avoid), dependents, clients, self.vpc, self.ports)

    def _refusal(self, placement: Placement, failed: list[Endpoint]) -> str:
        """Why an endpoint can't be made, known before asking; an empty text if nothing stands in its way."""
        foreign = [endpoint for endpoint in failed if not self.is_own(endpoint)]
        failures = dict(self.plan_input.failures).get(self.requirement.service, 0)
        if not self.service.private_dns_names:
            return f"{self.service.name} has no private DNS name; configure its endpoint in the agents instead"
        if foreign:
            return f"{foreign[0].id} {foreign[0].state.words} and still has the DNS name: its owner should delete it"
        if failures >= MOST_FAILURES:
            why = next((endpoint.failure for endpoint in failed if endpoint.failure), "")
            known = f": {why}" if why else ""
            return f"it failed {failures} times in a row{known}; to try again, delete the failed endpoint"
        if all(subnet.is_ipv6_only for subnet in self.clients) and "ipv6" not in self.service.ip_address_types:
            return f"{self.service.name} has only IPv4 addresses, and every subnet that needs it is IPv6-only"
        if not placement.subnets:
            return self._no_subnet_words()
        policy = self.policy_of(self.service).refusal
        return self.ports_words() or self.may_create() or policy or self._dns_refusal() or self._quota_words()

    def _dns_refusal(self) -> str:
        refusal = self.attributes_refusal(self.reach.attributes_off)
        if refusal:
            return refusal
        unread = self.plan_input.dns.unreadable if self.plan_input.dns else ()
        return f"it isn't known whether a central endpoint answers the name: {'; '.join(unread)}" if unread else ""

    # ---- facts and words

    def _placement(self) -> Placement:
        """Where an endpoint that is to be made gets its interfaces."""
        return self._place_unharmed() if self._is_dns_read else self._place()

    def _place(self, kind: str = "", avoid: frozenset[str] = frozenset()) -> Placement:
        return place_interfaces(
            self.service,
            self.clients,
            self.vpc,
            self.scene.tiers,
            per_zone=self.requirement.per_zone,
            account_id=self.plan_input.account_id,
            kind=kind,
            avoid=avoid,
        )

    def _no_subnet_words(self) -> str:
        zones = ", ".join(sorted({subnet.zone for subnet in self.vpc.subnets}))
        return (
            f"no subnet is suitable for the endpoint: it must belong to this account, have at least "
            f"{FEWEST_FREE_ADDRESSES} free addresses, and be in a zone that supports {self.service.name} "
            f"(the VPC has subnets in {zones})"
        )

    def _quota_words(self) -> str:
        """Interface and Gateway Load Balancer endpoints per VPC, adjustable (VPC guide: PrivateLink quotas)."""
        limit = self.plan_input.limits.interface_endpoints_per_vpc
        there = sum(endpoint.type is not EndpointType.GATEWAY for endpoint in self.vpc.live_endpoints)
        planned = self.count_planned(ActionKind.CREATE_INTERFACE_ENDPOINT)
        if there + planned < limit:
            return ""
        return f"the VPC has its {limit} interface endpoints: raise the quota, and the limit in the policy"
