"""The view Look inside: units, gates, the cell letter by letter, and what a changed number changes."""

import re

import pytest
from helpers import browser
from helpers.visits import wait_for_text

pytestmark = pytest.mark.slow


def read(visitor, run: dict, text: str):
    """Let an LSTM read a text, once the page has read what it takes by itself; the page."""
    page = visitor.open("inside")
    wait_for_text(page, "#insideStatus", r"read \d+ characters")
    page.select_option("#insideRun", run["id"])
    wait_for_text(page, "#insideStatus", r"LSTM read \d+ characters")
    page.fill("#insideText", text)
    page.click("#btnRead")
    wait_for_text(page, "#insideStatus", f"read {len(text)} characters")
    return page


def test_look_inside(visit, trained, address):
    visitor = visit()
    text = 'def part_7(x):\n    """The part (with) it."""\n    return x\n' * 3
    page = read(visitor, trained[0], text)
    page.wait_for_selector("#coloured .p8, #coloured .n8")
    assert page.locator("#unitList li").count() == 24
    # The first is the one that follows something furthest above what chance gives; to drift along the text is nothing.
    rows = [row for row in page.locator("#unitList li").all_text_contents() if "text position" not in row]
    above = [float(r) - float(chance) for r, chance in (re.findall(r"\d\.\d\d", row) for row in rows)]
    assert above[0] == pytest.approx(max(above), abs=0.011)
    assert "text position" not in page.text_content("#unitList li:first-child")
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
    # How far back it remembers is measured when somebody comes to it.
    assert page.locator("#chartMemory .scatterlayer").count() == 0
    page.locator("#chartMemory").scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelectorAll('#chartMemory .scatterlayer .trace').length === 2")
    said = wait_for_text(page, "#memorySaid", "An RNN")
    norms = browser.ask(address, f"runs/{trained[0]['id']}/inside/memory", {"text": text, "lags": 100})["norms"]
    tenth = max(k for k, norm in enumerate(norms) if norm >= 0.1) + 1
    assert f"An LSTM: {tenth} letters back 10 % is left" in said.replace("at least ", "")
    visitor.check()


def test_the_unit_that_matters_most_is_held_at_once_and_sliders_act_as_they_move(visit, trained, address):
    visitor = visit()
    text = 'def part_7(x):\n    """The part (with) it."""\n    return x\n' * 3
    page = read(visitor, trained[0], text)
    wait_for_text(page, "#clampTextAfter", r"[\s\S]{100}")
    most = browser.ask(address, f"runs/{trained[0]['id']}/inside/effects", {"text": text, "limit": 5})["units"]
    names = page.locator("#clampUnits .held-name").all_text_contents()
    assert [int(re.search(r"unit (\d+) of layer 0, c", name)[1]) for name in names][:5] == [one["unit"] for one in most]
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
    while not (asked and asked[-1]["length"] and asked[-1]["clamps"][1]["value"] == pytest.approx(last)):
        page.wait_for_timeout(50)
    assert page.text_content("#clampUnits li:nth-child(2) output") == f"{last:.2f}"
    assert len(asked) < 20
    assert asked[-1]["clamps"][0]["value"] == most[0]["value"]
    want = browser.ask(address, f"runs/{trained[0]['id']}/inside/clamp", asked[-1])
    page.wait_for_function(
        "(text) => document.getElementById('clampTextAfter').textContent === text",
        arg=want["text"]["after"][len(asked[-1]["prompt"]) :],
    )
    assert page.text_content("#clampAfter") != after

    # The unit chosen in the list can be held too, and all are let go.
    rows = [row.split("·")[1].strip() for row in page.locator("#unitList li span:first-child").all_text_contents()]
    other = next(k for k, unit in enumerate(rows) if k and int(unit) not in [one["unit"] for one in most])
    page.click(f"#unitList li:nth-child({other + 1})")
    held = wait_for_text(page, "#clampUnits li:last-child .held-name", "the unit chosen above")
    assert held == f"{page.text_content('#unitName')}the unit chosen above"
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
    text = 'def part_7(x):\n    """The part (with) it."""\n    return x\n'
    page = read(visitor, trained[0], text)
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
    page = read(visitor, trained[0], "def part_7(x):\n    return x + 7\n")
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


def test_a_text_of_one_letter_has_no_units_and_a_reason(visit, trained):
    visitor = visit()
    page = visitor.open("inside")
    page.wait_for_selector("#clampUnits li")
    page.fill("#insideText", "x")
    page.click("#btnRead")
    wait_for_text(page, "#insideStatus", "read 1 character\\.")
    wait_for_text(page, "#clampAbout", "^No letter of this text is guessed from another one")
    assert page.locator("#clampUnits li").count() == 0
    visitor.check()
