"""EC2's dicts, as its model and its wire spell them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from lifeline.adapters.aws.described import (
    any_interface_of,
    endpoint_of,
    interface_of,
    nat_gateway_of,
    route_table_of,
    security_group_of,
    services_of,
    subnet_of,
    vpc_of,
)
from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import BlockMode, Catalog, EndpointState, EndpointType, TargetKind
from lifeline.core.network.reach import find_path
from tests.support.builders import CATALOG, subnet, vpc

US = "us-east-1"


def route_of(**members: object) -> Any:
    (found,) = route_table_of({"RouteTableId": "rtb-1", "Routes": [members]}, {"pl-1": ("10.0.0.0/8",)}).routes
    return found


@pytest.mark.parametrize(
    ("members", "kind", "target_id"),
    [
        ({"GatewayId": "local"}, TargetKind.LOCAL, "local"),
        ({"GatewayId": "igw-1"}, TargetKind.INTERNET_GATEWAY, "igw-1"),
        ({"GatewayId": "vgw-1"}, TargetKind.VIRTUAL_PRIVATE_GATEWAY, "vgw-1"),
        ({"GatewayId": "vpce-1"}, TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT, "vpce-1"),
        ({"NatGatewayId": "nat-1"}, TargetKind.NAT_GATEWAY, "nat-1"),
        ({"TransitGatewayId": "tgw-1"}, TargetKind.TRANSIT_GATEWAY, "tgw-1"),
        ({"VpcPeeringConnectionId": "pcx-1"}, TargetKind.PEERING, "pcx-1"),
        ({"EgressOnlyInternetGatewayId": "eigw-1"}, TargetKind.EGRESS_ONLY_GATEWAY, "eigw-1"),
        ({"CarrierGatewayId": "cagw-1"}, TargetKind.CARRIER_GATEWAY, "cagw-1"),
        ({"LocalGatewayId": "lgw-1"}, TargetKind.LOCAL_GATEWAY, "lgw-1"),
        ({"CoreNetworkArn": "arn:core"}, TargetKind.CORE_NETWORK, "arn:core"),
        ({"InstanceId": "i-1", "NetworkInterfaceId": "eni-1"}, TargetKind.NETWORK_INTERFACE, "eni-1"),
        ({"OdbNetworkArn": "arn:odb"}, TargetKind.OTHER, "arn:odb"),
        ({}, TargetKind.OTHER, ""),
    ],
)
def test_each_target_of_a_route_is_told_apart(members: dict[str, str], kind: TargetKind, target_id: str) -> None:
    found = route_of(DestinationCidrBlock="0.0.0.0/0", State="active", **members)
    assert (found.target, found.target_id, found.destinations, found.is_active) == (
        kind,
        target_id,
        ("0.0.0.0/0",),
        True,
    )


@pytest.mark.parametrize("state", ["blackhole", "filtered"])
def test_only_active_routes_are_active(state: str) -> None:
    assert not route_of(DestinationIpv6CidrBlock="::/0", GatewayId="igw-1", State=state).is_active


def test_a_prefix_list_is_its_entries_and_a_gateway_endpoints_is_not_read() -> None:
    assert route_of(DestinationPrefixListId="pl-1", GatewayId="igw-1").destinations == ("10.0.0.0/8",)
    theirs = route_of(DestinationPrefixListId="pl-63a5400a", GatewayId="vpce-1")
    assert (theirs.target, theirs.destinations) == (TargetKind.GATEWAY_ENDPOINT, ())


def to_hub(**members: object) -> dict[str, object]:
    return {"DestinationCidrBlock": "10.9.0.0/16", "State": "active", "Origin": "CreateRoute", **members}


@pytest.mark.parametrize("origin", ["EnableVgwRoutePropagation", "Advertisement"])
def test_of_routes_for_the_same_block_a_static_one_counts_even_if_it_is_dead(origin: str) -> None:
    """VPC guide: route priority. Then come those of prefix lists, and at last what is propagated."""
    propagated = to_hub(GatewayId="vgw-1", Origin=origin)
    static = to_hub(TransitGatewayId="tgw-1", State="blackhole")
    by_list = {"DestinationPrefixListId": "pl-1", "NatGatewayId": "nat-1", "State": "active", "Origin": "CreateRoute"}
    lists: dict[str, tuple[str, ...]] = {"pl-1": ("10.9.0.0/16", "10.0.0.0/8")}

    def read(*routes: Mapping[str, object]) -> list[tuple[str, tuple[str, ...]]]:
        either = [route_table_of({"RouteTableId": "rtb-1", "Routes": list(of)}, lists) for of in (routes, routes[::-1])]
        assert either[0] == either[1]
        return [(one.target_id, one.destinations) for one in either[0].routes]

    assert read(propagated, static) == [("tgw-1", ("10.9.0.0/16",))]
    assert read(propagated, by_list) == [("nat-1", lists["pl-1"])]
    assert read(by_list, static) == [("tgw-1", ("10.9.0.0/16",)), ("nat-1", ("10.0.0.0/8",))]
    narrower = {**propagated, "DestinationCidrBlock": "10.9.1.0/24"}
    assert len(read(narrower, static, by_list)) == 3  # the most specific one goes first, whatever it comes from


@pytest.mark.parametrize("origin", ["EnableVgwRoutePropagation", "Advertisement", "CreateRoute"])
@pytest.mark.parametrize("cidr", ["10.0.1.0/24", "10.0.0.0/16", "10.0.0.0/8"])
def test_the_local_route_goes_before_what_a_vpn_propagates_for_a_part_of_the_vpc(origin: str, cidr: str) -> None:
    """VPN guide: route priority: even before narrower ones. What anything else brings goes by the longest prefix."""
    local = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}
    theirs = to_hub(DestinationCidrBlock=cidr, GatewayId="vgw-1", Origin=origin, State="blackhole")
    found = route_table_of({"RouteTableId": "rtb-1", "Routes": [theirs, local]}, {}).routes
    is_taken = cidr == "10.0.0.0/16" or (cidr == "10.0.1.0/24" and origin == "EnableVgwRoutePropagation")
    assert [one.target_id for one in found if one.target_id != "local"] == ([] if is_taken else ["vgw-1"])


def test_a_gateway_endpoints_route_keeps_its_services_addresses_and_comes_after_what_goes_before_it() -> None:
    theirs = {"DestinationPrefixListId": "pl-s3", "GatewayId": "vpce-1", "State": "active", "Origin": "CreateRoute"}
    static = to_hub(DestinationCidrBlock="52.216.0.0/15", TransitGatewayId="tgw-1")
    found = route_table_of({"RouteTableId": "rtb-1", "Routes": [theirs, static]}, {"pl-s3": ("52.216.0.0/15",)}).routes
    assert [(one.target_id, one.destinations) for one in found] == [
        ("tgw-1", ("52.216.0.0/15",)),
        ("vpce-1", ("52.216.0.0/15",)),
    ]


def test_edge_and_ended_associations_are_no_subnets() -> None:
    table = route_table_of(
        {
            "RouteTableId": "rtb-1",
            "Associations": [
                {"Main": True, "AssociationState": {"State": "associated"}},
                {"SubnetId": "subnet-1", "AssociationState": {"State": "associated"}},
                {"SubnetId": "subnet-2", "AssociationState": {"State": "disassociated"}},
                {"SubnetId": "subnet-3", "AssociationState": {"State": "failed"}},
                {"GatewayId": "igw-1", "AssociationState": {"State": "associated"}},
            ],
        },
        {},
    )
    assert (table.is_main, table.subnet_ids) == (True, frozenset({"subnet-1"}))


@pytest.mark.parametrize(
    ("wire", "state"),
    [
        ("available", EndpointState.AVAILABLE),
        ("Available", EndpointState.AVAILABLE),
        ("pendingAcceptance", EndpointState.PENDING_ACCEPTANCE),
        ("rejected", EndpointState.REJECTED),
        ("somethingNew", EndpointState.UNKNOWN),
        (None, EndpointState.UNKNOWN),
    ],
)
def test_endpoint_states_are_read_in_either_case(wire: str | None, state: EndpointState) -> None:
    found = endpoint_of({"VpcEndpointId": "vpce-1", "State": wire, "VpcEndpointType": "Interface"})
    assert (found.state, found.type) == (state, EndpointType.INTERFACE)


@pytest.mark.parametrize(
    ("members", "policy"), [({"PolicyDocument": '{"Statement": []}'}, '{"Statement": []}'), ({}, "")]
)
def test_an_endpoints_policy_is_kept_as_its_text(members: dict[str, str], policy: str) -> None:
    assert endpoint_of({"VpcEndpointId": "vpce-1", **members}).policy == policy


def test_an_endpoint_of_a_type_that_aws_adds_later_is_other() -> None:
    assert endpoint_of({"VpcEndpointId": "vpce-1", "VpcEndpointType": "Tunnel"}).type is EndpointType.OTHER


def test_a_subnet_is_read_with_its_zone_its_owner_and_what_blocks_it() -> None:
    found = subnet_of(
        {
            "SubnetId": "subnet-1",
            "AvailabilityZone": "us-east-1-bos-1a",
            "AvailabilityZoneId": "use1-bos1-az1",
            "CidrBlock": "10.0.1.0/24",
            "AvailableIpAddressCount": 7,
            "OwnerId": "1",
            "BlockPublicAccessStates": {"InternetGatewayBlockMode": "block-bidirectional"},
            "Ipv6CidrBlockAssociationSet": [
                {"Ipv6CidrBlock": "2001:db8::/64", "Ipv6CidrBlockState": {"State": "associated"}},
                {"Ipv6CidrBlock": "2001:db9::/64", "Ipv6CidrBlockState": {"State": "disassociated"}},
            ],
        },
        {"us-east-1-bos-1a": "local-zone"},
    )
    assert (found.zone_type, found.block_mode, found.ipv6_cidrs) == (
        "local-zone",
        BlockMode.BIDIRECTIONAL,
        ("2001:db8::/64",),
    )
    assert not found.has_private_ipv6
    assert subnet_of({"SubnetId": "s", "Ipv6Native": True, "CidrBlock": "x"}, {}).cidr == ""
    assert subnet_of({"SubnetId": "s", "BlockPublicAccessStates": {"InternetGatewayBlockMode": "new"}}, {}).block_mode


def test_a_vpc_has_all_of_its_associated_blocks() -> None:
    described = {
        "VpcId": "vpc-1",
        "CidrBlock": "10.0.0.0/16",
        "CidrBlockAssociationSet": [
            {"CidrBlock": "10.1.0.0/16", "CidrBlockState": {"State": "associated"}},
            {"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
            {"CidrBlock": "10.2.0.0/16", "CidrBlockState": {"State": "disassociated"}},
        ],
    }
    assert vpc_of(described).all_cidrs == ("10.0.0.0/16", "10.1.0.0/16")


@pytest.mark.parametrize(
    ("attributes", "is_private"),
    [((), False), (("public",), False), (("private",), True), (("private", "public"), False), ((None,), False)],
)
def test_a_subnets_ipv6_addresses_are_private_if_aws_advertises_none_of_them(
    attributes: tuple[str | None, ...], *, is_private: bool
) -> None:
    blocks = [
        {"Ipv6CidrBlock": f"fd80:{place}::/64", **({"Ipv6AddressAttribute": kind} if kind else {})}
        for place, kind in enumerate(attributes)
    ]
    gone = {"Ipv6CidrBlock": "2001:db8::/64", "Ipv6AddressAttribute": "public"}
    gone["Ipv6CidrBlockState"] = {"State": "disassociated"}  # type: ignore[assignment]
    described = {"SubnetId": "s", "Ipv6CidrBlockAssociationSet": [*blocks, gone]}
    assert subnet_of(described, {}).has_private_ipv6 is is_private


def test_rules_for_every_protocol_and_by_number_are_read() -> None:
    group = security_group_of(
        {
            "GroupId": "sg-1",
            "IpPermissions": [
                {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
                {"IpProtocol": "6", "FromPort": 1, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
                {"IpProtocol": "udp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": "sg-2"}]},
            ],
        }
    )
    assert [rule.ports for rule in group.ingress] == [((0, 65535),), ((1, 443),), ()]


@pytest.mark.parametrize(("status", "is_attached"), [("in-use", True), ("available", False), ("attaching", True)])
def test_a_network_interface_is_attached_until_ec2_calls_it_available(status: str, is_attached: bool) -> None:
    """Those of pods with security groups of their own (`branch`) have no attachment."""
    described = {"NetworkInterfaceId": "eni-1", "InterfaceType": "branch", "Status": status}
    assert interface_of(described).is_attached is is_attached
    assert any_interface_of(described).is_attached is is_attached


def test_a_network_interface_has_all_its_private_addresses_and_its_groups() -> None:
    found = interface_of(
        {
            "NetworkInterfaceId": "eni-1",
            "SubnetId": "subnet-1",
            "PrivateIpAddress": "10.0.1.5",
            "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.5"}, {"PrivateIpAddress": "10.0.1.6"}],
            "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}],
            "Groups": [{"GroupId": "sg-1", "GroupName": "app"}],
            "InterfaceType": "vpc_endpoint",
            "SourceDestCheck": False,
        }
    )
    assert (found.addresses, found.group_ids) == (("10.0.1.5", "10.0.1.6", "2001:db8::5"), frozenset({"sg-1"}))
    assert (found.is_client, found.checks_source) == (False, False)
    plain = interface_of({"NetworkInterfaceId": "eni-2"})
    assert (plain.addresses, plain.is_client, plain.checks_source) == ((), True, True)


def test_what_is_delegated_to_a_network_interface_counts_among_its_addresses() -> None:
    """From which the pods of a node call (EKS guide: assign more IP addresses to nodes with prefixes)."""
    found = interface_of(
        {
            "NetworkInterfaceId": "eni-1",
            "PrivateIpAddress": "10.0.1.5",
            "Ipv4Prefixes": [{"Ipv4Prefix": "10.0.1.80/28"}],
            "Ipv6Prefixes": [{"Ipv6Prefix": "2001:db8:0:0:1::/80"}],
        }
    )
    assert found.addresses == ("10.0.1.5", "10.0.1.80/28", "2001:db8:0:0:1::/80")


def test_a_regional_nat_gateway_has_no_subnet() -> None:
    found = nat_gateway_of({"NatGatewayId": "nat-1", "State": "available", "ConnectivityType": "public"})
    assert (found.subnet_id, found.is_public, found.is_available) == ("", True, True)


CHINA: list[dict[str, Any]] = [
    {"ServiceName": "cn.com.amazonaws.cn-north-1.monitoring", "ServiceType": [{"ServiceType": "Interface"}]},
    {"ServiceName": "com.amazonaws.cn-north-1.ssm", "ServiceType": [{"ServiceType": "Interface"}]},
    {"ServiceName": "com.amazonaws.cn-north-1.s3", "ServiceType": [{"ServiceType": "Gateway"}]},
    {"ServiceName": "cn.com.amazonaws.cn-north-1.s3", "ServiceType": [{"ServiceType": "Interface"}]},
    {"ServiceName": "aws.sagemaker.cn-north-1.notebook", "ServiceType": [{"ServiceType": "Interface"}]},
    {"ServiceName": "com.amazonaws.vpce.cn-north-1.vpce-svc-1", "Owner": "1", "ServiceType": []},
]


@pytest.mark.parametrize(
    ("suffix", "names"),
    [
        ("monitoring", ["cn.com.amazonaws.cn-north-1.monitoring"]),
        ("ssm", ["com.amazonaws.cn-north-1.ssm"]),
        ("s3", ["com.amazonaws.cn-north-1.s3", "cn.com.amazonaws.cn-north-1.s3"]),
        ("notebook", ["aws.sagemaker.cn-north-1.notebook"]),
        ("vpce-svc-1", []),
        ("messages", []),
    ],
)
def test_services_are_found_by_suffix_whatever_their_prefix(suffix: str, names: list[str]) -> None:
    catalog = Catalog(tuple(services_of(CHINA)))
    assert [service.name for service in catalog.find(suffix)] == names


def test_the_name_that_clients_ask_for_comes_first() -> None:
    ends = f".{US}.amazonaws.com", f"-fips.{US}.amazonaws.com", f".{US}.api.aws"
    usual, *others = (f"monitoring{end}" for end in ends)
    listed = [{"PrivateDnsName": name} for name in (*others, usual)]
    kinds = [{"ServiceType": "Interface"}]
    detail = {"ServiceName": f"com.amazonaws.{US}.monitoring", "ServiceType": kinds, "PrivateDnsNames": listed}
    (found,) = services_of([detail])
    assert found.private_dns_names[0] == usual
    assert set(found.private_dns_names) == {usual, *others}


def test_govcloud_regions_are_regions_too() -> None:
    detail = {"ServiceName": "com.amazonaws.us-gov-west-1.ecr.api", "ServiceType": [{"ServiceType": "Interface"}]}
    assert Catalog(tuple(services_of([detail]))).find("ecr.api")


@pytest.mark.parametrize(
    ("members", "has_any", "sends"),
    [
        ({}, False, False),
        ({"Association": {"PublicIp": "203.0.113.9"}}, True, True),
        ({"Association": {"CarrierIp": "203.0.113.9"}}, True, True),
        ({"PrivateIpAddresses": [{"Primary": False, "Association": {"PublicIp": "203.0.113.9"}}]}, True, False),
    ],
)
def test_an_interface_sends_publicly_by_its_primary_address_alone(
    members: dict[str, Any], *, has_any: bool, sends: bool
) -> None:
    found = any_interface_of({"NetworkInterfaceId": "eni-1", **members})
    assert (found.has_public_address, found.sends_publicly) == (has_any, sends)


def test_only_aws_word_says_that_aws_manages_an_interface() -> None:
    described = {"NetworkInterfaceId": "eni-1", "Description": "ELB app/a/b", "Attachment": {}}
    assert not any_interface_of(described).only_answers
    assert any_interface_of(described | {"RequesterManaged": True}).only_answers
    assert [interface_of(described | {"RequesterManaged": is_awss}).is_client for is_awss in (True, False)] == [
        False,
        True,
    ]


def test_of_an_endpoint_the_ip_version_of_its_dns_records_is_read() -> None:
    described = {"VpcEndpointId": "vpce-1", "VpcEndpointType": "Interface", "IpAddressType": "dualstack"}
    assert endpoint_of(described).families == {4, 6}
    assert endpoint_of(described | {"DnsOptions": {"DnsRecordIpType": "ipv6"}}).families == {6}
    assert endpoint_of(described | {"DnsOptions": {"DnsRecordIpType": "service-defined"}}).families == {4}


def test_of_two_lists_with_a_block_in_common_it_is_not_known_which_route_counts() -> None:
    """AWS chooses at random (VPC guide: route priority; docs/watching.md: what Lifeline can't know)."""
    by_list = [
        {"DestinationPrefixListId": list_id, "State": state, "Origin": "CreateRoute", target: target_id}
        for list_id, target, target_id, state in (
            ("pl-1", "GatewayId", "igw-1", "active"),
            ("pl-2", "TransitGatewayId", "tgw-1", "blackhole"),
        )
    ]
    table = route_table_of(
        {"RouteTableId": "rtb-1", "Routes": by_list}, dict.fromkeys(("pl-1", "pl-2"), ("0.0.0.0/0",))
    )
    network = vpc(subnet("a"), replace(table, is_main=True))
    found = find_path(subnet("a"), network, "monitoring", CATALOG, DnsView(), has_public_address=True)
    assert found.uncertainties
