"""C++ beside a benchmark: compiled into a temporary folder with the system's compiler, and loaded."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fPIC", "-shared", "-pthread")


def compiler() -> str:
    """The C++ compiler: $CXX, or the system's. SystemExit where there is none."""
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        if name and shutil.which(name):
            return name
    raise SystemExit("this benchmark needs a C++ compiler; none of $CXX, c++, g++, clang++ is here")


def load(source: str, *flags: str) -> ctypes.CDLL:
    """The library made from a file beside this one."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "benchmark.so")
        done = subprocess.run(
            [compiler(), *FLAGS, HERE / source, "-o", library, *flags], capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"{source} could not be compiled:\n{done.stderr}")
        return ctypes.CDLL(str(library))
