"""The fast path through a stack gives what the general path gives, sees every change of the layer, and leaves alone what is
not plain."""

import copy
import pickle
import threading

import pytest
import torch
from helpers.support import assert_close
from torch.nn.utils import parametrizations, prune

from recurra import cells
from recurra.errors import DataError, DtypeError, ShapeError
from recurra.nn import LSTM, Recurrent

FORMS = [
    {},
    {"num_layers": 3},
    {"bidirectional": True, "num_layers": 2},
    {"batch_first": True},
    {"bias": False},
    {"batch_first": True, "bidirectional": True},
    {"dtype": torch.float64},
]


@pytest.fixture
def ways(monkeypatch):
    """Both ways: `fast(layer, *arguments)` fails where the call took the general one."""
    taken = []
    run = Recurrent._run_fast

    def watched(self, *arguments):
        taken.append(run(self, *arguments))
        return taken[-1]

    monkeypatch.setattr(Recurrent, "_run_fast", watched)

    def fast(layer, *arguments, **named):
        result = layer(*arguments, **named)
        assert taken[-1] is not None, "the general path was taken"
        return result

    def general(layer, *arguments, **named):
        with monkeypatch.context() as patch:
            patch.setattr(Recurrent, "_run_fast", lambda *_: None)
            return layer(*arguments, **named)

    return fast, general, taken


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("cell", cells.names(given=False))
@torch.inference_mode()
def test_both_ways_give_the_same(cell, form, ways):
    fast, general, _ = ways
    layer = Recurrent(cell, 5, 7, init="torch", **form)
    state, dtype = None, form.get("dtype", torch.float32)
    for time, batch in [(1, 1), (6, 3), (1, 3), (4, 1)]:
        x = torch.randn((batch, time, 5) if form.get("batch_first") else (time, batch, 5), dtype=dtype)
        state = None if state is None or state_batch(state) != batch else state
        assert_same(fast(layer, x, state), general(layer, x, state))
        y, state = fast(layer, x, state)


def state_batch(state):
    return (state if isinstance(state, torch.Tensor) else state[0]).shape[1]


def assert_same(got, want):
    assert_close(got[0], want[0], 0)
    assert got[0].is_contiguous() == want[0].is_contiguous()
    for one, other in zip(parts(got[1]), parts(want[1]), strict=True):
        assert_close(one, other, 0)


def parts(state):
    return [state] if isinstance(state, torch.Tensor) else state


@torch.no_grad()
def test_projection_heads_and_embedding(ways):
    fast, general, _ = ways
    for layer in (LSTM(5, 8, proj_size=3, num_layers=2), Recurrent("gru", 5, 8, heads=4)):
        assert_same(fast(layer, torch.ones(3, 2, 5)), general(layer, torch.ones(3, 2, 5)))
    table, layer = torch.nn.Embedding(50, 5), LSTM(5, 8)
    ids = torch.randint(50, (4, 3))
    for embedding in (table, table.weight):
        assert_same(fast(layer, ids, embedding=embedding), general(layer, ids, embedding=embedding))
    with pytest.raises(DataError, match="go from 0 to 50; expected 0 to 49"):
        layer(torch.tensor([[0, 50]]), embedding=table)


@pytest.mark.parametrize("form", [*FORMS, {"residual": True, "num_layers": 2}], ids=str)
@pytest.mark.parametrize("cell", cells.names(given=False))
def test_both_ways_train_the_same(cell, form, ways):
    fast, general, taken = ways
    layer = Recurrent(cell, 7 if "residual" in form else 5, 7, **form)
    sizes, dtype = ((2, 4) if form.get("batch_first") else (4, 2)), form.get("dtype", torch.float32)
    x = torch.randn(*sizes, layer.input_size, dtype=dtype, requires_grad=True)
    with torch.no_grad():
        _, state = layer(x)
    state = [part.clone().requires_grad_() for part in parts(state)]
    inputs, found = [x, *state, *layer.parameters()], []
    for way in (
        layer if "residual" in form else lambda *given: fast(layer, *given),
        lambda *given: general(layer, *given),
    ):
        for start in (None, state[0] if len(state) == 1 else tuple(state)):
            y, ended = way(x, start)
            total = y.square().sum() + sum((k + 2) * part.sin().sum() for k, part in enumerate(parts(ended)))
            found.append([y, *parts(ended), *torch.autograd.grad(total, inputs, allow_unused=True)])
    for got, want in zip(found[:2], found[2:], strict=True):
        for one, other in zip(got, want, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                assert_close(one, other, 0)


def test_a_second_derivative_and_checkpointing_on_both_ways(ways):
    fast, general, taken = ways
    layer, x = LSTM(5, 7).double(), torch.randn(3, 2, 5, dtype=torch.float64, requires_grad=True)
    seconds = []
    for way in (fast, general):
        (first,) = torch.autograd.grad(way(layer, x)[0].square().sum(), x, create_graph=True)
        seconds.append(torch.autograd.grad(first.square().sum(), [x, *layer.parameters()]))
    for one, other in zip(*seconds, strict=True):
        assert_close(one, other, 1e-12)
    checkpointed = LSTM(5, 7, checkpoint_every=2)
    checkpointed(torch.randn(5, 2, 5))
    assert taken[-1] is None


def change_in_place(layer):
    layer.weight_hh_l0.mul_(2)


def load(layer):
    layer.load_state_dict({name: torch.randn_like(w) for name, w in layer.state_dict().items()})


def replace(layer):
    layer.weight_hh_l0 = torch.nn.Parameter(torch.randn(28, 7))


def replace_data(layer):
    layer.weight_hh_l0.data = torch.randn(28, 7)


def turn(layer):
    layer.weight_hh_l0.data = layer.weight_hh_l0.reshape(7, 28).t()


def convert(layer):
    layer.double()


def parametrise(layer):
    parametrizations.weight_norm(layer, "weight_hh_l0")
    layer.parametrizations.weight_hh_l0.original0.mul_(3)


def drop_last(layer):
    prune.l1_unstructured(layer, "bias_hh_l0", amount=0.5)


def drop_units(layer):
    layer.zoneout = (0.1, 0.1)


def run_elsewhere(layer):
    layer.backend = "equations"


CHANGES = [
    change_in_place,
    load,
    replace,
    replace_data,
    turn,
    convert,
    parametrise,
    drop_last,
    drop_units,
    run_elsewhere,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@torch.no_grad()
def test_every_change_of_the_layer_is_seen(change, ways):
    fast, general, _ = ways
    layer, x = LSTM(5, 7).eval(), torch.randn(3, 2, 5)
    before = fast(layer, x)[0]
    change(layer)
    x = x.to(layer.weight_ih_l0.dtype)
    found, wanted = layer(x), general(layer, x)
    assert_same(found, wanted)
    if change is not run_elsewhere:
        assert not torch.allclose(found[0].float(), before, atol=1e-6) or change is convert


def test_what_is_not_plain_goes_the_long_way(ways):
    _, _, taken = ways
    layer, x = LSTM(5, 7, dropout=0.5, num_layers=2), torch.randn(3, 2, 5)
    layer(x)  # dropout is on
    assert taken == [None]
    with torch.no_grad():
        layer(x)
        layer.eval()
        with torch.autocast("cpu", torch.bfloat16):
            assert layer(x)[0].dtype == torch.bfloat16
        layer(x.requires_grad_())
        assert [found is None for found in taken] == [True, True, True, False]
        assert layer(torch.randn(3, 5))[0].shape == (3, 7)  # one sequence
        assert layer(x[:, :0])[0].shape == (3, 0, 7)
        assert taken[-1] is None
        torch.func.vmap(layer)(torch.randn(4, 3, 2, 5))
        assert taken[-1] is None


@pytest.mark.parametrize(
    ("x", "state", "error", "words"),
    [
        (torch.zeros(3, 2, 4), None, ShapeError, "expected 5 features in the last dimension, got 4"),
        (torch.zeros(3, 2, 5).double(), None, DtypeError, "`x` is float64, the weights are float32"),
        (torch.full((3, 2, 5), torch.nan), None, DataError, "30 values that are NaN or infinite"),
        (torch.zeros(3, 2, 5), (torch.zeros(1, 3, 7),) * 2, ShapeError, r"`h0` is \(1, 3, 7\)"),
        (torch.zeros(3, 2, 5), torch.zeros(1, 2, 7), DtypeError, "the state is Tensor"),
        ([1.0], None, DtypeError, "`x` is list"),
    ],
)
@torch.no_grad()
def test_errors_have_their_words(x, state, error, words):
    layer = LSTM(5, 7)
    layer(torch.zeros(3, 2, 5))
    with pytest.raises(error, match=words):
        layer(x, state)


@torch.no_grad()
def test_a_sum_beyond_the_floats_is_no_infinity():
    LSTM(5, 7)(torch.full((3, 2, 5), 3e38))


@torch.no_grad()
def test_states_that_lie_apart_in_memory(ways):
    _, general, _ = ways
    layer, x = LSTM(5, 7), torch.randn(3, 2, 5)
    state = tuple(torch.randn(7, 2, 1).permute(2, 1, 0) for _ in range(2))
    assert_same(layer(x, state), general(layer, x, state))
    strided = torch.randn(3, 2, 10)[..., ::2]
    assert_same(layer(strided), general(layer, strided))


@torch.no_grad()
def test_copies_and_pickles_have_nothing_ready():
    layer, x = LSTM(5, 7), torch.randn(3, 2, 5)
    y, _ = layer(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):  # noqa: S301 (our own bytes)
        assert twin._fast.free == []
        twin.weight_hh_l0.mul_(3)
        assert not torch.allclose(twin(x)[0], y)
        assert torch.equal(layer(x)[0], y)


def test_training_after_inference(ways):
    fast, _, _ = ways
    layer, x = LSTM(5, 7, num_layers=2), torch.randn(4, 3, 5)
    for batch in (3, 2, 3):
        with torch.inference_mode():
            y, _ = fast(layer, x[:, :batch])
        trained, _ = fast(layer, x[:, :batch])
        assert_close(trained, y, 0)
        trained.sum().backward()


@torch.no_grad()
@torch.enable_grad()
def test_other_parameters_on_the_same_numbers_get_their_own_gradients():
    layer = LSTM(4, 6)
    x = torch.randn(5, 3, 4)
    layer(x)[0].sum().backward()
    old = layer.weight_hh_l0
    layer.weight_hh_l0 = torch.nn.Parameter(old.data)
    want, old.grad = old.grad, None
    layer(x)[0].sum().backward()
    assert old.grad is None
    assert torch.equal(layer.weight_hh_l0.grad, want)


def test_threads_that_overlap():
    layer = LSTM(8, 16, num_layers=2)
    xs = [torch.randn(200, 1 + k, 8) for k in range(4)]
    wanted = [layer(x)[0] for x in xs]
    wrong = []

    def go(k):
        with torch.no_grad():
            for _ in range(50):
                if not torch.equal(layer(xs[k])[0], wanted[k]):
                    wrong.append(k)

    threads = [threading.Thread(target=go, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert 1 <= len(layer._fast.free) <= 5


class Scaled(torch.nn.Embedding):
    def forward(self, ids):
        return 3 * super().forward(ids)


def hooked(*sizes):
    embedding = torch.nn.Embedding(*sizes)
    embedding.register_forward_hook(lambda _module, _ids, rows: 3 * rows)
    return embedding


EMBEDDINGS = {
    "padding": lambda *sizes: torch.nn.Embedding(*sizes, padding_idx=0),
    "by frequency": lambda *sizes: torch.nn.Embedding(*sizes, scale_grad_by_freq=True),
    "sparse": lambda *sizes: torch.nn.Embedding(*sizes, sparse=True),
    "a subclass": Scaled,
    "a hook": hooked,
}


@pytest.mark.parametrize("steps", [3, 40])
@pytest.mark.parametrize("make", EMBEDDINGS.values(), ids=EMBEDDINGS.keys())
def test_an_embedding_that_does_more_than_look_up(make, steps):
    embedding, layer = make(10, 5), LSTM(5, 7)
    ids = torch.randint(10, (steps, 2))
    ids[:2] = 0
    found = []
    for y, _ in (layer(ids, embedding=embedding), layer(embedding(ids))):
        found.append((y, *torch.autograd.grad(y.square().sum(), embedding.weight)))
    assert_close(found[0][0], found[1][0], 1e-6)
    assert found[0][1].is_sparse == found[1][1].is_sparse
    assert_close(found[0][1].to_dense(), found[1][1].to_dense(), 1e-5)
