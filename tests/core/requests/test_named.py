"""The table of the members that name what a call was on, against botocore's model of EC2 and the template's rules."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest
from botocore.model import ListShape, OperationModel, Shape, StringShape, StructureShape
from tools.template import read_template

from lifeline.core.requests.named import MEMBERS, Named, named_ids
from tests.support.cloudtrail import operation_model
from tests.support.cloudtrail_styles import request_parameters, response_elements

IDS = ("vpc-0123456789abcdef0", "vpc-0fedcba9876543210")
# Members with an id of something else, by the call and the member, and why that isn't what the call was on.
ELSEWHERE = {
    "*Route destinationPrefixListId": "where a route leads to",
    "*Route vpcEndpointId": "where a route leads to",
    "*Route *atewayId": "where a route leads to",
    "*Route instanceId": "where a route leads to",
    "*Route networkInterfaceId": "where a route leads to",
    "*Route vpcPeeringConnectionId": "where a route leads to",
    "*LocalGatewayRoute localGatewayVirtualInterfaceGroupId": "where a route leads to",
    "*LocalGatewayRoute route.*": "the route of the table that the request names",
    "*TransitGatewayRoute transitGatewayAttachmentId": "where a route leads to",
    "*TransitGatewayRoute route.*": "the route of the table that the request names",
    "*TransitGatewayRouteTable association.transitGateway*": "the same as the request's",
    "*TransitGatewayRouteTable transitGatewayRouteTableId": "a table of other VPCs, too",
    "*TransitGatewayRouteTablePropagation transitGateway*Id": "where the routes come from",
    "*TransitGatewayRouteTablePropagation propagation.*": "the same as the request's, and where the routes come from",
    "*TransitGatewayPrefixListReference prefixListId": "the addresses of a route",
    "*TransitGatewayPrefixListReference transitGatewayAttachmentId": "where a route leads to",
    "*TransitGatewayPrefixListReference transitGatewayPrefixListReference.*": "the same as the request's",
    "CreateRouteTable routeTable.*Set.*": "what a new table contains",
    "CreateRouteTable routeTable.vpcId": "the same as the request's",
    "CreateRouteTable routeTable.ownerId": "an account",
    "AssociateRouteTable gatewayId": "the table's VPC has it, too",
    "AssociateRouteTable publicIpv4Pool": "a pool of addresses",
    "AssociateRouteTable associationId": "the new association of the table that the request names",
    "*Route*Server* routeServer*.*Id": "parts of the server, or what the request names",
    "CreateRouteServerEndpoint routeServerId": "a server of other VPCs, too",
    "*Subnet *ustomerOwnedIpv4Pool": "a pool of addresses",
    "*Subnet* *vailabilityZoneId": "a zone",
    "ModifySubnetAttribute customerOwnedIpv4Pool": "a pool of addresses",
    "* ipv?IpamPoolId": "a pool of addresses",
    "* ipv6Pool": "a pool of addresses",
    "* *ssociationSet.associationId": "an association of addresses",
    "* *idrBlockAssociation.associationId": "an association of addresses",
    "Disassociate*CidrBlock associationId": "an association of addresses",
    "* *ownerId": "an account",
    "* *OwnerId": "an account",
    "* *.awsAccountId": "an account",
    "* *.userId": "an account",
    "Create*Vpc vpc.*": "what a new VPC has",
    "CreateInternetGateway internetGateway.attachmentSet.vpcId": "a new gateway has none",
    "*EgressOnlyInternetGateway egressOnlyInternetGateway.attachmentSet.vpcId": "the same as the request's",
    "DeleteCarrierGateway carrierGateway.carrierGatewayId": "the same as the request's",
    "*VpcBlockPublicAccessExclusion vpcBlockPublicAccessExclusion.exclusionId": "the same as the request's",
    "*NatGateway* *llocationId": "an address",
    "*NatGateway* *ssociationId": "an association of addresses",
    "*NatGateway* *vailabilityZoneId": "a zone",
    "*NatGateway* natGatewayAddressSet.networkInterfaceId": "a part of the gateway",
    "CreateNatGateway natGateway.*": "parts of the new gateway, and the same as the request's",
    "ModifyNetworkInterfaceAttribute associatedSubnetId*": "other subnets of the interface's VPC",
    "ModifyNetworkInterfaceAttribute groupSet.groupId": "what guards the interface",
    "ModifyNetworkInterfaceAttribute attachment.attachmentId": "what the interface is attached with",
    "AcceptVpcPeeringConnection vpcPeeringConnection.vpcPeeringConnectionId": "the same as the request's",
    "CreateVpnGateway vpnGateway.attachments.vpcId": "a new gateway has none",
    "AttachVpnGateway attachment.vpcId": "the same as the request's",
    "CreateVpnConnection *": "the other end, and the connection that is made",
    "ModifyVpn* customerGatewayId": "the other end",
    "ModifyVpn* vpnConnection.*": "the connection that the request names, and its ends",
    "AttachNetworkInterface attachmentId": "the new attachment of the interface that the request names",
    "*IpamPrefixListResolver* *pam*Id": "a resolver, which isn't in a VPC",
    "*IpamPrefixListResolver rule.condition.resourceId": "whose addresses a resolver lists",
    "ModifyInstanceAttribute blockDeviceMapping.ebs.volumeId": "a disk",
    "ModifyInstanceAttribute groupId.groupId": "what guards the instance",
    "*LocalGatewayRoute networkInterfaceId": "where a route leads to",
    "*LocalGatewayRouteTableVpcAssociation localGateway*Id": "a table, and its gateway, of other VPCs, too",
    "CreateTransitGatewayVpcAttachment transitGatewayId": "the same as the response's",
    "*VpcEndpoint *outeTableId": "where an endpoint is put, or taken from",
    "*VpcEndpoint *ubnetId": "where an endpoint is put, or taken from",
    "*VpcEndpoint *ecurityGroupId": "what guards an endpoint",
    "CreateVpcEndpoint vpcEndpoint.*": "parts of the new endpoint, and the same as the request's",
    "* unsuccessful.resourceId": "what the call did nothing to",
    "*VpcEndpointConnections serviceId": "a service for other VPCs",
    "ModifyVpcEndpointServicePermissions addedPrincipalSet.*": "who may use a service",
    "CreateVpcEncryptionControl vpcEncryptionControl.vpcEncryptionControlId": "the VPC's, which the request names",
    "*VpcEncryptionControl *pcEncryptionControlId": "the control of the VPC that the response names",
    "*SecurityGroup*gress *.*": "a rule of the group that the request names, and what it refers to",
    "ModifySecurityGroupRules securityGroupRule*.*": "what a rule refers to, and the rule",
    "*PrefixList* prefixList.*": "the same as the request's, and where its entries come from",
}


def rules_events() -> list[str]:
    rules = [one for one in read_template()["Resources"].values() if one["Type"] == "AWS::Events::Rule"]
    return sorted(
        {name for rule in rules for name in rule["Properties"]["EventPattern"].get("detail", {}).get("eventName", ())}
    )


EVENTS = rules_events()


def filled(shape: Shape | None, texts: tuple[str, ...], depth: int = 0) -> Iterator[tuple[Any, str]]:
    """Every value of the shape that contains nothing but these texts, in one of its members, with the member's name and
    its type's. A list has as many elements as there are texts.
    """
    if isinstance(shape, StringShape):
        yield texts[0], shape.name
    if isinstance(shape, ListShape):
        for inner in zip(*(filled(shape.member, (text,), depth) for text in texts), strict=True):
            yield [value for value, _ in inner], inner[0][1]
    if isinstance(shape, StructureShape) and depth < 8:
        for name, member in shape.members.items():
            for value, kind in filled(member, texts, depth + 1):
                yield {name: value}, f"{name if isinstance(member, StringShape) else ''} {kind}".strip()


def path_of(text: str, part: Any) -> str:
    """Where the text is in a record, as the table spells it."""
    if part == text:
        return ""
    elements = part.items() if isinstance(part, dict) else [("", one) for one in part] if isinstance(part, list) else []
    for name, value in elements:
        if (inner := path_of(text, value)) or value == text:
            if name in ("", "items", "item", "content") or name.endswith(("Request", "Req", "Response")):
                return inner or "."
            return f"{name[:1].lower()}{name[1:]}" + (f".{inner}" if inner not in ("", ".") else "")
    return ""


@cache
def members_of(event_name: str, texts: tuple[str, ...] = IDS[:1]) -> dict[str, tuple[bool, bool]]:
    """Of every member of the call's record that can contain a text: whether it is of a type of ids, and whether the
    reader takes all the ids in it.
    """
    operation = operation_model(event_name)
    found: dict[str, tuple[bool, bool]] = {}
    for part, kind in each_record(operation, texts):
        path = path_of(texts[0], part)
        ids = named_ids(event_name, part, None)
        read = ids.on | ids.there
        there = {text for text in texts if path_of(text, part)}
        is_id = any(word.removesuffix("s").endswith("Id") for word in kind.split())
        before = found.get(path, (False, True))
        found[path] = (before[0] or is_id, before[1] and read == there)
    return found


def each_record(operation: OperationModel, texts: tuple[str, ...]) -> Iterator[tuple[Any, str]]:
    for value, kind in filled(operation.input_shape, texts):
        if value != {"DryRun": texts[0]}:
            yield request_parameters(operation, value), kind
    for value, kind in filled(operation.output_shape, texts):
        yield response_elements(operation, value, "r"), kind


def test_the_table_has_every_call_that_the_rules_match_and_no_other() -> None:
    assert sorted(MEMBERS) == EVENTS


def test_each_call_has_the_rule_that_lets_its_successes_through() -> None:
    rules = {
        name: one["Properties"]["EventPattern"]["detail"]
        for name, one in read_template()["Resources"].items()
        if one["Type"] == "AWS::Events::Rule"
    }
    expected = {
        event_name: name
        for name, detail in rules.items()
        if detail.get("errorCode") == [{"exists": False}]
        for event_name in detail["eventName"]
    }
    assert {event_name: members.rule for event_name, members in MEMBERS.items()} == expected


@pytest.mark.parametrize("event_name", EVENTS)
def test_every_member_of_the_table_is_one_of_the_models(event_name: str) -> None:
    members = MEMBERS[event_name]
    assert {*members.on, *members.there} <= set(members_of(event_name))


@pytest.mark.parametrize("texts", [IDS[:1], IDS])
@pytest.mark.parametrize("event_name", EVENTS)
def test_an_id_is_read_where_the_table_says_and_nowhere_else(event_name: str, texts: tuple[str, ...]) -> None:
    named = {*MEMBERS[event_name].on, *MEMBERS[event_name].there}
    read = {path for path, (_, is_read) in members_of(event_name, texts).items() if is_read}
    assert read == named


@pytest.mark.parametrize("event_name", EVENTS)
def test_every_member_with_an_id_names_what_the_call_was_on_or_something_else_for_a_reason(event_name: str) -> None:
    named = {*MEMBERS[event_name].on, *MEMBERS[event_name].there}
    ids = {path for path, (is_id, _) in members_of(event_name).items() if is_id}
    assert not [path for path in sorted(ids - named) if not reasons_for(event_name, path)]


@pytest.mark.parametrize(
    "vpc_id",
    [
        None,
        7,
        True,
        "vpc-1",
        f" {IDS[0]}",
        {},
        [],
        {"item": {"item": {"item": IDS[0]}}},
        {"value": IDS[0]},
        [[IDS[0]]],
        {"items": [{"vpcId": IDS[0]}]},
    ],
)
def test_what_no_style_writes_is_not_read(vpc_id: object) -> None:
    for request in ({"vpcId": vpc_id}, {"DeleteVpcRequest": {"VpcId": vpc_id}}, {"x": {"vpcId": IDS[0]}}, vpc_id):
        assert named_ids("DeleteVpc", request, None) == Named()


def test_a_call_that_no_rule_matches_names_nothing() -> None:
    assert named_ids("RunInstances", {"vpcId": IDS[0]}, {"vpcId": IDS[0]}) == Named()


def test_no_reason_is_left_over() -> None:
    unread = [
        (event_name, path)
        for event_name in EVENTS
        for path, (is_id, _) in members_of(event_name).items()
        if is_id and path not in {*MEMBERS[event_name].on, *MEMBERS[event_name].there}
    ]
    used = {reason for event_name, path in unread for reason in reasons_for(event_name, path)}
    assert set(ELSEWHERE) == used


def reasons_for(event_name: str, path: str) -> list[str]:
    return [pattern for pattern in ELSEWHERE if fnmatchcase(f"{event_name} {path}", pattern)]
