"""The page's module: the learner, the engine and some cells as WebAssembly, one file for a browser or Node.

The same sources as on a processor (native/, and each cell's generated code), compiled by the C++ compiler in the package
`ziglang` for 128-bit vectors and one thread. The engine and the core are each a namespace of their own there, since they are
linked into one file. What was made is kept in the cache of compiled kernels. A package holds two modules ready: of the standard
cells, and of all built-in ones, for a run of another of these.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from recurra import cells as registry
from recurra import files
from recurra.backends.cpu import abi, build, cache, trust
from recurra.cells.base import Cell
from recurra.errors import CellError, ConfigError
from recurra.expr.compile import generate, inference

STANDARD = ("lstm", "gru", "rnn")
"""The cells of an empty page, in the order of its list."""
TARGET = ("-target", "wasm32-wasi", "-msimd128")
FLAGS = (
    "-std=c++17",
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
    "-w",
    "-DRECURRA_FLOAT32_ONLY",
)
WRITER = ("-Drecurra=recurra_writer",)
"""The engine's namespace."""
LINK = ("-mexec-model=reactor", "-Wl,--gc-sections", "-Wl,--strip-all")
EXPORTS = (
    *("malloc", "free", "recurra_web_cell"),
    *(f"recurra_learner_{name}" for name in ("state", "step", "measure", "layout")),
    *(f"recurra_engine_{name}" for name in ("open", "close", "state", "start", "run", "layout")),
)
SECONDS = 300


def packaged() -> Path:
    """The folder of an installed package's modules; it need not exist."""
    return Path(__file__).parent / "lib"


def kinds() -> dict[str, dict[str, Cell]]:
    """The modules that a package holds: their names, and the cells of each by name, in order."""
    built_in = registry.built_in(given=False)
    standard = {name: built_in[name] for name in STANDARD}
    return {"standard": standard, "all": standard | built_in}


def enclosing(cells: dict[str, Cell]) -> dict[str, Cell]:
    """The cells of the module for a page with these, by name: these, or all built-in ones if only those are ready."""
    every = kinds()["all"]
    here = [every[name] for name in cells if name in every]
    mine = _sources([*cells.values()])
    if mine == _sources(here) and not _ready(mine) and _ready(_sources([*every.values()])):
        return every
    return cells


def module(cells: Sequence[Cell]) -> bytes:
    """The module with these cells: from the package, from the cache, or compiled now: ten seconds, a minute at the first time.

    ConfigError if the compiler is not installed, or one of the cells does not compile.
    """
    sources = _sources(cells)
    if made := _made(sources):
        return made.read_bytes()
    with tempfile.TemporaryDirectory(prefix="recurra-web-") as name:
        content = compile(sources, Path(name))
    place = _place(_key(sources))
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.write(place, content)
    return content


def is_made(cells: dict[str, Cell]) -> bool:
    """Whether a page with these cells, by name, needs no compiling."""
    return _made(_sources([*enclosing(cells).values()])) is not None


def _made(sources: dict[str, tuple[str, tuple[str, ...]]]) -> Path | None:
    """The package's module of these sources, or the cache's."""
    if ready := _ready(sources):
        return ready
    place = _place(_key(sources))
    return place if place is not None and place.is_file() and not trust.objection(place) else None


def _ready(sources: dict[str, tuple[str, tuple[str, ...]]]) -> Path | None:
    """The package's module of these sources, if it has one."""
    key = _key(sources)
    for kind in kinds():
        file = packaged() / f"{kind}.wasm"
        if file.is_file() and file.with_suffix(".key").read_text() == key:
            return file
    return None


def write(folder: Path) -> list[Path]:
    """The modules as a package holds them: each a file, and the key of its sources."""
    made = []
    with tempfile.TemporaryDirectory(prefix="recurra-web-") as name:
        for kind, cells in kinds().items():
            sources = _sources([*cells.values()])
            file, key = folder / f"{kind}.wasm", folder / f"{kind}.key"
            file.write_bytes(compile(sources, Path(name)))
            key.write_text(_key(sources))
            made += [file, key]
    return made


def compiler() -> list[str]:
    """The command of the compiler for browsers. ConfigError if it is not installed."""
    if importlib.util.find_spec("ziglang") is None:
        raise ConfigError(
            "a page is compiled by ziglang, which is not installed: pip install '.[web]' (from a clone), or pip install ziglang"
        )
    return [sys.executable, "-m", "ziglang", "c++"]


def _sources(cells: Sequence[Cell]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Every source file of a module, by name, with its flags."""
    sources = {
        "core.cpp": ((build.native() / "core.cpp").read_text("utf-8"), ()),
        "learner.cpp": ((build.native() / "learner.cpp").read_text("utf-8"), ()),
        "engine.cpp": ((build.native() / "engine.cpp").read_text("utf-8"), WRITER),
    }
    declared, learned, written = [], [], []
    for index, cell in enumerate(cells):
        word = f"cell{index}"
        try:
            trained, stepped = generate(cell), inference(cell)
        except CellError as error:
            raise ConfigError(
                f"{type(cell).__name__} cannot be compiled for a page: {str(error).splitlines()[0]}"
            ) from error
        named = (f"-DRECURRA_NAME(name)={word}_##name",)
        sources[f"{word}.cpp"] = (trained.source, named)
        sources[f"{word}_step.cpp"] = (stepped.source, (*named, *WRITER))
        functions = {
            way: [f"{word}_{way}_{stage}_f32" for stage in range(trained.meta.fields[f"{way}_stages"])]
            for way in ("forward", "backward")
        }
        steps = {
            "forward": [f"{word}_step_{stage}" for stage in range(stepped.meta.fields["forward_stages"])],
            "backward": [],
        }
        declared += [
            f"void {name}(const Step<float>*);" for group in (*functions.values(), steps["forward"]) for name in group
        ]
        learned.append(_initialiser(trained.meta.fields, functions))
        written.append(_initialiser(stepped.meta.fields, steps))
    lines = ['extern "C" {', *declared, "}"]
    lines += ["static const Cell<float> learned[] = {", ",\n".join(learned), "};"]
    lines += ["static const Cell<float> written[] = {", ",\n".join(written), "};"]
    web = (build.native() / "web.cpp").read_text("utf-8")
    sources["web.cpp"] = (web.replace('#include "cells.inc"', "\n".join(lines)), ())
    return sources


def _initialiser(fields: dict, functions: dict[str, list[str]]) -> str:
    """A Cell<float> as C++ writes it, its fields in their order."""
    values = []
    for name in abi.Cell.spelled:
        value = functions.get(name, fields.get(name))
        values.append("{" + ", ".join(map(str, value)) + "}" if isinstance(value, list | tuple) else str(value))
    return "{" + ", ".join(values) + "}"


def _key(sources: dict[str, tuple[str, tuple[str, ...]]]) -> str:
    digest = hashlib.sha256(" ".join([*TARGET, *FLAGS, *LINK, *EXPORTS]).encode())
    for name, (text, flags) in sorted(sources.items()):
        headers = [(build.native() / one).read_text("utf-8") for one in cache.headers(text)]
        digest.update("\n".join([name, *flags, text, *headers]).encode())
    return digest.hexdigest()[:16]


def _place(key: str) -> Path | None:
    """Where the module lies in the user's cache; None if that is no place for it."""
    try:
        place = Path(os.path.realpath(cache.folder())) / "web" / f"{key}.wasm"
    except cache.NoFolderError:
        return None
    return None if cache.problem() or trust.objection(place.parent) else place


def compile(sources: dict[str, tuple[str, tuple[str, ...]]], folder: Path) -> bytes:
    """Compile and link in a folder; objects made there before are used. ConfigError with the compiler's first complaint."""
    command = compiler()
    includes = [f"-I{folder}", f"-I{build.native()}"]

    def make(file: str) -> Path:
        text, flags = sources[file]
        digest = hashlib.sha256("\n".join([*flags, text]).encode()).hexdigest()[:16]
        source, target = folder / f"{digest}.cpp", folder / f"{digest}.o"
        if not target.exists():
            source.write_text(text, "utf-8")
            _run([*command, *TARGET, *FLAGS, *flags, *includes, "-c", str(source), "-o", str(target)])
        return target

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        objects = [*threads.map(make, sources)]
    exports = [f"-Wl,--export={symbol}" for symbol in EXPORTS]
    _run([*command, *TARGET, *LINK, *exports, *map(str, objects), "-o", str(folder / "module.wasm")])
    return (folder / "module.wasm").read_bytes()


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"the compiler for pages did not run: {error}") from error
    if done.returncode:
        lines = (
            [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or ["no words"]
        )
        raise ConfigError(f"the compiler for pages failed: {lines[0]}")
