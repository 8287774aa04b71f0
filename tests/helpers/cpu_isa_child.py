"""Every cell in every type on one instruction set: `python cpu_isa_child.py avx2`. A process picks one, once."""

import os
import sys

os.environ["RECURRA_ISA"] = sys.argv[1]

import torch
from backends.cpu.test_layer import LENGTHS, SMOOTH, compare
from helpers.soak import SOAK

from recurra import cells
from recurra.backends.cpu import library

for cell in cells.names() if SOAK else ("lstm", "gru", "layernorm-lstm", "slstm"):
    for dtype in (torch.float32, torch.float64, *([torch.bfloat16] if cell in SMOOTH else [])):
        torch.manual_seed(0)
        for hidden in (2, 16, 33):
            compare(cell, 7, 4, 5, hidden, dtype=dtype)
        compare(cell, 7, 4, 3, 19, dtype=dtype, call={"lengths": LENGTHS}, bidirectional=True)
    assert library.made(cells.get(cell)).isa.name == sys.argv[1]
print(f"all right on {sys.argv[1]}")
