"""From the ids in a change to the VPCs they belong to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import Any

from lifeline.adapters.aws.calls import pages, run_concurrently
from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.described import any_interface_of
from lifeline.core.errors import LifelineError
from lifeline.core.network.model import Interface
from lifeline.core.requests.vpcs_touched import IDS_A_CALL, kind_of

_FILTER_VALUES = 200  # EC2 API: a describe takes up to 200 values a filter


def _own_vpc(described: dict[str, Any]) -> list[str]:
    return [described["VpcId"]] if described.get("VpcId") else []


def _attached_vpcs(described: dict[str, Any]) -> list[str]:
    return [entry["VpcId"] for entry in described.get("Attachments", []) if entry.get("VpcId")]


def _both_sides(described: dict[str, Any]) -> list[str]:
    sides = (described.get("RequesterVpcInfo", {}), described.get("AccepterVpcInfo", {}))
    return [side["VpcId"] for side in sides if side.get("VpcId")]


# For each kind of id: the describe, its list, its filter and the filter's parameter, the id in its answer, its VPCs.
# Filters, not id parameters: an id that is gone is then missing in the answer instead of failing the whole call.
_LOOKUPS: dict[str, tuple[str, str, str, str, Any]] = {
    "vpc": ("describe_vpcs", "Vpcs", "vpc-id", "VpcId", _own_vpc),
    "subnet": ("describe_subnets", "Subnets", "subnet-id", "SubnetId", _own_vpc),
    "rtb": ("describe_route_tables", "RouteTables", "route-table-id", "RouteTableId", _own_vpc),
    "rtbassoc": ("describe_route_tables", "RouteTables", "association.route-table-association-id", "", _own_vpc),
    "vpce": ("describe_vpc_endpoints", "VpcEndpoints", "vpc-endpoint-id", "VpcEndpointId", _own_vpc),
    "nat": ("describe_nat_gateways", "NatGateways", "nat-gateway-id", "NatGatewayId", _own_vpc),
    "igw": (
        "describe_internet_gateways",
        "InternetGateways",
        "internet-gateway-id",
        "InternetGatewayId",
        _attached_vpcs,
    ),
    "sg": ("describe_security_groups", "SecurityGroups", "group-id", "GroupId", _own_vpc),
    # By association: an ACL without one shapes nothing yet.
    "acl": ("describe_network_acls", "NetworkAcls", "association.network-acl-id", "NetworkAclId", _own_vpc),
    "pcx": (
        "describe_vpc_peering_connections",
        "VpcPeeringConnections",
        "vpc-peering-connection-id",
        "VpcPeeringConnectionId",
        _both_sides,
    ),
    "tgw-attach": (
        "describe_transit_gateway_vpc_attachments",
        "TransitGatewayVpcAttachments",
        "transit-gateway-attachment-id",
        "TransitGatewayAttachmentId",
        _own_vpc,
    ),
}


_NAMED_IN_RULES = {
    "ip-permission.group-id": "IpPermissions",
    "egress.ip-permission.group-id": "IpPermissionsEgress",
}


@dataclass(frozen=True, slots=True)
class Found:
    """The VPCs of each id that was found, and why some ids couldn't be looked up. Ids that are gone are in neither."""

    vpcs: Mapping[str, frozenset[str]]
    failed: Mapping[str, LifelineError]


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    return map(list, batched(ids, _FILTER_VALUES, strict=False))


class Lookup:
    """Finds the VPCs that resources belong to, and who uses what in a VPC."""

    def __init__(self, ec2: Any = None) -> None:
        self._ec2 = ec2 or client("ec2")

    def vpcs_of(self, calls: Iterable[tuple[str, Sequence[str]]]) -> Found:
        """The VPCs of ids, each kind with the ids of one call. A call that fails takes nothing from the others."""
        wanted = [(kind, ids) for kind, ids in calls if kind in _LOOKUPS]
        answers = run_concurrently([partial(self._try_to_find, kind, ids) for kind, ids in wanted])
        failed: dict[str, LifelineError] = {}
        vpcs: dict[str, frozenset[str]] = {}
        for (_, ids), answer in zip(wanted, answers, strict=True):
            if isinstance(answer, LifelineError):
                failed |= dict.fromkeys(ids, answer)
            else:
                vpcs |= answer
        groups = [resource_id for resource_id in vpcs if kind_of(resource_id) == "sg"]
        using = self._using(groups) if groups else {}
        if isinstance(using, LifelineError):
            return Found(
                {name: vpcs[name] for name in vpcs.keys() - set(groups)}, failed | dict.fromkeys(groups, using)
            )
        return Found(vpcs | {name: vpcs[name] | used for name, used in using.items()}, failed)

    def users_of_security_groups(self, security_group_ids: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Whose each security group is beside endpoints: interfaces that have it, groups whose rules name it, by id.

        EC2 deletes no group that has any (EC2 API: DeleteSecurityGroup). An endpoint's interfaces go by themselves.
        """
        wanted = sorted(set(security_group_ids))
        reads = [partial(read, chunk) for chunk in _chunks(wanted) for read in (self._interfaces, self._groups_naming)]
        found: dict[str, set[str]] = {group_id: set() for group_id in wanted}
        for pairs in run_concurrently(reads):
            for security_group_id, user in pairs:
                if security_group_id in found and user != security_group_id:
                    found[security_group_id].add(user)
        return {security_group_id: tuple(sorted(users)) for security_group_id, users in found.items()}

    def interfaces_in(self, vpc_ids: Iterable[str]) -> Mapping[str, tuple[Interface, ...]]:
        """Every network interface of each VPC, whoever's and in whatever state, in their ids' order."""
        wanted = sorted(set(vpc_ids))
        found: dict[str, list[Interface]] = {vpc_id: [] for vpc_id in wanted}
        for start in range(0, len(wanted), IDS_A_CALL):
            filters = [{"Name": "vpc-id", "Values": wanted[start : start + IDS_A_CALL]}]
            for interface in pages(self._ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=filters):
                found[interface["VpcId"]].append(any_interface_of(interface))
        return {vpc_id: tuple(sorted(interfaces)) for vpc_id, interfaces in found.items()}

    def attachments_of(self, target_ids: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """What goes with each interface or instance that a route leads to: the interface, the instance, and the
        attachment, which is all that DetachNetworkInterface names (EC2 API). Nothing is asked where there are none.
        """
        wanted = sorted(set(target_ids))
        found: dict[str, set[str]] = {target_id: set() for target_id in wanted}
        for prefix, name in (("eni-", "network-interface-id"), ("i-", "attachment.instance-id")):
            for chunk in _chunks(target_id for target_id in wanted if target_id.startswith(prefix)):
                filters = [{"Name": name, "Values": chunk}]
                for interface in pages(self._ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=filters):
                    attached = interface.get("Attachment", {})
                    ids = {interface["NetworkInterfaceId"], attached.get("InstanceId"), attached.get("AttachmentId")}
                    for target_id in found.keys() & ids:
                        found[target_id] |= ids - {None}
        return {target_id: frozenset(ids) for target_id, ids in found.items()}

    def _interfaces(self, security_group_ids: list[str]) -> list[tuple[str, str]]:
        return [
            (group["GroupId"], interface["NetworkInterfaceId"])
            for interface in self._interfaces_with(security_group_ids)
            if interface.get("InterfaceType") != "vpc_endpoint"
            for group in interface.get("Groups", [])
        ]

    def _groups_naming(self, security_group_ids: list[str]) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for name, member in _NAMED_IN_RULES.items():
            filters = [{"Name": name, "Values": security_group_ids}]
            for group in pages(self._ec2, "describe_security_groups", "SecurityGroups", Filters=filters):
                named = [pair for rule in group.get(member, []) for pair in rule.get("UserIdGroupPairs", [])]
                found += [(str(pair.get("GroupId", "")), group["GroupId"]) for pair in named]
        return found

    def _try_to_find(self, kind: str, ids: Sequence[str]) -> dict[str, frozenset[str]] | LifelineError:
        try:
            return self._find(kind, ids)
        except LifelineError as error:
            return error

    def _find(self, kind: str, ids: Sequence[str]) -> dict[str, frozenset[str]]:
        operation, key, filter_name, id_member, vpcs_of = _LOOKUPS[kind]
        parameter = "Filter" if kind == "nat" else "Filters"
        found: dict[str, frozenset[str]] = {}
        for described in pages(self._ec2, operation, key, **{parameter: [{"Name": filter_name, "Values": list(ids)}]}):
            if kind == "rtbassoc":
                names = [entry.get("RouteTableAssociationId", "") for entry in described.get("Associations", [])]
            else:
                names = [described[id_member]]
            for name in names:
                if name in ids:
                    found[name] = frozenset(vpcs_of(described))
        return found

    def _using(self, security_group_ids: Sequence[str]) -> dict[str, frozenset[str]] | LifelineError:
        """The VPCs whose interfaces or endpoints have each security group: they may have one of another VPC (VPC guide:
        share security groups). EC2 doesn't filter endpoints by their groups, and theirs may have no interfaces yet.
        """
        endpoints = [{"Name": "vpc-endpoint-type", "Values": ["Interface"]}]
        found = dict.fromkeys(security_group_ids, frozenset[str]())
        try:
            using = [
                *pages(self._ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=endpoints),
                *self._interfaces_with(security_group_ids),
            ]
        except LifelineError as error:
            return error
        for user in using:
            for name in {group["GroupId"] for group in user.get("Groups", [])} & found.keys():
                found[name] |= {user["VpcId"]}
        return found

    def _interfaces_with(self, security_group_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        for chunk in _chunks(security_group_ids):
            filters = [{"Name": "group-id", "Values": chunk}]
            yield from pages(self._ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=filters)
