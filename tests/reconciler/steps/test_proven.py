"""Claims that can't be looked up: what a policy denies isn't waited for."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.requests.cloudtrail import read_change
from lifeline.reconciler.steps.proven import UNPROVEN, prove_claims
from lifeline.runtime.settings import Settings
from tests.reconciler.test_loop import ENVIRONMENT
from tests.support.amending import NOW
from tests.support.repository import ROOT

DENIED = TerminalError("User is not authorized to perform: cloudtrail:LookupEvents", code="AccessDeniedException")
REFUSED = json.loads((ROOT / "events/attempts/CreateVpcEndpoint.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DENIED, "AccessDeniedException"),
        (TransientError("slow down", code="Throttling"), UNPROVEN),
        (TerminalError("no such attribute", code="InvalidLookupAttributes"), UNPROVEN),
    ],
)
def test_a_claim_that_a_policy_forbids_to_look_up_has_that_for_its_answer(error: LifelineError, code: str) -> None:
    def find(_: str) -> None:
        raise error

    settings = Settings.from_environment(ENVIRONMENT)
    request = replace(read_change(REFUSED, settings.role_arn, region="us-east-1"), sent_at=NOW)
    history: Any = SimpleNamespace(find=find)
    ((failed, answer),) = prove_claims([request], history, settings, now=NOW).failed
    assert failed is request
    assert isinstance(answer, TransientError | TerminalError)
    assert answer.code == code
