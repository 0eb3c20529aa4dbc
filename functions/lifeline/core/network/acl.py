"""Network ACLs as gates. They are stateless: the request must pass out and in, and the answer back again."""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from lifeline.core.network.gates import End, Filter, ObstacleKind, find_passage
from lifeline.core.network.model import AclEntry, NetworkAcl, Part, Ranges, Subnet, Vpc
from lifeline.core.network.packets import (
    EPHEMERAL,
    EVERY_ADDRESS,
    EVERY_PORT,
    NAT_PORTS,
    Lane,
    addresses_in,
    lanes_of,
    span,
    without,
)

_NOT_PUBLIC = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
)
# The addresses that a service of AWS's can have: all but private, shared, local and multicast ones.
_PUBLIC = {4: without(EVERY_ADDRESS[4], tuple(map(span, _NOT_PUBLIC))), 6: (span("2000::/3"),)}


def acl_of(subnet: Subnet, vpc: Vpc) -> NetworkAcl | None:
    """The subnet's ACL; None where none was seen, which lets everything through as a new VPC's does, or none read."""
    return next((acl for acl in vpc.network_acls if subnet.id in acl.subnet_ids), None)


def unread_acls(client: Subnet, hosts: Iterable[Subnet], vpc: Vpc) -> tuple[str, ...]:
    """What was not read and may keep `client` from an interface in one of the hosts: ACLs, if it is another subnet."""
    is_across = any(host.id != client.id for host in hosts)
    return vpc.unread_words(Part.NETWORK_ACLS) if is_across else ()


def public_end(service: str, version: int, listed: tuple[str, ...] = ()) -> End:
    """A service's public addresses: those of its prefix list, or any of all if these were not read."""
    addresses = addresses_in(listed, version)
    return End(addresses or _PUBLIC[version], f"the public addresses of {service}", version, is_guess=not addresses)


def private_addresses(version: int) -> Ranges:
    """The addresses of this IP version that no service of AWS's has in public."""
    return without(EVERY_ADDRESS[version], _PUBLIC[version])


def shared_version(client: Subnet, host: Subnet) -> int:
    """The IP version in which two subnets talk: IPv4, or IPv6 where one has nothing else; 0 if they can't."""
    if client.cidr and host.cidr:
        return 4
    return 6 if client.ipv6_cidrs and host.ipv6_cidrs else 0


def acl_gates(client: Subnet, host: Subnet, near: End, far: End, vpc: Vpc, ports: Ranges) -> list[Filter]:
    """The ACLs between a client and an interface in `host`. Within a subnet none stands (VPC guide: network ACLs)."""
    if client.id == host.id:
        return []
    return [
        *leaving(client, far, vpc, ports),
        *_gates(
            acl_of(host, vpc), near, ports, EPHEMERAL, f"into {host.id} from", f"out of {host.id} to", is_far=False
        ),
    ]


def all_stand_open(vpc: Vpc, version: int) -> bool:
    """True if no ACL of the VPC denies anything: then none of its subnets need be asked about (bench/large_vpc.py)."""
    return all(_lets_everything_through(acl.entries, version) for acl in vpc.network_acls)


def stand_open(client: Subnet, host: Subnet, vpc: Vpc, version: int) -> bool:
    """True if no ACL between the two denies anything: what most VPCs have."""
    return client.id == host.id or (stands_open(client, vpc, version) and stands_open(host, vpc, version))


def stands_open(subnet: Subnet, vpc: Vpc, version: int) -> bool:
    """True if the subnet's ACL denies nothing."""
    acl = acl_of(subnet, vpc)
    return acl is None or _lets_everything_through(acl.entries, version)


def leaving(client: Subnet, far: End, vpc: Vpc, ports: Ranges) -> list[Filter]:
    """The client's own ACL: requests out of its subnet and answers into it, wherever a route leads them."""
    request, answer = f"out of {client.id} to", f"into {client.id} from"
    return _gates(acl_of(client, vpc), far, ports, EPHEMERAL, request, answer, is_far=True)


def through_nat(home: Subnet, near: End, far: End, vpc: Vpc, ports: Ranges) -> list[Filter]:
    """The ACL of the subnet that a NAT stands in: in from the client and on from the NAT's own ports, and back."""
    acl = acl_of(home, vpc)
    onward = _gates(acl, far, ports, NAT_PORTS, f"out of {home.id} to", f"into {home.id} from", is_far=True)
    inward = _gates(acl, near, ports, EPHEMERAL, f"into {home.id} from", f"out of {home.id} to", is_far=False)
    return [*inward, *onward]


def acl_obstacle(client: Subnet, host: Subnet, vpc: Vpc, ports: Ranges) -> str:
    """Why ACLs keep a client from an interface in `host`, in words; empty if they don't, or just a few addresses."""
    version = shared_version(client, host)
    if not version:
        return ""  # no connection that an ACL could stop: the endpoint's IP version says so
    near, far = End.of(client, version), End.of(host, version)
    far = End(far.addresses, far.name, version, is_guess=True)
    passage = find_passage(acl_gates(client, host, near, far, vpc, ports), near, far, ports)
    return passage.shut_by[0][1] if not passage.traffic.passes_all and passage.matters(near) else ""


def host_obstacle(client: Subnet, host: Subnet, vpc: Vpc, ports: Ranges) -> str:
    """The same where the host's own ACL does; empty where the client's shuts it in, so that no host would do."""
    words, own = acl_obstacle(client, host, vpc, ports), acl_of(client, vpc)
    if not words or own is None:
        return words
    alone = replace(vpc, network_acls=(replace(own, subnet_ids=own.subnet_ids - {host.id}),))
    return "" if acl_obstacle(client, host, alone, ports) else words


def _gates(
    acl: NetworkAcl | None, end: End, ports: Ranges, sources: Ranges, request: str, answer: str, *, is_far: bool
) -> list[Filter]:
    """One ACL's two directions, for what it judges by one end's addresses.

    Of a NAT's own ports one is enough, as of the client's: `sources` that pass in part count as all for a NAT.
    """
    if acl is None or _lets_everything_through(acl.entries, end.version):
        return []
    kind, asks_out = ObstacleKind.NETWORK_ACL, request.startswith("out")
    out, into = _directions(acl.entries)
    there = lanes_of(out if asks_out else into, end.addresses, ports, end.version)
    back = lanes_of(into if asks_out else out, end.addresses, sources, end.version)
    is_nat = sources is NAT_PORTS
    returns = tuple(
        Lane(here, ports, EPHEMERAL if passed else (), is_reduced=passed != sources)
        if is_nat
        else Lane(here, ports, passed)
        for here, passed in back
    )
    words = f"network ACL {acl.id} doesn't let {{what}} {{way}} {{{{addresses}}}}"
    return [
        Filter(
            kind, tuple(Lane(here, passed) for here, passed in there), words.format(what="{ports}", way=request), is_far
        ),
        Filter(kind, returns, words.format(what="answers", way=answer), is_far),
    ]


@lru_cache(maxsize=4096)
def _lets_everything_through(entries: tuple[AclEntry, ...], version: int) -> bool:
    """True of what a new VPC has: then there is nothing to judge."""
    ways = (lanes_of(way, EVERY_ADDRESS[version], EVERY_PORT, version) for way in _directions(entries))
    return all([passed for _, passed in lanes] == [EVERY_PORT] for lanes in ways)


def _directions(entries: tuple[AclEntry, ...]) -> tuple[tuple[AclEntry, ...], tuple[AclEntry, ...]]:
    """The outbound and the inbound ones."""
    return tuple(entry for entry in entries if entry.egress), tuple(entry for entry in entries if not entry.egress)
