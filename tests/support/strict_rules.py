"""AWS's rules for endpoints: what a create or modify asks for becomes a `Wish`, and its type's rules must all hold."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.strict_errors import RefusedError
from tests.support.strict_services import GATEWAY, INTERFACE, Service, domain_of
from tests.support.strict_state import State


@dataclass(frozen=True, slots=True)
class Wish:
    """What an endpoint shall become; `endpoint_id` is empty for a new one."""

    vpc_id: str
    service: Service
    endpoint_id: str = ""
    kept_subnets: tuple[str, ...] = ()
    added_subnets: tuple[str, ...] = ()
    added_tables: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    turns_dns_on: bool = False
    address_type: str = "ipv4"
    dns_only_inbound: bool | None = None


type Rule = Callable[[State, Wish], None]


def check(state: State, wish: Wish) -> None:
    """Refuses the wish by the first rule of its type that doesn't hold."""
    for rule in RULES[wish.service.type]:
        rule(state, wish)


def subnets_are_ours(state: State, wish: Wish) -> None:
    """PrivateLink guide: create an interface endpoint. Not in subnets shared with us, nor on an Outpost."""
    for subnet_id in wish.added_subnets:
        if state.subnet(subnet_id).vpc_id != wish.vpc_id:
            message = f"The subnet ID '{subnet_id}' does not belong to the VPC {wish.vpc_id}"
            raise RefusedError("InvalidParameter", message)
        if state.shown[subnet_id].get("OwnerId", state.account_id) != state.account_id:
            message = f"You can't create VPC endpoints in the subnet {subnet_id}, which is shared with you"
            raise RefusedError("OperationNotPermitted", message)
        if state.shown[subnet_id].get("OutpostArn"):
            message = f"VPC endpoints are not supported in the Outpost subnet {subnet_id}"
            raise RefusedError("InvalidParameter", message)


def vpc_is_ours(state: State, wish: Wish) -> None:
    """VPC guide: limitations of shared subnets. A participant can't make endpoints in the owner's VPC."""
    if state.shown[wish.vpc_id].get("OwnerId", state.account_id) != state.account_id:
        raise RefusedError("OperationNotPermitted", f"The VPC {wish.vpc_id} is shared with you")


def service_is_in_the_zones(state: State, wish: Wish) -> None:
    """EC2 API: ServiceDetail. Local and Wavelength Zones are in no service's list (VPC guide: Local Zones)."""
    for subnet_id in wish.added_subnets:
        if not wish.service.is_in(state.subnet(subnet_id).availability_zone_id, state.ordinary_zones()):
            raise RefusedError(
                "InvalidParameter",
                f"The VPC endpoint service {wish.service.name} does not support the availability zone of the subnet: "
                f"{subnet_id}.",
            )


def one_subnet_in_each_zone(state: State, wish: Wish) -> None:
    """PrivateLink guide: create an interface endpoint, "select one subnet per Availability Zone"."""
    taken = {state.subnet(subnet_id).availability_zone_id for subnet_id in wish.kept_subnets}
    for subnet_id in wish.added_subnets:
        zone_id = state.subnet(subnet_id).availability_zone_id
        if zone_id in taken:
            raise RefusedError(
                "DuplicateSubnetsInSameZone",
                f"Found another VPC endpoint subnet in the availability zone of {subnet_id}. VPC endpoint subnets "
                "should be in different availability zones supported by the VPC endpoint service.",
            )
        taken.add(zone_id)


def address_types_fit(state: State, wish: Wish) -> None:
    """PrivateLink guide: create an interface endpoint, IP address type. The subnets and the service must have it."""
    wanted = {"ipv4": {"ipv4"}, "ipv6": {"ipv6"}}.get(wish.address_type, {"ipv4", "ipv6"})
    if not wanted <= set(wish.service.address_types):
        message = f"The service {wish.service.name} does not support the IP address type {wish.address_type}"
        raise RefusedError("InvalidParameter", message)
    for subnet_id in (*wish.kept_subnets, *wish.added_subnets):
        subnet = state.subnet(subnet_id)
        is_native = bool(state.shown[subnet_id].get("Ipv6Native", subnet.ipv6_native))
        has = set() if is_native else {"ipv4"}
        has |= {"ipv6"} if subnet.ipv6_cidr_block_associations else set()
        if not wanted <= has or (wish.address_type == "ipv6" and not is_native):
            message = f"The IP address type {wish.address_type} is not compatible with the subnet {subnet_id}"
            raise RefusedError("InvalidParameter", message)


def addresses_are_free(state: State, wish: Wish) -> None:
    """EC2 API: error codes, InsufficientFreeAddressesInSubnet. An interface takes one address, and none of a block that
    is reserved (VPC guide: subnet CIDR reservations).
    """
    for subnet_id in wish.added_subnets:
        if state.subnet(subnet_id).available_ip_address_count < 1 or subnet_id in state.reserved:
            message = f"Subnet {subnet_id} does not have enough free addresses to satisfy the request."
            raise RefusedError("InsufficientFreeAddressesInSubnet", message)


def groups_are_of_the_vpc(state: State, wish: Wish) -> None:
    """VPC guide: quotas. A network interface has up to five groups, all of its VPC or associated with it."""
    for group_id in wish.group_ids:
        if state.group(group_id).vpc_id != wish.vpc_id and (group_id, wish.vpc_id) not in state.associations:
            message = f"The security group '{group_id}' does not exist in the VPC {wish.vpc_id}"
            raise RefusedError("InvalidGroup.NotFound", message)
    if len(wish.group_ids) > 5:
        message = "The maximum number of security groups per interface has been reached."
        raise RefusedError("SecurityGroupsPerInterfaceLimitExceeded", message)


def private_dns_is_possible(state: State, wish: Wish) -> None:
    """VPC guide: DNS attributes. Private DNS needs both, and a service that has a private DNS name."""
    if not wish.turns_dns_on:
        return
    if not wish.service.private_dns_names:
        name = wish.service.name
        message = f"Private DNS can't be enabled because the service {name} does not provide a private DNS name."
        raise RefusedError("InvalidParameter", message)
    if not all(state.is_on(wish.vpc_id, name) for name in ("enable_dns_support", "enable_dns_hostnames")):
        message = (
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for "
        )
        raise RefusedError("InvalidParameter", message + wish.vpc_id)


def private_dns_is_free(state: State, wish: Wish) -> None:
    """PrivateLink guide: one endpoint or private hosted zone of a VPC answers a name."""
    if not wish.turns_dns_on:
        return
    taken = state.domains_taken(wish.vpc_id, but_by=wish.endpoint_id)
    conflicting = next((one for one in map(domain_of, wish.service.private_dns_names) if one in taken), "")
    if conflicting:
        raise RefusedError(
            "InvalidParameter",
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
            f"{conflicting} in the VPC {wish.vpc_id}",
        )


def inbound_dns_has_a_gateway(state: State, wish: Wish) -> None:
    """S3 guide: PrivateLink for S3. Private DNS is for the inbound resolver only, beside a gateway endpoint."""
    name = wish.service.name
    if not wish.turns_dns_on or (name, GATEWAY) not in state.services or wish.dns_only_inbound is False:
        return
    if not any(one.service_name == name for one in state.endpoints(GATEWAY, vpc_id=wish.vpc_id)):
        raise RefusedError(
            "InvalidParameter",
            f"To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC {wish.vpc_id} must have a Gateway "
            "endpoint for the service.",
        )


def interface_quota_holds(state: State, wish: Wish) -> None:
    """PrivateLink guide: quotas, interface endpoints per VPC."""
    held = sum(1 for _ in state.endpoints(INTERFACE, vpc_id=wish.vpc_id))
    if not wish.endpoint_id and held >= state.interface_quota:
        message = f"The maximum number of VPC endpoints has been reached for the VPC {wish.vpc_id}."
        raise RefusedError("VpcEndpointLimitExceeded", message)


def gateway_quota_holds(state: State, wish: Wish) -> None:
    """PrivateLink guide: quotas, gateway endpoints per Region."""
    if not wish.endpoint_id and sum(1 for _ in state.endpoints(GATEWAY)) >= state.gateway_quota:
        message = "The maximum number of gateway VPC endpoints has been reached."
        raise RefusedError("GatewayVpcEndpointLimitExceeded", message)


def tables_have_no_route_yet(state: State, wish: Wish) -> None:
    """PrivateLink guide: gateway endpoints. A route table has one endpoint route for a service in a Region."""
    taken = {
        table_id
        for endpoint in state.endpoints(GATEWAY)
        if endpoint.service_name == wish.service.name
        for table_id in endpoint.route_table_ids
    }
    for table_id in wish.added_tables:
        table = state.moto.route_tables.get(table_id)
        if table is None:
            raise RefusedError("InvalidRouteTableID.NotFound", f"The routeTable ID '{table_id}' does not exist")
        if table.vpc_id != wish.vpc_id:
            message = f"The route table '{table_id}' does not belong to the VPC {wish.vpc_id}"
            raise RefusedError("InvalidParameter", message)
        if table_id in taken | state.routed_tables:
            message = f"route table {table_id} already has a route for the service {wish.service.name}"
            raise RefusedError("RouteAlreadyExists", message)


def tables_have_room(state: State, wish: Wish) -> None:
    """EC2 API: error codes, RouteLimitExceeded."""
    if full := state.full_tables.intersection(wish.added_tables):
        raise RefusedError("RouteLimitExceeded", f"The maximum number of routes has been reached in {min(full)}.")


RULES: dict[str, tuple[Rule, ...]] = {
    INTERFACE: (
        vpc_is_ours,
        subnets_are_ours,
        service_is_in_the_zones,
        one_subnet_in_each_zone,
        address_types_fit,
        addresses_are_free,
        groups_are_of_the_vpc,
        private_dns_is_possible,
        private_dns_is_free,
        inbound_dns_has_a_gateway,
        interface_quota_holds,
    ),
    GATEWAY: (vpc_is_ours, tables_have_no_route_yet, tables_have_room, gateway_quota_holds),
}
