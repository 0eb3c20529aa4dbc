"""Each rule of the stand-in for shared zones and Profiles, shown at work."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.organization import account_client, emulated_organization
from tests.support.policies import Caller
from tests.support.strict_organization import StrictOrganization
from tests.support.world import ACCOUNT, World, emulated_world

A = "222222222222"
NAME = "monitoring.us-east-1.amazonaws.com"
MONITORING = "com.amazonaws.us-east-1.monitoring"


class Network:
    """The hub's account with a zone, and a spoke's VPC in another account."""

    def __init__(self, organization: StrictOrganization) -> None:
        self.organization, self.hub = organization, organization.world
        self.spoke: World = organization.join(A)
        self.place = organization.place(A)
        self.place.attach(self.spoke.ec2)
        self.zone_id = self.hub.hub_zone(self.hub.make_vpc(cidr="10.9.0.0/16"), NAME, "10.9.0.10")
        self.vpc_id = self.spoke.make_vpc()
        self.hubs_dns, self.dns = boto3.client("route53"), account_client("route53", A)
        self.profiles = account_client("route53profiles", A)
        self.vpc: Any = {"VPCRegion": "us-east-1", "VPCId": self.vpc_id}

    def authorize(self) -> None:
        self.hubs_dns.create_vpc_association_authorization(HostedZoneId=self.zone_id, VPC=self.vpc)

    def take_back(self) -> None:
        self.hubs_dns.delete_vpc_association_authorization(HostedZoneId=self.zone_id, VPC=self.vpc)

    def associate(self) -> None:
        self.dns.associate_vpc_with_hosted_zone(HostedZoneId=self.zone_id, VPC=self.vpc)

    def dissociate(self) -> None:
        self.dns.disassociate_vpc_from_hosted_zone(HostedZoneId=self.zone_id, VPC=self.vpc)

    def associate_profile(self) -> None:
        self.profiles.associate_profile(ProfileId="rp-1", ResourceId=self.vpc_id, Name="hub")

    def make_endpoint(self, cidr: str = "10.0.1.0/24") -> Any:
        subnet_id = self.spoke.make_subnet(self.vpc_id, cidr)
        more = {"VpcEndpointType": "Interface", "ServiceName": MONITORING, "PrivateDnsEnabled": True}
        made = self.spoke.ec2.create_vpc_endpoint(VpcId=self.vpc_id, SubnetIds=[subnet_id], **more)
        return made["VpcEndpoint"]

    def wait(self) -> None:
        self.organization.now.advance(self.place.deleting_for)  # type: ignore[union-attr]

    def zones(self) -> list[tuple[str, str]]:
        found = self.dns.list_hosted_zones_by_vpc(VPCId=self.vpc_id, VPCRegion="us-east-1")["HostedZoneSummaries"]
        return [(one["HostedZoneId"], one["Owner"]["OwningAccount"]) for one in found]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    with emulated_world(monkeypatch) as world:
        organization = StrictOrganization(world, hub=Caller(policy=()))
        with emulated_organization(monkeypatch, organization):
            yield Network(organization)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


def test_a_zone_of_another_account_takes_its_authorization_and_keeps_the_vpc_without_it(network: Network) -> None:
    assert refusal(network.associate) == "NotAuthorizedException"
    network.authorize()
    network.authorize()
    network.associate()
    network.take_back()
    assert network.zones() == [(network.zone_id, ACCOUNT)]
    assert refusal(network.take_back) == "VPCAssociationAuthorizationNotFound"
    network.dissociate()
    assert network.zones() == []
    assert refusal(network.dissociate) == "VPCAssociationNotFound"
    assert refusal(network.associate) == "NotAuthorizedException"


def test_only_the_zones_account_authorizes(network: Network) -> None:
    theirs = network.dns.create_vpc_association_authorization
    assert refusal(lambda: theirs(HostedZoneId=network.zone_id, VPC=network.vpc)) == "NoSuchHostedZone"


def test_a_zone_and_an_endpoint_with_private_dns_exclude_each_other(network: Network) -> None:
    made = network.make_endpoint()
    network.authorize()
    assert refusal(network.associate) == "ConflictingDomainExists"
    network.wait()
    network.spoke.ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    network.wait()
    network.spoke.ec2.describe_vpc_endpoints()
    network.associate()
    with pytest.raises(ClientError, match="conflicting DNS domain"):
        network.make_endpoint("10.0.2.0/24")


def test_two_zones_of_one_name_exclude_each_other(network: Network) -> None:
    network.spoke.hub_zone(network.vpc_id, NAME, "10.0.0.9")
    network.authorize()
    assert refusal(network.associate) == "ConflictingDomainExists"


def test_a_zone_takes_no_more_vpcs_than_its_quota(network: Network) -> None:
    network.organization.dns.vpcs_a_zone = 1
    network.authorize()
    assert refusal(network.associate) == "LimitsExceeded"
    limit = network.hubs_dns.get_hosted_zone_limit(HostedZoneId=network.zone_id, Type="MAX_VPCS_ASSOCIATED_BY_ZONE")
    assert (limit["Limit"]["Value"], limit["Count"]) == (1, 1)


def test_a_private_zone_keeps_its_last_vpc(network: Network) -> None:
    (hubs,) = [one["VpcId"] for one in network.hub.ec2.describe_vpcs()["Vpcs"]]
    vpc: Any = {"VPCRegion": "us-east-1", "VPCId": hubs}
    leave = network.hubs_dns.disassociate_vpc_from_hosted_zone
    assert refusal(lambda: leave(HostedZoneId=network.zone_id, VPC=vpc)) == "LastVPCAssociation"


def test_a_profile_is_for_the_accounts_that_it_is_shared_with(network: Network) -> None:
    dns = network.organization.dns
    dns.add_profile("rp-1", owner=ACCOUNT, resources=["arn:aws:route53:::hostedzone/Z1"])
    assert refusal(network.associate_profile) == "ResourceNotFoundException"
    dns.profiles["rp-1"].shared_with.add(A)
    network.associate_profile()
    assert refusal(network.associate_profile) == "ResourceExistsException"
    assert [one["ProfileId"] for one in network.profiles.list_profile_associations()["ProfileAssociations"]] == ["rp-1"]
    network.profiles.disassociate_profile(ProfileId="rp-1", ResourceId=network.vpc_id)
    assert network.profiles.list_profile_associations(ResourceId=network.vpc_id)["ProfileAssociations"] == []


def test_private_dns_is_turned_on_beside_a_profile_that_brings_the_name(network: Network) -> None:
    """Route 53 guide: how Profile settings are prioritized. What the VPC has itself may be there, and goes first."""
    arns = [f"arn:aws:route53:::hostedzone/{network.zone_id}"]
    network.organization.dns.add_profile("rp-1", owner=ACCOUNT, resources=arns, shared_with={A})
    network.associate_profile()
    assert network.make_endpoint()["PrivateDnsEnabled"]


def test_a_profile_takes_no_more_vpcs_than_its_quota_and_a_vpc_no_more_profiles(network: Network) -> None:
    dns = network.organization.dns
    for place, profile_id in enumerate(("rp-1", "rp-2", "rp-3")):
        dns.add_profile(profile_id, owner=ACCOUNT, resources=[], shared_with={A})
        dns.vpcs_a_profile = 0 if place == 2 else 1000
    assert refusal(network.associate_profile) == "LimitExceededException"
    dns.vpcs_a_profile = 1000
    for profile_id in ("rp-2", "rp-3"):
        dns.profiles[profile_id].vpc_ids.append(network.vpc_id)
    assert refusal(network.associate_profile) == "LimitExceededException"
