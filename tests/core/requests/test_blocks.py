"""Which address blocks a record names, against botocore's model of EC2 and the samples."""

import json
from pathlib import Path

import pytest

from lifeline.core.requests.blocks import MEMBERS_WITH_BLOCKS, MOST_BLOCKS, named_blocks, new_rule_action
from lifeline.core.requests.cloudtrail import read_change
from tests.core.requests.test_named import EVENTS, members_of


def rules(*ranges: dict[str, str], **more: object) -> dict[str, object]:
    return {"ipPermissions": {"items": [{"ipRanges": {"items": list(ranges)}, **more}]}}


@pytest.mark.parametrize("event_name", sorted(MEMBERS_WITH_BLOCKS))
def test_every_member_is_one_of_the_models_of_a_call_that_the_rules_match(event_name: str) -> None:
    assert event_name in EVENTS
    assert {path for paths in MEMBERS_WITH_BLOCKS[event_name] for path in paths} <= set(members_of(event_name))


@pytest.mark.parametrize(
    ("event_name", "blocks"),
    [
        ("CreateRoute", {"0.0.0.0/0"}),
        ("DeleteRoute", {"0.0.0.0/0"}),
        ("RevokeSecurityGroupEgress", {"10.0.0.0/16"}),
        ("DisassociateSubnetCidrBlock", {"2001:db8:1234:1a00::/64"}),
        ("DeleteNetworkAclEntry", set()),
        ("DeleteNatGateway", set()),
    ],
)
def test_the_samples_say_which(event_name: str, blocks: set[str]) -> None:
    event = json.loads(Path(f"events/cloudtrail/{event_name}.json").read_text())
    assert read_change(event, "").trigger.blocks == blocks


def test_a_rule_is_read_from_what_was_asked_and_from_the_answer() -> None:
    revoked = {"revokedSecurityGroupRuleSet": {"items": [{"cidrIpv6": "::/0"}]}}
    asked = rules({"cidrIp": "10.1.2.3/16"})
    assert named_blocks("RevokeSecurityGroupEgress", asked, None) == {"10.1.0.0/16"}
    assert named_blocks("RevokeSecurityGroupEgress", {"groupId": "sg-1"}, revoked) == {"::/0"}


@pytest.mark.parametrize(
    "request_parameters",
    [
        rules({"cidrIp": "10.0.0.0/16"}, groups={"items": [{"groupId": "sg-1"}]}),
        rules({"cidrIp": "10.0.0.0/16"}, prefixListIds={"items": [{"prefixListId": "pl-1"}]}),
        rules({"cidrIp": "10.0.0.0/16"}, {"cidrIp": "everywhere"}),
        rules({"cidrIp": "10.0.0.0/16"}, {"cidrIp": "fe80::%" + "x" * 99_999}),  # Python's form of a zone, not AWS's
        rules(*({"cidrIp": f"10.0.{number}.0/24"} for number in range(MOST_BLOCKS + 1))),
        rules(),
        {"ipPermissions": "10.0.0.0/16"},
        None,
    ],
)
def test_what_isnt_all_that_the_call_was_on_is_left_out(request_parameters: object) -> None:
    assert named_blocks("AuthorizeSecurityGroupEgress", request_parameters, None) == frozenset()


def test_as_many_as_are_kept_are_all_read() -> None:
    many = rules(*({"cidrIp": f"10.0.{number}.0/24"} for number in range(MOST_BLOCKS)))
    assert len(named_blocks("AuthorizeSecurityGroupIngress", many, None)) == MOST_BLOCKS


def test_an_entry_that_replaces_another_doesnt_say_of_which_version_that_was() -> None:
    """An entry is replaced by its number alone, and so one for IPv4 may be by one for IPv6."""
    asked = {"networkAclId": "acl-1", "ruleNumber": 100, "ipv6CidrBlock": "::/0"}
    assert named_blocks("CreateNetworkAclEntry", asked, None) == {"::/0"}
    assert named_blocks("ReplaceNetworkAclEntry", asked, None) == frozenset()


@pytest.mark.parametrize(
    ("event_name", "asked", "action"),
    [
        ("CreateNetworkAclEntry", {"ruleAction": "deny"}, "deny"),
        ("CreateNetworkAclEntry", {"ruleAction": "allow"}, "allow"),
        ("CreateNetworkAclEntry", {"RuleAction": "allow"}, "allow"),
        ("CreateNetworkAclEntry", {"ruleAction": "other"}, ""),
        ("CreateNetworkAclEntry", {"ruleAction": ["allow", "deny"]}, ""),
        ("CreateNetworkAclEntry", None, ""),
        ("ReplaceNetworkAclEntry", {"ruleAction": "allow"}, ""),
    ],
)
def test_what_a_new_entry_of_an_acl_does_is_read(event_name: str, asked: object, action: str) -> None:
    assert new_rule_action(event_name, asked) == action


def test_the_sample_says_what_its_entry_does() -> None:
    event = json.loads(Path("events/cloudtrail/CreateNetworkAclEntry.json").read_text())
    assert read_change(event, "").trigger.rule_action == "allow"


def test_a_route_by_prefix_list_has_no_block() -> None:
    assert named_blocks("DeleteRoute", {"destinationPrefixListId": "pl-1"}, None) == frozenset()
    assert named_blocks("CreateRoute", {"destinationIpv6CidrBlock": "::/0"}, None) == {"::/0"}
