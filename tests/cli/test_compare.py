"""The command that compares cells at equal size."""

import json

import numpy as np
import pytest

from recurra.cli import compare
from recurra.errors import DivergenceError
from recurra.tasks import language
from recurra.tasks.language import compare as comparison
from recurra.tasks.language.config import LanguageConfig
from recurra.text import build_vocabulary
from recurra.training import Interrupted


@pytest.mark.slow
def test_compare_trains_at_equal_size(beside, home):
    flags = ["--preset", "tiny", "--cells", "rnn,gru", "--parameters", "4k", "--epochs", 1, "--out", "both", "-q"]
    found = json.loads(beside("compare", "book.txt", *flags, "--json"))
    assert [row["cell"] for row in found["cells"]] == ["rnn", "gru"]
    for row in found["cells"]:
        assert row["parameters"] == pytest.approx(4000, rel=0.05)
        model = language.load(row["folder"])
        assert (model.config.cell, model.config.hidden_size) == (row["cell"], row["hidden_size"])
        assert 0 < row["nats"] < np.log(len(model.vocabulary))
    assert (home / "both/compare.png").read_bytes().startswith(b"\x89PNG")
    lines = compare._table(found["cells"]).splitlines()
    header = ["cell", "units", "parameters", "nats/char", "bits/char", "chars/s", "steps", "seconds"]
    assert lines[0].split() == header
    best = min(found["cells"], key=lambda row: row["nats"])
    assert lines[1].split()[:2] == [best["cell"], str(best["hidden_size"])], "the best comes first"


@pytest.mark.parametrize(
    ("cell", "step"), [("rnn", 1), ("lstm", 1), ("mingru", 1), ("peephole-lstm", 1), ("transformer", 16)]
)
def test_the_hidden_size_comes_nearest_to_the_budget(cell, step):
    vocabulary, model = build_vocabulary(["abcdefgh"]), LanguageConfig(embedding_size=8, context=10)
    for budget in (8_000, 20_000, 123_456):
        size = comparison.hidden_size(model, cell, vocabulary, budget)
        off = {
            s: abs(comparison.parameters(model, cell, vocabulary, s) - budget)
            for s in (size - step, size, size + step)
            if s > 0
        }
        assert size % step == 0
        assert off[size] == min(off.values())


@pytest.mark.slow
def test_compare_sets_a_transformer_beside_the_cells(beside, home):
    found = json.loads(
        beside(
            "compare", "book.txt", "--cells", "lstm,transformer", "--parameters", "80k", "--epochs", 1, "--json", "-q"
        )
    )
    sizes = {row["cell"]: row["parameters"] for row in found["cells"]}
    assert sizes.keys() == {"lstm", "transformer"}
    assert abs(sizes["transformer"] / sizes["lstm"] - 1) < 0.25


@pytest.mark.slow
def test_compare_keeps_what_is_done(beside, home, monkeypatch):
    def train_one(documents, folder, preset, values, quiet, real=comparison.train_one):
        if values["cell"] == "gru":
            raise DivergenceError("the loss of gru became infinite")
        if values["cell"] == "minlstm":
            raise Interrupted("stopped at step 3")
        return real(documents, folder, preset, values, quiet)

    monkeypatch.setattr(comparison, "train_one", train_one)
    flags = ["--preset", "tiny", "--parameters", "4k", "--epochs", 1, "-q"]
    table = beside("compare", "book.txt", "--cells", "gru,rnn", *flags, fails=1)
    assert [line.split()[0] for line in table.splitlines()[:2]] == ["cell", "rnn"]
    assert beside.err == "recurra: error: the loss of gru became infinite\n"
    table = beside("compare", "book.txt", "--cells", "rnn,minlstm,lstm", *flags, fails=130)
    assert table.split("\n\n")[0].count("\n") == 1, "the one that was done"


@pytest.mark.slow
def test_compare_says_where_nothing_was_held_out(beside, home):
    (home / "all.json").write_text('{"validation": 0}')
    flags = ["--cells", "rnn", "--preset", "tiny", "--parameters", "4k", "--epochs", 1, "-q"]
    assert "losses on the training text" in beside("compare", "book.txt", *flags, "--config", "all.json")
    assert "losses on the training text" not in beside("compare", "book.txt", *flags)
    (home / "size.json").write_text('{"hidden_size": 5}')
    beside("compare", "book.txt", *flags, "--config", "size.json", fails=2)
    assert "--config has hidden_size, which is chosen here by --parameters" in beside.err
