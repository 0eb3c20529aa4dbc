"""Turning on a VPC's DNS attributes wakes up what answered nobody so far: names of endpoints, private hosted zones."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from lifeline.core.network.dns import DnsAnswer, DnsView, domain_of, usual_names
from lifeline.core.network.endpoint_policy import Opening, judge_policy
from lifeline.core.network.model import FAILED_STATES, Catalog, Endpoint, EndpointType, Service, Vpc, suffix_of
from lifeline.core.network.network_path import Reach
from lifeline.core.network.ports import ports_of
from lifeline.core.network.reach import ServiceReach
from lifeline.core.plan.elsewhere import find_elsewhere
from lifeline.core.plan.harm import (
    Dependent,
    Takeover,
    answered_by,
    find_dependents,
    find_harm,
    find_spared,
    harm_words,
    lost_words,
)
from lifeline.core.plan.scene import PlanInput
from lifeline.core.wording import listed

_SHOWN = 3


def waking_zones(dns: DnsView | None) -> tuple[DnsAnswer, ...]:
    """The zones that would begin to answer (Route 53 guide: considerations when working with a private hosted zone,
    VPC settings).
    """
    return tuple(answer for answer in (dns.answers if dns else ()) if not answer.forwards)


def waking_words(dns: DnsView | None) -> str:
    """Which zones these are, as what follows a reason; an empty text if there is none."""
    zones = [f"{zone.domain} ({zone.source_id})" for zone in waking_zones(dns)]
    if not zones:
        return ""
    count = "a private hosted zone that answers" if len(zones) == 1 else "private hosted zones that answer"
    return f"; {count} nobody so far will begin to: {listed(zones, _SHOWN)}"


def waking_harm(vpc: Vpc, catalog: Catalog, plan_input: PlanInput) -> str:
    """What turning the attributes on would break: whoever reaches a service today whose name an endpoint or a zone
    would take then; an empty text if nothing. Of a zone with many names, one service stands for the others.
    """
    dns, exempt = plan_input.dns, plan_input.exempt
    required = {requirement.service for requirement in plan_input.requirements}
    if dns and dns.unreadable:
        return f"it isn't known which private hosted zones would begin to answer: {'; '.join(dns.unreadable)}"
    for endpoint, service, after in _waking_endpoints(vpc):
        found = find_harm(service, find_dependents(service, vpc, catalog, dns, exempt), after, catalog, dns)
        if words := harm_words(found, ports_of(service, dict(catalog.ports))):
            return words
        if offered := catalog.named(endpoint.service_name, EndpointType.INTERFACE):
            takeover = Takeover(offered, service, vpc, dns, exempt, catalog.ports)
            groups = vpc.groups(endpoint.security_group_ids)
            if words := find_elsewhere(takeover, endpoint, plan_input.asking, groups).breaks:
                return words
    for zone, service, is_own_name in _hidden(vpc, dns, catalog, required):
        reach = _reach_then(service, vpc, catalog, dns)
        for one in find_dependents(service, vpc, catalog, dns, exempt):
            why = _why_lost(one, reach, is_own_name=is_own_name)
            if not why:
                continue
            makes = "would make" if is_own_name else "might make"
            return (
                f"{zone.detail} answers nobody while the VPC's DNS attributes are off. Turning them on {makes} the "
                f"{service} service unreachable from {one.subnet.id}, which {one.words}: {why}; disassociate the "
                f"zone from the VPC, or turn the attributes on yourself"
            )
    return ""


def waking_told(vpc: Vpc, catalog: Catalog, plan_input: PlanInput) -> str:
    """Which subnets that the policy exempts would lose a service then, and which endpoints may shut somebody out, as
    what follows a reason; an empty text if there are none.
    """
    dns, told = plan_input.dns, list[str]()
    for _, service, after in _waking_endpoints(vpc):
        why = {one.subnet.id: (one, said) for one, said in find_spared(service, vpc, catalog, dns, plan_input.exempt)}
        for harm in find_harm(service, [one for one, _ in why.values()], after, catalog, dns):
            if harm.is_grave:
                is_sure = harm.path.reach is not Reach.UNKNOWN
                told.append(
                    lost_words(harm.subnet_id, why[harm.subnet_id][1], harm.what, harm.path.words, is_sure=is_sure)
                )
    required = {requirement.service for requirement in plan_input.requirements}
    for _, service, is_own_name in _hidden(vpc, dns, catalog, required):
        reach = _reach_then(service, vpc, catalog, dns)
        for one, said in find_spared(service, vpc, catalog, dns, plan_input.exempt):
            if lost := _why_lost(one, reach, is_own_name=is_own_name):
                told.append(lost_words(one.subnet.id, said, f"the {service} service", lost, is_sure=is_own_name))
    return (f"; {listed(told, _SHOWN)}" if told else "") + _narrow_words(vpc)


def _narrow_words(vpc: Vpc) -> str:
    """Which endpoints that let only some through would take a name, as what follows a reason: who asks isn't known."""
    narrow = [
        f"{endpoint.id} ({service})"
        for endpoint, service, _ in _waking_endpoints(vpc)
        if judge_policy(endpoint, vpc).opening is Opening.NARROW
    ]
    only = "endpoints that begin to answer then may let only some callers or calls through"
    return f"; {only}: {listed(narrow, _SHOWN)}" if narrow else ""


def _waking_endpoints(vpc: Vpc) -> Iterator[tuple[Endpoint, str, Vpc]]:
    """The endpoints whose names would begin to be answered, each with its service and the VPC as it would be then."""
    for endpoint in vpc.live_endpoints:
        is_waking = endpoint.type is EndpointType.INTERFACE and endpoint.private_dns
        if is_waking and endpoint.state not in FAILED_STATES:
            yield endpoint, suffix_of(endpoint.service_name), answered_by(endpoint, vpc)


def _reach_then(service: str, vpc: Vpc, catalog: Catalog, dns: DnsView | None) -> ServiceReach:
    """Who would answer the service's name once the attributes are on."""
    return ServiceReach(replace(vpc, dns_support=True, dns_hostnames=True), service, catalog, dns)


def _why_lost(one: Dependent, reach: ServiceReach, *, is_own_name: bool) -> str:
    """Why the subnet would lose the service to the zone, or might; an empty text if it wouldn't."""
    if not is_own_name:
        return f"whether it has a record for the {reach.service} service was not read"
    path = reach.private_path(one.subnet)
    return "" if path.reach.is_open else path.words


def _hidden(
    vpc: Vpc, dns: DnsView | None, catalog: Catalog, required: Collection[str]
) -> Iterator[tuple[DnsAnswer, str, bool]]:
    """Each zone that would take a service's usual name, with that service, and whether the name is the zone's own. A
    name that an endpoint takes isn't a parent's zone's: the most specific one answers (Route 53 guide: considerations
    when working with a private hosted zone, overlapping namespaces).
    """
    services = sorted(catalog.services, key=lambda one: (suffix_of(one.name) not in required, one.name))
    held = {endpoint.service_name for endpoint, _, _ in _waking_endpoints(vpc)}
    free = [one for one in services if one.name not in held]
    for zone in waking_zones(dns):
        for is_own_name, among in ((True, services), (False, free)):
            found = next((one for one in among if _takes(zone, one, is_own_name=is_own_name)), None)
            if found:
                yield zone, suffix_of(found.name), is_own_name
                break


def _takes(zone: DnsAnswer, service: Service, *, is_own_name: bool) -> bool:
    names = [domain_of(name) for name in usual_names(service.private_dns_names)]
    return any(name == zone.domain if is_own_name else name.endswith(f".{zone.domain}") for name in names)
