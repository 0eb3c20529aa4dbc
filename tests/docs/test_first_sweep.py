"""How long a hub's first sweep takes: what the page says follows from the benchmark's figures."""

import re
from pathlib import Path

from bench.first_sweep import ACCOUNTS, CALLS, LATENCIES, WAIT, of_template, seconds_of

ROOT = Path(__file__).parents[2]


def test_it_is_reckoned_from_what_the_benchmark_measured() -> None:
    (row,) = [
        line
        for line in (ROOT / "bench/README.md").read_text().splitlines()
        if line.startswith(f"| {ACCOUNTS} and 10, cut short")
    ]
    assert f"| {CALLS}: " in row
    assert f"| {WAIT:.0f} s, each the same |" in row


def test_the_page_says_what_follows() -> None:
    page = " ".join((ROOT / "docs/organization.md").read_text().split())
    low, middle, high = (f"{seconds_of(latency, of_template()) / 60:.0f}" for latency in LATENCIES)
    words = f"about {middle} minutes if AWS takes 100 ms for a call, {low} for 50 ms and {high} for 200 ms"
    assert words in page
    assert re.search(r"Nobody has measured (that|this) on AWS", page)


def test_the_benchmarks_page_has_the_same_figures() -> None:
    page = (ROOT / "bench/README.md").read_text()
    for latency in LATENCIES:
        assert f"| {1000 * latency:.0f} ms | {seconds_of(latency, of_template()) / 60:.1f} |" in page


def test_slower_calls_more_accounts_or_fewer_functions_take_longer() -> None:
    two = of_template()
    assert seconds_of(0.1, two, accounts=20) < seconds_of(0.1, two) < seconds_of(0.2, two)
    assert seconds_of(0.1, two) < seconds_of(0.1, type(two)(1, two.batch, two.seconds))
    assert seconds_of(0.1, two, accounts=8) == CALLS * 0.1 + WAIT
