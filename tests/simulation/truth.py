"""What the detector should have found, from what was injected alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lifeline.core.incidents.incident import CauseKind
from tests.simulation.machines import FOREVER, MINUTE, Fault, Machine
from tests.simulation.world import World

BAND = 2 * MINUTE  # a silence that is just as long as the limit may be told or not
LATEST = 4 * MINUTE  # no datapoint shows later than that
DISCOVERY = 17 * MINUTE  # until an instance that never reported is on the roster


@dataclass(eq=False)
class Silence:
    """No datapoints of an agent between two spans: `last` is the stamp of the last one, `back` when one shows again.

    `restarted` is the last stamp before `back` where a single datapoint in between wasn't enough to count as back.
    `well` is when the datapoint shows with which the agent counts as back.
    """

    machine: Machine
    last: int | None
    restarted: int | None
    back: int
    well: int
    faults: list[Fault] = field(default_factory=list)

    @property
    def kinds(self) -> frozenset[CauseKind]:
        return frozenset(kind for fault in self.faults for kind in fault.kinds)

    @property
    def names(self) -> str:
        return " + ".join(dict.fromkeys(fault.name for fault in self.faults)) or "nothing"


class Truth:
    """The silences of all machines, and for each whether and when it is one that must be told."""

    def __init__(self, world: World, runs: list[int]) -> None:
        rules = world.watch.rules
        self._world = world
        self._period = int(rules.period.total_seconds())
        self._grace = int(rules.grace.total_seconds())
        self._warm_up = int(rules.warm_up.total_seconds())
        self._recover_after = rules.recover_after
        self.runs = runs
        self.silences = {one.entity: [*self._silences_of(one)] for one in world.machines.values() if one.outages}

    def _silences_of(self, machine: Machine) -> Iterator[Silence]:
        """Between the spans in which it published; a span too short for it to count as back ends no silence."""
        spans = [(since, until) for since, until in machine.spans if self._first(machine, since) < until]
        last = restarted = None
        until, begun = -FOREVER, -FOREVER
        for since, end in [*spans, (FOREVER, FOREVER)]:
            if until == FOREVER:
                return
            faults = [fault for one in machine.outages if begun <= one.began < since for fault in one.faults]
            is_back = since != FOREVER and self._counts_as_back(machine, since, end)
            if faults and (is_back or since == FOREVER):
                yield self._silence(machine, last, restarted, (since, end), faults)
            restarted = machine.last_stamp_before(end) if since != FOREVER else None
            last = restarted if is_back else last
            begun, until = end if is_back else begun, end

    def _counts_as_back(self, machine: Machine, since: int, until: int) -> bool:
        if not machine.outages or since < machine.outages[0].began:
            return True
        return self._first(machine, since) + (self._recover_after - 1) * self._period < until

    def _first(self, machine: Machine, since: int) -> int:
        phase = machine.beat.phase
        return phase + -(-(since - phase) // self._period) * self._period

    def _silence(
        self, machine: Machine, last: int | None, restarted: int | None, span: tuple[int, int], faults: list[Fault]
    ) -> Silence:
        """It ends as `span` begins. Late datapoints may show after younger ones: the first that show count."""
        since, until = span
        if since == FOREVER:
            return Silence(machine, last, restarted, FOREVER, FOREVER, faults)
        first = self._first(machine, since)
        few = range(first, min(until, first + LATEST + (self._recover_after + 1) * self._period), self._period)
        shown = sorted(published + machine.delay_at(published) for published in few)
        return Silence(machine, last, restarted, shown[0], shown[self._recover_after - 1], faults)

    # ---- when it must, and may, be told

    def is_due(self, silence: Silence, now: int, *, band: int = 0) -> bool:
        """Whether the agent's silence is by now longer than period and grace, and nothing excuses it."""
        machine = silence.machine
        last = silence.restarted if band else silence.last
        begun = machine.launches[0] if last is None and machine.launches else last
        if begun is None or now >= silence.back:
            return False
        due = begun + self._period
        started = [one for one in machine.launches if begun <= one <= now]
        if started:
            due = max(due, started[-1] + self._warm_up + self._period)
        extra = DISCOVERY if band and last is None else band
        if band and now < machine.listed_after + DISCOVERY:
            return False
        return now > due + self._grace + extra and not self.is_resting(machine, now - band, now)

    def is_resting(self, machine: Machine, since: int, until: int) -> bool:
        return any(start <= until and since < end for start, end in machine.down)

    def is_sighted(self, machine: Machine, now: int) -> bool:
        """Whether the detector could see the agent, and keep what it saw."""
        world = self._world
        return not (
            world.is_troubled("points", machine.entity, now)
            or any(world.is_troubled(what, now=now) for what in ("list", "ec2", "roster"))
        )

    def first_must(self, silence: Silence) -> int | None:
        """The first run that must have it; None where none must."""
        machine = silence.machine
        return next(
            (
                run
                for run in self._runs_in(silence)
                if self.is_due(silence, run, band=BAND) and self.is_sighted(machine, run)
            ),
            None,
        )

    def may(self, silence: Silence) -> bool:
        return any(self.is_due(silence, run) for run in self._runs_in(silence))

    def must_be_well(self, silence: Silence) -> int | None:
        """The first run that must see the agent well again; None where there is none before it fails anew."""
        machine = silence.machine
        if silence.well == FOREVER:
            return None
        run = next((run for run in self.runs if run >= silence.well + BAND and self.is_sighted(machine, run)), None)
        if run is None or any(one.began <= run and silence.back < one.began for one in machine.outages):
            return None
        return None if self.is_resting(machine, silence.back, run) else run

    def _runs_in(self, silence: Silence) -> Iterator[int]:
        begun = silence.last if silence.last is not None else 0
        return (run for run in self.runs if begun < run < silence.back)

    def earliest(self, silence: Silence) -> int:
        """Before this nobody can know of it."""
        return self._period + self._grace + silence.last if silence.last is not None else 0

    def around(self, entity: str, now: int) -> list[Silence]:
        """The silences that the agent may be in: while one isn't over, the next may have begun."""
        return [
            one
            for one in self.silences.get(entity, ())
            if (one.last if one.last is not None else -FOREVER) < now <= one.well
        ]
