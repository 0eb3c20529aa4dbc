"""A fight on the deployed chain: somebody deletes the endpoint again and again, in an account of its own."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.emulators.account import Account, deployed
from tests.e2e.machine import build_site
from tests.e2e.test_chain import MINUTE_S, available_endpoint, delete_default_route, endpoints_in, wait_until_quiet
from tests.support.cloudtrail import DEPLOYER

pytestmark = pytest.mark.chain

WHO = f"{DEPLOYER.name}/{DEPLOYER.session}"


@pytest.fixture(scope="module")
def quarrel() -> Iterator[Account]:
    with deployed(SettleSeconds="5") as account:
        yield account


def test_three_deletions_freeze_and_whoever_unfreezes_gets_it_back(quarrel: Account) -> None:
    ec2, inbox = quarrel.client("ec2"), quarrel.subscribe("NoticesTopic")
    site = build_site(ec2, cidr="10.140", name="quarrel")
    wait_until_quiet(quarrel)
    delete_default_route(ec2, site)
    deleted: list[str] = []
    for _ in range(3):
        found = quarrel.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint", within_s=2 * MINUTE_S)
        wait_until_quiet(quarrel)
        ec2.delete_vpc_endpoints(VpcEndpointIds=[found["VpcEndpointId"]])
        deleted.append(found["VpcEndpointId"])

    def told() -> list[dict[str, Any]]:
        return [one for one in inbox.notices() if one["MessageAttributes"]["kind"]["Value"] == "frozen"]

    quarrel.wait(told, what="the notice of the freeze", within_s=2 * MINUTE_S)
    wait_until_quiet(quarrel)
    assert endpoints_in(ec2, site.vpc_id) == []
    assert reconcile(quarrel, {"sweep": True})[site.vpc_id]["outcome"] == "blocked"
    wait_until_quiet(quarrel)
    assert endpoints_in(ec2, site.vpc_id) == []
    (notice,) = told()
    assert WHO in notice["Subject"]
    assert notice["Message"].count(f"DeleteVpcEndpoints by {WHO}\n    CloudTrail event ") == 3
    assert all(endpoint_id in notice["Message"] for endpoint_id in deleted)
    assert site.subnet_id in notice["Message"]

    answer = reconcile(quarrel, {"vpc_ids": [site.vpc_id], "unfreeze": ["monitoring"]})
    assert answer[site.vpc_id]["outcome"] == "changed"
    quarrel.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint", within_s=2 * MINUTE_S)
    wait_until_quiet(quarrel)
    assert len(told()) == 1
    assert quarrel.queue_depth("DeadLetterQueue") == 0


def reconcile(account: Account, event: dict[str, Any]) -> dict[str, dict[str, Any]]:
    answer = account.invoke("ReconcileEndpointsFunction", event)
    assert not answer.error, answer.logs
    return {one["vpc_id"]: one for one in answer.payload["vpcs"]}
