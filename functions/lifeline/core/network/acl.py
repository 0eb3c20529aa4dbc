"""Whether network ACLs let a connection through: by number, the first rule that matches a part decides for it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from operator import attrgetter

from lifeline.core.network.model import AclEntry, Network, NetworkAcl, Part, Subnet, Vpc, block

HTTPS = (443, 443)
EPHEMERAL = (32768, 60999)  # what Linux answers to by default; Windows and NAT use wider ranges, which may be closed
_FEWEST_ADDRESSES = 16  # of a service's published blocks (ip-ranges.json): a rule for fewer denies no service
_NOT_PUBLIC = ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12")


def _public_blocks() -> tuple[IPv4Network, ...]:
    """The IPv4 addresses that a service of AWS's can have: all but private, shared, local and multicast ones."""
    blocks = [IPv4Network("0.0.0.0/0")]
    for text in (*_NOT_PUBLIC, "192.168.0.0/16", "224.0.0.0/3"):
        hole = IPv4Network(text)
        parts = (known.address_exclude(hole) if hole.subnet_of(known) else [known] for known in blocks)
        blocks = [left for part in parts for left in part]
    return tuple(blocks)


_PUBLIC: dict[int, tuple[Network, ...]] = {4: _public_blocks(), 6: (IPv6Network("2000::/3"),)}


def acl_obstacle(client: Subnet, host: Subnet, vpc: Vpc) -> str:
    """Why the ACLs keep 443 from `client` to an interface in `host`, or an empty text where they let it through.

    ACLs are stateless and stand between subnets only: 443 out of one and into the other, the answers to ephemeral ports
    back (VPC guide: network ACLs). Judged in IPv4, or in IPv6 where a side has nothing else. What was not read is no
    obstacle here: see `unread_acls`.
    """
    if client.id == host.id:
        return ""
    pair = _blocks(client, host)
    if pair is None:
        return ""  # no connection that an ACL could stop: the endpoint's address family says so
    here, there = pair
    ours, theirs = acl_of(client, vpc), acl_of(host, vpc)
    for acl, egress, addresses, ports, words, home in (
        (ours, True, there, HTTPS, "443 out of {} to {}", client),
        (theirs, False, here, HTTPS, "443 into {} from {}", host),
        (theirs, True, here, EPHEMERAL, "answers out of {} to {}", host),
        (ours, False, there, EPHEMERAL, "answers into {} from {}", client),
    ):
        if acl and not allows(acl, egress=egress, addresses=addresses, ports=ports):
            return f"network ACL {acl.id} doesn't let {words.format(home.id, addresses)}"
    return ""


def unread_acls(client: Subnet, hosts: Iterable[Subnet], vpc: Vpc) -> tuple[str, ...]:
    """What was not read and may keep `client` from an interface in one of the hosts: ACLs, if it is another subnet."""
    is_across = any(host.id != client.id for host in hosts)
    return vpc.unread_words(Part.NETWORK_ACLS) if is_across else ()


def public_acl_obstacle(client: Subnet, service: str, destinations: Iterable[str], vpc: Vpc) -> tuple[str, str]:
    """Why the client's ACL keeps 443 from a service's public addresses, or what was not read that decides it.

    Both texts are empty where it lets them through. A gateway endpoint leaves the service its public addresses, so the
    client's ACL must let 443 out to them and the answers in (VPC guide: gateway endpoints for Amazon S3,
    considerations). `destinations` are the blocks of the service's prefix list; without any the list was not read, and
    only an ACL that treats all public addresses alike gives an answer.
    """
    acl = acl_of(client, vpc)
    if acl is None:
        return "", "; ".join(vpc.unread_words(Part.NETWORK_ACLS))
    version = 6 if client.is_ipv6_only else 4
    read = [network for network in map(block, destinations) if network.version == version]
    if not read:
        large = (entry for entry in acl.entries if entry.allow or block(entry.cidr).num_addresses >= _FEWEST_ADDRESSES)
        acl = replace(acl, entries=tuple(large))
    unread = ""
    for egress, ports, words in ((True, HTTPS, "443 out of {} to"), (False, EPHEMERAL, "answers into {} from")):
        every, none = _shares(acl, read or _PUBLIC[version], egress=egress, ports=ports)
        if none or (read and not every):
            return f"network ACL {acl.id} doesn't let {words.format(client.id)} the public addresses of {service}", ""
        if not every:
            unread = f"network ACL {acl.id} denies some addresses, and the prefix list of {service} was not read"
    return "", unread


def _shares(acl: NetworkAcl, blocks: Sequence[Network], *, egress: bool, ports: tuple[int, int]) -> tuple[bool, bool]:
    """Whether the ACL allows all of the blocks on all of the ports, and whether it allows nothing of them."""
    every = all(allows(acl, egress=egress, addresses=addresses, ports=ports) for addresses in blocks)
    none = not every and all(
        allows(acl, egress=egress, addresses=addresses, ports=ports, allow=False) for addresses in blocks
    )
    return every, none


def acl_of(subnet: Subnet, vpc: Vpc) -> NetworkAcl | None:
    """The subnet's ACL; None where none was seen, which lets everything through as a new VPC's does, or none read."""
    return next((acl for acl in vpc.network_acls if subnet.id in acl.subnet_ids), None)


def allows(acl: NetworkAcl, *, egress: bool, addresses: Network, ports: tuple[int, int], allow: bool = True) -> bool:
    """True if every address of `addresses` on every one of `ports` (inclusive) is allowed in that direction, for TCP.

    What no rule matches is denied (VPC guide: network ACL rules). With `allow` False: if every one of them is denied.
    """
    waiting: list[tuple[Network, int, int]] = [(addresses, *ports)]
    entries = [entry for entry in acl.entries if entry.egress == egress and entry.protocol in {"-1", "6"}]
    for entry in sorted(entries, key=_number):
        rest: list[tuple[Network, int, int]] = []
        for part in waiting:
            if not _overlaps(entry, part):
                rest.append(part)
            elif entry.allow == allow:
                rest.extend(_outside(entry, part))
            else:
                return False
        waiting = rest
        if not waiting:
            return True
    return not allow


def _blocks(client: Subnet, host: Subnet) -> tuple[Network, Network] | None:
    if client.cidr and host.cidr:
        return block(client.cidr), block(host.cidr)
    here, there = (next(iter(subnet.ipv6_cidrs), "") for subnet in (client, host))
    return (block(here), block(there)) if here and there else None


def _overlaps(entry: AclEntry, part: tuple[Network, int, int]) -> bool:
    addresses, low, high = part
    covered = block(entry.cidr)
    if covered.version != addresses.version or high < _low(entry) or _high(entry) < low:
        return False
    return covered.prefixlen == 0 or covered.overlaps(addresses)


def _outside(entry: AclEntry, part: tuple[Network, int, int]) -> Iterator[tuple[Network, int, int]]:
    """What of the part the entry doesn't match: other ports, and other addresses on its ports."""
    addresses, low, high = part
    if low < _low(entry):
        yield addresses, low, _low(entry) - 1
    if high > _high(entry):
        yield addresses, _high(entry) + 1, high
    inside = max(low, _low(entry)), min(high, _high(entry))
    for other in _without(addresses, block(entry.cidr)):
        yield other, *inside


def _without(addresses: Network, covered: Network) -> Iterator[Network]:
    """What of `addresses` the block `covered`, which overlaps them and so is of their family, leaves out."""
    if covered.prefixlen > addresses.prefixlen:
        yield from addresses.address_exclude(covered)  # type: ignore[arg-type]


_number = attrgetter("number")


def _low(entry: AclEntry) -> int:
    return 0 if entry.protocol == "-1" else entry.from_port


def _high(entry: AclEntry) -> int:
    return 65535 if entry.protocol == "-1" else entry.to_port
