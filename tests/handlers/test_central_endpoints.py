"""Central means reachable: a hub's zone, and the routes by which a VPC gets there, through the whole handlers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.ec2 import ec2_backends

from lifeline.handlers import reconcile_endpoints
from lifeline.handlers.reconcile_endpoints import handler
from lifeline.reconciler.steps.planning import CROWDED
from tests.handlers.test_reconcile_endpoints import sqs
from tests.support.cases import Case, requiring
from tests.support.cloudtrail import record_call
from tests.support.counting import calls_of, counted_calls
from tests.support.world import Context

NAME = "monitoring.us-east-1.amazonaws.com"
BUCKETS = "s3.us-east-1.amazonaws.com"
DNS = ("route53", "route53resolver", "route53profiles")


class Spoke:
    """A VPC whose only subnet is routed to a hub's block by a transit gateway."""

    def __init__(self, case: Case) -> None:
        ec2 = case.world.ec2
        self.case, self.ec2, self.vpc_id = case, ec2, case.world.make_vpc()
        self.subnet = case.world.make_subnet(self.vpc_id)
        self.table = case.world.main_table(self.vpc_id)
        self.gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
        attached = {"VpcId": self.vpc_id, "SubnetIds": [self.subnet], "TransitGatewayId": self.gateway}
        ec2.create_transit_gateway_vpc_attachment(**attached)

    def route(self, cidr: str = "10.9.0.0/16") -> None:
        self.ec2.create_route(RouteTableId=self.table, DestinationCidrBlock=cidr, TransitGatewayId=self.gateway)

    def endpoint_of_hub(self) -> str:
        """An endpoint without private DNS in another VPC of the account."""
        hub = self.case.world.make_vpc(cidr="10.9.0.0/16")
        made = self.ec2.create_vpc_endpoint(
            VpcId=hub,
            VpcEndpointType="Interface",
            ServiceName=self.case.account.name_of("monitoring"),
            SubnetIds=[self.case.world.make_subnet(hub, "10.9.1.0/24")],
            PrivateDnsEnabled=False,
        )["VpcEndpoint"]
        self.case.later()
        return str(made["VpcEndpointId"])

    def zone_leading_to(self, endpoint_id: str) -> str:
        """A private hosted zone of the name in the VPC, with an alias of the endpoint's name."""
        zone_id = self.case.world.hub_zone(self.vpc_id, NAME)
        name = f"{endpoint_id}-abc.monitoring.us-east-1.vpce.amazonaws.com"
        alias = {"DNSName": name, "HostedZoneId": "Z7HUB", "EvaluateTargetHealth": False}
        record: Any = {"Name": NAME, "Type": "A", "AliasTarget": alias}
        changes: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        boto3.client("route53").change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=changes)
        return zone_id

    def service(self, **more: Any) -> dict[str, Any]:
        (found,) = self.case.look(self.vpc_id, **more)["services"]
        return dict(found)


@pytest.fixture
def spoke(case: Case) -> Spoke:
    return Spoke(case)


def test_a_hub_serves_while_a_route_leads_to_its_addresses(spoke: Spoke) -> None:
    zone_id = spoke.case.world.hub_zone(spoke.vpc_id, NAME, "10.9.0.10", "10.9.1.10")
    spoke.route()
    assert (spoke.service()["state"], spoke.service()["by"]) == ("served centrally", zone_id)
    assert spoke.case.world.notices() == []


def test_when_its_route_is_removed_it_is_blocked_and_told_with_the_remedy(spoke: Spoke) -> None:
    zone_id = spoke.case.world.hub_zone(spoke.vpc_id, NAME, "10.9.0.10")
    spoke.route()
    spoke.service()
    agent = spoke.case.launch(spoke.subnet, ago=timedelta(hours=1))
    spoke.ec2.delete_route(RouteTableId=spoke.table, DestinationCidrBlock="10.9.0.0/16")
    (action,) = spoke.case.look(spoke.vpc_id)["actions"]
    assert action["status"] == "blocked"
    assert action["error"] == (
        f"private hosted zone {zone_id} is in the way of an endpoint: route {spoke.subnet} to the central endpoint "
        f"(10.9.0.10), or disassociate private hosted zone {zone_id} from the VPC"
    )
    (notice,) = spoke.case.told()
    assert f"no route of {spoke.table} leads to 10.9.0.10" in notice
    why = spoke.case.why_silent(agent["InstanceId"], reported_for=timedelta(minutes=1))
    assert "no route leads to the central endpoint" in why
    assert f"no route of {spoke.table} leads to 10.9.0.10" in why


@pytest.mark.parametrize("cidr", ["10.8.0.0/16", "10.9.0.0/28"])
def test_a_route_to_the_hub_that_misses_its_addresses_serves_nobody(spoke: Spoke, cidr: str) -> None:
    spoke.case.world.hub_zone(spoke.vpc_id, NAME, "10.9.0.100")
    spoke.route(cidr)
    assert spoke.service()["state"] == "blocked"


def test_a_nat_gateway_is_no_way_to_a_hub(case: Case) -> None:
    vpc_id, _, private = case.behind_nat()
    case.world.hub_zone(vpc_id, NAME, "10.9.0.10")
    answer = case.look(vpc_id)
    assert ([one["status"] for one in answer["actions"]], case.world.endpoints(vpc_id)) == (["blocked"], [])
    assert private in answer["actions"][0]["subnet_ids"]


def test_behind_a_nat_gateway_a_silent_agent_has_the_cut_of_the_hubs_path_as_its_cause_as_well(case: Case) -> None:
    """Its subnet has a way out, but the name leads to the hub's addresses."""
    ec2, (vpc_id, _, private) = case.world.ec2, case.behind_nat()
    hub: Any = {"DestinationCidrBlock": "10.9.0.0/16"}
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    ec2.create_transit_gateway_vpc_attachment(VpcId=vpc_id, SubnetIds=[private], TransitGatewayId=gateway)
    of_subnet: Any = [{"Name": "association.subnet-id", "Values": [private]}]
    table = ec2.describe_route_tables(Filters=of_subnet)["RouteTables"][0]["RouteTableId"]
    ec2.create_route(RouteTableId=table, TransitGatewayId=gateway, **hub)
    case.world.hub_zone(vpc_id, NAME, "10.9.0.10")
    assert case.look(vpc_id)["services"][0]["state"] == "served centrally"
    agent = case.launch(private, ago=timedelta(hours=3))
    ec2.delete_route(RouteTableId=table, **hub)
    deleted = record_call("DeleteRoute", {"RouteTableId": table, **hub}, {}, at=datetime.now(UTC))
    reconcile_endpoints.handler(sqs(deleted), Context())
    case.forget_dns()
    assert case.look(vpc_id)["services"][0]["state"] == "blocked"
    why = case.why_silent(agent["InstanceId"], reported_for=timedelta(minutes=1))
    assert why.strip().startswith("DeleteRoute by deploy-role/terraform")
    assert f"no route of {table} leads to 10.9.0.10" in why
    assert "was not checked" not in why


def test_a_zone_without_a_record_is_in_the_way_and_serves_nobody(spoke: Spoke) -> None:
    zone_id = spoke.case.world.hub_zone(spoke.vpc_id, NAME)
    spoke.route()
    found = spoke.service()
    assert found["state"] == "blocked"
    assert found["detail"] == (
        f"private hosted zone {zone_id} is in the way of an endpoint: add the record, or disassociate private hosted "
        f"zone {zone_id} from the VPC"
    )
    (notice,) = spoke.case.told()
    assert f"private hosted zone {zone_id} has no record for {NAME}, so the name isn't resolved" in notice


@pytest.mark.parametrize("other", ["monitoring-fips.us-east-1.amazonaws.com", "monitoring.us-east-1.api.aws"])
def test_a_zone_of_another_of_the_services_names_serves_nobody_and_is_told_with_the_remedy(
    spoke: Spoke, other: str
) -> None:
    zone_id = spoke.case.world.hub_zone(spoke.vpc_id, other, "10.9.0.10")
    spoke.route()
    found = spoke.service()
    assert (found["state"], spoke.case.world.endpoints(spoke.vpc_id)) == ("blocked", [])
    assert found["detail"] == (
        f"AWS doesn't accept private DNS for an endpoint here while the VPC has private hosted zone {zone_id} of "
        f"{other}, another of the service's names. That zone doesn't answer {NAME}, for which clients usually ask: "
        f"disassociate it from the VPC, or associate a zone of {NAME} as well"
    )
    (notice,) = spoke.case.told()
    assert f"associate a zone of {NAME} as well" in " ".join(notice.split())
    spoke.case.world.hub_zone(spoke.vpc_id, NAME, "10.9.0.10")
    spoke.case.forget_dns()
    assert spoke.service()["state"] == "served centrally"


def test_a_zone_that_leads_to_an_endpoint_of_the_hub_is_followed_to_its_interfaces(spoke: Spoke) -> None:
    spoke.zone_leading_to(spoke.endpoint_of_hub())
    found = spoke.service(mode="plan")
    assert (found["state"], "(10.9.1." in found["detail"]) == ("blocked", True)
    spoke.route()
    spoke.case.forget_dns()
    assert spoke.service()["state"] == "served centrally"


def test_a_zone_that_leads_to_a_deleted_endpoint_of_the_account_serves_nobody_and_is_told_with_what_to_do(
    spoke: Spoke,
) -> None:
    endpoint_id = spoke.endpoint_of_hub()
    zone_id = spoke.zone_leading_to(endpoint_id)
    spoke.route()
    assert spoke.service()["state"] == "served centrally"
    agent = spoke.case.launch(spoke.subnet, ago=timedelta(hours=1))
    spoke.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    spoke.case.later()
    why = spoke.case.why_silent(agent["InstanceId"], reported_for=timedelta(minutes=1))
    words = f"the record of private hosted zone {zone_id} for {NAME} leads to {endpoint_id}, which was deleted"
    assert why.strip().startswith(f"{words}, so the name isn't resolved")
    assert f"Next: Point the record of {zone_id} at another endpoint, or disassociate {zone_id} from the VPC." in why
    spoke.case.forget_dns()
    found = spoke.service()
    assert (found["state"], spoke.case.world.endpoints(spoke.vpc_id)) == ("blocked", [])
    assert found["detail"] == (
        f"private hosted zone {zone_id} is in the way of an endpoint: point its record at another endpoint, or "
        f"disassociate private hosted zone {zone_id} from the VPC"
    )
    assert f"{words}, so the name isn't resolved" in spoke.case.told()[-1]


def test_a_silent_agents_notice_names_the_unlisted_endpoint_to_which_a_zone_leads(spoke: Spoke) -> None:
    """It was deleted long ago, or another account shares it: the zone may well serve."""
    zone_id = spoke.zone_leading_to("vpce-0123456789abcdef0")
    spoke.route()
    assert spoke.service()["state"] == "served centrally"
    agent = spoke.case.launch(spoke.subnet, ago=timedelta(hours=1))
    why = spoke.case.why_silent(agent["InstanceId"], reported_for=timedelta(minutes=1))
    assert (
        f"- private hosted zone {zone_id} leads to vpce-0123456789abcdef0, which was deleted or is elsewhere: its "
        "addresses were not read"
    ) in why


def test_once_ec2_lists_a_deleted_endpoint_no_more_the_zone_that_leads_there_counts_as_serving_again(
    spoke: Spoke,
) -> None:
    """It may as well be another account's, which can't be told from here: docs/central.md says so."""
    endpoint_id = spoke.endpoint_of_hub()
    spoke.zone_leading_to(endpoint_id)
    spoke.route()
    spoke.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    spoke.case.later()
    assert spoke.service()["state"] == "blocked"
    for region in ec2_backends["123456789012"].values():
        region.vpc_end_points.pop(endpoint_id, None)
    spoke.case.forget_dns()
    assert spoke.service()["state"] == "served centrally"


def test_a_hub_serves_a_subnet_that_has_no_room_for_an_endpoint(spoke: Spoke) -> None:
    spoke.case.world.hub_zone(spoke.vpc_id, NAME, "10.9.0.10")
    spoke.route()
    spoke.case.account.set_free_addresses(spoke.subnet, 3)
    assert spoke.service()["state"] == "served centrally"
    assert spoke.case.told() == []


@pytest.mark.parametrize("case", [{**requiring("monitoring"), "CREATABLE_SERVICES": "logs"}], indirect=True)
def test_a_hub_serves_what_lifeline_may_not_create(spoke: Spoke) -> None:
    zone_id = spoke.case.world.hub_zone(spoke.vpc_id, NAME, "10.9.0.10")
    spoke.route()
    with counted_calls() as made:
        found = spoke.service()
    assert (found["state"], found["by"], spoke.case.told()) == ("served centrally", zone_id, [])
    with counted_calls() as kept:
        spoke.service()
    assert (calls_of(made, *DNS), calls_of(kept, *DNS)) == (4, 0)


@pytest.mark.parametrize("case", [{**requiring("monitoring"), "CREATABLE_SERVICES": "logs"}], indirect=True)
def test_what_lifeline_may_not_create_is_blocked_where_no_hub_answers(spoke: Spoke) -> None:
    found = spoke.service()
    assert (found["state"], "CreatableServices" in found["detail"]) == ("blocked", True)


def test_where_no_endpoint_can_be_made_nobody_is_told_before_its_turn_which_comes_after_those_of_others(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who answers there is read for the verdict alone."""
    monkeypatch.setenv("MOST_DNS_VIEWS", "1")
    full, ready = [Spoke(case) for _ in range(3)], case.world.make_vpc()
    case.world.make_subnet(ready)
    for one in full:
        one.route()
        case.account.set_free_addresses(one.subnet, 3)
    vpc_ids = [*(one.vpc_id for one in full), ready]
    for number in range(5):
        answer = handler({"vpc_ids": vpc_ids, "mode": "plan"}, Context(aws_request_id=f"run-{number}"))
        assert [one["vpc_id"] for one in answer["vpcs"] if CROWDED not in str(one)] == [ready]
    handler({"vpc_ids": vpc_ids}, Context())
    assert {vpc_id for body in case.world.requeue() for vpc_id in body["vpc_ids"]} == {one.vpc_id for one in full}
    assert [notice for notice in case.told() if any(one.vpc_id in notice for one in full)] == []
    assert "at least 4 free addresses" in full[0].service()["detail"]


@pytest.mark.parametrize("has_ipv6", [True, False])
def test_a_hub_serves_a_subnet_with_ipv6_only_though_the_service_has_no_ipv6_endpoints(
    spoke: Spoke, *, has_ipv6: bool
) -> None:
    spoke.case.account.show(spoke.subnet, Ipv6Native=True, CidrBlock=None)
    zone_id = spoke.case.world.hub_zone(spoke.vpc_id, NAME, "10.9.0.10")
    if has_ipv6:
        record: Any = {"Name": NAME, "Type": "AAAA", "TTL": 60, "ResourceRecords": [{"Value": "fd00:9::10"}]}
        changes: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        boto3.client("route53").change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=changes)
    spoke.route()
    to_hub = {"DestinationIpv6CidrBlock": "fd00:9::/32", "TransitGatewayId": spoke.gateway}
    spoke.ec2.create_route(RouteTableId=spoke.table, **to_hub)
    assert spoke.service()["state"] == ("served centrally" if has_ipv6 else "blocked")


@pytest.mark.parametrize("kind", ["FORWARD"])
def test_a_rule_whose_answers_are_not_known_serves_where_a_route_leads_on(spoke: Spoke, kind: str) -> None:
    resolver = boto3.client("route53resolver")
    made = resolver.create_resolver_rule(
        CreatorRequestId="1", RuleType=kind, DomainName="amazonaws.com", TargetIps=[{"Ip": "10.9.0.2", "Port": 53}]
    )
    resolver.associate_resolver_rule(ResolverRuleId=made["ResolverRule"]["Id"], VPCId=spoke.vpc_id)
    assert spoke.service()["state"] == "blocked"
    spoke.route()
    assert spoke.service()["state"] == "served centrally"


@pytest.mark.parametrize(("block", "is_shut"), [("10.0.0.0/8", False), ("10.0.0.0/16", True)])
def test_beside_a_nat_gateway_the_clients_group_is_judged_by_the_address_to_which_the_name_leads(
    case: Case, block: str, *, is_shut: bool
) -> None:
    vpc_id, _, client = case.behind_nat()
    (table,) = case.world.ec2.describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [client]}],
    )["RouteTables"]
    gateway = case.world.ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    case.world.ec2.create_transit_gateway_vpc_attachment(VpcId=vpc_id, SubnetIds=[client], TransitGatewayId=gateway)
    case.world.ec2.create_route(
        RouteTableId=table["RouteTableId"], DestinationCidrBlock="10.99.0.0/16", TransitGatewayId=gateway
    )
    case.world.hub_zone(vpc_id, NAME, "10.99.1.10")
    agent = case.launch(client, case.group_only_to(vpc_id, block))
    assert case.look(vpc_id)["services"][0]["state"] == "served centrally"
    why = case.why_silent(agent["InstanceId"])
    assert ("allows no outbound TCP 443 to the central endpoint (10.99.1.10)" in why) is is_shut
    assert "public addresses" not in why


def answer_buckets(spoke: Spoke) -> str:
    """A hub's zone that answers S3's name, and those of buckets."""
    zone_id = spoke.case.world.hub_zone(spoke.vpc_id, BUCKETS, "10.9.0.10")
    record: Any = {"Name": f"*.{BUCKETS}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.9.0.10"}]}
    changes: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    boto3.client("route53").change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=changes)
    return zone_id


@pytest.mark.parametrize("case", [requiring("s3")], indirect=True)
class TestWhereOnlyAGatewayEndpointIsWanted:
    def test_the_hub_that_answers_s3_serves_it_and_no_endpoint_with_full_access_is_made(self, spoke: Spoke) -> None:
        zone_id = answer_buckets(spoke)
        spoke.route()
        found = spoke.service()
        assert (found["state"], found["by"], spoke.case.world.endpoints(spoke.vpc_id)) == (
            "served centrally",
            zone_id,
            [],
        )

    def test_a_hub_that_answers_s3_without_a_way_there_is_blocked_with_the_remedy(self, spoke: Spoke) -> None:
        zone_id = answer_buckets(spoke)
        found = spoke.service()
        assert (found["state"], spoke.case.world.endpoints(spoke.vpc_id)) == ("blocked", [])
        assert found["detail"] == (
            f"private hosted zone {zone_id} is in the way of an endpoint: route {spoke.subnet} to the central endpoint "
            f"(10.9.0.10), or disassociate private hosted zone {zone_id} from the VPC"
        )

    def test_who_answers_is_read_before_it_is_made_and_not_while_it_serves(self, spoke: Spoke) -> None:
        with counted_calls() as making:
            assert spoke.service()["state"] == "missing"
        spoke.case.later()
        spoke.case.forget_dns()
        with counted_calls() as serving:
            assert spoke.service()["state"] == "served"
        assert (calls_of(making, *DNS) > 0, calls_of(serving, *DNS)) == (True, 0)
        assert making["ec2:DescribeNetworkInterfaces"] == 0, "only a name that is taken concerns clients"
