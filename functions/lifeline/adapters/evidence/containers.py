"""ECS: which tasks and services run in which subnets, by which roles, and from which task definitions."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import batched
from math import inf
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, in_time, paced_pages, run_concurrently
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.suggest.evidence import Kind, Resident

_MOST = {"services": 10, "tasks": 100, "containerInstances": 100}  # that one call describes (ECS API)
_ROLES = ("taskRoleArn", "executionRoleArn")

type Described = Mapping[str, Any]
type Subnets = Mapping[str, Collection[str]]
"""By instance: the subnets in which it has network interfaces."""


class Containers:
    """The account's clusters in the region. What isn't read by `until`, of the clock `monotonic`, is a
    TransientError.
    """

    def __init__(self, client: ClientOf = client, *, until: float = inf) -> None:
        self._ecs: Any = client("ecs")
        self._in_time = partial(in_time, until)

    def read(self, subnets_of: Subnets) -> tuple[tuple[Resident, ...], dict[str, dict[str, Any]]]:
        """The services, the tasks that belong to none, and the task definitions that they have, by ARN. Raises ours.

        `subnets_of` places tasks that have no network interface of their own.
        """
        clusters = self._listed("list_clusters", "clusterArns")
        found = [one for cluster in clusters for one in self._cluster(cluster, subnets_of)]
        arns = sorted({one.task_definition for one in found if one.task_definition})
        definitions = dict(zip(arns, run_concurrently([partial(self._define, arn) for arn in arns]), strict=True))
        return tuple(_with_roles(one, definitions.get(one.task_definition, {})) for one in found), definitions

    def _cluster(self, cluster: Any, subnets_of: Subnets) -> Iterator[Resident]:
        services = self._described("services", self._listed("list_services", "serviceArns", cluster=cluster), cluster)
        tasks = self._described("tasks", self._listed("list_tasks", "taskArns", cluster=cluster), cluster)
        hosts = self._hosts(cluster, tasks)
        by_group: dict[str, list[Described]] = {}
        for task in tasks:
            by_group.setdefault(str(task.get("group", "")), []).append(task)
        for service in services:
            own = by_group.pop(f"service:{service['serviceName']}", [])
            # Whoever deploys by sets of tasks names both there alone (ECS API: Service, TaskSet).
            parts = [service, *service.get("taskSets", ())]
            networks = [one.get("networkConfiguration", {}).get("awsvpcConfiguration", {}) for one in parts]
            subnets = frozenset(subnet_id for network in networks for subnet_id in network.get("subnets", ()))
            placed = subnets or _placed(own, hosts, subnets_of)
            for arn in sorted({str(one["taskDefinition"]) for one in parts if one.get("taskDefinition")}):
                yield _resident(Kind.SERVICE, str(service["serviceName"]), arn, placed, service, own)
        for group, of_group in sorted(by_group.items()):
            for arn in sorted({str(task["taskDefinitionArn"]) for task in of_group}):
                alike = [task for task in of_group if task["taskDefinitionArn"] == arn]
                name = group.removeprefix("family:") or arn.rpartition("/")[2]
                yield _resident(Kind.TASK, name, arn, _placed(alike, hosts, subnets_of), alike[0], alike)

    def _hosts(self, cluster: Any, tasks: Iterable[Described]) -> dict[str, str]:
        """By container instance: the instance that it is."""
        arns = {str(task["containerInstanceArn"]) for task in tasks if task.get("containerInstanceArn")}
        described = self._described("containerInstances", sorted(arns), cluster)
        return {one["containerInstanceArn"]: one.get("ec2InstanceId", "") for one in described}

    def _listed(self, operation: str, key: str, **request: Any) -> list[Any]:
        return paced_pages(self._ecs, operation, key, self._in_time, request)

    def _described(self, kind: str, names: Iterable[Any], cluster: Any) -> list[dict[str, Any]]:
        """What ECS says of these; `kind` is the name of the argument and of the answer's list."""
        describe = {
            "services": self._ecs.describe_services,
            "tasks": self._ecs.describe_tasks,
            "containerInstances": self._ecs.describe_container_instances,
        }[kind]
        found: list[dict[str, Any]] = []
        for chunk in batched(names, _MOST[kind], strict=False):
            self._in_time()
            with aws_errors(f"describe ECS {kind}"):
                found += describe(cluster=cluster, **{kind: list(chunk)})[kind]
        return found

    def _define(self, arn: str) -> dict[str, Any]:
        self._in_time()
        with aws_errors(f"describe_task_definition {arn.rpartition('/')[2]}"):
            return dict(self._ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"])


def _placed(tasks: Iterable[Described], hosts: Mapping[str, str], subnets_of: Subnets) -> frozenset[str]:
    """Where tasks are: by their own network interfaces, or else where their instance is (ECS API: Attachment)."""
    found: set[str] = set()
    for task in tasks:
        details = [one for attached in task.get("attachments", ()) for one in attached.get("details", ())]
        own = {str(one["value"]) for one in details if one.get("name") == "subnetId"}
        found |= own or set(subnets_of.get(hosts.get(str(task.get("containerInstanceArn", "")), ""), ()))
    return frozenset(found)


def _resident(
    kind: Kind,
    name: str,
    task_definition: str,
    subnet_ids: frozenset[str],
    described: Described,
    tasks: Iterable[Described],
) -> Resident:
    on_instances = described.get("launchType") == "EC2" or any(task.get("containerInstanceArn") for task in tasks)
    is_exec_on = bool(described.get("enableExecuteCommand"))
    return Resident(kind, name, subnet_ids, (), task_definition, is_exec_on, on_instances)


def _with_roles(resident: Resident, definition: Described) -> Resident:
    return replace(resident, roles=tuple(str(definition[name]) for name in _ROLES if definition.get(name)))
