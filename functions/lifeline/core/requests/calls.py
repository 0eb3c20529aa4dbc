"""What ReconcileEndpoints may be sent, by its three doors.

An invocation may ask for everything. The queue of changes says which VPCs to look at, and so does Lifeline's own queue:
a message may be forged, so it can't ask for anything that costs somebody their path. `because` says what set the work
going, for the audit log and for notices, and decides nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.guards.backlog import BACKLOG
from lifeline.core.guards.freeze import EVERYTHING
from lifeline.core.guards.mode import Mode
from lifeline.core.policy.service_sets import expand
from lifeline.core.requests.account import check_account, stated_account
from lifeline.core.requests.cloudtrail import STATE_CHANGE, account_of, read_change
from lifeline.core.requests.fields import (
    A_VPC_ID,
    APPROVE_FIELDS,
    BACKLOG_FIELDS,
    CALL_FIELDS,
    LONGEST_BY,
    OTHER_CALLS,
    PLAN_ID,
    QUEUE_FIELDS,
    REPAIR_FIELDS,
    SWEEP_FIELDS,
    ascii_text,
    check_names,
    check_object,
    check_queued,
    is_vpc_id,
    must_be,
    read_by,
    read_list,
    read_services,
    read_true,
    read_whole,
    time_text,
)
from lifeline.core.requests.request import MESSAGE, Request
from lifeline.core.requests.state_change import read_state_change
from lifeline.core.requests.trigger import MOST_CAUSES, Trigger

_MOST_VPC_IDS = 1000
_NO_WITHDRAWAL = "is Lifeline's own decision, from the silence that the detector recorded; freeze the service instead"
_CAUSES = ("change", "attempt", "approval", "silence", "sweep")
MOST_ATTEMPTS = 6
MOST_REQUEUES = 200  # in a row, whatever for: two days of waiting for the kill switch, or 4,000 VPCs of a sweep


def read_request(event: object, *, own_role_arn: str = "", accounts: Collection[str] = (), region: str = "") -> Request:
    """The request in an invocation: an EventBridge event, a sweep, or a manual call.

    Raises InvalidInputError, with the path to the field, for everything else, and for records of other accounts than
    these (by default the role's own) or of another region. A change that Lifeline's own role made is marked `is_own`,
    because it must not trigger Lifeline again.
    """
    call = check_object(event)
    if _is_event(call):
        return _read_event(call, own_role_arn, accounts, region)
    return replace(_read_call(call), is_text=read_format(call))


def read_queued(body: object, *, own_role_arn: str = "", accounts: Collection[str] = (), region: str = "") -> Request:
    """The request in a message of the queue of changes: an EventBridge event, or work that an earlier run requeued.

    Raises InvalidInputError, with the path to the field, for everything else.
    """
    message = check_object(body)
    if _is_event(message):
        return _read_event(message, own_role_arn, accounts, region)
    message = check_account(message, accounts or account_of(own_role_arn))
    check_queued(message, QUEUE_FIELDS)
    return _read_call(message, requeued=1, kind=MESSAGE)


def read_repair_request(body: object, *, own_role_arn: str = "") -> Request:
    """The request in a message of Lifeline's own queue: to reconcile VPCs whose agents are silent, or all of the
    account that it states, and nothing else.

    Raises InvalidInputError, with the path to the field, for everything else.
    """
    given = check_object(body)
    message = check_account(given, account_of(own_role_arn))
    check_queued(message, SWEEP_FIELDS if stated_account(given) else REPAIR_FIELDS)
    return _read_call(message, kind=MESSAGE)


def _is_event(event: Mapping[str, Any]) -> bool:
    return "detail-type" in event or "detail" in event


def _read_event(event: dict[str, Any], own_role_arn: str, accounts: Collection[str], region: str) -> Request:
    if event.get("detail-type") == STATE_CHANGE:
        return read_state_change(event, accounts=accounts or account_of(own_role_arn), region=region)
    return read_change(event, own_role_arn, accounts=accounts, region=region)


def _read_call(event: dict[str, Any], *, requeued: int = 0, kind: str = "call") -> Request:
    if "approve" in event:
        return _read_approval(event)
    if "withdraw" in event:
        raise InvalidInputError("withdraw", _NO_WITHDRAWAL)
    named = next((name for name in ("vpc_ids", "sweep", "release") if name in event), "")
    check_names(event, CALL_FIELDS, call=named, others=OTHER_CALLS)
    mode, by = _read_mode(event), read_by(event)
    is_sweep, is_release = read_true(event, "sweep"), read_true(event, "release")
    _check_combinations(event, mode)
    if is_sweep:
        trigger = Trigger("sweep" if kind == "call" else kind, by=by)
        return Request(trigger, is_sweep=True, mode=mode, because=_read_because(event))
    if is_release and "vpc_ids" not in event:
        return Request(Trigger("call", by=by), is_sweep=True, is_release=True, mode=mode)
    if "vpc_ids" not in event:
        raise InvalidInputError("vpc_ids", 'is missing: send {"vpc_ids": ["vpc-…"]} or {"sweep": true}')
    vpc_ids, refusals = _read_vpc_ids(event["vpc_ids"])
    is_follow = event.get("follow", False)
    if not isinstance(is_follow, bool):
        raise must_be("follow", "true or false", is_follow)
    return Request(
        Trigger(kind, by=by),
        vpc_ids,
        fields=_fields_of(event, vpc_ids),
        refusals=refusals,
        mode=mode,
        attempt=read_whole(
            event.get("attempt", 0), "attempt", f"a whole number from 0 to {MOST_ATTEMPTS}", most=MOST_ATTEMPTS
        ),
        requeued=read_whole(
            event.get("requeued", requeued),
            "requeued",
            f"a whole number from 0 to {MOST_REQUEUES}",
            most=MOST_REQUEUES,
        ),
        is_follow=is_follow,
        is_release=is_release,
        because=_read_because(event),
        freeze=_read_frozen(event, "freeze"),
        unfreeze=_read_frozen(event, "unfreeze"),
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
        if name in event and event.get(other, False) is not False:
            raise InvalidInputError(name, f"can't be combined with {other}: {why}")


def _read_approval(event: Mapping[str, Any]) -> Request:
    plan_id = event["approve"]
    is_backlog = plan_id == BACKLOG
    check_names(event, BACKLOG_FIELDS if is_backlog else APPROVE_FIELDS, call="approve")
    if not is_backlog and not (isinstance(plan_id, str) and PLAN_ID.fullmatch(plan_id)):
        raise must_be("approve", "backlog, or the ID of a plan from a notice (plan-, then 16 of 0-9a-f)", plan_id)
    trigger = Trigger(kind="approval", event_id=plan_id, event_name="approve", by=read_by(event))
    return _read_backlog(event, trigger) if is_backlog else Request(trigger, approve=plan_id)


def _read_backlog(event: Mapping[str, Any], trigger: Trigger) -> Request:
    """The approval of what waits in the backlog: all of it, or that of some VPCs, of some services, or of both."""
    vpc_ids, refusals = _read_vpc_ids(event["vpc_ids"]) if "vpc_ids" in event else ((), ())
    for refusal in refusals:
        raise refusal
    services = expand(read_services(event["services"], "services")) if "services" in event else {EVERYTHING}
    return Request(trigger, vpc_ids, fields=_fields_of(event, vpc_ids), backlog=tuple(sorted(services)))


def _fields_of(event: Mapping[str, Any], vpc_ids: Collection[str]) -> tuple[tuple[str, str], ...]:
    return tuple((vpc_id, f"vpc_ids[{event['vpc_ids'].index(vpc_id)}]") for vpc_id in vpc_ids)


def _read_because(event: Mapping[str, Any]) -> tuple[Trigger, ...]:
    """What first triggered the work that an earlier run requeued: without the IDs, on which something could act, and
    nothing that no run puts there, such as a call. Only an invocation is one: who invoked a sweep is no more than
    stated there, either.
    """
    causes = event.get("because", [])
    if not isinstance(causes, list) or not all(isinstance(cause, dict) for cause in causes):
        raise must_be("because", "a list of objects", causes)
    return tuple(
        Trigger(
            kind=ascii_text(cause.get("kind")),
            event_id=ascii_text(cause.get("event_id")),
            event_name=ascii_text(cause.get("event_name")),
            actor=ascii_text(cause.get("actor")),
            time=time_text(cause.get("time")),
            by=ascii_text(cause.get("by"))[:LONGEST_BY] if cause["kind"] == "sweep" else "",
        )
        for cause in causes[:MOST_CAUSES]
        if cause.get("kind") in _CAUSES
    )


def _read_frozen(event: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The services of `freeze` or `unfreeze`: a list of them and of named sets, or true for all."""
    value = event.get(name)
    if value is None or value is True:
        return (EVERYTHING,) if value else ()
    if not isinstance(value, list):
        raise must_be(name, "true or a list of services", value)
    return tuple(sorted(expand(read_services(value, name))))


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


def read_format(event: Mapping[str, Any]) -> bool:
    """Whether the caller wants text. Raises InvalidInputError for a format that there isn't."""
    if event.get("format", "json") not in ("json", "text"):
        raise must_be("format", "text or json", event["format"])
    return wants_text(event)


def wants_text(event: object) -> bool:
    """True if the caller wants text, whatever else is wrong with the event."""
    return isinstance(event, dict) and event.get("format") == "text"
