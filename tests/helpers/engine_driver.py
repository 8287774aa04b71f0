"""The engine as a program of its own (tests/native/engine_driver.cpp): under sanitizers, or for another processor."""

import shutil
import struct
import subprocess
from ctypes import string_at
from pathlib import Path

import numpy as np

from recurra import cells
from recurra.backends.cpu import abi as cpu_abi
from recurra.engine import abi
from recurra.engine.engine import described
from recurra.engine.parts import ModelParts
from recurra.expr.compile import inference

NATIVE = Path(__file__).parents[2] / "native"
SOURCE = Path(__file__).parents[1] / "native" / "engine_driver.cpp"
CELLS = ("lstm", "gru", "gru-original", "layernorm-lstm", "mingru")
FLAGS = ["-std=c++17", "-ffp-contract=off", "-Wall", "-Werror", "-Wno-unknown-pragmas", "-Wno-psabi", "-pthread"]
ARM = ("aarch64-linux-gnu-g++", "qemu-aarch64")


def table() -> str:
    """cells.inc: the stages of each cell, and what the engine must know of it."""
    lines, entries = [], []
    for name in CELLS:
        word, fields = name.replace("-", "_"), inference(cells.built_in()[name]).meta.fields
        stages = [f"{word}_step_{k}" for k in range(fields["forward_stages"])]
        lines += [f"STAGE({word}, {k})" for k in range(len(stages))]
        values = []
        for field in cpu_abi.Cell.spelled:
            value = fields.get(field, stages if field == "forward" else ["nullptr"])
            values.append("{" + ", ".join(map(str, value)) + "}" if isinstance(value, tuple | list) else str(value))
        entries.append("{" + ", ".join(values) + "}")
    return "\n".join([*lines, "static Cell<float> cells[] = {", ",\n".join(entries), "};\n"])


def build(folder: Path, compiler: str, flags: list[str]) -> Path:
    """The program, compiled with these flags."""
    folder.mkdir(exist_ok=True)
    (folder / "cells.inc").write_text(table())
    arguments, objects = [*FLAGS, *flags, f"-I{NATIVE}", f"-I{folder}"], []
    for name in CELLS:
        word = name.replace("-", "_")
        (folder / f"{word}.cpp").write_text(inference(cells.built_in()[name]).source)
        objects.append(folder / f"{word}.o")
        _run(
            compiler, *arguments, f"-DRECURRA_NAME(name)={word}_##name", "-c", folder / f"{word}.cpp", "-o", objects[-1]
        )
    _run(compiler, *arguments, SOURCE, NATIVE / "engine.cpp", *objects, "-o", folder / "driver")
    return folder / "driver"


def _run(*command) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def arm() -> tuple[str, str] | None:
    """A compiler for ARM and what runs its programs, where both are here."""
    found = tuple(map(shutil.which, ARM))
    return found if all(found) else None


def write_model(path: Path, parts: ModelParts, precision: str) -> None:
    """A model as the program reads it, from the very structures that the engine is handed."""
    model, kept = described(parts, precision)
    out = [struct.pack("<3q", model.precision, model.tokens, model.layers)]
    for k in range(model.layers):
        layer, part = abi.Layer.from_address(model.layer + k * _size(abi.Layer)), parts.layers[k]
        fields = inference(part.cell).meta.fields
        name = next(name for name, cell in cells.built_in().items() if cell == part.cell)
        numbers = (CELLS.index(name), layer.inputs, layer.units, layer.outputs, layer.residual)
        out.append(struct.pack("<5q", *numbers))
        out += [_matrix(matrix, model.precision) for matrix in (layer.w_x, layer.w_h, layer.w_r)]
        out.append(_array(layer.b_x, 4 * fields["x_gates"] * layer.units))
        out.append(_array(layer.b_h, 4 * fields["h_gates"] * layer.units))
        out.append(struct.pack("<q", len(part.vectors)))
        out += [_packed(np.float32(part.vectors[vector]).tobytes()) for vector in part.cell.vectors]
    out.append(_array(model.embedding, 4 * model.tokens * abi.Layer.from_address(model.layer).inputs))
    out += [_matrix(model.head, model.precision), _array(model.head_bias, 4 * model.tokens)]
    del kept
    path.write_bytes(b"".join(out))


def _size(structure: type) -> int:
    return sum(getattr(structure, name).size for name in structure.spelled)


def _matrix(matrix: abi.Matrix, precision: int) -> bytes:
    bytes_ = matrix.rows * matrix.columns * (1 if precision == abi.INT8 else 4)
    head = struct.pack("<2q", matrix.rows, matrix.columns)
    return head + _array(matrix.data, bytes_) + _array(matrix.scale, 4 * matrix.rows)


def _array(address: int | None, size: int) -> bytes:
    return _packed(string_at(address, size) if address else b"")


def _packed(content: bytes) -> bytes:
    return struct.pack("<q", len(content)) + content + bytes(-len(content) % 8)


class Program:
    """The program as scores: each passage's next token (n,) → the scores after it, (n, tokens)."""

    def __init__(self, command: list, model: Path, tokens: int):
        self.tokens = tokens
        self.process = subprocess.Popen(
            [*map(str, command), str(model), "scores"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        self.process.stdin.write(np.concatenate([[len(tokens)], tokens]).astype("<i8").tobytes())
        self.process.stdin.flush()
        size = 4 * len(tokens) * self.tokens
        return np.frombuffer(self.process.stdout.read(size), "<f4").reshape(len(tokens), self.tokens)

    def end(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()
