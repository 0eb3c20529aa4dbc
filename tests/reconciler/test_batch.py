"""Batches: whatever a message says, it is served, or put aside with its reason, and never takes the others with it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lifeline.adapters.aws.lookup import Found
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.requests.request import Request
from lifeline.reconciler import batch
from lifeline.reconciler.accept import BusyError
from lifeline.reconciler.batch import reconcile_batch, settle_records
from lifeline.reconciler.loop import reconcile
from lifeline.runtime.invocation import Run
from lifeline.runtime.settings import Settings
from tests.reconciler.test_loop import ENVIRONMENT, MISSING
from tests.support.amending import NOW
from tests.support.builders import VPC_ID
from tests.support.fakes import Fakes
from tests.support.repository import ROOT

CHANGES, REPAIRS = (f"arn:aws:sqs:us-east-1:123456789012:{name}" for name in ("changes", "repairs"))
SENT = "1772442000000"
GOOD = {"vpc_ids": [VPC_ID]}
RECORDS = sorted([*(ROOT / "events/cloudtrail").glob("*.json"), *(ROOT / "events/attempts").glob("*.json")])


@dataclass
class Queues(Fakes):
    """The tools of a run, and what is put aside of its messages."""

    letters: list[tuple[str, str, str]] = field(default_factory=list)

    def dead_letter(self, body: str, *, reason: str, field: str = "") -> None:
        self.letters.append((body, reason, field))

    def retry_in(self, *_: object, **__: object) -> None:
        self.note("retry")

    def vpcs_of(self, calls: Iterable[tuple[str, Sequence[str]]]) -> Found:
        return Found({id_: frozenset({VPC_ID}) for _, ids in calls for id_ in ids}, {})

    def requeue_sweep(self, **_: object) -> None:
        self.note("requeue a sweep")


def record(number: int, body: object, arn: str = CHANGES) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": SENT}
    return {
        "messageId": f"m-{number}",
        "receiptHandle": "h",
        "body": body,
        "attributes": attributes,
        "eventSourceARN": arn,
    }


def serve(fakes: Queues, *records: object) -> tuple[list[str], list[str]]:
    """The VPCs that were served, and the messages that are kept."""
    run = Run("run-1", now=lambda: NOW, remaining=lambda: timedelta(minutes=4), sleep=lambda _: None)
    variables = ENVIRONMENT | {"REPAIR_QUEUE_URL": "https://sqs/123456789012/repairs"}
    answers, kept = reconcile_batch(
        records, tools=fakes.tools(), settings=Settings.from_environment(variables), run=run
    )
    return [answer.vpc_id for answer in answers], kept


def is_served_beside(bad: object) -> Queues:
    """The bad message between two good ones: they are served, and it is done, or put aside with its reason."""
    fakes = Queues([MISSING])
    served, kept = serve(fakes, record(0, json.dumps(GOOD)), bad, record(2, json.dumps(GOOD), REPAIRS))
    assert VPC_ID in served
    assert {"apply create_interface_endpoint", "save frozen"} & set(fakes.journal)  # or the bad one tears it down
    assert kept == []
    assert all(reason and reason.isprintable() for _, reason, _ in fakes.letters)
    return fakes


times = st.sampled_from(
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-03-02T09:00:00",
        "2026-03-02T09:00:00Z",
        "noon",
        "",
    ]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | times
    | st.sampled_from([VPC_ID, "subnet-0463a1b2c3d4e5f60", "attempt", "DeleteVpc", "silence", "monitoring"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ("vpc_ids", "sweep", "attempt", "follow", "because", "release", "freeze", "mode", "detail", "detail-type")
calls = st.dictionaries(st.sampled_from(FIELDS), values | st.just([VPC_ID]) | st.just(True), max_size=4)
CAUSE = ("kind", "event_id", "event_name", "actor", "time", "ids")
causes = st.dictionaries(st.sampled_from(CAUSE), values, max_size=6)
requeued = st.builds(lambda because: {"vpc_ids": [VPC_ID], "because": because}, st.lists(causes, max_size=3))


@st.composite
def changed_records(draw: st.DrawFn) -> Any:
    """A real record in which one member, however deep, is something else."""
    event = json.loads(draw(st.sampled_from(RECORDS)).read_text("utf-8"))
    part: Any = event
    while True:
        key = draw(st.sampled_from(sorted(part) if isinstance(part, dict) else list(range(len(part)))))
        if not part[key] or not isinstance(part[key], dict | list) or draw(st.booleans()):
            part[key] = draw(values)
            return event
        part = part[key]


@st.composite
def changed_bytes(draw: st.DrawFn) -> str:
    """A real body with some bytes of it exchanged."""
    body = bytearray(draw(st.sampled_from(RECORDS)).read_bytes())
    for _ in range(draw(st.integers(1, 4))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return body.decode("utf-8", "surrogateescape")


bodies = (values | calls | requeued | changed_records()).map(json.dumps) | changed_bytes() | st.text(max_size=40)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(bodies, st.sampled_from([CHANGES, REPAIRS]))
@example("[" * 100_000, CHANGES)
@example("[" * 90 + "]" * 90, CHANGES)
@example(json.dumps(GOOD)[:-1] + ', "attempt": ' + "1" * 5_000 + "}", CHANGES)
@example(json.dumps(GOOD)[:-1] + ', "attempt": 1' + "0" * 4_000 + "}", CHANGES)
@example(r'{"vpc_ids": ["\ud800"]}', CHANGES)
@example(r'{"\ud800": 1}', CHANGES)
@example('{"vpc_ids": "\ud800"}', CHANGES)
@example('{"vpc_ids": NaN}', CHANGES)
@example('{"vpc_ids": 1e999}', CHANGES)
@example(json.dumps({**GOOD, "mode": []}), CHANGES)
@example(json.dumps({**GOOD, "format": {}}), CHANGES)
@example(json.dumps({**GOOD, "freeze": [[{}]]}), CHANGES)
@example(json.dumps({**GOOD, "follow": []}), CHANGES)
@example(json.dumps({**GOOD, "because": [{"kind": "attempt", "time": "0001-01-01T00:00:00+14:00"}]}), CHANGES)
@example(json.dumps({**GOOD, "because": [{"kind": ["silence"], "time": "9999-12-31T23:59:59-14:00"}]}), REPAIRS)
@example("x" * 600_000, CHANGES)
@example(json.dumps([0] * 200_000), CHANGES)
def test_a_body_of_any_shape_stops_no_other_message(body: str, arn: str) -> None:
    is_served_beside(record(1, body, arn))


@pytest.mark.parametrize("name", ["DeleteVpc", "DeleteSubnet", "CreateVpcEndpoint", "ModifyVpcEndpoint"])
@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-02T09:00:00"])
def test_a_refused_call_of_any_year_stops_no_other_message(name: str, time: str) -> None:
    event = json.loads((ROOT / f"events/attempts/{name}.json").read_text("utf-8"))
    event["detail"] |= {
        "eventTime": time,
        "requestParameters": {"vpcId": "vpc-0fedcba9876543210", "subnetId": "subnet-0463a1b2c3d4e5f60"},
    }
    assert is_served_beside(record(1, json.dumps(event | {"time": time}))).letters == []


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "x",
        {},
        {"messageId": 7, "body": None},
        record(1, {"vpc_ids": [VPC_ID]}),
        record(1, json.dumps(GOOD)) | {"attributes": {"SentTimestamp": "9" * 40, "ApproximateReceiveCount": "x"}},
        record(1, json.dumps(GOOD)) | {"attributes": [], "eventSourceARN": {"a": 1}},
        record(1, "\x00\ud800"),
    ],
)
def test_a_record_of_any_shape_stops_no_other(bad: object) -> None:
    is_served_beside(bad)


def test_what_the_reading_raises_belongs_to_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object, **__: object) -> Request:
        raise MemoryError("nobody thought of that")

    fakes = Queues([MISSING])
    with monkeypatch.context() as patched:
        patched.setattr(batch, "read_repair_request", read)
        served, kept = serve(fakes, record(0, json.dumps(GOOD)), record(1, json.dumps(GOOD), REPAIRS))
    assert (served, kept) == ([VPC_ID], [])
    assert fakes.letters == [(json.dumps(GOOD), "body: can't be read: MemoryError", "body")]


def test_an_error_that_nobody_thought_of_is_traced_to_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_for_one(requests: list[Request], **more: Any) -> Any:
        if any(request.is_follow for request in requests):
            raise OverflowError("date value out of range")
        return reconcile(requests, **more)

    monkeypatch.setattr(batch, "reconcile", fails_for_one)
    fakes = Queues([MISSING])
    bad = record(3, json.dumps({**GOOD, "follow": True}))
    served, kept = serve(fakes, *(record(number, json.dumps(GOOD)) for number in range(3)), bad)
    assert (VPC_ID in served, kept, fakes.letters) == (True, ["m-3"], [])
    bad["attributes"]["ApproximateReceiveCount"] = "5"
    served, kept = serve(fakes, bad)
    assert (served, kept) == ([], [])
    assert fakes.letters == [(bad["body"], "failed unexpectedly: OverflowError: date value out of range", "")]


def test_a_message_whose_look_up_failed_is_kept_although_another_waits_for_a_busy_vpc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails_and_is_busy(requests: list[Request], *, failed: list[Any], **_: Any) -> Any:
        failed.append((requests[0], TransientError("throttled", code="RequestLimitExceeded")))
        failed += [(requests[1], BusyError(VPC_ID))] * 2
        return ()

    monkeypatch.setattr(batch, "reconcile", fails_and_is_busy)
    fakes = Queues([MISSING])
    _, kept = serve(fakes, *(record(number, json.dumps(GOOD)) for number in range(3)))
    assert (kept, fakes.letters) == (["m-0", "m-1"], [])


# ---- who can say what

PLAN_ID = "plan-0123456789abcdef"
POWERS: dict[str, object] = {
    "release": True,
    "freeze": True,
    "unfreeze": ["monitoring"],
    "approve": PLAN_ID,
    "exempt": [VPC_ID],
    "mode": "enforce",
    "format": "text",
    "withdraw": ["monitoring"],
    "history": {},
    "forget": ["i-1"],
    "detect": True,
}


@pytest.mark.parametrize("arn", [CHANGES, REPAIRS])
@pytest.mark.parametrize("power", POWERS)
def test_what_needs_an_invocation_is_refused_from_a_queue_with_its_field_and_the_way(power: str, arn: str) -> None:
    for body in ({power: POWERS[power]}, {**GOOD, power: POWERS[power]}):
        fakes = Queues([MISSING])
        assert serve(fakes, record(0, json.dumps(body), arn)) == ([], [])
        [(letter, reason, name)] = fakes.letters
        assert (json.loads(letter), name) == (body, f"body.{power}")
        assert reason.startswith(f"body.{power}: needs an invocation; a message only says which VPCs to look at")
        assert fakes.journal == []


@pytest.mark.parametrize("more", [{"sweep": True}, {"attempt": 1}, {"follow": True}])
def test_the_detector_asks_for_vpcs_and_not_for_what_a_run_requeues(more: dict[str, object]) -> None:
    fakes = Queues([MISSING])
    assert serve(fakes, record(0, json.dumps({**GOOD, **more}), REPAIRS)) == ([], [])
    assert [name for _, _, name in fakes.letters] == [f"body.{next(iter(more))}"]


def test_a_hubs_sweeps_come_by_that_queue_each_for_the_account_that_it_states() -> None:
    fakes = Queues([MISSING])
    sweep = json.dumps({"sweep": True, "account": "123456789012"})
    assert serve(fakes, record(0, sweep, REPAIRS)) == ([VPC_ID], [])
    assert fakes.letters == []


def test_a_record_of_cloudtrails_is_none_of_the_detectors() -> None:
    for path in RECORDS[:3]:
        fakes = Queues([MISSING])
        assert serve(fakes, record(0, path.read_text("utf-8"), REPAIRS)) == ([], [])
        assert len(fakes.letters) == 1
        assert fakes.journal == []


# ---- what is of no use to try again before the next sweep


CHANGE = json.loads((ROOT / "events/cloudtrail/DeleteRoute.json").read_text("utf-8"))
ATTEMPT = json.loads((ROOT / "events/attempts/DeleteVpc.json").read_text("utf-8"))
SILENCE = {"vpc_ids": [VPC_ID], "because": [{"kind": "silence", "event_id": "inc-20261129-000000-a1b2c3d4"}]}


@pytest.mark.parametrize(
    ("body", "arn", "is_lost"),
    [
        (CHANGE, CHANGES, False),
        ({"sweep": True, "because": [{"kind": "sweep"}]}, CHANGES, False),
        ({"vpc_ids": [VPC_ID], "attempt": 2, "because": [{"kind": "change", "event_id": "e-1"}]}, CHANGES, False),
        (ATTEMPT, CHANGES, True),
        ({"vpc_ids": [VPC_ID], "follow": True}, CHANGES, False),
        (SILENCE, REPAIRS, True),
    ],
)
def test_what_no_sweep_finds_by_itself_is_put_aside_with_its_reason_where_trying_again_is_of_no_use(
    monkeypatch: pytest.MonkeyPatch, body: object, arn: str, *, is_lost: bool
) -> None:
    error = TerminalError("a policy denies ec2:DescribeVpcs", code="UnauthorizedOperation")

    def deny(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(batch, "reconcile", deny)
    fakes, text = Queues([MISSING]), json.dumps(body)
    variables = ENVIRONMENT | {"REPAIR_QUEUE_URL": "https://sqs/123456789012/repairs"}
    run = Run("run-1", now=lambda: NOW, remaining=lambda: timedelta(minutes=4), sleep=lambda _: None)
    more: Any = {"tools": fakes.tools(), "settings": Settings.from_environment(variables), "run": run}
    served = reconcile_batch([record(0, text, arn)], **more, is_settled=lambda *_, **__: True)
    assert served == ((), [])
    assert fakes.letters == ([(text, str(error), "")] if is_lost else [])
    assert settle_records([record(0, text, arn)], error, **more, is_recorded=True) == []
    assert len(fakes.letters) == 2 * is_lost
    assert "retry" not in fakes.journal
