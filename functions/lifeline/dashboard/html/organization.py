"""The organization as HTML: one table of accounts, the worst first; those with nothing to review are in folds."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from lifeline.core.organization.look import AccountLook
from lifeline.core.organization.members import AccountStanding
from lifeline.dashboard.html.markup import ButtonTargets, Clock, Html, button, count, money, named
from lifeline.dashboard.html.page import MOST_BYTES, View, json_size, style_sheet
from lifeline.dashboard.html.parts import banners, mode_note, stop_lines, way_back
from lifeline.dashboard.organization import AccountRow, OrganizationCoverage

_FOR_THE_REST = 20_000
_STYLE = Html(  # what only this page has; hidden words of a button must scroll with it
    ".lifeline td .btns { margin-top: 0; } .lifeline td .why { white-space: normal; min-width: 180px; } "
    ".lifeline td .why small { font-weight: 400; } .lifeline .scroll { position: relative; }"
)
_ABSENT = (AccountStanding.NOT_SET_UP, AccountStanding.UNTRIED)


def render_organization(coverage: OrganizationCoverage, calls: ButtonTargets, view: View) -> Html:
    """The page, whose answer as JSON has at most MOST_BYTES: what doesn't fit is counted."""
    clock = Clock(coverage.at, view.zone)
    troubled = [row for row in coverage.accounts if row.needs_attention]
    quiet = [row for row in coverage.accounts if not row.needs_attention]
    absent = [row for row in quiet if row.member.standing in _ABSENT]
    well = [row for row in quiet if row.member.standing not in _ABSENT]
    head = _head(coverage, clock)
    room = _Room(MOST_BYTES - _FOR_THE_REST - json_size(head + style_sheet()))
    parts = [
        _table("Accounts to review", room.rows(troubled, clock, calls)),
        _fold("with nothing to review", room.rows(well, clock, calls)),
        _fold("not set up, or not looked at yet", room.rows(absent, clock, calls)),
    ]
    nothing = Html() if troubled else Html('<p class="rest">No account has anything to review.</p>')
    return _frame(view, head + nothing + Html().join(parts) + _left(room.left))


def render_closed(account: str, name: str, why: str, calls: ButtonTargets, view: View) -> Html:
    """The page of an account that can't be opened, and why."""
    head = Html("<header><h2>Lifeline: coverage of {}</h2>{}</header>").format(named(account, name), way_back(calls))
    text = Html(
        '<p class="banner stop"><b>The account can\'t be opened:</b> {}</p><p class="meta">Its role is in the stack of '
        "spoke.yaml there. All other accounts go on.</p>"
    )
    return _frame(view, head + text.format(why))


def _frame(view: View, inner: Html) -> Html:
    frame = Html('<style>{}{}</style><div class="lifeline cwdb-no-default-styles{}">{}</div>')
    return frame.format(style_sheet(), _STYLE, " dark" if view.is_dark else "", inner)


class _Room:
    """How much still fits, and how many accounts didn't."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.left = 0

    def rows(self, accounts: Iterable[AccountRow], clock: Clock, calls: ButtonTargets) -> list[Html]:
        rows: list[Html] = []
        for account in accounts:
            row = _row(account, clock, calls)
            self._room -= json_size(row)
            if self._room < 0:
                self.left += 1
                continue
            rows.append(row)
        return rows


def _left(number: int) -> Html:
    if not number:
        return Html()
    text = Html(
        '<p class="rest"><b>{} not shown because the page is full.</b> To see one, write its ID as the widget\'s '
        "<code>account</code>.</p>"
    )
    return text.format(count(number, "more account"))


# ---- the head


def _head(coverage: OrganizationCoverage, clock: Clock) -> Html:
    return Html(
        '<header><h2>Lifeline: coverage of all accounts</h2><p class="meta">{number} in <code>{region}</code>, stack '
        '<code>{stack}</code> · mode <b>{mode}</b>{note} · {at}</p><p class="meta fresh">{listed}</p></header>'
        "{stop}{notes}{totals}"
    ).format(
        number=count(len(coverage.accounts), "account"),
        region=coverage.region,
        stack=coverage.stack_name,
        mode=coverage.mode,
        note=mode_note(coverage.mode),
        at=clock.exactly(coverage.at),
        listed=_how_old(coverage, clock),
        stop=stop_lines(coverage.kill_switch, coverage.switch_command, is_hub=True),
        notes=banners(coverage.notes),
        totals=_totals(coverage.accounts),
    )


def _how_old(coverage: OrganizationCoverage, clock: Clock) -> Html:
    text = Html(
        "Figures are by Lifeline's last look at each account, its last sweep; backlogs, freezes and releases are as "
        "recorded now. Open an account to see it live.{}"
    )
    listed = coverage.listed_at and Html(" Accounts last listed {}.").format(clock.moment(coverage.listed_at))
    return text.format(listed or "")


def _totals(accounts: Sequence[AccountRow]) -> Html:
    looks = [row.look for row in accounts if row.look]
    of = "at all accounts" if len(looks) == len(accounts) else f"at {len(looks):,} of {len(accounts):,} accounts"
    known = [look for look in looks if look.incidents is not None]
    unread = f"; not known of {len(accounts) - len(known):,} accounts" if len(known) < len(accounts) else ""
    absent = [row for row in accounts if row.member.standing is not AccountStanding.SERVED]
    lost = sum(row.member.standing is AccountStanding.LOST for row in absent)
    parts = [
        ("Accounts to review", f"{sum(row.needs_attention for row in accounts):,}", f"of {len(accounts):,}"),
        (
            "VPCs not served",
            f"{sum(row.not_served for row in accounts):,}",
            f"of {sum(look.vpcs for look in looks):,} at the last look",
        ),
        (
            "Open incidents",
            f"{sum(look.incidents or 0 for look in known):,}",
            f"{count(sum(look.silent or 0 for look in known), 'agent')} affected{unread}",
        ),
        ("Accounts not served", f"{len(absent):,}", f"{lost:,} lost"),
        ("Monthly cost", money(sum((look.cost_usd for look in looks), Decimal(0))), f"by the last look {of}"),
    ]
    cell = Html("<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>")
    return Html('<dl class="totals">{}</dl>').format(Html().join(cell.format(*part) for part in parts))


# ---- the accounts


def _table(label: str, rows: Sequence[Html]) -> Html:
    if not rows:
        return Html()
    return Html(
        '<div class="scroll" role="group" tabindex="0" aria-label="{label}"><table aria-label="{label}"><thead><tr>'
        '<th scope="col">Account</th><th scope="col">To review</th><th scope="col">VPCs</th>'
        '<th scope="col">Last looked</th><th scope="col">A month</th><th scope="col">Open</th></tr></thead>'
        "<tbody>{rows}</tbody></table></div>"
    ).format(label=label, rows=Html().join(rows))


def _fold(what: str, rows: Sequence[Html]) -> Html:
    if not rows:
        return Html()
    title = f"{count(len(rows), 'account')} {what}"
    fold = Html('<details class="healthy"><summary>{}</summary>{}</details>')
    return fold.format(title, _table(title, rows))


def _row(row: AccountRow, clock: Clock, calls: ButtonTargets) -> Html:
    member = row.member
    opens = button("Open", member.account, calls.page, {"account": member.account}, display="widget")
    return Html(
        '<tr><th scope="row">{who}</th><td><div class="why">{why}</div></td><td>{vpcs}</td><td>{looked}</td>'
        '<td>{cost}</td><td><div class="btns">{opens}</div></td></tr>'
    ).format(
        who=named(member.account, member.name),
        why=_review(row, clock),
        vpcs=_vpcs(row),
        looked=_looked(row, clock),
        cost=_cost(row.look) if row.look else "not known",
        opens=opens if calls.page else "",
    )


def _review(row: AccountRow, clock: Clock) -> Html:
    """What a person should look at, the worst first."""
    look = row.look
    texts: list[tuple[str, Html | str]] = [("missing", _absence(row, clock))]
    if look and look.incidents:
        agents = count(look.silent or 0, "agent")
        texts.append(("missing", f"{count(look.incidents, 'open incident')}, {agents} affected"))
    if look:
        texts += [
            ("missing", _vpcs_that(look.missing, "a service is missing in {}")),
            ("blocked", _vpcs_that(look.blocked, "a service is blocked in {}")),
            ("unknown", _vpcs_that(look.unknown, "{} only known in part")),
            ("none", "open incidents not known" if look.incidents is None else ""),
        ]
    if row.path and (since := row.path.silent_since(clock.now)):
        said = Html("events don't arrive: no dry run heard since {}").format(clock.moment(since))
        texts.append(("missing", said))
    texts += [
        ("missing", row.lost),
        ("blocked", row.denied),
        ("none", "not known whether events arrive" if row.path is None else ""),
        ("pending", _vpcs_that(row.waiting, "backlog waits in {}")),
        ("pending", _vpcs_that(row.frozen, "{} with a freeze")),
        ("pending", _vpcs_that(row.releasing, "{} being released")),
        ("pending", row.stopped),
    ]
    items = [Html('<li class="{}">{}</li>').format(kind, text) for kind, text in texts if text]
    return Html('<ul class="actions">{}</ul>').format(Html().join(items)) if items else Html("nothing")


def _vpcs_that(number: int | None, words: str) -> str:
    return words.format(count(number, "VPC")) if number else ""


def _absence(row: AccountRow, clock: Clock) -> Html:
    """How it stands with the account's role, unless it is served."""
    member = row.member
    if member.standing is AccountStanding.SERVED:
        return Html()
    since = member.since and Html(" since {}").format(clock.moment(member.since))
    why = member.why and Html("<small>{}</small>").format(member.why)
    return Html("{}{}{}").format(member.standing.value, since or "", why or "")


def _vpcs(row: AccountRow) -> Html:
    look = row.look
    if look is None:
        return Html("not known")
    numbers = [
        (look.served, "served"),
        (look.pending, "pending"),
        (look.unknown, "not known"),
        (look.missing, "missing"),
        (look.blocked, "blocked"),
    ]
    said = ", ".join(f"{number:,} {word}" for number, word in numbers if number)
    return Html("{}<small>{}</small>").format(f"{look.vpcs:,}", said)


def _looked(row: AccountRow, clock: Clock) -> Html:
    if not row.is_read:
        return Html("not known")
    return clock.moment(row.looked) if row.looked else Html("never")


def _cost(look: AccountLook) -> Html:
    return Html("{}<small>{}</small>").format(money(look.cost_usd), count(look.endpoints, "endpoint"))
