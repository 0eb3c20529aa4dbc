"""Agents as bytes."""

import json
import random
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.adapters.store.agent_records import pack, unpack
from lifeline.core.agents.agent import Agent, Gap, State, Suppression
from lifeline.core.agents.series import Series
from tests.support.agents import START, agent, minute, series, silent_agent

LIMIT = 400 * 1024  # DynamoDB: the size of an item

texts = st.text(max_size=12)
times = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
all_series = st.builds(
    Series, texts, st.dictionaries(texts, texts, max_size=4).map(lambda found: tuple(sorted(found.items())))
)
gaps = st.builds(Gap, times, times, st.none() | times)
all_agents = st.builds(
    Agent,
    entity=texts,
    series=st.none() | all_series,
    others=st.lists(all_series, max_size=3).map(tuple),
    known=texts,
    joining=texts,
    joining_since=st.none() | times,
    strangers=st.lists(all_series, max_size=3).map(tuple),
    unproven=st.integers(0, 3),
    is_elsewhere=st.sampled_from([True, False, None]),
    needs=st.frozensets(texts, max_size=2),
    seen_at=st.none() | times,
    expected_since=st.none() | times,
    state=st.sampled_from(State),
    suppressed_by=st.none() | st.sampled_from(Suppression),
    gap=st.none() | gaps,
    incident=texts,
    openings=st.lists(times, max_size=3).map(tuple),
    is_flapping=st.booleans(),
    excused=st.frozensets(st.sampled_from(Suppression)),
)


def read(packed: bytes) -> tuple[dict[str, Agent], tuple[str, ...]]:
    return unpack(packed, where="chunk 0")[:2]


def records_of(packed: bytes) -> list[Any]:
    found: list[Any] = json.loads(zlib.decompress(packed))
    return found


@given(st.dictionaries(texts, all_agents, max_size=4))
def test_whatever_is_packed_is_read_again(found: dict[str, Agent]) -> None:
    agents = {one.entity: one for one in found.values()}
    assert read(pack(agents.values())) == (agents, ())


@given(st.dictionaries(texts, times, min_size=1, max_size=4))
def test_the_newest_datapoints_times_are_read_again(newest: dict[str, datetime]) -> None:
    agents = [agent(entity) for entity in newest]
    assert unpack(pack(agents, (), newest), where="chunk 0") == ({one.entity: one for one in agents}, (), newest)


@pytest.mark.parametrize("remembered", [agent(seen_at=datetime.fromtimestamp(0, UTC)), Agent("web-1", None)])
def test_a_time_of_zero_and_no_time_are_told_apart(remembered: Agent) -> None:
    assert read(pack([remembered])) == ({remembered.entity: remembered}, ())


def test_a_quiet_agents_record_is_short() -> None:
    [record] = records_of(pack([agent("i-0123456789abcdef0", series=series("i-0123456789abcdef0"))]))
    assert len(json.dumps(record, separators=(",", ":"))) <= 100
    assert record["s"] == ["mem_used_percent", {"InstanceId": 0}]


def test_a_full_chunk_of_agents_with_their_other_series_stays_far_below_one_items_limit() -> None:
    chance = random.Random(7)  # noqa: S311 - ids for a test
    assert len(pack(_real_agent(chance) for _ in range(500))) < LIMIT / 5


def _real_agent(chance: random.Random) -> Agent:
    """As the agent's wizard sets it up, in one of ten Auto Scaling groups; silent, to be as long as any."""
    entity, group = f"i-{chance.getrandbits(68):017x}", chance.randrange(10)
    tags = {
        "AutoScalingGroupName": f"service-{group}-Group-{group * 7919:08X}",
        "ImageId": f"ami-{group * 104729:017x}",
        "InstanceType": "m7g.large",
    }
    disk = {"device": "nvme0n1p1", "fstype": "xfs", "path": "/"}
    others = (
        series(entity, "disk_used_percent"),
        series(entity, **tags),
        series(entity, "disk_used_percent", **tags, **disk),
    )
    seconds = chance.randrange(86_400)
    since = minute(seconds / 60)
    return silent_agent(entity, others=others, needs=frozenset({"ec2"}), since=since, incident=f"inc-{group}")


@pytest.mark.parametrize(
    "odd",
    [
        {"e": 7},
        {"s": ["m", {}]},
        {"e": "web-1", "t": "ASLEEP"},
        {"e": "web-1", "a": "yesterday"},
        {"e": "web-1", "a": 1e99},
        {"e": "web-1", "g": [1]},
        {"e": "web-1", "s": "m"},
        "web-1",
        None,
    ],
)
def test_a_record_that_cannot_be_understood_hides_no_other_and_outlives_the_next_write(odd: object) -> None:
    before = zlib.compress(json.dumps([odd, records_of(pack([agent()]))[0]]).encode())
    agents, unread = read(before)
    assert agents == {"i-0000000a": agent()}
    after = pack(agents.values(), unread)
    assert records_of(after) == records_of(before)
    assert read(after) == (agents, unread)


def test_what_a_newer_version_has_added_does_not_hide_an_agent() -> None:
    [record] = records_of(pack([agent()]))
    assert read(zlib.compress(json.dumps([record | {"z": 1}]).encode())) == ({"i-0000000a": agent()}, ())


def test_bytes_that_cannot_be_understood_at_all_outlive_the_next_write() -> None:
    agents, unread = read(b"not compressed")
    assert agents == {}
    assert len(unread) == 1
    assert read(pack([agent()], unread)) == ({"i-0000000a": agent()}, unread)


def test_times_keep_their_fractions() -> None:
    remembered = agent(seen_at=START.replace(microsecond=1))
    assert read(pack([remembered])) == ({"i-0000000a": remembered}, ())
