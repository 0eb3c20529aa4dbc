"""Who joins the roster and who leaves it, without CloudWatch and EC2."""

from dataclasses import replace
from datetime import timedelta

from lifeline.core.agents.agent import Agent, State
from lifeline.core.agents.instances import Instance, Power
from lifeline.core.agents.series import MOST_KNOWN, Series, marks_of
from lifeline.detector.discovery import Stretch, discover
from tests.support.agents import agent, expected_agent, minute, series, silent_agent

ID = "i-0000000a"
JOINS_AFTER = timedelta(minutes=5)
DISK = series(metric="disk_used_percent")
UP = {ID: Instance(Power.RUNNING)}


def test_an_instance_that_is_tagged_and_not_listed_is_expected() -> None:
    assert discover({}, {}, UP, minute(1), joins_after=JOINS_AFTER) == {ID: expected_agent(expected_since=minute(1))}


def test_one_that_is_expected_no_more_leaves_the_roster() -> None:
    assert discover({ID: expected_agent()}, {}, {}, minute(1), joins_after=JOINS_AFTER) == {ID: None}


def test_nobody_leaves_while_ec2_cannot_say_who_is_expected() -> None:
    assert discover({ID: expected_agent()}, {}, None, minute(1), joins_after=JOINS_AFTER) == {}


def test_one_whose_silence_is_an_incident_stays_until_that_counts_it() -> None:
    silent = replace(silent_agent(incident="inc-1"), series=None, seen_at=None, expected_since=minute(0))
    assert discover({ID: silent}, {}, {}, minute(9), joins_after=JOINS_AFTER) == {
        ID: replace(silent, expected_since=None)
    }


def test_an_agent_that_is_not_listed_any_more_stays_as_it_is() -> None:
    reporting, silent = agent("web-1"), silent_agent("web-2")
    assert silent.state is State.SILENT
    assert discover({"web-1": reporting, "web-2": silent}, {}, {}, minute(500), joins_after=JOINS_AFTER) == {}


def test_a_listed_agent_that_is_known_changes_only_where_its_series_do() -> None:
    listed = {ID: (series(), DISK)}
    found = discover({ID: agent()}, listed, {}, minute(15), joins_after=JOINS_AFTER)
    known = agent(others=(DISK,), known=marks_of(listed[ID], ID))
    assert found == {ID: known}
    assert discover({ID: known}, listed, {}, minute(30), joins_after=JOINS_AFTER) == {}


# ---- which series become an agent's own


def found_in(known: Agent, *listed: Series, at: float) -> Agent:
    changed = discover({ID: known}, {ID: listed}, {}, minute(at), joins_after=JOINS_AFTER).get(ID, known)
    assert changed is not None
    return changed


def test_a_new_series_becomes_its_own_once_the_agent_reported_for_long_enough_beside_it() -> None:
    known = agent(known=marks_of([series()], ID))
    for at in (1, 3, 6):
        known = found_in(known, series(), DISK, at=at)
        assert (known.own([series(), DISK]), known.joining_since) == ((series(),), minute(1))
    known = found_in(known, series(), DISK, at=6.5)
    assert (known.own([series(), DISK]), known.joining) == ((series(), DISK), "")
    assert found_in(known, series(), DISK, at=20) == known


def test_one_that_comes_while_others_join_waits_for_its_own_time() -> None:
    known = found_in(agent(known=marks_of([series()], ID)), series(), DISK, at=1)
    late = series(metric="swap_used_percent")
    known = found_in(known, series(), DISK, late, at=15)
    assert known.own([DISK, late]) == (DISK,)
    assert found_in(known, series(), DISK, late, at=30).own([DISK, late]) == (DISK, late)


def test_what_comes_while_the_agent_is_silent_stays_strange() -> None:
    known = silent_agent(known=marks_of([series()], ID))
    for at in (15, 30, 500):
        known = found_in(known, DISK, at=at)
    assert (known.own([DISK]), known.strangers, known.others) == ((), (DISK,), ())


def test_a_silent_agents_other_series_may_have_other_values_of_the_same_dimensions() -> None:
    small, large = (series(InstanceType=size) for size in ("t3.small", "t3.large"))
    known = silent_agent(series=small, known=marks_of([small], ID))
    known = found_in(known, large, at=15)
    assert (known.own([large]), known.others, known.strangers) == ((), (large,), ())


def test_what_is_gone_stays_its_own_as_far_as_there_is_room() -> None:
    many = [series(metric=f"metric-{number}") for number in range(2 * MOST_KNOWN)]
    known = agent(known=marks_of(many, ID), series=many[0])
    assert len(known.known) == 5 * MOST_KNOWN
    known = found_in(known, many[0], DISK, at=1)
    known = found_in(known, many[0], DISK, at=16)
    assert known.own([many[0], DISK]) == (many[0], DISK)
    assert len(known.known) == 5 * MOST_KNOWN
    assert len(known.own(many)) == MOST_KNOWN - 1


def test_whoever_was_forgotten_takes_whatever_comes_next() -> None:
    known = agent(known="", state=State.SUPPRESSED, seen_at=minute(30))
    assert found_in(known, DISK, at=45).others == (DISK,)


def test_only_whom_ec2_cant_vouch_for_must_prove_itself() -> None:
    listed = {one: (series(one),) for one in (ID, "web-1", "mi-0123456789abcdef0", "i-web")}
    found = discover({}, listed, {}, minute(1), joins_after=JOINS_AFTER)
    assert {entity: one.unproven for entity, one in found.items() if one} == {
        ID: 0,
        "web-1": 3,
        "mi-0123456789abcdef0": 3,
        "i-web": 3,
    }


# ---- a list that takes several runs


def test_nobody_is_unlisted_or_expected_before_the_last_part_is() -> None:
    tagged = {ID: expected_agent()}
    assert discover(tagged, {}, {}, minute(1), joins_after=JOINS_AFTER, stretch=Stretch.PART) == {}
    assert discover({}, {}, UP, minute(1), joins_after=JOINS_AFTER, stretch=Stretch.PART) == {}
    assert discover(tagged, {}, {}, minute(1), joins_after=JOINS_AFTER, stretch=Stretch.LAST) == {ID: None}
    found = discover({}, {}, UP, minute(1), joins_after=JOINS_AFTER, stretch=Stretch.LAST)
    assert found == {ID: expected_agent(expected_since=minute(1))}


def test_an_agent_of_a_part_joins_with_whatever_comes_under_its_id_as_its_own() -> None:
    found = discover({}, {ID: (DISK,)}, {}, minute(1), joins_after=JOINS_AFTER, stretch=Stretch.PART)
    joined = found[ID]
    assert joined is not None
    assert (joined.series, joined.known) == (DISK, "")
    assert joined.own([series(), DISK]) == (series(), DISK)


def test_a_part_takes_nothing_from_what_is_known_of_an_agent() -> None:
    other = series(metric="swap_used_percent")
    known = agent(others=(other,), known=marks_of([series(), other], ID))
    for stretch in (Stretch.PART, Stretch.LAST):
        assert discover({ID: known}, {ID: (series(),)}, {}, minute(9), joins_after=JOINS_AFTER, stretch=stretch) == {}


def test_a_new_series_joins_by_the_parts_that_list_it() -> None:
    def next_part(known: Agent, *listed: Series, at: float) -> Agent:
        found = discover({ID: known}, {ID: listed}, {}, minute(at), joins_after=JOINS_AFTER, stretch=Stretch.PART)
        changed = found.get(ID, known)
        assert changed is not None
        return changed

    known = agent(known=marks_of([series()], ID))
    known = next_part(known, DISK, at=0)
    assert (known.joining, known.joining_since) == (marks_of([DISK], ID), minute(0))
    known = next_part(known, series(), at=6)  # a part that doesn't list it says nothing
    assert known.joining_since == minute(0)
    known = next_part(known, DISK, at=7)
    assert (known.known, known.joining) == (marks_of([series(), DISK], ID), "")


def test_what_joins_and_isnt_listed_for_long_has_to_join_anew() -> None:
    known = agent(known=marks_of([series()], ID), joining=marks_of([DISK], ID), joining_since=minute(0))
    found = discover({ID: known}, {ID: (series(),)}, {}, minute(11), joins_after=JOINS_AFTER, stretch=Stretch.PART)
    changed = found[ID]
    assert changed is not None
    assert (changed.joining, changed.joining_since) == ("", None)
