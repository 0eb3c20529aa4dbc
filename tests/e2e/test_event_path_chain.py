"""The event path's proof on the deployed chain: the role's dry run comes back by CloudTrail, the rule and the queue."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

import pytest

from lifeline.adapters.store.event_path import EventPathStore
from lifeline.core.event_path.denial import DeniedBy
from lifeline.core.event_path.dry_run import DryRunVerdict
from lifeline.core.event_path.proof import AFTER_DENIAL, ALARM_SECONDS, PATIENCE, EventPath
from tests.e2e.emulators.account import STACK, Account
from tests.e2e.machine import build_site
from tests.e2e.steps import (
    available_endpoint,
    delete_default_route,
    kind_of,
    reconcile,
    text_of,
    wait_until_quiet,
)

pytestmark = pytest.mark.chain


def store(account: Account) -> EventPathStore:
    return EventPathStore(account.outputs["LedgerTable"], account.client("dynamodb"))


def age(account: Account, by: timedelta = PATIENCE) -> None:
    """As if so much time had passed since the dry runs."""

    def aged(before: EventPath) -> tuple[EventPath, None]:
        probes = tuple(replace(probe, asked_at=probe.asked_at - by) for probe in before.probes)
        asked_at = before.asked_at and before.asked_at - by
        since = before.unheard_since and before.unheard_since - by
        return replace(before, probes=probes, asked_at=asked_at, unheard_since=since), None

    store(account).change(aged)


def sweep(account: Account) -> EventPath:
    """What is known once a sweep has made its dry run, and whatever is to be heard of it was."""
    age(account, AFTER_DENIAL if store(account).read().denial else PATIENCE)
    before = store(account).read().asked_at
    reconcile(account, {"sweep": True})
    assert store(account).read().asked_at != before
    wait_until_quiet(account)
    return store(account).read()


def endpoints(account: Account) -> set[str]:
    found = account.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    return {one["VpcEndpointId"] for one in found}


def figures(account: Account) -> list[float]:
    """The metric's highest value of each minute."""
    now = datetime.now(UTC)
    found = account.client("cloudwatch").get_metric_statistics(
        Namespace="Lifeline",
        MetricName="EventPathSeconds",
        Dimensions=[{"Name": "service", "Value": STACK}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=1,
        Statistics=["Maximum"],
    )
    return [one["Maximum"] for one in sorted(found["Datapoints"], key=itemgetter("Timestamp"))]


@contextmanager
def disabled(account: Account, name: str) -> Iterator[None]:
    events: Any = account.client("events")
    (rule,) = [one["Name"] for one in events.list_rules()["Rules"] if name in one["Name"]]
    events.disable_rule(Name=rule)
    try:
        yield
    finally:
        events.enable_rule(Name=rule)


@pytest.fixture(scope="module", autouse=True)
def _endpoint(limited: Account) -> None:
    """One of Lifeline's: before there is any, it has no security group, and its dry run is of that."""
    ec2: Any = limited.client("ec2")
    site = build_site(ec2, cidr="10.140", name="proof")
    wait_until_quiet(limited)
    delete_default_route(ec2, site)
    limited.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint")
    wait_until_quiet(limited)


def test_the_dry_run_is_heard_and_no_endpoint_is_made(limited: Account) -> None:
    before = endpoints(limited)
    known = sweep(limited)
    assert known.verdict is DryRunVerdict.ALLOWED
    assert known.probes[0].heard_at is not None
    assert known.seconds is not None
    assert known.seconds < 60
    assert figures(limited)[-1] == pytest.approx(known.seconds, abs=0.01)
    assert endpoints(limited) == before


def test_two_that_a_disabled_rule_keeps_away_ring_the_alarm_and_the_next_one_is_heard(limited: Account) -> None:
    inbox = limited.subscribe("NoticesTopic")
    sweep(limited)
    with disabled(limited, "AttemptRule"):
        first = sweep(limited)
        assert first.probes[0].heard_at is None
        second = sweep(limited)
        assert [probe.heard_at for probe in second.probes[:2]] == [None, None]
        assert not [one for one in figures(limited) if one >= ALARM_SECONDS]
        sweep(limited)
    assert figures(limited)[-1] >= ALARM_SECONDS
    (notice,) = limited.wait(
        lambda: [one for one in inbox.notices() if kind_of(one) == "event_path"],
        what="the notice that nothing is heard",
    )
    assert "trail" in text_of(notice)
    heard = sweep(limited)
    assert heard.probes[0].heard_at is not None
    assert figures(limited)[-1] < ALARM_SECONDS


def test_a_role_that_is_denied_is_told_apart_and_its_dry_run_is_heard_as_well(limited: Account) -> None:
    inbox, before = limited.subscribe("NoticesTopic"), endpoints(limited)
    with limited.denying("CreateVpcEndpoint", "with an explicit deny in a service control policy"):
        known = sweep(limited)
    assert known.verdict is DryRunVerdict.DENIED
    assert known.denial is not None
    assert known.denial.by is DeniedBy.SERVICE_CONTROL_POLICY
    assert known.probes[0].heard_at is not None
    (notice,) = limited.wait(
        lambda: [one for one in inbox.notices() if kind_of(one) == "dry_run_denied"], what="the notice of the denial"
    )
    assert "service control policy" in text_of(notice)
    assert sweep(limited).verdict is DryRunVerdict.ALLOWED
    assert endpoints(limited) == before
