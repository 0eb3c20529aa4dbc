"""Is there room for what Lifeline will create, and for its runs? A quota without room fails when it is needed most."""

from collections.abc import Mapping
from dataclasses import dataclass

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.wording import few, listed, write_count

CONCURRENCY_CHECK = "Lambda concurrency"
_CONCURRENCY_CODE = "L-B99A9384"  # Service Quotas: Lambda, concurrent executions. Its value is read from Lambda itself.
# What runs at once of each function: 2 batches of changes, 2 of repairs, and a sweep; 5 parts of a large run, or 5
# accounts of a hub, and the schedule's own run. A reservation below what its queues start at once, all together,
# throttles them (Lambda guide: SQS, maximum concurrency).
RUNS = {"ReconcileEndpoints": 5, "DetectMetricGaps": 6}
_MOST = 5


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of Amazon VPC, what it counts, and its value unless AWS raised it (VPC guide: quotas)."""

    check: str
    code: str
    noun: str
    default: int


# Gateway Load Balancer endpoints count as interface endpoints (VPC guide: quotas, VPC endpoints).
ENDPOINTS = Quota("room for interface endpoints", "L-29B6F2EB", "interface endpoint", 50)
GATEWAYS = Quota("room for gateway endpoints", "L-1B52E74A", "gateway endpoint", 20)
INTERFACES = Quota("room for network interfaces", "L-DF5E4CA3", "network interface", 5_000)
GROUPS = Quota("room for security groups", "L-E79EC296", "security group", 2_500)
QUOTAS = (ENDPOINTS, GATEWAYS, INTERFACES, GROUPS)


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """How many there are of what a quota counts, and how many more Lifeline may have to create."""

    there: int
    more: int


def check_quota(quota: Quota, value: int | NotRead, uses: Mapping[str, QuotaUse] | NotRead) -> Finding:
    """Whether the quota has room in each place, which is a VPC or the region; a place where Lifeline would create
    nothing needs none.
    """
    if isinstance(uses, NotRead):
        return unknown(quota.check, f"How many {quota.noun}s there are couldn't be read.", uses.why)
    needing = {place: use for place, use in uses.items() if use.more}
    if not needing:
        return ok(quota.check, f"Lifeline needs no further {quota.noun}s.")
    if isinstance(value, NotRead):
        says = f"The quota of {quota.noun}s couldn't be read. By default it is {quota.default:,}."
        return unknown(quota.check, says, value.why)
    short = {place: use for place, use in needing.items() if use.there + use.more > value}
    if short:
        said = few([f"{place} has {use.there:,} and may need {use.more:,} more" for place, use in short.items()], _MOST)
        remedy = (
            f"Ask for more in Service Quotas (vpc, {quota.code}), or delete what isn't used. Until then, Lifeline can't"
            f" create all {quota.noun}s that are required."
        )
        return bad(quota.check, f"The quota is {value:,} {quota.noun}s: {said}.", remedy)
    place, use = min(needing.items(), key=lambda item: value - item[1].there - item[1].more)
    left = f"{value - use.there:,} of {value:,} are left in {place}"
    return ok(quota.check, f"{left}, and Lifeline may need {use.more:,} there.")


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many runs Lambda lets an account have at once in a region, and how many of these no function has reserved
    (Lambda API: AccountLimit).
    """

    whole: int
    unreserved: int


type Reserved = Mapping[str, int | NotRead | None]
"""By the name in `RUNS`, how many runs the function has for itself: None if it shares with the account's others. Zero
stops it (Lambda API: PutFunctionConcurrency).
"""


def check_concurrency(read: Concurrency | NotRead, reserved: Reserved) -> Finding:
    """Whether Lifeline's functions find room: each in its own reservation, or else among the account's others.
    `reserved` has nothing of functions that aren't deployed.
    """
    own = {name: count for name, count in reserved.items() if isinstance(count, int)}
    short = {name: count for name, count in own.items() if count < RUNS[name]}
    if short:
        return bad(CONCURRENCY_CHECK, " ".join(_says_reserved(*one) for one in short.items()), _reserve_more(short))
    if isinstance(read, NotRead):
        return unknown(CONCURRENCY_CHECK, "Lambda's quotas couldn't be read.", read.why)
    sharing = sum(count for name, count in RUNS.items() if name not in own)
    says = f"{read.unreserved:,} of {read.whole:,} concurrent runs aren't reserved, and Lifeline has up to {sharing}."
    if read.unreserved < sharing:
        remedy = (
            f"Ask for more in Service Quotas (lambda, {_CONCURRENCY_CODE}), or reserve less for other functions. Until"
            " then, runs may be throttled: changes wait in the queue, and a schedule's run may be missed."
        )
        return bad(CONCURRENCY_CHECK, says, remedy)
    unread = {name: count for name, count in reserved.items() if isinstance(count, NotRead)}
    if unread:
        unsure = f"{says} What {listed([*unread])} reserves couldn't be read."
        return unknown(CONCURRENCY_CHECK, unsure, next(iter(unread.values())).why)
    return ok(CONCURRENCY_CHECK, " ".join([says, *(_says_reserved(*one) for one in own.items())]))


def _says_reserved(name: str, count: int) -> str:
    if not count:
        return f"{name} reserves 0 concurrent runs, so Lambda doesn't run it at all."
    return f"{name} reserves {write_count(count, 'concurrent run')}, and has up to {RUNS[name]}."


def _reserve_more(short: Mapping[str, int]) -> str:
    counts = listed([f"at least {RUNS[name]} for {name}" for name in short])
    return (
        f"Take the reservation away in Lambda (DeleteFunctionConcurrency), or reserve {counts}. Until then, runs are"
        " throttled: what the queues have may end among the dead letters, and a schedule's run be missed."
    )
