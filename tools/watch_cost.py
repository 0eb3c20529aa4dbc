"""The monthly cost of watching agents, compared with one CloudWatch alarm for each, at list prices in us-east-1."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from lifeline.core.agents.roster import MOST
from lifeline.core.plan.cost import HOURS_A_MONTH

# AWS Price List, us-east-1, in USD, without tax, discounts and free tiers. docs/costs.md names the sources.
METRIC_READ_USD = Decimal("0.00001")  # CW:GMD-Metrics: one metric requested with GetMetricData
REQUEST_USD = Decimal("0.00001")  # CW:Requests: one call, such as a page of ListMetrics
ALARM_USD = Decimal("0.10")  # CW:AlarmMonitorUsage: a month of an alarm on one metric, at 60 s or more
METRIC_USD = Decimal("0.30")  # CW:MetricMonitorUsage: a month of a custom metric, of the first 10,000
READ_UNIT_USD = Decimal("0.000000125")  # ReadRequestUnits: 4 KB, or 8 KB for an eventually consistent read
WRITE_UNIT_USD = Decimal("0.000000625")  # WriteRequestUnits: 1 KB
GB_SECOND_USD = Decimal("0.0000166667")  # Lambda-GB-Second: x86_64
INVOCATION_USD = Decimal("0.0000002")  # Request: one invocation
LOG_GB_USD = Decimal("0.50")  # DataProcessing-Bytes: logs ingested
QUEUE_REQUEST_USD = Decimal("0.0000004")  # Requests-Tier1: SQS, standard queues
WATCH_PRICES_AS_OF = date(2025, 7, 21)  # of the oldest price, DynamoDB's

# The stack's own resources. Tests compare these with the template and the handlers.
OWN_METRICS = 3  # in namespace Lifeline, published every hour
OWN_ALARMS = 7
POLLED_QUEUES = 3
MEMORY_GB = Decimal("0.5")

# Assumptions about a run.
PATIENCE = timedelta(minutes=5)  # the default period and grace
# How old an agent's newest datapoint is in a run, in whole minutes, and of how many agents: its minute has to end, and
# the datapoint to be sent and to arrive. A test takes the shares from the simulation of a calm fleet.
NEWEST_AGES = {1: Decimal("0.37"), 2: Decimal("0.61"), 3: Decimal("0.02")}
RUN_TIME = timedelta(seconds=1.1)
RUN_TIME_AN_AGENT = timedelta(microseconds=390)  # most of it unpacks the roster: bench/README.md
ROSTER_BYTES_A_CHUNK = 15_000
CHUNKS_WRITTEN_A_RUN = 1  # at most; 0.99 and 0.83 in the same simulation, at a grace of 4 and 10 minutes
ROSTER_READS_A_RUN = 2  # one Query counts the agents and one reads them; both pay for whole items
# Units: what was denied, event path, last sweep, policy (two), latest change, open incidents. A test counts them.
SMALL_READS_A_RUN = 7
LOG_BYTES_A_RUN = 4_000
SERIES_AN_AGENT = 10  # listed by CloudWatch
DISCOVERY_PACE = timedelta(minutes=15)
_SERIES_A_PAGE = 500  # CloudWatch API: ListMetrics
_READ_UNIT_BYTES = 4096  # DynamoDB guide: read and write operations
_WRITE_UNIT_BYTES = 1024
_POLLS_AN_HOUR = 5 * 180  # five long polls of 20 s at a time (Lambda guide: scaling of SQS event sources)

_MONTH = timedelta(hours=HOURS_A_MONTH)


@dataclass(frozen=True, slots=True)
class WatchCost:
    """The monthly cost of one watch in USD, rounded to cents.

    `datapoints` is GetMetricData, `lists` is ListMetrics, and `runs` is the function with its logs, and the roster that
    it reads and writes.
    `stack` is the fixed cost of the stack's own metrics, alarms and queues.
    """

    datapoints: Decimal
    lists: Decimal
    runs: Decimal
    stack: Decimal

    @property
    def total(self) -> Decimal:
        """The sum of all parts."""
        return self.datapoints + self.lists + self.runs + self.stack


def watch_cost(agents: int, every: timedelta, patience: timedelta = PATIENCE) -> WatchCost:
    """The monthly cost of checking this many agents this often, if all report. `patience` is the period and the grace.

    Raises ValueError if `every` is less than a minute, which is a schedule's limit (EventBridge Scheduler guide).
    """
    runs = runs_a_month(every)
    return WatchCost(
        datapoints=_cents(agent_cost_usd(every, patience) * agents),
        lists=_cents(_lists_a_month(agents) * REQUEST_USD),
        runs=_cents(runs * _run_usd(agents)),
        stack=stack_cost_usd(),
    )


def agent_cost_usd(every: timedelta, patience: timedelta = PATIENCE) -> Decimal:
    """The monthly cost of one reporting agent in USD, rounded to hundredths of a cent: one metric per read."""
    usd = METRIC_READ_USD * runs_a_month(every) * reads_a_run(every, patience)
    return usd.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def reads_a_run(every: timedelta, patience: timedelta = PATIENCE) -> Decimal:
    """The share of the agents that are read in a run, if all report: none is before it can be overdue."""
    shares = [share / runs_a_read(every, patience, minutes) for minutes, share in NEWEST_AGES.items()]
    return sum(shares, Decimal(0))


def runs_a_read(every: timedelta, patience: timedelta, minutes: int) -> int:
    """In how many runs an agent is read once whose newest datapoint is so many minutes and some seconds old then."""
    return max(1, -(-(patience - timedelta(minutes=minutes)) // every))


def stack_cost_usd() -> Decimal:
    """The monthly fixed cost of the stack in USD."""
    polls = POLLED_QUEUES * _POLLS_AN_HOUR * HOURS_A_MONTH
    return _cents(OWN_METRICS * METRIC_USD + OWN_ALARMS * ALARM_USD + polls * QUEUE_REQUEST_USD)


def alarms_cost_usd(agents: int) -> Decimal:
    """The monthly cost in USD of one standard-resolution alarm for each agent."""
    return _cents(ALARM_USD * agents)


def even_patience(every: timedelta = timedelta(minutes=1)) -> timedelta:
    """The shortest period and grace, in whole minutes, with which an agent costs less than its own alarm would."""
    minutes = (timedelta(minutes=number) for number in range(1, 1440))
    return next(patience for patience in minutes if agent_cost_usd(every, patience) < ALARM_USD)


def runs_a_month(every: timedelta) -> Decimal:
    """How often a schedule runs in a month. Raises ValueError if it is faster than once a minute."""
    if every < timedelta(minutes=1):
        raise ValueError(f"a schedule runs at most once a minute, not every {every}")
    return Decimal(_MONTH // timedelta(seconds=1)) / Decimal(every // timedelta(seconds=1))


def _run_usd(agents: int) -> Decimal:
    seconds = Decimal((RUN_TIME + agents * RUN_TIME_AN_AGENT) // timedelta(milliseconds=1)) / 1000
    # An eventually consistent Query costs half a unit for each 4 KB (DynamoDB guide: read operations)
    roster = _pages(agents * ROSTER_BYTES_A_CHUNK, MOST * _READ_UNIT_BYTES) * ROSTER_READS_A_RUN
    units = Decimal(roster) / 2 + SMALL_READS_A_RUN
    written = CHUNKS_WRITTEN_A_RUN * _pages(agents * ROSTER_BYTES_A_CHUNK, MOST * _WRITE_UNIT_BYTES) + 1  # its state
    return (
        seconds * MEMORY_GB * GB_SECOND_USD
        + INVOCATION_USD
        + units * READ_UNIT_USD
        + written * WRITE_UNIT_USD
        + LOG_BYTES_A_RUN * LOG_GB_USD / 10**9
    )


def _lists_a_month(agents: int) -> int:
    return _pages(agents * SERIES_AN_AGENT, _SERIES_A_PAGE) * (_MONTH // DISCOVERY_PACE)


def _pages(things: int, a_page: int) -> int:
    return -(-things // a_page)


def _cents(usd: Decimal) -> Decimal:
    return usd.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
