"""The roster in chunks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.agents.agent import Agent, Gap, State
from lifeline.core.agents.roster import MOST, Chunk, RosterState, dated, place, replaced
from tests.support.agents import START, agent


def agents(count: int, start: int = 0) -> list[Agent]:
    return [agent(f"i-{number:08x}") for number in range(start, start + count)]


def chunk(number: int, count: int, *, start: int = 0, revision: int = 1) -> Chunk:
    return Chunk(number, {one.entity: one for one in agents(count, start)}, revision)


def sizes(chunks: tuple[Chunk, ...]) -> dict[int, int]:
    return {one.number: len(one.agents) for one in chunks}


def test_the_first_agents_begin_chunk_zero() -> None:
    assert place([], agents(2)) == (chunk(0, 2, revision=0),)


def test_more_agents_than_one_chunk_holds_begin_further_ones() -> None:
    assert sizes(place([], agents(2 * MOST + 1))) == {0: MOST, 1: MOST, 2: 1}


def test_the_chunk_that_is_nearly_full_is_filled_first() -> None:
    nearly_full, roomy = chunk(0, MOST - 2), chunk(1, 1, start=1000)
    placed = place([roomy, nearly_full], agents(3, start=2000))
    assert sizes(placed) == {0: MOST, 1: 2}
    assert [one.revision for one in placed] == [1, 1]


def test_chunks_that_get_no_agent_stay_the_same_objects() -> None:
    full, nearly_full, roomy = chunk(0, MOST), chunk(1, MOST - 1, start=1000), chunk(2, 1, start=2000)
    placed = place([full, nearly_full, roomy], agents(1, start=3000))
    assert placed[0] is full
    assert placed[1] is not nearly_full
    assert placed[2] is roomy
    assert place([full], []) == (full,)


def test_new_numbers_follow_those_that_are_known_to_be_taken() -> None:
    assert sizes(place([chunk(3, MOST)], agents(1, start=1000))) == {3: MOST, 4: 1}
    assert sizes(place([chunk(3, MOST)], agents(1, start=1000), first_free=9)) == {3: MOST, 9: 1}
    assert sizes(place([], agents(1), first_free=9)) == {9: 1}


def test_records_that_cannot_be_read_keep_their_places() -> None:
    full = replace(chunk(0, MOST - 1), unread=("{}",))
    assert full.room == 0
    assert sizes(place([full], agents(1, start=1000))) == {0: MOST - 1, 1: 1}


def few(most: int) -> Callable[[Chunk], bool]:
    """So many agents fit, whatever the count says."""
    return lambda chunk: len(chunk.agents) <= most


def test_new_agents_go_where_they_fit_and_else_begin_a_chunk() -> None:
    full, roomy = chunk(0, 7), chunk(1, 1, start=1000)
    assert sizes(place([full, roomy], agents(7, start=2000), fits=few(5))) == {0: 7, 1: 4, 2: 4}
    assert sizes(place([full], agents(2, start=2000), fits=few(7))) == {0: 7, 1: 2}
    assert place([full], agents(2, start=2000), fits=few(7))[0] is full


def test_at_least_half_of_those_that_fit_are_found_to() -> None:
    assert [
        sizes(place([chunk(0, 1)], agents(20, start=2000), fits=few(most)))[0] for most in (1, 2, 7, 8, 15, 16)
    ] == [*(1, 2, 4, 8, 8, 16)]


def test_one_that_fits_nowhere_has_a_chunk_of_its_own_and_keeps_nobody_out() -> None:
    too_long, *others = agents(4)
    placed = place([], [too_long, *others], fits=lambda chunk: too_long.entity not in chunk.agents)
    assert [set(one.agents) for one in placed] == [{too_long.entity}, {one.entity for one in others}]


@given(st.lists(st.integers(0, 40), max_size=4), st.integers(0, 200), st.integers(1, 30))
def test_each_new_agent_has_one_place_where_it_fits(before: list[int], new: int, most: int) -> None:
    chunks = [chunk(number, count, start=10_000 * number) for number, count in enumerate(before)]
    placed = place(chunks, agents(new, start=90_000), fits=few(most))
    assert sum(sizes(placed).values()) == sum(before) + new == len({key for one in placed for key in one.agents})
    assert all(count <= most for number, count in sizes(placed).items() if [count] != before[number : number + 1])


@given(st.lists(st.integers(0, MOST), max_size=4), st.integers(0, 1200))
def test_each_new_agent_has_one_place_and_no_chunk_is_too_full(before: list[int], new: int) -> None:
    chunks = [chunk(number, count, start=10_000 * number) for number, count in enumerate(before)]
    placed = place(chunks, agents(new, start=90_000))
    assert sum(sizes(placed).values()) == sum(before) + new == len({key for one in placed for key in one.agents})
    assert all(count <= MOST for count in sizes(placed).values())
    assert len(placed) == max(len(before), -(-(sum(before) + new) // MOST))


def test_an_agent_is_replaced_and_another_removed() -> None:
    silent = agent("i-00000000", state=State.SILENT)
    changed = replaced(chunk(0, 3), {"i-00000000": silent, "i-00000001": None})
    assert dict(changed.agents) == {"i-00000000": silent, "i-00000002": agent("i-00000002")}
    assert (changed.number, changed.revision) == (0, 1)


def test_a_chunk_whose_agents_have_no_newer_datapoint_stays_the_same_object() -> None:
    known = dated(chunk(0, 2), {"i-00000000": START, "i-00000001": START, "i-0000ffff": START})
    assert dict(known.newest) == {"i-00000000": START, "i-00000001": START}
    assert dated(known, {"i-00000000": START, "i-00000001": START}) is known
    assert dated(known, {"i-00000000": START}) is known
    later = START + timedelta(minutes=1)
    assert dict(dated(known, {"i-00000000": later}).newest) == {"i-00000000": later, "i-00000001": START}


def test_only_an_agent_that_differs_is_read_again_whenever_its_newest_datapoint_was() -> None:
    known = dated(chunk(0, 2), {"i-00000000": START, "i-00000001": START})
    changed = replaced(known, {"i-00000000": agent("i-00000000", state=State.SILENT)})
    assert dict(changed.newest) == {"i-00000001": START}


@pytest.mark.parametrize("changes", [{}, {"i-00000000": agent("i-00000000")}, {"i-0000ffff": None}])
def test_a_chunk_of_which_nothing_differs_stays_the_same_object(changes: dict[str, Agent | None]) -> None:
    before = chunk(0, 3)
    assert replaced(before, changes) is before


def test_an_agent_of_another_chunk_does_not_come_into_this_one() -> None:
    before = chunk(0, 1)
    assert replaced(before, {"i-0000ffff": agent("i-0000ffff")}) is before


def test_the_last_agent_leaves_an_empty_chunk_with_its_revision() -> None:
    assert replaced(chunk(0, 1), {"i-00000000": None}) == Chunk(0, {}, 1)


def test_a_run_is_complete_once_no_part_waits() -> None:
    assert RosterState().is_run_complete
    assert not RosterState(run_id="a", waiting=frozenset({3})).is_run_complete


def test_before_its_first_run_a_roster_counts_nobody_and_waits_for_nothing() -> None:
    new = RosterState()
    assert (new.late, new.unknown, new.is_run_complete) == (0, 0, True)


@pytest.mark.parametrize(
    ("changed", "is_plain"),
    [
        (agent("i-00000001"), True),
        (agent("i-00000001", state=State.SILENT), False),
        (agent("i-00000001", state=State.SUPPRESSED), False),
        (agent("i-00000001", incident="inc-1"), False),
        (agent("i-00000001", gap=Gap(START, START, START)), False),
    ],
)
def test_a_chunk_is_plain_if_all_its_agents_report_and_none_has_a_gap_or_an_incident(
    changed: Agent, is_plain: bool
) -> None:
    assert replaced(chunk(0, 3), {"i-00000001": changed}).is_plain is is_plain
    assert Chunk(0).is_plain
