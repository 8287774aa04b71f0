"""The playground: small cells learn their problems, and every control does what it says."""

import re

import pytest
from helpers import page

from recurra import cells
from recurra.page import document, module
from recurra.page.equations import equations

pytestmark = pytest.mark.slow

LEARN = """([written, name, units, updates]) => {
  const problem = R.problems.PROBLEMS[name];
  const cell = new R.graph.Equations(written, units, problem.inputs, R.model.random(3));
  const task = new R.problems.Task(problem, cell, R.model.random(4));
  const adam = new R.graph.Adam(task.arrays, 0.02);
  const source = R.model.random(5);
  const losses = [];
  for (let k = 0; k < updates; ++k)
    losses.push(task.learn(Array.from({ length: 8 }, () => problem.make(source.uniform, 12)), adam));
  const mean = (part) => part.reduce((a, b) => a + b, 0) / part.length;
  return [mean(losses.slice(0, 10)), mean(losses.slice(-50))];
}"""


@pytest.fixture(scope="module")
def tab(chromium, tmp_path_factory):
    opened = chromium.new_page()
    opened.goto(page.harness(tmp_path_factory.mktemp("playground")).as_uri())
    return opened


@pytest.mark.parametrize(
    ("problem", "below"),
    [
        ("first", 0.1),
        *(pytest.param(*p, marks=pytest.mark.soak) for p in (("brackets", 0.3), ("echo", 0.15))),
        ("sine", 0.03),
    ],
)
def test_an_lstm_of_six_units_learns_each_problem(tab, problem, below):
    first, last = tab.evaluate(LEARN, [equations(cells.get("lstm")), problem, 6, 700])
    assert last < below < first


def test_an_rnn_learns_less_of_what_came_long_ago(tab):
    found = {
        name: tab.evaluate(LEARN, [equations(cells.get(name)), "first", 4, 500])[1] for name in ("rnn", "lstm", "gru")
    }
    assert found["rnn"] > 2 * min(found["lstm"], found["gru"])


@pytest.fixture
def playground(visit):
    """playground(width=360) → the page at its playground."""

    def come(**options):
        opened = visit(view="play", **options)
        opened.locator("#btnPlayRun").wait_for()
        return opened

    return come


def updates(opened, at_least: int) -> None:
    """Wait until all shown cells have learned so often."""
    opened.locator("#btnPlayRun", has_text="Pause").wait_for()
    while True:
        counts = [
            re.search(r"after ([\d,]+) update", text) for text in opened.locator(".play-panel p").all_text_contents()
        ]
        found = [int(one[1].replace(",", "")) for one in counts if one]
        if found and min(found) >= at_least:
            return
        opened.wait_for_timeout(50)


def test_it_learns_while_one_looks_and_stops(playground):
    opened = playground()
    assert "has not learned yet" in opened.text_content(".play-panel p")
    opened.click("#btnPlayRun")
    updates(opened, 50)
    opened.click("#btnPlayRun")
    first = opened.text_content(".play-panel p")
    assert opened.locator(".play-curve path").count() == 1
    opened.click("#btnPlayStep")
    after = opened.text_content(".play-panel p")
    numbers = [int(re.search(r"after ([\d,]+)", text)[1].replace(",", "")) for text in (first, after)]
    assert numbers[1] == numbers[0] + 1
    opened.click("#btnPlayAnew")
    assert "has not learned yet" in opened.text_content(".play-panel p")
    opened.click("#navWrite")
    assert opened.locator("#view-play").is_hidden()


def test_cells_stand_side_by_side_and_the_drawing_follows_the_step(playground):
    opened = playground()
    for label in ("GRU", "Elman RNN"):
        opened.locator(".play-check", has_text=label).locator("input").check()
    assert opened.locator(".play-panel h3").all_text_contents() == ["LSTM", "GRU", "Elman RNN"]
    panel = opened.locator(".play-panel").first
    values = [panel.locator("[data-part=f] .number").text_content()]
    opened.locator("#play-at").focus()
    for _ in range(3):
        opened.keyboard.press("ArrowRight")
        values.append(panel.locator("[data-part=f] .number").text_content())
    assert len(set(values)) > 1
    assert opened.locator("#playText .now").count() == 1
    opened.check("#play-backward")
    assert panel.locator("[data-part=f] .number").text_content() != values[-1]
    opened.select_option("#play-unit", "2")
    for _ in range(3):
        opened.locator(".play-check input:checked").first.click()
    assert opened.locator(".play-panel").count() == 1  # one stays


def test_every_problem_and_size_begins_anew(playground):
    opened = playground()
    for problem in ("brackets", "echo", "sine", "first"):
        opened.select_option("#play-problem", problem)
        opened.locator("#play-units").fill("8")
        opened.locator("#play-length").fill("20")
        opened.locator("#play-rate").fill("0.05")
        opened.click("#btnPlayStep")
        assert "after 1 update," in opened.text_content(".play-panel p")
        assert opened.locator("#play-unit option").count() == 8
        assert "%" in opened.text_content(".play-far")
    before = opened.locator("#playText").inner_text()
    for _ in range(5):
        opened.click("#btnPlayOther")
        if opened.locator("#playText").inner_text() != before:
            break
    assert opened.locator("#playText").inner_text() != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(playground, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    opened = playground(width=width, scheme=scheme)
    opened.click("#btnPlayStep")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert [found["id"] for found in Axe().run(opened).response["violations"]] == []


def test_the_page_stays_small(empty):
    assert empty.stat().st_size < 700_000
    assert len(module.module(list(document.standard().values()))) < 400_000
