"""Observe, plan, apply: gives the VPCs that somebody asks about the endpoints that they miss.

Level-triggered: an ask says whom to look at, the network says what to do. The same ask twice, late or out of order
changes nothing. Plan mode is the same path without its last step.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.endpoints import Endpoints
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.network import Network
from lifeline.adapters.aws.queue import Queue
from lifeline.adapters.aws.topic import Publishes
from lifeline.adapters.store.exemptions import Exemptions
from lifeline.adapters.store.policy import PolicyStore
from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import REGION, Ledger
from lifeline.core.errors import LifelineError
from lifeline.core.guards.freeze import block_frozen
from lifeline.core.guards.mode import Mode
from lifeline.core.network.model import Vpc
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.notices.bus_events import change_event
from lifeline.core.notices.policy import policy_notice
from lifeline.core.plan.actions import Plan, Status
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.plan.cost import cost_of, price_in
from lifeline.core.plan.endpoint_lifecycle import Followed, Made
from lifeline.core.policy.exemptions import with_exemptions
from lifeline.core.policy.policy import Exempted, Policy
from lifeline.core.requests.request import Request, Trigger
from lifeline.reconciler.amend.amend import Extending
from lifeline.reconciler.amend.claims import notify_handed_over, save_claimed
from lifeline.reconciler.amend.conflicts import save_done
from lifeline.reconciler.amend.freezes import save_requested
from lifeline.reconciler.amend.gate import Gate, Guards
from lifeline.reconciler.amend.retirement import held, settled, taken_away
from lifeline.reconciler.amend.teardown import Clearing, delete
from lifeline.reconciler.announce import BUSY, CROWDED, Answering, as_deferred, gone_answer
from lifeline.reconciler.follow_up import Following
from lifeline.reconciler.steps.apply import Applied, apply_plans
from lifeline.reconciler.steps.debounce import rest
from lifeline.reconciler.steps.leases import return_lease, take_leases
from lifeline.reconciler.steps.planning import Planning
from lifeline.reconciler.steps.policy_in_force import Decision, current_policy, mark_notified, stacks_policy
from lifeline.reconciler.steps.requeue import Returning
from lifeline.reconciler.steps.targets import Targets, changes_by_vpc, find_targets, not_yet_answered
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings
from lifeline.runtime.stages import stage

_MOST_NAMED = 20  # so many VPCs have their DNS attributes read whenever they are named …
_CHECKED_A_SWEEP = 3  # … and so many in turn in each sweep, for EC2 has no call for all of them


@dataclass(frozen=True, slots=True)
class Tools:
    """What reconciling needs of the world; tests bring their own. Without `exemptions` nobody is exempt by hand."""

    network: Network
    lookup: Lookup
    central: CentralDns
    endpoints: Endpoints
    ledger: Ledger
    queue: Queue
    notices: Publishes
    bus: Bus
    policies: PolicyStore
    guards: Guards
    exemptions: Exemptions | None = None


def reconcile(
    requests: Sequence[Request], *, mode: Mode, tools: Tools, settings: Settings, run: Run
) -> tuple[VpcAnswer, ...]:
    """One look at each VPC that the asks touch, however many they are, in the VPCs' order.

    Raises TransientError or TerminalError where the network could not be observed; nothing was changed then.
    """
    waiting = [request for request in requests if not request.is_own]
    if not waiting:
        return ()
    decision = current_policy(settings.policy_parameter, stacks_policy(settings), tools.policies, now=run.now())
    is_by_hand = mode is not settings.mode
    if not is_by_hand:
        _notify_of_policy(decision, tools, run.now())
    gate = Gate(tools.guards, settings, run, [request.approve for request in waiting if request.approve])
    gate.why_stop()
    targets = find_targets(waiting, tools.lookup, tools.ledger)
    if settings.queue_url and not is_by_hand:
        rest(targets, tools.queue, settle=settings.iac_debounce, now=run.now())
    return _Reconciliation(mode, decision, targets, tools, settings, run, gate, is_by_hand=is_by_hand).answer(waiting)


def _notify_of_policy(decision: Decision, tools: Tools, now: datetime) -> None:
    if decision.problem is None or not decision.problem.is_news:
        return
    try:
        tools.notices.publish(policy_notice(decision.problem))
        mark_notified(decision.problem, tools.policies, now=now)
    except LifelineError as error:
        logger.error("notice not sent", error=str(error))


class _Reconciliation:
    def __init__(
        self,
        mode: Mode,
        decision: Decision,
        targets: Targets,
        tools: Tools,
        settings: Settings,
        run: Run,
        gate: Gate,
        *,
        is_by_hand: bool,
    ) -> None:
        self._mode = mode
        self._decision = decision
        self._targets = targets
        self._tools = tools
        self._settings = settings
        self._run = run
        self._gate = gate
        self._is_by_hand = is_by_hand
        self._started = run.now()
        self._unwritten: LifelineError | None = None
        owner, ledger, notices = settings.stack_name, tools.ledger, tools.notices
        self._clearing = Clearing(targets, tools.lookup, ledger, owner, self._started)
        self._returning = Returning(tools.queue, targets, has_queue=bool(settings.queue_url), is_by_hand=is_by_hand)
        self._answering = Answering(
            targets, self._clearing, gate, ledger, notices, tools.bus, run, mode, owner, is_by_hand
        )
        self._following = Following(ledger, targets, self._returning, self._answering.publish, run)

    def answer(self, requests: Sequence[Request]) -> tuple[VpcAnswer, ...]:
        targets, ledger = self._targets, self._tools.ledger
        wanted = None if targets.sweep else not_yet_answered(targets, ledger)
        with stage("observe", self._run.id) as part:
            vpcs = self._tools.network.observe(wanted)
            part.numbers["vpcs"] = len(vpcs)
        if not self._is_by_hand:
            save_requested(targets, [vpc.id for vpc in vpcs], ledger, self._run)
            catalog, owner = self._tools.network.catalog, self._settings.stack_name
            save_claimed(targets, vpcs, ledger, catalog, owner, self._run)
        policy = self._decision.policy
        if policy is None and all(request.is_release for request in requests):
            policy = Policy(rules=())  # what is given up needs none
        if policy is None:
            answers = [self._without_policy(vpc) for vpc in vpcs]
        else:
            answers = self._plan_and_apply(self._planning(policy), vpcs, wanted)
        seen = {vpc.id: vpc for vpc in vpcs}
        answered = {answer.vpc_id for answer in answers}  # a VPC may go while it is looked at
        missing = sorted(set(wanted if wanted is not None else targets.requests) - answered)
        gone = [gone_answer(vpc_id, targets.requests[vpc_id]) for vpc_id in missing]
        notified = [self._gate.notified(answer).located(seen.get(answer.vpc_id)) for answer in (*answers, *gone)]
        answers = sorted(notified, key=lambda answer: answer.vpc_id)
        self._answering.notify(answers, is_sweep=bool(targets.sweep))
        if self._unwritten:
            raise self._unwritten
        self._forget(missing)
        self._write_down(requests, vpcs)
        return tuple(answers)

    # ---- planning it

    def _planning(self, policy: Policy) -> Planning:
        policy = with_exemptions(policy, self._exempted_by_hand())
        return Planning(policy, self._tools.network, self._tools.central, self._settings, self._run.now())

    def _exempted_by_hand(self) -> tuple[Exempted, ...]:
        """What people exempted. Only a plan by hand does without: it must work where there is no ledger."""
        try:
            return self._tools.exemptions.read() if self._tools.exemptions else ()
        except LifelineError as error:
            if not self._is_by_hand:
                raise
            logger.warning("exemptions not read", error=str(error))
            return ()

    def _extending(self, planning: Planning) -> Extending:
        tools, publish = self._tools, self._answering.publish
        return Extending(
            planning,
            self._targets,
            self._clearing,
            tools.ledger,
            tools.lookup,
            tools.notices,
            publish,
            self._run,
            self._is_by_hand,
        )

    def _without_policy(self, vpc: Vpc) -> VpcAnswer:
        problem = self._decision.problem
        why = f"{problem.field}: {problem.message}" if problem else "it could not be read"
        tiers = tuple(classify_subnets(vpc).items())
        return VpcAnswer(vpc.id, tiers, note=f"no valid policy, so nothing is applied: {why}")

    def _plan_and_apply(self, planning: Planning, vpcs: Sequence[Vpc], wanted: Sequence[str] | None) -> list[VpcAnswer]:
        is_region, extending = wanted is None, self._extending(planning)
        known = {} if self._is_by_hand else self._following.follow_up(vpcs)
        checked = self._turn_of([vpc.id for vpc in vpcs]) if is_region else [vpc.id for vpc in vpcs]
        with stage("plan", self._run.id) as part:
            plans, waiting = planning.plan(
                extending.kept(vpcs), known, check_dns=checked[:_MOST_NAMED], is_region=is_region
            )
            left = self._take_turns(plans, waiting)
            plans, coming = extending.preview(plans, vpcs, is_region=is_region)
            part.numbers |= {"vpcs": len(plans), "with_work": sum(plan.has_work for plan in plans.values())}
        self._returning.look_again(coming)
        if self._mode is Mode.PLAN:
            plans = extending.foresee_frozen(plans)
            return [*left, *(VpcAnswer.of(plan) for plan in self._gate.preview(plans, vpcs).values())]
        if is_region:
            self._gate.see_region(vpcs)
        if self._gate.why_stop():
            return [*left, *self._stop(plans)]
        extending.fighting.end_served(plans, vpcs, self._run, is_region=is_region)
        with stage("apply", self._run.id):
            return [*left, *self._apply(planning, extending, plans)]

    def _take_turns(self, plans: dict[str, Plan], waiting: Collection[str]) -> list[VpcAnswer]:
        """Takes the waiting VPCs out of `plans`: without a look at central endpoints, nothing may be made there."""
        self._returning.wait_for_turn(waiting)
        return [as_deferred(plans.pop(vpc_id), CROWDED) for vpc_id in waiting]

    def _turn_of(self, vpc_ids: Sequence[str]) -> list[str]:
        """The few VPCs whose DNS attributes are read in this sweep: each comes round, whichever sweep it is."""
        rounds = -(-len(vpc_ids) // _CHECKED_A_SWEEP) or 1
        turn = int(self._started.timestamp() // 3600) % rounds
        return list(vpc_ids[turn::rounds])

    def _stop(self, plans: Mapping[str, Plan]) -> list[VpcAnswer]:
        """The kill switch is on: nothing is done, and what no sweep would find is asked for again."""
        stopped = self._gate.stop(plans)
        for vpc_id, plan in stopped.items():
            self._returning.wait_for_switch(vpc_id, plan.actions, is_teardown=self._clearing.wants(vpc_id))
        return [VpcAnswer.of(plan) for plan in stopped.values()]

    # ---- doing it

    def _apply(self, planning: Planning, extending: Extending, plans: Mapping[str, Plan]) -> list[VpcAnswer]:
        """Applies what is planned, each VPC under its lease and observed anew: another run may have been here."""
        wanting = [vpc_id for vpc_id, plan in plans.items() if plan.has_work or self._clearing.wants(vpc_id)]
        idle = [VpcAnswer.of(plan) for vpc_id, plan in plans.items() if vpc_id not in wanting]
        self._gate.leave([answer.vpc_id for answer in idle])
        states = take_leases(wanting, self._tools.ledger, self._run)
        busy = [as_deferred(plans[vpc_id], BUSY) for vpc_id in wanting if vpc_id not in states]
        self._returning.wait_for_turn([answer.vpc_id for answer in busy])
        try:
            leased = self._apply_leased(planning, extending, states)
        finally:
            return_lease(states, self._tools.ledger, self._run)
        return [*idle, *busy, *leased]

    def _apply_leased(
        self, planning: Planning, extending: Extending, states: Mapping[str, VpcState]
    ) -> list[VpcAnswer]:
        vpcs = self._tools.network.observe(states)
        known = {vpc.id: self._following.follow(vpc, states[vpc.id]) for vpc in vpcs}
        self._clearing.find(vpcs, states)
        states = self._clearing.keep(states)
        kept = [self._clearing.rest(vpc) for vpc in extending.kept(vpcs)]
        plans, waiting = planning.plan(kept, known, check_dns=list(states), fresh=True)
        left = self._take_turns(plans, waiting)
        plans, states = extending.decide(plans, vpcs, known, states)
        plans = {vpc_id: self._hold(plan, states[vpc_id]) for vpc_id, plan in plans.items()}
        plans = self._gate.admit(plans, vpcs)
        self._expect(extending, plans, states)
        calls, why_stop = self._tools.ledger, self._gate.why_stop
        applied = apply_plans(plans, self._tools.endpoints, calls, self._run, why_stop=why_stop)
        self._gate.settle(applied)
        finish = partial(self._finish_or_say, extending)
        done = [finish(plans[vpc_id], became, states[vpc_id], known[vpc_id]) for vpc_id, became in applied.items()]
        return [*left, *done]

    def _expect(self, extending: Extending, plans: Mapping[str, Plan], states: dict[str, VpcState]) -> None:
        """Keeps what is about to be switched on; where that fails nothing is done, and nothing stays counted."""
        try:
            extending.canarying.expect(plans, states)
        except LifelineError:
            self._gate.settle({vpc_id: Applied(list(plan.actions)) for vpc_id, plan in plans.items()})
            raise

    def _hold(self, plan: Plan, state: VpcState) -> Plan:
        """The plan without what is frozen, and without what a person gave up shortly before, until they ask again."""
        self._answering.leave_conflicts_out(plan.vpc_id, state.frozen)
        plan = block_frozen(plan, state.frozen, price_in(self._settings.region), now=self._run.now())
        if self._targets.is_requested_by_a_person(plan.vpc_id):
            return plan
        return held(plan, state.released_at, self._run.now())

    def _finish_or_say(
        self, extending: Extending, plan: Plan, applied: Applied, state: VpcState, followed: Followed
    ) -> VpcAnswer:
        """What was done is told even where it can't be written down; the error is raised once everybody was told."""
        try:
            return self._finish(extending, plan, applied, state, followed)
        except LifelineError as error:
            logger.error("done, but not written down", vpc_id=plan.vpc_id, error=str(error))
            self._unwritten = error
            return VpcAnswer.of(plan, applied.actions)

    def _finish(
        self, extending: Extending, plan: Plan, applied: Applied, state: VpcState, followed: Followed
    ) -> VpcAnswer:
        tools, vpc_id, now = self._tools, plan.vpc_id, self._run.now()
        actions = self._returning.try_again(vpc_id, applied)
        self._returning.wait_for_switch(vpc_id, actions, is_teardown=self._clearing.wants(vpc_id))
        made = {service: Made(endpoint_id, now) for service, endpoint_id in applied.made.items()}
        known = settled(followed.made, taken_away(actions))
        kept = replace(state, made={**known, **made}, failures=followed.failures)
        if kept != state:
            tools.ledger.save(vpc_id, kept, now=now)
        save_done(vpc_id, state, actions, tools.ledger, now=now)
        extending.canarying.settle(vpc_id, actions, state)
        self._save_release(vpc_id, state)
        if made:
            self._returning.follow([vpc_id])
        if actions:
            tools.ledger.record_actions(vpc_id, actions, self._targets.triggers(vpc_id), now)
            self._answering.recorded.add(vpc_id)
        owner = self._settings.stack_name
        self._answering.notified_apart |= notify_handed_over(
            plan, actions, state, tools.ledger, tools.notices, owner, now
        )
        done = tuple(action for action in actions if action.status is Status.DONE)
        return replace(VpcAnswer.of(plan, actions), monthly_cost_usd=cost_of(done, price_in(self._settings.region)))

    def _save_release(self, vpc_id: str, state: VpcState) -> None:
        """From a release on nothing is made there for a while; whoever names the VPC by hand ends that."""
        now = self._run.now()
        if self._targets.is_release(vpc_id):
            self._tools.ledger.save_release(vpc_id, now, now=now)
        elif state.released_at and self._targets.is_requested_by_a_person(vpc_id):
            self._tools.ledger.save_release(vpc_id, None, now=now)

    # ---- what stays of it

    def _forget(self, vpc_ids: Sequence[str]) -> None:
        """Of a VPC that is gone, nothing is told or tried any more."""
        if vpc_ids and not self._is_by_hand and (found := delete(vpc_ids, self._tools.ledger, now=self._run.now())):
            self._gate.delete(found)

    def _write_down(self, requests: Sequence[Request], vpcs: Sequence[Vpc]) -> None:
        """Keeps when each VPC was looked at, last of all: a run that dies before is made good by its messages."""
        if self._is_by_hand:
            return
        targets, ledger, now = self._targets, self._tools.ledger, self._run.now()
        if not all(request.is_release for request in targets.sweep):  # a release mends nothing that a change broke
            ledger.save(REGION, replace(ledger.load(REGION), reconciled_at=self._started), now=now)
        changed = [vpc.id for vpc in vpcs if targets.changes(vpc.id)]
        for vpc_id in changed:
            ledger.save(vpc_id, replace(ledger.load(vpc_id), reconciled_at=self._started), now=now)
        changes = changes_by_vpc(requests, targets)
        ledger.record_changes(changes, now=now)
        seen = ((vpc_id, trigger) for vpc_id, trigger in changes if trigger.event_id)
        self._tools.bus.send(change_event(vpc_id, _facts_of(trigger), now) for vpc_id, trigger in seen)


def _facts_of(change: Trigger) -> dict[str, str]:
    return {name: str(getattr(change, name)) for name in ("event_id", "event_name", "actor", "time")}
