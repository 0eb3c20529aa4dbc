"""Is there room for what Lifeline will create, and for its runs? A quota without room fails when it is needed most."""

from collections.abc import Mapping
from dataclasses import dataclass

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.wording import few

CONCURRENCY_CHECK = "Lambda concurrency"
_CONCURRENCY_CODE = "L-B99A9384"  # Service Quotas: Lambda, concurrent executions. Its value is read from Lambda itself.
# What runs at once: 2 batches of changes, 5 parts of a large detector run, and what a schedule starts.
MOST_RUNS = 8
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


def check_concurrency(read: Concurrency | NotRead) -> Finding:
    """Whether Lifeline's functions find room among the account's others."""
    if isinstance(read, NotRead):
        return unknown(CONCURRENCY_CHECK, "Lambda's quotas couldn't be read.", read.why)
    says = f"{read.unreserved:,} of {read.whole:,} concurrent runs aren't reserved, and Lifeline has up to {MOST_RUNS}."
    if read.unreserved >= MOST_RUNS:
        return ok(CONCURRENCY_CHECK, says)
    remedy = (
        f"Ask for more in Service Quotas (lambda, {_CONCURRENCY_CODE}), or reserve less for other functions. Until"
        " then, runs may be throttled: changes wait in the queue, and a schedule's run may be missed."
    )
    return bad(CONCURRENCY_CHECK, says, remedy)
