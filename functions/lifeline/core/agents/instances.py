"""The instances that agents run on, as EC2 describes them."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

AGENT_TAG = "lifeline:agent"
EXPECTED = "expected"

_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


def is_instance_id(entity: str) -> bool:
    """True if the entity is the id of an EC2 instance, so that EC2 can say whether there is one."""
    return bool(_INSTANCE_ID.fullmatch(entity))


class Power(StrEnum):
    """Whether an instance can be expected to report."""

    RUNNING = "running"
    DOWN = "down"
    GONE = "gone"
    UNREADABLE = "unreadable"


class Health(StrEnum):
    """The result of EC2's status checks (EC2 API: DescribeInstanceStatus), which don't depend on the VPC's network."""

    OK = "ok"
    IMPAIRED = "impaired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Instance:
    """An agent's instance. `launched_at` is its last start, not its first (EC2 API: Instance.LaunchTime).

    `address` and `group_ids` are those of its first network interface, empty and None where EC2 doesn't say. `state` is
    EC2's name for its state; `profile_arn` is its instance profile's, empty if it has none.
    """

    power: Power
    launched_at: datetime | None = None
    state: str = ""
    vpc_id: str = ""
    subnet_id: str = ""
    zone: str = ""
    profile_arn: str = ""
    has_public_address: bool = False
    address: str = ""
    group_ids: frozenset[str] | None = None
    tags: tuple[tuple[str, str], ...] = ()

    def tag(self, key: str) -> str | None:
        """The tag's value, or None where it isn't set."""
        return dict(self.tags).get(key)

    @property
    def is_expected(self) -> bool:
        """True if its tag says that an agent should report from it."""
        return self.tag(AGENT_TAG) == EXPECTED


UNMANAGED = Instance(Power.RUNNING)
"""The instance of an agent that EC2 doesn't know, such as a host outside it: always expected to report."""
