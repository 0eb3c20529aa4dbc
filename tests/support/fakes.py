"""A run's tools in memory: a network that does what it is asked, a ledger, and one journal of all that is done."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Self, cast

from lifeline.adapters.aws.endpoints import AppliedIds
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.errors import TransientError
from lifeline.core.guards.limits import Usage
from lifeline.core.network.askers import Askers
from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import AnyRef, Catalog, RegionRef, Vpc, VpcRef
from lifeline.core.network.ownership import Owned
from lifeline.core.notices.notice import Notice
from lifeline.core.plan.actions import Action
from lifeline.reconciler.steps.job import Tools
from tests.support.builders import CATALOG
from tests.support.event_history import recorded

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Fakes:
    """Everything that a run asks, and in which order. `fail` names the entries of the journal that fail instead.

    The stack has enforced for long, so that nothing of the VPCs is in the backlog.
    """

    vpcs: list[Vpc]
    states: dict[str, VpcState] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)
    fail: set[str] = field(default_factory=set)
    leased: set[str] = field(default_factory=set)
    full: set[str] = field(default_factory=set)
    region: VpcState = field(default_factory=lambda: VpcState(enforced_since=LONG_AGO, swept_at=LONG_AGO))
    usage: Usage = field(default_factory=Usage)
    kill_switch: str = ""
    notices: list[Notice] = field(default_factory=list)

    def note(self, entry: str) -> None:
        if entry in self.fail:
            raise TransientError(f"{entry} failed", code="ServiceUnavailable")
        self.journal.append(entry)

    def tools(self) -> Tools:
        me = cast("Any", self)
        kill_switch = SimpleNamespace(why_on=lambda: self.kill_switch)
        guards = SimpleNamespace(
            kill_switch=kill_switch, limit_usage=me, approvals=me, paths=None, usage_of_all=None, places=None
        )
        tools = dict.fromkeys(
            (
                "network",
                "lookup",
                "history",
                "central",
                "endpoints",
                "audit",
                "calls",
                "queue",
                "notices",
                "bus",
                "policies",
            ),
            me,
        )
        keeps = dict.fromkeys(("see", "forget_zones", "delete"), lambda *_: None)
        ownership = SimpleNamespace(read=lambda _: self.records(), **keeps)
        return Tools(
            **tools, ownership=cast("Any", ownership), vpcs=cast("Any", FakeStore(self)), guards=cast("Any", guards)
        )

    def records(self) -> dict[str, Owned]:
        """What the VPCs say of themselves."""
        return {
            resource.id: Owned(vpc.id, datetime.min.replace(tzinfo=UTC))
            for vpc in self.vpcs
            for resource in vpc.ownable
            if resource.on_record
        }

    # ---- the network

    def observe(self, vpc_ids: Iterable[str] | None) -> tuple[Vpc, ...]:
        asked = None if vpc_ids is None else set(vpc_ids)
        self.note("observe")
        return tuple(vpc for vpc in self.vpcs if asked is None or vpc.id in asked)

    def with_groups(self, vpcs: Sequence[Vpc], _ids: Collection[str]) -> tuple[Vpc, ...]:
        return tuple(vpcs)

    def with_dns(self, vpcs: Sequence[Vpc]) -> tuple[Vpc, ...]:
        return tuple(replace(vpc, dns_support=True, dns_hostnames=True) for vpc in vpcs)

    def with_clients(self, vpcs: Sequence[Vpc], *_: object) -> tuple[Vpc, ...]:
        return tuple(vpcs)

    def interfaces_of(self, _: Iterable[str]) -> dict[str, Any]:
        return {}

    def askers(self) -> Askers:
        return Askers()

    def catalog(self) -> Catalog:
        return CATALOG

    def view(self, _: str, **__: object) -> DnsView:
        return DnsView()

    def find(self, event_id: str) -> Any:
        return recorded(event_id)

    def interfaces_in(self, vpc_ids: Iterable[str]) -> Mapping[str, tuple[()]]:
        self.note(f"interfaces in {', '.join(vpc_ids)}")
        return dict.fromkeys(vpc_ids, ())

    def users_of_security_groups(self, ids: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        return dict.fromkeys(ids, ())

    def reserve_endpoint_call(self, **_: object) -> timedelta:
        return timedelta(0)

    def apply(self, action: Action, **_: object) -> AppliedIds:
        self.note(f"apply {action.kind}")
        return AppliedIds(endpoint_id="vpce-9", security_group_id="sg-9")

    # ---- the ledger beside states

    def record_actions(self, *_: object) -> None:
        self.note("record actions")

    def keeping(self, _: timedelta) -> Self:
        return self

    def under(self, _: object) -> Self:
        return self

    def record_changes(self, *_: object, **__: object) -> None:
        self.note("record changes")

    def record_outcomes(self, *_: object, **__: object) -> None:
        pass

    def read(self) -> Usage:
        return self.usage

    def change(self, decide: Any) -> Any:
        self.usage, said = decide(self.usage)
        self.note("count against the limits")
        return said

    # ---- the rest

    def publish(self, notice: Notice) -> None:
        self.note(f"publish {notice.kind}")
        self.notices.append(notice)

    def send(self, events: Iterator[object]) -> None:
        list(events)

    def requeue(self, _: Iterable[str], *, after: timedelta, **__: object) -> None:
        self.note(f"requeue after {int(after.total_seconds())} s")


@dataclass
class FakeStore:
    """The states of VPCs. Each save says in the journal which attributes it writes."""

    fakes: Fakes

    def load(self, ref: AnyRef) -> VpcState:
        return self.fakes.states.get(_name(ref), VpcState() if isinstance(ref, VpcRef) else self.fakes.region)

    def load_all[Ref: AnyRef](self, refs: Iterable[Ref]) -> dict[Ref, VpcState]:
        return {ref: self.load(ref) for ref in refs}

    def take_lease(self, ref: VpcRef, *_: object, **__: object) -> VpcState | None:
        return None if ref.vpc_id in self.fakes.leased else self.load(ref)

    def return_lease(self, *_: object) -> None:
        pass

    def save(self, ref: AnyRef, before: VpcState, after: VpcState, *, now: datetime) -> None:  # noqa: ARG002
        names = VpcState.__dataclass_fields__
        changed = {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
        for name in changed:
            self.fakes.note(f"save {name}")
        self.fakes.states[_name(ref)] = replace(self.load(ref), **changed)

    def delete(self, *_: object, **__: object) -> bool:
        return False

    def keeping(self, _: timedelta) -> Self:
        return self

    def listed(self, vpc_list: VpcList, home: RegionRef) -> frozenset[VpcRef]:
        return frozenset(home.vpc(vpc_id) for vpc_id, state in self.fakes.states.items() if vpc_list.holds(state))


def _name(ref: AnyRef) -> str:
    return ref.vpc_id if isinstance(ref, VpcRef) else "region"
