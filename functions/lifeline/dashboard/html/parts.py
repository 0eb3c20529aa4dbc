"""The coverage page's parts: the header with its totals, and each VPC with its incidents, actions and buttons."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lifeline.core.wording import write_length, write_time
from lifeline.dashboard.coverage import ActionRow, Coverage, IncidentRow, StepKind, TimelineStep, VpcCoverage
from lifeline.dashboard.html.markup import ButtonTargets, Html, button, code, count, listed, moment, money, time
from lifeline.dashboard.html.table import legend, subnet_table, sums, tally, vpc_title

EXEMPT_DAYS = 7
_REASON = "from the coverage page"
_INCIDENTS = 5
_STEPS = 12
_ACTIONS = 5
_LINES = 10
_STEPS_ABREAST = 5
_PLAN_MODE = "plan"
_SEVERAL = 2
_KINDS = {
    StepKind.CHANGE: "Change",
    StepKind.GAP: "Gap",
    StepKind.ENDPOINT: "Endpoint",
    StepKind.AVAILABLE: "Endpoint available",
    StepKind.RECOVERY: "Recovery",
}


def is_healthy(vpc: VpcCoverage) -> bool:
    """True where everything is served or exempt, and nothing is open, planned, blocked or worth a note."""
    is_quiet = not (vpc.incidents or vpc.plan_id or vpc.backlog or vpc.planned_usd or vpc.holds or vpc.notes)
    return is_quiet and tally([vpc]).is_healthy


def page_head(coverage: Coverage) -> Html:
    """The account and the time, what stops Lifeline, the totals, and the legend."""
    stop = Html('<p class="banner stop"><b>No changes are made:</b> {}</p>')
    switch = Html('<p class="meta">{} <code>{}</code></p>')
    effect = "To allow changes again:" if coverage.kill_switch else "To stop all changes:"
    return Html(
        '<header><h2>Lifeline: coverage</h2><p class="meta">Account {account} in {region}, stack {stack} · '
        "mode <b>{mode}</b>{note} · {at}</p></header>{stop}{switch}{notes}{totals}{legend}"
    ).format(
        account=code(coverage.account_id),
        region=code(coverage.region),
        stack=code(coverage.stack_name),
        mode=coverage.mode,
        note=" (no changes are made)" if coverage.mode == _PLAN_MODE else "",
        at=time(coverage.at, write_time(coverage.at)),
        stop=stop.format(coverage.kill_switch) if coverage.kill_switch else "",
        switch=switch.format(effect, coverage.switch_command) if coverage.switch_command else "",
        notes=_banners(coverage.notes),
        totals=_totals(coverage),
        legend=legend(),
    )


def _totals(coverage: Coverage) -> Html:
    vpcs = coverage.vpcs
    counted = tally(vpcs)
    incidents = [incident for vpc in vpcs for incident in vpc.incidents]
    subnets = sum(len(vpc.subnets) for vpc in vpcs)
    pending = f", {counted.pending:,} pending" if counted.pending else ""
    silent = count(sum(incident.agents for incident in incidents), "agent")
    planned = sum((vpc.planned_usd for vpc in vpcs), Decimal(0))
    parts = [
        ("VPCs", f"{len(vpcs):,}", f"{sum(map(is_healthy, vpcs)):,} healthy"),
        ("Subnets not served", f"{counted.not_served + counted.pending:,}", f"of {subnets:,}{pending}"),
        ("Open incidents", f"{len(incidents):,}", f"{silent} affected" if incidents else "none in these VPCs"),
        (
            "Monthly cost",
            money(sum((vpc.cost_usd for vpc in vpcs), Decimal(0))),
            _planned(planned) or "no change planned",
        ),
    ]
    cell = Html("<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>")
    return Html('<dl class="totals">{}</dl>').format(Html().join(cell.format(*part) for part in parts))


def vpc_block(vpc: VpcCoverage, coverage: Coverage, calls: ButtonTargets, width: int) -> Html:
    """All there is to say about a VPC, and its buttons; folded if it is healthy."""
    inner = Html().join(
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
    if is_healthy(vpc):
        return Html('<details class="vpc"><summary>{}</summary>{}</details>').format(vpc_title(vpc), inner)
    is_bad = not all(incident.is_recovering for incident in vpc.incidents) or tally([vpc]).not_served
    block = Html('<section class="vpc {}">{}{}</section>')
    return block.format("bad" if is_bad else "wait", vpc_title(vpc), inner)


def brief_block(vpc: VpcCoverage) -> Html:
    """A VPC in a few words, for a page that is full."""
    less = Html('<p class="meta">The page is full: subnets are not shown.</p>')
    return Html('<section class="vpc">{}{}{}</section>').format(vpc_title(vpc), _about(vpc), less)


def _about(vpc: VpcCoverage) -> Html:
    left = len(vpc.cidrs) - _LINES
    cidrs = Html(", ").join(vpc.cidrs[:_LINES]) + (f" and {left} more" if left > 0 else "")
    cost = ", ".join(filter(None, (f"{money(vpc.cost_usd)} a month", _planned(vpc.planned_usd))))
    incidents = count(len(vpc.incidents), "open incident") if vpc.incidents else ""
    parts = [part for part in (cidrs, count(len(vpc.subnets), "subnet"), cost, incidents) if part]
    return Html('<p class="meta">{}</p>{}').format(Html(" · ").join(parts), sums(tally([vpc])))


def _planned(usd: Decimal) -> str:
    return f"{usd:+,.2f} USD planned" if usd else ""


def _banners(texts: Sequence[str]) -> Html:
    banner = Html('<p class="banner">{}</p>')
    return listed(texts, _LINES, banner.format, banner.format("… and {} more"))


def _incidents(vpc: VpcCoverage, now: datetime) -> Html:
    more = Html('<p class="meta">… and {} more open incidents</p>')
    return listed(vpc.incidents, _INCIDENTS, lambda incident: _incident(incident, now), more)


def _incident(incident: IncidentRow, now: datetime) -> Html:
    steps = incident.timeline
    left = len(steps) - _STEPS  # the first step is the cause, and the last ones say where things stand
    shown = [_step(step, now) for step in (steps if left <= 0 else (steps[0], *steps[1 - _STEPS :]))]
    if left > 0:
        shown.insert(1, Html("<li>… {} omitted</li>").format(count(left, "step")))
    abreast = " wide" if len(shown) <= _STEPS_ABREAST else ""
    line = Html('<ol class="line{}">{}</ol>').format(abreast, Html().join(shown))
    return Html(
        '<div class="incident{kind}"><h4>{state}: {cause}</h4><p class="meta">'
        "{agents} · watch {watch} · since {began} · {id}</p>{line}</div>"
    ).format(
        kind=" recovering" if incident.is_recovering else "",
        state="Recovering" if incident.is_recovering else "Open incident",
        cause=incident.words,
        agents=count(incident.agents, "agent"),
        watch=code(incident.watch),
        began=moment(incident.began, now),
        id=code(incident.id),
        line=line if shown else "",
    )


def _step(step: TimelineStep, now: datetime) -> Html:
    return Html(
        '<li class="{kind}{to_come}"><span class="kind">{title}</span>{text}<span class="at">{at}</span></li>'
    ).format(
        kind=step.kind,
        to_come="" if step.at else " to-come",
        title=_KINDS[step.kind],
        text=step.text,
        at=moment(step.at, now) if step.at else "not yet",
    )


def _actions(vpc: VpcCoverage, now: datetime) -> Html:
    def row(action: ActionRow) -> Html:
        status = action.status and Html("<b>{}</b> ").format(action.status)
        return Html('<li>{}{} <span class="meta">{}</span></li>').format(status, action.text, moment(action.at, now))

    rows = Html().join(map(row, vpc.actions[:_ACTIONS]))
    return Html('<h4>Recent actions</h4><ul class="actions">{}</ul>').format(rows) if rows else rows


def _buttons(vpc: VpcCoverage, coverage: Coverage, calls: ButtonTargets) -> Html:
    buttons = []
    if calls.reconcile and vpc.plan_id and coverage.mode != _PLAN_MODE:
        buttons.append(_approve(vpc, calls))
    if calls.reconcile and vpc.backlog and coverage.mode != _PLAN_MODE:
        buttons.append(_approve_backlog([vpc], calls))
    if calls.page:
        buttons.append(button("Show the plan", f"for {vpc.id}", calls.page, {"plan": vpc.id}))
    if calls.reconcile:
        buttons += [_exempt(vpc, coverage, calls), _release(vpc, coverage, calls)]
    return Html('<div class="btns">{}</div>').format(Html().join(buttons)) if buttons else Html()


def _approve(vpc: VpcCoverage, calls: ButtonTargets) -> Html:
    cost = f"{vpc.plan_usd:+,.2f} USD a month"
    question = Html(
        "Approve {} for {}? Lifeline makes only the changes in this plan ({}). If the network has changed since the "
        "plan was made, Lifeline changes nothing and says so."
    ).format(vpc.plan_id, vpc.id, cost)
    call = {"approve": vpc.plan_id}
    return button(f"Approve {vpc.plan_id} ({cost})", "", calls.reconcile, call, confirmation=question, kind="primary")


def backlog_button(coverage: Coverage, calls: ButtonTargets) -> Html:
    """The button that approves the whole backlog, where several VPCs have one."""
    waiting = [vpc for vpc in coverage.vpcs if vpc.backlog]
    if len(waiting) < _SEVERAL or not calls.reconcile or coverage.mode == _PLAN_MODE:
        return Html()
    return Html('<div class="btns">{}</div>').format(_approve_backlog(waiting, calls))


def _approve_backlog(vpcs: Sequence[VpcCoverage], calls: ButtonTargets) -> Html:
    """Approves what waits in the backlog of one VPC, or in all."""
    changes = count(sum(vpc.backlog for vpc in vpcs), "change")
    cost = f"{sum((vpc.backlog_usd for vpc in vpcs), Decimal(0)):+,.2f} USD a month"
    alone = vpcs[0].id if len(vpcs) == 1 else ""
    question = Html(
        "Approve the backlog of {}? Lifeline makes what was missing before it had to act on it, as far as it is still "
        "missing and within its limits: {} ({})."
    ).format(alone or "all VPCs", changes, cost)
    call = {"approve": "backlog"} | ({"vpc_ids": [alone]} if alone else {})
    title = "Approve the backlog" if alone else "Approve the whole backlog"
    about = f"for {alone}" if alone else ""
    return button(f"{title} ({cost})", about, calls.reconcile, call, confirmation=question, kind="primary")


def _exempt(vpc: VpcCoverage, coverage: Coverage, calls: ButtonTargets) -> Html:
    retired = Html(" Endpoints that Lifeline created there are deleted once they have not been required for {}.")
    is_retired = coverage.retire_after and coverage.mode != _PLAN_MODE
    question = Html(
        "Exempt {} for {} days? Until the end of {} (UTC), no service is required there and Lifeline creates no "
        "endpoint in it, even if machines lose their path to AWS. You are still notified of silent agents.{}"
    ).format(
        vpc.id,
        EXEMPT_DAYS,
        (coverage.at.astimezone(UTC) + timedelta(days=EXEMPT_DAYS)).date(),
        retired.format(write_length(coverage.retire_after)) if is_retired else "",
    )
    call = {"exempt": [vpc.id], "days": EXEMPT_DAYS, "reason": _REASON}
    return button(f"Exempt for {EXEMPT_DAYS} days", vpc.id, calls.reconcile, call, confirmation=question)


def _release(vpc: VpcCoverage, coverage: Coverage, calls: ButtonTargets) -> Html:
    consequence = Html(
        "Lifeline deletes every endpoint and security group that it created there, needed or not, and creates none "
        "there for 24 hours. Subnets without another path lose the services that these endpoints serve."
    )
    if coverage.mode == _PLAN_MODE:
        consequence = Html("The mode is plan: Lifeline says what it would delete there, and deletes nothing.")
    question = Html("Release {}? {}").format(vpc.id, consequence)
    call = {"vpc_ids": [vpc.id], "release": True}
    return button("Release", vpc.id, calls.reconcile, call, confirmation=question, kind="danger")
