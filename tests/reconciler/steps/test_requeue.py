"""How long chains of requeued messages can get: Lambda is told not to stop them, so each has an end of its own."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from lifeline.core.coexist.teardown import VPC_HANDS_OFF
from lifeline.core.errors import InvalidInputError
from lifeline.core.guards.mode import Mode
from lifeline.core.plan.endpoint_lifecycle import LONGEST
from lifeline.core.requests.calls import MOST_ATTEMPTS, MOST_REQUEUES, read_queued
from lifeline.core.requests.request import Request
from lifeline.reconciler.amend.amendment import SWITCH_DELAY
from lifeline.reconciler.steps.job import Job, Tools
from lifeline.reconciler.steps.requeue import BUSY_DELAY, FOLLOW_DELAY, Requeuing
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.settings import MOST_DNS_VIEWS, Settings
from tests.reconciler.test_loop import ENVIRONMENT
from tests.support.amending import NOW
from tests.support.builders import VPC_ID
from tests.support.cloudtrail import example_event

FUNCTION_RUNS = timedelta(minutes=5)  # the function's timeout, and so the longest lease
LARGEST_REGION = 2_000  # VPCs in one sweep


@dataclass
class FakeQueue:
    sent: list[dict[str, Any]] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)

    def requeue(self, vpc_ids: Any, *, requeued: int, attempt: int, **_: object) -> None:
        body = {"vpc_ids": list(vpc_ids), "attempt": attempt}
        self.sent.append(body | ({"requeued": requeued} if requeued > 1 else {}))

    def abandon(self, _: object, *, reason: str, follow: bool = False) -> None:  # noqa: ARG002
        self.letters.append(reason)


def requeuing(queue: FakeQueue, *requests: Request) -> Requeuing:
    targets = Targets()
    for request in requests:
        targets.add(request, frozenset({VPC_ID}))
    run = Run("run-1", now=lambda: NOW, remaining=lambda: timedelta(minutes=4), sleep=lambda _: None)
    tools = cast("Tools", type("Tools", (), {"queue": queue})())
    settings = Settings.from_environment(ENVIRONMENT)
    return Requeuing(Job(Mode.ENFORCE, targets, tools, settings, run))


def chain(step: str) -> tuple[int, FakeQueue]:
    """How often work that never gets done comes back, beginning with a change's record."""
    queue, request, length = FakeQueue(), read_queued(example_event("DeleteRoute")), 0
    while not queue.letters:
        one = requeuing(queue, request)
        before = len(queue.sent)
        match step:
            case "turn":
                one.wait_for_turn([VPC_ID])
            case "follow":
                one.follow([VPC_ID])
            case "switch":
                one.wait(VPC_ID, SWITCH_DELAY, is_attempt=False)
            case _:
                one.wait(VPC_ID, timedelta(minutes=1), is_attempt=True)
        if len(queue.sent) == before:
            break
        length += 1
        request = read_queued(queue.sent[-1])
    return length, queue


@pytest.mark.parametrize("step", ["turn", "follow", "switch"])
def test_what_never_gets_done_is_abandoned_with_its_reason(step: str) -> None:
    length, queue = chain(step)
    assert length == MOST_REQUEUES
    assert queue.letters == [
        f"abandoned after it was requeued {MOST_REQUEUES} times in a row; the next sweep checks all VPCs again"
    ]


def test_what_aws_refuses_comes_back_as_often_as_it_is_attempted() -> None:
    length, queue = chain("attempt")
    assert (length, queue.letters) == (MOST_ATTEMPTS, [])


def test_whoever_asks_anew_starts_the_count_anew() -> None:
    queue = FakeQueue()
    last = read_queued({"vpc_ids": [VPC_ID], "requeued": MOST_REQUEUES})
    requeuing(queue, last, read_queued(example_event("DeleteRoute"))).wait_for_turn([VPC_ID])
    assert (queue.sent, queue.letters) == ([{"vpc_ids": [VPC_ID], "attempt": 0}], [])


@pytest.mark.parametrize(
    ("longest", "delay"),
    [
        pytest.param(LONGEST, FOLLOW_DELAY, id="an endpoint that is pending for as long as it may"),
        pytest.param(VPC_HANDS_OFF, SWITCH_DELAY, id="a teardown that waits for the kill switch"),
        pytest.param(
            timedelta(days=2), SWITCH_DELAY, id="a canary that waits for the kill switch over a weekend's days"
        ),
        pytest.param(FUNCTION_RUNS, BUSY_DELAY, id="a VPC that another run has, as long as a run can"),
        pytest.param(
            BUSY_DELAY * (LARGEST_REGION / MOST_DNS_VIEWS),
            BUSY_DELAY,
            id="the last VPC of a sweep that reads its central DNS",
        ),
    ],
)
def test_each_wait_ends_before_its_chain_does(longest: timedelta, delay: timedelta) -> None:
    assert longest / delay < MOST_REQUEUES


@pytest.mark.parametrize("requeued", [-1, MOST_REQUEUES + 1, True, "1", 10**30])
def test_a_count_that_no_run_wrote_is_refused(requeued: object) -> None:
    with pytest.raises(InvalidInputError, match="requeued: must be a whole number from 0 to"):
        read_queued({"vpc_ids": [VPC_ID], "requeued": requeued})
