"""Who may use how much of the limits: whoever asks loudest can't use up what others need to be repaired."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from lifeline.adapters.store.incidents import Incidents
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident
from tests.support.agents import items_of
from tests.support.cloudtrail import record_call
from tests.support.days import EVERYWHERE, HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.strict_services import Service
from tests.support.tuning import tune
from tests.support.world import emulated_world

SERVICES = "monitoring logs ssm ssmmessages ec2messages kms sts ecr.api ecr.dkr secretsmanager"
POLICY = "/lifeline/policy"
DAY = 24 * HOUR
WIDE = {
    "backlog": "act",  # what a tag asks for of a VPC that was judged before would wait for approval
    "REQUIRED_SERVICES": "monitoring",
    "CREATABLE_SERVICES": SERVICES.replace(" ", ","),
    "endpoints_per_run": 100,
    "vpcs_per_run": 100,
    "endpoints_per_day": 1000,
    "vpcs_per_day": 1000,
    "monthly_usd_per_vpc": 1000,
    "monthly_usd": 100000,
}
BUDGET = {"monthly_usd": 500, "monthly_usd_per_vpc": 100}


class Town:
    """An account with a VPC that has a way out, and with people who make VPCs of their own."""

    def __init__(self, days: Days) -> None:
        self.days = days
        self.world = days.world
        self._made = 0

    def vpc(self, zones: int = 1, *, tags: str = "", is_open: bool = False) -> str:
        self._made += 1
        network = f"10.{self._made}"
        vpc_id = self.world.make_vpc(cidr=f"{network}.0.0/16")
        for zone in range(zones):
            self.world.make_subnet(vpc_id, f"{network}.{zone}.0/24", f"us-east-1{'abc'[zone]}")
        if tags:
            self.tag(vpc_id, tags)
        if is_open:
            self.world.open_to_internet(vpc_id)
        return vpc_id

    def tag(self, vpc_id: str, services: str) -> None:
        self.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "lifeline:require", "Value": services}])

    def lose_route(self, vpc_id: str) -> None:
        """Deletes the VPC's way out, and delivers the record of that."""
        table_id = self.world.main_table(vpc_id)
        self.days.cut_off(table_id)
        response: dict[str, Any] = {}
        request = {"RouteTableId": table_id, "DestinationCidrBlock": EVERYWHERE}
        self.days.deliver(record_call("DeleteRoute", request, response, at=self.days.clock()))
        self.days.clock.advance(MINUTES)

    def served(self, vpc_id: str) -> list[str]:
        live = [one for one in self.world.endpoints(vpc_id) if one["State"] != "deleting"]
        return sorted(one["ServiceName"].removeprefix("com.amazonaws.us-east-1.") for one in live)

    def interfaces(self, *vpc_ids: str) -> int:
        return sum(len(one["SubnetIds"]) for vpc_id in vpc_ids for one in self.world.endpoints(vpc_id))

    def blocked(self, vpc_id: str) -> dict[str, str]:
        """By service, why it is blocked there."""
        actions = self.days.look(vpc_id)["actions"]
        return {one["service"]: one["error"] for one in actions if one["status"] == "blocked" and one["service"]}


@contextmanager
def town(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[Town]:
    with emulated_world(monkeypatch, **{**WIDE, **settings}) as world:
        yield Town(Days(world, monkeypatch))


# ---- who asks loudest


@pytest.mark.parametrize(
    ("limits", "vpcs", "services", "zones"),
    [
        (BUDGET, 6, 4, 3),
        ({"endpoints_per_day": 50}, 5, 10, 1),
        ({"vpcs_per_day": 10}, 12, 1, 1),
        ({"endpoints_per_day": 10}, 12, 1, 1),
        ({"monthly_usd": 60}, 12, 1, 1),
    ],
    ids=["budget", "endpoints a day", "VPCs a day", "many small VPCs", "a small budget"],
)
def test_a_vpc_that_loses_its_route_is_repaired_at_once_whatever_tags_and_new_vpcs_asked_for_before(
    monkeypatch: pytest.MonkeyPatch, limits: dict[str, str], vpcs: int, services: int, zones: int
) -> None:
    with town(monkeypatch, **limits) as there:
        victim = there.vpc(3, is_open=True)
        there.days.look(victim)
        tags = " ".join(SERVICES.split()[:services])
        others = [there.vpc(zones, tags=tags) for _ in range(vpcs)]
        there.days.sweeps(5)
        assert any(there.blocked(vpc_id) for vpc_id in others)  # they would use more

        there.lose_route(victim)

        assert there.served(victim) == ["monitoring"]
        assert there.interfaces(victim) == 3


@contextmanager
def with_zones_added(
    monkeypatch: pytest.MonkeyPatch, *, is_record_old: bool = False
) -> Iterator[tuple[Town, str, str, dict[str, Any]]]:
    """A town in which somebody adds five zones to Lifeline's endpoint in a VPC of theirs, where nothing requires them:
    the VPC that loses its route after two months, theirs, and the call that takes the zones away again.
    """
    with town(monkeypatch, monthly_usd=45) as there:  # six interfaces
        victim, theirs = there.vpc(is_open=True), there.vpc()
        there.days.sweeps(2)
        there.days.clock.advance(60 * DAY)
        there.days.sweeps(1)  # both paths are known for long
        (endpoint_id,) = there.days.live(theirs)
        zones = [(f"10.2.{place}.0/24", f"us-east-1{letter}") for place, letter in enumerate("bcdef", 1)]
        added = [there.world.make_subnet(theirs, *zone) for zone in zones]
        there.world.ec2.create_tags(Resources=added, Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
        there.days.sweeps(1)
        assert there.interfaces(theirs) == 1
        if is_record_old:
            key = {"pk": {"S": f"REGION#{HOME.account}#{HOME.region}"}, "sk": {"S": f"OWNED#{endpoint_id}"}}
            there.world.dynamodb.update_item(TableName="ledger", Key=key, UpdateExpression="REMOVE asked")
        there.world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddSubnetIds=added)
        there.days.sweeps(1)
        there.world.notices()
        there.lose_route(victim)
        yield there, victim, theirs, {"VpcEndpointId": endpoint_id, "RemoveSubnetIds": added}


def test_zones_that_somebody_adds_to_lifelines_endpoint_take_nothing_from_a_lost_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with with_zones_added(monkeypatch) as (there, victim, _, _):
        assert there.served(victim) == ["monitoring"]


def test_zones_on_an_endpoint_whose_record_does_not_say_what_was_asked_for_count_until_they_are_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As earlier versions wrote it; the notice names their VPC."""
    with with_zones_added(monkeypatch, is_record_old=True) as (there, victim, theirs, take_away):
        (text,) = there.days.texts()
        assert "(43.80 of 45.00 USD in use)" in text
        assert f"{theirs} (43.80 USD per month)" in text
        there.world.ec2.modify_vpc_endpoint(**take_away)
        there.days.sweeps(1)
        assert there.served(victim) == ["monitoring"]


def test_what_tags_and_new_vpcs_ask_for_uses_no_more_than_the_part_that_is_not_reserved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with town(monkeypatch, endpoints_per_day=20) as there:
        vpc_ids = [there.vpc(tags=SERVICES) for _ in range(4)]
        there.days.sweeps(5)
        assert sum(len(there.served(vpc_id)) for vpc_id in vpc_ids) == 10
        assert all(len(there.served(vpc_id)) <= 5 for vpc_id in vpc_ids)  # a quarter of the day's endpoints each
        why = there.blocked(vpc_ids[0])["sts"]
        assert "10 of 20 endpoints (endpoints_per_day) used in the last 24 hours" in why
        assert "the last 10 are reserved for VPCs that lost their path or have silent agents" in why


def test_whoever_deletes_an_endpoint_again_and_again_uses_nothing_of_the_reserve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with town(monkeypatch, endpoints_per_day=4) as there:
        victim, vpc_id = there.vpc(is_open=True), there.vpc()
        there.days.sweeps(2)
        there.days.clock.advance(30 * DAY)
        there.days.sweeps(1)  # both paths are known for long
        for _ in range(5):
            for endpoint_id in there.days.live(vpc_id):
                there.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
            there.days.clock.advance(MINUTES)
            there.days.look(vpc_id)
            there.days.look(vpc_id, unfreeze=True)
        assert there.served(vpc_id) == []  # one urgent, then one within the share; the rest needs approval

        there.lose_route(victim)

        assert there.served(victim) == ["monitoring"]


def test_what_is_deleted_for_the_first_time_is_repaired_at_once_and_may_use_the_day_up_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever deletes an endpoint by mistake has it back without approval, however many of the VPC's they were."""
    with town(monkeypatch, endpoints_per_day=16, REQUIRED_SERVICES=SERVICES.replace(" ", ",")) as there:
        victim, *others = there.vpc(is_open=True), there.vpc(), there.vpc()
        for _ in range(8):
            there.days.after(24)
        there.days.clock.advance(60 * DAY)
        there.days.sweeps(1)
        for vpc_id in others:
            there.world.ec2.delete_vpc_endpoints(VpcEndpointIds=there.days.live(vpc_id))
            there.days.clock.advance(MINUTES)
            there.days.look(vpc_id)
        assert [len(there.served(vpc_id)) for vpc_id in others] == [10, 6]

        there.lose_route(victim)

        assert there.served(victim) == []
        assert {words.partition(":")[0] for words in there.blocked(victim).values()} == {"needs approval"}
        there.days.after(24)
        there.days.sweeps(1)
        assert len(there.served(victim)) == 10


def test_one_vpc_may_use_its_share_of_the_days_endpoints_and_hears_that(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=16) as there:
        vpc_id = there.vpc(tags=SERVICES)
        there.days.sweeps(1)
        assert len(there.served(vpc_id)) == 4
        why = there.blocked(vpc_id)["sts"]
        assert "4 of the 4 endpoints that one VPC may use of 16 (endpoints_per_day)" in why


@pytest.mark.parametrize("is_subnet", [False, True], ids=["the VPC is tagged", "two of three subnets are tagged"])
def test_tags_in_the_victims_own_vpc_do_not_use_up_what_the_rules_ask_for_there(
    monkeypatch: pytest.MonkeyPatch, *, is_subnet: bool
) -> None:
    with town(monkeypatch, **BUDGET, endpoints_per_day=50) as there:
        victim = there.vpc(3, is_open=True)
        there.days.look(victim)
        there.days.sweeps(4)
        if is_subnet:  # such a tag counts in public subnets, too, so all of it is made before the route is lost
            filters = [{"Name": "vpc-id", "Values": [victim]}]
            subnets = there.world.ec2.describe_subnets(Filters=filters)["Subnets"]
            for subnet in subnets[:2]:
                there.tag(subnet["SubnetId"], SERVICES.replace("monitoring ", ""))
        else:
            there.tag(victim, SERVICES)
        there.days.sweeps(1)
        before = there.interfaces(victim)
        assert before == (6 if is_subnet else 0)
        if is_subnet:
            assert "reserved for what the policy's rules ask for" in str(there.blocked(victim))

        there.lose_route(victim)

        assert "monitoring" in there.served(victim)


def test_a_route_deleted_in_a_vpc_made_for_that_makes_it_no_more_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=8) as there:
        victim = there.vpc(is_open=True)
        there.days.look(victim)
        there.days.sweeps(24, every=8)
        others = [there.vpc() for _ in range(5)]
        there.days.sweeps(1)
        assert sum(bool(there.served(vpc_id)) for vpc_id in others) == 4
        fakes = [there.vpc(is_open=True) for _ in range(6)]
        there.days.sweeps(1)
        for fake in fakes:
            there.lose_route(fake)
        assert [fake for fake in fakes if there.served(fake)] == []

        there.lose_route(victim)

        assert there.served(victim) == ["monitoring"]


def test_vpcs_that_waited_some_hours_with_a_route_still_leave_half_of_the_reserve_to_older_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with town(monkeypatch, endpoints_per_day=8) as there:
        victim = there.vpc(is_open=True)
        there.days.look(victim)
        there.days.sweeps(24, every=8)
        others, fakes = [there.vpc() for _ in range(5)], [there.vpc(is_open=True) for _ in range(6)]
        there.days.sweeps(5)
        for fake in fakes:
            there.lose_route(fake)
        assert sum(bool(there.served(vpc_id)) for vpc_id in others) == 4
        assert sum(bool(there.served(fake)) for fake in fakes) == 2
        late = next(fake for fake in fakes if not there.served(fake))
        assert "the last 2 are reserved for VPCs whose path Lifeline had known for longer" in str(there.blocked(late))

        there.lose_route(victim)

        assert there.served(victim) == ["monitoring"]


def test_a_days_patience_with_vpcs_of_ones_own_uses_up_nothing_that_a_long_known_vpc_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with town(monkeypatch, endpoints_per_day=8) as there:
        victim = there.vpc(is_open=True)
        there.days.look(victim)
        there.days.after(30 * 24)
        fakes = [there.vpc(is_open=True) for _ in range(10)]
        there.days.sweeps(1)
        there.days.after(25)
        for fake in fakes:
            there.lose_route(fake)
        assert sum(bool(there.served(fake)) for fake in fakes) == 6

        there.lose_route(victim)

        assert there.served(victim) == ["monitoring"]


def test_deleting_and_adding_the_same_route_again_makes_no_vpc_older(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=2, vpcs_per_day=1000) as there:
        first, fake = there.vpc(), there.vpc(is_open=True)
        there.days.sweeps(1)
        table_id = there.world.main_table(fake)
        for _ in range(4):
            there.lose_route(fake)
            there.days.connect(table_id, fake)
            there.days.look(fake)
        there.lose_route(fake)
        assert (there.served(first), there.served(fake)) == (["monitoring"], [])


# ---- other ways to lose a path, and silent agents


def test_a_vpc_whose_endpoint_was_deleted_by_its_owner_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=4) as there:
        victim = there.vpc()
        (subnet,) = there.world.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [victim]}])["Subnets"]
        group = there.world.ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=victim)["GroupId"]
        there.world.ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
            ],
        )
        theirs = there.world.ec2.create_vpc_endpoint(
            VpcEndpointType="Interface",
            VpcId=victim,
            ServiceName="com.amazonaws.us-east-1.monitoring",
            SubnetIds=[subnet["SubnetId"]],
            SecurityGroupIds=[group],
            PrivateDnsEnabled=True,
        )["VpcEndpoint"]["VpcEndpointId"]
        there.days.clock.advance(MINUTES)
        there.days.look(victim)
        others = [there.vpc() for _ in range(4)]
        there.days.sweeps(5)
        assert sum(bool(there.served(vpc_id)) for vpc_id in others) == 2

        there.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[theirs])
        there.days.clock.advance(MINUTES)
        there.days.look(victim)

        assert there.served(victim) == ["monitoring"]


def silence(
    vpc_id: str, service: str, there: Town, kind: CauseKind = CauseKind.CUT_OFF, *, has_reported: bool = True
) -> None:
    """An incident that is open in the ledger."""
    now = there.days.clock()
    cause = Cause(kind, Confidence.HIGH, "no path", service=service, vpc_id=vpc_id, is_repairable=True)
    incident = Incident("inc-1", "cloudwatch-agent", cause, began=now, opened_at=now, has_reported=has_reported)
    assert Incidents("ledger", HOME).save(incident)


def silence_message(vpc_id: str, there: Town) -> dict[str, Any]:
    """What the detector sends, or whoever wants to look like it."""
    because = [{"kind": "silence", "event_id": "inc-1", "time": there.days.clock().isoformat()}]
    return {"vpc_ids": [vpc_id], "because": because}


def test_a_vpc_with_silent_agents_goes_first_even_for_a_service_that_only_a_tag_asks_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with town(monkeypatch, endpoints_per_day=4) as there:
        others = [there.vpc() for _ in range(4)]
        there.days.sweeps(1)
        assert sum(bool(there.served(vpc_id)) for vpc_id in others) == 2
        silent = there.vpc(tags="logs ssm")
        there.days.deliver(silence_message(silent, there))
        assert there.served(silent) == []  # a message says whom to look at, and nothing more
        silence(silent, "logs", there)

        there.days.deliver(silence_message(silent, there))

        assert there.served(silent) == ["logs"]


def test_agents_that_a_tag_expects_and_that_never_reported_make_nothing_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=4) as there:
        others = [there.vpc() for _ in range(4)]
        there.days.sweeps(1)
        assert sum(bool(there.served(vpc_id)) for vpc_id in others) == 2
        tagged = there.vpc()
        silence(tagged, "monitoring", there, has_reported=False)
        there.days.deliver(silence_message(tagged, there))
        assert there.served(tagged) == []


def test_agents_that_are_silent_by_themselves_make_nothing_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=2) as there:
        there.vpc()
        there.days.sweeps(1)
        silent = there.vpc()
        silence(silent, "monitoring", there, CauseKind.AGENT)
        there.days.look(silent)
        assert there.served(silent) == []


def test_in_a_run_with_few_places_the_urgent_vpc_is_served_before_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_run=1) as there:
        victim = there.vpc(is_open=True)
        there.days.sweeps(5)
        new = [there.vpc(3, tags=SERVICES) for _ in range(3)]  # with more isolated subnets
        there.days.cut_off(there.world.main_table(victim))
        there.days.sweeps(1)
        assert there.served(victim) == ["monitoring"]
        assert [vpc_id for vpc_id in new if there.served(vpc_id)] == []


def test_what_was_lost_a_week_ago_is_a_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=0) as there:
        victim = there.vpc(is_open=True)
        there.days.sweeps(30, every=8)
        there.lose_route(victim)
        there.days.after(24 * 7 + 1)
        tune(monkeypatch, endpoints_per_day=2)
        there.vpc()
        there.vpc()
        there.days.after(1)
        assert sum(bool(there.served(one["VpcId"])) for one in there.world.ec2.describe_vpcs()["Vpcs"]) == 1


# ---- what people read and do


def test_the_notice_says_which_vpcs_use_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=16, monthly_usd=250) as there:
        loud, quiet = there.vpc(tags="logs ssm kms"), there.vpc(tags="logs ssm")
        there.days.sweeps(1)
        there.days.look(there.vpc(tags="logs ssm kms"))
        there.world.notices()
        late = there.vpc(3)
        there.days.look(late)
        (text,) = there.days.texts()
        assert "biggest users of endpoints_per_day:" in text
        assert f"{loud} (3 endpoints in the last 24 hours)" in text
        assert f"{quiet} (2 endpoints in the last 24 hours)" in text
        tune(monkeypatch, endpoints_per_day=1000)
        note = there.days.look(there.vpc(3, tags=SERVICES))["note"]
        assert "biggest users of monthly_usd:" in note
        assert f"{loud} (21.90 USD per month)" in note


def test_a_plan_says_the_same_as_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=4) as there:
        victim = there.vpc(is_open=True)
        there.days.sweeps(5)
        others = [there.vpc() for _ in range(4)]
        there.days.sweeps(1)
        there.days.cut_off(there.world.main_table(victim))
        waiting = next(vpc_id for vpc_id in others if not there.served(vpc_id))
        assert there.days.look(victim, mode="plan")["outcome"] == "planned"
        plan = there.days.look(waiting, mode="plan")
        assert plan["outcome"] == "blocked"
        assert "reserved for VPCs that lost their path" in str(plan["actions"])
        assert "biggest users of endpoints_per_day:" in plan["note"]
        assert there.days.look(waiting)["outcome"] == "blocked"
        assert there.days.look(victim)["outcome"] == "changed"


def test_a_person_may_approve_what_would_take_from_the_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=2) as there:
        there.days.look(there.vpc())
        second = there.vpc()
        plan_id = there.days.look(second)["approval"]["plan_id"]
        (answer,) = there.days.call({"approve": plan_id})["vpcs"]
        assert (answer["outcome"], there.served(second)) == ("changed", ["monitoring"])


def test_the_policy_sets_the_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, POLICY_PARAMETER=POLICY) as there:
        policy = {
            "version": 1,
            "rules": [{"require": ["monitoring", "logs", "ssm", "kms"]}],
            "without_approval": {"endpoints_per_day": 4},
            "shares": {"reserved_percent": 0, "vpc_percent": 100},
        }
        boto3.client("ssm").put_parameter(Name=POLICY, Value=json.dumps(policy), Type="String")
        vpc_id = there.vpc()
        there.days.look(vpc_id)
        assert there.served(vpc_id) == ["kms", "logs", "monitoring", "ssm"]


def test_deletions_need_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch, endpoints_per_day=2, vpcs_per_day=2, retire_after_hours=1) as there:
        vpc_id = there.vpc()
        there.days.look(vpc_id)
        there.vpc()
        there.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
        there.days.sweeps(3)
        assert there.served(vpc_id) == []


def test_where_the_known_paths_can_not_be_read_the_run_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch) as there:
        vpc_id = there.vpc()
        key = {"pk": {"S": "PATHS"}, "sk": {"S": "KNOWN"}}
        there.world.dynamodb.put_item(
            TableName="ledger", Item={**key, "vpcs": {"B": b"damaged"}, "revision": {"N": "3"}}
        )
        assert there.days.look(vpc_id)["outcome"] == "changed"


def test_a_sweep_writes_the_known_paths_only_where_they_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    with town(monkeypatch) as there:
        there.vpc(is_open=True)

        def revision() -> str:
            (item,) = items_of(there.world.dynamodb, "PATHS")
            return str(item["revision"]["N"])

        there.days.sweeps(1)
        first = revision()
        there.days.sweeps(3)
        assert revision() == first == "1"


# ---- a name, or a place within AWS's quota


def test_a_tag_for_a_service_with_the_same_name_withholds_nothing_that_the_rules_ask_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AWS lets one of two services have a name. What a tag asks for here waits, and may wait for good."""
    fips = {"REQUIRED_SERVICES": "monitoring-fips", "CREATABLE_SERVICES": "monitoring,monitoring-fips"}
    with town(monkeypatch, **fips, backlog="ask") as there:
        account, ec2 = there.days.account, there.world.ec2
        names = ("monitoring-fips.us-east-1.amazonaws.com",)
        account.offer(Service(account.name_of("monitoring-fips"), private_dns_names=names))
        vpc_id = there.vpc(is_open=True)
        theirs = there.world.make_subnet(vpc_id, "10.1.9.0/24")
        table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table_id, SubnetId=theirs)
        ec2.create_tags(Resources=[theirs], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
        there.days.sweeps(2)
        ec2.delete_tags(Resources=[theirs], Tags=[{"Key": "lifeline:exempt"}])
        there.tag(theirs, "monitoring")
        waiting = {one["service"]: one["blocked_by"] for one in there.days.sweeps(1)}
        assert waiting["monitoring"] == "backlog"

        there.lose_route(vpc_id)

        assert there.served(vpc_id) == ["monitoring-fips"]


def test_gateway_endpoints_that_wait_elsewhere_use_up_nothing_of_the_regions_quota(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with town(monkeypatch, REQUIRED_SERVICES="s3", CREATABLE_SERVICES="s3", endpoints_per_day=10) as there:
        victims = [there.vpc(is_open=True) for _ in range(3)]  # VPCs are planned in the order of their IDs
        there.days.sweeps(1)
        there.days.clock.advance(30 * DAY)
        there.days.sweeps(1)  # their paths are known for long
        others = [there.vpc() for _ in range(25)]
        there.days.sweeps(2)
        assert sum(map(len, map(there.served, others))) == 5  # what isn't reserved
        for vpc_id in victims:
            there.days.cut_off(there.world.main_table(vpc_id))

        there.days.sweeps(1)

        assert [there.served(vpc_id) for vpc_id in victims] == [["s3"]] * 3
