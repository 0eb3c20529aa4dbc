"""How an interface endpoint is made, and takes the name of its service: where it is placed, and whom it would harm."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from lifeline.core.network.acl import unread_acls
from lifeline.core.network.dns import domain_of, taken_from, usual_names
from lifeline.core.network.model import FAILED_STATES, Endpoint, EndpointType, Subnet, suffix_of
from lifeline.core.network.obstacles import Obstacle
from lifeline.core.network.ports import HTTPS
from lifeline.core.plan.actions import ASSOCIATES, NAMING, Action, ActionKind
from lifeline.core.plan.central import find_holder
from lifeline.core.plan.elsewhere import Elsewhere, find_elsewhere, shadow_words
from lifeline.core.plan.endpoint_lifecycle import MOST_FAILURES
from lifeline.core.plan.harm import (
    Harm,
    Takeover,
    harm_words,
    place_unharmed,
    shut_out,
    told_words,
    walled_off,
)
from lifeline.core.plan.placement import FEWEST_FREE_ADDRESSES, Placement, place_interfaces
from lifeline.core.plan.security_group import usable_security_group
from lifeline.core.plan.service import ALLOW, ServicePlanner
from lifeline.core.wording import listed

_OF_VPC = NAMING - ASSOCIATES  # what gives an endpoint of the VPC a name


class EndpointMaker(ServicePlanner):
    """Makes an endpoint, or lets one that is there take the name, unless that would harm somebody or help nobody."""

    def _taking(self, action: Action, endpoint: Endpoint, refusing: str = "") -> Iterator[Action]:
        """The action by which an endpoint that is there takes the name, with what must come before it. Where that would
        harm somebody, it is blocked, and `refusing` comes before the reason.
        """
        found = self._takeover().harm_by(endpoint) if self._is_dns_read else ()
        others = self._elsewhere(endpoint)
        why = action.reason + told_words(found) + self._taken_words() + others.warning
        action = replace(action, reason=why, endpoint_id=endpoint.id)
        refusal = self.ports_words() or self._dns_refusal() or harm_words(found, self.ports) or others.breaks
        if refusal:
            yield action.blocked(refusing + refusal)
            return
        yield from self.fix_dns()
        if not self.security_group_will_do(endpoint) and (closed := shut_out(endpoint, self.vpc, self.ports)):
            yield self.remedy(ActionKind.OPEN_SECURITY_GROUP, endpoint, closed)
        yield from self.reset_policies()
        yield action

    def _making(
        self, failed: list[Endpoint], reason: str, placement: Placement, refusing: str = "", **more: Any
    ) -> Iterator[Action]:
        """What makes an endpoint, in the place of one that failed if that is Lifeline's. Where it would harm somebody,
        or help nobody, it is blocked, and `refusing` comes before the reason. `more` are the action's other fields.
        """
        replaces = next(filter(self.is_own, failed), None)
        found = self._takeover().harm_in(placement) if self._is_dns_read else ()
        others = self._elsewhere(self._takeover().imagined(placement))
        action = self.action(
            ActionKind.REPLACE_ENDPOINT if replaces else ActionKind.CREATE_INTERFACE_ENDPOINT,
            reason + told_words(found) + self._taken_words() + others.warning,
            subnet_ids=tuple(sorted(subnet.id for subnet in placement.subnets)),
            endpoint_id=replaces.id if replaces else "",
            ip_address_type=placement.ip_address_type,
            **{"private_dns": not self.plan_input.canary, **more},
        )
        walled = walled_off(self.clients, placement.subnets, self.vpc, self.ports)
        refusal = self._refusal(placement, failed) or self._harm_refusal(found, walled, placement.subnets)
        refusal = refusal or others.breaks
        if refusal:
            yield action.blocked(refusing + refusal)
            return
        yield from self.fix_dns()
        yield self.complete(action)
        yield from self.open_acls(walled)

    def _failed(self) -> list[Endpoint]:
        """The endpoints that failed, and that are Lifeline's or have the name."""
        naming = (endpoint for endpoint in self.live() if endpoint.private_dns or self.is_own(endpoint))
        return [endpoint for endpoint in naming if endpoint.state in FAILED_STATES]

    def _replaced(self, failed: Iterable[Endpoint]) -> str:
        """Which of Lifeline's endpoints failed and is replaced; an empty text if none is."""
        return next((f"{one.id} {one.state.words}" for one in failed if self.is_own(one)), "")

    @property
    def _is_dns_read(self) -> bool:
        """False in a first draft, before the VPC's DNS was read: where a hub answers, no endpoint harms anyone."""
        return self.plan_input.dns is not None

    def _harm_refusal(self, found: Sequence[Harm], walled: list[Obstacle], hosts: Sequence[Subnet]) -> str:
        """Why an endpoint there would harm a subnet, or help none; an empty text if neither."""
        if not self._is_dns_read:
            return ""
        harm = harm_words(found, self.ports)
        unread = [unread_acls(client, hosts, self.vpc) for client in self.clients]
        if not harm and all(unread):
            return f"it isn't known whether a subnet could reach an endpoint there: {'; '.join(unread[0])}"
        if harm or len(walled) < len(self.clients):
            return harm
        return f"no subnet that needs the service could reach an endpoint there: {walled[0].words}; {ALLOW}"

    def _takeover(self) -> Takeover:
        plan_input = self.plan_input
        service = self.requirement.service
        group = usable_security_group(self.vpc, plan_input.owner, self.ports or HTTPS)  # the one that it gets
        own = frozenset({group.id} if group else ())
        return Takeover(self.service, service, self.vpc, plan_input.dns, plan_input.exempt, self.catalog.ports, own)

    def _elsewhere(self, endpoint: Endpoint) -> Elsewhere:
        """What the endpoint's private DNS would do beyond the VPC's clients, and to other names than it answers."""
        if not self._is_dns_read:
            return Elsewhere()
        takeover = self._takeover()
        groups = self.vpc.groups(endpoint.security_group_ids or takeover.group_ids)
        found = find_elsewhere(takeover, endpoint, self.plan_input.asking, groups)
        return replace(found, breaks=found.breaks or shadow_words(takeover))

    def _place_unharmed(self, kind: str = "") -> Placement:
        takeover = self._takeover()
        dependents = (*takeover.dependents(), *takeover.by_other_names())
        return place_unharmed(lambda avoid: self._place(kind, avoid), takeover, dependents, self.clients)

    def _refusal(self, placement: Placement, failed: list[Endpoint]) -> str:
        """Why an endpoint can't be made, known before asking; an empty text if nothing stands in its way."""
        foreign = [endpoint for endpoint in failed if not self.is_own(endpoint)]
        failures = dict(self.plan_input.failures).get(self.requirement.service, 0)
        if not self.service.private_dns_names:
            return f"{self.service.name} has no private DNS name; configure its endpoint in the agents instead"
        if foreign:
            return f"{foreign[0].id} {foreign[0].state.words} and still has the DNS name: its owner should delete it"
        if failures >= MOST_FAILURES:
            why = next((endpoint.failure for endpoint in failed if endpoint.failure), "")
            known = f": {why}" if why else ""
            return f"it failed {failures} times in a row{known}; to try again, delete the failed endpoint"
        if all(subnet.is_ipv6_only for subnet in self.clients) and "ipv6" not in self.service.ip_address_types:
            return f"{self.service.name} has only IPv4 addresses, and every subnet that needs it is IPv6-only"
        if not placement.subnets:
            return self._no_subnet_words()
        policy = self.policy_of(self.service).refusal
        return self.ports_words() or self.may_create() or policy or self._dns_refusal() or self._quota_words()

    def _dns_refusal(self) -> str:
        refusal = self.attributes_refusal(self.reach.attributes_off)
        if refusal:
            return refusal
        unread = self.plan_input.dns.unreadable if self.plan_input.dns else ()
        if unread:
            return f"it isn't known whether a central endpoint answers the name: {'; '.join(unread)}"
        return self._conflict_words()

    def _conflict_words(self) -> str:
        """Why AWS wouldn't accept an endpoint's private DNS; an empty text if nothing speaks against. Where a zone of
        the usual name answers, an endpoint takes the name only once that is let go.
        """
        names = self.service.private_dns_names
        others = (one for one in self.vpc.live_endpoints if one.service_name != self.service.name)
        if twin := self._twin():
            return (
                f"AWS doesn't accept private DNS for an endpoint here beside one for the {twin} service, which has one "
                "of the same names: require only one of the two"
            )
        if held := find_holder(set(map(domain_of, names)), others, self.catalog):
            leaves = "turn off its private DNS"
            if self.is_own(held):
                leaves = "Lifeline will delete it once nothing has required it for long enough"
            return (
                f"AWS doesn't accept private DNS for an endpoint here while {held.id} for the "
                f"{suffix_of(held.service_name)} service has one of the same names: {leaves}"
            )
        zone = self.reach.conflict
        if zone is None:
            return ""
        usual = listed(sorted(set(map(domain_of, usual_names(names)))))
        return (
            f"AWS doesn't accept private DNS for an endpoint here while the VPC has {zone.kind} {zone.source_id} of "
            f"{zone.domain}, another of the service's names. That zone doesn't answer {usual}, for which clients "
            f"usually ask: disassociate it from the VPC, or associate a zone of {usual} as well"
        )

    def _twin(self) -> str:
        """The other required service with one of the same names that has Lifeline's endpoint, or for which one is
        planned in this run; an empty text if there is none. It has the name, or takes it once a canary turns that on:
        of two without it, the first one's. What is frozen leaves the name to others, but not to what only a tag asks
        for, which would keep it once the freeze has ended.
        """
        domains = set(map(domain_of, self.service.private_dns_names))
        place, this = self.plan_input.place, self.requirement
        others = {one.service: one for one in self.plan_input.requirements if one.service != this.service}
        own = [one for one in self.vpc.live_endpoints if self.is_own(one) and suffix_of(one.service_name) in others]
        first = {service for service, one in others.items() if place(one) < place(this)}
        names = {one.service_name for one in own if one.private_dns or suffix_of(one.service_name) in first}
        planned = (one for one in self.planned if one.is_planned and one.kind in _OF_VPC)
        for_rules = {service for service, one in others.items() if this.is_by_tag and not one.is_by_tag}
        claiming = (others.keys() - self.plan_input.frozen) | for_rules
        names |= {one.service_name for one in planned if one.service in claiming}
        for name in sorted(names):
            twin = self.catalog.named(name, EndpointType.INTERFACE)
            if twin and not domains.isdisjoint(map(domain_of, twin.private_dns_names)):
                return suffix_of(name)
        return ""

    def _taken_words(self) -> str:
        """Which other names of the service an endpoint's private DNS would take from those who answer them now, as what
        follows a reason.
        """
        dns = self.plan_input.dns
        taken = taken_from(self.service.private_dns_names, dns) if dns else ()
        found = [f"{name} from {answer.kind} {answer.source_id}" for name, answer in taken]
        return f"; its private DNS also takes {listed(found)}" if found else ""

    # ---- facts and words

    def _placement(self) -> Placement:
        """Where an endpoint that is to be made gets its interfaces."""
        return self._place_unharmed() if self._is_dns_read else self._place()

    def _place(self, kind: str = "", avoid: frozenset[str] = frozenset()) -> Placement:
        return place_interfaces(
            self.service,
            self.clients,
            self.vpc,
            self.scene.tiers,
            per_zone=self.requirement.per_zone,
            account_id=self.plan_input.account_id,
            kind=kind,
            avoid=avoid,
            full=self.plan_input.full,
        )

    def _no_subnet_words(self) -> str:
        zones = ", ".join(sorted({subnet.zone for subnet in self.vpc.subnets}))
        return (
            f"no subnet is suitable for the endpoint: it must belong to this account, have at least "
            f"{FEWEST_FREE_ADDRESSES} free addresses, and be in a zone that supports {self.service.name} "
            f"(the VPC has subnets in {zones})"
        )

    def _quota_words(self) -> str:
        """Interface and Gateway Load Balancer endpoints per VPC, adjustable (VPC guide: PrivateLink quotas)."""
        limit = self.plan_input.limits.interface_endpoints_per_vpc
        there = sum(endpoint.type is not EndpointType.GATEWAY for endpoint in self.vpc.live_endpoints)
        planned = self.count_planned(ActionKind.CREATE_INTERFACE_ENDPOINT)
        if there + planned < limit:
            return ""
        return f"the VPC has its {limit} interface endpoints: raise the quota, and the limit in the policy"
