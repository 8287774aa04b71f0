"""What holds in every view: access for all, a phone, the keyboard, the theme, a lost connection."""

import pytest
from helpers.visits import CHINESE, VIEWS, small, wait_for_text

pytestmark = pytest.mark.slow


def composed_enter(page, selector: str) -> None:
    """Enter in a box as an input method's last key: with key code 229, and while a word is being composed."""
    page.focus(selector)
    keys = page.context.new_cdp_session(page)
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229, "text": "\r"}
    for kind in ("keyDown", "keyUp"):
        keys.send("Input.dispatchKeyEvent", {"type": kind, **key})
    options = "{ key: 'Enter', isComposing: true, bubbles: true, cancelable: true }"
    page.evaluate(f"document.querySelector(`{selector}`).dispatchEvent(new KeyboardEvent('keydown', {options}))")
    page.wait_for_timeout(200)


def test_enter_that_confirms_a_word_starts_nothing(visit, trained):
    visitor = visit()
    page = visitor.open()
    page.fill("#txtInput", CHINESE)
    small(page)

    def posts():
        return [r.url for r in visitor.requests if r.method == "POST" and not r.url.endswith("/api/card")]

    page.click(".views a[href='#inside']")
    page.wait_for_selector("#cellShows .cell-svg")  # what a first visitor sees is asked for
    page.wait_for_load_state("networkidle")
    page.click(".views a[href='#learn']")
    page.wait_for_selector("#lessonBody .cell-svg")
    page.wait_for_load_state("networkidle")
    seen = len(posts())
    page.click(".views a[href='#write']")
    composed_enter(page, "#inpPrompt")
    composed_enter(page, "#model-hidden_size")
    page.click(".views a[href='#inside']")
    page.fill("#insideText", "天地玄黃")
    composed_enter(page, "#insideText")
    page.click(".views a[href='#compare']")
    for box in ("#duelPrompt", "#duelTemperature"):
        composed_enter(page, box)
    page.click(".views a[href='#learn']")
    for box in ("#measureParameters", "#measureMinutes"):
        composed_enter(page, box)
    assert posts()[seen:] == []
    page.click(".views a[href='#compare']")
    page.click(f"[id='Rename-{trained[1]['id']}']")
    page.fill("#dialog input", "名")
    composed_enter(page, "#dialog input")
    assert page.is_visible("#dialog")
    page.keyboard.press("Escape")
    # The same key without an input method presses the button.
    page.focus("#duelPrompt")
    page.keyboard.press("Enter")
    for side in "AB":
        wait_for_text(page, f"#duelSaid{side}", "characters in")
    assert len(posts()) == seen + 2
    visitor.check()


def test_every_view_begins_at_the_top_of_the_page(visit):
    """A view that is left keeps its layout, and takes no place."""
    visitor = visit()
    page = visitor.open()
    for view in (*VIEWS, *VIEWS[::-1]):
        page.click(f".views a[href='#{view}']")
        page.wait_for_selector(f"#view-{view}:not([hidden])")
        assert page.locator(f"#view-{view} h1").bounding_box()["y"] < 200, view
    visitor.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit, trained, scheme):
    from axe_playwright_python.sync_playwright import Axe

    visitor = visit(scheme=scheme)
    for view in VIEWS:
        page = visitor.open(view)
        for fold in page.locator("details").all():
            fold.evaluate("(details) => (details.open = true)")
        if view == "inside":
            page.select_option("#insideRun", trained[0]["id"])
            page.fill("#insideText", "def part_1(x):\n    return x\n")
            page.click("#btnRead")
            page.wait_for_selector("#chartSaturation .scatterlayer", state="attached")
        found = Axe().run(page).response["violations"]
        serious = [
            (v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], f"{view}, {scheme}"
    visitor.check()


def test_a_phone_needs_no_sideways_scrolling(visit, trained):
    visitor = visit(width=360)
    for view in VIEWS:
        page = visitor.open(view)
        if view == "inside":
            page.select_option("#insideRun", trained[0]["id"])
            page.fill("#insideText", "def part_1(x):\n    return x\n")
            page.click("#btnRead")
            page.wait_for_selector("#chartSaturation .scatterlayer", state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
        small = page.evaluate(
            """[...document.querySelectorAll("button, a, select")].filter((e) => e.checkVisibility())
              .map((e) => [e.textContent.trim(), e.getBoundingClientRect().height]).filter(([, height]) => height < 18)"""
        )
        assert small == []
    visitor.check()


def test_the_theme_is_kept_and_the_address_names_the_view(visit):
    visitor = visit(scheme="light")
    page = visitor.open()
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.select_option("#selTheme", "dark")
    dark = page.evaluate(paper)
    assert dark != light
    page.click(".views a[href='#learn']")
    page.reload()
    page.wait_for_selector("#view-learn:not([hidden])")
    assert page.evaluate(paper) == dark
    assert page.input_value("#selTheme") == "dark"
    page.click(".views a[href='#compare']")
    page.go_back()
    page.wait_for_selector("#view-learn:not([hidden])")
    assert page.get_attribute(".views a[href='#learn']", "aria-current") == "page"
    visitor.check()


def test_a_lost_connection_is_said_and_found_again(visit):
    visitor = visit()
    page = visitor.open("compare")
    page.wait_for_load_state("networkidle")  # an answer that is under way would say that the connection is there
    page.route("**/api/**", lambda route: route.abort("internetdisconnected"))
    page.click("#btnRefresh")
    assert "No connection to the studio" in wait_for_text(page, "#connection:not([hidden])", "studio")
    page.unroute("**/api/**")
    page.wait_for_selector("#connection", state="hidden")
    visitor.complaints = [c for c in visitor.complaints if "ERR_INTERNET_DISCONNECTED" not in c]
    visitor.check(405)
