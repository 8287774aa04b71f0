"""examples/compress.py: what one form of the engine packs, every other form unpacks to the byte."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import engine_driver
from helpers.engine_models import VOCABULARY, language_model

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


CHILD = """
import sys
from engine.test_compress import SCRIPT, TEXT, VOCABULARY, Engine, model, parts_of
import runpy
compress = runpy.run_path(str(SCRIPT))
compress["cut"].__globals__["PASSAGE"] = 150
engine = Engine(parts_of(model()), "int8")
together, threads = int(sys.argv[1]), int(sys.argv[2])
scores_of = lambda n: compress["by_engine"](engine, n, together, threads)
if sys.argv[3] == "pack":
    sys.stdout.buffer.write(compress["pack"](VOCABULARY.encode(TEXT), 0, scores_of))
else:
    ids = compress["unpack"](sys.stdin.buffer.read(), 0, scores_of)
    sys.stdout.buffer.write(VOCABULARY.decode(ids).encode())
"""


@pytest.mark.slow
def test_every_form_unpacks_what_every_other_packed(short, tmp_path):
    forms = {}
    for isa in processor.supported():
        for together, threads in ((1, 1), (64, 2)):
            forms[f"{isa.name}, {together} together, {threads} threads"] = in_child(isa.name, together, threads)
    if cross := engine_driver.arm():
        program = engine_driver.build(tmp_path / "arm", cross[0], ["-O2", "-static"])
        engine_driver.write_model(tmp_path / "model", parts_of(model()), "int8")
        forms["arm"] = in_program(short, [cross[1], program], tmp_path / "model")
    assert len(forms) >= 2
    by = {}
    for name, (pack, _) in forms.items():
        by.setdefault(pack(), []).append(name)
    for content, packers in by.items():  # equal ones are unpacked once
        for name, (_, unpack) in forms.items():
            assert unpack(content) == TEXT, f"packed by {packers}, unpacked by {name}"
    assert len(by) == 1


def in_child(isa: str, together: int, threads: int):
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"RECURRA_ISA": isa, "PYTHONPATH": path}

    def run(what: str, data: bytes = b"") -> bytes:
        words = [sys.executable, "-c", CHILD, str(together), str(threads), what]
        done = subprocess.run(words, input=data, capture_output=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return lambda: run("pack"), lambda data: run("unpack", data).decode()


def in_program(compress, command: list, path: Path):
    def run(what: str, data) -> bytes | np.ndarray:
        program = engine_driver.Program(command, path, len(VOCABULARY))
        try:
            return compress[what](data, 0, lambda _: program)
        finally:
            program.end()

    return (
        lambda: run("pack", VOCABULARY.encode(TEXT)),
        lambda data: VOCABULARY.decode(run("unpack", data)),
    )
