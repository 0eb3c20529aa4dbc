"""Faults that are known and not mended yet: who is blamed for a silence, and what speaks against the network."""

from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.guards.urgency import KnownPath, KnownVpc
from lifeline.core.incidents.incident import CauseKind, Confidence
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import Rule, SecurityGroup, TargetKind, Vpc
from tests.core.incidents.test_diagnose import (
    CLOSED_GROUP,
    INSTANCE,
    SEEN_SHUT,
    SERVED,
    change,
    facts,
    network,
    served,
    why,
)
from tests.support.agents import minute
from tests.support.builders import MONITORING, endpoint, own_security_group, route, subnet, table, vpc

DAYS = 24 * 60


def of_own_group(*egress: Rule, seen: Vpc | None = None, **more: Any) -> Any:
    instance = replace(INSTANCE, group_ids=frozenset({"sg-app"}))
    own = SecurityGroup("sg-app", "app", egress=egress)
    return facts(seen, **{"instance": instance, "own_groups": (own,), **more})


@pytest.mark.xfail(reason="a path that was lost before the agent's last datapoints still counts as the agent's")
@pytest.mark.parametrize("key", ["subnet-a", "monitoring"])
def test_an_agent_that_reported_for_days_after_a_path_was_lost_did_not_use_it(key: str) -> None:
    lost = KnownVpc(minute(-60 * DAYS), {key: KnownPath(minute(-60 * DAYS), minute(-3 * DAYS))})
    cause = why(facts(network(), known=lost))
    assert (cause.kind, cause.is_repairable) == (CauseKind.AGENT, False)


@pytest.mark.xfail(reason="an endpoint that served another subnet counts as the agent's path")
def test_an_endpoint_that_only_ever_served_another_subnet_was_not_the_agents_path() -> None:
    other = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
    theirs = endpoint(MONITORING, "b", own=False)
    seen = vpc(subnet("a"), other, theirs, replace(own_security_group("10.0.2.0/24"), tags=(), on_record=False))
    known = KnownVpc(minute(-9000), {"monitoring": KnownPath(minute(-9000))})
    cause = why(facts(seen, known=known))
    assert cause.kind is CauseKind.AGENT


@pytest.mark.xfail(reason="whatever wasn't read, the agent's own datapoints no longer count")
def test_status_checks_that_were_not_read_change_nothing_about_what_the_agent_reported() -> None:
    cause = why(facts(network(), known=SEEN_SHUT, unreadable=("the status checks could not be read",)))
    assert (cause.kind, cause.is_repairable) == (CauseKind.AGENT, False)


@pytest.mark.xfail(reason="the own groups aren't weighed against what the agent reported")
def test_an_agent_that_reported_through_its_own_narrow_group_uses_another_name() -> None:
    to_fips = Rule("tcp", 443, 443, ("10.0.3.5/32",))
    cause = why(of_own_group(to_fips, known=KnownVpc(minute(-9000), {"monitoring": KnownPath(minute(-9000))})))
    assert cause.confidence is not Confidence.HIGH


@pytest.mark.parametrize("later", ["RevokeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"])
def test_only_a_change_of_outbound_rules_closes_what_the_own_group_lets_out(later: str) -> None:
    began = change("RevokeSecurityGroupEgress", "sg-app", at=-6, event_id="e-1", actor="the-one")
    after = change(later, "sg-app", at=-2, event_id="e-2", actor="another")
    assert why(of_own_group(changes=(began, after))).change == began


@pytest.mark.parametrize("later", ["RevokeSecurityGroupEgress", "AuthorizeSecurityGroupEgress"])
def test_outbound_rules_close_no_endpoint(later: str) -> None:
    began = change("RevokeSecurityGroupIngress", "sg-own", at=-6, event_id="e-1", actor="the-one")
    after = change(later, "sg-own", at=-2, event_id="e-2", actor="another")
    closed = network(SERVED, security_groups=(CLOSED_GROUP,))
    assert why(facts(closed, changes=(began, after))).change == began


def test_a_prefix_list_that_the_own_group_names_is_named_with_its_change() -> None:
    emptied = change("ModifyManagedPrefixList", "pl-1", at=-3)
    seen = served(prefix_lists=(("pl-1", ("10.9.0.0/16",)),))
    cause = why(of_own_group(Rule("tcp", 443, 443, prefix_lists=("pl-1",)), seen=seen, changes=(emptied,)))
    assert (cause.kind, cause.change) == (CauseKind.OWN_GROUP, emptied)


def test_a_rule_that_names_a_group_of_the_peered_hub_is_not_known_to_keep_anything_in() -> None:
    hub = vpc(subnet("a"), table("main", route("10.9.0.0/16", TargetKind.PEERING, "pcx-1")))
    name = "monitoring.us-east-1.amazonaws.com"
    zone = DnsAnswer(AnswerKind.PRIVATE_ZONE, name, "Z1", "", addresses=("10.9.1.10",))
    to_hub = Rule("tcp", 443, 443, groups=("sg-hub",))
    cause = why(of_own_group(to_hub, seen=hub, dns=DnsView((zone,))))
    assert cause.kind is not CauseKind.OWN_GROUP


@pytest.mark.parametrize("later", ["DisassociateSubnetCidrBlock", "AssociateSubnetCidrBlock"])
def test_a_subnets_ipv6_block_closes_nothing_for_a_name_that_is_ipv4(later: str) -> None:
    began = change("DeleteRoute", "rtb-main", at=-6, event_id="e-1", actor="the-one")
    after = change(later, "subnet-a", at=-2, event_id="e-2", actor="another")
    assert why(facts(network(), changes=(began, after))).change == began


@pytest.mark.xfail(reason="an instance that reported by IPv6 is told to have no public IPv4 address, for sure")
def test_an_agent_that_reported_by_ipv6_from_a_public_subnet_is_not_surely_cut_off() -> None:
    everywhere = [route(cidr, TargetKind.INTERNET_GATEWAY) for cidr in ("0.0.0.0/0", "::/0")]
    public = vpc(subnet("a", ipv6_cidrs=("2001:db8::/64",)), table("main", *everywhere))
    cause = why(facts(public, instance=replace(INSTANCE, has_ipv6_address=True)))
    assert cause.confidence is not Confidence.HIGH


@pytest.mark.xfail(reason="what speaks against a closed path is weighed for monitoring alone")
def test_another_need_without_a_path_that_lifeline_ever_saw_is_not_repaired() -> None:
    cause = why(facts(network(), "ec2", known=SEEN_SHUT))
    assert not cause.is_repairable
