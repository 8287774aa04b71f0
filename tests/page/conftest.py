"""A built page in a browser, from the disk and offline."""

import pytest
from helpers import page

from recurra.page import document


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A page with no model; its folder has a name that an address must quote."""
    page.need_compiler()
    file = tmp_path_factory.mktemp("pages and ä") / "empty.html"
    file.write_text(document.document(document.standard()), "utf-8")
    return file


@pytest.fixture
def visit(chromium, empty):
    """visit() → the empty page, visit(file) → another; what the browser complains of fails the test."""
    contexts, complaints = [], []

    def come(file=empty, width=1280, scheme="light", view=""):
        size = {"width": width, "height": 900}
        context = chromium.new_context(viewport=size, color_scheme=scheme, offline=True, reduced_motion="reduce")
        context.set_default_timeout(60_000)
        contexts.append(context)
        opened = context.new_page()
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
        opened.goto(f"{file.as_uri()}#{view}")
        return opened

    yield come
    for context in contexts:
        context.close()
    assert not complaints
