"""How each subnet stands against what is required of it: what the coverage page shows, as values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from lifeline.core.network.model import Tier


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
    """One service for one subnet. `by` is the endpoint or zone that serves it; `detail` what a person should know."""

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
    tier: Tier
    cells: tuple[Cell, ...]


class StepKind(StrEnum):
    """What a point of an incident's timeline is."""

    CHANGE = "change"
    GAP = "gap"
    ENDPOINT = "endpoint"
    AVAILABLE = "available"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One point of an incident's timeline. `at` is None for what is yet to come."""

    kind: StepKind
    at: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One open incident of a VPC: its cause in a line, how many agents it holds, and its timeline, oldest first."""

    id: str
    watch: str
    words: str
    began: datetime
    agents: int
    is_recovering: bool
    timeline: tuple[TimelineStep, ...]


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action on record, the newest first on a page; `status` is empty where the text says what came of it."""

    at: datetime
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class VpcCoverage:
    """One VPC. `cost_usd` is what Lifeline's endpoints there cost a month, `planned_usd` what the plan would add.

    `plan_id` is what waits for approval, empty where nothing does. `holds` say what keeps Lifeline's hands off, a line
    each; `notes` what else a person should know.
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
    holds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """The page's whole content: all VPCs of an account and region, the worst first.

    `retire_after` is how long nothing must have required an endpoint of Lifeline's before it goes, 0 if it never does.
    """

    account_id: str
    region: str
    stack_name: str
    mode: str
    at: datetime
    vpcs: tuple[VpcCoverage, ...]
    kill_switch: str = ""
    notes: tuple[str, ...] = ()
    retire_after: timedelta = timedelta()
