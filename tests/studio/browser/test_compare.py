"""The view Compare: sort, write side by side, rename, download, delete."""

import pytest
from helpers import browser
from helpers.visits import wait_for_text

pytestmark = pytest.mark.slow


OTHER = "".join(f"Row {n}, another text with {n * n} in it.\n" for n in range(150))


def test_losses_are_ranked_within_what_they_were_measured_on(visit, trained, learn, address):
    visitor = visit()
    settings = {"hidden_size": 8, "epochs": 1, "window": 16, "batch_size": 4}
    others = [learn("Other", OTHER, **settings), learn("Unheld", OTHER, **settings, validation=0.2)]
    runs = [*trained, *(browser.ask(address, f"runs/{run}") for run in others)]
    page = visitor.open("compare")
    page.click("th[data-key=bits] button")
    lines = page.locator("#runsTable tbody tr").all_text_contents()
    groups, heading = {}, ""
    for line in lines:
        if "measured" in line:
            heading = line
        else:
            groups.setdefault(heading, []).append(line)
    found = {
        run["title"]: next(k for k, lines in enumerate(groups.values()) if any(run["title"] in one for one in lines))
        for run in runs
    }
    assert found["An LSTM"] == found["An RNN"]
    assert len({found["An LSTM"], found["Other"], found["Unheld"]}) == 3
    assert f"parts.py, {len(OTHER):,} characters: measured on the last 20 %, which they did not learn" in lines
    wait_for_text(page, "#curvesSaid", "different texts")
    # Side by side begins with two that read the same letters.
    first, second = (page.input_value(f"#duel{side}") for side in "AB")
    texts = {run["id"]: run["text"]["id"] for run in browser.ask(address, "runs")["runs"]}
    assert first != second
    assert texts.get(first) == texts.get(second)
    visitor.check()


@pytest.mark.parametrize("width", [320, 1000])
def test_a_run_is_a_card_where_a_table_is_too_wide(visit, trained, width):
    visitor = visit(width=width)
    page = visitor.open("compare")
    run = trained[0]
    boxes = {
        words: page.locator(f"[id='{words}-{run['id']}']").bounding_box()
        for words in ("Use", "Rename", "Download", "Delete")
    }
    for words, box in boxes.items():
        assert box["x"] >= 0, words
        assert box["x"] + box["width"] <= width, words
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    card = page.locator("#runsTable tbody tr", has=page.locator(f"[id='tick-{run['id']}']"))
    assert card.locator("[data-label='Units per layer']").text_content() == "24"
    assert card.get_attribute("role") == "row"
    page.click("th[data-key=title] button")  # the head is what to sort by
    names = page.locator("#runsTable td.name").all_text_contents()
    assert names == sorted(names, key=str.lower)
    page.focus(f"[id='tick-{run['id']}']")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == f"Use-{run['id']}"
    visitor.check()


def test_compare_sort_write_side_by_side_rename_delete(visit, trained, learn, address):
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

    copy = learn("Old", hidden_size=8, epochs=1)
    page.click("#btnRefresh")
    page.click(f"[id='Rename-{copy}']")
    page.fill("#dialog input", "<b>New</b> & bold")
    page.keyboard.press("Enter")
    wait_for_text(page, "#runsTable", "<b>New</b> & bold")
    with page.expect_download() as download:
        page.click(f"[id='Download-{copy}']")
    assert download.value.suggested_filename == f"{copy}.zip"
    page.click(f"[id='Delete-{copy}']")
    assert "Delete “<b>New</b> & bold”?" in page.text_content("#dialog")
    page.keyboard.press("Escape")
    assert copy in browser.runs(address)
    page.click(f"[id='Delete-{copy}']")
    page.click("#dialog button:has-text('Delete')")
    page.wait_for_function("() => !document.getElementById('runsTable').textContent.includes('& bold')")
    assert copy not in browser.runs(address)

    page.click(f"[id='Use-{trained[1]['id']}']")
    page.wait_for_selector("#view-write:not([hidden])")
    page.click("#btnGenerate")
    wait_for_text(page, "#writeStatus", "characters in")
    visitor.check()


def test_side_by_side_stays_at_the_beginning(visit, trained):
    visitor = visit()
    page = visitor.open("compare")
    page.fill("#duelPrompt", "def part")
    page.click("#btnDuel")
    for side in "AB":
        wait_for_text(page, f"#duelOut{side}", r"^def part[\s\S]{400}$")
        top, inner, outer = page.locator(f"#duelOut{side}").evaluate(
            "(e) => [e.scrollTop, e.scrollHeight, e.clientHeight]"
        )
        assert inner > outer
        assert top == 0
    visitor.check()
