"""Which resources a call was on: the members of its CloudTrail record in which AWS's model puts their ids.

Nothing else of a record is searched for ids. Tags, descriptions, tokens, policies and the targets of routes and rules
are whatever the caller wrote; an id there says nothing about what was changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lifeline.core.requests.fields import is_resource_id

TAGGING = frozenset({"CreateTags", "DeleteTags"})
_PEERING = "vpcPeeringConnection"
_PEERS = f"{_PEERING}.requesterVpcInfo.vpcId {_PEERING}.accepterVpcInfo.vpcId"
_ATTACHED = "transitGatewayVpcAttachment"
_ATTACHED_TO = f"transitGatewayAttachmentId {_ATTACHED}.vpcId"
_ATTACHMENT = f"{_ATTACHED}.transitGatewayAttachmentId {_ATTACHED}.transitGatewayId {_ATTACHED}.subnetIds"
_RESOLVED = "ipamPrefixListResolverTarget"
_TRANSIT_TABLE = "transitGatewayRouteTableId"
# Names as CloudTrail spells them, the first letter in lower case, without the wrappers of requests, responses and
# lists. A test holds the table against botocore's model of EC2 and the template's rules.
type _Rows = tuple[tuple[str, str, str], ...]
"""Calls; the members that tell the VPC; those that only tell what changed there."""
_ROUTING: _Rows = (
    ("CreateRoute ReplaceRoute DeleteRoute DeleteRouteTable", "routeTableId", ""),
    ("CreateRouteTable", "vpcId", "routeTable.routeTableId"),
    ("AssociateRouteTable", "routeTableId subnetId", ""),
    ("DisassociateRouteTable", "associationId", ""),
    ("ReplaceRouteTableAssociation", "routeTableId associationId newAssociationId", ""),
    ("EnableVgwRoutePropagation DisableVgwRoutePropagation", "routeTableId", "gatewayId"),
    ("EnableRouteServerPropagation DisableRouteServerPropagation", "routeTableId", "routeServerId"),
    ("AssociateRouteServer DisassociateRouteServer", "vpcId", "routeServerId"),
    ("CreateRouteServer", "routeServer.routeServerId", ""),
    ("ModifyRouteServer DeleteRouteServer", "routeServerId", ""),
    ("CreateRouteServerEndpoint", "subnetId routeServerEndpoint.vpcId", "routeServerEndpoint.routeServerEndpointId"),
    ("DeleteRouteServerEndpoint", "routeServerEndpointId routeServerEndpoint.vpcId", "routeServerEndpoint.subnetId"),
    ("CreateRouteServerPeer", "routeServerEndpointId routeServerPeer.vpcId", "routeServerPeer.subnetId"),
    ("DeleteRouteServerPeer", "routeServerPeerId routeServerPeer.vpcId", "routeServerPeer.subnetId"),
    ("CreateVpc CreateDefaultVpc", "vpc.vpcId", ""),
    ("DeleteVpc AssociateVpcCidrBlock DisassociateVpcCidrBlock", "vpcId", ""),
    ("CreateSubnet", "vpcId subnet.vpcId", "subnet.subnetId"),
    ("CreateDefaultSubnet", "subnet.vpcId", "subnet.subnetId"),
    ("DeleteSubnet ModifySubnetAttribute AssociateSubnetCidrBlock DisassociateSubnetCidrBlock", "subnetId", ""),
)
_GATEWAY: _Rows = (
    ("CreateVpcBlockPublicAccessExclusion", "vpcId subnetId", "vpcBlockPublicAccessExclusion.exclusionId"),
    ("ModifyVpcBlockPublicAccessExclusion DeleteVpcBlockPublicAccessExclusion", "exclusionId", ""),
    ("ModifyVpcBlockPublicAccessOptions", "", ""),
    ("CreateInternetGateway", "internetGateway.internetGatewayId", ""),
    ("AttachInternetGateway DetachInternetGateway", "vpcId", "internetGatewayId"),
    ("DeleteInternetGateway", "internetGatewayId", ""),
    ("CreateEgressOnlyInternetGateway", "vpcId", "egressOnlyInternetGateway.egressOnlyInternetGatewayId"),
    ("DeleteEgressOnlyInternetGateway", "egressOnlyInternetGatewayId", ""),
    ("CreateCarrierGateway", "vpcId carrierGateway.vpcId", "carrierGateway.carrierGatewayId"),
    ("DeleteCarrierGateway", "carrierGatewayId carrierGateway.vpcId", ""),
    ("CreateNatGateway", "vpcId subnetId natGateway.vpcId", "natGateway.natGatewayId"),
    ("DeleteNatGateway AssociateNatGatewayAddress DisassociateNatGatewayAddress", "natGatewayId", ""),
    ("AssignPrivateNatGatewayAddress UnassignPrivateNatGatewayAddress", "natGatewayId", ""),
    ("CreateVpnGateway", "vpnGateway.vpnGatewayId", ""),
    ("AttachVpnGateway DetachVpnGateway", "vpcId", "vpnGatewayId"),
    ("DeleteVpnGateway", "vpnGatewayId", ""),
    ("CreateVpnConnection", "vpnGatewayId transitGatewayId", ""),
    ("DeleteVpnConnection CreateVpnConnectionRoute DeleteVpnConnectionRoute", "vpnConnectionId", ""),
    ("ModifyVpnConnection", "vpnConnectionId vpnGatewayId transitGatewayId", ""),
    ("ModifyVpnConnectionOptions ModifyVpnTunnelOptions", "vpnConnectionId", ""),
    ("CreateVpcPeeringConnection", f"vpcId peerVpcId {_PEERS}", f"{_PEERING}.vpcPeeringConnectionId"),
    ("AcceptVpcPeeringConnection", f"vpcPeeringConnectionId {_PEERS}", ""),
    ("RejectVpcPeeringConnection DeleteVpcPeeringConnection", "vpcPeeringConnectionId", ""),
    ("ModifyVpcPeeringConnectionOptions", "vpcPeeringConnectionId", ""),
    ("CreateLocalGatewayRoute ModifyLocalGatewayRoute DeleteLocalGatewayRoute", "localGatewayRouteTableId", ""),
    ("CreateLocalGatewayRouteTableVpcAssociation", "vpcId", ""),
    ("DeleteLocalGatewayRouteTableVpcAssociation", "localGatewayRouteTableVpcAssociation.vpcId", ""),
)
# A route there is for whoever uses its table, not for the attachment that it leads to.
_TRANSIT: _Rows = (
    ("CreateTransitGatewayVpcAttachment", f"vpcId {_ATTACHED}.vpcId", f"subnetIds {_ATTACHMENT}"),
    ("ModifyTransitGatewayVpcAttachment", _ATTACHED_TO, f"addSubnetIds removeSubnetIds {_ATTACHMENT}"),
    ("AcceptTransitGatewayVpcAttachment RejectTransitGatewayVpcAttachment", _ATTACHED_TO, _ATTACHMENT),
    ("DeleteTransitGatewayVpcAttachment", _ATTACHED_TO, _ATTACHMENT),
    ("AssociateTransitGatewayRouteTable", "transitGatewayAttachmentId association.resourceId", ""),
    ("DisassociateTransitGatewayRouteTable", "transitGatewayAttachmentId association.resourceId", ""),
    ("CreateTransitGatewayRoute ReplaceTransitGatewayRoute DeleteTransitGatewayRoute", _TRANSIT_TABLE, ""),
    ("EnableTransitGatewayRouteTablePropagation DisableTransitGatewayRouteTablePropagation", _TRANSIT_TABLE, ""),
    ("CreateTransitGatewayPrefixListReference ModifyTransitGatewayPrefixListReference", _TRANSIT_TABLE, ""),
    ("DeleteTransitGatewayPrefixListReference", _TRANSIT_TABLE, ""),
)
_ENDPOINT: _Rows = (
    ("CreateVpcEndpoint", "vpcId vpcEndpoint.vpcId", "vpcEndpoint.vpcEndpointId"),
    ("ModifyVpcEndpoint DeleteVpcEndpoints", "vpcEndpointId", ""),
    ("AcceptVpcEndpointConnections RejectVpcEndpointConnections", "vpcEndpointId transitGatewayAttachmentId", ""),
    ("ModifyVpcEndpointServiceConfiguration DeleteVpcEndpointServiceConfigurations", "serviceId", ""),
    ("ModifyVpcEndpointServicePermissions", "serviceId", ""),
    ("ModifyVpcAttribute", "vpcId", ""),
    ("AssociateDhcpOptions", "vpcId", "dhcpOptionsId"),
    ("CreateDhcpOptions", "dhcpOptions.dhcpOptionsId", ""),
    ("DeleteDhcpOptions", "dhcpOptionsId", ""),
    ("CreateVpcEncryptionControl", "vpcId vpcEncryptionControl.vpcId", ""),
    ("ModifyVpcEncryptionControl DeleteVpcEncryptionControl", "vpcEncryptionControl.vpcId", ""),
)
_FILTER: _Rows = (
    ("AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress", "groupId securityGroupRuleSet.groupId", ""),
    ("RevokeSecurityGroupIngress RevokeSecurityGroupEgress", "groupId revokedSecurityGroupRuleSet.groupId", ""),
    ("ModifySecurityGroupRules DeleteSecurityGroup", "groupId", ""),
    ("AssociateSecurityGroupVpc DisassociateSecurityGroupVpc", "vpcId", "groupId"),
    ("CreateNetworkAclEntry ReplaceNetworkAclEntry DeleteNetworkAclEntry DeleteNetworkAcl", "networkAclId", ""),
    ("ReplaceNetworkAclAssociation", "networkAclId associationId newAssociationId", ""),
    ("CreateManagedPrefixList", "prefixList.prefixListId", ""),
    ("ModifyManagedPrefixList RestoreManagedPrefixListVersion DeleteManagedPrefixList", "prefixListId", ""),
    ("CreateIpamPrefixListResolver ModifyIpamPrefixListResolver DeleteIpamPrefixListResolver", "", ""),
    ("CreateIpamPrefixListResolverTarget", "prefixListId", ""),
    ("ModifyIpamPrefixListResolverTarget DeleteIpamPrefixListResolverTarget", f"{_RESOLVED}.prefixListId", ""),
)
# Instances and interfaces count where a route leads to them.
_INTERFACE: _Rows = (
    ("AttachNetworkInterface", "networkInterfaceId instanceId", ""),
    ("DeleteNetworkInterface ResetNetworkInterfaceAttribute", "networkInterfaceId", ""),
    ("DetachNetworkInterface", "attachmentId", ""),
    ("ModifyNetworkInterfaceAttribute", "networkInterfaceId", ""),
    ("ModifyInstanceAttribute ResetInstanceAttribute", "instanceId", ""),
)
_TAG: _Rows = (("CreateTags DeleteTags", "resourcesSet.resourceId", ""),)
_OF_RULES = {
    "RoutingRule": _ROUTING,
    "GatewayRule": _GATEWAY,
    "TransitRule": _TRANSIT,
    "EndpointRule": _ENDPOINT,
    "FilterRule": _FILTER,
    "InterfaceRule": _INTERFACE,
    "TagRule": _TAG,
}


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a call's record that contain ids: of what the call was on, and of what it changed there. `rule` is
    that of the template which lets the call through where it succeeded.
    """

    on: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    rule: str = ""


MEMBERS: Mapping[str, Members] = {
    event_name: Members(tuple(on.split()), tuple(there.split()), rule)
    for rule, rows in _OF_RULES.items()
    for event_names, on, there in rows
    for event_name in event_names.split()
}
_LISTS = ("items", "item", "content")  # how the older style wraps lists, the newer in responses, and in requests
_WRAPPERS = ("Request", "Req", "Response", "Resp")


@dataclass(frozen=True, slots=True)
class Named:
    """The ids that a record names: of what the call was on, and of what it changed there."""

    on: frozenset[str] = frozenset()
    there: frozenset[str] = frozenset()


def named_ids(event_name: str, request: object, response: object) -> Named:
    """The ids in a record's request and response, none for a call that isn't in the table."""
    members = MEMBERS.get(event_name, Members())

    def ids_at(paths: tuple[str, ...]) -> frozenset[str]:
        found = (text for path in paths for part in (request, response) for text in texts_at(part, path))
        return frozenset(filter(is_resource_id, found))

    return Named(ids_at(members.on), ids_at(members.there))


def texts_at(part: object, path: str) -> Iterator[str]:
    """The texts at a path such as `vpcEndpoint.vpcId` in a record's request or response, in either style."""
    values = [_unwrapped(part)]
    for name in path.split("."):
        names = (name, name[:1].upper() + name[1:])
        values = [
            inner
            for value in values
            if isinstance(value, Mapping)
            for spelling in names
            if spelling in value
            for inner in _elements(value[spelling])
        ]
    yield from (value for value in values if isinstance(value, str))


def _unwrapped(part: object) -> object:
    """What a request or response contains. The newer style wraps it: `{"CreateVpcEndpointRequest": {…}}`."""
    if isinstance(part, Mapping) and len(part) == 1:
        ((name, inner),) = part.items()
        if str(name).endswith(_WRAPPERS) and isinstance(inner, Mapping):
            return inner
    return part


def _elements(value: object) -> list[object]:
    """The elements of a list, however the style writes it; a value that is no list is its own only element."""
    inner = _without(value, _LISTS)
    return [_without(element, ("content",)) for element in inner] if isinstance(inner, list) else [inner]


def _without(value: object, wrappers: tuple[str, ...]) -> object:
    """What is in a wrapper. The newer style's requests number the scalars of a list: `{"tag": 1, "content": …}`."""
    found = [value[name] for name in wrappers if name in value] if isinstance(value, Mapping) else []
    return found[0] if found else value
