"""Since when a VPC waits for others' endpoints that never come up, what ends that, and what is said of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.coexist.awaited import PATIENCE, awaited_by, keep_awaited, overdue
from lifeline.core.history.change import Change
from lifeline.core.network.model import Endpoint, EndpointState, TargetKind, Vpc
from lifeline.core.plan.actions import Action, ActionKind, Plan, Status
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.policy.policy import Requirement
from tests.support.builders import (
    MONITORING,
    OWNER,
    default_route,
    endpoint,
    own_security_group,
    plan,
    subnet,
    table,
    vpc,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=3)
THEIRS = endpoint(MONITORING, "a", own=False, state=EndpointState.PENDING)
OWN = replace(endpoint(MONITORING, "a"), id="vpce-2", state=EndpointState.PENDING)


def with_endpoint(*endpoints: Endpoint) -> Vpc:
    return vpc(subnet("a"), subnet("b"), *endpoints, own_security_group())


def kept(
    network: Vpc, awaited: Mapping[str, datetime], *done: Action, planned: Plan | None = None
) -> dict[str, datetime]:
    return keep_awaited(awaited, planned or plan(network), done, network, OWNER, NOW)


def said(network: Vpc, since: datetime = LONG_AGO, *changes: Change, planned: Plan | None = None) -> list[Action]:
    found = planned or plan(network)
    return list(overdue({"monitoring": since}, found, network, OWNER, NOW, changes))


@pytest.mark.parametrize("state", [EndpointState.PENDING, EndpointState.PENDING_ACCEPTANCE])
def test_what_others_have_coming_is_awaited_from_the_first_look(state: EndpointState) -> None:
    network = with_endpoint(replace(THEIRS, state=state))
    assert awaited_by(plan(network), network, OWNER) == {"monitoring": (network.endpoints[0], ("subnet-a", "subnet-b"))}
    assert kept(network, {}) == {"monitoring": NOW}


def test_one_after_the_other_counts_as_one_wait() -> None:
    assert kept(with_endpoint(replace(THEIRS, id="vpce-9")), {"monitoring": LONG_AGO}) == {"monitoring": LONG_AGO}


def test_while_none_is_there_the_wait_goes_on_until_lifeline_makes_its_own() -> None:
    network, create = with_endpoint(), Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "why", service="monitoring")
    assert kept(network, {}) == {}
    assert kept(network, {"monitoring": LONG_AGO}) == {"monitoring": LONG_AGO}
    assert kept(network, {"monitoring": LONG_AGO}, create) == {"monitoring": LONG_AGO}
    assert kept(network, {"monitoring": LONG_AGO}, replace(create, status=Status.DONE)) == {}


@pytest.mark.parametrize("there", [OWN, replace(THEIRS, state=EndpointState.AVAILABLE)], ids=["own", "served"])
def test_the_wait_ends_with_lifelines_own_and_with_one_that_serves(there: Endpoint) -> None:
    group = own_security_group()
    network = with_endpoint(replace(there, security_group_ids=frozenset({group.id})))
    assert kept(network, {"monitoring": LONG_AGO}) == {}
    assert said(network) == []


def test_what_nothing_requires_any_more_is_forgotten_and_what_could_not_be_judged_is_not() -> None:
    network, awaited = with_endpoint(THEIRS), {"monitoring": LONG_AGO}
    found = plan(network)
    assert kept(network, awaited, planned=replace(found, services=())) == {}
    unjudged = tuple(replace(report, paths=()) for report in found.services)
    assert kept(network, awaited, planned=replace(found, services=unjudged)) == awaited


def test_a_subnet_with_a_way_out_waits_for_nothing() -> None:
    network = replace(
        with_endpoint(THEIRS), route_tables=(table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1")),)
    )
    required = (Requirement("monitoring", frozenset({"subnet-a", "subnet-b"}), per_zone=True),)
    found = plan(network, requirements=required)
    assert kept(network, {"monitoring": LONG_AGO}, planned=found) == {}


@pytest.mark.parametrize(("waited", "count"), [(PATIENCE - timedelta(seconds=1), 0), (PATIENCE, 1)])
def test_people_hear_of_it_after_15_minutes(waited: timedelta, count: int) -> None:
    assert len(said(with_endpoint(THEIRS), NOW - waited)) == count


def test_it_is_said_since_when_who_lacks_what_and_whose_endpoint_is_coming_now() -> None:
    created = Change(NOW, "e-1", "CreateVpcEndpoint", "ops/dana", frozenset({THEIRS.id}))
    changed = Change(NOW, "e-2", "ModifyVpcEndpoint", "ops/erin", frozenset({THEIRS.id}))
    (action,) = said(with_endpoint(THEIRS), LONG_AGO, created, changed)
    assert action.reason == (
        "2 isolated subnets can't reach the monitoring service: at each look since 2026-03-02 06:00:00 UTC, an "
        "endpoint of somebody else's was to serve it, and none did; now vpce-1 (created by ops/dana) is pending"
    )
    assert (action.is_blocked, action.subnet_ids, action.endpoint_id) == (True, ("subnet-a", "subnet-b"), "vpce-1")
    (without,) = said(with_endpoint(replace(THEIRS, state=EndpointState.PENDING_ACCEPTANCE)), LONG_AGO, changed)
    assert without.reason.endswith("now vpce-1 is waiting for the service's owner to accept it")


def test_who_lacks_the_service_counts_once_people_have_to_act_and_the_next_endpoint_is_no_news() -> None:
    network, other = with_endpoint(THEIRS), with_endpoint(replace(THEIRS, id="vpce-9"))
    answers = [
        VpcAnswer.of(replace(found, actions=tuple(said(one, planned=found))))
        for one, found in ((network, plan(network)), (other, plan(other)))
    ]
    assert VpcAnswer.of(plan(network)).lacking == frozenset()
    assert [len(answer.lacking) for answer in answers] == [2, 2]
    assert answers[0].fingerprint == answers[1].fingerprint
