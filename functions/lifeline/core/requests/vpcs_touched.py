"""Which VPCs a change touches, from the ids in its record."""

from collections.abc import Iterable, Mapping

# From what names one VPC to what may name several: the first kind whose every id is found answers.
_KINDS = ("subnet", "rtb", "rtbassoc", "vpce", "nat", "igw", "sg", "acl", "eni", "tgw-attach", "pcx")

# They make something that no VPC uses yet, or that none may use any more.
_TOUCH_NO_VPC = frozenset(
    {
        "CreateDhcpOptions",
        "CreateInternetGateway",
        "CreateManagedPrefixList",
        "CreateRouteServer",
        "CreateVpnGateway",
        "DeleteDhcpOptions",
        "DeleteVpnGateway",
    }
)
_TAGGING = frozenset({"CreateTags", "DeleteTags"})


def ids_to_look_up(event_name: str, ids: Iterable[str]) -> frozenset[str]:
    """The ids whose VPC must be asked for: none where the record names a VPC itself, or touches none."""
    found = frozenset(ids)
    if event_name in _TOUCH_NO_VPC or (_of_kind("vpc", found) and event_name not in _TAGGING):
        return frozenset()
    return frozenset(resource_id for kind in _KINDS for resource_id in _of_kind(kind, found))


def vpcs_touched(event_name: str, ids: Iterable[str], found: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    """The VPCs that a change touches; None where that can't be told, so that the whole region must be looked at.

    `found` maps looked-up ids to their VPCs. What was deleted can't be looked up any more, and some records name
    nothing but what was deleted (DisassociateRouteTable): a sweep costs a few calls, a lost event costs an outage.
    """
    all_ids = frozenset(ids)
    named = _of_kind("vpc", all_ids)
    if event_name in _TOUCH_NO_VPC:
        return frozenset()
    if event_name in _TAGGING:
        return named.union(*(found.get(all_id, frozenset()) for all_id in all_ids))
    if named:
        return named
    for kind in _KINDS:
        of_kind = _of_kind(kind, all_ids)
        if of_kind and all(found.get(resource_id) for resource_id in of_kind):
            return frozenset().union(*(found[resource_id] for resource_id in of_kind))
    return None


def _of_kind(kind: str, ids: frozenset[str]) -> frozenset[str]:
    return frozenset(resource_id for resource_id in ids if resource_id.rpartition("-")[0] == kind)
