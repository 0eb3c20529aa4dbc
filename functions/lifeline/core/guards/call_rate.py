"""How fast endpoints may be created: AWS's own token bucket, kept where every run sees it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

CAPACITY = 4.0
REFILL_PER_S = 0.3


@dataclass(frozen=True, slots=True)
class Bucket:
    """Calls left at a moment. Below zero, calls were promised to runs that wait for their turn."""

    tokens: float
    at: datetime


def reserve(bucket: Bucket | None, *, now: datetime, patience: timedelta) -> tuple[Bucket, timedelta] | None:
    """A turn for one call: the bucket afterwards, and how long to wait for it; None if that is longer than `patience`.

    CreateVpcEndpoint, ModifyVpcEndpoint and DeleteVpcEndpoints share a bucket of 4 calls, refilled at 0.3 a second, for
    the account and region (EC2 developer guide: request throttling). A bucket never seen before is full; one from a
    clock that is ahead of ours isn't refilled.
    """
    tokens = CAPACITY
    if bucket:
        passed = max(timedelta(0), now - bucket.at)
        tokens = min(CAPACITY, bucket.tokens + passed.total_seconds() * REFILL_PER_S)
    left = tokens - 1
    wait = timedelta(seconds=max(0.0, -left / REFILL_PER_S))
    return (Bucket(tokens=left, at=now), wait) if wait <= patience else None
