"""Every link leads to an existing file and heading."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lifeline.core.wording import unlinked
from tests.docs.pages import PAGES, anchors, links, named, sections
from tests.support.repository import ROOT

FILE = re.compile(r"\b[a-z_]+\.md\b")
EXTERNAL = re.compile(r"https?://[^\s)>\]`]+")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for link in links(page):
        if urlsplit(link).scheme:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: no such file"
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading; there are {sorted(anchors(target))}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_external_address_is_https_and_has_a_host(page: Path) -> None:
    for address in EXTERNAL.findall(page.read_text("utf-8")):
        if "127.0.0.1" in address:  # the emulators
            continue
        parts = urlsplit(address)
        assert parts.scheme == "https", address
        assert "." in (parts.hostname or ""), address


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_page_begins_with_its_one_title(page: Path) -> None:
    levels = [section.level for section in sections(page)]
    assert levels[0] == 1
    assert levels.count(1) == 1


def test_a_link_is_seen_also_where_its_words_hold_code_or_brackets() -> None:
    page = ROOT / "docs/watching.md"
    assert "policy.md#who-is-watched" in links(page)
    assert "who-is-watched" in anchors(ROOT / "docs/policy.md")
    assert "1-every-agent-reports" in anchors(ROOT / "docs/policy.md")


def test_no_text_of_the_functions_names_a_page_by_its_file_which_a_notice_breaks_like_any_other_host() -> None:
    named_files = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in (ROOT / "functions/lifeline").rglob("*.py")
        for text in _texts(ast.parse(path.read_text("utf-8")))
        if FILE.search(text) and unlinked(text) != text and not text.startswith("https://")
    }
    assert not named_files


def _texts(tree: ast.Module) -> Iterator[str]:
    """The literal texts, but for docstrings."""
    described = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    first = (node.body[0] for node in ast.walk(tree) if isinstance(node, described) and node.body)
    docstrings = {id(node.value) for node in first if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
