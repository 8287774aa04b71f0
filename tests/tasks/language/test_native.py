"""A run opened for writing alone: the same texts as the model, the same errors, and no PyTorch."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers.engine_models import OPTIONS, language_model

from recurra import cells, tensorfiles
from recurra.backends.cpu.library import Unavailable
from recurra.engine.models import parts_of
from recurra.errors import RunError
from recurra.tasks.language import load, native


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "gru"
    language_model("gru").save(folder)
    return folder


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cell", cells.names(given=False))
def test_it_has_the_models_parts(tmp_path, cell, options):
    language_model(cell, **OPTIONS[options]).save(tmp_path / "model")
    model, opened = load(tmp_path / "model"), native.open(tmp_path / "model")
    want, got = parts_of(model), opened.parts
    assert got.scale == want.scale
    assert len(got.layers) == len(want.layers)
    for a, b in zip((got, *got.layers), (want, *want.layers), strict=True):
        for name, value in vars(b).items():
            found = getattr(a, name)
            if isinstance(value, np.ndarray):
                assert (found == value).all(), name
            elif name == "vectors":
                assert all((found[key] == value[key]).all() for key in value)
                assert found.keys() == value.keys()
            elif name != "layers":
                assert found == value, name


def test_it_writes_what_the_model_writes(saved):
    model, opened = load(saved), native.open(saved)
    options = {"seed": 3, "samples": 2, "temperature": 0.8}
    assert opened.generate("to be", 80, **options) == model.generate("to be", 80, **options)
    assert "".join(opened.stream("to be", 80, seed=1)) == model.generate("to be", 80, seed=1)
    assert opened.generate("to be", 30, beam=3) == model.generate("to be", 30, beam=3)
    assert opened.explain() == model.explain() == "the engine writes, in float32"
    assert opened.generate("a", 300, seed=1, precision="int8") == model.generate("a", 300, seed=1, precision="int8")


def test_pytorch_is_not_imported(saved):
    code = f"""
import sys
sys.modules["torch"] = None
from recurra.cli import main
main(["generate", {str(saved)!r}, "--length", "40", "--seed", "1", "--samples", "2"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = load(saved).generate("", 40, seed=1, samples=2)
    assert f"{first}\n" in done.stdout
    assert done.stdout.endswith(f"{second}\n")


@pytest.mark.slow
def test_pytorch_may_be_loaded_later(saved):
    code = f"""
from recurra.tasks.language import native
model = native.open({str(saved)!r})
first = model.generate("a", 200, seed=1, samples=64)
import torch
from recurra.nn import LSTM
torch.set_num_threads(2)
LSTM(64, 64)(torch.randn(50, 64, 64))[0].sum().backward()
assert model.generate("a", 200, seed=1, samples=64) == first
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_transformer_is_not_its(tmp_path):
    language_model("transformer", context=8, hidden_size=16).save(tmp_path / "model")
    with pytest.raises(Unavailable, match="it runs recurrent layers, and this is a transformer"):
        native.open(tmp_path / "model")


def damaged(saved, folder, change):
    shutil.copytree(saved, folder)
    tensors, about = tensorfiles.read(folder / "model.safetensors", "model/1")
    change(tensors)
    tensorfiles.write(folder / "model.safetensors", tensors, about)
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("head.bias"), "`head.bias` is missing; the file is from a model of another kind"),
        (
            lambda t: t.update(more=torch.zeros(1)),
            "`more` is no part of this model; the file is from a model of another",
        ),
        (
            lambda t: t.update({"head.bias": torch.zeros(3)}),
            r"`head.bias` is \(3,\) float32; this model has \(32,\) float32",
        ),
    ],
)
def test_a_file_of_another_model_is_told(saved, tmp_path, change, words):
    with pytest.raises(RunError, match=words):
        native.open(damaged(saved, tmp_path / "damaged", change))


def test_a_turned_bit_and_a_foreign_task_are_told(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "turned")
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-5] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=r"model.safetensors is damaged \(its checksum differs\)"):
        native.open(folder)
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(about | {"schema": "music/1"}))
    with pytest.raises(RunError, match="this run is of music"):
        native.open(folder)
    with pytest.raises(RunError, match="there is no run 'nowhere-9'"):
        native.open("nowhere-9")
