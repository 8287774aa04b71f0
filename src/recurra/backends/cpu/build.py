"""The C++ compiler: where it is, how it is called, and one source file → one shared library.

Everything here is plain Python: the wheel's build and a user's first call of an own cell go the same way.
"""

import functools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from recurra.backends.cpu import trust
from recurra.backends.cpu.processor import Isa

NAMES = ("c++", "g++", "clang++")
SECONDS = 300
"""After which a compiler that does not come back is given up."""
TMPDIR = "TMPDIR to a folder that only you can write"

# fp-contract: a * b + c in one instruction. No -ffast-math: NaN and infinity keep their meaning.
FLAGS = ("-std=c++17", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fno-plt")
FLAGS += ("-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wno-unknown-pragmas", "-Wno-psabi", "-pthread")
LIBRARIES = ("-lm",)


class CompileError(Exception):
    """Why there is no compiled file: one sentence. The backend turns it into a warning and runs without."""


class Compiler(NamedTuple):
    """A compiler: the words that call it, and what tells it from another, or from its next version."""

    command: tuple[str, ...]
    identity: str


def native() -> Path:
    """The folder of the C++ sources: in the package when installed, else in the repository."""
    package = Path(__file__).parents[2]
    installed = package / "native"
    return installed if installed.is_dir() else package.parents[1] / "native"


def compiler() -> Compiler:
    """The system's C++ compiler: $CXX, or the first of c++, g++ and clang++. Raises CompileError if there is none."""
    return _find(os.environ.get("CXX", ""), os.environ.get("PATH", ""))


@functools.cache
def _find(asked: str, path: str) -> Compiler:
    for name in [asked] if asked else NAMES:
        command = shlex.split(name)
        place = shutil.which(command[0]) if command else None
        if place:
            real = os.path.realpath(place)
            # Size and time of change stand for the version: asking the compiler itself would cost each process
            # some milliseconds.
            facts = os.stat(real)
            return Compiler((place, *command[1:]), f"{name} {real} {facts.st_size} {facts.st_mtime_ns}")
    if asked:
        raise CompileError(f"CXX={asked}, and there is no such program")
    raise CompileError("no C++ compiler was found (looked for " + ", ".join(NAMES) + ")")


def version(found: Compiler) -> str:
    """What the compiler says of itself, one line."""
    try:
        answer = subprocess.run([*found.command, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not answer: {error}"
    return (answer.stdout.splitlines() or ["version unknown"])[0]


def command(found: Compiler, isa: Isa, source: Path, out: Path, more: tuple[str, ...] = ()) -> list[str]:
    """The whole command line. more: flags that come after those of every unit."""
    flags = FLAGS if sys.platform != "darwin" else tuple(flag for flag in FLAGS if flag != "-fno-plt")
    return [*found.command, *flags, *isa.flags, *more, f"-I{native()}", str(source), "-o", str(out), *LIBRARIES]


def compile(source: str, name: str, isa: Isa, out: Path, more: tuple[str, ...] = ()) -> None:
    """Compile `source` into the shared library `out`. name: for the compiler's messages. more: as in `command`.

    Raises CompileError."""
    found = compiler()
    with tempfile.TemporaryDirectory(prefix="recurra-") as folder:
        if why := trust.objection(folder):
            raise CompileError(f"{why}, and so is no place for native code; set {TMPDIR}")
        file = Path(folder) / f"{name}.cpp"
        file.write_text(source, encoding="utf-8")
        # The compiler's own temporary files belong there too: a killed build leaves them where the system clears up.
        environment = os.environ | {"TMPDIR": folder}
        words = command(found, isa, file, out, more)
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False, env=environment
            )
        except subprocess.TimeoutExpired:
            raise CompileError(f"{found.command[0]} did not finish {name} within {SECONDS} seconds") from None
        except OSError as error:
            raise CompileError(f"{found.command[0]} could not be started: {error.strerror}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        first = next(
            (line for line in lines if "error" in line), lines[-1] if lines else f"exit code {done.returncode}"
        )
        raise CompileError(f"{found.command[0]} could not compile {name}: {first.strip()}")
