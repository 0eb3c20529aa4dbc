"""What describes show: blackholes, overrides, nothing that is too fresh, in any order."""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.support.strict_endpoints import PassOn, complete
from tests.support.strict_errors import RefusedError
from tests.support.strict_services import services_answer
from tests.support.strict_state import State

type Described = dict[str, Any]

# The list in each describe's answer, and the member that identifies its entries.
_LISTS = {
    "DescribeInternetGateways": ("InternetGateways", "InternetGatewayId"),
    "DescribeNatGateways": ("NatGateways", "NatGatewayId"),
    "DescribeNetworkAcls": ("NetworkAcls", "NetworkAclId"),
    "DescribeNetworkInterfaces": ("NetworkInterfaces", "NetworkInterfaceId"),
    "DescribeRouteTables": ("RouteTables", "RouteTableId"),
    "DescribeSecurityGroups": ("SecurityGroups", "GroupId"),
    "DescribeSubnets": ("Subnets", "SubnetId"),
    "DescribeVpcEndpoints": ("VpcEndpoints", "VpcEndpointId"),
    "DescribeVpcPeeringConnections": ("VpcPeeringConnections", "VpcPeeringConnectionId"),
    "DescribeVpcs": ("Vpcs", "VpcId"),
}
_ORDERED = frozenset({"DnsEntries"})  # AWS gives these in an order that means something


def answer_read(state: State, operation: str, params: Described, pass_on: PassOn) -> Described:
    """A read's answer as AWS would give it."""
    if operation == "DescribeVpcEndpointServices":
        answer = services_answer(state.services.values(), params, state.ordinary_zones(), state.region)
        answer["ResponseMetadata"] = {"HTTPStatusCode": 200, "RetryAttempts": 0}
    else:
        answer = pass_on(operation, params)
    if operation == "DescribeAvailabilityZones":
        _list_zones(state, params, answer)
    if operation in _LISTS:
        key, id_member = _LISTS[operation]
        seen = [one for one in answer.get(key, []) if not state.is_hidden(one[id_member])]
        answer[key] = [_as_shown(state, operation, one, one[id_member]) for one in seen]
    return shuffled(answer, state.random) if state.shuffle is not None else answer


def _list_zones(state: State, params: Described, answer: Described) -> None:
    for zone in answer["AvailabilityZones"]:
        zone.setdefault("OptInStatus", "opt-in-not-required")
    if not any(params.get(name) for name in ("ZoneNames", "ZoneIds", "Filters")):
        answer["AvailabilityZones"] += [dict(zone) for zone in state.extra_zones.values()]


def _as_shown(state: State, operation: str, described: Described, resource_id: str) -> Described:
    if operation in _COMPLETIONS:
        described = _COMPLETIONS[operation](state, described)
    if resource_id in state.shown:
        described = described | state.shown[resource_id]
        described = {name: value for name, value in described.items() if value is not None}
    return described


def shuffled[T](value: T, random: Random) -> T:
    """The same answer with its lists in another order, but for those whose order AWS keeps."""
    match value:
        case dict():
            return {key: one if key in _ORDERED else shuffled(one, random) for key, one in value.items()}  # type: ignore[return-value]
        case list():
            mixed = [shuffled(one, random) for one in value]
            random.shuffle(mixed)
            return mixed  # type: ignore[return-value]
        case _:
            return value


# ---- routes


def _with_blackholes(state: State, table: Described) -> Described:
    """EC2 API: Route. `blackhole` says that the target isn't available, or isn't attached to the VPC."""
    for route in table["Routes"]:
        if not target_is_there(state, route, table["VpcId"]):
            route["State"] = "blackhole"
    return table


def target_is_there(state: State, route: Described, vpc_id: str) -> bool:
    """Whether a route's target can carry the VPC's traffic. A target that the stand-in doesn't know can."""
    gateway_id = str(route.get("GatewayId") or "")
    for prefix, is_there in _GATEWAYS:
        if gateway_id.startswith(prefix):
            return is_there(state, gateway_id, vpc_id)
    return all(is_there(state, route[member], vpc_id) for member, is_there in _TARGETS.items() if route.get(member))


def _internet_gateway(state: State, target_id: str, vpc_id: str) -> bool:
    gateway = state.moto.internet_gateways.get(target_id)
    return gateway is not None and bool(gateway.vpc) and gateway.vpc.id == vpc_id


def _vpn_gateway(state: State, target_id: str, vpc_id: str) -> bool:
    gateway = state.moto.vpn_gateways.get(target_id)
    attachment = gateway.attachments.get(vpc_id) if gateway else None
    return attachment is not None and attachment.state == "attached"


def _endpoint(state: State, target_id: str, _vpc_id: str) -> bool:
    endpoint = state.moto.vpc_end_points.get(target_id)
    return endpoint is not None and endpoint.state not in {"deleted", "deleting"}


def _nat_gateway(state: State, target_id: str, _vpc_id: str) -> bool:
    gateway = state.moto.nat_gateways.get(target_id)
    return gateway is not None and state.shown[target_id].get("State", gateway.state) == "available"


def _transit_gateway(state: State, target_id: str, vpc_id: str) -> bool:
    gateway = state.moto.transit_gateways.get(target_id)
    attachments = state.moto.transit_gateway_attachments.values()
    is_attached = any(
        one.transit_gateway_id == target_id and one.resource_id == vpc_id and one.state == "available"
        for one in attachments
    )
    return gateway is not None and gateway.state == "available" and is_attached


def _peering(state: State, target_id: str, _vpc_id: str) -> bool:
    peering = state.moto.vpc_pcxs.get(target_id)
    return peering is not None and peering.status["Code"] == "active"


def _interface(state: State, target_id: str, _vpc_id: str) -> bool:
    return target_id in state.moto.enis


def _instance(state: State, target_id: str, _vpc_id: str) -> bool:
    instances = [one for reservation in state.moto.reservations.values() for one in reservation.instances]
    return any(one.id == target_id and one.state == "running" for one in instances)


def _egress_only_gateway(state: State, target_id: str, _vpc_id: str) -> bool:
    return target_id in state.moto.egress_only_internet_gateways


def _carrier_gateway(state: State, target_id: str, _vpc_id: str) -> bool:
    return target_id in state.moto.carrier_gateways


type IsThere = Callable[[State, str, str], bool]
_GATEWAYS: tuple[tuple[str, IsThere], ...] = (
    ("igw-", _internet_gateway),
    ("vgw-", _vpn_gateway),
    ("vpce-", _endpoint),
)
_TARGETS: dict[str, IsThere] = {
    "NatGatewayId": _nat_gateway,
    "TransitGatewayId": _transit_gateway,
    "VpcPeeringConnectionId": _peering,
    "NetworkInterfaceId": _interface,
    "InstanceId": _instance,
    "EgressOnlyInternetGatewayId": _egress_only_gateway,
    "CarrierGatewayId": _carrier_gateway,
}
_COMPLETIONS: dict[str, Callable[[State, Described], Described]] = {
    "DescribeRouteTables": _with_blackholes,
    "DescribeVpcEndpoints": complete,
}


def search_transit_gateway_routes(state: State, params: Described, _: object = None) -> Described:
    """EC2 API: SearchTransitGatewayRoutes. Only the gateway's own account sees its tables; moto has no attachments in
    its answer, and no refusal.
    """
    table_id = params["TransitGatewayRouteTableId"]
    table = state.moto.transit_gateways_route_tables.get(table_id)
    if table is None:
        message = f"Transit Gateway Route Table {table_id} was deleted or does not exist."
        raise RefusedError("InvalidRouteTableID.NotFound", message)
    return {"Routes": [_gateway_route(one) for one in table.routes.values()], "AdditionalRoutesAvailable": False}


def _gateway_route(route: Described) -> Described:
    attached = route.get("transitGatewayAttachments")
    names = {"resourceId": "ResourceId", "resourceType": "ResourceType"}
    attachments = [{ours: attached[theirs] for theirs, ours in names.items()}] if attached else []
    return {
        "DestinationCidrBlock": route["destinationCidrBlock"],
        "State": route["state"],
        "Type": route["type"],
        "TransitGatewayAttachments": attachments,
    }


def refuse_unattached_transit_gateway(state: State, params: Described) -> None:
    """VPC guide: route to a transit gateway. Only one that is attached to the VPC can be a target."""
    table = state.moto.route_tables.get(params.get("RouteTableId"))
    gateway_id = params.get("TransitGatewayId")
    if table and gateway_id and not _transit_gateway(state, gateway_id, table.vpc_id):
        message = f"The transitGateway ID '{gateway_id}' does not exist"
        raise RefusedError("InvalidTransitGatewayID.NotFound", message)
