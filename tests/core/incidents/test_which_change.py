"""Of several changes, the one is named that can have begun the fault: by its direction, IP version and destination."""

from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.guards.freeze import Freeze, FreezeKind
from lifeline.core.guards.mode import Mode
from lifeline.core.guards.urgency import KnownPath, KnownVpc
from lifeline.core.history.change import Change
from lifeline.core.incidents.changes import Past, scope_of
from lifeline.core.incidents.incident import CauseKind, Confidence
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import (
    AclEntry,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Rule,
    SecurityGroup,
    TargetKind,
    Vpc,
)
from tests.core.incidents.test_changes import SINCE
from tests.core.incidents.test_diagnose import (
    CLOSED_GROUP,
    DENYING,
    INSTANCE,
    SERVED,
    change,
    facts,
    network,
    served,
    why,
)
from tests.core.incidents.test_wrong_blame import of_own_group
from tests.support.agents import minute
from tests.support.builders import MONITORING, default_route, endpoint, own_security_group, route, subnet, table, vpc

NAMED = DnsView()


def deleted(block: str, *, at: float = -2, table_id: str = "rtb-main", event_id: str = "e-2") -> Change:
    return replace(change("DeleteRoute", table_id, at=at, event_id=event_id), blocks=frozenset({block} - {""}))


BEGAN = deleted("0.0.0.0/0", at=-6, event_id="e-1")


def behind(seen: Vpc, kind: CauseKind, *changes: Change, is_public: bool = False) -> Change | None:
    scope = scope_of(seen.subnets[0], seen, "monitoring", is_public=is_public)
    return Past(changes, scope).change_behind(kind, minute(0))


@pytest.mark.parametrize("block", ["::/0", "64:ff9b::/96", "2001:db8::/32"])
def test_a_route_of_the_other_ip_version_cuts_nothing_off(block: str) -> None:
    assert why(facts(network(), changes=(BEGAN, deleted(block)))).change == BEGAN


@pytest.mark.parametrize("block", ["", "0.0.0.0/0", "0.0.0.0/1", "52.94.0.0/16"])
def test_a_later_route_that_may_have_led_there_is_named(block: str) -> None:
    """One without a block is from before blocks were kept, or of a prefix list."""
    assert why(facts(network(), changes=(BEGAN, deleted(block)))).change == deleted(block)


def of_ipv6(*more: Any) -> Vpc:
    return vpc(subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",)), *more)


@pytest.mark.parametrize(("block", "is_named"), [("::/0", True), ("64:ff9b::/96", True), ("0.0.0.0/0", False)])
def test_an_ipv6_only_subnet_is_cut_off_by_ipv6_routes(block: str, *, is_named: bool) -> None:
    assert (behind(of_ipv6(), CauseKind.CUT_OFF, deleted(block)) is not None) is is_named


def test_behind_a_nat_gateway_what_an_ipv6_only_subnet_sends_goes_on_by_ipv4() -> None:
    seen = of_ipv6(
        table("main", route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1")),
        subnet("n"),
        table("edge", subnets=("n",)),
    )
    seen = replace(seen, nat_gateways=(NatGateway("nat-1", is_public=True, is_available=True, subnet_id="subnet-n"),))
    lost = deleted("0.0.0.0/0", table_id="rtb-edge")
    assert behind(seen, CauseKind.CUT_OFF, lost) == lost


@pytest.mark.parametrize(
    ("name", "ids", "kind"),
    [
        ("RevokeSecurityGroupIngress", ("sg-own",), CauseKind.ENDPOINT_CLOSED),
        ("RevokeSecurityGroupEgress", ("sg-own",), CauseKind.OWN_GROUP),
        ("CreateNetworkAclEntry", ("acl-a",), CauseKind.ENDPOINT_CLOSED),
    ],
)
@pytest.mark.parametrize(("blocks", "is_named"), [(("::/0",), False), (("::/0", "0.0.0.0/0"), True), ((), True)])
def test_rules_count_by_their_ip_version(
    name: str, ids: tuple[str, ...], kind: CauseKind, blocks: tuple[str, ...], *, is_named: bool
) -> None:
    seen = vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group())
    scope = scope_of(seen.subnets[0], seen, "monitoring")
    scope = replace(scope, filter_ids=scope.filter_ids | {"acl-a"})
    one = Change(SINCE, "e-1", name, "alice", frozenset(ids), blocks=frozenset(blocks))
    assert (Past([one], scope).change_behind(kind, SINCE) == one) is is_named


@pytest.mark.parametrize("block", ["10.0.0.0/8", "10.20.0.0/16", "172.16.0.0/12", "192.168.7.0/24", "100.64.0.0/10"])
def test_a_route_to_other_private_networks_is_no_way_to_public_addresses(block: str) -> None:
    """Nor is one that is wider than the VPC's own block, 10.0.0.0/16, whose addresses stay local."""
    assert why(facts(network(), changes=(BEGAN, deleted(block)), dns=NAMED)).change == BEGAN


ZONE = DnsAnswer(AnswerKind.PRIVATE_ZONE, "monitoring.us-east-1.amazonaws.com", "Z1", "", addresses=("10.20.1.10",))


@pytest.mark.parametrize(
    "dns",
    [
        DnsView((ZONE,)),
        None,
        DnsView(unreadable=("a zone could not be read",)),
        DnsView(unread=("the VPC's DHCP options could not be read",)),
        DnsView(throttled=("the VPC's Profiles could not be read",)),
        DnsView(custom_dns_servers=("10.20.0.2",)),
    ],
)
def test_it_may_be_the_way_where_the_name_may_lead_to_private_addresses(dns: DnsView | None) -> None:
    lost = deleted("10.20.0.0/16")
    assert why(facts(network(), changes=(BEGAN, lost), dns=dns)).change == lost


def test_a_route_within_the_vpc_may_bring_the_answers_back() -> None:
    back = deleted("10.0.1.0/24")
    assert why(facts(network(), changes=(BEGAN, back), dns=NAMED)).change == back


def test_a_transit_gateways_routes_to_private_networks_lead_back() -> None:
    seen = vpc(subnet("a"), table("main", default_route(TargetKind.TRANSIT_GATEWAY, "tgw-1")))
    one = Change(SINCE, "e-1", "DeleteTransitGatewayRoute", "alice", blocks=frozenset({"10.0.0.0/16"}))
    assert behind(seen, CauseKind.CUT_OFF, one, is_public=True) == one


def test_where_an_endpoint_answers_every_route_may_be_on_the_way() -> None:
    seen = vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group())
    assert behind(seen, CauseKind.PATH_UNKNOWN, deleted("10.20.0.0/16"), is_public=True) is not None


OUTBOUND = ["RevokeSecurityGroupEgress", "ModifySecurityGroupRules", "DisassociateSecurityGroupVpc"]
INBOUND = ["RevokeSecurityGroupIngress", "ModifySecurityGroupRules", "DisassociateSecurityGroupVpc"]
BY_LIST = ["ModifyManagedPrefixList", "RestoreManagedPrefixListVersion", "DeleteIpamPrefixListResolverTarget"]
NOT_OUTBOUND = ["RevokeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"]
NOT_INBOUND = ["RevokeSecurityGroupEgress", "AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"]


@pytest.mark.parametrize(
    ("name", "is_named"), [*((one, True) for one in OUTBOUND), *((one, False) for one in NOT_OUTBOUND)]
)
def test_what_an_instances_own_group_lets_out_is_closed_by_changes_of_its_outbound_rules(
    name: str, *, is_named: bool
) -> None:
    one = change(name, "sg-app")
    assert (why(of_own_group(changes=(one,))).change == one) is is_named


@pytest.mark.parametrize("name", BY_LIST)
@pytest.mark.parametrize(("rule", "is_named"), [("egress", True), ("ingress", False)])
def test_and_by_changes_of_the_lists_in_these(name: str, rule: str, *, is_named: bool) -> None:
    one, listed = change(name, "pl-1"), (Rule("tcp", 443, 443, prefix_lists=("pl-1",)),)
    own = replace(SecurityGroup("sg-app", "app"), **{rule: listed})  # type: ignore[arg-type]
    cause = why(of_own_group(changes=(one,), own_groups=(own,), own_lists=(("pl-1", ("10.9.0.0/16",)),)))
    assert cause.kind is CauseKind.OWN_GROUP
    assert (cause.change == one) is is_named


@pytest.mark.parametrize(
    ("name", "is_named"), [*((one, True) for one in INBOUND), *((one, False) for one in NOT_INBOUND)]
)
def test_an_endpoint_is_closed_by_changes_of_its_inbound_rules(name: str, *, is_named: bool) -> None:
    one = change(name, "sg-own")
    assert (why(facts(network(SERVED, security_groups=(CLOSED_GROUP,)), changes=(one,))).change == one) is is_named


@pytest.mark.parametrize("name", BY_LIST)
@pytest.mark.parametrize(("rule", "is_named"), [("egress", False), ("ingress", True)])
def test_and_by_changes_of_the_lists_in_those(name: str, rule: str, *, is_named: bool) -> None:
    one, listed = change(name, "pl-1"), (Rule("tcp", 443, 443, prefix_lists=("pl-1",)),)
    group = replace(CLOSED_GROUP, **{rule: listed})  # type: ignore[arg-type]
    seen = network(SERVED, security_groups=(group,), prefix_lists=(("pl-1", ("10.9.0.0/16",)),))
    cause = why(facts(seen, changes=(one,)))
    assert cause.kind is CauseKind.ENDPOINT_CLOSED
    assert (cause.change == one) is is_named


@pytest.mark.parametrize(
    ("name", "is_cure"), [("AuthorizeSecurityGroupIngress", True), ("AuthorizeSecurityGroupEgress", False)]
)
def test_an_endpoint_is_opened_again_by_its_inbound_rules(name: str, *, is_cure: bool) -> None:
    closed = change("RevokeSecurityGroupIngress", "sg-own", at=-1, event_id="e-1")
    opened = change(name, "sg-own", at=3, event_id="e-2")
    found = why(facts(served(), changes=(closed, opened)), now=minute(9))
    assert (found.kind is CauseKind.ENDPOINT_CLOSED) is is_cure


@pytest.mark.parametrize("name", ["RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress"])
def test_both_ways_of_a_nat_instances_group_count(name: str) -> None:
    nat = NetworkInterface("eni-nat", "subnet-n", ("10.0.9.9",), frozenset({"sg-nat"}))
    out = default_route(TargetKind.NETWORK_INTERFACE, "eni-nat")
    seen = vpc(subnet("a"), subnet("n"), table("main", out), interfaces=(nat,))
    one = change(name, "sg-nat")
    assert behind(seen, CauseKind.WAY_OUT_SHUT, one) == one


class TestARouteThatWasAdded:
    """It takes what it is for from a wider one (VPC guide: route priority)."""

    OUT = default_route(TargetKind.INTERNET_GATEWAY, "igw-1")
    HALVES = ("0.0.0.0/1", "128.0.0.0/1")

    def cause(self, target: TargetKind, *changes: Change, active: bool = True) -> Any:
        halves = [route(half, target, "pcx-1", active=active) for half in self.HALVES]
        by_address = replace(INSTANCE, has_public_address=True)
        return why(facts(vpc(subnet("a"), table("main", self.OUT, *halves)), instance=by_address, changes=changes))

    def created(self, *blocks: str, table_id: str = "rtb-main", at: float = -2) -> tuple[Change, ...]:
        made = [
            replace(change("CreateRoute", table_id, at=at, event_id=block), blocks=frozenset({block}))
            for block in blocks
        ]
        return tuple(made)

    @pytest.mark.parametrize(
        ("target", "active"), [(TargetKind.PEERING, True), (TargetKind.PEERING, False), (TargetKind.NAT_GATEWAY, False)]
    )
    def test_is_named_where_it_leads_nowhere(self, target: TargetKind, *, active: bool) -> None:
        made = self.created(*self.HALVES)
        cause = self.cause(target, *made, active=active)
        assert cause.kind is CauseKind.CUT_OFF
        assert cause.change in made

    @pytest.mark.parametrize("block", ["0.0.0.0/0", "10.20.0.0/16", "52.94.0.0/16", ""])
    def test_is_not_named_where_it_is_not_there_or_took_nothing(self, block: str) -> None:
        one = replace(change("CreateRoute", "rtb-main"), blocks=frozenset({block} - {""}))
        assert self.cause(TargetKind.PEERING, one).change is None

    def test_is_not_named_where_narrower_routes_take_everything_from_it(self) -> None:
        """They were there before, and lead on."""
        eighth, halves = "52.0.0.0/8", ("52.0.0.0/9", "52.128.0.0/9")
        narrower = [route(half, TargetKind.INTERNET_GATEWAY, "igw-1") for half in halves]
        began = change("DetachInternetGateway", "igw-1", at=-6)
        (made,) = self.created(eighth)
        for more, expected in ((narrower, began), ([], made)):
            dead = route(eighth, TargetKind.PEERING, "pcx-1")
            seen = vpc(subnet("a"), table("main", self.OUT, dead, *more))
            assert behind(seen, CauseKind.CUT_OFF, began, made) == expected

    def test_is_not_named_where_no_wider_route_led_on(self) -> None:
        """As by a repair that fails."""
        (tried,) = self.created("0.0.0.0/1", at=1)
        began = deleted("0.0.0.0/0", at=-2)
        assert (
            behind(
                vpc(subnet("a"), table("main", route("0.0.0.0/1", TargetKind.PEERING))), CauseKind.CUT_OFF, began, tried
            )
            == began
        )

    def test_is_not_named_in_another_table(self) -> None:
        seen = self.created(*self.HALVES, table_id="rtb-b")
        half = route("0.0.0.0/1", TargetKind.PEERING)
        with_b = vpc(subnet("a"), subnet("b"), table("b", subnets=("b",)), table("main", self.OUT, half))
        assert why(facts(with_b, changes=seen)).change is None

    def test_of_a_network_beside_is_not_named(self) -> None:
        seen = vpc(subnet("a"), table("main", route("10.20.0.0/16", TargetKind.PEERING, "pcx-1")))
        (made,) = self.created("10.20.0.0/16")
        assert behind(seen, CauseKind.CUT_OFF, made) is None

    def test_counts_in_the_table_that_leads_nowhere(self) -> None:
        out, half = default_route(TargetKind.NAT_GATEWAY, "nat-1"), route("0.0.0.0/1", TargetKind.PEERING, "pcx-1")
        edge = table("edge", self.OUT, subnets=("n",))
        nat = NatGateway("nat-1", is_public=True, is_available=True, subnet_id="subnet-n")
        seen = vpc(subnet("a"), subnet("n"), table("main", out, half), edge, nat_gateways=(nat,))
        for table_id, is_named in (("rtb-main", True), ("rtb-edge", False)):
            (made,) = self.created("0.0.0.0/1", table_id=table_id)
            assert (behind(seen, CauseKind.CUT_OFF, made) is not None) is is_named


class TestARouteToAMachineOnTheWayToAnEndpoint:
    """Between two subnets, a firewall may stand (VPC guide: routing for a middlebox appliance)."""

    def seen(self) -> Vpc:
        dead = route("10.0.2.0/24", TargetKind.NETWORK_INTERFACE, "eni-fw", active=False)
        local = route("10.0.0.0/16", TargetKind.LOCAL, "local")
        host = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
        return vpc(subnet("a"), host, endpoint(MONITORING, "b"), own_security_group(), table("main", local, dead))

    @pytest.mark.parametrize(
        ("name", "resource", "block"),
        [
            ("instance terminated", "i-fw", ""),
            ("DeleteNetworkInterface", "eni-fw", ""),
            ("ReplaceRoute", "rtb-main", "10.0.2.0/24"),
            ("CreateRoute", "rtb-main", "10.0.2.0/24"),
        ],
    )
    def test_is_closed_by_what_takes_the_machine_away(self, name: str, resource: str, block: str) -> None:
        began = replace(change(name, resource), blocks=frozenset({block} - {""}))
        cause = why(facts(self.seen(), changes=(began,)))
        assert (cause.kind, cause.change) == (CauseKind.ENDPOINT_CLOSED, began)

    @pytest.mark.parametrize("block", ["0.0.0.0/0", "10.0.0.0/8", "10.20.0.0/16", "52.94.0.0/16"])
    @pytest.mark.parametrize("in_part", [False, True])
    def test_is_not_closed_by_routes_out_of_the_vpc(self, block: str, *, in_part: bool) -> None:
        seen = self.seen()
        both = replace(seen.endpoints[0], subnet_ids=frozenset({"subnet-a", "subnet-b"}))
        cause = why(facts(replace(seen, endpoints=(both,)) if in_part else seen, changes=(deleted(block),)))
        assert (cause.kind, cause.change) == (CauseKind.ENDPOINT_CLOSED, None)

    @pytest.mark.parametrize(
        ("name", "resource", "is_named"),
        [("instance terminated", "i-fw", True), ("DeleteRoute", "rtb-b", True), ("DeleteNatGateway", "nat-1", False)],
    )
    def test_is_closed_on_the_way_back_as_well(self, name: str, resource: str, *, is_named: bool) -> None:
        dead = route("10.0.1.0/24", TargetKind.NETWORK_INTERFACE, "eni-fw", active=False)
        out = default_route(TargetKind.NAT_GATEWAY, "nat-1", active=False)
        by_host = (table("main", out), table("b", out, dead, subnets=("b",)))
        began = replace(change(name, resource), blocks=frozenset({"10.0.1.128/25"} if "Route" in name else ()))
        cause = why(facts(replace(self.seen(), route_tables=by_host), changes=(began,)))
        assert "rtb-b" in cause.words
        assert (cause.kind, cause.change is not None) == (CauseKind.ENDPOINT_CLOSED, is_named)

    @pytest.mark.parametrize("name", ["RevokeSecurityGroupIngress", "ReplaceNetworkAclEntry"])
    def test_is_not_closed_by_rules(self, name: str) -> None:
        assert why(facts(self.seen(), changes=(change(name, "sg-own"),))).change is None


class TestWhoAnswersTheNameOfAnInstanceWithNarrowGroups:
    """Its groups are the fault of whoever moves the name to where they let nothing out."""

    BY_NAT = table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1"))
    NATS = (NatGateway("nat-1", is_public=True, is_available=True),)
    HAD_ENDPOINT = KnownVpc(minute(-9000), {"monitoring": KnownPath(minute(-9000))})
    LOST_ENDPOINT = KnownVpc(minute(-9000), {"monitoring": KnownPath(minute(-9000), minute(-4000))})

    def cause(self, block: str, *changes: Change, is_served: bool = False, **more: Any) -> Any:
        own = SecurityGroup("sg-app", "app", egress=(Rule("tcp", 443, 443, (block,)),))
        seen = served(self.BY_NAT) if is_served else vpc(subnet("a"), self.BY_NAT, nat_gateways=self.NATS)
        given = {"instance": replace(INSTANCE, group_ids=frozenset({"sg-app"})), "own_groups": (own,)}
        cause = why(facts(seen, **{**given, "changes": changes, "known": self.HAD_ENDPOINT, **more}))
        assert cause.kind is CauseKind.OWN_GROUP
        return cause

    def test_a_deleted_endpoint_gives_it_back_to_public_addresses(self) -> None:
        began = change("DeleteVpcEndpoints", "vpce-9")
        cause = self.cause("10.0.0.0/16", began)
        assert (cause.change, cause.confidence, cause.is_repairable) == (began, Confidence.HIGH, True)
        remedy = (
            "Otherwise, allow outbound TCP 443 to public addresses in a security group of the instance, or create an "
            "endpoint for the monitoring service in the VPC."
        )
        will = (
            "Lifeline will check again, and will try to create an endpoint here if nothing else answers the service's "
            "name."
        )
        assert cause.advice == f"{will} {remedy}"
        plan_mode = self.cause("10.0.0.0/16", began, mode=Mode.PLAN)
        assert plan_mode.advice == f"The stack is in plan mode, so Lifeline will not fix this. {remedy}"
        frozen = (("*", Freeze(FreezeKind.MANUAL, minute(-9), "asked for")),)
        assert not self.cause("10.0.0.0/16", began, frozen=frozen).is_repairable

    def test_one_that_lifeline_then_saw_to_be_gone_served_until_then(self) -> None:
        began = change("DeleteVpcEndpoints", "vpce-9")
        known = KnownVpc(minute(-9000), {"monitoring": KnownPath(minute(-9000), minute(-2))})
        assert self.cause("10.0.0.0/16", began, known=known).change == began

    def test_a_deleted_endpoint_of_a_public_subnet_is_not_lifelines_to_bring_back(self) -> None:
        own = SecurityGroup("sg-app", "app", egress=(Rule("tcp", 443, 443, ("10.0.0.0/16",)),))
        instance = replace(INSTANCE, group_ids=frozenset({"sg-app"}), has_public_address=True)
        seen = vpc(subnet("a"), table("main", default_route(TargetKind.INTERNET_GATEWAY)))
        began = (change("DeleteVpcEndpoints", "vpce-9"),)
        cause = why(facts(seen, instance=instance, own_groups=(own,), changes=began, known=self.HAD_ENDPOINT))
        assert (cause.kind, cause.change, cause.is_repairable) == (CauseKind.OWN_GROUP, *began, False)
        assert cause.advice.endswith("or create an endpoint for the monitoring service in the VPC.")

    @pytest.mark.parametrize("name", ["CreateVpcEndpoint", "ModifyVpcEndpoint"])
    def test_an_endpoint_that_others_made_takes_it(self, name: str) -> None:
        began = change(name, "vpce-1", "subnet-a")
        cause = self.cause("52.94.0.0/16", began, is_served=True)
        assert (cause.change, cause.confidence, cause.is_repairable) == (began, Confidence.HIGH, False)
        assert cause.advice == "Allow outbound TCP 443 to vpce-1 in a security group of the instance."

    @pytest.mark.parametrize(("name", "is_named"), [("CreateVpcEndpoint", False), ("ModifyVpcEndpoint", True)])
    def test_where_no_way_leads_out_a_new_endpoint_takes_it_from_nobody(self, name: str, *, is_named: bool) -> None:
        own = SecurityGroup("sg-app", "app", egress=(Rule("tcp", 443, 443, ("52.94.0.0/16",)),))
        instance = replace(INSTANCE, group_ids=frozenset({"sg-app"}))
        to_the_internet = table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1"))  # it has no public address
        for seen in (served(), served(to_the_internet)):
            cause = why(facts(seen, instance=instance, own_groups=(own,), changes=(change(name, "vpce-1"),)))
            assert (cause.kind, cause.change is not None) == (CauseKind.OWN_GROUP, is_named)

    @pytest.mark.parametrize(
        ("one", "known"),
        [
            (change("DeleteVpcEndpoints", "vpce-9"), KnownVpc(minute(-9000))),
            (change("DeleteVpcEndpoints", "vpce-9"), None),
            (change("DeleteVpcEndpoints"), HAD_ENDPOINT),
            (change("DeleteVpcEndpoints", "vpce-9", at=-12), HAD_ENDPOINT),
            (change("DeleteRoute", "rtb-main"), HAD_ENDPOINT),
            (change("DeleteVpcEndpoints", "vpce-9"), LOST_ENDPOINT),
        ],
        ids=["never seen", "not known", "no name", "long before", "no endpoint", "lost days ago"],
    )
    def test_whatever_may_be_of_another_service_or_came_long_before_is_not_named(
        self, one: Change, known: KnownVpc | None
    ) -> None:
        cause = self.cause("10.0.0.0/16", one, known=known)
        assert (cause.change, cause.confidence) == (None, Confidence.MEDIUM)

    def test_a_change_of_the_group_from_before_the_instance_started_is_not_named(self) -> None:
        revoked = change("RevokeSecurityGroupEgress", "sg-app", at=-400)
        for launched_at, expected in ((-300, None), (-500, revoked)):
            given = replace(INSTANCE, group_ids=frozenset({"sg-app"}), launched_at=minute(launched_at))
            assert self.cause("10.0.0.0/16", revoked, instance=given).change == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (KnownVpc(minute(-9000)), "DeleteRoute"),
        (None, "DeleteVpcEndpoints"),
        (KnownVpc(minute(-9000), {"monitoring": KnownPath(minute(-9000), minute(-4000))}), "DeleteRoute"),
        (KnownVpc(minute(-9000), {"monitoring": KnownPath(minute(-9000), minute(2))}), "DeleteVpcEndpoints"),
    ],
    ids=["none", "unread", "lost days ago", "lost by it"],
)
def test_an_endpoint_that_is_gone_hides_no_route_where_none_was_seen_to_serve(
    known: KnownVpc | None, expected: str
) -> None:
    gone = change("DeleteVpcEndpoints", "vpce-ssm", at=1.5, event_id="e-2")
    cause = why(facts(network(), changes=(deleted("0.0.0.0/0", at=-1), gone), known=known))
    assert cause.change.event_name == expected if cause.change else False


class TestTheVpcsDnsThatWasTurnedOn:
    """By that, an endpoint or a zone that was there before answers the name (VPC guide: DNS attributes)."""

    OUT = table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1"))
    BY_ADDRESS = replace(INSTANCE, has_public_address=True, group_ids=frozenset({"sg-app"}))
    NARROW = SecurityGroup("sg-app", "app", egress=(Rule("tcp", 443, 443, ("52.94.0.0/16",)),))

    def cause(self, *parts: Any, at: float = -3, groups: Any = (), dns: DnsView = NAMED, **more: Any) -> Any:
        began = (change("ModifyVpcAttribute", at=at), change("CreateRoute", "rtb-main", at=-2, event_id="e-2"))
        seen = vpc(subnet("a"), *(parts or (self.OUT,)), **more)
        return why(facts(seen, instance=self.BY_ADDRESS, own_groups=groups, dns=dns, changes=began))

    @pytest.mark.parametrize(("at", "is_named"), [(-12, False), (-11, True), (-3, True)])
    def test_closes_whatever_an_endpoint_keeps_out(self, at: float, *, is_named: bool) -> None:
        for kind, endpoint_, group in (
            (CauseKind.ENDPOINT_CLOSED, SERVED, CLOSED_GROUP),
            (CauseKind.ENDPOINT_POLICY, replace(SERVED, policy=DENYING), own_security_group()),
        ):
            cause = self.cause(self.OUT, endpoint_, group, at=at)
            assert (cause.kind, cause.change is not None) == (kind, is_named)

    def test_closes_narrow_groups(self) -> None:
        cause = self.cause(self.OUT, SERVED, own_security_group(), groups=(self.NARROW,))
        assert cause.kind is CauseKind.OWN_GROUP
        assert cause.change.event_name == "ModifyVpcAttribute"
        assert "before this change, the service's name likely led to other addresses" in cause.evidence

    @pytest.mark.parametrize("more", [{"dns_hostnames": False}, {}])
    def test_or_off_leaves_a_narrow_group_with_public_addresses(self, more: dict[str, Any]) -> None:
        narrow = replace(self.NARROW, egress=(Rule("tcp", 443, 443, ("10.0.0.0/16",)),))
        there = replace(SERVED, private_dns=bool(more))
        cause = self.cause(self.OUT, there, own_security_group(), groups=(narrow,), **more)
        assert (cause.kind, cause.change is not None) == (CauseKind.OWN_GROUP, bool(more))
        assert cause.advice.endswith("of the instance, or turn on the VPC's DNS attributes.") is bool(more)

    def test_leads_to_a_hub_without_a_way(self) -> None:
        cause = self.cause(dns=DnsView((ZONE,)))
        assert (cause.kind, cause.change.event_name) == (CauseKind.CUT_OFF, "ModifyVpcAttribute")

    def test_takes_nothing_from_whoever_had_no_public_address(self) -> None:
        seen = vpc(subnet("a"), self.OUT, SERVED, CLOSED_GROUP)
        cause = why(facts(seen, dns=NAMED, changes=(change("ModifyVpcAttribute", at=-3),)))
        assert (cause.kind, cause.change) == (CauseKind.ENDPOINT_CLOSED, None)

    def test_takes_nothing_where_no_way_leads_out_or_nothing_answers(self) -> None:
        assert self.cause(table("main"), SERVED, CLOSED_GROUP).change is None
        assert self.cause(table("main")).change is None
        assert self.cause(table("main"), dns_hostnames=False).change is None

    def test_brings_no_advice_to_turn_it_on_where_a_hub_answers(self) -> None:
        to_hub = table("main", default_route(TargetKind.TRANSIT_GATEWAY, "tgw-1"))
        cause = self.cause(to_hub, groups=(self.NARROW,), dns=DnsView((ZONE,)))
        assert (cause.kind, cause.change.event_name) == (CauseKind.OWN_GROUP, "ModifyVpcAttribute")
        assert cause.advice.endswith("in a security group of the instance.")


class TestAChangeFromLongBeforeTheLastDatapoint:
    """At minute -1. Open connections outlive a closed security group, but neither a network ACL nor a route."""

    ACL = NetworkAcl("acl-a", frozenset({"subnet-a"}), (AclEntry(100, True, True, "-1", "0.0.0.0/0"),))
    NAT = NetworkInterface("eni-nat", "subnet-n", ("10.0.9.9",), frozenset({"sg-nat"}))

    def by_acl(self) -> Vpc:
        host = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
        return vpc(subnet("a"), host, endpoint(MONITORING, "b"), own_security_group(), network_acls=(self.ACL,))

    def by_machine(self) -> Vpc:
        out = table("main", default_route(TargetKind.NETWORK_INTERFACE, "eni-nat"))
        home, shut = subnet("n", cidr="10.0.9.0/24"), SecurityGroup("sg-nat", "nat")
        return vpc(subnet("a"), home, out, interfaces=(self.NAT,), security_groups=(shut,))

    @pytest.mark.parametrize("at", [-60, -12, -11])
    def test_of_an_acl_is_not_named(self, at: float) -> None:
        cause = why(facts(self.by_acl(), changes=(change("ReplaceNetworkAclEntry", "acl-a", at=at),)))
        assert cause.kind is CauseKind.ENDPOINT_CLOSED
        assert (cause.change is not None) is (at == -11)

    @pytest.mark.parametrize("at", [-60, -12, -11])
    def test_of_a_nat_instances_group_is_named(self, at: float) -> None:
        known = KnownVpc(minute(-9000), {"subnet-a": KnownPath(minute(-9000), minute(at))})
        for changes in ((change("RevokeSecurityGroupIngress", "sg-nat", at=at),), ()):
            cause = why(facts(self.by_machine(), changes=changes, known=known))
            assert (cause.kind, cause.change) == (CauseKind.WAY_OUT_SHUT, next(iter(changes), None))


class TestARepairThatFailed:
    """It came after what closed the path, and left it closed."""

    @pytest.mark.parametrize(("action", "is_named"), [("allow", False), ("deny", True), ("", True)])
    def test_an_entry_that_allows_closes_nothing(self, action: str, *, is_named: bool) -> None:
        denied = NetworkAcl("acl-a", frozenset({"subnet-a"}), ())
        seen = replace(served(), network_acls=(denied,))
        began = change("DeleteNetworkAclEntry", "acl-a", at=-3)
        tried = replace(change("CreateNetworkAclEntry", "acl-a", at=1, event_id="e-2"), rule_action=action)
        cause = behind(seen, CauseKind.ENDPOINT_CLOSED, began, tried)
        assert cause == (tried if is_named else began)

    CUT = change("DeleteNatGateway", "nat-9", at=-2, event_id="e-cut")
    TRIED = replace(change("ReplaceRoute", "rtb-main", at=1, event_id="e-tried"), blocks=frozenset({"0.0.0.0/0"}))
    CLOSED = network(table("main", route("0.0.0.0/0", TargetKind.NAT_GATEWAY, "nat-8", active=False)))

    def change(self, **lost: Any) -> Change | None:
        known = KnownVpc(minute(-9000), {name: KnownPath(minute(-9000), at) for name, at in lost.items()})
        known = replace(known, paths={name.replace("_", "-"): path for name, path in known.paths.items()})
        cause = why(facts(self.CLOSED, changes=(self.CUT, self.TRIED), known=known))
        assert cause.kind is CauseKind.CUT_OFF
        return cause.change

    def test_is_not_named_where_lifeline_saw_the_path_gone_before_it(self) -> None:
        assert self.change(subnet_a=minute(-0.5)) == self.CUT

    @pytest.mark.parametrize(
        "lost",
        [
            {"subnet_a": minute(2)},
            {"subnet_a": None},
            {"subnet_a": minute(-0.5), "monitoring": None},
            {"subnet_a": minute(-0.5), "monitoring": minute(2)},
            {"subnet_a": minute(-30)},
            {"subnet_a": minute(-2.5)},
        ],
        ids=["seen later", "not seen", "another path", "another path until later", "long before", "before both"],
    )
    def test_may_have_closed_it_otherwise(self, lost: dict[str, Any]) -> None:
        """A wrong name is worse than none, but nothing says that it is wrong."""
        assert self.change(**lost) == self.TRIED


class TestARouteThatMayHaveTakenRequests:
    """The path is open as far as it was read, and who changed it right before is said all the same."""

    OUT = default_route(TargetKind.INTERNET_GATEWAY, "igw-1")
    SAID = "it isn't known whether {} by deploy-role at 2026-03-02 08:59:00 UTC closed the path"

    def said(self, block: str, target: TargetKind, name: str = "CreateRoute", at: float = -1, **more: Any) -> Any:
        one = replace(change(name, "rtb-main", at=at), blocks=frozenset({block}))
        seen = vpc(subnet("a"), table("main", self.OUT, route(block, target, "x-1")))
        cause = why(facts(seen, instance=replace(INSTANCE, has_public_address=True), changes=(one,), **more))
        assert (cause.kind, cause.change) == (CauseKind.AGENT, None)
        return [line for line in cause.evidence if line.endswith("closed the path")], cause

    @pytest.mark.parametrize("name", ["CreateRoute", "ReplaceRoute"])
    @pytest.mark.parametrize("target", [TargetKind.PEERING, TargetKind.TRANSIT_GATEWAY, TargetKind.NETWORK_INTERFACE])
    @pytest.mark.parametrize("block", ["52.0.0.0/8", "52.94.0.0/16"])
    def test_is_said_with_who_changed_it(self, block: str, target: TargetKind, name: str) -> None:
        [line], cause = self.said(block, target, name)
        assert line == self.SAID.format(name)
        assert cause.words == "no cause found outside the agent, as far as it could be read"
        assert not any("is open: " in found for found in cause.evidence)

    @pytest.mark.parametrize(
        ("block", "target", "at"),
        [
            ("52.94.0.0/16", TargetKind.INTERNET_GATEWAY, -1),
            ("10.20.0.0/16", TargetKind.PEERING, -1),
            ("52.94.0.0/16", TargetKind.PEERING, -60),
        ],
        ids=["it leads out", "not on the way", "long before"],
    )
    def test_is_not_said_of_what_took_nothing(self, block: str, target: TargetKind, at: float) -> None:
        assert self.said(block, target, at=at, dns=NAMED)[0] == []

    def test_on_the_way_to_a_hub(self) -> None:
        answer = DnsAnswer(
            AnswerKind.PRIVATE_ZONE,
            "monitoring.us-east-1.amazonaws.com",
            "Z0HUB",
            "the zone",
            addresses=("10.9.1.10",),
            endpoint_id="vpce-0hub",
        )
        ways = (route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY, "tgw-1"), route("10.9.0.0/16", TargetKind.PEERING))
        one = replace(change("CreateRoute", "rtb-main", at=-1), blocks=frozenset({"10.9.0.0/16"}))
        cause = why(facts(network(table("main", *ways)), dns=DnsView((answer,)), changes=(one,)))
        assert self.SAID.format("CreateRoute") in cause.evidence


class TestAnEndpointOfAnotherServiceThatIsGone:
    """It took nothing from an agent that reported where nothing was seen to serve its metrics."""

    GONE = change("DeleteVpcEndpoints", "vpce-ssm", at=-2)
    NEVER = KnownVpc(minute(-9000), asked={"monitoring": minute(-9000)})

    def cause(self, known: KnownVpc | None = NEVER, *more: Change) -> Any:
        return why(facts(network(), known=known, changes=(*more, self.GONE)))

    @pytest.mark.parametrize(
        "known",
        [NEVER, replace(NEVER, paths={"monitoring": KnownPath(minute(-9000), minute(-4000))})],
        ids=["never seen", "lost days ago"],
    )
    def test_is_not_the_cause_and_is_said_where_the_agent_may_use_it_by_another_name(self, known: KnownVpc) -> None:
        cause = self.cause(known)
        assert (cause.kind, cause.confidence, cause.is_repairable) == (CauseKind.AGENT, Confidence.MEDIUM, False)
        said = (
            "unless the agent used vpce-ssm, which DeleteVpcEndpoints by deploy-role changed at 2026-03-02 08:58:00 UTC"
        )
        assert said in cause.evidence

    @pytest.mark.parametrize(
        ("known", "more"),
        [
            (None, ()),
            (replace(NEVER, asked=None), ()),
            (replace(NEVER, asked={}), ()),
            (replace(NEVER, asked={"monitoring": minute(-60)}), ()),
            (replace(NEVER, paths={"monitoring": KnownPath(minute(-9000), minute(-60))}), ()),
            (NEVER, (change("CreateVpcEndpoint", "vpce-ssm", at=-300, event_id="e-0"),)),
        ],
        ids=["not known", "earlier version", "never looked", "looked lately", "lost lately", "made lately"],
    )
    def test_may_have_served_where_lifeline_did_not_look_for_a_day(
        self, known: KnownVpc | None, more: tuple[Change, ...]
    ) -> None:
        assert (found := self.cause(known, *more)).change == self.GONE
        assert found.kind is CauseKind.CUT_OFF

    def test_hides_no_other_change(self) -> None:
        began = deleted("0.0.0.0/0", at=-8)
        assert self.cause(self.NEVER, began).change == began
