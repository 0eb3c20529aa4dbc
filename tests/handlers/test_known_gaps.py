"""How far the known gaps of docs/security.md reach: what somebody withholds by them, what is said, and what ends it."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.roles import Roles
from lifeline.adapters.aws.subscriptions import subscriptions_of
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.watches import Watch
from lifeline.core.doctor.finding import CheckVerdict
from lifeline.core.doctor.people import check_subscriptions
from lifeline.core.incidents.canary import silences
from lifeline.core.network.iam_policy import Permission, RoleVerdict
from lifeline.core.network.model import NO_CAPACITY
from lifeline.core.requests.trigger import Trigger
from lifeline.handlers import detect_metric_gaps, reconcile_endpoints
from tests.handlers.test_claims import refused, strict_for_all, their_table, theirs
from tests.handlers.test_dns_records import add_subnet
from tests.handlers.test_teardown import Site
from tests.support import strict
from tests.support.cases import Case
from tests.support.days import MINUTES, Days
from tests.support.home import HOME
from tests.support.strict_errors import RefusedError
from tests.support.world import ACCOUNT, Context, World, emulated_world

NAME = "monitoring.us-east-1.amazonaws.com"
MINUTE = timedelta(minutes=1)
DEAD = "10.0.1.200"  # in the subnet's block; no network interface has it
IN_NO_SUBNET = "10.0.200.200"
ANYWHERE: Any = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def isolated(case: Case) -> tuple[str, str]:
    """A VPC with one subnet, from which no route leads out."""
    vpc_id = case.world.make_vpc()
    return vpc_id, case.world.make_subnet(vpc_id)


def served(case: Case) -> tuple[str, str, str]:
    """The same with Lifeline's endpoint."""
    vpc_id, subnet_id = isolated(case)
    case.look(vpc_id)
    case.later()
    (made,) = case.world.endpoints(vpc_id)
    case.told()
    return vpc_id, subnet_id, made["VpcEndpointId"]


def service(case: Case, vpc_id: str) -> dict[str, Any]:
    (found,) = case.look(vpc_id)["services"]
    return dict(found)


# ---- a zone or a rule with a service's name


def test_a_zone_with_an_address_that_nothing_has_counts_as_serving_and_its_agent_is_heard(case: Case) -> None:
    vpc_id, subnet_id = isolated(case)
    zone_id = case.world.hub_zone(vpc_id, NAME, DEAD)
    found = case.look(vpc_id)
    assert (found["services"][0]["state"], found["services"][0]["by"]) == ("served centrally", zone_id)
    case.later()
    assert case.world.endpoints(vpc_id) == []
    why = case.why_silent(case.launch(subnet_id)["InstanceId"])
    assert f"what answers at {DEAD} in the VPC was not read" in why


def test_a_zone_with_an_address_that_nothing_can_have_withholds_an_endpoint_and_is_said_with_the_remedy(
    case: Case,
) -> None:
    vpc_id, _ = isolated(case)
    zone_id = case.world.hub_zone(vpc_id, NAME, IN_NO_SUBNET)
    assert case.look(vpc_id)["services"][0]["state"] == "blocked"
    (text,) = case.told()
    assert f"no interface of {vpc_id} can have {IN_NO_SUBNET}" in text
    assert f"disassociate private hosted zone {zone_id}" in text


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


def test_a_name_that_an_endpoint_of_another_type_has_withholds_an_endpoint_and_is_said_until_it_is_free(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As VPC Lattice's zones for custom domain names have it: of a zone of a service's, EC2's refusal alone says so."""
    create = strict._OWN["CreateVpcEndpoint"]

    def refuse(*_: object) -> None:
        words = f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {NAME}"
        raise RefusedError("InvalidParameter", words)

    monkeypatch.setitem(strict._OWN, "CreateVpcEndpoint", refuse)
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    said: list[str] = []
    for _ in range(4):
        days.sweeps(1)
        while days.take_from_queue():
            pass
        said += days.texts()
    assert (
        sum("abandoned after 6 attempts" in text and f"conflicting DNS domain for {NAME}" in text for text in said) == 1
    )
    assert len(said) <= 3
    assert days.live(vpc_id) == []
    monkeypatch.setitem(strict._OWN, "CreateVpcEndpoint", create)
    days.sweeps(1)
    days.clock.advance(MINUTES)
    assert len(days.live(vpc_id)) == 1


def rule_for(case: Case, vpc_id: str, domain: str) -> str:
    resolver = boto3.client("route53resolver")
    targets = [{"Ip": "192.0.2.53", "Port": 53}]
    made = resolver.create_resolver_rule(
        CreatorRequestId=domain, RuleType="FORWARD", DomainName=domain, TargetIps=targets
    )
    resolver.associate_resolver_rule(ResolverRuleId=made["ResolverRule"]["Id"], VPCId=vpc_id)
    case.forget_dns()
    return str(made["ResolverRule"]["Id"])


@pytest.mark.parametrize("domain", [NAME, "amazonaws.com", "."])
def test_a_rule_that_leads_names_nowhere_withholds_an_endpoint_and_is_said_with_the_remedy(
    case: Case, domain: str
) -> None:
    vpc_id, _ = isolated(case)
    rule_id = rule_for(case, vpc_id, domain)
    assert service(case, vpc_id)["state"] == "blocked"
    (told,) = case.told()
    assert f"disassociate resolver rule {rule_id} from the VPC" in told
    boto3.client("route53resolver").disassociate_resolver_rule(VPCId=vpc_id, ResolverRuleId=rule_id)
    case.forget_dns()
    case.look(vpc_id)
    case.later()
    assert len(case.world.endpoints(vpc_id)) == 1


def test_a_rule_ends_no_endpoint_that_is_there(case: Case) -> None:
    vpc_id, _, endpoint_id = served(case)
    rule_for(case, vpc_id, "amazonaws.com")
    assert service(case, vpc_id) == {**service(case, vpc_id), "state": "served", "by": endpoint_id}


def test_a_profile_with_an_empty_zone_of_the_name_withholds_an_endpoint_and_ends_none(days: Days) -> None:
    """The VPC's own private DNS goes before a Profile, so one that is there stays in use."""
    days.account.attach(client("route53profiles"))
    zone_id = days.world.hub_zone(days.world.make_vpc(), NAME)
    days.account.dns.add_profile("rp-1", owner=ACCOUNT, resources=[f"arn:aws:route53:::hostedzone/{zone_id}"])
    vpc_ids = days.account.dns.profiles["rp-1"].vpc_ids
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    vpc_ids.append(vpc_id)
    days.sweeps(1)
    (told,) = days.texts()
    assert "Route 53 Profile rp-1 has no record for monitoring.us-east-1.amazonaws" in told
    assert "add the record, or disassociate Route 53 Profile rp-1 from the VPC" in told
    assert days.live(vpc_id) == []
    vpc_ids.remove(vpc_id)
    remember.cache_clear()
    days.sweeps(1)
    made = days.live(vpc_id)
    assert len(made) == 1
    vpc_ids.append(vpc_id)
    remember.cache_clear()
    days.sweeps(80)
    assert days.live(vpc_id) == made
    assert days.look(vpc_id)["services"][0]["state"] == "served"


def test_dns_servers_that_answer_nothing_withhold_no_endpoint_and_are_named(case: Case) -> None:
    vpc_id, subnet_id = isolated(case)
    servers: Any = [{"Key": "domain-name-servers", "Values": ["192.0.2.53"]}]
    options = case.world.ec2.create_dhcp_options(DhcpConfigurations=servers)["DhcpOptions"]["DhcpOptionsId"]
    case.world.ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc_id)
    assert case.look(vpc_id)["outcome"] == "changed"
    case.later()
    assert len(case.world.endpoints(vpc_id)) == 1
    assert "192.0.2.53" in case.why_silent(case.launch(subnet_id)["InstanceId"])


# ---- who would be harmed


def test_one_subnets_acl_withholds_an_endpoint_from_the_vpc_until_the_policy_exempts_that_subnet(case: Case) -> None:
    vpc_id, _, behind_nat = case.behind_nat()
    cut_off = case.world.make_subnet(vpc_id, "10.0.2.0/24")
    everywhere, inside = "0.0.0.0/0", "10.0.0.0/16"
    acl_id = case.guard(
        vpc_id,
        behind_nat,
        (1, True, "deny", inside, None),
        (1, False, "deny", inside, None),
        (9, True, "allow", everywhere, None),
        (9, False, "allow", everywhere, None),
    )
    assert service(case, vpc_id)["state"] == "blocked"
    (told,) = case.told()
    assert acl_id in told
    exempted(case, vpc_id, behind_nat, told, cut_off, "would")


def test_an_address_that_an_acl_denies_withholds_an_endpoint_and_is_said_with_the_remedy(case: Case) -> None:
    vpc_id, public, behind_nat = case.behind_nat()
    denied: Any = (50, False, "deny", "10.0.0.240/29", (443, 443))
    case.guard(vpc_id, behind_nat, denied, *((100, egress, "allow", "0.0.0.0/0", None) for egress in (True, False)))
    (mine,) = case.launch(public)["NetworkInterfaces"]
    assert case.look(vpc_id, mode="plan")["services"][0]["state"] == "missing"
    case.world.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=mine["NetworkInterfaceId"], PrivateIpAddresses=["10.0.0.242"]
    )
    assert service(case, vpc_id)["state"] == "blocked"
    (told,) = case.told()
    assert "network ACL acl-" in told
    assert "in the network ACLs on both sides, or exempt" in told


def test_whoever_narrows_the_group_of_a_client_to_public_addresses_withholds_an_endpoint_and_it_is_said(
    case: Case,
) -> None:
    ec2, (vpc_id, _, behind_nat) = case.world.ec2, case.behind_nat()
    group = case.group(vpc_id, "app")
    case.launch(behind_nat, group)
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[ANYWHERE])
    public = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "52.94.0.0/15"}]}
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[public])
    assert service(case, vpc_id)["state"] == "blocked"
    (told,) = case.told()
    assert f"{group} of eni-" in told
    assert "allow outbound 443 to the endpoint's subnets in that security group" in told


def test_one_subnets_route_through_a_machine_withholds_an_endpoint_from_the_vpc_until_the_policy_exempts_that_subnet(
    case: Case,
) -> None:
    ec2, (vpc_id, public, behind_nat) = case.world.ec2, case.behind_nat()
    cut_off = case.world.make_subnet(vpc_id, "10.0.2.0/24")
    machine = ec2.create_network_interface(SubnetId=public)["NetworkInterface"]["NetworkInterfaceId"]
    of_subnet: Any = [{"Name": "association.subnet-id", "Values": [behind_nat]}]
    (table,) = ec2.describe_route_tables(Filters=of_subnet)["RouteTables"]
    for block in ("10.0.0.0/24", "10.0.2.0/24"):
        ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=block, NetworkInterfaceId=machine)
    assert service(case, vpc_id)["state"] == "blocked"
    (told,) = case.told()
    assert machine in told
    exempted(case, vpc_id, behind_nat, told, cut_off, "might")


@pytest.mark.parametrize("target", ["internet gateway", "egress-only internet gateway", "NAT gateway", ""])
def test_an_ipv6_only_subnets_way_out_withholds_an_endpoint_from_the_vpc_though_nobody_is_there(
    days: Days, target: str
) -> None:
    strict_for_all(days)
    ec2, vpc_id = days.world.ec2, days.world.make_vpc()
    ec2.associate_vpc_cidr_block(VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    ours = days.world.make_subnet(vpc_id, "10.0.9.0/24")
    (acl,) = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["NetworkAcls"]
    everybody: Any = {"RuleNumber": 101, "RuleAction": "allow", "Protocol": "-1", "Ipv6CidrBlock": "::/0"}
    for egress in (True, False):  # which AWS adds with the block
        ec2.create_network_acl_entry(NetworkAclId=acl["NetworkAclId"], Egress=egress, **everybody)
    add_subnet(days, vpc_id, 2, Ipv6Native=True, CidrBlock=None, EnableDns64=target == "NAT gateway")
    there: Any = [{"Name": "vpc-id", "Values": [vpc_id]}]
    (theirs,) = (one for one in ec2.describe_subnets(Filters=there)["Subnets"] if one["SubnetId"] != ours)
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table_id, SubnetId=theirs["SubnetId"])
    route: dict[str, Any] = {"RouteTableId": table_id, "DestinationIpv6CidrBlock": "::/0"}
    if target == "internet gateway":
        gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
        ec2.create_route(**route, GatewayId=gateway_id)
    elif target == "egress-only internet gateway":
        made = ec2.create_egress_only_internet_gateway(VpcId=vpc_id)["EgressOnlyInternetGateway"]
        ec2.create_route(**route, EgressOnlyInternetGatewayId=made["EgressOnlyInternetGatewayId"])
    elif target:
        ec2.create_route(
            **route | {"DestinationIpv6CidrBlock": "64:ff9b::/96"}, NatGatewayId=public_nat_gateway(days.world, vpc_id)
        )
    assert (days.look(vpc_id)["services"][0]["state"] == "blocked") is bool(target)
    assert any(f"unreachable from {theirs['SubnetId']}" in text for text in days.texts()) is bool(target)


def test_who_loses_a_path_while_an_endpoint_is_withheld_is_heard_though_the_reason_is_known(case: Case) -> None:
    """What is blocked, and why, stays the same: that one more subnet lacks it is news all the same."""
    ec2, (vpc_id, _, behind_nat) = case.world.ec2, case.behind_nat()
    case.world.make_subnet(vpc_id, "10.0.2.0/24")
    later = case.world.make_subnet(vpc_id, "10.0.3.0/24")
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table_id, SubnetId=later)
    (nat,) = ec2.describe_nat_gateways()["NatGateways"]
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat["NatGatewayId"])
    both_ways = [(1, is_out, "deny", "10.0.0.0/16", None) for is_out in (True, False)]
    case.guard(vpc_id, behind_nat, *both_ways, *((9, is_out, "allow", "0.0.0.0/0", None) for is_out in (True, False)))
    sweep(case)
    (told,) = case.told()
    assert behind_nat in told
    sweep(case)
    assert case.told() == []
    ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0")
    sweep(case)
    (told,) = case.told()
    assert f"{later} (isolated)" in told
    sweep(case)
    assert case.told() == []


def sweep(case: Case) -> None:
    case.later()
    reconcile_endpoints.handler({"sweep": True}, Context())


def exempted(case: Case, vpc_id: str, subnet_id: str, told: str, cut_off: str, makes: str) -> None:
    """Does what the notice says: the endpoint is made, and its reason names who loses the service by it. A tag, which
    others may set, costs nobody the service.
    """
    assert f"exempt {subnet_id} in the policy (a tag isn't enough)" in told
    case.world.ec2.create_tags(Resources=[subnet_id], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
    assert service(case, vpc_id)["state"] == "blocked"
    case.later()
    assert case.world.endpoints(vpc_id) == []
    document = {"version": 1, "exemptions": [{"subnet_id": subnet_id, "reason": "nothing runs there"}]}
    boto3.client("ssm").put_parameter(Name="/lifeline/policy", Value=json.dumps(document), Type="String")
    case.monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")
    reason = " ".join(one["reason"] for one in case.look(vpc_id)["actions"])
    assert f"{subnet_id}, which is exempt (nothing runs there), {makes} no longer reach it" in reason
    case.later()
    (made,) = case.world.endpoints(vpc_id)
    assert made["SubnetIds"] == [cut_off]


# ---- where Lifeline's endpoint is


def test_an_endpoint_that_is_moved_behind_somebodys_acl_stays_there_and_the_acl_is_said(case: Case) -> None:
    vpc_id, subnet_id, endpoint_id = served(case)
    shut = case.world.make_subnet(vpc_id, "10.0.66.0/24")
    acl_id = case.guard(vpc_id, shut)  # an ACL without an entry denies everything
    case.world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, RemoveSubnetIds=[subnet_id])
    case.later()
    case.world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddSubnetIds=[shut])
    for _ in range(2):
        sweep(case)
    (there,) = case.world.endpoints(vpc_id)
    assert there["SubnetIds"] == [shut], "AWS takes one subnet of a zone"
    (told,) = case.told()
    assert f"allow it in network ACL {acl_id}" in told


# ---- what hides a canary

ISOLATED = "10.0.2.0/24"


def lead_to_a_machine(case: Case, subnet_id: str, machines: str) -> set[str]:
    """Leads the subnet to ISOLATED by a network interface in another one: the ids of the route table and of that."""
    ec2, filters = case.world.ec2, [{"Name": "association.subnet-id", "Values": [subnet_id]}]
    table_id = ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"]
    machine_id = ec2.create_network_interface(SubnetId=machines)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock=ISOLATED, NetworkInterfaceId=machine_id)
    return {table_id, machine_id}


def fall_silent(case: Case, instance_id: str, at: datetime, vpc_id: str, change: Trigger) -> None:
    """The agent's last datapoint is of that minute, and a quarter of an hour goes by. The change is heard meanwhile."""
    remember.cache_clear()
    verdict = RoleVerdict(Permission.ALLOWED, "agent")  # moto has no IAM simulator
    case.monkeypatch.setattr(Roles, "may_publish", lambda *_: verdict)
    for number in (-2, -1, 0, *range(5, 15)):
        minute = at.replace(second=0, microsecond=0) + number * MINUTE
        datum: Any = {
            "MetricName": "mem_used_percent",
            "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
            "Timestamp": minute,
            "Value": 1.0,
        }
        if number <= 0:
            boto3.client("cloudwatch").put_metric_data(Namespace="CWAgent", MetricData=[datum])
        elif change.event_name:
            AuditLog("ledger").record_changes([(HOME.vpc(vpc_id), change)], now=minute)
        case.monkeypatch.setattr(detect_metric_gaps, "_now", lambda now=minute + MINUTE / 2: now)
        detect_metric_gaps.handler({"detect": True}, Context(function_name="DetectMetricGaps"))


@pytest.mark.parametrize(
    ("before", "call", "is_hidden"),
    [
        ("closed", "", False),
        ("closed", "ModifyVpcAttribute", False),
        ("closed", "ModifyVpcEndpoint", True),
        ("unknown", "", False),
        ("unknown", "ModifyVpcAttribute", True),
        ("open", "", False),
        ("open", "CreateRoute", True),
    ],
)
def test_one_call_hides_a_canary_where_it_may_have_closed_the_path_and_is_named(
    case: Case, before: str, call: str, *, is_hidden: bool
) -> None:
    """The path to the endpoint is closed by a network ACL, or leads by a machine, and the policy exempts the subnet; or
    it leads by a machine since that call.
    """
    vpc_id, public, subnet_id = case.behind_nat()
    case.world.make_subnet(vpc_id, ISOLATED)
    if before == "closed":
        denied = [(1, is_out, "deny", "10.0.0.0/16", None) for is_out in (True, False)]
        case.guard(vpc_id, subnet_id, *denied, *((9, is_out, "allow", "0.0.0.0/0", None) for is_out in (True, False)))
    if before == "unknown":
        lead_to_a_machine(case, subnet_id, public)
    exempt = [{"subnet_id": subnet_id, "reason": "nothing runs there"}] if before != "open" else []
    document = {"version": 1, "canary": True, "exemptions": exempt}
    boto3.client("ssm").put_parameter(Name="/lifeline/policy", Value=json.dumps(document), Type="String")
    case.monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")
    agent = case.launch(subnet_id, ago=timedelta(days=2))["InstanceId"]
    for _ in range(4):
        case.look(vpc_id)
        case.later()
    case.told()
    canary = VpcStore("ledger").load(HOME.vpc(vpc_id)).canaries["monitoring"]

    ids = {canary.endpoint_id} if call == "ModifyVpcEndpoint" else {vpc_id}
    blocks = {ISOLATED} if call == "CreateRoute" else set()
    if call == "CreateRoute":
        ids = lead_to_a_machine(case, subnet_id, public)
    at = f"{canary.at + MINUTE / 2:%Y-%m-%dT%H:%M:%SZ}"
    change = Trigger("change", "e-1", call, "mallory", at, ids=frozenset(ids), blocks=frozenset(blocks))
    fall_silent(case, agent, canary.at, vpc_id, change)
    asked = [one.subject for one in silences(Incidents("ledger", HOME).read_open(Watch().name), vpc_id)]
    assert asked == ([] if is_hidden else [canary.endpoint_id])
    (told,) = [text for text in case.told() if "Why:" in text]
    assert (f"{call} by mallory" in told) is is_hidden


# ---- policies of Lifeline's own endpoints

BLOCK = "10.77.0.0/16"
FULL_ACCESS = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


def narrow(case: Case, endpoint_id: str) -> dict[str, Any]:
    """Somebody has the endpoint let in nothing but calls from one block."""
    policy = {"Statement": [{**FULL_ACCESS, "Condition": {"IpAddress": {"aws:VpcSourceIp": BLOCK}}}]}
    case.world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PolicyDocument=json.dumps(policy))
    return policy


def policy_of(case: Case, vpc_id: str) -> dict[str, Any]:
    (there,) = [one for one in case.world.endpoints(vpc_id) if one["State"] != "deleting"]
    return dict(json.loads(there["PolicyDocument"]))


@pytest.mark.parametrize("is_seen", [False, True])
def test_a_policy_for_a_block_that_goes_before_lifeline_saw_it_is_reset(case: Case, *, is_seen: bool) -> None:
    vpc_id, _, endpoint_id = served(case)
    made = case.world.ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=BLOCK)["CidrBlockAssociation"]
    case.look(vpc_id)
    policy = narrow(case, endpoint_id)
    if is_seen:
        case.later()
        case.look(vpc_id)
    case.world.ec2.disassociate_vpc_cidr_block(AssociationId=made["AssociationId"])
    case.later()
    case.look(vpc_id)
    assert policy_of(case, vpc_id) == (policy if is_seen else {"Statement": [FULL_ACCESS]})


def test_an_endpoint_that_is_created_again_has_full_access_unless_a_policy_is_named(case: Case) -> None:
    vpc_id, _, endpoint_id = served(case)
    case.world.ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=BLOCK)
    narrow(case, endpoint_id)
    case.look(vpc_id)
    case.told()
    case.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    case.later()
    (made,) = [one for one in case.look(vpc_id)["actions"] if one["status"] == "done"]
    assert made["endpoint_policy"] == "full access"
    assert any("policy: full access" in text for text in case.told())


@pytest.mark.parametrize("is_by_route", [True, False])
def test_so_has_one_that_went_by_a_route_or_by_a_refused_deletion(days: Days, *, is_by_route: bool) -> None:
    site = Site(days)
    (ours,) = days.live(site.vpc_id)
    for_a_role = {**FULL_ACCESS, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/agents"}}
    policy = json.dumps({"Statement": [for_a_role]})
    days.world.ec2.modify_vpc_endpoint(VpcEndpointId=ours, PolicyDocument=policy)
    days.sweeps(2)
    assert (days.live(site.vpc_id), days.texts()) == ([ours], [])
    if is_by_route:
        gateway_id = days.world.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        days.world.ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=site.vpc_id)
        table_id = days.world.main_table(site.vpc_id)
        days.connect(table_id, site.vpc_id)
        days.sweeps(80, every=8)
        assert days.live(site.vpc_id) == []
        days.cut_off(table_id)
    else:
        days.deliver(site.try_subnet())
        assert days.live(site.vpc_id) == []
        site.add_interface()
    days.texts()
    days.sweeps(2)
    assert any("policy: full access" in text for text in days.texts())
    (made,) = days.world.endpoints(site.vpc_id)
    assert json.loads(made["PolicyDocument"])["Statement"] == [FULL_ACCESS]


@pytest.mark.parametrize("moved", [1, 2])
def test_whoever_takes_every_subnet_off_a_narrow_gateway_endpoints_tables_gets_them_one_with_full_access(
    monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    with emulated_world(monkeypatch, REQUIRED_SERVICES="s3") as world:
        days, ec2, vpc_id = strict_for_all(Days(world, monkeypatch)), world.ec2, world.make_vpc()
        table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        links = [
            ec2.associate_route_table(RouteTableId=table_id, SubnetId=world.make_subnet(vpc_id, cidr))["AssociationId"]
            for cidr in ("10.0.1.0/24", "10.0.2.0/24")
        ]
        bucket = json.dumps({"Statement": [{**FULL_ACCESS, "Resource": "arn:aws:s3:::theirs/*"}]})
        made = ec2.create_vpc_endpoint(**their_table(vpc_id, table_id), PolicyDocument=bucket)["VpcEndpoint"]
        days.clock.advance(MINUTES)
        days.sweeps(2)
        assert (days.live(vpc_id), days.texts()) == ([made["VpcEndpointId"]], [])
        for link in links[:moved]:
            ec2.disassociate_route_table(AssociationId=link)
        days.sweeps(2)
        (text,) = days.texts()
        if moved < len(links):
            assert days.live(vpc_id) == [made["VpcEndpointId"]]
            assert "no gateway endpoint with full access is added beside it" in text
            return
        (ours,) = (one for one in world.endpoints(vpc_id) if one["VpcEndpointId"] != made["VpcEndpointId"])
        assert "policy: full access" in text
        assert json.loads(ours["PolicyDocument"])["Statement"] == [FULL_ACCESS]


# ---- a route into the unknown

ISOLATED_ALONE = {"rules": [{"name": "isolated", "require": ["monitoring"], "where": {"tiers": ["isolated"]}}]}


def lead_into_another_network(case: Case, vpc_id: str, subnet_id: str) -> str:
    """Gives the VPC's main table a default route to a transit gateway, whose own routes nobody here can read."""
    ec2 = case.world.ec2
    gateway_id = str(ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"])
    attached = {"VpcId": vpc_id, "SubnetIds": [subnet_id], "TransitGatewayId": gateway_id}
    ec2.create_transit_gateway_vpc_attachment(**attached)
    table_id = case.world.main_table(vpc_id)
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", TransitGatewayId=gateway_id)
    return gateway_id


@pytest.mark.parametrize("case", [ISOLATED_ALONE], indirect=True)
def test_a_route_into_another_network_ends_nothing_that_is_there(case: Case) -> None:
    vpc_id, subnet_id, endpoint_id = served(case)
    lead_into_another_network(case, vpc_id, subnet_id)
    case.look(vpc_id)
    assert [one["VpcEndpointId"] for one in case.world.endpoints(vpc_id)] == [endpoint_id]


@pytest.mark.parametrize(("case", "made"), [(ISOLATED_ALONE, 0), ({}, 1)], indirect=["case"])
def test_where_isolated_subnets_alone_are_required_a_route_into_another_network_withholds_an_endpoint(
    case: Case, made: int
) -> None:
    vpc_id, subnet_id = isolated(case)
    gateway_id = lead_into_another_network(case, vpc_id, subnet_id)
    case.look(vpc_id)
    case.later()
    assert len(case.world.endpoints(vpc_id)) == made
    why = case.why_silent(case.launch(subnet_id)["InstanceId"])
    assert made or f"what lies beyond {gateway_id} was not read" in why


@pytest.mark.parametrize("blocks", [("0.0.0.0/0",), ("0.0.0.0/1", "128.0.0.0/1")], ids=["the same", "narrower"])
def test_two_prefix_lists_of_which_one_leads_nowhere_end_nothing_that_is_there(
    monkeypatch: pytest.MonkeyPatch, blocks: tuple[str, ...]
) -> None:
    """AWS chooses one at random (VPC guide: route priority and prefix lists): the one that leads out may not count."""
    with emulated_world(monkeypatch, **ISOLATED_ALONE, retire_after_hours=24) as world:
        days, ec2 = Days(world, monkeypatch), world.ec2
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        days.sweeps(1)
        (endpoint_id,) = days.live(vpc_id)
        nat_id = public_nat_gateway(world, vpc_id)
        nowhere = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
        ec2.attach_vpn_gateway(VpnGatewayId=nowhere, VpcId=vpc_id)
        lead(world, vpc_id, *blocks, NatGatewayId=nat_id)
        lead(world, vpc_id, "0.0.0.0/0", GatewayId=nowhere)
        ec2.detach_vpn_gateway(VpnGatewayId=nowhere, VpcId=vpc_id)
        days.sweeps(30, every=10)
        assert days.live(vpc_id) == [endpoint_id]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_route_to_an_internet_gateway_ends_an_endpoint_only_while_nobody_without_a_public_address_is_there(
    days: Days, *, is_there: bool
) -> None:
    """And who comes later without one gets none, unheard, as long as somebody with one is there."""
    ec2, vpc_id = days.world.ec2, days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    days.sweeps(1)
    before = days.live(vpc_id)
    if is_there:
        ec2.stop_instances(InstanceIds=[launch(days, subnet_id, public=False)])
    gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    table_id = days.world.main_table(vpc_id)
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
    theirs = launch(days, subnet_id, public=True)
    days.texts()
    remember.cache_clear()
    days.sweeps(80, every=8)
    said = days.texts()
    assert days.live(vpc_id) == (before if is_there else [])
    assert any(f"delete endpoint {before[0]}" in text or f"deleted endpoint {before[0]}" in text for text in said)
    if is_there:
        return
    launch(days, subnet_id, public=False)
    remember.cache_clear()
    days.sweeps(3)
    assert days.live(vpc_id) == []
    assert not [text for text in days.texts() if "can't reach" in text]
    ec2.terminate_instances(InstanceIds=[theirs])
    remember.cache_clear()
    days.sweeps(2)
    assert len(days.live(vpc_id)) == 1


def launch(days: Days, subnet_id: str, *, public: bool) -> str:
    wanted: Any = [{"DeviceIndex": 0, "SubnetId": subnet_id, "AssociatePublicIpAddress": public}]
    made = days.world.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, NetworkInterfaces=wanted)
    return str(made["Instances"][0]["InstanceId"])


def test_where_one_of_two_prefix_lists_leads_to_an_internet_gateway_nothing_is_made_and_both_are_named(
    case: Case,
) -> None:
    vpc_id, subnet_id = isolated(case)
    ec2 = case.world.ec2
    gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    nowhere = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpnGatewayId=nowhere, VpcId=vpc_id)
    lead(case.world, vpc_id, "0.0.0.0/0", GatewayId=gateway_id)
    lead(case.world, vpc_id, "0.0.0.0/0", GatewayId=nowhere)
    ec2.detach_vpn_gateway(VpnGatewayId=nowhere, VpcId=vpc_id)
    why = f"{case.world.main_table(vpc_id)} leads addresses that prefix lists share to {gateway_id} or {nowhere}"
    (found,) = case.look(vpc_id)["services"]
    case.later()
    assert (found["state"], case.world.endpoints(vpc_id)) == ("unknown", [])
    assert why in found["detail"]
    assert why in case.why_silent(case.launch(subnet_id)["InstanceId"])


def lead(world: World, vpc_id: str, *blocks: str, **target: str) -> None:
    """The VPC's main table leads a prefix list of these blocks there."""
    entries: Any = [{"Cidr": block} for block in blocks]
    made = world.ec2.create_managed_prefix_list(
        PrefixListName="theirs", MaxEntries=2, AddressFamily="IPv4", Entries=entries
    )
    list_id = made["PrefixList"]["PrefixListId"]
    world.ec2.create_route(RouteTableId=world.main_table(vpc_id), DestinationPrefixListId=list_id, **target)


def public_nat_gateway(world: World, vpc_id: str) -> str:
    """A NAT gateway in a public subnet with a route table of its own."""
    ec2, subnet_id = world.ec2, world.make_subnet(vpc_id, "10.0.7.0/24")
    gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
    allocation_id = ec2.allocate_address(Domain="vpc")["AllocationId"]
    return str(ec2.create_nat_gateway(SubnetId=subnet_id, AllocationId=allocation_id)["NatGateway"]["NatGatewayId"])


# ---- sweeps


def test_before_a_stacks_first_sweep_no_alarm_rings_for_want_of_one(
    days: Days, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that the detector reads says since when there should have been one."""
    monkeypatch.setattr(detect_metric_gaps, "_now", days.clock)

    def rings() -> bool:
        days.clock.advance(timedelta(days=1))
        remember.cache_clear()
        capsys.readouterr()
        detect_metric_gaps.handler({"detect": True}, Context())
        return '"EventPathSeconds"' in capsys.readouterr().out

    assert not rings()
    days.sweeps(1)
    assert rings()


# ---- the topic's subscriptions


def filter_all_out(days: Days) -> str:
    """Has every subscription of the topic let nothing through; the topic's ARN."""
    sns = client("sns")
    topic_arn = str(sns.list_topics()["Topics"][0]["TopicArn"])
    for one in sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]:
        sns.set_subscription_attributes(
            SubscriptionArn=one["SubscriptionArn"], AttributeName="FilterPolicy", AttributeValue='{"kind": ["none"]}'
        )
    return topic_arn


def test_whoever_filters_all_notices_out_hides_them_and_keeps_nothing_from_being_repaired(days: Days) -> None:
    filter_all_out(days)
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.sweeps(2)
    assert len(days.live(vpc_id)) == 1
    assert days.mails() == []


def test_the_doctor_names_subscriptions_that_let_nothing_through(days: Days) -> None:
    found = check_subscriptions(subscriptions_of(filter_all_out(days)), topic="the topic of notices")
    assert found.verdict is CheckVerdict.UNKNOWN
    assert "Sent only what its filter policy lets through: sqs" in found.says


@pytest.mark.parametrize("tag", ["lifeline:exempt", "lifeline:require"])
def test_a_tag_that_reads_like_a_call_that_is_tried_again_hides_nothing(days: Days, tag: str) -> None:
    """What AWS had no capacity for is no news, and known by Lifeline's own words for that."""
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    other = days.world.make_subnet(vpc_id, "10.0.2.0/24")
    zone_id = days.world.hub_zone(vpc_id, NAME)
    days.world.ec2.create_tags(Resources=[other], Tags=[{"Key": tag, "Value": NO_CAPACITY}])
    days.sweeps(1)
    assert any(f"disassociate private hosted zone {zone_id} from the VPC" in text for text in days.texts())


# ---- endpoints that never come up


def endpoint_of_theirs(days: Days, vpc_id: str, subnet_id: str) -> Iterator[str]:
    """Creates one endpoint after the other, open and with private DNS; each comes up once AWS has had its time."""
    ec2 = client("ec2")
    group_id = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc_id)["GroupId"]
    ranges = [{"CidrIp": "10.0.0.0/16"}]
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}
    ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])
    while True:
        made = ec2.create_vpc_endpoint(
            VpcId=vpc_id,
            VpcEndpointType="Interface",
            ServiceName=days.account.name_of("monitoring"),
            SubnetIds=[subnet_id],
            SecurityGroupIds=[group_id],
            PrivateDnsEnabled=True,
        )["VpcEndpoint"]
        yield made["VpcEndpointId"]


def test_endpoints_that_somebody_deletes_before_they_are_available_are_said_once(days: Days) -> None:
    """Each holds the name while it is pending, and so it does while it is being deleted."""
    ec2, vpc_id = client("ec2"), days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    theirs, said, began = endpoint_of_theirs(days, vpc_id, subnet_id), dict[int, list[str]](), days.clock()
    for place in range(24):
        endpoint_id = next(theirs)
        days.clock.advance(days.account.endpoints_hidden_for)
        days.call({"sweep": True})
        assert days.live(vpc_id) == [endpoint_id]
        if told := days.texts():
            said[place] = told
        assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])["Unsuccessful"] == []
        days.clock.advance(MINUTES)
    assert list(said) == [3], "after 15 minutes, and never again"
    (text,) = said[3]
    assert "vpce-" in text
    assert "is pending" in text
    assert "1 isolated subnet can't reach the monitoring service" in text
    assert f"at each look since {began:%Y-%m-%d %H:%M}" in text
    assert "deny ec2:CreateVpcEndpoint" in text


def awaited(vpc_id: str) -> list[str]:
    return [*VpcStore("ledger").load(HOME.vpc(vpc_id)).awaited]


def test_an_endpoint_of_theirs_that_comes_up_is_quiet_and_its_wait_forgotten(days: Days) -> None:
    """Lifeline looks again by itself, so that nothing is said later of a wait that ended unseen."""
    vpc_id = days.world.make_vpc()
    next(endpoint_of_theirs(days, vpc_id, days.world.make_subnet(vpc_id)))
    days.clock.advance(days.account.endpoints_hidden_for)
    days.call({"sweep": True})
    assert awaited(vpc_id) == ["monitoring"]
    (again,) = days.take_from_queue()
    assert again["vpc_ids"] == [vpc_id]
    assert awaited(vpc_id) == []
    assert days.texts() == []


def test_endpoints_of_theirs_of_which_each_serves_for_a_while_are_not_said(days: Days) -> None:
    """A look at which one serves ends the wait. Where agents fall silent meanwhile, the detector says so."""
    ec2, vpc_id = client("ec2"), days.world.make_vpc()
    theirs, states = endpoint_of_theirs(days, vpc_id, days.world.make_subnet(vpc_id)), list[str]()
    for _ in range(6):
        endpoint_id = next(theirs)
        for state in ("pending", ""):
            days.account.put_in_state(endpoint_id, state)
            days.clock.advance(days.account.endpoints_hidden_for + 4 * MINUTES)
            days.call({"sweep": True})
            states.append(days.look(vpc_id)["services"][0]["state"])
        ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
        days.clock.advance(MINUTES)
    assert states == ["pending", "served"] * 6
    assert days.texts() == []


def test_a_sweep_forgets_a_wait_that_ended_and_one_more_subnet_that_lacks_the_service_is_news(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    endpoint_id = next(endpoint_of_theirs(days, vpc_id, days.world.make_subnet(vpc_id)))
    days.account.put_in_state(endpoint_id, "pending")
    days.sweeps(2)
    (told,) = days.texts()
    assert "1 isolated subnet can't reach the monitoring service" in told
    days.world.make_subnet(vpc_id, "10.0.2.0/24")
    days.sweeps(2)
    (told,) = days.texts()
    assert "2 isolated subnets can't reach the monitoring service" in told
    days.account.put_in_state(endpoint_id, "")
    days.sweeps(1)
    assert awaited(vpc_id) == []
    assert days.texts() == []


def kept(days: Days, monkeypatch: pytest.MonkeyPatch, service: str) -> tuple[str, str, str]:
    """A VPC with an endpoint that nothing requires any more, the subnet that it is kept for, and the endpoint."""
    rule = {"require": [service], "where": {"subnet_tags": {"env": ["prod"]}}}
    client("ssm").put_parameter(
        Name="/lifeline/policy", Value=json.dumps({"version": 1, "rules": [rule]}), Type="String"
    )
    monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")
    vpc_id = days.world.make_vpc()
    required, kept_for = (days.world.make_subnet(vpc_id, cidr) for cidr in ("10.0.1.0/24", "10.0.2.0/24"))
    days.world.ec2.create_tags(Resources=[required], Tags=[{"Key": "env", "Value": "prod"}])
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.world.ec2.delete_tags(Resources=[required], Tags=[{"Key": "env"}])
    days.after(200)
    (ours,) = days.live(vpc_id)
    days.texts()
    return vpc_id, kept_for, ours


@pytest.mark.parametrize("is_deleted", [True, False])
def test_what_is_only_kept_for_a_subnet_is_not_made_again_nor_said_where_somebody_deletes_it(
    days: Days, monkeypatch: pytest.MonkeyPatch, *, is_deleted: bool
) -> None:
    """Or where its policy lets nobody through any more: nothing asks for it."""
    vpc_id, kept_for, ours = kept(days, monkeypatch, "monitoring")
    if is_deleted:
        days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[ours])
    else:
        deny = '{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}'
        days.world.ec2.modify_vpc_endpoint(VpcEndpointId=ours, PolicyDocument=deny)
    days.after(5)
    assert days.live(vpc_id) == ([] if is_deleted else [ours])
    assert not [text for text in days.texts() if kept_for in text or ours in text]


@pytest.mark.parametrize(("service", "what"), [("monitoring", "DNS name"), ("s3", "routes")])
def test_what_is_only_kept_goes_by_one_refused_call_for_it_and_people_hear_that_it_does_not_come_back(
    days: Days, monkeypatch: pytest.MonkeyPatch, service: str, what: str
) -> None:
    vpc_id, kept_for, _ = kept(days, monkeypatch, service)
    strict_for_all(days)
    wanted = theirs(days, vpc_id, kept_for)
    if service == "s3":
        wanted = their_table(vpc_id, days.world.main_table(vpc_id))
    days.deliver(refused(days, wanted))
    (text,) = days.texts()
    assert "While neither the policy nor a tag requires" in text
    assert f"Lifeline won't take the {what} back" in text.replace("create its own again", f"take the {what} back")
    days.after(200)
    assert days.live(vpc_id) == []
