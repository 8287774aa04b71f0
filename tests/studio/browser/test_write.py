"""The view Write: train, stop, continue, and write; what is said of a text that cannot be learned."""

import pytest
from helpers import browser
from helpers.visits import CHINESE, GERMAN, HOSTILE, begin, stopped, wait_for_text

pytestmark = pytest.mark.slow


def test_stop_continue_reload_and_a_second_start(visit, address):
    visitor = visit()
    page = visitor.open()
    begin(page, CHINESE, 5000)
    wait_for_text(page, "#outProgress", "^[1-9]")
    page.click("#btnGenerate")
    assert "still going" in page.text_content("#writeStatus")

    other = visit()
    second = other.open()
    second.click("#btnGenerate")
    assert "still going" in wait_for_text(second, "#writeStatus", "going")
    answered = second.evaluate(
        """fetch("/api/runs", { method: "POST", body: '{"corpus": "manual"}', headers: { "Content-Type": "application/json" } })
          .then(async (answer) => [answer.status, (await answer.json()).detail])"""
    )
    assert answered[0] == 409
    assert "is being trained" in answered[1]
    other.check(409)

    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.wait_for_function("(text) => document.getElementById('txtInput').value === text", arg=CHINESE)
    wait_for_text(page, "#writeStatus", r"^Training\.\.\. [1-9]")
    stopped(page)
    at = float(page.get_attribute("#barTraining", "value"))
    assert 0 < at < 100
    page.click("#btnContinue")
    wait_for_text(page, "#writeStatus", r"^Training\.\.\.")
    page.wait_for_function("(at) => document.getElementById('barTraining').value > at", arg=at)
    stopped(page)
    page.click("#btnGenerate")
    wait_for_text(page, "#writeStatus", "characters in")
    assert set(page.text_content("#outResult")) <= set(CHINESE)
    visitor.check()


def test_a_changed_text_is_said_with_two_choices(visit, address):
    visitor = visit()
    page = visitor.open()
    begin(page, GERMAN, 4)
    wait_for_text(page, "#writeStatus", "characters in")
    first = browser.ask(address, "runs")["runs"][0]
    page.fill("#txtInput", GERMAN.replace("Viktor", "Nora"))
    page.click("#btnGenerate")
    page.wait_for_selector("#writeNotice:not([hidden])")
    notice = page.locator("#writeNotice")
    assert "The text has changed" in notice.text_content()
    assert notice.locator("button").all_text_contents() == ["Train on", "Start over", "Write with it as it is"]
    notice.locator("button", has_text="Train on").click()
    wait_for_text(page, "#writeStatus", "characters in")
    newest = browser.ask(address, "runs")["runs"][0]
    assert newest["parent"] == first["id"]
    assert newest["text"]["id"] != first["text"]["id"]

    page.fill("#model-num_layers", "2")
    page.click("#btnGenerate")
    assert "model's settings (Layers) have changed" in wait_for_text(page, "#writeNotice", "changed")
    assert "Train on" not in notice.locator("button").all_text_contents()
    visitor.check()


def test_a_text_of_markup_stays_text(visit):
    visitor = visit()
    page = visitor.open()
    page.on("dialog", lambda dialog: pytest.fail(f"the text ran: {dialog.message}"))
    begin(page, f'"{HOSTILE}', 4)
    wait_for_text(page, "#writeStatus", "characters in")
    assert "<" in page.text_content("#outResult")
    page.click(".views a[href='#compare']")
    page.wait_for_selector("#chartCurves .scatterlayer", state="attached")
    assert page.locator("#view-compare script, #view-compare td img, #view-write script").count() == 0
    name = page.locator("#runsTable td.name").first.evaluate("(cell) => cell.firstChild.textContent")
    assert name.startswith("<script>")  # the quote before it is no part of a name
    assert page.title() == "Compare · Recurra studio"
    visitor.check()


def test_nothing_to_learn_from_is_said(visit):
    visitor = visit()
    page = visitor.open()
    page.click("#btnNew")
    assert "There is no text yet" in page.text_content("#writeStatus")
    page.fill("#txtInput", "x")
    page.click("#btnGenerate")
    assert wait_for_text(page, "#writeStatus", "haracter|short|text")
    assert page.locator("#writeStatus.bad").count() == 1
    page.click("#foldModel > summary")
    page.fill("#model-hidden_size", "99999")
    assert "Units per layer" in wait_for_text(page, "#cardWords", "Units per layer")
    visitor.check(422)


def test_a_file_is_dropped_and_a_corpus_taken(visit, tmp_path):
    visitor = visit()
    page = visitor.open()
    path = tmp_path / "Grüße.txt"
    path.write_text(GERMAN, "utf-8")
    page.set_input_files("#inpFile", path)
    assert f"{len(GERMAN):,} characters, Grüße" in wait_for_text(page, "#txtAbout", "characters")
    assert page.input_value("#txtInput") == GERMAN
    page.select_option("#selSource", "manual")
    assert page.get_attribute("#txtInput", "readonly") is not None
    assert wait_for_text(page, "#cardTime", r"\d")
    visitor.check()
