"""Where writing begins: the prelude of a run, streams that start afresh, and items, each whole."""

import numpy as np
import pytest
import torch

import recurra
from recurra.data import Streams, build_corpus, text_document
from recurra.generation import generate, native, reference
from recurra.generation.tokens import prompt_ids, warm_ids
from recurra.tasks.language import estimator, evaluate
from recurra.tasks.language import native as writing
from recurra.tasks.language.task import line_ends

LINES = "".join(f"{'abc'[k % 3]}{k % 7}\n" for k in range(2000))
NAMES = "\n".join(f"{a}{b}{c}" for a in "abcde" for b in ("nna", "lla", "rin") for c in ("", "th", "do", "x")) + "\n"
TINY = {"preset": "tiny", "quiet": True, "save_every": 1e9}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prelude") / "run"
    return recurra.train(text=LINES, out=folder, items="off", **TINY)


@pytest.mark.slow
def test_a_prelude_is_a_passage_up_to_a_lines_end(run, tmp_path):
    text = run.vocabulary.decode(run.prelude)
    assert len(run.prelude) == estimator.PRELUDE
    assert text.endswith("\n")
    assert text in LINES
    assert recurra.load(run.folder).prelude == run.prelude
    run.save(tmp_path / "saved")
    assert recurra.load(tmp_path / "saved").prelude == writing.open(tmp_path / "saved").prelude == run.prelude


def test_it_ends_with_an_empty_line_where_there_is_one(tmp_path):
    text = "".join(f"a line {k}\n" + "\n" * (k % 10 == 9) for k in range(500))
    corpus = build_corpus(text_document(text), tmp_path)
    assert corpus.vocabulary.decode(estimator.prelude(corpus)).endswith("9\n\n")


def test_a_text_of_one_line_has_none(tmp_path):
    assert estimator.prelude(build_corpus(text_document("ab" * 500), tmp_path)) == ()


def test_writing_begins_behind_it_unless_told_otherwise(run):
    vocabulary, options = run.vocabulary, {"seed": 3, "length": 40}
    passage = vocabulary.decode(run.prelude)
    warm, zero = run.generate("a", **options), run.generate("a", start="zero", **options)
    assert warm.startswith("a")
    assert warm[1:] == run.generate(passage + "a", start="zero", keep_prompt=False, **options)
    assert warm != zero
    begun = run.generate("", **options)
    assert begun == run.generate(passage, start="zero", keep_prompt=False, **options)
    assert writing.open(run.folder).generate("a", **options) == warm


def test_the_engine_and_the_reference_read_the_same(run):
    from recurra.generation.config import GenerationConfig

    config = GenerationConfig(seed=1, length=50, repetition_penalty=1.5, samples=2)
    ids, own = warm_ids(run, run.vocabulary, "b1", config)
    assert (own, ids.shape[1]) == (2, 2 + len(run.prelude))
    texts = []
    for module, what in ((native, writing.open(run.folder).engine()), (reference, run)):
        pieces = module.pieces(what, run.vocabulary, "b1", ids, config, 64, own)
        texts.append("".join(piece.text for piece in pieces))
    assert texts[0] == texts[1]
    assert np.array_equal(prompt_ids(run.vocabulary, "b1")[0], ids[0, -2:])


def test_streams_start_afresh_at_lines(run):
    ids, ends = run.vocabulary.encode(LINES), line_ends(run.vocabulary)
    whole = Streams(ids, 4, 16, fresh=0.5, line_ends=ends, seed=1)
    halves = [Streams(ids, 4, 16, fresh=0.5, line_ends=ends, seed=1, rank=rank, world=2) for rank in range(2)]
    some = 0
    for i in range(len(whole)):
        batch = whole.batch(i, epoch=2)
        resets = torch.zeros(batch.inputs.shape, dtype=torch.bool) if batch.resets is None else batch.resets
        some += int(resets.sum())
        assert (resets.sum(1) <= 1).all()
        for row, place in resets.nonzero().tolist():
            assert ends[batch.inputs[row, place - 1]]
        parts = [half.batch(i, epoch=2).resets for half in halves]
        parts = [torch.zeros(2, batch.inputs.shape[1], dtype=torch.bool) if one is None else one for one in parts]
        assert torch.equal(torch.cat(parts), resets)
    assert 0.4 < some / (4 * len(whole)) < 0.6
    assert not torch.equal(_resets(whole, 0), _resets(whole, 1))
    plain = Streams(ids, 4, 16, fresh=0.0, line_ends=ends)
    assert all(plain.batch(i).resets is None for i in range(len(plain)))


def _resets(streams, epoch):
    found = [streams.batch(i, epoch).resets for i in range(len(streams) - 1)]
    return torch.stack([torch.zeros(4, 16, dtype=torch.bool) if one is None else one for one in found])


@pytest.mark.slow
def test_a_model_of_items_writes_whole_ones(tmp_path):
    model = recurra.train(text=NAMES, out=tmp_path / "run", **TINY | {"epochs": 30, "validation": 0.0})
    assert model.items == "\n"
    assert evaluate(recurra.load(tmp_path / "run"), text=NAMES)["nats"] < 3
    assert model.prelude[-1] == model.vocabulary.eod
    names = model.generate(samples=20, seed=1)
    assert len(names) == 20
    assert all(0 < len(name) < 30 and "\n" not in name for name in names)
    assert sum(name in NAMES.split("\n") for name in names) >= 10
    assert writing.open(tmp_path / "run").generate(samples=20, seed=1) == names
    finishes = {
        sample.finish for sample in generate(model, model.vocabulary, "", samples=5, seed=1, stop_at_document_end=True)
    }
    assert finishes == {"document end"}


@pytest.mark.slow
def test_a_list_of_texts_is_a_list_of_documents(tmp_path):
    model = recurra.train(text=[LINES, LINES[::-1]], out=tmp_path / "run", **TINY)
    assert model.vocabulary.eod is not None
    assert not model.items
    with pytest.raises(recurra.errors.DataError, match="text 2 is int; expected str"):
        recurra.train(text=["a", 2], **TINY)
