"""The longest pause of a schedule, by EventBridge Scheduler's expressions."""

from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.event_path.schedule import longest_pause, sweep_overdue

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 29, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "pause"),
    [
        ("rate(1 hour)", HOUR),
        ("rate(90 minutes)", 1.5 * HOUR),
        (" rate(1 day) ", DAY),
        ("cron(0 * * * ? *)", HOUR),
        ("cron(5,35 * * * ? *)", 0.5 * HOUR),
        ("cron(0/20 * * * ? *)", HOUR / 3),
        ("cron(0 6 * * ? *)", DAY),
        ("cron(0 6-18/4 * * ? *)", 12 * HOUR),
        ("cron(0 8-17 ? * MON-FRI *)", 63 * HOUR),  # from Friday 17:00 to Monday 08:00
        ("cron(0 8 ? * 1 2026-2030)", 7 * DAY),  # Sundays
        ("cron(0 0 1 * ? *)", 31 * DAY),
        ("cron(0 0 1 jan,jul ? *)", 184 * DAY),
    ],
)
def test_the_longest_time_between_two_runs_in_a_row(expression: str, pause: timedelta) -> None:
    assert longest_pause(expression) == pause


@pytest.mark.parametrize(
    "expression",
    [
        "at(2026-11-20T13:00:00)",
        "cron(0 0 L * ? *)",
        "cron(0 0 ? * 6#3 *)",
        "cron(0 0 15W * ? *)",
        "cron(0 0 30 FEB ? *)",
        "cron(0 0 * *)",
        "cron(0/0 * * * ? *)",
        "cron(0 99-3 * * ? *)",
        "hourly",
        "",
    ],
)
def test_of_what_runs_once_or_is_not_understood_no_pause_is_known(expression: str) -> None:
    assert longest_pause(expression) == timedelta(0)


@pytest.mark.parametrize("pause", [HOUR, 6 * HOUR])
def test_a_sweep_is_overdue_once_two_were_missed(pause: timedelta) -> None:
    assert sweep_overdue(NOW - 2 * pause, NOW, pause) is None  # the second may be running
    assert sweep_overdue(NOW - 2.5 * pause, NOW, pause) == 2.5 * pause


def test_sweeps_that_are_faster_than_hourly_are_given_the_time_of_hourly_ones() -> None:
    assert sweep_overdue(NOW - 2 * HOUR, NOW, timedelta(minutes=5)) is None
    assert sweep_overdue(NOW - 3 * HOUR, NOW, timedelta(minutes=5)) == 3 * HOUR


def test_it_isnt_known_whether_a_sweep_is_overdue_without_one_or_without_its_pause() -> None:
    assert sweep_overdue(None, NOW, HOUR) is None
    assert sweep_overdue(NOW - 9 * DAY, NOW, longest_pause("cron(0 6 L * ? *)")) is None


@pytest.mark.parametrize(
    "schedule", ["cron(0 3 ? * 2#1 *)", "cron(0 3 L * ? *)", "cron(0 3 ? * SAT-MON *)", "cron(0 22-2 * * ? *)"]
)
def test_of_a_schedule_whose_pause_is_not_known_no_sweep_is_ever_overdue(schedule: str) -> None:
    assert sweep_overdue(NOW - 60 * DAY, NOW, longest_pause(schedule)) is None
