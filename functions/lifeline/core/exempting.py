"""Exempt by hand: for some days a VPC need not reach some services, because a person said so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from lifeline.core.model import VPC_ID
from lifeline.core.policy import Exempted, Policy, is_service
from lifeline.core.policy_document import shown
from lifeline.core.service_sets import expand
from lifeline.core.wording import plain
from lifeline.errors import InvalidInputError

DEFAULT_DAYS = 7
MOST_DAYS = 90  # what should last longer belongs into the policy, where others see it
MOST_EXEMPT = 500  # kept at a time: far below the 400 KB of an item (DynamoDB guide: quotas)
_MOST_A_CALL = 100
_MOST_SERVICES = 50
_MOST_REASON = 256
_BY_HAND = "exempt by hand"
_FIELDS = ("exempt", "services", "days", "reason")


@dataclass(frozen=True, slots=True)
class ExemptAsk:
    """Which VPCs need not reach which services, all of them if there are none, and for how many days; 0 ends it."""

    vpc_ids: tuple[str, ...]
    services: tuple[str, ...] = ()
    days: int = DEFAULT_DAYS
    reason: str = _BY_HAND

    def field_of(self, vpc_id: str) -> str:
        """Where the call named the VPC, for an error's words."""
        return f"exempt[{self.vpc_ids.index(vpc_id)}]"

    def exempted(self, vpc_id: str, today: date) -> Exempted | None:
        """The exemption that is asked for, with today (UTC) and that many days after it; None where it ends one."""
        until = today + timedelta(days=self.days)
        return Exempted(vpc_id, self.services, until, self.reason) if self.days else None


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


def with_exemptions(policy: Policy, by_hand: Iterable[Exempted]) -> Policy:
    """The policy with what people exempted by hand beside its own exemptions."""
    return replace(policy, exemptions=(*policy.exemptions, *by_hand))


def changed(known: Sequence[Exempted], ask: ExemptAsk, today: date) -> tuple[Exempted, ...]:
    """What is exempt by hand once the ask is met, in the VPCs' order, without what has ended.

    The same VPC and services again take the place of what was said of them before. Raises InvalidInputError where that
    would be more than MOST_EXEMPT.
    """
    asked = [one for vpc_id in ask.vpc_ids if (one := ask.exempted(vpc_id, today))]
    replaced = {(one.subject, one.services) for one in asked}
    ended = set() if ask.days else set(ask.vpc_ids)
    stay = [
        one
        for one in known
        if one.counts_on(today) and one.subject not in ended and (one.subject, one.services) not in replaced
    ]
    found = sorted([*stay, *asked], key=lambda one: (one.subject, one.services))
    if len(found) > MOST_EXEMPT and asked:
        raise InvalidInputError(
            "exempt", f"makes {len(found)} exemptions by hand; {MOST_EXEMPT} are the most: use the policy's exemptions"
        )
    return tuple(found)


def exempt_words(ask: ExemptAsk, vpc_id: str, today: date) -> str:
    """What the record says of it."""
    one = ask.exempted(vpc_id, today)
    if one is None:
        return "no longer exempt by hand"
    return f"need not reach {', '.join(one.services) or 'any service'} until the end of {one.until}: {one.reason}"


def exempt_json(ask: ExemptAsk, vpc_id: str, today: date) -> dict[str, Any]:
    """One VPC as the function answers it; `until` is the last day, null where the exemption has ended."""
    one = ask.exempted(vpc_id, today)
    return {
        "vpc_id": vpc_id,
        "services": list(ask.services),
        "until": one.until.isoformat() if one and one.until else None,
    }


# ---- reading


def _read_vpc_ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidInputError("exempt", f"must be a list of VPC ids, not {shown(value)}")
    if len(value) > _MOST_A_CALL:
        raise InvalidInputError("exempt", f"holds {len(value)} ids; {_MOST_A_CALL} are the most in a call")
    for place, one in enumerate(value):
        if not isinstance(one, str) or not VPC_ID.fullmatch(one):
            wanted = "is not a VPC id (vpc-, then 8 or 17 of 0-9a-f)"
            raise InvalidInputError(f"exempt[{place}]", f"{shown(one)} {wanted}")
        if one in value[:place]:
            raise InvalidInputError(f"exempt[{place}]", f"{one} is there twice")
    return tuple(value)


def _read_services(event: Mapping[str, Any]) -> tuple[str, ...]:
    if "services" not in event:
        return ()
    value = event["services"]
    if not isinstance(value, list) or not value:
        raise InvalidInputError("services", f'must be a list such as ["monitoring"], not {shown(value)}')
    if len(value) > _MOST_SERVICES:
        raise InvalidInputError("services", f"holds {len(value)} names; {_MOST_SERVICES} are the most")
    for place, one in enumerate(value):
        if not isinstance(one, str) or not is_service(one):
            wanted = "must be a service or a named set such as monitoring or ecr.api"
            raise InvalidInputError(f"services[{place}]", f"{wanted}, not {shown(one)}")
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
