"""The structures that Python and the core share, read from native/fields_*.h, and where each field lies.

The fields stand there once. C++ includes those files; here each line becomes a field of a ctypes structure. What the core was
compiled with is compared at load (`layout`), field by field: name, type, place and size.

Every field is 8 bytes: C's `long`, a pointer, an int64. Where `long` is shorter there are no kernels (`processor`).
"""

import ctypes
import functools
import re
from ctypes import c_long, c_void_p

from recurra.backends.cpu import build

F32, BF16, F64 = 0, 1, 2

_LINE = re.compile(r"^(FIELD|LIST)\(([^,]+), (\w+)(?:, (\w+))?\)", re.MULTILINE)
_POINTERS = ("Stage<T>", "Parallel", "AskPlace", "AskNumber", "AskType", "AskNumbers")


@functools.cache
def _text(file: str) -> str:
    return (build.native() / file).read_text("utf-8")


def constant(name: str) -> int:
    """A whole number that native/step.h names: `constant("MOST_STATES")`."""
    found = re.search(rf"constexpr long {name} = (\d+);", _text("step.h"))
    assert found, f"native/step.h has no {name}"
    return int(found[1])


MOST_STAGES, MOST_STATES, MOST_VECTORS, MOST_GIVEN, MOST_GATES = map(
    constant, ("MOST_STAGES", "MOST_STATES", "MOST_VECTORS", "MOST_GIVEN", "MOST_GATES")
)


def structure(name: str, **known: type) -> type[ctypes.Structure]:
    """The ctypes structure of native/fields_NAME.h. known: the types of other structures in it."""
    fields = []
    for kind, spelled, field, count in _LINE.findall(_text(f"fields_{name.lower()}.h")):
        pointer = spelled.endswith("*") or spelled in _POINTERS
        plain = c_void_p if pointer else c_long if spelled == "long" else known[spelled]
        fields.append(
            (field, plain, spelled, 0 if kind == "FIELD" else int(count) if count.isdigit() else constant(count))
        )
    made = [(field, plain * count if count else plain) for field, plain, _, count in fields]
    return type(name, (ctypes.Structure,), {"_fields_": made, "spelled": {f: s for f, _, s, _ in fields}})


Step = structure("Step")
"""recurra::Step<T>: one time step for some rows; the core fills it in."""
Cell = structure("Cell")
"""recurra::Cell<T>: what the core must know of a cell; the same for float and double but for the functions."""
Watched = structure("Watched")
"""recurra::Watched: a tensor of PyTorch's, and what it was."""
Watch = structure("Watch")
"""recurra::Watch: some of them, and whom to ask."""
Direction = structure("Direction")
"""recurra::Direction: addresses, all of them."""
Call = structure("Call", Direction=Direction)
"""recurra::Call: one layer over a sequence. Strides count numbers, not bytes."""


def layout() -> str:
    """Every field of the structures as ctypes lays them out, in the words of the core's recurra_layout."""
    return layout_of(Step, Cell, Watched, Watch, Direction, Call)


def layout_of(*structures: type[ctypes.Structure]) -> str:
    """Name, type, place and size of every field."""
    parts = []
    for part in structures:
        for name, spelled in part.spelled.items():
            field = getattr(part, name)
            parts.append(f"{part.__name__}.{name} {spelled} {field.offset} {field.size};")
    return "".join(parts)


@functools.cache
def array_of(kind: type, count: int) -> type:
    """The type of a C array. ctypes itself forgets one that is not in use, and making it costs more than a call."""
    return kind * count


def addresses(values: list[int | None]) -> ctypes.Array:
    """A C array of addresses; None is null. It must live as long as the call that reads it."""
    return array_of(c_void_p, len(values))(*values)
