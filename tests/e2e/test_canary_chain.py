"""A canary on the deployed chain: endpoints come without private DNS, which is turned on once they are available."""

from typing import Any

import pytest

from tests.e2e.emulators.account import Account
from tests.e2e.machine import build_site
from tests.e2e.steps import (
    dead_letters_about,
    endpoints_in,
    kinds_about,
    looks,
    text_of,
    told,
    wait_until_quiet,
    watched_machine,
)

pytestmark = pytest.mark.chain


def test_a_canary_that_silences_an_agent_is_withdrawn_and_the_incident_says_so(limited: Account) -> None:
    ec2, inbox = limited.client("ec2"), limited.subscribe("NoticesTopic")
    site = build_site(ec2, cidr="10.130", name="canary")
    wait_until_quiet(limited)

    def answers(*, is_on: bool) -> dict[str, Any] | None:
        found = endpoints_in(ec2, site.vpc_id)
        return next((endpoint for endpoint in found if endpoint["PrivateDnsEnabled"] is is_on), None)

    with watched_machine(limited, site) as agent:
        ec2.create_subnet(VpcId=site.vpc_id, CidrBlock="10.130.9.0/24")  # isolated: it needs the endpoint
        made = limited.wait(lambda: answers(is_on=False), what="the endpoint")
        limited.wait(lambda: answers(is_on=True), what="its private DNS")
        agent.pause()
        opened = limited.wait(lambda: told(inbox, "incident_opened", agent), what="the incident's notice")
        limited.wait(lambda: answers(is_on=False), what="the withdrawal")
        agent.resume()
        resolved = limited.wait(lambda: told(inbox, "incident_resolved", agent), what="the recovery's notice")

    endpoint_id = made["VpcEndpointId"]
    assert f"private DNS for {endpoint_id} (monitoring) was turned on as a canary" in text_of(opened)
    assert f"Status: resolved. Likely fix: private DNS for {endpoint_id} was turned off again" in text_of(resolved)
    assert kinds_about(inbox, agent) == {"incident_opened": 1, "incident_resolved": 1}
    wait_until_quiet(limited)
    (action,) = looks(limited, {"vpc_ids": [site.vpc_id]})[site.vpc_id]["actions"]
    assert (action["action"], action["status"]) == ("enable_private_dns", "blocked")
    assert "unfreeze" in action["error"]
    assert dead_letters_about(limited, site.vpc_id, site.subnet_id, endpoint_id) == []
