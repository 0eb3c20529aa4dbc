"""Who else answers a service's name in a VPC: central endpoints, as the DNS of a spoke shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


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
    were not read. `endpoint_id` is the endpoint whose addresses they are, where that is known. `wildcard` is the same
    for the names under its own, such as `*.dkr.ecr.…`: a record of one of the two doesn't answer the other. `absent_id`
    is the endpoint to which a record of the zone leads, and which the zone's account doesn't have.
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

    def to(self, name: str) -> "DnsAnswer":
        """The same, with what it answers to a service's private DNS name, which may begin with `*.`."""
        if not is_wildcard(name):
            return self
        addresses, endpoint_id = self.wildcard
        return replace(self, addresses=addresses, endpoint_id=endpoint_id)

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


def answers_for(names: Sequence[str], view: DnsView) -> DnsAnswer | None:
    """What serves one of the service's private DNS names centrally, or None; the first name that is answered decides.

    One name is enough: an endpoint with private DNS takes all of its names, and AWS refuses it where a zone of one of
    them is associated already (PrivateLink guide: "conflicting DNS domain"). So:

    - A private hosted zone of exactly the name serves it. `*.` is left off: the zone of `*.s3.…` is `s3.…`.
    - A FORWARD rule for the name or any parent, the root too, serves it: its resolvers decide. A SYSTEM rule that is
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
    return next((found.to(name) for name in names if (found := _answer_for(domain_of(name), view))), None)


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


def usual_first(names: Iterable[str]) -> tuple[str, ...]:
    """A service's private DNS names, the one before the others that clients ask for unless they are told otherwise.

    That is neither the dual-stack one, under another domain, nor one that says more than the service's name:
    `monitoring-fips.…`, `*.s3-control.…` (SDKs and tools guide: dual-stack and FIPS endpoints).
    """
    return tuple(sorted(names, key=lambda name: (".amazonaws.com" not in name, len(domain_of(name)), name)))


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
