"""Each rule of the stand-in, shown at work. Where moto alone would say yes, AWS's code is expected."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError

from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.network import Network
from lifeline.core.network.model import EndpointState
from tests.support.emulator import emulated_aws
from tests.support.strict import GATEWAY, INTERFACE, Bucket, Clock, Service, StrictAccount

MONITORING = "com.amazonaws.us-east-1.monitoring"
LOGS = "com.amazonaws.us-east-1.logs"
S3 = "com.amazonaws.us-east-1.s3"
MINUTE = timedelta(minutes=1)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@dataclass(frozen=True)
class Land:
    """A VPC with DNS on, and what a test needs to build in it."""

    account: StrictAccount
    clock: Clock
    ec2: Any
    vpc_id: str

    def subnet(self, zone: str = "us-east-1a", *, number: int = 0, vpc_id: str = "") -> str:
        number = number or len(self.ec2.describe_subnets()["Subnets"])
        cidr = f"10.0.{number}.0/24"
        made = self.ec2.create_subnet(VpcId=vpc_id or self.vpc_id, CidrBlock=cidr, AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def main_table(self) -> str:
        filters = [{"Name": "vpc-id", "Values": [self.vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
        return str(self.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"])

    def table(self) -> str:
        return str(self.ec2.create_route_table(VpcId=self.vpc_id)["RouteTable"]["RouteTableId"])

    def group(self, name: str = "endpoints") -> str:
        return str(self.ec2.create_security_group(GroupName=name, Description="x", VpcId=self.vpc_id)["GroupId"])

    def interface(self, *subnet_ids: str, service: str = MONITORING, **more: Any) -> dict[str, Any]:
        params = {"VpcId": self.vpc_id, "ServiceName": service, "SubnetIds": list(subnet_ids)} | more
        made: dict[str, Any] = self.ec2.create_vpc_endpoint(VpcEndpointType="Interface", **params)["VpcEndpoint"]
        return made

    def gateway(self, *table_ids: str, service: str = S3, **more: Any) -> dict[str, Any]:
        params = {"VpcId": self.vpc_id, "ServiceName": service, "RouteTableIds": list(table_ids)} | more
        made: dict[str, Any] = self.ec2.create_vpc_endpoint(**params)["VpcEndpoint"]
        return made

    def ready(self, *subnet_ids: str, **more: Any) -> str:
        """An interface endpoint that is available."""
        endpoint_id = str(self.interface(*subnet_ids, **more)["VpcEndpointId"])
        self.clock.advance(2 * MINUTE)
        return endpoint_id

    def endpoints(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ec2.describe_vpc_endpoints()["VpcEndpoints"]
        return found

    def endpoint(self, endpoint_id: str) -> dict[str, Any]:
        return next(one for one in self.endpoints() if one["VpcEndpointId"] == endpoint_id)

    def state(self, endpoint_id: str) -> str:
        return str(self.endpoint(endpoint_id)["State"])

    def route(self, table_id: str, destination: str) -> dict[str, Any]:
        table = self.ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"][0]
        found: dict[str, Any] = next(one for one in table["Routes"] if destination in one.values())
        return found


@pytest.fixture(scope="module")
def plain_client() -> Any:
    """One client for all tests: making one takes longer than most of them."""
    return boto3.client("ec2", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def land(monkeypatch: pytest.MonkeyPatch, plain_client: Any) -> Iterator[Land]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with emulated_aws():
        clock = Clock()
        account = StrictAccount(now=clock, throttling=False, endpoints_hidden_for=seconds(0))
        ec2 = account.attach(plain_client)
        vpc_id = str(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])
        ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
        yield Land(account, clock, ec2, vpc_id)
        account.detach(ec2)


class Refusal:
    """What `refused` caught."""

    error: ClientError

    @property
    def message(self) -> str:
        return str(self.error.response["Error"]["Message"])


class refused:  # noqa: N801 - reads as `with refused(...)`
    """Expects a call to be refused with a code, and words that begin so."""

    def __init__(self, code: str, words: str = "") -> None:
        self._code, self._words = code, words

    def __enter__(self) -> Refusal:
        self._refusal = Refusal()
        return self._refusal

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        assert isinstance(error, ClientError), f"expected {self._code}, got {error!r}"
        assert error.response["Error"]["Code"] == self._code, error
        assert error.response["Error"]["Message"].startswith(self._words), error
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] >= 400
        self._refusal.error = error
        return True


# ---- subnets


def test_an_endpoint_has_one_subnet_in_a_zone(land: Land) -> None:
    first, second = land.subnet(), land.subnet()
    words = f"Found another VPC endpoint subnet in the availability zone of {second}."
    with refused("DuplicateSubnetsInSameZone", words):
        land.interface(first, second)
    endpoint_id = land.ready(first)
    with refused("DuplicateSubnetsInSameZone", words):
        land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddSubnetIds=[second])
    land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddSubnetIds=[second], RemoveSubnetIds=[first])
    assert land.endpoint(endpoint_id)["SubnetIds"] == [second]


def test_a_service_is_only_in_its_zones_and_describes_so(land: Land) -> None:
    here, there = land.subnet("us-east-1a"), land.subnet("us-east-1b")
    land.account.offer(Service(MONITORING, private_dns_names=("m.example",), zone_ids=frozenset({"use1-az6"})))
    detail = land.ec2.describe_vpc_endpoint_services(ServiceNames=[MONITORING])["ServiceDetails"][0]
    assert (detail["AvailabilityZoneIds"], detail["AvailabilityZones"]) == (["use1-az6"], ["us-east-1a"])
    words = f"The VPC endpoint service {MONITORING} does not support the availability zone of the subnet: {there}"
    with refused("InvalidParameter", words):
        land.interface(there)
    endpoint_id = land.ready(here)
    with refused("InvalidParameter", words):
        land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddSubnetIds=[there])


def test_a_subnet_of_a_local_zone_takes_no_endpoint_and_its_zone_is_listed(land: Land) -> None:
    subnet_id = land.subnet()
    land.account.place_in_zone(subnet_id, "us-east-1-bos-1a", "use1-bos1-az1")
    zones = land.ec2.describe_availability_zones(AllAvailabilityZones=True)["AvailabilityZones"]
    assert {"use1-bos1-az1": "local-zone"}.items() <= {zone["ZoneId"]: zone["ZoneType"] for zone in zones}.items()
    assert land.ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]["AvailabilityZone"] == "us-east-1-bos-1a"
    with refused("InvalidParameter", f"The VPC endpoint service {MONITORING} does not support the availability zone"):
        land.interface(subnet_id)


def test_a_shared_subnet_and_one_on_an_outpost_take_no_endpoint(land: Land) -> None:
    shared, outpost = land.subnet("us-east-1a"), land.subnet("us-east-1b")
    land.account.show(shared, OwnerId="222222222222")
    land.account.show(outpost, OutpostArn="arn:aws:outposts:us-east-1:123456789012:outpost/op-1")
    with refused("OperationNotPermitted"):
        land.interface(shared)
    with refused("InvalidParameter"):
        land.interface(outpost)
    shown = {one["SubnetId"]: one for one in land.ec2.describe_subnets()["Subnets"]}
    assert shown[shared]["OwnerId"] == "222222222222"
    assert shown[outpost]["OutpostArn"].endswith("op-1")


def test_nothing_can_be_made_in_a_vpc_that_another_account_shares(land: Land) -> None:
    land.account.show(land.vpc_id, OwnerId="222222222222")
    with refused("OperationNotPermitted"):
        land.gateway(land.main_table())


def test_a_subnet_without_free_addresses_takes_no_endpoint_and_each_interface_takes_one(land: Land) -> None:
    subnet_id = land.subnet()
    land.account.set_free_addresses(subnet_id, 1)
    land.interface(subnet_id)
    assert land.ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]["AvailableIpAddressCount"] == 0
    with refused("InsufficientFreeAddressesInSubnet"):
        land.interface(subnet_id, service=LOGS)


def test_an_ipv6_only_subnet_needs_an_ipv6_endpoint_of_a_service_that_has_it(land: Land) -> None:
    subnet_id = land.subnet()
    land.account.show(subnet_id, Ipv6Native=True, CidrBlock=None)
    with refused("InvalidParameter", "The IP address type ipv4 is not compatible"):
        land.interface(subnet_id)
    with refused("InvalidParameter", f"The service {MONITORING} does not support"):
        land.interface(subnet_id, IpAddressType="ipv6")


def test_subnets_groups_and_tables_that_are_not_the_vpcs_are_refused(land: Land) -> None:
    other = str(land.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])
    with refused("InvalidParameter", "The subnet ID"):
        land.interface(land.subnet(vpc_id=other))
    with refused("InvalidSubnetID.NotFound"):
        land.interface("subnet-0123")
    with refused("InvalidGroup.NotFound"):
        land.interface(land.subnet(), SecurityGroupIds=["sg-0123"])
    with refused("InvalidRouteTableID.NotFound"):
        land.gateway("rtb-0123")
    with refused("InvalidVpcID.NotFound"):
        land.gateway(VpcId="vpc-0123")


# ---- services


def test_an_unknown_service_has_an_invalid_name(land: Land) -> None:
    with refused("InvalidServiceName", "The Vpc Endpoint Service 'com.amazonaws.us-east-1.route53' does not exist"):
        land.interface(land.subnet(), service="com.amazonaws.us-east-1.route53")
    land.account.withdraw(MONITORING)
    with refused("InvalidServiceName"):
        land.ec2.describe_vpc_endpoint_services(ServiceNames=[MONITORING])


def test_s3_and_dynamodb_are_offered_as_both_types_with_zone_ids_and_address_types(land: Land) -> None:
    pages = land.ec2.get_paginator("describe_vpc_endpoint_services").paginate(PaginationConfig={"PageSize": 7})
    details = [detail for page in pages for detail in page["ServiceDetails"]]
    types = {(one["ServiceName"].rpartition(".")[2], one["ServiceType"][0]["ServiceType"]) for one in details}
    assert {("s3", INTERFACE), ("s3", GATEWAY), ("dynamodb", INTERFACE), ("dynamodb", GATEWAY)} <= types
    ecr = next(one for one in details if one["ServiceName"].endswith("ecr.api"))
    assert ecr["PrivateDnsNames"] == [{"PrivateDnsName": "api.ecr.us-east-1.amazonaws.com"}]
    assert set(ecr["AvailabilityZoneIds"]) == {f"use1-az{number}" for number in range(1, 7)}
    assert ecr["SupportedIpAddressTypes"] == ["ipv4"]
    assert land.account.call_counts["DescribeVpcEndpointServices"] > 5


def test_the_type_is_gateway_unless_said_otherwise_and_must_be_the_services(land: Land) -> None:
    assert land.gateway(land.main_table())["VpcEndpointType"] == "Gateway"
    with refused("InvalidParameter", "Endpoint type (Gateway) does not match available service types ([Interface])."):
        land.gateway(land.table(), service=LOGS)


# ---- defaults and private DNS


def test_what_is_left_out_is_filled_in_as_aws_does(land: Land) -> None:
    made = land.interface(land.subnet())
    groups = land.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [land.vpc_id]}])["SecurityGroups"]
    assert made["PrivateDnsEnabled"] is True
    assert made["Groups"] == [{"GroupId": groups[0]["GroupId"], "GroupName": "default"}]
    assert land.gateway(land.main_table())["PrivateDnsEnabled"] is False
    assert [entry["DnsName"].split(".")[0].startswith(made["VpcEndpointId"]) for entry in made["DnsEntries"]] == [
        True,
        True,
        *[False] * 4,
    ]
    assert made["DnsEntries"][2]["DnsName"] == "monitoring.us-east-1.amazonaws.com"
    assert made["CreationTimestamp"] == land.clock()


def test_an_endpoints_interface_has_an_address_of_its_subnet_and_goes_with_it(land: Land) -> None:
    first, second = land.subnet(number=7), land.subnet("us-east-1b", number=8)
    endpoint_id = land.ready(first)
    land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddSubnetIds=[second])
    ids = land.endpoint(endpoint_id)["NetworkInterfaceIds"]
    found = land.ec2.describe_network_interfaces(NetworkInterfaceIds=ids)["NetworkInterfaces"]
    assert {one["SubnetId"]: one["PrivateIpAddress"] for one in found} == {first: "10.0.7.4", second: "10.0.8.4"}
    assert {one["InterfaceType"] for one in found} == {"vpc_endpoint"}
    land.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    assert len(land.ec2.describe_network_interfaces()["NetworkInterfaces"]) == 2  # as long as it is on its way out
    land.clock.advance(land.account.deleting_for)
    assert land.ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_one_endpoint_of_a_vpc_answers_a_private_name(land: Land) -> None:
    endpoint_id = land.ready(land.subnet())
    words = (
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
        f"monitoring.us-east-1.amazonaws.com in the VPC {land.vpc_id}"
    )
    with refused("InvalidParameter", words):
        land.interface(land.subnet())
    second = land.ready(land.subnet(), PrivateDnsEnabled=False)
    with refused("InvalidParameter", words):
        land.ec2.modify_vpc_endpoint(VpcEndpointId=second, PrivateDnsEnabled=True)
    land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PrivateDnsEnabled=False)
    assert land.endpoint(endpoint_id)["PrivateDnsEnabled"] is False
    land.ec2.modify_vpc_endpoint(VpcEndpointId=second, PrivateDnsEnabled=True)
    assert land.endpoint(second)["PrivateDnsEnabled"] is True


def test_an_endpoint_holds_its_name_until_it_is_deleted(land: Land) -> None:
    endpoint_id = land.ready(land.subnet())
    land.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    with refused("InvalidParameter", "private-dns-enabled cannot be set"):
        land.interface(land.subnet())
    land.clock.advance(land.account.deleting_for)
    land.interface(land.subnet())


@pytest.mark.parametrize("zone", ["dkr.ecr.us-east-1.amazonaws.com", "dkr.ecr.us-east-1.amazonaws.com."])
def test_a_private_hosted_zone_of_the_name_conflicts_too(land: Land, zone: str) -> None:
    land.account.zones[land.vpc_id].add(zone)
    with refused("InvalidParameter", "private-dns-enabled cannot be set"):
        land.interface(land.subnet(), service="com.amazonaws.us-east-1.ecr.dkr")
    land.interface(land.subnet(), service="com.amazonaws.us-east-1.ecr.api")


def test_zones_of_route_53_conflict_as_well(land: Land) -> None:
    boto3.client("route53").create_hosted_zone(
        Name="monitoring.us-east-1.amazonaws.com",
        CallerReference="1",
        VPC={"VPCRegion": "us-east-1", "VPCId": land.vpc_id},
        HostedZoneConfig={"PrivateZone": True},
    )
    with refused("InvalidParameter", "private-dns-enabled cannot be set"):
        land.interface(land.subnet())


@pytest.mark.parametrize("attribute", ["EnableDnsHostnames", "EnableDnsSupport"])
def test_private_dns_needs_both_dns_attributes(land: Land, attribute: str) -> None:
    land.ec2.modify_vpc_attribute(VpcId=land.vpc_id, **{attribute: {"Value": False}})
    with refused("InvalidParameter", "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames"):
        land.interface(land.subnet())
    land.interface(land.subnet(), PrivateDnsEnabled=False)


def test_a_service_without_a_private_name_gets_no_private_dns(land: Land) -> None:
    dynamodb = "com.amazonaws.us-east-1.dynamodb"
    assert land.interface(land.subnet(), service=dynamodb)["PrivateDnsEnabled"] is False
    with refused("InvalidParameter", "Private DNS can't be enabled because the service"):
        land.interface(land.subnet(), service=dynamodb, PrivateDnsEnabled=True)


def test_private_dns_of_s3_needs_a_gateway_endpoint_beside_it(land: Land) -> None:
    with refused("InvalidParameter", "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC"):
        land.interface(land.subnet(), service=S3)
    land.gateway(land.main_table())
    land.interface(land.subnet(), service=S3)


def test_dns_attributes_change_one_at_a_time(land: Land) -> None:
    both: dict[str, Any] = {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": True}}
    with refused("InvalidParameterCombination"):
        land.ec2.modify_vpc_attribute(VpcId=land.vpc_id, **both)


# ---- gateway endpoints


def test_a_route_table_has_one_gateway_endpoint_of_a_service(land: Land) -> None:
    first, second = land.main_table(), land.table()
    endpoint_id = land.gateway(first)["VpcEndpointId"]
    with refused("RouteAlreadyExists"):
        land.gateway(second, first)
    land.gateway(first, service="com.amazonaws.us-east-1.dynamodb")
    other = land.gateway(second)["VpcEndpointId"]
    with refused("RouteAlreadyExists"):
        land.ec2.modify_vpc_endpoint(VpcEndpointId=other, AddRouteTableIds=[first])
    assert land.route(first, endpoint_id)["State"] == "active"


def test_a_gateway_endpoints_routes_follow_its_tables(land: Land) -> None:
    first, second = land.main_table(), land.table()
    endpoint_id = land.gateway(first)["VpcEndpointId"]
    land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddRouteTableIds=[second], RemoveRouteTableIds=[first])
    assert land.route(second, endpoint_id)["DestinationPrefixListId"].startswith("pl-")
    with pytest.raises(StopIteration):
        land.route(first, endpoint_id)
    land.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    with pytest.raises(StopIteration):
        land.route(second, endpoint_id)


def test_tables_are_for_gateway_endpoints_and_subnets_for_the_others(land: Land) -> None:
    with refused("InvalidParameter", "Route table IDs are only supported for Gateway type VPC Endpoint"):
        land.interface(land.subnet(), RouteTableIds=[land.main_table()])
    with refused("InvalidParameter"):
        land.gateway(land.main_table(), SubnetIds=[land.subnet()])
    with refused("InvalidParameter"):
        land.gateway(land.main_table(), PrivateDnsEnabled=True)
    endpoint_id = land.ready(land.subnet())
    with refused("InvalidParameter", "Route table IDs are only supported for Gateway type VPC Endpoint"):
        land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddRouteTableIds=[land.main_table()])


# ---- idempotency and dry runs


def test_the_same_token_makes_one_endpoint(land: Land) -> None:
    subnet_id = land.subnet()
    first = land.interface(subnet_id, ClientToken="t")
    land.clock.advance(2 * MINUTE)
    again = land.interface(subnet_id, ClientToken="t")
    assert again["VpcEndpointId"] == first["VpcEndpointId"]
    assert (first["State"], again["State"]) == ("pending", "available")
    assert len(land.endpoints()) == 1


def test_the_same_token_for_something_else_is_refused(land: Land) -> None:
    land.interface(land.subnet(), ClientToken="t")
    with refused("IdempotentParameterMismatch"):
        land.interface(land.subnet(), ClientToken="t")


def test_a_token_brings_back_no_deleted_endpoint(land: Land) -> None:
    subnet_id = land.subnet()
    endpoint_id = land.interface(subnet_id, ClientToken="t")["VpcEndpointId"]
    land.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    land.clock.advance(timedelta(hours=1))
    again = land.interface(subnet_id, ClientToken="t")
    assert (again["VpcEndpointId"], again["State"]) == (endpoint_id, "deleted")
    assert land.endpoints() == []
    assert land.interface(subnet_id, ClientToken="t2")["State"] == "pending"


def test_a_token_of_a_refused_call_is_still_free(land: Land) -> None:
    subnet_id = land.subnet()
    land.account.set_free_addresses(subnet_id, 0)
    with refused("InsufficientFreeAddressesInSubnet"):
        land.interface(subnet_id, ClientToken="t")
    land.account.set_free_addresses(subnet_id, 5)
    land.interface(subnet_id, ClientToken="t")


def test_a_dry_run_is_an_error_and_changes_nothing(land: Land) -> None:
    with refused("DryRunOperation") as refusal:
        land.interface(land.subnet(), DryRun=True)
    assert refusal.error.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert land.endpoints() == []


def test_what_botocore_refuses_is_no_call(land: Land) -> None:
    land.account.forget_calls()
    with pytest.raises(ParamValidationError):
        land.ec2.create_vpc_endpoint(ServiceName=MONITORING)
    assert not land.account.call_counts


# ---- states


def test_an_interface_endpoint_is_pending_first_and_a_gateway_endpoint_available_at_once(land: Land) -> None:
    endpoint_id = land.interface(land.subnet())["VpcEndpointId"]
    assert land.state(endpoint_id) == "pending"
    land.clock.advance(seconds(59))
    assert land.state(endpoint_id) == "pending"
    land.clock.advance(seconds(1))
    assert land.state(endpoint_id) == "available"
    assert land.gateway(land.main_table())["State"] == "available"


def test_filters_see_the_state_of_the_moment(land: Land) -> None:
    land.interface(land.subnet())
    pending = [{"Name": "vpc-endpoint-state", "Values": ["pending"]}]
    assert len(land.ec2.describe_vpc_endpoints(Filters=pending)["VpcEndpoints"]) == 1
    land.clock.advance(MINUTE)
    assert land.ec2.describe_vpc_endpoints(Filters=pending)["VpcEndpoints"] == []


def test_changes_of_one_endpoint_come_one_after_the_other(land: Land) -> None:
    endpoint_id = land.interface(land.subnet("us-east-1a"))["VpcEndpointId"]
    add = {"VpcEndpointId": endpoint_id, "AddSubnetIds": [land.subnet("us-east-1b")]}
    with refused("OperationInProgress", "VpcEndpoint modify operation in progress"):
        land.ec2.modify_vpc_endpoint(**add)
    land.clock.advance(MINUTE)
    land.ec2.modify_vpc_endpoint(**add)
    assert land.state(endpoint_id) == "pending"
    with refused("OperationInProgress"):
        land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PrivateDnsEnabled=False)
    land.clock.advance(MINUTE)
    assert land.state(endpoint_id) == "available"


def test_an_endpoint_can_fail_with_a_reason(land: Land) -> None:
    land.account.fail_endpoints_of(MONITORING, "InternalError", "no capacity")
    endpoint_id = land.ready(land.subnet())
    shown = land.endpoint(endpoint_id)
    assert (shown["State"], shown["LastError"]) == ("failed", {"Code": "InternalError", "Message": "no capacity"})
    with refused("IncorrectState"):
        land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PrivateDnsEnabled=False)
    second = land.ready(land.subnet(), PrivateDnsEnabled=False)
    assert land.state(second) == "available"


def test_a_test_can_put_an_endpoint_in_any_state(land: Land) -> None:
    endpoint_id = land.ready(land.subnet())
    land.account.put_in_state(endpoint_id, "rejected")
    assert land.state(endpoint_id) == "rejected"
    land.account.put_in_state(endpoint_id, "")
    assert land.state(endpoint_id) == "available"


def test_a_deleted_endpoint_stays_listed_for_a_while(land: Land) -> None:
    endpoint_id = land.ready(land.subnet())
    land.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    assert land.state(endpoint_id) == "deleting"
    land.clock.advance(land.account.deleting_for)
    assert land.state(endpoint_id) == "deleted"
    land.clock.advance(land.account.deleted_shown_for)
    assert land.endpoints() == []
    with refused("InvalidVpcEndpointId.NotFound"):
        land.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])


def test_a_deletion_says_what_it_could_not_delete(land: Land) -> None:
    managed = land.ready(land.subnet())
    land.account.show(managed, RequesterManaged=True)
    told = land.ec2.delete_vpc_endpoints(VpcEndpointIds=["vpce-0123", managed])["Unsuccessful"]
    assert [(one["ResourceId"], one["Error"]["Code"]) for one in told] == [
        ("vpce-0123", "InvalidVpcEndpoint.NotFound"),
        (managed, "OperationNotPermitted"),
    ]
    assert land.endpoint(managed)["RequesterManaged"] is True
    with refused("OperationNotPermitted"):
        land.ec2.modify_vpc_endpoint(VpcEndpointId=managed, PrivateDnsEnabled=False)


def test_what_moto_made_alone_has_always_been_there(land: Land) -> None:
    plain, subnet_id = boto3.client("ec2"), land.subnet()
    params: dict[str, Any] = {"VpcId": land.vpc_id, "ServiceName": MONITORING, "SubnetIds": [subnet_id]}
    endpoint_id = plain.create_vpc_endpoint(VpcEndpointType="Interface", **params)["VpcEndpoint"]["VpcEndpointId"]
    assert land.state(endpoint_id) == "available"
    with refused("InvalidParameter", "private-dns-enabled cannot be set"):
        land.interface(subnet_id)


# ---- eventual consistency


def test_a_fresh_endpoint_is_not_shown_yet(land: Land) -> None:
    land.account.endpoints_hidden_for = seconds(5)
    subnet_id = land.subnet()
    endpoint_id = land.interface(subnet_id, ClientToken="t")["VpcEndpointId"]
    assert land.endpoints() == []
    with refused("InvalidVpcEndpointId.NotFound"):
        land.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    with refused("InvalidVpcEndpointId.NotFound"):
        land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PrivateDnsEnabled=False)
    assert land.interface(subnet_id, ClientToken="t")["VpcEndpointId"] == endpoint_id
    with refused("InvalidParameter", "private-dns-enabled cannot be set"):
        land.interface(subnet_id)
    land.clock.advance(seconds(5))
    assert land.state(endpoint_id) == "pending"


def test_a_fresh_group_is_not_found_yet_and_its_name_is_taken(land: Land) -> None:
    land.account.groups_hidden_for = seconds(5)
    group_id = land.group()
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    with refused("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist"):
        land.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])
    with refused("InvalidGroup.NotFound"):
        land.interface(land.subnet(), SecurityGroupIds=[group_id])
    with refused("InvalidGroup.Duplicate"):
        land.group()
    assert group_id not in {one["GroupId"] for one in land.ec2.describe_security_groups()["SecurityGroups"]}
    land.clock.advance(seconds(5))
    land.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])
    endpoint = land.interface(land.subnet(), SecurityGroupIds=[group_id])
    assert [group["GroupId"] for group in endpoint["Groups"]] == [group_id]


def test_a_groups_name_is_taken_in_any_case(land: Land) -> None:
    land.group("Endpoints")
    with refused("InvalidGroup.Duplicate"):
        land.group()


def test_a_group_and_a_subnet_that_an_endpoint_uses_stay(land: Land) -> None:
    group_id, subnet_id = land.group(), land.subnet()
    endpoint_id = land.ready(subnet_id, SecurityGroupIds=[group_id])
    with refused("DependencyViolation"):
        land.ec2.delete_subnet(SubnetId=subnet_id)
    with refused("DependencyViolation"):
        land.ec2.delete_security_group(GroupId=group_id)
    land.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    land.clock.advance(land.account.deleting_for)
    land.ec2.delete_security_group(GroupId=group_id)
    land.ec2.delete_subnet(SubnetId=subnet_id)


def test_a_subnet_stays_while_a_deleted_endpoints_interface_lingers(land: Land) -> None:
    subnet_id = land.subnet()
    land.ec2.delete_vpc_endpoints(VpcEndpointIds=[land.ready(subnet_id)])
    with refused("DependencyViolation"):
        land.ec2.delete_subnet(SubnetId=subnet_id)
    land.clock.advance(land.account.deleting_for)
    land.ec2.delete_subnet(SubnetId=subnet_id)


def test_a_vpc_stays_while_anything_but_its_defaults_is_in_it(land: Land) -> None:
    group_id = land.group()
    endpoint_id = land.gateway()["VpcEndpointId"]
    with refused("DependencyViolation"):
        land.ec2.delete_vpc(VpcId=land.vpc_id)
    land.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    land.clock.advance(land.account.deleting_for)
    with refused("DependencyViolation"):
        land.ec2.delete_vpc(VpcId=land.vpc_id)
    land.ec2.delete_security_group(GroupId=group_id)
    land.ec2.delete_vpc(VpcId=land.vpc_id)


# ---- quotas and budgets


def test_a_vpc_has_its_quota_of_interface_endpoints(land: Land) -> None:
    assert land.account.interface_quota == 50
    land.account.interface_quota = 1
    endpoint_id = land.ready(land.subnet())
    with refused("VpcEndpointLimitExceeded"):
        land.interface(land.subnet(), service=LOGS)
    land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddSubnetIds=[land.subnet("us-east-1b")])


def test_a_region_has_its_quota_of_gateway_endpoints(land: Land) -> None:
    assert land.account.gateway_quota == 20
    land.account.gateway_quota = 1
    land.gateway(land.main_table())
    with refused("GatewayVpcEndpointLimitExceeded"):
        land.gateway(land.table())


def test_endpoint_calls_share_a_budget_of_four_and_then_of_one_in_three_seconds(land: Land) -> None:
    land.account.throttling = True
    tables = [land.main_table(), *(land.table() for _ in range(5))]
    endpoint_id = land.gateway(tables[0])["VpcEndpointId"]
    for table_id in tables[1:3]:
        land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddRouteTableIds=[table_id])
    land.ec2.delete_vpc_endpoints(VpcEndpointIds=["vpce-0123"])
    add = {"VpcEndpointId": endpoint_id, "AddRouteTableIds": [tables[3]]}
    with refused("RequestLimitExceeded", "Request limit exceeded.") as refusal:
        land.ec2.modify_vpc_endpoint(**add)
    assert refusal.error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    land.clock.advance(seconds(3.2))
    with refused("RequestLimitExceeded"):
        land.ec2.modify_vpc_endpoint(**add)
    land.clock.advance(seconds(0.2))
    land.ec2.modify_vpc_endpoint(**add)
    with refused("RequestLimitExceeded"):
        land.gateway(tables[4], service="com.amazonaws.us-east-1.dynamodb")
    land.clock.advance(timedelta(hours=1))
    for table_id in tables[4:]:
        land.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddRouteTableIds=[table_id])


def test_any_other_call_can_have_a_budget(land: Land) -> None:
    land.account.throttling = True
    land.account.buckets["DescribeVpcs"] = Bucket(1, 1)
    land.ec2.describe_vpcs()
    with refused("RequestLimitExceeded"):
        land.ec2.describe_vpcs()


# ---- routes


def test_a_route_whose_target_is_gone_is_a_blackhole(land: Land) -> None:
    ec2, table_id = land.ec2, land.main_table()
    gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=land.vpc_id)
    nat_id = ec2.create_nat_gateway(SubnetId=land.subnet(), ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    eni = ec2.create_network_interface(SubnetId=land.subnet())["NetworkInterface"]["NetworkInterfaceId"]
    peer = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=land.vpc_id, PeerVpcId=peer)["VpcPeeringConnection"]
    peering_id = peering["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    transit_id = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    with refused("InvalidTransitGatewayID.NotFound"):
        ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="172.16.0.0/12", TransitGatewayId=transit_id)
    attachment = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=transit_id, VpcId=land.vpc_id, SubnetIds=[land.subnet()]
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    egress = ec2.create_egress_only_internet_gateway(VpcId=land.vpc_id)["EgressOnlyInternetGateway"]
    egress_id = egress["EgressOnlyInternetGatewayId"]
    targets: dict[str, dict[str, str]] = {
        "0.0.0.0/0": {"GatewayId": gateway_id},
        "192.0.2.0/24": {"NatGatewayId": nat_id},
        "198.51.100.0/24": {"NetworkInterfaceId": eni},
        "10.9.0.0/16": {"VpcPeeringConnectionId": peering_id},
        "172.16.0.0/12": {"TransitGatewayId": transit_id},
    }
    for cidr, target in targets.items():
        ec2.create_route(RouteTableId=table_id, DestinationCidrBlock=cidr, **target)
    six = {"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": egress_id}
    ec2.create_route(RouteTableId=table_id, **six)
    assert {land.route(table_id, one)["State"] for one in [*targets, "::/0", "local"]} == {"active"}

    ec2.detach_internet_gateway(InternetGatewayId=gateway_id, VpcId=land.vpc_id)
    ec2.delete_nat_gateway(NatGatewayId=nat_id)
    ec2.delete_network_interface(NetworkInterfaceId=eni)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=egress_id)
    assert {land.route(table_id, one)["State"] for one in [*targets, "::/0"]} == {"blackhole"}
    assert land.route(table_id, "local")["State"] == "active"


def test_a_gateway_that_is_attached_elsewhere_is_a_blackhole_here(land: Land) -> None:
    ec2, table_id = land.ec2, land.main_table()
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    internet_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=internet_id, VpcId=other)
    vpn_id = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpnGatewayId=vpn_id, VpcId=land.vpc_id)
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=internet_id)
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="192.0.2.0/24", GatewayId=vpn_id)
    assert land.route(table_id, internet_id)["State"] == "blackhole"
    assert land.route(table_id, vpn_id)["State"] == "active"
    ec2.detach_vpn_gateway(VpnGatewayId=vpn_id, VpcId=land.vpc_id)
    assert land.route(table_id, vpn_id)["State"] == "blackhole"


def test_a_terminated_nat_instance_is_a_blackhole(land: Land) -> None:
    ec2, table_id = land.ec2, land.main_table()
    image_id = ec2.register_image(Name="nat")["ImageId"]
    ran = ec2.run_instances(ImageId=image_id, MinCount=1, MaxCount=1, SubnetId=land.subnet())
    instance_id = ran["Instances"][0]["InstanceId"]
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", InstanceId=instance_id)
    assert land.route(table_id, "0.0.0.0/0")["State"] == "active"
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert land.route(table_id, "0.0.0.0/0")["State"] == "blackhole"


def test_what_moto_lacks_can_be_shown(land: Land) -> None:
    subnet_id = land.subnet()
    nat_id = land.ec2.create_nat_gateway(SubnetId=subnet_id)["NatGateway"]["NatGatewayId"]
    land.account.show(nat_id, AvailabilityMode="regional", SubnetId=None)
    land.account.show(subnet_id, BlockPublicAccessStates={"InternetGatewayBlockMode": "block-bidirectional"})
    nat = land.ec2.describe_nat_gateways(NatGatewayIds=[nat_id])["NatGateways"][0]
    assert nat["AvailabilityMode"] == "regional"
    assert "SubnetId" not in nat
    shown = land.ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]
    assert shown["BlockPublicAccessStates"]["InternetGatewayBlockMode"] == "block-bidirectional"


# ---- what tests can ask and arrange


def test_every_change_is_written_down_with_its_refusal(land: Land) -> None:
    table_id, foreign = land.main_table(), land.table()
    land.account.forget_calls()
    land.clock.advance(MINUTE)
    land.gateway(table_id)
    with refused("RouteAlreadyExists"):
        land.gateway(table_id)
    land.endpoints()
    assert [(call.operation, call.error) for call in land.account.calls] == [
        ("CreateVpcEndpoint", ""),
        ("CreateVpcEndpoint", "RouteAlreadyExists"),
    ]
    assert land.account.calls[0].at == land.clock()
    assert [call.accepted for call in land.account.mutations_of(table_id)] == [True, False]
    assert land.account.mutations_of(foreign) == []
    assert land.account.call_counts == {"CreateVpcEndpoint": 2, "DescribeVpcEndpoints": 1}


def test_the_next_calls_can_fail_with_a_code(land: Land) -> None:
    land.account.fail_next("DescribeSubnets", "InternalError", times=2)
    for _ in range(2):
        with refused("InternalError"):
            land.ec2.describe_subnets()
    land.ec2.describe_subnets()


def test_an_effect_can_happen_though_its_caller_sees_an_error(land: Land) -> None:
    subnet_id = land.subnet()
    timeout = ReadTimeoutError(endpoint_url="https://ec2.us-east-1.amazonaws.com")
    land.account.fail_next("CreateVpcEndpoint", timeout, after_effect=True)
    with pytest.raises(ReadTimeoutError):
        land.interface(subnet_id, ClientToken="t")
    (made,) = land.endpoints()
    assert land.interface(subnet_id, ClientToken="t")["VpcEndpointId"] == made["VpcEndpointId"]


def test_answers_can_come_in_another_order_but_for_dns_entries(land: Land) -> None:
    subnet_ids = [land.subnet(f"us-east-1{letter}") for letter in "abcdef"]
    made = land.interface(*subnet_ids)
    in_order = [one["SubnetId"] for one in land.ec2.describe_subnets()["Subnets"]]
    land.account.shuffle = 7
    orders = {tuple(one["SubnetId"] for one in land.ec2.describe_subnets()["Subnets"]) for _ in range(4)}
    assert len(orders) > 1
    assert {frozenset(order) for order in orders} == {frozenset(in_order)}
    shown = land.endpoint(made["VpcEndpointId"])
    assert sorted(shown["SubnetIds"]) == sorted(made["SubnetIds"])
    assert shown["DnsEntries"] == made["DnsEntries"]


def test_clients_of_one_account_see_the_same_and_take_turns(land: Land) -> None:
    subnet_id, clients = land.subnet(), [land.account.client() for _ in range(4)]
    params: dict[str, Any] = {"VpcId": land.vpc_id, "ServiceName": MONITORING, "SubnetIds": [subnet_id]}

    def create(client: Any) -> str:
        made = client.create_vpc_endpoint(VpcEndpointType="Interface", ClientToken="t", **params)
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(create, clients))
    assert len(made) == 1
    assert [one["VpcEndpointId"] for one in land.endpoints()] == list(made)


def test_a_listener_can_act_between_two_calls(land: Land) -> None:
    subnet_id = land.subnet()

    def come_first(operation: str, _params: dict[str, Any]) -> None:
        land.account.listeners.clear()
        land.interface(subnet_id)

    land.account.listeners.append(come_first)
    with refused("InvalidParameter", "private-dns-enabled cannot be set"):
        land.interface(subnet_id)


def test_a_client_is_attached_once_until_it_is_detached(land: Land) -> None:
    with pytest.raises(ValueError, match="attached already"):
        land.account.attach(land.ec2)
    land.account.detach(land.ec2)
    land.account.forget_calls()
    land.ec2.describe_vpcs()
    assert not land.account.call_counts
    assert land.account.attach(land.ec2) is land.ec2
    assert land.account.client() is not land.ec2


def test_lifelines_adapters_read_through_it(land: Land) -> None:
    land.account.shuffle = 1
    subnet_id = land.subnet()
    endpoint_id = land.interface(subnet_id)["VpcEndpointId"]
    network = Network(land.ec2)
    (vpc,) = network.observe([land.vpc_id])
    assert [(one.id, one.state) for one in vpc.endpoints] == [(endpoint_id, EndpointState.PENDING)]
    assert {(one.name, one.type) for one in network.catalog().services} == set(land.account.services)
    assert Lookup(land.ec2).vpcs_of([("subnet", [subnet_id])]).vpcs == {subnet_id: {land.vpc_id}}
