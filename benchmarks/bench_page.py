"""The page: a training step and writing in a browser, beside TensorFlow.js there and the same C++ natively.

    python benchmarks/bench_page.py                 the page's module in Chromium, and natively, by instruction set
    python benchmarks/bench_page.py --tfjs          also TensorFlow.js in the same Chromium: npm installs it into a temporary
                                                    folder; its CPU backend takes a quarter of a minute for a step

The step is that of the recipe `classic`: one LSTM of 128 units on an embedding of 64, 65 characters, 64 windows of 100, the
softmax of the last character, gradients, Adam. One thread everywhere. WebGL runs in software here (SwiftShader), as on a
machine without a graphics card; with a card it is faster. Writing is one text at a time, 128 units, 65 characters.
"""

import base64
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pairs import header
from report import Report, arguments

from recurra import cells
from recurra.backends.cpu import build, processor
from recurra.page import document, module
from recurra.tasks.language import LanguageModel
from recurra.tasks.language.config import LanguageConfig
from recurra.text import build_vocabulary
from recurra.training import TrainingConfig

ROOT = Path(__file__).parents[1]
SYMBOLS = "".join(chr(32 + k) for k in range(64)) + "\n"
SIZES = {"cell": "lstm", "embedding_size": 64, "hidden_size": 128, "num_layers": 1}
BATCH, WINDOW = 64, 100
WRITTEN = 20_000
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
SETUP = """async ([code, facts, config, vocabulary]) => {
  const { native, model, learner, writer } = R;
  window.module = await native.Native.load(Uint8Array.from(atob(code), (c) => c.charCodeAt(0)));
  window.model = { config, vocabulary, tensors: model.begin(config, facts, vocabulary.symbols.length) };
  window.facts = facts;
  const options = { beta1: 0.9, beta2: 0.999, weight_decay: 0, clip: 0, average: 0 };
  window.learner = new learner.Learner(module, window.model, facts, options);
}"""
STEPS = """([inputs, last, batch, time, steps]) => {
  const targets = new Int32Array(batch * time).fill(-1);
  last.forEach((token, b) => (targets[b * time + time - 1] = token));
  const window = { inputs: Int32Array.from(inputs), targets, batch, time, restart: true };
  return Array.from({ length: steps }, () => {
    const began = performance.now();
    learner.step(window, 1e-3);
    return (performance.now() - began) / 1000;
  });
}"""
WRITING = """([precision, length]) => {
  const writer = new R.writer.Writer(module, model, facts, precision);
  const run = (n) => { for (const found of writer.write(Int32Array.of(1), { length: n, seed: 1 })) void found; };
  run(2000);
  const began = performance.now();
  run(length);
  return length / ((performance.now() - began) / 1000);
}"""
TFJS = """async ([backend, inputs, last, batch, time, symbols, steps]) => {
  if (!(await tf.setBackend(backend))) throw new Error(`no backend ${backend}`);
  await tf.ready();
  const net = tf.sequential({ layers: [
    tf.layers.embedding({ inputDim: symbols, outputDim: 64, inputLength: time }),
    tf.layers.lstm({ units: 128 }),
    tf.layers.dense({ units: symbols, activation: "softmax" }),
  ] });
  net.compile({ optimizer: tf.train.adam(1e-3), loss: "sparseCategoricalCrossentropy" });
  const x = tf.tensor2d(inputs, [batch, time]);
  const y = tf.tensor2d(last, [batch, 1]);
  const times = [];
  for (let k = 0; k < steps; ++k) {
    const began = performance.now();
    await net.trainOnBatch(x, y);
    times.push((performance.now() - began) / 1000);
  }
  return [tf.version.tfjs, times];
}"""


def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.integers(0, len(SYMBOLS), (BATCH, WINDOW)), random.integers(0, len(SYMBOLS), BATCH)


@contextlib.contextmanager
def browser(folder: Path) -> Iterator:
    """A tab of Chromium with the page's modules."""
    from playwright.sync_api import sync_playwright

    entry = folder / "entry.js"
    names = ("native", "model", "learner", "writer")
    lines = [f'import * as {name} from "{document.STATIC / name}.js";' for name in names]
    entry.write_text("\n".join([*lines, f"window.R = {{ {', '.join(names)} }};"]), "utf-8")
    page = folder / "page.html"
    page.write_text(f"<!doctype html><script>{document.bundle(entry)}</script>", "utf-8")
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        tab = program.new_page()
        tab.goto(page.as_uri())
        yield tab
        program.close()


def native(isa: str) -> tuple[list[float], float]:
    """Seconds of steps, and characters a second, of the same C++ for an instruction set, in a process of its own."""
    environment = os.environ | {processor.VARIABLE: isa, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--native"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def native_child() -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from helpers import native_learner

    torch.set_num_threads(1)
    model = LanguageModel(build_vocabulary([SYMBOLS]), LanguageConfig(dropout=0.0, input_dropout=0.0, **SIZES))
    config = TrainingConfig(optimizer="adam", beta2=0.999, clip=0.0, weight_decay=0.0, average=0.0)
    inputs, last = data()
    targets = np.full(inputs.shape, -1)
    targets[:, -1] = last
    with tempfile.TemporaryDirectory() as folder:
        fast = tuple(flag for flag in build.FLAGS if flag.startswith(("-O", "-f"))) + processor.chosen().flags
        learner = native_learner.Learner(model, native_learner.compiled(Path(folder), fast), config)
        times = []
        for _ in range(13):
            began = time.perf_counter()
            learner.step(inputs, targets, restart=True, rate=1e-3)
            times.append(time.perf_counter() - began)
    model.eval()
    model.generate("A", length=2000, seed=1)
    began = time.perf_counter()
    model.generate("A", length=WRITTEN, seed=1)
    print(json.dumps([times[3:], WRITTEN / (time.perf_counter() - began)]))


def install(folder: Path) -> Path:
    quiet = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "@tensorflow/tfjs@4"]
    subprocess.run(quiet, check=True)
    return folder / "node_modules/@tensorflow/tfjs/dist/tf.min.js"


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--tfjs", action="store_true", help="also TensorFlow.js, installed with npm")
    parser.add_argument(
        "--native", action="store_true", help="only the native step, as JSON: the script calls itself so"
    )
    options = parser.parse_args()
    if options.native:
        native_child()
        return 0
    report = Report(__doc__, options)
    report.say(header())
    inputs, last = data()
    code = module.module([cells.get("lstm")])
    report.say(f"The module with an LSTM alone: {len(code) / 1e3:.0f} kB")
    shapes = [inputs.ravel().tolist(), last.tolist(), BATCH, WINDOW]
    peers, natives = {}, {}
    with tempfile.TemporaryDirectory() as name, browser(Path(name)) as tab:
        report.say(f"Chromium {tab.context.browser.version}")
        vocabulary = json.loads(build_vocabulary([SYMBOLS]).to_json())
        facts = document.facts("lstm", cells.get("lstm"), 0)
        tab.evaluate(SETUP, [base64.b64encode(code).decode(), facts, SIZES, vocabulary])
        ours = tab.evaluate(STEPS, [*shapes, 13])[3:]
        # Native steps in turns with the browser's, so that a drift of the machine meets both.
        for isa in processor.supported():
            natives[isa.name] = native(isa.name)
            ours += tab.evaluate(STEPS, [*shapes, 5])
        writing = {precision: tab.evaluate(WRITING, [precision, WRITTEN]) for precision in ("float32", "int8")}
        if options.tfjs:
            tab.add_script_tag(path=install(Path(name)))
            for backend, steps in {"webgl": 4, "cpu": 3}.items():
                version, times = tab.evaluate(TFJS, [backend, *shapes, len(SYMBOLS), steps])
                peers[f"TensorFlow.js {version}, {backend}"] = times[1:]  # the first one warms it up
                ours += tab.evaluate(STEPS, [*shapes, 5])
    step = statistics.median(ours)
    report.table("a step of `classic`", "ms", "times the page's", "steps")
    report.row("the page, WebAssembly", 1e3 * step, 1.0, len(ours))
    for isa, (times, _) in natives.items():
        median = statistics.median(times)
        report.row(f"native, {isa}", 1e3 * median, median / step, len(times))
    for peer, times in peers.items():
        median = statistics.median(times)
        report.row(peer, 1e3 * median, median / step, len(times))
    report.table("writing, 128 units", "characters/s")
    for precision, speed in writing.items():
        report.row(f"the page, {precision}", speed)
    for isa, (_, speed) in natives.items():
        report.row(f"native, {isa}, float32", speed)
    report.target(f"writing {writing['float32']:,.0f} characters/s, wanted 50,000", writing["float32"] >= 50_000)
    if "x86" in natives:
        part = statistics.median(natives["x86"][0]) / step
        report.target(f"{part:.2f} of the speed of plain x86, wanted 0.5", part >= 0.5)
    for peer, times in peers.items():
        wanted = 70 if peer.endswith("cpu") else 20
        found = statistics.median(times) / step
        report.target(f"{found:.0f} times {peer}, wanted {wanted}", found >= wanted)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
