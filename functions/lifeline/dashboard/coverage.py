"""The coverage page's content as values: how each subnet stands against what is required of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from lifeline.core.event_path.comparison import Comparison
from lifeline.core.event_path.proof import EVERY_SWEEP, UNPROVEN, EventPath
from lifeline.core.network.model import SeenTier
from lifeline.core.plan.ways import HubComparison
from lifeline.core.suggest.summary import Summary


class Standing(StrEnum):
    """How one required service stands for one subnet, the worst first."""

    MISSING = "missing"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    PENDING = "pending"
    EXEMPT = "exempt"
    CENTRAL = "central"
    SERVED = "served"


@dataclass(frozen=True, slots=True)
class Cell:
    """One service for one subnet. `by` is the endpoint or zone that serves it; `detail` why, or what else to know."""

    service: str
    standing: Standing
    by: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SubnetRow:
    """One subnet: its tier, its zone, and each service that is required there or exempt, in the services' order."""

    id: str
    name: str
    zone: str
    cidr: str
    tier: SeenTier
    cells: tuple[Cell, ...]


class StepKind(StrEnum):
    """The kinds of points on an incident's timeline."""

    CHANGE = "change"
    GAP = "gap"
    ENDPOINT = "endpoint"
    AVAILABLE = "available"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One point on an incident's timeline. `at` is None for what has not happened yet. `event_id` is the CloudTrail
    event's, empty if the step is none.
    """

    kind: StepKind
    at: datetime | None
    text: str
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One open incident of a VPC: its cause in a line, its number of agents, its timeline, the change first, and what
    to do about it now, if anything.
    """

    id: str
    watch: str
    words: str
    began: datetime
    agents: int
    is_recovering: bool
    timeline: tuple[TimelineStep, ...]
    advice: str = ""


@dataclass(frozen=True, slots=True)
class ClosedIncident:
    """One incident that was closed lately. `vpc_id` is empty where its cause is in no VPC."""

    id: str
    vpc_id: str
    words: str
    began: datetime
    closed: datetime
    agents: int


@dataclass(frozen=True, slots=True)
class AgentCount:
    """How many agents the watches have, by their last runs: the suppressed aside."""

    reporting: int = 0
    silent: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Freshness:
    """When Lifeline last heard of a network change, when its last whole sweep began, and when it last listed the agents
    and began to check them. None for what never was; `is_read` is False where the ledger couldn't be read. `path` is
    what the dry runs say, and `compared` the last comparison with Event history. `pause` is the longest time between
    two sweeps.
    """

    heard: datetime | None = None
    swept: datetime | None = None
    listed: datetime | None = None
    checked: datetime | None = None
    is_read: bool = True
    path: EventPath = UNPROVEN
    compared: Comparison | None = None
    pause: timedelta = EVERY_SWEEP


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action from the audit log; `status` is empty where the text tells the outcome."""

    at: datetime
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class VpcCoverage:
    """One VPC. `cost_usd` is the monthly cost of Lifeline's endpoints there, `planned_usd` what the plan would add.

    `plan_id` is the plan that waits for approval, empty where none does; `plan_usd` is its monthly cost, or the most
    that it can be if `is_plan_at_most`. `backlog` is how many changes wait for approval in the backlog, and
    `backlog_usd` what they cost in a month. `holds` are the freezes and releases that stop Lifeline there, a line each;
    `notes` are whatever else to know. `actions` start with the newest. `has_own` is True where an endpoint or security
    group there is Lifeline's. `suggestion` is the last one of what its private subnets need, None where there is none.
    `comparison` is that of the ways to reach what a hub shares, None where the policy names none.
    """

    id: str
    name: str
    cidrs: tuple[str, ...]
    subnets: tuple[SubnetRow, ...]
    incidents: tuple[IncidentRow, ...] = ()
    actions: tuple[ActionRow, ...] = ()
    cost_usd: Decimal = Decimal(0)
    planned_usd: Decimal = Decimal(0)
    plan_id: str = ""
    plan_usd: Decimal = Decimal(0)
    is_plan_at_most: bool = False
    backlog: int = 0
    backlog_usd: Decimal = Decimal(0)
    holds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    has_own: bool = False
    suggestion: Summary | None = None
    comparison: HubComparison | None = None

    @property
    def is_broken(self) -> bool:
        """True if an incident is open there whose cause isn't mended yet."""
        return not all(incident.is_recovering for incident in self.incidents)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole page: the VPCs of an account and region, the worst first.

    `kill_switch` says why the kill switch is on, empty if it is off; `switch_command` turns it on, or off again, and is
    empty where there is no switch. `retire_after` is how long an endpoint must not
    have been required before Lifeline deletes it, 0 if it never does. `closed` are the incidents of the last day, the
    newest first. `agents` is None where they couldn't be read. `account_name` is the name of a hub's account, and
    `has_evidence` says that the stack may read evidence for suggestions, and `is_member` that it isn't the hub's own:
    the console of whoever looks at the page shows another account.
    """

    account_id: str
    region: str
    stack_name: str
    mode: str
    at: datetime
    vpcs: tuple[VpcCoverage, ...]
    kill_switch: str = ""
    switch_command: str = ""
    notes: tuple[str, ...] = ()
    retire_after: timedelta = timedelta()
    closed: tuple[ClosedIncident, ...] = ()
    agents: AgentCount | None = None
    freshness: Freshness = Freshness()
    account_name: str = ""
    is_member: bool = False
    has_evidence: bool = False

    @property
    def console_region(self) -> str:
        """The region to whose console IDs lead; empty where no link would."""
        return "" if self.is_member else self.region
