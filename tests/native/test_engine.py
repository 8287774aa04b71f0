"""The engine under the sanitizers and on ARM."""

import shutil
import subprocess

import pytest
from helpers import engine_driver
from helpers.engine_models import VOCABULARY, language_model
from helpers.soak import SOAK

from recurra.engine.models import parts_of

SANITIZERS = {"address": "address,undefined", "thread": "thread"}
FLAGS = ["-O1", "-g1", "-march=x86-64-v3", "-fno-sanitize-recover=all", "-DRECURRA_SPAWN=1"]


def models(folder, precisions=("float32", "bfloat16", "int8")):
    """Files of models of every kind."""
    for cell in engine_driver.CELLS:
        parts = parts_of(language_model(cell, hidden_size=21, num_layers=2, residual=True))
        for precision in precisions:
            engine_driver.write_model(folder / f"{cell}-{precision}", parts, precision)
            yield folder / f"{cell}-{precision}"


def drawn(command, model, rows: int, threads: int) -> str:
    words = [*map(str, command), str(model), "write", str(rows), "20", str(threads)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_no_sanitizer_complains(tmp_path, sanitizer):
    compiler = shutil.which("g++") or shutil.which("clang++") or pytest.skip("no C++ compiler here")
    program = engine_driver.build(tmp_path / "driver", compiler, [*FLAGS, f"-fsanitize={SANITIZERS[sanitizer]}"])
    # Threads share rows and groups in the same way in every precision.
    for model in models(tmp_path, **({} if sanitizer == "address" or SOAK else {"precisions": ["int8"]})):
        # 130 rows do not fit one group; one row alone is another way through the products.
        assert drawn([program], model, 130, 3) == drawn([program], model, 130, 1)
        drawn([program], model, 1, 1)


@pytest.mark.slow
@pytest.mark.soak  # in `make test` the engine unpacks on ARM what others packed, in int8: test_compress
def test_an_arm_processor_draws_the_same_in_int8(tmp_path):
    cross = engine_driver.arm()
    if cross is None:
        pytest.skip("needs aarch64-linux-gnu-g++ and qemu-aarch64 (Debian: g++-aarch64-linux-gnu, qemu-user)")
    here = engine_driver.build(tmp_path / "here", shutil.which("g++"), ["-O2", "-march=x86-64-v3"])
    plain = engine_driver.build(tmp_path / "plain", shutil.which("g++"), ["-O2"])
    there = engine_driver.build(tmp_path / "there", cross[0], ["-O2", "-static"])
    sums = set()
    for model in models(tmp_path):
        ours = drawn([here], model, 30, 1)
        if model.name.endswith("int8"):
            assert drawn([plain], model, 30, 1) == ours, model.name
        if "bfloat16" not in model.name:
            assert drawn([cross[1], there], model, 30, 1) == ours, model.name
        sums.add(ours)
    assert len(sums) == 3 * len(engine_driver.CELLS)
    assert VOCABULARY.eod is None
