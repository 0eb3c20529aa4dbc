"""The notice of a hand-over to someone else's endpoint."""

from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.guards.freeze import Freeze, FreezeKind
from lifeline.core.notices.claim import handed_over_notice
from lifeline.core.plan.actions import Action, ActionKind, Status

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "tables", "words"),
    [
        (ActionKind.DISABLE_PRIVATE_DNS, (), "~ monitoring: turned off private DNS for vpce-1 It won't"),
        (ActionKind.REMOVE_ROUTE_TABLES, ("rtb-1",), "~ monitoring: removed route tables from vpce-1 It won't"),
        (ActionKind.RETIRE_ENDPOINT, ("rtb-1",), "- monitoring: deleted endpoint vpce-1 It won't"),
        (ActionKind.RETIRE_ENDPOINT, (), "- monitoring: deleted endpoint vpce-1 It won't"),
    ],
)
def test_it_says_what_was_done_and_no_more(kind: ActionKind, tables: tuple[str, ...], words: str) -> None:
    freeze = Freeze(FreezeKind.CLAIM, NOW, "it was refused", "alice", "e-1", NOW + timedelta(hours=24), ids=tables)
    done = Action(kind, "", service="monitoring", endpoint_id="vpce-1", status=Status.DONE)
    notice = handed_over_notice(freeze, "monitoring", "vpc-1", stack_name="lifeline", tiers=(), done=[done])
    assert words in " ".join(notice.text.split())
