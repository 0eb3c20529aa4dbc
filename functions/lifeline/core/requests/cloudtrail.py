"""CloudTrail's records of EC2 calls, as requests: read leniently, because AWS adds to them."""

import re
from collections.abc import Collection
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.document import shown
from lifeline.core.requests.blocks import named_blocks, new_rule_action
from lifeline.core.requests.claims import read_claim
from lifeline.core.requests.fields import ascii_text, is_vpc_id, must_be, time_text
from lifeline.core.requests.iac_tools import CLOUDFORMATION, tool_of
from lifeline.core.requests.named import named_ids
from lifeline.core.requests.request import Request
from lifeline.core.requests.tags import tags_changed
from lifeline.core.requests.trigger import Trigger
from lifeline.core.wording import person_in, plain

CHANGE = "AWS API Call via CloudTrail"
STATE_CHANGE = "EC2 Instance State-change Notification"  # the other type of event that is read: `state_change`
_CALL_NAME = re.compile(r"[A-Za-z0-9]{1,128}")  # it goes into the ledger, events and notices as it is
MOST_IDS = 100  # of a record that are kept; one call may tag 1,000 resources (EC2 API: CreateTags)


def read_change(
    event: dict[str, Any], own_role_arn: str, *, accounts: Collection[str] = (), region: str = ""
) -> Request:
    """The request of an EventBridge event; marked `is_own` where Lifeline's own role made the call.

    Only records of these accounts and of this region are taken: a bus may get other accounts' events, too. Without
    accounts, it is the role's own.
    """
    if event.get("detail-type") != CHANGE:
        raise must_be("detail-type", f"{CHANGE!r} or {STATE_CHANGE!r}", event.get("detail-type"))
    if event.get("source") != "aws.ec2":
        raise must_be("source", "'aws.ec2'", event.get("source"))
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise must_be("detail", "a CloudTrail record", detail)
    if detail.get("eventSource") != "ec2.amazonaws.com":
        raise must_be("detail.eventSource", "'ec2.amazonaws.com'", detail.get("eventSource"))
    name = detail.get("eventName")
    if not isinstance(name, str) or not _CALL_NAME.fullmatch(name):
        raise must_be("detail.eventName", "the name of an EC2 call", name)
    check_origin(event, detail, accounts or account_of(own_role_arn), region)
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
            ids=frozenset(sorted(ids.on | ids.there, key=_networks_first)[:MOST_IDS]),
            blocks=named_blocks(name, detail.get("requestParameters"), detail.get("responseElements")),
            rule_action=new_rule_action(name, detail.get("requestParameters")),
            tags=tags_changed(name, detail.get("requestParameters")),
        ),
        vpc_ids=tuple(sorted(filter(is_vpc_id, ids.on))),
        changed_ids=ids.on,
        is_own=bool(own_role_arn) and _issuer_arn(detail.get("userIdentity")) == own_role_arn,
        failure=code,
        claim=read_claim(name, code, message, detail.get("requestParameters")) if failure else None,
        tool=tool_of(detail),
        request_id=ascii_text(detail.get("requestID")) if failure else "",
    )


def _networks_first(resource_id: str) -> tuple[bool, str]:
    """VPCs and subnets before all else: who tagged them must not get lost among others' ids."""
    return not resource_id.startswith(("vpc-", "subnet-")), resource_id


def check_origin(event: dict[str, Any], detail: dict[str, Any], accounts: Collection[str], region: str) -> None:
    """Raises InvalidInputError where the event, or the record in it, is of another account or region.

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


def account_of(role_arn: str) -> tuple[str, ...]:
    """The account of a role, none where there is no role."""
    return tuple(role_arn.split(":")[4:5])


def _issuer_arn(identity: object) -> str:
    """The role behind the caller's session. Records of services and of IAM users have none."""
    context = identity.get("sessionContext") if isinstance(identity, dict) else None
    issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
    return ascii_text(issuer.get("arn")) if isinstance(issuer, dict) else ""


_IAM_TYPES = {
    "IAMUser": "user",
    "IdentityCenterUser": "identity-center-user",
    "SAMLUser": "saml-user",
    "WebIdentityUser": "web-identity-user",
}
_SERVICES = {"cloudformation.amazonaws.com": CLOUDFORMATION}
_LONGEST_ARN = 2048  # IAM API: arnType; a user's path has up to 512 characters
_LONGEST_ACTOR = 256


def _actor(identity: object) -> str:
    """Who made the change, as a person would name them, and the service that called in their name: `ops/dana via
    CloudFormation` (CloudTrail guide: userIdentity element).

    A person's name always follows a slash, so that it can be hashed. Empty where the record says nobody.
    """
    if not isinstance(identity, dict):
        return ""
    service = ascii_text(identity.get("invokedBy"))
    service = _SERVICES.get(service, service)
    who = _caller(identity)
    if not service or not who or who == "root":  # services acted as the root user before 2018
        return service or who
    return f"{who} via {service}"


def _caller(identity: dict[str, Any]) -> str:
    type_ = identity.get("type")
    arn = _long_text(identity.get("arn"))
    by_arn = arn.partition(":assumed-role/")[2] or arn.rpartition(":")[2]
    if by_arn:
        kind, _, name = by_arn.partition("/")
        source = _source_identity(identity)
        if source and person_in(by_arn) == kind:  # the session is nobody's name
            return f"{kind}/{source}"
        is_long = len(by_arn) > _LONGEST_ACTOR
        return f"{kind}/{name.rpartition('/')[2]}" if is_long else by_arn  # never without the person's name
    issuer = _issuer_arn(identity).rpartition(":role/")[2].rpartition("/")[2]
    principal_id = ascii_text(identity.get("principalId")).rpartition(":")[2]
    name = ascii_text(identity.get("userName"))
    match type_:
        case "Root":
            return "root"
        case "AWSAccount":
            account = ascii_text(identity.get("accountId"))
            return f"account {account}" if account else ""
        case "IdentityCenterUser":
            behalf = identity.get("onBehalfOf")
            name = ascii_text(behalf.get("userId")) if isinstance(behalf, dict) else ""
        case "SAMLUser" | "WebIdentityUser":
            name = name or principal_id
        case _ if issuer:
            return f"{issuer}/{principal_id}" if principal_id else f"role/{issuer}"
    return f"{_IAM_TYPES.get(str(type_), 'user')}/{name}" if name else ""


def _source_identity(identity: dict[str, Any]) -> str:
    """Who the caller said to be on assuming the first role of a chain (CloudTrail guide: AWS STS source identity)."""
    context = identity.get("sessionContext")
    return ascii_text(context.get("sourceIdentity")) if isinstance(context, dict) else ""


def _long_text(value: object) -> str:
    return plain(value[:_LONGEST_ARN]) if isinstance(value, str) else ""
