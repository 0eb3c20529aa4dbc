"""Put back: work that waits for another look, how often it is tried, and what is given up in the end."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from zlib import crc32

from lifeline.adapters.aws.queue import Queue
from lifeline.core.guards.kill_switch import KILL_SWITCH
from lifeline.core.plan.actions import REMOVALS, Action, Status
from lifeline.core.requests.request import Trigger
from lifeline.reconciler.steps.apply import Applied, Deferral
from lifeline.reconciler.steps.targets import Targets

BUSY_DELAY = timedelta(seconds=20)
FIRST_RETRY = timedelta(seconds=30)
FOLLOW_DELAY = timedelta(seconds=60)
SWITCH_DELAY = timedelta(minutes=15)
MOST_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Returning:
    """One look's way back to the queue. `is_by_hand` says that nobody works on after it; without a queue nobody can."""

    queue: Queue
    targets: Targets
    has_queue: bool
    is_by_hand: bool

    def requeue(self, attempts: Mapping[str, int], after: timedelta, *, is_follow: bool = False) -> None:
        """Asks for another look at each VPC, with what set this one going; VPCs that share both share a message."""
        if not self.has_queue or self.is_by_hand:
            return
        targets = self.targets
        alike: dict[tuple[int, tuple[Trigger, ...], bool, frozenset[str]], list[str]] = defaultdict(list)
        for vpc_id, attempt in sorted(attempts.items()):
            withdraw = frozenset(withdrawal.service for withdrawal in targets.withdrawals(vpc_id))
            release = targets.is_release(vpc_id)
            alike[attempt, targets.requeue_causes(vpc_id), release, withdraw].append(vpc_id)
        for (attempt, because, release, withdraw), vpc_ids in alike.items():
            requeue = partial(self.queue.requeue, vpc_ids, attempt=attempt, after=after, because=because)
            requeue(follow=is_follow and not release, release=release, withdraw=() if release else withdraw)

    def wait_for_turn(self, vpc_ids: Iterable[str]) -> None:
        """Asks for a look at VPCs that this one has no time for, or that another run has."""
        self.requeue({vpc_id: self.targets.attempt(vpc_id) for vpc_id in vpc_ids}, BUSY_DELAY)

    def follow(self, vpc_ids: Iterable[str]) -> None:
        """Asks what became of new endpoints."""
        self.requeue(dict.fromkeys(vpc_ids, 0), FOLLOW_DELAY, is_follow=True)

    def look_again(self, vpc_ids: Iterable[str]) -> None:
        """Asks for another look at VPCs where somebody else's endpoint is on its way, as often as at anything."""
        attempts = {vpc_id: self.targets.attempt(vpc_id) + 1 for vpc_id in vpc_ids}
        again = {vpc_id: attempt for vpc_id, attempt in attempts.items() if attempt <= MOST_ATTEMPTS}
        self.requeue(again, FOLLOW_DELAY)

    def wait_for_switch(self, vpc_id: str, actions: Iterable[Action], *, is_teardown: bool) -> None:
        """Asks again, while the kill switch is on, for what only an event asked to give up: no sweep would find it."""
        held = (action for action in actions if action.kind in REMOVALS and action.blocked_by == KILL_SWITCH)
        if any(held) and (is_teardown or self.targets.withdrawals(vpc_id)):
            self.requeue({vpc_id: self.targets.attempt(vpc_id)}, SWITCH_DELAY)

    def try_again(self, vpc_id: str, applied: Applied) -> Sequence[Action]:
        """Puts back what was deferred, or gives it up after MOST_ATTEMPTS; the actions as they are then."""
        if not applied.deferral:
            return applied.actions
        is_refused = applied.deferral is Deferral.TRANSIENT
        attempt = self.targets.attempt(vpc_id) + is_refused
        if attempt > MOST_ATTEMPTS:
            return [self._abandon(action, vpc_id) for action in applied.actions]
        self.requeue({vpc_id: attempt}, _backoff(vpc_id, attempt) if is_refused else BUSY_DELAY)
        return applied.actions

    def _abandon(self, action: Action, vpc_id: str) -> Action:
        if action.status is not Status.PLANNED:
            return action
        reason = f"given up after {MOST_ATTEMPTS} tries: {action.error}"
        release: dict[str, object] = {"release": True} if self.targets.is_release(vpc_id) else {}
        self.queue.dead_letter(json.dumps({"vpc_ids": [vpc_id]} | release), reason=reason)
        return replace(action, status=Status.FAILED, error=reason)


def _backoff(vpc_id: str, attempt: int) -> timedelta:
    """Twice as long each time, and up to half as long again by the VPC's id: what was refused together comes apart."""
    jitter = crc32(f"{vpc_id}|{attempt}".encode()) % 1000 / 2000
    return FIRST_RETRY * float(2**attempt) * (1 + jitter)
