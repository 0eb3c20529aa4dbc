"""Invented names keep no real agent out for good, and cost no more than what is allowed."""

from datetime import timedelta

from lifeline.core.agents.admission import NEW_HOSTS, NEW_INSTANCES, admit_hosts, sample
from tests.support.agents import minute

INVENTED = [f"ghost-{number:04}" for number in range(2000)]


def test_no_more_join_at_once_than_the_bound_and_no_more_in_all_than_there_may_be() -> None:
    assert len(admit_hosts(INVENTED, 0, 1000, minute(0))) == NEW_HOSTS
    assert (NEW_HOSTS, NEW_INSTANCES) == (100, 1000)  # as the docs on watching say
    assert len(admit_hosts(INVENTED, 970, 1000, minute(0))) == 30
    assert admit_hosts(INVENTED, 1000, 1000, minute(0)) == []
    assert admit_hosts(INVENTED, 1200, 1000, minute(0)) == []


def test_few_join_all_at_once() -> None:
    assert admit_hosts({"web-2", "web-1"}, 0, 1000, minute(0)) == ["web-1", "web-2"]


def test_each_name_has_its_turn_some_time() -> None:
    """However many others come with it, and wherever it stands among them."""
    for name in ("a-real-one", "ghost-1000-and-more", "zz-real"):
        turns = (sample([*INVENTED, name], 500, minute(0) + timedelta(minutes=15 * turn)) for turn in range(60))
        assert any(name in joining for joining in turns)
