"""The coverage page's parts: the header with its totals, and each VPC with its incidents, actions and buttons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal

from lifeline.core.notices.links import event_link, log_link, resource_link
from lifeline.core.plan.ways import HubComparison
from lifeline.core.requests.button import BUTTON
from lifeline.core.suggest.summary import Summary
from lifeline.core.wording import few, write_length
from lifeline.dashboard.coverage import (
    ActionRow,
    AgentCount,
    Coverage,
    Freshness,
    IncidentRow,
    StepKind,
    TimelineStep,
    VpcCoverage,
)
from lifeline.dashboard.html.markup import (
    ButtonTargets,
    Clock,
    Html,
    anchor,
    button,
    code,
    count,
    linked,
    listed,
    money,
    named,
)
from lifeline.dashboard.html.table import legend, standings_of, subnet_table, sums, tally, vpc_title

EXEMPT_DAYS = 7
_REASON = "from the coverage page"
_INCIDENTS = 5
_STEPS = 12
_ACTIONS = 5
_LINES = 10
_SERVICES = 6
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


def page_head(coverage: Coverage, clock: Clock, calls: ButtonTargets) -> Html:
    """The account and the time, what stops Lifeline, how old what it knows is, the totals, and the legend."""
    return Html(
        '<header><h2>Lifeline: coverage{name}</h2>{back}<p class="meta">Account {account} in {region}, stack {stack} · '
        "mode <b>{mode}</b>{note} · {at}</p>{fresh}</header>{stop}{notes}{totals}{legend}"
    ).format(
        name=Html(" of {}").format(named(coverage.account_id, coverage.account_name)) if calls.account else "",
        back=way_back(calls),
        account=code(coverage.account_id),
        region=code(coverage.region),
        stack=code(coverage.stack_name),
        mode=coverage.mode,
        note=mode_note(coverage.mode),
        at=clock.exactly(coverage.at),
        fresh=_freshness(coverage.freshness, clock),
        stop=stop_lines(coverage.kill_switch, coverage.switch_command, is_hub=bool(calls.account)),
        notes=banners(coverage.notes),
        totals=_totals(coverage),
        legend=legend(),
    )


def mode_note(mode: str) -> str:
    """What the mode means, where it isn't what it says."""
    return " (no changes are made)" if mode == _PLAN_MODE else ""


def stop_lines(why: str, command: str, *, is_hub: bool = False) -> Html:
    """Why the kill switch is on, and the command that turns it on or off: on a hub, in every account."""
    stop = Html('<p class="banner stop"><b>No changes are made:</b> {}</p>')
    switch = Html('<p class="meta">{} <code>{}</code></p>')
    where = " in every account" if is_hub else ""
    effect = f"To allow changes again{where}:" if why else f"To stop all changes{where}:"
    return (stop.format(why) if why else Html()) + (switch.format(effect, command) if command else Html())


def way_back(calls: ButtonTargets) -> Html:
    """The button that leads from an account back to all of the hub's accounts; nothing where there is only one."""
    if not calls.account or not calls.page:
        return Html()
    return Html('<div class="btns">{}</div>').format(
        button("All accounts", "", calls.page, {"account": ""}, display="widget")
    )


_UNPROVEN = Html("No change heard yet, so it isn't proven that events arrive")


def _event_path(known: Freshness, clock: Clock) -> Html:
    """When a dry run was last heard of, or for how long none was; and how many changes were heard on the last day."""
    path = known.path
    if since := path.silent_since(clock.now):
        said = Html("<b>events don't arrive: no dry run heard since {}</b>").format(clock.moment(since))
    elif path.proven_at and path.is_proven(clock.now, known.pause):
        said = Html("event path proven {}").format(clock.moment(path.proven_at))
    elif path.proven_at:
        why = f"not since: {path.why}" if path.why else "not since"
        said = Html("event path last proven {}, {}").format(clock.moment(path.proven_at), why)
    elif path.why:
        said = Html("event path not proven: {}").format(path.why)
    else:
        said = Html("event path not proven yet") if known.heard else Html()
    if not known.compared:
        return said
    heard, happened, lost = known.compared.heard, known.compared.happened, known.compared.lost_words
    day: Html | str = f"{heard:,} of {happened:,} changes heard" if happened else "no change"
    if lost:
        day = Html("<b>{}, but {}</b>").format(day, lost)
    return Html("{} ({} in the day until {})").format(said, day, clock.exactly(known.compared.until, short=True))


def _freshness(known: Freshness, clock: Clock) -> Html:
    if not known.is_read:
        return Html()
    silent = Html("No change heard yet") if known.path.proven_at else _UNPROVEN
    heard = Html("Last change heard {}").format(clock.moment(known.heard)) if known.heard else silent
    swept = known.swept and Html("last sweep {}").format(clock.moment(known.swept))
    checked = known.checked and Html("agents last checked {}").format(clock.moment(known.checked))
    listed = known.listed and Html("listed {}").format(clock.moment(known.listed))
    parts = (
        heard,
        _event_path(known, clock),
        swept or "no sweep yet",
        checked or "agents never checked",
        listed or "never listed",
    )
    return Html('<p class="meta fresh">{}</p>').format(Html(" · ").join(filter(None, parts)))


def _totals(coverage: Coverage) -> Html:
    vpcs = coverage.vpcs
    counted = tally(vpcs)
    incidents = [incident for vpc in vpcs for incident in vpc.incidents]
    pending = f", {counted.pending:,} pending" if counted.pending else ""
    silent = count(sum(incident.agents for incident in incidents), "agent")
    planned = sum((vpc.planned_usd for vpc in vpcs), Decimal(0))
    parts = [
        ("VPCs", f"{len(vpcs):,}", f"{sum(map(is_healthy, vpcs)):,} healthy"),
        (
            "Subnets not served",
            f"{counted.not_served + counted.pending:,}",
            f"of {counted.asking:,} that need something{pending}",
        ),
        ("Open incidents", f"{len(incidents):,}", f"{silent} affected" if incidents else "none in these VPCs"),
        ("Agents reporting", *_agents(coverage.agents)),
        (
            "Monthly cost",
            money(sum((vpc.cost_usd for vpc in vpcs), Decimal(0))),
            _planned(planned) or "no change planned",
        ),
    ]
    cell = Html("<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>")
    return Html('<dl class="totals">{}</dl>').format(Html().join(cell.format(*part) for part in parts))


def _agents(agents: AgentCount | None) -> tuple[str, str]:
    if agents is None:
        return "?", "could not be read"
    unknown = f", {agents.unknown:,} not known" if agents.unknown else ""
    return f"{agents.reporting:,}", f"{agents.silent:,} silent{unknown}"


@dataclass(frozen=True, slots=True)
class VpcRows:
    """Renders VPCs as the rows of one table: a service is a column of it, and each row opens to all there is to say."""

    coverage: Coverage
    calls: ButtonTargets
    clock: Clock
    width: int
    services: tuple[str, ...]

    def heads(self) -> Html:
        """The columns' names, which each row says again to those who hear it."""
        names = Html().join(map(Html('<span class="cell">{}</span>').format, self.services))
        return Html(
            '<div class="row heads" aria-hidden="true"><span class="who">VPC</span><span class="cells">{}</span>'
            '<span class="open">Incidents</span><span class="cost">A month</span></div>'
        ).format(names)

    def row(self, vpc: VpcCoverage, *, is_open: bool = False) -> Html:
        """The VPC in full, folded unless `is_open`."""
        clock, calls = self.clock, self.calls
        inner = Html().join(
            [
                _about(vpc, self.coverage, calls),
                banners(vpc.holds),
                banners(vpc.notes),
                _incidents(vpc, self.coverage.console_region, clock),
                subnet_table(vpc, self.width, self.coverage.console_region),
                _actions(vpc, clock),
                _ways(vpc.comparison),
                _needs(vpc, self.coverage, clock, calls),
                _buttons(vpc, self.coverage, calls),
            ]
        )
        return self._fold(vpc, inner, is_open=is_open)

    def brief(self, vpc: VpcCoverage) -> Html:
        """The VPC in a few words, for a page that is full."""
        less = Html('<p class="meta">The page is full: subnets are not shown.</p>')
        return self._fold(vpc, _about(vpc, self.coverage, self.calls) + less)

    def _fold(self, vpc: VpcCoverage, inner: Html, *, is_open: bool = False) -> Html:
        is_bad = vpc.is_broken or tally([vpc]).not_served
        planned = Html("<small>{}</small>").format(f"{vpc.planned_usd:+,.2f} planned") if vpc.planned_usd else ""
        return Html(
            '<details class="vpc {state}"{open}><summary class="row"><span class="who">{title}</span>'
            '<span class="cells">{cells}</span><span class="open">{incidents}</span>'
            '<span class="cost">{cost}{planned}</span></summary><div class="inner">{inner}</div></details>'
        ).format(
            state="bad" if is_bad else "well" if is_healthy(vpc) else "wait",
            open=Html(" open") if is_open else "",
            title=vpc_title(vpc),
            cells=standings_of(vpc, self.services),
            incidents=count(len(vpc.incidents), "incident") if vpc.incidents else "",
            cost=money(vpc.cost_usd),
            planned=planned,
            inner=inner,
        )


def closed_fold(coverage: Coverage, clock: Clock) -> Html:
    """The incidents of the last day that are over, in a fold."""
    if not coverage.closed:
        return Html()
    row = Html('<li><b>{}</b> <span class="meta">{}{}, {} to {} · {}</span></li>')
    rows = [
        row.format(
            closed.words,
            Html("{} · ").format(linked(closed.vpc_id, resource_link(closed.vpc_id, coverage.console_region)))
            if closed.vpc_id
            else "",
            count(closed.agents, "agent"),
            clock.exactly(closed.began, short=True),
            clock.moment(closed.closed),
            code(closed.id),
        )
        for closed in coverage.closed
    ]
    title = f"{count(len(rows), 'incident')} closed in the last 24 hours"
    return Html('<details class="closed"><summary>{}</summary><ul class="actions">{}</ul></details>').format(
        title, Html().join(rows)
    )


def _about(vpc: VpcCoverage, coverage: Coverage, calls: ButtonTargets) -> Html:
    left = len(vpc.cidrs) - _LINES
    cidrs = Html(", ").join(vpc.cidrs[:_LINES]) + (f" and {left} more" if left > 0 else "")
    logs = log_link(calls.log_group, vpc.id, coverage.region)
    parts = [
        linked(vpc.id, resource_link(vpc.id, coverage.console_region)),
        cidrs,
        count(len(vpc.subnets), "subnet"),
        _planned(vpc.planned_usd),
        logs and anchor(logs, "its log"),
    ]
    return Html('<p class="meta">{}</p>{}').format(Html(" · ").join(filter(None, parts)), sums(tally([vpc])))


def _planned(usd: Decimal) -> str:
    return f"{usd:+,.2f} USD planned" if usd else ""


def banners(texts: Sequence[str]) -> Html:
    """Notes to the reader, a line each."""
    banner = Html('<p class="banner">{}</p>')
    return listed(texts, _LINES, banner.format, banner.format("… and {} more"))


def _incidents(vpc: VpcCoverage, region: str, clock: Clock) -> Html:
    more = Html('<p class="meta">… and {} more open incidents</p>')
    return listed(vpc.incidents, _INCIDENTS, lambda incident: _incident(incident, region, clock), more)


def _incident(incident: IncidentRow, region: str, clock: Clock) -> Html:
    steps = incident.timeline
    left = len(steps) - _STEPS  # the first step is the cause, and the last ones say where things stand
    shown = [_step(step, region, clock) for step in (steps if left <= 0 else (steps[0], *steps[1 - _STEPS :]))]
    if left > 0:
        shown.insert(1, Html("<li>… {} omitted</li>").format(count(left, "step")))
    abreast = " wide" if len(shown) <= _STEPS_ABREAST else ""
    line = Html('<ol class="line{}">{}</ol>').format(abreast, Html().join(shown))
    return Html(
        '<div class="incident{kind}"><h4>{state}: {cause}</h4><p class="meta">'
        "{agents} · watch {watch} · since {began} · {id}</p>{line}{advice}</div>"
    ).format(
        kind=" recovering" if incident.is_recovering else "",
        state="Recovering" if incident.is_recovering else "Open incident",
        cause=incident.words,
        agents=count(incident.agents, "agent"),
        watch=code(incident.watch),
        began=clock.moment(incident.began),
        id=code(incident.id),
        line=line if shown else "",
        advice=Html('<p class="next"><b>Next:</b> {}</p>').format(incident.advice) if incident.advice else "",
    )


def _step(step: TimelineStep, region: str, clock: Clock) -> Html:
    event = Html(" {}").format(linked(step.event_id, event_link(step.event_id, region))) if step.event_id else ""
    return Html(
        '<li class="{kind}{to_come}"><span class="kind">{title}</span>{text}{event}<span class="at">{at}</span></li>'
    ).format(
        kind=step.kind,
        to_come="" if step.at else " to-come",
        title=_KINDS[step.kind],
        text=step.text,
        event=event,
        at=clock.moment(step.at) if step.at else "not yet",
    )


def _actions(vpc: VpcCoverage, clock: Clock) -> Html:
    def row(action: ActionRow) -> Html:
        status = action.status and Html("<b>{}</b> ").format(action.status)
        return Html('<li>{}{} <span class="meta">{}</span></li>').format(status, action.text, clock.moment(action.at))

    rows = Html().join(map(row, vpc.actions[:_ACTIONS]))
    return Html('<h4>Recent actions</h4><ul class="actions">{}</ul>').format(rows) if rows else rows


def _ways(compared: HubComparison | None) -> Html:
    """What the services that a hub shares cost by each way to reach them, in a fold that says which is the cheapest."""
    if compared is None:
        return Html()
    cheapest = {stretch.way for stretch in compared.cheapest}
    row = Html('<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>')
    rows = [
        row.format(
            Html("<b>{}</b>").format(cost.name) if cost.way in cheapest else cost.name,
            f"{cost.monthly_usd:,.2f}",
            "not known" if cost.per_gb_usd is None else f"{cost.per_gb_usd}",
            cost.detail,
        )
        for cost in compared.ways
    ]
    return Html(
        '<details><summary>Compare the ways to reach {services}</summary><div class="ways">'
        '<table aria-label="Ways to reach {services}"><thead><tr><th scope="col">way</th>'
        '<th scope="col">USD a month</th><th scope="col">USD per GB</th><th scope="col">note</th></tr></thead>'
        '<tbody>{rows}</tbody></table></div><p class="meta">Cheapest, data included: {cheapest}. '
        "Prices: {prices}.</p></details>"
    ).format(
        services=few(compared.services, _SERVICES),
        rows=Html().join(rows),
        cheapest=compared.cheapest_words,
        prices=compared.prices,
    )


def _needs(vpc: VpcCoverage, coverage: Coverage, clock: Clock, calls: ButtonTargets) -> Html:
    """What its private subnets need, by the last suggestion, in a fold, with the button that looks again."""
    if not coverage.has_evidence:
        return Html()
    found = vpc.suggestion
    look = Html()
    if calls.reconcile:
        call = {"suggest": {"vpc_ids": [vpc.id]}}
        look = Html('<div class="btns">{}</div>').format(_button("Look for evidence", f"in {vpc.id}", calls, call))
    if found is None:
        inner = Html('<p class="meta">Nobody has looked yet what its private subnets need.</p>')
        return _needs_fold("What it needs, from evidence", inner + look)
    row = Html("<li>{}: <b>{}</b> {}</li>")
    rows = Html().join(row.format(one.verdict, one.service, one.words) for one in found.remarks)
    inner = Html('<ul class="details">{}</ul><p class="meta">{}</p>{}{}').format(
        rows, found.totals, _rule(found), Html().join(map(Html('<p class="meta">{}</p>').format, found.notes))
    )
    return _needs_fold(Html("What it needs, from evidence of {}").format(clock.moment(found.at)), inner + look)


def _rule(found: Summary) -> Html:
    """The rule to paste, with what to know before."""
    if not found.rule:
        return Html()
    return Html('<p>Rule of a policy document: {}</p><p class="meta">{}</p>').format(
        code(found.rule), found.rule_warning
    )


def _needs_fold(title: Html | str, inner: Html) -> Html:
    return Html("<details><summary>{}</summary>{}</details>").format(title, inner)


def _buttons(vpc: VpcCoverage, coverage: Coverage, calls: ButtonTargets) -> Html:
    buttons = []
    if calls.reconcile and vpc.plan_id and coverage.mode != _PLAN_MODE:
        buttons.append(_approve(vpc, calls))
    if calls.reconcile and vpc.backlog and coverage.mode != _PLAN_MODE:
        buttons.append(_approve_backlog([vpc], calls))
    if calls.page:
        buttons.append(_button("Show the plan", f"for {vpc.id}", calls, {"plan": vpc.id}, is_of_page=True))
    if calls.reconcile:
        buttons += [_reconcile(vpc, coverage, calls), _pause(vpc, calls), _exempt(vpc, coverage, calls)]
        buttons += [_release(vpc, coverage, calls)] if vpc.has_own else []
    return Html('<div class="btns">{}</div>').format(Html().join(buttons)) if buttons else Html()


def _button(
    label: str,
    about: str,
    calls: ButtonTargets,
    call: Mapping[str, object],
    question: Html | str = "",
    *,
    kind: str = "",
    is_of_page: bool = False,
) -> Html:
    """A button whose call, and whose question, name the account that a hub's page has opened."""
    if calls.account:
        call = {**call, "account": calls.account}
        question = Html("{} The account is {}.").format(question, calls.account) if question else question
    if not is_of_page:
        call = {**call, BUTTON: True}
    return button(label, about, calls.page if is_of_page else calls.reconcile, call, confirmation=question, kind=kind)


def _approve(vpc: VpcCoverage, calls: ButtonTargets) -> Html:
    cost = f"{'up to ' if vpc.is_plan_at_most else ''}{vpc.plan_usd:+,.2f} USD a month"
    question = Html(
        "Approve {} for {}? Lifeline makes only the changes in this plan ({}). If the network has changed since the "
        "plan was made, Lifeline changes nothing and says so."
    ).format(vpc.plan_id, vpc.id, cost)
    call = {"approve": vpc.plan_id}
    return _button(f"Approve {vpc.plan_id} ({cost})", "", calls, call, question, kind="primary")


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
    return _button(f"{title} ({cost})", about, calls, call, question, kind="primary")


def _reconcile(vpc: VpcCoverage, coverage: Coverage, calls: ButtonTargets) -> Html:
    """A call that names a VPC asks Lifeline to act there, so it approves the VPC's backlog, too."""
    what = Html("creates what is missing there within its limits{}").format(
        ", what waits in the backlog included" if vpc.backlog else ""
    )
    if coverage.mode == _PLAN_MODE:
        what = Html("says what it would change there, and changes nothing: the mode is plan")
    question = Html("Reconcile {} now? Lifeline looks at it and {}.").format(vpc.id, what)
    return _button("Reconcile now", vpc.id, calls, {"vpc_ids": [vpc.id]}, question)


def _pause(vpc: VpcCoverage, calls: ButtonTargets) -> Html:
    question = Html(
        "Pause Lifeline in {}? It creates and repairs nothing there until you unfreeze the VPC, even if machines lose "
        "their path to AWS. What it made stays for as long as it is required. You are still notified of silent agents."
    ).format(vpc.id)
    call = {"vpc_ids": [vpc.id], "freeze": True}
    return _button("Pause (freeze)", vpc.id, calls, call, question)


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
    return _button(f"Exempt for {EXEMPT_DAYS} days", vpc.id, calls, call, question)


def _release(vpc: VpcCoverage, coverage: Coverage, calls: ButtonTargets) -> Html:
    consequence = Html(
        "Lifeline deletes every endpoint and security group that it created there, needed or not, and creates none "
        "there for 24 hours. Subnets without another path lose the services that these endpoints serve."
    )
    if coverage.mode == _PLAN_MODE:
        consequence = Html("The mode is plan: Lifeline says what it would delete there, and deletes nothing.")
    question = Html("Release {}? {}").format(vpc.id, consequence)
    call = {"vpc_ids": [vpc.id], "release": True}
    return _button("Release", vpc.id, calls, call, question, kind="danger")
