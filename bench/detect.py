"""How long one look at many agents takes and how much memory, beside fetching and parsing the same datapoints.

PYTHONPATH=functions:. .envs/dev/bin/python bench/detect.py [AGENTS]
"""

import os
import resource
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

from bench.cloudwatch import serving

REGION = "us-east-1"
os.environ |= {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}

from timing import best_of  # noqa: E402

from lifeline.adapters.aws.bus import Bus  # noqa: E402
from lifeline.adapters.aws.cloudwatch import CloudWatch  # noqa: E402
from lifeline.adapters.store.agent_records import pack, unpack  # noqa: E402
from lifeline.core.agents.agent import Agent  # noqa: E402
from lifeline.core.agents.gaps import Timing  # noqa: E402
from lifeline.core.agents.roster import Chunk, place  # noqa: E402
from lifeline.core.agents.series import Series, marks_of  # noqa: E402
from lifeline.core.agents.watches import Watch  # noqa: E402
from lifeline.detector.loop import DetectorTools, WatchRun  # noqa: E402
from lifeline.detector.report import Report  # noqa: E402

ROUNDS = 3
WATCH = Watch()


class KeptRoster:
    """The roster as the ledger has it: packed bytes, unpacked at every read."""

    def __init__(self, chunks: Iterable[Chunk], now: datetime) -> None:
        self.packed = {chunk.number: pack(chunk.agents.values()) for chunk in chunks}
        self.counts = {chunk.number: len(chunk.agents) for chunk in chunks}
        self.now = now
        self.writes = 0

    def sizes(self) -> dict[int, int]:
        return self.counts

    def read(self, numbers: Iterable[int] | None = None) -> tuple[Chunk, ...]:
        wanted = self.packed if numbers is None else numbers
        return tuple(Chunk(one, unpack(self.packed[one], where="")[0], 1) for one in wanted)

    def save(self, chunk: Chunk) -> Chunk:
        self.writes += 1
        return chunk

    def discovered_at(self) -> datetime:
        return self.now


class NoIncidents:
    def read_open(self, _watch: str) -> tuple[()]:
        return ()


class Nobody:
    """Stands for everything that a quiet look never asks."""

    def latest_change(self) -> None:
        return None

    def look_up(self, entities: Iterable[str]) -> dict[str, Any]:
        assert not [*entities]
        return {}

    def __getattr__(self, name: str) -> Any:
        return self


def fleet(count: int, now: datetime) -> list[Agent]:
    """Agents as the wizard's basic configuration makes them, each with three other series."""
    ids = Random(4)  # noqa: S311 - ids to measure with, no secrets
    found = []
    for number in range(count):
        entity = f"i-{ids.getrandbits(68):017x}"
        group = f"web-{number % 40}"
        more = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro", "AutoScalingGroupName": group}
        others = [
            Series("mem_used_percent", tuple(sorted({"InstanceId": entity, **more}.items()))),
            Series("disk_used_percent", (("InstanceId", entity),)),
            Series(
                "disk_used_percent",
                tuple(sorted({"InstanceId": entity, **more, "path": "/", "device": "xvda1", "fstype": "xfs"}.items())),
            ),
        ]
        series = Series("mem_used_percent", (("InstanceId", entity),))
        needs, known = frozenset({"ec2"}), marks_of([series, *others], entity)
        found.append(Agent(entity, series, tuple(others), needs, seen_at=now - timedelta(hours=1), known=known))
    return found


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    now = datetime.now(UTC)
    roster = KeptRoster(place([], fleet(count, now)), now)
    before = peak_mb()
    with serving() as address:
        os.environ["AWS_ENDPOINT_URL_CLOUDWATCH"] = address
        cloudwatch = CloudWatch(WATCH)
        tools = DetectorTools(
            cloudwatch=lambda _: cloudwatch,
            roster=lambda _: cast("Any", roster),
            incidents=cast("Any", NoIncidents()),
            notices=cast("Any", Nobody()),
            bus=Bus(is_on=False, stack_name="lifeline"),
            sources=cast("Any", Nobody()),
            repairs=cast("Any", Nobody()),
        )

        def look() -> Report:
            return WatchRun(WATCH, tools, now=datetime.now(UTC)).check()

        looking = best_of(look, ROUNDS)
        peak = peak_mb()
        report = look()
        assert (report.watched, report.silent, roster.writes) == (count, (), 0), report
        series = [agent.series for chunk in roster.read() for agent in chunk.agents.values() if agent.series]
        fetching = best_of(lambda: cloudwatch.read(series, Timing(now, WATCH.rules).usual_window), ROUNDS)
        unpacking = best_of(roster.read)
    print(f"{count} agents, all well; best of {ROUNDS}")
    print(f"  fetch and parse their datapoints  {fetching:6.3f} s   1.0")
    print(f"  one look in all                   {looking:6.3f} s   {looking / fetching:.2f}")
    print(f"  of it, unpack the roster          {unpacking:6.3f} s   {unpacking / fetching:.2f}")
    print(f"  peak memory                       {peak:6.0f} MB  ({before:.0f} MB before the first look)")
    print(f"  roster in the ledger              {sum(map(len, roster.packed.values())) / 1e3:6.0f} kB")


if __name__ == "__main__":
    main()
