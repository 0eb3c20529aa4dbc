"""The endpoint services that the stand-in offers, and the answer of DescribeVpcEndpointServices.

They are the stand-in's own: moto's list takes seconds to build and lacks zone ids, address types, and DynamoDB's
interface endpoint (PrivateLink guide: AWS services that integrate with AWS PrivateLink).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from tests.support.strict_errors import RefusedError

INTERFACE = "Interface"
GATEWAY = "Gateway"


@dataclass(frozen=True, slots=True)
class Service:
    """An endpoint service of one type; `zone_ids` is None where it is in every ordinary zone of the region."""

    name: str
    type: str = INTERFACE
    private_dns_names: tuple[str, ...] = ()
    zone_ids: frozenset[str] | None = None
    address_types: tuple[str, ...] = ("ipv4",)
    owner: str = "amazon"

    def domains(self) -> frozenset[str]:
        """The names of the hidden private hosted zones: one for a name and its wildcard."""
        return frozenset(domain_of(name) for name in self.private_dns_names)

    def is_in(self, zone_id: str, ordinary_zone_ids: Iterable[str]) -> bool:
        """Whether an endpoint's subnet may be in the zone."""
        return zone_id in (frozenset(ordinary_zone_ids) if self.zone_ids is None else self.zone_ids)


def domain_of(name: str) -> str:
    """The zone's name for a DNS name, however it is written: `*.dkr.ecr.….com.` and `dkr.ecr.….com` are one."""
    return name.rstrip(".").lower().removeprefix("*.")


# Suffix of the service's name to the first labels of its private DNS name, where they differ.
_HOSTS = {
    "ecr.api": "api.ecr",
    "ecr.dkr": "*.dkr.ecr",
    "ecs-agent": "ecs-a",
    "ecs-telemetry": "ecs-t",
    "execute-api": "*.execute-api",
    "sagemaker.api": "api.sagemaker",
    "sagemaker.runtime": "runtime.sagemaker",
}
_WITH_MORE_NAMES = {"monitoring": ("monitoring", "monitoring-fips"), "sqs": ("sqs", "sqs-fips")}
_INTERFACE_SUFFIXES = (
    *("acm-pca", "athena", "autoscaling", "cloudformation", "cloudtrail", "codebuild", "config", "ec2", "ec2messages"),
    *("ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "eks", "eks-auth", "elasticfilesystem"),
    *("elasticloadbalancing", "events", "execute-api", "glue", "kinesis-firehose", "kinesis-streams", "kms", "lambda"),
    *("logs", "monitoring", "rds", "sagemaker.api", "sagemaker.runtime", "secretsmanager", "servicediscovery", "sns"),
    *("sqs", "ssm", "ssmmessages", "states", "sts", "synthetics", "xray"),
)
# China: the prefix depends on the service, not on the region alone.
_CHINA_PREFIXED = frozenset({"ec2", "ecr.api", "ecr.dkr", "lambda", "monitoring"})


def service_name(region: str, suffix: str) -> str:
    """The full name that a service has in a region."""
    prefix = "cn." if region.startswith("cn-") and suffix in _CHINA_PREFIXED else ""
    return f"{prefix}com.amazonaws.{region}.{suffix}"


def default_services(region: str) -> list[Service]:
    """What AWS offers in an ordinary region, as far as agents, containers and functions need it."""
    domain = f"{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    dual = f"{region}.api.amazonwebservices.com.cn" if region.startswith("cn-") else f"{region}.api.aws"
    offered = [
        Service(service_name(region, suffix), private_dns_names=(f"{_HOSTS.get(suffix, suffix)}.{domain}",))
        for suffix in _INTERFACE_SUFFIXES
    ]
    # Dual-stack and FIPS names beside the usual ones (PrivateLink guide: private DNS for interface endpoints).
    offered = [
        replace(one, private_dns_names=tuple(f"{label}.{zone}" for zone in (domain, dual) for label in labels))
        if (labels := _WITH_MORE_NAMES.get(one.name.rpartition(".")[2]))
        else one
        for one in offered
    ]
    # S3 guide: AWS PrivateLink for S3. DynamoDB's interface endpoints have no private DNS name.
    s3 = tuple(f"{label}.{domain}" for label in ("s3", "*.s3", "*.s3-accesspoint", "*.s3-control"))
    s3_name, dynamodb_name = service_name(region, "s3"), service_name(region, "dynamodb")
    notebook = Service(f"aws.sagemaker.{region}.notebook", private_dns_names=(f"*.notebook.{region}.sagemaker.aws",))
    return [
        *offered,
        Service(s3_name, INTERFACE, s3),
        Service(s3_name, GATEWAY),
        Service(dynamodb_name, INTERFACE),
        Service(dynamodb_name, GATEWAY, address_types=("ipv4", "ipv6")),
        notebook,
    ]


def services_answer(
    services: Iterable[Service], params: Mapping[str, Any], zones: Mapping[str, str], region: str
) -> dict[str, Any]:
    """The answer of DescribeVpcEndpointServices; `zones` maps the ordinary zones' ids to their names.

    Names and details are paged together (EC2 API: ServiceNames are unique, ServiceDetails one a type).
    """
    known = sorted(services, key=lambda service: (service.name, service.type))
    for name in params.get("ServiceNames", []):
        if name not in {service.name for service in known}:
            raise RefusedError("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
    wanted = [service for service in known if _matches(service, params)]
    start = int(params.get("NextToken") or 0)
    end = start + min(int(params.get("MaxResults") or 1000), 1000)
    page = wanted[start:end]
    answer: dict[str, Any] = {
        "ServiceNames": list(dict.fromkeys(service.name for service in page)),
        "ServiceDetails": [_detail(service, zones, region) for service in page],
    }
    return answer | ({"NextToken": str(end)} if end < len(wanted) else {})


def _matches(service: Service, params: Mapping[str, Any]) -> bool:
    names: Sequence[str] = params.get("ServiceNames") or [service.name]
    return service.name in names and all(_passes(service, one) for one in params.get("Filters", []))


def _passes(service: Service, wanted: Mapping[str, Any]) -> bool:
    has = {
        "service-name": {service.name},
        "service-type": {service.type},
        "owner": {service.owner},
        "supported-ip-address-types": set(service.address_types),
    }
    if wanted["Name"] not in has:
        raise RefusedError("InvalidFilter", f"The filter '{wanted['Name']}' is invalid")
    return bool(has[wanted["Name"]] & set(wanted["Values"]))


def _detail(service: Service, zones: Mapping[str, str], region: str) -> dict[str, Any]:
    zone_ids = [zone_id for zone_id in zones if service.is_in(zone_id, zones)]
    detail: dict[str, Any] = {
        "ServiceName": service.name,
        "ServiceId": f"vpce-svc-{uuid5(NAMESPACE_DNS, service.name + service.type).hex[:17]}",
        "ServiceType": [{"ServiceType": service.type}],
        "ServiceRegion": region,
        "AvailabilityZoneIds": zone_ids,
        "AvailabilityZones": [zones[zone_id] for zone_id in zone_ids],
        "Owner": service.owner,
        "BaseEndpointDnsNames": [f"{service.name.rpartition('.')[2]}.{region}.vpce.amazonaws.com"],
        "VpcEndpointPolicySupported": True,
        "AcceptanceRequired": False,
        "ManagesVpcEndpoints": False,
        "Tags": [],
        "SupportedIpAddressTypes": list(service.address_types),
    }
    if service.private_dns_names:
        detail["PrivateDnsName"] = service.private_dns_names[0]
        detail["PrivateDnsNames"] = [{"PrivateDnsName": name} for name in service.private_dns_names]
        detail["PrivateDnsNameVerificationState"] = "verified"
    return detail
