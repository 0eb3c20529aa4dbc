"""What moto's EC2 lets pass and AWS doesn't, for the parts of it that the story stands on.

moto is kinder than AWS: it would make a second endpoint where AWS answers a repeated `ClientToken` with the first, and
would let two endpoints claim one private name. A program that relies on such kindness would pass here and fail in an
account. Each rule is AWS's own; the codes and texts follow what the API returns.
"""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, iam_instance_profile
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.responses import instances, vpcs
from moto.ec2.utils import random_private_ip

from tests.support.moto_filters import teach_moto_filters


def apply(*, pending: timedelta) -> None:
    """Make moto's EC2 behave, in this process, until it ends. A new endpoint is `pending` for so long."""
    teach_moto_filters()
    create = EC2Backend.create_vpc_endpoint
    modify = EC2Backend.modify_vpc_endpoint

    def create_vpc_endpoint(self: Any, **asked: Any) -> Any:
        return _created_before(self, asked) or _create(self, create, asked)

    def modify_vpc_endpoint(self: Any, **asked: Any) -> None:
        endpoint = self.describe_vpc_endpoints(vpc_end_point_ids=[asked["vpc_id"]])[0]
        subnet_ids = {*(endpoint.subnet_ids or ()), *(asked["add_subnets"] or ())} - {*(asked["remove_subnets"] or ())}
        _refuse_two_subnets_in_one_zone(self, sorted(subnet_ids))
        modify(self, **asked)
        _give_interfaces(self, endpoint)

    remove_subnet, remove_vpc = EC2Backend.delete_subnet, EC2Backend.delete_vpc

    def delete_subnet(self: Any, subnet_id: str) -> Any:
        _refuse_used_subnet(self, subnet_id)
        return remove_subnet(self, subnet_id)

    def delete_vpc(self: Any, vpc_id: str) -> Any:
        _refuse_used_vpc(self, vpc_id)
        return remove_vpc(self, vpc_id)

    EC2Backend.delete_subnet, EC2Backend.delete_vpc = delete_subnet, delete_vpc
    answer = vpcs.VPCs.modify_vpc_endpoint

    def answer_modify(self: Any) -> Any:
        """moto leaves PrivateDnsEnabled out."""
        wanted = self._get_param("PrivateDnsEnabled")
        if wanted is not None:
            _switch_private_dns(self.ec2_backend, self._get_param("VpcEndpointId"), is_on=wanted in {True, "true"})
        return answer(self)

    vpcs.VPCs.modify_vpc_endpoint = answer_modify
    EC2Backend.create_vpc_endpoint = create_vpc_endpoint
    EC2Backend.modify_vpc_endpoint = modify_vpc_endpoint
    VPCEndPoint.state = property(lambda self: _state(self, pending), _remember_state)
    instances.filter_iam_instance_profiles = _profile
    iam_instance_profile.filter_iam_instance_profiles = _profile


def _profile(account_id: str, *, iam_instance_profile_arn: str | None, **_: Any) -> Any:
    """The instance profile as it is named: the account's IAM is another emulator's, and moto would ask its own."""
    return SimpleNamespace(arn=iam_instance_profile_arn)


def _state(endpoint: Any, pending: timedelta) -> str:
    young = endpoint.vpc_endpoint_type == "Interface" and utcnow() - endpoint.creation_timestamp < pending
    return "pending" if young else str(endpoint.settled_state)


def _remember_state(endpoint: Any, state: str) -> None:
    endpoint.settled_state = state


def _create(backend: Any, create: Callable[..., Any], asked: dict[str, Any]) -> Any:
    if asked["endpoint_type"] != "Interface":
        return create(backend, **asked)
    _refuse_two_subnets_in_one_zone(backend, asked["subnet_ids"])
    if asked["private_dns_enabled"]:
        _refuse_private_dns(backend, asked)
    endpoint = create(backend, **asked)
    _give_interfaces(backend, endpoint)
    endpoint.dns_entries = _dns_entries(backend, endpoint)
    return endpoint


def _created_before(backend: Any, asked: dict[str, Any]) -> Any:
    """The endpoint that the same `ClientToken` made: EC2 answers a repeated call with the first one's result."""
    token = asked["client_token"]
    made = [endpoint for endpoint in backend.vpc_end_points.values() if token and endpoint.client_token == token]
    if not made:
        return None
    if (made[0].vpc_id, made[0].service_name) != (asked["vpc_id"], asked["service_name"]):
        raise EC2ClientError("IdempotentParameterMismatch", f"The client token {token} was used with other parameters")
    return made[0]


def _refuse_two_subnets_in_one_zone(backend: Any, subnet_ids: list[str]) -> None:
    zones = [backend.get_subnet(subnet_id).availability_zone for subnet_id in subnet_ids]
    for zone in sorted(set(zones)):
        if zones.count(zone) > 1:
            raise EC2ClientError("DuplicateSubnetsInSameZone", f"Found another VPC endpoint subnet in the zone {zone}")


def _refuse_private_dns(backend: Any, asked: dict[str, Any]) -> None:
    vpc = backend.get_vpc(asked["vpc_id"])
    if not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
        _refuse(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true "
            f"for {vpc.id}"
        )
    for other in backend.vpc_end_points.values():
        same = (other.vpc_id, other.service_name) == (asked["vpc_id"], asked["service_name"])
        if same and other.private_dns_enabled and other.settled_state != "deleted":
            name = _private_name(asked["service_name"])
            _refuse(
                f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {name} "
                f"in the VPC {vpc.id}"
            )


def _refuse_used_subnet(backend: Any, subnet_id: str) -> None:
    """A subnet with a network interface, an endpoint's too, can't be deleted (EC2 API: DeleteSubnet)."""
    if any(interface.subnet.id == subnet_id for interface in backend.enis.values()):
        _refuse_dependencies("subnet", subnet_id)


def _refuse_used_vpc(backend: Any, vpc_id: str) -> None:
    """A VPC with endpoints, attached gateways or groups of its users can't be deleted (EC2 API: DeleteVpc)."""
    endpoints = [one for one in backend.vpc_end_points.values() if one.settled_state != "deleted"]
    gateways = [one.vpc for one in backend.internet_gateways.values() if one.vpc]
    has_groups = any(group.name != "default" for group in backend.groups.get(vpc_id, {}).values())
    if has_groups or vpc_id in {*(one.vpc_id for one in endpoints), *(one.id for one in gateways)}:
        _refuse_dependencies("vpc", vpc_id)


def _refuse_dependencies(kind: str, resource_id: str) -> None:
    raise EC2ClientError("DependencyViolation", f"The {kind} '{resource_id}' has dependencies and cannot be deleted.")


def _switch_private_dns(backend: Any, endpoint_id: str, *, is_on: bool) -> None:
    """Also in its DNS entries: the service's own name is there while it is on."""
    endpoint = backend.describe_vpc_endpoints(vpc_end_point_ids=[endpoint_id])[0]
    if is_on and not endpoint.private_dns_enabled:
        _refuse_private_dns(backend, {"vpc_id": endpoint.vpc_id, "service_name": endpoint.service_name})
    endpoint.private_dns_enabled = is_on
    endpoint.dns_entries = _dns_entries(backend, endpoint)


def _refuse(message: str) -> None:
    raise EC2ClientError("InvalidParameter", message)


def _give_interfaces(backend: Any, endpoint: Any) -> None:
    """One network interface in each of its subnets, with an address of the subnet; moto's own lie anywhere."""
    if endpoint.vpc_endpoint_type != "Interface":
        return
    kept = {}
    for interface_id in endpoint.network_interface_ids:
        interface = backend.enis.get(interface_id)
        if interface and interface.subnet.id in endpoint.subnet_ids:
            kept[interface.subnet.id] = interface
        elif interface:
            del backend.enis[interface_id]
    for subnet_id in endpoint.subnet_ids:
        interface = kept.setdefault(subnet_id, None) or backend.create_network_interface(subnet_id, "")
        _place(interface, endpoint)
        kept[subnet_id] = interface
    endpoint.network_interface_ids = [kept[subnet_id].id for subnet_id in endpoint.subnet_ids]


def _place(interface: Any, endpoint: Any) -> None:
    if interface.interface_type == "vpc_endpoint":
        return
    address = random_private_ip(interface.subnet.cidr_block)
    interface.private_ip_address = address
    interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": address}]
    interface.interface_type = "vpc_endpoint"
    interface.description = f"VPC Endpoint Interface {endpoint.id}"
    interface.requester_managed = True
    interface.status = "in-use"


def _dns_entries(backend: Any, endpoint: Any) -> list[dict[str, str]]:
    """As AWS lists them: the endpoint's own name, one for each zone, and the service's name if private DNS is on."""
    suffix = f"{_private_name(endpoint.service_name).removesuffix('.amazonaws.com')}.vpce.amazonaws.com"
    stem = f"{endpoint.id}-{endpoint.id[-8:]}"
    zones = [backend.get_subnet(subnet_id).availability_zone for subnet_id in endpoint.subnet_ids]
    names = [f"{stem}.{suffix}", *(f"{stem}-{zone}.{suffix}" for zone in zones)]
    if endpoint.private_dns_enabled:
        names.append(_private_name(endpoint.service_name))
    return [{"dns_name": name, "hosted_zone_id": "Z7HUB22UULQXV"} for name in names]


def _private_name(service_name: str) -> str:
    """`com.amazonaws.us-east-1.ecr.api` is reached as `api.ecr.us-east-1.amazonaws.com`."""
    _, _, region, *labels = service_name.split(".")
    return f"{'.'.join(reversed(labels))}.{region}.amazonaws.com"
