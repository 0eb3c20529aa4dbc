"""A hub whose accounts all change at once: each VPC gets its one endpoint, no message is lost, and nobody waits for
another account.
"""

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import Any
from uuid import uuid4

import pytest

from lifeline.adapters.store.call_rate import CallRate
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.table import Table
from lifeline.core.errors import TransientError
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from lifeline.handlers.reconcile_endpoints import handler
from lifeline.reconciler.members import MOST_AT_ONCE
from tests.support.at_once import at_once
from tests.support.cloudtrail import record_call
from tests.support.days import Days
from tests.support.organization import emulated_organization
from tests.support.organization_hub import ASSUME, ROLE, TRUST, enforced_in, network, role_in
from tests.support.policies import Caller
from tests.support.strict_organization import StrictOrganization
from tests.support.world import ACCOUNT, REGION, ROLE_ARN, Context, World, emulated_world

AT_AWSS_PACE = CallRate.reserve_endpoint_call
BATCH, AT_A_TIME = 100, 2  # template.yaml: BatchSize and MaximumConcurrency of Changes
MOST_RECEIVES = 5
WIDE: dict[str, Any] = {"endpoints_per_day": 10_000, "vpcs_per_day": 10_000, "monthly_usd": 1_000_000}
WIDE |= {"all_accounts": dict(WIDE)}


@dataclass
class Organization:
    """A hub's days, and the VPCs of its member accounts, all with a route out."""

    days: Days
    strict: StrictOrganization
    worlds: dict[str, World]
    vpcs: dict[str, list[str]] = field(default_factory=dict)

    def cut_all(self) -> None:
        """Every VPC loses its route out."""
        for account, vpc_ids in self.vpcs.items():
            for vpc_id in vpc_ids:
                self.worlds[account].ec2.delete_route(**self.route(account, vpc_id))

    def route(self, account: str, vpc_id: str) -> dict[str, str]:
        return {"RouteTableId": self.worlds[account].main_table(vpc_id), "DestinationCidrBlock": "0.0.0.0/0"}

    def event(self, account: str, vpc_id: str) -> dict[str, Any]:
        route = self.route(account, vpc_id)
        return record_call("DeleteRoute", route, {"Return": True}, at=self.days.clock(), account=account)

    def endpoints(self, account: str) -> Counter[str]:
        found = self.worlds[account].ec2.describe_vpc_endpoints()["VpcEndpoints"]
        return Counter(one["VpcId"] for one in found if one["State"] not in {"deleting", "deleted"})

    def use_up(self, account: str) -> None:
        """All the account's endpoint calls of the next seconds are taken."""
        calls = CallRate(MemberLedger("ledger", RegionRef(account, REGION)))
        while not calls.reserve_endpoint_call(now=self.days.clock(), patience=timedelta(minutes=1)):
            pass


@contextmanager
def organization(monkeypatch: pytest.MonkeyPatch, *, accounts: int, vpcs: int) -> Iterator[Organization]:
    ids = [f"{number:012d}" for number in range(200_000_000_001, 200_000_000_001 + accounts)]
    with emulated_world(monkeypatch, ACCOUNTS=",".join(ids), SPOKE_ROLE=ROLE, **WIDE) as world:
        days = Days(world, monkeypatch)
        monkeypatch.setattr(CallRate, "reserve_endpoint_call", AT_AWSS_PACE)
        hub = Caller(policy=(ASSUME,), context={"aws:PrincipalArn": ROLE_ARN})
        strict = StrictOrganization(world, hub=hub, now=days.clock, throttling=False)
        for account in ids:
            strict.add_role(role_in(account), trust=[TRUST])
            enforced_in(account)
        with emulated_organization(monkeypatch, strict):
            made = Organization(days, strict, {account: strict.join(account) for account in ids})
            made.vpcs = {account: [network(made.worlds[account]) for _ in range(vpcs)] for account in ids}
            yield made


class Changes:
    """The queue: batches of many messages, of which two are served at a time, until all are done or put aside."""

    def __init__(self, days: Days) -> None:
        self._days = days
        self._waiting: list[dict[str, Any]] = []
        self.receives: Counter[str] = Counter()
        self._lock = Lock()

    def send(self, *bodies: object) -> None:
        self._waiting += [self._record(body) for body in bodies]

    def serve(self) -> int:
        """Delivers what waits, and what is put back, in rounds until nothing is left; how many rounds that took."""
        for rounds in range(100):
            self._take_in()
            if not self._waiting:
                return rounds
            batches = [self._waiting[start : start + BATCH] for start in range(0, len(self._waiting), BATCH)]
            self._waiting = []
            for start in range(0, len(batches), AT_A_TIME):
                at_once(*(self._delivery(batch) for batch in batches[start : start + AT_A_TIME]))
            self._days.clock.advance(timedelta(minutes=15))  # the longest that a message is put back for
        raise AssertionError("there is no end to it")

    def _take_in(self) -> None:
        """What the function put back for itself."""
        self.send(*self._days.world.requeue(), *self._days.world.requeue(follow=True))
        self._days.empty_queue()

    def _delivery(self, batch: list[dict[str, Any]]) -> Callable[[], None]:
        def deliver() -> None:
            for record in batch:
                self.receives[record["messageId"]] += 1
                record["attributes"]["ApproximateReceiveCount"] = str(self.receives[record["messageId"]])
            kept = {one["itemIdentifier"] for one in self._invoke(batch)}
            assert kept <= {record["messageId"] for record in batch}
            with self._lock:
                self._waiting += [record for record in batch if record["messageId"] in kept]

        return deliver

    @staticmethod
    def _invoke(batch: list[dict[str, Any]]) -> list[dict[str, str]]:
        """Each invocation has an ID of its own, by which it holds its leases."""
        answer = handler({"Records": batch}, Context(aws_request_id=str(uuid4())))
        return list(answer["batchItemFailures"])

    def _record(self, body: object) -> dict[str, Any]:
        sent = str(int(self._days.clock().timestamp() * 1000))
        return {
            "messageId": str(uuid4()),
            "receiptHandle": "h",
            "body": json.dumps(body),
            "attributes": {"SentTimestamp": sent},
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:changes",
        }


def let_time_pass(days: Days) -> Callable[[float], None]:
    """A sleep for runs at the same time: the clock moves on by no more than the longest of their waits."""
    lock = Lock()

    def sleep(seconds: float) -> None:
        until = days.clock() + timedelta(seconds=seconds)
        Event().wait(0.001)
        with lock:
            days.clock.advance(max(timedelta(0), until - days.clock()))

    return sleep


@pytest.mark.parametrize(
    ("accounts", "vpcs", "events"),
    [
        pytest.param(4, 2, 40, id="4 accounts"),
        pytest.param(50, 2, 1000, id="50 accounts", marks=pytest.mark.soak),
    ],
)
def test_many_accounts_events_at_once_make_one_endpoint_a_vpc_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch, accounts: int, vpcs: int, events: int
) -> None:
    with organization(monkeypatch, accounts=accounts, vpcs=vpcs) as org:
        monkeypatch.setattr(time, "sleep", let_time_pass(org.days))
        broken, throttled, *_ = org.vpcs
        org.strict.add_role(role_in(broken), trust=[])
        org.strict.place(throttled).fail_next("CreateVpcEndpoint", "RequestLimitExceeded", times=3)
        everywhere = [(account, vpc_id) for account, vpc_ids in org.vpcs.items() for vpc_id in vpc_ids]
        sent = [org.event(*everywhere[number % len(everywhere)]) for number in range(events)]
        stranger = {**sent[0], "account": "999999999999"}
        org.cut_all()
        random.Random(18).shuffle(sent)  # noqa: S311 - no secret
        changes = Changes(org.days)
        changes.send(*sent, stranger, {"vpc_ids": "all", "account": throttled})

        changes.serve()

        served = {account: vpc_ids for account, vpc_ids in org.vpcs.items() if account != broken}
        for account, vpc_ids in served.items():
            assert org.endpoints(account) == dict.fromkeys(vpc_ids, 1)
            calls = [one for one in org.strict.place(account).calls if one.operation == "CreateVpcEndpoint"]
            assert sum(one.accepted for one in calls) == vpcs
        assert not org.endpoints(broken)
        assert not org.days.world.ec2.describe_vpc_endpoints()["VpcEndpoints"]
        reasons = [one["MessageAttributes"]["field"]["StringValue"] for one in org.days.world.dead_letters()]
        assert sorted(reasons) == ["body.account", "body.vpc_ids"]
        assert max(changes.receives.values()) <= MOST_RECEIVES
        # Once its role is there again, the account's sweep finds what its messages said meanwhile.
        org.strict.add_role(role_in(broken), trust=[TRUST])
        changes.send({"sweep": True, "account": broken})
        changes.serve()
        assert org.endpoints(broken) == dict.fromkeys(org.vpcs[broken], 1)


def test_no_account_waits_for_the_endpoint_calls_of_however_many_others(monkeypatch: pytest.MonkeyPatch) -> None:
    exhausted = MOST_AT_ONCE + 1
    with organization(monkeypatch, accounts=exhausted + 1, vpcs=1) as org:
        slow, others = list(org.vpcs)[:exhausted], list(org.vpcs)[exhausted:]
        for account in slow:
            org.use_up(account)
        org.cut_all()
        waited: defaultdict[str, list[datetime]] = defaultdict(list)

        def sleep(seconds: float) -> None:
            """Until the others are served; only a fault makes it take longer than a moment."""
            waited["for"].append(org.days.clock() + timedelta(seconds=seconds))
            end = time.monotonic() + 10
            while not all(org.endpoints(account) for account in others) and time.monotonic() < end:
                Event().wait(0.02)
            waited["in vain"] += [org.days.clock()] * (not all(org.endpoints(account) for account in others))

        monkeypatch.setattr(time, "sleep", sleep)
        org.days.deliver(*(org.event(account, vpc_id) for account in org.vpcs for vpc_id in org.vpcs[account]))
        assert len(waited["for"]) >= exhausted
        assert not waited["in vain"], "the others waited until those whose calls were used up had theirs"
        for account, vpc_ids in org.vpcs.items():
            assert org.endpoints(account) == dict.fromkeys(vpc_ids, 1)


def test_accounts_first_entered_at_once_are_noted_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    noting, overlapped, change = Lock(), [False], Table.change

    def slowly(table: Table, key: Any, *rest: Any) -> Any:
        if key[0] != "ACCOUNTS":
            return change(table, key, *rest)
        if not noting.acquire(blocking=False):
            overlapped[0] = True
            return change(table, key, *rest)
        try:
            Event().wait(0.02)
            return change(table, key, *rest)
        finally:
            noting.release()

    with organization(monkeypatch, accounts=MOST_AT_ONCE, vpcs=1) as org:
        org.cut_all()
        monkeypatch.setattr(Table, "change", slowly)
        org.days.deliver(*(org.event(account, vpc_id) for account in org.vpcs for vpc_id in org.vpcs[account]))
        assert not overlapped[0]
        assert all(org.endpoints(account) for account in org.vpcs)


def test_an_account_is_served_although_it_cant_be_noted_how_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise TransientError("ledger: write the accounts: too many runs do so at once", code="Contention")

    with organization(monkeypatch, accounts=1, vpcs=1) as org:
        org.cut_all()
        monkeypatch.setattr(MemberStore, "change", busy)
        ((account, (vpc_id,)),) = org.vpcs.items()
        org.days.deliver(org.event(account, vpc_id))
        assert org.endpoints(account) == {vpc_id: 1}
