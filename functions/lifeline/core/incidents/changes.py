"""Which recorded change closed a subnet's path to a service, and which one opened it again."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from lifeline.core.history.change import Change
from lifeline.core.incidents.incident import CauseKind
from lifeline.core.network.acl import acl_of, private_addresses
from lifeline.core.network.model import (
    DEFAULT_ROUTES,
    Ranges,
    Route,
    RouteTable,
    Subnet,
    TargetKind,
    Vpc,
    named_lists,
    version_of,
)
from lifeline.core.network.packets import EVERY_ADDRESS, narrowed, span, wider_of, without
from lifeline.core.network.service_here import endpoints_of, ever_of
from lifeline.core.network.tiers import effective_route_table, ways_out
from lifeline.core.network.way_out import GATEWAYS
from lifeline.core.wording import is_call, write_actor, write_person, write_time

LOOK_BACK = timedelta(hours=24)
LAG = timedelta(minutes=2)  # clocks differ: a change may be recorded a little after the datapoint that it stopped
LINGERING = timedelta(minutes=10)  # a connection that is open when its route goes may last that long
_AT_ONCE = timedelta(minutes=2)  # changes of one deployment may be this far apart
_LONGEST_ACTOR = 40
_INSIDE = frozenset({TargetKind.LOCAL, TargetKind.GATEWAY_ENDPOINT})
_GATEWAYS = ("igw", "eigw", "nat", "vgw", "tgw", "pcx", "cagw", "lgw")


class Field(StrEnum):
    """What a change is about, by the words of its call's name that follow the verb."""

    ROUTES = (
        "Route|VgwRoute|InternetGateway|EgressOnlyInternetGateway|CarrierGateway|NatGateway|PrivateNatGateway"
        "|NetworkInterface|InstanceAttribute|Vpn|VpcPeering|LocalGateway|TransitGateway|VpcBlockPublicAccess"
        "|ManagedPrefixList|IpamPrefixListResolver|Subnet$|SubnetCidrBlock"
    )
    ENDPOINTS = "VpcEndpoints?$"
    FILTERS = "SecurityGroup|NetworkAcl|ManagedPrefixList|IpamPrefixListResolver"
    INBOUND = "SecurityGroup(?!Egress)|NetworkAcl|ManagedPrefixList|IpamPrefixListResolver"
    OUTBOUND = "SecurityGroup(?!Ingress)|ManagedPrefixList|IpamPrefixListResolver"
    DNS = "VpcAttribute|DhcpOptions"

    def holds(self, event_name: str) -> bool:
        """True if the call is about that."""
        return self in _fields_of(event_name)


@lru_cache(maxsize=1024)
def _fields_of(event_name: str) -> frozenset[Field]:
    if not is_call(event_name):  # an instance that a route leads to
        return frozenset({Field.ROUTES})
    return frozenset(field for field in Field if re.match(rf"[A-Z][a-z]+(?:{field.value})", event_name))


# Calls that can't take anything away: those that only add, and those that only let more through. An added ACL entry may
# deny, an added association may be the wrong one, and an endpoint with private DNS takes its service's name for all.
_ONLY_ADDS = re.compile(
    r"(Create|Attach|Accept|Enable|Assign)(?!NetworkAclEntry|VpcEndpoint$|Subnet$)|Authorize"
    r"|instance (pending|running)$"
)
# Calls that can't bring anything back. A rule that is deleted may have denied, and a subnet without an association of
# its own follows the main route table.
_ONLY_TAKES = re.compile(
    r"(Delete|Detach|Disable|Reject|Revoke|Unassign)(?!NetworkAcl)|Disassociate(?!RouteTable$)"
    r"|instance (stopping|stopped|shutting-down|terminated)$"
)
# An egress-only internet gateway carries IPv6 alone (VPC guide), and a subnet's only IPv4 block stays with it (EC2 API:
# DisassociateSubnetCidrBlock).
_ONLY_IPV6 = re.compile(r"EgressOnlyInternetGateway|SubnetCidrBlock")
_ROUTE = re.compile(r"(Create|Replace|Delete)Route")  # of a VPC's table; a transit gateway's lead back, too

_BEGUN_BY: dict[CauseKind, tuple[Field, ...]] = {
    CauseKind.CUT_OFF: (Field.ROUTES, Field.ENDPOINTS),
    CauseKind.WAY_OUT_SHUT: (Field.FILTERS, Field.ROUTES),
    CauseKind.ENDPOINT_PENDING: (Field.ROUTES, Field.ENDPOINTS),
    CauseKind.ENDPOINT_FAILED: (Field.ROUTES, Field.ENDPOINTS),
    CauseKind.ENDPOINT_CLOSED: (Field.INBOUND, Field.ENDPOINTS),  # an endpoint only answers (VPC guide: groups)
    CauseKind.DNS_OFF: (Field.DNS,),
    CauseKind.PATH_UNKNOWN: (Field.ROUTES, Field.ENDPOINTS, Field.FILTERS, Field.DNS),
    CauseKind.ENDPOINT_POLICY: (Field.ENDPOINTS,),
    CauseKind.OWN_GROUP: (Field.OUTBOUND, Field.ENDPOINTS),  # a client only asks, and asks whoever answers the name
}


@dataclass(frozen=True, slots=True)
class ChangeScope:
    """The resources that one subnet's path to one service depends on, and those that it doesn't depend on.

    `versions` are the IP versions of the packets on the way. No route that leads to no more than `off_the_way` is part
    of it, but for those within the VPC, to `own`. `dead` are route tables, each with a destination to which it leads
    nowhere, and `unsure` those where that isn't known. Something private may have served the service there
    `served_until`, None if that may still be so; at no time, if nothing was ever seen to. Lifeline has looked for that
    since `looked_since`, None if it doesn't, or that isn't known.
    """

    vpc_id: str
    subnet_ids: frozenset[str]
    table_ids: frozenset[str]
    target_ids: frozenset[str]
    endpoint_ids: frozenset[str]
    filter_ids: frozenset[str]
    other_ids: frozenset[str]
    versions: frozenset[int] = frozenset({4})
    off_the_way: Ranges = ()
    own: Ranges = ()
    dead: frozenset[tuple[str, str]] = frozenset()
    unsure: frozenset[tuple[str, str]] = frozenset()
    served_until: datetime | None = None
    looked_since: datetime | None = None

    @property
    def ids(self) -> frozenset[str]:
        """All the resources that the path depends on."""
        return self.subnet_ids | self.table_ids | self.target_ids | self.endpoint_ids | self.filter_ids


def scope_of(
    subnet: Subnet, vpc: Vpc, service: str, *, is_public: bool = False, is_within: bool = False
) -> ChangeScope:
    """What the subnet's path to the service depends on: its route table and, behind a NAT, that of the NAT's subnet,
    and the filters on the way to the service's endpoints and through the NAT. `is_public` says that the service's name
    leads to public addresses where no endpoint answers it: a route to other private networks is then no part of the
    way, but one within the VPC may bring the answers. `is_within` says that an endpoint of the VPC answers: then only
    those are, there and back.

    A subnet with IPv4 uses that alone (docs/adr/0005). What an IPv6-only one sends may go on by IPv4 behind a NAT
    gateway (VPC guide: DNS64 and NAT64).
    """
    own = tuple(span(cidr) for cidr in vpc.all_cidrs)
    endpoints = endpoints_of(service, vpc)
    hosts = {subnet_id for endpoint in endpoints for subnet_id in endpoint.subnet_ids}
    tables = _tables_within({subnet.id, *hosts}, vpc, own) if is_within else _tables(subnet, vpc)
    targets = frozenset(route.target_id for table in tables for route in table.routes if route.target_id)
    machines = [interface for interface in vpc.interfaces or () if interface.id in targets]
    homes = {nat.subnet_id for nat in vpc.nat_gateways if nat.id in targets and nat.subnet_id}
    homes |= {machine.subnet_id for machine in machines}
    on_the_way = [candidate for candidate in vpc.subnets if candidate.id in {subnet.id, *hosts, *homes}]
    acls = frozenset(acl.id for candidate in on_the_way if (acl := acl_of(candidate, vpc)))
    of_endpoints = frozenset[str]().union(*(endpoint.security_group_ids for endpoint in endpoints))
    of_machines = frozenset[str]().union(*(machine.group_ids for machine in machines))
    groups = of_endpoints | of_machines
    rules = [rule for group in vpc.groups(groups) for rule in group.ingress]
    rules += [rule for group in vpc.groups(of_machines) for rule in group.egress]  # an endpoint only answers
    lists = named_lists(rules)
    lists |= {route.prefix_list_id for table in tables for route in table.routes if route.prefix_list_id}
    ends = [end for home in on_the_way for end in _ends(home, vpc)]
    off_the_way = private_addresses(4) if is_public and not endpoints else ()
    return ChangeScope(
        vpc_id=vpc.id,
        subnet_ids=frozenset({subnet.id, *homes}),
        table_ids=frozenset(table.id for table in tables),
        target_ids=targets | lists,
        endpoint_ids=frozenset(endpoint.id for endpoint in ever_of(service, vpc)),
        filter_ids=acls | groups | lists,
        other_ids=_seen(vpc),
        versions=frozenset({subnet.ip_version} | ({4} if homes else set())),
        off_the_way=EVERY_ADDRESS[subnet.ip_version] if is_within else off_the_way,
        own=own,
        dead=frozenset(end for end, is_dead in ends if is_dead),
        unsure=frozenset(end for end, is_dead in ends if not is_dead),
    )


class Past:
    """The recorded changes of what one path depends on, sorted once for all the agents there."""

    def __init__(self, changes: Iterable[Change], scope: ChangeScope) -> None:
        self._newest_first = sorted(changes, key=lambda change: (change.at, change.event_id), reverse=True)
        self._scope = scope
        self._beginnings: dict[CauseKind, tuple[Change, ...]] = {}
        self._cures: dict[Field, tuple[Change, ...]] = {}

    def change_behind(
        self,
        kind: CauseKind,
        since: datetime,
        *,
        harmless_before: datetime | None = None,
        closed_by: datetime | None = None,
    ) -> Change | None:
        """The last change that can have begun a cause of that kind, in the day before the gap, or None.

        Of changes made at once, it is the one whose record says most. One of another kind is never named, nor one from
        before `harmless_before`, which didn't stop the agent: a wrong name in a notice is worse than none. One that
        can't be traced to a VPC counts only where it came just before. `closed_by` is when the path was seen closed: of
        what came later, nothing is named if something came before, for a repair that fails may close nothing.
        """
        earliest = max(since - LOOK_BACK, harmless_before or since - LOOK_BACK)
        found = [
            change
            for change in self._that_begin(kind)
            if earliest <= change.at <= since + LAG
            and (change.is_traced or change.at >= since - LINGERING)
            and not self.served_nothing(change)
        ]
        if closed_by:
            found = [change for change in found if change.at <= closed_by] or found
        served_until = self._scope.served_until
        is_late = bool(found) and served_until is not None and served_until < found[0].at
        is_doubtful = is_late and not _plainness(found[0], self._scope)
        apart = LINGERING if is_doubtful else _AT_ONCE  # the endpoint that it names likely served something else
        together = (change for change in found if found[0].at - change.at <= apart)
        return max(together, key=lambda change: _plainness(change, self._scope), default=None)

    def served_nothing(self, change: Change) -> bool:
        """True if it is of endpoints that are gone and surely served another service: for a day before it, Lifeline
        saw nothing private serve this one, and none of them was made or modified in that time.
        """
        scope, earliest = self._scope, change.at - LOOK_BACK
        is_known = scope.looked_since is not None and scope.looked_since <= earliest
        if not is_known or scope.served_until is None or scope.served_until > earliest:
            return False
        ids = _of_kinds(change.ids, ("vpce",))
        made = (other for other in self._newest_first if other != change and other.ids & ids)
        is_young = any(Field.ENDPOINTS.holds(other.event_name) for other in made)
        is_gone = bool(ids) and Field.ENDPOINTS.holds(change.event_name) and not _plainness(change, scope)
        return is_gone and not is_young

    def is_of_end(self, change: Change) -> bool:
        """True if it is of a route that leads nowhere, or may."""
        return _is_of_one(change, self._scope.dead | self._scope.unsure)

    def cure(self, field: Field, *, after: Change | None, not_before: datetime, until: datetime) -> Change | None:
        """The last change that can have opened the path again, in that time and after the one that closed it."""
        in_time = (change for change in self._that_cure(field) if change.is_traced and not_before <= change.at <= until)
        later = (change for change in in_time if after is None or (change.at >= after.at and change != after))
        return next(later, None)

    def _that_begin(self, kind: CauseKind) -> tuple[Change, ...]:
        if kind not in self._beginnings:
            fields = _BEGUN_BY.get(kind, ())
            # Where no endpoint serves, a new one isn't what closed the path.
            new = "CreateVpcEndpoint" if Field.ROUTES in fields else ""
            old = (change for change in self._newest_first if change.event_name != new)
            is_known = kind is not CauseKind.PATH_UNKNOWN
            scope = self._scope if is_known else replace(self._scope, dead=self._scope.dead | self._scope.unsure)
            self._beginnings[kind] = tuple(change for change in old if takes(change, fields, scope))
        return self._beginnings[kind]

    def _that_cure(self, field: Field) -> tuple[Change, ...]:
        if field not in self._cures:
            self._cures[field] = tuple(change for change in self._newest_first if brings(change, (field,), self._scope))
        return self._cures[field]


def takes(change: Change, fields: Sequence[Field], scope: ChangeScope) -> bool:
    """True if the change can have removed something that the path depends on. A new route can where it leads nowhere:
    it takes what it is for from a wider one that led on (VPC guide: route priority). A new entry of a network ACL can
    where it denies.
    """
    if change.rule_action == "allow":
        return False
    is_dead_end = change.event_name == "CreateRoute" and _is_of_one(change, scope.dead)
    return _concerns(change, fields, scope) and (is_dead_end or not _ONLY_ADDS.match(change.event_name))


def _is_of_one(change: Change, ends: Collection[tuple[str, str]]) -> bool:
    """True if the change is of one of these destinations, each of a route table."""
    return any(table_id in change.ids and block in change.blocks for table_id, block in ends)


def brings(change: Change, fields: Sequence[Field], scope: ChangeScope) -> bool:
    """True if the change can have restored something that the path depends on."""
    only_takes = change.rule_action == "deny" or _ONLY_TAKES.match(change.event_name)
    return _concerns(change, fields, scope) and not only_takes


def change_words(change: Change) -> str:
    """Who did what, short enough for a subject: `DeleteRoute by ops/dana`."""
    actor = write_actor(change.actor)
    if len(actor) > _LONGEST_ACTOR:
        actor = write_person(change.actor, is_service_named=True)
    return f"{change.event_name} by {actor}" if actor else change.event_name


def change_evidence(change: Change) -> str:
    """The change as CloudTrail has it."""
    actor = f" by {write_actor(change.actor)}" if change.actor else ""
    event = f" (CloudTrail event {change.event_id})" if change.event_id else ""
    return f"{change.event_name}{actor} at {write_time(change.at)}{event}"


def clock_words(time: datetime) -> str:
    """A time of the day as notices write it."""
    return f"{time.astimezone(UTC):%H:%M:%S} UTC"


def _plainness(change: Change, scope: ChangeScope) -> int:
    """How plainly its record says that it closed the path: it names what that depends on, and can do nothing else."""
    if not change.ids & scope.ids:
        return 0
    return 2 if _ONLY_TAKES.match(change.event_name) else 1


def _concerns(change: Change, fields: Sequence[Field], scope: ChangeScope) -> bool:
    """True unless the change names others' resources or addresses only. Older records, and some calls, name none."""
    of = _fields_of(change.event_name).intersection(fields)
    if not of or _is_elsewhere(change, scope):
        return False
    if not change.ids:
        return "PrefixList" not in change.event_name or bool(_of_kinds(scope.target_ids | scope.filter_ids, ("pl",)))
    return any(_touches(change.ids, field, scope) for field in of)


def _is_elsewhere(change: Change, scope: ChangeScope) -> bool:
    """True if the change is surely of addresses that aren't on the way: of another IP version, or a route to others."""
    versions = {6} if _ONLY_IPV6.search(change.event_name) else {version_of(block) for block in change.blocks}
    if versions and not versions & scope.versions:
        return True
    if not versions or not _ROUTE.fullmatch(change.event_name):
        return False
    blocks = tuple(map(span, change.blocks))  # what is wider than the VPC's blocks takes nothing from these
    return not without(blocks, scope.off_the_way) and bool(without(blocks, scope.own))


def _touches(ids: frozenset[str], field: Field, scope: ChangeScope) -> bool:
    match field:
        case Field.FILTERS | Field.INBOUND | Field.OUTBOUND:
            return bool(ids & scope.filter_ids)
        case Field.ENDPOINTS:
            return _names(ids, ("vpce",), scope.endpoint_ids, scope, otherwise=True)
        case Field.ROUTES:
            return _touches_routes(ids, scope)
        case Field.DNS:
            return True


def _touches_routes(ids: frozenset[str], scope: ChangeScope) -> bool:
    """By what says most: the subnets that a change names, else its route tables, else whatever else it names."""
    if _of_kinds(ids, ("subnet",)):
        return bool(ids & scope.subnet_ids)
    if _of_kinds(ids, ("rtb",)):
        return _names(ids, ("rtb",), scope.table_ids, scope, otherwise=False)
    if _of_kinds(ids, ("eni", "pl")):
        return bool(ids & scope.target_ids)
    if _of_kinds(ids, ("i", "eni-attach")):  # of the VPC's routes; which one isn't said, so any to an instance
        return bool(_of_kinds(scope.target_ids, ("eni", "i")))
    return _names(ids, _GATEWAYS, scope.target_ids, scope, otherwise=True)


def _names(
    ids: frozenset[str], kinds: tuple[str, ...], own: frozenset[str], scope: ChangeScope, *, otherwise: bool
) -> bool:
    """True if it names one of `own`, or one that is gone by now, which may have been. `otherwise` if it names none."""
    named = _of_kinds(ids, kinds)
    return bool(named & own or named - scope.other_ids) if named else otherwise


def _of_kinds(ids: frozenset[str], kinds: tuple[str, ...]) -> frozenset[str]:
    return frozenset(resource_id for resource_id in ids if resource_id.rpartition("-")[0] in kinds)


def _tables(subnet: Subnet, vpc: Vpc) -> tuple[RouteTable, ...]:
    own = effective_route_table(subnet, vpc)
    targets = {route.target_id for route in own.routes} if own else set()
    homes = {nat.subnet_id for nat in vpc.nat_gateways if nat.id in targets}
    onward = (effective_route_table(subnet, vpc) for subnet in vpc.subnets if subnet.id in homes)
    return tuple(table for table in (own, *onward) if table)


def _tables_within(subnet_ids: Collection[str], vpc: Vpc, own: Ranges) -> tuple[RouteTable, ...]:
    """The subnets' route tables, with what they have of routes that stay within the VPC's blocks."""
    found = [effective_route_table(subnet, vpc) for subnet in vpc.subnets if subnet.id in subnet_ids]
    inside = {
        table.id: tuple(route for route in table.routes if not without(tuple(map(span, route.destinations)), own))
        for table in found
        if table
    }
    return tuple(replace(table, routes=inside[table.id]) for table in found if table)


def _ends(subnet: Subnet, vpc: Vpc) -> Iterator[tuple[tuple[str, str], bool]]:
    """Where the subnet's route table leads nowhere although a wider route of it leads on: by a blackhole, or with
    public addresses to what doesn't lead out. False with each that leads to what may lead nowhere, a machine or another
    network. A default route takes nothing from any other, nor does one of which narrower ones take everything.
    """
    table = effective_route_table(subnet, vpc)
    if table is None:
        return
    out = frozenset(ways_out(subnet, vpc))
    ends = {
        (route, text)
        for route in table.routes
        for text in route.destinations
        if text not in DEFAULT_ROUTES and (_is_dead(route, text, out) or route.target not in GATEWAYS | _INSIDE)
    }
    if not ends:
        return
    left = (
        replace(route, destinations=tuple(text for text in route.destinations if (route, text) not in ends))
        for route in table.routes
    )
    rest = replace(table, routes=tuple(left))
    before = replace(vpc, route_tables=tuple(rest if one == table else one for one in vpc.route_tables))
    out |= frozenset(ways_out(subnet, before))  # the default route, too, where narrower ones cover everything
    local = Route(vpc.all_cidrs, TargetKind.LOCAL, "local", is_active=True)
    for version in (4, 6):
        by_block = {
            span(text): (route, text)
            for route in (local, *reversed(table.routes))  # of those for one block, the first one counts
            for text in route.destinations
            if version_of(text) == version
        }
        own = narrowed(by_block)
        for block, wider in wider_of(by_block).items():
            route, text = by_block[block]
            leads_on = wider is not None and not _is_dead(by_block[wider][0], text, out)
            if (route, text) in ends and own[block] and leads_on:
                yield (table.id, text), _is_dead(route, text, out)


def _is_dead(route: Route, text: str, out: Collection[Route]) -> bool:
    """True if the route leads nowhere with this destination. `out` are the subnet's routes that lead out."""
    is_public = bool(without((span(text),), private_addresses(version_of(text))))
    return not route.is_active or (is_public and route.target not in _INSIDE and route not in out)


def _seen(vpc: Vpc) -> frozenset[str]:
    """Everything of the VPC that is there now: what a change names beside it may be gone by now."""
    targets = {route.target_id for table in vpc.route_tables for route in table.routes}
    tables = {table.id for table in vpc.route_tables}
    endpoints = {endpoint.id for endpoint in vpc.endpoints}
    gateways = {nat.id for nat in vpc.nat_gateways}
    return frozenset(targets | tables | endpoints | gateways)
