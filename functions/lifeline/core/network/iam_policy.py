"""Does a policy document allow an action, as far as the document alone can tell?"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lifeline.core.network.conditions import ANY_CALL, Call, Match, is_like, match_conditions, match_principal

EVERYTHING = "*"
ANYTHING = "*:*"  # asked for: anything of any service
_EITHER = object()  # nothing that a policy may say


class Permission(StrEnum):
    """What a policy says about an action."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class RoleVerdict:
    """Whether an instance's role may publish metrics. `role` names it, empty where there is none; `words` say why."""

    permission: Permission
    role: str = ""
    words: str = ""


def allows(document: str, asked: str, call: Call = ANY_CALL) -> Permission:
    """Whether a policy allows everybody what is asked: an action that has no resources of its own, such as
    PutMetricData, or one on the call's resource, or anything of a service (`logs:*`; ANYTHING for that of any).

    An empty document allows everything: an endpoint without a policy gives full access (PrivateLink guide: endpoint
    policies). A Deny wins over any Allow, and what no Allow matches is denied (IAM guide: policy evaluation logic).
    UNSURE where that hangs on who calls, on a condition that what is certain of the `call` doesn't decide, on which of
    several actions, or on a part that can't be read.
    Only `*` as its resource matches an action without resources, no ARN does (Service Authorization Reference: actions
    without resource types).
    """
    if not document.strip():
        return Permission.ALLOWED
    statements = _statements(document)
    if statements is None:
        return Permission.UNSURE
    allowed = {_match(statement, asked, call) for statement in statements if statement.get("Effect") == "Allow"}
    denied = {_match(statement, asked, call) for statement in statements if statement.get("Effect") != "Allow"}
    if Match.YES in denied:
        return Permission.DENIED
    if allowed <= {Match.NO}:
        return Permission.DENIED
    return Permission.ALLOWED if Match.YES in allowed and denied <= {Match.NO} else Permission.UNSURE


def is_readable(document: str) -> bool:
    """True if the document is a policy, or empty."""
    return not document.strip() or _statements(document) is not None


def _statements(document: str) -> list[dict[str, Any]] | None:
    """The policy's statements, or None where it isn't one (IAM JSON grammar: one statement, or a list of them)."""
    try:
        policy = json.loads(document, object_pairs_hook=_members)
    except (ValueError, RecursionError):
        return None
    found = policy.get("Statement") if isinstance(policy, dict) else None
    listed = [found] if isinstance(found, dict) else found
    if not isinstance(listed, list) or not listed or not all(isinstance(item, dict) for item in listed):
        return None
    return listed if all(item.get("Effect") in ("Allow", "Deny") for item in listed) else None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON leaves open which of two equal members counts: what they say isn't known where they differ."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        is_either = name in found and repr(found[name]) != repr(value)
        found[name] = _EITHER if is_either else value
    return found


def _match(statement: Mapping[str, Any], asked: str, call: Call) -> Match:
    by_action, by_resource = _match_action(statement, asked), _match_resource(statement, asked, call.resource)
    by_condition = match_conditions(statement.get("Condition"), call)
    return Match.all_of(by_action, by_resource, _match_caller(statement, call), by_condition)


def _match_action(statement: Mapping[str, Any], asked: str) -> Match:
    named, excepted = (_texts(statement.get(key)) for key in ("Action", "NotAction"))
    if named is None or excepted is None or bool(named) == bool(excepted):
        return Match.DEPENDS
    patterns = [pattern.lower() for pattern in named or excepted]
    if any(_covers(pattern, asked.lower()) for pattern in patterns):
        return Match.YES if named else Match.NO
    if any(_touches(pattern, asked.lower()) for pattern in patterns):
        return Match.DEPENDS
    return Match.NO if named else Match.YES


def _covers(pattern: str, asked: str) -> bool:
    """True if the pattern matches all that is asked: what only wildcards match stands for any name."""
    return all(is_like(asked.replace("*", name), pattern) for name in ("\0", "\0" * 99))


def _touches(pattern: str, asked: str) -> bool:
    """True if the pattern may match some of what is asked: by what comes before its first wildcard."""
    if not asked.endswith("*"):
        return is_like(asked, pattern)
    service, head = asked.removesuffix("*"), re.split(r"[*?]", pattern)[0]
    is_open = head != pattern and service.startswith(head)
    return asked == ANYTHING or is_open or head.startswith(service)


def _match_resource(statement: Mapping[str, Any], asked: str, resource: str) -> Match:
    named, excepted = (_texts(statement.get(key)) for key in ("Resource", "NotResource"))
    if named is None or excepted is None or bool(named) == bool(excepted):
        return Match.DEPENDS
    if any(is_like(resource or EVERYTHING, pattern) for pattern in named or excepted):
        return Match.YES if named else Match.NO
    if asked.endswith("*"):
        return Match.DEPENDS
    return Match.NO if named else Match.YES


def _match_caller(statement: Mapping[str, Any], call: Call) -> Match:
    """Whether the statement means whoever calls; identity policies name nobody, for their owner is meant.

    AWS's services call nothing through an endpoint, where no call has a service (IAM JSON grammar: principals by `AWS`,
    `Service` and others).
    """
    if "NotPrincipal" in statement:
        return _match_principal(statement["NotPrincipal"], call).opposite
    return _match_principal(statement.get("Principal", EVERYTHING), call)


def _match_principal(principal: object, call: Call) -> Match:
    if call.service:
        return _match_service(principal, call.service)
    if isinstance(principal, dict) and [*principal] == ["Service"]:
        return Match.NO if call.account else Match.DEPENDS
    named = _texts(principal.get("AWS") if isinstance(principal, dict) else principal)
    if not named or (isinstance(principal, dict) and principal.keys() - {"AWS", "Service"}):
        return Match.YES if named and EVERYTHING in named else Match.DEPENDS
    # A principal is no pattern but for `*` alone: no ARN with a wildcard means anybody (IAM JSON grammar: Principal).
    found = {match_principal(name, call.account) for name in named}
    return next((match for match in (Match.YES, Match.DEPENDS) if match in found), Match.NO)


def _match_service(principal: object, service: str) -> Match:
    """`*` means services, too, and so does an AWS of `*` (IAM JSON grammar: Principal)."""
    kinds = principal if isinstance(principal, dict) else {"AWS": principal}
    named = [_texts(kinds.get(kind)) for kind in ("AWS", "Service")]
    if None in named or kinds.keys() - {"AWS", "Service"}:
        return Match.DEPENDS
    accounts, services = (texts or () for texts in named)
    return Match.YES if EVERYTHING in (*accounts, *services) or service in services else Match.NO


def _texts(value: object) -> tuple[str, ...] | None:
    """A text or a list of texts, none for what isn't there; None where it is something else."""
    listed: list[Any] = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(listed) if all(isinstance(item, str) for item in listed) else None
