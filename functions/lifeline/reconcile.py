"""Observe, plan, apply: gives the VPCs that somebody asks about the endpoints that they miss.

Level-triggered: an ask says whom to look at, the network says what to do. The same ask twice, late or out of order
changes nothing. Plan mode is the same path without its last step.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from zlib import crc32

from aws_lambda_powertools.metrics import MetricUnit

from lifeline.adapters.aws import side_by_side
from lifeline.adapters.bus import Bus
from lifeline.adapters.central_dns import CentralDns
from lifeline.adapters.endpoints import Endpoints
from lifeline.adapters.exemptions import Exemptions
from lifeline.adapters.ledger import REGION, Ledger, Memory
from lifeline.adapters.lookup import Lookup
from lifeline.adapters.network import Network
from lifeline.adapters.notices import Publishes
from lifeline.adapters.policy_store import PolicyStore
from lifeline.adapters.queue import Queue
from lifeline.apply import Applied, Deferral, Run, apply_plans
from lifeline.canarying import Canarying
from lifeline.claiming import Claiming, keep_claimed, tell_yielded
from lifeline.clearing import Clearing, forget
from lifeline.core.actions import Action, Plan, Status
from lifeline.core.because import because_of
from lifeline.core.bus_events import answer_events, change_event
from lifeline.core.classify import classify_subnets
from lifeline.core.cost import price_in
from lifeline.core.endpoint_notice import endpoint_notice, lost_notice
from lifeline.core.exempting import with_exemptions
from lifeline.core.follow import Followed, Made, follow
from lifeline.core.freeze import hold
from lifeline.core.history import outcomes_of
from lifeline.core.model import Vpc
from lifeline.core.notice import Notice
from lifeline.core.plan import cost_of
from lifeline.core.policy import Exempted, Policy
from lifeline.core.report import Refusal, VpcAnswer
from lifeline.decisions import log_answer
from lifeline.errors import LifelineError
from lifeline.events import Ask, Trigger
from lifeline.fighting import Fighting, fight_words, keep_done
from lifeline.freezing import keep_asked
from lifeline.limiting import Gate, Guards
from lifeline.observability import logger, metrics
from lifeline.planning import Planning
from lifeline.policies import Decision, current_policy, mark_told, policy_notice, stacks_policy
from lifeline.retiring import RELEASE_HOLDS, Retiring, held, settled, taken_away
from lifeline.settings import Mode, Settings
from lifeline.settling import rest
from lifeline.stages import stage
from lifeline.targeting import Targets, changes_by_vpc, find_targets, not_yet_answered

BUSY_DELAY = timedelta(seconds=20)
FIRST_RETRY = timedelta(seconds=30)
FOLLOW_DELAY = timedelta(seconds=60)
MOST_ATTEMPTS = 6
_MOST_NAMED = 20  # so many VPCs have their DNS attributes read whenever they are named …
_CHECKED_A_SWEEP = 3  # … and so many in turn in each sweep, for EC2 has no call for all of them
_BUSY = "another run works on this VPC"
_CROWDED = "too many VPCs at once: this one's turn comes with a later look, or ask for it by its id"


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


def reconcile(asks: Sequence[Ask], *, mode: Mode, tools: Tools, settings: Settings, run: Run) -> tuple[VpcAnswer, ...]:
    """One look at each VPC that the asks touch, however many they are, in the VPCs' order.

    Raises TransientError or TerminalError where the network could not be observed; nothing was changed then.
    """
    waiting = [ask for ask in asks if not ask.is_own]
    if not waiting:
        return ()
    decision = current_policy(settings.policy_parameter, stacks_policy(settings), tools.policies, now=run.now())
    is_by_hand = mode is not settings.mode
    if not is_by_hand:
        _tell_of_policy(decision, tools, run.now())
    gate = Gate(tools.guards, settings, run, [ask.approve for ask in waiting if ask.approve])
    return _Look(mode, decision, tools, settings, run, gate, is_by_hand=is_by_hand).answer(waiting)


def _tell_of_policy(decision: Decision, tools: Tools, now: datetime) -> None:
    if decision.problem is None or not decision.problem.is_news:
        return
    try:
        tools.notices.publish(policy_notice(decision.problem))
        mark_told(decision.problem, tools.policies, now=now)
    except LifelineError as error:
        logger.error("notice not sent", error=str(error))


class _Look:
    def __init__(
        self,
        mode: Mode,
        decision: Decision,
        tools: Tools,
        settings: Settings,
        run: Run,
        gate: Gate,
        *,
        is_by_hand: bool,
    ) -> None:
        self._mode = mode
        self._decision = decision
        self._tools = tools
        self._settings = settings
        self._run = run
        self._gate = gate
        self._is_by_hand = is_by_hand
        self._started = run.now()
        self._unwritten: LifelineError | None = None
        self._is_sweep = False
        self._recorded: set[str] = set()
        self._clearing: Clearing
        self._fought: dict[str, frozenset[str]] = {}
        self._told_apart: frozenset[Action] = frozenset()

    def answer(self, asks: Sequence[Ask]) -> tuple[VpcAnswer, ...]:
        self._gate.why_stop()
        targets = find_targets(asks, self._tools.lookup, self._tools.ledger)
        if self._settings.queue_url and not self._is_by_hand:
            rest(targets, self._tools.queue, settle=self._settings.iac_settle, now=self._run.now())
        self._is_sweep = bool(targets.sweep)
        wanted = None if targets.sweep else not_yet_answered(targets, self._tools.ledger)
        with stage("observe", self._run.id) as part:
            vpcs = self._tools.network.observe(wanted)
            part.numbers["vpcs"] = len(vpcs)
        if not self._is_by_hand:
            keep_asked(targets, [vpc.id for vpc in vpcs], self._tools.ledger, now=self._run.now())
            catalog, owner = self._tools.network.catalog, self._settings.stack_name
            keep_claimed(targets, vpcs, self._tools.ledger, catalog, owner, self._run)
        tools, owner = self._tools, self._settings.stack_name
        self._clearing = Clearing(targets, tools.lookup, tools.ledger, owner, self._run.now())
        policy = self._decision.policy
        if policy is None and all(ask.is_release for ask in asks):
            policy = Policy(rules=())  # what is given up needs none
        if policy is None:
            answers = [self._without_policy(vpc) for vpc in vpcs]
        else:
            answers = self._plan_and_apply(self._planning(policy), vpcs, targets, wanted)
        gone = self._gone(targets, wanted, {vpc.id for vpc in vpcs})
        seen = {vpc.id: vpc for vpc in vpcs}
        told = [self._gate.told(answer).located(seen.get(answer.vpc_id)) for answer in (*answers, *gone)]
        answers = sorted(told, key=lambda answer: answer.vpc_id)
        self._tell(answers, targets)
        if self._unwritten:
            raise self._unwritten
        self._forget([answer.vpc_id for answer in gone])
        self._write_down(asks, targets, vpcs)
        return tuple(answers)

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

    def _retiring(self, planning: Planning, targets: Targets) -> Retiring:
        return Retiring(
            planning, self._tools.lookup, None if self._is_by_hand else self._tools.ledger, targets.is_release
        )

    def _fighting(self, planning: Planning, targets: Targets) -> Fighting:
        return Fighting(planning, self._tools.ledger, targets, self._publish)

    def _canarying(self, targets: Targets) -> Canarying:
        ledger = None if self._is_by_hand else self._tools.ledger
        return Canarying(ledger, self._settings, self._run, targets.withdrawals)

    def _claiming(self) -> Claiming:
        tools, ledger = self._tools, None if self._is_by_hand else self._tools.ledger
        return Claiming(ledger, tools.lookup, tools.notices, self._settings.stack_name, self._run)

    def _without_policy(self, vpc: Vpc) -> VpcAnswer:
        problem = self._decision.problem
        why = f"{problem.field}: {problem.message}" if problem else "it could not be read"
        tiers = tuple(classify_subnets(vpc).items())
        return VpcAnswer(vpc.id, tiers, note=f"no valid policy, so nothing is applied: {why}")

    def _plan_and_apply(
        self, planning: Planning, vpcs: Sequence[Vpc], targets: Targets, wanted: Sequence[str] | None
    ) -> list[VpcAnswer]:
        known = {} if self._is_by_hand else self._follow_up(vpcs, targets)
        checked = [vpc.id for vpc in vpcs] if wanted is not None else self._turn_of([vpc.id for vpc in vpcs])
        check_dns = checked[:_MOST_NAMED]
        kept = [vpc for vpc in vpcs if not targets.is_release(vpc.id)]
        with stage("plan", self._run.id) as part:
            plans, waiting = planning.plan(kept, known, check_dns=check_dns, is_region=wanted is None)
            left = self._take_turns(plans, waiting, targets)
            plans = self._retiring(planning, targets).extend(plans, vpcs, is_region=wanted is None)
            self._clearing.find(vpcs)
            plans, coming, _ = self._claiming().extend(self._clearing.extend(plans), kept, is_region=wanted is None)
            plans = self._canarying(targets).foresee(plans, vpcs)
            part.numbers |= {"vpcs": len(plans), "with_work": sum(plan.has_work for plan in plans.values())}
        self._look_again(coming, targets)
        if self._mode is Mode.PLAN:
            plans = self._foresee_frozen(plans)
            return [*left, *(VpcAnswer.of(plan) for plan in self._gate.foresee(plans, vpcs).values())]
        if wanted is None:
            self._gate.see_region(vpcs)
        if self._gate.why_stop():
            return [*left, *(VpcAnswer.of(plan) for plan in self._gate.stop(plans).values())]
        self._fighting(planning, targets).end_served(plans, vpcs, self._run.id, is_region=wanted is None)
        with stage("apply", self._run.id):
            return [*left, *self._apply(planning, plans, targets)]

    def _foresee_frozen(self, plans: dict[str, Plan]) -> dict[str, Plan]:
        """The plans without what is frozen. Where the ledger can't be read, a plan is worth having all the same."""
        price, now = price_in(self._settings.region), self._run.now()
        wanting = [vpc_id for vpc_id, plan in plans.items() if plan.has_work]
        try:
            memories = side_by_side([partial(self._tools.ledger.recall, vpc_id) for vpc_id in wanting])
        except LifelineError as error:
            logger.warning("what is frozen was not read", error=str(error))
            return plans
        frozen = {vpc_id: memory.frozen for vpc_id, memory in zip(wanting, memories, strict=True)}
        return {vpc_id: hold(plan, frozen.get(vpc_id, {}), price, now=now) for vpc_id, plan in plans.items()}

    def _take_turns(self, plans: dict[str, Plan], waiting: Sequence[str], targets: Targets) -> list[VpcAnswer]:
        """Takes the waiting VPCs out of `plans`: without a look at central endpoints, nothing may be made there."""
        if not self._is_by_hand:
            self._put_back({vpc_id: targets.attempt(vpc_id) for vpc_id in waiting}, BUSY_DELAY, targets)
        return [_as_deferred(plans.pop(vpc_id), _CROWDED) for vpc_id in waiting]

    def _turn_of(self, vpc_ids: Sequence[str]) -> list[str]:
        """The few VPCs whose DNS attributes are read in this sweep: each comes round, whichever sweep it is."""
        rounds = -(-len(vpc_ids) // _CHECKED_A_SWEEP) or 1
        turn = int(self._started.timestamp() // 3600) % rounds
        return list(vpc_ids[turn::rounds])

    # ---- what became of endpoints that were made

    def _follow_up(self, vpcs: Sequence[Vpc], targets: Targets) -> dict[str, Followed]:
        """For VPCs in which endpoints were made lately: what is known of them now, kept, and followed on if need be."""
        known: dict[str, Followed] = {}
        waiting: list[str] = []
        for vpc in vpcs:
            if targets.is_followed(vpc.id):
                memory = self._tools.ledger.recall(vpc.id)
                known[vpc.id] = self._follow(vpc, memory)
                if known[vpc.id].is_waiting:
                    waiting.append(vpc.id)
                kept = replace(memory, made=known[vpc.id].made, failures=known[vpc.id].failures)
                if kept != memory:
                    self._tools.ledger.remember(vpc.id, kept, now=self._run.now())
        if waiting:
            self._put_back(dict.fromkeys(waiting, 0), FOLLOW_DELAY, targets, is_follow=True)
        return known

    def _follow(self, vpc: Vpc, memory: Memory) -> Followed:
        now = self._run.now()
        followed = follow(memory.made, memory.failures, vpc, now=now)
        self._tools.ledger.record_outcomes(vpc.id, outcomes_of(followed, memory.failures, now), now=now)
        for endpoint_id, took in followed.ready:
            metrics.add_metric("EndpointReadySeconds", MetricUnit.Seconds, took.total_seconds())
            logger.info("endpoint available", vpc_id=vpc.id, endpoint_id=endpoint_id, seconds=took.total_seconds())
        for endpoint_id, words in followed.lost:
            metrics.add_metric("EndpointsLost", MetricUnit.Count, 1)
            logger.error("endpoint lost", vpc_id=vpc.id, endpoint_id=endpoint_id, reason=words)
        if followed.lost:
            self._publish(lost_notice(vpc.id, followed.lost, vpc.tag("Name") or ""))
        return followed

    # ---- doing it

    def _apply(self, planning: Planning, plans: dict[str, Plan], targets: Targets) -> list[VpcAnswer]:
        """Applies what is planned, each VPC under its lease and observed anew: another run may have been here."""
        wanting = [vpc_id for vpc_id, plan in plans.items() if plan.has_work or self._clearing.wants(vpc_id)]
        idle = [VpcAnswer.of(plan) for vpc_id, plan in plans.items() if vpc_id not in wanting]
        self._gate.leave([answer.vpc_id for answer in idle])
        memories = self._take_leases(wanting)
        busy = [_as_deferred(plans[vpc_id], _BUSY) for vpc_id in wanting if vpc_id not in memories]
        self._put_back({answer.vpc_id: targets.attempt(answer.vpc_id) for answer in busy}, BUSY_DELAY, targets)
        try:
            vpcs = self._tools.network.observe(memories)
            known = {vpc.id: self._follow(vpc, memories[vpc.id]) for vpc in vpcs}
            self._clearing.find(vpcs, memories)
            memories = self._clearing.keep(memories)
            kept = [self._clearing.rest(vpc) for vpc in vpcs if not targets.is_release(vpc.id)]
            fresh, waiting = planning.plan(kept, known, check_dns=list(memories), fresh=True)
            left = self._take_turns(fresh, waiting, targets)
            fresh = self._clearing.extend(self._retiring(planning, targets).extend(fresh, vpcs, memories))
            fresh, _, memories = self._claiming().extend(fresh, kept, memories)
            canaries = self._canarying(targets)
            fresh = canaries.decide(fresh, vpcs, memories)
            memories |= self._fighting(planning, targets).judge(fresh, vpcs, known, memories)
            fresh = {vpc_id: self._hold(plan, memories[vpc_id], targets) for vpc_id, plan in fresh.items()}
            fresh = self._gate.admit(fresh, vpcs)
            canaries.expect(fresh, memories)
            calls, why_stop = self._tools.ledger, self._gate.why_stop
            applied = apply_plans(fresh, self._tools.endpoints, calls, self._run, why_stop=why_stop)
            self._gate.settle(applied)
            done = [
                self._finish_or_say(fresh[vpc_id], one, targets, memories[vpc_id], known[vpc_id])
                for vpc_id, one in applied.items()
            ]
        finally:
            side_by_side([partial(self._give_back, vpc_id) for vpc_id in memories])
        return [*idle, *busy, *left, *done]

    def _hold(self, plan: Plan, memory: Memory, targets: Targets) -> Plan:
        """The plan without what is frozen, and without what a person gave up shortly before, until they ask again."""
        self._fought[plan.vpc_id] = fight_words(plan.vpc_id, memory.frozen)
        plan = hold(plan, memory.frozen, price_in(self._settings.region), now=self._run.now())
        since = memory.released_at
        if since is None or targets.is_asked_by_a_person(plan.vpc_id) or self._run.now() - since >= RELEASE_HOLDS:
            return plan
        return held(plan, since)

    def _give_back(self, vpc_id: str) -> None:
        try:
            self._tools.ledger.give_back(vpc_id, self._run.id)
        except LifelineError as error:  # it runs out by itself
            logger.warning("lease not given back", vpc_id=vpc_id, error=str(error))

    def _finish_or_say(
        self, plan: Plan, applied: Applied, targets: Targets, memory: Memory, followed: Followed
    ) -> VpcAnswer:
        """What was done is told even where it can't be written down; the error is raised once everybody was told."""
        try:
            return self._finish(plan, applied, targets, memory, followed)
        except LifelineError as error:
            logger.error("done, but not written down", vpc_id=plan.vpc_id, error=str(error))
            self._unwritten = error
            return VpcAnswer.of(plan, applied.actions)

    def _take_leases(self, vpc_ids: Sequence[str]) -> dict[str, Memory]:
        now = self._run.now()
        until = now + self._run.remaining()
        take = self._tools.ledger.take_lease
        memories = side_by_side([partial(take, vpc_id, self._run.id, now=now, until=until) for vpc_id in vpc_ids])
        return {vpc_id: memory for vpc_id, memory in zip(vpc_ids, memories, strict=True) if memory is not None}

    def _finish(self, plan: Plan, applied: Applied, targets: Targets, memory: Memory, followed: Followed) -> VpcAnswer:
        actions, now = applied.actions, self._run.now()
        if applied.deferral:
            attempt = targets.attempt(plan.vpc_id) + (applied.deferral is Deferral.TRANSIENT)
            if attempt > MOST_ATTEMPTS:
                is_release = targets.is_release(plan.vpc_id)
                actions = [self._give_up(action, plan.vpc_id, is_release=is_release) for action in actions]
            else:
                delay = _backoff(plan.vpc_id, attempt) if applied.deferral is Deferral.TRANSIENT else BUSY_DELAY
                self._put_back({plan.vpc_id: attempt}, delay, targets)
        made = {service: Made(endpoint_id, now) for service, endpoint_id in applied.made.items()}
        gone = taken_away(actions)
        kept = replace(memory, made={**settled(followed.made, gone), **made}, failures=followed.failures)
        if kept != memory:
            self._tools.ledger.remember(plan.vpc_id, kept, now=now)
        keep_done(plan.vpc_id, memory, actions, self._tools.ledger, now=now)
        self._canarying(targets).settle(plan.vpc_id, actions, memory)
        self._remember_release(plan.vpc_id, memory, targets)
        if made:
            self._put_back({plan.vpc_id: 0}, FOLLOW_DELAY, targets, is_follow=True)
        if actions:
            self._tools.ledger.record_actions(plan.vpc_id, actions, targets.triggers(plan.vpc_id), now)
            self._recorded.add(plan.vpc_id)
        tools, owner = self._tools, self._settings.stack_name
        self._told_apart |= tell_yielded(plan, actions, memory, tools.ledger, tools.notices, owner, now)
        done = tuple(action for action in actions if action.status is Status.DONE)
        return replace(VpcAnswer.of(plan, actions), monthly_cost_usd=cost_of(done, price_in(self._settings.region)))

    def _look_again(self, vpc_ids: Sequence[str], targets: Targets) -> None:
        """Asks for another look at VPCs where somebody else's endpoint is on its way, as often as at anything."""
        attempts = {vpc_id: targets.attempt(vpc_id) + 1 for vpc_id in vpc_ids}
        if not self._is_by_hand:
            again = {vpc_id: attempt for vpc_id, attempt in attempts.items() if attempt <= MOST_ATTEMPTS}
            self._put_back(again, FOLLOW_DELAY, targets)

    def _remember_release(self, vpc_id: str, memory: Memory, targets: Targets) -> None:
        """From a release on nothing is made there for a while; whoever names the VPC by hand ends that."""
        now = self._run.now()
        if targets.is_release(vpc_id):
            self._tools.ledger.keep_release(vpc_id, now, now=now)
        elif memory.released_at and targets.is_asked_by_a_person(vpc_id):
            self._tools.ledger.keep_release(vpc_id, None, now=now)

    def _give_up(self, action: Action, vpc_id: str, *, is_release: bool) -> Action:
        if action.status is not Status.PLANNED:
            return action
        reason = f"given up after {MOST_ATTEMPTS} tries: {action.error}"
        ask: dict[str, object] = {"vpc_ids": [vpc_id]} | ({"release": True} if is_release else {})
        self._tools.queue.put_aside(json.dumps(ask), reason=reason)
        return replace(action, status=Status.FAILED, error=reason)

    def _put_back(
        self, attempts: Mapping[str, int], after: timedelta, targets: Targets, *, is_follow: bool = False
    ) -> None:
        """Asks for another look at each VPC, with what set this one going; VPCs that share both share a message."""
        if not self._settings.queue_url:
            return
        alike: dict[tuple[int, tuple[Trigger, ...], bool, frozenset[str]], list[str]] = defaultdict(list)
        for vpc_id, attempt in sorted(attempts.items()):
            withdraw = frozenset(one.service for one in targets.withdrawals(vpc_id))
            release = targets.is_release(vpc_id)
            alike[attempt, targets.put_back_causes(vpc_id), release, withdraw].append(vpc_id)
        for (attempt, because, release, withdraw), vpc_ids in alike.items():
            put_back = partial(self._tools.queue.put_back, vpc_ids, attempt=attempt, after=after, because=because)
            put_back(follow=is_follow and not release, release=release, withdraw=() if release else withdraw)

    def _forget(self, vpc_ids: Sequence[str]) -> None:
        """Of a VPC that is gone, nothing is told or tried any more."""
        if vpc_ids and not self._is_by_hand and (found := forget(vpc_ids, self._tools.ledger, now=self._run.now())):
            self._gate.forget(found)

    # ---- saying it

    def _gone(self, targets: Targets, wanted: Sequence[str] | None, seen: set[str]) -> list[VpcAnswer]:
        """A VPC that a person named and that isn't there is an error; one that a change names was deleted since."""
        missing = sorted(set(wanted if wanted is not None else targets.asks) - seen)
        return [_gone_answer(vpc_id, targets.asks[vpc_id]) for vpc_id in missing]

    def _tell(self, answers: Sequence[VpcAnswer], targets: Targets) -> None:
        """One notice for the run. What stays blocked or planned is told once, not at every sweep."""
        for answer in answers:
            log_answer(answer, targets.triggers(answer.vpc_id), run_id=self._run.id, mode=str(self._mode))
        if self._is_by_hand:
            return
        if self._is_sweep:
            self._gate.tell_of_switch(answers, self._tools.notices)
        self._clearing.tell(answers, self._publish, is_plan=self._mode is Mode.PLAN)
        told = [self._without_told(answer) for answer in answers]
        news = [answer for answer in told if not answer.refusal and self._is_news(answer)]
        now, stack = self._run.now(), self._settings.stack_name
        mode = str(self._mode)
        self._tools.bus.send(event for answer in news for event in answer_events(answer, mode=mode, now=now))
        because = because_of((one for answer in news for one in targets.triggers(answer.vpc_id)), now)
        untold = [self._clearing.untold(answer) for answer in news]
        notice = endpoint_notice(untold, because=because, is_plan=self._mode is Mode.PLAN, stack=stack)
        if notice is None:
            return
        if not self._publish(notice):
            return  # the work is done and recorded; what stays open is told by the next look
        ledger = self._tools.ledger
        for answer in news:
            memory = ledger.recall(answer.vpc_id)
            ledger.remember(answer.vpc_id, replace(memory, told=self._open(answer)), now=now)
            if answer.vpc_id not in self._recorded:
                ledger.record_actions(answer.vpc_id, answer.actions, targets.triggers(answer.vpc_id), now)

    def _without_told(self, answer: VpcAnswer) -> VpcAnswer:
        """The answer without what a notice of its own told."""
        actions = tuple(action for action in answer.actions if action not in self._told_apart)
        return answer if len(actions) == len(answer.actions) else replace(answer, actions=actions)

    def _publish(self, notice: Notice) -> bool:
        try:
            self._tools.notices.publish(notice)
        except LifelineError as error:
            logger.error("notice not sent", subject=notice.subject, error=str(error))
            return False
        return True

    def _is_news(self, answer: VpcAnswer) -> bool:
        if any(action.status is Status.DONE for action in answer.actions):
            return True
        if any(action.error in {_BUSY, _CROWDED} for action in answer.actions):
            return False
        if self._open(answer):
            return self._tools.ledger.recall(answer.vpc_id).told != self._open(answer)
        self._forget_told(answer)
        return False

    def _open(self, answer: VpcAnswer) -> str:
        """The fingerprint of the answer's open business, but for what fights hold back: that has its own notice."""
        fought = self._fought.get(answer.vpc_id, frozenset())
        return replace(answer, actions=tuple(one for one in answer.actions if one.error not in fought)).fingerprint

    def _forget_told(self, answer: VpcAnswer) -> None:
        """What was told and is over: should it come back, it is news again. Only a look that named the VPC asks."""
        if self._is_sweep or not answer.services:
            return
        memory = self._tools.ledger.recall(answer.vpc_id)
        if memory.told:
            self._tools.ledger.remember(answer.vpc_id, replace(memory, told=""), now=self._run.now())

    def _write_down(self, asks: Sequence[Ask], targets: Targets, vpcs: Sequence[Vpc]) -> None:
        """Keeps when each VPC was looked at, last of all: a run that dies before is made good by its messages."""
        if self._is_by_hand:
            return
        ledger, now = self._tools.ledger, self._run.now()
        if not all(ask.is_release for ask in targets.sweep):  # a release mends nothing that a change broke
            ledger.remember(REGION, replace(ledger.recall(REGION), looked_at=self._started), now=now)
        changed = [vpc.id for vpc in vpcs if targets.changes(vpc.id)]
        for vpc_id in changed:
            ledger.remember(vpc_id, replace(ledger.recall(vpc_id), looked_at=self._started), now=now)
        changes = changes_by_vpc(asks, targets)
        ledger.record_changes(changes, now=now)
        seen = ((vpc_id, one) for vpc_id, one in changes if one.event_id)
        self._tools.bus.send(change_event(vpc_id, _facts_of(one), now) for vpc_id, one in seen)


def _backoff(vpc_id: str, attempt: int) -> timedelta:
    """Twice as long each time, and up to half as long again by the VPC's id: what was refused together comes apart."""
    jitter = crc32(f"{vpc_id}|{attempt}".encode()) % 1000 / 2000
    return FIRST_RETRY * float(2**attempt) * (1 + jitter)


def _facts_of(change: Trigger) -> dict[str, str]:
    return {name: str(getattr(change, name)) for name in ("event_id", "event_name", "actor", "time")}


def _as_deferred(plan: Plan, why: str) -> VpcAnswer:
    actions = [replace(one, error=why) if one.status is Status.PLANNED else one for one in plan.actions]
    return VpcAnswer.of(plan, actions)


def _gone_answer(vpc_id: str, asks: Sequence[Ask]) -> VpcAnswer:
    for ask in asks:
        if ask.trigger.kind == "call" and ask.sent_at is None:
            message = f"{vpc_id} does not exist in this account and region"
            return VpcAnswer(vpc_id=vpc_id, refusal=Refusal(ask.field_of(vpc_id), message))
    return VpcAnswer(vpc_id=vpc_id, note="the VPC is gone: nothing to do")
