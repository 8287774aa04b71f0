"""The structures that Python and the engine share, read from native/fields_*.h as those of the core are."""

from ctypes import c_double, c_uint64

from recurra.backends.cpu.abi import layout_of, structure

FLOAT32, BFLOAT16, INT8 = 0, 1, 2
PRECISIONS = {"float32": FLOAT32, "bfloat16": BFLOAT16, "int8": INT8}
GOOD, NOT_FINITE, NOTHING_LEFT = 0, 1, 2

Matrix = structure("Matrix")
"""recurra::Matrix: rows of floats, or of whole numbers with a scale each."""
Layer = structure("Layer", Matrix=Matrix)
"""recurra::Layer: one layer's cell and weights."""
Model = structure("Model", Matrix=Matrix)
"""recurra::Model: embedding, layers, head."""
Row = structure("Row", double=c_double, uint64_t=c_uint64)
"""recurra::Row: one text under way."""


def layout() -> str:
    """Every field of the structures as ctypes lays them out, in the words of recurra_engine_layout."""
    return layout_of(Matrix, Layer, Model, Row)
