"""What lies beyond a VPC on the way to a hub's endpoint, as far as a role can read it: gateways, and the hub's side.

Each check answers yes, no, or that it can't be read. Where the packets go next is decided by the most specific route,
in a VPC's tables as in a transit gateway's (VPC guide: route priority; transit gateway guide: route evaluation order).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from lifeline.core.network.acl import acl_gates, stands_open
from lifeline.core.network.dns import DnsAnswer, DnsView
from lifeline.core.network.endpoint_policy import Opening, judge_policy
from lifeline.core.network.gates import End, find_passage
from lifeline.core.network.model import (
    Endpoint,
    EndpointState,
    Part,
    Ranges,
    Subnet,
    TargetKind,
    Vpc,
    version_of,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.obstacles import rule_lanes, unread_lists
from lifeline.core.network.packets import addresses_in, ports_in
from lifeline.core.network.reach import ServiceReach
from lifeline.core.network.routing import Routing, routing_of
from lifeline.core.wording import listed


class CheckAnswer(StrEnum):
    """What a check found."""

    YES = "yes"
    NO = "no"
    UNREAD = "can't be read"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold for a VPC to be served by the hub, and whether it does. `why` is a clause, empty for a
    yes. `is_next` says where packets go from the VPC, `is_of_sender` that the answer hangs on their sender's address.
    """

    what: str
    finding: CheckAnswer
    why: str = ""
    is_next: bool = False
    is_of_sender: bool = False

    @property
    def words(self) -> str:
        """The check as one line."""
        return f"{self.what}: {self.finding}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A VPC's attachment to a transit gateway, in these subnets. `table_id` is the gateway's route table for what comes
    from there, empty where that wasn't read.
    """

    id: str
    gateway_id: str
    vpc_id: str
    subnet_ids: frozenset[str]
    is_available: bool
    table_id: str = ""


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """A route of a transit gateway to VPCs, or to something else if there are none. A blackhole isn't active."""

    cidr: str
    vpc_ids: frozenset[str]
    is_active: bool


@dataclass(frozen=True, slots=True)
class HubSource:
    """One of the hub's zones, or its Profile: what it answers, and how many of the VPCs that it takes it has. None, and
    `unread` in words, where that couldn't be read; `throttled` is what of that a later run can read. `kept_here` are a
    Profile's SYSTEM rules, and `brought` is what it has that answers nothing, but may refuse answers. `is_seen` says
    whether the VPC's account sees the Profile, which AWS RAM shares; None where that couldn't be read.
    """

    id: str
    answers: tuple[DnsAnswer, ...] = ()
    vpcs: int | None = None
    most_vpcs: int | None = None
    unread: tuple[str, ...] = ()
    throttled: tuple[str, ...] = ()
    kept_here: tuple[DnsAnswer, ...] = ()
    brought: tuple[str, ...] = ()
    is_seen: bool | None = True


@dataclass(frozen=True, slots=True)
class HubView:
    """The hub as one VPC sees it. `vpcs` are those in which the hub's endpoints are, `attachments` theirs and the VPC's
    own, None where they weren't read, and not all of them if `misses_attachments`; `tables` are the gateways' tables
    that were read.
    """

    account_id: str
    sources: tuple[HubSource, ...]
    vpcs: tuple[Vpc, ...] = ()
    attachments: tuple[Attachment, ...] | None = ()
    tables: Mapping[str, tuple[GatewayRoute, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    misses_attachments: bool = False

    @property
    def throttled(self) -> tuple[str, ...]:
        """What of the hub's names a later run can read."""
        return tuple(words for source in self.sources for words in source.throttled)

    def completed(self, dns: DnsView) -> DnsView:
        """What answers names in a VPC, with what only the hub's account can read: addresses, and what a Profile brings
        that was shared with the VPC's account.
        """
        for source in self.sources:
            dns = _with_profile(dns, source)
        known = {(source.id, one.domain): one for source in self.sources for one in source.answers}
        answers = tuple(
            replace(
                one,
                addresses=there.addresses,
                endpoint_id=there.endpoint_id,
                wildcard=there.wildcard,
                absent_id=there.absent_id,
            )
            if one.addresses is None and (there := known.get((one.source_id, one.domain))) and not one.forwards
            else one
            for one in dns.answers
        )
        return replace(dns, answers=answers)

    def with_taken(self, taken: Mapping[str, int] | None) -> "HubView":
        """The hub with so many VPCs more in each of its zones, or its Profile; None where nobody knows how many."""

        def more(source: HubSource) -> HubSource:
            is_known = source.vpcs is not None and taken is not None
            return replace(source, vpcs=(source.vpcs or 0) + (taken or {}).get(source.id, 0) if is_known else None)

        return replace(self, sources=tuple(map(more, self.sources)))

    def attachment(self, vpc_id: str, gateway_id: str) -> Attachment | None:
        """The VPC's attachment to the gateway: the one that is available, if there are others on their way out."""
        found = [one for one in self.attachments or () if (one.vpc_id, one.gateway_id) == (vpc_id, gateway_id)]
        return next((one for one in found if one.is_available), found[0] if found else None)

    def home_of(self, endpoint_id: str) -> tuple[Vpc, Endpoint] | None:
        """The hub's endpoint, with its VPC, if it was read."""
        found = ((vpc, one) for vpc in self.vpcs for one in vpc.live_endpoints if one.id == endpoint_id)
        return next(found, None)


def _with_profile(dns: DnsView, source: HubSource) -> DnsView:
    """The same, if the source is a Profile of the VPC that was read as a whole."""
    missing = dict(dns.profiles).get(source.id, ())
    if not missing or source.unread:
        return dns
    return replace(
        dns,
        answers=tuple(dict.fromkeys((*dns.answers, *source.answers))),
        kept_here=tuple(dict.fromkeys((*dns.kept_here, *source.kept_here))),
        unreadable=tuple(words for words in dns.unreadable if words not in missing),
        throttled=tuple(words for words in dns.throttled if words not in missing),
    )


def check_beyond(
    asking: Sequence[Subnet], vpc: Vpc, answer: DnsAnswer, service: str, ports: Ranges, view: HubView
) -> Iterator[Check]:
    """What can be read of the way from these subnets to the addresses of an answer, and back, beyond the VPC. `service`
    is the full name of the endpoint's service.
    """
    ways = _ways(asking, vpc, answer)
    for (kind, target_id), subnets in sorted(ways.items(), key=lambda pair: pair[0]):
        if kind is TargetKind.TRANSIT_GATEWAY:
            yield from _check_gateway(target_id, subnets, vpc, answer, view)
        elif kind is not TargetKind.PEERING:  # whose active route says that it is there, and has no tables
            why = f"what lies beyond {target_id} can't be read"
            yield Check("way to the hub", CheckAnswer.UNREAD, why, is_next=True)
    yield from _check_hub(ways, vpc, answer, service, ports, view)


def find_cut(checks: Iterable[Check]) -> Check | None:
    """The first check by which the way is known to be cut. Where packets don't go straight to the hub, something may
    give them another sender's address: what hangs on that isn't known then.
    """
    found = tuple(checks)
    is_straight = all(check.finding is CheckAnswer.YES for check in found if check.is_next)
    failed = (check for check in found if check.finding is CheckAnswer.NO)
    return next((check for check in failed if is_straight or not check.is_of_sender), None)


def find_cut_to_hub(path: NetworkPath, client: Subnet, reach: ServiceReach, view: HubView | None) -> Check | None:
    """What is known to cut the client's path to the hub's endpoint beyond the VPC; None if nothing is, if something
    else serves it, or if nobody looked.
    """
    central = reach.central
    if view is None or central is None or path.reach is not Reach.CENTRAL or reach.beside(central):
        return None
    if central.source_id not in {source.id for source in view.sources}:
        return None
    return find_cut(check_beyond([client], reach.vpc, central, reach.offered[0].name, reach.ports, view))


def lost_answers(subnet: Subnet, vpc: Vpc, answer: DnsAnswer, hosts: Iterable[Subnet], other: Vpc) -> str:
    """Why what these subnets of a peered VPC answer doesn't get back, in words; empty if it does, or if that isn't
    known: packets that come by something else than the peering connection may have another sender's address.
    """
    near = End.of(subnet, subnet.ip_version)
    peered = [target for target in _ways((subnet,), vpc, answer) if target[0] is TargetKind.PEERING]
    checks = (_check_way_back(host, near, target, other) for host in hosts for target in peered)
    return next((check.why for check in checks if check.finding is CheckAnswer.NO), "")


type _Ways = Mapping[tuple[TargetKind, str], Sequence[Subnet]]


def _ways(asking: Sequence[Subnet], vpc: Vpc, answer: DnsAnswer) -> _Ways:
    """By what the packets leave the VPC, and from which subnets."""
    found: dict[tuple[TargetKind, str], list[Subnet]] = {}
    for subnet in asking:
        version = subnet.ip_version
        for _, route in routing_of(subnet, vpc, version).parts(addresses_in(answer.addresses or (), version)):
            if route and route.is_active and subnet not in found.setdefault((route.target, route.target_id), []):
                found[route.target, route.target_id].append(subnet)
    return found


# ---- a transit gateway


def _check_gateway(
    gateway_id: str, subnets: Sequence[Subnet], vpc: Vpc, answer: DnsAnswer, view: HubView
) -> Iterator[Check]:
    attached, tables = "transit gateway attachment", "transit gateway route tables"
    own, versions = view.attachment(vpc.id, gateway_id), {subnet.ip_version for subnet in subnets}
    if view.attachments is None or (own is None and view.misses_attachments):
        yield Check(attached, CheckAnswer.UNREAD, f"the attachments to {gateway_id} can't be read")
        return
    if own is None:
        yield Check(attached, CheckAnswer.NO, f"{vpc.id} isn't attached to {gateway_id}")
        return
    through = _check_attached(attached, own, subnets, vpc, versions)
    yield through
    if through.finding is CheckAnswer.NO:
        return
    home = view.home_of(answer.endpoint_id)
    for address in (text for text in answer.addresses or () if version_of(text) in versions):
        yield replace(_by_table(tables, own, address, {home[0].id} if home else set(), view), is_next=True)
    if home is None:
        return
    theirs = view.attachment(home[0].id, gateway_id)
    if theirs is None:  # another gateway may lead on to the hub's
        why = f"no attachment of {home[0].id} to {gateway_id} was seen"
        yield Check("the hub's attachment", CheckAnswer.UNREAD, why)
        return
    hub, endpoint = home
    hosts = _hosts(endpoint, hub)
    if hosts or not theirs.is_available:
        yield _check_attached("the hub's attachment", theirs, hosts, hub, versions)
    if not theirs.is_available:
        return
    for subnet in subnets:
        for cidr in (text for text in (subnet.cidr, *subnet.ipv6_cidrs) if text):
            if version_of(cidr) == subnet.ip_version:
                back = _by_table("the way back by the transit gateway", theirs, cidr, {vpc.id}, view)
                yield replace(back, is_of_sender=True)


def _check_attached(
    what: str, attachment: Attachment, subnets: Sequence[Subnet], vpc: Vpc, versions: Iterable[int]
) -> Check:
    """Whether these subnets of the VPC and the gateway reach each other by the attachment: one of its own must be in
    each of their zones, and the network ACLs of those stand in between (transit gateway guide: VPC attachments; network
    ACLs). `versions` are those of IP in which packets pass.
    """
    if not attachment.is_available:
        return Check(what, CheckAnswer.NO, f"{attachment.id} isn't available")
    homes = [subnet for subnet in vpc.subnets if subnet.id in attachment.subnet_ids]
    unseen = attachment.subnet_ids - {home.id for home in homes}
    outside = next((subnet for subnet in subnets if subnet.zone not in {home.zone for home in homes}), None)
    if outside and unseen:
        return Check(what, CheckAnswer.UNREAD, f"in which zone {min(unseen)} of {attachment.id} is wasn't read")
    if outside:
        why = f"{attachment.id} has no subnet in {outside.zone}, where {outside.id} is"
        return Check(what, CheckAnswer.NO, why)
    apart = [home for home in homes if any(one.id != home.id for one in subnets)]
    closed = next((home for home in apart for version in versions if not stands_open(home, vpc, version)), None)
    if closed:
        return Check(what, CheckAnswer.UNREAD, f"a network ACL filters in {closed.id}, where {attachment.id} is")
    return Check(what, CheckAnswer.YES)


def _by_table(what: str, attachment: Attachment, block: str, to: set[str], view: HubView) -> Check:
    """Whether the gateway sends what comes from the attachment, and is for the block, to one of these VPCs."""
    routes = view.tables.get(attachment.table_id)
    if not attachment.table_id or routes is None:
        name = attachment.table_id or f"of {attachment.id}"
        return Check(what, CheckAnswer.UNREAD, f"the route table {name} can't be read")
    version = version_of(block)
    for _, route in _routing_of(routes, version).parts(addresses_in((block,), version)):
        if route is None or not route.is_active:
            state = f"its route to {route.cidr} is a blackhole" if route else "it has no route there"
            return Check(what, CheckAnswer.NO, f"{attachment.table_id}: {state}")
        if not to & route.vpc_ids:
            leads = f"{attachment.table_id} leads {route.cidr} to {listed(sorted(route.vpc_ids)) or 'no VPC'}"
            return Check(what, CheckAnswer.UNREAD, f"{leads}, and what is behind that can't be read")
    return Check(what, CheckAnswer.YES)


@lru_cache(maxsize=64)
def _routing_of(routes: tuple[GatewayRoute, ...], version: int) -> Routing[GatewayRoute]:
    return Routing.of(((route.cidr, route) for route in routes), version)


# ---- the hub's own side


def _check_hub(ways: _Ways, vpc: Vpc, answer: DnsAnswer, service: str, ports: Ranges, view: HubView) -> Iterator[Check]:
    what, home = "the hub's endpoint", view.home_of(answer.endpoint_id)
    if home is None and answer.absent_id:
        why = f"the record of {answer.source_id} leads to {answer.absent_id}, which isn't in account {view.account_id}"
        yield Check(what, CheckAnswer.NO, why)
        return
    if home is None:
        why = "; ".join(view.unread) or "which endpoint has the addresses isn't known"
        yield Check(what, CheckAnswer.UNREAD, why)
        return
    hub, endpoint = home
    if endpoint.state is not EndpointState.AVAILABLE or not endpoint.subnet_ids:
        yield Check(what, CheckAnswer.NO, f"{endpoint.id} {endpoint.state.words}")
        return
    if endpoint.service_name != service:
        yield Check(what, CheckAnswer.NO, f"{endpoint.id} is one of {endpoint.service_name}, not of {service}")
        return
    yield Check(what, CheckAnswer.YES)
    verdict = judge_policy(endpoint, hub, vpc)
    if verdict.opening is Opening.SHUT:
        yield Check("the endpoint's policy", CheckAnswer.NO, verdict.words)
    elif verdict.words:
        yield Check("the endpoint's policy", CheckAnswer.UNREAD, verdict.words)
    hosts = _hosts(endpoint, hub)
    if unseen := endpoint.subnet_ids - {host.id for host in hosts}:
        yield Check("the hub's subnets", CheckAnswer.UNREAD, f"{listed(sorted(unseen))} of {endpoint.id} can't be read")
    for target, subnet in ((target, subnet) for target, subnets in ways.items() for subnet in subnets):
        near = End.of(subnet, subnet.ip_version)
        found = [_check_group(endpoint, near, subnet, hub, ports)]
        for host in hosts:
            found += [_check_acl(host, subnet, near, hub, ports), _check_way_back(host, near, target, hub)]
        yield from (replace(check, is_of_sender=True) for check in found)


def _hosts(endpoint: Endpoint, hub: Vpc) -> list[Subnet]:
    """The subnets of the endpoint's interfaces, as far as they were read."""
    return [host for host in hub.subnets if host.id in endpoint.subnet_ids]


def _check_group(endpoint: Endpoint, near: End, subnet: Subnet, hub: Vpc, ports: Ranges) -> Check:
    what, groups = "the hub endpoint's security group", hub.groups(endpoint.security_group_ids)
    names = ", ".join(sorted(endpoint.security_group_ids))
    rules = [rule for group in groups for rule in group.ingress]
    lanes = rule_lanes(rules, near, hub, ports)
    if lanes and all(lane.ports == ports for lane in lanes):
        return Check(what, CheckAnswer.YES)
    unread = unread_lists(rules, names, hub, ports)
    if unread or len(groups) < len(endpoint.security_group_ids):
        return Check(what, CheckAnswer.UNREAD, next(iter(unread), f"the rules of {names} can't all be read"))
    if any(rule.groups for rule in rules):  # of another VPC's members, across a gateway (transit gateway guide)
        return Check(what, CheckAnswer.UNREAD, f"{names} allows members of other groups, which can't be read")
    return Check(
        what, CheckAnswer.NO, f"{names} doesn't allow inbound {ports_in(ports)} from {near.name} ({subnet.id})"
    )


def _check_acl(host: Subnet, subnet: Subnet, near: End, hub: Vpc, ports: Ranges) -> Check:
    what = "the hub's network ACLs"
    if unread := hub.unread_words(Part.NETWORK_ACLS):
        return Check(what, CheckAnswer.UNREAD, "; ".join(unread))
    far = End.of(host, near.version)
    passage = find_passage(acl_gates(subnet, host, near, far, hub, ports), near, far, ports)
    if passage.traffic.passes_all:
        return Check(what, CheckAnswer.YES)
    return Check(what, CheckAnswer.NO, passage.shut_by[0][1])


def _check_way_back(host: Subnet, near: End, target: tuple[TargetKind, str], hub: Vpc) -> Check:
    """The hub's routes lead back to the VPC by the gateway or the peering connection that leads there."""
    what = "the hub's routes back"
    for _, route in routing_of(host, hub, near.version).parts(near.addresses):
        if route is None and (unread := hub.unread_words(Part.PREFIX_LIST)):
            return Check(what, CheckAnswer.UNREAD, "; ".join(unread))
        if route is None or not route.is_active:
            return Check(what, CheckAnswer.NO, f"no route of {host.id} leads back to {near.name}")
        if (route.target, route.target_id) != target:
            why = f"{host.id} leads {near.name} to {route.target_id} and not to {target[1]}"
            is_here = route.target is TargetKind.LOCAL
            return Check(what, CheckAnswer.NO if is_here else CheckAnswer.UNREAD, why)
    return Check(what, CheckAnswer.YES)
