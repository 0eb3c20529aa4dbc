"""Reads the pages: their headings, links, tables and code blocks."""

import re
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from pathlib import Path
from textwrap import dedent

from tests.support.repository import ROOT

PAGES = tuple(
    path
    for path in (
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "SECURITY.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        ROOT / "events/README.md",
        ROOT / "bench/README.md",
        ROOT / "examples/README.md",
    )
)
_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the text below it, up to the next heading."""

    level: int
    heading: str
    text: str


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The page's fenced blocks in a language."""
    return [dedent(text) for _, found, text in _FENCED.findall(page.read_text("utf-8")) if found == language]


def inline(page: Path) -> list[str]:
    """The inline code in prose and tables."""
    return _INLINE.findall(_FENCED.sub("", page.read_text("utf-8")))


def links(page: Path) -> list[str]:
    return _LINK.findall(_INLINE.sub("code", _FENCED.sub("", page.read_text("utf-8"))))


def sections(page: Path) -> list[Section]:
    text = _FENCED.sub(lambda block: block[0].replace("\n#", "\n\\#"), page.read_text("utf-8"))
    found = list(_HEADING.finditer(text))
    ends = [*(one.start() for one in found[1:]), len(text)]
    return [Section(len(one[1]), one[2], text[one.end() : end]) for one, end in zip(found, ends, strict=True)]


def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings, as GitHub generates them."""
    found: list[str] = []
    for section in sections(page):
        words = re.sub(r"[^\w\- ]", "", section.heading.lower()).replace(" ", "-")
        found.append(f"{words}-{found.count(words)}" if words in found else words)
    return set(found)


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its header."""
    (section,) = [one for one in sections(page) if one.heading == heading]
    below = dropwhile(lambda line: not line.startswith("|"), section.text.splitlines())
    lines = list(takewhile(lambda line: line.startswith("|"), below))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])] for line in lines[2:]]


def codes(cell: str) -> list[str]:
    """The inline code in a cell."""
    return _INLINE.findall(cell)
