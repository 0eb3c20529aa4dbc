"""Limits and the kill switch on the deployed chain, in an account of their own: they would hold back other tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.emulators.account import Account, deployed
from tests.e2e.machine import Site, build_site
from tests.e2e.test_chain import MINUTE_S, delete_default_route, endpoints_in, wait_until_quiet
from tests.support.world import flat

pytestmark = pytest.mark.chain

SWITCH = "/lifeline/stop"


@pytest.fixture(scope="module")
def limited() -> Iterator[Account]:
    """A stack that lets one interface a VPC pass (7.30 USD a month), with a kill switch that is off."""
    with deployed(SettleSeconds="5", MonthlyBudgetUsdPerVpc="10", KillSwitchParameter=SWITCH) as account:
        switch(account, "off")
        yield account


def test_the_budget_blocks_and_one_approval_releases_exactly_that_plan(limited: Account) -> None:
    ec2, inbox = limited.client("ec2"), limited.subscribe("NoticesTopic")
    first, second = (two_zones(ec2, f"10.{110 + place}", f"budget-{place}") for place in range(2))
    wait_until_quiet(limited)
    for site in (first, second):
        delete_default_route(ec2, site)

    def told(site: Site) -> str:
        found = [flat(one["Message"]) for one in inbox.notices() if site.vpc_id in one["Message"]]
        return next((text for text in found if "needs approval" in text), "")

    text = limited.wait(lambda: told(first), what="the notice of what is held back", within_s=2 * MINUTE_S)
    wait_until_quiet(limited)
    assert "MonthlyBudgetUsdPerVpc is 10 USD" in text
    assert (endpoints_in(ec2, first.vpc_id), endpoints_in(ec2, second.vpc_id)) == ([], [])
    plan_id = reconcile(limited, {"vpc_ids": [first.vpc_id]})["vpcs"][0]["approval"]["plan_id"]
    assert f"""--event '{{"approve": "{plan_id}"}}'""" in text

    released = reconcile(limited, {"approve": plan_id})["vpcs"]

    assert [(one["vpc_id"], one["outcome"]) for one in released] == [(first.vpc_id, "changed")]
    (endpoint,) = endpoints_in(ec2, first.vpc_id)
    assert len(endpoint["SubnetIds"]) == 2
    again = reconcile(limited, {"approve": plan_id})
    assert "works once" in again["errors"][0]["message"]
    wait_until_quiet(limited)
    assert endpoints_in(ec2, second.vpc_id) == []


def test_the_kill_switch_stops_a_burst_midway_and_nothing_is_lost(limited: Account) -> None:
    ec2 = limited.client("ec2")
    sites = [build_site(ec2, cidr=f"10.{120 + place}", name=f"stop-{place}") for place in range(8)]
    wait_until_quiet(limited)

    def made() -> int:
        return sum(bool(endpoints_in(ec2, site.vpc_id)) for site in sites)

    try:
        for site in sites:
            delete_default_route(ec2, site)
        limited.wait(lambda: made() >= 2, what="the burst's first endpoints", within_s=2 * MINUTE_S, every_s=0.2)
        switch(limited, "on")
        wait_until_quiet(limited)
        stopped = made()
        assert 2 <= stopped < len(sites)
        held = reconcile(limited, {"sweep": True})["vpcs"]
        assert all("the kill switch is on" in one["note"] for one in held)
        assert made() == stopped
    finally:
        switch(limited, "off")
    reconcile(limited, {"sweep": True})
    limited.wait(lambda: made() == len(sites), what="what was held back", within_s=2 * MINUTE_S)
    assert limited.queue_depth("DeadLetterQueue") == 0


def reconcile(account: Account, event: dict[str, Any]) -> dict[str, Any]:
    answer = account.invoke("ReconcileEndpointsFunction", event)
    assert not answer.error, answer.logs
    return dict(answer.payload)


def switch(account: Account, value: str) -> None:
    account.client("ssm").put_parameter(Name=SWITCH, Value=value, Type="String", Overwrite=True)


def two_zones(ec2: Any, cidr: str, name: str) -> Site:
    """A public site with a second subnet, in another zone, on the same route table."""
    site = build_site(ec2, cidr=cidr, name=name)
    taken = ec2.describe_subnets(SubnetIds=[site.subnet_id])["Subnets"][0]["AvailabilityZone"]
    zones = [one["ZoneName"] for one in ec2.describe_availability_zones()["AvailabilityZones"]]
    other = next(one for one in sorted(zones) if one != taken)
    made = ec2.create_subnet(VpcId=site.vpc_id, CidrBlock=f"{cidr}.99.0/24", AvailabilityZone=other)["Subnet"]
    ec2.associate_route_table(RouteTableId=site.route_table_id, SubnetId=made["SubnetId"])
    return site
