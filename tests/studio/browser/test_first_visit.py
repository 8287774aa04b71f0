"""A first visit, with the model of the package alone: every view has something to show, and nothing lies over anything; the
visitor's own text trains, and the second press only writes."""

import re

import pytest
from helpers import browser
from helpers.visits import FILLED, GERMAN, VIEWS, small, wait_for_text

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A studio that nobody has used."""
    with browser.studio(tmp_path_factory.mktemp("first") / "runs") as address:
        yield address


OVERLAPS = """() => [...document.querySelectorAll(".panel")].filter((panel) => panel.checkVisibility()).flatMap((panel) => {
    const shown = (part) => part.checkVisibility() && getComputedStyle(part).position !== "absolute";
    const parts = [...panel.children].filter(shown);
    const boxes = parts.map((part) => [part, part.getBoundingClientRect()]);
    return boxes.flatMap(([one, a], at) => boxes.slice(at + 1)
        .filter(([, b]) => b.top < a.bottom - 1 && a.top < b.bottom - 1 && b.left < a.right - 1 && a.left < b.right - 1)
        .map(([other]) => `${one.className || one.id} lies over ${other.className || other.id}`));
})"""


@pytest.mark.parametrize("width", [320, pytest.param(768, marks=pytest.mark.soak), 1440])
def test_on_a_first_visit_nothing_overlaps_jumps_or_is_cut(visit, width):
    visitor = visit(width=width)
    for view in VIEWS:
        page = visitor.open(view)
        page.wait_for_selector(FILLED[view], state="attached")
        if view == "inside":
            wait_for_text(page, "#clampTextAfter", r"[\s\S]{100}")
        assert page.evaluate(OVERLAPS) == [], view
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        assert page.evaluate("window.seen.shift") < 0.03, view
        cut = "[...document.querySelectorAll('.views a, .i-clamp dd')].filter((e) => e.scrollWidth > e.clientWidth + 1)"
        assert page.evaluate(f"{cut}.map((e) => e.textContent)") == []
        names = page.evaluate("[...document.querySelectorAll('.views a')].at(-1).getBoundingClientRect().right")
        assert names <= width, view
    visitor.check()


# The first text that is asked for comes one piece far, and no further.
STUCK = """() => {
    const real = window.fetch;
    let stuck = false;
    window.fetch = async (path, options) => {
        const answer = await real(path, options);
        if (stuck || !String(path).endsWith("/generate")) return answer;
        stuck = true;
        const text = new TextDecoder().decode((await answer.body.getReader().read()).value).replaceAll("\\r\\n", "\\n");
        const first = text.slice(0, text.indexOf("\\n\\n") + 2);
        window.came = first;
        return new Response(new ReadableStream({ start: (to) => to.enqueue(new TextEncoder().encode(first)) }));
    };
}"""


def test_look_inside_reads_no_text_that_is_still_being_written(visit):
    visitor = visit()
    visitor.page.add_init_script(f"({STUCK})()")
    page = visitor.open()
    page.wait_for_function("() => window.came")
    page.click(".views a[href='#inside']")
    wait_for_text(page, "#clampTextAfter", r"[\s\S]{100}")
    assert len(page.input_value("#insideText")) >= 400
    visitor.check()


def test_first_visit_trains_and_writes_and_the_second_press_only_writes(visit, address):
    visitor = visit()
    page = visitor.open()
    wait_for_text(page, "#writeStatus", "characters in")  # the model that is there from the start has written
    written = page.text_content("#outResult")
    assert len(written) >= 300
    # It is prose, from a beginning of its own, and the same for every first visitor.
    assert written.startswith("The ")
    assert sum(letter.isalpha() or letter == " " for letter in written) > 0.85 * len(written)
    assert "seed 13" in page.text_content("#writeStatus")
    # A model that has learned before does not stand at 0 %.
    assert page.text_content("#outProgress") == ""
    assert "has learned already" in page.get_attribute("#chartLoss", "data-empty")
    assert "ships with Recurra" in page.inner_html("#selModel").replace("Ships", "ships")
    assert page.text_content("#cardParameters") == "99,527"
    page.click(".views a[href='#inside']")
    page.wait_for_selector("#cellShows .cell-svg")
    assert page.locator("#cellBeside input").count() == 2  # RNN and GRU
    page.click(".views a[href='#write']")
    page.fill("#txtInput", GERMAN)
    small(page, epochs="4")
    # The lengths of the result as it changes, to see that it comes bit by bit.
    page.evaluate(
        """window.lengths = [];
        new MutationObserver(() => window.lengths.push(document.getElementById("outResult").textContent))
          .observe(document.getElementById("outResult"), { childList: true, characterData: true, subtree: true });
        window.said = [];
        new MutationObserver(() => window.said.push(document.getElementById("writeStatus").textContent))
          .observe(document.getElementById("writeStatus"), { childList: true, characterData: true, subtree: true });
        window.waits = [];
        new MutationObserver(() => window.waits.push(document.getElementById("chartLoss").dataset.empty))
          .observe(document.getElementById("chartLoss"), { attributeFilter: ["data-empty"] })"""
    )
    page.evaluate("document.getElementById('btnGenerate').click()")
    wait_for_text(page, "#writeStatus", "characters in")
    assert "Training... 0 %" in page.evaluate("window.said")
    assert "Reading the text …" in page.evaluate("window.waits")  # and no axes before there are numbers
    assert page.text_content("#wroteBy") == "Zwölf Boxkämpfer jagen Viktor quer · LSTM, 1 layer of 24"
    assert "Training..." not in page.text_content("#outResult")
    assert len(page.text_content("#outResult")) >= 400
    changes = page.evaluate("window.lengths")
    assert changes[0] == "Reading the text …"
    written = [len(text) for text in changes if not re.match(r"Training\.\.\.|Reading|Measuring", text)]
    assert len(set(written)) > 3
    assert written == sorted(written)
    assert any(re.match(r"Training\.\.\. [1-9]", text) for text in changes)
    assert page.text_content("#outProgress") == "100 %"
    page.wait_for_selector("#chartLoss .scatterlayer", state="attached")

    assert [run["cell"] for run in browser.ask(address, "runs")["runs"]] == ["lstm"]
    before = page.text_content("#outResult")
    page.click("#btnGenerate")
    page.wait_for_function("(before) => document.getElementById('outResult').textContent !== before", arg=before)
    wait_for_text(page, "#writeStatus", "characters in")
    assert len(browser.runs(address)) == 1
    assert visitor.asked("POST", "/api/runs") == 1

    page.fill("#inpPrompt", "Scho\N{COMBINING DIAERESIS}ne ")
    page.click("#btnGenerate")
    assert "the prompt was composed (Unicode NFC)" in wait_for_text(page, "#writeStatus", "characters in.*composed")
    assert page.text_content("#outResult .prompt") == "Schöne "
    assert page.evaluate("document.getElementById('outResult').scrollTop") == 0
    page.click(".views a[href='#compare']")
    page.wait_for_selector("[id='Delete-packaged.manual-lstm']")  # the view changes after the click
    assert page.locator("#runsTable tbody tr").count() == 4
    assert page.is_disabled("[id='Delete-packaged.manual-lstm']")
    assert page.evaluate("window.seen.shift") < 0.02
    visitor.check()
