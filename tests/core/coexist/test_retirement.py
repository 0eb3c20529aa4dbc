"""When life-support ends: what nothing requires any more, since when, and what must stay all the same."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.coexist.retirement import Retirement, Terms, has_own, in_use_words, partly_stranded, plan_retirement
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import (
    AclEntry,
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    Interface,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Part,
    Route,
    RouteTable,
    Rule,
    SecurityGroup,
    SeenTier,
    TargetKind,
    Tier,
    Unread,
    UnsureTier,
    Vpc,
    suffix_of,
)
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.policy.policy import PRIVATE, Desired, Exempted, Policy, PolicyRule, desired
from tests.support.builders import (
    CATALOG,
    MONITORING,
    S3,
    VPC_ID,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOURS_72 = timedelta(hours=72)
DUE = NOW - HOURS_72
LOGS = "com.amazonaws.us-east-1.logs"
PUBLIC_MAIN = table("main", default_route(TargetKind.INTERNET_GATEWAY))
OPEN = table("open", default_route(TargetKind.NAT_GATEWAY), subnets=("a",))
CENTRAL = DnsAnswer(AnswerKind.RESOLVER_RULE, "amazonaws.com", "rslvr-rr-1", "of account 9", forwards=True)


def policy(*services: str, tiers: frozenset[Tier] = PRIVATE, **more: Any) -> Policy:
    return Policy(rules=(PolicyRule(frozenset(services or ("monitoring",)), tiers=tiers),), **more)


def want_of(network: Vpc, rules: Policy) -> Desired:
    return desired(rules, network, classify_subnets(network), today=NOW.date())


def retire(
    network: Vpc, rules: Policy | None = None, unneeded: Mapping[str, datetime] | None = None, **more: Any
) -> Retirement:
    """What may go where all of Lifeline's own has been unneeded for 72 hours, unless `unneeded` says otherwise, and
    people were warned as long ago of whatever says so.
    """
    asked = rules or policy()
    terms = Terms(owner="lifeline", policy=asked, catalog=CATALOG, now=NOW, after=HOURS_72)
    since = dict.fromkeys(("vpce-1", "vpce-2", "sg-own"), DUE) if unneeded is None else unneeded
    terms = replace(terms, **more)
    keys = plan_retirement(network, want_of(network, asked), terms, since, {}).keys
    warned = {key: since[key.split()[0]] for key in keys if key.split()[0] in since}
    return plan_retirement(network, want_of(network, asked), terms, since, warned)


def brief(found: Retirement) -> list[tuple[ActionKind, Status, str]]:
    return [(one.kind, one.status, one.endpoint_id or one.security_group_id) for one in found.actions]


RETIRED = (ActionKind.RETIRE_ENDPOINT, Status.PLANNED, "vpce-1")
HELD = (ActionKind.RETIRE_ENDPOINT, Status.BLOCKED, "vpce-1")
GROUP_GONE = (ActionKind.DELETE_SECURITY_GROUP, Status.PLANNED, "sg-own")
BACK = vpc(subnet("a"), PUBLIC_MAIN, endpoint(MONITORING, "a"), own_security_group())


def test_once_the_route_is_back_for_long_enough_the_endpoint_goes_and_its_group() -> None:
    found = retire(BACK)
    assert brief(found) == [RETIRED, GROUP_GONE]
    assert found.actions[0].reason == (
        "no subnet has required the monitoring service since 2026-11-19 12:00:00 UTC: the subnets that would require "
        "it have a route out of the VPC: "
        "subnet-a (public); after that, the service's name resolves to public addresses in the whole VPC"
    )
    assert (found.actions[0].service_name, found.actions[0].subnet_ids) == (MONITORING, ("subnet-a",))


def test_a_moment_earlier_it_stays_and_its_time_runs_on() -> None:
    since = {"vpce-1": DUE + timedelta(seconds=1), "sg-own": DUE + timedelta(seconds=1)}
    found = retire(BACK, unneeded=since)
    assert (found.actions, found.unneeded) == ((), since)
    assert found.notes == (
        (
            "vpce-1: no subnet requires the monitoring service any more; Lifeline will delete the endpoint once "
            "nothing has required it for 72 hours"
        ),
    )


def test_the_time_starts_when_it_is_first_seen_unneeded() -> None:
    found = retire(BACK, unneeded={})
    assert (found.actions, found.unneeded) == ((), {"vpce-1": NOW, "sg-own": NOW})


def test_what_is_needed_again_starts_anew() -> None:
    cut_off = replace(BACK, route_tables=(table(),))
    found = retire(cut_off)
    assert found == Retirement()
    assert retire(BACK, unneeded=found.unneeded).actions == ()


def test_zero_hours_means_never() -> None:
    assert retire(BACK, after=timedelta(0)) == Retirement()


@pytest.mark.parametrize(
    "theirs",
    [
        endpoint(MONITORING, "a", own=False),
        endpoint(MONITORING, "a", tags=(("lifeline:managed-by", "lifeline-two"),)),
        endpoint(MONITORING, "a", requester_managed=True),
        endpoint(MONITORING, "a", type=EndpointType.OTHER),
    ],
    ids=["without our tag", "another stack's", "AWS's own", "of a type that Lifeline never makes"],
)
def test_what_is_not_ours_is_left_alone_and_forgotten(theirs: Endpoint) -> None:
    network = replace(BACK, endpoints=(theirs,), security_groups=())
    for is_release in (False, True):
        found = retire(network, is_release=is_release)
        assert (found.actions, found.unneeded) == ((), {})


@pytest.mark.parametrize("state", [EndpointState.DELETING, EndpointState.DELETED])
def test_what_is_gone_is_not_retired_again(state: EndpointState) -> None:
    found = retire(replace(BACK, endpoints=(endpoint(MONITORING, "a", state=state),)))
    assert brief(found) == [GROUP_GONE]


def test_the_reason_says_what_took_the_need_away() -> None:
    isolated = replace(BACK, route_tables=(table(),))
    exempt = policy(exemptions=(Exempted(VPC_ID, (), None, "moves to another account"),))
    for_others = PolicyRule(frozenset({"monitoring"}), vpc_ids=frozenset({"vpc-0fedcba9876543210"}))
    said = {
        "the VPC has no subnet left": retire(replace(BACK, subnets=())),
        f"{VPC_ID} is exempt: moves to another account": retire(isolated, exempt),
        "the policy doesn't require it;": retire(isolated, policy("logs")),
        "the policy doesn't require it in any subnet of this VPC": retire(BACK, Policy(rules=(for_others,))),
        "the subnets that would require it have a route out of the VPC: subnet-a (public)": retire(BACK),
    }
    for words, found in said.items():
        assert brief(found)[0] == RETIRED, words
        assert words in found.actions[0].reason


def test_a_gateway_endpoint_says_which_routes_go() -> None:
    network = vpc(subnet("a"), PUBLIC_MAIN, gateway("main"))
    (found,) = retire(network, policy("s3")).actions
    assert found.reason.endswith("this also removes its routes from rtb-main")
    assert found.route_table_ids == ("rtb-main",)


# ---- do no harm

SHARED = vpc(subnet("a"), subnet("dark"), table(), OPEN, endpoint(MONITORING, "a"), own_security_group())
FOR_PUBLIC = policy(tiers=frozenset({Tier.PUBLIC}))


@pytest.mark.parametrize(("count", "last"), [(3, "subnet-2 (isolated),"), (4, "subnet-2 (isolated) and 1 more,")])
def test_of_many_subnets_three_are_named(count: int, last: str) -> None:
    dark = [subnet(str(place)) for place in range(count)]
    found = retire(vpc(subnet("a"), *dark, table(), OPEN, endpoint(MONITORING, "a"), own_security_group()), FOR_PUBLIC)
    assert f"subnet-0 (isolated), subnet-1 (isolated), {last}" in found.actions[0].error


def test_an_isolated_subnet_that_nobody_spoke_of_keeps_its_only_way() -> None:
    found = retire(SHARED, FOR_PUBLIC)
    assert brief(found) == [HELD]
    assert "the only path to the monitoring service for subnet-dark (isolated)" in found.actions[0].error


@pytest.mark.parametrize("tag", [("lifeline:exempt", "true"), ("lifeline:require", "logs")])
@pytest.mark.parametrize("is_on_vpc", [True, False])
def test_what_is_held_back_stays_until_people_were_warned_of_the_tag_for_as_long(
    tag: tuple[str, str], *, is_on_vpc: bool
) -> None:
    """Whatever they were warned of before, and although nothing else would ask for the service there."""
    tagged = replace(SHARED, subnets=(SHARED.subnets[0], replace(SHARED.subnets[1], tags=(tag,))))
    network = replace(SHARED, tags=(tag,)) if is_on_vpc else tagged
    terms = Terms(owner="lifeline", policy=FOR_PUBLIC, catalog=CATALOG, now=NOW, after=HOURS_72)
    since = dict.fromkeys(("vpce-1", "sg-own"), DUE)
    key = f"vpce-1 {VPC_ID if is_on_vpc else 'subnet-dark'} {tag[0]}"
    for at, status in ((None, []), (DUE + timedelta(minutes=1), []), (DUE, [RETIRED])):
        warned = {"vpce-1": DUE} | ({key: at} if at else {})
        found = plan_retirement(network, want_of(network, FOR_PUBLIC), terms, since, warned)
        assert key in found.keys
        assert [one for one in brief(found) if one[2] == "vpce-1"] == status


@pytest.mark.parametrize("tag", [("lifeline:exempt", "true"), ("lifeline:require", "logs")])
def test_what_is_held_back_goes_once_a_tag_says_that_the_subnet_needs_none(tag: tuple[str, str]) -> None:
    tagged = replace(SHARED, subnets=(SHARED.subnets[0], replace(SHARED.subnets[1], tags=(tag,))))
    assert RETIRED in brief(retire(tagged, FOR_PUBLIC))
    assert RETIRED in brief(retire(replace(SHARED, tags=(tag,)), FOR_PUBLIC))


def test_of_what_an_exemption_ends_the_isolated_subnets_are_kept_in_mind_of_which_nobody_spoke() -> None:
    exempt = (("lifeline:exempt", "true"),)
    out = table("open", default_route(TargetKind.INTERNET_GATEWAY), subnets=("a",))
    spoken_of = replace(subnet("a"), tags=exempt)
    network = vpc(spoken_of, subnet("dark"), table(), out, endpoint(MONITORING, "a"), own_security_group())
    assert retire(network, FOR_PUBLIC).kept_for == {"vpce-1": ("subnet-dark",)}
    both = replace(network, subnets=(spoken_of, replace(subnet("dark"), tags=exempt)))
    assert retire(both, FOR_PUBLIC).kept_for == {"vpce-1": ()}


def test_what_is_held_back_goes_once_the_policy_says_that_the_subnet_needs_none() -> None:
    spared = Exempted("subnet-dark", ("monitoring",), NOW.date(), "batch only")
    assert RETIRED in brief(retire(SHARED, replace(FOR_PUBLIC, exemptions=(spared,))))
    assert RETIRED in brief(retire(SHARED, policy("logs", tiers=frozenset({Tier.PUBLIC}))))


@pytest.mark.parametrize(
    "exempted",
    [
        Exempted("subnet-dark", (), NOW.date() - timedelta(days=1), "over"),
        Exempted("subnet-dark", ("logs",), None, "another service"),
        Exempted("subnet-a", (), None, "another subnet"),
    ],
)
def test_an_exemption_that_does_not_cover_it_frees_nothing(exempted: Exempted) -> None:
    assert HELD in brief(retire(SHARED, replace(FOR_PUBLIC, exemptions=(exempted,))))


def test_a_tag_that_can_not_be_read_holds_back_what_it_may_have_asked_for() -> None:
    found = retire(replace(BACK, tags=(("lifeline:require", "???"),)))
    assert brief(found) == [HELD]
    assert "lifeline:require" in found.actions[0].error


INSTANCE = Interface("eni-1", "subnet-a", is_attached=True)
WITH_ADDRESS = Interface("eni-2", "subnet-a", is_attached=True, has_public_address=True, sends_publicly=True)


def test_a_public_address_of_a_secondary_private_one_ends_nobodys_path() -> None:
    """Whoever may associate an address with somebody's interface must not have its endpoint deleted."""
    found = retire(BACK, interfaces=(replace(INSTANCE, has_public_address=True, sends_publicly=False),))
    assert brief(found) == [HELD]


@pytest.mark.parametrize("kind", ["interface", "lambda", "efa", "what AWS adds next"])
def test_whoever_has_no_public_address_keeps_the_only_path_although_the_subnet_is_public(kind: str) -> None:
    found = retire(BACK, interfaces=(WITH_ADDRESS, replace(INSTANCE, kind=kind)))
    assert brief(found) == [HELD]
    why = "the only path to the monitoring service for network interfaces without a public IPv4 address in subnet-a"
    assert why in found.actions[0].error


@pytest.mark.parametrize(
    "other",
    [
        WITH_ADDRESS,
        replace(INSTANCE, is_attached=False),
        replace(INSTANCE, kind="vpc_endpoint"),
        replace(INSTANCE, kind="nat_gateway"),
        replace(INSTANCE, description="ELB app/internal/0123456789abcdef", is_requester_managed=True),
        replace(INSTANCE, subnet_id="subnet-b"),
    ],
)
def test_who_can_use_the_internet_gateway_or_calls_nobody_keeps_nothing(other: Interface) -> None:
    assert brief(retire(BACK, interfaces=(other,))) == [RETIRED, GROUP_GONE]


def test_a_way_out_that_needs_no_public_address_is_one() -> None:
    behind_nat = replace(BACK, route_tables=(table("main", default_route(TargetKind.NAT_GATEWAY)),))
    rules = policy(tiers=frozenset({Tier.ISOLATED}))
    assert brief(retire(behind_nat, rules, interfaces=(INSTANCE,))) == [RETIRED, GROUP_GONE]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (TargetKind.TRANSIT_GATEWAY, "it isn't known where transit_gateway-1 leads"),
        (TargetKind.VIRTUAL_PRIVATE_GATEWAY, "it isn't known where virtual_private_gateway-1 leads"),
        (TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT, "it isn't known where gateway_load_balancer_endpoint-1 leads"),
        (TargetKind.NETWORK_INTERFACE, "it isn't known where network_interface-1 leads"),
    ],
)
def test_a_route_that_may_lead_nowhere_ends_no_repair(target: TargetKind, why: str) -> None:
    led_away = replace(BACK, route_tables=(table("main", default_route(target)),))
    rules = policy(tiers=frozenset({Tier.ISOLATED}))
    found = retire(led_away, rules)
    assert brief(found) == [HELD]
    may_be = f"it may be the only path to the monitoring service for subnet-a (egress) ({why}), and the policy neither"
    assert may_be in found.actions[0].error
    exempt = replace(led_away, tags=(("lifeline:exempt", "true"),))
    assert RETIRED in brief(retire(exempt, rules))


def test_of_what_is_not_known_about_many_routes_two_are_named() -> None:
    targets = (TargetKind.TRANSIT_GATEWAY, TargetKind.VIRTUAL_PRIVATE_GATEWAY, TargetKind.NETWORK_INTERFACE)
    routed = [table(name, default_route(target), subnets=(name,)) for name, target in zip("abc", targets, strict=True)]
    network = vpc(*(subnet(name) for name in "abc"), *routed, OPEN, endpoint(MONITORING, "a"), own_security_group())
    (held,) = retire(network, policy(tiers=frozenset({Tier.ISOLATED}))).actions
    assert held.error.count("it isn't known where") == 2
    assert "transit_gateway-1 leads, it isn't known where virtual_private_gateway-1 leads and 1 more)" in held.error


def test_it_is_the_only_path_for_certain_if_it_is_for_one_subnet() -> None:
    tables = (table("main", default_route(TargetKind.TRANSIT_GATEWAY)), table("dark", subnets=("dark",)))
    found = retire(replace(SHARED, route_tables=tables), FOR_PUBLIC)
    assert brief(found) == [HELD]
    assert "it is the only path to the monitoring service for subnet-a (egress), subnet-dark (isolated)" in (
        found.actions[0].error
    )


def test_a_way_out_that_is_shut_by_a_filter_ends_no_repair() -> None:
    entries = (AclEntry(1, True, False, "-1", "0.0.0.0/0"), AclEntry(2, False, True, "-1", "0.0.0.0/0"))
    shut = replace(BACK, network_acls=(NetworkAcl("acl-1", frozenset({"subnet-a"}), entries),))
    behind_nat = replace(shut, route_tables=(table("main", default_route(TargetKind.NAT_GATEWAY)),))
    found = retire(behind_nat, policy(tiers=frozenset({Tier.ISOLATED})))
    assert brief(found) == [HELD]
    assert "network ACL acl-1 doesn't let" in found.actions[0].error


def test_a_way_out_is_one_if_a_filter_lets_the_services_own_ports_out() -> None:
    behind_nat = replace(BACK, route_tables=(table("main", default_route(TargetKind.NAT_GATEWAY)),))
    cassandra = replace(behind_nat, endpoints=(endpoint("com.amazonaws.us-east-1.cassandra", "a"),))
    every = tuple(AclEntry(9, out, True, "-1", "0.0.0.0/0") for out in (True, False))
    for port, first in ((9142, HELD), (443, RETIRED)):
        deny = AclEntry(1, True, False, "6", "0.0.0.0/0", port, port)
        acl = NetworkAcl("acl-1", frozenset({"subnet-a"}), (deny, *every))
        rules = policy("cassandra", tiers=frozenset({Tier.ISOLATED}))
        assert brief(retire(replace(cassandra, network_acls=(acl,)), rules))[0] == first


def test_a_nat_gateway_that_failed_ends_no_repair() -> None:
    failed = NatGateway("nat_gateway-1", is_public=True, is_available=False)
    led_away = replace(
        BACK, route_tables=(table("main", default_route(TargetKind.NAT_GATEWAY)),), nat_gateways=(failed,)
    )
    assert RETIRED not in brief(retire(led_away, policy(tiers=frozenset({Tier.ISOLATED}))))


APP = NetworkInterface("eni-app", "subnet-a", ("10.0.1.20",), frozenset({"sg-app"}))
ISOLATED_ALONE = policy(tiers=frozenset({Tier.ISOLATED}))
ANYWHERE, INSIDE = (Rule("tcp", 443, 443, (cidr,)) for cidr in ("0.0.0.0/0", "10.0.0.0/16"))


def with_client(*rules: Rule, target: TargetKind = TargetKind.NAT_GATEWAY, **more: Any) -> Vpc:
    """The subnet has its way out again, and these rules let a client of Lifeline's endpoint out."""
    groups = (SecurityGroup("sg-app", "app", egress=rules),)
    main = table("main", default_route(target))
    return replace(BACK, **{"route_tables": (main,), "interfaces": (APP,), "client_groups": groups, **more})


@pytest.mark.parametrize("target", [TargetKind.NAT_GATEWAY, TargetKind.INTERNET_GATEWAY])
@pytest.mark.parametrize(
    "rule", [INSIDE, Rule("tcp", 443, 443, groups=("sg-own",)), Rule("-1", 0, 65535, ("10.0.1.0/24",))]
)
def test_whoever_is_let_out_to_the_endpoint_alone_keeps_it_whatever_route_leads_out(
    target: TargetKind, rule: Rule
) -> None:
    network = with_client(rule, target=target)
    tier = "public" if target is TargetKind.INTERNET_GATEWAY else "egress"
    found = retire(network, ISOLATED_ALONE)
    assert brief(found) == [HELD]
    assert (
        f"it may be the only path to the monitoring service for subnet-a ({tier}) (sg-app of eni-app doesn't allow "
        "outbound 443 to the public addresses of monitoring), and the policy neither requires it there"
    ) in found.actions[0].error
    assert RETIRED in brief(retire(replace(network, tags=(("lifeline:exempt", "true"),)), ISOLATED_ALONE))


@pytest.mark.parametrize(
    "rules",
    [
        (ANYWHERE,),
        (INSIDE, ANYWHERE),
        (Rule("tcp", 443, 443, ("10.9.0.0/16",)),),  # and so not to the endpoint
        (Rule("tcp", 5432, 5432, ("10.0.0.0/16",)),),
        (),
    ],
)
def test_whoever_is_let_out_to_public_addresses_or_to_nothing_of_the_service_keeps_nothing(
    rules: tuple[Rule, ...],
) -> None:
    assert brief(retire(with_client(*rules), ISOLATED_ALONE)) == [RETIRED, GROUP_GONE]


@pytest.mark.parametrize(
    "nobody", [replace(APP, is_attached=False), replace(APP, kind="load_balancer"), replace(APP, subnet_id="subnet-b")]
)
def test_an_interface_from_which_nobody_there_calls_keeps_nothing(nobody: NetworkInterface) -> None:
    assert RETIRED in brief(retire(with_client(INSIDE, interfaces=(nobody,)), ISOLATED_ALONE))


@pytest.mark.parametrize(
    ("unread", "why"),
    [
        (
            {"interfaces": (replace(APP, group_ids=frozenset({"sg-theirs"})),)},
            "the rules of sg-theirs were not read, which eni-app has",
        ),
        (
            {"interfaces": None, "client_groups": None, "unread": (Unread(Part.CLIENTS, "AccessDenied"),)},
            "the security groups of the clients' network interfaces could not be read",
        ),
    ],
)
def test_where_it_is_not_known_whether_clients_are_let_out_it_stays(unread: dict[str, Any], why: str) -> None:
    found = retire(with_client(ANYWHERE, **unread), ISOLATED_ALONE)
    assert brief(found) == [HELD]
    assert why in found.actions[0].error


def test_a_gateway_endpoint_answers_at_the_addresses_to_which_clients_are_let_out_anyway() -> None:
    to_list = Rule("tcp", 443, 443, prefix_lists=("pl-1",))
    both = table("main", *on_gateway("main").routes, default_route(TargetKind.NAT_GATEWAY))
    network = with_client(to_list, endpoints=(gateway("main"),), route_tables=(both,))
    assert RETIRED in brief(retire(network, policy("s3", tiers=frozenset({Tier.ISOLATED}))))


@pytest.mark.parametrize("service", ["execute-api", "appsync-api"])
def test_private_apis_keep_their_endpoint_whatever_route_leads_out(service: str) -> None:
    network = with_client(ANYWHERE, endpoints=(endpoint(f"com.amazonaws.us-east-1.{service}", "a"),))
    found = retire(network, policy(service, tiers=frozenset({Tier.ISOLATED})))
    assert brief(found) == [HELD]
    assert "subnet-a (egress) (private APIs are reached by an endpoint only)" in found.actions[0].error
    assert RETIRED in brief(retire(network, policy("logs")))


def test_a_way_out_by_ipv6_alone_ends_no_repair_of_an_ipv6_only_subnet() -> None:
    """The service's usual name may have IPv4 addresses alone."""
    six = subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",), dns64=True)
    ours = endpoint(MONITORING, "a", ip_address_type="ipv6")
    out = route("::/0", TargetKind.INTERNET_GATEWAY)
    of = vpc(six, table("main", out), ours, own_security_group("2001:db8::/56"), ipv6_cidrs=("2001:db8::/56",))
    found = retire(of, ISOLATED_ALONE)
    assert brief(found) == [HELD]
    assert "the subnet is IPv6-only and has no NAT64" in found.actions[0].error
    nat64 = route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1")
    nat = NatGateway("nat-1", is_public=True, is_available=True)
    translated = replace(of, route_tables=(table("main", out, nat64),), nat_gateways=(nat,))
    assert brief(retire(translated, ISOLATED_ALONE)) == [RETIRED, GROUP_GONE]


def test_an_exempt_subnet_keeps_nothing_for_those_without_a_public_address() -> None:
    exempt = replace(BACK, tags=(("lifeline:exempt", "true"),))
    assert RETIRED in brief(retire(exempt, interfaces=(INSTANCE,)))


def test_a_central_endpoint_is_another_way() -> None:
    hub = table("main", route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY))
    with_hub = replace(SHARED, route_tables=(hub, OPEN))
    found = retire(with_hub, FOR_PUBLIC, dns=DnsView((CENTRAL,)))
    assert brief(found) == [RETIRED, GROUP_GONE]
    assert "is answered by resolver rule rslvr-rr-1 in the whole VPC" in found.actions[0].reason
    assert brief(retire(SHARED, FOR_PUBLIC, dns=DnsView((CENTRAL,)))) == [HELD]  # no route leads there
    assert HELD in brief(retire(SHARED, FOR_PUBLIC, dns=DnsView((), ("zones: AccessDenied",))))


@pytest.mark.parametrize("silent", [{"private_dns": False}, {"state": EndpointState.FAILED}])
def test_an_endpoint_that_answers_nobody_is_nobodys_only_way(silent: dict[str, Any]) -> None:
    network = replace(SHARED, endpoints=(endpoint(MONITORING, "a", **silent),))
    assert RETIRED in brief(retire(network, FOR_PUBLIC))


def on_gateway(name: str, *subnets: str) -> RouteTable:
    to_s3 = Route((), TargetKind.GATEWAY_ENDPOINT, "vpce-1", is_active=True, prefix_list_id="pl-1")
    return table(name, to_s3, subnets=subnets)


def test_another_endpoint_is_another_way_once_it_answers_and_not_while_it_is_pending() -> None:
    for state, status in ((EndpointState.PENDING, Status.BLOCKED), (EndpointState.AVAILABLE, Status.PLANNED)):
        theirs = replace(endpoint(MONITORING, "dark", own=False, state=state), id="vpce-theirs")
        own = replace(SHARED.endpoints[0], private_dns=state is EndpointState.PENDING)
        found = retire(replace(SHARED, endpoints=(own, theirs)), FOR_PUBLIC)
        assert found.actions[0].status is status


def test_a_gateway_endpoint_is_the_way_of_its_own_tables_only() -> None:
    rules = policy("s3", tiers=frozenset({Tier.PUBLIC}))
    two = vpc(subnet("a"), subnet("dark"), on_gateway("two", "a"), table(), gateway("two"))
    assert "for subnet-a (isolated)," in retire(two, rules).actions[0].error
    elsewhere = vpc(subnet("dark"), table(), on_gateway("two"), gateway("two"))
    assert brief(retire(elsewhere, rules)) == [RETIRED]


def test_another_endpoint_of_the_service_is_another_way_but_not_one_that_goes_too() -> None:
    rules = policy("s3", tiers=frozenset({Tier.PUBLIC}))
    other = endpoint(S3, "a", id="vpce-2", own=False, inbound_dns_only=False)
    network = vpc(subnet("a"), on_gateway("main"), gateway("main"), other, own_security_group())
    assert RETIRED in brief(retire(network, rules))
    both_ours = replace(network, endpoints=(gateway("main"), replace(other, tags=endpoint().tags, on_record=True)))
    assert (ActionKind.RETIRE_ENDPOINT, Status.BLOCKED, "vpce-2") in brief(
        retire(both_ours, rules)
    )  # it answers S3 here


# ---- the group


def test_the_group_stays_while_an_endpoint_of_ours_stays() -> None:
    network = replace(BACK, endpoints=(endpoint(MONITORING, "a"), endpoint(LOGS, "a", id="vpce-2")))
    found = retire(network, unneeded={"vpce-1": DUE, "vpce-2": NOW, "sg-own": DUE})
    assert brief(found) == [RETIRED]


def test_a_group_that_others_put_on_their_endpoint_is_theirs_to_free() -> None:
    found = retire(replace(BACK, endpoints=(endpoint(MONITORING, "a", id="vpce-9", own=False),)))
    (held,) = found.actions
    assert (held.kind, held.status) == (ActionKind.DELETE_SECURITY_GROUP, Status.BLOCKED)
    assert "vpce-9" in held.error


def test_the_group_is_needed_while_any_service_without_a_gateway_is_wished_for() -> None:
    network = vpc(subnet("a"), own_security_group())
    assert retire(network, policy("monitoring")) == Retirement()
    assert retire(network, policy("banana")) == Retirement()
    assert brief(retire(network, policy("s3"))) == [GROUP_GONE]


# ---- released manually


def test_a_release_takes_all_that_is_ours_at_once_and_says_who_still_requires_it() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a"), gateway("main", id="vpce-2"), own_security_group())
    found = retire(network, unneeded={}, is_release=True)
    assert brief(found) == [RETIRED, (ActionKind.RETIRE_ENDPOINT, Status.PLANNED, "vpce-2"), GROUP_GONE]
    assert found.actions[0].reason.startswith(
        "released manually, although subnet-a (isolated) must be able to reach the monitoring service;"
    )
    assert found.actions[1].reason.startswith("released manually; this also removes its routes")


def test_a_release_counts_where_nothing_is_ever_retired_and_starts_no_time() -> None:
    found = retire(BACK, unneeded={}, is_release=True, after=timedelta(0))
    assert (brief(found), found.unneeded) == ([RETIRED, GROUP_GONE], {})


# ---- for any network

tables = st.sampled_from([table(), PUBLIC_MAIN, table("main", default_route(TargetKind.NAT_GATEWAY))])
second = st.sampled_from(
    [
        table("two", subnets=("b",)),
        table("two", default_route(TargetKind.INTERNET_GATEWAY), subnets=("b", "c")),
        table("two", route("10.8.0.0/16", TargetKind.TRANSIT_GATEWAY), subnets=("a",)),
    ]
)
states = st.sampled_from([EndpointState.AVAILABLE, EndpointState.PENDING, EndpointState.FAILED, EndpointState.DELETING])
interfaces = st.builds(
    lambda name, own, state, dns: endpoint(name, "a", own=own, state=state, private_dns=dns),
    st.sampled_from([MONITORING, LOGS]),
    st.booleans(),
    states,
    st.booleans(),
)
gateways = st.builds(lambda own, where: gateway(where, own=own), st.booleans(), st.sampled_from(["main", "two"]))
endpoints = st.lists(interfaces | gateways, max_size=4).map(
    lambda found: tuple(replace(one, id=f"vpce-{place}") for place, one in enumerate(found))
)
on_vpcs = st.sampled_from(
    [(), (), (("lifeline:exempt", "true"),), (("lifeline:require", "logs"),), (("lifeline:require", "?"),)]
)
networks = st.builds(
    lambda names, main, other, ends, group, tags: vpc(*map(subnet, names), main, other, *ends, *group, tags=tags),
    st.sets(st.sampled_from(["a", "b", "c"])).map(sorted),
    tables,
    second,
    endpoints,
    st.sampled_from([(), (own_security_group(),), (own_security_group(tags=()),)]),
    on_vpcs,
)
policies = st.builds(
    lambda services, tiers: policy(*sorted(services), tiers=frozenset(tiers)),
    st.sets(st.sampled_from(["monitoring", "logs", "s3"]), min_size=1),
    st.sets(st.sampled_from(list(Tier)), min_size=1),
)
clocks = st.dictionaries(
    st.sampled_from(["vpce-0", "vpce-1", "vpce-2", "sg-own", "vpce-gone"]),
    st.sampled_from([NOW, DUE, DUE + timedelta(hours=1), NOW - timedelta(days=90), NOW + timedelta(hours=1)]),
)


@given(networks, policies, clocks)
def test_an_endpoint_that_any_wish_needs_is_never_retired(
    network: Vpc, rules: Policy, unneeded: dict[str, datetime]
) -> None:
    found = retire(network, rules, unneeded)
    wished = {requirement.service for requirement in want_of(network, rules).requirements}
    by_id = {one.id: one for one in network.endpoints}
    for action in found.actions:
        if action.kind is ActionKind.RETIRE_ENDPOINT:
            assert suffix_of(by_id[action.endpoint_id].service_name) not in wished
            assert by_id[action.endpoint_id].tag("lifeline:managed-by") == "lifeline"
            assert unneeded[action.endpoint_id] <= DUE
        else:
            assert not wished & {"monitoring", "logs"}
    assert all(since == unneeded.get(one, NOW) for one, since in found.unneeded.items())


@given(networks, policies, clocks)
def test_no_isolated_subnet_loses_a_way_unless_somebody_said_so(
    network: Vpc, rules: Policy, unneeded: dict[str, datetime]
) -> None:
    isolated = [one for one, tier in classify_subnets(network).items() if tier is Tier.ISOLATED]
    asked = {service for one in rules.rules for service in one.services}
    for action in retire(network, rules, unneeded).actions:
        if action.kind is ActionKind.RETIRE_ENDPOINT and action.status is Status.PLANNED and isolated:
            (gone,) = [one for one in network.endpoints if one.id == action.endpoint_id]
            answers = gone.private_dns and gone.state is not EndpointState.FAILED
            others = [one for one in network.endpoints if one.service_name == gone.service_name and one.id != gone.id]
            assert not answers or network.tags or action.service not in asked or others


@given(networks, policies, clocks, st.booleans())
def test_after_a_retirement_nothing_is_left_to_retire(
    network: Vpc, rules: Policy, unneeded: dict[str, datetime], is_release: bool
) -> None:
    first = retire(network, rules, unneeded, is_release=is_release)
    after = without(network, first.actions)
    again = retire(after, rules, first.unneeded, is_release=is_release)
    assert [one for one in again.actions if one.status is Status.PLANNED] == []


def without(network: Vpc, actions: tuple[Action, ...]) -> Vpc:
    gone = {one.endpoint_id or one.security_group_id for one in actions if one.status is Status.PLANNED}
    return replace(
        network,
        endpoints=tuple(one for one in network.endpoints if one.id not in gone),
        security_groups=tuple(one for one in network.security_groups if one.id not in gone),
    )


@given(networks, policies, clocks)
def test_the_order_of_awss_answers_makes_no_difference(
    network: Vpc, rules: Policy, unneeded: dict[str, datetime]
) -> None:
    turned = replace(
        network,
        subnets=network.subnets[::-1],
        endpoints=network.endpoints[::-1],
        route_tables=network.route_tables[::-1],
    )
    assert retire(turned, rules, unneeded) == retire(network, rules, unneeded)


# ---- what isn't known


def by_unread_list(target: TargetKind) -> RouteTable:
    return RouteTable("rtb-main", is_main=True, subnet_ids=frozenset(), routes=(Route((), target, "x", True, "pl-1"),))


def test_an_endpoint_of_a_subnet_that_may_require_it_is_not_unneeded() -> None:
    main = by_unread_list(TargetKind.INTERNET_GATEWAY)
    unsure = replace(BACK, route_tables=(main,), unread=(Unread(Part.PREFIX_LIST, "gone", "pl-1"),))
    found = retire(unsure)
    assert (found.actions, found.unneeded) == ((), {})
    assert brief(retire(BACK))[0] == RETIRED  # once it is known that the subnet is public


def test_the_only_path_of_a_subnet_that_may_be_isolated_stays() -> None:
    main = by_unread_list(TargetKind.TRANSIT_GATEWAY)
    unsure = replace(BACK, route_tables=(main,), unread=(Unread(Part.PREFIX_LIST, "gone", "pl-1"),))
    found = retire(unsure, policy(tiers=frozenset({Tier.PUBLIC})))
    assert brief(found) == [HELD]


def test_without_the_catalog_what_is_required_stays() -> None:
    needed = vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group())
    assert retire(needed, catalog=Catalog(why_unread="denied")).actions == ()


def test_anything_of_lifelines_own_in_the_vpc_can_be_released() -> None:
    theirs = endpoint(MONITORING, "a", own=False)
    assert has_own(vpc(endpoint(MONITORING, "a")), "lifeline")
    assert has_own(vpc(theirs, own_security_group()), "lifeline")
    assert not has_own(vpc(theirs), "lifeline")


@pytest.mark.parametrize(
    ("tier", "subnet_id", "changed", "is_stranded"),
    [
        (Tier.PUBLIC, "subnet-a", {}, True),
        (UnsureTier.UNKNOWN, "subnet-a", {}, True),  # it may be public
        (UnsureTier.NOT_PUBLIC, "subnet-a", {}, False),
        (Tier.EGRESS, "subnet-a", {}, False),
        (Tier.PUBLIC, "subnet-elsewhere", {}, False),
        (Tier.PUBLIC, "subnet-six", {}, False),  # every IPv6 address is public
        (Tier.PUBLIC, "subnet-a", {"sends_publicly": True}, False),
        (Tier.PUBLIC, "subnet-a", {"has_public_address": True}, True),  # of a secondary private address
        (Tier.PUBLIC, "subnet-a", {"is_attached": False}, False),
        (Tier.PUBLIC, "subnet-a", {"kind": "nat_gateway"}, False),
    ],
)
def test_partly_stranded_is_where_somebody_calls_by_an_internet_gateway_without_a_public_address(
    tier: SeenTier, subnet_id: str, changed: dict[str, Any], is_stranded: bool
) -> None:
    network = vpc(subnet("a"), subnet("six", cidr="", ipv6_cidrs=("2001:db8::/64",)))
    interface = replace(Interface("eni-1", subnet_id, is_attached=True), **changed)
    found = partly_stranded(network, {"subnet-a": tier, "subnet-six": tier}, [interface])
    assert found == ({subnet_id} if is_stranded else set())


def test_of_those_who_use_a_group_three_are_named() -> None:
    assert in_use_words(["eni-1", "eni-2", "eni-3", "eni-4"]).startswith("in use by eni-1, eni-2, eni-3 and 1 more, ")
    assert in_use_words(["eni-1", "eni-2", "eni-3"]).startswith("in use by eni-1, eni-2, eni-3, which ")
