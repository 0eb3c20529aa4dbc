"""The parameters of what creates: of the real call, and of the dry run that asks whether it would succeed."""

from typing import Any

from lifeline.core.network.model import MANAGED_BY, EndpointType
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.plan.security_group import GROUP_WORDS
from lifeline.core.policy.labels import NAME, Tagging

# How EC2 refuses a creation because of its tags: by IAM, by an SCP, or by a tag policy (Organizations guide: tag policy
# enforcement).
TAGS_REFUSED = frozenset({"TagPolicyViolation", "TagPolicyException", "UnauthorizedOperation"})


def creation(action: Action, *, vpc_id: str, security_group_id: str, owner: str) -> dict[str, Any]:
    """All parameters but `ClientToken`.

    They name what AWS would default to a trap: type (Gateway), private DNS, and groups (the VPC's default one).
    """
    if action.kind is ActionKind.CREATE_GATEWAY_ENDPOINT:
        kind, more = EndpointType.GATEWAY, {"RouteTableIds": list(action.route_table_ids), "PrivateDnsEnabled": False}
    else:
        kind, more = EndpointType.INTERFACE, _of_interface(action, security_group_id)
    policy = {"PolicyDocument": action.policy} if action.policy else {}
    return {
        "VpcEndpointType": kind.value,
        "VpcId": vpc_id,
        "ServiceName": action.service_name,
        "TagSpecifications": own_tags("vpc-endpoint", action.name or f"lifeline-{action.service}", action.tags, owner),
        **policy,
        **more,
    }


def _of_interface(action: Action, security_group_id: str) -> dict[str, Any]:
    """Of both IP versions where it has addresses of both: what AWS would take for its DNS records isn't documented."""
    is_dual = action.ip_address_type == "dualstack"
    records = {"DnsOptions": {"DnsRecordIpType": "dualstack"}} if is_dual else {}
    return {
        "SubnetIds": list(action.subnet_ids),
        "SecurityGroupIds": [security_group_id] if security_group_id else [],
        "PrivateDnsEnabled": action.private_dns,
        "IpAddressType": action.ip_address_type,
        **records,
    }


def group_creation(action: Action, *, vpc_id: str, name: str, owner: str) -> dict[str, Any]:
    """All parameters of CreateSecurityGroup."""
    tags = own_tags("security-group", name, action.tags, owner)
    return {"GroupName": name, "Description": GROUP_WORDS, "VpcId": vpc_id, "TagSpecifications": tags}


def own_tags(resource_type: str, name: str, more: Tagging, owner: str) -> list[dict[str, Any]]:
    """Lifeline's own tags last: nothing that is read from elsewhere takes their place."""
    tags = {**dict(more), NAME: name, MANAGED_BY: owner}
    return [{"ResourceType": resource_type, "Tags": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}]
