"""Failures count in a row while they come each minute, and are news once they last."""

from datetime import UTC, datetime, timedelta

from lifeline.core.agents.failed_runs import FailedRuns

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def failing(minutes: int, runs: FailedRuns | None = None, *, since: datetime = NOW) -> FailedRuns:
    runs = runs or FailedRuns()
    for minute in range(minutes):
        runs = runs.failed(f"error {minute}", since + minute * MINUTE)
    return runs


def test_failures_last_from_the_first_and_say_the_last_reason() -> None:
    runs = failing(3)
    assert (runs.since, runs.failed_at, runs.why) == (NOW, NOW + 2 * MINUTE, "error 2")
    assert runs.last(NOW + 12 * MINUTE)
    assert not runs.last(NOW + 13 * MINUTE)
    assert not FailedRuns().last(NOW)


def test_after_a_while_without_any_they_begin_anew() -> None:
    later = NOW + 30 * MINUTE
    assert failing(1, failing(3), since=later).since == later


def test_they_are_news_after_fifteen_minutes() -> None:
    assert not failing(15).are_news(NOW + 14 * MINUTE)
    assert failing(16).are_news(NOW + 15 * MINUTE)
    assert not FailedRuns().are_news(NOW)


def test_people_hear_of_them_once_a_day() -> None:
    told = FailedRuns(since=NOW, failed_at=NOW + 20 * MINUTE, told_at=NOW + 15 * MINUTE)
    assert not told.are_news(NOW + 20 * MINUTE)
    assert told.are_news(NOW + timedelta(days=1) + 15 * MINUTE)
