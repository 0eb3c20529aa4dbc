"""Targets: from requests to VPCs, without those that an earlier run has answered already."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.history.entries import NO_VPC
from lifeline.core.network.model import AnyRef, RegionRef
from lifeline.core.requests.calls import MOST_CAUSES
from lifeline.core.requests.request import Request, Trigger
from lifeline.core.requests.vpcs_touched import ids_to_look_up, vpcs_touched

_RECORDS = frozenset({"change", "attempt"})  # CloudTrail's, of a call that did something or failed
CONSISTENCY = timedelta(seconds=5)  # how long EC2 may take to show a change (EC2 guide: eventual consistency)


@dataclass(slots=True)
class Targets:
    """The VPCs to reconcile, each with the requests for it; `sweep` holds those for all VPCs.

    `resting` are VPCs that are debounced: a later run reconciles them. `releasing` are those that a person released
    and of which something is left, by the ledger.
    """

    requests: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    sweep: list[Request] = field(default_factory=list)
    resting: dict[str, list[Request]] = field(default_factory=dict)
    releasing: set[str] = field(default_factory=set)

    def requests_for(self, vpc_id: str) -> list[Request]:
        """The requests for the VPC, by name or for all."""
        return [*self.requests.get(vpc_id, []), *self.sweep]

    def triggers(self, vpc_id: str) -> tuple[Trigger, ...]:
        """What set the run going for the VPC, the earliest first."""
        found = [trigger for request in self.requests_for(vpc_id) for trigger in _causes(request)]
        return tuple(sorted(dict.fromkeys(found), key=lambda trigger: trigger.time))

    def attempt(self, vpc_id: str) -> int:
        """How often the VPC was requeued after an attempt. Whoever asks anew starts the count anew."""
        return min((request.attempt for request in self.requests_for(vpc_id)), default=0)

    def is_followed(self, vpc_id: str) -> bool:
        """True if a request asks what became of its new endpoints."""
        return any(request.is_follow for request in self.requests.get(vpc_id, []))

    def is_release(self, vpc_id: str) -> bool:
        """True if a person releases what is Lifeline's there, or did before. It counts, whatever others ask for."""
        return vpc_id in self.releasing or any(request.is_release for request in self.requests_for(vpc_id))

    def requeue_causes(self, vpc_id: str) -> tuple[Trigger, ...]:
        """The triggers to requeue the VPC with, for the audit log and for notices."""
        return tuple(trigger for trigger in self.triggers(vpc_id) if trigger.kind != "call")[:MOST_CAUSES]

    def is_requested_by_a_person(self, vpc_id: str) -> bool:
        """True if a person names the VPC and waits for the answer."""
        return any(
            request.trigger.kind == "call" and request.sent_at is None for request in self.requests.get(vpc_id, [])
        )

    def changes(self, vpc_id: str) -> list[Trigger]:
        """The changes among what names the VPC."""
        return _changes(self.requests.get(vpc_id, []))


def find_targets(requests: Sequence[Request], lookup: Lookup, vpcs: VpcStore, home: RegionRef) -> Targets:
    """The VPCs that the requests touch. What can't be traced to a VPC is for the region, unless that was just done."""
    targets = Targets()
    records = [request for request in requests if request.trigger.kind in _RECORDS]
    ids = frozenset(
        resource_id
        for request in records
        for resource_id in ids_to_look_up(request.trigger.event_name, request.changed_ids)
    )
    found = lookup.vpcs_of(ids) if ids else {}
    for request in requests:
        touched = _touched(request, found)
        if touched is None and not is_answered(home, [request], vpcs):
            targets.sweep.append(request)
        for vpc_id in touched or ():
            targets.requests[vpc_id].append(request)
    return targets


def not_yet_answered(targets: Targets, vpcs: VpcStore, home: RegionRef) -> list[str]:
    """The VPCs whose requests came after, or too shortly before, they were last reconciled: a burst is one run."""
    vpc_ids = sorted(targets.requests)
    answered = run_concurrently(
        [partial(is_answered, home.vpc(vpc_id), targets.requests[vpc_id], vpcs) for vpc_id in vpc_ids]
    )
    return [vpc_id for vpc_id, is_done in zip(vpc_ids, answered, strict=True) if not is_done]


def changes_by_vpc(requests: Iterable[Request], targets: Targets) -> list[tuple[str, Trigger]]:
    """Who changed what, by VPC, for the audit log: also where a run had answered it, or the VPC is gone, and under
    NO_VPC what couldn't be traced to any.
    """
    named = [*targets.requests.items(), *targets.resting.items()]
    traced = [(vpc_id, trigger) for vpc_id, waiting in named for trigger in _changes(waiting)]
    known = {trigger for _, trigger in traced}
    changes = [request.trigger for request in requests if request.trigger.kind == "change"]
    return traced + [(NO_VPC, trigger) for trigger in changes if trigger not in known]


def is_answered(ref: AnyRef, requests: Iterable[Request], vpcs: VpcStore) -> bool:
    """True if every request is a change from the queue, and a run began long enough after the last of them was sent."""
    waiting = list(requests)
    sent = [request.sent_at for request in waiting if request.trigger.kind == "change" and request.sent_at]
    if not sent or len(sent) != len(waiting):
        return False
    reconciled_at = vpcs.load(ref).reconciled_at
    return reconciled_at is not None and reconciled_at >= max(sent) + CONSISTENCY


def _changes(requests: Iterable[Request]) -> list[Trigger]:
    return [request.trigger for request in requests if request.trigger.kind == "change"]


def _causes(request: Request) -> tuple[Trigger, ...]:
    """The triggers of a requeued request, else what the request says itself. Only the queue is believed."""
    return request.because if request.because and request.sent_at else (request.trigger,)


def _touched(request: Request, found: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    if request.is_sweep:
        return None
    if request.trigger.kind not in _RECORDS:
        return frozenset(request.vpc_ids)
    touched = vpcs_touched(request.trigger.event_name, request.changed_ids, found)
    if touched is None and request.trigger.kind == "attempt":
        return frozenset()  # nothing changed, so nothing is missed
    return touched
