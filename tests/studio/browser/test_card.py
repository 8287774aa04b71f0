"""The card: the model in use and its recipe, or what the one to be trained will take."""

import re

import pytest
from helpers import browser
from helpers.visits import wait_for_text, wait_for_value

pytestmark = pytest.mark.slow

TEXT = "".join(f"Line {n}: one of {n % 7} things.\n" for n in range(1500))


def test_the_card_is_of_the_model_in_use_until_another_is_wanted(visit, trained, address):
    visitor = visit()
    page = visitor.open()
    page.select_option("#selModel", trained[0]["id"])
    assert wait_for_text(page, "#h-card", "in use") == "The model in use"
    wait_for_text(page, "#cardFacts", "Set by hand")
    assert wait_for_text(page, "#cardLine", "^LSTM") == "LSTM, 1 layer of 24"
    assert page.text_content("#cardParameters") == f"{trained[0]['parameters']:,}"
    facts = page.text_content("#cardFacts")
    assert f"parts.py, {trained[0]['text']['characters']:,} characters" in facts
    assert f"{trained[0]['bits_per_character']:.2f} bits a character on text it did not learn" in facts
    assert "Units per layer 24" in facts
    run = browser.ask(address, f"runs/{trained[0]['id']}")
    assert run["recipe"].startswith("for ")
    assert run["recipe"][1:] in facts

    page.fill("#txtInput", TEXT)
    assert wait_for_text(page, "#h-card", "trained") == "The model to be trained"
    words = wait_for_text(page, "#cardFacts", "tokens and 1 minute")
    wanted = browser.ask(address, "card", {"characters": len(TEXT)})
    assert wanted["recipe"][1:] in words
    # The form has what the recipe chose, unmarked; what is set by hand wins and is marked.
    page.click("#foldModel > summary")
    assert page.input_value("#model-hidden_size") == str(wanted["settings"]["hidden_size"])
    assert page.locator("#formModel .changed").count() == 0
    page.fill("#model-hidden_size", "40")
    wait_for_text(page, "#cardLine", "1 layer of 40")
    assert page.locator("#formModel .changed label").all_text_contents() == ["Units per layer"]
    page.click("#formModel .changed .reset")
    wait_for_text(page, "#cardLine", f"1 layer of {wanted['settings']['hidden_size']}")
    page.fill("#txtInput", "")
    assert wait_for_text(page, "#h-card", "in use") == "The model in use"
    assert page.evaluate("window.seen.shift") < 0.02
    visitor.check()


def test_a_setting_that_somebody_is_about_to_type_over_does_not_change(visit, address):
    visitor = visit()
    page = visitor.open()
    page.click("#foldModel > summary")
    # The recipe's first answer takes the place of the setting's own default: what follows it is meant here.
    before = str(browser.ask(address, "card", {"characters": 100_000})["settings"]["hidden_size"])
    wait_for_value(page, "#model-hidden_size", before)
    page.click("#model-hidden_size")
    # A long text wants another width while the box has the focus.
    page.evaluate("(text) => { document.getElementById('txtInput').value = text; }", TEXT * 20)
    page.evaluate("document.getElementById('txtInput').dispatchEvent(new Event('input'))")
    wanted = browser.ask(address, "card", {"characters": len(TEXT * 20)})
    wait_for_text(page, "#cardFacts", re.escape(wanted["recipe"][1:]))
    assert page.input_value("#model-hidden_size") == before != str(wanted["settings"]["hidden_size"])
    page.keyboard.press("Tab")
    assert page.input_value("#model-hidden_size") == str(wanted["settings"]["hidden_size"])
    assert page.locator("#formModel .changed").count() == 0
    visitor.check()
