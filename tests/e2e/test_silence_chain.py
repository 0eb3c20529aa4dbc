"""The detector's own schedule on the deployed chain: an agent falls silent, and nothing around it explains that. And
what its door, and that of the sweeps, lets through.
"""

import json
from typing import Any

import pytest

from tests.e2e.emulators.account import Account
from tests.e2e.machine import build_site
from tests.e2e.steps import endpoints_in, kinds_about, text_of, told, watched_machine

pytestmark = pytest.mark.chain


def test_the_detectors_own_schedule_tells_of_a_silence_and_of_its_end(limited: Account) -> None:
    ec2 = limited.client("ec2")
    site = build_site(ec2, cidr="10.90", name="silence")
    inbox = limited.subscribe("NoticesTopic")

    with watched_machine(limited, site) as agent:
        agent.pause()
        opened = limited.wait(lambda: told(inbox, "incident_opened", agent), what="the incident's notice")
        agent.resume()
        resolved = limited.wait(lambda: told(inbox, "incident_resolved", agent), what="the recovery's notice")

    assert "no cause found outside the agent" in text_of(opened)
    assert "came back on its own" in text_of(resolved)
    assert kinds_about(inbox, agent) == {"incident_opened": 1, "incident_resolved": 1}
    assert endpoints_in(ec2, site.vpc_id) == []
    detector = limited.outputs["DetectMetricGapsFunction"]
    assert f":function:{detector}:schedule" in limited.logs("DetectMetricGapsFunction")


@pytest.mark.parametrize(
    ("function", "event"),
    [
        ("ReconcileEndpointsFunction", {"release": True}),
        ("ReconcileEndpointsFunction", {"approve": "backlog"}),
        ("DetectMetricGapsFunction", {"forget": ["i-0123456789abcdef0"]}),
    ],
)
def test_whoever_writes_a_schedule_of_their_own_gets_nothing_else_done(
    limited: Account, function: str, event: dict[str, Any]
) -> None:
    lambda_, alias = limited.client("lambda"), {"FunctionName": limited.outputs[function], "Qualifier": "schedule"}
    answer = json.loads(lambda_.invoke(**alias, Payload=json.dumps(event).encode())["Payload"].read())
    (refusal,) = answer["errors"]
    assert refusal["field"] in event
    assert "the alias schedule takes" in refusal["message"]
