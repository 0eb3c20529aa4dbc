"""Whom to look at: from what was asked to VPCs, without the VPCs that a look has answered already."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from lifeline.adapters.aws.calls import side_by_side
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.store.vpcs import REGION, Ledger
from lifeline.core.coexist.canary import Withdrawal
from lifeline.core.history.entries import NO_VPC
from lifeline.core.requests.calls import MOST_CAUSES
from lifeline.core.requests.fields import is_time
from lifeline.core.requests.request import Ask, Trigger
from lifeline.core.requests.vpcs_touched import ids_to_look_up, vpcs_touched

_RECORDS = frozenset({"change", "attempt"})  # CloudTrail's, of a call that did something or failed
CONSISTENCY = timedelta(seconds=5)  # how long EC2 may take to show a change (EC2 guide: eventual consistency)


@dataclass(slots=True)
class Targets:
    """The VPCs to look at, each with who asked; `sweep` holds who asked for all of them.

    `resting` are VPCs that a later look has been asked for instead.
    """

    asks: dict[str, list[Ask]] = field(default_factory=lambda: defaultdict(list))
    sweep: list[Ask] = field(default_factory=list)
    resting: dict[str, list[Ask]] = field(default_factory=dict)

    def asks_for(self, vpc_id: str) -> list[Ask]:
        """Whoever asked for the VPC, by name or by asking for all."""
        return [*self.asks.get(vpc_id, []), *self.sweep]

    def triggers(self, vpc_id: str) -> tuple[Trigger, ...]:
        """What set the look at the VPC going, the earliest first."""
        found = [one for ask in self.asks_for(vpc_id) for one in _causes(ask)]
        return tuple(sorted(dict.fromkeys(found), key=lambda trigger: trigger.time))

    def attempt(self, vpc_id: str) -> int:
        """How often the VPC's work was put back so far."""
        return max((ask.attempt for ask in self.asks_for(vpc_id)), default=0)

    def is_followed(self, vpc_id: str) -> bool:
        """True if somebody asks what became of its new endpoints."""
        return any(ask.is_follow for ask in self.asks.get(vpc_id, []))

    def is_release(self, vpc_id: str) -> bool:
        """True if somebody gives up what is Lifeline's there. It counts, whoever asks beside them."""
        return any(ask.is_release for ask in self.asks_for(vpc_id))

    def withdrawals(self, vpc_id: str) -> tuple[Withdrawal, ...]:
        """The services whose private DNS is to be switched off there again. Only the queue is believed."""
        return tuple(
            Withdrawal(service, datetime.fromisoformat(one.time), one.event_id)
            for ask in self.asks.get(vpc_id, [])
            for service in (ask.withdraw if ask.sent_at else ())
            for one in ask.because
            if one.kind == "silence" and is_time(one.time)
        )

    def put_back_causes(self, vpc_id: str) -> tuple[Trigger, ...]:
        """What travels with the VPC's work when it is put back: silences first, for a withdrawal hangs on them."""
        found = sorted(self.triggers(vpc_id), key=lambda one: one.kind != "silence")
        return tuple(one for one in found if one.kind != "call")[:MOST_CAUSES]

    def is_asked_by_a_person(self, vpc_id: str) -> bool:
        """True if somebody names the VPC and waits for the answer."""
        return any(ask.trigger.kind == "call" and ask.sent_at is None for ask in self.asks.get(vpc_id, []))

    def attempts(self, vpc_id: str) -> list[Ask]:
        """Others' calls that failed, among what names the VPC, the earliest first."""
        found = [ask for ask in self.asks.get(vpc_id, []) if ask.trigger.kind == "attempt"]
        return sorted(found, key=lambda ask: ask.trigger.time)

    def changes(self, vpc_id: str) -> list[Trigger]:
        """The changes among what names the VPC."""
        return _changes(self.asks.get(vpc_id, []))


def find_targets(asks: Sequence[Ask], lookup: Lookup, ledger: Ledger) -> Targets:
    """The VPCs that the asks touch. What can't be traced to a VPC asks for the region, unless it was just looked at."""
    targets = Targets()
    records = [ask for ask in asks if ask.trigger.kind in _RECORDS]
    ids = frozenset(one for ask in records for one in ids_to_look_up(ask.trigger.event_name, ask.changed_ids))
    found = lookup.vpcs_of(ids) if ids else {}
    for ask in asks:
        touched = _touched(ask, found)
        if touched is None and not is_answered(REGION, [ask], ledger):
            targets.sweep.append(ask)
        for vpc_id in touched or ():
            targets.asks[vpc_id].append(ask)
    return targets


def not_yet_answered(targets: Targets, ledger: Ledger) -> list[str]:
    """The VPCs whose asks came after, or too shortly before, the last look at them: a burst is one look."""
    vpc_ids = sorted(targets.asks)
    answered = side_by_side([partial(is_answered, vpc_id, targets.asks[vpc_id], ledger) for vpc_id in vpc_ids])
    return [vpc_id for vpc_id, is_done in zip(vpc_ids, answered, strict=True) if not is_done]


def changes_by_vpc(asks: Iterable[Ask], targets: Targets) -> list[tuple[str, Trigger]]:
    """Who changed what, by VPC, for the record: also where a look had answered it, or the VPC is gone, and under NO_VPC
    what couldn't be traced to any.
    """
    named = [*targets.asks.items(), *targets.resting.items()]
    traced = [(vpc_id, one) for vpc_id, waiting in named for one in _changes(waiting)]
    known = {one for _, one in traced}
    changes = [ask.trigger for ask in asks if ask.trigger.kind == "change"]
    return traced + [(NO_VPC, one) for one in changes if one not in known]


def is_answered(vpc_id: str, asks: Iterable[Ask], ledger: Ledger) -> bool:
    """True if every ask is a change from the queue and a look began long enough after the last of them was sent."""
    waiting = list(asks)
    sent = [ask.sent_at for ask in waiting if ask.trigger.kind == "change" and ask.sent_at]
    if not sent or len(sent) != len(waiting):
        return False
    looked_at = ledger.recall(vpc_id).looked_at
    return looked_at is not None and looked_at >= max(sent) + CONSISTENCY


def _changes(asks: Iterable[Ask]) -> list[Trigger]:
    return [ask.trigger for ask in asks if ask.trigger.kind == "change"]


def _causes(ask: Ask) -> tuple[Trigger, ...]:
    """The changes behind work that was put back, else what the ask says itself. Only the queue is believed."""
    return ask.because if ask.because and ask.sent_at else (ask.trigger,)


def _touched(ask: Ask, found: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    if ask.is_sweep:
        return None
    if ask.trigger.kind not in _RECORDS:
        return frozenset(ask.vpc_ids)
    touched = vpcs_touched(ask.trigger.event_name, ask.changed_ids, found)
    if touched is None and ask.trigger.kind == "attempt":
        return frozenset()  # nothing changed, so nothing is missed
    return touched
