import pytest

from lifeline.core.agents.series import Series, choose_series, mark_of, marked, marks_of, needs_of, other_series
from tests.support.agents import series


def test_the_series_with_the_fewest_dimensions_is_chosen() -> None:
    detailed = series(metric="cpu_usage_idle", ImageId="ami-1")
    assert choose_series([detailed, series()]) == series()


def test_among_equals_the_choice_does_not_depend_on_the_order() -> None:
    disk, state = series(metric="disk_used_percent"), series(metric="mem_used_percent")
    assert choose_series([state, disk]) == choose_series([disk, state]) == disk


def test_there_is_nothing_to_choose_from_no_series() -> None:
    with pytest.raises(ValueError, match="empty"):
        choose_series([])


def test_one_series_of_each_shape_comes_before_a_second_of_any() -> None:
    plain = [series(metric=name) for name in ("a", "b", "c")]
    detailed = series(metric="z", ImageId="ami-1")
    assert other_series(plain[0], [*plain, detailed], limit=2) == (plain[1], detailed)


@pytest.mark.parametrize(
    ("dimensions", "needs"),
    [
        ({}, set()),
        ({"ImageId": "ami-1", "InstanceType": "m5.large"}, set()),
        ({"AutoScalingGroupName": "web"}, {"ec2"}),
        ({"VolumeId": "vol-1"}, {"ec2"}),
        ({"LogGroupName": "app"}, {"logs"}),
        ({"log_group_name": "app"}, {"logs"}),
    ],
)
def test_a_dimension_shows_what_its_agent_must_reach(dimensions: dict[str, str], needs: set[str]) -> None:
    assert needs_of([series(**dimensions)]) == needs


def test_an_agents_needs_are_those_of_all_its_series() -> None:
    listed = [series(), series(AutoScalingGroupName="web"), series(LogGroupName="app")]
    assert needs_of(listed) == {"ec2", "logs"}


# ---- marks


def test_agents_of_one_configuration_have_the_same_marks() -> None:
    first, second = (marks_of([series(one), series(one, path="/")], one) for one in ("i-0000000a", "i-0000000b"))
    assert first == second
    assert len(first) == 10


def test_metric_dimensions_and_values_all_make_another_mark() -> None:
    own = series(path="/")
    others = [
        series(path="/home"),
        series(),
        series(device="/"),
        series(metric="disk_free", path="/"),
        series("i-0000000b", path="/"),
    ]
    assert len({mark_of(one, "i-0000000a") for one in (own, *others)}) == 6
    marks = marks_of([own], "i-0000000a")
    assert marked([own, *others], "i-0000000a", marks) == (own,)
    assert marked([own, *others[:4]], "i-0000000a", marks, by_names=True) == (own, others[0])


def test_the_order_of_series_makes_no_difference_to_their_marks() -> None:
    several = [series(metric=name) for name in ("cpu", "mem", "disk")]
    assert marks_of(several, "i-0000000a") == marks_of(reversed(several), "i-0000000a")


@pytest.mark.parametrize(
    ("one", "mark"),
    [
        (series(), "d2ZAA"),
        (series(metric="disk_used_percent", path="/"), "6pt+m"),
        (series(metric="disk_used_percent", path="/data"), "6ptUJ"),
    ],
)
def test_a_mark_stays_the_same_for_rosters_have_it(one: Series, mark: str) -> None:
    """Whatever makes other marks of the same series takes an agent's own series away from it."""
    assert mark_of(one, "i-0000000a") == mark
