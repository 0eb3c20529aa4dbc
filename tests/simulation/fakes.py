"""The world as the detector's adapters show it, and a record of what the detector did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.instances import Instances
from lifeline.adapters.aws.network import Network
from lifeline.adapters.aws.repair_requests import RepairRequests
from lifeline.adapters.aws.roles import Roles
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.latest import LatestTimes
from lifeline.adapters.store.roster import Roster
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.agent import Agent, State
from lifeline.core.agents.instances import Health, Instance, Power
from lifeline.core.agents.roster import Chunk
from lifeline.core.agents.series import Readings, Series
from lifeline.core.agents.timing import Window
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import TransientError
from lifeline.core.history.change import Change
from lifeline.core.incidents.incident import Incident
from lifeline.core.network.dns import DnsView
from lifeline.core.network.iam_policy import Permission, RoleVerdict
from lifeline.core.network.model import Catalog, Vpc, VpcRef
from lifeline.core.notices.notice import Notice
from lifeline.detector.evidence import EvidenceSources
from lifeline.detector.loop import DetectorTools
from lifeline.detector.report import Report
from tests.simulation.machines import at, second_of
from tests.simulation.world import World
from tests.support.builders import CATALOG
from tests.support.home import HOME


@dataclass(frozen=True, slots=True)
class Standing:
    """What the roster says of an agent from one run on, until it says otherwise."""

    second: int
    state: State | None
    incident: str


@dataclass
class RunRecord:
    """One run: what it asked and wrote."""

    second: int
    report: Report | None = None
    first_read: int = 0
    read: int = 0
    chunks_written: int = 0
    incidents_written: int = 0


@dataclass
class Record:
    """Everything that the detector did, for the oracle to judge."""

    runs: list[RunRecord] = field(default_factory=list)
    agents: list[tuple[int, str, Agent | None]] = field(default_factory=list)
    standings: dict[str, list[Standing]] = field(default_factory=dict)
    incidents: dict[str, list[tuple[int, Incident]]] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)
    notices: list[tuple[int, Notice]] = field(default_factory=list)
    needless: list[str] = field(default_factory=list)
    needless_incidents: list[tuple[int, str]] = field(default_factory=list)

    @property
    def run(self) -> RunRecord:
        return self.runs[-1]


class SimulatedCloudWatch:
    """Shows each agent's datapoints as late as CloudWatch does. Steady agents of one beat share one answer."""

    def __init__(self, world: World, record: Record) -> None:
        self._world = world
        self._record = record

    def list_series(self) -> dict[str, tuple[Series, ...]]:
        if self._world.is_troubled("list"):
            raise TransientError("the series could not be listed", code="Throttling")
        now = self._world.now
        return {one.entity: one.series for one in self._world.machines.values() if one.is_listed(now)}

    def read(self, series: Iterable[Series], window: Window) -> Readings:
        start, end, now = second_of(window.start), second_of(window.end), self._world.now
        reach = start - 2 * int(window.period.total_seconds()) - 120
        steady: dict[object, tuple[datetime, ...]] = {}
        found: dict[Series, tuple[datetime, ...]] = {}
        machines = self._world.by_series
        is_coarse = window.period > self._world.watch.rules.period
        for one in series:
            machine = machines.get(one)
            if machine is None:
                found[one] = ()
            elif machine.steady_since < reach and not is_coarse and not (machine.late and machine.was_late(start, now)):
                beat = machine.beat
                times = steady.get(beat)
                if times is None:
                    times = steady[beat] = beat.shown(start, end, now)
                found[one] = times
            else:
                found[one] = machine.points(start, end, now)
        if is_coarse:
            found = {one: _by_the(window.period, times) for one, times in found.items()}
        if self._world.is_troubled("points"):
            for one in [*found]:
                if self._world.is_troubled("points", dict(one.dimensions)["InstanceId"]):
                    del found[one]
        self._count(len(found))
        return found

    def _count(self, series: int) -> None:
        run = self._record.run
        run.first_read = run.first_read or series
        run.read += series


def _by_the(period: timedelta, times: Iterable[datetime]) -> tuple[datetime, ...]:
    step = int(period.total_seconds())
    return tuple(sorted({at(second_of(time) // step * step) for time in times}))


class SimulatedInstances:
    """EC2's instances. A terminated one stays known as GONE."""

    def __init__(self, world: World) -> None:
        self._world = world

    def look_up(self, entities: Iterable[str]) -> dict[str, Instance]:
        wanted = list(entities)
        if self._world.is_troubled("ec2"):
            return dict.fromkeys(wanted, Instance(Power.UNREADABLE))
        machines = self._world.machines
        return {one: machines[one].instance() if one in machines else Instance(Power.MISSING) for one in wanted}

    def find_expected(self) -> dict[str, Instance]:
        if self._world.is_troubled("ec2"):
            raise TransientError("the expected instances could not be read", code="RequestLimitExceeded")
        machines = self._world.machines.values()
        return {one.entity: one.instance() for one in machines if one.is_expected and one.power is Power.RUNNING}

    def running_in(self, vpc_id: str) -> dict[str, Instance] | None:
        if self._world.is_troubled("ec2"):
            return None
        found = {one.entity: one.instance() for one in self._world.machines.values() if one.power is Power.RUNNING}
        return {entity: instance for entity, instance in found.items() if instance.vpc_id == vpc_id}

    def health(self, ids: Iterable[str]) -> dict[str, Health]:
        if self._world.is_troubled("ec2"):
            return dict.fromkeys(ids, Health.UNKNOWN)
        machines = self._world.machines
        return {one: Health.IMPAIRED if machines[one].is_impaired else Health.OK for one in ids}


class SimulatedRoster:
    """The roster in memory: a chunk is saved only over the revision that was read."""

    def __init__(self, world: World, record: Record) -> None:
        self._world = world
        self._record = record
        self._chunks: dict[int, Chunk] = {}
        self._discovered_at: datetime | None = None

    def read(self, numbers: Iterable[int] | None = None) -> tuple[Chunk, ...]:
        return tuple(self._chunks[number] for number in (sorted(self._chunks) if numbers is None else numbers))

    def sizes(self) -> dict[int, int]:
        return {number: len(chunk.agents) for number, chunk in self._chunks.items()}

    def has_room(self, _: Chunk) -> bool:
        return True

    def save(self, chunk: Chunk) -> Chunk | None:
        kept = self._chunks.get(chunk.number, Chunk(chunk.number, {}))
        if kept.revision != chunk.revision or self._world.is_troubled("roster"):
            return None
        self._record.run.chunks_written += 1
        if kept.revision and (kept.agents, kept.newest) == (chunk.agents, chunk.newest):
            self._record.needless.append(f"{self._world.now}: chunk {chunk.number} was written as it was")
        for entity in sorted(kept.agents.keys() | chunk.agents.keys()):
            before, after = kept.agents.get(entity), chunk.agents.get(entity)
            if before != after:
                self._record.agents.append((self._world.now, entity, after))
            if before is not after:
                standing = Standing(
                    self._world.now, after.state if after else None, after.incident if after and after.incident else ""
                )
                self._record.standings.setdefault(entity, []).append(standing)
        saved = replace(chunk, revision=chunk.revision + 1)
        self._chunks[chunk.number] = saved
        return saved

    def begin_check(self, _now: datetime) -> datetime | None:
        return self._discovered_at

    def save_discovery(self, now: datetime) -> None:
        self._discovered_at = now


class SimulatedIncidents:
    """The open incidents in memory, each under its revision."""

    def __init__(self, world: World, record: Record) -> None:
        self._world = world
        self._record = record
        self._open: dict[str, Incident] = {}

    def read_open(self, _watch_name: str) -> tuple[Incident, ...]:
        return tuple(self._open[id_] for id_ in sorted(self._open))

    def closed_since(self, _: str, since: datetime) -> frozenset[str]:
        return frozenset(id_ for id_, second in self._record.closed.items() if at(second) >= since)

    def save(self, incident: Incident) -> Incident | None:
        kept = self._open.get(incident.id)
        if (kept.revision if kept else 0) != incident.revision:
            return None
        self._record.run.incidents_written += 1
        if kept == incident:
            self._record.needless_incidents.append((self._world.now, incident.id))
        saved = replace(incident, revision=incident.revision + 1)
        self._open[incident.id] = saved
        self._record.incidents.setdefault(incident.id, []).append((self._world.now, saved))
        return saved

    def close(self, incident: Incident, *, now: datetime) -> bool:
        assert second_of(now) == self._world.now
        kept = self._open.get(incident.id)
        if kept is None or kept.revision != incident.revision:
            return False
        del self._open[incident.id]
        self._record.closed[incident.id] = self._world.now
        return True


class SimulatedTopic:
    def __init__(self, world: World, record: Record) -> None:
        self._world = world
        self._record = record

    def publish(self, notice: Notice) -> None:
        if self._world.is_troubled("notices"):
            raise TransientError("the notice could not be published", code="InternalFailure")
        self._record.notices.append((self._world.now, notice))


class SimulatedSurroundings:
    """The network, its DNS, the ledger, the roles and the changes' queue."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._catalog = CATALOG

    def observe(self, vpc_ids: Sequence[str]) -> tuple[Vpc, ...]:
        return tuple(self._world.places[id_].view() for id_ in vpc_ids if id_ in self._world.places)

    def prefix_lists(self, list_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        assert not list_ids
        return {}

    def with_dns(self, vpcs: Sequence[Vpc]) -> tuple[Vpc, ...]:
        return tuple(vpcs)

    def catalog(self) -> Catalog:
        return self._catalog

    def view(self, vpc_id: str, *, region: str) -> DnsView:
        assert vpc_id in self._world.places
        assert region == HOME.region
        return DnsView()

    def change(self) -> datetime | None:
        return None if self._world.last_change is None else at(self._world.last_change)

    def changes_of(self, ref: VpcRef, *, since: datetime, until: datetime, most: int = 50) -> tuple[Change, ...]:
        kept = [one for one in self._world.changes.get(ref.vpc_id, ()) if since <= one.at <= until]
        return tuple(kept[-most:])

    def untraced_changes(self, *_: object, **__: object) -> tuple[Change, ...]:
        return ()

    def load(self, ref: VpcRef) -> VpcState:
        return VpcState(made=dict(self._world.places[ref.vpc_id].made))

    def may_publish(self, profile_arn: str, _namespace: str) -> RoleVerdict:
        role = profile_arn.replace("instance-profile", "role")
        if profile_arn in self._world.denied:
            return RoleVerdict(Permission.DENIED, role, "its policies don't allow cloudwatch:PutMetricData")
        return RoleVerdict(Permission.ALLOWED, role)

    def send(self, vpc_ids: Iterable[str], _because: Iterable[object]) -> None:
        for id_ in vpc_ids:
            self._world.reconcile(self._world.places[id_])


def make_tools(world: World, record: Record) -> DetectorTools:
    """The detector's tools, all of them simulated."""
    cloudwatch = cast("CloudWatch", SimulatedCloudWatch(world, record))
    roster = cast("Roster", SimulatedRoster(world, record))
    around = SimulatedSurroundings(world)
    instances = cast("Instances", SimulatedInstances(world))
    sources = EvidenceSources(
        instances=instances,
        network=cast("Network", around),
        central=cast("CentralDns", around),
        vpcs=cast("VpcStore", around),
        audit=cast("AuditLog", around),
        roles=cast("Roles", around),
        home=HOME,
    )
    return DetectorTools(
        cloudwatch=lambda _: cloudwatch,
        roster=lambda _: roster,
        incidents=cast("Incidents", SimulatedIncidents(world, record)),
        notices=cast("Topic", SimulatedTopic(world, record)),
        bus=Bus(is_on=False, stack_name="lifeline"),
        instances=instances,
        times=cast("LatestTimes", around),
        sources=lambda: sources,
        repairs=cast("RepairRequests", around),
        stack="lifeline",
    )
