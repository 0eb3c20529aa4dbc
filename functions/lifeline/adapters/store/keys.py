"""The partition keys of what the ledger holds about a VPC or a region. No other module writes or reads their form."""

from contextlib import suppress

from lifeline.core.network.model import AnyRef, RegionRef, VpcRef

_INCIDENT_LOG = "INCIDENT_LOG#"


def partition(ref: AnyRef) -> str:
    """The `pk` of what is stored about a VPC, or about a region as a whole."""
    if isinstance(ref, VpcRef):
        return f"VPC#{ref.account}#{ref.region}#{ref.vpc_id}"
    return f"REGION#{ref.account}#{ref.region}"


def incident_log(ref: AnyRef) -> str:
    """The `pk` of the audit log's entries of incidents there. It is DetectMetricGaps' own: its role writes no partition
    of a VPC or a region, where the state is (IAM's conditions know an item's partition, not its sort key).
    """
    return f"{_INCIDENT_LOG}{partition(ref)}"


def in_member(pk: str, home: RegionRef) -> str:
    """The `pk` in a member account's part of the table of what doesn't say by itself where it is."""
    return f"{pk}@{home}"


def says_where(pk: str) -> bool:
    """Whether the account is part of the `pk` already."""
    return pk.startswith(("VPC#", "REGION#", _INCIDENT_LOG))


def read_partition(pk: str) -> AnyRef | None:
    """What an item with such a `pk` is about; None if that is neither a VPC nor a region."""
    with suppress(ValueError):
        match pk.removeprefix(_INCIDENT_LOG).split("#"):
            case ["VPC", account, region, vpc_id]:
                return VpcRef(account, region, vpc_id)
            case ["REGION", account, region]:
                return RegionRef(account, region)
    return None
