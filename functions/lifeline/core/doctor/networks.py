"""What Lifeline finds in the networks: what stands in the way of its endpoints, and where nobody looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.doctor.quotas import QuotaUse
from lifeline.core.network.model import Catalog, EndpointType, Part, Vpc, suffix_of
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.policy.policy import PRIVATE, Policy, desired
from lifeline.core.wording import few, listed, write_count

DNS_CHECK, SERVERS_CHECK, SHARED_CHECK = "DNS attributes", "DNS servers", "shared VPCs"
REGIONS_CHECK, SERVICES_CHECK = "other Regions", "services"
_MOST = 5


@dataclass(frozen=True, slots=True)
class Site:
    """A VPC with private subnets, and the services that these must reach."""

    vpc: Vpc
    services: frozenset[str]
    private_ids: frozenset[str] = field(default_factory=frozenset)

    def missing(self, catalog: Catalog, kind: EndpointType) -> frozenset[str]:
        """The services for which an endpoint of this kind may still have to be created: a service that has a gateway
        gets one. Whether anything else serves them isn't looked at, so there may be fewer.
        """
        there = {suffix_of(endpoint.service_name) for endpoint in self.vpc.live_endpoints}
        kinds = {name: [service.type for service in catalog.find(name)][:1] for name in self.services - there}
        return frozenset(name for name, first in kinds.items() if first == [kind])


def sites_in(vpcs: Sequence[Vpc], policy: Policy | None, *, today: date) -> tuple[Site, ...]:
    """The VPCs that have private subnets: surely, or as far as is known."""
    found = []
    for vpc in vpcs:
        tiers = classify_subnets(vpc)
        private = frozenset(subnet_id for subnet_id, tier in tiers.items() if tier.possible & PRIVATE)
        if private:
            services = desired(policy, vpc, tiers, today=today).services if policy else frozenset[str]()
            found.append(Site(vpc, services, private))
    return tuple(found)


def interface_uses(sites: Sequence[Site], catalog: Catalog) -> dict[str, QuotaUse]:
    """By VPC: how many interface endpoints are there, and how many more may be needed. Even where nothing is missing,
    one more should fit: what breaks later needs it.
    """
    return {
        site.vpc.id: QuotaUse(
            sum(endpoint.type is not EndpointType.GATEWAY for endpoint in site.vpc.live_endpoints),
            max(len(site.missing(catalog, EndpointType.INTERFACE)), 1),
        )
        for site in sites
        if site.services
    }


def gateway_use(sites: Sequence[Site], catalog: Catalog, there: int) -> QuotaUse:
    """Of the whole region."""
    return QuotaUse(there, sum(len(site.missing(catalog, EndpointType.GATEWAY)) for site in sites))


def group_use(sites: Sequence[Site], there: int) -> QuotaUse:
    """Of the whole region: each VPC may get one security group."""
    return QuotaUse(there, sum(bool(site.services) and not _has_own_group(site.vpc) for site in sites))


def network_interface_use(sites: Sequence[Site], catalog: Catalog, there: int) -> QuotaUse:
    """Of the whole region: an endpoint has an interface in each zone of the private subnets."""
    more = 0
    for site in sites:
        zones = {subnet.zone for subnet in site.vpc.subnets if subnet.id in site.private_ids}
        more += len(site.missing(catalog, EndpointType.INTERFACE)) * len(zones)
    return QuotaUse(there, more)


def _has_own_group(vpc: Vpc) -> bool:
    return any(group.has_own_name for group in vpc.security_groups)


# ---- DNS


def check_dns_attributes(sites: Sequence[Site] | NotRead, *, left_out: int, turns_on: bool) -> Finding:
    """Whether private DNS can work where services are required. `left_out` is how many VPCs weren't read, and
    `turns_on` is whether Lifeline may turn the attributes on.
    """
    if isinstance(sites, NotRead):
        return unknown(DNS_CHECK, "The VPCs' DNS attributes couldn't be read.", sites.why)
    unread = [site.vpc for site in sites if site.vpc.unread_words(Part.DNS_ATTRIBUTES)]
    off = [
        site.vpc for site in sites if site.vpc not in unread and not (site.vpc.dns_support and site.vpc.dns_hostnames)
    ]
    cant = f"Private DNS can't work in {_names(off)}: enableDnsSupport or enableDnsHostnames is off." if off else ""
    if off and not turns_on:
        remedy = (
            f"aws ec2 modify-vpc-attribute --vpc-id {off[0].id} --enable-dns-hostnames (before it --enable-dns-support,"
            " if that is off), or let Lifeline do it: FixDns=yes, and fix_dns in the policy."
        )
        return bad(DNS_CHECK, cant, remedy)
    if off:
        cant += " Lifeline may turn them on."
    if unread:
        why = " ".join(sorted({one.note for vpc in unread for one in vpc.unread if one.part is Part.DNS_ATTRIBUTES}))
        return unknown(DNS_CHECK, f"The DNS attributes of {_names(unread)} couldn't be read. {cant}".rstrip(), why)
    count = write_count(len(sites), "VPC")
    says = cant or f"Private DNS can work in all of {count} with private subnets that were read."
    if left_out:
        why = f"There was no time left for more than {count}."
        return unknown(DNS_CHECK, f"{says} {write_count(left_out, 'more VPC')} weren't read.", why)
    return ok(DNS_CHECK, says)


def check_dns_servers(sites: Sequence[Site], servers: Mapping[str, tuple[str, ...]] | NotRead) -> Finding:
    """Whether clients ask the VPC's own resolver, which alone answers private DNS."""
    if isinstance(servers, NotRead):
        return unknown(SERVERS_CHECK, "The VPCs' DHCP options couldn't be read.", servers.why)
    own = [f"{site.vpc.id} ({', '.join(found)})" for site in sites if (found := servers.get(site.vpc.id, ()))]
    if not own:
        return ok(SERVERS_CHECK, "Clients ask the resolver of their VPC, as far as its DHCP options say.")
    why = (
        "Private DNS works for them if their servers forward AWS's names to the VPC's resolver, which isn't seen here."
    )
    return unknown(SERVERS_CHECK, f"DHCP options send clients to other DNS servers in {few(own, _MOST)}.", why)


# ---- whose networks


def check_shared(vpcs: Sequence[Vpc] | NotRead, account: str) -> Finding:
    """Whether subnets are shared from other accounts: only their owners can create endpoints there, or see any
    (VPC guide: share your VPC subnets; PrivateLink guide: create an interface endpoint).
    """
    if isinstance(vpcs, NotRead):
        return unknown(SHARED_CHECK, "The VPCs couldn't be read.", vpcs.why)
    owners = {vpc.id: vpc.owner_id for vpc in vpcs if vpc.owner_id and account and vpc.owner_id != account}
    if not owners:
        return ok(SHARED_CHECK, "No VPC here is shared from another account.")
    said = few([f"{vpc_id} of account {owner}" for vpc_id, owner in owners.items()], _MOST)
    accounts = listed(sorted({*owners.values()}))
    why = (
        "Only the owner can create endpoints in a shared subnet, and none can be seen from here. Deploy Lifeline in"
        f" account {accounts}, or serve it from a hub (docs/organization)."
    )
    return unknown(SHARED_CHECK, f"Subnets are shared from other accounts: {said}.", why)


@dataclass(frozen=True, slots=True)
class OtherRegion:
    """An enabled region: how many private subnets it has, and whether it has a stack of Lifeline."""

    name: str
    private_subnets: int | NotRead
    has_stack: bool | NotRead


def check_regions(regions: Sequence[OtherRegion] | NotRead, *, stack: str, is_deployed: bool) -> Finding:
    """Whether private subnets in other regions are looked after. Before the first deployment, that is only said."""
    if isinstance(regions, NotRead):
        return unknown(REGIONS_CHECK, "The account's Regions couldn't be read.", regions.why)
    used = [one for one in regions if isinstance(one.private_subnets, NotRead) or one.private_subnets]
    unread = [one for one in used if isinstance(one.private_subnets, NotRead) or isinstance(one.has_stack, NotRead)]
    alone = [one.name for one in used if one not in unread and not one.has_stack]
    have = "has" if len(alone) == 1 else "have"
    says = f"{write_count(len(alone), 'Region')} {have} private subnets and no stack {stack}: {few(alone, 30)}."
    if alone and is_deployed:
        remedy = "Deploy a stack in each of them that matters. A stack of another name isn't found by this check."
        return bad(REGIONS_CHECK, says, remedy)
    if unread:
        first = unread[0]
        why = next(part.why for part in (first.private_subnets, first.has_stack) if isinstance(part, NotRead))
        lacking = f"Some Regions couldn't be read: {few([one.name for one in unread], 30)}."
        return unknown(REGIONS_CHECK, f"{lacking} {says}" if alone else lacking, why)
    if alone:
        return ok(REGIONS_CHECK, says)
    count = write_count(len(regions), "other enabled Region")
    if used:
        return ok(
            REGIONS_CHECK, f"Of {count}, {few([one.name for one in used], 30)} with private subnets have a stack."
        )
    return ok(REGIONS_CHECK, f"None of {count} has private subnets.")


# ---- which services


def check_services(
    policy: Policy | None, sites: Sequence[Site], creatable: frozenset[str], catalog: Catalog | NotRead
) -> Finding:
    """Whether Lifeline's role may create what the policy and the tags require, and whether AWS offers it here."""
    if policy is None:
        return unknown(SERVICES_CHECK, "What is required isn't known.", "No valid policy could be read.")
    required = frozenset[str]().union(*(rule.services for rule in policy.rules), *(site.services for site in sites))
    if not required:
        return ok(SERVICES_CHECK, "Nothing is required.")
    if lacking := sorted(required - creatable):
        remedy = f"Deploy with CreatableServices={','.join(sorted(creatable | required))}."
        return bad(SERVICES_CHECK, f"Required, but the role may not create it: {listed(lacking)}.", remedy)
    if isinstance(catalog, NotRead) or not catalog.is_read:
        why = catalog.why if isinstance(catalog, NotRead) else catalog.why_unread
        return unknown(SERVICES_CHECK, "What AWS offers in this Region couldn't be read.", why)
    if absent := sorted(name for name in required if not catalog.find(name)):
        remedy = "Correct the name in RequiredServices, the policy or the tag, or require it in another Region only."
        return bad(SERVICES_CHECK, f"Required, but not offered by AWS in this Region: {listed(absent)}.", remedy)
    return ok(SERVICES_CHECK, f"The role may create what is required: {listed(sorted(required))}.")


def _names(vpcs: Sequence[Vpc]) -> str:
    return few([vpc.id for vpc in vpcs], _MOST)
