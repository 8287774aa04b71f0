"""A training in the page's modules, in Node: the windows, the rates, the held-out part and the losses of Python's training."""

import json

import numpy as np
import pytest
import torch
from helpers import page, page_hosts

from recurra import data
from recurra.data.corpus import split
from recurra.data.streams import IGNORE, Evaluation, Streams
from recurra.page import document
from recurra.tasks.language import LanguageModel
from recurra.tasks.language.config import LanguageConfig
from recurra.tasks.language.task import LanguageTask
from recurra.text import build_vocabulary
from recurra.training import TrainingConfig, fit
from recurra.training.schedule import rate

pytestmark = pytest.mark.skipif(not page_hosts.node_program(), reason="no node here, and no Playwright that brings one")

TEXT = "".join(f"{n} green bottle{'s' * (n > 1)} hanging on the wall, und {n * n} grüne.\n" for n in range(150, 0, -1))
WINDOWS = """([count, batch, window, all]) => {
  const streams = new R.training.Streams(Int32Array.from({ length: count }, (_, k) => k), batch, window, all);
  return Array.from({ length: streams.count }, (_, i) => {
    const { inputs, targets, time, counted } = streams.at(i);
    return { inputs: [...inputs], targets: [...targets], time, counted };
  });
}"""
TRAIN = """([config, vocabulary, tensors, ids, plan]) => {
  const model = { config, vocabulary, tensors: unpacked(tensors) };
  const training = new R.training.Training(native, model, facts[config.cell], Int32Array.from(ids), plan, () => 0);
  const found = { losses: [], looks: [], reason: "" };
  while (!training.reason) {
    const { loss, look } = training.next();
    found.losses.push(loss);
    if (look !== null) found.looks.push(look);
  }
  found.reason = training.reason;
  const weights = Object.entries(training.tensors()).map(([name, { data }]) => [name, [...data]]);
  training.free();
  return { ...found, weights: Object.fromEntries(weights) };
}"""


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with page_hosts.node(tmp_path_factory.mktemp("node")) as tab:
        yield tab


@pytest.mark.parametrize("every", [False, True], ids=["to learn", "to measure"])
@pytest.mark.parametrize(
    ("count", "batch", "window"), [(2, 4, 64), (300, 4, 64), (1001, 8, 10), (5000, 8, 64), (5003, 32, 128)]
)
def test_windows_are_those_of_python(node, count, batch, window, every):
    reader = (Evaluation if every else Streams)(np.arange(count), batch, window)
    found = node.evaluate(WINDOWS, [count, batch, window, every])
    assert len(found) == len(reader)
    for i, one in enumerate(found):
        inputs, targets, _ = reader.batch(i)
        there = (targets != IGNORE).numpy()
        assert one["time"] == inputs.shape[1]
        assert one["counted"] == there.sum()
        shape = inputs.shape
        assert (np.reshape(one["targets"], shape) == np.where(there, targets, -1)).all()
        assert (np.reshape(one["inputs"], shape)[there] == inputs.numpy()[there]).all()


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.2])
def test_the_rate_is_that_of_one_cycle(node, warmup):
    config = TrainingConfig(lr=0.01, schedule="one-cycle", warmup=warmup)
    places = [k / 40 for k in range(41)]
    found = node.evaluate(f"(places) => places.map((done) => R.recipe.rate(0.01, {warmup}, done))", places)
    np.testing.assert_allclose(found, [rate(config, done) for done in places], atol=1e-15)


def test_the_held_out_part_is_pythons(node):
    counts = [1000, 1001, 1009, 4999, 5003, 45_678, 1_000_001]
    found = node.evaluate("(counts) => counts.map((n) => R.training.trainingPart(new Int32Array(n)).length)", counts)
    assert found == [split(count, 0.1) for count in counts]


@pytest.mark.slow
def test_a_whole_training_is_that_of_python(node, tmp_path):
    """Each step's loss, each look's, the end and the best weights: `training.fit` on the same text from the same weights."""
    page.load(node, document.standard())
    sizes = {"embedding_size": 12, "hidden_size": 20, "num_layers": 1}
    corpus = data.build_corpus(data.text_document(TEXT), tmp_path / "corpus", data=data.DataConfig(items="off"))
    model = LanguageModel(
        build_vocabulary([TEXT]), LanguageConfig(cell="lstm", dropout=0.0, input_dropout=0.0, **sizes)
    )
    assert model.vocabulary.to_json() == corpus.vocabulary.to_json()
    weights, losses, looks = page.tensors(model), [], []
    settings = data.DataConfig(batch_size=4, window=64, fresh_starts=0.0)
    config = TrainingConfig(
        epochs=3,
        lr=1e-2,
        warmup=0.2,
        clip=1.0,
        weight_decay=0.01,
        average=0.99,
        beta2=0.99,
        evaluate_every=29,
    )

    class Told(LanguageTask):
        def loss(self, *arguments):
            found = super().loss(*arguments)
            losses.append(float(found[0].detach()))
            return found

    (tmp_path / "run").mkdir()
    outcome = fit(
        Told(model, corpus, settings),
        config,
        tmp_path / "run",
        listeners=[lambda event: looks.append(event["validation_loss"]) if event["event"] == "evaluate" else None],
    )
    plan = {"epochs": 3, "lr": 1e-2, "warmup": 0.2, "batch_size": 4}
    found = node.evaluate(
        TRAIN,
        [{"cell": "lstm", **sizes}, json.loads(model.vocabulary.to_json()), weights, corpus.ids.tolist(), plan],
    )
    assert (found["reason"], outcome["reason"]) == ("finished", "finished")
    assert len(found["losses"]) == len(losses) == 3 * 29
    np.testing.assert_allclose(found["losses"], losses, atol=1e-3)
    np.testing.assert_allclose(found["looks"], looks, atol=1e-3)
    assert losses[-1] < losses[0] - 0.5
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(found["weights"][name], torch.flatten(parameter.detach()), atol=5e-3, err_msg=name)
