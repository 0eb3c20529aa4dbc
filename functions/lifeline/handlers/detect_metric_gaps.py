"""DetectMetricGaps: each minute, which agents are silent and which are back."""

from datetime import UTC, datetime

from aws_lambda_powertools.metrics import MetricUnit

from lifeline.adapters.cloudwatch import CloudWatch
from lifeline.adapters.instances import Instances
from lifeline.adapters.notices import Topic
from lifeline.adapters.roster import Roster
from lifeline.core.gaps import Rules
from lifeline.errors import TransientError
from lifeline.observability import logger, metrics
from lifeline.settings import Settings
from lifeline.watch import Report, Sources, watch_agents


@metrics.log_metrics
def handler(event: object, _context: object) -> dict[str, object]:
    """Ids by state, and the gaps that this run opened and resolved; `errors` says what in the event is unusable.

    The schedule sends `{"detect": true}`; by hand `{}` does the same. Raises TransientError where news couldn't be
    written or told, after all the rest is done: the function's error alarm rings, and the next run tells it.
    """
    metrics.add_metric("Runs", MetricUnit.Count, 1)
    if refusals := _refusals(event):
        metrics.add_metric("Refused", MetricUnit.Count, 1)
        return {**Report().as_answer(), "errors": refusals}
    settings = Settings.from_environment()
    rules = Rules(settings.agent_period, settings.gap_grace)
    report = watch_agents(_sources(settings, rules), rules, now=_now())
    _measure(report)
    if report.failures:
        raise TransientError(f"{len(report.failures)} of this run's writes and notices failed: {report.failures[0]}")
    return {**report.as_answer()}


def _refusals(event: object) -> list[dict[str, str]]:
    if not isinstance(event, dict):
        return [{"field": "event", "message": f"must be an object, not {type(event).__name__}"}]
    unknown = sorted(str(key) for key in event if key != "detect")
    refusals = [{"field": key, "message": "is not a field of this event; it takes only detect"} for key in unknown]
    if event.get("detect", True) is not True:
        refusals.append({"field": "detect", "message": "must be true"})
    return refusals


def _sources(settings: Settings, rules: Rules) -> Sources:
    namespace = settings.agent_namespace
    return Sources(
        namespace=namespace,
        cloudwatch=CloudWatch(namespace),
        instances=Instances(),
        roster=Roster(settings.table_name, namespace, rules.forget_after),
        notices=Topic(settings.topic_arn),
    )


def _measure(report: Report) -> None:
    counts = {
        "Watched": report.watched,
        "Reporting": report.reporting,
        "Silent": report.silent,
        "Suppressed": report.suppressed,
        "Unknown": report.unknown,
        "GapsOpened": report.opened,
        "GapsResolved": report.resolved,
    }
    for name, entities in counts.items():
        metrics.add_metric(name, MetricUnit.Count, len(entities))
    logger.info("agents watched", extra={name: len(entities) for name, entities in counts.items()})


def _now() -> datetime:
    return datetime.now(UTC)
