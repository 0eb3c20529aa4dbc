"""Fights: keeps what others undid of Lifeline's doing, freezes what they undo again and again, and says so once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.conflicts import (
    SHOWN_WITHIN,
    WINDOW,
    Conflict,
    Reversal,
    attribute,
    count,
    delete,
    freeze_for,
    to_freeze,
    with_done,
)
from lifeline.core.coexist.effects import VpcSnapshot
from lifeline.core.errors import LifelineError
from lifeline.core.guards.freeze import Freeze, FreezeKind, freeze_words, standing
from lifeline.core.history.change import Change
from lifeline.core.network.model import Endpoint, Vpc, is_own
from lifeline.core.notices.conflict import Frozen, frozen_notice
from lifeline.core.notices.notice import Notice
from lifeline.core.plan.actions import Action, Plan, ServiceState
from lifeline.core.plan.endpoint_lifecycle import Followed
from lifeline.core.wording import read_time
from lifeline.reconciler.steps.leases import leased
from lifeline.reconciler.steps.planning import Planning
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger

_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Fighting:
    """One look's fights. `publish` says whether a notice went out."""

    planning: Planning
    ledger: Ledger
    targets: Targets
    publish: Callable[[Notice], bool]

    # ---- under the lease

    def judge(
        self,
        plans: Mapping[str, Plan],
        vpcs: Sequence[Vpc],
        known: Mapping[str, Followed],
        leased: Mapping[str, VpcState],
    ) -> dict[str, VpcState]:
        """What was read under the leases, with what was undone since, and with what freezes for it.

        Whatever is new is kept before anything is done; what is frozen and people don't know of yet, they are told.
        Raises what the ledger raises: nothing was changed then, and the next look counts the same.
        """
        by_id = {vpc.id: vpc for vpc in vpcs}
        judged = dict(leased)
        for vpc_id, plan in sorted(plans.items()):
            judged[vpc_id] = self._judge(plan, by_id[vpc_id], known[vpc_id], leased[vpc_id])
        return judged

    def _judge(self, plan: Plan, vpc: Vpc, followed: Followed, state: VpcState) -> VpcState:
        if not state.conflicts:
            return state
        now = self.planning.now
        frozen = standing(state.frozen, now)
        snapshot = VpcSnapshot(
            vpc,
            plan,
            self.planning.settings.stack_name,
            now,
            fresh=followed.fresh(now),
            failed=frozenset(service for service in {**state.failures, **followed.failures}),
            idle=frozenset(state.unneeded),
            frozen=frozen,
        )
        conflicts = self._with_actors(plan.vpc_id, count(state.conflicts, snapshot))
        if conflicts != state.conflicts:
            self.ledger.save_conflicts(plan.vpc_id, conflicts, now=now)
        new = {key: freeze_for(conflicts[key], now) for key in to_freeze(conflicts, frozen)}
        if new:
            self.ledger.save_frozen(plan.vpc_id, {**state.frozen, **new}, now=now)
            logger.warning("frozen: others undo it again and again", vpc_id=plan.vpc_id, frozen=sorted(new))
        state = replace(state, conflicts=conflicts, frozen={**state.frozen, **new})
        return self._notified(plan, vpc, state)

    def _notified(self, plan: Plan, vpc: Vpc, state: VpcState) -> VpcState:
        """Tells of what is frozen and untold, in one notice. One that doesn't go out is tried at the next look."""
        conflicting = {key for key, freeze in state.frozen.items() if freeze.kind is FreezeKind.CONFLICT}
        pending = {
            key: conflict
            for key, conflict in state.conflicts.items()
            if key in conflicting and not conflict.is_notified and conflict.reversals
        }
        if not pending or not self.publish(frozen_notice(self._frozen(plan, vpc, pending))):
            return state
        conflicts = {
            **state.conflicts,
            **{key: replace(conflict, is_notified=True) for key, conflict in pending.items()},
        }
        try:
            self.ledger.save_conflicts(plan.vpc_id, conflicts, now=self.planning.now)
        except LifelineError as error:  # it is told twice, rather than the work be lost
            logger.error("a freeze was told, but not written down", vpc_id=plan.vpc_id, error=str(error))
            return state
        return replace(state, conflicts=conflicts)

    def _frozen(self, plan: Plan, vpc: Vpc, conflicts: Mapping[str, Conflict]) -> Frozen:
        catalog = self.planning.network.catalog()
        requirements = {
            requirement.service: sorted(requirement.subnet_ids)
            for requirement in self.planning.wanted(vpc).requirements
        }
        names = {
            key: [name for service in catalog.find(key) for name in service.private_dns_names] for key in conflicts
        }
        return Frozen(plan, conflicts, requirements, names, self.planning.settings.stack_name)

    # ---- whose hand it was

    def _with_actors(self, vpc_id: str, conflicts: Mapping[str, Conflict]) -> dict[str, Conflict]:
        """The fights with the actors that are on record by now. Nothing is read while nobody is missing."""
        unnamed = [
            reversal
            for conflict in conflicts.values()
            if not conflict.is_notified
            for reversal in conflict.reversals
            if not reversal.event_id
        ]
        if not unnamed:
            return dict(conflicts)
        changes = self._changes(vpc_id, unnamed)
        return {
            key: replace(conflict, reversals=attribute(conflict.reversals, changes))
            for key, conflict in conflicts.items()
        }

    def _changes(self, vpc_id: str, unnamed: Sequence[Reversal]) -> list[Change]:
        """What is on record since the first of them was done, and what set this look going: that isn't on record yet.

        What was deleted can't be traced to its VPC any more, so changes of unknown VPCs count, too: by their ids.
        """
        now = self.planning.now
        since = max(min(reversal.since or reversal.at for reversal in unnamed) - _BEFORE, now - WINDOW - _BEFORE)
        recorded = self.ledger.changes_of(vpc_id, since=since, until=now + SHOWN_WITHIN)
        untraced = self.ledger.untraced_changes(since=since, until=now + SHOWN_WITHIN)
        return [*recorded, *untraced, *self._causes(vpc_id)]

    def _causes(self, vpc_id: str) -> list[Change]:
        return [
            Change(at, trigger.event_id, trigger.event_name, trigger.actor, trigger.ids)
            for trigger in self.targets.triggers(vpc_id)
            if trigger.kind == "change" and trigger.ids and (at := read_time(trigger.time))
        ]

    # ---- the end of a freeze

    def end_served(self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc], run: Run, *, is_region: bool) -> None:
        """Ends the freezes of services that others serve by now: nothing is left to fight for, and the count is
        forgotten. Raises what the ledger raises.
        """
        listed = self.ledger.frozen_vpcs()
        seen = {vpc.id: vpc for vpc in vpcs}
        for vpc_id in sorted(listed - seen.keys()) if is_region else ():
            self.ledger.delete_frozen(vpc_id)
        for vpc_id in sorted(listed & plans.keys()):
            served = _served_by_others(plans[vpc_id], seen[vpc_id], self.planning.settings.stack_name)
            if served and _conflicting(self.ledger.load(vpc_id).frozen) & served:
                self._end(vpc_id, served, run)

    def _end(self, vpc_id: str, served: frozenset[str], run: Run) -> None:
        """Under the VPC's lease; a run that has it just now leaves the end to another look."""
        now = self.planning.now
        with leased(vpc_id, self.ledger, run) as state:
            if state is None:
                return
            ended = _conflicting(state.frozen) & served
            conflicts = delete(state.conflicts, ended)
            if conflicts != state.conflicts:
                self.ledger.save_conflicts(vpc_id, conflicts, now=now)
            kept = {key: one for key, one in state.frozen.items() if key not in ended}
            self.ledger.save_frozen(vpc_id, kept, now=now)
            logger.info("no longer frozen: others serve it", vpc_id=vpc_id, unfrozen=sorted(ended))


def save_done(vpc_id: str, state: VpcState, actions: Iterable[Action], ledger: Ledger, *, now: datetime) -> None:
    """Keeps the claims to what was just done. Call it under the VPC's lease."""
    conflicts = with_done(state.conflicts, vpc_id, actions, now)
    if conflicts != state.conflicts:
        ledger.save_conflicts(vpc_id, conflicts, now=now)


def conflict_words(vpc_id: str, frozen: Mapping[str, Freeze]) -> frozenset[str]:
    """What the actions say that fights hold back: people know of it from its own notice."""
    return frozenset(freeze_words(frozen[key], vpc_id, key) for key in _conflicting(frozen))


def _conflicting(frozen: Mapping[str, Freeze]) -> frozenset[str]:
    return frozenset(key for key, freeze in frozen.items() if freeze.kind is FreezeKind.CONFLICT)


def _served_by_others(plan: Plan, vpc: Vpc, owner: str) -> frozenset[str]:
    own = {endpoint.id for endpoint in vpc.endpoints if _is_of(endpoint, owner)}
    asked = {action.service for action in plan.actions}
    return frozenset(
        report.service
        for report in plan.services
        if report.service not in asked
        and (
            report.state is ServiceState.CENTRAL
            or (report.state is ServiceState.SERVED and not own & set(report.by.split(", ")))
        )
    )


def _is_of(endpoint: Endpoint, owner: str) -> bool:
    return is_own(endpoint, owner) and not endpoint.state.is_gone
