"""The simulated VPCs: what can be changed in them, and how Lifeline observes them."""

from dataclasses import dataclass, field, replace

from lifeline.core.network.model import (
    Endpoint,
    EndpointState,
    EndpointType,
    Route,
    RouteTable,
    Rule,
    SecurityGroup,
    Subnet,
    TargetKind,
    Vpc,
)
from lifeline.core.plan.endpoint_lifecycle import Made
from tests.support.builders import ZONES

PREFIX = "com.amazonaws.us-east-1."
DENY_ALL = '{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}'
LOCAL = Route(("10.0.0.0/16",), TargetKind.LOCAL, "local", is_active=True)


def made_id(kind: str, *numbers: int) -> str:
    """An id like AWS's: `rtb-00000000000001201`."""
    return f"{kind}-{int(''.join(f'{number:02}' for number in numbers)):017d}"


@dataclass
class Table:
    """A route table with the target of its default route, None once that is gone."""

    id: str
    subnet_ids: frozenset[str]
    out: TargetKind | None

    def view(self) -> RouteTable:
        path = (Route(("0.0.0.0/0",), self.out, made_id("igw", 1), is_active=True),) if self.out else ()
        return RouteTable(self.id, is_main=False, subnet_ids=self.subnet_ids, routes=(LOCAL, *path))


@dataclass
class Place:
    """One VPC. ReconcileEndpoints mends it only where `is_mended`; `wanted` is what its policy requires."""

    number: int
    subnets: tuple[Subnet, ...]
    tables: list[Table]
    is_mended: bool = True
    wanted: tuple[str, ...] = ("monitoring",)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)
    being_made: set[str] = field(default_factory=set)
    arrived: dict[str, int] = field(default_factory=dict)
    is_group_open: bool = True

    @property
    def id(self) -> str:
        return made_id("vpc", self.number)

    @property
    def security_group_id(self) -> str:
        return made_id("sg", self.number)

    def has(self, service: str) -> bool:
        """True if an endpoint answers the service's name in the whole VPC."""
        found = self.endpoints.get(service)
        return found is not None and found.state is EndpointState.AVAILABLE

    def table_of(self, subnet_id: str) -> Table:
        return next(table for table in self.tables if subnet_id in table.subnet_ids)

    def isolated(self) -> frozenset[str]:
        return frozenset(one for table in self.tables if table.out is None for one in table.subnet_ids)

    def add_endpoint(self, service: str, state: EndpointState = EndpointState.AVAILABLE) -> Endpoint:
        number = ["monitoring", "ec2"].index(service)
        self.endpoints[service] = Endpoint(
            id=made_id("vpce", self.number, number),
            service_name=PREFIX + service,
            type=EndpointType.INTERFACE,
            state=state,
            private_dns=True,
            subnet_ids=frozenset({self.subnets[0].id}),
            security_group_ids=frozenset({self.security_group_id}),
        )
        return self.endpoints[service]

    def change_endpoint(self, service: str, **changes: object) -> Endpoint:
        self.endpoints[service] = replace(self.endpoints[service], **changes)  # type: ignore[arg-type]
        return self.endpoints[service]

    def view(self) -> Vpc:
        """The VPC as one observation."""
        rule = Rule("tcp", 443, 443, ("10.0.0.0/16",))
        return Vpc(
            id=self.id,
            cidrs=("10.0.0.0/16",),
            subnets=self.subnets,
            route_tables=tuple(table.view() for table in self.tables),
            endpoints=tuple(self.endpoints.values()),
            security_groups=(
                SecurityGroup(self.security_group_id, "endpoints", (rule,) if self.is_group_open else ()),
            ),
            tags=(("Name", f"app-{self.number:02}"),),
        )


def make_place(number: int, *, path: TargetKind | None, is_mended: bool = True) -> Place:
    """A VPC with two subnets in each zone: the first of each share a route table, the others have one each.

    One more table is used by no subnet.
    """
    subnets = tuple(
        Subnet(
            id=made_id("subnet", number, place),
            zone=ZONES[place % 3],
            zone_id="",
            cidr=f"10.0.{place}.0/24",
            free_addresses=200,
        )
        for place in range(6)
    )
    shared = Table(made_id("rtb", number, 0), frozenset(one.id for one in subnets[:3]), path)
    single = [Table(made_id("rtb", number, place), frozenset({subnets[place].id}), path) for place in (3, 4, 5)]
    unused = Table(made_id("rtb", number, 9), frozenset(), path)
    return Place(number, subnets, [shared, *single, unused], is_mended=is_mended)
