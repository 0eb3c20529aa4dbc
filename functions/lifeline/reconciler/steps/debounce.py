"""Settle longer: a change that a tool of infrastructure as code made rests, for its run may be about to bring more."""

from collections import defaultdict
from datetime import datetime, timedelta

from lifeline.adapters.aws.queue import Queue
from lifeline.core.requests.calls import MOST_CAUSES
from lifeline.core.requests.request import Request, Trigger
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.observability import logger

_SECOND = timedelta(seconds=1)


def rest(targets: Targets, queue: Queue, *, settle: timedelta, now: datetime) -> None:
    """Takes the VPCs out of what is looked at that only such changes name, and puts them back for the rest of `settle`.

    Changes that could be in any VPC put a look at all of them back. The time counts from the first of them, so that a
    run that goes on for hours is looked at in between. What comes back doesn't rest again, being no change any more.
    Raises what the queue raises: then the messages come again.
    """
    wait = _wait(targets.sweep, settle, now)
    if wait >= _SECOND:
        queue.requeue_sweep(after=wait, because=[request.trigger for request in targets.sweep])
        targets.sweep.clear()
    if targets.sweep:
        return
    waits = {vpc_id: _wait(requests, settle, now) for vpc_id, requests in targets.requests.items()}
    alike: dict[tuple[int, tuple[Trigger, ...]], list[str]] = defaultdict(list)
    for vpc_id, wait in sorted(waits.items()):
        if wait >= _SECOND:
            alike[int(wait.total_seconds()), targets.triggers(vpc_id)[:MOST_CAUSES]].append(vpc_id)
    for (seconds, because), vpc_ids in alike.items():
        queue.requeue(vpc_ids, attempt=0, after=timedelta(seconds=seconds), because=because)
        logger.info("changes of a tool rest", vpc_ids=vpc_ids, seconds=seconds)
        for vpc_id in vpc_ids:
            targets.resting[vpc_id] = targets.requests.pop(vpc_id)


def _wait(requests: list[Request], settle: timedelta, now: datetime) -> timedelta:
    """How long the VPC can still be left alone; nothing where anything but a tool's change from the queue asks."""
    sent = [
        request.sent_at for request in requests if request.trigger.kind == "change" and request.tool and request.sent_at
    ]
    return min(sent) + settle - now if sent and len(sent) == len(requests) else timedelta(0)
