"""`recurra doctor`: what Recurra finds on this machine, and what runs where."""

import importlib.metadata
import os
import platform
import warnings
from pathlib import Path

import click

from recurra import waiting
from recurra.cli.frame import Command
from recurra.cli.shown import json_option, table, to_json

_PACKAGES = (
    "torch",
    "numpy",
    "safetensors",
    "tokenizers",
    "click",
    "rich",
    "pooch",
    "matplotlib",
    "tensorboard",
    "ziglang",
)
# What the kernels for recurrent layers ask of a processor, as Linux calls it.
_FEATURES = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "asimd", "sve", "bf16")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY", waiting.LOOKS)


@click.command("doctor", cls=Command, examples={"for a report of a fault": "recurra doctor --json"})
@json_option
def command(as_json):
    """Show what is here and what runs where.

    Versions, processor, threads, devices, compiler, compiled kernels; and for each cell the backend that runs it, and why
    not another. A kernel that is missing is compiled; with --cell-file before the command, also those of your own cells.
    """
    found = {
        "versions": _versions(),
        "processor": _processor(),
        "threads": _threads(),
        "devices": _devices(),
        "compiler": _compiler(),
        "cells": _cells(),
        "kernels": _kernels(),  # after the cells, which compile what is missing
    }
    if as_json:
        click.echo(to_json(found))
        return
    for title, part in found.items():
        if title != "cells":
            click.secho(title, bold=True)
            click.echo(_lines(part) + "\n")
    click.secho("cells: what runs them, by a short sequence in float32", bold=True)
    rows = [[row["cell"], row["device"], row["backend"], row["why"]] for row in found["cells"]]
    click.echo(table(["cell", "device", "backend", "why"], rows, left=4))


def _lines(part: dict) -> str:
    shown = {k: ", ".join(v) or "none known" if isinstance(v, list) else str(v) for k, v in part.items()}
    width = max(map(len, shown))
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in shown.items())


def _versions() -> dict:
    from recurra import __version__

    versions = {"recurra": __version__, "python": platform.python_version(), "system": platform.platform()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _processor() -> dict:
    import torch

    flags, name = set(), platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("flags", "Features"):
                flags |= set(value.split())
            if key.strip() == "model name":
                name = value.strip()
    except OSError:
        # Not Linux: what PyTorch uses says the most important part.
        flags = set()
    return {
        "name": name,
        "machine": platform.machine(),
        "features": [feature for feature in _FEATURES if feature in flags],
        "pytorch uses": torch.backends.cpu.get_cpu_capability(),
    }


def _threads() -> dict:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = {"cores usable": usable, "pytorch threads": torch.get_num_threads()}
    return threads | {name: os.environ[name] for name in _THREADS if name in os.environ}


def _devices() -> dict:
    import torch

    devices = {"cpu": "yes"}
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            devices[f"cuda:{index}"] = torch.cuda.get_device_name(index)
        devices["cudnn"] = str(torch.backends.cudnn.version())
    else:
        devices["cuda"] = "no"
    devices["mps"] = "yes" if torch.backends.mps.is_available() else "no"
    return devices


def _compiler() -> dict:
    """The compilers: C++ for a cell of one's own, and the one for `recurra page`."""
    from recurra.backends.cpu import build
    from recurra.errors import ConfigError
    from recurra.page import document, module

    try:
        found = build.compiler()
        own = {"c++": " ".join(found.command), "version": build.version(found)}
    except build.CompileError as error:
        own = {"c++": f"none: {error}; a cell of your own then runs by its equations"}
    ready = "; an empty page is ready" if module.is_made(document.standard()) else ""
    try:
        return own | {"pages": " ".join(module.compiler()) + ready}
    except ConfigError as error:
        return own | {"pages": f"none: {error}{ready}"}


def _kernels() -> dict:
    """The compiled kernels: for which instruction set, from where, on whose threads."""
    from recurra import cells
    from recurra.backends.cpu import cache, library, processor
    from recurra.errors import BackendError, CellError

    openmp = "PyTorch's OpenMP threads" if library.parallel() else "one thread a layer: PyTorch's OpenMP was not found"
    problem = cache.problem()
    found = {
        "cache": f"{cache.shown()} ({f'not used: {problem}; set {cache.VARIABLE}' if problem else 'writable'})",
        "threads": openmp,
    }
    try:
        isa = processor.chosen()
    except BackendError as error:
        return found | {"instruction set": str(error)}
    forced = f", by {processor.VARIABLE}" if os.environ.get(processor.VARIABLE) else ""
    runs = ", ".join(one.name for one in processor.supported())
    found = {"instruction set": f"{isa.name}{forced} (this processor runs: {runs})"} | found
    where = {"core": cache.find(library.core_unit(), isa)}
    for name in cells.names():
        try:
            where[name] = cache.find(library.unit(cells.get(name))[0], isa)
        except CellError:
            where[name] = None
    kinds = {"prebuilt": [], "compiled here": [], "not compiled": []}
    for name, path in where.items():
        kind = "not compiled" if path is None else "prebuilt" if path.parent == cache.packaged() else "compiled here"
        kinds[kind].append(name)
    return found | {kind: names for kind, names in kinds.items() if names}


def _cells() -> list[dict]:
    """For each cell and kind of device, the backend of a plain layer, and why not a faster one."""
    import torch

    from recurra import cells, nn
    from recurra.errors import CompileWarning

    rows = []
    for device in ["cpu"] + ["cuda"] * torch.cuda.is_available():
        for name in cells.names():
            with warnings.catch_warnings():  # a cell without a kernel warns, but the table says so too
                warnings.simplefilter("ignore", CompileWarning)
                choice = nn.Recurrent(name, 8, 8, device=device).explain(torch.zeros(16, 1, 8, device=device))
            why = "; ".join(choice.passed_over.values())
            rows.append({"cell": name, "device": device, "backend": choice.name, "why": why or "the first choice"})
    return rows
