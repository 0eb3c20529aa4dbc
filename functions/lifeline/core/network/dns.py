"""Who else answers a service's name in a VPC: central endpoints, as the DNS of a spoke shows them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

# The domains of dual-stack names (botocore: dualStackDnsSuffix of its partitions; ECR guide: dual-stack endpoints; S3
# guide: dual-stack endpoints).
_DUAL_STACK = re.compile(r"\.(api\.(aws|amazonwebservices|cloud-aws)(\.|$)|on\.aws$|dualstack\.)")


class AnswerKind(StrEnum):
    """What answers. A Profile carries zones, rules and endpoints; `detail` says which."""

    PRIVATE_ZONE = "private hosted zone"
    RESOLVER_RULE = "resolver rule"
    PROFILE = "Route 53 Profile"


type Answered = tuple[tuple[str, ...] | None, str]
"""The addresses with which something answers a name, None where they were not read, and the endpoint that has them."""


@dataclass(frozen=True, slots=True, order=True)
class DnsAnswer:
    """Something other than an endpoint of the VPC that answers names under `domain` in it.

    `domain` is lower case and has no trailing dot; the root is empty. `source_id` is the zone, rule or Profile.
    `forwards` is True for a rule, which answers every name under its domain; a zone or an endpoint answers the names
    that it has records for, and only its own name is known without reading them.

    `addresses` are those with which it answers its own name: none where the zone has no record for it, None where they
    were not read. `endpoint_id` is the endpoint whose addresses they are, where that is known; without any, it is
    a deleted one. `wildcard` is the same for the names under its own, such as `*.dkr.ecr.…`: a record of one of the two
    doesn't answer the other. `absent_id` is the endpoint to which a record of the zone leads, and which the zone's
    account doesn't have. `asked` is the name to which this is the answer, if it isn't just the domain.
    """

    kind: AnswerKind
    domain: str
    source_id: str
    detail: str
    forwards: bool = False
    addresses: tuple[str, ...] | None = None
    endpoint_id: str = ""
    absent_id: str = ""
    wildcard: Answered = (None, "")
    asked: str = field(default="", compare=False)

    @property
    def is_deleted(self) -> bool:
        """True if the record of the name leads to an endpoint that was deleted."""
        return bool(self.endpoint_id and self.absent_id) and not self.addresses

    def to(self, name: str) -> "DnsAnswer":
        """The same, with what it answers to a service's private DNS name, which may begin with `*.`."""
        if not is_wildcard(name):
            return self
        addresses, endpoint_id = self.wildcard
        return replace(self, addresses=addresses, endpoint_id=endpoint_id, asked=name)

    def answering(self, addresses: tuple[str, ...]) -> "DnsAnswer":
        """The same, as if these were its addresses for all names."""
        return replace(self, addresses=addresses, wildcard=(addresses, self.endpoint_id))


@dataclass(frozen=True, slots=True)
class DnsView:
    """What decides a VPC's DNS beside its own endpoints.

    While anything is `unreadable` (in words), whether a name is served centrally isn't known: nothing may be created.
    `throttled` is what of that a later run can read, because AWS only had no capacity for the call. `unread` couldn't
    be read either (in words), but decides nothing.
    `profiles` are the VPC's Profiles, each with what of `unreadable` is in it. `brought` is what Profiles have that
    answers nothing, but may refuse answers.
    `kept_here` are the SYSTEM rules, which give a domain back to the VPC's own resolver. `custom_dns_servers` is what
    the VPC's DHCP options tell clients to ask instead of the VPC's resolver; empty where they ask the resolver.
    """

    answers: tuple[DnsAnswer, ...] = ()
    unreadable: tuple[str, ...] = ()
    kept_here: tuple[DnsAnswer, ...] = ()
    custom_dns_servers: tuple[str, ...] = ()
    throttled: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    profiles: tuple[tuple[str, tuple[str, ...]], ...] = ()
    brought: tuple[str, ...] = ()


def answer_to(name: str, view: DnsView) -> DnsAnswer | None:
    """What answers one private DNS name of a service centrally, or None.

    - A private hosted zone of exactly the name answers it. `*.` is left off: the zone of `*.s3.…` is `s3.…`.
    - A FORWARD rule for the name or any parent, the root too, answers it: its resolvers decide. A SYSTEM rule that is
      more specific undoes it; the most specific rule counts (Route 53 guide: how VPC Resolver determines whether the
      domain name in a query matches any rules). An endpoint's zone would win over a rule for a parent, and that is why
      none may be made: it would take over what a hub serves.
    - For one and the same domain, a rule wins over a zone, and what is associated with the VPC itself over what a
      Profile brings; the more specific one wins over all (Route 53 guide: considerations when working with a private
      hosted zone; how Profile settings are prioritized). So a zone that is more specific than the rule puts the rule
      out of force, for VPC Resolver makes a rule of its own for each zone (autodefined system rules).
    - A zone of a parent (`us-east-1.amazonaws.com`) serves nothing here; `parent_zone` finds it. It doesn't forward: a
      name that it has no record for is NXDOMAIN (same considerations), so unlike a rule it is mostly an outage, and it
      conflicts with no endpoint. An endpoint's own zone is more specific, wins, and restores the service.
    """
    found = _answer_for(domain_of(name), view)
    return found.to(name) if found else None


def usual_answer(names: Sequence[str], view: DnsView) -> DnsAnswer | None:
    """What serves a service centrally: what answers the first of its usual names that is answered, or None.

    What answers other names of it serves nobody who asks for the usual ones; see `conflicting_zone`.
    """
    return next(filter(None, (answer_to(name, view) for name in usual_names(names))), None)


def conflicting_zone(names: Iterable[str], view: DnsView) -> DnsAnswer | None:
    """The zone for which AWS refuses an endpoint's private DNS, or None: any of the service's names is enough.

    An endpoint with private DNS takes all of its service's names, and AWS lets one private hosted zone of a name into a
    VPC (PrivateLink guide: "conflicting DNS domain"). Neither rules nor what a Profile brings are associated with the
    VPC as zones (Route 53 guide: how Profile settings are prioritized).
    """
    domains = set(map(domain_of, names))
    zones = (one for one in view.answers if one.kind is AnswerKind.PRIVATE_ZONE and one.domain in domains)
    return min(zones, default=None, key=lambda zone: (zone.domain, zone.source_id))


def taken_from(names: Sequence[str], view: DnsView) -> tuple[tuple[str, DnsAnswer], ...]:
    """The names of the service beside its usual ones that an endpoint's private DNS would take, with what answers them
    now: what a Profile brings, or a rule for a parent. A rule for just that name goes on answering it (`answer_to`).
    """
    others = (name for name in names if name not in usual_names(names))
    found = ((name, answer_to(name, view)) for name in others)
    return tuple(
        (name, answer)
        for name, answer in found
        if answer and (answer.domain != domain_of(name) or (answer.kind is AnswerKind.PROFILE and not answer.forwards))
    )


def parent_zone(names: Sequence[str], view: DnsView) -> DnsAnswer | None:
    """The zone of a parent domain that decides one of the names, or None; for the reason of what is done about it.

    Without a record in it the name is NXDOMAIN, whatever routes the subnet has. With one, someone serves the name
    from a zone of many, and an endpoint would take that over: its reason should name the zone.
    """
    open_names = [name for name in map(domain_of, names) if _answer_for(name, view) is None]
    return next((zone for name in open_names if (zone := _zone_over(name, view))), None)


def custom_dns_finding(view: DnsView) -> str:
    """What a person should know where clients ask other DNS servers; empty where they ask the VPC's resolver.

    Private DNS is answered by the VPC's resolver alone: custom servers must forward to it (Route 53 guide:
    considerations when working with a private hosted zone, custom DNS servers).
    """
    if not view.custom_dns_servers:
        return ""
    return (
        f"the VPC's DHCP options send clients to {', '.join(view.custom_dns_servers)} for DNS: an endpoint's private "
        "DNS reaches them only if those servers forward AWS's names to the VPC's resolver"
    )


def usual_names(names: Iterable[str]) -> tuple[str, ...]:
    """Those of a service's private DNS names that clients ask for unless they are told otherwise, in their order.

    - Neither FIPS names nor dual-stack ones, which clients must be set to use, unless it has no others: `kms-fips.…`,
      `eks-auth.us-east-1.api.aws` (SDKs and tools guide: use_fips_endpoint, use_dualstack_endpoint).
    - Nor names of another part of its API that say so after or before the service's label: `*.s3-control.…`,
      `*.s3-accesspoint.…`, `*.control-kinesis.…` (S3 guide: AWS PrivateLink for Amazon S3).
    - The name itself and `*.` before it are both usual: `s3.…` lists buckets, and `*.s3.…` has them (S3 guide:
      virtual hosting of buckets).
    """
    kept = tuple(names)
    for is_special in (_is_fips, _DUAL_STACK.search):
        kept = tuple(name for name in kept if not is_special(domain_of(name))) or kept
    domains = set(map(domain_of, kept))
    return tuple(name for name in kept if not any(_extends(domain_of(name), other) for other in domains))


def usual_first(names: Iterable[str]) -> tuple[str, ...]:
    """A service's private DNS names, the usual ones before the others."""
    usual = usual_names(names := tuple(names))
    return tuple(sorted(names, key=lambda name: (name not in usual, len(domain_of(name)), name)))


def _is_fips(domain: str) -> bool:
    return any("fips" in label.split("-") for label in domain.split("."))


def _extends(domain: str, other: str) -> bool:
    """True if one domain's first label is the other's with something before or after it, by a hyphen."""
    (label, _, rest), (short, _, their_rest) = domain.partition("."), other.partition(".")
    return rest == their_rest and (label.startswith(f"{short}-") or label.endswith(f"-{short}"))


def domain_of(text: str) -> str:
    r"""A domain as it is compared: lower case, without trailing dot and leading wildcard; the root is empty.

    Route 53 writes the asterisk as `\052` (Route 53 guide: DNS domain name format).
    """
    return _plain(text).removeprefix("*.").strip(".")


def is_wildcard(text: str) -> bool:
    """True if a name stands for all names under its domain."""
    return _plain(text).startswith("*.")


def _plain(text: str) -> str:
    return text.strip().lower().replace("\\052", "*")


def _answer_for(name: str, view: DnsView) -> DnsAnswer | None:
    zone = _zone_over(name, view)
    rule = _deepest(name, (*(answer for answer in view.answers if answer.forwards), *view.kept_here))
    if rule and rule.forwards and (zone is None or _depth(rule) >= _depth(zone)):
        return rule
    return zone if zone and zone.domain == name else None


def _zone_over(name: str, view: DnsView) -> DnsAnswer | None:
    return _deepest(name, (answer for answer in view.answers if not answer.forwards))


def _deepest(name: str, candidates: Iterable[DnsAnswer]) -> DnsAnswer | None:
    """The most specific one that covers the name; the VPC's own before a Profile's, then what forwards."""
    matching = [dns_answer for dns_answer in candidates if _covers(dns_answer.domain, name)]
    rank = sorted(
        matching,
        key=lambda dns_answer: (
            -_depth(dns_answer),
            dns_answer.kind is AnswerKind.PROFILE,
            not dns_answer.forwards,
            dns_answer.source_id,
            dns_answer.detail,
        ),
    )
    return rank[0] if rank else None


def _covers(domain: str, name: str) -> bool:
    return not domain or name == domain or name.endswith(f".{domain}")


def _depth(answer: DnsAnswer) -> int:
    return len(answer.domain.split(".")) if answer.domain else 0
