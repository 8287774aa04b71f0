"""The engine against the equations in float64, and its promise: a row's bits depend on nothing but the row."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.engine_models import OPTIONS, VOCABULARY, language_model, with_layers

from recurra import cells
from recurra.backends.cpu import processor
from recurra.engine import Engine, Row
from recurra.engine.models import of, parts_of
from recurra.text import build_vocabulary

STEPS = 24


def read(engine: Engine, ids: np.ndarray, states: np.ndarray | None = None, **fields) -> np.ndarray:
    """The scores after every token of ids (rows, tokens): (rows, tokens, vocabulary)."""
    states = engine.start(len(ids)) if states is None else states
    rows, scores = [Row(state, engine.tokens) for state in states], []
    for row, given in zip(rows, ids, strict=True):
        row.reads(given)
        scores.append(row.wants_scores(every=True))
        for name, value in fields.items():
            setattr(row.call, name, value)
    engine.run(rows)
    return np.stack(scores)


def by_equations(model, ids: np.ndarray, resets=None) -> np.ndarray:
    """The same by the cell's equations, in float64."""
    model = model.double()
    model.layers.backend = "equations"
    with torch.no_grad():
        logits = model(torch.from_numpy(ids), None, resets)[0].numpy()
    model.layers.backend = "auto"
    model.float()
    return logits


def written(engine: Engine, seeds, steps: int = STEPS, threads: int = 1, **fields) -> list[tuple]:
    """What rows with these seeds draw after token 1: tokens, the bits of their probabilities, and of the state."""
    rows = []
    for seed in seeds:
        row = Row(engine.start()[0], engine.tokens)
        row.reads(np.array([1]))
        row.writes(steps)
        row.call.random = seed
        for name, value in fields.items():
            setattr(row.call, name, value)
        rows.append(row)
    engine.run(rows, threads)
    return [(row.drawn.tolist(), row.chances.tobytes(), row.state.tobytes()) for row in rows]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cell", cells.names(given=False))
def test_scores_are_those_of_the_equations(cell, options):
    model = language_model(cell, **OPTIONS[options])
    ids = np.random.default_rng(0).integers(0, len(VOCABULARY), (3, 17))
    want = by_equations(model, ids)
    assert np.abs(read(of(model), ids) - want).max() < 3e-6 * max(1, np.abs(want).max())


@pytest.mark.parametrize(
    "options", [{"proj_size": 7}, {"learn_initial": True}, {"bias": False, "cell": "gru"}], ids=str
)
def test_projection_learned_starts_and_no_bias(options):
    model = with_layers(**options)
    ids = np.random.default_rng(0).integers(0, len(VOCABULARY), (7, 9))
    assert np.abs(read(of(model), ids) - by_equations(model, ids)).max() < 3e-6


def test_a_row_starts_anew_after_the_end_of_a_document():
    vocabulary = build_vocabulary(["abc"], documents=True)
    model = language_model(vocabulary=vocabulary)
    ids = np.array([[0, 1, vocabulary.eod, 2, 1, 0, vocabulary.eod, 1]])
    starts = torch.from_numpy(np.roll(ids == vocabulary.eod, 1))
    engine = of(model)
    want = by_equations(model, ids, starts)
    assert np.abs(read(engine, ids, eod=vocabulary.eod) - want).max() < 3e-6
    assert np.abs(read(engine, ids) - want).max() > 1e-3
    # The mark may have been read in the call before.
    states = engine.start()
    read(engine, ids[:, :3], states, eod=vocabulary.eod)
    rest = read(engine, ids[:, 3:], states, eod=vocabulary.eod, previous=vocabulary.eod)
    assert (rest == read(engine, ids, eod=vocabulary.eod)[:, 3:]).all()


def test_a_large_vocabulary_has_no_table_and_the_same_scores(monkeypatch):
    vocabulary = build_vocabulary([[chr(0x4E00 + k) for k in range(3000)]][0])
    model = language_model("gru", vocabulary, hidden_size=512)  # 3000 * 3 * 512 numbers
    ids = np.random.default_rng(0).integers(0, 3000, (2, 5))
    assert np.abs(read(of(model), ids) - by_equations(model, ids)).max() < 1e-5


def test_log_probabilities_of_a_text():
    model = language_model("gru")
    ids = np.random.default_rng(0).integers(0, len(VOCABULARY), 50)
    engine = of(model)
    row = Row(engine.start()[0], engine.tokens)
    row.reads(ids[:-1])
    targets = ids[1:].copy()
    targets[7] = -1
    logs = row.predicts(targets)
    engine.run([row])
    want = torch.from_numpy(by_equations(model, ids[None, :-1])[0]).log_softmax(-1).numpy()[np.arange(49), ids[1:]]
    assert np.isnan(logs[7])
    assert np.abs(np.delete(logs - want, 7)).max() < 3e-6


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "gru-original", "layernorm-lstm", "indrnn"])
def test_a_rows_bits_do_not_depend_on_its_neighbours_or_the_threads(cell, precision):
    engine = Engine(parts_of(language_model(cell, num_layers=2, hidden_size=37)), precision)
    alone = [written(engine, [seed])[0] for seed in range(7)]
    assert written(engine, range(7)) == alone
    assert written(engine, range(130), threads=2)[:7] == alone
    assert len({tokens for tokens, *_ in [(tuple(t), c) for t, c, _ in alone]}) > 3


def test_texts_of_any_length_join_and_leave():
    engine = of(language_model("gru"))
    whole = {seed: written(engine, [seed], 40)[0] for seed in range(5)}
    rows, got = {}, {seed: [] for seed in range(5)}
    for turn in range(12):
        if turn < 5:  # another one joins at each turn
            row = rows[turn] = Row(engine.start()[0], engine.tokens)
            row.reads(np.array([1]))
            row.call.random = turn
        for seed, row in rows.items():
            row.writes(min(3 + 2 * seed, 40 - len(got[seed])))
        engine.run(list(rows.values()), 2)
        for seed in list(rows):
            before = ([1] + got[seed])[-1]
            got[seed] += rows[seed].drawn.tolist()
            tokens = [1, *got[seed]]
            if len(got[seed]) == 40:
                assert rows.pop(seed).state.tobytes() == whole[seed][2]
            else:
                rows[seed].reads(np.array(tokens[-1:]), before if len(tokens) > 1 else -1)
    for row in rows.values():  # those that are still at it
        assert row.call.status == 0
    assert all(whole[seed][0][: len(got[seed])] == got[seed] for seed in got)
    assert sum(len(tokens) == 40 for tokens in got.values()) >= 3


CHILD = """
import sys
from engine.test_engine import written, Engine, parts_of, language_model
for cell in ("lstm", "gru", "layernorm-lstm", "slstm"):
    for precision in sys.argv[1:]:
        engine = Engine(parts_of(language_model(cell, num_layers=2, hidden_size=37)), precision)
        print(cell, precision, [(t, c.hex(), s.hex()) for t, c, s in written(engine, range(8))])
"""


@pytest.mark.soak  # in `make test` test_compress has int8 on the first and last instruction set, and on ARM
def test_bits_do_not_depend_on_the_instruction_set():
    """float32 and bfloat16 where a multiply-add rounds once; int8 everywhere."""
    said = {}
    for isa in processor.supported():
        precisions = ["int8"] if isa.name == "x86" else ["int8", "float32", "bfloat16"]
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"RECURRA_ISA": isa.name, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", CHILD, *precisions], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        said[isa.name] = sorted(done.stdout.splitlines())
    first = next(iter(said.values()))
    for name, lines in said.items():
        assert lines == [line for line in first if name != "x86" or " int8 " in line], name
    assert len(first) in (4, 12)


def test_weights_that_change_make_a_new_engine():
    model = language_model()
    engine, ids = of(model), np.array([[1, 2, 3]])
    assert of(model) is engine
    with torch.no_grad():
        model.head.bias.data += 0.25  # behind autograd's back
    assert np.abs(read(of(model), ids) - read(engine, ids) - 0.25).max() < 1e-6


@pytest.mark.parametrize(("precision", "limit"), [("bfloat16", 0.03), ("int8", 0.1)])
def test_coarser_weights_are_near(precision, limit):
    model = language_model("lstm", hidden_size=64, num_layers=2)
    ids = np.random.default_rng(0).integers(0, len(VOCABULARY), (2, 40))
    exact, coarse = read(of(model), ids), read(of(model, precision), ids)
    assert 1e-4 < np.abs(exact - coarse).max() < limit * np.abs(exact).max()


def test_scores_that_are_not_finite_are_told():
    model = language_model()
    with torch.no_grad():
        model.layers.weight_hh_l0[0, 0] = float("nan")
    for precision in ("float32", "int8"):
        row = Row((engine := Engine(parts_of(model), precision)).start()[0], engine.tokens)
        row.reads(np.array([1, 2]))
        row.writes(5)
        engine.run([row])
        assert (row.call.status, row.call.made) == (1, 0), precision
