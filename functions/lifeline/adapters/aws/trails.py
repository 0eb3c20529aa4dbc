"""The trails that cover a region, and what they log."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, run_concurrently
from lifeline.adapters.aws.clients import ClientOf, client, in_region
from lifeline.core.doctor.finding import NotRead
from lifeline.core.doctor.trails import Trail
from lifeline.core.errors import LifelineError


class Trails:
    """CloudTrail's trails in a region: its own, those of other regions that cover it, and the organization's."""

    def __init__(self, client: ClientOf = client) -> None:
        self._client = client

    def read(self) -> tuple[Trail, ...]:
        """Each trail with its state and selectors, as far as they can be read. Raises ours if they can't be listed.

        A trail's status is asked for by its ARN, also by a member of the organization whose trail it is; only the
        owner's account can read the selectors, and only in the trail's own region (CloudTrail API: GetTrailStatus,
        GetEventSelectors).
        """
        cloudtrail = self._client("cloudtrail")
        with aws_errors("describe_trails"):
            described = cloudtrail.describe_trails(includeShadowTrails=True)["trailList"]
        here = cloudtrail.meta.region_name
        reads = [partial(self._trail, one, cloudtrail, is_at_home=one.get("HomeRegion") == here) for one in described]
        return tuple(run_concurrently(reads))

    def _trail(self, described: Mapping[str, Any], cloudtrail: Any, *, is_at_home: bool) -> Trail:
        arn = described["TrailARN"]
        return Trail(
            arn,
            is_logging=_attempt(partial(_is_logging, cloudtrail, arn)),
            selectors=_attempt(partial(self._selectors, described, cloudtrail, is_at_home=is_at_home)),
            has_custom_selectors=described.get("HasCustomEventSelectors"),
            is_organizations=described.get("IsOrganizationTrail", False),
        )

    def _selectors(self, described: Mapping[str, Any], cloudtrail: Any, *, is_at_home: bool) -> Mapping[str, Any]:
        with aws_errors("get_event_selectors"):
            home = cloudtrail if is_at_home else in_region(self._client, described["HomeRegion"])("cloudtrail")
            answer: Mapping[str, Any] = home.get_event_selectors(TrailName=described["TrailARN"])
        return answer


def _is_logging(cloudtrail: Any, arn: str) -> bool:
    with aws_errors("get_trail_status"):
        return bool(cloudtrail.get_trail_status(Name=arn)["IsLogging"])


def _attempt[T](read: Callable[[], T]) -> T | NotRead:
    try:
        return read()
    except LifelineError as error:
        return NotRead.because(error)
