"""What a caller may send to adopt endpoints and security groups as Lifeline's own, or to hand them over."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.network.model import MANAGED_BY, Endpoint, SecurityGroup, Vpc
from lifeline.core.network.ownership import Owned, zones_asked
from lifeline.core.requests.fields import ADOPT_FIELDS, AN_OWNED_ID, HAND_OVER_FIELDS, check_names, must_be, read_list

_MOST_A_CALL = 100
_DEFAULT_GROUP = "default"  # a name that EC2 reserves (VPC guide: default security groups)
_OWNED_ID = re.compile(r"(?:vpce|sg)-(?:[0-9a-f]{8}|[0-9a-f]{17})")


def read_adopt(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The IDs in a manual call `{"adopt": ["vpce-…"]}`. Raises InvalidInputError with the path to the field."""
    check_names(event, ADOPT_FIELDS, call="adopt")
    return _read_ids(event, "adopt")


def read_hand_over(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The IDs in a manual call `{"hand_over": ["vpce-…"]}`. Raises InvalidInputError with the path to the field."""
    check_names(event, HAND_OVER_FIELDS, call="hand_over")
    return _read_ids(event, "hand_over")


def _read_ids(event: Mapping[str, Any], name: str) -> tuple[str, ...]:
    ids = read_list(event[name], name, of="IDs", most=_MOST_A_CALL)
    for place, resource_id in enumerate(ids):
        if not isinstance(resource_id, str) or not _OWNED_ID.fullmatch(resource_id):
            raise must_be(f"{name}[{place}]", AN_OWNED_ID, resource_id)
        if resource_id in ids[:place]:
            raise InvalidInputError(f"{name}[{place}]", f"repeats {resource_id}")
    return tuple(ids)


def adoptable(
    ids: Iterable[str], vpcs: Iterable[Vpc], owner: str, records: Mapping[str, Owned], *, now: datetime
) -> dict[str, Owned]:
    """The record of each ID, if all may be adopted; `vpcs` are as observed, those of the IDs among them. All interfaces
    that an endpoint has count as Lifeline's then, whoever added them. What the `records` say that Lifeline made counts
    as made by it still.

    Lifeline's role may only change what has its tag, and it can't add the tag: so whoever adopts must be able to tag.
    A group's name decides nothing: it may be of any `name_pattern`, and anybody can make one of the same name. Raises
    InvalidInputError for the first ID that can't be adopted: then none is.
    """
    there = {resource.id: (vpc, resource) for vpc in vpcs for resource in vpc.ownable}
    adopted: dict[str, Owned] = {}
    for place, resource_id in enumerate(ids):
        field = f"adopt[{place}]"
        if resource_id not in there:
            raise InvalidInputError(field, f"{resource_id} does not exist in this account and region")
        vpc, resource = there[resource_id]
        if isinstance(resource, Endpoint) and (resource.requester_managed or resource.state.is_gone):
            why = "an AWS service manages it" if resource.requester_managed else "it is being deleted"
            raise InvalidInputError(field, f"{resource_id} can't be adopted: {why}")
        if isinstance(resource, SecurityGroup) and resource.name == _DEFAULT_GROUP:
            words = "it is the default security group of its VPC, which nobody can delete"
            raise InvalidInputError(field, f"{resource_id} can't be adopted: {words}")
        if resource.tag(MANAGED_BY) != owner:
            raise InvalidInputError(field, f"{resource_id} must have the tag {MANAGED_BY}={owner}: add it first")
        zones = {subnet.id: subnet.zone for subnet in vpc.subnets}
        asked = zones_asked(resource.subnet_ids if isinstance(resource, Endpoint) else (), zones, now)
        record = records.get(resource_id)
        is_made = record is not None and not (record.is_adopted or record.is_unread)
        adopted[resource_id] = Owned(vpc.id, now, is_adopted=not is_made, asked=asked)
    return adopted


def to_hand_over(ids: Iterable[str], records: Mapping[str, Owned]) -> dict[str, Owned]:
    """The record of each ID. Raises InvalidInputError for the first that isn't on record: then none is handed over."""
    for place, resource_id in enumerate(ids):
        if resource_id not in records or records[resource_id].handed_over_at:
            words = f"{resource_id} isn't on record as Lifeline's own, so there is nothing to hand over"
            raise InvalidInputError(f"hand_over[{place}]", words)
        if records[resource_id].is_unread:
            words = f"the ledger's record of {resource_id} can't be read: adopt it first, which writes the record anew"
            raise InvalidInputError(f"hand_over[{place}]", words)
    return {resource_id: records[resource_id] for resource_id in ids}
