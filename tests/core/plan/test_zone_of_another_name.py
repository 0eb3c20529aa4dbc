"""Faults that are known and not mended yet: a private hosted zone of another of a service's names than the usual one
counts as answering the service. It only keeps AWS from accepting private DNS.
"""

import pytest

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import Catalog, EndpointType, NatGateway, Service, TargetKind, Vpc
from lifeline.core.network.reach import Reach, find_path
from lifeline.core.plan.actions import ServiceState
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.policy import Requirement
from tests.support.builders import MONITORING, OWNER, default_route, route, subnet, table, vpc

USUAL, FIPS = "monitoring.us-east-1.amazonaws.com", "monitoring-fips.us-east-1.amazonaws.com"
BOTH = Catalog((Service(MONITORING, EndpointType.INTERFACE, private_dns_names=(USUAL, FIPS)),))
ONLY_FIPS = DnsView((DnsAnswer(AnswerKind.PRIVATE_ZONE, FIPS, "Z0FIPS", "", addresses=("10.200.0.10",)),))


def state_in(network: Vpc, dns: DnsView) -> ServiceState:
    asked = (Requirement("monitoring", frozenset({"subnet-a"}), per_zone=True),)
    (report,) = plan_endpoints(network, BOTH, PlanInput(asked, OWNER, dns=dns)).services
    return report.state


@pytest.mark.xfail(reason="a zone of one of the names counts as answering all of them")
def test_a_zone_of_the_fips_name_serves_nobody_who_asks_for_the_usual_one() -> None:
    routed = vpc(subnet("a"), table("main", route("10.200.0.0/16", TargetKind.TRANSIT_GATEWAY, "tgw-1")))
    assert state_in(routed, ONLY_FIPS) is not ServiceState.CENTRAL


@pytest.mark.xfail(reason="a zone of one of the names counts as answering all of them")
def test_a_zone_of_the_fips_name_closes_no_way_to_the_usual_ones_public_addresses() -> None:
    behind_nat = (table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1")), subnet("n", cidr="10.0.9.0/28"))
    public = table("n", default_route(TargetKind.INTERNET_GATEWAY, "igw-1"), subnets=("n",))
    network = vpc(subnet("a"), *behind_nat, public, nat_gateways=(NatGateway("nat-1", True, True, "subnet-n"),))
    for dns in (DnsView(), ONLY_FIPS):
        path = find_path(network.subnets[0], network, "monitoring", BOTH, dns, has_public_address=False)
        assert path.reach is Reach.OPEN_EGRESS
