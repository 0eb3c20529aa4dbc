"""CreateVpcEndpoint, ModifyVpcEndpoint and DeleteVpcEndpoints with AWS's rules.

Beside moto's record of an endpoint this keeps its interfaces, its routes, its DNS entries and its state right.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import timedelta
from ipaddress import IPv4Network
from itertools import islice
from typing import Any

from tests.support.strict_errors import RefusedError
from tests.support.strict_rules import RULES, Wish, check
from tests.support.strict_services import GATEWAY, INTERFACE, Service
from tests.support.strict_state import Life, State

type Params = dict[str, Any]
type PassOn = Callable[[str, Params], Params]
"""Makes a call to moto: the operation and its parameters."""


# ---- create


def create_endpoint(state: State, params: Params, pass_on: PassOn) -> Params:
    """A new endpoint, or the one that the same token made before (EC2 guide: ensuring idempotency)."""
    token = params.get("ClientToken", "")
    asked = {name: value for name, value in params.items() if name not in {"ClientToken", "DryRun"}}
    if len(token) > 64:
        raise RefusedError("InvalidParameterValue", "ClientToken must have at most 64 characters")
    if token in state.tokens:
        return _made_before(state, token, asked, pass_on)
    full = _with_defaults(state, asked)
    if full["VpcEndpointType"] in RULES:
        check(state, _new(state, full))
    _give_prefix_list(state, full)
    endpoint_id = pass_on("CreateVpcEndpoint", full)["VpcEndpoint"]["VpcEndpointId"]
    endpoint = state.moto.vpc_end_points[endpoint_id]
    endpoint.creation_timestamp = state.now()
    _start_life(state, endpoint, full)
    _fit(state, endpoint)
    state.settle()
    answer = pass_on("DescribeVpcEndpoints", {"VpcEndpointIds": [endpoint_id]})
    made = {"VpcEndpoint": complete(state, answer["VpcEndpoints"][0])}
    made |= {"ClientToken": token} if token else {}
    if token:
        state.tokens[token] = (deepcopy(asked), deepcopy(made))
    if state.endpoints_hidden_for:
        state.hidden_until[endpoint_id] = state.now() + state.endpoints_hidden_for
    return made | {"ResponseMetadata": answer["ResponseMetadata"]}


def _made_before(state: State, token: str, asked: Params, pass_on: PassOn) -> Params:
    before, made = state.tokens[token]
    if before != asked:
        message = f"The client token '{token}' was used with other parameters before"
        raise RefusedError("IdempotentParameterMismatch", message)
    endpoint_id = made["VpcEndpoint"]["VpcEndpointId"]
    answer: Params = deepcopy(made)
    if endpoint_id in state.moto.vpc_end_points:
        found = pass_on("DescribeVpcEndpoints", {"VpcEndpointIds": [endpoint_id]})
        answer["VpcEndpoint"] = complete(state, found["VpcEndpoints"][0])
    else:
        answer["VpcEndpoint"]["State"] = "deleted"
    return answer


def _with_defaults(state: State, asked: Params) -> Params:
    """The call as EC2 understands it (EC2 API: CreateVpcEndpoint).

    The type is Gateway; private DNS is on where the service has a name for it; the group is the VPC's default one.
    """
    full = deepcopy(asked)
    kind = full.setdefault("VpcEndpointType", GATEWAY)
    vpc_id = full["VpcId"]
    state.vpc(vpc_id)
    if kind == INTERFACE:
        service = state.services.get((full.get("ServiceName", ""), kind))
        full.setdefault("PrivateDnsEnabled", bool(service and service.private_dns_names))
        if not full.get("SecurityGroupIds"):
            full["SecurityGroupIds"] = [state.moto.get_default_security_group(vpc_id).id]
    elif kind == GATEWAY:
        full.setdefault("PrivateDnsEnabled", False)
    return full


def _new(state: State, full: Params) -> Wish:
    kind, name = full["VpcEndpointType"], full.get("ServiceName", "")
    types = sorted(service.type for service in state.services.values() if service.name == name)
    if not types:
        raise RefusedError("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
    if kind not in types:
        message = f"Endpoint type ({kind}) does not match available service types ([{', '.join(types)}])."
        raise RefusedError("InvalidParameter", message)
    _refuse_foreign_members(kind, full, ("RouteTableIds",), ("SubnetIds", "SecurityGroupIds"))
    if kind == GATEWAY and full["PrivateDnsEnabled"]:
        raise RefusedError("InvalidParameter", "Private DNS is only supported for Interface type VPC Endpoints")
    return Wish(
        vpc_id=full["VpcId"],
        service=state.services[name, kind],
        added_subnets=tuple(full.get("SubnetIds", ())),
        added_tables=tuple(full.get("RouteTableIds", ())),
        group_ids=tuple(full.get("SecurityGroupIds", ())),
        turns_dns_on=full["PrivateDnsEnabled"],
        address_type=full.get("IpAddressType", "ipv4"),
        dns_only_inbound=full.get("DnsOptions", {}).get("PrivateDnsOnlyForInboundResolverEndpoint"),
    )


def _start_life(state: State, endpoint: Any, full: Params) -> None:
    """A gateway endpoint is available at once, another one after a while, if at all."""
    wait = timedelta(0) if endpoint.vpc_endpoint_type == GATEWAY else state.pending_for
    life = Life(ready_at=state.now() + wait)
    life.address_type = full.get("IpAddressType", "ipv4")
    life.dns_options = full.get("DnsOptions", {})
    failures = state.failing.get(endpoint.service_name)
    if failures:
        life.last_error = failures.pop(0)
    state.lives[endpoint.id] = life


def _give_prefix_list(state: State, full: Params) -> None:
    """moto knows a gateway endpoint's destination by the prefix list of the service's name."""
    lists = state.moto.managed_prefix_lists.values()
    if full["VpcEndpointType"] == GATEWAY and full["ServiceName"] not in {one.prefix_list_name for one in lists}:
        state.moto._create_aws_managed_prefix_list(full["ServiceName"], "IPv4", [{"Cidr": "198.51.100.0/24"}])


# ---- modify


def modify_endpoint(state: State, params: Params, pass_on: PassOn) -> Params:
    """A changed endpoint, `pending` again if it is an interface endpoint (PrivateLink guide: concepts)."""
    endpoint = state.endpoint(params["VpcEndpointId"])
    _refuse_unless_modifiable(state, endpoint)
    kind = endpoint.vpc_endpoint_type
    if kind in RULES:
        check(state, _changed(state, endpoint, params))
    answer = pass_on("ModifyVpcEndpoint", {name: value for name, value in params.items() if name != "DryRun"})
    endpoint.private_dns_enabled = params.get("PrivateDnsEnabled", endpoint.private_dns_enabled)
    life = state.lives[endpoint.id]
    life.address_type = params.get("IpAddressType", life.address_type)
    life.dns_options = life.dns_options | params.get("DnsOptions", {})
    if kind != GATEWAY:
        life.ready_at = state.now() + state.modifying_for
    _fit(state, endpoint)
    state.settle()
    return answer


def _refuse_unless_modifiable(state: State, endpoint: Any) -> None:
    """AWS takes changes of one endpoint one after the other, and of others' managed endpoints never."""
    if state.shown[endpoint.id].get("RequesterManaged"):
        message = f"You do not have permission to modify the requester-managed endpoint {endpoint.id}"
        raise RefusedError("OperationNotPermitted", message)
    if endpoint.state == "pending":
        raise RefusedError("OperationInProgress", "VpcEndpoint modify operation in progress")
    if endpoint.state != "available":
        raise RefusedError("IncorrectState", f"The endpoint {endpoint.id} is in state {endpoint.state}")


def _changed(state: State, endpoint: Any, params: Params) -> Wish:
    kind = endpoint.vpc_endpoint_type
    tables = ("AddRouteTableIds", "RemoveRouteTableIds")
    others = ("AddSubnetIds", "RemoveSubnetIds", "AddSecurityGroupIds", "RemoveSecurityGroupIds", "PrivateDnsEnabled")
    _refuse_foreign_members(kind, params, tables, others)
    service = state.services.get((endpoint.service_name, kind)) or Service(endpoint.service_name, kind)
    groups = [one for one in endpoint.security_group_ids if one not in params.get("RemoveSecurityGroupIds", [])]
    kept = [one for one in endpoint.subnet_ids or [] if one not in params.get("RemoveSubnetIds", [])]
    life = state.lives[endpoint.id]
    return Wish(
        vpc_id=endpoint.vpc_id,
        service=service,
        endpoint_id=endpoint.id,
        kept_subnets=tuple(kept),
        added_subnets=tuple(params.get("AddSubnetIds", ())),
        added_tables=tuple(params.get("AddRouteTableIds", ())),
        group_ids=tuple(dict.fromkeys([*groups, *params.get("AddSecurityGroupIds", [])])),
        turns_dns_on=bool(params.get("PrivateDnsEnabled")) and not endpoint.private_dns_enabled,
        address_type=params.get("IpAddressType", life.address_type),
        dns_only_inbound=(life.dns_options | params.get("DnsOptions", {})).get(
            "PrivateDnsOnlyForInboundResolverEndpoint"
        ),
    )


def _refuse_foreign_members(kind: str, params: Params, tables: Iterable[str], others: Iterable[str]) -> None:
    """Route tables are a gateway endpoint's; subnets, groups and private DNS aren't."""
    if kind == INTERFACE and any(params.get(name) for name in tables):
        raise RefusedError("InvalidParameter", "Route table IDs are only supported for Gateway type VPC Endpoint")
    if kind == GATEWAY and any(params.get(name) for name in others):
        named = ", ".join(name for name in others if params.get(name))
        raise RefusedError("InvalidParameter", f"{named}: not supported for Gateway type VPC Endpoint")


# ---- delete


def delete_endpoints(state: State, params: Params, _pass_on: PassOn) -> Params:
    """Success, with what could not be deleted in `Unsuccessful` (EC2 API: DeleteVpcEndpoints)."""
    unsuccessful = []
    for endpoint_id in params["VpcEndpointIds"]:
        try:
            _delete(state, endpoint_id)
        except RefusedError as error:
            told = {"Code": error.code, "Message": error.message}
            unsuccessful.append({"ResourceId": endpoint_id, "Error": told})
    state.settle()
    return {"Unsuccessful": unsuccessful, "ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}}


def _delete(state: State, endpoint_id: str) -> None:
    try:
        endpoint = state.endpoint(endpoint_id)
    except RefusedError as error:
        raise RefusedError("InvalidVpcEndpoint.NotFound", error.message) from error
    if state.shown[endpoint_id].get("RequesterManaged"):
        message = f"You do not have permission to delete the requester-managed endpoint {endpoint_id}"
        raise RefusedError("OperationNotPermitted", message)
    life = state.lives[endpoint_id]
    life.deleted_at = life.deleted_at or state.now()
    endpoint.subnet_ids, endpoint.route_table_ids = [], []
    if endpoint.vpc_endpoint_type != INTERFACE:  # an interface endpoint's interfaces linger: see State.settle
        _fit(state, endpoint)


# ---- what an endpoint brings with it


def _fit(state: State, endpoint: Any) -> None:
    """Gives an endpoint the interfaces and routes of its subnets and route tables, and takes away the others."""
    if endpoint.vpc_endpoint_type == INTERFACE:
        _fit_interfaces(state, endpoint)
    if endpoint.vpc_endpoint_type == GATEWAY:
        _fit_routes(state, endpoint)


def _fit_interfaces(state: State, endpoint: Any) -> None:
    moto = state.moto
    placed = {moto.enis[one].subnet.id: moto.enis[one] for one in endpoint.network_interface_ids if one in moto.enis}
    for subnet_id in placed.keys() - set(endpoint.subnet_ids):
        del moto.enis[placed.pop(subnet_id).id]
    for subnet_id in endpoint.subnet_ids:
        interface = placed.get(subnet_id)
        if interface is None or interface.interface_type != "vpc_endpoint":
            if interface is not None:
                del moto.enis[interface.id]  # moto's has an address from anywhere
            placed[subnet_id] = _make_interface(state, endpoint, subnet_id)
        placed[subnet_id]._group_set = [moto.get_security_group_from_id(one) for one in endpoint.security_group_ids]
    endpoint.network_interface_ids = [placed[subnet_id].id for subnet_id in endpoint.subnet_ids]


def _make_interface(state: State, endpoint: Any, subnet_id: str) -> Any:
    """EC2 API: NetworkInterface of an endpoint, with the subnet's lowest free address."""
    moto, subnet = state.moto, state.subnet(subnet_id)
    address = None
    if subnet.cidr_block:
        used = {one.private_ip_address for one in moto.enis.values() if one.subnet.id == subnet_id}
        network = IPv4Network(subnet.cidr_block)
        hosts = map(str, islice(network, 4, network.num_addresses - 1))
        address = next((host for host in hosts if host not in used), None)
    interface = moto.create_network_interface(subnet, address or "")
    interface.description = f"VPC Endpoint Interface {endpoint.id}"
    interface.interface_type, interface.status, interface.requester_managed = "vpc_endpoint", "in-use", True
    return interface


def _fit_routes(state: State, endpoint: Any) -> None:
    for table in state.moto.route_tables.values():
        own = [route for route in table.routes if route.gateway_id == endpoint.id]
        if table.id not in endpoint.route_table_ids:
            for route in own:
                del table._routes[route.id]
        elif not own:
            state.moto.create_route(
                table.id,
                None,
                gateway_id=endpoint.id,
                destination_prefix_list_id=endpoint.destination_prefix_list_id,
            )


def complete(state: State, described: Params) -> Params:
    """An endpoint's description with the members that moto leaves out, in AWS's order of DNS entries."""
    life = state.lives.get(described["VpcEndpointId"])
    if life is None:
        return described
    is_interface = described.get("VpcEndpointType") == INTERFACE
    described["IpAddressType"] = life.address_type
    records = ("ipv6" if life.address_type == "ipv6" else "ipv4") if is_interface else "service-defined"
    described["DnsOptions"] = {"DnsRecordIpType": records} | life.dns_options
    described["RequesterManaged"] = False
    described["ServiceRegion"] = state.region
    if described["State"] == "failed" and life.last_error:
        described["LastError"] = dict(life.last_error)
    described["DnsEntries"] = _dns_entries(state, described) if is_interface else []
    return described


def _dns_entries(state: State, described: Params) -> list[Params]:
    """The regional name, the zonal names, then the private ones (PrivateLink guide: DNS hostnames)."""
    endpoint_id, name = described["VpcEndpointId"], described["ServiceName"]
    service = state.services.get((name, INTERFACE)) or Service(name)
    label, base = f"{endpoint_id}-{endpoint_id[-8:]}", f"{name.split('.')[-1]}.{state.region}.vpce.amazonaws.com"
    zones = sorted(state.subnet(subnet_id).availability_zone for subnet_id in described.get("SubnetIds", []))
    names = [f"{label}.{base}", *(f"{label}-{zone}.{base}" for zone in zones)]
    entries = [{"DnsName": one, "HostedZoneId": "Z7HUB22UULQXV"} for one in names]
    if described.get("PrivateDnsEnabled"):
        zone_id = f"Z{endpoint_id[-17:].upper()}"
        entries += [{"DnsName": one, "HostedZoneId": zone_id} for one in service.private_dns_names]
    return entries
