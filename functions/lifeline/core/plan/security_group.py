"""Lifeline's one security group in a VPC: the ports of the services that use it, from every block of the VPC."""

from collections.abc import Iterator

from lifeline.core.network.model import MANAGED_BY, SECURITY_GROUP_NAME, Catalog, Ranges, SecurityGroup, Vpc, suffix_of
from lifeline.core.network.obstacles import lets_in_cidr
from lifeline.core.network.packets import joined, ports_in
from lifeline.core.network.ports import ports_of
from lifeline.core.network.tiers import covers
from lifeline.core.plan.actions import Action, ActionKind

GROUP_WORDS = "Lifeline: lets the VPC reach its endpoints"
RULE_WORDS = "From the VPC to its endpoints"


def own_security_group(vpc: Vpc, owner: str) -> SecurityGroup | None:
    """The group of Lifeline's name that it created, by its record, and that still carries its tag; or None."""
    named = sorted(_namesakes(vpc), key=lambda group: group.id)
    return next((group for group in named if group.on_record and group.tag(MANAGED_BY) == owner), None)


def plan_security_group(vpc: Vpc, owner: str, catalog: Catalog, *, needed: Ranges) -> Iterator[Action]:
    """Creates the group where endpoints will need these ports of it, and opens it for blocks that the VPC gained, and
    for the ports of all services that use it.

    From every block, public subnets' too: private DNS moves the whole VPC's traffic to the endpoint (PrivateLink guide:
    private DNS). A group of the same name that isn't Lifeline's is left alone, and nothing is built on it. Nor is it on
    Lifeline's own once that lets in anything but the VPC, because someone else opened it.
    """
    own = own_security_group(vpc, owner)
    if own and needed and (wider := _lets_in_others(own, vpc)):
        reason = f"endpoints need a security group that lets in nothing but {', '.join(vpc.all_cidrs)}"
        action = Action(ActionKind.OPEN_SECURITY_GROUP, reason, cidrs=vpc.all_cidrs, security_group_id=own.id)
        yield action.blocked(f"{own.id} also lets in {', '.join(wider)}, which isn't in the VPC: remove these rules")
    elif own:
        for cidrs, ports in _missing(own, vpc, joined((*needed, *_in_use(own, vpc, catalog)))).items():
            reason = f"{own.id} doesn't allow inbound TCP {ports_in(ports)} from {', '.join(cidrs)}"
            yield Action(ActionKind.OPEN_SECURITY_GROUP, reason, cidrs=cidrs, security_group_id=own.id, ports=ports)
    elif needed:
        allows = f"inbound TCP {ports_in(needed)} from {', '.join(vpc.all_cidrs)}"
        reason = f"endpoints need a security group that allows {allows}"
        action = Action(ActionKind.CREATE_SECURITY_GROUP, reason, cidrs=vpc.all_cidrs, ports=needed)
        namesake = next(_namesakes(vpc), None)
        yield action.blocked(_namesake_words(namesake, owner)) if namesake else action


def _in_use(group: SecurityGroup, vpc: Vpc, catalog: Catalog) -> Ranges:
    """The ports of the services whose endpoints have the group."""
    said = dict(catalog.ports)
    services = (suffix_of(one.service_name) for one in vpc.live_endpoints if group.id in one.security_group_ids)
    return joined(port for service in services for port in ports_of(service, said))


def _missing(group: SecurityGroup, vpc: Vpc, ports: Ranges) -> dict[tuple[str, ...], Ranges]:
    """The blocks that the group doesn't let in, and on which ports."""
    found: dict[tuple[str, ...], Ranges] = {}
    for port in ports:
        cidrs = tuple(cidr for cidr in vpc.all_cidrs if not lets_in_cidr(group, cidr, (port,)))
        if cidrs:
            found[cidrs] = (*found.get(cidrs, ()), port)
    return found


def _lets_in_others(group: SecurityGroup, vpc: Vpc) -> tuple[str, ...]:
    """What the group lets in besides the VPC's own blocks, whatever the port."""
    blocks = [cidr for rule in group.ingress for cidr in rule.cidrs]
    others = [cidr for cidr in blocks if not any(covers(own, cidr) for own in vpc.all_cidrs)]
    sources = [source for rule in group.ingress for source in (*rule.groups, *rule.prefix_lists)]
    return tuple(sorted({*others, *sources}))


def _namesakes(vpc: Vpc) -> Iterator[SecurityGroup]:
    return (group for group in vpc.security_groups if group.name == SECURITY_GROUP_NAME)


def _namesake_words(namesake: SecurityGroup, owner: str) -> str:
    """A group without the tag must be tagged first: Lifeline's role may only change what carries it."""
    tag = "" if namesake.tag(MANAGED_BY) == owner else f"tag it {MANAGED_BY}={owner} and "
    return (
        f"{namesake.id} is named {SECURITY_GROUP_NAME}, but the ledger has no record that it is Lifeline's: delete it, "
        f'or {tag}adopt it with {{"adopt": ["{namesake.id}"]}}'
    )
