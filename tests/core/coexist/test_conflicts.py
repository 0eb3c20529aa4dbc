"""What others undid: what counts, what doesn't, and whose hand it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.coexist.conflicts import (
    MOST,
    WINDOW,
    Conflict,
    Reversal,
    attribute,
    count,
    delete,
    freeze_for,
    leave_others_rules,
    reversal_words,
    to_freeze,
    with_done,
)
from lifeline.core.coexist.effects import Effect, EffectKind, EffectState, VpcSnapshot, effects_of, find_effect_state
from lifeline.core.guards.freeze import DNS_ATTRIBUTES, EVERYTHING, SECURITY_GROUP, Freeze, FreezeKind
from lifeline.core.history.change import Change
from lifeline.core.network.model import (
    SECURITY_GROUP_NAME,
    Endpoint,
    EndpointState,
    Part,
    SecurityGroup,
    TargetKind,
    Unread,
    Vpc,
)
from lifeline.core.network.ports import HTTPS
from lifeline.core.notices.conflict import Frozen, frozen_notice
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceReport, ServiceState, Status
from lifeline.core.plan.security_group import close_words
from lifeline.core.policy.endpoint_policies import policy_print
from tests.support.builders import (
    MONITORING,
    NARROW_POLICY,
    OWNER,
    S3,
    SHUT_POLICY,
    VPC_ID,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    plan,
    subnet,
    table,
    vpc,
)

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)
MADE = frozenset(
    {
        Effect(EffectKind.ENDPOINT, "vpce-1"),
        Effect(EffectKind.PRIVATE_DNS, "vpce-1"),
        Effect(EffectKind.GROUP_OFF, "vpce-1", "sg-own"),
        Effect(EffectKind.SUBNET, "vpce-1", "subnet-a"),
        Effect(EffectKind.POLICY, "vpce-1"),
        Effect(EffectKind.DNS_RECORDS, "vpce-1"),
    }
)
GROUP = frozenset({Effect(EffectKind.GROUP, "sg-own"), Effect(EffectKind.RULE, "sg-own", "10.0.0.0/16")})
SUBNET = subnet("a")
SERVED = vpc(SUBNET, own_security_group(), endpoint(MONITORING, "a"))
FOREIGN = endpoint(MONITORING, "a", own=False, id="vpce-2")


def snapshot(network: Vpc, found: Plan | None = None, **more: Any) -> VpcSnapshot:
    return replace(VpcSnapshot(network, found or plan(network, **more.pop("wishes", {})), OWNER, NOW), **more)


def conflict(effects: frozenset[Effect] = MADE, *times: datetime) -> Conflict:
    return Conflict(effects, BEFORE, tuple(reversal(time) for time in times))


def reversal(at: datetime = NOW, kind: EffectKind = EffectKind.ENDPOINT, id_: str = "vpce-1", **more: Any) -> Reversal:
    return replace(Reversal(at, kind, id_), **more)


def undone(network: Vpc, key: str = "monitoring", effects: frozenset[Effect] = MADE, **more: Any) -> list[str]:
    """What a look counts, in words."""
    found = count({key: conflict(effects)}, snapshot(network, **more)).get(key, Conflict())
    return [reversal_words(one) for one in found.reversals]


# ---- what counts


def test_while_all_stands_nothing_is_counted_and_nothing_changes() -> None:
    known = {"monitoring": conflict(), SECURITY_GROUP: conflict(GROUP)}
    assert count(known, snapshot(SERVED)) == known


def other_group() -> SecurityGroup:
    return SecurityGroup("sg-other", "other", ())


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (vpc(SUBNET, own_security_group()), "vpce-1 was deleted"),
        (vpc(SUBNET, own_security_group(), endpoint(MONITORING, state=EndpointState.DELETING)), "vpce-1 was deleted"),
        (
            vpc(SUBNET, own_security_group(), endpoint(MONITORING, "a", private_dns=False)),
            "private DNS for vpce-1 was turned off",
        ),
        (
            vpc(
                SUBNET,
                own_security_group(),
                other_group(),
                endpoint(MONITORING, "a", security_group_ids=frozenset({"sg-other"})),
            ),
            "security group sg-own was removed from vpce-1",
        ),
        (vpc(SUBNET, own_security_group(), endpoint(MONITORING)), "subnet-a was removed from vpce-1"),
        (
            vpc(SUBNET, own_security_group(), endpoint(MONITORING, "a", policy=SHUT_POLICY)),
            "the policy of vpce-1 was changed so that it no longer allows the service",
        ),
    ],
)
def test_each_way_to_undo_an_interface_endpoint_counts_once(network: Vpc, words: str) -> None:
    assert undone(network) == [words]


@pytest.mark.parametrize(
    ("given", "found", "words"),
    [
        (NARROW_POLICY, NARROW_POLICY, []),
        (NARROW_POLICY, NARROW_POLICY.replace(" ", ""), []),
        (NARROW_POLICY, "", ["the policy of vpce-1 was changed"]),
        ("", NARROW_POLICY, []),  # of the default policy, only that it lets nobody in is a loss
        ("", "", []),
        (SHUT_POLICY, SHUT_POLICY, []),  # named by people, who let nobody in
    ],
)
def test_a_policy_that_lifeline_gave_counts_once_it_says_more_or_less(given: str, found: str, words: list[str]) -> None:
    effects = frozenset({Effect(EffectKind.POLICY, "vpce-1", policy_print(given))})
    network = vpc(SUBNET, own_security_group(), endpoint(MONITORING, "a", policy=found))
    again = Action(ActionKind.RESET_POLICY, "the policy asks for it", service="monitoring", endpoint_id="vpce-1")
    assert undone(network, effects=effects, found=replace(plan(network), actions=(again,))) == words


def test_while_its_named_policy_cannot_be_used_the_one_that_lifeline_gave_stays_on_record() -> None:
    named, default = (Effect(EffectKind.POLICY, "vpce-1", policy_print(given)) for given in (NARROW_POLICY, ""))
    again = Action(ActionKind.RESET_POLICY, "it is shut", service="monitoring", endpoint_id="vpce-1")
    for policy in ("", SHUT_POLICY):
        network = vpc(SUBNET, own_security_group(), endpoint(MONITORING, "a", policy=policy))
        found = replace(plan(network), actions=(again,))
        known = {"monitoring": conflict(frozenset({named}))}
        assert count(known, snapshot(network, found, unjudged=frozenset({"vpce-1"}))) == known
        assert count(known, snapshot(network, found, unjudged=frozenset({"vpce-2"}))) != known
    effects = frozenset({default})  # of which only that it lets nobody in is a loss
    words = "the policy of vpce-1 was changed so that it no longer allows the service"
    assert undone(network, effects=effects, found=found, unjudged=frozenset({"vpce-1"})) == [words]


def test_where_groups_were_not_read_only_what_is_undone_besides_counts() -> None:
    without = Unread(Part.SECURITY_GROUPS, "AccessDenied")
    off = endpoint(MONITORING, "a", security_group_ids=frozenset(), private_dns=False)
    assert undone(vpc(SUBNET, off, unread=(without,))) == ["private DNS for vpce-1 was turned off"]
    bare = replace(off, private_dns=True)
    known = {"monitoring": conflict()}
    assert count(known, snapshot(vpc(SUBNET, bare, unread=(without,)))) == known


def test_of_several_things_that_are_undone_at_once_the_gravest_is_named() -> None:
    changed = endpoint(MONITORING, "a", security_group_ids=frozenset({"sg-other"}), policy=SHUT_POLICY)
    both = vpc(SUBNET, own_security_group(), other_group(), changed)
    assert undone(both) == ["security group sg-own was removed from vpce-1"]


def test_a_route_table_that_is_taken_off_counts_and_one_that_is_gone_does_not() -> None:
    effects = frozenset({Effect(EffectKind.ENDPOINT, "vpce-1"), Effect(EffectKind.ROUTE_TABLE, "vpce-1", "rtb-main")})
    off = vpc(SUBNET, table(), gateway())
    assert undone(off, "s3", effects, found=plan(off, "s3")) == ["rtb-main was removed from vpce-1"]
    gone = frozenset({Effect(EffectKind.ENDPOINT, "vpce-1"), Effect(EffectKind.ROUTE_TABLE, "vpce-1", "rtb-old")})
    assert undone(off, "s3", gone, found=plan(off, "s3")) == []


def test_what_all_endpoints_share_counts_by_itself() -> None:
    revoked = vpc(SUBNET, own_security_group("192.168.0.0/16"), endpoint(MONITORING, "a"))
    assert undone(revoked, SECURITY_GROUP, GROUP) == [
        "the rule for port 443 from 10.0.0.0/16 was revoked in security group sg-own"
    ]
    assert undone(vpc(SUBNET), SECURITY_GROUP, GROUP) == ["security group sg-own was deleted"]
    off = vpc(SUBNET, own_security_group(), endpoint(MONITORING, "a"), dns_support=False)
    effects = frozenset({Effect(EffectKind.ATTRIBUTE, VPC_ID, "enableDnsSupport")})
    found = plan(off, fix_dns=True)
    assert undone(off, DNS_ATTRIBUTES, effects, found=found) == [f"enableDnsSupport of {VPC_ID} was turned off"]
    assert undone(SERVED, DNS_ATTRIBUTES, effects) == []
    known = {DNS_ATTRIBUTES: conflict(effects)}
    assert count(known, snapshot(SERVED)) == known


def test_a_rule_for_another_port_is_that_ports() -> None:
    made = Action(ActionKind.OPEN_SECURITY_GROUP, "why", cidrs=("10.0.0.0/16",), security_group_id="sg-own")
    effects = frozenset(effects_of(replace(made, ports=((443, 443), (9142, 9142), (1024, 1064))), VPC_ID))
    rule = own_security_group().ingress[0]
    there = own_security_group(ingress=(rule, replace(rule, from_port=1024, to_port=9142)))
    assert undone(vpc(SUBNET, there, endpoint(MONITORING, "a")), SECURITY_GROUP, effects) == []
    revoked = own_security_group(ingress=(rule, replace(rule, from_port=1024, to_port=1064)))
    smtp = replace(endpoint(MONITORING, "a"), service_name="com.amazonaws.us-east-1.cassandra")
    assert undone(vpc(SUBNET, revoked, smtp), SECURITY_GROUP, effects) == [
        "the rule from 10.0.0.0/16 on port 9142 was revoked in security group sg-own"
    ]


def test_the_same_look_twice_counts_once() -> None:
    once = count({"monitoring": conflict()}, snapshot(vpc(SUBNET, own_security_group())))
    assert len(once["monitoring"].reversals) == 1
    assert count(once, snapshot(vpc(SUBNET, own_security_group()))) == once


# ---- what doesn't


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(vpc(SUBNET, own_security_group(), FOREIGN), id="others serve it"),
        pytest.param(vpc(own_security_group()), id="nothing requires it"),
        pytest.param(
            vpc(SUBNET, own_security_group(), endpoint(MONITORING, "a", own=False)), id="its tag is gone: theirs"
        ),
        pytest.param(
            vpc(SUBNET, own_security_group(), endpoint(MONITORING, "a", state=EndpointState.FAILED)), id="AWS failed it"
        ),
        pytest.param(
            vpc(subnet("b", "us-east-1b"), own_security_group(), endpoint(MONITORING)), id="its subnet is gone"
        ),
    ],
)
def test_what_is_no_fight_is_not_counted_and_its_claims_end(network: Vpc) -> None:
    assert undone(network) == []
    left = count({"monitoring": conflict()}, snapshot(network)).get("monitoring", Conflict())
    assert count({"monitoring": left}, snapshot(SERVED)).get("monitoring", left).reversals == ()


@pytest.mark.parametrize(
    "excuse", [{"failed": frozenset({"monitoring"})}, {"idle": frozenset({"vpce-1"})}, {"fresh": frozenset({"vpce-1"})}]
)
def test_what_aws_failed_nothing_required_or_ec2_does_not_show_yet_is_not_undone(excuse: dict[str, Any]) -> None:
    assert undone(vpc(SUBNET, own_security_group()), **excuse) == []


def test_a_group_whose_tag_is_gone_is_theirs_and_a_block_that_the_vpc_lost_needs_no_rule() -> None:
    theirs = vpc(SUBNET, SecurityGroup("sg-own", SECURITY_GROUP_NAME, ()), endpoint(MONITORING, "a"))
    assert undone(theirs, SECURITY_GROUP, GROUP) == []
    untagged = replace(own_security_group("192.168.0.0/16"), tags=())
    assert undone(vpc(SUBNET, untagged, endpoint(MONITORING, "a")), SECURITY_GROUP, GROUP) == []
    old = GROUP | {Effect(EffectKind.RULE, "sg-own", "10.9.0.0/16")}
    assert undone(SERVED, SECURITY_GROUP, old) == []
    for group in (untagged, own_security_group(on_record=False)):
        there = vpc(SUBNET, group, endpoint(MONITORING, "a"))
        assert count({SECURITY_GROUP: conflict(GROUP)}, snapshot(there)) == {}
    assert count({SECURITY_GROUP: conflict(old)}, snapshot(SERVED)) == {SECURITY_GROUP: conflict(GROUP)}


@pytest.mark.parametrize("kind", [ActionKind.RETIRE_ENDPOINT, ActionKind.REPLACE_ENDPOINT])
def test_what_lifeline_gives_up_itself_is_forgotten_even_if_the_call_gets_lost(kind: ActionKind) -> None:
    giving = Plan(VPC_ID, (), (Action(kind, "why", service="monitoring", endpoint_id="vpce-1"),))
    assert count({"monitoring": conflict()}, snapshot(SERVED, giving)) == {}


def test_parts_that_lifeline_gives_up_are_forgotten_and_the_rest_still_stands() -> None:
    off = Action(ActionKind.DISABLE_PRIVATE_DNS, "why", service="monitoring", endpoint_id="vpce-1")
    less = Action(
        ActionKind.REMOVE_SUBNETS, "why", service="monitoring", endpoint_id="vpce-1", subnet_ids=("subnet-a",)
    )
    (found,) = count({"monitoring": conflict()}, snapshot(SERVED, Plan(VPC_ID, (), (off, less)))).values()
    stands = {EffectKind.ENDPOINT, EffectKind.GROUP_OFF, EffectKind.POLICY, EffectKind.DNS_RECORDS}
    assert {one.kind for one in found.effects} == stands


def test_what_was_given_up_ends_its_claims_whoever_planned_it() -> None:
    gone = Action(ActionKind.RETIRE_ENDPOINT, "why", service="monitoring", endpoint_id="vpce-1", status=Status.DONE)
    known = {"monitoring": conflict(), SECURITY_GROUP: conflict(GROUP)}
    assert with_done(known, VPC_ID, [gone], NOW) == {SECURITY_GROUP: conflict(GROUP)}
    assert with_done(known, VPC_ID, [replace(gone, status=Status.FAILED)], NOW) == known


def test_while_everything_is_frozen_nothing_is_counted() -> None:
    teardown = {EVERYTHING: Freeze(FreezeKind.TEARDOWN, NOW, "why", until=NOW + timedelta(hours=1))}
    assert undone(vpc(SUBNET, own_security_group()), frozen=teardown) == []


def test_a_change_that_ec2_may_not_show_yet_is_left_for_a_later_look() -> None:
    young = replace(conflict(), done_at=NOW - timedelta(seconds=4))
    assert count({"monitoring": young}, snapshot(vpc(SUBNET, own_security_group()))) == {"monitoring": young}


def test_while_it_may_still_be_done_again_the_claim_is_kept() -> None:
    """An endpoint that others changed is pending for a while: EC2 takes no change then, and the plan has none."""
    pending = vpc(
        SUBNET, own_security_group(), endpoint(MONITORING, "a", private_dns=False, state=EndpointState.PENDING)
    )
    between = count({"monitoring": conflict()}, snapshot(pending))
    assert between["monitoring"].reversals == ()
    after = vpc(SUBNET, own_security_group(), endpoint(MONITORING, "a", private_dns=False))
    assert len(count(between, snapshot(after))["monitoring"].reversals) == 1


@pytest.mark.parametrize(
    ("state", "is_kept"),
    [(ServiceState.SERVED, False), (ServiceState.CENTRAL, False), (ServiceState.PENDING, True)],
)
def test_what_is_gone_and_served_by_others_now_is_not_missed_later(state: ServiceState, *, is_kept: bool) -> None:
    found = Plan(VPC_ID, (), (), (ServiceReport("monitoring", state),))
    left = count({"monitoring": conflict()}, snapshot(vpc(SUBNET, own_security_group()), found))
    assert bool(left) is is_kept


@pytest.mark.parametrize(
    "other",
    [
        endpoint(MONITORING, "a", id="vpce-2", private_dns=False),
        endpoint(MONITORING, "a", id="vpce-2", state=EndpointState.FAILED),
    ],
)
def test_an_endpoint_that_is_deleted_is_missed_where_another_of_lifelines_takes_its_place(other: Endpoint) -> None:
    assert undone(vpc(SUBNET, own_security_group(), other)) == ["vpce-1 was deleted"]


def test_only_what_the_plan_does_again_for_the_very_service_is_counted() -> None:
    dark = vpc(SUBNET, own_security_group(), endpoint(MONITORING, private_dns=False))
    (found,) = count({"monitoring": conflict()}, snapshot(dark)).values()
    assert [reversal_words(one) for one in found.reversals] == ["private DNS for vpce-1 was turned off"]
    assert Effect(EffectKind.SUBNET, "vpce-1", "subnet-a") in found.effects  # to be added once the name is back
    gone = vpc(SUBNET, own_security_group())
    assert undone(gone, found=plan(gone, "ec2")) == []


def test_what_is_frozen_already_is_no_longer_counted_and_what_led_to_it_stays() -> None:
    old = [NOW - timedelta(days=9)] * 3
    frozen = {"monitoring": Freeze(FreezeKind.CONFLICT, NOW - timedelta(days=9), "why")}
    known = {"monitoring": conflict(MADE, *old)}
    (found,) = count(known, snapshot(vpc(SUBNET, own_security_group()), frozen=frozen)).values()
    assert [one.at for one in found.reversals] == old


# ---- three within a day


@given(ages=st.lists(st.integers(0, 72), max_size=8))
def test_only_what_is_younger_than_a_day_counts(ages: list[int]) -> None:
    times = [NOW - timedelta(hours=age) for age in ages]
    known = count({"monitoring": conflict(MADE, *times)}, snapshot(SERVED))
    young = [time for time in times if NOW - time < WINDOW]
    assert [one.at for one in known["monitoring"].reversals] == young
    assert to_freeze(known, {}) == (("monitoring",) if len(young) >= MOST else ())


def test_what_is_frozen_for_another_reason_is_not_frozen_over() -> None:
    known = {"monitoring": conflict(MADE, NOW, NOW, NOW)}
    assert to_freeze(known, {"monitoring": Freeze(FreezeKind.CLAIM, NOW, "theirs")}) == ()


def test_the_freeze_names_the_last_hand_that_is_known() -> None:
    known = replace(
        conflict(),
        reversals=(reversal(BEFORE, actor="bob", event_id="e-1", event_name="DeleteVpcEndpoints"), reversal()),
    )
    found = freeze_for(known, NOW)
    assert (found.kind, found.actor, found.event_id, found.until) == (FreezeKind.CONFLICT, "bob", "e-1", None)
    assert "most recently by bob (DeleteVpcEndpoints)" in found.why
    both = replace(known, reversals=(*known.reversals, reversal(actor="carol", event_name="ModifyVpcEndpoint")))
    assert freeze_for(both, NOW).actor == "carol"
    unknown = replace(conflict(), reversals=(reversal(BEFORE), reversal(kind=EffectKind.PRIVATE_DNS)))
    assert freeze_for(unknown, NOW).why.endswith("most recently when private DNS for vpce-1 was turned off")
    assert freeze_for(conflict(MADE, NOW, NOW, NOW), NOW).why == (
        "Lifeline's changes were reverted 3 times within 24 hours, most recently when vpce-1 was deleted"
    )


@pytest.mark.parametrize("keys", [["monitoring"], [EVERYTHING]])
def test_forgetting_keeps_what_is_done(keys: list[str]) -> None:
    known = {"monitoring": conflict(MADE, NOW), "logs": conflict(frozenset(), NOW)}
    assert delete(known, keys)["monitoring"] == conflict(MADE)
    assert ("logs" in delete(known, keys)) == (keys != [EVERYTHING])


# ---- what was done


def test_an_endpoint_that_was_made_claims_all_that_was_asked_for() -> None:
    action = Action(
        ActionKind.CREATE_INTERFACE_ENDPOINT,
        "why",
        service="monitoring",
        subnet_ids=("subnet-a",),
        endpoint_id="vpce-1",
        security_group_id="sg-own",
        status=Status.DONE,
    )
    group = Action(
        ActionKind.CREATE_SECURITY_GROUP, "why", cidrs=("10.0.0.0/16",), security_group_id="sg-own", status=Status.DONE
    )
    known = with_done({}, VPC_ID, [action, group], NOW)
    assert known == {"monitoring": Conflict(MADE, NOW), SECURITY_GROUP: Conflict(GROUP, NOW)}
    assert with_done({}, VPC_ID, [replace(action, status=Status.FAILED)], NOW) == {}


def test_only_what_gives_up_or_is_a_persons_claims_nothing() -> None:
    silent = {
        kind
        for kind in ActionKind
        if not list(effects_of(Action(kind, "why", cidrs=("c",), attributes=("a",), subnet_ids=("s",)), VPC_ID))
    }
    assert silent == {
        ActionKind.DISABLE_PRIVATE_DNS,
        ActionKind.ASSOCIATE_CENTRAL,  # on record by itself: `core/coexist/associated.py`
        ActionKind.SWAP_TO_LOCAL,
        ActionKind.SWAP_TO_CENTRAL,
        ActionKind.DISASSOCIATE_CENTRAL,
        ActionKind.RESTORE_LOCAL,
        ActionKind.DELETE_AUTHORIZATION,
        ActionKind.REMOVE_SUBNETS,
        ActionKind.REMOVE_ROUTE_TABLES,
        ActionKind.MEND_ROUTE,
        ActionKind.AWAIT_ENDPOINT,
        ActionKind.MEND_POLICY,
        ActionKind.OPEN_NETWORK_ACL,
        ActionKind.CLOSE_SECURITY_GROUP,
        ActionKind.RETIRE_ENDPOINT,
        ActionKind.DELETE_SECURITY_GROUP,
        ActionKind.CONFIRM_OWNERSHIP,
        ActionKind.CORRECT_TAG,
    }


MAIL = (587, 587)
CLOSE = Action(
    ActionKind.CLOSE_SECURITY_GROUP, "why", cidrs=("10.0.0.0/16",), security_group_id="sg-own", status=Status.DONE
)


def rules(*parts: str, group_id: str = "sg-own") -> frozenset[Effect]:
    return frozenset(Effect(EffectKind.RULE, group_id, part) for part in parts)


@pytest.mark.parametrize(
    ("closed", "kept"),
    [
        pytest.param(CLOSE, rules("10.0.0.0/16 on port 587", "10.1.0.0/16"), id="on one port"),
        pytest.param(replace(CLOSE, ports=(MAIL,)), rules("10.0.0.0/16", "10.1.0.0/16"), id="on another"),
        pytest.param(replace(CLOSE, ports=(*HTTPS, MAIL)), rules("10.1.0.0/16"), id="on all"),
        pytest.param(replace(CLOSE, security_group_id="sg-2"), None, id="in another group"),
        pytest.param(replace(CLOSE, status=Status.PLANNED), None, id="not yet"),
    ],
)
def test_a_rule_that_was_removed_is_claimed_no_more(closed: Action, kept: frozenset[Effect] | None) -> None:
    before = rules("10.0.0.0/16", "10.0.0.0/16 on port 587", "10.1.0.0/16")
    group = frozenset({Effect(EffectKind.GROUP, "sg-own")})
    known = {SECURITY_GROUP: conflict(group | before)}
    assert with_done(known, VPC_ID, [closed], NOW)[SECURITY_GROUP].effects == group | (before if kept is None else kept)


@pytest.mark.parametrize(
    ("cidr", "tags", "state"),
    [
        ("10.0.0.0/16", own_security_group().tags, EffectState.LOST),
        ("10.1.0.0/16", own_security_group().tags, EffectState.FORGOTTEN),
        ("10.0.0.0/16", (), EffectState.FORGOTTEN),
    ],
    ids=["for the VPC", "for a block that the VPC had", "of a group without its tag"],
)
def test_a_rule_that_is_gone_is_missed_while_the_vpc_needs_it_and_the_group_is_lifelines(
    cidr: str, tags: tuple[tuple[str, str], ...], state: EffectState
) -> None:
    network = vpc(SUBNET, own_security_group(ingress=(), tags=tags))
    (rule,) = rules(cidr)
    assert find_effect_state(SECURITY_GROUP, rule, snapshot(network)) is state


# ---- which rules may be removed


def left(action: Action, effects: frozenset[Effect]) -> list[tuple[Status, tuple[str, ...]]]:
    planned = Plan(VPC_ID, (), (replace(action, status=Status.PLANNED),))
    found = leave_others_rules(planned, {SECURITY_GROUP: conflict(effects)}).actions
    assert all(one.error == (close_words("sg-own", one.cidrs) if one.is_blocked else "") for one in found)
    return [(one.status, one.cidrs) for one in found]


def test_only_rules_that_lifeline_is_on_record_to_have_added_are_removed() -> None:
    both = replace(CLOSE, cidrs=("10.0.0.0/16", "10.1.0.0/16"))
    assert left(both, rules(*both.cidrs)) == [(Status.PLANNED, both.cidrs)]
    assert left(both, rules("10.1.0.0/16")) == [(Status.PLANNED, both.cidrs[1:]), (Status.BLOCKED, both.cidrs[:1])]
    assert left(both, rules(*both.cidrs, group_id="sg-2")) == [(Status.BLOCKED, both.cidrs)]


def test_a_block_that_was_let_in_on_some_of_the_ports_only_is_not_removed() -> None:
    action = replace(CLOSE, ports=(*HTTPS, MAIL))
    assert left(action, rules("10.0.0.0/16")) == [(Status.BLOCKED, CLOSE.cidrs)]
    assert left(action, rules("10.0.0.0/16", "10.0.0.0/16 on port 587")) == [(Status.PLANNED, CLOSE.cidrs)]


def test_all_else_of_the_plan_is_left_as_it_is() -> None:
    opened = Action(ActionKind.OPEN_SECURITY_GROUP, "why", cidrs=("10.0.0.0/16",), security_group_id="sg-own")
    actions = (opened, replace(CLOSE, cidrs=()).blocked("a person's"), CLOSE.blocked("frozen"))
    assert leave_others_rules(Plan(VPC_ID, (), actions), {}).actions == actions


# ---- whose hand it was


def change(at: datetime, name: str = "DeleteVpcEndpoints", *ids: str, event_id: str = "e-1") -> Change:
    return Change(at, event_id, name, "bob", frozenset(ids or ("vpce-1",)))


def test_the_record_of_the_right_call_of_the_right_resource_names_the_hand() -> None:
    (found,) = attribute([reversal(since=BEFORE)], [change(NOW - timedelta(minutes=3))])
    assert (found.actor, found.event_id, found.at) == ("bob", "e-1", NOW - timedelta(minutes=3))


def test_a_record_has_whole_seconds_so_one_of_the_second_that_it_was_done_in_counts() -> None:
    (found,) = attribute([reversal(since=BEFORE + timedelta(milliseconds=900))], [change(BEFORE)])
    assert found.actor == "bob"


@pytest.mark.parametrize(
    "record",
    [
        change(NOW, "ModifyVpcEndpoint"),
        change(NOW, "DeleteVpcEndpoints", "vpce-2"),
        change(BEFORE - timedelta(minutes=1)),
        change(NOW + timedelta(minutes=1)),
    ],
)
def test_another_call_resource_or_time_names_nobody(record: Change) -> None:
    assert attribute([reversal(since=BEFORE)], [record]) == (reversal(since=BEFORE),)


@pytest.mark.parametrize("call", ["RevokeSecurityGroupIngress", "ModifySecurityGroupRules"])
def test_a_rule_is_lost_by_either_call(call: str) -> None:
    (found,) = attribute([reversal(NOW, EffectKind.RULE, "sg-own", since=BEFORE)], [change(NOW, call, "sg-own")])
    assert (found.actor, found.event_name) == ("bob", call)


def test_of_several_records_the_latest_names_the_hand() -> None:
    earlier, later = change(BEFORE, event_id="e-1"), change(NOW - timedelta(minutes=3), event_id="e-2")
    for records in ((earlier, later), (later, earlier)):
        assert attribute([reversal(since=BEFORE)], records)[0].event_id == "e-2"


def test_one_record_stands_for_one_undoing() -> None:
    revoked = [reversal(NOW, EffectKind.RULE, "sg-own", since=BEFORE)] * 2
    record = change(NOW, "RevokeSecurityGroupIngress", "sg-own")
    found = attribute(revoked, [record])
    assert [one.event_id for one in found] == ["e-1", ""]
    assert [one.event_id for one in attribute(found, [record])] == ["e-1", ""]


# ---- the notice


def notice_of(network: Vpc, conflicts: dict[str, Conflict], *services: str) -> str:
    found = plan(network, *(services or ("monitoring",)))
    clients = {"monitoring": ("subnet-a", "subnet-b"), "s3": ("subnet-a",)}
    frozen = Frozen(found, conflicts, clients, {"monitoring": ("monitoring.us-east-1.amazonaws.com",)}, "lifeline")
    notice = frozen_notice(frozen)
    assert notice.kind == "frozen"
    assert len(notice.subject) <= 100
    assert notice.text.isascii()
    return notice.subject + "\n" + notice.text


def test_the_notice_says_who_when_what_it_means_and_how_to_go_on() -> None:
    named = reversal(BEFORE, actor="net/bob", event_id="e-1", event_name="DeleteVpcEndpoints")
    text = notice_of(vpc(SUBNET), {"monitoring": Conflict(reversals=(named, reversal(), reversal()))})
    assert text.startswith(f"[lifeline] monitoring endpoint frozen in {VPC_ID}: reverted 3 times by net/bob")
    flat = " ".join(text.split())
    assert "- 2026-03-02 09:00:00 UTC: vpce-1 was deleted (DeleteVpcEndpoints by net/bob)" in flat
    assert "  CloudTrail event: e-1\n" in text
    assert flat.count("by an unknown actor (no CloudTrail event found)") == 2
    assert "None of Lifeline's endpoints serves monitoring.us-east-1.amazonaws.com now." in flat
    assert "These subnets can't reach the monitoring service: subnet-a." in flat
    assert f"""'{{"vpc_ids": ["{VPC_ID}"], "unfreeze": ["monitoring"]}}'""" in text
    assert f'{{"vpc_id": "{VPC_ID}", "services": ["monitoring"], "reason": "say why"}}' in text
    assert "Scope" not in text
    assert f"--resources {VPC_ID} --tags Key=lifeline:exempt,Value=true" in text


def test_where_a_subnet_has_another_way_out_the_notice_says_so_and_how_to_leave_it_out() -> None:
    nat = vpc(SUBNET, table("main", default_route(TargetKind.NAT_GATEWAY)))
    text = notice_of(nat, {"monitoring": Conflict(reversals=(reversal(),) * 3)})
    assert "These subnets now need another path to the service: subnet-a." in " ".join(text.split())
    assert "can't reach" not in text
    assert '"where": {"tiers": ["isolated"]}' in text


def test_one_notice_tells_of_all_that_froze_at_once() -> None:
    conflicts = {
        "monitoring": Conflict(reversals=(reversal(),) * 3),
        SECURITY_GROUP: Conflict(reversals=(reversal(NOW, EffectKind.RULE, "sg-own", part="10.0.0.0/16"),) * 3),
    }
    text = notice_of(vpc(SUBNET), conflicts)
    assert '"unfreeze": ["monitoring", "security-group"]' in text
    assert "don't accept any traffic unless another group allows it" in " ".join(text.split())
    assert "security-group" not in text.splitlines()[0]
    assert S3 not in text


def test_a_canary_is_made_without_private_dns_so_its_being_off_is_nobodys_doing() -> None:
    made = Action(
        ActionKind.CREATE_INTERFACE_ENDPOINT, "why", service="monitoring", endpoint_id="vpce-1", private_dns=False
    )
    assert Effect(EffectKind.PRIVATE_DNS, "vpce-1") not in set(effects_of(made, VPC_ID))
    assert Effect(EffectKind.PRIVATE_DNS, "vpce-1") in set(effects_of(replace(made, private_dns=True), VPC_ID))
