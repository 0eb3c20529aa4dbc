"""Agents' series and datapoints from CloudWatch."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import batched
from time import monotonic
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.adapters.aws.calls import ours
from lifeline.adapters.aws.clients import client
from lifeline.core.agents.series import Readings, Series
from lifeline.core.agents.timing import Window
from lifeline.core.agents.watches import Watch
from lifeline.core.errors import TransientError
from lifeline.runtime.observability import logger

_QUERIES_A_CALL = 500  # CloudWatch API: GetMetricData, MetricDataQueries
_POINTS_A_CALL = 100_800  # CloudWatch API: GetMetricData, MaxDatapoints
_CONCURRENCY = 8
_LONGEST_ENTITY = 255
_LONGEST_DIMENSIONS = 2_000  # letters of one metric: far more than agents send, and a 20th of what CloudWatch takes
_MOST_SHOWN = 10
_MOST_PAGES = 400  # of a list at a time: 200,000 series fit into the function's memory


class ListingCutError(TransientError):
    """There was no time to list all series. `listed` are those that were, and `token` is where to go on."""

    def __init__(self, listed: Mapping[str, tuple[Series, ...]], token: str) -> None:
        super().__init__("there was no time to list all series", code="Cut")
        self.listed = listed
        self.token = token


class CloudWatch:
    """The series of one watch: those of its namespace that have its dimension, whose value names the agent."""

    def __init__(
        self,
        watch: Watch,
        cloudwatch: Any = None,
        *,
        until: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """No page of a list is read after `until`, on this clock."""
        self._watch = watch
        self._cloudwatch = cloudwatch or client("cloudwatch")
        self._until = until
        self._clock = clock

    def list_series(self, token: str = "") -> dict[str, tuple[Series, ...]]:
        """The agents' recently active series by entity, sorted; only of the metrics that the watch names.

        A list of 100,000s takes minutes, at 500 a page (CloudWatch API: ListMetrics). Raises ListingCutError with what
        there was time for; the next call goes on with its `token`.

        An entity that is too long, or not printable, is left out, with a warning in the log; so is a series with longer
        dimensions than any agent's, because the ledger keeps them.
        CloudWatch forgets a silent series after 3 to 4 hours, and a new one may take 15 minutes to be listed
        (CloudWatch API: ListMetrics, RecentlyActive). Raises TransientError or TerminalError where a page is missing:
        half a list would look like all of it.
        """
        found: dict[str, set[Series]] = {}
        alike: dict[tuple[str, str], tuple[str, str]] = {}
        left, too_long = "", set[str]()
        for metrics, next_token in self._pages(token):
            too_long |= self._collect(metrics, found, alike)
            left = next_token
        named = [entity for entity in sorted(found) if _is_name(entity)]
        self._complain("agents not watched: their names are too long or not printable", found.keys() - {*named, ""})
        self._complain("metrics of agents left out: their dimensions are too long", too_long)
        listed = {entity: tuple(sorted(found[entity], key=lambda series: series.rank)) for entity in named}
        if left:
            raise ListingCutError(listed, left)
        return listed

    def _collect(
        self,
        metrics: Iterable[Mapping[str, Any]],
        found: dict[str, set[Series]],
        alike: dict[tuple[str, str], tuple[str, str]],
    ) -> set[str]:
        """Add the metrics to those found. Dimensions that are `alike` are kept once: most series share theirs. Returns
        the entities of those that are left out because of their dimensions.
        """
        too_long: set[str] = set()
        for metric in metrics:
            if not metric["MetricName"].startswith(self._watch.metric_prefix):
                continue
            pairs = sorted((dimension["Name"], dimension["Value"]) for dimension in metric["Dimensions"])
            entity = dict(pairs).get(self._watch.dimension, "")
            if sum(len(name) + len(value) for name, value in pairs) > _LONGEST_DIMENSIONS:
                too_long.add(entity)
                continue
            series = Series(metric["MetricName"], tuple(alike.setdefault(pair, pair) for pair in pairs))
            found.setdefault(entity, set()).add(series)
        return too_long

    def read(self, series: Iterable[Series], window: Window) -> Readings:
        """The datapoints of each series in the window, oldest first. One that couldn't be read is left out.

        Calls run side by side and fail one by one, with a warning in the log.
        """
        size = max(1, min(_QUERIES_A_CALL, _POINTS_A_CALL // max(window.points, 1)))
        chunks = [*batched(sorted(set(series), key=lambda series: series.rank), size, strict=False)]
        if not chunks:
            return {}
        with ThreadPoolExecutor(max_workers=_CONCURRENCY) as pool:
            answers = pool.map(lambda chunk: self._read_chunk(chunk, window), chunks)
            return {series: times for answer in answers for series, times in answer.items()}

    def _pages(self, token: str) -> Iterator[tuple[list[dict[str, Any]], str]]:
        """Each page's metrics, with the token of the next page. At least one is read: that is some progress."""
        request: dict[str, Any] = {
            "Namespace": self._watch.namespace,
            "Dimensions": [{"Name": self._watch.dimension}],
            "RecentlyActive": "PT3H",
        }
        if self._watch.metric:
            request["MetricName"] = self._watch.metric
        if token:
            request["NextToken"] = token
        pages = self._cloudwatch.get_paginator("list_metrics").paginate(**request)
        try:
            for number, page in enumerate(pages, 1):
                yield page["Metrics"], page.get("NextToken", "")
                is_late = self._until is not None and self._clock() >= self._until
                if is_late or number == _MOST_PAGES:
                    return
        except (ClientError, BotoCoreError) as error:
            raise ours(error, f"the series of {self._watch.namespace} could not be listed") from error

    def _complain(self, words: str, entities: Collection[str]) -> None:
        if entities:
            shown = [ascii(entity)[:_LONGEST_ENTITY] for entity in sorted(entities)[:_MOST_SHOWN]]
            extra = {"watch": self._watch.name, "count": len(entities), "entities": shown}
            logger.warning(words, extra=extra)

    def _read_chunk(self, chunk: Sequence[Series], window: Window) -> dict[Series, tuple[datetime, ...]]:
        """Only what CloudWatch calls Complete, on whichever page: PartialData continues on the next one."""
        times: dict[str, set[datetime]] = {}
        status: dict[str, str] = {}
        request = {
            "MetricDataQueries": [self._query(f"q{number}", series, window) for number, series in enumerate(chunk)],
            "StartTime": window.start,
            "EndTime": window.end,
        }
        try:
            for page in self._cloudwatch.get_paginator("get_metric_data").paginate(**request):
                for result in page["MetricDataResults"]:
                    times.setdefault(result["Id"], set()).update(result["Timestamps"])
                    status[result["Id"]] = _worse(status.get(result["Id"], ""), result["StatusCode"])
        except (ClientError, BotoCoreError) as error:
            problem = ours(error, f"{len(chunk)} series of {self._watch.namespace} could not be read")
            logger.warning(str(problem), extra={"code": problem.code})
        ids = {f"q{number}": series for number, series in enumerate(chunk)}
        complete = {series: tuple(sorted(times[id_])) for id_, series in ids.items() if status.get(id_) == "Complete"}
        if len(complete) < len(chunk):
            logger.warning("series not read", extra={"unknown": len(chunk) - len(complete)})
        return complete

    def _query(self, id_: str, series: Series, window: Window) -> dict[str, Any]:
        return {
            "Id": id_,
            "MetricStat": {
                "Metric": {
                    "Namespace": self._watch.namespace,
                    "MetricName": series.metric,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
                },
                "Period": int(window.period.total_seconds()),
                "Stat": "SampleCount",
            },
        }


def _is_name(entity: str) -> bool:
    return 0 < len(entity) <= _LONGEST_ENTITY and entity.isprintable()


def _worse(before: str, now: str) -> str:
    """A page's InternalError or Forbidden outlasts later pages; PartialData ends with Complete."""
    return before if before in ("InternalError", "Forbidden") else now
