from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.agents.agent import Agent, Gap, State, Suppression
from lifeline.core.agents.watches import Watch
from lifeline.core.history.change import Change
from lifeline.core.incidents.grouping import PATIENCE, refresh_cause
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident, Phase, services_lacking
from lifeline.core.incidents.lifecycle import (
    MOST_NOTICES,
    IncidentUpdate,
    News,
    NewsKind,
    cap,
    notified,
    to_examine,
    update_incidents,
)
from lifeline.core.incidents.rating import MANY
from lifeline.core.severity import Severity
from tests.support.agents import agent, minute, silent_agent

WATCH = Watch()
HOUR = 60
DAY = 24 * HOUR


def change(event_id: str = "event-1", at: float = 0) -> Change:
    return Change(minute(at), event_id, "DeleteRoute", "alice")


def cut_off(vpc_id: str = "vpc-1", event: str | None = "event-1", **more: Any) -> Cause:
    """No way to monitoring since a change, or since a time nobody knows."""
    kind = more.pop("kind", CauseKind.CUT_OFF)
    found = change(event) if event else None
    fields = {"service": "monitoring", "vpc_id": vpc_id, "change": found, **more}
    return Cause(kind, fields.pop("confidence", Confidence.HIGH), fields.pop("words", "no way out"), **fields)


def cause(kind: CauseKind = CauseKind.AGENT, confidence: Confidence = Confidence.LOW, **more: Any) -> Cause:
    return Cause(kind, confidence, more.pop("words", "the agent itself"), **{"vpc_id": "vpc-1", **more})


def fixed(at: float = 9, **more: Any) -> Cause:
    return cut_off(fixed_at=minute(at), fix="the route came back", **more)


def silent(entity: str, since: float = 1, incident: str = "", **more: Any) -> Agent:
    return silent_agent(entity, since=minute(since), incident=incident, **more)


def back(entity: str, incident: str = "inc-1", at: float = 10, since: float = 1, **more: Any) -> Agent:
    gap = Gap(minute(since), minute(since + 6), minute(at))
    return agent(entity, gap=gap, incident=incident, openings=(minute(since + 6),), **more)


def aside(entity: str, incident: str = "inc-1", **more: Any) -> Agent:
    return silent(entity, incident=incident, state=State.SUPPRESSED, suppressed_by=Suppression.STOPPED, **more)


def flapping(entity: str, *, openings: int = 4, **more: Any) -> Agent:
    return silent(entity, is_flapping=True, openings=(minute(7),) * openings, **more)


def incident(of: Cause | None = None, **more: Any) -> Incident:
    """Opened at minute 7 with one agent; people know."""
    known = {"began": minute(1), "checked_at": minute(7), "notified_at": minute(7), "notified_agents": 1, "revision": 2}
    known |= {"severity": Severity.WARNING, "notified_severity": Severity.WARNING}
    return Incident("inc-1", WATCH.name, of or cut_off(), opened_at=minute(7), **{**known, **more})


def updated(
    *agents: Agent,
    at: float = 7,
    open_: Sequence[Incident] = (),
    causes: Mapping[str, Cause] | Cause | None = None,
    removed: Sequence[Agent] = (),
) -> IncidentUpdate:
    by_entity = {one.entity: one for one in agents}
    known = dict.fromkeys(by_entity, causes) if isinstance(causes, Cause) else (causes or {})
    return update_incidents(WATCH, open_, by_entity, removed, known, minute(at))


def kinds(outcome: IncidentUpdate) -> list[NewsKind]:
    return [news.kind for news in outcome.news]


def groups(outcome: IncidentUpdate) -> list[list[str]]:
    """The agents of each incident that they were given to, sorted."""
    found: dict[str, list[str]] = {}
    for one in outcome.agents.values():
        found.setdefault(one.incident, []).append(one.entity)
    return sorted(sorted(entities) for entities in found.values())


class TestOpening:
    def test_agents_that_one_change_silenced_are_one_incident(self) -> None:
        found = updated(silent("i-a"), silent("i-b", since=40), causes=cut_off(), at=50)
        assert groups(found) == [["i-a", "i-b"]]
        assert kinds(found) == [NewsKind.OPENED]
        assert found.news[0].joined == 2

    def test_an_incident_begins_with_the_first_datapoint_that_was_missed(self) -> None:
        found = updated(silent("i-a", since=3), silent("i-b", since=1), causes=cut_off())
        assert [(one.began, one.opened_at, one.revision) for one in found.incidents] == [(minute(1), minute(7), 0)]

    def test_an_incidents_id_tells_when_it_was_opened_and_is_the_same_for_the_same_run(self) -> None:
        ids = {updated(*agents, causes=cut_off()).incidents[0].id for agents in [[silent("i-a")]] * 2}
        assert len(ids) == 1
        assert ids.pop().startswith("inc-20260302-0907-")

    def test_an_incident_says_whether_any_of_its_silent_agents_ever_reported(self) -> None:
        tagged = silent("i-a", series=None, expected_since=minute(0))
        (opened,) = updated(tagged, causes=cut_off()).incidents
        assert not opened.has_reported
        assert services_lacking([opened]) == {}
        member = replace(tagged, incident="inc-1")
        (joined,) = updated(member, silent("i-b"), open_=[replace(opened, id="inc-1")], causes=cut_off()).incidents
        assert joined.has_reported
        assert services_lacking([joined]) == {"vpc-1": {"monitoring"}}
        (left,) = updated(member, back("i-b"), open_=[replace(joined, id="inc-1")], causes=cut_off()).incidents
        assert not left.has_reported

    def test_incidents_of_one_run_have_ids_of_their_own(self) -> None:
        found = updated(silent("i-a"), silent("i-b"), causes={"i-a": cut_off("vpc-1"), "i-b": cut_off("vpc-2")})
        assert len({one.id for one in found.incidents}) == 2

    @pytest.mark.parametrize(
        ("first", "second", "together"),
        [
            (cut_off(), cut_off(event="event-2"), False),
            (cut_off(), cut_off(event=None), True),
            (cut_off(event=None), cut_off(event=None), True),
            (cut_off(), cut_off("vpc-2"), False),
            (cut_off(), cut_off(service="ec2"), False),
            (cut_off(), cut_off(kind=CauseKind.ENDPOINT_PENDING), True),
            (cause(CauseKind.ROLE, subject="role/a"), cause(CauseKind.ROLE, subject="role/a", vpc_id="vpc-2"), True),
            (cause(CauseKind.ROLE, subject="role/a"), cause(CauseKind.ROLE, subject="role/b"), False),
            (cause(), cause(), True),
            (cause(), cause(CauseKind.MACHINE), False),
            (cause(CauseKind.ZONE, zone="az-1"), cause(CauseKind.ZONE, zone="az-1", vpc_id="vpc-2"), True),
        ],
    )
    def test_what_is_one_cause(self, first: Cause, second: Cause, together: bool) -> None:
        found = updated(silent("i-a"), silent("i-b"), causes={"i-a": first, "i-b": second})
        assert (groups(found) == [["i-a", "i-b"]]) is together

    @pytest.mark.parametrize(
        ("of", "together"),
        [
            (cut_off(), True),
            (cut_off(event=None), True),
            (cause(CauseKind.ROLE, subject="role/a"), True),
            (cause(CauseKind.ENDPOINT_POLICY, subject="vpce-1"), True),
            (cause(CauseKind.NO_PROFILE), False),
            (cause(CauseKind.MACHINE), False),
            (cause(CauseKind.ZONE, zone="az-1"), False),
            (cause(), False),
        ],
    )
    def test_where_nothing_but_the_time_connects_agents_six_minutes_part_them(self, of: Cause, together: bool) -> None:
        found = updated(silent("i-a", since=1), silent("i-b", since=7), causes=of, at=20)
        assert (groups(found) == [["i-a", "i-b"]]) is together

    def test_agents_that_fall_silent_one_after_the_other_are_one_incident(self) -> None:
        chain = [silent(f"i-{number}", since=1 + 5 * number) for number in range(4)]
        assert len(updated(*chain, causes=cause(), at=30).incidents) == 1

    def test_an_agent_whose_change_is_unknown_joins_the_nearest_beginning(self) -> None:
        causes = {"i-a": cut_off(event="event-1"), "i-b": cut_off(event="event-2"), "i-c": cut_off(event=None)}
        found = updated(silent("i-a", since=1), silent("i-b", since=60), silent("i-c", since=58), causes=causes, at=70)
        assert groups(found) == [["i-a"], ["i-b", "i-c"]]

    def test_the_same_change_counts_for_more_than_the_nearest_beginning(self) -> None:
        open_ = [incident(), replace(incident(cut_off(event=None)), id="inc-2", began=minute(60))]
        members = [silent("i-a", incident="inc-1"), silent("i-b", since=60, incident="inc-2"), silent("i-c", since=60)]
        found = updated(*members, open_=open_, causes={"i-c": cut_off()}, at=66)
        assert found.agents["i-c"].incident == "inc-1"

    def test_an_agent_whose_cause_is_not_known_waits(self) -> None:
        found = updated(silent("i-a"), at=8)
        assert found == IncidentUpdate({}, (), (), {}, ())

    def test_an_agent_that_waited_long_enough_is_told_without_a_cause(self) -> None:
        found = updated(silent("i-a"), at=10)
        assert found.incidents[0].cause.words == "the instance's network and role could not be examined"
        assert kinds(found) == [NewsKind.OPENED]

    def test_a_silence_that_ended_while_its_agent_waited_is_told_all_the_same(self) -> None:
        found = updated(back("i-a", incident="", at=8), at=8)
        assert kinds(found) == [NewsKind.RESOLVED]
        assert found.incidents[0].cause.words == "the agent was back before its cause could be examined"
        assert found.incidents[0].id == found.closed[0].id == found.agents["i-a"].incident

    def test_an_agent_whose_incident_is_not_open_gets_another(self) -> None:
        found = updated(silent("i-a", incident="inc-lost"), causes=cut_off())
        assert found.agents["i-a"].incident == found.incidents[0].id != "inc-lost"

    def test_agents_that_report_or_are_set_aside_are_left_alone(self) -> None:
        found = updated(agent("i-a"), aside("i-b", incident=""), causes=cut_off())
        assert found == IncidentUpdate({}, (), (), {}, ())


class TestJoining:
    def test_an_agent_that_the_same_change_silenced_later_joins(self) -> None:
        found = updated(silent("i-a", incident="inc-1"), silent("i-b", since=40), open_=[incident()], causes=cut_off())
        assert found.agents == {"i-b": silent("i-b", since=40, incident="inc-1")}

    def test_an_agent_that_fell_silent_earlier_moves_the_beginning(self) -> None:
        known = incident(began=minute(3))
        found = updated(silent("i-a", since=3, incident="inc-1"), silent("i-b"), open_=[known], causes=cut_off())
        assert found.incidents[0].began == minute(1)

    def test_an_incident_adopts_the_change_that_one_agent_knows(self) -> None:
        known = incident(cut_off(event=None))
        causes = {"i-b": cut_off(words="DeleteRoute by alice left no way out")}
        found = updated(silent("i-a", incident="inc-1"), silent("i-b"), open_=[known], causes=causes)
        assert found.incidents[0].cause == causes["i-b"]

    def test_an_agent_joins_an_incident_that_would_close(self) -> None:
        found = updated(back("i-a"), silent("i-b", since=12), open_=[incident()], causes=cut_off(), at=18)
        assert not found.closed
        assert found.agents["i-b"].incident == "inc-1"

    def test_a_later_silence_of_the_same_kind_is_another_incident(self) -> None:
        known = incident(cause())
        found = updated(silent("i-a", incident="inc-1"), silent("i-b", since=7), open_=[known], causes=cause(), at=13)
        assert found.agents["i-b"].incident != "inc-1"

    def test_the_window_moves_with_the_last_that_joined(self) -> None:
        members = [silent("i-a", incident="inc-1"), silent("i-b", since=5, incident="inc-1"), silent("i-c", since=9)]
        found = updated(*members, open_=[incident(cause())], causes=cause(), at=15)
        assert found.agents["i-c"].incident == "inc-1"


class TestFlapping:
    def test_an_agent_that_turns_flapping_leaves_its_incident(self) -> None:
        members = [flapping("i-a", incident="inc-1"), silent("i-b", incident="inc-1")]
        found = updated(*members, open_=[incident(notified_agents=2)], at=8)
        moved = found.agents["i-a"]
        [other] = [one for one in found.incidents if one.id == moved.incident]
        assert (other.cause.kind, other.cause.words) == (CauseKind.FLAPPING, "more than 3 gaps within an hour")
        assert kinds(found) == [NewsKind.OPENED]

    def test_it_keeps_the_place_of_its_last_incident_only_where_that_has_one(self) -> None:
        for of, vpc_id in ((cut_off(), "vpc-1"), (cause(CauseKind.ROLE, subject="role/a"), "")):
            found = updated(flapping("i-a", incident="inc-1"), open_=[incident(of)], at=8)
            assert found.news[0].incident.cause.vpc_id == vpc_id

    def test_people_know_no_more_agents_than_stayed(self) -> None:
        members = [flapping("i-a", incident="inc-1"), silent("i-b", incident="inc-1"), silent("i-c")]
        found = updated(*members, open_=[incident(notified_agents=2)], causes={"i-c": cut_off()}, at=20)
        assert [(news.kind, news.joined) for news in found.news if news.incident.id == "inc-1"] == [
            (NewsKind.UPDATED, 1)
        ]

    def test_an_incident_whose_only_agent_turns_flapping_is_over(self) -> None:
        found = updated(flapping("i-a", incident="inc-1"), open_=[incident()], at=8)
        assert kinds(found) == [NewsKind.OPENED, NewsKind.RESOLVED]

    def test_a_new_flapping_agent_needs_no_cause(self) -> None:
        assert kinds(updated(flapping("i-a"), at=7)) == [NewsKind.OPENED]

    def test_ups_and_downs_are_not_told(self) -> None:
        known = incident(cause(CauseKind.FLAPPING))
        for state in (flapping("i-a", incident="inc-1"), back("i-a", is_flapping=True)):
            found = updated(state, open_=[known], at=40)
            assert (found.news, found.closed) == ((), ())

    def test_another_flapping_agent_is_told(self) -> None:
        known = incident(cause(CauseKind.FLAPPING))
        members = [flapping("i-a", incident="inc-1"), flapping("i-b", since=20)]
        members[0] = replace(members[0], gap=Gap(minute(19), minute(25)))
        found = updated(*members, open_=[known], causes={"i-b": cause()}, at=26)
        assert found.agents["i-b"].incident == "inc-1"
        assert kinds(found) == [NewsKind.UPDATED]

    def test_it_closes_when_the_last_one_stopped_flapping(self) -> None:
        known = incident(cause(CauseKind.FLAPPING), notified_agents=2)
        members = [back("i-a", is_flapping=True), back("i-b")]
        assert not updated(*members, open_=[known], at=40).closed
        found = updated(back("i-a"), back("i-b"), open_=[known], at=40)
        assert kinds(found) == [NewsKind.RESOLVED]

    def test_an_agent_that_is_set_aside_does_not_keep_it_open(self) -> None:
        known = incident(cause(CauseKind.FLAPPING))
        assert updated(aside("i-a", is_flapping=True), open_=[known], at=40).closed

    def test_an_agent_that_stopped_flapping_falls_silent_for_a_cause_of_its_own(self) -> None:
        known = incident(cause(CauseKind.FLAPPING), notified_agents=2)
        members = [flapping("i-a", incident="inc-1"), silent("i-b", since=90, incident="inc-1")]
        assert to_examine([known], {one.entity: one for one in members}, minute(96)) == {"i-b"}
        found = updated(*members, open_=[known], causes={"i-b": cut_off()}, at=96)
        assert found.agents["i-b"].incident != "inc-1"

    def test_nobody_looks_for_the_cause_of_flapping(self) -> None:
        known = incident(cause(CauseKind.FLAPPING))
        assert not to_examine([known], {"i-a": flapping("i-a", incident="inc-1")}, minute(90))
        assert not to_examine([incident()], {"i-a": flapping("i-a", incident="inc-1")}, minute(8))


class TestLooking:
    def test_every_silent_agent_without_an_open_incident_is_examined(self) -> None:
        agents = [silent("i-a"), silent("i-b", incident="inc-lost"), silent("i-c", incident="inc-1"), agent("i-d")]
        assert to_examine([incident()], {one.entity: one for one in agents}, minute(8)) == {"i-a", "i-b"}

    @pytest.mark.parametrize(
        ("known", "at", "looked"),
        [
            (incident(), 11, False),
            (incident(), 12, True),
            (incident(checked_at=None), 8, True),
            (incident(checked_at=minute(67)), 67, True),
            (incident(checked_at=minute(67), reminders=1), 68, False),
        ],
    )
    def test_an_incident_is_looked_at_when_it_is_due(self, known: Incident, at: float, looked: bool) -> None:
        found = to_examine([known], {"i-a": silent("i-a", incident="inc-1")}, minute(at))
        assert found == ({"i-a"} if looked else frozenset())

    def test_the_first_five_silent_ones_stand_for_all(self) -> None:
        members = [silent(f"i-{number}", incident="inc-1") for number in range(7)] + [back("i-00")]
        assert sorted(to_examine([incident()], {one.entity: one for one in members}, minute(30))) == [
            f"i-{number}" for number in range(5)
        ]

    def test_three_stand_for_an_incident_that_is_about_to_close(self) -> None:
        members = [back(f"i-{number}") for number in range(7)]
        assert sorted(to_examine([incident()], {one.entity: one for one in members}, minute(8))) == [
            "i-0",
            "i-1",
            "i-2",
        ]

    def test_a_look_is_remembered(self) -> None:
        found = updated(silent("i-a", incident="inc-1"), open_=[incident()], causes=cut_off(), at=12)
        assert found.incidents[0].checked_at == minute(12)

    def test_what_is_wrong_around_agents_that_are_back_is_not_what_kept_them_silent(self) -> None:
        denied = cause(CauseKind.ROLE, Confidence.HIGH)
        known = incident(cause())
        [news] = updated(back("i-a"), open_=[known], causes=denied, at=12).news
        assert (news.kind, news.incident.cause) == (NewsKind.RESOLVED, known.cause)
        [news] = updated(back("i-a"), open_=[known], causes=fixed(), at=12).news
        assert news.incident.cause == fixed()

    def test_a_look_at_one_that_joined_is_none_at_the_others(self) -> None:
        members = [silent("i-a", incident="inc-1"), silent("i-b")]
        found = updated(*members, open_=[incident()], causes={"i-b": cut_off()}, at=12)
        assert found.incidents == ()

    def test_a_quiet_run_changes_nothing(self) -> None:
        found = updated(silent("i-a", incident="inc-1"), open_=[incident()], at=9)
        assert found == IncidentUpdate({}, (), (), {}, ())


class TestCauses:
    @pytest.mark.parametrize(
        ("old", "seen", "new"),
        [
            (cut_off(), cut_off(words="other words"), cut_off()),
            (cut_off(confidence=Confidence.MEDIUM), cut_off(words="surer"), cut_off(words="surer")),
            (cut_off(event=None), cut_off(words="it was alice"), cut_off(words="it was alice")),
            (
                cut_off(event="event-1"),
                cut_off(event="event-2", kind=CauseKind.ENDPOINT_PENDING),
                cut_off(event="event-1", kind=CauseKind.ENDPOINT_PENDING),
            ),
            (cut_off(), cause(), cut_off()),
            (cut_off(confidence=Confidence.MEDIUM), cause(CauseKind.MACHINE, Confidence.HIGH), None),
            (cause(), cut_off(), cut_off()),
            (cause(), cause(CauseKind.MACHINE, Confidence.HIGH), cause(CauseKind.MACHINE, Confidence.HIGH)),
            (cause(CauseKind.MACHINE, Confidence.HIGH), cause(), None),
            (cut_off(), fixed(), fixed()),
            (fixed(9), fixed(12), fixed(9)),
            (fixed(), cut_off(), cut_off()),
            (fixed(), cut_off(confidence=Confidence.MEDIUM), None),
            (fixed(), cause(), None),
            (cause(CauseKind.FLAPPING), cut_off(), None),
        ],
    )
    def test_what_a_look_makes_of_a_cause(self, old: Cause, seen: Cause, new: Cause | None) -> None:
        assert refresh_cause(old, [seen]) == (new or old)

    def test_a_path_that_is_known_by_now_is_told_as_it_is(self) -> None:
        unknown = cause(CauseKind.PATH_UNKNOWN, vpc_id="vpc-1", service="monitoring")
        for found in (cut_off(), cause(vpc_id="vpc-1"), cause(CauseKind.ROLE, Confidence.HIGH, subject="role/a")):
            assert refresh_cause(unknown, [found]) == found
            assert refresh_cause(found, [unknown]) == found
        assert refresh_cause(unknown, [unknown, cause(vpc_id="vpc-1")]) == unknown

    def test_a_cause_is_gone_once_it_is_for_all(self) -> None:
        assert refresh_cause(cut_off(), [fixed(9), fixed(11)]).fixed_at == minute(11)
        assert refresh_cause(cut_off(), [fixed(9), cut_off()]).fixed_at is None
        assert refresh_cause(fixed(), [fixed(), cut_off(confidence=Confidence.MEDIUM)]) == fixed()

    def test_one_agents_own_trouble_is_not_the_cause_of_all(self) -> None:
        seen = [cause(), cause(CauseKind.MACHINE, Confidence.HIGH)]
        assert refresh_cause(cause(vpc_id="vpc-9"), seen) == cause(vpc_id="vpc-9")

    @given(old=st.data())
    def test_the_same_look_twice_tells_no_more_than_once(self, old: st.DataObject) -> None:
        known, seen = old.draw(causes()), old.draw(st.lists(causes(), max_size=4))
        once = refresh_cause(known, seen)
        assert refresh_cause(once, seen) == once


class TestPhases:
    @pytest.mark.parametrize(
        ("of", "at", "phase"),
        [
            (cut_off(), 8, Phase.BROKEN),
            (fixed(9), 10, Phase.RECOVERING),
            (fixed(9), 23.9, Phase.RECOVERING),
            (fixed(9), 24, Phase.BROKEN),
            (cut_off(kind=CauseKind.ENDPOINT_PENDING), 21.9, Phase.RECOVERING),
            (cut_off(kind=CauseKind.ENDPOINT_PENDING), 22, Phase.BROKEN),
        ],
    )
    def test_how_an_incident_stands(self, of: Cause, at: float, phase: Phase) -> None:
        known = incident(of, checked_at=minute(at))
        found = updated(silent("i-a", incident="inc-1"), open_=[known], at=at)
        assert (*found.incidents, known)[0].phase is phase

    def test_who_is_not_back_in_time_is_told_even_soon_after_the_last_notice(self) -> None:
        known = incident(fixed(9), phase=Phase.RECOVERING, notified_at=minute(23))
        found = updated(silent("i-a", incident="inc-1"), back("i-b"), open_=[known], at=24)
        assert [(news.kind, len(news.silent), len(news.back)) for news in found.news] == [(NewsKind.UPDATED, 1, 1)]

    def test_it_is_told_by_the_next_run_where_this_one_failed(self) -> None:
        known = incident(fixed(9), phase=Phase.RECOVERING, notified_agents=2)
        members = [silent("i-a", incident="inc-1"), back("i-b")]
        [written] = updated(*members, open_=[known], at=24).incidents
        [news] = updated(*members, open_=[written], at=25).news
        assert news.kind is NewsKind.UPDATED
        assert not updated(*members, open_=[notified(written, news, minute(25))], at=26).news


class TestTelling:
    def test_one_that_joins_after_another_left_is_told(self) -> None:
        known = incident(notified_agents=2)  # i-b fell silent anew, and is in another incident by now
        [known] = updated(silent("i-a", incident="inc-1"), open_=[known], at=10).incidents
        members = [silent("i-a", incident="inc-1"), silent("i-c", incident="inc-1")]
        assert [(news.kind, news.joined) for news in updated(*members, open_=[known], at=20).news] == [
            (NewsKind.UPDATED, 1)
        ]

    def test_one_that_was_back_and_falls_silent_again_is_told(self) -> None:
        """Whoever keeps one agent silent must not have the others' next silence pass for the one that people know."""
        known = incident(notified_agents=2, reminders=2)
        members = (silent("i-a", incident="inc-1"), silent("i-b", since=300))
        found = updated(*members, open_=[known], causes=cut_off(event=None), at=306)
        assert [(news.kind, news.joined) for news in found.news] == [(NewsKind.UPDATED, 1)]
        (told,) = (notified(news.incident, news, minute(306)) for news in found.news)
        stayed = [replace(one, incident="inc-1") for one in members]
        assert updated(*stayed, open_=[replace(told, checked_at=minute(306))], at=307).news == ()

    def test_a_better_cause_than_people_know_is_told_at_once(self) -> None:
        members, known = [silent("i-a", incident="inc-1")], incident(cause(), notified_cause=cause().key)
        found = updated(*members, open_=[known], causes=cut_off(), at=12)
        assert kinds(found) == [NewsKind.UPDATED]
        known = notified(found.incidents[0], found.news[0], minute(12))
        assert not updated(*members, open_=[known], at=13).news

    def test_an_outage_that_becomes_another_of_its_kind_is_not_told_anew(self) -> None:
        pending = cut_off(kind=CauseKind.ENDPOINT_PENDING)
        known = incident(notified_cause=cut_off().key)
        assert not updated(silent("i-a", incident="inc-1"), open_=[known], causes=pending, at=12).news

    def test_an_incident_that_grows_critical_is_told_at_once(self) -> None:
        members = [silent(f"i-{number}", incident="inc-1") for number in range(MANY)]
        assert not updated(*members[1:], open_=[incident()], at=8).news
        [news] = updated(*members, open_=[incident()], at=8).news
        assert (news.kind, news.severity, news.is_worse) == (NewsKind.UPDATED, Severity.CRITICAL, True)
        assert not updated(*members, open_=[notified(incident(), news, minute(8))], at=9).news

    def test_one_that_was_told_is_not_told_again(self) -> None:
        found = updated(silent("i-a"), causes=cut_off())
        [news] = found.news
        known = notified(found.incidents[0], news, minute(7))
        assert (known.notified_at, known.notified_agents) == (minute(7), 1)
        assert not updated(*found.agents.values(), open_=[known], at=8).news

    def test_one_whose_notice_failed_is_told_by_the_next_run(self) -> None:
        found = updated(silent("i-a"), causes=cut_off())
        assert kinds(updated(*found.agents.values(), open_=found.incidents, at=8)) == [NewsKind.OPENED]

    def test_agents_that_joined_are_told_ten_minutes_after_the_last_notice(self) -> None:
        members = [silent(f"i-{number}", incident="inc-1") for number in range(3)]
        assert not updated(*members, open_=[incident()], at=16.9).news
        found = updated(*members, open_=[incident()], at=17)
        assert [(news.kind, news.joined) for news in found.news] == [(NewsKind.UPDATED, 2)]

    def test_reminders_come_after_an_hour_four_hours_and_each_day(self) -> None:
        known, agents = incident(), [silent("i-a", incident="inc-1")]
        notified_at = []
        for at in range(7, 7 + 3 * DAY + 1, 10):
            for news in updated(*agents, open_=[known], at=at).news:
                assert news.kind is NewsKind.REMINDER
                known = notified(known, news, minute(at))
                notified_at.append(at - 7)
        assert notified_at == [HOUR, 4 * HOUR, DAY, 2 * DAY, 3 * DAY]

    def test_after_a_long_sleep_there_is_one_reminder_and_the_schedule_goes_on(self) -> None:
        members = [silent("i-a", incident="inc-1")]
        [news] = updated(*members, open_=[incident()], at=7 + 30 * HOUR).news
        known = notified(incident(), news, minute(7 + 30 * HOUR))
        assert not updated(*members, open_=[known], at=7 + 2 * DAY - 1).news
        assert kinds(updated(*members, open_=[known], at=7 + 2 * DAY)) == [NewsKind.REMINDER]

    def test_members_are_told_by_what_became_of_them(self) -> None:
        members = [silent("i-b", incident="inc-1"), silent("i-a", incident="inc-1"), back("i-c"), aside("i-d")]
        [news] = updated(*members, open_=[incident()], at=30).news
        assert [one.entity for one in news.silent] == ["i-a", "i-b"]
        assert [one.entity for one in (*news.back, *news.set_aside)] == ["i-c", "i-d"]

    def test_the_gravest_comes_first(self) -> None:
        silenced = {
            "i-a": cut_off("vpc-1"),
            "i-b": cut_off("vpc-2"),
            "i-c": cut_off("vpc-2"),
        }
        over = incident(cut_off("vpc-9"))
        found = updated(back("i-z"), *map(silent, silenced), open_=[over], causes=silenced)
        assert [(news.kind, len(news.silent)) for news in found.news] == [
            (NewsKind.OPENED, 2),
            (NewsKind.OPENED, 1),
            (NewsKind.RESOLVED, 0),
        ]

    def test_a_run_tells_ten_one_by_one_and_the_rest_together(self) -> None:
        silenced = {f"i-{number:02}": cut_off(f"vpc-{number}") for number in range(13)}
        found = updated(*map(silent, silenced), causes=silenced)
        shown, rest = cap(found.news)
        assert (len(shown), len(rest)) == (MOST_NOTICES, 3)
        assert (*shown, *rest) == found.news


class TestClosing:
    def test_it_is_resolved_when_nobody_is_silent_any_more(self) -> None:
        members = [back("i-a"), aside("i-b")]
        found = updated(*members, open_=[incident(notified_agents=2)], at=11)
        assert kinds(found) == [NewsKind.RESOLVED]
        assert [one.id for one in found.closed] == ["inc-1"]
        assert found.agents == {}
        assert [(one.gap, one.incident) for one in found.freed["inc-1"]] == [(None, "")] * 2

    def test_it_stays_open_while_one_is_silent(self) -> None:
        found = updated(back("i-a"), silent("i-b", incident="inc-1"), open_=[incident(notified_agents=2)], at=11)
        assert (found.news, found.closed) == ((), ())

    def test_what_fixed_it_is_learnt_before_it_closes(self) -> None:
        found = updated(back("i-a"), open_=[incident()], causes=fixed(), at=11)
        assert found.news[0].incident.cause.fix == "the route came back"
        assert found.incidents == found.closed

    def test_that_some_of_one_cause_are_not_fixed_counts_at_once_as_it_does_by_the_next_run(self) -> None:
        members = [back("i-a"), back("i-b")]
        unknown = incident(cause(CauseKind.AGENT, Confidence.LOW))
        found = {"i-a": cut_off("vpc-1", None), "i-b": cut_off("vpc-1", None, fixed_at=minute(5))}
        first = updated(*members, open_=[unknown], causes=found, at=11)
        (known,) = first.incidents
        assert (known.cause.key, known.cause.fixed_at) == (cut_off("vpc-1", None).key, None)
        assert updated(*members, open_=[known], causes=found, at=11).incidents == ()

    def test_agents_that_left_the_roster_are_counted(self) -> None:
        found = updated(
            back("i-a"), open_=[incident(notified_agents=3)], removed=[silent("i-b", incident="inc-1")], at=11
        )
        assert found.news[0].incident.gone == found.closed[0].gone == 1
        assert [one.entity for one in found.freed["inc-1"]] == ["i-a"]

    def test_an_agent_that_left_the_roster_is_no_member_any_more(self) -> None:
        left = silent("i-a", incident="inc-1")
        assert updated(left, open_=[incident()], removed=[left], at=11).closed

    def test_a_scale_in_resolves_what_people_know_of(self) -> None:
        found = updated(open_=[incident()], removed=[silent("i-a", incident="inc-1")], at=11)
        assert [(news.kind, news.back) for news in found.news] == [(NewsKind.RESOLVED, ())]

    def test_one_that_nobody_knows_of_and_nobody_came_back_from_closes_without_a_word(self) -> None:
        left = [silent("i-b", incident="inc-1")]
        found = updated(aside("i-a"), open_=[incident(notified_at=None, notified_agents=0)], removed=left, at=11)
        assert (found.news, found.incidents) == ((), ())
        assert [one.id for one in found.closed] == ["inc-1"]

    def test_one_whose_opening_could_not_be_told_is_told_when_it_is_over(self) -> None:
        found = updated(back("i-a"), open_=[incident(notified_at=None, notified_agents=0)], at=11)
        assert kinds(found) == [NewsKind.RESOLVED]

    def test_a_resolution_whose_notice_failed_is_told_by_the_next_run(self) -> None:
        members = [back("i-a")]
        for at in (11, 12):
            assert kinds(updated(*members, open_=[incident()], at=at)) == [NewsKind.RESOLVED]


def causes() -> st.SearchStrategy[Cause]:
    """Of two VPCs, so that several fit one incident; some are fixed, some know the change."""
    network = [CauseKind.CUT_OFF, CauseKind.ENDPOINT_PENDING, CauseKind.ENDPOINT_CLOSED]
    own = [CauseKind.AGENT, CauseKind.MACHINE, CauseKind.ROLE, CauseKind.ZONE]
    events = st.sampled_from([None, "event-1", "event-2"])
    sure, vpcs = st.sampled_from(list(Confidence)), st.sampled_from(["vpc-1", "vpc-2"])
    words = st.sampled_from(["one", "other"])
    fixes = st.one_of(st.none(), st.integers(0, 600).map(minute))
    return st.one_of(
        st.builds(
            cut_off,
            vpcs,
            events,
            kind=st.sampled_from(network),
            confidence=sure,
            words=words,
            fixed_at=fixes,
        ),
        st.builds(cause, st.sampled_from(own), sure, vpc_id=vpcs, words=words),
    )


@dataclass
class Shell:
    """What the detector's shell does with a settlement: writes, tells, closes."""

    agents: dict[str, Agent] = field(default_factory=dict)
    open_: dict[str, Incident] = field(default_factory=dict)
    sent: list[News] = field(default_factory=list)

    def run(self, now: datetime, found: Mapping[str, Cause], removed: Sequence[Agent], *, is_publishing: bool) -> None:
        known = [*self.open_.values()]
        wanted = to_examine(known, self.agents, now)
        seen = {entity: one for entity, one in found.items() if entity in wanted}
        outcome = update_incidents(WATCH, known, self.agents, removed, seen, now)
        self._write(outcome)
        again = update_incidents(WATCH, [*self.open_.values()], self.agents, [], seen, now)
        assert (again.agents, again.incidents, again.news) == ({}, (), outcome.news)
        self._notify(outcome, now, is_publishing=is_publishing)
        after = update_incidents(WATCH, [*self.open_.values()], self.agents, [], seen, now)
        assert not is_publishing or not after.news
        assert (after.agents, after.incidents) == ({}, ())

    def _write(self, outcome: IncidentUpdate) -> None:
        self.agents |= outcome.agents
        self.open_ |= {one.id: one for one in outcome.incidents}

    def _notify(self, outcome: IncidentUpdate, now: datetime, *, is_publishing: bool) -> None:
        waiting = {news.incident.id for news in outcome.news}
        if is_publishing:
            self.sent += outcome.news
            for news in outcome.news:
                self.open_[news.incident.id] = notified(self.open_[news.incident.id], news, now)
        for one in outcome.closed:
            if is_publishing or one.id not in waiting:
                assert not any(member.incident == one.id for member in self.agents.values() if _is_silent(member))
                del self.open_[one.id]
                self.agents |= {member.entity: member for member in outcome.freed[one.id]}


def _is_silent(one: Agent) -> bool:
    return one.state is State.SILENT


def moved(one: Agent, to: State, now: datetime) -> Agent:
    """The agent as `core.gaps.judge` would leave it, but that two gaps in an hour are flapping: so it comes up here."""
    if one.is_flapping and now - one.openings[-1] > timedelta(hours=1) and one.state is State.REPORTING:
        one = replace(one, is_flapping=False)
    if to is one.state:
        return one
    match to:
        case State.SILENT:
            openings = (*(time for time in one.openings if now - time <= timedelta(hours=1)), now)
            is_flapping = one.is_flapping or len(openings) > 1
            gap = Gap(now - timedelta(minutes=6), now)
            return replace(one, state=to, gap=gap, openings=openings, is_flapping=is_flapping)
        case State.REPORTING:
            is_open = one.gap is not None and one.gap.ended_at is None
            ended = replace(one.gap, ended_at=now) if one.gap and is_open else one.gap
            return replace(one, state=to, gap=ended)
        case _:
            return replace(one, state=to, gap=one.gap if one.incident else None)


type Round = tuple[int, dict[str, State | None], dict[str, Cause], bool]

ENTITIES = [f"i-{letter}" for letter in "abcde"]
effect_states = st.sampled_from([State.SILENT, State.SILENT, State.REPORTING, State.SUPPRESSED, None])
rounds = st.tuples(
    st.one_of(st.integers(1, 5), st.integers(1, 70)),
    st.dictionaries(st.sampled_from(ENTITIES), effect_states, max_size=4),
    st.dictionaries(st.sampled_from(ENTITIES), causes()),
    st.booleans(),
)


@given(history=st.lists(rounds, max_size=20))
def test_whatever_happens_each_silence_is_in_one_open_incident_and_each_incident_is_told_to_its_end(
    history: list[Round],
) -> None:
    shell, now = Shell(), minute(0)
    ending: list[Round] = [
        (1, dict.fromkeys(ENTITIES, State.REPORTING), {}, True),
        (61, {}, {}, True),
        (61, {}, {}, True),
    ]
    for minutes, effect_state, found, is_publishing in [*history, *ending]:
        now += timedelta(minutes=minutes)
        removed = [
            shell.agents.pop(entity) for entity, to in effect_state.items() if to is None and entity in shell.agents
        ]
        for entity in shell.agents.keys() | {entity for entity, to in effect_state.items() if to}:
            one = shell.agents.get(entity, agent(entity))
            shell.agents[entity] = moved(one, effect_state.get(entity) or one.state, now)
        shell.run(now, found, [one for one in removed if one.incident], is_publishing=is_publishing)
        for one in shell.agents.values():
            is_waiting = one.gap is not None and now - one.gap.opened_at < PATIENCE
            assert not _is_silent(one) or one.incident in shell.open_ or is_waiting
            assert not one.incident or one.incident in shell.open_
    assert not shell.open_
    assert all(one.gap is None for one in shell.agents.values())
    ends = Counter(news.incident.id for news in shell.sent if news.kind is NewsKind.RESOLVED)
    assert {news.incident.id for news in shell.sent} == set(ends)
    assert set(ends.values()) <= {1}
    assert not any(news.silent for news in shell.sent if news.kind is NewsKind.RESOLVED)
