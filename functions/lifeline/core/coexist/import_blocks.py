"""Handover: what Lifeline made, written as Terraform and CloudFormation take it over, ready to paste.

Both are made from what Lifeline asked AWS for, without Lifeline's own tag: once that is gone, the resource isn't
Lifeline's any more.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from lifeline.core.network.model import MANAGED_BY, SECURITY_GROUP_NAME
from lifeline.core.network.obstacles import HTTPS
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.plan.security_group import GROUP_WORDS, RULE_WORDS

_ENDPOINT = ("aws_vpc_endpoint", "AWS::EC2::VPCEndpoint")
_GROUP = ("aws_security_group", "AWS::EC2::SecurityGroup")
_MAKES = {
    ActionKind.CREATE_INTERFACE_ENDPOINT: _ENDPOINT,
    ActionKind.REPLACE_ENDPOINT: _ENDPOINT,
    ActionKind.CREATE_GATEWAY_ENDPOINT: _ENDPOINT,
    ActionKind.CREATE_SECURITY_GROUP: _GROUP,
}


MOST_WRITTEN = 4


@dataclass(frozen=True, slots=True)
class Handover:
    """One resource: an import block with its resource for Terraform, the template's resource for CloudFormation, and
    what CloudFormation wants in `--resources-to-import`; the latter two in JSON.
    """

    terraform: str
    cloudformation: str
    resources_to_import: str


def import_text(action: Action, vpc_id: str) -> Handover | None:
    """What takes over the resource that the action made; None where it made none."""
    if action.kind not in _MAKES or action.status is not Status.DONE:
        return None
    resource, kind = _MAKES[action.kind]
    is_group = resource == _GROUP[0]
    resource_id = action.security_group_id if is_group else action.endpoint_id
    label = f"{SECURITY_GROUP_NAME if is_group else f'lifeline-{action.service}'}-{vpc_id.removeprefix('vpc-')}"
    arguments = _security_group_arguments(action, vpc_id) if is_group else _endpoint_arguments(action, vpc_id)
    properties = _security_group_properties(action, vpc_id) if is_group else _endpoint_properties(action, vpc_id)
    logical_id = "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", label))
    body = {"Type": kind, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "Properties": properties}
    asked = {"ResourceType": kind, "LogicalResourceId": logical_id, "ResourceIdentifier": {"Id": resource_id}}
    return Handover(
        terraform=_terraform(resource, re.sub(r"[^A-Za-z0-9_]", "_", label), resource_id, arguments),
        cloudformation=json.dumps({logical_id: body}, indent=2),
        resources_to_import=json.dumps([asked]),
    )


def handover_lines(made: Iterable[tuple[str, Action]]) -> tuple[str, ...]:
    """To be attached to a notice: how to take over what was made, the first MOST_WRITTEN resources of it, into
    Terraform or CloudFormation. Nothing where no endpoint was made.
    """
    found = [(vpc_id, one) for vpc_id, action in made if (one := import_text(action, vpc_id))]
    if not any(_is_endpoint(handover) for _, handover in found):
        return ()
    shown, rest = [handover for _, handover in found[:MOST_WRITTEN]], len(found) - MOST_WRITTEN
    more = [f"{rest} more are on record: invoke with", f'  {{"history": {{"vpc_id": "{found[-1][0]}"}}}}', ""]
    return (
        "---- To take over what was made ----",
        f"Without Lifeline's tag ({MANAGED_BY}) they are yours: Lifeline",
        "never changes or deletes them then. Leave the group out while Lifeline is to",
        "make more endpoints in this VPC.",
        "",
        "---- Terraform: paste this, and apply, which takes the tag off ----",
        "",
        *(more if rest > 0 else []),
        *(line for handover in shown for line in handover.terraform.split("\n")),
        "---- CloudFormation: the template's Resources, to import; take the tag off then ----",
        *json.dumps(_joined(handover.cloudformation for handover in shown), indent=2).split("\n"),
        "",
        "---- and --resources-to-import ----",
        json.dumps([asked for handover in shown for asked in json.loads(handover.resources_to_import)]),
    )


def _joined(templates: Iterable[str]) -> dict[str, Any]:
    return {name: resource for template in templates for name, resource in json.loads(template).items()}


def _is_endpoint(one: Handover) -> bool:
    return _ENDPOINT[0] in one.terraform


# ---- Terraform


def _terraform(resource: str, label: str, resource_id: str, arguments: Iterable[str]) -> str:
    """An import block and its resource (Terraform language: import blocks, from 1.5 on)."""
    lines = ["import {", f"  to = {resource}.{label}", f"  id = {_quoted(resource_id)}", "}", ""]
    lines += [f'resource "{resource}" "{label}" {{', *(f"  {line}" for line in arguments), "}"]
    return "\n".join(lines) + "\n"


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
    return [*lines, f"tags = {{ Name = {_quoted(f'lifeline-{action.service}')} }}"]


def _security_group_arguments(action: Action, vpc_id: str) -> list[str]:
    """What it lets out stays as AWS made it: Terraform leaves alone what isn't written."""
    ipv4, ipv6 = _by_version(action.cidrs)
    return [
        f"name        = {_quoted(SECURITY_GROUP_NAME)}",
        f"description = {_quoted(GROUP_WORDS)}",
        f"vpc_id      = {_quoted(vpc_id)}",
        "ingress {",
        f"  description = {_quoted(RULE_WORDS)}",
        '  protocol    = "tcp"',
        f"  from_port   = {HTTPS}",
        f"  to_port     = {HTTPS}",
        *(f"  {line}" for line in [*_list("cidr_blocks", ipv4), *_list("ipv6_cidr_blocks", ipv6)]),
        "}",
        f"tags = {{ Name = {_quoted(SECURITY_GROUP_NAME)} }}",
    ]


def _list(name: str, values: Iterable[str]) -> list[str]:
    """An argument with a value a line, so that no line gets long; nothing where there are none."""
    written = [f"  {_quoted(value)}," for value in values]
    return [f"{name} = [", *written, "]"] if written else []


def _quoted(text: str) -> str:
    """A string of HCL that says just this: no quote, line or template in it does anything (HCL: string literals)."""
    return json.dumps(text).replace("${", "$${").replace("%{", "%%{")


# ---- CloudFormation


def _endpoint_properties(action: Action, vpc_id: str) -> Mapping[str, Any]:
    tags = _name_tag(f"lifeline-{action.service}")
    common = {"VpcId": vpc_id, "ServiceName": action.service_name, "Tags": tags}
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
    common = {"IpProtocol": "tcp", "FromPort": HTTPS, "ToPort": HTTPS, "Description": RULE_WORDS}
    ipv4, ipv6 = _by_version(action.cidrs)
    rules = [common | {"CidrIp": cidr} for cidr in ipv4] + [common | {"CidrIpv6": cidr} for cidr in ipv6]
    return {
        "GroupName": SECURITY_GROUP_NAME,
        "GroupDescription": GROUP_WORDS,
        "VpcId": vpc_id,
        "SecurityGroupIngress": rules,
        "Tags": _name_tag(SECURITY_GROUP_NAME),
    }


def _name_tag(name: str) -> list[dict[str, str]]:
    return [{"Key": "Name", "Value": name}]


def _by_version(cidrs: Iterable[str]) -> tuple[list[str], list[str]]:
    blocks = list(cidrs)
    ipv4 = [block for block in blocks if ip_network(block).version == 4]
    return ipv4, [block for block in blocks if block not in ipv4]
