"""The gatekeeper: asks the kill switch, counts against the limits, and keeps what people approved, for one run.

What passes is decided by pure functions: `limits.admit` over all of a run's plans, `approval.still_planned` and
`approval.rest_of` for what people approved. Here it is read, counted where no other run counted in between, and given
back where it came to nothing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from lifeline.adapters.aws.calls import begin, beside, run_concurrently
from lifeline.adapters.store.paths import PathStore
from lifeline.core.coexist.vpc_state import VpcList
from lifeline.core.errors import InvalidInputError, LifelineError
from lifeline.core.guards.all_accounts import SharedLimits, biggest_users
from lifeline.core.guards.approval import (
    Offer,
    OfferState,
    approvable,
    approve_command,
    make_offer,
    outdated_words,
    rest_of,
    still_planned,
    why_not,
)
from lifeline.core.guards.backlog import BACKLOG
from lifeline.core.guards.freeze import EVERYTHING
from lifeline.core.guards.hub_places import Wanted
from lifeline.core.guards.kill_switch import KILL_SWITCH, ON
from lifeline.core.guards.limits import (
    UNSEEN,
    Admission,
    Grant,
    Usage,
    admit,
    block_all,
    counted_interfaces,
    delete,
    refund,
    see,
)
from lifeline.core.guards.mode import Mode
from lifeline.core.guards.urgency import KnownVpc, note_paths, shares_among
from lifeline.core.network.model import Vpc
from lifeline.core.notices.kill_switch import switch_notice
from lifeline.core.plan.actions import ASSOCIATES, Action, Plan
from lifeline.core.plan.answer import Refusal, VpcAnswer
from lifeline.core.plan.cost import Price, price_in
from lifeline.core.plan.order import Step
from lifeline.core.policy.central import Central
from lifeline.core.policy.policy import Limits, Shares
from lifeline.core.requests.request import Request
from lifeline.reconciler.steps.apply import Applied, Deferral
from lifeline.reconciler.steps.job import Guards, Job, Tools
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

_APPROVE = "approve"
UNREAD_USE = "how far the limits are used can't be read: only what is planned here counts"
_OUTDATED = "the approval was for another plan, so this run changes nothing here; the next run continues"


def take_approval(request: Request, guards: Guards, settings: Settings, run: Run) -> Request:
    """The request for the VPC of the plan that it approves, which is approved now; any other request as it is.

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
        raise InvalidInputError(_APPROVE, f"{request.approve} was just approved by another call and is under way")
    return replace(request, vpc_ids=(offer.vpc_id,))


def take_backlog(request: Request, tools: Tools, settings: Settings) -> Request:
    """The request for the VPCs in whose backlog something is that it approves; any other request as it is.

    Raises InvalidInputError where nothing of it waits, or where nothing may be changed.
    """
    if not request.backlog:
        return request
    if settings.mode is Mode.PLAN:
        raise InvalidInputError(_APPROVE, "the stack's Mode is plan: nothing is applied, whoever approves it")
    if why := tools.guards.kill_switch.why_on():
        raise InvalidInputError(_APPROVE, f"{why}; approve again once it is off")
    listed = sorted(ref.vpc_id for ref in tools.vpcs.listed(VpcList.WAITING, settings.home))
    for vpc_id in request.vpc_ids:
        if vpc_id not in listed:
            raise InvalidInputError(request.field_of(vpc_id), f"nothing waits for approval in {vpc_id}")
    chosen = [settings.home.vpc(vpc_id) for vpc_id in listed if vpc_id in request.vpc_ids or not request.vpc_ids]
    states = tools.vpcs.load_all(chosen)
    waiting = {ref.vpc_id: state.survey.services for ref, state in states.items() if state.survey}
    for service in request.backlog:
        if service != EVERYTHING and not any(service in services for services in waiting.values()):
            raise InvalidInputError("services", f"nothing waits for approval of {service}")
    asked = frozenset(request.backlog)
    vpc_ids = tuple(id_ for id_, services in waiting.items() if EVERYTHING in asked or services & asked)
    if not vpc_ids:
        raise InvalidInputError(_APPROVE, "nothing waits for approval in the backlog")
    return replace(request, vpc_ids=vpc_ids)


@dataclass(slots=True)
class Gatekeeper:
    """One run's gatekeeper. `approves` are the ids of the plans that its requests approve, `limits`, `shares` and
    `central` the policy's.
    """

    guards: Guards
    settings: Settings
    run: Run
    approves: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    shares: Shares = field(default_factory=Shares)
    central: Central | None = None
    _known: Callable[[], Mapping[str, KnownVpc]] = field(default=dict, init=False)
    _why_on: str = field(default="", init=False)
    _admission: Admission | None = field(default=None, init=False)
    _in_all: Admission | None = field(default=None, init=False)
    _usage_read: Callable[[], tuple[Usage, Usage]] | None = field(default=None, init=False)
    _use: Usage = field(default_factory=Usage, init=False)
    _use_of_all: Usage = field(default_factory=Usage, init=False)
    _owned: Mapping[str, frozenset[str]] = field(default_factory=dict, init=False)
    _offers: dict[str, Offer] = field(default_factory=dict, init=False)
    _claimed: dict[str, tuple[Offer, frozenset[Step]]] = field(default_factory=dict, init=False)
    _notes: list[str] = field(default_factory=list, init=False)

    # ---- the kill switch

    def why_stop(self) -> str:
        """Why nothing may be changed, or an empty text. Once it was on, it is on for the rest of the run."""
        self._why_on = self._why_on or self.guards.kill_switch.why_on()
        return self._why_on

    @property
    def is_stopped(self) -> bool:
        """True if the switch was on when it was asked last."""
        return bool(self._why_on)

    def stop(self, plan: Plan) -> Plan:
        """The plan with everything blocked by the kill switch."""
        return block_all(plan, KILL_SWITCH, ON)

    def notify_of_switch(self, answers: Sequence[VpcAnswer], job: Job) -> None:
        """Says that the switch is on, once a day at most. A failure is logged: the next sweep says it."""
        if not self._why_on:
            return
        switch = self.guards.kill_switch
        blocked = [(answer.vpc_id, {action.blocked_by for action in answer.actions}) for answer in answers]
        held, is_plan = [vpc_id for vpc_id, by in blocked if KILL_SWITCH in by], self.settings.mode is Mode.PLAN
        notice = switch_notice(self._why_on, switch.name, held, is_plan=is_plan)
        try:
            if switch.reserve_notice(now=self.run.now()) and not job.publish(notice):
                switch.return_reservation()
        except LifelineError as error:
            logger.error("kill switch notice not sent", error=str(error))

    # ---- the limits

    @property
    def known(self) -> Mapping[str, KnownVpc]:
        """What Lifeline has seen of each VPC, by id, once that is noted."""
        return self._known()

    def note_paths(self, plans: Sequence[Plan], there: Collection[str] | None, *, is_saved: bool) -> None:
        """Begins to note which paths the VPCs have by now, and keeps that for later runs if `is_saved`.

        A failure is logged: no VPC goes first then, and what passes must not wait for that.
        """
        paths = self.guards.paths
        if paths:
            note = partial(note_paths, plans=plans, now=self.run.now(), there=there)
            self._known = begin(partial(_noted, paths, note, is_saved=is_saved))

    def wait(self) -> None:
        """Ends what was begun: once the run has answered, nothing may be left that saves or logs."""
        self._known()

    @contextmanager
    def reading_use(self) -> Iterator[None]:
        """Reads beside what is in the block how far the limits are used, to which `admit` comes after it."""
        with beside(self._read_usage) as self._usage_read:
            yield

    def preview(self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc]) -> Mapping[str, Plan]:
        """The plans with what would need approval blocked. Nothing is written; an unreadable ledger is noted."""
        try:
            usage, of_all = self._read_usage()
        except LifelineError as error:
            logger.warning("limit usage not read", error=str(error))
            self._notes.append(UNREAD_USE)
            usage, of_all = Usage(), Usage()
        owned = self._own(vpcs)
        admission = self._fold(plans, owned)(usage)
        in_all = self._fold_in_all(admission.plans, owned)(of_all)
        self._use, self._use_of_all = admission.use, in_all.use
        return in_all.plans

    def likely(self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc]) -> frozenset[str]:
        """The VPCs in which the limits would let something of these plans pass by now; nothing is counted."""
        foreseen = self._foreseen(plans, self._own(vpcs), self._use_as_read()).plans
        return frozenset(vpc_id for vpc_id, plan in foreseen.items() if plan.has_work)

    def see_region(self, vpcs: Sequence[Vpc]) -> None:
        """Corrects what Lifeline has in each VPC where the ledger says otherwise: people delete endpoints, too."""
        owned, now = self._own(vpcs), self.run.now()

        def corrected(usage: Usage) -> tuple[Usage, None]:
            seen = see(usage, owned, now=now, is_region=True)
            return (seen if seen.interfaces != usage.interfaces else usage), None

        self.guards.limit_usage.change(corrected)
        if self.guards.usage_of_all:
            shared = self._shared

            def corrected_of_all(usage: Usage) -> tuple[Usage, None]:
                seen = shared.see(usage, owned, now=now)
                return (seen if seen.interfaces != usage.interfaces else usage), None

            self.guards.usage_of_all.change(corrected_of_all)

    def delete(self, vpc_ids: Collection[str]) -> None:
        """Counts no more what Lifeline had in VPCs that are gone, or was about to have."""
        self.free_places(vpc_ids)
        self.guards.limit_usage.change(lambda usage: (delete(usage, vpc_ids), None))
        if self.guards.usage_of_all:
            self.guards.usage_of_all.change(lambda usage: (self._shared.delete(usage, vpc_ids), None))

    def admit(self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc]) -> Mapping[str, Plan]:
        """The plans with what must wait blocked; what passes is counted, and what was approved is used up.

        Call it under the VPCs' leases. Raises TransientError or TerminalError where the ledger fails; an approval that
        was taken by then is given back.
        """
        self._owned = self._own(vpcs)
        try:
            outdated = self._claim(plans)
            waived = frozenset(step for _, steps in self._claimed.values() for step in steps)
            fold = self._fold(plans, self._owned, waived)
            # Folds again with what is counted by now where another run was faster.
            self._admission = admission = self.guards.limit_usage.change(
                lambda usage: ((folded := fold(usage)).use, folded)
            )
            self._use = admission.use
            admission = self._admit_in_all(admission, waived)
        except LifelineError:
            self._give_approvals_back()
            raise
        held = [vpc_id for vpc_id in plans if admission.held(vpc_id)]
        try:
            offers = run_concurrently([partial(self._offer, vpc_id, admission.held(vpc_id)) for vpc_id in held])
            self._offers |= dict(zip(held, offers, strict=True))
        except LifelineError as error:  # the next run offers them; what passes must not wait for that
            logger.error("plans not offered for approval", error=str(error))
        self._note_places(plans, self._places_in(admission))
        blocked = {vpc_id: block_all(admission.plans[vpc_id], _APPROVE, _OUTDATED) for vpc_id in outdated}
        return {**admission.plans, **blocked}

    def _admit_in_all(self, own: Admission, waived: frozenset[Step]) -> Admission:
        """What of the account's own limits let pass, the limits that all accounts share let pass, too. What they don't
        is given back to the account's own.
        """
        store, fold = self.guards.usage_of_all, self._fold_in_all(own.plans, self._owned, waived)
        if store is None:
            return own
        try:
            self._in_all = in_all = store.change(lambda usage: ((folded := fold(usage)).use, folded))
        except LifelineError:
            self._return_unused(frozenset())
            raise
        self._use_of_all = in_all.use
        if own.passing != in_all.passing:
            self._return_unused(in_all.passing)
        return in_all

    def _return_unused(self, kept: Collection[Step]) -> None:
        """Gives back to the account's own limits all that passed them beside these. Errors are logged: too much counted
        ends within a day.
        """
        admission, now = self._admission, self.run.now()
        unused = _unused(admission, kept)
        if admission is None or not unused:
            return
        self._admission = replace(admission, granted=tuple(one for one in admission.granted if one[0] in kept))
        try:
            self.guards.limit_usage.change(lambda usage: (refund(usage, unused, self._owned, now=now), None))
        except LifelineError as error:
            logger.error("limit usage not saved", error=str(error))

    def _places_in(self, admission: Admission) -> Mapping[str, Wanted]:
        """What the VPCs are about to be associated with, and what they would be if a person approves it."""
        soon, found = self.run.now() + UNSEEN, dict[str, Wanted]()
        for vpc_id, plan in admission.plans.items():
            asked = [one for one in (*admission.held(vpc_id), *plan.planned) if one.kind in ASSOCIATES]
            if ids := tuple(sorted({id_ for action in asked for id_ in action.moving_ids})):
                is_offered = vpc_id in self._offers and not all(action.is_planned for action in asked)
                found[vpc_id] = ids, self._offers[vpc_id].ends_at if is_offered else soon
        return found

    def free_places(self, vpc_ids: Collection[str]) -> None:
        """Counts no place at the hub any more for VPCs that ask for none."""
        self._note_places(vpc_ids, {})

    def _note_places(self, vpc_ids: Collection[str], wanted: Mapping[str, Wanted]) -> None:
        """Errors are logged: AWS refuses what has no room, and then an endpoint is made."""
        store, now, home = self.guards.places, self.run.now(), self.settings.home
        if store is None or self.central is None or not vpc_ids:
            return
        among, named = {f"{home}/{id_}" for id_ in vpc_ids}, {f"{home}/{id_}": one for id_, one in wanted.items()}
        try:
            store.change(lambda places: places.noted(named, among, now=now))
        except LifelineError as error:
            logger.error("places at the hub not saved", error=str(error))

    def settle(self, applied: Mapping[str, Applied]) -> None:
        """Gives back what came to nothing, and keeps approved what an approved plan leaves for a later run.

        Errors are logged: too much counted ends within a day, and what is no longer approved is offered again.
        """
        if self._admission is None:
            return
        made = frozenset(step for step in self._admission.passing if _may_be_made(step, applied))
        of_all, now = _unused(self._in_all, made), self.run.now()
        self.free_places([vpc_id for vpc_id, became in applied.items() if any(map(_has_ended, became.actions))])
        self._return_unused(made)
        try:
            if of_all and self.guards.usage_of_all:
                give_back = self._shared.refunded
                self.guards.usage_of_all.change(lambda usage: (give_back(usage, of_all, self._owned, now=now), None))
            for offer, steps in self._claimed.values():
                rest = rest_of(offer, steps, applied[offer.vpc_id].actions, self._price, now=self.run.now())
                if rest:
                    self.guards.approvals.keep(rest, now=self.run.now())
        except LifelineError as error:
            logger.error("limit usage not saved", error=str(error))

    def give_back(self, plans: Mapping[str, Plan]) -> None:
        """Gives back all that passed, because nothing was done."""
        self.settle({vpc_id: Applied(list(plan.actions)) for vpc_id, plan in plans.items()})

    # ---- what people are notified of

    def finish(self, answer: VpcAnswer, *, is_decided: bool) -> VpcAnswer:
        """The answer with what waits for approval, with the notes, and with what became of the run's approval.

        `is_decided` says that this run settled what is to be done in the VPC: an approval that it didn't use is
        outdated. Otherwise (busy, stopped, without a policy) the plan stays approved for the next run.
        """
        heaviest_users = self._heaviest_users(answer)
        notes = "; ".join(
            dict.fromkeys(note for note in (answer.note, self._why_on, *self._notes, *heaviest_users) if note)
        )
        answer = replace(answer, note=notes)
        offer = self._offers.get(answer.vpc_id)
        if offer and any(action.blocked_by not in {"", KILL_SWITCH, BACKLOG, _APPROVE} for action in answer.actions):
            command = approve_command(offer.plan_id, self.settings.stack_name, self.settings.member)
            answer = replace(answer, approval=approvable(offer, command))
        is_gone = not answer.tiers and not answer.actions and not answer.refusal
        try:
            return self._with_refusal(answer) if is_decided or is_gone else answer
        except LifelineError as error:  # people must hear what was done; the approval ends by itself
            logger.error("approval not rejected", error=str(error))
            return answer

    def _heaviest_users(self, answer: VpcAnswer) -> list[str]:
        """Which VPCs use most of the limits that block actions of the answer."""
        names = dict.fromkeys(action.blocked_by for action in answer.actions)
        now = self.run.now()
        return [biggest_users(name, self._use, self._use_of_all, self._price, now=now) for name in names]

    def _with_refusal(self, answer: VpcAnswer) -> VpcAnswer:
        """The answer, refused where its plan was approved and is no longer what the network requires."""
        for plan_id in self.approves:
            offer = self.guards.approvals.load(plan_id)
            if offer is None or offer.vpc_id != answer.vpc_id or plan_id in self._claimed:
                continue
            if self.guards.approvals.refuse(offer, now=self.run.now()):
                return replace(answer, refusal=Refusal(_APPROVE, outdated_words(offer)))
        return answer

    # ---- approvals

    def _claim(self, plans: Mapping[str, Plan]) -> set[str]:
        """Takes what was approved and is still planned just so, for this run alone.

        Returns the VPCs where it no longer is: a run that was to apply just that changes nothing there.
        """
        outdated, now = set[str](), self.run.now()
        for offer in self._approved(plans):
            steps = still_planned(offer, plans[offer.vpc_id], self._price)
            if steps and self.guards.approvals.claim(offer, now=now):
                self._claimed[offer.plan_id] = (offer, steps)
            elif offer.plan_id in self.approves:
                outdated.add(offer.vpc_id)
        return outdated

    def _approved(self, plans: Mapping[str, Plan]) -> list[Offer]:
        """The approved offers for the plans: those that the requests name, and those of work that was left before. What
        was counted for that then may let it pass now: its approval is used up all the same.
        """
        read = self._use_as_read()
        previewed = self._foreseen(plans, self._owned, read)
        counted = {grant.vpc_id for grant in read[0].grants}
        ids = dict.fromkeys(self.approves)
        for vpc_id, plan in plans.items():
            held, planned = previewed.held(vpc_id), plan.planned
            if held or (planned and vpc_id in counted):
                ids |= dict.fromkeys(self._make_offer(vpc_id, actions).plan_id for actions in (held, planned))
        offers = run_concurrently([partial(self.guards.approvals.load, plan_id) for plan_id in ids])
        return [offer for offer in offers if offer and offer.state is OfferState.APPROVED and offer.vpc_id in plans]

    def _foreseen(
        self, plans: Mapping[str, Plan], owned: Mapping[str, frozenset[str]], read: tuple[Usage, Usage]
    ) -> Admission:
        """What would pass by what was read last, see `_use_as_read`."""
        usage, of_all = read
        return self._fold_in_all(self._fold(plans, owned)(usage).plans, owned)(of_all)

    def _offer(self, vpc_id: str, held: Sequence[Action]) -> Offer:
        return self.guards.approvals.offer(self._make_offer(vpc_id, held), now=self.run.now())

    def _make_offer(self, vpc_id: str, actions: Sequence[Action]) -> Offer:
        return make_offer(vpc_id, actions, self._price, now=self.run.now())

    def _give_approvals_back(self) -> None:
        for offer, _ in self._claimed.values():
            try:
                self.guards.approvals.keep(replace(offer, state=OfferState.APPROVED), now=self.run.now())
            except LifelineError as error:  # it is offered again, and people are notified again
                logger.error("approval not kept", plan_id=offer.plan_id, error=str(error))

    # ---- parts

    @property
    def _price(self) -> Price:
        return price_in(self.settings.region)

    def _own(self, vpcs: Sequence[Vpc]) -> dict[str, frozenset[str]]:
        return {vpc.id: counted_interfaces(vpc) for vpc in vpcs}

    @property
    def _shared(self) -> SharedLimits:
        return SharedLimits(self.settings.home, self.limits.all_accounts, self._price)

    def _use_as_read(self) -> tuple[Usage, Usage]:
        """The same as `_read_usage`, as it was read last."""
        return (self._usage_read or self._read_usage)()

    def _read_usage(self) -> tuple[Usage, Usage]:
        """How far the account's own limits are used, and those that all accounts share."""
        store = self.guards.usage_of_all
        return self.guards.limit_usage.read(), store.read() if store else Usage()

    def _fold_in_all(
        self, plans: Mapping[str, Plan], owned: Mapping[str, frozenset[str]], waived: frozenset[Step] = frozenset()
    ) -> Callable[[Usage], Admission]:
        """What passes of what the account's own limits let pass, given how far all accounts use those that they share;
        everything where there are none. Which paths other accounts have had for long isn't known here.
        """
        if not self.guards.usage_of_all:
            return lambda usage: Admission(plans, (), usage)
        shared, now = self._shared, self.run.now()
        return lambda usage: shared.admit(plans, usage, owned, now=now, shares=self.shares, waived=waived)

    def _fold(
        self, plans: Mapping[str, Plan], owned: Mapping[str, frozenset[str]], waived: frozenset[Step] = frozenset()
    ) -> Callable[[Usage], Admission]:
        """What passes of all of these plans, given how far the limits are used."""
        price, now = self._price, self.run.now()
        shares = shares_among(self.known, self.shares, now=now)
        return lambda usage: admit(plans, usage, owned, self.limits, price, now=now, shares=shares, waived=waived)


def _noted(
    paths: PathStore,
    note: Callable[[Mapping[str, KnownVpc]], Mapping[str, KnownVpc]],
    *,
    is_saved: bool,
) -> Mapping[str, KnownVpc]:
    try:
        return paths.change(note) if is_saved else note(paths.read())
    except LifelineError as error:
        logger.warning("known paths not read or saved: no VPC goes first for them", error=str(error))
        return {}


def _unused(admission: Admission | None, kept: Collection[Step]) -> list[Grant]:
    """The grants of which nothing was made. Two steps may have one between them."""
    granted = admission.granted if admission else ()
    used = {grant for step, grant in granted if step in kept}
    return [grant for _, grant in granted if grant not in used]


def _has_ended(action: Action) -> bool:
    """True of an association that AWS has made or refused: from now on, AWS's own count says what became of it."""
    return action.kind in ASSOCIATES and (action.is_done or action.is_failed)


def _may_be_made(step: Step, applied: Mapping[str, Applied]) -> bool:
    """True if the change was made, or if AWS may have made it before its answer was lost."""
    became = applied[step.vpc_id]
    action = became.actions[step.index]
    is_open = action.is_planned and action.error != Deferral.TIME and step.index not in became.unmade
    return action.is_done or (is_open and became.deferral is Deferral.TRANSIENT)
