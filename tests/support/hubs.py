"""A hub with an endpoint, and a spoke that a transit gateway connects with it, as values."""

from dataclasses import dataclass, replace
from typing import Any

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.hub import Attachment, GatewayRoute, HubSource, HubView
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
from lifeline.core.plan.actions import Plan
from lifeline.core.policy.central import Central
from tests.support.builders import MONITORING, VPC_ID, plan, route, subnet, table, vpc

HUB_ID, ZONE, TGW, ADDRESS = "vpc-0hub00000000000ab", "Z0HUB", "tgw-1", "10.9.1.10"
NAME = "monitoring.us-east-1.amazonaws.com"
LETS_IN = Rule("tcp", 443, 443, ("10.0.0.0/8",))


def spoke(*routes: Route, subnets: tuple[Subnet, ...] = (), **more: Any) -> Vpc:
    """A VPC whose main table leads to the hub's block by a transit gateway, or by these routes."""
    led = routes or (route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW),)
    there = {"client_groups": (), "interfaces": (), **more}
    return vpc(*(subnets or (subnet(),)), table("main", *led), **there)


def hub_vpc(*rules: Rule, **more: Any) -> Vpc:
    """The hub's VPC, with an endpoint of monitoring without private DNS, and a route back by the transit gateway."""
    endpoint = Endpoint(
        "vpce-0hub",
        MONITORING,
        EndpointType.INTERFACE,
        EndpointState.AVAILABLE,
        subnet_ids=frozenset({"subnet-host"}),
        security_group_ids=frozenset({"sg-hub"}),
    )
    back = route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY, TGW)
    local = Route(("10.9.0.0/16",), TargetKind.LOCAL, "local", is_active=True)
    made = Vpc(
        HUB_ID,
        ("10.9.0.0/16",),
        subnets=(Subnet("subnet-host", "us-east-1a", "", cidr="10.9.1.0/24", free_addresses=200),),
        route_tables=(RouteTable("rtb-hub", is_main=True, subnet_ids=frozenset(), routes=(local, back)),),
        endpoints=(endpoint,),
        security_groups=(SecurityGroup("sg-hub", "hub", rules or (LETS_IN,)),),
    )
    return replace(made, **more)


def answer(**more: Any) -> DnsAnswer:
    made = DnsAnswer(
        AnswerKind.PRIVATE_ZONE, NAME, ZONE, f"the zone {ZONE}", addresses=(ADDRESS,), endpoint_id="vpce-0hub"
    )
    return replace(made, **more)


def led(cidr: str, *vpc_ids: str, active: bool = True) -> GatewayRoute:
    return GatewayRoute(cidr, frozenset(vpc_ids), active)


@dataclass(frozen=True)
class Hubs:
    """What a spoke sees of the hub. `there` is the gateway's table for the spoke, `back` the one for the hub."""

    there: tuple[GatewayRoute, ...] | None = (led("10.9.0.0/16", HUB_ID),)
    back: tuple[GatewayRoute, ...] | None = (led("10.0.0.0/16", VPC_ID),)
    attached: frozenset[str] = frozenset({"subnet-a"})
    is_available: bool = True

    def view(self, **more: Any) -> HubView:
        tables = {
            name: routes for name, routes in (("rt-spoke", self.there), ("rt-hub", self.back)) if routes is not None
        }
        made = HubView(
            "999999999999",
            (HubSource(ZONE, (answer(),), vpcs=3, most_vpcs=300),),
            vpcs=(hub_vpc(),),
            attachments=(
                Attachment("tgw-attach-spoke", TGW, VPC_ID, self.attached, self.is_available, "rt-spoke"),
                Attachment(
                    "tgw-attach-hub", TGW, HUB_ID, frozenset({"subnet-host"}), is_available=True, table_id="rt-hub"
                ),
            ),
            tables=tables,
        )
        return replace(made, **more)


def central(**more: Any) -> Central:
    made = Central(frozenset({"monitoring"}), ("10.9.0.0/16",), zones=(ZONE,), is_auto=True)
    return replace(made, **more)


def offered(network: Vpc, view: HubView | None = None, *services: str, **more: Any) -> Plan:
    """The plan of a spoke whose policy names the hub."""
    usual: dict[str, Any] = {
        "dns": DnsView(),
        "central": central(),
        "hub": view or Hubs().view(),
        "may_associate": True,
    }
    return plan(network, *services, **(usual | {"account_id": "123456789012"} | more))
