"""What people reported in public, put to the handlers: ports, members, prefix lists, other VPCs' groups, ACLs, NAT."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.roles import Roles
from lifeline.adapters.store.call_rate import CallRate
from lifeline.core.incidents.iam_policy import Permission, RoleVerdict
from lifeline.handlers import detect_metric_gaps, reconcile_endpoints
from tests.support.strict import Clock, Service, StrictAccount
from tests.support.world import Context, World, emulated_world

ALL = ((100, True, "allow", "0.0.0.0/0", None), (100, False, "allow", "0.0.0.0/0", None))
type Entry = tuple[int, bool, str, str, tuple[int, int] | None]


@dataclass
class Case:
    """The emulated account behind EC2's strictness."""

    world: World
    account: StrictAccount
    monkeypatch: pytest.MonkeyPatch

    def look(self, vpc_id: str, **more: Any) -> dict[str, Any]:
        answer = reconcile_endpoints.handler({"vpc_ids": [vpc_id], **more}, Context())
        found: dict[str, Any] = json.loads(json.dumps(answer))["vpcs"][0]
        return found

    def later(self) -> None:
        self.account.now.advance(timedelta(minutes=5))  # type: ignore[attr-defined]

    def behind_nat(self) -> tuple[str, str, str]:
        """A public subnet with a NAT gateway, and a private one behind it."""
        ec2, vpc_id = self.world.ec2, self.world.make_vpc()
        public, private = self.world.make_subnet(vpc_id, "10.0.0.0/24"), self.world.make_subnet(vpc_id, "10.0.1.0/24")
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
        nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=ec2.allocate_address(Domain="vpc")["AllocationId"])
        targets = (public, {"GatewayId": gateway}), (private, {"NatGatewayId": nat["NatGateway"]["NatGatewayId"]})
        for subnet, target in targets:
            table = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
            ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)
        return vpc_id, public, private

    def guard(self, vpc_id: str, subnet_id: str, *entries: Entry) -> str:
        """A network ACL of these entries on the subnet: number, egress, action, block, ports."""
        ec2 = self.world.ec2
        acl_id = str(ec2.create_network_acl(VpcId=vpc_id)["NetworkAcl"]["NetworkAclId"])
        for number, egress, action, cidr, ports in entries:
            more = {"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {}
            ec2.create_network_acl_entry(
                NetworkAclId=acl_id,
                RuleNumber=number,
                Egress=egress,
                RuleAction=action,
                CidrBlock=cidr,
                Protocol="6" if ports else "-1",
                **more,
            )
        filters = [{"Name": "association.subnet-id", "Values": [subnet_id]}]
        was = [one for old in ec2.describe_network_acls(Filters=filters)["NetworkAcls"] for one in old["Associations"]]
        old = next(one["NetworkAclAssociationId"] for one in was if one["SubnetId"] == subnet_id)
        ec2.replace_network_acl_association(AssociationId=old, NetworkAclId=acl_id)
        return acl_id

    def group(self, vpc_id: str, name: str, *permissions: dict[str, Any]) -> str:
        made = self.world.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc_id)
        if permissions:
            self.world.ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=list(permissions))
        return str(made["GroupId"])

    def their_endpoint(self, vpc_id: str, subnet_id: str, group_id: str) -> str:
        made = self.world.ec2.create_vpc_endpoint(
            VpcId=vpc_id,
            VpcEndpointType="Interface",
            ServiceName=self.account.name_of("monitoring"),
            SubnetIds=[subnet_id],
            SecurityGroupIds=[group_id],
            PrivateDnsEnabled=True,
        )
        self.later()
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def launch(self, subnet_id: str, *groups: str) -> dict[str, Any]:
        iam = boto3.client("iam")
        if not iam.list_instance_profiles()["InstanceProfiles"]:
            iam.create_role(RoleName="agent", AssumeRolePolicyDocument="{}")
            iam.create_instance_profile(InstanceProfileName="agent")
            iam.add_role_to_instance_profile(InstanceProfileName="agent", RoleName="agent")
        more = {"SecurityGroupIds": list(groups)} if groups else {}
        profile = {"Name": "agent"}
        found: dict[str, Any] = self.world.ec2.run_instances(
            ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet_id, IamInstanceProfile=profile, **more
        )["Instances"][0]
        return found

    def why_silent(self, instance_id: str) -> str:
        """The instance's agent published until 20 minutes ago: what the notice says of the cause."""
        detect_metric_gaps._kept.cache_clear()
        verdict = RoleVerdict(Permission.ALLOWED, "agent")  # moto has no IAM simulator
        self.monkeypatch.setattr(Roles, "may_publish", lambda *_: verdict)
        now = datetime.now(UTC) + timedelta(hours=1)
        datum: Any = {
            "MetricName": "mem_used_percent",
            "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
            "Timestamp": now - timedelta(minutes=20),
            "Value": 1.0,
        }
        boto3.client("cloudwatch").put_metric_data(Namespace="CWAgent", MetricData=[datum])
        for at in (now - timedelta(minutes=19.5), now):
            self.monkeypatch.setattr(detect_metric_gaps, "_now", lambda at=at: at)
            detect_metric_gaps.handler({"detect": True}, Context(function_name="DetectMetricGaps"))
        bodies = [" ".join(json.loads(one["Body"])["Message"].split()) for one in self.world.notices()]
        found = [text for text in bodies if "Why:" in text]
        return found[-1].partition("Why:")[2].partition(" IDs:")[0]


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Case]:
    variables = getattr(request, "param", {})
    with emulated_world(monkeypatch, **variables) as world:
        monkeypatch.setattr(CallRate, "reserve_endpoint_call", lambda *_, **__: timedelta(0))
        account = StrictAccount(now=Clock(), throttling=False)
        for one in (client("ec2"), world.ec2):
            account.attach(one)
        yield Case(world, account, monkeypatch)


def requiring(*services: str) -> dict[str, str]:
    return {"REQUIRED_SERVICES": ",".join(services), "CREATABLE_SERVICES": ",".join(services)}


class TestPorts:
    @pytest.mark.parametrize("case", [requiring("email-smtp", "monitoring")], indirect=True)
    def test_one_group_opens_the_ports_of_all_services_that_use_it(self, case: Case) -> None:
        name = case.account.name_of("email-smtp")
        case.account.offer(Service(name, private_dns_names=("email-smtp.us-east-1.amazonaws.com",)))
        vpc_id, _, _ = case.behind_nat()
        case.look(vpc_id)
        case.later()
        after = case.look(vpc_id)
        assert {one["state"] for one in after["services"]} == {"served"}
        (group,) = case.world.groups(vpc_id)
        ports = sorted((one["FromPort"], one["ToPort"]) for one in group["IpPermissions"])
        assert ports == [(25, 25), (443, 443), (465, 465), (587, 587), (2465, 2465), (2587, 2587)]
        assert not after["actions"]

    @pytest.mark.parametrize("case", [requiring("cassandra")], indirect=True)
    def test_an_acl_is_checked_for_the_services_own_port(self, case: Case) -> None:
        name = case.account.name_of("cassandra")
        case.account.offer(Service(name, private_dns_names=("cassandra.us-east-1.amazonaws.com",)))
        vpc_id, public, private = case.behind_nat()
        case.guard(vpc_id, private, (50, True, "deny", "10.0.0.0/16", (443, 443)), *ALL)
        assert [one["status"] for one in case.look(vpc_id, mode="plan")["actions"]] == ["planned", "planned"]
        for subnet in (public, private):
            case.guard(vpc_id, subnet, (50, True, "deny", "10.0.0.0/16", (9142, 9142)), *ALL)
        refused = case.look(vpc_id, mode="plan")["actions"][-1]
        assert refused["status"] == "blocked"
        assert "doesn't let 9142 out of" in refused["error"]

    @pytest.mark.parametrize("case", [requiring("brand-new")], indirect=True)
    def test_a_service_whose_ports_are_not_known_is_not_taken(self, case: Case) -> None:
        name = case.account.name_of("brand-new")
        case.account.offer(Service(name, private_dns_names=("brand-new.us-east-1.amazonaws.com",)))
        vpc_id, _, _ = case.behind_nat()
        (action,) = case.look(vpc_id)["actions"]
        assert action["status"] == "blocked"
        assert action["error"] == (
            'the ports of the brand-new service aren\'t known: add them to the policy, for example "ports": '
            '{"brand-new": [443]}'
        )


class TestRulesByReference:
    def test_a_group_lets_in_its_members(self, case: Case) -> None:
        vpc_id = case.world.make_vpc()
        subnet = case.world.make_subnet(vpc_id)
        theirs = case.group(vpc_id, "theirs")
        permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": theirs}]}
        case.world.ec2.authorize_security_group_ingress(GroupId=theirs, IpPermissions=[permission])
        case.their_endpoint(vpc_id, subnet, theirs)
        (unknown,) = case.look(vpc_id, mode="plan")["services"]
        assert (unknown["state"], "has no network interface yet" in unknown["detail"]) == ("unknown", True)
        case.launch(subnet, theirs)
        assert case.look(vpc_id, mode="plan")["services"][0]["state"] == "served"
        other = case.launch(subnet, case.group(vpc_id, "app"))
        (partly,) = case.look(vpc_id, mode="plan")["services"]
        assert partly["state"] == "blocked"
        why = case.why_silent(other["InstanceId"])
        assert f"{theirs} of vpce-" in why
        assert f"doesn't allow inbound 443 from {other['PrivateIpAddress']}" in why

    @pytest.mark.parametrize(("cidr", "state"), [("10.0.0.0/8", "served"), ("192.168.0.0/16", "blocked")])
    def test_a_prefix_list_lets_in_its_entries(self, case: Case, cidr: str, state: str) -> None:
        vpc_id = case.world.make_vpc()
        subnet = case.world.make_subnet(vpc_id)
        made = case.world.ec2.create_managed_prefix_list(
            PrefixListName="offices", MaxEntries=1, AddressFamily="IPv4", Entries=[{"Cidr": cidr}]
        )
        lists = [{"PrefixListId": made["PrefixList"]["PrefixListId"]}]
        permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": lists}
        case.their_endpoint(vpc_id, subnet, case.group(vpc_id, "theirs", permission))
        assert case.look(vpc_id, mode="plan")["services"][0]["state"] == state

    @pytest.mark.parametrize(("cidr", "state"), [("10.9.0.0/16", "served"), ("192.168.0.0/16", "blocked")])
    def test_a_group_of_another_vpc_is_read(self, case: Case, cidr: str, state: str) -> None:
        owner, vpc_id = case.world.make_vpc(), case.world.make_vpc(cidr="10.9.0.0/16")
        subnet = case.world.make_subnet(vpc_id, "10.9.1.0/24")
        ranges = [{"CidrIp": cidr}]
        permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}
        shared = case.group(owner, "golden", permission)
        case.account.associate(shared, vpc_id)
        case.their_endpoint(vpc_id, subnet, shared)
        assert case.look(vpc_id, mode="plan")["services"][0]["state"] == state


class TestAnAclThatDeniesALittle:
    @pytest.mark.parametrize(
        "denied",
        [
            ((50, False, "deny", "10.0.2.66/32", None), (50, True, "deny", "10.0.2.66/32", None)),
            ((50, False, "deny", "0.0.0.0/0", (50070, 50070)),),
        ],
    )
    def test_closes_nothing_for_the_rest(self, case: Case, denied: tuple[Entry, ...]) -> None:
        vpc_id = case.world.make_vpc()
        subnet = case.world.make_subnet(vpc_id)
        case.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
        case.guard(vpc_id, subnet, *denied, *ALL)
        case.look(vpc_id)
        case.later()
        after = case.look(vpc_id)
        (service,) = after["services"]
        assert (service["state"], after["actions"]) == ("served", [])


@pytest.mark.parametrize(
    "case", [{"rules": [{"require": ["monitoring"], "where": {"tiers": ["isolated"]}}]}], indirect=True
)
class TestAWayOut:
    @pytest.mark.parametrize(
        ("home", "entries", "words"),
        [
            (1, (ALL[0], (100, False, "allow", "10.0.0.0/16", None)), "doesn't let answers into"),
            (1, ((90, True, "deny", "0.0.0.0/0", (443, 443)), *ALL), "doesn't let 443 out of"),
            (0, (ALL[0], (100, False, "allow", "0.0.0.0/0", (443, 443))), "doesn't let answers into"),
            (0, ((90, False, "deny", "10.0.1.0/24", None), *ALL), "doesn't let 443 into"),
        ],
    )
    def test_that_a_network_acl_shuts_is_named(
        self, case: Case, home: int, entries: tuple[Entry, ...], words: str
    ) -> None:
        vpc_id, *subnets = case.behind_nat()
        agent = case.launch(subnets[1])
        acl_id = case.guard(vpc_id, subnets[home], *entries)
        why = case.why_silent(agent["InstanceId"])
        assert why.strip().startswith(f"network ACL {acl_id} {words} {subnets[home]}")
        assert "is open" not in why

    def test_through_a_nat_instance_is_never_said_to_be_open(self, case: Case) -> None:
        vpc_id, public, private = case.behind_nat()
        group = case.group(vpc_id, "nat")
        interface = case.launch(public, group)["NetworkInterfaces"][0]["NetworkInterfaceId"]
        ec2 = case.world.ec2
        tables = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [private]}])
        table_id = tables["RouteTables"][0]["RouteTableId"]
        target = {"NetworkInterfaceId": interface}
        ec2.replace_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", **target)
        agent = case.launch(private)
        why = case.why_silent(agent["InstanceId"])
        assert f"{interface} drops the packets, because its source/destination check is on" in why
        assert f"{group} of {interface} doesn't allow inbound 443" in why
        assert "is open" not in why


@pytest.mark.parametrize("case", [{"REQUIRED_SERVICES": "s3"}], indirect=True)
def test_a_gateway_endpoint_behind_an_acl_is_not_served_and_the_acl_is_named(case: Case) -> None:
    vpc_id = case.world.make_vpc()
    subnet = case.world.make_subnet(vpc_id)
    private = tuple((100, egress, "allow", "10.0.0.0/8", None) for egress in (True, False))
    acl_id = case.guard(vpc_id, subnet, *private)
    case.look(vpc_id)
    case.later()
    (service,) = case.look(vpc_id)["services"]
    assert (service["state"], service["detail"]) == ("blocked", f"allow it in network ACL {acl_id}")
