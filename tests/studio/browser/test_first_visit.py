"""A first visit, with the model of the package alone: every view has something to show, and nothing lies over anything."""

import pytest
from helpers.visits import FILLED, VIEWS, wait_for_text

pytestmark = pytest.mark.slow

OVERLAPS = """() => [...document.querySelectorAll(".panel")].filter((panel) => panel.checkVisibility()).flatMap((panel) => {
    const shown = (part) => part.checkVisibility() && getComputedStyle(part).position !== "absolute";
    const parts = [...panel.children].filter(shown);
    const boxes = parts.map((part) => [part, part.getBoundingClientRect()]);
    return boxes.flatMap(([one, a], at) => boxes.slice(at + 1)
        .filter(([, b]) => b.top < a.bottom - 1 && a.top < b.bottom - 1 && b.left < a.right - 1 && a.left < b.right - 1)
        .map(([other]) => `${one.className || one.id} lies over ${other.className || other.id}`));
})"""


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_on_a_first_visit_nothing_overlaps_jumps_or_is_cut(visit, width):
    visitor = visit(width=width)
    for view in VIEWS:
        page = visitor.open(view)
        page.wait_for_selector(FILLED[view], state="attached")
        if view == "inside":
            wait_for_text(page, "#clampTextAfter", r"[\s\S]{100}")
        assert page.evaluate(OVERLAPS) == [], view
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        assert page.evaluate("window.seen.shift") < 0.03, view
        cut = "[...document.querySelectorAll('.views a, .i-clamp dd')].filter((e) => e.scrollWidth > e.clientWidth + 1)"
        assert page.evaluate(f"{cut}.map((e) => e.textContent)") == []
        names = page.evaluate("[...document.querySelectorAll('.views a')].at(-1).getBoundingClientRect().right")
        assert names <= width, view
    visitor.check()
