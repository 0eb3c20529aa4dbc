"""Plan: reads what a plan needs beyond the observation, and only where it needs it."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from hashlib import sha256

from lifeline.adapters.aws.calls import begin, beside, run_concurrently
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.hub import HubReader
from lifeline.adapters.aws.network import Interfaces, Network
from lifeline.adapters.store.hub_places import HubPlaceStore
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.event_path.candidate import cut_off
from lifeline.core.guards.hub_places import HubPlaces, count
from lifeline.core.network.askers import NOBODY, Askers, Asking, own_domains
from lifeline.core.network.dns import DnsView, custom_dns_finding
from lifeline.core.network.hub import HubView
from lifeline.core.network.model import IN_PLACE_OF, NO_CAPACITY, Catalog, EndpointState, EndpointType, SeenTier, Vpc
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.plan.actions import ASSOCIATES, NAMING, ActionKind, Plan, ServiceState
from lifeline.core.plan.cost import Price, nat_comparison, price_in
from lifeline.core.plan.endpoint_lifecycle import Followed
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.plan.uncertain import UNREAD_CATALOG
from lifeline.core.policy.endpoint_policies import NO_POLICIES, EndpointPolicies
from lifeline.core.policy.policy import Desired, Policy, desired, exempted_subnets
from lifeline.reconciler.steps.attributes import Attributes
from lifeline.reconciler.steps.faults import UNJUDGED, Faults
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

CROWDED = "too many VPCs at once: this one's turn comes with a later run, or ask for it by its id"
THROTTLED = NO_CAPACITY
type AboutToChange = Callable[[Mapping[str, Plan]], Iterable[str]]
"""Which VPCs of these plans something is applied in, if it passes."""

_NAMES = NAMING | {ActionKind.FIX_DNS}
_TAKES_NAMES = _NAMES | {ActionKind.ADD_SUBNETS}
# A gateway endpoint takes no name, but serves only while the name leads to public addresses. Where one is there by now,
# a table more takes nothing from anybody, and whoever answers was looked up when it was made.
_GOES_BY_NAMES = _NAMES | {ActionKind.CREATE_GATEWAY_ENDPOINT}
NOTHING = Followed(made={}, failures={})


@dataclass(frozen=True, slots=True)
class Planning:
    """One run's planning, under one policy. What it reads beyond the observation, it reads only where that counts. What
    it plans for one VPC takes room at the hub from the next, and so does what is `promised`, if that can be read.
    `is_applied` says that what is planned is made, as far as the limits let it pass; then `run_id` is the invocation's.
    """

    policy: Policy
    network: Network
    central: CentralDns
    settings: Settings
    now: datetime
    catalog: Catalog
    attributes: Attributes = field(default_factory=Attributes)
    endpoint_policies: EndpointPolicies = NO_POLICIES
    hubs: HubReader | None = None
    promised: Callable[[], HubPlaces | None] = HubPlaces
    is_applied: bool = False
    run_id: str = ""
    faults: Faults = field(default_factory=Faults)
    _claims: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False)

    def plan(
        self,
        vpcs: Sequence[Vpc],
        known: Mapping[str, Followed],
        *,
        check_dns: Collection[str] = (),
        is_region: bool = False,
        fresh: bool = False,
        about_to_change: AboutToChange = tuple,
        tried_often: Collection[str] = (),
        interfaces: Interfaces | None = None,
    ) -> tuple[dict[str, Plan], dict[str, str]]:
        """Each VPC's plan by id, and the VPCs whose plan must wait for a later run, with the reason: there are too many
        at once, AWS throttled what decides, or it is among the `faults`. A VPC that is gone by now has no plan.

        DNS attributes and central endpoints cost calls for each VPC, so they are read where an endpoint would be made,
        and the latter also where one can't be: there, a hub may serve all the same. Those wait for others' turns.
        Attributes that are known aren't read again, except for the VPCs in `check_dns`; of the others, which of these
        plans are `about_to_change` something decides: where nothing is applied now, unknown ones count as on.
        `is_region` says that `vpcs` are all of the region, and `fresh` that nothing that an earlier run read of central
        endpoints will do. `interfaces` are those that `read_ahead` found. VPCs in `tried_often` don't wait for calls
        that AWS throttles: what these would have said isn't known then.

        Gateway endpoints that are planned in other VPCs use up the region's quota, unless what is planned is applied:
        then the limits say which of them are made, and the most urgent are made first.
        """
        seen = {vpc.id: self.attributes.see(_settled(vpc) if vpc.id in tried_often else vpc) for vpc in vpcs}
        plans = {vpc_id: self._plan_one(vpc, known, None, 0) for vpc_id, vpc in seen.items()}
        wanting = [vpc_id for vpc_id, plan in plans.items() if _goes_by_names(plan) or self._has_stand_in(seen[vpc_id])]
        doubted = [vpc_id for vpc_id, plan in plans.items() if vpc_id not in wanting and _hangs_on_names(plan)]
        most = self.settings.dns_views
        if len(wanting) + len(doubted) > most:
            wanting.sort(key=self._turn)
            doubted.sort(key=lambda vpc_id: (not plans[vpc_id].has_work, self._turn(vpc_id)))
        wanting += doubted
        naming, waiting = wanting[:most], dict.fromkeys(wanting[most:], CROWDED)
        changing = about_to_change({vpc_id: plans[vpc_id] for vpc_id in naming})
        unknown = [vpc_id for vpc_id in changing if vpc_id not in self.attributes.known]
        checked = sorted(vpc_id for vpc_id in {*unknown, *check_dns} & seen.keys() if self.is_ours(seen[vpc_id]))
        with_dns = self.attributes.read([seen[vpc_id] for vpc_id in checked], self.network, self.now)
        seen |= {id_: _settled(vpc) if id_ in tried_often else vpc for id_, vpc in with_dns.items()}
        for vpc_id in set(checked) - with_dns.keys():
            del plans[vpc_id]
        checked, naming = [vpc_id for vpc_id in checked if vpc_id in plans], [id_ for id_ in naming if id_ in plans]
        asked = [*naming, *(id_ for id_ in checked if id_ not in naming and self._may_wake(seen[id_]))]
        region = self.settings.region
        read = [partial(self.central.view, vpc_id, region=region, fresh=fresh) for vpc_id in asked]
        clients = [id_ for id_ in naming if takes_names(plans[id_]) or self._has_stand_in(seen[id_])]
        there = begin(partial(self.network.interfaces_of, clients)) if clients and interfaces is None else None
        views: dict[str, DnsView] = dict(zip(asked, run_concurrently(read), strict=True))
        throttled = {id_: view.throttled for id_, view in views.items() if view.throttled and id_ not in tried_often}
        throttled |= {
            id_: (*(unread.note for unread in seen[id_].unread), *throttled.get(id_, ()))
            for id_, plan in plans.items()
            if plan.actions and seen[id_].is_partly_seen
        }
        hubs = self.read_hub([vpc_id for vpc_id in naming if vpc_id not in {*waiting, *throttled}])
        throttled |= {
            id_: hub.throttled
            for id_, hub in hubs.items()
            if hub.throttled and id_ not in tried_often and self._shares(seen[id_], plans[id_])
        }
        waiting |= dict.fromkeys(throttled, THROTTLED)
        plans |= {id_: _with_notes(plans[id_], notes) for id_, notes in throttled.items()}
        making = [vpc_id for vpc_id, plan in plans.items() if _count_new_gateways(plan)]
        gateways = self._count_gateways(vpcs, is_region=is_region) if making else 0
        before: dict[str, int] = {}
        for vpc_id in sorted({*checked, *naming, *making} - waiting.keys()):
            before[vpc_id] = gateways
            plans[vpc_id] = self._plan_one(seen[vpc_id], known, views.get(vpc_id), gateways, hub=hubs.get(vpc_id))
            gateways += 0 if self.is_applied else _count_new_gateways(plans[vpc_id])
        taking = [id_ for id_ in before if takes_names(plans[id_])]
        found = there() if there else interfaces
        for with_clients, asking in self._with_askers([seen[vpc_id] for vpc_id in taking], seen, found):
            vpc = _settled(with_clients) if with_clients.id in tried_often else with_clients
            view, hub = views.get(vpc.id), hubs.get(vpc.id)
            plans[vpc.id] = self._plan_one(vpc, known, view, before[vpc.id], asking, hub)
            if vpc.is_partly_seen:
                waiting[vpc.id] = THROTTLED
                plans[vpc.id] = _with_notes(plans[vpc.id], [unread.note for unread in vpc.unread])
        for vpc_id in waiting.keys() & set(doubted):
            if not plans[vpc_id].has_work:
                plans[vpc_id] = _put_off(plans[vpc_id], waiting[vpc_id])
        return plans, waiting | dict.fromkeys(self.faults.keys() & plans.keys(), UNJUDGED)

    def read_ahead(self, vpc_ids: Sequence[str]) -> Interfaces | None:
        """Reads who answers and who asks for names in these VPCs, beside what must be known before `plan` asks for it,
        and returns the network interfaces there, from which clients ask.
        """
        if not vpc_ids:
            return None
        views = [partial(self.central.view, id_, region=self.settings.region, fresh=True) for id_ in vpc_ids]
        with beside(partial(run_concurrently, views)), beside(self.central.askers):
            return self.network.interfaces_of(vpc_ids)

    def _turn(self, vpc_id: str) -> bytes:
        """By which VPCs are put in an order, another one each run: those that wait for a person would otherwise be the
        first each time, and the others never looked at while the queue, on which they are put back, is full. Nobody
        knows an invocation's ID beforehand, and so which VPCs to keep that go before another one.
        """
        return sha256(f"{self.run_id or self.now}|{vpc_id}".encode()).digest()

    def _has_stand_in(self, vpc: Vpc) -> bool:
        """True if an endpoint stands in for the hub there, whose path may be back."""
        return bool(self.policy.central) and any(endpoint.tag(IN_PLACE_OF) for endpoint in vpc.live_endpoints)

    def read_hub(self, vpc_ids: Sequence[str]) -> Mapping[str, HubView]:
        """What each of these VPCs sees of the hub that the policy names, by id. Without the stack's word, the role may
        not read that.
        """
        if self.policy.central is None or self.hubs is None or not vpc_ids or not self.settings.may_associate:
            return {}
        return self.hubs.views(self.policy.central, vpc_ids)

    def _shares(self, vpc: Vpc, plan: Plan) -> bool:
        """True if the hub that the policy names has a say in what the plan makes there."""
        shared = self.policy.central.services if self.policy.central else frozenset()
        return self._has_stand_in(vpc) or any(action.service in shared for action in plan.actions)

    def _may_wake(self, vpc: Vpc) -> bool:
        """True if Lifeline may turn on the VPC's DNS attributes, by which zones begin to answer."""
        return self._may_fix_dns and not (vpc.dns_support and vpc.dns_hostnames)

    def _with_askers(
        self, vpcs: Sequence[Vpc], seen: Mapping[str, Vpc], interfaces: Interfaces | None
    ) -> Iterator[tuple[Vpc, Asking]]:
        """The VPCs in which a name is about to be taken, with their clients' security groups, and with who else asks
        for names there: a few calls for all of them.
        """
        if not vpcs:
            return
        asked = begin(self.central.askers)
        with_clients, askers = self.network.with_clients(vpcs, interfaces), asked()
        unseen = frozenset[str]().union(*(askers.vpcs_asking(vpc) for vpc in vpcs)) - seen.keys()
        try:
            others = {vpc.id: vpc for vpc in self.network.observe(unseen)} if unseen else {}
        except (TransientError, TerminalError) as error:
            logger.warning("VPCs that ask for names in others not read", error=str(error))
            others = {}
        beside = {**seen, **others}
        askers = self._with_domains(askers, vpcs, beside)
        for vpc in with_clients:
            yield vpc, askers.of(vpc, beside)

    def _with_domains(self, askers: Askers, vpcs: Sequence[Vpc], beside: Mapping[str, Vpc]) -> Askers:
        """With what the VPCs that a rule leads to these ones answer themselves: two calls to EC2 for each, and those of
        a view. Of more than a run may view, it isn't known.
        """
        following = frozenset[str]().union(*(askers.vpcs_following(vpc) for vpc in vpcs)) & beside.keys()
        chosen = sorted(following)[: self.settings.dns_views]
        with_dns = self.network.with_dns([beside[vpc_id] for vpc_id in chosen])
        read = [partial(self.central.view, vpc.id, region=self.settings.region) for vpc in with_dns]
        views = zip(with_dns, run_concurrently(read), strict=True)
        return replace(askers, own_domains=tuple((vpc.id, own_domains(vpc, view, self.catalog)) for vpc, view in views))

    def plan_unread(self, vpcs: Sequence[Vpc]) -> dict[str, Plan]:
        """Each VPC's plan by what was observed alone: for telling, where the rest can't be read, never for applying."""
        return {vpc.id: self._plan_one(vpc, {}, None, 0) for vpc in vpcs}

    def plan_cut_off(self, vpc: Vpc) -> Plan:
        """What would be created in the VPC if no route led out of it and it had no endpoint, by the policy alone."""
        return self._plan_one(cut_off(vpc), {}, None, 0)

    def desired(self, vpc: Vpc) -> Desired:
        """What the policy wants of the VPC today; nothing if it is among the `faults`."""
        want = partial(desired, self.policy, vpc, usable_tiers(vpc), today=self.now.date())
        return self.faults.contain(vpc.id, want, otherwise=Desired(()))

    def _plan_one(
        self,
        vpc: Vpc,
        known: Mapping[str, Followed],
        dns: DnsView | None,
        gateways: int,
        asking: Asking = NOBODY,
        hub: HubView | None = None,
    ) -> Plan:
        """The VPC's plan; an empty one if it is among the `faults`."""
        tiers = usable_tiers(vpc)
        judge = partial(self._judge, vpc, tiers, known, dns, gateways, asking, hub)
        return self.faults.contain(vpc.id, judge, otherwise=Plan(vpc.id, tuple(tiers.items()), ()))

    def _judge(
        self,
        vpc: Vpc,
        tiers: Mapping[str, SeenTier],
        known: Mapping[str, Followed],
        dns: DnsView | None,
        gateways: int,
        asking: Asking,
        hub: HubView | None,
    ) -> Plan:
        followed = known.get(vpc.id, NOTHING)
        want = desired(self.policy, vpc, tiers, today=self.now.date())
        plan_input = PlanInput(
            requirements=want.requirements,
            owner=self.settings.stack_name,
            account_id=self.settings.account_id,
            made=tuple(sorted((service, made.endpoint_id) for service, made in followed.made.items())),
            fresh=followed.fresh(self.now),
            failures=tuple(sorted(followed.failures.items())),
            creatable=frozenset(self.settings.creatable_services) or None,
            limits=self.policy.limits,
            gateway_endpoints_in_region=gateways,
            fix_dns=self._may_fix_dns,
            dns=dns,
            asking=asking,
            price=self._price(),
            exempt=exempted_subnets(self.policy, vpc, today=self.now.date()),
            canary=self.policy.is_canary,
            gateway_always=self.policy.gateway_always,
            unsure=want.unsure,
            held=want.held,
            unclear=want.unclear,
            problems=want.problems,
            known_names=self.policy.known_names,
            region=self.settings.region,
            labels=self.policy.labels,
            endpoint_policies=self.endpoint_policies,
            central=self.policy.central,
            hub=hub and hub.with_taken(self._taken_by_others(vpc.id)),
            may_associate=self.settings.may_associate,
            refused=tuple(sorted(followed.refused.items())),
            frozen=followed.frozen,
            full=followed.full,
        )
        plan = plan_endpoints(vpc, self.catalog, plan_input, tiers)
        if hub:
            associating = (action for action in plan.planned if action.kind in ASSOCIATES)
            self._claims[self._name(vpc.id)] = tuple({id_ for action in associating for id_ in action.moving_ids})
        notes = [unread.note for unread in vpc.unread]
        if not self.catalog.is_read:
            notes.append(f"{UNREAD_CATALOG}: {self.catalog.why_unread}")
        notes += [*want.problems, *(exempted.words for exempted in want.exempted)]
        notes += plan.notes
        notes += dns.unread if dns else ()
        if dns and dns.custom_dns_servers:
            notes.append(custom_dns_finding(dns))
        if plan.monthly_cost_usd and vpc.nat_gateways and not plan.comparison:
            notes.append(nat_comparison(self._price()))
        return replace(plan, notes=tuple(notes))

    def _taken_by_others(self, vpc_id: str) -> Counter[str] | None:
        """How many other VPCs are to be associated with each of the hub's zones, or its Profile: by this run, or by
        what an earlier one offered to people. None where nobody knows the latter.
        """
        promised, own = self.promised(), self._name(vpc_id)
        if promised is None:
            return None
        taken = {**promised.before(own, now=self.now), **self._claims}
        return count({other: ids for other, ids in taken.items() if other != own})

    def _name(self, vpc_id: str) -> str:
        return f"{self.settings.home}/{vpc_id}"

    def is_ours(self, vpc: Vpc) -> bool:
        """True if its attributes can be read: another account's can't."""
        return not (self.settings.account_id and vpc.owner_id) or vpc.owner_id == self.settings.account_id

    @property
    def _may_fix_dns(self) -> bool:
        return self.policy.fix_dns and self.settings.may_fix_dns

    def _price(self) -> Price:
        return price_in(self.settings.region)

    def _count_gateways(self, vpcs: Sequence[Vpc], *, is_region: bool) -> int:
        if not is_region:
            return self.network.count_gateway_endpoints()
        return sum(
            endpoint.type is EndpointType.GATEWAY and endpoint.state is not EndpointState.DELETED
            for vpc in vpcs
            for endpoint in vpc.endpoints
        )


def read_once(places: HubPlaceStore | None) -> Callable[[], HubPlaces | None]:
    """What reads who is promised a place at the hub, at most once; None where that can't be read."""

    @cache
    def read() -> HubPlaces | None:
        try:
            return places.read() if places else HubPlaces()
        except LifelineError as error:
            logger.warning("places at the hub not read", error=str(error))
            return None

    return read


def _goes_by_names(plan: Plan) -> bool:
    """True if who answers for names of services must be known before the plan is carried out."""
    return any(action.kind in _GOES_BY_NAMES for action in plan.planned)


def _hangs_on_names(plan: Plan) -> bool:
    """True if it says that a service is blocked which a central endpoint may serve, about which nobody has asked."""
    return any(
        report.state is ServiceState.BLOCKED and any(path.is_unasked for _, path in report.paths)
        for report in plan.services
    )


def _put_off(plan: Plan, why: str) -> Plan:
    """The plan without its reasons, which only hold if no central endpoint answers."""
    return replace(plan, actions=tuple(action.blocked(why) for action in plan.actions))


def takes_names(plan: Plan) -> bool:
    """True if endpoints' private DNS is about to answer for names of services, or with other addresses."""
    return any(action.kind in _TAKES_NAMES for action in plan.planned)


def _settled(vpc: Vpc) -> Vpc:
    """The VPC as if nothing more could be read of it."""
    return replace(vpc, unread=tuple(replace(unread, is_passing=False) for unread in vpc.unread))


def _with_notes(plan: Plan, notes: Iterable[str]) -> Plan:
    return replace(plan, notes=tuple(dict.fromkeys((*plan.notes, *notes))))


def _count_new_gateways(plan: Plan) -> int:
    return sum(action.kind is ActionKind.CREATE_GATEWAY_ENDPOINT for action in plan.planned)
