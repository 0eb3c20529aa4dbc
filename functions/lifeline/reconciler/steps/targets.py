"""Targets: from requests to VPCs, without those that an earlier run has answered already."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifeline.adapters.aws.lookup import Found, Lookup
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError, TransientError
from lifeline.core.history.entries import NO_VPC
from lifeline.core.network.model import AnyRef, RegionRef
from lifeline.core.requests.fields import is_vpc_id
from lifeline.core.requests.named import TAGGING
from lifeline.core.requests.request import MESSAGE, Request
from lifeline.core.requests.trigger import MOST_CAUSES, Trigger
from lifeline.core.requests.vpcs_touched import (
    VPCS_A_BATCH,
    VPCS_ASKED_A_BATCH,
    Lookups,
    attempted_on,
    ids_to_look_up,
    vpcs_touched,
)

_RECORDS = frozenset({"change", "attempt"})  # CloudTrail's, of a call that did something or failed
_NO_CAUSES = frozenset({"call", MESSAGE})  # no queue is believed that a person called
CONSISTENCY = timedelta(seconds=5)  # how long EC2 may take to show a change (EC2 guide: eventual consistency)


@dataclass(slots=True)
class Targets:
    """The VPCs to reconcile, each with the requests for it; `sweep` holds those for all VPCs.

    `resting` are VPCs that are debounced: a later run reconciles them. `releasing` are those that a person released
    and of which something is left, by the ledger. `there` are resources and VPCs that a look-up showed. `failed` are
    requests whose look-ups failed, with the error: they come again, and no other waits for them. `beyond` are those for
    which the batch has no room.
    """

    requests: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    sweep: list[Request] = field(default_factory=list)
    resting: dict[str, list[Request]] = field(default_factory=dict)
    releasing: set[str] = field(default_factory=set)
    there: frozenset[str] = frozenset()
    failed: list[tuple[Request, LifelineError]] = field(default_factory=list)
    beyond: list[Request] = field(default_factory=list)

    def add(self, request: Request, vpc_ids: frozenset[str] | None) -> None:
        """Adds a request for these VPCs, or for the region for None."""
        if vpc_ids is None:
            self.sweep.append(request)
        for vpc_id in vpc_ids or ():
            self.requests[vpc_id].append(request)

    def fail(self, request: Request, error: LifelineError) -> None:
        """Adds a request whose look-ups failed."""
        self.failed.append((request, error))

    def without_sweep(self) -> "Targets":
        """The targets without the requests for all VPCs."""
        return replace(self, sweep=[])

    def with_resting(self, vpc_ids: Collection[str]) -> "Targets":
        """The targets with these VPCs debounced."""
        left = {vpc_id: requests for vpc_id, requests in self.requests.items() if vpc_id not in vpc_ids}
        resting = {vpc_id: requests for vpc_id, requests in self.requests.items() if vpc_id in vpc_ids}
        return replace(self, requests=defaultdict(list, left), resting={**self.resting, **resting})

    def requests_for(self, vpc_id: str) -> list[Request]:
        """The requests for the VPC, by name or for all."""
        return [*self.requests.get(vpc_id, []), *self.sweep]

    def triggers(self, vpc_id: str) -> tuple[Trigger, ...]:
        """What set the run going for the VPC, the earliest first."""
        return _in_order(self.requests_for(vpc_id))

    @property
    def sweep_triggers(self) -> tuple[Trigger, ...]:
        """What asks for all VPCs, the earliest first."""
        return _in_order(self.sweep)

    def attempt(self, vpc_id: str) -> int:
        """How often the VPC was requeued after an attempt. Whoever asks anew starts the count anew."""
        return min((request.attempt for request in self.requests_for(vpc_id)), default=0)

    def requeued(self, vpc_id: str) -> int:
        """How often in a row runs have put the VPC back. Whoever asks anew starts the count anew."""
        return min((request.requeued for request in self.requests_for(vpc_id)), default=0)

    def is_followed(self, vpc_id: str) -> bool:
        """True if a request asks what became of its new endpoints."""
        return any(request.is_follow for request in self.requests.get(vpc_id, []))

    def is_release(self, vpc_id: str) -> bool:
        """True if a person releases what is Lifeline's there, or did before. It counts, whatever others ask for."""
        return vpc_id in self.releasing or any(request.is_release for request in self.requests_for(vpc_id))

    def requeue_causes(self, vpc_id: str) -> tuple[Trigger, ...]:
        """The triggers to requeue the VPC with, for the audit log and for notices."""
        return tuple(trigger for trigger in self.triggers(vpc_id) if trigger.kind not in _NO_CAUSES)[:MOST_CAUSES]

    def is_requested_by_a_person(self, vpc_id: str) -> bool:
        """True if a person names the VPC and waits for the answer."""
        return any(request.trigger.kind == "call" for request in self.requests.get(vpc_id, []))

    def changes(self, vpc_id: str) -> list[Trigger]:
        """The changes among what names the VPC."""
        return _changes(self.requests.get(vpc_id, []))


def find_targets(
    requests: Sequence[Request], lookup: Lookup, vpcs: VpcStore, home: RegionRef, *, is_debounced: bool = False
) -> Targets:
    """The VPCs that the requests touch. What can't be traced to a VPC is for the region, unless that was just done.

    However much the records name, a batch costs CALLS_A_BATCH look-ups and names VPCS_A_BATCH VPCs at most; whatever is
    beyond is for the region. Messages that ask for VPCs name VPCS_ASKED_A_BATCH of them at most; the others are put
    back. Those that name little go first. If `is_debounced`, the VPCs that tools changed are looked up as well, because
    nobody observes them soon.
    """
    records = [request for request in requests if request.trigger.kind in _RECORDS]
    records.sort(key=lambda request: len(request.changed_ids))  # stable, so the queue's order counts among equals
    lookups = Lookups()
    wanted = [(request, _to_look_up(request, is_debounced=is_debounced)) for request in records]
    is_within = [lookups.add(ids) for _, ids in wanted]
    found = lookup.vpcs_of(lookups.calls) if lookups.calls else Found({}, {})
    targets = Targets(there=frozenset(found.vpcs).union(*found.vpcs.values()))
    asked: set[str] = set()
    for request in sorted(requests, key=lambda request: len(request.vpc_ids)):
        if request.trigger.kind in _RECORDS:
            continue
        if request.sent_at and len(asked.union(request.vpc_ids)) > VPCS_ASKED_A_BATCH:
            targets.beyond.append(request)
            continue
        asked |= set(request.vpc_ids)
        targets.add(request, None if request.is_sweep else frozenset(request.vpc_ids))
    named: set[str] = set()
    for (request, ids), is_looked_up in zip(wanted, is_within, strict=True):
        error = next((found.failed[resource_id] for resource_id in sorted(ids) if resource_id in found.failed), None)
        touched = _touched(request, found.vpcs) if is_looked_up else None
        if touched is not None and len(named | touched) > VPCS_A_BATCH:
            touched = None
        if touched is None and request.trigger.kind == "attempt":  # it is about one VPC, never about the region
            error = error or TransientError("the batch names too many resources", code="TooManyResources")
        if error:
            targets.fail(request, error)
        elif touched is not None or not is_answered(home, [request], vpcs):
            targets.add(request, touched)
            named |= touched or frozenset()
    return targets


def not_yet_answered(targets: Targets, vpcs: VpcStore, home: RegionRef) -> tuple[list[str], dict[str, VpcState]]:
    """The VPCs whose requests came after, or too shortly before, they were last reconciled: a burst is one run. And the
    states of those that only changes name: no request saves anything there.
    """
    sent = {vpc_id: _sent(requests) for vpc_id, requests in targets.requests.items()}
    found = vpcs.load_all(home.vpc(vpc_id) for vpc_id, at in sent.items() if at)
    states = {ref.vpc_id: state for ref, state in found.items()}
    return [id_ for id_ in sorted(sent) if not _is_answered(sent[id_], states.get(id_))], states


def changes_by_vpc(requests: Iterable[Request], targets: Targets, known: Collection[str]) -> list[tuple[str, Trigger]]:
    """Who changed what, by VPC, for the audit log: also where a run had answered it, or the VPC is gone, and under
    NO_VPC what couldn't be traced to any.

    `known` are the VPCs that EC2 showed to this run or an earlier one. Nothing is recorded under any other ID, which
    could be anything, unless the change is that the VPC was deleted.
    """
    named = [*targets.requests.items(), *targets.resting.items()]
    deleted = (vpc_id for vpc_id, waiting in named for change in _changes(waiting) if change.event_name == "DeleteVpc")
    known = frozenset(known).union(deleted)
    traced = [(vpc_id, trigger) for vpc_id, waiting in named if vpc_id in known for trigger in _changes(waiting)]
    triggers = {trigger for _, trigger in traced}
    changes = [request.trigger for request in requests if request.trigger.kind == "change"]
    found = traced + [(NO_VPC, trigger) for trigger in changes if trigger not in triggers]
    there = targets.there.union(known)
    return [(vpc_id, as_recorded(trigger, there)) for vpc_id, trigger in found]


def is_answered(ref: AnyRef, requests: Iterable[Request], vpcs: VpcStore) -> bool:
    """True if every request is a change from the queue, and a run began long enough after the last of them was sent."""
    sent = _sent(requests)
    return bool(sent) and _is_answered(sent, vpcs.load(ref))


def _sent(requests: Iterable[Request]) -> datetime | None:
    """When the last of the requests was sent; None unless all are changes from the queue."""
    sent = [request.sent_at if request.trigger.kind == "change" else None for request in requests]
    return None if None in sent else max(filter(None, sent), default=None)


def _is_answered(sent: datetime | None, state: VpcState | None) -> bool:
    reconciled_at = state.reconciled_at if state else None
    return bool(sent and reconciled_at and reconciled_at >= sent + CONSISTENCY)


def _changes(requests: Iterable[Request]) -> list[Trigger]:
    return [request.trigger for request in requests if request.trigger.kind == "change"]


def as_recorded(trigger: Trigger, there: Collection[str] = ()) -> Trigger:
    """The change for the audit log: without ids that EC2 doesn't know, except where the call may have deleted what they
    name.
    """
    is_tagging = trigger.event_name in TAGGING
    ids = (id_ for id_ in trigger.ids if id_ in there or not (is_tagging or is_vpc_id(id_)))
    return replace(trigger, ids=frozenset(ids))


def _in_order(requests: Iterable[Request]) -> tuple[Trigger, ...]:
    found = [trigger for request in requests for trigger in _causes(request)]
    return tuple(sorted(dict.fromkeys(found), key=lambda trigger: trigger.time))


def _causes(request: Request) -> tuple[Trigger, ...]:
    """The triggers of a requeued request, else what the request says itself. Only the queue is believed."""
    return request.because if request.because and request.sent_at else (request.trigger,)


def _to_look_up(request: Request, *, is_debounced: bool) -> frozenset[str]:
    name, ids = request.trigger.event_name, request.changed_ids
    if request.trigger.kind == "attempt":
        on = attempted_on(name, ids)
        return frozenset({on} if on and not is_vpc_id(on) else ())
    tools = frozenset(request.vpc_ids) if is_debounced and request.tool else frozenset[str]()
    return ids_to_look_up(name, ids) | tools


def _touched(request: Request, found: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    """The VPCs that a record is about, None for the region. A refused call changed nothing, so it is about the one VPC
    that it was on, or none.
    """
    name, ids = request.trigger.event_name, request.changed_ids
    if request.trigger.kind == "change":
        return vpcs_touched(name, ids, found)
    on = attempted_on(name, ids)
    vpcs = frozenset({on}) if is_vpc_id(on) else found.get(on, frozenset())
    return vpcs if len(vpcs) == 1 else frozenset()
