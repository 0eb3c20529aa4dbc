"""The tables of docs/costs.md and README.md are the prices' and the code's."""

from pathlib import Path

import pytest
from tools.cost_tables import PAGE, TABLES, block

from lifeline.core.plan.cost import prices


@pytest.mark.parametrize(("page", "name"), TABLES, ids=lambda part: getattr(part, "name", part))
def test_the_pages_tables_are_the_codes(page: Path, name: str) -> None:
    found = block(name).search(page.read_text("utf-8"))
    assert found, f"{page.name} lacks the block {name}"
    assert found[2].strip() == TABLES[page, name](), "run make docs"


def test_the_page_names_the_date_of_the_oldest_price() -> None:
    oldest = min(known["as_of"] for known in prices().values())
    assert f"oldest dated figure is of {oldest}" in PAGE.read_text("utf-8")
