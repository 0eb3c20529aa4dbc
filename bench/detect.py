"""How long one run over many agents takes and how much memory, beside fetching and parsing the same datapoints.

PYTHONPATH=functions:. .envs/dev/bin/python bench/detect.py [AGENTS]          one run of all agents
PYTHONPATH=functions:. .envs/dev/bin/python bench/detect.py AGENTS parts      each part of a run, in a fresh process

In-process: CloudWatch is an HTTP server on loopback, the ledger is a dictionary of packed chunks.
"""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest.mock import patch

from bench.cloudwatch import serving

REGION = "us-east-1"
os.environ |= {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}

from timing import best_of, peak_mb  # noqa: E402

from lifeline.adapters.aws.bus import Bus  # noqa: E402
from lifeline.adapters.aws.cloudwatch import CloudWatch  # noqa: E402
from lifeline.adapters.store.agent_records import pack, unpack  # noqa: E402
from lifeline.core.agents.agent import Agent  # noqa: E402
from lifeline.core.agents.roster import Chunk, RosterState, place  # noqa: E402
from lifeline.core.agents.series import Series, marks_of  # noqa: E402
from lifeline.core.agents.timing import Timing  # noqa: E402
from lifeline.core.agents.watches import Watch  # noqa: E402
from lifeline.detector.loop import DetectorTools, WatchRun  # noqa: E402
from lifeline.detector.parts import SplitRun  # noqa: E402
from lifeline.detector.report import Report  # noqa: E402
from lifeline.detector.survey import Survey  # noqa: E402

ROUNDS = 3
WATCH = Watch()
CHUNKS_A_PART = 20
DUE = timedelta(seconds=305)  # after the newest datapoint: a period and the grace are over
NOT_DUE = timedelta(seconds=125)

type Packed = Mapping[int, bytes]


class KeptRoster:
    """The roster as the ledger has it: packed bytes, unpacked at every read, packed at every write."""

    def __init__(self, packed: Packed, *, part: int = 0, is_last: bool = False) -> None:
        self.packed = packed
        self.writes = 0
        self._part = part
        self._is_last = is_last

    def sizes(self) -> dict[int, int]:
        return dict.fromkeys(self.packed, 500)

    def plain_sizes(self) -> dict[int, int | None]:
        return {**self.sizes()}

    def read(self, numbers: Iterable[int] | None = None) -> tuple[Chunk, ...]:
        wanted = self.packed if numbers is None else numbers
        found = ((one, unpack(self.packed[one], where="")) for one in wanted)
        return tuple(Chunk(one, agents, 1, unread, newest) for one, (agents, unread, newest) in found)

    def save(self, chunk: Chunk) -> Chunk:
        self.writes += 1
        pack(chunk.agents.values(), chunk.unread, chunk.newest)
        return chunk

    def discovered_at(self) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=1)

    def begin_check(self, _now: datetime) -> datetime:
        return self.discovered_at()

    def state(self) -> RosterState:
        return RosterState(self.discovered_at(), "run", self.discovered_at(), frozenset({self._part}))

    def finish_part(self, *_: object, **__: object) -> bool:
        return self._is_last


class NoIncidents:
    def read_open(self, _watch: str) -> tuple[()]:
        return ()


class Nobody:
    """Stands for everything that a quiet run never asks."""

    def change(self) -> None:
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


def packed(chunks: Iterable[Chunk], *, due: int, of: int = 3) -> Packed:
    """The chunks; of every `of`, the agents of the first `due` are due."""
    found, now = {}, datetime.now(UTC)
    for chunk in chunks:
        age = DUE if chunk.number % of < due else NOT_DUE
        found[chunk.number] = pack(chunk.agents.values(), (), dict.fromkeys(chunk.agents, now - age))
    return found


def tools_for(roster: KeptRoster) -> DetectorTools:
    cloudwatch = CloudWatch(WATCH)
    return DetectorTools(
        cloudwatch=lambda _: cloudwatch,
        roster=lambda _: cast("Any", roster),
        incidents=cast("Any", NoIncidents()),
        notices=cast("Any", Nobody()),
        bus=Bus(is_on=False, stack_name="lifeline"),
        instances=cast("Any", Nobody()),
        times=cast("Any", Nobody()),
        sources=Nobody,
        repairs=cast("Any", Nobody()),
        stack="lifeline",
    )


def run_all(count: int) -> None:
    now = datetime.now(UTC)
    chunks = place([], fleet(count, now))
    before = peak_mb()

    def seconds(kept: Packed) -> tuple[float, int]:
        """Of one run, and how many chunks it wrote."""
        roster = KeptRoster(kept)
        tools = tools_for(roster)

        def run() -> Report:
            return WatchRun(WATCH, tools, now=datetime.now(UTC)).check()

        took = best_of(run, ROUNDS)
        roster.writes = 0
        report = run()
        assert (report.watched, report.silent) == (count, ()), report
        return took, roster.writes

    with serving() as address:
        os.environ["AWS_ENDPOINT_URL_CLOUDWATCH"] = address
        series = [agent.series for chunk in chunks for agent in chunk.agents.values() if agent.series]
        cloudwatch = CloudWatch(WATCH)
        fetching = best_of(lambda: cloudwatch.read(series, Timing(now, WATCH.rules).usual_window), ROUNDS)
        third = packed(chunks, due=1)
        with (
            patch.object(Survey, "_can_wait", lambda *_: False),
            patch("lifeline.detector.loop.dated", lambda chunk, _: chunk),
        ):
            thorough = seconds(third)
        peak = peak_mb()
        rows = {
            "one run that reads all (before)": thorough,
            "one run with a third due": seconds(packed(chunks, due=1)),
            "one run with all due": seconds(packed(chunks, due=3)),
            "one run with nobody due": seconds(packed(chunks, due=0)),
        }
        unpacking = best_of(KeptRoster(third).read)
    print(f"{count} agents, all well; best of {ROUNDS}")
    print(f"  fetch and parse their datapoints  {fetching:6.3f} s   1.0")
    for name, (took, writes) in rows.items():
        print(f"  {name:<33} {took:6.3f} s   {took / fetching:.2f}   {writes} chunks written")
    print(f"  of each, unpack the roster        {unpacking:6.3f} s   {unpacking / fetching:.2f}")
    print(f"  peak memory                       {peak:6.0f} MB  ({before:.0f} MB before the first run)")
    plain = sum(len(pack(chunk.agents.values())) for chunk in chunks)
    print(
        f"  roster in the ledger              {sum(map(len, third.values())) / 1e3:6.0f} kB ({plain / 1e3:.0f} before)"
    )


def run_part(path: str, address: str, part: int, how: str) -> None:
    """One part, in this process: its seconds and its peak of memory. The last one groups the agents of all."""
    os.environ["AWS_ENDPOINT_URL_CLOUDWATCH"] = address
    kept: Packed = pickle.loads(Path(path).read_bytes())  # noqa: S301 - written by this program
    numbers = [*kept][part * CHUNKS_A_PART :][:CHUNKS_A_PART]
    roster = KeptRoster(kept, part=part, is_last=numbers[-1] == max(kept))
    run = WatchRun(WATCH, replace(tools_for(roster)), now=datetime.now(UTC), run_id="run")
    started = time.perf_counter()
    if how == "before":
        with (
            patch.object(Survey, "_can_wait", lambda *_: False),
            patch("lifeline.detector.parts.dated", lambda chunk, _: chunk),
        ):
            report = SplitRun(run, 10_000).check_part(part, numbers)
    else:
        report = SplitRun(run, 10_000).check_part(part, numbers)
    assert not report.silent
    print(f"{time.perf_counter() - started} {peak_mb()} {roster.writes}")


def run_parts(count: int) -> None:
    now = datetime.now(UTC)
    chunks = place([], fleet(count, now))
    parts = range(-(-len(chunks) // CHUNKS_A_PART))
    print(f"{count} agents, all well, in {len(parts)} parts, one after the other, each in a fresh process")
    with TemporaryDirectory() as folder, serving() as address:
        for how, due in (("before", 3), ("all due", 3), ("a third due", 1)):
            path = Path(folder) / "roster"
            path.write_bytes(pickle.dumps(packed(chunks, due=due)))
            found = [_in_a_process(path, address, part, how) for part in parts]
            times, peaks, writes = zip(*found, strict=True)
            print(
                f"  {how:<12} {sum(times):6.2f} s in all, {max(times):5.2f} s the slowest, the last {times[-1]:5.2f} s;"
                f" {max(peaks):.0f} MB at most; {sum(writes):.0f} chunks written"
            )


def _in_a_process(path: Path, address: str, part: int, how: str) -> tuple[float, ...]:
    command = [sys.executable, __file__, "part", str(path), address, str(part), how]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return tuple(map(float, answer.stdout.splitlines()[-1].split()))


def main() -> None:
    if sys.argv[1:2] == ["part"]:
        run_part(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    if sys.argv[2:] == ["parts"]:
        run_parts(count)
    else:
        run_all(count)


if __name__ == "__main__":
    main()
