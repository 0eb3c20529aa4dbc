"""Where Lifeline's endpoint leaves a subnet whose network ACL keeps others out, and in which nobody is.

An endpoint answers its service's name for the whole VPC. Whoever may create a subnet, and shut it, must not have all
the others cut off because Lifeline placed the endpoint there.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from lifeline.core.network.acl import acl_obstacle
from lifeline.core.network.model import Endpoint, Part, Ranges, Subnet, Vpc
from lifeline.core.plan.placement import Placement

type Place = Callable[[frozenset[str]], Placement]
"""The best placement without the subnets of these ids."""

_MOST_TRIES = 25  # placements; each leaves out at least one subnet more


@dataclass(frozen=True, slots=True)
class Leaving:
    """The subnets that an endpoint leaves, those that it gets instead, and why.

    It never leaves its last one: that EC2 takes that from an endpoint is nowhere promised. And it gets one in the same
    zone only after it left, because AWS takes one subnet a zone (EC2 API errors: DuplicateSubnetsInSameZone).
    """

    left: tuple[Subnet, ...]
    instead: tuple[Subnet, ...]
    why: str


def find_leaving(endpoint: Endpoint, vpc: Vpc, ports: Ranges, place: Place) -> Leaving | None:
    """What to do about the endpoint's subnets whose ACLs keep others out; None where it stays in them.

    It stays where somebody is in such a subnet, or that wasn't read, for whoever is there may reach the endpoint
    nowhere else; and where no more subnets would reach it elsewhere.
    """
    if vpc.interfaces is None or vpc.unread_words(Part.NETWORK_ACLS, Part.INTERFACES):
        return None
    hosts = [subnet for subnet in vpc.subnets if subnet.id in endpoint.subnet_ids]
    empty = {host.id for host in hosts if not vpc.clients_in(host)}
    callers = [subnet for subnet in vpc.subnets if subnet.id not in empty]
    shut_by = {host.id: _shut_out(callers, [host], vpc, ports) for host in hosts if host.id in empty}
    shut = [host for host in hosts if shut_by.get(host.id)]
    if not shut:
        return None
    before = frozenset[str]().union(*shut_by.values(), _shut_out(callers, hosts, vpc, ports))
    staying = [host for host in hosts if host not in shut]
    why = next(filter(None, (acl_obstacle(caller, shut[0], vpc, ports) for caller in callers)))

    def better(zones: Collection[str]) -> tuple[Subnet, ...]:
        """Where the endpoint can have an interface in these zones, so that more subnets reach it."""
        avoid = frozenset(subnet.id for subnet in vpc.subnets if subnet.zone not in zones or subnet in shut)
        for _ in range(_MOST_TRIES):
            placed = place(avoid).subnets
            worse = {host.id for host in placed if not _shut_out(callers, [host], vpc, ports) < before}
            if not worse:
                return placed
            avoid |= worse
        return ()

    zones = {host.zone for host in shut}
    if staying and _shut_out(callers, staying, vpc, ports) < before:
        return Leaving(tuple(shut), better(zones), why)
    if not staying and (elsewhere := better({subnet.zone for subnet in vpc.subnets} - zones)):
        return Leaving((), elsewhere[:1], why)  # the next run leaves
    most = max(shut, key=lambda host: (len(shut_by[host.id]), host.id))
    if len(hosts) > 1 and not staying and (instead := better({most.zone})):
        return Leaving((most,), instead, why)
    return None


def _shut_out(callers: Iterable[Subnet], hosts: Sequence[Subnet], vpc: Vpc, ports: Ranges) -> frozenset[str]:
    """The callers that an ACL of one of the hosts keeps out: its name leads to all of them. Whoever is shut in by an
    ACL of its own reaches none anywhere.
    """
    found: set[str] = set()
    for host in hosts:
        acls = (replace(acl, subnet_ids=acl.subnet_ids - {host.id}) for acl in vpc.network_acls)
        without = replace(vpc, network_acls=tuple(acls))
        shut = (one for one in callers if acl_obstacle(one, host, vpc, ports))
        found |= {one.id for one in shut if not acl_obstacle(one, host, without, ports)}
    return frozenset(found)
