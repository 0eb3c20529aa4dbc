"""A stub of the coverage page: what it is called with, and just enough words to see that it was."""

from dataclasses import dataclass
from html import escape

from lifeline.core.coverage import Coverage


@dataclass(frozen=True, slots=True)
class Calls:
    """The ARNs of the widget's own function and of ReconcileEndpoints; where one is empty, its buttons are missing."""

    page: str = ""
    reconcile: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """How the dashboard shows it."""

    is_dark: bool = False
    width: int = 0


def render_page(coverage: Coverage, calls: Calls, view: View = View()) -> str:
    """The page as HTML."""
    theme = "dark" if view.is_dark else "light"
    return f'<div class="{theme}" data-calls="{escape(repr(calls))}"><pre>{escape(repr(coverage))}</pre></div>'


def render_text(title: str, text: str) -> str:
    """A text as HTML."""
    return f"<div><h2>{escape(title)}</h2><pre>{escape(text)}</pre></div>"
