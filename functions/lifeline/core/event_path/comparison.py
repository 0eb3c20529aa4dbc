"""The daily comparison: which of the changes in CloudTrail's Event history reached ReconcileEndpoints.

Event history needs no trail, and events do. So what it has and the queue never got was lost on the way.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from math import ceil
from typing import Any

from lifeline.core.requests.named import MEMBERS, TAGGING
from lifeline.core.wording import listed

NAMES = tuple(sorted(MEMBERS))
EVERY = timedelta(days=1)
STALE = timedelta(days=3)  # a comparison that ended longer ago says nothing of today
# Delivery is best effort (EventBridge reference: events via CloudTrail), and AWS says of no share how often it is lost.
# Of few changes it is a fault that none was heard, as with dry runs; of many, that most weren't.
_FEW, _MANY = 2, 20
_RESUMED = timedelta(days=2.5)  # what was heard is kept for 3 days
_LAG = timedelta(hours=1)  # by then, Event history has a call, which takes 5 minutes on average (CloudTrail guide)
_TAGGED = ("vpc-", "subnet-", "vpce-", "sg-")  # TagRule
_SHOWN = 5
_BYTES = 6


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of the changes between two moments. `position` is how many of the calls' names are compared.

    `happened` and `heard` are how many changes there were, and how many of them reached the queue. `missed` are a few
    of the others, by name and event ID. `cut` are the names of calls of which there were too many to read them all.
    `happened_by` and `heard_by` are the same counts by the rule that lets the changes through, of those with any.
    """

    since: datetime
    until: datetime
    position: int = 0
    happened: int = 0
    heard: int = 0
    missed: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    happened_by: Mapping[str, int] = field(default_factory=dict)
    heard_by: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The call whose events are compared next; empty once all are."""
        return NAMES[self.position] if self.position < len(NAMES) else ""

    def counted(self, records: Iterable[Mapping[str, Any]], heard: Collection[str], *, is_cut: bool) -> "Comparison":
        """The same with the records of the next call."""
        matching = [record for record in records if is_matched(record)]
        missing = [record for record in matching if mark(_event_id(record)) not in heard]
        happened_by = Counter(MEMBERS[record["eventName"]].rule for record in matching)
        heard_by = happened_by - Counter(MEMBERS[record["eventName"]].rule for record in missing)
        words = (f"{record['eventName']} {_event_id(record)}" for record in missing)
        return replace(
            self,
            position=self.position + 1,
            happened=self.happened + len(matching),
            heard=self.heard + len(matching) - len(missing),
            missed=(*self.missed, *words)[:_SHOWN],
            cut=(*self.cut, self.name) if is_cut else self.cut,
            happened_by=dict(Counter(self.happened_by) + happened_by),
            heard_by=dict(Counter(self.heard_by) + heard_by),
        )

    @property
    def is_lost(self) -> bool:
        """True if so few of all changes were heard that it is a fault."""
        return _is_lost(self.happened, self.heard)

    @property
    def lost_rules(self) -> tuple[str, ...]:
        """The rules through which so few of their changes came that it is a fault: dry runs take another rule, so they
        are heard though one of these is disabled. Where it is one of all rules together, those that lost most.
        """
        by_rule = {rule: (count, self.heard_by.get(rule, 0)) for rule, count in sorted(self.happened_by.items())}
        lost = tuple(rule for rule, counts in by_rule.items() if _is_lost(*counts))
        if lost or not self.is_lost:
            return lost
        return tuple(rule for rule, (happened, heard) in by_rule.items() if 2 * heard < happened)

    @property
    def lost_words(self) -> str:
        """How many came through the lost rules; empty where there are none."""
        return listed([f"{self.heard_words(rule)} through {rule}" for rule in self.lost_rules])

    def heard_words(self, rule: str) -> str:
        """How many of a rule's changes were heard, as `none of 31` or `1 of 4,000`."""
        heard, happened = self.heard_by.get(rule, 0), self.happened_by.get(rule, 0)
        return f"{heard:,} of {happened:,}" if heard else f"none of {happened:,}"


@dataclass(frozen=True, slots=True)
class Comparisons:
    """The last comparison that was finished, and the one under way. `noted_since` is since when changes that are heard
    are noted: nothing is known of those before. `why` is why Event history couldn't be read the last time. `told` are
    the rules that lost most of their changes of which people know, until one day's are heard.
    """

    last: Comparison | None = None
    current: Comparison | None = None
    noted_since: datetime | None = None
    why: str = ""
    told: tuple[str, ...] = ()

    def begun(self, now: datetime) -> "Comparisons":
        """The same with a comparison under way, where one is due: of the day that follows the last one's, or where
        sweeps were missing for long, of the last day. One that is too old is dropped: the ledger no longer has all that
        was heard then.
        """
        if self.noted_since is None:
            return replace(self, noted_since=now)
        since, until = self.last.until if self.last else self.noted_since, now - _LAG
        current = self.current if self.current and now - self.current.since <= _RESUMED else None
        if current or until - since < EVERY:
            return replace(self, current=current)
        since = since if until - since < 2 * EVERY else until - EVERY
        return replace(self, current=Comparison(since, since + EVERY))

    def advanced(self, to: Comparison, why: str = "") -> "Comparisons":
        """The same once the one under way has got so far; `why` is why it got no further, if that isn't for time."""
        if to.name:
            return replace(self, current=to, why=why)
        told = tuple(rule for rule in self.told if not to.heard_by.get(rule) or rule in to.lost_rules)
        return replace(self, current=None, last=to, why=why, told=told)

    @property
    def news(self) -> tuple[str, ...]:
        """The last comparison's lost rules of which people don't know."""
        return tuple(rule for rule in self.last.lost_rules if rule not in self.told) if self.last else ()

    def lost_words(self, now: datetime) -> str:
        """Through which rules so few changes came lately that it is a fault, in words; empty where none is known."""
        words = self.last.lost_words if self.last and now - self.last.until <= STALE else ""
        return words and f"changes heard: {words}"

    def announced(self) -> "Comparisons":
        """The same once people know of the news."""
        return replace(self, told=tuple(sorted({*self.told, *self.news})))


def names_a_sweep(pause: timedelta) -> int:
    """How many names a sweep must compare, so that the sweeps of a day get through all of them: `pause` is the longest
    time between two sweeps.
    """
    return min(len(NAMES), ceil(len(NAMES) * pause / EVERY))


def _is_lost(happened: int, heard: int) -> bool:
    return (happened >= _FEW and not heard) or (happened >= _MANY and 2 * heard < happened)


def is_matched(record: Mapping[str, Any]) -> bool:
    """True if the rules on successful calls let the record through, as the template has them."""
    if record.get("eventSource") != "ec2.amazonaws.com" or record.get("errorCode") is not None:
        return False
    if record.get("eventName") not in TAGGING:
        return record.get("eventName") in MEMBERS
    request = record.get("requestParameters")
    resources = request.get("resourcesSet") if isinstance(request, dict) else None
    items = resources.get("items") if isinstance(resources, dict) else None
    ids = [item.get("resourceId") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return any(isinstance(resource_id, str) and resource_id.startswith(_TAGGED) for resource_id in ids)


def mark(event_id: str) -> str:
    """What the ledger keeps of a change that was heard: enough to tell a day's events apart."""
    return blake2b(event_id.encode(), digest_size=_BYTES).hexdigest()


def _event_id(record: Mapping[str, Any]) -> str:
    return str(record.get("eventID", ""))
