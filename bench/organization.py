"""The first sweep of a hub whose accounts all miss endpoints: how many calls, how long each account waits for its turns
at EC2, how evenly the accounts are served, and whether a sweep that is cut short goes on where it was.

PYTHONPATH=functions:. .envs/dev/bin/python -m bench.organization [ACCOUNTS [VPCS [SECONDS]]]

In one process, with moto behind the strict stand-in: no call takes the time that AWS takes, and the clock stands still
but for the waits. So the calls and the waits are Lifeline's own, and the CPU is mostly moto's. Each account's sweep is
a message of its own, and is delivered alone: what accounts of one batch wait for, they wait for side by side. A run has
SECONDS (300, as the function), of which only waits use any; what it leaves comes back as a message.

Half-way, the sweep is cut short: the account that is served then gets a run of CUT seconds, and the container goes with
all that it remembers. At the end, it is checked that each VPC has one endpoint, that no account's endpoint calls came
faster than EC2 takes them, and that the limits count what is there.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import combinations
from statistics import median
from threading import Lock
from typing import Any
from uuid import uuid4

import pytest
from tests.handlers.test_many_accounts import Organization, organization
from tests.support.world import ACCOUNT, REGION, Context

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.store.limit_usage import UsageOfAll
from lifeline.adapters.store.table import SEEN
from lifeline.handlers.reconcile_endpoints import handler


class Measured:
    """The calls of each account, by service."""

    def __init__(self, org: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
        self.org = org
        self.calls: Counter[tuple[str, str]] = Counter()
        self._lock, self._call = Lock(), org.strict.call
        monkeypatch.setattr(org.strict, "call", self._count)

    def _count(self, client: Any, operation: str, params: Any, pass_on: Any) -> Any:
        caller = self.org.strict.caller_of(client)
        with self._lock:
            self.calls[caller.account if caller else ACCOUNT, client.meta.service_model.service_name] += 1
        return self._call(client, operation, params, pass_on)

    def by_service(self) -> dict[str, float]:
        """Calls an account."""
        total: Counter[str] = Counter()
        for (_, service), number in self.calls.items():
            total[service] += number
        return {service: number / len(self.org.vpcs) for service, number in sorted(total.items())}


def record(body: Any, at: datetime) -> dict[str, Any]:
    attributes = {"SentTimestamp": str(int(at.timestamp() * 1000)), "ApproximateReceiveCount": "1"}
    source = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{'repair-requests' if 'sweep' in body else 'changes'}"
    return {
        "messageId": str(uuid4()),
        "receiptHandle": "h",
        "body": json.dumps(body),
        "attributes": attributes,
        "eventSourceARN": source,
    }


class Time:
    """The run's own time: what the accounts of a batch wait for passes for all of them at once."""

    def __init__(self, org: Organization, seconds: int) -> None:
        self._org, self._lock, self.seconds = org, Lock(), seconds
        self.began = org.days.clock()

    def sleep(self, seconds: float) -> None:
        until = self._org.days.clock() + timedelta(seconds=seconds)
        with self._lock:
            self._org.days.clock.advance(max(timedelta(0), until - self._org.days.clock()))

    def context(self) -> Context:
        self.began = self._org.days.clock()
        left: Callable[[Any], int] = lambda _: int(  # noqa: E731 - a method of the context
            1000 * (self.seconds - (self._org.days.clock() - self.began).total_seconds())
        )
        kind = type("Timed", (Context,), {"get_remaining_time_in_millis": left})
        context: Context = kind(aws_request_id=str(uuid4()))
        return context


def serve(org: Organization, clock: Time, bodies: list[Any]) -> list[Any]:
    """Delivers a batch; what comes back of it."""
    records = [record(body, org.days.clock()) for body in bodies]
    answer = handler({"Records": records}, clock.context())
    kept = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
    back = org.days.world.requeue()
    org.days.empty_queue()
    return [*back, *(body for body, one in zip(bodies, records, strict=True) if one["messageId"] in kept)]


def is_all_served(org: Organization) -> bool:
    return all(org.endpoints(account) == dict.fromkeys(vpc_ids, 1) for account, vpc_ids in org.vpcs.items())


CUT = 62
BURST, A_SECOND = 4, 0.3  # of an account's endpoint calls (core/guards/budget.py)


def forget() -> None:
    """Another container goes on."""
    remember.cache_clear()
    SEEN.clear()


def check(org: Organization) -> None:
    """Raises AssertionError where one of the promises isn't kept."""
    assert is_all_served(org)
    for account in org.vpcs:
        calls = org.strict.place(account).calls
        made = [one.at for one in calls if one.operation == "CreateVpcEndpoint"]
        assert len(made) == len(org.vpcs[account]), "no call was made twice"
        for first, last in combinations(range(len(made)), 2):
            seconds = (made[last] - made[first]).total_seconds()
            assert last - first + 1 <= BURST + A_SECOND * seconds + 1e-6, f"{account}: too fast"
    use = UsageOfAll("ledger").read()
    assert sum(use.interfaces.values()) == sum(map(len, org.vpcs.values()))
    assert len({grant.token for grant in use.grants if grant.token}) == sum(map(len, org.vpcs.values()))


def main(accounts: int = 200, vpcs: int = 10, seconds: int = 300) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch, organization(monkeypatch, accounts=accounts, vpcs=vpcs) as org:
        org.cut_all()
        clock = Time(org, seconds)
        monkeypatch.setattr(time, "sleep", clock.sleep)
        measured = Measured(org, monkeypatch)
        forget()
        cpu, wall = time.process_time(), time.perf_counter()
        org.days.call({"sweep": True})
        waiting = [body for body in org.days.world.asked() if body.get("sweep")]
        org.days.empty_queue()
        waits: list[float] = []
        shares: list[float] = []
        cpus: list[float] = []
        runs = 0
        back: list[Any] = []
        half = len(waiting) // 2
        for place, body in enumerate(waiting):
            start, began = org.days.clock(), time.process_time()
            clock.seconds = CUT if place == half else seconds
            back += serve(org, clock, [body])
            share = sum(org.endpoints(body["account"]).values()) / vpcs
            cpus.append(time.process_time() - began)
            if place == half:
                print(f"  cut short in account {place + 1}, with {share:.0%} of its VPCs served", flush=True)
                forget()
            else:
                waits.append((org.days.clock() - start).total_seconds())
                shares.append(share)
        clock.seconds = seconds
        back = back or ([] if is_all_served(org) else list(waiting))
        while back:
            runs += 1
            org.days.clock.advance(timedelta(seconds=20))
            body, *back = back
            back += serve(org, clock, [body])
            if not back:  # what a limit of the run left, the next sweep continues
                org.days.clock.advance(timedelta(hours=1))
                back = [] if is_all_served(org) else list(waiting)
        check(org)
        calls = measured.by_service()
        print(f"{accounts} accounts with {vpcs} VPCs each, all missing an endpoint; runs of {seconds} s")
        print(f"  calls an account: {', '.join(f'{service} {number:.1f}' for service, number in calls.items())}")
        print(f"  {sum(calls.values()) * accounts:.0f} calls in all")
        print(f"  an account waits for its turns at EC2: median {median(waits):.0f} s, longest {max(waits):.0f} s")
        print(f"  VPCs of an account served by its first run: {min(shares):.0%} to {max(shares):.0%}; {runs} runs more")
        spent = (time.process_time() - cpu, time.perf_counter() - wall)
        print(f"  {spent[0] / accounts:.2f} s of CPU an account, {spent[1]:.0f} s in all, mostly moto's")
        tenth = max(1, accounts // 10)
        print(f"  CPU of the last tenth of them: {sum(cpus[-tenth:]) / sum(cpus[:tenth]):.2f} of the first tenth's")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
