"""Fights: keeps what others undid of Lifeline's doing, freezes what they undo again and again, and says so once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifeline.adapters.store.vpc_state import Memory
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.conflicts import (
    SHOWN_WITHIN,
    WINDOW,
    Fight,
    Undoing,
    attribute,
    count,
    forget,
    freeze_for,
    to_freeze,
    with_done,
)
from lifeline.core.coexist.effects import Sight
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
        leased: Mapping[str, Memory],
    ) -> dict[str, Memory]:
        """What was read under the leases, with what was undone since, and with what freezes for it.

        Whatever is new is kept before anything is done; what is frozen and people don't know of yet, they are told.
        Raises what the ledger raises: nothing was changed then, and the next look counts the same.
        """
        by_id = {vpc.id: vpc for vpc in vpcs}
        judged = dict(leased)
        for vpc_id, plan in sorted(plans.items()):
            judged[vpc_id] = self._judge(plan, by_id[vpc_id], known[vpc_id], leased[vpc_id])
        return judged

    def _judge(self, plan: Plan, vpc: Vpc, followed: Followed, memory: Memory) -> Memory:
        if not memory.fights:
            return memory
        now = self.planning.now
        frozen = standing(memory.frozen, now)
        sight = Sight(
            vpc,
            plan,
            self.planning.settings.stack_name,
            now,
            fresh=followed.fresh(now),
            failed=frozenset(one for one in {**memory.failures, **followed.failures}),
            idle=frozenset(memory.unneeded),
            frozen=frozen,
        )
        fights = self._with_actors(plan.vpc_id, count(memory.fights, sight))
        if fights != memory.fights:
            self.ledger.keep_fights(plan.vpc_id, fights, now=now)
        new = {key: freeze_for(fights[key], now) for key in to_freeze(fights, frozen)}
        if new:
            self.ledger.keep_frozen(plan.vpc_id, {**memory.frozen, **new}, now=now)
            logger.warning("frozen: others undo it again and again", vpc_id=plan.vpc_id, frozen=sorted(new))
        memory = replace(memory, fights=fights, frozen={**memory.frozen, **new})
        return self._told(plan, vpc, memory)

    def _told(self, plan: Plan, vpc: Vpc, memory: Memory) -> Memory:
        """Tells of what is frozen and untold, in one notice. One that doesn't go out is tried at the next look."""
        fought = {one for one, freeze in memory.frozen.items() if freeze.kind is FreezeKind.FIGHT}
        untold = {key: one for key, one in memory.fights.items() if key in fought and not one.is_told and one.undoings}
        if not untold or not self.publish(frozen_notice(self._frozen(plan, vpc, untold))):
            return memory
        fights = {**memory.fights, **{key: replace(one, is_told=True) for key, one in untold.items()}}
        try:
            self.ledger.keep_fights(plan.vpc_id, fights, now=self.planning.now)
        except LifelineError as error:  # it is told twice, rather than the work be lost
            logger.error("a freeze was told, but not written down", vpc_id=plan.vpc_id, error=str(error))
            return memory
        return replace(memory, fights=fights)

    def _frozen(self, plan: Plan, vpc: Vpc, fights: Mapping[str, Fight]) -> Frozen:
        catalog = self.planning.network.catalog()
        wishes = {wish.service: sorted(wish.subnet_ids) for wish in self.planning.wanted(vpc).wishes}
        names = {key: [name for one in catalog.find(key) for name in one.private_dns_names] for key in fights}
        return Frozen(plan, fights, wishes, names, self.planning.settings.stack_name)

    # ---- whose hand it was

    def _with_actors(self, vpc_id: str, fights: Mapping[str, Fight]) -> dict[str, Fight]:
        """The fights with the actors that are on record by now. Nothing is read while nobody is missing."""
        unnamed = [one for fight in fights.values() if not fight.is_told for one in fight.undoings if not one.event_id]
        if not unnamed:
            return dict(fights)
        changes = self._changes(vpc_id, unnamed)
        return {key: replace(one, undoings=attribute(one.undoings, changes)) for key, one in fights.items()}

    def _changes(self, vpc_id: str, unnamed: Sequence[Undoing]) -> list[Change]:
        """What is on record since the first of them was done, and what set this look going: that isn't on record yet.

        What was deleted can't be traced to its VPC any more, so changes of unknown VPCs count, too: by their ids.
        """
        now = self.planning.now
        since = max(min(one.since or one.at for one in unnamed) - _BEFORE, now - WINDOW - _BEFORE)
        recorded = self.ledger.changes_of(vpc_id, since=since, until=now + SHOWN_WITHIN)
        untraced = self.ledger.untraced_changes(since=since, until=now + SHOWN_WITHIN)
        return [*recorded, *untraced, *self._causes(vpc_id)]

    def _causes(self, vpc_id: str) -> list[Change]:
        return [
            Change(at, one.event_id, one.event_name, one.actor, one.ids)
            for one in self.targets.triggers(vpc_id)
            if one.kind == "change" and one.ids and (at := read_time(one.time))
        ]

    # ---- the end of a freeze

    def end_served(self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc], run: Run, *, is_region: bool) -> None:
        """Ends the freezes of services that others serve by now: nothing is left to fight for, and the count is
        forgotten. Raises what the ledger raises.
        """
        listed = self.ledger.frozen_vpcs()
        seen = {vpc.id: vpc for vpc in vpcs}
        for vpc_id in sorted(listed - seen.keys()) if is_region else ():
            self.ledger.forget_frozen(vpc_id)
        for vpc_id in sorted(listed & plans.keys()):
            served = _served_by_others(plans[vpc_id], seen[vpc_id], self.planning.settings.stack_name)
            if served and _fought(self.ledger.recall(vpc_id).frozen) & served:
                self._end(vpc_id, served, run)

    def _end(self, vpc_id: str, served: frozenset[str], run: Run) -> None:
        """Under the VPC's lease; a run that has it just now leaves the end to another look."""
        now = self.planning.now
        with leased(vpc_id, self.ledger, run) as memory:
            if memory is None:
                return
            ended = _fought(memory.frozen) & served
            fights = forget(memory.fights, ended)
            if fights != memory.fights:
                self.ledger.keep_fights(vpc_id, fights, now=now)
            kept = {key: one for key, one in memory.frozen.items() if key not in ended}
            self.ledger.keep_frozen(vpc_id, kept, now=now)
            logger.info("no longer frozen: others serve it", vpc_id=vpc_id, unfrozen=sorted(ended))


def keep_done(vpc_id: str, memory: Memory, actions: Iterable[Action], ledger: Ledger, *, now: datetime) -> None:
    """Keeps the claims to what was just done. Call it under the VPC's lease."""
    fights = with_done(memory.fights, vpc_id, actions, now)
    if fights != memory.fights:
        ledger.keep_fights(vpc_id, fights, now=now)


def fight_words(vpc_id: str, frozen: Mapping[str, Freeze]) -> frozenset[str]:
    """What the actions say that fights hold back: people know of it from its own notice."""
    return frozenset(freeze_words(frozen[key], vpc_id, key) for key in _fought(frozen))


def _fought(frozen: Mapping[str, Freeze]) -> frozenset[str]:
    return frozenset(key for key, one in frozen.items() if one.kind is FreezeKind.FIGHT)


def _served_by_others(plan: Plan, vpc: Vpc, owner: str) -> frozenset[str]:
    own = {one.id for one in vpc.endpoints if _is_of(one, owner)}
    asked = {action.service for action in plan.actions}
    return frozenset(
        one.service
        for one in plan.services
        if one.service not in asked
        and (
            one.state is ServiceState.CENTRAL
            or (one.state is ServiceState.SERVED and not own & set(one.by.split(", ")))
        )
    )


def _is_of(endpoint: Endpoint, owner: str) -> bool:
    return is_own(endpoint, owner) and not endpoint.state.is_gone
