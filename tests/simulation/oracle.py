"""Judges what the detector did by what was injected: each violation names the time, the agent and the truth."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from lifeline.core.agents.agent import State
from lifeline.core.incidents.incident import CauseKind
from lifeline.core.notices.notice import Notice
from tests.simulation.fakes import Record, Standing
from tests.simulation.machines import FOREVER, HOUR, MINUTE, Fault, at
from tests.simulation.truth import BAND, Silence, Truth
from tests.simulation.world import NETWORK, World

_EXTRA_A_SILENCE = 25  # series that may be read beside its own before an agent is called silent
_SEEN_LATER = 5 * MINUTE
_ALIKE = 12 * MINUTE  # the beginnings of silences that nothing else tells apart


@dataclass(frozen=True, slots=True)
class Told:
    """One piece of news of an incident, told in its own notice or in a summary."""

    second: int
    news: str
    cause: str
    actor: str | None
    is_summary: bool = False


class Oracle:
    """One simulated day, judged."""

    def __init__(self, world: World, record: Record) -> None:
        self._world = world
        self._record = record
        self._runs = [run.second for run in record.runs]
        self._truth = Truth(world, self._runs)
        self._notified = _told_by_incident(record)
        self._seconds = {entity: [one.second for one in kept] for entity, kept in record.standings.items()}
        self._members: dict[str, list[Silence]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        for silences in self._truth.silences.values():
            for silence in silences:
                for incident in self._incidents_of(silence):
                    self._members[incident].append(silence)

    def judge(self) -> list[str]:
        """Everything that is wrong, in words; empty where the detector did all that it should, and no more."""
        return [
            *self._record.needless,
            *self._judge_silences(),
            *self._judge_false(),
            *self._judge_incidents(),
            *self._judge_faults(),
            *self._judge_writes(),
            *self._judge_cost(),
        ]

    # ---- agents

    def _judge_silences(self) -> Iterator[str]:
        for entity, silences in sorted(self._truth.silences.items()):
            for silence in silences:
                self.counts[f"silences by {silence.names}"] += 1
                must = self._truth.first_must(silence)
                incidents = self._incidents_of(silence)
                if must is not None:
                    self.counts[f"must be told of {silence.names}"] += 1
                    yield from self._judge_told(entity, silence, must, incidents)
                if len(incidents) > 1 and not silence.kinds & {CauseKind.FLAPPING}:
                    yield self._words(must or 0, entity, silence, f"it is in several incidents: {sorted(incidents)}")
                well = self._truth.must_be_well(silence)
                if well is not None and self._standing(entity, well).state is State.SILENT:
                    yield self._words(well, entity, silence, "it is back, and called silent")

    def _judge_told(self, entity: str, silence: Silence, must: int, incidents: set[str]) -> Iterator[str]:
        standing = self._standing(entity, must)
        if standing.state is not State.SILENT:
            yield self._words(must, entity, silence, f"it is silent, and called {standing.state}")
        elif not standing.incident:
            yield self._words(must, entity, silence, "it is silent, and in no incident")
        for incident in incidents:
            opened = [one for one in self._notified[incident] if one.news == "opened"]
            if not opened:
                yield self._words(must, entity, silence, f"nobody was told of {incident}")
            if not any(one.second >= standing.second for one in self._notified[incident]):
                is_over = self._runs[-1] - standing.second < 15 * MINUTE
                if not is_over:
                    yield self._words(must, entity, silence, f"no notice of {incident} covers it")

    def _judge_false(self) -> Iterator[str]:
        for entity, standings in sorted(self._record.standings.items()):
            was_silent = False
            for one in standings:
                if one.state is State.SILENT and not was_silent:
                    around = self._truth.around(entity, one.second)
                    if not around:
                        yield f"{at(one.second):%d %H:%M} {entity}: called silent, and it reports"
                    elif not any(self._truth.is_due(silence, one.second) for silence in around):
                        yield self._words(one.second, entity, around[-1], "called silent, and it isn't")
                was_silent = one.state is State.SILENT

    def _incidents_of(self, silence: Silence) -> set[str]:
        """The incidents that the agent was in while it was called silent in this silence."""
        if not self._truth.may(silence):
            return set()
        entity = silence.machine.entity
        kept = self._record.standings.get(entity, [])
        seconds = self._seconds.get(entity, [])
        first = max(bisect_right(seconds, self._truth.earliest(silence)) - 1, 0)
        some = kept[first : bisect_right(seconds, silence.well)]
        return {one.incident for one in some if one.state is State.SILENT and one.incident}

    def _joined(self, silence: Silence, incident: str) -> int:
        kept = self._record.standings[silence.machine.entity]
        begun = self._truth.earliest(silence)
        return next((one.second for one in kept if one.incident == incident and one.second >= begun), 0)

    def _standing(self, entity: str, second: int) -> Standing:
        place = bisect_right(self._seconds.get(entity, []), second)
        return self._record.standings[entity][place - 1] if place else Standing(0, None, "")

    # ---- incidents

    def _judge_incidents(self) -> Iterator[str]:
        for incident in sorted(self._record.incidents):
            notified = self._notified[incident]
            members = self._members[incident]
            news = Counter(one.news for one in notified)
            self.counts.update({f"notices {kind}": count for kind, count in news.items()})
            if news["opened"] > 1 or news["resolved"] > 1:
                yield f"{incident}: told {dict(news)}"
            if notified and not members:
                yield f"{incident}: told, and nobody was silent"
            yield from self._judge_kinds(incident, members, notified)
            yield from self._judge_end(incident, members, notified)

    def _judge_kinds(self, incident: str, members: list[Silence], notified: list[Told]) -> Iterator[str]:
        for silence in members:
            entity = silence.machine.entity
            joined = self._joined(silence, incident)
            wrong = sorted({one.cause for one in notified if one.second >= joined} - self._true_kinds(silence))
            if wrong:
                yield self._words(notified[0].second, entity, silence, f"{incident} is told as {', '.join(wrong)}")
                return

    def _true_kinds(self, silence: Silence) -> set[str]:
        """What it may be told as.

        One that falls silent as a network outage of its VPC begins looks like a part of it; and where something around
        it is wrong too, such as a service that it can't reach, that is the cause in plain sight.
        """
        machine, kinds, last = silence.machine, set(silence.kinds), silence.last or 0
        needs = ("monitoring", "ec2") if machine.in_group else ("monitoring",)
        for fault in self._world.faults:
            is_alike = fault.vpc_id == machine.vpc_id and fault.service and abs(fault.began - last) <= _ALIKE
            if is_alike or fault.is_around(machine, last, silence.back):
                kinds |= fault.kinds
        for one in self._world.isolations:
            if any(one.keeps_from(service, machine, last, silence.back) for service in needs):
                kinds |= NETWORK
        return {kind.name for kind in kinds}

    def _judge_end(self, incident: str, members: list[Silence], notified: list[Told]) -> Iterator[str]:
        resolved = next((one for one in notified if one.news == "resolved"), None)
        if resolved is None:
            end = self._expected_end(members, notified)
            if end < self._runs[-1] and any(one.news == "opened" for one in notified):
                yield f"{at(end):%d %H:%M} {incident}: all are back, and nobody was told"
            return
        for silence in members:
            if self._truth.is_due(silence, resolved.second):
                yield self._words(resolved.second, silence.machine.entity, silence, f"{incident} is told resolved")
        end = self._expected_end(members, notified)
        if resolved.second > end:
            yield f"{at(resolved.second):%d %H:%M} {incident}: resolved, and all were back at {at(end):%d %H:%M}"

    def _expected_end(self, members: list[Silence], notified: list[Told]) -> int:
        """By when it should be told resolved."""
        ends = [self._end_of(silence) for silence in members]
        slack = HOUR + 15 * MINUTE if any(one.cause == "FLAPPING" for one in notified) else 0
        end = max(ends, default=0) + slack
        runs = [run for run in self._runs if run >= end and not self._world.is_troubled("notices", now=run)]
        runs = [run for run in runs if not self._world.is_troubled("roster", now=run)]
        return runs[1] if len(runs) > 1 else FOREVER

    def _end_of(self, silence: Silence) -> int:
        """When the detector should see it back, or excused."""
        rests = [start for start, end in silence.machine.down if start < silence.back and end > (silence.last or 0)]
        well = silence.well + BAND
        if rests and silence.well == FOREVER:
            well = min(rests) + BAND
        elif rests:
            well = max(well, min(rests))
        return next(
            (run for run in self._runs if run >= well and self._truth.is_sighted(silence.machine, run)), FOREVER
        )

    # ---- faults

    def _judge_faults(self) -> Iterator[str]:
        by_fault: dict[int, list[Silence]] = defaultdict(list)
        for silences in self._truth.silences.values():
            for silence in silences:
                for fault in silence.faults:
                    by_fault[id(fault)].append(silence)
        for fault in self._world.faults:
            self.counts[f"faults {fault.name}"] += 1
            if fault.is_one:
                yield from self._judge_fault(fault, by_fault[id(fault)])

    def _judge_fault(self, fault: Fault, silences: list[Silence]) -> Iterator[str]:
        if not any(self._truth.first_must(silence) for silence in silences):
            return
        incidents = {incident for silence in silences for incident in self._incidents_of(silence)}
        new = {one for one in incidents if self._record.incidents[one][0][0] >= fault.began}  # some may flap already
        incidents = new or incidents
        name = f"{at(fault.began):%d %H:%M} {fault.name} in {fault.vpc_id}"
        if len(incidents) != 1:
            yield f"{name}: it has {len(incidents)} incidents: {sorted(incidents)}"
        for incident in incidents:
            actors = {one.actor for one in self._notified[incident] if not one.is_summary} or {fault.actor or None}
            if CauseKind.CUT_OFF in fault.kinds and actors != {fault.actor or None}:
                yield f"{name}: {incident} names {actors}, not {fault.actor or 'nobody'}"

    # ---- cost

    def _judge_writes(self) -> Iterator[str]:
        """An incident is written as it was only to claim it before something is told of it."""
        for second, incident in self._record.needless_incidents:
            is_notified = any(one.second == second for one in self._notified[incident])
            if not is_notified and not self._world.is_troubled("notices", now=second):
                yield f"{at(second):%d %H:%M} {incident} was written as it was"

    def _judge_cost(self) -> Iterator[str]:
        down = {id(run): 0 for run in self._record.runs}
        overdue = dict(down)
        for machine in self._world.machines.values():
            for since, until in machine.down:
                for run in self._record.runs:
                    down[id(run)] += since + 3 * MINUTE < run.second < until
        for silences in self._truth.silences.values():
            for silence in silences:
                begun = silence.last or 0
                for run in self._record.runs:
                    overdue[id(run)] += begun < run.second < silence.well + _SEEN_LATER
        for run in self._record.runs:
            watched = run.report.watched if run.report else 0
            most = watched + overdue[id(run)]
            if run.first_read > most or run.read > most + _EXTRA_A_SILENCE * overdue[id(run)]:
                yield f"{at(run.second):%d %H:%M} it read {run.first_read} and {run.read} series of {watched} agents"

    def _words(self, second: int, entity: str, silence: Silence, words: str) -> str:
        last = f"{at(silence.last):%H:%M:%S}" if silence.last is not None else "never"
        back = f"{at(silence.back):%d %H:%M:%S}" if silence.back != FOREVER else "never"
        return f"{at(second):%d %H:%M} {entity}: {words} ({silence.names}: last seen {last}, back {back})"


def _told_by_incident(record: Record) -> defaultdict[str, list[Told]]:
    found: defaultdict[str, list[Told]] = defaultdict(list)
    for second, notice in record.notices:
        for incident, notified in _notified(second, notice):
            found[incident].append(notified)
    return found


def _notified(second: int, notice: Notice) -> Iterator[tuple[str, Told]]:
    facts: dict[str, object] = notice.facts
    listed = facts.get("incidents")
    if isinstance(listed, list):
        for one in listed:
            yield str(one["incident"]), Told(second, str(one["news"]), str(one["cause"]), None, is_summary=True)
        return
    change = facts.get("change")
    actor = str(change["actor"]) if isinstance(change, dict) else None
    yield str(facts["incident"]), Told(second, str(facts["news"]), str(facts["cause"]), actor)
