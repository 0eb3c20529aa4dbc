"""A hub proves the event path of each of its accounts with that account's own role."""

from collections.abc import Iterator
from html import unescape

import pytest

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.core.event_path.comparison import Comparisons
from lifeline.core.event_path.dry_run import DryRunVerdict
from lifeline.core.event_path.proof import LEFT_OUT, EventPath
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from lifeline.handlers import coverage_page
from tests.handlers.test_organization_page import row_of
from tests.support.cloudtrail import Failure, Identity, record_call
from tests.support.days import MINUTES
from tests.support.metrics import new_datapoints
from tests.support.organization import alike
from tests.support.organization_hub import ROLE, A, B, Hub, begin, network
from tests.support.strict import StrictAccount
from tests.support.tuning import tune
from tests.support.world import REGION, Context


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for hub in begin(monkeypatch, f"{A},{B}", prove_event_path=True, REQUIRED_SERVICES="s3"):
        monkeypatch.setattr(coverage_page, "_now", hub.days.clock)
        alike(network, hub.a, hub.b)
        yield hub


def known(account: str) -> EventPath:
    return EventPathStore(MemberLedger("ledger", RegionRef(account, REGION))).read()


def place(hub: Hub, account: str) -> StrictAccount:
    return hub.organization.place(account, REGION)


def record(hub: Hub, account: str, request_id: str) -> dict[str, object]:
    """CloudTrail's record of the last dry run in the account."""
    call = place(hub, account).dry_runs[-1]
    return record_call(
        "CreateVpcEndpoint",
        call.params,
        failure=Failure("DryRunOperation", "Request would have succeeded, but DryRun flag is set."),
        identity=Identity(ROLE, session="lifeline"),
        at=call.at,
        account=account,
        request_id=request_id,
    )


def test_each_account_has_its_own_dry_run_and_its_own_proof(hub: Hub) -> None:
    hub.sweep()
    assert [len(place(hub, account).dry_runs) for account in (A, B)] == [1, 1]
    assert known(A).verdict is known(B).verdict is DryRunVerdict.ALLOWED
    assert known(A).probes[0].request_id != known(B).probes[0].request_id
    hub.days.clock.advance(MINUTES)
    hub.days.deliver(record(hub, A, known(A).probes[0].request_id))
    assert known(A).proven_at is not None
    assert known(B).proven_at is None


def test_an_account_cannot_prove_the_path_of_another(hub: Hub) -> None:
    hub.sweep()
    hub.days.clock.advance(MINUTES)
    hub.days.deliver(record(hub, A, known(B).probes[0].request_id))
    assert known(A).proven_at is None
    assert known(B).proven_at is None


def test_an_accounts_notice_says_what_to_check_in_its_spoke(hub: Hub) -> None:
    for _ in range(3):
        hub.sweep()
    notices = [text for text in hub.days.texts() if "dry runs of CreateVpcEndpoint" in text]
    assert len(notices) == 2
    assert all("spoke.yaml" in text for text in notices)


def test_the_metric_has_the_worst_account_and_the_page_says_which_it_is(hub: Hub) -> None:
    for _ in range(3):
        hub.sweep()
        hub.days.clock.advance(MINUTES)
        hub.days.deliver(record(hub, B, known(B).probes[0].request_id))
    assert max(new_datapoints("EventPathSeconds")) > 7200
    remember.cache_clear()
    arn = "arn:aws:lambda:us-east-1:123456789012:function:lifeline-CoveragePage"
    page = unescape(str(coverage_page.handler({}, Context(invoked_function_arn=arn))))
    assert "events don't arrive: no dry run heard since" in row_of(page, A)
    assert "events don't arrive" not in row_of(page, B)


def test_an_account_that_the_policy_leaves_out_neither_rings_the_alarm_nor_is_told_of(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sweeps(count: int) -> None:
        for _ in range(count):
            hub.sweep()
            hub.days.clock.advance(MINUTES)
            hub.days.deliver(record(hub, B, known(B).probes[0].request_id))

    sweeps(2)
    tune(monkeypatch, prove_event_path={"except": [A]})
    new_datapoints("EventPathSeconds")
    hub.days.texts()
    sweeps(3)
    assert len(place(hub, A).dry_runs) == 2
    assert (known(A).probes, known(A).why) == ((), LEFT_OUT)
    assert max(new_datapoints("EventPathSeconds")) < 900
    assert EventPathStore(MemberLedger("ledger", RegionRef(A, REGION))).read_comparisons() == Comparisons()
    assert not [text for text in hub.days.texts() if "dry runs of CreateVpcEndpoint" in text]
    remember.cache_clear()
    doctor = hub.days.call({"doctor": True, "account": A})["doctor"]
    found = {one["check"]: one for section in doctor["sections"] for one in section["findings"]}
    assert found["event path"]["verdict"] == "unknown"
    assert "prove_event_path.except" in found["event path"]["why"]
    assert "changes heard" not in found
