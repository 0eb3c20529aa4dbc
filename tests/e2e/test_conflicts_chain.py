"""A fight on the deployed chain: somebody deletes the endpoint again and again."""

import re
from typing import Any

import pytest

from tests.e2e.emulators.account import Account
from tests.e2e.machine import build_site
from tests.e2e.steps import (
    available_endpoint,
    dead_letters_about,
    delete_default_route,
    endpoints_in,
    looks,
    notices_about,
    text_of,
    wait_until_quiet,
)
from tests.support.cloudtrail import DEPLOYER

pytestmark = pytest.mark.chain

WHO = f"{DEPLOYER.name}/{DEPLOYER.session}"


def test_three_deletions_freeze_and_whoever_unfreezes_gets_it_back(watched: Account) -> None:
    ec2, inbox = watched.client("ec2"), watched.subscribe("NoticesTopic")
    site = build_site(ec2, cidr="10.140", name="quarrel")
    wait_until_quiet(watched)
    delete_default_route(ec2, site)
    deleted: list[str] = []
    for _ in range(3):
        found = watched.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint")
        wait_until_quiet(watched)
        ec2.delete_vpc_endpoints(VpcEndpointIds=[found["VpcEndpointId"]])
        deleted.append(found["VpcEndpointId"])

    def told() -> list[dict[str, Any]]:
        return notices_about(inbox, site.vpc_id, kind="frozen")

    watched.wait(told, what="the notice of the freeze")
    wait_until_quiet(watched)
    assert endpoints_in(ec2, site.vpc_id) == []
    assert looks(watched, {"sweep": True})[site.vpc_id]["outcome"] == "blocked"
    wait_until_quiet(watched)
    assert endpoints_in(ec2, site.vpc_id) == []
    (notice,) = told()
    assert DEPLOYER.name in notice["Subject"]
    text = text_of(notice)
    assert text.count(f"(DeleteVpcEndpoints by {WHO})") == 3
    listed = re.search(r"CloudTrail events: ((?:[0-9a-f-]{36}(?:, )?){3})", text)
    assert listed
    assert len({*listed[1].strip().split(", ")}) == 3
    assert all(endpoint_id in notice["Message"] for endpoint_id in deleted)
    assert site.subnet_id in notice["Message"]

    answer = looks(watched, {"vpc_ids": [site.vpc_id], "unfreeze": ["monitoring"]})
    assert answer[site.vpc_id]["outcome"] == "changed"
    watched.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint")
    wait_until_quiet(watched)
    assert len(told()) == 1
    assert dead_letters_about(watched, site.vpc_id, site.route_table_id, *deleted) == []
