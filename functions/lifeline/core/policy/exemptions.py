"""Manual exemptions: for some days, a VPC need not reach some services because a person said so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.policy import Exempted, ExemptedBy, Policy
from lifeline.core.wording import write_stated

DEFAULT_DAYS = 7
MOST_DAYS = 90  # what should last longer belongs into the policy, where others see it
MOST_EXEMPT = 500  # kept at a time: far below the 400 KB of an item (DynamoDB guide: quotas)
MANUALLY = "exempt manually"


@dataclass(frozen=True, slots=True)
class ExemptRequest:
    """Which VPCs need not reach which services, all of them if there are none, and for how many days; 0 ends it.

    `by` is who asks for it, as they state it.
    """

    vpc_ids: tuple[str, ...]
    services: tuple[str, ...] = ()
    days: int = DEFAULT_DAYS
    reason: str = MANUALLY
    by: str = ""

    def field_of(self, vpc_id: str) -> str:
        """Where the call named the VPC, for an error's words."""
        return f"exempt[{self.vpc_ids.index(vpc_id)}]"

    def exempted(self, vpc_id: str, today: date) -> Exempted | None:
        """The exemption that is asked for, with today (UTC) and that many days after it; None where it ends one."""
        until = today + timedelta(days=self.days)
        reason = f"{self.reason}{self.by and f', asked for{write_stated(self.by)}'}"
        return Exempted(vpc_id, self.services, until, reason) if self.days else None


def with_exemptions(policy: Policy, manual: Iterable[Exempted]) -> Policy:
    """The policy with the manual exemptions beside its own."""
    by_call = (replace(exempted, by=ExemptedBy.CALL) for exempted in manual)
    return replace(policy, exemptions=(*policy.exemptions, *by_call))


def changed(known: Sequence[Exempted], request: ExemptRequest, today: date) -> tuple[Exempted, ...]:
    """The manual exemptions once the request is met, in the VPCs' order, without those that have ended.

    The same VPC and services again take the place of what was said of them before. Raises InvalidInputError where that
    would be more than MOST_EXEMPT.
    """
    asked = [exempted for vpc_id in request.vpc_ids if (exempted := request.exempted(vpc_id, today))]
    replaced = {(exempted.subject, exempted.services) for exempted in asked}
    ended = set() if request.days else set(request.vpc_ids)
    stay = [
        exempted
        for exempted in known
        if exempted.counts_on(today)
        and exempted.subject not in ended
        and (exempted.subject, exempted.services) not in replaced
    ]
    found = sorted([*stay, *asked], key=lambda exempted: (exempted.subject, exempted.services))
    if len(found) > MOST_EXEMPT and asked:
        words = f"would make {len(found)} manual exemptions; the maximum is {MOST_EXEMPT}. Use the policy instead."
        raise InvalidInputError("exempt", words)
    return tuple(found)


def exempt_words(request: ExemptRequest, vpc_id: str, today: date) -> str:
    """What the audit log says of it."""
    exempted = request.exempted(vpc_id, today)
    if exempted is None:
        return f"no longer exempt manually{write_stated(request.by)}"
    services = ", ".join(exempted.services) or "any service"
    return f"need not reach {services} until the end of {exempted.until}: {exempted.reason}"


def exempt_json(request: ExemptRequest, vpc_id: str, today: date) -> dict[str, Any]:
    """One VPC as the function answers it; `until` is the last day, null where the exemption has ended."""
    exempted = request.exempted(vpc_id, today)
    until = exempted.until.isoformat() if exempted and exempted.until else None
    return {"vpc_id": vpc_id, "services": list(request.services), "until": until}
