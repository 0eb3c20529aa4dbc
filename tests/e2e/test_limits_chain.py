"""Limits and the kill switch on the deployed chain. They hold back whatever runs in the account meanwhile."""

import re
from typing import Any

import pytest

from tests.e2e.conftest import switch
from tests.e2e.emulators.account import Account
from tests.e2e.machine import Site, build_site
from tests.e2e.steps import (
    dead_letters_about,
    delete_default_route,
    endpoints_in,
    notices_about,
    reconcile,
    text_of,
    wait_until_quiet,
)

pytestmark = pytest.mark.chain


def test_the_budget_blocks_and_one_approval_releases_exactly_that_plan(limited: Account) -> None:
    ec2, inbox = limited.client("ec2"), limited.subscribe("NoticesTopic")
    first, second = (two_zones(ec2, f"10.{110 + place}", f"budget-{place}") for place in range(2))
    wait_until_quiet(limited)
    for site in (first, second):
        delete_default_route(ec2, site)

    def told(site: Site) -> str:
        found = [text_of(notice) for notice in notices_about(inbox, site.vpc_id)]
        return next((text for text in found if "needs approval" in text), "")

    text = limited.wait(lambda: told(first), what="the notice of what is held back")
    wait_until_quiet(limited)
    assert re.search(r"would exceed monthly_usd_per_vpc \(\d+\.\d\d of 10\.00 USD in use", text)
    assert (endpoints_in(ec2, first.vpc_id), endpoints_in(ec2, second.vpc_id)) == ([], [])
    plan_id = reconcile(limited, {"vpc_ids": [first.vpc_id]})["vpcs"][0]["approval"]["plan_id"]
    assert f"""--event '{{"approve": "{plan_id}"}}'""" in text

    released = reconcile(limited, {"approve": plan_id})["vpcs"]

    assert [(vpc["vpc_id"], vpc["outcome"]) for vpc in released] == [(first.vpc_id, "changed")]
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
        with limited.holding("CreateVpcEndpoint", after=2):
            for site in sites:
                delete_default_route(ec2, site)
            limited.wait(lambda: limited.trail().held, what="the burst's third endpoint", every_s=0.1)
            switch(limited, "on")
        wait_until_quiet(limited)
        stopped = made()
        assert 2 <= stopped < len(sites)
        held = {vpc["vpc_id"]: vpc for vpc in reconcile(limited, {"sweep": True})["vpcs"]}
        waiting = [site.vpc_id for site in sites if not endpoints_in(ec2, site.vpc_id)]
        assert all("the kill switch is on" in held[vpc_id]["note"] for vpc_id in waiting)
        assert made() == stopped
    finally:
        switch(limited, "off")
    reconcile(limited, {"sweep": True})
    limited.wait(lambda: made() == len(sites), what="what was held back")
    wait_until_quiet(limited)
    assert dead_letters_about(limited, *(id_ for site in sites for id_ in (site.vpc_id, site.route_table_id))) == []


def two_zones(ec2: Any, cidr: str, name: str) -> Site:
    """A public site with a second subnet, in another zone, on the same route table."""
    site = build_site(ec2, cidr=cidr, name=name)
    taken = ec2.describe_subnets(SubnetIds=[site.subnet_id])["Subnets"][0]["AvailabilityZone"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
    other = next(zone for zone in sorted(zones) if zone != taken)
    made = ec2.create_subnet(VpcId=site.vpc_id, CidrBlock=f"{cidr}.99.0/24", AvailabilityZone=other)["Subnet"]
    ec2.associate_route_table(RouteTableId=site.route_table_id, SubnetId=made["SubnetId"])
    return site
