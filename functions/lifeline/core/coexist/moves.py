"""Moves: where Lifeline's endpoint goes when someone deletes a subnet in which others still need it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import (
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    Part,
    TargetKind,
    Vpc,
    suffix_of,
)
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.plan.harm import Takeover, find_dependents, find_harm, place_unharmed
from lifeline.core.plan.placement import Placement, place_interfaces
from lifeline.core.policy.policy import Desired

_FROM_OUTSIDE = frozenset(
    {
        TargetKind.PEERING,
        TargetKind.TRANSIT_GATEWAY,
        TargetKind.VIRTUAL_PRIVATE_GATEWAY,
        TargetKind.CORE_NETWORK,
        TargetKind.LOCAL_GATEWAY,
        TargetKind.OTHER,  # what Lifeline doesn't know may lead anywhere
    }
)
_UNKNOWN = "a route to a kind of target that Lifeline doesn't know"


def reached_by(vpc: Vpc) -> tuple[str, ...]:
    """Through what other networks can use the VPC's endpoints: peering connections, transit gateways and the like, by
    id.

    Those networks have no interface in the VPC. But none of them gets an answer from there without a route back, so an
    active route to them shows that the VPC is in use; a blackhole's target is gone (EC2 API: Route.State).
    """
    listed = (route for table in vpc.route_tables for route in table.routes)
    routes = (one for route in listed for one in route.candidates or (route,))
    outside = (route for route in routes if route.target in _FROM_OUTSIDE and route.is_active)
    return tuple(sorted({route.target_id or _UNKNOWN for route in outside}))


@dataclass(frozen=True, slots=True)
class Stay:
    """What is known of those who stay while subnets are `doomed`, to see which endpoints they need.

    `occupied` are the other subnets with somebody's network interfaces. `is_reached` says that other networks can use
    the VPC, too, `full` are the subnets that EC2 refused lately for want of addresses.
    """

    vpc: Vpc
    owner: str
    doomed: frozenset[str]
    occupied: frozenset[str]
    is_reached: bool
    desired: Desired
    catalog: Catalog = field(default_factory=Catalog)
    dns: DnsView | None = None
    full: tuple[str, ...] = ()

    def moves(self) -> Mapping[str, tuple[str, ...]]:
        """Lifeline's endpoints that can't just leave the doomed subnets, because somebody needs them there, each with
        the subnet to add first. It is none where no subnet can take its interface: then the endpoint stays where it is.

        The new subnet is in another Availability Zone, because AWS takes one subnet a zone, and refuses a second one
        before the first is gone (EC2 API errors: DuplicateSubnetsInSameZone).
        """
        leaving = (
            endpoint
            for endpoint in self.vpc.own_endpoints(self.owner)
            if endpoint.type is EndpointType.INTERFACE and endpoint.subnet_ids & self.doomed
        )
        return {endpoint.id: self._place(endpoint) for endpoint in leaving if self._is_needed(endpoint)}

    def _is_needed(self, endpoint: Endpoint) -> bool:
        """True if somebody who stays reaches the service by the doomed subnets, and would by none of its others; or
        must reach it, or may from another network, and it has no others.
        """
        left = endpoint.subnet_ids - self.doomed
        if not left and (self.is_reached or self.occupied & self._requiring(endpoint)):
            return True
        service = suffix_of(endpoint.service_name)
        dependents = find_dependents(service, self._by(endpoint, self.doomed), self.catalog, self.dns)
        losing = [dependent for dependent in dependents if dependent.subnet.id in self.occupied]
        for subnet_id in sorted(left) or [""]:
            found = find_harm(service, losing, self._by(endpoint, {subnet_id}), self.catalog, self.dns)
            harmed = {harm.subnet_id for harm in found if harm.is_grave}
            losing = [dependent for dependent in losing if dependent.subnet.id in harmed]
        return bool(losing)

    def _by(self, endpoint: Endpoint, subnet_ids: Collection[str]) -> Vpc:
        """The VPC with the endpoint in no others than these of its subnets, if any, as once it is available: while EC2
        is changing it, nobody would count as reaching anything.
        """
        others = tuple(other for other in self.vpc.endpoints if other.id != endpoint.id)
        there = replace(
            endpoint, state=EndpointState.AVAILABLE, subnet_ids=endpoint.subnet_ids.intersection(subnet_ids)
        )
        return replace(self.vpc, endpoints=(*others, there) if there.subnet_ids else others)

    def _requiring(self, endpoint: Endpoint) -> frozenset[str]:
        service = suffix_of(endpoint.service_name)
        found = (want.subnet_ids for want in self.desired.requirements if want.service == service)
        return frozenset[str]().union(*found)

    def _place(self, endpoint: Endpoint) -> tuple[str, ...]:
        service = self.catalog.named(endpoint.service_name, endpoint.type)
        if service is None or self.vpc.unread_words(Part.CLIENTS):
            return ()
        zones = {subnet.zone for subnet in self.vpc.subnets if subnet.id in endpoint.subnet_ids}
        closed = {subnet.id for subnet in self.vpc.subnets if subnet.zone in zones or subnet.id in self.doomed}
        clients = [subnet for subnet in self.vpc.subnets if subnet.id in self._requiring(endpoint) - self.doomed]

        def place(avoid: frozenset[str]) -> Placement:
            return place_interfaces(
                service,
                clients,
                self.vpc,
                usable_tiers(self.vpc),
                per_zone=False,
                account_id=self.vpc.owner_id,
                kind=endpoint.ip_address_type,
                avoid=avoid | closed,
                full=self.full,
            )

        now = self._by(endpoint, self.doomed)
        takeover = Takeover(service, suffix_of(service.name), now, self.dns, said_ports=self.catalog.ports)
        staying = [dependent for dependent in takeover.dependents() if dependent.subnet.id not in self.doomed]
        placement = place_unharmed(place, takeover, staying, clients)
        moved = replace(endpoint, subnet_ids=frozenset(subnet.id for subnet in placement.subnets))
        is_harmful = any(harm.subnet_id not in self.doomed and harm.is_grave for harm in takeover.harm_by(moved))
        return () if is_harmful else tuple(sorted(moved.subnet_ids))
