"""Rewrites the golden files: `python -m tests.golden.write`, with `functions` on the path. Read what changed."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.golden.stories import files

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs/notices.md"
README = FOLDER.parents[1] / "README.md"
ENDINGS = (".txt", ".json")
_PLACE = re.compile(r"<!-- golden: (\S+)( without IDs)? -->.*?<!-- end -->", re.DOTALL)
_IDS = "\n\nIDs:\n"


def there() -> set[str]:
    """The golden files' names."""
    return {path.name for path in FOLDER.iterdir() if path.suffix in ENDINGS}


def embedded(page: str, texts: Mapping[str, str]) -> str:
    """The page with each golden file between the marks that name it, or only what stands before its IDs."""
    return _PLACE.sub(lambda found: _shown(found[1], found[2] or "", texts[found[1]]), page)


def _shown(name: str, part: str, text: str) -> str:
    language = "json" if name.endswith(".json") else ""
    shown = text.partition(_IDS)[0] if part else text
    return f"<!-- golden: {name}{part} -->\n\n```{language}\n{shown.rstrip()}\n```\n\n<!-- end -->"


def main() -> None:
    """Writes each file and the pages, and removes files that no story has any longer."""
    texts = dict(files())
    for page in (PAGE, README):
        page.write_text(embedded(page.read_text("utf-8"), texts), "utf-8")
    for name in there() - texts.keys():
        (FOLDER / name).unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
