"""How a subnet reaches a service: which way there is, or what is in the way."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from lifeline.core.network.dns import DnsAnswer, DnsView, answers_for, custom_dns_finding, parent_zone
from lifeline.core.network.model import (
    MANAGED_BY,
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    Service,
    Subnet,
    TargetKind,
    Tier,
    Vpc,
)
from lifeline.core.network.obstacles import FAILED_STATES, ObstacleKind, is_on_gateway, obstacles
from lifeline.core.network.tiers import classify, effective_route_table

_STAYING = frozenset({TargetKind.LOCAL, TargetKind.GATEWAY_ENDPOINT})


class Reach(StrEnum):
    """Whether a subnet reaches a service, and by what."""

    OPEN_PUBLIC = "by an internet gateway"
    OPEN_EGRESS = "by another way out of the VPC"
    OPEN_ENDPOINT = "by an endpoint"
    OPEN_CENTRAL = "by a central endpoint"
    CUT_OFF = "cut off"
    PENDING = "the endpoint is pending"
    FAILED = "the endpoint failed"
    CLOSED = "the endpoint is closed"
    DNS_OFF = "the VPC's DNS is off"
    NO_ADDRESS = "no public address"
    UNKNOWN = "unknown"

    @property
    def is_open(self) -> bool:
        """True if what is known lets the service be reached."""
        return self.name.startswith("OPEN_")


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """The way from a subnet to a service. `words` is one line; `notes` are more of what it is known from.

    `endpoint_id` is the endpoint that serves, or that should. `obstacle` is what closes it. `doubts` say what couldn't
    be told: with any, another way may exist, or this one may not work. `is_mendable` is False where neither an endpoint
    of Lifeline's nor one that it could make would open the way.
    """

    reach: Reach
    words: str
    endpoint_id: str = ""
    obstacle: ObstacleKind | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    is_repairable: bool = False


def find_path(
    subnet: Subnet,
    vpc: Vpc,
    service: str,
    catalog: Catalog,
    dns: DnsView | None,
    *,
    has_public_address: bool,
) -> NetworkPath:
    """The way from the subnet to the service of that suffix, as an instance there finds it.

    The service's name decides first: a gateway endpoint's route takes its addresses; an available interface endpoint
    with private DNS takes its name for the whole VPC, public subnets included, as long as both of the VPC's DNS
    attributes are on; then what answers the name centrally. Else the name is public and the subnet's own way out counts
    (PrivateLink guide: private DNS; VPC guide: DNS attributes). `dns` is None where nobody has read it.
    """
    search = _Search(subnet, vpc, service, catalog, dns, has_public_address=has_public_address)
    path = search.find()
    return replace(path, notes=(search.tier_words(), *path.notes))


class _Search:
    """One subnet, one service. Every step gives a way, or None for the next step."""

    def __init__(
        self,
        subnet: Subnet,
        vpc: Vpc,
        service: str,
        catalog: Catalog,
        dns: DnsView | None,
        *,
        has_public_address: bool,
    ) -> None:
        self.subnet, self.vpc, self.service, self.dns = subnet, vpc, service, dns
        self.has_public_address = has_public_address
        self.tier = classify(subnet, vpc)
        self.table = effective_route_table(subnet, vpc)
        self.offered = catalog.find(service)
        self.is_catalog_read = bool(catalog.services)
        self.names = tuple(name for service in self.offered for name in service.private_dns_names)
        self.endpoints = endpoints_of(service, vpc)
        self.answering = next(filter(_answers, self.endpoints), None)

    def find(self) -> NetworkPath:
        """The first step's way that gives one."""
        return (
            self._by_gateway()
            or self._without_resolver()
            or self._by_name()
            or self._by_itself()
            or self._by_dns_that_is_off()
            or self._by_waiting()
            or self._not()
        )

    # ---- who answers the name

    def _by_gateway(self) -> NetworkPath | None:
        ready = (
            endpoint for endpoint in self.endpoints if endpoint.type is EndpointType.GATEWAY and _is_ready(endpoint)
        )
        found = next((endpoint for endpoint in ready if is_on_gateway(endpoint, self.subnet, self.vpc)), None)
        return NetworkPath(Reach.OPEN_ENDPOINT, f"{found.id} serves {self.service}", found.id) if found else None

    def _without_resolver(self) -> NetworkPath | None:
        """With enableDnsSupport off the VPC's resolver answers nothing, public names neither (VPC guide: DNS)."""
        asks_others = bool(self.dns and self.dns.custom_dns_servers)
        if self.vpc.dns_support or asks_others or not self._by_itself():
            return None
        doubts = ("its machines may ask DNS servers of their own choice",)
        words = f"{self._dns_off()}, so names aren't resolved"
        return NetworkPath(Reach.DNS_OFF, words, self._answering_id, doubts=doubts, is_repairable=True)

    def _by_name(self) -> NetworkPath | None:
        if self._attributes_off():
            return None
        if self.answering:
            return self._by_endpoint(self.answering)
        central = answers_for(self.names, self.dns) if self.dns else None
        return self._by_central(central) if central else None

    def _by_endpoint(self, endpoint: Endpoint) -> NetworkPath:
        doubts = (custom_dns_finding(self.dns),) if self.dns and self.dns.custom_dns_servers else ()
        found = obstacles(endpoint, self.subnet, self.vpc)
        if not found:
            return NetworkPath(Reach.OPEN_ENDPOINT, f"{endpoint.id} serves {self.service}", endpoint.id, doubts=doubts)
        return NetworkPath(
            Reach.CLOSED,
            found[0].words,
            endpoint.id,
            found[0].kind,
            notes=tuple(obstacle.words for obstacle in found[1:]),
            doubts=doubts,
            is_repairable=_is_own(endpoint) and all(obstacle.kind is ObstacleKind.SECURITY_GROUP for obstacle in found),
        )

    def _by_central(self, central: DnsAnswer) -> NetworkPath:
        """Central endpoints are reached by a route beyond the VPC, unless the answer is an endpoint in this one."""
        routes = self.table.routes if self.table else ()
        leads_on = any(route.is_active and route.target not in _STAYING for route in routes)
        words = f"{central.kind} {central.source_id} answers {central.domain or 'every name'}"
        if leads_on or any(map(_is_ready, self.endpoints)):
            return NetworkPath(Reach.OPEN_CENTRAL, words)
        lost = f"no route leads to the central endpoint for {self.service}"
        return NetworkPath(
            Reach.CUT_OFF, lost, notes=(words,), doubts=("the central endpoint's addresses could not be read",)
        )

    # ---- the public name, and the subnet's own way to it

    def _by_itself(self) -> NetworkPath | None:
        hidden = parent_zone(self.names, self.dns) if self.dns and not self._attributes_off() else None
        doubts = (f"{hidden.detail}: it may hide the name of {self.service}",) if hidden else ()
        table = self.table.id if self.table else "its routes"
        if self.tier is Tier.EGRESS:
            return NetworkPath(Reach.OPEN_EGRESS, f"{table} leads out of the VPC", doubts=doubts)
        if self.tier is Tier.PUBLIC and self.has_public_address:
            return NetworkPath(Reach.OPEN_PUBLIC, f"{table} leads to an internet gateway", doubts=doubts)
        return None

    def _by_dns_that_is_off(self) -> NetworkPath | None:
        off = self._attributes_off()
        central = answers_for(self.names, self.dns) if self.dns else None
        if not off or not (self.answering or central):
            return None
        who = self.answering.id if self.answering else central.source_id if central else ""
        words = f"{self._dns_off()}, so {who} answers nobody"
        return NetworkPath(Reach.DNS_OFF, words, self._answering_id, is_repairable=True)

    def _by_waiting(self) -> NetworkPath | None:
        coming = [endpoint for endpoint in self.endpoints if endpoint.state.is_coming and _would_answer(endpoint)]
        failed = [
            endpoint for endpoint in self.endpoints if endpoint.state in FAILED_STATES and _would_answer(endpoint)
        ]
        if coming:
            words = f"{coming[0].id} for {self.service} is {_state(coming[0])}"
            return NetworkPath(Reach.PENDING, words, coming[0].id)
        if failed:
            one = failed[0]
            notes = (f"{one.id}: {one.failure}",) if one.failure else ()
            words = f"{one.id} for {self.service} is {_state(one)}"
            return NetworkPath(Reach.FAILED, words, one.id, notes=notes, is_repairable=_is_own(one))
        return None

    def _not(self) -> NetworkPath:
        notes, doubts = tuple(self._idle()), tuple(self._doubts())
        can_be_made = bool(self.offered) or not self.is_catalog_read
        if self.tier is Tier.PUBLIC:
            words = "the instance has no public address"
            return NetworkPath(Reach.NO_ADDRESS, words, notes=notes, doubts=doubts, is_repairable=can_be_made)
        if self.table is None:
            return NetworkPath(
                Reach.UNKNOWN, f"the route table of {self.subnet.id} was not seen", notes=notes, doubts=doubts
            )
        notes += (f"no endpoint of the VPC answers {self.service}",)
        words = f"no route out and no endpoint leads to {self.service}"
        return NetworkPath(Reach.CUT_OFF, words, notes=notes, doubts=doubts, is_repairable=can_be_made)

    # ---- facts and words

    def tier_words(self) -> str:
        """The subnet's tier, its route table, and its default routes that lead nowhere."""
        dead = [
            f"; its route to {route.target_id} is a blackhole"
            for route in (self.table.routes if self.table else ())
            if not route.is_active and {"0.0.0.0/0", "::/0"} & set(route.destinations)
        ]
        by = f" by {self.table.id}" if self.table else ""
        return f"{self.subnet.id} is {self.tier}{by}{''.join(dead)}"

    def _idle(self) -> Iterator[str]:
        """Endpoints of the service that are there and don't help."""
        for endpoint in filter(_is_ready, self.endpoints):
            if endpoint.type is EndpointType.GATEWAY:
                yield f"{endpoint.id} has no route in {self.table.id if self.table else 'the route table'}"
            elif not endpoint.private_dns:
                yield f"{endpoint.id} is there, but its private DNS is off, so it doesn't answer the service's name"
            else:
                yield f"{endpoint.id} has no network interface"

    def _doubts(self) -> Iterator[str]:
        if self.dns is None:
            yield "whether a central endpoint answers could not be checked"
        else:
            yield from self.dns.unreadable
        if not self.is_catalog_read:
            yield "the region's endpoint services could not be read"
        elif not self.offered:
            yield f"the region offers no endpoint service named {self.service}; is it spelt right?"

    def _attributes_off(self) -> tuple[str, ...]:
        flags = {"enableDnsSupport": self.vpc.dns_support, "enableDnsHostnames": self.vpc.dns_hostnames}
        return tuple(name for name, is_on in flags.items() if not is_on)

    def _dns_off(self) -> str:
        off = self._attributes_off()
        return f"the VPC's {' and '.join(off)} {'is' if len(off) == 1 else 'are'} off"

    @property
    def _answering_id(self) -> str:
        return self.answering.id if self.answering else ""


def endpoints_of(service: str, vpc: Vpc) -> tuple[Endpoint, ...]:
    """The VPC's endpoints of the service that aren't gone. Their names are enough: no catalog is needed for that."""
    live = [
        endpoint for endpoint in vpc.endpoints if not endpoint.state.is_gone and endpoint.type is not EndpointType.OTHER
    ]
    named = Catalog(tuple(Service(endpoint.service_name, endpoint.type) for endpoint in live)).find(service)
    names = {service.name for service in named}
    return tuple(
        sorted((endpoint for endpoint in live if endpoint.service_name in names), key=lambda endpoint: endpoint.id)
    )


def _is_ready(endpoint: Endpoint) -> bool:
    return endpoint.state is EndpointState.AVAILABLE


def _is_own(endpoint: Endpoint) -> bool:
    """True if Lifeline's tag is on it, whichever stack's: whether it may be changed is the plan's to decide."""
    return endpoint.tag(MANAGED_BY) is not None and not endpoint.requester_managed


def _would_answer(endpoint: Endpoint) -> bool:
    return endpoint.private_dns or endpoint.type is EndpointType.GATEWAY


def _answers(endpoint: Endpoint) -> bool:
    """True if it takes the service's name. One without an interface, which AWS accepts, has no address to give."""
    is_interface = endpoint.type is EndpointType.INTERFACE
    return is_interface and _is_ready(endpoint) and endpoint.private_dns and bool(endpoint.subnet_ids)


def _state(endpoint: Endpoint) -> str:
    waits = endpoint.state is EndpointState.PENDING_ACCEPTANCE
    return "waiting for its owner's acceptance" if waits else str(endpoint.state)
