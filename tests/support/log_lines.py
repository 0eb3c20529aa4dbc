"""What the functions write into their log, as values."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lifeline.runtime.observability import logger


@contextmanager
def logged() -> Iterator[list[dict[str, Any]]]:
    """The lines that the block logs; they are in the list once it has ended."""
    lines: list[dict[str, Any]] = []
    stream = io.StringIO()
    before = logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    try:
        yield lines
    finally:
        logger.registered_handler.setStream(before)  # type: ignore[attr-defined]
        lines += [json.loads(line) for line in stream.getvalue().splitlines()]
