"""Facts: what amendments are told, read for many VPCs at once and only where an amendment needs it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.core.coexist.canary import Withdrawal
from lifeline.core.coexist.conflicts import SHOWN_WITHIN, WINDOW
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.history.change import Change
from lifeline.core.incidents.canary import silences
from lifeline.core.incidents.incident import services_lacking
from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import Vpc, VpcRef
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.endpoint_lifecycle import Followed
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, RunContext, VpcContext
from lifeline.reconciler.gatekeeper import Gatekeeper
from lifeline.reconciler.steps.job import Job
from lifeline.reconciler.steps.planning import MOST_NAMED, NOTHING, Planning
from lifeline.runtime.observability import logger

_BEFORE = timedelta(minutes=5)
_TAGGED_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Amended:
    """One VPC on its way through the amendments: what they know, the plan, and the state, as they are by now."""

    context: VpcContext
    plan: Plan
    state: VpcState

    def needs(self, amendment: Amendment, *, is_planned: bool = True) -> frozenset[Fact]:
        """What the amendment must know that wasn't read yet."""
        plan = self.plan if is_planned else None
        return amendment.needs(self.context, plan, self.state) - self.context.read

    def seen(self, amendments: Iterable[Amendment]) -> Vpc | None:
        """The VPC as it is to be planned for."""
        vpc: Vpc | None = self.context.vpc
        for amendment in amendments:
            vpc = amendment.see(self.context, vpc, self.state) if vpc else None
        return vpc

    def previewed(self, amendment: Amendment) -> "Amended":
        """With the plan that the amendment would make of it."""
        return replace(self, plan=amendment.preview(self.context, self.plan, self.state))

    def decided(self, amendment: Amendment) -> "Amended":
        """With the plan and the state that the amendment decides on."""
        decision = amendment.decide(self.context, self.plan, self.state)
        return replace(self, plan=decision.plan, state=decision.state)

    def finished(self, amendments: Iterable[Amendment], done: Sequence[Action]) -> tuple[VpcState, list[Decision]]:
        """The state that all amendments leave, and what each of them says."""
        state, decisions = self.state, list[Decision]()
        for amendment in amendments:
            decisions.append(amendment.after(self.context, self.plan, done, state))
            state = decisions[-1].state
        return state, decisions

    @property
    def is_state_known(self) -> bool:
        """True if the state was read."""
        return Fact.STATE in self.context.read

    def at(self, run: RunContext) -> "Amended":
        """The same at a later time."""
        return replace(self, context=replace(self.context, run=run))

    def with_fact(self, fact: Fact, value: Any) -> "Amended":
        """With a fact that was read."""
        read = self.context.read | {fact}
        if fact is Fact.STATE:
            return replace(self, context=replace(self.context, read=read), state=value)
        return replace(self, context=replace(self.context, read=read, **{fact.value: value}))


@dataclass(frozen=True, slots=True)
class FactReader:
    """One run's facts. Each is read once for all VPCs of which an amendment needs it."""

    job: Job
    planning: Planning
    gatekeeper: Gatekeeper
    is_region: bool

    # ---- contexts

    def collect(
        self,
        vpcs: Sequence[Vpc],
        states: Mapping[str, VpcState],
        followed: Mapping[str, Followed],
        *,
        lists: Mapping[VpcList, frozenset[VpcRef]] | None = None,
        is_leased: bool = False,
    ) -> dict[str, Amended]:
        """Each VPC with what is known of it without a call, and nothing planned yet."""
        run = self.run_context()
        return {
            vpc.id: Amended(
                replace(
                    context_of(vpc, self.job, run),
                    followed=followed.get(vpc.id, NOTHING),
                    lists=frozenset(
                        vpc_list for vpc_list, refs in (lists or {}).items() if self.job.ref(vpc.id) in refs
                    ),
                    is_leased=is_leased,
                    read=frozenset({Fact.STATE} if vpc.id in states else ()),
                ),
                nothing_planned(vpc),
                states.get(vpc.id, VpcState()),
            )
            for vpc in vpcs
        }

    def run_context(self) -> RunContext:
        """What amendments know of the run, now."""
        planning = self.planning
        context = run_context(self.job, is_region=self.is_region)
        return replace(context, policy=planning.policy, catalog=planning.network.catalog())

    # ---- reading

    def read(
        self, amended: Mapping[str, Amended], amendments: Iterable[Amendment], *, is_planned: bool = True
    ) -> dict[str, Amended]:
        """The VPCs with the facts that these amendments need. What is known of the state decides what else they need,
        so it is read first.
        """
        current = dict(amended)
        for amendment in amendments:
            for fact, read in self._readers().items():
                lacking = {
                    vpc_id: amended_vpc
                    for vpc_id, amended_vpc in current.items()
                    if fact in amended_vpc.needs(amendment, is_planned=is_planned)
                }
                if lacking:
                    found = read(lacking if fact is not Fact.ADMISSION else current)
                    current |= {vpc_id: current[vpc_id].with_fact(fact, found[vpc_id]) for vpc_id in found}
        return current

    def _readers(self) -> dict[Fact, Callable[[Mapping[str, Amended]], Mapping[str, Any]]]:
        """What reads each fact, by VPC. The state comes first; the limits decide over all VPCs at once."""
        lookup = self.job.tools.lookup
        return {
            Fact.STATE: self._states,
            Fact.INTERFACES: lookup.interfaces_in,
            Fact.WITHDRAWALS: self._silences,
            Fact.CENTRAL_DNS: self._central_dns,
            Fact.CHANGES: self._changes,
            Fact.TAGGINGS: self._taggings,
            Fact.SECURITY_GROUP_USERS: self._users,
            Fact.KNOWN: lambda vpcs: {vpc_id: self.gatekeeper.known.get(vpc_id) for vpc_id in vpcs},
            Fact.SILENCE: self._silence,
            Fact.ADMISSION: self._admission,
        }

    def _states(self, vpcs: Mapping[str, Amended]) -> Mapping[str, VpcState]:
        """A plan that a caller wants to see must work where there is no ledger: it does without then."""
        try:
            return _read_each(vpcs, lambda vpc_id: self.job.tools.vpcs.load(self.job.ref(vpc_id)))
        except LifelineError as error:
            if not self.job.is_by_hand:
                raise
            logger.warning("state of VPCs not read", error=str(error))
            return dict.fromkeys(vpcs, VpcState())

    def _silences(self, vpcs: Mapping[str, Amended]) -> Mapping[str, tuple[Withdrawal, ...]]:
        """What the detector recorded, in one call for each watch. A plan that a caller wants to see does without."""
        store = self.job.tools.incidents
        try:
            reads = [partial(store.read_open, name) for name in self.planning.policy.watch_names] if store else []
            incidents = [incident for found in run_concurrently(reads) for incident in found]
        except LifelineError as error:
            if not self.job.is_by_hand:
                raise
            logger.warning("incidents not read", error=str(error))
            incidents = []
        return {vpc_id: silences(incidents, vpc_id) for vpc_id in vpcs}

    def _central_dns(self, vpcs: Mapping[str, Amended]) -> Mapping[str, DnsView]:
        """Of so many VPCs as Route 53 answers for at once; what isn't known keeps an endpoint where it is."""
        view = partial(self.planning.central.view, region=self.job.settings.region, fresh=_is_leased(vpcs))
        return _read_each(sorted(vpcs)[:MOST_NAMED], view)

    def _changes(self, vpcs: Mapping[str, Amended]) -> Mapping[str, tuple[Change, ...]]:
        """The changes of the last day. What was deleted can't be traced to its VPC any more, so changes of unknown VPCs
        count, too: by their ids.
        """
        audit, now = self.job.tools.audit, self.planning.now
        since, until = now - WINDOW - _BEFORE, now + SHOWN_WITHIN
        untraced = audit.untraced_changes(self.job.home, since=since, until=until)
        found = _read_each(vpcs, lambda vpc_id: audit.changes_of(self.job.ref(vpc_id), since=since, until=until))
        return {vpc_id: (*changes, *untraced) for vpc_id, changes in found.items()}

    def _taggings(self, vpcs: Mapping[str, Amended]) -> Mapping[str, tuple[Change, ...]]:
        """Who set and removed Lifeline's own tags lately."""
        if self.job.is_by_hand:
            return dict.fromkeys(vpcs, ())
        since, until = self.planning.now - _TAGGED_WITHIN, self.planning.now + SHOWN_WITHIN
        taggings_of = self.job.tools.audit.taggings_of
        return _read_each(vpcs, lambda vpc_id: taggings_of(self.job.ref(vpc_id), since=since, until=until))

    def _users(self, vpcs: Mapping[str, Amended]) -> Mapping[str, tuple[str, ...]]:
        groups = {vpc_id: security_groups_of(amended_vpc.plan) for vpc_id, amended_vpc in vpcs.items()}
        users = self.job.tools.lookup.users_of_security_groups(frozenset[str]().union(*groups.values()))
        return {vpc_id: tuple(user for id_ in sorted(ids) for user in users[id_]) for vpc_id, ids in groups.items()}

    def _silence(self, vpcs: Mapping[str, Amended]) -> Mapping[str, frozenset[str]]:
        """By VPC, the services that silent agents lack. If the incidents can't be read, nobody goes first for them."""
        incidents = self.job.tools.incidents
        names = self.planning.policy.watch_names if incidents else ()
        try:
            found = run_concurrently([partial(incidents.read_open, name) for name in names]) if incidents else []
        except LifelineError as error:
            logger.warning("open incidents not read", error=str(error))
            found = []
        lacking = services_lacking(incident for read in found for incident in read)
        return {vpc_id: lacking.get(vpc_id, frozenset()) for vpc_id in vpcs}

    def _admission(self, vpcs: Mapping[str, Amended]) -> Mapping[str, Plan]:
        admit = self.gatekeeper.admit if _is_leased(vpcs) else self.gatekeeper.preview
        return admit(
            {vpc_id: amended_vpc.plan for vpc_id, amended_vpc in vpcs.items()},
            [amended_vpc.context.vpc for amended_vpc in vpcs.values()],
        )


def run_context(job: Job, *, is_region: bool = False) -> RunContext:
    """What amendments know of the run before there is a policy."""
    settings = job.settings
    return RunContext(
        now=job.run.now(),
        owner=settings.stack_name,
        price=price_in(settings.region),
        retire_after=settings.retire_after,
        is_canary=settings.canary,
        is_region=is_region,
        is_plan=job.is_plan,
    )


def context_of(vpc: Vpc, job: Job, run: RunContext) -> VpcContext:
    """What amendments know of who asks for the VPC."""
    targets = job.targets
    return VpcContext(
        run,
        vpc,
        requests=tuple(targets.requests.get(vpc.id, ())),
        triggers=targets.triggers(vpc.id),
        is_release=targets.is_release(vpc.id),
        is_requested_by_a_person=targets.is_requested_by_a_person(vpc.id),
    )


def nothing_planned(vpc: Vpc) -> Plan:
    """The plan of a VPC for which nothing is planned."""
    return Plan(vpc.id, tuple(classify_subnets(vpc).items()), ())


def _read_each[T](vpc_ids: Iterable[str], read: Callable[[str], T]) -> dict[str, T]:
    ids = sorted(vpc_ids)
    return dict(zip(ids, run_concurrently([partial(read, vpc_id) for vpc_id in ids]), strict=True))


def security_groups_of(plan: Plan) -> frozenset[str]:
    """The security groups that the plan deletes, by id."""
    kind = ActionKind.DELETE_SECURITY_GROUP
    return frozenset(action.security_group_id for action in plan.actions if action.kind is kind)


def _is_leased(vpcs: Mapping[str, Amended]) -> bool:
    return any(amended_vpc.context.is_leased for amended_vpc in vpcs.values())
