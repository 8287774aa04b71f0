"""The native code under the address, undefined-behaviour and thread sanitizers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import cells_by_blocks, cells_for_compiling
from helpers.soak import SOAK

from recurra import cells
from recurra.backends.cpu import abi
from recurra.expr.compile import generate

TESTS = Path(__file__).parents[1]
NATIVE = TESTS.parent / "native"
CELLS = {
    name.replace("-", "_"): cells.get(name) for name in ("lstm", "gru", "gru-original", "layernorm-lstm", "mingru")
}
CELLS |= {kind.__name__.lower(): kind() for kind in (*cells_by_blocks.CELLS, cells_for_compiling.Given)}
# Together they have every form: products of x and h, of vectors, operations over a row, states that are kept.
FEW = {name: CELLS[name] for name in ("lstm", "gru", "layernorm_lstm")}
# Threads take rows of their own, or, as where W_h is large and rows are few, share each product.
THREADS = {"apart": [], "together": ["-DRECURRA_LARGE=1", "-DRECURRA_SHARE=1"]}
SANITIZERS = {"address": "address,undefined", "thread": "thread"}


def table(cells: dict) -> str:
    """cells.inc: what the driver must know of each cell."""
    lines, entries = [], []
    for word, cell in cells.items():
        fields = generate(cell).meta.fields
        lines.append(f"CELL({word})")
        lines += [f"STAGE({word}, {stage})" for stage in range(1, fields["forward_stages"])]
        values = []
        for field in abi.Cell.spelled:
            value = fields.get(field)
            if value is None:  # the functions of each stage
                value = [f"{word}_{field}_{k}_f32" for k in range(fields[f"{field}_stages"])]
            listed = isinstance(value, tuple | list)
            values.append("{" + ", ".join(map(str, value)) + "}" if listed else str(value))
        entries.append("{" + ", ".join(values) + "}")
    return "\n".join([*lines, "static Cell<float> cells[] = {", ",\n".join(entries), "};"])


def driver(folder: Path, compiler: str, flags: list[str], cells: dict = CELLS) -> Path:
    """The program that runs the core with some cells, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "cells.inc").write_text(table(cells))
    flags = ["-std=c++17", "-Wall", "-Werror", "-Wno-unknown-pragmas", "-Wno-psabi", "-pthread", *flags]
    flags += [f"-I{NATIVE}", f"-I{folder}"]
    sources = [Path(__file__).parent / "driver.cpp", NATIVE / "core.cpp"]
    for word, cell in cells.items():
        source = folder / f"{word}.cpp"
        source.write_text(generate(cell).source)
        build(compiler, [*flags, f"-DRECURRA_NAME(name)={word}_##name", "-c", source, "-o", folder / f"{word}.o"])
        sources.append(folder / f"{word}.o")
    build(compiler, [*flags, *sources, "-o", folder / "driver"])
    return folder / "driver"


def build(compiler: str, arguments: list) -> None:
    done = subprocess.run([compiler, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def run(*command) -> str:
    done = subprocess.run([*command], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "numbers compared" in done.stdout
    return done.stdout


@pytest.fixture
def compiler():
    return shutil.which("g++") or shutil.which("clang++") or pytest.skip("no C++ compiler here")


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize(
    ("sanitizer", "threads"),
    [
        ("address", "apart"),
        ("thread", "together"),
        pytest.param("address", "together", marks=pytest.mark.soak),
        pytest.param("thread", "apart", marks=pytest.mark.soak),
    ],
)
def test_no_sanitizer_complains(tmp_path, compiler, sanitizer, threads):
    flags = ["-O0", "-g1", "-march=x86-64-v3", f"-fsanitize={SANITIZERS[sanitizer]}", "-fno-sanitize-recover=all"]
    cells = CELLS if SOAK else FEW
    run(driver(tmp_path, compiler, [*flags, *THREADS[threads]], cells), "8")


CANARY = """
extern "C" __attribute__((visibility("default"))) int beyond(int at) { int* four = new int[4]; four[at] = 1; return four[0]; }
"""


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="loads the sanitizers' libraries by LD_PRELOAD")
def test_no_sanitizer_complains_of_misshapen_calls(tmp_path, compiler):
    """All of test_door, whose tensors were replaced, freed and shrunk, with a core under the sanitizers in Python itself."""
    libraries = [
        subprocess.run([compiler, f"-print-file-name=lib{name}.so"], capture_output=True, text=True).stdout.strip()
        for name in ("asan", "ubsan")
    ]
    if not all(Path(library).is_absolute() for library in libraries):
        pytest.skip("this compiler has no libraries of sanitizers")
    environment = os.environ | {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:detect_odr_violation=0",  # Python frees little at its end
        "RECURRA_SANITIZE": "address,undefined",
        "RECURRA_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": str(TESTS),
        "OMP_NUM_THREADS": "1",
    }

    def python(*words):
        command = [sys.executable, *map(str, words)]
        return subprocess.run(command, env=environment, cwd=TESTS.parent, capture_output=True, text=True, timeout=900)

    (tmp_path / "canary.cpp").write_text(CANARY)
    build(compiler, ["-shared", "-fPIC", "-fsanitize=address", tmp_path / "canary.cpp", "-o", tmp_path / "canary.so"])
    canary = f"import ctypes; ctypes.CDLL({str(tmp_path / 'canary.so')!r}).beyond(4)"
    assert "AddressSanitizer: heap-buffer-overflow" in python("-c", canary).stderr
    plugin = ["-p", "helpers.sanitized_core", "-p", "no:cacheprovider"]
    done = python("-m", "pytest", "-q", *plugin, TESTS / "backends/cpu/test_door.py")
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "skipped" not in done.stdout
    assert list((tmp_path / "cache").glob("*/core-*.so"))


@pytest.mark.slow
@pytest.mark.sampled
def test_an_arm_processor_gives_the_same_numbers(tmp_path, compiler):
    """The NEON vectors, by a cross compiler and an emulator."""
    cross, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
    if cross is None or emulator is None:
        pytest.skip("needs aarch64-linux-gnu-g++ and qemu-aarch64 (Debian: g++-aarch64-linux-gnu, qemu-user)")
    flags = ["-O1", "-ffp-contract=fast"]
    cells, cases = (CELLS, "3") if SOAK else (FEW, "1")
    here = run(driver(tmp_path / "here", compiler, flags, cells), cases, "print")
    there = run(emulator, driver(tmp_path / "there", cross, [*flags, "-static"], cells), cases, "print")
    ours, arms = ([float(line) for line in text.splitlines()[:-1]] for text in (here, there))
    assert len(ours) == len(arms) > 10_000
    assert arms == pytest.approx(ours, rel=1e-3, abs=1e-3)
