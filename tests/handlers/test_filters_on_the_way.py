"""What people reported in public, put to the handlers: ports, members, prefix lists, other VPCs' groups, ACLs, NAT."""

import pytest

from tests.support.cases import Case, Entry, requiring
from tests.support.strict import Service

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
