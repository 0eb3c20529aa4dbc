"""The coverage page as HTML for a custom widget of a CloudWatch dashboard: the worst VPCs first, the rest counted."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from lifeline.dashboard.coverage import Coverage, VpcCoverage
from lifeline.dashboard.html.markup import Calls, count, lines, money, text
from lifeline.dashboard.html.parts import brief_block, is_well, page_head, vpc_block
from lifeline.dashboard.html.style import style_sheet
from lifeline.dashboard.html.table import tally

__all__ = ["Calls", "View", "render_page", "render_text"]

# A function's answer may have 6 MB (Lambda quotas: invocation payload), and the console shows it anew at each refresh.
# No limit of the widget's own is published. A third leaves room for both, and holds 200 VPCs of ten subnets.
MOST_BYTES = 2_000_000
_FOR_BRIEFS = 150_000
_FOR_THE_END = 5_000
_LONGEST_TEXT = 200_000
_TEXT_STYLE = (
    "margin:0;padding:12px;max-height:70vh;overflow:auto;background:none;color:inherit;border:1px solid;"
    "border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;"
    "font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
)


@dataclass(frozen=True, slots=True)
class View:
    """How the widget is looked at: the console's theme, and its width in px, 0 where it isn't known."""

    is_dark: bool = False
    width: int = 0


def render_page(coverage: Coverage, calls: Calls, view: View = View()) -> str:
    """The page, whose answer as JSON has at most MOST_BYTES.

    VPCs come in their order, those that are all well in a fold at the end. What doesn't fit is told in a few words
    each, and what doesn't fit even so is counted.
    """
    opening = f'{style_sheet(is_dark=view.is_dark)}<div class="lifeline cwdb-no-default-styles">{page_head(coverage)}'
    page = _Page(MOST_BYTES - _FOR_THE_END - _size(opening))
    uneasy = [vpc for vpc in coverage.vpcs if not is_well(vpc)]
    well = [vpc for vpc in coverage.vpcs if is_well(vpc)]
    first = "".join(page.put(uneasy, coverage, calls, view))
    folded = _fold(list(page.put(well, coverage, calls, view)))
    nothing = '<p class="rest">No VPC to show.</p>' if not coverage.vpcs else ""
    return f"{opening}{first}{folded}{nothing}{_rest(page.left)}</div>"


def render_text(title: str, text_: str) -> str:
    """A plan or an answer as it is, for a pop-up, in the colours of the console whichever they are."""
    label = text(title)
    shown = lines(text_, _LONGEST_TEXT)
    return (
        f'<div><h2 style="font-size:18px;margin:0 0 12px">{label}</h2>'
        f'<pre tabindex="0" role="group" aria-label="{label}" style="{_TEXT_STYLE}">{shown}</pre></div>'
    )


class _Page:
    """How much still fits, and the VPCs that didn't."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.left: list[VpcCoverage] = []

    def put(self, vpcs: Iterable[VpcCoverage], coverage: Coverage, calls: Calls, view: View) -> Iterable[str]:
        """The VPCs as blocks: in full while that leaves room for the others in brief, in brief while that fits."""
        for vpc in vpcs:
            block, kept = vpc_block(vpc, coverage, calls, view.width), _FOR_BRIEFS
            if _size(block) > self._room - kept:
                block, kept = brief_block(vpc), 0
            if _size(block) > self._room - kept:
                self.left.append(vpc)
                continue
            self._room -= _size(block)
            yield block


def _fold(blocks: list[str]) -> str:
    if not blocks:
        return ""
    said = f"{count(len(blocks), 'VPC')} {'is' if len(blocks) == 1 else 'are'} all well"
    return f'<details class="well"><summary>{said}</summary>{"".join(blocks)}</details>'


def _size(html: str) -> int:
    """Its bytes in an answer of Lambda, which is JSON with all but ASCII written as escapes."""
    return len(json.dumps(html))


def _rest(left: list[VpcCoverage]) -> str:
    if not left:
        return ""
    counted = tally(left)
    uneasy = sum(not is_well(vpc) for vpc in left)
    cost = sum((vpc.cost_usd for vpc in left), Decimal(0))
    incidents = count(sum(len(vpc.incidents) for vpc in left), "open incident")
    return (
        f'<p class="rest"><b>{count(len(left), "more VPC")} left out, as the page is full:</b> '
        f"{uneasy:,} to look at, with {count(counted.not_served, 'subnet')} not served and {incidents}; "
        f"{len(left) - uneasy:,} all well; {money(cost)} a month. "
        "Name VPCs in the widget's <code>vpc_ids</code> to see them.</p>"
    )
