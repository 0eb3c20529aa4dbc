"""Ownership: which endpoints and security groups are Lifeline's own, by the ledger's record and by their tag."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from lifeline.core.network.model import MANAGED_BY, Endpoint, SecurityGroup, Vpc


@dataclass(frozen=True, slots=True)
class Owned:
    """The record of one endpoint or security group: its VPC, and since when it is Lifeline's own.

    `is_adopted` says that a person adopted it; otherwise Lifeline created it. Once it is handed over to its users, the
    record stays so that nobody is asked about the tag that is still on it.
    """

    vpc_id: str
    at: datetime
    is_adopted: bool = False
    handed_over_at: datetime | None = None


def recognize(vpcs: Iterable[Vpc], records: Mapping[str, Owned] | None) -> tuple[Vpc, ...]:
    """The observed VPCs with what is on record, by ID. What was handed over counts as untagged: it is its users'.

    None means that the ledger wasn't read: then the tag alone counts. Only an answer that changes nothing may use that.
    """
    return tuple(
        replace(
            vpc,
            endpoints=tuple(_recognized(endpoint, vpc.id, records) for endpoint in vpc.endpoints),
            security_groups=tuple(_recognized(group, vpc.id, records) for group in vpc.security_groups),
        )
        for vpc in vpcs
    )


def _recognized[T: (Endpoint, SecurityGroup)](resource: T, vpc_id: str, records: Mapping[str, Owned] | None) -> T:
    if records is None:
        return replace(resource, on_record=resource.tag(MANAGED_BY) is not None)
    record = records.get(resource.id)
    if record is None or record.vpc_id != vpc_id:
        return replace(resource, on_record=False)
    if record.handed_over_at:
        tags = tuple((key, value) for key, value in resource.tags if key != MANAGED_BY)
        handed_over = replace(resource, on_record=False, tags=tags)
        return replace(handed_over, is_handed_over=True) if isinstance(handed_over, SecurityGroup) else handed_over
    return replace(resource, on_record=True)


def gone(records: Mapping[str, Owned], vpcs: Iterable[Vpc], *, before: datetime) -> frozenset[str]:
    """The IDs on record that an observation of the whole region doesn't show. What was recorded since `before` may be
    too new to be shown.
    """
    shown = {resource.id for vpc in vpcs for resource in vpc.ownable}
    return frozenset(id_ for id_, record in records.items() if id_ not in shown and record.at < before)


def unclear(vpc: Vpc, owner: str) -> dict[Endpoint | SecurityGroup, str]:
    """The endpoints and security groups of which tag, record and name disagree, so that Lifeline leaves them alone, and
    what a person can do about each.
    """
    endpoints = (endpoint for endpoint in vpc.live_endpoints if not endpoint.requester_managed)
    groups = (group for group in vpc.security_groups if group.has_own_name)
    resources: tuple[Endpoint | SecurityGroup, ...] = (*endpoints, *groups)
    return {resource: words for resource in resources if (words := _why_unclear(resource, owner))}


def _why_unclear(resource: Endpoint | SecurityGroup, owner: str) -> str:
    """Why Lifeline can't say whose it is, or an empty text. A tag of another stack says that it is that stack's."""
    tag, is_group = resource.tag(MANAGED_BY), isinstance(resource, SecurityGroup)
    if resource.on_record:
        counts = "isn't used" if is_group else "is left alone, but still counts toward the limits"
        return "" if tag == owner else _NOT_TAGGED.format(resource.id, owner, counts)
    if tag == owner:
        return _NOT_ON_RECORD.format(resource.id, "delete it" if is_group else f"remove the tag {MANAGED_BY}")
    if isinstance(resource, SecurityGroup) and tag is None and not resource.is_handed_over:
        return _NOT_MADE.format(resource.id, owner, resource.name)
    return ""


_NOT_ON_RECORD = (
    'the ledger has no record of Lifeline creating it: adopt it with {{"adopt": ["{0}"]}} if Lifeline may change and '
    "delete it, or {1}"
)
_NOT_TAGGED = (
    f"it no longer has the tag {MANAGED_BY}={{1}}, so it {{2}}: "
    'restore the tag, or hand it over for good with {{"hand_over": ["{0}"]}}'
)
_NOT_MADE = (
    "{0} is named {2}, but has neither Lifeline's tag nor a record of Lifeline creating it, so it isn't used: delete "
    f'it, or tag it {MANAGED_BY}={{1}} and adopt it with {{{{"adopt": ["{{0}}"]}}}}'
)
