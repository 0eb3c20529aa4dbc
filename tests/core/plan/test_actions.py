"""Actions: what each kind of them is, by what it does, and in which order they are made."""

from dataclasses import replace
from decimal import Decimal

import pytest

from lifeline.core.plan.actions import DELETES, NAMING, REMOVALS, Action, ActionKind, Plan, Status, in_order


@pytest.mark.parametrize("kind", ActionKind)
def test_a_kind_names_an_endpoint_takes_something_away_or_deletes_it(kind: ActionKind) -> None:
    names = {
        "create_interface_endpoint",
        "enable_private_dns",
        "replace_endpoint",
        "associate_central",
        "swap_to_local",
        "swap_to_central",
    }
    deletes = {"retire_endpoint", "delete_security_group"}
    takes_away = {
        "disable_private_dns",
        "disassociate_central",
        "restore_local",
        "delete_authorization",
        "remove_subnets",
        "remove_route_tables",
        "close_security_group",
        *deletes,
    }
    assert (kind in NAMING, kind in REMOVALS, kind in DELETES) == (kind in names, kind in takes_away, kind in deletes)


@pytest.mark.parametrize("kind", ActionKind)
def test_what_is_made_with_a_security_group_needs_one_while_it_is_planned(kind: ActionKind) -> None:
    action = Action(kind, "why")
    assert action.needs_security_group is (
        kind in {"attach_security_group", "create_interface_endpoint", "replace_endpoint"}
    )
    assert not any(replace(action, status=status).needs_security_group for status in Status if status != "planned")


def test_an_action_is_planned_until_something_becomes_of_it() -> None:
    action = Action(ActionKind.RETIRE_ENDPOINT, "why")
    made = (action, action.blocked("why not"), action.held("daily limit", "why not"), action.denied("AccessDenied"))
    done = replace(action, status=Status.DONE)
    assert [(one.is_planned, one.is_done, one.is_blocked, one.is_failed) for one in (*made, done)] == [
        (True, False, False, False),
        (False, False, True, False),
        (False, False, True, False),
        (False, False, False, True),
        (False, True, False, False),
    ]
    assert [(one.blocked_by, one.is_denied) for one in made] == [
        ("", False),
        ("", False),
        ("daily limit", False),
        ("", True),
    ]


def test_an_action_is_what_was_asked_for_with_private_dns_unless_it_says_otherwise() -> None:
    action = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "why")
    assert (action.private_dns, action.is_optional, action.is_denied, action.ports) == (
        True,
        False,
        False,
        ((443, 443),),
    )


def test_a_plan_has_work_while_an_action_is_planned_and_costs_nothing_by_itself() -> None:
    action = Action(ActionKind.RETIRE_ENDPOINT, "why")
    blocked = action.blocked("why not")
    assert [Plan("vpc-1", (), actions).has_work for actions in ((), (blocked,), (blocked, action))] == [
        False,
        False,
        True,
    ]
    assert Plan("vpc-1", (), (blocked, action)).planned == (action,)
    assert Plan("vpc-1", (), ()).monthly_cost_usd == Decimal(0)


def test_actions_are_made_in_the_order_of_their_kinds_then_services_then_endpoints() -> None:
    kinds = (ActionKind.FIX_DNS, ActionKind.CREATE_SECURITY_GROUP, ActionKind.CREATE_INTERFACE_ENDPOINT)
    made = [
        Action(kind, "why", service=service, endpoint_id=endpoint_id)
        for kind in kinds
        for service in ("ec2", "logs")
        for endpoint_id in ("vpce-1", "vpce-2")
    ]
    assert list(in_order(made[::-1])) == made
