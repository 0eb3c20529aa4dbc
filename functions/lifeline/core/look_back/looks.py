"""How often Lifeline would have looked at a network because of changes, and what that costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from lifeline.core.look_back.past_change import PastChange
from lifeline.core.requests.vpcs_touched import kind_of

_SWEEP_PACE = timedelta(minutes=5)  # the queue causes one sweep in that time: docs/architecture.md


@dataclass(frozen=True, slots=True)
class Patience:
    """How long Lifeline waits after a change, and after one by an infrastructure-as-code tool: the template's
    `DebounceSeconds`, and `iac_debounce_seconds` of the policy.
    """

    usual: timedelta = timedelta(seconds=30)
    iac: timedelta = timedelta(seconds=600)


@dataclass(frozen=True, slots=True)
class Looks:
    """Reconciliations of one VPC, and of a whole region where the records don't say which VPC."""

    vpcs: int = 0
    regions: int = 0

    def cost(self, usd_a_look: Decimal) -> Decimal:
        """What they cost in all, in cents."""
        return (usd_a_look * (self.vpcs + self.regions)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def count_looks(changes: Iterable[PastChange], patience: Patience, vpc_of: Mapping[str, str]) -> Looks:
    """The looks that changes in order would have caused. What comes while Lifeline waits is answered by the same look,
    and a person's change doesn't wait for a tool's. `vpc_of` tells the VPCs of resources that exist.
    """
    seen = tuple(changes)
    known = {**vpcs_named(seen), **vpc_of}
    by_subject: dict[tuple[str, str, str], list[PastChange]] = {}
    for change in seen:
        for vpc_id in sorted(_vpcs(change, known)) or [""]:
            by_subject.setdefault((change.account, change.region, vpc_id), []).append(change)
    counts = {subject: _count(those, patience, is_region=not subject[2]) for subject, those in by_subject.items()}
    return Looks(
        vpcs=sum(number for (_, _, vpc_id), number in counts.items() if vpc_id),
        regions=sum(number for (_, _, vpc_id), number in counts.items() if not vpc_id),
    )


def vpcs_named(changes: Iterable[PastChange]) -> dict[str, str]:
    """By resource: the VPC that a record names beside it, if it names one."""
    found: dict[str, str] = {}
    for change in changes:
        vpc_ids = [id_ for id_ in change.ids if kind_of(id_) == "vpc"]
        if len(vpc_ids) == 1:
            found |= {id_: vpc_ids[0] for id_ in change.ids if kind_of(id_) != "vpc"}
    return found


def _vpcs(change: PastChange, known: Mapping[str, str]) -> set[str]:
    return {id_ if kind_of(id_) == "vpc" else known[id_] for id_ in change.ids if kind_of(id_) == "vpc" or id_ in known}


def _count(changes: Iterable[PastChange], patience: Patience, *, is_region: bool) -> int:
    number, until = 0, None
    usual = max(patience.usual, _SWEEP_PACE) if is_region else patience.usual
    for change in changes:
        at = change.at + (patience.iac if change.tool else usual)
        if until is None or change.at >= until:
            number, until = number + 1, at
        else:
            until = min(until, at)
    return number
