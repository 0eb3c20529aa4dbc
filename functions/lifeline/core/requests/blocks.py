"""Which address blocks a call was on, such as a route's destination or the far ends of rules, and what a network ACL's
new entry does.

They tell the IP version of a change, and whether a route led anywhere public. Nothing is decided by them but which of
several changes is named as a cause.
"""

from ipaddress import ip_network

from lifeline.core.requests.named import texts_at

MOST_BLOCKS = 20  # of a record that are kept; a call may have hundreds of rules
# Calls; the members with blocks; those with what may stand in their place. As in `named`, which explains the names.
_ROUTE = ("destinationCidrBlock destinationIpv6CidrBlock", "destinationPrefixListId")
_RULE = (
    "cidrIp ipPermissions.ipRanges.cidrIp ipPermissions.ipv6Ranges.cidrIpv6",
    "ipPermissions.groups.groupId ipPermissions.groups.groupName ipPermissions.prefixListIds.prefixListId",
)
_ADDED = (
    f"{_RULE[0]} securityGroupRuleSet.cidrIpv4 securityGroupRuleSet.cidrIpv6",
    f"{_RULE[1]} securityGroupRuleSet.prefixListId securityGroupRuleSet.referencedGroupInfo.groupId",
)
_REVOKED = (
    f"{_RULE[0]} revokedSecurityGroupRuleSet.cidrIpv4 revokedSecurityGroupRuleSet.cidrIpv6",
    f"{_RULE[1]} revokedSecurityGroupRuleSet.prefixListId revokedSecurityGroupRuleSet.referencedGroupId",
)
_ROWS = (
    ("CreateRoute ReplaceRoute DeleteRoute", *_ROUTE),
    ("CreateLocalGatewayRoute ModifyLocalGatewayRoute DeleteLocalGatewayRoute", "destinationCidrBlock", _ROUTE[1]),
    ("CreateTransitGatewayRoute ReplaceTransitGatewayRoute DeleteTransitGatewayRoute", "destinationCidrBlock", ""),
    ("CreateVpnConnectionRoute DeleteVpnConnectionRoute", "destinationCidrBlock", ""),
    ("AssociateSubnetCidrBlock DisassociateSubnetCidrBlock", "ipv6CidrBlockAssociation.ipv6CidrBlock", ""),
    ("CreateNetworkAclEntry", "cidrBlock ipv6CidrBlock", ""),  # one that replaces doesn't say what was there before
    ("AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress", *_ADDED),
    ("RevokeSecurityGroupIngress RevokeSecurityGroupEgress", *_REVOKED),
)
MEMBERS_WITH_BLOCKS = {
    event_name: (tuple(blocks.split()), tuple(others.split()))
    for event_names, blocks, others in _ROWS
    for event_name in event_names.split()
}


def named_blocks(event_name: str, request: object, response: object) -> frozenset[str]:
    """The blocks that a record names, in the usual spelling; none where they aren't all that it may have been on: where
    it names a group or a prefix list as well, more than MOST_BLOCKS, or what is no block.
    """
    paths, others = MEMBERS_WITH_BLOCKS.get(event_name, ((), ()))
    parts = (request, response)
    if any(text for path in others for part in parts for text in texts_at(part, path)):
        return frozenset()
    texts = {text for path in paths for part in parts for text in texts_at(part, path)}
    if len(texts) > MOST_BLOCKS or any("%" in text for text in texts):  # whatever follows it, Python would keep
        return frozenset()
    try:
        return frozenset(str(ip_network(text, strict=False)) for text in texts)
    except ValueError:
        return frozenset()


def new_rule_action(event_name: str, request: object) -> str:
    """What the entry does that a record says was created in a network ACL, `allow` or `deny`; else empty (EC2 API:
    CreateNetworkAclEntry). One that replaces another, or is deleted, doesn't say what was there before.
    """
    said = [*texts_at(request, "ruleAction")] if event_name == "CreateNetworkAclEntry" else []
    return said[0] if said in (["allow"], ["deny"]) else ""
