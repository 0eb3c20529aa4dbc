"""Nothing is planned on the strength of what could not be read."""

import pytest

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import Catalog, Part, Route, TargetKind, Unread, Vpc
from lifeline.core.network.priority import in_force
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceState, Status
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.plan.uncertain import hold_back
from lifeline.core.policy.policy import Requirement
from tests.support.builders import (
    CATALOG,
    MONITORING,
    OWNER,
    default_route,
    endpoint,
    own_security_group,
    subnet,
    table,
    vpc,
)

READ = DnsView()


def without(part: Part) -> tuple[Unread, ...]:
    return (Unread(part, "UnauthorizedOperation: no"),)


def plan(seen: Vpc, *who: str, catalog: Catalog = CATALOG, **more: object) -> Plan:
    clients = frozenset(who or [one.id for one in seen.subnets])
    plan_input = PlanInput((Requirement("monitoring", clients, per_zone=True),), OWNER, dns=READ, **more)  # type: ignore[arg-type]
    return plan_endpoints(seen, catalog, plan_input)


def only(found: Plan, kind: ActionKind) -> Action:
    (action,) = [action for action in found.actions if action.kind is kind]
    return action


def test_without_the_security_groups_none_is_made_and_no_endpoint_that_needs_one() -> None:
    found = plan(vpc(subnet("a"), unread=without(Part.SECURITY_GROUPS)))
    assert {action.status for action in found.actions} == {Status.BLOCKED}
    assert only(found, ActionKind.CREATE_INTERFACE_ENDPOINT).error == "the security groups could not be read"
    assert found.services[0].state is ServiceState.BLOCKED


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ActionKind.CREATE_SECURITY_GROUP, Status.BLOCKED),
        (ActionKind.OPEN_SECURITY_GROUP, Status.BLOCKED),
        (ActionKind.FIX_DNS, Status.PLANNED),
    ],
)
def test_what_was_seen_of_groups_before_is_not_relied_on_once_they_cannot_be_read(
    kind: ActionKind, status: Status
) -> None:
    (held,) = hold_back([Action(kind, "why")], vpc(unread=without(Part.SECURITY_GROUPS)), ())
    assert held.status is status


def test_without_the_acls_an_endpoint_is_made_where_a_subnet_reaches_it_for_certain() -> None:
    found = plan(vpc(subnet("a"), subnet("b", zone="us-east-1a"), unread=without(Part.NETWORK_ACLS)))
    assert only(found, ActionKind.CREATE_INTERFACE_ENDPOINT).is_planned  # in one of the two, which needs no ACL


def test_without_the_acls_none_is_made_where_no_subnet_reaches_it_for_certain() -> None:
    full = subnet("a", free=0)
    found = plan(vpc(full, subnet("b"), unread=without(Part.NETWORK_ACLS)), "subnet-a")
    action = only(found, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert action.is_blocked
    assert "the network ACLs could not be read" in action.error


def test_without_the_acls_nothing_takes_a_name_from_subnets_that_reach_the_service_today() -> None:
    egress = table("main", default_route(TargetKind.TRANSIT_GATEWAY))
    both = subnet("a"), subnet("b", cidr="10.0.2.0/24")
    found = plan(vpc(*both, egress, unread=without(Part.NETWORK_ACLS)), "subnet-a")
    action = only(found, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert action.is_blocked
    assert "might make the monitoring service unreachable" in action.error
    assert "in the network ACLs on both sides" in action.error


def test_without_the_dns_attributes_no_name_is_taken() -> None:
    found = plan(vpc(subnet("a"), unread=without(Part.DNS_ATTRIBUTES)))
    action = only(found, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert action.error == "it isn't known whether the VPC's DNS is on: the DNS attributes could not be read"


def test_without_the_catalog_services_are_unknown_and_nothing_is_planned() -> None:
    found = plan(vpc(subnet("a")), catalog=Catalog(why_unread="no"))
    action = only(found, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert (len(found.actions), action.error) == (1, "the region's endpoint services could not be read: no")
    (report,) = found.services
    assert (report.state, report.detail) == (
        ServiceState.UNKNOWN,
        "the region's endpoint services could not be read",
    )


def test_without_the_catalog_an_endpoint_that_is_there_serves_as_ever() -> None:
    found = plan(vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group()), catalog=Catalog(why_unread="no"))
    assert (found.actions, found.services[0].state) == ((), ServiceState.SERVED)


def test_what_may_be_required_is_said_and_nothing_is_made_for_it() -> None:
    unsure = (Requirement("monitoring", frozenset({"subnet-a"}), per_zone=False),)
    list_unread = (Unread(Part.PREFIX_LIST, "InvalidPrefixListID.NotFound: gone", "pl-1"),)
    seen = vpc(subnet("a"), unread=list_unread)
    found = plan_endpoints(seen, CATALOG, PlanInput((), OWNER, unsure=unsure, dns=READ))
    action = only(found, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert action.is_blocked
    assert action.error == (
        "it isn't known whether they have to: the entries of the prefix list pl-1 could not be read"
    )
    assert found.services[0].state is ServiceState.UNKNOWN


def test_between_which_routes_it_isnt_known_is_said() -> None:
    """VPC guide: route priority and prefix lists."""
    unsure = (Requirement("monitoring", frozenset({"subnet-a"}), per_zone=False),)
    ways = (TargetKind.INTERNET_GATEWAY, "igw-1"), (TargetKind.NAT_GATEWAY, "nat-1")
    lists = [(1, Route(("0.0.0.0/0",), *way, is_active=True, prefix_list_id=f"pl-{way[1]}")) for way in ways]
    seen = vpc(subnet("a"), subnet("b"), table("main", *in_force(lists)), table("other", subnets=("b",)))
    found = plan_endpoints(seen, CATALOG, PlanInput((), OWNER, unsure=unsure, dns=READ))
    assert only(found, ActionKind.CREATE_INTERFACE_ENDPOINT).error == (
        "it isn't known whether they have to: rtb-main leads addresses that prefix lists share to igw-1 or nat-1, and "
        "AWS doesn't say to which"
    )


@pytest.mark.parametrize("kind", list(ActionKind))
def test_a_tag_that_cant_be_read_holds_back_whatever_is_made_and_nothing_that_is_taken_away(kind: ActionKind) -> None:
    from lifeline.core.plan.actions import REMOVALS  # noqa: PLC0415
    from lifeline.core.plan.uncertain import hold_back  # noqa: PLC0415

    (action,) = hold_back([Action(kind, "why")], vpc(subnet("a")), ("the tag is wrong",))
    assert action.is_planned is (kind in REMOVALS)


def test_a_misspelt_service_is_blocked_with_the_nearest_name() -> None:
    need = (Requirement("monitorng", frozenset({"subnet-a"}), per_zone=True),)
    names = frozenset({"monitoring", "logs"})
    found = plan_endpoints(vpc(subnet("a")), CATALOG, PlanInput(need, OWNER, dns=READ, known_names=names))
    assert only(found, ActionKind.CREATE_INTERFACE_ENDPOINT).error == (
        "the region offers no endpoint service named monitorng; did you mean monitoring?"
    )


def test_wrong_tags_are_a_persons_to_correct() -> None:
    found = plan(vpc(subnet("a"), endpoint(MONITORING, "a")), problems=("subnet-a: the tag x is 'y'",))
    action = only(found, ActionKind.CORRECT_TAG)
    assert (action.status, action.error) == (Status.BLOCKED, "subnet-a: the tag x is 'y'")
