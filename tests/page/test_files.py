"""Models as files in the page: what it saves Python opens, what Python wrote it opens, and hostile ones are one line each."""

import base64
import io
import json
import struct
import zipfile
import zlib

import pytest
from helpers import page

import recurra
from recurra import cells, models
from recurra.page import module
from recurra.page.contents import contents

pytestmark = pytest.mark.slow

OPEN = """async (text) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  try {
    const model = R.files.modelOf(await R.files.unzip(bytes));
    return { cell: model.config.cell, tensors: Object.keys(model.tensors).length };
  } catch (error) {
    return error.message;
  }
}"""


@pytest.fixture(scope="module")
def tab(chromium, tmp_path_factory):
    return page.loaded(chromium, tmp_path_factory.mktemp("page"), {name: cells.get(name) for name in module.STANDARD})


@pytest.fixture(scope="module")
def sound():
    files, _, _ = contents(models.folders()[0])
    return files


def zipped(files: dict[str, bytes], folder: str = "run/", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return room.getvalue()


def opened(tab, content: bytes):
    return tab.evaluate(OPEN, base64.b64encode(content).decode())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("folder", ["", "run/"], ids=["top", "folder"])
def test_a_run_that_python_wrote_is_opened(tab, sound, folder, method):
    assert opened(tab, zipped(sound, folder, method)) == {"cell": "lstm", "tensors": 7}


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_what_the_page_saves_python_opens_and_trains(tab, sound, tmp_path, precision):
    files, _, _ = contents(models.folders()[0], precision)
    again = tab.evaluate(
        """async (text) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const model = R.files.modelOf(await R.files.unzip(bytes));
          const made = new Uint8Array(await R.files.zip("mine", R.files.filesOf(model, "0.1.0")).arrayBuffer());
          let text2 = "";
          for (let i = 0; i < made.length; i += 8192) text2 += String.fromCharCode(...made.subarray(i, i + 8192));
          return btoa(text2);
        }""",
        base64.b64encode(zipped(files)).decode(),
    )
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(again))) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    model, before = recurra.load(tmp_path / "mine"), recurra.load(models.folders()[0])
    written = model.generate("The ", 200, seed=3, precision="int8")
    assert written == before.generate("The ", 200, seed=3, precision="int8")
    if precision == "float32":
        text = "The page saved it. " * 200
        further = recurra.train(text=text, init_from=tmp_path / "mine", epochs=1, quiet=True, out=tmp_path / "run")
        assert further.config.hidden_size == model.config.hidden_size


def head_of(content: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_head(head: dict, rest: bytes) -> bytes:
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + rest


def changed(files, name, content):
    return zipped(files | {name: content})


def settings(files, **values) -> bytes:
    config = json.loads(files["config.json"])
    config["settings"]["model"] |= values
    return json.dumps(config).encode()


def bomb(files) -> bytes:
    """model.safetensors claims its size, and unpacks to more."""
    content = bytearray(changed(files, "model.safetensors", b"\0" * 4_000_000))
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 1000)
    return bytes(content)


def twice(files) -> bytes:
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w") as archive:
        for folder in ("a/", "b/"):
            archive.writestr(f"{folder}config.json", files["config.json"])
    return room.getvalue()


def other_sum(files) -> bytes:
    content = bytearray(zipped(files, method=zipfile.ZIP_STORED))
    content[content.index(b"language/2")] ^= 1
    return bytes(content)


HOSTILE = {
    "no zip": (lambda files: b"hello", "damaged or cut off"),
    "cut off": (lambda files: zipped(files)[:-400], "damaged or cut off"),
    "a bit turned": (other_sum, "damaged or cut off"),
    "above its folder": (lambda files: zipped(files, "../"), "a file outside its folder: ../config.json"),
    "from the root": (lambda files: zipped(files, "/etc/"), "a file outside its folder"),
    "a bomb": (bomb, "unpacks to more than it says"),
    "a name twice": (twice, "has config.json twice"),
    "nothing of ours": (lambda files: zipped({"a.txt": b"a"}), "There is no config.json"),
    "no JSON": (lambda files: changed(files, "config.json", b"{"), "config.json is damaged"),
    "another task": (
        lambda files: changed(files, "config.json", b'{"schema": "speech/1"}'),
        'config.json is of the kind "speech/1"; this page reads language/2',
    ),
    "huge sizes": (
        lambda files: changed(files, "config.json", settings(files, hidden_size=2**40)),
        "no sizes of a model",
    ),
    "no sizes": (
        lambda files: changed(files, "config.json", settings(files, num_layers="many")),
        "no sizes of a model",
    ),
    "tied": (lambda files: changed(files, "config.json", settings(files, tie_weights=True)), "shares one matrix"),
    "context": (
        lambda files: changed(files, "config.json", settings(files, context=100)),
        "reads 100 characters again",
    ),
    "symbols": (lambda files: changed(files, "vocabulary.json", b'{"symbols": [1, 2]}'), "no list of symbols"),
    "words": (
        lambda files: changed(files, "vocabulary.json", files["vocabulary.json"].replace(b'"character"', b'"word"')),
        'writes "word"s',
    ),
    "short tensors": (
        lambda files: changed(files, "model.safetensors", files["model.safetensors"][:-40]),
        "model.safetensors is damaged or cut off",
    ),
    "a long head": (
        lambda files: changed(files, "model.safetensors", struct.pack("<Q", 2**63) + b"{}"),
        "model.safetensors is damaged or cut off",
    ),
    "not finite": (
        lambda files: changed(
            files, "model.safetensors", files["model.safetensors"][:-4] + struct.pack("<f", float("nan"))
        ),
        "holds numbers that are not finite",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_line(tab, sound, name):
    make, words = HOSTILE[name]
    found = opened(tab, make(sound))
    assert isinstance(found, str), found
    assert words in found
    assert "\n" not in found


def test_tensors_that_overlap_or_leave_the_file_are_refused(tab, sound):
    head, rest = head_of(sound["model.safetensors"])
    head["head.bias"]["data_offsets"] = [len(rest) - 4, len(rest) + 4 * head["head.bias"]["shape"][0] - 4]
    assert "damaged or cut off" in opened(tab, changed(sound, "model.safetensors", with_head(head, rest)))


def test_a_model_whose_tensors_do_not_fit_its_settings_is_refused_by_the_worker(tab, sound):
    content = changed(sound, "config.json", settings(sound, hidden_size=64))
    message = tab.evaluate(
        """async (text) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const said = [];
          const work = new R.worker.Work((message) => said.push(message));
          await work.take({ type: "load", module: window.bytes, facts });
          await work.take({ type: "open", model: R.files.modelOf(await R.files.unzip(bytes)) });
          return said.at(-1);
        }""",
        base64.b64encode(content).decode(),
    )
    assert message["type"] == "error"
    assert "layers.weight_ih_l0 is (512, 32); its settings need (256, 32)" in message["message"]


def test_the_sum_is_that_of_zlib(tab):
    assert tab.evaluate("() => R.files.crc32(new TextEncoder().encode('Recurra'))") == zlib.crc32(b"Recurra")
