"""What a caller may ask of the evidence: of which VPCs, and how far back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.requests.calls import read_format
from lifeline.core.requests.fields import (
    A_VPC_ID,
    SUGGEST_FIELDS,
    check_names,
    is_vpc_id,
    must_be,
    read_list,
    read_whole,
)

_INSIDE = ("vpc_ids", "days")
_MOST_VPCS = 100
_DEFAULT_DAYS = 90
_MOST_DAYS = 400  # as long as IAM keeps it (IAM API: GenerateServiceLastAccessedDetails)


@dataclass(frozen=True, slots=True)
class SuggestRequest:
    """The VPCs, or all with private subnets if none is named, and how long ago a role's last call may have been."""

    vpc_ids: tuple[str, ...] = ()
    window: timedelta = timedelta(days=_DEFAULT_DAYS)
    is_text: bool = False


def read_suggest(event: Mapping[str, Any], *, may_read: bool = True) -> SuggestRequest:
    """The request in a manual call: `{"suggest": {"vpc_ids": ["vpc-…"], "days": 90}}`; all VPCs for `{"suggest": {}}`.

    Raises InvalidInputError with the path to the field, such as `suggest.vpc_ids[0]`, and for every call where the
    stack may not read evidence.
    """
    check_names(event, SUGGEST_FIELDS, call="suggest")
    said = event["suggest"]
    if not isinstance(said, dict):
        raise must_be("suggest", 'an object such as {"vpc_ids": ["vpc-…"]}, or {} for all VPCs', said)
    check_names(said, _INSIDE, inside="suggest.")
    vpc_ids = read_list(said["vpc_ids"], "suggest.vpc_ids", of="IDs", most=_MOST_VPCS) if "vpc_ids" in said else []
    for place, vpc_id in enumerate(vpc_ids):
        if not is_vpc_id(vpc_id):
            raise must_be(f"suggest.vpc_ids[{place}]", A_VPC_ID, vpc_id)
        if vpc_id in vpc_ids[:place]:
            raise InvalidInputError(f"suggest.vpc_ids[{place}]", f"repeats {vpc_id}")
    what = f"a whole number from 1 to {_MOST_DAYS}"
    days = read_whole(said.get("days", _DEFAULT_DAYS), "suggest.days", what, most=_MOST_DAYS)
    if not days:
        raise must_be("suggest.days", what, days)
    if not may_read:
        raise InvalidInputError("suggest", "needs the stack's parameter Evidence to be yes; or use make suggest")
    return SuggestRequest(tuple(vpc_ids), timedelta(days=days), read_format(event))
