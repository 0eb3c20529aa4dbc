"""A VPC with a gap and a path to the hub is offered the hub's zone, associated with it, and watched. One account."""

from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.store.hub_places import HubPlaceStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.associated import own_ids
from lifeline.core.coexist.canary import Canary
from lifeline.core.errors import TerminalError
from lifeline.handlers import coverage_page, reconcile_endpoints
from tests.support.cases import Case
from tests.support.cloudtrail import record_call
from tests.support.days import HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.hub_network import HUB_BLOCK, Hub
from tests.support.tuning import tune
from tests.support.world import ACCOUNT, Context, emulated_world


class Spoke:
    """A hub, and a spoke of it, behind AWS's strictness."""

    def __init__(self, case: Case) -> None:
        self.case, self.world, self.account = case, case.world, case.account
        self.hub = Hub(case.world)
        case.later()
        self.vpc_id = self.hub.add_spoke(case.world)
        tune(case.monkeypatch, central=self.hub.policy())
        for service in ("route53", "route53profiles"):
            self.account.attach(client(service))
        self.account.forget_calls()

    def auto(self) -> None:
        tune(self.case.monkeypatch, central=self.hub.policy(associate="auto"))

    def look(self, **more: Any) -> dict[str, Any]:
        self.case.forget_dns()
        return self.case.look(self.vpc_id, **more)

    def zones(self) -> list[str]:
        return self.account.dns.zones_of(self.vpc_id)

    def calls(self) -> list[str]:
        return [call.operation for call in self.account.calls if call.accepted]

    def state(self) -> Any:
        return VpcStore("ledger").load(HOME.vpc(self.vpc_id))


@pytest.fixture
def spoke(case: Case, monkeypatch: pytest.MonkeyPatch) -> Spoke:
    monkeypatch.setenv("CENTRAL_ENDPOINTS", "yes")
    return Spoke(case)


def kinds(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["action"], one["status"]) for one in answer["actions"]]


def approve(plan_id: str) -> dict[str, Any]:
    found: dict[str, Any] = reconcile_endpoints.handler({"approve": plan_id}, Context())["vpcs"][0]
    return found


def test_it_is_offered_with_its_price_and_made_once_it_is_approved(spoke: Spoke) -> None:
    offered = spoke.look()
    assert kinds(offered) == [("associate_central", "blocked")]
    (action,) = offered["actions"]
    assert (action["blocked_by"], action["error"]) == (
        "central",
        "needs approval: the policy's central.associate is ask",
    )
    assert action["central_ids"] == [spoke.hub.zone_id]
    assert "0.00 USD per month instead of 7.30 USD" in action["reason"]
    assert {line.partition(": ")[2][:3] for line in action["checks"]} == {"yes"}
    assert (offered["approval"]["monthly_cost_usd"], spoke.zones(), spoke.calls()) == (0.0, [], [])

    made = approve(offered["approval"]["plan_id"])

    assert kinds(made) == [("associate_central", "done")]
    assert (spoke.zones(), spoke.calls()) == ([spoke.hub.zone_id], ["AssociateVPCWithHostedZone"])
    assert list(spoke.state().associated) == [spoke.hub.zone_id]
    served = spoke.look()
    assert (kinds(served), served["services"][0]["state"]) == ([], "served centrally")
    for looked in (offered, made, served):
        assert [one["monthly_usd"] for one in looked["comparison"]["ways"].values()] == [7.3, 0, 32.85]
        assert looked["comparison"]["cheapest"][0] == {"way": "central", "from_gb": 0, "until_gb": 365}


def test_the_page_and_its_plan_compare_what_the_ways_to_the_hubs_service_cost(spoke: Spoke) -> None:
    page = coverage_page.handler({"vpc_ids": [spoke.vpc_id]}, Context())
    assert "Compare the ways to reach monitoring" in page
    shown = unescape(coverage_page.handler({"plan": spoke.vpc_id}, Context()))
    assert "ways to reach monitoring, in USD per month:" in shown
    assert "cheapest, data included: the hub's endpoints up to 365 GB a month" in shown


def test_with_auto_nobody_is_asked_where_everything_was_read(spoke: Spoke) -> None:
    spoke.auto()
    assert kinds(spoke.look()) == [("associate_central", "done")]
    assert spoke.zones() == [spoke.hub.zone_id]
    (notice,) = spoke.case.told()
    assert f"associated the VPC with the hub's zone {spoke.hub.zone_id}" in notice
    assert spoke.world.endpoints(spoke.vpc_id) == []


def test_with_auto_people_are_asked_all_the_same_where_something_can_not_be_read(spoke: Spoke) -> None:
    spoke.auto()
    spoke.account.fail_next("SearchTransitGatewayRoutes", "UnauthorizedOperation", times=20)
    answer = spoke.look()
    assert kinds(answer) == [("associate_central", "blocked")]
    assert "transit gateway route tables: can't be read" in answer["actions"][0]["error"]
    assert "not everything can be read" in spoke.case.told()[0]
    assert spoke.zones() == []


def test_an_approval_of_what_was_all_read_covers_nothing_that_can_not_be_read_any_more(spoke: Spoke) -> None:
    offered = spoke.look()
    remember.cache_clear()
    spoke.account.fail_next("SearchTransitGatewayRoutes", "UnauthorizedOperation", times=20)
    made = approve(offered["approval"]["plan_id"])
    assert kinds(made) == [("associate_central", "blocked")]
    assert "no longer requires exactly these changes" in made["error"]["message"]
    assert spoke.zones() == []


@pytest.mark.parametrize("operation", ["GetHostedZone", "ListResourceRecordSets"])
def test_while_aws_throttles_what_the_zone_has_the_vpc_waits_and_nothing_is_paid(spoke: Spoke, operation: str) -> None:
    spoke.auto()
    spoke.account.fail_next(operation, "Throttling", times=20)
    waiting = spoke.look()
    assert {status for _, status in kinds(waiting)} == {"planned"}
    assert (spoke.world.endpoints(spoke.vpc_id), spoke.zones()) == ([], [])
    assert "Throttling" in waiting["note"]
    spoke.account.faults.clear()
    remember.cache_clear()
    assert kinds(spoke.look()) == [("associate_central", "done")]


def test_a_zone_that_the_role_may_not_read_is_offered_and_nothing_is_paid(spoke: Spoke) -> None:
    spoke.auto()
    spoke.account.fail_next("GetHostedZone", "AccessDenied", times=20)
    answer = spoke.look()
    assert kinds(answer) == [("associate_central", "blocked")]
    assert "not everything can be read" in answer["actions"][0]["error"]
    assert spoke.world.endpoints(spoke.vpc_id) == []


@pytest.mark.parametrize("broken", ["group", "gateway", "route back", "attachment"])
def test_where_the_hub_would_not_serve_an_endpoint_is_made_and_says_why(spoke: Spoke, broken: str) -> None:
    spoke.auto()
    spoke.hub.cut_at(broken)
    answer = spoke.look()
    assert ("create_interface_endpoint", "done") in kinds(answer)
    reason = next(one["reason"] for one in answer["actions"] if one["action"] == "create_interface_endpoint")
    assert "the hub's endpoint can't be shared: " in reason
    assert spoke.zones() == []


def test_a_stack_that_may_not_associate_says_so_and_makes_an_endpoint(
    spoke: Spoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CENTRAL_ENDPOINTS", "no")
    spoke.auto()
    answer = spoke.look(mode="plan")
    assert "CentralEndpoints: no (it must be yes)" in answer["actions"][-1]["reason"]


def test_a_full_zone_is_known_before_anybody_asks_for_it(spoke: Spoke) -> None:
    spoke.auto()
    spoke.account.dns.vpcs_a_zone = 1
    assert "it has 1 of at most 1" in spoke.look(mode="plan")["actions"][-1]["reason"]


@pytest.mark.parametrize(("associate", "status"), [("auto", "done"), ("ask", "blocked")])
def test_one_place_is_given_to_one_vpc_of_a_run(spoke: Spoke, associate: str, status: str) -> None:
    tune(spoke.case.monkeypatch, central=spoke.hub.policy(associate=associate))
    spoke.account.dns.vpcs_a_zone = 2
    other = spoke.hub.add_spoke(spoke.world, cidr="10.1.0.0/16")
    spoke.case.forget_dns()
    found = reconcile_endpoints.handler({"vpc_ids": [spoke.vpc_id, other]}, Context())["vpcs"]
    first, second = sorted(found, key=lambda one: str(one["vpc_id"]))
    assert kinds(first) == [("associate_central", status)]
    assert ("create_interface_endpoint", "done") in kinds(second)
    assert "it has 2 of at most 2 VPCs" in second["actions"][-1]["reason"]


def offered_the_last_place(spoke: Spoke) -> tuple[dict[str, Any], str]:
    """What the first VPC was offered in a run of its own, and another VPC."""
    spoke.account.dns.vpcs_a_zone = 2
    return spoke.look(), spoke.hub.add_spoke(spoke.world, cidr="10.1.0.0/16")


def test_a_place_that_an_earlier_run_offered_is_given_to_no_other_vpc(spoke: Spoke) -> None:
    offered, other = offered_the_last_place(spoke)
    spoke.case.forget_dns()
    second = spoke.case.look(other)
    assert ("create_interface_endpoint", "done") in kinds(second)
    assert "it has 2 of at most 2 VPCs" in second["actions"][-1]["reason"]
    assert spoke.look()["approval"]["plan_id"] == offered["approval"]["plan_id"]  # who was offered it keeps it
    assert kinds(approve(offered["approval"]["plan_id"])) == [("associate_central", "done")]
    assert dict(HubPlaceStore("ledger").read().by_vpc) == {}


def test_a_place_is_free_again_once_nobody_can_approve_its_offer(spoke: Spoke) -> None:
    _, other = offered_the_last_place(spoke)
    delete_subnets(spoke)
    assert kinds(spoke.look()) == []
    spoke.case.forget_dns()
    assert kinds(spoke.case.look(other)) == [("associate_central", "blocked")]


def delete_subnets(spoke: Spoke) -> None:
    of_vpc: Any = [{"Name": "vpc-id", "Values": [spoke.vpc_id]}]
    for subnet in spoke.world.ec2.describe_subnets(Filters=of_vpc)["Subnets"]:
        spoke.world.ec2.delete_subnet(SubnetId=subnet["SubnetId"])


def test_a_vpc_that_is_gone_is_promised_no_place(spoke: Spoke) -> None:
    """Whoever makes VPCs and deletes them again would otherwise use up a zone's places for a day."""
    spoke.look()
    assert set(HubPlaceStore("ledger").read().by_vpc) == {f"{HOME}/{spoke.vpc_id}"}
    delete_subnets(spoke)
    spoke.world.ec2.delete_vpc(VpcId=spoke.vpc_id)
    spoke.look()
    assert dict(HubPlaceStore("ledger").read().by_vpc) == {}


def test_without_a_ledger_that_says_who_was_promised_a_place_people_are_asked(
    spoke: Spoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise TerminalError("the ledger can't be read")

    spoke.auto()
    monkeypatch.setattr(HubPlaceStore, "read", fail)
    answer = spoke.look()
    assert kinds(answer) == [("associate_central", "blocked")]
    assert "how many VPCs it has can't be read" in answer["actions"][0]["error"]


def test_nothing_is_associated_while_the_kill_switch_is_on(spoke: Spoke, monkeypatch: pytest.MonkeyPatch) -> None:
    spoke.auto()
    monkeypatch.setenv("KILL_SWITCH_PARAMETER", "/lifeline/stop")
    boto3.client("ssm").put_parameter(Name="/lifeline/stop", Value="on", Type="String")
    assert kinds(spoke.look()) == [("associate_central", "blocked")]
    assert (spoke.zones(), dict(spoke.state().associated)) == ([], {})


def test_what_aws_refuses_is_told_and_is_not_on_record(spoke: Spoke) -> None:
    spoke.auto()
    spoke.account.fail_next("AssociateVPCWithHostedZone", "LimitsExceeded")
    answer = spoke.look()
    assert kinds(answer) == [("associate_central", "failed")]
    assert own_ids(spoke.state().associated) == frozenset()
    assert dict(spoke.state().canaries) == {}


@pytest.mark.parametrize("code", ["LimitsExceeded", "AccessDenied"])
def test_after_aws_refused_the_association_an_endpoint_is_made_and_says_why(spoke: Spoke, code: str) -> None:
    spoke.auto()
    spoke.account.fail_next("AssociateVPCWithHostedZone", code)
    spoke.look()
    (told,) = spoke.case.told()
    assert "Lifeline's next run creates an endpoint" in told
    assert "on every run" not in told
    shown = spoke.look(mode="plan")["actions"][-1]
    assert (shown["action"], shown["status"]) == ("create_interface_endpoint", "planned")
    assert ("create_interface_endpoint", "done") in kinds(spoke.look())
    assert spoke.zones() == []
    assert f"the hub's endpoint can't be shared: AWS's answer for {spoke.hub.zone_id}: no (" in shown["reason"]


def test_the_answer_of_a_call_that_was_lost_is_found_out(spoke: Spoke) -> None:
    spoke.auto()
    spoke.account.fail_next("AssociateVPCWithHostedZone", "ServiceUnavailable", after_effect=True)
    assert kinds(spoke.look()) == [("associate_central", "done")]
    assert [one.is_made for one in spoke.state().associated.values()] == [True]
    assert spoke.look()["services"][0]["state"] == "served centrally"


def test_a_call_whose_answer_was_lost_and_that_nothing_shows_is_made_again(spoke: Spoke) -> None:
    spoke.auto()
    spoke.account.fail_next("AssociateVPCWithHostedZone", "ServiceUnavailable")
    assert kinds(spoke.look()) == [("associate_central", "planned")]
    assert (spoke.zones(), [one.is_made for one in spoke.state().associated.values()]) == ([], [False])
    assert kinds(spoke.look()) == [("associate_central", "done")]


def test_a_release_gives_up_the_association(spoke: Spoke) -> None:
    spoke.auto()
    spoke.look()
    released = spoke.look(release=True)
    assert kinds(released) == [("disassociate_central", "done")]
    assert (spoke.zones(), dict(spoke.state().associated)) == ([], {})


# ---- harm


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, CENTRAL_ENDPOINTS="yes") as world:
        days = Days(world, monkeypatch)
        days.account.attach(world.ec2)
        for service in ("route53", "route53profiles"):
            days.account.attach(client(service))
        yield days


def shared(days: Days, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Hub]:
    """A VPC that Lifeline associated with the hub's zone."""
    hub = Hub(days.world)
    days.clock.advance(MINUTES)
    tune(monkeypatch, central=hub.policy(associate="auto"))
    vpc_id = hub.add_spoke(days.world)
    assert kinds(days.look(vpc_id)) == [("associate_central", "done")]
    days.mails()
    days.empty_queue()
    remember.cache_clear()
    return vpc_id, hub


def test_agents_that_fall_silent_right_after_it_end_the_association_and_freeze_the_service(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).canaries == {
        "monitoring": Canary("", days.clock(), central_ids=(hub.zone_id,))
    }
    days.clock.advance(MINUTES)
    incident = days.record_silence(vpc_id, subject=hub.zone_id)
    assert days.ask_for_repair(vpc_id, incident_id=incident.id) == {"batchItemFailures": []}

    state = VpcStore("ledger").load(HOME.vpc(vpc_id))
    assert days.account.dns.zones_of(vpc_id) == []
    assert (dict(state.associated), state.canaries["monitoring"].withdrawn_at) == ({}, days.clock())
    assert state.frozen["monitoring"].why == (
        f"agents fell silent right after the VPC was associated with {hub.zone_id} ({incident.id})"
    )
    (notice,) = days.texts()
    assert f"disassociated the hub's zone {hub.zone_id} from the VPC" in notice
    assert "agents fell silent within 10 minutes after the VPC was associated with" in notice

    remember.cache_clear()
    later = days.look(vpc_id)
    assert kinds(later) == [("associate_central", "blocked")]
    assert "frozen since" in later["actions"][0]["error"]
    assert days.account.dns.zones_of(vpc_id) == []


def test_a_silence_that_begins_later_is_not_the_associations(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    days.clock.advance(HOUR)
    store, ref = VpcStore("ledger"), HOME.vpc(vpc_id)
    state = store.load(ref)
    early = replace(state.canaries["monitoring"], at=days.clock() - HOUR)
    store.save(ref, state, replace(state, canaries={"monitoring": early}), now=days.clock())
    incident = days.record_silence(vpc_id, subject="another zone")
    days.ask_for_repair(vpc_id, incident_id=incident.id)
    assert days.account.dns.zones_of(vpc_id) == [hub.zone_id]


def test_an_association_that_somebody_ends_is_asked_about_each_day_and_not_made_again_by_itself(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    days.sweeps(1)
    days.mails()
    vpc: Any = {"VPCRegion": "us-east-1", "VPCId": vpc_id}
    boto3.client("route53").disassociate_vpc_from_hosted_zone(HostedZoneId=hub.zone_id, VPC=vpc)
    for _ in range(2):
        remember.cache_clear()
        days.sweeps(1)
        (asked,) = days.texts()
        assert f"Lifeline associated {hub.zone_id} at" in asked
        assert "and somebody ended that" in asked
        days.sweeps(23)
    assert (days.account.dns.zones_of(vpc_id), days.live(vpc_id)) == ([], [])
    assert kinds(approve_next(days, vpc_id)) == [("associate_central", "done")]
    assert days.account.dns.zones_of(vpc_id) == [hub.zone_id]


def test_an_association_that_somebody_ends_and_makes_again_by_turns_is_asked_about_each_time(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is as if it had never been ended: whether the next end is somebody's who had a reason isn't known."""
    vpc_id, hub = shared(days, monkeypatch)
    vpc: Any = {"VPCRegion": "us-east-1", "VPCId": vpc_id}
    route53 = boto3.client("route53")
    days.texts()
    for _ in range(4):
        for call, notices in (
            (route53.disassociate_vpc_from_hosted_zone, 1),
            (route53.associate_vpc_with_hosted_zone, 0),
        ):
            call(HostedZoneId=hub.zone_id, VPC=vpc)
            remember.cache_clear()
            days.sweeps(1)
            assert len(days.texts()) == notices


# ---- Profiles


def test_a_profile_is_associated_once_for_all_its_services_and_ends_with_harm(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(days.world)
    days.clock.advance(MINUTES)
    profiles = days.account.dns
    profiles.add_profile("rp-1", owner=ACCOUNT, resources=[f"arn:aws:route53:::hostedzone/{hub.zone_id}"])
    tune(monkeypatch, central=hub.policy(zones=None, profile="rp-1", associate="auto"))
    vpc_id = hub.add_spoke(days.world)
    assert kinds(days.look(vpc_id)) == [("associate_central", "done")]
    assert profiles.profiles["rp-1"].vpc_ids == [vpc_id]
    remember.cache_clear()
    assert days.look(vpc_id)["services"][0]["state"] == "served centrally"
    days.clock.advance(MINUTES)
    incident = days.record_silence(vpc_id, subject="rp-1")
    days.ask_for_repair(vpc_id, incident_id=incident.id)
    assert profiles.profiles["rp-1"].vpc_ids == []


def of_two(days: Days, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Hub]:
    """A spoke of a hub whose Profile carries monitoring and logs, and that needs monitoring alone."""
    hub = Hub(days.world)
    arns = [f"arn:aws:route53:::hostedzone/{zone_id}" for zone_id in (hub.zone_id, hub.add_service("logs"))]
    days.clock.advance(MINUTES)
    days.account.dns.add_profile("rp-1", owner=ACCOUNT, resources=arns)
    services = ["logs", "monitoring"]
    tune(monkeypatch, central=hub.policy(zones=None, profile="rp-1", associate="auto", services=services))
    return hub.add_spoke(days.world), hub


def test_a_profile_that_did_harm_is_not_associated_again_for_a_service_that_is_required_later(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of its other service was watched, and it takes the frozen name all the same."""
    vpc_id, _ = of_two(days, monkeypatch)
    assert kinds(days.look(vpc_id)) == [("associate_central", "done")]
    days.clock.advance(MINUTES)
    remember.cache_clear()
    incident = days.record_silence(vpc_id, subject="rp-1")
    days.ask_for_repair(vpc_id, incident_id=incident.id)
    days.clock.advance(HOUR)
    remember.cache_clear()
    monkeypatch.setenv("REQUIRED_SERVICES", "monitoring,logs")
    shown, made = days.look(vpc_id, mode="plan"), days.look(vpc_id)
    for looked, status in ((shown, "planned"), (made, "done")):
        assert kinds(looked)[1:] == [("create_interface_endpoint", status), ("associate_central", "blocked")]
    assert days.account.dns.profiles["rp-1"].vpc_ids == []


@pytest.mark.parametrize("code", ["InternalServiceErrorException", "ConflictException"])
def test_the_lost_answer_of_a_call_for_a_profile_is_found_out(
    days: Days, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """A call that came twice conflicts with itself."""
    hub = Hub(days.world)
    days.clock.advance(MINUTES)
    zone = f"arn:aws:route53:::hostedzone/{hub.zone_id}"
    days.account.dns.add_profile("rp-1", owner=ACCOUNT, resources=[zone])
    tune(monkeypatch, central=hub.policy(zones=None, profile="rp-1", associate="auto"))
    vpc_id = hub.add_spoke(days.world)
    days.account.fail_next("AssociateProfile", code, after_effect=True)
    assert kinds(days.look(vpc_id)) == [("associate_central", "done")]
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).associated["rp-1"].is_made
    remember.cache_clear()
    days.account.fail_next("DisassociateProfile", code, after_effect=True)
    (released,) = days.call({"vpc_ids": [vpc_id], "release": True})["vpcs"]
    assert kinds(released) == [("disassociate_central", "done")]
    assert days.account.dns.profiles["rp-1"].vpc_ids == []


def test_a_profile_that_another_request_is_about_is_associated_by_a_later_run(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, _ = of_two(days, monkeypatch)
    days.account.fail_next("AssociateProfile", "ConflictException")
    assert kinds(days.look(vpc_id)) == [("associate_central", "planned")]
    assert kinds(days.look(vpc_id)) == [("associate_central", "done")]


def test_the_approval_of_a_profile_says_what_it_costs_at_most(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(days.world)
    days.clock.advance(MINUTES)
    zone = f"arn:aws:route53:::hostedzone/{hub.zone_id}"
    days.account.dns.add_profile("rp-1", owner=ACCOUNT, resources=[zone])
    tune(monkeypatch, central=hub.policy(zones=None, profile="rp-1"))
    vpc_id = hub.add_spoke(days.world)
    assert days.look(vpc_id)["approval"]["monthly_cost_usd"] == 1.02
    assert "(up to 1.02 USD more per month, before data charges)" in " ".join(days.texts()[-1].split())


def test_a_profile_with_a_firewall_is_asked_about_even_with_auto(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(days.world)
    days.clock.advance(MINUTES)
    firewall = "arn:aws:route53resolver:us-east-1:123456789012:firewall-rule-group/rslvr-frg-1"
    zone = f"arn:aws:route53:::hostedzone/{hub.zone_id}"
    days.account.dns.add_profile("rp-1", owner=ACCOUNT, resources=[zone, firewall])
    tune(monkeypatch, central=hub.policy(zones=None, profile="rp-1", associate="auto"))
    found = days.look(hub.add_spoke(days.world))
    assert kinds(found) == [("associate_central", "blocked")]
    assert "it also brings firewall-rule-group rslvr-frg-1" in found["actions"][0]["error"]


# ---- the path to the hub is cut, and comes back


def hub_calls(days: Days) -> list[str]:
    """What was done to names, in its order: calls to zones, and private DNS that was turned on or off."""
    found = []
    for call in days.account.calls:
        if call.accepted and call.operation == "ModifyVpcEndpoint":
            found.append(f"private DNS {call.params['PrivateDnsEnabled']}")
        elif call.accepted and "HostedZone" in call.operation:
            found.append(call.operation)
    return found


def cut(days: Days, vpc_id: str) -> None:
    table_id = days.world.main_table(vpc_id)
    days.world.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock=HUB_BLOCK)
    days.account.forget_calls()
    remember.cache_clear()


def approve_next(days: Days, vpc_id: str) -> dict[str, Any]:
    offered = days.look(vpc_id)
    remember.cache_clear()
    (found,) = days.call({"approve": offered["approval"]["plan_id"]})["vpcs"]
    remember.cache_clear()
    return dict(found)


def follow(days: Days) -> None:
    """The endpoint has come up, and the work that waits for it is delivered."""
    days.clock.advance(MINUTES)
    found = days.world.requeue(follow=True)
    days.empty_queue()
    days.deliver(*found)
    days.clock.advance(MINUTES)  # AWS takes a minute to turn private DNS on
    remember.cache_clear()


def swap(days: Days, vpc_id: str) -> None:
    """The path is cut, and an endpoint stands in."""
    cut(days, vpc_id)
    approve_next(days, vpc_id)
    follow(days)


def stood_in(days: Days, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Hub]:
    """A VPC whose path to the hub was cut, and where an endpoint stands in for it."""
    vpc_id, hub = shared(days, monkeypatch)
    swap(days, vpc_id)
    assert hub_calls(days) == ["DisassociateVPCFromHostedZone", "private DNS True"]
    return vpc_id, hub


def test_where_the_path_is_cut_the_swap_is_offered_at_once_with_its_price(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    cut(days, vpc_id)
    answer = days.look(vpc_id)
    assert kinds(answer) == [
        ("create_security_group", "blocked"),
        ("create_interface_endpoint", "blocked"),
        ("swap_to_local", "blocked"),
    ]
    assert (answer["approval"]["monthly_cost_usd"], answer["actions"][2]["central_ids"]) == (7.3, [hub.zone_id])
    (notice,) = days.texts()
    assert "no route leads to the central endpoint" in notice
    assert f"needs approval: it takes {hub.zone_id} out of the VPC" in notice
    assert hub_calls(days) == []


def test_one_approval_swaps_and_the_name_is_answered_but_between_two_calls(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    cut(days, vpc_id)
    approved = approve_next(days, vpc_id)
    assert [pair for pair in kinds(approved) if pair[0] != "create_security_group"] == [
        ("create_interface_endpoint", "done"),
        ("swap_to_local", "planned"),
    ]
    assert (days.account.dns.zones_of(vpc_id), hub_calls(days)) == ([hub.zone_id], [])
    follow(days)
    assert hub_calls(days) == ["DisassociateVPCFromHostedZone", "private DNS True"]
    assert days.account.dns.zones_of(vpc_id) == []
    assert days.look(vpc_id)["services"][0]["state"] == "served"
    assert dict(VpcStore("ledger").load(HOME.vpc(vpc_id)).associated) == {}


def test_a_swap_that_fails_halfway_gives_the_name_back(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    cut(days, vpc_id)
    approve_next(days, vpc_id)
    days.account.fail_next("ModifyVpcEndpoint", "InvalidParameter")
    follow(days)
    assert hub_calls(days) == ["DisassociateVPCFromHostedZone", "AssociateVPCWithHostedZone"]
    assert days.account.dns.zones_of(vpc_id) == [hub.zone_id]


def test_a_swap_that_could_not_be_undone_says_so_and_is_tried_again_at_once(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, _ = shared(days, monkeypatch)
    cut(days, vpc_id)
    approve_next(days, vpc_id)
    days.mails()
    days.account.fail_next("ModifyVpcEndpoint", "InvalidParameter")
    days.account.fail_next("AssociateVPCWithHostedZone", "AccessDenied", times=20)
    follow(days)
    assert (hub_calls(days), days.account.dns.zones_of(vpc_id)) == (["DisassociateVPCFromHostedZone"], [])
    notice = " ".join(days.texts()[-1].split())
    assert "Lifeline began a swap and could neither finish nor undo it; 1 change failed." in notice
    assert "nothing answers the name of the monitoring service in the VPC now" in notice
    assert "Lifeline tries again within minutes, and then on every run." in notice
    days.account.faults.clear()
    days.deliver(*days.world.requeue())
    days.clock.advance(MINUTES)
    remember.cache_clear()
    assert hub_calls(days)[1:] == ["private DNS True"]
    assert days.look(vpc_id)["services"][0]["state"] == "served"


def given_back(days: Days, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Hub]:
    """The same once the path is back and the hub has the name again."""
    vpc_id, hub = stood_in(days, monkeypatch)
    hub.lead(days.world, vpc_id)
    remember.cache_clear()
    assert kinds(approve_next(days, vpc_id)) == [("swap_to_central", "done")]
    days.clock.advance(MINUTES)
    days.look(vpc_id)
    return vpc_id, hub


def test_once_the_path_is_back_the_name_goes_back_after_approval_and_the_endpoint_goes(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, hub = stood_in(days, monkeypatch)
    assert kinds(days.look(vpc_id)) == []
    days.account.forget_calls()
    hub.lead(days.world, vpc_id)
    remember.cache_clear()
    offered = days.look(vpc_id)
    assert kinds(offered) == [("swap_to_central", "blocked")]
    assert "0.00 USD per month instead of 7.30 USD" in offered["actions"][0]["reason"]
    assert kinds(approve_next(days, vpc_id)) == [("swap_to_central", "done")]
    assert hub_calls(days) == ["private DNS False", "AssociateVPCWithHostedZone"]
    days.clock.advance(MINUTES)
    assert kinds(days.look(vpc_id)) == []  # the endpoint stays while the way back is watched
    remember.cache_clear()
    assert days.sweeps(2) == []
    assert len(days.live(vpc_id)) == 1
    remember.cache_clear()
    days.clock.advance(24 * HOUR)
    remember.cache_clear()
    assert kinds(days.look(vpc_id)) == [("retire_endpoint", "done")]
    remember.cache_clear()
    assert days.look(vpc_id)["services"][0]["state"] == "served centrally"
    assert days.live(vpc_id) == []


@pytest.mark.parametrize("is_tagged", [True, False], ids=["tagged", "somebody removed the tag"])
def test_agents_that_fall_silent_after_the_way_back_get_the_endpoint_again(
    days: Days, monkeypatch: pytest.MonkeyPatch, *, is_tagged: bool
) -> None:
    vpc_id, hub = given_back(days, monkeypatch)
    if not is_tagged:
        days.world.ec2.delete_tags(Resources=days.live(vpc_id), Tags=[{"Key": "lifeline:in-place-of"}])
    days.account.forget_calls()
    days.mails()
    remember.cache_clear()
    incident = days.record_silence(vpc_id, subject=hub.zone_id)
    days.ask_for_repair(vpc_id, incident_id=incident.id)
    assert hub_calls(days) == ["DisassociateVPCFromHostedZone", "private DNS True"]
    assert len(days.live(vpc_id)) == 1
    assert days.account.dns.zones_of(vpc_id) == []
    (notice,) = days.texts()
    assert '"unfreeze": ["monitoring"]' in notice
    assert "can't reach" not in notice
    days.clock.advance(MINUTES)
    remember.cache_clear()
    assert days.look(vpc_id)["services"][0]["state"] == "served"


@pytest.mark.parametrize("has_way_out", [False, True], ids=["isolated", "with a way out"])
def test_the_endpoint_whose_tag_was_gone_when_agents_fell_silent_answers_again_unless_others_have_a_way_out(
    days: Days, monkeypatch: pytest.MonkeyPatch, *, has_way_out: bool
) -> None:
    """Where nobody has another way, to end the association meanwhile would only cost more agents theirs."""
    vpc_id, hub = given_back(days, monkeypatch)
    if has_way_out:
        other = days.world.make_subnet(vpc_id, "10.0.77.0/24")
        table_id = days.world.ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        days.world.ec2.associate_route_table(RouteTableId=table_id, SubnetId=other)
        gateway_id = days.world.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        days.world.ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
        way = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway_id}
        days.world.ec2.create_route(RouteTableId=table_id, **way)
    days.world.ec2.delete_tags(Resources=days.live(vpc_id), Tags=[{"Key": "lifeline:managed-by"}])
    days.account.forget_calls()
    remember.cache_clear()
    days.ask_for_repair(vpc_id, incident_id=days.record_silence(vpc_id, subject=hub.zone_id).id)
    assert hub_calls(days) == (["DisassociateVPCFromHostedZone"] if has_way_out else [])
    tag = {"Key": "lifeline:managed-by", "Value": "lifeline"}
    days.world.ec2.create_tags(Resources=days.live(vpc_id), Tags=[tag])
    days.clock.advance(MINUTES)
    remember.cache_clear()
    days.look(vpc_id)
    assert hub_calls(days) == ["DisassociateVPCFromHostedZone", *([] if has_way_out else ["private DNS True"])]


def test_a_way_back_that_aws_refuses_leaves_the_endpoint_answering(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, hub = stood_in(days, monkeypatch)
    hub.lead(days.world, vpc_id)
    remember.cache_clear()
    days.account.forget_calls()
    days.account.fail_next("AssociateVPCWithHostedZone", "LimitsExceeded")

    def let_time_pass(operation: str, _: object) -> None:
        if operation == "DisassociateVPCFromHostedZone":  # before private DNS is turned on again
            days.clock.advance(MINUTES)

    days.account.listeners.append(let_time_pass)
    assert kinds(approve_next(days, vpc_id)) == [("swap_to_central", "failed")]
    assert hub_calls(days) == ["private DNS False", "private DNS True"]


def test_a_tag_may_associate_the_vpc_with_the_hub_which_stays_once_it_is_gone(
    spoke: Spoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(monkeypatch, central=spoke.hub.policy(associate="auto"), rules=[])
    spoke.look()
    assert spoke.zones() == []
    tag = {"Key": "lifeline:require", "Value": "monitoring"}
    spoke.world.ec2.create_tags(Resources=[spoke.vpc_id], Tags=[tag])
    spoke.look()
    assert spoke.zones() == [spoke.hub.zone_id]
    spoke.world.ec2.delete_tags(Resources=[spoke.vpc_id], Tags=[tag])
    for _ in range(3):
        spoke.case.later()
        spoke.look()
    assert spoke.zones() == [spoke.hub.zone_id]


def test_a_tag_that_says_that_an_endpoint_stood_in_deletes_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may tag and modify endpoints, and associate zones, may not delete them by that."""
    monkeypatch.setenv("CENTRAL_ENDPOINTS", "yes")
    world, hub = case.world, Hub(case.world)
    vpc_id = hub.add_spoke(world)
    case.look(vpc_id)
    case.later()
    (endpoint,) = world.endpoints(vpc_id)
    tune(monkeypatch, central=hub.policy())
    case.account.attach(client("route53"))
    world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint["VpcEndpointId"], PrivateDnsEnabled=False)
    vpc: Any = {"VPCId": vpc_id, "VPCRegion": "us-east-1"}
    client("route53").associate_vpc_with_hosted_zone(HostedZoneId=hub.zone_id, VPC=vpc)
    tag = {"Key": "lifeline:in-place-of", "Value": hub.zone_id}
    world.ec2.create_tags(Resources=[endpoint["VpcEndpointId"]], Tags=[tag])
    case.later()
    case.forget_dns()
    found = case.look(vpc_id)
    assert (kinds(found), found["services"][0]["state"]) == ([], "served centrally")
    assert [one["State"] for one in world.endpoints(vpc_id)] == ["available"]


@pytest.mark.parametrize(("value", "offered"), [("Z0OTHER", [("swap_to_central", "blocked")]), (None, [])])
def test_what_an_endpoint_stands_in_for_is_what_the_ledger_says_until_people_remove_its_tag(
    days: Days, monkeypatch: pytest.MonkeyPatch, value: str | None, offered: list[tuple[str, str]]
) -> None:
    vpc_id, hub = stood_in(days, monkeypatch)
    endpoint_ids, key = days.live(vpc_id), "lifeline:in-place-of"
    if value:
        days.world.ec2.create_tags(Resources=endpoint_ids, Tags=[{"Key": key, "Value": value}])
    else:
        days.world.ec2.delete_tags(Resources=endpoint_ids, Tags=[{"Key": key}])
    hub.lead(days.world, vpc_id)
    remember.cache_clear()
    assert kinds(days.look(vpc_id)) == offered


# ---- what the hub's side does to a VPC that is associated


@pytest.mark.parametrize("broken", ["endpoint", "group", "gateway", "route back", "attachment"])
def test_a_way_that_is_cut_on_the_hubs_side_is_told_and_the_swap_offered(
    days: Days, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    hub.cut_at(broken)
    days.clock.advance(HOUR)
    remember.cache_clear()
    days.sweeps(1)
    (notice,) = days.texts()
    assert "the way beyond the VPC is cut: " in notice
    assert f"let the endpoint stand in for the hub's zone {hub.zone_id}" in notice
    remember.cache_clear()
    assert days.look(vpc_id)["services"][0]["state"] == "blocked"
    assert days.account.dns.zones_of(vpc_id) == [hub.zone_id]


@pytest.mark.parametrize("broken", ["endpoint", "group", "gateway", "route back", "attachment"])
def test_of_a_vpc_that_a_tag_exempts_it_is_told_as_well_and_once(
    days: Days, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
    days.sweeps(2)
    assert days.texts() == []
    hub.cut_at(broken)
    remember.cache_clear()
    days.sweeps(1)
    (notice,) = [text for text in days.texts() if vpc_id in text]
    assert f"in {vpc_id} have no route out of the VPC, and reach no endpoint for the services in brackets" in notice
    assert f"{vpc_id} is exempt because it has the tag lifeline:exempt" in notice
    remember.cache_clear()
    days.sweeps(3)
    assert not [text for text in days.texts() if vpc_id in text]
    assert days.account.dns.zones_of(vpc_id) == [hub.zone_id]


def test_a_change_of_the_gateways_table_is_answered_at_once(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its record names no VPC, so all of them are looked at."""
    vpc_id, hub = shared(days, monkeypatch)
    hub.cut_at("gateway")
    days.clock.advance(HOUR)
    remember.cache_clear()
    request = {"TransitGatewayRouteTableId": hub.table_id, "DestinationCidrBlock": HUB_BLOCK}
    days.deliver(record_call("DeleteTransitGatewayRoute", request, at=days.clock()))
    (notice,) = days.texts()
    assert "called DeleteTransitGatewayRoute" in notice
    assert f"let the endpoint stand in for the hub's zone {hub.zone_id}" in notice
    assert days.account.dns.zones_of(vpc_id) == [hub.zone_id]


def test_what_cuts_the_way_beyond_the_vpc_is_kept_for_the_detector_until_it_is_whole_again(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    hub.cut_at("group")
    days.clock.advance(HOUR)
    remember.cache_clear()
    days.sweeps(1)
    (cut,) = VpcStore("ledger").load(HOME.vpc(vpc_id)).cuts.values()
    assert cut.words.startswith("the hub endpoint's security group (")
    hub.let_in("10.0.0.0/8")
    remember.cache_clear()
    days.sweeps(1)
    assert dict(VpcStore("ledger").load(HOME.vpc(vpc_id)).cuts) == {}


def test_a_way_that_can_not_be_read_is_not_lost(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    hub.cut_at("gateway")
    days.account.fail_next("SearchTransitGatewayRoutes", "UnauthorizedOperation", times=20)
    answer = days.look(vpc_id)
    assert (kinds(answer), answer["services"][0]["state"]) == ([], "served centrally")


def test_the_way_back_is_offered_once_the_hubs_side_is_whole_again(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, hub = shared(days, monkeypatch)
    hub.cut_at("group")
    days.account.forget_calls()
    approve_next(days, vpc_id)
    follow(days)
    assert kinds(days.look(vpc_id)) == []
    hub.let_in("10.0.0.0/8")
    remember.cache_clear()
    assert kinds(days.look(vpc_id)) == [("swap_to_central", "blocked")]


# ---- a swap from a Profile


def by_profile(days: Days, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Hub]:
    """A VPC with a Profile of somebody else's making, which carries the hub's zone and another."""
    hub = Hub(days.world)
    days.clock.advance(MINUTES)
    other = days.world.hub_zone(hub.vpc_id, "logs.us-east-1.amazonaws.com", "10.9.1.11")
    arns = [f"arn:aws:route53:::hostedzone/{zone_id}" for zone_id in (hub.zone_id, other)]
    days.account.dns.add_profile("rp-1", owner=ACCOUNT, resources=arns)
    tune(monkeypatch, central=hub.policy(zones=None, profile="rp-1"))
    vpc_id = hub.add_spoke(days.world)
    days.account.dns.profiles["rp-1"].vpc_ids.append(vpc_id)
    assert days.look(vpc_id)["services"][0]["state"] == "served centrally"
    days.empty_queue()
    days.mails()
    days.account.forget_calls()
    remember.cache_clear()
    return vpc_id, hub


def test_from_a_profile_an_endpoint_takes_the_one_name_and_gives_it_back(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, hub = by_profile(days, monkeypatch)
    cut(days, vpc_id)
    offered = days.look(vpc_id)
    assert offered["approval"]["monthly_cost_usd"] == 7.3
    assert [kind for kind, _ in kinds(offered)][1:] == ["create_interface_endpoint", "swap_to_local"]
    (notice,) = days.texts()
    assert "an endpoint answers the name in place of rp-1, which stays for all other" in notice
    remember.cache_clear()
    approve_next(days, vpc_id)
    follow(days)
    assert (hub_calls(days), days.account.dns.profiles["rp-1"].vpc_ids) == (["private DNS True"], [vpc_id])
    served = days.look(vpc_id)
    assert (kinds(served), served["services"][0]["state"]) == ([], "served")
    assert dict(VpcStore("ledger").load(HOME.vpc(vpc_id)).associated) == {}

    days.account.forget_calls()
    hub.lead(days.world, vpc_id)
    remember.cache_clear()
    assert kinds(approve_next(days, vpc_id)) == [("swap_to_central", "done")]
    assert (hub_calls(days), days.account.dns.profiles["rp-1"].vpc_ids) == (["private DNS False"], [vpc_id])
    days.clock.advance(MINUTES)
    assert days.look(vpc_id)["services"][0]["state"] == "served centrally"


def test_agents_that_fall_silent_after_the_way_back_to_a_profile_get_the_endpoint_again_and_the_profile_stays(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, hub = by_profile(days, monkeypatch)
    swap(days, vpc_id)
    hub.lead(days.world, vpc_id)
    remember.cache_clear()
    approve_next(days, vpc_id)
    days.clock.advance(MINUTES)
    days.mails()
    days.account.forget_calls()
    remember.cache_clear()
    incident = days.record_silence(vpc_id, subject="rp-1")
    days.ask_for_repair(vpc_id, incident_id=incident.id)
    assert (hub_calls(days), days.account.dns.profiles["rp-1"].vpc_ids) == (["private DNS True"], [vpc_id])
    (notice,) = days.texts()
    assert "let the endpoint answer again in place of the hub's Profile rp-1" in notice
    canary = VpcStore("ledger").load(HOME.vpc(vpc_id)).canaries["monitoring"]
    assert canary.withdrawn_at == days.clock()


def test_a_swap_from_a_profile_that_aws_refuses_changes_nothing(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, _ = by_profile(days, monkeypatch)
    cut(days, vpc_id)
    approve_next(days, vpc_id)
    days.account.fail_next("ModifyVpcEndpoint", "InvalidParameter")
    follow(days)
    assert (hub_calls(days), days.account.dns.profiles["rp-1"].vpc_ids) == ([], [vpc_id])
