"""Waivers: why nothing requires a service in a VPC although no subnet got another way out: somebody said so."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from lifeline.core.network.model import Tier, Vpc
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.policy.policy import EXEMPT, REQUIRE, Desired, Exempted, ExemptedBy, Policy, desired, without_require


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who need not reach a service, and by what: a VPC or subnet that is `exempted`, or else whose tag
    `lifeline:require` leaves the service out. Without a subject, neither the policy nor a tag asks for the service.
    """

    subject: str = ""
    exempted: Exempted | None = None

    @property
    def tag(self) -> str:
        """The tag that says so, or that may have been removed; empty where no tag does."""
        if self.exempted:
            return EXEMPT if self.exempted.by is ExemptedBy.TAG else ""
        return REQUIRE


def find_waivers(vpc: Vpc, services: Iterable[str], policy: Policy, *, today: date) -> Mapping[str, tuple[Waiver, ...]]:
    """The waivers of each of these services, none of which anything requires; without those that nobody waived.

    A service that only subnets with another way out would need, and a VPC without subnets, have no waivers. Neither has
    a service that the policy asks for elsewhere: there, an isolated subnet's only path stays.
    """
    unneeded = sorted(set(services))
    if not unneeded or not vpc.subnets:
        return {}
    tiers = classify_subnets(vpc)
    as_tagged = desired(policy, vpc, tiers, today=today)
    untagged = desired(policy, without_require(vpc), tiers, today=today)
    cut_off = desired(policy, vpc, dict.fromkeys(tiers, Tier.ISOLATED), today=today)
    found: dict[str, tuple[Waiver, ...]] = {}
    for service in unneeded:
        exempted = (*_exempted(service, vpc, as_tagged), *_exempted(service, vpc, untagged))
        if said := {*exempted, *_left_out(service, vpc, untagged)}:
            found[service] = tuple(sorted(said, key=_in_order))
        elif not _asks(cut_off, service) and not any(service in rule.services for rule in policy.rules):
            found[service] = (Waiver(),)
    return found


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
    tagged = {subnet.id for subnet in vpc.subnets if subnet.tag(REQUIRE) is not None}
    for requirement in untagged.requirements:
        if requirement.service == service:
            yield from (Waiver(id_ if id_ in tagged else vpc.id) for id_ in requirement.subnet_ids)


def _asks(want: Desired, service: str) -> bool:
    required = {requirement.service for requirement in want.requirements}
    return service in required or any(service == spared for _, spared, _ in want.spared)


def _in_order(waiver: Waiver) -> tuple[str, str, str]:
    exempted = waiver.exempted
    return waiver.subject, str(exempted.by) if exempted else "", exempted.reason if exempted else ""
