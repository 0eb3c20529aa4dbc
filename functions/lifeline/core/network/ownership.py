"""Ownership: which endpoints and security groups are Lifeline's own, by the ledger's record and by their tag."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lifeline.core.network.model import IN_PLACE_OF, MANAGED_BY, Endpoint, SecurityGroup, Vpc
from lifeline.core.wording import few

_SHOWN = 3
type _Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Owned:
    """The record of one endpoint or security group: its VPC, and since when it is Lifeline's own.

    `is_adopted` says that a person adopted it; otherwise Lifeline created it. Once it is handed over to its users, the
    record stays so that nobody is asked about the tag that is still on it. `in_place_of` are the hub's zones or Profile
    for which Lifeline made the endpoint to stand in, as in its tag `lifeline:in-place-of`. A record that can't be
    understood `is_unread`, and the rest of it says nothing.

    `asked` are the zones in which Lifeline asked for an interface of the endpoint, or that it had when a person adopted
    it, and when that was. None in a record of an earlier version, which doesn't say. They are zones rather than
    subnets, because an endpoint has one subnet a zone (EC2 API: DuplicateSubnetsInSameZone): another one that somebody
    puts in the place of Lifeline's is still what Lifeline asked for.
    """

    vpc_id: str
    at: datetime
    is_adopted: bool = False
    handed_over_at: datetime | None = None
    in_place_of: str = ""
    is_unread: bool = False
    asked: Mapping[str, datetime] | None = None


UNREAD = Owned("", datetime.max.replace(tzinfo=UTC), is_unread=True)


def recognize(vpcs: Iterable[Vpc], records: Mapping[str, Owned] | None) -> tuple[Vpc, ...]:
    """The observed VPCs with what is on record, by ID. What was handed over counts as untagged: it is its users'. An
    endpoint stands in for what the record says as long as it has the tag: whoever may tag could write that it did, and
    then it would go; and people remove the tag to keep it. What has a record that can't be read is left alone, as if
    it had lost its tag, and counts toward the limits.

    None means that the ledger wasn't read: then the tag alone counts. Only an answer that changes nothing may use that.
    """
    return tuple(
        replace(
            vpc,
            endpoints=tuple(
                _with_added(_recognized(endpoint, vpc.id, records), records, vpc) for endpoint in vpc.endpoints
            ),
            security_groups=tuple(_recognized(group, vpc.id, records) for group in vpc.security_groups),
        )
        for vpc in vpcs
    )


def _recognized[T: (Endpoint, SecurityGroup)](resource: T, vpc_id: str, records: Mapping[str, Owned] | None) -> T:
    if records is None:
        return replace(resource, on_record=resource.tag(MANAGED_BY) is not None)
    record = records.get(resource.id)
    if record and record.is_unread:
        return replace(resource, on_record=True, is_record_unread=True, tags=_without(MANAGED_BY, resource.tags))
    if record is None or record.vpc_id != vpc_id:
        return replace(resource, on_record=False)
    if record.handed_over_at:
        handed_over = replace(resource, on_record=False, tags=_without(MANAGED_BY, resource.tags))
        return replace(handed_over, is_handed_over=True) if isinstance(handed_over, SecurityGroup) else handed_over
    stands_in: _Tags = ()
    if record.in_place_of and resource.tag(IN_PLACE_OF):
        stands_in = ((IN_PLACE_OF, record.in_place_of),)
    found = replace(resource, on_record=True, tags=(*_without(IN_PLACE_OF, resource.tags), *stands_in))
    return replace(found, is_adopted=record.is_adopted) if isinstance(found, Endpoint) else found


def _with_added(endpoint: Endpoint, records: Mapping[str, Owned] | None, vpc: Vpc) -> Endpoint:
    """The endpoint with what others added to it, where its record says for which zones Lifeline asked."""
    asked = records[endpoint.id].asked if records and endpoint.on_record else None
    if asked is None:
        return endpoint
    added = (subnet.id for subnet in vpc.subnets if subnet.zone not in asked)
    return replace(endpoint, added_subnet_ids=endpoint.subnet_ids.intersection(added))


def _without(key: str, tags: _Tags) -> _Tags:
    return tuple((name, value) for name, value in tags if name != key)


def unseen_groups(records: Mapping[str, Owned], vpcs: Iterable[Vpc]) -> frozenset[str]:
    """The security groups on record that an observation of their VPCs doesn't show. It looks for groups by tag, by the
    usual name and on endpoints. So it misses one without a tag and endpoints that another `name_pattern` named.
    """
    shown = {vpc.id: {group.id for group in vpc.security_groups} for vpc in vpcs}
    return frozenset(
        id_
        for id_, record in records.items()
        if id_.startswith("sg-") and not record.handed_over_at and id_ not in shown.get(record.vpc_id, {id_})
    )


def gone(records: Mapping[str, Owned], vpcs: Iterable[Vpc], *, before: datetime) -> frozenset[str]:
    """The IDs on record that an observation of the whole region doesn't show. What was recorded since `before` may be
    too new to be shown.
    """
    shown = {resource.id for vpc in vpcs for resource in vpc.ownable}
    return frozenset(id_ for id_, record in records.items() if id_ not in shown and record.at < before)


def left(records: Mapping[str, Owned], vpcs: Iterable[Vpc], *, before: datetime) -> dict[str, dict[str, datetime]]:
    """By endpoint, the zones on record in which the VPCs' endpoints have no interface any more. What others add there
    later wasn't asked for by Lifeline. What was asked for since `before` may be too new to be shown.
    """
    asked = {id_: record.asked for id_, record in records.items() if record.asked}
    found: dict[str, dict[str, datetime]] = {}
    for vpc in vpcs:
        for endpoint in vpc.live_endpoints:
            old = {zone: at for zone, at in asked.get(endpoint.id, {}).items() if at < before}
            shown = {subnet.zone for subnet in vpc.subnets if old and subnet.id in endpoint.subnet_ids}
            if old.keys() - shown:
                found[endpoint.id] = {zone: at for zone, at in old.items() if zone not in shown}
    return found


def zones_asked(subnet_ids: Iterable[str], zones: Mapping[str, str], at: datetime) -> dict[str, datetime] | None:
    """What a record has as `asked` of these subnets; None where the zone of one isn't known: then all of them count."""
    found = {zones.get(subnet_id, "") for subnet_id in subnet_ids}
    return None if "" in found else dict.fromkeys(sorted(found), at)


def unclear(vpc: Vpc, owner: str) -> dict[Endpoint | SecurityGroup, str]:
    """The endpoints and security groups of which tag and record disagree, so that Lifeline leaves them alone, and what
    a person can do about each. Groups that only have one of Lifeline's names are one entry, that of the first: anybody
    can create as many as they like.
    """
    found: dict[Endpoint | SecurityGroup, str] = {}
    for endpoint in vpc.live_endpoints:
        is_tagged = endpoint.tag(MANAGED_BY) == owner
        if not endpoint.requester_managed and is_tagged != endpoint.on_record:
            words = _RECORD_UNREAD if endpoint.is_record_unread else _NOT_ON_RECORD if is_tagged else _NOT_TAGGED
            found[endpoint] = words.format(endpoint.id, owner, "is left alone, but still counts toward the limits")
    for group in vpc.security_groups:
        if group.on_record and group.tag(MANAGED_BY) != owner:
            words = _RECORD_UNREAD if group.is_record_unread else _NOT_TAGGED
            found[group] = words.format(group.id, owner, "isn't used")
    if namesakes := [group for group in vpc.security_groups if _is_namesake(group, owner)]:
        ids = [group.id for group in namesakes]
        call = json.dumps({"adopt": ids[:_SHOWN]})
        found[namesakes[0]] = _NAMESAKE.format(few(ids, _SHOWN), owner, call)
    return found


def added_words(endpoint: Endpoint) -> str:
    """What a person can do about zones that others added to Lifeline's endpoint."""
    return _ADDED.format(endpoint.id)


def _is_namesake(group: SecurityGroup, owner: str) -> bool:
    """True where only the name, or the tag, says that it is this stack's. What another stack tagged is that stack's."""
    is_claimed = group.tag(MANAGED_BY) not in {None, owner}
    is_like = group.has_own_name or group.tag(MANAGED_BY) == owner
    return is_like and not (group.on_record or group.is_handed_over or is_claimed)


_NOT_ON_RECORD = (
    'the ledger has no record of Lifeline creating it: adopt it with {{"adopt": ["{0}"]}} if Lifeline may change and '
    f"delete it, or remove the tag {MANAGED_BY}"
)
_RECORD_UNREAD = (
    "the ledger's record of it can't be read, so it {2}: "
    'adopt it with {{"adopt": ["{0}"]}} if Lifeline created it, which writes the record anew'
)
_NOT_TAGGED = (
    f"it no longer has the tag {MANAGED_BY}={{1}}, so it {{2}}: "
    'restore the tag, or hand it over for good with {{"hand_over": ["{0}"]}}'
)
_ADDED = (
    "they don't count toward the limits, but AWS charges for them: remove the subnets, or adopt the endpoint with "
    '{{"adopt": ["{0}"]}}, so that they count as Lifeline\'s own'
)
_NAMESAKE = (
    "named or tagged like Lifeline's own, but not used, because the ledger has no record of Lifeline creating it: {0}; "
    f"delete it, or give it the tag {MANAGED_BY}={{1}} and adopt it with {{2}}"
)
