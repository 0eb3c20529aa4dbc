"""The events that others automate on: which there are, what is in them, and that the same fact has the same id."""

import json
from dataclasses import replace
from datetime import timedelta

import fastjsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.history.change import Change
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident
from lifeline.core.incidents.lifecycle import News, NewsKind
from lifeline.core.network.model import Tier
from lifeline.core.notices.bus_event import BusEvent, DetailType
from lifeline.core.notices.bus_events import answer_events, change_event, incident_event
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.plan.answer import Refusal, VpcAnswer
from tests.support.agents import minute, recovered_agent, silent_agent
from tests.support.repository import ROOT

VPC = "vpc-0123456789abcdef0"
NOW = minute(10)
CHANGE = {"event_id": "e-1", "event_name": "DeleteRoute", "actor": "deploy-role", "time": "2026-03-02T09:04:00Z"}
MAKE = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "it is missing", service="monitoring", subnet_ids=("subnet-a",))
GROUP = Action(ActionKind.CREATE_SECURITY_GROUP, "endpoints need it")
CAUSE = Cause(
    CauseKind.CUT_OFF,
    Confidence.HIGH,
    "words",
    vpc_id=VPC,
    change=Change(minute(4), "e-1", "DeleteRoute", "deploy-role"),
)
INCIDENT = Incident("inc-1", "agents", CAUSE, minute(1), minute(7))
SCHEMA = json.loads((ROOT / "docs/schemas/event.schema.json").read_text("utf-8"))
is_valid = fastjsonschema.compile(SCHEMA)


def answer(*actions: Action, refusal: Refusal | None = None) -> VpcAnswer:
    return VpcAnswer(VPC, (("subnet-a", Tier.ISOLATED),), actions, refusal=refusal)


def events_of(notified: VpcAnswer, later: float = 0) -> list[BusEvent]:
    return list(answer_events(notified, mode="enforce", now=NOW + timedelta(minutes=later)))


def news(kind: NewsKind, **more: object) -> News:
    made = News(kind, INCIDENT, silent=(silent_agent("i-1"), silent_agent("i-2")), back=())
    return replace(made, **more)  # type: ignore[arg-type]


def of_incident(notified: News, later: float = 0) -> BusEvent:
    event = incident_event(notified, "CWAgent", NOW + timedelta(minutes=later))
    assert event is not None
    return event


@pytest.mark.parametrize(
    ("notified", "types"),
    [
        (answer(), []),
        (answer(replace(MAKE, status=Status.DONE)), [DetailType.ACTION]),
        (answer(replace(MAKE, status=Status.FAILED, error="no")), [DetailType.ACTION]),
        (answer(MAKE), [DetailType.PLAN]),
        (answer(MAKE.blocked("no")), [DetailType.PLAN, DetailType.REFUSAL]),
        (
            answer(replace(GROUP, status=Status.DONE), MAKE, MAKE.held("vpcs_per_day", "too many")),
            [DetailType.PLAN, DetailType.ACTION, DetailType.REFUSAL],
        ),
        (answer(refusal=Refusal("vpc_ids[0]", "no such VPC")), [DetailType.REFUSAL]),
    ],
)
def test_an_answer_is_its_plan_its_actions_and_its_refusals(notified: VpcAnswer, types: list[DetailType]) -> None:
    events = events_of(notified)
    assert [one.type for one in events] == types
    for one in events:
        is_valid({"stack": "lifeline", **one.detail})
        assert one.detail["vpc_id"] == VPC


def test_a_plan_that_stands_and_a_refusal_have_the_same_ids_at_every_look() -> None:
    notified = answer(MAKE, MAKE.blocked("no"))
    assert [one.detail["id"] for one in events_of(notified)] == [
        one.detail["id"] for one in events_of(notified, later=60)
    ]
    other = answer(MAKE, MAKE.blocked("another reason"))
    assert not {one.detail["id"] for one in events_of(notified)} & {one.detail["id"] for one in events_of(other)}


def test_how_far_a_limit_is_used_makes_no_new_refusal() -> None:
    first, later = (answer(MAKE.held("vpcs_per_day", f"{used} of 5")) for used in (5, 6))
    assert [one.detail["id"] for one in events_of(first)] == [one.detail["id"] for one in events_of(later)]


def test_the_same_thing_done_twice_is_two_actions() -> None:
    notified = answer(replace(MAKE, status=Status.DONE, endpoint_id="vpce-1"))
    ids = {one.detail["id"] for later in (0, 60) for one in events_of(notified, later)}
    assert len(ids) == 2


def test_a_change_has_one_id_whenever_it_is_seen_and_in_each_vpc_one_of_its_own() -> None:
    once, again, elsewhere = (
        change_event(vpc_id, CHANGE, NOW + timedelta(minutes=later))
        for vpc_id, later in ((VPC, 0), (VPC, 30), ("vpc-2", 0))
    )
    assert once.detail == again.detail
    assert once.detail["id"] != elsewhere.detail["id"]
    assert {name: once.detail[name] for name in CHANGE} == CHANGE


def test_a_change_that_names_no_vpc_is_told_without_one() -> None:
    event = change_event("", CHANGE, NOW)
    is_valid({"stack": "lifeline", **event.detail})
    assert event.detail["vpc_id"] == ""


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        (NewsKind.OPENED, DetailType.INCIDENT_OPENED),
        (NewsKind.UPDATED, DetailType.INCIDENT_UPDATED),
        (NewsKind.RESOLVED, DetailType.INCIDENT_RESOLVED),
    ],
)
def test_an_incident_is_told_when_it_opens_changes_and_is_over(kind: NewsKind, type_: DetailType) -> None:
    event = of_incident(news(kind))
    assert event.type is type_
    is_valid({"stack": "lifeline", **event.detail})
    assert event.detail["change"] == {"event_id": "e-1", "event_name": "DeleteRoute", "actor": "deploy-role"}


def test_a_reminder_is_no_event() -> None:
    assert incident_event(news(NewsKind.REMINDER), "CWAgent", NOW) is None


def test_an_incident_opens_once_and_each_of_its_updates_is_one() -> None:
    assert of_incident(news(NewsKind.OPENED)).detail["id"] == of_incident(news(NewsKind.OPENED), 5).detail["id"]
    first, second = (
        of_incident(news(NewsKind.UPDATED, incident=replace(INCIDENT, notified_at=minute(at)))) for at in (7, 20)
    )
    assert first.detail["id"] != second.detail["id"]


def test_once_it_is_over_its_agents_are_those_that_are_back() -> None:
    over = news(NewsKind.RESOLVED, silent=(), back=(recovered_agent("i-9", back_at=minute(9)),))
    assert of_incident(over).detail["agents"] == ["i-9"]
    assert of_incident(news(NewsKind.OPENED)).detail["agents"] == ["i-1", "i-2"]


def test_of_many_agents_twenty_are_named_and_all_are_counted() -> None:
    many = tuple(silent_agent(f"i-{number}") for number in range(50))
    detail = of_incident(news(NewsKind.OPENED, silent=many)).detail
    assert (len(detail["agents"]), detail["silent"]) == (20, 50)


def test_an_incident_of_several_vpcs_names_none_and_one_without_a_change_says_so() -> None:
    zone = replace(CAUSE, kind=CauseKind.ZONE, change=None)
    detail = of_incident(news(NewsKind.OPENED, incident=replace(INCIDENT, cause=zone))).detail
    assert (detail["vpc_id"], detail["change"]) == ("", None)


@given(st.text(max_size=50), st.text(max_size=50))
def test_whatever_a_tag_or_an_actor_says_an_event_is_plain(name: str, actor: str) -> None:
    notified = [
        change_event(VPC, CHANGE | {"actor": actor}, NOW),
        of_incident(news(NewsKind.OPENED, silent=(silent_agent(name or "i-1"),))),
    ]
    for event in notified:
        text = json.dumps(event.detail, ensure_ascii=False)
        assert all(" " <= letter <= "~" for letter in text)
