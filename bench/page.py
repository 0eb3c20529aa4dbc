"""How long the coverage page takes and how large it is, beside writing the same values as JSON.

The account is made up by `many()`: VPCs of ten subnets and three services each, of which every EVERYth lacks a service.

PYTHONPATH=functions:. .envs/dev/bin/python bench/page.py [VPCS [EVERY]]
"""

import json
import sys
from dataclasses import asdict

from tests.support.coverage_sample import CALLS, many
from timing import ROUNDS, best_of

from lifeline.dashboard.html.page import MOST_BYTES, render_page

_VPCS, _EVERY = 200, 5


def main() -> None:
    given = [*map(int, sys.argv[1:])]
    count, every = (*given, *(_VPCS, _EVERY)[len(given) :])
    coverage = many(count, every=every)
    values = asdict(coverage)
    html = render_page(coverage, CALLS)
    plain = best_of(lambda: json.dumps(values, default=str))
    rendering = best_of(lambda: render_page(coverage, CALLS))
    size = len(json.dumps(html))
    print(f"{count} VPCs of 10 subnets and 3 services, every {every}th with gaps; best of {ROUNDS}")
    print(f"  write the values as JSON  {plain:6.3f} s   1.0")
    print(f"  render the page           {rendering:6.3f} s   {rendering / plain:.2f}")
    print(f"  the answer                {size / 1e3:6.0f} kB  {size / MOST_BYTES:.2f} of the page's limit")
    print(f"  shown in full             {html.count('<table'):6.0f}")


if __name__ == "__main__":
    main()
