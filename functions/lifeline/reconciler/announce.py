"""Announce: what people and machines hear of a run, each thing once: in notices, on the bus, and in the audit log."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.guards.backlog import backlog_of
from lifeline.core.notices.backlog import backlog_notice
from lifeline.core.notices.bus_events import answer_events
from lifeline.core.notices.denied import denied_notice
from lifeline.core.notices.endpoints import endpoint_notice
from lifeline.core.notices.trigger_text import because_of
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.answer import Refusal, VpcAnswer
from lifeline.core.plan.cost import price_in
from lifeline.core.requests.request import Request
from lifeline.reconciler.gatekeeper import Gatekeeper
from lifeline.reconciler.steps.apply import Deferral
from lifeline.reconciler.steps.decision_log import log_answer
from lifeline.reconciler.steps.job import Job
from lifeline.reconciler.steps.planning import CROWDED, THROTTLED
from lifeline.reconciler.steps.requeue import as_abandoned
from lifeline.runtime.observability import logger

BUSY = "another run works on this VPC"


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of a VPC before the run's own notice.

    `covered` are the actions that notices of their own report, `known` those that are no news by themselves. `is_sent`
    says that such a notice went out in this run, `is_recorded` that the actions are in the audit log.
    """

    covered: frozenset[Action] = frozenset()
    known: frozenset[Action] = frozenset()
    is_sent: bool = False
    is_recorded: bool = False


NOTHING_SAID = Said()


@dataclass(frozen=True, slots=True)
class RunNotices:
    """One run's notices and events. `said` is what was said before, by VPC, and `swept` the states that a sweep read
    when it began. What can't be saved of a VPC is added to `unsaved`.
    """

    job: Job
    gatekeeper: Gatekeeper
    said: Mapping[str, Said]
    swept: Mapping[str, VpcState] = field(default_factory=dict)
    unsaved: dict[str, LifelineError] = field(default_factory=dict)

    def announce(self, answers: Sequence[VpcAnswer], *, is_sweep: bool) -> None:
        """One notice for the run, beside those of amendments. What stays blocked or planned is news once, not at every
        sweep. Raises what the ledger raises.
        """
        job = self.job
        for answer in answers:
            log_answer(answer, job.targets.triggers(answer.vpc_id), run_id=job.run.id, mode=str(job.mode))
        if job.is_manual:
            return
        if is_sweep:
            self.gatekeeper.notify_of_switch(answers, job)
        backlog = self._notify_of_backlog(answers) if is_sweep else frozenset()
        # What was decided and isn't saved, a later run decides again and says.
        said = [one for one in answers if not one.refusal and (_is_done(one) or one.vpc_id not in self.unsaved)]
        left = [_without(answer, self._told(answer)) for answer in said]
        states = self._states_of_open(left)
        news = [answer for answer in left if self._is_news(answer, states)]
        sent = backlog | {vpc_id for vpc_id, said in self.said.items() if said.is_sent}
        self._send(answers, sent | {answer.vpc_id for answer in news})
        because = because_of(trigger for answer in news for trigger in job.targets.triggers(answer.vpc_id))
        notice = endpoint_notice(news, because=because, is_plan=job.is_plan, stack=job.settings.stack_name)
        if notice and not job.publish(notice):
            news = []  # the next run announces what is still open
        for answer in news:
            self._mark_notified(answer, states.get(answer.vpc_id), self._open(answer), answer.lacking, is_told=True)
        self._record(answers, sent | {answer.vpc_id for answer in news})

    def _told(self, answer: VpcAnswer) -> frozenset[Action]:
        """The answer's actions that other notices report: an amendment's, or that of the backlog."""
        return self._said(answer).covered | frozenset(backlog_of(answer.actions))

    def _notify_of_backlog(self, answers: Iterable[VpcAnswer]) -> frozenset[str]:
        """The VPCs of a notice of all that waits in the backlog, if there is one: once more began to wait than people
        know of. Only sweeps send it, because only they see all of it.
        """
        job, now = self.job, self.job.run.now()
        waiting = [answer for answer in answers if backlog_of(answer.actions)]
        if not waiting:
            return frozenset()
        region = job.tools.vpcs.load(job.home)
        states = job.tools.vpcs.load_all(job.ref(answer.vpc_id) for answer in waiting).values()
        asked = [state.survey.asked_at for state in states if state.survey and state.survey.asked_at]
        if region.backlog_notified_at and all(at <= region.backlog_notified_at for at in asked):
            return frozenset()
        if not job.publish(backlog_notice(waiting, price_in(job.settings.region), stack=job.settings.stack_name)):
            return frozenset()
        job.tools.vpcs.save(job.home, region, replace(region, backlog_notified_at=now), now=now)
        return frozenset(answer.vpc_id for answer in waiting)

    def _send(self, answers: Iterable[VpcAnswer], news: Collection[str]) -> None:
        """Machines hear of all that people hear of, whichever notice reports it."""
        heard = [answer for answer in answers if not answer.refusal and (answer.vpc_id in news or _is_done(answer))]
        now, mode = self.job.run.now(), str(self.job.mode)
        self.job.tools.bus.send(
            event
            for answer in heard
            for event in answer_events(answer, mode=mode, now=now, owner=self.job.owner([answer.vpc_id]))
        )

    def _record(self, answers: Iterable[VpcAnswer], notified: Collection[str]) -> None:
        for answer in answers:
            if answer.vpc_id in notified and not self._said(answer).is_recorded:
                ref, triggers = self.job.ref(answer.vpc_id), self.job.targets.triggers(answer.vpc_id)
                try:
                    self.job.tools.audit.record_actions(ref, answer.actions, triggers, self.job.run.now())
                except LifelineError as error:
                    logger.error("actions not recorded", vpc_id=answer.vpc_id, error=str(error))
                    self.unsaved[answer.vpc_id] = error

    def _said(self, answer: VpcAnswer) -> Said:
        return self.said.get(answer.vpc_id, NOTHING_SAID)

    def _states_of_open(self, answers: Iterable[VpcAnswer]) -> dict[str, VpcState]:
        """By VPC, the states that say of which open issues people know, in as few calls as that takes."""
        may_be_news = (
            one for one in answers if not (_is_done(one) or _is_put_off(one)) and (self._open(one) or one.lacking)
        )
        states = self.job.tools.vpcs.load_all(self.job.ref(answer.vpc_id) for answer in may_be_news)
        return {ref.vpc_id: state for ref, state in states.items()}

    def _is_news(self, answer: VpcAnswer, states: Mapping[str, VpcState]) -> bool:
        if _is_done(answer):
            return True
        if _is_put_off(answer):
            return False
        open_issues, state = self._open(answer), states.get(answer.vpc_id)
        if state is None:
            if answer.services:  # should it come back, it is news again
                self._mark_notified(answer, self.swept.get(answer.vpc_id), "", frozenset())
            return False
        # What people know to be abandoned is no news while a later sweep tries it again.
        abandoned = replace(answer, actions=tuple(map(as_abandoned, answer.actions)))
        is_known = not open_issues or state.notified in {open_issues, self._open(abandoned)}
        if not is_known or answer.lacking - state.lacking:
            return state.may_tell(self.job.run.now())  # else a later run tells what is still open
        self._mark_notified(answer, state, state.notified if open_issues else "", answer.lacking)
        return False

    def _open(self, answer: VpcAnswer) -> str:
        """The fingerprint of the answer's open issues, without those that are no news by themselves."""
        return _without(answer, self._said(answer).known | frozenset(backlog_of(answer.actions))).fingerprint

    def _mark_notified(
        self,
        answer: VpcAnswer,
        known: VpcState | None,
        issues: str,
        lacking: frozenset[str],
        *,
        is_told: bool = False,
    ) -> None:
        try:
            state = known or self.job.tools.vpcs.load(self.job.ref(answer.vpc_id))
            awaited = {action.service for action in answer.actions if action.kind is ActionKind.AWAIT_ENDPOINT}
            after = state.told(self.job.run.now(), awaited) if is_told and (issues or lacking) else state
            self.job.save(answer.vpc_id, state, replace(after, notified=issues, lacking=lacking))
        except LifelineError as error:
            logger.error("what people know not saved", vpc_id=answer.vpc_id, error=str(error))
            self.unsaved[answer.vpc_id] = error


def announce_denials(job: Job) -> None:
    """One notice of the reads that AWS denied, if any is news. A failure is logged: the next denial says it."""
    noted, store = job.tools.denials, job.tools.denial_notices
    if not noted or not store or job.is_manual:
        return
    try:
        is_member, now = bool(job.settings.member), job.run.now()
        store.announce(
            noted.take(),
            lambda news, others: job.publish(denied_notice(news, is_member=is_member, others=others)),
            now=now,
        )
    except LifelineError as error:
        logger.error("notice of denied reads not sent", error=str(error))


def as_deferred(plan: Plan, why: str) -> VpcAnswer:
    """The answer to a plan that waits for a later run."""
    actions = [replace(action, error=why) if action.is_planned else action for action in plan.actions]
    return VpcAnswer.of(plan, actions)


def gone_answer(vpc_id: str, requests: Iterable[Request]) -> VpcAnswer:
    """A VPC that a person named and that isn't there is an error; one that a change names was deleted since."""
    for request in requests:
        if request.trigger.kind == "call":
            message = f"{vpc_id} does not exist in this account and region"
            return VpcAnswer(vpc_id=vpc_id, refusal=Refusal(request.field_of(vpc_id), message))
    return VpcAnswer(vpc_id=vpc_id, note="the VPC is gone: nothing to do")


def _without(answer: VpcAnswer, actions: Collection[Action]) -> VpcAnswer:
    return replace(answer, actions=tuple(action for action in answer.actions if action not in actions))


def _is_put_off(answer: VpcAnswer) -> bool:
    """True if a later run does what this one couldn't do at once."""
    put_off = {BUSY, CROWDED, Deferral.UNSAVED}
    return any(action.error in put_off or THROTTLED in action.error for action in answer.actions)


def _is_done(answer: VpcAnswer) -> bool:
    return any(action.is_done for action in answer.actions)
