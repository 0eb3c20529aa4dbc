"""The coverage page's parts: the header with its totals, and each VPC with its incidents, actions and buttons."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lifeline.core.wording import write_length, write_time
from lifeline.dashboard.coverage import Coverage, IncidentRow, StepKind, TimelineStep, VpcCoverage
from lifeline.dashboard.html.markup import Calls, button, code, count, moment, money, stamp, text
from lifeline.dashboard.html.table import legend, subnet_table, sums, tally, vpc_title

EXEMPT_DAYS = 7
_REASON = "from the coverage page"
_INCIDENTS = 5
_STEPS = 12
_ACTIONS = 5
_LINES = 10
_STEPS_ABREAST = 5
_PLAN_MODE = "plan"
_KINDS = {
    StepKind.CHANGE: "Change",
    StepKind.GAP: "Gap",
    StepKind.ENDPOINT: "Endpoint",
    StepKind.AVAILABLE: "Endpoint up",
    StepKind.RECOVERY: "Recovery",
}


def is_well(vpc: VpcCoverage) -> bool:
    """True where nobody has to look: all is served or exempt, nothing is open, waits, is held or is to be known."""
    return tally([vpc]).is_well and not (vpc.incidents or vpc.plan_id or vpc.planned_usd or vpc.holds or vpc.notes)


def page_head(coverage: Coverage) -> str:
    """Where and when, what stops Lifeline, the totals, and the legend."""
    where = f"Account {code(coverage.account_id)} in {code(coverage.region)}, stack {code(coverage.stack_name)}"
    mode = f"mode <b>{text(coverage.mode)}</b>"
    if coverage.mode == _PLAN_MODE:
        mode += ", which changes nothing"
    at = f'<time datetime="{stamp(coverage.at)}">{write_time(coverage.at)}</time>'
    stop = ""
    if coverage.kill_switch:
        stop = f'<p class="banner stop"><b>The kill switch is on:</b> {text(coverage.kill_switch)}</p>'
    return (
        f'<header><h2>Lifeline: coverage</h2><p class="meta">{where} · {mode} · {at}</p></header>'
        f"{stop}{_banners(coverage.notes)}{_totals(coverage)}{legend()}"
    )


def _totals(coverage: Coverage) -> str:
    vpcs = coverage.vpcs
    counted = tally(vpcs)
    incidents = [incident_row for vpc in vpcs for incident_row in vpc.incidents]
    well = sum(map(is_well, vpcs))
    pending = f", {counted.pending:,} pending" if counted.pending else ""
    silent = count(sum(incident_row.agents for incident_row in incidents), "agent")
    planned = sum((vpc.planned_usd for vpc in vpcs), Decimal(0))
    parts = [
        ("VPCs", f"{len(vpcs):,}", f"{well:,} all well"),
        (
            "Subnets not served",
            f"{counted.not_served + counted.pending:,}",
            f"of {sum(len(vpc.subnets) for vpc in vpcs):,}{pending}",
        ),
        ("Open incidents", f"{len(incidents):,}", f"{silent} in them" if incidents else "none in these VPCs"),
        ("Cost a month", money(sum((vpc.cost_usd for vpc in vpcs), Decimal(0))), _more(planned) or "nothing planned"),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>" for name, value, note in parts)
    return f'<dl class="totals">{cells}</dl>'


def vpc_block(vpc: VpcCoverage, coverage: Coverage, calls: Calls, width: int) -> str:
    """All there is to say of a VPC, and its buttons."""
    inner = "".join(
        [
            _about(vpc),
            _banners(vpc.holds),
            _banners(vpc.notes),
            _incidents(vpc, coverage.at),
            subnet_table(vpc, width),
            _actions(vpc, coverage.at),
            _buttons(vpc, coverage, calls),
        ]
    )
    if is_well(vpc):
        return f'<details class="vpc"><summary>{vpc_title(vpc)}</summary>{inner}</details>'
    counted = tally([vpc])
    is_bad = counted.not_served or not all(incident.is_recovering for incident in vpc.incidents)
    worst = "bad" if is_bad else "wait"
    return f'<section class="vpc {worst}">{vpc_title(vpc)}{inner}</section>'


def brief_block(vpc: VpcCoverage) -> str:
    """A VPC in a few words, for a page that is full."""
    less = "This page is full: the subnets are left out."
    return f'<section class="vpc">{vpc_title(vpc)}{_about(vpc)}<p class="meta">{less}</p></section>'


def _about(vpc: VpcCoverage) -> str:
    cidrs = ", ".join(text(cidr) for cidr in vpc.cidrs[:_LINES])
    if len(vpc.cidrs) > _LINES:
        cidrs += f" and {len(vpc.cidrs) - _LINES} more"
    cost = f"{money(vpc.cost_usd)} a month"
    if more := _more(vpc.planned_usd):
        cost += f", {more}"
    parts = [cidrs, count(len(vpc.subnets), "subnet"), cost]
    if vpc.incidents:
        parts.append(count(len(vpc.incidents), "open incident"))
    return f'<p class="meta">{" · ".join(part for part in parts if part)}</p>{sums(tally([vpc]))}'


def _more(planned: Decimal) -> str:
    return f"{planned:+,.2f} USD planned" if planned else ""


def _banners(lines: Iterable[str]) -> str:
    lines = tuple(lines)
    shown = "".join(f'<p class="banner">{text(line)}</p>' for line in lines[:_LINES])
    more = len(lines) - _LINES
    return shown + (f'<p class="banner">… and {count(more, "line")} more</p>' if more > 0 else "")


def _incidents(vpc: VpcCoverage, now: datetime) -> str:
    shown = "".join(_incident(incident_row, now) for incident_row in vpc.incidents[:_INCIDENTS])
    more = len(vpc.incidents) - _INCIDENTS
    return shown + (f'<p class="meta">… and {count(more, "open incident")} more</p>' if more > 0 else "")


def _incident(incident: IncidentRow, now: datetime) -> str:
    state = "Recovering" if incident.is_recovering else "Open incident"
    about = f"{count(incident.agents, 'agent')} · watch {code(incident.watch)} · since {moment(incident.began, now)}"
    steps = incident.timeline
    left = len(steps) - _STEPS  # the first step is the cause, and the last ones say where things stand
    notified = [
        _step(timeline_step, now) for timeline_step in (steps if left <= 0 else (steps[0], *steps[1 - _STEPS :]))
    ]
    if left > 0:
        notified.insert(1, f"<li>… {count(left, 'step')} in between</li>")
    abreast = " wide" if len(notified) <= _STEPS_ABREAST else ""
    line = f'<ol class="line{abreast}">{"".join(notified)}</ol>' if notified else ""
    return (
        f'<div class="incident{" mending" if incident.is_recovering else ""}">'
        f"<h4>{state}: {text(incident.words)}</h4>"
        f'<p class="meta">{about} · {code(incident.id)}</p>{line}</div>'
    )


def _step(step: TimelineStep, now: datetime) -> str:
    at = moment(step.at, now) if step.at else "yet to come"
    to_come = "" if step.at else " to-come"
    return (
        f'<li class="{step.kind}{to_come}"><span class="kind">{_KINDS[step.kind]}</span>'
        f'{text(step.text)}<span class="at">{at}</span></li>'
    )


def _actions(vpc: VpcCoverage, now: datetime) -> str:
    rows = "".join(
        f'<li>{_status(row.status)}{text(row.text)} <span class="meta">{moment(row.at, now)}</span></li>'
        for row in vpc.actions[:_ACTIONS]
    )
    return f'<h4>Last actions</h4><ul class="acts">{rows}</ul>' if rows else ""


def _status(status: str) -> str:
    return f"<b>{text(status)}</b> " if status else ""


def _buttons(vpc: VpcCoverage, coverage: Coverage, calls: Calls) -> str:
    found = []
    if calls.reconcile and vpc.plan_id and coverage.mode != _PLAN_MODE:
        found.append(_approve(vpc, calls))
    if calls.page:
        found.append(button("Show the plan", f"for {vpc.id}", calls.page, {"plan": vpc.id}))
    if calls.reconcile:
        found += [_exempt(vpc, coverage, calls), _release(vpc, coverage, calls)]
    return f'<div class="btns">{"".join(found)}</div>' if found else ""


def _approve(vpc: VpcCoverage, calls: Calls) -> str:
    cost = f"{vpc.plan_usd:+,.2f} USD a month"
    requests = (
        f"Approve {vpc.plan_id} for {_name(vpc)}? Lifeline then makes just the changes that this plan names, "
        f"for {cost}. Where the network has changed since, it changes nothing and says so."
    )
    call = {"approve": vpc.plan_id}
    return button(f"Approve {vpc.plan_id} ({cost})", "", calls.reconcile, call, confirmation=requests, kind="primary")


def _exempt(vpc: VpcCoverage, coverage: Coverage, calls: Calls) -> str:
    until = (coverage.at.astimezone(UTC) + timedelta(days=EXEMPT_DAYS)).date()
    requests = (
        f"Exempt {_name(vpc)} for {EXEMPT_DAYS} days? Until the end of {until} (UTC), no service is required there and "
        "Lifeline makes no endpoint in it, even where machines lose their way to AWS. Silent agents are told as ever."
        f"{_retired(coverage)}"
    )
    call = {"exempt": [vpc.id], "days": EXEMPT_DAYS, "reason": _REASON}
    label = f"Exempt for {EXEMPT_DAYS} days"
    return button(label, vpc.id, calls.reconcile, call, confirmation=requests)


def _retired(coverage: Coverage) -> str:
    """What becomes of Lifeline's own endpoints in an exempt VPC."""
    if not coverage.retire_after or coverage.mode == _PLAN_MODE:
        return ""
    after = write_length(coverage.retire_after)
    return f" Endpoints that Lifeline made there are deleted once they have not been required for {after}."


def _release(vpc: VpcCoverage, coverage: Coverage, calls: Calls) -> str:
    requests = (
        f"Release {_name(vpc)}? Lifeline deletes every endpoint and security group that it made there, needed or "
        "not, and makes none there for 24 hours. Subnets without another way out lose the services that these serve."
    )
    if coverage.mode == _PLAN_MODE:
        requests = (
            f"Release {_name(vpc)}? The mode is plan: Lifeline says what it would delete there, and deletes nothing."
        )
    call = {"vpc_ids": [vpc.id], "release": True}
    return button("Release", vpc.id, calls.reconcile, call, confirmation=requests, kind="grave")


def _name(vpc: VpcCoverage) -> str:
    return f"{vpc.id} ({vpc.name[:60]})" if vpc.name else vpc.id
