"""One agent: its record on the roster, the evidence of one run, and the verdict."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.core.agents.instances import UNMANAGED, Instance
from lifeline.core.agents.series import Series, marked

PROOF = 3  # datapoints that make an agent of a name for which EC2 can't vouch
MOST_OPENINGS = 3  # gaps in an hour that an agent may open without being called flapping


class State(StrEnum):
    """An agent's state in one run. Only reporting, silent and suppressed are saved."""

    REPORTING = "reporting"
    LATE = "late"
    SILENT = "silent"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"


class Transition(StrEnum):
    """A change of an agent in one run that concerns its incident."""

    OPENED = "opened"
    ENDED = "ended"


class Suppression(StrEnum):
    """Why no datapoint is expected from an agent."""

    STOPPED = "its instance is stopped"
    WARMING_UP = "its instance has just started"
    MAINTENANCE = "a maintenance window is on"
    TAGGED_MAINTENANCE = "a maintenance window that goes by its tags is on"
    EXEMPT = "it is exempt"
    UNTAGGED = "it never reported, and its tag that an agent is expected is gone"
    FORGOTTEN = "an operator said to forget it"


EXCUSED_FOR = timedelta(days=1)  # so long, what a tag excuses may turn out to be a canary's
BY_TAG = frozenset({Suppression.EXEMPT, Suppression.TAGGED_MAINTENANCE, Suppression.UNTAGGED})


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap as saved. `ended_at` is None while it is open."""

    since: datetime
    opened_at: datetime
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """True while no datapoint has ended it."""
        return self.ended_at is None

    def length(self, now: datetime) -> timedelta:
        """The time from when the datapoint was due to the datapoint that ended the gap, or to `now`."""
        return max((self.ended_at or now) - self.since, timedelta())


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent as saved on the roster.

    `series` is the one to judge it by, None for an expected agent that has never reported; `others` are a few of its
    other series, one of each shape. `known` are the marks of its own series, empty where any counts as its own;
    `joining` are those of series that have been listed since `joining_since`, and that become its own if it still
    reports a while later. `strangers` are series of its id that arrive while it is silent, and aren't its own.
    `is_elsewhere` if its ID is an instance's that EC2 doesn't know: in another account or region, or on premises; None
    while that was never read.
    `unproven` is how many datapoints it must still send before its silence counts. `needs` are the services that its
    series show it uses. `seen_at` is its last datapoint at the last write: current while it is silent or suppressed,
    old while it reports. `expected_since` is when an agent that has never reported was first expected. `gap` stays,
    ended or not, until its `incident` is closed. `openings` are the times at which its gaps were opened: the last one,
    and those in the hour before it, oldest first. `excused` are the reasons by its instance's tags why its silence
    isn't reported, as far as people were notified of them.
    """

    entity: str
    series: Series | None
    others: tuple[Series, ...] = ()
    needs: frozenset[str] = frozenset()
    seen_at: datetime | None = None
    expected_since: datetime | None = None
    state: State = State.REPORTING
    suppressed_by: Suppression | None = None
    gap: Gap | None = None
    incident: str = ""
    openings: tuple[datetime, ...] = ()
    is_flapping: bool = False
    known: str = ""
    joining: str = ""
    joining_since: datetime | None = None
    strangers: tuple[Series, ...] = ()
    unproven: int = 0
    is_elsewhere: bool | None = False
    excused: frozenset[Suppression] = frozenset()

    def own(self, listed: Iterable[Series], *, by_names: bool = False) -> tuple[Series, ...]:
        """Those of the series that are its own, the one to judge it by among them; `by_names` whatever their
        dimensions' values are.
        """
        if not self.known:
            return tuple(listed)
        series = [*listed]
        found = {*marked(series, self.entity, self.known, by_names=by_names), self.series}
        return tuple(one for one in series if one in found)

    @property
    def is_unwatched(self) -> bool:
        """True if a tag keeps its silence from being reported, and people weren't notified of that."""
        return self.suppressed_by in BY_TAG and self.suppressed_by not in self.excused

    def is_excused(self, now: datetime) -> bool:
        """True if a tag keeps the silence of an agent from being reported that reported within the last day."""
        return (
            self.suppressed_by in BY_TAG
            and self.series is not None
            and self.seen_at is not None
            and now - self.seen_at < EXCUSED_FOR
        )

    def as_told(self) -> "Agent":
        """The agent once people were notified of the tag."""
        return replace(self, excused=self.excused | {self.suppressed_by}) if self.suppressed_by else self

    def owns(self, series: Series) -> bool:
        """True if the series has a mark that it had while it reported, but for dimensions' values."""
        return not self.known or bool(marked([series], self.entity, self.known, by_names=True))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one run read about an agent. `seen_at` is None where it couldn't be read; `series` is the one that counts.

    `suppression` is why no datapoint is expected although its instance runs: a maintenance window, or an exemption.
    `strangers` are series of the same id that aren't the agent's own, and that have datapoints.
    """

    series: Series | None
    seen_at: tuple[datetime, ...] | None
    instance: Instance = UNMANAGED
    suppression: Suppression | None = None
    strangers: tuple[Series, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The agent's state, its new record (None: it leaves the roster), and the transition, if any."""

    state: State
    agent: Agent | None
    transition: Transition | None = None
