"""How long the coverage page takes and how large it is, beside writing the same values as JSON.

The account is made up by `many()`: VPCs of ten subnets and three services each, of which every EVERYth lacks a service.

With `accounts`, it is the page of a hub's accounts instead, `large()`: every other one has something to review.

PYTHONPATH=functions:. .envs/dev/bin/python bench/page.py [VPCS [EVERY]]
PYTHONPATH=functions:. .envs/dev/bin/python bench/page.py accounts [ACCOUNTS [VPCS]]
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict

from tests.support.coverage_sample import CALLS, many
from tests.support.organization_sample import large
from timing import ROUNDS, best_of

from lifeline.dashboard.coverage import Coverage
from lifeline.dashboard.html.organization import render_organization
from lifeline.dashboard.html.page import MOST_BYTES, View, render_page
from lifeline.dashboard.organization import OrganizationCoverage

_VPCS, _EVERY = 200, 5
_ACCOUNTS, _VPCS_EACH = 200, 10


def main() -> None:
    if sys.argv[1:2] == ["accounts"]:
        number, each = _given(sys.argv[2:], (_ACCOUNTS, _VPCS_EACH))
        organization = large(number, each)
        print(f"{number} accounts of {each} VPCs, every other to be reviewed; best of {ROUNDS}")
        _measure(organization, lambda: render_organization(organization, CALLS, View()))
        return
    count, every = _given(sys.argv[1:], (_VPCS, _EVERY))
    coverage = many(count, every=every)
    print(f"{count} VPCs of 10 subnets and 3 services, every {every}th with gaps; best of {ROUNDS}")
    html = _measure(coverage, lambda: render_page(coverage, CALLS))
    print(f"  shown in full             {html.count('<table'):6.0f}")


def _given(arguments: list[str], usual: tuple[int, int]) -> tuple[int, int]:
    given = [*map(int, arguments)]
    first, second = (*given, *usual[len(given) :])
    return first, second


def _measure(coverage: Coverage | OrganizationCoverage, render: Callable[[], str]) -> str:
    values = asdict(coverage)
    html = render()
    plain = best_of(lambda: json.dumps(values, default=str))
    rendering = best_of(render)
    size = len(json.dumps(html))
    print(f"  write the values as JSON  {plain:6.3f} s   1.0")
    print(f"  render the page           {rendering:6.3f} s   {rendering / plain:.2f}")
    print(f"  the answer                {size / 1e3:6.0f} kB  {size / MOST_BYTES:.2f} of the page's limit")
    return html


if __name__ == "__main__":
    main()
