"""Cover: what the coverage page observes and plans, and never applies. It only reads.

Calls grow with pages of the region's networks, as a sweep's do. What costs calls for each VPC (its audit log entries,
what waits for approval) is read of the worst ones alone. What can't be read is said, and the rest comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.hub import HubReader
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.network import Network
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.event_path.denial import dry_run_denied_words
from lifeline.core.event_path.dry_run import DryRunVerdict
from lifeline.core.guards.all_accounts import SharedLimits, biggest_users
from lifeline.core.guards.approval import Offer, OfferState, approvable, approve_command, make_offer
from lifeline.core.guards.backlog import Epoch
from lifeline.core.guards.freeze import EVERYTHING, freeze_words, standing
from lifeline.core.guards.limits import Admission, Usage, admit, counted_interfaces
from lifeline.core.guards.mode import Mode
from lifeline.core.guards.urgency import Knowledge, proven_after, shares_among, with_urgency
from lifeline.core.incidents.canary import silences
from lifeline.core.incidents.incident import Incident, services_lacking
from lifeline.core.network.model import Catalog, Vpc
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.plan.actions import Plan, ServiceReport, ServiceState
from lifeline.core.plan.answer import Approvable, Refusal, VpcAnswer
from lifeline.core.plan.cost import price_in
from lifeline.core.policy.policy import Desired, Policy
from lifeline.core.policy.service_names import known_names
from lifeline.core.wording import plain, write_time
from lifeline.dashboard.coverage import Coverage
from lifeline.dashboard.rows import Seen, count_bad, cover_vpc, removal_notes, subnet_rows, worst_first
from lifeline.dashboard.sources import Examined, Reads, Sources
from lifeline.reconciler.amend.amendment import Amendment, Fact, RunContext, VpcContext
from lifeline.reconciler.amend.amendments import AMENDMENTS
from lifeline.reconciler.amend.retirement import RELEASE_HOLDS, is_released
from lifeline.reconciler.amended import Amended, Reader, network_readers, nothing_planned, read_facts
from lifeline.reconciler.steps.faults import UNJUDGED
from lifeline.reconciler.steps.planning import THROTTLED, Planning, read_once
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

MOST_EXAMINED = 20  # VPCs whose audit log entries, state and waiting plan are read: about four calls each
_MOST_NOTIFIED = 3  # of incidents that belong to no VPC on the page
_UNLIMITED = 10**9
_NOT_READ = "AWS had no capacity for some of the calls that show what is missing here: reload the page"
_NOT_JUDGED = "judging this VPC failed unexpectedly: see the CoveragePage log"
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
    hubs: HubReader | None = None


@dataclass(frozen=True, slots=True)
class _Region:
    """The VPCs in view, with what is wanted of each and planned for it; `waiting` is why some wait for a later run."""

    vpcs: tuple[Vpc, ...]
    wants: Mapping[str, Desired]
    plans: Mapping[str, Plan]
    incidents: tuple[Incident, ...]
    waiting: Mapping[str, str] = field(default_factory=dict)
    has_policy: bool = True

    def incidents_in(self, vpc_id: str) -> tuple[Incident, ...]:
        return tuple(incident for incident in self.incidents if incident.cause.vpc_id == vpc_id)


def cover(vpc_ids: Sequence[str], *, tools: PageTools, settings: Settings, now: datetime) -> Coverage:
    """How these VPCs stand, or all of the region if none is named.

    Raises TransientError or TerminalError where the network itself can't be observed.
    """
    return _Cover(tools, settings, now).cover(tuple(vpc_ids))


def plan_of(vpc_id: str, *, tools: PageTools, settings: Settings, now: datetime) -> VpcAnswer:
    """What the next run would do in the VPC, and what a limit or a person holds back there.

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


def _as_released(report: ServiceReport) -> ServiceReport:
    if report.state is not ServiceState.MISSING:
        return report
    return replace(report, state=ServiceState.BLOCKED, detail="a person released everything of Lifeline's here")


class _Cover:
    def __init__(self, tools: PageTools, settings: Settings, now: datetime) -> None:
        self._tools = tools
        self._settings = settings
        self._now = now
        self._price = price_in(settings.region)
        self._reads = Reads(tools.sources, settings, now)
        self._notes: list[str] = []
        self._use_of_all = Usage()

    # ---- the page

    def cover(self, vpc_ids: tuple[str, ...]) -> Coverage:
        vpcs = self._reads.observe(self._tools.network, vpc_ids or None)
        policy, why_stopped = self._reads.policy(self._catalog), self._reads.why_stopped()
        planning = self._planning(policy)
        region = self._plan(planning, policy, vpcs, is_whole=not vpc_ids)
        examined = self._reads.examine(self._worst(region))
        region = self._with_state(planning, region, examined)
        admission = self._admit(region.plans, region.vpcs, planning.policy, region.incidents, examined)
        offers = self._offers(admission, examined, why_stopped)
        self._mention_others(region, vpc_ids)
        rows = [
            cover_vpc(
                self._see(vpc, region, admission.plans[vpc.id], examined.get(vpc.id), offers), self._price, self._now
            )
            for vpc in region.vpcs
        ]
        agents, known = self._reads.agents(policy)
        closed, freshness = self._reads.closed_incidents(policy), self._reads.freshness(known)
        if freshness.path.denial and freshness.path.verdict is DryRunVerdict.DENIED:
            self._notes.append(dry_run_denied_words(freshness.path.denial))
        return Coverage(
            account_id=self._settings.account_id,
            region=self._settings.region,
            stack_name=self._settings.stack_name,
            mode=str(self._settings.mode),
            at=self._now,
            vpcs=worst_first(rows),
            kill_switch=why_stopped,
            switch_command=self._reads.switch_command("off" if why_stopped else "on"),
            notes=(*dict.fromkeys(self._notes), *self._reads.notes),
            retire_after=planning.policy.retire_after,
            closed=closed,
            agents=agents,
            freshness=freshness,
            has_evidence=self._settings.may_read_evidence,
        )

    def _planning(self, policy: Policy | None) -> Planning:
        tools, catalog = self._tools, self._catalog()
        policy = replace(policy or Policy(rules=()), known_names=known_names(catalog))
        return Planning(
            policy,
            tools.network,
            tools.central,
            self._settings,
            self._now,
            replace(catalog, ports=policy.ports),
            endpoint_policies=self._reads.endpoint_policies(policy),
            hubs=tools.hubs,
            promised=read_once(tools.sources.places),
        )

    def _catalog(self) -> Catalog:
        try:
            return self._tools.network.catalog()
        except LifelineError as error:
            logger.warning("endpoint services not read", error=str(error))
            return Catalog(why_unread=str(error))

    def _plan(self, planning: Planning, policy: Policy | None, vpcs: tuple[Vpc, ...], *, is_whole: bool) -> _Region:
        """Without a valid policy nothing is required, not even by tags, for nothing would be applied."""
        incidents = self._reads.open_incidents(policy)
        if policy is None:
            nothing = {vpc.id: Plan(vpc.id, tuple(usable_tiers(vpc).items()), ()) for vpc in vpcs}
            return _Region(vpcs, {vpc.id: Desired(()) for vpc in vpcs}, nothing, incidents, has_policy=False)
        wants = {vpc.id: planning.desired(vpc) for vpc in vpcs}
        try:
            plans, waiting = planning.plan(vpcs, {}, is_region=is_whole)
        except LifelineError as error:
            logger.warning("planned without the VPCs' state", error=str(error))
            self._notes.append(_NO_DNS)
            plans, waiting = planning.plan_unread(vpcs), {}
        vpcs = tuple(vpc for vpc in vpcs if vpc.id in plans)  # one may be gone by now
        return _Region(vpcs, wants, plans, incidents, waiting)

    def _worst(self, region: _Region) -> list[str]:
        """The VPCs that are worth calls of their own: those with open incidents first, then those that miss most, then
        those in whose state there is something.
        """
        counts = {
            vpc.id: count_bad(subnet_rows(vpc, region.wants[vpc.id], region.plans[vpc.id])) for vpc in region.vpcs
        }
        silent = {incident.cause.vpc_id for incident in region.incidents}
        if len(counts) <= MOST_EXAMINED:
            return sorted(counts)
        listed = self._reads.listed()
        ordered = sorted(counts, key=lambda id_: (id_ not in silent, -counts[id_], id_ not in listed, id_))
        return ordered[:MOST_EXAMINED]

    def _with_state(self, planning: Planning, region: _Region, examined: Mapping[str, Examined]) -> _Region:
        """The region as the next run would plan it, with what is known of the state of the VPCs that were examined."""
        if not region.has_policy:
            return region
        epoch, waiting = self._reads.epoch(), self._reads.waiting(vpc.id for vpc in region.vpcs)
        states = waiting | {vpc_id: known.state for vpc_id, known in examined.items()}
        amended = {vpc.id: self._amended(planning, vpc, states.get(vpc.id), epoch) for vpc in region.vpcs}
        readers = self._readers(region.incidents)
        amended = self._attempt_to_read(amended, AMENDMENTS, readers, is_planned=False)
        seen = {
            vpc_id: vpc for vpc_id, amended_vpc in amended.items() if (vpc := amended_vpc.seen(AMENDMENTS)) is not None
        }
        again = [
            seen[vpc_id]
            for vpc_id, amended_vpc in amended.items()
            if vpc_id in seen
            and (
                seen[vpc_id] != amended_vpc.context.vpc
                or amended_vpc.context.followed.changes_plan(amended_vpc.context.vpc, self._now)
            )
        ]
        plans, wants = dict(region.plans), dict(region.wants)
        if again:
            followed = {vpc.id: amended[vpc.id].context.followed for vpc in again}
            nothing = dict[str, Plan]()
            plans |= self._reads.attempt(lambda: planning.plan(again, followed)[0], nothing, "what was made just now")
            wants |= {vpc.id: planning.desired(vpc) for vpc in again}
        for vpc_id in amended.keys() - seen.keys():  # nothing is to be made there, but how it stands is shown
            services = tuple(map(_as_released, plans[vpc_id].services))
            plans[vpc_id] = replace(amended[vpc_id].plan, services=services)
        amended = {
            vpc_id: replace(amended_vpc, plan=replace(plans[vpc_id], tiers=region.plans[vpc_id].tiers))
            for vpc_id, amended_vpc in amended.items()
        }
        for amendment in AMENDMENTS:
            amended = self._attempt_to_read(amended, [amendment], readers)
            amended = {vpc_id: amended_vpc.previewed(amendment) for vpc_id, amended_vpc in amended.items()}
        shown = {vpc_id: self._with_claimed(amended_vpc) for vpc_id, amended_vpc in amended.items()}
        unjudged = {**region.waiting, **dict.fromkeys(planning.faults, UNJUDGED)}
        return replace(region, plans=shown, wants=wants, waiting=unjudged)

    def _with_claimed(self, amended: Amended) -> Plan:
        """The plan with services that are missing because others claim them as blocked. What would be made for them
        is left out of a plan, so that no action says why.
        """
        plan, frozen = amended.plan, standing(amended.state.frozen, self._now)
        acted_on = {action.service for action in plan.actions}
        services = tuple(
            replace(
                report,
                state=ServiceState.BLOCKED,
                detail=freeze_words(frozen[report.service], plan.vpc_id, report.service),
            )
            if report.state is ServiceState.MISSING and report.service in frozen.keys() - acted_on
            else report
            for report in plan.services
        )
        return replace(plan, services=services)

    def _amended(self, planning: Planning, vpc: Vpc, known: VpcState | None, epoch: Epoch | None) -> Amended:
        """The VPC for the amendments, as a run begins with it. The limits decide for the whole page, later."""
        run = RunContext(
            now=self._now,
            owner=self._settings.stack_name,
            price=self._price,
            policy=planning.policy,
            catalog=planning.catalog,
            endpoint_policies=planning.endpoint_policies,
            is_plan=True,
            epoch=epoch,
        )
        state = known or VpcState()
        followed = state.followed(vpc, now=self._now)
        read = frozenset({Fact.STATE} if known else ())
        is_release = is_released(state.releasing, self._now)
        context = VpcContext(run, vpc, is_release=is_release, followed=followed, read=read)
        return Amended(context, nothing_planned(vpc), state, faults=planning.faults)

    def _readers(self, incidents: Sequence[Incident]) -> dict[Fact, Reader]:
        """What reads the facts that the amendments need, as a run would read them."""

        def read_withdrawals(vpcs: Mapping[str, Amended]) -> Mapping[str, object]:
            return {vpc_id: silences(incidents, vpc_id) for vpc_id in vpcs}

        network = network_readers(self._tools.network, self._tools.lookup, self._tools.central, self._settings.region)
        return {Fact.WITHDRAWALS: read_withdrawals, **network}

    def _attempt_to_read(
        self,
        amended: Mapping[str, Amended],
        amendments: Sequence[Amendment],
        readers: Mapping[Fact, Reader],
        *,
        is_planned: bool = True,
    ) -> dict[str, Amended]:
        read = partial(read_facts, amended, amendments, readers, is_planned=is_planned)
        return self._reads.attempt(read, dict(amended), "who uses what is to be removed")

    def _see(
        self,
        vpc: Vpc,
        region: _Region,
        plan: Plan,
        examined: Examined | None,
        offers: Mapping[str, tuple[Offer | None, str]],
    ) -> Seen:
        offer, words = offers.get(vpc.id, (None, ""))
        why_waiting = region.waiting.get(vpc.id, "")
        crowded = {"": "", THROTTLED: _NOT_READ, UNJUDGED: _NOT_JUDGED}.get(why_waiting, _NOT_LOOKED_UP)
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
            notes=(*filter(None, (crowded, words, unread)), *removal_notes(plan.actions)),
            suggestion=known.suggestion,
        )

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
        self,
        plans: Mapping[str, Plan],
        vpcs: Sequence[Vpc],
        policy: Policy,
        incidents: Sequence[Incident],
        examined: Mapping[str, Examined],
    ) -> Admission:
        """The plans with what needs approval blocked. What only waits for the next run passes: it is on its way."""
        has_work = any(plan.has_work for plan in plans.values())
        known, lacking = self._reads.known() if has_work else {}, services_lacking(incidents)
        bar = proven_after(known, self._now)
        made = {vpc_id: one.state.made for vpc_id, one in examined.items() if one.state}
        plans = {
            vpc.id: with_urgency(
                plans[vpc.id],
                vpc,
                policy,
                Knowledge(known.get(vpc.id), bar, made.get(vpc.id, {})),
                lacking.get(vpc.id, frozenset()),
                now=self._now,
            )
            for vpc in vpcs
        }
        limits = policy.without_approval
        limits = replace(
            limits,
            endpoints_per_run=limits.endpoints_per_run and _UNLIMITED,
            vpcs_per_run=limits.vpcs_per_run and _UNLIMITED,
        )
        owned = {vpc.id: counted_interfaces(vpc) for vpc in vpcs}
        use = self._reads.use() if has_work else Usage()
        shares = shares_among(known, policy.shares, now=self._now)
        admission = admit(plans, use, owned, limits, self._price, now=self._now, shares=shares)
        of_all = self._reads.use_of_all() if has_work else None
        if of_all is None:
            return admission
        shared = SharedLimits(self._settings.home, limits.all_accounts, self._price)
        in_all = shared.admit(admission.plans, of_all, owned, now=self._now, shares=policy.shares, waived=frozenset())
        self._use_of_all = in_all.use
        return replace(admission, plans=in_all.plans)

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
            return None, "what needs approval here is offered by the next run"
        if offer.state is OfferState.APPROVED:
            return None, f"{offer.plan_id} is approved: the next run applies it"
        if why_stopped:
            return None, f"{offer.plan_id} waits for approval, which works once the kill switch is off"
        return offer, ""

    # ---- one VPC's plan

    def plan_of(self, vpc_id: str) -> VpcAnswer:
        vpcs = self._reads.observe(self._tools.network, [vpc_id])
        if not vpcs:
            return VpcAnswer(vpc_id, refusal=Refusal("plan", f"{vpc_id} does not exist in this account and region"))
        policy, why_stopped = self._reads.policy(self._catalog), self._reads.why_stopped()
        if policy is None:
            tiers = tuple(usable_tiers(vpcs[0]).items())
            return VpcAnswer(vpc_id, tiers, note="; ".join(self._reads.notes))
        planning = self._planning(policy)
        examined = self._reads.examine([vpc_id])
        amended = {vpc_id: self._amended(planning, vpcs[0], examined[vpc_id].state, self._reads.epoch())}
        incidents = self._reads.open_incidents(policy)
        readers = self._readers(incidents)
        amended = read_facts(amended, AMENDMENTS, readers, is_planned=False)
        seen = [vpc for amended_vpc in amended.values() if (vpc := amended_vpc.seen(AMENDMENTS))]
        followed = {vpc_id: amended[vpc_id].context.followed}
        plans, _ = planning.plan(seen, followed, check_dns=[vpc_id])
        amended = {vpc_id: replace(amended[vpc_id], plan=plans.get(vpc_id, amended[vpc_id].plan))}
        for amendment in AMENDMENTS:
            amended = read_facts(amended, [amendment], readers)
            amended = {vpc_id: amended[vpc_id].previewed(amendment)}
        plans = {vpc_id: amended[vpc_id].plan}
        admission = self._admit(plans, vpcs, policy, incidents, examined)
        offer, words = self._offers(admission, examined, why_stopped).get(vpc_id, (None, ""))
        answer = VpcAnswer.of(admission.plans[vpc_id]).located(vpcs[0])
        limits = dict.fromkeys(action.blocked_by for action in answer.actions)
        users = [biggest_users(name, admission.use, self._use_of_all, self._price, now=self._now) for name in limits]
        notes = [answer.note, why_stopped, words, *users, *self._reads.notes]
        approval = self._approvable(offer) if offer else None
        return replace(answer, note="; ".join(filter(None, notes)), approval=approval)

    def _approvable(self, offer: Offer) -> Approvable:
        command = approve_command(offer.plan_id, self._settings.stack_name, self._settings.member)
        return approvable(offer, command)
