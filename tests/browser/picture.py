"""Makes a picture of a page that was written to a file, as a dashboard shows it.

python -m tests.browser.picture page.html out.png [--dark] [--width 1200]
"""

import argparse
from pathlib import Path

from tests.browser.host import browsing, find_chromium, photograph


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes a picture of a coverage page.")
    parser.add_argument("page", type=Path, help="the file with the widget's HTML")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    parser.add_argument("--dark", action="store_true", help="the dashboard around it is dark")
    parser.add_argument("--width", type=int, default=1200, help="the window's width in px")
    args = parser.parse_args()
    chromium = find_chromium()
    if not chromium:
        parser.error("no chromium is installed (or set CHROMIUM to the path of one)")
    with browsing(chromium) as browser:
        photograph(browser, args.page.read_text("utf-8"), args.picture, is_dark=args.dark, width=args.width)


if __name__ == "__main__":
    main()
