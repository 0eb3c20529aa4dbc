"""What is known about one silent agent's surroundings."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifeline.core.agents.gaps import Agent
from lifeline.core.agents.instances import UNMANAGED, Health, Instance, Power
from lifeline.core.agents.watches import Watch
from lifeline.core.coexist.canary import Canary
from lifeline.core.guards.freeze import DNS_ATTRIBUTES, EVERYTHING, SECURITY_GROUP, Freeze
from lifeline.core.history.change import Change
from lifeline.core.incidents.changes import LINGERING, Past, scope_of
from lifeline.core.incidents.iam_policy import RoleVerdict
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence
from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import Catalog, Subnet, Vpc
from lifeline.core.network.reach import NetworkPath, Reach, find_path
from lifeline.core.network.tiers import classify
from lifeline.core.wording import plain

METRICS = "monitoring"  # the service that takes the metrics (CloudWatch endpoints: monitoring.<region>)
_STARTING = timedelta(seconds=1)  # no agent sends so soon, and CloudTrail's times are whole seconds
_NOT_FOR_METRICS = frozenset({"logs"})  # an agent that can't send its logs sends its metrics (agent: own pipelines)
_LONGEST_NAME = 40
_OUTLIVED = frozenset({CauseKind.ENDPOINT_CLOSED, CauseKind.DNS_OFF})  # open connections last until they are closed


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
    causes of open incidents of this VPC with their beginnings, `own` is that of the one that it is in. `frozen` is what
    ReconcileEndpoints keeps its hands off there, by service; `canaries` are services whose private DNS Lifeline
    switched on of late. `unreadable` says in words what couldn't be read.
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
    frozen: tuple[tuple[str, Freeze], ...] = ()
    unreadable: tuple[str, ...] = ()
    canaries: tuple[tuple[str, Canary], ...] = ()

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
    def has_started_anew(self) -> bool:
        """True if the instance started since the last datapoint, or none ever came: its agent must meet all needs."""
        launched_at, seen_at = self.instance.launched_at, self.agent.seen_at
        return launched_at is not None and (seen_at is None or launched_at >= seen_at)

    @property
    def sure_needs(self) -> frozenset[str]:
        """The services without which nothing can come: a need that was met once isn't needed before the next start."""
        needs = set(self.needs) - _NOT_FOR_METRICS if self.has_started_anew else set()
        return frozenset({METRICS, *needs})

    @property
    def subnet(self) -> Subnet | None:
        """The instance's subnet, None where it wasn't seen."""
        subnets = self.vpc.subnets if self.vpc else ()
        return next((subnet for subnet in subnets if subnet.id == self.instance.subnet_id), None)

    @property
    def vpc_id(self) -> str:
        """The VPC's id, also where nothing else of it is known."""
        return self.instance.vpc_id or (self.vpc.id if self.vpc else "")

    @property
    def vpc_name(self) -> str:
        """The VPC's Name tag, printable and cut; empty where it has none."""
        return plain((self.vpc.tag("Name") if self.vpc else None) or "")[:_LONGEST_NAME]

    @property
    def foreign_owner(self) -> str:
        """The account that the VPC belongs to, where the instance's is known to be another: its subnet is shared.

        Instances are their account's own, and so are their profiles (IAM guide: ARNs of instance profiles).
        """
        own = self.instance.profile_arn.split(":")[4:5]
        owner = self.vpc.owner_id if self.vpc else ""
        return owner if owner and own and own != [owner] else ""

    def freeze_of(self, service: str, reach: Reach) -> tuple[str, Freeze] | None:
        """What keeps the service's way from being mended, and under which name; None where nothing does."""
        frozen = dict(self.frozen)
        shared = DNS_ATTRIBUTES if reach is Reach.DNS_OFF else SECURITY_GROUP
        return next(((key, frozen[key]) for key in (service, shared, EVERYTHING) if key in frozen), None)

    def since(self, now: datetime) -> datetime:
        """When the gap began."""
        return self.agent.gap.since if self.agent.gap else now

    def harmless_before(self, service: str, kind: CauseKind) -> datetime | None:
        """No change before this began a cause of that kind: the agent published after it. None where it never did.

        Since its instance started it has met every service once; `monitoring` it meets with each datapoint, but for a
        connection that outlives its route. One that is open outlives a closed security group, and its name, for as long
        as it is used (EC2 guide: security group connection tracking).
        """
        seen_at, launched_at = self.agent.seen_at, self.instance.launched_at
        if seen_at is None:
            return None
        met = [seen_at - LINGERING] if service == METRICS and kind not in _OUTLIVED else []
        met += [launched_at + _STARTING] if launched_at and launched_at < seen_at else []
        return max(met, default=None)


class Around:
    """The ways from one subnet and what they hang on, reckoned once for all the agents there that need the same."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._subnet = facts.subnet
        self._pasts: dict[str, Past] = {}
        self.paths: Mapping[str, NetworkPath] = self._find_paths()
        self.tier = classify(self._subnet, facts.vpc) if self._subnet and facts.vpc else None

    @staticmethod
    def key(facts: Facts) -> Hashable:
        """The same for agents that have the same ways, and the same past."""
        seen = (id(facts.vpc), id(facts.dns), id(facts.catalog), id(facts.changes))
        own = (facts.instance.subnet_id, facts.instance.has_public_address, facts.foreign_owner)
        return (*seen, *own, facts.needs)

    def change_behind(self, facts: Facts, kind: CauseKind, service: str, now: datetime) -> Change | None:
        """What began a cause of that kind for one of the agents here, as far as it is on record."""
        past, harmless_before = self.past(service), facts.harmless_before(service, kind)
        return past.change_behind(kind, facts.since(now), harmless_before=harmless_before) if past else None

    def past(self, service: str) -> Past | None:
        """What is on record of the way to the service; None where the subnet wasn't seen, or nothing is on record."""
        if self._subnet is None or self._facts.vpc is None or not self._facts.changes:
            return None
        if service not in self._pasts:
            self._pasts[service] = Past(self._facts.changes, scope_of(self._subnet, self._facts.vpc, service))
        return self._pasts[service]

    def _find_paths(self) -> dict[str, NetworkPath]:
        """The way to each service that the agent needs, `monitoring` first; none where its subnet wasn't seen."""
        subnet, facts = self._subnet, self._facts
        if subnet is None or facts.vpc is None:
            return {}
        has_address = facts.instance.has_public_address
        found = {
            service: find_path(subnet, facts.vpc, service, facts.catalog, facts.dns, has_public_address=has_address)
            for service in (METRICS, *facts.needs)
        }
        return {service: _of_another(path, facts.foreign_owner) for service, path in found.items()}


def _of_another(path: NetworkPath, owner: str) -> NetworkPath:
    """The way as it can be known in a shared VPC: its endpoints are its owner's alone (VPC guide: share a subnet)."""
    if not owner:
        return path
    doubt = f"the VPC belongs to account {owner}, which alone can see and make its endpoints"
    return replace(path, doubts=(*path.doubts, doubt), is_repairable=False)


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
        words=plain(cause.words),
        evidence=tuple(dict.fromkeys(plain(line) for line in evidence if line and line != cause.words)),
        vpc_id=facts.vpc_id,
        vpc_name=facts.vpc_name,
    )
