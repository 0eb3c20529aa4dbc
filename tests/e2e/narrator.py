"""How the demo speaks: who did what, and how many seconds after the change."""

import os
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

WIDTH = 110
_MARGIN = " " * 20
QUIET_S = 10  # the longest that nothing is printed


class Actor(StrEnum):
    """Who a line is about."""

    SOMEBODY = "someone"
    AWS = "AWS"
    MACHINES = "instances"
    LIFELINE = "Lifeline"


_COLOURS = {Actor.SOMEBODY: "33", Actor.AWS: "36", Actor.MACHINES: "35", Actor.LIFELINE: "32"}


class Narrator:
    """Prints the story as it happens. Colours only where a person watches a terminal."""

    def __init__(self) -> None:
        self._is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._started = time.monotonic()
        self._is_after_change = False

    def start_clock(self) -> None:
        """Count the seconds from now on: this is the change."""
        self._started = time.monotonic()
        self._is_after_change = True

    def title(self, text: str) -> None:
        """The story's name."""
        self._print(self._bold(text), "═" * len(text))

    def chapter(self, text: str) -> None:
        """A part of the story begins."""
        self._print("", self._bold(text), "─" * len(text))

    def explain(self, text: str) -> None:
        """A paragraph for somebody who sees this for the first time."""
        self._print("", textwrap.fill(" ".join(text.split()), WIDTH, break_on_hyphens=False), "")

    def introduce(self, actor: Actor, text: str) -> None:
        """Who somebody in the story is."""
        name = self._coloured(f"{actor:<9}", _COLOURS[actor])
        self._print(f"   {name} {text}")

    def note(self, text: str) -> None:
        """What the demo itself is doing."""
        self._print(*textwrap.wrap(text, WIDTH - 5, initial_indent="   … ", subsequent_indent="     "))

    @contextmanager
    def waiting(self, what: str, *, at_once: bool = False) -> Iterator[None]:
        """Say what the demo waits for, every few seconds while it does; `at_once` says it before that, too."""
        if at_once:
            self.note(what)
        began, is_over = time.monotonic(), threading.Event()

        def remind() -> None:
            while not is_over.wait(QUIET_S):
                self.note(f"still {what} ({time.monotonic() - began:.0f} s)")

        reminder = threading.Thread(target=remind, daemon=True)
        reminder.start()
        try:
            yield
        finally:
            is_over.set()
            reminder.join()

    def link(self, address: str, what: str) -> None:
        """Something to open or to run, and what it is. An address is never broken."""
        self._print(f"   {what}", f"     {self._coloured(address, '4')}")

    def tell(self, actor: Actor, text: str, *details: str) -> None:
        """One line of the timeline, and what it is known from."""
        clock = f"{time.monotonic() - self._started:6.1f} s" if self._is_after_change else " " * 8
        name = self._coloured(f"{actor:<9}", _COLOURS[actor])
        lines = _wrapped(text) or [""]
        self._print(f"{clock}  {name} {self._bold(lines[0])}", *(_MARGIN + self._bold(line) for line in lines[1:]))
        self._print(*(line for detail in details for line in _indented(detail)))

    def notice(self, subject: str, text: str) -> None:
        """A notice, as its subscribers receive it."""
        self._print(_MARGIN + "┌ " + self._bold(subject))
        body = [line for paragraph in text.splitlines() for line in _wrapped(paragraph) or [""]]
        self._print(*(f"{_MARGIN}│ {line}".rstrip() for line in body), _MARGIN + "└")

    def verdict(self, text: str, *, good: bool) -> None:
        """How the story ended."""
        self._print("", self._coloured(("✔ " if good else "✘ ") + text, "32" if good else "31"))

    def _print(self, *lines: str) -> None:
        for line in lines:
            print(line, flush=True)

    def _bold(self, text: str) -> str:
        return self._coloured(text, "1")

    def _coloured(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._is_coloured else text


def _indented(text: str) -> list[str]:
    first, *rest = _wrapped(text)
    return [_MARGIN + first, *(f"{_MARGIN}  {line}" for line in rest)]


def _wrapped(text: str) -> list[str]:
    """In lines beside the margin. Ids and names stay whole, so that they can be copied; an indented text stays so."""
    indent = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text,
        WIDTH - len(_MARGIN) - 2,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
