"""Does a trail record EC2's changes here? EventBridge gets no event of a call that no trail in the region records.

A trail must be logging, and its selectors must let the write events of EC2 through (EventBridge guide: events from AWS
services via CloudTrail). Event history alone feeds nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.wording import few, listed

CHECK = "trail"
_WRITE = {"eventCategory": "Management", "eventSource": "ec2.amazonaws.com", "readOnly": "false"}
_MOST = 5
_RECORDS = "a trail that logs management events, including write events of EC2"
_MAKE = (
    f"Create {_RECORDS}, in all Regions or in this one, and start logging. The first copy of management events is free."
)


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail that covers the region, as DescribeTrails lists it: also those of other regions and of the organization.

    `selectors` is GetEventSelectors' answer. `has_custom_selectors` is what DescribeTrails says, None where it doesn't.
    """

    arn: str
    is_logging: bool | NotRead
    selectors: Mapping[str, Any] | NotRead
    has_custom_selectors: bool | None = None
    is_organizations: bool = False

    @property
    def name(self) -> str:
        """The name in its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def account(self) -> str:
        """The account that owns it."""
        return self.arn.split(":")[4] if self.arn.count(":") >= 5 else ""

    @property
    def records_changes(self) -> bool | None:
        """Whether it lets EC2's write events through, None where that isn't known.

        A trail without selectors of its own logs all management events (CloudTrail API: Trail, HasCustomEventSelectors;
        EventSelector). A member account is refused the selectors of its organization's trail, and isn't told more.
        """
        if isinstance(self.selectors, NotRead):
            return True if self.has_custom_selectors is False and not self.is_organizations else None
        return logs_ec2_writes(self.selectors)


def check_trails(trails: Sequence[Trail] | NotRead, region: str, *, is_proven: bool = False) -> Finding:
    """Whether at least one of the trails is certain to record EC2's changes in the region. `is_proven` says that the
    event of a dry run arrived lately: some trail that may record them does, then.
    """
    if isinstance(trails, NotRead):
        return unknown(CHECK, f"The trails of {region} couldn't be read.", trails.why)
    good = [trail for trail in trails if trail.is_logging is True and trail.records_changes is True]
    if good:
        names = few([trail.name for trail in good], _MOST)
        return ok(CHECK, f"EC2's write events in {region} are logged by {names}.")
    maybe = [trail for trail in trails if trail.is_logging is not False and trail.records_changes is not False]
    if maybe and is_proven:
        names = few([_whose(trail) for trail in maybe], _MOST)
        says = f"The event path is proven, so a trail logs EC2's write events in {region}"
        return ok(CHECK, f"{says}, though what {names} logs can't be told from here.")
    if maybe:
        says = f"No trail is certain to log EC2's write events in {region}."
        return unknown(CHECK, says, " ".join(map(_why_unknown, maybe[:_MOST])))
    if not trails:
        return bad(CHECK, f"No trail logs anything in {region}, so Lifeline hears of no change.", _MAKE)
    said = [*filter(None, map(_fault, trails))]
    return bad(CHECK, f"{few(said, _MOST)}: Lifeline hears of no change in {region}.", _remedy(trails))


def _fault(trail: Trail) -> str:
    """What is certainly wrong with the trail, as a clause."""
    if trail.is_logging is False:
        return f"the trail {_whose(trail)} is stopped"
    return f"the trail {_whose(trail)} leaves out EC2's write events"


def _whose(trail: Trail) -> str:
    return f"{trail.name} of account {trail.account}" if trail.is_organizations else trail.name


def _remedy(trails: Sequence[Trail]) -> str:
    """What to do about the trail that needs least: to start one is less than to change what it logs."""
    stopped = [trail for trail in trails if trail.is_logging is False and trail.records_changes is not False]
    if stopped:
        return f"Start it: aws cloudtrail start-logging --name {stopped[0].arn}"
    return f"Let {trails[0].name} log management events of EC2 with write events, or create {_RECORDS}."


def _why_unknown(trail: Trail) -> str:
    unread = [part.why for part in (trail.is_logging, trail.selectors) if isinstance(part, NotRead)]
    if trail.is_organizations and unread:
        return (
            f"{trail.name} is the trail of the organization, in account {trail.account}, and only that account can read"
            " what it logs. Whether events come, the event path's probe tells."
        )
    if unread:
        return f"{trail.name}: {listed(unread)}."
    return f"{trail.name} has selectors with fields that Lifeline doesn't know."


# ---- selectors


def logs_ec2_writes(selectors: Mapping[str, Any]) -> bool | None:
    """Whether a trail with these selectors logs EC2's write events, None where that depends on what isn't known here.

    Basic selectors: one with management events of the type All or WriteOnly is enough, for only kms and rdsdata can be
    excluded (CloudTrail API: EventSelector). Advanced ones: all fields of one must hold, and one that holds is enough
    (CloudTrail API: AdvancedFieldSelector). Without any selector, a trail logs all management events.
    """
    basic, advanced = selectors.get("EventSelectors") or [], selectors.get("AdvancedEventSelectors") or []
    if not basic and not advanced:
        return True
    if any(
        one.get("IncludeManagementEvents", True) and one.get("ReadWriteType", "All") in {"All", "WriteOnly"}
        for one in basic
    ):
        return True
    found = {_all_hold(one.get("FieldSelectors") or []) for one in advanced}
    return next((verdict for verdict in (True, None) if verdict in found), False)


def _all_hold(fields: Sequence[Mapping[str, Any]]) -> bool | None:
    found = {_holds(one) for one in fields}
    return next((verdict for verdict in (False, None) if verdict in found), bool(found))


def _holds(field: Mapping[str, Any]) -> bool | None:
    """Whether the field's conditions hold for a write event of EC2, None for a field that isn't known here.

    Of a field's values, one that holds is enough; of a negated operator's, none may.
    """
    value = _WRITE.get(field.get("Field", ""))
    if value is None:
        return None
    given = [(_OPERATORS[name], wanted) for name, wanted in field.items() if name in _OPERATORS and wanted]
    return all(quantifier(test(value, text) for text in wanted) for (test, quantifier), wanted in given)


_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], Callable[..., bool]]] = {
    "Equals": (lambda value, text: value == text, any),
    "StartsWith": (lambda value, text: value.startswith(text), any),
    "EndsWith": (lambda value, text: value.endswith(text), any),
    "NotEquals": (lambda value, text: value != text, all),
    "NotStartsWith": (lambda value, text: not value.startswith(text), all),
    "NotEndsWith": (lambda value, text: not value.endswith(text), all),
}
