"""What the readers of calls share. Each refusal names the field, what is wrong with it, and what would be right.

A test holds the readers against docs/schemas/call.schema.json, which can't say what is wrong with a call in words.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.network.model import VPC_ID
from lifeline.core.policy.document import shown
from lifeline.core.policy.service_names import suggestion
from lifeline.core.policy.service_sets import is_service
from lifeline.core.wording import nearest, plain, read_time

REPAIR_FIELDS = frozenset({"vpc_ids", "because"})
SWEEP_FIELDS = REPAIR_FIELDS | {"sweep"}
_ONLY_RUNS_SEND = frozenset({"attempt", "requeued", "follow", "because"})
QUEUE_FIELDS = frozenset({"vpc_ids", "sweep"}) | _ONLY_RUNS_SEND
CALL_FIELDS = QUEUE_FIELDS | {"mode", "release", "freeze", "unfreeze", "format", "by"}
APPROVE_FIELDS = frozenset({"approve", "format", "by"})
BACKLOG_FIELDS = APPROVE_FIELDS | {"vpc_ids", "services"}
EXEMPT_FIELDS = frozenset({"exempt", "services", "days", "reason", "by"})
ADOPT_FIELDS = frozenset({"adopt", "by"})
HAND_OVER_FIELDS = frozenset({"hand_over", "by"})
SUGGEST_FIELDS = frozenset({"suggest", "format"})
DOCTOR_FIELDS = frozenset({"doctor", "format"})
# Each begins with its own field.
OTHER_CALLS = frozenset({"approve", "exempt", "adopt", "hand_over", "history", "doctor", "suggest"})
DETECT_FIELDS = frozenset({"detect"})
FORGET_FIELDS = frozenset({"forget", "watch", "by"})
_BY_FUNCTION = {
    "ReconcileEndpoints": CALL_FIELDS
    | BACKLOG_FIELDS
    | EXEMPT_FIELDS
    | ADOPT_FIELDS
    | HAND_OVER_FIELDS
    | SUGGEST_FIELDS
    | DOCTOR_FIELDS
    | {"history", "withdraw"},
    "DetectMetricGaps": DETECT_FIELDS | FORGET_FIELDS,
}
_OF_ANY_CALL = frozenset().union(*_BY_FUNCTION.values())

A_VPC_ID = "a VPC ID (vpc-, then 8 or 17 of 0-9a-f)"
AN_OWNED_ID = "the ID of an endpoint or a security group (vpce- or sg-, then 8 or 17 of 0-9a-f)"
A_SERVICE = "a service or a named set, such as monitoring or ecr.api"
_RESOURCE_ID = re.compile(
    r"^(vpc|subnet|rtbassoc|rtb|eigw|igw|nat|vgw|tgw-attach|tgw-rtb|tgw|pcx|vpce|sgr|sg|aclassoc|acl|dopt|pl|cagw"
    r"|i|eni-attach|eni"
    r"|lgw-rtb|lgw|vpcbpa-exclude|rse|rsp|rs)-(?:[0-9a-f]{8}|[0-9a-f]{17})$"
)
PLAN_ID = re.compile(r"plan-[0-9a-f]{16}")
_LONGEST_NAME = 60
LONGEST_BY = 64
_YEARS = range(2000, 2200)  # room for whatever is added to a time, or taken off


def must_be(field: str, what: str, value: object) -> InvalidInputError:
    """The error for a value that isn't what it must be."""
    return InvalidInputError(field, f"must be {what}, not {shown(value)}")


def field_name(name: str) -> str:
    """The name of a field that somebody chose, as an error may repeat it: one short line."""
    return plain(name)[:_LONGEST_NAME] or "?"


def check_object(event: object) -> dict[str, Any]:
    """The event, if it is an object."""
    if not isinstance(event, dict):
        raise must_be("event", "a JSON object", event)
    return event


def check_names(
    given: Mapping[Any, Any], known: Collection[str], *, call: str = "", inside: str = "", others: Collection[str] = ()
) -> None:
    """Refuse the first name that isn't one of the known ones: say what it belongs to, or the nearest of them.

    `call` names the field that says which kind of call it is, for a field that belongs to another kind. With `others`,
    calls of another kind begin: they are suggested, too, as is the account, which each call may have and whoever
    reads it has taken off. What only runs send to each other never is.
    """
    account = {"account"} if call or others else set[str]()
    for name in sorted(map(str, given)):
        if name not in known:
            field = inside + field_name(name)
            is_of_another = not inside and name in _OF_ANY_CALL
            if is_of_another and call in given:
                raise InvalidInputError(field, f"can't be combined with {call}")
            offered = sorted({*known, *others, *account} - _ONLY_RUNS_SEND)
            words = _of_another(name, known, offered) if is_of_another else _unknown(name, offered)
            raise InvalidInputError(field, words)


def _of_another(name: str, known: Collection[str], offered: Collection[str]) -> str:
    for function, fields in _BY_FUNCTION.items():
        if name in fields and not fields.issuperset(known):
            return f"is a field of {function}: invoke that function"
    return f"belongs to another call; the fields are {', '.join(offered)}"


def _unknown(name: str, offered: Collection[str]) -> str:
    near = nearest(name.replace("-", "_"), offered)
    return f"is unknown; did you mean {near}?" if near else f"is unknown; the fields are {', '.join(offered)}"


def check_queued(given: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse the first name that a message may not have. What a call could ask for begins by an invocation."""
    for name in sorted(given):
        if name in _OF_ANY_CALL and name not in known:
            only = ", ".join(sorted(known))
            raise InvalidInputError(name, f"needs an invocation; a message only says which VPCs to look at: {only}")
    check_names(given, known)


def read_true(given: Mapping[str, Any], name: str) -> bool:
    """Whether the field is there. Only a plain true may be: nothing else is taken for one."""
    if name in given and given[name] is not True:
        raise must_be(name, "true", given[name])
    return name in given


def read_list(value: object, field: str, *, of: str, most: int, hint: str = "") -> list[Any]:
    """A list that isn't empty and has at most so many entries; `of` names them in the plural."""
    if not isinstance(value, list):
        raise must_be(field, f"a list of {of}", value)
    if not value:
        raise InvalidInputError(field, f"must not be empty: list {of}")
    if len(value) > most:
        raise InvalidInputError(field, f"contains {len(value)} {of}; the maximum is {most}.{hint and f' {hint}'}")
    return value


def read_services(value: object, field: str, *, most: int = 1000) -> list[str]:
    """A list of services and named sets."""
    for place, element in enumerate(services := read_list(value, field, of="services", most=most)):
        if not isinstance(element, str) or not is_service(element):
            error = must_be(f"{field}[{place}]", A_SERVICE, element)
            meant = suggestion(element) if isinstance(element, str) else ""
            raise InvalidInputError(error.field, f"{error.message}{meant}")
    return services


def read_by(given: Mapping[str, Any]) -> str:
    """Who makes the call, as they state it: one short line. Lambda tells a function nothing of its caller, so it is
    shown as stated, and nothing is decided by it.
    """
    by = given.get("by", "")
    if "by" in given and (not isinstance(by, str) or not by.strip() or not by.isprintable()):
        raise must_be("by", "one line of text, such as a name or a ticket", by)
    if len(by) > LONGEST_BY:
        raise InvalidInputError("by", f"is {len(by)} characters long; the maximum is {LONGEST_BY}")
    return plain(by.strip())


def read_whole(value: object, field: str, what: str, *, most: int | None = None) -> int:
    """A whole number from 0 on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or (most is not None and value > most):
        raise must_be(field, what, value)
    return value


def is_vpc_id(value: object) -> bool:
    """True for a VPC's ID."""
    return isinstance(value, str) and bool(VPC_ID.fullmatch(value))


def is_resource_id(value: object) -> bool:
    """True for the ID of a resource of a kind that Lifeline deals with."""
    return isinstance(value, str) and bool(_RESOURCE_ID.fullmatch(value))


def time_text(value: object) -> str:
    """A time as a message has it; empty for anything else, and for times in years in which nothing is recorded."""
    text = ascii_text(value)
    time = read_time(text)
    return text if time and time.year in _YEARS else ""


def resource_ids(part: object) -> Iterator[str]:
    """Every resource ID in a message's part, however it is nested. For CloudTrail's records, see `named_ids`."""
    stack = [part]
    while stack:
        element = stack.pop()
        if isinstance(element, dict):
            stack.extend(element.values())
        elif isinstance(element, list):
            stack.extend(element)
        elif is_resource_id(element):
            yield str(element)


def ascii_text(value: object) -> str:
    """A text in printable ASCII, cut, because it goes into the ledger and into notices; empty for anything else."""
    return plain(value[:256]) if isinstance(value, str) else ""
