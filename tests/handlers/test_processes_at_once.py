"""Two processes of the function that serve two accounts at once: between any two of one's calls to what all accounts
share, the other may have done all of its work. The limits hold, and no message is lost.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from threading import Lock
from typing import Any

import pytest

from lifeline.adapters.store import limit_usage, members, table
from lifeline.adapters.store.limit_usage import LimitUsage, UsageOfAll
from lifeline.core.guards.limits import Usage
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from tests.support.organization import alike
from tests.support.organization_hub import HOUR, A, B, Hub, begin, network
from tests.support.world import REGION

SHARED = {("LIMITS", "ALL"), ("ACCOUNTS", "LIST")}


def hub_with(monkeypatch: pytest.MonkeyPatch, most: int) -> Iterator[Hub]:
    limits = {"endpoints_per_day": most}
    yield from begin(monkeypatch, f"{A},{B}", all_accounts=limits, shares={"reserved_percent": 0})


def apart(monkeypatch: pytest.MonkeyPatch, run: Callable[[], object]) -> None:
    """Runs as a process of its own would: it shares neither locks nor what was seen of the ledger."""
    with monkeypatch.context() as patch:
        patch.setattr(table, "SEEN", {})
        for module in (limit_usage, members):
            patch.setattr(module, "_CHANGING", Lock())
        run()


def before_call(monkeypatch: pytest.MonkeyPatch, hub: Hub, number: int, run: Callable[[], object]) -> list[str]:
    """Has something run before the so many-th call to what all accounts share; the calls, as they come."""
    call, made, running = hub.organization.call, list[str](), Lock()

    def between(client: Any, operation: str, params: Any, pass_on: Any) -> Any:
        if keys_in(params) & SHARED and not running.locked():
            made.append(operation)
            if len(made) - 1 == number:
                with running:
                    apart(monkeypatch, run)
        return call(client, operation, params, pass_on)

    monkeypatch.setattr(hub.organization, "call", between)
    return made


def keys_in(params: Any) -> set[tuple[str, str]]:
    key = params.get("Key") or params.get("Item") or {} if isinstance(params, dict) else {}
    return {(key["pk"]["S"], key["sk"]["S"])} if "pk" in key else set()


def counted() -> list[str]:
    return sorted({grant.vpc_id for grant in UsageOfAll("ledger").read().grants if grant.token})


def calls_of_a_run(monkeypatch: pytest.MonkeyPatch) -> int:
    for hub in hub_with(monkeypatch, 2):
        with monkeypatch.context() as patch:
            made = before_call(patch, hub, -1, lambda: None)
            hub.days.deliver(hub.cut_off(A, hub.a, network(hub.a)))
    return len(made)


@pytest.mark.parametrize("most", [1, 2])
def test_whenever_another_process_serves_another_account_the_last_place_is_taken_once(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    number = calls_of_a_run(monkeypatch)
    assert number > 3
    for place in range(number):
        for hub in hub_with(monkeypatch, most):
            vpc_a, vpc_b = alike(network, hub.a, hub.b)
            events = [hub.cut_off(A, hub.a, vpc_a), hub.cut_off(B, hub.b, vpc_b)]
            with monkeypatch.context() as patch:
                before_call(patch, hub, place, partial(hub.days.deliver, events[1]))
                hub.days.deliver(events[0])
            made = [account for account, world in ((A, hub.a), (B, hub.b)) if world.endpoints(vpc_a)]
            assert len(made) == most, place
            assert counted() == [f"{account}/{REGION}/{vpc_a}" for account in made]
            assert set(hub.members()) <= {A, B}
            waiting = [text for text in hub.days.texts() if "all_accounts.endpoints_per_day" in text]
            assert len(waiting) == 2 - most, "the other's plan waits for approval, and people know"
            assert not hub.days.world.dead_letters()


def always_faster(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    """Whenever the use of all accounts is about to be written, another process has just written it."""
    call, vpcs = hub.organization.call, count()

    def between(client: Any, operation: str, params: Any, pass_on: Any) -> Any:
        if operation == "PutItem" and keys_in(params) == {("LIMITS", "ALL")}:
            with monkeypatch.context() as patch:
                patch.setattr(hub.organization, "call", call)
                apart(patch, lambda: UsageOfAll("ledger").change(lambda use: (another(use, next(vpcs)), None)))
        return call(client, operation, params, pass_on)

    monkeypatch.setattr(hub.organization, "call", between)


def another(use: Usage, number: int) -> Usage:
    return Usage(use.grants, {**use.interfaces, f"{B}/{REGION}/vpc-{number}": 1})


def test_a_process_that_always_loses_keeps_its_message_makes_nothing_and_counts_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for hub in hub_with(monkeypatch, 100):
        event = hub.cut_off(A, hub.a, network(hub.a))
        with monkeypatch.context() as patch:
            always_faster(patch, hub)
            assert hub.days.try_to_deliver(event) == ["m-0"]
        assert not hub.a.ec2.describe_vpc_endpoints()["VpcEndpoints"]
        assert LimitUsage(MemberLedger("ledger", RegionRef(A, REGION))).read().grants == ()
        assert counted() == []
        hub.days.clock.advance(HOUR)
        hub.days.deliver(event)
        assert len(hub.a.ec2.describe_vpc_endpoints()["VpcEndpoints"]) == 1
        assert len(counted()) == 1
