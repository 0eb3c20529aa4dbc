"""The simulated region: machines in VPCs, a clock, changes on record, and a ReconcileEndpoints that mends."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

from lifeline.core.agents.series import Series
from lifeline.core.agents.watches import Maintenance, Watch
from lifeline.core.history.change import Change
from lifeline.core.incidents.incident import CauseKind
from lifeline.core.network.model import EndpointState, TargetKind
from lifeline.core.plan.endpoint_lifecycle import Made
from tests.simulation.machines import FOREVER, MINUTE, Fault, Machine, at
from tests.simulation.places import DENY_ALL, Place

NETWORK = frozenset(kind for kind in CauseKind if kind.is_network)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A time in which AWS doesn't answer. `part` of 20 is the share of series that `points` makes unreadable."""

    what: str  # points, list, ec2, notices, roster
    since: int
    until: int
    part: int = 0


@dataclass
class Isolation:
    """A time in which subnets have no way out but through endpoints."""

    place: Place
    subnet_ids: frozenset[str]
    since: int
    until: int = FOREVER

    def keeps_from(self, service: str, machine: Machine, since: int, until: int) -> bool:
        """Whether the machine couldn't reach the service at some time between."""
        end = min(self.until, self.place.arrived.get(service, FOREVER))
        return machine.subnet_id in self.subnet_ids and self.since < until and since < end


@dataclass
class World:
    """Everything that is true. `faults` is what was injected, for the oracle."""

    watch: Watch
    random: Random
    ends: int
    places: dict[str, Place] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    by_series: dict[Series, Machine] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    maintenance: list[Maintenance] = field(default_factory=list)
    isolations: list[Isolation] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    last_change: int | None = None
    now: int = 0
    _events: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)

    # ---- the clock

    def later(self, when: int, do: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), do))

    def advance(self, until: int) -> None:
        """Lets happen what happens up to then."""
        while self._events and self._events[0][0] <= until:
            self.now, _, do = heapq.heappop(self._events)
            do()
        self.now = until

    def is_troubled(self, what: str, entity: str = "", now: int | None = None) -> bool:
        moment = self.now if now is None else now
        return any(
            one.what == what and one.since <= moment < one.until and (not entity or _part(entity) < one.part)
            for one in self.troubles
        )

    # ---- who is there

    def add(self, machine: Machine) -> None:
        self.machines[machine.entity] = machine
        self.by_series |= dict.fromkeys(machine.series, machine)

    def machines_in(self, subnet_ids: Iterable[str]) -> list[Machine]:
        wanted = set(subnet_ids)
        return [one for one in self.machines.values() if one.subnet_id in wanted and one.power.value == "running"]

    # ---- faults

    def begin(self, fault: Fault, machines: Iterable[Machine]) -> Fault:
        fault.began = self.now
        self.faults.append(fault)
        for machine in machines:
            machine.block_frozen(fault, self.now)
        return fault

    def release(self, fault: Fault, slowest: int, *, quickest: int = 0) -> None:
        """The fault is over; its agents come back one by one."""
        fault.ended = min(fault.ended, self.now)
        for machine in fault.machines:
            self._return(machine, fault, self.now + self.random.randint(quickest, slowest))

    def _return(self, machine: Machine, fault: Fault, when: int) -> None:
        self.later(when, lambda: machine.let_go(fault, self.now))

    def record(self, place: Place, event_name: str, actor: str, *ids: str) -> Change:
        """The ledger hears of a change, as CloudTrail tells it."""
        kept = self.changes.setdefault(place.id, [])
        change = Change(at(self.now), f"event-{place.number:02}-{len(kept):04}", event_name, actor, frozenset(ids))
        kept.append(change)
        self.last_change = self.now
        return change

    # ---- network faults

    def cut(self, place: Place, table_id: str, actor: str, *, is_recorded: bool, reopened_after: int = 0) -> None:
        """Somebody deletes a default route; with `reopened_after` somebody puts it back."""
        table = next(one for one in place.tables if one.id == table_id)
        if table.out is None:
            return
        path, table.out = table.out, None
        self.isolations.append(Isolation(place, table.subnet_ids, self.now))
        if is_recorded:
            self.record(place, "DeleteRoute", actor, table_id)
            self.later(self.now + self.random.randint(20, 60), lambda: self.reconcile(place))
        if place.has("monitoring"):
            return
        name = "route cut" if is_recorded else "route cut, event lost"
        known = actor if is_recorded else ""
        fault = Fault(name, NETWORK, actor=known, vpc_id=place.id, service="monitoring", is_one=True)
        self.begin(fault, self.machines_in(table.subnet_ids))
        if reopened_after:
            self.later(self.now + reopened_after, lambda: self._reopen(place, table_id, path, fault))

    def _reopen(self, place: Place, table_id: str, path: TargetKind, fault: Fault) -> None:
        table = next(one for one in place.tables if one.id == table_id)
        if table.out is None:
            table.out = path
            for one in self.isolations:
                if one.subnet_ids == table.subnet_ids:
                    one.until = min(one.until, self.now)
            self.record(place, "CreateRoute", "on-call", table_id)
            self.release(fault, 3 * MINUTE)

    def reconcile(self, place: Place) -> None:
        """ReconcileEndpoints looks at the VPC: what is missing there, and may be made, is made in 1 to 3 minutes."""
        if not place.is_mended:
            return
        if not place.is_group_open:
            self.later(self.now + self.random.randint(MINUTE, 3 * MINUTE), lambda: self._open_group(place, "lifeline"))
        for service in place.wanted:
            if service not in place.endpoints and service not in place.being_made and place.isolated():
                place.being_made.add(service)
                self._make(place, service, self.now + self.random.randint(MINUTE, 3 * MINUTE) // 2)

    def _make(self, place: Place, service: str, when: int) -> None:
        def create() -> None:
            endpoint = place.add_endpoint(service, EndpointState.PENDING)
            place.made[service] = Made(endpoint.id, at(self.now))
            self.later(self.now + self.random.randint(MINUTE // 2, MINUTE * 3 // 2), arrive)

        def arrive() -> None:
            endpoint = place.change_endpoint(service, state=EndpointState.AVAILABLE)
            place.arrived[service] = self.now
            place.made[service] = replace(place.made[service], is_settled=True, ready_at=at(self.now))
            assert endpoint.id == place.made[service].endpoint_id
            for fault in self.faults:
                if fault.vpc_id == place.id and fault.service == service and fault.ended == FOREVER:
                    self.release(fault, 11 * MINUTE)

        self.later(when, create)

    def close_group(self, place: Place, actor: str, *, lasts: int) -> None:
        """Somebody takes the rule for 443 out of the endpoint's security group."""
        place.is_group_open = False
        self.record(place, "RevokeSecurityGroupIngress", actor, place.security_group_id)
        fault = Fault(
            "group closed", NETWORK, actor=actor, vpc_id=place.id, service="group", is_of_all=True, is_one=True
        )
        self.begin(fault, self.machines_in(one.id for one in place.subnets))
        self.later(self.now + lasts, lambda: self._open_group(place, actor))

    def _open_group(self, place: Place, actor: str) -> None:
        if not place.is_group_open:
            place.is_group_open = True
            if actor != "lifeline":
                self.record(place, "AuthorizeSecurityGroupIngress", actor, place.security_group_id)
            for fault in self.faults:
                if fault.vpc_id == place.id and fault.service == "group" and fault.ended == FOREVER:
                    self.release(fault, 3 * MINUTE)

    def deny_by_endpoint(self, place: Place, actor: str, *, lasts: int) -> None:
        """Somebody gives the endpoint a policy that allows nothing."""
        endpoint = place.change_endpoint("monitoring", policy=DENY_ALL)
        self.record(place, "ModifyVpcEndpoint", actor, endpoint.id)
        kinds = frozenset({CauseKind.ENDPOINT_POLICY})
        fault = Fault("endpoint policy", kinds, vpc_id=place.id, is_of_all=True, is_one=True)
        self.begin(fault, self.machines_in(one.id for one in place.subnets))

        def allow() -> None:
            place.change_endpoint("monitoring", policy="")
            self.record(place, "ModifyVpcEndpoint", actor, endpoint.id)
            self.release(fault, 2 * MINUTE)

        self.later(self.now + lasts, allow)

    def deny_by_role(self, profile: str, *, lasts: int) -> None:
        self.denied.add(profile)
        fault = Fault("role denied", frozenset({CauseKind.ROLE}), profile=profile, is_one=True)
        users = [one for one in self.machines.values() if one.profile == profile and one.power.value == "running"]
        self.begin(fault, users)

        def allow() -> None:
            self.denied.discard(profile)
            self.release(fault, 2 * MINUTE)

        self.later(self.now + lasts, allow)

    def restart_without_tags(self, place: Place, machines: Iterable[Machine]) -> None:
        """Agents that add their Auto Scaling group start anew, and send nothing until they reach `ec2`."""
        if place.has("ec2"):
            return
        fault = Fault("restarted without ec2", NETWORK, vpc_id=place.id, service="ec2", is_one=True)
        self.begin(fault, machines)

    # ---- faults of machines

    def crash(self, machine: Machine, *, lasts: int, name: str = "crash") -> Fault:
        kinds = {CauseKind.AGENT, CauseKind.FLAPPING} if name == "flapping" else {CauseKind.AGENT}
        fault = self.begin(Fault(name, frozenset(kinds)), [machine])
        self.later(self.now + lasts, lambda: self.release(fault, 0))
        return fault

    def impair(self, machine: Machine, *, lasts: int) -> None:
        machine.is_impaired = True
        fault = self.begin(Fault("impaired", frozenset({CauseKind.MACHINE})), [machine])

        def repair() -> None:
            machine.is_impaired = False
            self.release(fault, 2 * MINUTE)

        self.later(self.now + lasts, repair)

    def fail_zone(self, zone: str, *, lasts: int) -> None:
        there = [one for one in self.machines.values() if one.zone == zone and one.power.value == "running"]
        fault = self.begin(Fault("zone", frozenset({CauseKind.ZONE}), is_one=True), there)
        self.later(self.now + lasts, lambda: self.release(fault, 2 * MINUTE))

    def stop(self, machines: Iterable[Machine], *, lasts: int) -> None:
        """Instances are stopped; unless that is for good, they start again, each agent 1 to 5 minutes later."""
        for machine in machines:
            if machine.power.value != "running":
                continue
            name = "stopped" if lasts else "terminated"
            fault = self.begin(Fault(name, frozenset(), is_excused=True), [machine])
            machine.stop(self.now, is_for_good=not lasts)
            if lasts:
                self.later(self.now + lasts, self._starting(machine, fault))

    def _starting(self, machine: Machine, fault: Fault) -> Callable[[], None]:
        def start() -> None:
            machine.start(self.now)
            self.release(fault, 5 * MINUTE, quickest=MINUTE)

        return start

    def maintain(
        self, window: Maintenance, machines: Iterable[Machine], *, lasts: int, overdue: Machine | None
    ) -> None:
        """Agents are down within the window; the one that is overdue stays down for half an hour longer."""
        fault = self.begin(Fault("maintenance", frozenset({CauseKind.AGENT})), [])
        for machine in machines:
            machine.block_frozen(fault, self.now)
            more = 30 * MINUTE + lasts if machine is overdue else lasts
            self._return(machine, fault, self.now + more)
        assert window in self.maintenance

    def launch_silent(self, machine: Machine, *, starts_after: int) -> None:
        """An instance whose tag says that an agent should report, and none does, or only much later."""
        machine.launched = self.now
        machine.launches.append(self.now)
        self.add(machine)
        fault = self.begin(Fault("never reported", frozenset({CauseKind.AGENT})), [machine])
        if starts_after:
            self.later(self.now + starts_after, lambda: self.release(fault, 0))

    def launch(self, machine: Machine) -> None:
        """Scale-out: an instance starts, its agent 1 to 3 minutes later."""
        machine.launched = self.now
        machine.launches.append(self.now)
        self.add(machine)
        self.later(self.now + self.random.randint(MINUTE, 3 * MINUTE), lambda: machine.start_publishing(self.now))


def _part(entity: str) -> int:
    return int(entity[-4:]) % 20
