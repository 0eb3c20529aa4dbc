"""What a caller may send, and what it asks for: whom to look at, never what to do."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.guards.freeze import EVERYTHING
from lifeline.core.guards.mode import Mode
from lifeline.core.policy.service_sets import is_service
from lifeline.core.requests.cloudtrail import _read_change
from lifeline.core.requests.fields import _ids, _is_vpc_id, _kind, _shown, _text, is_time
from lifeline.core.requests.request import Request, Trigger

_CALL_FIELDS = frozenset(
    {"vpc_ids", "sweep", "mode", "attempt", "follow", "because", "approve", "release", "freeze", "unfreeze", "format"}
    | {"withdraw"}
)
_PLAN_ID = re.compile(r"^plan-[0-9a-f]{16}$")
_MOST_VPC_IDS = 1000
NO_WITHDRAWAL = "comes from the detector alone, with the silence that shows it; freeze the service in its place"
MOST_CAUSES = 10  # of what set work going, so many travel with it


def read_request(event: object, *, own_role_arn: str = "") -> Request:
    """What one event asks for: an EventBridge event, a sweep, or a call by hand.

    Raises InvalidInputError, with the path to the field, for everything else. A change that Lifeline's own role made is
    marked `is_own`: it must not set Lifeline going again.
    """
    if not isinstance(event, dict):
        raise InvalidInputError("event", f"must be a JSON object, not {_kind(event)}")
    if "detail-type" in event or "detail" in event:
        return _read_change(event, own_role_arn)
    return replace(_read_call(event), is_text=_read_format(event))


def _read_call(event: dict[str, Any]) -> Request:
    unknown = sorted(str(key) for key in event if key not in _CALL_FIELDS)
    if unknown:
        raise InvalidInputError(_shown(unknown[0]), f"is not one of {', '.join(sorted(_CALL_FIELDS))}")
    if "approve" in event:
        return _read_approval(event)
    mode = _read_mode(event)
    for name in {"freeze", "unfreeze"} & set(event):
        if "vpc_ids" not in event or mode is Mode.PLAN:
            raise InvalidInputError(name, "goes with vpc_ids, and not with mode plan: it is kept at once")
    if "sweep" in event and "vpc_ids" in event:
        raise InvalidInputError("sweep", "can't go with vpc_ids: a sweep looks at every VPC")
    if "sweep" in event:
        if "release" in event:
            raise InvalidInputError("release", "can't go with sweep: without vpc_ids it is for every VPC anyway")
        if event["sweep"] is not True:
            raise InvalidInputError("sweep", f"must be true, not {_shown(event['sweep'])}")
        because = _read_because(event.get("because", []))
        return Request(trigger=Trigger(kind="sweep"), is_sweep=True, mode=mode, because=because)
    is_release = _read_release(event)
    if is_release and "vpc_ids" not in event:
        return Request(trigger=Trigger(kind="call"), is_sweep=True, is_release=True, mode=mode)
    if "vpc_ids" not in event:
        raise InvalidInputError("vpc_ids", 'is missing: send {"vpc_ids": ["vpc-…"]} or {"sweep": true}')
    vpc_ids, refusals = _read_vpc_ids(event["vpc_ids"])
    fields = tuple((vpc_id, f"vpc_ids[{event['vpc_ids'].index(vpc_id)}]") for vpc_id in vpc_ids)
    is_follow = event.get("follow", False)
    if not isinstance(is_follow, bool):
        raise InvalidInputError("follow", f"must be true or false, not {_shown(is_follow)}")
    return Request(
        Trigger("call"),
        vpc_ids,
        fields=fields,
        refusals=refusals,
        mode=mode,
        attempt=_read_attempt(event),
        is_follow=is_follow,
        is_release=is_release,
        because=_read_because(event.get("because", [])),
        freeze=_read_services(event, "freeze"),
        unfreeze=_read_services(event, "unfreeze"),
        withdraw=_read_withdraw(event),
    )


def _read_approval(event: Mapping[str, Any]) -> Request:
    more = sorted(set(event) - {"approve", "format"})
    if more:
        raise InvalidInputError(more[0], "can't go with approve: it approves one plan, just as it was told")
    plan_id = event["approve"]
    if not isinstance(plan_id, str) or not _PLAN_ID.fullmatch(plan_id):
        wanted = "must be the id of a plan from a notice (plan-, then 16 of 0-9a-f)"
        raise InvalidInputError("approve", f"{wanted}, not {_shown(plan_id)}")
    return Request(Trigger(kind="approval", event_id=plan_id, event_name="approve"), approve=plan_id)


def _read_attempt(event: Mapping[str, Any]) -> int:
    attempt = event.get("attempt", 0)
    if not isinstance(attempt, int) or isinstance(attempt, bool) or attempt < 0:
        raise InvalidInputError("attempt", f"must be a whole number from 0 on, not {_shown(attempt)}")
    return attempt


def _read_release(event: Mapping[str, Any]) -> bool:
    """Whether a person gives up what is Lifeline's. Only a plain true does: nothing else may be taken for one."""
    if "release" not in event:
        return False
    if event["release"] is not True:
        raise InvalidInputError("release", f"must be true, not {_shown(event['release'])}")
    if event.get("follow"):
        raise InvalidInputError("release", "can't go with follow")
    return True


def _read_because(value: object) -> tuple[Trigger, ...]:
    """What first set work going that an earlier run put back."""
    if not isinstance(value, list) or not all(isinstance(element, dict) for element in value):
        raise InvalidInputError("because", f"must be a list of objects, not {_shown(value)}")
    return tuple(
        Trigger(
            kind=_text(cause.get("kind")),
            event_id=_text(cause.get("event_id")),
            event_name=_text(cause.get("event_name")),
            actor=_text(cause.get("actor")),
            time=_text(cause.get("time")),
            ids=frozenset(_ids(cause.get("ids"))),
        )
        for cause in value[:MOST_CAUSES]
    )


def _read_services(event: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The services of `freeze` or `unfreeze`: a list of their names, or true for all."""
    value = event.get(name)
    if value is None:
        return ()
    if value is True:
        return (EVERYTHING,)
    if not isinstance(value, list) or not value:
        raise InvalidInputError(name, f"must be true or a list of services, not {_shown(value)}")
    for place, element in enumerate(value):
        if not isinstance(element, str) or not is_service(element):
            raise InvalidInputError(f"{name}[{place}]", f"must be a service such as monitoring, not {_shown(element)}")
    return tuple(sorted(set(value)))


def _read_withdraw(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The services to withdraw, with the silence that shows it among what set the ask going."""
    services = _read_services(event, "withdraw")
    if EVERYTHING in services:
        raise InvalidInputError("withdraw", "must be a list of services, not True")
    if services and event.get("release"):
        raise InvalidInputError("withdraw", "can't go with release")
    causes = _read_because(event.get("because", []))
    if services and not any(trigger.kind == "silence" and is_time(trigger.time) for trigger in causes):
        raise InvalidInputError("withdraw", NO_WITHDRAWAL)
    return services


def _read_vpc_ids(value: object) -> tuple[tuple[str, ...], tuple[InvalidInputError, ...]]:
    """The ids in their order, and a refusal for each entry that is none: it doesn't stop the others."""
    if not isinstance(value, list) or not value:
        raise InvalidInputError("vpc_ids", f"must be a list of VPC ids, not {_shown(value)}")
    if len(value) > _MOST_VPC_IDS:
        raise InvalidInputError("vpc_ids", f"holds {len(value)} ids; {_MOST_VPC_IDS} are the most, or send a sweep")
    refusals = tuple(
        InvalidInputError(f"vpc_ids[{place}]", f"{_shown(element)} is not a VPC id (vpc-, then 8 or 17 of 0-9a-f)")
        for place, element in enumerate(value)
        if not _is_vpc_id(element)
    )
    return tuple(dict.fromkeys(element for element in value if _is_vpc_id(element))), refusals


def _read_mode(event: Mapping[str, Any]) -> Mode | None:
    if "mode" not in event:
        return None
    try:
        return Mode(event["mode"])
    except ValueError as error:
        raise InvalidInputError("mode", f"must be enforce or plan, not {_shown(event['mode'])}") from error


def _read_format(event: Mapping[str, Any]) -> bool:
    if event.get("format", "json") not in ("json", "text"):
        raise InvalidInputError("format", f"must be text or json, not {_shown(event['format'])}")
    return wants_text(event)


def wants_text(event: object) -> bool:
    """True if the caller asks for text, whatever else is wrong with the event."""
    return isinstance(event, dict) and event.get("format") == "text"
