"""What a visitor of the studio writes and waits for."""

GERMAN = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Süße Öle fließen.\n" * 60

CHINESE = "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。寒來暑往，秋收冬藏。\n" * 120

HOSTILE = "<script>document.title = 'broken'</script><img src=x onerror=alert(1)> & \"quoted\"\n" * 60

VIEWS = ("write", "inside", "compare", "learn")

FILLED = {
    "write": "#cardFigures",
    "inside": "#chartSaturation .scatterlayer",
    "compare": "#runsTable td.name",
    "learn": "#lessonBody .cell-svg",
}
"""What is there when a view is."""


def small(page, **settings: str) -> None:
    """A small model and a short training, through the page's own controls."""
    page.click("#foldModel > summary")
    for name, value in {"hidden_size": "24", **settings}.items():
        page.fill(f"#model-{name}", value)


def begin(page, text: str, epochs: int) -> None:
    """Train a small model on a text, as a person does."""
    page.fill("#txtInput", text)
    small(page, epochs=str(epochs))
    page.click("#btnGenerate")


def wait_for_text(page, selector: str, pattern: str, timeout: float = 240_000) -> str:
    """Wait for a text, patiently: a training leaves the processor to whatever else runs, such as another test."""
    from playwright.sync_api import TimeoutError

    found = "([selector, pattern]) => new RegExp(pattern).test(document.querySelector(selector)?.textContent ?? '')"
    try:
        page.wait_for_function(found, arg=[selector, pattern], timeout=timeout)
    except TimeoutError as error:
        there = page.evaluate("(selector) => document.querySelector(selector)?.textContent", selector)
        raise AssertionError(f"{selector} did not become /{pattern}/ within {timeout / 1000:g} s: {there!r}") from error
    return page.text_content(selector)


def wait_for_value(page, selector: str, value: str) -> None:
    """Wait until a control has a value that the page itself puts there."""
    page.wait_for_function(
        "([selector, value]) => document.querySelector(selector)?.value === value", arg=[selector, value]
    )


def stopped(page) -> None:
    page.click("#btnStop")
    wait_for_text(page, "#writeStatus", "^Stopped at")
