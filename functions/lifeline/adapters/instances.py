"""Instances' states from EC2."""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.adapters.aws import ours
from lifeline.adapters.clients import client
from lifeline.core.gaps import Instance, Power
from lifeline.observability import logger

_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")
_VALUES_A_FILTER = 200  # EC2 API: the number of values of one filter
_SIDE_BY_SIDE = 4
_POWER = {"running": Power.RUNNING, "terminated": Power.GONE}


class Instances:
    """The account's instances in the region."""

    def __init__(self, ec2: Any = None) -> None:
        self._ec2 = ec2 or client("ec2")

    def look_up(self, entities: Iterable[str]) -> dict[str, Instance]:
        """The instance of each entity that is an instance id; others, such as host names, are left out.

        An id that EC2 doesn't know is GONE: terminated an hour ago or longer (EC2 API: DescribeInstances). Filters, not
        InstanceIds, so that one such id doesn't fail its batch. A batch that fails is UNREADABLE, with a warning in the
        log. Whatever is neither running nor terminated is DOWN, a starting instance too.
        """
        ids = sorted({entity for entity in entities if _INSTANCE_ID.fullmatch(entity)})
        if not ids:
            return {}
        with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
            answers = pool.map(self._look_up_batch, batched(ids, _VALUES_A_FILTER, strict=False))
            return {id_: instance for answer in answers for id_, instance in answer.items()}

    def _look_up_batch(self, ids: Sequence[str]) -> dict[str, Instance]:
        filters = [{"Name": "instance-id", "Values": list(ids)}]
        found = dict.fromkeys(ids, Instance(Power.GONE))
        try:
            for page in self._ec2.get_paginator("describe_instances").paginate(Filters=filters):
                for reservation in page["Reservations"]:
                    found |= {one["InstanceId"]: _instance(one) for one in reservation["Instances"]}
        except (ClientError, BotoCoreError) as error:
            problem = ours(error, f"{len(ids)} instances could not be looked up")
            logger.warning(str(problem), extra={"code": problem.code})
            return dict.fromkeys(ids, Instance(Power.UNREADABLE))
        return found


def _instance(described: dict[str, Any]) -> Instance:
    return Instance(_POWER.get(described["State"]["Name"], Power.DOWN), described.get("LaunchTime"))
