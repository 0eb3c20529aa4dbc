"""Do no harm: private DNS takes a service's name for the whole VPC, even from subnets that reach it on another path."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from lifeline.core.network.acl import acl_obstacle
from lifeline.core.network.dns import DnsView, taken_from
from lifeline.core.network.egress import ends_of, public_end_for
from lifeline.core.network.gates import BEYOND, End, ObstacleKind
from lifeline.core.network.model import (
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    Part,
    Ranges,
    Service,
    Subnet,
    Vpc,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.obstacles import Obstacle, barrier_to, kept_out, led_elsewhere
from lifeline.core.network.packets import (
    EPHEMERAL,
    Flows,
    addresses_in,
    addresses_of,
    blocks_in,
    common,
    flows_beyond,
    is_few,
    joined,
    ports_in,
    ports_on,
)
from lifeline.core.network.ports import HTTPS, ports_of
from lifeline.core.network.priority import is_decided
from lifeline.core.network.reach import ServiceReach
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.plan.client_egress import (
    NOT_KNOWN,
    AnsweringEnds,
    find_cut_off,
    find_shut,
    find_unread,
    is_shut_off,
)
from lifeline.core.plan.placement import Placement
from lifeline.core.policy.policy import Exempted, ExemptedBy
from lifeline.core.wording import listed, write_count

_THEIR_GROUPS = "these clients' security groups let them reach the endpoint"
_MOST_TOLD = 3
_MOST_TRIES = 25  # placements; each leaves out at least one subnet more
_TAKES_NAMES = frozenset(
    {
        ActionKind.CREATE_INTERFACE_ENDPOINT,
        ActionKind.ADD_SUBNETS,
        ActionKind.ENABLE_PRIVATE_DNS,
        ActionKind.REPLACE_ENDPOINT,
        ActionKind.SWAP_TO_LOCAL,
    }
)
_LETS_IN = frozenset({ActionKind.ATTACH_SECURITY_GROUP, ActionKind.RESET_POLICY, ActionKind.RESET_DNS_RECORDS})

type Place = Callable[[frozenset[str]], Placement]
"""The best placement without the subnets of these ids."""


@dataclass(frozen=True, slots=True)
class Harm:
    """A subnet that reaches a service today, or may, and would no longer, or may not: its path then.

    `few` are the addresses, in words, where it is only a few of the subnet's, and no interface has them. `unsure` is
    one of its clients, in words, of which it isn't known. `exempt` is why the subnet need not reach the service. These
    are told and block nothing. `today` are the dependent's words. `lost` are the ports of the service that it would no
    longer reach, none if these are all.
    """

    service: str
    subnet_id: str
    path: NetworkPath
    few: str = ""
    today: str = ""
    unsure: str = ""
    exempt: str = ""
    lost: Ranges = ()

    @property
    def what(self) -> str:
        """What it would lose: the service, or some of its ports."""
        return f"{f'TCP {ports_in(self.lost)} of ' if self.lost else ''}the {self.service} service"

    @property
    def who(self) -> str:
        """Who would lose the service: the subnet, or one of its clients for sure, by security groups of its own."""
        is_client = any(obstacle.kind is ObstacleKind.CLIENT_GROUP for obstacle in self.path.obstacles)
        return f"a client in {self.subnet_id}" if is_client else self.subnet_id

    @property
    def is_grave(self) -> bool:
        """True if nothing may be done that causes it."""
        return not (self.few or self.unsure or self.exempt)


@dataclass(frozen=True, slots=True)
class Takeover:
    """What an endpoint of one service with private DNS would take over in a VPC. `group_ids` are the security groups
    that a new one may get.
    """

    service: Service
    suffix: str
    vpc: Vpc
    dns: DnsView | None = None
    exempt: tuple[Exempted, ...] = ()
    said_ports: tuple[tuple[str, Ranges], ...] = ()
    group_ids: frozenset[str] = frozenset()

    @property
    def catalog(self) -> Catalog:
        """The service, and the ports that the policy says."""
        return Catalog((self.service,), ports=self.said_ports)

    @property
    def ports(self) -> Ranges:
        """The service's ports."""
        return ports_of(self.suffix, dict(self.said_ports))

    def dependents(self) -> tuple["Dependent", ...]:
        """The subnets that reach the service today."""
        return find_dependents(self.suffix, self.vpc, self.catalog, self.dns, self.exempt)

    def harm_by(self, endpoint: Endpoint) -> tuple[Harm, ...]:
        """The subnets that would lose the service if the endpoint answered its name, open to all of the VPC; the exempt
        ones last.
        """
        after = answered_by(replace(endpoint, security_group_ids=frozenset(), policy=""), self.vpc)
        groups = endpoint.security_group_ids or self.group_ids
        why = {one.subject: one.reason for one in _spared(self.exempt, self.suffix)}
        usual = find_dependents(self.suffix, self.vpc, self.catalog, self.dns)
        everybody = {one.subnet.id: one for one in (*self.by_other_names(), *usual)}
        found = find_harm(self.suffix, everybody.values(), after, self.catalog, self.dns, group_ids=groups)
        found = tuple(replace(harm, exempt=why.get(harm.subnet_id, "")) for harm in found)
        return tuple(sorted(found, key=lambda harm: bool(harm.exempt)))

    def by_other_names(self) -> Iterator["Dependent"]:
        """The subnets to which somebody else answers another of the service's names, which the endpoint would take."""
        for name, _ in taken_from(self.service.private_dns_names, self.dns) if self.dns else ():
            alone = self.catalog.asked_by([self.service], (name,))
            found = find_dependents(self.suffix, self.vpc, alone, self.dns)
            yield from (replace(one, name=name) for one in found)

    def harm_with(self, endpoint: Endpoint, hosts: Iterable[Subnet]) -> tuple[Harm, ...]:
        """The same once it has an interface in these subnets, too."""
        return self.harm_by(_with(endpoint, hosts))

    def harm_in(self, placement: Placement) -> tuple[Harm, ...]:
        """The same of an endpoint that isn't there yet."""
        return self.harm_by(self.imagined(placement))

    def closing(self, clients: Iterable["Dependent"], others: Iterable[Subnet] = ()) -> Callable[[Subnet], bool]:
        """Whether network ACLs, routes or a client's own security groups may keep one of them from an interface there,
        or the host's own ACL or routes one of the others. The groups are judged once for all hosts: there may be
        hundreds of rules for each of thousands of clients.
        """
        judged = [(one.subnet, one.open_ports(self.ports), self._shut_to(one)) for one in clients]
        rest = tuple(others)

        def is_closed(host: Subnet) -> bool:
            return any(
                _is_cut(client, host, self.vpc, ports) or is_shut_off_in(host, client, shut)
                for client, ports, shut in judged
            ) or any(kept_out(client, host, self.vpc, self.ports) for client in rest)

        def is_shut_off_in(host: Subnet, client: Subnet, shut: Iterable[Ranges]) -> bool:
            there = replace(End.of(host, client.ip_version), is_guess=True)
            return any(is_shut_off(there, common(there.addresses, addresses)) for addresses in shut)

        return is_closed

    def shuts_in(self, client: Subnet) -> bool:
        """True if an interface in no other subnet would be reached from the client's."""
        others = (host for host in self.vpc.subnets if host.id != client.id)
        return all(_is_cut(client, host, self.vpc, self.ports) for host in others)

    def _shut_to(self, client: "Dependent") -> frozenset[Ranges]:
        ends = (End.of(host, client.subnet.ip_version) for host in self.vpc.subnets)
        whole = End(joined(found for end in ends for found in end.addresses), "", client.subnet.ip_version)
        there = AnsweringEnds((whole,), self.group_ids)
        return find_shut(there, client.subnet, self.vpc, client.open_ports(self.ports), now=client.now)

    def imagined(self, placement: Placement) -> Endpoint:
        """An endpoint as it would be made."""
        return Endpoint(
            id="an endpoint there",
            service_name=self.service.name,
            type=EndpointType.INTERFACE,
            state=EndpointState.AVAILABLE,
            subnet_ids=frozenset(subnet.id for subnet in placement.subnets),
            ip_address_type=placement.ip_address_type,
        )

    def grow(
        self, endpoint: Endpoint, missing: Sequence[Subnet], placement: Placement
    ) -> tuple[tuple[Subnet, ...], tuple[Subnet, ...], str]:
        """The subnets of an unharming placement that the endpoint may get; those of `missing` in whose zones any would
        harm a subnet; and in words which.
        """
        zones = {subnet.zone for subnet in missing}
        safe = tuple(subnet for subnet in placement.subnets if subnet.zone in zones or not endpoint.subnet_ids)
        safe = () if harm_words(self.harm_with(endpoint, safe)) else safe
        served = zones if safe and not endpoint.subnet_ids else {subnet.zone for subnet in safe}
        left = tuple(subnet for subnet in missing if subnet.zone not in served)
        kept = (kept_out(client, host, self.vpc, self.ports) for host in left for client in self.vpc.subnets)
        harm = harm_words(self.harm_with(endpoint, left), self.ports) if left else ""
        return safe, left, harm or next(filter(None, kept), "")


def _is_cut(client: Subnet, host: Subnet, vpc: Vpc, ports: Ranges) -> bool:
    """True if network ACLs, or routes on the way there or back, may keep a client from an interface in the host."""
    led = led_elsewhere(client, host, vpc) or led_elsewhere(host, client, vpc)
    return bool(led or acl_obstacle(client, host, vpc, ports))


def walled_off(clients: Iterable[Subnet], hosts: Sequence[Subnet], vpc: Vpc, ports: Ranges) -> list[Obstacle]:
    """The clients that network ACLs keep from an interface in one of the hosts, one obstacle each."""
    found: list[Obstacle] = []
    for client in clients:
        words = next((words for host in hosts if (words := acl_obstacle(client, host, vpc, ports))), "")
        found += [Obstacle(ObstacleKind.NETWORK_ACL, words, client.id)] if words else []
    return found


def shut_out(endpoint: Endpoint, vpc: Vpc, ports: Ranges) -> list[Obstacle]:
    """Whom the endpoint's groups keep out, of all the VPC: private DNS sends every subnet there."""
    found = (obstacle for subnet in vpc.subnets for obstacle in barrier_to(endpoint, subnet, vpc, ports).obstacles)
    return [obstacle for obstacle in found if obstacle.kind is ObstacleKind.SECURITY_GROUP]


@dataclass(frozen=True, slots=True)
class Dependent:
    """A subnet that reaches a service today, and which of its flows are `shut`. `is_public` says that it reaches the
    service's public addresses, `now` where the service answers it. `unread` is what wasn't read on its way, or why that
    may lead elsewhere, as clauses. `name` is the one that it reaches the service by, if that isn't the usual one.
    """

    subnet: Subnet
    shut: Flows = ()
    is_public: bool = False
    now: AnsweringEnds = NOT_KNOWN
    unread: tuple[str, ...] = ()
    name: str = ""

    def open_ports(self, ports: Ranges) -> Ranges:
        """Those of the ports on which some of its addresses reach the service; all if that is by another name only."""
        whole = End.of(self.subnet, self.subnet.ip_version).addresses
        return ports_on(flows_beyond(((whole, ports),), self.shut)) or ports

    @property
    def words(self) -> str:
        """That it reaches the service, or may, as what follows `which`."""
        unread = f" ({'; '.join(self.unread)})" if self.unread else ""
        reaches = "may reach" if self.unread else "reaches"
        return f"{reaches} it today{f' by {self.name}' if self.name else ''}{unread}"


def find_dependents(
    service: str, vpc: Vpc, catalog: Catalog, dns: DnsView | None, exempt: Iterable[Exempted] = ()
) -> tuple[Dependent, ...]:
    """The subnets that reach the service today, on any path, in the order of their ids; without those that are exempt
    by more than a tag.

    With them are those of which it isn't known, because something of the VPC could not be read, AWS doesn't say it, or
    routes lead only some public addresses out.
    Whether a machine in a public subnet has a public address is not known here, so each counts as having one.
    """
    spared = {exempted.subject for exempted in _spared(exempt, service)}
    reach = ServiceReach(vpc, service, catalog, dns)
    subnets = sorted(vpc.subnets, key=lambda subnet: subnet.id)
    asking = (subnet for subnet in subnets if subnet.id not in spared)
    paths = ((subnet, reach.path(subnet, has_public_address=True)) for subnet in asking)
    is_unsure = vpc.unread or not is_decided(vpc.route_tables)
    counting = {found for found in Reach if found.is_open_in_part or (is_unsure and found is Reach.UNKNOWN)}
    return tuple(
        _dependent(subnet, path, reach) for subnet, path in paths if path.reach in counting or path.is_partly_out
    )


def find_spared(
    service: str, vpc: Vpc, catalog: Catalog, dns: DnsView | None, exempt: Iterable[Exempted]
) -> tuple[tuple[Dependent, str], ...]:
    """The subnets that reach the service today and need not, by more than a tag, each with why. They keep nothing from
    being done, but people are told where one would lose the service.
    """
    why = {one.subject: one.reason for one in _spared(exempt, service)}
    found = find_dependents(service, vpc, catalog, dns) if why else ()
    return tuple((one, why[one.subnet.id]) for one in found if one.subnet.id in why)


def lost_words(subnet_id: str, exemption: str, what: str, why: str, *, is_sure: bool) -> str:
    """That a subnet that need not reach the service would, or might, lose it, or some ports, in a clause."""
    makes = "would" if is_sure else "might"
    return f"{subnet_id}, which is exempt ({exemption}), {makes} no longer reach {what} ({why})"


def _spared(exempt: Iterable[Exempted], service: str) -> Iterator[Exempted]:
    """The exemptions by which a subnet may lose the service. A tag's isn't one: whoever may only set tags could have
    others cut off by it.
    """
    return (one for one in exempt if one.spares(service) and one.by is not ExemptedBy.TAG)


def _dependent(subnet: Subnet, path: NetworkPath, reach: ServiceReach) -> Dependent:
    is_public = path.reach in {Reach.OPEN_EGRESS, Reach.OPEN_PUBLIC} or path.is_partly_out
    version = subnet.ip_version
    serving = next((one for one in reach.endpoints if one.id == path.endpoint_id), None)
    now = NOT_KNOWN
    if serving and serving.type is EndpointType.INTERFACE:
        now = AnsweringEnds(tuple(ends_of(serving, reach.vpc, version)), serving.security_group_ids)
    elif is_public or serving:
        now = AnsweringEnds((public_end_for(subnet, reach.service, reach.vpc),))
    unread = path.uncertainties if path.reach.is_open else path.unread
    return Dependent(subnet, path.flows, is_public, now, unread)


def find_harm(
    service: str,
    dependents: Iterable[Dependent],
    after: Vpc,
    catalog: Catalog,
    dns: DnsView | None,
    *,
    group_ids: frozenset[str] = frozenset(),
) -> tuple[Harm, ...]:
    """Which of the subnets that reach the service today don't, or may not, reach it in `after`, the VPC as planned.

    A few addresses that would be shut count where interfaces have them, and so do the clients' own security groups.
    `group_ids` are the endpoint's.
    """
    whole = ServiceReach(after, service, catalog, dns)

    @cache
    def on(ports: Ranges) -> ServiceReach:
        return whole if ports == whole.ports else replace(whole, catalog=replace(catalog, ports=((service, ports),)))

    return tuple(harm for one in dependents for harm in _harms(one, on, whole.ports, group_ids))


def _harms(
    dependent: Dependent, on: Callable[[Ranges], ServiceReach], ports: Ranges, group_ids: frozenset[str]
) -> Iterator[Harm]:
    """The harm, named `on` the ports alone that are lost: what else is shut may be so already."""
    by_network = _harm(dependent, on, dependent.open_ports(ports))
    by_client = None if by_network and by_network.is_grave else _by_client(dependent, on(ports), group_ids)
    for found in (by_network, by_client):
        if found:
            yield replace(found, lost=()) if found.lost == ports else found


def _by_client(dependent: Dependent, reach: ServiceReach, group_ids: frozenset[str]) -> Harm | None:
    """The harm to the first of the subnet's clients whose own security groups name other addresses only. Whether the
    service's public ones are among them isn't known.
    """
    if reach.holder is None or not reach.is_held or not reach.ports:
        return None
    subnet = dependent.subnet
    ids = group_ids or reach.holder.security_group_ids
    there = AnsweringEnds(tuple(ends_of(reach.holder, reach.vpc, subnet.ip_version)), ids)
    cut_off = find_cut_off(there, subnet, reach.vpc, dependent.open_ports(reach.ports), now=dependent.now)
    if dependent.is_public and any(end.is_guess for end in dependent.now.ends):
        dependent = replace(dependent, unread=(*dependent.unread, "the service's public addresses were not read"))
    if cut_off:
        return Harm(reach.service, subnet.id, cut_off.path(subnet), today=dependent.words, lost=cut_off.ports)
    unread = find_unread(there, subnet, reach.vpc, reach.ports)
    if unread is None:
        return None
    unsure = f"{unread.interface.id} of {subnet.id} ({unread.unread})"
    return Harm(reach.service, subnet.id, unread.path(subnet), today=dependent.words, unsure=unsure)


def _harm(dependent: Dependent, on: Callable[[Ranges], ServiceReach], ports: Ranges) -> Harm | None:
    """What of these ports, those that are open today, the network takes."""
    subnet, reach = dependent.subnet, on(ports)
    path = reach.path(subnet, has_public_address=True)
    harm = Harm(reach.service, subnet.id, path, today=dependent.words, lost=ports)
    if not path.reach.is_open_in_part:
        return harm
    flows = flows_beyond(path.flows, dependent.shut)
    if flows and ports_on(flows) != ports:
        return _harm(dependent, on, ports_on(flows))
    version, lost = subnet.ip_version, addresses_of(flows)
    there = reach.vpc.clients_in(subnet)
    in_use = addresses_in([address for one in there for address in one.addresses], version)
    whole = End.of(subnet, version).addresses
    if lost and is_few(lost, whole) and not common(lost, in_use):
        return replace(harm, few=blocks_in(lost, version))
    return harm if lost else None


def answered_by(endpoint: Endpoint, vpc: Vpc) -> Vpc:
    """The VPC once the endpoint is there, available, and takes its service's names."""
    others = tuple(candidate for candidate in vpc.endpoints if candidate.id != endpoint.id)
    ready = replace(endpoint, state=EndpointState.AVAILABLE, private_dns=True)
    return replace(vpc, endpoints=(ready, *others), dns_support=True, dns_hostnames=True)


def harm_words(found: Sequence[Harm], ports: Ranges = HTTPS) -> str:
    """Which subnets private DNS would harm, why, and what to do about it; an empty text if it harms none."""
    grave = [harm for harm in found if harm.is_grave]
    if not grave:
        return ""
    first = grave[0]
    others = len({harm.subnet_id for harm in grave} - {first.subnet_id})
    more = f" (and {write_count(others, 'more subnet')})" if others else ""
    on, answers = ports_in(first.lost or ports), ports_in(EPHEMERAL)
    unread = "; ".join(first.path.unread)
    kind = first.path.excepted[0].kind if first.path.excepted else ObstacleKind.SECURITY_GROUP
    kind = ObstacleKind.NETWORK_ACL if Part.NETWORK_ACLS in unread else kind
    kind = ObstacleKind.BEYOND if any(words.startswith(BEYOND) for words in first.path.unread) else kind
    kind = first.path.obstacles[0].kind if first.path.obstacles else kind
    remedy = {
        ObstacleKind.NETWORK_ACL: f"allow {on}, and responses to ports {answers}, in the network ACLs on both sides",
        ObstacleKind.ADDRESS_FAMILY: "move what needs it to a subnet that has the endpoint's IP version",
        ObstacleKind.SECURITY_GROUP: f"allow inbound {on} from the whole VPC in the endpoint's security group",
        ObstacleKind.BEYOND: "route the subnets' blocks to local",
        ObstacleKind.ROUTE: "route the subnets' blocks to local",
        ObstacleKind.CLIENT_GROUP: f"allow outbound {on} to the endpoint's subnets in that security group",
        ObstacleKind.ENDPOINT_POLICY: "allow it in the endpoint's policy",
    }.get(kind, "open the way to the endpoint")
    if Part.DNS_ATTRIBUTES in unread:
        remedy = "let Lifeline read them"
    why = "; ".join((first.path.words, *first.path.unread))
    return (
        f"private DNS {_makes(first)} make {first.what} unreachable from {first.who}{more}, which "
        f"{first.today}: {why}; {remedy}, or exempt {first.subnet_id} in the policy (a tag isn't enough) if it "
        "doesn't need the service"
    )


def told_words(found: Sequence[Harm]) -> str:
    """Which few addresses, and which exempt subnets, would lose the service, and why, and of which clients that isn't
    known, as what follows a reason; an empty text if there are none.
    """
    accepted = [
        f"{_whose(harm)} {_makes(harm)} no longer reach {_it(harm)} ({harm.path.exception or harm.path.words})"
        for harm in found
        if (harm.few or harm.exempt) and not harm.unsure
    ]
    unsure = [harm.unsure for harm in found if harm.unsure]
    words = f"; {listed(accepted, _MOST_TOLD)}" if accepted else ""
    return words + (f"; it isn't known whether {_THEIR_GROUPS}: {listed(unsure, _MOST_TOLD)}" if unsure else "")


def _makes(harm: Harm) -> str:
    return "might" if harm.path.reach is Reach.UNKNOWN else "would"


def _it(harm: Harm) -> str:
    return f"it on TCP {ports_in(harm.lost)}" if harm.lost else "it"


def _whose(harm: Harm) -> str:
    whose = f"{harm.few} of {harm.subnet_id}" if harm.few else harm.who
    return f"{whose}, which is exempt ({harm.exempt})," if harm.exempt else whose


def place_unharmed(
    place: Place,
    takeover: Takeover,
    dependents: Sequence[Dependent],
    clients: Sequence[Subnet],
) -> Placement:
    """Where interfaces harm none of `dependents`, and stand where `clients` reach them: all of them, or those in which
    somebody is and from which any other subnet is reached, or else where no host's own ACL or routes keep one of them
    out. Somebody may have made and shut many subnets: then only these are tried, as far as that was read. That costs no
    zone but one in which every host keeps out whoever is there, or else a client.

    `place` gives the best placement without the subnets of the ids that it is passed. Where each harms a subnet, it is
    the first one, and `find_harm` says whom.
    """
    first, empty, nowhere = place(frozenset()), _empty_subnets(takeover.vpc), frozenset[str]()
    for_all = takeover.closing((*dependents, *map(Dependent, clients)))
    if (fair := _without_closed(place, first, for_all)) and len(fair.subnets) == len(first.subnets):
        return fair
    there = [client for client in clients if client.id not in empty and not takeover.shuts_in(client)]
    rest = [client for client in clients if client not in there]
    other = empty | {client.id for client in rest}
    fewer = [fair] if fair else []
    for avoided, judged, others in (
        *([(nowhere, there, rest), (nowhere, there, ())] if rest else []),
        (nowhere, (), clients),
        (other, there, ()),
        (other, (), clients),
        (nowhere, (), there),
    ):
        closed = takeover.closing((*dependents, *map(Dependent, judged)), others)
        fair = _without_closed(_outside(avoided, place), first, closed) if judged or others else None
        if fair and len(fair.subnets) == len(first.subnets):
            return fair
        fewer += [fair] if fair else []
    if fewer:
        return max(fewer, key=lambda one: len(one.subnets))
    return _without_closed(place, first, takeover.closing(dependents)) or first


def _outside(subnet_ids: frozenset[str], place: Place) -> Place:
    """The best placement outside these subnets."""
    return lambda avoid: place(avoid | subnet_ids)


def _empty_subnets(vpc: Vpc) -> frozenset[str]:
    """The subnets, by id, in which no workload has a network interface; none where interfaces weren't read."""
    if vpc.interfaces is None or vpc.unread_words(Part.INTERFACES):
        return frozenset()
    return frozenset(subnet.id for subnet in vpc.subnets if not vpc.clients_in(subnet))


def _with(endpoint: Endpoint, hosts: Iterable[Subnet]) -> Endpoint:
    return replace(endpoint, subnet_ids=endpoint.subnet_ids | {subnet.id for subnet in hosts})


def unprepared(action: Action, actions: Iterable[Action]) -> Action | None:
    """The first of `actions` that lets subnets in and isn't done, where `action` would send them there; else None."""
    if action.kind not in _TAKES_NAMES:
        return None
    left = (candidate for candidate in actions if not candidate.is_done)
    return next((candidate for candidate in left if _lets_in(candidate, action)), None)


def _lets_in(candidate: Action, action: Action) -> bool:
    if candidate.kind in _LETS_IN:
        return candidate.endpoint_id == action.endpoint_id
    is_another = bool(action.security_group_id) and candidate.security_group_id != action.security_group_id
    return candidate.kind is ActionKind.OPEN_SECURITY_GROUP and bool(candidate.security_group_id) and not is_another


def _without_closed(place: Place, first: Placement, is_closed: Callable[[Subnet], bool]) -> Placement | None:
    """The first placement in none of whose subnets the way is closed; None if there is none. Each is judged once."""
    closed = dict[str, bool]()
    placement = first
    for _ in range(_MOST_TRIES):
        closed |= {host.id: is_closed(host) for host in placement.subnets if host.id not in closed}
        if not any(closed[host.id] for host in placement.subnets):
            return placement if placement.subnets else None
        placement = place(frozenset(id_ for id_, shut in closed.items() if shut))
    return None
