"""Hand-over: Lifeline's own endpoint makes room for one that someone else brings.

AWS lets one endpoint answer a name in a VPC, and one route to a service stand in a route table. So Lifeline's own stays
without its private DNS, or without these routes, until theirs works. Then it is removed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from lifeline.core.coexist.claims import CLAIM_HOLDS, UNMET_HOLDS, is_timed_out
from lifeline.core.guards.freeze import Freeze, FreezeKind, freeze_words, idle_supports, standing
from lifeline.core.network.model import (
    FAILED_STATES,
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    Ranges,
    SeenTier,
    Tier,
    Vpc,
    is_own,
    suffix_of,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.obstacles import barrier_to, unread_groups
from lifeline.core.network.packets import EVERY_PORT
from lifeline.core.network.ports import ports_of
from lifeline.core.network.service_here import endpoints_of
from lifeline.core.network.tiers import effective_route_table
from lifeline.core.plan.actions import REMOVALS, Action, ActionKind, Plan, in_order
from lifeline.core.plan.security_group import is_used, own_security_groups
from lifeline.core.wording import fingerprint, write_actor, write_time

_USES_SECURITY_GROUP = frozenset(
    {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.REPLACE_ENDPOINT, ActionKind.ATTACH_SECURITY_GROUP}
)
_DELETES_SECURITY_GROUP = frozenset({ActionKind.DELETE_SECURITY_GROUP})


@dataclass(frozen=True, slots=True)
class HandOver:
    """One VPC's plan with what the claims there ask for, the freezes as they are now, whether theirs is coming, and the
    services for which it never came. `met` are the services whose names it answers by now, and the route tables.
    """

    plan: Plan
    frozen: Mapping[str, Freeze]
    is_waiting: bool = False
    met: frozenset[str] = frozenset()
    unmet: frozenset[str] = frozenset()


def leaves_traces(vpc: Vpc, owner: str) -> bool:
    """True where the VPC itself shows that a claim may have left something to do, whatever the state says."""
    own = vpc.own_endpoints(owner)
    used = frozenset[str]().union(*(endpoint.security_group_ids for endpoint in own))
    is_idle = any(group.id not in used for group in own_security_groups(vpc, owner))
    return is_idle or any(_is_silent(endpoint) for endpoint in own)


def answer_claims(
    plan: Plan, vpc: Vpc, frozen: Mapping[str, Freeze], *, owner: str, catalog: Catalog, now: datetime
) -> HandOver:
    """The plan with Lifeline's own stepping back for each claim that stands, and going once theirs works.

    What it would do for a claimed service is left out, with a note, unless a path was lost since people heard of the
    claim. One of its own whose name someone else's endpoint answers goes, with or without a claim. A claim is forgotten
    once nothing of Lifeline's is left of it, or once its time is over and theirs isn't there. Pure.
    """
    return _HandingOver(plan, vpc, frozen, owner, catalog, now).answer()


def isolated_paths(service: str, plan: Plan) -> dict[str, NetworkPath]:
    """The paths of the subnets without a way out that require the service, each by its subnet's fingerprint."""
    isolated = {subnet_id for subnet_id, tier in plan.tiers if Tier.ISOLATED in tier.possible}
    paths = (path for report in plan.services if report.service == service for path in report.paths)
    return {fingerprint(subnet_id, length=8): path for subnet_id, path in paths if subnet_id in isolated}


def tiers_without(service: str, freeze: Freeze, plan: Plan, vpc: Vpc) -> tuple[tuple[str, SeenTier], ...]:
    """The tiers of the subnets of which people hear with the claim: of a name's all, of routes' those on their tables,
    and those that go without anyway.
    """
    if not freeze.ids:
        return plan.tiers
    tables = ((subnet.id, effective_route_table(subnet, vpc)) for subnet in vpc.subnets)
    on_tables = {subnet_id for subnet_id, table in tables if table and table.id in freeze.ids}
    paths = (path for report in plan.services if report.service == service for path in report.paths)
    without = on_tables | {subnet_id for subnet_id, path in paths if not path.reach.is_open}
    return tuple((subnet_id, tier) for subnet_id, tier in plan.tiers if subnet_id in without)


class _HandingOver:
    def __init__(
        self, plan: Plan, vpc: Vpc, frozen: Mapping[str, Freeze], owner: str, catalog: Catalog, now: datetime
    ) -> None:
        self._plan = plan
        self._vpc = vpc
        self._catalog = catalog
        self._now = now
        self._own = vpc.own_endpoints(owner)
        self._others = [endpoint for endpoint in vpc.live_endpoints if not is_own(endpoint, owner)]
        self._groups = own_security_groups(vpc, owner)
        self._frozen = dict(frozen)
        self._claims = {service: freeze for service, freeze in frozen.items() if freeze.kind is FreezeKind.CLAIM}
        self._actions = list(plan.actions)
        self._notes = list(plan.notes)
        self._met: set[str] = set()
        self._unmet: set[str] = set()
        self._is_waiting = False

    def answer(self) -> HandOver:
        for service, freeze in sorted(self._claims.items()):
            self._answer(service, freeze)
        retired = [action for action in self._retire_superseded() if not self._is_retired(action.endpoint_id)]
        self._actions += retired
        if retired or self._met:
            self._actions += list(self._delete_security_groups())
        for service in self._met:
            self._forget_met(service)
        plan = replace(self._plan, actions=in_order(self._actions), notes=tuple(self._notes))
        met = frozenset(key for service in self._met for key in self._claims[service].ids or (service,))
        return HandOver(plan, self._frozen, self._is_waiting, met, frozenset(self._unmet))

    # ---- theirs

    def _is_met(self, freeze: Freeze, theirs: Iterable[Endpoint]) -> bool:
        ready = list(filter(self._works, theirs))
        return bool(ready) and set(freeze.ids) <= {table for endpoint in ready for table in endpoint.route_table_ids}

    def _is_in_place_of(self, endpoint: Endpoint, own: Endpoint) -> bool:
        is_same = (endpoint.service_name, endpoint.type) == (own.service_name, own.type)
        return is_same and endpoint.private_dns and self._works(endpoint)

    def _works(self, endpoint: Endpoint) -> bool:
        """True if it is available, answers in the VPC, and lets somebody in: also of each subnet that requires the
        service and that Lifeline's own lets in. What isn't known may let them in, but for rules of theirs that weren't
        read.
        """
        if endpoint.state is not EndpointState.AVAILABLE or not _answers(endpoint):
            return False
        service = suffix_of(endpoint.service_name)
        own = [one for one in self._own if suffix_of(one.service_name) == service]
        paths = (report.paths for report in self._plan.services if report.service == service)
        requiring = {subnet_id for path in paths for subnet_id, _ in path}
        let_in = self._let_in(endpoint, unread_groups(endpoint, self._vpc, self._ports_of(endpoint)))
        losing = requiring & frozenset[str]().union(*map(self._let_in, own)) - let_in
        return not losing and bool(let_in or not self._vpc.subnets)

    def _let_in(self, endpoint: Endpoint, unread: Iterable[str] = ()) -> frozenset[str]:
        """The ids of the subnets to which the endpoint isn't closed, whatever is in what is `unread`."""
        ports = self._ports_of(endpoint)
        barriers = {subnet.id: barrier_to(endpoint, subnet, self._vpc, ports) for subnet in self._vpc.subnets}
        return frozenset(
            id_ for id_, barrier in barriers.items() if barrier.passes_any and {*unread}.isdisjoint(barrier.unread)
        )

    def _ports_of(self, endpoint: Endpoint) -> Ranges:
        return ports_of(suffix_of(endpoint.service_name), dict(self._catalog.ports)) or EVERY_PORT

    # ---- one claim

    def _answer(self, service: str, freeze: Freeze) -> None:
        others = (endpoint for endpoint in endpoints_of(service, self._vpc) if endpoint in self._others)
        theirs = [endpoint for endpoint in others if _takes_over(endpoint, freeze)]
        if self._is_met(freeze, theirs):
            self._met.add(service)
            self._frozen[service] = replace(freeze, until=min(freeze.until or self._now, self._now))
        elif standing({service: freeze}, self._now):
            if not self._is_lost_since(service, freeze):
                self._postpone(service)
                self._notes.append(f"{service} is {freeze_words(freeze, self._vpc.id, service)}")
            self._actions += self._step_back(service, freeze)
            self._is_waiting = self._is_waiting or any(endpoint.state.is_coming for endpoint in theirs)
        else:
            self._actions = [_taken_back(action, service, freeze) for action in self._actions]
            del self._frozen[service]
            if is_timed_out(freeze):
                self._unmet.add(service)

    def _is_lost_since(self, service: str, freeze: Freeze) -> bool:
        """True if a subnet goes without of which people didn't hear with the claim: what it needs is blocked then, as
        by any other freeze, so that they hear.
        """
        paths = isolated_paths(service, self._plan)
        without = {key for key, path in paths.items() if not path.reach.is_open and path.reach is not Reach.PENDING}
        return freeze.is_notified and not without <= freeze.told

    def _postpone(self, service: str) -> None:
        """Leaves out what would be done for the service, and what only prepares it. An endpoint's policy stands in no
        one's way: that is left in to be blocked, so that people hear who opened it.
        """
        before = set(idle_supports(tuple(self._actions)))
        self._actions = [action for action in self._actions if action.service != service or not _is_in_the_way(action)]
        idle = set(idle_supports(tuple(self._actions))) - before
        self._actions = [action for action in self._actions if action not in idle]

    def _step_back(self, service: str, freeze: Freeze) -> Iterator[Action]:
        """AWS takes no change of an endpoint while it is pending, and says so: then it is tried again. One that failed
        serves nobody, so it goes.
        """
        for endpoint in (endpoint for endpoint in self._own if suffix_of(endpoint.service_name) == service):
            action = Action(
                ActionKind.RETIRE_ENDPOINT,
                f"{freeze.why}; the caller's endpoint takes precedence",
                service=service,
                service_name=endpoint.service_name,
                endpoint_id=endpoint.id,
            )
            tables = endpoint.route_table_ids & set(freeze.ids)
            if endpoint.private_dns and not freeze.ids:
                has_failed = endpoint.state in FAILED_STATES
                yield action if has_failed else replace(action, kind=ActionKind.DISABLE_PRIVATE_DNS)
            elif tables:
                is_last = tables == endpoint.route_table_ids
                kind = ActionKind.RETIRE_ENDPOINT if is_last else ActionKind.REMOVE_ROUTE_TABLES
                yield replace(action, kind=kind, route_table_ids=tuple(sorted(tables)))

    # ---- what is left of Lifeline's own

    def _retire_superseded(self) -> Iterator[Action]:
        """What serves nobody any more, because someone else's endpoint answers its name in the whole VPC."""
        for own in self._own:
            answering = [endpoint.id for endpoint in self._others if self._is_in_place_of(endpoint, own)]
            if answering and _is_silent(own) and not own.state.is_coming:
                service = suffix_of(own.service_name)
                claim = self._claims.get(service)
                claimed = f" (claimed by {write_actor(claim.actor)})" if claim and claim.actor else ""
                answers = f"{min(answering)}, which isn't Lifeline's, now answers for the {service} service in the VPC"
                yield Action.on(ActionKind.RETIRE_ENDPOINT, own, f"{answers}{claimed}, so this one is no longer used")

    def _is_retired(self, endpoint_id: str) -> bool:
        going = (action.endpoint_id for action in self._actions if action.kind is ActionKind.RETIRE_ENDPOINT)
        return endpoint_id in going

    def _delete_security_groups(self) -> Iterator[Action]:
        """Lifeline's groups that nothing has any more, where nothing that is planned takes or deletes one."""
        taken = _USES_SECURITY_GROUP | _DELETES_SECURITY_GROUP
        if any(action.kind in taken for action in self._actions):
            return
        left = [endpoint for endpoint in self._vpc.live_endpoints if not self._is_retired(endpoint.id)]
        for group in self._groups:
            if not is_used(group, replace(self._vpc, endpoints=tuple(left))):
                reason = "none of Lifeline's endpoints uses it any more"
                yield Action(ActionKind.DELETE_SECURITY_GROUP, reason, security_group_id=group.id, is_optional=True)

    def _forget_met(self, service: str) -> None:
        going = {action.kind for action in self._actions} & (_DELETES_SECURITY_GROUP | {ActionKind.RETIRE_ENDPOINT})
        if not going and not any(
            _is_silent(endpoint) and suffix_of(endpoint.service_name) == service for endpoint in self._own
        ):
            del self._frozen[service]


def _is_silent(endpoint: Endpoint) -> bool:
    return endpoint.type is EndpointType.INTERFACE and not endpoint.private_dns


def _is_pressing(action: Action) -> bool:
    return action.is_planned and action.kind not in REMOVALS


def _is_in_the_way(action: Action) -> bool:
    return _is_pressing(action) and action.kind is not ActionKind.RESET_POLICY


def _answers(endpoint: Endpoint) -> bool:
    """True unless it is an interface endpoint that nobody in the VPC is led to. AWS accepts one without interfaces, and
    S3's may be for the inbound resolver alone (EC2 API: DnsOptions).
    """
    is_led_to = bool(endpoint.subnet_ids) and not endpoint.inbound_dns_only
    return endpoint.type is not EndpointType.INTERFACE or is_led_to


def _takes_over(endpoint: Endpoint, freeze: Freeze) -> bool:
    if endpoint.state in FAILED_STATES:
        return False
    if freeze.ids:
        return endpoint.type is EndpointType.GATEWAY and bool(endpoint.route_table_ids & set(freeze.ids))
    return endpoint.type is EndpointType.INTERFACE and endpoint.private_dns


def _taken_back(action: Action, service: str, freeze: Freeze) -> Action:
    """The action with what nobody would guess: that Lifeline had handed it over, to whom, and for how long."""
    if action.service != service or not _is_pressing(action) or not is_timed_out(freeze):
        return action
    who, hours = write_actor(freeze.actor) or "someone", int(CLAIM_HOLDS.total_seconds() // 3600)
    words = (
        f"Lifeline handed over to {who} at {write_time(freeze.since)}, but their endpoint serves nobody after "
        f"{hours} hours; for {UNMET_HOLDS.days} days, it won't hand over again unless someone unfreezes {service}"
    )
    return replace(action, reason=f"{action.reason}; {words}")
