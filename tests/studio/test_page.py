"""The studio's page in a real browser: what a visitor does, sees and must never see."""

import os
import re

import pytest
from helpers import browser

pytestmark = pytest.mark.slow

GERMAN = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Süße Öle fließen.\n" * 60
CHINESE = "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。寒來暑往，秋收冬藏。\n" * 120
HOSTILE = "<script>document.title = 'broken'</script><img src=x onerror=alert(1)> & \"quoted\"\n" * 60
VIEWS = ("write", "inside", "compare", "learn")

if browser.missing():
    # In CI a browser is part of the machine; its absence is a fault, not a reason to pass.
    assert not os.environ.get("CI"), browser.missing()
    pytest.skip(browser.missing(), allow_module_level=True)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with browser.studio(tmp_path_factory.mktemp("studio") / "runs") as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def trained(address):
    """Two small models on the same text, trained through the JSON."""
    text = "".join(
        f'def part_{n}(x):\n    """The part with (some) of it."""\n    return x + {n}\n\n' for n in range(200)
    )
    source = browser.send(address, "parts.py", text)
    given = {"hidden_size": 24, "embedding_size": 8, "batch_size": 8, "window": 32, "epochs": 3}
    return [
        browser.train(address, text=source["id"], title=title, settings={**given, "cell": cell})
        for title, cell in (("An LSTM", "lstm"), ("An RNN", "rnn"))
    ]


@pytest.fixture
def visit(chromium, address):
    """visit(width=360, scheme="dark") → a new visitor."""
    contexts = []

    def come(width=1280, scheme="light"):
        size = {"width": width, "height": 900}
        contexts.append(chromium.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce"))
        contexts[-1].set_default_timeout(60_000)
        return browser.Visit(contexts[-1], address)

    yield come
    for context in contexts:
        context.close()
    browser.end_trainings(address)  # what a failed test leaves would refuse the next one's


def small(page, **settings: str) -> None:
    """A small model and a short training, through the page's own controls."""
    page.click("#foldModel > summary")
    for name, value in {"hidden_size": "24", **settings}.items():
        page.fill(f"#model-{name}", value)


def wait_for_text(page, selector: str, pattern: str, timeout: float = 60_000) -> str:
    page.wait_for_function(
        "([selector, pattern]) => new RegExp(pattern).test(document.querySelector(selector)?.textContent ?? '')",
        arg=[selector, pattern],
        timeout=timeout,
    )
    return page.text_content(selector)


def stopped(page) -> None:
    page.click("#btnStop")
    wait_for_text(page, "#writeStatus", "^Stopped at")


def test_first_visit_trains_and_writes_and_the_second_press_only_writes(visit, address):
    visitor = visit()
    page = visitor.open()
    wait_for_text(page, "#writeStatus", "characters in")  # the model that is there from the start has written
    page.fill("#txtInput", GERMAN)
    small(page, epochs="40")
    # The lengths of the result as it changes, to see that it comes bit by bit.
    page.evaluate(
        """window.lengths = [];
        new MutationObserver(() => window.lengths.push(document.getElementById("outResult").textContent))
          .observe(document.getElementById("outResult"), { childList: true, characterData: true, subtree: true })"""
    )
    page.evaluate("document.getElementById('btnGenerate').click()")
    assert page.text_content("#outResult") == "Training... 0 %"
    assert page.text_content("#writeStatus") == "Training... 0 %"
    wait_for_text(page, "#writeStatus", "characters in")
    assert "Training..." not in page.text_content("#outResult")
    assert len(page.text_content("#outResult")) >= 400
    changes = page.evaluate("window.lengths")
    written = [len(text) for text in changes if not text.startswith("Training...")]
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
    assert page.evaluate("window.seen.shift") < 0.02
    visitor.check()


def test_stop_continue_reload_and_a_second_start(visit, address):
    visitor = visit()
    page = visitor.open()
    page.fill("#txtInput", CHINESE)
    small(page, minutes="2")
    page.click("#btnGenerate")
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
    page.fill("#txtInput", GERMAN)
    small(page, epochs="4")
    page.click("#btnGenerate")
    wait_for_text(page, "#writeStatus", "characters in")
    first = browser.ask(address, "runs")["runs"][0]
    page.fill("#txtInput", GERMAN.replace("Viktor", "Nora"))
    page.click("#btnGenerate")
    page.wait_for_selector("#writeNotice:not([hidden])")
    notice = page.locator("#writeNotice")
    assert "The text has changed" in notice.text_content()
    assert notice.locator("button").all_text_contents() == ["Train on", "Start anew", "Write with it as it is"]
    notice.locator("button", has_text="Train on").click()
    wait_for_text(page, "#writeStatus", "characters in")
    newest = browser.ask(address, "runs")["runs"][0]
    assert newest["parent"] == first["id"]
    assert newest["text"]["id"] != first["text"]["id"]

    page.fill("#model-num_layers", "2")
    page.click("#btnGenerate")
    assert "model's settings (num layers) have changed" in wait_for_text(page, "#writeNotice", "changed")
    assert "Train on" not in notice.locator("button").all_text_contents()
    visitor.check()


def test_a_text_of_markup_stays_text(visit):
    visitor = visit()
    page = visitor.open()
    page.on("dialog", lambda dialog: pytest.fail(f"the text ran: {dialog.message}"))
    page.fill("#txtInput", HOSTILE)
    small(page, epochs="4")
    page.click("#btnGenerate")
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
    assert "hidden_size" in wait_for_text(page, "#cardWords", "hidden_size")
    visitor.check(422)


def test_look_inside(visit, trained):
    visitor = visit()
    page = visitor.open("inside")
    page.select_option("#insideRun", trained[0]["id"])
    page.fill("#insideText", 'def part_7(x):\n    """The part (with) it."""\n    return x\n' * 3)
    page.click("#btnRead")
    wait_for_text(page, "#insideStatus", f"read {len(page.input_value('#insideText'))} characters")
    page.wait_for_selector("#coloured .p8, #coloured .n8")
    assert page.locator("#unitList li").count() == 24
    first, colours = page.text_content("#unitName"), page.inner_html("#coloured")
    page.mouse.move(0, 0)  # a letter under the pointer would be the place
    page.focus("#coloured")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("(colours) => document.getElementById('coloured').innerHTML !== colours", arg=colours)
    assert page.text_content("#unitName") != first
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert "“def␣pa”" in page.text_content("#cursorSaid")
    assert page.locator("#nextList li").count() == 8
    page.hover("#coloured span:nth-child(20)")
    assert page.locator("#coloured .at").count() == 1
    wait_for_text(page, "#cursorSaid", '↵␣␣␣␣"”')
    assert page.locator("#ribbons .ribbon").count() == 3  # i, f, o
    letters = page.locator("#ribbons .ribbon-letter")
    assert "".join(letters.all_text_contents()).startswith("def␣part_7(x):↵")
    page.locator("#ribbons svg").click(position={"x": 26 + 15 * 4 + 7, "y": 40})
    assert page.input_value("#cellAt") == "4"
    page.wait_for_selector("#chartSaturation .scatterlayer", state="attached")

    assert page.input_value("#memoryRun") == trained[1]["id"]
    page.click("#btnMemory")
    page.wait_for_function("() => document.querySelectorAll('#chartMemory .scatterlayer .trace').length === 2")
    assert "An RNN" in wait_for_text(page, "#memorySaid", "An RNN")
    visitor.check()


def test_the_unit_that_matters_most_is_held_at_once_and_sliders_act_as_they_move(visit, trained, address):
    visitor = visit()
    page = visitor.open("inside")
    page.select_option("#insideRun", trained[0]["id"])
    text = 'def part_7(x):\n    """The part (with) it."""\n    return x\n' * 3
    page.fill("#insideText", text)
    page.click("#btnRead")
    wait_for_text(page, "#insideStatus", f"read {len(text)} characters")
    wait_for_text(page, "#clampTextAfter", r"[\s\S]{100}")
    most = browser.ask(address, f"runs/{trained[0]['id']}/inside/effects", {"text": text, "limit": 5})["units"]
    names = page.locator("#clampUnits .held-name").all_text_contents()
    assert [int(re.search(r"unit (\d+) of layer 1, c", name)[1]) for name in names][:5] == [one["unit"] for one in most]
    assert page.locator("#clampUnits li.on").count() == 1
    assert page.text_content("#clampUnits li:first-child output") == f"{most[0]['value']:.2f}"
    before, after = page.text_content("#clampBefore"), page.text_content("#clampAfter")
    assert float(after.split()[0]) > float(before)
    assert page.text_content("#clampTextAfter") != page.text_content("#clampTextBefore")
    assert page.locator("#clampPassage .n8, #clampPassage .n4, #clampPassage .n2, #clampPassage .n1").count() > 0
    assert page.locator("#clampNextAfter li").count() == 5

    # Twenty moves in a row: the last one is what is shown, and most of those between were never asked for.
    asked = []
    page.on("request", lambda request: request.url.endswith("/inside/clamp") and asked.append(request.post_data_json))
    page.evaluate("""async () => {
        const slider = document.querySelector("#clampUnits li:nth-child(2) input");
        for (let move = 1; move <= 20; move++) {
            slider.value = String((move / 20) * slider.max);
            slider.dispatchEvent(new Event("input"));
            await new Promise(requestAnimationFrame);
        }
    }""")
    last = float(page.get_attribute("#clampUnits li:nth-child(2) input", "max"))
    page.wait_for_function("(old) => document.getElementById('clampAfter').textContent !== old", arg=after)
    page.wait_for_load_state("networkidle")
    assert page.text_content("#clampUnits li:nth-child(2) output") == f"{last:.2f}"
    assert len(asked) < 20
    assert [one["value"] for one in asked[-1]["clamps"]] == pytest.approx([most[0]["value"], last])
    want = browser.ask(address, f"runs/{trained[0]['id']}/inside/clamp", asked[-1])
    assert page.text_content("#clampTextAfter") == want["text"]["after"][len(asked[-1]["prompt"]) :]

    # The unit chosen in the list can be held too, and all are let go.
    page.click("#unitList li:nth-child(9)")
    page.wait_for_function("() => document.querySelectorAll('#clampUnits li').length >= 5")
    page.click("#clampUnits li:last-child button:has-text('Silence')")
    assert page.text_content("#clampUnits li:last-child output") == "0.00"
    page.click("#btnClampClear")
    page.wait_for_function("() => document.getElementById('clampAfter').textContent === '–'")
    assert page.locator("#clampUnits li.on").count() == 0
    visitor.check()


CELL = """() => Object.fromEntries([...document.querySelectorAll('#cellShows .part')]
    .map((part) => [part.dataset.part, part.querySelector('.number').textContent.replace('−', '-')]))"""


def test_the_cell_moves_letter_by_letter(visit, trained, address):
    visitor = visit()
    page = visitor.open("inside")
    page.select_option("#insideRun", trained[0]["id"])
    text = 'def part_7(x):\n    """The part (with) it."""\n    return x\n'
    page.fill("#insideText", text)
    page.wait_for_selector("#btnRead:not([disabled])")
    page.click("#btnRead")
    wait_for_text(page, "#insideStatus", f"read {len(page.input_value('#insideText'))} characters")
    layer, unit = 0, int(re.search(r"unit (\d+)", page.text_content("#cellShows h3"))[1])
    ask = {"text": text, "layer": layer, "unit": unit, "count": 200}
    want = browser.ask(address, f"runs/{trained[0]['id']}/inside/wires", ask)["values"]

    def numbers(step):
        page.wait_for_function("(step) => document.getElementById('cellAt').value === String(step)", arg=step)
        return page.evaluate(CELL)

    for step in (8, 9):
        shown = numbers(step)
        assert {f"{want[name][step]:.2f}" for name in ("i", "f", "o", "g", "c'", "h'")} <= set(shown.values())
        assert shown["f"] == f"{want['f'][step]:.2f}"
        assert shown["c"] == f"{want['c'][step]:.2f}" == f"{want[chr(99) + chr(39)][step - 1]:.2f}"
        page.click("#btnCellStep")
    page.click("#btnCellBack")
    assert "% open" in page.text_content("#cellSaid")
    assert page.locator("#cellNext li").count() == 5

    # Playing moves on by itself, and pauses.
    page.click("#btnCellPlay")
    numbers(10)
    page.click("#btnCellPlay")
    assert page.text_content("#btnCellPlay") == "Play"

    # A symbol of the equations shows its place; the first symbol of the first line is the input gate.
    page.hover("#cellShows .symbol-link >> nth=0")
    assert page.get_attribute("#cellShows .part.marked", "data-part") == page.text_content(
        "#cellShows .symbol-link >> nth=0"
    )


def test_a_changed_number_changes_what_follows_and_other_cells_stand_beside(visit, trained):
    visitor = visit()
    page = visitor.open("inside")
    page.select_option("#insideRun", trained[0]["id"])
    page.fill("#insideText", "def part_7(x):\n    return x + 7\n")
    page.wait_for_selector("#btnRead:not([disabled])")
    page.click("#btnRead")
    wait_for_text(page, "#insideStatus", f"read {len(page.input_value('#insideText'))} characters")
    page.wait_for_selector("#cellShows .cell-svg [data-part='c']")
    before = page.evaluate(CELL)
    page.locator("#cellShows [data-part='c']").focus()
    page.keyboard.press("Enter")
    page.fill("#cellNumber", page.get_attribute("#cellNumber", "max"))
    wait_for_text(page, "#cellChanged", "bits a letter")
    after = page.evaluate(CELL)
    assert float(after["c"]) == pytest.approx(float(page.input_value("#cellNumber")), abs=0.051)
    assert after["f"] == before["f"]  # a gate of this step reads h, not c
    assert after["c'"] != before["c'"]
    page.click("#btnCellBack")
    page.click("#btnCellStep")
    page.click("#btnCellStep")
    assert page.evaluate(CELL)["f"] != ""
    page.click("#btnCellUndo")
    page.click("#btnCellBack")
    assert page.evaluate(CELL) == before

    page.check(f"#cellBeside input[value='{trained[1]['id']}']")
    page.wait_for_function("() => document.querySelectorAll('#cellShows .cell-svg').length === 2")
    assert "An RNN" in page.text_content("#cellShows > :nth-child(2) h3")
    page.uncheck(f"#cellBeside input[value='{trained[1]['id']}']")
    assert page.locator("#cellShows .cell-svg").count() == 1
    visitor.check()


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
    assert page.locator("#letterNext .share").first.text_content() == f"{round(100 * want['next'][0][1])} %"

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


def test_what_is_copied_is_shaded(visit, trained):
    visitor = visit()
    page = visitor.open()
    page.select_option("#selModel", trained[0]["id"])
    page.fill("#inpPrompt", 'def part_7(x):\n    """The part with (some) of it."""\n')
    page.click("#btnGenerate")
    assert "word for word" in wait_for_text(page, "#writeStatus", "word for word")
    shaded = page.evaluate("() => [...CSS.highlights.get('copied')].map(String)")
    assert any("The part with (some) of it" in span for span in shaded)
    visitor.check()


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


def test_compare_sort_write_side_by_side_rename_delete(visit, trained, address):
    visitor = visit()
    page = visitor.open("compare")
    page.wait_for_selector("#chartCurves .scatterlayer .trace", state="attached")
    page.click("th[data-key=title] button")
    names = page.locator("#runsTable td.name").all_text_contents()
    assert names == sorted(names, key=str.lower)
    assert page.get_attribute("th[data-key=title]", "aria-sort") == "ascending"

    page.select_option("#duelA", trained[0]["id"])
    page.select_option("#duelB", trained[1]["id"])
    page.fill("#duelPrompt", "def ")
    page.click("#btnDuel")
    for side in "AB":
        wait_for_text(page, f"#duelSaid{side}", "characters in")
        assert page.text_content(f"#duelOut{side}").startswith("def ")
    assert page.text_content("#duelOutA") != page.text_content("#duelOutB")

    copy = browser.train(address, text=trained[0]["text"]["id"], title="Old", settings={"hidden_size": 8, "epochs": 1})
    page.click("#btnRefresh")
    page.click(f"[id='Rename-{copy['id']}']")
    page.fill("#dialog input", "<b>New</b> & bold")
    page.keyboard.press("Enter")
    wait_for_text(page, "#runsTable", "<b>New</b> & bold")
    with page.expect_download() as download:
        page.click(f"[id='Download-{copy['id']}']")
    assert download.value.suggested_filename == f"{copy['id']}.zip"
    page.click(f"[id='Delete-{copy['id']}']")
    assert "Delete “<b>New</b> & bold”?" in page.text_content("#dialog")
    page.keyboard.press("Escape")
    assert copy["id"] in [run["id"] for run in browser.ask(address, "runs")["runs"]]
    page.click(f"[id='Delete-{copy['id']}']")
    page.click("#dialog button:has-text('Delete')")
    page.wait_for_function("() => !document.getElementById('runsTable').textContent.includes('& bold')")
    assert copy["id"] not in [run["id"] for run in browser.ask(address, "runs")["runs"]]

    page.click(f"[id='Use-{trained[1]['id']}']")
    page.wait_for_selector("#view-write:not([hidden])")
    page.click("#btnGenerate")
    wait_for_text(page, "#writeStatus", "characters in")
    visitor.check()


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


def test_the_lesson_has_something_to_do_at_each_step(visit, trained):
    visitor = visit()
    page = visitor.open("learn")
    assert page.locator("#lessonSteps button").count() == 10
    seen = set()
    for step in range(10):
        page.wait_for_selector(f"#lessonSteps li:nth-child({step + 1}) button[aria-pressed=true]")
        page.wait_for_selector("#lessonBody .lesson-do > *")
        assert page.locator("#lessonBody .bad").count() == 0, page.text_content("#lessonBody")
        seen.add(page.text_content("#lessonBody .lesson-title"))
        page.click("#lessonBody .lesson-question summary")
        assert len(page.text_content("#lessonBody .lesson-question p")) > 40
        if step < 9:
            page.click("#btnLessonNext")
    assert len(seen) == 10
    assert page.is_disabled("#btnLessonNext")
    before = len(page.text_content("#lessonBody .lesson-text"))
    page.click("#lessonBody .lesson-do .primary")
    page.wait_for_function("(n) => document.querySelector('.lesson-text').textContent.length === n + 1", arg=before)

    # The gate step shows the model at hand, and moves.
    page.click("#lessonSteps li:nth-child(3) button")
    page.wait_for_selector("#lessonBody .cell-svg [data-part='f']")
    at = page.input_value("#lessonBody .cell-at")
    page.click("#lessonBody [aria-label='One letter on']")
    assert int(page.input_value("#lessonBody .cell-at")) == int(at) + 1
    # The step is where it was after a reload.
    page.reload()
    page.wait_for_selector("#lessonSteps li:nth-child(3) button[aria-pressed=true]")
    visitor.check()


def test_learn_shows_the_cell_and_measures_on_the_text(visit, trained):
    visitor = visit()
    page = visitor.open("learn")
    page.click("#cellList [data-cell=gru]")
    assert "h' = (1 - z) ⊙ n + z ⊙ h" in page.text_content("#cellBody")
    assert page.locator("#cellBody dl.gates dt").all_text_contents() == ["r", "z", "n"]
    for cell in ("gru", "lstm"):
        page.uncheck(f"#measureCells [value={cell}]")
    page.check("#measureCells [value=mingru]")
    page.select_option("#measureText", f"text {trained[0]['text']['id']}")
    page.fill("#measureParameters", "20000")
    page.fill("#measureMinutes", "0.02")
    page.click("#btnMeasure")
    wait_for_text(page, "#measureSaid", "^Done", 120_000)
    rows = page.locator("#measureTable tbody tr")
    assert rows.count() == 2
    assert "best" in page.text_content("#measureTable")
    assert page.locator("#measureWords li").count() >= 1
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
