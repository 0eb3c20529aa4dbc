"""What one run may change: the kill switch, the limits, and what people approved."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.topic import Publishes
from lifeline.adapters.store.approvals import Approvals
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.core.errors import InvalidInputError, LifelineError
from lifeline.core.guards.approval import (
    Offer,
    OfferState,
    approve_command,
    make_offer,
    outdated_words,
    still_planned,
    why_not,
)
from lifeline.core.guards.kill_switch import KILL_SWITCH, ON
from lifeline.core.guards.limits import Admission, Usage, admit, block_all, delete, own_interfaces, refund, see
from lifeline.core.guards.mode import Mode
from lifeline.core.network.model import Vpc
from lifeline.core.notices.kill_switch import switch_notice
from lifeline.core.plan.actions import Action, Plan, Status
from lifeline.core.plan.answer import Approvable, Refusal, VpcAnswer
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.order import Step
from lifeline.core.requests.request import Request
from lifeline.reconciler.steps.apply import Applied, Deferral
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

_APPROVE = "approve"
_OUTDATED = "the approval was for another plan, so this run changes nothing here; the next look goes on"


@dataclass(frozen=True, slots=True)
class Guards:
    """What is asked before anything is changed."""

    kill_switch: KillSwitch
    grants: LimitUsage
    approvals: Approvals


def take_approval(request: Request, guards: Guards, settings: Settings, run: Run) -> Request:
    """The ask for the VPC of the plan that it approves, which is approved now; any other ask as it is.

    Raises InvalidInputError where the plan can't be approved; nothing is used up then.
    """
    if not request.approve:
        return request
    if settings.mode is Mode.PLAN:
        raise InvalidInputError(_APPROVE, "the stack's Mode is plan: nothing is applied, whoever approves it")
    if why := guards.kill_switch.why_on():
        raise InvalidInputError(_APPROVE, f"{why}; approve again once it is off")
    offer, now = guards.approvals.load(request.approve), run.now()
    refusal = why_not(offer, request.approve, now=now)
    if offer is None or refusal:
        raise InvalidInputError(_APPROVE, refusal)
    if not guards.approvals.approve(offer, now=now):
        raise InvalidInputError(_APPROVE, f"{request.approve} was approved by another call just now: it works once")
    return replace(request, vpc_ids=(offer.vpc_id,))


class Gate:
    """One run's way to changes. `approves` are the ids of the plans that its asks approve."""

    def __init__(self, guards: Guards, settings: Settings, run: Run, approves: Sequence[str] = ()) -> None:
        self._guards = guards
        self._settings = settings
        self._run = run
        self._approves = tuple(approves)
        self._price = price_in(settings.region)
        self._owned: dict[str, frozenset[str]] = {}
        self._admission: Admission | None = None
        self._offers: dict[str, Offer] = {}
        self._claimed: dict[str, tuple[Offer, frozenset[Step]]] = {}
        self._decided: set[str] = set()
        self._outdated: set[str] = set()
        self._notes: list[str] = []
        self._why_on = ""

    # ---- the kill switch

    def why_stop(self) -> str:
        """Why nothing may be changed, or an empty text. Once it was on, it is on for the rest of the run."""
        self._why_on = self._why_on or self._guards.kill_switch.why_on()
        return self._why_on

    def stop(self, plans: Mapping[str, Plan]) -> dict[str, Plan]:
        """The plans with everything held back by the kill switch."""
        return {vpc_id: block_all(plan, KILL_SWITCH, ON) for vpc_id, plan in plans.items()}

    def notify_of_switch(self, answers: Sequence[VpcAnswer], notices: Publishes) -> None:
        """Says that the switch is on, once a day at most. A failure is logged: the next sweep says it."""
        if not self._why_on:
            return
        switch = self._guards.kill_switch
        waiting = [
            answer.vpc_id for answer in answers if any(action.blocked_by == KILL_SWITCH for action in answer.actions)
        ]
        try:
            if not switch.reserve_notice(now=self._run.now()):
                return
            try:
                notices.publish(switch_notice(self._why_on, switch.name, waiting))
            except LifelineError:
                switch.return_reservation()
                raise
        except LifelineError as error:
            logger.error("kill switch not told", error=str(error))

    # ---- the limits

    def preview(self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc]) -> dict[str, Plan]:
        """The plans with what would need approval blocked. Nothing is written; an unreadable ledger is noted."""
        owned = self._own(plans, vpcs)
        try:
            use = self._guards.grants.read()
        except LifelineError as error:
            logger.warning("limits not read", error=str(error))
            self._notes.append("how far the limits are used can't be read: only what is planned here counts")
            use = Usage()
        return dict(self._admit(plans, owned)(use).plans)

    def see_region(self, vpcs: Sequence[Vpc]) -> None:
        """Keeps what Lifeline has in each VPC where that isn't what the ledger says: people delete endpoints, too."""
        owned, now = {vpc.id: own_interfaces(vpc, self._settings.stack_name) for vpc in vpcs}, self._run.now()

        def corrected(use: Usage) -> tuple[Usage, None]:
            seen = see(use, owned, now=now, is_region=True)
            return (seen if seen.interfaces != use.interfaces else use), None

        self._guards.grants.change(corrected)

    def delete(self, vpc_ids: Collection[str]) -> None:
        """What Lifeline had in VPCs that are gone counts no more."""
        self._guards.grants.change(lambda use: (delete(use, vpc_ids), None))

    def admit(self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc]) -> dict[str, Plan]:
        """The plans with what must wait blocked; what passes is counted, and what was approved is used up.

        Call it under the VPCs' leases. Raises TransientError or TerminalError where the ledger fails; an approval that
        was taken by then is given back.
        """
        self._owned = self._own(plans, vpcs)
        self._decided |= set(plans)
        if not any(plan.has_work for plan in plans.values()):
            return dict(plans)
        try:
            self._claim(plans)
            waived = frozenset(step for _, steps in self._claimed.values() for step in steps)
            decide = self._admit(plans, self._owned, waived)
            self._admission = self._guards.grants.change(lambda use: ((found := decide(use)).use, found))
        except LifelineError:
            self._give_approvals_back()
            raise
        held = [vpc_id for vpc_id in plans if self._admission.held(vpc_id)]
        try:
            offers = run_concurrently([partial(self._offer, vpc_id, self._admission.held(vpc_id)) for vpc_id in held])
            self._offers |= dict(zip(held, offers, strict=True))
        except LifelineError as error:  # the next look offers them; what passes must not wait for that
            logger.error("plans not offered", error=str(error))
        return {
            vpc_id: block_all(plan, _APPROVE, _OUTDATED) if vpc_id in self._outdated else plan
            for vpc_id, plan in self._admission.plans.items()
        }

    def settle(self, applied: Mapping[str, Applied]) -> None:
        """Gives back what came to nothing, and keeps approved what an approved plan leaves for a later look.

        Errors are logged: too much counted ends within a day, and what is no longer approved is offered anew.
        """
        if self._admission is None:
            return
        made = {grant for step, grant in self._admission.granted if _may_be_made(step, applied)}
        unused = [grant for _, grant in self._admission.granted if grant not in made]
        try:
            if unused:
                now = self._run.now()
                self._guards.grants.change(lambda use: (refund(use, unused, self._owned, now=now), None))
            for offer, steps in self._claimed.values():
                self._keep_rest_approved(offer, steps, applied)
        except LifelineError as error:
            logger.error("limits not settled", error=str(error))

    # ---- what is told

    def notified(self, answer: VpcAnswer) -> VpcAnswer:
        """The answer with what waits for approval, with the notes, and with what became of the run's approval."""
        notes = "; ".join(dict.fromkeys(note for note in (answer.note, self._why_on, *self._notes) if note))
        answer = replace(answer, note=notes)
        offer = self._offers.get(answer.vpc_id)
        if offer and any(action.blocked_by not in {"", KILL_SWITCH, _APPROVE} for action in answer.actions):
            command = approve_command(offer.plan_id, self._settings.stack_name)
            approval = Approvable(offer.plan_id, offer.monthly_cost_usd, offer.ends_at, command)
            answer = replace(answer, approval=approval)
        try:
            return self._with_refusal(answer)
        except LifelineError as error:  # what was done must be told; the approval ends by itself
            logger.error("approval not refused", error=str(error))
            return answer

    def leave(self, vpc_ids: Sequence[str]) -> None:
        """These need nothing: what was approved for them is outdated."""
        self._decided |= set(vpc_ids)

    def _with_refusal(self, answer: VpcAnswer) -> VpcAnswer:
        """The answer, refused where its plan was approved and is no longer what the network asks for."""
        for plan_id in self._approves:
            offer = self._guards.approvals.load(plan_id)
            if offer is None or offer.vpc_id != answer.vpc_id or plan_id in self._claimed:
                continue
            is_gone = not answer.tiers and not answer.actions and not answer.refusal
            if answer.vpc_id not in self._decided and not is_gone:
                continue  # busy, stopped or without a policy: it stays approved for the next look
            if self._guards.approvals.refuse(offer, now=self._run.now()):
                return replace(answer, refusal=Refusal(_APPROVE, outdated_words(offer)))
        return answer

    # ---- approvals

    def _claim(self, plans: Mapping[str, Plan]) -> None:
        """Takes what was approved and is still planned just so, for this run alone.

        Where it no longer is, the run that was to apply it changes nothing in that VPC.
        """
        now = self._run.now()
        for offer in self._approved(plans):
            steps = still_planned(offer, plans[offer.vpc_id], self._price)
            if steps and self._guards.approvals.claim(offer, now=now):
                self._claimed[offer.plan_id] = (offer, steps)
            elif offer.plan_id in self._approves:
                self._outdated.add(offer.vpc_id)

    def _approved(self, plans: Mapping[str, Plan]) -> list[Offer]:
        """The approved offers for the plans: those that the asks name, and those of work that was left before."""
        owned = self._owned
        previewed = self._admit(plans, owned)(self._guards.grants.read())
        ids = dict.fromkeys(self._approves)
        for vpc_id, plan in plans.items():
            held = previewed.held(vpc_id)
            if held:
                planned = [action for action in plan.actions if action.status is Status.PLANNED]
                ids |= dict.fromkeys(self._make_offer(vpc_id, actions).plan_id for actions in (held, planned))
        found = run_concurrently([partial(self._guards.approvals.load, plan_id) for plan_id in ids])
        return [offer for offer in found if offer and offer.state is OfferState.APPROVED and offer.vpc_id in plans]

    def _offer(self, vpc_id: str, held: Sequence[Action]) -> Offer:
        return self._guards.approvals.offer(self._make_offer(vpc_id, held), now=self._run.now())

    def _make_offer(self, vpc_id: str, actions: Sequence[Action]) -> Offer:
        return make_offer(vpc_id, actions, self._price, now=self._run.now())

    def _keep_rest_approved(self, offer: Offer, steps: frozenset[Step], applied: Mapping[str, Applied]) -> None:
        actions = applied[offer.vpc_id].actions
        rest = [
            actions[step.index]
            for step in sorted(steps, key=lambda step: step.index)
            if actions[step.index].status is Status.PLANNED or actions[step.index].blocked_by == KILL_SWITCH
        ]
        if rest:
            left = self._make_offer(offer.vpc_id, rest)
            left = replace(left, ends_at=offer.ends_at, state=OfferState.APPROVED)
            self._guards.approvals.keep(left, now=self._run.now())

    def _give_approvals_back(self) -> None:
        for offer, _ in self._claimed.values():
            try:
                self._guards.approvals.keep(replace(offer, state=OfferState.APPROVED), now=self._run.now())
            except LifelineError as error:  # it is offered, and told, anew
                logger.error("approval lost", plan_id=offer.plan_id, error=str(error))

    # ---- parts

    def _own(self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc]) -> dict[str, frozenset[str]]:
        return {vpc.id: own_interfaces(vpc, self._settings.stack_name) for vpc in vpcs if vpc.id in plans}

    def _admit(
        self, plans: Mapping[str, Plan], owned: Mapping[str, frozenset[str]], waived: frozenset[Step] = frozenset()
    ) -> Callable[[Usage], Admission]:
        return partial(
            _admit_all,
            plans=plans,
            owned=owned,
            settings=self._settings,
            run=self._run,
            waived=waived,
        )


def _admit_all(
    use: Usage,
    *,
    plans: Mapping[str, Plan],
    owned: Mapping[str, frozenset[str]],
    settings: Settings,
    run: Run,
    waived: frozenset[Step],
) -> Admission:
    price = price_in(settings.region)
    return admit(plans, use, owned, settings.limits, price, now=run.now(), waived=waived)


def _may_be_made(step: Step, applied: Mapping[str, Applied]) -> bool:
    """True if the change was made, or if AWS may have made it before its answer was lost."""
    one = applied[step.vpc_id]
    action = one.actions[step.index]
    is_open = action.status is Status.PLANNED and action.error != Deferral.TIME
    return action.status is Status.DONE or (is_open and one.deferral is Deferral.TRANSIENT)
