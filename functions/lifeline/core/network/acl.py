"""Whether network ACLs let a connection through: by number, the first rule that matches a part decides for it."""

from collections.abc import Iterator

from lifeline.core.network.model import AclEntry, Network, NetworkAcl, Subnet, Vpc, block

HTTPS = (443, 443)
EPHEMERAL = (32768, 60999)  # what Linux answers to by default; Windows and NAT use wider ranges, which may be closed


def acl_obstacle(client: Subnet, host: Subnet, vpc: Vpc) -> str:
    """Why the ACLs keep 443 from `client` to an interface in `host`, or an empty text where they let it through.

    ACLs are stateless and stand between subnets only: 443 out of one and into the other, the answers to ephemeral ports
    back (VPC guide: network ACLs). Judged in IPv4, or in IPv6 where a side has nothing else.
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


def acl_of(subnet: Subnet, vpc: Vpc) -> NetworkAcl | None:
    """The subnet's ACL; None where none was seen, which lets everything through as a new VPC's does."""
    return next((acl for acl in vpc.network_acls if subnet.id in acl.subnet_ids), None)


def allows(acl: NetworkAcl, *, egress: bool, addresses: Network, ports: tuple[int, int]) -> bool:
    """True if every address of `addresses` on every one of `ports` (inclusive) is allowed in that direction, for TCP.

    What no rule matches is denied (VPC guide: network ACL rules).
    """
    waiting: list[tuple[Network, int, int]] = [(addresses, *ports)]
    entries = [entry for entry in acl.entries if entry.egress == egress and entry.protocol in {"-1", "6"}]
    for entry in sorted(entries, key=lambda acl_entry: acl_entry.number):
        rest: list[tuple[Network, int, int]] = []
        for part in waiting:
            if not _overlaps(entry, part):
                rest.append(part)
            elif entry.allow:
                rest.extend(_outside(entry, part))
            else:
                return False
        waiting = rest
    return not waiting


def _blocks(client: Subnet, host: Subnet) -> tuple[Network, Network] | None:
    for version in (4, 6):
        here = next((network for network in client.networks if network.version == version), None)
        there = next((network for network in host.networks if network.version == version), None)
        if here and there:
            return here, there
    return None


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


def _low(entry: AclEntry) -> int:
    return 0 if entry.protocol == "-1" else entry.from_port


def _high(entry: AclEntry) -> int:
    return 65535 if entry.protocol == "-1" else entry.to_port
