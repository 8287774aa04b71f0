"""examples/compress.py: what one form of the engine packs, every other form unpacks to the byte."""

import base64
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import engine_driver
from helpers.engine_models import VOCABULARY, language_model
from helpers.soak import few

from recurra.backends.cpu import processor
from recurra.engine import Engine
from recurra.engine.models import parts_of

SCRIPT = Path(__file__).parents[2] / "examples" / "compress.py"
TEXT = "to be, or not to be: that is the question. whether 'tis nobler in the mind to suffer.\n".replace(":", ",") * 9


@pytest.fixture(scope="module")
def compress():
    return runpy.run_path(str(SCRIPT))


@pytest.fixture
def short(compress, monkeypatch):
    """The script with passages so short that this text has several."""
    monkeypatch.setitem(compress["cut"].__globals__, "PASSAGE", 150)
    return compress


def model():
    return language_model("lstm", hidden_size=33, num_layers=2)


@pytest.mark.parametrize("size", [0, 1, 2, 149, 700])
def test_what_is_packed_comes_back(short, size):
    engine, ids = Engine(parts_of(model()), "int8"), VOCABULARY.encode(TEXT[:size])
    packed = short["pack"](ids, 0, lambda n: short["by_engine"](engine, n))
    back = short["unpack"](packed, 0, lambda n: short["by_engine"](engine, n, together=1, threads=1))
    assert back.tolist() == ids.tolist()


def test_a_likely_text_takes_the_bits_that_the_model_says(short):
    engine, ids = Engine(parts_of(model()), "int8"), VOCABULARY.encode(TEXT)
    bits = [0.0]

    def counting(passages):
        scores = short["by_engine"](engine, passages)

        def counted(tokens):
            found = scores(tokens)
            bits[0] += sum(_bits(row, token) for row, token in zip(found, counting.next(), strict=True))
            return found

        return counted

    lengths = short["cut"](len(ids))
    parts = np.split(ids, np.cumsum(lengths)[:-1])
    steps = iter([[part[step] for part in parts if len(part) > step] for step in range(lengths[0])])
    counting.next = lambda: next(steps)
    packed = short["pack"](ids, 0, counting)
    assert 8 * len(packed) == pytest.approx(bits[0], abs=400 + 0.02 * bits[0])  # the header, and rounded frequencies


def _bits(scores, token):
    below = scores.astype(float) - scores.max()
    return (np.log(np.exp(below).sum()) - below[token]) / np.log(2)


@pytest.mark.parametrize("data", [b"", b"recurra packed 1", b"PK\3\4" * 9])
def test_other_files_are_refused(compress, data):
    with pytest.raises(Exception, match=r"this was not packed by examples/compress\.py"):
        compress["unpack"](data, 0, None)


# One process an instruction set: starting it takes longer than its work.
CHILD = """
import base64, json, runpy
from engine.test_compress import SCRIPT, TEXT, VOCABULARY, Engine, model, parts_of
compress = runpy.run_path(str(SCRIPT))
compress["cut"].__globals__["PASSAGE"] = 150
engine = Engine(parts_of(model()), "int8")
for together, threads in ((1, 1), (64, 2)):
    scores_of = lambda n: compress["by_engine"](engine, n, together, threads)
    packed = compress["pack"](VOCABULARY.encode(TEXT), 0, scores_of)
    text = VOCABULARY.decode(compress["unpack"](packed, 0, scores_of))
    print(json.dumps([f"{together} together, {threads} threads", base64.b64encode(packed).decode(), text]))
"""


@pytest.mark.slow
@pytest.mark.sampled
def test_every_form_unpacks_what_every_other_packed(short, tmp_path):
    forms = {}  # name → what it packed, and unpacked of that
    for isa in few(processor.supported()):
        for name, packed, text in in_child(isa.name):
            forms[f"{isa.name}, {name}"] = packed, text
    if cross := engine_driver.arm():
        program = engine_driver.build(tmp_path / "arm", cross[0], ["-O2", "-static"])
        engine_driver.write_model(tmp_path / "model", parts_of(model()), "int8")
        forms["arm"] = in_program(short, [cross[1], program], tmp_path / "model")
    assert len(forms) >= 2
    # All packed the same bytes: what a form unpacked of its own is what any other packed.
    packers = {}
    for name, (packed, _) in forms.items():
        packers.setdefault(packed, []).append(name)
    assert len(packers) == 1, list(packers.values())
    for name, (_, text) in forms.items():
        assert text == TEXT, name


def in_child(isa: str) -> list:
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"RECURRA_ISA": isa, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 2
    return [(name, base64.b64decode(packed), text) for name, packed, text in rows]


def in_program(compress, command: list, path: Path) -> tuple[bytes, str]:
    def run(what: str, data) -> bytes | np.ndarray:
        program = engine_driver.Program(command, path, len(VOCABULARY))
        try:
            return compress[what](data, 0, lambda _: program)
        finally:
            program.end()

    packed = run("pack", VOCABULARY.encode(TEXT))
    return packed, VOCABULARY.decode(run("unpack", packed))
