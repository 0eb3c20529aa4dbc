"""A service as all clients of one VPC find it: its endpoints, who answers its names, and what of that was not read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lifeline.core.network.dns import (
    DnsAnswer,
    DnsView,
    answer_to,
    conflicting_zone,
    domain_of,
    usual_answer,
    usual_names,
)
from lifeline.core.network.model import (
    FAILED_STATES,
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    Ranges,
    RouteTable,
    Service,
    Vpc,
    region_of,
    suffix_of,
)
from lifeline.core.network.network_path import NOBODY_LOOKED
from lifeline.core.network.ports import ports_of

_UNREAD_CATALOG = "the region's endpoint services could not be read"


@dataclass(frozen=True, eq=False)
class ServiceHere:
    """What holds for all subnets of a VPC that ask for a service; each fact is found once, when it is asked for.

    `service` is the suffix, such as `monitoring`. `dns` is None where nobody has read it: that isn't the same as nobody
    else answering. `asked` are the only names of the service for which clients ask; none: its usual ones, for which
    they ask unless they are told otherwise.
    """

    vpc: Vpc
    service: str
    catalog: Catalog
    dns: DnsView | None
    asked: tuple[str, ...] = field(default=(), kw_only=True)

    # ---- the service

    @cached_property
    def ports(self) -> Ranges:
        """The service's, none if they aren't known."""
        return ports_of(self.service, dict(self.catalog.ports))

    @cached_property
    def offered(self) -> tuple[Service, ...]:
        """What Amazon offers of it in the region, gateway before interface."""
        return self.catalog.find(self.service)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """For which clients ask."""
        return self.asked or usual_names(self._all_names)

    @cached_property
    def _all_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for offered in self.offered for name in offered.private_dns_names))

    # ---- its endpoints

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All that aren't gone, by id."""
        return endpoints_of(self.service, self.vpc)

    @cached_property
    def gateways(self) -> tuple[Endpoint, ...]:
        """The gateway endpoints among them."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.type is EndpointType.GATEWAY)

    @cached_property
    def gateway(self) -> Endpoint | None:
        """A gateway endpoint as one could be made; None where the region offers none."""
        by_gateway = (offered for offered in self.offered if offered.type is EndpointType.GATEWAY)
        return next((_imagined(offered) for offered in by_gateway), None)

    @cached_property
    def _named(self) -> tuple[Endpoint, ...]:
        """The interface endpoints that take the name, or may: those with private DNS that haven't failed."""
        interfaces = (endpoint for endpoint in self.endpoints if endpoint.type is EndpointType.INTERFACE)
        working = (endpoint for endpoint in interfaces if endpoint.state not in FAILED_STATES)
        return tuple(endpoint for endpoint in working if endpoint.private_dns and not endpoint.inbound_dns_only)

    @cached_property
    def maybe_holder(self) -> Endpoint | None:
        """One that may take the name: whether it does for all, or for the inbound resolver only, wasn't read."""
        return next(iter(self._unsure), None)

    @cached_property
    def _unsure(self) -> tuple[Endpoint, ...]:
        return tuple(endpoint for endpoint in self._named if self.gateway and endpoint.inbound_dns_only is None)

    @cached_property
    def holder(self) -> Endpoint | None:
        """The endpoint that takes the name, or will once it is available, has interfaces and the VPC's DNS is on."""
        sure = (endpoint for endpoint in self._named if endpoint not in self._unsure)
        return min(sure, key=lambda named: (not is_ready(named), not named.subnet_ids, named.id), default=None)

    @property
    def is_held(self) -> bool:
        """True if the holder is available and has interfaces: AWS accepts one without, which has no address to give."""
        return self.holder is not None and is_ready(self.holder) and bool(self.holder.subnet_ids)

    @property
    def can_be_made(self) -> bool:
        """True if an endpoint could be made that takes the name, as far as it is known."""
        return (bool(self.offered) or not self.catalog.is_read) and not self.conflict

    # ---- who answers its names

    @cached_property
    def attributes_off(self) -> tuple[str, ...]:
        """The VPC's DNS attributes that are off."""
        return self.vpc.dns_off

    @cached_property
    def central(self) -> DnsAnswer | None:
        """What answers the name centrally, as far as that was read."""
        return usual_answer(self.names, self.dns) if self.dns else None

    @cached_property
    def conflict(self) -> DnsAnswer | None:
        """The zone of another of its names for which AWS refuses private DNS of the endpoint that is missing."""
        if self.dns is None or self.gateway or (self.central and not self.asked):
            return None
        return conflicting_zone(usual_names(self._all_names) if self.asked else self._all_names, self.dns)

    @cached_property
    def answered_otherwise(self) -> tuple[str, ...]:
        """Of the names that aren't answered as the first one is, one for each answer: by a record of their own, or by
        none.
        """
        if not self.central:
            return ()
        names = {answer_to(name, self.dns) if self.dns else None: name for name in self.names}
        return tuple(name for answer, name in names.items() if answer != self.central)

    @property
    def asks_somebody(self) -> bool:
        """True if clients get answers at all: from the VPC's resolver, or from other servers."""
        return self.vpc.dns_support or bool(self.dns and self.dns.custom_dns_servers)

    @property
    def is_forwarded(self) -> bool:
        """True if a rule for just one of the names answers it, and so goes before private DNS (see `answer_to`)."""
        central = self.central
        return bool(central and central.forwards and central.domain in map(domain_of, self.names))

    def is_unanswered(self, name: str) -> bool:
        """True if nothing else than an endpoint answers the name here, as far as the VPC's DNS was read."""
        return self.dns is not None and answer_to(name, self.dns) is None

    def beside(self, central: DnsAnswer) -> Endpoint | None:
        """The endpoint in this very VPC to which a zone leads, once it is available."""
        return next((one for one in self.endpoints if one.id == central.endpoint_id and is_ready(one)), None)

    # ---- what was not read, and words

    @property
    def unread_dns(self) -> tuple[str, ...]:
        """What of the VPC's DNS wasn't read, as clauses."""
        return (NOBODY_LOOKED,) if self.dns is None else self.dns.unreadable

    @property
    def unread_answers(self) -> tuple[str, ...]:
        """What was not read and decides whether the name is answered centrally. The catalog has the names."""
        is_nameless = not self.catalog.is_read and (self.dns is None or bool(self.dns.answers))
        return (*self.unread_dns, *([_UNREAD_CATALOG] if is_nameless else []))

    @property
    def unread(self) -> tuple[str, ...]:
        """All that wasn't read of who answers the name and of what the region offers."""
        return self.unread_dns if self.catalog.is_read else (*self.unread_dns, _UNREAD_CATALOG)

    def dns_off_words(self) -> str:
        """Which of the VPC's DNS attributes are off."""
        return f"the VPC's {off_words(self.attributes_off)}"

    def conflict_words(self) -> Iterator[str]:
        """Why AWS would refuse an endpoint, if it would."""
        if zone := self.conflict:
            yield (
                f"{zone.kind} {zone.source_id} has {zone.domain}, another of the service's names, so that AWS accepts "
                "no endpoint with private DNS"
            )

    def idle_words(self, table: RouteTable | None) -> Iterator[str]:
        """Endpoints of the service that are there and don't help a subnet of that route table."""
        for endpoint in filter(is_ready, self.endpoints):
            if endpoint.type is EndpointType.GATEWAY:
                yield f"{endpoint.id} has no route in {table.id if table else 'the route table'}"
            elif not endpoint.private_dns:
                yield f"{endpoint.id} exists, but its private DNS is off, so the service's name doesn't resolve to it"
            elif endpoint.inbound_dns_only:
                yield f"{endpoint.id} exists, but its private DNS is only for the inbound resolver endpoint"
            else:
                yield f"{endpoint.id} has no network interface"

    def misspelt_words(self) -> Iterator[str]:
        """That the region has no such service, where that is known."""
        if self.catalog.is_read and not self.offered:
            yield f"the region offers no endpoint service named {self.service}; is the name misspelled?"


def off_words(attributes: Sequence[str]) -> str:
    """That DNS attributes are off, as a clause."""
    return f"{' and '.join(attributes)} {'is' if len(attributes) == 1 else 'are'} off"


def endpoints_of(service: str, vpc: Vpc) -> tuple[Endpoint, ...]:
    """The VPC's endpoints of the service that aren't gone, by id. Their names are enough: no catalog is needed.

    An endpoint of another region never serves this region's name (PrivateLink guide: cross-region connectivity).
    """
    live = (endpoint for endpoint in ever_of(service, vpc) if not endpoint.state.is_gone)
    return tuple(sorted(live, key=lambda endpoint: endpoint.id))


def ever_of(service: str, vpc: Vpc) -> Iterator[Endpoint]:
    """The same, and those that EC2 shows for a while after they were deleted."""
    known = (endpoint for endpoint in vpc.endpoints if endpoint.type is not EndpointType.OTHER)
    here = (endpoint for endpoint in known if not is_of_another_region(endpoint, vpc))
    return (endpoint for endpoint in here if suffix_of(endpoint.service_name) == service)


def is_of_another_region(endpoint: Endpoint, vpc: Vpc) -> bool:
    """By the region in its service's name, and in the zones of the VPC's subnets: us-east-1a, us-west-2-lax-1a."""
    region = region_of(endpoint.service_name)
    zones = [subnet.zone for subnet in vpc.subnets if subnet.zone]
    return bool(region and zones) and not any(zone.startswith(region) for zone in zones)


def _imagined(service: Service) -> Endpoint:
    """A gateway endpoint that could be made."""
    return Endpoint("a gateway endpoint", service.name, EndpointType.GATEWAY, EndpointState.AVAILABLE)


def is_ready(endpoint: Endpoint) -> bool:
    """True if the endpoint is available."""
    return endpoint.state is EndpointState.AVAILABLE
