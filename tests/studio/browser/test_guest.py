"""A guest's page: everything to look at, models that write, and nothing that only the owner may do."""

import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from helpers import browser
from helpers.studio_support import save_model
from helpers.visits import FILLED, VIEWS, wait_for_text

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def links(tmp_path_factory):
    """The owner's and the guests' link of one studio, by the loopback address, which every machine has."""
    runs = tmp_path_factory.mktemp("studio") / "runs"
    save_model(runs / "cats")
    command = [
        sys.executable,
        "-m",
        "recurra.studio",
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--no-browser",
        "--runs",
        runs,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            printed = [urlsplit(process.stdout.readline().split()[-1]) for _ in range(2)]
            yield [f"http://127.0.0.1:{link.port}/?{link.query}" for link in printed]
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def opened(chromium, links):
    """opened(0) → the owner's page, opened(1) → a guest's, each with what it was refused."""
    contexts = []

    def come(which, width=1280):
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce"))
        contexts[-1].set_default_timeout(240_000)
        visitor = browser.Visit(contexts[-1], links[which].split("/?")[0])
        visitor.page.goto(links[which])
        visitor.page.wait_for_selector("html[data-ready]")
        return visitor

    yield come
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [1280, pytest.param(360, marks=pytest.mark.soak)])
def test_a_guest_can_press_everything_that_is_shown_and_is_refused_nothing(opened, width):
    visitor = opened(1, width)
    page, refused = visitor.page, []
    page.on("response", lambda answer: answer.status == 403 and refused.append(answer.url))
    wait_for_text(page, "#writeStatus", "Press Generate")
    assert page.is_visible(".guest-chip")
    for view in VIEWS:
        page.click(f".views a[href='#{view}']")
        page.wait_for_selector(f"#view-{view}:not([hidden])")
        page.wait_for_selector(FILLED[view], state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        ids = page.evaluate("""[...document.querySelectorAll("main button")]
            .filter((button) => button.checkVisibility() && !button.disabled)
            .map((button, at) => (button.dataset.pressed = at, at))""")
        assert len(ids) >= {"write": 1, "inside": 4, "compare": 2, "learn": 10}[view], view
        for at in ids:
            # By script: one button may have put another in front of it.
            page.evaluate("(at) => document.querySelector(`[data-pressed='${at}']`)?.click()", at)
        page.wait_for_timeout(500)  # what was pressed is asked for, and perhaps refused
        page.keyboard.press("Escape")
        page.evaluate("document.querySelectorAll('[data-pressed]').forEach((one) => delete one.dataset.pressed)")
    assert refused == []
    shown = page.evaluate("document.body.innerText")
    for word in ("Rename", "Delete", "Open a file", "Start over", "Measured on your text"):
        assert word not in shown
    assert {r.method for r in visitor.requests} == {"GET", "POST"}
    visitor.check()


TRAIN = """fetch("/api/runs", {
    method: "POST", body: '{"corpus": "manual"}', headers: { "Content-Type": "application/json" }
}).then(async (answer) => [answer.status, (await answer.json()).detail])"""


def test_a_guest_lets_a_model_write_and_what_is_refused_has_one_line(opened):
    page = opened(1).page
    page.select_option("#selModel", "cats")
    page.fill("#inpPrompt", "the ")
    page.click("#btnGenerate")
    wait_for_text(page, "#writeStatus", "500 characters in")
    status, words = page.evaluate(TRAIN)
    assert status == 403
    assert (
        words == "guests look and let models write; only the owner of this studio trains, uploads, changes and deletes"
    )


def test_the_owner_shows_the_link_for_guests(opened, links):
    visitor = opened(0)
    page = visitor.page
    assert not page.is_visible(".guest-chip")
    assert page.is_visible("#txtInput")
    page.click("#btnInvite")
    shown = page.text_content("#dialog .invitation")
    assert urlsplit(shown).query == urlsplit(links[1]).query
    page.click("#dialog button:has-text('Close')")
    assert not page.is_visible("#dialog")
    assert json.loads(page.evaluate("fetch('/api/about').then((answer) => answer.text())"))["invitation"] == shown
    visitor.check()
