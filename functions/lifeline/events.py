"""What a caller may send, and what it asks for: whom to look at, never what to do."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from lifeline.core.authors import tool_of
from lifeline.core.claims import Claim, read_claim
from lifeline.core.freeze import EVERYTHING
from lifeline.core.model import VPC_ID
from lifeline.core.policy import is_service
from lifeline.errors import InvalidInputError
from lifeline.settings import Mode

CHANGE = "AWS API Call via CloudTrail"
_RESOURCE_ID = re.compile(
    r"^(vpc|subnet|rtbassoc|rtb|eigw|igw|nat|vgw|tgw-attach|tgw-rtb|tgw|pcx|vpce|sgr|sg|aclassoc|acl|dopt|pl|eni|cagw"
    r"|lgw-rtb|lgw|vpcbpa-exclude|rse|rsp|rs)-(?:[0-9a-f]{8}|[0-9a-f]{17})$"
)
_CALL_FIELDS = frozenset(
    {"vpc_ids", "sweep", "mode", "attempt", "follow", "because", "approve", "release", "freeze", "unfreeze", "format"}
    | {"withdraw"}
)
_PLAN_ID = re.compile(r"^plan-[0-9a-f]{16}$")
_MOST_VPC_IDS = 1000
_SHOWN = 60
NO_WITHDRAWAL = "comes from the detector alone, with the silence that shows it; freeze the service in its place"
MOST_CAUSES = 10  # of what set work going, so many travel with it


@dataclass(frozen=True, slots=True)
class Trigger:
    """Who or what set Lifeline going: for the ledger, never for a decision.

    `ids` are the resources that a record names. A change's stay behind when work is put back; they don't tell one
    trigger from another.
    """

    kind: str
    event_id: str = ""
    event_name: str = ""
    actor: str = ""
    time: str = ""
    ids: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """Whom to look at: named VPCs, the VPCs that the ids of a change belong to, or the whole region for a sweep.

    `is_follow` asks what became of endpoints that were made, `is_release` gives up all that is Lifeline's. `sent_at` is
    when the queue got it, where a queue did: a look that began well after answers it. `because` is what set the work
    going that a run put back. `approve` is the id of a plan that a person approves. `freeze` and `unfreeze` are the
    services that a person takes out of Lifeline's hands in the VPCs, or puts back, EVERYTHING for all. `withdraw` are
    those whose private DNS silenced agents right after Lifeline switched it on: only the queue says so.

    `failure` is EC2's code, without its prefix, where the record is of a call that failed, and `failure_message` what
    EC2 said. Its trigger is an `attempt`: it changed nothing, but says what somebody is about to do. `claim` is what it
    wanted where it was refused a name, or routes, that another endpoint has. `tool` is the tool of infrastructure as
    code that made the call, empty where none did. `is_text` asks for the answer as text.
    """

    trigger: Trigger
    vpc_ids: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    refusals: tuple[InvalidInputError, ...] = ()
    changed_ids: frozenset[str] = frozenset()
    is_sweep: bool = False
    is_own: bool = False
    is_follow: bool = False
    is_release: bool = False
    mode: Mode | None = None
    attempt: int = 0
    sent_at: datetime | None = None
    because: tuple[Trigger, ...] = ()
    approve: str = ""
    freeze: tuple[str, ...] = ()
    unfreeze: tuple[str, ...] = ()
    withdraw: tuple[str, ...] = ()
    failure: str = ""
    failure_message: str = ""
    is_text: bool = False
    claim: Claim | None = None
    tool: str = ""

    def field_of(self, vpc_id: str) -> str:
        """Where the call named the VPC, for an error's words."""
        return dict(self.fields).get(vpc_id, "vpc_ids")


def read_ask(event: object, *, own_role_arn: str = "") -> Ask:
    """What one event asks for: an EventBridge event, a sweep, or a call by hand.

    Raises InvalidInputError, with the path to the field, for everything else. A change that Lifeline's own role made is
    marked `is_own`: it must not set Lifeline going again.
    """
    if not isinstance(event, dict):
        raise InvalidInputError("event", f"must be a JSON object, not {_kind(event)}")
    if "detail-type" in event or "detail" in event:
        return _read_change(event, own_role_arn)
    return replace(_read_call(event), is_text=_read_format(event))


def _read_call(event: dict[str, Any]) -> Ask:
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
        return Ask(trigger=Trigger(kind="sweep"), is_sweep=True, mode=mode, because=because)
    is_release = _read_release(event)
    if is_release and "vpc_ids" not in event:
        return Ask(trigger=Trigger(kind="call"), is_sweep=True, is_release=True, mode=mode)
    if "vpc_ids" not in event:
        raise InvalidInputError("vpc_ids", 'is missing: send {"vpc_ids": ["vpc-…"]} or {"sweep": true}')
    vpc_ids, refusals = _read_vpc_ids(event["vpc_ids"])
    fields = tuple((vpc_id, f"vpc_ids[{event['vpc_ids'].index(vpc_id)}]") for vpc_id in vpc_ids)
    is_follow = event.get("follow", False)
    if not isinstance(is_follow, bool):
        raise InvalidInputError("follow", f"must be true or false, not {_shown(is_follow)}")
    return Ask(
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


def _read_approval(event: Mapping[str, Any]) -> Ask:
    more = sorted(set(event) - {"approve", "format"})
    if more:
        raise InvalidInputError(more[0], "can't go with approve: it approves one plan, just as it was told")
    plan_id = event["approve"]
    if not isinstance(plan_id, str) or not _PLAN_ID.fullmatch(plan_id):
        wanted = "must be the id of a plan from a notice (plan-, then 16 of 0-9a-f)"
        raise InvalidInputError("approve", f"{wanted}, not {_shown(plan_id)}")
    return Ask(Trigger(kind="approval", event_id=plan_id, event_name="approve"), approve=plan_id)


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
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InvalidInputError("because", f"must be a list of objects, not {_shown(value)}")
    return tuple(
        Trigger(
            kind=_text(one.get("kind")),
            event_id=_text(one.get("event_id")),
            event_name=_text(one.get("event_name")),
            actor=_text(one.get("actor")),
            time=_text(one.get("time")),
            ids=frozenset(_ids(one.get("ids"))),
        )
        for one in value[:MOST_CAUSES]
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
    for place, one in enumerate(value):
        if not isinstance(one, str) or not is_service(one):
            raise InvalidInputError(f"{name}[{place}]", f"must be a service such as monitoring, not {_shown(one)}")
    return tuple(sorted(set(value)))


def _read_withdraw(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The services to withdraw, with the silence that shows it among what set the ask going."""
    services = _read_services(event, "withdraw")
    if EVERYTHING in services:
        raise InvalidInputError("withdraw", "must be a list of services, not True")
    if services and event.get("release"):
        raise InvalidInputError("withdraw", "can't go with release")
    causes = _read_because(event.get("because", []))
    if services and not any(one.kind == "silence" and is_time(one.time) for one in causes):
        raise InvalidInputError("withdraw", NO_WITHDRAWAL)
    return services


def is_time(text: str) -> bool:
    """True for a time with its zone, as messages write it."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _read_vpc_ids(value: object) -> tuple[tuple[str, ...], tuple[InvalidInputError, ...]]:
    """The ids in their order, and a refusal for each entry that is none: it doesn't stop the others."""
    if not isinstance(value, list) or not value:
        raise InvalidInputError("vpc_ids", f"must be a list of VPC ids, not {_shown(value)}")
    if len(value) > _MOST_VPC_IDS:
        raise InvalidInputError("vpc_ids", f"holds {len(value)} ids; {_MOST_VPC_IDS} are the most, or send a sweep")
    refusals = tuple(
        InvalidInputError(f"vpc_ids[{place}]", f"{_shown(one)} is not a VPC id (vpc-, then 8 or 17 of 0-9a-f)")
        for place, one in enumerate(value)
        if not _is_vpc_id(one)
    )
    return tuple(dict.fromkeys(one for one in value if _is_vpc_id(one))), refusals


def _is_vpc_id(value: object) -> bool:
    return isinstance(value, str) and bool(VPC_ID.fullmatch(value))


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


def _read_change(event: dict[str, Any], own_role_arn: str) -> Ask:
    if event.get("detail-type") != CHANGE:
        raise InvalidInputError("detail-type", f"must be {CHANGE!r}, not {_shown(event.get('detail-type'))}")
    if event.get("source") != "aws.ec2":
        raise InvalidInputError("source", f"must be 'aws.ec2', not {_shown(event.get('source'))}")
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise InvalidInputError("detail", f"must be a CloudTrail record, not {_kind(detail)}")
    name = detail.get("eventName")
    if not isinstance(name, str) or not name.isalnum():
        raise InvalidInputError("detail.eventName", f"must name an EC2 call, not {_shown(name)}")
    found = frozenset(_ids(detail.get("requestParameters"))) | frozenset(_ids(detail.get("responseElements")))
    failure = _text(detail.get("errorCode"))
    code = failure.removeprefix("Client.")  # CloudTrail's prefix (CloudTrail guide: record contents)
    said = _text(detail.get("errorMessage"))
    return Ask(
        trigger=Trigger(
            kind="attempt" if failure else "change",
            event_id=_text(detail.get("eventID")) or _text(event.get("id")),
            event_name=name,
            actor=_actor(detail.get("userIdentity")),
            time=_text(detail.get("eventTime")) or _text(event.get("time")),
            ids=found,
        ),
        vpc_ids=tuple(sorted(filter(_is_vpc_id, found))),
        changed_ids=found,
        is_own=bool(own_role_arn) and _issuer_arn(detail.get("userIdentity")) == own_role_arn,
        failure=code,
        failure_message=said,
        claim=read_claim(name, code, said, detail.get("requestParameters")) if failure else None,
        tool=tool_of(detail),
    )


def _ids(part: object) -> Iterator[str]:
    """Every resource id in a part of a record, however it is nested.

    EC2's records come in two styles, with wrappers whose names follow no rule, so ids are known by their form alone.
    """
    stack = [part]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, str) and _RESOURCE_ID.fullmatch(one):
            yield one


def _issuer_arn(identity: object) -> str:
    """The role behind the caller's session. Records of services and of IAM users have none."""
    context = identity.get("sessionContext") if isinstance(identity, dict) else None
    issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
    return _text(issuer.get("arn")) if isinstance(issuer, dict) else ""


def _actor(identity: object) -> str:
    """Who made the change, as a person would name them: a role, a user, or the service that did it."""
    if not isinstance(identity, dict):
        return ""
    arn = _text(identity.get("arn")) or _issuer_arn(identity)
    return arn.partition(":assumed-role/")[2] or arn.rpartition(":")[2] or _text(identity.get("invokedBy"))


def _text(value: object) -> str:
    """A text of printable ASCII, cut: it goes into the ledger and into notices."""
    if not isinstance(value, str):
        return ""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in value[:256])


def _shown(value: object) -> str:
    """A value as an error message may repeat it: short, printable, quoted."""
    return ascii(value)[:_SHOWN]


def _kind(value: object) -> str:
    return {type(None): "null", list: "a list", str: "a text", bool: "true or false"}.get(type(value), "a number")
