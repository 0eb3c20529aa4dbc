"""The one judge of how a subnet reaches a service: by what, over which path, what stands between, what was not read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from lifeline.core.network.dns import DnsAnswer, DnsView, custom_dns_finding, parent_zone
from lifeline.core.network.endpoint_policy import Opening, judge_policy
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.model import (
    FAILED_STATES,
    Catalog,
    Endpoint,
    EndpointType,
    NetworkInterface,
    Part,
    Ranges,
    SeenTier,
    Subnet,
    TargetKind,
    Tier,
    Vpc,
)
from lifeline.core.network.network_path import NetworkPath, Reach, together
from lifeline.core.network.obstacles import Barrier, barrier_to, is_managed, is_on_gateway, lets_all_in
from lifeline.core.network.packets import EPHEMERAL, NAT_PORTS, common, ports_in, without
from lifeline.core.network.ports import SMTP, ports_unknown
from lifeline.core.network.priority import is_decided
from lifeline.core.network.route_words import route_words
from lifeline.core.network.service_here import ServiceHere, is_ready
from lifeline.core.network.tiers import as_chosen, classify, effective_route_table, why_unsure
from lifeline.core.network.way_out import behind_nat, beside_unread, only_by_ipv6, partly_out, way_out
from lifeline.core.network.way_to_central import unread_addresses, way_to_central

_IN_PART = "only some of what the subnet sends is let through"
_PUBLIC = {False: "public IPv4 address", True: "IPv6 address"}
_STAYING = frozenset({TargetKind.LOCAL, TargetKind.GATEWAY_ENDPOINT})
_REDUCED = (
    f"the network ACLs let responses reach only some of the ports from which connections come ({ports_in(EPHEMERAL)}, "
    f"and {ports_in(NAT_PORTS)} of a NAT), so that some may fail"
)


def find_path(
    subnet: Subnet,
    vpc: Vpc,
    service: str,
    catalog: Catalog,
    dns: DnsView | None,
    *,
    has_public_address: bool,
    asking: NetworkInterface | None = None,
) -> NetworkPath:
    """The path from the subnet to the service of that suffix, as an instance there finds it: `asking`, if it is known.

    `dns` is None where nobody has read it: that isn't the same as nobody else answering. See `ServiceReach`, which
    answers for many subnets of a VPC.
    """
    return ServiceReach(vpc, service, catalog, dns, asking).path(subnet, has_public_address=has_public_address)


@dataclass(frozen=True, eq=False)
class ServiceReach(ServiceHere):
    """How the subnets of one VPC reach one service; what holds for all of them is found once.

    The service's name decides first. While both of the VPC's DNS attributes are on, an available interface endpoint
    with private DNS takes it for the whole VPC, public subnets included (PrivateLink guide: private DNS; VPC guide: DNS
    attributes). So does S3's, even beside a gateway endpoint, unless its private DNS is for the inbound resolver only
    (S3 guide: PrivateLink for Amazon S3). Else a gateway endpoint's route takes the service's public addresses: the
    subnet's own or, if nothing else leads out, that of a NAT gateway's subnet. Then comes what answers the name
    centrally, and at last the subnet's own way out. Where nothing leads out, what answers centrally decides, and the
    path is unknown while that wasn't read. The name is the usual one, for which clients ask unless they are told
    otherwise; of several that are answered in different ways, each has its path, and the service has them all, or is
    reachable in part.

    `asking` is the one interface of which paths are asked, None for whole subnets.
    """

    asking: NetworkInterface | None = None
    _tiers: dict[str, SeenTier] = field(default_factory=dict, init=False, repr=False)
    _lets_all_in: dict[tuple[str, int], bool] = field(default_factory=dict, init=False, repr=False)

    def path(self, subnet: Subnet, *, has_public_address: bool) -> NetworkPath:
        """The path of an instance in the subnet, with what its routes are among the notes."""
        path = self._whichever_counts(subnet, partial(ServiceReach._path, has_public_address=has_public_address))
        path = self._unless_dns_is_unread(path, subnet)
        path = replace(path, notes=(route_words(subnet, self.vpc, self.service, self._tier(subnet)), *path.notes))
        others = (one.path(subnet, has_public_address=has_public_address) for one in self._of_others)
        return together([path, *others])

    def private_path(self, subnet: Subnet) -> NetworkPath:
        """The path by an endpoint, here or central, whatever way out the subnet has beside it."""
        path = self._whichever_counts(subnet, ServiceReach._private_path)
        others = (one.private_path(subnet) for one in self._of_others)
        return together([self._unless_dns_is_unread(path, subnet), *others])

    def _path(self, subnet: Subnet, *, has_public_address: bool) -> NetworkPath:
        return (
            self._by_name(subnet)
            or self._without_resolver(subnet, has_public_address=has_public_address)
            or self._by_itself(subnet, has_public_address=has_public_address)
            or self._not_yet(subnet)
            or self._filtered(subnet, has_public_address=has_public_address)
            or self._nowhere(subnet, has_public_address=has_public_address)
        )

    def _private_path(self, subnet: Subnet) -> NetworkPath:
        return self._by_name(subnet, is_private=True) or self._not_yet(subnet) or self._unserved(subnet)

    def _whichever_counts(self, subnet: Subnet, find: Callable[["ServiceReach", Subnet], NetworkPath]) -> NetworkPath:
        """The path, whichever routes AWS has chosen; unknown where that decides."""
        possible = (self.vpc,) if self._is_decided else as_chosen(subnet, self.vpc)
        if possible == (self.vpc,):
            return find(self, subnet)
        found = [find(replace(self, vpc=vpc), subnet) for vpc in possible]
        unread = tuple(dict.fromkeys(words for path in found for words in path.unread))
        if len({path.standing for path in found}) == 1:
            doubts = tuple(dict.fromkeys(words for path in found for words in path.doubts))
            # What is true of all, and what says that something wasn't read.
            first = min(found, key=lambda path: (path.reach is not path.standing[0], -len(path.unread)))
            first = replace(first, doubts=doubts, unread=unread)
            is_blamed = not first.reach.is_open_in_part and first.reach is not first.standing[0]
            causes = {(path.reach, path.obstacles) for path in found} if is_blamed else ()
            return self._closed_by_each(found, first, subnet) if len(causes) > 1 else first
        return NetworkPath(
            Reach.UNKNOWN,
            f"it isn't known whether {subnet.id} can reach the {self.service} service",
            next((path.endpoint_id for path in found if path.endpoint_id), ""),
            next((path.central_id for path in found if path.central_id), ""),
            unread=(*why_unsure((subnet,), self.vpc), *unread),
            is_repairable=any(path.is_repairable for path in found),
        )

    def _closed_by_each(self, found: Sequence[NetworkPath], first: NetworkPath, subnet: Subnet) -> NetworkPath:
        """Closed whichever routes AWS has chosen, by each for another reason: none of these is said to be the cause."""
        reasons = (f"by one of the routes, {words}" for words in dict.fromkeys(path.words for path in found))
        words = f"{subnet.id} can't reach the {self.service} service, whichever route AWS chose"
        return replace(first, reach=Reach.UNREACHABLE, words=words, obstacles=(), notes=(*first.notes, *reasons))

    def _unless_dns_is_unread(self, path: NetworkPath, subnet: Subnet) -> NetworkPath:
        """The path; unknown if it is open only while the VPC's DNS is on, and whether that is so could not be read."""
        unread = self.vpc.unread_words(Part.DNS_ATTRIBUTES)
        if not unread or not path.reach.is_open:
            return path
        words = f"it isn't known whether {subnet.id} can reach the {self.service} service"
        notes, unread = (*path.notes, path.words), (*path.unread, *unread)
        return replace(path, reach=Reach.UNKNOWN, words=words, notes=notes, unread=unread)

    @cached_property
    def _is_decided(self) -> bool:
        """Of all of the VPC's routes, found once."""
        return is_decided(self.vpc.route_tables)

    def _tier(self, subnet: Subnet) -> SeenTier:
        if subnet.id not in self._tiers:
            self._tiers[subnet.id] = classify(subnet, self.vpc)
        return self._tiers[subnet.id]

    # ---- who answers the name

    @cached_property
    def _of_others(self) -> tuple["ServiceReach", ...]:
        """The same for usual names that aren't answered as the first one is."""
        return tuple(replace(self, asked=(name,)) for name in self.answered_otherwise)

    def _by_name(self, subnet: Subnet, *, is_private: bool = False) -> NetworkPath | None:
        is_on, central = not self.attributes_off, self.central
        if is_on and self.holder and self.is_held and not self.is_forwarded:
            return self._unless_forwarded(self._by_endpoint(self.holder, subnet), subnet)
        is_read = central and central.addresses is not None  # so the name isn't a public address
        if is_on and central and (is_read or (self.is_forwarded and self.is_held)):
            return self._by_central(central, subnet)
        gateways = (gateway for gateway in self.gateways if is_ready(gateway))
        gateway = next((gateway for gateway in gateways if is_on_gateway(gateway, subnet, self.vpc)), None)
        if path := self._by_endpoint(gateway, subnet) if gateway else self._behind_nat(subnet, is_private=is_private):
            if not self.asks_somebody:
                return self._unresolved(path.endpoint_id)
            return self._unless_elsewhere(path, central, subnet) if is_on and central else path
        if self.maybe_holder:
            words = f"it isn't known whether {self.maybe_holder.id} answers for the {self.service} service in the VPC"
            unread = "its PrivateDnsOnlyForInboundResolverEndpoint option was not read"
            return NetworkPath(Reach.UNKNOWN, words, self.maybe_holder.id, unread=(unread,))
        return self._by_central(central, subnet) if is_on and central else None

    def _unless_elsewhere(self, path: NetworkPath, central: DnsAnswer, subnet: Subnet) -> NetworkPath:
        """The path by a gateway endpoint, if the name leads to public addresses; what answers it wasn't read."""
        path = replace(path, unread=(*path.unread, unread_addresses(central)))
        if path.reach.is_open_in_part:
            return path
        words = f"it isn't known whether {subnet.id} can reach the {self.service} service"
        return replace(path, reach=Reach.UNKNOWN, words=words, notes=(*path.notes, path.words))

    def _behind_nat(self, subnet: Subnet, *, is_private: bool, is_addressed: bool = True) -> NetworkPath | None:
        """The path by a gateway endpoint beyond a NAT gateway that leads nowhere else. Where it isn't known to be
        whole, a plan doesn't count on it (`is_private`): a gateway endpoint of the subnet's own is free.
        """
        found = self._beyond_nat(subnet, is_addressed=is_addressed)
        gateway, barrier = found or (None, Barrier())
        if gateway is None or not barrier.passes_any:
            return None
        path = self._by_endpoint(gateway, subnet, barrier)
        if path.reach is Reach.SERVED:
            return replace(path, words=f"by way of a NAT gateway, {path.words}")
        is_maybe_out = path.reach is Reach.UNKNOWN  # so that the check for harm counts it
        is_repairable = self._closed(subnet).is_repairable
        return None if is_private else replace(path, is_repairable=is_repairable, is_partly_out=is_maybe_out)

    def _beyond_nat(self, subnet: Subnet, *, is_addressed: bool = True) -> tuple[Endpoint, Barrier] | None:
        """The gateway endpoint to which nothing but a NAT gateway's subnet leads, and what stands on the way there. An
        internet gateway beside it leads nowhere for a client without a public address.
        """
        tier = self._tier(subnet)
        if tier is not Tier.ISOLATED and (is_addressed or tier is not Tier.PUBLIC):
            return None
        ready = (gateway for gateway in self.gateways if is_ready(gateway))
        found = ((one, behind_nat(one, subnet, self.vpc, self.ports, self.asking)) for one in ready)
        return next(((one, barrier) for one, barrier in found if barrier), None)

    def _by_endpoint(self, endpoint: Endpoint, subnet: Subnet, barrier: Barrier | None = None) -> NetworkPath:
        is_asked = endpoint.type is EndpointType.INTERFACE and self.dns and self.dns.custom_dns_servers
        barrier = barrier or self._barrier_to(endpoint, subnet)
        words = f"{endpoint.id} gives access to the {self.service} service"
        path = NetworkPath(
            Reach.SERVED,
            f"{words}, except that {barrier.exception}" if barrier.exception else words,
            endpoint.id,
            obstacles=barrier.obstacles,
            notes=(*([_REDUCED] if barrier.is_reduced else []), *_narrow_words(endpoint, self.vpc)),
            doubts=(custom_dns_finding(self.dns),) if self.dns and is_asked else (),
            unread=barrier.unread,
            shut=barrier.shut,
            flows=barrier.flows,
            excepted=barrier.excepted,
        )
        if barrier.obstacles and not (barrier.unread and barrier.passes_any):
            in_part = _IN_PART if barrier.passes_any else ""
            return replace(
                path,
                reach=Reach.PARTLY if barrier.passes_any else Reach.CLOSED,
                doubts=(*path.doubts, in_part) if in_part else path.doubts,
                words=barrier.obstacles[0].words,
                notes=(*(obstacle.words for obstacle in barrier.obstacles[1:]), *_narrow_words(endpoint, self.vpc)),
                is_repairable=all(obstacle.is_repairable for obstacle in barrier.obstacles),
            )
        if barrier.unread:
            words = f"it isn't known whether {subnet.id} can reach the {self.service} service through {endpoint.id}"
            return replace(path, reach=Reach.UNKNOWN, words=words)
        return path

    def _barrier_to(self, endpoint: Endpoint, subnet: Subnet) -> Barrier:
        """What stands before an endpoint; while the service's ports aren't known, only that."""
        if not self.ports:
            return Barrier(unread=(ports_unknown(self.service),))
        gate = endpoint.id, subnet.ip_version
        if gate not in self._lets_all_in:
            self._lets_all_in[gate] = lets_all_in(endpoint, self.vpc, subnet.ip_version, self.ports)
        if self._lets_all_in[gate]:
            return Barrier()
        return barrier_to(endpoint, subnet, self.vpc, self.ports, self.asking)

    def _by_central(self, central: DnsAnswer, subnet: Subnet) -> NetworkPath:
        """Central endpoints serve a subnet from which a route leads to their addresses. What lies beyond isn't read."""
        words = f"{central.kind} {central.source_id} answers {central.domain or 'every name'}"
        path = NetworkPath(Reach.CENTRAL, words, central_id=central.source_id, addresses=central.addresses or ())
        if here := self.beside(central):
            found = self._by_endpoint(here, subnet)
            is_served = found.reach is Reach.SERVED
            return replace(path, unread=found.unread) if is_served else replace(found, central_id=central.source_id)
        if effective_route_table(subnet, self.vpc) is None:
            return self._without_table(replace(path, notes=(words,)), subnet)
        own = [endpoint for endpoint in self.endpoints if is_ready(endpoint) and not self._is_shut(endpoint, subnet)]
        barrier = way_to_central(central, subnet, self.vpc, self.ports, own, self.asking)
        unread = (*(self.dns.unreadable if self.dns else ()), *barrier.unread)
        path = replace(path, unread=unread, obstacles=barrier.obstacles, shut=barrier.shut, flows=barrier.flows)
        if barrier.obstacles:
            return self._behind(barrier, path)
        if barrier.is_partly_far:
            unsure = f"it isn't known whether {subnet.id} can reach the {self.service} service"
            return replace(path, reach=Reach.UNKNOWN, words=unsure, notes=(words,))
        words = f"{words}, except that {barrier.exception}" if barrier.exception else words
        notes = (_REDUCED,) if barrier.is_reduced else ()
        return replace(path, words=words, notes=notes, excepted=barrier.excepted)

    def _behind(self, barrier: Barrier, path: NetworkPath) -> NetworkPath:
        """A path to central endpoints on which something stands."""
        first, *more = (obstacle.words for obstacle in barrier.obstacles)
        if barrier.passes_any:
            return replace(path, reach=Reach.PARTLY, words=first, notes=(path.words, *more), doubts=(_IN_PART,))
        kind = barrier.obstacles[0].kind
        if kind is ObstacleKind.ROUTE:
            none = f"no route leads to the central endpoint for the {self.service} service"
            return replace(path, reach=Reach.UNREACHABLE, words=none, notes=(path.words, first, *more))
        if kind in {ObstacleKind.DNS_RECORD, ObstacleKind.DNS_TARGET}:
            return replace(path, reach=Reach.UNREACHABLE, words=first, notes=tuple(more))
        return replace(path, reach=Reach.FILTERED, words=first, notes=(path.words, *more))

    def _is_shut(self, endpoint: Endpoint, subnet: Subnet) -> bool:
        """True if an endpoint in this VPC is known to let nothing of the subnet in."""
        barrier = self._barrier_to(endpoint, subnet)
        return bool(barrier.obstacles) and not barrier.passes_any

    def _leads_on(self, subnet: Subnet) -> bool:
        """True if a route leads beyond the VPC, or that isn't known."""
        table = effective_route_table(subnet, self.vpc)
        return table is None or any(route.is_active and route.target not in _STAYING for route in table.routes)

    def _leads_to_central(self, subnet: Subnet) -> bool:
        """True if a route leads beyond the VPC, or the central answer may be the address of an endpoint in this one."""
        return self._leads_on(subnet) or any(
            is_ready(endpoint) and endpoint.subnet_ids and not self._is_shut(endpoint, subnet)
            for endpoint in self.endpoints
        )

    def _unless_forwarded(self, path: NetworkPath, subnet: Subnet) -> NetworkPath:
        """The path by the endpoint that takes the name. Where that is shut, a rule for just this name, which would go
        before it, could lead elsewhere: so what of the VPC's DNS was not read is told.
        """
        if path.reach is not Reach.CLOSED or not self._leads_on(subnet):
            return path
        return replace(path, unread=(*path.unread, *self.unread_answers))

    def _unless_central(self, path: NetworkPath, subnet: Subnet) -> NetworkPath:
        """The closed path; unknown where a central endpoint would open it, and whether one answers was not read."""
        can_lead = self._leads_to_central(subnet)
        is_hidden = bool(self.attributes_off or self.central or path.reach is Reach.UNKNOWN)
        if is_hidden or not can_lead or not self.unread_answers:
            return path
        words = f"it isn't known whether a central endpoint gives {subnet.id} access to the {self.service} service"
        return replace(path, reach=Reach.UNKNOWN, words=words, endpoint_id="", notes=(*path.notes, path.words))

    # ---- the public name, and the subnet's own way to it

    def _by_itself(self, subnet: Subnet, *, has_public_address: bool) -> NetworkPath | None:
        tier = self._tier(subnet)
        if tier is Tier.ISOLATED or (tier is Tier.PUBLIC and not has_public_address):
            return None
        if len(tier.possible) > 1:
            words = f"it isn't known whether a route gives {subnet.id} access to the {self.service} service"
            unread = (*why_unsure((subnet,), self.vpc), *self.unread_dns)
            return NetworkPath(Reach.UNKNOWN, words, unread=unread, is_repairable=self.can_be_made)
        barrier = self._way_out(subnet, self.ports, has_public_address=has_public_address)
        if barrier.obstacles and not barrier.passes_any:
            return None
        barrier, left, doubts = self._without_25(barrier, subnet)
        hidden = parent_zone(self.names, self.dns) if self.dns and not self.attributes_off else None
        if hidden:
            doubts = (*doubts, f"{hidden.detail}, which might hide the name of the {self.service} service")
        doubts = (*doubts, *only_by_ipv6(subnet, self.vpc))
        table = effective_route_table(subnet, self.vpc)
        name = table.id if table else "its route table"
        reach, words = Reach.OPEN_EGRESS, f"{name} leads out of the VPC"
        if tier is Tier.PUBLIC:
            reach, words = Reach.OPEN_PUBLIC, f"{name} leads to an internet gateway"
        words = f"{words}, except that {barrier.exception}" if barrier.exception else words
        if barrier.unread:
            words = f"{words}, but it isn't known whether that leads to {left}the {self.service} service"
        if barrier.obstacles:
            reach, words, doubts = Reach.PARTLY, barrier.obstacles[0].words, (*doubts, _IN_PART)
        notes = (_REDUCED,) if barrier.is_reduced else ()
        return NetworkPath(
            reach,
            words,
            obstacles=barrier.obstacles,
            notes=notes,
            doubts=doubts,
            unread=(*self.unread_dns, *barrier.unread),
            is_repairable=bool(barrier.obstacles and self.offered and not self.conflict),
            conflict_id=self.conflict.source_id if self.conflict and barrier.obstacles else "",
            shut=barrier.shut,
            flows=barrier.flows,
            excepted=barrier.excepted,
        )

    def _filtered(self, subnet: Subnet, *, has_public_address: bool) -> NetworkPath | None:
        """A way out that filters shut, where no endpoint is coming: as no way out, but for what should be done."""
        barrier = self._own_way(subnet, has_public_address=has_public_address)
        if barrier is None or not barrier.obstacles:
            return None
        closed = self._closed(subnet)
        words, *more = (obstacle.words for obstacle in barrier.obstacles)
        path = replace(closed, reach=Reach.FILTERED, words=words, obstacles=barrier.obstacles)
        if any(obstacle.kind is ObstacleKind.ENDPOINT_POLICY for obstacle in barrier.obstacles):
            path = replace(path, is_repairable=all(map(is_managed, self.gateways)))  # beside others', none is made
        return self._unless_central(replace(path, notes=(*more, *closed.notes)), subnet)

    def _own_way(self, subnet: Subnet, *, has_public_address: bool) -> Barrier | None:
        """What stands on the subnet's own way to the service's public addresses; None if it has none."""
        tier = self._tier(subnet)
        if tier is Tier.ISOLATED:
            beyond = self._beyond_nat(subnet)
            return beyond[1] if beyond else None
        if tier is Tier.PUBLIC and not has_public_address:
            return None
        return self._way_out(subnet, self.ports, has_public_address=has_public_address)

    def _way_out(self, subnet: Subnet, ports: Ranges, *, has_public_address: bool = True) -> Barrier:
        return way_out(subnet, self.vpc, self.service, ports, self.asking, has_public_address=has_public_address)

    def _without_25(self, barrier: Barrier, subnet: Subnet) -> tuple[Barrier, str, tuple[str, ...]]:
        """What stands on the way out if EC2's block of port 25 may: the barrier with that unread, and in words what
        alone depends on it, empty for all; or the barrier as it was, with a doubt, if the verdict is the same anyhow.
        """
        others, on_25 = without(self.ports, SMTP), common(self.ports, SMTP)
        if not on_25 or not self._way_out(subnet, on_25).passes_any:
            return barrier, "", ()
        words = "EC2 blocks TCP 25 to public addresses unless AWS has lifted that for the account, which was not read"
        if not others or not self._way_out(subnet, others).passes_any:
            return beside_unread(barrier, (*barrier.unread, words)), "", ()
        words = f"{words}; it doesn't block {ports_in(others)}"
        if barrier.shut and not barrier.unread:
            return barrier, "", (words,)
        left = "" if barrier.unread else "TCP 25 of "
        return beside_unread(barrier, (*barrier.unread, words)), left, ()

    def _without_resolver(self, subnet: Subnet, *, has_public_address: bool) -> NetworkPath | None:
        """With enableDnsSupport off the VPC's resolver answers nothing, not even public names (VPC guide: DNS)."""
        if self.asks_somebody or not self._by_itself(subnet, has_public_address=has_public_address):
            return None
        return self._unresolved(self.holder.id if self.holder and self.is_held else "")

    def _unresolved(self, endpoint_id: str) -> NetworkPath:
        doubts = ("the instances might use other DNS servers",)
        words = f"{self.dns_off_words()}, so names aren't resolved"
        return NetworkPath(Reach.DNS_OFF, words, endpoint_id, doubts=doubts, is_repairable=True)

    # ---- nothing answers, or not yet

    def _not_yet(self, subnet: Subnet) -> NetworkPath | None:
        barrier = self._barrier_to(self.holder, subnet).obstacles if self.holder else ()
        if self.attributes_off and self.holder and self.is_held:
            words = f"{self.dns_off_words()}, so the private DNS name of {self.holder.id} isn't resolved"
            return NetworkPath(Reach.DNS_OFF, words, self.holder.id, obstacles=barrier, is_repairable=True)
        if self.attributes_off and self.central:
            words = f"{self.dns_off_words()}, so the names in {self.central.source_id} aren't resolved"
            return NetworkPath(Reach.DNS_OFF, words, central_id=self.central.source_id, is_repairable=True)
        table = effective_route_table(subnet, self.vpc)
        for gateway in self.gateways:
            if table and is_ready(gateway) and table.id in gateway.route_table_ids:
                words = f"the route to {gateway.id} in {table.id} is not active"
                return NetworkPath(Reach.PENDING, words, gateway.id)
        named = (endpoint for endpoint in self.endpoints if endpoint.private_dns and not endpoint.inbound_dns_only)
        promising = [*named, *self.gateways]
        coming = [endpoint for endpoint in promising if endpoint.state.is_coming]
        failed = [endpoint for endpoint in promising if endpoint.state in FAILED_STATES]
        if coming:  # it will take the name, whoever answers it until then
            words = f"{coming[0].id} for the {self.service} service {coming[0].state.words}"
            may_be_central = not self.attributes_off and self._leads_to_central(subnet)
            unread = self.unread_answers if may_be_central else ()
            return NetworkPath(Reach.PENDING, words, coming[0].id, obstacles=barrier, unread=unread)
        if failed:
            words = f"{failed[0].id} for the {self.service} service {failed[0].state.words}"
            notes = (f"{failed[0].id}: {failed[0].failure}",) if failed[0].failure else ()
            is_replaced = is_managed(failed[0]) and failed[0].type is EndpointType.INTERFACE
            unread = self.unread_answers
            path = NetworkPath(Reach.FAILED, words, failed[0].id, notes=notes, unread=unread, is_repairable=is_replaced)
            return self._unless_central(path, subnet)
        return None

    def _nowhere(self, subnet: Subnet, *, has_public_address: bool) -> NetworkPath:
        if not has_public_address and (by_nat := self._behind_nat(subnet, is_private=False, is_addressed=False)):
            return by_nat
        path = self._closed(subnet)
        if partly := partly_out(subnet, self.vpc, self.service, has_public_address=has_public_address):
            words = f"it isn't known whether a route gives {subnet.id} access to the {self.service} service"
            return replace(path, reach=Reach.UNKNOWN, words=words, unread=(*partly, *path.unread), is_partly_out=True)
        if self._tier(subnet) is Tier.PUBLIC:
            path = replace(path, reach=Reach.NO_ADDRESS, words=f"the instance has no {_PUBLIC[subnet.is_ipv6_only]}")
        elif effective_route_table(subnet, self.vpc) is None:
            return self._without_table(path, subnet)
        return self._unless_central(path, subnet)

    def _unserved(self, subnet: Subnet) -> NetworkPath:
        return self._unless_central(self._closed(subnet), subnet)

    def _closed(self, subnet: Subnet) -> NetworkPath:
        table = effective_route_table(subnet, self.vpc)
        barrier = self._barrier_to(self.gateway, subnet).obstacles if self.gateway else ()
        path = NetworkPath(
            Reach.UNREACHABLE,
            barrier[0].words if barrier else f"no endpoint in the VPC gives access to the {self.service} service",
            obstacles=barrier,
            notes=(*self.idle_words(table), *self.conflict_words()),
            doubts=tuple(self.misspelt_words()),
            unread=self.unread,
            is_repairable=not barrier and self.can_be_made,
            conflict_id=self.conflict.source_id if self.conflict else "",
        )
        return self._without_table(path, subnet) if table is None and self.gateway else path

    def _without_table(self, path: NetworkPath, subnet: Subnet) -> NetworkPath:
        words = f"it isn't known whether {subnet.id} can reach the {self.service} service"
        unread = (f"the route table of {subnet.id} was not seen", *path.unread)
        return replace(path, reach=Reach.UNKNOWN, words=words, unread=unread, is_repairable=False)


def _narrow_words(endpoint: Endpoint, vpc: Vpc) -> tuple[str, ...]:
    """That the endpoint's policy was read, and may keep something out; none where it keeps out all, or nothing."""
    verdict = judge_policy(endpoint, vpc)
    return (verdict.words,) if verdict.opening is Opening.NARROW else ()
