"""One morning's notices and events: a deploy role deletes a route, and twelve machines in app-prod go silent.

Add a new notice to `NOTICES` with the minute after 09:00 at which it is sent, and a new event to `EVENTS`;
`python -m tests.golden.write` then writes their files.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lifeline.adapters.aws.bus import Bus
from lifeline.core.agents.agent import Agent, Gap, State, Suppression
from lifeline.core.agents.failed_runs import FailedRuns
from lifeline.core.agents.instances import Health, Instance, Power
from lifeline.core.agents.series import Series
from lifeline.core.agents.watches import Watch
from lifeline.core.coexist.awaited import overdue
from lifeline.core.coexist.canary import Canary, withdraw
from lifeline.core.coexist.claims import Claim, Claimed, with_claims
from lifeline.core.coexist.conflicts import Conflict, Reversal
from lifeline.core.coexist.effects import Effect, EffectKind
from lifeline.core.coexist.hand_over import answer_claims
from lifeline.core.coexist.teardown import Attempt, Teardown, clear
from lifeline.core.coexist.unusable_policies import changed_meanwhile
from lifeline.core.coexist.waivers import Waiver
from lifeline.core.event_path.causes import NOT_SWEPT, SILENT, CauseNews
from lifeline.core.event_path.comparison import Comparison
from lifeline.core.event_path.denial import DeniedBy, read_dry_run_denial
from lifeline.core.event_path.dry_run import OF_GROUP, DryRun
from lifeline.core.event_path.proof import LEFT_OUT, UNPROVEN, EventPath
from lifeline.core.guards.approval import approve_command
from lifeline.core.guards.backlog import BACKLOG, WAITS, Alike, GapSurvey
from lifeline.core.guards.kill_switch import why_on
from lifeline.core.guards.limits import FOR_WHAT_WAITS, Usage, admit, heaviest
from lifeline.core.guards.mode import Mode
from lifeline.core.guards.urgency import KnownVpc
from lifeline.core.history.change import Change
from lifeline.core.incidents.diagnose import diagnose
from lifeline.core.incidents.facts import Facts
from lifeline.core.incidents.incident import Cause, Incident, Phase
from lifeline.core.incidents.late import Others
from lifeline.core.incidents.lifecycle import News, NewsKind
from lifeline.core.network.askers import Askers, Door, DoorKind, Forward
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.hub import HubSource
from lifeline.core.network.iam_policy import Permission, RoleVerdict
from lifeline.core.network.model import (
    AclEntry,
    BlockMode,
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Route,
    RouteTable,
    Rule,
    SecurityGroup,
    Subnet,
    TargetKind,
    Vpc,
)
from lifeline.core.network.priority import in_force
from lifeline.core.network.tiers import NAT64
from lifeline.core.notices.agents_unknown import agents_unknown_notice
from lifeline.core.notices.backlog import backlog_notice
from lifeline.core.notices.bus_event import BusEvent
from lifeline.core.notices.bus_events import answer_events, change_event, incident_event
from lifeline.core.notices.chat import chat_form
from lifeline.core.notices.claim import handed_over_notice
from lifeline.core.notices.conflict import Frozen, frozen_notice
from lifeline.core.notices.denied import denied_notice
from lifeline.core.notices.endpoints import endpoint_notice, lost_notice
from lifeline.core.notices.event_path import (
    accounts_notice,
    denied_dry_run_notice,
    ended_notice,
    lost_rules_notice,
    unheard_notice,
    unswept_notice,
)
from lifeline.core.notices.exempted import Exempting, exempted_notice
from lifeline.core.notices.forgotten import forgotten_notice
from lifeline.core.notices.forms import email_text, machine_text
from lifeline.core.notices.incident import incident_notice, summary_notice
from lifeline.core.notices.kill_switch import switch_notice
from lifeline.core.notices.members import (
    denied_account_notice,
    lost_account_notice,
    read_account_notice,
    several_accounts_notice,
)
from lifeline.core.notices.notice import Notice, Sender
from lifeline.core.notices.policy import Problem, policy_notice
from lifeline.core.notices.teardown import teardown_notice
from lifeline.core.notices.trigger_text import Because, because_of
from lifeline.core.notices.unwatched import unwatched_notice
from lifeline.core.notices.watch_full import watch_full_notice
from lifeline.core.organization.members import AccountStanding, MemberAccount
from lifeline.core.owner import Owner
from lifeline.core.plan.actions import UNANSWERED, Action, ActionKind, Plan, Status, Urgency
from lifeline.core.plan.answer import Approvable, VpcAnswer
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.endpoint_lifecycle import Made, follow
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.endpoint_policies import policy_print
from lifeline.core.policy.policy import EXEMPT, Exempted, ExemptedBy, Limits, Requirement
from lifeline.core.requests.trigger import Trigger
from lifeline.core.severity import Severity
from tests.support.builders import (
    CATALOG,
    LOCAL,
    MONITORING,
    NARROW_POLICY,
    S3,
    SHUT_POLICY,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    plan,
    route,
    vpc,
)
from tests.support.hubs import Hubs, offered, spoke
from tests.support.hubs import answer as hub_answer
from tests.support.hubs import central as hub_policy

SENDER = Sender("123456789012", "us-east-1", "lifeline", "lifeline-us-east-1")
NINE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
VPC, VPC_NAME = "vpc-0a1b2c3d4e5f60718", "app-prod"
OTHER = "vpc-0b2c3d4e5f6071829"
APP_A, APP_B, WEB = "subnet-0c1d2e3f405162738", "subnet-0d2e3f40516273849", "subnet-0e3f4051627384950"
TABLE, PUBLIC_TABLE = "rtb-0f40516273849506a", "rtb-0a51627384950617b"
ENDPOINT, GROUP = "vpce-0a9b8c7d6e5f40312", "sg-0b8c7d6e5f4031223"
EVENT = "8c2f3c5e-6a1b-4f0d-9e57-2b7d1c4a9f10"
PLAN_ID = "plan-3f9c2a7be41d0586"
ROLE = "deploy-role/release-1842"
WATCH = Watch()
DENIED_DRY_RUN = DryRun(
    "UnauthorizedOperation",
    "You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/"
    "lifeline-Reconcile/lifeline is not authorized to perform: ec2:CreateVpcEndpoint on resource: "
    "arn:aws:ec2:us-east-1:123456789012:vpc-endpoint/* with an explicit deny in a service control policy.",
)


def dry_runs(*hours: int) -> EventPath:
    """Dry runs so many hours before nine."""
    path = UNPROVEN
    for number, ago in enumerate(hours):
        path = path.asked(
            DryRun("DryRunOperation", "", f"{number}a1b2c3d-1234-4abc-8def-0123456789ab"), NINE - ago * HOUR
        )
    return path


def heard_again() -> EventPath:
    path = dry_runs(3, 2, 1)
    return path.heard(path.probes[0].request_id, NINE - HOUR, NINE - HOUR)


def at(minute: float) -> datetime:
    return NINE + timedelta(minutes=minute)


# ---- the change, and what became of it

CHANGE = Trigger("change", EVENT, "DeleteRoute", ROLE, at(6.5).isoformat().replace("+00:00", "Z"))
BECAUSE = because_of([CHANGE])
NETWORK = vpc(
    Subnet(id=APP_A, zone="us-east-1a", zone_id="", cidr="10.20.1.0/24", free_addresses=250),
    Subnet(id=APP_B, zone="us-east-1b", zone_id="", cidr="10.20.2.0/24", free_addresses=250),
    Subnet(id=WEB, zone="us-east-1a", zone_id="", cidr="10.20.3.0/24", free_addresses=250),
    RouteTable(TABLE, True, frozenset(), (LOCAL,)),
    RouteTable(PUBLIC_TABLE, False, frozenset({WEB}), (LOCAL, default_route(TargetKind.INTERNET_GATEWAY))),
    id=VPC,
    cidrs=("10.20.0.0/16",),
    tags=(("Name", VPC_NAME),),
)
PLAN = plan(NETWORK, "monitoring")
DENIED = "AccessDenied: the role isn't allowed to create endpoints for com.amazonaws.us-east-1.monitoring"


def answer(planned: Plan = PLAN, *actions: Action, **more: Any) -> VpcAnswer:
    return replace(VpcAnswer.of(planned, actions or None).located(NETWORK), **more)


def done(action: Action) -> Action:
    """The action once it was done, with the resource that it made."""
    made = "" if action.kind is ActionKind.CREATE_SECURITY_GROUP else ENDPOINT
    return replace(action, status=Status.DONE, security_group_id=GROUP, endpoint_id=made)


MAKE_GROUP, MAKE = PLAN.actions
CREATED = answer(PLAN, done(MAKE_GROUP), done(MAKE))
PLANNED = answer()
URGENT = replace(PLAN, actions=tuple(replace(one, urgency=Urgency.URGENT) for one in PLAN.actions))  # it lost its path
IN_USE = Usage(interfaces={OTHER: 68})  # 496.40 USD a month
UNAPPROVED = answer(
    admit({VPC: URGENT}, IN_USE, {VPC: frozenset()}, Limits(), price_in("us-east-1"), now=at(8)).plans[VPC],
    note=heaviest("monthly_usd", IN_USE, price_in("us-east-1"), now=at(8)),
    approval=Approvable(PLAN_ID, Decimal("14.60"), at(8 + 24 * 60), approve_command(PLAN_ID, "lifeline")),
)
_ALL_WAIT = tuple(replace(one, status=Status.BLOCKED, error=WAITS, blocked_by=BACKLOG) for one in PLAN.actions)
WAITING = answer(PLAN, *_ALL_WAIT)
WAITING_ELSEWHERE = replace(WAITING, vpc_id=OTHER, name="")
FULL = replace(NETWORK, subnets=tuple(replace(one, free_addresses=0) for one in NETWORK.subnets))
BLOCKED = answer(plan(FULL, "monitoring"))
ELSEWHERE = Catalog(
    tuple(
        replace(CATALOG.find("monitoring")[0], name=f"com.amazonaws.us-east-1.{name}", private_dns_names=(name,))
        for name in ("email-smtp", "brand-new")
    )
)
_ASKED = tuple(Requirement(name, frozenset({APP_A, APP_B}), per_zone=True) for name in ("email-smtp", "brand-new"))
ON_OTHER_PORTS = answer(plan_endpoints(NETWORK, ELSEWHERE, PlanInput(_ASKED, "lifeline", price=price_in("us-east-1"))))
_ALL = tuple(AclEntry(100, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False))
SERVES_MOST = endpoint(MONITORING, id=ENDPOINT, subnet_ids=frozenset({APP_A}), security_group_ids=frozenset({GROUP}))
MEMBERS = SecurityGroup(GROUP, "theirs", (Rule("tcp", 443, 443, cidrs=("10.20.1.0/24",), groups=("sg-0agents",)),))
BY_MEMBERS = answer(
    plan(
        replace(
            NETWORK,
            endpoints=(replace(SERVES_MOST, tags=(), on_record=False),),
            security_groups=(MEMBERS,),
            interfaces=(
                NetworkInterface("eni-1", APP_B, ("10.20.2.20",), frozenset({"sg-0agents"})),
                NetworkInterface("eni-2", APP_B, ("10.20.2.30",), frozenset({"sg-0other"})),
            ),
        ),
        "monitoring",
    )
)
HUB_ZONE = DnsAnswer(
    AnswerKind.PRIVATE_ZONE,
    "monitoring.us-east-1.amazonaws.com",
    "Z0123456789HUB",
    "the private hosted zone monitoring.us-east-1.amazonaws.com (Z0123456789HUB)",
    addresses=("10.128.0.10", "10.128.1.10"),
)


def at_hub(*, active: bool) -> Vpc:
    """The network whose main table leads to a hub, or once did."""
    to_hub = route("10.128.0.0/16", TargetKind.TRANSIT_GATEWAY, "tgw-0hub", active=active)
    main, *others = NETWORK.route_tables
    return replace(NETWORK, route_tables=(replace(main, routes=(*main.routes, to_hub)), *others))


AT_HUB, LEFT_HUB = at_hub(active=True), at_hub(active=False)
WITHOUT_HUB = answer(plan(LEFT_HUB, "monitoring", dns=DnsView((HUB_ZONE,))))
_DELETED = replace(HUB_ZONE, addresses=(), endpoint_id="vpce-0f9e8d7c6b5a43210", absent_id="vpce-0f9e8d7c6b5a43210")
DELETED_HUB = answer(plan(AT_HUB, "monitoring", dns=DnsView((_DELETED,))))
FIPS = "monitoring-fips.us-east-1.amazonaws.com"
_FIPS_ZONE = replace(HUB_ZONE, domain=FIPS)
_WITH_FIPS = replace(CATALOG.find("monitoring")[0], private_dns_names=("monitoring.us-east-1.amazonaws.com", FIPS))
_BY_TWO_NAMES = PlanInput((Requirement("monitoring", frozenset({APP_A, APP_B}), per_zone=True),), "lifeline")


def by_two_names(zone: DnsAnswer) -> VpcAnswer:
    """The plan where the service has a FIPS name as well, and this is what answers it."""
    dns, price = DnsView((zone,)), price_in("us-east-1")
    return answer(plan_endpoints(AT_HUB, Catalog((_WITH_FIPS,)), replace(_BY_TWO_NAMES, dns=dns, price=price)))


ANOTHER_NAME = by_two_names(_FIPS_ZONE)
TAKES_ANOTHER_NAME = by_two_names(replace(_FIPS_ZONE, kind=AnswerKind.PROFILE, source_id="rp-0123456789hub"))
_BUCKETS = "s3.us-east-1.amazonaws.com"
_LISTED = replace(CATALOG.find("s3")[1], private_dns_names=(f"*.{_BUCKETS}", _BUCKETS))
_HALF_A_ZONE = replace(HUB_ZONE, domain=_BUCKETS, addresses=(), wildcard=(HUB_ZONE.addresses, ""))
_BY_HALF = PlanInput((Requirement("s3", frozenset({APP_A}), per_zone=True),), "lifeline", dns=DnsView((_HALF_A_ZONE,)))
HALF_ANSWERED = answer(plan_endpoints(AT_HUB, Catalog((CATALOG.find("s3")[0], _LISTED)), _BY_HALF))
_TABLES, _ACCOUNTS = "dynamodb.us-east-1.amazonaws.com", "*.ddb.us-east-1.amazonaws.com"
_BY_ACCOUNT = replace(
    CATALOG.find("monitoring")[0], name="com.amazonaws.us-east-1.dynamodb", private_dns_names=(_TABLES, _ACCOUNTS)
)
_OF_TABLES = PlanInput(
    (Requirement("dynamodb", frozenset({APP_A}), per_zone=True),),
    "lifeline",
    dns=DnsView((replace(HUB_ZONE, domain=_TABLES),)),
)
ONE_NAME_LEFT = answer(plan_endpoints(AT_HUB, Catalog((_BY_ACCOUNT,)), _OF_TABLES))
_TWIN = replace(_WITH_FIPS, name="com.amazonaws.us-east-1.monitoring-fips", private_dns_names=(FIPS,))
_BOTH = tuple(Requirement(name, frozenset({APP_A}), per_zone=True) for name in ("monitoring", "monitoring-fips"))
ONE_NAME_FOR_TWO = answer(
    plan_endpoints(
        NETWORK,
        Catalog((_WITH_FIPS, _TWIN)),
        PlanInput(_BOTH, "lifeline", dns=DnsView(), price=price_in("us-east-1")),
    )
)
S3_BY_INTERFACE = endpoint(
    S3,
    "0c1d2e3f405162738",
    own=False,
    id="vpce-0a3b4c5d6e7f80919",
    inbound_dns_only=False,
    security_group_ids=frozenset(),
)
BESIDE_S3 = answer(plan(replace(NETWORK, endpoints=(S3_BY_INTERFACE,)), "monitoring", "s3"))
_THEIR_GATEWAY = gateway(own=False, id="vpce-0b4c5d6e7f8091a2b", policy=NARROW_POLICY)
_THEIR_GATEWAY = replace(_THEIR_GATEWAY, route_table_ids=frozenset({PUBLIC_TABLE}))
BESIDE_NARROW = answer(plan(replace(NETWORK, endpoints=(_THEIR_GATEWAY,)), "s3"))
_OUR_GATEWAY = replace(gateway(id="vpce-0c5d6e7f8091a2b3c"), route_table_ids=frozenset({TABLE}))
_THEIRS_NARROW = replace(S3_BY_INTERFACE, policy=NARROW_POLICY)
BESIDE_OURS = answer(plan(replace(NETWORK, endpoints=(_OUR_GATEWAY, _THEIRS_NARROW)), "monitoring", "s3"))
_TO_S3 = Route(("52.216.0.0/15", "54.231.0.0/16"), TargetKind.GATEWAY_ENDPOINT, _OUR_GATEWAY.id, True, "pl-63a5400a")
_TO_NOWHERE = route("52.216.0.0/15", TargetKind.VIRTUAL_PRIVATE_GATEWAY, "vgw-0d6e7f8091a2b3c4d", active=False)
_ASTRAY = replace(NETWORK.route_tables[0], routes=(LOCAL, _TO_NOWHERE, _TO_S3))
NAT_HOME = Subnet(id="subnet-0f405162738495061", zone="us-east-1a", zone_id="", cidr="10.20.9.0/28")
_TO_NAT = default_route(TargetKind.NAT_GATEWAY, "nat-0a1b2c3d4e5f60718")
_NAT = NatGateway(_TO_NAT.target_id, is_public=True, is_available=True, subnet_id=NAT_HOME.id)
_OF_NAT = "rtb-0f1e2d3c4b5a69788"
_GATEWAY_THERE = replace(_THEIR_GATEWAY, policy="", route_table_ids=frozenset({_OF_NAT}))
_BEHIND_NAT = replace(
    NETWORK,
    subnets=(*NETWORK.subnets, NAT_HOME),
    route_tables=(
        RouteTable(TABLE, True, frozenset(), (LOCAL, _TO_NAT)),
        RouteTable(_OF_NAT, False, frozenset({NAT_HOME.id}), (LOCAL, replace(_TO_S3, target_id=_GATEWAY_THERE.id))),
        *NETWORK.route_tables[1:],
    ),
    nat_gateways=(_NAT,),
    endpoints=(_GATEWAY_THERE,),
)
S3_BEHIND_NAT = answer(plan(_BEHIND_NAT, "monitoring", "s3"))
_MAIL_GROUP = SecurityGroup("sg-0c1d2e3f405162738", "mail", egress=(Rule("tcp", 25, 2587, ("52.0.0.0/8",)),))
_MAILING = replace(
    NETWORK,
    interfaces=(NetworkInterface("eni-0a1b2c3d4e5f60718", WEB, ("10.20.3.20",), frozenset({_MAIL_GROUP.id})),),
    client_groups=(_MAIL_GROUP,),
)
_MAIL = PlanInput((Requirement("email-smtp", frozenset({APP_A, APP_B}), per_zone=True),), "lifeline", dns=DnsView())
MAIL_HARMS = answer(plan_endpoints(_MAILING, ELSEWHERE, _MAIL))
_NO_SMTPS = tuple(
    AclEntry(number, egress=False, allow=False, protocol="6", cidr="10.20.0.0/16", from_port=port, to_port=port)
    for number, port in ((50, 465), (60, 2465))
)
_APPS_ACL = NetworkAcl("acl-0c7d6e5f403122314", frozenset({APP_A, APP_B}), (*_NO_SMTPS, *_ALL))
_WEB_FULL = tuple(replace(one, free_addresses=0) if one.id == WEB else one for one in NETWORK.subnets)
MAIL_PORTS_LOST = answer(
    plan_endpoints(replace(NETWORK, subnets=_WEB_FULL, network_acls=(_APPS_ACL,)), ELSEWHERE, _MAIL)
)
TAKEN_FROM_S3 = answer(
    plan(replace(NETWORK, endpoints=(_OUR_GATEWAY,), route_tables=(_ASTRAY, *NETWORK.route_tables[1:])), "s3")
)
DENIED_BY = replace(CHANGE, event_name="ModifyVpcEndpoint")
THEIRS_OPEN = replace(SERVES_MOST, tags=(), on_record=False, security_group_ids=frozenset())
THEIRS_SHUT = replace(THEIRS_OPEN, policy=SHUT_POLICY)
SHUT_BY_POLICY = answer(plan(replace(NETWORK, endpoints=(THEIRS_SHUT,)), "monitoring", per_zone=False))
OURS_SHUT = replace(SERVES_MOST, security_group_ids=frozenset(), policy=SHUT_POLICY)
OF_POLICY = plan(replace(NETWORK, endpoints=(OURS_SHUT,)), "monitoring", per_zone=False)
POLICY_RESET = answer(OF_POLICY, *(replace(action, status=Status.DONE) for action in OF_POLICY.actions))
OURS_OPENED = replace(SERVES_MOST, security_group_ids=frozenset())
UNDER_NO_POLICY = plan(replace(NETWORK, endpoints=(OURS_OPENED,)), "monitoring", per_zone=False)
OPENED_MEANWHILE = answer(
    UNDER_NO_POLICY,
    *changed_meanwhile(
        replace(UNDER_NO_POLICY, actions=()),
        replace(NETWORK, endpoints=(OURS_OPENED,)),
        {ENDPOINT: "its endpoint policy /lifeline/lifeline/endpoint-policies/orgs doesn't exist; did you mean org?"},
        {"monitoring": Conflict(frozenset({Effect(EffectKind.POLICY, ENDPOINT, policy_print(NARROW_POLICY))}))},
    ),
)
OURS_GROWN = replace(
    SERVES_MOST,
    subnet_ids=frozenset({APP_A, APP_B}),
    security_group_ids=frozenset(),
    added_subnet_ids=frozenset({APP_B}),
)
ZONES_ADDED = answer(plan(replace(NETWORK, endpoints=(OURS_GROWN,)), "monitoring", per_zone=False))
BEHIND_NAT = replace(
    NETWORK,
    route_tables=(
        RouteTable(TABLE, True, frozenset(), (LOCAL, default_route(TargetKind.NAT_GATEWAY, "nat-1"))),
        *NETWORK.route_tables[1:],
    ),
    nat_gateways=(NatGateway("nat-1", is_public=True, is_available=True),),
)
_SHUT_BY_BPA = replace(
    BEHIND_NAT,
    subnets=tuple(replace(one, block_mode=BlockMode.BIDIRECTIONAL) for one in NETWORK.subnets),
)
SHUT_BY_BPA = answer(plan(_SHUT_BY_BPA, "monitoring"))
_BY_LISTS = (
    Route(("0.0.0.0/0",), TargetKind.NAT_GATEWAY, _TO_NAT.target_id, True, "pl-0a1b2c3d4e5f60718"),
    Route(("0.0.0.0/0",), TargetKind.VIRTUAL_PRIVATE_GATEWAY, _TO_NOWHERE.target_id, False, "pl-0b2c3d4e5f6071829"),
)
_BY_TWO_LISTS = RouteTable(TABLE, True, frozenset(), tuple(in_force([(0, LOCAL), *((1, one) for one in _BY_LISTS)])))
_ONWARD = RouteTable(_OF_NAT, False, frozenset({NAT_HOME.id}), (LOCAL, default_route(TargetKind.INTERNET_GATEWAY)))
_UNDECIDED = replace(_BEHIND_NAT, route_tables=(_BY_TWO_LISTS, _ONWARD, *NETWORK.route_tables[1:]), endpoints=())
_IN_APP = PlanInput((Requirement("monitoring", frozenset({APP_A, APP_B}), per_zone=True),), "lifeline", dns=DnsView())
UNDECIDED = answer(plan_endpoints(_UNDECIDED, CATALOG, _IN_APP))
_NAT64 = RouteTable(TABLE, True, frozenset(), (LOCAL, route(NAT64, TargetKind.NAT_GATEWAY, _TO_NAT.target_id)))
_BY_NAT64 = replace(
    _UNDECIDED,
    subnets=tuple(
        replace(one, cidr="", ipv6_cidrs=(f"2001:db8::{number}:0:0:0/64",), dns64=True)
        if one.id in {APP_A, APP_B}
        else one
        for number, one in enumerate(_BEHIND_NAT.subnets)
    ),
    route_tables=(_NAT64, _ONWARD, *NETWORK.route_tables[1:]),
    endpoints=(replace(SERVES_MOST, tags=(), on_record=False, security_group_ids=frozenset()),),
)
BY_NAT64 = answer(plan_endpoints(_BY_NAT64, CATALOG, _IN_APP))
_PRIVATE_APIS = replace(
    CATALOG.find("monitoring")[0],
    name="com.amazonaws.us-east-1.execute-api",
    private_dns_names=("*.execute-api.us-east-1.amazonaws.com",),
)
_IN_APPS = (Requirement("execute-api", frozenset({APP_A, APP_B}), per_zone=True),)
HIDES_PUBLIC_APIS = answer(
    plan_endpoints(
        BEHIND_NAT,
        Catalog((_PRIVATE_APIS,)),
        PlanInput(_IN_APPS, "lifeline", dns=DnsView(), price=price_in("us-east-1")),
    )
)
_HALF = AclEntry(90, egress=False, allow=False, protocol="6", cidr="10.20.2.128/25")
IN_PART = answer(
    plan(
        replace(
            NETWORK,
            endpoints=(THEIRS_OPEN,),
            network_acls=(NetworkAcl("acl-0c7d6e5f403122314", frozenset({APP_A}), (_HALF, *_ALL)),),
        ),
        "monitoring",
        per_zone=False,
    )
)
_ONE_HOST = tuple(replace(one, number=50, allow=False, cidr="10.20.2.66/32") for one in _ALL)
BUT_ONE_HOST = answer(
    plan(
        replace(
            BEHIND_NAT,
            network_acls=(NetworkAcl("acl-0c7d6e5f403122314", frozenset({APP_A}), (*_ONE_HOST, *_ALL)),),
        ),
        "monitoring",
        dns=DnsView(),
    )
)
_IPV6_ONLY = replace(NETWORK.subnets[1], cidr="", ipv6_cidrs=("2001:db8:0:2::/64",))
OF_ANOTHER_VERSION = answer(
    plan(
        replace(
            NETWORK,
            subnets=(NETWORK.subnets[0], _IPV6_ONLY, NETWORK.subnets[2]),
            endpoints=(THEIRS_OPEN,),
        ),
        "monitoring",
        per_zone=False,
    )
)
APPS_GROUP = SecurityGroup(
    "sg-0c1d2e3f405162aaa", "app", egress=(Rule("tcp", 443, 443, ("52.94.0.0/15", "54.239.0.0/16")),)
)
BY_OWN_GROUP = answer(
    plan(
        replace(
            BEHIND_NAT,
            interfaces=(NetworkInterface("eni-0d2e3f405162738aa", APP_B, ("10.20.2.20",), frozenset({APPS_GROUP.id})),),
            client_groups=(APPS_GROUP,),
        ),
        "monitoring",
        dns=DnsView(),
    )
)
OWN_GROUP_UNREAD = answer(
    plan(
        replace(
            BEHIND_NAT,
            interfaces=(NetworkInterface("eni-0d2e3f405162738aa", APP_B, ("10.20.2.20",), frozenset({APPS_GROUP.id})),),
            client_groups=(),
        ),
        "monitoring",
        dns=DnsView(),
    )
)
NEIGHBOUR = replace(
    BEHIND_NAT,
    id=OTHER,
    cidrs=("10.30.0.0/16",),
    subnets=(Subnet(id="subnet-0e3f405162738495a", zone="us-east-1a", zone_id="", cidr="10.30.1.0/24"),),
    route_tables=(RouteTable("rtb-1", True, frozenset(), (default_route(TargetKind.TRANSIT_GATEWAY, "tgw-0hub"),)),),
)
DOOR = Door(DoorKind.INBOUND, "rslvr-in-0f1e2d3c4b5a69788", VPC, frozenset({"10.20.1.10"}))
ASKERS = Askers((DOOR,), dns_servers=((OTHER, ("10.20.1.10",)),))
FOR_OTHERS = answer(plan(NETWORK, "monitoring", dns=DnsView(), asking=ASKERS.of(NETWORK, {OTHER: NEIGHBOUR})))
MAYBE_OTHERS = answer(plan(NETWORK, "monitoring", dns=DnsView(), asking=Askers((DOOR,)).of(NETWORK, {})))
_TO_US = Forward("rslvr-rr-0a1b2c3d4e5f60718", "amazonaws.com", DOOR.addresses, (OTHER,))
_PARTLY = Askers((DOOR,), (_TO_US,), own_domains=((OTHER, frozenset({"monitoring.us-east-1.amazonaws.com"})),))
_FOR_FIPS = replace(
    _BY_TWO_NAMES,
    dns=DnsView(),
    asking=_PARTLY.of(NETWORK, {OTHER: NEIGHBOUR}),
    price=price_in("us-east-1"),
)
OTHERS_BY_FIPS = answer(plan_endpoints(NETWORK, Catalog((_WITH_FIPS,)), _FOR_FIPS))
_LOGS = "logs.us-east-1.amazonaws.com"
_ASLEEP = replace(HUB_ZONE, domain=_LOGS, detail=f"the private hosted zone {_LOGS} (Z0123456789HUB)", addresses=())
_CORP = replace(HUB_ZONE, domain="corp.example", source_id="Z0987654321CORP", addresses=None)
_ANSWERING = replace(SERVES_MOST, security_group_ids=frozenset({"sg-own"}))
_DNS_OFF = replace(
    BEHIND_NAT, dns_hostnames=False, endpoints=(_ANSWERING,), security_groups=(own_security_group("10.20.0.0/16"),)
)
WAKING = answer(plan(_DNS_OFF, "monitoring", per_zone=False, dns=DnsView((_ASLEEP, _CORP)), fix_dns=True))
WAKING_OTHERS = answer(plan(_DNS_OFF, "monitoring", per_zone=False, dns=DnsView((_CORP,)), fix_dns=True))
_NARROW = replace(
    _ANSWERING,
    id="vpce-0d5e6f7a8b9c0d1e2",
    service_name="com.amazonaws.us-east-1.logs",
    policy=NARROW_POLICY,
    tags=(),
    on_record=False,
)
WAKING_NARROW = answer(
    plan(
        replace(_DNS_OFF, endpoints=(_ANSWERING, _NARROW)),
        "monitoring",
        per_zone=False,
        dns=DnsView((_CORP,)),
        fix_dns=True,
    )
)
WAKING_FOR_A_TAG = answer(
    plan(
        replace(_DNS_OFF, endpoints=()),
        dns=DnsView((_CORP,)),
        fix_dns=True,
        requirements=(Requirement("monitoring", frozenset({_DNS_OFF.subnets[0].id}), per_zone=False, is_by_tag=True),),
    )
)
FAILED = answer(PLAN, done(MAKE_GROUP), replace(MAKE, status=Status.FAILED, error=DENIED))


SPOKE = spoke()
OFFERED = offered(SPOKE, Hubs(there=None).view())
(ASSOCIATE,) = OFFERED.actions
SHARED = answer(OFFERED, replace(ASSOCIATE, status=Status.DONE, asks=""))
ASKS_TO_SHARE = replace(
    answer(OFFERED, ASSOCIATE.held("central", ASSOCIATE.asks)),
    approval=Approvable(
        "plan-0c2d4e6f8a0b1c3d", Decimal("0.00"), at(24 * 60), approve_command("plan-0c2d4e6f8a0b1c3d", "lifeline")
    ),
)
NO_ROOM = (
    "associate_vpc_with_hosted_zone Z0HUB vpc-0123456789abcdef0: LimitsExceeded: Cannot associate more than 300 VPCs"
)
NOT_SHARED = answer(OFFERED, replace(ASSOCIATE, status=Status.FAILED, error=NO_ROOM))
# A subnet that had a NAT gateway, whose agents fell silent, and one that had no other way.
PARTLY_OUT = replace(
    SPOKE,
    subnets=(*SPOKE.subnets, replace(SPOKE.subnets[0], id="subnet-b", cidr="10.0.2.0/24")),
    route_tables=(
        *SPOKE.route_tables,
        RouteTable(
            "rtb-out",
            False,
            frozenset({"subnet-b"}),
            (*SPOKE.route_tables[0].routes, default_route(TargetKind.NAT_GATEWAY, "nat-1")),
        ),
    ),
)
LET_GO = withdraw(
    replace(offered(PARTLY_OUT, Hubs(there=None).view()), actions=()),
    {"monitoring": Canary("", at(0), central_ids=("Z0HUB",))},
    ["monitoring"],
    PARTLY_OUT,
    "lifeline",
    {"Z0HUB"},
)
LEFT_SPOKE = replace(SPOKE, route_tables=(replace(SPOKE.route_tables[0], routes=SPOKE.route_tables[0].routes[:1]),))
SWAP = offered(LEFT_SPOKE, Hubs().view(), dns=DnsView((hub_answer(),)))
OF_PROFILE = replace(hub_answer(), kind=AnswerKind.PROFILE, source_id="rp-0HUB")
SWAP_OF_PROFILE = offered(
    SPOKE,
    Hubs(there=()).view(sources=(HubSource("rp-0HUB", (OF_PROFILE,)),)),
    central=replace(hub_policy(), zones=(), profile="rp-0HUB"),
    dns=DnsView((OF_PROFILE,)),
)


def asking(swap: Plan) -> VpcAnswer:
    """A swap that waits for approval."""
    held = (action.held("central", action.asks or FOR_WHAT_WAITS) for action in swap.actions)
    approval = Approvable(PLAN_ID, Decimal("7.30"), at(24 * 60), approve_command(PLAN_ID, "lifeline"))
    return replace(answer(swap, *held), approval=approval)


def neither(swap: Plan) -> VpcAnswer:
    """A swap that could be neither finished nor undone."""
    action = next(one for one in swap.actions if one.kind is ActionKind.SWAP_TO_LOCAL)
    why = (
        f"modify_vpc_endpoint {ENDPOINT}: InvalidParameter: The private DNS name can't be used; "
        f"associate_vpc_with_hosted_zone Z0HUB {swap.vpc_id}: LimitsExceeded: Cannot associate more than 300 VPCs with "
        f"a private hosted zone; {UNANSWERED} the monitoring service in the VPC now"
    )
    return answer(swap, replace(action, asks="", endpoint_id=ENDPOINT, status=Status.FAILED, error=why))


NO_LONGER_SHARED = answer(LET_GO, *(replace(action, status=Status.DONE) for action in LET_GO.actions))


def notified(reported: VpcAnswer, *, is_plan: bool = False, because: Because = BECAUSE) -> Notice:
    notice = endpoint_notice([reported], because=because, is_plan=is_plan)
    assert notice is not None
    return notice


def never_up() -> VpcAnswer:
    """Somebody creates one endpoint after the other, and deletes each before it is available."""
    theirs = replace(SERVES_MOST, state=EndpointState.PENDING, tags=(), on_record=False)
    group = SecurityGroup(GROUP, "theirs", (Rule("tcp", 443, 443, cidrs=NETWORK.cidrs),))
    network = replace(NETWORK, endpoints=(theirs,), security_groups=(group,))
    made = Change(at(29), "e-29", "CreateVpcEndpoint", "deploy-role/release-1842", frozenset({ENDPOINT}))
    found = plan(network, "monitoring")
    return answer(found, *overdue({"monitoring": at(9)}, found, network, "lifeline", at(30), [made]))


# ---- the silence


def agent(number: int, *, silent_from: float = 8, back: float = 0, **more: Any) -> Agent:
    entity = f"i-0{number:02x}b7c8d9e0f1a2b3"
    gap = Gap(at(silent_from), at(silent_from + 5), at(back) if back else None)
    state = State.REPORTING if back else State.SILENT
    series = Series("mem_used_percent", (("InstanceId", entity),))
    return replace(Agent(entity, series, seen_at=at(silent_from - 1), state=state, gap=gap), **more)


LOST_ROUTE = Change(at(6.5), EVENT, "DeleteRoute", ROLE, frozenset({TABLE}))
FACTS = Facts(
    agent=agent(1),
    watch=WATCH,
    instance=Instance(
        Power.RUNNING,
        vpc_id=VPC,
        subnet_id=APP_A,
        zone="us-east-1a",
        launched_at=at(-600),
        profile_arn="arn:aws:iam::111122223333:instance-profile/app",
    ),
    health=Health.OK,
    vpc=NETWORK,
    catalog=CATALOG,
    dns=DnsView(),
    changes=(LOST_ROUTE,),
    price=price_in("us-east-1"),
)
[CUT] = diagnose({"its agent": FACTS}, at(14), reporting_by_zone={}).values()
COMING = replace(
    FACTS,
    vpc=replace(
        NETWORK,
        endpoints=(replace(SERVES_MOST, state=EndpointState.PENDING, subnet_ids=frozenset({APP_A, APP_B})),),
        security_groups=(own_security_group("10.20.0.0/16", id=GROUP),),
    ),
    made=(("monitoring", Made(ENDPOINT, at(7.25))),),
)
[PENDING] = diagnose({"its agent": COMING}, at(14), reporting_by_zone={}).values()
THERE = replace(
    COMING,
    vpc=replace(
        COMING.vpc or NETWORK,
        endpoints=(replace(SERVES_MOST, state=EndpointState.AVAILABLE, subnet_ids=frozenset({APP_A, APP_B})),),
    ),
    made=(("monitoring", Made(ENDPOINT, at(7.25), ready_at=at(16))),),
    earlier=((CUT, at(8)),),
)
[REPAIRED] = diagnose({"its agent": THERE}, at(16), reporting_by_zone={}).values()
[IN_PLAN_MODE] = diagnose({"its agent": replace(FACTS, mode=Mode.PLAN)}, at(14), reporting_by_zone={}).values()
_WAITS = Alike(frozenset({APP_A, APP_B}), False, frozenset({"monitoring"}), frozenset({"monitoring"}))
[IN_BACKLOG] = diagnose(
    {"its agent": replace(FACTS, changes=(), known=None, survey=GapSurvey(at(-600), at(-600), (_WAITS,)))},
    at(14),
    reporting_by_zone={},
).values()
_NEEDS_TAGS = replace(
    FACTS,
    agent=agent(1, needs=frozenset({"ec2"})),
    instance=replace(FACTS.instance, launched_at=at(7.5)),
    vpc=replace(NETWORK, endpoints=(SERVES_MOST,), security_groups=(own_security_group("10.20.0.0/16", id=GROUP),)),
    changes=(),
    asked=frozenset({"monitoring"}),
)
[NOT_REQUIRED] = diagnose({"its agent": _NEEDS_TAGS}, at(14), reporting_by_zone={}).values()
_EXEMPTED = Exempted(VPC, (), date(2026, 11, 27), "moves to the hub")
[EXEMPTED] = diagnose(
    {"its agent": replace(FACTS, asked=frozenset(), spared=(("monitoring", _EXEMPTED),))},
    at(14),
    reporting_by_zone={},
).values()
FOREIGN = Endpoint(
    ENDPOINT,
    "com.amazonaws.us-east-1.monitoring",
    EndpointType.INTERFACE,
    EndpointState.AVAILABLE,
    private_dns=True,
    subnet_ids=frozenset({APP_A}),
    security_group_ids=frozenset({GROUP}),
)
[NOT_KNOWN] = diagnose(
    {"its agent": replace(FACTS, vpc=replace(NETWORK, endpoints=(FOREIGN,)), changes=())},
    at(14),
    reporting_by_zone={},
).values()
ANSWERS_SHUT = AclEntry(90, egress=False, allow=False, protocol="6", cidr="0.0.0.0/0", from_port=1024, to_port=65535)
[SHUT] = diagnose(
    {
        "its agent": replace(
            FACTS,
            vpc=replace(
                NETWORK,
                subnets=(*NETWORK.subnets, NAT_HOME),
                route_tables=(
                    RouteTable(TABLE, True, frozenset(), (LOCAL, default_route(TargetKind.NAT_GATEWAY, "nat-1"))),
                    RouteTable(
                        PUBLIC_TABLE, False, frozenset({NAT_HOME.id}), (default_route(TargetKind.INTERNET_GATEWAY),)
                    ),
                ),
                nat_gateways=(NatGateway("nat-1", is_public=True, is_available=True, subnet_id=NAT_HOME.id),),
                network_acls=(NetworkAcl("acl-0c7d6e5f403122314", frozenset({NAT_HOME.id}), (ANSWERS_SHUT, *_ALL)),),
            ),
            changes=(Change(at(6.5), EVENT, "CreateNetworkAclEntry", ROLE, frozenset({"acl-0c7d6e5f403122314"})),),
        )
    },
    at(14),
    reporting_by_zone={},
).values()
MODIFIED = Change(at(6.5), EVENT, "ModifyVpcEndpoint", ROLE, frozenset({ENDPOINT}))
[DENYING] = diagnose(
    {"its agent": replace(FACTS, vpc=replace(NETWORK, endpoints=(THEIRS_SHUT,)), changes=(MODIFIED,))},
    at(14),
    reporting_by_zone={},
).values()
STRANGER = Series("build_seconds", (("InstanceId", "i-001b7c8d9e0f1a2b3"), ("job", "nightly")))
IMITATED = agent(1, strangers=(STRANGER,))
[UNEXPLAINED] = diagnose({"it": Facts(agent=IMITATED, watch=WATCH)}, at(14), reporting_by_zone={}).values()
[BY_ANOTHER_NAME] = diagnose(
    {"it": replace(FACTS, changes=(), known=KnownVpc(at(-6000)))}, at(14), reporting_by_zone={}
).values()
_UNASKED = KnownVpc(at(-6000), asked={})  # so that Lifeline looks for nothing that serves it
[NOTHING_LOOKED_FOR] = diagnose(
    {"it": replace(FACTS, changes=(), known=_UNASKED, asked=frozenset({"ssm"}))}, at(14), reporting_by_zone={}
).values()
ALL_AT_ONCE = {
    f"i-{number}": Facts(
        agent=agent(number),
        watch=WATCH,
        instance=replace(FACTS.instance, vpc_id=f"vpc-{number % 2}", zone=f"us-east-1{'abc'[number % 3]}"),
    )
    for number in range(1, 13)
}
CLOUDWATCH_LATE = diagnose(ALL_AT_ONCE, at(14), reporting_by_zone={}, others=Others(1))["i-1"]
_IN_ONE_VPC = {
    entity: replace(
        FACTS,
        agent=one.agent,
        instance=replace(FACTS.instance, zone=one.instance.zone),
        vpc=BEHIND_NAT,
        changes=(),
        role=RoleVerdict(Permission.ALLOWED, "app"),
    )
    for entity, one in ALL_AT_ONCE.items()
}
LATE_IN_ONE_VPC = diagnose(_IN_ONE_VPC, at(14), reporting_by_zone={}, others=Others(1))["i-1"]
OWN_GROUP = SecurityGroup("sg-0a1b2c3d4e5f60717", "app", egress=(Rule("tcp", 5432, 5432, ("10.20.0.0/16",)),))
REVOKED = replace(LOST_ROUTE, event_name="RevokeSecurityGroupEgress", ids=frozenset({OWN_GROUP.id}))
_IN_OWN_GROUP = replace(
    FACTS,
    instance=replace(FACTS.instance, group_ids=frozenset({OWN_GROUP.id})),
    vpc=replace(NETWORK, endpoints=(FOREIGN,), security_groups=(own_security_group("10.20.0.0/16", id=GROUP),)),
    changes=(REVOKED,),
    own_groups=(OWN_GROUP,),
)
[SHUT_IN] = diagnose({"it": _IN_OWN_GROUP}, at(14), reporting_by_zone={}).values()
[LIKELY_SHUT_IN] = diagnose({"it": replace(_IN_OWN_GROUP, changes=())}, at(14), reporting_by_zone={}).values()
_TAKEN = replace(LOST_ROUTE, event_name="CreateVpcEndpoint", ids=frozenset({ENDPOINT}))
_BY_NAT = (RouteTable(TABLE, True, frozenset(), (LOCAL, default_route(TargetKind.NAT_GATEWAY, "nat-1"))),)
_NAME_TAKEN = replace(_IN_OWN_GROUP, vpc=replace(_IN_OWN_GROUP.vpc or NETWORK, route_tables=_BY_NAT), changes=(_TAKEN,))
[NAME_TAKEN] = diagnose({"it": _NAME_TAKEN}, at(14), reporting_by_zone={}).values()
_TO_PROXY = replace(LOST_ROUTE, blocks=frozenset({"10.0.0.0/8"}))
[MAYBE_BY_PROXY] = diagnose(
    {"it": replace(FACTS, changes=(_TO_PROXY,), known=KnownVpc(at(-6000)), dns=DnsView())}, at(14), reporting_by_zone={}
).values()
_OTHERS_GONE = replace(LOST_ROUTE, event_name="DeleteVpcEndpoints", ids=frozenset({"vpce-0d4c3b2a190f8e7d6"}))
_LOOKED = KnownVpc(at(-6000), asked={"monitoring": at(-6000)})
[MAYBE_BY_ANOTHER_ENDPOINT] = diagnose(
    {"it": replace(FACTS, changes=(_OTHERS_GONE,), known=_LOOKED)}, at(14), reporting_by_zone={}
).values()
_SERVED_TOO = replace(
    _BEHIND_NAT,
    endpoints=(_GATEWAY_THERE, SERVES_MOST),
    security_groups=(own_security_group("10.20.0.0/16", id=GROUP),),
)
_BPA_ON = replace(LOST_ROUTE, event_name="ModifyVpcBlockPublicAccessOptions", ids=frozenset(), blocks=frozenset())
[SHUT_BY_BPA_SINCE] = diagnose(
    {"it": replace(FACTS, vpc=_SHUT_BY_BPA, changes=(_BPA_ON,))}, at(14), reporting_by_zone={}
).values()
[WITHOUT_CHOICE] = diagnose(
    {"it": replace(FACTS, vpc=_UNDECIDED, changes=(), dns=DnsView())}, at(14), reporting_by_zone={}
).values()
[MAYBE_BY_NAT64] = diagnose(
    {"it": replace(FACTS, vpc=_BY_NAT64, changes=(), dns=DnsView())}, at(14), reporting_by_zone={}
).values()
[REACHES_S3_BEHIND_NAT] = diagnose(
    {"it": replace(FACTS, agent=agent(1, needs=frozenset({"s3"})), vpc=_SERVED_TOO, changes=())},
    at(14),
    reporting_by_zone={},
).values()
_FIPS_GROUP = SecurityGroup("sg-0b1c2d3e4f5061728", "monitoring")
_BY_FIPS = endpoint(
    f"{MONITORING}-fips",
    own=False,
    id="vpce-0d4c3b2a190f8e7d6",
    subnet_ids=frozenset({APP_A, APP_B}),
    security_group_ids=frozenset({_FIPS_GROUP.id}),
)
_FIPS_CLOSED = replace(LOST_ROUTE, event_name="RevokeSecurityGroupIngress", ids=frozenset({_FIPS_GROUP.id}))
_AT_FIPS = replace(NETWORK, endpoints=(_BY_FIPS,), security_groups=(_FIPS_GROUP,))
[CLOSED_BY_ANOTHER_NAME] = diagnose(
    {"it": replace(FACTS, vpc=_AT_FIPS, changes=(_FIPS_CLOSED,), known=_LOOKED)}, at(14), reporting_by_zone={}
).values()
_SERVED_AS_WELL = replace(
    _AT_FIPS,
    endpoints=(_BY_FIPS, FOREIGN),
    security_groups=(_FIPS_GROUP, own_security_group("10.20.0.0/16", id=GROUP)),
)
_ALL_BY_FIPS = {
    entity: replace(one, vpc=_SERVED_AS_WELL, changes=(_FIPS_CLOSED,)) for entity, one in _IN_ONE_VPC.items()
}
LATE_OR_CLOSED = diagnose(_ALL_BY_FIPS, at(14), reporting_by_zone={}, others=Others(1))["i-1"]
_TO_FIREWALL = route("0.0.0.0/0", TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT, "vpce-0b1a2f3e4d5c60718")
_REROUTED = replace(
    LOST_ROUTE, event_name="ReplaceRoute", ids=frozenset({PUBLIC_TABLE}), blocks=frozenset({"0.0.0.0/0"})
)
_THROUGH_FIREWALL = replace(
    NETWORK,
    subnets=(*NETWORK.subnets, NAT_HOME),
    route_tables=(*_BY_NAT, RouteTable(PUBLIC_TABLE, False, frozenset({NAT_HOME.id}), (LOCAL, _TO_FIREWALL))),
    nat_gateways=(NatGateway("nat-1", is_public=True, is_available=True, subnet_id=NAT_HOME.id),),
)
[BEHIND_FIREWALL] = diagnose(
    {"it": replace(FACTS, vpc=_THROUGH_FIREWALL, changes=(_REROUTED,))}, at(14), reporting_by_zone={}
).values()
[HUB_CUT] = diagnose(
    {"it": replace(FACTS, vpc=LEFT_HUB, dns=DnsView((HUB_ZONE,)))}, at(14), reporting_by_zone={}
).values()
_IN_WEB = replace(FACTS.instance, subnet_id=WEB)
[WITHOUT_ADDRESS] = diagnose(
    {"it": replace(FACTS, instance=_IN_WEB, changes=())}, at(14), reporting_by_zone={}
).values()
_BY_IPV6 = replace(
    NETWORK,
    subnets=tuple(replace(one, ipv6_cidrs=("2001:db8::/64",)) for one in NETWORK.subnets),
    route_tables=tuple(
        replace(table, routes=(*table.routes, route("::/0", TargetKind.EGRESS_ONLY_GATEWAY, "eigw-0a2b3c4d5e6f70819")))
        for table in NETWORK.route_tables
    ),
)
[MAYBE_BY_IPV6] = diagnose(
    {"it": replace(FACTS, vpc=_BY_IPV6, instance=replace(FACTS.instance, has_ipv6_address=True), changes=())},
    at(14),
    reporting_by_zone={},
).values()
_SERVED = replace(NETWORK, endpoints=(FOREIGN,), security_groups=(own_security_group("10.20.0.0/16", id=GROUP),))
[WITHOUT_METADATA] = diagnose(
    {"it": replace(FACTS, vpc=_SERVED, changes=(), instance=replace(FACTS.instance, has_metadata=False))},
    at(14),
    reporting_by_zone={},
).values()
TO_MACHINE = route("10.20.1.0/24", TargetKind.NETWORK_INTERFACE, "eni-0f1e2d3c4b5a69788")
_THROUGH_MACHINE = replace(
    _SERVED,
    route_tables=(RouteTable(TABLE, True, frozenset(), (LOCAL, TO_MACHINE)), *NETWORK.route_tables[1:]),
)
[BEHIND_MACHINE] = diagnose(
    {"it": replace(FACTS, vpc=_THROUGH_MACHINE, instance=replace(FACTS.instance, subnet_id=APP_B), changes=())},
    at(14),
    reporting_by_zone={},
).values()
[UNKNOWN_TO_EC2] = diagnose(
    {"it": Facts(agent=agent(3), watch=WATCH, instance=Instance(Power.MISSING))}, at(14), reporting_by_zone={}
).values()
ID = "inc-20261120-0914-3fa9c1"


OWNER = Owner("payments", "prod")
CRITICAL: dict[str, Any] = {"severity": Severity.CRITICAL, "notified_severity": Severity.CRITICAL}


def incident(cause: Cause = CUT, **more: Any) -> Incident:
    return Incident(ID, WATCH.name, cause, at(8), at(14), owner=OWNER, **more)


TWELVE = tuple(agent(number) for number in range(1, 13))
LEFT = (agent(11), agent(12))
BACK = tuple(agent(number, back=19 + number / 4) for number in range(1, 11))
STOPPED = agent(12, state=State.SUPPRESSED, suppressed_by=Suppression.STOPPED)
ALL_BACK = tuple(agent(number, back=19 + number / 4) for number in range(1, 12))
OPENED = News(NewsKind.OPENED, incident(), silent=TWELVE, joined=12)
ONLY_OTHERS = News(NewsKind.OPENED, incident(UNEXPLAINED), silent=(IMITATED,), joined=1)
WAY_OUT_SHUT = News(NewsKind.OPENED, incident(SHUT), silent=TWELVE[:2], joined=2)
OF_ANOTHER_ACCOUNT = News(NewsKind.OPENED, incident(UNKNOWN_TO_EC2), silent=(agent(3),), joined=1)
POLICY_DENIES = News(NewsKind.OPENED, incident(DENYING), silent=TWELVE[:2], joined=2)
UNREAD = News(NewsKind.OPENED, incident(NOT_KNOWN), silent=TWELVE[:2], joined=2)
UNDER_WAY = News(NewsKind.OPENED, incident(PENDING, phase=Phase.RECOVERING), silent=TWELVE[:2], joined=2)
UPDATED = News(
    NewsKind.UPDATED,
    incident(REPAIRED, notified_at=at(14), notified_agents=12, notified_cause=CUT.key, **CRITICAL),
    silent=LEFT,
    back=BACK,
)
REMINDER = News(
    NewsKind.REMINDER,
    incident(REPAIRED, notified_at=at(32), notified_agents=12, **CRITICAL),
    silent=LEFT,
    back=BACK,
)
RESOLVED = News(
    NewsKind.RESOLVED,
    incident(REPAIRED, notified_at=at(14), notified_agents=12, **CRITICAL),
    back=ALL_BACK,
    set_aside=(STOPPED,),
)
RECOVERING = News(
    NewsKind.UPDATED,
    incident(REPAIRED, phase=Phase.RECOVERING, notified_at=at(14), notified_agents=11, **CRITICAL),
    silent=TWELVE,
    joined=1,
)


def many() -> list[News]:
    found = []
    for number in range(3):
        vpc_id = f"vpc-0{number}1b2c3d4e5f60718"
        cause = replace(CUT, vpc_id=vpc_id, vpc_name=f"app-{number}")
        opened = Incident(f"inc-20261120-0914-3fa9c{number}", WATCH.name, cause, at(8), at(14))
        found.append(News(NewsKind.OPENED, opened, silent=TWELVE[: 3 - number], joined=3 - number))
    return found


def opened(cause: Cause) -> Notice:
    """The first notice of an incident of one agent."""
    return of_incident(News(NewsKind.OPENED, incident(cause), silent=(agent(1),), joined=1), 14)


def of_incident(news: News, minute: float) -> Notice:
    return incident_notice(news, WATCH, at(minute), "lifeline")


# ---- what others do: they revert an endpoint three times, delete a VPC, and bring an endpoint of their own

ANN, TERRAFORM = "platform-admin/ann", "deploy-role/terraform"
REVERTED = tuple(
    Reversal(at(minute), EffectKind.ENDPOINT, endpoint_id, "", at(minute - 20), ANN, event_id, "DeleteVpcEndpoints")
    for minute, endpoint_id, event_id in (
        (100, ENDPOINT, "1b1f3d52-0f3a-4a55-9d0e-1f2f3a4b5c6d"),
        (140, "vpce-0b9b8c7d6e5f40313", "2c2f3d52-0f3a-4a55-9d0e-1f2f3a4b5c6d"),
        (190, "vpce-0c9b8c7d6e5f40314", "3d3f3d52-0f3a-4a55-9d0e-1f2f3a4b5c6d"),
    )
)
FROZEN = Frozen(
    Plan(VPC, PLANNED.tiers, PLANNED.actions),
    {"monitoring": Conflict(reversals=REVERTED)},
    {"monitoring": (APP_A, APP_B)},
    {"monitoring": ("monitoring.us-east-1.amazonaws.com",)},
    "lifeline",
)


SERVED = replace(
    NETWORK,
    endpoints=(endpoint(MONITORING, id=ENDPOINT, subnet_ids=frozenset({APP_A, APP_B})),),
    security_groups=(own_security_group("10.20.0.0/16", id=GROUP),),
)


def torn_down() -> Notice:
    attempt = Attempt(VPC, at(300), TERRAFORM, "4e4f3d52-0f3a-4a55-9d0e-1f2f3a4b5c6d")
    teardown = Teardown(VPC, (attempt,))
    gone, group = clear(SERVED, teardown, "lifeline")
    after = replace(SERVED, endpoints=())
    return teardown_notice(after, teardown, [replace(gone, status=Status.DONE), group], "lifeline", is_plan=False)


def lost() -> Notice:
    pending = replace(SERVED, endpoints=(replace(SERVED.endpoints[0], state=EndpointState.PENDING),))
    followed = follow({"monitoring": Made(ENDPOINT, at(9))}, {}, pending, now=at(39))
    return lost_notice(VPC, followed.lost, VPC_NAME)


def handed_over(*, is_required: bool = True) -> Notice:
    domain = "monitoring.us-east-1.amazonaws.com"
    claimed = Claimed(
        Claim(domain=domain), TERRAFORM, "CreateVpcEndpoint", "5f5f3d52-0f3a-4a55-9d0e-1f2f3a4b5c6d", at(240)
    )
    frozen = with_claims({}, [claimed], SERVED, {}, owner="lifeline", catalog=CATALOG, now=at(241))
    answered = answer_claims(plan(SERVED, "monitoring"), SERVED, frozen, owner="lifeline", catalog=CATALOG, now=at(241))
    actions = [replace(one, status=Status.DONE) for one in answered.plan.actions]
    claim = frozen["monitoring"]
    return handed_over_notice(
        claim,
        "monitoring",
        VPC,
        stack_name="lifeline",
        tiers=CREATED.tiers,
        done=actions,
        is_required=is_required,
    )


def exempted() -> Notice:
    """Somebody of another team exempts the VPC by a tag, five hours later."""
    event_id = "6a6f3d52-0f3a-4a55-9d0e-1f2f3a4b5c6d"
    tagged = Change(at(309.5), event_id, "CreateTags", "team-b-dev/mallory", frozenset({VPC}), tags=frozenset({EXEMPT}))
    by_tag = Waiver(VPC, Exempted(VPC, (), None, f"tag {EXEMPT}", ExemptedBy.TAG))
    return exempted_notice(
        Exempting(SERVED, {ENDPOINT: (by_tag,)}, (tagged,), at(311), timedelta(hours=72), stack_name="lifeline")
    )


def lapsed() -> Notice:
    """Somebody changed the tag by which the policy selected the VPC; the next day, its route is lost."""
    event_id = "7b7f4e63-1f4b-4b66-8e1f-2f3f4b5c6d7e"
    tagged = Change(at(309.5), event_id, "CreateTags", "team-b-dev/mallory", frozenset({VPC}), tags=frozenset({"env"}))
    by_tag = Waiver(VPC, keys=frozenset({"env"}))
    unserved = {(subnet_id, "monitoring"): (by_tag,) for subnet_id in (APP_A, APP_B)}
    return exempted_notice(
        Exempting(NETWORK, {}, (tagged,), at(340), timedelta(hours=72), stack_name="lifeline", unserved=unserved)
    )


# ---- all of them

NOTICES: dict[str, tuple[float, Callable[[], Notice]]] = {
    "endpoints-created": (8, lambda: notified(CREATED)),
    "endpoints-plan": (8, lambda: notified(PLANNED, is_plan=True)),
    "endpoints-needs-approval": (8, lambda: notified(UNAPPROVED)),
    "endpoints-blocked": (8, lambda: notified(BLOCKED)),
    "endpoints-never-up": (30, lambda: notified(never_up())),
    "endpoints-on-other-ports": (8, lambda: notified(ON_OTHER_PORTS, is_plan=True)),
    "endpoints-by-members": (8, lambda: notified(BY_MEMBERS, is_plan=True)),
    "endpoints-no-way-to-hub": (8, lambda: notified(WITHOUT_HUB)),
    "endpoints-hub-endpoint-deleted": (8, lambda: notified(DELETED_HUB)),
    "endpoints-zone-of-another-name": (8, lambda: notified(ANOTHER_NAME)),
    "endpoints-takes-another-name": (8, lambda: notified(TAKES_ANOTHER_NAME, is_plan=True)),
    "endpoints-half-a-zone": (8, lambda: notified(HALF_ANSWERED)),
    "endpoints-one-name-left": (8, lambda: notified(ONE_NAME_LEFT)),
    "endpoints-one-name-for-two": (8, lambda: notified(ONE_NAME_FOR_TWO, is_plan=True)),
    "endpoints-s3-by-interface": (8, lambda: notified(BESIDE_S3, is_plan=True)),
    "endpoints-shut-by-policy": (8, lambda: notified(SHUT_BY_POLICY, because=because_of([DENIED_BY]))),
    "endpoints-policy-reset": (8, lambda: notified(POLICY_RESET, because=because_of([DENIED_BY]))),
    "endpoints-policy-opened-meanwhile": (8, lambda: notified(OPENED_MEANWHILE, because=because_of([DENIED_BY]))),
    "endpoints-zones-added": (8, lambda: notified(ZONES_ADDED, because=because_of([DENIED_BY]))),
    "endpoints-own-group-shuts": (8, lambda: notified(BY_OWN_GROUP)),
    "endpoints-own-group-unread": (8, lambda: notified(OWN_GROUP_UNREAD, is_plan=True)),
    "endpoints-beside-narrow-gateway": (8, lambda: notified(BESIDE_NARROW)),
    "endpoints-public-access-blocked": (8, lambda: notified(SHUT_BY_BPA)),
    "endpoints-lists-share-addresses": (8, lambda: notified(UNDECIDED)),
    "endpoints-maybe-by-nat64": (8, lambda: notified(BY_NAT64)),
    "endpoints-s3-behind-nat": (8, lambda: notified(S3_BEHIND_NAT)),
    "endpoints-mail-unknown-port": (8, lambda: notified(MAIL_HARMS)),
    "endpoints-mail-ports-lost": (8, lambda: notified(MAIL_PORTS_LOST)),
    "endpoints-route-takes-gateways-addresses": (8, lambda: notified(TAKEN_FROM_S3)),
    "endpoints-own-gateway-stays": (8, lambda: notified(BESIDE_OURS, is_plan=True)),
    "endpoints-hides-public-apis": (8, lambda: notified(HIDES_PUBLIC_APIS)),
    "endpoints-in-part": (8, lambda: notified(IN_PART, is_plan=True)),
    "endpoints-but-one-host": (8, lambda: notified(BUT_ONE_HOST, is_plan=True)),
    "endpoints-other-ip-version": (8, lambda: notified(OF_ANOTHER_VERSION)),
    "endpoints-others-would-lose": (8, lambda: notified(FOR_OTHERS)),
    "endpoints-others-may-ask": (8, lambda: notified(MAYBE_OTHERS, is_plan=True)),
    "endpoints-others-ask-for-one-name": (8, lambda: notified(OTHERS_BY_FIPS, is_plan=True)),
    "endpoints-zones-would-wake": (8, lambda: notified(WAKING)),
    "endpoints-other-zones-wake": (8, lambda: notified(WAKING_OTHERS, is_plan=True)),
    "endpoints-narrow-ones-wake": (8, lambda: notified(WAKING_NARROW, is_plan=True)),
    "endpoints-dns-for-a-tag": (8, lambda: notified(WAKING_FOR_A_TAG)),
    "hub-offered": (8, lambda: notified(ASKS_TO_SHARE)),
    "hub-shared": (8, lambda: notified(SHARED)),
    "hub-harmed": (8, lambda: notified(NO_LONGER_SHARED)),
    "hub-swap": (8, lambda: notified(asking(SWAP))),
    "hub-swap-profile": (
        8,
        lambda: notified(asking(SWAP_OF_PROFILE), because=because_of([Trigger("sweep")])),
    ),
    "hub-swap-stuck": (8, lambda: notified(neither(SWAP))),
    "hub-refused": (8, lambda: notified(NOT_SHARED)),
    "endpoints-failed": (8, lambda: notified(FAILED)),
    "endpoint-lost": (39, lost),
    "incident-opened": (14, lambda: of_incident(OPENED, 14)),
    "incident-under-way": (14, lambda: of_incident(UNDER_WAY, 14)),
    "incident-plan-mode": (
        14,
        lambda: of_incident(News(NewsKind.OPENED, incident(IN_PLAN_MODE), silent=(agent(1),), joined=1), 14),
    ),
    "incident-backlog": (
        14,
        lambda: of_incident(News(NewsKind.OPENED, incident(IN_BACKLOG), silent=(agent(1),), joined=1), 14),
    ),
    "incident-not-required": (14, lambda: opened(NOT_REQUIRED)),
    "incident-only-others": (14, lambda: of_incident(ONLY_OTHERS, 14)),
    "incident-way-out-shut": (14, lambda: of_incident(WAY_OUT_SHUT, 14)),
    "incident-another-name": (14, lambda: opened(BY_ANOTHER_NAME)),
    "incident-nothing-looked-for": (14, lambda: opened(NOTHING_LOOKED_FOR)),
    "incident-exempted": (14, lambda: opened(EXEMPTED)),
    "incident-cloudwatch-late": (
        14,
        lambda: of_incident(News(NewsKind.OPENED, incident(CLOUDWATCH_LATE), silent=TWELVE, joined=12), 14),
    ),
    "incident-late-in-one-vpc": (
        14,
        lambda: of_incident(News(NewsKind.OPENED, incident(LATE_IN_ONE_VPC), silent=TWELVE, joined=12), 14),
    ),
    "incident-late-or-another-name-closed": (
        14,
        lambda: of_incident(News(NewsKind.OPENED, incident(LATE_OR_CLOSED), silent=TWELVE, joined=12), 14),
    ),
    "incident-own-group": (14, lambda: opened(SHUT_IN)),
    "incident-own-group-likely": (14, lambda: opened(LIKELY_SHUT_IN)),
    "incident-own-group-by-endpoint": (14, lambda: opened(NAME_TAKEN)),
    "incident-maybe-by-proxy": (14, lambda: opened(MAYBE_BY_PROXY)),
    "incident-maybe-by-ipv6": (14, lambda: opened(MAYBE_BY_IPV6)),
    "incident-hub-cut": (14, lambda: opened(HUB_CUT)),
    "incident-no-address": (14, lambda: opened(WITHOUT_ADDRESS)),
    "incident-no-metadata": (14, lambda: opened(WITHOUT_METADATA)),
    "incident-maybe-by-another-endpoint": (14, lambda: opened(MAYBE_BY_ANOTHER_ENDPOINT)),
    "incident-public-access-blocked": (14, lambda: opened(SHUT_BY_BPA_SINCE)),
    "incident-lists-share-addresses": (14, lambda: opened(WITHOUT_CHOICE)),
    "incident-maybe-by-nat64": (14, lambda: opened(MAYBE_BY_NAT64)),
    "incident-s3-behind-nat": (14, lambda: opened(REACHES_S3_BEHIND_NAT)),
    "incident-another-name-closed": (14, lambda: opened(CLOSED_BY_ANOTHER_NAME)),
    "incident-behind-firewall": (14, lambda: opened(BEHIND_FIREWALL)),
    "incident-behind-machine": (14, lambda: opened(BEHIND_MACHINE)),
    "incident-elsewhere": (14, lambda: of_incident(OF_ANOTHER_ACCOUNT, 14)),
    "incident-endpoint-policy": (14, lambda: of_incident(POLICY_DENIES, 14)),
    "incident-not-known": (14, lambda: of_incident(UNREAD, 14)),
    "incident-recovering": (18, lambda: of_incident(RECOVERING, 18)),
    "incident-updated": (32, lambda: of_incident(UPDATED, 32)),
    "incident-reminder": (74, lambda: of_incident(REMINDER, 74)),
    "incident-resolved": (24, lambda: of_incident(RESOLVED, 24)),
    "incident-summary": (14, lambda: summary_notice(many(), WATCH, at(14))),
    "frozen": (190, lambda: frozen_notice(FROZEN)),
    "handed-over": (241, handed_over),
    "handed-over-for-good": (241, lambda: handed_over(is_required=False)),
    "teardown": (300, torn_down),
    "exempted": (311, exempted),
    "exempted-unserved": (340, lapsed),
    "policy": (
        0,
        lambda: policy_notice(
            Problem("rules[2].services[0]", "must be a service such as monitoring or ecr.api", 7, 6, is_news=True),
            "/lifeline/policy",
        ),
    ),
    "forgotten": (
        25,
        lambda: forgotten_notice({WATCH.name: [agent(1, incident="inc-20261120-0914-3fa9c1"), agent(2, entity="db")]}),
    ),
    "read-denied": (
        0,
        lambda: denied_notice(
            {
                "ec2:DescribeNetworkAcls": (
                    "describe_network_acls: UnauthorizedOperation: You are not authorized to perform this operation. "
                    "User: arn:aws:sts::123456789012:assumed-role/lifeline-Reconcile/lifeline is "
                    "not authorized to perform: ec2:DescribeNetworkAcls with an explicit deny in a service control "
                    "policy"
                )
            }
        ),
    ),
    "read-denied-together": (
        0,
        lambda: denied_notice(
            {
                "ec2:DescribeNetworkAcls": (
                    "describe_network_acls: UnauthorizedOperation: You are not authorized to perform this operation. "
                    "User: arn:aws:sts::222222222222:assumed-role/lifeline-look-us-east-1/lifeline is "
                    "not authorized to perform: ec2:DescribeNetworkAcls with an explicit deny in a service control "
                    "policy"
                )
            },
            is_member=True,
            others={
                "ec2:DescribeNetworkAcls": {
                    "333333333333": "a service control policy of the organization denies ec2:DescribeNetworkAcls",
                    "444444444444": "a service control policy of the organization denies ec2:DescribeNetworkAcls",
                    "555555555555": "the role's own policies don't allow ec2:DescribeNetworkAcls",
                }
            },
        ),
    ),
    "account-lost": (
        0,
        lambda: lost_account_notice(
            MemberAccount(
                "222222222222",
                "shop-prod",
                tried_at=NINE,
                why=(
                    "assume arn:aws:iam::222222222222:role/lifeline-reconcile-us-east-1: AccessDenied: "
                    "this stack's role is not authorized to perform: sts:AssumeRole on resource: "
                    "arn:aws:iam::222222222222:role/lifeline-reconcile-us-east-1"
                ),
            ),
            "arn:aws:iam::222222222222:role/lifeline-reconcile-us-east-1",
        ),
    ),
    "accounts-lost": (
        0,
        lambda: several_accounts_notice(
            [
                MemberAccount(
                    f"2222{number:08}",
                    "shop-prod" if not number else "",
                    standing=AccountStanding.LOST,
                    why=(
                        f"assume arn:aws:iam::2222{number:08}:role/lifeline-reconcile-us-east-1: AccessDenied: this "
                        "stack's role is not authorized to perform: sts:AssumeRole on resource: "
                        f"arn:aws:iam::2222{number:08}:role/lifeline-reconcile-us-east-1"
                    ),
                )
                for number in range(197)
            ]
        ),
    ),
    "accounts-denied": (
        0,
        lambda: several_accounts_notice(
            [
                MemberAccount(
                    account,
                    standing=AccountStanding.DENIED,
                    why=(
                        "describe_vpcs: UnauthorizedOperation: You are not authorized to perform this operation. User: "
                        f"arn:aws:sts::{account}:assumed-role/lifeline-reconcile-us-east-1/lifeline is not authorized "
                        "to perform: ec2:DescribeVpcs with an explicit deny in a service control policy"
                    ),
                )
                for account in ("222222222222", "333333333333")
            ]
        ),
    ),
    "account-denied": (
        0,
        lambda: denied_account_notice(
            MemberAccount(
                "222222222222",
                "shop-prod",
                why=(
                    "describe_vpcs: UnauthorizedOperation: You are not authorized to perform this operation. User: "
                    "arn:aws:sts::222222222222:assumed-role/lifeline-reconcile-us-east-1/lifeline is not authorized to "
                    "perform: ec2:DescribeVpcs with an explicit deny in a service control policy"
                ),
            )
        ),
    ),
    "account-denied-own": (
        0,
        lambda: denied_account_notice(
            MemberAccount(
                "123456789012",
                why=(
                    "describe_subnets: UnauthorizedOperation: You are not authorized to perform this operation. User: "
                    "arn:aws:sts::123456789012:assumed-role/lifeline-ReconcileRole-1A2B3C/lifeline is not authorized "
                    "to perform: ec2:DescribeSubnets because no identity-based policy allows the ec2:DescribeSubnets "
                    "action"
                ),
            ),
            is_own=True,
        ),
    ),
    "account-read": (
        0,
        lambda: read_account_notice(
            MemberAccount("222222222222", "shop-prod"),
            NINE,
            [
                Change(
                    NINE + timedelta(minutes=20),
                    "4976d0e5-a65d-5a42-8b1c-d00a50dc4ff4",
                    "DeleteRoute",
                    "deploy-role/release-1842",
                    frozenset({"rtb-0f40516273849506a"}),
                )
            ],
            stack="lifeline",
        ),
    ),
    "agents-unknown": (
        20,
        lambda: agents_unknown_notice(
            "222222222222",
            FailedRuns(
                since=at(5),
                failed_at=at(20),
                why=(
                    "list_metrics: AccessDenied: User: "
                    "arn:aws:sts::222222222222:assumed-role/lifeline-detect-us-east-1/lifeline is not authorized to "
                    "perform: cloudwatch:ListMetrics with an explicit deny in a service control policy"
                ),
            ),
        ),
    ),
    "agents-unknown-together": (
        20,
        lambda: agents_unknown_notice(
            "222222222222",
            FailedRuns(since=at(5), failed_at=at(20), why="list_metrics: Throttling: Rate exceeded"),
            {"333333333333": "list_metrics: Throttling: Rate exceeded", "444444444444": "assume_role: AccessDenied"},
        ),
    ),
    "event-path-spoke": (
        0,
        lambda: unheard_notice(dry_runs(4, 2, 1), NINE, is_member=True),
    ),
    "event-path": (
        0,
        lambda: unheard_notice(
            dry_runs(4, 2, 1).heard("0a1b2c3d-1234-4abc-8def-0123456789ab", NINE - 4 * HOUR, NINE - 4 * HOUR),
            NINE,
        ),
    ),
    "event-path-rule": (
        0,
        lambda: lost_rules_notice(
            Comparison(
                NINE - 25 * HOUR,
                NINE - HOUR,
                happened=1243,
                heard=1212,
                missed=(f"DeleteRoute {EVENT}",),
                happened_by={"RoutingRule": 31, "TagRule": 1212},
                heard_by={"TagRule": 1212},
            ),
            ["RoutingRule"],
        ),
    ),
    "dry-run-denied": (
        0,
        lambda: denied_dry_run_notice(
            read_dry_run_denial(
                DENIED_DRY_RUN,
                role_arn="arn:aws:iam::123456789012:role/lifeline-ReconcileRole-1A2B3C",
            ),
        ),
    ),
    "event-path-accounts": (
        0,
        lambda: accounts_notice(
            CauseNews(SILENT, tuple(f"2222{number:08}" for number in range(43)), ("333333333333",)),
            {f"2222{number:08}": dry_runs(4, 2, 1) for number in range(43)},
            NINE,
        ),
    ),
    "dry-run-denied-accounts": (
        0,
        lambda: accounts_notice(
            CauseNews(DeniedBy.SERVICE_CONTROL_POLICY.name, ("222222222222", "333333333333")),
            {
                "222222222222": UNPROVEN.asked(DENIED_DRY_RUN, NINE, read_dry_run_denial(DENIED_DRY_RUN)),
                "333333333333": UNPROVEN.asked(
                    DENIED_DRY_RUN, NINE, replace(read_dry_run_denial(DENIED_DRY_RUN), call=OF_GROUP)
                ),
            },
            NINE,
        ),
    ),
    "accounts-not-swept": (
        0,
        lambda: unswept_notice(CauseNews(NOT_SWEPT, ("222222222222", "333333333333")), {"222222222222": NINE}),
    ),
    "accounts-swept-again": (
        0,
        lambda: ended_notice(CauseNews(NOT_SWEPT, ("222222222222", "333333333333"), is_end=True), {}),
    ),
    "event-path-ended": (
        0,
        lambda: ended_notice(
            CauseNews(SILENT, ("222222222222", "333333333333"), is_end=True),
            {"222222222222": heard_again(), "333333333333": UNPROVEN.unasked(LEFT_OUT)},
        ),
    ),
    "watch-full": (30, lambda: watch_full_notice(WATCH, ["db-1", "db-2"])),
    "unwatched": (
        30,
        lambda: unwatched_notice(
            WATCH,
            [
                agent(1, state=State.SUPPRESSED, suppressed_by=Suppression.EXEMPT, incident="inc-20261120-0914-3fa9c1"),
                agent(2, state=State.SUPPRESSED, suppressed_by=Suppression.TAGGED_MAINTENANCE),
                agent(4, state=State.SUPPRESSED, suppressed_by=Suppression.UNTAGGED),
                agent(3, entity="db", state=State.SUPPRESSED, suppressed_by=Suppression.TAGGED_MAINTENANCE),
            ],
        ),
    ),
    "backlog": (
        8,
        lambda: backlog_notice([WAITING, WAITING_ELSEWHERE], price_in("us-east-1"), stack="lifeline"),
    ),
    "kill-switch": (
        0,
        lambda: switch_notice(why_on("/lifeline/stop", "on"), "/lifeline/stop", [VPC, OTHER]),
    ),
}


def _of_answer(reported: VpcAnswer, number: int = 0) -> BusEvent:
    return list(answer_events(reported, mode="enforce", now=at(8), owner=OWNER))[number]


def _of_incident(news: News, minute: float) -> BusEvent:
    event = incident_event(news, WATCH.namespace, at(minute))
    assert event is not None
    return event


EVENTS: dict[str, Callable[[], BusEvent]] = {
    "change-seen": lambda: change_event(
        VPC, {name: getattr(CHANGE, name) for name in ("event_id", "event_name", "actor", "time")}, at(8), OWNER
    ),
    "plan": lambda: _of_answer(UNAPPROVED),
    "action": lambda: _of_answer(CREATED, 1),
    "refusal": lambda: _of_answer(BLOCKED, 1),
    "incident-opened": lambda: _of_incident(OPENED, 14),
    "incident-updated": lambda: _of_incident(RECOVERING, 18),
    "incident-resolved": lambda: _of_incident(RESOLVED, 24),
}


def files() -> Iterator[tuple[str, str]]:
    """Each file's name and text."""
    for name, (minute, make) in NOTICES.items():
        notice, now = make(), at(minute)
        yield f"{name}.txt", f"Subject: {notice.subject}\n\n{email_text(notice, SENDER)}"
        yield f"{name}.json", _pretty(json.loads(machine_text(notice, SENDER, now)))
        yield f"{name}.chat.json", _pretty(chat_form(notice, SENDER, now))
    for name, event in EVENTS.items():
        yield f"{name}.event.json", _pretty(as_delivered(event()))


def as_delivered(event: BusEvent) -> dict[str, Any]:
    """The event as rules match it, without the fields that EventBridge adds."""
    heard = _Heard()
    Bus(is_on=True, stack_name=SENDER.stack_name, account=SENDER.account_id, events=heard).send([event])
    (entry,) = heard.entries
    return {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "account": SENDER.account_id,
        "region": SENDER.region,
        "time": f"{entry['Time']:%Y-%m-%dT%H:%M:%SZ}",
        "resources": [],
        "detail": json.loads(entry["Detail"]),
    }


class _Heard:
    """EventBridge, for sending only."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - EventBridge's name
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}


def _pretty(form: dict[str, Any]) -> str:
    return json.dumps(form, indent=2) + "\n"
