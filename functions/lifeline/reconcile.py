"""Observe, plan, apply: gives the VPCs that somebody asks about the endpoints that they miss.

Level-triggered: an ask says whom to look at, the network says what to do. The same ask twice, late or out of order
changes nothing. Plan mode is the same path without its last step.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from lifeline.adapters.aws import side_by_side
from lifeline.adapters.endpoints import Endpoints
from lifeline.adapters.ledger import Ledger, Memory
from lifeline.adapters.lookup import Lookup
from lifeline.adapters.network import Network
from lifeline.adapters.notices import Publishes
from lifeline.adapters.queue import Queue
from lifeline.apply import Applied, Deferral, Run, apply_plans
from lifeline.core.model import Tier, Vpc
from lifeline.core.plan import Action, ActionKind, Plan, Requirement, Status, plan_endpoints
from lifeline.core.report import Refusal, VpcAnswer, endpoint_notice
from lifeline.core.targets import ids_to_look_up, vpcs_touched
from lifeline.errors import LifelineError
from lifeline.events import Ask, Trigger
from lifeline.observability import logger
from lifeline.settings import Coverage, Mode, Scope, Settings

CONSISTENCY = timedelta(seconds=5)  # how long EC2 may take to show a change (EC2 guide: eventual consistency)
BUSY_DELAY = timedelta(seconds=20)
FIRST_RETRY = timedelta(seconds=30)
MOST_ATTEMPTS = 6
REGION = "region"  # the ledger's name for a look at every VPC
_BUSY = "another run works on this VPC"


@dataclass(frozen=True, slots=True)
class Tools:
    """What reconciling needs of the world; tests bring their own."""

    network: Network
    lookup: Lookup
    endpoints: Endpoints
    ledger: Ledger
    queue: Queue
    notices: Publishes


@dataclass(slots=True)
class Targets:
    """The VPCs to look at, each with who asked; `sweep` holds who asked for all of them."""

    asks: dict[str, list[Ask]] = field(default_factory=lambda: defaultdict(list))
    sweep: list[Ask] = field(default_factory=list)

    def asks_for(self, vpc_id: str) -> list[Ask]:
        """Whoever asked for the VPC, by name or by asking for all."""
        return [*self.asks.get(vpc_id, []), *self.sweep]

    def triggers(self, vpc_id: str) -> tuple[Trigger, ...]:
        """What set the look at the VPC going, the earliest first."""
        return tuple(sorted((ask.trigger for ask in self.asks_for(vpc_id)), key=lambda trigger: trigger.time))


def reconcile(asks: Sequence[Ask], *, mode: Mode, tools: Tools, settings: Settings, run: Run) -> tuple[VpcAnswer, ...]:
    """One look at each VPC that the asks touch, however many they are, in the VPCs' order.

    Raises TransientError or TerminalError where the network could not be observed; nothing was changed then.
    """
    return _Look(mode, tools, settings, run).answer([ask for ask in asks if not ask.is_own])


class _Look:
    def __init__(self, mode: Mode, tools: Tools, settings: Settings, run: Run) -> None:
        self._mode = mode
        self._is_by_hand = mode is not settings.mode
        self._tools = tools
        self._settings = settings
        self._run = run
        self._started = run.now()

    def answer(self, asks: Sequence[Ask]) -> tuple[VpcAnswer, ...]:
        targets = self._find_targets(asks)
        wanted = None if targets.sweep else self._not_yet_answered(targets)
        vpcs = self._tools.network.observe(wanted)
        plans = self._plan(vpcs, {})
        if self._mode is Mode.ENFORCE:
            answers = self._apply(plans, targets)
        else:
            answers = [_as_planned(plan) for plan in plans.values()]
        answers += self._gone(targets, wanted, {vpc.id for vpc in vpcs})
        answers.sort(key=lambda answer: answer.vpc_id)
        self._tell(answers, targets)
        self._write_down(targets, vpcs)
        return tuple(answers)

    # ---- whom to look at

    def _find_targets(self, asks: Sequence[Ask]) -> Targets:
        targets = Targets()
        ids = frozenset(
            one
            for ask in asks
            if ask.trigger.kind == "change"
            for one in ids_to_look_up(ask.trigger.event_name, ask.changed_ids)
        )
        found = self._tools.lookup.vpcs_of(ids) if ids else {}
        for ask in asks:
            touched = self._touched(ask, found)
            if touched is None:
                targets.sweep.append(ask)
            for vpc_id in touched or ():
                targets.asks[vpc_id].append(ask)
        return targets

    def _touched(self, ask: Ask, found: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
        if ask.is_sweep:
            return None
        if ask.trigger.kind != "change":
            return frozenset(ask.vpc_ids)
        touched = vpcs_touched(ask.trigger.event_name, ask.changed_ids, found)
        if touched is None and self._is_answered(REGION, [ask]):
            return frozenset()
        return touched

    def _not_yet_answered(self, targets: Targets) -> list[str]:
        """The VPCs whose asks came after, or too shortly before, the last look at them: a burst is one look."""
        vpc_ids = sorted(targets.asks)
        answered = side_by_side([partial(self._is_answered, vpc_id, targets.asks[vpc_id]) for vpc_id in vpc_ids])
        return [vpc_id for vpc_id, is_answered in zip(vpc_ids, answered, strict=True) if not is_answered]

    def _is_answered(self, vpc_id: str, asks: Iterable[Ask]) -> bool:
        sent = [ask.sent_at for ask in asks if ask.trigger.kind == "change"]
        latest = max((moment for moment in sent if moment), default=None)
        if latest is None or None in sent or len(sent) != len(list(asks)):
            return False
        looked_at = self._tools.ledger.recall(vpc_id).looked_at
        return looked_at is not None and looked_at >= latest + CONSISTENCY

    # ---- what to do

    def _plan(self, vpcs: Sequence[Vpc], memories: Mapping[str, Memory]) -> dict[str, Plan]:
        """Each VPC's plan. DNS attributes cost two calls a VPC: they are read only where an endpoint would be made."""
        plans = {vpc.id: self._plan_one(vpc, memories) for vpc in vpcs}
        creating = [vpc for vpc in vpcs if any(map(_makes_interface, plans[vpc.id].actions))]
        for vpc in self._tools.network.with_dns(creating):
            plans[vpc.id] = self._plan_one(vpc, memories)
        return plans

    def _plan_one(self, vpc: Vpc, memories: Mapping[str, Memory]) -> Plan:
        settings = self._settings
        memory = memories.get(vpc.id, Memory())
        tiers = {Tier.ISOLATED} | ({Tier.EGRESS} if settings.scope is Scope.PRIVATE else set())
        requirement = Requirement(
            services=settings.required_services,
            tiers=frozenset(tiers),
            owner=settings.stack_name,
            per_zone=settings.coverage is Coverage.AZ,
            account_id=settings.account_id,
            history=tuple(sorted(memory.history.items())),
        )
        return plan_endpoints(vpc, self._tools.network.catalog(), requirement)

    # ---- doing it

    def _apply(self, plans: dict[str, Plan], targets: Targets) -> list[VpcAnswer]:
        """Applies what is planned, each VPC under its lease and observed anew: another run may have been here."""
        wanting = [vpc_id for vpc_id, plan in plans.items() if _has_work(plan)]
        idle = [_as_planned(plan) for vpc_id, plan in plans.items() if vpc_id not in wanting]
        leases = self._take_leases(wanting)
        busy = [_as_deferred(plans[vpc_id], _BUSY) for vpc_id in wanting if vpc_id not in leases]
        self._put_back({answer.vpc_id: self._attempt(targets, answer.vpc_id) for answer in busy}, BUSY_DELAY)
        try:
            fresh = self._plan(self._tools.network.observe(leases), leases)
            applied = apply_plans(fresh, self._tools.endpoints, self._tools.ledger, self._run)
            done = [self._finish(fresh[vpc_id], one, targets, leases[vpc_id]) for vpc_id, one in applied.items()]
        finally:
            side_by_side([partial(self._tools.ledger.give_back, vpc_id, self._run.id) for vpc_id in leases])
        return [*idle, *busy, *done]

    def _take_leases(self, vpc_ids: Sequence[str]) -> dict[str, Memory]:
        now = self._run.now()
        until = now + self._run.remaining()
        take = self._tools.ledger.take_lease
        memories = side_by_side([partial(take, vpc_id, self._run.id, now=now, until=until) for vpc_id in vpc_ids])
        return {vpc_id: memory for vpc_id, memory in zip(vpc_ids, memories, strict=True) if memory is not None}

    def _finish(self, plan: Plan, applied: Applied, targets: Targets, memory: Memory) -> VpcAnswer:
        actions = applied.actions
        if applied.deferral:
            attempt = self._attempt(targets, plan.vpc_id) + (applied.deferral is Deferral.TRANSIENT)
            if attempt > MOST_ATTEMPTS:
                actions = [self._give_up(action, plan.vpc_id) for action in actions]
            else:
                delay = FIRST_RETRY * 2**attempt if applied.deferral is Deferral.TRANSIENT else BUSY_DELAY
                self._put_back({plan.vpc_id: attempt}, delay)
        if applied.made:
            remembered = replace(memory, history={**memory.history, **applied.made})
            self._tools.ledger.remember(plan.vpc_id, remembered, now=self._run.now())
        if actions:
            self._tools.ledger.record_actions(plan.vpc_id, actions, targets.triggers(plan.vpc_id), self._run.now())
        return VpcAnswer(vpc_id=plan.vpc_id, tiers=plan.tiers, actions=tuple(actions))

    def _give_up(self, action: Action, vpc_id: str) -> Action:
        if action.status is not Status.PLANNED:
            return action
        reason = f"given up after {MOST_ATTEMPTS} tries: {action.error}"
        self._tools.queue.put_aside(json.dumps({"vpc_ids": [vpc_id]}), reason=reason)
        return replace(action, status=Status.FAILED, error=reason)

    def _put_back(self, attempts: Mapping[str, int], after: timedelta) -> None:
        if not self._settings.queue_url:
            return
        for attempt in sorted(set(attempts.values())):
            vpc_ids = [vpc_id for vpc_id, made in attempts.items() if made == attempt]
            self._tools.queue.put_back(vpc_ids, attempt=attempt, after=after)

    @staticmethod
    def _attempt(targets: Targets, vpc_id: str) -> int:
        return max((ask.attempt for ask in targets.asks_for(vpc_id)), default=0)

    # ---- saying it

    def _gone(self, targets: Targets, wanted: Sequence[str] | None, seen: set[str]) -> list[VpcAnswer]:
        """A VPC that a person named and that isn't there is an error; one that a change names was deleted since."""
        missing = sorted(set(wanted if wanted is not None else targets.asks) - seen)
        return [self._gone_answer(vpc_id, targets.asks[vpc_id]) for vpc_id in missing]

    @staticmethod
    def _gone_answer(vpc_id: str, asks: Sequence[Ask]) -> VpcAnswer:
        for ask in asks:
            if ask.trigger.kind == "call" and ask.sent_at is None:
                message = f"{vpc_id} does not exist in this account and region"
                return VpcAnswer(vpc_id=vpc_id, refusal=Refusal(ask.field_of(vpc_id), message))
        return VpcAnswer(vpc_id=vpc_id, note="the VPC is gone: nothing to do")

    def _tell(self, answers: Sequence[VpcAnswer], targets: Targets) -> None:
        """One notice for the run. What stays blocked or planned is told once, not at every sweep."""
        for answer in answers:
            _log(answer, targets.triggers(answer.vpc_id))
        if self._is_by_hand:
            return
        news = [answer for answer in answers if not answer.refusal and self._is_news(answer)]
        because = _because([trigger for answer in news for trigger in targets.triggers(answer.vpc_id)])
        notice = endpoint_notice(news, because=because, is_plan=self._mode is Mode.PLAN)
        if notice is None:
            return
        try:
            self._tools.notices.publish(notice)
        except LifelineError as error:  # the work is done and recorded; what stays open is told by the next look
            logger.error("notice not sent", subject=notice.subject, error=str(error))
            return
        now = self._run.now()
        for answer in news:
            memory = self._tools.ledger.recall(answer.vpc_id)
            self._tools.ledger.remember(answer.vpc_id, replace(memory, told=answer.fingerprint), now=now)

    def _is_news(self, answer: VpcAnswer) -> bool:
        if any(action.status is Status.DONE for action in answer.actions):
            return True
        if not answer.fingerprint or any(action.error == _BUSY for action in answer.actions):
            return False
        return self._tools.ledger.recall(answer.vpc_id).told != answer.fingerprint

    def _write_down(self, targets: Targets, vpcs: Sequence[Vpc]) -> None:
        """Keeps when each VPC was looked at, last of all: a run that dies before is made good by its messages."""
        if self._is_by_hand:
            return
        ledger, now = self._tools.ledger, self._run.now()
        if targets.sweep:
            memory = ledger.recall(REGION)
            ledger.remember(REGION, replace(memory, looked_at=self._started), now=now)
        changes = []
        for vpc in vpcs:
            asks = [ask for ask in targets.asks.get(vpc.id, []) if ask.trigger.kind == "change"]
            changes += [(vpc.id, ask.trigger) for ask in asks]
            if asks:
                memory = ledger.recall(vpc.id)
                ledger.remember(vpc.id, replace(memory, looked_at=self._started), now=now)
        ledger.record_changes(changes, now=now)


def _makes_interface(action: Action) -> bool:
    return action.kind is ActionKind.CREATE_INTERFACE_ENDPOINT and action.status is Status.PLANNED


def _has_work(plan: Plan) -> bool:
    return any(action.status is Status.PLANNED for action in plan.actions)


def _as_planned(plan: Plan) -> VpcAnswer:
    return VpcAnswer(vpc_id=plan.vpc_id, tiers=plan.tiers, actions=plan.actions)


def _as_deferred(plan: Plan, why: str) -> VpcAnswer:
    actions = [replace(one, error=why) if one.status is Status.PLANNED else one for one in plan.actions]
    return VpcAnswer(vpc_id=plan.vpc_id, tiers=plan.tiers, actions=tuple(actions))


def _because(triggers: Sequence[Trigger]) -> str:
    """What set a run going, in a line: the change and its maker, or the sweep."""
    changes = sorted({(one.time, one.event_name, one.actor) for one in triggers if one.kind == "change"})
    if not changes:
        return "the scheduled sweep found it" if any(one.kind == "sweep" for one in triggers) else "somebody asked"
    moment, name, actor = changes[0]
    more = f" and {len(changes) - 1} more changes" if len(changes) > 1 else ""
    return f"{name} by {actor or 'somebody unnamed'} at {moment}{more}"


def _log(answer: VpcAnswer, triggers: Sequence[Trigger]) -> None:
    event_ids = [trigger.event_id for trigger in triggers if trigger.event_id][:5]
    logger.info("looked at", vpc_id=answer.vpc_id, outcome=str(answer.outcome), event_ids=event_ids, note=answer.note)
    for action in answer.actions:
        logger.info(
            "decided",
            vpc_id=answer.vpc_id,
            action=str(action.kind),
            endpoint_service=action.service,
            status=str(action.status),
            reason=action.reason,
            error=action.error,
            endpoint_id=action.endpoint_id,
        )
