"""Extend: what else than missing endpoints a VPC's plan holds, part after part, each by its own rules.

The order counts: a teardown takes the place of whatever else is planned for the same, claims see what goes anyway, and
fights are judged last, when it is known what Lifeline itself gives up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.topic import Publishes
from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.removals import remove_once
from lifeline.core.errors import LifelineError
from lifeline.core.guards.freeze import block_frozen
from lifeline.core.network.model import Vpc
from lifeline.core.notices.notice import Notice
from lifeline.core.plan.actions import Plan
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.endpoint_lifecycle import Followed
from lifeline.reconciler.amend.canary import Canarying
from lifeline.reconciler.amend.claims import Claiming
from lifeline.reconciler.amend.conflicts import Fighting
from lifeline.reconciler.amend.retirement import Retiring
from lifeline.reconciler.amend.teardown import Clearing
from lifeline.reconciler.steps.planning import Planning
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger


@dataclass(frozen=True, slots=True)
class Extending:
    """One look's parts. `publish` says whether a notice went out. By hand nothing is kept, only freezes are read."""

    planning: Planning
    targets: Targets
    clearing: Clearing
    ledger: Ledger
    lookup: Lookup
    notices: Publishes
    publish: Callable[[Notice], bool]
    run: Run
    is_by_hand: bool

    def preview(
        self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc], *, is_region: bool
    ) -> tuple[dict[str, Plan], list[str]]:
        """The plans with all that may be to do, and the VPCs where somebody else's endpoint is on its way."""
        extended = self._retiring.extend(plans, vpcs, is_region=is_region)
        self.clearing.find(vpcs)
        extended, coming, _ = self._claiming.extend(
            self.clearing.extend(extended), self.kept(vpcs), is_region=is_region
        )
        return _once(self.canarying.preview(extended, vpcs)), coming

    def decide(
        self,
        plans: Mapping[str, Plan],
        vpcs: Sequence[Vpc],
        known: Mapping[str, Followed],
        leased: Mapping[str, VpcState],
    ) -> tuple[dict[str, Plan], dict[str, VpcState]]:
        """The same under the VPCs' leases, and what is remembered of them then. Each part sees, and keeps, what those
        before it froze. Raises what the ledger raises: nothing was changed then.
        """
        extended = self.clearing.extend(self._retiring.extend(plans, vpcs, leased))
        extended, _, states = self._claiming.extend(extended, self.kept(vpcs), leased)
        extended = _once(self.canarying.decide(extended, vpcs, states))
        return extended, states | self.fighting.judge(extended, vpcs, known, states)

    def foresee_frozen(self, plans: Mapping[str, Plan]) -> dict[str, Plan]:
        """The plans without what is frozen. Where the ledger can't be read, a plan is worth having all the same."""
        price, now = price_in(self.planning.settings.region), self.run.now()
        wanting = [vpc_id for vpc_id, plan in plans.items() if plan.has_work]
        try:
            states = run_concurrently([partial(self.ledger.load, vpc_id) for vpc_id in wanting])
        except LifelineError as error:
            logger.warning("what is frozen was not read", error=str(error))
            return dict(plans)
        frozen = {vpc_id: state.frozen for vpc_id, state in zip(wanting, states, strict=True)}
        return {vpc_id: block_frozen(plan, frozen.get(vpc_id, {}), price, now=now) for vpc_id, plan in plans.items()}

    def kept(self, vpcs: Sequence[Vpc]) -> list[Vpc]:
        """The VPCs in which nobody gives everything up."""
        return [vpc for vpc in vpcs if not self.targets.is_release(vpc.id)]

    @property
    def fighting(self) -> Fighting:
        """What others undo."""
        return Fighting(self.planning, self.ledger, self.targets, self.publish)

    @property
    def canarying(self) -> Canarying:
        """What is switched on, and off again."""
        return Canarying(self._kept_in, self.planning.settings, self.run, self.targets.withdrawals)

    @property
    def _retiring(self) -> Retiring:
        return Retiring(self.planning, self.lookup, self._kept_in, self.targets.is_release)

    @property
    def _claiming(self) -> Claiming:
        return Claiming(self._kept_in, self.lookup, self.notices, self.planning.settings.stack_name, self.run)

    @property
    def _kept_in(self) -> Ledger | None:
        return None if self.is_by_hand else self.ledger


def _once(plans: Mapping[str, Plan]) -> dict[str, Plan]:
    return {vpc_id: remove_once(plan) for vpc_id, plan in plans.items()}
