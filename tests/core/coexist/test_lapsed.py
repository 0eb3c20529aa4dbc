"""What lapsed by a tag, and what subnets lack for it."""

from dataclasses import replace
from datetime import date

from lifeline.core.coexist.lapsed import Lacking, Lapsed, find_lacking, judge_lapsed
from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import Catalog, Route, TargetKind, Vpc
from lifeline.core.policy.policy import EXEMPT, simple_policy
from tests.support.builders import (
    CATALOG,
    MONITORING,
    VPC_ID,
    default_route,
    endpoint,
    own_security_group,
    subnet,
    table,
    vpc,
)

TODAY = date(2026, 11, 22)
POLICY = simple_policy(["monitoring"])
KEY = f"{VPC_ID} {EXEMPT} subnet-a monitoring"


def exempt(network: Vpc) -> Vpc:
    return replace(network, tags=((EXEMPT, "true"),))


def judged(network: Vpc) -> Lapsed:
    return judge_lapsed(network, POLICY, {}, CATALOG, today=TODAY)


def lacking(network: Vpc, *, keys: tuple[str, ...] = (KEY,), catalog: Catalog = CATALOG) -> Lacking:
    return find_lacking(judged(network), keys, network, catalog, None)


def test_an_isolated_subnet_without_an_endpoint_lacks_the_service() -> None:
    network = exempt(vpc(subnet("a")))
    found = judged(network)
    assert found.keys == {KEY}
    assert lacking(network) == Lacking(unserved=found.waivers, unasked={})
    assert lacking(network, keys=("vpce-1",)) == Lacking({}, {})


def test_a_subnet_with_a_way_out_lacks_nothing_but_its_exemption_stands() -> None:
    network = exempt(vpc(subnet("a"), table("main", default_route(TargetKind.NAT_GATEWAY))))
    assert judged(network).keys == {KEY}
    assert lacking(network) == Lacking({}, {})


def test_a_subnet_that_an_endpoint_serves_lacks_nothing() -> None:
    network = exempt(vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group()))
    assert lacking(network) == Lacking({}, {})


def test_what_an_endpoint_elsewhere_may_serve_is_to_be_looked_up() -> None:
    to_hub = Route(("10.128.0.0/9",), TargetKind.TRANSIT_GATEWAY, "tgw-1", is_active=True)
    network = exempt(vpc(subnet("a"), table("main", to_hub)))
    assert lacking(network) == Lacking(unserved={}, unasked=judged(network).waivers)
    assert find_lacking(judged(network), (KEY,), network, CATALOG, DnsView()).unserved == judged(network).waivers


def test_a_service_that_the_region_does_not_offer_is_lacked_by_nobody() -> None:
    assert lacking(exempt(vpc(subnet("a"))), catalog=Catalog()) == Lacking({}, {})


def test_without_an_exemption_nothing_lapsed() -> None:
    assert judged(vpc(subnet("a"))) == Lapsed()
