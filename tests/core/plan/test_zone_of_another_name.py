"""A service has several private DNS names. What answers another than the usual one serves nobody who asks for that: it
only keeps AWS from accepting private DNS, or loses the name to an endpoint.
"""

from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.incidents.remedies import remedy_for
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView, usual_first
from lifeline.core.network.hub import HubSource
from lifeline.core.network.model import (
    IN_PLACE_OF,
    MANAGED_BY,
    AclEntry,
    Catalog,
    EndpointState,
    EndpointType,
    NatGateway,
    NetworkAcl,
    Service,
    Vpc,
)
from lifeline.core.network.model import TargetKind as To
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.reach import find_path
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceState, Status
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.policy import Requirement
from tests.core.coexist.test_retirement import FOR_PUBLIC, retire
from tests.core.plan.test_harm import closed_to
from tests.support.builders import (
    MONITORING,
    OWNER,
    S3,
    ZONES,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)
from tests.support.hubs import ADDRESS, TGW, Hubs, central, spoke

USUAL, FIPS = "monitoring.us-east-1.amazonaws.com", "monitoring-fips.us-east-1.amazonaws.com"
DUAL = "monitoring.us-east-1.api.aws"
HUB = "10.200.0.10"
NAMES = usual_first([USUAL, FIPS, DUAL])
SERVICE = Service(MONITORING, EndpointType.INTERFACE, zones=frozenset(ZONES), private_dns_names=NAMES)
CATALOG = Catalog((SERVICE,))
TO_HUB = table("main", route("10.200.0.0/16", To.TRANSIT_GATEWAY, "tgw-1"))
BEHIND_NAT = vpc(
    *(subnet("a"), subnet("n", cidr="10.0.9.0/28")),
    table("main", default_route(To.NAT_GATEWAY, "nat-1")),
    table("n", default_route(To.INTERNET_GATEWAY, "igw-1"), subnets=("n",)),
    nat_gateways=(NatGateway("nat-1", True, True, "subnet-n"),),
)
OTHERS = pytest.mark.parametrize("other", [FIPS, DUAL])
_DOMAIN = "us-east-1.amazonaws.com"
S3_NAMES = usual_first(f"{label}.{_DOMAIN}" for label in ("s3", "*.s3", "*.s3-accesspoint", "*.s3-control"))
BUCKETS = Catalog(
    (
        Service(S3, EndpointType.GATEWAY, zones=frozenset(ZONES)),
        Service(S3, EndpointType.INTERFACE, zones=frozenset(ZONES), private_dns_names=S3_NAMES),
    )
)


def zone(domain: str, *addresses: str, under: tuple[str, ...] = (), **more: Any) -> DnsAnswer:
    made = DnsAnswer(AnswerKind.PRIVATE_ZONE, domain, f"Z-{domain.partition('.')[0]}", "a zone", addresses=addresses)
    return replace(made, wildcard=(under, ""), **more)


def brought(answer: DnsAnswer) -> DnsAnswer:
    return replace(answer, kind=AnswerKind.PROFILE, source_id="rp-1")


def rule(domain: str) -> DnsAnswer:
    return DnsAnswer(AnswerKind.RESOLVER_RULE, domain, "rslvr-rr-1", "a rule", forwards=True)


def planned(
    network: Vpc, *answers: DnsAnswer, catalog: Catalog = CATALOG, suffix: str = "monitoring", **more: Any
) -> Plan:
    asked = (Requirement(suffix, frozenset({"subnet-a"}), per_zone=True),)
    return plan_endpoints(network, catalog, PlanInput(asked, OWNER, dns=DnsView(answers), **more))


def state_in(found: Plan) -> ServiceState:
    (report,) = found.services
    return report.state


def of_kind(found: Plan, kind: ActionKind) -> Action:
    (action,) = [one for one in found.actions if one.kind is kind]
    return action


def path_in(network: Vpc, *answers: DnsAnswer, catalog: Catalog = CATALOG, suffix: str = "monitoring") -> NetworkPath:
    return find_path(network.subnets[0], network, suffix, catalog, DnsView(answers), has_public_address=False)


# ---- what serves


@OTHERS
def test_a_zone_of_another_name_serves_nobody_who_asks_for_the_usual_one(other: str) -> None:
    network = vpc(subnet("a"), TO_HUB)
    found = planned(network, zone(other, HUB))
    assert state_in(found) is ServiceState.BLOCKED
    assert path_in(network, zone(other, HUB)).reach is Reach.UNREACHABLE
    assert state_in(planned(network, zone(other, HUB), zone(USUAL, HUB))) is ServiceState.CENTRAL
    assert state_in(planned(network, zone(other), zone(USUAL, HUB))) is ServiceState.CENTRAL  # without a record


@OTHERS
def test_it_closes_no_way_to_the_usual_ones_public_addresses(other: str) -> None:
    for answers in ((), (zone(other, HUB),), (zone(other),), (brought(zone(other, HUB)),), (rule(other),)):
        assert path_in(BEHIND_NAT, *answers).reach is Reach.OPEN_EGRESS
    assert path_in(BEHIND_NAT, zone(USUAL, HUB)).reach is Reach.UNREACHABLE


def test_an_endpoint_is_retired_for_the_usual_ones_zone_only() -> None:
    network = vpc(subnet("a"), TO_HUB, endpoint(MONITORING, "a"), own_security_group())

    def retired(*answers: DnsAnswer) -> Action:
        found = retire(network, FOR_PUBLIC, catalog=CATALOG, dns=DnsView(answers)).actions
        return next(one for one in found if one.kind is ActionKind.RETIRE_ENDPOINT)

    for others in ((zone(FIPS, HUB),), (zone(DUAL, HUB), brought(zone(FIPS, HUB)))):
        assert retired(*others).error.startswith(
            "it is the only path to the monitoring service for subnet-a (isolated)"
        )
        assert "the service's name resolves to public addresses" in retired(*others).reason
    served = retired(zone(FIPS, HUB), zone(USUAL, HUB))
    assert served.is_planned
    assert "the service's name is answered by private hosted zone Z-monitoring" in served.reason


# ---- what AWS refuses


@OTHERS
@pytest.mark.parametrize("parts", [(), (endpoint(MONITORING, "a", private_dns=False), own_security_group())], ids=len)
def test_no_endpoint_gets_private_dns_where_aws_would_refuse_it_and_the_remedy_is_said(other: str, parts: Any) -> None:
    found = planned(vpc(subnet("a"), TO_HUB, *parts), zone(other, HUB))
    kind = ActionKind.ENABLE_PRIVATE_DNS if parts else ActionKind.CREATE_INTERFACE_ENDPOINT
    action, source = of_kind(found, kind), f"Z-{other.partition('.')[0]}"
    assert action.error == (
        f"AWS doesn't accept private DNS for an endpoint here while the VPC has private hosted zone {source} of "
        f"{other}, another of the service's names. That zone doesn't answer {USUAL}, for which clients usually ask: "
        f"disassociate it from the VPC, or associate a zone of {USUAL} as well"
    )
    assert "takes" not in action.reason.replace(source, "")


@pytest.mark.parametrize("out", [None, To.INTERNET_GATEWAY])
def test_an_incident_promises_no_endpoint_that_aws_would_refuse_and_says_what_to_do(out: To | None) -> None:
    network = vpc(subnet("a"), TO_HUB if out is None else table("main", default_route(out)))
    path = path_in(network, zone(FIPS, HUB))
    assert (path.is_repairable, path.conflict_id) == (False, "Z-monitoring-fips")
    assert (
        f"private hosted zone Z-monitoring-fips has {FIPS}, another of the service's names, so that AWS accepts no "
        "endpoint with private DNS"
    ) in path.notes
    remedy = remedy_for("monitoring", path, ((443, 443),), "rtb-main")
    create = "disassociate Z-monitoring-fips from the VPC and create an endpoint for the monitoring service"
    if out is None:
        assert remedy == f"Restore the route in rtb-main or {create} in the VPC."
    else:
        assert remedy == f"Give the instance a public address, or {create}."
    free = path_in(network, brought(zone(FIPS, HUB)))
    assert (free.is_repairable, free.conflict_id, "disassociate" in remedy_for("monitoring", free, ())) == (
        True,
        "",
        False,
    )
    at_gateway = path_in(vpc(subnet("a"), TO_HUB), zone(f"s3-control.{_DOMAIN}", HUB), catalog=BUCKETS, suffix="s3")
    assert (at_gateway.is_repairable, at_gateway.conflict_id) == (True, "")


def test_a_way_out_that_is_shut_is_not_repaired_by_an_endpoint_either() -> None:
    acl = NetworkAcl("acl-1", frozenset({"subnet-a"}), (AclEntry(100, True, True, "6", "10.0.0.0/8", 0, 65535),))
    network = vpc(subnet("a"), table("main", default_route(To.TRANSIT_GATEWAY, "tgw-1")), network_acls=(acl,))
    for answers, is_repairable in (((), True), ((zone(FIPS, HUB),), False)):
        path = path_in(network, *answers)
        assert (path.reach, path.is_repairable) == (Reach.FILTERED, is_repairable)
        assert ("disassociate Z-monitoring-fips" in remedy_for("monitoring", path, ())) is not is_repairable
    half = AclEntry(90, False, False, "-1", "10.0.1.128/25")
    rest = tuple(AclEntry(100, egress, True, "-1", "0.0.0.0/0") for egress in (True, False))
    nat_acl = NetworkAcl("acl-2", frozenset({"subnet-n"}), (half, *rest))
    partly = replace(BEHIND_NAT, network_acls=(nat_acl,))
    for answers, is_repairable in (((), True), ((zone(FIPS, HUB),), False)):
        path = path_in(partly, *answers)
        assert (path.reach, path.is_repairable) == (Reach.PARTLY, is_repairable)
        assert bool(path.conflict_id) is not is_repairable
    assert path_in(BEHIND_NAT, zone(FIPS, HUB)).conflict_id == ""


@pytest.mark.parametrize(("private_dns", "is_refused"), [(True, True), (False, False)])
def test_an_endpoint_of_another_service_that_has_one_of_the_names_is_in_the_way(
    private_dns: bool, is_refused: bool
) -> None:
    """AWS offers FIPS names of some services as services of their own."""
    twin = "com.amazonaws.us-east-1.monitoring-fips"
    catalog = Catalog((SERVICE, replace(SERVICE, name=twin, private_dns_names=(FIPS,))))
    there = endpoint(twin, "a", private_dns=private_dns, own=False)
    for network in (vpc(subnet("a"), there), vpc(subnet("a"), TO_HUB, there)):
        action = of_kind(planned(network, catalog=catalog), ActionKind.CREATE_INTERFACE_ENDPOINT)
        assert action.error == (
            "AWS doesn't accept private DNS for an endpoint here while vpce-1 for the monitoring-fips service has one "
            "of the same names: turn off its private DNS"
            if is_refused
            else ""
        )
    assert state_in(planned(vpc(subnet("a"), there), catalog=catalog)) is not ServiceState.SERVED
    fips = planned(vpc(subnet("a"), there, own_security_group()), catalog=catalog, suffix="monitoring-fips")
    assert (state_in(fips) is ServiceState.SERVED) is private_dns


ONLY_ONE = (
    "AWS doesn't accept private DNS for an endpoint here beside one for the monitoring service, which has one of the "
    "same names: require only one of the two"
)
BOTH = ("monitoring", "monitoring-fips")
TWINS = Catalog((SERVICE, replace(SERVICE, name=f"{MONITORING}-fips", private_dns_names=(FIPS,))))


@pytest.mark.parametrize("canary", [False, True])
def test_of_two_services_with_one_name_that_are_required_one_gets_an_endpoint(canary: bool) -> None:
    """AWS would refuse the second one's private DNS, also where a canary turns it on later."""
    asked = tuple(Requirement(name, frozenset({"subnet-a"}), per_zone=True) for name in reversed(BOTH))

    def made(**more: Any) -> list[Action]:
        found = plan_endpoints(vpc(subnet("a")), TWINS, PlanInput(asked, OWNER, dns=DnsView(), canary=canary, **more))
        return [one for one in found.actions if one.kind is ActionKind.CREATE_INTERFACE_ENDPOINT]

    first, second = made()
    assert (first.service, first.status, second.service, second.status) == (
        "monitoring",
        Status.PLANNED,
        "monitoring-fips",
        Status.BLOCKED,
    )
    assert second.error == ONLY_ONE
    assert [one.service for one in made(frozen=frozenset({"monitoring"})) if one.is_planned][-1] == "monitoring-fips"


@pytest.mark.parametrize(("is_by_tag", "left"), [(True, Status.BLOCKED), (False, Status.PLANNED)])
def test_a_frozen_service_leaves_its_name_to_no_other_one_that_only_a_tag_asks_for(
    is_by_tag: bool, left: Status
) -> None:
    """Whoever reverts Lifeline's changes has a service frozen; the name would be gone once the freeze has ended."""
    asked = (
        Requirement("monitoring", frozenset({"subnet-a"}), per_zone=True, is_by_tag=is_by_tag),
        Requirement("monitoring-fips", frozenset({"subnet-a"}), per_zone=True),
    )
    frozen = frozenset({"monitoring-fips"})
    found = plan_endpoints(vpc(subnet("a")), TWINS, PlanInput(asked, OWNER, dns=DnsView(), frozen=frozen))
    (other,) = [one for one in found.actions if one.service == "monitoring"]
    assert other.status is left


@pytest.mark.parametrize("canary", [False, True])
def test_of_two_services_with_one_name_what_a_rule_asks_for_goes_before_what_only_a_tag_does(canary: bool) -> None:
    """Otherwise, whoever may tag one subnet keeps the endpoint from all others."""
    asked = (
        Requirement("monitoring", frozenset({"subnet-b"}), per_zone=True, is_by_tag=True),
        Requirement("monitoring-fips", frozenset({"subnet-a"}), per_zone=True),
    )
    two = (subnet("a"), subnet("b", "us-east-1b"))
    by_tag = endpoint(MONITORING, "b", private_dns=False)
    for there in ((), (by_tag, own_security_group())) if canary else ((),):
        found = plan_endpoints(
            vpc(*two, *there),
            TWINS,
            PlanInput(asked, OWNER, dns=DnsView(), canary=canary, made=(("monitoring", "vpce-1"),) if there else ()),
        )
        naming = [one for one in found.actions if one.service]
        assert {(one.service, one.status) for one in naming} == {
            ("monitoring-fips", Status.PLANNED),
            ("monitoring", Status.BLOCKED),
        }
        assert [report.service for report in found.services] == ["monitoring", "monitoring-fips"]


def test_of_two_services_with_one_name_the_one_that_had_an_endpoint_gets_it_again() -> None:
    """The other one may wait for approval, by which neither would be there."""
    asked = tuple(
        Requirement(name, frozenset({"subnet-a"}), per_zone=True) for name in ("monitoring", "monitoring-fips")
    )
    had = PlanInput(asked, OWNER, dns=DnsView(), made=(("monitoring-fips", "vpce-gone"),))
    found = plan_endpoints(vpc(subnet("a")), TWINS, had)
    assert [one.service for one in found.planned if one.service] == ["monitoring-fips"]


def test_beside_lifelines_own_endpoint_with_the_name_one_of_the_two_is_to_be_required() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group())
    held = (
        "AWS doesn't accept private DNS for an endpoint here while vpce-1 for the monitoring service has one of the "
        "same names: "
    )
    alone = planned(network, catalog=TWINS, suffix="monitoring-fips")
    left = "Lifeline will delete it once nothing has required it for long enough"
    assert of_kind(alone, ActionKind.CREATE_INTERFACE_ENDPOINT).error == held + left
    asked = tuple(Requirement(name, frozenset({"subnet-a"}), per_zone=True) for name in BOTH)
    coming = replace(network.endpoints[0], private_dns=False, state=EndpointState.PENDING)  # as with a canary
    for there in (network, replace(network, endpoints=(coming,))):
        both = plan_endpoints(there, TWINS, PlanInput(asked, OWNER, dns=DnsView()))
        assert of_kind(both, ActionKind.CREATE_INTERFACE_ENDPOINT).error == ONLY_ONE
    ready = replace(coming, state=EndpointState.AVAILABLE)
    second = replace(ready, id="vpce-2", service_name=f"{MONITORING}-fips")
    found = plan_endpoints(replace(network, endpoints=(second, ready)), TWINS, PlanInput(asked, OWNER, dns=DnsView()))
    enabling = {one.endpoint_id: one.error for one in found.actions if one.kind is ActionKind.ENABLE_PRIVATE_DNS}
    assert enabling == {"vpce-1": "", "vpce-2": ONLY_ONE}


def test_the_hubs_zone_of_the_usual_name_is_offered_beside_it() -> None:
    """It needs no private DNS."""
    more: dict[str, Any] = {
        "central": central(),
        "hub": Hubs().view(),
        "may_associate": True,
        "account_id": "123456789012",
    }
    found = planned(spoke(), zone(FIPS, HUB), **more)
    assert of_kind(found, ActionKind.ASSOCIATE_CENTRAL).is_planned


def test_whom_a_profile_would_serve_by_another_name_already_is_asked_as_well() -> None:
    """A Profile that takes a second service's usual name is checked for it, though a zone has its FIPS name."""
    logs = Service(
        "com.amazonaws.us-east-1.logs", EndpointType.INTERFACE, private_dns_names=("logs.example", "logs-fips.example")
    )
    profile = brought(replace(zone(USUAL, "10.9.1.5"), endpoint_id="vpce-0hub"))
    source = replace(
        Hubs().view().sources[0],
        id="rp-1",
        answers=(profile, brought(zone("logs.example", "10.9.1.6"))),
        most_vpcs=1000,
    )
    more: dict[str, Any] = {
        "central": central(zones=(), profile="rp-1"),
        "hub": Hubs().view(sources=(source,)),
        "may_associate": True,
        "frozen": frozenset({"logs"}),
    }
    catalog = Catalog((SERVICE, logs))
    for there, is_taken in (("logs-fips.example", True), ("logs.example", False)):
        found = planned(spoke(), zone(there, HUB), catalog=catalog, **more)
        reasons = " ".join(action.reason for action in found.actions)
        assert ("rp-1 would take the name of the logs service" in reasons) is is_taken
    held = planned(spoke(endpoints=(endpoint(logs.name, "a"),)), catalog=catalog, **more)  # by its own private DNS
    assert "logs" not in " ".join(action.reason for action in held.actions)


# ---- what an endpoint would take


def test_a_profile_that_brings_another_name_loses_it_to_an_endpoint_and_that_is_said() -> None:
    network = vpc(subnet("a"), TO_HUB)
    made = of_kind(planned(network, brought(zone(FIPS, HUB))), ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert made.is_planned
    assert made.reason.endswith(f"; its private DNS also takes {FIPS} from Route 53 Profile rp-1")
    by_rule = of_kind(planned(network, rule("api.aws")), ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert by_rule.reason.endswith(f"; its private DNS also takes {DUAL} from resolver rule rslvr-rr-1")
    idle = vpc(subnet("a"), TO_HUB, endpoint(MONITORING, "a", private_dns=False), own_security_group())
    switched = of_kind(planned(idle, brought(zone(FIPS, HUB))), ActionKind.ENABLE_PRIVATE_DNS)
    assert switched.reason.endswith(f"; its private DNS also takes {FIPS} from Route 53 Profile rp-1")


def test_a_rule_for_just_another_name_goes_on_answering_it() -> None:
    made = of_kind(planned(vpc(subnet("a"), TO_HUB), rule(FIPS)), ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert made.is_planned
    assert made.reason.endswith("no endpoint in the VPC serves it")


@pytest.mark.parametrize("is_walled", [True, False])
def test_who_reaches_the_service_by_another_name_and_not_by_the_endpoint_is_not_cut_off(is_walled: bool) -> None:
    """The subnets of one table reach the hub by the FIPS name; the endpoint's ACL would keep one of them out."""
    far = subnet("z", "us-east-1b", cidr="10.0.2.0/24")
    acls: tuple[NetworkAcl, ...] = (closed_to("10.0.2.0/24", subnet("a")),) if is_walled else ()
    network = vpc(subnet("a"), far, TO_HUB, network_acls=acls)
    made = of_kind(planned(network, brought(zone(FIPS, HUB))), ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert made.is_blocked is is_walled
    assert (f"unreachable from subnet-z, which may reach it today by {FIPS}" in made.error) is is_walled
    room = replace(network, subnets=(*network.subnets, subnet("b", cidr="10.0.3.0/24", free=9)))
    placed = of_kind(planned(room, brought(zone(FIPS, HUB))), ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert (placed.is_planned, placed.subnet_ids) == (True, ("subnet-b" if is_walled else "subnet-a",))
    assert planned(network).actions[-1].is_planned  # without the Profile it takes nothing from anybody
    assert planned(network, rule(FIPS)).actions[-1].is_planned


# ---- rules and zones of parents


def test_a_rule_for_a_parent_answers_every_name_but_those_that_another_rule_gives_back() -> None:
    parent = rule("us-east-1.amazonaws.com")
    network = vpc(subnet("a"), TO_HUB)
    path = path_in(network, parent)
    assert (path.reach, path.central_id) == (Reach.CENTRAL, "rslvr-rr-1")
    given_back = DnsAnswer(AnswerKind.RESOLVER_RULE, USUAL, "rslvr-rr-2", "a SYSTEM rule")
    dns = DnsView((parent,), kept_here=(given_back,))
    kept = find_path(network.subnets[0], network, "monitoring", CATALOG, dns, has_public_address=False)
    assert (kept.reach, kept.central_id) == (Reach.UNREACHABLE, "")
    asked = (Requirement("monitoring", frozenset({"subnet-a"}), per_zone=True),)
    made = of_kind(
        plan_endpoints(network, CATALOG, PlanInput(asked, OWNER, dns=dns)), ActionKind.CREATE_INTERFACE_ENDPOINT
    )
    assert made.reason.endswith(f"; its private DNS also takes {FIPS} from resolver rule rslvr-rr-1")
    only_dual = path_in(network, rule("api.aws"))
    assert (only_dual.reach, only_dual.central_id) == (Reach.UNREACHABLE, "")


def test_a_zone_of_a_parent_is_named_where_it_may_hide_the_usual_name_and_not_where_it_hides_another() -> None:
    over, beside = zone("us-east-1.amazonaws.com"), zone("us-east-1.api.aws")
    out = vpc(subnet("a"), table("main", default_route(To.TRANSIT_GATEWAY, "tgw-1")))
    for parent, is_said in ((over, True), (beside, False)):
        reason = of_kind(planned(vpc(subnet("a"), TO_HUB), parent), ActionKind.CREATE_INTERFACE_ENDPOINT).reason
        assert reason.endswith("; a zone") is is_said
        path = path_in(out, parent)
        assert path.reach is Reach.OPEN_EGRESS
        assert any("might hide the name" in words for words in path.doubts) is is_said
    both = planned(vpc(subnet("a"), TO_HUB), over, zone(FIPS, HUB))
    assert state_in(both) is ServiceState.BLOCKED


# ---- several usual names


@pytest.mark.parametrize("label", ["s3-control", "s3-accesspoint"])
def test_a_zone_of_another_part_of_s3_is_not_s3(label: str) -> None:
    other = zone(f"{label}.{_DOMAIN}", under=(HUB,))
    served = vpc(subnet("a"), TO_HUB, gateway("main"))
    assert path_in(served, other, catalog=BUCKETS, suffix="s3").reach is Reach.SERVED
    made = planned(vpc(subnet("a"), TO_HUB), other, catalog=BUCKETS, suffix="s3")
    assert of_kind(made, ActionKind.CREATE_GATEWAY_ENDPOINT).is_planned


@pytest.mark.parametrize(
    ("own", "under", "reach", "missing"),
    [
        ((HUB,), (HUB,), Reach.CENTRAL, ""),
        ((HUB,), (), Reach.PARTLY, f"*.s3.{_DOMAIN}"),
        ((), (HUB,), Reach.PARTLY, f"s3.{_DOMAIN}"),
        ((), (), Reach.UNREACHABLE, f"*.s3.{_DOMAIN}"),
        ((HUB,), ("10.99.0.1",), Reach.PARTLY, ""),
        (("10.99.0.1",), (HUB,), Reach.PARTLY, ""),
        (("10.99.0.1",), ("10.99.0.2",), Reach.UNREACHABLE, ""),
    ],
)
def test_buckets_and_their_lists_are_asked_for_by_two_names(
    own: tuple[str, ...], under: tuple[str, ...], reach: Reach, missing: str
) -> None:
    network, answered = vpc(subnet("a"), TO_HUB), zone(f"s3.{_DOMAIN}", *own, under=under)
    path = path_in(network, answered, catalog=BUCKETS, suffix="s3")
    assert path.reach is reach
    words = f"private hosted zone Z-s3 has no record for {missing}, so the name isn't resolved"
    assert (path.words == words) is bool(missing)
    assert ("clients also ask for other names of the service" in " ".join(path.doubts)) is (reach is Reach.PARTLY)
    found = planned(network, answered, catalog=BUCKETS, suffix="s3")
    assert (state_in(found) is ServiceState.CENTRAL) is (reach is Reach.CENTRAL)
    if missing:
        (blocked,) = found.actions
        part = "all of " if reach is Reach.PARTLY else ""
        assert blocked.reason == f"subnet-a (isolated) can't reach {part}the s3 service: {words}"
        assert "add the record" in blocked.error


@pytest.mark.parametrize("is_own", [True, False])
def test_of_two_names_the_one_that_leads_to_a_deleted_endpoint_is_told_with_what_to_do(*, is_own: bool) -> None:
    network, name = vpc(subnet("a"), TO_HUB), f"s3.{_DOMAIN}"
    answered = zone(name, HUB, under=(HUB,))
    of_name = {"addresses": (), "endpoint_id": "vpce-9"} if is_own else {"wildcard": ((), "vpce-9")}
    gone = replace(answered, absent_id="vpce-9", **of_name)
    path = path_in(network, gone, catalog=BUCKETS, suffix="s3")
    asked = name if is_own else f"*.{name}"
    words = f"the record of private hosted zone Z-s3 for {asked} leads to vpce-9, which was deleted"
    assert (path.reach, path.words) == (Reach.PARTLY, f"{words}, so the name isn't resolved")
    assert remedy_for("s3", path, ((443, 443),)) == (
        "Point the record of Z-s3 at another endpoint, or disassociate Z-s3 from the VPC."
    )
    (blocked,) = planned(network, gone, catalog=BUCKETS, suffix="s3").actions
    assert blocked.reason == f"subnet-a (isolated) can't reach all of the s3 service: {path.words}"
    assert "point its record at another endpoint, or disassociate" in blocked.error


def test_of_two_names_the_one_with_an_exception_is_told() -> None:
    """Each leads elsewhere: of the second's addresses a few of the subnet's are shut out."""
    few = AclEntry(90, True, False, "6", "10.200.0.10/32", 0, 65535)
    rest = tuple(AclEntry(100, egress, True, "-1", "0.0.0.0/0") for egress in (True, False))
    acl = NetworkAcl("acl-1", frozenset({"subnet-a"}), (few, *rest))
    network = vpc(subnet("a"), TO_HUB, network_acls=(acl,))
    open_, partly = ("10.200.0.20",), (HUB, "10.200.0.20")
    for own, under in ((open_, partly), (partly, open_)):
        path = path_in(network, zone(f"s3.{_DOMAIN}", *own, under=under), catalog=BUCKETS, suffix="s3")
        assert path.reach is Reach.PARTLY


def test_what_is_not_known_of_one_name_makes_it_unknown() -> None:
    """Behind a NAT gateway that leads on, addresses that weren't read may be reached or not."""
    onward = table("n", TO_HUB.routes[-1], subnets=("n",))
    parts = (
        subnet("a"),
        subnet("n", cidr="10.0.9.0/28"),
        table("main", default_route(To.NAT_GATEWAY, "nat-1")),
        onward,
    )
    network = vpc(*parts, nat_gateways=(NatGateway("nat-1", True, True, "subnet-n"),))
    answered = zone(f"s3.{_DOMAIN}", HUB, under=(HUB,))
    assert path_in(network, answered, catalog=BUCKETS, suffix="s3").reach is Reach.CENTRAL
    for partly_read in (replace(answered, wildcard=(None, "")), replace(answered, addresses=None)):
        assert path_in(network, partly_read, catalog=BUCKETS, suffix="s3").reach is Reach.UNKNOWN


def test_names_of_two_zones_of_which_one_is_not_read_are_not_known() -> None:
    answered = replace(zone(f"s3.{_DOMAIN}", HUB), wildcard=(None, ""))
    unread = path_in(vpc(subnet("a"), TO_HUB), answered, catalog=BUCKETS, suffix="s3")
    assert unread.reach is Reach.CENTRAL  # a route leads on, and where to isn't known
    assert any("were not read" in words for words in unread.unread)
    walled = vpc(subnet("a"), table("main"))
    assert path_in(walled, answered, catalog=BUCKETS, suffix="s3").reach is Reach.UNREACHABLE


@pytest.mark.parametrize("is_out", [True, False])
def test_of_two_unlike_names_of_which_one_is_answered_each_has_its_own_way(is_out: bool) -> None:
    first, second = "one.us-east-1.amazonaws.com", "other.us-east-1.amazonaws.com"
    catalog = Catalog((replace(SERVICE, private_dns_names=(first, second)),))
    routes = [default_route(To.TRANSIT_GATEWAY, "tgw-1")] if is_out else [TO_HUB.routes[-1]]
    path = path_in(vpc(subnet("a"), table("main", *routes)), zone(second, HUB), catalog=catalog)
    assert path.reach is (Reach.CENTRAL if is_out else Reach.PARTLY)


TWO = ("one.us-east-1.amazonaws.com", "other.us-east-1.amazonaws.com")
BY_GATEWAY = Service(MONITORING, EndpointType.GATEWAY, zones=frozenset(ZONES))
UNLIKE = Catalog((replace(SERVICE, private_dns_names=TWO),))


@pytest.mark.parametrize("answered", TWO)
@pytest.mark.parametrize("kind", [zone, rule, lambda domain, *_: brought(zone(domain, HUB))])
def test_beside_a_hub_that_answers_one_of_two_names_no_endpoint_is_promised_and_no_acl_is_blamed(
    answered: str, kind: Any
) -> None:
    answer = kind(answered, HUB) if kind is not rule else rule(answered)
    path = path_in(vpc(subnet("a"), TO_HUB), answer, catalog=UNLIKE)
    assert (path.reach, path.is_repairable, path.obstacles) == (Reach.PARTLY, False, ())
    first = f"disassociate {answer.source_id} from the VPC and " if kind is zone else ""
    remedy = remedy_for("monitoring", path, ((443, 443),), "rtb-main")
    assert remedy == (
        f"Restore the route in rtb-main or {first}create an endpoint for the monitoring service in the VPC."
    )
    refused = any("AWS accepts no endpoint with private DNS" in note for note in path.notes)
    assert refused is (kind is zone)


def test_a_zone_of_one_of_two_names_keeps_no_gateway_endpoint_from_being_made() -> None:
    catalog = replace(UNLIKE, services=(*UNLIKE.services, BY_GATEWAY))
    path = path_in(vpc(subnet("a"), TO_HUB), zone(TWO[0], HUB), catalog=catalog)
    assert (path.reach, path.conflict_id) == (Reach.PARTLY, "")
    assert not any("AWS accepts no endpoint" in note for note in path.notes)


@pytest.mark.parametrize("catalog", [UNLIKE, replace(UNLIKE, services=(*UNLIKE.services, BY_GATEWAY))], ids=["", "s3"])
def test_the_plan_says_which_of_two_names_a_hub_does_not_answer(catalog: Catalog) -> None:
    """As a hub's zone for DynamoDB leaves *.ddb.… (DynamoDB guide: account-based endpoints)."""
    found = planned(vpc(subnet("a"), TO_HUB), zone(TWO[0], HUB), catalog=catalog)
    (action,) = found.actions
    assert action.reason == (
        "subnet-a (isolated) can't reach all of the monitoring service: private hosted zone Z-one doesn't answer "
        f"{TWO[1]}"
    )
    assert action.error == (
        f"private hosted zone Z-one is in the way of an endpoint: have {TWO[1]} answered as well, or disassociate "
        "private hosted zone Z-one from the VPC"
    )
    assert state_in(found) is ServiceState.BLOCKED
    assert not planned(vpc(subnet("a"), TO_HUB), *(zone(name, HUB) for name in TWO), catalog=catalog).actions


def test_what_a_hub_leaves_unanswered_is_said_also_where_another_subnet_lacks_the_way_to_it() -> None:
    network = vpc(subnet("a"), subnet("b"), TO_HUB, table("alone", subnets=("b",)))
    asked = (Requirement("monitoring", frozenset({"subnet-a", "subnet-b"}), per_zone=True),)
    dns = DnsView((zone(TWO[0], HUB),))
    found = plan_endpoints(network, UNLIKE, PlanInput(asked, OWNER, dns=dns))
    assert any(f"Z-one doesn't answer {TWO[1]}" in action.reason for action in found.actions)


def test_in_place_of_the_policys_zone_that_lacks_one_of_two_names_an_endpoint_is_offered_and_stays() -> None:
    """It answers both; the zone wouldn't, so that the hub doesn't get the name back."""
    source = HubSource("Z-one", (zone(TWO[0], HUB),), 1, 300)
    more: dict[str, Any] = {
        "central": central(zones=("Z-one",), cidrs=("10.200.0.0/16",)),
        "hub": Hubs().view(sources=(source,)),
        "may_associate": True,
        "account_id": "123456789012",
    }
    network = vpc(subnet("a"), TO_HUB, client_groups=(), interfaces=())
    found = planned(network, zone(TWO[0], HUB), catalog=UNLIKE, **more)
    made, swap = of_kind(found, ActionKind.CREATE_INTERFACE_ENDPOINT), of_kind(found, ActionKind.SWAP_TO_LOCAL)
    lack = f"private hosted zone Z-one doesn't answer {TWO[1]}"
    assert (made.private_dns, lack in made.reason, made.asks) == (
        False,
        True,
        "needs approval: it is to stand in for Z-one",
    )
    assert swap.asks == "needs approval: it takes Z-one out of the VPC"
    assert swap.reason == (f"{lack}, and AWS refuses private DNS for another endpoint while Z-one is in the VPC")
    there = endpoint(MONITORING, "a", tags=((MANAGED_BY, OWNER), (IN_PLACE_OF, "Z-one")))
    standing_in = replace(network, endpoints=(there,), security_groups=(own_security_group(),))
    assert not planned(standing_in, catalog=UNLIKE, **more).actions


def test_nothing_is_taken_from_a_public_subnet_whose_other_names_lead_to_public_addresses() -> None:
    """Which of its clients have a public address, the plan doesn't know, so it says of none that it lost something."""
    led = route("10.9.0.0/16", To.TRANSIT_GATEWAY, TGW)
    public = table("public", led, default_route(To.INTERNET_GATEWAY, "igw-1"), subnets=("public",))
    one = replace(zone(TWO[0], ADDRESS), endpoint_id="vpce-0hub")
    view = Hubs().view(sources=(HubSource("Z-one", (one,), 1, 300),))
    asks: dict[str, Any] = {"central": central(zones=("Z-one",)), "hub": view}
    found = planned(vpc(subnet("a"), subnet("public"), table("main", led), public), one, catalog=UNLIKE, **asks)
    assert not any("subnet-public" in note for note in found.notes)
