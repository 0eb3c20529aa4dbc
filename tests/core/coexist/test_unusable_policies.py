"""Named endpoint policies that can't be used: whose policy somebody changed meanwhile is said, and nothing else."""

from dataclasses import replace

import pytest

from lifeline.core.coexist.conflicts import Conflict
from lifeline.core.coexist.effects import Effect, EffectKind
from lifeline.core.coexist.unusable_policies import changed_meanwhile, unusable_policies
from lifeline.core.network.model import Endpoint, EndpointState
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.policy.endpoint_policies import EndpointPolicies, StoredPolicy, policy_print
from tests.support.builders import (
    CATALOG,
    MONITORING,
    NARROW_POLICY,
    OWNER,
    SHUT_POLICY,
    endpoint,
    own_security_group,
    plan,
    subnet,
    vpc,
)

OWN = endpoint(MONITORING, "a")
GIVEN = Effect(EffectKind.POLICY, "vpce-1", policy_print(NARROW_POLICY))
WHY = {"vpce-1": "its endpoint policy /p/org doesn't exist"}


@pytest.mark.parametrize(
    ("named", "stored", "one", "words"),
    [
        ("org", "", OWN, "its endpoint policy /p/org doesn't exist"),
        ("org", SHUT_POLICY, OWN, "doesn't allow cloudwatch:PutMetricData to anybody"),
        ("org", NARROW_POLICY, OWN, ""),
        ("", "", OWN, ""),
        ("org", "", replace(OWN, tags=()), ""),  # not Lifeline's
        ("org", "", replace(OWN, state=EndpointState.DELETED), ""),
        ("org", "", replace(OWN, service_name="com.amazonaws.us-east-1.gone"), ""),
    ],
)
def test_why_a_named_policy_cannot_be_used_for_an_endpoint_of_lifelines(
    named: str, stored: str, one: Endpoint, words: str
) -> None:
    policies = EndpointPolicies(
        {"default": named} if named else {}, {"org": StoredPolicy(stored)} if stored else {}, prefix="/p/"
    )
    found = unusable_policies(vpc(subnet("a"), own_security_group(), one), policies, CATALOG, OWNER)
    assert found.keys() == ({"vpce-1"} if words else set())
    assert words in found.get("vpce-1", "")


def said(
    *effects: Effect, one: Endpoint = OWN, why: dict[str, str] = WHY, also: tuple[Action, ...] = ()
) -> list[Action]:
    network = vpc(subnet("a"), own_security_group(), one)
    found = plan(network, "monitoring")
    conflicts = {"monitoring": Conflict(frozenset(effects))}
    return list(changed_meanwhile(replace(found, actions=also), network, why, conflicts))


def test_a_policy_that_is_no_longer_the_one_that_lifeline_set_is_said_with_what_helps() -> None:
    (action,) = said(GIVEN)
    assert (action.kind, action.service, action.endpoint_id, action.subnet_ids, action.is_blocked) == (
        ActionKind.MEND_POLICY,
        "monitoring",
        "vpce-1",
        (),
        True,
    )
    why = "the policy of vpce-1 is no longer the one that Lifeline set, and can't be set again"
    assert action.reason == f"{why}: its endpoint policy /p/org doesn't exist"
    assert action.error == "mend the parameter, and Lifeline sets the policy again, or set it yourself"


def test_nothing_is_said_where_nothing_changed_or_lifeline_can_set_it_or_set_none_or_says_so_already() -> None:
    assert said(GIVEN, one=replace(OWN, policy=NARROW_POLICY)) == []
    assert said(GIVEN, why={}) == []
    assert said(GIVEN, why={"vpce-2": "it is gone"}) == []
    assert said() == []
    assert said(replace(GIVEN, part=""), one=replace(OWN, policy=NARROW_POLICY)) == []
    assert said(replace(GIVEN, kind=EffectKind.SUBNET)) == []
    assert said(replace(GIVEN, id="vpce-2")) == []
    reset = Action(ActionKind.RESET_POLICY, "it lets nobody in", endpoint_id="vpce-1")
    assert said(GIVEN, also=(reset,)) == []
    assert len(said(GIVEN, also=(replace(reset, endpoint_id="vpce-2"),))) == 1
    assert len(said(GIVEN, also=(replace(reset, kind=ActionKind.ADD_SUBNETS),))) == 1
    assert said(GIVEN, one=replace(OWN, private_dns=False)) == [], "it serves nobody"
