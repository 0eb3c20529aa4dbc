"""One agent: what is remembered of it, what a run saw of it, and what follows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.core.agents.instances import UNMANAGED, Instance
from lifeline.core.agents.series import Series

MOST_OPENINGS = 3  # gaps in an hour that an agent may open without being called flapping


class State(StrEnum):
    """What an agent is found to be in one run. Only reporting, silent and suppressed are remembered."""

    REPORTING = "reporting"
    LATE = "late"
    SILENT = "silent"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"


class Transition(StrEnum):
    """What happened to an agent in one run that concerns its incident."""

    OPENED = "opened"
    ENDED = "ended"


class Suppression(StrEnum):
    """Why no datapoint is expected of an agent."""

    STOPPED = "its instance is stopped"
    WARMING_UP = "its instance has just started"
    MAINTENANCE = "a maintenance window is on"
    EXEMPT = "it is exempt"
    FORGOTTEN = "an operator said to forget it"


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap as remembered. `ended_at` is None while it is open."""

    since: datetime
    opened_at: datetime
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """True while no datapoint has ended it."""
        return self.ended_at is None

    def length(self, now: datetime) -> timedelta:
        """From the moment that the datapoint was due to the datapoint that ended the gap, or to `now`."""
        return max((self.ended_at or now) - self.since, timedelta())


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent as the roster remembers it.

    `series` is the one to judge it by, None for one that is expected and has never reported; `others` are a few of its
    other series, one of each shape. `needs` are services that its series show that it uses. `seen_at` is its last
    datapoint as of the last write: true while it is silent or suppressed, old while it reports. `expected_since` is
    when a never-reporting one was first expected. `gap` stays, ended or not, until `incident`, which it belongs to, is
    closed. `openings` are the times at which its gaps were opened: the last one, and those of the hour before it,
    oldest first.
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


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one run saw of an agent. `seen_at` is None where it couldn't be read; `series` is the one that speaks.

    `rest` is why no datapoint is asked of it, though its instance runs: a maintenance window, or an exemption.
    """

    series: Series | None
    seen_at: tuple[datetime, ...] | None
    instance: Instance = UNMANAGED
    rest: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The agent's state, what to remember of it (None: it leaves the roster), and what concerns its incident."""

    state: State
    agent: Agent | None
    turn: Transition | None = None
