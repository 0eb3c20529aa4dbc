"""One account whose service control policy denies, one suspended, one throttled: each is its own trouble, told once,
and the others go on.
"""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from lifeline.adapters.store.members import MemberStore
from lifeline.core.organization.members import AccountStanding
from tests.support.organization_hub import HOUR, TRUST, A, B, Hub, begin, enforced_in, network, role_in
from tests.support.world import World

DENIED, SUSPENDED, THROTTLED = "555555555555", "666666666666", "777777777777"


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    yield from begin(monkeypatch, "organization")


def joined(hub: Hub, account: str) -> World:
    hub.organization.add_role(role_in(account), trust=[TRUST])
    enforced_in(account)
    return hub.organization.join(account)


def kinds(hub: Hub) -> dict[str, Counter[str]]:
    """The notices that are about each account, by kind. They can be taken once."""
    forms = [json.loads(json.loads(one["Body"])["Message"]) for one in hub.days.world.forms()]
    accounts = (DENIED, SUSPENDED, THROTTLED)
    return {account: Counter(one["kind"] for one in forms if account in json.dumps(one)) for account in accounts}


def test_each_accounts_trouble_is_its_own_and_the_others_go_on(whole: Hub) -> None:
    hub = whole
    worlds = {A: hub.a, B: hub.b, **{account: joined(hub, account) for account in (DENIED, SUSPENDED, THROTTLED)}}
    vpcs = {account: network(world) for account, world in worlds.items()}
    hub.sweep()
    hub.organization.deny(DENIED, "ec2:CreateVpcEndpoint")
    hub.organization.members[SUSPENDED].state = "SUSPENDED"
    throttled = hub.organization.place(THROTTLED)
    throttled.fail_next("DescribeVpcs", "RequestLimitExceeded", times=3)
    throttled.fail_next("CreateVpcEndpoint", "RequestLimitExceeded", times=2)
    for account, world in worlds.items():
        hub.cut_off(account, world, vpcs[account])

    swept = [hub.sweep() for _ in range(3)]

    assert swept == [[A, B, DENIED, THROTTLED]] * 3
    endpoints = {account: len(world.endpoints(vpcs[account])) for account, world in worlds.items()}
    assert endpoints == {A: 1, B: 1, DENIED: 0, SUSPENDED: 0, THROTTLED: 1}
    denied = [one for one in hub.organization.place(DENIED).calls if one.operation == "CreateVpcEndpoint"]
    assert len(denied) == 3, "once a sweep"
    told = kinds(hub)
    assert told[DENIED] == {"endpoints": 1}
    assert not told[SUSPENDED]
    assert told[THROTTLED] == {"endpoints": 2}, "that its endpoint is under way, and that it was made"
    assert not hub.days.world.dead_letters()
    standings = {one.account: one.standing for one in MemberStore("ledger").read().by_account.values()}
    assert standings == dict.fromkeys(worlds, AccountStanding.SERVED), "suspended, it stays on record as it was"


def test_events_of_all_of_them_in_one_batch_are_answered_each_by_itself(whole: Hub) -> None:
    hub = whole
    worlds = {A: hub.a, **{account: joined(hub, account) for account in (DENIED, SUSPENDED, THROTTLED)}}
    vpcs = {account: network(world) for account, world in worlds.items()}
    hub.sweep()
    hub.organization.deny(DENIED, "ec2:*")
    hub.organization.members[SUSPENDED].state = "SUSPENDED"
    hub.organization.place(THROTTLED).fail_next("DescribeVpcs", "RequestLimitExceeded", times=1)
    hub.days.clock.advance(HOUR)
    hub.days.call({"sweep": True})
    hub.days.empty_queue()
    events = [hub.cut_off(account, world, vpcs[account]) for account, world in worlds.items()]

    kept = hub.days.try_to_deliver(*events)

    assert kept == ["m-3"], "the throttled account's message comes again, and only that"
    hub.days.deliver(events[3])
    assert {account: len(world.endpoints(vpcs[account])) for account, world in worlds.items()} == {
        A: 1,
        DENIED: 0,
        SUSPENDED: 0,
        THROTTLED: 1,
    }
    assert not hub.days.world.dead_letters(), "the last events of a suspended account are left out"
    assert kinds(hub)[DENIED] == {"account_denied": 1}
