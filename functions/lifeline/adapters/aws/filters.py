"""What routes and filters in a network refer to: what has to be read beside them, in EC2's dicts, and only where they
do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from lifeline.adapters.aws.described import cidr_of, endpoint_of, security_group_of, vpc_of
from lifeline.core.network.acl import public_end
from lifeline.core.network.endpoint_policy import hangs_on_account
from lifeline.core.network.model import DEFAULT_ROUTES, NetworkInterface, SecurityGroup, Vpc, named_lists, version_of
from lifeline.core.network.packets import common, span

_LAST = 32767  # AWS's own last entry, which denies the rest (VPC guide: network ACL rules)


def guarded_vpcs(acls: Iterable[dict[str, Any]]) -> set[str]:
    """The VPCs with a network ACL in use that does more than a new VPC's, which lets everything through."""
    return {acl["VpcId"] for acl in acls if acl.get("Associations") and not _lets_everything_through(acl)}


def _lets_everything_through(acl: dict[str, Any]) -> bool:
    entries = [entry for entry in acl.get("Entries", []) if int(entry["RuleNumber"]) < _LAST]
    open_ways = {
        bool(entry.get("Egress"))
        for entry in entries
        if entry.get("CidrBlock") in DEFAULT_ROUTES and str(entry.get("Protocol")) == "-1"
    }
    return open_ways == {True, False} and all(entry.get("RuleAction") == "allow" for entry in entries)


def vpcs_with_members(groups: Iterable[dict[str, Any]], endpoints: Iterable[dict[str, Any]]) -> set[str]:
    """The VPCs with an endpoint that lets in the members of a security group."""
    naming = {
        group["GroupId"]
        for group in groups
        if any(permission.get("UserIdGroupPairs") for permission in group.get("IpPermissions", []))
    }
    return {
        endpoint["VpcId"]
        for endpoint in endpoints
        if any(group["GroupId"] in naming for group in endpoint.get("Groups", []))
    }


def vpcs_with_machines(tables: Iterable[dict[str, Any]]) -> set[str]:
    """The VPCs with a route to a network interface, as to a NAT instance."""
    return {table["VpcId"] for table in tables if any(_machine(route) for route in table.get("Routes", []))}


def vpcs_with_callers(
    vpcs: Iterable[dict[str, Any]], endpoints: Iterable[dict[str, Any]], read_at: datetime
) -> set[str]:
    """The VPCs with an endpoint whose policy treats the accounts that call unalike, at the time of which it is judged:
    where a date decides for one of them alone, the others are to be read.
    """
    by_id = {described["VpcId"]: replace(vpc_of(described), read_at=read_at) for described in vpcs}
    there = [one for one in endpoints if one.get("PolicyDocument") and one.get("VpcId") in by_id]
    return {one["VpcId"] for one in there if hangs_on_account(endpoint_of(one), by_id[one["VpcId"]])}


def subnets_at_edges(tables: Iterable[dict[str, Any]], subnets: Iterable[dict[str, Any]]) -> set[str]:
    """The subnets from which a route leads to an internet gateway or a carrier's, by id."""
    mains: set[str] = set()
    named: dict[str, bool] = {}
    for table in tables:
        is_edge = any(_is_edge(route) for route in table.get("Routes", []))
        for entry in table.get("Associations", []):
            if entry.get("SubnetId"):
                named[entry["SubnetId"]] = is_edge
            elif entry.get("Main") and is_edge:
                mains.add(table["VpcId"])
    ids = ((subnet["SubnetId"], subnet.get("VpcId", "")) for subnet in subnets)
    return {subnet_id for subnet_id, vpc_id in ids if named.get(subnet_id, vpc_id in mains)}


def _is_edge(route: Mapping[str, Any]) -> bool:
    return str(route.get("GatewayId", "")).startswith("igw-") or bool(route.get("CarrierGatewayId"))


def machines_in_routes(
    interfaces: Mapping[str, Iterable[dict[str, Any]]], tables: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The network interfaces that routes lead to."""
    targets = {_machine(route) for table in tables for route in table.get("Routes", [])}
    return [one for of_vpc in interfaces.values() for one in of_vpc if one["NetworkInterfaceId"] in targets]


def _machine(route: Mapping[str, Any]) -> str:
    return str(route.get("NetworkInterfaceId") or "")


def lists_in_routes(tables: Iterable[dict[str, Any]], guarded: set[str]) -> tuple[set[str], set[str]]:
    """The prefix lists in routes: the customer's, and AWS's in routes to gateway endpoints of guarded VPCs, and of
    tables of which another route may take some of the addresses.
    """
    own: set[str] = set()
    gateways: set[str] = set()
    for table in tables:
        routes = table.get("Routes", [])
        listed = [route for route in routes if route.get("DestinationPrefixListId")]
        to_gateways = [route for route in listed if str(route.get("GatewayId", "")).startswith("vpce-")]
        own |= {route["DestinationPrefixListId"] for route in listed if route not in to_gateways}
        if table["VpcId"] in guarded or len(listed) > len(to_gateways) or any(map(_is_narrow_and_public, routes)):
            gateways |= {route["DestinationPrefixListId"] for route in to_gateways}
    return own, gateways


def _is_narrow_and_public(route: Mapping[str, Any]) -> bool:
    text = cidr_of(route)
    if not text or text in DEFAULT_ROUTES or route.get("GatewayId") == "local":
        return False
    return bool(common((span(text),), public_end("", version_of(text)).addresses))


def lists_in_rules(groups: Iterable[dict[str, Any]]) -> set[str]:
    """The prefix lists that security group rules name."""
    permissions = (
        permission
        for group in groups
        for permission in (*group.get("IpPermissions", []), *group.get("IpPermissionsEgress", []))
    )
    return {entry["PrefixListId"] for permission in permissions for entry in permission.get("PrefixListIds", [])}


def with_filters(
    vpc: Vpc,
    groups: Iterable[dict[str, Any]],
    interfaces: tuple[NetworkInterface, ...] | None,
    lists: Mapping[str, tuple[str, ...]],
) -> Vpc:
    """The VPC with its interfaces, if they were read, other VPCs' groups on what it has, and the lists in its rules."""
    targets = {route.target_id for table in vpc.route_tables for route in table.routes}
    on_machines = (one.group_ids for one in interfaces or () if one.id in targets)
    used = frozenset[str]().union(*(one.security_group_ids for one in vpc.endpoints), *on_machines)
    shared = [group for group in groups if group["GroupId"] in used and group.get("VpcId") != vpc.id]
    found = replace(vpc, shared_groups=tuple(map(security_group_of, shared)), interfaces=interfaces)
    named = named_lists(rule for group in found.groups(used) for rule in (*group.ingress, *group.egress))
    return replace(found, prefix_lists=tuple((name, lists[name]) for name in sorted(named & lists.keys())))


def with_clients(
    vpc: Vpc,
    interfaces: tuple[NetworkInterface, ...],
    groups: Iterable[SecurityGroup],
    lists: Mapping[str, tuple[str, ...]],
) -> Vpc:
    """The VPC with its interfaces, its clients' security groups, and the prefix lists that their rules name. Which of
    the machines that routes lead to are stopped is as it was read before.
    """
    stopped = {one.id for one in vpc.interfaces or () if one.is_stopped}
    interfaces = tuple(replace(one, is_stopped=True) if one.id in stopped else one for one in interfaces)
    used = frozenset[str]().union(*(one.group_ids for one in interfaces if one.is_client))
    own = tuple(sorted((group for group in groups if group.id in used), key=lambda group: group.id))
    named = named_lists(rule for group in own for rule in (*group.ingress, *group.egress))
    more = {name: lists[name] for name in named & lists.keys()}
    found = tuple(sorted({**dict(vpc.prefix_lists), **more}.items()))
    return replace(vpc, interfaces=interfaces, client_groups=own, prefix_lists=found)
