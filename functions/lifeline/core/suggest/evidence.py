"""Evidence as values: what the sources say, before anybody judges it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from lifeline.core.wording import quoted


class Certainty(StrEnum):
    """How sure a witness is, the surest first.

    `certain`: something there asked for the name, or is declared to. `likely`: a role that works there called the
    service. `unknown`: somebody called it, and it isn't known whether that was there, or whether this service answers.
    """

    CERTAIN = "certain"
    LIKELY = "likely"
    UNKNOWN = "unknown"


class Source(StrEnum):
    """Where evidence comes from, and what each source doesn't see."""

    QUERY_LOGS = "query logs"
    METRICS = "published metrics"
    TASKS = "task definitions"
    ADVISOR = "access advisor"
    CONFIGS = "agent configurations"
    INSTANCES = "instances"
    FUNCTIONS = "functions"
    INTERFACES = "network interfaces"

    @property
    def blind_spot(self) -> str:
        """What it doesn't see, as a sentence."""
        return _BLIND[self]


_BLIND = {
    # Route 53 guide: Resolver query logging.
    Source.QUERY_LOGS: "They have the names that Route 53 Resolver was asked for, not those that were cached or that"
    " other DNS servers answered, and of pods only their node.",
    Source.METRICS: "They have the agents that a watch knows by the IDs of instances and that published in the last 3"
    " hours, not other publishers, and not who never got through.",
    Source.TASKS: "They say what ECS needs to run a task, not what its code calls.",
    Source.CONFIGS: "Only parameters whose names begin with AmazonCloudWatch- were read, and they don't say which"
    " instances use them.",
    # IAM API: GenerateServiceLastAccessedDetails.
    Source.ADVISOR: "It doesn't see what never got through, access by access keys or by resource policies alone, the"
    " last 4 hours, and from which subnet or VPC a role called.",
    Source.INSTANCES: "It sees one role an instance. Pods of EKS may have roles of their own.",
    Source.FUNCTIONS: "It sees the functions' current subnets and roles, not what their code calls.",
    Source.INTERFACES: "It sees who has a network interface now, not who had one.",
}


class Kind(StrEnum):
    """What lives in a subnet."""

    INSTANCE = "instance"
    FUNCTION = "function"
    SERVICE = "ECS service"
    TASK = "ECS task"


@dataclass(frozen=True, slots=True, order=True)
class Resident:
    """Who lives in some subnets, and by which roles it calls AWS. `task_definition` is of an ECS service or task.

    `on_instances` says that it runs on ECS's container instances, not on Fargate, and `is_exec_on` that people may open
    a shell in it (ECS API: enableExecuteCommand).
    """

    kind: Kind
    name: str
    subnet_ids: frozenset[str]
    roles: tuple[str, ...] = ()
    task_definition: str = ""
    is_exec_on: bool = False
    on_instances: bool = False

    @property
    def words(self) -> str:
        """What it is, for people."""
        return quoted(self.name) if self.kind is Kind.INSTANCE else f"{self.kind} {quoted(self.name)}"


@dataclass(frozen=True, slots=True)
class ServiceUse:
    """That a role called a service, by IAM's namespace: the last time, and the Region of that time."""

    namespace: str
    at: datetime
    region: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """How often an instance of a VPC asked for a name; without an instance, something else in the VPC."""

    vpc_id: str
    name: str
    times: int
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """That an instance's agent published metrics to a namespace lately, and when last; None if that isn't known."""

    instance: str
    namespace: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration of the CloudWatch agent, by its parameter's name."""

    name: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UsageEvidence:
    """Everything that was read.

    `uses` are by role, and `definitions` task definitions by ARN, as ECS describes them. `logged` are the VPCs whose
    queries are logged where they can be read; None where that isn't known.
    """

    residents: tuple[Resident, ...] = ()
    uses: Mapping[str, tuple[ServiceUse, ...]] = field(default_factory=dict)
    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    configurations: tuple[Configuration, ...] = ()
    asked: tuple[Asked, ...] = ()
    published: tuple[Published, ...] = ()
    logged: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """One piece of evidence that private subnets of a VPC need something: an endpoint service by its name, or else a
    host or a service for which Lifeline knows no endpoint service, and why.
    """

    vpc_id: str
    name: str
    source: Source
    certainty: Certainty
    words: str
    subnet_ids: frozenset[str] = frozenset()
    why_no_endpoint: str = ""
