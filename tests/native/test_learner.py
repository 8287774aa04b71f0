"""The native learner against the training loop's step: losses, gradients, parameters, states, the running mean."""

import math

import numpy as np
import pytest
import torch
from helpers import native_learner
from helpers.cells_for_page import Leaky
from torch import nn
from torch.nn import functional as F

from recurra import cells
from recurra.tasks.language import LanguageModel
from recurra.tasks.language.config import LanguageConfig
from recurra.text import build_vocabulary
from recurra.training import TrainingConfig, optimizers, tensors

TEXT = "".join(f"{n} green bottle{'s' * (n > 1)} hanging on the wall, und {n * n} grüne.\n" for n in range(60, 0, -1))


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    return native_learner.compiled(tmp_path_factory.mktemp("learner"))


def windows(ids: np.ndarray, batch: int, time: int):
    length = (len(ids) - 1) // batch
    inputs = ids[: batch * length].reshape(batch, length)
    targets = ids[1 : batch * length + 1].reshape(batch, length)
    for first in range(0, length, time):
        yield first == 0, inputs[:, first : first + time], targets[:, first : first + time]


CELLS = ["rnn", "lstm", "gru", "layernorm-lstm", "mingru", "leaky"]
WEIGHTED = TrainingConfig(lr=1e-2, clip=0.5, weight_decay=0.1, average=0.99, beta2=0.99)


def taught(cell: str, native, config: TrainingConfig, steps: int, layers: int = 1, resets: bool = False, **more):
    """The losses of Python's step and of the native one from the same weights and windows, and both models."""
    torch.manual_seed(3)
    with cells.registered():
        if "leaky" not in cells.names():
            cells.register("leaky", Leaky)
        vocabulary = build_vocabulary([TEXT])
        sizes = {"embedding_size": 12, "hidden_size": 20, "num_layers": layers, "dropout": 0.0, "input_dropout": 0.0}
        model = LanguageModel(vocabulary, LanguageConfig(cell=cell, **sizes, **more))
        learner = native_learner.Learner(model, native, config)
        optimizer, mean = optimizers.make(model, config), optimizers.averaged(model)
        ids, pairs, carry = vocabulary.encode(TEXT).astype(np.int64), [], None
        places = [window for _ in range(99) for window in windows(ids, 6, 16)]
        for number, (restart, inputs, targets) in enumerate(places[:steps], 1):
            starts = inputs == vocabulary.encode("\n")[0] if resets else None
            rate = config.lr * (0.5 + 0.5 * math.cos(number / steps))
            ours = learner.step(inputs, targets, starts, restart=restart, rate=rate)
            optimizers.set_rate(optimizer, rate)
            x = torch.from_numpy(np.ascontiguousarray(inputs))
            again = None if starts is None else torch.from_numpy(starts)
            logits, carry = model(x, None if restart else carry, again)
            carry = tensors.map_tree(torch.Tensor.detach, carry)
            loss = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(np.ascontiguousarray(targets)).flatten())
            optimizer.zero_grad()
            loss.backward()
            gradients = {name: p.grad.numpy().copy() for name, p in model.named_parameters()}
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip or math.inf)
            optimizer.step()
            optimizers.add_to_average(mean, model, config.average, number)
            pairs.append((ours, float(loss.detach()), learner.norm, float(norm)))
            if number == 1:
                for name, found in learner.gradients().items():
                    np.testing.assert_allclose(found, gradients[name], rtol=1e-4, atol=1e-6, err_msg=name)
    return np.array(pairs), model, mean, learner


@pytest.mark.slow
@pytest.mark.parametrize("resets", [False, True], ids=["carried", "resets"])
@pytest.mark.parametrize("cell", CELLS)
def test_twenty_steps_are_those_of_the_training_loop(native, cell, resets):
    pairs, model, mean, learner = taught(cell, native, WEIGHTED, 20, layers=2, resets=resets)
    np.testing.assert_allclose(pairs[:, 0], pairs[:, 1], atol=1e-4)
    np.testing.assert_allclose(pairs[:, 2], pairs[:, 3], rtol=1e-3)
    for name, found in learner.parameters().items():
        np.testing.assert_allclose(found, model.get_parameter(name).detach(), atol=2e-3, err_msg=name)
    values = torch.cat([p.flatten() for p in mean.parameters()])
    np.testing.assert_allclose(learner.average, values, atol=2e-3)
    assert pairs[-1, 0] < pairs[0, 0] - 0.2


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "mingru"])
def test_layers_whose_input_is_added_to_their_output_learn_the_same(native, cell):
    pairs, *_ = taught(cell, native, WEIGHTED, 20, layers=3, residual=True)
    np.testing.assert_allclose(pairs[:, 0], pairs[:, 1], atol=1e-4)
    plain, *_ = taught(cell, native, WEIGHTED, 1, layers=3)
    assert abs(plain[0, 1] - pairs[0, 1]) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_two_hundred_steps_of_the_classic_recipe_stay_together(native, cell):
    classic = TrainingConfig(optimizer="adam", lr=1e-3, beta2=0.999, clip=0.0, weight_decay=0.0, average=0.0)
    pairs, *_ = taught(cell, native, classic, 200)
    assert np.abs(pairs[:, 0] - pairs[:, 1]).max() < 1e-2


def test_a_measure_learns_nothing_and_a_place_without_a_target_does_not_count(native):
    _, model, _, learner = taught("gru", native, WEIGHTED, 2)
    before = learner.values.copy()
    ids = model.vocabulary.encode(TEXT).astype(np.int64)
    _, inputs, targets = next(windows(ids, 6, 16))
    targets = targets.copy()
    targets[2, 5:] = -100
    for name, found in learner.parameters().items():
        model.get_parameter(name).data.copy_(torch.from_numpy(found))
    logits, _ = model(torch.from_numpy(np.ascontiguousarray(inputs)))
    expected = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets).flatten())
    assert learner.step(inputs, targets, restart=True, rate=0.0, learn=False) == pytest.approx(
        float(expected.detach()), abs=1e-5
    )
    assert (learner.values == before).all()


@pytest.mark.parametrize("cell", ["lstm", "mingru"])
def test_windows_that_predict_their_last_token_teach_what_python_learns(native, cell):
    torch.manual_seed(2)
    vocabulary = build_vocabulary([TEXT])
    sizes = {"embedding_size": 12, "hidden_size": 20, "dropout": 0.0, "input_dropout": 0.0}
    model = LanguageModel(vocabulary, LanguageConfig(cell=cell, **sizes))
    learner = native_learner.Learner(model, native, WEIGHTED)
    _, inputs, targets = next(windows(vocabulary.encode(TEXT).astype(np.int64), 7, 90))
    targets = np.where(np.arange(90) == 89, targets, -1)
    ours = learner.step(inputs, targets, restart=True, rate=1e-2)
    logits, _ = model(torch.from_numpy(np.ascontiguousarray(inputs)), last=True)
    loss = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets[:, -1].copy()))
    loss.backward()
    assert ours == pytest.approx(float(loss.detach()), abs=1e-5)
    for name, found in learner.gradients().items():
        expected = model.get_parameter(name).grad.numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6, err_msg=name)
