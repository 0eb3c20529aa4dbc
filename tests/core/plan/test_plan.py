"""What is missing, and what to do about it."""

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import (
    AclEntry,
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    NetworkAcl,
    RouteTable,
    Rule,
    SecurityGroup,
    Service,
    TargetKind,
    Tier,
    Vpc,
)
from lifeline.core.plan.actions import Action, ActionKind, ServiceState, Status
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.policy import Quotas, Requirement
from tests.support.builders import (
    MONITORING,
    OWNER,
    S3,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    plan,
    route,
    subnet,
    table,
    vpc,
)
from tests.support.reach_samples import TO_S3

IGW = TargetKind.INTERNET_GATEWAY
PUBLIC_MAIN = table("main", default_route(IGW))


def kinds(actions: tuple[Action, ...]) -> list[tuple[ActionKind, Status]]:
    return [(action.kind, action.status) for action in actions]


def only(network: Vpc, kind: ActionKind, *services: str, **more: Any) -> Action:
    (found,) = [action for action in plan(network, *services, **more).actions if action.kind is kind]
    return found


def test_an_isolated_subnet_gets_a_security_group_and_an_endpoint_with_reasons() -> None:
    found = plan(vpc(subnet("a"))).actions
    assert kinds(found) == [
        (ActionKind.CREATE_SECURITY_GROUP, Status.PLANNED),
        (ActionKind.CREATE_INTERFACE_ENDPOINT, Status.PLANNED),
    ]
    assert found[0].cidrs == ("10.0.0.0/16",)
    assert (found[1].service_name, found[1].subnet_ids) == (MONITORING, ("subnet-a",))
    assert "subnet-a (isolated) can't reach the monitoring service" in found[1].reason


def test_where_one_of_them_has_a_way_out_they_are_said_to_lack_a_private_one() -> None:
    nat = table("nat", default_route(TargetKind.NAT_GATEWAY), subnets=("b",))
    found = only(vpc(subnet("a"), subnet("b"), table(), nat), ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert "subnet-a (isolated) and subnet-b (egress) can't reach the monitoring service privately" in found.reason
    alone = only(vpc(subnet("a")), ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert "can't reach the monitoring service privately" not in alone.reason


@pytest.mark.parametrize(
    ("count", "last"), [(3, "and subnet-2 (isolated)"), (4, "and 1 more subnet"), (5, "and 2 more subnets")]
)
def test_of_many_subnets_three_are_named(count: int, last: str) -> None:
    network = vpc(*(subnet(str(place)) for place in range(count)))
    assert f"{last} can't reach the monitoring" in only(network, ActionKind.CREATE_INTERFACE_ENDPOINT).reason


def test_public_subnets_are_left_alone() -> None:
    found = plan(vpc(subnet("a"), PUBLIC_MAIN))
    assert (found.actions, found.tiers) == ((), (("subnet-a", Tier.PUBLIC),))


def test_why_a_subnet_with_a_route_out_is_served_as_isolated_is_noted() -> None:
    stranded = vpc(replace(subnet("a"), is_stranded=True), PUBLIC_MAIN)
    found = plan(stranded, tiers=frozenset({Tier.PUBLIC}))
    assert [note for note in found.notes if "subnet-a counts as isolated although a route of rtb-main" in note]
    assert not [note for note in plan(vpc(subnet("a"))).notes if "counts as isolated" in note]


def test_with_scope_isolated_a_subnet_behind_a_nat_gateway_needs_nothing() -> None:
    network = vpc(subnet("a"), table("main", default_route(TargetKind.NAT_GATEWAY)))
    assert plan(network, tiers=frozenset({Tier.ISOLATED})).actions == ()
    assert plan(network).actions


def test_one_subnet_in_each_zone_that_has_private_subnets() -> None:
    network = vpc(subnet("a"), subnet("a2"), subnet("b", "us-east-1b"), subnet("c", "us-east-1c"), table("main"))
    assert only(network, ActionKind.CREATE_INTERFACE_ENDPOINT).subnet_ids == ("subnet-a", "subnet-b", "subnet-c")


def test_coverage_vpc_is_content_with_one_zone() -> None:
    network = vpc(subnet("a", free=10), subnet("b", "us-east-1b", free=200))
    found = only(network, ActionKind.CREATE_INTERFACE_ENDPOINT, per_zone=False)
    assert found.subnet_ids == ("subnet-b",)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (subnet("z", free=200), subnet("a", free=100)),
        (subnet("a", free=100), subnet("z", free=100)),
        (subnet("z", free=5), subnet("pub", free=250)),
    ],
)
def test_isolated_before_public_then_free_addresses_then_the_id(better: object, worse: object) -> None:
    network = vpc(better, worse, table("main"), table("pub", default_route(IGW), subnets=("pub",)))  # type: ignore[arg-type]
    assert only(network, ActionKind.CREATE_INTERFACE_ENDPOINT).subnet_ids == (better.id,)  # type: ignore[attr-defined]


def test_a_full_subnet_gives_way_to_another_of_its_zone_even_a_public_one() -> None:
    network = vpc(
        subnet("full", free=3), subnet("pub", free=90), table("main"), table("p", default_route(IGW), subnets=("pub",))
    )
    assert only(network, ActionKind.CREATE_INTERFACE_ENDPOINT).subnet_ids == ("subnet-pub",)


@pytest.mark.parametrize(("free", "status"), [(4, Status.PLANNED), (3, Status.BLOCKED)])
def test_an_interface_is_only_put_where_four_addresses_are_free(free: int, status: Status) -> None:
    assert only(vpc(subnet("a", free=free)), ActionKind.CREATE_INTERFACE_ENDPOINT).status is status


def test_a_zone_without_the_service_is_served_from_another_zone_of_the_vpc() -> None:
    in_c = subnet("c", "us-east-1c")
    elsewhere = subnet("a")
    network = vpc(in_c, elsewhere, table("main"), table("pub", default_route(IGW), subnets=("a",)))
    found = only(network, ActionKind.CREATE_INTERFACE_ENDPOINT, "logs")  # logs is offered in us-east-1a only
    assert (found.subnet_ids, found.status) == (("subnet-a",), Status.PLANNED)


def test_local_zones_outposts_and_shared_subnets_hold_no_interface_but_are_served() -> None:
    network = vpc(
        subnet("lz", "us-east-1-bos-1a", zone_type="local-zone"),
        subnet("op", outpost_arn="arn:aws:outposts:us-east-1:1:outpost/op-1"),
        subnet("theirs", "us-east-1b", owner_id="999999999999"),
        subnet("ours", "us-east-1c", owner_id="123456789012"),
    )
    found = only(network, ActionKind.CREATE_INTERFACE_ENDPOINT, account_id="123456789012")
    assert found.subnet_ids == ("subnet-ours",)


def test_where_no_subnet_can_hold_an_interface_it_says_so_and_makes_no_group() -> None:
    found = plan(vpc(subnet("full", free=1))).actions
    assert kinds(found) == [(ActionKind.CREATE_INTERFACE_ENDPOINT, Status.BLOCKED)]
    assert "no subnet is suitable for the endpoint" in found[0].error


@pytest.mark.parametrize(
    ("attributes", "remedy"),
    [
        ({"dns_support": False}, "enableDnsSupport to be on: aws ec2 modify-vpc-attribute"),
        ({"dns_hostnames": False}, "--enable-dns-hostnames"),
    ],
)
def test_without_the_vpcs_dns_attributes_private_dns_is_blocked_with_the_remedy(
    attributes: dict[str, bool], remedy: str
) -> None:
    found = plan(vpc(subnet("a"), **attributes)).actions
    assert kinds(found) == [(ActionKind.CREATE_INTERFACE_ENDPOINT, Status.BLOCKED)]
    assert remedy in found[0].error


def test_a_service_that_the_region_does_not_offer_is_blocked_and_stops_no_other() -> None:
    found = plan(vpc(subnet("a")), "monitoring", "banana").actions
    assert [(action.service, action.status) for action in found if action.service] == [
        ("banana", Status.BLOCKED),
        ("monitoring", Status.PLANNED),
    ]


def test_ec2_does_not_find_ec2messages() -> None:
    found = only(vpc(subnet("a")), ActionKind.CREATE_INTERFACE_ENDPOINT, "ec2")
    assert found.service_name == "com.amazonaws.us-east-1.ec2"


@pytest.mark.parametrize("state", [EndpointState.AVAILABLE, EndpointState.PENDING, EndpointState.PENDING_ACCEPTANCE])
def test_an_endpoint_that_serves_or_will_serve_leaves_nothing_to_plan(state: EndpointState) -> None:
    assert plan(vpc(subnet("a"), endpoint(MONITORING, "a", state=state), own_security_group())).actions == ()


@pytest.mark.parametrize("state", [EndpointState.DELETING, EndpointState.DELETED])
def test_an_endpoint_that_is_going_counts_as_gone(state: EndpointState) -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a", state=state), own_security_group())
    found = only(network, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert (found.status, found.security_group_id) == (Status.PLANNED, "sg-own")


FAILED = [EndpointState.FAILED, EndpointState.REJECTED, EndpointState.EXPIRED, EndpointState.PARTIAL]


@pytest.mark.parametrize("state", FAILED)
def test_our_own_endpoint_that_failed_is_replaced(state: EndpointState) -> None:
    found = only(
        vpc(subnet("a"), endpoint(MONITORING, "a", state=state), own_security_group()), ActionKind.REPLACE_ENDPOINT
    )
    assert (found.endpoint_id, found.subnet_ids, found.status) == ("vpce-1", ("subnet-a",), Status.PLANNED)
    assert found.security_group_id == "sg-own"
    assert re.fullmatch("lifeline-[0-9a-f]{48}", found.client_token)  # EC2 takes at most 64 characters


def test_after_two_failures_in_a_row_a_person_must_look() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a", state=EndpointState.FAILED, failure="no capacity"))
    found = only(network, ActionKind.REPLACE_ENDPOINT, failures=(("monitoring", 2),))
    assert found.status is Status.BLOCKED
    assert found.error == "it failed 2 times in a row: no capacity; to try again, delete the failed endpoint"


@pytest.mark.parametrize("state", FAILED)
def test_a_foreign_endpoint_that_failed_holds_the_name_and_its_owner_is_told(state: EndpointState) -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a", state=state, own=False))
    found = only(network, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert found.status is Status.BLOCKED
    assert "vpce-1" in found.error


def test_an_endpoint_without_private_dns_answers_nobody() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a", own=False, private_dns=False))
    assert only(network, ActionKind.CREATE_INTERFACE_ENDPOINT).status is Status.PLANNED


def test_our_own_endpoint_gets_the_zones_that_it_lacks() -> None:
    network = vpc(subnet("a"), subnet("b", "us-east-1b"), endpoint(MONITORING, "a"), own_security_group())
    found = only(network, ActionKind.ADD_SUBNETS)
    assert (found.endpoint_id, found.subnet_ids, found.status) == ("vpce-1", ("subnet-b",), Status.PLANNED)
    assert plan(network, per_zone=False).actions == ()


def test_an_endpoint_in_a_zone_of_need_only_is_not_spread_to_zones_without_clients() -> None:
    client = subnet("full", "us-east-1c", free=1)
    used, other = subnet("used", "us-east-1a", free=3), subnet("other", "us-east-1b", free=90)
    tables = table("main"), table("pub", default_route(IGW), subnets=("used", "other"))
    assert plan(vpc(client, used, other, *tables, endpoint(MONITORING, "used"), own_security_group())).actions == ()


def test_a_foreign_endpoint_is_never_modified_but_its_owner_is_told() -> None:
    network = vpc(subnet("a"), subnet("b", "us-east-1b"), endpoint(MONITORING, "a", own=False))
    found = only(network, ActionKind.ADD_SUBNETS)
    assert found.status is Status.BLOCKED
    assert "isn't Lifeline's" in found.error


def test_while_our_endpoint_is_pending_its_zones_wait() -> None:
    pending = endpoint(MONITORING, "a", state=EndpointState.PENDING)
    assert plan(vpc(subnet("a"), subnet("b", "us-east-1b"), pending, own_security_group())).actions == ()


def test_the_group_lets_in_every_block_of_the_vpc_and_blocks_that_come_later() -> None:
    network = vpc(subnet("a"), cidrs=("10.0.0.0/16", "10.1.0.0/16"), ipv6_cidrs=("2001:db8::/56",))
    assert only(network, ActionKind.CREATE_SECURITY_GROUP).cidrs == ("10.0.0.0/16", "10.1.0.0/16", "2001:db8::/56")
    grown = replace(network, endpoints=(endpoint(MONITORING, "a"),), security_groups=(own_security_group(),))
    assert only(grown, ActionKind.OPEN_SECURITY_GROUP).cidrs == ("10.1.0.0/16", "2001:db8::/56")


def test_a_gateway_endpoint_takes_the_route_tables_of_private_subnets_only() -> None:
    network = vpc(
        subnet("a"), subnet("b"), subnet("pub"), table("main"), table("p", default_route(IGW), subnets=("pub",))
    )
    found = only(network, ActionKind.CREATE_GATEWAY_ENDPOINT, "s3")
    assert (found.service_name, found.route_table_ids, found.subnet_ids) == (S3, ("rtb-main",), ())


def test_our_own_gateway_endpoint_gets_the_tables_that_it_lacks() -> None:
    network = vpc(subnet("a"), subnet("b"), table("main"), table("two", subnets=("b",)), gateway("main"))
    assert only(network, ActionKind.ADD_ROUTE_TABLES, "s3").route_table_ids == ("rtb-two",)


def test_a_gateway_endpoint_is_made_for_who_is_cut_off_or_because_the_policy_asks_in_any_case() -> None:
    two = table("two", subnets=("b",))
    one_served = vpc(subnet("a"), subnet("b"), table("main"), two, gateway("main"))
    in_any_case = "the policy asks for a gateway endpoint for the s3 service in any case"
    for asked in (frozenset[str](), frozenset({"s3"})):
        reason = only(one_served, ActionKind.ADD_ROUTE_TABLES, "s3", gateway_always=asked).reason
        assert reason.startswith("subnet-b (isolated) can't reach the s3 service: ")
    all_served = vpc(subnet("a"), subnet("b"), endpoint(S3, "a", inbound_dns_only=False), own_security_group())
    found = only(all_served, ActionKind.CREATE_GATEWAY_ENDPOINT, "s3", gateway_always=frozenset({"s3"}))
    assert found.reason.startswith(in_any_case)


def test_beside_a_foreign_gateway_endpoint_ours_takes_the_other_tables() -> None:
    network = vpc(subnet("a"), subnet("b"), table("main"), table("two", subnets=("b",)), gateway("main", own=False))
    assert only(network, ActionKind.CREATE_GATEWAY_ENDPOINT, "s3").route_table_ids == ("rtb-two",)


@pytest.mark.parametrize("state", [EndpointState.AVAILABLE, EndpointState.PENDING, EndpointState.FAILED])
def test_a_foreign_gateway_endpoint_keeps_no_route_from_other_tables_whatever_becomes_of_it(
    state: EndpointState,
) -> None:
    theirs = gateway("main", own=False, state=state)
    network = vpc(subnet("a"), subnet("b"), table("main"), table("two", subnets=("b",)), theirs)
    found = only(network, ActionKind.CREATE_GATEWAY_ENDPOINT, "s3")
    assert (found.route_table_ids, found.status) == (("rtb-two",), Status.PLANNED)


def test_a_requester_managed_endpoint_is_never_ours() -> None:
    managed = endpoint(MONITORING, "a", requester_managed=True)
    assert only(vpc(subnet("a"), subnet("b", "us-east-1b"), managed), ActionKind.ADD_SUBNETS).status is Status.BLOCKED


def test_another_stacks_endpoint_is_foreign() -> None:
    other = endpoint(MONITORING, "a", tags=(("lifeline:managed-by", "lifeline-two"),))
    assert only(vpc(subnet("a"), subnet("b", "us-east-1b"), other), ActionKind.ADD_SUBNETS).status is Status.BLOCKED


def token(network: Vpc, **more: Any) -> str:
    return only(network, ActionKind.CREATE_INTERFACE_ENDPOINT, **more).client_token


def test_the_same_wish_has_the_same_token_and_another_wish_another() -> None:
    network = vpc(subnet("a"))
    gone = endpoint(MONITORING, "a", state=EndpointState.DELETED)
    assert token(network) == token(vpc(subnet("a")))
    assert len({token(network), token(vpc(subnet("b"))), token(vpc(subnet("a"), gone))}) == 3
    assert token(network, made=(("monitoring", "vpce-0"),)) != token(network)
    assert len(token(network)) <= 64
    assert token(network).isascii()


def test_the_plan_does_not_depend_on_the_order_of_awss_answers() -> None:
    parts: list[Endpoint] = [endpoint(MONITORING, "a", id="vpce-2"), endpoint(MONITORING, "a", id="vpce-1", own=False)]
    subnets = [subnet("a"), subnet("b", "us-east-1b"), subnet("c", "us-east-1c")]
    forward, backward = (
        vpc(*subnets, *parts, own_security_group()),
        vpc(*reversed(subnets), *reversed(parts), own_security_group()),
    )
    assert plan(forward) == plan(backward)


def test_our_own_endpoint_without_private_dns_gets_it() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a", private_dns=False), own_security_group())
    found = only(network, ActionKind.ENABLE_PRIVATE_DNS)
    assert (found.endpoint_id, found.status) == ("vpce-1", Status.PLANNED)


def test_a_central_endpoint_is_never_doubled() -> None:
    zone = DnsAnswer(AnswerKind.PRIVATE_ZONE, "monitoring.us-east-1.amazonaws.com", "Z1", "of account 9")
    hub = table("main", route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY))
    found = plan(vpc(subnet("a"), hub), dns=DnsView((zone,), ()))
    assert found.actions == ()
    assert [(one.state, one.by) for one in found.services] == [(ServiceState.CENTRAL, "Z1")]


def test_where_central_endpoints_can_not_be_read_none_is_made() -> None:
    found = only(vpc(subnet("a")), ActionKind.CREATE_INTERFACE_ENDPOINT, dns=DnsView((), ("zones: AccessDenied",)))
    assert found.status is Status.BLOCKED
    assert "AccessDenied" in found.error


def test_an_endpoint_that_was_just_made_and_is_not_shown_yet_is_waited_for() -> None:
    found = plan(vpc(subnet("a")), made=(("monitoring", "vpce-9"),), fresh=frozenset({"vpce-9"}))
    assert (found.actions, found.services[0].state) == ((), ServiceState.PENDING)
    table_only = plan(vpc(subnet("a")), "s3", made=(("s3", "vpce-9"),), fresh=frozenset({"vpce-9"}))
    assert table_only.actions == ()


def test_what_the_role_may_not_create_is_blocked_with_the_parameter_to_change() -> None:
    found = only(vpc(subnet("a")), ActionKind.CREATE_INTERFACE_ENDPOINT, creatable=frozenset({"logs"}))
    assert "CreatableServices" in found.error
    assert only(vpc(subnet("a")), ActionKind.CREATE_GATEWAY_ENDPOINT, "s3", creatable=frozenset({"logs"})).error


def test_gateway_endpoints_use_up_nothing_of_the_vpcs_interface_endpoints() -> None:
    one = Quotas(interface_endpoints_per_vpc=1)
    assert only(
        vpc(subnet("a"), gateway("main"), gateway("main", id="vpce-2")),
        ActionKind.CREATE_INTERFACE_ENDPOINT,
        limits=one,
    ).is_planned
    other = endpoint("com.amazonaws.us-east-1.logs", "a", own=False, id="vpce-2")
    assert (
        "the VPC has its 1 interface endpoints"
        in only(vpc(subnet("a"), other), ActionKind.CREATE_INTERFACE_ENDPOINT, limits=one).error
    )


def test_while_lifelines_own_is_coming_up_it_is_named_rather_than_one_that_does_not_answer() -> None:
    coming = endpoint(MONITORING, "a", id="vpce-9", private_dns=False, state=EndpointState.PENDING)
    idle = endpoint(MONITORING, "a", own=False, id="vpce-0", private_dns=False)
    found = plan(vpc(subnet("a"), own_security_group(), coming, idle), "monitoring")
    assert (found.actions, found.services[0].state, found.services[0].by) == ((), ServiceState.PENDING, "vpce-9")


def test_quotas_are_known_before_asking_and_count_what_is_planned() -> None:
    found = plan(vpc(subnet("a")), "monitoring", "ec2", limits=Quotas(interface_endpoints_per_vpc=1)).actions
    assert [(one.service, one.status) for one in found if one.service] == [
        ("ec2", Status.PLANNED),
        ("monitoring", Status.BLOCKED),
    ]
    one = Quotas(gateway_endpoints_per_region=1)
    assert only(vpc(subnet("a")), ActionKind.CREATE_GATEWAY_ENDPOINT, "s3", limits=one).is_planned
    full = only(vpc(subnet("a")), ActionKind.CREATE_GATEWAY_ENDPOINT, "s3", gateway_endpoints_in_region=20)
    assert "20 gateway endpoints" in full.error


@pytest.mark.parametrize("more", [{}, {"dns_hostnames": False}])
def test_names_that_nobody_resolves_are_said_of_a_gateway_endpoint_too(more: dict[str, bool]) -> None:
    """It needs `enableDnsSupport` alone, so nothing that is private wakes up while the other attribute is off."""
    network = vpc(subnet("a"), table("main", TO_S3), gateway("main"), dns_support=False, **more)
    (blocked,) = plan(network, "s3").actions
    assert (blocked.kind, blocked.status) == (ActionKind.FIX_DNS, Status.BLOCKED)
    assert blocked.reason == (
        "the names of the s3 service aren't resolved unless the instances use other DNS servers, while "
        "enableDnsSupport is off in the VPC"
    )
    assert blocked.error.startswith("resolving names requires the VPC's enableDnsSupport to be on: aws ec2 modify")
    dark = DnsView((DnsAnswer(AnswerKind.PRIVATE_ZONE, "corp.example", "Z1", "of account 9"),))
    (fixed,) = plan(network, "s3", fix_dns=True, dns=dark).actions
    assert (fixed.status, fixed.attributes, fixed.endpoint_id) == (Status.PLANNED, ("enableDnsSupport",), "vpce-1")
    assert ("will begin to" in fixed.reason) is (not more)
    others = DnsView(custom_dns_servers=("10.0.0.2",))
    assert plan(network, "s3", fix_dns=True, dns=others).actions == ()
    on = plan(replace(network, dns_support=True), "s3")
    assert (on.actions, on.services[0].state) == ((), ServiceState.SERVED)


def test_a_gateway_endpoint_that_is_made_where_nobody_resolves_names_comes_with_what_is_needed_besides() -> None:
    network = vpc(subnet("a"), dns_support=False)
    assert kinds(plan(network, "s3").actions) == [
        (ActionKind.FIX_DNS, Status.BLOCKED),
        (ActionKind.CREATE_GATEWAY_ENDPOINT, Status.PLANNED),
    ]
    assert kinds(plan(network, "s3", fix_dns=True, dns=DnsView()).actions) == [
        (ActionKind.FIX_DNS, Status.PLANNED),
        (ActionKind.CREATE_GATEWAY_ENDPOINT, Status.PLANNED),
    ]


def test_with_fix_dns_the_attributes_come_first_then_the_endpoint() -> None:
    found = plan(vpc(subnet("a"), dns_hostnames=False), fix_dns=True).actions
    assert kinds(found)[0] == (ActionKind.FIX_DNS, Status.PLANNED)
    assert found[0].attributes == ("enableDnsHostnames",)
    assert kinds(found)[-1] == (ActionKind.CREATE_INTERFACE_ENDPOINT, Status.PLANNED)


def test_an_endpoint_that_is_there_serves_nobody_while_the_dns_attributes_are_off() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a", own=False), own_security_group(), dns_support=False)
    found = plan(network)
    assert kinds(found.actions) == [(ActionKind.FIX_DNS, Status.BLOCKED)]
    assert found.services[0].state is ServiceState.BLOCKED
    assert kinds(plan(network, fix_dns=True).actions) == [(ActionKind.FIX_DNS, Status.PLANNED)]


def test_a_foreign_endpoint_that_lets_nobody_in_is_named_with_the_remedy() -> None:
    theirs = SecurityGroup("sg-theirs", "theirs", (Rule("tcp", 443, 443, ("192.0.2.0/24",)),))
    network = vpc(
        subnet("a"), endpoint(MONITORING, "a", own=False, security_group_ids=frozenset({"sg-theirs"})), theirs
    )
    found = only(network, ActionKind.OPEN_SECURITY_GROUP)
    assert found.status is Status.BLOCKED
    assert "sg-theirs" in found.reason
    assert "its owner should allow inbound TCP 443" in found.error


def test_our_own_endpoint_gets_our_group_back() -> None:
    theirs = SecurityGroup("sg-theirs", "theirs")
    network = vpc(
        subnet("a"),
        endpoint(MONITORING, "a", security_group_ids=frozenset({"sg-theirs"})),
        theirs,
        own_security_group(),
    )
    found = only(network, ActionKind.ATTACH_SECURITY_GROUP)
    assert (found.endpoint_id, found.security_group_id, found.status) == ("vpce-1", "sg-own", Status.PLANNED)


def test_rules_that_name_groups_count_as_letting_in() -> None:
    theirs = SecurityGroup("sg-theirs", "theirs", (Rule("tcp", 443, 443, groups=("sg-x",)),))
    network = vpc(
        subnet("a"), endpoint(MONITORING, "a", own=False, security_group_ids=frozenset({"sg-theirs"})), theirs
    )
    assert plan(network).actions == ()


def test_a_network_acl_in_between_is_told_and_never_changed() -> None:
    deny = AclEntry(90, egress=True, allow=False, protocol="6", cidr="10.0.2.0/24")
    allow = AclEntry(100, egress=True, allow=True, protocol="-1", cidr="0.0.0.0/0")
    entries = (deny, allow, replace(allow, egress=False))
    acl = NetworkAcl("acl-1", frozenset({"subnet-a"}), entries)
    host = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
    network = vpc(subnet("a"), host, endpoint(MONITORING, "b"), own_security_group(), network_acls=(acl,))
    found = only(network, ActionKind.OPEN_NETWORK_ACL)
    assert found.status is Status.BLOCKED
    assert "acl-1 doesn't let 443 out of subnet-a to 10.0.2.0/24" in found.reason
    assert found.error.endswith("allow it in network ACL acl-1")
    assert "more like it" not in found.reason
    both = replace(acl, subnet_ids=frozenset({"subnet-a", "subnet-c"}))
    more = replace(network, subnets=(*network.subnets, subnet("c", cidr="10.0.3.0/24")), network_acls=(both,))
    assert only(more, ActionKind.OPEN_NETWORK_ACL).reason.endswith("(1 more like it)")


def test_another_accounts_vpc_is_reported_and_not_touched() -> None:
    found = plan(vpc(subnet("a"), owner_id="999999999999"), account_id="123456789012").actions
    assert [one.status for one in found] == [Status.BLOCKED]
    assert "belongs to account 999999999999" in found[0].error


def test_ipv6_only_subnets_get_an_ipv6_endpoint_and_mixed_ones_a_dualstack_one() -> None:
    six = subnet("six", free=0, cidr="", ipv6_cidrs=("2001:db8::/64",))  # EC2 counts free IPv4 addresses only
    dual = subnet("dual", "us-east-1b", ipv6_cidrs=("2001:db8:1::/64",))
    only_six = only(vpc(six), ActionKind.CREATE_INTERFACE_ENDPOINT, "six")
    assert (only_six.ip_address_type, only_six.subnet_ids) == ("ipv6", ("subnet-six",))
    both = only(vpc(six, dual), ActionKind.CREATE_INTERFACE_ENDPOINT, "six")
    assert (both.ip_address_type, both.subnet_ids) == ("dualstack", ("subnet-dual",))
    without = only(vpc(six), ActionKind.CREATE_INTERFACE_ENDPOINT)  # monitoring has no IPv6 here
    assert without.status is Status.BLOCKED


def test_an_ipv6_endpoint_is_put_into_ipv6_only_subnets_alone() -> None:
    edge = subnet("edge", "us-east-1-bos-1a", zone_type="local-zone", cidr="", ipv6_cidrs=("2001:db8::/64",))
    dual = subnet("dual", ipv6_cidrs=("2001:db8:1::/64",))
    network = vpc(edge, dual, table("main"), table("pub", default_route(IGW), subnets=("dual",)))
    found = only(network, ActionKind.CREATE_INTERFACE_ENDPOINT, "six")
    assert (found.ip_address_type, found.subnet_ids) == ("dualstack", ("subnet-dual",))


@pytest.mark.parametrize(
    ("service", "remedy"),
    [
        ("monitoring", "the monitoring service has no IPv6 here; move what needs it to a subnet with IPv4"),
        ("six", "it isn't Lifeline's: a dualstack endpoint in dual-stack subnets serves both"),
    ],
)
def test_an_ipv4_endpoint_does_not_serve_an_ipv6_only_subnet(service: str, remedy: str) -> None:
    six = subnet("six", cidr="", ipv6_cidrs=("2001:db8::/64",))
    theirs = endpoint(f"com.amazonaws.us-east-1.{service}", "a", own=False)
    network = vpc(subnet("a"), six, theirs, own_security_group())
    (found,) = [one for one in plan(network, service).actions if one.status is Status.BLOCKED]
    assert "only IPv4 addresses" in found.reason
    assert found.error == remedy


def test_one_ipv6_only_subnet_does_not_keep_the_others_cut_off() -> None:
    six = subnet("six", "us-east-1b", free=0, cidr="", ipv6_cidrs=("2001:db8::/64",))
    found = only(vpc(subnet("a"), six), ActionKind.CREATE_INTERFACE_ENDPOINT, "six")
    assert (found.ip_address_type, found.subnet_ids, found.status) == ("ipv4", ("subnet-a",), Status.PLANNED)


def test_no_ipv4_endpoint_is_bought_where_nobody_has_ipv4() -> None:
    six = subnet("six", free=0, cidr="", ipv6_cidrs=("2001:db8::/64",))
    network = vpc(six, subnet("p"), table("main"), table("pub", default_route(IGW), subnets=("p",)))
    found = only(network, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert found.status is Status.BLOCKED
    assert "only IPv4 addresses" in found.error


def test_an_endpoint_without_interfaces_serves_nobody_and_gets_some() -> None:
    own = vpc(subnet("a"), endpoint(MONITORING), own_security_group())
    assert only(own, ActionKind.ADD_SUBNETS, per_zone=False).subnet_ids == ("subnet-a",)
    assert plan(own).services[0].state is ServiceState.MISSING
    theirs = vpc(subnet("a"), endpoint(MONITORING, own=False), own_security_group())
    assert only(theirs, ActionKind.ADD_SUBNETS, per_zone=False).status is Status.BLOCKED


def test_a_dualstack_endpoint_spreads_in_its_own_kind() -> None:
    name = "com.amazonaws.us-east-1.six"
    dual = subnet("b", "us-east-1b", ipv6_cidrs=("2001:db8:1::/64",))
    network = vpc(subnet("a"), dual, endpoint(name, "a", ip_address_type="dualstack"), own_security_group())
    assert only(network, ActionKind.ADD_SUBNETS, "six").subnet_ids == ("subnet-b",)


def test_beside_our_own_gateway_endpoint_that_is_coming_no_second_one_is_made() -> None:
    pending = gateway("main", state=EndpointState.PENDING)
    network = vpc(subnet("a"), subnet("b"), table("main"), table("two", subnets=("b",)), pending)
    assert plan(network, "s3").actions == ()


def test_what_it_costs_is_known_before_it_is_made() -> None:
    network = vpc(subnet("a"), subnet("b", "us-east-1b"), subnet("c", "us-east-1c"))
    assert plan(network).monthly_cost_usd == Decimal("21.90")
    assert plan(network, "s3").monthly_cost_usd == 0


def test_each_services_state_is_reported() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group())
    states = {one.service: one.state for one in plan(network, "monitoring", "logs", "banana", "s3").services}
    assert states == {
        "banana": ServiceState.BLOCKED,
        "logs": ServiceState.MISSING,
        "monitoring": ServiceState.SERVED,
        "s3": ServiceState.MISSING,
    }


NEW_KIND = Service("com.amazonaws.us-east-1.brand-new", EndpointType.GATEWAY)
OURS_OF_IT = replace(gateway("main"), service_name=NEW_KIND.name)


@pytest.mark.parametrize(
    ("there", "kind"), [((), ActionKind.CREATE_GATEWAY_ENDPOINT), ((OURS_OF_IT,), ActionKind.ADD_ROUTE_TABLES)]
)
def test_while_its_ports_are_not_known_a_gateway_service_gets_neither_an_endpoint_nor_a_table_more(
    there: tuple[Endpoint, ...], kind: ActionKind
) -> None:
    network = vpc(subnet("a"), subnet("b"), table("main"), table("two", subnets=("b",)), *there)
    wanted = PlanInput((Requirement("brand-new", frozenset({"subnet-a", "subnet-b"}), per_zone=True),), OWNER)
    (refused,) = plan_endpoints(network, Catalog((NEW_KIND,)), wanted).actions
    assert (refused.kind, refused.status) == (kind, Status.BLOCKED)
    assert "the ports of the brand-new service aren't known: add them to the policy" in refused.error
    (made,) = plan_endpoints(network, Catalog((NEW_KIND,), ports=(("brand-new", ((443, 443),)),)), wanted).actions
    assert (made.kind, made.status) == (kind, Status.PLANNED)


S3_NAME = "s3.us-east-1.amazonaws.com"
NAT_TABLE = table("main", default_route(TargetKind.NAT_GATEWAY))


def answering_s3(domain: str, *addresses: str, kind: AnswerKind = AnswerKind.RESOLVER_RULE) -> DnsView:
    is_rule = kind is AnswerKind.RESOLVER_RULE
    answer = DnsAnswer(kind, domain, "it", "what answers", forwards=is_rule, addresses=addresses or None)
    return DnsView((answer.answering(addresses) if addresses else answer,))


@pytest.mark.parametrize("domain", ["", "amazonaws.com"])
@pytest.mark.parametrize("routes", [table(), NAT_TABLE], ids=["isolated", "nat"])
def test_a_rule_for_a_parent_of_s3s_name_may_lead_to_public_addresses_so_the_gateway_endpoint_is_made(
    domain: str, routes: RouteTable
) -> None:
    found = plan(vpc(subnet("a"), routes), "s3", dns=answering_s3(domain))
    assert kinds(found.actions) == [(ActionKind.CREATE_GATEWAY_ENDPOINT, Status.PLANNED)]
    assert found.services[0].state is ServiceState.MISSING


@pytest.mark.parametrize(
    "view",
    [
        answering_s3(S3_NAME),
        answering_s3("amazonaws.com", "10.9.0.10"),
        answering_s3(S3_NAME, kind=AnswerKind.PRIVATE_ZONE),
        answering_s3(S3_NAME, "10.9.0.10", kind=AnswerKind.PRIVATE_ZONE),
    ],
    ids=["a rule for it", "known addresses", "a zone", "a zone that was read"],
)
@pytest.mark.parametrize("routes", [table(), NAT_TABLE], ids=["isolated", "nat"])
def test_a_name_that_leads_elsewhere_gets_no_gateway_endpoint_which_would_not_help(
    view: DnsView, routes: RouteTable
) -> None:
    found = plan(vpc(subnet("a"), routes), "s3", dns=view)
    assert not [one for one in found.actions if one.kind is ActionKind.CREATE_GATEWAY_ENDPOINT]
    assert found.services[0].state is not ServiceState.MISSING


def test_what_a_route_leads_to_by_a_rule_for_a_parent_counts_as_served_and_gets_no_gateway_endpoint() -> None:
    to_hub = table("main", route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY))
    found = plan(vpc(subnet("a"), to_hub), "s3", dns=answering_s3("amazonaws.com"))
    assert (found.actions, found.services[0].state) == ((), ServiceState.CENTRAL)


def test_a_gateway_type_is_preferred_where_a_service_has_both() -> None:
    found = only(vpc(subnet("a")), ActionKind.CREATE_GATEWAY_ENDPOINT, "s3")
    assert found.kind is ActionKind.CREATE_GATEWAY_ENDPOINT
    assert EndpointType.GATEWAY < EndpointType.INTERFACE


@pytest.mark.parametrize(("records", "is_shut"), [("ipv6", True), ("ipv4", False), ("dualstack", False), ("", False)])
def test_dns_records_of_another_ip_version_shut_an_endpoint_and_are_said_with_the_remedy(
    records: str, *, is_shut: bool
) -> None:
    """Whoever may modify an endpoint can have its names lead to addresses that its clients can't use."""
    dual = subnet("a", ipv6_cidrs=("2001:db8:0:1::/64",))
    there = endpoint(MONITORING, "a", ip_address_type="dualstack", record_family=records)
    theirs = replace(there, tags=(), on_record=False)
    for one, kind in ((there, ActionKind.RESET_DNS_RECORDS), (theirs, ActionKind.CREATE_INTERFACE_ENDPOINT)):
        found = plan(vpc(dual, one, own_security_group()), "monitoring").actions
        assert [action.kind for action in found] == ([kind] if is_shut else [])
        assert all("vpce-1 answers with only IPv6 addresses, and subnet-a is IPv4" in action.reason for action in found)
        assert all(action.is_blocked is (one is theirs) for action in found)
        assert all(("DnsRecordIpType=dualstack" in action.error) is (one is theirs) for action in found)


@pytest.mark.parametrize("records", ["", "ipv4"])
def test_a_route_between_two_subnets_that_leads_nowhere_is_its_owners_to_mend(records: str) -> None:
    """DNS records of the version that the clients use stay as somebody set them."""
    dead = route("10.0.2.0/24", TargetKind.NETWORK_INTERFACE, "eni-fw", active=False)
    host = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
    there = endpoint(MONITORING, "b", ip_address_type="dualstack", record_family=records)
    found = plan(vpc(subnet("a"), host, there, own_security_group(), table("main", dead)))
    assert ActionKind.RESET_DNS_RECORDS not in {one.kind for one in found.actions}
    [action] = [one for one in found.actions if one.is_blocked and one.kind is ActionKind.MEND_ROUTE]
    assert action.reason == "no route of rtb-main leads to 10.0.2.0/24; its route to eni-fw is a blackhole"
    assert action.error == "delete the route, or give it a target that forwards the packets"
    assert [report.state for report in found.services] == [ServiceState.BLOCKED]
