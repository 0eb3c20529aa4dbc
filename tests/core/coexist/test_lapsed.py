"""What lapsed by a tag, and what subnets lack for it."""

from dataclasses import replace
from datetime import date

from lifeline.core.coexist.lapsed import Lacking, Lapsed, find_lacking, judge_lapsed
from lifeline.core.network.dns import DnsView
from lifeline.core.network.hub import HubView
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
from tests.support.hubs import ZONE, Hubs, answer, led, spoke

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


IN_ZONE = DnsView((answer(),))
CUT = Hubs(there=(led("10.9.0.0/16", active=False),)).view()
UNREAD = Hubs(there=None, back=None).view()


def lacking_of_hub(view: HubView | None, *, dns: DnsView = IN_ZONE, hub_ids: tuple[str, ...] = (ZONE,)) -> Lacking:
    network = exempt(spoke())
    return find_lacking(judged(network), (KEY,), network, CATALOG, dns, view, hub_ids=hub_ids)


def test_a_hubs_path_that_is_cut_beyond_the_vpc_is_lacked() -> None:
    waivers = judged(exempt(spoke())).waivers
    assert lacking_of_hub(CUT) == Lacking(unserved=waivers, unasked={})
    assert lacking_of_hub(Hubs().view()) == Lacking({}, {})
    assert lacking_of_hub(UNREAD) == Lacking({}, {})  # what can't be read cuts nothing
    assert lacking_of_hub(None) == Lacking(unserved={}, unasked=waivers)
    assert lacking_of_hub(None, hub_ids=()) == Lacking({}, {})  # it is another one's zone


def test_what_only_the_hubs_account_can_read_of_its_zone_counts() -> None:
    unread = DnsView((answer(addresses=None, endpoint_id=""),))
    assert lacking_of_hub(CUT, dns=unread).unserved == judged(exempt(spoke())).waivers
    assert lacking_of_hub(Hubs().view(), dns=unread) == Lacking({}, {})


def test_a_service_that_the_region_does_not_offer_is_lacked_by_nobody() -> None:
    assert lacking(exempt(vpc(subnet("a"))), catalog=Catalog()) == Lacking({}, {})


def test_without_an_exemption_nothing_lapsed() -> None:
    assert judged(vpc(subnet("a"))) == Lapsed()
