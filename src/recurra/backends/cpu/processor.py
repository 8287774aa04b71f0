"""Instruction sets: which there are, which one this machine runs, and how to force another: RECURRA_ISA=avx2.

Kernels are compiled once for each and picked when the first one is needed.
"""

import functools
import os
import platform
import subprocess
from pathlib import Path
from typing import NamedTuple

from recurra.errors import BackendError, nearest

VARIABLE = "RECURRA_ISA"


class Isa(NamedTuple):
    """One instruction set: its name, the compiler's flags for it, and what the processor must have."""

    name: str
    flags: tuple[str, ...]
    needs: frozenset[str]  # as Linux calls them in /proc/cpuinfo


def _isa(name: str, below: Isa | None, needs: str) -> Isa:
    flags = tuple(f"-m{feature.replace('_', '')}" for feature in needs.split())
    flags = tuple("-mbmi" if flag == "-mbmi1" else flag for flag in flags)
    return Isa(
        name, (below.flags if below else ()) + flags, (below.needs if below else frozenset()) | set(needs.split())
    )


# Single flags and not -march=x86-64-v3: older compilers know these.
_X86 = _isa("x86", None, "")
_AVX2 = _isa("avx2", _X86, "avx avx2 fma f16c bmi1 bmi2")
_AVX512 = _isa("avx512", _AVX2, "avx512f avx512bw avx512cd avx512dq avx512vl")
_AVX512BF16 = _isa("avx512bf16", _AVX512, "avx512_bf16 avx512_vnni")

# machine → its instruction sets, the best first
ISAS: dict[str, tuple[Isa, ...]] = {
    "x86_64": (_AVX512BF16, _AVX512, _AVX2, _X86),
    "arm64": (_isa("neon", None, ""),),
}
_SAME = {"amd64": "x86_64", "aarch64": "arm64"}


def known() -> tuple[Isa, ...]:
    """The instruction sets of this machine's architecture, the best first; on a foreign one a single plain one."""
    machine = platform.machine().lower()
    return ISAS.get(_SAME.get(machine, machine), (_isa("generic", None, ""),))


def supported() -> tuple[Isa, ...]:
    """Those of `known()` that this processor runs, the best first."""
    has = _features()
    return tuple(isa for isa in known() if isa.needs <= has)


@functools.cache
def chosen() -> Isa:
    """The instruction set in use: RECURRA_ISA, or the best that runs here. Raises BackendError for an invalid one."""
    can = {isa.name: isa for isa in supported()}
    asked = os.environ.get(VARIABLE, "")
    if not asked:
        return next(iter(can.values()))
    if asked not in can:
        if asked in {isa.name for isa in known()}:
            raise BackendError(f"{VARIABLE} is {asked!r}, which this processor lacks; it runs: {', '.join(can)}")
        raise BackendError(f"{VARIABLE} is {asked!r}; {nearest(asked, can)} (this processor runs: {', '.join(can)})")
    return can[asked]


def _features() -> set[str]:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("flags", "Features"):
                return set(value.split())
    except OSError:
        pass
    return _darwin() if platform.system() == "Darwin" else set()


def _darwin() -> set[str]:
    """What an Intel Mac says of its processor, in Linux's words. Untested here: nobody's machine was at hand."""
    keys = ("machdep.cpu.features", "machdep.cpu.leaf7_features")
    try:
        words = subprocess.run(["sysctl", "-n", *keys], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return set()
    names = {"avx1.0": "avx"}
    return {names.get(word, word) for word in words.lower().split()}
