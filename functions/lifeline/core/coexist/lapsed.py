"""What lapsed: services that subnets would have to reach, were it not for a tag, and of those what they lack."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from lifeline.core.coexist.waivers import Waiver, find_lapsed
from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import Catalog, Tier, Vpc
from lifeline.core.network.reach import Reach, ServiceReach
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.policy.policy import Policy
from lifeline.core.policy.requiring_tags import RequiringTags

_SERVED = frozenset({Reach.SERVED, Reach.CENTRAL, Reach.PENDING})

type Pair = tuple[str, str]  # a subnet's id and a service


@dataclass(frozen=True, slots=True)
class Lapsed:
    """What subnets need not reach because of a tag, whatever way out they have, by subnet and service.

    `unserved` are those of isolated subnets that no endpoint serves, here or centrally. `unasked` are those that an
    endpoint elsewhere may serve: nobody has looked yet.
    """

    waivers: Mapping[Pair, tuple[Waiver, ...]]
    unserved: frozenset[Pair] = frozenset()
    unasked: frozenset[Pair] = frozenset()

    @property
    def keys(self) -> frozenset[str]:
        """What the waivers are known by, all of them."""
        return self.keys_of(self.waivers)

    def keys_of(self, pairs: Iterable[Pair]) -> frozenset[str]:
        """What the waivers of these subnets and services are known by: `vpc-0123456789abcdef0 monitoring`."""
        return frozenset(f"{waiver.subject} {pair[1]}" for pair in pairs for waiver in self.waivers[pair])

    def among(self, keys: Collection[str]) -> Mapping[Pair, tuple[Waiver, ...]]:
        """The waivers of what is unserved, as far as they are among these."""
        return {pair: self.waivers[pair] for pair in sorted(self.unserved) if self.keys_of([pair]) & set(keys)}


def judge_lapsed(
    vpc: Vpc, policy: Policy, catalog: Catalog, dns: DnsView | None, known: RequiringTags, *, today: date
) -> Lapsed:
    """What lapsed in the VPC. `dns` is what else answers names there, None where it wasn't read."""
    tiers = classify_subnets(vpc)
    waivers = find_lapsed(vpc, policy, dict.fromkeys(tiers, Tier.ISOLATED), known, today=today)
    isolated = {subnet.id: subnet for subnet in vpc.subnets if tiers[subnet.id] is Tier.ISOLATED}
    offered = {service for _, service in waivers if catalog.find(service)}
    reach = {service: ServiceReach(vpc, service, catalog, dns) for service in offered}
    paths = {
        (subnet_id, service): reach[service].private_path(isolated[subnet_id])
        for subnet_id, service in waivers
        if subnet_id in isolated and service in offered
    }
    lacking = {pair: path for pair, path in paths.items() if path.reach not in _SERVED}
    unasked = frozenset(pair for pair, path in lacking.items() if path.is_unasked)
    return Lapsed(waivers, frozenset(lacking) - unasked, unasked)
