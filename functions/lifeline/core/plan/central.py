"""Whether a VPC may share a hub's endpoint for a service: what must hold for that, and what an association would do."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from decimal import Decimal

from lifeline.core.network.dns import (
    AnswerKind,
    DnsAnswer,
    DnsView,
    answer_to,
    custom_dns_finding,
    domain_of,
    usual_answer,
    usual_names,
)
from lifeline.core.network.gates import BEYOND, End
from lifeline.core.network.hub import Check, CheckAnswer, HubSource, HubView, check_beyond
from lifeline.core.network.model import (
    Catalog,
    Endpoint,
    EndpointType,
    Part,
    Service,
    Subnet,
    Vpc,
    suffix_of,
    version_of,
)
from lifeline.core.network.network_path import Reach
from lifeline.core.network.packets import addresses_in, blocks_in, span, without
from lifeline.core.network.ports import ports_of, ports_unknown
from lifeline.core.network.reach import ServiceReach
from lifeline.core.network.routing import Routing
from lifeline.core.network.service_here import off_words
from lifeline.core.network.tiers import effective_route_table
from lifeline.core.network.way_to_central import deleted_target
from lifeline.core.plan.client_egress import NOT_KNOWN, AnsweringEnds, find_cut_off
from lifeline.core.plan.cost import free_profile_vpcs, monthly_cost_usd, monthly_profile_vpc_usd
from lifeline.core.plan.elsewhere import shadow_words
from lifeline.core.plan.harm import Dependent, Takeover, find_spared, lost_words
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.central import Central
from lifeline.core.wording import listed

_MOST_TOLD = 3
_MOST_PROFILES = 2  # of a VPC (Route 53 API: AssociateProfile)


@dataclass(frozen=True, slots=True)
class CentralOffer:
    """The association of a VPC with the zones of a service, or with the Profile, and what was checked. With `is_auto`,
    nobody has to approve it where everything could be read. `told` are the subnets that the policy exempts and that
    would lose a service, a clause each.
    """

    central_ids: tuple[str, ...]
    checks: tuple[Check, ...]
    is_auto: bool = False
    told: tuple[str, ...] = ()

    @property
    def refusal(self) -> str:
        """Why it would not serve every subnet, or would harm one; empty if nothing that was read says so."""
        return next((check.words for check in self.checks if check.finding is CheckAnswer.NO), "")

    @property
    def unread(self) -> tuple[str, ...]:
        """What couldn't be read and may speak against it."""
        return tuple(dict.fromkeys(check.words for check in self.checks if check.finding is CheckAnswer.UNREAD))

    @property
    def asks(self) -> str:
        """Why it needs approval; empty if it needs none."""
        if self.unread:
            return f"needs approval, because not everything can be read: {'; '.join(self.unread)}"
        return "" if self.is_auto else "needs approval: the policy's central.associate is ask"

    @property
    def told_words(self) -> str:
        """Which exempt subnets would lose a service, as what follows a reason; an empty text if there are none."""
        return f"; {listed(self.told, _MOST_TOLD)}" if self.told else ""

    @property
    def words(self) -> tuple[str, ...]:
        """The checks, a line each: of several about one thing the gravest."""
        order = [CheckAnswer.NO, CheckAnswer.UNREAD, CheckAnswer.YES]
        found: dict[str, Check] = {}
        for check in sorted(self.checks, key=lambda check: order.index(check.finding)):
            found.setdefault(check.what, check)
        return tuple(check.words for check in found.values())


def saving_words(interfaces: int, plan_input: PlanInput) -> str:
    """What the association costs, and what an endpoint would. A Profile's account pays for VPCs beyond the first."""
    if not plan_input.price:
        return ""
    cost = monthly_cost_usd(interfaces, plan_input.price)
    usd, is_at_most = profile_cost(plan_input)
    own = f"{usd:.2f} USD"
    if is_at_most:
        own = f"0.00 USD, or {usd:.2f} if its account's Profiles have {free_profile_vpcs()} VPCs already,"
    return f"{own} per month instead of {cost:.2f} USD, before data charges"


def profile_cost(plan_input: PlanInput) -> tuple[Decimal, bool]:
    """What the association with the policy's Profile adds in a month, in USD, and whether that is only the most that it
    can be: other Profiles of the account, which aren't read, may have used up what is free (Route 53 pricing).
    """
    central, there = plan_input.central, plan_input.dns.answers if plan_input.dns else ()
    if central is None or not central.profile or central.profile in {answer.source_id for answer in there}:
        return Decimal(0), False
    sources = plan_input.hub.sources if plan_input.hub else ()
    is_beyond = any((source.vpcs or 0) >= free_profile_vpcs() for source in sources)
    return monthly_profile_vpc_usd(), not is_beyond


def judge_central(
    service: Service,
    vpc: Vpc,
    clients: Sequence[Subnet],
    catalog: Catalog,
    plan_input: PlanInput,
    *,
    leaving: Endpoint | None = None,
) -> CentralOffer | None:
    """The offer to share the hub's endpoint in place of making one; None where the policy names no hub for the service,
    or the service has no private DNS name that a zone could answer.

    What else reaches the service today must reach it at the hub as well, because the zone takes the name for the whole
    VPC; and a Profile takes every name that it brings. `leaving` is the endpoint that would give up the name for that.
    """
    central, view, dns = plan_input.central, plan_input.hub, plan_input.dns
    suffix = suffix_of(service.name)
    if central is None or dns is None or suffix not in central.services or not service.private_dns_names:
        return None
    if not plan_input.may_associate:
        return CentralOffer((), (Check("the stack's parameter CentralEndpoints", CheckAnswer.NO, "it must be yes"),))
    if view is None:
        return None
    sources = _sources(service, central, view)
    if not sources:
        return CentralOffer((), (_lacking(service, central, view),))
    judge = _Judge(vpc, leaving, catalog, plan_input, central, view, dns, sources)
    checks = tuple(judge.checks(service, clients))
    ids = tuple(source.id for source in sources)
    return CentralOffer(ids, checks, central.is_auto, tuple(judge.losses_of_exempt(service)))


def asked_at(answer: DnsAnswer, service: Service, catalog: Catalog) -> Catalog:
    """The service as if clients asked only for its names that a zone has, whether they are the usual ones or not."""
    names = tuple(name for name in service.private_dns_names if domain_of(name) == answer.domain)
    return catalog.asked_by([service], names)


def find_holder(domains: Set[str], endpoints: Iterable[Endpoint], catalog: Catalog) -> Endpoint | None:
    """The first endpoint whose private DNS has one of the names, whatever service it is of; None if none is known to.

    AWS lets no second zone of a name into its VPC, nor private DNS of another endpoint (PrivateLink guide: conflicting
    DNS domain).
    """
    for endpoint in endpoints:
        offered = catalog.named(endpoint.service_name, EndpointType.INTERFACE) if endpoint.private_dns else None
        if offered and not domains.isdisjoint(map(domain_of, offered.private_dns_names)):
            return endpoint
    return None


def _sources(service: Service, central: Central, view: HubView) -> tuple[HubSource, ...]:
    """What a VPC is to be associated with: the zones of the service's names, of which a usual one must be there, or the
    Profile. Where none has that name, it may be the one that couldn't be read; of several, nobody knows which.
    """
    unread = _unread(view) if len(_unread(view)) == 1 else ()
    if central.profile:
        return view.sources if usual_answer(service.private_dns_names, _brought_by(view.sources)) else unread
    names = [domain_of(name) for name in service.private_dns_names]
    found = {answer.domain: source for source in view.sources for answer in source.answers}
    if found.keys().isdisjoint(map(domain_of, usual_names(service.private_dns_names))):
        return unread
    return tuple(dict.fromkeys(found[name] for name in names if name in found))


def _brought_by(sources: Iterable[HubSource]) -> DnsView:
    """What the hub's zones or its Profile answer by themselves."""
    return DnsView(tuple(answer for source in sources for answer in source.answers))


def _unread(view: HubView) -> tuple[HubSource, ...]:
    return tuple(source for source in view.sources if source.unread)


def _lacking(service: Service, central: Central, view: HubView) -> Check:
    """The hub has no such name, or can't be entered at all."""
    name = domain_of(service.private_dns_names[0])
    if central.profile:
        return Check("the hub's Profile", CheckAnswer.NO, f"the Profile {central.profile} has no {name}")
    unread = [source.id for source in _unread(view)]
    why = f"no zone of central.zones is named {name}" if view.sources else "; ".join(view.unread)
    why += f", but the names of {listed(unread)} can't be read" if unread else ""
    return Check("the hub's zone", CheckAnswer.NO, why)


@dataclass(frozen=True, slots=True)
class _Judge:
    vpc: Vpc
    leaving: Endpoint | None
    catalog: Catalog
    plan_input: PlanInput
    central: Central
    view: HubView
    dns: DnsView
    sources: tuple[HubSource, ...]

    def checks(self, service: Service, clients: Sequence[Subnet]) -> Iterator[Check]:
        yield from self._check_dns(service)
        yield from self._check_limits()
        yield from self._check_shared()
        yield from self._check_refusals()
        yield from self._check_overlap()
        yield from self._check_service(service, clients)
        yield from self._check_rest()
        others = self._others(service)
        yield from self._check_frozen(others)
        for other in others:
            yield from self._check_service(other, ())

    def _others(self, service: Service) -> list[Service]:
        """The other services whose names a Profile would take, as far as it can be read. What is associated with the
        VPC itself wins over a Profile (Route 53 guide: how Profile settings are prioritized).
        """
        domains = {answer.domain for source in self.sources for answer in source.answers}
        taken = [
            other
            for other in self.catalog.services
            if other.type is EndpointType.INTERFACE
            and other.name != service.name
            and any(domain_of(name) in domains and not answer_to(name, self.dns) for name in other.private_dns_names)
        ]
        now = [(other, ServiceReach(self.vpc, suffix_of(other.name), self.catalog, self.dns)) for other in taken]
        return [other for other, reach in now if not reach.holder]

    def _check_frozen(self, others: Iterable[Service]) -> Iterator[Check]:
        """Names that a Profile would take as well, and that Lifeline must not touch in the VPC."""
        if held := sorted({suffix_of(other.name) for other in others} & self.plan_input.frozen):
            ids, of = listed([source.id for source in self.sources]), "service" if len(held) == 1 else "services"
            which = f"{listed(held)} {of}, too, which {'is' if len(held) == 1 else 'are'} frozen"
            yield Check("frozen services", CheckAnswer.NO, f"{ids} would take the name of the {which}")

    def _check_rest(self) -> Iterator[Check]:
        """What else a Profile brings than names of services, and for whom that counts nobody can tell: of a zone, every
        name under its own that it has no record for is gone (Route 53 guide: considerations when working with a private
        hosted zone).
        """
        interfaces = (one for one in self.catalog.services if one.type is EndpointType.INTERFACE)
        known = {domain_of(name) for one in interfaces for name in one.private_dns_names}
        for source in self.sources if self.central.profile else ():
            zones = [one.detail for one in source.answers if not one.forwards and one.domain not in known]
            if rest := sorted({*zones, *source.brought}):
                yield Check("what else the Profile brings", CheckAnswer.UNREAD, f"it also brings {listed(rest)}")

    def losses_of_exempt(self, service: Service) -> Iterator[str]:
        """Which subnets that the policy exempts would lose this service, or another one that a Profile takes."""
        for taken in (service, *self._others(service)):
            suffix, answers = suffix_of(taken.name), self._answers(taken)
            for one, exemption in find_spared(suffix, self.vpc, self.catalog, self.dns, self.plan_input.exempt):
                checks = (*self._check_paths(taken, [one.subnet], answers), *self._check_way(taken, one, answers))
                found = sorted((check.finding is not CheckAnswer.NO, check.why) for check in checks if check.why)
                if found:
                    is_unread, why = found[0]
                    why = why.removeprefix(f"{one.subnet.id}: ")
                    yield lost_words(one.subnet.id, exemption, f"the {suffix} service", why, is_sure=not is_unread)

    def _check_way(self, service: Service, one: Dependent, answers: Sequence[DnsAnswer]) -> Iterator[Check]:
        """Whether the subnet's clients are let out to the hub, and what lies beyond the VPC."""
        yield from self._check_clients(service, [one], [one.subnet], answers)
        ports = ports_of(suffix_of(service.name), dict(self.catalog.ports))
        for answer in answers:
            yield from check_beyond([one.subnet], self.vpc, answer, service.name, ports, self.view)

    # ---- the VPC's DNS

    def _check_dns(self, service: Service) -> Iterator[Check]:
        what, vpc = "DNS attributes on", self.vpc
        off = ServiceReach(vpc, suffix_of(service.name), self.catalog, self.dns).attributes_off
        if missing := vpc.unread_words(Part.DNS_ATTRIBUTES):
            yield Check(what, CheckAnswer.UNREAD, "; ".join(missing))
        elif off:
            yield Check(what, CheckAnswer.NO, off_words(off))
        else:
            yield Check(what, CheckAnswer.YES)
        if self.dns.custom_dns_servers:
            yield Check("DNS servers", CheckAnswer.UNREAD, custom_dns_finding(self.dns))
        for unread in self.dns.unread:
            yield Check("DNS servers", CheckAnswer.UNREAD, unread)
        for unread in (*self.dns.unreadable, *(words for source in self.sources for words in source.unread)):
            yield Check("zones, rules and Profiles", CheckAnswer.UNREAD, unread)
        for asker in (one for one in self.plan_input.asking.askers if one.asks_for(service.private_dns_names)):
            yield Check("who else asks here", CheckAnswer.UNREAD, f"{asker.words}, and would get the hub's addresses")
        for unread in self.plan_input.asking.unread:
            yield Check("who else asks here", CheckAnswer.UNREAD, unread)
        for answer in (answer for source in self.sources for answer in source.answers if answer.forwards):
            yield Check(
                "zones, rules and Profiles", CheckAnswer.UNREAD, f"{answer.detail}, so its answers can't be read"
            )

    def _check_conflicts(self, answers: Sequence[DnsAnswer]) -> Check:
        """AWS lets one zone of a name into a VPC, and an endpoint's private DNS is one (Route 53 API:
        AssociateVPCWithHostedZone, ConflictingDomainExists); of several answers to a name, one counts.
        """
        what, ids = "no conflicting zones and rules", {source.id for source in self.sources}
        domains = {answer.domain for answer in answers}
        held = find_holder(domains, (one for one in self.vpc.live_endpoints if one != self.leaving), self.catalog)
        if held:
            return Check(what, CheckAnswer.NO, f"{held.id} has the name in the VPC")
        own = [
            one for one in self.dns.answers if one.domain in domains and not one.forwards and one.source_id not in ids
        ]
        if own:
            return Check(what, CheckAnswer.NO, f"{own[0].detail} has the name in the VPC")
        for domain in sorted(domains):
            found = answer_to(domain, self._after(answers))
            if found is None or found.source_id not in ids:
                return Check(what, CheckAnswer.NO, f"{found.detail if found else 'a rule'} answers the name first")
        unread = [source.id for source in self.sources if source.unread]
        if unread:
            return Check(what, CheckAnswer.UNREAD, f"which names {unread[0]} takes isn't known")
        return Check(what, CheckAnswer.YES)

    def _after(self, answers: Sequence[DnsAnswer]) -> DnsView:
        return replace(self.dns, answers=tuple(dict.fromkeys((*self.dns.answers, *answers))))

    # ---- quotas and blocks

    def _check_limits(self) -> Iterator[Check]:
        for source in self.sources:
            what = f"room in {source.id}"
            if any(answer.source_id == source.id for answer in self.dns.answers):
                yield Check(what, CheckAnswer.YES, f"{self.vpc.id} is one of its VPCs")
            elif source.vpcs is None or source.most_vpcs is None:
                yield Check(what, CheckAnswer.UNREAD, "how many VPCs it has can't be read")
            elif source.vpcs >= source.most_vpcs:
                yield Check(what, CheckAnswer.NO, f"it has {source.vpcs} of at most {source.most_vpcs} VPCs")
            else:
                yield Check(what, CheckAnswer.YES, f"{source.vpcs} of at most {source.most_vpcs} VPCs")

    def _check_shared(self) -> Iterator[Check]:
        """A Profile is associated by the VPC's account, which sees its own and those that AWS RAM shares with it."""
        what, there = "the Profile in the VPC's account", {answer.source_id for answer in self.dns.answers}
        there |= {id_ for id_, _ in self.dns.profiles}
        account = self.plan_input.account_id
        for source in self.sources if self.central.profile else ():
            if source.is_seen or source.id in there:
                yield Check(what, CheckAnswer.YES)
            elif source.is_seen is None:
                yield Check(what, CheckAnswer.UNREAD, f"which Profiles account {account} sees can't be read")
            else:
                why = f"{source.id} isn't shared with account {account}: share it by AWS RAM"
                yield Check(what, CheckAnswer.NO, why)

    def _check_refusals(self) -> Iterator[Check]:
        """What AWS refused lately, and the number of the VPC's Profiles: one by some of AWS's pages, two by others
        (Route 53 API: AssociateProfile).
        """
        refused, ids = dict(self.plan_input.refused), {source.id for source in self.sources}
        for id_ in sorted(ids & refused.keys()):
            yield Check(f"AWS's answer for {id_}", CheckAnswer.NO, refused[id_])
        others = [id_ for id_, _ in self.dns.profiles if id_ not in ids]
        if self.central.profile and others:
            finding = CheckAnswer.NO if len(others) >= _MOST_PROFILES else CheckAnswer.UNREAD
            kept = f"the VPC has {listed(others)}, and it isn't known whether AWS lets it have another Profile"
            why = f"the VPC has {listed(others)}, and can't have more" if finding is CheckAnswer.NO else kept
            yield Check("room for the Profile in the VPC", finding, why)

    def _check_overlap(self) -> Iterator[Check]:
        theirs = {*self.central.cidrs, *(cidr for hub in self.view.vpcs for cidr in hub.all_cidrs)}
        pairs = [(own, other) for own in self.vpc.all_cidrs for other in sorted(theirs) if _overlap(own, other)]
        what = "no overlapping blocks"
        if pairs:
            yield Check(what, CheckAnswer.NO, f"the VPC's {pairs[0][0]} overlaps with the hub's {pairs[0][1]}")
        else:
            yield Check(what, CheckAnswer.YES)

    # ---- the way to the hub, and whom it serves

    def _check_service(self, service: Service, clients: Sequence[Subnet]) -> Iterator[Check]:
        suffix = suffix_of(service.name)
        answers = self._answers(service)
        takeover = Takeover(service, suffix, self.vpc, self.dns, self.plan_input.exempt, self.catalog.ports)
        dependents = takeover.dependents()
        asking = [*clients, *(one.subnet for one in dependents if one.subnet not in clients)]
        if not asking:
            return
        ports = ports_of(suffix, dict(self.catalog.ports))
        if not ports:
            yield Check("ports", CheckAnswer.NO, ports_unknown(suffix))
        yield self._check_conflicts(answers)
        yield from self._check_names(service, answers) if clients else ()
        if words := shadow_words(takeover):
            yield Check("names of the zone", CheckAnswer.NO, words)
        yield from self._check_addresses(service, answers)
        guessed = tuple(self._representatives())
        answers = [one if one.addresses is not None else one.answering(guessed) for one in answers]
        yield from self._check_paths(service, asking, answers)
        yield from self._check_clients(service, dependents, asking, answers)
        for answer in answers:
            yield from check_beyond(asking, self.vpc, answer, service.name, ports, self.view)

    def _check_names(self, service: Service, answers: Sequence[DnsAnswer]) -> Iterator[Check]:
        """Which of the service's names its zones leave as they are. Of the usual ones, each must be answered."""
        left = {domain_of(name) for name in service.private_dns_names} - {one.domain for one in answers}
        if left and not any(source.unread for source in self.sources):
            usual = sorted(left.intersection(map(domain_of, usual_names(service.private_dns_names))))
            finding, why = CheckAnswer.YES, ""
            if usual:
                finding, why = CheckAnswer.NO, ", which clients ask for unless they are told otherwise"
            zones = listed([source.id for source in self.sources])
            verb = "doesn't" if len(self.sources) == 1 else "don't"
            yield Check("names of the zone", finding, f"{zones} {verb} answer {listed(usual or sorted(left))}{why}")

    def _answers(self, service: Service) -> list[DnsAnswer]:
        """What the sources answer to the service's names."""
        answers, names = [answer for source in self.sources for answer in source.answers], service.private_dns_names
        found = [answer.to(name) for answer in answers for name in names if answer.domain == domain_of(name)]
        if not found:
            source = self.sources[0]
            kind = AnswerKind.PROFILE if self.central.profile else AnswerKind.PRIVATE_ZONE
            found = [DnsAnswer(kind, domain_of(service.private_dns_names[0]), source.id, f"the {kind} {source.id}")]
        return found

    def _representatives(self) -> Iterator[str]:
        """Addresses of the policy's blocks, which stand for those that weren't read: of each part that the VPC's routes
        and ACLs tell apart, one.
        """
        tables = [effective_route_table(subnet, self.vpc) for subnet in self.vpc.subnets]
        texts = [text for table in tables if table for route in table.routes for text in route.destinations]
        texts += [entry.cidr for acl in self.vpc.network_acls for entry in acl.entries]
        for cidr in self.central.cidrs:
            version = version_of(cidr)
            for (mark, _), _ in Routing.of(zip(texts, texts, strict=True), version).parts((span(cidr),)):
                yield blocks_in(((mark, mark),), version)

    def _has(self, address: str) -> bool:
        """True if the address is in one of the policy's blocks."""
        return not without((span(address),), addresses_in(self.central.cidrs, version_of(address)))

    def _check_addresses(self, service: Service, answers: Sequence[DnsAnswer]) -> Iterator[Check]:
        what = "addresses of the hub"
        for answer in answers:
            outside = [address for address in answer.addresses or () if not self._has(address)]
            if answer.addresses is None:
                why = f"those with which {answer.source_id} answers {answer.domain} can't be read"
                yield Check(what, CheckAnswer.UNREAD, why)
            elif not answer.addresses:
                names = [name for name in service.private_dns_names if domain_of(name) == answer.domain]
                why = f"{answer.source_id} has no record for {listed(names)}"
                yield Check(what, CheckAnswer.NO, deleted_target(answer) if answer.is_deleted else why)
            elif outside:
                yield Check(
                    what, CheckAnswer.NO, f"{answer.source_id} answers {outside[0]}, which isn't in central.cidrs"
                )
            else:
                yield Check(what, CheckAnswer.YES)

    def _check_paths(self, service: Service, asking: Iterable[Subnet], answers: Sequence[DnsAnswer]) -> Iterator[Check]:
        """The way out of the VPC, with its routes and ACLs, of every subnet to every address."""
        what, suffix = "routes to the hub", suffix_of(service.name)
        unread_parts = tuple(unread for unread in self.vpc.unread if unread.part is not Part.DNS_ATTRIBUTES)
        alone = replace(self.vpc, endpoints=(), dns_support=True, dns_hostnames=True, unread=unread_parts)
        ids = {source.id for source in self.sources}
        for answer in answers:
            view = replace(self.dns, answers=(answer,), kept_here=(), unreadable=(), custom_dns_servers=())
            reach = ServiceReach(alone, suffix, asked_at(answer, service, self.catalog), view)
            for subnet in asking:
                path = reach.private_path(subnet)
                # What lies beyond, `check_beyond` follows.
                unread = [words for words in path.unread if not words.startswith(BEYOND)]
                if path.reach is Reach.UNKNOWN or (unread and path.reach is Reach.CENTRAL):
                    yield Check(what, CheckAnswer.UNREAD, "; ".join((path.words, *unread)))
                elif path.reach is not Reach.CENTRAL or path.central_id not in ids or path.shut:
                    yield Check(what, CheckAnswer.NO, f"{subnet.id}: {'; '.join((path.words, *path.notes[1:2]))}")
                else:
                    yield Check(what, CheckAnswer.YES)

    def _check_clients(
        self,
        service: Service,
        dependents: Sequence[Dependent],
        asking: Iterable[Subnet],
        answers: Sequence[DnsAnswer],
    ) -> Iterator[Check]:
        """The clients' own security groups let out to the hub's addresses."""
        what, suffix = "clients' security groups", suffix_of(service.name)
        if self.vpc.client_groups is None:
            yield Check(what, CheckAnswer.UNREAD, "the network interfaces of the VPC, or their groups, were not read")
            return
        ports = ports_of(suffix, dict(self.catalog.ports))
        now = {one.subnet.id: one.now for one in dependents}
        for subnet in asking:
            version = subnet.ip_version
            texts = [text for answer in answers for text in answer.addresses or () if version_of(text) == version]
            there = AnsweringEnds(tuple(End((span(text),), text, version) for text in texts), group_ids=None)
            cut_off = find_cut_off(there, subnet, self.vpc, ports, now=now.get(subnet.id, NOT_KNOWN))
            if cut_off:
                yield Check(what, CheckAnswer.NO if cut_off.is_known else CheckAnswer.UNREAD, cut_off.words)
            else:
                yield Check(what, CheckAnswer.YES)


def _overlap(one: str, other: str) -> bool:
    if version_of(one) != version_of(other):
        return False
    (low, high), (start, end) = span(one), span(other)
    return low <= end and start <= high
