"""The plan of a whole region as one document, and the document as text, as CSV and in one line.

`describe` makes it from the handler's answer. Its form is that of docs/schemas/plan.schema.json.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any

from lifeline.core.network.model import Tier, UnsureTier
from lifeline.core.notices.plan_text import WORDS, Sign, way_lines
from lifeline.core.plan.actions import ActionKind, ServiceState, Status
from lifeline.core.plan.cost import Price, as_of, monthly_nat_usd
from lifeline.core.wording import plain, quoted, wrap, write_count, write_time
from tools.watch_cost import alarms_cost_usd, watch_cost

type Document = dict[str, Any]

RUN = frozenset("=+-@")  # what spreadsheets run, with tab and CR, which become blanks (OWASP: CSV injection)
_EVERY = timedelta(minutes=1)  # as often as the template's schedule has agents checked
_VERBS = {Sign.CREATE: "to_create", Sign.CHANGE: "to_change", Sign.DELETE: "to_delete", Sign.BLOCKED: "blocked"}
_COLUMNS = (
    "row",
    "region",
    "vpc_id",
    "vpc_name",
    "service",
    "action",
    "status",
    "subnets",
    "action_monthly_usd",
    "blocked_monthly_usd",
    "vpc_monthly_usd",
    "watching_monthly_usd",
    "region_monthly_usd",
    "way",
    "way_monthly_usd",
    "way_usd_per_gb",
    "way_cheapest_from_gb",
    "way_cheapest_until_gb",
    "why_not",
    "reason",
)


@dataclass(frozen=True, slots=True)
class Nat:
    """The NAT gateways of a VPC, and how many GB they have processed in the last 30 days; None where that isn't known.

    A NAT gateway is billed for each GB that it processes (VPC pricing): what comes from its clients, and what comes
    back (CloudWatch metrics for NAT gateways: BytesInFromSource, BytesInFromDestination).
    """

    gateways: int
    gb: float | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What a plan is read with besides the VPCs. `unread` says why something isn't known, by what it is."""

    account: str
    region: str
    at: datetime
    services: tuple[str, ...]
    nats: Mapping[str, Nat]
    agents: int | None
    unread: Mapping[str, str]


def describe(answer: Mapping[str, Any], around: Around, price: Price) -> Document:
    """The region's plan from the handler's answer, the VPCs that are worst off first."""
    vpcs = sorted((_vpc(said, around.nats.get(said["vpc_id"]), price) for said in answer["vpcs"]), key=_badness)
    counts = Counter(_verb(action) for vpc in vpcs for action in vpc["actions"])
    return {
        "account": around.account,
        "region": around.region,
        "planned_at": around.at.isoformat(),
        "services": list(around.services),
        "vpcs": vpcs,
        "totals": {
            "vpcs": len(vpcs),
            **{verb: counts[verb] for verb in _VERBS.values()},
            "unknown": sum(map(_unknown, vpcs)),
            "monthly_cost_usd": _sum(vpc["monthly_cost_usd"] for vpc in vpcs),
        },
        "watching": _watching(around.agents),
        "prices": {
            "per_zone_hour_usd": float(price.per_zone_hour_usd),
            "per_gb_usd": float(price.per_gb_usd),
            "nat_hour_usd": float(price.nat_hour_usd),
            "nat_gb_usd": float(price.nat_gb_usd),
            "as_of": as_of(price),
            "is_of_region": price.is_exact,
            "transit_hour_usd": float(price.transit.hour_usd),
            "transit_gb_usd": float(price.transit.gb_usd),
            "transit_as_of": price.transit.as_of,
            "transit_is_of_region": price.transit.region == price.region,
        },
        "unread": dict(around.unread),
    }


def unreadable(region: str, why: str) -> Document:
    """What there is to say of a region that can't be read."""
    return {"region": region, "error": why}


def worst_first(documents: Iterable[Document]) -> list[Document]:
    """The regions: those that can't be read, then those in which most is blocked or not known, then by cost."""

    def badness(document: Document) -> tuple[Any, ...]:
        totals = document.get("totals", {})
        bad = (totals.get("blocked", 0), totals.get("unknown", 0), totals.get("monthly_cost_usd", 0))
        return ("error" not in document, *(-number for number in bad), document["region"])

    return sorted(documents, key=badness)


def _vpc(said: Mapping[str, Any], nat: Nat | None, price: Price) -> Document:
    return {**said, "nat": _nat(said["monthly_cost_usd"], nat, price) if nat else None}


def _nat(monthly_usd: float, nat: Nat, price: Price) -> Document:
    """What the VPC's NAT gateways cost, and from how many GB a month on the planned endpoints cost less than NAT."""
    saved = price.nat_gb_usd - price.per_gb_usd
    even = (Decimal(str(monthly_usd)) / saved).quantize(Decimal(1), rounding=ROUND_UP) if saved > 0 else None
    return {
        "gateways": nat.gateways,
        "gateways_monthly_usd": float(nat.gateways * monthly_nat_usd(price)),
        "gb_in_30_days": nat.gb,
        "traffic_usd_in_30_days": None if nat.gb is None else float(_cents(Decimal(str(nat.gb)) * price.nat_gb_usd)),
        "endpoints_cost_less_from_gb": int(even) if even is not None and monthly_usd else None,
    }


def _watching(agents: int | None) -> Document | None:
    """What it would cost to watch the agents that publish now; None where they can't be listed."""
    if agents is None:
        return None
    cost = watch_cost(agents, _EVERY)
    return {
        "agents": agents,
        "monthly_cost_usd": float(cost.total),
        "of_which_stack_usd": float(cost.stack),
        "alarm_each_monthly_usd": float(alarms_cost_usd(agents)),
    }


def _badness(vpc: Document) -> tuple[Any, ...]:
    """First what couldn't be planned, then by how much a person has to see to, by what isn't known, by what is missing,
    and by cost.
    """
    blocked = sum(action["status"] in {Status.BLOCKED, Status.FAILED} for action in vpc["actions"])
    missing = sum(service["state"] == ServiceState.MISSING for service in vpc["services"])
    return ("error" not in vpc, -blocked, -_unknown(vpc), -missing, -vpc["monthly_cost_usd"], vpc["vpc_id"])


def _unknown(vpc: Document) -> int:
    return sum(service["state"] == ServiceState.UNKNOWN for service in vpc["services"])


def _sign(action: Mapping[str, Any]) -> Sign:
    is_held = action["status"] in {Status.BLOCKED, Status.FAILED}
    return Sign.BLOCKED if is_held else WORDS[ActionKind(action["action"])].sign


def _verb(action: Mapping[str, Any]) -> str:
    return _VERBS[_sign(action)]


def _sum(costs: Iterable[float]) -> float:
    return float(sum((Decimal(str(cost)) for cost in costs), Decimal(0)))


def _cents(usd: Decimal) -> Decimal:
    return usd.quantize(Decimal("0.01"))


# ---- for people


def as_text(document: Document) -> str:
    """The plan of a region as people read it: a block for each VPC that has something to say, and what all costs."""
    if "error" in document:
        return f"{as_line(document)}\n"
    telling = [vpc for vpc in document["vpcs"] if _has_news(vpc)]
    at = write_time(datetime.fromisoformat(document["planned_at"]))
    lines = [
        f"Plan of {document['region']} in account {document['account']}, as of {at}",
        *wrap(f"Required in private subnets: {', '.join(document['services'])}", rest="   "),
        "",
    ]
    for vpc in telling:
        lines += [*_block(vpc), ""]
    idle = len(document["vpcs"]) - len(telling)
    if idle:
        lines += [f"{write_count(idle, 'more VPC' if telling else 'VPC')}: nothing to do.", ""]
    return "\n".join([*lines, *_sums(document)]) + "\n"


def as_line(document: Document) -> str:
    """The plan of a region in one line."""
    if "error" in document:
        return f"{document['region']}: can't be read: {document['error']}"
    totals, watching = document["totals"], document["watching"]
    agents = write_count(watching["agents"], "agent") if watching else "agents not known"
    unknown = f", {totals['unknown']} not known" if totals["unknown"] else ""
    return (
        f"{document['region']}: {write_count(totals['vpcs'], 'VPC')}: {_counts(totals)}{unknown}; "
        f"{totals['monthly_cost_usd']:.2f} USD more per month; {agents}"
    )


def _has_news(vpc: Document) -> bool:
    return bool(vpc["actions"] or "error" in vpc or _unknown(vpc))


def _block(vpc: Document) -> list[str]:
    name = f" ({quoted(vpc['name'], 40)})" if vpc.get("name") else ""
    lines = wrap(f"{vpc['vpc_id']}{name}: {vpc['monthly_cost_usd']:.2f} USD more per month", rest="   ")
    tiers = Counter(vpc["subnets"].values())
    counts = [f"{tiers[str(tier)]} {tier}" for tier in (*Tier, *UnsureTier) if tiers[str(tier)]]
    lines += wrap(f"subnets: {'; '.join(counts)}", first=" ", rest="   ") if counts else []
    if "error" in vpc:
        lines += wrap(f"! {vpc['error']['field']}: {vpc['error']['message']}", first=" ", rest="   ")
    for action in vpc["actions"]:
        lines += wrap(f"{_sign(action)} {_deed(action)}", first=" ", rest="   ")
        if action["error"]:
            lines += wrap(f"{action['status']}: {action['error']}", first="   ")
    acted = {action["service"] for action in vpc["actions"]}
    states = [
        f"{service['service']} {'not known' if service['state'] == ServiceState.UNKNOWN else service['state']}"
        + (f" ({service['detail']})" if service["state"] == ServiceState.UNKNOWN and service["detail"] else "")
        for service in vpc["services"]
        if service["service"] not in acted
    ]
    lines += wrap(f"= {'; '.join(states)}", first=" ", rest="   ") if states else []
    lines += way_lines(vpc["comparison"]["words"]) if "comparison" in vpc else []
    lines += wrap(_nat_words(vpc["nat"]), first=" ", rest="   ") if vpc["nat"] else []
    return lines + (wrap(f"note: {vpc['note']}", first=" ", rest="   ") if vpc.get("note") else [])


def _deed(action: Mapping[str, Any]) -> str:
    """`monitoring: create an interface endpoint in 2 subnets (14.60 USD)`."""
    target = " and ".join(action["attributes"]) or action["endpoint_id"] or action["security_group_id"]
    what = WORDS[ActionKind(action["action"])].planned.format(target).strip()
    service = f"{action['service']}: " if action["service"] else ""
    where = f" in {write_count(len(action['subnet_ids']), 'subnet')}" if action["subnet_ids"] else ""
    cost = f" ({action['monthly_cost_usd']:.2f} USD)" if action["monthly_cost_usd"] else ""
    return f"{service}{what}{where}{cost}"


def _nat_words(nat: Document) -> str:
    words = f"NAT: {write_count(nat['gateways'], 'gateway')}, {nat['gateways_monthly_usd']:.2f} USD per month"
    if nat["gb_in_30_days"] is not None:
        words += f", and {nat['gb_in_30_days']:.1f} GB in 30 days for {nat['traffic_usd_in_30_days']:.2f} USD"
    if nat["endpoints_cost_less_from_gb"] is not None:
        words += f"; the planned endpoints cost less if they take over {nat['endpoints_cost_less_from_gb']} GB a month"
    return words


def _counts(totals: Mapping[str, Any]) -> str:
    return ", ".join(f"{totals[verb]} {verb.replace('_', ' ')}" for verb in _VERBS.values())


def _sums(document: Document) -> Iterator[str]:
    totals, watching, priced = document["totals"], document["watching"], document["prices"]
    yield f"Plan: {_counts(totals)} in {write_count(totals['vpcs'], 'VPC')}."
    yield f"Cost: {totals['monthly_cost_usd']:.2f} USD more per month, before data charges."
    gateways = [vpc["nat"] for vpc in document["vpcs"] if vpc["nat"]]
    if gateways:
        yield from wrap(_nat_sum(gateways, priced), rest="   ")
    if watching:
        agents = write_count(watching["agents"], "agent")
        yield from wrap(
            f"Watching: {watching['monthly_cost_usd']:.2f} USD per month for the {agents} that publish now, of which "
            f"{watching['of_which_stack_usd']:.2f} USD are the stack's own. An alarm for each would cost "
            f"{watching['alarm_each_monthly_usd']:.2f} USD."
            if watching["agents"]
            else f"Watching: no agent publishes now. The stack itself costs {watching['of_which_stack_usd']:.2f} USD "
            "per month.",
            rest="   ",
        )
    for what, why in document["unread"].items():
        yield from wrap(f"Not known: {what}: {why}", rest="   ")
    whose = document["region"] if priced["is_of_region"] else "us-east-1, because the region's own aren't known"
    yield from wrap(f"List prices of {whose}, as of {priced['as_of']}, without tax and discounts.", rest="   ")
    if any("comparison" in vpc for vpc in document["vpcs"]):
        whose = document["region"] if priced["transit_is_of_region"] else "us-east-1, as the region's own aren't known"
        yield from wrap(f"Transit gateways: list prices of {whose}, as of {priced['transit_as_of']}.", rest="   ")
    if totals["to_create"] + totals["to_change"]:
        yield from wrap(
            "The limits aren't counted here. What is missing when Lifeline begins to enforce will wait for your "
            "approval, unless the policy says otherwise.",
            rest="   ",
        )
    yield "This is a plan: nothing was changed. More on one VPC: make plan VPC=vpc-..."


def _nat_sum(gateways: Sequence[Document], priced: Mapping[str, Any]) -> str:
    known = [nat["gb_in_30_days"] for nat in gateways if nat["gb_in_30_days"] is not None]
    number = write_count(sum(nat["gateways"] for nat in gateways), "NAT gateway")
    words = f"NAT: {number}"
    if known:
        usd = _sum(nat["traffic_usd_in_30_days"] for nat in gateways if nat["traffic_usd_in_30_days"] is not None)
        words += f" processed {sum(known):.1f} GB in 30 days for {usd:.2f} USD"
        words += " (some of them; the others' traffic isn't known)" if len(known) < len(gateways) else ""
    return (
        f"{words}. How much of their traffic goes to the required services isn't known. A GB costs "
        f"{priced['nat_gb_usd']} USD there and {priced['per_gb_usd']} USD through an interface endpoint."
    )


# ---- for spreadsheets


def as_csv(documents: Sequence[Document]) -> str:
    """The plans as a table: a row for each action, each VPC, each way to a hub's services, and each region's watching
    and total.

    Each has its cost in a column of its own, so that a column's sum counts nothing twice. Texts are in quotes and
    numbers aren't. No cell is a formula.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, restval="", quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writeheader()
    for document in documents:
        for row in _rows(document):
            writer.writerow({name: inert_cell(cell) for name, cell in row.items()})
    return out.getvalue()


def _ways(compared: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    """A row for each way to reach a hub's services."""
    if compared is None:
        return
    cheapest = {stretch["way"]: stretch for stretch in compared["cheapest"]}
    for way, cost in compared["ways"].items():
        stretch = cheapest.get(way, {})
        cells = {
            "way_monthly_usd": cost["monthly_usd"],
            "way_usd_per_gb": cost["per_gb_usd"],
            "way_cheapest_from_gb": stretch.get("from_gb"),
            "way_cheapest_until_gb": stretch.get("until_gb"),
        }
        known = {name: cell for name, cell in cells.items() if cell is not None}
        yield {"service": ", ".join(compared["services"]), "way": way, **known, "reason": cost["detail"]}


def inert_cell(cell: str | float) -> str | float:
    """The cell as a spreadsheet shows it, and runs nothing: text that might be a formula begins with an apostrophe."""
    if not isinstance(cell, str):
        return cell
    text = plain(" ".join(cell.split()))
    return f"'{text}" if text[:1] in RUN else text


def _rows(document: Document) -> Iterator[dict[str, Any]]:
    region = {"region": document["region"]}
    if "error" in document:
        yield {"row": "region", **region, "status": "unreadable", "why_not": document["error"]}
        return
    for vpc in document["vpcs"]:
        about = {**region, "vpc_id": vpc["vpc_id"], "vpc_name": vpc.get("name", "")}
        for action in vpc["actions"]:
            is_planned = action["status"] == Status.PLANNED
            yield {
                "row": "action",
                **about,
                "service": action["service"],
                "action": action["action"],
                "status": action["status"],
                "subnets": len(action["subnet_ids"]),
                f"{'action' if is_planned else 'blocked'}_monthly_usd": action["monthly_cost_usd"],
                "why_not": action["error"],
                "reason": action["reason"],
            }
        refused = {"why_not": vpc["error"]["message"]} if "error" in vpc else {}
        cost = {"vpc_monthly_usd": vpc["monthly_cost_usd"], "subnets": len(vpc["subnets"])}
        yield {"row": "vpc", **about, "status": vpc["outcome"], **cost, **refused}
        yield from ({"row": "way", **about, **way} for way in _ways(vpc.get("comparison")))
    watching, unread = document["watching"], "; ".join(map(": ".join, document["unread"].items()))
    if watching:
        yield {"row": "watching", **region, "watching_monthly_usd": watching["monthly_cost_usd"]}
    yield {"row": "region", **region, "region_monthly_usd": document["totals"]["monthly_cost_usd"], "why_not": unread}
