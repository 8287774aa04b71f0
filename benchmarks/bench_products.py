"""The large products: the core's own tiles against PyTorch's mm and oneDNN's linear with packed weights, one thread.

    python benchmarks/bench_products.py          about a minute

a (rows, depth) · wᵀ (depth, columns), float32: the shapes of an LSTM's products at 128, 256 and 512 units, with the rows of
one step (32), of a chunk of steps (256), and of a whole sequence (3200). Weights are packed before where a way to do so exists.
"""

import ctypes
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from pairs import header, paired
from report import Report, arguments

from recurra.backends.cpu import build

SHAPES = [(rows, units, 4 * units) for units in (128, 256, 512) for rows in (32, 256, 3200)]


def library(folder: str) -> ctypes.CDLL:
    """The core's product, compiled for this machine."""
    out, source = Path(folder) / "products.so", Path(__file__).with_name("products.cpp")
    command = [
        *build.compiler().command,
        *build.FLAGS,
        "-march=native",
        f"-I{build.native()}",
        str(source),
        "-o",
        str(out),
    ]
    subprocess.run(command, check=True)
    made = ctypes.CDLL(str(out))
    made.product_pack.restype, made.product_pack.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_void_p, ctypes.c_long, ctypes.c_long],
    )
    made.product_free.argtypes = [ctypes.c_void_p]
    made.product_run.argtypes = [
        ctypes.c_void_p,
        ctypes.c_long,
        ctypes.c_void_p,
        ctypes.c_long,
        ctypes.c_long,
        ctypes.c_void_p,
    ]
    return made


def main() -> int:
    options = arguments(__doc__, quick=False, seconds=1.2).parse_args()
    report = Report(__doc__, options)
    torch.set_num_threads(1)
    report.say(header())
    report.table("rows", "depth", "columns", "mm GFLOP/s", "oneDNN packed", "own tiles", "own over best")
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        own = library(folder)
        for rows, depth, columns in SHAPES[:2] if options.quick else SHAPES:
            a, w, c = torch.randn(rows, depth), torch.randn(columns, depth), torch.empty(rows, columns)
            packed, at = own.product_pack(w.data_ptr(), depth, columns), (a.data_ptr(), c.data_ptr())
            dense = torch.ops.mkldnn._reorder_linear_weight(w, rows)
            ways = {
                "mm": lambda a=a, w=w: a @ w.t(),
                "onednn": lambda a=a, d=dense: torch.ops.mkldnn._linear_pointwise(a, d, None, "none", [], ""),
                "own": lambda p=packed, at=at, s=(rows, depth, columns): own.product_run(
                    at[0], s[0], p, s[1], s[2], at[1]
                ),
            }
            ways["own"]()
            assert torch.allclose(c, a @ w.t(), rtol=1e-3, atol=1e-3)
            times = paired(ways, options.seconds)
            speed = {name: 2e-9 * rows * depth * columns / statistics.median(all_) for name, all_ in times.items()}
            report.row(rows, depth, columns, *speed.values(), speed["own"] / max(speed["mm"], speed["onednn"]))
            own.product_free(packed)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
