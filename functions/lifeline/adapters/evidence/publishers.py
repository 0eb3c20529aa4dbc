"""Who publishes metrics: the agents that the detector would watch, and when each last did."""

from collections.abc import Collection, Iterable
from datetime import datetime

from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.adapters.aws.cloudwatch import CloudWatch, ListingCutError
from lifeline.core.agents.series import choose_series
from lifeline.core.agents.timing import Timing
from lifeline.core.agents.watches import Watch
from lifeline.core.suggest.evidence import Published


class Publishers:
    """The instances that published to the watches' namespaces lately."""

    def __init__(self, client: ClientOf = client) -> None:
        self._client = client

    def read(
        self, watches: Iterable[Watch], instance_ids: Collection[str], *, now: datetime, until: float
    ) -> tuple[tuple[Published, ...], str]:
        """Those of the instances whose series CloudWatch lists, which it does for 3 to 4 hours (CloudWatch API:
        ListMetrics, RecentlyActive), and why not all could be listed by `until` of the clock `monotonic`. Raises ours.

        One series of each is read. Where that has no datapoint, or can't be read, when it published isn't known.
        """
        found, cut = list[Published](), ""
        for watch in watches:
            if watch.is_elsewhere:
                continue
            cloudwatch = CloudWatch(watch, self._client("cloudwatch"), until=until)
            try:
                listed = cloudwatch.list_series()
            except ListingCutError as error:
                listed, cut = dict(error.listed), str(error)
            chosen = {entity: choose_series(series) for entity, series in listed.items() if entity in instance_ids}
            times = cloudwatch.read(chosen.values(), Timing(now, watch.rules).recent_window)
            found += [
                Published(entity, watch.namespace, max(times.get(series, ()), default=None))
                for entity, series in chosen.items()
            ]
        return tuple(found), cut
