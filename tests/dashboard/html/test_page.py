"""The coverage page: what it says, in which order, what it counts, and that nothing breaks out of it."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta, timezone
from decimal import Decimal
from enum import Enum
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tools.template import read_template

from lifeline.core.event_path.comparison import Comparison
from lifeline.core.event_path.dry_run import DryRun
from lifeline.core.event_path.proof import UNPROVEN, EventPath
from lifeline.core.requests.button import BUTTON
from lifeline.dashboard.coverage import (
    AgentCount,
    Cell,
    Coverage,
    Freshness,
    Standing,
    StepKind,
    TimelineStep,
    VpcCoverage,
)
from lifeline.dashboard.html import page as coverage_page
from lifeline.dashboard.html.markup import LONGEST, Html
from lifeline.dashboard.html.page import MOST_BYTES, ButtonTargets, View, render_page, render_text, style_sheet
from lifeline.dashboard.html.table import GLYPHS
from tests.support.coverage_sample import (
    CALLS,
    NOW,
    many,
    region,
    story,
    subnet,
    the_blocked,
    the_exempt,
    the_pending,
    the_silenced,
    the_well,
)
from tests.support.examples import examples
from tests.support.repository import ROOT

_VOID = {"wbr"}
_ATTRIBUTES = {
    "style": set[str](),
    "a": {"href", "target", "rel"},
    "div": {"class", "role", "tabindex", "aria-label", "aria-hidden"},
    "header": set(),
    "h2": set(),
    "h3": set(),
    "h4": set(),
    "p": {"class"},
    "b": set(),
    "i": {"aria-hidden"},
    "code": set(),
    "span": {"class"},
    "small": {"class"},
    "time": {"datetime"},
    "dl": {"class"},
    "dt": set(),
    "dd": set(),
    "ul": {"class", "aria-label"},
    "ol": {"class"},
    "li": {"class"},
    "details": {"class", "open"},
    "summary": {"class"},
    "table": {"aria-label"},
    "thead": set(),
    "tbody": set(),
    "tr": set(),
    "th": {"scope"},
    "td": {"class"},
    "wbr": set(),
    "button": {"type", "class"},
    "cwdb-action": {"action", "display", "endpoint", "confirmation"},
}

IN_MEMBER = replace(CALLS, account="222222222222")
BREAK_OUTS = (
    '"><script>alert(1)</script>',
    "</cwdb-action><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    '" onfocus="alert(1)" autofocus="',
    "<!-- --!> <!--",
    "]]><![CDATA[ <?php",
    "</style></pre></title></textarea><svg/onload=alert(1)>",
    "&lt;b&gt; &quot; &#x22;&#60;script&#62;",
    '\\"}, {"release": true',
    "line\nline\r\nline\u2028line",
    "\u202egnp.exe\u2066 \u200b\x00\x07\x1b[31m\x85\ud800\udfff\ufeff",
    "{{constructor}} ${7*7} %s %(x)s {0} {0.__class__} {",
    '</p></div></details><cwdb-action action="call" endpoint="arn:x" event="mouseenter">{"release":true}</cwdb-action>',
    "</style><img src=x onerror=alert(1)>",
    "]]>--><iframe>",
)


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def all(self, tag: str, class_: str = "") -> list["Element"]:
        return [
            one
            for one in self.walk()
            if one.tag == tag and (not class_ or class_ in one.attributes.get("class", "").split())
        ]

    def walk(self) -> Iterator["Element"]:
        for one in self.children:
            if isinstance(one, Element):
                yield one
                yield from one.walk()


class Strict(HTMLParser):
    """Reads HTML whose elements are all closed in order, and that has no comment, declaration or instruction."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pytest.fail(f"<{tag}/> with {attrs}")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        pytest.fail(f"a declaration: {decl}")

    def unknown_decl(self, data: str) -> None:
        pytest.fail(f"a declaration: {data}")

    def handle_pi(self, data: str) -> None:
        pytest.fail(f"an instruction: {data}")


def parse(html: str) -> Element:
    parser = Strict()
    parser.feed(html)
    parser.close()
    assert parser.open == [parser.root], f"left open: {[one.tag for one in parser.open[1:]]}"
    return parser.root


def actions(page: Element) -> list[tuple[str, Element, dict[str, Any]]]:
    """Each action with the words of the button right before it and what it would send, beside what tells
    ReconcileEndpoints that a button did: just its own have that.
    """
    found = []
    for parent in [page, *page.walk()]:
        for before, one in zip([None, *parent.children], parent.children, strict=False):
            if isinstance(one, Element) and one.tag == "cwdb-action":
                assert isinstance(before, Element)
                assert before.tag == "button"
                values = json.loads(one.text)
                assert values.pop(BUTTON, False) is one.attributes["endpoint"].endswith(CALLS.reconcile)
                found.append((before.text, one, values))
    return found


def show(*vpcs: VpcCoverage, calls: ButtonTargets = CALLS, **changes: Any) -> Element:
    return parse(render_page(replace(story(), vpcs=vpcs, **changes), calls))


def one_line(element: Element) -> str:
    return " ".join(element.text.split())


# --- what it says -----------------------------------------------------------------------------------------------------


def test_the_head_says_where_when_and_in_which_mode_and_sums_up() -> None:
    page = parse(render_page(story(), CALLS))
    assert one_line(page.all("header")[0]) == (
        "Lifeline: coverageAccount 123456789012 in us-east-1, stack lifeline · mode enforce · 2026-03-02 09:12:40 UTC"
        "Last change heard 09:05:21 UTC (7 min 19 s ago) · event path proven 08:47:00 UTC (25 min 40 s ago) "
        "(41 of 43 changes heard in the day until 05:00:00 UTC) · last sweep 08:47:00 UTC (25 min 40 s ago) · "
        "agents last checked 09:12:02 UTC (38 s ago) · listed 09:10:02 UTC (2 min 38 s ago)"
    )
    totals = {one_line(row.all("dt")[0]): one_line(row.all("dd")[0]) for row in page.all("dl")[0].all("div")}
    assert totals == {
        "VPCs": "52 healthy",
        "Subnets not served": "7of 11 that need something, 1 pending",
        "Open incidents": "213 agents affected",
        "Agents reporting": "10613 silent, 2 not known",
        "Monthly cost": "65.70 USD+14.60 USD planned",
    }


def test_the_kill_switch_and_what_the_page_lacks_come_before_everything_else() -> None:
    page = show(kill_switch="/lifeline/stop says: audit until noon", notes=("The ledger couldn't be read.",))
    banners = [one_line(one) for one in page.all("p", "banner")]
    assert banners == ["No changes are made: /lifeline/stop says: audit until noon", "The ledger couldn't be read."]


@pytest.mark.parametrize(("why", "words"), [("", "To stop all changes:"), ("it is on", "To allow changes again:")])
def test_the_page_has_the_command_of_the_kill_switch(why: str, words: str) -> None:
    page = show(kill_switch=why, switch_command="aws ssm put-parameter --name /a --value b")
    assert f"{words} aws ssm put-parameter --name /a --value b" in map(one_line, page.all("p", "meta"))


def test_a_kill_switch_that_is_off_is_not_mentioned() -> None:
    assert "kill switch" not in parse(render_page(story(), CALLS)).text


def test_every_standing_has_a_shape_of_its_own_that_is_hidden_from_those_who_hear_the_word() -> None:
    assert len(set(GLYPHS.values())) == len(Standing)
    shapes = parse(render_page(story(), CALLS)).all("i")
    assert {one.attributes["aria-hidden"] for one in shapes} == {"true"}
    legend = parse(render_page(story(), CALLS)).all("ul", "legend")[0]
    assert {one.all("span")[0].attributes["class"] for one in legend.all("li")} == {*Standing}


def test_each_cell_says_its_standing_in_a_word() -> None:
    rows = show(the_silenced()).all("tbody")[0].all("tr")
    assert [[one_line(cell) for cell in row.all("td")] for row in rows] == [
        ["isolatedus-east-1a, us-east-1b", "◐ pending", "✕ missing", "● served"],
        ["egressus-east-1c", "● served", "✕ missing", "● served"],
    ]


def test_rows_and_columns_have_headers_that_say_what_they_are_for() -> None:
    table = show(the_silenced()).all("table")[0]
    assert [one.text for one in table.all("thead")[0].all("th")] == ["Subnet", "Tier, zone", "monitoring", "logs", "s3"]
    assert {one.attributes["scope"] for one in table.all("thead")[0].all("th")} == {"col"}
    assert [one.attributes["scope"] for one in table.all("tbody")[0].all("th")] == ["row"] * 2


def test_a_service_that_one_subnet_lacks_altogether_is_not_required_there() -> None:
    vpc = the_silenced()
    rows = (vpc.subnets[0], replace(vpc.subnets[1], cells=vpc.subnets[1].cells[:1]))
    body = show(replace(vpc, subnets=rows)).all("tbody")[0]
    assert [one_line(cell) for cell in body.all("tr")[1].all("td")][1:] == ["◐ pending", "not required", "not required"]


def test_a_reason_is_told_once_with_the_subnets_that_it_holds_for_the_worst_first() -> None:
    reasons = [one_line(one) for one in show(the_silenced()).all("ul", "details")[0].all("li")]
    assert reasons == [
        "✕ missing logs: no endpoint; the next run creates one in all subnets",
        "◐ pending monitoring vpce-0a77c1d2e3f405162: being created since 09:05:21 UTC in app-prod-a, app-prod-b",
    ]


def test_what_serves_a_subnet_is_named() -> None:
    served = [
        one_line(one) for one in show(the_silenced(), closed=()).all("details", "vpc")[0].all("details")[0].all("li")
    ]
    assert served == [
        "s3 served by vpce-0b1946ac92492d234 in all subnets",
        "monitoring served by vpce-0a77c1d2e3f405162 in batch-c",
    ]


def test_a_served_cell_with_something_to_know_is_told_with_the_reasons() -> None:
    cell = Cell("monitoring", Standing.SERVED, "vpce-0123", "its policy lets nobody but root in")
    vpc = replace(the_silenced(), subnets=(replace(the_silenced().subnets[0], cells=(cell,)),))
    assert "its policy lets nobody but root in" in show(vpc).all("ul", "details")[0].text


def test_an_incident_is_told_as_a_line_from_its_cause_to_what_is_yet_to_come() -> None:
    page = show(the_silenced())
    assert one_line(page.all("h4")[0]) == (
        "Open incident: DeleteRoute by deploy-role left no path to the monitoring service"
    )
    steps = page.all("ol")[0].all("li")
    assert [one.attributes["class"] for one in steps] == [
        "change",
        "gap",
        "endpoint",
        "available to-come",
        "recovery to-come",
    ]
    assert [one_line(step.all("span", "at")[0]) for step in steps] == [
        "09:02:48 UTC (9 min 52 s ago)",
        "09:04:00 UTC (8 min 40 s ago)",
        "09:05:21 UTC (7 min 19 s ago)",
        "not yet",
        "not yet",
    ]
    assert steps[0].all("time")[0].attributes["datetime"] == "2026-03-02T09:02:48Z"


def test_an_incident_that_is_over_soon_says_so() -> None:
    assert one_line(show(the_pending()).all("h4")[0]).startswith("Recovering: DeleteNatGateway")


def test_of_a_long_timeline_the_cause_and_the_last_steps_are_told_and_the_rest_counted() -> None:
    steps = tuple(TimelineStep(StepKind.GAP, NOW - timedelta(minutes=99 - n), f"step {n};") for n in range(40))
    incident = replace(the_silenced().incidents[0], timeline=steps)
    line = show(replace(the_silenced(), incidents=(incident,))).all("ol")[0].text
    assert "step 0;" in line
    assert "28 steps omitted" in line
    assert "step 28;" not in line
    assert all(f"step {number};" in line for number in range(29, 40))


def test_holds_notes_actions_and_cost_are_told_of_each_vpc() -> None:
    said = one_line(show(the_pending()))
    assert "Released manually at 2026-03-02 08:00:00 UTC" in said
    said = one_line(show(the_blocked()))
    assert "10.20.0.0/16, 100.64.0.0/18 · 3 subnets" in said
    assert "Usage of the quota of interface endpoints could not be read." in said
    said = one_line(show(the_silenced()))
    assert "10.0.0.0/16 · 3 subnets · +14.60 USD planned" in said
    assert "done create security group lifeline-endpoints 09:05:19 UTC" in said


def test_no_vpc_at_all_is_said() -> None:
    assert "No VPCs to show." in show().text


def test_equal_subnets_share_a_row_that_names_them_and_a_subnet_of_another_tier_has_its_own() -> None:
    rows = show(the_silenced()).all("tbody")[0].all("tr")
    assert one_line(rows[0].all("th")[0]) == "2 subnetsapp-prod-a, app-prod-b"
    assert one_line(rows[1].all("th")[0]).startswith("batch-c")


def test_ids_lead_to_the_console_and_whatever_is_no_id_leads_nowhere() -> None:
    links = check_links(show(the_silenced(), closed=()))
    home = "https://us-east-1.console.aws.amazon.com"
    vpc, log, event, *endpoints = links
    assert vpc == f"{home}/vpcconsole/home?region=us-east-1#VpcDetails:VpcId=vpc-0c1d2e3f405162738"
    assert event == f"{home}/cloudtrailv2/home?region=us-east-1#/events/4976d0e5-a65d-5a42-8b1c-d00a50dc4ff4"
    assert log.startswith(f"{home}/cloudwatch/home?region=us-east-1#logsV2:logs-insights")
    assert log.endswith("'*2faws*2flambda*2flifeline-ReconcileEndpoints))")  # whole, however long
    assert endpoints == [
        f"{home}/vpcconsole/home?region=us-east-1#EndpointDetails:vpcEndpointId={id_}"
        for id_ in ("vpce-0a77c1d2e3f405162", "vpce-0b1946ac92492d234", "vpce-0a77c1d2e3f405162")
    ]
    assert not show(replace(the_silenced(), id="javascript:alert(1)", subnets=(), incidents=()), closed=()).all("a")
    assert not show(the_silenced(), closed=(), region="evil.example/").all("a")
    assert "its log" not in show(the_silenced(), calls=replace(CALLS, log_group="")).text


def test_the_ways_to_a_hubs_services_are_compared_and_a_gb_whose_price_is_not_known_says_so() -> None:
    compared = the_well().comparison
    assert compared
    page = show(the_well())
    assert "Compare the ways to reach logs" in page.text
    (table,) = [one for one in page.all("table") if one.attributes["aria-label"] == "Ways to reach logs"]
    assert [one.text for one in table.all("td")][3:6] == [
        "0.00",
        "0.03",
        "0.02 of it for the transit gateway, to which the VPC is attached",
    ]
    assert f"Cheapest, data included: {compared.cheapest_words}. Prices: {compared.prices}." in page.text
    local, hub, nat = compared.ways
    unknown = replace(compared, ways=(local, replace(hub, per_gb_usd=None), nat))
    assert "not known" in [one.text for one in show(replace(the_well(), comparison=unknown)).all("td")]
    assert "Compare the ways" not in show(replace(the_well(), comparison=None)).text


def test_an_endpoint_elsewhere_has_no_link_because_it_may_be_another_accounts() -> None:
    central = Cell("logs", Standing.CENTRAL, "vpce-0a77c1d2e3f405162")
    page = show(replace(the_well(), subnets=(subnet(0, "a", central),)), closed=())
    assert "logs served by vpce-0a77c1d2e3f405162" in one_line(page)
    assert not [link for link in check_links(page) if "vpce" in link]


@pytest.mark.parametrize("words", BREAK_OUTS)
def test_no_string_makes_or_turns_a_link(words: str) -> None:
    assert not check(poisoned(everything(), words), CALLS).all("a")
    assert len(check(everything(), poisoned(CALLS, words)).all("a")) == len(check(everything(), CALLS).all("a"))


@pytest.mark.parametrize(
    ("freshness", "said"),
    [
        (
            Freshness(),
            (
                "No change heard yet, so it isn't proven that events arrive · no sweep yet · agents never checked · "
                "never listed"
            ),
        ),
        (
            Freshness(swept=NOW - timedelta(minutes=5)),
            (
                "No change heard yet, so it isn't proven that events arrive · last sweep 09:07:40 UTC (5 min ago) · "
                "agents never checked · never listed"
            ),
        ),
    ],
)
def test_what_never_was_is_said_of_how_fresh_the_data_is(freshness: Freshness, said: str) -> None:
    assert [one_line(one) for one in show(freshness=freshness).all("p", "fresh")] == [said]


def fresh(**known: object) -> str:
    (said,) = show(freshness=Freshness(heard=NOW, **known)).all("p", "fresh")  # type: ignore[arg-type]
    return one_line(said)


def probed(*hours: int) -> EventPath:
    """Dry runs so many hours ago."""
    path = UNPROVEN
    for number, ago in enumerate(hours):
        path = path.asked(DryRun("DryRunOperation", "", f"r{number}"), NOW - timedelta(hours=ago))
    return path


def test_it_is_said_whether_events_arrive() -> None:
    proven = probed(3).heard("r0", NOW - timedelta(hours=3), NOW - timedelta(hours=2))
    assert "· event path proven 06:12:40 UTC (3 h ago) ·" in fresh(path=proven)
    assert "· event path not proven yet ·" in fresh(path=probed(1))
    old = probed(5).heard("r0", NOW - timedelta(hours=5), NOW - timedelta(hours=5)).unasked("there is no VPC here")
    assert "· event path last proven 04:12:40 UTC (5 h ago), not since: there is no VPC here ·" in fresh(path=old)
    assert "· event path not proven: there is no VPC here ·" in fresh(path=UNPROVEN.unasked("there is no VPC here"))
    daily = probed(30).heard("r0", NOW - timedelta(hours=30), NOW - timedelta(hours=30))
    assert "· event path last proven" in fresh(path=daily)
    assert "· event path proven 2026-" in fresh(path=daily, pause=timedelta(days=1))


def test_two_dry_runs_that_were_not_heard_are_said_to_be_silence_since_the_first() -> None:
    assert "· events don't arrive: no dry run heard since 07:12:40 UTC (2 h ago) ·" in fresh(path=probed(2, 1))


def test_it_is_said_how_many_changes_of_the_last_day_were_heard() -> None:
    day = Comparison(NOW - timedelta(hours=25), NOW - timedelta(hours=1))
    assert "(no change in the day until 08:12:40 UTC)" in fresh(compared=day)
    assert "(41 of 43 changes heard in the day until" in fresh(compared=replace(day, happened=43, heard=41))


def test_a_rule_through_which_hardly_any_change_came_is_named() -> None:
    day = Comparison(NOW - timedelta(hours=25), NOW - timedelta(hours=1), happened=4012, heard=13)
    by_rule = replace(day, happened_by={"TagRule": 12, "FilterRule": 4000}, heard_by={"TagRule": 12, "FilterRule": 1})
    said = fresh(compared=by_rule)
    assert "(13 of 4,012 changes heard, but 1 of 4,000 through FilterRule in the day until 08:12:40 UTC)" in said


def test_how_fresh_the_data_is_is_not_said_where_it_was_not_read() -> None:
    assert not show(freshness=Freshness(is_read=False)).all("p", "fresh")


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        (AgentCount(1200, 3, 0), "1,2003 silent"),
        (AgentCount(5, 0, 2), "50 silent, 2 not known"),
        (AgentCount(), "00 silent"),
        (None, "?could not be read"),
    ],
)
def test_the_agents_are_counted_and_never_taken_for_none_if_they_were_not_read(
    agents: AgentCount | None, said: str
) -> None:
    totals = {
        one_line(one.all("dt")[0]): one_line(one.all("dd")[0]) for one in show(agents=agents).all("dl")[0].all("div")
    }
    assert totals["Agents reporting"] == said


def test_incidents_that_were_closed_lately_are_in_a_fold_of_their_own() -> None:
    (fold,) = show().all("details", "closed")
    assert "open" not in fold.attributes
    assert one_line(fold.all("summary")[0]) == "1 incident closed in the last 24 hours"
    assert [one_line(one) for one in fold.all("li")] == [
        (
            "DeleteRoute by terraform left no path to the logs service vpc-0d41d8cd98f00b204 · 4 agents, "
            "06:02:00 UTC to 06:09:30 UTC (3 h 3 min ago) · inc-1f0e3dad9990"
        )
    ]
    assert not show(closed=()).all("details", "closed")


def test_times_are_in_utc_and_beside_it_in_the_viewers_zone() -> None:
    view = View(zone=timezone(timedelta(hours=5, minutes=30)))
    page = parse(render_page(replace(story(), vpcs=(the_pending(),)), CALLS, view))
    times = [one.text for one in page.all("time")]
    assert "09:05:21 UTC · 14:35:21 +05:30" in times
    assert "2026-03-01 22:46 UTC · 04:16:00 +05:30" in times  # yesterday in UTC, and today for the viewer
    assert {one.attributes["datetime"][-1] for one in page.all("time")} == {"Z"}


def test_the_first_with_an_open_incident_are_open_and_all_others_are_folded() -> None:
    silenced = [replace(the_silenced(), id=f"vpc-0c1d2e3f40516273{n}") for n in range(4)]
    folds = show(the_pending(), *silenced, the_blocked()).all("details", "vpc")
    assert ["open" in one.attributes for one in folds] == [False, True, False, False, False, False]


def test_where_all_incidents_recover_the_first_of_these_are_open() -> None:
    pending = [replace(the_pending(), id=f"vpc-0e4da3b7fbbce234{n}") for n in range(3)]
    folds = show(*pending, the_blocked()).all("details", "vpc")
    assert ["open" in one.attributes for one in folds] == [True, True, False, False]


def test_an_incident_says_what_to_do_now_as_text() -> None:
    vpc = the_silenced()
    advice = "Lifeline will create the endpoint here. <b>Otherwise</b>, restore the route in rtb-0f1e2d3c4b5a69788."
    (incident,) = vpc.incidents
    page = show(replace(vpc, incidents=(replace(incident, advice=advice),)))
    assert [one_line(one) for one in page.all("p", "next")] == [f"Next: {advice}"]
    assert not show(replace(vpc, incidents=(replace(incident, advice=""),))).all("p", "next")


# --- order and counts -------------------------------------------------------------------------------------------------


def titles(page: Element) -> list[str]:
    return [one.text for one in page.all("h3")]


def test_vpcs_keep_their_order_and_those_that_are_well_are_folded_at_the_end() -> None:
    page = show(the_well(1), the_silenced(), the_exempt(), the_blocked())
    assert [title.split()[0] for title in titles(page)] == ["app-prod", "build-farm", "team-1", "legacy"]
    fold = page.all("details", "healthy")[0]
    assert one_line(fold.all("summary")[0]) == "2 healthy VPCs"
    assert [title.split()[0] for title in titles(fold)] == ["team-1", "legacy"]


@pytest.mark.parametrize(
    "changes",
    [
        {"planned_usd": Decimal("7.30")},
        {"plan_id": "plan-0123456789abcdef"},
        {"holds": ("Frozen.",)},
        {"notes": ("DNS attributes couldn't be read.",)},
        {"incidents": the_silenced().incidents},
        {"subnets": the_silenced().subnets},
    ],
)
def test_a_vpc_that_somebody_has_to_look_at_is_not_folded(changes: dict[str, Any]) -> None:
    assert not show(replace(the_well(), **changes)).all("details", "healthy")


@pytest.mark.parametrize("coverage", [many(), region(200)], ids=["a fifth with gaps", "all with gaps"])
def test_two_hundred_vpcs_fit_in_full(coverage: Coverage) -> None:
    page = render_page(coverage, CALLS)
    assert len(json.dumps(page)) <= MOST_BYTES
    assert len(titles(parse(page))) == 200
    assert "not shown because the page is full" not in page
    assert "The page is full" not in page


def test_what_does_not_fit_is_brief_and_what_does_not_fit_even_so_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_page, "MOST_BYTES", 250_000)
    coverage = many(600, 4, every=2)
    html = render_page(coverage, CALLS)
    assert len(json.dumps(html)) <= 250_000
    page = parse(html)
    shown, full = titles(page), len(page.all("table"))
    assert 0 < full < len(shown) < 600
    assert shown == [f"{vpc.name} {vpc.id}" for vpc in coverage.vpcs[: len(shown)]]
    left = coverage.vpcs[len(shown) :]
    missing = sum(vpc.planned_usd > 0 for vpc in left)
    rest = one_line(page.all("p", "rest")[0])
    assert rest.startswith(f"{len(left)} more VPCs not shown because the page is full: {missing} to review (")
    assert f"), {len(left) - missing} healthy; " in rest


@settings(max_examples=examples(20, soak=200))
@given(sizes=st.lists(st.integers(0, 60), max_size=12), room=st.integers(30_000, 300_000))
def test_every_vpc_is_shown_or_counted_and_the_page_keeps_to_its_size(sizes: list[int], room: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage_page, "MOST_BYTES", room)
        html = render_page(replace(story(), vpcs=tuple(the_well(n, size) for n, size in enumerate(sizes))), CALLS)
    assert len(json.dumps(html)) <= room
    page = parse(html)
    rest = page.all("p", "rest") if sizes else []
    counted = int(one_line(rest[0]).split()[0]) if rest else 0
    assert len(titles(page)) + counted == len(sizes)


def test_no_text_however_long_fills_the_page() -> None:
    html = render_page(replace(story(), notes=tuple("x" * 100_000 for _ in range(100))), CALLS)
    assert len(html) < 100_000
    assert "… and 90 more" in html


# --- buttons ----------------------------------------------------------------------------------------------------------


def test_buttons_come_with_the_least_first_and_carry_just_the_calls_that_they_name() -> None:
    vpc = the_blocked()
    sent = [(label, one.attributes["endpoint"], values) for label, one, values in actions(show(vpc))]
    assert sent == [
        (f"Approve {vpc.plan_id} (+43.80 USD a month)", CALLS.reconcile, {"approve": vpc.plan_id}),
        (f"Show the plan for {vpc.id}", CALLS.page, {"plan": vpc.id}),
        (f"Reconcile now {vpc.id}", CALLS.reconcile, {"vpc_ids": [vpc.id]}),
        (f"Pause (freeze) {vpc.id}", CALLS.reconcile, {"vpc_ids": [vpc.id], "freeze": True}),
        (
            f"Exempt for 7 days {vpc.id}",
            CALLS.reconcile,
            {"exempt": [vpc.id], "days": 7, "reason": "from the coverage page"},
        ),
        (f"Release {vpc.id}", CALLS.reconcile, {"vpc_ids": [vpc.id], "release": True}),
    ]


def test_whatever_changes_something_asks_first_and_says_what_will_happen_to_which_vpc() -> None:
    vpc = the_blocked()
    for _, one, values in actions(show(vpc)):
        requests = one.attributes.get("confirmation", "")
        assert bool(requests) == ("plan" not in values)
        assert not requests or (vpc.id in requests and vpc.name not in requests)
        assert (one.attributes["action"], one.attributes["display"]) == ("call", "popup")


def test_a_release_says_what_is_deleted_and_in_plan_mode_that_nothing_is() -> None:
    def asked(mode: str) -> str:
        found = [one for _, one, values in actions(show(the_silenced(), mode=mode)) if "release" in values]
        return found[0].attributes["confirmation"]

    assert "deletes every endpoint and security group that it created there" in asked("enforce")
    assert "deletes nothing" in asked("plan")


def test_an_exemption_says_until_when_and_what_becomes_of_lifelines_own_endpoints() -> None:
    def asked(**more: Any) -> str:
        coverage = replace(story(), vpcs=(the_silenced(),), **more)
        found = [one for _, one, values in actions(parse(render_page(coverage, CALLS))) if "exempt" in values]
        return found[0].attributes["confirmation"]

    days = {"retire_after": timedelta(hours=72)}
    assert "Until the end of 2026-03-09 (UTC)" in asked(**days)
    assert "You are still notified of silent agents." in asked(**days)
    assert "are deleted once they have not been required for 3 d." in asked(**days)
    assert "deleted" not in asked()
    assert "deleted" not in asked(**days, mode="plan")


def test_only_where_something_is_lifelines_can_it_be_released() -> None:
    def calls_of(vpc: VpcCoverage) -> list[str]:
        return [label for label, _, values in actions(show(vpc)) if "release" in values]

    assert len(calls_of(replace(the_well(), has_own=True))) == 1
    assert not calls_of(replace(the_well(), has_own=False))


def test_reconciling_says_what_it_does_the_backlog_included_and_in_plan_mode_that_it_changes_nothing() -> None:
    def asked(vpc: VpcCoverage, mode: str = "enforce") -> str:
        found = [one for label, one, _ in actions(show(vpc, mode=mode)) if label.startswith("Reconcile now")]
        return found[0].attributes["confirmation"]

    assert "what waits in the backlog included" in asked(replace(the_silenced(), backlog=2))
    assert "backlog" not in asked(the_silenced())
    assert "changes nothing: the mode is plan" in asked(replace(the_silenced(), backlog=2), mode="plan")


def test_without_a_plan_or_in_plan_mode_there_is_nothing_to_approve() -> None:
    assert not [values for *_, values in actions(show(the_silenced())) if "approve" in values]
    assert not [values for *_, values in actions(show(the_blocked(), mode="plan")) if "approve" in values]


@pytest.mark.parametrize(
    ("calls", "kept"),
    [
        (ButtonTargets(), set[str]()),
        (replace(CALLS, reconcile=""), {"plan"}),
        (replace(CALLS, page=""), {"approve", "exempt", "vpc_ids"}),
    ],
)
def test_without_a_function_its_buttons_are_left_out(calls: ButtonTargets, kept: set[str]) -> None:
    page = show(the_blocked(), calls=calls)
    assert {next(iter(values)) for *_, values in actions(page)} == kept
    assert len(page.all("button")) == len(page.all("cwdb-action"))


# --- nothing breaks out -----------------------------------------------------------------------------------------------


def poisoned(value: Any, words: str) -> Any:
    """`value` with `words` in every string of it, and behind each what the string was."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return f"{words}{value}"
    if isinstance(value, tuple):
        return tuple(poisoned(one, words) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: poisoned(getattr(value, one.name), words) for one in fields(value)})
    return value


def skeleton(page: Element) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.tag, tuple(sorted(one.attributes))) for one in page.walk()]


def everything() -> Coverage:
    return replace(story(), kill_switch="on since 09:00", notes=("A note.",))


def check(coverage: Coverage, calls: ButtonTargets) -> Element:
    html = render_page(coverage, calls)
    html.encode("utf-8")
    page = parse(html)
    for one in page.walk():
        assert set(one.attributes) <= _ATTRIBUTES[one.tag]
    check_links(page)
    return page


def check_links(page: Element) -> list[str]:
    """Where the page's links lead: to the console of the page's Region, in a tab that can't reach back."""
    links = page.all("a")
    for one in links:
        assert (one.attributes["target"], one.attributes["rel"]) == ("_blank", "noopener")
        where = urlsplit(one.attributes["href"])
        assert (where.scheme, where.netloc) == ("https", "us-east-1.console.aws.amazon.com")
        assert re.fullmatch(r"[\w/?=&#:$~'().*-]+", where.geturl(), re.ASCII)
    return [one.attributes["href"] for one in links]


@pytest.mark.parametrize("words", BREAK_OUTS)
def test_no_string_breaks_out_of_its_place(words: str) -> None:
    clean = check(poisoned(everything(), "word "), CALLS)
    page = check(poisoned(everything(), words), replace(poisoned(CALLS, words), account=""))
    # Only the break in a narrow column depends on a dash in the subnet's id.
    wbr = ("wbr", ())
    assert [one for one in skeleton(page) if one != wbr] == [one for one in skeleton(clean) if one != wbr]
    sent = Counter(json.dumps(values, sort_keys=True) for *_, values in actions(page))
    meant = poisoned(everything(), words)
    for vpc in meant.vpcs:
        assert sent[json.dumps({"plan": vpc.id})] == 1
        assert sent[json.dumps({"vpc_ids": [vpc.id]})] == 1
        assert sent[json.dumps({"freeze": True, "vpc_ids": [vpc.id]})] == 1
        assert sent[json.dumps({"release": True, "vpc_ids": [vpc.id]})] == vpc.has_own
        assert not vpc.plan_id or sent[json.dumps({"approve": vpc.plan_id})] >= 1


@pytest.mark.parametrize("words", BREAK_OUTS)
def test_no_string_breaks_out_of_the_page_of_a_hubs_account(words: str) -> None:
    opened = replace(everything(), account_name="shop", is_member=True)
    clean = check(poisoned(opened, "word "), IN_MEMBER)
    page = check(poisoned(opened, words), poisoned(IN_MEMBER, words))
    wbr = ("wbr", ())
    assert [one for one in skeleton(page) if one != wbr] == [one for one in skeleton(clean) if one != wbr]
    own = json.loads(json.dumps({"account": f"{words}{IN_MEMBER.account}"}))
    assert all(values.items() >= own.items() for *_, values in actions(page) if values != {"account": ""})


def test_an_account_of_a_hub_is_named_and_every_button_calls_for_it() -> None:
    coverage = replace(everything(), account_id=IN_MEMBER.account, account_name="shop", is_member=True)
    page = check(coverage, IN_MEMBER)
    (heading,) = page.all("h2")
    assert heading.text == "Lifeline: coverage of shop 222222222222"
    (back, *others) = actions(page)
    assert (back[0], back[1].attributes["display"], back[2]) == ("All accounts", "widget", {"account": ""})
    assert others
    for label, action, values in others:
        assert values["account"] == IN_MEMBER.account, label
        assert action.attributes["display"] == "popup"
        asked = action.attributes.get("confirmation", "")
        assert (set(values) == {"plan", "account"}) is not asked.endswith("The account is 222222222222.")
    alone = actions(check(everything(), CALLS))
    assert [{**values, "account": IN_MEMBER.account} for *_, values in alone] == [values for *_, values in others]
    assert {urlsplit(link).path for link in check_links(page)} == {"/cloudwatch/home"}, "the log is the hub's own"


@pytest.mark.parametrize("words", BREAK_OUTS)
def test_no_string_adds_a_call_or_changes_whom_one_calls(words: str) -> None:
    found = actions(check(poisoned(everything(), words), CALLS))
    assert len(found) == len(actions(check(poisoned(everything(), "word "), CALLS)))
    for _, action, values in found:
        assert set(action.attributes) <= {"action", "display", "endpoint", "confirmation"}
        assert action.attributes["endpoint"] == (CALLS.page if set(values) == {"plan"} else CALLS.reconcile)
        assert set(values) in (
            {"plan"},
            {"approve"},
            {"vpc_ids"},
            {"vpc_ids", "freeze"},
            {"exempt", "days", "reason"},
            {"vpc_ids", "release"},
        )


@settings(max_examples=examples(20, soak=200))
@given(words=st.text(alphabet="<>\"'&;/!-=[]`\\ \n\t\0\u202ea1{}", max_size=40))
def test_no_text_at_all_breaks_out(words: str) -> None:
    check(poisoned(everything(), words), poisoned(CALLS, words))


@pytest.mark.parametrize(
    "html",
    [Html("{}").format, lambda value: Html().join([value]), lambda value: Html() + value, lambda value: value + Html()],
)
def test_html_escapes_whatever_comes_in_and_passes_html_on(html: Callable[[str], Html]) -> None:
    assert html("<b>&\n\u202e") == "&lt;b&gt;&amp; \ufffd"
    assert html("x" * 1000) == "x" * (LONGEST - 1) + "…"
    assert html(Html("<b>")) == "<b>"
    assert isinstance(html("x"), Html)


def test_json_in_an_action_reads_the_same_as_text_and_as_markup() -> None:
    html = render_page(poisoned(story(), "<&>\"'"), CALLS)
    inside = [part.split("</cwdb-action>")[0].split(">", 1)[1] for part in html.split("<cwdb-action ")[1:]]
    assert inside
    assert all(not set(one) & set("<>&") for one in inside)
    assert {"plan": f"<&>\"'{the_blocked().id}"} in [json.loads(one) for one in inside]


def test_what_would_not_be_seen_or_would_turn_the_text_around_is_shown_as_such() -> None:
    vpc = replace(the_silenced(), name="app\u202eprod\x00\u200b\ud800\nnext")
    assert titles(show(vpc))[0] == f"app\ufffdprod\ufffd\ufffd\ufffd next {vpc.id}"


def test_letters_of_every_language_stay_as_they_are() -> None:
    vpc = replace(the_silenced(), name="Zürich 東京 العربية 🚀")
    assert titles(show(vpc))[0] == f"Zürich 東京 العربية 🚀 {vpc.id}"


@pytest.mark.parametrize("words", BREAK_OUTS)
def test_a_text_stays_within_its_frame(words: str) -> None:
    html = render_text(words, f"{words}\n  + create")
    html.encode("utf-8")
    page = parse(html)
    assert [one.tag for one in page.walk()] == ["div", "h2", "pre"]
    assert page.all("pre")[0].text.endswith("\n  + create")


def test_a_text_that_is_too_long_is_cut_and_says_by_how_much() -> None:
    assert render_text("Plan", "x" * 200_007).endswith("… and 7 more characters</pre></div>")


# --- looks ------------------------------------------------------------------------------------------------------------


def test_each_theme_has_its_own_colours_and_the_same_words() -> None:
    light, dark = (render_page(story(), CALLS, View(is_dark=is_dark)) for is_dark in (False, True))
    assert "lifeline cwdb-no-default-styles" in light
    assert dark.replace("cwdb-no-default-styles dark", "cwdb-no-default-styles") == light
    for theme, scheme in ((".lifeline", "light"), (".lifeline.dark", "dark")):
        assert f"{theme} {{\n  color-scheme: {scheme};" in style_sheet()


def test_a_rule_of_the_page_never_touches_another_widget() -> None:
    sheet = parse(render_page(story(), CALLS)).all("style")[0].text
    rules = re.sub(r"/\*.*?\*/|@container \([^)]*\) {", "", sheet, flags=re.DOTALL)
    selectors = [one for rule in rules.split("}") if "{" in rule for one in rule.split("{")[0].split(",")]
    assert len(selectors) > 50
    assert all(one.split()[0].startswith(".lifeline") for one in selectors)


def test_the_style_sheet_ships_with_the_function_and_cannot_end_its_element() -> None:
    code_uri = ROOT / read_template()["Globals"]["Function"]["CodeUri"]
    assert Path(coverage_page.__file__).with_name("style.css").is_relative_to(code_uri)
    assert "<" not in style_sheet()


def test_a_table_that_may_be_wider_than_the_widget_can_be_reached_and_scrolled() -> None:
    def frames(width: int) -> int:
        page = parse(render_page(replace(story(), vpcs=(the_silenced(),)), CALLS, View(width=width)))
        return sum("tabindex" in one.attributes for one in page.all("div", "scroll"))

    assert (frames(1400), frames(400), frames(0)) == (0, 1, 1)


def test_a_vpc_is_marked_by_the_worst_that_is_the_matter() -> None:
    page = show(the_silenced(), the_blocked(), the_pending())
    assert [one.attributes["class"] for one in page.all("details", "vpc")] == ["vpc bad", "vpc bad", "vpc wait"]
