"""EC2's dicts become values, member by member. Nothing else in Lifeline knows how EC2 spells things."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from lifeline.adapters.aws.calls import tags_of
from lifeline.core.network.dns import usual_first
from lifeline.core.network.model import (
    RULE_WORDS,
    AclEntry,
    BlockMode,
    Endpoint,
    EndpointState,
    EndpointType,
    Interface,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Route,
    RouteTable,
    Rule,
    SecurityGroup,
    Service,
    Subnet,
    TargetKind,
    Vpc,
)
from lifeline.core.network.priority import in_force
from lifeline.core.network.tiers import covers

# The Region's code and a letter; those of Local and Wavelength Zones name a place, too (EC2 guide: Regions and Zones).
_AVAILABILITY_ZONE = re.compile(r"([a-z]+-)+[0-9]+[a-z]")


def vpc_of(described: dict[str, Any]) -> Vpc:
    """A VPC without its contents, with every block that is associated or about to be."""
    return Vpc(
        id=described["VpcId"],
        cidrs=tuple(sorted(set(_blocks(described, "CidrBlock") or [described["CidrBlock"]]))),
        ipv6_cidrs=tuple(sorted(set(_blocks(described, "Ipv6CidrBlock")))),
        owner_id=described.get("OwnerId", ""),
        tags=tags_of(described),
    )


def subnet_of(described: dict[str, Any], zone_types: dict[str, str], stranded: Collection[str] = ()) -> Subnet:
    """A subnet; `stranded` are those that are, by id. Where its zone isn't listed, the zone's name says whether it is
    an ordinary one.
    """
    blocked = described.get("BlockPublicAccessStates", {}).get("InternetGatewayBlockMode", "off")
    zone = described.get("AvailabilityZone", "")
    return Subnet(
        id=described["SubnetId"],
        zone=zone,
        zone_id=described.get("AvailabilityZoneId", ""),
        cidr="" if described.get("Ipv6Native") else described.get("CidrBlock", ""),
        ipv6_cidrs=tuple(sorted(_blocks(described, "Ipv6CidrBlock"))),
        zone_type=zone_types.get(zone) or ("availability-zone" if _AVAILABILITY_ZONE.fullmatch(zone) else "other"),
        free_addresses=int(described.get("AvailableIpAddressCount", 0)),
        owner_id=described.get("OwnerId", ""),
        state=described.get("State", "available"),
        outpost_arn=described.get("OutpostArn", ""),
        block_mode=BlockMode(blocked) if blocked in set(BlockMode) else BlockMode.OFF,
        dns64=bool(described.get("EnableDns64")),
        is_stranded=described["SubnetId"] in stranded,
        has_private_ipv6={one.get("Ipv6AddressAttribute") for one in _live(described, "Ipv6CidrBlock")} == {"private"},
        tags=tags_of(described),
    )


def _blocks(described: dict[str, Any], family: str) -> list[str]:
    return [entry[family] for entry in _live(described, family)]


def _live(described: dict[str, Any], family: str) -> list[dict[str, Any]]:
    """What describes the blocks of a family that are associated or about to be."""
    return [
        entry
        for entry in described.get(f"{family}AssociationSet", [])
        if entry.get(f"{family}State", {}).get("State", "associated") in {"associated", "associating"}
    ]


_LIVE_ASSOCIATIONS = frozenset({"associated", "associating", "disassociating"})


def route_table_of(described: dict[str, Any], lists: dict[str, tuple[str, ...]]) -> RouteTable:
    """A route table. Edge associations (`GatewayId`) are no subnet's (EC2 API: RouteTableAssociation)."""
    live = [
        entry
        for entry in described.get("Associations", [])
        if entry.get("AssociationState", {}).get("State", "associated") in _LIVE_ASSOCIATIONS
    ]
    return RouteTable(
        id=described["RouteTableId"],
        is_main=any(entry.get("Main") for entry in live),
        subnet_ids=frozenset(entry["SubnetId"] for entry in live if entry.get("SubnetId")),
        routes=tuple(in_force(sorted((_rank(one), _route(one, lists)) for one in _obeyed(described)))),
    )


# Of routes that a gateway or a route server brings, Origin says so (EC2 API: Route).
_BY_GATEWAY = "EnableVgwRoutePropagation"
_PROPAGATED = frozenset({_BY_GATEWAY, "Advertisement"})


def _obeyed(described: dict[str, Any]) -> list[dict[str, Any]]:
    """The routes without those that a VPN connection or Direct Connect propagates for a part of the VPC: its local
    route goes before them, however specific they are (VPN guide: route priority).
    """
    routes: list[dict[str, Any]] = described.get("Routes", [])
    local = [cidr for one in routes if one.get("GatewayId") == "local" and (cidr := cidr_of(one))]
    theirs = {cidr for one in routes if one.get("Origin") == _BY_GATEWAY and (cidr := cidr_of(one))}
    idle = {cidr for cidr in theirs if any(covers(whole, cidr) for whole in local)}
    return [one for one in routes if one.get("Origin") != _BY_GATEWAY or cidr_of(one) not in idle]


def cidr_of(described: Mapping[str, Any]) -> str:
    """The block of a route; empty if it names a prefix list."""
    return described.get("DestinationCidrBlock") or described.get("DestinationIpv6CidrBlock") or ""


def _rank(described: dict[str, Any]) -> int:
    """Which of the routes for one block goes first: a static one, then a prefix list's, then what is propagated (VPC
    guide: route priority).
    """
    if described.get("Origin") in _PROPAGATED:
        return 2
    return 1 if described.get("DestinationPrefixListId") else 0


def _route(described: dict[str, Any], lists: dict[str, tuple[str, ...]]) -> Route:
    kind, target_id = _target(described)
    prefix_list_id = described.get("DestinationPrefixListId", "")
    single = cidr_of(described)
    return Route(
        destinations=(single,) if single else lists.get(prefix_list_id, ()),
        target=kind,
        target_id=target_id,
        is_active=described.get("State", "active") == "active",
        prefix_list_id=prefix_list_id,
    )


_TARGETS = (
    ("NatGatewayId", TargetKind.NAT_GATEWAY),
    ("TransitGatewayId", TargetKind.TRANSIT_GATEWAY),
    ("VpcPeeringConnectionId", TargetKind.PEERING),
    ("EgressOnlyInternetGatewayId", TargetKind.EGRESS_ONLY_GATEWAY),
    ("CarrierGatewayId", TargetKind.CARRIER_GATEWAY),
    ("LocalGatewayId", TargetKind.LOCAL_GATEWAY),
    ("CoreNetworkArn", TargetKind.CORE_NETWORK),
    ("OdbNetworkArn", TargetKind.OTHER),
    ("NetworkInterfaceId", TargetKind.NETWORK_INTERFACE),
    ("InstanceId", TargetKind.NETWORK_INTERFACE),
)


def _target(described: dict[str, Any]) -> tuple[TargetKind, str]:
    gateway = str(described.get("GatewayId") or "")
    if gateway.startswith("vpce-"):
        listed = bool(described.get("DestinationPrefixListId"))
        return (TargetKind.GATEWAY_ENDPOINT if listed else TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT), gateway
    for prefix, kind in (
        ("local", TargetKind.LOCAL),
        ("igw-", TargetKind.INTERNET_GATEWAY),
        ("vgw-", TargetKind.VIRTUAL_PRIVATE_GATEWAY),
        ("eigw-", TargetKind.EGRESS_ONLY_GATEWAY),
    ):
        if gateway.startswith(prefix):
            return kind, gateway
    for member, kind in _TARGETS:
        if described.get(member):
            return kind, str(described[member])
    return TargetKind.OTHER, gateway


def endpoint_of(described: dict[str, Any]) -> Endpoint:
    """An endpoint. States come back in camel case, whatever the model says (PrivateLink guide: concepts)."""
    state = str(described.get("State", "")).lower()
    kind = described.get("VpcEndpointType", "")
    last_error, dns = described.get("LastError") or {}, described.get("DnsOptions") or {}
    return Endpoint(
        id=described["VpcEndpointId"],
        service_name=described.get("ServiceName", ""),
        type=EndpointType(kind) if kind in set(EndpointType) else EndpointType.OTHER,
        state=EndpointState(state) if state in set(EndpointState) else EndpointState.UNKNOWN,
        private_dns=bool(described.get("PrivateDnsEnabled")),
        ip_address_type=described.get("IpAddressType") or "ipv4",
        subnet_ids=frozenset(described.get("SubnetIds", [])),
        route_table_ids=frozenset(described.get("RouteTableIds", [])),
        security_group_ids=frozenset(group["GroupId"] for group in described.get("Groups", [])),
        requester_managed=bool(described.get("RequesterManaged")),
        failure=str(last_error.get("Message") or described.get("FailureReason") or ""),
        tags=tags_of(described),
        policy=str(described.get("PolicyDocument") or ""),
        interface_ids=frozenset(described.get("NetworkInterfaceIds", [])),
        inbound_dns_only=dns.get("PrivateDnsOnlyForInboundResolverEndpoint"),
        record_family=dns.get("DnsRecordIpType") or "",
    )


def security_group_of(described: dict[str, Any]) -> SecurityGroup:
    """A security group with its rules."""
    return SecurityGroup(
        id=described["GroupId"],
        name=described.get("GroupName", ""),
        ingress=tuple(_rule(permission) for permission in described.get("IpPermissions", [])),
        egress=tuple(_rule(permission) for permission in described.get("IpPermissionsEgress", [])),
        tags=tags_of(described),
    )


def interface_of(described: dict[str, Any], stopped: Collection[str] = ()) -> NetworkInterface:
    """A network interface with all of its private addresses, and the blocks that are delegated to it; `stopped` are
    instances that are, by id.
    """
    addresses = [entry["PrivateIpAddress"] for entry in described.get("PrivateIpAddresses", [])]
    addresses += [entry["Ipv6Address"] for entry in described.get("Ipv6Addresses", [])]
    addresses += [entry["Ipv4Prefix"] for entry in described.get("Ipv4Prefixes", [])]
    addresses += [entry["Ipv6Prefix"] for entry in described.get("Ipv6Prefixes", [])]
    first = described.get("PrivateIpAddress")
    return NetworkInterface(
        id=described["NetworkInterfaceId"],
        subnet_id=described.get("SubnetId", ""),
        addresses=tuple(sorted({*addresses, *([first] if first else [])})),
        group_ids=frozenset(group["GroupId"] for group in described.get("Groups", [])),
        kind=described.get("InterfaceType", "interface"),
        checks_source=bool(described.get("SourceDestCheck", True)),
        is_attached=_is_attached(described),
        is_stopped=described.get("Attachment", {}).get("InstanceId") in stopped,
        owner_id=described.get("OwnerId", ""),
        description=described.get("Description", ""),
        is_requester_managed=bool(described.get("RequesterManaged")),
    )


def any_interface_of(described: dict[str, Any], stopped: Collection[str] = ()) -> Interface:
    """A network interface as far as it says who uses it; `stopped` are instances that are, by id: they call nothing,
    and lose their public addresses (EC2 guide: instance IP addressing).
    """
    attached = described.get("Attachment") or {}
    is_first = bool(attached.get("InstanceId") and not attached.get("DeviceIndex"))
    kind = described.get("InterfaceType", "")
    return Interface(
        id=described["NetworkInterfaceId"],
        subnet_id=described.get("SubnetId", ""),
        kind=kind,
        description=described.get("Description", ""),
        is_attached=_is_attached(described),
        has_public_address=any(map(_is_public, (described, *described.get("PrivateIpAddresses", [])))),
        sends_publicly=_is_public(described),
        calls=kind == "lambda" or (is_first and attached["InstanceId"] not in stopped),
        is_requester_managed=bool(described.get("RequesterManaged")),
    )


def _is_attached(described: Mapping[str, Any]) -> bool:
    """True if somebody has the network interface. That of an EKS pod or an ECS task behind a trunk (`branch`) is in use
    without an attachment (EKS guide: security groups for pods; ECS guide: network interface trunking).
    """
    return str(described.get("Status")) != "available"


def _is_public(bearer: Mapping[str, Any]) -> bool:
    """True if a private address has a public IPv4 address, or a carrier's. An interface's own association is that of
    its primary one (EC2 API: NetworkInterface, NetworkInterfaceAssociation).
    """
    associated = bearer.get("Association", {})
    return bool(associated.get("PublicIp") or associated.get("CarrierIp"))


def _rule(permission: dict[str, Any]) -> Rule:
    blocks = [(entry["CidrIp"], entry) for entry in permission.get("IpRanges", [])]
    blocks += [(entry["CidrIpv6"], entry) for entry in permission.get("Ipv6Ranges", [])]
    protocol = "tcp" if str(permission.get("IpProtocol")) == "6" else str(permission.get("IpProtocol", ""))
    added = [cidr for cidr, entry in blocks if protocol == "tcp" and entry.get("Description") == RULE_WORDS]
    return Rule(
        protocol=protocol,
        from_port=int(permission.get("FromPort", 0)),
        to_port=int(permission.get("ToPort", 65535)),
        cidrs=tuple(sorted(cidr for cidr, _ in blocks)),
        groups=tuple(sorted(pair["GroupId"] for pair in permission.get("UserIdGroupPairs", []) if "GroupId" in pair)),
        prefix_lists=tuple(sorted(entry["PrefixListId"] for entry in permission.get("PrefixListIds", []))),
        added=tuple(sorted(added)),
    )


def network_acl_of(described: dict[str, Any]) -> NetworkAcl:
    """A network ACL. Rule 32767 is AWS's own last one, which denies the rest (VPC guide: network ACL rules)."""
    return NetworkAcl(
        id=described["NetworkAclId"],
        subnet_ids=frozenset(entry["SubnetId"] for entry in described.get("Associations", []) if "SubnetId" in entry),
        entries=tuple(sorted(_acl_entry(entry) for entry in described.get("Entries", []))),
    )


def _acl_entry(described: dict[str, Any]) -> AclEntry:
    ports = described.get("PortRange") or {}
    return AclEntry(
        number=int(described["RuleNumber"]),
        egress=bool(described.get("Egress")),
        allow=described.get("RuleAction") == "allow",
        protocol=str(described.get("Protocol", "-1")),
        cidr=described.get("CidrBlock") or described.get("Ipv6CidrBlock") or "0.0.0.0/0",
        from_port=int(ports.get("From", 0)),
        to_port=int(ports.get("To", 65535)),
    )


def nat_gateway_of(described: dict[str, Any]) -> NatGateway:
    """A NAT gateway; a regional one has no subnet (VPC guide: regional NAT gateways)."""
    return NatGateway(
        id=described["NatGatewayId"],
        is_public=described.get("ConnectivityType", "public") == "public",
        is_available=described.get("State", "available") == "available",
        subnet_id=described.get("SubnetId", ""),
    )


def services_of(described: Iterable[dict[str, Any]]) -> Iterable[Service]:
    """One value a name and type: s3 and dynamodb are listed as Gateway and as Interface (EC2 API: ServiceDetail)."""
    for detail in described:
        if detail.get("Owner", "amazon") != "amazon":
            continue
        names = {entry["PrivateDnsName"] for entry in detail.get("PrivateDnsNames") or []}
        names |= {detail["PrivateDnsName"]} if detail.get("PrivateDnsName") else set()
        for entry in detail.get("ServiceType", []):
            kind = entry.get("ServiceType", "")
            if kind in {EndpointType.INTERFACE, EndpointType.GATEWAY}:
                yield Service(
                    name=detail["ServiceName"],
                    type=EndpointType(kind),
                    zone_ids=frozenset(detail.get("AvailabilityZoneIds") or []),
                    zones=frozenset(detail.get("AvailabilityZones") or []),
                    private_dns_names=usual_first(names),
                    ip_address_types=frozenset(detail.get("SupportedIpAddressTypes") or ["ipv4"]),
                    takes_policy=bool(detail.get("VpcEndpointPolicySupported", True)),
                )
