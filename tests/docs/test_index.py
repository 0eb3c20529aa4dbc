"""docs/README.md links to every page, and README.md links to it and to the table of changes."""

from tests.docs.pages import PAGES, links
from tests.support.repository import ROOT

INDEX = ROOT / "docs/README.md"


def test_the_index_leads_to_every_page() -> None:
    led_to = {(INDEX.parent / link.partition("#")[0]).resolve() for link in links(INDEX)}
    missing = [page for page in PAGES if page not in led_to and page.parent not in led_to and page != INDEX]
    assert missing == []


def test_the_readme_leads_to_the_index() -> None:
    assert "docs/README.md" in links(ROOT / "README.md")


def test_the_readme_leads_to_the_table_of_changes() -> None:
    assert "docs/architecture.md#to-change-this-open-that" in links(ROOT / "README.md")
