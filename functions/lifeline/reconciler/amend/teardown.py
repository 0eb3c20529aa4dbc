"""Clear the way: reads whose deletions fail because of what is Lifeline's, and takes that out of their way."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.removals import make_room
from lifeline.core.coexist.retirement import unless_used
from lifeline.core.coexist.teardown import (
    DELETIONS,
    DEPENDENCY,
    Attempt,
    Teardown,
    clear,
    freeze_for,
    is_news,
    is_old,
    judge,
    notified_keys,
    remembered,
    without,
)
from lifeline.core.errors import LifelineError
from lifeline.core.guards.freeze import EVERYTHING, FreezeKind, is_overruled, standing
from lifeline.core.network.model import Vpc
from lifeline.core.notices.notice import Notice
from lifeline.core.notices.teardown import clears, notified_here, teardown_notice
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.requests.request import Trigger
from lifeline.core.wording import read_time
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.observability import logger


@dataclass(slots=True)
class Clearing:
    """One look's teardowns. `seen` are those that it found, each with the VPC as it was then."""

    targets: Targets
    lookup: Lookup
    ledger: Ledger
    owner: str
    now: datetime
    seen: dict[str, tuple[Vpc, Teardown]] = field(default_factory=dict)

    def find(self, vpcs: Sequence[Vpc], leased: Mapping[str, VpcState] | None = None) -> None:
        """Finds the teardowns of these VPCs: by the calls that failed and, under leases, by what is frozen for them.

        Those that a person ended since don't count. Only these VPCs' interfaces are read. Raises what EC2 raises.
        """
        unfrozen = {vpc_id: state.unfrozen for vpc_id, state in (leased or {}).items()}
        asked = {vpc.id: list(_attempts(self.targets, vpc, self.now, unfrozen.get(vpc.id, {}))) for vpc in vpcs}
        known = {
            vpc_id: list(remembered(vpc_state.frozen, now=self.now)) for vpc_id, vpc_state in (leased or {}).items()
        }
        concerned = [vpc for vpc in vpcs if asked[vpc.id] or (leased and self._is_frozen(leased[vpc.id]))]
        found = run_concurrently([partial(self.lookup.interfaces_in, vpc.id) for vpc in concerned])
        for vpc, interfaces in zip(concerned, found, strict=True):
            before = known.get(vpc.id, [])
            teardown = judge(vpc, asked[vpc.id], interfaces, self.owner, now=self.now, known=before)
            self.seen[vpc.id] = (vpc, teardown)
        for vpc in vpcs:
            if vpc not in concerned:
                self.seen.pop(vpc.id, None)

    def _is_frozen(self, state: VpcState) -> bool:
        return any(freeze.kind is FreezeKind.TEARDOWN for freeze in standing(state.frozen, self.now).values())

    def wants(self, vpc_id: str) -> bool:
        """True if there is something to remember for the VPC, although nothing may be left to do."""
        return vpc_id in self.seen and bool(self.seen[vpc_id][1].cleared)

    def keep(self, leased: Mapping[str, VpcState]) -> dict[str, VpcState]:
        """What is remembered of the leased VPCs, with what their teardowns freeze, which is written first of all."""
        kept = dict(leased)
        for vpc_id, state in leased.items():
            if vpc_id in self.seen:
                kept[vpc_id] = self._keep(*self.seen[vpc_id], state)
        return kept

    def _keep(self, vpc: Vpc, teardown: Teardown, state: VpcState) -> VpcState:
        frozen = freeze_for(teardown, state.frozen, now=self.now)
        if frozen != state.frozen:
            self.ledger.save_frozen(vpc.id, frozen, now=self.now)
            logger.info("teardown", vpc_id=vpc.id, frozen=sorted(frozen), in_use=len(teardown.in_use))
        keys = notified_keys(teardown)
        notified = {key: at for key, at in state.teardowns.items() if key in keys or not is_old(at, self.now)}
        if clear(vpc, teardown, self.owner):
            notified = dict.fromkeys(keys) | notified
        if notified != state.teardowns:
            self.ledger.save_teardowns(vpc.id, notified, now=self.now)
        return replace(state, frozen=frozen, teardowns=notified)

    def rest(self, vpc: Vpc) -> Vpc:
        """The VPC without the subnets that are about to go, unless all of it is frozen anyway."""
        if vpc.id not in self.seen:
            return vpc
        teardown = self.seen[vpc.id][1]
        return vpc if teardown.is_whole or teardown.is_idle else without(vpc, teardown.doomed, self.owner)

    def extend(self, plans: Mapping[str, Plan]) -> dict[str, Plan]:
        """The plans with what goes out of the way."""
        extended = dict(plans)
        cleared = {vpc_id: clear(*self.seen[vpc_id], self.owner) for vpc_id in plans if vpc_id in self.seen}
        users = self._users(action for actions in cleared.values() for action in actions)
        for vpc_id, actions in cleared.items():
            held = [unless_used(action, users) for action in actions]
            extended[vpc_id] = replace(plans[vpc_id], actions=make_room(plans[vpc_id].actions, held))
        return extended

    def _users(self, actions: Iterable[Action]) -> Mapping[str, tuple[str, ...]]:
        """Whoever else names Lifeline's groups: EC2 wouldn't delete these, and doesn't say why."""
        groups = [action.security_group_id for action in actions if action.kind is ActionKind.DELETE_SECURITY_GROUP]
        return self.lookup.users_of_security_groups(groups)

    # ---- saying it

    def notify(
        self, answers: Iterable[VpcAnswer], publish: Callable[[Notice], bool], *, is_plan: bool
    ) -> frozenset[str]:
        """One notice for each teardown that is news; returns the VPCs of which one was sent. What could not be sent is
        told by the next look.
        """
        notified: set[str] = set()
        for answer in answers:
            if answer.vpc_id not in self.seen or answer.refusal:
                continue
            try:
                if self._notify(answer, *self.seen[answer.vpc_id], publish, is_plan=is_plan):
                    notified.add(answer.vpc_id)
            except LifelineError as error:  # at worst it is told twice
                logger.error("teardown not told", vpc_id=answer.vpc_id, error=str(error))
        return frozenset(notified)

    def _notify(
        self, answer: VpcAnswer, vpc: Vpc, teardown: Teardown, publish: Callable[[Notice], bool], *, is_plan: bool
    ) -> bool:
        ours = [action for action in answer.actions if clears(action)]
        known = self.ledger.load(vpc.id).teardowns
        if not is_news(teardown, ours, known, self.now, is_plan=is_plan):
            return False
        if not publish(teardown_notice(vpc, teardown, ours, self.owner, is_plan=is_plan)):
            return False
        notified = {**known, **dict.fromkeys(notified_keys(teardown, ours), self.now)}
        self.ledger.save_teardowns(vpc.id, notified, now=self.now)
        return True

    def pending(self, answer: VpcAnswer) -> VpcAnswer:
        """The answer without what its teardown's notice tells."""
        if answer.vpc_id not in self.seen:
            return answer
        teardown = self.seen[answer.vpc_id][1]
        return replace(
            answer, actions=tuple(action for action in answer.actions if not notified_here(teardown, action))
        )


def _attempts(targets: Targets, vpc: Vpc, now: datetime, unfrozen: Mapping[str, datetime]) -> Iterator[Attempt]:
    """The deletions of the VPC and its subnets that failed for what is in them, since a person ended the last ones."""
    other = {request.trigger for request in targets.attempts(vpc.id) if request.failure != DEPENDENCY}
    for trigger in targets.triggers(vpc.id):
        if trigger.kind != "attempt" or trigger.event_name not in DELETIONS or trigger in other:
            continue
        if is_overruled(unfrozen, EVERYTHING, _time(trigger, now)):
            continue
        kind = "vpc-" if trigger.event_name == "DeleteVpc" else "subnet-"
        for resource_id in sorted(resource_id for resource_id in trigger.ids if resource_id.startswith(kind)):
            yield Attempt(resource_id, _time(trigger, now), trigger.actor, trigger.event_id)


def _time(trigger: Trigger, now: datetime) -> datetime:
    """When the call was made; now where its record doesn't say, and never later."""
    return min(read_time(trigger.time) or now, now)


def delete(vpc_ids: Iterable[str], ledger: Ledger, *, now: datetime) -> list[str]:
    """Forgets what is remembered of VPCs that are gone, and says of which there was anything. Raises what the ledger
    raises; what isn't forgotten then, the next look forgets.
    """
    deleted = [vpc_id for vpc_id in vpc_ids if ledger.delete(vpc_id, now=now)]
    for vpc_id in deleted:
        logger.info("forgotten: the VPC is gone", vpc_id=vpc_id)
    return deleted
