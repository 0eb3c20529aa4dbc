"""What the stand-in knows beside moto: the clock, each endpoint's life, zones, overrides, quotas, budgets."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.availability_zones_and_regions import Zone

from tests.support.policies import Caller
from tests.support.strict_associations import Associations, zones_taken
from tests.support.strict_errors import RefusedError
from tests.support.strict_services import GATEWAY, INTERFACE, Service, default_services, domain_of, service_name

_NOTHING = timedelta(0)


@dataclass(slots=True)
class Clock:
    """The time, which passes only when a test says so."""

    time: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> None:
        """Lets time pass. Fits wherever something wants to sleep."""
        self.time += by


@dataclass(slots=True)
class Bucket:
    """AWS's token bucket: `size` calls at once, and `refill_per_s` after that (EC2 guide: request throttling)."""

    size: float
    refill_per_s: float
    tokens: float = -1
    filled_at: datetime | None = None

    def take(self, now: datetime) -> bool:
        """Whether a call may pass. One that may not costs nothing."""
        passed = (now - self.filled_at).total_seconds() if self.filled_at else 0.0
        tokens = self.size if self.filled_at is None else min(self.size, self.tokens + passed * self.refill_per_s)
        may_pass = tokens > 1 - 1e-9
        self.tokens, self.filled_at = tokens - may_pass, now
        return may_pass


@dataclass(frozen=True, slots=True)
class Call:
    """A call that changes something, or would have: `error` is the code of its refusal."""

    operation: str
    params: dict[str, Any]
    at: datetime
    error: str = ""

    @property
    def accepted(self) -> bool:
        return not self.error

    def names(self, resource_id: str) -> bool:
        """Whether the call says the id anywhere."""
        return resource_id in texts_in(self.params)


@dataclass(slots=True)
class Life:
    """An endpoint's life, from which its state at any time follows."""

    ready_at: datetime
    deleted_at: datetime | None = None
    last_error: dict[str, str] | None = None
    pinned: str = ""
    address_type: str = "ipv4"
    dns_options: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Fault:
    """An error that the next calls of an operation meet."""

    error: Exception
    times: int
    after_effect: bool


@dataclass(kw_only=True, eq=False)
class State:
    """The stand-in's settings, which tests may change at any time, and its memory.

    `caller` is whose policies IAM asks before each call of an attached client; None lets everything through.
    """

    caller: Caller | None = None
    region: str = "us-east-1"
    account_id: str = "123456789012"
    now: Callable[[], datetime] = field(default_factory=Clock)
    pending_for: timedelta = timedelta(seconds=60)
    modifying_for: timedelta = timedelta(seconds=60)
    deleting_for: timedelta = timedelta(seconds=30)
    deleted_shown_for: timedelta = timedelta(minutes=15)
    endpoints_hidden_for: timedelta = timedelta(seconds=3)
    groups_hidden_for: timedelta = _NOTHING
    interface_quota: int = 50
    gateway_quota: int = 20
    throttling: bool = True
    shuffle: int | None = None

    services: dict[tuple[str, str], Service] = field(default_factory=dict)
    zones: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    buckets: dict[str, Bucket] = field(default_factory=dict)
    shown: defaultdict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    extra_zones: dict[str, dict[str, Any]] = field(default_factory=dict)
    lives: dict[str, Life] = field(default_factory=dict)
    hidden_until: dict[str, datetime] = field(default_factory=dict)
    associations: set[tuple[str, str]] = field(default_factory=set)
    reserved: set[str] = field(default_factory=set)  # subnets, by id, of which EC2 assigns no address itself
    full_tables: set[str] = field(default_factory=set)  # route tables, by id, that have used up their quota of routes
    routed_tables: set[str] = field(default_factory=set)  # route tables, by id, with routes of others to services
    tokens: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    failing: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    faults: defaultdict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    dns: Associations = field(default_factory=Associations)

    def __post_init__(self) -> None:
        self.random = Random(self.shuffle)  # noqa: S311 - an order of answers, no secret
        for service in default_services(self.region):
            self.services[service.name, service.type] = service
        # PrivateLink's calls share one budget (EC2 guide: request throttling).
        budget = Bucket(4, 0.3)
        self.buckets |= dict.fromkeys(("CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"), budget)

    # ---- moto's side

    @property
    def moto(self) -> Any:
        """moto's own objects of the account and region."""
        return ec2_backends[self.account_id][self.region]

    def vpc(self, vpc_id: str) -> Any:
        """moto's VPC. Refuses where there is none."""
        if vpc_id not in self.moto.vpcs:
            raise RefusedError("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")
        return self.moto.vpcs[vpc_id]

    def subnet(self, subnet_id: str) -> Any:
        """moto's subnet. Refuses where there is none."""
        for in_zone in self.moto.subnets.values():
            if subnet_id in in_zone:
                return in_zone[subnet_id]
        raise RefusedError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")

    def group(self, group_id: str) -> Any:
        """moto's security group. Refuses where there is none, or none to be seen yet."""
        group = self.moto.get_security_group_from_id(group_id)
        if group is None or self.is_hidden(group_id):
            raise RefusedError("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        return group

    def endpoint(self, endpoint_id: str) -> Any:
        """moto's endpoint. Refuses where there is none, none to be seen yet, or none left."""
        endpoint = self.moto.vpc_end_points.get(endpoint_id)
        if endpoint is None or endpoint.state == "deleted" or self.is_hidden(endpoint_id):
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            raise RefusedError("InvalidVpcEndpointId.NotFound", message)
        return endpoint

    def endpoints(self, kind: str, *, vpc_id: str = "") -> Iterator[Any]:
        """moto's endpoints of a type that aren't deleted, of one VPC or all."""
        for endpoint in self.moto.vpc_end_points.values():
            is_there = endpoint.state != "deleted" and endpoint.vpc_endpoint_type == kind
            if is_there and vpc_id in {"", endpoint.vpc_id}:
                yield endpoint

    def ordinary_zones(self) -> dict[str, str]:
        """The region's availability zones: their ids, each with its name in this account."""
        found = self.moto.describe_availability_zones()
        return {zone.zone_id: zone.name for zone in found if zone.zone_type == "availability-zone"}

    # ---- what follows from the clock

    def settle(self) -> None:
        """Brings moto's endpoints to the states that they have now. Those that moto alone made are old ones."""
        now = self.now()
        for endpoint in list(self.moto.vpc_end_points.values()):
            life = self.lives.get(endpoint.id) or self._adopt(endpoint)
            if endpoint.state == "deleted" and life.deleted_at is None:
                life.deleted_at = now - self.deleting_for
            state = self._state(life, now)
            if state == "gone":
                del self.moto.vpc_end_points[endpoint.id]
                continue
            endpoint.state = state
            if state == "deleted":  # its interfaces stay for as long as it is on its way out
                self._remove_interfaces(endpoint)
            endpoint.route_table_ids = [one for one in endpoint.route_table_ids if one in self.moto.route_tables]
            endpoint.subnet_ids = [one for one in endpoint.subnet_ids or [] if self._has_subnet(one)]

    def _remove_interfaces(self, endpoint: Any) -> None:
        for interface_id in endpoint.network_interface_ids or ():
            self.moto.enis.pop(interface_id, None)
        endpoint.network_interface_ids = []

    def _has_subnet(self, subnet_id: str) -> bool:
        return any(subnet_id in in_zone for in_zone in self.moto.subnets.values())

    def _adopt(self, endpoint: Any) -> Life:
        endpoint.vpc_endpoint_type = endpoint.vpc_endpoint_type or GATEWAY
        endpoint.private_dns_enabled = bool(endpoint.private_dns_enabled) and endpoint.vpc_endpoint_type == INTERFACE
        self.lives[endpoint.id] = Life(ready_at=self.now())
        return self.lives[endpoint.id]

    def _state(self, life: Life, now: datetime) -> str:
        """PrivateLink guide: concepts, endpoint states. They are shown in camel case."""
        if life.deleted_at is not None:
            gone_for = now - life.deleted_at - self.deleting_for
            if gone_for < _NOTHING:
                return "deleting"
            return "deleted" if gone_for < self.deleted_shown_for else "gone"
        if life.pinned:
            return life.pinned
        if now < life.ready_at:
            return "pending"
        return "failed" if life.last_error else "available"

    def is_hidden(self, resource_id: str) -> bool:
        """Whether EC2 doesn't show yet what was just made (EC2 guide: eventual consistency)."""
        until = self.hidden_until.get(resource_id)
        return until is not None and self.now() < until

    # ---- DNS

    def is_on(self, vpc_id: str, attribute: str) -> bool:
        """Whether a VPC's DNS attribute is on."""
        return getattr(self.vpc(vpc_id), attribute) in {True, "true"}

    def domains_taken(self, vpc_id: str, *, but_by: str = "") -> frozenset[str]:
        """The DNS domains that endpoints with private DNS and private hosted zones hold in a VPC.

        An endpoint holds its domains until it is deleted. Zones are those of `zones` and of moto's Route 53,
        in any account.
        """
        taken = {domain_of(zone) for zone in self.zones[vpc_id]}
        for endpoint in self.endpoints(INTERFACE, vpc_id=vpc_id):
            service = self.services.get((endpoint.service_name, INTERFACE))
            if endpoint.id != but_by and endpoint.private_dns_enabled and service:
                taken |= service.domains()
        return frozenset(taken) | zones_taken(vpc_id)

    # ---- for tests: arranging

    def name_of(self, suffix: str) -> str:
        """The full name of a service."""
        return service_name(self.region, suffix)

    def offer(self, service: Service) -> None:
        """Adds a service, or replaces the one of its name and type."""
        self.services[service.name, service.type] = service

    def withdraw(self, name: str) -> None:
        """Takes a service out of the region."""
        self.services = {key: service for key, service in self.services.items() if key[0] != name}

    def show(self, resource_id: str, **members: Any) -> None:
        """Overrides members of a resource in every describe; None leaves one out. Filters don't see it.

        For example `OwnerId` of a shared subnet, `OutpostArn`, `BlockPublicAccessStates`, `RequesterManaged`, or
        `AvailabilityMode="regional", SubnetId=None` of a NAT gateway.
        """
        self.shown[resource_id] |= members

    def set_free_addresses(self, subnet_id: str, count: int) -> None:
        """Says how many addresses a subnet has left now; every interface made later takes one."""
        subnet = self.subnet(subnet_id)
        subnet._available_ip_addresses += count - subnet.available_ip_address_count

    def place_in_zone(self, subnet_id: str, zone: str, zone_id: str, zone_type: str = "local-zone") -> None:
        """Moves a subnet into a zone of another type, which DescribeAvailabilityZones then lists."""
        self.subnet(subnet_id)._availability_zone = Zone(zone, self.region, zone_id, zone_type)
        self.extra_zones[zone] = {
            "ZoneName": zone,
            "ZoneId": zone_id,
            "ZoneType": zone_type,
            "RegionName": self.region,
            "State": "available",
            "OptInStatus": "opted-in",
            "Messages": [],
        }

    def fail_endpoints_of(self, name: str, code: str, message: str, *, times: int = 1) -> None:
        """Lets the next endpoints of a service end `failed`, with this last error."""
        self.failing.setdefault(name, []).extend([{"Code": code, "Message": message}] * times)

    def associate(self, group_id: str, vpc_id: str) -> None:
        """AssociateSecurityGroupVpc, which moto doesn't have: another VPC may use the group from now on."""
        self.associations.add((group_id, vpc_id))

    def put_in_state(self, endpoint_id: str, state: str, *, code: str = "", message: str = "") -> None:
        """Keeps an endpoint in a state, whatever the clock says; an empty one lets go."""
        self.settle()
        life = self.lives[endpoint_id]
        life.pinned, life.last_error = state, {"Code": code, "Message": message} if code else None
        self.settle()

    def fail_next(
        self, operation: str, error: str | Exception, *, times: int = 1, after_effect: bool = False, message: str = ""
    ) -> None:
        """Lets the next calls of an operation fail with a code, or with botocore's own error.

        With `after_effect` the change is made, but its caller isn't told.
        """
        raised = RefusedError(error, message or "arranged by the test") if isinstance(error, str) else error
        self.faults[operation].append(Fault(raised, times, after_effect))


def texts_in(value: object) -> Iterator[str]:
    """Every text in a call's parameters, however deep."""
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from texts_in(one)
        case list() | tuple():
            for one in value:
                yield from texts_in(one)
