"""docs/parameters.md is what the template says, and README.md agrees with it."""

from tests.docs.commands import SPOKE, TEMPLATE
from tests.docs.pages import codes, rows, sections
from tests.support.repository import ROOT
from tools import parameters

PAGE = ROOT / "docs/parameters.md"
README = ROOT / "README.md"


def test_the_page_is_what_the_template_says() -> None:
    assert PAGE.read_text("utf-8") == parameters.page(), "run make docs"


def test_the_page_has_every_parameter_once() -> None:
    groups = [section.heading for section in sections(PAGE) if section.level == 2]
    *of_hub, of_spoke = [[codes(cells[0])[0] for cells in rows(PAGE, group)] for group in groups]
    assert sorted(name for names in of_hub for name in names) == sorted(TEMPLATE["Parameters"])
    assert of_spoke == list(SPOKE["Parameters"])


def test_every_row_has_a_default_values_and_a_description() -> None:
    groups = [section.heading for section in sections(PAGE) if section.level == 2]
    cells = [row for group in groups for row in rows(PAGE, group)]
    assert all(len(row) == 4 and all(row) for row in cells)


def test_the_readme_lists_what_a_first_deployment_decides_with_the_templates_defaults() -> None:
    defaults = {codes(cells[0])[0]: cells[1] for cells in rows(README, "Deploy it")}
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert list(defaults) == groups[0]["Parameters"]
    for name, default in defaults.items():
        value = str(TEMPLATE["Parameters"][name]["Default"])
        assert default == (f"`{value}`" if value else "empty"), name
