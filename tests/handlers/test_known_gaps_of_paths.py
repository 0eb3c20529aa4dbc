"""How far the known gaps of docs/security.md reach where paths are shut in part or for a while: what is not seen of it,
whom it costs an endpoint, and which canary it hides or withdraws.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.roles import Roles
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.canary import silences
from lifeline.core.network.iam_policy import Permission, RoleVerdict
from lifeline.core.requests.trigger import Trigger
from lifeline.handlers import detect_metric_gaps, reconcile_endpoints
from tests.handlers.test_backlog import began, state_of
from tests.handlers.test_known_gaps import (
    ISOLATED_ALONE,
    launch,
    lead_into_another_network,
    public_nat_gateway,
    service,
    sweep,
)
from tests.handlers.test_reconcile_endpoints import sqs
from tests.support.cases import Case, Entry
from tests.support.cloudtrail import record_call
from tests.support.days import Days
from tests.support.home import HOME
from tests.support.world import Context, emulated_world

MINUTE = timedelta(minutes=1)
HOSTS, CLIENTS, PUBLIC = "10.0.16.0/20", "10.0.1.0/24", "10.0.0.0/24"  # the endpoint's subnet has the most addresses
ALL: tuple[Entry, ...] = tuple((9, is_out, "allow", "0.0.0.0/0", None) for is_out in (True, False))
NO_PORT, ONE_PORT = (32768, 60999), (32769, 60999)  # what is denied of the ports that answers go to
SHUT = pytest.mark.parametrize(("denied", "is_shut"), [(NO_PORT, True), (ONE_PORT, False)])


def served(case: Case) -> tuple[str, str, str, str]:
    """A VPC with Lifeline's endpoint, the endpoint's subnet, one behind a NAT gateway, and a public one."""
    vpc_id, public, behind_nat = case.behind_nat()
    host = case.world.make_subnet(vpc_id, HOSTS)
    case.look(vpc_id)
    case.later()
    (made,) = case.world.endpoints(vpc_id)
    assert made["SubnetIds"] == [host]
    return vpc_id, host, behind_nat, public


# ---- a subnet that is shut in part


@SHUT
def test_an_acl_that_lets_answers_to_one_port_through_counts_as_open_and_nobody_hears(
    case: Case, denied: tuple[int, int], *, is_shut: bool
) -> None:
    vpc_id, host, behind_nat, _ = served(case)
    case.launch(behind_nat)
    sweep(case)
    case.told()
    acl_id = case.guard(vpc_id, host, (1, True, "deny", CLIENTS, denied), *ALL)
    for _ in range(3):
        sweep(case)
    assert [acl_id in text for text in case.told()] == ([True] if is_shut else [])
    assert service(case, vpc_id)["state"] == ("blocked" if is_shut else "served")


@SHUT
def test_an_endpoint_is_placed_where_an_acl_lets_answers_to_one_port_through(
    case: Case, denied: tuple[int, int], *, is_shut: bool
) -> None:
    vpc_id, _, behind_nat = case.behind_nat()
    host = case.world.make_subnet(vpc_id, HOSTS)
    case.guard(vpc_id, host, (1, True, "deny", "10.0.0.0/16", denied), *ALL)
    case.launch(behind_nat)
    sweep(case)
    case.later()
    (made,) = case.world.endpoints(vpc_id)
    assert (made["SubnetIds"] == [host]) is not is_shut


@SHUT
def test_a_route_out_whose_answers_get_back_to_one_port_ends_a_repair(
    monkeypatch: pytest.MonkeyPatch, denied: tuple[int, int], *, is_shut: bool
) -> None:
    with emulated_world(monkeypatch, **ISOLATED_ALONE, retire_after_hours=24) as world:
        days, vpc_id = Days(world, monkeypatch), world.make_vpc()
        subnet_id = world.make_subnet(vpc_id)
        launch(days, subnet_id, public=False)
        days.sweeps(1)
        made = days.live(vpc_id)
        assert len(made) == 1
        nat_id = public_nat_gateway(world, vpc_id)
        Case(world, days.account, monkeypatch).guard(vpc_id, subnet_id, (1, False, "deny", "0.0.0.0/0", denied), *ALL)
        world.ec2.create_route(
            RouteTableId=world.main_table(vpc_id), DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat_id
        )
        remember.cache_clear()
        days.sweeps(60, every=6)
        assert days.live(vpc_id) == (made if is_shut else [])


def test_answers_that_are_led_to_a_machine_are_not_known_to_come_and_nobody_hears_until_agents_are_silent(
    case: Case,
) -> None:
    ec2, (vpc_id, host, behind_nat, _) = case.world.ec2, served(case)
    agent = case.launch(behind_nat)["InstanceId"]
    sweep(case)
    assert service(case, vpc_id)["state"] == "served"
    case.told()
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table_id, SubnetId=host)
    (machine,) = case.launch(host)["NetworkInterfaces"]
    machine_id = machine["NetworkInterfaceId"]
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock=CLIENTS, NetworkInterfaceId=machine_id)
    for _ in range(5):
        sweep(case)
    assert service(case, vpc_id)["state"] == "unknown"
    assert case.told() == []
    assert f"what lies beyond {machine_id} was not read" in case.why_silent(agent)


@pytest.mark.parametrize("has_address", [True, False])
def test_a_subnet_that_is_shut_for_a_public_one_alone_is_not_said_where_clients_have_public_addresses(
    case: Case, *, has_address: bool
) -> None:
    vpc_id, host, _, public = served(case)
    wanted: Any = [{"DeviceIndex": 0, "SubnetId": public, "AssociatePublicIpAddress": has_address}]
    case.world.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, NetworkInterfaces=wanted)
    sweep(case)
    case.told()
    acl_id = case.guard(vpc_id, host, (1, False, "deny", PUBLIC, None), *ALL)
    for _ in range(3):
        sweep(case)
    assert [acl_id in text for text in case.told()] == ([] if has_address else [True])
    assert service(case, vpc_id)["state"] == ("served" if has_address else "blocked")


# ---- a participant's instance

THEIRS = "444455556666"
DENIED = "10.0.1.66"


@pytest.mark.parametrize("by", ["address", "group"])
def test_a_participants_instance_withholds_an_endpoint_by_a_denied_address_and_by_a_group_that_the_owner_shares(
    case: Case, by: str
) -> None:
    ec2, (vpc_id, _, behind_nat) = case.world.ec2, case.behind_nat()
    host = case.world.make_subnet(vpc_id, HOSTS)
    more: dict[str, Any] = {"PrivateIpAddress": DENIED}
    if by == "address":
        denied: list[Entry] = [(1, is_out, "deny", f"{DENIED}/32", None) for is_out in (True, False)]
        case.guard(vpc_id, host, *denied, *ALL)
    else:
        group_id = case.group(vpc_id, "shared")
        everywhere: Any = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=everywhere)
        ranges = [{"CidrIp": "52.94.0.0/15"}]
        https: Any = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}]
        ec2.authorize_security_group_egress(GroupId=group_id, IpPermissions=https)
        more = {"SecurityGroupIds": [group_id]}
    planned = case.look(vpc_id, mode="plan")["actions"]
    assert {one["status"] for one in planned} == {"planned"}
    (made,) = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=behind_nat, **more)[
        "Instances"
    ]
    (interface,) = made["NetworkInterfaces"]
    attached = {"InstanceId": made["InstanceId"], "InstanceOwnerId": THEIRS, "DeviceIndex": 0, "Status": "attached"}
    shown: dict[str, Any] = {"OwnerId": THEIRS, "Attachment": attached}
    if by == "address":
        shown["Groups"] = [{"GroupId": "sg-0123456789abcdef0", "GroupName": "theirs"}]
    case.account.show(interface["NetworkInterfaceId"], **shown)
    assert [(one["action"], one["status"]) for one in case.look(vpc_id)["actions"]] == [
        ("create_interface_endpoint", "blocked")
    ]
    assert case.world.endpoints(vpc_id) == []


# ---- canaries


class Switched:
    """A VPC in which private DNS was just turned on as a canary, with an agent behind a NAT gateway, or a machine of
    which no agent ever reported. Minutes count from the switch.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.vpc_id, _, self.subnet_id = case.behind_nat()
        case.world.make_subnet(self.vpc_id, "10.0.2.0/24")
        text = json.dumps({"version": 1, "canary": True})
        boto3.client("ssm").put_parameter(Name="/lifeline/policy", Value=text, Type="String")
        case.monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")
        self.machine = case.launch(self.subnet_id, ago=timedelta(days=2))["InstanceId"]
        for _ in range(4):
            case.look(self.vpc_id)
            case.later()
        case.told()
        verdict = RoleVerdict(Permission.ALLOWED, "agent")  # moto has no IAM simulator
        case.monkeypatch.setattr(Roles, "may_publish", lambda *_: verdict)
        canary = VpcStore("ledger").load(HOME.vpc(self.vpc_id)).canaries["monitoring"]
        self.at, self.endpoint_id = canary.at.replace(second=0, microsecond=0), canary.endpoint_id

    def publish(self, *minutes: int) -> None:
        """Datapoints with these times, whoever writes them, and whenever."""
        for minute in minutes:
            datum: Any = {
                "MetricName": "mem_used_percent",
                "Dimensions": [{"Name": "InstanceId", "Value": self.machine}],
                "Timestamp": self.at + minute * MINUTE,
                "Value": 1.0,
            }
            boto3.client("cloudwatch").put_metric_data(Namespace="CWAgent", MetricData=[datum])

    def detect(self, *minutes: int) -> None:
        for minute in minutes:
            remember.cache_clear()
            now = self.at + (minute + 0.5) * MINUTE
            self.case.monkeypatch.setattr(detect_metric_gaps, "_now", lambda now=now: now)
            detect_metric_gaps.handler({"detect": True}, Context(function_name="DetectMetricGaps"))

    def report(self) -> None:
        """The agent reports until the switch."""
        for minute in (-2, -1, 0):
            self.publish(minute)
            self.detect(minute)

    def hear(self, call: str, minute: float, *ids: str) -> None:
        at = self.at + minute * MINUTE
        change = Trigger(
            "change",
            f"e-{call}",
            call,
            "mallory",
            f"{at:%Y-%m-%dT%H:%M:%SZ}",
            ids=frozenset(ids),
            blocks=frozenset({"0.0.0.0/0"}),
        )
        AuditLog("ledger").record_changes([(HOME.vpc(self.vpc_id), change)], now=at)

    def blamed(self) -> list[str]:
        """The endpoints whose canaries incidents ask to withdraw."""
        return [one.subject for one in silences(Incidents("ledger", HOME).read_open(Watch().name), self.vpc_id)]

    def withdraw(self) -> tuple[bool, set[str]]:
        """What the detector asks for is done: whether private DNS is on after that, and what is frozen."""
        reconcile_endpoints.handler(sqs(*self.case.world.asked()), Context())
        (there,) = self.case.world.endpoints(self.vpc_id)
        return there["PrivateDnsEnabled"], {*VpcStore("ledger").load(HOME.vpc(self.vpc_id)).frozen}


@pytest.fixture
def switched(case: Case) -> Switched:
    return Switched(case)


@pytest.mark.parametrize(("imitated", "is_hidden"), [(0, False), (9, False), (10, True)])
def test_who_imitates_an_agent_for_ten_minutes_hides_for_good_that_a_canary_silenced_it(
    switched: Switched, imitated: int, *, is_hidden: bool
) -> None:
    """One call writes these datapoints: CloudWatch takes times up to two hours ahead."""
    switched.report()
    switched.publish(*range(1, imitated + 1))
    switched.detect(*range(5, 20), 30, 60)
    assert switched.blamed() == ([] if is_hidden else [switched.endpoint_id])
    assert any("Why:" in text for text in switched.case.told()), "that it is silent isn't hidden"


@pytest.mark.parametrize(("hours", "is_withdrawn"), [(2.8, True), (3.2, False)])
def test_times_that_are_written_up_to_three_hours_later_withdraw_a_canary_that_silenced_nobody(
    switched: Switched, hours: float, *, is_withdrawn: bool
) -> None:
    """The detector reads three hours back to find when a silence began. No agent ever ran there."""
    switched.detect(*range(3))
    switched.publish(*range(-10, 3))
    late = int(hours * 60)
    switched.detect(*range(late, late + 8))
    assert switched.blamed() == ([switched.endpoint_id] if is_withdrawn else [])
    assert switched.withdraw() == ((False, {"monitoring"}) if is_withdrawn else (True, set()))


@pytest.mark.parametrize(
    ("call", "back", "is_hidden"),
    [("DeleteRoute", 3, False), ("DeleteRoute", 8, True), ("DeleteRoute", None, True), ("ReplaceRoute", None, False)],
)
def test_who_takes_an_agents_other_way_out_until_it_is_found_silent_hides_a_canary_and_that_call_is_named(
    switched: Switched, call: str, back: int | None, *, is_hidden: bool
) -> None:
    """Whether they give it back after that, or not. A route into another network leads out, as far as is known."""
    ec2 = switched.case.world.ec2
    filters: Any = [{"Name": "association.subnet-id", "Values": [switched.subnet_id]}]
    table_id = ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"]
    route = {"RouteTableId": table_id, "DestinationCidrBlock": "0.0.0.0/0"}
    switched.report()
    ec2.delete_route(**route)
    if call == "ReplaceRoute":
        gateway_id = lead_into_another_network(switched.case, switched.vpc_id, switched.subnet_id)
        ec2.create_route(**route, TransitGatewayId=gateway_id)
    switched.hear(call, 1.5, table_id)
    for minute in (3, *range(5, 20), 30):
        if minute == back:
            (nat,) = ec2.describe_nat_gateways()["NatGateways"]
            ec2.create_route(**route, NatGatewayId=nat["NatGatewayId"])
            switched.hear("CreateRoute", minute, table_id)
        switched.detect(minute)
    assert switched.blamed() == ([] if is_hidden else [switched.endpoint_id])
    (told, *_) = [text for text in switched.case.told() if "Why:" in text]
    assert (f"{call} by mallory" in told) is is_hidden


# ---- before the first sweep


@pytest.mark.parametrize(("call", "is_lost"), [("AssociateRouteTable", True), ("DisassociateRouteTable", False)])
def test_before_the_first_sweep_a_path_waits_that_was_lost_with_a_table_that_somebody_disassociates(
    case: Case, call: str, *, is_lost: bool
) -> None:
    """Either call leaves the subnet with the main table. But the record of the second names just the association."""
    ec2, vpc_id, at = case.world.ec2, case.world.make_vpc(), datetime.now(UTC)
    subnet_id = case.world.make_subnet(vpc_id)
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    gone = {"AssociationId": ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)["AssociationId"]}
    gateway_id = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpnGatewayId=gateway_id, VpcId=vpc_id)
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
    began(at - MINUTE)
    ec2.disassociate_route_table(**gone)
    event = record_call(call, gone, {}, at=at)
    if call == "AssociateRouteTable":
        wanted = {"RouteTableId": case.world.main_table(vpc_id), "SubnetId": subnet_id}
        event = record_call(call, wanted, ec2.associate_route_table(**wanted), at=at)
    reconcile_endpoints.handler(sqs(event), Context())
    sweep(case)
    assert len(case.world.endpoints(vpc_id)) == is_lost
    survey = state_of(vpc_id).survey
    assert survey
    assert survey.waiting == (set() if is_lost else {(subnet_id, "monitoring")})


@pytest.mark.parametrize("by", ["a subnet", "a route"])
def test_with_fix_dns_whoever_makes_a_subnet_or_deletes_a_route_has_the_vpcs_dns_turned_on_which_stays_on(
    monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    document = json.dumps({"version": 1, "fix_dns": True})
    with emulated_world(monkeypatch, POLICY_PARAMETER="/policy", MAY_FIX_DNS="yes", retire_after_hours=72) as world:
        boto3.client("ssm").put_parameter(Name="/policy", Value=document, Type="String")
        days, ec2, vpc_id = Days(world, monkeypatch), world.ec2, world.make_vpc(dns=False)
        ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": False})
        subnet_id, main = world.make_subnet(vpc_id), world.open_to_internet(vpc_id)
        days.sweeps(3)
        attributes = ("enableDnsSupport", "enableDnsHostnames")

        def are_on() -> set[bool]:
            found = [ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name) for name in attributes]
            return {bool(one[f"E{name[1:]}"]["Value"]) for one, name in zip(found, attributes, strict=True)}

        assert are_on() == {False}, "the owner turned them off"
        if by == "a route":
            days.cut_off(main)
        else:
            table = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
            subnet_id = world.make_subnet(vpc_id, "10.0.9.0/24")
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet_id)
        days.sweeps(2)
        assert any("DNS" in text for text in days.texts())
        assert (len(days.live(vpc_id)), are_on()) == (1, {True})
        if by == "a subnet":
            ec2.delete_subnet(SubnetId=subnet_id)
        else:
            world.open_to_internet(vpc_id)
        days.sweeps(3)
        assert are_on() == {True}
