"""What speaks against the network as the cause: an agent that reported without a path doesn't depend on it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.guards.urgency import KnownPath, KnownVpc, note_paths
from lifeline.core.history.change import Change
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence
from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import AclEntry, EndpointState, NetworkAcl, Rule, SecurityGroup, TargetKind, Vpc
from lifeline.core.network.reach import ServiceReach
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import Plan, ServiceReport, ServiceState
from tests.core.incidents.test_diagnose import (
    CLOSED_GROUP,
    DELETED,
    EC2,
    INSTANCE,
    SEEN_OPEN,
    SEEN_SHUT,
    SERVED,
    agent,
    change,
    facts,
    network,
    served,
    why,
)
from tests.support.agents import minute
from tests.support.builders import (
    CATALOG,
    MONITORING,
    VPC_ID,
    default_route,
    endpoint,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)

DAYS = 24 * 60
AGENT = (CauseKind.AGENT, False)
CUT_OFF = (CauseKind.CUT_OFF, True)
ANOTHER_NAME = "likely the agent itself or its endpoint setting"


def verdict(cause: Cause) -> tuple[CauseKind, bool]:
    return cause.kind, cause.is_repairable


def lost(key: str, at: float) -> KnownVpc:
    """A VPC that has been known for 60 days, and a path there that was seen gone at that minute."""
    return KnownVpc(minute(-60 * DAYS), {key: KnownPath(minute(-60 * DAYS), minute(at))})


def noted(seen: Vpc, now: datetime, known: KnownVpc | None = None, service: str = "monitoring") -> KnownVpc:
    """What is known of the VPC once a run has seen it so."""
    reach = ServiceReach(seen, service, CATALOG, DnsView())
    paths = tuple((one.id, reach.private_path(one)) for one in seen.subnets)
    report = ServiceReport(service, ServiceState.SERVED, paths=paths)
    plan = Plan(VPC_ID, tuple(classify_subnets(seen).items()), (), (report,))
    return note_paths({VPC_ID: known} if known else {}, [plan], now=now)[VPC_ID]


SINCE_3_DAYS = lost("subnet-a", -3 * DAYS).paths


class TestAPathThatWasLost:
    @pytest.mark.parametrize("key", ["subnet-a", "monitoring"])
    @pytest.mark.parametrize(
        ("lost_at", "expected"),
        [(-3 * DAYS, AGENT), (-60, AGENT), (-12, AGENT), (-11, CUT_OFF), (-3, CUT_OFF), (0, CUT_OFF), (5, CUT_OFF)],
    )
    def test_long_before_the_last_datapoint_was_not_the_agents(
        self, key: str, lost_at: float, expected: tuple[CauseKind, bool]
    ) -> None:
        """The last datapoint was at minute -1; a connection that was open may have outlived the path by 10 minutes."""
        cause = why(facts(network(), known=lost(key, lost_at)))
        assert verdict(cause) == expected
        assert (cause.confidence is Confidence.HIGH) is (expected == CUT_OFF)

    def test_is_told_with_the_time_at_which_that_was_seen(self) -> None:
        cause = why(facts(network(), known=lost("subnet-a", -3 * DAYS)))
        assert cause.words == ANOTHER_NAME
        both = replace(lost("subnet-a", -3 * DAYS), paths={**lost("monitoring", -2 * DAYS).paths, **SINCE_3_DAYS})
        assert "2026-02-28 09:00:00 UTC" in why(facts(network(), known=both)).evidence[1]
        seen = "Lifeline saw at 2026-02-27 09:00:00 UTC that the path was gone, and hasn't seen a change that closed"
        assert cause.evidence[1] == f"{seen} the service's path"

    def test_is_of_no_interest_where_another_was_lost_just_now(self) -> None:
        both = replace(lost("subnet-a", -3 * DAYS), paths={**lost("subnet-a", -3 * DAYS).paths, **SEEN_OPEN.paths})
        endpoint_too = KnownVpc(both.since, {**lost("subnet-a", -3 * DAYS).paths, **lost("monitoring", -2).paths})
        assert verdict(why(facts(network(), known=both))) == CUT_OFF
        assert verdict(why(facts(network(), known=endpoint_too))) == CUT_OFF

    @pytest.mark.parametrize("key", ["subnet-a", "monitoring"])
    def test_is_of_no_interest_where_a_change_on_record_closed_what_was_left(self, key: str) -> None:
        cause = why(facts(network(), known=lost(key, -3 * DAYS), changes=(DELETED,)))
        assert (*verdict(cause), cause.confidence, cause.change) == (*CUT_OFF, Confidence.HIGH, DELETED)

    @pytest.mark.parametrize(("silent_for", "expected"), [(7 * DAYS - 12, AGENT), (7 * DAYS - 11, CUT_OFF)])
    def test_is_forgotten_in_the_end_so_that_nothing_can_be_said_of_a_long_silence(
        self, silent_for: int, expected: tuple[CauseKind, bool]
    ) -> None:
        cause = why(facts(network(), known=KnownVpc(minute(-60 * DAYS))), minute(silent_for))
        assert verdict(cause) == expected
        assert cause.confidence is Confidence.MEDIUM

    @pytest.mark.parametrize("more", [{"agent": agent(seen_at=None)}, {"agent": agent(seen_at=minute(-3 * DAYS - 1))}])
    def test_counts_for_an_agent_that_has_not_reported_since(self, more: Any) -> None:
        assert verdict(why(facts(network(), known=lost("subnet-a", -3 * DAYS), **more))) == CUT_OFF


class TestAnEndpointThatServesOthers:
    OTHER = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
    THEIRS = endpoint(MONITORING, "b", own=False)
    ONLY_B = replace(own_security_group("10.0.2.0/24"), tags=(), on_record=False)
    SEEN = vpc(subnet("a"), OTHER, THEIRS, ONLY_B)
    OPEN = vpc(subnet("a"), OTHER, THEIRS, replace(ONLY_B, ingress=own_security_group().ingress))

    def test_was_not_the_agents_path(self) -> None:
        known = noted(self.SEEN, minute(-9000))
        assert known.paths.keys() == {"monitoring"}
        cause = why(facts(self.SEEN, known=known))
        assert (*verdict(cause), cause.words) == (*AGENT, ANOTHER_NAME)
        assert "Lifeline saw at 2026-02-24 03:00:00 UTC that the path from subnet-a was closed" in cause.evidence[1]

    def test_was_its_path_where_that_was_closed_just_now_and_no_run_has_seen_it_yet(self) -> None:
        cause = why(facts(self.SEEN, known=noted(self.OPEN, minute(-9000))))
        assert (cause.kind, cause.confidence) == (CauseKind.ENDPOINT_CLOSED, Confidence.HIGH)

    def test_was_its_path_where_a_run_has_seen_it_closed_since_the_instance_started(self) -> None:
        """At minute -6000. An open connection outlives a closed security group."""
        for at, kind in ((-6001, CauseKind.AGENT), (-5999, CauseKind.ENDPOINT_CLOSED), (-2, CauseKind.ENDPOINT_CLOSED)):
            known = noted(self.SEEN, minute(at), noted(self.OPEN, minute(-9000)))
            assert why(facts(self.SEEN, known=known)).kind is kind

    @pytest.mark.parametrize(("at", "is_told"), [(-5999, True), (-12, True), (-11, False), (-2, False)])
    def test_that_was_closed_while_the_agent_still_reported_is_the_likely_cause(
        self, at: float, *, is_told: bool
    ) -> None:
        known = noted(self.SEEN, minute(at), noted(self.OPEN, minute(-9000)))
        cause = why(facts(self.SEEN, known=known))
        assert (cause.confidence is Confidence.MEDIUM) is is_told
        told = (
            "the path was closed, and the agent reported until 2026-03-02 08:59:00 UTC: over a connection that stayed"
        )
        assert any(told in line for line in cause.evidence) is is_told

    def test_that_was_seen_open_was_not_closed_when_the_way_out_was_lost(self) -> None:
        both = KnownVpc(minute(-9000), {**lost("subnet-a", -3000).paths, "monitoring": KnownPath(minute(-2900))})
        cause = why(facts(self.SEEN, known=both))
        assert (cause.kind, cause.confidence) == (CauseKind.ENDPOINT_CLOSED, Confidence.HIGH)
        gone = KnownVpc(minute(-9000), {**lost("subnet-a", -3000).paths, **lost("monitoring", -2900).paths})
        assert any("a connection that stayed open" in line for line in why(facts(self.SEEN, known=gone)).evidence)

    def test_may_be_its_path_where_it_is_not_known_when_the_instance_started(self) -> None:
        known = noted(self.SEEN, minute(-60), noted(self.OPEN, minute(-9000)))
        cause = why(facts(self.SEEN, known=known, instance=replace(INSTANCE, launched_at=None)))
        assert (cause.kind, cause.confidence) == (CauseKind.ENDPOINT_CLOSED, Confidence.MEDIUM)

    def test_is_as_before_where_the_ledger_has_only_the_vpc(self) -> None:
        known = KnownVpc(minute(-9000), {"monitoring": KnownPath(minute(-9000))})
        assert why(facts(self.SEEN, known=known)).kind is CauseKind.ENDPOINT_CLOSED

    def test_leaves_what_another_vpc_subnet_had_alone(self) -> None:
        known = noted(self.SEEN, minute(-9000))
        closed = vpc(subnet("a"), self.OTHER, self.THEIRS, replace(CLOSED_GROUP, tags=(), on_record=False))
        theirs = replace(INSTANCE, subnet_id="subnet-b", zone="us-east-1b")
        assert why(facts(closed, known=known, instance=theirs)).kind is CauseKind.ENDPOINT_CLOSED

    def test_is_forgotten_as_closed_once_it_was_open(self) -> None:
        closed = noted(self.SEEN, minute(-9000))
        reopened = noted(self.OPEN, minute(-8000), closed)
        assert (closed.shut, reopened.shut) == ({"monitoring": {"subnet-a": minute(-9000)}}, {})
        assert noted(self.SEEN, minute(-2), reopened).shut == {"monitoring": {"subnet-a": minute(-2)}}
        assert noted(self.SEEN, minute(-8000), closed) == closed


class TestAnEndpointThatAPartOfTheSubnetIsKeptFrom:
    """What Lifeline saw of the subnet, which has a path, says nothing of that part of it."""

    HALF = replace(own_security_group("10.0.1.128/25"), tags=(), on_record=False)
    SEEN = vpc(subnet("a"), endpoint(MONITORING, "a", own=False), HALF)
    DOUBT = "maybe by another name: it isn't known since when only a part of its subnet has been closed"

    def cause(self, seen: Vpc, address: str = "10.0.1.20", **more: Any) -> Cause:
        instance = replace(INSTANCE, address=address, group_ids=frozenset())
        return why(facts(seen, known=noted(self.SEEN, minute(-9000)), instance=instance, **more))

    def test_is_likely_the_cause_where_the_agent_reported_with_no_change_on_record(self) -> None:
        cause = self.cause(self.SEEN)
        assert (*verdict(cause), cause.confidence) == (CauseKind.ENDPOINT_CLOSED, False, Confidence.MEDIUM)
        assert f"the agent reported until 2026-03-02 08:59:00 UTC, {self.DOUBT}" in cause.evidence

    def test_is_likely_the_cause_where_a_rule_for_one_host_keeps_the_agent_out(self) -> None:
        entries = [AclEntry(100, egress, True, "-1", "0.0.0.0/0") for egress in (True, False)]
        acl = NetworkAcl("acl-b", frozenset({"subnet-b"}), (AclEntry(50, False, False, "-1", "10.0.1.20/32"), *entries))
        there = (subnet("a"), subnet("b", cidr="10.0.2.0/24"), endpoint(MONITORING, "b", own=False))
        seen = vpc(*there, own_security_group(tags=(), on_record=False), network_acls=(acl,))
        cause = self.cause(seen)
        assert (cause.kind, cause.confidence) == (CauseKind.ENDPOINT_CLOSED, Confidence.MEDIUM)
        assert any(self.DOUBT in line for line in cause.evidence)

    def test_is_likely_the_cause_where_the_group_lets_members_in_and_those_of_the_subnet_were_not_read(self) -> None:
        members = replace(self.HALF, ingress=(Rule("tcp", 443, 443, groups=("sg-app",)),))
        cause = self.cause(replace(self.SEEN, security_groups=(members,), interfaces=None))
        assert (cause.kind, cause.confidence) == (CauseKind.ENDPOINT_CLOSED, Confidence.MEDIUM)
        assert any(self.DOUBT in line for line in cause.evidence)

    def test_is_surely_the_cause_where_its_change_is_on_record(self) -> None:
        cause = self.cause(self.SEEN, changes=(change("RevokeSecurityGroupIngress", self.HALF.id),))
        assert (cause.kind, cause.confidence) == (CauseKind.ENDPOINT_CLOSED, Confidence.HIGH)
        assert not any(self.DOUBT in line for line in cause.evidence)

    def test_is_surely_the_cause_for_an_agent_that_has_never_reported(self) -> None:
        cause = self.cause(self.SEEN, agent=agent(seen_at=None))
        assert (cause.kind, cause.confidence) == (CauseKind.ENDPOINT_CLOSED, Confidence.HIGH)

    def test_says_nothing_of_a_subnet_that_is_closed_as_a_whole(self) -> None:
        cause = self.cause(replace(self.SEEN, security_groups=(replace(self.HALF, ingress=()),)))
        assert (cause.kind, cause.confidence) == (CauseKind.ENDPOINT_CLOSED, Confidence.HIGH)


class TestTheOwnGroup:
    TO_FIPS = Rule("tcp", 443, 443, ("10.0.3.5/32",))

    def cause(self, seen: Vpc | None = None, **more: Any) -> Cause:
        instance = replace(INSTANCE, group_ids=frozenset({"sg-app"}))
        own = SecurityGroup("sg-app", "app", egress=(self.TO_FIPS,))
        return why(facts(seen, **{"instance": instance, "own_groups": (own,), **more}))

    @pytest.mark.parametrize(
        "seen", [served(), vpc(subnet("a"), table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1")))]
    )
    def test_is_likely_at_most_where_the_agent_reported_and_no_change_of_it_is_on_record(self, seen: Vpc) -> None:
        cause = self.cause(seen)
        assert (cause.kind, cause.confidence) == (CauseKind.OWN_GROUP, Confidence.MEDIUM)
        assert any("the agent reported until 2026-03-02 08:59:00 UTC: it got out" in x for x in cause.evidence)

    def test_is_sure_where_a_change_closed_it(self) -> None:
        began = change("RevokeSecurityGroupEgress", "sg-app")
        cause = self.cause(changes=(began,))
        assert (cause.kind, cause.confidence, cause.change) == (CauseKind.OWN_GROUP, Confidence.HIGH, began)
        assert not any("the agent reported" in line for line in cause.evidence)

    def test_is_sure_for_an_agent_that_never_reported(self) -> None:
        assert self.cause(agent=agent(seen_at=None)).confidence is Confidence.HIGH


@pytest.mark.parametrize(
    ("since", "expected"), [(-2, AGENT), (-1, AGENT), (-0.5, CUT_OFF)], ids=["before", "just then", "after"]
)
def test_lifeline_must_have_known_the_network_by_the_last_datapoint(
    since: float, expected: tuple[CauseKind, bool]
) -> None:
    assert verdict(why(facts(network(), known=KnownVpc(minute(since))))) == expected


@pytest.mark.parametrize(
    "seen",
    [
        network(replace(SERVED, state=EndpointState.PENDING)),
        network(table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1"))),
    ],
    ids=["an endpoint that is coming up", "an address that is missing"],
)
def test_what_was_there_before_what_is_the_network_now_is_not_known(seen: Vpc) -> None:
    cause = why(facts(seen, known=SEEN_SHUT))
    assert cause.kind.is_network
    assert cause.confidence is Confidence.MEDIUM


class TestWhatWasNotRead:
    @pytest.mark.parametrize(
        "unread",
        [
            "the status checks could not be read",
            "the instances' security groups could not be read",
            "the DNS attributes of vpc-1 could not be read",
            "the region's endpoint services could not be read",
        ],
    )
    def test_changes_nothing_about_what_the_agent_reported(self, unread: str) -> None:
        cause = why(facts(network(), known=SEEN_SHUT, unreadable=(unread,)))
        assert verdict(cause) == AGENT
        assert unread in cause.evidence

    def test_keeps_the_network_as_the_likely_cause_where_a_change_may_have_gone_unseen(self) -> None:
        unread = {"unreadable": ("the changes could not be read",), "is_past_read": False}
        cause = why(facts(network(), known=SEEN_SHUT, **unread))
        assert (*verdict(cause), cause.confidence) == (*CUT_OFF, Confidence.MEDIUM)
        assert not any("audit log" in line for line in cause.evidence)

    def test_does_not_hide_that_no_change_is_on_record(self) -> None:
        cause = why(facts(network(), unreadable=("the status checks could not be read",)))
        assert any("the audit log has no earlier network change" in line for line in cause.evidence)


class TestAServiceThatNothingAsksFor:
    """Lifeline doesn't read what serves it: that it saw no path says nothing, but a path lost would be on record."""

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({}, AGENT),
            ({"logs": minute(-9000)}, AGENT),
            ({"monitoring": minute(-0.5)}, CUT_OFF),
            ({"monitoring": minute(-60)}, AGENT),
            (None, AGENT),
        ],
        ids=["nothing", "another", "since the last datapoint", "before it", "an earlier version"],
    )
    def test_may_have_had_a_path(self, asked: dict[str, datetime] | None, expected: tuple[CauseKind, bool]) -> None:
        cause = why(facts(network(), known=KnownVpc(minute(-9000), asked=asked)))
        assert verdict(cause) == expected
        assert cause.confidence is Confidence.MEDIUM
        looked = (
            "Lifeline has looked for a path there since 2026-03-02 08:00:00 UTC, and has seen neither one nor a change"
        )
        assert any(line.startswith(looked) for line in cause.evidence) is (asked == {"monitoring": minute(-60)})

    def test_is_weighed_by_what_the_agent_reported_without_saying_that_anything_was_looked_for(self) -> None:
        cause = why(facts(network(), known=KnownVpc(minute(-9000), asked={})))
        assert cause.words == ANOTHER_NAME
        reported, seen, unasked, *_ = cause.evidence
        assert reported == "the agent reported through this network until 2026-03-02 08:59:00 UTC"
        assert seen == (
            "Lifeline first saw the VPC at 2026-02-24 03:00:00 UTC, and hasn't seen a change that closed the "
            "service's path"
        )
        assert unasked == "nothing requires the monitoring service there, so Lifeline doesn't look for what serves it"

    @pytest.mark.parametrize(
        "more",
        [
            {"known": KnownVpc(minute(1), asked={})},
            {"is_past_read": False},
            {"changes": (DELETED,)},
            {"known": KnownVpc(minute(-9000), lost("subnet-a", -2).paths, asked={})},
            {"agent": agent(seen_at=None)},
        ],
        ids=["known since", "changes not read", "a change on record", "its way out lost", "never reported"],
    )
    def test_is_not_weighed_where_something_may_have_changed(self, more: dict[str, Any]) -> None:
        seen = {"known": KnownVpc(minute(-9000), asked={}), **more}
        assert why(facts(network(), **seen)).kind is CauseKind.CUT_OFF

    def test_is_not_weighed_for_another_need_for_what_changed_since_the_agents_start_may_be_forgotten(self) -> None:
        assert why(facts(served(), "ec2", known=KnownVpc(minute(-9000), asked={}))).kind is CauseKind.CUT_OFF


class TestAnotherNeed:
    """An agent needs it at its start alone: that metrics arrive shows only that its last start went well."""

    @pytest.mark.parametrize("need", ["ec2", "logs", "sts"])
    def test_without_a_path_when_the_agent_started_is_not_the_cause(self, need: str) -> None:
        for seen in (network(), served()):
            cause = why(facts(seen, need, known=SEEN_SHUT))
            assert verdict(cause) == AGENT
            started = "the instance started at 2026-02-26 05:00:00 UTC, and the agent reported through this network"
            assert any(line.startswith(started) for line in cause.evidence)

    def test_is_no_reason_to_suspect_the_setting_of_an_agent_whose_metrics_have_a_path(self) -> None:
        cause = why(facts(served(), "ec2", known=SEEN_SHUT))
        assert (cause.words, cause.confidence) == ("no cause found outside the agent", Confidence.LOW)

    @pytest.mark.parametrize(
        ("known", "expected"),
        [
            (lost("ec2", -9000), AGENT),
            (lost("ec2", -3000), CUT_OFF),
            (lost("subnet-a", -9000), AGENT),
            (lost("subnet-a", -3000), CUT_OFF),
            (KnownVpc(minute(-5000)), CUT_OFF),
            (SEEN_OPEN, CUT_OFF),
            (None, CUT_OFF),
        ],
        ids=["lost before it started", "lost since", "no way out", "none since", "not known then", "there", "unknown"],
    )
    def test_may_be_the_cause_where_it_had_a_path_when_it_started_or_that_is_not_known(
        self, known: KnownVpc | None, expected: tuple[CauseKind, bool]
    ) -> None:
        """The instance started at minute -6000; the agent may have been restarted since, which can't be seen."""
        cause = why(facts(served(), "ec2", known=known))
        assert verdict(cause) == expected
        assert cause.confidence is (Confidence.MEDIUM if expected == CUT_OFF else Confidence.LOW)

    def test_may_be_the_cause_where_a_path_may_have_been_lost_so_long_ago_that_it_is_forgotten(self) -> None:
        old = replace(INSTANCE, launched_at=minute(-8 * DAYS))
        assert verdict(why(facts(served(), "ec2", known=KnownVpc(minute(-60 * DAYS)), instance=old))) == CUT_OFF

    def test_is_the_cause_for_an_instance_that_started_since_the_last_datapoint(self) -> None:
        for known, at in ((SEEN_SHUT, 1), (SEEN_SHUT, -1), (SEEN_OPEN, 1), (lost("ec2", -3 * DAYS), 1)):
            again = replace(INSTANCE, launched_at=minute(at))
            cause = why(facts(served(), "ec2", known=known, instance=again))
            assert (*verdict(cause), cause.service, cause.confidence) == (*CUT_OFF, "ec2", Confidence.HIGH)

    @pytest.mark.parametrize("launched_at", [-9500, 1])
    def test_is_not_repaired_for_an_agent_that_reaches_cloudwatch_by_another_name(self, launched_at: float) -> None:
        cause = why(
            facts(network(), "ec2", known=SEEN_SHUT, instance=replace(INSTANCE, launched_at=minute(launched_at)))
        )
        assert (*verdict(cause), cause.service) == (CauseKind.CUT_OFF, False, "ec2")
        assert cause.confidence is Confidence.MEDIUM
        assert any("the agent reported through this network until" in line for line in cause.evidence)
        assert "Lifeline will" not in cause.advice

    def test_that_it_had_is_repaired_for_it_all_the_same(self) -> None:
        again = replace(INSTANCE, launched_at=minute(1))
        cause = why(facts(network(), "ec2", known=lost("ec2", -3 * DAYS), instance=again))
        assert (*verdict(cause), cause.service) == (*CUT_OFF, "ec2")

    def test_is_the_cause_with_the_change_that_closed_it(self) -> None:
        began = change("DeleteVpcEndpoints", "vpce-9", at=-3)
        cause = why(facts(served(), "ec2", known=SEEN_SHUT, changes=(began,)))
        assert (*verdict(cause), cause.service, cause.change) == (*CUT_OFF, "ec2", began)

    def test_that_an_endpoint_serves_is_none(self) -> None:
        assert why(facts(served(endpoint(EC2, "a", id="vpce-2")), "ec2", known=SEEN_SHUT)).kind is CauseKind.AGENT


class TestAnAgentWithIpv6:
    """It may use dual-stack names, such as monitoring.us-east-1.api.aws."""

    BY_IPV6 = replace(INSTANCE, has_ipv6_address=True)

    def seen(self, *cidrs: str, target: TargetKind = TargetKind.INTERNET_GATEWAY) -> Vpc:
        routes = [route(cidr, target) for cidr in cidrs]
        return vpc(subnet("a", ipv6_cidrs=("2001:db8::/64",)), table("main", *routes))

    @pytest.mark.parametrize("cidrs", [("0.0.0.0/0", "::/0"), ("::/0",)])
    @pytest.mark.parametrize("known", [SEEN_OPEN, None])
    def test_is_not_surely_cut_off_where_ipv6_leads_out(self, cidrs: tuple[str, ...], known: KnownVpc | None) -> None:
        cause = why(facts(self.seen(*cidrs), instance=self.BY_IPV6, known=known))
        assert (cause.kind, cause.confidence) == (CauseKind.CUT_OFF, Confidence.MEDIUM)
        assert any("an agent with use_dualstack_endpoint isn't cut off" in line for line in cause.evidence)

    def test_is_not_surely_cut_off_behind_an_egress_only_gateway(self) -> None:
        seen = self.seen("::/0", target=TargetKind.EGRESS_ONLY_GATEWAY)
        cause = why(facts(seen, instance=self.BY_IPV6))
        assert cause.confidence is Confidence.MEDIUM
        assert cause.evidence[0] == "subnet-a is isolated: rtb-main has no IPv4 route out of the VPC"

    @pytest.mark.parametrize("dns64", [True, False])
    def test_may_not_be_cut_off_where_nat64_leads_to_ipv4(self, *, dns64: bool) -> None:
        """DNS64 answers the IPv4 names of whoever is in the subnet, not only of IPv6-only hosts."""
        home = subnet("a", ipv6_cidrs=("2001:db8::/64",), dns64=dns64)
        nat64 = replace(self.seen("64:ff9b::/96", target=TargetKind.NAT_GATEWAY), subnets=(home,))
        cause = why(facts(nat64, instance=self.BY_IPV6))
        assert cause.kind is CauseKind.CUT_OFF
        assert (cause.confidence is Confidence.MEDIUM) is dns64
        told = "IPv6 leads to IPv4 addresses by NAT64 there: an agent that prefers IPv6 isn't cut off"
        assert (told in cause.evidence) is dns64

    @pytest.mark.parametrize("cidr", ["64:ff9b::/96", "::/0"])
    def test_may_not_be_cut_off_where_another_network_may_lead_on_to_ipv4(self, cidr: str) -> None:
        """A hub's NAT gateway translates for the VPCs behind a transit gateway, too."""
        home = subnet("a", ipv6_cidrs=("2001:db8::/64",), dns64=True)
        seen = replace(self.seen(cidr, target=TargetKind.TRANSIT_GATEWAY), subnets=(home,))
        cause = why(facts(seen, instance=self.BY_IPV6))
        assert (cause.kind, cause.confidence) == (CauseKind.CUT_OFF, Confidence.MEDIUM)
        assert any(line.startswith("DNS64 is on there, and whether") for line in cause.evidence)

    @pytest.mark.parametrize(
        ("cidrs", "instance"),
        [(("0.0.0.0/0",), BY_IPV6), (("0.0.0.0/0", "::/0"), INSTANCE), ((), BY_IPV6)],
        ids=["no IPv6 route", "no IPv6 address", "no route at all"],
    )
    def test_is_cut_off_where_its_ipv6_leads_nowhere(self, cidrs: tuple[str, ...], instance: Any) -> None:
        cause = why(facts(self.seen(*cidrs), instance=instance))
        assert (cause.kind, cause.confidence) == (CauseKind.CUT_OFF, Confidence.HIGH)

    def test_is_cut_off_in_a_subnet_without_ipv6_addresses(self) -> None:
        elsewhere = replace(self.seen("::/0"), subnets=(subnet("a"),))
        cause = why(facts(elsewhere, instance=self.BY_IPV6))
        assert (cause.kind, cause.confidence) == (CauseKind.CUT_OFF, Confidence.HIGH)

    def test_is_cut_off_by_a_change_on_record_whatever_else_leads_out(self) -> None:
        seen = self.seen("::/0", target=TargetKind.EGRESS_ONLY_GATEWAY)
        cause = why(facts(seen, instance=self.BY_IPV6, changes=(DELETED,)))
        assert (*verdict(cause), cause.confidence, cause.change) == (*CUT_OFF, Confidence.HIGH, DELETED)


class TestAnAgentInAnIpv6OnlySubnet:
    """Many of AWS's regional names have only IPv4 addresses: without NAT64, only dual-stack names lead anywhere then.
    Those of some services have both (SQS and Secrets Manager guides: dual-stack endpoints).
    """

    BY_IPV6 = replace(INSTANCE, has_ipv6_address=True)
    DOUBT = "only clients that use its dual-stack name get there"

    def cause(self, *routes: tuple[str, TargetKind], dns64: bool = False) -> Cause:
        home = subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",), dns64=dns64)
        main = table("main", *(route(cidr, target, "nat-1") for cidr, target in routes))
        return why(facts(vpc(home, main), instance=self.BY_IPV6))

    @pytest.mark.parametrize("target", [TargetKind.EGRESS_ONLY_GATEWAY, TargetKind.INTERNET_GATEWAY])
    @pytest.mark.parametrize("dns64", [False, True])
    def test_has_an_open_path_only_by_dual_stack_names(self, target: TargetKind, *, dns64: bool) -> None:
        cause = self.cause(("::/0", target), dns64=dns64)
        assert cause.kind is CauseKind.AGENT
        assert self.DOUBT in cause.evidence[0]
        assert not any("the network path is open" in line for line in cause.evidence)

    def test_needs_no_such_names_with_nat64(self) -> None:
        nat64, onward = ("64:ff9b::/96", TargetKind.NAT_GATEWAY), ("::/0", TargetKind.EGRESS_ONLY_GATEWAY)
        for routes in ((nat64,), (nat64, onward), (("::/0", TargetKind.NAT_GATEWAY),)):
            assert not any(self.DOUBT in line for line in self.cause(*routes, dns64=True).evidence)
        assert self.DOUBT in self.cause(nat64, onward).evidence[0]

    def test_may_have_nat64_behind_a_transit_gateway(self) -> None:
        for routes in ((("64:ff9b::/96", TargetKind.TRANSIT_GATEWAY),), (("::/0", TargetKind.TRANSIT_GATEWAY),)):
            cause = self.cause(*routes, dns64=True)
            assert (cause.kind, cause.is_repairable) == (CauseKind.AGENT, False)
            assert not any(self.DOUBT in line or "path is open" in line for line in cause.evidence)


@given(
    known=st.sampled_from([None, SEEN_OPEN, SEEN_SHUT, lost("subnet-a", -3 * DAYS), lost("monitoring", -3 * DAYS)]),
    at=st.floats(-10, 1),
    has_ipv6_address=st.booleans(),
    is_past_read=st.booleans(),
)
def test_a_route_that_was_deleted_just_before_the_silence_is_the_cause_whatever_was_known(
    known: KnownVpc | None, at: float, *, has_ipv6_address: bool, is_past_read: bool
) -> None:
    began = change("DeleteRoute", "rtb-main", at=at)
    instance = replace(INSTANCE, has_ipv6_address=has_ipv6_address)
    cause = why(facts(network(), known=known, changes=(began,), instance=instance, is_past_read=is_past_read))
    assert (*verdict(cause), cause.confidence, cause.change) == (*CUT_OFF, Confidence.HIGH, began)


def test_a_closed_endpoint_with_its_change_is_the_cause_though_lifeline_had_seen_it_closed_before() -> None:
    seen = network(SERVED, security_groups=(CLOSED_GROUP,))
    known = noted(seen, minute(-6060), KnownVpc(minute(-9000), {"monitoring": KnownPath(minute(-9000))}))
    began = change("RevokeSecurityGroupIngress", "sg-own", at=-2)
    assert verdict(why(facts(seen, known=known))) == AGENT
    assert why(facts(seen, known=known, changes=(began,))).change == began


class TestAnAgentWithAProxy:
    """It needs no path of its subnet's to CloudWatch, but one to the proxy."""

    def cause(self, *changes: Change, **more: Any) -> Cause:
        return why(facts(network(), **{"known": SEEN_SHUT, "changes": changes, **more}))

    @pytest.mark.parametrize("at", [-11.1, -11, -3, 1])
    def test_may_have_lost_the_route_to_that(self, at: float) -> None:
        lost = replace(change("DeleteRoute", "rtb-main", at=at), blocks=frozenset({"10.0.0.0/8"}))
        cause = self.cause(lost)
        assert verdict(cause) == AGENT
        told = [
            line for line in cause.evidence if line.startswith("unless the agent uses a proxy in 10.0.0.0/8: Delete")
        ]
        assert bool(told) is (at >= -11)
        assert "a proxy)" in cause.advice

    def test_is_not_told_where_an_endpoint_keeps_it_out(self) -> None:
        seen = network(SERVED, security_groups=(CLOSED_GROUP,))
        out = replace(change("DeleteRoute", "rtb-main"), blocks=frozenset({"0.0.0.0/0"}))
        cause = self.cause(out, vpc=seen)
        assert verdict(cause) == AGENT
        assert not any("proxy in" in line for line in cause.evidence)

    def test_is_not_told_of_routes_of_others(self) -> None:
        lost = replace(change("DeleteRoute", "rtb-b"), blocks=frozenset({"10.0.0.0/8"}))
        named = replace(change("DeleteVpcEndpoints", "vpce-1"), blocks=frozenset())
        for one, seen in (
            (lost, network(table("b", subnets=("b",)))),
            (named, network(replace(SERVED, private_dns=False))),
        ):
            assert not any("proxy in" in line for line in why(facts(seen, known=SEEN_SHUT, changes=(one,))).evidence)
