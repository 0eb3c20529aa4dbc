"""The roles of instances, from their instance profiles."""

from collections.abc import Collection
from functools import partial
from itertools import batched
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, pages, run_concurrently
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.errors import TerminalError

_VALUES_A_FILTER = 200  # EC2 API: the number of values of one filter
_GONE = "NoSuchEntity"


class InstanceRoles:
    """By which role each instance calls AWS."""

    def __init__(self, client: ClientOf = client) -> None:
        self._client = client

    def read(self, instance_ids: Collection[str]) -> dict[str, str]:
        """By instance: the ARN of its role, empty where it has none. Raises ours.

        A profile has one role at most (IAM guide: instance profiles); one that is gone has none.
        """
        describe = partial(pages, self._client("ec2"), "describe_instances", "Reservations")
        chunks = batched(sorted(instance_ids), _VALUES_A_FILTER, strict=False)
        filters = ([{"Name": "instance-id", "Values": list(chunk)}] for chunk in chunks)
        reads = [partial(describe, Filters=of_chunk, IncludeManagedResources=True) for of_chunk in filters]
        found = [one for reservations in run_concurrently(reads) for each in reservations for one in each["Instances"]]
        profiles = {one["InstanceId"]: one.get("IamInstanceProfile", {}).get("Arn", "") for one in found}
        names = sorted({arn.rpartition("/")[2] for arn in profiles.values() if arn})
        roles = dict(zip(names, run_concurrently([partial(self._role_of, name) for name in names]), strict=True))
        return {id_: roles.get(arn.rpartition("/")[2], "") for id_, arn in profiles.items()}

    def _role_of(self, profile: str) -> str:
        iam: Any = self._client("iam")
        try:
            with aws_errors(f"get_instance_profile {profile}"):
                answer = iam.get_instance_profile(InstanceProfileName=profile)
        except TerminalError as error:
            if error.code == _GONE:
                return ""
            raise
        return next((str(role["Arn"]) for role in answer["InstanceProfile"]["Roles"]), "")
