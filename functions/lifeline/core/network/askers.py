"""Who else resolves names through a VPC: whoever asks a resolver there gets the addresses that its clients get."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from lifeline.core.network.dns import domain_of
from lifeline.core.network.model import Vpc, block


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
    `unread` says what couldn't be read.
    """

    doors: tuple[Door, ...] = ()
    forwards: tuple[Forward, ...] = ()
    dns_servers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unread: tuple[str, ...] = ()

    def of(self, vpc: Vpc, others: Mapping[str, Vpc]) -> "Asking":
        """Who asks in one VPC. `others` are the VPCs that were observed beside it."""
        doors = [door for door in self.doors if door.vpc_id == vpc.id]
        found = [*self._by_rules(vpc, doors, others), *self._by_dhcp(vpc, doors, others)]
        inbound = (door for door in doors if door.kind is DoorKind.INBOUND)
        words = "lets other networks resolve names as this VPC does"
        found += [Asker(f"{door.kind} {door.id} {words}") for door in inbound]
        return Asking(tuple(dict.fromkeys(found)), self.unread)

    def vpcs_asking(self, vpc: Vpc) -> frozenset[str]:
        """The ids of the other VPCs whose names may be resolved in this one."""
        return frozenset(asker.vpc_id for asker in self.of(vpc, {}).askers) - {""}

    def _by_rules(self, vpc: Vpc, doors: Collection[Door], others: Mapping[str, Vpc]) -> Iterator["Asker"]:
        for rule in self.forwards:
            door = next((door for door in doors if door.addresses & rule.targets), None)
            if door is None and not any(is_within(target, vpc) for target in rule.targets):
                continue
            where = f"{door.kind} {door.id}" if door else "an address in this VPC"
            words = f"resolver rule {rule.id} sends {rule.domain or 'every name'}"
            is_sure = door is not None and door.kind is DoorKind.INBOUND
            elsewhere = [vpc_id for vpc_id in rule.vpc_ids if vpc_id != vpc.id]
            for vpc_id in elsewhere:
                yield Asker(f"{words} of {vpc_id} to {where}", vpc_id, is_sure, rule.domain, others.get(vpc_id))
            if not elsewhere:
                yield Asker(f"{words} to {where}", domain=rule.domain)

    def _by_dhcp(self, vpc: Vpc, doors: Collection[Door], others: Mapping[str, Vpc]) -> Iterator["Asker"]:
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
    """Somebody who asks in a VPC for names under `domain`: in words, and which VPC it is, if that is known.

    `is_sure` says that the answer is the VPC's own: not that of servers that may ask elsewhere.
    """

    words: str
    vpc_id: str = ""
    is_sure: bool = False
    domain: str = ""
    vpc: Vpc | None = None

    def asks_for(self, names: Collection[str]) -> bool:
        """True if it asks here for one of these names."""
        domains = map(domain_of, names)
        return any(not self.domain or f".{name}".endswith(f".{self.domain}") for name in domains)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks in a VPC beside its own clients, and what of that couldn't be read."""

    askers: tuple[Asker, ...] = ()
    unread: tuple[str, ...] = ()


NOBODY = Asking()


def is_within(address: str, vpc: Vpc) -> bool:
    """True if the address is in one of the VPC's blocks."""
    return any(ip_address(address) in block(cidr) for cidr in vpc.all_cidrs)
