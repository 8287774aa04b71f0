"""Writing: characters a second of the engine, beside the product W_h h alone, PyTorch's loop and ONNX Runtime.

    python benchmarks/bench_generation.py                     about five minutes
    python benchmarks/bench_generation.py --quick             one size

One layer, 65 symbols, embedding 64, temperature 0.8, the whole sampler; one thread but for the last table. Times are those of
the processor (user and system, of this process), so that neighbours on the machine count little; every row's ways run in turns.
"the product" is `bare.cpp`: the recurrent product by the engine's own tiles and nothing else, in the same run: the limit of a
network that reads its weights once for each token. What is lost of it: reading tokens without drawing shows what equations and
look-ups cost, writing less reading what scores and draw cost.
"""

import ctypes
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pairs import header, installed
from report import Report, arguments

from recurra.backends.cpu import build, processor
from recurra.engine import Engine, Row
from recurra.engine.library import FLAGS
from recurra.engine.models import parts_of
from recurra.generation import GenerationConfig
from recurra.generation.reference import pieces
from recurra.tasks.language import LanguageConfig, LanguageModel
from recurra.text import build_vocabulary

SYMBOLS, EMBEDDING, TEMPERATURE = 65, 64, 0.8
VOCABULARY = build_vocabulary(["".join(chr(33 + k) for k in range(SYMBOLS))])
LEAST = {128: 0.65, 192: 0.7, 512: 0.85}  # of the product's limit


def bare(folder: str) -> ctypes.CDLL:
    """The product alone, compiled as the engine is."""
    source, out = Path(__file__).with_name("bare.cpp"), Path(folder) / "bare.so"
    subprocess.run(build.command(build.compiler(), processor.chosen(), source, out, FLAGS), check=True)
    made = ctypes.CDLL(str(out))
    made.bare_open.restype = ctypes.c_void_p
    made.bare_open.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_long]
    made.bare_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
    made.bare_close.argtypes = [ctypes.c_void_p]
    return made


def model_of(cell: str, units: int) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(VOCABULARY, LanguageConfig(cell=cell, hidden_size=units, embedding_size=EMBEDDING)).eval()


def rows_of(engine: Engine, count: int) -> list[Row]:
    rows = [Row(state.copy(), engine.tokens) for state in engine.start(count)]
    for seed, row in enumerate(rows):
        row.reads(np.array([1]))
        row.call.random = seed
        row.call.temperature_first = row.call.temperature_last = TEMPERATURE
    return rows


def writing(engine: Engine, steps: int) -> Callable[[], None]:
    (row,) = rows_of(engine, 1)
    row.writes(steps)
    return lambda: engine.run([row], 1)


def reading(engine: Engine, steps: int) -> Callable[[], None]:
    (row,) = rows_of(engine, 1)
    row.reads(np.random.default_rng(0).integers(0, SYMBOLS, steps))
    return lambda: engine.run([row], 1)


def product(library: ctypes.CDLL, model: LanguageModel, steps: int) -> Callable[[], None]:
    weight = np.ascontiguousarray(model.layers.weight_hh_l0.detach().numpy())
    h, out = (
        np.random.default_rng(0).standard_normal(weight.shape[1]).astype(np.float32),
        np.zeros(len(weight), np.float32),
    )
    handle = library.bare_open(weight.ctypes.data, *weight.shape)
    return lambda: library.bare_run(handle, h.ctypes.data, out.ctypes.data, steps)


def torch_loop(model: LanguageModel, steps: int) -> Callable[[], None]:
    """Plain PyTorch: one step of torch.nn.LSTM, softmax, multinomial."""
    layer = torch.nn.LSTM(EMBEDDING, model.config.hidden_size)
    layer.load_state_dict(model.layers.state_dict())

    @torch.inference_mode()
    def run() -> None:
        token, state = torch.tensor([[1]]), None
        for _ in range(steps):
            y, state = layer(model.embedding(token), state)
            token = torch.multinomial((model.head(y[0]) / TEMPERATURE).softmax(-1), 1)

    return run


def python_loop(model: LanguageModel, steps: int) -> Callable[[], None]:
    """Recurra's own draws in Python: what wrote before there was the engine."""
    config = GenerationConfig(length=steps, temperature=TEMPERATURE, seed=1)
    return lambda: [None for _ in pieces(model, VOCABULARY, "", np.array([[1]]), config, 64)]


def onnx_loop(model: LanguageModel, steps: int, quantised: bool, folder: str) -> Callable[[], None]:
    """One LSTM node, stepped; the scores drawn from by NumPy."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from onnx_layers import ORDER

    units, values = model.config.hidden_size, {k: v.detach() for k, v in model.named_parameters()}

    def ordered(name: str) -> np.ndarray:
        blocks = values[f"layers.{name}_l0"].chunk(4)
        return torch.cat([blocks[k] for k in ORDER["LSTM"]]).numpy()

    constants = {
        "table": values["embedding.weight"].numpy(),
        "w": ordered("weight_ih")[None],
        "r": ordered("weight_hh")[None],
        "b": np.concatenate([ordered("bias_ih"), ordered("bias_hh")])[None],
        "head": np.ascontiguousarray(values["head.weight"].numpy().T),
        "bias": values["head.bias"].numpy(),
    }
    nodes = [
        helper.make_node("Gather", ["table", "token"], ["x"]),
        helper.make_node("LSTM", ["x", "w", "r", "b", "", "h0", "c0"], ["y", "h1", "c1"], hidden_size=units),
        helper.make_node("MatMul", ["h1", "head"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["scores"]),
    ]
    state = [1, 1, units]
    ins = [helper.make_tensor_value_info("token", TensorProto.INT64, [1, 1])]
    ins += [helper.make_tensor_value_info(name, TensorProto.FLOAT, state) for name in ("h0", "c0")]
    outs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1, SYMBOLS])]
    outs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, state) for name in ("h1", "c1")]
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "writer", ins, outs, weights)
    path = str(Path(folder) / f"{units}.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    if quantised:
        import logging

        from onnxruntime.quantization import quantize_dynamic

        logging.getLogger().setLevel(logging.ERROR)
        quantize_dynamic(path, path + ".int8", op_types_to_quantize=["LSTM", "MatMul"])
        path += ".int8"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)

    def run() -> None:
        token, h, c = np.array([[1]]), np.zeros(state, np.float32), np.zeros(state, np.float32)
        for _ in range(steps):
            scores, h, c = session.run(None, {"token": token, "h0": h, "c0": c})
            chances = np.exp((scores[0, 0] - scores.max()) / TEMPERATURE).cumsum()
            token = np.array([[np.searchsorted(chances, random.random() * chances[-1])]])

    return run


def in_turns(ways: dict[str, tuple[Callable[[], None], int]], rounds: int) -> dict[str, list[float]]:
    """Seconds of the processor for a token, of each way and round: the ways take turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, (way, steps) in ways.items():
            start = time.process_time()
            way()
            if turn:  # the first one warms up
                times[name].append((time.process_time() - start) / steps)
    return times


def of_the_limit(slow: list[float], fast: list[float]) -> float:
    return statistics.median(b / a for a, b in zip(slow, fast, strict=True))


def alone(report: Report, library: ctypes.CDLL, folder: str, sizes: list[int], rounds: int) -> None:
    report.table("units", "way                    ", "characters/s", "of the limit", "over PyTorch")
    lost = {}
    for units in sizes:
        model, steps = model_of("lstm", units), 4_000_000 // units
        parts, slow = parts_of(model), steps // 20
        ways = {"the product alone": (product(library, model, steps), steps)}
        for precision in ("float32", "bfloat16", "int8"):
            ways[f"engine, {precision}"] = writing(Engine(parts, precision), steps), steps
        engine = Engine(parts)
        ways["engine, reading only"] = reading(engine, steps), steps
        ways["PyTorch's loop"] = torch_loop(model, slow), slow
        ways["recurra in Python"] = python_loop(model, slow), slow
        if installed("onnx", "onnxruntime"):
            ways["ONNX Runtime"] = onnx_loop(model, slow, False, folder), slow
            ways["ONNX Runtime, int8"] = onnx_loop(model, slow, True, folder), slow
        times = in_turns(ways, rounds)
        limit, plain = times["the product alone"], times["PyTorch's loop"]
        for name, seconds in times.items():
            share, over = of_the_limit(seconds, limit), of_the_limit(seconds, plain)
            report.row(units, name, 1 / statistics.median(seconds), share, over)
        share = of_the_limit(times["engine, float32"], limit)
        if units in LEAST:
            report.target(
                f"{units} units, float32: {share:.2f} of the limit (at least {LEAST[units]})", share >= LEAST[units]
            )
        if units == 512:
            for precision, least in (("bfloat16", 1.7), ("int8", 3.0)):
                gain = of_the_limit(times[f"engine, {precision}"], times["engine, float32"])
                report.target(f"512 units, {precision}: {gain:.2f} times float32 (at least {least})", gain >= least)
        write, read, least = (
            statistics.median(times[name]) * 1e6
            for name in ("engine, float32", "engine, reading only", "the product alone")
        )
        lost[units] = least, read - least, write - read
    report.table("units", "product µs", "equations, look-up µs", "scores, draw µs")
    for units, costs in lost.items():
        report.row(units, *costs)


def by_parameter(report: Report, sizes: list[int], rounds: int) -> None:
    report.table("units", "cell", "characters/s", "multiply-adds a ns")
    for units in sizes:
        models = {cell: model_of(cell, units) for cell in ("lstm", "gru", "rnn")}
        steps = 3_000_000 // units
        ways = {cell: (writing(Engine(parts_of(model)), steps), steps) for cell, model in models.items()}
        times = in_turns(ways, rounds)
        speeds = {}
        for cell, seconds in times.items():
            work = models[cell].layers.weight_hh_l0.numel() + models[cell].head.weight.numel()
            speeds[cell] = [work / second / 1e9 for second in seconds]
            report.row(units, cell, 1 / statistics.median(seconds), statistics.median(speeds[cell]))


def side_by_side(report: Report, sizes: list[int], rounds: int) -> None:
    """Wall time: two threads. The best round counts, since neighbours can only slow it down."""
    report.table("units", "rows", "threads", "precision", "characters/s, best", "processor µs each")
    for units in sizes:
        parts = parts_of(model_of("lstm", units))
        for precision in ("float32", "bfloat16", "int8"):
            engine = Engine(parts, precision)
            for count, threads in ((64, 1), (64, 2)):
                rows, steps, best, cpu = rows_of(engine, count), 150_000 // units, 0.0, []
                for _ in range(2 * rounds):
                    for row in rows:
                        row.writes(steps)
                    wall, spent = time.perf_counter(), time.process_time()
                    engine.run(rows, threads)
                    best = max(best, count * steps / (time.perf_counter() - wall))
                    cpu.append((time.process_time() - spent) / (count * steps))
                report.row(units, count, threads, precision, best, min(cpu) * 1e6)
                if (units, threads, precision) == (192, 2, "float32"):
                    report.target(
                        f"64 rows, 192 units, two threads: {best:,.0f} characters/s (at least 300,000)", best >= 3e5
                    )


STARTED = """
import resource, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
process.stdout.read(1)
first = time.perf_counter() - start
process.communicate()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(first, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def command(report: Report, folder: str) -> None:
    """`recurra generate` as a user starts it: wall time until the first character (on cores that are free), the
    processor's time for all of it, and the memory that the process takes."""
    model_of("lstm", 192).save(Path(folder) / "run")
    words = [sys.executable, "-m", "recurra", "generate", str(Path(folder) / "run"), "--length", "300", "--seed", "1"]
    first, processor_time, memory = [], [], []
    for _ in range(5):
        # From a small process: what a process takes counts what its parent had when it was forked.
        printed = subprocess.run(
            [sys.executable, "-c", STARTED, *words], capture_output=True, text=True, check=True
        ).stdout
        seconds, used, kilobytes = map(float, printed.split())
        first.append(seconds)
        processor_time.append(used)
        memory.append(kilobytes / 1024)
    report.table("recurra generate, 192 units", "best", "median")
    report.row("first character, s", min(first), statistics.median(first))
    report.row("processor, s", min(processor_time), statistics.median(processor_time))
    report.row("memory, MB", min(memory), statistics.median(memory))
    report.target(f"first character after {min(first):.2f} s (within 0.35)", min(first) <= 0.35)
    report.target(f"{statistics.median(memory):.0f} MB (below 80)", statistics.median(memory) < 80)


def main() -> int:
    parser = arguments(__doc__, quick=False)
    parser.add_argument("--rounds", type=int, default=7, help="of each row; default 7")
    options = parser.parse_args()
    sizes = [192] if options.quick else [128, 192, 256, 512]
    torch.set_num_threads(1)
    report = Report(__doc__, options)
    report.say(header(*[name for name in ("onnxruntime",) if installed(name)]) + f"; {processor.chosen().name}")
    with tempfile.TemporaryDirectory() as folder:
        command(report, folder)
        alone(report, bare(folder), folder, sizes, options.rounds)
    by_parameter(report, sizes, options.rounds)
    side_by_side(report, sizes, options.rounds)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
