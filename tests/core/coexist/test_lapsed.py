"""What lapsed by a tag, and what subnets lack for it."""

from dataclasses import replace
from datetime import date

from lifeline.core.coexist.lapsed import Lapsed, judge_lapsed
from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import Catalog, TargetKind, Vpc
from lifeline.core.policy.policy import EXEMPT, PRIVATE, simple_policy
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
POLICY = simple_policy(["monitoring"], PRIVATE, per_zone=False)
KEY = f"{VPC_ID} monitoring"


def exempt(network: Vpc) -> Vpc:
    return replace(network, tags=((EXEMPT, "true"),))


def judged(network: Vpc, dns: DnsView | None = None, catalog: Catalog = CATALOG) -> Lapsed:
    return judge_lapsed(network, POLICY, catalog, dns, {}, today=TODAY)


def test_an_isolated_subnet_without_an_endpoint_lacks_the_service() -> None:
    found = judged(exempt(vpc(subnet("a"))))
    assert found.unserved == {("subnet-a", "monitoring")}
    assert found.keys == {KEY}
    assert not found.unasked
    assert found.among({KEY}) == found.waivers
    assert found.among({"vpce-1"}) == {}


def test_a_subnet_with_a_way_out_lacks_nothing_but_its_exemption_stands() -> None:
    found = judged(exempt(vpc(subnet("a"), table("main", default_route(TargetKind.NAT_GATEWAY)))))
    assert found.keys == {KEY}
    assert not found.unserved


def test_a_subnet_that_an_endpoint_serves_lacks_nothing() -> None:
    found = judged(exempt(vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group())))
    assert not found.unserved | found.unasked


def test_a_service_that_the_region_does_not_offer_is_lacked_by_nobody() -> None:
    assert judged(exempt(vpc(subnet("a"))), catalog=Catalog()).unserved == frozenset()


def test_without_an_exemption_nothing_lapsed() -> None:
    assert judged(vpc(subnet("a"))) == Lapsed({})
