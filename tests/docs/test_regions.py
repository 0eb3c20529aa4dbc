"""docs/regions.md says of each place whether Lifeline works there, and where that is from."""

import pytest

from tests.docs.pages import codes, rows
from tests.support.repository import ROOT

PAGE = ROOT / "docs/regions.md"
ROWS = [row for heading in ("Partitions and Regions", "China", "Zones and networks") for row in rows(PAGE, heading)]
ASKED = ("GovCloud", "China", "opt-in Regions", "Local Zones", "shared VPC", "dual-stack")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_every_row_has_a_verdict_what_to_know_and_a_source(row: list[str]) -> None:
    assert len(row) == 4
    assert all(row)
    assert row[1] in {"works", "works, but", "doesn't", "not known"}


def test_no_place_that_people_ask_for_is_missing() -> None:
    places = " ".join(row[0] for row in ROWS)
    assert [one for one in ASKED if one not in places] == []


def test_the_code_that_it_cites_is_there() -> None:
    cited = {code for row in ROWS for code in codes(row[3]) if code.endswith(".py")}
    assert cited
    assert [one for one in cited if not (ROOT / "functions/lifeline" / one).exists()] == []
