"""The view Learn: the lesson's steps, the cells, and a measurement."""

import re
from pathlib import Path

import pytest
from helpers.visits import wait_for_text

pytestmark = pytest.mark.slow


def lesson(visit, step: int, wanted: str):
    """A visitor at a step of the lesson, and the page once the step has what is wanted."""
    visitor = visit()
    page = visitor.open("learn")
    page.click(f"#lessonSteps li:nth-child({step}) button")
    page.wait_for_selector(f"#lessonBody {wanted}")
    return visitor, page


GROWN = "(length) => document.querySelector('#lessonBody .lesson-text').textContent.length === length"


def test_a_letter_is_drawn_from_an_answer_that_is_still_to_come(visit, trained):
    visitor = visit()
    page = visitor.open("learn")
    waiting = []
    page.route("**/inside/read", lambda route: route.continue_() if waiting else waiting.append(route))
    page.click("#lessonSteps li:nth-child(10) button")
    page.wait_for_selector("#lessonBody .lesson-do .primary")
    before = len(page.text_content("#lessonBody .lesson-text"))
    for _ in range(2):
        page.click("#lessonBody .lesson-do .primary")
    waiting[0].continue_()
    page.wait_for_function(GROWN, arg=before + 2)
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
    page.wait_for_function(GROWN, arg=before + 1)

    # Each unit of the dropout step is a dot, whether it is out or not.
    page.click("#lessonSteps li:nth-child(8) button")
    page.locator("#lessonBody .dropout .dropped").first.wait_for()
    sizes = page.evaluate("[...document.querySelectorAll('.dropout i')].map((e) => [e.offsetWidth, e.offsetHeight])")
    assert {tuple(size) for size in sizes} == {(28, 28)}

    # Layers cost parameters and time, each more than the one before.
    page.click("#lessonSteps li:nth-child(6) button")
    page.wait_for_selector("#lessonBody tbody tr:nth-child(4)")
    costs = page.locator("#lessonBody tbody tr td:last-child").all_text_contents()
    assert len(set(costs)) == 4, costs
    assert "not measured yet" not in costs

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


def test_the_lesson_s_bars_are_what_was_read(visit, trained):
    """The letters read so far have the number of the followed part as bars, those to come have none."""
    visitor, page = lesson(visit, 3, ".cell-svg [data-part='f']")
    open_at = {}
    for _ in range(40):
        page.click("#lessonBody [aria-label='One letter on']")
        bars = page.locator("#lessonBody .cell-text i")
        assert page.locator("#lessonBody .cell-text > *:not(b) ~ b ~ * i").count() == 0
        gate = float(page.text_content("#lessonBody .cell-svg [data-part='f'] .number"))
        height = float(bars.last.evaluate("(bar) => parseFloat(bar.style.height)"))
        assert height == pytest.approx(max(1, 40 * gate), abs=0.3)
        open_at.setdefault(page.text_content("#lessonBody .cell-text b"), []).append(gate)
    # The unit is one that lets go at white space.
    white = [gate for letter, gates in open_at.items() if letter in "␣↵" for gate in gates]
    other = [gate for letter, gates in open_at.items() if letter not in "␣↵" for gate in gates]
    assert sum(white) / len(white) < sum(other) / len(other)
    visitor.check()


def test_a_number_is_changed_where_it_can_be_seen(visit, trained):
    """The slider has a place of its own above the drawing: nothing moves when it comes."""
    visitor, page = lesson(visit, 4, ".cell-svg [data-part='c']")
    part = '#lessonBody .cell-svg [data-part="c\'"] .number'
    page.locator("#lessonBody").evaluate("(body) => body.scrollIntoView()")
    top, before = page.locator("#lessonBody .cell-stage").bounding_box()["y"], page.text_content(part)
    page.click("#lessonBody .cell-svg [data-part='c']")
    page.wait_for_selector("#lessonBody .cell-change input")
    assert page.locator("#lessonBody .cell-stage").bounding_box()["y"] == pytest.approx(top, abs=1)
    slider = page.locator("#lessonBody .cell-change input")
    slider.evaluate("(input) => { input.value = input.max; input.dispatchEvent(new Event('input')); }")
    page.wait_for_function(
        "([part, before]) => document.querySelector(part).textContent !== before", arg=[part, before]
    )
    page.click("#lessonBody .cell-change button")
    wait_for_text(page, part, f"^{before}$")
    visitor.check()


def test_the_lesson_reads_one_text_with_all_that_ship(visit):
    """How far back the three remember is measured on the same passage, and is what the guide says."""
    visitor, page = lesson(visit, 5, ".far tbody")
    rows = {
        row.locator("th").text_content(): row.locator("td").all_text_contents()
        for row in page.locator("#lessonBody .far tbody tr").all()
    }
    assert rows["1"] == ["100 %"] * 3
    assert rows["20"] == ["0.4 %", "4 %", "2 %"]
    assert rows["50"] == ["0.000006 %", "0.05 %", "0.04 %"]
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "lesson.md").read_text("utf-8")
    passage = " ".join(re.findall(r'\.\.\. +["\'](.+?) ?["\']$', guide, re.M))
    assert passage
    assert passage in page.request.get(f"{visitor.address}/static/js/lesson.js").text()
    visitor.check()


def test_every_step_fits_a_phone(visit, trained):
    page = visit(width=360).open("learn")
    for step in range(1, 11):
        page.click(f"#lessonSteps li:nth-child({step}) button")
        page.wait_for_selector("#lessonBody .lesson-do > *")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, step


def test_learn_shows_the_cell_and_measures_on_the_text(visit, trained):
    visitor = visit()
    page = visitor.open("learn")
    page.click("#cellList [data-cell=gru-d]")
    assert "dt comes with each step" in page.inner_text("#cellBody")
    assert page.locator("#measureCells [value=gru-d]").count() == 0
    page.click("#cellList [data-cell=gru]")
    assert "h' = (1 - z) ⊙ n + z ⊙ h" in page.text_content("#cellBody")
    assert page.locator("#cellBody dl.gates dt").all_text_contents() == ["r", "z", "n"]
    for cell in ("gru", "lstm"):
        page.uncheck(f"#measureCells [value={cell}]")
    page.check("#measureCells [value=mingru]")
    page.select_option("#measureText", f"text {trained[0]['text']['id']}")
    page.fill("#measureParameters", "20000")
    page.fill("#measureMinutes", "0.02")
    page.fill("#measureTimes", "1")
    page.click("#btnMeasure")
    wait_for_text(page, "#measureSaid", "^Done", 120_000)
    rows = page.locator("#measureTable tbody tr")
    assert rows.count() == 2
    assert "best" not in page.text_content("#measureTable")  # how much is chance is not known
    assert "no advice follows" in page.locator("#measureWords li").nth(1).text_content()
    visitor.check()


def test_learn_shows_the_noise_beside_what_was_measured(visit):
    row = {"units": 9, "parameters": 900, "nats": 1.4, "speed": 5e3, "seconds": 60.0, "steps": 70.0, "done": 2}
    row |= {"state": "finished", "speeds": [5e3, 5e3], "runs": ["a", "b"]}
    rows = [
        row | {"cell": "lstm", "bits": 2.0, "each": [1.98, 2.02]},
        row | {"cell": "gru", "bits": 2.01, "each": [2.0, 2.02]},
    ]
    answer = {"id": "compare-7", "state": "finished", "trainings": 4, "done": 4, "rows": rows, "best": ["lstm", "gru"]}
    visitor = visit()
    visitor.page.add_init_script("localStorage.setItem('recurra.comparison', '\"compare-7\"')")
    visitor.page.route("**/api/comparisons/compare-7", lambda route: route.fulfill(json=answer | {"words": ["Open."]}))
    page = visitor.open("learn")
    wait_for_text(page, "#measureSaid", "^Done")
    cells = page.locator("#measureTable tbody tr").first.locator("td").all_text_contents()
    assert (cells[0], cells[3]) == ("LSTM, among the best", "2.000 ± 0.020")
    assert page.locator("#measureWords li").all_text_contents() == ["Open."]
    visitor.check()
