"""The builder against real records: each sample below was published by somebody, trimmed to what its shape needs."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.cloudtrail import DEPLOYER, Failure, Identity, example_event, operation_model, record_call
from tests.support.cloudtrail_styles import Json, is_new_style

XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"
NAMED = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "blue"}]}]
NAMED_RECORD = {"items": [{"resourceType": "vpc", "tags": [{"key": "Name", "value": "blue"}]}]}
HTTPS = {
    "IpProtocol": "tcp",
    "FromPort": 443,
    "ToPort": 443,
    "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "TLS from Internet"}],
}
HTTPS_RECORD = {
    "ipProtocol": "tcp",
    "fromPort": 443,
    "toPort": 443,
    "groups": {},
    "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": "TLS from Internet"}]},
    "ipv6Ranges": {},
    "prefixListIds": {},
}


@dataclass(frozen=True)
class Sample:
    operation: str
    request: Json
    request_record: Json
    response: Json = field(default_factory=dict)
    response_record: Json = field(default_factory=lambda: {"_return": True})


OLD = [
    Sample(
        "CreateVpc",
        {
            "CidrBlock": "10.0.0.0/16",
            "InstanceTenancy": "default",
            "AmazonProvidedIpv6CidrBlock": False,
            "TagSpecifications": NAMED,
        },
        {
            "cidrBlock": "10.0.0.0/16",
            "instanceTenancy": "default",
            "amazonProvidedIpv6CidrBlock": False,
            "tagSpecificationSet": NAMED_RECORD,
        },
        {
            "Vpc": {
                "VpcId": "vpc-0e568b18707c87afa",
                "State": "pending",
                "OwnerId": "123837392027",
                "CidrBlock": "10.0.0.0/16",
                "CidrBlockAssociationSet": [
                    {
                        "CidrBlock": "10.0.0.0/16",
                        "AssociationId": "vpc-cidr-assoc-04a19e1d5bc3f9b99",
                        "CidrBlockState": {"State": "associated"},
                    }
                ],
                "Ipv6CidrBlockAssociationSet": [],
                "DhcpOptionsId": "dopt-0ef51062810f8ca7b",
                "InstanceTenancy": "default",
                "Tags": [{"Key": "Name", "Value": "blue"}],
                "IsDefault": False,
            }
        },
        {
            "vpc": {
                "vpcId": "vpc-0e568b18707c87afa",
                "state": "pending",
                "ownerId": "123837392027",
                "cidrBlock": "10.0.0.0/16",
                "cidrBlockAssociationSet": {
                    "items": [
                        {
                            "cidrBlock": "10.0.0.0/16",
                            "associationId": "vpc-cidr-assoc-04a19e1d5bc3f9b99",
                            "cidrBlockState": {"state": "associated"},
                        }
                    ]
                },
                "ipv6CidrBlockAssociationSet": {},
                "dhcpOptionsId": "dopt-0ef51062810f8ca7b",
                "instanceTenancy": "default",
                "tagSet": {"items": [{"key": "Name", "value": "blue"}]},
                "isDefault": False,
            }
        },
    ),
    Sample("DeleteVpc", {"VpcId": "vpc-0255d384b4b458b46"}, {"vpcId": "vpc-0255d384b4b458b46"}),
    Sample(
        "CreateSubnet",
        {"VpcId": "vpc-098ff30ff74b36f73", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-1a"},
        {"vpcId": "vpc-098ff30ff74b36f73", "cidrBlock": "10.0.1.0/24", "availabilityZone": "us-east-1a"},
        {"Subnet": {"SubnetId": "subnet-079fd43fc4ee35af7", "Ipv6CidrBlockAssociationSet": [], "Ipv6Native": False}},
        {"subnet": {"subnetId": "subnet-079fd43fc4ee35af7", "ipv6CidrBlockAssociationSet": {}, "ipv6Native": False}},
    ),
    Sample("DeleteSubnet", {"SubnetId": "subnet-01cccb722afa6dea3"}, {"subnetId": "subnet-01cccb722afa6dea3"}),
    Sample(
        "CreateRouteTable",
        {"VpcId": "vpc-098ff30ff74b36f73"},
        {"vpcId": "vpc-098ff30ff74b36f73"},
        {
            "RouteTable": {
                "RouteTableId": "rtb-0ed5e6124f33c9db3",
                "Routes": [
                    {
                        "DestinationCidrBlock": "10.0.0.0/16",
                        "GatewayId": "local",
                        "State": "active",
                        "Origin": "CreateRouteTable",
                    }
                ],
                "Associations": [],
                "PropagatingVgws": [],
            }
        },
        {
            "routeTable": {
                "routeTableId": "rtb-0ed5e6124f33c9db3",
                "routeSet": {
                    "items": [
                        {
                            "destinationCidrBlock": "10.0.0.0/16",
                            "gatewayId": "local",
                            "state": "active",
                            "origin": "CreateRouteTable",
                        }
                    ]
                },
                "associationSet": {},
                "propagatingVgwSet": {},
            }
        },
    ),
    Sample("DeleteRouteTable", {"RouteTableId": "rtb-06711e8f3a624506d"}, {"routeTableId": "rtb-06711e8f3a624506d"}),
    Sample(
        "CreateRoute",
        {
            "RouteTableId": "rtb-06711e8f3a624506d",
            "DestinationCidrBlock": "0.0.0.0/0",
            "GatewayId": "igw-040b2274c4a167722",
        },
        {
            "routeTableId": "rtb-06711e8f3a624506d",
            "destinationCidrBlock": "0.0.0.0/0",
            "gatewayId": "igw-040b2274c4a167722",
        },
        {"Return": True},
    ),
    Sample(
        "DeleteRoute",
        {"RouteTableId": "rtb-01a1e48796093c514", "DestinationCidrBlock": "0.0.0.0/0"},
        {"routeTableId": "rtb-01a1e48796093c514", "destinationCidrBlock": "0.0.0.0/0"},
    ),
    Sample(
        "AssociateRouteTable",
        {"RouteTableId": "rtb-08cbc80e25a39c743", "SubnetId": "subnet-0bb3caee4559a3df0"},
        {"routeTableId": "rtb-08cbc80e25a39c743", "subnetId": "subnet-0bb3caee4559a3df0"},
        {"AssociationId": "rtbassoc-030f9b163ce202d50", "AssociationState": {"State": "associated"}},
        {"associationId": "rtbassoc-030f9b163ce202d50", "associationState": {"state": "associated"}},
    ),
    Sample(
        "DisassociateRouteTable",
        {"AssociationId": "rtbassoc-0d88381fe24e7a995"},
        {"associationId": "rtbassoc-0d88381fe24e7a995"},
        {},
        {"associationState": {"state": "disassociating"}, "_return": True},
    ),
    Sample(
        "AttachInternetGateway",
        {"InternetGatewayId": "igw-040b2274c4a167722", "VpcId": "vpc-0fa94f40db415f317"},
        {"internetGatewayId": "igw-040b2274c4a167722", "vpcId": "vpc-0fa94f40db415f317"},
    ),
    Sample(
        "CreateVpnGateway",
        {"Type": "ipsec.1"},
        {"type": "ipsec.1"},
        {
            "VpnGateway": {
                "VpnGatewayId": "vgw-08c87ca4468c13b6f",
                "State": "available",
                "Type": "ipsec.1",
                "VpcAttachments": [],
                "AmazonSideAsn": 64512,
            }
        },
        {
            "vpnGateway": {
                "vpnGatewayId": "vgw-08c87ca4468c13b6f",
                "state": "available",
                "type": "ipsec.1",
                "attachments": {},
                "amazonSideAsn": 64512,
            }
        },
    ),
    Sample(
        "CreateVpcPeeringConnection",
        {"VpcId": "vpc-0abb", "PeerVpcId": "vpc-08f7"},
        {"vpcId": "vpc-0abb", "peerVpcId": "vpc-08f7"},
        {
            "VpcPeeringConnection": {
                "VpcPeeringConnectionId": "pcx-09cc395f56ffead9e",
                "Status": {"Code": "initiating-request"},
                "ExpirationTime": datetime(2021, 6, 15, 7, 37, 56, tzinfo=UTC),
                "Tags": [],
            }
        },
        {
            "vpcPeeringConnection": {
                "vpcPeeringConnectionId": "pcx-09cc395f56ffead9e",
                "status": {"code": "initiating-request"},
                "expirationTime": 1623742676000,
                "tagSet": {},
            }
        },
    ),
    Sample(
        "CreateSecurityGroup",
        {"GroupName": "web", "Description": "for the web", "VpcId": "vpc-0e56"},
        {"groupName": "web", "groupDescription": "for the web", "vpcId": "vpc-0e56"},
        {"GroupId": "sg-04cfb7a4712d75b00", "Tags": [{"Key": "Name", "Value": "blue"}]},
        {
            "_return": True,
            "groupId": "sg-04cfb7a4712d75b00",
            "tagSet": {"items": [{"key": "Name", "value": "blue"}]},
        },
    ),
    Sample(
        "AuthorizeSecurityGroupIngress",
        {"GroupId": "sg-04cf", "IpPermissions": [HTTPS]},
        {"groupId": "sg-04cf", "ipPermissions": {"items": [HTTPS_RECORD]}},
        {
            "Return": True,
            "SecurityGroupRules": [
                {"SecurityGroupRuleId": "sgr-0bb3", "IsEgress": False, "FromPort": 443, "CidrIpv4": "0.0.0.0/0"}
            ],
        },
        {
            "_return": True,
            "securityGroupRuleSet": {
                "items": [
                    {"securityGroupRuleId": "sgr-0bb3", "isEgress": False, "fromPort": 443, "cidrIpv4": "0.0.0.0/0"}
                ]
            },
        },
    ),
    Sample(
        "RevokeSecurityGroupIngress",
        {
            "GroupId": "sg-04cf",
            "IpPermissions": [],
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "CidrIp": "0.0.0.0/0",
        },
        {
            "groupId": "sg-04cf",
            "ipPermissions": {},
            "ipProtocol": "tcp",
            "fromPort": 22,
            "toPort": 22,
            "cidrIp": "0.0.0.0/0",
        },
        {"Return": True},
    ),
    Sample(
        "CreateNetworkAclEntry",
        {
            "NetworkAclId": "acl-1",
            "RuleNumber": 500,
            "Egress": True,
            "RuleAction": "allow",
            "IcmpTypeCode": {},
            "PortRange": {},
            "Protocol": "-1",
            "CidrBlock": "0.0.0.0/0",
        },
        {
            "networkAclId": "acl-1",
            "ruleNumber": 500,
            "egress": True,
            "ruleAction": "allow",
            "icmpTypeCode": {},
            "portRange": {},
            "aclProtocol": "-1",
            "cidrBlock": "0.0.0.0/0",
        },
    ),
    Sample(
        "CreateTags",
        {"Resources": ["ami-1"], "Tags": [{"Key": "k", "Value": "v"}]},
        {"resourcesSet": {"items": [{"resourceId": "ami-1"}]}, "tagSet": {"items": [{"key": "k", "value": "v"}]}},
    ),
    Sample(
        "CreateNetworkInterface",
        {
            "SubnetId": "subnet-0c8a",
            "Description": "RDSNetworkInterface",
            "Groups": ["sg-0a1a"],
            "PrivateIpAddresses": [],
            "Ipv6AddressCount": 0,
        },
        {
            "subnetId": "subnet-0c8a",
            "description": "RDSNetworkInterface",
            "groupSet": {"items": [{"groupId": "sg-0a1a"}]},
            "privateIpAddressesSet": {},
            "ipv6AddressCount": 0,
        },
        {},
        {},
    ),
    Sample(
        "ModifyInstanceAttribute",
        {"InstanceId": "i-0dbc", "DisableApiTermination": {"Value": False}},
        {"instanceId": "i-0dbc", "disableApiTermination": {"value": False}},
    ),
]

NEW = [
    Sample(
        "CreateNatGateway",
        {
            "ConnectivityType": "public",
            "AllocationId": "eipalloc-08a0",
            "SubnetId": "subnet-01ed",
            "ClientToken": "86C5-X",
            "TagSpecifications": [
                {
                    "ResourceType": "natgateway",
                    "Tags": [{"Key": "StratusRedTeam", "Value": "true"}, {"Key": "Name", "Value": "blue"}],
                }
            ],
        },
        {
            "CreateNatGatewayRequest": {
                "ConnectivityType": "public",
                "AllocationId": "eipalloc-08a0",
                "SubnetId": "subnet-01ed",
                "ClientToken": "86C5-X",
                "TagSpecification": {
                    "ResourceType": "natgateway",
                    "tag": 1,
                    "Tag": [
                        {"Value": True, "tag": 1, "Key": "StratusRedTeam"},
                        {"Value": "blue", "tag": 2, "Key": "Name"},
                    ],
                },
            }
        },
        {
            "NatGateway": {
                "ConnectivityType": "public",
                "NatGatewayAddresses": [{"IsPrimary": True, "AllocationId": "eipalloc-08a0", "Status": "associating"}],
                "CreateTime": datetime(2023, 7, 10, 11, 55, 14, tzinfo=UTC),
                "State": "pending",
            },
            "ClientToken": "86C5-X",
        },
        {
            "natGateway": {
                "connectivityType": "public",
                "natGatewayAddressSet": {
                    "item": {"isPrimary": True, "allocationId": "eipalloc-08a0", "status": "associating"}
                },
                "createTime": "2023-07-10T11:55:14.000Z",
                "state": "pending",
            },
            "clientToken": "86C5-X",
        },
    ),
    Sample(
        "DeleteNatGateway",
        {"NatGatewayId": "nat-0dd264ee104155137"},
        {"DeleteNatGatewayRequest": {"NatGatewayId": "nat-0dd264ee104155137"}},
        {"NatGatewayId": "nat-0dd264ee104155137"},
        {"natGatewayId": "nat-0dd264ee104155137"},
    ),
    Sample(
        "CreateVpcEndpoint",
        {
            "VpcId": "vpc-0f1e12c219f232b46",
            "ServiceName": "com.amazonaws.ap-northeast-1.s3",
            "SecurityGroupIds": ["sg-02c8"],
            "VpcEndpointType": "Interface",
            "SubnetIds": ["subnet-0463", "subnet-02f4"],
        },
        {
            "CreateVpcEndpointRequest": {
                "VpcId": "vpc-0f1e12c219f232b46",
                "ServiceName": "com.amazonaws.ap-northeast-1.s3",
                "SecurityGroupId": {"tag": 1, "content": "sg-02c8"},
                "VpcEndpointType": "Interface",
                "SubnetId": [{"tag": 1, "content": "subnet-0463"}, {"tag": 2, "content": "subnet-02f4"}],
            }
        },
        {
            "VpcEndpoint": {
                "RouteTableIds": [],
                "OwnerId": "999999999999",
                "Groups": [{"GroupName": "web", "GroupId": "sg-02c8"}],
                "VpcEndpointId": "vpce-0ef9277730bf26b70",
                "SubnetIds": ["subnet-0463", "subnet-02f4"],
                "PrivateDnsEnabled": False,
            }
        },
        {
            "vpcEndpoint": {
                "routeTableIdSet": "",
                "ownerId": 999999999999,
                "groupSet": {"item": {"groupName": "web", "groupId": "sg-02c8"}},
                "vpcEndpointId": "vpce-0ef9277730bf26b70",
                "subnetIdSet": {"item": ["subnet-0463", "subnet-02f4"]},
                "privateDnsEnabled": False,
            }
        },
    ),
    Sample(
        "DeleteVpcEndpoints",
        {"VpcEndpointIds": ["vpce-0ef9277730bf26b70"]},
        {"DeleteVpcEndpointsRequest": {"VpcEndpointId": {"tag": 1, "content": "vpce-0ef9277730bf26b70"}}},
        {"Unsuccessful": []},
        {"unsuccessful": ""},
    ),
    Sample(
        "DeleteTransitGatewayVpcAttachment",
        {"TransitGatewayAttachmentId": "tgw-attach-0814a77755bf02f0e"},
        {"DelTGwVpcAttachReq": {"TransitGatewayAttachmentId": "tgw-attach-0814a77755bf02f0e"}},
        {
            "TransitGatewayVpcAttachment": {
                "VpcId": "vpc-0e2a18296548d753e",
                "State": "deleting",
                "VpcOwnerId": "012345678912",
            }
        },
        {
            "transitGatewayVpcAttachment": {
                "vpcId": "vpc-0e2a18296548d753e",
                "state": "deleting",
                "vpcOwnerId": "012345678912",
            }
        },
    ),
    Sample(
        "ModifySecurityGroupRules",
        {
            "GroupId": "sg-1",
            "SecurityGroupRules": [
                {"SecurityGroupRuleId": "sgr-1", "SecurityGroupRule": {"CidrIpv4": "0.0.0.0/0", "FromPort": 443}}
            ],
        },
        {
            "ModifySecurityGroupRulesRequest": {
                "GroupId": "sg-1",
                "SecurityGroupRule": {
                    "tag": 1,
                    "SecurityGroupRuleId": "sgr-1",
                    "SecurityGroupRule": {"CidrIpv4": "0.0.0.0/0", "FromPort": 443},
                },
            }
        },
        {"Return": True},
        {"return": True},
    ),
    Sample(
        "CreateFlowLogs",
        {"ResourceIds": ["vpc-0255"], "ResourceType": "VPC"},
        {"CreateFlowLogsRequest": {"ResourceId": {"tag": 1, "content": "vpc-0255"}, "ResourceType": "VPC"}},
        {"Unsuccessful": [], "FlowLogIds": ["fl-064e"]},
        {"unsuccessful": "", "flowLogIdSet": {"item": "fl-064e"}},
    ),
]


def by_operation(sample: Sample) -> str:
    return sample.operation


def detail_of(sample: Sample) -> Json:
    detail: Json = record_call(sample.operation, sample.request, sample.response, request_id="r-1")["detail"]
    return detail


@pytest.mark.parametrize("sample", OLD, ids=by_operation)
def test_an_old_style_record_looks_like_the_real_one(sample: Sample) -> None:
    detail = detail_of(sample)

    assert not is_new_style(operation_model(sample.operation))
    assert detail["requestParameters"] == sample.request_record
    assert detail["responseElements"] == {"requestId": "r-1", **sample.response_record}


@pytest.mark.parametrize("sample", NEW, ids=by_operation)
def test_a_new_style_record_looks_like_the_real_one(sample: Sample) -> None:
    detail = detail_of(sample)

    assert is_new_style(operation_model(sample.operation))
    assert detail["requestParameters"] == sample.request_record
    wrapper = f"{sample.operation}Response"
    assert detail["responseElements"] == {wrapper: {"xmlns": XMLNS, "requestId": "r-1", **sample.response_record}}


def test_a_refused_call_has_a_prefixed_code_and_no_response() -> None:
    failure = Failure("InvalidRoute.NotFound", "no route with destination-cidr-block 0.0.0.0/0")

    detail = record_call("DeleteRoute", {"RouteTableId": "rtb-1"}, failure=failure)["detail"]

    assert detail["errorCode"] == "Client.InvalidRoute.NotFound"
    assert detail["errorMessage"] == "no route with destination-cidr-block 0.0.0.0/0"
    assert detail["responseElements"] is None


def test_the_envelope_carries_the_time_of_the_call() -> None:
    event = record_call("DeleteVpc", {"VpcId": "vpc-1"}, at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    assert event["time"] == event["detail"]["eventTime"] == "2026-01-02T03:04:05Z"
    assert (event["source"], event["detail-type"]) == ("aws.ec2", "AWS API Call via CloudTrail")
    assert event["resources"] == []


def test_a_role_is_named_with_its_session_and_its_issuer() -> None:
    caller = record_call("DeleteVpc", {}, identity=DEPLOYER)["detail"]["userIdentity"]

    assert caller["type"] == "AssumedRole"
    assert caller["arn"].endswith(":assumed-role/deploy-role/terraform")
    assert caller["sessionContext"]["sessionIssuer"]["arn"].endswith(":role/deploy-role")


def test_a_user_is_named_without_a_session() -> None:
    caller = record_call("DeleteVpc", {}, identity=Identity("ada"))["detail"]["userIdentity"]

    assert (caller["type"], caller["userName"]) == ("IAMUser", "ada")
    assert "sessionContext" not in caller


def test_an_operation_that_ec2_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="DeleteEverything"):
        record_call("DeleteEverything", {})


@pytest.mark.parametrize(
    ("operation", "ids"),
    [
        ("CreateRoute", {"rtb-0123456789abcdef0", "igw-0123456789abcdef0"}),
        ("ReplaceRouteTableAssociation", {"rtb-0123456789abcdef0", "rtbassoc-0123456789abcdef0"}),
        ("CreateVpcPeeringConnection", {"vpc-0123456789abcdef0", "pcx-0123456789abcdef0"}),
        ("CreateTransitGatewayVpcAttachment", {"vpc-0123456789abcdef0", "tgw-attach-0123456789abcdef0"}),
        ("DeleteTags", {"subnet-0123456789abcdef0"}),
    ],
)
def test_an_example_holds_the_ids_of_one_network(operation: str, ids: set[str]) -> None:
    assert ids <= set(ids_in(example_event(operation)["detail"]))


def test_an_example_is_the_same_each_time() -> None:
    assert example_event("CreateVpcEndpoint") == example_event("CreateVpcEndpoint")


def ids_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [found for inner in value.values() for found in ids_in(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in ids_in(inner)]
    return [value] if isinstance(value, str) and re.fullmatch(r"[a-z-]+-[0-9a-f]{17}", value) else []
