"""In which subnets an interface endpoint gets its interfaces."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from lifeline.core.network.model import SeenTier, Service, Subnet, Tier, UnsureTier, Vpc

FEWEST_FREE_ADDRESSES = 4  # an interface takes one; a subnet this full is about to fail its own workload
_TIERS = (Tier.ISOLATED, UnsureTier.NOT_PUBLIC, Tier.EGRESS, UnsureTier.UNKNOWN, Tier.PUBLIC)


@dataclass(frozen=True, slots=True)
class Placement:
    """The subnets, one a zone, and the addresses that the endpoint gets there: ipv4, dualstack or ipv6."""

    subnets: tuple[Subnet, ...]
    ip_address_type: str = "ipv4"


def place_interfaces(
    service: Service,
    clients: Iterable[Subnet],
    vpc: Vpc,
    tiers: Mapping[str, SeenTier],
    *,
    per_zone: bool,
    account_id: str = "",
    kind: str = "",
    avoid: Collection[str] = (),
) -> Placement:
    """One subnet in each zone that has clients, or in the best zone; empty where no subnet can hold an interface.

    `kind` is that of an endpoint that is there, whose addresses stay as they are. `avoid` are subnets, by id, that get
    none.

    Where no zone of the clients can (Local Zones, Outposts, zones without the service, full subnets), another zone
    of the VPC does: private DNS answers for the whole VPC (PrivateLink guide: interface endpoints). AWS takes one
    subnet a zone (EC2 API errors: DuplicateSubnetsInSameZone).
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

    def preference(subnet: Subnet) -> tuple[int, int, str]:
        return _TIERS.index(tiers[subnet.id]), -subnet.free_addresses, subnet.id

    best: dict[str, Subnet] = {}
    for subnet in sorted(able, key=preference, reverse=True):
        best[subnet.zone] = subnet
    zones = {subnet.zone for subnet in wanting}
    chosen = [subnet for zone, subnet in sorted(best.items()) if zone in zones]
    if not chosen:
        chosen = sorted(best.values(), key=preference)[:1]
    if not per_zone:
        chosen = sorted(chosen, key=preference)[:1]
    return Placement(tuple(chosen), chosen_kind)


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
