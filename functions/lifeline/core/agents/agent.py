"""One agent: its record on the roster, the evidence of one run, and the verdict."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.core.agents.instances import UNMANAGED, Instance
from lifeline.core.agents.series import Series

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
    EXEMPT = "it is exempt"
    FORGOTTEN = "an operator said to forget it"


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
    other series, one of each shape. `needs` are the services that its series show it uses. `seen_at` is its last
    datapoint at the last write: current while it is silent or suppressed, old while it reports. `expected_since` is
    when an agent that has never reported was first expected. `gap` stays, ended or not, until its `incident` is closed.
    `openings` are the times at which its gaps were opened: the last one, and those in the hour before it, oldest first.
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
    """What one run read about an agent. `seen_at` is None where it couldn't be read; `series` is the one that counts.

    `suppression` is why no datapoint is expected although its instance runs: a maintenance window, or an exemption.
    """

    series: Series | None
    seen_at: tuple[datetime, ...] | None
    instance: Instance = UNMANAGED
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The agent's state, its new record (None: it leaves the roster), and the transition, if any."""

    state: State
    agent: Agent | None
    transition: Transition | None = None
