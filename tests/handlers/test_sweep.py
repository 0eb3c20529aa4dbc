"""A sweep of a large region: its calls grow with pages, not with VPCs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.endpoints import Endpoints
from lifeline.adapters.aws.event_history import EventHistory
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.network import Network
from lifeline.adapters.aws.queue import Queue
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.approvals import Approvals
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.call_rate import CallRate
from lifeline.adapters.store.dns_attributes import AttributeStore
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.policy import PolicyStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.guards.mode import Mode
from lifeline.core.network.model import RegionRef
from lifeline.core.network.ownership import Owned
from lifeline.core.plan.answer import Outcome
from lifeline.core.requests.calls import read_request
from lifeline.reconciler.loop import reconcile
from lifeline.reconciler.steps.job import Guards, Tools
from lifeline.runtime.invocation import Run
from lifeline.runtime.settings import Settings
from tests.support.counting import counted_calls
from tests.support.days import Days
from tests.support.region import CannedEc2, compliant_region
from tests.support.world import World, emulated_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


CREATED = datetime(2026, 11, 1, tzinfo=UTC)


class EverythingOwned(Ownership):
    """The record of a region in which Lifeline created every endpoint."""

    def read(self, _: RegionRef) -> dict[str, Owned]:
        ids = (f"{number:017x}" for number in range(500))
        return {f"{kind}-{id_}": Owned(f"vpc-{id_}", CREATED) for id_ in ids for kind in ("vpce", "sg")}

    def delete(self, _: RegionRef, resource_ids: Iterable[str]) -> None:
        pass


def tools_on(ec2: CannedEc2) -> tuple[Tools, Settings]:
    settings = Settings.from_environment()
    tools = Tools(
        network=Network(ec2),
        lookup=Lookup(ec2),
        history=EventHistory(),
        central=CentralDns(),
        endpoints=Endpoints(settings.stack_name, lambda *_: None, ec2),
        ownership=EverythingOwned(settings.table_name),
        vpcs=VpcStore(settings.table_name),
        audit=AuditLog(settings.table_name),
        calls=CallRate(settings.table_name),
        queue=Queue(settings.queue_url, settings.dead_letter_queue_url),
        notices=Topic(settings.topic_arn, settings.sender),
        bus=Bus(is_on=False, stack_name="lifeline"),
        policies=PolicyStore(settings.table_name),
        attributes=AttributeStore(settings.table_name),
        guards=Guards(
            KillSwitch("", settings.table_name), LimitUsage(settings.table_name), Approvals(settings.table_name)
        ),
    )
    return tools, settings


def run_at(now: datetime) -> Run:
    return Run("run-1", now=lambda: now, remaining=lambda: timedelta(minutes=4), sleep=lambda _: None)


@pytest.mark.parametrize("hour", [0, 7])
def test_a_sweep_of_500_compliant_vpcs_takes_at_most_25_ec2_calls(world: World, hour: int) -> None:
    ec2 = compliant_region(vpcs=500, subnets_each=10, tables_each=4)
    tools, settings = tools_on(ec2)
    now = datetime(2026, 11, 22, hour, tzinfo=UTC)
    run = run_at(now)

    answers = reconcile([read_request({"sweep": True})], mode=Mode.ENFORCE, tools=tools, settings=settings, run=run)

    assert {answer.outcome for answer in answers} == {Outcome.UNCHANGED}
    assert len(answers) == 500
    assert sum(ec2.calls.values()) <= 25, ec2.calls


def reads_of_a_sweep_that_knows(monkeypatch: pytest.MonkeyPatch, *, blocked: int) -> Counter[str]:
    """The calls of the second sweep of so many VPCs, in which nothing may be made: their DNS is off."""
    with emulated_world(monkeypatch) as world:
        for _ in range(blocked):
            vpc_id = world.make_vpc()
            world.make_subnet(vpc_id)
            world.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": False})
        days = Days(world, monkeypatch)
        days.sweeps(1)
        with counted_calls() as calls:
            actions = days.sweeps(1)
        assert sum("enableDnsSupport" in action.get("error", "") for action in actions) == blocked
        return calls


def test_what_people_know_of_blocked_vpcs_is_read_in_as_many_calls_for_one_as_for_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, many = (reads_of_a_sweep_that_knows(monkeypatch, blocked=number) for number in (1, 8))
    assert many["dynamodb:GetItem"] == one["dynamodb:GetItem"]
    assert many["dynamodb:BatchGetItem"] == one["dynamodb:BatchGetItem"]


def test_every_vpc_has_its_dns_attributes_read_in_turn(world: World) -> None:
    read: set[str] = set()
    for hour in range(6):
        ec2 = compliant_region(vpcs=30, subnets_each=2, tables_each=1)
        tools, settings = tools_on(ec2)
        now = datetime(2026, 11, 22, hour, tzinfo=UTC)
        run = run_at(now)
        reconcile([read_request({"sweep": True})], mode=Mode.ENFORCE, tools=tools, settings=settings, run=run)
        read |= ec2.asked_about
    assert read == {f"vpc-{place:017x}" for place in range(30)}
