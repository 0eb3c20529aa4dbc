"""What became of endpoints that were made: ready, failed, gone, or still coming up."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifeline.core.network.model import FAILED_STATES, EndpointState, Vpc

FRESH_FOR = timedelta(minutes=10)  # how long EC2 may not show a new endpoint before it counts as deleted
MOST_FAILURES = 2  # an endpoint that failed twice in a row waits for a person
LONGEST = timedelta(minutes=30)  # how long one may be pending before a person should look
DELETED = "someone deleted it"
STILL = "it is still"  # begins the words on an endpoint that is pending for too long


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint that Lifeline made. `is_settled` once nothing more is to be learnt of it.

    `ready_at` is when it was first seen available: it may have been so up to a minute earlier.
    """

    endpoint_id: str
    at: datetime
    is_settled: bool = False
    ready_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """What is known now. `ready` and `lost` are news: ids with how long they took, or what happened to them. `refused`
    are a hub's zones and Profiles that AWS refused lately, in its words, and `frozen` the services that must not be
    touched. `full` are the subnets that EC2 refused lately for want of addresses, the longest ago first.
    """

    made: Mapping[str, Made]
    failures: Mapping[str, int]
    ready: tuple[tuple[str, timedelta], ...] = ()
    lost: tuple[tuple[str, str], ...] = ()
    is_waiting: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    full: tuple[str, ...] = ()

    def fresh(self, now: datetime) -> frozenset[str]:
        """The endpoints that EC2 may not show yet."""
        open_ = (made for made in self.made.values() if not made.is_settled)
        return frozenset(made.endpoint_id for made in open_ if now - made.at < FRESH_FOR)

    def changes_plan(self, vpc: Vpc, now: datetime) -> bool:
        """True if the plan may differ without it: EC2 doesn't show an endpoint yet, one failed too often, AWS refused
        the hub's or a subnet, or something is frozen.
        """
        unseen = self.fresh(now) - {endpoint.id for endpoint in vpc.endpoints}
        return bool(unseen or self.refused or self.frozen or self.full) or any(
            count >= MOST_FAILURES for count in self.failures.values()
        )


def is_overdue(made: Mapping[str, Made], now: datetime) -> bool:
    """True if what became of an endpoint should be known by now: runs look at a new one each minute."""
    return any(not one.is_settled and now - one.at >= FRESH_FOR for one in made.values())


def follow(made: Mapping[str, Made], failures: Mapping[str, int], vpc: Vpc, *, now: datetime) -> Followed:
    """Judges each endpoint that isn't settled. One that is available forgets its service's failures; one that failed
    adds to them; one that is pending for longer than LONGEST, or gone, is settled as lost.
    """
    states = {endpoint.id: endpoint.state for endpoint in vpc.endpoints}
    reasons = {endpoint.id: endpoint.failure for endpoint in vpc.endpoints}
    known, counts = dict(made), Counter(failures)
    ready: list[tuple[str, timedelta]] = []
    lost: list[tuple[str, str]] = []
    is_waiting = False
    for service, last in sorted(made.items()):
        state, age = states.get(last.endpoint_id), now - last.at
        if last.is_settled:
            if counts[service] >= MOST_FAILURES and (state is None or state.is_gone):
                counts.pop(service)  # a person deleted what failed, as they were asked to: try again
            continue
        words = ""
        if state is EndpointState.AVAILABLE:
            ready.append((last.endpoint_id, age))
            counts.pop(service, None)
        elif state in FAILED_STATES:
            counts[service] += 1
            words = f"it {state.words}{': ' + reasons[last.endpoint_id] if reasons[last.endpoint_id] else ''}"
        elif state is None or state.is_gone:
            words = DELETED if age >= FRESH_FOR or state else ""
        elif age >= LONGEST:
            words = f"{STILL} {state} after {int(age.total_seconds() // 60)} minutes"
        if words:
            lost.append((last.endpoint_id, words))
        is_ready = state is EndpointState.AVAILABLE
        is_settled = is_ready or bool(words)
        is_waiting = is_waiting or not is_settled
        known[service] = replace(last, is_settled=is_settled, ready_at=now if is_ready else last.ready_at)
    return Followed(known, dict(counts), tuple(ready), tuple(lost), is_waiting)
