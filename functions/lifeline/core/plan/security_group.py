"""Lifeline's security group in a VPC: the ports of the services that use it, from every block of the VPC; and another
group where the first can't be used.

Whoever can create, open or tag security groups can make any of them unusable. That must not keep endpoints from being
repaired, so the next group takes the next free name, and people are notified of each that isn't used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, count

from lifeline.core.network.model import MANAGED_BY, Catalog, Endpoint, Ranges, SecurityGroup, Vpc, suffix_of
from lifeline.core.network.obstacles import lets_in_cidr
from lifeline.core.network.packets import common, joined, ports_in
from lifeline.core.network.ports import HTTPS, ports_of
from lifeline.core.network.tiers import covers
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.plan.scene import Scene
from lifeline.core.policy.labels import OF_GROUPS
from lifeline.core.wording import few

GROUP_WORDS = "Lifeline: lets the VPC reach its endpoints"
# Of the groups that Lifeline made in a VPC, so many may be left without an endpoint, because others spoiled them or
# deleted their endpoints. Those in use are as many as its endpoints at most, for each was made for one.
MOST_UNUSED = 10
_MOST_RULES = 60  # of an IP version, inbound (VPC quotas: security groups)
_SHOWN = 3


def own_security_groups(vpc: Vpc, owner: str) -> tuple[SecurityGroup, ...]:
    """The groups that Lifeline created, by its record, and that still carry its tag, in their names' order."""
    own = (group for group in vpc.security_groups if group.on_record and group.tag(MANAGED_BY) == owner)
    return tuple(sorted(own, key=lambda group: (len(group.name), group.name, group.id)))


def usable_security_group(vpc: Vpc, owner: str, ports: Ranges = HTTPS) -> SecurityGroup | None:
    """Which of them new endpoints get: one that lets in nothing but the VPC, and can let in all of it on the ports.

    One that is in use goes first, so that a group that was repaired doesn't leave two in use.
    """
    own = (group for group in own_security_groups(vpc, owner) if not _others(group, vpc))
    fit = (group for group in own if can_let_in(group, vpc, ports))
    return min(fit, key=lambda group: not is_used(group, vpc), default=None)


def is_used(group: SecurityGroup, vpc: Vpc) -> bool:
    """True while an endpoint has the group, whoever's."""
    return any(group.id in endpoint.security_group_ids for endpoint in vpc.live_endpoints)


def can_let_in(group: SecurityGroup, vpc: Vpc, ports: Ranges = HTTPS) -> bool:
    """True if the group lets in the whole VPC, or has room for the rules that it lacks. A prefix list counts as many
    rules as it may have entries, which isn't read (VPC guide: prefix lists), so that beside one nobody knows.
    """
    rules = sum(len((*rule.cidrs, *rule.groups, *(_MOST_RULES * rule.prefix_lists))) for rule in group.ingress)
    missing = sum(len(cidrs) * len(lacking) for cidrs, lacking in _missing(group, vpc, ports).items())
    return not missing or rules + missing <= _MOST_RULES


def plan_security_groups(scene: Scene, catalog: Catalog, *, needed: Ranges) -> Iterator[Action]:
    """Opens the groups in use for blocks of the VPC and ports of their services that they lack, and creates one where
    endpoints will need it, with these ports.

    From every block, public subnets' too: private DNS moves the whole VPC's traffic to the endpoint (PrivateLink guide:
    private DNS). A group that others opened to more than the VPC serves the endpoints that have it, and no new ones.
    """
    vpc, owner, labels = scene.vpc, scene.plan_input.owner, scene.plan_input.labels
    usable = usable_security_group(vpc, owner, needed) if needed else None
    for group in own_security_groups(vpc, owner):
        is_new = bool(needed) and group == usable
        wanted = joined((*(needed if is_new else ()), *_in_use(group, scene, catalog)))
        for cidrs, ports in _missing(group, vpc, wanted).items():
            reason = f"{group.id} doesn't allow inbound TCP {ports_in(ports)} from {', '.join(cidrs)}"
            yield Action(ActionKind.OPEN_SECURITY_GROUP, reason, cidrs=cidrs, security_group_id=group.id, ports=ports)
    if needed and usable is None:
        allows = f"inbound TCP {ports_in(needed)} from {', '.join(vpc.all_cidrs)}"
        reason = f"endpoints need a security group that allows {allows}"
        action = Action(ActionKind.CREATE_SECURITY_GROUP, reason, cidrs=vpc.all_cidrs, ports=needed)
        action = replace(
            action,
            security_group_name=_free_name(scene.label(OF_GROUPS), vpc),
            tags=labels.tags_in(vpc),
            missing_tags=labels.missing_in(vpc),
            spare_tags=labels.spare_in(vpc),
        )
        unused = sum(group.on_record and not is_used(group, vpc) for group in vpc.security_groups)
        words = f"Lifeline made {unused} security groups in the VPC that no endpoint has, and can use none of them: "
        yield action.blocked(f"{words}repair or delete them") if unused >= MOST_UNUSED else action


def groups_to_close(vpc: Vpc, owner: str) -> Iterator[Action]:
    """Actions for each own group that lets in more than the VPC. What others added is a person's: only they know who
    relies on that. Lifeline takes back what it added itself for a block that the VPC has no more: whoever may add and
    remove blocks must not have it open the group to other networks.
    """
    for group in own_security_groups(vpc, owner):
        left = _left_over(group, vpc)
        for cidrs, ports in left.items():
            reason = f"{group.id} still lets in {few(cidrs, _SHOWN)}, which isn't in the VPC any more"
            yield Action(ActionKind.CLOSE_SECURITY_GROUP, reason, cidrs=cidrs, security_group_id=group.id, ports=ports)
        own = {cidr for cidrs in left for cidr in cidrs}
        if others := [other for other in _others(group, vpc) if other not in own or _is_others(group, other)]:
            users = [endpoint.id for endpoint in vpc.live_endpoints if group.id in endpoint.security_group_ids]
            reason = f"{group.id} doesn't only let the VPC connect{f' to {few(users, _SHOWN)}' if users else ''}"
            words = close_words(group.id, others)
            close = Action(ActionKind.CLOSE_SECURITY_GROUP, reason, security_group_id=group.id, others=tuple(others))
            yield close.blocked(words)


def close_words(group_id: str, others: Sequence[str]) -> str:
    """What a person should do about a group that lets in others."""
    return (
        f"{group_id} also lets in {few(others, _SHOWN)}, which isn't in the VPC: remove these rules; until then, "
        "Lifeline will use another security group for what it creates"
    )


def _in_use(group: SecurityGroup, scene: Scene, catalog: Catalog) -> Ranges:
    """The ports of the services whose endpoints have the group. Others may put it on theirs for any service: for one
    that nothing requires, it is opened for 443 at most.
    """
    said, required = dict(catalog.ports), {one.service for one in scene.plan_input.requirements}

    def wanted(endpoint: Endpoint) -> Ranges:
        service = suffix_of(endpoint.service_name)
        ports = ports_of(service, said)
        return ports if endpoint.on_record or service in required else common(ports, HTTPS)

    users = (one for one in scene.vpc.live_endpoints if group.id in one.security_group_ids)
    return joined(port for user in users for port in wanted(user))


def _missing(group: SecurityGroup, vpc: Vpc, ports: Ranges) -> dict[tuple[str, ...], Ranges]:
    """The blocks that the group doesn't let in, and on which ports."""
    found: dict[tuple[str, ...], Ranges] = {}
    for port in ports:
        cidrs = tuple(cidr for cidr in vpc.all_cidrs if not lets_in_cidr(group, cidr, (port,)))
        if cidrs:
            found[cidrs] = (*found.get(cidrs, ()), port)
    return found


def _left_over(group: SecurityGroup, vpc: Vpc) -> dict[tuple[str, ...], Ranges]:
    """The blocks that Lifeline let in and that aren't in the VPC, and on which ports."""
    found: dict[tuple[str, ...], Ranges] = {}
    for rule in group.ingress:
        if left := tuple(cidr for cidr in rule.added if not _is_in(cidr, vpc)):
            found[left] = joined((*found.get(left, ()), *rule.ports))
    return found


def _is_others(group: SecurityGroup, source: str) -> bool:
    """True if a rule that Lifeline didn't add lets the block in."""
    return any(source in rule.cidrs and source not in rule.added for rule in group.ingress)


def _is_in(cidr: str, vpc: Vpc) -> bool:
    return any(covers(own, cidr) for own in vpc.all_cidrs)


def _others(group: SecurityGroup, vpc: Vpc) -> tuple[str, ...]:
    """What the group lets in besides the VPC's own blocks, whatever the port."""
    blocks = [cidr for rule in group.ingress for cidr in rule.cidrs]
    others = [cidr for cidr in blocks if not _is_in(cidr, vpc)]
    sources = [source for rule in group.ingress for source in (*rule.groups, *rule.prefix_lists)]
    return tuple(sorted({*others, *sources}))


def _free_name(name: str, vpc: Vpc) -> str:
    """The name, or the first with a number, that no group has that was read. It is unique in its VPC whatever the case
    of its letters (EC2 API: CreateSecurityGroup).
    """
    taken = {group.name.lower() for group in vpc.security_groups}
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(name for name in names if name.lower() not in taken)
