"""Who is blamed for a silence: a call that could have begun it, and what the instance's own groups name."""

from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.incidents.incident import CauseKind
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


@pytest.mark.parametrize("later", ["DisassociateSubnetCidrBlock", "AssociateSubnetCidrBlock"])
def test_a_subnets_ipv6_block_closes_nothing_for_a_name_that_is_ipv4(later: str) -> None:
    began = change("DeleteRoute", "rtb-main", at=-6, event_id="e-1", actor="the-one")
    after = change(later, "subnet-a", at=-2, event_id="e-2", actor="another")
    assert why(facts(network(), changes=(began, after))).change == began
