"""The coverage page as HTML for a custom widget of a CloudWatch dashboard: the worst VPCs first, the rest counted."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path

from lifeline.dashboard.coverage import Coverage, VpcCoverage
from lifeline.dashboard.html.markup import ButtonTargets, Clock, Html, count, lines, money
from lifeline.dashboard.html.parts import VpcRows, backlog_button, closed_fold, is_healthy, page_head
from lifeline.dashboard.html.table import services_of, tally

__all__ = ["ButtonTargets", "View", "render_page", "render_text"]

# A function's answer may have 6 MB (Lambda quotas: invocation payload), and the console renders it at each refresh. No
# limit of the widget's own is published. A third leaves room for both, and fits 200 VPCs of ten subnets.
MOST_BYTES = 2_000_000
_FOR_BRIEFS = 150_000
_FOR_THE_END = 5_000
_LONGEST_TEXT = 200_000
_MOST_COLUMNS = 8  # with more services, each row names its own
_MOST_OPEN = 2


@dataclass(frozen=True, slots=True)
class View:
    """How the widget is shown: the console's theme, its width in px, 0 where it isn't known, and the time zone that the
    console shows times in.
    """

    is_dark: bool = False
    width: int = 0
    zone: timezone = UTC


def render_page(coverage: Coverage, calls: ButtonTargets, view: View = View()) -> Html:
    """Render the page, whose answer as JSON has at most MOST_BYTES.

    VPCs keep their order, each in a fold; healthy ones come last, in one more. The first few of those with an open
    incident are open. What doesn't fit is said in a few words each, and what doesn't fit even so is counted.
    """
    clock, services = Clock(coverage.at, view.zone), services_of(coverage.vpcs)
    columns = services if len(services) <= _MOST_COLUMNS else ()
    rows = VpcRows(coverage, calls, clock, view.width, services)
    opening = Html('<style>{}</style><div class="lifeline cwdb-no-default-styles{}{}">{}{}{}').format(
        style_sheet(),
        " dark" if view.is_dark else "",
        f" columns-{len(columns)}" if columns else "",
        page_head(coverage, clock, calls),
        closed_fold(coverage, clock),
        backlog_button(coverage, calls),
    )
    page = _Page(rows, MOST_BYTES - _FOR_THE_END - json_size(opening))
    unhealthy: list[VpcCoverage] = []
    healthy: list[VpcCoverage] = []
    for vpc in coverage.vpcs:
        (healthy if is_healthy(vpc) else unhealthy).append(vpc)
    first = page.put(unhealthy)
    folded = _fold(page.put(healthy))
    nothing = Html() if coverage.vpcs else Html('<p class="rest">No VPCs to show.</p>')
    return Html('{}<div class="table">{}{}</div>{}{}{}</div>').format(
        opening, rows.heads() if columns else "", Html().join(first), folded, nothing, _rest(page.left)
    )


def render_text(title: str, text: str) -> Html:
    """Render a plan or an answer as it is, for a pop-up, in the colours of the console's theme.

    The style is in the element because nothing says that a pop-up is in the same document as the page.
    """
    return Html(
        '<div><h2 style="font-size:18px;margin:0 0 12px">{title}</h2>'
        '<pre tabindex="0" role="group" aria-label="{title}" style="margin:0;padding:12px;max-height:70vh;'
        "overflow:auto;background:none;color:inherit;border:1px solid;border-radius:6px;white-space:pre-wrap;"
        'overflow-wrap:anywhere;font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace">{text}</pre></div>'
    ).format(title=title, text=lines(text, _LONGEST_TEXT))


@cache
def style_sheet() -> Html:
    """The file style.css, which is ours and is the same for both themes."""
    return Html(Path(__file__).with_name("style.css").read_text("utf-8"))  # noqa: S704 - a file of this package


class _Page:
    """How much still fits, and the VPCs that didn't."""

    def __init__(self, rows: VpcRows, room: int) -> None:
        self._rows = rows
        self._room = room
        self.left: list[VpcCoverage] = []

    def put(self, vpcs: Iterable[VpcCoverage]) -> list[Html]:
        """The VPCs as blocks: in full while that leaves room for the others in brief, in brief while that fits."""
        blocks: list[Html] = []
        vpcs = [*vpcs]
        are_mended = not any(vpc.is_broken for vpc in vpcs)  # then those that recover are what people look for
        for vpc in vpcs:
            is_open = len(blocks) < _MOST_OPEN and (vpc.is_broken or (are_mended and bool(vpc.incidents)))
            block = self._rows.row(vpc, is_open=is_open)
            size, room = json_size(block), self._room - _FOR_BRIEFS
            if size > room:
                block = self._rows.brief(vpc)
                size, room = json_size(block), self._room
            if size > room or self.left:  # a smaller one never takes the place of a worse one
                self.left.append(vpc)
                continue
            self._room -= size
            blocks.append(block)
        return blocks


def _fold(blocks: list[Html]) -> Html:
    if not blocks:
        return Html()
    fold = Html('<details class="healthy"><summary>{}</summary>{}</details>')
    return fold.format(count(len(blocks), "healthy VPC"), Html().join(blocks))


def json_size(html: Html) -> int:
    """Its bytes in an answer of Lambda, which is JSON with all but ASCII written as escapes."""
    return len(json.dumps(html))


def _rest(left: list[VpcCoverage]) -> Html:
    if not left:
        return Html()
    healthy = sum(map(is_healthy, left))
    return Html(
        '<p class="rest"><b>{vpcs} not shown because the page is full:</b> {unhealthy} to review '
        "({subnets} not served, {incidents}), {healthy} healthy; {cost} a month. To see them, list their IDs in the "
        "widget's <code>vpc_ids</code>.</p>"
    ).format(
        vpcs=count(len(left), "more VPC"),
        unhealthy=f"{len(left) - healthy:,}",
        subnets=count(tally(left).not_served, "subnet"),
        incidents=count(sum(len(vpc.incidents) for vpc in left), "open incident"),
        healthy=f"{healthy:,}",
        cost=money(sum((vpc.cost_usd for vpc in left), Decimal(0))),
    )
