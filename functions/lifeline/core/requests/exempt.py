"""What a caller may send to exempt VPCs for some days."""

from collections.abc import Mapping
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.exemptions import DEFAULT_DAYS, MANUALLY, MOST_DAYS, ExemptRequest
from lifeline.core.policy.service_sets import expand
from lifeline.core.requests.fields import (
    A_VPC_ID,
    EXEMPT_FIELDS,
    check_names,
    is_vpc_id,
    must_be,
    read_by,
    read_list,
    read_services,
    read_whole,
)
from lifeline.core.wording import plain

_MOST_A_CALL = 100
_MOST_SERVICES = 50
_MOST_REASON = 256


def read_exempt(event: Mapping[str, Any]) -> ExemptRequest:
    """The request in a manual call: `{"exempt": ["vpc-…"], "services": […], "days": 7, "reason": "…"}`.

    Raises InvalidInputError with the path to the field, such as `exempt[0]`: nothing is exempt then.
    """
    check_names(event, EXEMPT_FIELDS, call="exempt")
    vpc_ids = read_list(event["exempt"], "exempt", of="IDs", most=_MOST_A_CALL)
    for place, vpc_id in enumerate(vpc_ids):
        if not is_vpc_id(vpc_id):
            raise must_be(f"exempt[{place}]", A_VPC_ID, vpc_id)
        if vpc_id in vpc_ids[:place]:
            raise InvalidInputError(f"exempt[{place}]", f"repeats {vpc_id}")
    what = f"a whole number from 1 to {MOST_DAYS}, or 0 to end the exemption"
    days = read_whole(event.get("days", DEFAULT_DAYS), "days", what, most=MOST_DAYS)
    if not days and "services" in event:
        raise InvalidInputError("services", "can't be combined with 0 days, which end every such exemption of the VPC")
    return ExemptRequest(tuple(vpc_ids), _read_services(event), days, _read_reason(event), read_by(event))


def _read_services(event: Mapping[str, Any]) -> tuple[str, ...]:
    if "services" not in event:
        return ()
    return tuple(sorted(expand(read_services(event["services"], "services", most=_MOST_SERVICES))))


def _read_reason(event: Mapping[str, Any]) -> str:
    reason = event.get("reason", MANUALLY)
    if not isinstance(reason, str) or not reason.strip() or not reason.isprintable():
        raise must_be("reason", "one line of text", reason)
    if len(reason) > _MOST_REASON:
        raise InvalidInputError("reason", f"is {len(reason)} characters long; the maximum is {_MOST_REASON}")
    return plain(reason.strip())
