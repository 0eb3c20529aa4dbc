"""Denials: which kind of policy denied a dry run, as far as AWS says."""

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

# IAM guide: access denied error messages. AWS names the kind of policy, not the policy.
_KIND = re.compile(
    r"(?:with an explicit deny in an?|because no) "
    r"(service control policy|resource control policy|permissions boundary|session policy|identity-based policy"
    r"|resource-based policy|VPC endpoint policy)"
)
_RESOURCE = re.compile(r"on resource: (\S+)")
_LONGEST = 300


class DeniedBy(Enum):
    """The kinds of policies, in words that say whose they are."""

    SERVICE_CONTROL_POLICY = "a service control policy of your organization"
    RESOURCE_CONTROL_POLICY = "a resource control policy of your organization"
    PERMISSIONS_BOUNDARY = "the role's permissions boundary"
    SESSION_POLICY = "a session policy"
    IDENTITY_BASED_POLICY = "the role's own policies"
    RESOURCE_BASED_POLICY = "a resource's policy"
    VPC_ENDPOINT_POLICY = "the policy of a VPC endpoint"
    A_STATEMENT = "a statement that denies it"
    NOT_SAID = "a policy that AWS doesn't name"


@dataclass(frozen=True, slots=True)
class Denial:
    """Who denied a call. `resource` is the one that it was denied on, `statement` the ID of the statement that denied
    it, `words` are EC2's; empty where AWS doesn't say.
    """

    by: DeniedBy
    resource: str = ""
    statement: str = ""
    words: str = ""

    @property
    def is_on_group(self) -> bool:
        """True if it is the security group that the role may not use."""
        return ":security-group/" in self.resource


def denied_words(denial: Denial) -> str:
    """What the denial means, in a sentence without its end."""
    return f"Lifeline may not create endpoints today: {denial.by.value} denied its dry run"


def read_denial(message: str, decoded: str = "") -> Denial:
    """The denial that EC2's message tells of, and its decoded part where it could be decoded.

    The decoded part says whether a statement denied the call, and which (STS API: DecodeAuthorizationMessage). It
    doesn't say whose policy that is in.
    """
    details = _object(decoded)
    kind, named = _KIND.search(message), _RESOURCE.search(message)
    statement = _statement(details) if details.get("explicitDeny") is True else ""
    resource = named[1] if named else _text(_part(details, "context").get("resource"))
    if kind:
        by = DeniedBy[kind[1].upper().replace(" ", "_").replace("-", "_")]
    else:
        by = DeniedBy.A_STATEMENT if details.get("explicitDeny") is True else DeniedBy.NOT_SAID
    return Denial(by, resource=resource, statement=statement, words=message[:_LONGEST])


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _part(details: dict[str, Any], name: str) -> dict[str, Any]:
    part = details.get(name)
    return part if isinstance(part, dict) else {}


def _statement(details: dict[str, Any]) -> str:
    items = _part(details, "matchedStatements").get("items")
    first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    return _text(first.get("statementId"))


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""
