"""Subnets that don't require a service, and can't reach it because a hub's zone or Profile answers its name there."""

from collections.abc import Iterator
from dataclasses import replace

from lifeline.core.network.hub import HubView, find_cut_to_hub
from lifeline.core.network.model import Catalog, Subnet
from lifeline.core.network.reach import ServiceReach
from lifeline.core.plan.scene import Scene


def bystander_notes(scene: Scene, catalog: Catalog) -> Iterator[str]:
    """Which subnets these are, for each service that the hub shares. Only those count that would reach the service by
    a way of their own, and aren't exempt; subnets that require it are told of by their paths.
    """
    vpc, plan_input = scene.vpc, scene.plan_input
    view, dns = plan_input.hub, plan_input.dns
    if plan_input.central is None or view is None or dns is None:
        return
    ids = {source.id for source in view.sources}
    alone = replace(dns, answers=tuple(answer for answer in dns.answers if answer.source_id not in ids))
    for service in sorted(plan_input.central.services):
        reach, without = (ServiceReach(vpc, service, catalog, one) for one in (dns, alone))
        central = reach.central
        if central is None or central.source_id not in ids:
            continue
        spared = {one.subject for one in plan_input.exempt if one.spares(service)}
        spared |= {id_ for one in plan_input.requirements if one.service == service for id_ in one.subnet_ids}
        others = [subnet for subnet in vpc.subnets if subnet.id not in spared]
        open_alone = (one for one in others if without.path(one, has_public_address=True).reach.is_open)
        lost = [(subnet, why) for subnet in open_alone if (why := _why_lost(subnet, reach, view))]
        if lost:
            who = scene.named([subnet for subnet, _ in lost])
            taken = f"{central.source_id} answers its name in the VPC"
            yield f"{who} can't reach the {service} service, which isn't required there: {taken}, and {lost[0][1]}"


def _why_lost(subnet: Subnet, reach: ServiceReach, view: HubView) -> str:
    """What keeps the subnet from the hub's endpoint; an empty text if nothing is known to."""
    path = reach.path(subnet, has_public_address=True)
    if path.reach.is_closed:
        return path.obstacles[0].words if path.obstacles else path.words
    cut = find_cut_to_hub(path, subnet, reach, view)
    return f"{cut.what} ({cut.why})" if cut else ""
