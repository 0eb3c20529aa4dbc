"""Whether IAM lets a call to EC2 through, asked as EC2 asks: for each resource that the call is on, with its tags.

moto's IAM knows neither permissions boundaries nor conditions, and ministack's, which does, isn't in front of EC2. The
facts are those of the Service Authorization Reference of EC2: a tag is in the request for the resource that is made
alone, and whoever makes something with tags needs `ec2:CreateTags` for it as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.policies import Caller, Values, why_refused
from tests.support.strict_errors import RefusedError
from tests.support.strict_state import State

_MADE = {  # what a call makes, as EC2's tag specifications and ARNs say it
    "CreateVpcEndpoint": "vpc-endpoint",
    "CreateSecurityGroup": "security-group",
    "AuthorizeSecurityGroupIngress": "security-group-rule",
}
_KINDS = {
    "vpc": "vpc",
    "subnet": "subnet",
    "rtb": "route-table",
    "sg": "security-group",
    "vpce": "vpc-endpoint",
    "pl": "prefix-list",
    "tgw-rtb": "transit-gateway-route-table",
}
_ON_ALL = ("Describe", "List", "Search")
_BUT = {"DescribeVpcAttribute", "GetManagedPrefixListEntries", "SearchTransitGatewayRoutes"}  # reads on a resource


@dataclass(frozen=True)
class _Asked:
    action: str
    resource: str
    context: dict[str, Values] = field(default_factory=dict)


def authorize(state: State, caller: Caller | None, operation: str, params: dict[str, Any]) -> None:
    """Refuses the call as EC2 does if the caller may not make it. Without a caller, everybody may do everything."""
    if caller is None:
        return
    for asked in _asked(state, operation, params):
        why = why_refused(caller, asked.action, asked.resource, context=asked.context, owner=state.account_id)
        if why:
            message = (
                f"You are not authorized to perform this operation. User: {caller.name} is not authorized to perform: "
                f"{asked.action} on resource: {asked.resource} {why}. Encoded authorization failure message: 1a2b3c"
            )
            raise RefusedError("UnauthorizedOperation", message)


def authorize_elsewhere(state: State, caller: Caller | None, model: Any, operation: str) -> None:
    """The same for other services, with their codes. Which resource a call of theirs is on, and its conditions, nobody
    works out here: it is let through where its action is allowed on anything.
    """
    if caller is None:
        return
    action = f"{model.service_name}:{operation}"
    limits = {name: tuple(map(_on_anything, statements)) for name, statements in caller.limits.items()}
    vague = replace(caller, policy=tuple(map(_on_anything, caller.policy)), limits=limits)
    if why := why_refused(vague, action, "*", owner=state.account_id):
        code = "AccessDeniedException" if "json" in model.metadata["protocol"] else "AccessDenied"
        raise RefusedError(code, f"User: {caller.name} is not authorized to perform: {action} {why}")


def _on_anything(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    """The statement for every resource; a Deny keeps its conditions."""
    kept = {"Condition": statement["Condition"]} if statement["Effect"] == "Deny" and "Condition" in statement else {}
    return {"Effect": statement["Effect"], "Action": statement["Action"], "Resource": "*", **kept}


def _asked(state: State, operation: str, params: dict[str, Any]) -> Iterator[_Asked]:
    action = f"ec2:{operation}"
    if operation.startswith(_ON_ALL) and operation not in _BUT:
        yield _Asked(action, "*")
        return
    if operation in {"CreateTags", "DeleteTags"}:
        tags = _pairs(params.get("Tags", ()))
        for resource_id in params["Resources"]:
            yield _Asked(action, _arn(state, resource_id), _of_request(tags) | _of_resource(state, resource_id))
        return
    made, tags = _MADE.get(operation, ""), _tags(params)
    if made and (tags or operation != "AuthorizeSecurityGroupIngress"):
        arn = f"arn:aws:ec2:{state.region}:{state.account_id}:{made}/*"
        yield _Asked(action, arn, _of_request(tags) | _of_service(params))
        if tags:
            yield _Asked("ec2:CreateTags", arn, _of_request(tags) | {"ec2:CreateAction": operation})
    for resource_id in sorted(_named(params)):
        yield _Asked(action, _arn(state, resource_id), _of_resource(state, resource_id))


def _named(value: Any) -> set[str]:
    """The IDs that the parameters name, tags and texts left out."""
    match value:
        case dict():
            parts = (part for name, part in value.items() if name not in {"TagSpecifications", "IpPermissions"})
            return set().union(*map(_named, parts))
        case list():
            return set().union(*map(_named, value))
        case str() if value.rpartition("-")[0] in _KINDS:
            return {value}
    return set()


def _arn(state: State, resource_id: str) -> str:
    kind = _KINDS[resource_id.rpartition("-")[0]]
    return f"arn:aws:ec2:{state.region}:{state.account_id}:{kind}/{resource_id}"


def _tags(params: dict[str, Any]) -> dict[str, str]:
    return _pairs([tag for one in params.get("TagSpecifications", ()) for tag in one["Tags"]])


def _pairs(tags: Any) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def _of_request(tags: dict[str, str]) -> dict[str, Values]:
    keys: dict[str, Values] = {"aws:TagKeys": tuple(tags)} if tags else {}
    return keys | {f"aws:RequestTag/{key}": value for key, value in tags.items()}


def _of_service(params: dict[str, Any]) -> dict[str, Values]:
    name = params.get("ServiceName", "")
    return {"ec2:VpceServiceName": name, "ec2:VpceServiceOwner": "amazon"} if name else {}


def _of_resource(state: State, resource_id: str) -> dict[str, Values]:
    tags = state.moto.describe_tags(filters={"resource-id": [resource_id]})
    return {f"aws:ResourceTag/{tag['key']}": tag["value"] for tag in tags}
