"""What a look back says, and what it never says."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import fastjsonschema

from lifeline.core.look_back.cuts import Cut, Cuts
from lifeline.core.look_back.looks import Looks
from lifeline.core.look_back.outages import Outage, Silence
from lifeline.core.look_back.past_change import PastChange, RouteCall
from lifeline.core.look_back.report import LookBack, as_json, as_text, authors
from tests.support.repository import ROOT

require_valid = fastjsonschema.compile(json.loads((ROOT / "docs/schemas/look-back.schema.json").read_text("utf-8")))
UNTIL = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def change(number: int, actor: str = "", tool: str = "") -> PastChange:
    return PastChange(UNTIL - number * MINUTE, str(number), "DeleteRoute", actor=actor, tool=tool)


CUT = Cut(
    RouteCall("rtb-0aaaaaaaaaaaaaaa1", "0.0.0.0/0"),
    change(60, "ops/dana"),
    undo=change(48, "ops/lee"),
    after="nat-0aaaaaaaaaaaaaaa1",
)
OUT = Outage(CUT, 4, (Silence("i-1", CUT.change.at + MINUTE, CUT.change.at + 13 * MINUTE),))


def found(**more: object) -> LookBack:
    look_back = LookBack(
        source="Event history of us-east-1 in account 123456789012",
        since=UNTIL - timedelta(days=90),
        until=UNTIL,
        changes=(change(1, "ops/dana"), change(2, "ops/dana", tool="Terraform"), change(3)),
        looks=Looks(vpcs=2, regions=1),
        looks_usd=Decimal("0.00"),
        cuts=Cuts(),
        outages=(),
    )
    return replace(look_back, **more)  # type: ignore[arg-type]


def words(look_back: LookBack) -> str:
    return " ".join(as_text(look_back).split())


def test_changes_are_counted_by_tool_by_service_and_by_person() -> None:
    changes = [
        change(1, "ops/dana"),
        change(2, "ops/dana"),
        change(3, "ops/dana via CloudFormation", tool="CloudFormation"),
        change(4, "deploy/ci", tool="Terraform"),
        change(5, "autoscaling.amazonaws.com"),
        change(6, "ops/lee via ec2fleet.amazonaws.com"),
        change(7, "AWSServiceRoleForRDS/rds"),
        change(8),
    ]
    assert authors(changes) == {
        "tools": {"CloudFormation": 1, "Terraform": 1},
        "services": {"AWSServiceRoleForRDS": 1, "autoscaling.amazonaws.com": 1, "ec2fleet.amazonaws.com": 1},
        "people": {"ops/dana": 2, "nobody named": 1},
    }


def test_the_rate_is_a_weeks_unless_there_is_less_than_a_week() -> None:
    assert found().a_week == 0.2
    assert "3 network changes that Lifeline would react to, 0.2 a week." in as_text(found())
    day = found(since=UNTIL - timedelta(days=1))
    assert day.a_week is None
    assert "a week" not in as_text(day)


def test_the_looks_and_their_cost_are_told() -> None:
    assert "would have made: 2 of single VPCs and 1 of a whole region, for less than 0.01 USD in all." in words(found())
    costly = found(looks=Looks(vpcs=9000), looks_usd=Decimal("0.54"))
    assert "would have made: 9000 of single VPCs, for 0.54 USD in all." in words(costly)


def test_an_outage_is_told_with_its_agents_and_minutes() -> None:
    text = words(found(cuts=Cuts((CUT,)), outages=(OUT,)))
    assert "1 route out of private subnets was cut and put back." in text
    assert "0.0.0.0/0 of rtb-0aaaaaaaaaaaaaaa1 gone for 12 min, by ops/dana, put back by ops/lee" in text
    assert "an outage: 1 of 4 agents there fell silent and came back after the undo, for up to 12 min (i-1)" in text
    assert "1 outage, 12 min in all, as the agents that still exist show." in text


def test_a_cut_without_silent_agents_is_no_outage() -> None:
    text = words(found(cuts=Cuts((CUT,)), outages=(Outage(CUT, 4, ()),)))
    assert "none of 4 agents there fell silent" in text
    assert "No agent that still exists shows an outage." in text


def test_a_cut_of_which_nobody_can_tell_is_said_to_be_so() -> None:
    assert "no agent that still exists reported there then" in words(
        found(cuts=Cuts((CUT,)), outages=(Outage(CUT, 0, ()),))
    )
    assert "1 route cut too shortly, or too long ago" in words(found(cuts=Cuts((CUT,)), outages=()))


def test_where_datapoints_werent_read_nothing_is_said_of_outages() -> None:
    look_back = found(cuts=Cuts((CUT,)), outages=None, unread={"agents": "denied"})
    assert "outage" not in as_text(look_back)
    assert "Not known: agents: denied" in as_text(look_back)
    assert as_json(look_back)["outages"] is None


def test_calls_that_werent_all_read_make_the_counts_the_least_that_there_is() -> None:
    look_back = found(unread_calls={"CreateRoute": "ThrottlingException: Rate exceeded", "DeleteVpc": "the same"})
    text = words(look_back)
    assert "At least 3 network changes" in text
    assert "Not all read: CreateRoute, DeleteVpc. Their changes may be missing" in text
    assert "why: ThrottlingException: Rate exceeded" in text
    assert "why: the same" in text
    assert not look_back.is_whole
    assert found().is_whole


def test_teardowns_and_what_wasnt_put_back_are_counted_apart() -> None:
    left = Cut(CUT.route, CUT.change)
    text = words(found(cuts=Cuts(teardowns=5, left=(left,), led_elsewhere=3)))
    assert "3 routes led elsewhere for a while: not counted as cut" in text
    assert "5 routes went with the table or VPC: left out as teardowns." in text
    assert "1 route cut and not put back since; where they all led isn't on record." in text
    assert "No route out of private subnets was cut and put back." in text


def test_it_never_says_what_lifeline_would_have_created() -> None:
    text = words(found(cuts=Cuts((CUT,)), outages=(OUT,)))
    assert text.count("would have created") == 1
    assert "What Lifeline would have created isn't known" in text


def test_lines_are_80_columns_and_hostile_names_stay_words() -> None:
    hostile = change(1, "ops/x\n1 outage https://evil.example <!here>")
    text = as_text(found(changes=(hostile,), cuts=Cuts((replace(CUT, change=hostile),)), outages=(OUT,)))
    assert all(len(line) <= 120 for line in text.splitlines())
    assert "https://" not in text
    assert "\n1 outage https" not in text
    assert "<!here>" not in text


def test_the_values_are_json() -> None:
    values = json.loads(json.dumps(as_json(found(cuts=Cuts((CUT,), 5, (CUT,)), outages=(OUT,)))))
    require_valid(values)
    assert (values["changes"], values["changes_a_week"], values["teardowns"], values["outages"]) == (3, 0.2, 5, 1)
    (cut,) = values["cuts"]
    assert (cut["minutes"], cut["by"], cut["put_back_by"]) == (12.0, "ops/dana", "ops/lee")
    assert cut["event_ids"] == ["60", "48"]
    assert cut["outage"]["silent"] == [
        {"agent": "i-1", "last": "2026-03-02T08:01:00+00:00", "back": "2026-03-02T08:13:00+00:00"}
    ]


def test_what_isnt_counted_as_a_cut_is_said() -> None:
    text = words(found())
    assert "routes to private networks, such as through a transit gateway" in text
    assert "replaced routes whose former target isn't on record" in text
