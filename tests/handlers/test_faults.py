"""An error that nobody thought of, while one VPC is judged: it ends nothing that the others wait for, and is heard."""

import html
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lifeline.handlers import coverage_page
from lifeline.reconciler.amend.amendment import VpcContext
from lifeline.reconciler.amend.freezes import Freezes
from lifeline.reconciler.amend.gate import Gate
from lifeline.reconciler.amend.keeping import Keeping
from lifeline.reconciler.amend.retirement import Retirements
from lifeline.reconciler.amend.urgency import Urgencies
from lifeline.reconciler.steps import planning
from tests.handlers.test_reconcile_endpoints import call, sqs
from tests.support.world import ROLE_ARN, Context, World, emulated_world, flat

SWEEP = json.loads(Path("events/sweep.json").read_text())

type Fault = Callable[[pytest.MonkeyPatch, str], None]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def isolated(world: World) -> str:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    return vpc_id


def failing(owner: object, name: str, *, on_call: int = 1) -> Fault:
    """What makes the function fail for one VPC, from a call on."""

    def install(patch: pytest.MonkeyPatch, vpc_id: str) -> None:
        right, calls = getattr(owner, name), list[str]()

        def fails(*args: Any, **named: Any) -> Any:
            ids = [of.vpc.id if isinstance(of, VpcContext) else getattr(of, "id", "") for of in args]
            if vpc_id in ids:
                calls.append(vpc_id)
                if len(calls) >= on_call:
                    raise OverflowError("date value out of range")
            return right(*args, **named)

        patch.setattr(owner, name, fails)

    return install


FAULTS = {
    "what the policy wants": failing(planning, "desired"),
    "the plan": failing(planning, "plan_endpoints"),
    "the plan under the lease": failing(planning, "plan_endpoints", on_call=2),
    "what a run must save first": failing(Freezes, "accept"),
    "what a request says": failing(Retirements, "note"),
    "what a reason must know": failing(Retirements, "needs"),
    "what a reason sees": failing(Retirements, "see"),
    "what a reason foresees": failing(Retirements, "preview"),
    "what a reason decides": failing(Retirements, "decide", on_call=2),
    "what a guard decides": failing(Freezes, "decide"),
    "a guard after the limits": failing(Keeping, "decide"),
    "what is said afterwards": failing(Keeping, "after"),
    "what goes before the limits": failing(Urgencies, "decide"),
    "the limits": failing(Gate, "decide"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_vpc_that_cant_be_judged_leaves_no_other_unrepaired_and_is_heard(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    bad, good = isolated(world), isolated(world)
    with monkeypatch.context() as patch:
        fault(patch, bad)
        assert call(sqs(SWEEP)) == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
        assert len(world.endpoints(good)) == 1
        assert call(sqs(SWEEP, received=5)) == {"batchItemFailures": []}
    (letter,) = world.dead_letters()
    assert (
        f"{bad}: failed unexpectedly: OverflowError: date value out of range"
        in letter["MessageAttributes"]["reason"]["StringValue"]
    )
    assert "Traceback" in caplog.text
    assert call(sqs(SWEEP)) == {"batchItemFailures": []}
    assert len(world.endpoints(bad)) == 1
    assert len(world.endpoints(good)) == 1


def on_page(event: object) -> str:
    page = coverage_page.handler(event, Context(invoked_function_arn=f"{ROLE_ARN}:function:CoveragePage"))
    assert isinstance(page, str)
    return flat(html.unescape(page))


@pytest.mark.parametrize("of", ["what the policy wants", "the plan", "what a reason sees", "what a reason foresees"])
def test_the_page_and_a_plan_show_the_others_and_say_which_couldnt_be_judged(
    world: World, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    bad, good = isolated(world), isolated(world)
    FAULTS[of](monkeypatch, bad)
    page = on_page({})
    assert (bad in page, good in page) == (True, True)
    assert page.count("judging this VPC failed unexpectedly: see the CoveragePage log") == 1
    answers = {answer["vpc_id"]: answer for answer in call({"mode": "plan", "sweep": True})["vpcs"]}
    assert f"{bad}: failed unexpectedly: OverflowError: date value out of range" in answers[bad]["note"]
    assert {action["status"] for action in answers[good]["actions"]} == {"planned"}
