"""Waivers: why nothing requires a service in a VPC although no subnet got another way out: somebody said so."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from lifeline.core.network.model import Subnet, Tier, Vpc
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.policy.policy import (
    EXEMPT,
    REQUIRE,
    Desired,
    Exempted,
    ExemptedBy,
    Policy,
    desired,
    exempted_by_tag,
    required_by_tag,
    without_require,
)
from lifeline.core.policy.requiring_tags import RequiringTags, as_required, lost_keys


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who need not reach a service, and by what: a VPC or subnet that is `exempted`, or else whose tag
    `lifeline:require` leaves the service out. Without a subject, neither the policy nor a tag asks for the service.

    With `keys`, the subject had tags of these keys by which the service was required, and has them no longer, or with
    other values. Without a subject, they are the tags by which the policy's rules for the service go, none of which
    selects the VPC; whether any ever did isn't known then.
    """

    subject: str = ""
    exempted: Exempted | None = None
    keys: frozenset[str] = frozenset()

    @property
    def tag(self) -> str:
        """The tag of Lifeline's own that says so, or that may have been removed; empty where none does."""
        if self.exempted:
            return EXEMPT if self.exempted.by is ExemptedBy.TAG else ""
        return "" if self.keys else REQUIRE

    @property
    def cause(self) -> str:
        """What says so, as far as it is a tag, and until when: `subnet-0123456789abcdef0 lifeline:exempt 2027-01-31`.
        Empty where none does.
        """
        until = self.exempted.until if self.exempted else None
        said = (self.subject, self.tag, str(until or ""), *sorted(self.keys))
        return " ".join(filter(None, said)) if self.tags and self.subject else ""

    @property
    def tags(self) -> frozenset[str]:
        """The keys of all tags whose change may have been the cause."""
        own = self.tag or (REQUIRE if not self.subject else "")
        return self.keys | ({own} - {""})


def find_waivers(vpc: Vpc, services: Iterable[str], policy: Policy, *, today: date) -> Mapping[str, tuple[Waiver, ...]]:
    """The waivers of each of these services, none of which anything requires; without those that nobody waived.

    A service that only subnets with another way out would need, and a VPC without subnets, have no waivers.
    """
    unneeded = sorted(set(services))
    if not unneeded or not vpc.subnets:
        return {}
    tiers = usable_tiers(vpc)
    as_tagged = desired(policy, vpc, tiers, today=today)
    untagged = desired(policy, without_require(vpc), tiers, today=today)
    by_vpc = desired(policy, _without_own(vpc), tiers, today=today)
    in_any_tier = [desired(policy, vpc, dict.fromkeys(tiers, tier), today=today) for tier in Tier]
    found: dict[str, tuple[Waiver, ...]] = {}
    for service in unneeded:
        exempted = (*_exempted(service, vpc, as_tagged), *_exempted(service, vpc, untagged))
        if said := {*exempted, *_left_out(service, vpc, untagged), *_left_out(service, vpc, by_vpc)}:
            found[service] = tuple(sorted(said, key=_in_order))
        elif not any(_asks(want, service) for want in in_any_tier):
            found[service] = (Waiver(keys=_selecting(service, policy, vpc)),)
    return found


def tagged_waivers(vpc: Vpc, subnet: Subnet, service: str, *, today: date) -> tuple[Waiver, ...]:
    """Those of the subnet by its own tags and its VPC's, whether anything would ask for the service without them or
    not: each exempts it, or lists what it is to reach instead.
    """
    both: tuple[Vpc | Subnet, ...] = (vpc, subnet)
    exempted = [found for tagged in both if (found := exempted_by_tag(tagged, today))]
    listed = listed_by_tag(vpc, subnet)
    left_out = () if listed is None or service in listed else (_left_out_by(vpc, subnet),)
    return (*(Waiver(one.subject, one) for one in exempted), *left_out)


def listed_by_tag(vpc: Vpc, subnet: Subnet) -> frozenset[str] | None:
    """The services that the subnet's own tag `lifeline:require` lists, or else its VPC's; None where neither does."""
    own = required_by_tag(subnet)
    return required_by_tag(vpc) if own is None else own


def find_lapsed(
    vpc: Vpc, policy: Policy, tiers: Mapping[str, Tier], known: RequiringTags, *, today: date
) -> Mapping[tuple[str, str], tuple[Waiver, ...]]:
    """What subnets of these tiers would have to reach but for a tag, by subnet and service: what the tag says, or that
    it was `known` and isn't there any more. Exemptions by the policy or a call aren't tags, and come before them.
    """
    if not known and not any(tagged.tag(key) for tagged in (vpc, *vpc.subnets) for key in (EXEMPT, REQUIRE)):
        return {}
    before = as_required(vpc, known)
    required = desired(policy, vpc, tiers, today=today).pairs
    found: dict[tuple[str, str], set[Waiver]] = defaultdict(set)
    as_tagged = (vpc, without_require(vpc), _without_own(vpc))
    left_out = {subnet.id: (_left_out_by(vpc, subnet),) for subnet in vpc.subnets}
    retagged = {subnet.id: tuple(_retagged(vpc, subnet, known)) for subnet in vpc.subnets}
    as_before = (before, without_require(before), _without_own(before))
    variants = {id(variant): variant for variant in (*as_tagged, *as_before)}
    for variant in variants.values():
        by = left_out if any(variant is one for one in as_tagged) else retagged
        want, settled = desired(policy, variant, tiers, today=today), required | found.keys()
        for subnet_id, service, exempted in want.spared:
            if (subnet_id, service) not in settled and exempted.by is ExemptedBy.TAG:
                found[subnet_id, service].add(Waiver(exempted.subject, exempted))
        for subnet_id, service in want.pairs - settled:
            found[subnet_id, service].update(by[subnet_id])
    return {pair: tuple(sorted(said, key=_in_order)) for pair, said in sorted(found.items())}


def _without_own(vpc: Vpc) -> Vpc:
    """The VPC as if no subnet had a tag `lifeline:require` of its own; itself where none has."""
    subnets = without_require(vpc).subnets
    return vpc if subnets == vpc.subnets else replace(vpc, subnets=subnets)


def _retagged(vpc: Vpc, subnet: Subnet, known: RequiringTags) -> Iterator[Waiver]:
    """The VPC and the subnet, as far as they lost a tag."""
    both: tuple[Vpc | Subnet, ...] = (vpc, subnet)
    for tagged in both:
        if keys := lost_keys(tagged, known):
            yield Waiver(tagged.id, keys=keys)


def _left_out_by(vpc: Vpc, subnet: Subnet) -> Waiver:
    """The subnet whose own tag `lifeline:require` stands in for everything else, or else its VPC."""
    return Waiver(vpc.id if subnet.tag(REQUIRE) is None else subnet.id)


def _selecting(service: str, policy: Policy, vpc: Vpc) -> frozenset[str]:
    """The keys of the tags by which rules that ask for the service could select the VPC or its subnets."""
    rules = [rule for rule in policy.rules if service in rule.services]
    could = (rule for rule in rules if not rule.vpc_ids or vpc.id in rule.vpc_ids)
    return frozenset(key for rule in could for key, _ in (*rule.vpc_tags, *rule.subnet_tags))


def _exempted(service: str, vpc: Vpc, want: Desired) -> Iterator[Waiver]:
    spared = {subnet_id for subnet_id, spared_service, _ in want.spared if spared_service == service}
    if spared:
        subjects = {vpc.id, *spared}
        yield from (
            Waiver(exempted.subject, exempted)
            for exempted in want.exempted
            if exempted.subject in subjects and exempted.spares(service)
        )


def _left_out(service: str, vpc: Vpc, untagged: Desired) -> Iterator[Waiver]:
    """What would require the service but for the tag `lifeline:require`: a subnet's own tag, or its VPC's."""
    asking = {subnet_id for subnet_id, asked in untagged.pairs if asked == service}
    yield from (_left_out_by(vpc, subnet) for subnet in vpc.subnets if subnet.id in asking)


def _asks(want: Desired, service: str) -> bool:
    required = {requirement.service for requirement in want.requirements}
    return service in required or any(service == spared for _, spared, _ in want.spared)


def _in_order(waiver: Waiver) -> tuple[str, str, str, list[str]]:
    exempted = waiver.exempted
    by, reason = (str(exempted.by), exempted.reason) if exempted else ("", "")
    return waiver.subject, by, reason, sorted(waiver.keys)
