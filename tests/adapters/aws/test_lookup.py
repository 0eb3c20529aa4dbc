"""From ids to VPCs, against moto."""

from collections.abc import Iterator, Mapping

import pytest

from lifeline.adapters.aws.lookup import Lookup
from lifeline.core.errors import TransientError
from lifeline.core.network.model import Interface
from lifeline.core.requests.vpcs_touched import kind_of
from tests.support.agents import calls, failing
from tests.support.world import World, emulated_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def vpcs_of(*ids: str) -> Mapping[str, frozenset[str]]:
    by_kind: dict[str, list[str]] = {}
    for resource_id in ids:
        by_kind.setdefault(kind_of(resource_id), []).append(resource_id)
    found = Lookup().vpcs_of(by_kind.items())
    assert not found.failed
    return found.vpcs


def test_every_kind_of_id_leads_to_its_vpc_with_one_call_a_kind(world: World) -> None:
    vpc_id, peer_id = world.make_vpc(), world.make_vpc(cidr="10.9.0.0/16")
    subnet_id = world.make_subnet(vpc_id)
    table_id = world.open_to_internet(vpc_id)
    ec2 = world.ec2
    (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
    association_id = ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)["AssociationId"]
    made = ec2.create_vpc_endpoint(VpcId=vpc_id, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table_id])
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat_id = ec2.create_nat_gateway(SubnetId=subnet_id, AllocationId=address)["NatGateway"]["NatGatewayId"]
    acls = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["NetworkAcls"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["SecurityGroups"]
    peering = ec2.create_vpc_peering_connection(VpcId=vpc_id, PeerVpcId=peer_id)["VpcPeeringConnection"]
    hub = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    attached = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=hub, VpcId=vpc_id, SubnetIds=[subnet_id])
    ids = {
        subnet_id,
        table_id,
        association_id,
        gateway["InternetGatewayId"],
        made["VpcEndpoint"]["VpcEndpointId"],
        nat_id,
        acls[0]["NetworkAclId"],
        groups[0]["GroupId"],
        attached["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"],
    }
    pcx = peering["VpcPeeringConnectionId"]
    expected = dict.fromkeys({vpc_id, *ids}, frozenset({vpc_id})) | {pcx: frozenset({vpc_id, peer_id})}
    assert vpcs_of(vpc_id, *ids, pcx) == expected


def test_what_is_gone_or_of_another_kind_is_left_out(world: World) -> None:
    gone = {"rtb-0123456789abcdef0", "rtbassoc-0123456789abcdef0", "nat-0123456789abcdef0", "pl-0123456789abcdef0"}
    assert vpcs_of(*gone) == {}


def test_one_endpoint_that_is_gone_hides_no_other(world: World) -> None:
    vpc_id = world.make_vpc()
    table_id = world.main_table(vpc_id)
    made = world.ec2.create_vpc_endpoint(
        VpcId=vpc_id, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table_id]
    )
    endpoint_id = made["VpcEndpoint"]["VpcEndpointId"]
    gone = {f"vpce-0123456789abcdef{place}" for place in range(3)}
    assert vpcs_of(endpoint_id, *gone) == {endpoint_id: frozenset({vpc_id})}


def test_whoever_uses_a_group_beside_endpoints_is_named(world: World) -> None:
    vpc_id = world.make_vpc()
    subnet_id, ec2 = world.make_subnet(vpc_id), world.ec2

    def group(name: str) -> str:
        return str(ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc_id)["GroupId"])

    used, referred, free, naming = (group(name) for name in ("used", "referred", "free", "naming"))
    made = ec2.create_network_interface(SubnetId=subnet_id, Groups=[used])["NetworkInterface"]["NetworkInterfaceId"]
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": referred}]}
    ec2.authorize_security_group_ingress(GroupId=naming, IpPermissions=[rule])
    ec2.authorize_security_group_ingress(GroupId=free, IpPermissions=[rule | {"UserIdGroupPairs": [{"GroupId": free}]}])

    assert Lookup().users_of_security_groups([used, referred, free]) == {used: (made,), referred: (naming,), free: ()}


def test_every_interface_of_some_vpcs_is_read_whoever_s_it_is_with_one_call(world: World) -> None:
    ec2, vpc_id, empty = world.ec2, world.make_vpc(), world.make_vpc(cidr="10.8.0.0/16")
    subnet_id, other = world.make_subnet(vpc_id), world.make_vpc(cidr="10.9.0.0/16")
    made = ec2.create_network_interface(SubnetId=subnet_id, Description="spare")["NetworkInterface"]
    ec2.create_network_interface(SubnetId=world.make_subnet(other, "10.9.1.0/24"))
    with calls("ec2") as asked:
        assert Lookup().interfaces_in([vpc_id, empty]) == {
            vpc_id: (Interface(made["NetworkInterfaceId"], subnet_id, made["InterfaceType"], "spare"),),
            empty: (),
        }
    assert [operation for operation, _ in asked] == ["DescribeNetworkInterfaces"]


def test_an_interface_says_whether_anything_uses_it_and_whether_it_has_a_public_address(world: World) -> None:
    ec2, vpc_id = world.ec2, world.make_vpc()
    subnet_id = world.make_subnet(vpc_id)

    def run(*, is_public: bool) -> str:
        interface = {"DeviceIndex": 0, "SubnetId": subnet_id, "AssociatePublicIpAddress": is_public}
        ran = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, NetworkInterfaces=[interface])
        return str(ran["Instances"][0]["NetworkInterfaces"][0]["NetworkInterfaceId"])

    private, public = run(is_public=False), run(is_public=True)
    spare = ec2.create_network_interface(SubnetId=subnet_id)["NetworkInterface"]["NetworkInterfaceId"]
    found = Lookup().interfaces_in([vpc_id])[vpc_id]
    assert {one.id: (one.is_attached, one.has_public_address) for one in found} == {
        private: (True, False),
        public: (True, True),
        spare: (False, False),
    }


def test_a_look_up_that_fails_takes_nothing_from_the_others(world: World) -> None:
    vpc_id = world.make_vpc()
    table_id, group_id = world.main_table(vpc_id), "sg-0123456789abcdef0"
    with failing("ec2", "DescribeSecurityGroups", "RequestLimitExceeded"):
        found = Lookup().vpcs_of([("sg", [group_id]), ("rtb", [table_id])])
    assert found.vpcs == {table_id: frozenset({vpc_id})}
    assert list(found.failed) == [group_id]
    assert isinstance(found.failed[group_id], TransientError)


def test_a_security_group_leads_to_the_vpcs_whose_endpoints_have_it_as_well(world: World) -> None:
    owner, user = world.make_vpc(), world.make_vpc(cidr="10.9.0.0/16")
    subnet_id = world.make_subnet(user, "10.9.1.0/24")
    made = [world.ec2.create_security_group(GroupName=name, Description=name, VpcId=owner) for name in ("one", "two")]
    shared, alone = (str(group["GroupId"]) for group in made)
    world.ec2.create_vpc_endpoint(
        VpcId=user,
        VpcEndpointType="Interface",
        ServiceName="com.amazonaws.us-east-1.monitoring",
        SubnetIds=[subnet_id],
        SecurityGroupIds=[shared],
    )
    assert vpcs_of(shared, alone) == {shared: frozenset({owner, user}), alone: frozenset({owner})}


def test_a_security_group_leads_to_the_vpcs_whose_interfaces_have_it_as_well(world: World) -> None:
    """An instance may have one of another VPC that is associated with its own."""
    owner, user = world.make_vpc(), world.make_vpc(cidr="10.9.0.0/16")
    made = [world.ec2.create_security_group(GroupName=name, Description=name, VpcId=owner) for name in ("one", "two")]
    shared, alone = (str(group["GroupId"]) for group in made)
    for place in (world.make_subnet(user, "10.9.1.0/24"), world.make_subnet(owner)):
        world.ec2.create_network_interface(SubnetId=place, Groups=[shared])
    with calls("ec2") as asked:
        assert vpcs_of(shared, alone) == {shared: frozenset({owner, user}), alone: frozenset({owner})}
    assert [operation for operation, _ in asked].count("DescribeNetworkInterfaces") == 1


def test_where_whose_interfaces_have_a_security_group_cannot_be_read_it_is_looked_up_again(world: World) -> None:
    made = world.ec2.create_security_group(GroupName="one", Description="one", VpcId=world.make_vpc())
    with failing("ec2", "DescribeNetworkInterfaces", "RequestLimitExceeded"):
        found = Lookup().vpcs_of([("sg", [made["GroupId"]])])
    assert (found.vpcs, list(found.failed)) == ({}, [made["GroupId"]])


def test_an_interface_and_its_instance_lead_to_each_other_and_to_their_attachment(world: World) -> None:
    subnet_id = world.make_subnet(world.make_vpc())
    ran = world.ec2.run_instances(ImageId="ami-12345678", MinCount=2, MaxCount=2, SubnetId=subnet_id)
    ids = [
        (one["InstanceId"], interface["NetworkInterfaceId"], interface["Attachment"]["AttachmentId"])
        for one in ran["Instances"]
        for interface in one["NetworkInterfaces"]
    ]
    (by_interface, by_instance), gone = ids, "eni-0123456789abcdef0"
    loose = world.ec2.create_network_interface(SubnetId=subnet_id)["NetworkInterface"]["NetworkInterfaceId"]
    with calls("ec2") as made:
        found = Lookup().attachments_of([by_interface[1], by_instance[0], loose, gone])
        assert Lookup().attachments_of([]) == {}
    assert found == {
        by_interface[1]: frozenset(by_interface),
        by_instance[0]: frozenset(by_instance),
        loose: frozenset({loose}),
        gone: frozenset(),
    }
    assert [name for name, _ in made] == ["DescribeNetworkInterfaces"] * 2
