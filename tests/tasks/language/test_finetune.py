"""Fine-tuning: what is taken over from the model to start from, and what is refused."""

import json

import pytest
import torch
from tasks.language.test_api import TEXT, TINY, same

import recurra
from recurra.errors import ConfigError, VocabularyError
from recurra.tasks.language import evaluate, load, resume, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of three epochs; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(text=TEXT, out=folder, epochs=3, **TINY)
    return folder


def test_fine_tuning_starts_where_the_other_run_ended(trained, tmp_path):
    model = train(text=TEXT, out=tmp_path / "more", init_from=trained, lr=1e-6, **TINY)
    assert evaluate(model, text=TEXT)["nats"] == pytest.approx(evaluate(load(trained), text=TEXT)["nats"], abs=1e-3)
    assert model.config == load(trained).config


def test_new_symbols_are_added_behind_the_old_ones(trained, tmp_path):
    parent = load(trained)
    model = train(text=TEXT + "ÄÖÜ!" * 40, out=tmp_path / "more", init_from=trained, lr=1e-6, **TINY)
    assert len(model.vocabulary) == len(parent.vocabulary) + 4
    known = len(parent.vocabulary)
    assert model.vocabulary.tokens[:known] == parent.vocabulary.tokens
    torch.testing.assert_close(model.embedding.weight[:known], parent.embedding.weight, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(model.head.bias[:known], parent.head.bias, atol=1e-3, rtol=1e-3)
    assert model.vocabulary.decode(model.vocabulary.encode("Ä!")) == "Ä!"


def test_fine_tuning_reads_files_and_corpora_alike(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more.txt").write_text(TEXT + "ÄÖ" * 40)
    model = train(["more.txt"], init_from=trained, **TINY)
    assert (str(model.folder), "Ö" in model.vocabulary.tokens) == ("runs/more-1", True)


def test_new_symbols_may_be_an_error(trained, tmp_path):
    with pytest.raises(VocabularyError, match="'Ä'"):
        train(text=TEXT + "Ä", out=tmp_path / "more", init_from=trained, new_symbols="error", **TINY)
    with pytest.raises(VocabularyError, match="has no <unk> token; use 'grow'"):
        train(text=TEXT + "Ä", out=tmp_path / "more", init_from=trained, new_symbols="unk", **TINY)
    assert not (tmp_path / "more").exists()


def test_layers_cannot_change_on_the_way(trained, tmp_path):
    with pytest.raises(ConfigError, match="`hidden_size` is 64, but the model to start from has 32; leave it out"):
        train(text=TEXT, out=tmp_path / "more", init_from=trained, hidden_size=64, **TINY)
    with pytest.raises(ConfigError, match="`unit` is 'word', but the model to start from has 'character'"):
        train(text=TEXT, out=tmp_path / "more", init_from=trained, unit="word", **TINY)


def test_the_precision_is_chosen_anew(trained, tmp_path):
    model = train(text=TEXT, out=tmp_path / "more", init_from=trained, precision="bfloat16", **TINY)
    assert model.config.precision == "bfloat16"


def test_fine_tuning_refuses_another_vocabulary_and_takes_its_own_settings(trained, tmp_path):
    for change in ({"unknown": "bytes"}, {"vocabulary_size": 9, "unknown": "unk"}, {"min_count": 2}):
        with pytest.raises(ConfigError, match="but the model to start from has"):
            train(text=TEXT, out=tmp_path / "more", init_from=trained, **change, **TINY)
    own = json.loads((trained / "config.json").read_text())["settings"]
    settings = own["text"] | own["model"] | TINY
    assert train(text=TEXT, out=tmp_path / "more", init_from=trained, **settings).config == load(trained).config


def test_fine_tuning_keeps_what_becomes_of_unknown_symbols(trained, tmp_path):
    train(text=TEXT, out=tmp_path / "parent", unknown="unk", **TINY)
    load(tmp_path / "parent").save(tmp_path / "saved")
    for start in ("parent", "saved"):
        train(text=TEXT, out=tmp_path / f"of-{start}", init_from=tmp_path / start, **TINY)
        written = json.loads((tmp_path / f"of-{start}" / "config.json").read_text())
        assert written["settings"]["text"]["unknown"] == "unk"


def test_fine_tuning_goes_on_after_a_stop(trained, tmp_path):
    for name in ("whole", "stopped"):
        stop = None if name == "whole" else iter([False, True] + [True] * 100).__next__
        train(text=TEXT, out=tmp_path / name, init_from=trained, stop=stop, **TINY)
    resume(tmp_path / "stopped", quiet=True)
    same(tmp_path / "whole", tmp_path / "stopped")


def test_fine_tuning_on_several_documents_learns_where_they_end(tmp_path):
    parent = recurra.train(text="abab" * 60, out=tmp_path / "parent", preset="tiny", epochs=1, quiet=True)
    assert parent.vocabulary.eod is None
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text("abba " * 40)
    paths = [tmp_path / "one.txt", tmp_path / "two.txt"]
    model = recurra.train(paths, tmp_path / "child", "tiny", epochs=1, quiet=True, init_from=tmp_path / "parent")
    assert model.vocabulary.eod is not None
    old, new = parent.vocabulary.encode("ab"), model.vocabulary.encode("ab")
    assert old.tolist() == new.tolist(), "old ids keep their rows"
