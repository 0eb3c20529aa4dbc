"""One cause, all the agents that it silenced, from the first gap to the recovery: as values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.core.history.change import Change

RECOVERY_TIME = timedelta(minutes=15)  # an agent that waits for its tags tries every 10 minutes (agent: ec2tagger)


class CauseKind(StrEnum):
    """Why an agent is silent, in the order in which causes are looked for."""

    MACHINE = "the machine is down"
    CANARY = "private DNS was just switched on"
    CUT_OFF = "no way to the service"
    ENDPOINT_PENDING = "the endpoint is not up yet"
    ENDPOINT_FAILED = "the endpoint failed"
    ENDPOINT_CLOSED = "the endpoint is closed to it"
    DNS_OFF = "the VPC's DNS is off"
    ENDPOINT_POLICY = "the endpoint's policy forbids it"
    NO_PROFILE = "no instance profile"
    ROLE = "the role's policies forbid it"
    ZONE = "many at once in one zone"
    AGENT = "the agent itself"
    FLAPPING = "flapping"

    @property
    def is_network(self) -> bool:
        """True if the way to a service is the matter: these turn into each other while one outage lasts."""
        return self in _NETWORK

    @property
    def is_of_one_vpc(self) -> bool:
        """True if all that it silences is in one VPC; a role, and a zone, may be those of several."""
        return self not in _OF_SEVERAL_VPCS


_NETWORK = frozenset(
    {
        CauseKind.CUT_OFF,
        CauseKind.ENDPOINT_PENDING,
        CauseKind.ENDPOINT_FAILED,
        CauseKind.ENDPOINT_CLOSED,
        CauseKind.DNS_OFF,
    }
)
_OF_SEVERAL_VPCS = frozenset({CauseKind.ROLE, CauseKind.ZONE})


class Confidence(StrEnum):
    """How sure a cause is: seen in the configuration, likely, or what is left when nothing else is found."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why agents are silent, as one cause may hold for many.

    `words` is one line without a full stop; `evidence` is what it is known from, a line each; `advice` is what a person
    should do. `service` is the one that can't be reached, `subject` the resource that is at fault. `fixed_at` and `fix`
    say since when (at the latest) and by what the cause is gone, while agents may still need time to come back.
    `is_healable` says that ReconcileEndpoints can mend it.
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

    @property
    def key(self) -> str:
        """The same for what belongs into one incident, but for the change that began it and the time."""
        match self.kind:
            case kind if kind.is_network:
                return f"network|{self.vpc_id}|{self.service}"
            case CauseKind.CANARY:  # apart from the outage that the endpoint is to mend
                return f"{self.kind.name}|{self.vpc_id}|{self.subject}"
            case CauseKind.ENDPOINT_POLICY | CauseKind.ROLE:
                return f"{self.kind.name}|{self.subject}"
            case CauseKind.ZONE:
                return f"ZONE|{self.zone}"
            case _:
                return f"{self.kind.name}|{self.vpc_id}"


class Phase(StrEnum):
    """Where an open incident stands. It recovers once its cause is gone, for RECOVERY_TIME at most."""

    BROKEN = "still broken"
    RECOVERING = "recovering"


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause and since when; its agents name it in their records.

    `began` is when the first of their datapoints was due. `told_at` is the time of the last notice, None before the
    first; `told_agents` is how many agents people know of, `told_phase` and `told_cause` (its key) what they were told
    last, and `reminders` how often they were reminded. `gone` counts agents that were terminated or forgotten
    meanwhile. `looked_at` is when the cause was last examined. `revision` counts the writes; 0 isn't in the ledger yet.
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
