"""A canary on the deployed chain, in an account of its own: its endpoints come without private DNS."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.emulators.account import Account, deployed
from tests.e2e.machine import build_site, make_profile
from tests.e2e.test_chain import MINUTE_S, endpoints_in, wait_until_quiet
from tests.e2e.test_detector_chain import kinds_about, text_of, told, watched_machine

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def careful() -> Iterator[Account]:
    """A stack with canaries."""
    with deployed(SettleSeconds="5", Canary="true") as account:
        yield account


def test_a_canary_that_silences_an_agent_is_withdrawn_and_the_incident_says_so(careful: Account) -> None:
    ec2, inbox = careful.client("ec2"), careful.subscribe("NoticesTopic")
    site = build_site(ec2, cidr="10.130", name="canary")
    profile_arn = make_profile(careful.client("iam"))
    wait_until_quiet(careful)

    def answers(*, is_on: bool) -> dict[str, Any] | None:
        return next((one for one in endpoints_in(ec2, site.vpc_id) if one["PrivateDnsEnabled"] is is_on), None)

    with watched_machine(careful, site, profile_arn) as agent:
        ec2.create_subnet(VpcId=site.vpc_id, CidrBlock="10.130.9.0/24")  # isolated: it needs the endpoint
        made = careful.wait(lambda: answers(is_on=False), what="the endpoint", within_s=2 * MINUTE_S)
        careful.wait(lambda: answers(is_on=True), what="its private DNS", within_s=3 * MINUTE_S)
        agent.pause()
        opened = careful.wait(
            lambda: told(inbox, "incident_opened", agent), what="the incident's notice", within_s=2 * MINUTE_S
        )
        careful.wait(lambda: answers(is_on=False), what="the withdrawal", within_s=2 * MINUTE_S)
        agent.resume()
        resolved = careful.wait(
            lambda: told(inbox, "incident_resolved", agent), what="the recovery's notice", within_s=2 * MINUTE_S
        )

    endpoint_id = made["VpcEndpointId"]
    assert f"private DNS of {endpoint_id} for monitoring was switched on (canary)" in text_of(opened)
    assert f"Status: resolved (private DNS of {endpoint_id} switched off again" in text_of(resolved)
    assert kinds_about(inbox, agent) == {"incident_opened": 1, "incident_resolved": 1}
    wait_until_quiet(careful)
    look = careful.invoke("ReconcileEndpointsFunction", {"vpc_ids": [site.vpc_id]})
    (action,) = look.payload["vpcs"][0]["actions"]
    assert (action["action"], action["status"]) == ("enable_private_dns", "blocked")
    assert "unfreeze" in action["error"]
    assert careful.queue_depth("DeadLetterQueue") == 0
