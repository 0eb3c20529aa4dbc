"""A page around the widget's HTML that does with it what the console is documented to do, and a browser to show it in.

It takes scripts, frames and `<use>` out, gives each `<cwdb-action>` to the element before it, asks for confirmation,
and keeps the calls that would go to Lambda in `window.calls`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_ADOPT = """
window.calls = [];
window.orphans = [];
for (const banned of document.querySelectorAll('#widget script, #widget iframe, #widget use')) banned.remove();
for (const action of document.querySelectorAll('#widget cwdb-action')) {
  const target = action.previousElementSibling;
  if (!target) { window.orphans.push(action.outerHTML); continue; }
  target.addEventListener(action.getAttribute('event') || 'click', () => {
    const asked = action.getAttribute('confirmation');
    if (asked && !confirm(asked)) return;
    window.calls.push({
      asked, action: action.getAttribute('action'), display: action.getAttribute('display'),
      endpoint: action.getAttribute('endpoint'), json: JSON.parse(action.innerHTML),
    });
  });
}
"""


# Chromium's own sandbox needs rights that containers withhold, and it shows nothing but pages made here.
_CHROMIUM = ("--no-sandbox", "--disable-gpu")


def find_chromium() -> str:
    """The path of a Chromium: CHROMIUM in the environment, or the one that is installed; empty where there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""


@contextmanager
def browsing(chromium: str) -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()


def around(widget: str, *, is_dark: bool = False) -> str:
    """A dashboard with the widget alone in it."""
    ground = "#161d26" if is_dark else "#f2f3f3"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Dashboard</title>
<meta name="viewport" content="width=device-width">
<style>body{{margin:0;background:{ground};font-family:sans-serif}}</style></head>
<body><main><h1 style="position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden">Dashboard</h1>
<div id="widget" class="{"cwdb-theme-dark" if is_dark else ""}">{widget}</div></main>
<script>{_ADOPT}</script></body></html>"""


def photograph(browser: Browser, widget: str, path: Path, *, is_dark: bool = False, width: int = 1200) -> None:
    """Writes the whole widget as a picture."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_content(around(widget, is_dark=is_dark))
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True)
    page.close()
