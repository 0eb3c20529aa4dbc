"""The coverage page through its handler, on an EC2 as strict as AWS's and a ledger that Lifeline itself has written."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.network import Network
from lifeline.adapters.store.call_rate import CallRate
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.roster import Roster
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.roster import Chunk
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.guards.freeze import DNS_ATTRIBUTES, EVERYTHING, SECURITY_GROUP, Freeze, FreezeKind
from lifeline.core.history.change import Change
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident
from lifeline.dashboard.collect import MOST_EXAMINED, cover
from lifeline.dashboard.coverage import AgentCount, Coverage, Freshness, Standing, StepKind, VpcCoverage
from lifeline.dashboard.request import DOCUMENTATION
from lifeline.handlers import coverage_page, reconcile_endpoints
from lifeline.handlers.coverage_page import handler
from lifeline.runtime.settings import PageSettings
from tests.support.agents import agent, calls, failing, silent_agent
from tests.support.home import HOME
from tests.support.region import compliant_region
from tests.support.strict import Clock, StrictAccount
from tests.support.world import Context, World, emulated_world

SWITCH = "/lifeline/stop"
OWN_ARN = "arn:aws:lambda:us-east-1:123456789012:function:lifeline-CoveragePage"
RECONCILE_ARN = "arn:aws:lambda:us-east-1:123456789012:function:lifeline-ReconcileEndpoints"
MINUTE = timedelta(minutes=1)
# Closed incidents, the agents' roster and its state, the last change heard, and the last sweep: once a page.
PAGES_OWN_READS = 5


class Stage:
    """The emulated account, with one clock for EC2, for what applies and for the page."""

    def __init__(self, world: World, account: StrictAccount, clock: Clock) -> None:
        self.world = world
        self.account = account
        self.clock = clock

    def site(self, *zones: str) -> str:
        vpc_id = self.world.make_vpc()
        for place, zone in enumerate(zones or ("us-east-1a",)):
            self.world.make_subnet(vpc_id, f"10.0.{place}.0/24", zone)
        return vpc_id

    def lifeline(self, event: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = reconcile_endpoints.handler(event, Context())
        return dict(json.loads(json.dumps(answer)))

    def show(self, event: object) -> str:
        html = handler(event, Context(invoked_function_arn=OWN_ARN))
        assert isinstance(html, str)
        return unescape(html)

    def cover(self, *vpc_ids: str) -> Coverage:
        settings = PageSettings.from_environment()
        return cover(vpc_ids, tools=coverage_page._tools(settings), settings=settings, now=self.clock())

    def one(self, vpc_id: str) -> VpcCoverage:
        (found,) = [vpc for vpc in self.cover().vpcs if vpc.id == vpc_id]
        return found

    def standings(self, vpc_id: str) -> set[Standing]:
        return {cell.standing for row in self.one(vpc_id).subnets for cell in row.cells}

    def switch(self, value: str) -> None:
        boto3.client("ssm").put_parameter(Name=SWITCH, Value=value, Type="String", Overwrite=True)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Stage]:
    settings = {"RECONCILE_ARN": RECONCILE_ARN, **getattr(request, "param", {})}
    with emulated_world(monkeypatch, **settings) as world:
        clock = Clock()
        clock.advance(datetime.now(UTC) - clock())
        account = StrictAccount(now=clock, shuffle=7, throttling=False)
        account.attach(client("ec2"))
        monkeypatch.setattr(CallRate, "reserve_endpoint_call", lambda *_, **__: timedelta(0))
        monkeypatch.setattr(reconcile_endpoints, "datetime", type("Now", (), {"now": staticmethod(lambda _: clock())}))
        monkeypatch.setattr(coverage_page, "_now", clock)
        remember.cache_clear()
        yield Stage(world, account, clock)
        remember.cache_clear()


def with_settings(**settings: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("stage", [settings], indirect=True)


# ---- how a VPC stands


def test_a_vpc_is_followed_from_missing_to_served(stage: Stage) -> None:
    vpc_id = stage.site()
    assert stage.standings(vpc_id) == {Standing.MISSING}
    assert stage.one(vpc_id).planned_usd > 0
    stage.lifeline({"vpc_ids": [vpc_id]})
    assert stage.standings(vpc_id) == {Standing.PENDING}
    stage.clock.advance(10 * MINUTE)
    stage.lifeline({"vpc_ids": [vpc_id], "follow": True})
    found = stage.one(vpc_id)
    assert stage.standings(vpc_id) == {Standing.SERVED}
    assert (str(found.cost_usd), str(found.planned_usd)) == ("7.30", "0.00")
    assert [one.status for one in found.actions] == ["", "done", "done"]
    assert "was available within" in found.actions[0].text
    assert found.actions[1].text.startswith("create interface endpoint for monitoring (vpce-")


def test_an_endpoint_that_ec2_does_not_show_yet_is_pending_and_not_missing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    (made,) = stage.world.endpoints(vpc_id)
    observe = Network.observe

    def without_endpoints(self: Any, vpc_ids: Any) -> Any:
        return tuple(replace(vpc, endpoints=()) for vpc in observe(self, vpc_ids))

    monkeypatch.setattr(Network, "observe", without_endpoints)
    (row,) = stage.one(vpc_id).subnets
    assert [(cell.standing, cell.by) for cell in row.cells] == [(Standing.PENDING, made["VpcEndpointId"])]


def test_an_exempt_vpc_says_until_when_and_why(stage: Stage) -> None:
    vpc_id = stage.site()
    stage.lifeline({"exempt": [vpc_id], "days": 7, "reason": "moves to the hub"})
    (cell,) = stage.one(vpc_id).subnets[0].cells
    until = (stage.clock() + timedelta(days=7)).date()
    assert (cell.standing, cell.detail) == (Standing.EXEMPT, f"until the end of {until}: moves to the hub")


def test_a_released_vpc_says_how_long_it_is_left_alone(stage: Stage) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    stage.clock.advance(10 * MINUTE)
    stage.lifeline({"vpc_ids": [vpc_id], "release": True})
    stage.clock.advance(10 * MINUTE)
    (block_frozen,) = stage.one(vpc_id).holds
    assert block_frozen.startswith("released manually at")
    assert stage.standings(vpc_id) == {Standing.BLOCKED}
    stage.clock.advance(timedelta(days=1))
    assert stage.one(vpc_id).holds == ()
    assert stage.standings(vpc_id) == {Standing.MISSING}


def test_a_frozen_service_says_why_and_how_to_end_it(stage: Stage) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id], "freeze": ["monitoring"]})
    (block_frozen,) = stage.one(vpc_id).holds
    assert block_frozen.startswith("monitoring: frozen since")
    assert "unfreeze" in block_frozen
    assert stage.standings(vpc_id) == {Standing.BLOCKED}


FREEZES = [
    *((kind, "monitoring") for kind in FreezeKind if kind is not FreezeKind.TEARDOWN),
    (FreezeKind.MANUAL, EVERYTHING),
    (FreezeKind.CONFLICT, SECURITY_GROUP),
    (FreezeKind.CONFLICT, DNS_ATTRIBUTES),
    (FreezeKind.TEARDOWN, "the subnet"),
    (FreezeKind.TEARDOWN, "the VPC"),
]


@pytest.mark.parametrize(("kind", "key"), FREEZES)
def test_every_freeze_is_said_with_a_call_that_ends_it(stage: Stage, kind: FreezeKind, key: str) -> None:
    vpc_id = stage.site()
    key = {"the subnet": "subnet-0123456789abcdef0", "the VPC": vpc_id}.get(key, key)
    until = stage.clock() + timedelta(hours=1)
    frozen = {key: Freeze(kind, stage.clock(), "because", until=until)}
    VpcStore("ledger").save(HOME.vpc(vpc_id), VpcState(), VpcState(frozen=frozen), now=stage.clock())
    (line,) = stage.one(vpc_id).holds
    assert f"until {until:%Y-%m-%d %H:%M:%S} UTC: because; to end the freeze, invoke ReconcileEndpoints with " in line
    assert ("everything: " in line) == (key == EVERYTHING)
    stops = key in {"monitoring", EVERYTHING, SECURITY_GROUP, vpc_id}
    assert stage.standings(vpc_id) == {Standing.BLOCKED if stops else Standing.MISSING}
    assert ("frozen since" in " ".join(stage.show({"plan": vpc_id}).split())) == stops

    answer = stage.lifeline(json.loads(line.partition("invoke ReconcileEndpoints with ")[2]))

    assert "errors" not in answer
    assert stage.one(vpc_id).holds == ()


def test_what_nothing_requires_any_more_is_said_with_when_it_goes(stage: Stage) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    stage.clock.advance(10 * MINUTE)
    stage.lifeline({"exempt": [vpc_id], "days": 30})
    stage.lifeline({"sweep": True})
    assert "Lifeline will delete the endpoint once nothing has required it for 72 hours" in " ".join(
        stage.one(vpc_id).notes
    )
    stage.clock.advance(timedelta(hours=73))
    assert "will be deleted on the next run" in " ".join(stage.one(vpc_id).notes)


def test_the_worst_vpc_comes_first_and_only_those_asked_for(stage: Stage) -> None:
    served, exempt, missing = stage.site(), stage.site(), stage.site("us-east-1a", "us-east-1b")
    stage.lifeline({"vpc_ids": [served]})
    stage.lifeline({"exempt": [exempt]})
    assert stage.cover().vpcs[0].id == missing
    assert {vpc.id for vpc in stage.cover().vpcs} == {served, exempt, missing}
    assert [vpc.id for vpc in stage.cover(exempt).vpcs] == [exempt]


def test_a_vpc_that_is_not_there_is_said(stage: Stage) -> None:
    coverage = stage.cover("vpc-0123456789abcdef0")
    assert coverage.vpcs == ()
    assert coverage.notes == ("vpc-0123456789abcdef0 does not exist in this account and region",)


# ---- approvals and the kill switch

TIGHT = {"monthly_usd": 5, "KILL_SWITCH_PARAMETER": SWITCH}


@with_settings(**TIGHT)
def test_what_waits_for_approval_can_be_approved_by_the_id_that_the_page_shows(stage: Stage) -> None:
    stage.switch("off")
    vpc_id = stage.site()
    before = stage.one(vpc_id)
    assert (before.plan_id, stage.standings(vpc_id)) == ("", {Standing.BLOCKED})
    assert "what needs approval here is offered by the next run" in before.notes
    stage.lifeline({"vpc_ids": [vpc_id]})
    found = stage.one(vpc_id)
    assert (found.plan_id[:5], str(found.plan_usd), str(found.planned_usd)) == ("plan-", "7.30", "0.00")
    assert stage.lifeline({"approve": found.plan_id})["vpcs"][0]["outcome"] == "changed"
    assert stage.one(vpc_id).plan_id == ""
    stage.clock.advance(10 * MINUTE)
    assert stage.standings(vpc_id) == {Standing.SERVED}


@with_settings(**TIGHT)
def test_while_the_kill_switch_is_on_the_page_says_so_and_offers_nothing_to_approve(stage: Stage) -> None:
    stage.switch("off")
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    stage.switch("on")
    assert stage.cover().kill_switch == f'the kill switch is on: the SSM parameter {SWITCH} is set to "on"'
    found = stage.one(vpc_id)
    assert found.plan_id == ""
    assert "which works once the kill switch is off" in " ".join(found.notes)


@with_settings(endpoints_per_run=1, vpcs_per_run=1)
def test_what_only_waits_for_the_next_run_is_missing_and_needs_no_approval(stage: Stage) -> None:
    vpc_ids = [stage.site(), stage.site()]
    assert [stage.standings(vpc_id) for vpc_id in vpc_ids] == [{Standing.MISSING}] * 2


@with_settings(endpoints_per_run=0)
def test_where_nothing_passes_without_approval_everything_is_blocked(stage: Stage) -> None:
    assert stage.standings(stage.site()) == {Standing.BLOCKED}


@with_settings(MODE="plan", monthly_usd=5)
def test_in_mode_plan_nothing_can_be_approved(stage: Stage) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    coverage = stage.cover()
    assert (coverage.mode, coverage.vpcs[0].plan_id) == ("plan", "")


# ---- incidents


def save_incident(stage: Stage, vpc_id: str, name: str = "inc-1", **cause: Any) -> None:
    began = stage.clock() - 5 * MINUTE
    change = Change(began - 2 * MINUTE, "event-1", "DeleteRoute", "ops/anna")
    known = {"kind": CauseKind.CUT_OFF, "confidence": Confidence.HIGH, "words": "no way to monitoring"}
    made = Cause(**{**known, "service": "monitoring", "vpc_id": vpc_id, "change": change, **cause})
    assert Incidents("ledger", HOME).save(
        Incident(name, "cloudwatch-agent", made, began, stage.clock(), notified_agents=2)
    )


def test_an_open_incident_tells_its_story_with_the_endpoint_that_was_made_for_it(stage: Stage) -> None:
    vpc_id = stage.site()
    save_incident(stage, vpc_id)
    stage.lifeline({"vpc_ids": [vpc_id]})
    stage.clock.advance(10 * MINUTE)
    stage.lifeline({"vpc_ids": [vpc_id], "follow": True})
    (row,) = stage.one(vpc_id).incidents
    assert (row.id, row.agents, row.words) == ("inc-1", 2, "no way to monitoring")
    assert [(one.kind, one.at is not None) for one in row.timeline] == [
        (StepKind.CHANGE, True),
        (StepKind.GAP, True),
        (StepKind.ENDPOINT, True),
        (StepKind.AVAILABLE, True),
        (StepKind.RECOVERY, False),
    ]


@pytest.mark.parametrize("is_one_silent", [False, True])
def test_the_page_counts_agents_and_says_how_old_it_is_and_what_was_closed(
    stage: Stage, *, is_one_silent: bool
) -> None:
    vpc_id, watch = stage.site(), "cloudwatch-agent"
    assert stage.cover().agents == AgentCount()
    assert stage.cover().freshness == Freshness()
    roster = Roster("ledger", watch)
    agents = {"i-0000000a": agent("i-0000000a"), "i-0000000b": agent("i-0000000b")}
    roster.save(Chunk(0, agents | ({"i-0000000b": silent_agent("i-0000000b")} if is_one_silent else {})))
    roster.save_discovery(stage.clock())
    stage.lifeline({"sweep": True})
    save_incident(stage, vpc_id)
    (incident,) = Incidents("ledger", HOME).read_open(watch)
    assert Incidents("ledger", HOME).close(incident, now=stage.clock())

    page = stage.cover()

    assert page.agents == (AgentCount(reporting=1, silent=1) if is_one_silent else AgentCount(reporting=2))
    assert (page.freshness.swept, page.freshness.listed) == (stage.clock(), stage.clock())
    assert [(one.id, one.vpc_id, one.agents) for one in page.closed] == [("inc-1", vpc_id, 2)]
    stage.clock.advance(timedelta(hours=25))
    assert stage.cover().closed == ()


def test_incidents_of_no_vpc_here_are_counted_in_words(stage: Stage) -> None:
    stage.site()
    for number in range(5):
        save_incident(stage, "", f"inc-{number}", kind=CauseKind.ROLE, words="the role forbids it")
    notes = stage.cover().notes
    assert notes[0] == "open incident inc-0 of no VPC here: the role forbids it"
    assert notes[3:] == ("and 2 more open incidents of no VPC here",)


@with_settings(POLICY_PARAMETER="/lifeline/policy")
def test_incidents_of_every_watch_of_the_policy_are_shown(stage: Stage) -> None:
    watches = [{"name": name, "namespace": name} for name in ("cloudwatch-agent", "apps")]
    document = {"version": 1, "rules": [{"require": ["monitoring"]}], "watches": watches}
    boto3.client("ssm").put_parameter(Name="/lifeline/policy", Value=json.dumps(document), Type="String")
    vpc_id = stage.site()
    save_incident(stage, vpc_id)
    began = stage.clock()
    cause = Cause(CauseKind.AGENT, Confidence.LOW, "the agent itself", vpc_id=vpc_id)
    Incidents("ledger", HOME).save(Incident("inc-2", "apps", cause, began, began))
    assert sorted(one.watch for one in stage.one(vpc_id).incidents) == ["apps", "cloudwatch-agent"]


# ---- what can't be read


@with_settings(POLICY_PARAMETER="/lifeline/policy")
def test_without_a_valid_policy_nothing_is_required_and_the_page_says_why(stage: Stage) -> None:
    boto3.client("ssm").put_parameter(Name="/lifeline/policy", Value='{"rules": []}', Type="String")
    vpc_id = stage.site()
    stage.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "lifeline:require", "Value": "logs"}])
    coverage = stage.cover()
    assert "the policy is invalid, so nothing is required or applied: version: is missing" in coverage.notes
    assert [row.cells for row in coverage.vpcs[0].subnets] == [()]
    assert "so nothing is required or applied" in stage.show({"plan": vpc_id})


def test_the_page_writes_nothing(stage: Stage) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    stage.clock.advance(timedelta(days=1))
    stage.account.forget_calls()
    with calls("dynamodb") as made:
        stage.cover()
        stage.show({"plan": vpc_id})
    assert {name for name, _ in made} == {"BatchGetItem", "GetItem", "Query"}
    assert [name for name in stage.account.call_counts if not name.startswith(("Describe", "Get"))] == []


def test_without_the_ledger_the_page_comes_and_says_what_is_missing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = stage.site()
    monkeypatch.setenv("TABLE_NAME", "nowhere")
    coverage = stage.cover()
    assert coverage.vpcs[0].subnets[0].cells[0].standing is Standing.MISSING
    assert coverage.notes == tuple(
        f"not shown because it could not be read: {one}"
        for one in (
            "closed incidents",
            "limit usage",
            "manual exemptions",
            "open incidents",
            "recent actions",
            "since when Lifeline makes changes",
            "the agents",
            "the record of what Lifeline created (tags were used)",
            "what Lifeline created, and releases",
            "when Lifeline last heard of a change, and last swept",
            "which VPCs are frozen or wait for approval",
        )
    )
    assert (coverage.agents, coverage.freshness.is_read) == (None, False)
    assert "Cost: 7.30 USD more per month" in stage.show({"plan": vpc_id})


def test_without_dns_attributes_the_page_comes_and_says_what_that_means(stage: Stage) -> None:
    stage.site()
    with failing("ec2", "DescribeVpcAttribute", "UnauthorizedOperation"):
        coverage = stage.cover()
    cell = coverage.vpcs[0].subnets[0].cells[0]
    assert cell.standing is Standing.BLOCKED  # as the next run would leave it
    assert cell.detail == "it isn't known whether the VPC's DNS is on: the DNS attributes could not be read"
    assert coverage.notes == ()
    assert any("UnauthorizedOperation" in note for note in coverage.vpcs[0].notes)


def test_with_throttled_dns_attributes_the_page_comes_and_says_what_that_means(stage: Stage) -> None:
    stage.site()
    with failing("ec2", "DescribeVpcAttribute", "RequestLimitExceeded"):
        coverage = stage.cover()
    assert coverage.vpcs[0].subnets[0].cells[0].standing is Standing.MISSING
    assert "reload the page" in coverage.vpcs[0].notes[-1]
    assert any(note.startswith("the DNS attributes could not be read") for note in coverage.vpcs[0].notes)


def test_a_prefix_list_that_cant_be_read_leaves_its_subnet_unknown_on_the_page_and_says_why(stage: Stage) -> None:
    vpc_id, ec2 = stage.site(), stage.world.ec2
    made = ec2.create_managed_prefix_list(
        PrefixListName="corp", MaxEntries=1, AddressFamily="IPv4", Entries=[{"Cidr": "192.0.2.0/24"}]
    )
    table_id = stage.world.open_to_internet(vpc_id)
    ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0")
    gateway_id = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    list_id = made["PrefixList"]["PrefixListId"]
    ec2.create_route(RouteTableId=table_id, DestinationPrefixListId=list_id, GatewayId=gateway_id)
    with failing("ec2", "GetManagedPrefixListEntries", "InvalidPrefixListID.NotFound"):
        coverage = stage.cover()
    (row,) = coverage.vpcs[0].subnets
    assert (row.tier, [cell.standing for cell in row.cells]) == ("unknown", [Standing.UNKNOWN])
    assert any(list_id in note for note in coverage.vpcs[0].notes)


@pytest.mark.parametrize("event", [{}, {"plan": "vpc-0123456789abcdef0"}])
def test_where_the_network_cannot_be_read_the_page_says_so_in_words(stage: Stage, event: dict[str, Any]) -> None:
    with failing("ec2", "DescribeSubnets", "UnauthorizedOperation"):
        page = stage.show(event)
    assert "The coverage page is unavailable" in page
    assert "UnauthorizedOperation" in page
    assert "Traceback" not in page


def test_what_nobody_foresaw_is_told_in_words_and_logged_with_its_trace(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(coverage_page, "cover", lambda *_, **__: 1 / 0)
    page = stage.show({})
    assert "Unexpected error. See the CoveragePage log." in page
    assert "ZeroDivisionError" not in page
    assert "ZeroDivisionError" in caplog.text


# ---- the handler


def test_the_console_asks_for_documentation_before_anything_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STACK_NAME", raising=False)
    assert handler({"describe": True}, Context()) == DOCUMENTATION


def test_the_page_knows_whom_its_buttons_call_and_the_theme(stage: Stage) -> None:
    stage.site()
    page = stage.show({"widgetContext": {"theme": "dark", "width": 500, "params": {}}})
    assert OWN_ARN in page
    assert RECONCILE_ARN in page


def test_a_parameter_of_the_wrong_form_is_refused_in_words() -> None:
    page = unescape(handler({"vpc_ids": ["<script>"]}, Context()))
    assert "vpc_ids[0]: must be a VPC ID (vpc-, then 8 or 17 of 0-9a-f), not '<script>'" in page


@pytest.mark.parametrize("event", [{"approve": "plan-0123456789abcdef"}, {"exempt": []}, {"release": True}])
def test_the_page_itself_takes_nothing_that_changes_anything(event: dict[str, Any]) -> None:
    assert "is a field of ReconcileEndpoints" in handler(event, Context())


HOSTILE: list[Any] = [
    *(None, True, float("nan"), float("inf"), -1, "<script>", "x" * 100_000, [["x"]], {"a": 1}),
    *("vpc-0123456789abcdef0\n", ["vpc-0123456789abcdef0"] * 201, chr(0xFF11) * 12, "999999999999"),
    {"theme": ["dark"], "width": float("nan"), "timezone": {"offsetISO": "+99:99"}, "params": [1]},
    {"timezone": 7, "params": {"vpc_ids": {"a": 1}, "account": "999999999999"}},
]


@pytest.mark.parametrize("name", ["plan", "vpc_ids", "account", "widgetContext", "release", "__proto__", ""])
def test_parameters_of_no_form_do_more_than_read_and_all_are_answered_in_words(stage: Stage, name: str) -> None:
    with calls("ec2") as made, calls("dynamodb") as of_ledger:
        pages = [handler({name: value}, Context()) for value in HOSTILE] + [
            handler(value, Context()) for value in HOSTILE
        ]
    assert not [page for page in pages if "Unexpected error" in page or "<script" in page]
    assert {call for call, _ in made if not call.startswith(("Describe", "Get"))} == set()
    assert {call for call, _ in of_ledger} <= {"GetItem", "BatchGetItem", "Query"}


@with_settings(monthly_usd=5)
def test_a_plan_is_shown_as_text_with_the_command_that_approves_it(stage: Stage) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    text = stage.show({"plan": vpc_id})
    assert f"Plan for {vpc_id}" in text
    assert "blocked in 1 VPC" in text
    assert stage.one(vpc_id).plan_id in text
    assert "sam remote invoke ReconcileEndpoints" in text


def test_the_plan_of_a_vpc_that_is_gone_is_refused_in_words(stage: Stage) -> None:
    assert "does not exist in this account and region" in stage.show({"plan": "vpc-0123456789abcdef0"})


# ---- the buttons, as the console presses them


def pressed(page: str, label: str) -> dict[str, Any]:
    """What the console sends for a button: its JSON with the widget's context (CloudWatch guide: details)."""
    found = re.search(rf'<button[^>]*>{label}.*?<cwdb-action[^>]*endpoint="([^"]*)"[^>]*>(.*?)</cwdb-action>', page)
    assert found, f"no button {label}"
    assert found[1] == RECONCILE_ARN
    return {**json.loads(found[2]), "widgetContext": {"theme": "light", "width": 1180, "params": {"vpc_ids": []}}}


@with_settings(monthly_usd=5)
def test_the_console_can_press_approve(stage: Stage) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    answer = stage.lifeline(pressed(stage.show({}), "Approve"))
    assert list(answer) == ["markdown"]
    assert "Refused" not in answer["markdown"]
    assert "created" in answer["markdown"]


def test_the_console_can_press_exempt_and_release(stage: Stage) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    stage.clock.advance(10 * MINUTE)
    page = stage.show({})
    assert vpc_id in stage.lifeline(pressed(page, "Exempt"))["markdown"]
    assert "deleted endpoint" in stage.lifeline(pressed(page, "Release"))["markdown"]


def test_the_console_can_press_reconcile_and_pause_and_reads_text_not_json(stage: Stage) -> None:
    vpc_id = stage.site()
    made = stage.lifeline(pressed(stage.show({}), "Reconcile now"))["markdown"]
    assert made.startswith("```text\n")
    assert "created" in made
    stage.lifeline(pressed(stage.show({}), "Pause"))
    assert "frozen" in " ".join(stage.one(vpc_id).holds)


@pytest.mark.parametrize(
    "call",
    [
        {"release": True},
        {"vpc_ids": ["VPC"], "release": True},
        {"vpc_ids": ["VPC"], "freeze": True},
        {"exempt": ["VPC"]},
        {"hand_over": ["vpce-0123456789abcdef0"]},
        {"approve": "backlog"},
        {"sweep": True, "account": "123456789012"},
        {"detail-type": "AWS API Call via CloudTrail", "detail": {}},
        {"Records": [{"messageId": "m-1", "body": '{"sweep": true}'}]},
        {"button": True, "vpc_ids": ["VPC"]},
    ],
)
def test_a_widget_whose_parameters_are_a_call_does_nothing_when_somebody_looks_at_it(
    stage: Stage, call: dict[str, Any]
) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    stage.clock.advance(10 * MINUTE)
    before = stage.show({})
    params = json.loads(json.dumps(call).replace("VPC", vpc_id))
    answer = stage.lifeline({**params, "widgetContext": {"params": params}})
    assert list(answer) == ["markdown"]
    assert answer["markdown"].startswith("**Refused**")
    assert f"{next(iter(call.keys() - {'vpc_ids', 'account'}))}" in answer["markdown"]
    assert stage.show({}) == before


@pytest.mark.parametrize("context", [{"params": "release: true\nbutton: true"}, {"params": [1]}, "params", None])
def test_parameters_of_a_form_that_nobody_knows_are_refused_like_a_call(stage: Stage, context: object) -> None:
    vpc_id = stage.site()
    stage.lifeline({"vpc_ids": [vpc_id]})
    stage.clock.advance(10 * MINUTE)
    before = stage.show({})
    answer = stage.lifeline({"release": True, "button": True, "widgetContext": context})
    assert answer["markdown"].startswith("**Refused**")
    assert stage.show({}) == before


def test_a_button_of_a_page_that_shows_some_vpcs_counts_though_it_names_the_same(stage: Stage) -> None:
    params = {"vpc_ids": [stage.site()]}
    call = pressed(stage.show(params), "Reconcile now")
    assert "created" in stage.lifeline({**call, "widgetContext": {"params": params}})["markdown"]


# ---- large regions


def test_a_page_of_200_vpcs_takes_no_more_calls_than_a_sweep_and_few_of_the_ledger(stage: Stage) -> None:
    ec2 = compliant_region(vpcs=200, subnets_each=10, tables_each=4)
    settings = PageSettings.from_environment()
    tools = coverage_page._tools(settings)
    tools = type(tools)(Network(ec2), tools.lookup, tools.central, tools.sources)
    with calls("dynamodb") as ledger:
        coverage = cover((), tools=tools, settings=settings, now=stage.clock())
    assert len(coverage.vpcs) == 200
    assert {cell.standing for vpc in coverage.vpcs for row in vpc.subnets for cell in row.cells} == {Standing.SERVED}
    assert sum(ec2.calls.values()) <= 16, ec2.calls
    assert len(ledger) <= 6 + len(VpcList) + 3 * MOST_EXAMINED + PAGES_OWN_READS


@with_settings(monthly_usd=5)
def test_where_every_vpc_misses_something_only_the_worst_cost_calls_of_their_own(stage: Stage) -> None:
    for _ in range(MOST_EXAMINED + 5):
        stage.site()
    with calls("dynamodb") as ledger:
        coverage = stage.cover()
    assert len(coverage.vpcs) == MOST_EXAMINED + 5
    assert len(ledger) <= 7 + len(VpcList) + 4 * MOST_EXAMINED + PAGES_OWN_READS
    assert sum("were not read" in note and "freezes" in note for vpc in coverage.vpcs for note in vpc.notes) == 5
