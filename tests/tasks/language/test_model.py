"""The language model and its settings: what goes in, what comes out, what is refused."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recurra import cells, config
from recurra.data import build_corpus, text_document
from recurra.errors import CellError, ConfigError, DtypeError, ShapeError, VocabularyError
from recurra.tasks.language import LanguageConfig, LanguageModel, LanguageTask, evaluate, settings
from recurra.tasks.language.config import CONFIGS, PRESETS
from recurra.tasks.language.measure import measure
from recurra.text import build_vocabulary

TEXT = "to be, or not to be: that is the question. "


@pytest.fixture(scope="module")
def vocabulary():
    return build_vocabulary([TEXT])


def model_of(vocabulary, **changes):
    sizes = {"embedding_size": 6, "hidden_size": 8, "num_layers": 2, "dropout": 0.0, "input_dropout": 0.0}
    return LanguageModel(vocabulary, LanguageConfig(**sizes | changes))


def ids_of(vocabulary, *shape):
    return torch.randint(len(vocabulary), shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("cell", cells.names(given=False))
def test_every_cell_makes_a_model(vocabulary, cell):
    model, ids = model_of(vocabulary, cell=cell), ids_of(vocabulary, 3, 7)
    logits, state = model(ids)
    assert logits.shape == (3, 7, len(vocabulary))
    first, middle = model(ids[:, :4])
    second, last = model(ids[:, 4:], middle)
    torch.testing.assert_close(torch.cat([first, second], 1), logits)
    torch.testing.assert_close(last, state)
    torch.testing.assert_close(model(ids, last=True)[0], logits[:, -1:])


def test_it_is_embedding_lstm_and_softmax(vocabulary):
    """The same numbers as PyTorch's own layers with the same weights."""
    model, ids = model_of(vocabulary), ids_of(vocabulary, 3, 7)
    layers = nn.LSTM(6, 8, 2, batch_first=True)
    layers.load_state_dict(model.layers.state_dict())
    hidden, _ = layers(F.embedding(ids, model.embedding.weight))
    torch.testing.assert_close(model(ids)[0], hidden @ model.head.weight.T + model.head.bias)


def test_the_loss_needs_no_copy_of_the_scores(vocabulary):
    logits, _ = model_of(vocabulary)(ids_of(vocabulary, 3, 7))
    by_time = logits.transpose(0, 1).flatten(0, 1)
    assert by_time.data_ptr() == logits.data_ptr()
    assert by_time.is_contiguous()


@pytest.mark.parametrize("cell", ["lstm", "transformer"])
def test_bfloat16_is_near_float32_and_only_while_training(vocabulary, cell):
    sizes = {"cell": cell, "embedding_size": 32, "hidden_size": 32} | ({"context": 9} if cell == "transformer" else {})
    coarse, ids = model_of(vocabulary, precision="bfloat16", **sizes), ids_of(vocabulary, 3, 9)
    fine = model_of(vocabulary, **sizes)
    fine.load_state_dict(coarse.state_dict())
    for model in (coarse, fine):
        logits, state = model(ids)
        assert logits.dtype == torch.float32
        model(ids, state)[0].square().mean().backward()
    far = [
        (a.grad - b.grad).norm() / b.grad.norm() for a, b in zip(coarse.parameters(), fine.parameters(), strict=True)
    ]
    assert 0 < max(far) < 0.05
    assert torch.equal(coarse.eval()(ids)[0], fine.eval()(ids)[0])
    with torch.autocast("cpu", torch.bfloat16):
        assert fine(ids)[0].dtype == torch.bfloat16, "a caller's own autocast stands"


def test_resets_drop_the_state(vocabulary):
    model, ids = model_of(vocabulary), ids_of(vocabulary, 2, 6)
    resets = torch.zeros(2, 6, dtype=torch.bool)
    resets[1, 3] = True
    logits, _ = model(ids, resets=resets)
    torch.testing.assert_close(logits[1, 3:], model(ids[1:, 3:])[0][0])
    torch.testing.assert_close(logits[0], model(ids[:1])[0][0])
    assert not torch.allclose(logits[1, 3:], model(ids[1:])[0][0, 3:])


def test_tied_weights_are_one_matrix(vocabulary):
    model = model_of(vocabulary, tie_weights=True, embedding_size=8)
    assert model.head.weight is model.embedding.weight
    assert (model.embedding.weight.detach() * model.scale).std() == pytest.approx(1, abs=0.4)
    plain = model_of(vocabulary)
    assert plain.head.weight is not plain.embedding.weight


def test_dropout_is_between_the_layers_and_before_the_softmax(vocabulary):
    plain, one = model_of(vocabulary, dropout=0.3), model_of(vocabulary, dropout=0.3, num_layers=1)
    assert (plain.layers.dropout, plain.layers.output_dropout) == (0.3, 0.3)
    assert (one.layers.dropout, one.layers.output_dropout) == (0.0, 0.3)
    assert model_of(vocabulary, dropout=0.3, output_dropout=0.0).layers.output_dropout == 0.0


@pytest.mark.parametrize(
    ("ids", "error", "words"),
    [
        (torch.zeros(5, dtype=torch.int64), ShapeError, r"`ids` is \(5,\); expected \(batch, time\)"),
        (torch.zeros(1, 5), DtypeError, "`ids` is torch.float32; expected torch.int64"),
        (torch.full((1, 5), 99), VocabularyError, "`ids` go from 99 to 99; expected 0 to"),
        (torch.full((1, 5), -1), VocabularyError, "`ids` go from -1 to -1"),
    ],
)
def test_ids_that_are_none(vocabulary, ids, error, words):
    with pytest.raises(error, match=words):
        model_of(vocabulary)(ids)


def test_generate_and_stream_go_on_from_the_prompt(vocabulary):
    model = model_of(vocabulary)
    text = model.generate("to be", 20, seed=3)
    assert text.startswith("to be")
    assert len(text) == 25
    assert "".join(model.stream("to be", 20, seed=3)) == text
    assert [len(sample) for sample in model.generate("", 5, samples=2, seed=1)] == [5, 5]


# Measures


def test_measures_are_those_of_a_plain_loop(vocabulary):
    model, text = model_of(vocabulary).double().eval(), 20 * TEXT  # several windows of one stream
    found = evaluate(model, text=text)
    ids = torch.from_numpy(vocabulary.encode(text).astype("int64"))[None]
    loss = F.cross_entropy(model(ids[:, :-1])[0].flatten(0, 1), ids[0, 1:]).item()
    assert found["loss"] == found["nats"] == pytest.approx(loss, rel=1e-9)
    assert found["bits_per_character"] == pytest.approx(loss / math.log(2))
    assert found["perplexity"] == pytest.approx(math.exp(loss))
    assert (found["tokens"], found["characters"]) == (len(text) - 1, len(text))


def test_a_token_is_not_a_character():
    bytes_ = build_vocabulary([""], CONFIGS["text"](unit="byte"))
    model = LanguageModel(bytes_, LanguageConfig(embedding_size=4, hidden_size=4, num_layers=1))
    found = evaluate(model, text="ääää")
    assert found["tokens"] == 7
    assert found["nats"] == pytest.approx(2 * found["loss"])


def test_a_bounded_context_is_measured_from_zero_states(vocabulary):
    model = model_of(vocabulary, context=5).eval()
    ids = vocabulary.encode(TEXT)
    losses = []
    for start in range(len(ids) - 5):
        window = torch.from_numpy(ids[start : start + 6].astype("int64"))[None]
        losses.append(F.cross_entropy(model(window[:, :-1])[0][:, -1], window[:, -1]).item())
    assert measure(model, ids)["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_evaluate_leaves_the_mode_alone(vocabulary):
    model = model_of(vocabulary).train()
    evaluate(model, text=TEXT)
    assert model.training


def test_evaluate_refuses_what_the_model_cannot_read(vocabulary):
    with pytest.raises(VocabularyError, match=re.escape("'Z' (U+005A)")):
        evaluate(model_of(vocabulary), text="Zz")
    for texts in ({}, {"source": "book.txt", "text": TEXT}):
        with pytest.raises(ConfigError, match="give evaluate either `source`"):
            evaluate(model_of(vocabulary), **texts)


# The task


def task_of(tmp_path, vocabulary, text, **changes):
    data = settings("tiny", batch_size=1, window=16, validation=0.0, **changes)["data"]
    corpus = build_corpus(text_document(text), tmp_path, data=data, vocabulary=vocabulary)
    return LanguageTask(model_of(vocabulary), corpus, data)


def test_the_state_goes_from_window_to_window(tmp_path, vocabulary):
    """The losses of a stream's windows are those of the whole stream read at once."""
    task, carry, losses, tokens = task_of(tmp_path, vocabulary, 3 * TEXT), None, [], []
    for index in range(task.steps):
        loss, carry, count = task.loss(task.model, task.batch(0, index), carry)
        losses.append(loss.item() * count)
        tokens.append(count)
    ids = torch.from_numpy(task.corpus.ids.astype("int64"))[None]
    whole = F.cross_entropy(task.model(ids[:, :-1])[0].flatten(0, 1), ids[0, 1:]).item()
    assert len(losses) > 4
    assert sum(tokens) == len(ids[0]) - 1
    assert sum(losses) / sum(tokens) == pytest.approx(whole, rel=1e-5)


def test_shuffled_windows_start_from_zeros_and_predict_one_token(tmp_path, vocabulary):
    task = task_of(tmp_path, vocabulary, 3 * TEXT, mode="windows")
    inputs, targets, _ = batch = task.batch(1, 2)
    loss, carry, count = task.loss(task.model, batch, None)
    assert (carry, count, inputs.shape, targets.shape) == (None, 1, (1, 16), (1, 1))
    assert loss.item() == pytest.approx(F.cross_entropy(task.model(inputs)[0][:, -1], targets[:, 0]).item(), rel=1e-5)
    assert not torch.equal(inputs, task.batch(2, 2).inputs)


def test_nothing_held_out_is_nothing_measured(tmp_path, vocabulary):
    task = task_of(tmp_path, vocabulary, 3 * TEXT)
    assert task.evaluate(task.model) == {}
    assert task.units_per_token == 1.0
    assert task.measures(1.0) == {"nats": 1.0, "bits_per_character": pytest.approx(1 / math.log(2))}
    assert task.measures(math.inf) == {}


# Settings


def test_no_two_parts_share_a_name():
    names = [option.name for cls in CONFIGS.values() for option in config.options(cls)]
    assert len(names) == len(set(names))


def test_epochs_take_the_place_of_a_presets_minutes():
    assert settings("demo", epochs=3)["training"].minutes is None
    assert settings("demo", epochs=0)["training"].minutes == 1.0
    with pytest.raises(ConfigError, match="`minutes` and `epochs` both say how long to train; drop one"):
        settings("demo", epochs=3, minutes=2.0)
    assert settings("tiny", minutes=2.0)["training"].epochs == 0


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid_and_survives_json(preset):
    for part, made in settings(preset).items():
        assert config.make(CONFIGS[part], json.loads(json.dumps(dataclasses.asdict(made)))) == made


def test_the_classic_recipe_setting_by_setting():
    parts = settings("classic")
    model, data, training = parts["model"], parts["data"], parts["training"]
    assert (model.embedding_size, model.cell, model.hidden_size, model.num_layers) == (64, "lstm", 128, 1)
    assert (data.mode, data.window, data.stride, data.batch_size) == ("windows", 100, 1, 64)
    assert (training.optimizer, training.epochs, training.schedule) == ("adam", 20, "constant")
    assert (training.monitor, training.patience, model.context) == ("training", 3, 100)
    assert (model.dropout, training.clip, training.weight_decay, data.validation) == (0, 0, 0, 0)


def test_overrides_go_to_their_part():
    parts = settings("tiny", epochs=5, cell="gru", window=7, unit="byte")
    assert (parts["training"].epochs, parts["model"].cell) == (5, "gru")
    assert (parts["data"].window, parts["text"].unit) == (7, "byte")
    assert settings(mode="windows", window=9)["model"].context == 9
    assert settings(mode="windows", context=0)["model"].context == 0


def test_numbers_of_numpy_are_numbers():
    """As a search over np.arange or np.logspace gives them; a run's settings are JSON."""
    model, training = (settings(hidden_size=np.int64(8), lr=np.float32(0.5))[part] for part in ("model", "training"))
    assert (model.hidden_size, training.lr) == (8, 0.5)
    assert (type(model.hidden_size), type(training.lr)) == (int, float)
    with pytest.raises(ConfigError, match=r"`hidden_size` is 8.0; expected int"):
        settings(hidden_size=np.float32(8))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"preset": "tinny"}, "`preset` is 'tinny'; did you mean `tiny`?"),
        ({"hidden_sise": 4}, "`hidden_sise` is not a setting; did you mean `hidden_size`?"),
        ({"dropout": 1.0}, "`dropout` is 1.0; expected a fraction, 0 to below 1"),
        ({"num_layers": 0}, "`num_layers` is 0; expected 1 or more"),
        ({"tie_weights": True}, "embedding_size is 128 and hidden_size 512; make them equal"),
        ({"context": -1}, "`context` is -1; expected 0 or more"),
    ],
)
def test_settings_that_cannot_be(values, words):
    with pytest.raises(ConfigError) as raised:
        settings(**values)
    assert words in str(raised.value)


def test_an_unknown_cell_names_the_nearest(vocabulary):
    with pytest.raises(CellError, match="did you mean `lstm`"):
        model_of(vocabulary, cell="ltsm")


def test_settings_need_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, recurra.tasks.language.config, recurra.tasks.language as l, recurra.training as t;"
        "l.settings('demo'); t.TrainingConfig(); print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_settings_are_json():
    assert json.loads(json.dumps(dataclasses.asdict(LanguageConfig())))["cell"] == "lstm"
