"""Who is blamed for a silence: a call that could have begun it, and what the instance's own groups name."""

from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.incidents.incident import CauseKind, Confidence
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import Rule, SecurityGroup, TargetKind, Vpc
from tests.core.incidents.test_diagnose import (
    CLOSED_GROUP,
    INSTANCE,
    SERVED,
    change,
    facts,
    network,
    served,
    why,
)
from tests.support.builders import route, subnet, table, vpc


def of_own_group(*egress: Rule, seen: Vpc | None = None, **more: Any) -> Any:
    instance = replace(INSTANCE, group_ids=frozenset({"sg-app"}))
    own = SecurityGroup("sg-app", "app", egress=egress)
    return facts(seen, **{"instance": instance, "own_groups": (own,), **more})


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


BEHIND_NAT = vpc(subnet("a"), table("main", route("0.0.0.0/0", TargetKind.NAT_GATEWAY, "nat-1")))
PRIVATE = Rule("tcp", 443, 443, ("10.0.0.0/8",))
UNREAD = pytest.mark.parametrize("dns", [None, DnsView(custom_dns_servers=("10.9.0.2",))], ids=["unread", "servers"])


@UNREAD
def test_where_the_name_may_lead_elsewhere_a_group_that_is_shut_to_public_addresses_is_no_cause(
    dns: DnsView | None,
) -> None:
    cause = why(of_own_group(PRIVATE, seen=BEHIND_NAT, dns=dns))
    assert cause.kind is not CauseKind.OWN_GROUP
    assert (
        "the instance's own security groups allow no outbound TCP 443 to public addresses, and whether the service's "
        "name leads there was not read"
    ) in cause.evidence
    assert not any("path is open" in words for words in cause.evidence)


@UNREAD
def test_one_that_lets_out_nothing_is_a_cause_wherever_the_name_leads(dns: DnsView | None) -> None:
    cause = why(of_own_group(Rule("tcp", 22, 22, ("10.0.0.0/8",)), seen=BEHIND_NAT, dns=dns))
    assert cause.kind is CauseKind.OWN_GROUP
    assert "whether the service's name leads there was not read" not in cause.evidence


@UNREAD
def test_nor_is_it_unless_a_change_that_shut_it_is_on_record_and_then_it_is_likely(dns: DnsView | None) -> None:
    revoked = change("RevokeSecurityGroupEgress", "sg-app", at=-3)
    cause = why(of_own_group(PRIVATE, seen=BEHIND_NAT, dns=dns, changes=(revoked,)))
    assert (cause.kind, cause.confidence, cause.change) == (CauseKind.OWN_GROUP, Confidence.MEDIUM, revoked)
    assert "whether the service's name leads there was not read" in cause.evidence


@pytest.mark.parametrize("later", ["DisassociateSubnetCidrBlock", "AssociateSubnetCidrBlock"])
def test_a_subnets_ipv6_block_closes_nothing_for_a_name_that_is_ipv4(later: str) -> None:
    began = change("DeleteRoute", "rtb-main", at=-6, event_id="e-1", actor="the-one")
    after = change(later, "subnet-a", at=-2, event_id="e-2", actor="another")
    assert why(facts(network(), changes=(began, after))).change == began
