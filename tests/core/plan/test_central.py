"""A hub's endpoint in place of a paid one: offered where everything fits, asked for where something can't be read."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from lifeline.core.guards.approval import approvable, make_offer, still_planned
from lifeline.core.network.askers import Asker, Asking
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView, usual_first
from lifeline.core.network.hub import CheckAnswer, HubSource, HubView
from lifeline.core.network.model import (
    IN_PLACE_OF,
    MANAGED_BY,
    AclEntry,
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Part,
    Route,
    Rule,
    SecurityGroup,
    Service,
    Subnet,
    TargetKind,
    Unread,
    Vpc,
)
from lifeline.core.network.network_path import Reach
from lifeline.core.plan.actions import HALFWAY, Action, ActionKind, Plan, ServiceState, Status
from lifeline.core.plan.central import CentralOffer, judge_central
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.harm import unprepared
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.central import Central
from lifeline.core.policy.policy import Exempted, ExemptedBy, Requirement
from tests.support.builders import MONITORING, OWNER, VPC_ID, default_route, endpoint, route, subnet, table, vpc
from tests.support.hubs import ADDRESS, HUB_ID, NAME, TGW, ZONE, Hubs, answer, central, hub_vpc, led, offered, spoke

NOW = datetime(2026, 11, 29, 9, tzinfo=UTC)


def only(found: Plan) -> Action:
    """The one action, apart from the security group that an endpoint needs."""
    (action,) = [one for one in found.actions if one.kind is not ActionKind.CREATE_SECURITY_GROUP]
    return action


def refusal(found: Plan) -> str:
    """Why the endpoint is made instead."""
    action = only(found)
    assert action.kind is ActionKind.CREATE_INTERFACE_ENDPOINT
    return action.reason.partition("the hub's endpoint can't be shared: ")[2]


def asked(found: Plan) -> str:
    action = only(found)
    assert action.kind is ActionKind.ASSOCIATE_CENTRAL
    return action.asks


# ---- what is offered


def test_where_everything_fits_the_vpc_is_associated_and_nothing_is_paid() -> None:
    found = offered(spoke())
    action = only(found)
    assert (action.kind, action.central_ids, action.asks) == (ActionKind.ASSOCIATE_CENTRAL, (ZONE,), "")
    assert action.central_account == "999999999999"
    assert action.reason == (
        "subnet-a (isolated) can't reach the monitoring service, and the hub's endpoint would serve it: 0.00 USD per "
        "month instead of 7.30 USD, before data charges"
    )
    assert found.monthly_cost_usd == 0
    assert {words.partition(": ")[2].partition(" (")[0] for words in action.checks} == {"yes"}


def test_each_zone_of_the_endpoint_that_is_spared_counts() -> None:
    network = spoke(subnets=(subnet(), subnet("b", "us-east-1b", cidr="10.0.2.0/24")))
    found = offered(network, Hubs(attached=frozenset({"subnet-a", "subnet-b"})).view())
    assert "instead of 14.60 USD" in only(found).reason


def test_without_a_word_on_it_the_policy_has_people_asked() -> None:
    assert asked(offered(spoke(), central=central(is_auto=False))) == (
        "needs approval: the policy's central.associate is ask"
    )


def test_a_zone_of_the_vpcs_own_account_takes_no_authorization() -> None:
    assert only(offered(spoke(), account_id="999999999999")).central_account == ""


@pytest.mark.parametrize(
    "more", [{"central": None}, {"hub": None}, {"central": central(services=frozenset({"logs"}))}], ids=str
)
def test_without_a_hub_for_the_service_an_endpoint_is_made_and_no_hub_is_mentioned(more: dict[str, Any]) -> None:
    action = only(offered(spoke(), **more))
    assert action.kind is ActionKind.CREATE_INTERFACE_ENDPOINT
    assert "hub" not in action.reason


def test_a_service_without_a_private_dns_name_has_nothing_that_a_zone_could_answer() -> None:
    catalog = Catalog((Service(MONITORING, EndpointType.INTERFACE),))
    asked = (Requirement("monitoring", frozenset({"subnet-a"}), per_zone=True),)
    wanted = PlanInput(asked, OWNER, dns=DnsView(), central=central(), hub=Hubs().view(), may_associate=True)
    assert judge_central(catalog.services[0], spoke(), spoke().subnets, catalog, wanted) is None
    found = plan_endpoints(spoke(), catalog, wanted)
    assert "has no private DNS name" in only(found).error


# ---- what speaks against it


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (spoke(dns_hostnames=False), "DNS attributes on: no (enableDnsHostnames is off)"),
        (spoke(route("10.8.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW)), "no route of rtb-main leads to 10.9.1.10"),
        (spoke(route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW, active=False)), "is a blackhole"),
        (spoke(cidrs=("10.0.0.0/16", "10.9.128.0/20")), "the VPC's 10.9.128.0/20 overlaps with the hub's 10.9.0.0/16"),
    ],
    ids=str,
)
def test_what_the_vpc_itself_lacks_is_said_and_an_endpoint_is_made(network: Any, words: str) -> None:
    found = offered(network, fix_dns=True)
    creating = [one for one in found.actions if one.kind is ActionKind.CREATE_INTERFACE_ENDPOINT]
    assert words in creating[0].reason


def test_every_subnet_counts_and_not_only_the_first() -> None:
    lost = table("b", subnets=("b",))
    to_hub = table("main", route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW))
    network = vpc(subnet(), subnet("b", cidr="10.0.2.0/24"), to_hub, lost, client_groups=(), interfaces=())
    assert "subnet-b: " in refusal(offered(network))


@pytest.mark.parametrize(
    ("hubs", "words"),
    [
        (Hubs(there=(led("10.8.0.0/16", HUB_ID),)), "rt-spoke: it has no route there"),
        (Hubs(there=(led("10.9.0.0/16", HUB_ID, active=False),)), "its route to 10.9.0.0/16 is a blackhole"),
        (Hubs(there=(led("10.0.0.0/8", HUB_ID), led("10.9.1.0/24", active=False))), "10.9.1.0/24 is a blackhole"),
        (Hubs(back=(led("10.5.0.0/16", "vpc-0123456789abcdef0"),)), "way back by the transit gateway: no (rt-hub"),
        (Hubs(is_available=False), "tgw-attach-spoke isn't available"),
    ],
    ids=str,
)
def test_what_the_transit_gateway_does_not_pass_is_said(hubs: Hubs, words: str) -> None:
    assert words in refusal(offered(spoke(), hubs.view()))


TWO = spoke(subnets=(subnet(), subnet("b", "us-east-1b", cidr="10.0.2.0/24")))


def test_an_attachment_must_have_a_subnet_in_the_clients_zone() -> None:
    in_b = Hubs(attached=frozenset({"subnet-b"})).view()
    assert "tgw-attach-spoke has no subnet in us-east-1a, where subnet-a is" in refusal(offered(TWO, in_b))
    unseen = asked(offered(spoke(), in_b))
    assert "in which zone subnet-b of tgw-attach-spoke is wasn't read" in unseen


def hub_beside(*acls: NetworkAcl, endpoint_in: tuple[str, ...] = ("a",), attached_in: tuple[str, ...] = ("a",)) -> Any:
    """A view of a hub whose endpoint and whose attachment have subnets of their own in these zones."""
    hosts = tuple(f"subnet-host-{zone}" for zone in endpoint_in)
    homes = tuple(f"subnet-att-{zone}" for zone in attached_in)
    subnets = [
        Subnet(id_, f"us-east-1{id_[-1]}", "", cidr=f"10.9.{number}.0/24") for number, id_ in enumerate(hosts + homes)
    ]
    usual = hub_vpc()
    there = replace(usual.endpoints[0], subnet_ids=frozenset(hosts))
    view = Hubs().view(vpcs=(replace(usual, subnets=tuple(subnets), endpoints=(there,), network_acls=acls),))
    own, theirs = view.attachments or ()
    return replace(view, attachments=(own, replace(theirs, subnet_ids=frozenset(homes))))


def test_the_hubs_attachment_must_have_a_subnet_in_each_zone_of_the_endpoint() -> None:
    for there in (("b",), ("a", "b")):
        view = hub_beside(endpoint_in=there)
        words = "the hub's attachment: no (tgw-attach-hub has no subnet in us-east-1b, where subnet-host-b is)"
        assert words in refusal(offered(spoke(), view))
        cut = by_kind(offered(spoke(), view, dns=DnsView((answer(),))))
        assert ActionKind.SWAP_TO_LOCAL in cut
    whole = hub_beside(endpoint_in=("a", "b"), attached_in=("a", "b"))
    assert asked(offered(spoke(), whole)) == ""


def test_a_network_acl_where_the_hubs_attachment_is_needs_approval() -> None:
    shut = NetworkAcl("acl-att", frozenset({"subnet-att-a"}), ())
    words = "the hub's attachment: can't be read (a network ACL filters in subnet-att-a, where tgw-attach-hub is)"
    assert words in asked(offered(spoke(), hub_beside(shut)))
    elsewhere = replace(shut, subnet_ids=frozenset({"subnet-other"}))
    assert asked(offered(spoke(), hub_beside(elsewhere))) == ""


def test_a_prefix_list_that_was_not_read_may_lead_back_from_the_hub() -> None:
    local, back = hub_vpc().route_tables[0].routes
    by_list = replace(hub_vpc().route_tables[0], routes=(local, replace(back, destinations=(), prefix_list_id="pl-1")))
    hub = hub_vpc(route_tables=(by_list,), unread=(Unread(Part.PREFIX_LIST, "denied", "pl-1"),))
    view = Hubs().view(vpcs=(hub,))
    assert "the hub's routes back: can't be read (the entries of the prefix list pl-1 could not be read)" in asked(
        offered(spoke(), view)
    )
    assert not offered(spoke(), view, dns=DnsView((answer(),))).actions
    gone = replace(by_list, routes=(local, replace(back, is_active=False)))
    assert "no route of subnet-host leads back" in refusal(
        offered(spoke(), Hubs().view(vpcs=(replace(hub, route_tables=(gone,)),)))
    )


def test_the_endpoints_subnets_that_were_not_read_need_approval() -> None:
    words = "the hub's subnets: can't be read (subnet-host of vpce-0hub can't be read)"
    view = Hubs().view(vpcs=(hub_vpc(subnets=()),))
    assert words in asked(offered(spoke(), view))
    assert not offered(spoke(), view, dns=DnsView((answer(),))).actions


def test_a_vpc_that_is_not_attached_is_not_served() -> None:
    view = Hubs().view()
    assert "isn't attached to tgw-1" in refusal(offered(spoke(), replace(view, attachments=view.attachments[1:])))  # type: ignore[index]


def test_of_several_attachments_to_a_gateway_the_available_one_counts() -> None:
    """One that was deleted is still shown for a while."""
    view = Hubs().view()
    assert view.attachments
    gone = tuple(replace(one, id=f"{one.id}-0", is_available=False) for one in view.attachments)
    found = offered(spoke(), replace(view, attachments=gone + view.attachments))
    assert (only(found).kind, asked(found)) == (ActionKind.ASSOCIATE_CENTRAL, "")


@pytest.mark.parametrize("hub", [hub_vpc(), hub_vpc(subnets=())], ids=["whole", "without its subnets"])
def test_an_attachment_of_the_hub_that_is_not_available_is_said(hub: Vpc) -> None:
    view = Hubs().view(vpcs=(hub,))
    assert view.attachments
    own, theirs = view.attachments
    found = offered(spoke(), replace(view, attachments=(own, replace(theirs, is_available=False))))
    assert "the hub's attachment: no (tgw-attach-hub isn't available)" in refusal(found)


def test_attachments_that_may_be_there_unseen_need_approval() -> None:
    view = Hubs().view()
    assert view.attachments
    own, theirs = view.attachments
    for seen, misses, words in (
        ((theirs,), True, "transit gateway attachment: can't be read (the attachments to tgw-1 can't be read)"),
        ((own,), False, f"the hub's attachment: can't be read (no attachment of {HUB_ID} to tgw-1 was seen)"),
        ((own, replace(theirs, gateway_id="tgw-2")), False, f"no attachment of {HUB_ID} to tgw-1 was seen"),
    ):
        found = offered(spoke(), replace(view, attachments=seen, misses_attachments=misses))
        assert words in asked(found)


@pytest.mark.parametrize(
    ("hub", "words"),
    [
        (hub_vpc(Rule("tcp", 443, 443, ("10.1.0.0/16",))), "sg-hub doesn't allow inbound 443 from 10.0.1.0/24"),
        (hub_vpc(Rule("tcp", 80, 80, ("10.0.0.0/8",))), "sg-hub doesn't allow inbound 443"),
        (hub_vpc(route_tables=()), "no route of subnet-host leads back to 10.0.1.0/24"),
        (
            hub_vpc(endpoints=(replace(hub_vpc().endpoints[0], state=EndpointState.PENDING),)),
            "the hub's endpoint: no (vpce-0hub",
        ),
        (
            hub_vpc(network_acls=(NetworkAcl("acl-hub", frozenset({"subnet-host"}), ()),)),
            "network ACL acl-hub doesn't let",
        ),
        (
            hub_vpc(
                network_acls=(
                    NetworkAcl(
                        "acl-hub",
                        frozenset({"subnet-host"}),
                        (
                            AclEntry(1, egress=False, allow=True, protocol="-1", cidr="0.0.0.0/0"),
                            AclEntry(1, egress=True, allow=True, protocol="-1", cidr="10.2.0.0/16"),
                        ),
                    ),
                )
            ),
            "network ACL acl-hub doesn't let answers out of subnet-host",
        ),
    ],
    ids=range(6),
)
def test_what_the_hub_keeps_out_is_said(hub: Any, words: str) -> None:
    assert words in refusal(offered(spoke(), Hubs().view(vpcs=(hub,))))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (HubSource(ZONE, (answer(),), 300, 300), f"room in {ZONE}: no (it has 300 of at most 300 VPCs)"),
        (HubSource(ZONE, (answer(addresses=(), endpoint_id=""),), 1, 300), f"{ZONE} has no record for {NAME}"),
        (
            HubSource(ZONE, (answer(addresses=(), absent_id="vpce-0hub"),), 1, 300),
            f"no (the record of private hosted zone {ZONE} for {NAME} leads to vpce-0hub, which was deleted)",
        ),
        (HubSource(ZONE, (answer(addresses=("10.8.0.9",)),), 1, 300), "answers 10.8.0.9, which isn't in central.cidrs"),
        (HubSource("Z0OTHER", (answer(domain="logs.us-east-1.amazonaws.com"),), 1, 300), f"is named {NAME}"),
    ],
    ids=range(5),
)
def test_a_zone_that_can_not_serve_is_not_offered(source: HubSource, words: str) -> None:
    assert words in refusal(offered(spoke(), Hubs().view(sources=(source,))))


@pytest.mark.parametrize("is_wildcard", [False, True])
def test_a_record_of_the_zones_own_name_does_not_serve_the_names_under_it(is_wildcard: bool) -> None:
    domain, network = "dkr.ecr.us-east-1.amazonaws.com", spoke()
    registry = Service("com.amazonaws.us-east-1.ecr.dkr", EndpointType.INTERFACE, private_dns_names=(f"*.{domain}",))
    known, nothing = ((ADDRESS,), "vpce-0hub"), ((), "")
    (addresses, _), wildcard = (nothing, known) if is_wildcard else (known, nothing)
    source = HubSource(ZONE, (answer(domain=domain, addresses=addresses, wildcard=wildcard),), 1, 300)
    asked = PlanInput(
        (),
        OWNER,
        dns=DnsView(),
        central=central(services=frozenset({"ecr.dkr"})),
        hub=Hubs().view(sources=(source,)),
        may_associate=True,
        account_id="123456789012",
    )
    offer = judge_central(registry, network, network.subnets, Catalog((registry,)), asked)
    assert offer is not None
    of_record = next(check for check in offer.checks if check.what == "addresses of the hub")
    expected = (CheckAnswer.YES, "") if is_wildcard else (CheckAnswer.NO, f"{ZONE} has no record for *.{domain}")
    assert (of_record.finding, of_record.why) == expected


def test_the_stack_has_the_last_word() -> None:
    for view in (Hubs().view(), None):  # which isn't read then
        found = offered(spoke(), view, may_associate=False, hub=view)
        assert "CentralEndpoints: no (it must be yes)" in refusal(found)


def test_a_zone_of_one_of_the_services_other_names_is_in_the_way_of_the_hubs() -> None:
    """AWS takes one zone of a name; that of the first name would already count as served."""
    first, second = NAME, "monitoring.us-east-1.api.aws"
    service = Service(MONITORING, EndpointType.INTERFACE, private_dns_names=(first, second))
    both = (
        HubSource(ZONE, (answer(),), 1, 300),
        HubSource("Z0HUB2", (answer(domain=second, source_id="Z0HUB2"),), 1, 300),
    )
    own = DnsAnswer(AnswerKind.PRIVATE_ZONE, second, "Z0OWN", "the zone Z0OWN")

    def judged(*there: DnsAnswer) -> CentralOffer | None:
        wanted = PlanInput((), "lifeline", dns=DnsView(there), central=central(zones=(ZONE, "Z0HUB2")))
        wanted = replace(wanted, hub=Hubs().view(sources=both), may_associate=True)
        return judge_central(service, spoke(), spoke().subnets, Catalog((service,)), wanted)

    free, taken = judged(), judged(own)
    assert free
    assert free.central_ids == (ZONE, "Z0HUB2")
    assert not free.refusal
    assert taken
    assert taken.refusal == "no conflicting zones and rules: no (the zone Z0OWN has the name in the VPC)"


FIPS, DUAL = "monitoring-fips.us-east-1.amazonaws.com", "monitoring.us-east-1.api.aws"
THREE = Service(MONITORING, EndpointType.INTERFACE, private_dns_names=usual_first([DUAL, NAME, FIPS]))


def judged_of(service: Service, named: Central, *sources: HubSource) -> CentralOffer:
    wanted = PlanInput((), "lifeline", dns=DnsView(), central=named, may_associate=True)
    wanted = replace(wanted, hub=Hubs().view(sources=sources))
    found = judge_central(service, spoke(), spoke().subnets, Catalog((service,)), wanted)
    assert found
    return found


def test_the_zone_of_the_usual_name_will_do_and_the_others_are_said() -> None:
    found = judged_of(THREE, central(), HubSource(ZONE, (answer(),), 1, 300))
    assert (found.refusal, found.asks, found.central_ids) == ("", "", (ZONE,))
    assert any(f"Z0HUB doesn't answer {FIPS} and {DUAL}" in line for line in found.words)
    both = central(zones=(ZONE, "Z0HUB2"))
    unsure = judged_of(THREE, both, HubSource(ZONE, (answer(),), 1, 300), HubSource("Z0HUB2", unread=(DENIED,)))
    assert unsure.words == found.words  # nothing is said of what couldn't be read


@pytest.mark.parametrize("other", [FIPS, DUAL])
def test_a_hubs_zone_of_another_name_is_offered_to_nobody(other: str) -> None:
    """It would serve only those who were told to ask for that name, and keep AWS from accepting private DNS."""
    of_other = HubSource(ZONE, (answer(domain=other),), 1, 300)
    found = judged_of(THREE, central(), of_other)
    assert (found.central_ids, found.refusal) == ((), f"the hub's zone: no (no zone of central.zones is named {NAME})")
    profile = HubSource("rp-hub", (answer(kind=AnswerKind.PROFILE, domain=other, source_id="rp-hub"),), 1, 1000)
    brought = judged_of(THREE, central(zones=(), profile="rp-hub"), profile)
    assert (brought.central_ids, brought.refusal) == ((), f"the hub's Profile: no (the Profile rp-hub has no {NAME})")
    maybe = judged_of(THREE, central(zones=(ZONE, "Z0HUB2")), of_other, HubSource("Z0HUB2", unread=(DENIED,)))
    assert maybe.central_ids == ("Z0HUB2",)  # it may be the zone of the usual name


def test_where_clients_ask_for_several_names_the_hub_must_answer_them_all() -> None:
    first, second = "one.us-east-1.amazonaws.com", "other.us-east-1.amazonaws.com"
    service = Service(MONITORING, EndpointType.INTERFACE, private_dns_names=(first, second))
    found = judged_of(service, central(), HubSource(ZONE, (answer(domain=second),), 1, 300))
    why = f"Z0HUB doesn't answer {first}, which clients ask for unless they are told otherwise"
    assert (found.central_ids, found.refusal) == ((ZONE,), f"names of the zone: no ({why})")


@pytest.mark.parametrize(
    ("name", "private_dns", "is_leaving", "is_known", "is_held"),
    [
        (NAME, True, False, True, True),
        ("logs.us-east-1.amazonaws.com", True, False, True, False),
        (NAME, False, False, True, False),
        (NAME, True, True, True, False),
        (NAME, True, False, False, False),
    ],
)
def test_an_endpoint_that_has_the_name_is_in_the_way_unless_it_gives_it_up(
    name: str, private_dns: bool, is_leaving: bool, is_known: bool, is_held: bool
) -> None:
    """Whatever service it is of. Of one that the catalog doesn't have, the names aren't known."""
    shared, other = "com.amazonaws.us-east-1.monitoring", "com.amazonaws.us-east-1.monitoring-twin"
    service = Service(shared, EndpointType.INTERFACE, private_dns_names=(NAME,))
    twin = Service(other, EndpointType.INTERFACE, private_dns_names=(name, "twin.example.com"))
    there = endpoint(other, private_dns=private_dns)
    network, catalog = spoke(endpoints=(there,)), Catalog((service, twin) if is_known else (service,))
    wanted = PlanInput((), "lifeline", dns=DnsView(), central=central(), hub=Hubs().view(), may_associate=True)
    found = judge_central(service, network, network.subnets, catalog, wanted, leaving=there if is_leaving else None)
    assert found
    assert found.refusal == (
        f"no conflicting zones and rules: no ({there.id} has the name in the VPC)" if is_held else ""
    )


# ---- whom it would harm


def behind_nat(*more: Any, **fields: Any) -> Any:
    """A spoke with a second subnet, which no rule asks for and which reaches the service by an internet gateway."""
    public = table("public", route("0.0.0.0/0", TargetKind.INTERNET_GATEWAY, "igw-1"), *more, subnets=("public",))
    to_hub = table("main", route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW))
    there = {"client_groups": (), "interfaces": (), **fields}
    return vpc(subnet(), subnet("public", cidr="10.0.9.0/24"), to_hub, public, **there)


def test_a_subnet_that_would_lose_the_service_counts_even_if_no_rule_asks_for_it() -> None:
    assert "subnet-public: no route leads to the central endpoint" in refusal(offered(behind_nat()))
    led_too = behind_nat(route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW))
    assert only(offered(led_too)).kind is ActionKind.ASSOCIATE_CENTRAL


def test_a_subnet_that_the_policy_exempts_and_that_would_lose_the_service_is_told() -> None:
    exempt = Exempted("subnet-public", ("monitoring",), None, "batch")
    action = only(offered(behind_nat(), exempt=(exempt,)))
    assert action.kind is ActionKind.ASSOCIATE_CENTRAL
    assert (
        "; subnet-public, which is exempt (batch), would no longer reach the monitoring service (no route"
        in action.reason
    )
    led_too = behind_nat(route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW))
    assert "exempt" not in only(offered(led_too, exempt=(exempt,))).reason
    beyond = Hubs(back=(led("10.0.1.0/24", VPC_ID),)).view()
    assert "would no longer reach the monitoring service" in only(offered(led_too, beyond, exempt=(exempt,))).reason
    assert "subnet-public: no route" in refusal(offered(behind_nat(), exempt=(replace(exempt, by=ExemptedBy.TAG),)))


LED = route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW)


def test_of_many_exempt_subnets_that_would_lose_the_service_three_are_named() -> None:
    names = tuple(f"p{number}" for number in range(5))
    public = [subnet(name, cidr=f"10.0.{place}.0/24") for place, name in enumerate(names, 20)]
    out = table("out", route("0.0.0.0/0", TargetKind.INTERNET_GATEWAY, "igw-1"), subnets=names)
    network = vpc(subnet(), *public, table("main", LED), out, client_groups=(), interfaces=())
    exempt = tuple(Exempted(one.id, ("monitoring",), None, "batch") for one in public)
    told = only(offered(network, exempt=exempt)).reason
    assert [one.id for one in public if f"{one.id}, which is exempt" in told] == [one.id for one in public[:3]]
    assert told.endswith("and 2 more")


WITH_SPARE = spoke(subnets=(subnet(), subnet("b", cidr="10.0.2.0/24", state="pending")))


@pytest.mark.parametrize(
    ("network", "view", "exempt", "why"),
    [
        (behind_nat(), Hubs().view(), (), f"no route of rtb-public leads to {ADDRESS}"),
        (behind_nat(LED), Hubs(back=(led("10.0.1.0/24", VPC_ID),)).view(), (), "rt-hub: it has no route there"),
        (behind_nat(LED), Hubs().view(), (), ""),
        (WITH_SPARE, Hubs(back=(led("10.0.1.0/24", VPC_ID),)).view(), (), ""),
        (behind_nat(), Hubs().view(), (Exempted("subnet-public", ("monitoring",), None, "batch"),), ""),
    ],
    ids=["in the VPC", "beyond it", "served", "without a way of its own", "exempt"],
)
def test_a_subnet_that_lost_a_service_is_told_of_even_if_no_rule_asks_for_it(
    network: Vpc, view: HubView, exempt: Any, why: str
) -> None:
    found = offered(network, view, dns=DnsView((answer(),)), exempt=exempt)
    assert found.services[0].state is ServiceState.CENTRAL
    if not why:
        assert not found.notes
        return
    (note,) = found.notes
    assert note.startswith(
        "subnet-public (public) can't reach the monitoring service, which isn't required there: "
        "Z0HUB answers its name in the VPC, and "
    )
    assert why in note


@pytest.mark.parametrize(("service", "is_noted"), [("monitoring", False), ("logs", True)])
def test_of_a_subnet_that_requires_the_service_itself_its_path_tells(service: str, is_noted: bool) -> None:
    asked_for = (("monitoring", "subnet-a"), (service, "subnet-public"))
    requirements = tuple(Requirement(name, frozenset({id_}), per_zone=True) for name, id_ in asked_for)
    found = offered(behind_nat(), dns=DnsView((answer(),)), requirements=requirements)
    assert any("can't reach the monitoring service, which isn't required" in note for note in found.notes) is is_noted


def test_a_client_whose_own_group_does_not_let_out_to_the_hub_counts() -> None:
    client = NetworkInterface("eni-1", "subnet-a", ("10.0.1.20",), frozenset({"sg-client"}))
    shut = SecurityGroup("sg-client", "client", egress=(Rule("tcp", 443, 443, ("10.0.0.0/16",)),))
    network = spoke(interfaces=(client,), client_groups=(shut,))
    assert f"sg-client of eni-1 doesn't allow outbound 443 to {ADDRESS}" in refusal(offered(network))
    wide = replace(shut, egress=(Rule("-1", 0, 65535, ("0.0.0.0/0",)),))
    assert asked(offered(replace(network, client_groups=(wide,)))) == ""


def test_whether_a_group_that_a_rule_names_is_the_hubs_can_not_be_read() -> None:
    client = NetworkInterface("eni-1", "subnet-a", ("10.0.1.20",), frozenset({"sg-client"}))
    to_hub = SecurityGroup("sg-client", "client", egress=(Rule("tcp", 443, 443, groups=("sg-hub",)),))
    words = asked(offered(spoke(interfaces=(client,), client_groups=(to_hub,))))
    assert "clients' security groups: can't be read" in words
    assert "sg-client lets requests out to members of sg-hub, and who these are was not read" in words


# ---- what can't be read

DENIED = "the zone Z0HUB couldn't be read: AccessDenied"
LOGS = answer(domain="logs.us-east-1.amazonaws.com", source_id="Z0LOGS")


@pytest.mark.parametrize(
    ("hubs", "more", "words"),
    [
        (Hubs(there=None), {}, "transit gateway route tables: can't be read (the route table rt-spoke can't be read)"),
        (Hubs(back=None), {}, "the way back by the transit gateway: can't be read"),
        (Hubs(there=(led("10.9.0.0/16", "vpc-firewall"),)), {}, "leads 10.9.0.0/16 to vpc-firewall"),
        (Hubs(), {"attachments": None}, "the attachments to tgw-1 can't be read"),
        (Hubs(), {"vpcs": (), "unread": ("the hub's VPC couldn't be read",)}, "the hub's VPC couldn't be read"),
        (Hubs(), {"sources": (HubSource(ZONE, (answer(),)),)}, f"room in {ZONE}: can't be read"),
        (Hubs(), {"sources": (HubSource(ZONE, unread=(DENIED,)),)}, DENIED),
        (Hubs(), {"sources": (HubSource("Z0LOGS", (LOGS,), 1, 300), HubSource(ZONE, unread=(DENIED,)))}, DENIED),
        (
            Hubs(),
            {"sources": (HubSource(ZONE, (answer(addresses=None),), 1, 300),)},
            f"addresses of the hub: can't be read (those with which {ZONE} answers {NAME} can't be read)",
        ),
    ],
    ids=range(9),
)
def test_what_can_not_be_read_is_said_and_needs_approval_in_spite_of_auto(
    hubs: Hubs, more: dict[str, Any], words: str
) -> None:
    found = offered(spoke(), hubs.view(**more))
    assert asked(found).startswith("needs approval, because not everything can be read: ")
    assert words in asked(found)


def test_without_the_addresses_the_routes_must_lead_to_all_of_the_policys_blocks() -> None:
    unknown = HubSource(ZONE, (answer(addresses=None, endpoint_id=""),), 1, 300)
    half = spoke(route("10.9.0.0/17", TargetKind.TRANSIT_GATEWAY, TGW))
    assert "routes to the hub: no (subnet-a: " in refusal(offered(half, Hubs().view(sources=(unknown,))))


@pytest.mark.parametrize(
    ("network", "dns", "words"),
    [
        (spoke(), DnsView(custom_dns_servers=("10.0.0.53",)), "DNS servers: can't be read"),
        (spoke(), DnsView(unread=("the VPC's DHCP options could not be read: denied",)), "DNS servers: can't be read"),
        (spoke(client_groups=None), DnsView(), "clients' security groups: can't be read"),
        (
            spoke(route("10.9.0.0/16", TargetKind.VIRTUAL_PRIVATE_GATEWAY, "vgw-1")),
            DnsView(),
            "what lies beyond vgw-1 can't be read",
        ),
    ],
    ids=range(4),
)
def test_what_can_not_be_read_of_the_vpc_needs_approval(network: Any, dns: DnsView, words: str) -> None:
    assert words in asked(offered(network, dns=dns))


def test_a_zone_that_was_not_read_is_the_one_that_is_associated() -> None:
    sources = HubSource("Z0LOGS", (LOGS,), 1, 300), HubSource(ZONE, unread=(DENIED,))
    assert only(offered(spoke(), Hubs().view(sources=sources))).central_ids == (ZONE,)


def test_which_names_a_zone_takes_that_was_not_read_is_not_known() -> None:
    found = offered(spoke(), Hubs().view(sources=(HubSource(ZONE, unread=(DENIED,)),)))
    assert f"no conflicting zones and rules: can't be read (which names {ZONE} takes isn't known)" in only(found).checks


def test_of_several_zones_that_were_not_read_none_is_associated() -> None:
    """One of them would take another service's name, and nobody would have checked for whom."""
    sources = HubSource(ZONE, unread=(DENIED,)), HubSource("Z0LOGS", unread=(DENIED,))
    assert refusal(offered(spoke(), Hubs().view(sources=sources))) == (
        f"the hub's zone: no (no zone of central.zones is named {NAME}, but the names of {ZONE} and Z0LOGS can't be "
        "read)"
    )


def test_a_zone_that_was_not_read_is_not_offered_to_whom_nothing_leads_to_the_hub() -> None:
    elsewhere = spoke(route("10.8.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW))
    found = offered(elsewhere, Hubs().view(sources=(HubSource(ZONE, unread=(DENIED,)),)))
    assert "routes to the hub: no" in refusal(found)


def test_zones_of_an_account_that_can_not_be_entered_are_not_offered() -> None:
    words = "999999999999, which has the zones, is no account that this stack serves"
    assert words in refusal(offered(spoke(), Hubs().view(sources=(), unread=(words,))))


def test_attributes_that_were_not_read_need_approval() -> None:
    network = spoke(unread=(Unread(Part.DNS_ATTRIBUTES, "denied"),))
    found = offered(network)
    assert only(found).kind is ActionKind.ASSOCIATE_CENTRAL
    assert "DNS attributes on: can't be read" in asked(found)


def test_what_no_client_uses_of_the_gateways_tables_does_not_count() -> None:
    """Clients of subnets with both families reach names by IPv4 (ADR 5): of the hub's, and back."""
    both = answer(addresses=(ADDRESS, "2001:db8::10"))
    view = Hubs().view(sources=(HubSource(ZONE, (both,), 3, 300),))
    network = spoke(subnets=(subnet(ipv6_cidrs=("2001:db8:1::/64",)),))
    named = central(cidrs=("10.9.0.0/16", "2001:db8::/56"))
    assert only(offered(network, view, central=named)).kind is ActionKind.ASSOCIATE_CENTRAL
    served = offered(network, view, central=named, dns=DnsView((both,)))
    assert (served.services[0].state, served.actions) == (ServiceState.CENTRAL, ())


# ---- Profiles


def profile(*answers: DnsAnswer, **more: Any) -> Any:
    source = HubSource("rp-1", answers, 1, 1000, **more)
    return Hubs().view(sources=(source,))


def of_profile(domain: str = NAME, **more: Any) -> DnsAnswer:
    return answer(kind=AnswerKind.PROFILE, domain=domain, source_id="rp-1", **more)


def test_a_profile_takes_the_place_of_its_zones() -> None:
    by_profile = central(zones=(), profile="rp-1")
    found = only(offered(spoke(), profile(of_profile()), central=by_profile))
    assert (found.central_ids, found.asks) == (("rp-1",), "")


def test_a_profile_whose_zones_can_not_be_read_needs_approval() -> None:
    by_profile = central(zones=(), profile="rp-1")
    found = offered(spoke(), profile(unread=("Z0HUB of the Profile rp-1 couldn't be read",)), central=by_profile)
    assert "Z0HUB of the Profile rp-1 couldn't be read" in asked(found)


@pytest.mark.parametrize(("is_seen", "finding"), [(True, "yes"), (None, "can't be read"), (False, "no")])
def test_a_profile_must_be_shared_with_the_vpcs_account(is_seen: bool | None, finding: str) -> None:
    view = Hubs().view(sources=(HubSource("rp-1", (of_profile(),), 3, 1000, is_seen=is_seen),))
    found = offered(spoke(), view, central=central(zones=(), profile="rp-1"))
    what = f"the Profile in the VPC's account: {finding}"
    if is_seen is False:
        assert f"{what} (rp-1 isn't shared with account 123456789012: share it by AWS RAM)" in refusal(found)
    else:
        assert any(line.startswith(what) for line in only(found).checks)
        assert (what in only(found).asks) is (is_seen is None)


def test_a_profile_of_the_vpc_itself_is_shared_with_its_account() -> None:
    view = Hubs().view(sources=(HubSource("rp-1", (of_profile(),), 3, 1000, is_seen=False),))
    held = DnsView(answers=(of_profile("logs.us-east-1.amazonaws.com"),), profiles=(("rp-1", ()),))
    found = only(offered(spoke(), view, central=central(zones=(), profile="rp-1"), dns=held))
    assert "the Profile in the VPC's account: yes" in found.checks


@pytest.mark.parametrize("there", [(), (of_profile("logs.us-east-1.amazonaws.com"),)])
def test_a_profile_that_was_read_and_lacks_the_name_is_not_offered(there: tuple[DnsAnswer, ...]) -> None:
    found = offered(spoke(), profile(*there), central=central(zones=(), profile="rp-1"))
    assert f"the hub's Profile: no (the Profile rp-1 has no {NAME})" in refusal(found)


def test_whatever_else_a_profile_brings_must_be_reached_by_who_reaches_it_today() -> None:
    by_profile, logs = central(zones=(), profile="rp-1"), of_profile("logs.us-east-1.amazonaws.com")
    network = behind_nat(route("10.9.1.10/32", TargetKind.TRANSIT_GATEWAY, TGW))
    view = profile(of_profile(), replace(logs, addresses=("10.9.7.7",)))
    assert "subnet-public: no route leads to the central endpoint for the logs" in refusal(
        offered(network, view, central=by_profile)
    )


def test_a_profile_is_not_shared_with_a_vpc_in_which_another_name_that_it_brings_is_frozen() -> None:
    """Frozen because of the Profile itself, maybe: agents fell silent when it took that name."""
    by_profile, logs = central(zones=(), profile="rp-1"), of_profile("logs.us-east-1.amazonaws.com")
    brings = profile(of_profile(), logs)
    words = "frozen services: no (rp-1 would take the name of the logs service, too, which is frozen)"
    assert refusal(offered(spoke(), brings, central=by_profile, frozen=frozenset({"logs"}))) == words
    for frozen in ("monitoring", "ssm"):  # what holds the service itself, the plan's amendment says
        found = offered(spoke(), brings, central=by_profile, frozen=frozenset({frozen}))
        assert only(found).kind is ActionKind.ASSOCIATE_CENTRAL
    assert only(offered(spoke(), frozen=frozenset({"logs"}))).kind is ActionKind.ASSOCIATE_CENTRAL  # a zone takes one


def test_an_endpoint_that_answers_already_is_left_alone() -> None:
    network = spoke()
    there = replace(network, endpoints=(endpoint(MONITORING, "a"),), security_groups=())
    assert ActionKind.ASSOCIATE_CENTRAL not in {one.kind for one in offered(there).actions}


# ---- the path is cut, and an endpoint is to stand in


CUT = route("10.8.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW)


def stand_in(of: str = ZONE, **more: Any) -> Endpoint:
    tags = ((MANAGED_BY, OWNER), (IN_PLACE_OF, of))
    return endpoint(MONITORING, "a", **{"private_dns": False, "tags": tags, **more})


def cut_with(state: EndpointState) -> Plan:
    return offered(spoke(CUT, endpoints=(stand_in(state=state),)), dns=DnsView((answer(),)))


def by_kind(found: Plan) -> dict[ActionKind, Action]:
    return {one.kind: one for one in found.actions}


def test_an_endpoint_that_is_coming_up_takes_the_name_once_it_is_there() -> None:
    swap = only(cut_with(EndpointState.PENDING))
    assert (swap.kind, swap.endpoint_id, swap.central_ids) == (ActionKind.SWAP_TO_LOCAL, "", (ZONE,))
    assert "vpce-1" in swap.reason
    assert "will take the name once it is available" in swap.reason
    assert "disassociate" not in swap.reason


@pytest.mark.parametrize("state", [EndpointState.FAILED, EndpointState.REJECTED])
def test_one_that_failed_is_named_and_replaced(state: EndpointState) -> None:
    actions = {one.kind: one for one in cut_with(state).actions}
    replaced = actions[ActionKind.REPLACE_ENDPOINT]
    assert (replaced.endpoint_id, replaced.private_dns) == ("vpce-1", False)
    assert f"vpce-1 {state.words}" in replaced.reason
    assert (IN_PLACE_OF, ZONE) in replaced.tags
    assert actions[ActionKind.SWAP_TO_LOCAL].endpoint_id == ""


def test_an_endpoint_that_isnt_lifelines_own_doesnt_stand_in() -> None:
    theirs = stand_in(tags=(), on_record=False, id="vpce-9")
    made = by_kind(offered(spoke(CUT, endpoints=(theirs,)), dns=DnsView((answer(),))))
    assert {one.endpoint_id for one in made.values()} == {""}
    assert made.keys() >= {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.SWAP_TO_LOCAL}


STAND_IN = ((MANAGED_BY, OWNER), (IN_PLACE_OF, ZONE))


@pytest.mark.parametrize(
    ("changed", "hub", "is_given_back"),
    [
        ({}, {}, True),
        ({"state": EndpointState.PENDING}, {}, False),
        ({"tags": ((MANAGED_BY, OWNER),)}, {}, False),  # it never stood in for the hub
        ({"tags": ((MANAGED_BY, "another-stack"), (IN_PLACE_OF, ZONE))}, {}, False),
        ({"on_record": False}, {}, False),
        ({}, {"there": ()}, False),  # the path isn't back
    ],
)
def test_an_endpoint_that_stands_in_gives_the_name_back_once_the_path_is_whole(
    changed: dict[str, Any], hub: dict[str, Any], is_given_back: bool
) -> None:
    standing_in = replace(endpoint(MONITORING, "a", tags=STAND_IN), **changed)
    found = offered(spoke(endpoints=(standing_in,)), Hubs(**hub).view())
    swaps = [one for one in found.actions if one.kind is ActionKind.SWAP_TO_CENTRAL]
    assert [(one.endpoint_id, one.central_ids, one.central_account) for one in swaps] == [
        (standing_in.id, (ZONE,), "999999999999")
    ][: int(is_given_back)]
    assert all(one.asks == "needs approval: it gives the name back to the hub" for one in swaps)


@pytest.mark.parametrize(
    ("changed", "is_retired"),
    [
        ({}, True),
        ({"state": EndpointState.PENDING}, False),
        ({"tags": ((MANAGED_BY, OWNER),)}, False),
        ({"on_record": False}, False),
    ],
)
def test_an_endpoint_that_stood_in_goes_where_the_hub_answers_again(changed: dict[str, Any], is_retired: bool) -> None:
    spare = replace(endpoint(MONITORING, "a", private_dns=False, tags=STAND_IN), **changed)
    found = offered(spoke(endpoints=(spare,)), dns=DnsView((answer(),)))
    retired = [one for one in found.actions if one.kind is ActionKind.RETIRE_ENDPOINT]
    assert [(one.endpoint_id, one.is_optional) for one in retired] == [(spare.id, True)][: int(is_retired)]


@pytest.mark.parametrize(
    ("changed", "is_swapped"),
    [
        ({}, True),
        ({"may_associate": False}, False),
        ({"central": None}, False),
        ({"central": central(zones=("Z0OTHER",))}, False),  # not the policy's to let go
        ({"dns": DnsView((answer(forwards=True),))}, False),
    ],
)
def test_an_endpoint_stands_in_only_for_zones_that_the_policy_names(changed: dict[str, Any], is_swapped: bool) -> None:
    lost = route("10.8.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW)
    found = offered(spoke(lost), **({"dns": DnsView((answer(),))} | changed))
    made = [one for one in found.actions if one.kind is ActionKind.SWAP_TO_LOCAL]
    assert [one.central_ids for one in made] == [(ZONE,)][: int(is_swapped)]
    assert all(one.asks == f"needs approval: it takes {ZONE} out of the VPC" for one in made)


def test_across_accounts_a_cut_path_is_seen_by_the_addresses_that_the_hubs_account_reads() -> None:
    """The VPC's account sees the zone, and not the endpoint to which it leads."""
    unread = DnsView((answer(addresses=None, endpoint_id=""),))
    to_others = route("10.8.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW)
    cut_off = offered(spoke(to_others), dns=unread)
    assert {one.kind for one in cut_off.actions} >= {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.SWAP_TO_LOCAL}
    assert f"no route of rtb-main leads to {ADDRESS}" in cut_off.actions[-1].reason + cut_off.actions[-2].reason
    assert not offered(spoke(), dns=unread).actions


TWO_NAMES = Service(MONITORING, EndpointType.INTERFACE, private_dns_names=(NAME, "monitoring.us-east-1.api.aws"))
SECOND = answer(domain="monitoring.us-east-1.api.aws", source_id="Z0HUB2")


def halfway(network: Vpc, *there: DnsAnswer) -> Action:
    return only(after_halfway(network, *there))


def after_halfway(network: Vpc, *there: DnsAnswer) -> Plan:
    """What is planned where a swap let go of one of two zones, and stopped."""
    sources = (HubSource(ZONE, (answer(), LOGS), 1, 300), HubSource("Z0HUB2", (SECOND,), 1, 300))
    more = {"central": central(zones=(ZONE, "Z0HUB2")), "hub": Hubs().view(sources=sources), "may_associate": True}
    asked = (Requirement("monitoring", frozenset({"subnet-a"}), per_zone=True),)
    given = replace(PlanInput(asked, OWNER, dns=DnsView(there)), **more)  # type: ignore[arg-type]
    return plan_endpoints(network, Catalog((TWO_NAMES,)), given)


def test_a_swap_that_stopped_halfway_is_finished_by_what_the_ledger_knows_and_not_by_a_tag() -> None:
    """Whoever may tag can write that the endpoint stands in for zones."""
    network = spoke(CUT, endpoints=(stand_in(f"{ZONE} Z0HUB2"),), security_groups=())
    swap = halfway(network, SECOND)
    assert (swap.kind, swap.central_ids, swap.asks) == (ActionKind.SWAP_TO_LOCAL, ("Z0HUB2",), HALFWAY)
    assert halfway(network, answer(), SECOND).asks == f"needs approval: it takes {ZONE} and Z0HUB2 out of the VPC"


def test_a_tag_that_names_the_zone_of_another_service_spares_nobody_the_question() -> None:
    network = spoke(CUT, endpoints=(stand_in(f"{ZONE} Z0LOGS"),), security_groups=())
    sources = (HubSource(ZONE, (answer(),), 1, 300), HubSource("Z0LOGS", (LOGS,), 1, 300))
    found = offered(
        network, Hubs().view(sources=sources), dns=DnsView((answer(),)), central=central(zones=(ZONE, "Z0LOGS"))
    )
    assert only(found).asks == f"needs approval: it takes {ZONE} out of the VPC"


def test_a_zone_that_an_endpoint_never_stood_in_for_was_not_left_by_a_swap_that_stopped() -> None:
    network = spoke(CUT, endpoints=(stand_in(ZONE),), security_groups=())
    found = halfway(network, SECOND)
    assert (found.kind, found.status, found.asks) == (ActionKind.ENABLE_PRIVATE_DNS, Status.BLOCKED, "")
    assert "Z0HUB2" in found.error


def test_no_endpoint_of_others_was_left_by_a_swap_whatever_its_tags_say() -> None:
    theirs = stand_in(f"{ZONE} Z0HUB2", tags=((IN_PLACE_OF, f"{ZONE} Z0HUB2"),))
    found = after_halfway(spoke(endpoints=(theirs,), security_groups=()), SECOND).actions
    (share,) = [one for one in found if one.kind is ActionKind.ASSOCIATE_CENTRAL]
    assert share.asks != HALFWAY


def test_where_the_path_is_back_by_then_the_zone_that_was_let_go_comes_back() -> None:
    network = spoke(endpoints=(stand_in(f"{ZONE} Z0HUB2"),), security_groups=())
    found = halfway(network, SECOND)
    assert (found.kind, found.central_ids, found.asks) == (ActionKind.ASSOCIATE_CENTRAL, (ZONE,), HALFWAY)
    assert halfway(network, answer(), SECOND).kind is ActionKind.RETIRE_ENDPOINT


def test_only_what_answers_the_services_own_names_is_let_go_for_it() -> None:
    sources = (HubSource(ZONE, (answer(),), 1, 300), HubSource("Z0LOGS", (LOGS,), 1, 300))
    named = central(services=frozenset({"monitoring", "logs"}), zones=(ZONE, "Z0LOGS"))
    dns = DnsView((answer(), LOGS))
    found = by_kind(offered(spoke(CUT), Hubs().view(sources=sources), dns=dns, central=named))
    assert found[ActionKind.SWAP_TO_LOCAL].central_ids == (ZONE,)


def test_the_swaps_reason_says_what_is_so_and_not_what_to_do() -> None:
    found = by_kind(offered(spoke(CUT), dns=DnsView((answer(),))))
    assert found[ActionKind.SWAP_TO_LOCAL].reason == (
        "not every subnet reaches the hub's endpoint, and AWS refuses private DNS for another endpoint while "
        f"{ZONE} is in the VPC"
    )


BEYOND = [
    (Hubs(there=(led("10.8.0.0/16", HUB_ID),)).view(), "rt-spoke: it has no route there"),
    (Hubs(back=(led("10.5.0.0/16", "vpc-0123456789abcdef0"),)).view(), "rt-hub: it has no route there"),
    (Hubs(is_available=False).view(), "tgw-attach-spoke isn't available"),
    (Hubs().view(vpcs=(hub_vpc(Rule("tcp", 443, 443, ("10.1.0.0/16",))),)), "sg-hub doesn't allow inbound 443"),
    (Hubs().view(vpcs=(hub_vpc(route_tables=()),)), "no route of subnet-host leads back to 10.0.1.0/24"),
]


@pytest.mark.parametrize(("view", "why"), BEYOND, ids=range(5))
def test_a_way_that_is_cut_beyond_the_vpc_is_told_once_the_vpc_is_associated(view: HubView, why: str) -> None:
    found = offered(spoke(), view, dns=DnsView((answer(),)))
    swap = by_kind(found)
    assert swap.keys() >= {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.SWAP_TO_LOCAL}
    assert "the way beyond the VPC is cut" in swap[ActionKind.CREATE_INTERFACE_ENDPOINT].reason
    assert why in swap[ActionKind.CREATE_INTERFACE_ENDPOINT].reason
    (report,) = found.services
    assert report.state is ServiceState.BLOCKED
    assert [path.reach for _, path in report.paths] == [Reach.UNREACHABLE]


GONE = answer(addresses=None, endpoint_id="", absent_id="vpce-0hub")
OTHERS = hub_vpc(endpoints=(replace(hub_vpc().endpoints[0], service_name="com.amazonaws.us-east-1.logs"),))


@pytest.mark.parametrize(
    ("view", "there", "why"),
    [
        (
            Hubs().view(vpcs=(), sources=(HubSource(ZONE, (GONE,), 3, 300),)),
            answer(addresses=None, endpoint_id=""),
            f"the record of {ZONE} leads to vpce-0hub, which isn't in account 999999999999",
        ),
        (
            Hubs().view(vpcs=(OTHERS,)),
            answer(),
            f"vpce-0hub is one of com.amazonaws.us-east-1.logs, not of {MONITORING}",
        ),
    ],
    ids=["deleted", "of another service"],
)
def test_a_record_must_lead_to_an_endpoint_of_the_service(view: HubView, there: DnsAnswer, why: str) -> None:
    assert f"the hub's endpoint: no ({why})" in refusal(offered(spoke(), view))
    found = by_kind(offered(spoke(), view, dns=DnsView((there,))))
    assert why in found[ActionKind.CREATE_INTERFACE_ENDPOINT].reason
    assert ActionKind.SWAP_TO_LOCAL in found


@pytest.mark.parametrize("unread", [answer(addresses=None, endpoint_id=""), None])
def test_an_endpoint_may_stand_in_for_one_of_the_hubs_that_was_deleted(unread: DnsAnswer | None) -> None:
    gone = answer(addresses=(), absent_id="vpce-0hub")
    view = Hubs().view(vpcs=(), sources=(HubSource(ZONE, (gone,), 3, 300),))
    found = by_kind(offered(spoke(), view, dns=DnsView((unread or gone,))))
    words = f"the record of private hosted zone {ZONE} for {NAME} leads to vpce-0hub, which was deleted"
    assert f"{words}, so the name isn't resolved" in found[ActionKind.CREATE_INTERFACE_ENDPOINT].reason
    assert ActionKind.SWAP_TO_LOCAL in found


def test_a_zone_that_leads_to_a_deleted_endpoint_is_told_with_its_remedy() -> None:
    gone = answer(addresses=(), absent_id="vpce-0hub")
    found = offered(spoke(), central=None, hub=None, dns=DnsView((gone,)))
    assert found.services[0].state is ServiceState.BLOCKED
    assert found.actions[0].error == (
        f"private hosted zone {ZONE} is in the way of an endpoint: point its record at another endpoint, or "
        f"disassociate private hosted zone {ZONE} from the VPC"
    )


@pytest.mark.parametrize(
    "view",
    [
        Hubs(there=None).view(),
        Hubs(back=None).view(),
        Hubs().view(attachments=None),
        Hubs().view(attachments=(), misses_attachments=True),
        Hubs().view(vpcs=(), unread=("the hub's VPC couldn't be read",)),
        Hubs(there=(led("10.9.0.0/16", "vpc-firewall"),)).view(),
        None,
    ],
    ids=range(7),
)
def test_what_can_not_be_read_beyond_the_vpc_cuts_nothing(view: HubView | None) -> None:
    found = offered(spoke(), view or Hubs().view(), dns=DnsView((answer(),)), **({} if view else {"hub": None}))
    assert (found.actions, found.services[0].state) == ((), ServiceState.CENTRAL)


SHUT_HUB = hub_vpc(Rule("tcp", 443, 443, ("10.1.0.0/16",)), route_tables=())


@pytest.mark.parametrize(
    ("network", "hubs"),
    [
        (spoke(), Hubs(there=(led("10.9.0.0/16", "vpc-firewall"),))),
        (spoke(), Hubs(there=None)),
        (spoke(route("10.9.0.0/16", TargetKind.NETWORK_INTERFACE, "eni-firewall")), Hubs()),
    ],
    ids=["a firewall's VPC", "a table that can't be read", "a firewall in the VPC"],
)
def test_whom_the_hub_lets_in_says_nothing_of_packets_whose_sender_may_be_another_by_then(
    network: Vpc, hubs: Hubs
) -> None:
    found = offered(network, hubs.view(vpcs=(SHUT_HUB,)), dns=DnsView((answer(),)))
    assert ActionKind.SWAP_TO_LOCAL not in by_kind(found)
    gone = replace(SHUT_HUB.endpoints[0], state=EndpointState.FAILED)
    cut = offered(network, hubs.view(vpcs=(replace(SHUT_HUB, endpoints=(gone,)),)), dns=DnsView((answer(),)))
    assert ActionKind.SWAP_TO_LOCAL in by_kind(cut)


def test_a_zone_that_is_not_the_hubs_is_not_judged_by_the_hubs_network() -> None:
    own = answer(source_id="Z0OWN", detail="the zone Z0OWN")
    assert not offered(spoke(), Hubs(is_available=False).view(), dns=DnsView((own,))).actions


def test_only_the_subnets_whose_own_way_is_cut_count() -> None:
    """The attachment has no subnet in the other zone: AWS passes nothing from there (transit gateway guide)."""
    network = spoke(subnets=(subnet(), subnet("b", "us-east-1b", cidr="10.0.2.0/24")))
    view = Hubs(back=(led("10.0.0.0/16", VPC_ID),)).view()
    found = offered(network, view, dns=DnsView((answer(),)))
    assert {subnet_id: path.reach for subnet_id, path in found.services[0].paths} == {
        "subnet-a": Reach.CENTRAL,
        "subnet-b": Reach.UNREACHABLE,
    }


@pytest.mark.parametrize("domain", ["us-east-1.amazonaws.com", "example.com"])
def test_a_profiles_other_zones_are_listed_and_asked_about(domain: str) -> None:
    """Of a parent zone, every name without a record is NXDOMAIN, whichever service's it is."""
    other = of_profile(domain, addresses=None, endpoint_id="", detail=f"the zone {domain}")
    found = asked(offered(spoke(), profile(of_profile(), other), central=PROFILE))
    assert f"what else the Profile brings: can't be read (it also brings the zone {domain})" in found
    logs = of_profile("logs.us-east-1.amazonaws.com")
    assert asked(offered(spoke(), profile(of_profile(), logs), central=PROFILE)) == ""


def test_a_profiles_firewall_is_listed_and_asked_about() -> None:
    found = asked(
        offered(spoke(), profile(of_profile(), brought=("firewall-rule-group rslvr-frg-1",)), central=PROFILE)
    )
    assert "(it also brings firewall-rule-group rslvr-frg-1)" in found


@pytest.mark.parametrize(
    ("vpcs", "words"),
    [
        (99, "0.00 USD, or 1.02 if its account's Profiles have 100 VPCs already, per month instead of 7.30 USD"),
        (None, "0.00 USD, or 1.02 if its account's Profiles have 100 VPCs already, per month instead of 7.30 USD"),
        (100, "serve it: 1.02 USD per month instead of 7.30 USD"),
    ],
)
def test_a_vpc_beyond_a_profiles_first_hundred_costs_something(vpcs: int | None, words: str) -> None:
    view = Hubs().view(sources=(HubSource("rp-1", (of_profile(),), vpcs, 1000),))
    assert words in only(offered(spoke(), view, central=PROFILE)).reason


@pytest.mark.parametrize(("vpcs", "is_at_most"), [(3, True), (None, True), (100, False)])
def test_the_plan_and_its_approval_say_what_a_vpc_of_a_profile_adds(vpcs: int | None, is_at_most: bool) -> None:
    view = Hubs().view(sources=(HubSource("rp-1", (of_profile(),), vpcs, 1000),))
    found = offered(spoke(), view, central=central(zones=(), profile="rp-1"))
    offer, usd = make_offer(found.vpc_id, found.planned, price_in("us-east-1"), now=NOW), Decimal("1.02")
    assert (found.monthly_cost_usd, offer.monthly_cost_usd, offer.is_at_most) == (usd, usd, is_at_most)
    words = approvable(offer, "command").cost_words
    assert words == f"{'up to ' if is_at_most else ''}1.02 USD more per month, before data charges"


def test_a_profile_costs_once_for_all_its_services() -> None:
    logs, hub = "logs.us-east-1.amazonaws.com", hub_vpc()
    other = replace(hub.endpoints[0], id="vpce-0logs", service_name=MONITORING.replace("monitoring", "logs"))
    there = (of_profile(), of_profile(logs, endpoint_id="vpce-0logs"))
    more = {"sources": (HubSource("rp-1", there, 3, 1000),), "vpcs": (replace(hub, endpoints=(*hub.endpoints, other)),)}
    both = central(zones=(), profile="rp-1", services=frozenset({"monitoring", "logs"}))
    found = offered(spoke(), Hubs().view(**more), "monitoring", "logs", central=both)
    assert [action.kind for action in found.planned] == [ActionKind.ASSOCIATE_CENTRAL] * 2
    assert found.monthly_cost_usd == Decimal("1.02")


def test_a_plan_of_a_profile_is_the_same_plan_once_its_price_is_sure() -> None:
    def plan_of(vpcs: int) -> Plan:
        view = Hubs().view(sources=(HubSource("rp-1", (of_profile(),), vpcs, 1000),))
        return offered(spoke(), view, central=central(zones=(), profile="rp-1"))

    offer = make_offer("vpc-1", plan_of(99).planned, price_in("us-east-1"), now=NOW)
    later = replace(plan_of(100), vpc_id="vpc-1")
    assert still_planned(offer, later, price_in("us-east-1"))


def test_what_a_vpc_of_the_profile_costs_is_paid_already() -> None:
    held = spoke(endpoints=(stand_in("rp-1", private_dns=True),), security_groups=())
    assert only(by_profile(held)).reason.endswith(": 0.00 USD per month instead of 7.30 USD, before data charges")


# ---- what AWS refuses


def test_what_aws_refused_lately_an_endpoint_is_made_for_and_its_reason_says_so() -> None:
    found = offered(spoke(), refused=((ZONE, "AccessDenied: by an SCP"), ("Z0OTHER", "no")))
    assert refusal(found) == f"AWS's answer for {ZONE}: no (AccessDenied: by an SCP)"
    assert asked(offered(spoke(), refused=(("Z0OTHER", "no"),))) == ""


@pytest.mark.parametrize(("there", "finding"), [(0, ""), (1, "can't be read"), (2, "no")])
def test_a_vpc_takes_few_profiles(there: int, finding: str) -> None:
    """Some pages of AWS's say one, others two: where it has one already, nobody knows."""
    dns = DnsView(profiles=tuple((f"rp-{number}", ()) for number in range(7, 7 + there)))
    view = Hubs().view(sources=(HubSource("rp-1", (of_profile(),), 3, 1000),))
    found = only(offered(spoke(), view, central=PROFILE, dns=dns))
    if finding == "no":
        assert found.reason.endswith(
            "room for the Profile in the VPC: no (the VPC has rp-7 and rp-8, and can't have more)"
        )
    else:
        assert (found.kind, "room for the Profile in the VPC: can't be read" in found.asks) == (
            ActionKind.ASSOCIATE_CENTRAL,
            bool(finding),
        )


# ---- a swap is judged as any endpoint that takes a name


def others_ask() -> Asking:
    """Another VPC's clients ask here, reach the service by a NAT gateway today, and aren't let in to an endpoint."""
    nat = NatGateway("nat-1", is_public=True, is_available=True)
    routes = default_route(TargetKind.NAT_GATEWAY, "nat-1"), route("10.0.0.0/16", TargetKind.PEERING, "pcx-1")
    local = Route(("10.77.0.0/16",), TargetKind.LOCAL, "local", is_active=True)
    led = replace(table("main"), routes=(local, *routes))
    there = vpc(subnet("there", cidr="10.77.1.0/24"), led, id="vpc-other", cidrs=("10.77.0.0/16",), nat_gateways=(nat,))
    return Asking((Asker("somebody asks here", "vpc-other", is_sure=True, vpc=there),))


@pytest.mark.parametrize("there", [(), (stand_in(),)], ids=["not made", "made"])
def test_who_asks_from_elsewhere_keeps_an_endpoint_from_standing_in(there: tuple[Endpoint, ...]) -> None:
    network = spoke(CUT, endpoints=there, security_groups=())
    found = only(offered(network, dns=DnsView((answer(),)), asking=others_ask()))
    assert found.is_blocked
    harm = "private DNS would make the monitoring service unreachable from subnet-there of vpc-other"
    assert f"an endpoint can't stand in: {harm}" in found.error


@pytest.mark.parametrize("there", [(), (stand_in(),)], ids=["not made", "made"])
def test_who_may_ask_from_elsewhere_is_said(there: tuple[Endpoint, ...]) -> None:
    network = spoke(CUT, endpoints=there, security_groups=())
    found = by_kind(offered(network, dns=DnsView((answer(),)), asking=Asking((Asker("somebody asks here"),))))
    takes = found.get(ActionKind.CREATE_INTERFACE_ENDPOINT) or found[ActionKind.SWAP_TO_LOCAL]
    assert "whoever asks there will get the endpoint's addresses as well" in takes.reason


def test_an_acl_that_walls_every_client_off_keeps_an_endpoint_from_standing_in() -> None:
    shut = NetworkAcl("acl-a", frozenset({"subnet-a"}), ())
    public = table("public", default_route(TargetKind.INTERNET_GATEWAY), subnets=("b",), main=False)
    network = spoke(
        subnets=(subnet("a", free_addresses=0), subnet("b", cidr="10.0.2.0/24")),
        route_tables=(table("main", CUT), public),
        network_acls=(shut,),
    )
    found = only(offered(network, dns=DnsView((answer(),))))
    assert found.is_blocked
    assert "an endpoint can't stand in: no subnet that needs the service could reach an endpoint there" in found.error


def test_a_group_that_keeps_clients_out_of_the_endpoint_is_told_before_it_takes_the_name() -> None:
    closed = SecurityGroup("sg-closed", "closed")
    network = spoke(CUT, endpoints=(stand_in(security_group_ids=frozenset({"sg-closed"})),), security_groups=(closed,))
    found = by_kind(offered(network, dns=DnsView((answer(),))))
    assert found.keys() >= {ActionKind.ATTACH_SECURITY_GROUP, ActionKind.SWAP_TO_LOCAL}
    attach = found[ActionKind.ATTACH_SECURITY_GROUP]
    assert unprepared(found[ActionKind.SWAP_TO_LOCAL], found.values()) == attach


# ---- from a Profile

PROFILE = central(zones=(), profile="rp-1")


def by_profile(network: Vpc, *more: DnsAnswer, hubs: Hubs = Hubs(), **fields: Any) -> Plan:  # noqa: B008 - a value
    view = hubs.view(sources=(HubSource("rp-1", (of_profile(),), 1000, 1000),))
    return offered(network, view, central=PROFILE, dns=DnsView((of_profile(), *more)), **fields)


def test_from_a_profile_an_endpoint_takes_one_name_and_nothing_else_is_lost() -> None:
    found = by_kind(by_profile(spoke(CUT), of_profile("logs.us-east-1.amazonaws.com")))
    made, swap = found[ActionKind.CREATE_INTERFACE_ENDPOINT], found[ActionKind.SWAP_TO_LOCAL]
    assert (made.private_dns, made.tags) == (False, ((IN_PLACE_OF, "rp-1"),))
    assert (swap.central_ids, swap.moving_ids) == (("rp-1",), ())
    assert swap.reason.endswith(", and the VPC's own private DNS goes before what rp-1 brings")
    assert made.asks == "needs approval: it is to stand in for rp-1"
    assert swap.asks == (
        "needs approval: an endpoint answers the name in place of rp-1, which stays for all other names"
    )


def test_while_the_endpoint_takes_the_name_from_a_profile_it_is_pending() -> None:
    coming = stand_in("rp-1", private_dns=True, state=EndpointState.PENDING)
    found = by_profile(spoke(CUT, endpoints=(coming,), security_groups=()))
    assert (found.actions, found.services[0].state) == ((), ServiceState.PENDING)


def test_the_name_goes_back_to_a_profile_that_is_still_there() -> None:
    held = spoke(endpoints=(stand_in("rp-1", private_dns=True),), security_groups=())
    back = only(by_profile(held))
    assert (back.kind, back.moving_ids) == (ActionKind.SWAP_TO_CENTRAL, ())
    assert "room in rp-1: yes (vpc-0123456789abcdef0 is one of its VPCs)" in back.checks
    gone = offered(held, profile(of_profile()), central=PROFILE)
    assert not gone.actions
    assert not by_profile(held, hubs=Hubs(is_available=False)).actions


def test_a_service_that_the_policy_does_not_share_is_not_swapped_because_it_would_not_go_back() -> None:
    others = central(zones=(), profile="rp-1", services=frozenset({"logs"}))
    view = Hubs().view(sources=(HubSource("rp-1", (of_profile(),)),))
    found = offered(spoke(CUT), view, central=others, dns=DnsView((of_profile(),)))
    assert [one.is_blocked for one in found.actions] == [True]


def test_a_profile_that_the_policy_does_not_name_is_left_alone() -> None:
    found = offered(spoke(CUT), Hubs().view(), dns=DnsView((of_profile(),)))
    assert [one.is_blocked for one in found.actions] == [True]


@pytest.mark.parametrize(
    ("account", "is_let_in"),
    [("123456789012", True), ("999999999999", False)],
)
def test_the_hubs_endpoint_must_let_in_the_account_that_would_call_not_only_its_own(
    account: str, *, is_let_in: bool
) -> None:
    """A hub's policy for its own account alone is as shut, to everybody who is to be led there."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    condition = {"StringEquals": {"aws:PrincipalAccount": account}}
    policy = json.dumps({"Statement": [{**statement, "Condition": condition}]})
    hub = hub_vpc(endpoints=(replace(hub_vpc().endpoints[0], policy=policy),), owner_id="999999999999")
    found = offered(spoke(owner_id="123456789012"), Hubs().view(vpcs=(hub,)))
    if is_let_in:
        assert [action.kind for action in found.planned] == [ActionKind.ASSOCIATE_CENTRAL]
    else:
        assert "the endpoint's policy: no (the policy of vpce-0hub doesn't allow" in refusal(found)
