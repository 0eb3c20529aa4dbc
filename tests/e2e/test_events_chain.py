"""Who may put which events on the default bus: the roles' condition on their source, as IAM evaluates it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.emulators.account import Account
from tests.e2e.steps import assumed

pytestmark = pytest.mark.chain


@pytest.mark.parametrize("role", ["ReconcileRole", "DetectRole"])
@pytest.mark.parametrize(
    ("sources", "is_allowed"),
    [
        pytest.param(["lifeline"], True, id="its own"),
        pytest.param(["lifeline", "lifeline"], True, id="its own twice"),
        pytest.param(["somebody"], False, id="another's"),
        pytest.param(["lifeline", "somebody"], False, id="its own and another's"),
        pytest.param(["lifeline.more"], False, id="one that begins like its own"),
    ],
)
def test_a_role_may_send_events_of_lifelines_source_alone(
    account: Account, role: str, sources: list[str], *, is_allowed: bool
) -> None:
    events: Any = assumed(account, role).client("events", endpoint_url=account.endpoint_url)
    entries = [{"Source": source, "DetailType": "A test", "Detail": "{}"} for source in sources]

    if is_allowed:
        assert events.put_events(Entries=entries)["FailedEntryCount"] == 0
        return
    with pytest.raises(ClientError, match="AccessDenied"):
        events.put_events(Entries=entries)
