"""What a packet and a name would do in a VPC: the physics by which Lifeline is judged.

Written from AWS's rules and from what EC2's API says, without a line of Lifeline's: if both make the same mistake, no
test can see it, so they share nothing.
"""

import ipaddress
from dataclasses import dataclass
from typing import Any

HTTPS = 443


@dataclass(frozen=True, slots=True)
class Path:
    """Whether an instance reaches a service now, and by which way or why not."""

    is_open: bool
    why: str


def find_path(ec2: Any, instance_id: str, service: str, region: str) -> Path:
    """The way of an HTTPS request from the instance to the service's public name, at this moment.

    The name decides first: while an endpoint with private DNS answers it, it resolves to the endpoint's interfaces, and
    every request of the VPC goes there, also from subnets that could reach the internet.
    """
    instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    if instance["State"]["Name"] != "running":
        return Path(is_open=False, why=f"the instance is {instance['State']['Name']}")
    if endpoint := _endpoint_that_answers(ec2, instance["VpcId"], f"com.amazonaws.{region}.{service}"):
        return _through_endpoint(ec2, endpoint, instance)
    return _through_internet(ec2, instance)


def default_route(ec2: Any, subnet_id: str) -> dict[str, Any] | None:
    """The active route to 0.0.0.0/0 of the table in effect: the subnet's own, else the VPC's main one."""
    table = _route_table(ec2, subnet_id)
    routes = [route for route in table["Routes"] if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
    active: dict[str, Any] | None = next((route for route in routes if route.get("State") == "active"), None)
    return active


def _endpoint_that_answers(ec2: Any, vpc_id: str, service_name: str) -> dict[str, Any] | None:
    """The endpoint to whose interfaces the service's public name resolves, if any does."""
    if not (_vpc_attribute(ec2, vpc_id, "enableDnsSupport") and _vpc_attribute(ec2, vpc_id, "enableDnsHostnames")):
        return None
    filters = [
        {"Name": "vpc-id", "Values": [vpc_id]},
        {"Name": "service-name", "Values": [service_name]},
        {"Name": "vpc-endpoint-type", "Values": ["Interface"]},
    ]
    endpoints = ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
    return next((one for one in endpoints if one["State"] == "available" and one["PrivateDnsEnabled"]), None)


def _through_endpoint(ec2: Any, endpoint: dict[str, Any], instance: dict[str, Any]) -> Path:
    groups = [group["GroupId"] for group in endpoint["Groups"]]
    source = ipaddress.ip_address(instance["PrivateIpAddress"])
    found = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"] if groups else []
    if any(_lets_in(rule, source) for group in found for rule in group["IpPermissions"]):
        return Path(is_open=True, why=f"through {endpoint['VpcEndpointId']}")
    return Path(is_open=False, why=f"{endpoint['VpcEndpointId']} answers, but no security group lets {source} in")


def _lets_in(rule: dict[str, Any], source: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    everything = rule["IpProtocol"] == "-1"
    https = rule["IpProtocol"] == "tcp" and rule["FromPort"] <= HTTPS <= rule["ToPort"]
    ranges = [ipaddress.ip_network(one["CidrIp"]) for one in rule.get("IpRanges", ())]
    return (everything or https) and any(source in network for network in ranges)


def _through_internet(ec2: Any, instance: dict[str, Any]) -> Path:
    route = default_route(ec2, instance["SubnetId"])
    if route is None:
        return Path(is_open=False, why="the name resolves to public addresses, and there is no route to them")
    gateway_id = route.get("GatewayId", "")
    if not gateway_id.startswith("igw-"):
        return Path(
            is_open=True, why=f"through {route.get('NatGatewayId') or route.get('TransitGatewayId') or gateway_id}"
        )
    attachments = ec2.describe_internet_gateways(InternetGatewayIds=[gateway_id])["InternetGateways"][0]["Attachments"]
    if instance["VpcId"] not in [attachment["VpcId"] for attachment in attachments]:
        return Path(is_open=False, why=f"{gateway_id} is detached")
    if not instance.get("PublicIpAddress"):
        return Path(is_open=False, why="the instance has no public IPv4 address")
    return Path(is_open=True, why=f"through {gateway_id}")


def _route_table(ec2: Any, subnet_id: str) -> dict[str, Any]:
    own = [{"Name": "association.subnet-id", "Values": [subnet_id]}]
    if tables := ec2.describe_route_tables(Filters=own)["RouteTables"]:
        return dict(tables[0])
    vpc_id = ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]["VpcId"]
    main = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
    return dict(ec2.describe_route_tables(Filters=main)["RouteTables"][0])


def _vpc_attribute(ec2: Any, vpc_id: str, name: str) -> bool:
    answer = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name)
    return bool(answer[name[:1].upper() + name[1:]]["Value"])
