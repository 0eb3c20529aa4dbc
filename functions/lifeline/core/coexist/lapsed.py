"""What lapsed: services that subnets would have to reach, were it not for a tag, and of those what they lack."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from lifeline.core.coexist.waivers import Waiver, find_lapsed
from lifeline.core.network.dns import DnsView
from lifeline.core.network.hub import HubView, find_cut_to_hub
from lifeline.core.network.model import Catalog, Tier, Vpc
from lifeline.core.network.network_path import Reach
from lifeline.core.network.reach import ServiceReach
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.policy.policy import Policy
from lifeline.core.policy.requiring_tags import RequiringTags

_SERVED = frozenset({Reach.SERVED, Reach.CENTRAL, Reach.PENDING})

type Pair = tuple[str, str]  # a subnet's id and a service
type Waivers = Mapping[Pair, tuple[Waiver, ...]]


@dataclass(frozen=True, slots=True)
class Lapsed:
    """What subnets need not reach because of a tag, whatever way out they have; `of_isolated` is the part of those
    that have none.
    """

    waivers: Waivers = field(default_factory=dict)
    of_isolated: frozenset[Pair] = frozenset()

    @property
    def keys(self) -> frozenset[str]:
        """What the waivers are known by, all of them."""
        return self.keys_of(self.waivers)

    def keys_of(self, pairs: Iterable[Pair]) -> frozenset[str]:
        """What the waivers of these subnets and services are known by, each by what says so, the subnet and the
        service: `vpc-0123456789abcdef0 lifeline:exempt subnet-0123456789abcdef0 monitoring`.
        """
        return frozenset(" ".join((waiver.cause, *pair)) for pair in pairs for waiver in self.waivers[pair])


def is_of_tag(key: str) -> bool:
    """True of what a waiver is known by, and not of an endpoint's id."""
    return " " in key


@dataclass(frozen=True, slots=True)
class Lacking:
    """What isolated subnets lack because of a tag: `unserved` by any endpoint, here or central. `unasked` is what an
    endpoint elsewhere may serve: nobody has looked yet, at who answers, or at what lies on the way to the hub.
    """

    unserved: Waivers
    unasked: Waivers


def judge_lapsed(vpc: Vpc, policy: Policy, known: RequiringTags, catalog: Catalog, *, today: date) -> Lapsed:
    """What lapsed in the VPC, of the services that the region has: a tag may list whatever somebody invents."""
    cut_off = {subnet.id: Tier.ISOLATED for subnet in vpc.subnets}
    found = find_lapsed(vpc, policy, cut_off, known, today=today)
    offered = {service for service in {pair[1] for pair in found} if not catalog.is_read or catalog.find(service)}
    waivers = {pair: said for pair, said in found.items() if pair[1] in offered}
    if not waivers:
        return Lapsed()
    tiers = usable_tiers(vpc)
    return Lapsed(waivers, frozenset(pair for pair in waivers if tiers[pair[0]] is Tier.ISOLATED))


def find_lacking(
    lapsed: Lapsed,
    keys: Collection[str],
    vpc: Vpc,
    catalog: Catalog,
    dns: DnsView | None,
    hub: HubView | None = None,
    *,
    hub_ids: Collection[str] = (),
) -> Lacking:
    """What isolated subnets lack of what these keys are for. `dns` is what else answers names there, and `hub` what the
    VPC sees of the hub, None where they weren't read; `hub_ids` are the zones or the Profile of the policy's hub.
    """
    wanted = frozenset(keys)
    pairs = [pair for pair in sorted(lapsed.of_isolated) if lapsed.keys_of([pair]) & wanted]
    offered = {service for _, service in pairs if catalog.find(service)}
    seen = hub.completed(dns) if hub and dns else dns
    reach = {service: ServiceReach(vpc, service, catalog, seen) for service in offered}
    subnets = {subnet.id: subnet for subnet in vpc.subnets}
    paths = {pair: reach[pair[1]].private_path(subnets[pair[0]]) for pair in pairs if pair[1] in offered}
    cut = {pair for pair, path in paths.items() if find_cut_to_hub(path, subnets[pair[0]], reach[pair[1]], hub)}
    lacking = {pair: path for pair, path in paths.items() if pair in cut or path.reach not in _SERVED}
    by_hub = {pair for pair, path in paths.items() if path.reach is Reach.CENTRAL and path.central_id in hub_ids}
    unasked = {pair for pair, path in lacking.items() if path.is_unasked} | (by_hub if hub is None else set())
    return Lacking(
        unserved={pair: lapsed.waivers[pair] for pair in lacking if pair not in unasked},
        unasked={pair: lapsed.waivers[pair] for pair in paths if pair in unasked},
    )
