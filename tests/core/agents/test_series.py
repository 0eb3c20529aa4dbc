import pytest

from lifeline.core.agents.series import choose_series, needs_of, other_series
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
