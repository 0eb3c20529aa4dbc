"""CloudTrail's records of EC2 calls, as requests: read leniently, because AWS adds to them."""

from collections.abc import Collection
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.document import shown
from lifeline.core.requests.claims import read_claim
from lifeline.core.requests.fields import ascii_text, is_vpc_id, must_be, time_text
from lifeline.core.requests.iac_tools import tool_of
from lifeline.core.requests.named import named_ids
from lifeline.core.requests.request import Request, Trigger
from lifeline.core.requests.tags import tags_changed

CHANGE = "AWS API Call via CloudTrail"
MOST_IDS = 100  # of a record that are kept; one call may tag 1,000 resources (EC2 API: CreateTags)


def read_change(
    event: dict[str, Any], own_role_arn: str, *, accounts: Collection[str] = (), region: str = ""
) -> Request:
    """The request of an EventBridge event; marked `is_own` where Lifeline's own role made the call.

    Only records of these accounts and of this region are taken: a bus may get other accounts' events, too. Without
    accounts, it is the role's own.
    """
    if event.get("detail-type") != CHANGE:
        raise must_be("detail-type", repr(CHANGE), event.get("detail-type"))
    if event.get("source") != "aws.ec2":
        raise must_be("source", "'aws.ec2'", event.get("source"))
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise must_be("detail", "a CloudTrail record", detail)
    name = detail.get("eventName")
    if not isinstance(name, str) or not name.isalnum():
        raise must_be("detail.eventName", "the name of an EC2 call", name)
    _check_origin(event, detail, accounts or _account_of(own_role_arn), region)
    ids = named_ids(name, detail.get("requestParameters"), detail.get("responseElements"))
    failure = ascii_text(detail.get("errorCode"))
    code = failure.removeprefix("Client.")  # CloudTrail's prefix (CloudTrail guide: record contents)
    message = ascii_text(detail.get("errorMessage"))
    return Request(
        trigger=Trigger(
            kind="attempt" if failure else "change",
            event_id=ascii_text(detail.get("eventID")) or ascii_text(event.get("id")),
            event_name=name,
            actor=_actor(detail.get("userIdentity")),
            time=time_text(detail.get("eventTime")) or time_text(event.get("time")),
            ids=frozenset(sorted(ids.on | ids.there)[:MOST_IDS]),
            tags=tags_changed(name, detail.get("requestParameters")),
        ),
        vpc_ids=tuple(sorted(filter(is_vpc_id, ids.on))),
        changed_ids=ids.on,
        is_own=bool(own_role_arn) and _issuer_arn(detail.get("userIdentity")) == own_role_arn,
        failure=code,
        claim=read_claim(name, code, message, detail.get("requestParameters")) if failure else None,
        tool=tool_of(detail),
    )


def _check_origin(event: dict[str, Any], detail: dict[str, Any], accounts: Collection[str], region: str) -> None:
    """Raises InvalidInputError where the record is of another account or region.

    `recipientAccountId` is whose resources the call was on, whoever made it (CloudTrail guide: record contents).
    """
    for inside, part, name, allowed in (
        ("", event, "account", accounts),
        ("detail.", detail, "recipientAccountId", accounts),
        ("", event, "region", (region,)),
        ("detail.", detail, "awsRegion", (region,)),
    ):
        if any(allowed) and name in part and part[name] not in tuple(allowed):
            whose = " and ".join(sorted(allowed))
            raise InvalidInputError(f"{inside}{name}", f"is {shown(part[name])}: only records of {whose} count")


def _account_of(role_arn: str) -> tuple[str, ...]:
    """The account of a role, none where there is no role."""
    return tuple(role_arn.split(":")[4:5])


def _issuer_arn(identity: object) -> str:
    """The role behind the caller's session. Records of services and of IAM users have none."""
    context = identity.get("sessionContext") if isinstance(identity, dict) else None
    issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
    return ascii_text(issuer.get("arn")) if isinstance(issuer, dict) else ""


def _actor(identity: object) -> str:
    """Who made the change, as a person would name them: a role, a user, or the service that did it."""
    if not isinstance(identity, dict):
        return ""
    arn = ascii_text(identity.get("arn")) or _issuer_arn(identity)
    return arn.partition(":assumed-role/")[2] or arn.rpartition(":")[2] or ascii_text(identity.get("invokedBy"))
