"""The loop's order: what is saved before anything is done, and what comes after it. Everything in memory."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError, TransientError
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind
from lifeline.core.guards.mode import Mode
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.requests.request import MESSAGE, Request
from lifeline.core.requests.trigger import Trigger
from lifeline.reconciler.accept import BusyError
from lifeline.reconciler.loop import reconcile
from lifeline.runtime.invocation import Run
from lifeline.runtime.settings import Settings
from tests.support.amending import NOW, SERVED
from tests.support.builders import VPC_ID, subnet, vpc
from tests.support.fakes import Fakes
from tests.support.tuning import settle

MISSING = vpc(subnet(), dns_support=True, dns_hostnames=True)
ENVIRONMENT = {
    "STACK_NAME": "lifeline",
    "MODE": "enforce",
    "REQUIRED_SERVICES": "monitoring",
    "QUEUE_URL": "https://queue",
    "TABLE_NAME": "ledger",
    "TOPIC_ARN": "arn",
    "AWS_REGION": "us-east-1",
    "DEBOUNCE_SECONDS": "30",
    "DEAD_LETTER_QUEUE_URL": "https://dead-letters",
    "ROLE_ARN": "arn:aws:iam::123456789012:role/lifeline-ReconcileRole",
}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch, {**ENVIRONMENT, "iac_debounce_seconds": 0})


def run(
    fakes: Fakes,
    *requests: Request,
    mode: Mode = Mode.ENFORCE,
    failed: list[tuple[Request, LifelineError]] | None = None,
) -> tuple[VpcAnswer, ...]:
    now = Run("run-1", now=lambda: NOW, remaining=lambda: timedelta(minutes=4), sleep=lambda _: None)
    asked = requests or (Request(Trigger("change", "e-1", "DeleteRoute", time=NOW.isoformat()), vpc_ids=(VPC_ID,)),)
    return reconcile(
        asked, mode=mode, tools=fakes.tools(), settings=Settings.from_environment(), run=now, failed=failed
    )


def named(**more: object) -> Request:
    return Request(Trigger(MESSAGE), vpc_ids=(VPC_ID,), sent_at=NOW, **more)  # type: ignore[arg-type]


def refused_deletion() -> Request:
    trigger = Trigger("attempt", "e-1", "DeleteVpc", "bob", NOW.isoformat(), frozenset({VPC_ID}))
    return Request(trigger, failure="DependencyViolation", changed_ids=frozenset({VPC_ID}), sent_at=NOW)


def test_what_is_missing_is_counted_made_saved_recorded_and_announced_in_this_order() -> None:
    fakes = Fakes([MISSING])
    (answer,) = run(fakes, named())
    assert answer.outcome == "changed"
    assert fakes.journal == [
        "observe",
        "observe",
        "save survey",
        "count against the limits",
        "apply create_security_group",
        "apply create_interface_endpoint",
        "save made",
        "save conflicts",
        "save seen_at",
        "requeue after 60 s",
        "record actions",
        "publish endpoints",
        "record changes",
    ]


def test_a_teardown_is_frozen_before_anything_is_removed_and_announced_after_it() -> None:
    fakes = Fakes([SERVED])
    run(fakes, refused_deletion())
    order = fakes.journal
    assert order.index("save frozen") < order.index("apply retire_endpoint") < order.index("publish teardown")
    assert set(fakes.states[VPC_ID].frozen) == {VPC_ID, EVERYTHING}


def test_what_a_person_freezes_is_saved_before_anything_is_planned() -> None:
    fakes = Fakes([MISSING])
    (answer,) = run(fakes, named(freeze=(EVERYTHING,)))
    assert fakes.journal[:3] == ["observe", "save frozen", "observe"]
    assert answer.outcome == "blocked"


def test_where_a_freeze_can_not_be_saved_nothing_is_done() -> None:
    fakes = Fakes([SERVED], fail={"save frozen"})
    with pytest.raises(TransientError):
        run(fakes, refused_deletion())
    assert not any(entry.startswith(("apply", "publish")) for entry in fakes.journal)


def test_where_it_can_not_be_saved_what_was_done_people_hear_of_it_and_the_run_fails() -> None:
    fakes = Fakes([MISSING], fail={"save made"})
    with pytest.raises(TransientError, match="save made failed"):
        run(fakes, named())
    assert "publish endpoints" in fakes.journal
    assert "record changes" in fakes.journal, "who changed what, whatever became of it"
    assert "save reconciled_at" not in fakes.journal, "its message comes again and must not count as answered"


def test_a_notice_that_does_not_go_out_leaves_nothing_saved_as_known() -> None:
    fakes = Fakes([SERVED], fail={"publish teardown"})
    run(fakes, refused_deletion())
    assert fakes.states[VPC_ID].teardowns == {f"{VPC_ID} cleared": None}
    fakes.fail.clear()
    run(fakes, refused_deletion())
    assert fakes.states[VPC_ID].teardowns == {f"{VPC_ID} cleared": NOW}


def test_a_vpc_that_another_run_has_waits_for_its_turn() -> None:
    fakes = Fakes([MISSING], leased={VPC_ID})
    (answer,) = run(fakes, named())
    assert answer.outcome == "planned"
    assert "requeue after 20 s" in fakes.journal
    assert not any(entry.startswith("apply") for entry in fakes.journal)


def test_what_a_person_freezes_where_another_run_works_must_come_again_and_holds_up_no_other_vpc() -> None:
    other = replace(MISSING, id="vpc-0fedcba9876543210")
    fakes = Fakes([MISSING, other], leased={VPC_ID})
    freeze = named(freeze=(EVERYTHING,))
    failed: list[tuple[Request, LifelineError]] = []
    answers = run(fakes, freeze, replace(named(), vpc_ids=(other.id,)), failed=failed)
    assert [(answer.vpc_id, answer.outcome) for answer in answers] == [(other.id, "changed")]
    ((request, error),) = failed
    assert (request, type(error)) == (freeze, BusyError)
    with pytest.raises(BusyError, match=f"another run works on {VPC_ID}: nothing was frozen"):
        run(fakes, freeze)
    assert "frozen" not in " ".join(fakes.journal)


def test_a_refused_deletion_is_put_down_before_it_is_judged_and_continued_without_its_event() -> None:
    fakes = Fakes([SERVED], leased={VPC_ID})
    run(fakes, refused_deletion())
    assert set(fakes.states[VPC_ID].attempts) == {VPC_ID}
    assert "requeue after 20 s" in fakes.journal
    fakes.leased.clear()
    run(fakes, named())
    assert "apply retire_endpoint" in fakes.journal
    assert (set(fakes.states[VPC_ID].frozen), dict(fakes.states[VPC_ID].attempts)) == ({VPC_ID, EVERYTHING}, {})


def test_a_caller_who_wants_a_plan_changes_and_saves_nothing() -> None:
    frozen = VpcState(frozen={"monitoring": Freeze(FreezeKind.MANUAL, NOW, "a person asked for it")})
    fakes = Fakes([MISSING], states={VPC_ID: frozen})
    (answer,) = run(fakes, named(), mode=Mode.PLAN)
    assert {str(action.status) for action in answer.actions} == {"blocked"}
    assert set(fakes.journal) == {"observe"}


def test_while_the_kill_switch_is_on_nothing_is_leased_or_done() -> None:
    fakes = Fakes([MISSING], kill_switch="the kill switch is on")
    (answer,) = run(fakes, named())
    assert {action.blocked_by for action in answer.actions} == {"KillSwitchParameter"}
    assert not any(entry.startswith("apply") for entry in fakes.journal)
