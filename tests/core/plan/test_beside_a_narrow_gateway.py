"""Faults that are known and not mended yet: gateway endpoints beside what is narrow on purpose."""

import pytest

from lifeline.core.network.model import EndpointState
from lifeline.core.plan.actions import ActionKind, ServiceState, Status
from tests.support.builders import NARROW_POLICY, S3, endpoint, gateway, plan, subnet, table, vpc


@pytest.mark.xfail(reason="only a narrow interface endpoint keeps a gateway with full access away")
def test_others_narrow_gateway_endpoint_gets_no_full_access_one_beside_it() -> None:
    theirs = gateway("main", own=False, policy=NARROW_POLICY)
    network = vpc(subnet("a"), subnet("b"), table("main"), table("two", subnets=("b",)), theirs)
    made = [one for one in plan(network, "s3").actions if one.kind is ActionKind.CREATE_GATEWAY_ENDPOINT]
    assert not any(one.status is Status.PLANNED for one in made)


@pytest.mark.xfail(reason="the failed interface endpoint's state is reported beside the gateway that is planned")
def test_a_service_that_gets_a_gateway_instead_of_what_failed_is_missing_and_not_blocked() -> None:
    failed = endpoint(S3, "a", own=False, inbound_dns_only=False, state=EndpointState.FAILED)
    found = plan(vpc(subnet("a"), failed), "s3")
    assert [one.status for one in found.actions] == [Status.PLANNED]
    assert found.services[0].state is ServiceState.MISSING
