"""Private DNS takes a service's name for the whole VPC: who reaches it some other way must not lose it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.gates import End, ObstacleKind, beyond_words
from lifeline.core.network.model import (
    AclEntry,
    Endpoint,
    EndpointState,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    RouteTable,
    Rule,
    SecurityGroup,
    Subnet,
    TargetKind,
    Tier,
    Vpc,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.obstacles import Obstacle
from lifeline.core.network.reach import find_path
from lifeline.core.plan.actions import Action, ActionKind, Plan, Status
from lifeline.core.plan.harm import Dependent, Harm, harm_words, unprepared
from lifeline.core.policy.policy import Exempted, ExemptedBy
from tests.support import builders
from tests.support.builders import (
    CATALOG,
    MONITORING,
    ZONES,
    default_route,
    endpoint,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)

IGW = default_route(TargetKind.INTERNET_GATEWAY)
NAT = default_route(TargetKind.NAT_GATEWAY)
ALL = AclEntry(100, egress=True, allow=True, protocol="-1", cidr="0.0.0.0/0")
CLIENT, HOST, PUBLIC = (
    subnet("a", cidr="10.0.1.0/24"),
    subnet("b", "us-east-1b", cidr="10.0.2.0/24"),
    subnet("p", "us-east-1c", cidr="10.0.3.0/24", free=1),
)
DARK = endpoint(MONITORING, "a", private_dns=False)


def plan(network: Vpc, *services: str, **more: Any) -> Plan:
    """The plan once somebody has looked who else answers: nobody."""
    return builders.plan(network, *services, **{"dns": DnsView(), **more})


def closed_to(cidr: str, *subnets: Subnet, both: bool = False) -> NetworkAcl:
    """An ACL of these subnets that lets everything through but what comes in from the block, and out to it if both."""
    deny = AclEntry(90, egress=False, allow=False, protocol="6", cidr=cidr, from_port=0, to_port=65535)
    denials = (deny, replace(deny, egress=True)) if both else (deny,)
    return NetworkAcl("acl-1", frozenset(one.id for one in subnets), (*denials, ALL, replace(ALL, egress=False)))


def with_public(*parts: Subnet | Endpoint | SecurityGroup, **more: object) -> Vpc:
    """Isolated subnets, and one that reaches everything by an internet gateway."""
    return vpc(*parts, PUBLIC, table("main"), table("pub", IGW, subnets=("p",)), **more)


def of_kind(found: Plan, kind: ActionKind) -> list[Action]:
    return [one for one in found.actions if one.kind is kind]


CREATE, ENABLE = ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ENABLE_PRIVATE_DNS


class TestMaking:
    def test_a_public_subnet_that_an_acl_keeps_from_every_host_blocks_the_endpoint_in_words(self) -> None:
        network = with_public(CLIENT, network_acls=(closed_to("10.0.3.0/24", CLIENT),))
        found = plan(network, per_zone=False)
        (action,) = of_kind(found, CREATE)
        assert action.status is Status.BLOCKED
        assert action.error == (
            "private DNS would make the monitoring service unreachable from subnet-p, which reaches it today: "
            "network ACL acl-1 "
            "doesn't let 443 into subnet-a from 10.0.3.0/24; allow 443, and responses to ports 32768-60999, in the "
            "network ACLs on both sides, or exempt subnet-p in the policy (a tag isn't enough) if it doesn't need the "
            "service"
        )
        assert not any(one.status is Status.PLANNED for one in found.actions)

    def test_an_exemption_of_that_subnet_lets_the_endpoint_be_made(self) -> None:
        network = with_public(CLIENT, network_acls=(closed_to("10.0.3.0/24", CLIENT),))
        exempt = (Exempted("subnet-p", ("monitoring",), None, "nothing runs there"),)
        (action,) = of_kind(plan(network, exempt=exempt), CREATE)
        assert action.status is Status.PLANNED
        assert action.reason.endswith(
            "; subnet-p, which is exempt (nothing runs there), would no longer reach it (network ACL acl-1 doesn't let "
            "443 into subnet-a from 10.0.3.0/24)"
        )

    def test_a_tag_exempts_no_subnet_from_what_it_would_lose(self) -> None:
        network = with_public(CLIENT, network_acls=(closed_to("10.0.3.0/24", CLIENT),))
        tagged = Exempted("subnet-p", (), None, "tag lifeline:exempt", ExemptedBy.TAG)
        (action,) = of_kind(plan(network, exempt=(tagged,)), CREATE)
        assert action.error == of_kind(plan(network), CREATE)[0].error
        assert "unreachable from subnet-p" in action.error

    def test_an_exempt_subnet_that_loses_nothing_is_not_named(self) -> None:
        exempt = (Exempted("subnet-p", ("monitoring",), None, "nothing runs there"),)
        (action,) = of_kind(plan(with_public(CLIENT), exempt=exempt), CREATE)
        assert "subnet-p" not in action.reason

    def test_another_subnet_of_the_zone_is_chosen_whose_acl_lets_everybody_through(self) -> None:
        other = subnet("z", cidr="10.0.4.0/24", free=10)
        network = with_public(CLIENT, other, network_acls=(closed_to("10.0.3.0/24", CLIENT),))
        (action,) = of_kind(plan(network), CREATE)
        assert (action.subnet_ids, action.status) == (("subnet-z",), Status.PLANNED)

    def test_a_zone_where_every_host_would_harm_is_left_out_and_later_told(self) -> None:
        acls = (closed_to("10.0.3.0/24", HOST),)
        network = with_public(CLIENT, HOST, network_acls=acls)
        (action,) = of_kind(plan(network), CREATE)
        assert action.subnet_ids == ("subnet-a",)
        grown = with_public(CLIENT, HOST, endpoint(MONITORING, "a"), own_security_group(), network_acls=acls)
        (adding,) = of_kind(plan(grown), ActionKind.ADD_SUBNETS)
        assert (adding.subnet_ids, adding.status) == (("subnet-b",), Status.BLOCKED)
        assert "unreachable from subnet-p" in adding.error

    def test_of_two_zones_that_an_endpoint_lacks_the_one_that_would_harm_nobody_is_added(self) -> None:
        third = subnet("c", "us-east-1c", cidr="10.0.4.0/24")
        there = endpoint(MONITORING, "a"), own_security_group()
        network = with_public(CLIENT, HOST, third, *there, network_acls=(closed_to("10.0.3.0/24", third),))
        added, left = of_kind(plan(network), ActionKind.ADD_SUBNETS)
        assert (added.subnet_ids, added.status) == (("subnet-b",), Status.PLANNED)
        assert (left.subnet_ids, left.status) == (("subnet-c",), Status.BLOCKED)

    def test_an_isolated_subnet_behind_an_acl_stops_nothing_for_the_others_and_is_told(self) -> None:
        lonely = subnet("l", "us-east-1b", cidr="10.0.9.0/24", free=1)
        network = vpc(CLIENT, lonely, network_acls=(closed_to("10.0.9.0/24", CLIENT),))
        found = plan(network)
        assert [one.status for one in of_kind(found, CREATE)] == [Status.PLANNED]
        (notified,) = of_kind(found, ActionKind.OPEN_NETWORK_ACL)
        assert (notified.status, notified.subnet_ids) == (Status.BLOCKED, ("subnet-l",))

    def test_an_endpoint_that_no_client_could_reach_is_not_bought(self) -> None:
        lonely = subnet("l", "us-east-1b", cidr="10.0.9.0/24", free=1)
        public = (subnet("p", cidr="10.0.3.0/24"), table("main"), table("pub", IGW, subnets=("p",)))
        network = vpc(lonely, *public, network_acls=(closed_to("0.0.0.0/0", lonely),))
        (action,) = of_kind(plan(network), CREATE)
        assert action.status is Status.BLOCKED
        assert "no subnet that needs the service could reach an endpoint there: network ACL acl-1" in action.error

    def test_a_subnet_with_no_address_of_the_endpoints_kind_is_not_cut_off_either(self) -> None:
        six = subnet("p", "us-east-1c", cidr="", ipv6_cidrs=("2001:db8::/64",))
        out = replace(IGW, destinations=("::/0",))
        network = vpc(CLIENT, six, table("main"), table("pub", out, subnets=("p",)))
        (action,) = of_kind(plan(network), CREATE)
        assert action.status is Status.BLOCKED
        assert (
            "only IPv4 addresses, and subnet-p is IPv6-only; move what needs it to a subnet that has the endpoint's IP "
            "version, or exempt subnet-p" in action.error
        )
        assert "unreachable from subnet-p, which may reach it today (the subnet is IPv6-only and has no" in action.error

    def test_the_replacement_of_a_failed_endpoint_is_held_to_the_same(self) -> None:
        failed = endpoint(MONITORING, "a", state=EndpointState.FAILED)
        network = with_public(CLIENT, failed, own_security_group(), network_acls=(closed_to("10.0.3.0/24", CLIENT),))
        assert of_kind(plan(network), ActionKind.REPLACE_ENDPOINT)[0].status is Status.BLOCKED

    def test_where_a_hub_answers_that_is_told_and_no_harm(self) -> None:
        hub = table("main", route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY))
        tables = (hub, table("pub", IGW, subnets=("p",)))
        network = vpc(CLIENT, PUBLIC, *tables, network_acls=(closed_to("10.0.3.0/24", CLIENT),))
        draft = plan(network, dns=None)
        assert of_kind(draft, CREATE)[0].status is Status.PLANNED  # so that somebody looks who else answers
        zone = DnsAnswer(AnswerKind.PRIVATE_ZONE, "monitoring.us-east-1.amazonaws.com", "Z1", "of account 9")
        assert plan(network, dns=DnsView((zone,))).actions == ()


class TestSwitchingOn:
    def test_is_blocked_where_an_acl_keeps_out_who_reaches_it_today(self) -> None:
        network = with_public(CLIENT, DARK, own_security_group(), network_acls=(closed_to("10.0.3.0/24", CLIENT),))
        (action,) = of_kind(plan(network), ENABLE)
        assert (action.status, "unreachable from subnet-p" in action.error) == (Status.BLOCKED, True)

    def test_goes_on_though_an_isolated_subnet_is_kept_out(self) -> None:
        network = vpc(CLIENT, HOST, DARK, own_security_group(), network_acls=(closed_to("10.0.2.0/24", CLIENT),))
        assert of_kind(plan(network), ENABLE)[0].status is Status.PLANNED

    def test_gives_the_endpoint_lifelines_group_back_first(self) -> None:
        theirs = SecurityGroup("sg-theirs", "theirs")
        dark = replace(DARK, security_group_ids=frozenset({"sg-theirs"}))
        found = [
            (one.kind, one.status) for one in plan(with_public(CLIENT, dark, theirs, own_security_group())).actions
        ]
        assert found == [(ActionKind.ATTACH_SECURITY_GROUP, Status.PLANNED), (ENABLE, Status.PLANNED)]

    def test_opens_the_group_for_every_block_first(self) -> None:
        network = with_public(CLIENT, DARK, own_security_group(), cidrs=("10.0.0.0/16", "10.1.0.0/16"))
        found = plan(network).actions
        assert [one.kind for one in found] == [ActionKind.OPEN_SECURITY_GROUP, ENABLE]
        assert unprepared(found[1], found) == found[0]
        assert unprepared(found[1], [replace(found[0], status=Status.DONE)]) is None
        assert unprepared(found[0], found) is None

    def test_others_closed_groups_are_not_lifelines_to_wait_for(self) -> None:
        theirs = Action(ActionKind.OPEN_SECURITY_GROUP, "closed", service="logs", endpoint_id="vpce-9").blocked(
            "theirs"
        )
        action = Action(ENABLE, "dark", service="monitoring", endpoint_id="vpce-1")
        assert unprepared(action, [theirs, action]) is None

    @pytest.mark.parametrize(
        ("kind", "changed", "group_id", "waits"),
        [
            (ActionKind.OPEN_SECURITY_GROUP, {"security_group_id": "sg-1"}, "sg-1", True),
            (ActionKind.OPEN_SECURITY_GROUP, {"security_group_id": "sg-1"}, "", True),
            (ActionKind.OPEN_SECURITY_GROUP, {"security_group_id": "sg-1"}, "sg-2", False),
            (ActionKind.OPEN_SECURITY_GROUP, {}, "sg-1", False),
            (ActionKind.OPEN_SECURITY_GROUP, {}, "", False),
            (ActionKind.ATTACH_SECURITY_GROUP, {"endpoint_id": "vpce-1"}, "sg-1", True),
            (ActionKind.ATTACH_SECURITY_GROUP, {"endpoint_id": "vpce-2"}, "sg-1", False),
            (ActionKind.RESET_POLICY, {"endpoint_id": "vpce-1"}, "", True),
            (ActionKind.RESET_POLICY, {"endpoint_id": "vpce-2"}, "", False),
            (ActionKind.CREATE_SECURITY_GROUP, {"security_group_id": "sg-1"}, "sg-1", False),
            (ActionKind.OPEN_NETWORK_ACL, {"endpoint_id": "vpce-1"}, "sg-1", False),
        ],
    )
    def test_names_are_taken_once_the_endpoint_lets_in_whom_they_send_there(
        self, kind: ActionKind, changed: dict[str, str], group_id: str, waits: bool
    ) -> None:
        first = Action(kind, "why", **changed)  # type: ignore[arg-type]
        takes = {ENABLE, ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ADD_SUBNETS, ActionKind.REPLACE_ENDPOINT}
        takes |= {ActionKind.SWAP_TO_LOCAL}
        for one in ActionKind:
            action = Action(one, "why", endpoint_id="vpce-1", security_group_id=group_id)
            assert unprepared(action, [first]) is (first if waits and one in takes else None)
        failed = replace(first, status=Status.FAILED)
        action = Action(ENABLE, "why", endpoint_id="vpce-1", security_group_id=group_id)
        assert unprepared(action, [replace(first, status=Status.DONE), failed]) is (failed if waits else None)


class TestTurningDnsOn:
    def test_is_blocked_where_an_endpoint_that_wakes_up_with_it_would_cut_somebody_off(self) -> None:
        theirs = endpoint(
            "com.amazonaws.us-east-1.logs", "a", own=False, id="vpce-9", security_group_ids=frozenset({"sg-x"})
        )
        shut = SecurityGroup("sg-x", "shut")
        found = plan(with_public(CLIENT, theirs, shut, dns_hostnames=False), fix_dns=True)
        (action,) = of_kind(found, CREATE)
        assert action.status is Status.BLOCKED
        assert "would make the logs service unreachable from subnet-p" in action.error
        assert of_kind(found, ActionKind.FIX_DNS) == []

    def test_goes_on_where_it_harms_nobody(self) -> None:
        found = plan(with_public(CLIENT, dns_hostnames=False), fix_dns=True)
        assert of_kind(found, ActionKind.FIX_DNS)[0].status is Status.PLANNED


class TestACanary:
    def test_is_made_without_private_dns_and_with_a_token_of_its_own(self) -> None:
        (action,), (usual,) = of_kind(plan(vpc(CLIENT), canary=True), CREATE), of_kind(plan(vpc(CLIENT)), CREATE)
        assert (action.private_dns, usual.private_dns) == (False, True)
        assert action.client_token != usual.client_token

    @pytest.mark.parametrize("state", [EndpointState.PENDING, EndpointState.UNKNOWN])
    def test_is_waited_for_and_then_switched_on(self, state: EndpointState) -> None:
        coming = replace(DARK, state=state)
        assert plan(vpc(CLIENT, coming, own_security_group()), canary=True).actions == ()
        assert [one.kind for one in plan(vpc(CLIENT, DARK, own_security_group()), canary=True).actions] == [ENABLE]

    def test_that_failed_is_replaced_though_it_never_held_the_name(self) -> None:
        failed = replace(DARK, state=EndpointState.FAILED)
        (action,) = of_kind(plan(vpc(CLIENT, failed, own_security_group()), canary=True), ActionKind.REPLACE_ENDPOINT)
        assert (action.endpoint_id, action.private_dns) == ("vpce-1", False)


# ---- whatever the network


def applied(network: Vpc, actions: Sequence[Action]) -> Vpc:
    """The VPC once the planned actions are done and what was made is available."""
    for action in (one for one in actions if one.status is Status.PLANNED):
        network = after(network, action)
    return network


def rules_for(action: Action) -> tuple[Rule, ...]:
    return tuple(Rule("tcp", low, high, action.cidrs) for low, high in action.ports)


def after(network: Vpc, action: Action) -> Vpc:
    own = {one.id: one for one in network.endpoints}
    match action.kind:
        case ActionKind.CREATE_SECURITY_GROUP:
            group = replace(own_security_group(), ingress=rules_for(action))
            return replace(network, security_groups=(*network.security_groups, group))
        case ActionKind.OPEN_SECURITY_GROUP:
            opened = tuple(
                replace(one, ingress=(*one.ingress, *rules_for(action))) if one.id == "sg-own" else one
                for one in network.security_groups
            )
            return replace(network, security_groups=opened)
        case ActionKind.FIX_DNS:
            return replace(network, dns_support=True, dns_hostnames=True)
        case ActionKind.CREATE_INTERFACE_ENDPOINT:
            made = endpoint(action.service_name, id="vpce-new", subnet_ids=frozenset(action.subnet_ids))
            made = replace(made, private_dns=action.private_dns, ip_address_type=action.ip_address_type)
            return replace(network, endpoints=(*network.endpoints, made))
        case ActionKind.ENABLE_PRIVATE_DNS:
            changed = replace(own[action.endpoint_id], private_dns=True)
        case ActionKind.ADD_SUBNETS:
            one = own[action.endpoint_id]
            changed = replace(one, subnet_ids=one.subnet_ids | set(action.subnet_ids))
        case ActionKind.ATTACH_SECURITY_GROUP:
            one = own[action.endpoint_id]
            changed = replace(one, security_group_ids=one.security_group_ids | {"sg-own"})
        case _:
            raise AssertionError(action)
    return replace(network, endpoints=tuple((own | {changed.id: changed}).values()))


def open_ways(network: Vpc) -> set[tuple[str, bool]]:
    return {
        (one.id, has_address)
        for one in network.subnets
        for has_address in (True, False)
        if find_path(one, network, "six", CATALOG, None, has_public_address=has_address).reach.is_open
    }


SIX = "com.amazonaws.us-east-1.six"
names = ("a", "b", "c", "d", "e")
places = st.tuples(st.sampled_from(ZONES), st.sampled_from(["main", "pub", "nat"]), st.sampled_from([1, 100]))
denials = st.builds(
    lambda who, cidr, egress: (who, AclEntry(50, egress=egress, allow=False, protocol="-1", cidr=cidr)),
    st.sampled_from(names),
    st.sampled_from([f"10.0.{place}.0/24" for place in range(5)] + ["0.0.0.0/0"]),
    st.booleans(),
)


@st.composite
def networks(draw: st.DrawFn) -> Vpc:
    """Subnets of all tiers, with ACLs in between, perhaps an endpoint without private DNS, perhaps DNS off."""
    sketch = draw(st.lists(places, min_size=2, max_size=5))
    subnets = []
    for place, (zone, _, free) in enumerate(sketch):
        only_six = draw(st.integers(0, 5)) == 0
        made = subnet(names[place], zone, free=free, cidr="" if only_six else f"10.0.{place}.0/24")
        subnets.append(replace(made, ipv6_cidrs=(f"2001:db8:0:{place}::/64",) if only_six else ()))
    homes = {kind: tuple(names[n] for n, one in enumerate(sketch) if one[1] == kind) for kind in ("pub", "nat")}
    six = replace(IGW, destinations=("::/0",))
    tables: list[RouteTable] = [table("main"), table("pub", IGW, six, subnets=homes["pub"])]
    tables.append(table("nat", NAT, subnets=homes["nat"]))
    walls: dict[str, list[AclEntry]] = {}
    for who, entry in draw(st.lists(denials, max_size=3)):
        walls.setdefault(who, []).append(replace(entry, number=50 + len(walls.get(who, []))))
    through = [ALL, replace(ALL, egress=False)]
    through += [replace(one, number=101, cidr="::/0") for one in through]
    acls = tuple(NetworkAcl(f"acl-{who}", frozenset({f"subnet-{who}"}), (*o, *through)) for who, o in walls.items())
    groups: tuple[SecurityGroup, ...] = (own_security_group("10.0.0.0/24"), SecurityGroup("sg-shut", "shut"))
    there: list[Endpoint] = []
    if draw(st.booleans()):
        home = draw(st.sampled_from(names[: len(sketch)]))
        group = draw(st.sampled_from(["sg-own", "sg-shut"]))
        has_dns = draw(st.booleans())
        there.append(endpoint(SIX, home, private_dns=has_dns, security_group_ids=frozenset({group})))
    is_on = draw(st.sampled_from([True, True, False]))
    has_group = bool(there) or draw(st.booleans())
    blocks: dict[str, Any] = {"ipv6_cidrs": ("2001:db8::/56",), "dns_hostnames": is_on, "network_acls": acls}
    return vpc(*subnets, *tables, *there, *(groups if has_group else ()), **blocks)


@given(networks(), st.booleans(), st.booleans())
def test_no_subnet_that_reached_the_service_loses_it_by_a_plan(network: Vpc, per_zone: bool, canary: bool) -> None:
    before = open_ways(network)
    for _ in range(3):  # a canary is made, then turned on
        found = plan(network, "six", per_zone=per_zone, fix_dns=True, canary=canary)
        network = applied(network, found.actions)
        assert before <= open_ways(network), found.actions


class TestAFewAddresses:
    """An ACL that denies one host closes nothing for the rest, but whoever has that address must not lose anything."""

    DENY = AclEntry(50, egress=False, allow=False, protocol="-1", cidr="10.0.3.66/32")
    GUARD = NetworkAcl("acl-1", frozenset({"subnet-a"}), (DENY, ALL, replace(ALL, egress=False)))

    def test_that_nobody_has_are_told_and_block_nothing(self) -> None:
        (action,) = of_kind(plan(with_public(CLIENT, network_acls=(self.GUARD,))), CREATE)
        assert action.status is Status.PLANNED
        assert action.reason.endswith(
            "; 10.0.3.66 of subnet-p would no longer reach it (network ACL acl-1 doesn't let 443 into subnet-a from "
            "10.0.3.66)"
        )

    def test_that_nobody_has_hide_no_client_whose_own_group_shuts_it_out(self) -> None:
        there = (NetworkInterface("eni-1", "subnet-p", ("10.0.3.67",), frozenset({"sg-app"})),)
        public = SecurityGroup("sg-app", "app", egress=(Rule("tcp", 443, 443, ("52.94.0.0/15",)),))
        guarded = with_public(CLIENT, network_acls=(self.GUARD,), interfaces=there, client_groups=(public,))
        (action,) = of_kind(plan(guarded), CREATE)
        assert action.status is Status.BLOCKED
        assert "sg-app of eni-1 doesn't allow outbound 443" in action.error

    def test_that_a_client_has_block_it(self) -> None:
        there = (NetworkInterface("eni-1", "subnet-p", ("10.0.3.66",)),)
        (action,) = of_kind(plan(with_public(CLIENT, network_acls=(self.GUARD,), interfaces=there)), CREATE)
        assert action.status is Status.BLOCKED
        assert "doesn't let 443 into subnet-a from 10.0.3.66" in action.error
        assert "in the network ACLs on both sides, or exempt subnet-p" in action.error

    @pytest.mark.parametrize(
        ("kind", "remedy"),
        [
            (ObstacleKind.NETWORK_ACL, "in the network ACLs on both sides"),
            (ObstacleKind.ROUTE, "route the subnets' blocks to local"),
            (ObstacleKind.SECURITY_GROUP, "in the endpoint's security group"),
        ],
    )
    def test_are_remedied_by_what_shuts_them_unless_more_is_shut(self, kind: ObstacleKind, remedy: str) -> None:
        path = NetworkPath(Reach.SERVED, "served", excepted=(Obstacle(kind, "10.0.3.66 is shut out", "subnet-p"),))
        assert f"{remedy}, or exempt subnet-p" in harm_words([Harm("monitoring", "subnet-p", path)])
        policy = (Obstacle(ObstacleKind.ENDPOINT_POLICY, "its policy denies all", "subnet-p"),)
        said = harm_words([Harm("monitoring", "subnet-p", replace(path, obstacles=policy))])
        assert "; allow it in the endpoint's policy, or exempt subnet-p" in said


@pytest.mark.parametrize(
    ("is_active", "words"),
    [
        (True, "might make the monitoring service unreachable from subnet-a, which reaches it today: it isn't known"),
        (False, "would make the monitoring service unreachable from subnet-a, which reaches it today: no route of"),
    ],
)
def test_a_route_that_leads_elsewhere_than_straight_to_the_endpoint_harms_whoever_takes_it(
    is_active: bool, words: str
) -> None:
    to_machine = route("10.0.2.0/24", TargetKind.NETWORK_INTERFACE, "eni-fw", active=is_active)
    out = table("out", NAT, to_machine, subnets=("a",))
    nats = (NatGateway("nat_gateway-1", is_public=True, is_available=True),)
    network = vpc(CLIENT, replace(HOST, zone="us-east-1a"), table("main"), out, nat_gateways=nats)
    full = replace(network, subnets=(replace(CLIENT, free_addresses=0), *network.subnets[1:]))
    [action] = [one for one in plan(full, "monitoring", tiers=frozenset({Tier.ISOLATED})).actions if one.service]
    assert action.is_blocked
    assert f"private DNS {words}" in action.error
    assert "; route the subnets' blocks to local, or exempt subnet-a" in action.error


def test_a_target_beyond_which_nobody_sees_is_remedied_by_the_route_though_more_was_not_read() -> None:
    unread = ("the network ACLs could not be read", beyond_words("tgw-1"))
    path = NetworkPath(Reach.UNKNOWN, "it isn't known whether subnet-a can reach the endpoint", unread=unread)
    words = harm_words([Harm("monitoring", "subnet-a", path, today="reaches it")])
    assert "route the subnets' blocks to local" in words


class TestOfAServiceWithTwoPorts:
    """What is open today is judged for each port, and so is what would be lost."""

    PORTS = ((443, 443), (8443, 8443))
    ON_BOTH = replace(CATALOG, ports=(("monitoring", PORTS),))

    @staticmethod
    def denying(subnet: Subnet, *entries: tuple[bool, str, tuple[int, int]]) -> NetworkAcl:
        denials = tuple(
            AclEntry(place, egress=egress, allow=False, protocol="6", cidr=cidr, from_port=low, to_port=high)
            for place, (egress, cidr, (low, high)) in enumerate(entries, start=1)
        )
        return NetworkAcl(f"acl-{subnet.id}", frozenset({subnet.id}), (*denials, ALL, replace(ALL, egress=False)))

    def make(self, *acls: NetworkAcl, **more: Any) -> Action:
        full = replace(PUBLIC, free_addresses=0)
        network = replace(with_public(CLIENT, network_acls=acls), subnets=(CLIENT, full))
        return of_kind(plan(network, catalog=self.ON_BOTH, **more), CREATE)[0]

    def out_is_shut(self, port: int) -> NetworkAcl:
        return self.denying(PUBLIC, (True, "0.0.0.0/0", (port, port)))

    def into_is_shut(self, low: int, high: int, cidr: str = "10.0.0.0/16") -> NetworkAcl:
        return self.denying(CLIENT, (False, cidr, (low, high)))

    @pytest.mark.parametrize("acls", [(443, 8443), (8443, 443)])
    def test_one_that_is_open_today_and_would_be_shut_blocks_it_whichever_is_shut_already(
        self, acls: tuple[int, int]
    ) -> None:
        shut, lost = acls
        action = self.make(self.out_is_shut(shut), self.into_is_shut(lost, lost))
        assert action.error == (
            f"private DNS would make TCP {lost} of the monitoring service unreachable from subnet-p, which reaches it "
            f"today: network ACL acl-subnet-a doesn't let {lost} into subnet-a from 10.0.3.0/24; allow {lost}, and "
            "responses to ports 32768-60999, in the network ACLs on both sides, or exempt subnet-p in the policy (a "
            "tag isn't enough) if it doesn't need the service"
        )

    def test_one_that_is_shut_already_is_not_lost(self) -> None:
        assert self.make(self.out_is_shut(443), self.into_is_shut(443, 443)).status is Status.PLANNED

    def test_what_is_shut_already_is_neither_named_where_nothing_is_left(self) -> None:
        error = self.make(self.out_is_shut(443), self.into_is_shut(0, 65535)).error
        assert "would make TCP 8443 of the monitoring service" in error
        assert "doesn't let 8443 into" in error

    def test_no_port_is_named_where_all_are_lost(self) -> None:
        error = self.make(self.into_is_shut(0, 65535)).error
        assert "would make the monitoring service unreachable" in error
        assert "doesn't let 443, 8443 into" in error

    def test_of_a_few_addresses_and_of_an_exempt_subnet_the_port_is_told(self) -> None:
        told = self.make(self.into_is_shut(8443, 8443, "10.0.3.66/32"))
        assert told.status is Status.PLANNED
        assert "; 10.0.3.66 of subnet-p would no longer reach it on TCP 8443 (network ACL" in told.reason
        exempt = (Exempted("subnet-p", ("monitoring",), None, "nothing runs there"),)
        spared = self.make(self.into_is_shut(443, 443), exempt=exempt)
        assert "(nothing runs there), would no longer reach it on TCP 443 (network ACL" in spared.reason

    def test_a_host_is_chosen_that_leaves_what_is_open_today(self) -> None:
        """Not one that would leave more but for that."""
        other = subnet("z", cidr="10.0.4.0/24", free=10)
        acls = (
            self.out_is_shut(443),
            self.into_is_shut(8443, 8443, "10.0.3.0/24"),
            self.denying(other, (False, "10.0.3.0/24", (443, 443))),
        )
        network = with_public(CLIENT, other, network_acls=acls)
        network = replace(network, subnets=(CLIENT, other, replace(PUBLIC, free_addresses=0)))
        [action] = of_kind(plan(network, catalog=self.ON_BOTH), CREATE)
        assert (action.subnet_ids, action.status) == (("subnet-z",), Status.PLANNED)


def test_who_reaches_a_service_by_another_name_only_may_lose_all_of_its_ports() -> None:
    everything = ((End.of(CLIENT, 4).addresses, ((443, 443), (8443, 8443))),)
    assert Dependent(CLIENT, shut=everything).open_ports(((443, 443), (8443, 8443))) == ((443, 443), (8443, 8443))
