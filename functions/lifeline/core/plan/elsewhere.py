"""Do no harm beyond the VPC: whoever resolves names through it gets an endpoint's addresses, too."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from ipaddress import ip_address

from lifeline.core.network.acl import acl_obstacle
from lifeline.core.network.askers import Asking
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.hub import lost_answers
from lifeline.core.network.model import Endpoint, EndpointType, Ranges, SecurityGroup, Vpc
from lifeline.core.network.obstacles import lets_in_cidr
from lifeline.core.network.packets import usable_in
from lifeline.core.network.tiers import covers
from lifeline.core.network.way_to_central import way_to_central
from lifeline.core.plan.harm import Dependent, Takeover, find_dependents
from lifeline.core.wording import listed

# Services whose private DNS name covers what the endpoint doesn't answer: that is for private APIs only.
_SHADOWS = {
    # API Gateway guide: how to invoke a private API, using private DNS names (warning).
    "execute-api": "public APIs of API Gateway",
    # AppSync guide: using AppSync private APIs, factors to consider.
    "appsync-api": "public APIs of AppSync",
}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What private DNS does to those who ask here from elsewhere: what it breaks, and what isn't known."""

    breaks: str = ""
    warning: str = ""


def find_elsewhere(
    takeover: Takeover, endpoint: Endpoint, asking: Asking, groups: Collection[SecurityGroup]
) -> Elsewhere:
    """What becomes of everybody who asks here for the service's name, once an endpoint with these groups takes it.

    Another VPC loses the service where it is known to ask here, reaches it by its own way out today, or may, and isn't
    led or let in to the endpoint. Of whoever else asks, or of one that answers the usual names itself, it can only be
    said that they will get other addresses.
    """
    unsure: list[str] = []
    for asker in asking.askers:
        names = takeover.service.private_dns_names
        asked = asker.asked(names)
        if not asked:
            continue
        dependents = _dependents(takeover, asker.vpc) if asker.vpc else ()
        losses = ((one, _why_not(takeover, endpoint, groups, one, asker.vpc)) for one in dependents if asker.vpc)
        lost = next(((one, why) for one, why in losses if why), None)
        only = f" (of the service's names only {listed(asked)})" if asker.answers_usual(names) else ""
        if lost and asker.is_sure and not only:
            one, why = lost
            return Elsewhere(
                f"private DNS would make the {takeover.suffix} service unreachable from {one.subnet.id} of "
                f"{asker.vpc_id}, which {one.words}: {asker.words}, and {why}; let {asker.vpc_id} resolve the name "
                "elsewhere, or create an endpoint that it can use"
            )
        unsure += [f"{asker.words}{only}"] if dependents or asker.vpc is None else []
    warning = ""
    if unsure:
        warning = (
            f"; {listed(unsure, 3)}: whoever asks there will get the endpoint's addresses as well, and it isn't known "
            "who that is, or whether they can reach them"
        )
    if asking.unread:
        warning += f"; it isn't known whether others ask here for the name: {'; '.join(asking.unread)}"
    return Elsewhere(warning=warning)


def shadow_words(takeover: Takeover) -> str:
    """Why the service's private name would hide what its endpoint doesn't answer, if somebody reaches that today."""
    hidden = _SHADOWS.get(takeover.suffix)
    reaching = [one for one in takeover.dependents() if one.is_public] if hidden else []
    if not reaching:
        return ""
    seen = [one for one in reaching if not one.unread]
    names, shown = (
        ", ".join(takeover.service.private_dns_names),
        listed([one.subnet.id for one in seen or reaching][:3]),
    )
    can = "can" if seen else "may"
    return (
        f"private DNS would make {hidden} unreachable from the VPC, which {shown} {can} reach today: it takes {names}, "
        "and the endpoint answers for private APIs only; create the endpoint yourself once nobody in the VPC needs them"
    )


def private_apis_words(service: str) -> tuple[str, ...]:
    """That only an endpoint reaches what the service's endpoint answers for, as a clause; none of other services."""
    return ("private APIs are reached by an endpoint only",) if service in _SHADOWS else ()


def _dependents(takeover: Takeover, other: Vpc) -> tuple[Dependent, ...]:
    """The subnets of another VPC that reach the service's public addresses, or a gateway endpoint, by themselves. Its
    own interface endpoints don't count: what they answer isn't asked for here (`own_domains`).
    """
    gateways = tuple(one for one in other.endpoints if one.type is EndpointType.GATEWAY)
    return find_dependents(takeover.suffix, replace(other, endpoints=gateways), takeover.catalog, DnsView())


def _why_not(
    takeover: Takeover, endpoint: Endpoint, groups: Collection[SecurityGroup], one: Dependent, other: Vpc
) -> str:
    """Why a subnet of another VPC couldn't use the endpoint on the ports that are open to it today; an empty text if
    nothing that was read speaks against.
    """
    subnet, ports = one.subnet, one.open_ports(takeover.ports)
    hosts = [host for host in takeover.vpc.subnets if host.id in endpoint.subnet_ids and host.cidr]
    addresses = tuple(str(ip_address(usable_in(host.cidr)[0][0])) for host in hosts)
    there = DnsAnswer(AnswerKind.PRIVATE_ZONE, "", "", "", addresses=addresses, endpoint_id=endpoint.id)
    barrier = way_to_central(there, subnet, other, ports)
    if barrier.obstacles:
        return barrier.obstacles[0].words
    walled = (acl_obstacle(subnet, host, takeover.vpc, ports) for host in hosts)
    if shut := next(filter(None, walled), "") or lost_answers(subnet, other, there, hosts, takeover.vpc):
        return shut
    if not subnet.cidr or _lets_in(groups, subnet.cidr, takeover.vpc, ports):
        return ""
    return f"the endpoint's security group lets in {', '.join(takeover.vpc.all_cidrs)}, not {subnet.cidr}"


def _lets_in(groups: Collection[SecurityGroup], cidr: str, vpc: Vpc, ports: Ranges) -> bool:
    is_own = any(covers(block, cidr) for block in vpc.all_cidrs)
    return is_own or any(lets_in_cidr(group, cidr, ports) for group in groups)
