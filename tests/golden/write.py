"""Rewrites the golden files: `python -m tests.golden.write`, with `functions` on the path. Read what changed."""

from pathlib import Path

from tests.golden.stories import files

FOLDER = Path(__file__).parent
ENDINGS = (".txt", ".json")


def there() -> set[str]:
    """The golden files' names."""
    return {path.name for path in FOLDER.iterdir() if path.suffix in ENDINGS}


def main() -> None:
    """Writes each file, and takes away those that no story has any more."""
    texts = dict(files())
    for name in there() - texts.keys():
        (FOLDER / name).unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
