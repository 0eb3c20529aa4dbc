"""Instances' states, and EC2's own checks of them."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched, islice
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, pages, tags_of
from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.denials import Denials
from lifeline.core.agents.instances import AGENT_TAG, EXPECTED, Health, Instance, Power, is_instance_id
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.runtime.observability import logger

_VALUES_A_FILTER = 200  # EC2 API: the number of values of one filter
_IDS_A_STATUS_CALL = 100  # EC2 API: DescribeInstanceStatus, InstanceIds
_CONCURRENCY = 4
_MOST_IN_A_VPC = 10_000
_POWER = {"running": Power.RUNNING, "terminated": Power.GONE}
_CHECKS = ("SystemStatus", "InstanceStatus", "AttachedEbsStatus")
_NOT_FAILED = frozenset({"ok", "not-applicable"})


class Instances:
    """The account's instances in the region.

    Those that an AWS service manages are among them, though an account may hide them (EC2 API:
    IncludeManagedResources): a hidden instance would look like one of another account.
    """

    def __init__(self, ec2: Any = None, denials: Denials | None = None) -> None:
        self._ec2 = ec2 or client("ec2")
        self._denials = denials or Denials()

    def look_up(self, entities: Iterable[str]) -> dict[str, Instance]:
        """The instance of each entity that is an instance id; others, such as host names, are left out.

        An id that EC2 doesn't know is MISSING. Filters, not InstanceIds, so that one such id doesn't fail its batch. A
        batch that fails is UNREADABLE, with a warning in the log. Whatever is neither running nor terminated is DOWN, a
        starting instance too.
        """
        ids = _instance_ids(entities)
        if not ids:
            return {}
        with ThreadPoolExecutor(max_workers=_CONCURRENCY) as pool:
            answers = pool.map(self._look_up_batch, batched(ids, _VALUES_A_FILTER, strict=False))
            return {id_: instance for answer in answers for id_, instance in answer.items()}

    def find_expected(self) -> dict[str, Instance]:
        """The instances, running or starting, whose tag says that an agent should report from them, by id.

        Raises TransientError or TerminalError where a page is missing: half of them would look like all.
        """
        filters = [
            {"Name": f"tag:{AGENT_TAG}", "Values": [EXPECTED]},
            {"Name": "instance-state-name", "Values": ["pending", "running"]},
        ]
        with aws_errors("the instances that should report could not be listed"):
            return dict(sorted(self._describe(filters)))

    def running_in(self, vpc_id: str) -> dict[str, Instance] | None:
        """All running instances of the VPC, by id; None, with a warning in the log, if they can't all be read."""
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "instance-state-name", "Values": ["running"]}]
        try:
            with aws_errors(f"the instances in {vpc_id} could not be listed"):
                found = dict(islice(self._describe(filters), _MOST_IN_A_VPC + 1))
        except LifelineError as error:
            self._denials.note(error)
            logger.warning(str(error))
            return None
        return found if len(found) <= _MOST_IN_A_VPC else None

    def health(self, ids: Iterable[str]) -> dict[str, Health]:
        """What EC2's checks say of each instance; UNKNOWN where they say nothing yet, or it isn't running.

        A batch that can't be read is UNKNOWN, with a warning in the log.
        """
        wanted = _instance_ids(ids)
        if not wanted:
            return {}
        with ThreadPoolExecutor(max_workers=_CONCURRENCY) as pool:
            answers = pool.map(self._check_batch, batched(wanted, _IDS_A_STATUS_CALL, strict=False))
            found = {id_: health for answer in answers for id_, health in answer.items()}
        return {id_: found.get(id_, Health.UNKNOWN) for id_ in wanted}

    def _look_up_batch(self, ids: Sequence[str]) -> dict[str, Instance]:
        try:
            with aws_errors(f"{len(ids)} instances could not be looked up"):
                found = dict(self._describe([{"Name": "instance-id", "Values": list(ids)}]))
            return dict.fromkeys(ids, Instance(Power.MISSING)) | found
        except (TransientError, TerminalError) as problem:
            self._denials.note(problem)
            logger.warning(str(problem), extra={"code": problem.code})
            return dict.fromkeys(ids, Instance(Power.UNREADABLE))

    def _describe(self, filters: list[dict[str, Any]]) -> Iterator[tuple[str, Instance]]:
        asked = self._ec2.get_paginator("describe_instances").paginate(Filters=filters, IncludeManagedResources=True)
        for page in asked:
            for reservation in page["Reservations"]:
                yield from ((instance["InstanceId"], _instance(instance)) for instance in reservation["Instances"])

    def _check_batch(self, ids: Sequence[str]) -> dict[str, Health]:
        try:
            return self._check(ids)
        except LifelineError as error:
            self._denials.note(error)
            logger.warning(str(error))
            return {}

    def _check(self, ids: Sequence[str]) -> dict[str, Health]:
        """EC2 has no filter by id here, and one id that it doesn't know fails the call: then each half is asked for."""
        try:
            request = {"InstanceIds": list(ids), "IncludeManagedResources": True}
            found = pages(self._ec2, "describe_instance_status", "InstanceStatuses", **request)
        except TerminalError as error:
            if error.code != "InvalidInstanceID.NotFound":
                raise
            if len(ids) == 1:
                return {}
            half = len(ids) // 2
            return self._check_batch(ids[:half]) | self._check_batch(ids[half:])
        return {status["InstanceId"]: _health(status) for status in found}


class NoInstances(Instances):
    """The instances of a watch whose agents all run in other accounts or regions, or on premises: EC2 isn't asked."""

    def __init__(self) -> None:
        """No client is needed."""

    def look_up(self, entities: Iterable[str]) -> dict[str, Instance]:
        """Each instance id is MISSING here."""
        return dict.fromkeys(_instance_ids(entities), Instance(Power.MISSING))

    def find_expected(self) -> dict[str, Instance]:
        """None of them has a tag that EC2 could show."""
        return {}

    def running_in(self, vpc_id: str) -> dict[str, Instance] | None:  # noqa: ARG002 - none of them is in a VPC here
        """None is known."""
        return None

    def health(self, ids: Iterable[str]) -> dict[str, Health]:
        """Not known."""
        return dict.fromkeys(_instance_ids(ids), Health.UNKNOWN)


def _instance_ids(entities: Iterable[str]) -> list[str]:
    return sorted({entity for entity in entities if is_instance_id(entity)})


def _instance(described: dict[str, Any]) -> Instance:
    state = described["State"]["Name"]
    return Instance(
        power=_POWER.get(state, Power.DOWN),
        launched_at=described.get("LaunchTime"),
        state=state,
        vpc_id=described.get("VpcId", ""),
        subnet_id=described.get("SubnetId", ""),
        zone=described.get("Placement", {}).get("AvailabilityZone", ""),
        profile_arn=described.get("IamInstanceProfile", {}).get("Arn", ""),
        address=str(described.get("PrivateIpAddress") or described.get("Ipv6Address") or ""),
        group_ids=frozenset(group["GroupId"] for group in described["SecurityGroups"])
        if "SecurityGroups" in described
        else None,
        has_public_address=bool(described.get("PublicIpAddress")),
        has_ipv6_address=_has_ipv6(described),
        has_metadata=described.get("MetadataOptions", {}).get("HttpEndpoint", "enabled") != "disabled",
        tags=tags_of(described),
    )


def _has_ipv6(described: dict[str, Any]) -> bool:
    """True if any of its interfaces has an IPv6 address."""
    interfaces = described.get("NetworkInterfaces", [])
    return bool(described.get("Ipv6Address")) or any(interface.get("Ipv6Addresses") for interface in interfaces)


def _health(described: dict[str, Any]) -> Health:
    statuses = {described[check]["Status"] for check in _CHECKS if check in described}
    if "impaired" in statuses:
        return Health.IMPAIRED
    return Health.OK if statuses and statuses <= _NOT_FAILED else Health.UNKNOWN
