"""Requeue: work that waits for a later run, how often it is attempted, and what is abandoned in the end."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zlib import crc32

from lifeline.adapters.aws.queue import Queue
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.errors import LifelineError, TerminalError
from lifeline.core.network.model import RegionRef
from lifeline.core.plan.actions import Action, Status
from lifeline.core.requests.calls import MOST_ATTEMPTS, MOST_REQUEUES
from lifeline.core.requests.request import Request
from lifeline.core.requests.trigger import MOST_CAUSES, Trigger
from lifeline.reconciler.steps.apply import Applied, Deferral
from lifeline.reconciler.steps.job import Job
from lifeline.reconciler.steps.targets import CONSISTENCY, Targets
from lifeline.runtime.observability import logger

BUSY_DELAY = timedelta(seconds=20)
FIRST_RETRY = timedelta(seconds=30)
FOLLOW_DELAY = timedelta(seconds=60)
MOST_PACE, _LEAST_PACE = timedelta(minutes=5), timedelta(seconds=10)
_SECOND = timedelta(seconds=1)
_LEFT = "what is left to do or to follow up"
_ENDLESS = f"abandoned after it was requeued {MOST_REQUEUES} times in a row; the next sweep checks all VPCs again"


@dataclass(frozen=True, slots=True)
class Requeuing:
    """One run's way back to the queue. Nothing is requeued for a caller who only wants a plan, or without a queue.

    What the queue doesn't take goes to the dead-letter queue with the reason, so that it undoes nothing of what this
    run did and has to answer. `put_aside` has the reason of each such VPC, by id, and `lost` the error where that
    queue didn't take it, either.
    """

    job: Job
    put_aside: dict[str, str] = field(default_factory=dict)
    lost: dict[str, LifelineError] = field(default_factory=dict)

    def requeue(self, attempts: Mapping[str, int], after: timedelta, *, is_follow: bool = False) -> None:
        """Has each VPC reconciled again, with what set this run going; VPCs that share both share a message.

        Work that was put back MOST_REQUEUES times in a row is abandoned: whatever it waits for, Lambda is told not to
        stop such loops, so Lifeline must.
        """
        if not self.job.settings.queue_url or self.job.is_manual:
            return
        targets, queue = self.job.targets, self.job.tools.queue
        alike: dict[tuple[int, int, tuple[Trigger, ...], bool], list[str]] = defaultdict(list)
        for vpc_id, attempt in sorted(attempts.items()):
            follow = is_follow and not targets.is_release(vpc_id)
            requeued = targets.requeued(vpc_id) + 1
            alike[attempt, requeued, targets.requeue_causes(vpc_id), follow].append(vpc_id)
        for (attempt, requeued, because, follow), vpc_ids in alike.items():
            if requeued > MOST_REQUEUES:
                self._put_aside(vpc_ids, _ENDLESS)
                continue
            try:
                queue.requeue(vpc_ids, attempt=attempt, after=after, requeued=requeued, because=because, follow=follow)
            except LifelineError as error:
                reason = f"could not be put back on the queue: {error}"
                logger.error("work not requeued", vpc_ids=vpc_ids, error=str(error), run_id=self.job.run.id)
                self.put_aside.update(dict.fromkeys(vpc_ids, reason))
                self._put_aside(vpc_ids, reason, is_follow=follow)

    def _put_aside(self, vpc_ids: Sequence[str], reason: str, *, is_follow: bool = False) -> None:
        """Into the dead-letter queue: people can replay it, and the next sweep checks the VPCs anyway."""
        try:
            self.job.tools.queue.abandon(vpc_ids, reason=reason, follow=is_follow)
        except LifelineError as error:
            logger.error("work not sent to the dead-letter queue", vpc_ids=vpc_ids, error=str(error))
            self.lost.update(dict.fromkeys(vpc_ids, error))

    def note(self, vpc_id: str) -> str:
        """What people must know of work in the VPC that could not be requeued; empty where there is none."""
        reason = self.put_aside.get(vpc_id)
        return f"{_LEFT} {reason}; the next sweep will check the VPC" if reason else ""

    def wait_for_turn(self, vpc_ids: Iterable[str]) -> None:
        """Requeues VPCs that this run has no time for, or that another run has."""
        self.requeue({vpc_id: self._attempt(vpc_id) for vpc_id in vpc_ids}, BUSY_DELAY)

    def try_reading_again(self, vpc_ids: Iterable[str]) -> None:
        """Requeues VPCs of which AWS throttled what decides, later each time. Whoever tried often enough plans without
        that, see `was_tried_often`.
        """
        for vpc_id in vpc_ids:
            attempt = self._attempt(vpc_id) + 1
            self.requeue({vpc_id: attempt}, _backoff(vpc_id, attempt))

    def was_tried_often(self, vpc_id: str) -> bool:
        """True if the VPC was requeued as often as anything is attempted."""
        return self._attempt(vpc_id) >= MOST_ATTEMPTS

    def follow(self, vpc_ids: Iterable[str]) -> None:
        """Has new endpoints followed up."""
        self.requeue(dict.fromkeys(vpc_ids, 0), FOLLOW_DELAY, is_follow=True)

    def wait(self, vpc_id: str, after: timedelta, *, is_attempt: bool) -> None:
        """Requeues the VPC, only as often as anything is attempted if that counts as an attempt."""
        attempt = self._attempt(vpc_id) + is_attempt
        if attempt <= MOST_ATTEMPTS or not is_attempt:
            self.requeue({vpc_id: attempt}, after)

    def try_again(self, vpc_id: str, applied: Applied) -> Sequence[Action]:
        """Requeues what was deferred, or abandons it after MOST_ATTEMPTS; the actions as they are then."""
        if not applied.deferral:
            return applied.actions
        is_refused = applied.deferral in {Deferral.TRANSIENT, Deferral.UNANSWERED}
        attempt = self._attempt(vpc_id) + is_refused
        if attempt > MOST_ATTEMPTS:
            return [self._abandon(action, vpc_id) for action in applied.actions]
        self.requeue({vpc_id: attempt}, _backoff(vpc_id, attempt) if is_refused else BUSY_DELAY)
        return applied.actions

    def _attempt(self, vpc_id: str) -> int:
        return self.job.targets.attempt(vpc_id)

    def _abandon(self, action: Action, vpc_id: str) -> Action:
        if not action.is_planned:
            return action
        failed = as_abandoned(action)
        to_continue = "; to continue the release, request it again" if self.job.targets.is_release(vpc_id) else ""
        self._put_aside([vpc_id], f"{failed.error}{to_continue}")
        return failed


def as_abandoned(action: Action) -> Action:
    """The action, or as it is once it was refused in all of its attempts if it is put off now."""
    if not action.is_planned:
        return action
    return replace(action, status=Status.FAILED, error=f"abandoned after {MOST_ATTEMPTS} attempts: {action.error}")


def put_back(requests: Iterable[Request], queue: Queue) -> list[tuple[Request, LifelineError]]:
    """Puts messages that ask for VPCs, and for which their batch has no room, back as new ones: to wait for its turn is
    no failed try, and after some of these SQS gives a message up. Returns those that can't be put back, with the error;
    work that was put back MOST_REQUEUES times in a row isn't.
    """
    failed: list[tuple[Request, LifelineError]] = []
    for request in requests:
        try:
            if request.requeued >= MOST_REQUEUES:
                raise TerminalError(_ENDLESS, code="Endless")
            queue.requeue(
                request.vpc_ids,
                attempt=request.attempt,
                after=BUSY_DELAY,
                requeued=request.requeued + 1,
                follow=request.is_follow,
                because=request.because,
            )
        except LifelineError as error:
            failed.append((request, error))
    return failed


def debounce(targets: Targets, queue: Queue, *, during: timedelta, now: datetime) -> Targets:
    """The targets without VPCs that only changes by a tool of infrastructure as code name. These are requeued for the
    rest of `during`: the tool may be about to change more.

    Changes that could be in any VPC requeue a sweep. The time counts from the first of them, so that a tool that runs
    for hours is reconciled in between. What comes back isn't debounced again, being no change any more. A VPC that EC2
    doesn't know isn't requeued. Raises what the queue raises: then the messages come again.
    """
    wait = _wait(targets.sweep, during, now)
    if wait >= _SECOND:
        queue.requeue_sweep(after=wait, because=[request.trigger for request in targets.sweep])
        targets = targets.without_sweep()
    if targets.sweep:
        return targets
    waits = {vpc_id: _wait(requests, during, now) for vpc_id, requests in targets.requests.items()}
    alike: dict[tuple[int, tuple[Trigger, ...]], list[str]] = defaultdict(list)
    for vpc_id, wait in sorted(waits.items()):
        if wait >= _SECOND and vpc_id in targets.there:
            alike[int(wait.total_seconds()), targets.triggers(vpc_id)[:MOST_CAUSES]].append(vpc_id)
    for (seconds, because), vpc_ids in alike.items():
        queue.requeue(vpc_ids, attempt=0, after=timedelta(seconds=seconds), because=because)
        logger.info("changes by a tool debounced", vpc_ids=vpc_ids, seconds=seconds)
    return targets.with_resting(frozenset(vpc_id for vpc_ids in alike.values() for vpc_id in vpc_ids))


def pace_sweeps(
    targets: Targets, queue: Queue, vpcs: VpcStore, home: RegionRef, *, debounce: timedelta, now: datetime
) -> Targets:
    """The targets without a sweep that only the queue asks for, if one began after the last message was sent, or began
    just now, within ten times `debounce` and MOST_PACE: then one for all of these messages is requeued.

    Changes that can't be traced to a VPC, of one's own prefix list for example, cost anybody who makes them nothing,
    and each would cost a sweep of the region. So the queue causes one sweep in that time, or two where two runs
    overlap, and each change is answered by one that begins after it. Raises what the queue raises: then the messages
    come again.
    """
    sent = [request.sent_at for request in targets.sweep if request.sent_at]
    if not sent or len(sent) != len(targets.sweep):
        return targets
    began = vpcs.load(home).reconciled_at
    if began is None:
        return targets
    if began < max(sent) + CONSISTENCY:
        wait = began + max(_LEAST_PACE, min(MOST_PACE, 10 * debounce)) - now
        if wait < _SECOND:
            return targets
        queue.requeue_sweep(after=wait, because=targets.sweep_triggers)
        logger.info("sweep postponed", seconds=int(wait.total_seconds()), requests=len(sent))
    return targets.without_sweep()


def _wait(requests: list[Request], during: timedelta, now: datetime) -> timedelta:
    """How long the VPC can still be left alone; nothing where anything but a tool's change from the queue asks."""
    by_tools = [request for request in requests if request.trigger.kind == "change" and request.tool]
    sent = [request.sent_at for request in by_tools if request.sent_at]
    return min(sent) + during - now if sent and len(sent) == len(requests) else timedelta(0)


def _backoff(vpc_id: str, attempt: int) -> timedelta:
    """Twice as long each time, and up to half as long again by the VPC's id, so that VPCs that were refused together
    are tried apart.
    """
    jitter = crc32(f"{vpc_id}|{attempt}".encode()) % 1000 / 2000
    return FIRST_RETRY * float(2**attempt) * (1 + jitter)
