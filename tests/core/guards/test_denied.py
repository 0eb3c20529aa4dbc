"""What a policy denied is left as it was, in the same words, and nothing else is."""

from dataclasses import replace

from lifeline.core.guards.denied import denied_among, without_denied
from lifeline.core.plan.actions import Action, ActionKind, Plan, Status

CREATE = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "why", service="monitoring", client_token="t-1")
GROUP = Action(ActionKind.CREATE_SECURITY_GROUP, "why")
OPEN = Action(ActionKind.OPEN_SECURITY_GROUP, "why", security_group_id="sg-1")


def plan(*actions: Action) -> Plan:
    return Plan("vpc-1", (), actions)


def test_only_what_a_policy_denied_is_kept() -> None:
    failed = replace(OPEN, status=Status.FAILED, error="no room")
    assert denied_among([CREATE.denied("an SCP"), failed, GROUP]) == {"create_interface_endpoint monitoring": "an SCP"}


def test_it_fails_again_in_the_same_words_whatever_has_changed_about_it() -> None:
    again = replace(CREATE, security_group_id="sg-1", subnet_ids=("subnet-9",), client_token="t-2")
    other = replace(CREATE, service="logs")
    left = without_denied(plan(again, other, GROUP), denied_among([CREATE.denied("an SCP")]))
    assert [(one.status, one.error) for one in left.actions] == [
        (Status.FAILED, "an SCP"),
        (Status.PLANNED, ""),
        (Status.PLANNED, ""),
    ]


def test_another_group_is_another_action() -> None:
    denied = denied_among([OPEN.denied("an SCP")])
    assert without_denied(plan(OPEN), denied).planned == ()
    other = plan(replace(OPEN, security_group_id="sg-2"))
    assert without_denied(other, denied) is other


def test_what_another_zone_denied_is_tried() -> None:
    associate = replace(CREATE, kind=ActionKind.SWAP_TO_CENTRAL, central_ids=("Z1",))
    denied = denied_among([associate.denied("an SCP")])
    assert without_denied(plan(associate), denied).planned == ()
    other = plan(replace(associate, central_ids=("Z2",)))
    assert without_denied(other, denied) is other


def test_what_others_block_stays_blocked() -> None:
    blocked = plan(CREATE.blocked("frozen"))
    assert without_denied(blocked, denied_among([CREATE.denied("an SCP")])) is blocked


def test_a_denied_association_is_not_kept_because_an_endpoint_is_made_in_its_place() -> None:
    assert not denied_among([replace(CREATE, kind=ActionKind.ASSOCIATE_CENTRAL).denied("by an SCP")])
