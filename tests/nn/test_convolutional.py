"""ConvRecurrent: the cells' equations with convolutions, against plain loops, against Recurrent, and its messages."""

import pytest
import torch
import torch.nn.functional as F
from helpers import cells_by_blocks
from helpers.support import assert_close, randomise, run
from torch._subclasses import FakeTensorMode

from recurra import cells
from recurra.errors import ConfigError, DataError, DtypeError, ShapeError
from recurra.nn import Recurrent
from recurra.nn.convolutional import ConvGRU, ConvLSTM, ConvRecurrent

TIGHT = 1e-12


def make(cell="lstm", inputs=2, hidden=3, kernel=3, **options):
    return randomise(ConvRecurrent(cell, inputs, hidden, kernel, dtype=torch.float64, **options), 0.3)


def frames(time=4, batch=2, channels=2, height=5, width=6):
    return torch.randn(time, batch, channels, height, width, dtype=torch.float64)


def convolve(x, layer, name):
    weight, bias = getattr(layer, f"weight_{name}_l0"), getattr(layer, f"bias_{name}_l0")
    return F.conv2d(x, weight, bias, padding=tuple(k // 2 for k in layer.kernel_size))


@pytest.mark.parametrize("kernel", [3, (1, 5)], ids=str)
def test_the_convlstm_is_the_papers(kernel):
    layer, x = make("peephole-lstm", kernel=kernel), frames()
    h = c = torch.zeros(2, 3, 5, 6, dtype=torch.float64)
    p = {gate: getattr(layer, f"peephole_{gate}_l0")[:, None, None] for gate in "ifo"}
    ys = []
    for frame in x:
        i, f, g, o = (convolve(frame, layer, "ih") + convolve(h, layer, "hh")).chunk(4, 1)
        i, f = torch.sigmoid(i + p["i"] * c), torch.sigmoid(f + p["f"] * c)
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(o + p["o"] * c) * torch.tanh(c)
        ys.append(h)
    y, state = layer(x)
    assert_close([y, *state], [torch.stack(ys), h[None], c[None]], TIGHT)


def test_the_convgru_is_the_equations():
    layer, x = make("gru"), frames()
    h, ys = torch.zeros(2, 3, 5, 6, dtype=torch.float64), []
    for frame in x:
        (xr, xz, xn), (hr, hz, hn) = convolve(frame, layer, "ih").chunk(3, 1), convolve(h, layer, "hh").chunk(3, 1)
        z = torch.sigmoid(xz + hz)
        h = (1 - z) * torch.tanh(xn + torch.sigmoid(xr + hr) * hn) + z * h
        ys.append(h)
    assert_close(list(layer(x)), [torch.stack(ys), h[None]], TIGHT)


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["one", "stack"])
@pytest.mark.parametrize("cell", [*cells.names(given=False), *cells_by_blocks.CELLS])
def test_frames_of_one_pixel_are_vectors(cell, options):
    conv, plain = (
        make(cell, kernel=1, **options),
        Recurrent(cell, 2, 3, dtype=torch.float64, backend="equations", **options),
    )
    plain.load_state_dict({name: w.flatten(1) if w.dim() == 4 else w for name, w in conv.state_dict().items()})
    x, lengths = frames(height=1, width=1), torch.tensor([4, 2])
    resets = torch.tensor([[0, 0], [0, 1], [1, 0], [0, 1]], dtype=torch.bool)
    for given in ({}, {"lengths": lengths}, {"resets": resets}, {"lengths": lengths, "resets": resets}):
        got, want = run(conv, x, **given), run(plain, x[..., 0, 0], **given)
        flat = {name: part.flatten() for name, part in _flat(got).items()}
        assert_close(flat, {name: part.flatten() for name, part in _flat(want).items()}, TIGHT)


def _flat(result):
    from helpers.support import tensors

    return tensors(result)


@pytest.mark.parametrize("cell", cells.names(given=False))
def test_the_first_pixels_neighbours_are_seen_and_no_others(cell):
    layer, x = make(cell), frames(time=1, batch=1, height=7, width=7).requires_grad_()
    layer(x)[0][0, 0, :, 3, 3].sum().backward()
    seen = x.grad[0, 0].abs().sum(0) > 0
    want = torch.zeros(7, 7, dtype=torch.bool)
    far = 2 if cell == "lem" else 1  # its second product is of the new state, which has seen the neighbours
    want[3 - far : 4 + far, 3 - far : 4 + far] = True
    assert torch.equal(seen, want)


@pytest.mark.parametrize("cell", ["lstm", "gru-original", "layernorm-lstm", "mingru"])
def test_in_pieces_is_as_whole(cell):
    layer, x = make(cell, num_layers=2), frames(5)
    whole, end = layer(x)
    first, state = layer(x[:2])
    second, state = layer(x[2:], state)
    assert_close([torch.cat([first, second]), state], [whole, end], TIGHT)


def test_rows_of_unequal_length_are_as_alone_and_padding_may_hold_anything():
    layer, x = make(num_layers=2, bidirectional=True), frames(4, 3)
    lengths = [4, 0, 2]
    x[2:, 2] = torch.nan
    y, state = layer(x, lengths=lengths)
    for row, length in enumerate(lengths):
        alone, end = layer(x[:length, row])
        assert_close([y[:length, row], *[part[:, row] for part in state]], [alone, *end], TIGHT) if length else None
        assert not y[length:, row].any()
    assert not state[0][:, 1].any()


def test_a_reset_begins_anew():
    layer, x = make(), frames(4, 1)
    resets = torch.tensor([[False], [False], [True], [False]])
    assert_close(layer(x, resets=resets)[0][2:], layer(x[2:])[0], TIGHT)


@pytest.mark.parametrize("widths", [[3, 5], [4, 4]], ids=str)
def test_layouts_and_listed_widths(widths):
    layer, x = make(hidden=widths), frames()
    y, (h, c) = layer(x)
    assert [part.shape[2] for part in h] == widths
    first = make(hidden=widths, batch_first=True)
    first.load_state_dict(layer.state_dict())
    other, state = first(x.transpose(0, 1), (h, c))
    assert_close(other.transpose(0, 1), layer(x, (h, c))[0], TIGHT)
    assert other.shape == (2, 4, widths[1], 5, 6)
    alone, (h, _) = layer(x[:, 0])
    assert_close(alone, y[:, 0], TIGHT)
    assert h[1].shape == (1, widths[1], 5, 6)


@pytest.mark.parametrize("cell", ["lstm", "gru", "layernorm-lstm", "minlstm"])
def test_gradients(cell):
    layer = make(cell, 1, 2, (1, 3))
    x = torch.randn(2, 1, 1, 3, 2, dtype=torch.float64, requires_grad=True)
    names = list(dict(layer.named_parameters()))

    def function(x, *weights):
        y, state = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x,))
        return y, *(state if isinstance(state, tuple) else (state,))

    assert torch.autograd.gradcheck(function, (x, *layer.parameters()))


def test_thin_names_and_starts():
    assert ConvLSTM(1, 4).cell == cells.get("lstm")
    assert ConvLSTM(1, 4, 5, peepholes=True).peephole_i_l0.shape == (4,)
    gru = ConvGRU(3, 4, 5, num_layers=2)
    assert gru.weight_ih_l0.shape == (12, 3, 5, 5)
    assert gru.weight_hh_l1.shape == (12, 4, 5, 5)
    assert "GRU(), 3, 4, kernel_size=(5, 5)" in repr(gru)
    start = ConvLSTM(1, 4, init="recommended")
    assert start.bias_ih_l0[4:8].tolist() == [1.0] * 4, "the forget gate starts open"
    assert not start.bias_hh_l0.any()
    candidate = start.weight_hh_l0[8:12].detach().flatten(1)
    torch.testing.assert_close(candidate @ candidate.T, torch.eye(4))
    assert 0.3 < ConvGRU(8, 16).weight_hh_l0.abs().max() * 4 * 3 <= 1, "1 / √(channels · pixels of the kernel)"
    torch.manual_seed(3)
    conv = ConvRecurrent("gru", 4, 8, 1)
    torch.manual_seed(3)
    assert torch.equal(conv.weight_ih_l0.flatten(1), torch.nn.GRU(4, 8).weight_ih_l0)


def test_autocast_and_dropout():
    layer, x = ConvLSTM(2, 3, num_layers=2, dropout=0.5), frames().float()
    with torch.autocast("cpu", torch.bfloat16):
        y, _ = layer.eval()(x)
    torch.testing.assert_close(y.float(), layer(x)[0], atol=0.02, rtol=0.1)
    assert not torch.equal(layer.train()(x)[0], layer(x)[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(kernel=2), "kernel_size is 2; expected an odd number"),
        (dict(kernel=(3, 4)), "kernel_size is (3, 4); expected an odd number"),
        (dict(inputs=0), "`in_channels` is 0; expected a whole number"),
        (dict(hidden=2.5), "`hidden_channels` is 2.5; expected a whole number"),
        (dict(hidden=[2], num_layers=2), "num_layers=2 but hidden_channels lists 1"),
        (dict(num_layers=0), "`num_layers` is 0; expected a whole number"),
        (dict(dropout=1.0, num_layers=2), "dropout is 1.0; expected a fraction"),
        (dict(dropout=0.1), "dropout=0.1 has no effect with one layer"),
        (dict(init="identity"), "init='identity' is for matrices"),
        (dict(init="orthogonl"), "did you mean `orthogonal`?"),
        (dict(cell="mingru", forget_bias=1.0), "forget_bias=1.0 has no effect"),
    ],
    ids=str,
)
def test_options_that_cannot_be(arguments, words):
    with pytest.raises(ConfigError) as caught:
        make(**arguments)
    assert words in str(caught.value)


X = torch.zeros(4, 2, 2, 5, 6, dtype=torch.float64)
STATE = torch.zeros(1, 2, 3, 5, 6, dtype=torch.float64)


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        (DtypeError, ([1],), "`x` is list; expected a tensor (time, batch, channels, height, width)"),
        (ShapeError, (X[0, 0, 0],), "`x` has 2 dimensions (5, 6)"),
        (ShapeError, (X.permute(0, 1, 3, 4, 2),), "Channels stand before height and width"),
        (
            ShapeError,
            (X[..., :0],),
            "the frames of `x` have no pixels, height 5 and width 0; expected 1 or more of each",
        ),
        (ShapeError, (X[0, :, :, :0],), "no pixels, height 0 and width 6"),
        (DtypeError, (X.float(),), "`x` is float32, the weights are float64"),
        (DtypeError, (X.byte(),), "Convert it: x.to(torch.float64) / 255"),
        (DtypeError, (X, STATE), "the state is Tensor; expected a tuple (h, c)"),
        (ShapeError, (X, (STATE, STATE[..., :5])), "`c0` is (1, 2, 3, 5, 5); expected (1, 2, 3, 5, 6)"),
        (DtypeError, (X, (STATE.float(), STATE)), "`h0` is torch.float32 on cpu"),
        (DtypeError, (X, (1, STATE)), "`h0` is int; expected a tensor"),
        (DataError, (X + torch.nan,), "values that are NaN or infinite, the first at step 0, batch row 0"),
    ],
    ids=str,
)
def test_inputs_that_cannot_be(kind, arguments, words):
    with pytest.raises(kind) as caught:
        make()(*arguments)
    assert words in str(caught.value)


def test_lengths_and_resets_that_cannot_be():
    with pytest.raises(ShapeError, match=r"lengths\[1\] is 5; expected 0 to 4"):
        make()(X, lengths=[1, 5])
    with pytest.raises(DtypeError, match="`resets` is int64; expected bool"):
        make()(X, resets=torch.zeros(4, 2, dtype=torch.int64))
    with pytest.raises(DtypeError, match="must be a list of 2 tensors"):
        make(hidden=[3, 3])(X, (STATE, STATE))
    with pytest.raises(ShapeError, match=r"Frames of one channel have it too: x.unsqueeze\(-3\)"):
        make(inputs=1)(X[:, :, 0])


def test_no_frames_and_double_gradients():
    y, (h, c) = make()(X[:0])
    assert y.shape == (0, 2, 3, 5, 6)
    assert not h.any()
    layer, x = make(hidden=1, inputs=1), torch.randn(2, 1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x)[0], (x,))


def test_vmap_and_tensors_without_numbers():
    layer = make()
    assert_close(torch.func.vmap(lambda x: layer(x)[0])(torch.stack([X, 2 * X]))[1], layer(2 * X)[0], TIGHT)
    with FakeTensorMode():
        assert ConvGRU(2, 3)(torch.zeros(4, 2, 2, 5, 6))[0].shape == (4, 2, 3, 5, 6)
