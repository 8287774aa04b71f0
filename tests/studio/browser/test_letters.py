"""A written text: where each letter comes from, what is copied, and how the samples became better."""

import pytest
from helpers import browser
from helpers.visits import wait_for_text

pytestmark = pytest.mark.slow


def test_the_film_goes_from_noise_to_now(visit, trained, address):
    visitor = visit()
    page = visitor.open()
    page.select_option("#selModel", trained[0]["id"])
    page.wait_for_selector("#filmBox:not([hidden])")
    samples = browser.ask(address, f"runs/{trained[0]['id']}")["samples"]
    page.fill("#film", "0")
    page.dispatch_event("#film", "input")
    first = page.text_content("#samples li")
    assert page.locator("#samples li").count() == 1
    assert samples[0]["text"] in first
    page.fill("#film", page.get_attribute("#film", "max"))
    page.dispatch_event("#film", "input")
    assert samples[-1]["text"] in page.text_content("#samples li")
    visitor.check()


BOX = """(at) => {
    const range = document.createRange(), text = document.getElementById("outText").firstChild;
    range.setStart(text, at), range.setEnd(text, at + 1);
    const { left, right, top, bottom } = range.getBoundingClientRect();
    return [(left + right) / 2, (top + bottom) / 2];
}"""

GLOWING = "() => [1, 2, 3, 4].reduce((sum, level) => sum + (CSS.highlights.get(`glow${level}`)?.size ?? 0), 0)"


def test_a_letter_shows_what_it_hung_on_and_what_else_could_have_come(visit, trained, address):
    visitor = visit()
    page = visitor.open()
    page.select_option("#selModel", trained[0]["id"])
    page.fill("#inpPrompt", "def part")
    page.click("#btnGenerate")
    wait_for_text(page, "#writeStatus", "copied|word for word")
    assert page.text_content("#outResult .prompt") == "def part"
    assert page.evaluate("document.getElementById('outResult').scrollTop") == 0
    text = page.text_content("#outText")
    at = next(k for k, letter in enumerate(text) if k > 10 and letter.isalpha())
    page.mouse.click(*page.evaluate(BOX, at))
    said = wait_for_text(page, "#letterSaid", "had")
    assert f"“{text[at]}”" in said
    assert page.evaluate("() => [...CSS.highlights.get('chosen')].map(String)") == [text[at]]
    assert page.evaluate(GLOWING) > 0
    want = browser.ask(
        address, f"runs/{trained[0]['id']}/inside/letter", {"text": "def part" + text, "at": len("def part") + at}
    )
    assert page.locator("#letterNext li").count() == 5
    assert page.locator("#letterNext .share").first.text_content() == f"{int(100 * want['next'][0][1] + 0.5)} %"

    # The keyboard moves the chosen letter; Escape lets it go.
    page.focus("#outResult")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(letter) => String([...CSS.highlights.get('chosen')][0]) === letter", arg=text[at + 1])
    page.keyboard.press("Escape")
    assert page.is_hidden("#letterBox")
    assert page.evaluate(GLOWING) == 0

    # Another letter, and on from there: what stood before stays.
    page.mouse.click(*page.evaluate(BOX, at))
    other = page.locator("#letterNext button >> nth=1")
    symbol = want["next"][1][0]
    other.click()
    page.wait_for_function(
        "(prompt) => document.querySelector('#outResult .prompt')?.textContent === prompt",
        arg="def part" + text[:at] + symbol,
    )
    wait_for_text(page, "#writeStatus", "characters in")
    visitor.check()


@pytest.mark.parametrize("width", [1280, 360])
def test_the_box_of_a_letter_is_not_in_front_of_it(visit, trained, width):
    visitor = visit(width=width)
    page = visitor.open()
    page.select_option("#selModel", trained[0]["id"])
    page.click("#foldSampling > summary")
    page.fill("#sampling-length", "200")  # too short to be scrolled without room below it
    page.click("#btnGenerate")
    wait_for_text(page, "#writeStatus", "copied|word for word")
    page.locator("#outResult").scroll_into_view_if_needed()
    middle = "(y, out = document.getElementById('outResult')) => (out.scrollTop += y - out.getBoundingClientRect().top - 120)"
    text = page.text_content("#outText")
    for least in (12, 60, 100, 150, 180):
        at = next(k for k in range(least, len(text)) if text[k].isalpha())  # the end of a line has no width to press
        page.evaluate(middle, page.evaluate(BOX, at)[1])
        page.mouse.click(*page.evaluate(BOX, at))
        wait_for_text(page, "#letterSaid", "had")
        page.wait_for_selector("#letterBox:not([hidden])")
        x, y = page.evaluate(BOX, at)
        box = page.locator("#letterBox").bounding_box()
        assert not (box["y"] < y < box["y"] + box["height"]), (at, y, box)
        page.click("#btnLetterClose")
    visitor.check()


def test_what_is_copied_is_shaded(visit, trained):
    visitor = visit()
    page = visitor.open()
    page.select_option("#selModel", trained[0]["id"])
    page.fill("#inpPrompt", 'def part_7(x):\n    """The part with (some) of it."""\n')
    page.click("#btnGenerate")
    assert "word for word" in wait_for_text(page, "#writeStatus", "word for word")
    shaded = page.evaluate("() => [...CSS.highlights.get('copied')].map(String)")
    assert any("The part with (some) of it" in span for span in shaded)
    # Also of a text that the page finds again, after the sentence about its model.
    page.reload()
    assert ".;" not in wait_for_text(page, "#writeStatus", "word for word|copied")
    visitor.check()
