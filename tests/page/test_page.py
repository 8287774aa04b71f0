"""The page in a browser, from the disk and offline: what a person does with it, and must never see."""

import io
import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

import recurra
from recurra import models
from recurra.page import document
from recurra.page.contents import contents

pytestmark = pytest.mark.slow

GERMAN = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Süße Öle fließen.\n" * 20
UNHURRIED = {"text": GERMAN * 20, "numUnits": "160"}  # what is not known by heart before it is stopped
TEXTS = {
    "German": GERMAN,
    "Chinese": "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。寒來暑往，秋收冬藏。\n" * 40,
    "Arabic": "كان يا ما كان في قديم الزمان رجل يكتب حروفا على الرمل والريح تمحوها.\n" * 20,
    "emoji": "🙂🙃 one 👩‍👩‍👧 two 🏳️‍🌈 three 𝒳 four\n" * 40,
    "markup": "<script>document.title = 'broken'</script><img src=x onerror=alert(1)> & {{MODEL}} \"quoted\"\n" * 20,
}
WRITTEN = re.compile(r"characters? in")


@pytest.fixture(scope="module")
def with_model(empty):
    """A page with the model that ships with Recurra, in int8."""
    file = empty.with_name("model.html")
    files, _, _ = contents(models.folders()[0], "int8")
    file.write_text(document.document(document.standard(), files, "With <a> model"), "utf-8")
    return file


def status(page, words) -> str:
    page.locator("#status", has_text=words if isinstance(words, re.Pattern) else re.compile(words)).wait_for()
    return page.text_content("#status")


def learn(page, text: str | None, minutes: float = 0.02, **more: str) -> None:
    if text is not None:
        page.fill("#txtInput", text)
    if not page.locator("#numMinutes").is_visible():
        page.click("#foldModel > summary")
    for name, value in {"numMinutes": str(minutes), "numUnits": "24", "numLength": "120", **more}.items():
        page.fill(f"#{name}", value)
    page.click("#btnGenerate")


def test_a_first_visitor_pastes_a_text_it_learns_and_writes_and_the_second_press_only_writes(visit):
    page = visit()
    status(page, "^Ready")
    # What was shown meanwhile: on a busy machine the page may be done before it is looked at.
    page.evaluate(
        """window.shown = [];
        new MutationObserver(() => window.shown.push(document.getElementById("outResult").textContent))
          .observe(document.getElementById("outResult"), { childList: true, characterData: true, subtree: true })"""
    )
    learn(page, GERMAN)
    status(page, WRITTEN)
    assert page.evaluate("window.shown[0]").startswith("Training...")
    first = page.text_content("#outResult")
    assert len(first) == 120
    assert set(first) <= set(GERMAN)
    assert page.locator("#samples p").count() >= 2
    assert "bits a character" in page.text_content("#curveWords").lower()
    page.evaluate("window.shown = []")
    page.click("#btnGenerate")
    page.wait_for_function("window.shown.length > 0")
    status(page, WRITTEN)
    assert not [text for text in page.evaluate("window.shown") if "Training" in text]
    assert page.locator("#bar").is_hidden()
    assert len(page.text_content("#outResult")) == 120


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_any_script_is_learned_and_written_as_text(visit, name):
    page = visit()
    learn(page, TEXTS[name])
    status(page, WRITTEN)
    written = page.text_content("#outResult")
    assert set(written) <= set(TEXTS[name])
    assert page.title() == "Recurra: write like this"
    assert page.locator("#outResult *").count() == 0
    assert page.get_attribute("#outResult", "dir") == "auto"


def test_stop_keeps_what_was_learned_learn_on_trains_it_further_and_save_is_a_run(visit, tmp_path):
    page = visit()
    learn(page, minutes=5, **UNHURRIED)
    page.locator("#samples p").nth(1).wait_for()
    page.click("#btnStop")
    status(page, WRITTEN)
    page.fill("#numMinutes", "0.02")
    page.click("#btnLearn")
    status(page, "^Training")
    status(page, WRITTEN)
    with page.expect_download() as waiting:
        page.click("#btnSave")
    assert waiting.value.suggested_filename == "recurra-model.zip"
    waiting.value.save_as(tmp_path / "saved.zip")
    with zipfile.ZipFile(tmp_path / "saved.zip") as archive:
        archive.extractall(tmp_path)
    model = recurra.load(tmp_path / "recurra-model")
    page.fill("#numSeed", "7")
    page.select_option("#selPrecision", "int8")
    page.fill("#txtPrompt", "Zwölf ")
    page.click("#btnGenerate")
    status(page, "^120 characters in")
    expected = model.generate("Zwölf ", 120, seed=7, temperature=0.8, precision="int8")
    assert page.text_content("#outResult") == expected


def test_generate_starts_the_text_over_while_it_is_written(visit, with_model):
    page = visit(with_model)
    status(page, WRITTEN)
    page.click("#foldModel > summary")
    page.fill("#numLength", "20000")
    page.evaluate("() => { const one = document.getElementById('btnGenerate'); one.click(); one.click(); }")
    assert status(page, WRITTEN).startswith("20,000 characters in")
    assert len(page.text_content("#outResult")) == 20_000


def test_a_model_that_is_opened_while_another_one_learns_ends_nothing(visit):
    page = visit()
    learn(page, minutes=5, **UNHURRIED)
    page.locator("#samples p").first.wait_for()
    page.set_input_files("#inpFile", {"name": "config.json", "mimeType": "application/json", "buffer": b"{}"})
    page.set_input_files("#inpFile", {"name": "model.zip", "mimeType": "application/zip", "buffer": b"no zip"})
    status(page, "^(Press Stop first|Training)")
    assert page.locator("#btnStop").is_visible()
    assert page.locator("#btnGenerate").is_disabled()
    page.click("#btnStop")
    status(page, WRITTEN)


def test_what_of_a_text_a_model_does_not_know_is_named_after_it_learned_the_rest(visit, with_model):
    page = visit(with_model)
    status(page, WRITTEN)
    page.click("#foldModel > summary")
    page.fill("#numMinutes", "0.02")
    page.fill("#txtInput", "The ☃ is a snowman, and 天 is the sky. " * 40)
    page.click("#btnLearn")
    assert "The text had 2 characters that it does not know: ☃ 天. It learned without." in status(page, WRITTEN)
    page.click("#btnGenerate")
    assert "The text had" not in status(page, WRITTEN)


def test_a_page_with_a_model_writes_at_once_the_text_of_the_command(visit, with_model):
    page = visit(with_model)
    status(page, WRITTEN)
    assert page.title() == "With <a> model"
    assert "LSTM, 128 units" in page.text_content("#topModel")
    page.click("#foldModel > summary")
    for name, value in {"numSeed": "11", "numLength": "300", "txtPrompt": "The "}.items():
        page.fill(f"#{name}", value)
    page.select_option("#selPrecision", "int8")
    page.click("#btnGenerate")
    status(page, "^300 characters in")
    expected = recurra.load(models.folders()[0]).generate("The ", 300, seed=11, temperature=0.8, precision="int8")
    assert page.text_content("#outResult") == expected
    page.fill("#txtPrompt", "The ☃ ")
    page.click("#btnGenerate")
    assert "It does not know ☃, and left that out" in status(page, "does not know")


def test_a_run_of_python_is_opened_and_learns_on(visit, tmp_path):
    page = visit()
    files, _, _ = contents(models.folders()[1])
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    page.set_input_files("#inpFile", [tmp_path / name for name in files])
    status(page, WRITTEN)
    assert "GRU, 128 units" in page.text_content("#topModel")
    page.fill("#txtInput", "The statement is a list of names. " * 40)
    page.click("#foldModel > summary")
    page.fill("#numMinutes", "0.02")
    page.click("#btnLearn")
    status(page, "^Training")
    status(page, WRITTEN)
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    page.set_input_files("#inpFile", tmp_path / "bad.zip")
    assert status(page, "damaged") == "This zip is damaged or cut off"
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(f"run/{name}", content)
    page.set_input_files("#inpFile", tmp_path / "good.zip")
    status(page, WRITTEN)


def test_wrong_use_is_one_line(visit):
    page = visit()
    status(page, "^Ready")
    page.click("#btnGenerate")
    assert status(page, "too few") == "0 characters are too few to learn from; paste some thousand."
    page.fill("#txtInput", "a" * 100)
    page.click("#btnGenerate")
    assert status(page, "too few").startswith("100 characters are too few")


def test_a_dropped_file_is_text_in_utf_8_or_utf_16_and_any_other_is_refused_in_one_line(visit):
    page = visit()
    status(page, "^Ready")

    def drop(name, data):
        page.evaluate(
            """([name, data]) => {
              const files = new DataTransfer();
              files.items.add(new File([new Uint8Array(data)], name));
              document.dispatchEvent(new DragEvent("drop", { dataTransfer: files, cancelable: true }));
            }""",
            [name, list(data)],
        )

    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        page.fill("#txtInput", "")
        drop("brief.txt", f"Grüße 🙂 {encoding}".encode(encoding))
        page.wait_for_function(
            "(words) => document.getElementById('txtInput').value === words", arg=f"Grüße 🙂 {encoding}"
        )
    drop("old.txt", "Grüße".encode("cp1252"))
    assert status(page, "old.txt") == "old.txt is not valid UTF-8 text; save it as UTF-8 and drop it again"
    drop("photo", b"a\0b")
    assert status(page, "photo") == "photo looks like a binary file: it has a NUL character; drop a text file"
    assert page.input_value("#txtInput") == "Grüße 🙂 utf-16"


def test_a_long_text_leaves_the_page_quick(visit):
    page = visit()
    status(page, "^Ready")
    page.evaluate(
        """(text) => {
          document.getElementById("txtInput").value = text.repeat(1200);
          document.getElementById("txtInput").dispatchEvent(new Event("input"));
        }""",
        GERMAN,
    )  # 2 MB, as a file that is dropped
    assert page.text_content("#txtAbout") == f"{1200 * len(GERMAN):,} characters"
    learn(page, None, minutes=0.05)
    longest = page.evaluate(
        """async () => {
          let longest = 0;
          for (let last = performance.now(), end = last + 1500; last < end; ) {
            await new Promise((resolve) => setTimeout(resolve, 5));
            const now = performance.now();
            longest = Math.max(longest, now - last);
            last = now;
          }
          return longest;
        }"""
    )
    assert longest < 2000  # a page that is blocked stands still for the whole training
    status(page, WRITTEN)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(visit, with_model, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(with_model, width, scheme)
    status(page, WRITTEN)
    learn(page, GERMAN)
    status(page, WRITTEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [found["id"] for found in Axe().run(page).response["violations"]] == []


def test_the_keyboard_alone_is_enough_and_an_input_methods_enter_starts_nothing(visit, with_model):
    page = visit(with_model)
    status(page, WRITTEN)
    page.focus("#txtPrompt")
    page.keyboard.type("The ")
    page.evaluate(
        """() => document.getElementById("txtPrompt").dispatchEvent(
          new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true }))"""
    )
    assert not page.text_content("#outResult").startswith("The ")
    page.keyboard.press("Enter")
    page.locator("#outResult b", has_text="The ").wait_for()
    status(page, WRITTEN)


def test_a_page_that_was_moved_works_and_may_be_closed_while_it_learns(visit, empty, tmp_path):
    page = visit(Path(shutil.copy(empty, tmp_path / "elsewhere.html")))
    learn(page, GERMAN, minutes=5)
    page.locator("#samples p").first.wait_for()
    page.close(run_before_unload=False)


@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_memory_is_level_over_trainings(visit, count):
    page = visit()
    sizes = []
    for _ in range(count):
        learn(page, GERMAN, minutes=0.01)
        status(page, "^Training|characters? in")
        status(page, WRITTEN)
        page.fill("#txtInput", "")
        sizes.append(page.evaluate("() => performance.memory?.usedJSHeapSize ?? 0"))
    assert sizes[-1] < sizes[0] + 30e6


def test_the_policy_names_the_script_and_nothing_else(empty):
    text = empty.read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "http" not in policy
    assert "src=" not in re.sub(r"<script[^>]*>.*?</script>", "", text, flags=re.S)
    assert len(text.encode()) < 700_000


def test_a_model_inside_says_nothing_of_where_it_was_learned(tmp_path):
    model = recurra.train(text=GERMAN, preset="tiny", quiet=True, out=tmp_path / "secret" / "run")
    files, _, _ = contents(model.folder)
    config = json.loads(files["config.json"])
    assert set(config) == {"schema", "recurra", "learned", "settings"}
    assert set(config["settings"]) == {"model"}
    assert "secret" not in io.TextIOWrapper(io.BytesIO(files["config.json"]), "utf-8").read()
