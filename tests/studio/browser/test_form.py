"""The forms of settings: groups, a search over them, a mark and a way back at what was changed."""

import pytest
from helpers import browser
from helpers.visits import GERMAN, wait_for_text

pytestmark = pytest.mark.slow


def test_more_is_in_groups_with_a_search(visit):
    visitor = visit(width=320)
    page = visitor.open()
    page.click("#foldModel > summary")
    page.click("#formModel .more > summary")
    groups = page.locator("#formModel .group")
    assert groups.count() == 7
    assert [group.get_attribute("open") for group in groups.all()] == [None] * 7
    page.locator("#formModel .group > summary", has_text="Learning").last.click()
    page.fill("#model-search", "rate dropout")
    assert wait_for_text(page, "#formModel [role=status]", "words") == "No setting has these words."
    page.fill("#model-search", "lr")  # by its name, for those who know it from the command line
    assert wait_for_text(page, "#formModel [role=status]", "1") == "1 setting"
    assert page.locator("#formModel .group .field:visible label").all_text_contents() == ["Learning rate"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.fill("#model-search", "layer")
    assert "above: Layers, Units per layer" in wait_for_text(page, "#formModel [role=status]", "above")
    page.fill("#model-search", "")
    page.wait_for_function("document.querySelectorAll('#formModel .group[open]').length === 1")  # as it was before
    visitor.check()


def test_what_was_changed_is_marked_and_one_press_resets_it(visit):
    visitor = visit()
    page = visitor.open()
    page.click("#foldModel > summary")
    page.click("#formModel .more > summary")
    assert page.locator(".changed").count() == 0
    page.fill("#model-search", "gradient")
    before = page.evaluate("window.seen.shift")
    page.fill("#model-clip", "0.25")
    page.fill("#model-num_layers", "2")
    assert page.evaluate("window.seen.shift") == before
    assert page.locator("#formModel .changed label").all_text_contents() == ["Layers", "Largest gradient"]
    assert page.text_content("#foldModel > summary") == "Model 2 changed"
    assert page.text_content("#formModel .more > summary") == "More 1 changed"

    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#formModel .changed").count() == 2
    # By keyboard alone: the button follows its field's label.
    page.focus("#model-num_layers")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Reset Layers to 1"
    page.keyboard.press("Enter")
    assert page.input_value("#model-num_layers") == "1"
    assert page.evaluate("document.activeElement.id") == "model-num_layers"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "model-cell"  # nothing to reset, nothing to stop at
    assert page.text_content("#foldModel > summary") == "Model 1 changed"
    visitor.check()


def test_no_name_of_a_setting_is_on_the_page(visit, address):
    names = [field["name"] for field in browser.ask(address, "about")["form"] if "_" in field["name"]]
    visitor = visit()
    for view in ("write", "compare", "learn"):
        page = visitor.open(view)
        for fold in page.locator("details").all():
            fold.evaluate("(details) => (details.open = true)")
        text = page.inner_text("main")
        assert not [name for name in names if name in text], view
    page = visitor.open()
    page.fill("#txtInput", GERMAN)
    page.fill("#model-hidden_size", "99999")
    assert wait_for_text(page, "#cardWords", "Units per layer").startswith(
        "“Units per layer” is 99999; expected at most"
    )
    visitor.check(422)
