"""One judge: the planner and the diagnosis give the same answer of whether a subnet is served."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.agents.agent import Agent
from lifeline.core.agents.instances import Instance, Power
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.facts import Around, Facts
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView, domain_of
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.model import (
    EndpointState,
    NetworkAcl,
    RouteTable,
    TargetKind,
    Tier,
    Vpc,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.reach import ServiceReach
from lifeline.core.network.service_here import endpoints_of
from lifeline.core.network.tiers import classify, effective_route_table
from lifeline.core.plan.actions import Action, ActionKind, ServiceState, Status
from tests.support.agents import minute, why_silent
from tests.support.builders import (
    CATALOG,
    MONITORING,
    NARROW_POLICY,
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
from tests.support.reach_samples import (
    BY_MEMBERS,
    CENTRAL,
    CLIENT,
    EVERYTHING,
    GROUP,
    HUB,
    NAT,
    NOBODY_ELSE,
    PRIVATE_ONLY,
    S3_FOR_ALL,
    SHUT,
    SIX,
    THEIRS,
    TO_S3,
    denying,
    on_gateway,
    private_path,
)

# ---- where the planner and the diagnosis differed


def actions(network: Vpc, *services: str, **more: Any) -> list[Action]:
    return list(plan(network, *services, **more).actions)


def answering_all(service: str, kind: AnswerKind = AnswerKind.PRIVATE_ZONE) -> DnsView:
    """A hub that answers each of the service's names, by zones or by rules."""
    names = [domain_of(name) for offered in CATALOG.find(service) for name in offered.private_dns_names]
    forwards = kind is AnswerKind.RESOLVER_RULE
    return DnsView(tuple(DnsAnswer(kind, name, "Z1", "", forwards) for name in names))


def test_without_its_route_table_it_is_not_known_whether_a_subnet_is_on_a_gateway_endpoint() -> None:
    unseen = judged(vpc(CLIENT, table("two", subnets=("b",)), gateway("two")), "subnet-a", "s3", NOBODY_ELSE)
    assert (unseen.reach, unseen.is_repairable) == (Reach.UNKNOWN, False)
    assert unseen.unread[0] == "the route table of subnet-a was not seen"


class TestAGatewayEndpointBehindAnAcl:
    """S3 keeps its public addresses, so the subnet's ACL must let them pass (VPC guide: gateway endpoints for S3)."""

    def test_does_not_serve_and_the_acl_is_named(self) -> None:
        found = private_path(on_gateway(network_acls=(PRIVATE_ONLY,)), "s3")
        assert found.words == "network ACL acl-1 doesn't let 443 out of subnet-a to the public addresses of s3"
        assert [obstacle.kind for obstacle in found.obstacles] == [ObstacleKind.NETWORK_ACL]

    def test_is_blocked_in_the_plan(self) -> None:
        network = on_gateway(network_acls=(PRIVATE_ONLY,))
        (action,) = actions(network, "s3")
        assert (action.kind, action.status) == (ActionKind.OPEN_NETWORK_ACL, Status.BLOCKED)
        assert "acl-1" in action.reason
        assert plan(network, "s3").services[0].state is ServiceState.BLOCKED

    @pytest.mark.parametrize("dns", [NOBODY_ELSE, answering_all("s3")], ids=["", "beside a hub that answers nobody"])
    def test_is_blocked_by_it_whoever_would_answer_with_dns_on(self, dns: DnsView) -> None:
        (action,) = actions(on_gateway(network_acls=(PRIVATE_ONLY,), dns_hostnames=False), "s3", dns=dns)
        assert (action.kind, action.error) == (ActionKind.OPEN_NETWORK_ACL, "allow it in network ACL acl-1")

    def test_is_made_and_the_acl_named_at_once(self) -> None:
        found = plan(vpc(CLIENT, network_acls=(PRIVATE_ONLY,)), "s3")
        assert found.services[0].state is ServiceState.BLOCKED
        assert [(one.kind, one.status) for one in found.actions] == [
            (ActionKind.CREATE_GATEWAY_ENDPOINT, Status.PLANNED),
            (ActionKind.OPEN_NETWORK_ACL, Status.BLOCKED),
        ]

    def test_is_named_as_what_is_blocked_while_routes_are_added_for_others(self) -> None:
        two = table("two", subnets=("b",))
        found = plan(
            vpc(CLIENT, subnet("b"), table("main", TO_S3), two, gateway("main"), network_acls=(PRIVATE_ONLY,)), "s3"
        )
        assert [(one.kind, one.status) for one in found.actions] == [
            (ActionKind.ADD_ROUTE_TABLES, Status.PLANNED),
            (ActionKind.OPEN_NETWORK_ACL, Status.BLOCKED),
        ]
        assert (found.services[0].state, found.services[0].by) == (ServiceState.BLOCKED, "vpce-1")

    def test_whoever_has_no_route_to_it_is_led_to_the_hub_that_answers_there(self) -> None:
        two = table("two", subnets=("b",))
        network = vpc(CLIENT, subnet("b", cidr="10.0.2.0/24"), table("main", TO_S3), two, gateway("main"))
        (action,) = actions(network, "s3", dns=answering_all("s3"))
        assert action.is_blocked
        assert action.error == (
            "private hosted zone Z1 is in the way of an endpoint: route subnet-b to the central endpoint, or "
            "disassociate private hosted zone Z1 from the VPC"
        )

    def test_needs_answers_too(self) -> None:
        answers = replace(EVERYTHING, egress=False, protocol="6", from_port=443, to_port=443)
        one_way = NetworkAcl("acl-1", frozenset({"subnet-a"}), (EVERYTHING, answers))
        assert "answers into subnet-a from" in private_path(on_gateway(network_acls=(one_way,)), "s3").words


class TestAnInterfaceEndpointOfS3ForEveryone:
    """Its private DNS takes S3's names in the whole VPC (S3 guide: PrivateLink for Amazon S3)."""

    def test_serves_and_gets_no_second_path(self) -> None:
        network = vpc(CLIENT, replace(S3_FOR_ALL, tags=(), on_record=False, policy=NARROW_POLICY), GROUP)
        assert private_path(network, "s3").endpoint_id == "vpce-1"
        found = plan(network, "s3")
        assert (found.actions, found.services[0].state) == ((), ServiceState.SERVED)

    def test_is_waited_for_while_it_comes_up(self) -> None:
        found = plan(vpc(CLIENT, replace(S3_FOR_ALL, state=EndpointState.PENDING), GROUP), "s3")
        assert (found.actions, found.services[0].state) == ((), ServiceState.PENDING)

    def test_is_noted_unless_a_gateway_endpoint_is_there_or_is_asked_for(self) -> None:
        network = vpc(CLIENT, S3_FOR_ALL, GROUP)
        beside = replace(network, endpoints=(S3_FOR_ALL, gateway("other", id="vpce-2")))
        said = "vpce-1 answers for the s3 service in the whole VPC, so it gets no gateway endpoint"
        assert any(note.startswith(said) for note in plan(network, "s3").notes)
        assert not any(note.startswith(said) for note in plan(beside, "s3").notes)
        assert not any(note.startswith(said) for note in plan(network, "s3", gateway_always=frozenset({"s3"})).notes)

    def test_whose_scope_was_not_read_gets_none_either(self) -> None:
        found = plan(vpc(CLIENT, replace(S3_FOR_ALL, inbound_dns_only=None), GROUP), "s3")
        assert (found.actions, found.services[0].state) == ((), ServiceState.UNKNOWN)

    def test_that_the_vpcs_dns_hides_is_left_alone_while_a_gateway_endpoint_serves(self) -> None:
        hidden = vpc(CLIENT, S3_FOR_ALL, GROUP, gateway("main", id="vpce-2"), table("main", TO_S3), dns_hostnames=False)
        found = plan(hidden, "s3")
        assert (found.actions, found.services[0].state) == ((), ServiceState.SERVED)

    def test_that_is_closed_is_its_owners_to_open(self) -> None:
        (action,) = actions(
            vpc(
                CLIENT,
                replace(S3_FOR_ALL, security_group_ids=frozenset({"sg-theirs"}), tags=(), on_record=False),
                THEIRS,
            ),
            "s3",
        )
        assert (action.kind, action.status) == (ActionKind.OPEN_SECURITY_GROUP, Status.BLOCKED)

    def test_for_the_inbound_resolver_only_leaves_the_gateway_endpoint_to_the_vpc(self) -> None:
        (action,) = actions(vpc(CLIENT, replace(S3_FOR_ALL, inbound_dns_only=True), GROUP), "s3")
        assert (action.kind, action.status) == (ActionKind.CREATE_GATEWAY_ENDPOINT, Status.PLANNED)


class TestACentralEndpointWithoutAWay:
    """The name is answered with an address that nothing routes to."""

    def test_does_not_serve_and_the_zone_is_named_as_in_the_way(self) -> None:
        found = plan(vpc(CLIENT), dns=CENTRAL)
        (action,) = found.actions
        assert (action.kind, action.status) == (ActionKind.CREATE_INTERFACE_ENDPOINT, Status.BLOCKED)
        assert action.reason == (
            "subnet-a (isolated) can't reach the monitoring service: private hosted zone Z1 answers its name, but no "
            "route leads to the central endpoint"
        )
        assert "is in the way of an endpoint" in action.error
        assert (found.services[0].state, found.services[0].by) == (ServiceState.BLOCKED, "Z1")

    def test_still_serves_the_subnets_that_have_one(self) -> None:
        away = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
        network = vpc(CLIENT, away, table(), replace(HUB, id="rtb-hub", is_main=False, subnet_ids=frozenset({away.id})))
        found = plan(network, dns=CENTRAL)
        paths = {subnet_id: path.reach for subnet_id, path in found.services[0].paths}
        assert paths == {"subnet-a": Reach.UNREACHABLE, "subnet-b": Reach.CENTRAL}
        assert [action.subnet_ids for action in found.actions] == [("subnet-a",)]

    def test_to_one_of_two_addresses_is_told_as_a_part_and_not_as_none(self) -> None:
        zone = replace(CENTRAL.answers[0], addresses=("10.200.0.10", "10.200.1.10"))
        dead = route("10.200.1.10/32", TargetKind.TRANSIT_GATEWAY, "tgw-1", active=False)
        led = table("main", route("10.200.0.0/16", TargetKind.TRANSIT_GATEWAY, "tgw-1"), dead)
        (action,) = plan(vpc(CLIENT, led), dns=replace(CENTRAL, answers=(zone,))).actions
        assert action.reason == (
            "subnet-a (isolated) can't reach all of the monitoring service: private hosted zone Z1 answers its name, "
            "but no route of rtb-main leads to 10.200.1.10; its route to tgw-1 is a blackhole"
        )

    def test_that_the_vpcs_dns_hides_is_not_served_either(self) -> None:
        found = plan(vpc(CLIENT, HUB, dns_hostnames=False), dns=CENTRAL)
        assert [(one.kind, one.status) for one in found.actions] == [(ActionKind.FIX_DNS, Status.BLOCKED)]
        assert found.services[0].state is ServiceState.BLOCKED
        assert plan(vpc(CLIENT, HUB, dns_hostnames=False), dns=CENTRAL, fix_dns=True).services[0].state is (
            ServiceState.MISSING
        )


# ---- whatever the network

ACLS = [(), (PRIVATE_ONLY,), (denying("52.0.0.0/8"),), (denying("10.0.2.0/24"),)]
UNREAD = DnsView(unreadable=("the zones could not be read",))
VIEWS = [None, NOBODY_ELSE, CENTRAL, UNREAD]
GROUPS = [GROUP, SHUT, BY_MEMBERS, own_security_group("10.0.1.0/24", tags=())]


@st.composite
def networks(draw: st.DrawFn) -> Vpc:
    """Two subnets in all tiers, with whatever endpoints, groups, ACLs and DNS attributes may stand between."""
    other = draw(st.sampled_from([subnet("b", cidr="10.0.2.0/24"), replace(SIX, id="subnet-b")]))
    second = draw(st.sampled_from([TO_S3, replace(TO_S3, is_active=False), default_route(TargetKind.NAT_GATEWAY)]))
    main = draw(st.sampled_from([[table()], [NAT], [HUB], [table("main", TO_S3)], []]))  # none: it was not seen
    parts: list[Any] = [CLIENT, other, *main, table("two", second, subnets=("b",))]
    options = st.fixed_dictionaries(
        {
            "state": st.sampled_from(list(EndpointState)),
            "private_dns": st.booleans(),
            "subnet_ids": st.sampled_from([frozenset(), frozenset({"subnet-a"}), frozenset({"subnet-b"})]),
            "inbound_dns_only": st.sampled_from([None, False, True]),
        }
    )
    for number, name in enumerate(draw(st.lists(st.sampled_from([MONITORING, S3]), max_size=2))):
        parts.append(endpoint(name, own=draw(st.booleans()), **{"id": f"vpce-i{number}", **draw(options)}))
    if draw(st.booleans()):
        tables = draw(st.sampled_from([("main",), ("two",), ("main", "two")]))
        parts.append(gateway(*tables, own=draw(st.booleans()), state=draw(st.sampled_from(list(EndpointState)))))
    parts += draw(st.lists(st.sampled_from(GROUPS), max_size=1))
    acls, is_on = draw(st.sampled_from(ACLS)), draw(st.sampled_from([True, True, False]))
    return vpc(*parts, network_acls=acls, dns_hostnames=is_on)


def facts(network: Vpc, name: str, service: str, dns: DnsView | None) -> Facts:
    """A silent agent in the subnet that needs the service."""
    profile = "arn:aws:iam::1:instance-profile/app"
    instance = Instance(Power.RUNNING, vpc_id=network.id, subnet_id=name, profile_arn=profile)
    agent = Agent("i-1", None, needs=frozenset({service}))
    return Facts(agent, Watch(), instance, vpc=network, catalog=CATALOG, dns=dns)


def diagnosed(network: Vpc, name: str, service: str, dns: DnsView | None) -> NetworkPath:
    """The path as it is found for a silent agent in the subnet."""
    return Around(facts(network, name, service, dns)).paths[service]


def judged(network: Vpc, name: str, service: str, dns: DnsView | None) -> NetworkPath:
    """The path as the judge finds it for whoever must reach the service privately."""
    (client,) = [one for one in network.subnets if one.id == name]
    return ServiceReach(network, service, CATALOG, dns).private_path(client)


def awaited(network: Vpc, service: str) -> set[ServiceState]:
    """The plan waits for an endpoint of its own that is coming, though its private DNS is still off."""
    is_coming = any(one.state.is_coming for one in endpoints_of(service, network) if one.on_record)
    return {ServiceState.PENDING} if is_coming else set()


@given(networks(), st.sampled_from(["monitoring", "s3"]), st.sampled_from(VIEWS), st.booleans())
def test_the_plan_says_served_where_the_diagnosis_says_so_of_each_subnet(
    network: Vpc, service: str, dns: DnsView | None, fix_dns: bool
) -> None:
    found = plan(network, service, tiers=frozenset(Tier), per_zone=False, dns=dns, fix_dns=fix_dns)
    (report,) = found.services
    reaches = {one.id: diagnosed(network, one.id, service, dns).reach for one in network.subnets}
    is_served = set(reaches.values()) <= {Reach.SERVED}
    assert (report.state is ServiceState.SERVED) == is_served, (report, reaches)
    is_central = not is_served and set(reaches.values()) <= {Reach.SERVED, Reach.CENTRAL}
    assert (report.state is ServiceState.CENTRAL) == is_central, (report, reaches)
    if is_served or is_central:
        assert [one for one in found.actions if one.service == service] == []
    if Reach.UNKNOWN in reaches.values():
        known = {ServiceState.UNKNOWN, ServiceState.MISSING, ServiceState.BLOCKED}
        assert report.state in known | awaited(network, service)


@given(networks(), st.sampled_from(["monitoring", "s3"]), st.sampled_from(VIEWS), st.booleans())
def test_unknown_is_the_same_answer_of_the_judge_the_plan_and_the_diagnosis(
    network: Vpc, service: str, dns: DnsView | None, fix_dns: bool
) -> None:
    """Whatever was not read: DNS, the rules of a security group, a prefix list, an endpoint's option, a route table."""
    found = plan(network, service, tiers=frozenset(Tier), per_zone=False, dns=dns, fix_dns=fix_dns)
    (report,) = found.services
    paths = {one.id: judged(network, one.id, service, dns) for one in network.subnets}
    assert dict(report.paths) == paths
    shut = {path.reach for path in paths.values() if not path.reach.is_open}
    planned = [action for action in found.planned if action.service == service]
    if shut == {Reach.UNKNOWN} and not planned and dns is not None:
        assert report.state in {ServiceState.UNKNOWN} | awaited(network, service), report
    if report.state is ServiceState.UNKNOWN:
        assert Reach.UNKNOWN in shut, report
    for one in network.subnets:
        path, known = diagnosed(network, one.id, service, dns), facts(network, one.id, service, dns)
        is_table_seen = effective_route_table(one, network) is not None
        if classify(one, network) is Tier.ISOLATED and is_table_seen:
            assert (path.reach is Reach.UNKNOWN) == (paths[one.id].reach is Reach.UNKNOWN), (path, paths[one.id])
        check_words(why_silent(known, minute(6)), Around(known).paths)


def check_words(cause: Cause, paths: Mapping[str, NetworkPath]) -> None:
    """An incident calls a path unknown where it is, says what was not read, and promises nothing that hangs on it."""
    if Reach.UNKNOWN in {path.reach for path in paths.values()}:
        assert cause.kind is not CauseKind.AGENT, cause
        assert "outside the agent" not in cause.words
    if cause.kind is CauseKind.PATH_UNKNOWN:
        path = paths[cause.service]
        assert (path.reach, cause.confidence, cause.words) == (Reach.UNKNOWN, Confidence.LOW, path.words)
        assert set(path.unread) <= set(cause.evidence)
        assert "443" in cause.advice
    if cause.kind is not CauseKind.ENDPOINT_PENDING and cause.service in paths and paths[cause.service].unread:
        assert "should report again by" not in cause.advice


@given(networks(), st.sampled_from(["monitoring", "s3"]), st.sampled_from([None, UNREAD]))
def test_unread_dns_makes_a_path_unknown_exactly_where_it_decides(
    network: Vpc, service: str, dns: DnsView | None
) -> None:
    """An endpoint that is coming will take the name in any case, so it is told. One that is there has it, unless a rule
    for just that name goes before it: such a rule is rare, so what wasn't read of it is only told where it is shut.
    """
    reach = ServiceReach(network, service, CATALOG, dns)
    is_taken = reach.is_held and not reach.attributes_off
    kinds = [AnswerKind.PRIVATE_ZONE] if is_taken else [AnswerKind.PRIVATE_ZONE, AnswerKind.RESOLVER_RULE]
    views = [NOBODY_ELSE, *(answering_all(service, kind) for kind in kinds)]
    for one in network.subnets:
        unread = judged(network, one.id, service, dns)
        read = [judged(network, one.id, service, view) for view in views]
        is_decided = len({path.reach.is_open for path in read}) == 1
        if unread.reach not in {Reach.UNKNOWN, Reach.PENDING}:
            assert is_decided, (unread, read)
            assert {path.reach.is_open for path in read} == {unread.reach.is_open}
        elif unread.reach is Reach.UNKNOWN:
            assert not is_decided or Reach.UNKNOWN in {path.reach for path in read}, (unread, read)


def test_a_rule_does_not_lead_to_an_endpoint_that_lets_the_subnet_in_by_no_address() -> None:
    """What a rule answers with isn't read. It may be the endpoint here, unless that is known to be shut."""
    six, by_rule = replace(SIX, id="subnet-b"), answering_all("monitoring", AnswerKind.RESOLVER_RULE)
    network = vpc(CLIENT, six, endpoint(MONITORING, "a"), GROUP)
    assert judged(network, CLIENT.id, "monitoring", by_rule).reach is Reach.CENTRAL
    assert judged(network, six.id, "monitoring", by_rule).reach is Reach.UNREACHABLE


class TestUnreadDns:
    """Whether a central endpoint answers was not read."""

    @pytest.mark.parametrize("dns", [None, UNREAD])
    def test_leaves_a_subnet_with_a_route_beyond_the_vpc_unknown(self, dns: DnsView | None) -> None:
        network = vpc(CLIENT, HUB)
        found = judged(network, CLIENT.id, "monitoring", dns)
        assert found.reach is Reach.UNKNOWN
        assert found.words == (
            "it isn't known whether a central endpoint gives subnet-a access to the monitoring service"
        )
        assert diagnosed(network, CLIENT.id, "monitoring", dns).reach is Reach.UNKNOWN

    def test_that_could_not_be_read_leaves_the_service_unknown_and_its_endpoint_blocked(self) -> None:
        found = plan(vpc(CLIENT, HUB), dns=UNREAD)
        assert [action.status for action in found.actions] == [Status.BLOCKED]
        assert found.services[0].state is ServiceState.UNKNOWN
        assert found.services[0].detail.endswith("; the zones could not be read")

    def test_leaves_a_service_blocked_that_another_subnet_lacks_for_certain(self) -> None:
        isolated = table("isolated", subnets=("b",))
        (report,) = plan(vpc(CLIENT, subnet("b", cidr="10.0.2.0/24"), HUB, isolated), dns=UNREAD).services
        assert [path.reach for _, path in report.paths] == [Reach.UNKNOWN, Reach.UNREACHABLE]
        assert report.state is ServiceState.BLOCKED

    def test_that_nobody_has_read_yet_is_looked_up_where_an_endpoint_would_be_made(self) -> None:
        found = plan(vpc(CLIENT, HUB), dns=None)
        assert {action.status for action in found.actions} == {Status.PLANNED}
        assert found.services[0].state is ServiceState.MISSING
        refused = plan(vpc(CLIENT, HUB), dns=None, creatable=frozenset({"logs"}))
        assert refused.services[0].state is ServiceState.BLOCKED

    @pytest.mark.parametrize("dns", [None, UNREAD])
    def test_is_no_question_where_no_route_leads_to_a_central_endpoint(self, dns: DnsView | None) -> None:
        assert judged(vpc(CLIENT), CLIENT.id, "monitoring", dns).reach is Reach.UNREACHABLE
        assert plan(vpc(CLIENT), dns=UNREAD).services[0].state is ServiceState.BLOCKED

    def test_of_a_failed_endpoint_that_a_central_one_may_replace_is_unknown_too(self) -> None:
        failed = endpoint(MONITORING, "a", state=EndpointState.FAILED)
        assert judged(vpc(CLIENT, failed, HUB), CLIENT.id, "monitoring", UNREAD).reach is Reach.UNKNOWN
        assert judged(vpc(CLIENT, failed, HUB), CLIENT.id, "monitoring", NOBODY_ELSE).reach is Reach.FAILED

    @pytest.mark.parametrize(("led", "unread"), [((HUB,), UNREAD.unreadable), ((), ())])
    def test_is_told_of_a_closed_endpoint_where_a_rule_for_its_name_could_lead_elsewhere(
        self, led: tuple[RouteTable, ...], unread: tuple[str, ...]
    ) -> None:
        shut = endpoint(MONITORING, "a", security_group_ids=frozenset({SHUT.id}))
        found = judged(vpc(CLIENT, shut, SHUT, *led), CLIENT.id, "monitoring", UNREAD)
        assert (found.reach, found.endpoint_id, found.unread) == (Reach.CLOSED, shut.id, unread)

    def test_keeps_no_gateway_endpoint_from_being_made_for_it_takes_nothing_over(self) -> None:
        for dns in (None, UNREAD):
            (action,) = actions(vpc(CLIENT, HUB), "s3", dns=dns)
            assert (action.kind, action.status) == (ActionKind.CREATE_GATEWAY_ENDPOINT, Status.PLANNED)
