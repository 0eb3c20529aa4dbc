"""The detector's own schedule on the deployed chain: an agent falls silent, and nothing around it explains that."""

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
