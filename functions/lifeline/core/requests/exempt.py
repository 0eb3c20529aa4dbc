"""Exempt: split out of another room."""

from collections.abc import Mapping
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.network.model import VPC_ID
from lifeline.core.policy.document import shown
from lifeline.core.policy.exemptions import _BY_HAND, DEFAULT_DAYS, MOST_DAYS, ExemptAsk
from lifeline.core.policy.service_sets import expand, is_service
from lifeline.core.wording import plain

_MOST_A_CALL = 100


_MOST_SERVICES = 50


_MOST_REASON = 256


_FIELDS = ("exempt", "services", "days", "reason")


def read_exempt(event: Mapping[str, Any]) -> ExemptAsk:
    """What a call by hand asks for: `{"exempt": ["vpc-…"], "services": […], "days": 7, "reason": "…"}`.

    Raises InvalidInputError with the path to the field, such as `exempt[0]`: nothing is exempt then.
    """
    others = sorted(str(name) for name in event if name not in _FIELDS)
    if others:
        raise InvalidInputError(ascii(others[0])[:60], "can't go with exempt, which takes services, days and reason")
    days = _read_days(event.get("days", DEFAULT_DAYS))
    if not days and "services" in event:
        raise InvalidInputError("services", "can't go with days 0, which ends every exemption by hand of the VPC")
    return ExemptAsk(_read_vpc_ids(event["exempt"]), _read_services(event), days, _read_reason(event))


def _read_vpc_ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidInputError("exempt", f"must be a list of VPC ids, not {shown(value)}")
    if len(value) > _MOST_A_CALL:
        raise InvalidInputError("exempt", f"holds {len(value)} ids; {_MOST_A_CALL} are the most in a call")
    for place, element in enumerate(value):
        if not isinstance(element, str) or not VPC_ID.fullmatch(element):
            wanted = "is not a VPC id (vpc-, then 8 or 17 of 0-9a-f)"
            raise InvalidInputError(f"exempt[{place}]", f"{shown(element)} {wanted}")
        if element in value[:place]:
            raise InvalidInputError(f"exempt[{place}]", f"{element} is there twice")
    return tuple(value)


def _read_services(event: Mapping[str, Any]) -> tuple[str, ...]:
    if "services" not in event:
        return ()
    value = event["services"]
    if not isinstance(value, list) or not value:
        raise InvalidInputError("services", f'must be a list such as ["monitoring"], not {shown(value)}')
    if len(value) > _MOST_SERVICES:
        raise InvalidInputError("services", f"holds {len(value)} names; {_MOST_SERVICES} are the most")
    for place, element in enumerate(value):
        if not isinstance(element, str) or not is_service(element):
            wanted = "must be a service or a named set such as monitoring or ecr.api"
            raise InvalidInputError(f"services[{place}]", f"{wanted}, not {shown(element)}")
    return tuple(sorted(expand(value)))


def _read_days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_DAYS:
        raise InvalidInputError(
            "days", f"must be a whole number from 1 to {MOST_DAYS}, or 0 to end the exemption, not {shown(value)}"
        )
    return value


def _read_reason(event: Mapping[str, Any]) -> str:
    value = event.get("reason", _BY_HAND)
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InvalidInputError("reason", f"must be one line of text, not {shown(value)}")
    if len(value) > _MOST_REASON:
        raise InvalidInputError("reason", f"is {len(value)} characters long; {_MOST_REASON} are the most")
    return plain(value.strip())
