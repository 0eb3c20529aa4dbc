"""Canaries: watches what is switched on, and switches it off again where the detector saw agents fall silent of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.canary import (
    Canary,
    Withdrawal,
    due,
    freeze_withdrawn,
    gone_dark,
    mark_withdrawn,
    switched_off,
    unwatch,
    watch_switched,
    withdraw,
)
from lifeline.core.errors import InvalidInputError
from lifeline.core.guards.freeze import is_overruled
from lifeline.core.network.model import Vpc
from lifeline.core.plan.actions import Action, Plan, Status
from lifeline.core.requests.calls import NO_WITHDRAWAL
from lifeline.core.requests.request import Request
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings


def refuse_withdrawal(request: Request) -> Request:
    """The ask, unless a person makes it who asks for a withdrawal. Raises InvalidInputError then."""
    if request.withdraw:
        raise InvalidInputError("withdraw", NO_WITHDRAWAL)
    return request


@dataclass(frozen=True, slots=True)
class Canarying:
    """One look's canaries. `ledger` is None where nothing may be read from it or kept, as for a plan by hand."""

    ledger: Ledger | None
    settings: Settings
    run: Run
    withdrawals: Callable[[str], tuple[Withdrawal, ...]]

    def preview(self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc]) -> dict[str, Plan]:
        """The plans with what is to be switched off. Only of VPCs for which that is asked, the ledger is read."""
        previewed = dict(plans)
        for vpc in vpcs:
            asked = self.withdrawals(vpc.id)
            if self.ledger and asked and vpc.id in plans:
                previewed[vpc.id] = self._withdraw(plans[vpc.id], vpc, self.ledger.load(vpc.id))
        return previewed

    def decide(self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc], leased: dict[str, VpcState]) -> dict[str, Plan]:
        """The plans under their leases: what is withdrawn is frozen first, in the ledger and in `leased`, so that no
        look switches it on again, whatever fails from here on.
        """
        decided = dict(plans)
        for vpc in vpcs:
            if vpc.id in plans:
                leased[vpc.id] = self._freeze(vpc, leased[vpc.id])
                decided[vpc.id] = self._withdraw(plans[vpc.id], vpc, leased[vpc.id])
        return decided

    def expect(self, plans: Mapping[str, Plan], leased: dict[str, VpcState]) -> None:
        """Keeps what is about to be switched on, before it is: a switch that nobody watches would be no canary."""
        if self.settings.canary:
            for vpc_id, plan in plans.items():
                known = leased[vpc_id].canaries
                switched = watch_switched(known, plan.actions, Status.PLANNED, now=self.run.now())
                leased[vpc_id] = self._keep(vpc_id, leased[vpc_id], switched)

    def settle(self, vpc_id: str, actions: Sequence[Action], state: VpcState) -> None:
        """Keeps when it was switched on or off, and forgets what wasn't switched on after all."""
        now, canaries = self.run.now(), unwatch(state.canaries, actions)
        if self.settings.canary:
            canaries = watch_switched(canaries, actions, Status.DONE, now=now)
        self._keep(vpc_id, state, mark_withdrawn(canaries, switched_off(actions), now=now))

    def _freeze(self, vpc: Vpc, state: VpcState) -> VpcState:
        now, asked = self.run.now(), self._due(vpc, state)
        frozen = freeze_withdrawn(state.frozen, state.canaries, asked, now=now)
        if self.ledger and frozen != state.frozen:
            self.ledger.save_frozen(vpc.id, frozen, now=now)
            logger.warning("canary withdrawn", vpc_id=vpc.id, services=sorted(asked))
        dark = gone_dark(state.canaries, asked, vpc, self.settings.stack_name)
        return self._keep(vpc.id, replace(state, frozen=frozen), mark_withdrawn(state.canaries, dark, now=now))

    def _withdraw(self, plan: Plan, vpc: Vpc, state: VpcState) -> Plan:
        return withdraw(plan, state.canaries, self._due(vpc, state), vpc, self.settings.stack_name)

    def _due(self, vpc: Vpc, state: VpcState) -> dict[str, Withdrawal]:
        asked = self.withdrawals(vpc.id)
        news = [
            withdrawal
            for withdrawal in asked
            if not is_overruled(state.unfrozen, withdrawal.service, withdrawal.seen_at)
        ]
        return due(state.canaries, news)

    def _keep(self, vpc_id: str, state: VpcState, canaries: Mapping[str, Canary]) -> VpcState:
        if self.ledger and canaries != state.canaries:
            self.ledger.save_canaries(vpc_id, canaries, now=self.run.now())
        return replace(state, canaries=canaries)
