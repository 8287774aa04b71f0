"""The memory bench: its problems mean what they say, small thresholds are kept, and the command from end to end."""

import json

import click
import numpy as np
import pytest
import torch

from recurra.cli import bench as command
from recurra.cli import frame
from recurra.errors import CellError, ConfigError, RunError
from recurra.tasks.memory import PROBLEMS, MemoryConfig, MemoryModel, MemoryTask, bench, draw, measure
from recurra.tasks.memory.problems import ALPHABET, DEPTH, KINDS, SYMBOLS
from recurra.training import fit

SMALL = dict(hidden_size=32, num_layers=1, seed=1)
STEPS = 700


def made(name, batch=200, lag=12, seed=0):
    """Inputs as ids where they are symbols, targets, counted; each (time, batch)."""
    x, targets, counted = PROBLEMS[name].make(np.random.default_rng(seed), batch, lag)
    assert x.dtype == np.float32
    assert x.shape == (lag + PROBLEMS[name].more, batch, PROBLEMS[name].inputs)
    assert targets.shape == counted.shape == x.shape[:2]
    return x if name == "adding" else x.argmax(2), targets, counted


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("lag", [5, 7, 60])
def test_what_is_made(name, lag):
    x, targets, counted = made(name, lag=lag)
    again = made(name, lag=lag)
    assert all(np.array_equal(a, b) for a, b in zip((x, targets, counted), again, strict=True))
    assert not np.array_equal(x, made(name, lag=lag, seed=1)[0])
    assert counted.any(0).all()
    if PROBLEMS[name].outputs:
        assert set(np.unique(targets[counted])) == set(range(PROBLEMS[name].outputs))
    made(name, lag=PROBLEMS[name].shortest)


def test_adding():
    x, targets, counted = made("adding")
    assert (x[..., 1].sum(0) == 2).all()
    assert (x[:6, :, 1].sum(0) == 1).all()  # one mark in each half
    assert np.allclose(targets[-1], (x[..., 0] * x[..., 1]).sum(0))
    assert counted[-1].all()
    assert not counted[:-1].any()
    mean = ((made("adding", 20_000)[1][-1] - 1) ** 2).mean()
    assert mean == pytest.approx(PROBLEMS["adding"].chance, rel=0.03)


def test_copy():
    x, targets, counted = made("copy")
    assert np.array_equal(x[:SYMBOLS], targets[-SYMBOLS:])
    assert (x[SYMBOLS:-SYMBOLS] == ALPHABET).all()
    assert (x[-SYMBOLS:] == ALPHABET + 1).all()
    assert (counted.sum(0) == SYMBOLS).all()
    assert counted[-SYMBOLS:].all()


def test_selective_copy():
    x, targets, counted = made("selective-copy")
    seen = [row[row < ALPHABET].tolist() for row in x[:-SYMBOLS].T]
    assert seen == targets[-SYMBOLS:].T.tolist()
    assert (counted.sum(0) == SYMBOLS).all()
    assert len({tuple(np.flatnonzero(row < ALPHABET)) for row in x.T}) > 100  # they stand anywhere


def test_parity():
    x, targets, counted = made("parity")
    assert targets[:, 0].tolist() == [int(x[: t + 1, 0].sum()) % 2 for t in range(12)]
    assert counted.all()


def test_brackets():
    x, targets, counted = made("brackets", lag=30)
    deepest = 0
    for ids, wanted, ends in zip(x.T, targets.T, counted.T, strict=True):
        stack = []
        for symbol, kind, end in zip(ids, wanted, ends, strict=True):
            assert end == (symbol == KINDS)
            if end:
                assert kind == stack.pop()
            else:
                stack.append(symbol)
            deepest = max(deepest, len(stack))
    assert deepest == DEPTH


def test_induction():
    x, targets, counted = made("induction", lag=16)
    for ids, wanted in zip(x.T, targets.T, strict=True):
        (place,) = np.flatnonzero(ids[:-1] == ids[-1])  # seen once before
        assert place < 4
        assert wanted[-1] == ids[place + 1]
    assert counted[-1].all()
    assert not counted[:-1].any()


@pytest.mark.parametrize("cell", ["rnn", "mingru", "transformer"])
@pytest.mark.parametrize("name", ["adding", "copy"])
def test_a_model_answers_every_step_from_what_came_before(name, cell):
    problem, config = PROBLEMS[name], MemoryConfig(hidden_size=16, num_layers=1, batch_size=3, held_out=20)
    model = MemoryModel(cell, problem, 5 + problem.more, config).eval()
    task = MemoryTask(model, problem, 5, config)
    x, targets, counted = task.batch(0, 0)
    answers = model(x)
    assert answers.shape == (targets.shape if name == "adding" else (*targets.shape, ALPHABET))
    later = x.clone()
    later[3:] += 1
    assert torch.allclose(model(later)[:3], answers[:3], atol=1e-5)
    assert not torch.allclose(model(later)[3:], answers[3:], atol=1e-5)
    assert all(map(torch.equal, task.batch(0, 0), (x, targets, counted)))
    assert not torch.equal(task.batch(0, 1)[0], x)
    assert not torch.equal(task.held_out[0][:, :3], x)


def test_the_error_is_the_share_of_wrong_answers():
    problem, config = PROBLEMS["parity"], MemoryConfig(held_out=500)
    model = MemoryModel("rnn", problem, 8, config)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([1.0, 0.0]))  # always "even"
    task = MemoryTask(model, problem, 8, config)
    measured = task.evaluate(model)
    assert measured["error"] == pytest.approx(task.held_out[1].double().mean().item())
    assert measured["error"] == pytest.approx(problem.chance, abs=0.03)
    assert measured["loss"] == pytest.approx((np.log(1 + np.e) - (1 - measured["error"])), abs=1e-5)


# Thresholds: one seed, sizes of seconds


@pytest.mark.slow
def test_an_lstm_adds_where_a_plain_rnn_does_not():
    lstm, rnn = bench(["adding"], ["lstm", "rnn"], [30], steps=STEPS, lr=1e-2, **SMALL)
    assert lstm.solved
    assert lstm.step < STEPS
    assert not rnn.solved
    assert rnn.error > 0.1


@pytest.mark.slow
def test_parity_needs_a_state_that_mixes():
    gru, mingru = bench(["parity"], ["gru", "mingru"], [20], steps=300, lr=5e-3, **SMALL)
    assert gru.solved
    assert not mingru.solved
    assert mingru.error > 0.2


def test_rows_come_in_order_and_as_they_are_ready():
    told = []
    options = dict(steps=2, hidden_size=4, batch_size=2, held_out=4)
    rows = bench(["parity", "copy"], ["rnn", "lstm"], [3, 4], report=told.append, **options)
    assert rows == told
    names = [(row.task, row.lag, row.cell) for row in rows]
    assert names == [(a, b, c) for a in ("parity", "copy") for b in (3, 4) for c in ("rnn", "lstm")]
    assert {row.step for row in rows} == {2}
    again = bench(["parity"], ["rnn"], [3], **options)[0]
    assert (again.error, again.parameters) == (rows[0].error, rows[0].parameters)


def test_a_solved_run_ends_early(monkeypatch):
    outcomes = []
    monkeypatch.setattr(measure, "fit", lambda *args, **options: outcomes.append(fit(*args, **options)))
    row = bench(["parity"], ["rnn"], [1], steps=2000, evaluate_every=25, **SMALL)[0]
    assert outcomes[0]["reason"] == "stopped"
    assert row.solved
    assert row.error <= 0.01
    assert row.step < 2000


@pytest.mark.slow
def test_minutes_in_place_of_steps(monkeypatch):
    settings = []

    def spied(task, training, *rest, **options):
        settings.append(training)
        return fit(task, training, *rest, **options)

    monkeypatch.setattr(measure, "fit", spied)
    row = bench(["parity"], ["rnn"], [3], minutes=0.02, hidden_size=4, batch_size=2, held_out=4)[0]
    assert settings[0].minutes == 0.02  # what it makes of them is the loop's
    assert row.step >= 1


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (dict(tasks=["coppy"]), ConfigError, "`tasks` has 'coppy'; did you mean `copy`"),
        (dict(cells=["lstmm"]), CellError, "lstmm"),
        (dict(tasks=["selective-copy"], lags=[4]), ConfigError, "`lags` has 4; selective-copy needs 5 steps or more"),
        (dict(tasks="copy"), ConfigError, r"`tasks` is 'copy'; expected a list: \['copy'\]"),
        (dict(lags=20), ConfigError, r"`lags` is 20; expected a list: \[20\]"),
        (dict(lags=[20.5]), ConfigError, "`lags` has 20.5; adding needs 2 steps or more, a whole number"),
        (dict(cells=[]), ConfigError, "`cells` is empty; leave it out for the default"),
        (dict(steps=0), ConfigError, "`steps` is 0; expected a whole number, 1 or more"),
        (dict(steps=1.5), ConfigError, "`steps` is 1.5; expected a whole number, 1 or more"),
        (dict(tensorboard=True), ConfigError, "`tensorboard` has no effect here, where nothing of a run is kept"),
        (dict(steps=5, minutes=1.0), ConfigError, "`steps` and `minutes` both say how long"),
        (dict(epochs=5), ConfigError, "`epochs` has no meaning where every example is new"),
        (dict(hidden_size=0), ConfigError, "`hidden_size` is 0; expected 1 or more"),
        (dict(hiden_size=4), ConfigError, "did you mean `hidden_size`"),
    ],
)
def test_calls_that_cannot_be(arguments, error, words):
    with pytest.raises(error, match=words):
        bench(**arguments)


# The command


@pytest.fixture
def recurra(tmp_path, capsys, monkeypatch):
    """recurra("--lags", "3") runs `bench memory` in an empty folder → what it prints; `.err` has the rest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECURRA_DEBUG", raising=False)

    def run(*arguments, fails=0):
        try:
            code = command.command.main(["memory", *arguments], "recurra bench", standalone_mode=False)
        except Exception as error:
            code, message = frame.explain(error)
            click.echo(message, err=True)
        out, run.err = capsys.readouterr()
        assert (code or 0) == fails, run.err
        return out

    return run


TINY = ["--tasks", "parity,copy", "--cells", "rnn,gru", "--lags", "3", "--steps", "2"]
TINY += ["--hidden-size", "4", "--batch-size", "2", "--held-out", "4"]


def test_the_command(recurra, tmp_path):
    out = recurra(*TINY)
    assert out.splitlines()[0].split() == ["problem", "lag", "chance", "rnn", "gru"]
    assert out.splitlines()[2].startswith("copy       3   0.875  no, ")
    assert "Steps (seconds) until the error was at most 0.01" in out
    assert "parity, lag 3, rnn: not solved in step 2" in recurra.err
    assert (tmp_path / "memory.png").read_bytes()[:4] == b"\x89PNG"
    found = json.loads(recurra(*TINY, "--json", "-q", "--to", "other.png"))
    assert recurra.err == ""
    assert found["picture"] == "other.png"
    assert [(row["task"], row["cell"]) for row in found["rows"]][1:3] == [("parity", "gru"), ("copy", "rnn")]


def test_a_run_whose_loss_is_nan_for_good_is_one_in_vain(monkeypatch, tmp_path):
    made = PROBLEMS["adding"].make
    monkeypatch.setattr(
        measure, "PROBLEMS", PROBLEMS | {"adding": PROBLEMS["adding"]._replace(make=lambda *a: _wild(made(*a)))}
    )
    broken, whole = bench(["adding", "copy"], ["gru"], [8], steps=60, **SMALL)
    assert (broken.solved, broken.step, broken.error) == (False, 0, broken.chance)
    assert whole.step > 0
    assert draw([broken], tmp_path / "a.png").stat().st_size > 1000, "without a warning, which would be an error here"


def _wild(parts):
    parts[0][:] = np.nan
    return parts


@pytest.mark.slow
def test_a_picture_has_solved_and_unsolved(tmp_path):
    rows = bench(["parity"], ["rnn", "gru"], [1, 8], steps=100, evaluate_every=25, **SMALL)
    assert {row.solved for row in rows} == {True, False}
    assert draw(rows, tmp_path / "a.svg").read_text().count("<path") > 10


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--tasks", "coppy"], 2, "--tasks has 'coppy'; did you mean `copy`"),
        (["--lags", "a"], 2, "'a' is not whole numbers with commas between, such as 20,60"),
        (["--cells", ","], 2, "--cells is empty; leave it out for the default"),
        (["--cells", "lstmm"], 2, "lstm"),
        ([*TINY, "--to", "a.bmp"], 2, "a.bmp ends in '.bmp'; expected .png, .svg or .pdf"),
        ([*TINY, "--to", "a"], 2, "a ends in nothing; expected .png, .svg or .pdf"),
        ([*TINY, "--to", "no/a.png"], 2, "no/a.png cannot be written: there is no folder no; make it"),
    ],
)
def test_uses_that_cannot_be(recurra, arguments, code, words):
    recurra(*arguments, fails=code)
    assert words in recurra.err
    assert recurra.err.count("\n") == 1, "before anything was trained"


def test_bench_alone_shows_what_there_is(capsys):
    assert frame.run(["bench"]) == 0
    assert "memory  Which cell solves which problem by when." in capsys.readouterr().out


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_picture_that_fails_does_not_take_the_table_with_it(recurra, monkeypatch, form):
    def full(*_):
        raise RunError("the disk is full")

    monkeypatch.setattr("recurra.tasks.memory.draw", full)
    assert "parity" in recurra(*TINY, "-q", *form, fails=1)
    assert recurra.err == "error: the disk is full\n"


def test_pictures_that_cannot_be(tmp_path):
    with pytest.raises(ConfigError, match=r"a.bmp ends in '.bmp'; expected .png, .svg or .pdf"):
        draw([], tmp_path / "a.bmp")
