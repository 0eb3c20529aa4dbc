"""What watching agents costs a month, beside one CloudWatch alarm for each: list prices of us-east-1."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from lifeline.core.agents.roster import MOST
from lifeline.core.plan.cost import HOURS_A_MONTH

# AWS Price List, us-east-1, in USD, without tax, discounts and free tiers; docs/costs.md says where each was read.
METRIC_READ_USD = Decimal("0.00001")  # CW:GMD-Metrics: one metric that GetMetricData is asked for
REQUEST_USD = Decimal("0.00001")  # CW:Requests: one call, such as a page of ListMetrics
ALARM_USD = Decimal("0.10")  # CW:AlarmMonitorUsage: a month of an alarm on one metric, at 60 s or more
METRIC_USD = Decimal("0.30")  # CW:MetricMonitorUsage: a month of a custom metric, of the first 10,000
READ_UNIT_USD = Decimal("0.000000125")  # ReadRequestUnits: 4 KB, or 8 KB where a moment's lag may be
GB_SECOND_USD = Decimal("0.0000166667")  # Lambda-GB-Second: x86_64
INVOCATION_USD = Decimal("0.0000002")  # Request: one invocation
LOG_GB_USD = Decimal("0.50")  # DataProcessing-Bytes: logs taken in
QUEUE_REQUEST_USD = Decimal("0.0000004")  # Requests-Tier1: SQS, standard queues
WATCH_PRICES_AS_OF = date(2025, 7, 21)  # the oldest of them, DynamoDB's

# What the stack is made of. Tests compare each with the template and the handlers.
OWN_METRICS = 18  # in namespace Lifeline, those that every hour sees
OWN_ALARMS = 6
POLLED_QUEUES = 2
MEMORY_GB = Decimal("0.5")

# What a run is reckoned with.
RUN_TIME = timedelta(seconds=1.1)
RUN_TIME_AN_AGENT = timedelta(microseconds=390)
ROSTER_BYTES_A_CHUNK = 15_000
ROSTER_READS_A_RUN = 2  # how many agents there are, then the agents: a Query pays for whole items either way
SMALL_READS_A_RUN = 8  # half units: open incidents, the roster's state (consistent), the last change, the policy
LOG_BYTES_A_RUN = 4_000
SERIES_AN_AGENT = 10  # that CloudWatch lists
DISCOVERY_PACE = timedelta(minutes=15)
_SERIES_A_PAGE = 500  # CloudWatch API: ListMetrics
_READ_UNIT_BYTES = 4096  # DynamoDB guide: read and write operations
_POLLS_AN_HOUR = 5 * 180  # five long polls at a time (Lambda guide: scaling of SQS event sources), taken as of 20 s

_MONTH = timedelta(hours=HOURS_A_MONTH)


@dataclass(frozen=True, slots=True)
class WatchCost:
    """A month of one watch in USD, each part in cents' precision.

    `datapoints` are what GetMetricData reads, `lists` what ListMetrics lists; `runs` are the function, the roster and
    logs. `stack` is there however few the agents: the stack's own metrics and alarms, and its queues.
    """

    datapoints: Decimal
    lists: Decimal
    runs: Decimal
    stack: Decimal

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.datapoints + self.lists + self.runs + self.stack


def watch_cost(agents: int, every: timedelta) -> WatchCost:
    """What it costs to look at so many agents that report, so often. Agents whose instance is stopped don't count.

    Raises ValueError where `every` isn't at least a minute: a schedule can't be faster (EventBridge Scheduler guide).
    """
    runs = runs_a_month(every)
    return WatchCost(
        datapoints=_cents(agent_cost_usd(every) * agents),
        lists=_cents(_lists_a_month(agents) * REQUEST_USD),
        runs=_cents(runs * _run_usd(agents)),
        stack=stack_cost_usd(),
    )


def agent_cost_usd(every: timedelta) -> Decimal:
    """What each agent that reports adds to a month, to the hundredth of a cent: one metric a run."""
    return (METRIC_READ_USD * runs_a_month(every)).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def stack_cost_usd() -> Decimal:
    """A month of what the stack has whether or not anybody is watched."""
    polls = POLLED_QUEUES * _POLLS_AN_HOUR * HOURS_A_MONTH
    return _cents(OWN_METRICS * METRIC_USD + OWN_ALARMS * ALARM_USD + polls * QUEUE_REQUEST_USD)


def alarms_cost_usd(agents: int) -> Decimal:
    """A month of one standard-resolution alarm for each agent."""
    return _cents(ALARM_USD * agents)


def even_interval() -> timedelta:
    """How often an agent is looked at where that costs as much as an alarm of its own."""
    return _MONTH / int(ALARM_USD / METRIC_READ_USD)


def runs_a_month(every: timedelta) -> Decimal:
    """How often a schedule runs in a month. Raises ValueError where it is faster than one can be."""
    if every < timedelta(minutes=1):
        raise ValueError(f"a schedule runs once a minute at most, not every {every}")
    return Decimal(_MONTH // timedelta(seconds=1)) / Decimal(every // timedelta(seconds=1))


def _run_usd(agents: int) -> Decimal:
    seconds = Decimal((RUN_TIME + agents * RUN_TIME_AN_AGENT) // timedelta(milliseconds=1)) / 1000
    # Half a unit for each 4 KB that a Query reads, where a moment's lag may be (DynamoDB guide: read operations)
    roster = _pages(agents * ROSTER_BYTES_A_CHUNK, MOST * _READ_UNIT_BYTES) * ROSTER_READS_A_RUN
    units = Decimal(roster + SMALL_READS_A_RUN) / 2
    return (
        seconds * MEMORY_GB * GB_SECOND_USD
        + INVOCATION_USD
        + units * READ_UNIT_USD
        + LOG_BYTES_A_RUN * LOG_GB_USD / 10**9
    )


def _lists_a_month(agents: int) -> int:
    return _pages(agents * SERIES_AN_AGENT, _SERIES_A_PAGE) * (_MONTH // DISCOVERY_PACE)


def _pages(things: int, a_page: int) -> int:
    return -(-things // a_page)


def _cents(usd: Decimal) -> Decimal:
    return usd.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
