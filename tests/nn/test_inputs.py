"""Bad input to a layer: one clear error each, with what came, what was expected, and the next move."""

import math
import re

import pytest
import torch

import recurra
from recurra.errors import BackendError, ConfigError, DataError, DtypeError, RecurraError, ShapeError
from recurra.nn import GRU, LSTM, RNN, Recurrent

X = torch.randn(6, 2, 4)
H = torch.zeros(2, 2, 5)


def layer(**options):
    return LSTM(4, 5, 2, **options)


CASES = {
    "four dimensions": (
        lambda: layer()(torch.zeros(5, 100, 2, 2)),
        ShapeError,
        "LSTM: `x` has 4 dimensions (5, 100, 2, 2); expected (time, batch, features) or (time, features). "
        "Did you mean x.flatten(2), which is (5, 100, 4)?",
    ),
    "one dimension": (lambda: layer()(torch.zeros(4)), ShapeError, "`x` has 1 dimensions (4,)"),
    "features": (
        lambda: layer(batch_first=True)(torch.zeros(2, 6, 3)),
        ShapeError,
        "LSTM: `x` is (2, 6, 3); expected 4 features in the last dimension, got 3.\n"
        "  input_size=4 from the model, layout (batch, time, features).",
    ),
    "not a tensor": (lambda: layer()([[1.0]]), DtypeError, "LSTM: `x` is list; expected a tensor"),
    "dtype": (
        lambda: layer()(X.double()),
        DtypeError,
        "LSTM: `x` is float64, the weights are float32. Convert one: x.to(torch.float32), or layer.to(torch.float64).",
    ),
    "integers": (lambda: layer()(X.long()), DtypeError, "`x` is int64, the weights are float32"),
    "device": (
        lambda: layer()(X.to("meta")),
        DtypeError,
        "`x` is on meta, the weights are on cpu. Move one: x.to('cpu')",
    ),
    "state's batch": (
        lambda: layer()(X, (torch.zeros(2, 32, 5), torch.zeros(2, 32, 5))),
        ShapeError,
        "LSTM: `h0` is (2, 32, 5); expected (2, 2, 5) = (layers, batch, hidden).\n"
        "  layers=2 from the model, batch=2 from `x` (6, 2, 4) (time, batch, features). "
        "To start from zeros, leave `h0` out.",
    ),
    "state's layers": (
        lambda: layer(bidirectional=True)(X, (H, H)),
        ShapeError,
        "expected (4, 2, 5) = (layers * directions, batch, hidden)",
    ),
    "second state": (lambda: layer()(X, (H, H[:1])), ShapeError, "`c0` is (1, 2, 5); expected (2, 2, 5)"),
    "state of one sequence": (
        lambda: layer()(X[:, 0], (H, H)),
        ShapeError,
        "`h0` is (2, 2, 5); expected (2, 5) = (layers, hidden)",
    ),
    "one tensor for two states": (
        lambda: layer()(X, H),
        DtypeError,
        "LSTM: the state is Tensor; expected a tuple (h, c), as an earlier call returned it.",
    ),
    "two tensors for one state": (
        lambda: GRU(4, 5, 2)(X, (H, H)),
        DtypeError,
        "GRU: `h0` is tuple; expected a tensor (2, 2, 5)",
    ),
    "state's dtype": (lambda: layer()(X, (H.double(), H)), DtypeError, "`h0` is float64, `x` is float32"),
    "NaN": (
        lambda: layer()(X.masked_fill(X[2, 1, 3] == X, float("nan"))),
        DataError,
        "LSTM: `x` holds 1 values that are NaN or infinite, the first at step 2, batch row 1, feature 3. "
        "Fill or drop them; check_finite=False lets them through.",
    ),
    "NaN in a state": (
        lambda: layer()(X, (H, H.index_fill(1, torch.tensor(1), float("nan")))),
        DataError,
        "LSTM: `c0` (2, 2, 5) holds 10 values that are NaN or infinite, the first at (0, 1, 0). "
        "To start from zeros, leave `c0` out; check_finite=False lets them through.",
    ),
    "NaN in a state, without gradients": (
        lambda: torch.no_grad()(layer())(X, (torch.full_like(H, math.inf), H)),
        DataError,
        "LSTM: `h0` (2, 2, 5) holds 20 values that are NaN or infinite, the first at (0, 0, 0)",
    ),
    "NaN in a list of states": (
        lambda: Recurrent("gru", 4, [5, 3])(X, [torch.zeros(1, 2, 5), torch.full((1, 2, 3), float("nan"))]),
        DataError,
        "Recurrent: `h0[1]` (1, 2, 3) holds 6 values that are NaN or infinite",
    ),
    "more units than there can be": (
        lambda: LSTM(1, 2**63),
        ConfigError,
        "hidden_size` is 9223372036854775808; expected a whole number, 1 to 134,217,728",
    ),
    "lengths' shape": (
        lambda: layer()(X, lengths=[1, 2, 3]),
        ShapeError,
        "`lengths` is (3,); expected (2,), one for each row",
    ),
    "lengths too long": (
        lambda: layer()(X, lengths=[3, 7]),
        ShapeError,
        "lengths[1] is 7; expected 0 to 6, the steps of `x`",
    ),
    "negative lengths": (lambda: layer()(X, lengths=[-1, 2]), ShapeError, "lengths[0] is -1; expected 0 to 6"),
    "lengths' dtype": (
        lambda: layer()(X, lengths=[1.5, 2.0]),
        DtypeError,
        "`lengths` is float32; expected whole numbers",
    ),
    "lengths of one sequence": (lambda: layer()(X[:, 0], lengths=[3]), ShapeError, "came with a single sequence"),
    "resets' shape": (
        lambda: layer(batch_first=True)(X, resets=torch.zeros(2, 6).bool()),
        ShapeError,
        "`resets` is (2, 6); expected (6, 2) = (batch, time), as `x` is laid out",
    ),
    "resets' dtype": (lambda: layer()(X, resets=torch.zeros(6, 2)), DtypeError, "`resets` is float32; expected bool"),
    "backend's name": (
        lambda: layer(backend="cudnn"),
        BackendError,
        "backend is 'cudnn'; expected one of: auto, cpu, torch, equations",
    ),
    "backend that cannot": (
        lambda: Recurrent("mingru", 4, 5, backend="torch")(X),
        BackendError,
        "backend 'torch' cannot run this: PyTorch has no kernel for MinGRU(). Use backend='auto' or 'equations'",
    ),
    "nonlinearity": (
        lambda: RNN(4, 5, nonlinearity="rleu"),
        ConfigError,
        "RNN: nonlinearity is 'rleu'; did you mean `relu`?",
    ),
    "list of states": (
        lambda: Recurrent("gru", 4, [5, 3])(X, torch.zeros(2, 2, 5)),
        DtypeError,
        "`h0` must be a list of 2 tensors, one per layer",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_message(case):
    do, kind, words = CASES[case]
    with pytest.raises(kind, match=re.escape(words)) as caught:
        do()
    assert isinstance(caught.value, RecurraError)
    assert isinstance(caught.value, ValueError | TypeError | RuntimeError), "the builtin still catches it"


def test_nan_passes_where_it_is_let_through():
    y, _ = layer(check_finite=False)(torch.full((2, 1, 4), float("nan")))
    assert y.isnan().all()


def test_a_finite_sum_that_overflows_is_no_error():
    layer()(torch.full((2, 1, 4), 3e38))


def test_explain_says_which_backend_and_why():
    assert str(layer().explain()) == "cpu"
    assert str(layer().explain(X[:1])) == "cpu"
    assert layer(zoneout=0.1, recurrent_dropout=0.5).explain(X).name == "cpu"
    assert layer(backend="equations").explain(X).name == "equations"
    half = layer(dtype=torch.float16)
    assert str(half.explain(X.half())) == "torch; not cpu: it has no kernels for float16"
    choice = layer(zoneout=0.1, dtype=torch.float16).explain(X.half())
    assert choice.name == "equations"
    assert choice.passed_over["torch"] == "zoneout is not in PyTorch's kernels"
    dropped = layer(recurrent_dropout=0.5, dtype=torch.float16).explain(X.half())
    assert dropped.passed_over["torch"].startswith("recurrent dropout")
    peephole = Recurrent("peephole-lstm", 4, 5, dtype=torch.float16).explain()
    assert peephole.passed_over["torch"] == "PyTorch has no kernel for PeepholeLSTM()"
    with pytest.raises(TypeError, match="length"):
        layer().explain(X, length=[3])
    with_gates = layer().explain(X, return_gates=True)
    assert with_gates.name == "equations"
    assert with_gates.passed_over["cpu"].startswith("gates that are returned have no gradients in its kernels")
    with torch.no_grad():
        assert layer().explain(X, return_gates=True).name == "cpu"


def test_repr_shows_what_is_not_default():
    assert repr(layer(bidirectional=True)) == "LSTM(LSTM(), 4, 5, num_layers=2, bidirectional=True)"
    assert "zoneout=(0.1, 0.1)" in repr(layer(zoneout=0.1))


def test_flatten_parameters_is_there():
    layer().flatten_parameters()
    assert recurra.nn.LSTM is LSTM
