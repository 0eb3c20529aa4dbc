"""Turning on a VPC's DNS attributes wakes up zones that answer nobody so far."""

from dataclasses import replace
from typing import Any

from lifeline.core.network.askers import Asker, Asking
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import (
    Catalog,
    Endpoint,
    EndpointType,
    NatGateway,
    Route,
    SecurityGroup,
    Service,
    TargetKind,
    Vpc,
)
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.policy import Exempted, ExemptedBy, Requirement
from tests.support import builders
from tests.support.builders import (
    MONITORING,
    OWNER,
    ZONES,
    default_route,
    endpoint,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)

CLIENT = subnet("a", cidr="10.0.1.0/24")
NAT = default_route(TargetKind.NAT_GATEWAY)
LOGS = "com.amazonaws.us-east-1.logs"
HUB = route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, "tgw-1")


def network(*routes: Route, hostnames: bool = False) -> Vpc:
    serving = endpoint(MONITORING, "a")
    nat = NatGateway("nat_gateway-1", is_public=True, is_available=True)
    parts = (CLIENT, table("main", *routes), serving, own_security_group())
    return vpc(*parts, dns_hostnames=hostnames, nat_gateways=(nat,))


def zone(domain: str, *addresses: str, zone_id: str = "Z1") -> DnsAnswer:
    return DnsAnswer(AnswerKind.PRIVATE_ZONE, domain, zone_id, f"the private hosted zone {domain}", addresses=addresses)


def fix(of: Vpc, *zones: DnsAnswer, exempt: tuple[Exempted, ...] = (), **more: Any) -> Action:
    dns = DnsView(zones, **more)
    (action,) = builders.plan(of, "monitoring", dns=dns, fix_dns=True, exempt=exempt).actions
    assert action.kind is ActionKind.FIX_DNS
    return action


def test_a_zone_of_a_service_that_works_today_blocks_it() -> None:
    action = fix(network(NAT), zone("logs.us-east-1.amazonaws.com"))
    assert action.status is Status.BLOCKED
    assert action.error == (
        "the private hosted zone logs.us-east-1.amazonaws.com answers nobody while the VPC's DNS attributes are off. "
        "Turning them on would make the logs service unreachable from subnet-a, which reaches it today: private hosted "
        "zone Z1 has no record for logs.us-east-1.amazonaws.com, so the name isn't resolved; disassociate the zone "
        "from the VPC, or turn the attributes on yourself"
    )


def test_a_zone_whose_addresses_are_routed_keeps_the_service_reachable() -> None:
    found = zone("logs.us-east-1.amazonaws.com", "10.9.0.10")
    assert fix(network(NAT, HUB), found).status is Status.PLANNED
    assert fix(network(NAT), found).is_blocked


def test_a_zone_of_a_parent_may_hide_every_service_below_it() -> None:
    action = fix(network(NAT), zone("us-east-1.amazonaws.com"))
    assert action.is_blocked
    assert "Turning them on might make the ec2 service unreachable from subnet-a" in action.error


def test_but_for_one_whose_name_an_endpoint_takes_which_goes_before_the_parents_zone() -> None:
    only = Catalog(tuple(one for one in builders.CATALOG.services if one.name == MONITORING))
    asked = (Requirement("monitoring", frozenset({"subnet-a"}), per_zone=True),)
    told = PlanInput(asked, OWNER, dns=DnsView((zone("amazonaws.com"),)), fix_dns=True)
    (action,) = plan_endpoints(network(NAT), only, told).actions
    assert (action.kind, action.status, action.error) == (ActionKind.FIX_DNS, Status.PLANNED, "")


def test_where_nothing_reaches_these_services_today_nothing_is_lost() -> None:
    assert fix(network(), zone("logs.us-east-1.amazonaws.com")).status is Status.PLANNED


EXEMPT = Exempted("subnet-b", (), None, "batch only")
BY_TAG = replace(EXEMPT, by=ExemptedBy.TAG)


def with_batch(*others: Endpoint) -> Vpc:
    """The network with a second subnet behind the NAT gateway, which a rule asks for nothing."""
    there = network(NAT)
    return replace(
        there, subnets=(*there.subnets, subnet("b", cidr="10.0.2.0/24")), endpoints=(*there.endpoints, *others)
    )


def test_a_subnet_that_the_policy_exempts_is_told_where_a_zone_takes_its_path_and_a_tag_is_not_enough() -> None:
    both, found = with_batch(), zone("logs.us-east-1.amazonaws.com")
    action = fix(both, found, exempt=(EXEMPT, replace(EXEMPT, subject="subnet-a")))
    assert action.status is Status.PLANNED
    assert action.reason.endswith(
        "subnet-b, which is exempt (batch only), would no longer reach the logs service (private hosted zone Z1 has no "
        "record for logs.us-east-1.amazonaws.com, so the name isn't resolved)"
    )
    assert fix(both, found, exempt=(BY_TAG, replace(BY_TAG, subject="subnet-a"))).is_blocked
    other = replace(EXEMPT, services=("ssm",))
    assert fix(both, found, exempt=(other,)).is_blocked


def test_a_subnet_that_the_policy_exempts_is_told_where_an_endpoint_takes_its_path() -> None:
    shut = endpoint(LOGS, "a", own=False, id="vpce-2", security_group_ids=frozenset({"sg-shut"}))
    there = with_batch(shut)
    there = replace(there, security_groups=(*there.security_groups, SecurityGroup("sg-shut", "theirs")))
    exempt = tuple(replace(EXEMPT, subject=one, services=("logs",)) for one in ("subnet-a", "subnet-b"))
    action = fix(there, exempt=exempt)
    assert action.status is Status.PLANNED
    assert "subnet-b, which is exempt (batch only), would no longer reach the logs service (" in action.reason
    assert fix(there, exempt=exempt[1:]).is_blocked


def test_an_exempt_subnet_that_loses_nothing_is_not_told() -> None:
    assert "exempt" not in fix(with_batch(), zone("example.com"), exempt=(EXEMPT,)).reason


def test_zones_of_other_names_are_told_and_block_nothing() -> None:
    action = fix(network(NAT), zone("example.com"), zone("corp.example", zone_id="Z2"))
    assert action.status is Status.PLANNED
    assert action.reason.endswith(
        "; private hosted zones that answer nobody so far will begin to: example.com (Z1) and corp.example (Z2)"
    )
    assert "a private hosted zone that answers nobody so far will begin to: example.com (Z1)" in (
        fix(network(NAT), zone("example.com")).reason
    )
    assert "begin to" not in fix(network(NAT)).reason


def test_a_zone_of_another_of_the_services_names_hides_nothing() -> None:
    """Who asks for its FIPS name isn't known; who asks for the usual one is answered as before."""
    usual, fips = "logs.us-east-1.amazonaws.com", "logs-fips.us-east-1.amazonaws.com"
    service = Service(LOGS, EndpointType.INTERFACE, zones=frozenset(ZONES), private_dns_names=(usual, fips))
    catalog = Catalog((*(one for one in builders.CATALOG.services if one.name != LOGS), service))

    def fixed(*domains: str) -> Action:
        asked = (Requirement("monitoring", frozenset({CLIENT.id}), per_zone=True),)
        dns = DnsView(tuple(zone(domain) for domain in domains))
        return plan_endpoints(network(NAT), catalog, PlanInput(asked, OWNER, dns=dns, fix_dns=True)).actions[0]

    assert fixed(fips).status is Status.PLANNED
    assert fixed("us-east-1.api.aws").status is Status.PLANNED
    assert fixed(fips, usual).status is Status.BLOCKED


def test_zones_beyond_the_third_are_counted() -> None:
    domains = [f"{letter}.example" for letter in "abcde"]
    ends = {
        3: "will begin to: a.example (Z1), b.example (Z1) and c.example (Z1)",
        4: "will begin to: a.example (Z1), b.example (Z1), c.example (Z1) and 1 more",
        5: "will begin to: a.example (Z1), b.example (Z1), c.example (Z1) and 2 more",
    }
    for count, end in ends.items():
        assert fix(network(NAT), *map(zone, domains[:count])).reason.endswith(end)


def test_zones_that_could_not_be_read_block_it() -> None:
    action = fix(network(NAT), unreadable=("the zones: AccessDenied",))
    assert action.error == ("it isn't known which private hosted zones would begin to answer: the zones: AccessDenied")


def test_other_vpcs_that_ask_here_count_as_where_an_endpoint_is_made() -> None:
    there = vpc(subnet("z", cidr="10.1.1.0/24"), table("main", NAT), id="vpc-0fedcba9876543210", cidrs=("10.1.0.0/16",))
    asking = Asking((Asker("somebody asks here", there.id, is_sure=True, vpc=there),))
    (action,) = builders.plan(network(NAT), "monitoring", dns=DnsView(), fix_dns=True, asking=asking).actions
    assert (action.kind, action.status) == (ActionKind.FIX_DNS, Status.BLOCKED)
    assert f"unreachable from subnet-z of {there.id}" in action.error


def test_an_endpoint_without_private_dns_wakes_nothing_up() -> None:
    shut = endpoint(LOGS, "a", own=False, id="vpce-2", security_group_ids=frozenset({"sg-shut"}))
    there = network(NAT)
    groups = (*there.security_groups, SecurityGroup("sg-shut", "theirs"))
    for private_dns in (False, True):
        endpoints = (*there.endpoints, replace(shut, private_dns=private_dns))
        assert fix(replace(there, endpoints=endpoints, security_groups=groups)).is_blocked is private_dns


def test_with_the_attributes_on_nothing_wakes() -> None:
    dns = DnsView((zone("example.com"),))
    assert builders.plan(network(NAT, hostnames=True), "monitoring", dns=dns, fix_dns=True).actions == ()


# ---- for whom they are turned on


def asked(service: str, *, by_tag: bool = True) -> Requirement:
    return Requirement(service, frozenset({CLIENT.id}), per_zone=True, is_by_tag=by_tag)


def fixes(of: Vpc, *requirements: Requirement, dns: DnsView | None = None) -> list[tuple[Status, tuple[str, ...]]]:
    """What becomes of each change of the VPC's attributes, with which these are."""
    found = builders.plan(of, requirements=requirements, dns=dns or DnsView(), fix_dns=True).actions
    return [(action.status, action.attributes) for action in found if action.kind is ActionKind.FIX_DNS]


def without_an_endpoint(*, support: bool = True) -> Vpc:
    return replace(network(NAT), endpoints=(), dns_support=support)


HOSTNAMES = ("enableDnsHostnames",)
BOTH = ("enableDnsSupport", "enableDnsHostnames")


def test_for_a_tag_alone_nothing_is_turned_on_by_which_names_change_for_all_of_the_vpc() -> None:
    there = network(NAT)
    theirs = replace(there, endpoints=(endpoint(MONITORING, "a", own=False),))
    (fix_,) = builders.plan(theirs, requirements=(asked("monitoring"),), dns=DnsView(), fix_dns=True).actions
    assert fix_.kind is ActionKind.FIX_DNS
    assert fix_.error == (
        "only a tag asks for the monitoring service, and a tag alone doesn't have Lifeline turn on the VPC's DNS, by "
        "which names change for everybody there: have a rule of the policy ask for monitoring, or turn it on yourself; "
        "private DNS requires the VPC's enableDnsHostnames to be on: aws ec2 modify-vpc-attribute --vpc-id "
        "vpc-0123456789abcdef0 --enable-dns-hostnames"
    )
    (made,) = builders.plan(
        without_an_endpoint(), requirements=(asked("monitoring"),), dns=DnsView(), fix_dns=True
    ).actions
    assert (made.kind, made.error) == (ActionKind.CREATE_INTERFACE_ENDPOINT, fix_.error)
    for of in (theirs, without_an_endpoint()):
        assert fixes(of, asked("monitoring", by_tag=False)) == [(Status.PLANNED, HOSTNAMES)]


def test_where_lifelines_own_endpoint_has_the_name_it_answers_again_whoever_asks_for_it() -> None:
    assert fixes(network(NAT), asked("monitoring")) == [(Status.PLANNED, HOSTNAMES)]
    assert fixes(network(NAT), asked("logs")) == []
    assert builders.plan(network(NAT), requirements=(asked("logs"),), dns=DnsView(), fix_dns=True).actions[0].is_blocked


def test_what_is_turned_on_for_a_rule_is_on_for_a_tag_as_well() -> None:
    ruled, tagged = asked("monitoring", by_tag=False), asked("logs")
    both = [(Status.PLANNED, HOSTNAMES)] * 2
    assert fixes(without_an_endpoint(), ruled, tagged) == both
    serving = (endpoint(MONITORING, "a", own=False), endpoint(LOGS, "a", own=False, id="vpce-2"))
    asleep = replace(network(NAT), endpoints=serving)
    assert fixes(asleep, ruled, tagged) == both
    assert fixes(asleep, asked("monitoring"), tagged) == [(Status.BLOCKED, HOSTNAMES)] * 2


def test_of_a_gateway_endpoint_what_wakes_nothing_is_turned_on_for_a_tag_too() -> None:
    gateways = replace(network(), endpoints=(builders.gateway("main", own=False),), dns_support=False)
    assert fixes(gateways, asked("s3")) == [(Status.PLANNED, BOTH[:1])]
    assert fixes(replace(gateways, dns_hostnames=True), asked("s3")) == [(Status.BLOCKED, BOTH[:1])]
    assert fixes(replace(gateways, dns_hostnames=True), asked("s3", by_tag=False)) == [(Status.PLANNED, BOTH[:1])]
    beside = replace(gateways, endpoints=(*gateways.endpoints, endpoint(LOGS, "a", own=False, id="vpce-2")))
    assert sorted(fixes(beside, asked("s3", by_tag=False), asked("logs"))) == [
        (Status.BLOCKED, BOTH),
        (Status.PLANNED, BOTH[:1]),
    ]


def test_of_an_endpoint_that_wakes_and_lets_only_some_through_people_hear_and_it_blocks_nothing() -> None:
    theirs = endpoint(LOGS, "a", own=False, id="vpce-2", policy=builders.NARROW_POLICY)
    there = network(NAT)
    action = fix(replace(there, endpoints=(*there.endpoints, theirs)))
    assert action.status is Status.PLANNED
    assert action.reason.endswith(
        "; endpoints that begin to answer then may let only some callers or calls through: vpce-2 (logs)"
    )
    assert "callers or calls" not in fix(there).reason
