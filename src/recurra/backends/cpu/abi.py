"""native/step.h and native/core.h as ctypes sees them: the same fields in the same order.

Every field is 8 bytes: C's `long`, a pointer, an int64. Where `long` is shorter there are no kernels (`processor`).
"""

import ctypes
import functools
from ctypes import c_long, c_void_p

F32, BF16, F64 = 0, 1, 2


NUMBERS = ("gates", "states", "vectors", "merged", "recurrent", "keep", "keep_row", "shown", "of", "cross", "cross_row")
NUMBERS += ("scratch", "scratch_backward", "keeps_state", "forward_stages", "backward_stages")
LISTS = ("forward_of", "forward_gates", "backward_of", "backward_gates")
MOST_STAGES = 4


class Cell(ctypes.Structure):
    """recurra::Cell<T>: what the core must know of a cell; the same for float and double but for the functions."""

    _fields_ = [
        *((name, c_long) for name in NUMBERS),
        *zip(LISTS, [c_long * MOST_STAGES] * len(LISTS), strict=True),
        ("whole_gates", c_long),
        ("forward", c_void_p * MOST_STAGES),
        ("backward", c_void_p * MOST_STAGES),
    ]


class Direction(ctypes.Structure):
    """recurra::Direction: addresses, all of them."""

    _fields_ = [
        (name, c_void_p)
        for name in (
            *("w_x", "w_h", "b_x", "b_h", "w_r", "vectors"),
            *("state", "initial", "last"),
            *("mask", "zoneout", "zone_share"),
            *("trace_states", "trace_gates"),
            "keep",
            *("dlast", "dtrace_states"),
            *("dx", "dw_x", "dw_h", "db_x", "db_h", "dw_r", "dvectors", "dstate", "dinitial"),
        )
    ]


class Call(ctypes.Structure):
    """recurra::Call: one layer over a sequence. Strides count numbers, not bytes."""

    _fields_ = [
        ("cell", c_void_p),
        *(
            (name, c_long)
            for name in ("io", "time", "batch", "inputs", "units", "outputs", "heads", "directions", "threads")
        ),
        ("x", c_void_p),
        ("x_time", c_long),
        ("x_row", c_long),
        ("tokens", c_void_p),
        ("table_rows", c_long),
        ("lengths", c_void_p),
        ("resets", c_void_p),
        ("y", c_void_p),
        ("y_time", c_long),
        ("y_row", c_long),
        ("dy", c_void_p),
        ("dy_time", c_long),
        ("dy_row", c_long),
        ("parallel", c_void_p),
        ("direction", Direction * 2),
    ]


@functools.cache
def array_of(kind: type, count: int) -> type:
    """The type of a C array. ctypes itself forgets one that is not in use, and making it costs more than a call."""
    return kind * count


def addresses(values: list[int | None]) -> ctypes.Array:
    """A C array of addresses; None is null. It must live as long as the call that reads it."""
    return array_of(c_void_p, len(values))(*values)
