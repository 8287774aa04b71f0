"""The view Learn: the lesson's steps, the cells, and a measurement."""

import pytest
from helpers.visits import wait_for_text

pytestmark = pytest.mark.slow


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
