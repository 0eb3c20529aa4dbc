"""Cover: what is looked at and planned for the coverage page, and never applied. It only reads.

Calls grow with pages of the region's networks, as a sweep's do. What costs calls for each VPC (its audit log entries,
what waits for approval) is read of the worst ones alone. What can't be read is said, and the rest comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.network import Network
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.guards.approval import Offer, OfferState, approve_command, make_offer
from lifeline.core.guards.freeze import EVERYTHING, freeze_words, standing
from lifeline.core.guards.limits import Admission, Usage, admit, heaviest, own_interfaces
from lifeline.core.guards.mode import Mode
from lifeline.core.guards.urgency import shares_among, with_urgency
from lifeline.core.incidents.incident import Incident, services_lacking
from lifeline.core.network.model import Vpc
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import Plan, ServiceState
from lifeline.core.plan.answer import Approvable, Refusal, VpcAnswer
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.endpoint_lifecycle import MOST_FAILURES, Followed, follow
from lifeline.core.policy.policy import Desired, Policy
from lifeline.core.wording import plain, write_time
from lifeline.dashboard.coverage import Coverage
from lifeline.dashboard.rows import Seen, count_bad, cover_vpc, retirement_notes, subnet_rows, worst_first
from lifeline.dashboard.sources import Examined, Reads, Sources
from lifeline.reconciler.amend.amendment import Fact, RunContext, VpcContext
from lifeline.reconciler.amend.amendments import AMENDMENTS, GUARDS
from lifeline.reconciler.amend.retirement import RELEASE_HOLDS, is_released, retired
from lifeline.reconciler.facts import security_groups_of
from lifeline.reconciler.steps.planning import Planning
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

MOST_EXAMINED = 20  # VPCs whose audit log entries, state and waiting plan are read: about four calls each
_MOST_NOTIFIED = 3  # of incidents that belong to no VPC on the page
_UNLIMITED = 10**9
_NOT_LOOKED_UP = "too many VPCs at once: whether a central endpoint serves this one was not looked up"
_NOT_EXAMINED = (
    "too many VPCs at once: freezes, last actions and pending approvals here were not read; "
    "name the VPC in the widget's vpc_ids to see them"
)
_OPEN = frozenset({ServiceState.MISSING, ServiceState.BLOCKED})
_NO_DNS = (
    "not read: DNS attributes and central endpoints; what is missing here might be served centrally, or blocked by DNS"
)


@dataclass(frozen=True, slots=True)
class PageTools:
    """Whom the page asks; tests bring their own."""

    network: Network
    lookup: Lookup
    central: CentralDns
    sources: Sources


@dataclass(frozen=True, slots=True)
class _Region:
    """The VPCs in view, with what is wanted of each and planned for it."""

    vpcs: tuple[Vpc, ...]
    wants: Mapping[str, Desired]
    plans: Mapping[str, Plan]
    incidents: tuple[Incident, ...]
    crowded: frozenset[str] = frozenset()
    has_policy: bool = True

    def incidents_in(self, vpc_id: str) -> tuple[Incident, ...]:
        return tuple(incident for incident in self.incidents if incident.cause.vpc_id == vpc_id)


def cover(vpc_ids: Sequence[str], *, tools: PageTools, settings: Settings, now: datetime) -> Coverage:
    """How these VPCs stand, or all of the region if none is named.

    Raises TransientError or TerminalError where the network itself can't be observed.
    """
    return _Cover(tools, settings, now).cover(tuple(vpc_ids))


def plan_of(vpc_id: str, *, tools: PageTools, settings: Settings, now: datetime) -> VpcAnswer:
    """What the next look would do in the VPC, and what a limit or a person holds back there.

    Raises TransientError or TerminalError where the network can't be observed.
    """
    return _Cover(tools, settings, now).plan_of(vpc_id)


def holds_of(vpc_id: str, state: VpcState, now: datetime) -> tuple[str, ...]:
    """What keeps Lifeline's hands off the VPC, a line each."""
    frozen = [
        f"{'everything' if service == EVERYTHING else service}: {freeze_words(freeze, vpc_id, service)}"
        for service, freeze in sorted(standing(state.frozen, now).items())
    ]
    since = state.released_at
    if since is None or not is_released(since, now):
        return tuple(frozen)
    until = write_time(since + RELEASE_HOLDS)
    return (f"released manually at {write_time(since)}: nothing is made here until {until}", *frozen)


class _Cover:
    def __init__(self, tools: PageTools, settings: Settings, now: datetime) -> None:
        self._tools = tools
        self._settings = settings
        self._now = now
        self._price = price_in(settings.region)
        self._reads = Reads(tools.sources, settings, now)
        self._notes: list[str] = []

    # ---- the page

    def cover(self, vpc_ids: tuple[str, ...]) -> Coverage:
        vpcs = self._reads.recognize(self._tools.network.observe(vpc_ids or None))
        policy, why_stopped = self._reads.policy(), self._reads.why_stopped()
        planning = self._planning(policy)
        region = self._plan(planning, policy, vpcs, is_whole=not vpc_ids)
        examined = self._reads.examine(self._worst(region))
        region = replace(region, plans=self._with_state(planning, region, examined))
        admission = self._admit(region.plans, region.vpcs, planning.policy, region.incidents)
        offers = self._offers(admission, examined, why_stopped)
        self._mention_others(region, vpc_ids)
        rows = [
            cover_vpc(
                self._see(planning, vpc, region, admission.plans[vpc.id], examined.get(vpc.id), offers),
                self._price,
                self._now,
            )
            for vpc in vpcs
        ]
        return Coverage(
            account_id=self._settings.account_id,
            region=self._settings.region,
            stack_name=self._settings.stack_name,
            mode=str(self._settings.mode),
            at=self._now,
            vpcs=worst_first(rows),
            kill_switch=why_stopped,
            notes=(*dict.fromkeys(self._notes), *self._reads.notes),
            retire_after=self._settings.retire_after,
        )

    def _planning(self, policy: Policy | None) -> Planning:
        tools = self._tools
        return Planning(policy or Policy(rules=()), tools.network, tools.central, self._settings, self._now)

    def _plan(self, planning: Planning, policy: Policy | None, vpcs: tuple[Vpc, ...], *, is_whole: bool) -> _Region:
        """Without a valid policy nothing is required, not even by tags, for nothing would be applied."""
        incidents = self._reads.open_incidents(policy)
        if policy is None:
            nothing = {vpc.id: Plan(vpc.id, tuple(classify_subnets(vpc).items()), ()) for vpc in vpcs}
            return _Region(vpcs, {vpc.id: Desired(()) for vpc in vpcs}, nothing, incidents, has_policy=False)
        wants = {vpc.id: planning.desired(vpc) for vpc in vpcs}
        try:
            plans, waiting = planning.plan(vpcs, {}, is_region=is_whole)
        except LifelineError as error:
            logger.warning("planned without the VPCs' state", error=str(error))
            self._notes.append(_NO_DNS)
            plans, waiting = planning.plan_unread(vpcs), []
        return _Region(vpcs, wants, plans, incidents, frozenset(waiting))

    def _worst(self, region: _Region) -> list[str]:
        """The VPCs that are worth calls of their own: those with open incidents first, then those that miss most."""
        counts = {
            vpc.id: count_bad(subnet_rows(vpc, region.wants[vpc.id], region.plans[vpc.id])) for vpc in region.vpcs
        }
        silent = {incident.cause.vpc_id for incident in region.incidents}
        ordered = sorted(counts, key=lambda vpc_id: (vpc_id not in silent, -counts[vpc_id], vpc_id))
        return ordered[:MOST_EXAMINED]

    def _with_state(self, planning: Planning, region: _Region, examined: Mapping[str, Examined]) -> dict[str, Plan]:
        """The plans as they are once it counts what was made just now, what failed before, and what was given up."""
        by_id = {vpc.id: vpc for vpc in region.vpcs}
        known = {vpc_id: self._followed(by_id[vpc_id], vpc_examined.state) for vpc_id, vpc_examined in examined.items()}
        changed = {vpc_id: followed for vpc_id, followed in known.items() if self._counts(by_id[vpc_id], followed)}
        plans = dict(region.plans)
        if changed and region.has_policy:
            again, nothing = [by_id[vpc_id] for vpc_id in changed], dict[str, Plan]()
            plans |= self._reads.attempt(lambda: planning.plan(again, changed)[0], nothing, "what was made just now")
        for vpc_id, vpc_examined in examined.items():
            context = self._context(planning, by_id[vpc_id])
            for guard in GUARDS:  # the table shows what is missing; what is to be removed, retirement's notes say
                plans[vpc_id] = guard.preview(context, plans[vpc_id], vpc_examined.state)
        return plans

    def _context(self, planning: Planning, vpc: Vpc) -> VpcContext:
        """What amendments are told of a VPC whose state was read. The limits decide for the whole page, later."""
        run = RunContext(
            now=self._now,
            owner=self._settings.stack_name,
            price=self._price,
            policy=planning.policy,
            catalog=self._tools.network.catalog(),
            retire_after=self._settings.retire_after,
            is_canary=self._settings.canary,
            is_plan=True,
        )
        return VpcContext(run, vpc, read=frozenset({Fact.STATE}))

    def _followed(self, vpc: Vpc, state: VpcState) -> Followed:
        return follow(state.made, state.failures, vpc, now=self._now)

    def _counts(self, vpc: Vpc, followed: Followed) -> bool:
        """True if the plan would be another one: EC2 doesn't show an endpoint yet, or one failed too often."""
        unseen = followed.fresh(self._now) - {endpoint.id for endpoint in vpc.endpoints}
        return bool(unseen) or any(count >= MOST_FAILURES for count in followed.failures.values())

    def _see(
        self,
        planning: Planning,
        vpc: Vpc,
        region: _Region,
        plan: Plan,
        examined: Examined | None,
        offers: Mapping[str, tuple[Offer | None, str]],
    ) -> Seen:
        offer, words = offers.get(vpc.id, (None, ""))
        crowded = _NOT_LOOKED_UP if vpc.id in region.crowded else ""
        unread = _NOT_EXAMINED if examined is None and any(report.state in _OPEN for report in plan.services) else ""
        known = examined or Examined()
        return Seen(
            vpc=vpc,
            want=region.wants[vpc.id],
            plan=plan,
            incidents=region.incidents_in(vpc.id),
            entries=known.entries,
            made=known.state.made,
            offer=offer,
            holds=holds_of(vpc.id, known.state, self._now),
            notes=(*filter(None, (crowded, words, unread)), *self._retirement(planning, vpc, region, known)),
        )

    def _retirement(self, planning: Planning, vpc: Vpc, region: _Region, known: Examined) -> tuple[str, ...]:
        if not region.has_policy:
            return ()
        found = retired(self._context(planning, vpc), known.state)
        return retirement_notes(found.actions, found.notes)

    def _mention_others(self, region: _Region, vpc_ids: tuple[str, ...]) -> None:
        here = {vpc.id for vpc in region.vpcs}
        self._notes += [
            f"{vpc_id} does not exist in this account and region" for vpc_id in vpc_ids if vpc_id not in here
        ]
        others = [incident for incident in region.incidents if incident.cause.vpc_id not in here]
        if vpc_ids:
            others = [incident for incident in others if not incident.cause.vpc_id]
        self._notes += [
            plain(f"open incident {incident.id} of no VPC here: {incident.cause.words}")
            for incident in others[:_MOST_NOTIFIED]
        ]
        if len(others) > _MOST_NOTIFIED:
            self._notes.append(f"and {len(others) - _MOST_NOTIFIED} more open incidents of no VPC here")

    # ---- limits and approvals

    def _admit(
        self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc], policy: Policy, incidents: Sequence[Incident]
    ) -> Admission:
        """The plans with what needs approval blocked. What only waits for the next run passes: it is on its way."""
        has_work = any(plan.has_work for plan in plans.values())
        known, lacking = self._reads.known() if has_work else {}, services_lacking(incidents)
        plans = {
            vpc.id: with_urgency(
                plans[vpc.id], vpc, policy, known.get(vpc.id), lacking.get(vpc.id, frozenset()), now=self._now
            )
            for vpc in vpcs
        }
        limits = self._settings.limits
        limits = replace(
            limits,
            endpoints_per_run=limits.endpoints_per_run and _UNLIMITED,
            vpcs_per_run=limits.vpcs_per_run and _UNLIMITED,
        )
        owned = {vpc.id: own_interfaces(vpc) for vpc in vpcs}
        use = self._reads.use() if has_work else Usage()
        shares = shares_among(known, policy.shares, now=self._now)
        return admit(plans, use, owned, limits, self._price, now=self._now, shares=shares)

    def _offers(
        self, admission: Admission, examined: Mapping[str, Examined], why_stopped: str
    ) -> dict[str, tuple[Offer | None, str]]:
        """By VPC the plan that a person can approve now, or in words why what waits can't be approved."""
        if self._settings.mode is Mode.PLAN:
            return {}
        ids = {vpc_id: self._plan_id(vpc_id, admission) for vpc_id in examined if admission.held(vpc_id)}
        known = self._reads.load_offers(ids.values())
        return {vpc_id: self._standing(known.get(plan_id), why_stopped) for vpc_id, plan_id in ids.items()}

    def _plan_id(self, vpc_id: str, admission: Admission) -> str:
        return make_offer(vpc_id, admission.held(vpc_id), self._price, now=self._now).plan_id

    def _standing(self, offer: Offer | None, why_stopped: str) -> tuple[Offer | None, str]:
        if offer is None or not offer.is_live(self._now):
            return None, "what needs approval here is offered by the next look"
        if offer.state is OfferState.APPROVED:
            return None, f"{offer.plan_id} is approved: the next look applies it"
        if why_stopped:
            return None, f"{offer.plan_id} waits for approval, which works once the kill switch is off"
        return offer, ""

    # ---- one VPC's plan

    def plan_of(self, vpc_id: str) -> VpcAnswer:
        vpcs = self._reads.recognize(self._tools.network.observe([vpc_id]))
        if not vpcs:
            return VpcAnswer(vpc_id, refusal=Refusal("plan", f"{vpc_id} does not exist in this account and region"))
        policy, why_stopped = self._reads.policy(), self._reads.why_stopped()
        if policy is None:
            tiers = tuple(classify_subnets(vpcs[0]).items())
            return VpcAnswer(vpc_id, tiers, note="; ".join(self._reads.notes))
        planning = self._planning(policy)
        examined = self._reads.examine([vpc_id])
        state = examined[vpc_id].state
        plans, _ = planning.plan(vpcs, {vpc_id: self._followed(vpcs[0], state)}, check_dns=[vpc_id])
        plans[vpc_id] = self._amended(planning, vpcs[0], plans[vpc_id], state)
        admission = self._admit(plans, vpcs, policy, self._reads.open_incidents(policy))
        offer, words = self._offers(admission, examined, why_stopped).get(vpc_id, (None, ""))
        answer = VpcAnswer.of(admission.plans[vpc_id]).located(vpcs[0])
        limits = dict.fromkeys(action.blocked_by for action in answer.actions)
        users = [heaviest(name, admission.use, self._price, now=self._now) for name in limits]
        notes = [answer.note, why_stopped, words, *users, *self._reads.notes]
        approval = self._approvable(offer) if offer else None
        return replace(answer, note="; ".join(filter(None, notes)), approval=approval)

    def _amended(self, planning: Planning, vpc: Vpc, plan: Plan, state: VpcState) -> Plan:
        """The plan as the next run would change it, with what that would have to read for it."""
        context = self._context(planning, vpc)
        for amendment in AMENDMENTS:
            lacking = amendment.needs(context, plan, state) - context.read
            if Fact.CENTRAL_DNS in lacking:
                context = replace(context, dns=self._tools.central.view(vpc.id, region=self._settings.region))
            if Fact.SECURITY_GROUP_USERS in lacking:
                users = self._tools.lookup.users_of_security_groups(security_groups_of(plan))
                context = replace(context, security_group_users=tuple(chain(*users.values())))
            plan = amendment.preview(context, plan, state)
        return plan

    def _approvable(self, offer: Offer) -> Approvable:
        command = approve_command(offer.plan_id, self._settings.stack_name)
        return Approvable(offer.plan_id, offer.monthly_cost_usd, offer.ends_at, command)
