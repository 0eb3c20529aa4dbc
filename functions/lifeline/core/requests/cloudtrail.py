"""Cloudtrail: split out of another room."""

from typing import Any

from lifeline.core.coexist.claims import read_claim
from lifeline.core.errors import InvalidInputError
from lifeline.core.requests.fields import _ids, _is_vpc_id, _kind, _shown, _text
from lifeline.core.requests.iac_tools import tool_of
from lifeline.core.requests.request import Request, Trigger

CHANGE = "AWS API Call via CloudTrail"


def _read_change(event: dict[str, Any], own_role_arn: str) -> Request:
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
    return Request(
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
        claim=read_claim(name, code, said, detail.get("requestParameters")) if failure else None,
        tool=tool_of(detail),
    )


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
