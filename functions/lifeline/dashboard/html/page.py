"""The coverage page as HTML for a custom widget of a CloudWatch dashboard: the worst VPCs first, the rest counted."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from lifeline.dashboard.coverage import Coverage, VpcCoverage
from lifeline.dashboard.html.markup import ButtonTargets, Html, count, lines, money
from lifeline.dashboard.html.parts import backlog_button, brief_block, is_healthy, page_head, vpc_block
from lifeline.dashboard.html.table import tally

__all__ = ["ButtonTargets", "View", "render_page", "render_text"]

# A function's answer may have 6 MB (Lambda quotas: invocation payload), and the console renders it at each refresh. No
# limit of the widget's own is published. A third leaves room for both, and fits 200 VPCs of ten subnets.
MOST_BYTES = 2_000_000
_FOR_BRIEFS = 150_000
_FOR_THE_END = 5_000
_LONGEST_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class View:
    """How the widget is shown: the console's theme, and its width in px, 0 where it isn't known."""

    is_dark: bool = False
    width: int = 0


def render_page(coverage: Coverage, calls: ButtonTargets, view: View = View()) -> Html:
    """Render the page, whose answer as JSON has at most MOST_BYTES.

    VPCs keep their order; healthy ones come last, in a fold. What doesn't fit is said in a few words
    each, and what doesn't fit even so is counted.
    """
    theme = " dark" if view.is_dark else ""
    opening = Html('<style>{}</style><div class="lifeline cwdb-no-default-styles{}">{}').format(
        style_sheet(), theme, page_head(coverage)
    )
    opening = Html("{}{}").format(opening, backlog_button(coverage, calls))
    page = _Page(MOST_BYTES - _FOR_THE_END - _size(opening))
    unhealthy: list[VpcCoverage] = []
    healthy: list[VpcCoverage] = []
    for vpc in coverage.vpcs:
        (healthy if is_healthy(vpc) else unhealthy).append(vpc)
    first = page.put(unhealthy, coverage, calls, view)
    folded = _fold(page.put(healthy, coverage, calls, view))
    nothing = Html() if coverage.vpcs else Html('<p class="rest">No VPCs to show.</p>')
    return Html("{}{}{}{}{}</div>").format(opening, Html().join(first), folded, nothing, _rest(page.left))


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

    def __init__(self, room: int) -> None:
        self._room = room
        self.left: list[VpcCoverage] = []

    def put(self, vpcs: Iterable[VpcCoverage], coverage: Coverage, calls: ButtonTargets, view: View) -> list[Html]:
        """The VPCs as blocks: in full while that leaves room for the others in brief, in brief while that fits."""
        blocks = []
        for vpc in vpcs:
            block = vpc_block(vpc, coverage, calls, view.width)
            size, room = _size(block), self._room - _FOR_BRIEFS
            if size > room:
                block = brief_block(vpc)
                size, room = _size(block), self._room
            if size > room:
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


def _size(html: Html) -> int:
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
