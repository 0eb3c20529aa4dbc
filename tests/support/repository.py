"""Where the repository's own files are, wherever a test lies."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
