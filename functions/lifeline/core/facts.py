"""What is known about one silent agent's surroundings."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifeline.core.central import DnsView
from lifeline.core.changes import Scope, scope_of
from lifeline.core.classify import classify
from lifeline.core.gaps import Agent
from lifeline.core.incident import Cause, CauseKind, Change, Confidence
from lifeline.core.machines import UNMANAGED, Health, Instance, Power
from lifeline.core.model import Catalog, Subnet, Vpc
from lifeline.core.permits import RoleVerdict
from lifeline.core.reach import Way, find_way
from lifeline.core.watches import Watch

METRICS = "monitoring"  # the service that takes the metrics (CloudWatch endpoints: monitoring.<region>)
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class MadeFact:
    """An endpoint that Lifeline made lately. `ready_at` is when it was first seen available, None as long as unseen."""

    service: str
    endpoint_id: str
    made_at: datetime
    ready_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one silent agent; None or empty where it couldn't be read or doesn't apply.

    `instance` is UNMANAGED for a host that EC2 doesn't know. `vpc` is one observation with its DNS attributes, `dns` is
    who else answers names there. `changes` are the ledger's network changes of the VPC, oldest first. `earlier` are the
    causes of open incidents of this VPC with their beginnings, `own` is that of the one that it is in. `unreadable`
    says in words what couldn't be read.
    """

    agent: Agent
    watch: Watch
    instance: Instance = UNMANAGED
    health: Health = Health.UNKNOWN
    vpc: Vpc | None = None
    catalog: Catalog = field(default_factory=Catalog)
    dns: DnsView | None = None
    role: RoleVerdict | None = None
    changes: tuple[Change, ...] = ()
    made: tuple[MadeFact, ...] = ()
    earlier: tuple[tuple[Cause, datetime], ...] = ()
    own: Cause | None = None
    unreadable: tuple[str, ...] = ()

    @property
    def is_managed(self) -> bool:
        """True if EC2 knows its instance, so that Lifeline can look behind its silence."""
        return self.instance.power is Power.RUNNING and self.instance != UNMANAGED

    @property
    def two_periods(self) -> timedelta:
        """How far apart two agents' silences may begin, or a cure and a silence lie, and still be one."""
        return 2 * self.watch.rules.period

    @property
    def needs(self) -> tuple[str, ...]:
        """The services that the agent needs beside `monitoring`, in their order."""
        return tuple(sorted((self.agent.needs | self.watch.needs) - {METRICS}))

    @property
    def subnet(self) -> Subnet | None:
        """The instance's subnet, None where it wasn't seen."""
        subnets = self.vpc.subnets if self.vpc else ()
        return next((one for one in subnets if one.id == self.instance.subnet_id), None)

    @property
    def vpc_id(self) -> str:
        """The VPC's id, also where nothing else of it is known."""
        return self.instance.vpc_id or (self.vpc.id if self.vpc else "")

    @property
    def vpc_name(self) -> str:
        """The VPC's Name tag, printable and cut; empty where it has none."""
        return printable((self.vpc.tag("Name") if self.vpc else None) or "")[:_LONGEST_NAME]

    def since(self, now: datetime) -> datetime:
        """When the gap began."""
        return self.agent.gap.since if self.agent.gap else now


class Around:
    """The ways from one subnet and what they hang on, reckoned once for all the agents there that need the same."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._subnet = facts.subnet
        self._scopes: dict[str, Scope] = {}
        self.ways: Mapping[str, Way] = self._find_ways()
        self.tier = classify(self._subnet, facts.vpc) if self._subnet and facts.vpc else None

    @staticmethod
    def key(facts: Facts) -> Hashable:
        """The same for agents that have the same ways."""
        seen = (id(facts.vpc), id(facts.dns), id(facts.catalog))
        return (*seen, facts.instance.subnet_id, facts.instance.has_public_address, facts.needs)

    def scope(self, service: str) -> Scope | None:
        """What the way to the service hangs on; None where the subnet wasn't seen."""
        if self._subnet is None or self._facts.vpc is None:
            return None
        if service not in self._scopes:
            self._scopes[service] = scope_of(self._subnet, self._facts.vpc, service)
        return self._scopes[service]

    def _find_ways(self) -> dict[str, Way]:
        """The way to each service that the agent needs, `monitoring` first; none where its subnet wasn't seen."""
        subnet, facts = self._subnet, self._facts
        if subnet is None or facts.vpc is None:
            return {}
        has_address = facts.instance.has_public_address
        return {
            service: find_way(subnet, facts.vpc, service, facts.catalog, facts.dns, has_public_address=has_address)
            for service in (METRICS, *facts.needs)
        }


def cause_of(facts: Facts, cause: Cause) -> Cause:
    """The cause as this agent's: with its VPC, what couldn't be read, and printable.

    While something couldn't be read a cause is likely at most, but for a machine that is down: nothing outweighs that.
    """
    is_doubted = bool(facts.unreadable) and cause.kind is not CauseKind.MACHINE
    confidence = Confidence.MEDIUM if is_doubted and cause.confidence is Confidence.HIGH else cause.confidence
    evidence = (*cause.evidence, *facts.unreadable)
    return replace(
        cause,
        confidence=confidence,
        words=printable(cause.words),
        evidence=tuple(dict.fromkeys(printable(line) for line in evidence if line and line != cause.words)),
        vpc_id=facts.vpc_id,
        vpc_name=facts.vpc_name,
    )


def printable(text: str) -> str:
    """The text as printable ASCII: names, tags and messages of others go into notices."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
