"""The transformer beside the recurrent layers: its formula, what it must not see, and the language model on it."""

import numpy as np
import pytest
import torch
from helpers.support import assert_close
from torch.nn import functional as F

from recurra.errors import ConfigError, DtypeError, RecurraError, ShapeError
from recurra.generation import Session
from recurra.nn import Transformer
from recurra.tasks import language
from recurra.tasks.language import LanguageModel, settings
from recurra.tasks.language.measure import measure
from recurra.text import build_vocabulary

TEXT = "the quick brown fox jumps over the lazy dog, and the dog sleeps on. " * 40
TINY = dict(preset="tiny", cell="transformer", epochs=2, quiet=True)


def by_formula(model, x):
    """(T, B, I) → (T, B, H), written out: one head at a time, one step at a time."""
    state = {name: value.detach() for name, value in model.state_dict().items()}
    y = x @ state["widen.weight"].t() + state["widen.bias"] + state["positions"][: len(x), None]
    for n in range(model.num_layers):
        own = {k.removeprefix(f"layers.{n}."): v for k, v in state.items() if k.startswith(f"layers.{n}.")}
        size = model.hidden_size
        normed = F.layer_norm(y, (size,), own["norm1.weight"], own["norm1.bias"])
        q, k, v = (normed @ own["self_attn.in_proj_weight"].t() + own["self_attn.in_proj_bias"]).split(size, -1)
        heads = []
        for part in range(model.heads):
            span = slice(part * size // model.heads, (part + 1) * size // model.heads)
            steps = []
            for t in range(len(x)):
                scores = torch.einsum("bh,tbh->tb", q[t, :, span], k[: t + 1, :, span]) / (size / model.heads) ** 0.5
                steps.append(torch.einsum("tb,tbh->bh", scores.softmax(0), v[: t + 1, :, span]))
            heads.append(torch.stack(steps))
        y = y + torch.cat(heads, -1) @ own["self_attn.out_proj.weight"].t() + own["self_attn.out_proj.bias"]
        normed = F.layer_norm(y, (size,), own["norm2.weight"], own["norm2.bias"])
        wide = F.gelu(normed @ own["linear1.weight"].t() + own["linear1.bias"])
        y = y + wide @ own["linear2.weight"].t() + own["linear2.bias"]
    return F.layer_norm(y, (size,), state["norm.weight"], state["norm.bias"])


@pytest.mark.parametrize("training", [True, False])
def test_equals_its_formula(training):
    model = Transformer(5, 32, 2, context=9).double().train(training)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x = torch.randn(7, 3, 5, dtype=torch.float64)
    with torch.no_grad():
        assert_close(model(x)[0], by_formula(model, x), 1e-12)
    assert model.heads == 2


def test_a_reset_hides_what_came_before():
    model = Transformer(5, 32, 2, context=9).eval()
    x, resets = torch.randn(6, 2, 5), torch.zeros(6, 2, dtype=torch.bool)
    resets[3, 0] = True
    changed = x.clone()
    changed[:3] += 1
    with torch.no_grad():
        before, after = model(x, resets=resets)[0], model(changed, resets=resets)[0]
    assert_close(after[3:, 0], before[3:, 0], 1e-6)
    assert not torch.allclose(after[3:, 1], before[3:, 1])


def test_what_cannot_be():
    with pytest.raises(ShapeError, match="`x` has 10 steps; its context has 9"):
        Transformer(5, 32, context=9)(torch.zeros(10, 1, 5))
    with pytest.raises(ConfigError, match="`heads` is 3; expected a divisor of hidden_size, 32"):
        Transformer(5, 32, context=9, heads=3)
    for name, wrong in {"heads": 0, "context": 2.5, "num_layers": 0, "dropout": 1.5, "input_dropout": -1.0}.items():
        with pytest.raises(ConfigError, match=f"Transformer: `?{name}`? is {wrong}; expected a"):
            Transformer(5, 32, **{"context": 9, name: wrong})
    model = Transformer(5, 32, context=9)
    with pytest.raises(ShapeError, match=r"`x` is \(4, 1, 6\); expected 5 features"):
        model(torch.zeros(4, 1, 6))
    with pytest.raises(ShapeError, match=r"Transformer: `x` is \(4, 5\); expected \(time, batch, 5\)"):
        model(torch.zeros(4, 5))
    with pytest.raises(DtypeError, match="`x` is float64, the weights are float32"):
        model(torch.zeros(4, 1, 5, dtype=torch.float64))
    with pytest.raises(ShapeError, match=r"`resets` is \(1, 4\); expected \(4, 1\)"):
        model(torch.zeros(4, 1, 5), resets=torch.zeros(1, 4, dtype=torch.bool))
    with pytest.raises(ConfigError, match="`zoneout` has no effect on cell='transformer'; leave it out"):
        settings("tiny", cell="transformer", zoneout=0.1)
    with pytest.raises(ConfigError, match="`context` is 0; expected 1 or more: a transformer carries no state"):
        settings("tiny", cell="transformer", context=0)
    with pytest.raises(ConfigError, match="`window` is 32, longer than `context`, 8"):
        settings("tiny", cell="transformer", context=8)


@pytest.mark.slow
def test_a_language_model_on_it(tmp_path):
    model = language.train(text=TEXT, out=tmp_path / "whole", **TINY | {"epochs": 40})
    text = model.generate("the quick ", 40, temperature=0)
    assert text.startswith("the quick brown fox jumps over the lazy dog")
    assert language.evaluate(model, text=TEXT)["nats"] < 0.2
    again = language.load(tmp_path / "whole")
    assert again.generate("the quick ", 40, temperature=0) == text
    # A state that is carried would be a second context: longer prompts must not matter beyond it.
    assert model.config.context == 32
    end, before = TEXT[50:82], "and the dog " * 9
    written = model.generate(end, 30, temperature=0).removeprefix(end)
    assert model.generate(before + end, 30, temperature=0).removeprefix(before + end) == written


@pytest.mark.parametrize("length", [7, 33, 34, 100, 161])
def test_each_token_is_measured_once_with_half_a_context_or_more(length):
    vocabulary = build_vocabulary([TEXT])
    model = LanguageModel(vocabulary, settings("tiny", cell="transformer", context=32)["model"]).eval()
    ids = np.resize(vocabulary.encode(TEXT), length)
    losses = []
    for place in range(1, length):
        start = max(
            0, (place - 17) // 16 * 16
        )  # the first window that predicts it, in the first half only where it is 0
        logits = model(torch.from_numpy(ids[start:place].astype("int64"))[None])[0][0, -1]
        losses.append(F.cross_entropy(logits, torch.tensor(int(ids[place]))).item())
    found = measure(model, ids)
    assert found["tokens"] == length - 1
    assert found["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_a_long_context_is_read_as_a_whole():
    vocabulary = build_vocabulary([TEXT])
    model = LanguageModel(vocabulary, settings("tiny", cell="transformer", context=400)["model"]).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ids = vocabulary.encode(TEXT[:300]).astype(np.int64)[None]  # more than a carried state is fed at a time
    want = model(torch.from_numpy(ids))[0][:, -1].detach()
    assert_close(torch.from_numpy(Session(model, context=400).feed(ids)), want, 1e-12)


@pytest.mark.parametrize("context", [0, 33])
def test_what_it_cannot_read_from_is_refused_before_a_word_is_written(context):
    vocabulary = build_vocabulary([TEXT])
    model = LanguageModel(vocabulary, settings("tiny", cell="transformer")["model"])
    with pytest.raises(ConfigError, match=f"`context` is {context}; expected 1 to 32: this model carries no state"):
        next(model.stream("the ", context=context))


@pytest.mark.slow
def test_it_learns_another_text_from_there(tmp_path):
    parent = language.train(text=TEXT, out=tmp_path / "parent", **TINY | {"window": 24})
    more = {"text": TEXT + "ÄÖ", "init_from": tmp_path / "parent", "quiet": True, "epochs": 1}
    child = language.train(out=tmp_path / "child", lr=1e-7, **more)  # not tiny: its windows would be longer
    assert child.config.context == 24
    assert child.embedding.num_embeddings == parent.embedding.num_embeddings + 2
    assert_close(child.layers.positions.detach(), parent.layers.positions.detach(), 1e-4)
    with pytest.raises(ConfigError, match="`context` is 12, but the model to start from has 24; leave it out"):
        language.train(out=tmp_path / "short", window=12, context=12, **more)


@pytest.mark.slow
def test_it_resumes_to_the_same_bits(tmp_path):
    whole = language.train(text=TEXT, out=tmp_path / "whole", **TINY)
    steps = []
    language.train(
        text=TEXT,
        out=tmp_path / "cut",
        listeners=[lambda event: steps.append(event.get("step"))],
        stop=lambda: bool(steps) and steps[-1] >= 5,
        **TINY,
    )
    cut = language.resume(tmp_path / "cut", quiet=True)
    for one, other in zip(whole.parameters(), cut.parameters(), strict=True):
        assert torch.equal(one, other)


def test_looking_for_a_cell_of_that_name_tells_where_it_works():
    from recurra.nn import Recurrent

    with pytest.raises(RecurraError, match="no cell is called 'transformer'"):
        Recurrent("transformer", 4, 8)
