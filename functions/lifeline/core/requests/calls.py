"""What a caller may send to ReconcileEndpoints: which VPCs to reconcile, never what to do there."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.guards.freeze import EVERYTHING
from lifeline.core.guards.mode import Mode
from lifeline.core.requests.cloudtrail import read_change
from lifeline.core.requests.fields import (
    A_VPC_ID,
    APPROVE_FIELDS,
    CALL_FIELDS,
    PLAN_ID,
    ascii_text,
    check_names,
    check_object,
    is_time,
    is_vpc_id,
    must_be,
    read_list,
    read_services,
    read_true,
    read_whole,
    resource_ids,
)
from lifeline.core.requests.request import Request, Trigger

_MOST_VPC_IDS = 1000
NO_WITHDRAWAL = "comes from the detector alone, with the silence that shows it; freeze the service instead"
MOST_CAUSES = 10  # causes that travel with requeued work


def read_request(event: object, *, own_role_arn: str = "") -> Request:
    """The request in one event: an EventBridge event, a sweep, or a manual call.

    Raises InvalidInputError, with the path to the field, for everything else. A change that Lifeline's own role made is
    marked `is_own`, because it must not trigger Lifeline again.
    """
    call = check_object(event)
    if "detail-type" in call or "detail" in call:
        return read_change(call, own_role_arn)
    return replace(_read_call(call), is_text=_read_format(call))


def _read_call(event: dict[str, Any]) -> Request:
    if "approve" in event:
        return _read_approval(event)
    check_names(event, CALL_FIELDS | {"approve"})
    mode = _read_mode(event)
    is_sweep, is_release = read_true(event, "sweep"), read_true(event, "release")
    _check_combinations(event, mode)
    if is_sweep:
        return Request(Trigger("sweep"), is_sweep=True, mode=mode, because=_read_because(event))
    if is_release and "vpc_ids" not in event:
        return Request(Trigger("call"), is_sweep=True, is_release=True, mode=mode)
    if "vpc_ids" not in event:
        raise InvalidInputError("vpc_ids", 'is missing: send {"vpc_ids": ["vpc-…"]} or {"sweep": true}')
    vpc_ids, refusals = _read_vpc_ids(event["vpc_ids"])
    is_follow = event.get("follow", False)
    if not isinstance(is_follow, bool):
        raise must_be("follow", "true or false", is_follow)
    return Request(
        Trigger("call"),
        vpc_ids,
        fields=tuple((vpc_id, f"vpc_ids[{event['vpc_ids'].index(vpc_id)}]") for vpc_id in vpc_ids),
        refusals=refusals,
        mode=mode,
        attempt=read_whole(event.get("attempt", 0), "attempt", "a whole number of at least 0"),
        is_follow=is_follow,
        is_release=is_release,
        because=_read_because(event),
        freeze=_read_frozen(event, "freeze"),
        unfreeze=_read_frozen(event, "unfreeze"),
        withdraw=_read_withdraw(event),
    )


def _check_combinations(event: Mapping[str, Any], mode: Mode | None) -> None:
    for name in ("freeze", "unfreeze"):
        if name in event and ("vpc_ids" not in event or mode is Mode.PLAN):
            raise InvalidInputError(name, "needs vpc_ids, and can't be combined with mode plan")
    for name, other, why in (
        ("sweep", "vpc_ids", "a sweep reconciles every VPC"),
        ("release", "sweep", "without vpc_ids, it releases every VPC anyway"),
        ("release", "follow", "only a run sends that"),
    ):
        if name in event and event.get(other):
            raise InvalidInputError(name, f"can't be combined with {other}: {why}")


def _read_approval(event: Mapping[str, Any]) -> Request:
    check_names(event, APPROVE_FIELDS, call="approve")
    plan_id = event["approve"]
    if not isinstance(plan_id, str) or not PLAN_ID.fullmatch(plan_id):
        raise must_be("approve", "the ID of a plan from a notice (plan-, then 16 of 0-9a-f)", plan_id)
    return Request(Trigger(kind="approval", event_id=plan_id, event_name="approve"), approve=plan_id)


def _read_because(event: Mapping[str, Any]) -> tuple[Trigger, ...]:
    """What first triggered the work that an earlier run requeued."""
    causes = event.get("because", [])
    if not isinstance(causes, list) or not all(isinstance(cause, dict) for cause in causes):
        raise must_be("because", "a list of objects", causes)
    return tuple(
        Trigger(
            **{name: ascii_text(cause.get(name)) for name in ("kind", "event_id", "event_name", "actor", "time")},
            ids=frozenset(resource_ids(cause.get("ids"))),
            tags=frozenset(),
        )
        for cause in causes[:MOST_CAUSES]
    )


def _read_frozen(event: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The services of `freeze` or `unfreeze`: a list of their names, or true for all."""
    value = event.get(name)
    if value is None or value is True:
        return (EVERYTHING,) if value else ()
    if not isinstance(value, list):
        raise must_be(name, "true or a list of services", value)
    return tuple(sorted(set(read_services(value, name))))


def _read_withdraw(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The services to withdraw; the silence that shows it must be among the causes."""
    if "withdraw" not in event:
        return ()
    services = tuple(sorted(set(read_services(event["withdraw"], "withdraw"))))
    if event.get("release"):
        raise InvalidInputError("withdraw", "can't be combined with release")
    if not any(trigger.kind == "silence" and is_time(trigger.time) for trigger in _read_because(event)):
        raise InvalidInputError("withdraw", NO_WITHDRAWAL)
    return services


def _read_vpc_ids(value: object) -> tuple[tuple[str, ...], tuple[InvalidInputError, ...]]:
    """The IDs in their order, and a refusal for each entry that is none: it doesn't stop the others."""
    entries = read_list(value, "vpc_ids", of="IDs", most=_MOST_VPC_IDS, hint="Use a sweep instead.")
    refusals = tuple(
        must_be(f"vpc_ids[{place}]", A_VPC_ID, entry) for place, entry in enumerate(entries) if not is_vpc_id(entry)
    )
    return tuple(dict.fromkeys(filter(is_vpc_id, entries))), refusals


def _read_mode(event: Mapping[str, Any]) -> Mode | None:
    if "mode" not in event:
        return None
    if event["mode"] not in list(Mode):
        raise must_be("mode", "enforce or plan", event["mode"])
    return Mode(event["mode"])


def _read_format(event: Mapping[str, Any]) -> bool:
    if event.get("format", "json") not in ("json", "text"):
        raise must_be("format", "text or json", event["format"])
    return wants_text(event)


def wants_text(event: object) -> bool:
    """True if the caller wants text, whatever else is wrong with the event."""
    return isinstance(event, dict) and event.get("format") == "text"
