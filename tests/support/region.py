"""A large region, all compliant, as canned EC2 answers: for counting calls and timing the pure part."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.builders import MONITORING
from tests.support.world import World

PAGE = 1000
ACCOUNT = "123456789012"


@dataclass
class CannedEc2:
    """An EC2 client that answers describes from lists, a thousand items a page, and counts its calls."""

    answers: dict[str, list[dict[str, Any]]]
    calls: Counter[str] = field(default_factory=Counter)
    asked_about: set[str] = field(default_factory=set)

    def get_paginator(self, operation: str) -> "_Paginator":
        return _Paginator(self, operation)

    def describe_availability_zones(self, **_: object) -> dict[str, Any]:
        self.calls["describe_availability_zones"] += 1
        zones = [{"ZoneName": f"us-east-1{one}", "ZoneType": "availability-zone"} for one in "abc"]
        return {"AvailabilityZones": zones}

    def describe_vpc_attribute(self, *, VpcId: str, Attribute: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.calls["describe_vpc_attribute"] += 1
        self.asked_about.add(VpcId)
        return {"VpcId": VpcId, Attribute[0].upper() + Attribute[1:]: {"Value": True}}


@dataclass
class _Paginator:
    client: CannedEc2
    operation: str

    def paginate(self, **_: object) -> Iterator[dict[str, Any]]:
        key, items = next(iter(self.client.answers[self.operation][0].items()))
        for start in range(0, max(1, len(items)), PAGE):
            self.client.calls[self.operation] += 1
            yield {key: items[start : start + PAGE]}


def compliant_region(vpcs: int = 500, subnets_each: int = 10, tables_each: int = 4) -> CannedEc2:
    """VPCs whose private subnets in three zones all reach `monitoring` through Lifeline's own endpoint."""
    ids = [f"vpc-{place:017x}" for place in range(vpcs)]
    subnets = [_subnet(vpc, number, place) for number, vpc in enumerate(ids) for place in range(subnets_each)]
    tables = [
        _table(vpc, number, place, subnets_each) for number, vpc in enumerate(ids) for place in range(tables_each)
    ]
    acl = [{"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}]
    entries = [one | {"Egress": egress} for one in acl for egress in (True, False)]
    own = [{"Key": "lifeline:managed-by", "Value": "lifeline"}]
    return CannedEc2(
        {
            "describe_vpcs": [
                {"Vpcs": [{"VpcId": vpc, "CidrBlock": "10.0.0.0/16", "OwnerId": ACCOUNT} for vpc in ids]}
            ],
            "describe_subnets": [{"Subnets": subnets}],
            "describe_route_tables": [{"RouteTables": tables}],
            "describe_vpc_endpoints": [
                {
                    "VpcEndpoints": [
                        {
                            "VpcEndpointId": f"vpce-{number:017x}",
                            "VpcId": vpc,
                            "ServiceName": MONITORING,
                            "VpcEndpointType": "Interface",
                            "State": "available",
                            "PrivateDnsEnabled": True,
                            "SubnetIds": [f"subnet-{number:08x}{place:09x}" for place in range(3)],
                            "Groups": [{"GroupId": f"sg-{number:017x}"}],
                            "Tags": own,
                        }
                        for number, vpc in enumerate(ids)
                    ]
                }
            ],
            "describe_security_groups": [
                {
                    "SecurityGroups": [
                        {
                            "GroupId": f"sg-{number:017x}",
                            "VpcId": vpc,
                            "GroupName": "lifeline-endpoints",
                            "IpPermissions": [
                                {
                                    "IpProtocol": "tcp",
                                    "FromPort": 443,
                                    "ToPort": 443,
                                    "IpRanges": [{"CidrIp": "10.0.0.0/16"}],
                                }
                            ],
                            "Tags": own,
                        }
                        for number, vpc in enumerate(ids)
                    ]
                }
            ],
            "describe_network_acls": [
                {
                    "NetworkAcls": [
                        {
                            "NetworkAclId": f"acl-{number:017x}",
                            "VpcId": vpc,
                            "Associations": [
                                {"SubnetId": f"subnet-{number:08x}{place:09x}"} for place in range(subnets_each)
                            ],
                            "Entries": entries,
                        }
                        for number, vpc in enumerate(ids)
                    ]
                }
            ],
            "describe_nat_gateways": [{"NatGateways": []}],
            "describe_vpc_endpoint_services": [
                {
                    "ServiceDetails": [
                        {
                            "ServiceName": MONITORING,
                            "Owner": "amazon",
                            "ServiceType": [{"ServiceType": "Interface"}],
                            "AvailabilityZones": [f"us-east-1{one}" for one in "abc"],
                            "PrivateDnsNames": [{"PrivateDnsName": "monitoring.us-east-1.amazonaws.com"}],
                        }
                    ]
                }
            ],
        }
    )


def _subnet(vpc: str, number: int, place: int) -> dict[str, Any]:
    return {
        "SubnetId": f"subnet-{number:08x}{place:09x}",
        "VpcId": vpc,
        "AvailabilityZone": f"us-east-1{'abc'[place % 3]}",
        "CidrBlock": f"10.0.{place}.0/24",
        "AvailableIpAddressCount": 200,
        "OwnerId": ACCOUNT,
        "State": "available",
    }


def _table(vpc: str, number: int, place: int, subnets_each: int) -> dict[str, Any]:
    """The main table and three more; the last one leads to a NAT gateway, the others nowhere."""
    local: dict[str, Any] = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}
    nat = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}
    mine = [one for one in range(subnets_each) if one % 4 == place and place]
    associations: list[dict[str, Any]] = [{"SubnetId": f"subnet-{number:08x}{one:09x}"} for one in mine]
    return {
        "RouteTableId": f"rtb-{number:08x}{place:09x}",
        "VpcId": vpc,
        "Associations": associations if place else [{"Main": True}],
        "Routes": [local, nat] if place == 3 else [local],
    }


def make_gaps(world: World, vpcs: int) -> list[str]:
    """VPCs with a subnet each, in an emulated account. Every other one's is private, and its VPC is returned, because
    it misses an endpoint; the others' are public.
    """
    missing = []
    for number in range(vpcs):
        network = f"10.{number % 250}"
        vpc_id = world.make_vpc(cidr=f"{network}.0.0/16")
        world.make_subnet(vpc_id, f"{network}.1.0/24")
        if number % 2:
            world.open_to_internet(vpc_id)
        else:
            missing.append(vpc_id)
    return missing
