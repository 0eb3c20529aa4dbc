"""Who else resolves names through a VPC: whoever asks a resolver there gets the addresses that its clients get."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from lifeline.core.network.dns import DnsView, domain_of, usual_names
from lifeline.core.network.model import Catalog, Part, Vpc, block, suffix_of
from lifeline.core.network.service_here import ServiceHere


class DoorKind(StrEnum):
    """A resolver in a VPC that others can ask. A directory's servers send on what they don't know, by default to the
    VPC's resolver (Directory Service guide: DNS in AWS Managed Microsoft AD).
    """

    INBOUND = "inbound Resolver endpoint"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Door:
    """One of them. An inbound endpoint answers with what the VPC's resolver says, endpoints' zones included (Route 53
    guide: forwarding inbound DNS queries to your VPCs).
    """

    kind: DoorKind
    id: str
    vpc_id: str
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Forward:
    """A FORWARD rule: the addresses that it sends names under `domain` to, and the VPCs that follow it."""

    id: str
    domain: str
    targets: frozenset[str]
    vpc_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Askers:
    """What the region shows of who asks where. `dns_servers` are those of the VPCs' DHCP options that aren't Amazon's;
    `own_domains` are those that VPCs are known to answer themselves. `unread` says what couldn't be read.
    """

    doors: tuple[Door, ...] = ()
    forwards: tuple[Forward, ...] = ()
    dns_servers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unread: tuple[str, ...] = ()
    own_domains: tuple[tuple[str, frozenset[str]], ...] = ()

    def of(self, vpc: Vpc, others: Mapping[str, Vpc]) -> "Asking":
        """Who asks in one VPC. `others` are the VPCs that were observed beside it."""
        found = [*self._by_rules(vpc, others), *self._by_dhcp(vpc, others)]
        inbound = (door for door in self._doors_of(vpc) if door.kind is DoorKind.INBOUND)
        words = "lets other networks resolve names as this VPC does"
        found += [Asker(f"{door.kind} {door.id} {words}") for door in inbound]
        return Asking(tuple(dict.fromkeys(found)), self.unread)

    def vpcs_asking(self, vpc: Vpc) -> frozenset[str]:
        """The ids of the other VPCs whose names may be resolved in this one."""
        return frozenset(asker.vpc_id for asker in self.of(vpc, {}).askers) - {""}

    def vpcs_following(self, vpc: Vpc) -> frozenset[str]:
        """Those of them that a rule leads here: they don't ask for what they answer themselves, see `own_domains`."""
        return frozenset(asker.vpc_id for asker in self._by_rules(vpc, {})) - {""}

    def _doors_of(self, vpc: Vpc) -> list[Door]:
        return [door for door in self.doors if door.vpc_id == vpc.id]

    def _by_rules(self, vpc: Vpc, others: Mapping[str, Vpc]) -> Iterator["Asker"]:
        doors = self._doors_of(vpc)
        for rule in self.forwards:
            door = next((door for door in doors if door.addresses & rule.targets), None)
            if door is None and not any(is_within(target, vpc) for target in rule.targets):
                continue
            where = f"{door.kind} {door.id}" if door else "an address in this VPC"
            words = f"resolver rule {rule.id} sends {rule.domain or 'every name'}"
            is_sure = door is not None and door.kind is DoorKind.INBOUND
            elsewhere = [vpc_id for vpc_id in rule.vpc_ids if vpc_id != vpc.id]
            for vpc_id in elsewhere:
                words_of_it, closer = f"{words} of {vpc_id} to {where}", self._closer(vpc_id, rule.domain)
                asks_resolver = vpc_id not in dict(self.dns_servers)  # rules are the VPC's own resolver's
                yield Asker(words_of_it, vpc_id, is_sure and asks_resolver, rule.domain, others.get(vpc_id), closer)
            if not elsewhere:
                yield Asker(f"{words} to {where}", domain=rule.domain)

    def _closer(self, vpc_id: str, domain: str) -> frozenset[str]:
        """The more specific domains of which something else decides in a VPC that follows a rule for this one."""
        by_rules = {rule.domain for rule in self.forwards if vpc_id in rule.vpc_ids}
        found = by_rules.union(*(own for id_, own in self.own_domains if id_ == vpc_id))
        return frozenset(one for one in found - {domain} if _is_under(one, domain))

    def _by_dhcp(self, vpc: Vpc, others: Mapping[str, Vpc]) -> Iterator["Asker"]:
        doors = self._doors_of(vpc)
        for vpc_id, servers in self.dns_servers:
            door = next((door for door in doors if door.addresses & set(servers)), None)
            other = others.get(vpc_id)
            within = [server for server in servers if is_within(server, vpc)]
            if vpc_id == vpc.id or not (door or within) or (other and any(is_within(one, other) for one in servers)):
                continue
            where = f"{door.kind} {door.id}" if door else f"{within[0]}, an address in this VPC"
            words = f"the DHCP options of {vpc_id} name {where}"
            is_sure = door is not None and door.kind is DoorKind.INBOUND
            yield Asker(words, vpc_id, is_sure, vpc=other)


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asks in a VPC for names under `domain`: in words, and which VPC it is, if that is known. For names
    under the domains in `closer` it doesn't, or not by this rule.

    `is_sure` says that the answer is the VPC's own: not that of servers that may ask elsewhere.
    """

    words: str
    vpc_id: str = ""
    is_sure: bool = False
    domain: str = ""
    vpc: Vpc | None = None
    closer: frozenset[str] = frozenset()

    def asks_for(self, names: Collection[str]) -> bool:
        """True if it asks here for one of these names."""
        return bool(self.asked(names))

    def asked(self, names: Collection[str]) -> tuple[str, ...]:
        """Those of these names for which it asks here."""
        found = ((name, domain_of(name)) for name in names)
        return tuple(name for name, one in found if _is_under(one, self.domain) and not self._answers(one))

    def answers_usual(self, names: Collection[str]) -> bool:
        """True if its own VPC answers all of a service's usual names under the domain. Whether anybody there asks for
        the others isn't known.
        """
        usual = [name for name in map(domain_of, usual_names(names)) if _is_under(name, self.domain)]
        return bool(usual) and all(map(self._answers, usual))

    def _answers(self, domain: str) -> bool:
        return any(_is_under(domain, one) for one in self.closer)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks in a VPC beside its own clients, and what of that couldn't be read."""

    askers: tuple[Asker, ...] = ()
    unread: tuple[str, ...] = ()


NOBODY = Asking()


def own_domains(vpc: Vpc, view: DnsView, catalog: Catalog) -> frozenset[str]:
    """The domains that a VPC's own resolver answers: those of SYSTEM rules and, if both DNS attributes are known to be
    on, of private hosted zones and of endpoints with private DNS, also a Profile's.

    A rule that forwards the same domain, or a more specific one, wins over them (`answer_to`, with its sources).
    """
    kept = {one.domain for one in view.kept_here}
    if vpc.dns_off or vpc.unread_words(Part.DNS_ATTRIBUTES):
        return frozenset(kept)
    zones = {answer.domain for answer in view.answers if not answer.forwards}
    suffixes = {suffix_of(endpoint.service_name) for endpoint in vpc.live_endpoints}
    held = (here for suffix in suffixes if (here := ServiceHere(vpc, suffix, catalog, view)).is_held)
    named = {domain_of(name) for here in held for service in here.offered for name in service.private_dns_names}
    return frozenset(kept | zones | named)


def is_within(address: str, vpc: Vpc) -> bool:
    """True if the address is in one of the VPC's blocks."""
    return any(ip_address(address) in block(cidr) for cidr in vpc.all_cidrs)


def _is_under(name: str, domain: str) -> bool:
    """True if it is the domain or a name under it; the root is empty."""
    return not domain or f".{name}".endswith(f".{domain}")
