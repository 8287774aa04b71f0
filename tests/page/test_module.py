"""The page's module in Chromium, Node and Firefox: the losses of Python, the text of the command, what the command packed; its
size, and what happens without its compiler."""

import contextlib
import json
import math
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import browser, page, page_hosts
from helpers.cells_for_page import Leaky
from helpers.engine_models import language_model
from torch import nn
from torch.nn import functional as F

import recurra
from recurra import cells
from recurra.engine import Engine
from recurra.engine.models import parts_of
from recurra.errors import ConfigError
from recurra.page import document, module
from recurra.tasks.language import LanguageModel
from recurra.tasks.language.config import LanguageConfig
from recurra.text import build_vocabulary
from recurra.training import TrainingConfig, optimizers, tensors

pytestmark = pytest.mark.slow

COMPRESS = Path(__file__).parents[2] / "examples" / "compress.py"
TEXT = "".join(f"{n} green bottle{'s' * (n > 1)} hanging on the wall, und {n * n} grüne.\n" for n in range(60, 0, -1))
CELLS = ["lstm", "gru", "rnn", "layernorm-lstm", "mingru", "leaky"]
LEARN = """([config, vocabulary, tensors, options, batches, cell]) => {
  const model = { config, vocabulary, tensors: unpacked(tensors) };
  const learner = new R.learner.Learner(native, model, facts[cell], options);
  const losses = batches.map(([inputs, targets, batch, time, restart, rate]) =>
    learner.step({ inputs, targets, batch, time, restart }, rate));
  learner.free();
  return losses;
}"""


HOSTS = {
    "chromium": browser.missing(),
    "node": "" if page_hosts.node_program() else "no node here, and no Playwright that brings one",
}


@pytest.fixture(scope="module", params=HOSTS)
def tab(request, tmp_path_factory):
    """The modules in a host, with the cells of this file."""
    if HOSTS[request.param]:
        pytest.skip(HOSTS[request.param])
    with contextlib.ExitStack() as stack:
        stack.enter_context(cells.registered())
        cells.register("leaky", Leaky)
        folder, mine = tmp_path_factory.mktemp("page"), {name: cells.get(name) for name in CELLS}
        if request.param == "node":
            yield page.load(stack.enter_context(page_hosts.node(folder)), mine)
        else:
            yield page.loaded(stack.enter_context(browser.chromium()), folder, mine)


def windows(ids: np.ndarray, batch: int, time: int):
    length = (len(ids) - 1) // batch
    inputs, targets = (ids[k : batch * length + k].reshape(batch, length) for k in (0, 1))
    for first in range(0, length, time):
        yield first == 0, inputs[:, first : first + time], targets[:, first : first + time]


def lesson(cell: str, steps: int, **more) -> tuple[list, np.ndarray]:
    """The argument of LEARN, and the losses of Python."""
    torch.manual_seed(1)
    vocabulary = build_vocabulary([TEXT])
    sizes = {"embedding_size": 12, "hidden_size": 20, "num_layers": 2} | more
    model = LanguageModel(vocabulary, LanguageConfig(cell=cell, dropout=0.0, input_dropout=0.0, **sizes))
    config = TrainingConfig(lr=1e-2, clip=0.5, weight_decay=0.1, average=0.0, beta2=0.99)
    weights, optimizer, carry = page.tensors(model), optimizers.make(model, config), None
    ids = vocabulary.encode(TEXT).astype(np.int64)
    places = [window for _ in range(99) for window in windows(ids, 6, 16)][:steps]
    rates = [config.lr * (0.5 + 0.5 * math.cos(k / steps)) for k in range(steps)]
    expected = []
    for (restart, inputs, targets), rate in zip(places, rates, strict=True):
        optimizers.set_rate(optimizer, rate)
        logits, carry = model(torch.from_numpy(np.ascontiguousarray(inputs)), None if restart else carry)
        carry = tensors.map_tree(torch.Tensor.detach, carry)
        loss = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(np.ascontiguousarray(targets)).flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        expected.append(float(loss.detach()))
    batches = [
        [inputs.ravel().tolist(), targets.ravel().tolist(), *inputs.shape, bool(restart), rate]
        for (restart, inputs, targets), rate in zip(places, rates, strict=True)
    ]
    options = {"beta1": config.beta1, "beta2": config.beta2, "weight_decay": 0.1, "clip": 0.5, "average": 0}
    words = json.loads(vocabulary.to_json())
    return [{"cell": cell, **sizes}, words, weights, options, batches, cell], np.array(expected)


@pytest.mark.parametrize(
    ("steps", "limit"),
    [(20, 1e-4), pytest.param(200, 1e-2, marks=pytest.mark.soak)],
)
@pytest.mark.parametrize("cell", CELLS)
def test_the_losses_are_those_of_python(tab, cell, steps, limit):
    argument, expected = lesson(cell, steps)
    found = tab.evaluate(LEARN, argument)
    assert np.abs(np.array(found) - expected).max() < limit
    assert found[-1] < found[0] - 0.1


WRITE = """([config, vocabulary, tensors, cell, prompt, options, precision]) => {
  const writer = new R.writer.Writer(native, { config, vocabulary, tensors: unpacked(tensors) }, facts[cell], precision);
  const { ids } = R.model.encode(vocabulary, prompt);
  const text = [...writer.write(ids, options)].flat().map((id) => vocabulary.symbols[id]).join("");
  writer.free();
  return text;
}"""


@pytest.mark.parametrize("cell", CELLS)
def test_in_int8_a_seed_gives_the_text_of_the_command(tab, cell):
    torch.manual_seed(5)
    vocabulary = build_vocabulary([TEXT])
    sizes = {"embedding_size": 16, "hidden_size": 24, "num_layers": 2}
    model = LanguageModel(vocabulary, LanguageConfig(cell=cell, dropout=0.0, input_dropout=0.0, **sizes)).eval()
    words = json.loads(vocabulary.to_json())
    for seed, settings in enumerate(
        [{"temperature": 1.0}, {"temperature": 0.7, "top_k": 9}, {"top_p": 0.8, "min_p": 0.02}]
    ):
        expected = model.generate("12 g", length=300, seed=seed, keep_prompt=False, precision="int8", **settings)
        options = {"length": 300, "seed": seed, **settings}
        found = tab.evaluate(
            WRITE, [{"cell": cell, **sizes}, words, page.tensors(model), cell, "12 g", options, "int8"]
        )
        assert found == expected


def test_layers_whose_input_is_added_to_their_output_learn_the_same(tab):
    argument, expected = lesson("gru", 20, residual=True)
    assert np.abs(np.array(tab.evaluate(LEARN, argument)) - expected).max() < 1e-4


@pytest.mark.soak
@pytest.mark.skipif(bool(HOSTS["node"]), reason=HOSTS["node"])
def test_a_wheels_module_of_all_cells_learns_with_each(tmp_path):
    every = module.kinds()["all"]
    with page_hosts.node(tmp_path) as node:
        page.load(node, every)
        for cell in every:
            argument, expected = lesson(cell, 20)
            np.testing.assert_allclose(node.evaluate(LEARN, argument), expected, atol=1e-4, err_msg=cell)


FIREFOX = f"""async ([code, facts, lesson]) => {{
  window.native = await R.native.Native.load(Uint8Array.from(atob(code), (c) => c.charCodeAt(0)));
  window.facts = facts;
  window.unpacked = {page.UNPACKED};
  return ({LEARN})(lesson);
}}"""


@pytest.mark.skipif(not page_hosts.firefox_program(), reason="no firefox here: apt-get install firefox-esr")
def test_firefox_learns_the_same(tmp_path):
    argument, expected = lesson("lstm", 20)
    code, facts = page.code_and_facts(document.standard())
    found = page_hosts.firefox(tmp_path, FIREFOX, [code, facts, argument])
    assert np.abs(np.array(found) - expected).max() < 1e-4


SCORES = """([config, vocabulary, tensors, cell, passages]) => {
  const writer = new R.writer.Writer(native, { config, vocabulary, tensors: unpacked(tensors) }, facts[cell], "int8");
  const row = () => {
    const state = native.room(4 * writer.states);
    native.functions.recurra_engine_start(writer.engine, state);
    return native.make("Row", {
      state, given: native.room(8), given_count: 1, previous: -1, eod: -1, never: -1, logits: native.room(4 * writer.tokens),
    });
  };
  const rows = Array.from({ length: passages }, row);
  window.scores = (tokens) => tokens.map((token, k) => {
    native.longs(native.get("Row", rows[k], "given"), 1)[0] = BigInt(token);
    if (native.functions.recurra_engine_run(writer.engine, rows[k], 1, 1)) throw new Error("no memory");
    return [...native.floats(native.get("Row", rows[k], "logits"), writer.tokens)];
  });
}"""


@pytest.mark.parametrize("cell", ["lstm", "layernorm-lstm"])
def test_what_the_command_packed_unpacks_here(tab, cell, monkeypatch):
    """examples/compress.py: one bit of one score that differs, and the rest of the text is noise."""
    compress = runpy.run_path(str(COMPRESS))
    monkeypatch.setitem(compress["cut"].__globals__, "PASSAGE", 100)
    model = language_model(cell, build_vocabulary([TEXT]), hidden_size=33, num_layers=2)
    engine, ids = Engine(parts_of(model), "int8"), model.vocabulary.encode(TEXT[:250])
    packed = compress["pack"](ids, 0, lambda n: compress["by_engine"](engine, n))
    config = {"cell": cell, "embedding_size": 13, "hidden_size": 33, "num_layers": 2}

    def here(passages: int):
        words = json.loads(model.vocabulary.to_json())
        tab.evaluate(SCORES, [config, words, page.tensors(model), cell, passages])
        return lambda tokens: np.array(tab.evaluate("(tokens) => scores(tokens)", tokens.tolist()), np.float32)

    assert compress["unpack"](packed, 0, here).tolist() == ids.tolist()


def test_the_recipe_is_pythons_but_for_dropout(tab):
    from recurra.tasks.language.recipe import recipe

    for tokens in (2_000, 30_000, 300_000, 2_000_000):
        for minutes in (0.2, 1.0, 10.0):
            expected, _ = recipe(tokens, minutes, 0.3, {})
            found = tab.evaluate("([tokens, minutes]) => R.recipe.recipe(tokens, minutes)", [tokens, minutes])
            for name in ("hidden_size", "embedding_size", "batch_size", "lr", "warmup"):
                assert found[name] == expected[name], (tokens, minutes, name)
            assert found["epochs"] == (expected.get("epochs") or 0)


def test_the_standard_module_is_small():
    page.need_compiler()
    assert len(module.module([cells.get(name) for name in module.STANDARD])) < 400_000


def test_without_the_compiler_one_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"ziglang, which is not installed: pip install '\.\[web\]'"):
        module.compile({}, tmp_path)


def test_a_cell_that_cannot_be_compiled_is_named():
    class Odd(recurra.cells.Cell):
        gates = "n"

        def step(self, x, h, s):
            return s.next(h=torch.linalg.norm(x.n + h.n) + s.h)

    with pytest.raises(ConfigError, match="Odd cannot be compiled for a page"):
        module.module([Odd()])
