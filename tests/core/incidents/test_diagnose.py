"""Why an agent is silent: the order of causes, and what each says."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.agents.agent import Agent, Gap, State
from lifeline.core.agents.instances import UNMANAGED, Health, Instance, Power
from lifeline.core.agents.series import Series
from lifeline.core.agents.watches import Rules, Watch
from lifeline.core.coexist.cuts import HubCut
from lifeline.core.guards.backlog import Alike, GapSurvey
from lifeline.core.guards.freeze import DNS_ATTRIBUTES, EVERYTHING, SECURITY_GROUP, Freeze, FreezeKind
from lifeline.core.guards.mode import Mode
from lifeline.core.guards.urgency import KnownPath, KnownVpc
from lifeline.core.history.change import Change
from lifeline.core.incidents.diagnose import diagnose
from lifeline.core.incidents.facts import METRICS, Facts
from lifeline.core.incidents.incident import RECOVERY_TIME, Cause, CauseKind, Confidence
from lifeline.core.incidents.late import Others
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.iam_policy import Permission, RoleVerdict
from lifeline.core.network.model import (
    BlockMode,
    Catalog,
    Endpoint,
    EndpointState,
    NatGateway,
    NetworkAcl,
    Route,
    RouteTable,
    Rule,
    SecurityGroup,
    Subnet,
    TargetKind,
    Vpc,
)
from lifeline.core.network.network_path import Reach
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.policy.central import Central
from lifeline.core.policy.policy import Exempted
from tests.support.agents import minute, why_silent
from tests.support.builders import (
    CATALOG,
    MONITORING,
    SHUT_POLICY,
    VPC_ID,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)
from tests.support.hubs import central

SINCE = minute(0)
NOW = minute(6)
EC2 = "com.amazonaws.us-east-1.ec2"
INSTANCE = Instance(
    Power.RUNNING,
    launched_at=minute(-6000),
    state="running",
    vpc_id=VPC_ID,
    subnet_id="subnet-a",
    zone="us-east-1a",
    profile_arn="arn:aws:iam::1:instance-profile/app",
)
SEEN_OPEN = KnownVpc(minute(-9000), {"subnet-a": KnownPath(minute(-9000))})
LOST = KnownPath(minute(-9000), minute(-60))
SEEN_SHUT = KnownVpc(minute(-9000))
SERVED = endpoint(MONITORING, "a")
CLOSED_GROUP = own_security_group("192.168.0.0/16")
DENYING = json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "logs:*", "Resource": "*"}})
ALLOWED = RoleVerdict(Permission.ALLOWED, "app-role", "role app-role may publish metrics")
DENIED = RoleVerdict(Permission.DENIED, "app-role", "role app-role may not call cloudwatch:PutMetricData")


def network(*parts: RouteTable | Endpoint | SecurityGroup | Subnet, **more: Any) -> Vpc:
    """A VPC with subnet a, isolated and named `app`, and whatever else."""
    return vpc(subnet("a"), own_security_group(), *parts, **{"tags": (("Name", "app"),), **more})


def served(*parts: RouteTable | Endpoint | SecurityGroup | Subnet, **more: Any) -> Vpc:
    return network(SERVED, *parts, **more)


def agent(*needs: str, since: datetime = SINCE, **more: Any) -> Agent:
    made = Agent(
        "i-1",
        Series("mem_used_percent", (("InstanceId", "i-1"),)),
        needs=frozenset(needs),
        seen_at=minute(-1),
        state=State.SILENT,
        gap=Gap(since=since, opened_at=minute(6)),
    )
    return replace(made, **more)


def facts(seen: Vpc | None = None, *needs: str, **more: Any) -> Facts:
    """A healthy instance whose way to `monitoring` is open and whose role may publish, but for what the test says."""
    sound = Facts(
        agent=agent(*needs),
        watch=Watch(),
        instance=INSTANCE,
        health=Health.OK,
        vpc=seen or served(),
        catalog=CATALOG,
        dns=DnsView(),
        role=ALLOWED,
        known=SEEN_OPEN,
    )
    return replace(sound, **more)


def lately(service: str, endpoint_id: str, made_at: datetime, ready_at: datetime | None = None) -> tuple[str, Made]:
    return service, Made(endpoint_id, made_at, ready_at=ready_at)


def change(name: str, *ids: str, at: float = -3, event_id: str = "e-1", actor: str = "deploy-role") -> Change:
    return Change(minute(at), event_id, name, actor, frozenset(ids))


DELETED = change("DeleteRoute", "rtb-main")


def why(known: Facts, now: datetime = NOW) -> Cause:
    return why_silent(known, now)


class TestAnAgentThatReportedWithoutAPath:
    """It may use a FIPS name, or an endpoint of its own choice."""

    def test_in_a_network_that_lifeline_saw_unchanged_it_is_likely_the_agent_and_nothing_is_repaired(self) -> None:
        cause = why(facts(network(), known=SEEN_SHUT))
        assert (cause.kind, cause.confidence, cause.is_repairable) == (CauseKind.AGENT, Confidence.MEDIUM, False)
        assert cause.words == "likely the agent itself or its endpoint setting"
        assert "the agent reported through this network until 2026-03-02 08:59:00 UTC" in cause.evidence[0]

    @pytest.mark.parametrize(
        "seen",
        [
            network(replace(SERVED, private_dns=False)),
            network(replace(SERVED, state=EndpointState.FAILED)),
            network(SERVED, dns_support=False),
        ],
        ids=["no private DNS", "failed", "DNS off"],
    )
    def test_whatever_closes_the_path(self, seen: Vpc) -> None:
        assert why(facts(seen, known=SEEN_SHUT)).kind is CauseKind.AGENT

    @pytest.mark.parametrize(
        ("more", "confidence"),
        [
            ({"known": SEEN_SHUT, "changes": (DELETED,)}, Confidence.HIGH),
            ({"known": SEEN_OPEN}, Confidence.HIGH),
            (
                {"known": KnownVpc(minute(-9000), {"monitoring": KnownPath(minute(-9000), minute(-3))})},
                Confidence.HIGH,
            ),
            ({"known": None}, Confidence.MEDIUM),
            ({"known": KnownVpc(minute(0))}, Confidence.MEDIUM),
            ({"known": SEEN_SHUT, "is_past_read": False}, Confidence.MEDIUM),
            ({"known": SEEN_SHUT, "agent": agent(seen_at=None)}, Confidence.HIGH),
        ],
        ids=[
            "a change on record",
            "a way out that was seen",
            "an endpoint that was lost",
            "not known before",
            "known only since",
            "changes that were not read",
            "an agent that never reported",
        ],
    )
    def test_what_else_is_known_keeps_the_network_as_the_cause(
        self, more: Mapping[str, Any], confidence: Confidence
    ) -> None:
        cause = why(facts(network(), **more))
        assert (cause.kind, cause.confidence) == (CauseKind.CUT_OFF, confidence)

    def test_a_need_that_lost_its_path_is_found_all_the_same(self) -> None:
        cause = why(
            facts(network(), "monitoring-fips", known=SEEN_SHUT, changes=(change("DeleteVpcEndpoints", "vpce-9"),))
        )
        assert cause.kind is CauseKind.CUT_OFF


FIPS = endpoint(f"{MONITORING}-fips", "a", own=False, id="vpce-fips", security_group_ids=frozenset({"sg-fips"}))
SHUT_GROUP = SecurityGroup("sg-fips", "theirs")
OPEN_GROUP = replace(SHUT_GROUP, ingress=(Rule("tcp", 443, 443, ("0.0.0.0/0",)),))
REVOKED = change("RevokeSecurityGroupIngress", "sg-fips")
NOT_LET_IN = "sg-fips of vpce-fips doesn't allow inbound 443 from 10.0.1.0/24 (subnet-a)"
BY_ITS_OWN = endpoint(MONITORING, "a", own=False, id="vpce-fips", private_dns=False)
DENY_ALL = NetworkAcl("acl-b", frozenset({"subnet-b"}), ())


class TestAnEndpointThatAgentsUseByAnotherName:
    """Whether this agent does isn't known: the change that closed the endpoint is told, and the cause stays."""

    @pytest.mark.parametrize(
        ("seen", "changed", "name", "why"),
        [
            (network(FIPS, SHUT_GROUP), REVOKED, "monitoring-fips", NOT_LET_IN),
            (
                network(
                    replace(FIPS, subnet_ids=frozenset({"subnet-b"})), OPEN_GROUP, subnet("b"), network_acls=(DENY_ALL,)
                ),
                change("ReplaceNetworkAclEntry", "acl-b"),
                "monitoring-fips",
                "network ACL acl-b doesn't let 443 into subnet-b from 10.0.1.0/24",
            ),
            (
                network(replace(FIPS, policy=SHUT_POLICY), OPEN_GROUP),
                change("ModifyVpcEndpoint", "vpce-fips"),
                "monitoring-fips",
                "the policy of vpce-fips doesn't allow cloudwatch:PutMetricData",
            ),
            (
                network(replace(FIPS, state=EndpointState.DELETING), OPEN_GROUP),
                change("DeleteVpcEndpoints", "vpce-fips"),
                "monitoring-fips",
                "it was deleted",
            ),
            (
                network(replace(FIPS, state=EndpointState.REJECTED), OPEN_GROUP),
                change("ModifyVpcEndpoint", "vpce-fips"),
                "monitoring-fips",
                "it was rejected",
            ),
            (
                network(replace(FIPS, private_dns=False), OPEN_GROUP),
                change("ModifyVpcEndpoint", "vpce-fips"),
                "monitoring-fips",
                "its private DNS is off",
            ),
            (network(replace(FIPS, private_dns=False), SHUT_GROUP), REVOKED, "monitoring-fips", NOT_LET_IN),
            (
                network(replace(BY_ITS_OWN, security_group_ids=frozenset({"sg-fips"})), SHUT_GROUP),
                REVOKED,
                "monitoring",
                NOT_LET_IN,
            ),
        ],
        ids=[
            "group",
            "ACL",
            "policy",
            "deleted",
            "rejected",
            "private DNS off",
            "group, its own name alone",
            "its own name",
        ],
    )
    @pytest.mark.parametrize("is_served", [False, True])
    def test_that_a_change_closed_is_told(
        self, seen: Vpc, changed: Change, name: str, why: str, is_served: bool
    ) -> None:
        known = SEEN_OPEN if is_served else SEEN_SHUT
        seen = replace(seen, endpoints=(*seen.endpoints, SERVED)) if is_served else seen
        found, before = (why_of(seen, known, *changes) for changes in ((changed,), ()))
        closed = f"{changed.event_name} by deploy-role likely closed vpce-fips ({name}) at 2026-03-02 08:57:00 UTC"
        by = " by another name than its own" if why == "its private DNS is off" else ""
        said = (closed, f"agents that use it{by} are cut off: {why}")
        assert found.evidence[:2] == said
        assert "Check its endpoint setting too" in found.advice
        as_before = replace(found, evidence=found.evidence[2:], advice=before.advice)
        assert as_before == before
        assert (found.kind, found.change, found.is_repairable) == (CauseKind.AGENT, None, False)

    @pytest.mark.parametrize(
        ("seen", "changed"),
        [
            (network(FIPS, OPEN_GROUP), REVOKED),
            (network(FIPS, SHUT_GROUP), change("RevokeSecurityGroupIngress", "sg-other")),
            (network(FIPS, SHUT_GROUP), change("RevokeSecurityGroupEgress", "sg-fips")),
            (network(FIPS, SHUT_GROUP), change("AuthorizeSecurityGroupIngress", "sg-fips")),
            (network(FIPS, SHUT_GROUP), change("RevokeSecurityGroupIngress", "sg-fips", at=-1500)),
            (network(FIPS, SHUT_GROUP), change("RevokeSecurityGroupIngress", "sg-fips", at=30)),
            (network(replace(FIPS, policy=SHUT_POLICY), OPEN_GROUP), change("ModifyVpcEndpoint", "vpce-fips", at=-60)),
            (network(FIPS), REVOKED),
            (network(replace(FIPS, service_name=MONITORING.replace("monitoring", "logs")), SHUT_GROUP), REVOKED),
            (
                network(replace(FIPS, service_name=FIPS.service_name.replace("us-east-1", "eu-west-1")), SHUT_GROUP),
                REVOKED,
            ),
            (network(replace(FIPS, private_dns=False), OPEN_GROUP), change("CreateVpcEndpoint", "vpce-fips")),
        ],
        ids=[
            "open",
            "another group",
            "outbound",
            "allowed",
            "long before",
            "later",
            "it reported after that",
            "a group that was not read",
            "another service",
            "another region",
            "just created",
        ],
    )
    def test_of_what_closed_nothing_for_it_nothing_is_told(self, seen: Vpc, changed: Change) -> None:
        assert why_of(seen, SEEN_SHUT, changed) == why_of(seen, SEEN_SHUT)

    def test_that_lets_others_of_the_subnet_in_is_judged_by_the_agents_own_address(self) -> None:
        half = replace(SHUT_GROUP, ingress=(Rule("tcp", 443, 443, ("10.0.1.0/25",)),))
        found = {
            address: why_of(network(FIPS, half), SEEN_SHUT, REVOKED, address=address, group_ids=frozenset())
            for address in ("10.0.1.20", "10.0.1.200", "")
        }
        told = {address for address, cause in found.items() if "vpce-fips" in cause.evidence[0]}
        assert told == {"10.0.1.200"}


def why_of(seen: Vpc, known: KnownVpc, *changes: Change, **more: Any) -> Cause:
    return why(facts(seen, known=known, changes=changes, instance=replace(INSTANCE, **more)))


@pytest.mark.parametrize("is_there", [True, False])
def test_an_agent_reaches_a_gateway_endpoint_beyond_a_nat_gateway_until_that_is_deleted(is_there: bool) -> None:
    to_s3 = Route((), TargetKind.GATEWAY_ENDPOINT, "vpce-s3", is_active=True, prefix_list_id="pl-s3")
    seen = served(
        subnet("nat", cidr="10.0.9.0/28"),
        table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1")),
        table("nat", *([to_s3] if is_there else []), subnets=("nat",)),
        *([gateway("nat", own=False, id="vpce-s3")] if is_there else []),
        nat_gateways=(NatGateway("nat-1", is_public=True, is_available=True, subnet_id="subnet-nat"),),
    )
    gone = change("DeleteVpcEndpoints", "vpce-s3")
    cause = why(facts(seen, "s3", instance=replace(INSTANCE, launched_at=minute(-0.5)), changes=(gone,)))
    found = (CauseKind.AGENT, None) if is_there else (CauseKind.CUT_OFF, gone)
    assert (cause.kind, cause.change) == found
    said = "the path to the s3 service: by way of a NAT gateway, vpce-s3 gives access to the s3 service"
    assert (said in cause.evidence) is is_there


def test_an_endpoint_of_another_region_serves_nothing_here() -> None:
    foreign = endpoint(MONITORING.replace("us-east-1", "eu-west-1"), "a")
    assert why(facts(network(foreign))).kind is CauseKind.CUT_OFF


class TestTheOrder:
    """One row for each cause alone, and for each pair: the higher one wins."""

    # What each place in the order takes to be found, from the highest to the lowest.
    ROWS: tuple[tuple[CauseKind, Confidence, Mapping[str, Any]], ...] = (
        (CauseKind.MACHINE, Confidence.HIGH, {"health": Health.IMPAIRED}),
        (CauseKind.CUT_OFF, Confidence.HIGH, {"vpc": network()}),
        (CauseKind.ENDPOINT_POLICY, Confidence.HIGH, {"vpc": network(replace(SERVED, policy=DENYING))}),
        (
            CauseKind.CUT_OFF,
            Confidence.MEDIUM,
            {"vpc": served(), "made": (lately("monitoring", "vpce-1", minute(2), minute(4)),)},
        ),
        (CauseKind.ROLE, Confidence.HIGH, {"role": DENIED}),
        (CauseKind.NO_PROFILE, Confidence.MEDIUM, {"instance": replace(INSTANCE, profile_arn="")}),
        (CauseKind.AGENT, Confidence.LOW, {}),
    )

    @pytest.mark.parametrize(("kind", "confidence", "members"), ROWS)
    def test_each_cause_is_found_alone(
        self, kind: CauseKind, confidence: Confidence, members: Mapping[str, Any]
    ) -> None:
        found = why(facts(**members))
        assert (found.kind, found.confidence) == (kind, confidence)
        assert found.advice
        assert found.evidence

    @pytest.mark.parametrize("lower", range(len(ROWS)))
    @pytest.mark.parametrize("higher", range(len(ROWS)))
    def test_a_higher_cause_wins(self, higher: int, lower: int) -> None:
        if higher > lower:
            return
        kind, confidence, members = self.ROWS[higher]
        found = why(facts(**{**self.ROWS[lower][2], **members}))
        assert (found.kind, found.confidence) == (kind, confidence)

    @pytest.mark.parametrize(
        ("seen", "kind", "subject"),
        [
            (network(replace(SERVED, state=EndpointState.PENDING)), CauseKind.ENDPOINT_PENDING, "vpce-1"),
            (network(replace(SERVED, state=EndpointState.FAILED)), CauseKind.ENDPOINT_FAILED, "vpce-1"),
            (vpc(subnet("a"), SERVED, CLOSED_GROUP), CauseKind.ENDPOINT_CLOSED, "vpce-1"),
            (served(dns_hostnames=False), CauseKind.DNS_OFF, "vpce-1"),
            (network(table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1"))), CauseKind.CUT_OFF, ""),
        ],
    )
    def test_each_way_that_is_closed_is_a_cause_of_the_network(self, seen: Vpc, kind: CauseKind, subject: str) -> None:
        found = why(facts(seen, role=DENIED))
        assert (found.kind, found.confidence, found.subject) == (kind, Confidence.HIGH, subject)
        assert (found.service, found.key) == ("monitoring", f"network|{VPC_ID}|monitoring")


class TestCutOff:
    def test_is_told_with_the_change_that_began_it(self) -> None:
        found = why(facts(network(), changes=(DELETED,)))
        assert found.words == "DeleteRoute by deploy-role left no path to the monitoring service"
        assert found.change == DELETED
        assert found.evidence == (
            "subnet-a is isolated: rtb-main has no route out of the VPC",
            "no endpoint in the VPC gives access to the monitoring service",
            "DeleteRoute by deploy-role at 2026-03-02 08:57:00 UTC (CloudTrail event e-1)",
        )
        assert (found.vpc_id, found.vpc_name, found.is_repairable) == (VPC_ID, "app", True)

    def test_is_told_without_a_change_where_none_is_on_record(self) -> None:
        found = why(facts(network(), changes=(change("DeleteRoute", "rtb-main", at=30),)))
        assert (found.words, found.change) == (
            "neither a route out of the VPC nor an endpoint leads to the monitoring service",
            None,
        )
        assert (
            "the audit log has no earlier network change in this VPC that would explain the silence" in found.evidence
        )

    @pytest.mark.parametrize(
        ("at", "launched_at", "is_behind"),
        [
            (-3, -6000, True),
            (-10.9, -6000, True),  # a connection may outlive its route for ten minutes
            (-11.1, -6000, False),
            (-3, -2, False),
            (-3, -0.5, True),  # it started after its last datapoint: whether it could have sent one isn't known
        ],
    )
    def test_is_not_blamed_on_a_change_after_which_the_agent_still_reported(
        self, at: float, launched_at: float, is_behind: bool
    ) -> None:
        started = replace(INSTANCE, launched_at=minute(launched_at))
        found = why(facts(network(), instance=started, changes=(change("DeleteRoute", "rtb-main", at=at),)))
        assert (found.kind, found.change is not None) == (CauseKind.CUT_OFF, is_behind)

    def test_does_not_say_that_nothing_is_on_record_where_the_record_could_not_be_read(self) -> None:
        unread = "the changes of the VPC could not be read"
        found = why(facts(network(), unreadable=(unread,), is_past_read=False))
        assert found.evidence[-1] == unread
        assert not any("audit log" in line for line in found.evidence)
        assert found.confidence is Confidence.MEDIUM

    @pytest.mark.parametrize("dns", [None, DnsView(unreadable=("the zones could not be read",))])
    def test_is_likely_where_central_endpoints_could_not_be_checked(self, dns: DnsView | None) -> None:
        found = why(facts(network(), dns=dns))
        assert (found.kind, found.confidence) == (CauseKind.CUT_OFF, Confidence.MEDIUM)
        assert any("not checked" in line or "could not be" in line for line in found.evidence)

    def test_promises_no_endpoint_before_a_check_found_nothing_that_blocks_it_and_says_until_when_to_wait(self) -> None:
        expected = (
            "Lifeline will try to create the endpoint here. Unless a notice says that this is blocked, agents should "
            "report again by 09:26:00 UTC. If they don't, restore the route"
        )
        assert why(facts(network())).advice.startswith(expected)
        late = why(facts(network()), minute(27)).advice
        assert late.startswith("Lifeline has not repaired this by 09:26:00 UTC. Its notices say what blocks it.")

    def test_in_plan_mode_is_a_persons_to_mend(self) -> None:
        assert why(facts(network(), mode=Mode.PLAN)).advice == (
            "The stack is in plan mode, so Lifeline will not fix this. To fix it: restore the route in rtb-main or "
            "create an endpoint for the monitoring service in the VPC."
        )

    def test_of_dns_attributes_is_lifelines_to_mend_only_where_it_may(self) -> None:
        off = served(dns_hostnames=False)
        turn_on = "turn on the VPC's DNS attributes (aws ec2 modify-vpc-attribute)."
        assert why(facts(off)).advice == (
            "Lifeline will not fix this, because FixDns and fix_dns in the policy don't both allow it. To fix it: "
            + turn_on
        )
        assert why(facts(off, fixes_dns=True)).advice.startswith("Lifeline will try to repair this. Unless")
        assert why(facts(off, fixes_dns=True, mode=Mode.PLAN)).advice.startswith(
            "The stack is in plan mode, so Lifeline"
        )

    def test_promises_no_endpoint_where_its_private_dns_would_not_work_and_lifeline_may_not_turn_that_on(self) -> None:
        known = facts(network(dns_hostnames=False))
        assert why(known).advice == (
            "Lifeline will not fix this while the VPC's enableDnsHostnames is off, because FixDns and fix_dns in the "
            "policy don't both allow it to turn that on. To fix it: restore the route in rtb-main or create an "
            "endpoint for the monitoring service in the VPC."
        )
        assert why(replace(known, fixes_dns=True)).advice.startswith("Lifeline will try to create the endpoint here")
        assert known.why_left("s3", Reach.UNREACHABLE) == ""  # a gateway endpoint needs no private DNS

    @pytest.mark.parametrize("had_way_out", [None, False, True])
    def test_in_the_backlog_waits_unless_the_way_out_was_there_when_it_was_judged(
        self, *, had_way_out: bool | None
    ) -> None:
        subnet = Alike(frozenset({"subnet-a"}), had_way_out, frozenset({METRICS}), frozenset({METRICS}))
        cause = why(facts(network(), survey=GapSurvey(NOW, NOW, (subnet,))))
        assert ("until you approve it" in cause.advice) is cause.awaits_approval is not had_way_out
        assert cause.advice.startswith("Lifeline will try to create") is bool(had_way_out)

    def test_in_the_backlog_waits_for_nobodys_approval_in_plan_mode_or_where_it_is_frozen(self) -> None:
        subnet = Alike(frozenset({"subnet-a"}), False, frozenset({METRICS}), frozenset({METRICS}))
        waiting = facts(network(), survey=GapSurvey(NOW, NOW, (subnet,)))
        freeze = Freeze(FreezeKind.MANUAL, NOW, "asked")
        assert why(waiting).awaits_approval
        assert not why(replace(waiting, mode=Mode.PLAN)).awaits_approval
        assert not why(replace(waiting, frozen=((METRICS, freeze),))).awaits_approval

    @pytest.mark.parametrize("mode", list(Mode))
    def test_to_what_nothing_requires_there_is_a_persons_to_mend_and_no_endpoint_is_promised(self, mode: Mode) -> None:
        left = (
            "Lifeline will not fix this, because neither the policy nor a tag requires the monitoring service in "
            "subnet-a. To fix it: restore the route in rtb-main or create an endpoint for the monitoring service in "
            "the VPC."
        )
        found = why(facts(network(), asked=frozenset({"ssm"}), mode=mode))
        assert (found.kind, found.is_repairable, found.advice) == (CauseKind.CUT_OFF, False, left)
        for asked in (frozenset({METRICS}), None):
            assert why(facts(network(), asked=asked)).advice.startswith("Lifeline will try to create the endpoint here")
            assert why(facts(network(), asked=asked)).is_repairable

    def test_from_which_the_subnet_is_exempt_is_left_and_the_exemption_is_named(self) -> None:
        until = Exempted("vpc-1", (METRICS,), date(2026, 3, 9), "moves to the hub")
        found = why(facts(network(), asked=frozenset({"ssm"}), spared=((METRICS, until),)))
        assert (found.kind, found.is_repairable) == (CauseKind.CUT_OFF, False)
        assert found.advice.startswith(
            "Lifeline will not fix this, because vpc-1 is exempt from monitoring until 2026-03-09: moves to the hub. To"
        )

    def test_to_another_need_that_nothing_requires_there_is_a_persons_to_mend(self) -> None:
        again = replace(INSTANCE, launched_at=minute(1))
        for asked, is_repairable in ((frozenset({METRICS}), False), (frozenset({METRICS, "ec2"}), True)):
            found = why(facts(served(), "ec2", asked=asked, instance=again))
            assert (found.service, found.is_repairable) == ("ec2", is_repairable)
            assert ("requires the ec2 service in subnet-a" in found.advice) is not is_repairable

    def test_of_which_it_is_not_known_is_only_looked_at_again_where_something_requires_it(self) -> None:
        unread = DnsView(unreadable=("the zones could not be read",))
        to_peer = network(table("main", route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, "tgw-1")))
        for asked, is_repairable in ((frozenset({"ssm"}), False), (frozenset({METRICS}), True)):
            found = why(facts(to_peer, dns=unread, asked=asked))
            assert (found.kind, found.is_repairable) == (CauseKind.PATH_UNKNOWN, is_repairable)
            assert ("Lifeline will" in found.advice) is is_repairable

    def test_without_an_event_is_not_blamed_on_a_change_that_the_agent_outlived(self) -> None:
        dead = table("main", default_route(TargetKind.TRANSIT_GATEWAY, "tgw-1", active=False))
        found = why(facts(network(dead), changes=(change("ReplaceRoute", "rtb-main", at=-600),)))
        assert (found.kind, found.change) == (CauseKind.CUT_OFF, None)
        assert (
            "subnet-a is isolated: rtb-main has no route out of the VPC; its route to tgw-1 is a blackhole"
            in found.evidence
        )
        assert (
            "the audit log has no earlier network change in this VPC that would explain the silence" in found.evidence
        )

    def test_of_an_agent_that_never_reported_may_be_the_work_of_an_old_change(self) -> None:
        early = change("ReplaceRoute", "rtb-main", at=-600)
        new = agent(seen_at=None, series=None)
        assert why(facts(network(), agent=new, changes=(early,))).change == early

    def test_in_anothers_vpc_is_likely_for_only_its_owner_sees_its_endpoints(self) -> None:
        shared = network(owner_id="2")
        found = why(facts(shared))
        assert (found.kind, found.confidence, found.is_repairable) == (CauseKind.CUT_OFF, Confidence.MEDIUM, False)
        assert "the VPC belongs to account 2: only that account can see and create its endpoints" in found.evidence
        assert why(facts(network(owner_id="1"))).confidence is Confidence.HIGH
        unknown = facts(shared, instance=replace(INSTANCE, profile_arn=""))
        assert why(unknown).is_repairable

    def test_is_not_lifelines_to_mend_where_a_central_endpoint_lost_its_route(self) -> None:
        zone = DnsAnswer(AnswerKind.PRIVATE_ZONE, "monitoring.us-east-1.amazonaws.com", "Z1", "")
        found = why(facts(network(), dns=DnsView((zone,)), changes=(DELETED,)))
        assert (found.kind, found.is_repairable, found.confidence) == (CauseKind.CUT_OFF, False, Confidence.MEDIUM)
        assert found.words == "DeleteRoute by deploy-role left no path to the monitoring service"

    def test_names_a_public_address_that_is_missing(self) -> None:
        public = network(table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1")))
        assert why(facts(public)).words == "the instance has no public IPv4 address"
        open_way = why(facts(public, instance=replace(INSTANCE, has_public_address=True)))
        assert open_way.kind is CauseKind.AGENT

    @pytest.mark.parametrize("is_stranded", [True, False])
    def test_promises_an_endpoint_in_a_public_subnet_only_where_nothing_there_has_an_address(
        self, *, is_stranded: bool
    ) -> None:
        public = network(table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1")))
        seen = replace(public, subnets=tuple(replace(one, is_stranded=is_stranded) for one in public.subnets))
        advice = why(facts(seen)).advice
        assert ("Lifeline will try to repair this" in advice) is is_stranded
        assert ("if the policy requires the service in this public subnet" in advice) is not is_stranded


class TestAnEndpoint:
    def test_that_is_closed_names_the_group_and_what_closed_it(self) -> None:
        revoked = change("RevokeSecurityGroupIngress", "sg-own")
        found = why(facts(vpc(subnet("a"), SERVED, CLOSED_GROUP), changes=(DELETED, revoked)))
        assert found.words == "sg-own of vpce-1 doesn't allow inbound 443 from 10.0.1.0/24 (subnet-a)"
        assert (found.change, found.is_repairable) == (revoked, True)

    @pytest.mark.parametrize("key", ["monitoring", SECURITY_GROUP, EVERYTHING])
    def test_that_is_closed_and_frozen_is_not_said_to_be_mended(self, key: str) -> None:
        frozen = (key, Freeze(FreezeKind.CONFLICT, minute(-30), "others reverted it 3 times"))
        found = why(facts(vpc(subnet("a"), SERVED, CLOSED_GROUP), frozen=(frozen,)))
        assert not found.is_repairable
        assert "Lifeline won't repair this: frozen since 2026-03-02 08:30:00 UTC" in found.advice
        assert "Otherwise, allow inbound TCP 443 from the whole VPC in a security group of vpce-1." in found.advice

    def test_whose_vpc_has_something_else_frozen_is_mended(self) -> None:
        frozen = tuple((key, Freeze(FreezeKind.MANUAL, NOW, "asked")) for key in ("logs", DNS_ATTRIBUTES))
        assert why(facts(vpc(subnet("a"), SERVED, CLOSED_GROUP), frozen=frozen)).is_repairable

    def test_that_is_closed_may_be_outlived_by_an_open_connection(self) -> None:
        """Other than a route: nobody's connection lasts without one."""
        revoked = change("RevokeSecurityGroupIngress", "sg-own", at=-60)
        deleted = change("DeleteVpcEndpoints", "vpce-gone", at=-60)
        assert why(facts(vpc(subnet("a"), SERVED, CLOSED_GROUP), changes=(revoked,))).change == revoked
        assert why(facts(network(), changes=(deleted,))).change is None

    def test_that_is_closed_and_somebody_elses_is_theirs_to_open(self) -> None:
        foreign = endpoint(MONITORING, "a", own=False)
        found = why(facts(vpc(subnet("a"), foreign, CLOSED_GROUP)))
        assert not found.is_repairable
        assert found.advice == "Allow inbound TCP 443 from the whole VPC in a security group of vpce-1."

    def test_that_lifeline_made_and_is_pending_says_until_when(self) -> None:
        coming = network(replace(SERVED, state=EndpointState.PENDING))
        found = why(facts(coming, made=(lately("monitoring", "vpce-1", minute(2)),), changes=(DELETED,)))
        assert (found.kind, found.change) == (CauseKind.ENDPOINT_PENDING, DELETED)
        assert found.words == "DeleteRoute by deploy-role left no path to the monitoring service"
        assert "vpce-1 for the monitoring service is pending" in found.evidence
        assert found.advice == "Lifeline created vpce-1 at 09:02:00 UTC. Agents should report again by 09:22:00 UTC."

    def test_that_lifeline_made_and_is_pending_says_what_it_costs_in_its_zones(self) -> None:
        for zones, usd in ((("a",), "7.30"), (("a", "b"), "14.60")):
            pending = replace(endpoint(MONITORING, *zones), id="vpce-1", state=EndpointState.PENDING)
            made = (lately("monitoring", "vpce-1", minute(2)),)
            known = facts(network(pending), made=made, changes=(DELETED,), price=price_in("us-east-1"))
            cost = f"(about {usd} USD per month, before data charges)"
            assert why(known).advice.startswith(f"Lifeline created vpce-1 at 09:02:00 UTC {cost}. Agents should ")

    def test_that_is_not_there_yet_says_what_one_would_cost_whoever_creates_it(self) -> None:
        """Which zones it will be in is the plan's to say."""
        cost = " It costs about 7.30 USD per zone per month, before data charges."
        for mode in Mode:
            known = facts(network(), changes=(DELETED,), mode=mode)
            assert why(replace(known, price=price_in("us-east-1"))).advice == f"{why(known).advice}{cost}"

    def test_that_needs_another_group_says_nothing_of_costs(self) -> None:
        foreign = endpoint(MONITORING, "a", own=False)
        assert "USD" not in why(facts(vpc(subnet("a"), foreign, CLOSED_GROUP), price=price_in("us-east-1"))).advice

    def test_that_can_be_a_gateway_says_nothing_of_costs_because_that_is_free(self) -> None:
        known = facts(served(), watch=Watch(needs=frozenset({"s3"})), price=price_in("us-east-1"))
        assert why(known).service == "s3"
        assert "USD" not in why(known).advice

    def test_with_a_policy_that_can_not_be_judged_alone_is_no_cause(self) -> None:
        allow = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a": "b"}}}
        found = why(facts(network(replace(SERVED, policy=json.dumps({"Statement": allow})))))
        assert found.kind is CauseKind.AGENT
        assert any("isn't clear from the policy alone" in line for line in found.evidence)

    def test_whose_policy_forbids_metrics_is_named_with_the_change(self) -> None:
        modified = change("ModifyVpcEndpoint", "vpce-1", at=-8)
        found = why(facts(network(replace(SERVED, policy=DENYING)), changes=(modified, DELETED)))
        assert (found.key, found.change) == ("ENDPOINT_POLICY|vpce-1", modified)
        assert found.words == "the policy of vpce-1 doesn't allow cloudwatch:PutMetricData"

    def test_whose_policy_forbids_metrics_may_not_be_asked_where_names_are_resolved_elsewhere(self) -> None:
        elsewhere = DnsView(custom_dns_servers=("10.0.0.53",))
        found = why(facts(network(replace(SERVED, policy=DENYING)), dns=elsewhere))
        assert (found.kind, found.confidence) == (CauseKind.ENDPOINT_POLICY, Confidence.MEDIUM)
        assert any("10.0.0.53" in line for line in found.evidence)

    def test_whose_policy_forbids_metrics_comes_before_other_needs(self) -> None:
        started = replace(INSTANCE, launched_at=minute(-1))
        found = why(facts(network(replace(SERVED, policy=DENYING)), "ec2", instance=started))
        assert found.kind is CauseKind.ENDPOINT_POLICY


class TestAnUnknownPath:
    """What decides was not read: nobody can say that nothing is wrong outside the agent, nor that something is."""

    FOREIGN = endpoint(MONITORING, "a", own=False, security_group_ids=frozenset({"sg-theirs"}))
    HUB = table("main", route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY))

    def test_of_an_endpoint_names_what_was_not_read_and_what_to_check(self) -> None:
        found = why(facts(network(self.FOREIGN)))
        assert (found.kind, found.confidence, found.is_repairable) == (CauseKind.PATH_UNKNOWN, Confidence.LOW, False)
        assert found.words == "it isn't known whether subnet-a can reach the monitoring service through vpce-1"
        assert found.evidence[0] == "the rules of sg-theirs on vpce-1 were not read"
        assert found.advice == (
            "On an instance in the subnet, try to connect to the monitoring service on TCP port 443. If that fails, "
            "check the security groups, network ACLs and routes on the way to vpce-1, and its private DNS. If it "
            "works, "
            "check the agent and its log."
        )
        assert (found.service, found.subject, found.key) == ("monitoring", "vpce-1", f"network|{VPC_ID}|monitoring")

    @pytest.mark.parametrize("dns", [None, DnsView(unreadable=("the zones could not be read",))])
    def test_to_a_central_endpoint_promises_nothing_and_is_looked_at_again(self, dns: DnsView | None) -> None:
        found = why(facts(network(self.HUB), dns=dns))
        assert (found.kind, found.confidence, found.is_repairable) == (CauseKind.PATH_UNKNOWN, Confidence.LOW, True)
        assert found.words == (
            "it isn't known whether a central endpoint gives subnet-a access to the monitoring service"
        )
        assert found.advice.endswith(
            "and will try to create an endpoint here if nothing else answers the service's name."
        )
        frozen = (("monitoring", Freeze(FreezeKind.MANUAL, NOW, "asked")),)
        assert not why(facts(network(self.HUB), dns=dns, frozen=frozen)).is_repairable

    def test_is_told_where_the_network_could_not_be_read_at_all(self) -> None:
        found = why(facts(vpc=None, health=Health.UNKNOWN, role=None, unreadable=("the network could not be read",)))
        assert (found.kind, found.confidence) == (CauseKind.PATH_UNKNOWN, Confidence.LOW)
        assert found.words == "it isn't known whether subnet-a can reach the monitoring service"
        assert found.evidence == (
            "the path from subnet-a to the monitoring service was not read",
            "the network could not be read",
        )

    def test_to_another_need_is_told_too(self) -> None:
        found = why(facts(served(self.HUB), "ec2", dns=None))
        assert (found.kind, found.service) == (CauseKind.PATH_UNKNOWN, "ec2")
        assert found.words == "it isn't known whether a central endpoint gives subnet-a access to the ec2 service"
        assert "the agent's metrics, or the policy, show that it uses ec2" in found.evidence

    @pytest.mark.parametrize(
        ("members", "kind"),
        [
            ({"health": Health.IMPAIRED}, CauseKind.MACHINE),
            ({"role": DENIED}, CauseKind.ROLE),
            ({"instance": replace(INSTANCE, profile_arn="")}, CauseKind.NO_PROFILE),
        ],
    )
    def test_gives_way_to_what_was_found(self, members: Mapping[str, Any], kind: CauseKind) -> None:
        assert why(facts(network(self.FOREIGN), **members)).kind is kind

    def test_is_evidence_with_the_change_that_may_be_behind_it_but_blames_nobody(self) -> None:
        revoked = change("RevokeSecurityGroupIngress", "sg-theirs")
        found = why(facts(network(self.FOREIGN), changes=(revoked,)))
        assert found.change is None
        assert any("RevokeSecurityGroupIngress by deploy-role" in line for line in found.evidence)

    def test_that_is_open_again_was_maybe_never_closed(self) -> None:
        unknown = why(facts(network(self.FOREIGN)))
        found = why(facts(served(), earlier=((unknown, minute(0)),), own=unknown))
        assert (found.kind, found.fix) == (CauseKind.AGENT, "")

    def test_yields_to_its_zone_only_where_other_zones_still_report(self) -> None:
        fleet = {f"i-{number}": facts(network(self.FOREIGN)) for number in range(3)}
        alone = diagnose(fleet, NOW, reporting_by_zone={"us-east-1a": 0})
        assert {cause.kind for cause in alone.values()} == {CauseKind.PATH_UNKNOWN}
        beside = diagnose(fleet, NOW, reporting_by_zone={"us-east-1b": 3})
        assert {cause.kind for cause in beside.values()} == {CauseKind.ZONE}


def test_a_closed_path_promises_no_repair_that_hangs_on_what_was_not_read() -> None:
    found = why(facts(network(), dns=None))
    assert (found.kind, found.confidence, found.is_repairable) == (CauseKind.CUT_OFF, Confidence.MEDIUM, True)
    assert found.advice == (
        "Lifeline will check again, and will try to create an endpoint here if nothing else answers the service's "
        "name. Otherwise, restore the route in rtb-main or create an endpoint for the monitoring service "
        "in the VPC."
    )


class TestAnotherNeed:
    """An agent with AutoScalingGroupName among its dimensions sends nothing until it reaches ec2."""

    def started(self, **more: Any) -> Instance:
        return replace(INSTANCE, launched_at=minute(-1), **more)

    def test_is_the_cause_of_an_agent_that_started_since_it_was_cut_off(self) -> None:
        found = why(facts(served(), "ec2", instance=self.started(), changes=(DELETED,), role=DENIED))
        assert (found.kind, found.confidence, found.service) == (CauseKind.CUT_OFF, Confidence.HIGH, "ec2")
        assert found.words == (
            "DeleteRoute by deploy-role left no path to the ec2 service; without its tags the agent sends nothing"
        )
        assert found.is_repairable

    def test_is_the_cause_of_an_agent_that_never_reported(self) -> None:
        new = agent("ec2", seen_at=None, series=None)
        found = why(facts(served(), agent=new))
        assert (found.service, found.confidence) == ("ec2", Confidence.HIGH)

    def test_may_be_the_cause_of_an_agent_that_was_restarted(self) -> None:
        found = why(facts(served(), "ec2"))
        assert (found.service, found.confidence) == ("ec2", Confidence.MEDIUM)
        assert found.words.endswith("; without its tags a restarted agent sends nothing")

    def test_gives_way_to_what_is_sure_to_stop_an_agent_that_has_run_before(self) -> None:
        assert why(facts(served(), "ec2", role=DENIED)).kind is CauseKind.ROLE
        cured = why(facts(served(), "ec2", made=(lately("monitoring", "vpce-1", minute(2), minute(4)),)))
        assert (cured.service, cured.fix) == (
            "monitoring",
            "Lifeline's endpoint vpce-1 became available (first observed at 09:04:00 UTC)",
        )

    def test_that_may_not_matter_comes_after_a_profile_that_is_missing(self) -> None:
        assert why(facts(served(), "ec2", instance=replace(INSTANCE, profile_arn=""))).kind is CauseKind.NO_PROFILE

    MADE = (lately("ec2", "vpce-ec2", minute(2), minute(4)),)

    def test_that_was_mended_is_sure_for_an_agent_that_started_and_likely_for_another(self) -> None:
        both = served(endpoint(EC2, "a", id="vpce-ec2"))
        known = facts(both, "ec2", made=self.MADE, changes=(change("DeleteRoute", "rtb-main", at=-0.5),))
        likely = why(known)
        assert (likely.service, likely.fixed_at, likely.confidence) == ("ec2", minute(4), Confidence.MEDIUM)
        sure = why(replace(known, instance=self.started()))
        assert (sure.service, sure.fixed_at, sure.confidence) == ("ec2", minute(4), Confidence.HIGH)

    def test_that_was_mended_comes_after_a_role_that_forbids_unless_the_agent_started(self) -> None:
        both = served(endpoint(EC2, "a", id="vpce-ec2"))
        known = facts(both, "ec2", made=self.MADE, role=DENIED)
        assert why(known).kind is CauseKind.ROLE
        assert why(replace(known, instance=self.started())).service == "ec2"

    def test_comes_after_monitoring(self) -> None:
        assert why(facts(network(), "ec2", instance=self.started())).service == "monitoring"

    def test_that_is_served_is_no_cause(self) -> None:
        both = served(endpoint(EC2, "a", id="vpce-ec2"))
        assert why(facts(both, "ec2", instance=self.started())).kind is CauseKind.AGENT

    def test_may_come_from_the_watch(self) -> None:
        found = why(facts(served(), watch=Watch(needs=frozenset({"ec2"}))))
        assert found.service == "ec2"

    def test_for_logs_never_stops_metrics_for_sure(self) -> None:
        found = why(facts(served(), "logs", instance=self.started()))
        assert (found.service, found.confidence) == ("logs", Confidence.MEDIUM)

    @pytest.mark.parametrize("own", [True, False])
    def test_shut_by_the_policy_of_a_gateway_endpoint_behind_a_nat_gateway_says_what_to_allow(self, own: bool) -> None:
        home, nat = subnet("nat", cidr="10.0.9.0/28"), NatGateway("nat-1", True, True, "subnet-nat")
        to_s3 = route("52.216.0.0/15", TargetKind.GATEWAY_ENDPOINT, "vpce-s3")
        public = table("nat", default_route(TargetKind.INTERNET_GATEWAY), to_s3, subnets=("nat",))
        main, shut = table("main", default_route(TargetKind.NAT_GATEWAY, nat.id)), gateway("nat", id="vpce-s3", own=own)
        seen = served(main, public, replace(shut, policy=SHUT_POLICY), nat_gateways=(nat,))
        seen = replace(seen, subnets=(*seen.subnets, home))
        found = why(facts(seen, "s3", instance=self.started(), watch=Watch(needs=frozenset({"s3"}))))
        assert found.kind is CauseKind.ENDPOINT_POLICY
        assert found.words == "the policy of vpce-s3 doesn't allow the s3 service"
        allow = "llow the s3 service on resource * in the policy of the gateway endpoint"
        assert (allow in found.advice, "Lifeline will" in found.advice, found.is_repairable) == (True, own, own)

    def test_behind_a_closed_endpoint_is_named(self) -> None:
        closed = endpoint(EC2, "a", id="vpce-ec2", security_group_ids=frozenset({"sg-ec2"}))
        group = SecurityGroup("sg-ec2", "theirs")
        found = why(facts(served(closed, group), "ec2", instance=self.started()))
        assert found.kind is CauseKind.ENDPOINT_CLOSED
        assert ": the ec2 service can't be reached; without its tags the agent sends nothing" in found.words


class TestMendedMeanwhile:
    EARLIER = Cause(
        CauseKind.CUT_OFF,
        Confidence.HIGH,
        "DeleteRoute by deploy-role left no path to the monitoring service",
        service="monitoring",
        vpc_id=VPC_ID,
        change=DELETED,
        is_repairable=True,
    )
    PUBLIC = table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1"))
    OUT = replace(INSTANCE, has_public_address=True)
    BACK = change("CreateRoute", "rtb-main", at=4, event_id="e-2", actor="alice")

    def test_the_agent_joins_the_open_incident_with_the_endpoint_that_mended_it(self) -> None:
        made = (lately("monitoring", "vpce-1", minute(2), minute(4)),)
        found = why(facts(earlier=((self.EARLIER, minute(0)),), made=made))
        assert found == replace(
            self.EARLIER,
            fixed_at=minute(4),
            fix="Lifeline's endpoint vpce-1 became available (first observed at 09:04:00 UTC)",
            advice="Agents might need until 09:19:00 UTC to come back. If an instance is still silent then, restart "
            "its "
            "agent.",
            is_repairable=False,
        )

    def test_what_lifelines_endpoint_costs_is_said_and_of_no_other(self) -> None:
        cost = "costs about 7.30 USD per month, before data charges"
        for ready, fix in (
            (minute(4), f"became available (first observed at 09:04:00 UTC; {cost})"),
            (None, f"is available ({cost})"),
        ):
            made = (lately("monitoring", "vpce-1", minute(2), ready),)
            known = facts(earlier=((self.EARLIER, minute(0)),), made=made, price=price_in("us-east-1"))
            assert why(known).fix == f"Lifeline's endpoint vpce-1 {fix}"
            assert why(replace(known, made=())).fix == "endpoint vpce-1 is available"

    def test_an_endpoint_whose_time_is_not_known_is_available_now(self) -> None:
        found = why(facts(earlier=((self.EARLIER, minute(0)),)))
        assert (found.fixed_at, found.fix) == (NOW, "endpoint vpce-1 is available")

    def test_the_route_that_came_back_is_named_with_who_brought_it(self) -> None:
        known = facts(
            network(self.PUBLIC),
            instance=self.OUT,
            earlier=((self.EARLIER, minute(0)),),
            changes=(DELETED, self.BACK),
        )
        found = why(known)
        assert (found.fixed_at, found.fix) == (minute(4), "the route came back (CreateRoute by alice at 09:04:00 UTC)")

    def test_a_group_that_was_opened_again_is_named(self) -> None:
        closed = replace(self.EARLIER, kind=CauseKind.ENDPOINT_CLOSED, change=None)
        opened = change("AuthorizeSecurityGroupIngress", "sg-own", at=3, actor="alice")
        found = why(facts(earlier=((closed, minute(0)),), changes=(opened,)))
        assert found.fix == "the endpoint lets it in again (AuthorizeSecurityGroupIngress by alice at 09:03:00 UTC)"

    def test_a_way_that_opened_for_no_known_reason_is_open_again(self) -> None:
        known = facts(network(self.PUBLIC), instance=self.OUT, earlier=((self.EARLIER, minute(-5)),))
        assert why(replace(known, own=self.EARLIER)).fix == "the path is open again"

    def test_one_that_falls_silent_beside_an_outage_and_has_its_way_out_is_not_a_part_of_it(self) -> None:
        known = facts(network(self.PUBLIC), instance=self.OUT, earlier=((self.EARLIER, minute(-5)),))
        assert why(known).kind is CauseKind.AGENT

    def test_one_that_has_its_way_out_is_not_a_part_of_an_outage_that_is_mended_elsewhere(self) -> None:
        mended = replace(self.EARLIER, fixed_at=minute(5), fix="the route came back")
        known = facts(network(self.PUBLIC), instance=self.OUT, earlier=((mended, minute(-60)),))
        assert why(known).kind is CauseKind.AGENT

    def test_a_cause_that_is_known_to_be_mended_is_taken_over_while_its_cure_is_fresh(self) -> None:
        mended = replace(self.EARLIER, fixed_at=minute(-1), fix="the route came back")
        assert why(facts(earlier=((mended, minute(-9)),))) == mended
        long_ago = replace(mended, fixed_at=minute(-3))
        assert why(facts(earlier=((long_ago, minute(-9)),))).kind is CauseKind.AGENT

    @pytest.mark.parametrize(
        ("cause", "began"),
        [
            (replace(EARLIER, vpc_id="vpc-other"), 0),
            (replace(EARLIER, service="ec2"), 0),
            (replace(EARLIER, kind=CauseKind.AGENT), 0),
            (EARLIER, 11),
        ],
    )
    def test_what_is_another_incident_is_not_joined(self, cause: Cause, began: int) -> None:
        assert why(facts(earlier=((cause, minute(began)),))).kind is CauseKind.AGENT

    def test_a_subnet_with_its_own_way_out_does_not_join_an_old_outage_of_others(self) -> None:
        known = facts(network(self.PUBLIC), instance=self.OUT, earlier=((self.EARLIER, minute(-300)),))
        assert why(known).kind is CauseKind.AGENT

    def test_without_an_incident_an_endpoint_made_lately_tells_of_the_cut(self) -> None:
        made = (lately("monitoring", "vpce-1", minute(2), minute(4)),)
        found = why(facts(made=made, changes=(DELETED,)))
        assert (found.kind, found.confidence, found.change) == (CauseKind.CUT_OFF, Confidence.HIGH, DELETED)
        assert found.words == "DeleteRoute by deploy-role left no path to the monitoring service"
        assert (found.fixed_at, found.key) == (minute(4), f"network|{VPC_ID}|monitoring")
        guess = why(facts(made=made))
        assert (guess.words, guess.confidence) == ("there was no path to the monitoring service", Confidence.MEDIUM)

    @pytest.mark.parametrize(
        ("made", "seen"),
        [
            (lately("monitoring", "vpce-1", minute(-16), minute(1)), served()),
            (lately("monitoring", "vpce-1", minute(-14), minute(-3)), served()),
            (lately("monitoring", "vpce-0", minute(2), minute(4)), served()),
            (lately("ec2", "vpce-1", minute(2), minute(4)), served()),
            (
                lately("monitoring", "vpce-1", minute(2), minute(4)),
                served(table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1"))),
            ),
        ],
    )
    def test_an_endpoint_that_explains_nothing_is_no_cause(self, made: tuple[str, Made], seen: Vpc) -> None:
        assert why(facts(seen, made=(made,))).kind is CauseKind.AGENT

    def test_the_story_names_who_began_it_and_what_mended_it_and_is_recovering(self) -> None:
        """The route goes, Lifeline makes the endpoint within a minute, the gap is opened while the agent isn't back."""
        story = (
            change("ModifySubnetAttribute", "subnet-a", at=-0.7, event_id="e-0"),
            change("DeleteRoute", "rtb-main", at=-0.8, event_id="e-9", actor="deploy-role/terraform"),
            change("DetachInternetGateway", "igw-1", VPC_ID, at=-0.6, event_id="e-5"),
            change("CreateTags", "subnet-a", at=0.5, event_id="e-7"),
        )
        found = why(facts(made=(lately("monitoring", "vpce-1", minute(0.2), minute(2)),), changes=story))
        assert (found.kind, found.confidence) == (CauseKind.CUT_OFF, Confidence.HIGH)
        assert found.words == "DeleteRoute by deploy-role/terraform left no path to the monitoring service"
        assert found.fix == "Lifeline's endpoint vpce-1 became available (first observed at 09:02:00 UTC)"
        assert "vpce-1 gives access to the monitoring service" in found.evidence
        assert found.fixed_at
        assert found.fixed_at + RECOVERY_TIME > NOW

    def test_without_an_incident_two_changes_tell_of_the_cut(self) -> None:
        known = facts(network(self.PUBLIC), instance=self.OUT, changes=(DELETED, self.BACK))
        found = why(known)
        assert (found.kind, found.confidence) == (CauseKind.CUT_OFF, Confidence.MEDIUM)
        assert (found.words, found.fixed_at) == (
            "DeleteRoute by deploy-role left no path to the monitoring service",
            minute(4),
        )

    @pytest.mark.parametrize(
        "changes",
        [
            (DELETED,),
            (BACK,),
            (replace(BACK, at=minute(-4)), DELETED),
            (change("DeleteRoute", "rtb-main", at=-11), BACK),
            (change("DeleteRoute", "rtb-main", at=-9), replace(BACK, at=minute(-3))),
            (change("DeleteRoute", "rtb-main", at=3), BACK),
            (DELETED, change("AuthorizeSecurityGroupIngress", "sg-own", at=4)),
        ],
    )
    def test_changes_that_do_not_frame_the_gap_tell_nothing(self, changes: tuple[Change, ...]) -> None:
        assert why(facts(network(self.PUBLIC), instance=self.OUT, changes=changes)).kind is CauseKind.AGENT

    def test_changes_from_before_its_instance_started_stopped_no_agent_that_has_reported_since(self) -> None:
        built = (change("AssociateRouteTable", "subnet-a", "rtb-main", at=-1.7), replace(self.BACK, at=minute(-1.6)))
        started = replace(self.OUT, launched_at=minute(-1.5))
        assert why(facts(network(self.PUBLIC), instance=started, changes=built)).kind is CauseKind.AGENT
        never = agent(series=None, seen_at=None)
        assert why(facts(network(self.PUBLIC), instance=started, changes=built, agent=never)).kind is CauseKind.CUT_OFF

    def test_a_group_closed_and_opened_tells_of_the_cut(self) -> None:
        closed = change("RevokeSecurityGroupIngress", "sg-own", actor="bob")
        opened = change("AuthorizeSecurityGroupIngress", "sg-own", at=3, event_id="e-2")
        found = why(facts(changes=(closed, opened)))
        assert (found.kind, found.words) == (
            CauseKind.ENDPOINT_CLOSED,
            "RevokeSecurityGroupIngress by bob closed the path to the monitoring service",
        )

    def test_an_endpoint_made_by_hand_after_the_route_was_taken_is_the_cure_and_not_the_cause(self) -> None:
        made = change("CreateVpcEndpoint", "vpce-1", VPC_ID, at=-1, event_id="e-2", actor="alice")
        opened = change("AuthorizeSecurityGroupIngress", "sg-own", at=-0.5, event_id="e-3", actor="alice")
        found = why(facts(changes=(DELETED, made, opened)))
        assert (found.kind, found.change) == (CauseKind.CUT_OFF, DELETED)
        assert found.fix == "endpoint vpce-1 is available (CreateVpcEndpoint by alice at 08:59:00 UTC)"

    @pytest.mark.parametrize(("gone", "back"), [("e-1", "e-2"), ("e-2", "e-1")])
    def test_a_route_taken_and_brought_back_in_one_second_tells_of_the_cut_whatever_the_events_ids(
        self, gone: str, back: str
    ) -> None:
        both = (replace(DELETED, event_id=gone), replace(self.BACK, at=DELETED.at, event_id=back))
        found = why(facts(network(self.PUBLIC), instance=self.OUT, changes=both))
        assert (found.kind, found.fixed_at) == (CauseKind.AGENT, None)
        near = tuple(replace(one, at=minute(-1)) for one in both)
        found = why(facts(network(self.PUBLIC), instance=self.OUT, changes=near))
        assert (found.kind, found.fixed_at) == (CauseKind.CUT_OFF, minute(-1))

    def test_the_vpcs_dns_turned_off_and_on_tells_of_the_cut(self) -> None:
        off = change("ModifyVpcAttribute", VPC_ID, actor="bob")
        on = change("ModifyVpcAttribute", VPC_ID, at=3, event_id="e-2", actor="bob")
        found = why(facts(changes=(off, on)))
        assert (found.kind, found.change, found.fixed_at) == (CauseKind.DNS_OFF, off, minute(3))

    def test_the_advice_is_to_wait_for_as_long_as_agents_may_need(self) -> None:
        found = why(facts(made=(lately("monitoring", "vpce-1", minute(2), minute(4)),)))
        assert f"{minute(4) + RECOVERY_TIME:%H:%M:%S} UTC" in found.advice


class TestTheAgentItself:
    def test_is_left_with_what_was_checked(self) -> None:
        both = served(endpoint(EC2, "a", id="vpce-ec2"))
        assert why(facts(both, "ec2")).evidence == (
            "the instance is running, started 2026-02-26 05:00:00 UTC",
            "EC2 status checks: ok",
            "subnet-a is isolated: rtb-main has no route out of the VPC",
            "the network path is open: vpce-1 gives access to the monitoring service",
            "the path to the ec2 service: vpce-ec2 gives access to the ec2 service",
            "role app-role may publish metrics",
        )

    def test_of_a_host_that_ec2_does_not_know_is_all_that_can_be_said(self) -> None:
        found = why(Facts(agent(), Watch()))
        assert (found.kind, found.confidence) == (CauseKind.AGENT, Confidence.LOW)
        assert found.evidence == ("EC2 doesn't know the agent's host, so Lifeline can't examine it",)

    def test_is_a_guess_where_something_could_not_be_read(self) -> None:
        found = why(facts(health=Health.UNKNOWN, role=None, unreadable=("the changes could not be read",)))
        assert (found.kind, found.confidence) == (CauseKind.AGENT, Confidence.LOW)
        assert found.words == "no cause found outside the agent, as far as it could be read"
        assert found.evidence == (
            "the instance is running, started 2026-02-26 05:00:00 UTC",
            "the EC2 status checks could not be read",
            "subnet-a is isolated: rtb-main has no route out of the VPC",
            "the network path is open: vpce-1 gives access to the monitoring service",
            "the changes could not be read",
        )

    def test_is_not_told_from_a_role_that_could_not_be_judged(self) -> None:
        unsure = RoleVerdict(Permission.UNSURE, "app-role", "what role app-role may do could not be read")
        found = why(facts(role=unsure))
        assert found.kind is CauseKind.AGENT
        assert "what role app-role may do could not be read" in found.evidence

    def test_of_an_instance_that_could_not_be_read_is_not_blamed_on_its_profile(self) -> None:
        assert why(facts(instance=Instance(Power.UNREADABLE), vpc=None)).kind is CauseKind.AGENT


def test_a_role_is_the_subject_or_else_its_profile() -> None:
    assert why(facts(role=DENIED)).key == "ROLE|app-role"
    gone = RoleVerdict(Permission.DENIED, "", "the instance profile doesn't exist any more")
    found = why(facts(role=gone))
    assert (found.subject, found.words) == (INSTANCE.profile_arn, "the instance profile doesn't exist any more")


def test_names_of_others_are_printable_and_cut() -> None:
    odd = network(tags=(("Name", "büro\n" + "x" * 60),))
    assert why(facts(odd)).vpc_name == "b?ro?" + "x" * 35
    failed = replace(SERVED, state=EndpointState.FAILED, failure="no\x1b[31m capacity")
    assert "vpce-1: no?[31m capacity" in why(facts(network(failed))).evidence


def test_a_machine_that_is_down_is_sure_whatever_could_not_be_read() -> None:
    found = why(facts(health=Health.IMPAIRED, vpc=None, unreadable=("the network could not be read",)))
    assert (found.kind, found.confidence) == (CauseKind.MACHINE, Confidence.HIGH)


class TestTheClientsEnd:
    """The instance's own security groups, and the metadata service that gives it credentials."""

    OWN = SecurityGroup("sg-app", "app")

    def of(self, *egress: Rule, seen: Vpc | None = None, **more: Any) -> Facts:
        instance = replace(INSTANCE, group_ids=frozenset({"sg-app"}))
        group = replace(self.OWN, egress=egress)
        return facts(seen, **{"instance": instance, "own_groups": (group,), **more})

    def test_a_group_that_lets_nothing_out_is_the_cause_with_the_change_that_began_it(self) -> None:
        revoked = change("RevokeSecurityGroupEgress", "sg-app")
        other = change("RevokeSecurityGroupEgress", "sg-other", event_id="e-2")
        cause = why(self.of(Rule("tcp", 5432, 5432, ("10.0.0.0/16",)), changes=(revoked, other)))
        assert (cause.kind, cause.confidence, cause.change) == (CauseKind.OWN_GROUP, Confidence.HIGH, revoked)
        assert cause.words == "the instance's own security group sg-app allows no outbound TCP 443 to vpce-1"
        assert not cause.is_repairable

    @pytest.mark.parametrize(
        "rule",
        [
            Rule("-1", 0, 65535, ("0.0.0.0/0",)),
            Rule("tcp", 443, 443, ("10.0.0.0/16",)),
            Rule("tcp", 1, 1024, ("10.0.0.0/8",)),
            Rule("tcp", 443, 443, groups=("sg-own",)),
        ],
        ids=["everything", "the VPC", "a range", "the endpoint's group"],
    )
    def test_a_group_that_lets_443_out_to_the_endpoint_is_no_cause(self, rule: Rule) -> None:
        assert why(self.of(rule)).kind is CauseKind.AGENT

    @pytest.mark.parametrize(
        "rule",
        [
            Rule("tcp", 443, 443, ("54.0.0.0/8",)),
            Rule("udp", 443, 443, ("0.0.0.0/0",)),
            Rule("tcp", 443, 443, ("::/0",)),
            Rule("tcp", 443, 443, groups=("sg-other",)),
        ],
        ids=["public addresses alone", "another protocol", "another family", "another group"],
    )
    def test_a_rule_for_something_else_lets_nothing_out_to_the_endpoint(self, rule: Rule) -> None:
        assert why(self.of(rule)).kind is CauseKind.OWN_GROUP

    def test_a_way_out_needs_public_addresses(self) -> None:
        nat = vpc(subnet("a"), table("main", default_route(TargetKind.NAT_GATEWAY)))
        assert why(self.of(Rule("tcp", 443, 443, ("10.0.0.0/8",)), seen=nat)).kind is CauseKind.OWN_GROUP
        assert why(self.of(Rule("tcp", 443, 443, ("54.0.0.0/8",)), seen=nat)).kind is CauseKind.AGENT

    @pytest.mark.parametrize(("cidr", "is_cause"), [("10.0.0.0/16", True), ("10.9.0.0/16", False)])
    def test_a_central_endpoint_needs_its_own_addresses(self, cidr: str, *, is_cause: bool) -> None:
        hub = vpc(subnet("a"), table("main", route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, "tgw-1")))
        zone = DnsAnswer(
            AnswerKind.PRIVATE_ZONE, "monitoring.us-east-1.amazonaws.com", "Z1", "", addresses=("10.9.1.10",)
        )
        cause = why(self.of(Rule("tcp", 443, 443, (cidr,)), seen=hub, dns=DnsView((zone,))))
        assert (cause.kind is CauseKind.OWN_GROUP) is is_cause
        words = (
            "the instance's own security group sg-app allows no outbound TCP 443 to the central endpoint (10.9.1.10)"
        )
        assert (cause.words == words) is is_cause

    def test_a_route_between_two_subnets_that_leads_nowhere_is_told_with_its_remedy(self) -> None:
        dead = route("10.0.2.0/24", TargetKind.NETWORK_INTERFACE, "eni-fw", active=False)
        host = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
        seen = vpc(subnet("a"), host, endpoint(MONITORING, "b"), own_security_group(), table("main", dead))
        cause = why(facts(seen))
        assert cause.words == "no route of rtb-main leads to 10.0.2.0/24; its route to eni-fw is a blackhole"
        assert cause.advice == "Delete the route that leads nowhere, or give it a target that forwards the packets."
        assert not cause.is_repairable

    def test_the_ports_that_the_policy_says_are_told(self) -> None:
        catalog = replace(CATALOG, ports=(("monitoring", ((8443, 8443),)),))
        seen = replace(served(), security_groups=(own_security_group(ingress=(Rule("-1", 0, 65535, ("0.0.0.0/0",)),)),))
        cause = why(self.of(Rule("tcp", 443, 443, ("0.0.0.0/0",)), seen=seen, catalog=catalog))
        assert cause.words == "the instance's own security group sg-app allows no outbound TCP 8443 to vpce-1"
        assert "Allow outbound TCP 8443 to vpce-1" in cause.advice

    @pytest.mark.parametrize("is_listed", [True, False], ids=["a prefix list", "a group that was not read"])
    def test_what_was_not_read_is_said_and_never_that_the_path_is_open(self, *, is_listed: bool) -> None:
        named = self.of(Rule("tcp", 443, 443, prefix_lists=("pl-1",)))
        cause = why(named if is_listed else replace(named, own_groups=()))
        assert cause.kind is CauseKind.AGENT
        why_not = (
            "sg-app allows what is in pl-1, which was not read" if is_listed else "the rules of sg-app were not read"
        )
        unknown = (
            f"it isn't known whether the instance's own security groups allow outbound TCP 443 to vpce-1: {why_not}"
        )
        assert unknown in cause.evidence
        assert not any("is open" in line for line in cause.evidence)

    @pytest.mark.parametrize("words", ["the instance profile app has no role", "the instance profile app is gone"])
    def test_where_there_is_no_role_none_is_to_be_allowed_anything(self, words: str) -> None:
        cause = why(facts(role=RoleVerdict(Permission.DENIED, "", words)))
        assert (cause.kind, cause.words) == (CauseKind.ROLE, words)
        assert cause.advice.startswith("Give the instance a profile with a role that is allowed to call cloudwatch:Put")

    @pytest.mark.parametrize(
        ("block", "where"), [("::/0", "public IPv4 addresses"), ("10.0.0.0/16", "public addresses")]
    )
    def test_a_group_that_lets_out_ipv6_alone_is_said_to_keep_in_ipv4(self, block: str, where: str) -> None:
        group = SecurityGroup("sg-app", "app", egress=(Rule("tcp", 443, 443, (block,)),))
        seen = vpc(subnet("a"), table("main", default_route(TargetKind.TRANSIT_GATEWAY)))
        cause = why(facts(seen, instance=replace(INSTANCE, group_ids=frozenset({"sg-app"})), own_groups=(group,)))
        assert cause.words == f"the instance's own security group sg-app allows no outbound TCP 443 to {where}"
        assert cause.advice == f"Allow outbound TCP 443 to {where} in a security group of the instance."

    def of_need(self, *, has_restarted: bool, **more: Any) -> Cause:
        """The group lets requests out to what serves `monitoring` alone, and the agent needs `ec2`, too."""
        tags = endpoint(EC2, "a", id="vpce-ec2", security_group_ids=frozenset({"sg-ec2"}))
        group = SecurityGroup("sg-app", "app", egress=(Rule("tcp", 443, 443, groups=("sg-own",)),))
        launched_at = minute(-0.5) if has_restarted else INSTANCE.launched_at
        instance = replace(INSTANCE, group_ids=frozenset({"sg-app"}), launched_at=launched_at)
        open_group = replace(own_security_group(), id="sg-ec2")
        return why(facts(served(tags, open_group), "ec2", instance=instance, own_groups=(group,), **more))

    def test_a_group_that_lets_nothing_out_to_what_a_started_agent_needs_is_a_cause(self) -> None:
        revoked = change("RevokeSecurityGroupEgress", "sg-app", at=-300)
        for changes, found in (((), None), ((revoked,), revoked)):
            cause = self.of_need(has_restarted=True, changes=changes)
            assert (cause.kind, cause.confidence, cause.service) == (CauseKind.OWN_GROUP, Confidence.HIGH, "ec2")
            assert cause.words == (
                "the instance's own security group sg-app allows no outbound TCP 443 to vpce-ec2: the ec2 service "
                "can't be reached; without its tags the agent sends nothing"
            )
            assert (cause.change, cause.is_repairable) == (found, False)
            assert cause.advice == "Allow outbound TCP 443 to vpce-ec2 in a security group of the instance."
            assert "the agent's metrics, or the policy, show that it uses ec2" in cause.evidence

    def test_one_that_met_the_need_long_ago_says_nothing_of_it(self) -> None:
        assert self.of_need(has_restarted=False).kind is CauseKind.AGENT

    def test_without_the_metadata_service_a_profile_gives_no_credentials(self) -> None:
        cause = why(facts(instance=replace(INSTANCE, has_metadata=False)))
        assert (cause.kind, cause.confidence) == (CauseKind.NO_PROFILE, Confidence.MEDIUM)
        assert "the instance metadata service is off" in cause.words

    def test_nor_a_role_whose_policies_then_make_no_difference(self) -> None:
        cause = why(facts(instance=replace(INSTANCE, has_metadata=False), role=DENIED))
        assert cause.kind is CauseKind.NO_PROFILE

    @pytest.mark.parametrize(("has_ipv6", "has_ipv4"), [(True, False), (False, False), (False, True)])
    def test_only_an_ipv4_address_leads_out_of_a_public_subnet_with_ipv4(
        self, *, has_ipv6: bool, has_ipv4: bool
    ) -> None:
        public = vpc(subnet("a"), table("main", default_route(TargetKind.INTERNET_GATEWAY)))
        instance = replace(INSTANCE, has_ipv6_address=has_ipv6, has_public_address=has_ipv4)
        assert (why(facts(public, instance=instance)).kind is CauseKind.CUT_OFF) is not has_ipv4

    def test_an_egress_only_gateway_that_goes_cut_off_no_agent_that_has_ipv4(self) -> None:
        gone = change("DeleteEgressOnlyInternetGateway", "eigw-1")
        cause = why(facts(network(), changes=(gone,)))
        assert (cause.kind, cause.change) == (CauseKind.CUT_OFF, None)


class TestNearlyAllAtOnce:
    def fleet(self, *starts: float, zones: str = "ab", **more: Any) -> dict[str, Facts]:
        return {
            f"i-{zone}{number}": facts(
                agent=agent(since=minute(start)), instance=replace(INSTANCE, zone=f"us-east-1{zone}"), **more
            )
            for zone in zones
            for number, start in enumerate(starts)
        }

    def kinds(self, fleet: Mapping[str, Facts], others: Others | None) -> set[CauseKind]:
        return {cause.kind for cause in diagnose(fleet, NOW, reporting_by_zone={}, others=others).values()}

    def test_are_one_incident_and_not_one_for_each_zone(self) -> None:
        found = diagnose(self.fleet(0, 1, 2), NOW, reporting_by_zone={}, others=Others(0))
        [cause] = set(found.values())
        assert (cause.words, cause.confidence) == ("CloudWatch is late or unreachable", Confidence.MEDIUM)
        assert (cause.key, cause.is_repairable) == ("CLOUDWATCH|", False)
        assert (
            cause.evidence[0] == "6 agents in us-east-1a, us-east-1b fell silent together; 0 others have reported since"
        )

    @pytest.mark.parametrize(
        ("fleet", "others", "kind"),
        [
            ({"starts": (0,) * 9}, Others(2), CauseKind.CLOUDWATCH),
            ({"starts": (0,) * 9}, Others(3), CauseKind.ZONE),
            ({"starts": (0,)}, Others(0), CauseKind.AGENT),
            ({"starts": (0,)}, Others(0, quiet=1), CauseKind.CLOUDWATCH),
            ({"starts": (0, 0, 0), "zones": "a"}, Others(0), CauseKind.ZONE),
            ({"starts": (0, 0, 0)}, None, CauseKind.ZONE),
            ({"starts": (0, 0, 0), "role": DENIED}, Others(0), CauseKind.ROLE),
        ],
        ids=["nine in ten", "fewer", "two", "others follow", "one zone", "not counted", "explained"],
    )
    def test_only_if_they_are_nearly_all_of_several_zones_and_nothing_explains_it(
        self, fleet: Any, others: Others | None, kind: CauseKind
    ) -> None:
        starts = fleet.pop("starts")
        assert self.kinds(self.fleet(*starts, **fleet), others) == {kind}

    @pytest.mark.parametrize(
        ("instance", "kind"),
        [
            (UNMANAGED, CauseKind.CLOUDWATCH),
            (Instance(Power.MISSING), CauseKind.CLOUDWATCH),
            (Instance(Power.UNREADABLE), CauseKind.AGENT),
        ],
        ids=["outside EC2", "of another account", "not known where"],
    )
    def test_those_of_one_zone_and_those_elsewhere_have_nothing_but_cloudwatch_in_common(
        self, instance: Instance, kind: CauseKind
    ) -> None:
        fleet = self.fleet(0, 0, 0, zones="a")
        fleet["far"] = facts(agent=agent(since=minute(0)), instance=instance)
        cause = diagnose(fleet, NOW, reporting_by_zone={}, others=Others(0))["far"]
        assert cause.kind is kind
        if kind is CauseKind.CLOUDWATCH:
            assert (
                cause.evidence[0]
                == "4 agents in us-east-1a and elsewhere fell silent together; 0 others have reported since"
            )

    @pytest.mark.parametrize(
        ("more", "is_told"),
        [
            ({"instance": Instance(Power.MISSING)}, True),
            ({"watch": Watch(is_elsewhere=True), "instance": UNMANAGED}, True),
            ({"instance": UNMANAGED}, False),
            ({}, False),
        ],
        ids=["elsewhere", "by the policy", "no instance", "here"],
    )
    def test_one_elsewhere_may_have_been_terminated_there(self, more: dict[str, Any], *, is_told: bool) -> None:
        """Nothing here shows it, so that the incident would stay open: a person has to say so."""
        advice = why(facts(served(), **more)).advice
        assert advice.endswith(" If the instance was terminated there, have Lifeline forget its agent.") is is_told

    def test_of_one_vpc_may_have_its_way_out_in_common(self) -> None:
        """Such as the one NAT gateway of all zones."""
        way = "all of them are in vpc-0123456789abcdef0: its way out may be what they have in common"
        fleet = self.fleet(0, 1)
        [cause] = set(diagnose(fleet, NOW, reporting_by_zone={}, others=Others(0)).values())
        assert (cause.words, cause.evidence[2]) == ("CloudWatch is late or unreachable", way)
        assert cause.advice.endswith("and the ways out of vpc-0123456789abcdef0, such as its NAT gateways.")
        other = {"far": facts(agent=agent(since=minute(0)), instance=replace(INSTANCE, vpc_id="vpc-2"), vpc=None)}
        for more in (other, {"host": facts(agent=agent(since=minute(0)), instance=UNMANAGED, vpc=None)}):
            [cause] = set(diagnose(fleet | more, NOW, reporting_by_zone={}, others=Others(0)).values())
            assert (cause.kind, way in cause.evidence) == (CauseKind.CLOUDWATCH, False)

    def test_by_an_endpoint_that_they_may_use_by_another_name_are_told_what_closed_it(self) -> None:
        closed = "RevokeSecurityGroupIngress by deploy-role likely closed vpce-fips (monitoring-fips) at"
        seen = network(FIPS, SHUT_GROUP, SERVED)
        fleet = self.fleet(0, 1, vpc=seen, changes=(REVOKED,))
        [cause] = set(diagnose(fleet, NOW, reporting_by_zone={}, others=Others(0)).values())
        assert (cause.kind, cause.evidence[1].startswith(closed)) == (CauseKind.CLOUDWATCH, True)
        other = {"far": facts(agent=agent(since=minute(0)), instance=replace(INSTANCE, vpc_id="vpc-2"), vpc=None)}
        [cause] = set(diagnose(fleet | other, NOW, reporting_by_zone={}, others=Others(0)).values())
        assert cause.evidence[1] == "nothing else that was read explains it"

    def test_all_of_them_elsewhere_may_have_a_way_in_common(self) -> None:
        fleet = {f"host-{n}": facts(agent=agent(since=minute(0)), instance=UNMANAGED) for n in range(4)}
        assert self.kinds(fleet, Others(0)) == {CauseKind.AGENT}

    @pytest.mark.parametrize(
        "of_file", [{"profile_arn": ""}, {"has_metadata": False}], ids=["no profile", "no service"]
    )
    def test_one_whose_credentials_come_from_a_file_is_among_them(self, of_file: dict[str, Any]) -> None:
        """It reported until then without a profile, too; alone, or apart from the others, it is told as ever."""
        fleet = self.fleet(0, 0)
        known = facts(agent=agent(since=minute(1)), instance=replace(INSTANCE, **of_file))
        [cause] = set(diagnose({**fleet, "i-f": known}, NOW, reporting_by_zone={}, others=Others(0)).values())
        assert (
            cause.evidence[0] == "5 agents in us-east-1a, us-east-1b fell silent together; 0 others have reported since"
        )
        assert self.kinds({"i-f": known}, Others(0)) == {CauseKind.NO_PROFILE}
        before = replace(known, agent=agent(since=minute(-30)))
        found = diagnose({**fleet, "i-f": before}, NOW, reporting_by_zone={}, others=Others(0))
        assert found["i-f"].kind is CauseKind.NO_PROFILE

    @pytest.mark.parametrize(
        "of_file", [{"profile_arn": ""}, {"has_metadata": False}], ids=["no profile", "no service"]
    )
    def test_all_of_them_may_have_their_credentials_from_a_file(self, of_file: dict[str, Any]) -> None:
        fleet = {entity: self.of_file(one, of_file) for entity, one in self.fleet(0, 1).items()}
        [cause] = set(diagnose(fleet, NOW, reporting_by_zone={}, others=Others(0)).values())
        assert cause.kind is CauseKind.CLOUDWATCH
        assert cause.evidence[:2] == (
            "4 agents in us-east-1a, us-east-1b fell silent together; 0 others have reported since",
            "4 of them reported until then, but get no credentials from an instance profile now",
        )

    @pytest.mark.parametrize(
        "anew",
        [
            {"agent": agent(since=minute(0), seen_at=None)},
            {"instance": replace(INSTANCE, profile_arn="", launched_at=minute(-0.5))},
        ],
        ids=["never reported", "started since"],
    )
    def test_who_has_not_shown_that_it_needs_no_profile_lacks_one(self, anew: dict[str, Any]) -> None:
        fleet = {
            entity: replace(self.of_file(one, {"profile_arn": ""}), **anew) for entity, one in self.fleet(0, 0).items()
        }
        assert self.kinds(fleet, Others(0)) == {CauseKind.NO_PROFILE}

    def of_file(self, known: Facts, how: dict[str, Any]) -> Facts:
        return replace(known, instance=replace(known.instance, **how))

    def test_one_that_follows_later_joins_them(self) -> None:
        [cause] = set(diagnose(self.fleet(0, 0), NOW, reporting_by_zone={}, others=Others(0)).values())
        later = self.fleet(2, zones="c", earlier=((cause, minute(0)),))
        assert self.kinds(later, Others(50)) == {CauseKind.CLOUDWATCH}


class TestManyInOneZone:
    def fleet(self, *starts: float, zone: str = "us-east-1a", **more: Any) -> dict[str, Facts]:
        return {
            f"i-{zone[-1]}{number}": facts(
                agent=agent(since=minute(start)), instance=replace(INSTANCE, zone=zone), **more
            )
            for number, start in enumerate(starts)
        }

    def kinds(self, fleet: Mapping[str, Facts], reporting: Mapping[str, int] | None = None) -> list[CauseKind]:
        found = diagnose(fleet, NOW, reporting_by_zone=reporting or {})
        assert found.keys() == fleet.keys()
        return [found[entity].kind for entity in fleet]

    @pytest.mark.parametrize(
        ("starts", "reporting", "zonal"),
        [
            ((0, 0, 0), 0, 3),
            ((0, 1, 2), 3, 3),
            ((0, 1, 2), 4, 0),
            ((0, 0), 0, 0),
            ((0, 1, 3), 0, 0),
            ((-1.5, 0, 0, 1, 1), 4, 4),
            ((0, 0, 0, 30, 30, 30), 3, 6),
        ],
    )
    def test_share_its_cause_if_they_are_together_and_most(
        self, starts: tuple[float, ...], reporting: int, zonal: int
    ) -> None:
        found = self.kinds(self.fleet(*starts), {"us-east-1a": reporting})
        assert found.count(CauseKind.ZONE) == zonal
        assert found.count(CauseKind.AGENT) == len(starts) - zonal

    def test_are_told_as_one(self) -> None:
        found = diagnose(self.fleet(0, 0, 1), NOW, reporting_by_zone={"us-east-1a": 1})
        assert len(set(found.values())) == 1
        cause = found["i-a0"]
        assert (cause.words, cause.confidence) == ("agents in us-east-1a fell silent together", Confidence.MEDIUM)
        assert (cause.key, cause.vpc_id, cause.vpc_name) == ("ZONE|us-east-1a", VPC_ID, "app")
        assert cause.evidence[0] == "3 agents in us-east-1a fell silent together; 1 other there has reported since"

    @pytest.mark.parametrize(
        ("other", "reporting", "kind"),
        [
            ((), {"us-east-1b": 3}, CauseKind.ZONE),
            ((30,), {"us-east-1b": 3}, CauseKind.ZONE),
            ((0,), {"us-east-1b": 3}, CauseKind.CUT_OFF),
            ((), {"us-east-1a": 3}, CauseKind.CUT_OFF),
            ((), {}, CauseKind.CUT_OFF),
        ],
    )
    def test_with_a_need_that_can_not_be_reached_share_the_zones_cause_only_if_it_is_the_zone_that_differs(
        self, other: tuple[float, ...], reporting: Mapping[str, int], kind: CauseKind
    ) -> None:
        """A new setting restarts all agents at once: without `ec2` none of them sends, in whatever zone."""
        here = self.fleet(0, 0, 0, watch=Watch(needs=frozenset({"ec2"})))
        there = self.fleet(*other, zone="us-east-1b", watch=Watch(needs=frozenset({"ec2"})))
        assert set(self.kinds(here | there, reporting)[:3]) == {kind}

    @pytest.mark.parametrize(
        ("other", "reporting", "kind"),
        [
            ((), {"us-east-1b": 3}, CauseKind.ZONE),
            ((0,), {"us-east-1b": 3}, CauseKind.NO_PROFILE),
            ((), {"us-east-1a": 3}, CauseKind.NO_PROFILE),
        ],
        ids=["one zone", "another zone, too", "no other zone"],
    )
    def test_that_reported_without_a_profile_share_the_zones_cause_only_if_it_is_the_zone_that_differs(
        self, other: tuple[float, ...], reporting: Mapping[str, int], kind: CauseKind
    ) -> None:
        fleet = self.fleet(0, 0, 0) | self.fleet(*other, zone="us-east-1b")
        without = {
            entity: replace(one, instance=replace(one.instance, profile_arn="")) for entity, one in fleet.items()
        }
        assert set(self.kinds(without, reporting)[:3]) == {kind}

    def test_of_other_zones_do_not_count(self) -> None:
        fleet = self.fleet(0, 0) | self.fleet(0, 0, zone="us-east-1b")
        assert set(self.kinds(fleet)) == {CauseKind.AGENT}

    def test_of_other_causes_do_not_count(self) -> None:
        fleet = self.fleet(0, 0) | {"i-cut": facts(network())}
        assert self.kinds(fleet) == [CauseKind.AGENT, CauseKind.AGENT, CauseKind.CUT_OFF]

    def test_with_a_longer_period_may_begin_further_apart(self) -> None:
        watch = Watch(rules=Rules(period=minute(5) - minute(0)))
        assert set(self.kinds(self.fleet(0, 5, 10, watch=watch))) == {CauseKind.ZONE}

    def test_without_a_zone_have_none(self) -> None:
        fleet = {f"host-{n}": Facts(agent(), Watch()) for n in range(5)}
        assert set(self.kinds(fleet)) == {CauseKind.AGENT}

    def test_are_diagnosed_as_each_would_be_alone(self) -> None:
        fleet = {"i-1": facts(network()), "i-2": facts(served(), "ec2"), "i-3": facts(role=DENIED)}
        found = diagnose(fleet, NOW, reporting_by_zone={})
        assert found == {entity: why(one) for entity, one in fleet.items()}

    def test_in_one_subnet_may_differ_in_their_addresses_and_needs(self) -> None:
        public = served(table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1")))
        seen = replace(public, endpoints=())
        fleet = {
            "i-1": facts(seen),
            "i-2": facts(seen, instance=replace(INSTANCE, has_public_address=True)),
            "i-3": facts(seen, "ec2", instance=replace(INSTANCE, has_public_address=True)),
        }
        assert self.kinds(fleet) == [CauseKind.CUT_OFF, CauseKind.AGENT, CauseKind.AGENT]


# ---- whatever is missing

_networks = st.sampled_from(
    [
        None,
        network(),
        served(),
        served(dns_support=False),
        network(replace(SERVED, state=EndpointState.PENDING)),
        network(replace(SERVED, policy="{")),
        network(table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1"))),
        network(table("main", route("0.0.0.0/0", TargetKind.NAT_GATEWAY, active=False))),
        vpc(),
        vpc(subnet("a"), route_tables=()),
    ]
)
_names = ["DeleteRoute", "CreateRoute", "ModifyVpcAttribute", "ModifyVpcEndpoint", "CreateTags", "Nonsense"]
_changes = st.lists(
    st.builds(
        Change,
        st.integers(-30, 30).map(minute),
        st.just("e"),
        st.sampled_from(_names),
        st.sampled_from(["", "alice"]),
        st.sets(st.sampled_from(["rtb-main", "vpce-1", "subnet-a", VPC_ID, "rtbassoc-1", "x"])).map(frozenset),
    ),
    max_size=4,
).map(lambda found: tuple(sorted(found)))
_instances = st.sampled_from(
    [
        INSTANCE,
        UNMANAGED,
        Instance(Power.UNREADABLE),
        Instance(Power.DOWN),
        replace(INSTANCE, launched_at=None),
        replace(INSTANCE, launched_at=minute(-1), profile_arn=""),
        replace(INSTANCE, subnet_id="subnet-gone"),
        replace(INSTANCE, has_public_address=True),
    ]
)
_earlier = st.lists(
    st.tuples(
        st.builds(
            Cause,
            st.sampled_from(CauseKind),
            st.sampled_from(Confidence),
            st.just("words"),
            service=st.sampled_from(["", "monitoring", "ec2"]),
            vpc_id=st.sampled_from(["", VPC_ID]),
            fixed_at=st.none() | st.integers(-30, 30).map(minute),
        ),
        st.integers(-30, 30).map(minute),
    ),
    max_size=3,
).map(tuple)
_made = st.lists(
    st.builds(
        lately,
        st.sampled_from(["monitoring", "ec2"]),
        st.sampled_from(["vpce-1", "vpce-2"]),
        st.integers(-30, 30).map(minute),
        st.none() | st.integers(-30, 30).map(minute),
    ),
    max_size=2,
).map(tuple)
_facts = st.builds(
    Facts,
    agent=st.sampled_from([agent(), agent("ec2", "logs"), agent(seen_at=None, series=None), agent(gap=None)]),
    watch=st.sampled_from([Watch(), Watch(needs=frozenset({"nonsense"}))]),
    instance=_instances,
    health=st.sampled_from(Health),
    vpc=_networks,
    catalog=st.sampled_from([CATALOG, Catalog()]),
    dns=st.sampled_from([None, DnsView(), DnsView(unreadable=("x",)), DnsView(custom_dns_servers=("10.0.0.2",))]),
    role=st.sampled_from([None, ALLOWED, DENIED, RoleVerdict(Permission.UNSURE)]),
    changes=_changes,
    made=_made,
    earlier=_earlier,
    unreadable=st.sampled_from([(), ("the changes could not be read",)]),
    is_past_read=st.booleans(),
    known=st.sampled_from([None, SEEN_OPEN, SEEN_SHUT, KnownVpc(minute(-9000), {"subnet-a": LOST})]),
)


@given(_facts)
def test_whatever_is_missing_there_is_a_cause_with_words(known: Facts) -> None:
    found = why(known)
    assert found.words
    assert "\n" not in found.words
    if known.earlier:
        return
    assert all(found.evidence)
    assert not (known.unreadable and found.confidence is Confidence.HIGH and found.kind is not CauseKind.MACHINE)
    assert found.kind is not CauseKind.AGENT or found.confidence is not Confidence.HIGH
    assert bool(found.fix) == bool(found.fixed_at)
    assert not (found.is_repairable and not found.kind.is_network)


@given(st.lists(_facts, max_size=6), st.integers(0, 3))
def test_whatever_is_missing_each_agent_has_one_cause(known: list[Facts], reporting: int) -> None:
    fleet = {f"i-{number}": one for number, one in enumerate(known)}
    found = diagnose(fleet, NOW, reporting_by_zone={"us-east-1a": reporting})
    alone = {entity: why(one) for entity, one in fleet.items()}
    assert found.keys() == fleet.keys()
    assert all(found[entity] == alone[entity] or found[entity].kind is CauseKind.ZONE for entity in fleet)


class TestTheWayToAHubBeyondTheVpc:
    """What the detector can't read there, and ReconcileEndpoints did."""

    ZONE = DnsAnswer(
        AnswerKind.PRIVATE_ZONE,
        "monitoring.us-east-1.amazonaws.com",
        "Z0HUB",
        "the zone",
        addresses=("10.9.1.10",),
        endpoint_id="vpce-0hub",
    )
    SPOKE = network(table("main", route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, "tgw-1")))
    WORDS = "transit gateway route tables (rtb-1: it has no route there)"

    def cause(self, cut: HubCut | None = None, **more: Any) -> Cause:
        cuts = {METRICS: cut} if cut else {}
        return why(facts(self.SPOKE, **{"dns": DnsView((self.ZONE,)), "cuts": cuts, **more}))

    def test_is_likely_cut_where_that_was_read(self) -> None:
        found = self.cause(HubCut(self.WORDS, ("subnet-a",), minute(2)))
        assert (found.kind, found.confidence) == (CauseKind.CUT_OFF, Confidence.MEDIUM)
        assert found.words == "the way to the central endpoint for the monitoring service is cut"
        assert self.WORDS in found.evidence
        assert found.advice == "Restore the way to the central endpoint, or disassociate Z0HUB from the VPC."
        assert not found.is_repairable

    @pytest.mark.parametrize(
        ("hub", "mode", "is_offered"),
        [
            (central(), Mode.ENFORCE, True),
            (central(), Mode.PLAN, False),
            (central(services=frozenset({"logs"})), Mode.ENFORCE, False),
            (central(zones=("Z0OTHER",)), Mode.ENFORCE, False),
            (None, Mode.ENFORCE, False),
        ],
    )
    def test_or_in_it_is_answered_by_an_endpoint_in_its_place_where_that_is_offered(
        self, hub: Central | None, mode: Mode, is_offered: bool
    ) -> None:
        cut = HubCut(self.WORDS, ("subnet-a",), minute(2))
        routeless = facts(network(table("main")), dns=DnsView((self.ZONE,)), hub=hub, mode=mode)
        for found in (self.cause(cut, hub=hub, mode=mode), why(routeless)):
            assert (", approve an endpoint in its place, or disassociate Z0HUB" in found.advice) is is_offered

    def test_is_not_known_where_nobody_read_it(self) -> None:
        found = self.cause()
        assert (found.kind, found.confidence) == (CauseKind.AGENT, Confidence.LOW)
        assert "what lies beyond the VPC on the way to Z0HUB isn't known" in found.evidence

    def test_explains_nothing_that_began_long_after_it(self) -> None:
        assert self.cause(HubCut(self.WORDS, ("subnet-a",), minute(-60))).kind is CauseKind.AGENT

    def test_that_is_cut_for_others_is_a_doubt(self) -> None:
        found = self.cause(HubCut(self.WORDS, ("subnet-b",), minute(2)))
        assert found.kind is CauseKind.AGENT
        assert found.evidence[0].startswith(f"the way to the hub's endpoint is cut from subnet-b: {self.WORDS}")

    def test_counts_where_nobody_looked_who_answers_the_name(self) -> None:
        through = network(table("main", default_route(TargetKind.TRANSIT_GATEWAY, "tgw-1")))
        cuts = {METRICS: HubCut(self.WORDS, ("subnet-a",), minute(2))}
        assert why(facts(through, dns=None, cuts=cuts)).kind is CauseKind.CUT_OFF

    def test_is_of_no_interest_where_an_endpoint_in_the_vpc_serves(self) -> None:
        assert why(facts(cuts={METRICS: HubCut(self.WORDS, ("subnet-a",), minute(2))})).kind is CauseKind.AGENT

    def test_is_judged_for_each_agent_by_its_own_last_datapoint(self) -> None:
        cuts = {METRICS: HubCut(self.WORDS, ("subnet-a",), minute(-20))}
        made = facts(self.SPOKE, dns=DnsView((self.ZONE,)), cuts=cuts)
        before = replace(made, agent=agent(since=minute(-25), seen_at=minute(-26)))
        found = diagnose({"i-1": made, "i-2": before}, NOW, reporting_by_zone={})
        assert [found[one].kind for one in ("i-1", "i-2")] == [CauseKind.AGENT, CauseKind.CUT_OFF]


@pytest.mark.parametrize(
    ("target", "mode"),
    [
        (TargetKind.INTERNET_GATEWAY, BlockMode.INGRESS),
        (TargetKind.NAT_GATEWAY, BlockMode.BIDIRECTIONAL),
    ],
)
def test_a_route_that_block_public_access_shuts_is_neither_missing_nor_to_be_restored(
    target: TargetKind, mode: BlockMode
) -> None:
    home = subnet("a", block_mode=mode)
    began = change("ModifyVpcBlockPublicAccessOptions", at=-3)
    cause = why(facts(vpc(home, table("main", default_route(target, "x-1"))), changes=(began,)))
    assert (cause.kind, cause.change) == (CauseKind.CUT_OFF, began)
    assert cause.evidence[0] == (
        "subnet-a is isolated: rtb-main's route to x-1 carries nothing out: VPC Block Public Access is on "
        f"there ({mode})"
    )
    assert "open the way out by x-1 again or create an endpoint" in cause.advice
    assert "restore the route" not in cause.advice
