"""Where Lifeline's endpoint leaves a subnet whose network ACL or routes keep others out, and in which nobody is.

An endpoint answers its service's name for the whole VPC. Whoever may create a subnet, and shut it, must not have all
the others cut off because Lifeline placed the endpoint there.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from lifeline.core.network.gates import End
from lifeline.core.network.model import Endpoint, Part, Subnet
from lifeline.core.network.obstacles import kept_out
from lifeline.core.plan.client_egress import AnsweringEnds
from lifeline.core.plan.harm import Dependent, Place, Takeover, empty_subnets, is_cut, outside, without_closed


@dataclass(frozen=True, slots=True)
class Leaving:
    """The subnets that an endpoint leaves, those that it gets instead, and why.

    It never leaves its last one: that EC2 takes that from an endpoint is nowhere promised. And it gets one in the same
    zone only after it left, because AWS takes one subnet a zone (EC2 API errors: DuplicateSubnetsInSameZone).
    """

    left: tuple[Subnet, ...]
    instead: tuple[Subnet, ...]
    why: str


def find_leaving(endpoint: Endpoint, takeover: Takeover, place: Place) -> Leaving | None:
    """What to do about the endpoint's subnets whose ACLs or routes keep others out; None where it stays in them.

    Only subnets count in which somebody is, if any is: whoever may create others moves nothing. It stays where somebody
    is in such a subnet, or that wasn't read, for whoever is there may reach the endpoint nowhere else; where somebody
    elsewhere reaches it there and wouldn't in the other subnet, by ACLs, routes or security groups of their own; and
    where no more of them would reach it elsewhere.
    """
    vpc, ports = takeover.vpc, takeover.ports
    if vpc.unread_words(Part.NETWORK_ACLS):
        return None
    empty = empty_subnets(vpc)
    inhabited = [subnet for subnet in vpc.subnets if subnet.id not in empty]
    callers = inhabited or vpc.subnets
    hosts = [subnet for subnet in vpc.subnets if subnet.id in endpoint.subnet_ids]

    def shut_out(host: Subnet) -> frozenset[str]:
        """Whom the host's ACL or routes keep out: the endpoint's name leads to each of its interfaces."""
        return frozenset(one.id for one in callers if kept_out(one, host, vpc, ports))

    shut_by = {host.id: shut_out(host) for host in hosts if host.id in empty}
    shut = [host for host in hosts if shut_by.get(host.id)]
    if not shut:
        return None
    staying = [host for host in hosts if host not in shut]
    loses = {host.id: takeover.closing(_reaching(inhabited, host, takeover, endpoint)) for host in shut}

    def why(host: Subnet) -> str:
        return next(filter(None, (kept_out(caller, host, vpc, ports) for caller in callers)))

    def is_better(host: Subnet, than: Iterable[Subnet]) -> bool:
        left_out = shut_out(host)
        return all(left_out < shut_by[one.id] and not loses[one.id](host) for one in than)

    def better(zones: Collection[str], than: Collection[Subnet]) -> tuple[Subnet, ...]:
        """Where the endpoint can have an interface in these zones, so that more subnets reach it."""
        elsewhere = frozenset(subnet.id for subnet in vpc.subnets if subnet.zone not in zones or subnet in shut)
        for more in (elsewhere, elsewhere | empty):  # somebody may have made and shut many subnets
            within = outside(more, place)
            if found := without_closed(within, within(frozenset()), lambda host: not is_better(host, than)):
                return found.subnets
        return ()

    zones = {host.zone for host in shut}
    if staying and all(is_better(host, shut) for host in staying):
        return Leaving(tuple(shut), better(zones, shut), why(shut[0]))
    if not staying and (elsewhere := better({subnet.zone for subnet in vpc.subnets} - zones, shut)):
        return Leaving((), elsewhere[:1], why(shut[0]))  # the next run leaves
    most = max(shut, key=lambda host: (len(shut_by[host.id]), host.id))
    if len(hosts) > 1 and (instead := better({most.zone}, [most])):
        return Leaving((most,), instead, why(most))
    return None


def _reaching(callers: Iterable[Subnet], host: Subnet, takeover: Takeover, endpoint: Endpoint) -> Iterator[Dependent]:
    """Who reaches the endpoint's interface in the host, as far as neither ACLs nor routes keep them from it."""
    for caller in callers:
        if not is_cut(caller, host, takeover.vpc, takeover.ports):
            ends = (End.of(host, caller.ip_version),)
            yield Dependent(caller, now=AnsweringEnds(ends, endpoint.security_group_ids))
