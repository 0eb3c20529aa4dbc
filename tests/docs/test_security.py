"""The threat model names a test for each row, and every test that it names is there."""

import ast
import re

from tests.support.repository import ROOT

PAGE = ROOT / "docs/security.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROWS = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| **")]


def test_every_test_that_it_names_is_there() -> None:
    for path, name in NAMED.findall(PAGE.read_text("utf-8")):
        assert (ROOT / path).is_file(), path
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, f"{path}::{name}"


def test_each_known_gap_is_a_row() -> None:
    gaps = PAGE.read_text("utf-8").partition("## Known gaps")[2]
    assert len([row for row in ROWS if row in gaps]) >= 5


def test_every_row_has_a_test_that_holds_it() -> None:
    assert len(ROWS) >= 15
    assert [row for row in ROWS if not NAMED.search(row)] == []


def test_every_permission_around_lifeline_has_its_row() -> None:
    text = "\n".join(row.split("|")[1] for row in ROWS)
    for who in (
        "tags",
        "managed-by",
        "names",
        "routes",
        "refuses",
        "sqs:SendMessage",
        "events:PutEvents",
        "cloudwatch:PutMetricData",
        "cloudwatch:PutDashboard",
        "invoke ReconcileEndpoints",
        "kill switch",
        "policy parameter",
        "sns:Publish",
        "ledger",
    ):
        assert who in text, who


def test_whoever_looks_for_it_at_the_top_finds_it() -> None:
    assert "(docs/security.md)" in (ROOT / "SECURITY.md").read_text("utf-8")
