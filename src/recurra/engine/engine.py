"""The weights of a model, laid out once; calls that read and write rows of text."""

import os
import sys
from collections.abc import Sequence
from ctypes import addressof, c_double, c_void_p

import numpy as np

from recurra.engine import abi, library
from recurra.engine.parts import LayerParts, ModelParts, Weight, Whole, floats, quantised
from recurra.engine.rows import Row


class Engine:
    """A model in native code: `engine = Engine(parts)`; then `engine.start(rows)`, `engine.read(...)` and `engine.run(rows)`.

    parts: the model. precision: what its products run in: "float32", "bfloat16" (weights of half the size) or "int8" (a
        quarter, and the same bits on every machine).

    It holds no text and no state: several threads and any number of rows may use it at once.
    Raises Unavailable if a cell does not compile, or there is no compiled engine.
    """

    def __init__(self, parts: ModelParts, precision: str = "float32"):
        self._functions = library.functions()
        self.precision = precision
        self.tokens = parts.head.shape[0]
        model, kept = described(parts, precision)
        # The rest was copied: these are read as long as the engine lives.
        self._steps, self._embedding = [library.step(layer.cell) for layer in parts.layers], kept[-1]
        self._handle = self._functions.open(addressof(model))
        if not self._handle:
            raise MemoryError("no memory for the engine's weights")
        self.state_size = self._functions.state(self._handle)

    def __del__(self):
        handle = getattr(self, "_handle", None)
        if handle:
            self._functions.close(handle)

    def start(self, rows: int = 1) -> np.ndarray:
        """The state that a text starts from, for some rows: (rows, numbers) float32."""
        states = np.empty((rows, self.state_size), np.float32)
        if rows:
            self._functions.start(self._handle, states.ctypes.data)
            states[1:] = states[0]
        return states

    def run(self, rows: Sequence[Row], threads: int | None = None) -> None:
        """Let every row read its given tokens and draw up to its steps. threads: default as many as PyTorch may use."""
        calls = (abi.Row * len(rows))(*[row.call for row in rows])
        if self._functions.run(self._handle, calls, len(rows), threads or default_threads()):
            raise MemoryError("no memory for the engine's rows")
        for row, call in zip(rows, calls, strict=True):
            row.call = call


def default_threads() -> int:
    """PyTorch's number of threads where it is loaded, else OMP_NUM_THREADS, else the processors this process may use."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        return torch.get_num_threads()
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def described(parts: ModelParts, precision: str) -> tuple[abi.Model, list]:
    """A model as the native code is handed it, and what must live until it was read; the last of these is the embedding."""
    kept: list = []
    steps = [library.step(layer.cell) for layer in parts.layers]
    parts = quantised(parts) if precision == "int8" else parts
    return _model(parts, steps, abi.PRECISIONS[precision], kept), kept


def _model(parts: ModelParts, steps: list[library.Step], precision: int, kept: list) -> abi.Model:
    def floats_at(array: np.ndarray | None) -> int | None:
        if array is None:
            return None
        kept.append(np.ascontiguousarray(array, np.float32))
        return kept[-1].ctypes.data

    def matrix(weight: Weight | None) -> abi.Matrix:
        if weight is None:
            return abi.Matrix()
        rows, columns = weight.shape
        if precision == abi.INT8:
            assert isinstance(weight, Whole)
            kept.append(np.ascontiguousarray(weight.numbers))
            return abi.Matrix(kept[-1].ctypes.data, floats_at(weight.scale), rows, columns)
        return abi.Matrix(floats_at(floats(weight)), None, rows, columns)

    def pointers(arrays: list[np.ndarray | None]) -> int | None:
        if not arrays:
            return None
        kept.append((c_void_p * len(arrays))(*map(floats_at, arrays)))
        return addressof(kept[-1])

    layers = (abi.Layer * len(parts.layers))()
    for to, layer, step in zip(layers, parts.layers, steps, strict=True):
        _fill(to, layer, step, matrix, pointers, floats_at, kept)
    kept.append(layers)
    head, bias = matrix(parts.head), floats_at(parts.head_bias)
    embedding = floats(parts.embedding)
    if parts.scale != 1:
        embedding = embedding * np.float32(parts.scale)
    at = floats_at(embedding)  # last, so that it is the one that is kept
    return abi.Model(precision, len(embedding), len(layers), addressof(layers), at, head, bias)


def _fill(to: abi.Layer, layer: LayerParts, step: library.Step, matrix, pointers, floats_at, kept: list) -> None:
    cell, fields = layer.cell, step.meta.fields
    to.cell = addressof(step.structure)
    to.inputs = layer.w_x.shape[1]
    to.units = layer.w_x.shape[0] // fields["x_gates"]
    to.outputs = layer.w_r.shape[0] if layer.w_r is not None else to.units
    to.residual = layer.residual
    to.w_x, to.w_h, to.w_r = matrix(layer.w_x), matrix(layer.w_h), matrix(layer.w_r)
    to.b_x, to.b_h = floats_at(layer.b_x), floats_at(layer.b_h)
    to.vectors = pointers([layer.vectors[name] for name in cell.vectors])
    to.initial = pointers([layer.initial.get(name) for name in cell.state_names]) if layer.initial else None
    if layer.zone:
        kept.append((c_double * len(layer.zone))(*layer.zone))
        to.zone_share = addressof(kept[-1])
