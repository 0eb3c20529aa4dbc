"""Handover: the resources that Lifeline created, written for Terraform and CloudFormation to import.

Both forms repeat what Lifeline requested from AWS, without Lifeline's own tag: a resource without that tag is no longer
Lifeline's. The audit log keeps them in full; notices carry Terraform's import blocks.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from lifeline.core.network.model import MANAGED_BY, RULE_WORDS, VPC_ID
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.plan.security_group import GROUP_WORDS
from lifeline.core.policy.labels import NAME

_ENDPOINT = ("aws_vpc_endpoint", "AWS::EC2::VPCEndpoint")
_GROUP = ("aws_security_group", "AWS::EC2::SecurityGroup")
_MAKES = {
    ActionKind.CREATE_INTERFACE_ENDPOINT: _ENDPOINT,
    ActionKind.REPLACE_ENDPOINT: _ENDPOINT,
    ActionKind.CREATE_GATEWAY_ENDPOINT: _ENDPOINT,
    ActionKind.CREATE_SECURITY_GROUP: _GROUP,
}
MOST_WRITTEN = 10
_PLAIN = re.compile(r"[A-Za-z0-9 ._:/@+=-]*")
_ID = re.compile(r"(?:vpce|sg)-(?:[0-9a-f]{17}|[0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Handover:
    """One resource: its import block and resource for Terraform, its template resource for CloudFormation, and its
    entry in `--resources-to-import`; the latter two in JSON.
    """

    terraform: str
    cloudformation: str
    resources_to_import: str


def import_text(action: Action, vpc_id: str) -> Handover | None:
    """Write the resource that the action created for import; None if it created none, or its id isn't one."""
    if not _has_created(action, vpc_id):
        return None
    resource_type, name, resource_id = _identity(action, vpc_id)
    is_group = action.kind is ActionKind.CREATE_SECURITY_GROUP
    arguments = _security_group_arguments(action, vpc_id) if is_group else _endpoint_arguments(action, vpc_id)
    properties = _security_group_properties(action, vpc_id) if is_group else _endpoint_properties(action, vpc_id)
    block = [f'resource "{resource_type}" "{name}" {{', *(f"  {line}" for line in arguments), "}", ""]
    type_name, logical_id = _MAKES[action.kind][1], "".join(part.capitalize() for part in name.split("_"))
    body = {"Type": type_name, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "Properties": properties}
    entry = {"ResourceType": type_name, "LogicalResourceId": logical_id, "ResourceIdentifier": {"Id": resource_id}}
    return Handover(
        terraform="\n".join([*_import_block(action, vpc_id), "", *block]),
        cloudformation=json.dumps({logical_id: body}, indent=2),
        resources_to_import=json.dumps([entry]),
    )


def handover_lines(made: Iterable[tuple[str, Action]]) -> tuple[str, ...]:
    """Write the attachment of a notice: how to import what was created into Terraform. Empty if no endpoint was.

    `made` has each action with its VPC; the first MOST_WRITTEN resources are written out.
    """
    created = [(vpc_id, action) for vpc_id, action in made if _has_created(action, vpc_id)]
    if all(action.kind is ActionKind.CREATE_SECURITY_GROUP for _, action in created):
        return ()
    more = len(created) - MOST_WRITTEN
    return (
        "---- To manage these resources in Terraform ----",
        "Add these import blocks to your configuration and let Terraform generate the",
        "resource blocks:",
        "    terraform plan -generate-config-out=lifeline.tf",
        f"Before you apply, delete the tag {MANAGED_BY} from lifeline.tf. Applying",
        "will then remove it from the resources, and Lifeline will no longer change or",
        'delete them. Then send {"hand_over": [their IDs]} to ReconcileEndpoints, so that',
        "they no longer count toward the limits. Import the security group only together",
        "with Lifeline's last endpoint in this VPC. The audit log has the complete",
        "resources for Terraform and CloudFormation.",
        *(line for vpc_id, action in created[:MOST_WRITTEN] for line in ("", *_import_block(action, vpc_id))),
        *(["", f"... and {more} more: see the audit log"] if more > 0 else []),
    )


def _has_created(action: Action, vpc_id: str) -> bool:
    """True if the action made a resource whose id, and whose VPC's, can stand in code that people paste."""
    if action.kind not in _MAKES or not action.is_done:
        return False
    return bool(_ID.fullmatch(_identity(action, vpc_id)[2]) and VPC_ID.fullmatch(vpc_id))


def _identity(action: Action, vpc_id: str) -> tuple[str, str, str]:
    """The resource's Terraform type, its name there, and its id."""
    is_group = action.kind is ActionKind.CREATE_SECURITY_GROUP
    label = f"{_name(action)}-{vpc_id.removeprefix('vpc-')}"
    name = re.sub(r"[^A-Za-z0-9_]", "_", label if label[0].isalpha() else f"lifeline-{label}")
    return _MAKES[action.kind][0], name, action.security_group_id if is_group else action.endpoint_id


# ---- Terraform


def _import_block(action: Action, vpc_id: str) -> list[str]:
    """The import block (Terraform language: import blocks, from 1.5 on)."""
    resource_type, name, resource_id = _identity(action, vpc_id)
    return ["import {", f"  to = {resource_type}.{name}", f"  id = {_quoted(resource_id)}", "}"]


def _endpoint_arguments(action: Action, vpc_id: str) -> list[str]:
    is_gateway = action.kind is ActionKind.CREATE_GATEWAY_ENDPOINT
    lines = [
        f"vpc_id            = {_quoted(vpc_id)}",
        f"service_name      = {_quoted(action.service_name)}",
        f"vpc_endpoint_type = {_quoted('Gateway' if is_gateway else 'Interface')}",
    ]
    if is_gateway:
        lines += _list("route_table_ids", action.route_table_ids)
    else:
        lines += _list("subnet_ids", action.subnet_ids)
        lines += _list("security_group_ids", (action.security_group_id,))
        private_dns = str(action.private_dns).lower()
        lines += [f"private_dns_enabled = {private_dns}", f"ip_address_type     = {_quoted(action.ip_address_type)}"]
    lines += [f"policy = {_quoted(action.policy)}"] if action.policy else []
    return [*lines, *_terraform_tags(action)]


def _security_group_arguments(action: Action, vpc_id: str) -> list[str]:
    """Without egress rules, which Terraform leaves as they are if they aren't written."""
    ipv4, ipv6 = _by_version(action.cidrs)
    return [
        f"name        = {_quoted(action.security_group_name)}",
        f"description = {_quoted(GROUP_WORDS)}",
        f"vpc_id      = {_quoted(vpc_id)}",
        *(line for ports in action.ports for line in _ingress(ports, ipv4, ipv6)),
        *_terraform_tags(action),
    ]


def _terraform_tags(action: Action) -> list[str]:
    tags = _tags(action)
    if len(tags) == 1:
        return [f"tags = {{ Name = {_quoted(tags[NAME])} }}"]
    return ["tags = {", *(f"  {_quoted(key)} = {_quoted(value)}" for key, value in tags.items()), "}"]


def _ingress(ports: tuple[int, int], ipv4: list[str], ipv6: list[str]) -> list[str]:
    return [
        "ingress {",
        f"  description = {_quoted(RULE_WORDS)}",
        '  protocol    = "tcp"',
        f"  from_port   = {ports[0]}",
        f"  to_port     = {ports[1]}",
        *(f"  {line}" for line in [*_list("cidr_blocks", ipv4), *_list("ipv6_cidr_blocks", ipv6)]),
        "}",
    ]


def _list(name: str, values: Iterable[str]) -> list[str]:
    """An argument with one value on each line; nothing if there are no values."""
    written = [f"  {_quoted(value)}," for value in values]
    return [f"{name} = [", *written, "]"] if written else []


def _quoted(text: str) -> str:
    """A literal HCL string: quotes, line breaks and templates in it have no effect (HCL: string literals)."""
    return json.dumps(text).replace("${", "$${").replace("%{", "%%{")


# ---- CloudFormation


def _endpoint_properties(action: Action, vpc_id: str) -> Mapping[str, Any]:
    common: dict[str, Any] = {"VpcId": vpc_id, "ServiceName": action.service_name, "Tags": _listed_tags(action)}
    common |= {"PolicyDocument": json.loads(action.policy)} if action.policy else {}
    if action.kind is ActionKind.CREATE_GATEWAY_ENDPOINT:
        return {**common, "VpcEndpointType": "Gateway", "RouteTableIds": list(action.route_table_ids)}
    return {
        **common,
        "VpcEndpointType": "Interface",
        "SubnetIds": list(action.subnet_ids),
        "SecurityGroupIds": [action.security_group_id],
        "PrivateDnsEnabled": action.private_dns,
        "IpAddressType": action.ip_address_type,
    }


def _security_group_properties(action: Action, vpc_id: str) -> Mapping[str, Any]:
    ipv4, ipv6 = _by_version(action.cidrs)
    sources = [{"CidrIp": cidr} for cidr in ipv4] + [{"CidrIpv6": cidr} for cidr in ipv6]
    rules = [
        {"IpProtocol": "tcp", "FromPort": low, "ToPort": high, "Description": RULE_WORDS} | source
        for low, high in action.ports
        for source in sources
    ]
    return {
        "GroupName": action.security_group_name,
        "GroupDescription": GROUP_WORDS,
        "VpcId": vpc_id,
        "SecurityGroupIngress": rules,
        "Tags": _listed_tags(action),
    }


def _listed_tags(action: Action) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in _tags(action).items()]


def _tags(action: Action) -> dict[str, str]:
    """Its name and the policy's tags. What was copied from a VPC is somebody's text: it is only written into code where
    it can't be read as any.
    """
    return {NAME: _name(action), **{key: value for key, value in action.tags if _PLAIN.fullmatch(value)}}


def _name(action: Action) -> str:
    if action.kind is ActionKind.CREATE_SECURITY_GROUP:
        return action.security_group_name
    return action.name or f"lifeline-{action.service}"


def _by_version(cidrs: Iterable[str]) -> tuple[list[str], list[str]]:
    blocks = list(cidrs)
    ipv4 = [block for block in blocks if ip_network(block).version == 4]
    return ipv4, [block for block in blocks if block not in ipv4]
