"""What a policy denies: named with whose policy it is, in which account; told once; left until the next sweep."""

from collections.abc import Iterator

import pytest

from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.network.model import RegionRef
from tests.support.hub import A, B, Hub, begin, network
from tests.support.organization import alike
from tests.support.world import REGION

CREATE = "ec2:CreateVpcEndpoint"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    yield from begin(monkeypatch, f"{A},{B}")


def calls(hub: Hub, account: str, operation: str = "CreateVpcEndpoint") -> int:
    return sum(one.operation == operation for one in hub.organization.place(account).calls)


def told(hub: Hub, words: str) -> list[str]:
    return [text for text in hub.days.texts() if words in text]


def test_a_denied_change_names_the_policy_the_call_and_the_account_and_is_told_once(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.organization.deny(A, CREATE)
    event = hub.cut_off(A, hub.a, vpc_a)
    for _ in range(3):
        hub.days.deliver(event)
        hub.sweep()
    words = f"a service control policy of the organization denies {CREATE} in account {A}"
    (notice,) = told(hub, words)
    assert "Lifeline will try it again in its next sweep" in notice
    assert not hub.days.world.dead_letters()


def test_however_many_events_come_a_denied_call_is_made_once_between_sweeps(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.sweep()
    hub.organization.deny(A, CREATE)
    event = hub.cut_off(A, hub.a, vpc_a)
    for _ in range(4):
        hub.days.deliver(event)
    assert calls(hub, A) == 1
    hub.sweep()
    assert calls(hub, A) == 2, "the sweep tries again"
    hub.days.deliver(event)
    assert calls(hub, A) == 2
    hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
    assert len(hub.b.endpoints(vpc_b)) == 1, "the very same VPC of another account"
    assert not hub.days.world.dead_letters()


def test_what_is_allowed_again_is_made_by_the_next_sweep(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.organization.deny(A, CREATE)
    event = hub.cut_off(A, hub.a, vpc_a)
    hub.days.deliver(event)
    hub.organization.deny(A)
    hub.days.deliver(event)
    assert not hub.a.endpoints(vpc_a)
    hub.sweep()
    assert len(hub.a.endpoints(vpc_a)) == 1
    assert not VpcStore("ledger").load(RegionRef(A, REGION).vpc(vpc_a)).denied


def test_a_person_who_asks_for_the_vpc_is_not_told_to_wait(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.organization.deny(A, CREATE)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    (seen,) = hub.days.call({"vpc_ids": [vpc_a], "mode": "plan", "account": A})["vpcs"]
    assert [one["status"] for one in seen["actions"]] == ["failed"]
    hub.organization.deny(A)
    hub.days.call({"vpc_ids": [vpc_a], "account": A})
    assert len(hub.a.endpoints(vpc_a)) == 1


@pytest.mark.parametrize(
    ("action", "attempts"),
    [
        ("ec2:CreateSecurityGroup", 1),
        ("ec2:AuthorizeSecurityGroupIngress", 2),  # of the new group, and once more of the group that is there then
    ],
)
def test_a_denied_security_group_is_no_more_tried_again_than_an_endpoint(hub: Hub, action: str, attempts: int) -> None:
    vpc_a = network(hub.a)
    hub.organization.deny(A, action)
    event = hub.cut_off(A, hub.a, vpc_a)
    for _ in range(5):
        hub.days.deliver(event)
    assert calls(hub, A, action.partition(":")[2]) == attempts
    assert not hub.days.world.requeue()
    assert not hub.days.world.dead_letters()
    assert len(told(hub, f"denies {action} in account {A}")) == attempts
