"""EC2's own reports of instances whose state changed, and which of all requests count only where a route leads."""

from typing import Any

import pytest

from lifeline.core.errors import InvalidInputError
from lifeline.core.network.model import Route, RouteTable, TargetKind, Vpc
from lifeline.core.requests.calls import read_queued, read_request
from lifeline.core.requests.request import Request
from lifeline.core.requests.routed import counts_if_routed, matched, noted, targets_of_routes
from tests.support.cloudtrail import Failure, record_call

INSTANCE, VPC, OTHER = "i-0123456789abcdef0", "vpc-0123456789abcdef0", "vpc-0fedcba9876543210"
ROLE = "arn:aws:iam::123456789012:role/lifeline"


def state_change(state: str = "stopped") -> dict[str, Any]:
    return {
        "version": "0",
        "id": "e-1",
        "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2",
        "account": "123456789012",
        "time": "2026-03-02T09:24:20Z",
        "region": "us-east-1",
        "detail": {"instance-id": INSTANCE, "state": state},
    }


@pytest.mark.parametrize("state", ["pending", "running", "stopping", "stopped", "shutting-down", "terminated"])
def test_a_state_change_is_a_change_that_nobody_is_said_to_have_made(state: str) -> None:
    for read in (read_request, read_queued):
        request = read(state_change(state), own_role_arn=ROLE, region="us-east-1")
        assert request.changed_ids == {INSTANCE}
        trigger = request.trigger
        assert (trigger.kind, trigger.event_id, trigger.event_name) == ("change", "e-1", f"instance {state}")
        assert (trigger.actor, trigger.time) == ("", "2026-03-02T09:24:20Z")
        assert trigger.ids == {INSTANCE}
        assert (request.vpc_ids, request.is_own) == ((), False)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"account": "210987654321"}, "account"),
        ({"region": "eu-west-1"}, "region"),
        ({"source": "team.b"}, "source"),
        ({"detail": "x"}, "detail"),
        ({"detail": {"instance-id": "vpc-0123456789abcdef0", "state": "stopped"}}, "detail.instance-id"),
        ({"detail": {"instance-id": ["i-0123456789abcdef0"], "state": "stopped"}}, "detail.instance-id"),
        ({"detail": {"instance-id": INSTANCE, "state": ["stopped"]}}, "detail.state"),
        ({"detail": {"instance-id": INSTANCE}}, "detail.state"),
    ],
)
def test_a_state_change_of_another_account_or_form_is_refused(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_queued(state_change() | wrong, own_role_arn=ROLE, region="us-east-1")
    assert refused.value.field == field


def test_an_event_that_is_neither_is_refused_with_what_it_may_be() -> None:
    with pytest.raises(InvalidInputError, match="State-change Notification"):
        read_queued(state_change() | {"detail-type": "EC2 Spot Instance Interruption Warning"}, own_role_arn=ROLE)


# ---- what counts


def detached() -> Request:
    return read_request(record_call("DetachNetworkInterface", {"AttachmentId": "eni-attach-0123456789abcdef0"}, {}))


def test_only_what_a_route_leads_to_counts_and_for_the_vpcs_of_its_routes() -> None:
    stopped, route = read_request(state_change()), read_request(record_call("DeleteRoute", {"RouteTableId": "rtb-1"}))
    assert [counts_if_routed(request) for request in (stopped, detached(), route)] == [True, True, False]
    assert matched([stopped, route, detached()], {OTHER: frozenset({"i-0fedcba9876543210"})}) == [route]
    both = {VPC: frozenset({INSTANCE, "eni-1"}), OTHER: frozenset({INSTANCE, "eni-attach-0123456789abcdef0"})}
    of_both, of_other = matched([stopped, detached()], both)
    assert of_both.changed_ids == {VPC, OTHER}
    assert of_other.vpc_ids == (OTHER,)
    assert of_other.trigger.ids == {"eni-attach-0123456789abcdef0"}


def test_a_refused_call_is_no_change_whatever_routes_lead_to() -> None:
    failed = record_call("DeleteNetworkInterface", {"NetworkInterfaceId": "eni-1"}, failure=Failure("X", "x"))
    assert not counts_if_routed(read_request(failed))


def test_the_targets_of_a_vpcs_routes_are_its_instances_and_interfaces_dead_ones_too() -> None:
    routes = (
        Route(("0.0.0.0/0",), TargetKind.NETWORK_INTERFACE, "eni-1", is_active=False),
        Route(("10.9.0.0/16",), TargetKind.NETWORK_INTERFACE, INSTANCE, is_active=True),
        Route(("10.8.0.0/16",), TargetKind.NAT_GATEWAY, "nat-1", is_active=True),
    )
    table = RouteTable("rtb-1", is_main=True, subnet_ids=frozenset(), routes=routes)
    assert targets_of_routes(Vpc(VPC, ("10.0.0.0/16",), route_tables=(table,))) == {"eni-1", INSTANCE}


def test_a_run_notes_the_vpcs_that_it_saw_and_a_sweep_forgets_all_others() -> None:
    before = {VPC: frozenset({"eni-1"}), OTHER: frozenset({"eni-2"})}
    seen = {VPC: frozenset({"eni-3"})}
    assert noted(before, seen, is_region=False) == {VPC: {"eni-3"}, OTHER: {"eni-2"}}
    assert noted(before, seen, is_region=True) == {VPC: {"eni-3"}}
    assert noted(before, {VPC: frozenset()}, is_region=False) == {OTHER: {"eni-2"}}
