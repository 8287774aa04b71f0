"""Heads of chords: the formula, and draws as likely as it says."""

import pytest
import torch
import torch.nn.functional as F
from helpers.support import assert_close

from recurra.tasks.music import chord


@pytest.fixture(params=list(chord.HEADS))
def make_head(request):
    """make_head(keys) → a head with distinct random weights that reads 7 units; a large scale makes keys depend strongly."""

    def make(keys, scale=0.7, strikes=False):
        head = chord.HEADS[request.param](7, keys, 5, strikes).double()
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.normal_(0, scale)
        return head

    return make


def by_definition(head, hidden, keys):
    """The log-probability key by key, from low to high."""
    total, logits = torch.zeros(len(hidden), dtype=torch.float64), head.output(hidden)
    memory = head.memory(hidden) if isinstance(head, chord.Nade) else None
    for k in range(88):
        scores = logits[:, k]
        if memory is not None:
            scores = scores + (torch.sigmoid(memory) * head.read[k]).sum(-1)
            memory = memory + keys[:, k, None] * head.write[k]
        total = total + F.logsigmoid(torch.where(keys[:, k] > 0, scores, -scores))
    return -total


def test_a_head_follows_its_formula(make_head):
    head = make_head(88)
    hidden, keys = torch.randn(6, 7, dtype=torch.float64, requires_grad=True), (torch.rand(6, 88) < 0.1).double()
    keys[0], keys[1] = 0, 1  # silence, and every key at once
    got, want = head.nats(hidden, keys), by_definition(head, hidden, keys)
    assert_close(got, want, 1e-12)
    wrt = [hidden, *head.parameters()]
    assert_close(torch.autograd.grad(got.sum(), wrt), torch.autograd.grad(want.sum(), wrt), 1e-11)


def test_a_key_is_struck_again_only_where_it_sounds_and_sounded(make_head):
    """The other bits count for nothing, and the rest follows the formula."""
    head = make_head(3, strikes=True)
    hidden = torch.randn(8, 7, dtype=torch.float64)
    before = torch.tensor([[True, False, True]] * 8)
    rows = torch.tensor([[1, 1, 0, 1, 0, 0], [1, 1, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]] * 2).double()
    counts = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 1], [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0]] * 2)
    total, memory = torch.zeros(8, dtype=torch.float64), getattr(head, "memory", lambda _: None)(hidden)
    for k in range(6):
        scores = hidden @ head.output.weight[k] + head.output.bias[k]
        if k >= 3:
            scores = scores + head.output.again(hidden)[:, 0]
        if memory is not None:
            scores = scores + (torch.sigmoid(memory) * head.read[k]).sum(-1)
            memory = memory + rows[:, k, None] * head.write[k]
        total = total - counts[:, k] * F.logsigmoid(torch.where(rows[:, k] > 0, scores, -scores))
    assert_close(head.nats(hidden, rows, before), total, 1e-12)


def test_draws_of_struck_keys_are_as_likely_as_the_head_says(make_head):
    torch.manual_seed(2)
    head, before = make_head(2, scale=2.0, strikes=True), torch.tensor([True, False])
    rows = torch.tensor([[a, b, c, 0] for a in (0, 1) for b in (0, 1) for c in (0, a)]).unique(dim=0).double()
    with torch.no_grad():
        hidden = torch.randn(7, dtype=torch.float64)
        drawn, _ = head.draw(hidden, torch.rand(20_000, 4, dtype=torch.float64), 1.0, 0.0, before)
        want = torch.exp(-head.nats(hidden.expand(len(rows), -1), rows, before.expand(len(rows), -1)))
        got = (drawn.double()[:, None] == rows).all(-1).double().mean(0)
    assert float(want.sum()) == pytest.approx(1)
    assert float((got - want).abs().max()) < 0.012


def test_draws_are_as_likely_as_the_head_says(make_head):
    """Of all chords of three keys, each comes as often as its probability."""
    torch.manual_seed(1)  # weights with which keys depend on each other strongly
    three = make_head(3, scale=2.0)
    with torch.no_grad():
        hidden = torch.randn(7, dtype=torch.float64)
        drawn, likely = three.draw(hidden, torch.rand(20_000, 3, dtype=torch.float64), 1.0, 0.0)
        chords = torch.tensor([[k >> n & 1 for n in range(3)] for k in range(8)], dtype=torch.float64)
        want = torch.exp(-three.nats(hidden.expand(8, -1), chords))
        got = (drawn.double()[:, None] == chords).all(-1).double().mean(0)
        rate = likely.mean(0) - drawn.double().mean(0)
    assert float(want.sum()) == pytest.approx(1)
    assert float((got - want).abs().max()) < 0.012
    assert float(rate.abs().max()) < 0.012, "what is said of single keys is true too"


def test_temperature_and_min_p_narrow_the_draw(make_head):
    head = make_head(88)
    hidden, uniform = torch.randn(7, dtype=torch.float64), torch.rand(50, 88, dtype=torch.float64)
    with torch.no_grad():
        cold, _ = head.draw(hidden, uniform, 0.0, 0.0)
        assert (cold == cold[0]).all(), "nothing is left to chance"
        drawn, likely = head.draw(hidden, uniform, 1.0, 0.3)
        assert not drawn[likely < 0.3].any()
        assert drawn.any()
