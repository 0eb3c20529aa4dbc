"""A hub's endpoint in place of a paid one: offered where everything fits, asked for where something can't be read."""

from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.hub import HubSource
from lifeline.core.network.model import (
    IN_PLACE_OF,
    MANAGED_BY,
    AclEntry,
    Catalog,
    EndpointState,
    EndpointType,
    NetworkAcl,
    NetworkInterface,
    Part,
    Rule,
    SecurityGroup,
    Service,
    TargetKind,
    Unread,
)
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.central import CentralOffer, judge_central
from lifeline.core.plan.scene import PlanInput
from tests.support.builders import MONITORING, OWNER, endpoint, route, subnet, table, vpc
from tests.support.hubs import ADDRESS, HUB_ID, NAME, TGW, ZONE, Hubs, answer, central, hub_vpc, led, offered, spoke


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
        "month instead of 7.30 USD, before data charges. The same GB pays 0.03 USD at the hub's endpoint, transit "
        "gateway included, 0.01 USD at an endpoint of the VPC's own and 0.045 USD at a NAT gateway; above 365 GB a "
        "month, an endpoint of its own is cheaper than the hub (us-east-1, list prices as of 2026-08-01)"
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
        (Hubs(attached=frozenset({"subnet-b"})), "tgw-attach-spoke has no subnet in us-east-1a, where subnet-a is"),
        (Hubs(is_available=False), "tgw-attach-spoke isn't available"),
    ],
    ids=str,
)
def test_what_the_transit_gateway_does_not_pass_is_said(hubs: Hubs, words: str) -> None:
    assert words in refusal(offered(spoke(), hubs.view()))


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


def test_an_attachment_of_the_hub_that_is_not_available_is_said() -> None:
    view = Hubs().view()
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
        (HubSource(ZONE, (answer(addresses=()),), 1, 300), f"{ZONE} has no record for {NAME}"),
        (HubSource(ZONE, (answer(addresses=("10.8.0.9",)),), 1, 300), "answers 10.8.0.9, which isn't in central.cidrs"),
        (HubSource("Z0OTHER", (answer(domain="logs.us-east-1.amazonaws.com"),), 1, 300), f"is named {NAME}"),
    ],
    ids=range(4),
)
def test_a_zone_that_can_not_serve_is_not_offered(source: HubSource, words: str) -> None:
    assert words in refusal(offered(spoke(), Hubs().view(sources=(source,))))


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


def test_a_client_whose_own_group_does_not_let_out_to_the_hub_counts() -> None:
    client = NetworkInterface("eni-1", "subnet-a", ("10.0.1.20",), frozenset({"sg-client"}))
    shut = SecurityGroup("sg-client", "client", egress=(Rule("tcp", 443, 443, ("10.0.0.0/16",)),))
    network = spoke(interfaces=(client,), client_groups=(shut,))
    assert f"sg-client of eni-1 doesn't allow outbound 443 to {ADDRESS}" in refusal(offered(network))
    wide = replace(shut, egress=(Rule("-1", 0, 65535, ("0.0.0.0/0",)),))
    assert asked(offered(replace(network, client_groups=(wide,)))) == ""


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
        (Hubs(), {"sources": (HubSource(ZONE, (answer(addresses=None),), 1, 300),)}, ""),
    ],
    ids=range(9),
)
def test_what_can_not_be_read_is_said_and_needs_approval_in_spite_of_auto(
    hubs: Hubs, more: dict[str, Any], words: str
) -> None:
    found = offered(spoke(), hubs.view(**more))
    if words:
        assert asked(found).startswith("needs approval, because not everything can be read: ")
        assert words in asked(found)
    else:  # the policy's blocks stand for the addresses, and the routes lead there
        assert only(found).kind is ActionKind.ASSOCIATE_CENTRAL


def test_without_the_addresses_the_routes_must_lead_to_all_of_the_policys_blocks() -> None:
    unknown = HubSource(ZONE, (answer(addresses=None, endpoint_id=""),), 1, 300)
    half = spoke(route("10.9.0.0/17", TargetKind.TRANSIT_GATEWAY, TGW))
    assert "routes to the hub: no (subnet-a: " in refusal(offered(half, Hubs().view(sources=(unknown,))))


@pytest.mark.parametrize(
    ("network", "dns", "words"),
    [
        (spoke(), DnsView(custom_dns_servers=("10.0.0.53",)), "DNS servers: can't be read"),
        (spoke(client_groups=None), DnsView(), "clients' security groups: can't be read"),
        (
            spoke(route("10.9.0.0/16", TargetKind.VIRTUAL_PRIVATE_GATEWAY, "vgw-1")),
            DnsView(),
            "what lies beyond vgw-1 can't be read",
        ),
    ],
    ids=range(3),
)
def test_what_can_not_be_read_of_the_vpc_needs_approval(network: Any, dns: DnsView, words: str) -> None:
    assert words in asked(offered(network, dns=dns))


def test_a_zone_that_was_not_read_is_the_one_that_is_associated() -> None:
    sources = HubSource("Z0LOGS", (LOGS,), 1, 300), HubSource(ZONE, unread=(DENIED,))
    assert only(offered(spoke(), Hubs().view(sources=sources))).central_ids == (ZONE,)


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


def test_an_endpoint_that_answers_already_is_left_alone() -> None:
    network = spoke()
    there = replace(network, endpoints=(endpoint(MONITORING, "a"),), security_groups=())
    assert ActionKind.ASSOCIATE_CENTRAL not in {one.kind for one in offered(there).actions}


# ---- the path is cut, and an endpoint is to stand in


def cut_with(state: EndpointState) -> Plan:
    lost = route("10.8.0.0/16", TargetKind.TRANSIT_GATEWAY, TGW)
    tags = ((MANAGED_BY, OWNER), (IN_PLACE_OF, ZONE))
    spare = endpoint(MONITORING, "a", private_dns=False, state=state, tags=tags)
    return offered(spoke(lost, endpoints=(spare,)), dns=DnsView((answer(),)))


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
