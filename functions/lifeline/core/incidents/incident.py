"""Incidents: one cause and all the agents that it silenced, from the first gap to the recovery."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.core.history.change import Change
from lifeline.core.owner import NOBODY, Owner
from lifeline.core.severity import Severity

RECOVERY_TIME = timedelta(minutes=15)  # an agent that waits for its tags retries every 10 minutes (agent: ec2tagger)


class CauseKind(StrEnum):
    """Why an agent is silent, in the order in which causes are checked."""

    MACHINE = "the machine is down"
    CANARY = "private DNS was just turned on"
    CUT_OFF = "no path to the service"
    WAY_OUT_SHUT = "the way out is shut"
    ENDPOINT_PENDING = "the endpoint is not available yet"
    ENDPOINT_FAILED = "the endpoint failed"
    ENDPOINT_CLOSED = "the endpoint is closed to the agent"
    DNS_OFF = "the VPC's DNS is off"
    OWN_GROUP = "the instance's own security group is closed"
    ENDPOINT_POLICY = "the endpoint policy denies it"
    NO_PROFILE = "no instance profile"
    ROLE = "the role's policies deny it"
    PATH_UNKNOWN = "it isn't known whether the path works"
    CLOUDWATCH = "CloudWatch is late or unreachable"
    ZONE = "many agents at once in one zone"
    AGENT = "the agent itself"
    FLAPPING = "flapping"

    @property
    def is_network(self) -> bool:
        """True for causes on the path to a service: during one outage they turn into each other."""
        return self in _NETWORK

    @property
    def is_explained(self) -> bool:
        """False where nothing was found that explains the silence."""
        return self not in _UNEXPLAINED

    @property
    def is_of_one_vpc(self) -> bool:
        """True if all silenced agents are in one VPC; a role or a zone can affect several."""
        return self not in _OF_SEVERAL_VPCS


_NETWORK = frozenset(
    {
        CauseKind.CUT_OFF,
        CauseKind.WAY_OUT_SHUT,
        CauseKind.ENDPOINT_PENDING,
        CauseKind.ENDPOINT_FAILED,
        CauseKind.ENDPOINT_CLOSED,
        CauseKind.DNS_OFF,
        CauseKind.PATH_UNKNOWN,
    }
)
_UNEXPLAINED = frozenset({CauseKind.PATH_UNKNOWN, CauseKind.CLOUDWATCH, CauseKind.ZONE, CauseKind.AGENT})
_OF_SEVERAL_VPCS = frozenset({CauseKind.ROLE, CauseKind.CLOUDWATCH, CauseKind.ZONE})


class Confidence(StrEnum):
    """How certain a cause is: confirmed, likely, or what remains when nothing else is found."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why agents are silent; one cause can apply to many agents.

    `words` is one line without a full stop, `evidence` a line for each fact, and `advice` what someone should do.
    `service` is the one that can't be reached, or may not be, and `subject` the resource that is at fault. `fixed_at`
    (at the latest) and `fix` say when and how the cause was removed; agents may need more time to come back.
    `is_repairable` if ReconcileEndpoints can repair it, or might: it reads again what was not read. With
    `awaits_approval`, it does so once a person has approved the VPC's backlog. `began` is when the silence began, if
    that decides: it may be before the gap, which a start of the instance defers.
    """

    kind: CauseKind
    confidence: Confidence
    words: str
    evidence: tuple[str, ...] = ()
    advice: str = ""
    service: str = ""
    vpc_id: str = ""
    vpc_name: str = ""
    zone: str = ""
    subject: str = ""
    change: Change | None = None
    fixed_at: datetime | None = None
    fix: str = ""
    is_repairable: bool = False
    awaits_approval: bool = False
    began: datetime | None = None

    @property
    def key(self) -> str:
        """The same for causes that belong in one incident, whatever change began them and when."""
        match self.kind:
            case kind if kind.is_network:
                return f"network|{self.vpc_id}|{self.service}"
            case CauseKind.CANARY:  # separate from the outage that the endpoint is to repair
                return f"{self.kind.name}|{self.vpc_id}|{self.subject}"
            case CauseKind.ENDPOINT_POLICY | CauseKind.OWN_GROUP | CauseKind.ROLE:
                return f"{self.kind.name}|{self.subject}"
            case CauseKind.ZONE:
                return f"ZONE|{self.zone}"
            case _:
                return f"{self.kind.name}|{self.vpc_id}"


class Phase(StrEnum):
    """The phase of an open incident. It is recovering once its cause is gone, for RECOVERY_TIME at most."""

    BROKEN = "ongoing"
    RECOVERING = "recovering"


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause and its times; the agents name the incident in their own records.

    `began` is when the first of their datapoints was due. `notified_at` is the time of the last notice, None before the
    first; `notified_agents`, `notified_phase` and `notified_cause` (its key) are what it said, and `reminders` counts
    the reminders sent. `gone` counts agents that were terminated or deleted from the roster meanwhile. `checked_at` is
    when the cause was last examined. `revision` counts the writes; 0 isn't in the ledger yet. `severity` only rises,
    and `notified_severity` is the last that a notice said; both are None where an earlier version wrote the incident.
    `owner` stays as the first notice said it: whoever hears of an incident also hears of its end. `has_reported` is
    False if none of its silent agents ever sent a datapoint: then only tags say that there are any.
    """

    id: str
    watch: str
    cause: Cause
    began: datetime
    opened_at: datetime
    phase: Phase = Phase.BROKEN
    checked_at: datetime | None = None
    notified_at: datetime | None = None
    notified_agents: int = 0
    notified_phase: Phase = Phase.BROKEN
    notified_cause: str = ""
    reminders: int = 0
    gone: int = 0
    revision: int = 0
    severity: Severity | None = None
    notified_severity: Severity | None = None
    owner: Owner = NOBODY
    has_reported: bool = True


def services_lacking(incidents: Iterable[Incident]) -> Mapping[str, frozenset[str]]:
    """By VPC, the services that agents which fell silent there can't reach, by these open incidents."""
    found: dict[str, frozenset[str]] = defaultdict(frozenset)
    for incident in incidents:
        cause = incident.cause
        if incident.has_reported and cause.kind.is_network and cause.vpc_id and cause.service:
            found[cause.vpc_id] |= {cause.service}
    return found
