"""Networks in a line: builders that show only what matters to the test."""

from dataclasses import replace

from lifeline.core.network.model import (
    MANAGED_BY,
    SECURITY_GROUP_NAME,
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    Route,
    RouteTable,
    Rule,
    SecurityGroup,
    Service,
    Subnet,
    TargetKind,
    Tier,
    Vpc,
)
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import Plan
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.policy import Requirement

OWNER = "lifeline"
PRIVATE = frozenset({Tier.ISOLATED, Tier.EGRESS})
VPC_ID = "vpc-0123456789abcdef0"
MONITORING = "com.amazonaws.us-east-1.monitoring"
S3 = "com.amazonaws.us-east-1.s3"
# Endpoint policies: one that lets nothing pass, and one of which the policy alone doesn't say what it lets pass.
SHUT_POLICY = '{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}'
NARROW_POLICY = (
    '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", '
    '"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}]}'
)
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")

CATALOG = Catalog(
    (
        Service(
            "com.amazonaws.us-east-1.six",
            EndpointType.INTERFACE,
            zones=frozenset(ZONES),
            private_dns_names=("six.us-east-1.amazonaws.com",),
            ip_address_types=frozenset({"ipv4", "ipv6"}),
        ),
        Service(
            MONITORING,
            EndpointType.INTERFACE,
            zones=frozenset(ZONES),
            private_dns_names=("monitoring.us-east-1.amazonaws.com",),
        ),
        Service(
            "com.amazonaws.us-east-1.logs",
            EndpointType.INTERFACE,
            zones=frozenset(ZONES[:1]),
            private_dns_names=("logs.us-east-1.amazonaws.com",),
        ),
        Service(
            "com.amazonaws.us-east-1.ec2messages",
            EndpointType.INTERFACE,
            zones=frozenset(ZONES),
            private_dns_names=("ec2messages.us-east-1.amazonaws.com",),
        ),
        Service(
            "com.amazonaws.us-east-1.ec2",
            EndpointType.INTERFACE,
            zones=frozenset(ZONES),
            private_dns_names=("ec2.us-east-1.amazonaws.com",),
        ),
        Service(
            S3, EndpointType.INTERFACE, zones=frozenset(ZONES), private_dns_names=("*.s3.us-east-1.amazonaws.com",)
        ),
        Service(S3, EndpointType.GATEWAY, zones=frozenset(ZONES)),
    ),
    ports=(("six", ((443, 443),)),),
)


def route(destination: str, target: TargetKind, target_id: str = "", *, active: bool = True) -> Route:
    return Route((destination,), target, target_id or f"{target.name.lower()}-1", active)


def default_route(target: TargetKind, target_id: str = "", *, active: bool = True) -> Route:
    return route("0.0.0.0/0", target, target_id, active=active)


LOCAL = route("10.0.0.0/16", TargetKind.LOCAL, "local")


def table(name: str = "main", *routes: Route, subnets: tuple[str, ...] = (), main: bool | None = None) -> RouteTable:
    is_main = (name == "main") if main is None else main
    return RouteTable(f"rtb-{name}", is_main, frozenset(f"subnet-{one}" for one in subnets), (LOCAL, *routes))


def subnet(name: str = "a", zone: str = "us-east-1a", *, free: int = 250, **more: object) -> Subnet:
    made = Subnet(id=f"subnet-{name}", zone=zone, zone_id="", cidr="10.0.1.0/24", free_addresses=free)
    return replace(made, **more)  # type: ignore[arg-type]


def vpc(*parts: Subnet | RouteTable | Endpoint | SecurityGroup, **more: object) -> Vpc:
    """A VPC of these parts; without a route table it gets an isolated main one."""
    tables = tuple(part for part in parts if isinstance(part, RouteTable)) or (table(),)
    made = Vpc(
        id=VPC_ID,
        cidrs=("10.0.0.0/16",),
        subnets=tuple(part for part in parts if isinstance(part, Subnet)),
        route_tables=tables,
        endpoints=tuple(part for part in parts if isinstance(part, Endpoint)),
        security_groups=tuple(part for part in parts if isinstance(part, SecurityGroup)),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def endpoint(service_name: str = MONITORING, *subnets: str, own: bool = True, **more: object) -> Endpoint:
    made = Endpoint(
        id="vpce-1",
        service_name=service_name,
        type=EndpointType.INTERFACE,
        state=EndpointState.AVAILABLE,
        private_dns=True,
        subnet_ids=frozenset(f"subnet-{one}" for one in subnets),
        security_group_ids=frozenset({"sg-own"}),
        tags=((MANAGED_BY, OWNER),) if own else (),
        on_record=own,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def gateway(*tables: str, own: bool = True, **more: object) -> Endpoint:
    made = endpoint(S3, own=own, type=EndpointType.GATEWAY, private_dns=False, security_group_ids=frozenset())
    return replace(made, route_table_ids=frozenset(f"rtb-{one}" for one in tables), **more)  # type: ignore[arg-type]


def own_security_group(*cidrs: str, **more: object) -> SecurityGroup:
    rule = Rule("tcp", 443, 443, cidrs or ("10.0.0.0/16",))
    made = SecurityGroup("sg-own", SECURITY_GROUP_NAME, (rule,), ((MANAGED_BY, OWNER),), on_record=True)
    return replace(made, **more)  # type: ignore[arg-type]


def plan(
    network: Vpc,
    *services: str,
    per_zone: bool = True,
    tiers: frozenset[Tier] = PRIVATE,
    catalog: Catalog = CATALOG,
    **more: object,
) -> Plan:
    """The plan where every subnet of `tiers` wishes for each service."""
    found = classify_subnets(network)
    clients = frozenset(one.id for one in network.subnets if found[one.id] in tiers and one.state == "available")
    requirements = (
        tuple(Requirement(service, clients, per_zone) for service in services or ("monitoring",)) if clients else ()
    )
    plan_input = PlanInput(requirements=requirements, owner=OWNER, price=price_in("us-east-1"))
    return plan_endpoints(network, catalog, replace(plan_input, **more))  # type: ignore[arg-type]
