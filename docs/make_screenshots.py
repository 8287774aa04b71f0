"""The pictures of the studio and of the page: `python docs/make_screenshots.py` trains the models they show and takes them.

It takes some seven minutes, nearly all of it training; with --runs FOLDER it shows, and adds to, models that are there, and
--only inside learn takes the pictures of those views alone.
"""

import argparse
import inspect
import sys
import tempfile
import textwrap
from pathlib import Path
from pydoc_data.topics import topics

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers import browser

from recurra.page import document

PICTURES = Path(__file__).parent / "pictures"
# One for prose, and a pair for the cell view: source code shows best what units follow.
MODELS = {
    "Manual": {"corpus": "manual", "minutes": 1.0, "settings": {}},
    "Library, LSTM": {"corpus": "stdlib", "minutes": 3.0, "settings": {"hidden_size": 256}},
    "Library, RNN": {"corpus": "stdlib", "minutes": 1.5, "settings": {"cell": "rnn", "hidden_size": 256}},
}
CODE = inspect.getsource(textwrap)[:5000]  # as much as the view reads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, help="A folder of runs to show; default: a new one.")
    parser.add_argument("--only", nargs="+", choices=["page", "lesson", *VIEWS], help="Take only these; default: all.")
    runs, only = parser.parse_args().runs, parser.parse_args().only
    with tempfile.TemporaryDirectory() as folder, browser.studio(runs or Path(folder) / "runs") as address:
        there = {run["title"]: run for run in browser.ask(address, "runs")["runs"]}
        for title, body in MODELS.items():
            there.setdefault(title, None)
            if there[title] is None:
                there[title] = browser.train(address, 1200, title=title, **body)
                print(f"{title}: {there[title]['bits_per_character']:.3f} bits a character")
        with browser.chromium() as chromium:
            if not only or "page" in only:
                show_page(chromium, Path(folder))
            if not only or "lesson" in only:
                show_lesson(chromium, Path(folder))
            for name, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "light")):
                size = {"width": width, "height": 844 if width < 500 else 960}
                context = chromium.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
                for view, show in VIEWS.items():
                    if only and view not in only:
                        continue
                    visit = browser.Visit(context, address)
                    page = visit.open(view)
                    show(page, there)
                    page.mouse.move(0, 0)
                    page.wait_for_timeout(500)
                    most = 844 if name == "phone" else 1600 if view == "compare" else 1360
                    if view == "inside" and name != "phone":
                        take_part(page, ".i-cell", ".i-cell", f"studio-cell-{name}.png")
                        most = page.locator(".i-cell").bounding_box()["y"] - 8
                        take(page, f"studio-gates-{name}.png", 1360, page.locator(".i-gates").bounding_box()["y"] - 16)
                    take(page, f"studio-{view}-{name}.png", most)
                    visit.check()
                    page.close()
                context.close()


def show_page(chromium, folder: Path) -> None:
    """The page that learns in the browser, after a minute with Python's manual."""
    file = folder / "page.html"
    file.write_text(document.document(document.standard()), "utf-8")
    text = "\n\n".join(topics.values())[:150_000]
    for name, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "light")):
        context = chromium.new_context(viewport={"width": width, "height": 960}, color_scheme=scheme, offline=True)
        page = context.new_page()
        page.goto(file.as_uri())
        page.evaluate("(text) => { const box = document.getElementById('txtInput'); box.value = text; }", text)
        page.locator("#txtInput").dispatch_event("input")
        page.click("#btnGenerate")
        page.locator("#status", has_text="characters in").wait_for(timeout=180_000)
        take(page, f"page-{name}.png", 1360)
        page.click("#navPlay")
        page.locator(".play-check", has_text="Elman RNN").locator("input").check()
        page.click("#btnPlayRun")
        page.wait_for_timeout(8000)
        page.click("#btnPlayRun")
        page.locator("#play-at").evaluate(SET, "4")
        take(page, f"playground-{name}.png", 1360)
        context.close()


def show_lesson(chromium, folder: Path) -> None:
    """Two steps of the lesson as a class sees them first: on the models that ship with Recurra."""
    with browser.studio(folder / "none") as address:
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        visit = browser.Visit(context, address)
        page = visit.open("learn")
        page.wait_for_selector("#lessonBody .cell-svg")
        page.locator("#lessonBody .cell-at").evaluate(SET, "25")
        take_part(page, "#lessonBody", "#lessonBody .cell-stage", "lesson-state.png")
        page.click("#lessonSteps li:nth-child(5) button")
        page.wait_for_selector("#lessonBody .far")
        take_part(page, "#lessonBody", "#lessonBody .far", "lesson-far.png")
        visit.check()
        context.close()


def take_part(page, first: str, last: str, name: str) -> None:
    """From the top of one element to the end of another."""
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(500)
    above, below = (page.locator(selector).bounding_box() for selector in (first, last))
    height = below["y"] + below["height"] - above["y"] + 16
    take(page, name, height, above["y"] - 8, above["x"] - 16, above["width"] + 32)


def take(page, name: str, most: float, top: float = 0, left: float = 0, wide: float | None = None) -> None:
    """The page from `top` on, as far as it goes or `most` pixels; from `left` on, `wide` pixels or all of it."""
    page.evaluate("scrollTo(0, 0)")
    width, height = page.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
    clip = {"x": left, "y": top, "width": wide or width, "height": min(most, height - top)}
    page.screenshot(path=PICTURES / name, full_page=True, clip=clip)
    size = (PICTURES / name).stat().st_size
    print(f"{name}: {size / 1000:.0f} kB")
    assert size < 250_000, f"{name} is too large"


def write(page, runs: dict) -> None:
    page.evaluate("(id) => localStorage.setItem('recurra.run', JSON.stringify(id))", runs["Manual"]["id"])
    page.evaluate("localStorage.setItem('recurra.source', JSON.stringify({ corpus: 'manual' }))")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.locator("#foldSampling").evaluate("(fold) => (fold.open = true)")
    page.fill("#sampling-seed", "3")
    page.fill("#sampling-length", "900")
    page.locator("#inpBoldness").evaluate(SET, "0.6")
    page.fill("#inpPrompt", "The statement ")
    page.click("#btnGenerate")
    wait_for(page, "#writeStatus", "characters in")
    page.locator("#outResult").evaluate("(out) => (out.scrollTop = 0)")
    page.wait_for_selector("#chartLoss .scatterlayer", state="attached")
    wait_for(page, "#cardTime", r"\d")


def inside(page, runs: dict) -> None:
    page.select_option("#insideRun", runs["Library, LSTM"]["id"])
    page.fill("#insideText", CODE)
    page.click("#btnRead")
    page.wait_for_selector("#chartSaturation .scatterlayer", state="attached")
    page.select_option("#unitSort", "follows/line position")
    page.wait_for_timeout(1500)
    page.locator("#coloured span").nth(150).hover()
    wait_for(page, "#clampTextAfter", r"[\s\S]{100}")
    page.select_option("#memoryRun", runs["Library, RNN"]["id"])
    page.click("#btnMemory")
    wait_for(page, "#memorySaid", "RNN")
    page.locator("#insideText").evaluate("(box) => (box.scrollTop = 0)")


def compare(page, runs: dict) -> None:
    page.wait_for_selector("#chartCurves .scatterlayer", state="attached")
    page.select_option("#duelA", runs["Library, LSTM"]["id"])
    page.select_option("#duelB", runs["Library, RNN"]["id"])
    page.fill("#duelPrompt", "def ")
    page.fill("#duelTemperature", "0.6")
    page.click("#btnDuel")
    for side in "AB":
        wait_for(page, f"#duelSaid{side}", "characters in")
        page.locator(f"#duelOut{side}").evaluate("(out) => (out.scrollTop = 0)")


def learn(page, runs: dict) -> None:
    page.click("#lessonSteps li:nth-child(3) button")
    page.wait_for_selector("#lessonBody .cell-svg [data-part=f]")
    page.locator("#lessonBody .cell-at").evaluate(SET, "30")
    page.click("#cellList [data-cell=lstm]")


VIEWS = {"write": write, "inside": inside, "compare": compare, "learn": learn}
SET = "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }"


def wait_for(page, selector: str, pattern: str) -> None:
    page.wait_for_function(
        "([selector, pattern]) => new RegExp(pattern).test(document.querySelector(selector).textContent)",
        arg=[selector, pattern],
        timeout=60_000,
    )


if __name__ == "__main__":
    main()
