"""Answer: what is said of a look, to whom, and once: in notices, on the bus, and on record."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.topic import Publishes
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.errors import LifelineError
from lifeline.core.guards.freeze import Freeze
from lifeline.core.guards.mode import Mode
from lifeline.core.notices.bus_events import answer_events
from lifeline.core.notices.endpoints import endpoint_notice
from lifeline.core.notices.notice import Notice
from lifeline.core.notices.trigger_text import because_of
from lifeline.core.plan.actions import Action, Plan, Status
from lifeline.core.plan.answer import Refusal, VpcAnswer
from lifeline.core.requests.request import Request
from lifeline.reconciler.amend.conflicts import conflict_words
from lifeline.reconciler.amend.gate import Gate
from lifeline.reconciler.amend.teardown import Clearing
from lifeline.reconciler.steps.decision_log import log_answer
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger

BUSY = "another run works on this VPC"
CROWDED = "too many VPCs at once: this one's turn comes with a later look, or ask for it by its id"


@dataclass(slots=True)
class Answering:
    """One look's answers. `recorded` are the VPCs whose actions are on record, `told_apart` what has been told already
    by a notice of its own, `fought` the words of what fights hold back: these have their own notice, too.
    """

    targets: Targets
    clearing: Clearing
    gate: Gate
    ledger: Ledger
    notices: Publishes
    bus: Bus
    run: Run
    mode: Mode
    stack_name: str
    is_by_hand: bool
    recorded: set[str] = field(default_factory=set)
    notified_apart: frozenset[Action] = frozenset()
    conflicting: dict[str, frozenset[str]] = field(default_factory=dict)

    def publish(self, notice: Notice) -> bool:
        """Whether the notice went out. That it didn't is logged: what it was to say is said by a later look."""
        try:
            self.notices.publish(notice)
        except LifelineError as error:
            logger.error("notice not sent", subject=notice.subject, error=str(error))
            return False
        return True

    def leave_conflicts_out(self, vpc_id: str, frozen: Mapping[str, Freeze]) -> None:
        """What fights hold back in the VPC isn't told again by the run's notice."""
        self.conflicting[vpc_id] = conflict_words(vpc_id, frozen)

    def notify(self, answers: Sequence[VpcAnswer], *, is_sweep: bool) -> None:
        """One notice for the run, beside those of teardowns. What stays blocked or planned is told once, not at every
        sweep. Raises what the ledger raises.
        """
        for answer in answers:
            log_answer(answer, self.targets.triggers(answer.vpc_id), run_id=self.run.id, mode=str(self.mode))
        if self.is_by_hand:
            return
        if is_sweep:
            self.gate.notify_of_switch(answers, self.notices)
        is_plan = self.mode is Mode.PLAN
        cleared = self.clearing.notify(answers, self.publish, is_plan=is_plan)
        left = [self._without_notified(answer) for answer in answers if not answer.refusal]
        news = [answer for answer in left if self._is_news(answer, is_sweep=is_sweep)]
        self._send(answers, cleared | {answer.vpc_id for answer in news})
        now = self.run.now()
        because = because_of((trigger for answer in news for trigger in self.targets.triggers(answer.vpc_id)), now)
        notice = endpoint_notice(news, because=because, is_plan=is_plan, stack=self.stack_name)
        notified = news if notice is None or self.publish(notice) else []  # the next look tells what stays open
        for answer in notified:
            state = self.ledger.load(answer.vpc_id)
            self.ledger.save(answer.vpc_id, replace(state, notified=self._open(answer)), now=now)
        self._record(answers, cleared | {answer.vpc_id for answer in notified})

    def _send(self, answers: Iterable[VpcAnswer], news: Collection[str]) -> None:
        """Machines hear of all that people hear of, whichever notice tells them."""
        heard = [answer for answer in answers if not answer.refusal and (answer.vpc_id in news or _is_done(answer))]
        now, mode = self.run.now(), str(self.mode)
        self.bus.send(event for answer in heard for event in answer_events(answer, mode=mode, now=now))

    def _record(self, answers: Iterable[VpcAnswer], notified: Collection[str]) -> None:
        for answer in answers:
            if answer.vpc_id in notified and answer.vpc_id not in self.recorded:
                triggers = self.targets.triggers(answer.vpc_id)
                self.ledger.record_actions(answer.vpc_id, answer.actions, triggers, self.run.now())

    def _without_notified(self, answer: VpcAnswer) -> VpcAnswer:
        """The answer without what notices of their own tell."""
        actions = tuple(action for action in answer.actions if action not in self.notified_apart)
        return self.clearing.pending(replace(answer, actions=actions))

    def _is_news(self, answer: VpcAnswer, *, is_sweep: bool) -> bool:
        if _is_done(answer):
            return True
        if any(action.error in {BUSY, CROWDED} for action in answer.actions):
            return False
        if open_business := self._open(answer):
            return self.ledger.load(answer.vpc_id).notified != open_business
        if not is_sweep and answer.services:
            self._clear_notified(answer.vpc_id)
        return False

    def _open(self, answer: VpcAnswer) -> str:
        """The fingerprint of the answer's open business, but for what fights hold back."""
        conflicting = self.conflicting.get(answer.vpc_id, frozenset())
        return replace(
            answer, actions=tuple(action for action in answer.actions if action.error not in conflicting)
        ).fingerprint

    def _clear_notified(self, vpc_id: str) -> None:
        """What was told and is over: should it come back, it is news again. Only a look that named the VPC asks."""
        state = self.ledger.load(vpc_id)
        if state.notified:
            self.ledger.save(vpc_id, replace(state, notified=""), now=self.run.now())


def as_deferred(plan: Plan, why: str) -> VpcAnswer:
    """The answer to a plan that waits for another look."""
    actions = [replace(action, error=why) if action.status is Status.PLANNED else action for action in plan.actions]
    return VpcAnswer.of(plan, actions)


def gone_answer(vpc_id: str, requests: Iterable[Request]) -> VpcAnswer:
    """A VPC that a person named and that isn't there is an error; one that a change names was deleted since."""
    for request in requests:
        if request.trigger.kind == "call" and request.sent_at is None:
            message = f"{vpc_id} does not exist in this account and region"
            return VpcAnswer(vpc_id=vpc_id, refusal=Refusal(request.field_of(vpc_id), message))
    return VpcAnswer(vpc_id=vpc_id, note="the VPC is gone: nothing to do")


def _is_done(answer: VpcAnswer) -> bool:
    return any(action.status is Status.DONE for action in answer.actions)
