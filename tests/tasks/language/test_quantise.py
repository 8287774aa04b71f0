"""A run in int8: what it costs, who opens it, and what is refused."""

import numpy as np
import pytest
import torch
from helpers.engine_models import OPTIONS, language_model

import recurra
from recurra import cells
from recurra.engine.models import parts_of
from recurra.engine.parts import Whole, quantised, whole
from recurra.errors import ConfigError, RunError
from recurra.tasks.language import evaluate, load, native
from recurra.tasks.language.quantise import quantise

TEXT = "a quick brown fox jumps over one lazy dog. " * 200


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "fox"
    return recurra.train(text=TEXT, out=folder, preset="tiny", epochs=4, quiet=True).folder


@pytest.mark.slow
def test_a_quarter_of_the_size_the_same_text_everywhere(run, tmp_path):
    made = quantise(run)
    assert made.folder == run.with_name("fox-int8")
    assert made.bytes_after < 0.4 * made.bytes_before  # vectors and the header stay as they are
    assert abs(made.rise) < 0.5
    opened, model = native.open(made.folder), load(made.folder)
    text = native.open(run).generate("a ", 200, seed=1, precision="int8")
    assert opened.generate("a ", 200, seed=1) == text
    assert model.generate("a ", 200, seed=1) == text
    assert opened.explain() == model.explain() == "the engine writes, in int8"
    assert evaluate(opened, text=TEXT) == evaluate(model, text=TEXT)
    assert opened.generate("a ", 50, seed=1, precision="float32") == model.generate(
        "a ", 50, seed=1, precision="float32"
    )
    with torch.no_grad():
        assert torch.isfinite(model(torch.tensor([[1, 2]]))[0]).all()


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cell", cells.names(given=False))
def test_every_model_comes_back(tmp_path, cell, options):
    model = language_model(cell, **OPTIONS[options])
    model.save(tmp_path / "run")
    made = quantise(tmp_path / "run")
    assert (made.loss_before, made.loss_after, made.rise) == (None, None, None)
    want = quantised(parts_of(model))
    got = native.open(made.folder).parts
    for a, b in zip((got, *got.layers), (want, *want.layers), strict=True):
        for name, value in vars(b).items():
            if isinstance(value, Whole):
                assert (getattr(a, name).numbers == value.numbers).all(), name
                assert (getattr(a, name).scale == value.scale).all(), name


def test_whole_numbers_are_near_and_stay_what_they_are():
    random = np.random.default_rng(0)
    for size in (1e-30, 1e-3, 1, 1e20):
        weight = (random.standard_normal((50, 33)) * size).astype(np.float32)
        weight[3] = 0
        made = whole(weight)
        assert np.abs(made.floats() - weight).max(-1) == pytest.approx(0, abs=size * 4 / 250)
        again = whole(made.floats())
        assert (again.numbers == made.numbers).all()
        assert (again.scale == made.scale).all()
        assert np.abs(made.numbers).max() == 127


def test_what_costs_too_much_is_refused(run, tmp_path):
    with pytest.raises(
        RunError, match=r"int8 raises the loss of .*fox on held-out text by [\d.]+ % \([\d.]+ to [\d.]+ nats"
    ):
        quantise(spoilt(run, tmp_path), tmp_path / "out", text=None)
    assert not (tmp_path / "out").exists()
    assert quantise(spoilt(run, tmp_path / "again"), tmp_path / "out", most=1e6).rise > 0.5
    with pytest.raises(ConfigError, match=r"`most` is -1; expected a percentage from 0 up, such as 0\.5"):
        quantise(run, most=-1)


def spoilt(run, folder):
    """The same run, where one number in each row of the head is so large that the others vanish beside it in int8."""
    import shutil

    from recurra import tensorfiles

    place = shutil.copytree(run, folder / "fox")
    tensors, about = tensorfiles.read(place / "model.safetensors", "model/1")
    tensors["head.weight"][:, 0] += 300  # the same for all scores, so that it changes nothing in float32
    tensorfiles.write(place / "model.safetensors", tensors, about)
    return place


def test_what_cannot_be_quantised_is_told(run, tmp_path):
    made = quantise(run, tmp_path / "small")
    with pytest.raises(RunError, match="small is in int8 already"):
        quantise(made.folder)
    language_model("transformer", context=8, hidden_size=16).save(tmp_path / "transformer")
    with pytest.raises(
        RunError, match="cannot be quantised, since the engine cannot run it: it runs recurrent layers, and"
    ):
        quantise(tmp_path / "transformer")
    with pytest.raises(RunError, match="holds a training run, which saving a model would break"):
        quantise(run, run)
