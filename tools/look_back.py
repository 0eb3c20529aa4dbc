"""`make look-back` prints what the last 90 days of CloudTrail's records tell of the network's changes.

It reads Event history, which needs no trail, or with FROM a folder of a trail's files, without any call to AWS. Exits
with 0, with 1 if something can't be read, and with 2 if the arguments are unusable.
"""

import argparse
import gzip
import json
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from lifeline.adapters.aws import clients
from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.adapters.aws.event_history import EventHistory
from lifeline.adapters.aws.instances import Instances
from lifeline.adapters.aws.network import Network
from lifeline.adapters.aws.pace import Pace
from lifeline.core.agents.instances import Instance
from lifeline.core.agents.series import Series, choose_series, other_series
from lifeline.core.agents.timing import Window
from lifeline.core.errors import InvalidInputError, LifelineError, TransientError
from lifeline.core.look_back.cuts import Cut, find_cuts
from lifeline.core.look_back.looks import Patience, count_looks
from lifeline.core.look_back.outages import BACK_WITHIN, BEFORE, Outage, can_tell, judge, period_at
from lifeline.core.look_back.past_change import CALLS, PastChange, in_order, read_past, records_in
from lifeline.core.look_back.report import LookBack, as_json, as_text
from lifeline.core.network.model import Vpc
from lifeline.core.network.tiers import effective_route_table
from lifeline.core.policy.policy import Policy
from lifeline.core.wording import nearest, read_time, write_count
from lifeline.runtime.observability import logger
from tools.read_only import UnusableError, account_of, read_only_session
from tools.watch_cost import GB_SECOND_USD, INVOCATION_USD, LOG_GB_USD, MEMORY_GB, WRITE_UNIT_USD

UNREADABLE, UNUSABLE = 1, 2
KEPT = timedelta(days=90)  # CloudTrail guide: Event history
CALLS_A_SECOND = 2  # CloudTrail API: LookupEvents, in an account and Region
MOST_PAGES = 200  # of a call, the newest 10,000 records in 100 seconds: somebody tags 1,000s of resources a day
TELL_EVERY = 20  # requests, which take 10 seconds at least
CUT = f"Event history has more than the {50 * MOST_PAGES:,} records of a call that are read, the newest first"
PATIENCE_S = 120.0  # in all, where others ask so often that CloudTrail throttles
_BROKEN = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError)  # what a file may be, other than JSON
_SILENT = "CRITICAL"  # a level that the package never logs at
_OTHERS = 2  # series of an agent that are read beside the one that it is judged by
# Of one look, at most: as measured cold on a busy machine (bench/README.md), rounded up.
_SECONDS, _WRITES, _LOG_BYTES = Decimal(5), 20, 8_000
LOOK_USD = (
    _SECONDS * MEMORY_GB * GB_SECOND_USD + INVOCATION_USD + _WRITES * WRITE_UNIT_USD + _LOG_BYTES * LOG_GB_USD / 10**9
)


@dataclass(slots=True)
class _Read:
    """The changes that were read, how many records couldn't be, and when the oldest and the newest of all records are
    from.
    """

    hashes_names: bool
    changes: list[PastChange] = field(default_factory=list)
    unreadable: int = 0
    times: list[datetime] = field(default_factory=list)

    def take(self, records: Iterable[Mapping[str, Any] | InvalidInputError]) -> None:
        for record in records:
            if isinstance(record, InvalidInputError):
                self.unreadable += 1
                continue
            at = read_time(str(record.get("eventTime")))
            self.times += [at] if at else []
            try:
                change = read_past(record, hashes_names=self.hashes_names)
            except InvalidInputError:
                self.unreadable += 1
                continue
            self.changes += [change] if change and not change.is_own else []


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found, or one line that says why there is nothing. Returns the exit code."""
    options = _parser().parse_args(arguments)
    folder = options.folder.strip()
    try:
        is_json = _choice("FORMAT", options.format, ("text", "json")) == "json"
        hashes_names = _choice("NAMES", options.names, ("show", "hash")) == "hash"
        if not folder:
            read_only_session(options.region.strip(), options.profile.strip())
        at = datetime.now(UTC)
        read = partial(look_back_at, Path(folder)) if folder else partial(look_back, at)
        found = read(hashes_names=hashes_names)
    except UnusableError as error:
        return _fail(f"Invalid arguments: {error}", UNUSABLE)
    except LifelineError as error:
        return _fail(f"Can't read from AWS: {error}", UNREADABLE)
    sys.stdout.write(f"{json.dumps(as_json(found), indent=2)}\n" if is_json else as_text(found))
    return 0 if found.is_whole else UNREADABLE


# ---- from files


def look_back_at(folder: Path, *, hashes_names: bool = False) -> LookBack:
    """What the files of a trail tell: .json and .json.gz in the folder and below. Raises UnusableError."""
    if not folder.is_dir():
        raise UnusableError(f"FROM: {folder} is not a folder")
    paths = [path for path in sorted(folder.rglob("*")) if path.name.endswith((".json", ".json.gz"))]
    if not paths:
        raise UnusableError(f"FROM: {folder} contains no .json or .json.gz file")
    read, broken = _Read(hashes_names), []
    for path in paths:
        try:
            read.take(_records_of(path))
        except (*_BROKEN, InvalidInputError) as error:
            broken.append(f"{path.name}: {error}")
    if not read.times:
        raise UnusableError(f"FROM: no file contains CloudTrail records; {broken[0] if broken else 'they are empty'}")
    unread = {write_count(len(broken), "file"): broken[0]} if broken else {}
    changes = in_order(read.changes)
    looks = count_looks(changes, Patience(), {})
    return LookBack(
        source=f"{write_count(len(paths) - len(broken), 'file')} in {folder.name}",
        since=min(read.times),
        until=max(read.times),
        changes=changes,
        looks=looks,
        looks_usd=looks.cost(LOOK_USD),
        cuts=find_cuts(changes),
        unreadable=read.unreadable,
        unread=unread,
    )


def _records_of(path: Path) -> list[Mapping[str, Any] | InvalidInputError]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [*records_in(json.loads(content))]


# ---- from Event history


def look_back(now: datetime, *, hashes_names: bool = False) -> LookBack:
    """What Event history tells of this account and region, and CloudWatch of its agents; about a minute, at two calls
    a second. Raises ours where Event history can't be read.
    """
    level = logger.log_level
    logger.setLevel(_SILENT)
    clients.client.cache_clear()
    try:
        return _look_back(now, hashes_names=hashes_names)
    finally:
        logger.setLevel(level)
        clients.client.cache_clear()


def _look_back(now: datetime, *, hashes_names: bool) -> LookBack:
    session = clients.session()
    account, region = account_of(session), session.get_config_variable("region")
    read, unread = _Read(hashes_names), dict[str, str]()
    pace = Pace(CALLS_A_SECOND)
    history, unread_calls = EventHistory(patience=PATIENCE_S), dict[str, str]()
    asked = count(1)
    for number, name in enumerate(sorted(CALLS), 1):
        try:
            for page, (records, more) in enumerate(history.pages(name, now - KEPT, now, pace.take_turn), 1):
                read.take(records)
                if (requests := next(asked)) % TELL_EVERY == 0:
                    sys.stderr.write(f"Event history: {requests} requests, {name} is {number} of {len(CALLS)} calls\n")
                if more and page == MOST_PAGES:
                    unread_calls[name] = CUT
                    break
        except TransientError as error:  # what was read of it counts
            unread_calls[name] = str(error)
            if len(unread_calls) == len(CALLS) and not read.times:
                raise
    changes = in_order(read.changes)
    vpcs = _network(unread)
    tables = {table.id for vpc in vpcs for table in vpc.route_tables} if vpcs is not None else None
    cuts = find_cuts(changes, tables)
    looks = count_looks(changes, Patience(), _vpcs_of(vpcs or ()))
    return LookBack(
        source=f"Event history of {region} in account {account}",
        since=now - KEPT,
        until=now,
        changes=changes,
        looks=looks,
        looks_usd=looks.cost(LOOK_USD),
        cuts=cuts,
        outages=_outages(cuts.put_back, vpcs, now, unread),
        unreadable=read.unreadable,
        unread=unread,
        unread_calls=unread_calls,
    )


def _network(unread: dict[str, str]) -> tuple[Vpc, ...] | None:
    try:
        return Network().observe(None)
    except LifelineError as error:
        unread["the network of today"] = str(error)
        return None


def _vpcs_of(vpcs: Iterable[Vpc]) -> dict[str, str]:
    """The VPC of each resource that changes name."""
    found: dict[str, str] = {}
    for vpc in vpcs:
        ids = [table.id for table in vpc.route_tables] + [subnet.id for subnet in vpc.subnets]
        ids += [endpoint.id for endpoint in vpc.endpoints] + [nat.id for nat in vpc.nat_gateways]
        found |= dict.fromkeys(ids, vpc.id)
    return found


def _outages(
    cuts: Sequence[Cut], vpcs: Sequence[Vpc] | None, now: datetime, unread: dict[str, str]
) -> tuple[Outage, ...] | None:
    """What the agents that exist tell of the cuts, by the associations of today; None where they can't be read."""
    if vpcs is None:
        return None
    periods = {cut: period for cut in cuts if (period := period_at(cut.change.at, now)) and can_tell(cut, period)}
    if not periods:
        return ()
    try:
        listed = {watch: CloudWatch(watch).list_series() for watch in Policy(rules=()).watches}
    except LifelineError as error:
        unread["agents"] = str(error)
        return None
    instances = Instances().look_up(entity for series in listed.values() for entity in series)
    found = []
    for cut, period in periods.items():
        times: dict[str, list[datetime]] = {}
        for watch, series in listed.items():
            there = {entity: series[entity] for entity in _behind(cut, vpcs, instances) if entity in series}
            times |= _times(CloudWatch(watch), cut, period, there)
        found.append(judge(cut, times, period))
    return tuple(found)


def _behind(cut: Cut, vpcs: Iterable[Vpc], instances: Mapping[str, Instance]) -> list[str]:
    """The instances that use the table, and have run since before the cut."""
    subnet_ids = {
        subnet.id
        for vpc in vpcs
        for subnet in vpc.subnets
        if (table := effective_route_table(subnet, vpc)) and table.id == cut.route.table_id
    }
    return [
        id_
        for id_, instance in instances.items()
        if instance.subnet_id in subnet_ids and instance.launched_at and instance.launched_at < cut.change.at
    ]


def _times(
    cloudwatch: CloudWatch, cut: Cut, period: timedelta, listed: Mapping[str, Sequence[Series]]
) -> dict[str, list[datetime]]:
    """The times of each agent's datapoints, from before the cut to some time after its undo. An agent of which they
    can't be read is left out.
    """
    until = (cut.undo.at if cut.undo else cut.change.at) + BACK_WITHIN + period
    window = Window(_floor(cut.change.at - max(BEFORE, 4 * period), period), _floor(until + period, period), period)
    chosen = {entity: _series(series) for entity, series in listed.items()}
    readings = cloudwatch.read({one for series in chosen.values() for one in series}, window)
    return {
        entity: sorted({time for one in series for time in readings.get(one, ())})
        for entity, series in chosen.items()
        if any(one in readings for one in series)
    }


def _series(listed: Sequence[Series]) -> tuple[Series, ...]:
    first = choose_series(listed)
    return first, *other_series(first, listed, limit=_OTHERS)


def _floor(at: datetime, period: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return at - (at - epoch) % period


# ---- arguments


def _choice(name: str, said: str, choices: Sequence[str]) -> str:
    """What was chosen; the first if nothing was. Raises UnusableError."""
    chosen = said.strip() or choices[0]
    if chosen not in choices:
        near = nearest(chosen, choices)
        hint = f"; did you mean {near}?" if near else ""
        raise UnusableError(f"{name} must be {' or '.join(choices)}, not {chosen!r}{hint}")
    return chosen


def _fail(words: str, code: int) -> int:
    sys.stderr.write(f"{words}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make look-back", description="Print what the past changes tell.")
    parser.add_argument("--from", dest="folder", default="", help="a folder of a trail's files, instead of AWS")
    parser.add_argument("--region", default="", help="the region (default: from your environment or profile)")
    parser.add_argument("--profile", default="", help="a profile from your AWS configuration")
    parser.add_argument("--format", default="", help="text (the default) or json")
    parser.add_argument("--names", default="", help="show (the default) or hash people's names")
    return parser


if __name__ == "__main__":
    sys.exit(main())
