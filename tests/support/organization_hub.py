"""A hub's account and the networks of two member accounts, with the roles that let the hub in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.members import AccountStanding
from tests.support.cloudtrail import record_call
from tests.support.days import MINUTES, Days
from tests.support.organization import ORGANIZATION_ID, emulated_organization
from tests.support.policies import Caller
from tests.support.strict_organization import StrictOrganization
from tests.support.world import ACCOUNT, LONG_AGO, REGION, ROLE_ARN, World, emulated_world

A, B, STRANGER = "222222222222", "333333333333", "999999999999"
ROLE = "lifeline-reconcile-us-east-1"
HUBS_ROLE = f"arn:aws:iam::{ACCOUNT}:role/lifeline-ReconcileRole-EXAMPLE"
TRUST = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "sts:AssumeRole",
    "Condition": {
        "ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/lifeline-ReconcileRole*"},
        "StringEquals": {"aws:PrincipalOrgID": ORGANIZATION_ID},
    },
}
ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::*:role/{ROLE}"}
HOUR = timedelta(hours=1)


def role_in(account: str) -> str:
    return f"arn:aws:iam::{account}:role/{ROLE}"


def enforced_in(account: str) -> None:
    """The hub has served the account for long, so that nothing there is in the backlog."""
    state = VpcState(enforced_since=LONG_AGO, swept_at=LONG_AGO)
    VpcStore("ledger").save(RegionRef(account, REGION), VpcState(), state, now=datetime.now(UTC))


@dataclass
class Hub:
    """The hub's account with its days, and the networks of two member accounts."""

    days: Days
    organization: StrictOrganization
    a: World
    b: World

    def members(self) -> Mapping[str, AccountStanding]:
        return {one.account: one.standing for one in MemberStore("ledger").read().active}

    def cut_off(self, account: str, world: World, vpc_id: str) -> dict[str, Any]:
        """The route to the internet is deleted: the event."""
        table_id = world.main_table(vpc_id)
        request = {"RouteTableId": table_id, "DestinationCidrBlock": "0.0.0.0/0"}
        world.ec2.delete_route(**request)
        return record_call("DeleteRoute", request, {"Return": True}, at=self.days.clock(), account=account)

    def swept(self) -> list[str]:
        """The accounts whose sweeps are on the queue."""
        return [body["account"] for body in self.days.world.asked() if body.get("sweep")]

    def sweep(self) -> list[str]:
        """The schedule's sweep, and those of the accounts that it sends, one after the other: their accounts. What is
        kept comes again, as SQS would have it.
        """
        self.days.clock.advance(HOUR)
        remember.cache_clear()  # sessions end within the hour
        self.days.empty_queue()
        self.days.call({"sweep": True})
        sent = [body for body in self.days.world.asked() if body.get("sweep")]
        self.days.empty_queue()
        for body in sent:
            receives = 1
            while self.days.try_to_deliver(body, receives=receives, queue="repair-requests"):
                self.days.clock.advance(MINUTES)
                receives += 1
        return [body["account"] for body in sent]


def network(world: World) -> str:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    world.open_to_internet(vpc_id)
    return vpc_id


def begin(monkeypatch: pytest.MonkeyPatch, accounts: str, **settings: Any) -> Iterator[Hub]:
    values = {"ACCOUNTS": accounts, "SPOKE_ROLE": ROLE, **settings}
    with emulated_world(monkeypatch, **values) as world:
        days = Days(world, monkeypatch)
        hub = Caller(policy=(ASSUME,), context={"aws:PrincipalArn": ROLE_ARN})
        organization = StrictOrganization(world, hub=hub, now=days.clock, throttling=False)
        for account in (A, B):
            organization.add_role(role_in(account), trust=[TRUST])
            enforced_in(account)
        with emulated_organization(monkeypatch, organization):
            yield Hub(days, organization, organization.join(A, name="shop"), organization.join(B))
