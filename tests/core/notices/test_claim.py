"""The notice of a hand-over to someone else's endpoint."""

from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.guards.freeze import Freeze, FreezeKind
from lifeline.core.notices.claim import handed_over_notice
from lifeline.core.plan.actions import Action, ActionKind, Status

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


LATER = "If the new endpoint isn't available by 2026-03-03 10:00:00 UTC, Lifeline will"
GOES_LATER = "Once the new endpoint is available, Lifeline will delete its own."
NAME_LATER = f"{GOES_LATER} {LATER.replace('the new endpoint', 'it')}"


@pytest.mark.parametrize(
    ("kind", "tables", "done", "later"),
    [
        (ActionKind.DISABLE_PRIVATE_DNS, (), "~ s3: turned off private DNS for vpce-1", f"{NAME_LATER} take the DNS"),
        (ActionKind.REMOVE_ROUTE_TABLES, ("rtb-1",), "~ s3: removed route tables from vpce-1", f"{LATER} take the ro"),
        (ActionKind.RETIRE_ENDPOINT, ("rtb-1",), "- s3: deleted endpoint vpce-1", f"{LATER} create its own again."),
        (ActionKind.RETIRE_ENDPOINT, (), "- s3: deleted endpoint vpce-1", f"{LATER} create its own again."),
    ],
)
def test_it_says_what_was_done_and_what_is_left_and_no_more(
    kind: ActionKind, tables: tuple[str, ...], done: str, later: str
) -> None:
    freeze = Freeze(FreezeKind.CLAIM, NOW, "it was refused", "alice", "e-1", NOW + timedelta(hours=24), ids=tables)
    action = Action(kind, "", service="s3", endpoint_id="vpce-1", status=Status.DONE)
    notice = handed_over_notice(freeze, "s3", "vpc-1", stack_name="lifeline", tiers=(), done=[action], is_required=True)
    text = " ".join(notice.text.split())
    assert f"{done} It won't" in text
    assert f"through their other paths. {later}" in text
