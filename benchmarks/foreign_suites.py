"""Tests of libraries that use recurrent layers, run with torch.nn's, with recurra.nn's in their place, and accelerated.

    python benchmarks/foreign_suites.py ROOM [LIBRARY ...] --install    # first: a virtual environment and sources in ROOM
    python benchmarks/foreign_suites.py ROOM [LIBRARY ...]

Where a source distribution holds tests of the layers they run as they are; of the other libraries the parts that use a layer
run here, and what they give is compared with torch.nn's. A line for each: what passes each way, and with torch.nn alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from report import Report

WAYS = ("torch.nn", "recurra.nn", "accelerated")
# What to install, and which of its tests use a recurrent layer; none: `USES` has a function of that name.
SUITES = {
    "gluonts": ("gluonts[torch]", ["test/torch/model/test_deepar_modules.py", "test/torch/model/test_jit.py"]),
    "sb3-contrib": ("sb3-contrib", ["tests/test_lstm.py"]),
    "torch-geometric": ("torch-geometric", []),
    "speechbrain": ("speechbrain", []),
    "neuralforecast": ("neuralforecast", []),
}


def torch_geometric() -> dict[str, Callable]:
    import torch
    from torch_geometric import nn

    x, index = torch.randn(6, 4), torch.tensor([0, 0, 1, 1, 1, 3])
    edges = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 1, 2, 2, 0, 0]])
    edges = edges[:, edges[1].argsort()]
    return {
        "LSTMAggregation": lambda: nn.LSTMAggregation(4, 8)(x, index),
        "GRUAggregation": lambda: nn.GRUAggregation(4, 8)(x, index),
        "Set2Set": lambda: nn.Set2Set(4, processing_steps=3)(x, index),
        "SAGEConv": lambda: nn.SAGEConv(4, 8, aggr="lstm")(x, edges),
        "JumpingKnowledge": lambda: nn.JumpingKnowledge("lstm", channels=4, num_layers=3)([x, x + 1, x * 2]),
        "GatedGraphConv": lambda: nn.GatedGraphConv(4, 2)(x, edges),
    }


def speechbrain() -> dict[str, Callable]:
    import torch

    try:
        import torchaudio  # noqa: F401 (its compiled part may want a GPU; the layers do not need it)
    except OSError:
        for name in [name for name in sys.modules if name.startswith("torchaudio")]:
            del sys.modules[name]
        sys.modules |= {"torchaudio": mock.MagicMock(__spec__=None, __version__="2.9.0")}
    from speechbrain.nnet import RNN

    x, lengths = torch.randn(3, 7, 4), torch.tensor([0.5, 1.0, 0.7])

    def run(name: str, **options):
        return lambda: getattr(RNN, name)(hidden_size=5, input_shape=x.shape, **options)(x, lengths=lengths)

    def trace(name: str):
        layer = getattr(RNN, name)(hidden_size=5, input_shape=x.shape).eval()
        return torch.jit.trace(layer, x)(torch.cat([x, x]))

    names = ("RNN", "LSTM", "GRU")
    cases = {
        f"{name}, {options}": run(name, **options)
        for name in names
        for options in ({}, {"num_layers": 2, "bidirectional": True})
    }
    return cases | {f"{name}, traced": lambda name=name: trace(name) for name in names}


def neuralforecast() -> dict[str, Callable]:
    import logging

    import numpy as np
    import pandas as pd
    import torch
    from neuralforecast import NeuralForecast, models

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    steps = np.arange(80)
    stamps = pd.date_range("2020-01-01", periods=80)
    frame = pd.concat(
        [pd.DataFrame({"unique_id": k, "ds": stamps, "y": np.sin(steps / 5 + k)}) for k in range(3)], ignore_index=True
    )
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }

    def fit(name: str, **options):
        def run():
            model = getattr(models, name)(
                h=4, input_size=12, max_steps=5, random_seed=1, accelerator="cpu", **quiet, **options
            )
            forecasts = NeuralForecast([model], freq="D")
            forecasts.fit(frame)
            return torch.tensor(forecasts.predict()[name].to_numpy())

        return run

    names = ("RNN", "GRU", "LSTM", "DeepAR", "DilatedRNN")
    return {name: fit(name) for name in names} | {"GRU, dropout": fit("GRU", encoder_dropout=0.2)}


# Tests that pass with torch.nn alone, by a part of their names, and why.
REASONS = {
    "test_jit_trace": "requires the same bits traced and untraced; a traced layer runs PyTorch's kernel, to 2e-7 the same"
}

USES = {"torch-geometric": torch_geometric, "speechbrain": speechbrain, "neuralforecast": neuralforecast}


def replace(way: str) -> None:
    """Put Recurra's layers in the place of torch.nn's: by name, or each one as it is made, a subclass when first called."""
    from torch import nn

    import recurra.nn

    if way == "recurra.nn":
        for name in ("RNN", "LSTM", "GRU"):
            for module in (nn, nn.modules, nn.modules.rnn):
                setattr(module, name, getattr(recurra.nn, name))
    if way == "accelerated":
        for kind in (nn.RNN, nn.LSTM, nn.GRU):
            kind.__init__ = _then_accelerate(kind.__init__, kind)
        call = nn.Module.__call__

        def accelerated_first(self, *args, **kwargs):
            if isinstance(self, nn.RNNBase) and not isinstance(self, recurra.nn.Recurrent):
                recurra.accelerate(self)
            return call(self, *args, **kwargs)

        nn.Module.__call__ = accelerated_first


def _then_accelerate(make: Callable, kind: type) -> Callable:
    import recurra

    def init(self, *args, **kwargs):
        make(self, *args, **kwargs)
        # A subclass is not finished yet; those without numbers are made by accelerate itself.
        if type(self) is kind and not self.weight_ih_l0.is_meta:
            recurra.accelerate(self)

    return init


class Outcomes:
    """A plugin of pytest's that keeps what each test gave."""

    def __init__(self):
        self.results: dict[str, str] = {}

    def pytest_runtest_logreport(self, report) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.results[report.nodeid] = "passed" if report.passed else f"failed: {str(report.longrepr)[-300:]}"
            self.results[report.nodeid] = "skipped" if report.skipped else self.results[report.nodeid]


def child(library: str, way: str, folder: str, out: str) -> None:
    """In a process of its own: run one library's tests one way, and write what they gave."""
    import torch

    torch.set_num_threads(1)
    replace(way)
    results, tests = {}, SUITES[library][1]
    if tests:
        import pytest

        os.chdir(folder)
        sys.path.insert(0, folder)
        outcomes = Outcomes()
        options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "filterwarnings=", "--no-header"]
        pytest.main(options + tests, plugins=[outcomes])
        results = outcomes.results
    else:
        torch.manual_seed(1)
        for name, case in USES[library]().items():
            torch.manual_seed(0)
            try:
                given = case()
                results[name] = [part.detach().double().tolist() for part in _flat(given)]
            except Exception as error:  # whatever a library raises is a result
                results[name] = f"failed: {type(error).__name__}: {error}"
    Path(out).write_text(json.dumps(results), encoding="utf-8")


def _flat(given) -> list:
    return [part for one in given for part in _flat(one)] if isinstance(given, tuple) else [given]


def run(room: Path, library: str, way: str, seconds: int) -> dict:
    """What each of a library's tests gave, by name."""
    folder = next((path for path in room.glob(f"{library.replace('-', '_')}-*/") if path.is_dir()), room)
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "results.json"
        command = [room / "venv/bin/python", __file__, str(room), "--child", library, way, str(folder), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        if not out.exists():
            return {"(the process)": f"failed: {(done.stderr or done.stdout)[-300:]}"}
        return json.loads(out.read_text(encoding="utf-8"))


def passes(result, reference) -> bool:
    """Whether a test passed; numbers pass where they are torch.nn's to 1e-4."""
    import torch

    if isinstance(result, str) or isinstance(reference, str):
        return result == "passed" or (isinstance(reference, str) and not isinstance(result, str))
    pairs = zip(result, reference, strict=True)
    return all(torch.allclose(*(torch.tensor(part) for part in pair), rtol=1e-4, atol=1e-4) for pair in pairs)


def _reason(test: str) -> str:
    return next((why for part, why in REASONS.items() if part in test), "")


def _words(result) -> str:
    return result if isinstance(result, str) else "gives other numbers"


def install(room: Path, libraries: list[str]) -> None:
    """A virtual environment that sees this one's packages, the libraries in it, and their sources where those hold tests."""
    import site

    room.mkdir(parents=True, exist_ok=True)
    if not (room / "venv").exists():
        subprocess.run([sys.executable, "-m", "venv", room / "venv"], check=True)
        packages = next((room / "venv/lib").glob("python*/site-packages"))
        here = [path for path in sys.path if path.endswith("site-packages")] or site.getsitepackages()
        source = str(Path(__file__).parents[1] / "src")
        (packages / "around.pth").write_text("\n".join([source, *here]) + "\n", encoding="utf-8")
    pip = [room / "venv/bin/python", "-m", "pip"]
    for library in libraries:
        requirement, tests = SUITES[library]
        print("installing", requirement, flush=True)
        subprocess.run([*pip, "install", "-q", requirement], check=True)
        if tests:
            subprocess.run(
                [*pip, "download", "-q", "--no-deps", "--no-binary", library, "-d", room, library], check=True
            )
            with tarfile.open(next(room.glob(f"{library.replace('-', '_')}-*.tar.gz"))) as archive:
                archive.extractall(room, filter="data")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("room", type=Path, help="folder of the virtual environment and the sources")
    parser.add_argument("libraries", nargs="*", choices=[*SUITES, []], help="which ones; default all")
    parser.add_argument("--install", action="store_true", help="make the room first; needs the network")
    parser.add_argument("--seconds", type=int, default=480, help="limit for a library's tests one way; default 480")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also add the table to this file")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if something passes with torch.nn alone")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_intermixed_args()
    libraries = options.libraries or list(SUITES)
    if options.child:
        return child(*options.child)
    if options.install:
        install(options.room, libraries)
    report, alone = Report(__doc__, options), []
    report.table("library", "tests", *WAYS, "with torch.nn alone")
    for library in libraries:
        results = {way: run(options.room.resolve(), library, way, options.seconds) for way in WAYS}
        reference = results["torch.nn"]
        good = {
            way: {k for k, r in found.items() if k in reference and passes(r, reference[k])}
            for way, found in results.items()
        }
        lost = {way: sorted(good["torch.nn"] - good[way]) for way in WAYS[1:]}
        alone += [(f"{library}, {way}: {name}", _reason(name)) for way, names in lost.items() for name in names]
        for way, names in lost.items():
            for name in names:
                print(f"  {way}: {name}: {_words(results[way].get(name, 'did not run'))}", file=sys.stderr)
        report.row(library, len(reference), *(len(good[way]) for way in WAYS), sum(map(len, lost.values())))
    report.target("nothing passes with torch.nn and fails here without a reason", all(why for _, why in alone))
    for line, why in alone:
        print(f"{line}: {why or 'no reason is known'}")
    sys.exit(report.end())


if __name__ == "__main__":
    main()
