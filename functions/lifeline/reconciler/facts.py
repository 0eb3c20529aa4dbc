"""Facts: what amendments must know, read for many VPCs at once and only where an amendment needs it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from lifeline.adapters.aws.calls import begin, run_concurrently
from lifeline.adapters.store.requiring_tags import KnownTags
from lifeline.core.coexist.canary import Withdrawal
from lifeline.core.coexist.conflicts import SHOWN_WITHIN, WINDOW
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.guards.urgency import Knowledge, proven_after
from lifeline.core.history.change import Change
from lifeline.core.incidents.canary import silences
from lifeline.core.incidents.incident import services_lacking
from lifeline.core.network.model import Vpc, VpcRef
from lifeline.core.plan.actions import Plan
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.endpoint_lifecycle import Followed
from lifeline.reconciler.amend.amendment import Amendment, Fact, RunContext, VpcContext
from lifeline.reconciler.amended import (
    Amended,
    Reader,
    is_leased,
    network_readers,
    nothing_planned,
    read_each,
    read_facts,
)
from lifeline.reconciler.gatekeeper import Gatekeeper
from lifeline.reconciler.steps.job import Job
from lifeline.reconciler.steps.planning import NOTHING, Planning
from lifeline.runtime.observability import logger

_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class FactReader:
    """One run's facts. Each is read once for all VPCs of which an amendment needs it."""

    job: Job
    planning: Planning
    gatekeeper: Gatekeeper
    is_region: bool
    known_tags: KnownTags | None = None
    _begun: list[Callable[[], Mapping[str, frozenset[str]]]] = field(default_factory=list, init=False)

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
                    known_tags=None if self.known_tags is None else self.known_tags.get(vpc.id, {}),
                    read=frozenset({Fact.STATE} if vpc.id in states else ()),
                ),
                nothing_planned(vpc),
                states.get(vpc.id, VpcState()),
                faults=self.planning.faults,
            )
            for vpc in vpcs
        }

    def run_context(self) -> RunContext:
        """What amendments know of the run, now."""
        planning = self.planning
        context = run_context(self.job, is_region=self.is_region)
        named = planning.endpoint_policies
        return replace(context, policy=planning.policy, catalog=planning.catalog, endpoint_policies=named)

    # ---- reading

    def read(
        self, amended: Mapping[str, Amended], amendments: Iterable[Amendment], *, is_planned: bool = True
    ) -> dict[str, Amended]:
        """The VPCs with the facts that these amendments need."""
        tools = self.job.tools
        readers: dict[Fact, Reader] = {
            Fact.STATE: self.states_of,
            Fact.WITHDRAWALS: self._silences,
            **network_readers(tools.network, tools.lookup, tools.central, self.job.settings.region),
            Fact.HUB: lambda vpcs: self.planning.read_hub(sorted(vpcs)),
            Fact.CHANGES: self._changes,
            Fact.TAGGINGS: self._taggings,
            Fact.KNOWN: self._known,
            Fact.SILENCE: self._silence,
            Fact.ADMISSION: self._admission,
        }
        return read_facts(amended, amendments, readers, is_planned=is_planned)

    def read_states(self, amended: Mapping[str, Amended]) -> dict[str, Amended]:
        """The VPCs with their state."""
        states = self.states_of(amended)
        return {vpc_id: amended_vpc.with_fact(Fact.STATE, states[vpc_id]) for vpc_id, amended_vpc in amended.items()}

    def states_of(self, vpc_ids: Iterable[str]) -> Mapping[str, VpcState]:
        """The state of each VPC. A plan that a caller wants to see must work where there is no ledger: it does without
        then.
        """
        ids = tuple(vpc_ids)
        try:
            states = self.job.tools.vpcs.load_all(map(self.job.ref, ids))
            return {ref.vpc_id: state for ref, state in states.items()}
        except LifelineError as error:
            if not self.job.is_manual:
                raise
            logger.warning("state of VPCs not read", error=str(error))
            return dict.fromkeys(ids, VpcState())

    def _silences(self, vpcs: Mapping[str, Amended]) -> Mapping[str, tuple[Withdrawal, ...]]:
        """What the detector recorded, in one call for each watch. A plan that a caller wants to see does without."""
        store = self.job.tools.incidents
        try:
            reads = [partial(store.read_open, name) for name in self.planning.policy.watch_names] if store else []
            incidents = [incident for found in run_concurrently(reads) for incident in found]
        except LifelineError as error:
            if not self.job.is_manual:
                raise
            logger.warning("incidents not read", error=str(error))
            incidents = []
        return {vpc_id: silences(incidents, vpc_id) for vpc_id in vpcs}

    def _changes(self, vpcs: Mapping[str, Amended]) -> Mapping[str, tuple[Change, ...]]:
        """The changes of the last day. What was deleted can't be traced to its VPC any more, so changes of unknown VPCs
        count, too: by their ids.
        """
        audit, now = self.job.tools.audit, self.planning.now
        since, until = now - WINDOW - _BEFORE, now + SHOWN_WITHIN
        untraced = audit.untraced_changes(self.job.home, since=since, until=until)
        found = read_each(vpcs, lambda vpc_id: audit.changes_of(self.job.ref(vpc_id), since=since, until=until))
        return {vpc_id: (*changes, *untraced) for vpc_id, changes in found.items()}

    def _taggings(self, vpcs: Mapping[str, Amended]) -> Mapping[str, tuple[Change, ...]]:
        """Who set and removed the tags that decide what is required, as far as the audit log goes back."""
        if self.job.is_manual:
            return dict.fromkeys(vpcs, ())
        since, until = self.planning.now - self.planning.policy.ledger_keep, self.planning.now + SHOWN_WITHIN
        taggings_of = self.job.tools.audit.taggings_of
        return read_each(vpcs, lambda vpc_id: taggings_of(self.job.ref(vpc_id), since=since, until=until))

    def _known(self, vpcs: Mapping[str, Amended]) -> Mapping[str, Knowledge]:
        known = self.gatekeeper.known
        bar = proven_after(known, self.planning.now)
        return {vpc_id: Knowledge(known.get(vpc_id), bar) for vpc_id in vpcs}

    def begin_silence(self) -> None:
        """Begins to read which agents are silent: it is needed once the VPCs are this run's."""
        self._begun.append(begin(self._lacking))

    def _silence(self, vpcs: Mapping[str, Amended]) -> Mapping[str, frozenset[str]]:
        """By VPC, the services that silent agents lack."""
        lacking = self._begun[-1]() if self._begun else self._lacking()
        return {vpc_id: lacking.get(vpc_id, frozenset()) for vpc_id in vpcs}

    def _lacking(self) -> Mapping[str, frozenset[str]]:
        """The same of all VPCs. If the incidents can't be read, nobody goes first for them."""
        incidents = self.job.tools.incidents
        names = self.planning.policy.watch_names if incidents else ()
        try:
            found = run_concurrently([partial(incidents.read_open, name) for name in names]) if incidents else []
        except LifelineError as error:
            logger.warning("open incidents not read", error=str(error))
            found = []
        return services_lacking(incident for read in found for incident in read)

    def _admission(self, vpcs: Mapping[str, Amended]) -> Mapping[str, Plan]:
        admit = self.gatekeeper.admit if is_leased(vpcs) else self.gatekeeper.preview
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
        is_region=is_region,
        is_plan=job.is_plan,
        epoch=job.epoch,
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
