"""One reconciliation: observes the VPCs, plans what they miss, applies it, and says what became of it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import chain

from lifeline.adapters.aws.calls import begin, beside
from lifeline.adapters.aws.network import Interfaces
from lifeline.adapters.store.requiring_tags import KnownTags
from lifeline.core.coexist.associated import leftovers
from lifeline.core.coexist.canary import is_watched
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.errors import LifelineError, TransientError
from lifeline.core.guards.hub_places import HubPlaces
from lifeline.core.network.model import AnyRef, Catalog, Vpc, VpcRef
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.notices.bus_events import change_event
from lifeline.core.organization.look import AccountLook
from lifeline.core.plan.actions import NAMING, Action, ActionKind, Plan
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.plan.cost import cost_of, price_in
from lifeline.core.plan.endpoint_lifecycle import Followed, Made
from lifeline.core.policy.exemptions import with_exemptions
from lifeline.core.policy.policy import Exempted, Policy
from lifeline.core.policy.requiring_tags import RequiringTags, note_tags
from lifeline.core.policy.service_names import known_names
from lifeline.core.requests.request import Request
from lifeline.core.requests.trigger import Trigger
from lifeline.reconciler.accept import accept_requests, note_requests
from lifeline.reconciler.amend.amendment import Decision
from lifeline.reconciler.amend.amendments import AMENDMENTS, REASONS
from lifeline.reconciler.amended import Amended
from lifeline.reconciler.announce import BUSY, RunNotices, Said, announce_denials, as_deferred, gone_answer
from lifeline.reconciler.facts import FactReader
from lifeline.reconciler.follow_up import FollowUp
from lifeline.reconciler.gatekeeper import Gatekeeper
from lifeline.reconciler.steps.apply import Applied, Deferral, apply_plans
from lifeline.reconciler.steps.attributes import ASSUMED, Attributes, changed_in
from lifeline.reconciler.steps.endpoint_policies import read_endpoint_policies
from lifeline.reconciler.steps.epoch import end_epoch, mark_swept
from lifeline.reconciler.steps.event_path import prove_event_path
from lifeline.reconciler.steps.faults import UNJUDGED, Faults
from lifeline.reconciler.steps.job import Job
from lifeline.reconciler.steps.leases import leased, return_lease, take_leases
from lifeline.reconciler.steps.look import look
from lifeline.reconciler.steps.planning import NOTHING, THROTTLED, AboutToChange, Planning, read_once, takes_names
from lifeline.reconciler.steps.policy_in_force import PolicyInForce, stacks_policy
from lifeline.reconciler.steps.requeue import Requeuing
from lifeline.reconciler.steps.routed import note_routed
from lifeline.reconciler.steps.targets import changes_by_vpc, not_yet_answered
from lifeline.runtime.observability import logger
from lifeline.runtime.stages import stage

_MOST_NAMED = 20  # so many VPCs have their DNS attributes read whenever they are named …
_CHECKED_A_SWEEP = 5  # … and so many in turn in each sweep, because EC2 has no call for all of them


class Reconciliation:
    """The run, once it is clear which VPCs are asked for. It answers once."""

    def __init__(
        self,
        job: Job,
        in_force: PolicyInForce,
        gatekeeper: Gatekeeper,
        failed: list[tuple[Request, LifelineError]] | None,
    ) -> None:
        self._job = job
        self._in_force = in_force
        self._gatekeeper = gatekeeper
        self._failed = failed
        self._started = job.run.now()
        self._requeuing = Requeuing(job)
        self._unsaved: dict[str, LifelineError] = {}
        self._follow_up = FollowUp(job, self._requeuing, self._unsaved)
        self._attributes = Attributes(job.tools.attributes)
        self._states: Mapping[str, VpcState] = {}
        self._swept: Mapping[str, VpcState] = {}
        self._said: dict[str, Said] = {}
        self._decided: set[str] = set()
        self._gone: set[str] = set()
        self._planning_of_run: Planning | None = None

    def answer(self, requests: Sequence[Request]) -> tuple[VpcAnswer, ...]:
        """The answers in the VPCs' order. Requests for VPCs of which something could not be saved are added to
        `failed`, with the error: they come again.

        Raises TransientError or TerminalError where the network could not be observed, and without `failed` what could
        not be saved, once the others are served.
        """
        job, targets = self._job, self._job.targets
        named: list[str] | None = None
        if not targets.sweep:
            named, self._states = not_yet_answered(targets, job.tools.vpcs, job.home)
        # What can be asked for by itself is asked for at once: an endpoint that is missing waits for nothing else.
        exempted, releasing = begin(self._exempted_manually), begin(self._releasing)
        known_tags, attributes = begin(self._known_tags), begin(partial(self._begin_attributes, named))
        with stage("observe", job.run.id) as part:
            vpcs = job.observe(named)
            part.numbers["vpcs"] = len(vpcs)
        there = vpcs
        attributes()
        unread: Callable[[], Mapping[str, str]] = dict
        if not job.is_manual:
            # First of all, in plan mode and without a policy, too: it holds whatever becomes of this run.
            self._unsaved |= accept_requests(vpcs, job)
            self._unsaved |= note_requests(self._sound(vpcs), job, releasing())
            vpcs = self._sound(vpcs)
            unread = begin(partial(note_routed, there, job, is_region=named is None))
        try:
            return self._answer(requests, vpcs, there, named, exempted, known_tags, unread)
        finally:
            unread()
            if not (job.is_manual or all(request.is_release for request in targets.sweep)):
                prove_event_path(job, self._in_force.policy, self._planning_of_run, there)

    def _sound(self, vpcs: Iterable[Vpc]) -> tuple[Vpc, ...]:
        """The VPCs of which all could be saved by now."""
        return tuple(vpc for vpc in vpcs if vpc.id not in self._unsaved)

    def _answer(
        self,
        requests: Sequence[Request],
        vpcs: tuple[Vpc, ...],
        there: tuple[Vpc, ...],
        named: list[str] | None,
        exempted: Callable[[], tuple[Exempted, ...]],
        known_tags: Callable[[], KnownTags | None],
        unread: Callable[[], Mapping[str, str]],
    ) -> tuple[VpcAnswer, ...]:
        job, targets = self._job, self._job.targets
        policy, faults = self._in_force.policy, Faults()
        if policy is None and all(targets.is_release(vpc.id) for vpc in vpcs):
            policy = Policy(rules=())  # removing what is Lifeline's own takes none
        if policy is None:
            answers = [self._without_policy(vpc) for vpc in vpcs]
        else:
            planning = self._planning_of_run = self._planning(policy, exempted())
            answers = self._plan_and_apply(planning, vpcs, known_tags(), region=there if named is None else None)
            faults = planning.faults
            self._decided -= faults.keys()
            if not job.is_manual:  # who wants to see a plan sees those of the others
                self._unsaved |= faults
        observed = {vpc.id: vpc for vpc in vpcs}
        answered = {answer.vpc_id for answer in answers}  # a VPC may go during the run
        gone = sorted(set(named if named is not None else targets.requests) - answered - self._unsaved.keys())
        answers += [gone_answer(vpc_id, targets.requests[vpc_id]) for vpc_id in gone]
        finished: list[VpcAnswer] = []
        notes = unread()
        for answer in sorted(answers, key=lambda answer: answer.vpc_id):
            settled = self._gatekeeper.finish(answer, is_decided=answer.vpc_id in self._decided)
            fault = str(faults.get(answer.vpc_id, ""))
            noted = settled.with_note(notes.get(answer.vpc_id, "")).with_note(self._requeuing.note(answer.vpc_id))
            finished.append(noted.with_note(fault).located(observed.get(answer.vpc_id)))
        notices = RunNotices(job, self._gatekeeper, self._said, self._swept, self._unsaved)
        notices.announce(finished, is_sweep=bool(targets.sweep))
        announce_denials(job)
        self._gatekeeper.wait()
        if self._failed is not None:
            self._unsaved |= self._requeuing.lost  # the messages come again instead
        if not job.is_manual:
            forgotten = self._forget(gone)
            known = {*(vpc.id for vpc in there), *forgotten, *targets.resting, *(targets.requests.keys() - set(gone))}
            self._attributes.save(targets, None if named is not None else [vpc.id for vpc in there])
            # Last of all: where a run dies before, its messages come again and aren't taken for answered.
            self._record(requests, vpcs, there, known, finished)
        if self._unsaved and self._failed is None:
            raise next(iter(self._unsaved.values()))  # only now: people had to hear what was done
        if self._failed is not None:
            again = self._unsaved.items()
            self._failed += [(one, error) for id_, error in again for one in targets.requests.get(id_, targets.sweep)]
        return tuple(finished)

    # ---- before there is a plan

    def _releasing(self) -> frozenset[VpcRef]:
        """The VPCs that a person released and of which something is left."""
        return frozenset() if self._job.is_manual else self._job.tools.vpcs.listed(VpcList.RELEASING, self._job.home)

    def _begin_attributes(self, named: Sequence[str] | None) -> None:
        """Recalls what is known of DNS attributes, or reads those of the VPCs that are named: of a few, all are."""
        if named is None or len(named) > _MOST_NAMED:
            self._attributes.recall()
        else:
            self._attributes.read_ahead(named, self._job.tools.network)

    def _planning(self, policy: Policy, exempted: tuple[Exempted, ...]) -> Planning:
        tools, settings, catalog = self._job.tools, self._job.settings, self._catalog()
        policy = with_exemptions(policy, exempted)
        policy = replace(policy, known_names=known_names(catalog))
        catalog, now = replace(catalog, ports=policy.ports), self._job.run.now()
        named = read_endpoint_policies(policy, tools.endpoint_policies, settings)
        attributes, hubs = self._attributes, tools.hubs
        promised = HubPlaces if self._job.is_manual else read_once(tools.guards.places)  # a plan needs no ledger
        return Planning(
            policy,
            tools.network,
            tools.central,
            settings,
            now,
            catalog,
            attributes,
            named,
            hubs,
            promised,
            is_applied=not self._job.is_plan,
            run_id=self._job.run.id,
        )

    def _catalog(self) -> Catalog:
        """The region's endpoint services. A person who waits for an answer gets one without them: what they asked for
        may be done already, and their VPCs are reconciled again.
        """
        targets = self._job.targets
        try:
            return self._job.tools.network.catalog()
        except TransientError as error:
            asked = [vpc_id for vpc_id in targets.requests if targets.is_requested_by_a_person(vpc_id)]
            if not asked or targets.sweep:
                raise
            self._requeuing.try_reading_again(asked)
            logger.warning("endpoint services not read", error=str(error))
            return Catalog(why_unread=THROTTLED)

    def _exempted_manually(self) -> tuple[Exempted, ...]:
        """What people exempted. A plan that a caller wants to see must work where there is no ledger: it does without
        then.
        """
        exemptions = self._job.tools.exemptions
        try:
            return exemptions.read() if exemptions else ()
        except LifelineError as error:
            if not self._job.is_manual:
                raise
            logger.warning("exemptions not read", error=str(error))
            return ()

    def _without_policy(self, vpc: Vpc) -> VpcAnswer:
        problem = self._in_force.problem
        why = f"{problem.field}: {problem.message}" if problem else "it could not be read"
        tiers = tuple(usable_tiers(vpc).items())
        return VpcAnswer(vpc.id, tiers, note=f"no valid policy, so nothing is applied: {why}")

    # ---- planning

    def _known_tags(self) -> KnownTags | None:
        """The tags by which something was required when they were last seen; None if that isn't known: what was
        required before isn't known then, and nothing else must wait for that.
        """
        store = self._job.tools.tags
        try:
            return store.read() if store and not self._job.is_manual else None
        except LifelineError as error:
            logger.warning("known tags not read", error=str(error))
            return None

    def _note_tags(
        self, planning: Planning, vpcs: Sequence[Vpc], known: KnownTags | None, *, is_region: bool
    ) -> KnownTags | None:
        """By VPC, the tags by which something is or was required, once that is saved; None if it isn't known."""
        today, store = planning.now.date(), self._job.tools.tags
        if known is None or store is None:
            return None

        def note_one(vpc: Vpc, before: RequiringTags) -> RequiringTags:
            tags = partial(note_tags, before, vpc, planning.policy, today=today)
            return planning.faults.contain(vpc.id, tags, otherwise=before)

        def note(known: KnownTags) -> KnownTags:
            noted = {vpc.id: note_one(vpc, known.get(vpc.id, {})) for vpc in vpcs}
            kept = {} if is_region else known
            return {vpc_id: tags for vpc_id, tags in {**kept, **noted}.items() if tags}

        noted = note(known)
        try:
            return noted if noted == known else store.change(note)
        except LifelineError as error:
            logger.warning("known tags not read or saved", error=str(error))
            return None

    def _plan_and_apply(
        self, planning: Planning, vpcs: Sequence[Vpc], known_tags: KnownTags | None, *, region: Sequence[Vpc] | None
    ) -> list[VpcAnswer]:
        """The answers. `region` are all VPCs that are there, of a run that looks at all: also those that it leaves."""
        job, is_region = self._job, region is not None
        is_whole = region is not None and len(vpcs) == len(region)
        tags = self._note_tags(planning, vpcs, known_tags, is_region=is_whole)
        facts = FactReader(job, planning, self._gatekeeper, is_region=is_region, known_tags=tags)
        if is_region and not job.is_manual:
            self._swept = facts.states_of([vpc.id for vpc in vpcs])
        states, followed = ({}, {}) if job.is_manual else self._follow_up.follow_up(vpcs, self._swept)
        lists = {} if region is None else self._lists(region)
        checked = self._to_check([vpc.id for vpc in vpcs], is_region=is_region)
        asked = str if job.is_plan else begin(self._gatekeeper.why_stop)
        with stage("plan", job.run.id) as part:
            awaiting = {id_: one for id_, one in self._swept.items() if one.awaited or is_watched(one.canaries)}
            amended = facts.collect(vpcs, {**awaiting, **self._states, **states}, followed, lists=lists)
            nothing_now = not job.is_plan and not self._gatekeeper.is_stopped
            changing: AboutToChange = _nothing if nothing_now else tuple  # what is to be done is planned again
            amended, deferred = self._plan(facts, amended, followed, check_dns=checked, about_to_change=changing)
            amended |= self._plan_again(facts, amended) if job.is_plan else {}
            self._gatekeeper.note_paths(
                [amended_vpc.plan for amended_vpc in amended.values()],
                None if region is None else [vpc.id for vpc in region],
                is_saved=not job.is_manual,
            )
            # Without the guards, unless nothing follows: they cost calls, and the lease shows what they say then.
            for amendment in AMENDMENTS if job.is_plan else REASONS:
                amended = facts.read(amended, [amendment])
                amended = {vpc_id: amended_vpc.previewed(amendment) for vpc_id, amended_vpc in amended.items()}
            amended, faulty = self._without_faults(planning, amended)
            deferred += faulty
            with_work = [vpc_id for vpc_id, amended_vpc in amended.items() if amended_vpc.plan.has_work]
            part.numbers |= {"vpcs": len(amended), "with_work": len(with_work)}
        if job.is_plan:
            return [*deferred, *self._leave(amended)]
        if region is not None:
            self._gatekeeper.see_region(region)
        if asked():
            stop = self._gatekeeper.stop
            stopped = {vpc_id: replace(stopping, plan=stop(stopping.plan)) for vpc_id, stopping in amended.items()}
            return [*deferred, *self._leave(facts.read(stopped, REASONS))]
        idle = {vpc_id: amended_vpc for vpc_id, amended_vpc in amended.items() if vpc_id not in with_work}
        self._decided |= idle.keys()
        self._gatekeeper.free_places(idle)
        left = self._leave(idle)  # first, because it must not hang on what fails elsewhere
        with stage("apply", job.run.id):
            applied = self._apply(facts, {vpc_id: amended[vpc_id].plan for vpc_id in with_work})
        return [*deferred, *left, *applied]

    def _plan(
        self,
        facts: FactReader,
        amended: Mapping[str, Amended],
        followed: Mapping[str, Followed],
        *,
        check_dns: Collection[str],
        is_fresh: bool = False,
        about_to_change: AboutToChange = tuple,
        interfaces: Interfaces | None = None,
    ) -> tuple[dict[str, Amended], list[VpcAnswer]]:
        """The VPCs, each with what is missing there, and the answers for those that wait for their turn, or that are
        gone by now: without knowing their central endpoints, nothing may be made there.
        """
        amended = facts.read(amended, AMENDMENTS, is_planned=False)
        if self._job.is_plan:
            amended, followed = self._with_new_endpoints(amended, followed)
        seen = [vpc for amended_vpc in amended.values() if (vpc := amended_vpc.seen(AMENDMENTS))]
        is_region = facts.is_region and not is_fresh
        plans, waiting = facts.planning.plan(
            seen,
            followed,
            check_dns=check_dns,
            is_region=is_region,
            fresh=is_fresh,
            about_to_change=about_to_change,
            interfaces=interfaces,
            tried_often=[vpc.id for vpc in seen if self._requeuing.was_tried_often(vpc.id)],
        )
        throttled = [vpc_id for vpc_id, why in waiting.items() if why == THROTTLED]
        self._requeuing.try_reading_again(throttled)
        self._requeuing.wait_for_turn(waiting.keys() - {*throttled, *facts.planning.faults})
        gone = [vpc.id for vpc in seen if vpc.id not in plans]
        planned = {
            vpc_id: replace(amended_vpc, plan=plans.get(vpc_id, amended_vpc.plan))
            for vpc_id, amended_vpc in amended.items()
            if vpc_id not in waiting and vpc_id not in gone
        }
        planned, faulty = self._without_faults(facts.planning, planned)
        requests = self._job.targets.requests
        left = [*faulty, *(as_deferred(plans[vpc_id], why) for vpc_id, why in waiting.items())]
        return planned, [*left, *(gone_answer(vpc_id, requests.get(vpc_id, ())) for vpc_id in gone)]

    def _plan_again(self, facts: FactReader, amended: Mapping[str, Amended]) -> dict[str, Amended]:
        """The VPCs with work whose state wasn't read, with their state, and planned again where that counts: an
        endpoint was made just now, or failed too often. Only for plan mode, because a run that applies plans again
        under the lease.
        """
        unread = {
            vpc_id: amended_vpc
            for vpc_id, amended_vpc in amended.items()
            if amended_vpc.plan.has_work and not amended_vpc.is_state_known
        }
        read, followed = self._with_new_endpoints(facts.read_states(unread), {})
        again = {
            vpc_id: amended_vpc
            for vpc_id, amended_vpc in read.items()
            if followed[vpc_id].changes_plan(amended_vpc.context.vpc, self._started)
        }
        planned, _ = self._plan(facts, again, followed, check_dns=(), is_fresh=True) if again else ({}, [])
        return {**read, **planned}

    def _with_new_endpoints(
        self, amended: Mapping[str, Amended], followed: Mapping[str, Followed]
    ) -> tuple[dict[str, Amended], dict[str, Followed]]:
        """The VPCs with what became of their new endpoints, where their state was read. Runs that apply read it under
        the lease, and save it.
        """
        known = {
            vpc_id: amended_vpc.state.followed(amended_vpc.context.vpc, now=self._started)
            for vpc_id, amended_vpc in amended.items()
            if amended_vpc.is_state_known
        } | dict(followed)
        return {
            vpc_id: amended_vpc.with_followed(known.get(vpc_id, NOTHING)) for vpc_id, amended_vpc in amended.items()
        }, known

    def _to_check(self, vpc_ids: Sequence[str], *, is_region: bool) -> list[str]:
        """The VPCs whose DNS attributes are read although nothing is to be made there: those that were named, of a
        sweep a few in turn, and before all others those of which a change names the attributes.
        """
        changed = [vpc_id for vpc_id in vpc_ids if vpc_id in changed_in(self._job.targets)]
        others = self._attributes.due(vpc_ids, _CHECKED_A_SWEEP) if is_region else vpc_ids
        return [*dict.fromkeys([*changed, *others])][:_MOST_NAMED]

    def _lists(self, vpcs: Sequence[Vpc]) -> dict[VpcList, frozenset[VpcRef]]:
        """The lists of VPCs whose state counts although nothing shows it, for a run of the whole region: of named VPCs
        the state is read anyway. VPCs that are gone are taken off.

        A plan that a caller wants to see must work where there is no ledger: it does without the lists then.
        """
        vpc_store = self._job.tools.vpcs
        try:
            lists = {vpc_list: vpc_store.listed(vpc_list, self._job.home) for vpc_list in VpcList}
        except LifelineError as error:
            if not self._job.is_manual:
                raise
            logger.warning("lists of VPCs not read", error=str(error))
            return {}
        there = {self._job.ref(vpc.id) for vpc in vpcs}
        gone = frozenset[VpcRef]().union(*lists.values()) - there
        kept = self._take_back(gone & lists[VpcList.AUTHORIZED]) if not self._job.is_manual else gone
        for ref in sorted(gone - kept):
            if not self._is_forgotten(ref) and ref.vpc_id not in self._unsaved:
                for vpc_list in VpcList:
                    vpc_store.unlist(vpc_list, ref)
        return lists

    def _without_faults(
        self, planning: Planning, amended: Mapping[str, Amended]
    ) -> tuple[dict[str, Amended], list[VpcAnswer]]:
        """The VPCs that could be judged, and the answers for the others."""
        sound = {vpc_id: amended_vpc for vpc_id, amended_vpc in amended.items() if vpc_id not in planning.faults}
        return sound, [as_deferred(amended[vpc_id].plan, UNJUDGED) for vpc_id in amended.keys() - sound.keys()]

    # ---- where nothing is applied

    def _leave(self, amended: Mapping[str, Amended]) -> list[VpcAnswer]:
        """The answers of VPCs in which nothing is applied. What is to be saved or announced all the same is, under a
        short lease; while another run has the VPC, or was there since, a later run does that.
        """
        if self._job.is_manual:
            return [VpcAnswer.of(amended_vpc.plan) for amended_vpc in amended.values()]
        for vpc_id, amended_vpc in amended.items():
            if amended_vpc.is_state_known and vpc_id not in amended_vpc.faults:
                self._leave_or_say(amended_vpc)
        return [VpcAnswer.of(amended_vpc.plan) for amended_vpc in amended.values()]

    def _leave_or_say(self, amended_vpc: Amended) -> None:
        """What can't be saved of one VPC keeps no other from being repaired; the error is raised at the end."""
        vpc_id = amended_vpc.plan.vpc_id
        try:
            state, decisions = amended_vpc.finished(AMENDMENTS, ())
            self._said[vpc_id] = Said(*_covered(decisions))
            if state != amended_vpc.state or any(decision.announcements for decision in decisions):
                with leased(self._job.ref(vpc_id), self._job.tools.vpcs, self._job.run) as known:
                    if known == amended_vpc.state:
                        self._job.save(vpc_id, amended_vpc.state, state)
                        self._publish(vpc_id, decisions, state)
            self._requeue(vpc_id, decisions)
        except LifelineError as error:
            logger.error("decisions not saved", vpc_id=vpc_id, error=str(error))
            self._unsaved[vpc_id] = error

    # ---- doing it

    def _apply(self, facts: FactReader, plans: Mapping[str, Plan]) -> list[VpcAnswer]:
        """Applies what is planned, each VPC under its lease and observed again: another run may have been there."""
        vpc_store, run = self._job.tools.vpcs, self._job.run
        facts.begin_silence()
        failed = dict[str, LifelineError]()
        states = take_leases([self._job.ref(vpc_id) for vpc_id in plans], vpc_store, run, failed)
        naming = [vpc_id for vpc_id in states if takes_names(plans[vpc_id])]
        busy = [as_deferred(plan, BUSY) for vpc_id, plan in plans.items() if vpc_id not in {*states, *failed}]
        self._requeuing.wait_for_turn([answer.vpc_id for answer in busy])
        try:
            applied = self._apply_leased(facts, states, naming, failed) if states else []
        finally:
            return_lease(map(self._job.ref, states), vpc_store, run)
        return [*busy, *applied, *(self._leave_unsaved(plans[vpc_id], error) for vpc_id, error in failed.items())]

    def _apply_leased(
        self,
        facts: FactReader,
        states: Mapping[str, VpcState],
        naming: Sequence[str],
        failed: dict[str, LifelineError],
    ) -> list[VpcAnswer]:
        """The VPCs that are this run's. In those in `naming`, names of services are about to be taken. Those of which
        it can't be recorded what became of endpoints are added to `failed`.
        """
        tools, run = self._job.tools, self._job.run
        self._attributes.under_lease()
        named = () if facts.is_region else tuple(states)[:_MOST_NAMED]
        interfaces = begin(partial(facts.planning.read_ahead, naming))
        attributes = partial(self._attributes.read_ahead, named, tools.network)
        with beside(attributes), beside(interfaces), self._gatekeeper.reading_use():
            vpcs = self._job.observe(states)
        self._gone = states.keys() - {vpc.id for vpc in vpcs}
        followed = self._follow_up.follow_leased(vpcs, states, failed)
        amended = facts.collect([vpc for vpc in vpcs if vpc.id in followed], states, followed, is_leased=True)
        amended, deferred = self._plan(
            facts,
            amended,
            followed,
            check_dns=named,
            is_fresh=True,
            about_to_change=partial(self._gatekeeper.likely, vpcs=vpcs),
            interfaces=interfaces(),
        )
        self._decided |= amended.keys()
        saved: Callable[[], dict[str, LifelineError | None]] = dict
        try:
            try:
                for amendment in AMENDMENTS:
                    # An amendment sees what those before it changed; only then is it clear what else it must know.
                    read = facts.read(amended, [amendment])
                    amended = {vpc_id: amended_vpc.decided(amendment) for vpc_id, amended_vpc in read.items()}
                    # Saved in turn, beside what follows, and before anything is applied: whatever fails from here on,
                    # no other run makes what is frozen, and no switch goes unwatched.
                    if any(amended[vpc_id].state != read[vpc_id].state for vpc_id in read):
                        saved = begin(partial(self._save_decided, read, amended, after=saved))
            finally:
                tried = saved()
            if tried and all(tried.values()) and (others := amended.keys() - tried.keys()):
                tried |= self._renew_leases(others)
            unsaved = _unsaved(tried, amended)
            sound = {vpc_id: amended_vpc for vpc_id, amended_vpc in amended.items() if vpc_id not in unsaved}
            sound, faulty = self._without_faults(facts.planning, sound)
            outdated = self._outdated(facts.planning, sound)
        except LifelineError:
            self._gatekeeper.give_back({vpc_id: amended_vpc.plan for vpc_id, amended_vpc in amended.items()})
            raise
        unmade = {
            vpc_id: Applied.later(amended[vpc_id].plan, Deferral.UNSAVED) for vpc_id in amended.keys() - sound.keys()
        }
        left = [self._leave_unsaved(amended[vpc_id].plan, error) for vpc_id, error in unsaved.items()]
        amended = {vpc_id: self._with_assumptions(facts.planning, one) for vpc_id, one in sound.items()}
        plans = {vpc_id: amended_vpc.plan for vpc_id, amended_vpc in amended.items()}
        why_stop = self._gatekeeper.why_stop
        right = {vpc_id: plan for vpc_id, plan in plans.items() if vpc_id not in outdated}
        account = self._job.settings.account_id
        applied = apply_plans(right, tools.endpoints, tools.calls, run, why_stop=why_stop, account=account)
        applied |= {vpc_id: Applied.later(plans[vpc_id], Deferral.ATTRIBUTES) for vpc_id in outdated}
        for vpc_id, became in applied.items():
            if any(action.kind is ActionKind.FIX_DNS and not action.is_blocked for action in became.actions):
                self._attributes.forget(vpc_id)
        # Before the VPCs are finished one by one: what was counted in vain is given back whatever becomes of them.
        self._gatekeeper.settle({**applied, **unmade})
        now = facts.run_context()  # changing things takes minutes
        finish = self._finish_or_say
        finished = [finish(amended[vpc_id].at(now), became, followed[vpc_id]) for vpc_id, became in applied.items()]
        return [*deferred, *finished, *left, *faulty]

    def _save_decided(
        self,
        before: Mapping[str, Amended],
        decided: Mapping[str, Amended],
        *,
        after: Callable[[], dict[str, LifelineError | None]],
    ) -> dict[str, LifelineError | None]:
        """By VPC that has something to save, why it couldn't be; None where it was. What comes after a failure isn't
        saved either: it may hang on what is missing.
        """
        tried = after()
        for vpc_id, amended_vpc in decided.items():
            if amended_vpc.state == before[vpc_id].state or tried.get(vpc_id):
                continue
            try:
                self._job.save(vpc_id, before[vpc_id].state, amended_vpc.state)
            except LifelineError as error:
                tried[vpc_id] = error
            else:
                tried[vpc_id] = None
        return tried

    def _renew_leases(self, vpc_ids: Collection[str]) -> dict[str, LifelineError | None]:
        """By VPC, why its lease can't be written once more; None where it was. Nothing else of these is to be saved,
        and only that says whether the ledger takes anything.
        """
        failed = dict[str, LifelineError]()
        states = take_leases([self._job.ref(id_) for id_ in vpc_ids], self._job.tools.vpcs, self._job.run, failed)
        return dict.fromkeys(states) | failed

    def _leave_unsaved(self, plan: Plan, error: LifelineError) -> VpcAnswer:
        """The answer of a VPC in which nothing may be changed, because its state can't be saved. The error is raised
        once the others are served.
        """
        logger.error("nothing changed: decisions not saved", vpc_id=plan.vpc_id, error=str(error))
        self._unsaved[plan.vpc_id] = error
        self._decided.discard(plan.vpc_id)
        return as_deferred(plan, Deferral.UNSAVED).with_note(str(error))

    def _outdated(self, planning: Planning, amended: Mapping[str, Amended]) -> frozenset[str]:
        """The VPCs that were planned by remembered DNS attributes, which are others by now: nothing is done there."""
        vpcs = [
            amended_vpc.context.vpc
            for amended_vpc in amended.values()
            if amended_vpc.plan.has_work and planning.is_ours(amended_vpc.context.vpc)
        ]
        return self._attributes.outdated(vpcs, self._job.tools.network, self._job.run.now)

    def _with_assumptions(self, planning: Planning, amended_vpc: Amended) -> Amended:
        """With a note where what waits was planned without the VPC's DNS attributes."""
        plan, vpc = amended_vpc.plan, amended_vpc.context.vpc
        is_assumed = planning.is_ours(vpc) and self._attributes.is_assumed(vpc.id)
        if not (is_assumed and any(action.kind in NAMING for action in plan.actions)):
            return amended_vpc
        return replace(amended_vpc, plan=replace(plan, notes=(*plan.notes, ASSUMED)))

    def _finish_or_say(self, amended_vpc: Amended, applied: Applied, followed: Followed) -> VpcAnswer:
        """People hear what was done even where it can't be saved; the error is raised once they did."""
        try:
            return self._finish(amended_vpc, applied, followed)
        except LifelineError as error:
            logger.error("changes made, but not saved", vpc_id=amended_vpc.plan.vpc_id, error=str(error))
            self._unsaved[amended_vpc.plan.vpc_id] = error
            return VpcAnswer.of(amended_vpc.plan, applied.actions)

    def _finish(self, amended_vpc: Amended, applied: Applied, followed: Followed) -> VpcAnswer:
        """What was done in one VPC: saved, recorded, announced, and requeued where something is left."""
        vpc_id, now = amended_vpc.plan.vpc_id, self._job.run.now()
        # First, because what is abandoned has failed, and counts as that in all that follows.
        actions = tuple(self._requeuing.try_again(vpc_id, applied))
        made = {service: Made(endpoint_id, now) for service, endpoint_id in applied.made.items()}
        state = replace(amended_vpc.state, made={**followed.made, **made}, failures=followed.failures)
        state = state.with_full(self._job.tools.endpoints.full, amended_vpc.context.vpc, now)
        state, decisions = replace(amended_vpc, state=state).finished(AMENDMENTS, actions)
        # Before anything is recorded or announced: the next run must know what was done, whatever fails from here on.
        self._job.save(vpc_id, amended_vpc.state, state)
        if made:
            self._requeuing.follow([vpc_id])
        self._said[vpc_id] = said = Said(*_covered(decisions))
        if actions:
            triggers = self._job.targets.triggers(vpc_id)
            self._job.tools.audit.record_actions(self._job.ref(vpc_id), actions, triggers, now)
            self._said[vpc_id] = replace(said, is_recorded=True)
        # After the audit log, so that whoever reads a notice finds there what it is about.
        self._publish(vpc_id, decisions, state)
        # Last: what is requeued begins with all of this saved.
        self._requeue(vpc_id, decisions)
        done = tuple(action for action in actions if action.is_done)
        cost = cost_of(done, price_in(self._job.settings.region))
        return replace(VpcAnswer.of(amended_vpc.plan, actions), monthly_cost_usd=cost)

    # ---- what amendments ask for, each in one place

    def _publish(self, vpc_id: str, decisions: Iterable[Decision], state: VpcState) -> None:
        """Publishes the amendments' own notices. That people know is saved after that, so a notice that didn't go out
        is sent by a later run; where saving fails, people hear of it twice.
        """
        notified, covered = state, frozenset[Action]()
        for announcement in chain.from_iterable(decision.announcements for decision in decisions):
            if self._job.publish(announcement.notice):
                notified, covered = notified.with_entries(announcement.entries), covered | announcement.covers
        said = self._said[vpc_id]
        self._said[vpc_id] = replace(said, covered=said.covered | covered, is_sent=bool(covered))
        try:
            self._job.save(vpc_id, state, notified)
        except LifelineError as error:
            logger.error("notice sent, but not saved as sent", vpc_id=vpc_id, error=str(error))

    def _requeue(self, vpc_id: str, decisions: Iterable[Decision]) -> None:
        for requeue in dict.fromkeys(decision.requeue for decision in decisions if decision.requeue):
            self._requeuing.wait(vpc_id, requeue.after, is_attempt=requeue.is_attempt)

    # ---- what stays of it

    def _forget(self, vpc_ids: Sequence[str]) -> list[str]:
        """Deletes the state of VPCs that are gone, and returns those that had one: it says that they were there. What
        isn't deleted because of an error, the next run deletes.
        """
        vpc_store, refs = self._job.tools.vpcs, {self._job.ref(vpc_id) for vpc_id in vpc_ids}
        kept = self._take_back(refs & vpc_store.listed(VpcList.AUTHORIZED, self._job.home)) if refs else refs
        deleted = [ref.vpc_id for ref in sorted(refs - kept) if self._is_forgotten(ref)]
        for vpc_id in deleted:
            logger.info("state deleted: the VPC is gone", vpc_id=vpc_id)
        if deleted:
            self._gatekeeper.delete(deleted)
        return deleted

    def _is_forgotten(self, ref: VpcRef) -> bool:
        """True once the state of the VPC, which is gone, is deleted. Where it can't be, a later run tries again."""
        try:
            return self._job.tools.vpcs.delete(ref, now=self._job.run.now())
        except LifelineError as error:
            logger.error("state of a VPC that is gone not deleted", vpc_id=ref.vpc_id, error=str(error))
            self._unsaved[ref.vpc_id] = error
            return False

    def _take_back(self, refs: Collection[VpcRef]) -> set[VpcRef]:
        """Deletes the authorizations that are left of VPCs that are gone, and returns those of which one still is: what
        is on record of these stays, and the next sweep tries again.
        """
        is_free = refs and not self._job.is_plan and not self._gatekeeper.why_stop()
        return {ref for ref in refs if not (is_free and self._is_taken_back(ref))}

    def _is_taken_back(self, ref: VpcRef) -> bool:
        tools = self._job.tools
        try:
            for action in leftovers(tools.vpcs.load(ref).associated):
                tools.endpoints.apply(action, vpc_id=ref.vpc_id)
                logger.info("authorization deleted: the VPC is gone", vpc_id=ref.vpc_id, zones=action.central_ids)
        except LifelineError as error:
            logger.error("authorization not deleted", vpc_id=ref.vpc_id, error=str(error))
            return False
        return True

    def _record(
        self,
        requests: Sequence[Request],
        vpcs: Sequence[Vpc],
        there: Sequence[Vpc],
        known: Collection[str],
        answers: Sequence[VpcAnswer],
    ) -> None:
        """Saves when each VPC was reconciled, and records the changes that were seen. What could not be saved of one
        keeps nothing of the others from being on record.
        """
        targets, tools, now = self._job.targets, self._job.tools, self._job.run.now()
        if not all(request.is_release for request in targets.sweep):  # a release repairs nothing that a change broke
            watches = (self._in_force.policy or stacks_policy(self._job.settings)).watch_names
            seen = look(self._job, there, answers, watches, self._started)
            if self._unsaved.keys() <= targets.requests.keys():  # else what asks for all VPCs comes again
                self._mark_reconciled(self._job.home, now, seen)
            if self._job.is_plan:
                end_epoch(self._job)
            else:
                mark_swept(self._job, [vpc for vpc in there if vpc.id not in self._gone])
        for vpc in self._sound(vpcs):
            if targets.changes(vpc.id):
                try:
                    self._mark_reconciled(self._job.ref(vpc.id), now)
                except LifelineError as error:
                    self._unsaved[vpc.id] = error
        changes = changes_by_vpc(requests, targets, known)
        by_ref = [(self._job.home.vpc_or_self(vpc_id), trigger) for vpc_id, trigger in changes]
        tools.audit.record_changes(by_ref, now=now)
        heard = (one for one in changes if one[1].event_id and one[0] not in self._unsaved)  # those come again
        tools.bus.send(
            change_event(vpc_id, _facts_of(trigger), now, self._job.owner([vpc_id])) for vpc_id, trigger in heard
        )

    def _mark_reconciled(self, ref: AnyRef, now: datetime, seen: AccountLook | None = None) -> None:
        state = self._job.tools.vpcs.load(ref)
        after = replace(state, reconciled_at=self._started, look=seen)
        self._job.tools.vpcs.save(ref, state, after, now=now)


def _nothing(_: Mapping[str, Plan]) -> tuple[str, ...]:
    return ()


def _unsaved(tried: Mapping[str, LifelineError | None], among: Collection[str]) -> dict[str, LifelineError]:
    """By VPC, why its state couldn't be saved. It is the same with all of them where that isn't a VPC's own matter:
    trying again helps, and the ledger saved no other one.
    """
    errors = {vpc_id: error for vpc_id, error in tried.items() if error}
    passing = [error for error in errors.values() if isinstance(error, TransientError)]
    if passing and len(errors) == len(tried):
        return {vpc_id: errors.get(vpc_id, passing[0]) for vpc_id in among}
    return errors


def _covered(decisions: Sequence[Decision]) -> tuple[frozenset[Action], frozenset[Action]]:
    """The actions that notices of their own report, and those that are no news by themselves."""
    covered = frozenset(action for decision in decisions for action in decision.covered)
    return covered, frozenset(action for decision in decisions for action in decision.known)


def _facts_of(change: Trigger) -> dict[str, str]:
    return {name: str(getattr(change, name)) for name in ("event_id", "event_name", "actor", "time")}
