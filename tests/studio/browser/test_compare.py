"""The view Compare: sort, write side by side, rename, download, delete."""

import pytest
from helpers import browser
from helpers.visits import wait_for_text

pytestmark = pytest.mark.slow


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
