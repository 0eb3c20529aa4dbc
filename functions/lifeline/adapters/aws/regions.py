"""The account's other regions: whether they have private subnets, and a stack."""

from collections.abc import Callable
from functools import partial

from lifeline.adapters.aws.calls import aws_errors, run_concurrently
from lifeline.adapters.aws.clients import ClientOf, client, in_region
from lifeline.adapters.aws.network import Network
from lifeline.core.doctor.finding import NotRead
from lifeline.core.doctor.networks import OtherRegion
from lifeline.core.doctor.stack import StackSeen
from lifeline.core.errors import LifelineError, TerminalError
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.policy.policy import PRIVATE


class Regions:
    """The enabled regions. `client` is of the account whose networks are looked at, and `stacks` of the one that has
    the stacks.
    """

    def __init__(self, client: ClientOf = client, stacks: ClientOf = client) -> None:
        self._client = client
        self._stacks = stacks

    def others(self, home: str, stack_name: str) -> tuple[OtherRegion, ...]:
        """All enabled regions but `home`, as far as they can be read. Raises ours if they can't be listed."""
        with aws_errors("describe_regions"):
            described = self._client("ec2").describe_regions()["Regions"]  # the enabled ones (EC2 API: AllRegions)
        names = sorted({one["RegionName"] for one in described} - {home})
        # A session makes one client at a time; the calls are made side by side.
        there = [
            (name, Network(in_region(self._client, name)("ec2")), Stacks(in_region(self._stacks, name)))
            for name in names
        ]
        return tuple(run_concurrently([partial(_read, *region, stack_name) for region in there]))


class Stacks:
    """CloudFormation's stacks in a region."""

    def __init__(self, client: ClientOf = client) -> None:
        self._cloudformation = client("cloudformation")

    def find(self, name: str) -> StackSeen | None:
        """The stack, None where there is none of this name. Raises ours."""
        try:
            with aws_errors(f"describe_stacks {name}"):
                (found,) = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
        except TerminalError as error:
            # CloudFormation's code for a stack that isn't there is the one for every wrong input.
            if error.code == "ValidationError" and "does not exist" in str(error):
                return None
            raise
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}
        return StackSeen(name, found["StackStatus"], found.get("StackStatusReason", ""), outputs)

    def is_deployed(self, name: str) -> bool:
        """Whether there is such a stack, and it works. Raises ours."""
        found = self.find(name)
        return found is not None and found.is_deployed


def _read(name: str, network: Network, stacks: Stacks, stack_name: str) -> OtherRegion:
    private = _attempt(partial(_private_subnets, network))
    has_stack = _attempt(partial(stacks.is_deployed, stack_name)) if private else False
    return OtherRegion(name, private, has_stack)


def _private_subnets(network: Network) -> int:
    tiers = [classify_subnets(vpc).values() for vpc in network.observe(None)]
    return sum(bool(tier.possible & PRIVATE) for of_vpc in tiers for tier in of_vpc)


def _attempt[T](read: Callable[[], T]) -> T | NotRead:
    try:
        return read()
    except LifelineError as error:
        return NotRead.because(error)
