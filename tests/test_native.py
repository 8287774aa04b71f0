"""The native code under the address, undefined-behaviour and thread sanitizers."""

import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from recurra import cells
from recurra.expr.compile import generate

NATIVE = Path(__file__).parents[1] / "native"
NAMES = ("lstm", "gru", "gru-original", "layernorm-lstm", "mingru")
NUMBERS = ["gates", "states", "vectors", "merged", "recurrent", "keep", "keep_row", "shown", "of", "cross", "cross_row"]
NUMBERS += ["scratch", "scratch_backward"]
NUMBERS += ["keeps_state", "forward_stages", "backward_stages"]
LISTS = ("forward_of", "forward_gates", "backward_of", "backward_gates")
# Threads take rows of their own, or, as where W_h is large and rows are few, share each product.
THREADS = {"apart": [], "together": ["-DRECURRA_LARGE=1", "-DRECURRA_SHARE=1"]}
SANITIZERS = {"address": "address,undefined", "thread": "thread"}


def table(names: tuple[str, ...]) -> str:
    """cells.inc: what the driver must know of each cell."""
    lines, entries = [], []
    for name in names:
        meta, word = asdict(generate(cells.get(name)).meta), name.replace("-", "_")
        lines.append(f"CELL({word})")
        if meta["forward_stages"] > 1:
            lines.append(f"STAGE({word})")
        functions = [
            "{" + ", ".join(f"{word}_{way}_{k}_f32" for k in range(meta[f"{way}_stages"])) + "}"
            for way in ("forward", "backward")
        ]
        numbers = [str(meta[key]) for key in NUMBERS] + ["{" + ", ".join(map(str, meta[key])) + "}" for key in LISTS]
        entries.append("{" + ", ".join([*numbers, str(meta["whole_gates"]), *functions]) + "}")
    return "\n".join([*lines, "static Cell<float> cells[] = {", ",\n".join(entries), "};"])


@pytest.mark.slow
@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_no_sanitizer_complains(tmp_path, sanitizer, threads):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler here")
    (tmp_path / "cells.inc").write_text(table(NAMES))
    flags = [
        "-std=c++17",
        "-O0",
        "-g1",
        "-march=x86-64-v3",
        f"-fsanitize={SANITIZERS[sanitizer]}",
        "-fno-sanitize-recover=all",
    ]
    flags += ["-Wno-psabi", *THREADS[threads], f"-I{NATIVE}", f"-I{tmp_path}", "-pthread"]
    sources = [Path(__file__).parent / "native_driver.cpp", NATIVE / "core.cpp"]
    objects = []
    for name in NAMES:
        source = tmp_path / f"{name}.cpp"
        source.write_text(generate(cells.get(name)).source)
        define = f"-DRECURRA_NAME(name)={name.replace('-', '_')}_##name"
        build(compiler, [*flags, define, "-c", source, "-o", tmp_path / f"{name}.o"])
        objects.append(tmp_path / f"{name}.o")
    build(compiler, [*flags, *sources, *objects, "-o", tmp_path / "driver"])
    done = subprocess.run([tmp_path / "driver", "8"], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "numbers compared" in done.stdout


def build(compiler: str, arguments: list) -> None:
    done = subprocess.run([compiler, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
