"""Attention against its formulas, one query and one state at a time; padding; gradients; errors."""

import math

import pytest
import torch
from helpers.support import assert_close, randomise

from recurra.errors import ConfigError, DtypeError, RecurraError, ShapeError
from recurra.nn.attention import KINDS, Attention


def made(kind, query_size=6, key_size=6):
    options = {"multi-head": {"hidden_size": 8, "heads": 2}, "additive": {"hidden_size": 5}}.get(kind, {})
    return randomise(Attention(query_size, key_size, kind, **options)).double()


def by_formula(model, query, states, lengths):
    """Context and weights, written out for one query of one row at a time."""
    own = {name: value.detach() for name, value in model.state_dict().items()}
    context = torch.zeros(*query.shape[:2], model.key_size, dtype=torch.float64)
    weights = torch.zeros(*query.shape[:2], states.shape[1], dtype=torch.float64)
    for b, steps in enumerate(lengths):
        seen = states[b, :steps]
        for t in range(query.shape[1] if steps else 0):
            q = query[b, t]
            if model.kind == "additive":
                hidden = own["of_query.weight"] @ q + own["of_query.bias"] + seen @ own["of_key.weight"].t()
                parts = [(torch.tanh(hidden) @ own["score.weight"][0], seen)]
            elif model.kind == "multi-head":
                q = (own["of_query.weight"] @ q + own["of_query.bias"]).chunk(model.heads)
                k = (seen @ own["of_key.weight"].t() + own["of_key.bias"]).chunk(model.heads, 1)
                v = (seen @ own["of_value.weight"].t() + own["of_value.bias"]).chunk(model.heads, 1)
                parts = [(ki @ qi / math.sqrt(len(qi)), vi) for qi, ki, vi in zip(q, k, v, strict=True)]
            else:
                q = own["of_query.weight"] @ q if model.kind == "general" else q
                parts = [(seen @ q / math.sqrt(len(q)), seen)]
            shares = [scores.exp() / scores.exp().sum() for scores, _ in parts]
            mean = torch.cat([a @ values for a, (_, values) in zip(shares, parts, strict=True)])
            context[b, t] = own["together.weight"] @ mean if model.kind == "multi-head" else mean
            weights[b, t, :steps] = sum(shares) / len(shares)
    return context, weights


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [None, [7, 0, 3, 1]])
def test_it_follows_the_formula(kind, lengths):
    model = made(kind, key_size=6 if kind == "dot" else 7)
    query, states = torch.randn(4, 5, 6).double(), torch.randn(4, 7, model.key_size).double()
    got = model(query, states, lengths)
    assert_close(list(got), list(by_formula(model, query, states, lengths or [7] * 4)), 1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    model = made(kind, 4, 4) if kind != "multi-head" else randomise(Attention(4, 4, kind, heads=2)).double()
    query, states = (torch.randn(2, t, 4, dtype=torch.float64, requires_grad=True) for t in (2, 3))
    assert torch.autograd.gradcheck(lambda q, s: model(q, s, [3, 1]), (query, states))


@pytest.mark.parametrize("kind", KINDS)
def test_padding_is_never_looked_at(kind):
    model, lengths = made(kind), torch.tensor([2, 0, 4])
    query, states = torch.randn(3, 2, 6).double().requires_grad_(), torch.randn(3, 4, 6).double()
    torn = states.clone()
    torn[0, 2:], torn[1] = math.nan, math.inf
    torn.requires_grad_()
    context, weights = model(query, torn, lengths)
    assert_close([context, weights], list(model(query, states, lengths)), 1e-12)
    assert weights[0, :, 2:].eq(0).all()
    assert context[1].eq(0).all()
    assert weights[1].eq(0).all()
    assert torch.allclose(weights[[0, 2]].sum(2), torch.ones(2, 2).double())
    context.sum().backward()
    assert query.grad.isfinite().all()
    assert torn.grad.isfinite().all()
    assert torn.grad[0, 2:].eq(0).all()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_step_by_step_is_all_at_once(kind):
    model, lengths = made(kind), [3, 4]
    query, states = torch.randn(2, 5, 6).double(), torch.randn(2, 4, 6).double()
    memory = model.remember(states, lengths)
    steps = [model.read(query[:, t : t + 1], memory) for t in range(5)]
    whole = model(query, states, lengths)
    assert_close([torch.cat(part, 1) for part in zip(*steps, strict=True)], list(whole), 1e-12)
    twice = model.read(query.repeat_interleave(2, 0), memory.repeat(2))
    assert_close([part[1::2] for part in twice], list(whole), 1e-12)


def test_many_heads_are_torchs():
    ours, theirs = Attention(8, 8, "multi-head", heads=4), torch.nn.MultiheadAttention(8, 4, batch_first=True)
    randomise(theirs)
    with torch.no_grad():
        theirs.out_proj.bias.zero_()
        linear = [ours.of_query, ours.of_key, ours.of_value]
        for part, weight, bias in zip(
            linear, theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3), strict=True
        ):
            part.weight.copy_(weight)
            part.bias.copy_(bias)
        ours.together.weight.copy_(theirs.out_proj.weight)
    query, states, lengths = torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.tensor([5, 2])
    want = theirs(query, states, states, key_padding_mask=torch.arange(5) >= lengths[:, None])
    assert_close(list(ours(query, states, lengths)), list(want), 1e-5)


def test_half_precision_has_no_nan():
    model = Attention(6, 6, "dot").to(torch.bfloat16)
    context, weights = model(*(torch.randn(2, 3, 6).bfloat16() for _ in range(2)), [0, 2])
    assert context.dtype == torch.bfloat16
    assert context[0].eq(0).all()
    assert weights.isfinite().all()


@pytest.mark.parametrize("kind", ["dot", "general", "multi-head"])
def test_scores_that_fit_do_not_overflow_on_the_way(kind):
    model = Attention(64, 64, kind, **({"heads": 1} if kind == "multi-head" else {}))
    for linear in model.children():
        torch.nn.init.eye_(linear.weight)
    query, states = torch.full((1, 1, 64), 60.0), torch.full((1, 2, 64), 60.0)  # 64 products of 3600: more than 65504
    assert model.half()(query.half(), states.half())[1].flatten().tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((6, 6, "additve"), "`kind` is 'additve'; did you mean `additive`"),
        ((6, 7, "dot"), "query_size is 6 and key_size 7; make them equal, or take kind='general'"),
        ((6, 6, "multi-head"), "`heads` is 4; expected a divisor of hidden_size, 6"),
    ],
)
def test_options_that_cannot_be(arguments, words):
    with pytest.raises(ConfigError, match=words):
        Attention(*arguments)


@pytest.mark.parametrize("size", [0, -1, 2.0, True])
@pytest.mark.parametrize("name", ["query_size", "key_size", "hidden_size", "heads"])
def test_sizes_that_cannot_be(name, size):
    with pytest.raises(ConfigError, match=f"Attention: `{name}` is {size}; expected a whole number, 1 or more"):
        Attention(**{"query_size": 6, "key_size": 6} | {name: size})


@pytest.mark.parametrize(
    ("lengths", "error", "words"),
    [
        ([1, -2], ShapeError, r"lengths\[1\] is -2; expected 0 to 3, the steps of `states`"),
        ([4, 3], ShapeError, r"lengths\[0\] is 4; expected 0 to 3"),
        ([True, False], DtypeError, "`lengths` is bool; expected whole numbers, the steps of each row"),
        (torch.tensor([1.0, 2.0]), DtypeError, "`lengths` is float32; expected whole numbers"),
    ],
)
def test_lengths_that_cannot_be(lengths, error, words):
    with pytest.raises(error, match=words):
        Attention(6, 4)(torch.zeros(2, 1, 6), torch.zeros(2, 3, 4), lengths)


def test_options_without_effect():
    with pytest.raises(ConfigError, match="`heads` has no effect with kind='additive'"):
        Attention(8, 8, heads=2)
    with pytest.raises(ConfigError, match="`hidden_size` has no effect with kind='dot'"):
        Attention(8, 8, "dot", hidden_size=2)


def test_shapes_that_cannot_be():
    model = Attention(6, 4)
    with pytest.raises(ShapeError, match=r"`query` is \(2, 6\); expected \(batch, queries, 6\)"):
        model(torch.zeros(2, 6), torch.zeros(2, 3, 4))
    with pytest.raises(RecurraError, match=r"`states` is \(2, 3, 6\); expected \(batch, time, 4\)"):
        model(torch.zeros(2, 1, 6), torch.zeros(2, 3, 6))
    with pytest.raises(ShapeError, match=r"`lengths` is \(3,\); expected \(2,\)"):
        model(torch.zeros(2, 1, 6), torch.zeros(2, 3, 4), [1, 2, 3])
    with pytest.raises(ShapeError, match="`query` has 1 rows, but `states` has 2"):
        model(torch.zeros(1, 1, 6), torch.zeros(2, 3, 4))


@pytest.mark.parametrize("kind", ["additive", "dot"])
def test_types_that_cannot_be(kind):
    model, query, states = Attention(4, 4, kind), torch.zeros(2, 1, 4), torch.zeros(2, 3, 4)
    with pytest.raises(
        DtypeError, match=r"`query` is torch.float64, expected torch.float32 as the rest is; convert one"
    ):
        model(query.double(), states)
    with pytest.raises(DtypeError, match=r"`query` is ndarray; expected a tensor \(batch, queries, 4\)"):
        model(query.numpy(), states)
    with pytest.raises(DtypeError, match="`query` is on meta, expected cpu, where the rest is; move one"):
        model(query.to("meta"), states)
    with torch.autocast("cpu", torch.bfloat16):
        model(query, states.bfloat16())


def test_no_rows_have_no_lengths():
    assert Attention(6, 4)(torch.zeros(0, 1, 6), torch.zeros(0, 3, 4), [])[0].shape == (0, 1, 4)


def test_it_says_what_it_is():
    assert repr(Attention(8, 6, "multi-head", heads=2)).startswith("Attention(\n  8, 6, 'multi-head', heads=2")
