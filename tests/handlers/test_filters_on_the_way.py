"""What people reported in public, put to the handlers: ports, members, prefix lists, other VPCs' groups, ACLs, NAT.

More of these are in `test_central_endpoints` (a hub without a way), `test_harm_beyond_the_subnets` (who else asks here,
clients' own groups, zones that wake up), `test_s3_by_interface`, `test_security_groups` (records of a shared group),
`test_unreadable` (a misspelt freeze), `test_detect_metric_gaps` (the instance's own group, agents elsewhere, all at
once), and `tests/adapters/aws/test_network.py` (a prefix list that isn't shared any more).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.handlers import reconcile_endpoints
from tests.handlers.test_reconcile_endpoints import sqs
from tests.support.cases import Case, Entry, requiring
from tests.support.cloudtrail import record_call
from tests.support.strict import Service
from tests.support.world import Context

ZONES = ("us-east-1a", "us-east-1b")
ALL = ((100, True, "allow", "0.0.0.0/0", None), (100, False, "allow", "0.0.0.0/0", None))


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

    @pytest.mark.parametrize("case", [requiring("email-smtp")], indirect=True)
    def test_ports_that_work_today_are_not_lost_unsaid_because_another_is_shut_already(self, case: Case) -> None:
        name = case.account.name_of("email-smtp")
        case.account.offer(Service(name, private_dns_names=("email-smtp.us-east-1.amazonaws.com",)))
        vpc_id, public, private = case.behind_nat()
        case.guard(vpc_id, public, (50, True, "deny", "0.0.0.0/0", (25, 25)), *ALL)
        submission = (110, False, "allow", "10.0.0.0/16", (587, 587))
        answers = (120, False, "allow", "0.0.0.0/0", (32768, 65535))
        case.guard(vpc_id, private, submission, answers, (100, True, "allow", "0.0.0.0/0", None))
        case.account.set_free_addresses(public, 0)
        refused = case.look(vpc_id)["actions"][-1]
        assert refused["status"] == "blocked"
        assert "make TCP 465, 2465, 2587 of the email-smtp service unreachable from" in refused["error"]
        assert "doesn't let 465, 2465, 2587 into" in " ".join(case.told())

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

    @pytest.mark.parametrize("case", [requiring("brand-new", "s3express")], indirect=True)
    def test_nor_by_a_gateway_endpoint_but_that_of_s3_express_is_on_443(self, case: Case) -> None:
        for suffix in ("brand-new", "s3express"):
            case.account.offer(Service(case.account.name_of(suffix), "Gateway"))
        vpc_id = case.world.make_vpc()
        case.world.make_subnet(vpc_id)
        found = {one["service"]: (one["action"], one["status"]) for one in case.look(vpc_id)["actions"]}
        assert found == {
            "brand-new": ("create_gateway_endpoint", "blocked"),
            "s3express": ("create_gateway_endpoint", "done"),
        }
        case.later()
        assert [one["ServiceName"] for one in case.world.endpoints(vpc_id)] == [case.account.name_of("s3express")]
        assert {one["service"]: one["state"] for one in case.look(vpc_id)["services"]} == {
            "brand-new": "blocked",
            "s3express": "served",
        }

    @pytest.mark.parametrize("case", [requiring("airflow-fips.env", "backup-gateway")], indirect=True)
    def test_a_fips_name_has_the_ports_of_its_service(self, case: Case) -> None:
        for suffix, name in (("airflow-fips.env", "env.airflow-fips"), ("backup-gateway", "backup-gateway")):
            case.account.offer(Service(case.account.name_of(suffix), private_dns_names=(f"{name}.amazonaws.com",)))
        vpc_id, _, _ = case.behind_nat()
        case.look(vpc_id)
        case.later()
        assert {one["state"] for one in case.look(vpc_id)["services"]} == {"served"}
        (group,) = case.world.groups(vpc_id)
        assert {443, 1031, 2222} <= {one["FromPort"] for one in group["IpPermissions"]}


class TestARouteBetweenTwoSubnets:
    def test_that_leads_through_a_machine_makes_an_endpoint_behind_it_not_known(self, case: Case) -> None:
        ec2, vpc_id = case.world.ec2, case.world.make_vpc()
        client, host = (case.world.make_subnet(vpc_id, f"10.0.{n}.0/24") for n in (1, 2))
        permission = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
        case.their_endpoint(vpc_id, host, case.group(vpc_id, "theirs", permission))
        assert case.look(vpc_id, mode="plan")["services"][0]["state"] == "served"
        machine = ec2.create_network_interface(SubnetId=host)["NetworkInterface"]["NetworkInterfaceId"]
        table = case.world.main_table(vpc_id)
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.0.2.0/24", NetworkInterfaceId=machine)
        (unknown,) = case.look(vpc_id, mode="plan")["services"]
        assert (unknown["state"], f"what lies beyond {machine} was not read" in unknown["detail"]) == ("unknown", True)
        assert f"what lies beyond {machine} was not read" in case.why_silent(case.launch(client)["InstanceId"])


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
        theirs = case.group(vpc_id, "theirs", permission)
        case.their_endpoint(vpc_id, subnet, theirs)
        assert case.look(vpc_id, mode="plan")["services"][0]["state"] == state
        why = case.why_silent(case.launch(subnet, case.group(vpc_id, "app"))["InstanceId"])
        assert (f"{theirs} of vpce-" in why) is (state == "blocked")
        assert ("is open" in why) is (state == "served")

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
        ("guarded", "denied"),
        [
            (1, ((50, False, "deny", "10.0.2.66/32", None), (50, True, "deny", "10.0.2.66/32", None))),
            (2, ((50, False, "deny", "0.0.0.0/0", (50070, 50070)),)),
        ],
    )
    def test_closes_nothing_for_the_rest(self, case: Case, guarded: int, denied: tuple[Entry, ...]) -> None:
        vpc_id = case.world.make_vpc()
        subnets = case.world.make_subnet(vpc_id), case.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
        for subnet in subnets[:guarded]:
            case.guard(vpc_id, subnet, *denied, *ALL)
        case.look(vpc_id)
        case.later()
        after = case.look(vpc_id)
        (service,) = after["services"]
        assert (service["state"], after["actions"]) == ("served", [])


class TestASubnetThatSomebodyMakesAndShuts:
    """It has the most free addresses, so Lifeline places its endpoint there, which answers for the whole VPC."""

    def hosts(self, case: Case, vpc_id: str) -> set[str]:
        (there,) = case.world.endpoints(vpc_id)
        return set(there["SubnetIds"])

    def test_keeps_the_endpoint_and_what_opens_it_is_said(self, case: Case) -> None:
        """A known gap: whom it would cut off to take the endpoint away, and why it was shut, isn't known."""
        vpc_id = case.world.make_vpc()
        for number, zone in enumerate(ZONES):
            case.world.make_subnet(vpc_id, f"10.0.{number}.0/24", zone)
        made = case.world.make_subnet(vpc_id, "10.0.16.0/20", ZONES[0])
        case.look(vpc_id)
        case.later()
        assert made in self.hosts(case, vpc_id)
        case.guard(vpc_id, made)
        for _ in range(2):
            case.look(vpc_id)
            case.later()
        assert made in self.hosts(case, vpc_id)
        assert "allow it in network ACL" in " ".join(case.told())

    def test_in_a_zone_of_its_own_keeps_no_endpoint_from_the_others(self, case: Case) -> None:
        vpc_id = case.world.make_vpc()
        first, shut = (case.world.make_subnet(vpc_id, f"10.0.{n}.0/24", zone) for n, zone in enumerate(ZONES))
        for subnet_id in (first, shut):
            case.guard(vpc_id, subnet_id, *(ALL if subnet_id == first else ()))
            case.launch(subnet_id)
        case.look(vpc_id)
        case.later()
        assert self.hosts(case, vpc_id) == {first}
        assert "allow it in network ACL" in " ".join(case.told())


class TestASubnetThatSomebodyMakes:
    """Whoever is in the others reaches the endpoint where it is, and nowhere else."""

    @pytest.fixture
    def narrow(self, case: Case) -> tuple[str, str]:
        """A VPC, and its subnet that has the endpoint."""
        vpc_id = case.world.make_vpc()
        home, app = (case.world.make_subnet(vpc_id, f"10.0.{n}.0/{size}", ZONES[0]) for n, size in ((16, 20), (1, 24)))
        case.launch(app, case.group_only_to(vpc_id, "10.0.16.0/20"))
        case.look(vpc_id)
        case.later()
        assert self.hosts(case, vpc_id) == {home}
        return vpc_id, home

    def hosts(self, case: Case, vpc_id: str) -> set[str]:
        (there,) = case.world.endpoints(vpc_id)
        return set(there["SubnetIds"])

    def test_in_another_zone_brings_the_endpoint_to_no_place_where_their_groups_let_them_not_reach_it(
        self, case: Case, narrow: tuple[str, str]
    ) -> None:
        vpc_id, home = narrow
        case.world.make_subnet(vpc_id, "10.0.2.0/24", ZONES[1])
        case.look(vpc_id)
        case.later()
        assert self.hosts(case, vpc_id) == {home}
        assert "doesn't allow outbound 443 to 10.0.2.0/24" in " ".join(case.told())

    @pytest.mark.parametrize("is_inhabited", [True, False])
    def test_that_the_acl_there_does_not_let_in_moves_no_endpoint_away_from_them(
        self, case: Case, narrow: tuple[str, str], *, is_inhabited: bool
    ) -> None:
        vpc_id, home = narrow
        within = ((100, True, "allow", "10.0.0.0/19", None), (100, False, "allow", "10.0.0.0/19", None))
        case.guard(vpc_id, home, *within)
        made = case.world.make_subnet(vpc_id, "10.0.64.0/24", ZONES[1])
        if is_inhabited:
            case.launch(made)
        for _ in range(3):
            case.look(vpc_id)
            case.later()
        assert self.hosts(case, vpc_id) == {home}


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


def instance(case: Case, subnet_id: str, *, has_address: bool) -> None:
    interface = {"DeviceIndex": 0, "SubnetId": subnet_id, "AssociatePublicIpAddress": has_address}
    case.world.ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, NetworkInterfaces=[interface])


def reroute(case: Case, subnet_id: str, **target: str) -> None:
    """The subnet's default route leads there from now on."""
    ec2 = case.world.ec2
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet_id]}])[
        "RouteTables"
    ]
    ec2.replace_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", **target)


def internet_gateway(case: Case, vpc_id: str) -> str:
    filters = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    return str(case.world.ec2.describe_internet_gateways(Filters=filters)["InternetGateways"][0]["InternetGatewayId"])


@pytest.mark.parametrize(
    "case", [{"rules": [{"require": ["monitoring"], "where": {"tiers": ["isolated"]}}]}], indirect=True
)
class TestARouteThatLeadsNowhere:
    """Whoever can change routes must not withhold endpoints by one, nor have endpoints made where nothing was lost."""

    def made(self, case: Case, vpc_id: str) -> list[str]:
        case.look(vpc_id)
        case.later()
        return [one["ServiceName"] for one in case.world.endpoints(vpc_id)]

    def test_to_an_internet_gateway_that_nobody_there_can_use_gets_an_endpoint_and_why_is_said(
        self, case: Case
    ) -> None:
        vpc_id, _, private = case.behind_nat()
        instance(case, private, has_address=False)
        assert not self.made(case, vpc_id)
        reroute(case, private, GatewayId=internet_gateway(case, vpc_id))
        found = case.look(vpc_id)
        assert found["subnets"][private] == "isolated"
        assert "nothing there has a public IPv4 address" in found["note"]
        case.later()
        assert len(case.world.endpoints(vpc_id)) == 1

    @pytest.mark.parametrize("others", [(True,), (True, False), ()])
    def test_to_an_internet_gateway_that_somebody_there_can_use_gets_none(
        self, case: Case, others: tuple[bool, ...]
    ) -> None:
        vpc_id, _, private = case.behind_nat()
        for has_address in others:
            instance(case, private, has_address=has_address)
        reroute(case, private, GatewayId=internet_gateway(case, vpc_id))
        assert not self.made(case, vpc_id)

    def test_an_address_of_an_interface_that_nothing_has_keeps_nobody_from_getting_one(self, case: Case) -> None:
        vpc_id, _, private = case.behind_nat()
        ec2 = case.world.ec2
        instance(case, private, has_address=False)
        theirs = ec2.create_network_interface(SubnetId=private)["NetworkInterface"]["NetworkInterfaceId"]
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ec2.associate_address(AllocationId=address, NetworkInterfaceId=theirs)
        reroute(case, private, GatewayId=internet_gateway(case, vpc_id))
        assert len(self.made(case, vpc_id)) == 1

    @pytest.mark.parametrize("where", ["a secondary address", "a second interface"])
    def test_another_address_or_interface_from_which_somebody_may_send_keeps_them_from_getting_one(
        self, case: Case, where: str
    ) -> None:
        """A known gap: an instance sends from its primary address unless its system is told otherwise."""
        vpc_id, _, private = case.behind_nat()
        ec2 = case.world.ec2
        ran = case.launch(private)
        (first,) = ran["NetworkInterfaces"]
        if where == "a secondary address":
            known = {"PrivateIpAddress": first["PrivateIpAddress"], "Primary": True}
            second = {"PrivateIpAddress": "10.0.2.77", "Primary": False, "Association": {"PublicIp": "198.51.100.7"}}
            case.account.show(first["NetworkInterfaceId"], PrivateIpAddresses=[known, second])
        else:
            made = ec2.create_network_interface(SubnetId=private)["NetworkInterface"]["NetworkInterfaceId"]
            ec2.attach_network_interface(NetworkInterfaceId=made, InstanceId=ran["InstanceId"], DeviceIndex=1)
            address = ec2.allocate_address(Domain="vpc")["AllocationId"]
            ec2.associate_address(AllocationId=address, NetworkInterfaceId=made)
        reroute(case, private, GatewayId=internet_gateway(case, vpc_id))
        assert not self.made(case, vpc_id)

    def test_an_elastic_ip_of_a_stopped_instance_keeps_them_from_getting_one_and_takes_none_away(
        self, case: Case
    ) -> None:
        """A known gap: which instances run is read only where none has an address."""
        vpc_id, _, private = case.behind_nat()
        ec2 = case.world.ec2
        instance(case, private, has_address=False)
        stopped = case.launch(private)
        ec2.stop_instances(InstanceIds=[stopped["InstanceId"]])
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        (theirs,) = stopped["NetworkInterfaces"]
        given = {"AllocationId": address, "NetworkInterfaceId": theirs["NetworkInterfaceId"]}
        associated = ec2.associate_address(**given)["AssociationId"]
        reroute(case, private, GatewayId=internet_gateway(case, vpc_id))
        assert not self.made(case, vpc_id)
        ec2.disassociate_address(AssociationId=associated)
        (ours,) = self.made(case, vpc_id)
        ec2.associate_address(**given)
        assert self.made(case, vpc_id) == [ours]

    @pytest.mark.parametrize("has_address", [False, True])
    def test_an_instance_of_an_account_with_which_the_subnet_is_shared_counts_as_running(
        self, case: Case, has_address: bool
    ) -> None:
        """EC2 shows its interface to the VPC's owner, and not the instance (VPC guide: share your VPC subnets)."""
        vpc_id, _, private = case.behind_nat()
        theirs = case.launch(private)["NetworkInterfaces"][0]["NetworkInterfaceId"]
        attached = {"InstanceId": "i-0123456789abcdef0", "InstanceOwnerId": "444455556666", "DeviceIndex": 0}
        public = {"Association": {"PublicIp": "198.51.100.7"}} if has_address else {}
        case.account.show(theirs, OwnerId="444455556666", Attachment=attached, **public)
        if has_address:
            instance(case, private, has_address=False)
        reroute(case, private, GatewayId=internet_gateway(case, vpc_id))
        assert bool(self.made(case, vpc_id)) is not has_address

    def test_an_instance_that_lost_its_address_because_it_is_stopped_gets_none(self, case: Case) -> None:
        vpc_id, public, _ = case.behind_nat()
        instance(case, public, has_address=False)
        ec2 = case.world.ec2
        (found,) = ec2.describe_instances(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Reservations"]
        ec2.stop_instances(InstanceIds=[found["Instances"][0]["InstanceId"]])
        assert not self.made(case, vpc_id)
        case.account.fail_next("DescribeInstances", "UnauthorizedOperation", times=9)
        ec2.start_instances(InstanceIds=[found["Instances"][0]["InstanceId"]])
        assert not self.made(case, vpc_id)

    def test_interfaces_that_call_nothing_get_none(self, case: Case) -> None:
        vpc_id, public, _ = case.behind_nat()
        ec2 = case.world.ec2
        ec2.create_network_interface(SubnetId=public)
        (other,) = case.launch(case.world.make_subnet(vpc_id, "10.0.9.0/24"))["NetworkInterfaces"]
        second = ec2.create_network_interface(SubnetId=public)["NetworkInterface"]["NetworkInterfaceId"]
        instance_id = ec2.describe_network_interfaces(NetworkInterfaceIds=[other["NetworkInterfaceId"]])[
            "NetworkInterfaces"
        ][0]["Attachment"]["InstanceId"]
        ec2.attach_network_interface(NetworkInterfaceId=second, InstanceId=instance_id, DeviceIndex=1)
        assert public not in {id_ for one in case.world.endpoints(vpc_id) for id_ in one["SubnetIds"]}
        case.look(vpc_id)
        assert case.look(vpc_id)["subnets"][public] == "public"

    @pytest.mark.parametrize("is_checking", [True, False])
    def test_to_a_machine_that_drops_it_gets_an_endpoint(self, case: Case, is_checking: bool) -> None:
        vpc_id, public, private = case.behind_nat()
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        nat = case.launch(public, case.group(vpc_id, "nat", everything))
        interface_id = nat["NetworkInterfaces"][0]["NetworkInterfaceId"]
        case.world.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=interface_id, SourceDestCheck={"Value": is_checking}
        )
        reroute(case, private, NetworkInterfaceId=interface_id)
        assert bool(self.made(case, vpc_id)) is is_checking

    @pytest.mark.parametrize("operation", ["stop_instances", "terminate_instances"])
    def test_to_a_machine_that_does_not_run_gets_an_endpoint(self, case: Case, operation: str) -> None:
        vpc_id, public, private = case.behind_nat()
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        nat = case.launch(public, case.group(vpc_id, "nat", everything))
        interface_id = nat["NetworkInterfaces"][0]["NetworkInterfaceId"]
        case.world.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=interface_id, SourceDestCheck={"Value": False}
        )
        reroute(case, private, NetworkInterfaceId=interface_id)
        getattr(case.world.ec2, operation)(InstanceIds=[nat["InstanceId"]])
        assert self.made(case, vpc_id)

    @pytest.mark.parametrize("how", ["its group is closed", "its check is turned on"])
    def test_to_a_machine_that_somebody_keeps_from_forwarding_gets_an_endpoint_and_it_is_said(
        self, case: Case, how: str
    ) -> None:
        ec2, (vpc_id, public, private) = case.world.ec2, case.behind_nat()
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        group = case.group(vpc_id, "nat", everything)
        (interface,) = case.launch(public, group)["NetworkInterfaces"]
        check = {"NetworkInterfaceId": interface["NetworkInterfaceId"]}
        ec2.modify_network_interface_attribute(**check, SourceDestCheck={"Value": False})
        reroute(case, private, **check)
        assert not self.made(case, vpc_id)
        if how == "its group is closed":
            ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[everything])
        else:
            ec2.modify_network_interface_attribute(**check, SourceDestCheck={"Value": True})
        assert self.made(case, vpc_id)
        assert any("created interface endpoint" in text for text in case.told())

    def test_past_an_acl_that_lets_nothing_out_gets_an_endpoint(self, case: Case) -> None:
        vpc_id, _, private = case.behind_nat()
        inside = tuple((100, egress, "allow", "10.0.0.0/8", None) for egress in (True, False))
        case.guard(vpc_id, private, *inside)
        assert self.made(case, vpc_id)

    def test_where_interfaces_cannot_be_read_nothing_is_made(self, case: Case) -> None:
        vpc_id, _, private = case.behind_nat()
        instance(case, private, has_address=False)
        reroute(case, private, GatewayId=internet_gateway(case, vpc_id))
        case.account.fail_next("DescribeNetworkInterfaces", "UnauthorizedOperation", times=9)
        assert not self.made(case, vpc_id)


class TestAnAgentByAnotherName:
    """It has reported all the time from an isolated subnet, by a name that the judge isn't asked for."""

    LEFT = "Lifeline will not fix this, because neither the policy nor a tag requires the monitoring service in"

    def check(self, case: Case, subnet_id: str) -> None:
        why = case.why_silent(case.launch(subnet_id)["InstanceId"])
        assert why.startswith(" likely the agent itself or its endpoint setting. Confidence: medium (likely)")
        assert "Status: ongoing, no fix detected. Lifeline can't repair this by itself." in why
        assert "endpoint_override" in why

    @pytest.mark.parametrize("case", [requiring("logs")], indirect=True)
    def test_of_a_vpc_that_lifeline_had_not_seen_is_likely_at_most_cut_off_and_nothing_is_promised(
        self, case: Case
    ) -> None:
        subnet = case.world.make_subnet(case.world.make_vpc())
        why = case.why_silent(case.launch(subnet)["InstanceId"])
        assert "Confidence: medium (likely)" in why
        assert f"Status: ongoing, no fix detected. Lifeline won't repair this by itself. Next: {self.LEFT}" in why

    @pytest.mark.parametrize("case", [requiring("monitoring-fips")], indirect=True)
    def test_of_a_fips_endpoint_is_likely_cut_off_by_nothing(self, case: Case) -> None:
        domain = "monitoring-fips.us-east-1.amazonaws.com"
        case.account.offer(Service(case.account.name_of("monitoring-fips"), private_dns_names=(domain,)))
        vpc_id = case.world.make_vpc()
        subnet = case.world.make_subnet(vpc_id)
        case.look(vpc_id)
        case.later()
        assert case.look(vpc_id)["services"][0]["state"] == "served"
        self.check(case, subnet)

    @pytest.mark.parametrize("case", [requiring("logs")], indirect=True)
    def test_of_its_own_choice_is_likely_cut_off_by_nothing(self, case: Case) -> None:
        """An endpoint always answers its own names (PrivateLink guide; CloudWatch agent guide: endpoint_override)."""
        vpc_id = case.world.make_vpc()
        subnet = case.world.make_subnet(vpc_id)
        permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
        endpoint_id = case.their_endpoint(vpc_id, subnet, case.group(vpc_id, "theirs", permission))
        case.world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PrivateDnsEnabled=False)
        case.look(vpc_id)
        self.check(case, subnet)


def test_an_agent_in_a_vpc_that_a_person_exempted_is_promised_no_endpoint(case: Case) -> None:
    vpc_id = case.world.make_vpc()
    agent = case.launch(case.world.make_subnet(vpc_id))
    reconcile_endpoints.handler({"exempt": [vpc_id], "days": 7, "reason": "moves to the hub"}, Context())
    why = case.why_silent(agent["InstanceId"])
    assert "Lifeline won't repair this by itself." in why
    assert f"Lifeline will not fix this, because {vpc_id} is exempt from everything until" in why
    assert "moves to the hub" in why


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


@pytest.mark.parametrize("case", [{"REQUIRED_SERVICES": "s3"}], indirect=True)
class TestARouteThatTakesAGatewayEndpointsAddresses:
    """The most specific route goes first, and a static one before a prefix list's (VPC guide: route priority)."""

    def served_but(self, case: Case, *, is_attached: bool, part_of_list: bool = True) -> tuple[str, str, str]:
        """A VPC whose subnet S3's gateway endpoint served until a route took some addresses; with the VPC's ID the
        route's block and target.
        """
        ec2, vpc_id = case.world.ec2, case.world.make_vpc()
        case.world.make_subnet(vpc_id)
        case.look(vpc_id)
        case.later()
        assert case.look(vpc_id)["services"][0]["state"] == "served"
        filters = [{"Name": "prefix-list-name", "Values": [case.account.name_of("s3")]}]
        (listed,) = ec2.describe_managed_prefix_lists(Filters=filters)["PrefixLists"]
        entries = ec2.get_managed_prefix_list_entries(PrefixListId=listed["PrefixListId"])["Entries"]
        cidr = entries[0]["Cidr"] if part_of_list else "17.0.0.0/8"
        vpn_id = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
        ec2.attach_vpn_gateway(VpnGatewayId=vpn_id, VpcId=vpc_id)
        main = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
        (table,) = ec2.describe_route_tables(Filters=main)["RouteTables"]
        ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=cidr, GatewayId=vpn_id)
        if not is_attached:
            ec2.detach_vpn_gateway(VpnGatewayId=vpn_id, VpcId=vpc_id)
        return vpc_id, cidr, vpn_id

    def test_to_nowhere_is_named_and_left_to_its_owner(self, case: Case) -> None:
        vpc_id, cidr, vpn_id = self.served_but(case, is_attached=False)
        after = case.look(vpc_id)
        (service,), (action,) = after["services"], after["actions"]
        assert (service["state"], action["action"]) == ("blocked", "mend_route")
        assert f"leads to {cidr}; its route to {vpn_id} is a blackhole" in action["reason"]
        assert action["error"] == "delete the route, or give it a target that forwards the packets"

    def test_to_what_was_not_read_leaves_it_unknown(self, case: Case) -> None:
        vpc_id, _, vpn_id = self.served_but(case, is_attached=True)
        after = case.look(vpc_id)
        (service,) = after["services"]
        assert (service["state"], after["actions"]) == ("unknown", [])
        assert f"what lies beyond {vpn_id} was not read" in service["detail"]

    @pytest.mark.parametrize("is_attached", [True, False])
    def test_of_other_public_addresses_takes_nothing_from_it(self, case: Case, *, is_attached: bool) -> None:
        vpc_id, _, _ = self.served_but(case, is_attached=is_attached, part_of_list=False)
        after = case.look(vpc_id)
        assert ([one["state"] for one in after["services"]], after["actions"]) == (["served"], [])


def test_what_is_taken_from_a_clients_group_of_another_vpc_is_found_as_the_cause(case: Case) -> None:
    """EC2 knows the group's own VPC alone: whose interfaces have it says where else the change counts."""
    ec2, (vpc_id, _, private) = case.world.ec2, case.behind_nat()
    group = case.group(case.world.make_vpc(cidr="10.20.0.0/16"), "golden")
    case.account.associate(group, vpc_id)
    agent = case.launch(private, group, ago=timedelta(hours=3))
    case.look(vpc_id)
    out: Any = {"GroupId": group, "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}
    ec2.revoke_security_group_egress(**out)
    revoked = record_call("RevokeSecurityGroupEgress", out, {"Return": True}, at=datetime.now(UTC))
    reconcile_endpoints.handler(sqs(revoked), Context())
    why = case.why_silent(agent["InstanceId"], reported_for=timedelta(minutes=1))
    assert why.strip().startswith(f"the instance's own security group {group} allows no outbound TCP 443")
    assert "Change: RevokeSecurityGroupEgress" in why
    assert "no change of these rules is on record" not in why
