"""In which subnets an interface endpoint gets its interfaces."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifeline.core.network.model import SeenTier, Service, Subnet, Tier, UnsureTier, Vpc

FULL = "InsufficientFreeAddressesInSubnet"  # how EC2 refuses one (EC2 API: error codes)
FEWEST_FREE_ADDRESSES = 4  # an interface takes one; a subnet this full is about to fail its own workload
_FULL_FOR = timedelta(days=3)  # more than 200 tries, and a VPC has 200 subnets (VPC guide: quotas)
_TIERS = (Tier.ISOLATED, UnsureTier.NOT_PUBLIC, Tier.EGRESS, UnsureTier.UNKNOWN, Tier.PUBLIC)


@dataclass(frozen=True, slots=True)
class Placement:
    """The subnets, one a zone, and the addresses that the endpoint gets there: ipv4, dualstack or ipv6."""

    subnets: tuple[Subnet, ...]
    ip_address_type: str = "ipv4"


def place_interfaces(  # noqa: PLR0913 - what decides, by name
    service: Service,
    clients: Iterable[Subnet],
    vpc: Vpc,
    tiers: Mapping[str, SeenTier],
    *,
    per_zone: bool,
    account_id: str = "",
    kind: str = "",
    avoid: Collection[str] = (),
    full: Sequence[str] = (),
) -> Placement:
    """One subnet in each zone that has clients, or in the best zone; empty where no subnet can hold an interface.

    `kind` is that of an endpoint that is there, whose addresses stay as they are. `avoid` are subnets, by id, that get
    none, `full` those that EC2 refused for want of addresses, the one first that is to be tried again first.

    Where no zone of the clients can (Local Zones, Outposts, zones without the service, full subnets), another zone
    of the VPC does: private DNS answers for the whole VPC (PrivateLink guide: interface endpoints). AWS takes one
    subnet a zone (EC2 API errors: DuplicateSubnetsInSameZone). What EC2 refused is tried again where nothing else is
    left: there may be room by now.
    """
    wanting = tuple(clients)
    able: list[Subnet] = []
    chosen_kind = "ipv4"
    allowed = (subnet for subnet in vpc.subnets if subnet.id not in avoid)
    holding = [subnet for subnet in allowed if can_hold_interface(subnet, service, account_id)]
    for zone_kind in (kind,) if kind else _kinds(service, wanting):
        able = [subnet for subnet in holding if _fits(subnet, zone_kind) and subnet.id in tiers]
        chosen_kind = zone_kind
        if able:
            break

    def preference(subnet: Subnet) -> tuple[int, int, int, str]:
        turn = full.index(subnet.id) if subnet.id in full else -1
        return turn, _TIERS.index(tiers[subnet.id]), -subnet.free_addresses, subnet.id

    best: dict[str, Subnet] = {}
    for subnet in sorted(able, key=preference, reverse=True):
        best[subnet.zone] = subnet
    zones = {subnet.zone for subnet in wanting}
    chosen = [subnet for zone, subnet in sorted(best.items()) if zone in zones]
    refused = () if kind and per_zone else full  # one that is there answers from other zones: its own are tried again
    if {subnet.id for subnet in chosen} <= {*refused}:
        other = sorted(best.values(), key=preference)[:1]
        chosen = [subnet for subnet in other if subnet.id not in full] or chosen or other
    if not per_zone:
        chosen = sorted(chosen, key=preference)[:1]
    return Placement(tuple(chosen), chosen_kind)


def full_lately(full: Mapping[str, datetime], *, now: datetime) -> tuple[str, ...]:
    """The subnets, by id, that EC2 refused within three days for want of addresses, the longest ago first."""
    return tuple(sorted((id_ for id_, at in full.items() if now - at < _FULL_FOR), key=lambda id_: (full[id_], id_)))


def can_hold_interface(subnet: Subnet, service: Service, account_id: str) -> bool:
    """Not in Local or Wavelength Zones, Outposts or others' subnets (VPC guide: create an interface endpoint)."""
    return (
        subnet.zone_type == "availability-zone"
        and not subnet.outpost_arn
        and subnet.state == "available"
        and (subnet.is_ipv6_only or subnet.free_addresses >= FEWEST_FREE_ADDRESSES)  # EC2 counts IPv4 only
        and not (account_id and subnet.owner_id and subnet.owner_id != account_id)
        and service.is_in_zone_of(subnet)
    )


def _kinds(service: Service, clients: tuple[Subnet, ...]) -> tuple[str, ...]:
    """The kinds of addresses to try, the best first.

    IPv4 wherever a client has it, IPv6 for IPv6-only clients, both where there are both; none where the service has no
    IPv6 and no client could use it without.
    """
    ipv6_only = [subnet.is_ipv6_only for subnet in clients]
    has_ipv6 = "ipv6" in service.ip_address_types
    if ipv6_only and all(ipv6_only):
        return ("ipv6", "dualstack") if has_ipv6 else ()
    return ("dualstack", "ipv4") if any(ipv6_only) and has_ipv6 else ("ipv4",)


def _fits(subnet: Subnet, kind: str) -> bool:
    """What AWS asks of an endpoint's subnets: all IPv4, all IPv6-only, or all both (PrivateLink guide: IP types)."""
    match kind:
        case "ipv6":
            return subnet.is_ipv6_only and bool(subnet.ipv6_cidrs)
        case "dualstack":
            return bool(subnet.cidr and subnet.ipv6_cidrs)
        case _:
            return bool(subnet.cidr)
