"""A second judge of who answers a service's names in a VPC: one query at a time, as VPC Resolver does it. Where the
answer leads, the packets' oracle follows. It shares no code with `core/network/dns`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from itertools import product

from lifeline.core.network.model import Endpoint, EndpointType, NetworkInterface, Subnet, TargetKind, Vpc
from tests.support.oracle import Oracle, Seen

BEYOND = {TargetKind.TRANSIT_GATEWAY, TargetKind.NETWORK_INTERFACE}


class By(StrEnum):
    """What holds names in a VPC; of one domain's, the first of these goes first."""

    RULE = "a rule of the VPC"
    SYSTEM = "a system rule"
    PROFILES_RULE = "a Profile's rule"
    ZONE = "a zone of the VPC"
    PROFILES_ZONE = "a Profile's zone"

    @property
    def forwards(self) -> bool:
        return self in {By.RULE, By.PROFILES_RULE}

    @property
    def is_zone(self) -> bool:
        return self in {By.ZONE, By.PROFILES_ZONE}


@dataclass(frozen=True)
class Held:
    """A zone with its records, by their names, `*.` included, or None where they were not read; or a rule."""

    by: By
    domain: str
    records: tuple[tuple[str, tuple[str, ...]], ...] | None = None


@dataclass(frozen=True)
class Fate:
    """What may become of all flows to a name, and whether everything that decides was given."""

    possible: frozenset[Seen]
    is_given: bool = True


class NamesOracle:
    """Asks for names in one VPC. `names` are those of the service's endpoint, which are all its own once its private
    DNS is on.
    """

    def __init__(self, vpc: Vpc, held: Sequence[Held], names: Sequence[str]) -> None:
        self.vpc = vpc
        self.held = list(held)
        self.endpoint = next((one for one in vpc.endpoints if one.type is EndpointType.INTERFACE), None)
        self.names = names

    def fate(self, queries: Sequence[str], client: Subnet, asking: NetworkInterface | None) -> Fate:
        """What may become of a client that asks for all of these names."""
        fates = [self._fate(query, client, asking) for query in queries]
        every = product(*(one.possible for one in fates))
        possible = frozenset(each[0] if len(set(each)) == 1 else Seen.PARTLY for each in every)
        return Fate(possible, all(one.is_given for one in fates))

    def _fate(self, query: str, client: Subnet, asking: NetworkInterface | None) -> Fate:
        if not self.vpc.dns_support:
            return Fate(frozenset({Seen.SHUT}))
        if (endpoint := self._answering(query)) is not None:
            return Fate(frozenset({Oracle(self.vpc, [443]).by_endpoint(endpoint, client, asking)}))
        found = self._holder(query)
        if found is None:
            return self._publicly(client, asking)
        own = {name.removeprefix("*.") for name in self.names if _is_answered(query, name)}
        if found.by.is_zone and found.domain not in own:
            return _unknown()  # of a parent's zone, only that it is there is read
        if found.by.is_zone and found.records is not None:
            return self._at(addresses_for(query, found.records), client, asking)
        fates = [self._at((one,), client, asking) for one in self._anywhere()]
        fates += [self._publicly(client, asking)] if found.by.forwards else []
        is_shut = all(one.possible == {Seen.SHUT} for one in fates)
        return Fate(frozenset({Seen.SHUT} if is_shut else {Seen.OPEN, Seen.PARTLY}), is_given=False)

    def _holder(self, query: str) -> Held | None:
        """The zone or rule that answers: the most specific; of a domain's, a rule, and the VPC's own. A system rule
        gives its names back to the zones.
        """
        covering = [one for one in self.held if _is_under(query, one.domain)]
        zone = _first(one for one in covering if one.by.is_zone and self.vpc.dns_hostnames)
        rule = _first(one for one in covering if not one.by.is_zone)
        if rule is None or rule.by is By.SYSTEM:
            return zone
        return _first(one for one in (rule, zone) if one)

    def _answering(self, query: str) -> Endpoint | None:
        """The endpoint, if its names have the query, and nothing more specific nor a rule for just its domain does."""
        one = self.endpoint
        if one is None or not one.private_dns or not self.vpc.dns_hostnames:
            return None
        mine = [name.removeprefix("*.") for name in self.names if _is_answered(query, name)]
        best = self._holder(query)
        if not mine or (best and best.by.forwards and best.domain == mine[0]):
            return None
        return one

    def _anywhere(self) -> list[str]:
        """Where a name may lead that wasn't read: private addresses to which routes lead, and those of endpoints."""
        routes = [one for table in self.vpc.route_tables for one in table.routes if one.target is not TargetKind.LOCAL]
        ends = [IPv4Network(text)[end] for one in routes for text in one.destinations for end in (0, -1)]
        mine = [text for one in self.vpc.interfaces or () for text in one.addresses if one.kind == "vpc_endpoint"]
        return ["192.168.7.7", *(str(end) for end in ends if end.is_private and int(end) >= 2**24), *mine]

    def _at(self, addresses: Sequence[str], client: Subnet, asking: NetworkInterface | None) -> Fate:
        """What becomes of flows to addresses; none is NXDOMAIN. Beyond the VPC, all is well."""
        if not addresses:
            return Fate(frozenset({Seen.SHUT}))
        own = {text: one for one in self.vpc.interfaces or () for text in one.addresses if one.kind == "vpc_endpoint"}
        if self.endpoint and set(addresses) <= set(own):
            return Fate(frozenset({Oracle(self.vpc, [443]).by_endpoint(self.endpoint, client, asking)}))
        if any(IPv4Address(text) in IPv4Network(block) for text in addresses for block in self.vpc.cidrs):
            return _unknown()
        seen = Oracle(self.vpc, [443]).by_central(client, asking, addresses)
        return Fate(frozenset({seen}), is_given=seen is Seen.SHUT)

    def _publicly(self, client: Subnet, asking: NetworkInterface | None) -> Fate:
        listed = [text for one in self.vpc.route_tables[0].routes if one.prefix_list_id for text in one.destinations]
        oracle = Oracle(self.vpc, [443])
        homes = {nat.id: home for nat in self.vpc.nat_gateways for home in self.vpc.subnets if home.id == nat.subnet_id}
        for to in oracle._public([IPv4Network(text) for text in listed]):
            route = oracle._route(client, to)
            onward = oracle._route(homes[route.target_id], to) if route and route.target_id in homes else None
            if any(one is not None and one.is_active and one.target in BEYOND for one in (route, onward)):
                return _unknown()
        return Fate(frozenset(oracle.by_public_name(client, asking, listed, has_public_address=True)))


def addresses_for(query: str, records: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """What a zone's records answer: the one of just that name, or else the one for all names under its parent."""
    by_name = dict(records)
    return by_name.get(query, by_name.get(f"*.{query.partition('.')[2]}", ()))


def _is_answered(query: str, name: str) -> bool:
    return query == name or (name.startswith("*.") and query.endswith(name[1:]))


def _first(held: Iterable[Held]) -> Held | None:
    return min(held, key=lambda one: (-len(one.domain), list(By).index(one.by)), default=None)


def _is_under(query: str, domain: str) -> bool:
    return not domain or query == domain or query.endswith(f".{domain}")


def _unknown() -> Fate:
    return Fate(frozenset(Seen), is_given=False)
