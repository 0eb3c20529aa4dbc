"""A plausible request and response for any EC2 operation, filled in from botocore's model.

Everything belongs to one imagined network, with fixed ids: the VPC is always the same VPC, the subnet its subnet. The
output is for examples and for code that must cope with every event name; it is not evidence of what EC2 returns.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, OperationModel, Shape, StringShape, StructureShape

ACCOUNT = "123456789012"
REGION = "us-east-1"

_MOMENT = datetime(2026, 3, 2, 9, 24, 20, tzinfo=UTC)
_DEPTH = 3  # deeper structures say nothing new, and some are recursive

_PREFIXES = {
    "Vpc": "vpc",
    "Subnet": "subnet",
    "RouteTable": "rtb",
    "InternetGateway": "igw",
    "EgressOnlyInternetGateway": "eigw",
    "CarrierGateway": "cagw",
    "NatGateway": "nat",
    "VpnGateway": "vgw",
    "VpnConnection": "vpn",
    "CustomerGateway": "cgw",
    "LocalGatewayRouteTable": "lgw-rtb",
    "LocalGatewayRouteTableVpcAssociation": "lgw-vpc-assoc",
    "LocalGatewayVirtualInterfaceGroup": "lgw-vif-grp",
    "LocalGateway": "lgw",
    "TransitGateway": "tgw",
    "TransitGatewayAttachment": "tgw-attach",
    "TransitGatewayRouteTable": "tgw-rtb",
    "VpcPeeringConnection": "pcx",
    "VpcEndpoint": "vpce",
    "VpcEndpointService": "vpce-svc",
    "Service": "vpce-svc",
    "SecurityGroup": "sg",
    "Group": "sg",
    "SecurityGroupRule": "sgr",
    "NetworkAcl": "acl",
    "NetworkInterface": "eni",
    "DhcpOptions": "dopt",
    "PrefixList": "pl",
    "DestinationPrefixList": "pl",
    "Instance": "i",
    "Allocation": "eipalloc",
    "RouteServer": "rs",
    "RouteServerEndpoint": "rse",
    "RouteServerPeer": "rsp",
    "Exclusion": "vpcbpa-exclude",
    "VpcEncryptionControl": "vpcec",
    "Attachment": "eni-attach",
    "Ipam": "ipam",
    "IpamPrefixListResolver": "ipam-prefix-list-resolver",
    "IpamPrefixListResolverTarget": "ipam-prefix-list-resolver-target",
    "Volume": "vol",
    "Snapshot": "snap",
    "Image": "ami",
}
_ASSOCIATION_PREFIXES = {
    "RouteTable": "rtbassoc",
    "NetworkAcl": "aclassoc",
    "VpcCidrBlock": "vpc-cidr-assoc",
    "SubnetCidrBlock": "subnet-cidr-assoc",
    "NatGateway": "eipassoc",
}
_TEXTS = {
    "AvailabilityZone": f"{REGION}a",
    "AvailabilityZoneId": "use1-az1",
    "CidrBlock": "10.0.0.0/16",
    "DestinationCidrBlock": "0.0.0.0/0",
    "TransitGatewayRouteDestination": "0.0.0.0/0",
    "CidrIp": "10.0.0.0/16",
    "CidrIpv4": "10.0.0.0/16",
    "Ipv6CidrBlock": "2001:db8:1234:1a00::/64",
    "IpProtocol": "tcp",
    "Protocol": "-1",
    "GroupName": "endpoints",
    "PrefixListRegion": REGION,
    "PrefixListName": "partners",
    "PrivateIpAddress": "10.0.1.10",
    "PeerAddress": "10.0.1.20",
    "OwnerId": ACCOUNT,
    "Region": REGION,
    "ServiceName": f"com.amazonaws.{REGION}.monitoring",
    "Type": "ipsec.1",
    "Origin": "CreateRoute",
}
_STATES = ("available", "associated", "active", "attached", "enabled", "update-complete")
_EMPTY = (
    "Tags",
    "Unsuccessful",
    "UnknownIpPermissions",
    "Attachments",
    "Associations",
)  # lists that say that there is nothing more to say

# The optional members without which a request would change nothing, or would say nothing.
_ALSO: dict[str, tuple[str, ...]] = {
    "CreateRoute": ("DestinationCidrBlock", "GatewayId"),
    "ReplaceRoute": ("DestinationCidrBlock", "NatGatewayId"),
    "DeleteRoute": ("DestinationCidrBlock",),
    "AssociateRouteTable": ("SubnetId",),
    "CreateVpc": ("CidrBlock",),
    "AssociateVpcCidrBlock": ("CidrBlock",),
    "ModifyVpcAttribute": ("EnableDnsHostnames",),
    "CreateSubnet": ("CidrBlock", "AvailabilityZone"),
    "CreateDefaultSubnet": ("AvailabilityZone",),
    "ModifySubnetAttribute": ("MapPublicIpOnLaunch",),
    "AssociateSubnetCidrBlock": ("Ipv6CidrBlock",),
    "CreateVpcBlockPublicAccessExclusion": ("VpcId",),
    "CreateNatGateway": ("SubnetId", "AllocationId", "ConnectivityType"),
    "ModifyNetworkInterfaceAttribute": ("SourceDestCheck",),
    "ResetNetworkInterfaceAttribute": ("SourceDestCheck",),
    "ModifyInstanceAttribute": ("SourceDestCheck",),
    "CreateVpnConnection": ("VpnGatewayId",),
    "ModifyVpnConnection": ("VpnGatewayId",),
    "ModifyVpnConnectionOptions": ("RemoteIpv4NetworkCidr",),
    "CreateVpcPeeringConnection": ("VpcId", "PeerVpcId"),
    "ModifyVpcPeeringConnectionOptions": ("RequesterPeeringConnectionOptions",),
    "ModifyTransitGatewayVpcAttachment": ("AddSubnetIds",),
    "CreateTransitGatewayRoute": ("TransitGatewayAttachmentId",),
    "ReplaceTransitGatewayRoute": ("TransitGatewayAttachmentId",),
    "EnableTransitGatewayRouteTablePropagation": ("TransitGatewayAttachmentId",),
    "DisableTransitGatewayRouteTablePropagation": ("TransitGatewayAttachmentId",),
    "CreateTransitGatewayPrefixListReference": ("TransitGatewayAttachmentId",),
    "ModifyTransitGatewayPrefixListReference": ("TransitGatewayAttachmentId",),
    "CreateVpcEndpoint": ("VpcEndpointType", "ServiceName", "SubnetIds", "SecurityGroupIds", "PrivateDnsEnabled"),
    "ModifyVpcEndpoint": ("AddSubnetIds",),
    "ModifyVpcEndpointServiceConfiguration": ("PrivateDnsName",),
    "ModifyVpcEndpointServicePermissions": ("AddAllowedPrincipals",),
    "AuthorizeSecurityGroupIngress": ("GroupId", "IpPermissions"),
    "AuthorizeSecurityGroupEgress": ("IpPermissions",),
    "RevokeSecurityGroupIngress": ("GroupId", "IpPermissions"),
    "RevokeSecurityGroupEgress": ("IpPermissions",),
    "DeleteSecurityGroup": ("GroupId",),
    "CreateNetworkAclEntry": ("CidrBlock",),
    "ReplaceNetworkAclEntry": ("CidrBlock",),
    "ModifyManagedPrefixList": ("CurrentVersion", "AddEntries"),
    "ModifyVpcEncryptionControl": ("Mode",),
    "DeleteTags": ("Tags",),
}

# Requests that the rules below would fill with nonsense.
_VALUES: dict[tuple[str, str], Any] = {
    ("CreateRoute", "GatewayId"): "igw-0123456789abcdef0",
    ("CreateVpcEndpoint", "VpcEndpointType"): "Interface",
    ("CreateVpcEndpoint", "PrivateDnsEnabled"): True,
    ("CreateNatGateway", "ConnectivityType"): "public",
    ("CreateManagedPrefixList", "AddressFamily"): "IPv4",
    ("AttachNetworkInterface", "DeviceIndex"): 1,
    ("ModifyInstanceAttribute", "SourceDestCheck"): {"Value": True},
    ("ResetInstanceAttribute", "Attribute"): "sourceDestCheck",
    ("ResetNetworkInterfaceAttribute", "SourceDestCheck"): "true",
    ("ModifyVpnTunnelOptions", "VpnTunnelOutsideIpAddress"): "203.0.113.17",
    ("ModifyVpnTunnelOptions", "TunnelOptions"): {"StartupAction": "start"},
    ("CreateDhcpOptions", "DhcpConfigurations"): [{"Key": "domain-name-servers", "Values": ["10.0.0.2"]}],
    ("CreateSubnet", "CidrBlock"): "10.0.1.0/24",
    ("AssociateVpcCidrBlock", "CidrBlock"): "10.1.0.0/16",
    ("CreateTags", "Resources"): ["subnet-0123456789abcdef0"],
    ("CreateTags", "Tags"): [{"Key": "lifeline:ignore", "Value": "true"}],
    ("DeleteTags", "Resources"): ["subnet-0123456789abcdef0"],
    ("DeleteTags", "Tags"): [{"Key": "lifeline:ignore"}],
}

# What an answer contains of a structure whose members exclude each other, or come only later …
_KEPT = {
    "NatGateway": "NatGatewayId VpcId SubnetId State ConnectivityType CreateTime NatGatewayAddresses Tags",
    "NatGatewayAddress": "AllocationId IsPrimary Status",
    "RevokedSecurityGroupRule": "SecurityGroupRuleId GroupId IsEgress IpProtocol FromPort ToPort CidrIpv4",
    "Route": "DestinationCidrBlock GatewayId State Origin",
    "SecurityGroupRule": "SecurityGroupRuleId GroupId GroupOwnerId IsEgress IpProtocol FromPort ToPort CidrIpv4",
    "TransitGatewayVpcAttachment": (
        "TransitGatewayAttachmentId TransitGatewayId VpcId VpcOwnerId State SubnetIds CreationTime"
    ),
    "VpcEndpoint": (
        "VpcEndpointId VpcEndpointType VpcId ServiceName State SubnetIds Groups IpAddressType PrivateDnsEnabled"
        " RequesterManaged NetworkInterfaceIds CreationTimestamp OwnerId Tags"
    ),
    "VpcPeeringConnection": "VpcPeeringConnectionId RequesterVpcInfo AccepterVpcInfo Status Tags",
    "VpcPeeringConnectionVpcInfo": "OwnerId VpcId Region",
    "VpnConnection": "VpnConnectionId State Type Category CustomerGatewayId VpnGatewayId Tags",
    "VpnGateway": "VpnGatewayId State Type VpcAttachments AmazonSideAsn",
}
# … and what it says in a structure, or to a call; nothing for None.
_PEER = "vpc-f8e772465499a50b3"  # that of the request
_ANSWERS: dict[tuple[str, str], Any] = {
    ("CreateVpcPeeringConnection", "AccepterVpcInfo"): {"OwnerId": ACCOUNT, "VpcId": _PEER, "Region": REGION},
    ("AuthorizeSecurityGroupEgress", "IsEgress"): True,
    ("RevokeSecurityGroupEgress", "IsEgress"): True,
    ("NatGatewayAddress", "IsPrimary"): True,
    ("NatGatewayAddress", "Status"): "associating",
    ("Route", "DestinationCidrBlock"): "10.0.0.0/16",
    ("Route", "GatewayId"): "local",
    ("Route", "Origin"): "CreateRouteTable",
    ("Subnet", "State"): "available",
    ("VpnConnection", "Category"): "VPN",
    ("VpnGateway", "AmazonSideAsn"): 64512,
    ("ModifyVpnConnection", "State"): "pending",
    ("ModifyVpnConnectionOptions", "State"): "pending",
    ("ModifyVpnTunnelOptions", "State"): "pending",
    ("VpnGateway", "State"): "available",
    ("VpnGateway", "VpcAttachments"): [],
    **{
        (rule, port): 443
        for rule in ("SecurityGroupRule", "RevokedSecurityGroupRule")
        for port in ("FromPort", "ToPort")
    },
}
_STATES_AFTER = {
    "Create": ("pending", "create-in-progress"),
    "Delete": ("deleting", "delete-in-progress"),
    "Modify": ("modifying", "modify-in-progress"),
    "Attach": ("attaching",),
    "Disassociate": ("disassociating",),
}


def example_request(operation: OperationModel) -> dict[str, Any]:
    """What a caller might ask: the required members, and the optional ones that give the call a purpose."""
    shape = operation.input_shape
    if not isinstance(shape, StructureShape):
        return {}
    wanted = (*shape.required_members, *_ALSO.get(operation.name, ()))
    request = {
        name: _VALUES.get(
            (operation.name, name), _plausible(operation.name, name, shape.members[name], 0, required=True)
        )
        for name in wanted
    }
    return _with_an_address(request) if "IpPermissions" in request else request


def example_response(operation: OperationModel) -> dict[str, Any]:
    """What EC2 might answer to it: ids, states and addresses; nothing that could only be invented."""
    answer = _plausible(operation.name, "", operation.output_shape, 0, required=False)
    asked = {name: value for name, value in example_request(operation).items() if isinstance(value, str | bool)}
    return _echoed(answer, asked) if isinstance(answer, dict) else {}


def _echoed(value: Any, asked: dict[str, Any]) -> Any:
    """The answer with what the request asked for, wherever it has a member of the same name."""
    if isinstance(value, list):
        return [_echoed(item, asked) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _echoed(inner, asked) if isinstance(inner, dict | list) else asked.get(name, inner)
        for name, inner in value.items()
    }


def _with_an_address(request: dict[str, Any]) -> dict[str, Any]:
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    return request | {"IpPermissions": [https]}


def _plausible(operation: str, name: str, shape: Shape | None, depth: int, *, required: bool) -> Any:
    """A value, or None where only an invention would do (an empty one, if it is required)."""
    if isinstance(shape, StructureShape):
        return _structure(operation, shape, depth, required=required)
    if isinstance(shape, ListShape):
        return _list(operation, name, shape, depth, required=required)
    if isinstance(shape, StringShape):
        return _text(operation, name, shape) or ("example" if required else None)
    return _scalar(name, shape.type_name if shape else "", required=required)


def _scalar(name: str, kind: str, *, required: bool) -> Any:
    match kind:
        case "boolean":
            return name in ("Return", "ReturnValue", "ReturnCode", "Value", "Main") or required
        case "timestamp":
            return _MOMENT
        case "integer" | "long" if required:
            return 64512 if "Asn" in name else 100
        case _:
            return None


def _structure(operation: str, shape: StructureShape, depth: int, *, required: bool) -> dict[str, Any] | None:
    if depth > _DEPTH:
        return None
    members: list[str] = list(shape.required_members or shape.members) if required else list(shape.members)
    if not required and shape.name in _KEPT:
        members = _KEPT[shape.name].split()
    said = (
        {}
        if required
        else {
            name: value for inside in (shape.name, operation) for (of, name), value in _ANSWERS.items() if of == inside
        }
    )
    filled = {
        name: said[name]
        if name in said
        else _plausible(operation, name, shape.members[name], depth + 1, required=required)
        for name in members
    }
    return {name: value for name, value in filled.items() if value is not None} or None


def _list(operation: str, name: str, shape: ListShape, depth: int, *, required: bool) -> list[Any] | None:
    if name in _EMPTY and not required:
        return []
    item = _plausible(operation, _singular(name), shape.member, depth, required=required)
    return None if item is None else [item]


def _text(operation: str, name: str, shape: StringShape) -> str | None:
    if name in _TEXTS and not shape.enum:
        return _TEXTS[name]
    if shape.enum:
        verb = re.match("[A-Z][a-z]+", operation)
        after = _STATES_AFTER.get(verb[0], ()) if verb and name == "State" else ()
        return next((state for state in (*after, *_STATES) if state in shape.enum), shape.enum[0])
    if name in ("State", "Code"):
        return "available"
    if name.endswith("Arn"):
        return f"arn:aws:ec2:{REGION}:{ACCOUNT}:{_dashed(name.removesuffix('Arn'))}/{_id(_dashed(name))}"
    if name.endswith(("Cidr", "CidrBlock")):
        return "10.0.0.0/16"
    return _id_named(operation, name) if name.endswith("Id") else None


def _id_named(operation: str, name: str) -> str | None:
    kind = name.removesuffix("Id")
    if kind in ("Association", "NewAssociation"):
        return _id(next((prefix for what, prefix in _ASSOCIATION_PREFIXES.items() if what in operation), "eipassoc"))
    if kind == "Gateway":
        return _id("vgw")
    for known in sorted(_PREFIXES, key=len, reverse=True):
        if kind.endswith(known):
            return _id(_PREFIXES[known], salt=kind.removesuffix(known))
    return None


def _id(prefix: str, *, salt: str = "") -> str:
    """The one id with this prefix; another one for each `salt`, as in `PeerVpcId`."""
    if not salt or salt in ("Add", "Remove", "Associated"):
        return f"{prefix}-0123456789abcdef0"
    return f"{prefix}-{hashlib.sha256(salt.encode()).hexdigest()[:17]}"


def _singular(name: str) -> str:
    return name.removesuffix("Set").removesuffix("s")


def _dashed(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
