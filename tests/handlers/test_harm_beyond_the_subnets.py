"""Do no harm beyond the VPC's subnets, through the whole handler: others that ask here, zones, clients' own groups."""

import json
import os
from datetime import timedelta
from typing import Any

import boto3
import pytest

from tests.support.cases import Case, requiring
from tests.support.strict import Service

FIXING: dict[str, Any] = {"version": 1, "rules": [{"require": ["monitoring"]}], "fix_dns": True}
SERVERS = ("10.0.1.10", "10.0.1.11")


def statuses(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["action"], one["status"]) for one in answer["actions"]}


MADE = ("create_interface_endpoint", "done")
BLOCKED = ("create_interface_endpoint", "blocked")


class Neighbours:
    """A VPC whose resolver others can ask, and a second one beside it, with a peering connection between them."""

    def __init__(self, case: Case) -> None:
        ec2, world = case.world.ec2, case.world
        self.case, self.ec2 = case, ec2
        self.first, _, self.servers = case.behind_nat()
        self.second = world.make_vpc(cidr="10.1.0.0/16")
        self.apps = world.make_subnet(self.second, "10.1.1.0/24")
        made = ec2.create_vpc_peering_connection(VpcId=self.second, PeerVpcId=self.first)
        self.peering = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=self.peering)
        table = world.main_table(self.second)
        target = {"VpcPeeringConnectionId": self.peering}
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.0.0.0/16", **target)

    def open_second(self) -> None:
        """Gives the second VPC its own way to AWS's public names."""
        self.case.world.open_to_internet(self.second)

    def open_door(self) -> str:
        group = self.case.group(self.first, "dns")
        made = boto3.client("route53resolver").create_resolver_endpoint(
            CreatorRequestId="dns",
            Direction="INBOUND",
            SecurityGroupIds=[group],
            IpAddresses=[{"SubnetId": self.servers, "Ip": one} for one in SERVERS],
        )
        return str(made["ResolverEndpoint"]["Id"])

    def name_servers(self, *servers: str) -> None:
        configured: Any = [{"Key": "domain-name-servers", "Values": list(servers)}]
        options = self.ec2.create_dhcp_options(DhcpConfigurations=configured)["DhcpOptions"]["DhcpOptionsId"]
        self.ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=self.second)

    def forward(self, *targets: str, domain: str = "amazonaws.com") -> str:
        """By a rule to these servers; without any, by a SYSTEM rule: to the VPC's own resolver."""
        resolver = boto3.client("route53resolver")
        forwarding: Any = {"TargetIps": [{"Ip": target, "Port": 53} for target in targets]} if targets else {}
        made = resolver.create_resolver_rule(
            Name="rule",
            CreatorRequestId=domain,
            RuleType="FORWARD" if targets else "SYSTEM",
            DomainName=domain,
            **forwarding,
        )
        resolver.associate_resolver_rule(Name="rule", ResolverRuleId=made["ResolverRule"]["Id"], VPCId=self.second)
        return str(made["ResolverRule"]["Id"])


@pytest.fixture
def neighbours(case: Case) -> Neighbours:
    return Neighbours(case)


class TestOthersThatAskHere:
    def test_another_vpc_whose_dhcp_options_lead_here_keeps_what_it_reaches(self, neighbours: Neighbours) -> None:
        neighbours.open_second()
        door = neighbours.open_door()
        neighbours.name_servers(*SERVERS)
        answer = neighbours.case.look(neighbours.first)
        assert BLOCKED in statuses(answer)
        (told,) = neighbours.case.told()
        assert f"unreachable from {neighbours.apps} of {neighbours.second}, which reaches it today" in told
        assert "the endpoint's security group lets in 10.0.0.0/16, not 10.1.1.0/24" in told
        assert f"the DHCP options of {neighbours.second} name inbound Resolver endpoint {door}" in told

    def test_another_vpc_by_a_forwarding_rule_too(self, neighbours: Neighbours) -> None:
        neighbours.open_second()
        neighbours.open_door()
        rule = neighbours.forward(*SERVERS)
        answer = neighbours.case.look(neighbours.first)
        assert BLOCKED in statuses(answer)
        assert f"resolver rule {rule} sends amazonaws[.]com of {neighbours.second}" in " ".join(neighbours.case.told())

    @pytest.mark.parametrize("how", ["endpoint", "zone", "SYSTEM rule", "narrower rule"])
    def test_another_vpc_that_resolves_the_name_itself_withholds_nothing(
        self, neighbours: Neighbours, how: str
    ) -> None:
        self.ask_by_rule(neighbours, how)
        assert MADE in statuses(neighbours.case.look(neighbours.first))
        left = "(of the service's names only monitoring-fips.us-east-1.amazonaws.com)"
        assert (left in " ".join(neighbours.case.told())) is (how != "endpoint")

    @pytest.mark.parametrize("how", ["endpoint", "zone"])
    def test_another_vpc_that_has_that_but_does_not_resolve_by_it_keeps_what_it_reaches(
        self, neighbours: Neighbours, how: str
    ) -> None:
        """Its DNS attributes are off, so that neither its zone nor its endpoint answers."""
        self.ask_by_rule(neighbours, how)
        neighbours.ec2.modify_vpc_attribute(VpcId=neighbours.second, EnableDnsHostnames={"Value": False})
        assert BLOCKED in statuses(neighbours.case.look(neighbours.first))

    @pytest.mark.parametrize("case", [{"MOST_DNS_VIEWS": "1"}, {}], indirect=True)
    def test_of_more_of_them_than_a_run_may_view_the_rest_keep_what_they_reach(self, neighbours: Neighbours) -> None:
        self.ask_by_rule(neighbours, "zone")
        world, third = neighbours.case.world, neighbours.case.world.make_vpc(cidr="10.2.0.0/16")
        world.make_subnet(third, "10.2.1.0/24")
        world.open_to_internet(third)
        world.hub_zone(third, "monitoring.us-east-1.amazonaws.com", "10.2.1.9")
        resolver = boto3.client("route53resolver")
        (rule,) = resolver.list_resolver_rules()["ResolverRules"]
        resolver.associate_resolver_rule(Name="third", ResolverRuleId=rule["Id"], VPCId=third)
        is_known = not os.environ.get("MOST_DNS_VIEWS")
        assert (MADE if is_known else BLOCKED) in statuses(neighbours.case.look(neighbours.first))

    @staticmethod
    def ask_by_rule(neighbours: Neighbours, how: str) -> None:
        """The second VPC asks here, and has something more specific of the name itself."""
        name = "monitoring.us-east-1.amazonaws.com"
        neighbours.open_second()
        neighbours.open_door()
        neighbours.forward(*SERVERS)
        second = neighbours.second
        match how:
            case "endpoint":
                https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}
                neighbours.case.their_endpoint(second, neighbours.apps, neighbours.case.group(second, "theirs", https))
            case "zone":
                neighbours.case.world.hub_zone(second, name, "10.1.1.9")
            case "SYSTEM rule":
                neighbours.forward(domain=name)
            case _:
                neighbours.forward("192.168.9.9", domain=name)

    def test_a_rule_for_other_names_or_other_servers_changes_nothing(self, neighbours: Neighbours) -> None:
        neighbours.open_second()
        neighbours.forward("10.77.0.2")
        answer = neighbours.case.look(neighbours.first)
        assert MADE in statuses(answer)
        assert "whoever asks" not in " ".join(neighbours.case.told())

    def test_another_vpc_that_reaches_nothing_today_is_only_told_of(self, neighbours: Neighbours) -> None:
        door = neighbours.open_door()
        neighbours.name_servers(*SERVERS)
        answer = neighbours.case.look(neighbours.first)
        assert MADE in statuses(answer)
        (told,) = neighbours.case.told()
        words = "lets other networks resolve names as this VPC does: whoever asks there will get"
        assert f"inbound Resolver endpoint {door} {words} the endpoint's addresses as well" in told

    def test_another_vpc_by_a_directorys_servers_is_told_of_for_they_may_ask_elsewhere(
        self, neighbours: Neighbours
    ) -> None:
        neighbours.open_second()
        other = neighbours.case.world.make_subnet(neighbours.first, "10.0.2.0/24", "us-east-1b")
        directories = boto3.client("ds")
        directories.create_microsoft_ad(
            Name="corp.example",
            Password="Passw0rd!",
            VpcSettings={"VpcId": neighbours.first, "SubnetIds": [neighbours.servers, other]},
            Edition="Standard",
        )
        (made,) = directories.describe_directories()["DirectoryDescriptions"]
        neighbours.name_servers(*made["DnsIpAddrs"])
        answer = neighbours.case.look(neighbours.first)
        assert MADE in statuses(answer)
        told = " ".join(neighbours.case.told())
        assert f"the DHCP options of {neighbours.second} name" in told

    def test_in_an_ordinary_vpc_nothing_is_said(self, case: Case) -> None:
        vpc_id, _, _ = case.behind_nat()
        assert MADE in statuses(case.look(vpc_id))
        assert "whoever asks" not in " ".join(case.told())


class TestClientsOwnGroups:
    def app(self, case: Case, vpc_id: str, *permissions: dict[str, Any]) -> str:
        group_id = case.group(vpc_id, "app")
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        case.world.ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=everything)
        case.world.ec2.authorize_security_group_egress(GroupId=group_id, IpPermissions=list(permissions))
        return group_id

    @staticmethod
    def https(**to: Any) -> dict[str, Any]:
        return {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **to}

    def test_that_name_public_ranges_only_block_it(self, case: Case) -> None:
        vpc_id, _, private = case.behind_nat()
        ranges = [{"CidrIp": one} for one in ("52.94.0.0/15", "54.239.0.0/16")]
        group = self.app(case, vpc_id, self.https(IpRanges=ranges))
        case.launch(private, group)
        assert BLOCKED in statuses(case.look(vpc_id))
        assert f"{group} of eni-" in " ".join(case.told())

    @pytest.mark.parametrize("case", [requiring("logs", "monitoring")], indirect=True)
    def test_that_name_a_group_of_lifelines_that_the_endpoint_does_not_get_block_it(self, case: Case) -> None:
        case.monkeypatch.setenv("REQUIRED_SERVICES", "logs")
        vpc_id, _, private = case.behind_nat()
        assert MADE in statuses(case.look(vpc_id))
        case.later()
        (made,) = case.world.endpoints(vpc_id)
        group_id = made["Groups"][0]["GroupId"]
        others = self.https(IpRanges=[{"CidrIp": "10.1.0.0/16"}])
        case.world.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[others])
        public = self.https(IpRanges=[{"CidrIp": "52.94.0.0/15"}])
        group = self.app(case, vpc_id, public, self.https(UserIdGroupPairs=[{"GroupId": group_id}]))
        case.launch(private, group)
        case.monkeypatch.setenv("REQUIRED_SERVICES", "logs,monitoring")
        assert BLOCKED in statuses(case.look(vpc_id))
        assert f"{group} of eni-" in " ".join(case.told())

    def test_that_block_it_leave_no_promise_of_it_once_the_subnet_that_needs_it_is_cut_off(self, case: Case) -> None:
        vpc_id, public, private = case.behind_nat()
        case.launch(public, case.group_only_to(vpc_id, "52.94.0.0/15"))
        case.look(vpc_id)
        agent = case.launch(private, ago=timedelta(hours=3))
        of_private = [{"Name": "association.subnet-id", "Values": [private]}]
        (table,) = case.world.ec2.describe_route_tables(Filters=of_private)["RouteTables"]
        case.world.ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
        assert BLOCKED in statuses(case.look(vpc_id))
        why = case.why_silent(agent["InstanceId"], reported_for=timedelta(minutes=1))
        assert "Lifeline has queued a check of this VPC." in why
        assert (
            "Lifeline will try to create the endpoint here. Unless a notice says that this is blocked, agents should "
            "report again by" in why
        )

    @pytest.mark.parametrize("case", [requiring("iot.data")], indirect=True)
    def test_that_let_out_one_of_the_services_ports_block_it_only_if_that_is_lost(self, case: Case) -> None:
        name = case.account.name_of("iot.data")
        case.account.offer(Service(name, private_dns_names=("iot.data.us-east-1.amazonaws.com",)))
        mqtt = {"IpProtocol": "tcp", "FromPort": 8883, "ToPort": 8883}
        for ranges, done in (("0.0.0.0/0", MADE), ("52.94.0.0/15", BLOCKED)):
            vpc_id, _, private = case.behind_nat()
            group = self.app(case, vpc_id, {**mqtt, "IpRanges": [{"CidrIp": ranges}]})
            case.launch(private, group)
            assert done in statuses(case.look(vpc_id))
        told = " ".join(case.told())
        assert "would make TCP 8883 of the iot.data service unreachable from a client in" in told
        assert "doesn't allow outbound 8883 to" in told

    @pytest.mark.parametrize(
        "shown",
        [
            {"InterfaceType": "lambda", "Description": "AWS Lambda VPC ENI-app"},
            {"Description": "arn:aws:ecs:us-east-1:123456789012:attachment/0a1b"},
        ],
        ids=["Lambda", "ECS"],
    )
    def test_of_a_function_or_a_task_block_it_like_an_instances(self, case: Case, shown: dict[str, Any]) -> None:
        vpc_id, _, private = case.behind_nat()
        group = self.app(case, vpc_id, self.https(IpRanges=[{"CidrIp": "52.94.0.0/15"}]))
        made = case.world.ec2.create_network_interface(SubnetId=private, Groups=[group])["NetworkInterface"]
        attached = {"AttachmentId": "eni-attach-1", "InstanceOwnerId": "amazon-aws", "Status": "attached"}
        case.account.show(
            made["NetworkInterfaceId"], Status="in-use", RequesterManaged=True, Attachment=attached, **shown
        )
        assert BLOCKED in statuses(case.look(vpc_id))
        assert f"{group} of {made['NetworkInterfaceId']}" in " ".join(case.told())

    def test_of_an_interface_that_nothing_has_block_nothing(self, case: Case) -> None:
        """Whoever may create one in somebody's subnet, with any group of the VPC, needs no instance for that."""
        vpc_id, _, private = case.behind_nat()
        group = self.app(case, vpc_id, self.https(IpRanges=[{"CidrIp": "52.94.0.0/15"}]))
        made = case.world.ec2.create_network_interface(SubnetId=private, Groups=[group])
        assert made["NetworkInterface"]["Status"] == "available"
        assert MADE in statuses(case.look(vpc_id))

    def test_of_an_account_with_which_the_vpc_is_shared_are_told_and_block_nothing(self, case: Case) -> None:
        """Its groups can't be read: whatever it runs in a shared subnet withholds no endpoint from the others."""
        vpc_id, _, private = case.behind_nat()
        (theirs,) = case.launch(private)["NetworkInterfaces"]
        group = {"GroupId": "sg-0123456789abcdef0", "GroupName": "theirs"}
        case.account.show(theirs["NetworkInterfaceId"], OwnerId="444455556666", Groups=[group])
        assert MADE in statuses(case.look(vpc_id))
        assert theirs["NetworkInterfaceId"] in " ".join(case.told())

    def test_that_name_a_prefix_list_of_public_ranges_block_it_too(self, case: Case) -> None:
        vpc_id, _, private = case.behind_nat()
        made = case.world.ec2.create_managed_prefix_list(
            PrefixListName="aws", MaxEntries=1, AddressFamily="IPv4", Entries=[{"Cidr": "52.94.0.0/15"}]
        )
        lists = [{"PrefixListId": made["PrefixList"]["PrefixListId"]}]
        case.launch(private, self.app(case, vpc_id, self.https(PrefixListIds=lists)))
        assert BLOCKED in statuses(case.look(vpc_id))

    def test_that_could_not_be_read_are_said_to_be_unread(self, case: Case) -> None:
        vpc_id, _, private = case.behind_nat()
        ranges = [{"CidrIp": "52.94.0.0/15"}]
        case.launch(private, self.app(case, vpc_id, self.https(IpRanges=ranges)))
        case.account.fail_next("DescribeNetworkInterfaces", "UnauthorizedOperation", times=20)
        answer = case.look(vpc_id)
        assert "the security groups of the clients' network interfaces could not be read" in answer["note"]

    def test_that_name_the_vpcs_block_as_well_block_nothing(self, case: Case) -> None:
        vpc_id, _, private = case.behind_nat()
        ranges = [{"CidrIp": one} for one in ("52.94.0.0/15", "10.0.0.0/16")]
        case.launch(private, self.app(case, vpc_id, self.https(IpRanges=ranges)))
        assert MADE in statuses(case.look(vpc_id))


@pytest.mark.parametrize("case", [{"POLICY_PARAMETER": "/policy", "MAY_FIX_DNS": "yes"}], indirect=True)
class TestZonesThatWakeUp:
    def look(self, case: Case, vpc_id: str, *zones: str) -> dict[str, Any]:
        boto3.client("ssm").put_parameter(Name="/policy", Type="String", Value=json.dumps(FIXING))
        for name in zones:
            case.world.hub_zone(vpc_id, name)
        case.world.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": False})
        return case.look(vpc_id)

    @pytest.mark.parametrize("name", ["logs.us-east-1.amazonaws.com", "us-east-1.amazonaws.com"])
    def test_and_hide_what_works_today_block_it(self, case: Case, name: str) -> None:
        vpc_id, _, _ = case.behind_nat()
        answer = self.look(case, vpc_id, name)
        assert ("fix_dns", "done") not in statuses(answer)
        assert BLOCKED in statuses(answer)
        assert f"private hosted zone {name}" in " ".join(case.told())

    def test_and_hold_other_names_are_told(self, case: Case) -> None:
        vpc_id, _, _ = case.behind_nat()
        answer = self.look(case, vpc_id, "example.com")
        assert {("fix_dns", "done"), MADE} <= statuses(answer)
        assert "a private hosted zone that answers nobody so far will begin to: example[.]com" in " ".join(case.told())

    def test_beside_an_endpoint_that_is_there_already_are_read_too(self, case: Case) -> None:
        vpc_id, _, private = case.behind_nat()
        group = case.group(vpc_id, "theirs", {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]})
        case.their_endpoint(vpc_id, private, group)
        answer = self.look(case, vpc_id, "logs.us-east-1.amazonaws.com")
        assert statuses(answer) == {("fix_dns", "blocked")}

    def test_in_a_vpc_that_reaches_nothing_today_harm_nobody(self, case: Case) -> None:
        vpc_id = case.world.make_vpc()
        case.world.make_subnet(vpc_id)
        answer = self.look(case, vpc_id, "logs.us-east-1.amazonaws.com")
        assert {("fix_dns", "done"), MADE} <= statuses(answer)
