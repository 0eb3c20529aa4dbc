"""Denials: which kind of policy denied a dry run, as far as AWS says."""

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lifeline.core.denial import Denier, read_denial
from lifeline.core.event_path.dry_run import OF_ENDPOINT, DryRun

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


_BY = {
    Denier.SERVICE_CONTROL_POLICY: DeniedBy.SERVICE_CONTROL_POLICY,
    Denier.RESOURCE_CONTROL_POLICY: DeniedBy.RESOURCE_CONTROL_POLICY,
    Denier.PERMISSIONS_BOUNDARY: DeniedBy.PERMISSIONS_BOUNDARY,
    Denier.SESSION_POLICY: DeniedBy.SESSION_POLICY,
    Denier.IDENTITY_POLICY: DeniedBy.IDENTITY_BASED_POLICY,
    Denier.RESOURCE_POLICY: DeniedBy.RESOURCE_BASED_POLICY,
    Denier.ENDPOINT_POLICY: DeniedBy.VPC_ENDPOINT_POLICY,
}


@dataclass(frozen=True, slots=True)
class DryRunDenial:
    """Who denied `role` a dry run of `call`. `resource` is the one that it was denied on, `statement` the ID of the
    statement that denied it, `words` are EC2's; empty where AWS doesn't say.
    """

    by: DeniedBy
    resource: str = ""
    statement: str = ""
    words: str = ""
    call: str = OF_ENDPOINT
    role: str = ""


def dry_run_denied_words(denial: DryRunDenial) -> str:
    """What the denial means, in a sentence without its end."""
    return f"Lifeline may not create endpoints today: {denial.by.value} denied its dry run"


def read_dry_run_denial(denied: DryRun, decoded: str = "", role_arn: str = "") -> DryRunDenial:
    """The denial that EC2's answer tells of, and its decoded part where it could be decoded.

    The decoded part says whether a statement denied the call, and which (STS API: DecodeAuthorizationMessage). It
    doesn't say whose policy that is in.
    """
    message = denied.message
    said, details = read_denial(message, "UnauthorizedOperation"), _object(decoded)
    is_explicit = details.get("explicitDeny") is True
    unnamed = DeniedBy.A_STATEMENT if is_explicit else DeniedBy.NOT_SAID
    return DryRunDenial(
        _BY.get(said.denier, unnamed) if said else unnamed,
        resource=(said.resource if said else "") or _text(_part(details, "context").get("resource")),
        statement=_statement(details) if is_explicit else "",
        words=message[:_LONGEST],
        call=denied.call,
        role=role_arn,
    )


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
