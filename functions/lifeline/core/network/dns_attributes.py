"""A VPC's two DNS attributes as they were last read: EC2 has no call that reads those of many VPCs.

What is remembered only plans. CloudTrail reports each change of an attribute (EC2 API: ModifyVpcAttribute), and before
anything is applied, they are read again. For changes that nobody reported, each sweep reads a few VPCs again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lifeline.core.network.model import Part, Vpc

CHANGED_BY = "ModifyVpcAttribute"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DnsAttributes:
    """`enableDnsSupport` and `enableDnsHostnames` of one VPC, and when they were read."""

    support: bool
    hostnames: bool
    read_at: datetime

    @property
    def are_on(self) -> bool:
        """True if private DNS can work."""
        return self.support and self.hostnames


type KnownAttributes = Mapping[str, DnsAttributes]
"""By VPC."""


def attributes_of(vpc: Vpc, read_at: datetime) -> DnsAttributes | None:
    """What a VPC whose attributes were read then says of them; None where EC2 didn't let them be read."""
    if vpc.unread_words(Part.DNS_ATTRIBUTES):
        return None
    return DnsAttributes(vpc.dns_support, vpc.dns_hostnames, read_at)


def with_attributes(vpc: Vpc, known: DnsAttributes | None) -> Vpc:
    """The VPC with these attributes; as it is if they aren't known."""
    return replace(vpc, dns_support=known.support, dns_hostnames=known.hostnames) if known else vpc


def due(vpc_ids: Iterable[str], known: KnownAttributes, most: int) -> list[str]:
    """The VPCs to read again, those first that were read longest ago, or never.

    Half of the turns are for VPCs in which an attribute is off: there, nothing else leads to another look.
    """
    ordered = sorted(vpc_ids, key=lambda vpc_id: (known[vpc_id].read_at if vpc_id in known else _NEVER, vpc_id))
    off = [vpc_id for vpc_id in ordered if vpc_id in known and not known[vpc_id].are_on][: most // 2]
    return [*off, *(vpc_id for vpc_id in ordered if vpc_id not in off)][:most]


def noted(
    known: KnownAttributes, read: KnownAttributes, forgotten: Iterable[str], there: Iterable[str] | None
) -> dict[str, DnsAttributes]:
    """What is known once these were read, and these may have changed since. `there` are all VPCs of the region, if they
    were seen: others are gone.

    Of two runs, the one that read last is right. A run of some VPCs leaves what it found unchanged as it is, so that
    nothing needs to be written.
    """
    kept = {vpc_id: attributes for vpc_id, attributes in known.items() if vpc_id not in {*forgotten}}
    for vpc_id, attributes in read.items():
        before = kept.get(vpc_id)
        is_same = before is not None and replace(before, read_at=attributes.read_at) == attributes
        if before is None or (before.read_at < attributes.read_at and not (is_same and there is None)):
            kept[vpc_id] = attributes
    alive = None if there is None else {*there}
    return {vpc_id: attributes for vpc_id, attributes in kept.items() if alive is None or vpc_id in alive}
