"""Tags that ask for something: which of them a VPC has, and which it had before somebody changed them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from lifeline.core.network.model import Subnet, Tier, Vpc
from lifeline.core.policy.policy import REQUIRE, Policy, desired, required_by_tag, without_require

# By the id of a VPC or subnet: keys and values, several of a key where they changed.
type RequiringTags = Mapping[str, tuple[tuple[str, str], ...]]


def requiring_tags(vpc: Vpc, policy: Policy) -> RequiringTags:
    """The tags of the VPC and its subnets by which anything is required there, by id, as they are.

    Kept are tags with a value that a rule of the policy goes by, and each service of a `lifeline:require` that can be
    read, and that the region has where that is known: nothing else that somebody wrote into a tag.
    """
    of_vpc = {(key, value) for rule in policy.rules for key, values in rule.vpc_tags for value in values}
    of_subnet = {(key, value) for rule in policy.rules for key, values in rule.subnet_tags for value in values}
    known = policy.known_names
    found = {
        vpc.id: _kept(vpc, of_vpc, known),
        **{subnet.id: _kept(subnet, of_subnet, known) for subnet in vpc.subnets},
    }
    return {resource_id: tags for resource_id, tags in found.items() if tags}


def note_tags(known: RequiringTags, vpc: Vpc, policy: Policy, *, today: date) -> RequiringTags:
    """What is to be known of the VPC's tags now: as they are, and as they were while that would require more.

    Tags of subnets that are gone are forgotten.
    """
    current = requiring_tags(vpc, policy)
    ids = {vpc.id, *(subnet.id for subnet in vpc.subnets)}
    known = {resource_id: tags for resource_id, tags in known.items() if resource_id in ids}
    if not known or known == current or not _asked(as_required(vpc, known), policy, today) - _asked(vpc, policy, today):
        return current
    both = ((id_, {*known.get(id_, ()), *current.get(id_, ())}) for id_ in known.keys() | current.keys())
    return {resource_id: tuple(sorted(tags)) for resource_id, tags in sorted(both)}


def as_required(vpc: Vpc, known: RequiringTags) -> Vpc:
    """The VPC as if it and its subnets had the known tags, too: all values of a key at once. Itself where it has them
    all.
    """
    tagged: tuple[Vpc | Subnet, ...] = (vpc, *vpc.subnets)
    if not any(lost_keys(one, known) for one in tagged):
        return vpc
    subnets = tuple(replace(subnet, tags=_with(subnet, known)) for subnet in vpc.subnets)
    return replace(vpc, tags=_with(vpc, known), subnets=subnets)


def lost_keys(tagged: Vpc | Subnet, known: RequiringTags) -> frozenset[str]:
    """The keys of its known tags that it doesn't have any more, or with another value."""
    own = {*tagged.tags, *((REQUIRE, service) for service in required_by_tag(tagged) or ())}
    return frozenset(key for key, value in known.get(tagged.id, ()) if (key, value) not in own)


def _kept(
    tagged: Vpc | Subnet, selecting: set[tuple[str, str]], known_names: frozenset[str] | None
) -> tuple[tuple[str, str], ...]:
    services = required_by_tag(tagged) or frozenset()
    required = {(REQUIRE, service) for service in (services if known_names is None else services & known_names)}
    return tuple(sorted({*required, *(selecting & set(tagged.tags))}))


def _with(tagged: Vpc | Subnet, known: RequiringTags) -> tuple[tuple[str, str], ...]:
    before = known.get(tagged.id, ())
    services = {value for key, value in before if key == REQUIRE}
    if not services:
        return (*tagged.tags, *before)
    require = (REQUIRE, " ".join(sorted(services | (required_by_tag(tagged) or frozenset()))))
    return (*(tag for tag in (*tagged.tags, *before) if tag[0] != REQUIRE), require)


def _asked(vpc: Vpc, policy: Policy, today: date) -> set[tuple[str, str]]:
    """Each subnet and service that anything asks for whatever way out the subnet has, exempt or not, by id."""
    variants = (vpc, without_require(vpc))
    return {pair for tier in Tier for variant in variants for pair in _pairs(variant, policy, tier, today)}


def _pairs(vpc: Vpc, policy: Policy, tier: Tier, today: date) -> Iterator[tuple[str, str]]:
    want = desired(policy, vpc, {subnet.id: tier for subnet in vpc.subnets}, today=today)
    yield from want.pairs
    yield from ((subnet_id, service) for subnet_id, service, _ in want.spared)
