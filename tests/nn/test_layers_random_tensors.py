"""Layers on random tensors: however their numbers lie in memory the result is that of plain ones, or one line refuses them.

Drawn are the layer, the sizes, the way through it, PyTorch's default device, and for x, each state, each gradient and each
weight by itself the form in which its numbers come.
"""

import contextlib

import pytest
import torch
from helpers.soak import chance, count
from helpers.support import assert_close
from torch import nn

from recurra import nn as rn
from recurra.errors import RecurraError

pytestmark = pytest.mark.sampled


class Kind(torch.Tensor):
    """A subclass, as libraries have them."""


def apart(tensor):
    """NaN between the numbers, and around."""
    room = torch.full([2 * size + 2 for size in tensor.shape], float("nan"), dtype=tensor.dtype)
    view = room[tuple(slice(1, 1 + 2 * size, 2) for size in tensor.shape)]
    return view.copy_(tensor)


def beside(tensor):
    """One number into its storage, so that it is not aligned."""
    room = torch.full((tensor.numel() + 1,), float("nan"), dtype=tensor.dtype)
    return room[1:].view(tensor.shape).copy_(tensor)


FORMS = {
    "plain": torch.clone,
    "turned": lambda t: t.transpose(0, -1).contiguous().transpose(0, -1),
    "apart": apart,
    "beside": beside,
    "negated": lambda t: torch._neg_view(-t),
    "imaginary": lambda t: torch.complex(torch.full_like(t, float("nan")), -t).conj().imag,
    "real": lambda t: torch.complex(t, torch.full_like(t, float("nan"))).real,
    "subclass": lambda t: t.clone().as_subclass(Kind),
    "parameter": lambda t: nn.Parameter(t.clone()),
}
REFUSED = {
    "sparse": lambda t: t.to_sparse(),
    "mkldnn": lambda t: t.float().to_mkldnn(),
    "nested": lambda t: torch.nested.nested_tensor(list(t)),
    "meta": lambda t: t.to("meta"),
    "complex": lambda t: t.to(torch.complex64),
    "whole numbers": lambda t: t.long(),
    "freed": lambda t: freed(t.clone()),
}
CELLS = ("lstm", "gru", "rnn", "mingru", "layernorm-lstm")
WAYS = ("inference", "training", "lengths", "resets", "dropout")


def freed(tensor):
    tensor.untyped_storage().resize_(0)
    return tensor


def drawn(random):
    """A layer, x, its states, the call's options, and whether it trains."""
    cell, way, dtype = random.choice(CELLS), random.choice(WAYS), random.choice((torch.float32, torch.float64))
    time, batch, inputs, hidden, layers = (random.randint(1, most) for most in (5, 4, 5, 9, 2))
    both = random.random() < 0.3
    options = {"num_layers": layers, "bidirectional": both, "dtype": dtype}
    options |= {"recurrent_dropout": 0.3} if way == "dropout" and cell != "mingru" else {}
    layer = rn.Recurrent(cell, inputs, hidden, batch_first=random.random() < 0.5, **options)
    x = torch.randn((batch, time, inputs) if layer.batch_first else (time, batch, inputs), dtype=dtype)
    names = layer.cell.state_names
    states = [torch.randn((1 + both) * layers, batch, hidden, dtype=dtype) for _ in names]
    given = {"lengths": [random.randint(0, time) for _ in range(batch)]} if way == "lengths" else {}
    given |= {"resets": torch.rand(x.shape[:2]) < 0.3} if way == "resets" else {}
    return layer, x, states, given, way != "inference"


def run(layer, x, states, given, trains, gradients=None):
    """y, the states and, where it trains, every gradient."""
    state = None if states is None else states[0] if len(states) == 1 else tuple(states)
    torch.manual_seed(0)
    with torch.set_grad_enabled(trains):
        y, after = layer(x, state, **given)
    after = [after] if isinstance(after, torch.Tensor) else list(after)
    results = {"y": y, **{f"state {k}": part for k, part in enumerate(after)}}
    if trains:
        found = torch.autograd.grad([y, *after], [*layer.parameters()], gradients, allow_unused=True)
        results |= {f"gradient {k}": part for k, part in enumerate(found) if part is not None}
    return {name: part.detach().as_subclass(torch.Tensor).clone() for name, part in results.items()}


def test_numbers_in_any_form():
    random = chance()
    torch.manual_seed(random.randrange(2**32))
    for _ in range(count(120, 20_000)):
        layer, x, states, given, trains = drawn(random)
        with torch.no_grad():
            y, after = layer(x, None, **given)
        shapes = [y.shape, *(part.shape for part in ([after] if isinstance(after, torch.Tensor) else after))]
        gradients = [torch.randn(shape, dtype=x.dtype) for shape in shapes]
        want = run(layer, x, states, given, trains, gradients)
        forms = [random.choice([*FORMS]) for _ in range(1 + len(states) + len(gradients))]
        each = iter(forms)
        odd_x, odd_states, odd_gradients = (
            FORMS[next(each)](x),
            [FORMS[next(each)](state) for state in states],
            [FORMS[next(each)](gradient) for gradient in gradients],
        )
        for name, weight in layer.named_parameters():
            if random.random() < 0.3:
                forms.append(form := random.choice(("turned", "apart", "beside", "negated", "imaginary", "real")))
                getattr(layer, name).data = FORMS[form](weight.detach())
        device = random.choice((None, "meta"))
        with torch.device(device) if device else contextlib.nullcontext():
            got = run(layer, odd_x, odd_states, given, trains, odd_gradients)
        try:
            assert_close(got, want, 1e-4 if x.dtype == torch.float32 else 1e-10)
        except AssertionError as error:
            raise AssertionError(f"{layer}, {forms}, {given}, trains={trains}, device={device}: {error}") from None


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_numbers_in_no_form_that_is_read():
    random = chance()
    torch.manual_seed(random.randrange(2**32))
    for _ in range(count(60, 5_000)):
        layer, x, states, given, trains = drawn(random)
        kind, place = random.choice([*REFUSED]), random.randrange(1 + len(states))
        operands = [x, *states]
        operands[place] = REFUSED[kind](operands[place])
        with pytest.raises(RecurraError) as refused:
            run(layer, operands[0], operands[1:], given, trains)
        words = str(refused.value)
        assert ("`x`" if place == 0 else f"`{layer.cell.state_names[place - 1]}0`") in words, (kind, words)
