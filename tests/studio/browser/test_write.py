"""The view Write: train, stop, continue, and write; what is said of a text that cannot be learned."""

import re

import pytest
from helpers import browser
from helpers.visits import CHINESE, GERMAN, HOSTILE, begin, small, stopped, wait_for_text

pytestmark = pytest.mark.slow


def test_first_visit_trains_and_writes_and_the_second_press_only_writes(visit, address):
    visitor = visit()
    page = visitor.open()
    wait_for_text(page, "#writeStatus", "characters in")  # the model that is there from the start has written
    page.fill("#txtInput", GERMAN)
    small(page, epochs="10")
    # The lengths of the result as it changes, to see that it comes bit by bit.
    page.evaluate(
        """window.lengths = [];
        new MutationObserver(() => window.lengths.push(document.getElementById("outResult").textContent))
          .observe(document.getElementById("outResult"), { childList: true, characterData: true, subtree: true });
        window.waits = [];
        new MutationObserver(() => window.waits.push(document.getElementById("chartLoss").dataset.empty))
          .observe(document.getElementById("chartLoss"), { attributeFilter: ["data-empty"] })"""
    )
    page.evaluate("document.getElementById('btnGenerate').click()")
    assert page.text_content("#outResult") == "Reading the text …"
    assert page.text_content("#writeStatus") == "Training... 0 %"
    wait_for_text(page, "#writeStatus", "characters in")
    assert "Reading the text …" in page.evaluate("window.waits")  # and no axes before there are numbers
    assert page.text_content("#wroteBy") == "Zwölf Boxkämpfer jagen Viktor quer · LSTM, 1 layer of 24"
    assert "Training..." not in page.text_content("#outResult")
    assert len(page.text_content("#outResult")) >= 400
    changes = page.evaluate("window.lengths")
    written = [len(text) for text in changes if not re.match(r"Training\.\.\.|Reading|Measuring", text)]
    assert len(set(written)) > 3
    assert written == sorted(written)
    assert any(re.match(r"Training\.\.\. [1-9]", text) for text in changes)
    assert page.text_content("#outProgress") == "100 %"
    page.wait_for_selector("#chartLoss .scatterlayer", state="attached")

    runs = len(browser.ask(address, "runs")["runs"])
    before = page.text_content("#outResult")
    page.click("#btnGenerate")
    page.wait_for_function("(before) => document.getElementById('outResult').textContent !== before", arg=before)
    wait_for_text(page, "#writeStatus", "characters in", 5_000)
    assert len(browser.ask(address, "runs")["runs"]) == runs
    assert visitor.asked("POST", "/api/runs") == 1

    page.fill("#inpPrompt", "Scho\N{COMBINING DIAERESIS}ne ")
    page.click("#btnGenerate")
    assert "the prompt was composed (Unicode NFC)" in wait_for_text(page, "#writeStatus", "characters in.*composed")
    assert page.text_content("#outResult .prompt") == "Schöne "
    assert page.evaluate("document.getElementById('outResult').scrollTop") == 0
    assert page.evaluate("window.seen.shift") < 0.02
    visitor.check()


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
    begin(page, HOSTILE, 4)
    wait_for_text(page, "#writeStatus", "characters in")
    assert "<" in page.text_content("#outResult")
    page.click(".views a[href='#compare']")
    page.wait_for_selector("#chartCurves .scatterlayer", state="attached")
    assert page.locator("#view-compare script, #view-compare td img, #view-write script").count() == 0
    assert "<script>" in page.text_content("#runsTable")
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


def test_a_first_visitor_reads_a_text_at_once_and_its_own_text_trains(chromium, tmp_path):
    with browser.studio(tmp_path / "runs") as address:
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        visitor = browser.Visit(context, address)
        page = visitor.open()
        wait_for_text(page, "#writeStatus", "characters in")
        assert len(page.text_content("#outResult")) >= 300
        assert "ships with Recurra" in page.inner_html("#selModel").replace("Ships", "ships")
        assert page.text_content("#cardParameters") == "99,527"
        page.click(".views a[href='#inside']")
        page.wait_for_selector("#cellShows .cell-svg")
        assert page.locator("#cellBeside input").count() == 2  # RNN and GRU
        page.click(".views a[href='#write']")
        page.fill("#txtInput", GERMAN)
        small(page, epochs="4")
        page.evaluate("document.getElementById('btnGenerate').click()")
        assert page.text_content("#writeStatus") == "Training... 0 %"
        wait_for_text(page, "#writeStatus", "characters in")
        assert [run["cell"] for run in browser.ask(address, "runs")["runs"]] == ["lstm"]
        page.click(".views a[href='#compare']")
        page.wait_for_selector("[id='Delete-packaged.manual-lstm']")  # the view changes after the click
        assert page.locator("#runsTable tbody tr").count() == 4
        assert page.is_disabled("[id='Delete-packaged.manual-lstm']")
        assert page.evaluate("window.seen.shift") < 0.02
        visitor.check()
        context.close()


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
