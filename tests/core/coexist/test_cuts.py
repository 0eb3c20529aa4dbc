"""What is kept of the way to a hub beyond a VPC: what a plan shows, and since when."""

from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.coexist.cuts import HubCut, note_cuts
from lifeline.core.network.network_path import NOBODY_LOOKED, NetworkPath, Reach
from lifeline.core.plan.actions import ServiceReport, ServiceState

NOW = datetime(2026, 11, 29, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
CENTRAL = NetworkPath(Reach.CENTRAL, "Z1 answers", central_id="Z1")
KNOWN = {"monitoring": HubCut("the table", ("subnet-a",), EARLIER)}


def report(**paths: NetworkPath) -> ServiceReport:
    found = tuple((f"subnet-{name}", path) for name, path in paths.items())
    return ServiceReport("monitoring", ServiceState.BLOCKED, paths=found)


def cut(name: str, words: str = "the table") -> NetworkPath:
    return CENTRAL.cut_beyond("monitoring", words, f"subnet-{name}")


def test_what_is_cut_is_kept_with_the_subnets_and_the_time_when_it_was_first_seen() -> None:
    found = note_cuts({}, [report(b=cut("b"), a=cut("a"), c=CENTRAL)], now=NOW)
    assert found == {"monitoring": HubCut("the table", ("subnet-a", "subnet-b"), NOW)}
    assert note_cuts(found, [report(a=cut("a"))], now=NOW + timedelta(hours=1)) == {
        "monitoring": HubCut("the table", ("subnet-a",), NOW)
    }


@pytest.mark.parametrize(
    "paths",
    [{"a": cut("a", "the group")}, {"a": cut("a"), "b": cut("b")}, {"b": cut("b")}],
    ids=["words", "b", "alone"],
)
def test_what_cuts_the_way_otherwise_or_from_more_subnets_is_another_cut(paths: dict[str, NetworkPath]) -> None:
    """Agents there may have reported since the first: it explains no silence of theirs."""
    (found,) = note_cuts(KNOWN, [report(**paths)], now=NOW).values()
    assert found.at == NOW


def test_what_is_whole_again_or_not_required_is_kept_no_more() -> None:
    assert note_cuts(KNOWN, [report(a=CENTRAL)], now=NOW) == {}
    assert note_cuts(KNOWN, [], now=NOW) == {}


def test_where_nobody_looked_what_was_known_stands() -> None:
    unasked = NetworkPath(Reach.UNKNOWN, "not known", unread=(NOBODY_LOOKED,))
    assert note_cuts(KNOWN, [report(a=unasked)], now=NOW) == KNOWN
    assert note_cuts({}, [report(a=unasked)], now=NOW) == {}
