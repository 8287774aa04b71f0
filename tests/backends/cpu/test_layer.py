"""The compiled kernels give what the equations give in float64: outputs, states and every gradient, for every cell, option,
type and odd size."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import cells_by_blocks
from helpers.kernels import needs_compiler
from helpers.soak import few
from helpers.support import assert_close, numbers_of, random_state, randomise, run
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import cells
from recurra.backends.cpu import processor
from recurra.nn import Recurrent

pytestmark = needs_compiler

CELLS = [*cells.names(), *cells_by_blocks.CELLS]
LIMIT = {torch.float64: 1e-11, torch.float32: 1e-5, torch.bfloat16: 0.06}
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
CELL = pytest.mark.parametrize("cell", CELLS)
SIZES = [(1, 1, 1, 2), (7, 4, 3, 5), (5, 2, 3, 33), (3, 17, 18, 16), (2, 3, 1, 70)]
LENGTHS = [3, 0, 7, 5]


def compare(cell, time, batch, inputs, hidden, dtype=torch.float64, call=None, limit=None, state=True, **options):
    """Run a layer on the kernel and on the equations, on inputs already rounded to `dtype`; everything must agree."""
    if cell == "layernorm-lstm":  # of two numbers normalising leaves the signs: gradients are rounding errors then
        hidden = max(hidden, 12)
        limit = limit or 5 * LIMIT[dtype]
    if cell == "rg-lru":  # the slope along its decay is a difference of two terms, of which little may be left
        limit = limit or 5 * LIMIT[dtype]
    want = Recurrent(cell, inputs, hidden, dtype=torch.float64, backend="equations", **options)
    randomise(want, min(0.5, 1 / hidden**0.5))  # larger ones make a relu network explode, and rounding with it
    with torch.no_grad():
        for parameter in want.parameters():
            parameter.copy_(parameter.to(dtype))
    got = Recurrent(cell, inputs, hidden, dtype=dtype, backend="cpu", **options)
    got.load_state_dict(want.state_dict())
    size = (batch, time, inputs) if options.get("batch_first") else (time, batch, inputs)
    x = torch.randn(size, dtype=torch.float64).to(dtype)
    states = [rounded(random_state(want, batch), dtype)] if state else []
    numbers, results = numbers_of(want, x), []
    for layer, kind in ((got, dtype), (want, torch.float64)):
        torch.manual_seed(11)  # the same masks
        brought = {word: value.to(kind) for word, value in numbers.items()}
        results.append(run(layer, x.to(kind), *[rounded(s, kind) for s in states], **(call or {}), **brought))
    assert_close(*results, limit or LIMIT[dtype])


def rounded(state, dtype):
    return tuple(part.to(dtype) for part in state) if isinstance(state, tuple) else state.to(dtype)


@DTYPES
@pytest.mark.parametrize("size", SIZES, ids="T{0[0]}-B{0[1]}-I{0[2]}-H{0[3]}".format)
@CELL
def test_sizes(cell, size, dtype):
    compare(cell, *size, dtype=dtype)
    compare(cell, *size, dtype=dtype, state=False)


@DTYPES
@CELL
def test_stacked_both_ways_batch_first(cell, dtype):
    compare(cell, 6, 3, 3, 5, dtype=dtype, num_layers=2, bidirectional=True, batch_first=True)


@CELL
def test_without_biases(cell):
    compare(cell, 6, 3, 3, 5, bias=False)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("what", ["lengths", "resets", "both"])
@DTYPES
@CELL
def test_lengths_and_resets(cell, dtype, what, bidirectional):
    call = {}
    if what != "resets":
        call["lengths"] = LENGTHS
    if what != "lengths":
        call["resets"] = torch.rand(7, 4) < 0.3
    compare(cell, 7, 4, 3, 5, dtype=dtype, call=call, bidirectional=bidirectional, learn_initial=True)


OPTIONS = {
    "recurrent dropout": {"recurrent_dropout": 0.4},
    "zoneout": {"zoneout": 0.3},
    "weight dropout": {"weight_dropout": 0.3},
    "heads": {"heads": 3},
    "state clipping": {"state_clip": 0.2},
    "state clipping and zoneout": {"state_clip": 0.15, "zoneout": 0.3},
    "projection": {"proj_size": 4},
    "projection and zoneout": {"proj_size": 3, "zoneout": 0.3, "recurrent_dropout": 0.3},
    "checkpoints": {"checkpoint_every": 3},
    "checkpoints and zoneout": {"checkpoint_every": 2, "zoneout": 0.2},
}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("option", OPTIONS)
@CELL
def test_options(cell, option, bidirectional):
    options = OPTIONS[option]
    facts = cells.facts(cells.get(cell))
    if "proj_size" in options and not facts.projects:
        pytest.skip("it reads its output unit by unit")
    if not facts.h_gates and {"recurrent_dropout", "weight_dropout", "heads"} & set(options):
        pytest.skip("it has no recurrent matrix")
    compare(cell, 7, 4, 3, 6, bidirectional=bidirectional, **options)
    call = {"lengths": LENGTHS, "resets": torch.rand(7, 4) < 0.3}
    compare(cell, 7, 4, 3, 6, dtype=torch.float32, call=call, bidirectional=bidirectional, **options)


@CELL
def test_zoneout_in_evaluation(cell):
    torch.manual_seed(0)
    layers = [Recurrent(cell, 3, 5, zoneout=0.3, dtype=torch.float64, backend=b).eval() for b in ("cpu", "equations")]
    layers[1].load_state_dict(randomise(layers[0]).state_dict())
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    assert_close(*[run(layer, x, **numbers_of(layer, x)) for layer in layers], 1e-11)


@pytest.mark.parametrize(
    "call", [{}, {"lengths": LENGTHS}, {"resets": torch.arange(28).reshape(7, 4) % 3 == 0}], ids=str
)
@pytest.mark.parametrize("bidirectional", [False, True])
@CELL
def test_every_state_and_gate(cell, bidirectional, call):
    compare(cell, 7, 4, 3, 5, call={"return_states": True, **call}, bidirectional=bidirectional)
    if not cells.facts(cells.get(cell)).shown:
        return
    layers = [
        Recurrent(cell, 3, 5, bidirectional=bidirectional, dtype=torch.float64, backend=b) for b in ("cpu", "equations")
    ]
    layers[1].load_state_dict(randomise(layers[0]).state_dict())
    x = torch.randn(7, 4, 3, dtype=torch.float64)
    with torch.no_grad():
        call = call | numbers_of(layers[0], x)
        traces = [layer(x, return_gates=True, return_states=True, **call)[2] for layer in layers]
    assert list(traces[0].gates) == list(traces[1].gates) == list(layers[0].facts.shown)
    assert_close(list(traces[0]), list(traces[1]), 1e-11)


# A unit of a relu network that is nearly 0 may fall on the other side of the kink, and its gradient with it.
SMOOTH = [cell for cell in CELLS if cell != "rnn-relu"]


@pytest.mark.parametrize("cell", SMOOTH)
def test_bfloat16(cell):
    compare(cell, 7, 4, 3, 16, dtype=torch.bfloat16)
    compare(cell, 7, 4, 18, 33, dtype=torch.bfloat16, call={"lengths": LENGTHS}, bidirectional=True)


@pytest.mark.parametrize("frozen", ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "x", "state"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "gru-original", "layernorm-lstm"])
def test_what_needs_no_gradient_gets_none_and_the_rest_is_right(cell, frozen):
    results = []
    for backend in ("cpu", "equations"):
        torch.manual_seed(0)
        layer = randomise(Recurrent(cell, 3, 5, dtype=torch.float64, backend=backend))
        x = torch.randn(6, 2, 3, dtype=torch.float64, requires_grad=frozen != "x")
        state = random_state(layer, 2)
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            part.requires_grad_(frozen != "state")
        for name, parameter in layer.named_parameters():
            parameter.requires_grad_(not name.startswith(frozen))
        y, _ = layer(x, state)
        y.pow(2).sum().backward()
        named = {"x": x, **dict(layer.named_parameters()), **dict(zip("abc", parts, strict=False))}
        results.append({name: t.grad for name, t in named.items() if t.grad is not None})
    assert results[0].keys() == results[1].keys()
    assert_close(*results, 1e-11)


def test_only_the_states_are_used():
    """No gradient comes from y."""
    results = []
    for backend in ("cpu", "equations"):
        torch.manual_seed(0)
        layer = randomise(Recurrent("lstm", 3, 5, dtype=torch.float64, backend=backend))
        _, (_, c) = layer(torch.randn(6, 2, 3, dtype=torch.float64))
        c.sum().backward()
        results.append({name: p.grad for name, p in layer.named_parameters()})
    assert_close(*results, 1e-11)


@pytest.mark.parametrize("strided", ["features", "transposed", "expanded"])
def test_inputs_that_are_not_dense(strided):
    layer = randomise(Recurrent("gru", 4, 5, dtype=torch.float64, backend="cpu"))
    x = {
        "features": torch.randn(6, 3, 8, dtype=torch.float64)[..., ::2],
        "transposed": torch.randn(3, 6, 4, dtype=torch.float64).transpose(0, 1),
        "expanded": torch.randn(6, 1, 4, dtype=torch.float64).expand(6, 3, 4),
    }[strided]
    assert_close(run(layer, x), run(layer, x.contiguous()), 1e-13)
    state = torch.randn(1, 5, 3, dtype=torch.float64).transpose(1, 2)
    assert_close(run(layer, x, state), run(layer, x, state.contiguous()), 1e-13)


@pytest.mark.parametrize("cell", ["lstm", "gru", "layernorm-lstm", "mingru"])
def test_nothing_to_run(cell):
    layer = randomise(Recurrent(cell, 3, 4, dtype=torch.float64, bidirectional=True, backend="cpu"))
    for time, batch in ((0, 2), (5, 0)):
        result = run(layer, torch.zeros(time, batch, 3, dtype=torch.float64), random_state(layer, batch))
        assert result["result"][0].shape == (time, batch, 8)
        assert result["gradient"]["x"].shape == (time, batch, 3)
        assert not any(g.any() for name, g in result["gradient"].items() if name.startswith("weight"))


def test_a_long_sequence():
    compare("lstm", 5000, 1, 2, 3, limit=1e-9)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_threads_share_the_work_and_give_the_same_bits_each_time(cell, threads):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        compare(cell, 20, 9, 16, 24, dtype=torch.float32, call={"lengths": [20, 0, 7, 20, 19, 3, 3, 1, 12]})
        layer = Recurrent(cell, 16, 24, bidirectional=True, backend="cpu")
        x = torch.randn(20, 9, 16)
        first, second = run(layer, x), run(layer, x)
    finally:
        torch.set_num_threads(before)
    assert_close(first, second, 0.0)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(CELLS),
    st.integers(1, 12),
    st.lists(st.integers(0, 12), min_size=1, max_size=20),
    st.integers(1, 40),
    st.integers(2, 70),
    st.booleans(),
    st.booleans(),
    st.sampled_from([torch.float32, torch.float64]),
    st.integers(0, 2**31),
)
def test_any_sizes(cell, time, lengths, inputs, hidden, bidirectional, resets, dtype, seed):
    torch.manual_seed(seed)
    call = {"lengths": [min(length, time) for length in lengths]}
    if resets:
        call["resets"] = torch.rand(time, len(lengths)) < 0.3
    compare(cell, time, len(lengths), inputs, hidden, dtype=dtype, call=call, bidirectional=bidirectional)


class TestTokens:
    """ids and an embedding are the embedding's rows, by the table of all products or without."""

    @pytest.mark.parametrize("lengths", [None, [9, 0, 4, 7]])
    @pytest.mark.parametrize("tokens", [5, 200])  # a table pays for few tokens
    @DTYPES
    @CELL
    def test_equal_the_embedding_looked_up(self, cell, dtype, tokens, lengths):
        ids = torch.randint(0, tokens, (9, 4))
        table = torch.randn(tokens, 3, dtype=torch.float64).to(dtype)
        layer = randomise(Recurrent(cell, 3, 6, 2, dtype=torch.float64, backend="equations"))
        mine = Recurrent(cell, 3, 6, 2, dtype=dtype, backend="cpu")
        mine.load_state_dict(layer.state_dict())
        with torch.no_grad():
            for theirs, ours in zip(layer.parameters(), mine.parameters(), strict=True):
                theirs.copy_(ours)
        numbers, results = numbers_of(layer, torch.nn.functional.embedding(ids, table)), []
        for one, embedding in ((mine, table), (layer, table.double())):
            brought = {word: value.to(embedding.dtype) for word, value in numbers.items()}
            embedding = embedding.clone().requires_grad_()
            if one is mine:
                y, state = one(ids, embedding=embedding, lengths=lengths, **brought)
            else:
                y, state = one(torch.nn.functional.embedding(ids, embedding), lengths=lengths, **brought)
            grads = torch.autograd.grad(y.pow(2).sum(), [embedding, *one.parameters()])
            results.append([y, state, grads])
        assert_close(*results, LIMIT[dtype])

    def test_of_an_embedding_module_and_batch_first(self):
        embedding = torch.nn.Embedding(5, 3)
        layer = Recurrent("gru", 3, 6, batch_first=True)
        ids = torch.randint(0, 5, (4, 9))
        assert_close(layer(ids, embedding=embedding), layer(embedding(ids)), 1e-6)
        assert_close(layer(ids[0], embedding=embedding), layer(embedding(ids[0])), 1e-6)

    def test_padding_rows_keep_no_gradient(self):
        embedding = torch.nn.Embedding(5, 3, padding_idx=0)
        layer = Recurrent("gru", 3, 6)
        layer(torch.randint(0, 5, (9, 4)), embedding=embedding)[0].sum().backward()
        assert not embedding.weight.grad[0].any()
        assert embedding.weight.grad[1:].any()

    def test_input_dropout_drops_single_features(self):
        layer = Recurrent("gru", 3, 6, input_dropout=0.5)
        ids, table = torch.zeros(50, 8, dtype=torch.long), torch.ones(2, 3)
        assert layer(ids, embedding=table)[0].std(1).max() > 0


TESTS = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize("isa", few([isa.name for isa in processor.supported()])[1:])  # all else runs on the best
def test_every_instruction_set(isa):
    done = subprocess.run(
        [sys.executable, "-m", "helpers.cpu_isa_child", isa],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().endswith(f"all right on {isa}")
