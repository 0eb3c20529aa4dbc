"""The coverage page in a browser: it looks right in both themes at both widths, and a keyboard is enough to use it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.repository import ROOT

pytest.importorskip("playwright", reason="playwright isn't installed: make setup")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, Page

from lifeline.dashboard.coverage import Coverage
from lifeline.dashboard.html.organization import render_organization
from lifeline.dashboard.html.page import View, render_page, render_text
from tests.browser.host import around, browsing, find_chromium
from tests.dashboard.html.test_page import BREAK_OUTS, poisoned
from tests.support.coverage_sample import CALLS, region, story, the_blocked, the_silenced
from tests.support.organization_sample import organization

CHROMIUM = find_chromium()
RUN = ROOT / ".run" / "browser"
SERIOUS = {"serious", "critical"}
LOOKS = [(is_dark, width) for is_dark in (False, True) for width in (500, 1400)]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed (apt-get install chromium, or set CHROMIUM)"),
]
every_look = pytest.mark.parametrize(("is_dark", "width"), LOOKS, ids=[f"{('light', 'dark')[d]}-{w}" for d, w in LOOKS])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing(CHROMIUM) as found:
        yield found


def opened(browser: Browser, widget: str, *, is_dark: bool = False, width: int = 1400) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(30_000)
    page.set_content(around(widget, is_dark=is_dark))
    return page


def shown(browser: Browser, *, is_dark: bool = False, width: int = 1400, of: Coverage | None = None) -> Page:
    widget = render_page(of or story(), CALLS, View(is_dark=is_dark, width=width))
    return opened(browser, widget, is_dark=is_dark, width=width)


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


def answer(page: Page, *, accept: bool) -> list[str]:
    """What the page asks from now on, each answered alike."""
    asked: list[str] = []

    def on_dialog(dialog: Dialog) -> None:
        asked.append(dialog.message)
        if accept:
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", on_dialog)
    return asked


def calls(page: Page) -> list[tuple[str, str, str]]:
    found = page.evaluate("window.calls")
    return [(one["endpoint"], one["display"], json.dumps(one["json"])) for one in found]


@every_look
def test_axe_finds_no_serious_fault(browser: Browser, is_dark: bool, width: int) -> None:
    page = shown(browser, is_dark=is_dark, width=width)
    unfold(page)
    found = Axe().run(page).response["violations"]
    serious = [(one["id"], one["nodes"][0]["target"]) for one in found if one["impact"] in SERIOUS]
    page.screenshot(path=RUN / f"coverage-{'dark' if is_dark else 'light'}-{width}.png", full_page=True)
    page.close()
    assert not serious


@pytest.mark.parametrize(
    ("vpcs", "is_dark", "width"), [*((40, *look) for look in LOOKS), (200, False, 500), (200, True, 1400)]
)
def test_a_large_region_begins_with_what_matters_and_axe_finds_no_serious_fault(
    browser: Browser, vpcs: int, is_dark: bool, width: int
) -> None:
    page = shown(browser, is_dark=is_dark, width=width, of=region(vpcs))
    incident = page.locator(".incident").first.bounding_box()
    wide = page.evaluate("document.documentElement.scrollWidth")
    found = Axe().run(page).response["violations"]
    page.screenshot(path=RUN / f"coverage-{vpcs}-{'dark' if is_dark else 'light'}-{width}.png")
    page.close()
    assert incident
    assert incident["y"] < 900
    assert wide <= width
    assert not [one["id"] for one in found if one["impact"] in SERIOUS]


@every_look
def test_a_hubs_accounts_look_right_open_by_keyboard_and_axe_finds_no_serious_fault(
    browser: Browser, is_dark: bool, width: int
) -> None:
    page = opened(
        browser, render_organization(organization(), CALLS, View(is_dark=is_dark)), is_dark=is_dark, width=width
    )
    page.screenshot(path=RUN / f"organization-{'dark' if is_dark else 'light'}-{width}.png", full_page=True)
    unfold(page)
    found = Axe().run(page).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.get_by_role("button", name="Open 333333333333").focus()
    page.keyboard.press("Enter")
    made = calls(page)
    page.close()
    assert not [(one["id"], one["nodes"][0]["target"]) for one in found if one["impact"] in SERIOUS]
    assert wide <= width
    assert made == [(CALLS.page, "widget", '{"account": "333333333333"}')]


def test_axe_sees_what_it_is_asked_to_see(browser: Browser) -> None:
    pale = render_page(story(), CALLS).replace("--quiet: #4f5d6b", "--quiet: #b9c2cc")
    page = opened(browser, pale)
    found = Axe().run(page).response["violations"]
    page.close()
    assert "color-contrast" in {one["id"] for one in found}


@every_look
def test_the_page_never_scrolls_sideways(browser: Browser, is_dark: bool, width: int) -> None:
    page = shown(browser, is_dark=is_dark, width=width)
    unfold(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert wide <= width


@pytest.mark.parametrize("width", [500, 1400])
def test_no_text_is_cut_off(browser: Browser, width: int) -> None:
    page = shown(browser, width=width)
    unfold(page)
    cut = page.evaluate("""() => [...document.querySelectorAll('#widget *')]
        .filter(one => !one.closest('.visually-hidden') && one.scrollWidth > one.clientWidth + 1 && one.clientWidth)
        .filter(one => ['hidden', 'clip'].includes(getComputedStyle(one).overflowX))
        .map(one => one.outerHTML.slice(0, 80))""")
    page.close()
    assert cut == []


def test_every_action_belongs_to_the_button_before_it(browser: Browser) -> None:
    page = shown(browser)
    orphans = page.evaluate("window.orphans")
    strange = page.evaluate("""() => [...document.querySelectorAll('#widget cwdb-action')]
        .filter(one => one.previousElementSibling.tagName !== 'BUTTON').length""")
    page.close()
    assert (orphans, strange) == ([], 0)


def test_clicks_ask_first_and_call_the_right_function(browser: Browser) -> None:
    vpc = the_blocked()
    page = shown(browser)
    asked = answer(page, accept=True)
    block = page.locator("details.vpc", has_text="build-farm")
    block.locator("> summary").click()
    for label in ("Approve", "Show the plan", "Reconcile", "Pause", "Exempt", "Release"):
        block.get_by_role("button", name=label).click()
    made = calls(page)
    page.close()
    assert made == [
        (CALLS.reconcile, "popup", json.dumps({"approve": vpc.plan_id, "button": True})),
        (CALLS.page, "popup", json.dumps({"plan": vpc.id})),
        (CALLS.reconcile, "popup", json.dumps({"vpc_ids": [vpc.id], "button": True})),
        (CALLS.reconcile, "popup", json.dumps({"vpc_ids": [vpc.id], "freeze": True, "button": True})),
        (
            CALLS.reconcile,
            "popup",
            json.dumps({"exempt": [vpc.id], "days": 7, "reason": "from the coverage page", "button": True}),
        ),
        (CALLS.reconcile, "popup", json.dumps({"vpc_ids": [vpc.id], "release": True, "button": True})),
    ]
    assert [one.split()[0] for one in asked] == ["Approve", "Reconcile", "Pause", "Exempt", "Release"]


def test_whoever_says_no_changes_nothing(browser: Browser) -> None:
    page = shown(browser)
    asked = answer(page, accept=False)
    block = page.locator("details.vpc", has_text="build-farm")
    block.locator("> summary").click()
    for label in ("Approve", "Reconcile", "Pause", "Exempt", "Release"):
        block.get_by_role("button", name=label).click()
    made = calls(page)
    page.close()
    assert (len(asked), made) == (5, [])


def test_tab_reaches_every_button_and_enter_and_space_press_it(browser: Browser) -> None:
    page = shown(browser)
    answer(page, accept=True)
    unfold(page)
    buttons = page.locator("#widget button").count()
    pressed, ring = 0, set()
    for _ in range(200):
        page.keyboard.press("Tab")
        kind = page.evaluate("document.activeElement.tagName")
        if kind == "BODY":
            break
        ring.add(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
        if kind == "BUTTON":
            page.keyboard.press("Space" if pressed % 2 else "Enter")
            pressed += 1
    made = len(calls(page))
    page.close()
    assert (pressed, made) == (buttons, buttons)
    assert ring == {"solid"}


def test_the_fold_of_those_that_are_well_opens_by_keyboard(browser: Browser) -> None:
    page = shown(browser)
    fold = page.locator("details.healthy")
    fold.locator("> summary").focus()
    page.keyboard.press("Enter")
    is_open = fold.evaluate("one => one.open")
    seen = fold.locator("h3").all_inner_texts()
    page.close()
    assert is_open
    assert [one.split()[0] for one in seen] == ["team-1", "legacy"]


def test_a_wide_table_scrolls_in_its_own_frame_by_keyboard(browser: Browser) -> None:
    vpc = the_silenced()
    cells = tuple(replace(vpc.subnets[0].cells[0], service=f"service-{number}") for number in range(12))
    wide = replace(story(), vpcs=(replace(vpc, subnets=(replace(vpc.subnets[0], cells=cells),)),))
    page = shown(browser, width=500, of=wide)
    frame = page.locator(".scroll")
    frame.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.scroll').scrollLeft > 0")
    across = page.evaluate("document.documentElement.scrollWidth")
    serious = [one["id"] for one in Axe().run(page).response["violations"] if one["impact"] in SERIOUS]
    page.close()
    assert across <= 500
    assert not serious


def test_names_as_hostile_as_can_be_run_nothing(browser: Browser) -> None:
    hostile = "".join(render_page(poisoned(story(), words), poisoned(CALLS, words)) for words in BREAK_OUTS)
    page = opened(browser, hostile)
    said = answer(page, accept=False)
    unfold(page)
    handlers = page.evaluate("""() => [...document.querySelectorAll('#widget *')]
        .flatMap(one => [...one.attributes].map(attribute => attribute.name))
        .filter(name => name.startsWith('on') || ['src', 'href', 'style'].includes(name)).length""")
    page.mouse.move(200, 300)
    page.close()
    assert (handlers, said) == (0, [])


@pytest.mark.parametrize("is_dark", [False, True])
def test_a_plan_pops_up_readable_in_both_themes(browser: Browser, is_dark: bool) -> None:
    ground, ink = ("#161d26", "#d5dbdb") if is_dark else ("#ffffff", "#16191f")
    text = render_text("Plan for app-prod", "+ logs\n" * 90)
    widget = f'<div style="background:{ground};color:{ink}">{text}</div>'
    page = opened(browser, widget, is_dark=is_dark, width=500)
    serious = [one["id"] for one in Axe().run(page).response["violations"] if one["impact"] in SERIOUS]
    page.close()
    assert not serious


def test_a_page_on_disk_becomes_a_picture(tmp_path: Path) -> None:
    written, made = tmp_path / "page.html", tmp_path / "out.png"
    written.write_text(render_page(story(), CALLS), "utf-8")
    command = [sys.executable, "-m", "tests.browser.picture", str(written), str(made), "--width", "700"]
    subprocess.run(command, check=True, cwd=ROOT, timeout=60)  # noqa: S603 - our own module
    assert made.read_bytes().startswith(b"\x89PNG")
