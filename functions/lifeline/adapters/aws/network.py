"""Observe: EC2's answers become `Vpc` values. Calls grow with pages, not with VPCs.

VPCs, subnets, route tables and endpoints have to be read. Whatever else can't be read is noted in the VPCs
(`Vpc.unread`) and stops nothing else, whether AWS denies it or only throttles it.

No page size is asked for: EC2 then answers as much as it will, and further pages are followed.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import batched
from time import monotonic
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, begin, pages, run_concurrently
from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.denials import Denials
from lifeline.adapters.aws.described import (
    any_interface_of,
    endpoint_of,
    interface_of,
    nat_gateway_of,
    network_acl_of,
    route_table_of,
    security_group_of,
    services_of,
    subnet_of,
    vpc_of,
)
from lifeline.adapters.aws.filters import (
    guarded_vpcs,
    lists_in_routes,
    lists_in_rules,
    machines_in_routes,
    subnets_at_edges,
    vpcs_with_callers,
    vpcs_with_machines,
    vpcs_with_members,
    with_clients,
    with_filters,
)
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.network.model import MANAGED_BY, SECURITY_GROUP_NAME, Catalog, Part, SecurityGroup, Unread, Vpc
from lifeline.core.network.way_out import without_addresses
from lifeline.runtime.observability import logger

# What no observation can do without.
MUST_BE_READ = frozenset(f"ec2:Describe{part}" for part in ("Vpcs", "Subnets", "RouteTables", "VpcEndpoints"))
_FILTER_VALUES = 200  # EC2 API: a describe takes up to 200 values a filter
_ASKED_AGAIN = timedelta(minutes=1)  # for services that could not be read: not once for each VPC of a run
_NO_SUCH_VPC = "InvalidVpcID.NotFound"


type Interfaces = dict[str, list[dict[str, Any]]] | LifelineError
"""EC2's answers by VPC, or why there are none."""


class Network:
    """Reads the region's networks. Holds the endpoint services that it read: they change with AWS's launches only."""

    def __init__(self, ec2: Any = None, denials: Denials | None = None) -> None:
        self._ec2 = ec2 or client("ec2")
        self._denials = denials or Denials()
        self._catalog: Catalog | None = None
        self._asked_at = 0.0
        self._zone_types: dict[str, str] | None = None

    def catalog(self) -> Catalog:
        """The endpoint services of the region, read once in the container's life; none, and why, if they can't be.

        Raises TransientError if that may pass.
        """
        is_old = monotonic() - self._asked_at >= _ASKED_AGAIN.total_seconds()
        if self._catalog is None or (not self._catalog.is_read and is_old):
            described = self._attempt(partial(pages, self._ec2, "describe_vpc_endpoint_services", "ServiceDetails"))
            if isinstance(described, TransientError):
                raise described  # without the services, no VPC can be judged
            self._asked_at = monotonic()
            if isinstance(described, LifelineError):
                self._catalog = Catalog(why_unread=str(described))
            else:
                found = sorted(services_of(described), key=lambda service: (service.name, service.type))
                self._catalog = Catalog(tuple(found))
        return self._catalog

    def observe(self, vpc_ids: Iterable[str] | None) -> tuple[Vpc, ...]:
        """The VPCs as they are now, in their ids' order: those named, or all of the region for None.

        A VPC that is gone is left out. Its DNS attributes are read apart, see `with_dns`. Raises TransientError or
        TerminalError if anything could not be read without which an observation would be a wrong one.
        """
        wanted = set(vpc_ids or ())
        if vpc_ids is None:
            return self._observe([])
        if len(wanted) > _FILTER_VALUES:  # then the region takes fewer calls, and however many are named
            return tuple(vpc for vpc in self._observe([]) if vpc.id in wanted)
        return self._observe([{"Name": "vpc-id", "Values": sorted(wanted)}]) if wanted else ()

    def with_dns(self, vpcs: Sequence[Vpc]) -> tuple[Vpc, ...]:
        """The VPCs with their DNS attributes, without those that are gone by now.

        EC2 has no batch call for the attributes: two calls a VPC, side by side.
        """
        reads = [
            partial(self._attempt, partial(self._attribute, vpc.id, name)) for vpc in vpcs for name in _DNS_ATTRIBUTES
        ]
        values = batched(run_concurrently(reads), len(_DNS_ATTRIBUTES), strict=True)
        found = (_with_attributes(vpc, *pair) for vpc, pair in zip(vpcs, values, strict=True))
        return tuple(vpc for vpc in found if vpc)

    def with_groups(self, vpcs: Sequence[Vpc], ids: Collection[str]) -> tuple[Vpc, ...]:
        """The VPCs with these security groups, too, as far as they were observed without them."""
        shown = {group.id for vpc in vpcs for group in vpc.security_groups}
        described = self._attempt(partial(self._groups, set(ids) - shown))
        if isinstance(described, LifelineError):
            unread = _unread(Part.SECURITY_GROUPS, described)
            return tuple(replace(vpc, unread=(*vpc.unread, unread)) for vpc in vpcs)
        more = _by_vpc(described, security_group_of)
        return tuple(replace(vpc, security_groups=_ordered((*vpc.security_groups, *more[vpc.id]))) for vpc in vpcs)

    def interfaces_of(self, vpc_ids: Collection[str]) -> Interfaces:
        """The VPCs' network interfaces, for `with_clients`."""
        return self._attempt(partial(self._interfaces, set(vpc_ids)))

    def with_clients(self, vpcs: Sequence[Vpc], read: Interfaces | None = None) -> tuple[Vpc, ...]:
        """The VPCs with their network interfaces and with the security groups of clients, whose egress rules decide
        whether they can reach an endpoint. Two calls for all of them, or few more. `read` are the interfaces
        of these VPCs and others, if they were just read.
        """
        if read is None or (isinstance(read, dict) and any(vpc.id not in read for vpc in vpcs)):
            read = self.interfaces_of([vpc.id for vpc in vpcs])
        if isinstance(read, LifelineError):
            unread = _unread(Part.CLIENTS, read)
            return tuple(replace(vpc, unread=(*vpc.unread, unread)) for vpc in vpcs)
        interfaces = {vpc.id: tuple(map(interface_of, read[vpc.id])) for vpc in vpcs}
        used = {id_ for found in interfaces.values() for one in found if one.is_client for id_ in one.group_ids}
        described = self._attempt(partial(self._groups, used))
        if isinstance(described, LifelineError):
            unread = _unread(Part.CLIENTS, described)
            return tuple(replace(vpc, unread=(*vpc.unread, unread), interfaces=interfaces[vpc.id]) for vpc in vpcs)
        known = {list_id: cidrs for vpc in vpcs for list_id, cidrs in vpc.prefix_lists}
        wanted = lists_in_rules(described) - known.keys()
        known |= self.prefix_lists(wanted)
        groups = tuple(map(security_group_of, described))
        return tuple(with_clients(vpc, interfaces[vpc.id], groups, known) for vpc in vpcs)

    def count_gateway_endpoints(self) -> int:
        """How many gateway endpoints the region has, for its quota."""
        filters = [{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}]
        found = pages(self._ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=filters)
        return sum(str(route.get("State", "")).lower() != "deleted" for route in found)

    def _own_groups(self, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The groups that may be Lifeline's own: by their names, or by its tag whatever their names are. EC2 combines
        filters with `and`, so that takes two calls.
        """
        reads = [
            partial(pages, self._ec2, "describe_security_groups", "SecurityGroups", Filters=[*filters, one])
            for one in (_OWN_NAMES, _OWN_TAG)
        ]
        return list({group["GroupId"]: group for found in run_concurrently(reads) for group in found}.values())

    def _observe(self, filters: list[dict[str, Any]]) -> tuple[Vpc, ...]:
        def describe(operation: str, key: str, **request: Any) -> Callable[[], list[dict[str, Any]]]:
            return partial(pages, self._ec2, operation, key, **request)

        parts: dict[Part, Callable[[], Any]] = {
            Part.SECURITY_GROUPS: partial(self._own_groups, filters),
            Part.NETWORK_ACLS: describe("describe_network_acls", "NetworkAcls", Filters=filters),
            Part.NAT_GATEWAYS: describe("describe_nat_gateways", "NatGateways", Filter=filters),
            Part.ZONE_TYPES: self._read_zone_types,
        }
        reads: list[Callable[[], Any]] = [
            describe("describe_vpcs", "Vpcs", Filters=filters),
            describe("describe_subnets", "Subnets", Filters=filters),
            describe("describe_route_tables", "RouteTables", Filters=filters),
            describe("describe_vpc_endpoints", "VpcEndpoints", Filters=filters),
            *(partial(self._attempt, read) for read in parts.values()),
        ]
        vpcs, subnets, tables, endpoints, *others = run_concurrently(reads)
        found_parts = dict(zip(parts, others, strict=True))
        acls, nats = _or_none(found_parts[Part.NETWORK_ACLS]), _or_none(found_parts[Part.NAT_GATEWAYS])
        groups = _or_none(found_parts[Part.SECURITY_GROUPS])
        attached = {group["GroupId"] for endpoint in endpoints for group in endpoint.get("Groups", [])}
        more = self._attempt(partial(self._groups, attached - _ids(groups)))
        if isinstance(more, LifelineError):
            found_parts[Part.SECURITY_GROUPS] = more
        groups = [*groups, *_or_none(more)]
        guarded = guarded_vpcs(acls)
        asked = guarded | vpcs_with_members(groups, endpoints) | vpcs_with_machines(tables)
        read_at = datetime.now(UTC)
        asked |= vpcs_with_callers(vpcs, endpoints, read_at)
        outside = [subnet for subnet in subnets if subnet.get("VpcId") not in asked]
        in_edges = begin(partial(self._attempt, partial(self._interfaces_in, subnets_at_edges(tables, outside))))
        found = self._attempt(partial(self._interfaces, asked))
        in_public = in_edges()
        interfaces = {} if isinstance(found, LifelineError) else found
        callers = [*_or_none(in_public), *(one for of_vpc in interfaces.values() for one in of_vpc)]
        unseen = (_unread(Part.INTERFACES, found),) if isinstance(found, LifelineError) else ()
        machines = machines_in_routes(interfaces, tables)
        of_machines = {group["GroupId"] for machine in machines for group in machine.get("Groups", [])}
        edges = subnets_at_edges(tables, subnets)
        at_edges = [one for one in callers if one.get("SubnetId") in edges]
        lonely = _stranded(at_edges)
        at_edges = [one for one in at_edges if one["SubnetId"] in lonely]
        states = begin(partial(self._attempt, partial(self._stopped, _instance_ids([*machines, *at_edges]))))
        groups += _or_none(self._attempt(partial(self._groups, of_machines - _ids(groups))))
        found_states = states()
        stopped = _or_none(found_states)
        # What an instance's state would say isn't known where it couldn't be read: then no subnet is stranded.
        stranded = set() if isinstance(found_states, LifelineError) else _stranded(at_edges, stopped)
        unread = [_unread(part, error) for part, error in found_parts.items() if isinstance(error, LifelineError)]
        listed = self._prefix_lists(tables, groups, guarded)
        lists = {list_id: cidrs for list_id, cidrs in listed.items() if not isinstance(cidrs, LifelineError)}
        own, _ = lists_in_routes(tables, guarded)
        unlisted = {name: why for name, why in listed.items() if name in own and isinstance(why, LifelineError)}
        contents: dict[str, Any] = {
            "subnets": _by_vpc(subnets, partial(subnet_of, zone_types=self._zone_types or {}, stranded=stranded)),
            "route_tables": _by_vpc(tables, partial(route_table_of, lists=lists)),
            "endpoints": _by_vpc(endpoints, endpoint_of),
            "security_groups": _by_vpc(groups, security_group_of),
            "network_acls": _by_vpc(acls, network_acl_of),
            "nat_gateways": _by_vpc(nats, nat_gateway_of),
        }
        whole = (vpc_of(described) for described in sorted(vpcs, key=lambda described: str(described["VpcId"])))
        whole = (replace(vpc, **{name: by_vpc[vpc.id] for name, by_vpc in contents.items()}) for vpc in whole)
        read = {
            vpc_id: tuple(interface_of(described, stopped) for described in of) for vpc_id, of in interfaces.items()
        }
        whole = (with_filters(vpc, groups, read.get(vpc.id), lists) for vpc in whole)
        whole = (replace(vpc, read_at=read_at) for vpc in whole)
        return tuple(
            replace(vpc, unread=(*unread, *(unseen if vpc.id in asked else ()), *_unread_lists(vpc, unlisted)))
            for vpc in whole
        )

    def prefix_lists(self, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """The CIDRs of these prefix lists, by id; one that can't be read is left out. One call for each."""
        return {id_: cidrs for id_, cidrs in self._entries(ids).items() if not isinstance(cidrs, LifelineError)}

    def groups(self, ids: Collection[str]) -> tuple[SecurityGroup, ...]:
        """The security groups of these ids, by id; one that EC2 doesn't know is left out."""
        return tuple(sorted(map(security_group_of, self._groups(ids)), key=lambda group: group.id))

    def _groups(self, ids: Collection[str]) -> list[dict[str, Any]]:
        """The security groups of these ids: of a region's thousands, only those on endpoints and on NATs count."""
        chunks = batched(sorted(ids), _FILTER_VALUES, strict=False)
        filters = ([{"Name": "group-id", "Values": list(chunk)}] for chunk in chunks)
        describe = partial(pages, self._ec2, "describe_security_groups", "SecurityGroups")
        found = run_concurrently([partial(describe, Filters=of_chunk) for of_chunk in filters])
        return [group for groups in found for group in groups]

    def _interfaces(self, vpc_ids: set[str]) -> dict[str, list[dict[str, Any]]]:
        """The network interfaces of these VPCs, by VPC."""
        chunks = batched(sorted(vpc_ids), _FILTER_VALUES, strict=False)
        filters = ([{"Name": "vpc-id", "Values": list(chunk)}] for chunk in chunks)
        describe = partial(pages, self._ec2, "describe_network_interfaces", "NetworkInterfaces")
        found = run_concurrently([partial(describe, Filters=of_chunk) for of_chunk in filters])
        by_vpc: dict[str, list[dict[str, Any]]] = {vpc_id: [] for vpc_id in vpc_ids}
        for interface in (interface for interfaces in found for interface in interfaces):
            by_vpc[interface["VpcId"]].append(interface)
        return by_vpc

    def _interfaces_in(self, subnet_ids: set[str]) -> list[dict[str, Any]]:
        """The network interfaces in these subnets."""
        chunks = batched(sorted(subnet_ids), _FILTER_VALUES, strict=False)
        filters = ([{"Name": "subnet-id", "Values": list(chunk)}] for chunk in chunks)
        describe = partial(pages, self._ec2, "describe_network_interfaces", "NetworkInterfaces")
        found = run_concurrently([partial(describe, Filters=of_chunk) for of_chunk in filters])
        return [interface for interfaces in found for interface in interfaces]

    def _stopped(self, instance_ids: Collection[str]) -> list[str]:
        """Those of the instances that don't run, and aren't about to. One that EC2 doesn't know is none."""
        chunks = batched(sorted(instance_ids), _FILTER_VALUES, strict=False)
        filters = ([{"Name": "instance-id", "Values": list(chunk)}, _NOT_RUNNING] for chunk in chunks)
        describe = partial(pages, self._ec2, "describe_instances", "Reservations", IncludeManagedResources=True)
        found = run_concurrently([partial(describe, Filters=of_chunk) for of_chunk in filters])
        return [one["InstanceId"] for reservations in found for each in reservations for one in each["Instances"]]

    def _read_zone_types(self) -> list[dict[str, Any]]:
        if self._zone_types is None:
            with aws_errors("describe_availability_zones"):
                zones = self._ec2.describe_availability_zones(AllAvailabilityZones=True)["AvailabilityZones"]
            self._zone_types = {zone["ZoneName"]: zone.get("ZoneType", "availability-zone") for zone in zones}
        return []

    def _attribute(self, vpc_id: str, name: str) -> bool:
        with aws_errors(f"describe_vpc_attribute {name} of {vpc_id}"):
            answer = self._ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name)
        return bool(answer[name[0].upper() + name[1:]]["Value"])

    def _prefix_lists(
        self, tables: list[dict[str, Any]], groups: list[dict[str, Any]], guarded: set[str]
    ) -> dict[str, tuple[str, ...] | LifelineError]:
        """The CIDRs of the prefix lists in routes and in security group rules; of gateway endpoints' lists, those that
        a network ACL or another route may tell apart.

        A list of another account that isn't shared any more stays in its routes, which go on working, and can't be read
        (VPC guide: work with shared prefix lists).
        """
        own, gateways = lists_in_routes(tables, guarded)
        return self._entries(own | gateways | lists_in_rules(groups))

    def _entries(self, ids: Collection[str]) -> dict[str, tuple[str, ...] | LifelineError]:
        wanted = sorted(ids)
        found = run_concurrently([partial(self._attempt, partial(self._prefix_list, list_id)) for list_id in wanted])
        return dict(zip(wanted, found, strict=True))

    def _attempt[T](self, read: Callable[[], T]) -> T | LifelineError:
        """What is read, or AWS's error: what is denied, not shared, not offered in the Region, or throttled."""
        try:
            return read()
        except (TransientError, TerminalError) as error:
            if error.code != _NO_SUCH_VPC:
                logger.warning("part of the network not read", error=str(error))
                self._denials.note(error)
            return error

    def _prefix_list(self, list_id: str) -> tuple[str, ...]:
        found = pages(self._ec2, "get_managed_prefix_list_entries", "Entries", PrefixListId=list_id)
        return tuple(sorted(entry["Cidr"] for entry in found))


def _or_none[T](found: list[T] | LifelineError) -> list[T]:
    return [] if isinstance(found, LifelineError) else found


def _unread(part: Part, error: LifelineError, id_: str = "") -> Unread:
    return Unread(part, str(error), id_, is_passing=isinstance(error, TransientError))


def _unread_lists(vpc: Vpc, unlisted: Mapping[str, LifelineError]) -> tuple[Unread, ...]:
    """Which of these prefix lists the VPC's routes name, with the reason why each could not be read."""
    named = {route.prefix_list_id for table in vpc.route_tables for route in table.routes}
    return tuple(_unread(Part.PREFIX_LIST, unlisted[list_id], list_id) for list_id in sorted(named & unlisted.keys()))


def _with_attributes(vpc: Vpc, *read: bool | LifelineError) -> Vpc | None:
    """The VPC with its DNS attributes, or the reason why they could not be read; None if it is gone."""
    errors = [found for found in read if isinstance(found, LifelineError)]
    if any(isinstance(error, TerminalError) and error.code == _NO_SUCH_VPC for error in errors):
        return None
    if errors:
        return replace(vpc, unread=(*vpc.unread, _unread(Part.DNS_ATTRIBUTES, errors[0])))
    support, hostnames = map(bool, read)
    return replace(vpc, dns_support=support, dns_hostnames=hostnames)


_OWN_NAMES = {"Name": "group-name", "Values": [SECURITY_GROUP_NAME, f"{SECURITY_GROUP_NAME}-*"]}
_OWN_TAG = {"Name": "tag-key", "Values": [MANAGED_BY]}
_NOT_RUNNING = {"Name": "instance-state-name", "Values": ["shutting-down", "stopped", "stopping", "terminated"]}
_DNS_ATTRIBUTES = ("enableDnsSupport", "enableDnsHostnames")


def _stranded(interfaces: Iterable[dict[str, Any]], stopped: Collection[str] = ()) -> frozenset[str]:
    return without_addresses(any_interface_of(described, stopped) for described in interfaces)


def _instance_ids(interfaces: Iterable[dict[str, Any]]) -> set[str]:
    return {id_ for one in interfaces if (id_ := one.get("Attachment", {}).get("InstanceId"))}


def _ids(groups: Iterable[dict[str, Any]]) -> set[str]:
    return {group["GroupId"] for group in groups}


def _by_vpc[T](
    described: Iterable[dict[str, Any]], read: Callable[[dict[str, Any]], T]
) -> defaultdict[str, tuple[T, ...]]:
    """The values of each VPC, ordered by their ids, which lead each value's representation."""
    found: defaultdict[str, list[T]] = defaultdict(list)
    for item in described:
        found[item.get("VpcId", "")].append(read(item))
    ordered: defaultdict[str, tuple[T, ...]] = defaultdict(tuple)
    for vpc_id, values in found.items():
        ordered[vpc_id] = _ordered(values)
    return ordered


def _ordered[T](values: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted(values, key=lambda value: str(getattr(value, "id", ""))))
